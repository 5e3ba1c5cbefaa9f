"""Faults that the twin found in the kernel, each as the sentence it broke. Both must say the same, and this."""

from __future__ import annotations

from typing import Any

import pytest

from forbear.core.codes import Code, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import MISSING, moment_of, rfc3339
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.lint import case_of
from forbear.kernel.reference import judge
from forbear.rulebook.load import load
from forbear.rulebook.model import Example, Rulebook
from tests.kernel.everything import rule_file, rulebook
from tests.kernel.test_agreement import differences

COVERED = (
    b'[[read]]\nplaces = ["US", "AU"]\nstatus = "complete"\nconfidence = "high"\nsource = "x"\nseen = 2026-11-21\n'
)
BASES = b"""
[case]
now = 2026-11-24T17:00:00Z
contact = { channel = "voice", mode = "live", purpose = "marketing", to = "+16145550123" }
sender = { country = "US", kind = "company" }
recipient = { kind = "consumer", country = "US", region = "US-OH", line_type = "landline" }
consents = []
relationships = []
registries = {}
opt_outs = []
history = { attempts = [] }
"""
CONSENT: dict[str, Any] = {
    "level": "express_written",
    "given": "2026-11-01",
    "channels": ["voice"],
    "purposes": ["marketing"],
    "covers": ["out_of_hours"],
    "evidence": True,
    "names_seller": True,
}


def written(
    check: str, value: str, on_fail: str = "", top: str = "", more: tuple[tuple[str, bytes], ...] = ()
) -> Rulebook:
    top += '\nbase = "case"\n'
    return load(
        dict(
            [rule_file("us.rule", check, value, on_fail, top), *more, ("bases.toml", BASES), ("coverage.toml", COVERED)]
        )
    )


def word(rulebook: Rulebook, **facts: Any) -> Code:
    """What the rule says on the base case with these facts (`__` for a dot), by kernel and twin."""
    return answered(rulebook, **facts)[0]


def answered(rulebook: Rulebook, **facts: Any) -> tuple[Code, Verdict, str | None]:
    """The rule's own word, the verdict, and the earliest moment."""
    laid = {key.replace("__", "."): value for key, value in facts.items()}
    rule = rulebook.rule("us.rule")
    case = case_of(rule, Example("", laid, Code.SILENT, 0))
    engine, column = Engine(rulebook), facts_of([case])
    answers, twin = engine.judge(column), judge(case, rulebook)
    kernel = {said.rule: said.code for said in engine.explain(column, [0])[0]}
    at = int(answers.earliest[0])
    assert kernel == twin.codes
    assert (answers.verdict(0), None if at == MISSING else moment_of(at)) == ((twin.verdict, twin.cure), twin.earliest)
    return kernel["us.rule"], answers.verdict(0)[0], None if at == MISSING else rfc3339(at)


OPT_OUT = 'any_of = [{ no_opt_out = ["all"], joined = [["voice", "sms"]], lifted_by = ["any_express"] }]'
SAID = [{"at": "2026-10-20T12:00:00Z", "scope": "all"}]


@pytest.mark.parametrize(
    ("consent", "want"),
    [
        ({}, Code.SATISFIED),
        ({"purposes": ["delivery"]}, Code.FORBIDDEN),
        ({"purposes": []}, Code.FORBIDDEN),
        ({"channels": ["sms"]}, Code.FORBIDDEN),
        ({"evidence": None}, Code.FORBIDDEN),
        ({"given": "2026-10-20"}, Code.FORBIDDEN),
        ({"given": "2026-10-20T12:00:00Z"}, Code.FORBIDDEN),
        ({"given": "2026-10-20T12:00:00.000001Z"}, Code.SATISFIED),
        ({"withdrawn": "2026-11-24T17:00:00Z"}, Code.FORBIDDEN),
        ({"until": "2026-11-24"}, Code.FORBIDDEN),
    ],
)
def test_only_a_good_later_consent_for_this_lifts_an_opt_out(consent: dict[str, Any], want: Code) -> None:
    rulebook = written("requires", OPT_OUT, "FORBIDDEN")
    assert word(rulebook, opt_outs=SAID, consents=[CONSENT | consent]) is want


