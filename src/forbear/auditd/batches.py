"""The decisions of each commit against the root its batch was logged with, and against the permits they gave.

The log holds one root for a batch. Where the rows no longer give it, it is said which: a
place that is empty or taken twice, a row out of order, a row of another moment, a row that
another transaction wrote. Else every row of the batch is in doubt and named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.auditd.findings import Report, Wrong
from forbear.core.instants import at_of
from forbear.core.keys import Secret, is_erased, seal, seal_salt
from forbear.core.uuid7 import made_at
from forbear.ledger import leaves
from forbear.tlog import merkle

_NAMED: Final = 5  # rows of one batch, where all of them are in doubt
_AT_ONCE: Final = 20_000  # decisions in memory
MILLISECOND: Final = 1_000
_BATCHES: Final = "SELECT id, at, n, root, xmin::text::bigint FROM ledger_batch WHERE id = ANY(%s)"
_DECISIONS: Final = (
    "SELECT d.id, d.at, d.account, d.seller, d.addr, d.key_id, d.mac, d.seal, d.channel, d.purpose, d.mode, d.verdict,"
    " d.cure, d.earliest, d.rules, d.obligations, d.selector, d.facts, d.permit, d.batch, d.batch_index, d.overrides,"
    " d.xmin::text::bigint"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS r (batch, low, high)"
    " JOIN ledger_decision d ON d.id >= r.low AND d.id < r.high AND d.batch = r.batch"
)
_PERMITS: Final = (
    "SELECT id, decision, account, seller, addr, mac, channel, purpose, mode, issued_at, expires_at,"
    " xmin::text::bigint FROM ledger_permit WHERE id = ANY(%s)"
)


class Batch(NamedTuple):
    id: UUID
    at: datetime
    n: int
    root: bytes
    written_by: int  # the transaction


class Decision(NamedTuple):
    id: UUID
    at: datetime
    account: UUID
    seller: UUID
    addr: int
    key_id: int
    mac: bytes | None
    seal: bytes | None
    channel: int
    purpose: int
    mode: int
    verdict: int
    cure: int | None
    earliest: datetime | None
    rules: str
    obligations: str
    selector: bytes
    facts: bytes
    permit: UUID | None
    batch: UUID
    batch_index: int
    overrides: str
    written_by: int

    @property
    def leaf(self) -> bytes:
        fixed = leaves.decision_fixed(
            *(self.id, at_of(self.at), self.account, self.seller, None if self.seal is None else bytes(self.seal)),
            *(self.channel, self.purpose, self.mode, self.verdict, self.cure),
            None if self.earliest is None else at_of(self.earliest),
            *(self.permit, bytes(self.selector)),
        )
        rules, obligations = self.rules.encode(), self.obligations.encode()
        return leaves.decision_hash(fixed, rules, obligations, bytes(self.facts), self.overrides.encode())


def read_batches(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Batch]:
    rows = conn.execute(_BATCHES, [list(ids)], binary=True)
    return {row[0]: Batch(row[0], row[1], row[2], bytes(row[3]), row[4]) for row in rows}


def read_decisions(conn: Connection, batches: Sequence[UUID]) -> dict[UUID, list[Decision]]:
    """By batch, in the order of their places. Ids of a batch are of its own millisecond, by which they are found."""
    lows, highs = zip(*(span_of(batch) for batch in batches), strict=True) if batches else ((), ())
    found: dict[UUID, list[Decision]] = defaultdict(list)
    for row in conn.execute(_DECISIONS, [list(batches), list(lows), list(highs)], binary=True):
        decision = Decision(*row)
        found[decision.batch].append(decision)
    for rows in found.values():
        rows.sort(key=lambda row: (row.batch_index, row.id))
    return found


def span_of(identity: UUID) -> tuple[UUID, UUID]:
    """All ids of the same millisecond: from the first up to the next millisecond's."""
    low = identity.int >> 80 << 80
    return UUID(int=low), UUID(int=low + (1 << 80))


def check_batches(
    conn: Connection, logged: Mapping[UUID, bytes], secrets: Sequence[Secret], report: Report
) -> list[UUID]:
    """`logged`: the roots as the log has them. Returns the decisions that stand in them, for judging them again."""
    batches = read_batches(conn, logged)
    for identity, root in logged.items():
        batch = batches.get(identity)
        if batch is None:
            report.add(Wrong.GONE, "batch", identity, "the log has its root")
            continue
        if batch.root != root:
            report.add(Wrong.CHANGED, "batch", identity, "its root is not the one that was logged")
        if not same_moment(identity, batch.at):
            report.add(Wrong.BACK_DATED, "batch", identity, "its moment is not that of its id")
    report.seen["batches"] += len(logged)
    found: list[UUID] = []
    for some in _parts(list(batches.values())):
        decisions = read_decisions(conn, [batch.id for batch in some])
        for batch in some:
            _check_rows(batch, logged[batch.id], decisions.get(batch.id, []), secrets, report)
        rows = [row for part in decisions.values() for row in part]
        check_permits(conn, rows, batches, report)
        report.seen["decisions"] += len(rows)
        found.extend(row.id for row in rows)
    return found


