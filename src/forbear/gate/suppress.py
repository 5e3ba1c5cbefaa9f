"""The suppression list: whom an operator or a list says not to contact; lifted by name and with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.words import Channel, OptOutScope, mask
from forbear.gate import imports
from forbear.gate.consent import any_address_key, every_address_key, sellers_of
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope


class Placed(NamedTuple):
    event: UUID
    at: int
    seq: int


def place(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    seller: str | None = None,
    channels: Sequence[Channel] = (),
    covers: OptOutScope = OptOutScope.ALL,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Placed:
    """For the account, or for one seller wherever it sends from. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    reason = _reason(reason)
    if covers is OptOutScope.CAMPAIGN:
        raise BadInput("a list entry is for no campaign", key="covers", todo="record an opt-out")
    scope, owner = _owner(conn, account, seller)
    found = any_address_key(address, gate, 0)
    with conn.transaction():
        _check_key(conn, key, account)
        writes.lock_people(conn, np.array([found.column], np.int64))
        now = writes.now(conn)
        event = writes.append_event(
            *(conn, now, Kind.SUPPRESSION_PLACED, known_by),
            account=account,
            seller=owner if scope is Scope.SELLER else None,
            address=found,
            payload={"reason": reason, "by": by, "channels": list(channels), "covers": covers.value},
            personal={"address": address},
        )
        stop = writes.Stop(scope, owner, mask(channels), covers.bit, False, reason)
        writes.place_suppressions(conn, columns.ids_of([event]), addresses.of_keys([found]), stop, now, event)
        seq = writes.number_change(conn, event)
    return Placed(event, now, seq)


def lift(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    seller: str | None = None,
    key: UUID | None = None,
    gate: Gate | None = None,
) -> int:
    """A named, reasoned correction: lifts everything that stands in this scope. Returns how many entries."""
    gate = gate or opened()
    reason = _reason(reason)
    if not by.strip():
        raise BadInput("nobody answers for it", key="by", todo="say who lifts it")
    scope, owner = _owner(conn, account, seller)
    found = every_address_key(address, gate)
    with conn.transaction():
        _check_key(conn, key, account)
        writes.lock_people(conn, np.array([one.column for one in found], np.int64))
        now = writes.now(conn)
        event = writes.append_event(
            *(conn, now, Kind.SUPPRESSION_LIFTED, KnownBy.OPERATOR),
            account=account,
            seller=owner if scope is Scope.SELLER else None,
            address=found[0],
            payload={"reason": reason, "by": by.strip()},
            personal={"address": address},
        )
        lifted = sum(writes.lift_suppressions(conn, event, now, one, scope, owner, event) for one in found)
        writes.number_change(conn, event)
    return lifted


def listed(
    conn: Connection, account: UUID, *, address: str | None = None, after: UUID | None = None, limit: int = 100
) -> list[reads.Suppression]:
    """What binds the account, its own and its sellers', newest first, a page at a time; of one address, if given."""
    sellers = list(sellers_of(conn, account).values())
    if address is None:
        return reads.suppressions(conn, account, sellers, after=after, limit=limit)
    found = [
        row
        for one in every_address_key(address, opened())
        for row in reads.suppressions(
            conn, account, sellers, addr=one.column, mac=one.mac or None, after=after, limit=limit
        )
    ]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def import_csv(
    conn: Connection,
    account: UUID,
    path: Path,
    *,
    by: str,
    reason: str = "imported list",
    seller: str | None = None,
    said: bool = False,
    covers: OptOutScope = OptOutScope.ALL,
    columns_named: Mapping[str, str] | None = None,
    country: str | None = None,
    gate: Gate | None = None,
    tick: imports.Tick | None = None,
) -> imports.Imported:
    """A list, all or nothing. `said`: opt-outs that persons gave, not a list of ours. Raises `BadInput`.

    Columns: `address`, and of `channels` and `at` those that are there; `columns_named` maps
    these names to the file's. `country` is that of numbers without `+`.
    """
    gate = gate or opened()
    scope, owner = _owner(conn, account, seller)
    stop = writes.Stop(scope, owner, 0, covers.bit, said, _reason(reason))
    return imports.suppressions(conn, gate, account, stop, path, by, dict(columns_named or {}), country, tick)


def _owner(conn: Connection, account: UUID, seller: str | None) -> tuple[Scope, UUID]:
    if seller is None:
        return Scope.ACCOUNT, account
    known = sellers_of(conn, account)
    if seller not in known:
        raise BadInput("the account contacts people for no seller of this name", key="seller")
    return Scope.SELLER, known[seller]


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > 200 or "\0" in text:
        raise BadInput("not a reason", key="reason", todo="write 1 to 200 characters")
    return text


def _check_key(conn: Connection, key: UUID | None, account: UUID) -> None:
    if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
        raise Refused("key_revoked", "the API key was revoked")
