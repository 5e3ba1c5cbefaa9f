"""Addresses of one person, joined: "stop everything" at one is "stop everything" at all, whichever came first.

An opt-out and a join take the locks of everybody they touch before either reads what the other
writes: one of the two comes second, and sees the first. Joining only tightens: what was placed
stays when addresses are parted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, rfc3339
from forbear.core.keys import AddressKey, AddressKind, kind_of
from forbear.core.words import Channel, OptOutScope, mask
from forbear.gate.consent import check_key, every_address_key
from forbear.gate.contact import Refused
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope

MOST: Final = 50  # addresses of one person: all their locks are taken at once
REASON: Final = "opt-out at another address of the same person"
SPREADS: Final = (OptOutScope.ALL, OptOutScope.ALL_BUT_NEEDED, OptOutScope.DIRECT_MARKETING_OBJECTION)
"""What a person says of themself and not of one list, campaign or class: it holds at all their addresses."""


class Joined(NamedTuple):
    """The receipt of a join or a parting."""

    person: UUID
    events: list[UUID]
    placed: int  # suppressions that came over from the person's other addresses
    at: int
    seq: int


def join(
    conn: Connection,
    account: UUID,
    those: Sequence[str],
    reason: str,
    *,
    by: str,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Joined:
    """These addresses are one person's, and so are all that any of them was joined with. Raises `BadInput`, `Refused`.

    What the person said of themself at one of them is placed at all, from this moment on:
    only an opt-in later than the join lifts it.
    """
    gate = gate or opened()
    reason, by = said_why(reason), named(by)
    texts = [text.strip() for text in those]
    if len(texts) < 2:
        raise BadInput("one address is nobody's other", key="addresses", todo="name two or more")
    if len(texts) > MOST:
        raise BadInput(f"more than {MOST} addresses", key="addresses")
    keys = [_keys(text, gate, place) for place, text in enumerate(texts)]
    known_account = account_reads.account(conn, account)
    if known_account is None:
        raise Refused("unknown_account", "the account is not known")
    owners = [writes.NOBODY, account, *_ever_served(conn, account)]
    owners += [] if known_account.partner is None else [known_account.partner]
    with conn.transaction():
        check_key(conn, key, account)
        conn.execute(writes.SHARE_GATE.sql)  # a list places its stops under the gate alone, without people's locks
        known = lock(conn, account, [one for probes in keys for one in probes])
        now = writes.now(conn)
        person = min((one.person for one in known), default=columns.uuid_at(columns.new_ids(now, 1), 0))
        events: list[UUID] = []

        def record(address: AddressKey, text: str | None) -> None:
            event = writes.append_event(
                *(conn, now, Kind.ADDRESSES_JOINED, known_by),
                account=account,
                address=address,
                payload={"person": str(person), "reason": reason, "by": by},
                personal=None if text is None else {"address": text},
            )
            writes.join_address(conn, event, now, account, person, address)
            events.append(event)

        told = reads.events(conn, [one.id for one in known])
        for one in known:  # a second person turns out to be the first
            if one.person != person:
                event = writes.append_event(
                    *(conn, now, Kind.ADDRESSES_PARTED, known_by),
                    account=account,
                    address=one.address,
                    payload={"person": str(one.person), "reason": f"is {person}", "by": by},
                )
                writes.part_address(conn, event, now, one.id)
                events.append(event)
                record(one.address, told[one.id].part.get("address") if one.id in told else None)
        there = {(one.address.column, one.address.mac) for one in known}
        for text, probes in zip(texts, keys, strict=True):
            if not any((one.column, one.mac) in there for one in probes):
                record(probes[0], text)
                there.add((probes[0].column, probes[0].mac))
        if len(there) > MOST:
            raise BadInput(f"more than {MOST} addresses in all", key="addresses")
        if not events:
            raise BadInput("they are joined already", key="addresses")
        change = events[0]
        everybody = writes.members(conn, account, keys[0])
        placed = _bring_together(conn, account, _every_key(conn, everybody, gate), owners, known_by, now, change)
        seq = writes.number_change(conn, change)
    return Joined(person, events, placed, now, seq)


def part(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Joined:
    """This address is not that person's after all. What was placed at it stays. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    reason, by = said_why(reason), named(by)
    probes = every_address_key(address, gate)
    with conn.transaction():
        check_key(conn, key, account)
        known = lock(conn, account, probes)
        mine = {(one.column, one.mac) for one in probes}
        going = [one for one in known if (one.address.column, one.address.mac) in mine]
        if not going:
            raise BadInput("is joined with nothing", key="address")
        if len(known) - len(going) == 1:
            going = known  # the last one is nobody's other
        now = writes.now(conn)
        events = [
            writes.append_event(
                *(conn, now, Kind.ADDRESSES_PARTED, known_by),
                account=account,
                address=one.address,
                payload={"person": str(one.person), "reason": reason, "by": by},
                personal={"address": address.strip()} if (one.address.column, one.address.mac) in mine else None,
            )
            for one in going
        ]
        for event, one in zip(events, going, strict=True):
            writes.part_address(conn, event, now, one.id)
        seq = writes.number_change(conn, events[0])
    return Joined(going[0].person, events, 0, now, seq)


