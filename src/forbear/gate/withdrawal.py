"""A part of what was agreed to is taken back, or wanted less often, inside a transaction that changes more.

`gate.consent.withdraw` is the whole use case; here are its steps for a choice that is saved together with others. The
caller holds the person's lock and numbers the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.keys import AddressKey
from forbear.core.words import Channel, Purpose
from forbear.gate import consent
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.writes.consents import Promise


def take_back(
    conn: Connection,
    account: UUID,
    address: AddressKey,
    sellers: Sequence[UUID],
    channels: int,
    purposes: int,
    now: int,
    change: UUID,
    *,
    known_by: KnownBy,
) -> list[UUID]:
    """Ends the consents these masks reach (0 is every one); what was not taken back is kept. Returns what ended."""
    reached = writes.standing_consents(conn, address, sellers, channels, purposes)
    if not reached:
        return []
    ended = [one.id for one in reached]
    event = writes.append_event(
        *(conn, now, Kind.CONSENT_WITHDRAWN, known_by),
        account=account,
        address=address,
        payload={
            "sellers": [str(one) for one in sellers],
            "channels": [word.value for word in Channel if channels & word.bit],
            "purposes": [word.value for word in Purpose if purposes & word.bit],
            "ended": [str(one) for one in ended],
        },
    )
    writes.end_consents(conn, now, ended, change)
    for one in reached:
        for left in consent.remainders(one, sellers, channels, purposes):
            consent.keep_remainder(conn, now, address, one, left, event)
    return ended


def promise_less(conn: Connection, consents: Sequence[UUID], promise: Promise, change: UUID) -> None:
    """These consents, as the person now wants it, allow no more than `promise`; one that allows less stays."""
    conn.execute(
        "UPDATE ledger_consent SET promised_n = %s, promised_days = %s, change = %s WHERE id = ANY(%s)"
        " AND withdrawn_at IS NULL AND (promised_n IS NULL OR promised_n * %s > %s * promised_days)",
        [promise.n, promise.days, change, list(consents), promise.days, promise.n],
    )
