"""The page of what a sample would have sent: there for who sits at the machine, for nobody else."""

from __future__ import annotations

import pytest

from tests.web.conftest import Served

PERSON = "+13055550123"


@pytest.fixture
def sample(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setenv("FORBEAR_SAMPLE", "1")
    return served


def test_a_sample_shows_what_it_would_have_sent(sample: Served) -> None:
    assert "Nothing was sent yet" in sample.http.get("/outbox").text
    said = {"channel": "sms", "from": PERSON, "to": "+12025550100", "message": "m1", "text": "STOP <b>now</b>"}
    sample.http.post("/v1/inbound", json=said | {"text": "STOP"})
    page = sample.http.get("/outbox").text
    assert PERSON in page
    assert "Acme: you will get no more messages here." in page
    assert "waits" in page


def test_it_is_not_there_for_anybody_else(sample: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"Via": "1.1 proxy"}):
        assert sample.http.get("/outbox", headers=headers).status_code == 404
    assert sample.http.get("/outbox", headers={"Host": "stop.example.org"}).status_code in (400, 404)
    monkeypatch.delenv("FORBEAR_SAMPLE")
    assert sample.http.get("/outbox").status_code == 404