class Together(msgspec.Struct, frozen=True):
    """One address of a person."""

    person: UUID
    address: str | None  # None: the personal part was erased, or came with another join
    at: datetime
    reason: str
    by: str


def listed(
    conn: Connection, account: UUID, *, address: str | None = None, limit: int = 1000, gate: Gate | None = None
) -> list[Together]:
    """Who is joined, person by person, newest first; those of one address, if given."""
    where, values = "", []
    if address is not None:
        people = {one.person for one in writes.members(conn, account, every_address_key(address, gate or opened()))}
        where, values = " AND j.person = ANY(%s)", [list(people)]
    rows = conn.execute(
        "SELECT j.person, p.part, j.addr, j.at, e.payload FROM ledger_join j"  # noqa: S608 - a constant
        " JOIN ledger_event e ON e.id = j.event LEFT JOIN ledger_personal p ON p.event = j.event"
        f" WHERE j.account = %s AND j.parted_at IS NULL{where} ORDER BY j.person DESC, j.id LIMIT %s",
        [account, *values, limit],
    )
    return [
        Together(person, reads.address_in(part, addr), at, payload["reason"], payload["by"])
        for person, part, addr, at, payload in rows
    ]


# --- what opt-outs use ------------------------------------------------------------------------


class _JoinedMeanwhile(Exception):
    """Somebody was joined after we looked and before we had the locks."""


def lock(conn: Connection, account: UUID, keys: Sequence[AddressKey]) -> list[writes.Member]:
    """Locks these people and everybody joined with them, by rising key. Returns those who are joined.

    Inside a transaction, before any other person's lock. Where somebody was joined meanwhile, the
    savepoint is rolled back, which frees its locks, and all are taken again: never one out of order.
    """
    while True:
        known = writes.members(conn, account, keys)
        try:
            with conn.transaction():
                held = {one.column for one in keys} | {one.address.column for one in known}
                writes.lock_people(conn, np.array(sorted(held), np.int64))
                known = writes.members(conn, account, keys)
                if not {one.address.column for one in known} <= held:
                    raise _JoinedMeanwhile
                return known
        except _JoinedMeanwhile:
            continue


def spread(
    conn: Connection,
    account: UUID,
    cause: UUID,
    own: Sequence[AddressKey],
    known: Sequence[writes.Member],
    stop: writes.Stop,
    known_by: KnownBy,
    now: int,
    at: int,
    change: UUID,
) -> int:
    """Places what a person said at one address at their others, on every channel of each. Returns at how many.

    `own`: every key of the address it was said at. The caller holds the locks (`lock`).
    """
    if stop.covers not in _SPREAD_BITS or not stop.said:
        return 0
    mine = {(one.column, one.mac) for one in own}
    people = {one.person for one in known if (one.address.column, one.address.mac) in mine}
    others = [
        one.address for one in known if one.person in people and (one.address.column, one.address.mac) not in mine
    ]
    for address in others:
        place_joined(conn, account, cause, address, stop, known_by, now, at, change)
    return len(others)


