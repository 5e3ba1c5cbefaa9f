"""What a person is told of the difference between two rulebooks, and how a rulebook travels as an archive."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from forbear.core.errors import BadInput
from forbear.rulebook import bundle, own
from forbear.rulebook.changes import Changes, compare, of_rules
from forbear.rulebook.load import shipped, shipped_files
from forbear.rulebook.model import Rulebook

HOURS = """
id = "us.hours"
title = "Calls from eight to eight"
applies = { places = ["US-FL", "US-TX"], channel = ["voice"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
from = 2020-01-01
hours = { mon_sat = ["08:00-20:00"], sun = [] }
closed_on = ["us.days"]
"""
CONSENT = """
id = "us.consent"
title = "Only with consent"
applies = { places = ["US"], channel = ["sms"] }
check = "requires"
on_fail = "UNKNOWN"
confidence = "high"
[[cite]]
title = "A statute"
seen = 2026-11-01
[[value]]
any_of = [{ consent = ["express"], lapses_months = 18 }, { flag = "gave_number" }]
"""
READ = """
[[read]]
places = ["US"]
status = "partial"
confidence = "low"
source = "A summary"
seen = 2026-11-01
"""
DAYS = """
id = "us.days"
title = "Days"
from = 2026-01-01
through = 2026-12-31
[[cite]]
title = "A statute"
[[holiday]]
day = 2026-07-04
name = "Independence Day"
"""
BEFORE = {
    "us/hours.toml": HOURS,
    "us/consent.toml": CONSENT,
    "us/coverage.toml": READ,
    "calendars/us.days.toml": DAYS,
    "obligations/en.toml": "[opt_out_text]",
}


def changed(file: str, *pairs: tuple[str, str], **more: str | None) -> Changes:
    text = BEFORE[file]
    for was, now in pairs:
        assert was in text
        text = text.replace(was, now)
    after: dict[str, str | None] = {**BEFORE, file: text, **more}
    return compare(_read(BEFORE), _read({name: body for name, body in after.items() if body is not None}))


def _read(files: Mapping[str, str]) -> Rulebook:
    return own.read({name: text.encode() for name, text in files.items()})


def lines(changes: Changes, rule: str) -> list[str]:
    return [str(change) for change in changes.changed[rule]]


def test_nothing_is_told_where_nothing_that_judges_changed() -> None:
    example = '[[example]]\nwhen = "noon"\nfacts = { now = 2026-11-24T17:00:00Z }\nwant = "SILENT"\n'
    assert not changed("us/hours.toml", ("hours = { mon", "# a remark\nhours = { mon"), ("sun = [] }", "sun = [] }"))
    assert not changed("us/hours.toml", ('closed_on = ["us.days"]', 'closed_on = ["us.days"]\n' + example))


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("08:00-20:00", "09:00-20:00"), "hours: Mon-Sat 08:00-20:00, Sun closed -> Mon-Sat 09:00-20:00, Sun closed"),
        (("sun = []", 'sun = ["12:00-20:00"]'), "hours: Mon-Sat 08:00-20:00, Sun closed -> "),
        (('closed_on = ["us.days"]\n', ""), "- text from 2020-01-01, closed on: us.days"),
        (("from = 2020-01-01", "to = 2026-12-31\nfrom = 2020-01-01"), "text in force: from 2020-01-01 -> "),
        (('"US-TX"]', '"US-LA"]'), "- applies, places: US-TX"),
        (('"US-TX"]', '"US-TX", "US-LA"]'), "+ applies, places: US-LA"),
        (('channel = ["voice"]', 'channel = ["voice", "sms"]'), "+ applies, channel: sms"),
        (('confidence = "high"', 'confidence = "low"'), "confidence: high -> low"),
        (('on_fail = "NOT_NOW"', 'on_fail = "NOT_NOW"\nstate = "shadow"'), "state: enforced -> shadow"),
        (("seen = 2026-11-01", "seen = 2026-11-21"), "source A statute: read 2026-11-01 -> read 2026-11-21"),
    ],
)
def test_a_changed_rule_is_told_value_by_value(pair: tuple[str, str], told: str) -> None:
    changes = changed("us/hours.toml", pair)
    assert any(told in line for line in lines(changes, "us.hours")), lines(changes, "us.hours")
    assert set(changes.changed) == {"us.hours"}


def test_conditions_are_told_alternative_by_alternative() -> None:
    changes = changed(
        "us/consent.toml", ("lapses_months = 18", "lapses_months = 12"), ('"gave_number"', '"promotional"')
    )
    assert sorted(lines(changes, "us.consent")) == [
        "+ text every day, requires: consent (levels express; lapses months 12)",
        "+ text every day, requires: flag (flag promotional)",
        "- text every day, requires: consent (levels express; lapses months 18)",
        "- text every day, requires: flag (flag gave_number)",
    ]


def test_a_text_that_follows_is_told_as_one_added() -> None:
    follows = "to = 2026-12-31\nhours = { mon_sat"
    later = 'closed_on = ["us.days"]\n[[value]]\nfrom = 2027-01-01\nhours = { every_day = ["10:00-18:00"] }\n'
    changes = changed("us/hours.toml", ("hours = { mon_sat", follows), ('closed_on = ["us.days"]\n', later))
    assert lines(changes, "us.hours") == [
        "text in force: from 2020-01-01 -> from 2020-01-01 to 2026-12-31",
        "+ text from 2027-01-01: hours every day 10:00-18:00",
    ]


def test_rules_that_came_and_went_are_named() -> None:
    gone = changed("us/hours.toml", **{"us/consent.toml": None})
    assert [rule.id for rule in gone.removed] == ["us.consent"]
    come = changed("us/hours.toml", **{"us/b.toml": CONSENT.replace("us.consent", "us.more")})
    assert [rule.id for rule in come.added] == ["us.more"]


def test_coverage_holidays_and_the_texts_of_obligations_are_told() -> None:
    (line,) = changed("us/coverage.toml", ('"partial"', '"complete"')).coverage
    assert "partial, confidence low" in (line.was or "")
    assert "complete, confidence low" in (line.now or "")
    days = changed("calendars/us.days.toml", ("2026-07-04", "2026-07-03"), ("2026-12-31", "2027-12-31")).calendars
    assert [str(day) for day in days] == [
        "us.days, complete: 2026-01-01 to 2026-12-31 -> 2026-01-01 to 2027-12-31",
        "+ us.days, 2026-07-03: Independence Day",
        "- us.days, 2026-07-04: Independence Day",
    ]
    assert changed("obligations/en.toml", ("opt_out_text", "callback_number")).wording == ("obligations/en.toml",)


def without(whole: Any, name: str, default: object) -> Any:
    return replace(whole, **{name: default})


def test_every_shipped_rule_differs_from_itself_without_any_one_of_its_values() -> None:
    """What the words leave out would be hidden from whoever reads a difference."""
    hidden = []
    for rule in shipped().rules:
        for value in rule.values:
            for part in fields(value):
                if part.default is MISSING or getattr(value, part.name) == part.default:
                    continue
                other = replace(rule, values=(without(value, part.name, part.default),))
                one = replace(rule, values=(value,))
                if not list(of_rules(one, other)):
                    hidden.append(f"{rule.id} {part.name}")
        for part in fields(rule.applies):
            if getattr(rule.applies, part.name) != part.default:
                other = replace(rule, applies=without(rule.applies, part.name, part.default))
                if not list(of_rules(rule, other)):
                    hidden.append(f"{rule.id} applies.{part.name}")
    assert not hidden


FILES = {name: text.encode() for name, text in BEFORE.items()}


def test_the_same_files_pack_to_the_same_bytes_and_come_back() -> None:
    assert bundle.pack(FILES) == bundle.pack(dict(reversed(FILES.items())))
    assert bundle.unpack(bundle.pack(FILES)) == FILES
    assert bundle.unpack(bundle.pack(shipped_files())) == shipped_files()


def test_an_archive_of_a_release_is_read_from_its_rulebook_folder_on() -> None:
    inside = {f"forbear-1.2/src/forbear/rulebook/{name}": body for name, body in FILES.items()}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in inside.items():
            archive.writestr(name, body)
        archive.writestr("forbear-1.2/README.md", "read me")
    assert bundle.unpack(whole.getvalue()) == FILES


def _tar(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, 0, "/etc/passwd"
        archive.addfile(entry, io.BytesIO(b""))
    return whole.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no archive", "no zip or tar archive"),
        (bundle.pack(FILES)[:-20], "no zip or tar archive"),
        (_tar("../evil.toml"), "outside"),
        (_tar("/evil.toml"), "outside"),
        (_tar("link.toml", tarfile.SYMTYPE), "no .toml"),
        (_tar("readme.md"), "no .toml"),
    ],
    ids=["text", "cut short", "above", "absolute", "a link", "nothing"],
)
def test_what_is_no_bundle_is_refused(content: bytes, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        bundle.unpack(content, file="x.tar")


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 10_000)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("us/big.toml", b"#" * 10_000_000)
    for content in (whole.getvalue(), bundle.pack({"us/big.toml": b"#" * 100_000})):
        with pytest.raises(BadInput, match=r"unpacks to more|no zip or tar"):
            bundle.unpack(content)
