"""The states from Alabama to Missouri, and the calendars of five states, through the door the product uses."""

from __future__ import annotations

import copy
import csv
import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from forbear.core.codes import Code
from forbear.core.instants import date_of, rfc3339
from forbear.core.words import Channel, Purpose
from forbear.kernel.casefile import parse
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Rule
from tests.rulebook import asked

LAW = Path(__file__).parents[2] / "../shared/law"
STATES = (
    "al",
    "ak",
    "ar",
    "az",
    "ca",
    "co",
    "ct",
    "de",
    "dc",
    "fl",
    "ga",
    "hi",
    "id",
    "il",
    "in",
    "ia",
    "ks",
    "ky",
    "la",
    "me",
    "md",
    "ma",
    "mi",
    "mn",
    "ms",
    "mo",
)
OURS = [rule for rule in shipped().rules if rule.file.startswith(tuple(f"us/{state}/" for state in STATES))]
BY_ID = {rule.id: rule for rule in OURS}
BASES = tomllib.loads(resources.files("forbear.rulebook").joinpath("us", "bases.toml").read_text(encoding="utf-8"))
MARKETING = {"channels": ["voice"], "purposes": ["marketing"], "evidence": True, "names_seller": True}
WRITTEN = {"level": "express_written", "given": "2026-09-15", "covers": ["automated"], **MARKETING}


def case(base: str, state: str, **changes: Any) -> dict[str, Any]:
    """A base of the rulebook moved to a state; `contact__mode="live"` changes a key within, `None` takes it out."""
    moved: dict[str, Any] = copy.deepcopy(BASES[base])
    homes = {
        "AL": ("+12055550123", "America/Chicago"),
        "AR": ("+15015550123", "America/Chicago"),
        "CT": ("+12035550123", "America/New_York"),
        "DC": ("+12025550123", "America/New_York"),
        "FL": ("+18135550123", "America/New_York"),
        "IL": ("+13125550123", "America/Chicago"),
        "IN": ("+13175550123", "America/Indiana/Indianapolis"),
        "LA": ("+15045550123", "America/Chicago"),
        "MA": ("+16175550123", "America/New_York"),
        "MD": ("+14105550123", "America/New_York"),
        "ME": ("+12075550123", "America/New_York"),
        "MS": ("+16015550123", "America/Chicago"),
    }
    number, zone = homes[state]
    moved["recipient"] |= {"region": f"US-{state}", "timezone": zone}
    moved["contact"]["to"] = number
    for key, value in changes.items():
        *tables, last = key.split("__")
        inner = moved
        for table in tables:
            inner = inner[table]
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return moved


def verdict(engine: Engine, one: Mapping[str, Any]) -> tuple[str, str | None, tuple[str, ...]]:
    return asked.verdict(engine, json.loads(json.dumps(one, default=_text)))


def _text(value: Any) -> str:
    return str(value.isoformat()).replace("+00:00", "Z")


def listed(yes: bool, **national: Any) -> dict[str, Any]:
    return {
        "us.national": {"listed": False, "checked": "2026-11-10", **national},
        "us.state": {"listed": yes, "checked": "2026-11-10"},
    }


# The rules as written.


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_a_rule_is_about_its_own_state_only_and_shown_from_both_sides(rule: Rule) -> None:
    assert rule.applies.places == (f"US-{rule.file.split('/')[1].upper()}",)
    assert rule.id.startswith(f"us.{rule.file.split('/')[1]}.")
    wanted = {example.want for example in rule.examples}
    assert Code.SILENT in wanted
    if rule.check in STATED_ONLY:
        assert wanted == {Code.SATISFIED, Code.SILENT}
    else:
        assert rule.on_fail in wanted
        assert rule.check == "forbidden" or Code.SATISFIED in wanted


def test_what_is_from_memory_or_disputed_says_so() -> None:
    for rule in OURS:
        if rule.confidence == "low" or any(cite.source and "memory" in cite.source for cite in rule.cites):
            assert rule.confidence != "high"
            assert rule.note or any(cite.source for cite in rule.cites)
    assert {rule.id for rule in OURS if rule.confidence == "low"} == {
        "us.dc.debt_calls",
        "us.dc.debt_messages",
        "us.ma.debt_contacts",
        "us.mi.recorded",
        "us.ms.holidays",
    }


@pytest.mark.parametrize("state", STATES)
def test_each_state_says_how_far_its_law_was_read(state: str) -> None:
    entries = [entry for entry in shipped().coverage if entry.places == (f"US-{state.upper()}",)]
    both = Channel.VOICE.bit | Channel.SMS.bit
    assert all(entry.channels == both and entry.status == "partial" and entry.note for entry in entries)
    purposes = {purpose for purpose in Purpose for entry in entries if entry.purposes & purpose.bit}
    assert purposes == set(Purpose)
    debts = [entry for entry in entries if entry.purposes & Purpose.DEBT_COLLECTION.bit]
    assert [entry.confidence for entry in debts] == ["low"]
    elsewhere = [entry for entry in shipped().coverage if f"US-{state.upper()}" in entry.places]
    assert elsewhere == entries


