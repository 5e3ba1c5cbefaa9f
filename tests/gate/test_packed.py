"""Facts packed into decisions are read again as they were, those of earlier engines included."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import numpy as np
import pytest

from forbear.core.errors import BadInput
from forbear.core.instants import MISSING
from forbear.gate import packed
from forbear.kernel.columns import facts_of
from forbear.kernel.facts import NOT_KNOWN, Facts
from forbear.kernel.judge import Engine
from forbear.kernel.lint import case_of
from forbear.rulebook.load import shipped
from tests.kernel.edges import Edges


def again(facts: Facts) -> Facts:
    selectors = [facts.selectors[i] for i in np.broadcast_to(facts.selector, (facts.n,)).tolist()]
    return packed.unpack(packed.pack(facts), selectors, np.broadcast_to(facts.now, (facts.n,)).tolist())


def test_drawn_facts_are_judged_again_alike() -> None:
    engine = Engine(shipped())
    facts = facts_of(Edges(shipped(), 11).cases(200))
    before, after = engine.judge(facts), engine.judge(again(facts))
    for row in range(facts.n):
        assert before.of(row) == after.of(row)
        assert before.earliest[row] == after.earliest[row]


def test_the_examples_of_pauses_and_promises_are_judged_again_alike() -> None:
    rules = [shipped().rule(name) for name in ("house.paused", "house.promised_frequency", "house.opt_out_list")]
    facts = facts_of([case_of(rule, example) for rule in rules for example in rule.examples])
    told = again(facts)
    for name in ("opt_outs", "consents"):
        one, other = getattr(facts, name), getattr(told, name)
        for part in fields(one):
            assert getattr(one, part.name).tolist() == getattr(other, part.name).tolist(), f"{name}.{part.name}"


def test_facts_of_an_engine_that_knew_no_pauses_and_promises_have_none() -> None:
    rule = shipped().rule("house.paused")
    facts = facts_of([case_of(rule, example) for example in rule.examples])
    cut = []
    for body in packed.pack(facts):
        row = msgspec.msgpack.decode(body)
        row[5] = None if row[5] is None else [entry[:10] for entry in row[5]]
        row[6] = None if row[6] is None else [entry[:4] for entry in row[6]]
        cut.append(msgspec.msgpack.encode(row))
    selectors = [facts.selectors[i] for i in facts.selector.tolist()]
    told = packed.unpack(cut, selectors, facts.now.tolist())
    assert told.opt_outs is not None
    assert set(told.opt_outs.until.tolist()) == {MISSING}
    assert told.consents is not None
    assert set(told.consents.promised_n.tolist()) == {0}
    assert set(told.consents.imported.tolist()) == {NOT_KNOWN}


def test_facts_of_a_version_yet_to_come_are_refused() -> None:
    facts = facts_of([case_of(shipped().rule("house.paused"), shipped().rule("house.paused").examples[0])])
    row = msgspec.msgpack.decode(packed.pack(facts)[0])
    later = msgspec.msgpack.encode([packed.VERSION + 1, *row[1:]])
    with pytest.raises(BadInput, match="version"):
        packed.unpack([later], facts.selectors, facts.now.tolist())
