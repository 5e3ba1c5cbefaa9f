"""Consents as they stand and as they were recorded, and what was done on the strength of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection

_COLUMNS: Final = (
    "id, addr, account, sellers, level, given_at, given_day, until_day, channels, purposes, covers, evidence,"
    " names_seller, withdrawn_at, given_by_person, known_by, wording, promised_n, promised_days"
)


@dataclass(frozen=True, slots=True)
class Consent:
    """Masks are -1 where not known; days since 1970-01-01."""

    id: UUID
    addr: int
    account: UUID
    sellers: tuple[UUID, ...]
    level: int
    given_at: datetime | None
    given_day: int | None
    until_day: int | None
    channels: int
    purposes: int
    covers: int
    evidence: bool | None
    names_seller: bool | None
    withdrawn_at: datetime | None
    given_by_person: bool | None
    known_by: str
    wording: bytes | None
    promised_n: int | None
    promised_days: int | None


class Told(NamedTuple):
    """The event of a consent: what was said, when it was recorded, and what is personal, where it is still kept."""

    happened_at: datetime
    at: datetime  # when it was recorded
    known_by: str
    payload: Mapping[str, Any]
    personal: Mapping[str, Any] | None
    personal_hash: bytes | None


class Use(NamedTuple):
    """A contact that was allowed while the consent stood, within what it allows."""

    decision: UUID
    at: datetime
    channel: int
    purpose: int
    seller: UUID


def consents(
    conn: Connection,
    account: UUID,
    *,
    addr: int | None = None,
    mac: bytes | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Consent]:
    """What this account recorded, newest first, a page at a time."""
    where, values = ["account = %s"], [account]  # type: tuple[list[str], list[Any]]
    if addr is not None:
        where.append("addr = %s AND mac IS NOT DISTINCT FROM %s")
        values += [addr, mac]
    if after is not None:
        where.append("id < %s")
        values.append(after)
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM ledger_consent WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT %s",  # noqa: S608
        [*values, limit],
    )
    return [_consent(row) for row in rows]


def consent(conn: Connection, account: UUID, identity: UUID) -> Consent | None:
    """One that this account recorded."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM ledger_consent WHERE id = %s AND account = %s",  # noqa: S608
        [identity, account],
    ).fetchone()
    return None if row is None else _consent(row)


def of_seller(conn: Connection, addr: int, mac: bytes | None, sellers: Sequence[UUID]) -> list[Consent]:
    """What a person gave these sellers, whichever account recorded it, newest first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM ledger_consent WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND sellers && %s"  # noqa: S608
        " ORDER BY id DESC LIMIT 1000",
        [addr, mac, list(sellers)],
    )
    return [_consent(row) for row in rows]


def told(conn: Connection, identity: UUID) -> Told | None:
    """The event that gave a consent, with its personal part."""
    row = conn.execute(
        "SELECT e.happened_at, e.learnt_at, e.known_by, e.payload, p.part, e.personal_hash FROM ledger_event e"
        " LEFT JOIN ledger_personal p ON p.event = e.id WHERE e.id = %s",
        [identity],
    ).fetchone()
    if row is None:
        return None
    personal = None if row[4] is None else json.loads(bytes(row[4]))
    return Told(row[0], row[1], row[2], row[3], personal, None if row[5] is None else bytes(row[5]))


def ended_by(conn: Connection, identity: UUID, addr: int) -> UUID | None:
    """The event that took a consent back, where it says so."""
    row = conn.execute(
        "SELECT id FROM ledger_event WHERE addr = %s AND id > %s AND kind = 'consent:withdrawn'"
        " AND payload -> 'ended' ? %s ORDER BY id LIMIT 1",
        [addr, identity, str(identity)],
    ).fetchone()
    return None if row is None else row[0]


def uses(conn: Connection, one: Consent, *, after: UUID | None = None, limit: int = 100) -> list[Use]:
    """Contacts of the account's that were allowed while it stood, newest first, a page at a time.

    It stood from the moment it was recorded (its id) until it was withdrawn or, a day late at most, ran out.
    """
    rows = conn.execute(
        "SELECT d.id, d.at, d.channel, d.purpose, d.seller FROM ledger_decision d JOIN ledger_consent c ON c.id = %s"
        " WHERE d.addr = c.addr AND d.mac IS NOT DISTINCT FROM c.mac AND d.id > c.id AND d.account = c.account"
        " AND d.seller = ANY(c.sellers) AND d.verdict = 0 AND (c.withdrawn_at IS NULL OR d.at < c.withdrawn_at)"
        " AND d.at < date '1970-01-01' + least(coalesce(c.until_day, 1000000), 1000000) + 1"
        " AND (c.channels = -1 OR d.channel & c.channels <> 0) AND (c.purposes = -1 OR d.purpose & c.purposes <> 0)"
        " AND (%s::uuid IS NULL OR d.id < %s) ORDER BY d.id DESC LIMIT %s",
        [one.id, after, after, limit],
    )
    return [Use(*row) for row in rows]


def _consent(row: Sequence[Any]) -> Consent:
    values = [*row]
    values[3] = tuple(row[3])
    values[16] = None if row[16] is None else bytes(row[16])
    return Consent(*values)