def _parts(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """So many batches at once that their decisions fit well into memory."""
    some: list[Batch] = []
    for batch in batches:
        if some and sum(one.n for one in some) + batch.n > _AT_ONCE:
            yield some
            some = []
        some.append(batch)
    if some:
        yield some


def _sealed(row: Decision, secret: Secret) -> bool:
    """Whether the row's address is the one under its seal: no leaf has it otherwise."""
    mac = None if row.mac is None else bytes(row.mac)
    return seal(seal_salt(row.id.bytes, secret), row.addr, row.key_id, mac) == (row.seal and bytes(row.seal))


def _check_rows(batch: Batch, root: bytes, rows: Sequence[Decision], secrets: Sequence[Secret], report: Report) -> None:
    for row in rows:
        if is_erased(row.addr):
            report.notes["erased"] += 1
        elif not any(_sealed(row, secret) for secret in secrets):
            report.add(Wrong.CHANGED, "decision", row.id, "its address is not the one under its seal")
    if rows and len(rows) == batch.n and merkle.root([row.leaf for row in rows]) == root:
        return
    places = Counter(row.batch_index for row in rows)
    named = False
    for place in range(batch.n):
        if not places[place]:
            named = True
            report.add(Wrong.GONE, "decision", f"{batch.id}#{place}", f"number {place} of {batch.n} of its batch")
    for row in rows:
        if row.batch_index >= batch.n or places[row.batch_index] > 1:
            named = True
            report.add(Wrong.NOT_LOGGED, "decision", row.id, f"no such place in batch {batch.id}, or taken twice")
    for before, row in pairwise(rows):
        if row.id < before.id:
            named = True
            what = f"stands after {before.id} in batch {batch.id}, and was decided before it"
            report.add(Wrong.REORDERED, "decision", row.id, what)
    for row in rows:
        if row.at != batch.at or not same_moment(row.id, row.at):
            named = True
            report.add(Wrong.BACK_DATED, "decision", row.id, f"its moment is not that of its batch {batch.id}")
    if named:
        return
    odd = [row for row in rows if row.written_by != batch.written_by and not is_erased(row.addr)]
    if not 0 < len(odd) < len(rows):  # after a restore from a dump all differ, and say nothing
        odd = list(rows) if len(rows) <= _NAMED else []
    for row in odd:
        alone = "" if len(odd) == 1 else f" (one of {len(odd)} in doubt)"
        report.add(Wrong.CHANGED, "decision", row.id, f"batch {batch.id} no longer has the root that was logged{alone}")
    if not odd:
        what = f"its {len(rows)} decisions no longer give the root that was logged"
        report.add(Wrong.CHANGED, "batch", batch.id, what)


def check_permits(conn: Connection, rows: Sequence[Decision], batches: Mapping[UUID, Batch], report: Report) -> None:
    """A permit is its decision's: same person, same contact, issued with it, and written by the same commit."""
    wanted = {row.permit: row for row in rows if row.permit is not None}
    found = {row[0]: row for row in conn.execute(_PERMITS, [list(wanted)], binary=True)}
    report.seen["permits"] += len(found)
    for identity, row in wanted.items():
        permit = found.get(identity)
        if permit is None:
            report.add(Wrong.GONE, "permit", identity, f"decision {row.id} gave it")
            continue
        wrong = _permit_differs(permit, row)
        batch = batches.get(row.batch)
        if not wrong and batch is not None and batch.written_by == row.written_by != permit[11]:
            wrong = "it was written by another transaction than its decision"
        if wrong:
            report.add(Wrong.CHANGED, "permit", identity, wrong)


def _permit_differs(permit: tuple[Any, ...], row: Decision) -> str:
    _, decision, account, seller, addr, mac, channel, purpose, mode, issued_at, expires_at, _ = permit
    if decision != row.id:
        return f"decision {row.id} gave it, and it names another"
    ours = (row.account, row.seller, row.addr, row.mac, row.channel, row.purpose, row.mode)
    if (account, seller, addr, mac, channel, purpose, mode) != ours:
        return f"it is for another contact than decision {row.id}"
    if issued_at != row.at or not issued_at <= expires_at:
        return f"it was not issued when decision {row.id} was made"
    return ""


def same_moment(identity: UUID, at: datetime) -> bool:
    """Whether an id was made at this moment: it carries its millisecond."""
    return made_at(identity) == at_of(at) // MILLISECOND * MILLISECOND
