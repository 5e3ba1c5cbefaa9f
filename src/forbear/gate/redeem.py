"""Spend a permit, at the moment of contact: once, in time, and only if nothing has been said since.

Suppressions, opt-outs and holds are read again under the person's lock, which whoever
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
from forbear.core.instants import at_of, moment_of
from forbear.core.uuid7 import made_at
from forbear.core.words import Purpose
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.gather import AccountFacts, SellerFacts, Sender, binds, covers_contact
from forbear.ledger import attempts, columns, writes

_EXEMPT: Final = Purpose.EMERGENCY.bit | Purpose.OPTOUT_CONFIRMATION.bit


class Spent(StrEnum):
    """How a redemption came out. Only `redeemed` lets the contact go."""

    REDEEMED = "redeemed"
    UNKNOWN = "unknown"  # the account has no such permit
    EXPIRED = "expired"
    ALREADY = "already_redeemed"
    SETTLED = "settled"  # its disposition was recorded before
    SUPPRESSED = "suppressed"  # the person, or a list, said no since it was issued
    HELD = "held"  # the account or seller was stopped since


class Redeemed(msgspec.Struct, kw_only=True):
    permit: UUID
    outcome: Spent
    at: int  # microseconds UTC: when it was redeemed now or before, else when it was tried


def redeem(conn: Connection, account: UUID, permits: Sequence[UUID], key: UUID | None = None) -> list[Redeemed]:
    """One outcome for each permit, in order. Raises `Refused` for a key revoked meanwhile."""
    with conn.transaction():
        known = {row[0]: row for row in conn.execute(_PERMITS, [list(permits), account], binary=True)}
        people = np.array(sorted({row[1] for row in known.values()}), np.int64)
        column = columns.int8s(people)
        with conn.pipeline():
            conn.execute(writes.SHARE_GATE)
            locked = conn.execute(writes.LOCK_READ, [column], binary=True)
            clock = conn.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", binary=True)
            allowed_key = conn.execute(KEY_STANDS, [key, account], binary=True)
            standing = conn.execute("SELECT status = 'active' FROM accounts_account WHERE id = %s", [account])
            holds = conn.execute(
                "SELECT account_id, seller_id FROM accounts_hold"
                " WHERE lifted_at IS NULL AND (until IS NULL OR until > clock_timestamp())",
                binary=True,
            )
            spent = conn.execute("SELECT permit, at FROM ledger_redemption WHERE permit = ANY(%s)", [list(known)])
            settled = conn.execute("SELECT permit FROM ledger_disposition WHERE permit = ANY(%s)", [list(known)])
            stops = conn.execute(_STOPS, [column], binary=True)
        packed = {row[0]: bytes(row[1]) for row in locked}
        now = int((clock.fetchone() or (0,))[0])
        if key is not None and allowed_key.fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")
        state = _State(
            now=now,
            active=(standing.fetchone() or (False,))[0],
            holds=[(row[0], row[1]) for row in holds],
            spent={row[0]: at_of(row[1]) for row in spent},
            settled={row[0] for row in settled},
            stops=stops.fetchall(),
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
        if fresh:
            changed = sorted({known[permit][1] for permit in fresh})
            with conn.pipeline():
                conn.execute(
                    "INSERT INTO ledger_redemption SELECT unnest(%s), %s", [columns.uuids(fresh), moment_of(now)]
                )
                conn.execute(
                    "UPDATE ledger_counter c SET attempts = u.attempts FROM unnest(%s, %s) AS u (addr, attempts)"
                    " WHERE c.addr = u.addr",
                    [columns.int8s(changed), columns.byteas([packed[addr] for addr in changed])],
                )
    return results


_PERMITS: Final = (
    "SELECT id, addr, mac, seller, seller_number, channel, purpose, marketing, campaign, issued_at, expires_at"
    " FROM ledger_permit WHERE id = ANY(%s) AND account = %s"
)
_STOPS: Final = (
    "SELECT id, addr, mac, scope, owner, channels, covers, campaign, last_at FROM ledger_suppression"
    " WHERE addr = ANY(%s) AND lifted_at IS NULL"
)


class _State(msgspec.Struct):
    now: int
    active: bool
    holds: list[tuple[UUID | None, UUID | None]]
    spent: dict[UUID, int]
    settled: set[UUID]
    stops: list[Any]


def _outcome(account: UUID, permit: Any, state: _State) -> tuple[Spent, int]:
    if permit is None:
        return Spent.UNKNOWN, state.now
    identity, addr, mac, seller, number, channel, purpose, marketing, campaign, issued_at, expires_at = permit
    if identity in state.spent:
        return Spent.ALREADY, state.spent[identity]
    if identity in state.settled:
        return Spent.SETTLED, state.now
    if state.now >= at_of(expires_at):
        return Spent.EXPIRED, state.now
    if not state.active or any((a is None and s is None) or a == account or s == seller for a, s in state.holds):
        return Spent.HELD, state.now
    if purpose & _EXEMPT:
        return Spent.REDEEMED, state.now
    sender = Sender(AccountFacts(account, True, ()), SellerFacts(seller, number, "", None, None, None))
    issued = at_of(issued_at)
    for event, stop_addr, stop_mac, scope, owner, channels, covers, stop_campaign, last_at in state.stops:
        # what stood when the permit was issued was judged then, with the consents that may lift it
        since = made_at(event) >= issued // 1000 * 1000 or at_of(last_at) >= issued
        if (
            since
            and stop_addr == addr
            and (stop_mac is None or mac is None or bytes(stop_mac) == bytes(mac))
            and binds(scope, owner, sender)
            and covers_contact(channels, covers, stop_campaign, channel, marketing, campaign)
        ):
            return Spent.SUPPRESSED, state.now
    return Spent.REDEEMED, state.now
