"""The federal rules of the United States, through the door the product uses: purposes, deadlines, caps, mail, debts."""

from __future__ import annotations

import copy
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from forbear.core.instants import rfc3339
from forbear.core.words import Channel, Purpose
from forbear.kernel.casefile import parse, read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Deadline, Retention, Rule
from tests.rulebook.asked import verdict as said

CASES = Path(__file__).parents[2] / "../shared/law/cases.jsonl"
BASES = tomllib.loads(resources.files("forbear.rulebook").joinpath("us", "bases.toml").read_text(encoding="utf-8"))
FEDERAL = [rule for rule in shipped().rules if rule.file.startswith("us/") and rule.file.count("/") == 1]
NOTICES = ["research", "fundraising", "debt_collection", "healthcare", "financial_alert", "delivery", "informational"]
NIGHT = "2026-11-25T03:00:00Z"  # ten in the evening in Ohio
KEY_PRESS = {"kind": "key_press", "requires_login": False}
REPLY = {"kind": "reply", "requires_login": False}


def base(name: str, **changes: Any) -> dict[str, Any]:
    """A lawful contact; `contact__mode="ai_voice"` changes a key within."""
    case: dict[str, Any] = copy.deepcopy(BASES[name])
    for key, value in changes.items():
        *parents, last = key.split("__")
        inner = case
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return case


def notice(name: str, purpose: str, **changes: Any) -> dict[str, Any]:
    """The same, but selling nothing."""
    case = base(name, contact__purpose=purpose, contact__content__promotional=False, **changes)
    if purpose == "debt_collection":
        case["contact"]["debt"] = "D-7"
    return case


def consent(level: str, channel: str, purpose: str, given: str = "2026-09-15", **more: Any) -> dict[str, Any]:
    return {
        "level": level,
        "given": given,
        "channels": [channel],
        "purposes": [purpose],
        "covers": ["automated"],
        "evidence": True,
        "names_seller": True,
        **more,
    }


def us_lines() -> list[str]:
    if not CASES.exists():
        return []
    found = CASES.read_text(encoding="utf-8").splitlines()
    return [line for line in found if json.loads(line)["recipient"].get("country") == "US"]


@pytest.mark.skipif(not CASES.exists(), reason="the worked examples of the law are not beside this checkout")
@pytest.mark.parametrize("line", us_lines(), ids=lambda line: json.loads(line)["id"])
def test_the_worked_examples_of_the_law_come_out_as_written(engine: Engine, line: str) -> None:
    case = parse(line)
    assert case.expect is not None
    answers = engine.judge(facts_of([case]))
    word, _ = answers.verdict(0)
    assert word is case.expect.verdict, answers.rules(0)
    if case.expect.earliest is not None:
        assert rfc3339(int(answers.earliest[0])) == json.loads(line)["expect"]["earliest"]


@pytest.mark.parametrize("name", [name for name in BASES if name.startswith("us_")])
def test_the_cases_that_examples_stand_on_are_allowed(engine: Engine, name: str) -> None:
    assert said(engine, base(name)) == ("allow", None, ())


@pytest.mark.parametrize("rule", FEDERAL, ids=lambda rule: rule.id)
def test_every_federal_rule_is_cited_and_shown_from_both_sides(rule: Rule) -> None:
    assert rule.cites
    assert rule.applies.places == ("US",)
    if rule.check not in STATED_ONLY:
        assert rule.on_fail in {example.want for example in rule.examples}


# Purposes: what is no solicitation is bound by neither hours nor the registry.

LISTED = {"us.national": {"listed": True, "since": "2012-08-01", "checked": "2026-11-10"}}


@pytest.mark.parametrize("purpose", ["research", "healthcare", "financial_alert", "delivery", "informational"])
def test_a_live_call_that_sells_nothing_knows_no_hours_and_no_registry(engine: Engine, purpose: str) -> None:
    call = notice("us_live_call", purpose, now=NIGHT, registries=LISTED)
    assert said(engine, call)[0] == "allow"
    call["contact"]["content"]["promotional"] = True
    assert said(engine, call)[0] == "deny"


