"""Which verdicts another rulebook changes: on a case file, or on the facts of decisions the ledger holds.

Both rulebooks judge the same facts at the same moment; only what came out otherwise is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.codes import Cure, Verdict
from forbear.core.instants import MISSING, at_of, moment_of
from forbear.gate import packed
from forbear.kernel.case import Case
from forbear.kernel.casefile import parse
from forbear.kernel.columns import facts_of
from forbear.kernel.facts import Facts
from forbear.kernel.judge import Answers, Engine

BATCH: Final = 512
_PAGE: Final = 5_000


class Said(NamedTuple):
    """What one rulebook says of a contact."""

    verdict: Verdict
    cure: Cure | None
    earliest: int | None
    rules: tuple[str, ...]
    obligations: tuple[str, ...]

    def word(self) -> str:
        """`deny for want of evidence` is another answer than `deny`."""
        return self.verdict.value if self.cure in (None, Cure.TIME) else f"{self.verdict.value} ({self.cure.value})"


@dataclass(frozen=True, slots=True)
class Difference:
    """One contact that comes out otherwise. `name`: the case's id or the decision's."""

    name: str
    line: int | None
    was: Said
    now: Said


@dataclass(slots=True)
class Differences:
    """What was judged and what changed. `verdicts` is counted by what it was and what it is."""

    judged: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[tuple[str, bool]] = field(default_factory=Counter)  # of changed verdicts: decides now, or did
    only_rules: int = 0  # the same verdict, by other rules
    only_obligations: int = 0
    examples: list[Difference] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return self.verdicts.total()


def on_cases(lines: Iterable[tuple[int, bytes]], old: Engine, new: Engine, *, file: str, examples: int) -> Differences:
    """Over the numbered lines of a case file. Raises `BadInput` at the first that is no case."""
    found = Differences()
    waiting: list[tuple[int, Case]] = []

    def judge() -> None:
        facts = facts_of([case for _, case in waiting])
        names: list[tuple[str, int | None]] = [(case.id or f"line {number}", number) for number, case in waiting]
        _compare(found, facts, names, old, new, examples)
        waiting.clear()

    for number, line in lines:
        if line.strip():
            waiting.append((number, parse(line, file=file, number=number)))
        if len(waiting) == BATCH:
            judge()
    if waiting:
        judge()
    return found


def on_decisions(
    conn: Connection, old: Engine, new: Engine, since: int, account: UUID | None, most: int, *, examples: int
) -> Differences:
    """Over the latest `most` decisions since a moment, of one account or of all.

    A registry that only one of the rulebooks asks was not asked then, and is not known.
    """
    found = Differences()
    for rows in _pages(conn, since, account, most):
        facts = packed.unpack(
            [bytes(row.facts) for row in rows],
            [packed.selector_of(bytes(row.selector)) for row in rows],
            [at_of(row.at) for row in rows],
        )
        _compare(found, facts, [(str(row.id), None) for row in rows], old, new, examples)
    return found


class _Row(NamedTuple):
    id: UUID
    at: datetime
    facts: bytes
    selector: bytes


def _pages(conn: Connection, since: int, account: UUID | None, most: int) -> Iterator[list[_Row]]:
    """From the latest backwards: ids rise with the time."""
    before, left = UUID(int=2**128 - 1), most
    while left > 0:
        rows = conn.execute(
            "SELECT d.id, d.at, d.facts, s.body FROM ledger_decision d JOIN ledger_selector s ON s.digest = d.selector"
            " WHERE d.id < %s AND d.at >= %s AND (%s::uuid IS NULL OR d.account = %s) ORDER BY d.id DESC LIMIT %s",
            [before, moment_of(since), account, account, min(left, _PAGE)],
            binary=True,
        ).fetchall()
        if not rows:
            return
        page = [_Row(*row) for row in rows]
        yield page
        before, left = page[-1].id, left - len(page)


def _compare(
    found: Differences, facts: Facts, names: Sequence[tuple[str, int | None]], old: Engine, new: Engine, examples: int
) -> None:
    before, after = old.judge(facts), new.judge(facts)
    found.judged += facts.n
    for row, (name, line) in enumerate(names):
        was, now = _said(before, row), _said(after, row)
        if was == now:
            continue
        if was[:3] == now[:3]:
            found.only_rules += was.rules != now.rules
            found.only_obligations += was.rules == now.rules
            continue
        found.verdicts[was.word(), now.word()] += 1
        for rule in set(now.rules) - set(was.rules):
            found.rules[rule, True] += 1
        for rule in set(was.rules) - set(now.rules):
            found.rules[rule, False] += 1
        if len(found.examples) < examples:
            found.examples.append(Difference(name, line, was, now))


def _said(answers: Answers, row: int) -> Said:
    outcome = answers.of(row)
    earliest = int(answers.earliest[row])
    moment = None if earliest == MISSING or outcome.verdict is not Verdict.DEFER else earliest
    return Said(outcome.verdict, outcome.cure, moment, outcome.rules, outcome.obligations)
