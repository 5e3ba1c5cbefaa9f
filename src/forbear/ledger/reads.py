"""What the ledger knows, as plain values and columns. Reads for people are scoped to one account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.keys import AddressKey, phone_of
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.ledger.writes import NOBODY

_CHUNK: Final = 50_000


def caught_up(conn: Connection) -> int:
    """The last change to suppressions, consents or relationships, by number; every smaller one is visible with it."""
    row = conn.execute("SELECT coalesce(max(seq), 0) FROM ledger_change").fetchone()
    assert row is not None
    return int(row[0])


class SuppressedKeys(NamedTuple):
    """Standing suppressions that bind an account or its sellers, as columns for a key set."""

    addr: npt.NDArray[np.int64]
    channels: npt.NDArray[np.int16]  # mask; 0 every channel
    covers: npt.NDArray[np.int16]  # `OptOutScope` bit
    said: npt.NDArray[np.bool_]
    at: npt.NDArray[np.int64]  # the last time it was said


def suppressed_keys(conn: Connection, account: UUID, sellers: Sequence[UUID]) -> Iterator[SuppressedKeys]:
    """In chunks, through a cursor of the transaction the caller is in (so that `caught_up` is of the same snapshot)."""
    owners = [NOBODY, account, *sellers]
    with conn.cursor(name="suppressed_keys", binary=True) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(
            "SELECT addr, channels, covers, said, (extract(epoch FROM last_at) * 1000000)::bigint"
            " FROM ledger_suppression WHERE lifted_at IS NULL AND owner = ANY(%s)",
            [owners],
        )
        while rows := cursor.fetchmany(_CHUNK):
            addr, channels, covers, said, at = zip(*rows, strict=True)
            yield SuppressedKeys(
                np.array(addr, np.int64),
                np.array(channels, np.int16),
                np.array(covers, np.int16),
                np.array(said, bool),
                np.array(at, np.int64),
            )


@dataclass(frozen=True, slots=True)
class Suppression:
    id: UUID
    addr: int
    mac: bytes | None
    scope: int
    owner: UUID
    channels: int
    covers: int
    campaign: int  # hashes of the words; 0 none
    list: int
    said: bool
    imported: bool
    reason: str
    at: datetime
    last_at: datetime
    until: datetime | None
    way: str
    lifted_at: datetime | None
    lifted_by: UUID | None  # the event


_SUPPRESSION: Final = (
    "id, addr, mac, scope, owner, channels, covers, campaign, list, said, imported, reason, at, last_at, until, way,"
    " lifted_at, lifted_by"
)


def suppressions(
    conn: Connection,
    account: UUID,
    sellers: Sequence[UUID],
    *,
    addr: int | None = None,
    mac: bytes | None = None,
    after: UUID | None = None,
    limit: int = 100,
    standing: bool = True,
    partner: UUID | None = None,
) -> list[Suppression]:
    """What binds this account, newest first, a page at a time (`after`: the last id of the page before)."""
    owners = [NOBODY, account, *sellers, *([] if partner is None else [partner])]
    where, values = _page("owner = ANY(%s)", owners, addr, mac, after)
    if standing:
        where.append("lifted_at IS NULL")
    rows = conn.execute(
        f"SELECT {_SUPPRESSION}"  # noqa: S608
        f" FROM ledger_suppression WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT %s",
        [*values, limit],
    )
    return [Suppression(*row) for row in rows]


def suppressions_of(conn: Connection, scope: Scope, owner: UUID, address: AddressKey) -> list[Suppression]:
    """What stands for this address in exactly this scope, oldest first."""
    rows = conn.execute(
        f"SELECT {_SUPPRESSION} FROM ledger_suppression"  # noqa: S608 - a constant
        " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND scope = %s AND owner = %s AND lifted_at IS NULL"
        " ORDER BY id",
        [address.column, address.mac or None, int(scope), owner],
    )
    return [Suppression(*row) for row in rows]


def suppressions_by_id(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, Suppression]:
    rows = conn.execute(
        f"SELECT {_SUPPRESSION} FROM ledger_suppression WHERE id = ANY(%s)",  # noqa: S608 - a constant
        [list(ids)],
    )
    return {row[0]: Suppression(*row) for row in rows}


def placed_by(conn: Connection, account: UUID, rows: Sequence[Suppression]) -> list[Suppression]:
    """Those that this account alone placed: not an operator, and no other account of the same seller as well."""
    found = conn.execute(
        "SELECT s.id FROM ledger_suppression s JOIN ledger_event e ON e.id = s.id"
        " WHERE s.id = ANY(%(ids)s) AND e.account = %(account)s AND e.known_by <> %(operator)s AND NOT EXISTS ("
        "  SELECT FROM ledger_event o WHERE o.addr = s.addr AND o.mac IS NOT DISTINCT FROM s.mac AND o.id > s.id"
        "  AND o.kind = %(placed)s AND o.seller IS NOT DISTINCT FROM e.seller"
        "  AND (o.account IS DISTINCT FROM e.account AND o.seller IS NOT NULL OR o.known_by = %(operator)s))",
        {
            "ids": [row.id for row in rows],
            "account": account,
            "operator": KnownBy.OPERATOR.value,
            "placed": Kind.SUPPRESSION_PLACED.value,
        },
    )
    mine = {row[0] for row in found}
    return [row for row in rows if row.id in mine]


class Told(NamedTuple):
    """An event, and what its personal part still says."""

    kind: Kind
    known_by: KnownBy
    account: UUID | None
    payload: dict[str, Any]
    part: dict[str, Any]


def events(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, Told]:
    """Events by id, with their personal parts."""
    rows = conn.execute(
        "SELECT e.id, e.kind, e.known_by, e.account, e.payload, p.part FROM ledger_event e"
        " LEFT JOIN ledger_personal p ON p.event = e.id WHERE e.id = ANY(%s)",
        [list(dict.fromkeys(ids))],
    )
    return {
        row[0]: Told(Kind(row[1]), KnownBy(row[2]), row[3], row[4], json.loads(row[5]) if row[5] else {})
        for row in rows
    }


def _page(
    whose: str, owner: object, addr: int | None, mac: bytes | None, after: UUID | None
) -> tuple[list[str], list[Any]]:
    """What narrows a page to its owner, to one address and to what comes after an id: conditions and their values."""
    where, values = [whose], [owner]
    if addr is not None:
        where.append("addr = %s AND mac IS NOT DISTINCT FROM %s")
        values += [addr, mac]
    if after is not None:
        where.append("id < %s")
        values.append(after)
    return where, values


@dataclass(frozen=True, slots=True)
class Relationship:
    id: UUID
    addr: int
    seller: UUID
    kind: int
    on_day: int | None
    ongoing: bool | None
    subject: int
    given_by_person: bool | None
    ended_at: datetime | None


def relationships(
    conn: Connection,
    account: UUID,
    *,
    addr: int | None = None,
    mac: bytes | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Relationship]:
    """What this account recorded, newest first, a page at a time."""
    where, values = _page("account = %s", account, addr, mac, after)
    rows = conn.execute(
        "SELECT id, addr, seller, kind, on_day, ongoing, subject, given_by_person, ended_at"  # noqa: S608
        f" FROM ledger_relationship WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT %s",
        [*values, limit],
    )
    return [Relationship(*row) for row in rows]


def personal(conn: Connection, event: UUID) -> bytes | None:
    """The personal part of an event; None where it was erased or there was none."""
    row = conn.execute("SELECT part FROM ledger_personal WHERE event = %s", [event]).fetchone()
    return bytes(row[0]) if row else None


def address_in(part: bytes | None, addr: int) -> str | None:
    """An address as it can be written: a number by its key, another from the personal part that still holds it."""
    number = phone_of(addr)
    if number is not None:
        return f"+{number}"
    found = None if part is None else json.loads(part).get("address")
    return found if isinstance(found, str) and found else None


def known_address(conn: Connection, account: UUID, addr: int, mac: bytes | None) -> str | None:
    """An address as this account once wrote it, where any personal part of its events still has it."""
    number = phone_of(addr)
    if number is not None:
        return f"+{number}"
    row = conn.execute(
        "SELECT p.part FROM ledger_event e JOIN ledger_personal p ON p.event = e.id"
        " WHERE e.addr = %s AND e.mac IS NOT DISTINCT FROM %s AND e.account = %s"
        ' AND position(\'"address":"\'::bytea IN p.part) > 0 ORDER BY e.id LIMIT 1',
        [addr, mac, account],
    ).fetchone()
    return None if row is None else address_in(row[0], addr)
