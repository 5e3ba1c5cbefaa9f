"""The kernel and its twin say the same: every rule's own code, the verdict, what decided, when it becomes allowed.

`FORBEAR_CASES=20000 pytest tests/kernel/test_agreement.py` looks harder, `FORBEAR_SEED=2` elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from forbear.core.codes import Code
from forbear.core.instants import MISSING, moment_of
from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Rulebook, Selection
from tests.kernel import everything
from tests.kernel.edges import Edges

CASES = int(os.environ.get("FORBEAR_CASES", "300"))
SEED = int(os.environ.get("FORBEAR_SEED", "1"))


@dataclass(frozen=True)
class Difference:
    case: Case
    what: str

    def __str__(self) -> str:
        return f"{self.what}\n    {self.case}"


def differences(engine: Engine, cases: Sequence[Case]) -> list[Difference]:
    facts = facts_of(cases)
    answers = engine.judge(facts)
    words = engine.explain(facts, range(len(cases)))
    found = []
    for row, case in enumerate(cases):
        ours = reference.judge(case, engine.rulebook)
        theirs = {word.rule: word.code for word in words[row]}
        said = []
        for name in sorted({*theirs, *ours.codes}):
            kernel, twin = theirs.get(name), ours.codes.get(name)
            if kernel != twin:
                said.append(f"{name}: kernel {kernel!r}, twin {twin!r}")
        earliest = None if answers.earliest[row] == MISSING else moment_of(int(answers.earliest[row]))
        kernel_says = (*answers.verdict(row), earliest, sorted(answers.obligations(row)))
        twin_says = (ours.verdict, ours.cure, ours.earliest, sorted(ours.obligations))
        if kernel_says != twin_says:
            said.append(f"kernel {kernel_says}\n    twin   {twin_says}")
        rules = answers.rules(row)
        if ours.code is Code.NOT_NOW and ours.earliest is None:
            if not set(ours.rules) <= set(rules):  # the kernel also names what stood in the way later on
                said.append(f"decided: kernel {rules}, twin at least {ours.rules}")
        elif rules != ours.rules:
            said.append(f"decided: kernel {rules}, twin {ours.rules}")
        if said:
            found.append(Difference(case, "\n    ".join(said)))
    return found


def some_rules(rulebook: Rulebook, edges: Edges) -> Rulebook:
    """A few of the rules: with all of them hardly a drawn contact may ever be made, and none waits."""
    kept = [rule for rule in rulebook.rules if edges.chance(4 / len(rulebook.rules))]
    rules = tuple(replace(rule, shadow=rule.shadow or edges.chance(0.15)) for rule in kept)
    return replace(rulebook, rules=rules or rulebook.rules[:1])


def check(rulebook: Rulebook, seed: int, few: bool) -> None:
    edges = Edges(rulebook, seed)
    count, size = (CASES * 5, 50) if few else (CASES, 300)
    for _ in range(0, count, size):
        engine = Engine(some_rules(rulebook, edges) if few else rulebook)
        edges.rules = engine.rulebook.rules
        found = differences(engine, edges.cases(size))
        assert not found, f"{len(found)} of {size} differ:\n" + "\n".join(map(str, found[:3]))


@pytest.mark.parametrize("few", [False, True], ids=["all rules", "a few"])
def test_kernel_and_twin_agree_on_the_rules_that_come_with_the_package(few: bool) -> None:
    check(shipped(), SEED, few)


@pytest.mark.parametrize("few", [False, True], ids=["all rules", "a few"])
def test_kernel_and_twin_agree_on_every_check_and_condition(few: bool) -> None:
    check(everything.rulebook(), SEED, few)


def test_the_cases_drawn_reach_every_code_of_every_rule() -> None:
    rulebook = everything.rulebook()
    reached = {(name, code) for case in Edges(rulebook, 7).cases(2000) for name, code in _codes(rulebook, case)}
    missing = []
    for rule in rulebook.rules:
        wanted = {Code.SATISFIED} if rule.check in STATED_ONLY else {Code.SATISFIED, rule.on_fail}
        if rule.exempt or rule.applies != Selection():
            wanted.add(Code.SILENT)
        if rule.check == "forbidden" and not any(value.unless for value in rule.values):
            wanted.discard(Code.SATISFIED)
        missing += [(rule.id, code.name) for code in wanted if (rule.id, code) not in reached]
    assert not missing


def _codes(rulebook: Rulebook, case: Case) -> list[tuple[str, Code]]:
    contact = reference.Situation(case, case.now)
    return [(rule.id, reference.code_of(rule, contact, rulebook)) for rule in rulebook.rules]
