"""The law's own worked cases come out as they say, by the kernel and by its twin, wherever the place is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from forbear.core.instants import at_of
from forbear.kernel.case import Case
from forbear.kernel.casefile import parse
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.reference import judge
from forbear.rulebook.load import shipped

CASES = Path(__file__).resolve().parents[3] / "shared" / "law" / "cases.jsonl"


def law() -> list[Case]:
    if not CASES.exists():
        return []
    lines = CASES.read_bytes().splitlines()
    return [parse(line, file=CASES.name, number=number) for number, line in enumerate(lines, 1) if line.strip()]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(shipped())


@pytest.mark.skipif(not CASES.exists(), reason="the law's cases (../shared/law/cases.jsonl) are not here")
def test_most_of_the_cases_are_covered(engine: Engine) -> None:
    answers = engine.judge(facts_of(law()))
    covered = [row for row in range(len(law())) if not uncovered(answers.rules(row))]
    assert len(covered) >= 45


@pytest.mark.parametrize("case", law(), ids=lambda case: case.id)
def test_a_case_of_the_law_comes_out_as_it_says(engine: Engine, case: Case) -> None:
    answers = engine.judge(facts_of([case]))
    if uncovered(answers.rules(0)):
        pytest.skip(f"the law of this place is not written yet: {', '.join(answers.rules(0))}")
    assert case.expect is not None
    verdict, _ = answers.verdict(0)
    assert verdict is case.expect.verdict, f"{case.title}: {answers.rules(0)}"
    if case.expect.earliest is not None:
        assert int(answers.earliest[0]) == at_of(case.expect.earliest), case.title
    twin = judge(case, engine.rulebook)
    assert (twin.verdict, twin.earliest) == (case.expect.verdict, case.expect.earliest or twin.earliest)


def uncovered(rules: tuple[str, ...]) -> bool:
    return any(rule.startswith("coverage.") for rule in rules)
