"""What became of a permitted contact. Only "not placed" gives the reserved cap back."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import moment_of
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.ledger import attempts, leaves, log, writes
from forbear.ledger.kinds import KnownBy, Leaf, Outcome
from forbear.tlog.merkle import leaf_hash


class Disposition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """As the dialler, carrier or mailer saw it. What it does not say is not known."""

    outcome: Outcome
    answered: bool | None = None
    conversation: bool | None = None
    abandoned: bool | None = None
    refused: bool | None = None  # the person said they want no further contact of this kind


class Settled(StrEnum):
    SETTLED = "settled"
    UNKNOWN = "unknown"  # the account has no such permit
    ALREADY = "already_settled"


_IMPLIED = {
    Outcome.ANSWERED: True,
    Outcome.MACHINE: False,
    Outcome.NO_ANSWER: False,
    Outcome.BUSY: False,
    Outcome.FAILED: False,
}


def settle(
    conn: Connection,
    account: UUID,
    permit: UUID,
    said: Disposition,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
) -> Settled:
    """Records it once. A permit that is never settled counts as an attempt."""
    answered = said.answered if said.answered is not None else _IMPLIED.get(said.outcome)
    if said.outcome is Outcome.NOT_PLACED and (answered or said.conversation or said.abandoned or said.refused):
        raise BadInput("a contact that was not placed was not answered either", key="outcome")
    with conn.transaction():
        if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")
        addr, packed = _locked(conn, account, permit)
        if addr is None:
            return Settled.UNKNOWN
        now = writes.now(conn)
        done = conn.execute(
            "INSERT INTO ledger_disposition VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                *(permit, moment_of(now), known_by.value, said.outcome.value),
                *(answered, said.conversation, said.abandoned, said.refused),
            ],
        )
        if done.rowcount == 0:
            return Settled.ALREADY
        whole = leaves.disposition_bytes(
            *(permit, now, known_by.value, said.outcome.value),
            *(answered, said.conversation, said.abandoned, said.refused),
        )
        log.queue(conn, Leaf.DISPOSITION, permit, leaf_hash(whole))
        if said.outcome is Outcome.NOT_PLACED:
            packed = attempts.without(packed, permit.bytes)
        else:
            known = heard = 0
            for bit, value in (
                (attempts.ANSWERED, answered),
                (attempts.CONVERSATION, said.conversation),
                (attempts.ABANDONED, said.abandoned),
                (attempts.REFUSED, said.refused),
                (attempts.UNREACHABLE, said.outcome in (Outcome.BUSY, Outcome.FAILED)),
            ):
                known |= bit if value is not None else 0
                heard |= bit if value else 0
            packed = attempts.settled(packed, permit.bytes, known, heard)
        conn.execute("UPDATE ledger_counter SET attempts = %s WHERE addr = %s", [packed, addr])
    return Settled.SETTLED


_PERMIT = "SELECT addr FROM ledger_permit WHERE id = %s AND account = %s"


def _locked(conn: Connection, account: UUID, permit: UUID) -> tuple[int | None, bytes]:
    """The key of the permit's person, locked, and their attempts; an erasure may change it while we wait."""
    row = conn.execute(_PERMIT, [permit, account]).fetchone()
    while row is not None:
        addr = int(row[0])
        packed = writes.lock_people(conn, np.array([addr], np.int64))[addr]
        row = conn.execute(_PERMIT, [permit, account]).fetchone()
        if row is not None and row[0] == addr:
            return addr, packed
        conn.execute("DELETE FROM ledger_counter WHERE addr = %s AND attempts = ''", [addr])
    return None, b""
