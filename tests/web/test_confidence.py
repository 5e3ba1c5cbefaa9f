from __future__ import annotations

from tests.web.conftest import INFORMATIONAL, Served


def test_an_answer_says_how_sure_the_law_is(served: Served) -> None:
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    assert answer["verdict"] == "allow"
    assert answer["confidence"] in ("high", "medium", "low")


def test_the_same_key_gives_the_same_confidence(served: Served) -> None:
    marketing = INFORMATIONAL | {"purpose": "marketing", "content": {"identifies_sender": True, "promotional": True}}
    first = served.decide(INFORMATIONAL, marketing, idempotency_key="twice").json()
    again = served.decide(INFORMATIONAL, marketing, idempotency_key="twice").json()
    assert again["repeated"]
    assert again["answers"] == first["answers"]
    assert [answer["verdict"] for answer in first["answers"]] == ["allow", "deny"]


def test_a_place_nobody_read_has_no_confidence_and_says_so(served: Served) -> None:
    abroad = INFORMATIONAL | {"to": "+81312345678", "recipient": {"kind": "consumer", "country": "JP"}}
    (answer,) = served.decide(abroad).json()["answers"]
    assert answer["verdict"] == "deny"
    assert "confidence" not in answer
    why = served.http.get(f"/v1/decisions/{answer['id']}").json()
    assert why["confidence"] is None
    assert why["coverage"] == [
        {"places": ["JP"], "status": "none", "confidence": None, "source": None, "seen": None, "note": None}
    ]


def test_an_explanation_gives_the_coverage_of_the_place_and_each_rules_note(served: Served) -> None:
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    why = served.http.get(f"/v1/decisions/{answer['id']}").json()
    assert why["confidence"] == answer["confidence"]
    assert why["coverage"]
    assert all(one["places"] == ["US-FL"] and one["source"] and one["seen"] for one in why["coverage"])
    assert all("note" in one for one in why["said"])