@pytest.mark.parametrize(("kind", "word"), [("company", "defer"), ("charity", "allow"), ("political", "allow")])
def test_who_asks_for_gifts_decides_about_the_hours(engine: Engine, kind: str, word: str) -> None:
    call = notice("us_live_call", "fundraising", now=NIGHT, registries=LISTED, sender__kind=kind)
    assert said(engine, call)[0] == word
    day = notice("us_live_call", "fundraising", registries=LISTED, sender__kind=kind)
    assert said(engine, day)[0] == "allow"


@pytest.mark.parametrize("channel", ["voice", "sms", "email"])
def test_an_emergency_knows_no_hours_no_consent_and_no_registry(engine: Engine, channel: str) -> None:
    name = {"voice": "us_recorded_call", "sms": "us_text", "email": "us_mail"}[channel]
    gone = [{"at": "2026-11-10T12:00:00Z", "scope": "all", "channel": channel}]
    call = notice(name, "emergency", now=NIGHT, consents=[], opt_outs=gone, registries=LISTED)
    assert said(engine, call)[0] == "allow"


def test_a_parcel_notice_needs_neither_consent_nor_a_number_given_and_carries_no_offer(engine: Engine) -> None:
    for name in ("us_text", "us_recorded_call"):
        parcel = notice(name, "delivery", consents=[], recipient__gave_number=False, contact__subject="P-1")
        assert said(engine, parcel)[0] == "allow"
        content = parcel["contact"]["content"] | {"promotional": True}
        assert said(engine, parcel | {"contact": parcel["contact"] | {"content": content}})[0] == "deny"


@pytest.mark.parametrize("purpose", [purpose for purpose in NOTICES if purpose != "delivery"])
def test_a_text_that_sells_nothing_goes_to_a_number_the_person_gave(engine: Engine, purpose: str) -> None:
    text = notice("us_text", purpose, consents=[], recipient__gave_number=True)
    assert said(engine, text)[0] == "allow"
    text["recipient"]["gave_number"] = False
    assert said(engine, text)[0] == "deny"
    text["consents"] = [consent("express", "sms", purpose)]
    assert said(engine, text)[0] == "allow"


@pytest.mark.parametrize("purpose", [purpose for purpose in NOTICES if purpose != "delivery"])
def test_a_recording_to_a_mobile_needs_consent_or_a_number_given_and_to_a_landline_neither(
    engine: Engine, purpose: str
) -> None:
    kind = {"sender__kind": "charity"} if purpose == "fundraising" else {}
    call = notice("us_recorded_call", purpose, consents=[], recipient__gave_number=False, **kind)
    assert said(engine, call)[0] == "deny"
    assert said(engine, call | {"recipient": {**call["recipient"], "gave_number": True}})[0] == "allow"
    assert said(engine, call | {"recipient": {**call["recipient"], "line_type": "landline"}})[0] == "allow"


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_on_every_channel_was_read_in_every_state(channel: Channel, purpose: Purpose) -> None:
    read_in: set[str] = set()
    for entry in shipped().coverage:
        if channel.bit & entry.channels and purpose.bit & entry.purposes:
            read_in |= set(entry.places)
    lines = resources.files("forbear.core").joinpath("numbering", "us_states.csv").read_text(encoding="utf-8")
    states = {line.split(",")[0] for line in lines.splitlines() if line.startswith("US-")}
    assert len(states) == 56
    assert "US" in read_in or states <= read_in


# Caps of what is exempt.


def test_the_fourth_recorded_notice_to_a_landline_in_thirty_days_waits_whoever_sends_it(engine: Engine) -> None:
    instants = ("2026-10-26T16:00:00Z", "2026-11-01T16:00:00Z", "2026-11-10T16:00:00Z")
    history = {"attempts": [{"at": at, "channel": "voice", "mode": "prerecorded"} for at in instants]}
    line = {"recipient__line_type": "landline", "consents": [], "history": history}
    for purpose, kind in (("informational", "company"), ("fundraising", "charity"), ("research", "political")):
        call = notice("us_recorded_call", purpose, sender__kind=kind, **line)
        assert said(engine, call)[:2] == ("defer", "2026-11-25T16:00:00Z"), purpose
        agreed = call | {"consents": [consent("express_oral", "voice", purpose)]}
        assert said(engine, agreed)[0] == "allow"