@pytest.mark.parametrize(
    ("kind", "want"), [("contract", Code.SATISFIED), ("inquiry", Code.FORBIDDEN), (None, Code.UNKNOWN)]
)
def test_a_dealing_of_unknown_kind_may_be_the_one(kind: str | None, want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ relationship = ["contract"], ongoing = true }]', "FORBIDDEN")
    assert word(rulebook, relationships=[{"kind": kind, "ongoing": True}]) is want


@pytest.mark.parametrize(
    ("dealing", "want"),
    [
        ({"on": "2026-11-20", "ongoing": False}, Code.SATISFIED),
        ({"on": "2025-01-01", "ongoing": True}, Code.SATISFIED),
        ({"on": "2025-01-01", "ongoing": False}, Code.FORBIDDEN),
        ({"on": "2025-01-01", "ongoing": None}, Code.UNKNOWN),
        ({"on": "2026-11-26", "ongoing": False}, Code.FORBIDDEN),
    ],
)
def test_a_dealing_is_recent_or_going_on(dealing: dict[str, Any], want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ relationship = "any", ongoing = true, days = 30 }]', "FORBIDDEN")
    assert word(rulebook, relationships=[{"kind": "contract"} | dealing]) is want


@pytest.mark.parametrize(
    ("alerts", "county", "want"),
    [
        ([], "Erie", Code.FORBIDDEN),
        (["US-OH"], "Erie", Code.SILENT),
        (["US-OH:City of Erie"], "Kings", Code.SILENT),
        (["US-OH:Erie"], "Erie Co.", Code.SILENT),
        (["US"], "Erie", Code.SILENT),
        (["US-OH:Erie County"], "erie", Code.SILENT),
        (["US-OH:Erie"], "Kings", Code.FORBIDDEN),
        (["US-OH:Erie"], "", Code.FORBIDDEN),
    ],
)
def test_an_emergency_exempts_only_where_it_surely_is(alerts: list[str], county: str, want: Code) -> None:
    rulebook = written("forbidden", "", "FORBIDDEN", "exempt = [{ alert = true }]")
    assert word(rulebook, alerts=alerts, recipient__county=county) is want


REFUSED = 'any_of = [{ consent = "any", after_refusal = true }]'


@pytest.mark.parametrize(
    ("given", "attempts", "want"),
    [
        ("2026-11-01T12:00:00Z", [], Code.SATISFIED),
        ("2026-11-01T12:00:00Z", [{"at": "2026-11-01T11:59:59Z", "refused": True}], Code.SATISFIED),
        ("2026-11-01T12:00:00Z", [{"at": "2026-11-01T12:00:00Z", "refused": True}], Code.FORBIDDEN),
        ("2026-11-01", [{"on": "2026-10-31", "refused": True}], Code.SATISFIED),
        ("2026-11-01", [{"on": "2026-11-01", "refused": True}], Code.FORBIDDEN),
        ("2026-11-01", [{"on": "2026-11-01"}], Code.UNKNOWN),
        ("2026-11-01", [{"on": "2026-11-01", "answered": False}], Code.SATISFIED),
        ("2026-11-01", [{"on": "2026-11-01", "channel": "sms"}], Code.SATISFIED),
        ("2026-11-01", [{"on": "2026-11-01", "channel": "email"}], Code.SATISFIED),
        ("2026-11-01", [{"on": "2026-11-01", "channel": "voice"}], Code.UNKNOWN),
        ("2026-11-01", [{"on": "2026-11-01", "channel": "sms", "refused": True}], Code.FORBIDDEN),
        (None, [], Code.UNKNOWN),
        (None, [{"on": "2026-11-01", "refused": True}], Code.UNKNOWN),
    ],
)
def test_a_consent_counts_if_given_after_the_last_refusal(
    given: str | None, attempts: list[dict[str, Any]], want: Code
) -> None:
    rulebook = written("requires", REFUSED, "FORBIDDEN")
    assert word(rulebook, consents=[CONSENT | {"given": given}], history={"attempts": attempts}) is want


