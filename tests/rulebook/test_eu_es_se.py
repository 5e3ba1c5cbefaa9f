"""The Union's own rules and those of nine member states, Spain to Sweden, through the door the product uses."""

from __future__ import annotations

from datetime import date
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

STATES = ("es", "it", "nl", "pl", "pt", "ro", "sk", "si", "se")
UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
COMMUNITIES = "AN AR AS CB CE CL CM CN CT EX GA IB MC MD ML NC PV RI VC"
OURS = [rule for rule in shipped().rules if rule.file.split("/")[0] in (*STATES, "eu")]
YEARS = range(2025, 2029)


BASES = bases_of(STATES)


def base(name: str, **changes: Any) -> dict[str, Any]:
    return altered(BASES[name], **changes)


def consent(channel: str = "voice", **changes: Any) -> dict[str, Any]:
    return {
        "level": "express",
        "given": "2026-09-01",
        "channels": [channel],
        "purposes": ["marketing"],
        "covers": [],
        "evidence": True,
        "names_seller": True,
        **changes,
    }


def days(calendar_id: str) -> set[date]:
    return {date_of(holiday.day) for holiday in shipped().calendars[calendar_id].days}


# The files themselves.


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_every_rule_is_cited_and_shown_from_both_sides(rule: Rule) -> None:
    assert rule.cites
    assert rule.id.split(".")[0] == rule.file.split("/")[0]
    wanted = {example.want for example in rule.examples}
    if rule.check in STATED_ONLY:
        assert wanted == {Code.SATISFIED, Code.SILENT}
    else:
        assert rule.on_fail in wanted
        assert wanted & {Code.SATISFIED, Code.SILENT}


@pytest.mark.parametrize("rule", [rule for rule in OURS if rule.confidence == "low"], ids=lambda rule: rule.id)
def test_what_is_not_sure_says_so_to_the_reader(rule: Rule) -> None:
    assert rule.note


@pytest.mark.parametrize("rule", [rule for rule in OURS if rule.file.startswith("eu/")], ids=lambda rule: rule.id)
def test_a_rule_of_the_union_reaches_every_member_state(rule: Rule) -> None:
    assert sorted(rule.applies.places) == UNION.split()


@pytest.mark.parametrize("rule", [rule for rule in OURS if len(rule.values) > 1], ids=lambda rule: rule.id)
def test_the_texts_of_a_rule_follow_each_other_without_a_gap(rule: Rule) -> None:
    for before, after in zip(rule.values, rule.values[1:], strict=False):
        assert after.from_day == before.to_day + 1


@pytest.mark.parametrize("name", sorted(BASES))
def test_the_cases_that_examples_stand_on_are_allowed(engine: Engine, name: str) -> None:
    assert verdict(engine, BASES[name]) == ("allow", None, ())


# What is asked everywhere.


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("channel", ["text", "mail"])
@pytest.mark.parametrize("kind", ["consumer", "sole_trader"])
def test_a_person_gets_no_offer_in_writing_without_consent(engine: Engine, state: str, channel: str, kind: str) -> None:
    case = base(f"{state}_{channel}", recipient__kind=kind)
    assert verdict(engine, case)[0] == "allow"
    assert verdict(engine, case | {"consents": []})[0] == "deny"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mode", ["prerecorded", "ai_voice"])
def test_a_machine_calls_only_who_consented_to_machines(engine: Engine, state: str, mode: str) -> None:
    case = base(f"{state}_call", contact__mode=mode, contact__ai_disclosed=True, consents=[consent()])
    assert verdict(engine, case)[0] == "deny"
    case["consents"] = [consent(covers=["automated"])]
    assert verdict(engine, case)[0] == "allow"


@pytest.mark.parametrize("state", STATES)
def test_an_artificial_voice_that_hides_what_it_is_does_not_call(engine: Engine, state: str) -> None:
    case = base(f"{state}_call", contact__mode="ai_voice", contact__ai_disclosed=False)
    case["consents"] = [consent(covers=["automated"])]
    assert verdict(engine, case) == ("deny", None, ("eu.ai_act.disclosure",))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("channel", ["call", "text", "mail"])
def test_an_objection_ends_every_channel(engine: Engine, state: str, channel: str) -> None:
    said = {"at": "2026-10-01T08:00:00Z", "scope": "direct_marketing_objection", "channel": "email"}
    word, _, rules = verdict(engine, base(f"{state}_{channel}", opt_outs=[said]))
    assert word == "deny"
    assert "eu.gdpr.objection" in rules


@pytest.mark.parametrize("state", STATES)
def test_a_withheld_number_sells_nothing(engine: Engine, state: str) -> None:
    assert verdict(engine, base(f"{state}_call", contact__from="anonymous"))[0] == "deny"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("channel", ["call", "text", "mail"])
