"""The laws of the engine, each a sentence that holds for every case and every choice of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forbear.core.codes import Code, Cure, Verdict
from forbear.core.instants import MISSING
from forbear.kernel.case import Case
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.reference import judge
from forbear.rulebook.load import load
from forbear.rulebook.model import Coverage, Rule, Rulebook
from tests.kernel import everything
from tests.kernel.edges import Edges

RULEBOOK = everything.rulebook()
EVERYWHERE = replace(RULEBOOK.coverage[0], places=("US", "FR", "AU", "GB"), status="complete")

seeds = st.integers(0, 1 << 32)
some_rules = st.lists(st.sampled_from(RULEBOOK.rules), min_size=1, max_size=8, unique_by=lambda rule: rule.id)
laws = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def book(rules: Sequence[Rule], coverage: Sequence[Coverage] = RULEBOOK.coverage) -> Rulebook:
    return replace(RULEBOOK, rules=tuple(rules), coverage=tuple(coverage))


def drawn(rules: Sequence[Rule], seed: int) -> dict[str, Any]:
    """The facts of a case made for one of the rules."""
    edges = Edges(RULEBOOK, seed)
    edges.rules = tuple(rules)
    return edges.facts()


class Said:
    """What the engine says on one case."""

    def __init__(self, rulebook: Rulebook, case: Case) -> None:
        engine, facts = Engine(rulebook), facts_of([case])
        answers = engine.judge(facts)
        self.codes = {word.rule: word.code for word in engine.explain(facts, [0])[0] if not word.shadow}
        self.worst = max(self.codes.values())
        self.verdict, self.cure = answers.verdict(0)
        self.rules = answers.rules(0)
        self.earliest = int(answers.earliest[0])
        self.obligations = answers.obligations(0)

    def everything(self) -> tuple[object, ...]:
        return self.verdict, self.cure, self.rules, self.earliest, self.obligations, self.codes

    @property
    def waits(self) -> int:
        """How long until it may go: 0 now, without end never."""
        return 0 if self.verdict is Verdict.ALLOW else self.earliest if self.earliest != MISSING else 1 << 62


@laws
@given(some_rules, seeds)
def test_the_worst_word_wins(rules: list[Rule], seed: int) -> None:
    said = Said(book(rules), read(drawn(rules, seed)))
    if said.worst <= Code.SATISFIED:
        assert (said.verdict, said.cure, said.rules) == (Verdict.ALLOW, None, ())
        return
    worst = {name for name, code in said.codes.items() if code is said.worst}
    assert worst <= set(said.rules)
    if said.worst is Code.NOT_NOW:
        assert (said.earliest != MISSING) == (said.verdict is Verdict.DEFER)
        assert said.cure is (Cure.TIME if said.verdict is Verdict.DEFER else Cure.EVIDENCE)
    else:
        assert worst == set(said.rules)
        assert said.verdict is Verdict.DENY
        assert said.cure is (Cure.EVIDENCE if said.worst is Code.UNKNOWN else Cure.NONE)


@laws
@given(some_rules, seeds, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(rules: list[Rule], seed: int, random: Any) -> None:
    case = read(drawn(rules, seed))
    shuffled = random.sample(rules, len(rules))
    one, other = Said(book(rules), case), Said(book(shuffled), case)
    assert one.codes == other.codes
    assert set(one.rules) == set(other.rules)
    assert (one.verdict, one.cure, one.earliest) == (other.verdict, other.cure, other.earliest)
    assert set(one.obligations) == set(other.obligations)


@laws
@given(some_rules, seeds)
def test_a_rule_written_twice_counts_once(rules: list[Rule], seed: int) -> None:
    case = read(drawn(rules, seed))
    twins = [replace(rule, id=f"{rule.id}.again") for rule in rules]
    one, other = Said(book(rules), case), Said(book([*rules, *twins]), case)
    assert (one.verdict, one.cure, one.earliest, one.obligations) == (
        other.verdict,
        other.cure,
        other.earliest,
        other.obligations,
    )
    assert all(other.codes[f"{rule.id}.again"] is one.codes[rule.id] for rule in rules if not rule.shadow)


@laws
@given(some_rules, st.sampled_from(RULEBOOK.rules), seeds)
def test_a_further_rule_never_loosens(rules: list[Rule], further: Rule, seed: int) -> None:
    before = [rule for rule in rules if rule.id != further.id]
    case = read(drawn([*before, further], seed))
    few, more = Said(book(before), case), Said(book([*before, further]), case)
    assert more.worst >= few.worst
    assert more.waits >= few.waits
    assert more.verdict is not Verdict.ALLOW or set(few.obligations) <= set(more.obligations)


@laws
@given(some_rules, seeds)
def test_a_shadow_rule_changes_nothing_and_is_named(rules: list[Rule], seed: int) -> None:
    case = read(drawn(rules, seed))
    first, *others = (replace(rule, shadow=False) for rule in rules)
    tried = book([first, *(replace(rule, shadow=True) for rule in others)])
    alone, beside, enforced = Said(book([first]), case), Said(tried, case), Said(book([first, *others]), case)
    assert alone.everything() == beside.everything()
    stricter = {rule.id for rule in others if enforced.codes[rule.id] > max(alone.worst, Code.SATISFIED)}
    assert set(Engine(tried).judge(facts_of([case])).shadow(0)) == stricter


@laws
@given(some_rules, seeds, st.integers(0, len(EVERYWHERE.places) - 1))
def test_a_place_whose_law_nobody_read_lets_nobody_through(rules: list[Rule], seed: int, unread: int) -> None:
    case = read(drawn(rules, seed))
    missing = EVERYWHERE.places[unread]
    kept = tuple(place for place in EVERYWHERE.places if place != missing)
    said = Said(book(rules, [replace(EVERYWHERE, places=kept)]), case)
    if any(place.country not in kept for place in case.places):
        assert said.verdict is Verdict.DENY
        assert said.worst >= Code.UNKNOWN
    assert Said(book(rules, []), case).verdict is Verdict.DENY


@laws
@given(some_rules, seeds)
def test_a_house_rule_is_no_coverage(rules: list[Rule], seed: int) -> None:
    assert Said(book(rules, []), read(drawn(rules, seed))).verdict is Verdict.DENY


# What is not known

_FORGOTTEN = [
    ("contact", "mode"),
    ("contact", "from"),
    ("contact", "content"),
    ("contact", "subject"),
    ("contact", "debt"),
    ("contact", "campaign"),
    ("contact", "ai_disclosed"),
    ("contact", "content", "identifies_sender"),
    ("contact", "content", "promotional"),
    ("contact", "content", "opt_out"),
    ("sender", "kind"),
    ("sender", "country"),
    ("sender", "id_registered"),
    ("recipient", "kind"),
    ("recipient", "line_type"),
    ("recipient", "county"),
    ("recipient", "gave_number"),
    ("consents",),
    ("relationships",),
    ("registries",),
    ("opt_outs",),
    ("history",),
    ("history", "attempts"),
    ("history", "confirmations_sent"),
    ("dialler",),
    ("dialler", "answered_live"),
    ("dialler", "window_days"),
]


def forget(facts: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    found = dict(facts)
    if len(path) == 1:
        found.pop(path[0], None)
    elif isinstance(found.get(path[0]), dict):
        found[path[0]] = forget(found[path[0]], path[1:])
    return found


@pytest.mark.parametrize("path", _FORGOTTEN, ids=".".join)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=seeds)
def test_a_missing_fact_never_lets_anyone_through(path: tuple[str, ...], seed: int) -> None:
    facts = drawn(RULEBOOK.rules, seed)
    known, less = read(facts), read(forget(facts, path))
    for rule in RULEBOOK.rules:
        if path[0] == "registries" and any(value.listed and value.listed.if_asked for value in rule.values):
            continue  # the law reaches a list that an operator may not have, and says so
        one = book([rule], [EVERYWHERE])
        if judge(less, one).verdict is Verdict.ALLOW:
            assert judge(known, one).verdict is Verdict.ALLOW, rule.id


_LISTS = ("consents", "relationships", "opt_outs")


@laws
@given(st.sampled_from(_LISTS), seeds, st.data())
def test_a_missing_fact_of_an_entry_never_lets_anyone_through(name: str, seed: int, data: st.DataObject) -> None:
    facts = drawn(RULEBOOK.rules, seed)
    entries = facts.get(name)
    if not entries:
        return
    number = data.draw(st.integers(0, len(entries) - 1))
    stated = {key for key, value in entries[number].items() if value is not None}
    key = data.draw(st.sampled_from(sorted(stated - {"until", "withdrawn"})))  # their absence says something
    less = [{k: v for k, v in entry.items() if (i, k) != (number, key)} for i, entry in enumerate(entries)]
    for rule in RULEBOOK.rules:
        one = book([rule], [EVERYWHERE])
        if judge(read({**facts, name: less}), one).verdict is Verdict.ALLOW:
            assert judge(read(facts), one).verdict is Verdict.ALLOW, rule.id


# One path for one and for many


@pytest.mark.parametrize("seed", range(3))
def test_a_column_is_judged_as_its_rows_are_one_by_one(seed: int) -> None:
    edges = Edges(RULEBOOK, seed)
    rules = [replace(rule, shadow=edges.chance(0.1)) for rule in RULEBOOK.rules if edges.chance(0.2)]
    edges.rules = tuple(rules)
    cases = edges.cases(60)
    engine = Engine(book(rules))
    column = facts_of(cases)
    answers, words = engine.judge(column), engine.explain(column, range(len(cases)))
    for row, case in enumerate(cases):
        alone = Said(book(rules), case)
        together = (
            *answers.verdict(row),
            answers.rules(row),
            int(answers.earliest[row]),
            answers.obligations(row),
            {word.rule: word.code for word in words[row] if not word.shadow},
        )
        assert together == alone.everything()


def test_an_engine_remembers_nothing_of_who_asked_before() -> None:
    edges = Edges(RULEBOOK, 5)
    cases = edges.cases(60)
    engine = Engine(RULEBOOK)
    first = [(a.verdict(0), a.rules(0), int(a.earliest[0])) for a in (engine.judge(facts_of([c])) for c in cases)]
    again = [(a.verdict(0), a.rules(0), int(a.earliest[0])) for a in (engine.judge(facts_of([c])) for c in cases[::-1])]
    assert first == again[::-1]


def test_no_contact_at_all_is_judged_too() -> None:
    assert len(Engine(RULEBOOK).judge(facts_of([])).outcome) == 0


def test_nothing_is_written_nothing_is_allowed() -> None:
    case = read({"now": "2026-11-24T17:00:00Z", "contact": {"channel": "voice", "purpose": "emergency"}})
    said = Said(load({}), case)
    assert (said.verdict, said.cure, said.rules) == (Verdict.DENY, Cure.EVIDENCE, ("coverage.place",))
