"""The linter runs every worked example of every rule, and each rule shows both its sides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forbear.cli.main import mount
from forbear.kernel.lint import lint
from forbear.rulebook.load import load, shipped

RULE = """\
id = "us.fl.calling_hours"
title = "No call after eight"
applies = { places = ["US-FL"], channel = ["voice"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"
base = "call"
[[cite]]
title = "Fla. Stat. 501.616(6)(a)"
seen = 2026-11-21
[[value]]
hours = { every_day = ["08:00-20:00"] }
unless = [{ answered_no = "us.national" }]
[[example]]
when = "a second before eight in the evening"
facts = { now = 2026-11-25T00:59:59Z }
want = "SATISFIED"
[[example]]
when = "eight sharp"
facts = { now = 2026-11-25T01:00:00Z, "registries.us.national.listed" = true }
want = "NOT_NOW"
[[example]]
when = "eight sharp, and not on the list"
facts = { now = 2026-11-25T01:00:00Z, "registries.us.national" = { listed = false } }
want = "SATISFIED"
[[example]]
when = "a text"
facts = { "contact.channel" = "sms", "contact.mode" = "" }
want = "SILENT"
"""
BASES = """\
[call]
now = 2026-11-24T17:00:00Z
contact = { channel = "voice", mode = "live", purpose = "marketing", to = "+18135550123" }
recipient = { country = "US", region = "US-FL", timezone = "America/New_York" }
"""


def faults(what: str = "", instead: str = "") -> list[str]:
    text = RULE
    if what:
        assert text.count(what) == 1
        text = text.replace(what, instead)
    return [str(error) for error in lint(load({"us/fl.toml": text.encode(), "bases.toml": BASES.encode()}))]


def test_the_rules_that_come_with_the_package_do_as_their_examples_say() -> None:
    assert [str(error) for error in lint(shipped())] == []


def test_a_rule_whose_examples_come_out_has_no_fault() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("what", "instead", "said"),
    [
        ("00:59:59Z", "01:00:00Z", r"us/fl.toml:14: .*comes out NOT_NOW, not SATISFIED"),
        ("08:00-20:00", "08:00-20:01", r"us/fl.toml:18: .*comes out SATISFIED, not NOT_NOW"),
        ('"contact.mode" = ""', '"contact.mode" = "walked"', r"us/fl.toml:26: key `contact.mode`: .*is no case"),
        (
            '"contact.mode" = ""',
            '"contact.mode" = "", "contact.moed" = "live"',
            r"us/fl.toml:26: key `contact.moed`: .*is no case",
        ),
        (
            '"contact.mode" = ""',
            '"contact.mode" = "", "now.local" = "live"',
            r"us/fl.toml:26: key `now.local`: .*no table to reach into",
        ),
    ],
)
def test_an_example_that_comes_out_otherwise_is_named_with_its_line(what: str, instead: str, said: str) -> None:
    (fault,) = faults(what, instead)
    assert re.match(said, fault)


def test_a_rule_shows_both_its_sides() -> None:
    met, rest = RULE.split("[[example]]\n", 1)
    shown = {
        "": "no `example`",
        "[[example]]\n" + rest.split("[[example]]\n")[1]: "no example that is met",
        "[[example]]\n" + rest.split("[[example]]\n")[0]: "no example that is not met",
    }
    for examples, said in shown.items():
        (fault,) = lint(load({"us/fl.toml": (met + examples).encode(), "bases.toml": BASES.encode()}))
        assert said in str(fault)
        assert fault.file == "us/fl.toml"


def test_what_only_the_store_knows_need_not_fail_in_a_case() -> None:
    standing = RULE.split("[[value]]")[0].replace('"within_hours"', '"requires"').replace("NOT_NOW", "FORBIDDEN")
    standing += '[[value]]\nany_of = [{ flag = "standing" }]\n[[example]]\nwhen = "x"\nwant = "SATISFIED"\n'
    assert lint(load({"us/fl.toml": standing.encode(), "bases.toml": BASES.encode()})) == []


def test_the_command_prints_each_fault_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "bases.toml").write_text(BASES)
    (tmp_path / "fl.toml").write_text(RULE)
    app = mount()
    good = CliRunner().invoke(app, ["rulebook", "lint", str(tmp_path)])
    assert (good.exit_code, good.stdout.split(", ")[:3]) == (0, ["1 rules", "4 examples", "no fault"])
    (tmp_path / "fl.toml").write_text(RULE.replace("00:59:59Z", "01:00:00Z").replace('eight sharp"', 'eight"'))
    bad = CliRunner().invoke(app, ["rulebook", "lint", str(tmp_path)])
    assert bad.exit_code == 2
    assert bad.stderr == "fl.toml:14: “a second before eight in the evening” comes out NOT_NOW, not SATISFIED\n"
