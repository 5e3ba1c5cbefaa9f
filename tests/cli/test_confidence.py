from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from forbear.cli import embedded
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
PENNSYLVANIA = (
    *("--account", "acme", "--channel", "voice", "--purpose", "marketing", "--from", "+12025550100"),
    *("--to", "+12155550123"),
)


@pytest.fixture
def acme(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    assert forbear("account", "create", "acme", "--country", "US", "--kind", "company").code == 0
    return forbear


def test_a_verdict_names_how_sure_each_deciding_rule_is_and_why(acme: Command) -> None:
    said = acme("decide", *PENNSYLVANIA)
    assert said.code == 1
    assert "confidence  low (weakly sourced" in said.out
    assert "us.pa.dnc: " in said.out
    assert "    confidence low" in said.out or "    confidence medium" in said.out


def test_an_explanation_names_what_was_read_of_the_place(acme: Command) -> None:
    (answer,) = json.loads(acme("decide", *PENNSYLVANIA, "--json").out)["answers"]
    why = acme("explain", answer["id"], "--account", "acme").out
    assert "coverage US-PA: partial" in why
    assert ", read 2026-11-2" in why
    found = json.loads(acme("explain", answer["id"], "--account", "acme", "--json").out)
    assert found["confidence"] == answer["confidence"]
    assert {one["places"][0] for one in found["coverage"]} == {"US-PA"}
