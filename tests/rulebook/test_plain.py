from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from forbear.core.instants import parse_day
from forbear.core.words import ConsentLevel, OptOutScope, RelationshipKind
from forbear.rulebook import plain
from forbear.rulebook.conditions import CALLER_KINDS
from forbear.rulebook.load import OBLIGATIONS, STATED_ONLY, load, shipped
from forbear.rulebook.load import TOPICS as KNOWN_TOPICS
from forbear.rulebook.model import (
    AbandonmentCondition,
    CallerCondition,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    FlagCondition,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
    SelectorCondition,
)
from forbear.rulebook.topics import TOPICS, topics_of

HEAD = """
id = "us.test"
title = "A test"
check = "{check}"
{fail}
confidence = "high"
[applies]
{applies}
[[cite]]
title = "Made up"
seen = 2026-11-21
[[value]]
{value}
"""


def rule(check: str, value: str, applies: str = 'places = ["US"]', fail: str = "UNKNOWN") -> tuple[Rule, Rulebook]:
    failing = "" if check in STATED_ONLY else f'on_fail = "{fail}"'
    book = load({"a.toml": HEAD.format(check=check, value=value, applies=applies, fail=failing).encode()})
    return book.rules[0], book


def said(check: str, value: str, fail: str = "UNKNOWN") -> str:
    found, book = rule(check, value, fail=fail)
    return " ".join(plain.text(found, found.values[0], book))


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (
            "within_hours",
            'hours = { mon_fri = ["09:00-13:00", "14:00-20:00"], sat = ["10:00-16:00"], sun = [] }',
            "Open Mon-Fri 09:00-13:00 and 14:00-20:00, Sat 10:00-16:00, Sun closed, by the clock where the person is.",
        ),
        (
            "within_hours",
            'hours = { every_day = ["08:00-21:00"] }\nclocks = ["local", "-06:00"]',
            "Open every day 08:00-21:00, by the clock where the person is and the clock UTC-06:00.",
        ),
        (
            "max_attempts",
            'attempts = 3\nhours = 24\nsame = "subject"',
            "At most 3 attempts in any 24 hours, about the same subject.",
        ),
        ("max_attempts", "attempts = 1\ndays = 1", "At most 1 attempt in one calendar day."),
        (
            "wait_after",
            'after = ["refused"]\ndays = 60',
            "After a refusal, no further attempt until 60 days have passed.",
        ),
        ("wait_after", 'after = ["abandoned"]\nhours = 72', "After an abandoned call, wait 72 hours."),
        (
            "wait_until",
            'paused = ["marketing", "list"]\njoined = [["voice", "sms"]]\nlifted_by = ["express"]',
            "The person asked for no pause of marketing or this list that has not ended (one pause silences calls and"
            " texts together), or consented again since, with proof.",
        ),
        (
            "keeps_promise",
            'uncounted = ["delivery", "transactional"]',
            "Fewer contacts on this channel than were promised with any consent that covers it and stands, not"
            " counting delivery or transactional contacts unless the consent is for them.",
        ),
    ],
)
def test_values_about_time_read_as_a_person_would_say_them(check: str, value: str, words: str) -> None:
    assert said(check, value, "NOT_NOW") == words


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (
            "requires",
            'any_of = [{ consent = ["express_written"], covers = ["automated"], evidence = true,'
            " names_seller = true }]",
            "Needed: express written consent to automated contacts, naming the seller, with proof held.",
        ),
        (
            "requires",
            'any_of = [{ flag = "postal_address" }, { all = [{ flag = "promotional", is = false },'
            ' { relationship = ["purchase"], months = 18 }] }]',
            "Needed any one of these: - it gives a postal address"
            " - it promotes nothing and a purchase at most 18 months ago",
        ),
        ("forbidden", 'unless = [{ sender = ["charity"] }]', "Not allowed. Lifted by: the sender is a charity."),
        (
            "not_listed",
            'registry = "us.national"\nfresh_days = 31',
            "The address is not on the registry us.national. The registry's answer is at most 31 days old.",
        ),
        ("owes", 'obligations = ["disclose_ai"]', "The contact must say that a machine speaks."),
        (
            "retains",
            'record = "opt_out"\nkeep = "forever"\nafter = "request"',
            "The record of the opt-out is kept for ever after the request.",
        ),
        (
            "honours",
            "business_days = 10",
            "An opt-out must be carried out within 10 business days; here it is at once.",
        ),
        (
            "reaches",
            'ways = ["reply", "spoken"]\ncovers = "all_but_needed"\nchannels = "same_number"\nbinds = "account"',
            "Said as a reply or to an agent, it covers all but what the person needs, for calls and texts to that"
            " number alike; it binds every seller of the account.",
        ),
        (
            "reaches",
            'covers = "marketing"\nchannels = "said_on"\nbinds = "seller"',
            "However it is said, it covers marketing, on the channel it was said on; it binds the seller, wherever it"
            " sends from.",
        ),
    ],
)
def test_other_values_read_as_a_person_would_say_them(check: str, value: str, words: str) -> None:
    assert said(check, value) == words