def test_attempts_nobody_knows_are_not_known_beside_rows_whose_are() -> None:
    rulebook = written("requires", REFUSED, "FORBIDDEN")
    facts: dict[str, Any] = {
        "now": "2026-11-24T17:00:00Z",
        "contact": {"channel": "voice", "purpose": "marketing"},
        "recipient": {"country": "US"},
        "consents": [CONSENT],
    }
    told = read({**facts, "history": {"attempts": [{"on": "2026-10-01", "refused": True}]}})
    cases = [told, read(facts), told]
    words = Engine(rulebook).explain(facts_of(cases), [0, 1, 2])
    assert [said[0].code for said in words] == [Code.SATISFIED, Code.UNKNOWN, Code.SATISFIED]
    assert [judge(case, rulebook).codes["us.rule"] for case in cases] == [said[0].code for said in words]


@pytest.mark.parametrize(
    ("given", "want"), [("2026-08-27", Code.SATISFIED), ("2026-08-26", Code.FORBIDDEN), (None, Code.UNKNOWN)]
)
def test_a_consent_good_for_ninety_days_is_over_on_the_ninetieth(given: str | None, want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ consent = "any", at_most_days = 90 }]', "FORBIDDEN")
    assert word(rulebook, now="2026-11-24T17:00:00Z", consents=[CONSENT | {"given": given}]) is want


@pytest.mark.parametrize(
    ("given", "now", "want"),
    [
        ("2026-08-31", "2026-11-29T17:00:00Z", Code.SATISFIED),
        ("2026-08-31", "2026-11-30T17:00:00Z", Code.FORBIDDEN),
        ("2026-08-30", "2026-11-30T17:00:00Z", Code.FORBIDDEN),
        ("2026-08-29", "2026-11-28T17:00:00Z", Code.SATISFIED),
    ],
)
def test_months_end_with_the_month_where_it_is_too_short(given: str, now: str, want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ consent = "any", lapses_months = 3 }]', "FORBIDDEN")
    assert word(rulebook, now=now, consents=[CONSENT | {"given": given}]) is want


@pytest.mark.parametrize(
    ("edition", "checked", "want"),
    [
        ("2026-10-01", None, Code.SATISFIED),
        ("2026-09-30", None, Code.UNKNOWN),
        (None, "2026-10-01", Code.SATISFIED),
        (None, None, Code.UNKNOWN),
        ("2026-09-30", "2026-11-23", Code.UNKNOWN),
    ],
)
def test_the_edition_of_a_list_is_enough_to_know_its_age(edition: str | None, checked: str | None, want: Code) -> None:
    rulebook = written("not_listed", 'registry = "us.state"\neditions = ["01-01", "10-01"]', "FORBIDDEN")
    answer = {"listed": False, "edition": edition, "checked": checked}
    assert word(rulebook, registries__us__state=None, registries={"us.state": answer}) is want


def test_an_attempt_that_only_may_count_leaves_the_cap_too() -> None:
    rulebook = written("max_attempts", 'attempts = 2\nhours = 24\nsame = "subject"')
    attempts = [
        {"at": "2026-11-23T20:00:00Z", "subject": "one"},
        {"at": "2026-11-23T18:00:00Z", "subject": "one"},
        {"at": "2026-11-24T10:00:00Z"},
    ]
    asked = {"contact__subject": "one", "history": {"attempts": attempts}}
    assert answered(rulebook, **asked) == (Code.NOT_NOW, Verdict.DEFER, "2026-11-24T20:00:00Z")


def test_a_consent_of_today_is_waited_for_where_today_has_not_begun() -> None:
    lifted = 'hours = { every_day = ["08:00-09:00"] }\nunless = [{ consent = "any", covers = ["out_of_hours"] }]'
    rulebook = written("within_hours", lifted)
    asked = {
        "now": "2026-11-24T05:30:00Z",  # the 24th in New York, still the 23rd in Los Angeles
        "recipient__region": "",
        "contact__to": "",
        "recipient__timezone": "",
        "consents": [CONSENT | {"given": "2026-11-24"}],
    }
    assert answered(rulebook, **asked) == (Code.NOT_NOW, Verdict.DEFER, "2026-11-24T11:00:00Z")  # Adak, Samoa


