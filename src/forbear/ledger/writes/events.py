"""Locks, the numbering of changes, events, and the personal parts that stand apart from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from os import urandom
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.canonical import canonical
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns, leaves, log
from forbear.ledger.addresses import Addresses
from forbear.ledger.kinds import Kind, KnownBy, Leaf
from forbear.ledger.trip import Statement, Trip, number, raw
from forbear.tlog import merkle

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
    distinct = np.unique(addrs)
    column = columns.int8s(distinct)
    while True:
        trip = Trip(conn)
        trip.add(LOCK_NEW, column)
        locked = trip.add(LOCK_READ, column)
        found: dict[int, bytes] = dict(trip.go()[locked])
        if len(found) == len(distinct):
            return found  # an erasure may take a row away between the two; then it is made again


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
    """One event, and its leaf for the log. `payload` holds nothing personal and no floats (`core.canonical`);
    `personal` is stored apart under a salt of its own."""
    event = columns.uuid_at(columns.new_ids(at, 1), 0)
    hashed = keep_personal(conn, [event], [personal])[0] if personal else None
    happened, said = at if happened_at is None else happened_at, payload or {}
    whole = leaves.event_bytes(event, kind.value, happened, at, known_by.value, account, seller, said, hashed)
    conn.execute(
        "WITH q AS (INSERT INTO ledger_logqueue (kind, source, hash) VALUES (%s, %s, %s))"
        " INSERT INTO ledger_event (id, kind, happened_at, learnt_at, known_by, account, seller, addr, key_id, mac,"
        " payload, personal_hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(int(Leaf.EVENT), event, merkle.leaf_hash(whole)),
            event,
            kind.value,
            moment_of(happened),
            moment_of(at),
            known_by.value,
            account,
            seller,
            address.column if address else None,
            address.secret_id if address else 0,
            (address.mac or None) if address else None,
            canonical(said).decode(),
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
    """One event for each address, alike but for the address, the personal part and when it happened; together one
    leaf of the log, the root of their small tree. Returns their ids."""
    n = len(addresses.addr)
    if ids is None:
        ids = columns.new_ids(at, n)
    if n == 0:
        return ids
    moments, said = np.broadcast_to(np.asarray(happened, np.int64), (n,)), canonical(payload)
    batch = columns.uuid_at(columns.new_ids(at, 1), 0)
    conn.execute(
        "INSERT INTO ledger_event (id, kind, happened_at, learnt_at, known_by, account, seller, addr, key_id, mac,"
        " payload, personal_hash, batch, batch_index)"
        " SELECT id, %s, happened, %s, %s, %s, %s, addr, key_id, mac, %s::jsonb, hash, %s, place"
        " FROM unnest(%s, %s, %s, %s, %s, %s, %s) AS u (id, happened, addr, key_id, mac, hash, place)",
        [
            *(kind.value, moment_of(at), known_by.value, account, seller, said.decode(), batch),
            columns.uuids(ids),
            columns.moments(moments),
            columns.int8s(addresses.addr),
            columns.int2s(addresses.key_id),
            addresses.mac_column,
            columns.byteas(hashes if hashes is not None else [None] * n),
            columns.int4s(np.arange(n)),
        ],
    )
    hashed = leaves.event_hashes(ids, kind.value, moments, at, known_by.value, account, seller, said, hashes)
    log.queue(conn, Leaf.EVENTS, batch, merkle.root(hashed))
    return ids
