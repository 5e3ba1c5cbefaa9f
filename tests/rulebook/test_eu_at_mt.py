"""The rules of sixteen member states, Austria to Malta, through the door the product uses; and their holidays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import holidays
import pytest

from forbear.core.codes import Code
from forbear.core.instants import date_of
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Rule
from tests.rulebook.asked import altered, bases_of, verdict

STATES = ("at", "be", "bg", "cy", "cz", "dk", "ee", "fi", "gr", "hr", "hu", "ie", "lt", "lu", "lv", "mt")
OURS = [rule for rule in shipped().rules if rule.file.split("/")[0] in STATES]
YEARS = range(2025, 2029)


BASES = bases_of(STATES)


def base(name: str, **changes: Any) -> dict[str, Any]:
    return altered(BASES[name], **changes)


def consent(channel: str = "voice", **changes: Any) -> dict[str, Any]:
    return {
        "level": "express",
        "given": "2026-05-01",
        "channels": [channel],
        "purposes": ["marketing"],
        "covers": [],
        "evidence": True,
        "names_seller": True,
        **changes,
    }


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_every_rule_is_cited_and_shown_from_both_sides(rule: Rule) -> None:
    assert rule.cites
    assert rule.id.split(".")[0] == rule.file.split("/")[0]
    assert rule.applies.places == (rule.id[:2].upper(),)
    wanted = {example.want for example in rule.examples}
    if rule.check in STATED_ONLY:
        assert wanted == {Code.SATISFIED, Code.SILENT}
    else:
        assert rule.on_fail in wanted
        assert wanted & {Code.SATISFIED, Code.SILENT}


@pytest.mark.parametrize("rule", [rule for rule in OURS if rule.confidence in ("low", "policy")], ids=lambda r: r.id)
def test_what_is_not_sure_says_so_to_the_reader(rule: Rule) -> None:
    assert rule.note or rule.confidence == "policy"


@pytest.mark.parametrize("name", sorted(BASES))
def test_the_cases_that_examples_stand_on_are_allowed(engine: Engine, name: str) -> None:
    assert verdict(engine, BASES[name]) == ("allow", None, ())


COLD = {
    # a person never spoken to, on no list: may a person call them, and a company
    "at": ("at.tkg174.call_consent", "at.tkg174.call_consent"),
    "be": (None, None),
    "bg": ("bg.zes261.call_consent", "coverage.bg"),
    "cy": ("cy.act112.call_consent", "coverage.cy"),
    "cz": ("cz.zek96.call_consent", "cz.zek96.call_consent"),
    "dk": ("dk.fal4.call_consent", "coverage.dk"),
    "ee": (None, "coverage.ee"),
    "fi": (None, "coverage.fi"),
    "gr": (None, None),
    "hr": (None, "coverage.hr"),
    "hu": ("hu.eht162.call_consent", "coverage.hu"),
    "ie": (None, None),
    "lt": ("lt.eri81.call_consent", "lt.eri81.call_consent"),
    "lu": ("lu.loi2005_art11.call_consent", "coverage.lu"),
    "lv": ("lv.ispl9.call_consent", "coverage.lv"),
    "mt": ("mt.sl58601.call_consent", "coverage.mt"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("kind", "column"), [("consumer", 0), ("sole_trader", 0), ("business", 1)])
def test_a_cold_call_goes_by_the_regime_of_the_state(engine: Engine, state: str, kind: str, column: int) -> None:
    rule = COLD[state][column]
    word, _, rules = verdict(engine, base(f"{state}_call", consents=[], recipient__kind=kind))
    assert (word, rules) == (("allow", ()) if rule is None else ("deny", (rule,)))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mode", ["prerecorded", "ai_voice"])
def test_a_recorded_or_artificial_voice_asks_for_consent_to_it(engine: Engine, state: str, mode: str) -> None:
    told = {"contact__mode": mode, "contact__ai_disclosed": True}
    people = verdict(engine, base(f"{state}_call", consents=[consent()], **told))
    machines = verdict(engine, base(f"{state}_call", consents=[consent(covers=["automated"])], **told))
    assert people[0] == "deny"
    assert [rule.rsplit(".", 1)[1] for rule in people[2]] == ["automated_call"]
    assert machines == ("allow", None, ())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("name", "channel"), [("text", "sms"), ("mail", "email")])
def test_no_text_and_no_mail_goes_out_cold(engine: Engine, state: str, name: str, channel: str) -> None:
    assert verdict(engine, base(f"{state}_{name}"))[0] == "allow"
    word, _, rules = verdict(engine, base(f"{state}_{name}", consents=[]))
    assert word == "deny"
    assert all(rule.endswith("_consent") for rule in rules)
    assert verdict(engine, base(f"{state}_{name}", consents=[consent(channel, evidence=False)]))[0] == "deny"


@pytest.mark.parametrize(("name", "channel"), [("text", "sms"), ("mail", "email")])
@pytest.mark.parametrize("state", STATES)
def test_the_customer_exception_stands_where_the_state_has_it(
    engine: Engine, state: str, name: str, channel: str
) -> None:
    ecg = {"at.ecg": {"listed": False, "checked": "2026-11-20"}} if state == "at" else {}
    case = base(f"{state}_{name}", consents=[consent(channel, level="soft_opt_in")])
    case["registries"] = {**case["registries"], **ecg}
    none = state == "hu" or (state, name) == ("dk", "text")
    assert verdict(engine, case)[0] == ("deny" if none else "allow")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["call", "text", "mail"])
def test_an_objection_to_direct_marketing_holds_in_every_state(engine: Engine, state: str, name: str) -> None:
    objected = [{"at": "2026-06-01T08:00:00Z", "scope": "direct_marketing_objection"}]
    word, _, rules = verdict(engine, base(f"{state}_{name}", opt_outs=objected))
    assert word == "deny"
    assert "eu.gdpr.objection" in rules


@pytest.mark.parametrize(
    ("state", "opens"),
    [
        *((state, "2026-11-30T08:00:00Z") for state in ("at", "be", "cz", "dk", "hr", "hu", "lu", "mt")),
        *((state, "2026-11-30T07:00:00Z") for state in ("bg", "cy", "ee", "fi", "gr", "lt", "lv")),
        ("ie", "2026-11-30T09:00:00Z"),
    ],
)
def test_a_call_of_saturday_waits_for_monday_at_nine(engine: Engine, state: str, opens: str) -> None:
    fresh = {"checked": "2026-11-27", "listed": False}
    case = base(f"{state}_call", now="2026-11-28T10:00:00Z")
    case["registries"] = dict.fromkeys(case["registries"], fresh)
    assert verdict(engine, case) == ("defer", opens, (f"{state}.policy.calling_hours",))


def test_at_easter_the_first_open_hour_differs_by_state(engine: Engine) -> None:
    """Maundy Thursday evening of 2026: some keep Good Friday, some Easter Monday, some a week later."""
    opens = {}
    for state in STATES:
        case = base(f"{state}_call", now="2026-04-02T19:30:00Z", consents=[consent(given="2026-01-05")])
        checked = {"listed": False, "checked": "2026-04-01", "edition": "2026-04-01"}
        case["registries"] = dict.fromkeys(case["registries"], checked)
        opens[state] = (verdict(engine, case)[1] or "")[5:10]
    assert opens == {
        "at": "04-03",  # open on Good Friday
        "be": "04-03",
        "bg": "04-03",
        "cy": "04-03",
        "cz": "04-07",  # closed on both days
        "dk": "04-07",
        "ee": "04-06",  # open on Easter Monday
        "fi": "04-07",
        "gr": "04-03",
        "hr": "04-03",
        "hu": "04-07",
        "ie": "04-03",
        "lt": "04-03",
        "lu": "04-03",
        "lv": "04-07",
        "mt": "04-06",
    }


# single states


def test_in_belgium_the_last_act_of_the_subscriber_counts(engine: Engine) -> None:
    listed = {"be.dncm": {"listed": True, "since": "2026-05-01", "checked": "2026-11-20"}}
    for given, word in (("2026-04-30", "deny"), ("2026-05-01", "deny"), ("2026-05-02", "allow")):
        case = base("be_call", registries=listed, consents=[consent(given=given)])
        assert verdict(engine, case)[0] == word, given


def test_in_belgium_no_consent_stands_in_for_a_fresh_answer(engine: Engine) -> None:
    for checked, word in (("2026-11-19", "allow"), ("2026-11-18", "deny")):
        case = base("be_call", registries={"be.dncm": {"listed": False, "checked": checked}})
        assert verdict(engine, case)[0] == word, checked


def test_in_croatia_the_register_stops_a_text_that_an_older_consent_allowed(engine: Engine) -> None:
    listed = {"hr.ne_zovi": {"listed": True, "since": "2026-05-01", "checked": "2026-11-20"}}
    before = base("hr_text", registries=listed, consents=[consent("sms", given="2026-04-30")])
    after = base("hr_text", registries=listed, consents=[consent("sms", given="2026-05-02")])
    assert verdict(engine, before) == ("deny", None, ("hr.zzp.ne_zovi",))
    assert verdict(engine, after)[0] == "allow"


def test_in_denmark_the_robinson_list_ends_the_freedom_of_a_trade(engine: Engine) -> None:
    listed = {"dk.robinson": {"listed": True, "since": "2026-01-10", "checked": "2026-11-20", "edition": "2026-10-01"}}
    cold = base("dk_call", consents=[], contact__sector="insurance_mediation")
    assert verdict(engine, cold)[0] == "allow"
    assert verdict(engine, {**cold, "registries": listed}) == ("deny", None, ("dk.mfl10.robinson",))
    assert verdict(engine, {**cold, "registries": listed, "consents": [consent()]})[0] == "allow"


def test_in_denmark_the_list_of_the_last_quarter_is_too_old(engine: Engine) -> None:
    for edition, word in (("2026-10-01", "allow"), ("2026-07-01", "deny")):
        answer = {"dk.robinson": {"listed": False, "checked": "2026-11-20", "edition": edition}}
        case = base("dk_call", consents=[], contact__sector="books", registries=answer)
        assert verdict(engine, case)[0] == word, edition


def test_in_ireland_a_customer_may_be_called_on_a_listed_landline_and_on_no_mobile(engine: Engine) -> None:
    listed = {"ie.ndd": {"listed": True, "since": "2026-01-10", "checked": "2026-11-20"}}
    customer = [{"kind": "customer", "ongoing": True, "related": True}]
    landline = base("ie_call", consents=[], relationships=customer, registries=listed)
    mobile = {**landline, "recipient": {"kind": "consumer", "country": "IE", "line_type": "mobile"}}
    mobile["contact"] = {**landline["contact"], "to": "+353850123456"}
    assert verdict(engine, landline)[0] == "allow"
    assert verdict(engine, mobile) == ("deny", None, ("ie.si336.mobile_consent",))
    assert verdict(engine, {**mobile, "consents": [consent()]})[0] == "allow"


def test_in_ireland_an_answer_of_twenty_eight_days_is_stale(engine: Engine) -> None:
    for checked, word in (("2026-10-28", "allow"), ("2026-10-27", "deny")):
        case = base("ie_call", consents=[], registries={"ie.ndd": {"listed": False, "checked": checked}})
        assert verdict(engine, case)[0] == word, checked


def test_in_ireland_an_unregistered_name_sends_nothing_not_even_a_delivery_notice(engine: Engine) -> None:
    case = base("ie_text", contact__purpose="delivery", contact__from="ACMEHOME")
    case["contact"]["content"]["promotional"] = False
    for registered, word in ((True, "allow"), (False, "deny"), (None, "deny")):
        case["sender"]["id_registered"] = registered
        assert verdict(engine, case)[0] == word, registered


def test_in_greece_an_answer_serves_thirty_days(engine: Engine) -> None:
    for checked, word in (("2026-10-25", "allow"), ("2026-10-24", "deny")):
        case = base("gr_call", consents=[], registries={"gr.article11": {"listed": False, "checked": checked}})
        assert verdict(engine, case)[0] == word, checked


def test_in_finland_gambling_is_not_sold_by_telephone_from_july_2027(engine: Engine) -> None:
    for now, word in (("2027-06-30T10:00:00Z", "allow"), ("2027-07-01T10:00:00Z", "deny")):
        assert verdict(engine, base("fi_call", now=now, contact__sector="gambling"))[0] == word, now


def test_austria_asks_for_the_callers_own_number(engine: Engine) -> None:
    answers = engine.judge(facts_of([read(base("at_call"))]))
    assert {"show_caller_id", "show_own_number"} <= set(answers.obligations(0))
    assert verdict(engine, base("at_call", contact__from="anonymous"))[0] == "deny"


# holidays

EASTER = {2025: date(2025, 4, 20), 2026: date(2026, 4, 5), 2027: date(2027, 3, 28), 2028: date(2028, 4, 16)}
PASCHA = {2025: date(2025, 4, 20), 2026: date(2026, 4, 12), 2027: date(2027, 5, 2), 2028: date(2028, 4, 16)}
GOOD_FRIDAY, EASTER_MONDAY, ASCENSION, WHIT_MONDAY, CORPUS_CHRISTI = -2, 1, 39, 50, 60
MOVABLE = {
    "at": (EASTER, {EASTER_MONDAY, ASCENSION, WHIT_MONDAY, CORPUS_CHRISTI}),
    "be": (EASTER, {EASTER_MONDAY, ASCENSION, WHIT_MONDAY}),
    "bg": (PASCHA, {GOOD_FRIDAY, EASTER_MONDAY}),
    "cy": (PASCHA, {-48, GOOD_FRIDAY, EASTER_MONDAY, WHIT_MONDAY}),
    "cz": (EASTER, {GOOD_FRIDAY, EASTER_MONDAY}),
    "dk": (EASTER, {-3, GOOD_FRIDAY, EASTER_MONDAY, ASCENSION, WHIT_MONDAY}),
    "ee": (EASTER, {GOOD_FRIDAY}),
    "fi": (EASTER, {GOOD_FRIDAY, EASTER_MONDAY, ASCENSION}),
    "gr": (PASCHA, {-48, GOOD_FRIDAY, EASTER_MONDAY, WHIT_MONDAY}),
    "hr": (EASTER, {EASTER_MONDAY, CORPUS_CHRISTI}),
    "hu": (EASTER, {GOOD_FRIDAY, EASTER_MONDAY, WHIT_MONDAY}),
    "ie": (EASTER, {EASTER_MONDAY}),
    "lt": (EASTER, {EASTER_MONDAY}),
    "lu": (EASTER, {EASTER_MONDAY, ASCENSION, WHIT_MONDAY}),
    "lv": (EASTER, {GOOD_FRIDAY, EASTER_MONDAY}),
    "mt": (EASTER, {GOOD_FRIDAY}),
}
FIXED = {
    "at": "01-01 01-06 05-01 08-15 10-26 11-01 12-08 12-25 12-26",
    "be": "01-01 05-01 07-21 08-15 11-01 11-11 12-25",
    "bg": "01-01 03-03 05-01 05-06 05-24 09-06 09-22 12-24 12-25 12-26",
    "cy": "01-01 01-06 03-25 04-01 05-01 08-15 10-01 10-28 12-25 12-26",
    "cz": "01-01 05-01 05-08 07-05 07-06 09-28 10-28 11-17 12-24 12-25 12-26",
    "dk": "01-01 12-25 12-26",
    "ee": "01-01 02-24 05-01 06-23 06-24 08-20 12-24 12-25 12-26",
    "fi": "01-01 01-06 05-01 12-06 12-24 12-25 12-26",
    "gr": "01-01 01-06 03-25 05-01 08-15 10-28 12-25 12-26",
    "hr": "01-01 01-06 05-01 05-30 06-22 08-05 08-15 11-01 11-18 12-25 12-26",
    "hu": "01-01 03-15 05-01 08-20 10-23 11-01 12-24 12-25 12-26",
    "ie": "01-01 03-17 12-25 12-26",
    "lt": "01-01 02-16 03-11 05-01 06-24 07-06 08-15 11-01 11-02 12-24 12-25 12-26",
    "lu": "01-01 05-01 05-09 06-23 08-15 11-01 12-25 12-26",
    "lv": "01-01 05-01 05-04 06-23 06-24 11-18 12-24 12-25 12-26 12-31",
    "mt": "01-01 02-10 03-19 03-31 05-01 06-07 06-29 08-15 09-08 09-21 12-08 12-13 12-25",
}
ELSE = {  # weekdays that follow no fixed date: Mondays and Fridays of a month, days moved by decree or kept later
    "bg": {date(2025, 5, 26), date(2025, 9, 8), date(2025, 12, 31), date(2026, 1, 2), date(2026, 5, 25)}
    | {date(2026, 9, 7), date(2026, 12, 28), date(2027, 5, 4), date(2027, 12, 27), date(2027, 12, 28)}
    | {date(2028, 1, 3), date(2028, 5, 8), date(2028, 12, 27)},
    "fi": {date(2025, 6, 20), date(2026, 6, 19), date(2027, 6, 25), date(2028, 6, 23)},  # Midsummer Eve
    "gr": {date(2027, 5, 4)},  # 1 May 2027 is the Saturday before Easter
    "hu": {date(2025, 5, 2), date(2025, 10, 24), date(2026, 1, 2), date(2026, 8, 21)},
    "ie": {date(2025, 2, 3), date(2025, 5, 5), date(2025, 6, 2), date(2025, 8, 4), date(2025, 10, 27)}
    | {date(2026, 2, 2), date(2026, 5, 4), date(2026, 6, 1), date(2026, 8, 3), date(2026, 10, 26)}
    | {date(2027, 2, 1), date(2027, 5, 3), date(2027, 6, 7), date(2027, 8, 2), date(2027, 10, 25)}
    | {date(2028, 2, 7), date(2028, 5, 1), date(2028, 6, 5), date(2028, 8, 7), date(2028, 10, 30)},
    "lv": {date(2025, 5, 2), date(2025, 5, 5), date(2025, 11, 17), date(2026, 1, 2), date(2026, 6, 22)}
    | {date(2028, 11, 20)},
}


def kept(state: str) -> set[date]:
    return {date_of(holiday.day) for holiday in shipped().calendars[f"{state}.public"].days}


@pytest.mark.parametrize("state", STATES)
def test_the_working_days_a_state_keeps_are_the_ones_counted_by_hand(state: str) -> None:
    easter, offsets = MOVABLE[state]
    counted = {easter[year] + timedelta(offset) for year in YEARS for offset in offsets}
    counted |= {date.fromisoformat(f"{year}-{day}") for year in YEARS for day in FIXED[state].split()}
    counted |= ELSE.get(state, set())
    weekdays = {day for day in kept(state) if day.year in YEARS and day.weekday() < 5}
    assert weekdays == {day for day in counted if day.weekday() < 5}


@pytest.mark.parametrize("state", STATES)
def test_a_calendar_is_what_the_library_says_and_complete(state: str) -> None:
    found = shipped().calendars[f"{state}.public"]
    assert (date_of(found.from_day), date_of(found.through_day)) == (date(2020, 1, 1), date(2030, 12, 31))
    library = holidays.country_holidays(state.upper(), years=range(2020, 2031))
    assert kept(state) == {day for day in library if day.year in range(2020, 2031)}


def test_the_years_in_which_a_holiday_came_or_went_are_told_apart() -> None:
    assert date(2023, 5, 5) in kept("dk")  # Great Prayer Day, the fourth Friday after Easter
    assert date(2024, 4, 26) not in kept("dk")
    assert date(2023, 2, 6) in kept("ie")  # Saint Brigid's Day since 2023
    assert date(2022, 2, 7) not in kept("ie")
