# ruff: noqa: E501 - the table of faults reads best one a line
"""A rule file that is written badly does not load, and the one error says what is wrong and where."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.rulebook.load import digest, load, shipped, shipped_files
from forbear.rulebook.model import Rule

HOURS = """\
id = "us.fl.calling_hours"
title = "No call after eight"
applies = { places = ["US-FL"], channel = ["voice"], purpose = ["marketing"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"

[[cite]]
title = "Fla. Stat. 501.616(6)(a)"
seen = 2026-11-21

[[value]]
to = 2021-06-30
hours = { every_day = ["08:00-21:00"] }

[[value]]
from = 2021-07-01
hours = { mon_sat = ["08:00-20:00"], sun = [] }
"""
REQUIRES = """\
id = "us.written_consent"
title = "A recorded offer needs written consent"
applies = { places = ["US"] }
check = "requires"
on_fail = "UNKNOWN"
confidence = "high"
[[cite]]
title = "47 CFR 64.1200(a)(3)"
seen = 2026-11-21
[[value]]
any_of = [{ consent = ["express_written"] }, { all = [{ flag = "gave_number" }, { relationship = ["purchase"], months = 18 }] }]
"""
CAP = """\
id = "us.cap"
title = "Three in a day"
check = "max_attempts"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "Fla. Stat. 501.616(6)(b)"
seen = 2026-11-21
[[value]]
attempts = 3
hours = 24
same = "subject"
"""
LISTED = """\
id = "us.national"
title = "Nobody on the national list"
check = "not_listed"
on_fail = "UNKNOWN"
confidence = "high"
[[cite]]
title = "16 CFR 310.4(b)(1)(iii)(B)"
seen = 2026-11-21
[[value]]
registry = "us.national"
fresh_days = 31
"""
PAUSED = """\
id = "us.paused"
title = "A pause is kept"
check = "wait_until"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-21
[[value]]
paused = ["all", "list"]
"""
PROMISED = """\
id = "us.promised"
title = "What was promised is kept"
check = "keeps_promise"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-21
[[value]]
uncounted = ["delivery"]
"""
REACHES = """\
id = "us.reaches"
title = "A reply reaches everything"
check = "reaches"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-21
[[value]]
ways = ["reply"]
covers = "all"
channels = "same_number"
binds = "seller"
"""
CALENDAR = """\
id = "us.holidays"
title = "Holidays"
from = 2026-01-01
through = 2026-12-31
[[cite]]
title = "5 U.S.C. 6103"
seen = 2026-11-21
[[holiday]]
day = 2026-11-26
name = "Thanksgiving"
"""
COVERAGE = """\
[[read]]
places = ["US"]
channels = ["voice"]
status = "partial"
confidence = "high"
source = "47 CFR 64.1200"
seen = 2026-11-21
"""


def rule(text: str) -> Rule:
    return load({"us/rule.toml": text.encode()}).rules[0]


@pytest.mark.parametrize("text", [HOURS, REQUIRES, CAP, LISTED, PAUSED, PROMISED, REACHES])
def test_a_rule_written_well_loads(text: str) -> None:
    assert rule(text).cites[0].title in text


BAD = {
    "a pause of nothing": (PAUSED, 'paused = ["all", "list"]\n', "", 9, "no `paused`"),
    "a pause of what is no scope": (PAUSED, '"list"', '"lists"', 10, "`lists` is none of all"),
    "a pause that is never lifted by time": (PAUSED, '"NOT_NOW"', '"FORBIDDEN"', 4, "a `wait_until` rule says NOT_NOW"),
    "a promise of what is no purpose": (PROMISED, '"delivery"', '"parcels"', 10, "`parcels` is none of marketing"),
    "a promise broken for good": (PROMISED, '"NOT_NOW"', '"UNKNOWN"', 4, "a `keeps_promise` rule says NOT_NOW"),
    "a reach that says nothing of channels": (REACHES, 'channels = "same_number"\n', "", 8, "no `channels`"),
    "a reach by what is no way": (REACHES, '"reply"', '"shout"', 9, "`shout` is none of reply"),
    "a reach of one list": (REACHES, 'covers = "all"', 'covers = "list"', 10, "`list` is none of all"),
    "a reach that binds nobody": (REACHES, '"seller"', '"nobody"', 12, "`nobody` is none of seller"),
    "a reach that is lifted": (REACHES, 'binds = "seller"', 'binds = "seller"\nunless = [{ consent = ["express"] }]', 13, "is not lifted"),
    "no id": (HOURS, 'id = "us.fl.calling_hours"\n', "", None, "no `id`"),
    "an id that is no id": (HOURS, "us.fl.calling_hours", "Florida hours", 1, "is no rule id"),
    "no title": (HOURS, 'title = "No call after eight"\n', "", None, "no `title`"),
    "an empty title": (HOURS, '"No call after eight"', '" "', 2, "must be text"),
    "a title that is a number": (HOURS, '"No call after eight"', "8", 2, "must be text"),
    "no citation": (CAP, '[[cite]]\ntitle = "Fla. Stat. 501.616(6)(b)"\nseen = 2026-11-21\n', "", None, "no `cite`"),
    "a citation without its text": (CAP, 'title = "Fla. Stat. 501.616(6)(b)"\n', "", 6, "no `title`"),
    "a citation nobody read": (CAP, "seen = 2026-11-21\n", "", 6, "no `seen`"),
    "a day in quotes": (CAP, "seen = 2026-11-21", 'seen = "2026-11-21"', 8, "must be a date"),
    "a day with a time": (CAP, "seen = 2026-11-21", "seen = 2026-11-21T00:00:00Z", 8, "must be a date"),
    "an unknown check": (CAP, '"max_attempts"', '"max_tries"', 3, "is none of"),
    "a check that is a list": (CAP, '"max_attempts"', '["max_attempts"]', 3, "must be text"),
    "no word on failing": (REQUIRES, 'on_fail = "UNKNOWN"\n', "", None, "no `on_fail`"),
    "a cap that forbids for good": (CAP, '"NOT_NOW"', '"FORBIDDEN"', 4, "says NOT_NOW"),
    "a requirement that time cures": (REQUIRES, '"UNKNOWN"', '"NOT_NOW"', 5, "never says NOT_NOW"),
    "an unknown code": (REQUIRES, '"UNKNOWN"', '"SATISFIED"', 5, "is none of"),
    "an unknown confidence": (CAP, '"high"', '"sure"', 5, "is none of"),
    "an unknown state": (CAP, 'confidence = "high"', 'confidence = "high"\nstate = "off"', 6, "is none of"),
    "an unknown key": (CAP, 'confidence = "high"', 'confidence = "high"\nonfail = "NOT_NOW"', 6, "unknown key `onfail`"),
    "an unknown key of a citation": (CAP, "seen = 2026-11-21", "seen = 2026-11-21\nlink = 'x'", 9, "unknown key `link`"),
    "an unknown key of a value": (CAP, "hours = 24", "hours = 24\nminutes = 1", 12, "unknown key `minutes`"),
    "a key of another check": (CAP, "hours = 24", "hours = 24\nregistry = 'us.national'", 12, "unknown key `registry`"),
    "an unknown key of a selection": (HOURS, "places =", "states = ['FL'], places =", 3, "unknown key `states`"),
    "a place that is none": (HOURS, '"US-FL"', '"Florida"', 3, "neither a country"),
    "places that are no list": (HOURS, '["US-FL"]', "7", 3, "must be a list of words"),
    "an unknown channel": (HOURS, '["voice"]', '["fax"]', 3, "`fax` is none of voice, sms, email"),
    "an empty list of channels": (HOURS, '["voice"]', "[]", 3, "must be a list of words"),
    "a selection that is no table": (REQUIRES, '{ places = ["US"] }', '"US"', 3, "must be a table"),
    "no value": (CAP, "[[value]]\nattempts = 3\nhours = 24\nsame = \"subject\"\n", "", None, "no `value`"),
    "texts that overlap": (HOURS, "from = 2021-07-01", "from = 2021-06-30", 17, "two values are in force on one day"),
    "a text without a first day beside another": (HOURS, "from = 2021-07-01\n", "", 16, "two values"),
    "a first day that is a word": (HOURS, "from = 2021-07-01", 'from = "soon"', 17, "must be a date"),
    "a last day before the first": (HOURS, "from = 2021-07-01", "from = 2021-07-01\nto = 2021-06-01", 18, "before"),
    "a window that ends before it begins": (HOURS, '"08:00-20:00"', '"20:00-08:00"', 18, "is empty"),
    "a window past midnight": (HOURS, '"08:00-20:00"', '"08:00-24:30"', 18, "is empty, too long"),
    "a window of sixty-minute minutes": (HOURS, '"08:00-20:00"', '"08:60-20:00"', 18, "is empty"),
    "windows out of order": (HOURS, '["08:00-20:00"]', '["12:00-20:00", "08:00-11:00"]', 18, "out of order"),
    "a window that is a time": (HOURS, '["08:00-20:00"]', "[08:00:00]", 18, "is no window"),
    "a window that is one text": (HOURS, '["08:00-20:00"]', '"08:00-20:00"', 18, "must be a list"),
    "a weekday that is none": (HOURS, "sun = []", "sunday = []", 18, "unknown day `sunday`"),
    "a weekday left out": (HOURS, ", sun = []", "", 18, "no hours for sun"),
    "a weekday given twice": (HOURS, "sun = []", "sun = [], every_day = []", 18, "is given twice"),
    "no hours at all": (HOURS, 'hours = { mon_sat = ["08:00-20:00"], sun = [] }\n', "", 16, "no hours"),
    "a clock that is none": (HOURS, "sun = [] }", 'sun = [] }\nclocks = ["CST"]', 19, "neither local nor an offset"),
    "a clock beyond a day": (HOURS, "sun = [] }", 'sun = [] }\nclocks = ["+99:00"]', 19, "neither local nor an offset"),
    "a calendar nobody wrote": (HOURS, "sun = [] }", 'sun = [] }\nclosed_on = ["us.fl"]', 19, "no calendar `us.fl`"),
    "a requirement of nothing": (REQUIRES, "any_of = [", "unless = [", 10, "no `any_of`"),
    "a condition that is none": (REQUIRES, '{ consent = ["express_written"] }', "{}", 11, "is no condition"),
    "a condition misspelt": (REQUIRES, "consent =", "consents =", 11, "is no condition"),
    "a condition with a further key": (REQUIRES, "months = 18", "years = 2", 11, "unknown key `years`"),
    "a level that is none": (REQUIRES, '"express_written"', '"written"', 11, "`written` is none of"),
    "a flag that is none": (REQUIRES, '"gave_number"', '"number_given"', 11, "is none of"),
    "a conjunction with a stray key": (REQUIRES, "{ all = [", "{ any = 1, all = [", 11, "unknown key `any`"),
    "alternatives that are words": (REQUIRES, '[{ consent = ["express_written"] }, ', '["consent", ', 11, "list of tables"),
    "a cap without a number": (CAP, "attempts = 3\n", "", 9, "no `attempts`"),
    "a cap of none": (CAP, "attempts = 3", "attempts = 0", 10, "at least 1"),
    "a cap of true": (CAP, "attempts = 3", "attempts = true", 10, "whole number"),
    "a cap of a half": (CAP, "attempts = 3", "attempts = 2.5", 10, "whole number"),
    "a cap without a span": (CAP, "hours = 24\n", "", 9, "either `hours`"),
    "a cap with two spans": (CAP, "hours = 24", "hours = 24\ndays = 1", 9, "either `hours`"),
    "a cap per something unheard of": (CAP, '"subject"', '"person"', 12, "is none of"),
    "a cap of events unheard of": (CAP, "hours = 24", 'hours = 24\nonly = ["busy"]', 12, "is none of"),
    "a list without a registry": (LISTED, 'registry = "us.national"\n', "", 9, "no `registry`"),
    "a list as fresh as never": (LISTED, "fresh_days = 31", "fresh_days = -1", 11, "at least 1"),
    "a list fresh by two clocks": (LISTED, "fresh_days = 31", 'fresh_days = 31\neditions = ["01-01"]', 12, "not by both"),
    "an edition that is no day": (LISTED, "fresh_days = 31", 'editions = ["June 1"]', 11, "MM-DD"),
    "an edition of a day that does not exist": (LISTED, "fresh_days = 31", 'editions = ["02-30"]', 11, "MM-DD"),
    "an example that wants a word unheard of": (
        CAP, 'same = "subject"', 'same = "subject"\n[[example]]\nwhen = "x"\nwant = "DENY"', 15, "is none of",
    ),
    "an example without a when": (CAP, 'same = "subject"', 'same = "subject"\n[[example]]\nwant = "SATISFIED"', 13, "no `when`"),
    "an example with facts that are no table": (
        CAP, 'same = "subject"', 'same = "subject"\n[[example]]\nfacts = 3\nwhen = "x"\nwant = "SILENT"', 14, "must be a table",
    ),
    "a base nobody wrote": (CAP, 'confidence = "high"', 'confidence = "high"\nbase = "us_call"', 6, "no base `us_call`"),
    "a key twice": (CAP, "hours = 24", "hours = 24\nhours = 25", 12, "is not TOML"),
    "a quote left open": (CAP, '"Three in a day"', '"Three in a day', 2, "is not TOML"),
    "a NUL in the text": (CAP, "Three in a day", "Three\0in a day", 2, "is not TOML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "what", "instead", "line", "said"), BAD.values(), ids=BAD)
def test_a_bad_rule_is_refused_with_its_line(text: str, what: str, instead: str, line: int | None, said: str) -> None:
    assert text.count(what) == 1, "the example must spoil one place"
    rule(text)
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        rule(text.replace(what, instead))
    assert (caught.value.file, caught.value.line) == ("us/rule.toml", line)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("us/rule.toml:")


def test_a_file_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput, match="is not UTF-8") as caught:
        load({"us/rule.toml": CAP.encode().replace(b"Three", b"Thr\xe9e")})
    assert (caught.value.file, caught.value.line) == ("us/rule.toml", 2)


def test_a_byte_order_mark_is_named() -> None:
    with pytest.raises(BadInput, match="byte order mark") as caught:
        load({"us/rule.toml": b"\xef\xbb\xbf" + CAP.encode()})
    assert caught.value.line == 1


@pytest.mark.parametrize("deep", ["[" * 5_000 + "]" * 5_000, "{ a = " * 5_000 + "1" + " }" * 5_000])
def test_a_file_nested_without_end_is_refused(deep: str) -> None:
    with pytest.raises(BadInput) as caught:
        rule(CAP + "deep = " + deep)
    assert caught.value.file == "us/rule.toml"


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadInput, match="no `id`"):
        rule("")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_at_all_get_further_than_bad_input(content: bytes) -> None:
    with pytest.raises(BadInput):
        load({"us/rule.toml": content})


@given(st.data())
def test_a_file_cut_or_spoilt_anywhere_loads_or_says_why(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([HOURS, REQUIRES, CAP, LISTED])).encode()
    at = data.draw(st.integers(0, len(text)))
    spoilt = text[:at] + data.draw(st.binary(max_size=3)) + text[at + data.draw(st.integers(0, 20)) :]
    try:
        load({"us/rule.toml": spoilt})
    except BadInput as error:
        assert error.file == "us/rule.toml"  # noqa: PT017 - it may also load


def test_an_id_stands_in_one_file_only() -> None:
    with pytest.raises(BadInput, match=r"stands in us/a\.toml too") as caught:
        load({"us/b.toml": CAP.encode(), "us/a.toml": CAP.encode()})
    assert (caught.value.file, caught.value.line) == ("us/b.toml", 1)


def test_a_calendar_stands_in_one_file_only() -> None:
    with pytest.raises(BadInput, match="stands in another file too"):
        load({"calendars/a.toml": CALENDAR.encode(), "calendars/b.toml": CALENDAR.encode()})


BAD_CALENDARS = {
    "no reach": ("through = 2026-12-31\n", "", "no `from` or `through`"),
    "no citation": ('[[cite]]\ntitle = "5 U.S.C. 6103"\nseen = 2026-11-21\n', "", "no `cite`"),
    "a holiday without a day": ("day = 2026-11-26\n", "", "no `day`"),
    "a holiday without a name": ('name = "Thanksgiving"\n', "", "no `name`"),
    "an unknown key": ('name = "Thanksgiving"', 'name = "Thanksgiving"\nhalf = true', "unknown key `half`"),
}


@pytest.mark.parametrize(("what", "instead", "said"), BAD_CALENDARS.values(), ids=BAD_CALENDARS)
def test_a_bad_calendar_is_refused(what: str, instead: str, said: str) -> None:
    load({"calendars/us.toml": CALENDAR.encode()})
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        load({"calendars/us.toml": CALENDAR.replace(what, instead).encode()})
    assert caught.value.file == "calendars/us.toml"


BAD_COVERAGE = {
    "no source": ('source = "47 CFR 64.1200"\n', "", "no `source`"),
    "not seen": ("seen = 2026-11-21\n", "", "no `seen`"),
    "a status that is none": ('"partial"', '"none"', "is none of"),
    "no place": ('places = ["US"]\n', "", "no `places`"),
    "a place that is none": ('"US"', '"us"', "neither a country"),
    "an unknown key": ("seen =", 'by = "me"\nseen =', "unknown key `by`"),
}


@pytest.mark.parametrize(("what", "instead", "said"), BAD_COVERAGE.values(), ids=BAD_COVERAGE)
def test_bad_coverage_is_refused(what: str, instead: str, said: str) -> None:
    assert load({"coverage.toml": COVERAGE.encode()}).coverage[0].places == ("US",)
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        load({"coverage.toml": COVERAGE.replace(what, instead).encode()})
    assert caught.value.file == "coverage.toml"


def test_a_value_of_an_unknown_day_may_stand_beside_others() -> None:
    texts = rule(HOURS.replace("from = 2021-07-01", 'from = "unknown"')).values
    assert [text.undated for text in texts] == [False, True]


def test_a_single_day_after_a_span_takes_its_place() -> None:
    hours = rule(HOURS.replace("mon_sat =", "every_day =")).values[1].hours
    assert hours is not None
    assert hours[5] == ((8 * 60, 20 * 60),)
    assert hours[6] == ()


def test_a_base_is_a_table_or_the_name_of_one() -> None:
    named = CAP.replace('confidence = "high"', 'confidence = "high"\nbase = "call"')
    book = load({"us/rule.toml": named.encode(), "us/bases.toml": b'[call]\nid = "x"\n'})
    assert book.rules[0].base == {"id": "x"}


def test_what_is_no_rule_is_left_alone() -> None:
    book = load({"us/rule.toml": CAP.encode(), "us/README.md": b"\xff", "us/states.csv": b"\x00"})
    assert [rule.id for rule in book.rules] == ["us.cap"]


def test_the_digest_is_of_names_and_bytes_and_nothing_else() -> None:
    files = {"us/a.toml": CAP.encode(), "us/b.toml": LISTED.encode()}
    same = {"us/b.toml": LISTED.encode(), "us/a.toml": CAP.encode(), "notes.txt": b"x"}
    assert load(files).digest == load(same).digest == digest(files)
    assert digest(files).startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        {"us/a.toml": CAP.encode() + b"\n", "us/b.toml": LISTED.encode()},
        {"us/a.toml": CAP.encode(), "us/c.toml": LISTED.encode()},
        {"us/a.toml": CAP.encode()},
        {"us/a.toml": LISTED.encode(), "us/b.toml": CAP.encode()},
    ],
    ids=["a byte more", "another name", "a file less", "files swapped"],
)
def test_any_change_changes_the_digest(other: dict[str, bytes]) -> None:
    files = {"us/a.toml": CAP.encode(), "us/b.toml": LISTED.encode()}
    assert digest(other) != digest(files)


def test_the_bounds_of_files_cannot_be_moved_within_the_digest() -> None:
    assert digest({"a.toml": b"b.toml\x001\x00x"}) != digest({"a.toml": b"", "b.toml": b"x"})


def test_the_rules_that_come_with_the_package_load() -> None:
    book = load(shipped_files())
    assert book.rules
    assert all(rule.cites for rule in book.rules)
    assert all(value.undated or value.from_day <= value.to_day for rule in book.rules for value in rule.values)


def test_a_rule_that_only_owes_needs_no_word_on_failing() -> None:
    owes = CAP.replace('"max_attempts"', '"owes"').replace('on_fail = "NOT_NOW"\n', "")
    owed = rule(owes.split("[[value]]")[0] + '[[value]]\nobligations = ["identify_caller"]\n')
    assert owed.values[0].obligations == ("identify_caller",)
    assert owed.on_fail is Code.UNKNOWN


def test_what_is_owed_is_not_lifted_but_exempted() -> None:
    owes = (
        'id = "us.owes"\ntitle = "x"\ncheck = "owes"\nconfidence = "high"\n[[cite]]\ntitle = "x"\nseen = 2026-11-21\n'
    )
    owed = '[[value]]\nobligations = ["identify_caller"]\n'
    rule(owes + owed)
    with pytest.raises(BadInput, match="say in `exempt` who owes nothing") as caught:
        rule(owes + owed + 'unless = [{ flag = "gave_number" }]\n')
    assert caught.value.line == 10


def test_examples_that_are_read_later_are_all_there_and_leave_the_rest_as_it_is() -> None:
    moved = {f"elsewhere/{name}": content for name, content in shipped_files().items() if "calendars/" not in name}
    moved |= {name: content for name, content in shipped_files().items() if "calendars/" in name}
    moved = {name: content for name, content in moved.items() if not name.startswith("elsewhere/obligations/")}
    at_once = load(moved)  # under other names nothing is known to be as shipped
    assert len(at_once.rules) == len(shipped().rules)
    for rule, whole in zip(shipped().rules, at_once.rules, strict=True):
        assert isinstance(whole.examples, tuple)
        assert rule.examples == whole.examples
        assert replace(rule, file="", examples=()) == replace(whole, file="", examples=())