@pytest.mark.parametrize(
    ("rule", "obligations", "terms"),
    [
        ("us.al.identification", ("identify_caller", "callback_number"), (("within_seconds", 20),)),
        ("us.ca.ask_first", ("ask_before_message",), ()),
        ("us.ca.artificial_voice", ("disclose_ai",), ()),
        ("us.ct.identification", ("identify_caller", "state_purpose"), (("within_seconds", 10),)),
        ("us.fl.identification", ("identify_caller", "state_goods"), (("within_seconds", 30),)),
        ("us.fl.caller_id", ("show_caller_id", "callback_number"), ()),
        ("us.id.identification", ("identify_caller", "state_purpose", "state_goods"), ()),
        ("us.ky.identification", ("identify_caller", "callback_number"), (("within_seconds", 25),)),
        ("us.ma.identification", ("identify_caller", "state_purpose", "state_goods"), (("within_seconds", 60),)),
        ("us.ms.identification", ("identify_caller", "state_purpose"), ()),
    ],
)
def test_what_a_call_says_and_how_soon(rule: str, obligations: tuple[str, ...], terms: tuple[Any, ...]) -> None:
    (value,) = BY_ID[rule].values
    assert (value.obligations, value.terms) == (obligations, terms)


def test_delaware_keeps_opt_outs_for_ten_years_and_kentucky_consents_for_two() -> None:
    for rule, kept in (
        ("us.de.opt_out_kept", ("opt_out", 120, "request")),
        ("us.ky.consent_kept", ("consent", 24, "grant")),
    ):
        retention = BY_ID[rule].values[0].retention
        assert retention is not None
        assert (retention.record, retention.months, retention.after) == kept


def test_florida_gives_fifteen_days_after_a_stop() -> None:
    deadline = BY_ID["us.fl.text_opt_out"].values[0].deadline
    assert deadline is not None
    assert (deadline.number, deadline.unit) == (15, "days")


# What comes out.