def test_the_window_of_a_shadow_rule_delays_nobody() -> None:
    hours = 'hours = { every_day = ["12:30-21:00"] }'
    shadow = rule_file("us.shadow", "within_hours", 'hours = { every_day = ["15:00-16:00"] }', top='state = "shadow"')
    cap = rule_file("us.shadow_cap", "max_attempts", "attempts = 1\ndays = 5", top='state = "shadow"')
    rulebook = written("within_hours", hours, more=(shadow, cap))
    asked = {"history": {"attempts": [{"on": "2026-11-24"}]}}
    assert answered(rulebook, **asked) == (Code.NOT_NOW, Verdict.DEFER, "2026-11-24T17:30:00Z")


def test_coverage_is_named_in_one_order_whoever_asked_before() -> None:
    rulebook = written("requires", "any_of = [{ flag = 'standing' }]", "FORBIDDEN")
    facts = {"now": "2026-11-24T17:00:00Z", "contact": {"channel": "voice", "purpose": "marketing"}}
    nl, both = ({**facts, "recipient": {"country": "NL"}}, {"country": "NL", "other_numbers": ["+390612345678"]})
    engine = Engine(rulebook)
    engine.judge(facts_of([read(nl)]))
    asked = read({**facts, "recipient": both})
    assert engine.judge(facts_of([asked])).rules(0) == judge(asked, rulebook).rules == ("coverage.it", "coverage.nl")


@pytest.mark.parametrize(("channel", "mode", "want"), [("voice", "live", Code.SILENT), ("sms", "", Code.FORBIDDEN)])
def test_a_mode_restricts_calls_only(channel: str, mode: str, want: Code) -> None:
    rulebook = written("forbidden", "", "FORBIDDEN", 'applies = { mode = ["predictive"] }')
    assert word(rulebook, contact__channel=channel, contact__mode=mode) is want


@pytest.mark.parametrize(
    ("channel", "mode", "want"),
    [("voice", "live", Code.SATISFIED), ("voice", "", Code.UNKNOWN), ("sms", "", Code.FORBIDDEN)],
)
def test_what_is_written_has_no_mode(channel: str, mode: str, want: Code) -> None:
    rulebook = written("requires", "any_of = [{ mode = ['live'] }]", "FORBIDDEN")
    assert word(rulebook, contact__channel=channel, contact__mode=mode) is want


@pytest.mark.parametrize(
    ("seen", "want"),
    [
        ("+33162000000", Code.SATISFIED),
        ("+33612345678", Code.FORBIDDEN),
        ("Acme", Code.SATISFIED),
        ("12345", Code.FORBIDDEN),
        ("", Code.UNKNOWN),
    ],
)
def test_a_caller_is_of_a_range_or_of_a_kind(seen: str, want: Code) -> None:
    condition = 'any_of = [{ caller_prefix = ["+33162"], caller_kind = ["alphanumeric"] }]'
    assert word(written("requires", condition, "FORBIDDEN"), contact__from=seen) is want


@pytest.mark.parametrize(
    ("seen", "want"),
    [
        ("ACMEMAISON1", Code.SATISFIED),
        ("ACMEMAISON12", Code.FORBIDDEN),
        ("+33162000000", Code.SATISFIED),
        ("news@acme.example", Code.SATISFIED),
        ("", Code.UNKNOWN),
    ],
)
def test_a_name_of_over_eleven_characters_is_a_long_one(seen: str, want: Code) -> None:
    condition = 'any_of = [{ caller_kind = ["long_name"], not = true }]'
    assert word(written("requires", condition, "FORBIDDEN"), contact__from=seen) is want


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ([{"at": "2026-11-24T16:55:00Z"}], Code.SATISFIED),
        ([{"at": "2026-11-24T16:54:59.999999Z"}], Code.FORBIDDEN),
        ([{"at": "2026-11-24T17:00:00.000001Z"}], Code.FORBIDDEN),
        ([{"scope": "all"}], Code.UNKNOWN),
        ([], Code.FORBIDDEN),
    ],
)
def test_an_opt_out_of_unknown_moment_may_be_the_one_confirmed(said: list[dict[str, Any]], want: Code) -> None:
    rulebook = written("requires", "any_of = [{ confirmation_within_minutes = 5, at_most = 1 }]", "FORBIDDEN")
    assert word(rulebook, opt_outs=said, history__confirmations_sent=0) is want


