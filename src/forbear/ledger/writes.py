"""One function per fact that can be recorded. The caller holds the transaction; moments are microseconds UTC.

Locks are taken in one order: the gate (shared by deciders, alone for a list), then people by
rising key, then the number of the change. Whoever keeps to it cannot deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from os import urandom
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.canonical import canonical
from forbear.core.instants import MISSING, moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns
from forbear.ledger.addresses import Addresses, of_keys, some
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.ledger.trip import Statement, Trip, number, raw

NOBODY: Final = UUID(int=0)
Moments = npt.NDArray[np.int64]

SHARE_GATE: Final = Statement("share_gate", "SELECT pg_advisory_xact_lock_shared(hashtext('ledger_gate'))")
LOCK_NEW: Final = Statement(
    "lock_new",
    "INSERT INTO ledger_counter (addr) SELECT a FROM unnest($1) AS a ORDER BY a ON CONFLICT (addr) DO NOTHING",
    (columns.Int8.array_oid,),
)
LOCK_READ: Final = Statement(
    "lock_read",
    "SELECT addr, attempts FROM ledger_counter WHERE addr = ANY($1) ORDER BY addr FOR NO KEY UPDATE",
    (columns.Int8.array_oid,),
    (number, raw),
)
CLOCK: Final = Statement("clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", (), (number,))


def now(conn: Connection) -> int:
    """The database's clock."""
    row = conn.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
    assert row is not None
    return int(row[0])


def lock_people(conn: Connection, addrs: npt.NDArray[np.int64]) -> dict[int, bytes]:
    """Locks these people's rows, making those that are new. Returns each one's packed attempts."""
    column = columns.int8s(np.unique(addrs))
    trip = Trip(conn)
    trip.add(LOCK_NEW, column)
    locked = trip.add(LOCK_READ, column)
    return dict(trip.go()[locked])


