"""The log against the ledger, both ways: every entry has its row, every row its entry; in order, without gaps, in time.

Leaves get their places in the order in which they were queued, so what the log holds rises in
time but for transactions that were open side by side. A row dated far before what stands in
front of it was put there later than it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.auditd import batches, events
from forbear.auditd.findings import Report, Wrong
from forbear.core.instants import MINUTE, at_of, moment_of
from forbear.core.keys import Secret
from forbear.core.uuid7 import made_at
from forbear.ledger import logrows
from forbear.ledger.kinds import Kind, Leaf
from forbear.ledger.leaves import entry_bytes

CHUNK: Final = 2_000  # entries looked at together
OPEN_FOR: Final = 10 * MINUTE  # a transaction is not open longer ...
LIST_OPEN_FOR: Final = 24 * 60 * MINUTE  # ... unless it takes in a list
_NAMES: Final = {
    Leaf.DECISIONS: "batch",
    Leaf.EVENT: "event",
    Leaf.EVENTS: "event list",
    Leaf.REDEMPTION: "redemption",
    Leaf.DISPOSITION: "disposition",
}


class Entry(NamedTuple):
    place: int  # its index in the log
    kind: int
    source: UUID
    hash: bytes

    def bytes(self) -> bytes:
        return entry_bytes(self.kind, self.source.bytes, self.hash)


def read(conn: Connection, first: int, most: int = CHUNK) -> list[Entry]:
    rows = conn.execute(
        "SELECT index, kind, source, hash FROM ledger_logentry WHERE index >= %s ORDER BY index LIMIT %s",
        [first, most],
        binary=True,
    )
    return [Entry(row[0], row[1], row[2], bytes(row[3])) for row in rows]


def gaps(entries: Sequence[Entry], first: int, report: Report) -> bool:
    """Names the places that are empty. Whether there are any."""
    expected = first
    for entry in entries:
        if entry.place != expected:
            what = f"entries {expected} to {entry.place - 1} are not in the database"
            report.add(Wrong.GONE, "logentry", expected, what)
            return True
        expected += 1
    return False


def check_entries(conn: Connection, entries: Sequence[Entry], secrets: Sequence[Secret], report: Report) -> list[UUID]:
    """Each entry's row, as it is now. Returns the decisions among them."""
    by_kind: dict[Leaf, dict[UUID, bytes]] = {kind: {} for kind in Leaf}
    for entry in entries:
        try:
            by_kind[Leaf(entry.kind)][entry.source] = entry.hash
        except ValueError:
            report.add(Wrong.CHANGED, "logentry", entry.place, f"its kind {entry.kind} is none of ours")
    report.seen["entries"] += len(entries)
    _twice(conn, entries, report)
    decisions = batches.check_batches(conn, by_kind[Leaf.DECISIONS], secrets, report)
    events.check_events(conn, by_kind[Leaf.EVENT], secrets, report)
    events.check_lists(conn, by_kind[Leaf.EVENTS], secrets, report)
    _check_redemptions(conn, by_kind[Leaf.REDEMPTION], report)
    _check_dispositions(conn, by_kind[Leaf.DISPOSITION], report)
    return decisions


def _twice(conn: Connection, entries: Sequence[Entry], report: Report) -> None:
    rows = conn.execute(
        "SELECT kind, source, array_agg(index ORDER BY index) FROM ledger_logentry WHERE source = ANY(%s)"
        " GROUP BY kind, source HAVING count(*) > 1",
        [[entry.source for entry in entries]],
    )
    for kind, source, where in rows:
        report.add(
            Wrong.NOT_LOGGED, "logentry", where[-1], f"{_NAMES.get(kind, kind)} {source} stands at {where} in the log"
        )


def _check_redemptions(conn: Connection, logged: dict[UUID, bytes], report: Report) -> None:
    """Each is what was logged, and of a permit that was valid then."""
    rows = conn.execute(
        "SELECT r.permit, r.at, p.issued_at, p.expires_at FROM ledger_redemption r"
        " LEFT JOIN ledger_permit p ON p.id = r.permit WHERE r.permit = ANY(%s)",
        [list(logged)],
    )
    found = {row[0]: row[1:] for row in rows}
    report.seen["redemptions"] += len(logged)
    for permit, hashed in logged.items():
        if permit not in found:
            report.add(Wrong.GONE, "redemption", permit, "the log has its hash")
            continue
        at, issued_at, expires_at = found[permit]
        if logrows.redemption_record(permit, at).hash != hashed:
            report.add(Wrong.CHANGED, "redemption", permit, "it is not what was logged")
        elif issued_at is None:
            report.add(Wrong.GONE, "permit", permit, "it was redeemed")
        elif not issued_at <= at < expires_at:
            report.add(Wrong.CHANGED, "permit", permit, "it was redeemed at a moment at which it was not valid")


def _check_dispositions(conn: Connection, logged: dict[UUID, bytes], report: Report) -> None:
    rows = conn.execute("SELECT * FROM ledger_disposition WHERE permit = ANY(%s)", [list(logged)])
    found = {row[0]: row for row in rows}
    report.seen["dispositions"] += len(logged)
    for permit, hashed in logged.items():
        if permit not in found:
            report.add(Wrong.GONE, "disposition", permit, "the log has its hash")
        elif logrows.disposition_record(found[permit]).hash != hashed:
            report.add(Wrong.CHANGED, "disposition", permit, "it is not what was logged")


