"""`forbear registry list` and `show` say how old each copy is, until when the rules take it, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from forbear.cli import registry as cli
from forbear.core.errors import BadInput
from tests.cli.conftest import Said

Run = Callable[..., Any]
TODAY = datetime.now(UTC).date()


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


@pytest.fixture(scope="session")
def group() -> Any:
    return typer.main.get_command(cli.registry)


@pytest.fixture
def registry(group: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`forbear registry ...` in this process."""
    monkeypatch.setenv("FORBEAR_REGISTRIES", str(tmp_path / "registries"))
    monkeypatch.setenv("FORBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = group.main(list(words), standalone_mode=False) or 0
        except BadInput as refused:
            return Said(2, "", str(refused))
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return command


@pytest.fixture
def load(registry: Run, tmp_path: Path) -> Run:
    file = tmp_path / "list.csv"
    file.write_text("number\n+13055550100\n")

    def go(name: str, age: int = 0, *options: str) -> None:
        done = registry("load", name, str(file), "--format", "csv", "--obtained-at", f"{day(age)}T00:00:00Z", *options)
        assert done.code == 0, done.err

    return go


def test_a_fresh_copy_says_when_it_goes_stale_and_an_old_one_warns(registry: Run, load: Run) -> None:
    load("us.state.FL", 10)
    load("us.national", 32, "--edition", day(33))
    said = registry("list")
    assert day(10 - 32) in said.out, "31 days old is the last day"
    assert f"{day(0)} STALE" in said.out
    assert day(33) in said.out
    assert f"warning: us.national is stale (since {day(0)}); load a newer edition" in said.err
    assert "us.state.FL is stale" not in said.err
    by_name = {entry["registry"]: entry for entry in json.loads(registry("list", "--json").out)}
    assert (by_name["us.national"]["stale_from"], by_name["us.national"]["stale"]) == (day(0), True)
    assert (by_name["us.state.FL"]["stale_from"], by_name["us.state.FL"]["stale"]) == (day(10 - 32), False)


def test_an_old_edition_got_today_is_stale_by_the_rule_of_its_state(registry: Run, load: Run) -> None:
    load("us.state.TX", 0, "--edition", day(400))
    load("us.state.FL", 0, "--edition", day(400))
    err = registry("list").err
    assert "warning: us.state.TX is stale" in err
    assert "us.state.FL is stale" not in err, "Florida publishes no editions"


def test_an_edition_that_a_rule_needs_and_nobody_stated_is_named(registry: Run, load: Run) -> None:
    load("se.nix", 0)
    assert "warning: se.nix is stale (its edition is not known); load a newer edition" in registry("list").err
    load("se.nix", 0, "--edition", day(20))
    assert "se.nix is stale" not in registry("list").err


def test_registries_that_rules_ask_and_nobody_loaded_stand_in_one_line(registry: Run, load: Run) -> None:
    first = registry("list")
    (line,) = [line for line in first.err.splitlines() if "never loaded" in line]
    assert "us.national, " in line
    assert " us.state" in line
    assert "us.state.TX" not in line
    load("us.national")
    load("us.state.FL")
    (line,) = [line for line in registry("list").err.splitlines() if "never loaded" in line]
    assert "us.national" not in line
    assert "us.state.FL" not in line
    assert "us.state.TX" in line
    said = registry("show", "us.state.TX")
    assert said.err == "warning: us.state.TX was never loaded; us.tx.dnc cannot be met without it\n"
    assert "us.tx.dnc" in said.out


def test_one_registry_is_shown_with_its_parts_and_the_rules_that_ask_it(registry: Run, load: Run) -> None:
    load("us.state.FL", 10)
    said = registry("show", "us.state")
    assert "us.fl.dnc" in said.out
    assert "us.state.FL" in said.out
    assert f"stale from  {day(10 - 32)}" in said.out
    told = json.loads(registry("show", "us.state.FL", "--json").out)
    assert told["asked_by"] == ["us.fl.dnc"]
    assert [copy["registry"] for copy in told["copies"]] == ["us.state.FL"]
    unknown = registry("show", "xx.nothing")
    assert (unknown.code, "no rule asks one" in unknown.err) == (2, True)


def test_the_parts_of_a_registry_are_stated_and_each_is_missed(registry: Run, load: Run) -> None:
    load("gr.article11.one")
    assert registry("parts", "gr.article11", "one,two").out == (
        "gr.article11 is made of gr.article11.one, gr.article11.two\n"
    )
    assert "gr.article11.two was never loaded" in registry("show", "gr.article11").err
    load("gr.article11.two")
    assert registry("show", "gr.article11").err == ""
    assert json.loads(registry("parts", "gr.article11", "", "--json").out) == {"registry": "gr.article11", "parts": []}
    assert "asked by region" in registry("parts", "us.state", "FL").err
    assert "twice" in registry("parts", "gr.article11", "one,one").err
    assert registry("parts", "gr.article11", "../up").code == 2
