"""Spend a permit, at the moment of contact: once, in time, and only if nothing has been said since.

Suppressions, opt-outs, ended dealings and holds are read again under the person's lock, which whoever
records an opt-out takes as well: after an opt-out was acknowledged no permit of that person
is redeemed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.instants import at_of
from forbear.core.keys import Secret, is_erased, phone_of
from forbear.core.uuid7 import made_at
from forbear.core.words import Purpose
from forbear.gate import gather
from forbear.gate.claims import erased_keys, is_erased_form
from forbear.gate.contact import Refused
from forbear.gate.gather import AccountFacts, Reach, SellerFacts, Sender, binds, covers_contact
from forbear.gate.opened import opened
from forbear.ledger import attempts, columns, leaves, writes
from forbear.ledger.trip import MOMENT_OID, UUID_OID, Statement, Trip, number, raw, roll_back, truth, uuid_of, uuids

_EXEMPT: Final = Purpose.EMERGENCY.bit | Purpose.OPTOUT_CONFIRMATION.bit


class Spent(StrEnum):
    """How a redemption came out. Only `redeemed` lets the contact go."""

    REDEEMED = "redeemed"
    UNKNOWN = "unknown"  # the account has no such permit
    EXPIRED = "expired"
    ALREADY = "already_redeemed"
    SETTLED = "settled"  # its disposition was recorded before
    SUPPRESSED = "suppressed"  # since it was issued somebody said no, took a consent back, or ended a dealing
    HELD = "held"  # the account or seller was stopped since


class Redeemed(msgspec.Struct, kw_only=True):
    permit: UUID
    outcome: Spent
    at: int  # microseconds UTC: when it was redeemed now or before, else when it was tried


def redeem(conn: Connection, account: UUID, permits: Sequence[UUID], key: UUID | None = None) -> list[Redeemed]:
    """One outcome for each permit, in order. Raises `Refused` for a key revoked meanwhile."""
    known = {row[0]: row for row in conn.execute(_PERMITS, [list(permits), account], binary=True)}
    people = columns.int8s(sorted({row[1] for row in known.values()}))
    numbers = {addr: number for row in known.values() if (number := phone_of(addr := row[1])) is not None}
    secrets = opened().secrets
    forms = {  # the number was erased by another account: what was said before then stands under these keys
        key: (addr, number)
        for addr, number in numbers.items()
        for key in erased_keys(np.array([number], np.uint64), secrets).ravel().tolist()
    }
    probes = columns.int8s(sorted({*(row[1] for row in known.values()), *forms}))
    ids = columns.uuids(list(known))
    reading = Trip(conn)
    reading.begin()
    reading.add(writes.SHARE_GATE)
    locked = reading.add(writes.LOCK_READ, people)
    clock = reading.add(writes.CLOCK)
    keys = reading.add(gather.KEYS, columns.uuids([key] if key else []))
    active = reading.add(_ACTIVE, account.bytes)
    holds = reading.add(gather.READ_HOLDS)
    spent = reading.add(_SPENT, ids)
    settled = reading.add(_SETTLED, ids)
    stops = reading.add(_STOPS, probes)
    withdrawn = reading.add(_WITHDRAWN, people, account.bytes)
    try:
        rows = reading.go()
        now: int = rows[clock][0][0]
        if key is not None and rows[keys] != [(key, account)]:
            raise Refused("key_revoked", "the API key was revoked")
        packed: dict[int, bytes] = dict(rows[locked])
        state = _State(
            now=now,
            active=bool(rows[active] and rows[active][0][0]),
            partner=rows[active][0][1] if rows[active] else None,
            holds=[(row[0], row[1]) for row in rows[holds]],
            spent=dict(rows[spent]),
            settled={row[0] for row in rows[settled]},
            stops=[_as_number(row, forms, secrets) for row in rows[stops]],
            locked=frozenset(packed),
            withdrawn=rows[withdrawn],
        )
        results: list[Redeemed] = []
        fresh: list[UUID] = []
        for permit in permits:
            outcome, at = _outcome(account, known.get(permit), state)
            if outcome is Spent.REDEEMED:
                fresh.append(permit)
                state.spent[permit] = now
                addr = known[permit][1]
                packed[addr] = attempts.redeemed(packed[addr], permit.bytes, now)
            results.append(Redeemed(permit=permit, outcome=outcome, at=at))
        writing = Trip(conn)
        if fresh:
            changed = sorted({known[permit][1] for permit in fresh})
            hashes = leaves.redemption_hashes([permit.bytes for permit in fresh], now)
            writing.add(_REDEEM, columns.uuids(fresh), columns.moment(now), columns.byteas(hashes))
            writing.add(_COUNT, columns.int8s(changed), columns.byteas([packed[addr] for addr in changed]))
        writing.commit()
        writing.go()
    except BaseException:
        roll_back(conn)
        raise
    return results


_ACTIVE: Final = Statement(
    "account_active",
    "SELECT status = 'active', partner_id FROM accounts_account WHERE id = $1",
    (UUID_OID,),
    (truth, uuid_of),
)
_SPENT: Final = Statement(
    "redeemed",
    "SELECT permit, (extract(epoch FROM at) * 1000000)::bigint FROM ledger_redemption WHERE permit = ANY($1)",
    (columns.Uuid.array_oid,),
    (uuid_of, number),
)
_SETTLED: Final = Statement(
    "settled", "SELECT permit FROM ledger_disposition WHERE permit = ANY($1)", (columns.Uuid.array_oid,), (uuid_of,)
)
_STOPS: Final = Statement(
    "stops",
    "SELECT id, addr, mac, scope, owner, channels, covers, campaign, (extract(epoch FROM last_at) * 1000000)::bigint,"
    " list, (extract(epoch FROM until) * 1000000)::bigint FROM ledger_suppression"
    " WHERE addr = ANY($1) AND lifted_at IS NULL",
    (columns.Int8.array_oid,),
    (uuid_of, number, raw, number, uuid_of, number, number, number, number, number, number),
)
_WITHDRAWN: Final = Statement(
    "withdrawn",
    "SELECT addr, mac, sellers, channels, (extract(epoch FROM withdrawn_at) * 1000000)::bigint FROM ledger_consent"
    " WHERE addr = ANY($1) AND withdrawn_at > now() - interval '1 hour'"
    " UNION ALL SELECT addr, mac, ARRAY[seller], -1, (extract(epoch FROM ended_at) * 1000000)::bigint"
    " FROM ledger_relationship WHERE addr = ANY($1) AND account = $2 AND ended_at > now() - interval '1 hour'",
    (columns.Int8.array_oid, UUID_OID),
    (number, raw, uuids, number, number),
)
_REDEEM: Final = Statement(
    "redeem",
    "WITH r AS (INSERT INTO ledger_redemption SELECT unnest($1), $2)"
    " INSERT INTO ledger_logqueue (kind, source, hash) SELECT 4, * FROM unnest($1, $3)",
    (columns.Uuid.array_oid, MOMENT_OID, columns.Bytea.array_oid),
)
_COUNT: Final = Statement(
    "redeem_counters",
    "UPDATE ledger_counter c SET attempts = u.attempts FROM unnest($1, $2) AS u (addr, attempts) WHERE c.addr = u.addr",
    (columns.Int8.array_oid, columns.Bytea.array_oid),
)
_PERMITS: Final = (
    "SELECT id, addr, mac, seller, seller_number, channel, purpose, marketing, campaign, list, issued_at, expires_at"
    " FROM ledger_permit WHERE id = ANY(%s) AND account = %s"
)


def _as_number(stop: Any, forms: dict[int, tuple[int, int]], secrets: Sequence[Secret]) -> Any:
    """A stop that stands under an erased key of one of the numbers, as a stop of that number."""
    identity, addr, mac, *rest = stop
    if addr in forms:
        number_key, number = forms[addr]
        if is_erased_form(number, addr, mac, secrets):
            return (identity, number_key, None, *rest)
    return stop


class _State(msgspec.Struct):
    now: int
    active: bool
    partner: UUID | None
    holds: list[tuple[UUID | None, UUID | None]]
    spent: dict[UUID, int]
    settled: set[UUID]
    stops: list[Any]
    withdrawn: list[Any]
    locked: frozenset[int]


def _outcome(account: UUID, permit: Any, state: _State) -> tuple[Spent, int]:
    if permit is None:
        return Spent.UNKNOWN, state.now
    identity, addr, mac, seller, number, channel, purpose, marketing, campaign, of_list, issued_at, expires_at = permit
    if identity in state.spent:
        return Spent.ALREADY, state.spent[identity]
    if identity in state.settled:
        return Spent.SETTLED, state.now
    if state.now >= at_of(expires_at):
        return Spent.EXPIRED, state.now
    if not state.active or any((a is None and s is None) or a == account or s == seller for a, s in state.holds):
        return Spent.HELD, state.now
    if is_erased(addr) or addr not in state.locked:  # the person was erased since it was issued
        return Spent.SUPPRESSED, state.now
    if purpose & _EXEMPT:
        return Spent.REDEEMED, state.now
    contact = Reach(channel, purpose, marketing, campaign, of_list)
    sender = Sender(
        AccountFacts(account, True, (), partner=state.partner), SellerFacts(seller, number, "", None, None, None)
    )
    issued = at_of(issued_at)

    def same(other_addr: int, other_mac: bytes | None) -> bool:
        return bool(other_addr == addr and (other_mac is None or mac is None or other_mac == bytes(mac)))

    for event, stop_addr, stop_mac, scope, owner, channels, covers, stop_campaign, last_at, *rest in state.stops:
        stop_list, until = rest
        # what stood when the permit was issued was judged then, with the consents that may lift it
        since = made_at(event) >= issued // 1000 * 1000 or last_at >= issued
        if (
            since
            and (until is None or state.now < until)
            and same(stop_addr, stop_mac)
            and binds(scope, owner, sender)
            and covers_contact(channels, covers, stop_campaign, stop_list, contact)
        ):
            return Spent.SUPPRESSED, state.now
    for other_addr, other_mac, sellers, channels, withdrawn_at in state.withdrawn:
        if withdrawn_at >= issued and same(other_addr, other_mac) and seller in sellers and channels & channel:
            return Spent.SUPPRESSED, state.now
    return Spent.REDEEMED, state.now
