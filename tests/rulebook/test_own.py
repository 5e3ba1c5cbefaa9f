"""An operator's own rules and overrides: what may be said, who must answer for it, and what the kernel makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forbear.core.codes import Code, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import parse_day, parse_rfc3339
from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.kernel.casefile import parse
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Answers, Engine
from forbear.rulebook import own
from forbear.rulebook.changes import compare
from forbear.rulebook.model import Rulebook

HOURS = """
id = "us.hours"
title = "Calls from eight to eight"
applies = { places = ["US"], channel = ["voice"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
from = 2020-01-01
hours = { every_day = ["08:00-20:00"] }
"""
CONSENT = """
id = "us.consent"
title = "Only with consent"
applies = { places = ["US"], channel = ["sms"] }
check = "requires"
on_fail = "UNKNOWN"
confidence = "high"
unless = [{ relationship = ["purchase"], months = 12 }]
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
any_of = [{ consent = ["express", "express_written"], lapses_months = 18 }]
"""
CAP = """
id = "us.cap"
title = "Seven in seven days"
applies = { places = ["US"], channel = ["email"] }
check = "max_attempts"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
attempts = 7
days = 7
"""
LIST = """
id = "us.list"
title = "Not on the list"
applies = { places = ["US"], channel = ["email"] }
check = "not_listed"
on_fail = "FORBIDDEN"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
registry = "us.national"
fresh_days = 31
"""
OWES = """
id = "us.owes"
title = "Say who calls"
applies = { places = ["US"], channel = ["voice"] }
check = "owes"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
obligations = ["identify_caller"]
"""
WATCHED = """
id = "us.watched"
title = "No calls at noon"
applies = { places = ["US"], channel = ["voice"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"
state = "shadow"
[[cite]]
title = "A plan"
seen = 2026-11-01
[[value]]
hours = { every_day = ["00:00-12:00", "13:00-24:00"] }
"""
BAN = """
id = "us.ban"
title = "No calls about energy"
applies = { places = ["US"], channel = ["voice"], sector = ["energy_supply"] }
check = "forbidden"
on_fail = "FORBIDDEN"
confidence = "high"
state = "shadow"
[[cite]]
title = "A bill"
seen = 2026-11-01
[[value]]
"""
TWO_TEXTS = (
    HOURS.replace("us.hours", "us.mail_hours").replace('"voice"', '"email"')
    + """
to = 2026-12-31
[[value]]
from = 2027-01-01
hours = { every_day = ["09:00-21:00"] }
"""
)
EVES = (
    HOURS.replace("us.hours", "us.eves").replace('"voice"', '"sms"')
    + """
closed_on = ["us.days", "us.more"]
eves = ["10:00-19:00"]
"""
)
TERMS = (
    OWES.replace("us.owes", "us.terms").replace('"voice"', '"sms"')
    + """
terms = { works_days = 30, within_seconds = 30 }
"""
)
PAUSE = """
id = "us.pause"
title = "A pause is kept"
applies = { places = ["US"], channel = ["sms"] }
check = "wait_until"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
paused = ["all", "marketing"]
lifted_by = ["express", "express_written"]
"""
FREQUENCY = """
id = "us.frequency"
title = "What was promised is kept"
applies = { places = ["US"], channel = ["sms"] }
check = "keeps_promise"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
uncounted = ["delivery", "transactional"]
"""
REACH = """
id = "us.reach"
title = "A reply reaches calls and texts"
applies = { places = ["US"], channel = ["sms"] }
check = "reaches"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
ways = ["reply"]
covers = "marketing"
channels = "same_number"
binds = "seller"
"""
CALENDAR = """
id = "us.days"
title = "Days"
from = 2020-01-01
through = 2027-12-31
[[cite]]
title = "A statute"
"""
PROMISE = """
id = "house.opt_out"
title = "Whoever said stop is left alone"
check = "requires"
on_fail = "FORBIDDEN"
confidence = "policy"
[[cite]]
title = "House"
seen = 2026-11-01
[[value]]
any_of = [{ no_opt_out = ["all"] }]
"""
READ = """
[[read]]
places = ["US"]
status = "complete"
confidence = "high"
source = "Read"
seen = 2026-11-01
"""
SHIPPED = {
    **{f"us/{name}.toml": text.encode() for name, text in (("hours", HOURS), ("consent", CONSENT), ("cap", CAP))},
    **{f"us/{name}.toml": text.encode() for name, text in (("list", LIST), ("owes", OWES), ("watched", WATCHED))},
    **{f"us/{name}.toml": text.encode() for name, text in (("pause", PAUSE), ("frequency", FREQUENCY))},
    "us/reach.toml": REACH.encode(),
    "us/ban.toml": BAN.encode(),
    "us/eves.toml": EVES.encode(),
    "us/terms.toml": TERMS.encode(),
    "calendars/us.days.toml": CALENDAR.encode(),
    "calendars/us.more.toml": CALENDAR.replace("us.days", "us.more").encode(),
    "us/mail_hours.toml": TWO_TEXTS.encode(),
    "house/opt_out.toml": PROMISE.encode(),
    "us/coverage.toml": READ.encode(),
}
LUNCH = WATCHED.replace("us.watched", "own.lunch").replace('state = "shadow"\n', "")
JANE = 'by = "Jane Roe"\non = 2026-11-20\nreason = "opinion 12"\n'


def override(rule: str, what: str, who: str = "") -> str:
    return f'[[override]]\nrule = "{rule}"\n{who}{what}\n'


def read(*overrides: str, **files: str) -> Rulebook:
    mine = {name.replace("__", "/") + ".toml": text.encode() for name, text in files.items()}
    if overrides:
        mine["overrides.toml"] = "\n".join(overrides).encode()
    return own.read(own.merged(SHIPPED, mine))


def case(now: str, **more: Any) -> Case:
    said = {
        "id": "a call",
        "now": now,
        "contact": {"channel": "voice", "mode": "live", "purpose": "informational", "to": "+18135550123"},
        "recipient": {"country": "US", "region": "US-FL", "timezone": "America/New_York"},
        "opt_outs": [],
        "history": {"attempts": []},
    }
    return parse(json.dumps(said | more).encode(), file="-", number=1)


def judged(book: Rulebook, one: Case) -> Answers:
    """By the kernel, which must agree with its twin."""
    answers = Engine(book).judge(facts_of([one]))
    plainly = reference.judge(one, book)
    assert (answers.of(0).verdict, answers.rules(0)) == (plainly.verdict, plainly.rules)
    return answers


def eves(closed_on: str, windows: str) -> str:
    short = f', eves = ["{windows}"]' if windows else ""
    return f'value = {{ hours = {{ every_day = ["08:00-20:00"] }}, closed_on = [{closed_on}]{short} }}'


def reach(covers: str, channels: str, binds: str, ways: str = 'ways = ["reply"], ') -> str:
    return f'value = {{ {ways}covers = "{covers}", channels = "{channels}", binds = "{binds}" }}'


def terms(said: str) -> str:
    return f'value = {{ obligations = ["identify_caller"], terms = {{ {said} }} }}'


WIDER = 'value = { hours = { every_day = ["08:00-21:00"] } }'
NARROWER = 'value = { hours = { every_day = ["09:00-12:00", "14:00-20:00"] } }'


@pytest.mark.parametrize(
    ("rule", "stricter", "looser"),
    [
        ("us.hours", NARROWER, WIDER),
        ("us.hours", 'value = { hours = { every_day = ["08:00-20:00"], sun = [] } }', "off = true"),
        ("us.hours", 'value = { hours = { every_day = ["08:00-20:00"] } }', 'state = "shadow"'),
        (
            "us.hours",
            'value = { hours = { every_day = ["08:00-20:00"] }, clocks = ["local", "-06:00"] }',
            'value = { hours = { every_day = ["08:00-20:00"] }, clocks = ["-06:00"] }',
        ),
        (
            "us.hours",
            'value = { hours = { every_day = ["08:00-19:59"] } }',
            'value = { hours = { every_day = ["08:00-19:00"] }, unless = [{ relationship = ["purchase"] }] }',
        ),
        (
            "us.consent",
            'value = { any_of = [{ consent = ["express_written"], lapses_months = 18, evidence = true }] }',
            'value = { any_of = [{ consent = ["express", "express_written"], lapses_months = 19 }] }',
        ),
        (
            "us.consent",
            'value = { any_of = [{ consent = ["express"], lapses_months = 6 }] }',
            'value = { any_of = [{ consent = ["any"], lapses_months = 6 }] }',
        ),
        (
            "us.consent",
            'value = { any_of = [{ all = [{ consent = ["express"], lapses_months = 9 }, { flag = "standing" }] }] }',
            'value = { any_of = [{ consent = ["express"], lapses_months = 9 }, { flag = "standing" }] }',
        ),
        ("us.cap", "value = { attempts = 6, days = 7 }", "value = { attempts = 8, days = 7 }"),
        ("us.cap", "value = { attempts = 7, days = 8 }", "value = { attempts = 7, days = 6 }"),
        ("us.cap", "value = { attempts = 7, days = 7 }", "value = { attempts = 7, hours = 168 }"),
        ("us.cap", "value = { attempts = 1, days = 7 }", 'value = { attempts = 1, days = 7, only = ["answered"] }'),
        (
            "us.list",
            'value = { registry = "us.national", fresh_days = 30 }',
            'value = { registry = "us.national", fresh_days = 32 }',
        ),
        (
            "us.list",
            'value = { registry = "us.national", fresh_days = 1 }',
            'value = { registry = "us.national", fresh_days = 1, binds_after_days = 30 }',
        ),
        (
            "us.list",
            'value = { registry = "us.national", fresh_days = 31 }',
            'value = { registry = "us.state", fresh_days = 31 }',
        ),
        ("us.eves", eves('"us.more", "us.days"', "11:00-19:00"), eves('"us.days"', "10:00-19:00")),
        ("us.eves", eves('"us.days", "us.more"', "10:00-18:59"), eves('"us.days", "us.more"', "10:00-19:01")),
        ("us.eves", eves('"us.days", "us.more"', "10:00-19:00"), eves('"us.days", "us.more"', "")),
        ("us.terms", terms("works_days = 31, within_seconds = 30"), terms("works_days = 29, within_seconds = 30")),
        ("us.terms", terms("works_days = 30, within_seconds = 29"), terms("works_days = 30, within_seconds = 31")),
        ("us.terms", terms("works_days = 30, within_seconds = 30"), terms("within_seconds = 30")),
        (
            "us.pause",
            'value = { paused = ["all", "marketing", "list"], lifted_by = ["express_written"] }',
            'value = { paused = ["all", "marketing"], lifted_by = ["any_express"] }',
        ),
        (
            "us.pause",
            'value = { paused = ["all", "marketing"] }',
            'value = { paused = ["all"], lifted_by = ["express", "express_written"] }',
        ),
        (
            "us.frequency",
            'value = { uncounted = ["delivery"] }',
            'value = { uncounted = ["delivery", "transactional", "research"] }',
        ),
        ("us.reach", reach("all", "all", "account"), reach("all", "said_on", "seller")),
        ("us.reach", reach("marketing", "same_number", "seller", ""), reach("all_but_needed", "all", "seller")),
        (
            "us.reach",
            reach("marketing", "all", "installation", 'ways = ["reply", "link"], '),
            reach("marketing", "all", "installation", 'ways = ["link"], '),
        ),
        (
            "us.owes",
            'value = { obligations = ["callback_number", "identify_caller"] }',
            'value = { obligations = ["callback_number"] }',
        ),
    ],
)
def test_what_is_stricter_needs_no_name_and_what_may_be_looser_does(rule: str, stricter: str, looser: str) -> None:
    tightened = read(override(rule, stricter)).rule(rule).override
    assert tightened is not None
    assert not tightened.loosens
    for missing in ("by", "on", "reason"):
        rest = "".join(line + "\n" for line in JANE.splitlines() if not line.startswith(missing))
        with pytest.raises(BadInput) as caught:
            read(override(rule, looser, rest))
        assert (caught.value.key, caught.value.file) == (f"override.{missing}", "own/overrides.toml")
    loosened = read(override(rule, looser, JANE)).rule(rule).override
    assert loosened is not None
    assert (loosened.loosens, loosened.by) == (True, "Jane Roe")


def test_enforcing_what_is_only_watched_is_stricter() -> None:
    rule = read(override("us.watched", 'state = "enforced"')).rule("us.watched")
    assert not rule.shadow
    assert rule.override is not None
    assert not rule.override.loosens


@pytest.mark.parametrize(
    ("hours", "days", "loosens"),
    [
        ("09:00-20:00", "", False),
        ("08:00-20:00", "", True),  # wider than the text from 2027 on
        ("08:00-20:00", "to = 2026-12-31", False),
        ("09:00-21:00", "from = 2027-01-01", False),
        ("09:00-21:00", "from = 2026-12-31", True),  # a day too early
        ("08:00-20:00", "to = 2027-01-01", True),  # a day too long
        ("00:00-24:00", "to = 2019-12-31", False),  # before there was a text
    ],
)
def test_an_own_text_is_held_against_every_text_it_stands_in_for(hours: str, days: str, loosens: bool) -> None:
    text = override("us.mail_hours", f'value = {{ hours = {{ every_day = ["{hours}"] }} }}\n{days}')
    if loosens:
        with pytest.raises(BadInput, match="not stricter"):
            read(text)
    else:
        assert read(text).rule("us.mail_hours").override is not None


def test_a_rule_above_whose_texts_an_exception_stands_keeps_it_under_an_own_text() -> None:
    (text,) = (
        read(override("us.consent", 'value = { any_of = [{ consent = ["express"], lapses_months = 1 }] }'))
        .rule("us.consent")
        .values
    )
    assert len(text.unless) == 1


@pytest.mark.parametrize(
    ("files", "file", "key", "line"),
    [
        ({"overrides": override("us.hour", WIDER, JANE)}, "own/overrides.toml", "override.rule", 2),
        ({"overrides": override("house.opt_out", "off = true", JANE)}, "own/overrides.toml", "override.rule", 2),
        ({"overrides": override("us.hours", "off = false", JANE)}, "own/overrides.toml", "override.off", 6),
        ({"overrides": override("us.hours", "", JANE)}, "own/overrides.toml", "override", 1),
        ({"overrides": override("us.hours", "off = true\n" + WIDER, JANE)}, "own/overrides.toml", "override", 1),
        ({"overrides": override("us.hours", 'state = "enforced"', JANE)}, "own/overrides.toml", "override.state", 6),
        ({"overrides": override("us.hours", WIDER + '\nwho = "Jane"', JANE)}, "own/overrides.toml", "override.who", 7),
        (
            {"overrides": override("us.hours", WIDER + "\nto = 2026-11-19", JANE)},
            "own/overrides.toml",
            "override.to",
            7,
        ),
        (
            {"overrides": override("us.hours", NARROWER) + override("us.hours", NARROWER)},
            "own/overrides.toml",
            "override.rule",
            5,
        ),
        ({"overrides": override("own.lunch", NARROWER), "lunch": LUNCH}, "own/overrides.toml", "override.rule", 2),
        (
            {"overrides": override("us.hours", "value = { from = 2026-01-01, hours = { every_day = [] } }")},
            "own/overrides.toml",
            "override.value",
            3,
        ),
        ({"lunch": LUNCH.replace("own.lunch", "us.lunch")}, "own/lunch.toml", "id", 2),
        ({"eu__coverage": READ}, "own/eu/coverage.toml", None, None),
        (
            {
                "calendars__x": 'id = "us.x"\ntitle = "X"\nfrom = 2026-01-01\nthrough = 2026-12-31\n'
                '[[cite]]\ntitle = "A"'
            },
            "own/calendars/x.toml",
            "id",
            1,
        ),
    ],
)
def test_what_an_operator_may_not_say_is_refused_with_file_and_line(
    files: dict[str, str], file: str, key: str | None, line: int | None
) -> None:
    with pytest.raises(BadInput) as caught:
        read(**files)
    assert (caught.value.file, caught.value.key, caught.value.line) == (file, key, line)


def test_what_people_said_may_be_heeded_more_but_never_less() -> None:
    wider = 'value = { any_of = [{ no_opt_out = ["all", "marketing"] }] }'
    assert read(override("house.opt_out", wider)).rule("house.opt_out").override is not None


EVENING = "2026-11-25T01:05:00Z"  # five past eight in Florida
MENTION = ("us.hours by Jane Roe 2026-11-20",)


def test_an_own_rule_only_makes_verdicts_stricter() -> None:
    noon, evening = case("2026-11-24T17:30:00Z"), case(EVENING)
    assert judged(read(), noon).of(0).verdict is Verdict.ALLOW
    stricter = read(lunch=LUNCH)
    assert judged(stricter, noon).rules(0) == ("own.lunch",)
    assert judged(stricter, evening).rules(0) == ("us.hours",)


def test_a_verdict_names_the_override_it_would_not_have_come_to_without() -> None:
    book = read(override("us.hours", WIDER, JANE))
    morning, evening = judged(book, case("2026-11-24T15:00:00Z")), judged(book, case(EVENING))
    assert (morning.of(0).verdict, morning.overrides(0)) == (Verdict.ALLOW, ())
    assert (evening.of(0).verdict, evening.overrides(0)) == (Verdict.ALLOW, MENTION)
    assert judged(read(), case(EVENING)).of(0).verdict is Verdict.DEFER


def test_a_tightening_is_named_too() -> None:
    book = read(override("us.hours", NARROWER))
    assert judged(book, case("2026-11-24T18:00:00Z")).overrides(0) == ("us.hours by the operator",)


def test_a_deferral_names_an_override_that_may_have_moved_its_moment() -> None:
    book = read(override("us.hours", 'value = { hours = { every_day = ["07:00-20:00"] } }', JANE))
    answers = judged(book, case(EVENING))
    assert answers.earliest[0] == parse_rfc3339("2026-11-25T12:00:00Z")
    assert answers.overrides(0) == MENTION


def test_a_denial_by_another_rule_still_names_an_override_of_a_rule_that_would_have_spoken() -> None:
    book = read(override("us.hours", WIDER, JANE))
    stopped = case(EVENING, opt_outs=[{"at": "2026-11-01T10:00:00Z", "scope": "all"}])
    assert judged(book, stopped).of(0).code is Code.FORBIDDEN
    assert judged(book, stopped).overrides(0) == MENTION


def test_an_override_that_owes_less_is_named_where_it_applies() -> None:
    book = read(override("us.owes", "off = true", JANE))
    answers = judged(book, case("2026-11-24T15:00:00Z"))
    assert answers.obligations(0) == ()
    assert answers.overrides(0) == ("us.owes by Jane Roe 2026-11-20",)


def test_enforcing_a_watched_rule_decides_and_is_named() -> None:
    noon = case("2026-11-24T17:30:00Z")
    assert judged(read(), noon).shadow(0) == ("us.watched",)
    answers = judged(read(override("us.watched", 'state = "enforced"')), noon)
    assert (answers.rules(0), answers.shadow(0)) == (("us.watched",), ())
    assert answers.overrides(0) == ("us.watched by the operator",)


def test_enforcing_a_watched_ban_is_named_in_the_denials_it_makes() -> None:
    energy = {"channel": "voice", "mode": "live", "purpose": "informational", "to": "+18135550123"}
    call = case("2026-11-24T15:00:00Z", contact=energy | {"sector": "energy_supply"})
    assert judged(read(), call).of(0).verdict is Verdict.ALLOW
    answers = judged(read(override("us.ban", 'state = "enforced"')), call)
    assert (answers.rules(0), answers.overrides(0)) == (("us.ban",), ("us.ban by the operator",))
    assert judged(read(override("us.ban", "value = {}")), call).overrides(0) == ()  # as shipped, still in the shadow


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ("2026-11-20T01:05:00Z", Verdict.DEFER),  # the evening of the 19th, in Florida
        ("2026-11-21T01:05:00Z", Verdict.ALLOW),
        ("2026-12-02T01:05:00Z", Verdict.ALLOW),
        ("2026-12-03T01:05:00Z", Verdict.DEFER),
    ],
)
def test_an_override_holds_from_its_day_to_its_last(now: str, verdict: Verdict) -> None:
    book = read(override("us.hours", WIDER + "\nto = 2026-12-01", JANE))
    answers = judged(book, case(now))
    assert answers.of(0).verdict is verdict


def test_turned_off_for_some_days_the_shipped_text_stands_on_the_others() -> None:
    book = read(override("us.hours", "off = true\nto = 2026-12-01", JANE))
    assert [(text.from_day, text.to_day) for text in book.rule("us.hours").values] == [
        (parse_day("2020-01-01"), parse_day("2026-11-19")),
        (parse_day("2026-12-02"), 2**31 - 1),
    ]
    assert judged(book, case(EVENING)).of(0).verdict is Verdict.ALLOW
    assert judged(book, case("2026-12-03T01:05:00Z")).of(0).verdict is Verdict.DEFER


def test_no_permit_outlives_the_shipped_window_without_the_mention() -> None:
    book = read(override("us.hours", WIDER, JANE))
    before, after = judged(book, case("2026-11-25T00:59:40Z")), judged(book, case(EVENING))
    assert before.overrides(0) == ()
    assert before.window_end[0] == parse_rfc3339("2026-11-25T01:00:00Z")
    assert after.window_end[0] == parse_rfc3339("2026-11-25T02:00:00Z")


def test_a_twin_is_no_shadow_rule_of_the_operators() -> None:
    book = read(override("us.hours", WIDER, JANE))
    assert judged(book, case(EVENING)).shadow(0) == ()


def test_the_digest_is_of_everything_that_judges() -> None:
    assert read().digest != read(lunch=LUNCH).digest
    assert read(override("us.hours", NARROWER)).digest != read(override("us.hours", WIDER, JANE)).digest
    book = read(override("us.hours", WIDER, JANE), lunch=LUNCH)
    assert own.read(book.files).digest == book.digest


def test_a_file_read_before_is_read_again_where_its_base_became_another() -> None:
    rule = LUNCH.replace('confidence = "high"', 'confidence = "high"\nbase = "a_call"')
    bases = [read(lunch=rule, bases=f'[a_call]\nid = "{name}"\n').rule("own.lunch").base for name in ("one", "other")]
    assert [base["id"] for base in bases] == ["one", "other"]


def test_an_own_base_takes_no_shipped_ones_name() -> None:
    files = SHIPPED | {"us/bases.toml": b"[a_call]\n"}
    with pytest.raises(BadInput, match="there already") as caught:
        own.read(own.merged(files, {"bases.toml": b"[mine]\n[a_call]\n"}))
    assert (caught.value.file, caught.value.line) == ("own/bases.toml", 2)


def test_nobody_is_told_of_twins_as_of_rules() -> None:
    changes = compare(read(), read(override("us.hours", WIDER, JANE)))
    assert (changes.added, changes.removed, list(changes.changed)) == ((), (), ["us.hours"])
    back = compare(read(override("us.hours", WIDER, JANE)), read())
    assert (back.added, back.removed, list(back.changed)) == ((), (), ["us.hours"])
    assert ("override", None) in {(line.what, line.was) for line in changes.changed["us.hours"]}
