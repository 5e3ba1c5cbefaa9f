"""The rules of Australia, France, Germany and the United Kingdom, and the house's own, through the product's door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from forbear.core.codes import Code
from forbear.core.instants import date_of, rfc3339
from forbear.kernel.casefile import parse, read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.lint import rests_on_the_store
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Rule
from tests.rulebook.asked import altered, bases_of, verdict

FOLDERS = ("au", "fr", "de", "gb", "house")
CASES = Path(__file__).parents[2] / "../shared/law/cases.jsonl"
OURS = [rule for rule in shipped().rules if rule.file.split("/")[0] in FOLDERS]


def lines() -> list[str]:
    if not CASES.exists():
        return []
    found = CASES.read_text(encoding="utf-8").splitlines()
    return [line for line in found if json.loads(line)["id"][:2].lower() in (*FOLDERS, "eu")]


def bases() -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(bases_of(("au", "fr", "de", "gb")).items())


def base(name: str, **changes: Any) -> dict[str, Any]:
    return altered(dict(bases())[name], **changes)


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_every_rule_is_cited_and_shown_from_both_sides(rule: Rule) -> None:
    assert rule.cites
    assert rule.id.split(".")[0] == rule.file.split("/")[0]
    wanted = {example.want for example in rule.examples}
    if rule.check in STATED_ONLY or rests_on_the_store(rule):
        assert wanted <= {Code.SATISFIED, Code.SILENT}
        return
    assert rule.on_fail in wanted
    assert wanted & ({Code.SILENT} if rule.check == "forbidden" else {Code.SATISFIED})


@pytest.mark.parametrize("rule", [rule for rule in OURS if len(rule.values) > 1], ids=lambda rule: rule.id)
def test_the_texts_of_a_rule_follow_each_other_without_a_gap(rule: Rule) -> None:
    for before, after in zip(rule.values, rule.values[1:], strict=False):
        assert after.from_day == before.to_day + 1


@pytest.mark.parametrize(("name", "case"), bases(), ids=[name for name, _ in bases()])
def test_the_cases_that_examples_stand_on_are_allowed(engine: Engine, name: str, case: Mapping[str, Any]) -> None:
    assert verdict(engine, case) == ("allow", None, ())


@pytest.mark.skipif(not CASES.exists(), reason="the worked examples of the law are not beside this checkout")
@pytest.mark.parametrize("line", lines(), ids=lambda line: json.loads(line)["id"])
def test_the_worked_examples_of_the_law_come_out_as_written(engine: Engine, line: str) -> None:
    case = parse(line)
    assert case.expect is not None
    answers = engine.judge(facts_of([case]))
    word, _ = answers.verdict(0)
    assert word is case.expect.verdict, answers.rules(0)
    if case.expect.earliest is not None:
        stated = json.loads(line)["expect"]["earliest"]
        assert rfc3339(int(answers.earliest[0])) == stated


CONTRACT = {"kind": "contract", "on": "2026-03-01", "ongoing": True, "related": True}


def test_in_france_a_refusal_under_a_contract_waits_sixty_days_and_opens_at_ten(engine: Engine) -> None:
    refused = {"on": "2026-10-01", "answered": True, "refused": True}
    case = base("fr_call", consents=[], relationships=[CONTRACT], history={"attempts": [refused]})
    assert verdict(engine, case) == ("defer", "2026-11-30T09:00:00Z", ("fr.d223_9.refusal",))


def test_in_france_a_refusal_ends_the_consent(engine: Engine) -> None:
    refused = {"on": "2026-09-05", "answered": True, "refused": True}
    case = base("fr_call", history={"attempts": [refused]})
    assert verdict(engine, case) == ("deny", None, ("fr.l223_1.consent",))


@pytest.mark.parametrize(("now", "word"), [("2026-08-10T09:00:00Z", "allow"), ("2026-08-11T09:00:00Z", "deny")])
def test_a_clean_bloctel_answer_served_until_the_tenth_of_august(engine: Engine, now: str, word: str) -> None:
    clean = {"fr.bloctel": {"listed": False, "checked": "2026-08-03"}}
    assert verdict(engine, base("fr_call", now=now, consents=[], registries=clean))[0] == word


def test_in_france_a_day_that_no_consent_outlives_is_no_day_to_wait_for(engine: Engine) -> None:
    """Four attempts leave the month after the consent has ended: waiting does not help."""
    attempts = [{"on": f"2026-11-{day}", "answered": False} for day in ("17", "18", "19", "20")]
    ends = {**base("fr_call")["consents"][0], "until": "2026-12-01"}
    case = base("fr_call", consents=[ends], history={"attempts": attempts})
    assert verdict(engine, case)[:2] == ("deny", None)


def test_an_australian_mobile_of_unknown_place_waits_for_the_last_clock(engine: Engine) -> None:
    nowhere = {"kind": "consumer", "country": "AU", "line_type": "mobile"}
    case = base("au_call", now="2026-11-23T22:30:00Z", recipient=nowhere, contact__to="+61412345678")
    word, earliest, _ = verdict(engine, case)
    assert word == "defer"
    assert earliest is not None
    assert earliest >= "2026-11-24T01:00:00Z"


def test_a_holiday_of_one_australian_state_stands_in_shadow_and_changes_no_verdict(engine: Engine) -> None:
    """Western Australia Day: the nation's Standard does not close it."""
    perth = {"kind": "consumer", "country": "AU", "region": "AU-WA", "locality": "Perth", "line_type": "landline"}
    dncr = {"au.dncr": {"listed": False, "checked": "2026-05-30"}}
    case = base("au_call", now="2026-06-01T03:00:00Z", recipient=perth, registries=dncr, contact__to="+61892000000")
    answers = engine.judge(facts_of([read(case)]))
    assert answers.verdict(0)[0].value == "allow"
    assert answers.shadow(0) == ("au.wa.public_holidays",)


