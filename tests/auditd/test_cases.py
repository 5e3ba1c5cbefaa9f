"""A recorded row becomes the same case again: the readable twin says of it what the columns said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forbear.auditd.cases import case_of
from forbear.core.instants import MISSING, at_of
from forbear.gate import packed
from forbear.kernel import reference
from forbear.kernel.columns import facts_of
from forbear.kernel.facts import Flag
from forbear.kernel.judge import Engine
from tests.kernel import everything
from tests.kernel.edges import Edges

CASES = 150


@pytest.mark.parametrize("seed", [1, 2])
def test_what_the_twin_says_of_a_packed_and_unpacked_row_is_what_the_columns_said(seed: int) -> None:
    rulebook = everything.rulebook()
    cases = Edges(rulebook, seed).cases(CASES)
    facts = facts_of(cases)
    answers = Engine(rulebook).judge(facts)
    selectors = [facts.selectors[i] for i in facts.selector.tolist()]
    again = packed.unpack(packed.pack(facts), selectors, facts.now.tolist())
    for row, case in enumerate(cases):
        said = reference.judge(case_of(again, row), rulebook)
        assert (said.verdict, said.cure) == answers.verdict(row), case
        assert said.codes == reference.judge(case, rulebook).codes, case
        if said.earliest is not None:
            assert at_of(said.earliest) == answers.earliest[row] != MISSING


def test_dealings_of_which_only_some_are_known_lift_what_they_lift_and_the_rest_stays_unknown() -> None:
    """The ledger knows the dealings it was told of, and never whether there are others."""
    rulebook = everything.rulebook()
    cases = [case for case in Edges(rulebook, 3).cases(CASES) if case.relationships]
    assert len(cases) > 10
    facts = facts_of(cases)
    open_question = ~np.uint64(1 << Flag.RELATIONSHIPS_KNOWN)
    facts = replace(facts, true=facts.true & open_question, false=facts.false & open_question)
    engine = Engine(rulebook)
    words = engine.explain(facts, range(len(cases)))
    for row, case in enumerate(cases):
        said = reference.judge(case_of(facts, row), rulebook)
        kernel = {word.rule: word.code for word in words[row]}
        assert {name: code for name, code in said.codes.items() if name in kernel} == kernel, case