@pytest.mark.parametrize(
    ("applies", "words"),
    [
        (
            'places = ["US-FL"]\nchannel = ["voice", "sms"]\npurpose = ["marketing"]',
            "marketing calls and texts to people in US-FL",
        ),
        ('recipient = ["consumer"]\nline_type = ["mobile"]', "every contact to consumers on a mobile number"),
        ('channel = ["voice"]\nmode = ["ai_voice"]', "calls, if spoken by an artificial voice"),
        ('places = ["US-NY"]\nalert = true', "every contact to people in US-NY, while an emergency is declared there"),
        ('channel = ["email"]\nsender = ["educational"]', "e-mails, sent by an educational institution"),
    ],
)
def test_whom_a_rule_is_about_reads_as_a_person_would_say_it(applies: str, words: str) -> None:
    found, _ = rule("forbidden", "", applies, fail="FORBIDDEN")
    assert plain.about(found.applies) == words


def test_every_shipped_rule_can_be_said_in_full() -> None:
    book = shipped()
    for found in book.rules:
        assert plain.about(found.applies)
        for value in found.values:
            lines = plain.text(found, value, book)
            assert lines, found.id
            assert not any("  " in line or "None" in line or line.endswith("..") for line in lines), lines


def test_every_part_of_a_condition_is_in_its_words() -> None:
    wholes: list[Condition] = [
        ConsentCondition(ConsentLevel.EXPRESS.bit),
        RelationshipCondition(RelationshipKind.PURCHASE.bit),
        FlagCondition("promotional"),
        CallerCondition(("+331",)),
        ListedCondition("xx.list"),
        FreshCondition("xx.list", days=30, editions=("01-01",)),
        OptOutCondition(OptOutScope.ALL.bit),
        CapCondition(3, hours=24),
        PauseCondition(OptOutScope.ALL.bit),
        PromiseCondition(),
        AbandonmentCondition(3, 30),
        ConfirmationCondition(5, 1),
        SelectorCondition(recipient=1),
    ]
    assert {type(one) for one in wholes} == set(get_args(Condition))
    other: dict[str, object] = {
        "kinds": ("number",),
        "joined": (3,),
        "only": ("answered",),
        "prefixes": ("+49",),
        "sector": ("pensions",),
    }
    other |= {"editions": ("07-01",), "same": "debt", "after_listing": "xx.list", "flag": "suppressed"}
    for whole in wholes:
        for part in fields(whole):
            now = getattr(whole, part.name)
            if part.name == "registry" or (isinstance(whole, CapCondition) and part.name == "days"):
                continue  # the sentence before names the registry; a cap has hours or days
            if isinstance(now, bool):
                changed: Any = not now
            elif part.name in other and not (part.name == "kinds" and isinstance(now, int)):
                changed = other[part.name]
            else:
                changed = 2 if now != 2 else 4
            said = plain.alternatives(((replace(whole, **{part.name: changed}),),))
            assert said != plain.alternatives(((whole,),)), f"{type(whole).__name__}.{part.name}"


def test_every_kind_of_sender_and_duty_has_words() -> None:
    for kind in CALLER_KINDS:
        assert plain.alternatives(((CallerCondition(kinds=(kind,)),),))
    assert all(plain.duty(word) for word in OBLIGATIONS)
    assert set(TOPICS) == set(KNOWN_TOPICS)


def test_every_rule_but_the_houses_own_has_a_topic() -> None:
    for found in shipped().rules:
        assert set(topics_of(found)) <= set(TOPICS)
        assert topics_of(found) or found.id.startswith("house."), found.id


def test_a_text_is_past_in_force_or_yet_to_come_by_the_day() -> None:
    found, _ = rule("forbidden", "from = 2026-01-01\nto = 2026-06-30", fail="FORBIDDEN")
    (value,) = found.values
    days = {"2025-12-31": "future", "2026-01-01": "in force", "2026-06-30": "in force", "2026-07-01": "past"}
    assert {day: plain.state(value, parse_day(day)) for day in days} == days
    assert plain.since(value) == "2026-01-01 to 2026-06-30"


def test_a_text_whose_day_nobody_knows_counts_already() -> None:
    found, _ = rule("forbidden", 'from = "unknown"', fail="FORBIDDEN")
    assert plain.state(found.values[0], parse_day("1980-01-01")) == "in force"
    assert "nobody knows" in plain.since(found.values[0])


def test_a_slip_of_the_pen_finds_the_rule_meant() -> None:
    assert plain.near(shipped(), "us.fl.caling_hours")[0] == "us.fl.calling_hours"
    assert plain.near(shipped(), "fl.calling")[0] == "us.fl.calling_hours"
    assert plain.near(shipped(), "zzzzzzzz") == []


def test_rules_beside_another_are_of_its_kind_and_can_meet_it() -> None:
    book = shipped()
    beside = plain.beside(book, book.rule("us.fl.calling_hours"))
    assert "us.tcpa.calling_hours" in beside
    assert "us.tx.calling_hours" not in beside
    assert "us.fl.dnc" not in beside