def test_financial_alerts_wait_after_three_in_three_days_and_a_parcel_has_one_notice(engine: Engine) -> None:
    sent = [{"at": f"2026-11-{day}T16:00:00Z", "subject": "P-1"} for day in ("22", "23", "24")]
    alert = notice("us_text", "financial_alert", consents=[], recipient__gave_number=True)
    assert said(engine, alert | {"history": {"attempts": sent}})[:2] == ("defer", "2026-11-25T16:00:00Z")
    assert said(engine, alert | {"history": {"attempts": sent[1:]}})[0] == "allow"
    parcel = notice("us_text", "delivery", consents=[], recipient__gave_number=True, contact__subject="P-1")
    assert said(engine, parcel | {"history": {"attempts": sent[2:]}})[0] == "deny"
    parcel["contact"]["subject"] = "P-2"
    assert said(engine, parcel | {"history": {"attempts": sent[2:]}})[0] == "allow"


@pytest.mark.parametrize("purpose", ["delivery", "healthcare", "financial_alert"])
def test_an_exempt_text_offers_a_way_out_and_one_with_consent_need_not(engine: Engine, purpose: str) -> None:
    none = {"kind": "none", "requires_login": False}
    text = notice("us_text", purpose, consents=[], recipient__gave_number=True, contact__content__opt_out=none)
    assert said(engine, text)[0::2] == ("deny", ("us.tcpa.exempt_text_opt_out",))
    assert said(engine, text | {"consents": [consent("express", "sms", purpose)]})[0] == "allow"


# Revocation.


@pytest.mark.parametrize(("now", "word"), [("2027-01-30T17:00:00Z", "allow"), ("2027-01-31T17:00:00Z", "deny")])
def test_revoke_all_begins_on_the_last_day_of_january(engine: Engine, now: str, word: str) -> None:
    said_stop = [{"at": "2026-11-10T12:00:00Z", "scope": "marketing", "channel": "sms"}]
    consents = [consent("express", "sms", "financial_alert")]
    assert said(engine, notice("us_text", "financial_alert", now=now, opt_outs=said_stop, consents=consents))[0] == word


def test_fcc_26_67_stands_beside_the_old_text_from_a_day_nobody_knows() -> None:
    (value,) = shipped().rule("us.fcc.marketing_opt_out").values
    assert value.undated


@pytest.mark.parametrize(
    ("rule", "deadline"),
    [
        ("us.tcpa.revocation_deadline", Deadline(10, "business_days", "us.federal")),
        ("us.tcpa.dnc_request_deadline", Deadline(10, "business_days", "us.federal")),
        ("us.tcpa.delivery_revocation_deadline", Deadline(6, "business_days", "us.federal")),
        ("us.tcpa.exempt_revocation_deadline", Deadline(0, "hours")),
        ("us.canspam.opt_out_deadline", Deadline(10, "business_days", "us.federal")),
        ("us.regf.opt_out_deadline", Deadline(0, "hours")),
    ],
)
def test_opt_outs_have_their_statutory_date(rule: str, deadline: Deadline) -> None:
    assert [value.deadline for value in shipped().rule(rule).values] == [deadline]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("us.tsr.keep_contacts", Retention("contact", 60, "contact")),
        ("us.tsr.keep_consents", Retention("consent", 60, "use")),
        ("us.tsr.keep_relationships", Retention("relationship", 60, "use")),
        ("us.tsr.keep_registry", Retention("registry", 60, "use")),
        ("us.tcpa.keep_opt_outs", Retention("opt_out", 60, "request")),
        ("us.regf.keep_contacts", Retention("contact", 36, "last_activity")),
    ],
)
def test_records_are_kept_as_long_as_the_acts_say(rule: str, kept: Retention) -> None:
    assert [value.retention for value in shipped().rule(rule).values] == [kept]


# Debts.


@pytest.mark.parametrize("name", ["us_debt_call", "us_text", "us_mail"])
def test_a_debt_keeps_the_hours_on_every_channel(engine: Engine, name: str) -> None:
    case = notice(name, "debt_collection", recipient__gave_number=True, recipient__timezone="America/New_York")
    assert said(engine, case)[0] == "allow"
    assert said(engine, case | {"now": NIGHT})[:2] == ("defer", "2026-11-25T13:00:00Z")
    case["recipient"]["kind"] = "business"
    assert said(engine, case | {"now": NIGHT})[0] == "allow"


