"""Events against the leaves they were logged with, their personal parts against the hashes in them, and addresses.

An event's leaf holds no address: that the row's key is still the person's is seen from the
personal part, which names the address. A part that is gone must have been erased, and an
erasure is an event too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.auditd.batches import same_moment, span_of
from forbear.auditd.findings import Report, Wrong
from forbear.core.instants import at_of
from forbear.core.keys import Secret, is_erased
from forbear.core.words import Channel
from forbear.gate.claims import address_key
from forbear.ledger import leaves
from forbear.ledger.kinds import Kind
from forbear.tlog import merkle

_NAMED: Final = 5
_COLUMNS: Final = (
    "e.id, e.kind, e.happened_at, e.learnt_at, e.known_by, e.account, e.seller, e.addr, e.key_id, e.mac, e.payload,"
    " e.personal_hash, e.batch, e.batch_index, e.xmin::text::bigint, p.salt, p.part, p.event IS NOT NULL"
)
_EVENTS: Final = (
    f"SELECT {_COLUMNS} FROM ledger_event e LEFT JOIN ledger_personal p ON p.event = e.id WHERE e.id = ANY(%s)"  # noqa: S608 - constants
)
_LISTED: Final = (
    f"SELECT {_COLUMNS} FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS r (batch, low, high)"  # noqa: S608 - constants
    " JOIN ledger_event e ON e.id >= r.low AND e.id < r.high AND e.batch = r.batch"
    " LEFT JOIN ledger_personal p ON p.event = e.id"
)


class Event(NamedTuple):
    id: UUID
    kind: str
    happened_at: datetime
    learnt_at: datetime
    known_by: str
    account: UUID | None
    seller: UUID | None
    addr: int | None
    key_id: int
    mac: bytes | None
    payload: Any
    personal_hash: bytes | None
    batch: UUID | None
    batch_index: int | None
    written_by: int
    salt: bytes | None
    part: bytes | None
    has_part: bool

    @property
    def leaf(self) -> bytes:
        return merkle.leaf_hash(
            leaves.event_bytes(
                *(self.id, self.kind, at_of(self.happened_at), at_of(self.learnt_at), self.known_by),
                *(self.account, self.seller, self.payload),
                None if self.personal_hash is None else bytes(self.personal_hash),
            )
        )


def check_events(conn: Connection, logged: Mapping[UUID, bytes], secrets: Sequence[Secret], report: Report) -> None:
    """`logged`: events that are leaves themselves."""
    found = {row.id: row for row in _read(conn, _EVENTS, [list(logged)])}
    for identity, hashed in logged.items():
        row = found.get(identity)
        if row is None:
            report.add(Wrong.GONE, "event", identity, "the log has its hash")
        elif _leaf(row) != hashed or row.batch is not None:
            report.add(Wrong.CHANGED, "event", identity, "it is not what was logged")
    check_parts(conn, list(found.values()), secrets, report)
    report.seen["events"] += len(logged)


def check_lists(conn: Connection, logged: Mapping[UUID, bytes], secrets: Sequence[Secret], report: Report) -> None:
    """`logged`: the roots of the events of whole lists, which may be long: one at a time."""
    for identity, root in logged.items():
        low, high = span_of(identity)
        rows = sorted(_read(conn, _LISTED, [[identity], [low], [high]]), key=lambda row: (row.batch_index or 0, row.id))
        report.seen["events"] += len(rows)
        if not rows or merkle.root([_leaf(row) for row in rows]) != root:
            _name(identity, rows, report)
        check_parts(conn, rows, secrets, report)


def _name(identity: UUID, rows: Sequence[Event], report: Report) -> None:
    """Which of a list's events is not as it was, as far as that can be told."""
    if not rows:
        report.add(Wrong.GONE, "event", f"{identity}#", "no event of this list is left, and the log has its root")
        return
    before = report.wrong
    places = Counter(row.batch_index for row in rows)
    for place in range(max(places, key=lambda place: place or 0) or 0):
        if not places[place]:
            report.add(Wrong.GONE, "event", f"{identity}#{place}", f"number {place} of its list")
    for row in rows:
        if places[row.batch_index] > 1:
            report.add(Wrong.NOT_LOGGED, "event", row.id, f"its place in list {identity} is taken twice")
    for one, two in pairwise(rows):
        if two.id < one.id:
            report.add(Wrong.REORDERED, "event", two.id, f"stands after {one.id} in list {identity}")
    if report.wrong > before:
        return
    usual = Counter(row.written_by for row in rows).most_common(1)[0][0]
    odd = [row for row in rows if row.written_by != usual and not (row.addr is not None and is_erased(row.addr))]
    for row in odd[:_NAMED]:
        report.add(Wrong.CHANGED, "event", row.id, f"list {identity} no longer has the root that was logged")
    if not odd:
        what = f"its {len(rows)} events no longer give the root that was logged"
        report.add(Wrong.CHANGED, "event", f"{identity}#", what)