def test_what_was_not_read_lets_nobody_through(engine: Engine) -> None:
    for name in ("fr_call", "de_call", "gb_call", "au_call"):
        case = base(name, contact__purpose="debt_collection")
        case["contact"]["content"]["promotional"] = False
        word, _, rules = verdict(engine, case)
        assert word == "deny"
        assert all(rule.startswith("coverage.") for rule in rules)


@pytest.mark.parametrize("day", ["2027-03-31", "2027-04-01"])
@pytest.mark.parametrize(("at", "word"), [("21:59:59", "defer"), ("22:00:00", "allow")])
def test_the_hours_of_australia_go_on_past_the_day_their_standard_lapses(
    engine: Engine, day: str, at: str, word: str
) -> None:
    """By UTC the evening before: nine in Sydney on the first and on the second of April."""
    clean = {"au.dncr": {"listed": False, "checked": "2027-03-20"}}
    assert verdict(engine, base("au_call", now=f"{day}T{at}Z", registries=clean))[0] == word


def test_five_business_days_begin_with_the_day_of_the_unsubscribe() -> None:
    rule = shipped().rule("au.spam.honours")
    deadline = rule.values[0].deadline
    assert deadline is not None
    assert (deadline.number, deadline.unit, deadline.calendar) == (4, "business_days", "au.every_state")


def test_what_every_australian_state_keeps_leaves_out_what_one_does_not() -> None:
    kept = {date_of(holiday.day) for holiday in shipped().calendars["au.every_state"].days}
    nation = {date_of(holiday.day) for holiday in shipped().calendars["au.national"].days}
    assert kept < nation
    assert nation - kept == {date(2020, 4, 27), date(2021, 4, 26), date(2026, 4, 27), date(2027, 4, 26)}


def test_an_allowed_sales_call_owes_what_its_country_asks(engine: Engine) -> None:
    answers = engine.judge(facts_of([read(base("de_call")), read(base("fr_call")), read(base("gb_predictive_call"))]))
    assert "show_own_number" in answers.obligations(0)
    assert "show_principals_number" in answers.obligations(1)
    assert {"identify_caller", "callback_number"} <= set(answers.obligations(2))


@pytest.mark.parametrize(("consents", "word"), [(True, "allow"), (False, "deny")])
def test_a_french_business_is_called_only_on_an_interest_that_is_shown(
    engine: Engine, consents: bool, word: str
) -> None:
    case = base("fr_business_call")
    if not consents:
        case["consents"] = []
    assert verdict(engine, case)[0] == word


@pytest.mark.parametrize(("rule", "months", "after"), [
    ("fr.r223.keep_consent", 36, "grant"), ("de.uwg7a.keep_grant", 60, "grant"), ("de.uwg7a.keep_use", 60, "use"),
    ("au.policy.keep_consent", 84, "use"), ("house.keep_opt_outs", None, "request"),
])  # fmt: skip
def test_proof_is_kept_as_long_as_the_tables_say(rule: str, months: int | None, after: str) -> None:
    retention = shipped().rule(rule).values[0].retention
    assert retention is not None
    assert (retention.months, retention.after) == (months, after)