def close_gate(conn: Connection) -> None:
    """Waits until nobody decides, and lets nobody begin before this transaction ends. For lists: call it last."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('ledger_gate'))")


def number_change(conn: Connection, change: UUID) -> int:
    """Numbers what this transaction changed. INVARIANT: nothing but the commit follows."""
    row = conn.execute("SELECT ledger_number_change(%s)", [change]).fetchone()
    assert row is not None
    return int(row[0])


def keep_personal(conn: Connection, events: Sequence[UUID], parts: Sequence[Mapping[str, object]]) -> list[bytes]:
    """Stores the personal parts apart. Returns the hashes that go into the events."""
    salts = [urandom(32) for _ in events]
    bodies = [canonical(part) for part in parts]
    if events:
        conn.execute(
            "INSERT INTO ledger_personal (event, salt, part) SELECT * FROM unnest(%s, %s, %s)",
            [columns.uuids(events), columns.byteas(salts), columns.byteas(bodies)],
        )
    return [sha256(salt + body).digest() for salt, body in zip(salts, bodies, strict=True)]


def append_event(
    conn: Connection,
    at: int,
    kind: Kind,
    known_by: KnownBy,
    *,
    account: UUID | None = None,
    seller: UUID | None = None,
    address: AddressKey | None = None,
    happened_at: int | None = None,
    payload: Mapping[str, object] | None = None,
    personal: Mapping[str, object] | None = None,
) -> UUID:
    """One event. `payload` holds nothing personal; `personal` is stored apart under a salt of its own."""
    event = columns.uuid_at(columns.new_ids(at, 1), 0)
    hashed = keep_personal(conn, [event], [personal])[0] if personal else None
    conn.execute(
        "INSERT INTO ledger_event (id, kind, happened_at, learnt_at, known_by, account, seller, addr, key_id, mac,"
        " payload, personal_hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            event,
            kind.value,
            moment_of(at if happened_at is None else happened_at),
            moment_of(at),
            known_by.value,
            account,
            seller,
            address.column if address else None,
            address.secret_id if address else 0,
            (address.mac or None) if address else None,
            json.dumps(payload or {}),
            hashed,
        ],
    )
    return event


def append_events(
    conn: Connection,
    at: int,
    kind: Kind,
    known_by: KnownBy,
    addresses: Addresses,
    happened: Moments | int,
    payload: Mapping[str, object],
    *,
    account: UUID | None,
    seller: UUID | None,
    hashes: Sequence[bytes | None] | None = None,
    ids: columns.Ids | None = None,
) -> columns.Ids:
    """One event for each address, alike but for the address and when it happened. Returns their ids."""
    n = len(addresses.addr)
    if ids is None:
        ids = columns.new_ids(at, n)
    conn.execute(
        "INSERT INTO ledger_event (id, kind, happened_at, learnt_at, known_by, account, seller, addr, key_id, mac,"
        " payload, personal_hash) SELECT id, %s, happened, %s, %s, %s, %s, addr, key_id, mac, %s::jsonb, hash"
        " FROM unnest(%s, %s, %s, %s, %s, %s) AS u (id, happened, addr, key_id, mac, hash)",
        [
            *(kind.value, moment_of(at), known_by.value, account, seller, json.dumps(payload)),
            columns.uuids(ids),
            columns.moments(np.broadcast_to(np.asarray(happened, np.int64), (n,))),
            columns.int8s(addresses.addr),
            columns.int2s(addresses.key_id),
            addresses.mac_column,
            columns.byteas(hashes if hashes is not None else [None] * n),
        ],
    )
    return ids


class Stop(NamedTuple):
    """What several suppressions have in common."""

    scope: Scope
    owner: UUID  # `NOBODY` for the installation
    channels: int  # mask; 0 every channel
    covers: int  # `OptOutScope` bit
    said: bool  # by the person
    reason: str
    campaign: int = 0  # hash of its word


def place_suppressions(
    conn: Connection, ids: columns.Ids, addresses: Addresses, stop: Stop, at: Moments | int, change: UUID
) -> None:
    """State that follows from the events `ids`. Said again, a standing one keeps its first moment and notes the last.

    The caller holds the people's locks.
    """
    moments = np.broadcast_to(np.asarray(at, np.int64), (len(addresses.addr),))
    _, once = np.unique(_identity(addresses), axis=0, return_index=True)  # one statement may not meet a row twice
    order = once[np.argsort(addresses.addr[once], kind="stable")]
    those = some(addresses, order)
    conn.execute(
        "INSERT INTO ledger_suppression (id, addr, key_id, mac, scope, owner, channels, covers, campaign, said,"
        " imported, reason, at, last_at, change)"
        " SELECT id, addr, key_id, mac, %s, %s, %s, %s, %s, %s, false, %s, at, at, %s"
        " FROM unnest(%s, %s, %s, %s, %s) AS u (id, addr, key_id, mac, at)"
        " ON CONFLICT (addr, scope, owner, channels, covers, campaign, said, coalesce(mac, ''::bytea))"
        " WHERE lifted_at IS NULL AND NOT imported DO UPDATE SET change = EXCLUDED.change,"
        " at = least(ledger_suppression.at, EXCLUDED.at),"
        " last_at = greatest(ledger_suppression.last_at, EXCLUDED.last_at)",
        [
            *(int(stop.scope), stop.owner, stop.channels, stop.covers, stop.campaign, stop.said, stop.reason, change),
            columns.uuids(ids[order]),
            columns.int8s(those.addr),
            columns.int2s(those.key_id),
            those.mac_column,
            columns.moments(moments[order]),
        ],
    )


def import_suppressions(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    stop: Stop,
    channels: npt.NDArray[np.int16],
    at: Moments,
    change: UUID,
) -> None:
    """State that follows from a list. Takes no person's lock: `close_gate` before the commit stands for all of them."""
    conn.execute(
        "INSERT INTO ledger_suppression (id, addr, key_id, mac, scope, owner, channels, covers, campaign, said,"
        " imported, reason, at, last_at, change)"
        " SELECT id, addr, key_id, mac, %s, %s, channels, %s, %s, %s, true, %s, at, at, %s"
        " FROM unnest(%s, %s, %s, %s, %s, %s) AS u (id, addr, key_id, mac, channels, at)",
        [
            *(int(stop.scope), stop.owner, stop.covers, stop.campaign, stop.said, stop.reason, change),
            columns.uuids(ids),
            columns.int8s(addresses.addr),
            columns.int2s(addresses.key_id),
            addresses.mac_column,
            columns.int2s(channels),
            columns.moments(at),
        ],
    )


def lift_suppressions(
    conn: Connection, event: UUID, at: int, address: AddressKey, scope: Scope, owner: UUID, change: UUID
) -> int:
    """Lifts what stands for this address in this scope. Returns how many."""
    done = conn.execute(
        "UPDATE ledger_suppression SET lifted_at = %s, lifted_by = %s, change = %s"
        " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND scope = %s AND owner = %s AND lifted_at IS NULL",
        [moment_of(at), event, change, address.column, address.mac or None, int(scope), owner],
    )
    return done.rowcount


class Consents(NamedTuple):
    """Consents as columns. Days since 1970; `MISSING` where not known; masks -1 where not known; int8 three-valued."""

    level: npt.NDArray[np.int16]
    given_at: Moments
    given_day: npt.NDArray[np.int32]
    until_day: npt.NDArray[np.int32]
    channels: npt.NDArray[np.int16]
    purposes: npt.NDArray[np.int16]
    covers: npt.NDArray[np.int16]
    evidence: npt.NDArray[np.int8]
    names_seller: npt.NDArray[np.int8]
    given_by_person: npt.NDArray[np.int8]


