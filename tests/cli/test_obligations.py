"""What an allowed contact owes, as an operator reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.cli import embedded
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
CALL = {
    "channel": "voice",
    "mode": "live",
    "purpose": "informational",
    "from": "+61290000001",
    "to": "+61293744000",
    "recipient": {"kind": "consumer", "country": "AU", "region": "AU-NSW"},
    "content": {"identifies_sender": True, "promotional": False},
}


@pytest.fixture
def acme(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    assert forbear("account", "create", "acme", "--country", "AU", "--kind", "company", "--json").code == 0
    return forbear


def test_a_place_s_obligations_are_listed_in_its_wording(forbear: Command) -> None:
    said = forbear("rulebook", "obligations", "--place", "fr")
    assert said.code == 0
    assert "“STOP au {shortcode}”" in said.out
    assert "asked by" in said.out
    assert "sexually_explicit_label" not in said.out
    assert (
        "“Abmelden: STOP an {shortcode}”" in forbear("rulebook", "obligations", "--place", "FR", "--language", "de").out
    )


def test_one_word_is_told_as_json_with_its_rules(forbear: Command) -> None:
    (one,) = json.loads(forbear("rulebook", "obligations", "opt_out_text", "--place", "AU", "--json").out)
    assert one["obligation"]["works_days"] == 30
    assert "au.spam.owes_text" in one["rules"]


def test_a_place_that_asks_nothing_says_so(forbear: Command) -> None:
    said = forbear("rulebook", "obligations", "--place", "NZ")
    assert (said.code, "No rule asks anything" in said.out) == (0, True)


@pytest.mark.parametrize(("asked", "word"), [(("opt_out",), "opt_out_text"), (("--language", "xx"), "--language")])
def test_a_word_or_language_that_is_not_there_is_named(forbear: Command, asked: tuple[str, ...], word: str) -> None:
    said = forbear("rulebook", "obligations", *asked)
    assert (said.code, word in said.err) == (2, True)


def test_a_decision_and_its_explanation_say_what_is_owed(acme: Command, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"contacts": [CALL]}))
    call = (str(request), "--account", "acme")
    said = acme("decide", *call)
    assert said.code == 0
    assert "owes show_own_number: Show a number of one’s own" in said.out
    (answer,) = json.loads(acme("decide", *call, "--json").out)["answers"]
    assert "obligations_detail" not in answer
    (answer,) = json.loads(acme("decide", *call, "--json", "--expand").out)["answers"]
    assert [one["word"] for one in answer["obligations_detail"]] == answer["obligations"]
    request.write_text(json.dumps({"contacts": [CALL], "expand": ["obligations"]}))
    assert "obligations_detail" in json.loads(acme("decide", *call, "--json").out)["answers"][0]
    assert "owes show_own_number" in acme("explain", answer["id"], "--account", "acme").out
    told = acme("explain", answer["id"], "--account", "acme", "--json", "--expand")
    assert json.loads(told.out)["obligations_detail"] == answer["obligations_detail"]