def test_an_allowed_offer_names_its_sender(engine: Engine, state: str, channel: str) -> None:
    owed = engine.judge(facts_of([read(base(f"{state}_{channel}"))])).obligations(0)
    assert ("identify_caller" if channel == "call" else "identify_sender") in owed


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("channel", ["call", "text", "mail"])
def test_what_was_not_read_lets_nobody_through(engine: Engine, state: str, channel: str) -> None:
    case = base(f"{state}_{channel}", contact__purpose="debt_collection", contact__from="+441234567890")
    case["contact"]["content"]["promotional"] = False
    assert verdict(engine, case)[0] == "deny"


# Spain.


def in_spain(region: str | None, now: str, to: str = "+34612345678") -> dict[str, Any]:
    place = {"region": f"ES-{region}"} if region else {}
    return base("es_mobile", now=now, contact__to=to, recipient={"kind": "consumer", "country": "ES", **place})


def test_a_holiday_of_one_community_closes_there_and_where_nobody_knows_the_community(engine: Engine) -> None:
    noon = "2026-11-02T11:00:00Z"  # All Saints, kept on Monday in Madrid, not in Cataluña
    fresh = {"es.robinson": {"listed": False, "checked": "2026-10-20"}}
    assert verdict(engine, in_spain("MD", noon) | {"registries": fresh})[1:] == (
        "2026-11-03T08:00:00Z",
        ("es.md.holidays",),
    )
    assert verdict(engine, in_spain("CT", noon) | {"registries": fresh})[0] == "allow"
    word, earliest, rules = verdict(engine, in_spain(None, noon) | {"registries": fresh})
    assert (word, earliest) == ("defer", "2026-11-03T09:00:00Z")  # the Canaries open last
    assert "es.md.holidays" in rules
    assert "es.ct.holidays" not in rules


def test_the_canaries_keep_their_own_clock(engine: Engine) -> None:
    assert verdict(engine, in_spain("CN", "2026-11-24T08:30:00Z"))[1] == "2026-11-24T09:00:00Z"
    assert verdict(engine, in_spain("CN", "2026-11-24T20:30:00Z"))[0] == "allow"


@pytest.mark.parametrize(
    ("sender", "purpose", "word"),
    [
        ("+34400123456", "marketing", "allow"),
        ("+34911112222", "marketing", "deny"),
        ("+34400123456", "delivery", "deny"),
        ("+34911112222", "delivery", "allow"),
    ],
)
def test_offers_come_from_the_400_range_and_notices_do_not(
    engine: Engine, sender: str, purpose: str, word: str
) -> None:
    case = base("es_call", contact__purpose=purpose, contact__from=sender)
    case["contact"]["content"]["promotional"] = purpose == "marketing"
    assert verdict(engine, case)[0] == word


def test_a_call_from_a_range_nobody_can_ring_back_owes_another_contact(engine: Engine) -> None:
    owed = engine.judge(facts_of([read(base("es_call"))])).obligations(0)
    assert {"callback_number", "reference_number", "identify_caller", "state_purpose"} <= set(owed)


# Italy.


def test_the_eve_of_a_holiday_opens_late_and_closes_early(engine: Engine) -> None:
    fresh = {"it.rpo": {"listed": False, "checked": "2026-12-04"}}
    at_nine = base("it_call", now="2026-12-07T08:30:00Z", registries=fresh)
    assert verdict(engine, at_nine) == ("defer", "2026-12-07T09:00:00Z", ("it.calling_hours",))
    at_seven = base("it_call", now="2026-12-07T18:30:00Z", registries=fresh)
    assert verdict(engine, at_seven)[1] == "2026-12-09T08:00:00Z"  # the 8th is a holiday


def test_enrolment_ends_the_consents_before_it(engine: Engine) -> None:
    listed = {"it.rpo": {"listed": True, "since": "2026-09-15", "checked": "2026-11-20"}}
    assert verdict(engine, base("it_call", registries=listed, consents=[consent()]))[0] == "deny"
    assert verdict(engine, base("it_call", registries=listed, consents=[consent(given="2026-09-16")]))[0] == "allow"


def test_a_house_outside_the_code_opens_on_saturday_at_nine(engine: Engine) -> None:
    saturday = base("it_call", now="2026-11-28T08:30:00Z")
    assert verdict(engine, saturday)[1] == "2026-11-28T09:00:00Z"
    assert verdict(engine, saturday | {"policy": {"it_code_of_conduct": False}})[0] == "allow"


def test_a_customer_gets_e_mail_but_no_texts_in_italy(engine: Engine) -> None:
    assert verdict(engine, base("it_mail", consents=[consent("email", level="soft_opt_in")]))[0] == "allow"
    assert verdict(engine, base("it_text", consents=[consent("sms", level="soft_opt_in")]))[0] == "deny"


# The others.


@pytest.mark.parametrize(("now", "word"), [("2026-06-30T09:00:00Z", "allow"), ("2026-07-01T09:00:00Z", "deny")])
def test_a_dutch_customer_could_be_called_until_june(engine: Engine, now: str, word: str) -> None:
    customer = {"kind": "customer", "on": "2025-11-03", "ongoing": True, "related": True}
    assert verdict(engine, base("nl_call", now=now, consents=[], relationships=[customer]))[0] == word