def give_consents(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    consents: Consents,
    account: UUID,
    sellers: Sequence[UUID],
    change: UUID,
) -> None:
    """State that follows from the events `ids`."""
    conn.execute(
        "INSERT INTO ledger_consent (id, addr, key_id, mac, account, sellers, level, given_at, given_day, until_day,"
        " channels, purposes, covers, evidence, names_seller, given_by_person, change)"
        " SELECT id, addr, key_id, mac, %s, %s, level, given_at, given_day, until_day, channels, purposes, covers,"
        " evidence, names_seller, given_by_person, %s"
        " FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " AS u (id, addr, key_id, mac, level, given_at, given_day, until_day, channels, purposes, covers, evidence,"
        " names_seller, given_by_person)",
        [
            *(account, list(sellers), change, columns.uuids(ids), columns.int8s(addresses.addr)),
            *(columns.int2s(addresses.key_id), addresses.mac_column, columns.int2s(consents.level)),
            columns.moments(consents.given_at, consents.given_at == MISSING),
            columns.int4s(consents.given_day, consents.given_day == MISSING),
            columns.int4s(consents.until_day, consents.until_day == MISSING),
            *(columns.int2s(consents.channels), columns.int2s(consents.purposes), columns.int2s(consents.covers)),
            *(columns.three_valued(consents.evidence), columns.three_valued(consents.names_seller)),
            columns.three_valued(consents.given_by_person),
        ],
    )


def withdraw_consents(
    conn: Connection, at: int, address: AddressKey, sellers: Sequence[UUID], channels: int, change: UUID
) -> int:
    """Ends what these sellers hold of this person; `channels` 0 is every channel. Returns how many consents.

    A consent is withdrawn whole if any of its channels is: narrower ones are given again.
    """
    done = conn.execute(
        "UPDATE ledger_consent SET withdrawn_at = %s, change = %s WHERE addr = %s AND mac IS NOT DISTINCT FROM %s"
        " AND sellers && %s AND withdrawn_at IS NULL AND (%s = 0 OR channels = -1 OR channels & %s <> 0)",
        [moment_of(at), change, address.column, address.mac or None, list(sellers), channels, channels],
    )
    return done.rowcount


class Relationships(NamedTuple):
    """Dealings as columns. Days since 1970, `MISSING` where not known; int8 three-valued."""

    kind: npt.NDArray[np.int16]  # `RelationshipKind` bit
    on_day: npt.NDArray[np.int32]
    ongoing: npt.NDArray[np.int8]
    subject: npt.NDArray[np.int64]  # hash of its word; 0 none
    given_by_person: npt.NDArray[np.int8]


def record_relationships(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    dealings: Relationships,
    account: UUID,
    seller: UUID,
    change: UUID,
) -> None:
    """State that follows from the events `ids`."""
    conn.execute(
        "INSERT INTO ledger_relationship (id, addr, key_id, mac, account, seller, kind, on_day, ongoing, subject,"
        " given_by_person, change) SELECT id, addr, key_id, mac, %s, %s, kind, on_day, ongoing, subject,"
        " given_by_person, %s FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " AS u (id, addr, key_id, mac, kind, on_day, ongoing, subject, given_by_person)",
        [
            *(account, seller, change, columns.uuids(ids), columns.int8s(addresses.addr)),
            *(columns.int2s(addresses.key_id), addresses.mac_column, columns.int2s(dealings.kind)),
            columns.int4s(dealings.on_day, dealings.on_day == MISSING),
            *(columns.three_valued(dealings.ongoing), columns.int8s(dealings.subject)),
            columns.three_valued(dealings.given_by_person),
        ],
    )


def end_relationships(
    conn: Connection,
    at: int,
    address: AddressKey,
    account: UUID,
    seller: UUID,
    kind: int,
    subject: int,
    event: UUID,
    change: UUID,
) -> int:
    """Ends what this account recorded of the kind, for this seller; of one `subject` unless 0. Returns how many."""
    done = conn.execute(
        "UPDATE ledger_relationship SET ended_at = %s, ended_by = %s, change = %s"
        " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND account = %s AND seller = %s AND kind = %s"
        " AND (%s = 0 OR subject = %s) AND ended_at IS NULL",
        [
            *(moment_of(at), event, change, address.column, address.mac or None, account, seller, kind),
            *(subject, subject),
        ],
    )
    return done.rowcount


def one(address: AddressKey) -> Addresses:
    return of_keys([address])


def _identity(addresses: Addresses) -> npt.NDArray[np.uint8]:
    """Rows that are equal where the addresses are."""
    keys = np.ascontiguousarray(addresses.addr).view(np.uint8).reshape(len(addresses.addr), 8)
    return np.concatenate([keys, addresses.mac], axis=1)