SEVEN = [{"on": f"2026-11-{day}", "debt": "D-7", "answered": False} for day in (18, 19, 20, 21, 22, 23, 23)]


@pytest.mark.parametrize(("given", "word"), [("2026-11-18", "allow"), ("2026-11-17", "defer")])
def test_a_consent_of_the_last_seven_days_frees_an_eighth_call(engine: Engine, given: str, word: str) -> None:
    consents = [consent("express", "voice", "debt_collection", given)]
    case = base("us_debt_call", history={"attempts": SEVEN})
    assert said(engine, case)[:2] == ("defer", "2026-11-25T13:00:00Z")
    assert said(engine, case | {"consents": consents})[0] == word


def test_the_day_of_a_conversation_is_the_first_of_seven(engine: Engine) -> None:
    spoke = {"attempts": [{"on": "2026-11-23", "debt": "D-7", "answered": True, "conversation": True}]}
    case = base("us_debt_call", history=spoke)
    assert said(engine, case)[:2] == ("defer", "2026-11-30T13:00:00Z")
    assert said(engine, base("us_debt_call", history=spoke, contact__debt="D-8"))[0] == "allow"


def test_seven_texts_about_a_debt_are_no_calls(engine: Engine) -> None:
    texts = [{**attempt, "channel": "sms"} for attempt in SEVEN]
    assert said(engine, base("us_debt_call", history={"attempts": texts}))[0] == "allow"


# What is owed.


@pytest.mark.parametrize(
    ("name", "owed"),
    [
        ("us_live_call", {"identify_caller", "callback_number", "show_caller_id", "state_purpose", "state_goods"}),
        ("us_recorded_call", {"identify_caller", "callback_number", "play_opt_out_prompt", "show_caller_id"}),
        ("us_text", {"identify_sender", "opt_out_text"}),
        ("us_mail", {"postal_address", "unsubscribe_header"}),
    ],
)
def test_what_an_allowed_contact_owes(engine: Engine, name: str, owed: set[str]) -> None:
    answers = engine.judge(facts_of([read(base(name))]))
    assert owed <= set(answers.obligations(0))


def test_an_opt_out_is_offered_within_two_seconds_and_works_for_thirty_days() -> None:
    assert shipped().rule("us.owes_opt_out_prompt").values[0].terms == (("within_seconds", 2),)
    assert shipped().rule("us.owes_unsubscribe").values[0].terms == (("works_days", 30),)


def test_explicit_mail_is_labelled(engine: Engine) -> None:
    for sector, owed in (("sexually_explicit", True), ("insurance", False)):
        answers = engine.judge(facts_of([read(base("us_mail", contact__sector=sector))]))
        assert ("sexually_explicit_label" in answers.obligations(0)) is owed


@pytest.mark.parametrize("key", ["postal_address", "subject_accurate", "header_accurate", "identified_as_ad"])
def test_commercial_mail_carries_every_element_and_a_receipt_only_true_headers(engine: Engine, key: str) -> None:
    mail = base("us_mail")
    mail["contact"]["content"][key] = False
    assert said(engine, mail)[0] == "deny"
    mail["contact"] |= {"purpose": "transactional", "content": {**mail["contact"]["content"], "promotional": False}}
    assert said(engine, mail)[0] == ("deny" if key == "header_accurate" else "allow")


def test_office_supplies_are_the_one_trade_between_businesses_that_keeps_the_registry(engine: Engine) -> None:
    call = base("us_live_call", registries=LISTED, recipient__kind="business")
    assert said(engine, call)[0] == "allow"
    call["contact"]["sector"] = "office_supplies"
    assert said(engine, call)[0::2] == ("deny", ("us.tsr.office_supplies",))


def test_a_hired_fundraiser_plays_recordings_to_donors_only(engine: Engine) -> None:
    call = notice("us_recorded_call", "fundraising", consents=[], recipient__line_type="landline")
    assert said(engine, call)[0] == "deny"
    assert said(engine, call | {"relationships": [{"kind": "donation", "on": "2024-05-01"}]})[0] == "allow"
    assert said(engine, call | {"sender": {"country": "US", "kind": "charity"}})[0] == "allow"
