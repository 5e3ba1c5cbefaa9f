from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Said

Command = Callable[..., Said]
FLORIDA = ("rulebook", "where", "--to", "+18135550123", "--at", "2026-11-24T17:00:00Z")


def asked(forbear: Command, *more: str) -> dict[str, Any]:
    said = forbear(*FLORIDA, *more, "--format", "json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_a_week_in_florida_is_drawn_a_row_a_day_by_the_half_hour(forbear: Command) -> None:
    said = forbear(*FLORIDA)
    rows = [line for line in said.out.splitlines() if line.endswith("08:00-20:00")]
    first = next(line for line in said.out.splitlines() if line.startswith("Tue 24 Nov  "))
    assert said.code == 0
    assert first == f"Tue 24 Nov  {'·' * 16}{'█' * 24}aa{'·' * 6}  08:00-20:00  ← asked 12:00"
    assert len(rows) == 6
    assert all(row[12:60] == first[12:60] for row in rows)
    assert "a us.fl.calling_hours  closes 84 h, 7 h of them alone" in said.out
    assert "Tue 24 Nov 2026 12:00  America/New_York (UTC-05:00)  Florida" in said.out
    assert "does not certify" in said.out


def test_nothing_is_coloured_where_no_terminal_looks_on(forbear: Command) -> None:
    assert "\x1b" not in forbear(*FLORIDA).out


def test_what_is_not_about_the_hour_is_named_as_also_needed(forbear: Command) -> None:
    needed = {one["rule"]: one["code"] for one in asked(forbear)["also_needed"]}
    assert needed["us.dnc.national"] == "UNKNOWN"
    assert needed["us.fl.cap"] == "UNKNOWN"
    assert "us.fl.calling_hours" not in needed
    assert "Do-not-call lists" in forbear(*FLORIDA).out


def test_a_place_nobody_read_the_law_of_is_told_and_not_open_to_all(forbear: Command) -> None:
    said = forbear("rulebook", "where", "--to", "+81312345678", "--at", "2026-11-24T17:00:00Z")
    assert said.code == 0
    assert "No rule about the time of day speaks of this contact." in said.out
    assert "The law of JP was not read for this contact" in said.out


def test_a_kind_of_person_that_decides_the_coverage_is_asked_for(forbear: Command) -> None:
    paris = ("rulebook", "where", "--to", "+33140205050", "--at", "2026-11-24T17:00:00Z")
    assert "say whether the person is a consumer" in forbear(*paris).out
    assert "was not read" not in forbear(*paris, "--kind", "consumer").out


def test_a_number_of_no_place_is_asked_where_it_is(forbear: Command) -> None:
    nowhere = ("rulebook", "where", "--to", "+80012345678", "--at", "2026-11-24T17:00:00Z")
    said = forbear(*nowhere)
    assert said.code == 2
    assert "says nothing of where" in said.err
    assert forbear(*nowhere, "--country", "DE").code == 0
    assert "no place `XX`" in forbear(*nowhere, "--country", "XX").err


def test_one_rule_alone_is_drawn_without_letters(forbear: Command) -> None:
    rome = ("rulebook", "where", "--to", "+393201234567", "--kind", "consumer", "--at", "2026-12-21T17:00:00Z")
    rows = [line for line in forbear(*rome).out.splitlines() if line.startswith("Tue 22 Dec")]
    assert rows == [f"Tue 22 Dec  {'·' * 18}{'█' * 22}{'·' * 8}  09:00-20:00"]
    eve = next(line for line in forbear(*rome).out.splitlines() if line.startswith("Thu 24 Dec"))
    assert eve.endswith("10:00-19:00  the day before Christmas Day")


def test_the_json_gives_local_windows_exact_edges_and_who_closes_what(forbear: Command) -> None:
    found = asked(forbear)
    assert [day["open"] for day in found["days"]] == [["08:00-20:00"]] * 7
    assert found["days"][0]["closed"][1] == {"from": "20:00", "to": "21:00", "by": ["us.fl.calling_hours"]}
    assert found["pieces"][1] == {"from": "2026-11-24T13:00:00Z", "to": "2026-11-25T01:00:00Z", "closed_by": []}
    assert found["open_now"]
    assert found["rulebook"].startswith("sha256:")


def test_a_holiday_is_named_in_its_row(forbear: Command) -> None:
    said = forbear("rulebook", "where", "--to", "+12155550123", "--at", "2026-11-24T17:00:00Z")
    row = next(line for line in said.out.splitlines() if line.startswith("Thu 26 Nov"))
    assert row.endswith("closed  Thanksgiving Day")


def test_a_region_or_a_zone_is_as_good_as_a_number(forbear: Command) -> None:
    by_region = json.loads(
        forbear("rulebook", "where", "--region", "US-FL", "--at", FLORIDA[-1], "--format", "json").out
    )
    assert {one["zone"] for one in by_region["candidates"]} == {"America/New_York", "America/Chicago"}
    assert by_region["days"][0]["open"] == ["09:00-20:00"]
    narrowed = asked(forbear, "--region", "US-FL", "--timezone", "America/New_York")
    assert narrowed["days"][0]["open"] == ["08:00-20:00"]


def test_the_week_may_be_drawn_by_another_clock(forbear: Command) -> None:
    assert asked(forbear, "--clock", "Europe/Berlin")["days"][1]["open"] == ["00:00-02:00", "14:00-24:00"]


def test_the_picture_is_a_drawing_that_stands_alone(forbear: Command) -> None:
    said = forbear(*FLORIDA, "--format", "svg")
    drawing = ElementTree.fromstring(said.out)  # noqa: S314 - our own
    kinds = [one.get("class") for one in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    assert said.code == 0
    assert kinds.count("open") == 8  # seven bars and the legend
    assert "http" not in said.out.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (("--to", "12"), "to"),
        (("--to", "+18135550123", "--at", "yesterday"), "now"),
        (("--to", "+18135550123", "--purpose", "nothing"), "purpose"),
        (("--to", "+18135550123", "--timezone", "Mars/Olympus"), "timezone"),
        ((), "--to"),
    ],
)
def test_what_cannot_be_asked_is_bad_input_that_names_the_option(
    forbear: Command, options: tuple[str, ...], key: str
) -> None:
    said = forbear("rulebook", "where", *options)
    assert said.code == 2
    assert key in said.err
    assert said.err.count("\n") == 1


