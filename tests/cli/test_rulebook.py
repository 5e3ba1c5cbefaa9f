from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Command = Callable[..., Said]

RULE = """
id = "xx.quiet"
title = "No calls at night"
applies = {{ places = ["US"], channel = ["voice"] }}
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "policy"

{cite}
[[value]]
hours = {{ every_day = ["08:00-20:00"] }}
"""
CITE = '[[cite]]\ntitle = "House rule"\nseen = 2026-11-21\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quiet.toml").write_text(RULE.format(cite=CITE))
    return tmp_path


def test_every_shipped_rule_is_listed_with_its_source(forbear: Command) -> None:
    said = forbear("rulebook", "list", "--json")
    rules = json.loads(said.out)
    assert said.code == 0
    assert len(rules) > 40
    assert all(rule["source"] and rule["title"] for rule in rules)


def test_rules_of_one_state_include_those_of_its_country(forbear: Command) -> None:
    found = {rule["id"] for rule in json.loads(forbear("rulebook", "list", "--place", "US-FL", "--json").out)}
    assert {"us.fl.calling_hours", "us.tcpa.calling_hours"} <= found
    assert "us.tx.calling_hours" not in found


def test_a_rule_is_shown_with_its_citation_and_examples(forbear: Command) -> None:
    said = forbear("rulebook", "show", "us.fl.calling_hours")
    assert said.code == 0
    assert "Fla. Stat. 501.616(6)(a)" in said.out
    assert "eight in Tampa: SATISFIED" in said.out


def test_a_rule_that_is_not_there_is_bad_input_and_names_near_ones(forbear: Command) -> None:
    said = forbear("rulebook", "show", "fl.calling_hours")
    assert said.code == 2
    assert said.err == "forbear: no rule `fl.calling_hours`; perhaps us.fl.calling_hours\n"


def test_rules_of_ones_own_load_from_a_folder(forbear: Command, folder: Path) -> None:
    said = forbear("rulebook", "list", "--folder", str(folder))
    assert said.code == 0
    assert "xx.quiet" in said.out


def test_a_rule_without_a_citation_does_not_load(forbear: Command, folder: Path) -> None:
    (folder / "quiet.toml").write_text(RULE.format(cite=""))
    said = forbear("rulebook", "digest", "--folder", str(folder))
    assert said.code == 2
    assert said.err.startswith("forbear: quiet.toml")
    assert "cite" in said.err
    assert said.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_bad_input(forbear: Command, tmp_path: Path) -> None:
    assert forbear("rulebook", "digest", "--folder", str(tmp_path / "no")).code == 2


def test_coverage_names_whose_law_was_read_and_when(forbear: Command) -> None:
    found = json.loads(forbear("rulebook", "coverage", "--json").out)
    assert any("US-FL" in line["places"] for line in found["readings"])
    assert all(line["seen"] and line["source"] for line in found["readings"])
