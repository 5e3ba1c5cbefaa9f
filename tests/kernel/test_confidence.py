"""How sure an answer is: the lowest of who decided; of an allow, of everything that had to be met."""

from __future__ import annotations

from forbear.core.codes import Verdict
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Answers, Engine
from forbear.rulebook.load import load

RULE = """
id = "{id}"
title = "A rule"
applies = {{ places = ["US"] }}
check = "{check}"
{fail}
confidence = "{confidence}"
{state}
[[cite]]
title = "Made up"
seen = 2026-11-21
[[value]]
{value}
"""
SUBJECT, SENDER = 'any_of = [{ flag = "subject_accurate" }]', 'any_of = [{ flag = "identifies_sender" }]'
READ = """
[[read]]
places = ["US"]
status = "partial"
confidence = "{confidence}"
source = "Made up"
seen = 2026-11-21
"""


def rule(rule_id: str, confidence: str, value: str, check: str = "requires", state: str = "") -> bytes:
    fail = "" if check == "owes" else 'on_fail = "UNKNOWN"'
    text = RULE.format(id=rule_id, confidence=confidence, value=value, check=check, fail=fail, state=state)
    return text.encode()


def judged(content: dict[str, bool], *rules: bytes, read_with: str = "high", country: str = "US") -> Answers:
    files = {f"{number}.toml": text for number, text in enumerate(rules)}
    engine = Engine(load({**files, "coverage.toml": READ.format(confidence=read_with).encode()}))
    case = read(
        {
            "now": "2026-11-24T17:00:00Z",
            "contact": {"channel": "email", "purpose": "marketing", "to": "a@example.org", "content": content},
            "recipient": {"country": country},
        }
    )
    return engine.judge(facts_of([case]))


MET = {"subject_accurate": True, "identifies_sender": True}
HIGH, LOW = rule("us.high", "high", SUBJECT), rule("us.low", "low", SENDER)


def test_an_allow_is_as_sure_as_the_least_sure_rule_that_applies() -> None:
    assert judged(MET, HIGH, LOW).verdict(0) == (Verdict.ALLOW, None)
    assert judged(MET, HIGH, LOW).of(0).confidence == "low"
    assert judged(MET, HIGH).of(0).confidence == "high"


def test_an_allow_is_no_surer_than_what_was_read_of_the_place() -> None:
    assert judged(MET, HIGH, read_with="medium").of(0).confidence == "medium"
    assert judged(MET, HIGH, read_with="high").of(0).confidence == "high"


def test_a_deny_is_as_sure_as_who_decided_it() -> None:
    assert judged(MET | {"subject_accurate": False}, HIGH, LOW).of(0).confidence == "high"
    assert judged(MET | {"identifies_sender": False}, HIGH, LOW).of(0).confidence == "low"
    assert judged({}, HIGH, LOW).of(0).confidence == "low"


def test_a_choice_of_the_house_does_not_make_the_law_less_sure() -> None:
    house = rule("us.house", "policy", SENDER)
    assert judged(MET, HIGH, house).of(0).confidence == "high"
    assert judged(MET | {"identifies_sender": False}, HIGH, house).of(0).confidence == "policy"


def test_what_decides_nothing_does_not_count() -> None:
    shadow = rule("us.shadow", "low", SENDER, state='state = "shadow"')
    owes = rule("us.owes", "low", 'obligations = ["identify_sender"]', check="owes")
    assert judged(MET, HIGH, shadow).of(0).confidence == "high"
    assert judged(MET, HIGH, owes).of(0).confidence == "high"


def test_a_place_nobody_read_the_law_of_has_no_confidence() -> None:
    assert judged(MET, HIGH, country="JP").verdict(0)[0] is Verdict.DENY
    assert judged(MET, HIGH, country="JP").of(0).confidence is None
