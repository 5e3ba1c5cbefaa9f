"""What an allowed contact owes, in words, over HTTP: by word and place, in a decision, in its explanation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import INFORMATIONAL, Served
from tests.web.test_decisions import problem

BRITISH: dict[str, Any] = INFORMATIONAL | {
    "mode": "predictive",
    "from": "+442079460123",
    "to": "+441132000000",
    "recipient": {"kind": "consumer", "country": "GB"},
    "dialler": {"answered_live": 1000, "abandoned": 10, "window_days": 1},
}


def test_a_word_is_told_by_place_and_language(served: Served) -> None:
    said = served.http.get("/v1/obligations/opt_out_text", params={"place": "FR", "language": "fr"}).json()
    assert said["obligation"]["texts"][0] == "STOP au {shortcode}"
    assert said["obligation"]["placeholders"] == {"shortcode": "the number to text"}
    assert "fr.l34_5.owes_text" in {rule["rule"] for rule in said["rules"]}


def test_the_strictest_term_of_a_place_stands_beside_the_rules_that_set_it(served: Served) -> None:
    said = served.http.get("/v1/obligations/opt_out_text", params={"place": "AU-NSW"}).json()
    assert said["obligation"]["works_days"] == 30
    assert {rule["rule"]: rule["terms"] for rule in said["rules"]}["au.spam.owes_text"] == {"works_days": 30}


def test_the_words_of_a_place_are_those_its_rules_ask(served: Served) -> None:
    everywhere = {one["word"] for one in served.http.get("/v1/obligations").json()}
    french = {one["word"] for one in served.http.get("/v1/obligations", params={"place": "FR"}).json()}
    assert "opt_out_text" in french < everywhere
    assert "sexually_explicit_label" in everywhere - french


@pytest.mark.parametrize(("path", "status", "key"), [
    ("/v1/obligations/nonsense", 404, "word"),
    ("/v1/obligations/opt_out_text?place=France", 422, "place"),
    ("/v1/obligations/opt_out_text?language=french", 422, "language"),
])  # fmt: skip
def test_a_word_or_place_that_cannot_be_is_refused(served: Served, path: str, status: int, key: str) -> None:
    said = problem(served.http.get(path), status, "not-found" if status == 404 else "bad-input")
    assert said["key"] == key


def test_the_words_need_a_key(served: Served) -> None:
    problem(served.http.get("/v1/obligations", headers={"Authorization": ""}), 401, "unauthorized")


def test_a_decision_says_what_is_owed_when_asked_and_only_then(served: Served) -> None:
    plain, nothing = served.decide(BRITISH, INFORMATIONAL | {"to": "reception"}).json()["answers"]
    assert plain["verdict"] == "allow"
    assert "obligations_detail" not in plain
    full, nothing = served.decide(
        BRITISH | {"to": "+441132000001"}, INFORMATIONAL | {"to": "reception"}, expand=["obligations"]
    ).json()["answers"]
    assert [one["word"] for one in full["obligations_detail"]] == full["obligations"] == plain["obligations"]
    caller = next(one for one in full["obligations_detail"] if one["word"] == "identify_caller")
    assert (caller["place"], caller["language"], caller["within_seconds"]) == ("GB", "en", 2)
    assert nothing["obligations_detail"] == []


def test_only_what_there_is_can_be_expanded(served: Served) -> None:
    assert problem(served.decide(BRITISH, expand=["everything"]), 422, "bad-input")["key"] == "expand[0]"


def test_an_explanation_says_what_was_owed_when_asked_and_only_then(served: Served) -> None:
    (answer,) = served.decide(BRITISH).json()["answers"]
    path = f"/v1/decisions/{answer['id']}"
    assert "obligations_detail" not in served.http.get(path).json()
    said = served.http.get(path, params={"expand": "obligations", "language": "fr"}).json()
    assert [one["word"] for one in said["obligations_detail"]] == answer["obligations"]
    caller = next(one for one in said["obligations_detail"] if one["word"] == "identify_caller")
    assert (caller["language"], caller["within_seconds"]) == ("fr", 2)
    problem(served.http.get(path, params={"expand": "rules"}), 422, "bad-input")


def test_the_document_of_the_api_has_what_is_owed(served: Served) -> None:
    document = served.http.get("/v1/openapi.json").json()
    assert {"/v1/obligations", "/v1/obligations/{word}"} <= set(document["paths"])
    assert "obligations_detail" in document["components"]["schemas"]["Answer"]["properties"]
    assert "within_seconds" in document["components"]["schemas"]["Obligation"]["properties"]