class Timeline:
    """How far the log had come, in time, at each place. Entries from before there was a log have no order in time."""

    def __init__(self, conn: Connection, latest: int = 0) -> None:
        self.conn = conn
        self.latest = latest  # microseconds UTC
        row = conn.execute(
            "SELECT min(l.index) FROM ledger_event e JOIN ledger_logentry l ON l.source = e.id AND l.kind = %s"
            " WHERE e.account IS NULL AND e.addr IS NULL AND e.kind = %s",
            [int(Leaf.EVENT), Kind.LOG_KEY_MADE.value],
        ).fetchone()
        self._begins: int = row[0] if row and row[0] is not None else 0

    def check(self, entries: Sequence[Entry], report: Report) -> None:
        moments = self._moments(entries)
        for entry in entries:
            at = moments.get((entry.kind, entry.source))
            if at is None or entry.place < self._begins:
                continue
            longest = LIST_OPEN_FOR if entry.kind == Leaf.EVENTS else OPEN_FOR
            if at < self.latest - longest:
                what = (
                    f"dated {moment_of(at)}; it entered the log as number {entry.place}, after {moment_of(self.latest)}"
                )
                report.add(Wrong.BACK_DATED, _name(entry), entry.source, what)
            self.latest = max(self.latest, at)

    def _moments(self, entries: Sequence[Entry]) -> dict[tuple[int, UUID], int]:
        """Of batches and events by their id; what befalls a permit has a moment of its own."""
        found = {(entry.kind, entry.source): made_at(entry.source) for entry in entries}
        permits = [entry.source for entry in entries if entry.kind in (Leaf.REDEMPTION, Leaf.DISPOSITION)]
        rows = self.conn.execute(
            "SELECT 4, permit, at FROM ledger_redemption WHERE permit = ANY(%(p)s)"
            " UNION ALL SELECT 5, permit, at FROM ledger_disposition WHERE permit = ANY(%(p)s)",
            {"p": permits},
        )
        moments: dict[tuple[int, UUID], datetime] = {(row[0], row[1]): row[2] for row in rows}
        return found | {place: at_of(at) for place, at in moments.items() if place in found}


def _name(entry: Entry) -> str:
    return _NAMES[Leaf(entry.kind)] if entry.kind in _NAMES else "logentry"


# --- the other way: every row has its entry, or waits for it

_LOGGED: Final = (  # table, key, which rows, the source and kind of their entries
    ("batch", "id", "true", "r.id", Leaf.DECISIONS),
    ("event", "id", "r.batch IS NULL", "r.id", Leaf.EVENT),
    ("event", "id", "r.batch IS NOT NULL", "r.batch", Leaf.EVENTS),
    ("redemption", "permit", "true", "r.permit", Leaf.REDEMPTION),
    ("disposition", "permit", "true", "r.permit", Leaf.DISPOSITION),
)
_UNKNOWN: Final = (
    "SELECT r.{key} FROM ledger_{table} r WHERE r.{key} >= %s AND {which}"
    " AND NOT EXISTS (SELECT FROM ledger_logentry l WHERE l.source = {source} AND l.kind = {kind})"
    " AND NOT EXISTS (SELECT FROM ledger_logqueue q WHERE q.source = {source} AND q.kind = {kind})"
)
_OWNED: Final = (  # table, key, what it belongs to, by which columns, and what is wrong where that is not there
    ("decision", "id", "batch", "o.id = r.batch", "its batch is not there"),
    ("permit", "id", "decision", "o.id = r.decision AND o.permit = r.id", "no decision gave it"),
    ("redemption", "permit", "permit", "o.id = r.permit", "no such permit was issued"),
    ("disposition", "permit", "permit", "o.id = r.permit", "no such permit was issued"),
    ("personal", "event", "event", "o.id = r.event", "it belongs to no event"),
)
_ORPHANS: Final = (
    "SELECT r.{key} FROM ledger_{table} r WHERE r.{key} >= %s AND NOT EXISTS (SELECT FROM ledger_{owner} o WHERE {by})"
)
_ELSEWHEN: Final = (
    "SELECT id FROM ledger_decision WHERE id >= %s AND substr(id::text, 1, 13) <> substr(batch::text, 1, 13)"
)


def check_rows(conn: Connection, since: int, report: Report) -> None:
    """Rows whose ids were made since then (microseconds UTC; 0: all): each in the log, or in its queue."""
    low = UUID(int=max(since, 0) // 1000 << 80)
    for table, key, which, source, kind in _LOGGED:
        sql = _UNKNOWN.format(table=table, key=key, which=which, source=source, kind=int(kind))
        for (identity,) in conn.execute(sql, [low]):
            report.add(Wrong.NOT_LOGGED, table, identity, "neither the log nor its queue knows it")
    for table, key, owner, by, what in _OWNED:
        for (identity,) in conn.execute(_ORPHANS.format(table=table, key=key, owner=owner, by=by), [low]):
            report.add(Wrong.NOT_LOGGED, table, identity, what)
    for (identity,) in conn.execute(_ELSEWHEN, [low]):
        report.add(Wrong.NOT_LOGGED, "decision", identity, "it is of another moment than its batch")
