"""Judge a case file: one answer for each line, in order, with no database and no account.

`judge` answers; `check` compares answers with what the cases expect. A case decided by
nothing but missing coverage was not judged by its own law: it is `not covered`, never passed.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, Final, cast

from forbear.core.codes import Code, Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import MISSING, at_of, rfc3339
from forbear.kernel.case import Case
from forbear.kernel.casefile import LONGEST_LINE, parse
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine

BATCH: Final = 512
COVERAGE: Final = "coverage."
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Judged:
    """One case and its answer."""

    line: int
    case: Case
    verdict: Verdict
    cure: Cure | None
    earliest_at: int | None  # microseconds UTC, with `defer`
    rules: tuple[str, ...]  # those that decided
    obligations: tuple[str, ...]
    rulebook: str
    overrides: tuple[str, ...] = ()  # the operator's own texts that mattered
    shadow: tuple[tuple[str, Code], ...] = ()  # rules that are only watched and would have been stricter

    def answer(self) -> dict[str, Any]:
        """The answer as the case format writes it."""
        return {
            "id": self.case.id,
            "verdict": self.verdict.value,
            "cure": self.cure.value if self.cure else None,
            "earliest": None if self.earliest_at is None else rfc3339(self.earliest_at),
            "rules": list(self.rules),
            "obligations": list(self.obligations),
            "rulebook": self.rulebook,
            **({"overrides": list(self.overrides)} if self.overrides else {}),
            **({"shadow": {rule: code.name.lower() for rule, code in self.shadow}} if self.shadow else {}),
        }


class Mark(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_COVERED = "not covered"
    NO_EXPECTATION = "nothing expected"


@dataclass(frozen=True, slots=True)
class Checked:
    """How an answer stands to what its case expects; `difference` is empty where there is none."""

    judged: Judged
    mark: Mark
    difference: str


def judge(lines: Iterable[tuple[int, bytes]], engine: Engine, *, file: str) -> Iterator[Judged]:
    """Answers to numbered lines, `BATCH` at a time; blank lines are passed over. `BadInput` at the first bad one."""
    waiting: list[tuple[int, Case]] = []
    for number, line in lines:
        if line.strip():
            waiting.append((number, parse(line, file=file, number=number)))
        if len(waiting) == BATCH:
            yield from _answers(waiting, engine)
            waiting = []
    if waiting:
        yield from _answers(waiting, engine)


def _answers(cases: list[tuple[int, Case]], engine: Engine) -> Iterator[Judged]:
    answers = engine.judge(facts_of([case for _, case in cases]))
    for row, (number, case) in enumerate(cases):
        verdict, cure = answers.verdict(row)
        earliest = int(answers.earliest[row])
        yield Judged(
            line=number,
            case=case,
            verdict=verdict,
            cure=cure,
            earliest_at=None if earliest == MISSING else earliest,
            rules=answers.rules(row),
            obligations=answers.obligations(row),
            rulebook=engine.digest,
            overrides=answers.overrides(row),
            shadow=answers.of(row).shadow,
        )


def check(judged: Judged) -> Checked:
    expect = judged.case.expect
    if expect is None:
        return Checked(judged, Mark.NO_EXPECTATION, "")
    difference = ""
    if judged.verdict is not expect.verdict:
        difference = f"expected {expect.verdict}, came out {judged.verdict}"
    elif expect.earliest is not None and judged.earliest_at != at_of(expect.earliest):
        came = "no instant" if judged.earliest_at is None else rfc3339(judged.earliest_at)
        difference = f"expected to be allowed from {rfc3339(at_of(expect.earliest))}, came out {came}"
    if judged.rules and all(rule.startswith(COVERAGE) for rule in judged.rules):
        return Checked(judged, Mark.NOT_COVERED, difference)
    return Checked(judged, Mark.FAILED if difference else Mark.PASSED, difference)


@contextmanager
def open_lines(path: Path | None, stdin: IO[bytes]) -> Iterator[Iterator[tuple[int, bytes]]]:
    """The numbered lines of a file, or of `stdin`; gzip is told by its first bytes. Memory is bounded by one line."""
    if path is None:
        reader: BufferedReader = BufferedReader(cast(RawIOBase, stdin))  # any stream, with a look ahead
        try:
            yield _lines(_unpacked(reader), "-")
        finally:
            reader.detach()
        return
    try:
        raw = path.open("rb")
    except (OSError, ValueError) as fault:
        raise BadInput(f"cannot be read: {getattr(fault, 'strerror', fault)}", file=str(path)) from None
    with raw:
        yield _lines(_unpacked(raw), str(path))


def _unpacked(raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw


def _lines(source: BufferedReader | gzip.GzipFile, name: str) -> Iterator[tuple[int, bytes]]:
    number = 0
    while True:
        number += 1
        try:
            line = source.readline(LONGEST_LINE + 2)
        except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
            raise BadInput(f"the gzip stream is damaged: {fault}", file=name, line=number) from None
        if not line:
            return
        if len(line) > LONGEST_LINE + 1 or (len(line) > LONGEST_LINE and not line.endswith(b"\n")):
            raise BadInput(f"longer than {LONGEST_LINE} bytes", file=name, line=number, todo="one case is one line")
        yield number, line.rstrip(b"\r\n")
