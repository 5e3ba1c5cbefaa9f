"""`forbear wash`, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from forbear.cli import embedded, wash
from forbear.core.errors import BadInput
from tests.gate.conftest import House

Run = Callable[..., str]


@pytest.fixture
def run(house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command on a list of three; what it printed."""
    monkeypatch.setenv("FORBEAR_REGISTRIES", str(tmp_path / "registries"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(embedded, "ensure", lambda: None)  # it runs, and this test has a database of its own
    app = typer.Typer()
    wash.register(app)
    command: Any = typer.main.get_command(app)
    (tmp_path / "list.csv").write_text("id,phone,state\n1,+12145550100,TX\n2,+13055550100,FL\n3,nobody,TX\n")

    def go(*arguments: object, file: Path = tmp_path / "list.csv", channel: str = "voice") -> str:
        capsys.readouterr()
        words = [str(file), "--account", "acme", "--channel", channel, "--purpose", "marketing", *map(str, arguments)]
        command.main(words, standalone_mode=False)
        return capsys.readouterr().out

    return go


def test_it_prints_a_report_by_reason_and_leaves_list_and_receipt(run: Run, tmp_path: Path) -> None:
    said = run()
    assert "house.address_understood:not_a_number" in said
    assert "deny" in said
    assert "3 (100.0%)" in said
    assert "us.national" in said  # not loaded, and said so
    assert len((tmp_path / "list.washed.csv").read_text().splitlines()) == 4
    receipt = json.loads((tmp_path / "list.washed.csv.receipt.json").read_text())
    assert receipt["rows"] == 3
    assert receipt["id"] in said


def test_as_json_it_is_one_line_with_every_reason(run: Run, tmp_path: Path) -> None:
    (line,) = run("--json", "--out", tmp_path / "out.parquet").splitlines()
    said = json.loads(line)
    assert said["out"].endswith("out.parquet")
    assert {"verdict", "cure", "rule", "rows"} == set(said["reasons"][0])
    assert sum(said["verdicts"].values()) == 3


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--at", "tomorrow"], "--at"),
        (["--map", "to"], "FACT=COLUMN"),
        (["--map", "to=nothing"], "is not there"),
        (["--mode", "shouting"], "shouting"),
        (["--seller", "nobody"], "nobody"),
        (["--content", "nice"], "no fact of the content"),
        (["--out", "/nowhere/at/all.csv"], "no such folder"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_is_written(
    run: Run, tmp_path: Path, arguments: list[str], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        run(*arguments)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["list.csv"]


def test_the_list_itself_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="would overwrite"):
        run("--out", tmp_path / "list.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        run(file=tmp_path / "none.csv")