@pytest.mark.skipif(not LAW.exists(), reason="the worked examples of the law are not beside this checkout")
def test_the_worked_examples_of_these_states_come_out_as_written(engine: Engine) -> None:
    regions = {f"US-{state.upper()}" for state in STATES}
    found = (LAW / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    ours = [line for line in found if json.loads(line)["recipient"].get("region") in regions]
    assert ours
    for line in ours:
        one = parse(line)
        answers = engine.judge(facts_of([one]))
        assert one.expect is not None
        assert answers.verdict(0)[0] is one.expect.verdict, (json.loads(line)["id"], answers.rules(0))
        if one.expect.earliest is not None:
            assert rfc3339(int(answers.earliest[0])) == json.loads(line)["expect"]["earliest"]


@pytest.mark.parametrize(
    ("county", "expected"),
    [
        ("Mobile", ("defer", "2027-02-10T14:00:00Z", ("us.al.mardi_gras",))),
        (None, ("defer", "2027-02-10T14:00:00Z", ("us.al.mardi_gras",))),
        ("Jefferson", ("allow", None, ())),
    ],
)
def test_mardi_gras_closes_two_counties_of_alabama(engine: Engine, county: str | None, expected: Any) -> None:
    registries = {"us.national": {"listed": False, "checked": "2027-02-01"}}
    one = case("us_live_call", "AL", now="2027-02-09T17:00:00Z", registries=registries, recipient__county=county)
    assert verdict(engine, one) == expected


def test_louisiana_waits_from_thanksgiving_over_the_proclaimed_friday(engine: Engine) -> None:
    one = case("us_live_call", "LA", now="2026-11-26T17:00:00Z")
    assert verdict(engine, one) == ("defer", "2026-11-28T14:00:00Z", ("us.la.calling_hours",))


def test_in_mississippi_on_a_july_evening_only_the_wall_clock_is_over(engine: Engine) -> None:
    registries = {"us.national": {"listed": False, "checked": "2027-07-01"}}
    one = case("us_live_call", "MS", now="2027-07-14T01:00:00Z", registries=registries)  # 20:00 CDT, 19:00 CST
    assert verdict(engine, one) == ("defer", "2027-07-14T14:00:00Z", ("us.ms.calling_hours",))


def test_connecticut_wants_writing_even_when_a_person_dials(engine: Engine) -> None:
    assert verdict(engine, case("us_live_call", "CT")) == ("deny", None, ("us.ct.consent",))
    assert verdict(engine, case("us_live_call", "CT", consents=[WRITTEN]))[0] == "allow"


@pytest.mark.parametrize("relationship", ["purchase", "inquiry", "customer"])
def test_no_relationship_lifts_indianas_list(engine: Engine, relationship: str) -> None:
    dealing = [{"kind": relationship, "on": "2026-11-10", "ongoing": True, "related": True}]
    one = case("us_live_call", "IN", registries=listed(True), relationships=dealing)
    assert verdict(engine, one) == ("deny", None, ("us.in.dnc",))


def test_a_purchase_may_lift_the_national_list_and_not_the_states(engine: Engine) -> None:
    bought = [{"kind": "purchase", "on": "2026-05-01"}]
    national = case("us_live_call", "LA", registries=listed(False, listed=True), relationships=bought)
    assert verdict(engine, national)[0] == "allow"
    state = case("us_live_call", "LA", registries=listed(True), relationships=bought)
    assert verdict(engine, state) == ("deny", None, ("us.la.dnc",))


def test_maine_takes_a_recording_only_on_weekdays_and_once_in_eight_hours(engine: Engine) -> None:
    saturday = case("us_recorded_call", "ME", now="2026-11-21T17:00:00Z")
    assert verdict(engine, saturday) == ("defer", "2026-11-23T14:00:00Z", ("us.me.automated_hours",))
    called = [{"at": "2026-11-24T14:30:00Z", "channel": "voice", "mode": "prerecorded"}]
    again = case("us_recorded_call", "ME", history={"attempts": called})
    assert verdict(engine, again) == ("defer", "2026-11-25T14:00:00Z", ("us.me.automated_cap",))


def test_florida_and_maryland_hold_business_calls_to_hours_and_cap_but_not_to_consent(engine: Engine) -> None:
    for state in ("FL", "MD"):
        company = {"recipient__kind": "business", "contact__subject": "solar"}
        dialled = case("us_live_call", state, contact__mode="predictive", consents=[], **company)
        dialled["dialler"] = {"answered_live": 100, "abandoned": 1, "window_days": 30, "live_agent_guaranteed": True}
        assert "automated_consent" not in str(verdict(engine, dialled)[2])
        evening = case("us_live_call", state, now="2026-11-25T01:00:00Z", **company)
        assert verdict(engine, evening)[2] == (f"us.{state.lower()}.calling_hours",)


def test_illinois_keeps_hours_for_businesses_where_the_federal_rule_has_none(engine: Engine) -> None:
    late = {"now": "2026-11-25T03:00:00Z", "recipient__kind": "business"}
    assert verdict(engine, case("us_live_call", "IL", **late)) == (
        "defer",
        "2026-11-25T14:00:00Z",
        ("us.il.calling_hours",),
    )


@pytest.mark.parametrize("base", ["us_recorded_call", "us_live_call"])
def test_consent_does_not_lift_arkansas_ban_on_recordings(engine: Engine, base: str) -> None:
    expected = ("deny", None, ("us.ar.recorded",)) if base == "us_recorded_call" else ("allow", None, ())
    assert verdict(engine, case(base, "AR")) == expected


def test_massachusetts_defers_the_third_contact_about_a_debt_to_the_eighth_day(engine: Engine) -> None:
    before = [{"on": day, "debt": "D-7", "answered": False} for day in ("2026-11-20", "2026-11-23")]
    one = case("us_debt_call", "MA", history={"attempts": before})
    assert verdict(engine, one) == ("defer", "2026-11-27T13:00:00Z", ("us.ma.debt_contacts",))


def test_the_district_counts_calls_and_messages_about_a_debt_apart(engine: Engine) -> None:
    messages = [{"on": f"2026-11-{day}", "debt": "D-7", "channel": "sms", "answered": False} for day in range(19, 24)]
    assert verdict(engine, case("us_debt_call", "DC", history={"attempts": messages}))[0] == "allow"
    calls = [{"on": f"2026-11-{day}", "debt": "D-7", "channel": "voice", "answered": False} for day in range(20, 24)]
    waits = verdict(engine, case("us_debt_call", "DC", history={"attempts": calls}))
    assert waits == ("defer", "2026-11-27T13:00:00Z", ("us.dc.debt_calls",))


# Calendars.


def days(calendar_id: str, years: Iterable[int]) -> set[date]:
    return {date_of(h.day) for h in shipped().calendars[calendar_id].days if date_of(h.day).year in years}


@pytest.mark.parametrize("calendar_id", ["us.al", "us.al_mardi_gras", "us.la", "us.ms", "us.ri", "us.ut"])
def test_the_states_calendars_reach_from_2020_through_2030(calendar_id: str) -> None:
    found = shipped().calendars[calendar_id]
    assert (date_of(found.from_day), date_of(found.through_day)) == (date(2020, 1, 1), date(2030, 12, 31))
    assert {date_of(holiday.day).year for holiday in found.days} == set(range(2020, 2031))
    assert len({holiday.day for holiday in found.days}) == len(found.days)


@pytest.mark.parametrize("state", ["AL", "LA", "MS", "RI", "UT"])
def test_the_states_calendars_are_those_of_the_table(state: str) -> None:
    if not LAW.exists():
        pytest.skip("the tables of the law are not beside this checkout")
    with (LAW / "us/holidays.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["calendar"] == state]
    ours = days(f"us.{state.lower()}", (2026, 2027))
    if state == "AL":
        ours |= days("us.al_mardi_gras", (2026, 2027))
    assert ours == {date.fromisoformat(row["date"]) for row in rows}


MOVABLE = {
    # calendar: days of 2025 and of 2028 that no rule of thumb gives
    "us.al": ("2025-04-28 2025-06-02 2025-06-19 2025-12-01", "2028-04-24 2028-06-05 2028-06-19 2028-11-10 2028-12-01"),
    "us.al_mardi_gras": ("2025-03-04", "2028-02-29"),
    "us.la": ("2025-03-04 2025-04-18 2025-11-01 2025-11-28", "2028-02-29 2028-04-14 2028-11-07 2028-11-10 2028-11-24"),
    "us.ms": ("2025-04-28 2025-05-26", "2028-04-24 2028-05-29 2028-11-10"),
    "us.ri": ("2025-05-04 2025-05-05 2025-08-11", "2028-05-04 2028-08-14 2028-11-07 2028-11-10"),
    "us.ut": ("2025-06-16 2025-06-19 2025-07-24", "2028-04-14 2028-06-19 2028-07-24 2028-11-10"),
}
COMMON = {
    2025: "01-01 01-20 02-17 05-26 07-04 09-01 11-11 11-27 12-25",
    2028: "01-01 01-17 02-21 05-29 07-04 09-04 11-11 11-23 12-25",
}
OPEN = {
    # days that a neighbour keeps and this state does not
    "us.al": "2025-04-18 2026-11-27 2028-11-07",
    "us.la": "2025-10-13 2025-11-04 2027-11-02 2028-06-05",
    "us.ms": "2025-06-19 2025-10-13 2026-06-19 2028-06-19",
    "us.ri": "2025-04-18 2025-11-04 2027-11-02",
    "us.ut": "2025-04-18 2026-04-03 2025-08-11",
}


@pytest.mark.parametrize("calendar_id", MOVABLE)
def test_the_days_of_2025_and_2028_are_the_rules_days(calendar_id: str) -> None:
    for year, listed_days in zip((2025, 2028), MOVABLE[calendar_id], strict=True):
        wanted = {date.fromisoformat(day) for day in listed_days.split()}
        if calendar_id != "us.al_mardi_gras":
            wanted |= {date.fromisoformat(f"{year}-{day}") for day in COMMON[year].split()}
        assert wanted <= days(calendar_id, (year,))
    for day in OPEN.get(calendar_id, "").split():
        assert date.fromisoformat(day) not in days(calendar_id, range(2025, 2029))


def test_alabama_takes_the_fourth_monday_of_april_and_mississippi_the_last() -> None:
    assert date(2029, 4, 23) in days("us.al", (2029,))
    assert date(2029, 4, 30) not in days("us.al", (2029,))
    assert date(2029, 4, 30) in days("us.ms", (2029,))
    assert date(2029, 4, 23) not in days("us.ms", (2029,))


def test_utah_keeps_juneteenth_on_its_monday_through_2026_and_good_friday_since_2027() -> None:
    junes = [day for day in days("us.ut", range(2025, 2029)) if day.month == 6]
    assert sorted(junes) == [
        date(2025, 6, 16),
        date(2025, 6, 19),
        date(2026, 6, 15),
        date(2026, 6, 19),
        date(2027, 6, 18),
        date(2027, 6, 19),
        date(2027, 6, 21),
        date(2028, 6, 19),
    ]
    fridays = {date(2025, 4, 18), date(2026, 4, 3), date(2027, 3, 26), date(2028, 4, 14)}
    assert fridays & days("us.ut", range(2025, 2029)) == {date(2027, 3, 26), date(2028, 4, 14)}


def test_new_years_day_on_saturday_closes_the_last_friday_of_the_year_before() -> None:
    for calendar_id in ("us.al", "us.la", "us.ms", "us.ri", "us.ut"):
        assert date(2027, 12, 31) in days(calendar_id, (2027,))
