"""Cases written from the tables of the law, without a look at the rules, come out as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from forbear.gate.judge_cases import Mark, check, judge
from forbear.kernel.judge import Engine
from forbear.rulebook.load import shipped

Line = tuple[str, int, bytes]

LINES: list[Line] = [
    (path.name, number, line)
    for path in sorted(Path(__file__).parent.glob("*.jsonl"))
    for number, line in enumerate(path.read_bytes().splitlines(), 1)
    if line.strip()
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(shipped())


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]}:{line[1]}")
def test_a_case_comes_out_as_it_says(engine: Engine, line: Line) -> None:
    file, number, text = line
    (judged,) = judge([(number, text)], engine, file=file)
    checked = check(judged)
    assert checked.mark is Mark.PASSED, f"{judged.case.id}: {checked.mark}: {checked.difference} {judged.rules}"


def test_no_two_cases_bear_one_name(engine: Engine) -> None:
    names = [judged.case.id for file, number, text in LINES for judged in judge([(number, text)], engine, file=file)]
    assert len(names) == len(set(names))
