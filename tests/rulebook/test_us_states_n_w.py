"""The states from Montana to Wyoming and the territories, through the door the product uses."""

from __future__ import annotations

import copy
import itertools
import tomllib
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import STATED_ONLY, shipped
from forbear.rulebook.model import Coverage, Rule
from tests.rulebook.asked import verdict as said

WITH_RULES = [
    "mt",
    "ne",
    "nv",
    "nj",
    "nm",
    "ny",
    "nc",
    "nd",
    "ok",
    "or",
    "pa",
    "ri",
    "sc",
    "sd",
    "tn",
    "tx",
    "ut",
    "va",
    "wa",
    "wi",
    "wv",
    "wy",
]
WITHOUT = ["nh", "oh", "vt", "pr", "vi", "gu", "mp", "as"]
OURS = [rule for rule in shipped().rules if rule.file.split("/")[:2] in [["us", state] for state in WITH_RULES]]
NUMBERS = {
    "nh": ("+16035550123", "America/New_York"),
    "oh": ("+16145550123", "America/New_York"),
    "vt": ("+18025550123", "America/New_York"),
    "pr": ("+17875550123", "America/Puerto_Rico"),
    "vi": ("+13405550123", "America/St_Thomas"),
    "gu": ("+16715550123", "Pacific/Guam"),
    "mp": ("+16705550123", "Pacific/Saipan"),
    "as": ("+16845550123", "Pacific/Pago_Pago"),
}


