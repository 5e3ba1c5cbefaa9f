"""The log in the database: what waits for the sequencer, the entries in their places, the heads that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import at_of, moment_of
from forbear.ledger import columns, leaves
from forbear.ledger.kinds import Leaf
from forbear.ledger.leaves import Entry
from forbear.tlog.merkle import leaf_hash

WAKE: Final = "forbear_log"  # a NOTIFY here has the sequencer look at once
_CHUNK: Final = 20_000
_TAKE: Final = (
    "WITH taken AS (DELETE FROM ledger_logqueue WHERE position IN"
    " (SELECT position FROM ledger_logqueue ORDER BY position LIMIT %s) RETURNING position, kind, source, hash),"
    " placed AS (INSERT INTO ledger_logentry (index, kind, source, hash)"
    " SELECT %s + row_number() OVER (ORDER BY position) - 1, kind, source, hash FROM taken"
    " RETURNING index, kind, source, hash)"
    " SELECT kind, source, hash FROM placed ORDER BY index"
)


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it was signed."""

    size: int
    root: bytes
    at: int
    note: str


def queue(conn: Connection, kind: Leaf, source: UUID, hashed: bytes) -> None:
    """A leaf waits for its place, from this transaction's commit on."""
    conn.execute("INSERT INTO ledger_logqueue (kind, source, hash) VALUES (%s, %s, %s)", [int(kind), source, hashed])


def queue_many(conn: Connection, kind: Leaf, sources: columns.Ids | Sequence[UUID], hashes: Sequence[bytes]) -> None:
    conn.execute(
        "INSERT INTO ledger_logqueue (kind, source, hash) SELECT %s, * FROM unnest(%s, %s)",
        [int(kind), columns.uuids(sources), columns.byteas(hashes)],
    )


def place(conn: Connection, size: int, most: int) -> list[bytes]:
    """Gives up to `most` waiting leaves the places from `size` on. Returns the entries' bytes, in order.

    One transaction of its caller; the primary key refuses a second sequencer that believes in the same `size`.
    """
    rows = conn.execute(_TAKE, [most, size], binary=True)
    return [leaves.entry_bytes(kind, source.bytes, bytes(hashed)) for kind, source, hashed in rows]


def leaf_of(kind: Leaf, source: UUID, hashed: bytes) -> bytes:
    """The leaf of the log's tree that an entry is."""
    return leaf_hash(Entry(kind, source, hashed).bytes())


def waiting(conn: Connection) -> int:
    """How many leaves wait."""
    return int(_one(conn, "SELECT count(*) FROM ledger_logqueue"))


def size(conn: Connection) -> int:
    """How many leaves have a place. They have them without gaps."""
    return int(_one(conn, "SELECT coalesce(max(index) + 1, 0) FROM ledger_logentry"))


def entries(conn: Connection, first: int, end: int) -> Iterator[list[bytes]]:
    """The entries [first, end) in order, in parts. Raises `ValueError` where one is missing."""
    at = first
    while at < end:
        rows = conn.execute(
            "SELECT index, kind, source, hash FROM ledger_logentry WHERE index >= %s AND index < %s ORDER BY index",
            [at, min(end, at + _CHUNK)],
            binary=True,
        ).fetchall()
        for place, row in enumerate(rows, at):
            if row[0] != place:
                raise ValueError(f"entry {place} is not in the database")
        if not rows:
            raise ValueError(f"entry {at} is not in the database")
        yield [leaves.entry_bytes(row[1], row[2].bytes, bytes(row[3])) for row in rows]
        at += len(rows)


def found(conn: Connection, source: UUID) -> list[tuple[int, Entry]]:
    """The entries of one batch, event or permit, with their places: none while it waits."""
    rows = conn.execute(
        "SELECT index, kind, source, hash FROM ledger_logentry WHERE source = %s ORDER BY index", [source]
    )
    return [(row[0], Entry(Leaf(row[1]), row[2], bytes(row[3]))) for row in rows]


def head(conn: Connection, covering: int = 0) -> Head | None:
    """The newest signed head; None where none has more than `covering` leaves."""
    row = conn.execute(
        "SELECT size, root, at, note FROM ledger_checkpoint WHERE size > %s ORDER BY size DESC LIMIT 1", [covering]
    ).fetchone()
    return None if row is None else _head(row)


def head_of(conn: Connection, size: int) -> Head | None:
    """The signed head of exactly this size."""
    row = conn.execute("SELECT size, root, at, note FROM ledger_checkpoint WHERE size = %s", [size]).fetchone()
    return None if row is None else _head(row)


def record_head(conn: Connection, made: Head) -> Head:
    """Records a head before anybody sees it. Returns what stands for this size: the one recorded first."""
    conn.execute(
        "INSERT INTO ledger_checkpoint (size, root, at, note) VALUES (%s, %s, %s, %s) ON CONFLICT (size) DO NOTHING",
        [made.size, made.root, moment_of(made.at), made.note],
    )
    stands = head_of(conn, made.size)
    assert stands is not None
    return stands


def wake(conn: Connection) -> None:
    """Has the sequencer look now. Not for the hot route: commits with a NOTIFY wait for one another."""
    conn.execute(f"NOTIFY {WAKE}")


def _head(row: tuple[Any, ...]) -> Head:
    return Head(row[0], bytes(row[1]), at_of(row[2]), row[3])


def _one(conn: Connection, sql: str) -> Any:
    row = conn.execute(sql).fetchone()
    assert row is not None
    return row[0]
