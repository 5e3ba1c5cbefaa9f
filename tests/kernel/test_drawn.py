"""The kernel says of drawn cases what its twin said of them: the quick form of `test_agreement`, for mutants."""

from __future__ import annotations

from forbear.core.instants import MISSING, moment_of
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from tests.kernel.drawn import batches

BATCHES = (24, 60, 5)  # how many, of how many cases, from which seed


def test_the_kernel_says_of_drawn_cases_what_its_twin_said() -> None:
    for batch in batches(*BATCHES):
        facts = facts_of(batch.cases)
        engine = Engine(batch.rulebook)
        answers = engine.judge(facts)
        words = engine.explain(facts, range(len(batch.cases)))
        for row, said in enumerate(batch.said):
            earliest = None if answers.earliest[row] == MISSING else moment_of(int(answers.earliest[row]))
            assert (*answers.verdict(row), earliest) == (said.verdict, said.cure, said.earliest)
            assert sorted(answers.obligations(row)) == sorted(said.obligations)
            assert {word.rule: word.code for word in words[row]} == said.codes
