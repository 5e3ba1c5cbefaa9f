"""Does each recorded decision follow from its recorded facts? Judged again by the twin and the bundle of that day.

The twin shares nothing with the engine that decided but the rulebook. Where a decision was
made by another engine than this release's and comes out otherwise, the engine changed; by
the same engine, somebody touched it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.auditd.cases import case_of
from forbear.auditd.findings import Report, Wrong
from forbear.core.codes import Code, Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import at_of
from forbear.gate import bundles, packed
from forbear.kernel import reference
from forbear.kernel.judge import ENGINE
from forbear.rulebook.model import Rulebook

_VERDICTS: Final = list(Verdict)
_CURES: Final = list(Cure)
_NOT_FACTS: Final = (  # what bytes that never were facts of ours may run into
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
    msgspec.MsgspecError,
)
READ: Final = (
    "SELECT d.id, d.at, d.verdict, d.cure, d.earliest, d.rules, d.obligations, d.overrides, d.selector, d.facts,"
    " s.body, b.rulebook, b.engine FROM ledger_decision d LEFT JOIN ledger_selector s ON s.digest = d.selector"
    " JOIN ledger_batch b ON b.id = d.batch WHERE d.id = ANY(%s)"
)


class Decided(NamedTuple):
    """One row of `READ`."""

    id: UUID
    at: datetime
    verdict: int
    cure: int | None
    earliest: datetime | None
    rules: str
    obligations: str
    overrides: str
    selector: bytes
    facts: bytes
    body: bytes | None
    rulebook: bytes
    engine: str


def judge_again(conn: Connection, decisions: Sequence[UUID], report: Report) -> None:
    """Judges these decisions again and adds what does not follow."""
    for row in conn.execute(READ, [list(decisions)], binary=True):
        _one(conn, Decided(*row), report)


def _one(conn: Connection, row: Decided, report: Report) -> None:
    report.seen["decisions judged again"] += 1
    if row.body is None:
        report.add(Wrong.GONE, "selector", bytes(row.selector).hex(), f"decision {row.id} was judged by it")
        return
    if blake2b(bytes(row.body), digest_size=16).digest() != bytes(row.selector):
        report.add(Wrong.CHANGED, "selector", bytes(row.selector).hex(), "its body is not what it is named after")
        return
    try:
        rulebook = _rulebook_of(conn, bytes(row.rulebook))
        if rulebook is None:
            report.add(Wrong.GONE, "rulebook", bytes(row.rulebook).hex(), f"decision {row.id} was judged by it")
            return
        facts = packed.unpack([bytes(row.facts)], [packed.selector_of(bytes(row.body))], [at_of(row.at)])
        said = reference.judge(case_of(facts, 0), rulebook)
    except BadInput as fault:
        report.add(Wrong.UNREADABLE, "decision", row.id, fault.what)
        return
    except _NOT_FACTS as fault:
        report.add(Wrong.CHANGED, "decision", row.id, f"its facts cannot be judged: {type(fault).__name__}")
        return
    differences = _differences(row, said, rulebook)
    if not differences:
        return
    if row.engine != ENGINE:
        report.notes[f"engine changed since {row.engine}"] += 1
        return
    report.add(Wrong.DIFFERS, "decision", row.id, "; ".join(differences))


def _differences(row: Decided, said: reference.Judgment, rulebook: Rulebook) -> list[str]:
    verdict, cure = _VERDICTS[row.verdict], None if row.cure is None else _CURES[row.cure]
    found: list[str] = []
    if (verdict, cure) != (said.verdict, said.cure):
        found.append(f"recorded as {_words(verdict, cure)}, its facts say {_words(said.verdict, said.cure)}")
        return found
    if verdict is Verdict.DEFER and row.earliest != said.earliest:
        found.append(f"may be made from {row.earliest}, its facts say {said.earliest}")
    recorded, own = set(row.rules.split()), set(said.rules)
    no_end = said.code is Code.NOT_NOW and said.earliest is None  # then what stands in the way later is named too
    if recorded != own and not (no_end and own <= recorded):
        found.append(f"decided by {' '.join(sorted(recorded)) or 'no rule'}, its facts say {' '.join(sorted(own))}")
    if set(row.obligations.split()) != said.obligations:
        found.append("it owes other things than its facts say")
    return found


def _words(verdict: Verdict, cure: Cure | None) -> str:
    return verdict.value if cure is None else f"{verdict.value} (cure {cure.value})"


def forget() -> None:
    """Rulebooks are read and checked anew."""
    _kept.clear()


_kept: dict[bytes, Rulebook | None] = {}


def _rulebook_of(conn: Connection, digest: bytes) -> Rulebook | None:
    """Its bytes are checked against the digest as they are read. Raises `BadInput` where they differ."""
    if digest not in _kept:
        while len(_kept) >= 4:
            del _kept[next(iter(_kept))]
        _kept[digest] = bundles.rulebook_of(conn, digest)
    return _kept[digest]