@pytest.mark.parametrize(
    ("now", "want"), [("2026-11-24T07:00:00Z", Code.SILENT), ("2026-11-24T10:00:00Z", Code.SATISFIED)]
)
def test_a_window_is_silent_until_its_own_place_has_the_day(now: str, want: Code) -> None:
    value = 'from = 2026-11-24\nhours = { every_day = ["00:00-24:00"] }'
    rulebook = written("within_hours", value, top='applies = { places = ["US-HI"] }')
    asked = {"now": now, "recipient__region": "", "contact__to": ""}  # anywhere in the United States
    assert word(rulebook, **asked) is want


@pytest.mark.parametrize("now", ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_instant_of_no_time_anybody_calls_in_is_bad_input(now: str) -> None:
    with pytest.raises(BadInput, match="between 1970 and 2999"):
        read({"now": now, "contact": {"channel": "voice", "purpose": "marketing"}})


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("now", ["1970-01-01T00:00:00Z", "2026-11-24T17:00:00Z", "2999-12-31T23:59:59Z"])
def test_any_day_at_any_time_is_judged_alike(now: str, day: str) -> None:
    case = read(
        {
            "now": now,
            "contact": {"channel": "voice", "mode": "live", "purpose": "marketing"},
            "recipient": {"country": "US"},
            "consents": [CONSENT | {"given": day}, CONSENT | {"until": day}],
            "relationships": [{"kind": "purchase", "on": day}],
            "registries": {"us.national": {"listed": True, "since": day, "checked": day, "edition": day}},
            "opt_outs": [],
            "history": {"attempts": [{"on": day, "refused": True}] * 4},
        }
    )
    assert differences(Engine(rulebook()), [case]) == []


@pytest.mark.parametrize(
    ("used", "want"),
    [
        ([], Code.FORBIDDEN),
        (None, Code.UNKNOWN),
        ([{"on": "2025-11-25", "channel": "voice"}], Code.SATISFIED),
        ([{"on": "2025-11-24", "channel": "voice"}], Code.FORBIDDEN),
        ([{"on": "2025-11-25", "channel": "sms"}], Code.FORBIDDEN),
        ([{"on": "2025-11-25"}], Code.UNKNOWN),
    ],
)
def test_a_consent_in_use_lasts(used: list[dict[str, Any]] | None, want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ consent = "any", unused_months = 12 }]', "FORBIDDEN")
    facts = {"consents": [CONSENT | {"given": "2025-06-01"}], "history__attempts": "" if used is None else used}
    assert word(rulebook, **facts) is want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("2024-02-10T12:00:00Z", Code.SATISFIED),
        ("2024-02-02T04:59:00Z", Code.FORBIDDEN),
        ("2024-02-02T05:01:00Z", Code.SATISFIED),
    ],
)
def test_a_refusal_of_an_earlier_year_ends_with_its_own_day(given: str, want: Code) -> None:
    rulebook = written("requires", REFUSED, "FORBIDDEN")
    refused = [{"on": "2024-02-01", "answered": True, "refused": True}]
    facts = {"consents": [CONSENT | {"given": given}], "recipient__timezone": "America/New_York"}
    assert word(rulebook, history__attempts=refused, **facts) is want


@pytest.mark.parametrize(
    ("given", "want"), [("2024-07-02T03:59:00Z", Code.FORBIDDEN), ("2024-07-02T04:00:00Z", Code.SATISFIED)]
)
def test_a_consent_of_an_earlier_summer_is_dated_by_the_clock_of_that_summer(given: str, want: Code) -> None:
    rulebook = written("requires", 'any_of = [{ consent = "any", given_from = 2024-07-02 }]', "FORBIDDEN")
    facts = {"consents": [CONSENT | {"given": given}], "recipient__timezone": "America/New_York"}
    assert word(rulebook, **facts) is want