def test_a_dutch_charity_calls_its_donors_of_three_years_for_donations(engine: Engine) -> None:
    donor = {"kind": "donation", "on": "2023-11-24", "ongoing": False, "related": True}
    case = base("nl_call", consents=[], relationships=[donor], contact__purpose="fundraising", sender__kind="charity")
    case["contact"]["content"]["promotional"] = False
    assert verdict(engine, case)[0] == "allow"
    case["relationships"][0]["on"] = "2023-11-23"
    assert verdict(engine, case)[0] == "deny"


def test_a_portuguese_mobile_waits_for_the_azores(engine: Engine) -> None:
    case = base("pt_call", now="2026-11-24T09:30:00Z", contact__to="+351912345678")
    assert verdict(engine, case) == ("defer", "2026-11-24T10:00:00Z", ("pt.calling_hours",))


@pytest.mark.parametrize(("checked", "word"), [("2026-11-16", "allow"), ("2026-11-15", "deny")])
def test_the_slovak_list_is_the_last_of_the_first_or_the_sixteenth(engine: Engine, checked: str, word: str) -> None:
    list_ = {"sk.nevyziadane": {"listed": False, "checked": checked}}
    assert verdict(engine, base("sk_call", registries=list_))[0] == word


@pytest.mark.parametrize(("edition", "word"), [("2026-09-24", "allow"), ("2026-09-23", "deny")])
def test_a_version_of_nix_serves_two_months(engine: Engine, edition: str, word: str) -> None:
    nix = {"se.nix": {"listed": False, "checked": "2026-11-20", "edition": edition}}
    assert verdict(engine, base("se_call", registries=nix))[0] == word


def test_a_swedish_business_on_no_list_is_called_without_consent_and_a_polish_one_is_not(engine: Engine) -> None:
    assert verdict(engine, base("se_call", recipient__kind="business", registries={}))[0] == "allow"
    assert verdict(engine, base("pl_call", recipient__kind="business", consents=[]))[0] == "deny"


# The calendars.


@pytest.mark.parametrize("state", STATES)
def test_a_member_states_calendar_is_what_the_library_says(state: str) -> None:
    kept = {day for day in days(f"{state}.public") if day.year in YEARS}
    assert kept == set(holidays.country_holidays(state.upper(), years=YEARS))


@pytest.mark.parametrize("community", COMMUNITIES.split())
def test_a_community_keeps_the_days_of_spain_and_its_own(community: str) -> None:
    own, nation = days(f"es.{community.lower()}"), days("es.public")
    assert nation < own
    library = set(holidays.country_holidays("ES", subdiv=community, years=YEARS))
    assert {day for day in own if day.year in YEARS} == library | {day for day in nation if day.year in YEARS}


@pytest.mark.parametrize(
    ("calendar_id", "kept", "not_kept"),
    [
        ("it.public", ["2026-10-04", "2027-10-04", "2026-12-08", "2026-04-06"], ["2025-10-04", "2026-12-07"]),
        ("es.public", ["2026-01-06", "2026-04-03", "2026-10-12", "2026-12-08"], ["2026-04-02", "2026-04-06"]),
        ("es.md", ["2026-04-02", "2026-05-02", "2026-11-02", "2026-12-07"], ["2026-04-06", "2026-09-11"]),
        ("es.ct", ["2026-04-06", "2026-06-24", "2026-09-11"], ["2026-04-02", "2026-11-02"]),
        ("es.cn", ["2025-05-30", "2026-04-02"], ["2026-05-29"]),
        ("nl.public", ["2026-04-27", "2025-04-26", "2026-05-14"], ["2026-05-04", "2025-04-27"]),
        ("nl.commemoration", ["2026-05-04", "2026-05-05", "2028-05-04"], ["2026-05-06"]),
        ("pl.public", ["2025-12-24", "2026-11-11", "2026-06-04"], ["2024-12-24"]),
        ("pt.public", ["2026-06-10", "2026-12-01", "2026-06-04"], ["2026-02-17"]),
        ("ro.public", ["2026-04-13", "2026-12-01", "2027-05-03"], ["2026-04-06"]),
        ("si.public", ["2026-06-25", "2026-01-02"], ["2026-06-24"]),
        ("sk.public", ["2026-01-06", "2026-04-06"], ["2026-11-17", "2026-05-08"]),
        ("se.public", ["2026-06-06", "2026-06-20", "2026-05-14"], ["2026-05-25"]),
    ],
)
def test_days_checked_by_hand(calendar_id: str, kept: list[str], not_kept: list[str]) -> None:
    found = days(calendar_id)
    assert {date.fromisoformat(day) for day in kept} <= found
    assert not {date.fromisoformat(day) for day in not_kept} & found