def check_parts(conn: Connection, rows: Sequence[Event], secrets: Sequence[Secret], report: Report) -> None:
    """Moments, personal parts and addresses of these events."""
    erased = [row for row in rows if row.personal_hash is not None and not row.has_part]
    explained = _erasures(conn, erased)
    for row in rows:
        if not same_moment(row.id, row.learnt_at):
            report.add(Wrong.BACK_DATED, "event", row.id, "the moment it was learnt is not that of its id")
        if row.has_part:
            report.seen["personal parts"] += 1
            _check_part(row, secrets, report)
        elif row.personal_hash is not None:
            if row.id in explained:
                report.notes["erased"] += 1
            else:
                report.add(
                    Wrong.GONE, "personal", row.id, "its event has a personal part, and nothing says it was erased"
                )


def _check_part(row: Event, secrets: Sequence[Secret], report: Report) -> None:
    assert row.salt is not None
    assert row.part is not None
    if row.personal_hash is None:
        report.add(Wrong.NOT_LOGGED, "personal", row.id, "its event has no personal part")
        return
    if sha256(bytes(row.salt) + bytes(row.part)).digest() != bytes(row.personal_hash):
        report.add(Wrong.CHANGED, "personal", row.id, "it is not the part whose hash is in the event")
        return
    part = json.loads(bytes(row.part))
    address = part.get("address") if isinstance(part, dict) else None
    if not isinstance(address, str) or row.addr is None or is_erased(row.addr):
        return  # an erased number may leave a part that a law wants kept for some time
    channel = Channel.EMAIL if "@" in address else Channel.VOICE
    keys = [found for secret in secrets if (found := address_key(channel, address.strip(), secret)) is not None]
    if keys and not any(key.column == row.addr and (key.mac or None) == _bytes(row.mac) for key in keys):
        known = {secret.id for secret in secrets}
        if not row.key_id or row.key_id in known:
            report.add(Wrong.CHANGED, "event", row.id, "its address is not the one of its personal part")


def _erasures(conn: Connection, rows: Iterable[Event]) -> set[UUID]:
    """Whose part an erasure took: one of their person, or one of what their account no longer had to keep."""
    wanted = list(rows)
    if not wanted:
        return set()
    found = conn.execute(
        "SELECT u.id FROM unnest(%s::uuid[]) AS u (id) JOIN ledger_event e ON e.id = u.id WHERE EXISTS (SELECT FROM"
        " ledger_event x WHERE x.kind = %s AND x.learnt_at >= e.learnt_at AND ((x.addr = e.addr AND x.mac IS NOT"
        " DISTINCT FROM e.mac) OR (x.addr IS NULL AND x.account IS NOT DISTINCT FROM e.account)))",
        [[row.id for row in wanted], Kind.PERSONAL_ERASED.value],
    )
    return {row[0] for row in found}


def _read(conn: Connection, sql: str, given: list[Any]) -> Iterable[Event]:
    for row in conn.execute(sql, given, binary=True):
        yield Event(*row)


def _leaf(row: Event) -> bytes:
    """Its leaf; a payload that has no canonical form never was one of ours."""
    try:
        return row.leaf
    except (TypeError, ValueError):
        return b""


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else bytes(value)