def bases(state: str) -> dict[str, Any]:
    text = resources.files("forbear.rulebook").joinpath("us", state, "bases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def case_of(state: str, kind: str = "call", **changes: Any) -> dict[str, Any]:
    """A lawful contact with a stranger there, at an open hour; `contact__mode="ai_voice"` changes a key within."""
    case: dict[str, Any]
    if state in WITH_RULES:
        case = copy.deepcopy(bases(state)[f"us_{state}_{kind}"])
    else:
        case = copy.deepcopy(bases("mt")[f"us_mt_{kind}"])
        case["contact"]["to"], zone = NUMBERS[state]
        case["recipient"] |= {"region": f"US-{state.upper()}", "timezone": zone}
    for key, value in changes.items():
        table, *rest = key.split("__")
        if rest:
            case[table][rest[0]] = value
        else:
            case[table] = value
    return case


def at(state: str, local: str) -> str:
    """The moment at which clocks there show `local`."""
    zone = ZoneInfo(case_of(state)["recipient"]["timezone"])
    return datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(channel: str = "voice", **more: Any) -> dict[str, Any]:
    """A signed agreement to automated contacts that names the seller, and of which proof is held."""
    return {
        "level": "express_written",
        "given": "2026-10-01",
        "channels": [channel],
        "purposes": ["marketing"],
        "covers": ["automated"],
        "evidence": True,
        "names_seller": True,
        **more,
    }


NOON = "2026-11-24T12:00:00"


@pytest.mark.parametrize("state", [*WITH_RULES, *WITHOUT])
def test_a_stranger_on_no_list_is_called_at_noon_and_not_at_half_past_seven(engine: Engine, state: str) -> None:
    assert said(engine, case_of(state, now=at(state, NOON))) == ("allow", None, ())
    word, earliest, _ = said(engine, case_of(state, now=at(state, "2026-11-24T07:30:00")))
    assert (word, earliest) == ("defer", earliest)
    assert earliest is not None
    assert at(state, "2026-11-24T08:00:00") <= earliest <= at(state, "2026-11-24T10:00:00")


@pytest.mark.parametrize("state", [*WITH_RULES, *WITHOUT])
def test_a_text_with_a_signed_agreement_goes_at_noon(engine: Engine, state: str) -> None:
    content = {"identifies_sender": True, "opt_out": {"kind": "reply", "requires_login": False}}
    case = case_of(state, now=at(state, NOON), contact__channel="sms", contact__content=content)
    case["contact"].pop("mode")
    case["recipient"]["line_type"] = "mobile"
    assert said(engine, case | {"consents": [written("sms")]})[0] == "allow"
    assert said(engine, case)[0] == "deny"


EVENINGS = [  # the first closed minute of a Friday evening, and the first open minute after it
    ("mt", "2026-11-20T21:00:00", "2026-11-21T08:00:00"),
    ("nv", "2026-11-20T20:00:00", "2026-11-21T09:00:00"),
    ("nm", "2026-11-20T21:00:00", "2026-11-21T09:00:00"),
    ("ok", "2026-11-20T20:00:00", "2026-11-21T08:00:00"),
    ("or", "2026-11-20T20:00:00", "2026-11-21T08:00:00"),
    ("pa", "2026-11-20T19:00:00", "2026-11-21T09:00:00"),
    ("ri", "2026-11-20T18:00:00", "2026-11-21T10:00:00"),
    ("sd", "2026-11-20T21:00:00", "2026-11-21T09:00:00"),
    ("tx", "2026-11-20T21:00:00", "2026-11-21T09:00:00"),
    ("wa", "2026-11-20T20:00:00", "2026-11-21T08:00:00"),
    ("wy", "2026-11-20T20:00:00", "2026-11-21T08:00:00"),
    ("gu", "2026-11-20T21:00:00", "2026-11-21T08:00:00"),
]


@pytest.mark.parametrize(("state", "closed", "opens"), EVENINGS)
def test_an_evening_ends_and_the_next_day_opens(engine: Engine, state: str, closed: str, opens: str) -> None:
    assert said(engine, case_of(state, now=at(state, closed)))[:2] == ("defer", at(state, opens))
    minute_before = datetime.fromisoformat(at(state, closed)).timestamp() - 60
    still = datetime.fromtimestamp(minute_before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said(engine, case_of(state, now=still))[0] == "allow"


@pytest.mark.parametrize(
    ("state", "opens"),
    [
        ("pa", "2026-11-23T09:00:00"),
        ("ri", "2026-11-23T09:00:00"),
        ("sd", "2026-11-23T09:00:00"),
        ("ut", "2026-11-23T08:00:00"),
        ("tx", "2026-11-22T12:00:00"),
    ],
)
def test_sundays_are_closed_or_open_late(engine: Engine, state: str, opens: str) -> None:
    sunday = case_of(state, now=at(state, "2026-11-22T11:00:00"))
    assert said(engine, sunday)[:2] == ("defer", at(state, opens))


@pytest.mark.parametrize(("state", "opens"), [("pa", "09:00"), ("ri", "09:00"), ("ut", "08:00")])
def test_thanksgiving_is_closed_where_the_state_says_so(engine: Engine, state: str, opens: str) -> None:
    case = case_of(state, now=at(state, "2026-11-26T12:00:00"))
    assert said(engine, case)[:2] == ("defer", at(state, f"2026-11-27T{opens}:00"))


def test_in_utah_consent_opens_a_sunday_and_a_purchase_does_not(engine: Engine) -> None:
    sunday = case_of("ut", now=at("ut", "2026-11-22T13:00:00"))
    bought = {"relationships": [{"kind": "purchase", "on": "2026-11-01"}]}
    assert said(engine, sunday | bought)[0] == "defer"
    assert said(engine, sunday | {"consents": [written(level="express")]})[0] == "allow"


def test_in_texas_and_south_dakota_a_customer_may_be_called_on_sunday_morning(engine: Engine) -> None:
    customer = {"relationships": [{"kind": "customer", "ongoing": True}]}
    for state in ("tx", "sd"):
        sunday = case_of(state, now=at(state, "2026-11-22T10:00:00"))
        assert said(engine, sunday)[0] == "defer"
        assert said(engine, sunday | customer)[0] == "allow"


@pytest.mark.parametrize(
    ("state", "line", "word"),
    [
        ("wa", "landline", "deny"),
        ("wy", "landline", "deny"),
        ("ne", "mobile", "deny"),
        ("ne", "landline", "allow"),
        ("ok", "mobile", "allow"),
        ("va", "mobile", "allow"),
    ],
)
def test_where_recorded_sales_calls_are_banned_a_signature_does_not_help(
    engine: Engine, state: str, line: str, word: str
) -> None:
    content = {"identifies_sender": True, "opt_out": {"kind": "key_press", "requires_login": False}}
    case = case_of(state, now=at(state, NOON), consents=[written()], contact__mode="ai_voice", contact__content=content)
    case["recipient"]["line_type"] = line
    assert said(engine, case)[0] == word


@pytest.mark.parametrize(("clock", "word"), [("08:59:59", "defer"), ("09:00:00", "allow"), ("20:00:00", "defer")])
def test_in_oklahoma_a_recording_keeps_the_narrower_of_two_windows(engine: Engine, clock: str, word: str) -> None:
    content = {"identifies_sender": True, "opt_out": {"kind": "key_press", "requires_login": False}}
    now = at("ok", f"2026-11-24T{clock}")
    case = case_of("ok", now=now, consents=[written()], contact__mode="prerecorded", contact__content=content)
    assert said(engine, case)[0] == word


def test_a_mobile_in_new_jersey_is_not_called_without_being_asked(engine: Engine) -> None:
    case = case_of("nj", recipient__line_type="mobile")
    assert said(engine, case)[0::2] == ("deny", ("us.nj.mobile",))
    assert said(engine, case | {"consents": [written()]})[0] == "allow"


@pytest.mark.parametrize("state", ["wi", "nj"])
def test_a_purchase_lifts_the_national_list_in_ohio_but_not_where_only_clients_count(
    engine: Engine, state: str
) -> None:
    listed = {"us.national": {"listed": True, "since": "2015-03-02", "checked": "2026-11-10"}}
    bought = [{"kind": "purchase", "on": "2026-10-01"}]
    client = [{"kind": "customer", "on": "2026-10-01", "ongoing": True}, *bought]
    assert said(engine, case_of("oh", registries=listed, relationships=bought))[0] == "allow"
    assert said(engine, case_of(state, registries=listed, relationships=bought))[0] == "deny"
    assert said(engine, case_of(state, registries=listed, relationships=client))[0] == "allow"


@pytest.mark.parametrize("state", ["ok", "pa", "tn", "tx"])
def test_a_state_with_a_list_of_its_own_wants_its_answer(engine: Engine, state: str) -> None:
    case = case_of(state, now=at(state, NOON))
    assert said(engine, case)[0] == "allow"
    case["registries"].pop("us.state")
    assert said(engine, case)[0::2] == ("deny", (f"us.{state}.dnc",))


def test_in_tennessee_a_purchase_of_thirteen_months_ago_is_too_old_for_the_register(engine: Engine) -> None:
    listed = {"us.national": {"listed": False, "checked": "2026-11-10"}}
    listed["us.state"] = {"listed": True, "checked": "2026-11-10"}
    for bought, word in (("2025-11-24", "allow"), ("2025-11-23", "deny")):
        relationships = [{"kind": "purchase", "on": bought}]
        assert said(engine, case_of("tn", registries=listed, relationships=relationships))[0] == word


def test_pennsylvanias_new_edition_binds_a_month_after_it_appears(engine: Engine) -> None:
    for now, word in (("2026-10-30", "allow"), ("2026-10-31", "deny")):
        registries = {"us.national": {"listed": False, "checked": "2026-10-20"}}
        registries["us.state"] = {"listed": False, "checked": "2026-09-30"}
        case = case_of("pa", now=at("pa", f"{now}T12:00:00"), registries=registries)
        assert said(engine, case)[0] == word


def test_oklahoma_counts_by_subject_and_oregon_by_person(engine: Engine) -> None:
    tried = [{"at": f"2026-11-24T{hour}:00:00Z", "subject": "roof"} for hour in (14, 15, 16)]
    history = {"attempts": tried}
    assert said(engine, case_of("ok", history=history, contact__subject="solar"))[0] == "allow"
    assert said(engine, case_of("ok", history=history, contact__subject="roof"))[:2] == (
        "defer",
        "2026-11-25T14:00:00Z",
    )
    assert said(engine, case_of("or", history=history, contact__subject="solar"))[0] == "defer"
    bought = [{"kind": "purchase", "on": "2025-06-02"}]
    assert said(engine, case_of("or", history=history, relationships=bought))[0] == "allow"


@pytest.mark.parametrize(
    ("county", "alerts", "word"),
    [
        ("Erie", ["US-NY:Erie"], "deny"),
        ("Monroe County", ["US-NY:Erie"], "allow"),
        (None, ["US-NY:Erie"], "deny"),
        ("Monroe", ["US-NY"], "deny"),
        ("Erie", [], "allow"),
        ("Erie", ["US-LA"], "allow"),
    ],
)
def test_new_yorks_emergencies_close_a_county(engine: Engine, county: str | None, alerts: list[str], word: str) -> None:
    case = case_of("ny", alerts=alerts, relationships=[{"kind": "customer", "ongoing": True}])
    if county:
        case["recipient"]["county"] = county
    assert said(engine, case)[0] == word
    text = case_of("ny", "text", alerts=alerts)
    if county:
        text["recipient"]["county"] = county
    assert said(engine, text)[0] == word


@pytest.mark.parametrize(
    ("county", "now", "word"),
    [
        ("Queens", "2026-09-01", "defer"),
        ("Queens", "2026-08-31", "allow"),
        ("Erie", "2026-09-01", "allow"),
        (None, "2026-09-01", "defer"),
    ],
)
def test_new_york_city_counts_three_contacts_on_every_channel(
    engine: Engine, county: str | None, now: str, word: str
) -> None:
    channels = ("sms", "email", "voice")
    tried = [{"on": "2026-08-27", "debt": "D-7", "answered": False, "channel": channel} for channel in channels]
    case = case_of("ny", "debt_call", now=f"{now}T16:00:00Z", history={"attempts": tried})
    if county:
        case["recipient"]["county"] = county
    assert said(engine, case)[0] == word


def test_a_collector_in_washington_waits_after_three_contacts_in_a_week(engine: Engine) -> None:
    days = ("2026-11-18", "2026-11-20", "2026-11-23")
    tried = [{"on": day, "debt": "D-7", "answered": False} for day in days]
    case = case_of("wa", "debt_call", history={"attempts": tried})
    assert said(engine, case)[:2] == ("defer", at("wa", "2026-11-25T08:00:00"))
    assert said(engine, case | {"history": {"attempts": tried[1:]}})[0] == "allow"


def test_a_company_is_held_to_the_hours_of_states_that_protect_any_called_party(engine: Engine) -> None:
    for state, word in (("nc", "defer"), ("va", "defer"), ("nm", "defer"), ("mt", "allow"), ("sc", "allow")):
        case = case_of(state, now=at(state, "2026-11-24T21:30:00"), recipient__kind="business")
        assert said(engine, case)[0] == word, state


@pytest.mark.parametrize(
    ("state", "owed"),
    [
        ("nm", {"identify_caller", "state_purpose"}),
        ("ny", {"identify_caller", "offer_do_not_call"}),
        ("sc", {"identify_caller", "state_purpose", "offer_do_not_call"}),
        ("ri", {"identify_caller", "state_goods"}),
        ("wa", {"identify_caller", "state_purpose", "end_call_when_asked"}),
    ],
)
def test_an_allowed_call_owes_what_the_state_asks(engine: Engine, state: str, owed: set[str]) -> None:
    answers = engine.judge(facts_of([read(case_of(state, now=at(state, NOON)))]))
    assert owed <= set(answers.obligations(0))


SECONDS = {"nm": 15, "nv": 30, "nj": 30, "ri": 30, "wa": 30}


@pytest.mark.parametrize("state", SECONDS)
def test_the_seconds_to_say_who_calls_are_kept_with_the_duty(state: str) -> None:
    value = shipped().rule(f"us.{state}.owes_call").values[0]
    assert value.terms == (("within_seconds", SECONDS[state]),)
    assert "identify_caller" in value.obligations


def test_an_opt_out_is_kept_ten_years_in_virginia_and_a_year_in_washington() -> None:
    for state, months in (("va", 120), ("wa", 12)):
        kept = shipped().rule(f"us.{state}.keep_opt_outs").values[0].retention
        assert kept is not None
        assert (kept.record, kept.months, kept.after) == ("opt_out", months, "request")


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id)
def test_every_rule_of_a_state_stands_in_its_folder_and_reaches_no_other(rule: Rule) -> None:
    state = rule.file.split("/")[1]
    assert rule.id.startswith(f"us.{state}.")
    assert rule.applies.places == (f"US-{state.upper()}",)
    assert rule.cites
    assert rule.confidence != "low" or rule.note
    if rule.check not in STATED_ONLY:
        assert rule.on_fail in {example.want for example in rule.examples}


def coverage(state: str) -> list[Coverage]:
    return [entry for entry in shipped().coverage if entry.places == (f"US-{state.upper()}",)]


@pytest.mark.parametrize("state", [*WITH_RULES, *WITHOUT])
def test_each_state_says_what_was_not_read(state: str) -> None:
    entries = coverage(state)
    assert all(entry.status == "partial" for entry in entries)
    assert any(entry.note for entry in entries)
    purposes = 0
    for entry in entries:
        purposes |= entry.purposes
    assert bin(purposes).count("1") == 11


def test_of_the_territories_only_the_federal_floor_was_read() -> None:
    found = list(itertools.chain.from_iterable(coverage(state) for state in ("pr", "vi", "gu", "mp", "as")))
    assert len(found) == 10
    assert {entry.confidence for entry in found} == {"low"}


def test_a_caller_id_bar_that_was_held_preempted_is_told_and_not_enforced() -> None:
    assert any("preempted" in entry.note for entry in coverage("sc"))
    assert not any(rule.id.startswith("us.sc.") and "caller_prefix" in rule.title for rule in OURS)


def test_a_number_that_says_nothing_of_its_place_reaches_nobody(engine: Engine) -> None:
    """A toll-free number: every state's law holds at once, and no list of theirs was asked."""
    case = case_of("oh", now="2026-11-24T21:00:00Z", contact__to="+18005550199")
    case["recipient"] = {"kind": "consumer", "country": "US"}
    assert said(engine, case)[0] == "deny"
    placed = case | {
        "recipient": {"kind": "consumer", "country": "US", "region": "US-OH", "timezone": "America/New_York"}
    }
    assert said(engine, placed)[0] == "allow"
