"""The public case format: what a line says, what is refused, and the columns it becomes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forbear.core.codes import Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import FOREVER, MISSING, parse_day, parse_rfc3339
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Mode, Purpose
from forbear.kernel.case import Case
from forbear.kernel.casefile import LONGEST_LINE, parse, read
from forbear.kernel.columns import facts_of
from forbear.kernel.facts import NO, NOT_KNOWN, YES, Flag

SMALLEST: dict[str, Any] = {"now": "2026-11-24T01:05:00Z", "contact": {"channel": "voice", "purpose": "marketing"}}


def case_with(**keys: Any) -> dict[str, Any]:
    """The smallest case with values laid over it; `__` in a name is a step down."""
    value: dict[str, Any] = json.loads(json.dumps(SMALLEST))
    for path, part in keys.items():
        at = value
        *above, last = path.split("__")
        for step in above:
            at = at.setdefault(step, {})
        at[last] = part
    return value


def line(**keys: Any) -> bytes:
    return json.dumps(case_with(**keys)).encode()


def flag(case: Case, which: Flag) -> bool | None:
    facts = facts_of([case])
    true, false = int(facts.true[0]) >> which & 1, int(facts.false[0]) >> which & 1
    assert not (true and false)
    return True if true else False if false else None


def test_absent_is_not_known_and_empty_is_known_to_be_empty() -> None:
    absent, empty = parse(line()), parse(line(consents=[], relationships=[], opt_outs=[], history={"attempts": []}))
    for which in (Flag.CONSENTS_KNOWN, Flag.RELATIONSHIPS_KNOWN, Flag.OPT_OUTS_KNOWN, Flag.ATTEMPTS_KNOWN):
        assert flag(absent, which) is False
        assert flag(empty, which) is True
    assert (absent.consents, empty.consents) == (None, ())
    assert parse(line(consents=None, history=None)) == absent


def test_the_defaults_of_the_format_hold() -> None:
    case = parse(line(schema=1))
    assert case.sender.ftc is True
    assert case.recipient.carrier_block is False
    assert case.recipient.other_numbers == ()
    assert case.alerts == frozenset()
    assert dict(facts_of([case]).selectors[0].policy) == {
        "close_substitute_holidays": True,
        "it_code_of_conduct": True,
        "unknown_location": "all",
    }
    assert flag(case, Flag.STANDING) is True
    assert flag(case, Flag.SUPPRESSED) is False
    assert flag(case, Flag.CARRIER_BLOCK) is False
    assert flag(case, Flag.SENDER_FTC) is True
    assert flag(parse(line(sender__ftc=False)), Flag.SENDER_FTC) is False
    assert flag(case, Flag.IDENTIFIES_SENDER) is None


@pytest.mark.parametrize(
    ("channel", "to", "understood"),
    [
        ("voice", "+12025550100", True),
        ("sms", "+12025550100", True),
        ("voice", "2025550100", False),
        ("voice", "pat@example.net", False),
        ("email", "pat@example.net", True),
        ("email", "+12025550100", False),
        ("sms", None, None),
    ],
)
def test_an_address_is_understood_for_its_channel(channel: str, to: str | None, understood: bool | None) -> None:
    assert flag(parse(line(contact__channel=channel, contact__to=to)), Flag.ADDRESS_UNDERSTOOD) is understood


@pytest.mark.parametrize(
    ("offer", "offered", "reply"),
    [
        ({"kind": "reply"}, True, True),
        ({"kind": "url"}, True, False),
        ({"kind": "none"}, False, False),
        ({}, False, False),
        (None, None, None),
    ],
)
def test_what_is_offered_to_opt_out(offer: object, offered: bool | None, reply: bool | None) -> None:
    case = parse(line(contact__content__opt_out=offer))
    assert flag(case, Flag.OPT_OUT_OFFERED) is offered
    assert flag(case, Flag.OPT_OUT_REPLY) is reply


def test_consents_become_a_column() -> None:
    consents = [
        {"level": "express", "given": "2026-08-20", "channels": ["voice", "sms"], "purposes": []}
        | {"covers": ["out_of_hours"], "evidence": True, "names_seller": False},
        {"given": "2026-08-20T10:00:00+10:00", "until": "indefinite", "withdrawn": "2026-09-01T00:00:00Z"},
        {"until": "2027-01-01"},
    ]  # fmt: skip
    column = facts_of([parse(line()), parse(line(consents=consents))]).consents
    assert column is not None
    assert column.row.tolist() == [1, 1, 1]
    assert column.level.tolist() == [ConsentLevel.EXPRESS.bit, 0, 0]
    assert column.given_day.tolist() == [parse_day("2026-08-20"), MISSING, MISSING]
    assert column.given_at.tolist() == [MISSING, parse_rfc3339("2026-08-20T00:00:00Z"), MISSING]
    assert column.until_day.tolist() == [MISSING, FOREVER, parse_day("2027-01-01")]
    assert column.channels.tolist() == [Channel.VOICE.bit | Channel.SMS.bit, -1, -1]
    assert column.purposes.tolist() == [0, -1, -1]
    assert column.covers.tolist() == [ConsentCover.OUT_OF_HOURS.bit, -1, -1]
    assert column.evidence.tolist() == [YES, NOT_KNOWN, NOT_KNOWN]
    assert column.names_seller.tolist() == [NO, NOT_KNOWN, NOT_KNOWN]
    assert column.withdrawn_at.tolist() == [MISSING, parse_rfc3339("2026-09-01T00:00:00Z"), MISSING]


def test_a_registry_answer_keeps_a_day_apart_from_a_moment() -> None:
    registries = {
        "us.national": {"listed": True, "since": "2020-05-01", "checked": "2026-11-10", "edition": "2026-11-01"},
        "au.dncr": {"listed": False, "checked": "2026-11-20T00:00:00Z"},
        "us.reassigned": {"answer": "no_data"},
    }
    columns = facts_of([parse(line(registries=registries)), parse(line())]).registries
    assert columns["us.national"].listed.tolist() == [YES, NOT_KNOWN]
    assert columns["us.national"].checked_day.tolist() == [parse_day("2026-11-10"), MISSING]
    assert columns["us.national"].checked_at.tolist() == [MISSING, MISSING]
    assert columns["us.national"].edition_day.tolist() == [parse_day("2026-11-01"), MISSING]
    assert columns["au.dncr"].checked_at.tolist() == [parse_rfc3339("2026-11-20T00:00:00Z"), MISSING]
    assert columns["us.reassigned"].listed.tolist() == [NOT_KNOWN, NOT_KNOWN]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [("sale", "sale", YES), ("sale", "roof", NO), ("sale", None, NOT_KNOWN), (None, "sale", NOT_KNOWN)],
)
def test_an_attempt_is_compared_by_subject_and_debt(ours: str | None, theirs: str | None, same: int) -> None:
    attempts = [
        {"at": "2026-11-23T14:10:00Z", "subject": theirs, "debt": theirs, "answered": False},
        {"on": "2026-11-22", "channel": "sms"},
    ]
    column = facts_of([parse(line(contact__subject=ours, contact__debt=ours, history__attempts=attempts))]).attempts
    assert column is not None
    assert column.same_subject[0] == column.same_debt[0] == same
    assert column.answered.tolist() == [NO, NOT_KNOWN]
    assert column.channel.tolist() == [0, Channel.SMS.bit]
    assert column.on_day.tolist() == [MISSING, parse_day("2026-11-22")]


def test_opt_outs_relationships_and_counts_become_columns() -> None:
    facts = facts_of(
        [
            parse(
                line(
                    contact__campaign="winter",
                    opt_outs=[
                        {"at": "2026-11-21T04:37:00Z", "scope": "campaign", "campaign": "winter"},
                        {"scope": "all", "channel": "sms"},
                    ],
                    relationships=[{"kind": "purchase", "on": "2026-01-02", "ongoing": True}],
                    dialler={"answered_live": 100, "abandoned": 3, "live_agent_guaranteed": False},
                    history={"confirmations_sent": 1},
                )
            ),
            parse(line()),
        ]
    )
    assert facts.opt_outs is not None
    assert facts.opt_outs.same.tolist() == [YES, NOT_KNOWN]
    assert facts.relationships is not None
    assert facts.relationships.related.tolist() == [NOT_KNOWN]
    assert facts.dialler is not None
    assert facts.dialler.answered_live.tolist() == [100, -1]
    assert facts.dialler.window_days.tolist() == [-1, -1]
    assert facts.confirmations_sent is not None
    assert facts.confirmations_sent.tolist() == [1, -1]


def test_lists_pauses_promises_and_imported_consents_become_columns() -> None:
    case = line(
        contact__list="news",
        contact__campaign="winter",
        opt_outs=[
            {"scope": "list", "list": "news", "until": "2026-12-24T00:00:00Z"},
            {"scope": "list", "list": "offers"},
            {"scope": "list"},
            {"scope": "campaign", "campaign": "spring", "list": "news"},
        ],
        consents=[
            {"promised_n": 4, "promised_days": 30},
            {"imported": True},
            {"promised_n": 32767, "promised_days": 1},
        ],
    )
    facts = facts_of([parse(case)])
    assert facts.opt_outs is not None
    assert facts.opt_outs.same.tolist() == [YES, NO, NOT_KNOWN, NO]
    assert facts.opt_outs.until.tolist() == [parse_rfc3339("2026-12-24T00:00:00Z"), MISSING, MISSING, MISSING]
    assert facts.consents is not None
    assert facts.consents.imported.tolist() == [NO, YES, NO]
    assert facts.consents.promised_n.tolist() == [4, 0, 32767]
    assert facts.consents.promised_days.tolist() == [30, 0, 1]


@pytest.mark.parametrize(
    "promised",
    [
        {"promised_n": 4},
        {"promised_days": 30},
        {"promised_n": 0, "promised_days": 30},
        {"promised_n": 1, "promised_days": 32768},
    ],
)
def test_a_promise_is_so_many_contacts_in_so_many_days(promised: dict[str, int]) -> None:
    with pytest.raises(BadInput, match=r"consents\[0\]\.promised_n"):
        parse(line(consents=[promised]))


def test_contacts_alike_share_one_selector() -> None:
    facts = facts_of([parse(line(id=str(i))) for i in range(3)] + [parse(line(contact__mode="live"))])
    assert facts.selector.tolist() == [0, 0, 0, 1]
    assert facts.selectors[1].mode is Mode.LIVE


def test_further_numbers_are_evidence_of_place() -> None:
    case = parse(line(contact__to="+12125550100", recipient={"country": "us", "other_numbers": ["+1 415 555 0100"]}))
    assert {place.region for place in case.places} == {"US-NY", "US-CA"}


def test_a_mapping_with_dates_reads_like_a_line() -> None:
    given = case_with(
        consents=[{"given": date(2026, 8, 20)}], registries={"us.national": {"checked": date(2026, 11, 10)}}
    )
    given["now"] = datetime(2026, 11, 24, 1, 5, tzinfo=UTC)
    texts = line(consents=[{"given": "2026-08-20"}], registries={"us.national": {"checked": "2026-11-10"}})
    assert read(given) == parse(texts)


def test_what_is_expected_is_kept() -> None:
    expect = parse(line(expect={"verdict": "defer", "earliest": "2026-11-24T13:00:00Z"})).expect
    assert expect is not None
    assert expect.verdict is Verdict.DEFER


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"recipiant": {}}, "cases.jsonl:7: key `recipiant`: is no key"),
        ({"contact__content__opt_out": {"knd": "reply"}}, "key `contact.content.opt_out.knd`: is no key"),
        ({"consents": [{}, {"levle": "express"}]}, "key `consents[1].levle`: is no key"),
        ({"history": {"attempt": []}}, "key `history.attempt`: is no key"),
        ({"policy": {"unknown_locations": "all"}}, "key `policy.unknown_locations`"),
        ({"registries": {"us.national": {"listd": True}}}, "key `registries.us.national.listd`"),
        ({"schema": 2}, "key `schema`: schema 2"),
        ({"now": None}, "key `now`: is needed"),
        ({"now": "2026-11-24"}, "key `now`: must be an instant"),
        ({"now": "2026-11-24T01:05:00"}, "key `now`: must be an instant"),
        ({"now": 5}, "key `now`: must be an instant"),
        ({"now": "9999-12-31T23:59:59-10:00"}, "key `now`: must be an instant"),
        ({"contact": None}, "key `contact`: is needed"),
        ({"contact": []}, "key `contact`: must be an object"),
        ({"contact__channel": "fax"}, "key `contact.channel`: `fax` is not one of voice, sms, email"),
        ({"contact__channel": "sms", "contact__mode": "live"}, "key `contact.mode`: sms has no mode"),
        ({"contact__to": 12025550100}, "key `contact.to`: must be text"),
        ({"contact__to": "a\x00b"}, "key `contact.to`: holds characters"),
        ({"contact__ai_disclosed": "yes"}, "key `contact.ai_disclosed`: must be true or false"),
        ({"recipient": {"country": "Australia"}}, "key `recipient.country`: `Australia` is no country code"),
        ({"recipient": {"timezone": "Mars/Olympus"}}, "key `recipient.timezone`: `Mars/Olympus` is no IANA"),
        ({"recipient": {"other_numbers": ["+1 202"]}}, "key `recipient.other_numbers[0]`: no E.164 number: too short"),
        ({"consents": {}}, "key `consents`: must be a list"),
        ({"consents": [1]}, "key `consents[0]`: must be an object"),
        ({"consents": [{"until": "forever"}]}, "key `consents[0].until`: must be a date"),
        ({"consents": [{"given": "2026-13-01"}]}, "key `consents[0].given`: must be a date"),
        ({"consents": [{"channels": ["voice", "fax"]}]}, "key `consents[0].channels[1]`: `fax`"),
        ({"relationships": [{"on": "01/02/2026"}]}, "key `relationships[0].on`: must be a date"),
        ({"history": {"attempts": [{"answered": True}]}}, "key `history.attempts[0].at`: is needed"),
        ({"history": {"confirmations_sent": -1}}, "key `history.confirmations_sent`: must be a whole number"),
        ({"dialler": {"abandoned": 1.5}}, "key `dialler.abandoned`: must be a whole number"),
        ({"dialler": {"abandoned": True}}, "key `dialler.abandoned`: must be a whole number"),
        ({"registries": {"us.reassigned": {"answer": "maybe"}}}, "key `registries.us.reassigned.answer`"),
        ({"alerts": [3]}, "key `alerts[0]`: must be text"),
        ({"expect": {}}, "key `expect.verdict`: is needed"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_one_error_with_its_place(keys: dict[str, Any], said: str) -> None:
    assert parse(line(), file="cases.jsonl", number=7)
    with pytest.raises(BadInput) as caught:
        parse(line(**keys), file="cases.jsonl", number=7)
    assert said in str(caught.value)
    assert str(caught.value).startswith("cases.jsonl:7: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{", "not UTF-8 at byte 0"),
        (b'{"now": ', "not JSON"),
        (b"[]", "a case is a JSON object"),
        (b'{"id": NaN}', "NaN is no value"),
        (b'{"id": "a", "id": "b"}', "key `id` stands twice"),
        (b'{"schema": ' + b"9" * 10_000 + b"}", "10000 digits"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b" " * (LONGEST_LINE + 1), "longer than"),
        (b'{"id": "\\ud800", "now": "2026-11-24T01:05:00Z"}', "holds characters"),
    ],
)
def test_a_line_that_is_no_case_is_one_error(bad: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=r"bad\.jsonl:3: ") as caught:
        parse(bad, file="bad.jsonl", number=3)
    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b"\xef\xbb\xbf" + line()) == parse(line())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "now",
    "contact",
    "sender",
    "recipient",
    "consents",
    "registries",
    "history",
    "opt_outs",
    "dialler",
    "policy",
    "expect",
    "alerts",
    "id",
]


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_any_value_anywhere_is_a_case_or_one_error(over: dict[str, Any]) -> None:
    try:
        case = parse(json.dumps(SMALLEST | over).encode())
    except BadInput:
        return
    assert case.contact.purpose is Purpose.MARKETING


def test_every_worked_example_of_the_law_is_read() -> None:
    path = Path(__file__).parents[2] / "../shared/law/cases.jsonl"
    if not path.exists():
        pytest.skip("the worked examples (../shared/law/cases.jsonl) are not here")
    cases = [parse(text, number=i) for i, text in enumerate(path.read_bytes().splitlines(), 1)]
    assert facts_of(cases).n == len(cases) > 60
    assert all(case.expect for case in cases)