def test_rules_of_ones_own_can_be_drawn(forbear: Command, tmp_path: Path) -> None:
    (tmp_path / "quiet.toml").write_text(
        'id = "xx.quiet"\ntitle = "No calls at night"\napplies = { places = ["US"] }\ncheck = "within_hours"\n'
        'on_fail = "NOT_NOW"\nconfidence = "policy"\n[[cite]]\ntitle = "House"\nseen = 2026-11-21\n'
        '[[value]]\nhours = { every_day = ["10:15-16:45"] }\n'
    )
    said = forbear(*FLORIDA, "--folder", str(tmp_path))
    assert "10:15-16:45" in said.out
    assert "▒" in said.out


def test_an_operators_own_text_is_drawn_shown_and_named(
    forbear: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Jane Roe" not in forbear(*FLORIDA).out
    (tmp_path / "overrides.toml").write_text(
        '[[override]]\nrule = "us.fl.calling_hours"\nby = "Jane Roe"\non = 2026-11-20\nreason = "we keep to nine"\n'
        'value = { hours = { every_day = ["09:00-19:30"] } }\n'
    )
    monkeypatch.setenv("FORBEAR_RULES", str(tmp_path))
    said = forbear(*FLORIDA).out
    assert "  09:00-19:30  " in said
    assert "Jane Roe" in said
    assert "@shipped" not in said
    assert "Jane Roe" in forbear("rulebook", "show", "us.fl.calling_hours").out
    assert "@shipped" not in forbear("rulebook", "list").out


def test_a_rule_is_shown_in_plain_words_with_every_part(forbear: Command) -> None:
    said = forbear("rulebook", "show", "us.pa.calling_hours").out
    for part in (
        "marketing calls to people in US-PA",
        "Otherwise the contact waits",
        "from 2026-10-18 (in force)",
        "until 2026-10-17 (past)",
        "(read 2026-11-21",
        "with the calendar us.pa",
        "us.tcpa.calling_hours",
        "medium: one remove from the text",
    ):
        assert part in said


def test_rules_are_listed_by_topic(forbear: Command) -> None:
    found = {one["id"] for one in json.loads(forbear("rulebook", "list", "--topic", "caps", "--json").out)}
    assert "us.fl.cap" in found
    assert "us.fl.calling_hours" not in found
    refused = forbear("rulebook", "list", "--topic", "weather")
    assert refused.code == 2
    assert "calling_hours" in refused.err


def test_a_place_without_rules_lists_none_and_says_where_to_look(forbear: Command) -> None:
    said = forbear("rulebook", "list", "--place", "JP")
    assert said.code == 0
    assert "No rule is written" in said.out


def test_coverage_of_a_place_goes_topic_by_topic(forbear: Command) -> None:
    found = json.loads(forbear("rulebook", "coverage", "--place", "us-fl", "--json").out)
    topics = {one["topic"]: one for one in found["topics"]}
    assert topics["calling_hours"]["status"] == "partial"
    assert "us.fl.calling_hours" in topics["calling_hours"]["rules"]
    assert topics["calling_hours"]["seen"] == "2026-11-21"
    assert topics["email"]["of_the_country"]
    assert topics["registration"]["status"] == "none"
    assert topics["registration"]["note"]
    said = forbear("rulebook", "coverage", "--place", "US-FL").out
    assert "Calling hours" in said
    assert "Fla. Stat. 501.616(6)(a)" in said


def test_coverage_of_every_place_is_one_table(forbear: Command) -> None:
    said = forbear("rulebook", "coverage").out
    row = next(line for line in said.splitlines() if line.strip().startswith("US-FL Florida"))
    assert "◐" in row
    assert "·" in row
    assert "nothing was read" in said


def test_coverage_of_a_place_nobody_read_says_that_nobody_is_let_through(forbear: Command) -> None:
    said = forbear("rulebook", "coverage", "--place", "JP")
    assert said.code == 2
    assert "nobody there is let through" in said.err


def test_the_page_in_the_documentation_is_what_the_rules_say(forbear: Command, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "coverage.md"
    written = tmp_path / "coverage.md"
    assert forbear("rulebook", "coverage", "--write", str(written)).code == 0
    assert page.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), "run `make docs`"