def place_joined(
    conn: Connection,
    account: UUID,
    cause: UUID,
    address: AddressKey,
    stop: writes.Stop,
    known_by: KnownBy,
    now: int,
    at: int,
    change: UUID,
) -> None:
    """One suppression that follows from `cause`, the event at another address of the person."""
    covers = next(word for word in OptOutScope if word.bit == stop.covers)
    event = writes.append_event(
        *(conn, now, Kind.SUPPRESSION_PLACED, known_by),
        account=account,
        seller=stop.owner if stop.scope is Scope.SELLER else None,
        address=address,
        happened_at=at,
        payload={
            "reason": REASON,
            "cause": str(cause),
            "scope": stop.scope.name.lower(),
            "channels": [],
            "covers": covers.value,
            **({} if stop.until is None else {"until": rfc3339(stop.until)}),
        },
    )
    joined = stop._replace(channels=0, reason=REASON)
    writes.place_suppressions(conn, columns.ids_of([event]), addresses.of_keys([address]), joined, at, change)


# --- one person, whole --------------------------------------------------------------------------


_SPREAD_BITS: Final = frozenset(word.bit for word in SPREADS)
_NUMBERED: Final = mask((Channel.VOICE, Channel.SMS))


Whom = dict[tuple[int, bytes], AddressKey]
"""Every key by which something may be stored about an address -> the key it is joined under."""


def _every_key(conn: Connection, everybody: Sequence[writes.Member], gate: Gate) -> Whom:
    """Under older secrets too, where the personal part still has the address."""
    found: Whom = {}
    told = reads.events(conn, [one.id for one in everybody])
    for one in everybody:
        found[one.address.column, one.address.mac] = one.address
        text = told[one.id].part.get("address") if one.id in told else None
        for key in every_address_key(text, gate) if text else ():
            found.setdefault((key.column, key.mac), one.address)
    return found


def _bring_together(
    conn: Connection,
    account: UUID,
    of_member: Whom,
    owners: Sequence[UUID],
    known_by: KnownBy,
    now: int,
    change: UUID,
) -> int:
    """Every stop of the person at every address of theirs. Returns how many were placed."""
    rows = conn.execute(
        "SELECT id, addr, mac, scope, owner, channels, covers, until, way FROM ledger_suppression"
        " WHERE addr = ANY(%s) AND owner = ANY(%s) AND said AND lifted_at IS NULL AND covers = ANY(%s)"
        " AND (until IS NULL OR until > clock_timestamp()) ORDER BY id",
        [[column for column, _ in of_member], list(dict.fromkeys(owners)), sorted(_SPREAD_BITS)],
    ).fetchall()
    stops: dict[tuple[int, UUID, int, datetime | None], tuple[UUID, str]] = {}
    has: set[tuple[AddressKey, tuple[int, UUID, int, datetime | None]]] = set()
    for entry, addr, mac, scope, owner, channels, covers, until, way in rows:
        whose = (addr, bytes(mac or b""))
        if whose not in of_member:
            continue
        what = (scope, owner, covers, until)
        stops.setdefault(what, (entry, way))
        reach = Channel.EMAIL.bit if kind_of(addr) is AddressKind.EMAIL else _NUMBERED
        if not channels or channels & reach:
            has.add((of_member[whose], what))
    placed = 0
    for what, (entry, way) in stops.items():
        scope, owner, covers, until = what
        stop = writes.Stop(
            *(Scope(scope), owner, 0, covers, True, REASON),
            until=None if until is None else at_of(until),
            way=way,
        )
        for address in dict.fromkeys(of_member.values()):
            if (address, what) not in has:
                place_joined(conn, account, entry, address, stop, known_by, now, now, change)
                placed += 1
    return placed


def _ever_served(conn: Connection, account: UUID) -> list[UUID]:
    """Sellers the account serves or served: what was said to one of them still stands."""
    rows = conn.execute("SELECT seller_id FROM accounts_accountseller WHERE account_id = %s", [account])
    return [row[0] for row in rows]


def _keys(text: str, gate: Gate, place: int) -> list[AddressKey]:
    try:
        return every_address_key(text, gate)
    except BadInput as fault:
        fault.key = f"addresses[{place}]"
        raise


def said_why(text: str) -> str:
    text = text.strip()
    if not text or len(text) > 200 or "\0" in text:
        raise BadInput("not a reason", key="reason", todo="write 1 to 200 characters")
    return text


def named(by: str) -> str:
    by = by.strip()
    if not by or len(by) > 200 or "\0" in by:
        raise BadInput("nobody answers for it", key="by", todo="say who, in 1 to 200 characters")
    return by
