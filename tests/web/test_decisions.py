"""`POST /v1/decisions` as a dialler meets it: a real server, a real socket, a real database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from forbear.accounts import writes
from forbear.accounts.permissions import Permission
from forbear.web import keys
from tests.web.conftest import INFORMATIONAL, Served


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["type"]) == (status, f"/problems/{kind}")
    return said


def test_an_allowed_contact_gets_a_permit_and_its_decision_is_stored(served: Served) -> None:
    said = served.decide(INFORMATIONAL).json()
    (answer,) = said["answers"]
    assert answer["verdict"] == "allow"
    assert answer["cure"] is None
    assert answer["permit"]["id"]
    assert said["rulebook"].startswith("sha256:")
    stored = served.database.app().execute("SELECT id, account FROM ledger_decision").fetchall()
    assert [(str(row[0]), row[1]) for row in stored] == [(answer["id"], served.account)]


def test_answers_come_in_the_order_asked(served: Served) -> None:
    said = served.decide(INFORMATIONAL, INFORMATIONAL | {"to": "reception"}, INFORMATIONAL | {"to": "+13055550124"})
    assert [answer["verdict"] for answer in said.json()["answers"]] == ["allow", "deny", "allow"]


def test_a_denial_names_its_rules_and_its_cure(served: Served) -> None:
    (answer,) = served.decide(INFORMATIONAL | {"to": "reception"}).json()["answers"]
    assert (answer["verdict"], answer["cure"]) == ("deny", "evidence")
    assert "house.address_understood" in answer["rules"]
    assert "permit" not in answer


def test_the_same_idempotency_key_brings_the_same_answer_and_permit(served: Served) -> None:
    first = served.decide(INFORMATIONAL, idempotency_key="once").json()
    again = served.decide(INFORMATIONAL, idempotency_key="once").json()
    assert again["answers"] == first["answers"]
    assert (first["repeated"], again["repeated"]) == (False, True)


def test_an_idempotency_key_is_not_for_other_contacts(served: Served) -> None:
    served.decide(INFORMATIONAL, idempotency_key="once")
    other = served.decide(INFORMATIONAL | {"to": "+13055550124"}, idempotency_key="once")
    assert problem(other, 409, "key-reused")["key"] == "idempotency_key"


def test_many_at_once_are_answered_each_by_itself(served: Served) -> None:
    def ask(number: int) -> tuple[int, str]:
        to = "reception" if number % 5 == 0 else f"+1305555{number:04d}"
        answer = served.decide(INFORMATIONAL | {"to": to})
        return answer.status_code, answer.json()["answers"][0]["verdict"]

    with ThreadPoolExecutor(16) as callers:
        found = list(callers.map(ask, range(100)))
    assert found == [(200, "deny" if number % 5 == 0 else "allow") for number in range(100)]


BAD_CONTACTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"purpose": "marketng"}, "contacts[1].purpose"),
    ({"to": 5}, "contacts[1].to"),
    ({"frm": "+12025550100"}, "contacts[1].frm"),
    ({"recipient": {"region": "Florida"}}, "contacts[1].recipient.region"),
    ({"content": {"opt_out": {"kind": "shout"}}}, "contacts[1].content.opt_out.kind"),
    ({"dialler": {"abandoned": -1}}, "contacts[1].dialler.abandoned"),
    ({"to": "x" * 321}, "contacts[1].to"),
    ({"opt_outs": []}, "contacts[1].opt_outs"),
    ({"consents": [{"level": "express_written"}]}, "contacts[1].consents"),
    ({"now": "2026-11-24T13:00:00Z"}, "contacts[1].now"),
    ({"seller": "nobody"}, "contacts[1].seller"),
)


def test_a_bad_contact_names_its_key_and_nothing_is_stored(served: Served) -> None:
    for change, key in BAD_CONTACTS:
        assert problem(served.decide(INFORMATIONAL, INFORMATIONAL | change), 422, "bad-input")["key"] == key
    assert served.database.app().execute("SELECT count(*) FROM ledger_decision").fetchone() == (0,)


def test_a_missing_key_is_named(served: Served) -> None:
    contact = {name: value for name, value in INFORMATIONAL.items() if name != "purpose"}
    assert problem(served.decide(contact), 422, "bad-input")["key"] == "contacts[0].purpose"


def test_no_contact_at_all_is_refused(served: Served) -> None:
    assert problem(served.decide(), 422, "bad-input")["key"] == "contacts"


def test_too_many_contacts_are_refused_whole(served: Served) -> None:
    tiny = {"channel": "sms", "purpose": "emergency", "to": "x"}
    body = json.dumps({"contacts": [tiny] * 100_001}, separators=(",", ":"))
    answer = served.http.post("/v1/decisions", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, 422, "too-many-contacts")["key"] == "contacts"


NO_REQUESTS = (
    b"",
    b"{",
    b'{"contacts": [}',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"contacts": ' + b"[" * 200_000,
    b'{"contacts":' * 50_000,
    b'{"contacts": [{"channel": "voice\x00"}]}',
    b'{"contacts": [{"to": "\\ud800"}]}',
    b'{"contacts": [{"channel": "voice", "purpose": "marketing", "to": "\\u0000"}]}',
    b'{"contacts": 1e999}',
    b"NaN",
)


def test_what_is_not_a_request_is_one_clear_problem(served: Served) -> None:
    for body in NO_REQUESTS:
        answer = served.http.post("/v1/decisions", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), body[:80]
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"]
    assert served.decide(INFORMATIONAL).status_code == 200


def test_only_json_is_taken(served: Served) -> None:
    answer = served.http.post("/v1/decisions", content=b"{}", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "media-type")


def test_a_wrong_secret_is_no_key(served: Served) -> None:
    wrong = {"Authorization": f"Bearer {served.key}.not-the-secret"}
    problem(served.http.post("/v1/decisions", json={"contacts": [INFORMATIONAL]}, headers=wrong), 401, "unauthorized")


def test_a_key_does_only_what_it_may(served: Served) -> None:
    reads = served.another(Permission.DECISION_READ)
    problem(served.http.post("/v1/decisions", json={"contacts": [INFORMATIONAL]}, headers=reads), 403, "missing-scope")
    decides = served.another(Permission.DECISION_MAKE)
    body = {"contacts": [INFORMATIONAL], "redeem": True}
    problem(served.http.post("/v1/decisions", json=body, headers=decides), 403, "missing-scope")


def test_a_revoked_key_decides_nothing_although_it_is_still_remembered(served: Served) -> None:
    assert served.decide(INFORMATIONAL).status_code == 200
    assert writes.revoke_api_key(served.database.app(), served.account, served.key)
    problem(served.decide(INFORMATIONAL), 401, "unauthorized")
    keys.forget()
    problem(served.decide(INFORMATIONAL), 401, "unauthorized")


def test_a_store_that_is_away_is_an_outage_and_never_a_pass(
    served: Served, template: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.decide(INFORMATIONAL).status_code == 200
    (name,) = served.database.app().execute("SELECT current_database()").fetchone() or ("",)
    template.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    template.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    said = problem(served.decide(INFORMATIONAL), 503, "unavailable")
    assert "contact" in said["todo"]
    template.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert served.decide(INFORMATIONAL).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_back(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("forbear.web.limits.Buckets.take", lambda *_: 7)
    answer = served.decide(INFORMATIONAL)
    problem(answer, 429, "too-many-requests")
    assert answer.headers["retry-after"] == "7"
    problem(served.http.get("/v1/suppressions"), 429, "too-many-requests")
