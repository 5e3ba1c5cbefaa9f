"""`/v1/inbound` and `/v1/reviews`: what people write back, through the API and a carrier's signed webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest

from forbear.accounts import connectors
from forbear.accounts.home import load_secrets
from forbear.accounts.permissions import Permission
from forbear.core import signatures
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.optins import open_form

PERSON = "+13055550123"
TEXT: dict[str, Any] = {"channel": "sms", "from": PERSON, "to": "+12025550100", "message": "m1", "text": "STOP"}


def hear(served: Served, **more: Any) -> httpx.Response:
    return served.http.post("/v1/inbound", json={**TEXT, **more})


def verdict(served: Served, **more: Any) -> str:
    said: str = served.decide({**INFORMATIONAL, **more}).json()["answers"][0]["verdict"]
    return said


class Door:
    """A carrier's side of a connector."""

    def __init__(self, served: Served, **more: Any) -> None:
        with served.database.app() as conn:
            self.id = connectors.add(conn, served.account, "short code", "sms", connectors.STANDARD, **more)
        self.secret = connectors.secrets_of(self.id, load_secrets().token_keys)[0]
        self.base = str(served.http.base_url)

    def post(self, said: dict[str, Any], **changed: Any) -> httpx.Response:
        raw = json.dumps(said).encode()
        name, at = changed.get("id", "msg_1"), int(time.time()) + changed.get("shift_s", 0)
        signature = signatures.sign(name, at, raw, changed.get("secret", self.secret))
        headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
        path = f"/v1/inbound/{changed.get('connector', self.id)}"
        sent = changed.get("body", raw)
        with httpx.Client(base_url=self.base, timeout=60) as http:
            return http.post(path, content=sent, headers=headers | changed.get("headers", {}))


@pytest.fixture
def door(served: Served) -> Door:
    return Door(served)


def test_a_stop_is_in_force_when_the_answer_comes(served: Served) -> None:
    assert verdict(served) == "allow"
    answer = hear(served)
    assert answer.status_code == 201
    (one,) = answer.json()["heard"]
    assert one["taken_for"] == "stop"
    assert one["answer"] == "opt_out_confirmation"
    assert verdict(served) == "deny"
    (again,) = hear(served).json()["heard"]
    assert again["repeated"] is True
    assert again["event"] == one["event"]


def test_a_key_needs_the_permission_to_hear(served: Served) -> None:
    other = served.another(Permission.DECISION_MAKE, Permission.OPT_OUT_RECORD)
    assert served.http.post("/v1/inbound", json=TEXT, headers=other).status_code == 403
    assert verdict(served) == "allow"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"from": "ACME"}, "from"),
        ({"from": None}, "from"),
        ({"message": None}, "message"),
        ({"seller": "nobody"}, "seller"),
        ({"languages": ["xx"]}, "languages"),
        ({"raw": "x"}, "raw"),
        ({"at": "2099-01-01T00:00:00Z"}, "at"),
        ({"at": "0001-01-01T00:00:00Z"}, "at"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
        ({"country": "Germany"}, "country"),
        ({"channel": "email", "from": None, "raw_base64": "!"}, "raw_base64"),
    ],
)
def test_what_is_wrong_is_named(served: Served, change: dict[str, Any], key: str) -> None:
    answer = hear(served, **change)
    assert (answer.status_code, answer.json()["key"]) == (422, key)


def test_an_unclear_message_rests_marketing_until_a_person_has_read_it(served: Served) -> None:
    (one,) = hear(served, text="please cancel my appointment").json()["heard"]
    assert one["taken_for"] == "unclear"
    assert one["answer"] is None
    listed = served.http.get("/v1/suppressions", params={"address": PERSON}).json()["suppressions"]
    assert [(s["covers"], s["reason"]) for s in listed] == [("marketing", "under review")]
    assert verdict(served) == "allow"  # what is no marketing still comes
    (waiting,) = served.http.get("/v1/reviews").json()["reviews"]
    assert waiting["id"] == one["review"]
    assert waiting["text"] == "please cancel my appointment"
    path = f"/v1/reviews/{one['review']}"
    assert served.http.get(path).json()["address"] == PERSON
    said = {"outcome": "not_a_stop", "by": "Kim", "reason": "an appointment at the clinic"}
    assert served.http.post(f"{path}/decision", json={**said, "by": ""}).status_code == 422
    decided = served.http.post(f"{path}/decision", json=said).json()
    assert (decided["lifted"], decided["resting"]) == (1, False)
    assert served.http.get("/v1/suppressions", params={"address": PERSON}).json()["suppressions"] == []
    assert served.http.get("/v1/reviews").json()["reviews"] == []
    assert served.http.get(path).json()["decided_by"] == "Kim"
    assert served.http.post(f"{path}/decision", json=said).status_code == 422  # once


def test_a_person_who_reads_a_stop_makes_it_an_opt_out_from_when_it_was_written(served: Served) -> None:
    (one,) = hear(served, text="STOP 12345", at="2026-11-20T10:00:00Z").json()["heard"]
    said = {"outcome": "stop", "by": "Kim", "reason": "it is the code of our campaign"}
    decided = served.http.post(f"/v1/reviews/{one['review']}/decision", json=said).json()
    assert decided["resting"] is True
    assert len(decided["opt_outs"]) == 1
    assert verdict(served) == "deny"


def test_what_was_said_meanwhile_outlives_a_review(served: Served) -> None:
    (one,) = hear(served, text="cancel my appointment").json()["heard"]
    opted = {"address": PERSON, "channel": "sms", "covers": "marketing", "text": "no offers please"}
    assert served.http.post("/v1/opt-outs", json=opted).status_code == 201
    said = {"outcome": "not_a_stop", "by": "Kim", "reason": "an appointment"}
    decided = served.http.post(f"/v1/reviews/{one['review']}/decision", json=said).json()
    assert decided["resting"] is True
    listed = served.http.get("/v1/suppressions", params={"address": PERSON}).json()["suppressions"]
    assert [s["covers"] for s in listed] == ["marketing"]


def test_two_unclear_messages_are_decided_apart(served: Served) -> None:
    first, second = (
        hear(served, message=f"m{n}", text="cancel my appointment").json()["heard"][0]["review"] for n in (1, 2)
    )
    said = {"outcome": "not_a_stop", "by": "Kim", "reason": "an appointment"}
    assert served.http.post(f"/v1/reviews/{first}/decision", json=said).json()["resting"] is True
    assert served.http.post(f"/v1/reviews/{second}/decision", json=said).json()["resting"] is False


def test_another_account_sees_and_decides_nothing(served: Served) -> None:
    (one,) = hear(served, text="cancel my appointment").json()["heard"]
    other = served.another_account()
    assert served.http.get("/v1/reviews", headers=other).json()["reviews"] == []
    assert served.http.get(f"/v1/reviews/{one['review']}", headers=other).status_code == 404
    said = {"outcome": "not_a_stop", "by": "Mallory", "reason": "mine"}
    assert served.http.post(f"/v1/reviews/{one['review']}/decision", json=said, headers=other).status_code == 404
    assert len(served.http.get("/v1/reviews").json()["reviews"]) == 1


def test_yes_and_start_lift_nothing(served: Served) -> None:
    hear(served)
    for n, text in enumerate(("YES", "START", "UNSTOP", "subscribe", "yes please start again"), 2):
        (one,) = hear(served, message=f"m{n}", text=text).json()["heard"]
        assert one["opt_outs"] == []
    assert verdict(served) == "deny"


def test_start_of_somebody_who_stopped_is_answered_once_a_day(served: Served) -> None:
    assert hear(served, text="START").json()["heard"][0]["answer"] is None  # nothing stands in the way
    hear(served, message="m2")
    assert hear(served, message="m3", text="START").json()["heard"][0]["answer"] == "start_answer"
    assert hear(served, message="m4", text="start").json()["heard"][0]["answer"] is None


def test_start_of_somebody_who_stopped_names_the_form_to_sign_up_by(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBEAR_PUBLIC_URL", "https://stop.example.org")
    open_form(served, channel="sms", country=None)
    hear(served)
    hear(served, message="m2", text="START")
    with served.database.app() as conn:
        row = conn.execute("SELECT content->>'text' FROM ledger_outbox WHERE kind = 'start_answer'").fetchone()
    assert row is not None
    assert row[0].startswith("Acme: you said STOP before.")
    assert row[0].rpartition(" ")[2].startswith("https://stop.example.org/f/acme/")


def test_help_is_answered_once_a_day_also_after_a_stop(served: Served) -> None:
    hear(served)
    assert hear(served, message="m2", text="HELP").json()["heard"][0]["answer"] == "help_answer"
    assert hear(served, message="m3", text="help").json()["heard"][0]["answer"] is None


# --- by a carrier


def test_a_signed_webhook_is_heard_once_however_often_it_is_delivered(served: Served, door: Door) -> None:
    answer = door.post({**TEXT, "message": None})
    assert answer.status_code == 200
    assert answer.json()["heard"][0]["taken_for"] == "stop"
    assert door.post({**TEXT, "message": None}).json()["heard"][0]["repeated"] is True
    assert verdict(served) == "deny"


@pytest.mark.parametrize(
    "change",
    [
        {"secret": b"x" * 32},
        {"shift_s": -301},
        {"shift_s": 302},
        {"body": json.dumps({**TEXT, "text": "hello"}).encode()},
        {"headers": {"webhook-id": "msg_2"}},
        {"headers": {"webhook-timestamp": "1763800000"}},
        {"headers": {"webhook-signature": ""}},
        {"headers": {"webhook-signature": "v1,AAAA"}},
        {"headers": {"webhook-signature": "v1a," + "A" * 44}},
        {"connector": UUID(int=5)},
    ],
)
def test_whoever_cannot_sign_is_told_nothing_and_changes_nothing(
    served: Served, door: Door, change: dict[str, Any]
) -> None:
    answer = door.post(TEXT, **change)
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/not-signed"
    assert verdict(served) == "allow"


def test_a_closed_connector_takes_nothing(served: Served, door: Door) -> None:
    with served.database.app() as conn:
        assert connectors.close(conn, served.account, door.id)
    assert door.post(TEXT).status_code == 401


def test_an_older_token_key_still_signs_and_a_strange_one_does_not(
    served: Served, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_secrets().token_keys
    newer = {**known, max(known) + 1: b"n" * 32}
    monkeypatch.setenv("FORBEAR_TOKEN_KEYS", ",".join(f"{k}:{v.hex()}" for k, v in newer.items()))
    assert door.post(TEXT).status_code == 200
    monkeypatch.setenv("FORBEAR_TOKEN_KEYS", f"{max(known) + 1}:{(b'n' * 32).hex()}")
    assert door.post(TEXT, id="msg_9").status_code == 401


def test_a_connector_speaks_for_its_own_addresses_alone(served: Served) -> None:
    door = Door(served, addresses=["+1 202 555 0100"])
    assert door.post(TEXT).status_code == 200
    answer = door.post({**TEXT, "to": "+12025550199"}, id="msg_2")
    assert (answer.status_code, answer.json()["key"]) == (422, "to")
    assert door.post({**TEXT, "channel": "email"}, id="msg_3").json()["key"] == "channel"


def test_strangers_who_keep_trying_are_made_to_wait(served: Served, door: Door) -> None:
    from forbear.web import hearing

    hearing._STRANGERS._level.clear()
    codes = {door.post(TEXT, secret=b"y" * 32).status_code for _ in range(45)}
    assert codes == {401, 429}
    assert door.post(TEXT).status_code == 200  # who signs is not held up
    hearing._STRANGERS._level.clear()


def test_twilio_signs_in_its_own_way(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.database.app() as conn:
        made = connectors.add(conn, served.account, "twilio", "sms", connectors.TWILIO)
    connectors.keep_given(made, "0123456789abcdef0123456789abcdef")
    form = {"MessageSid": "SM1", "From": PERSON, "To": "+12025550100", "Body": "STOP", "FromCountry": "US"}
    path = f"/v1/inbound/{made}"
    monkeypatch.setenv("FORBEAR_PUBLIC_URL", "https://stop.example.org")

    def post(token: str, **changed: str) -> httpx.Response:
        signed = f"https://stop.example.org{path}" + "".join(name + form[name] for name in sorted(form))
        mac = base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()
        with httpx.Client(base_url=served.http.base_url) as http:
            return http.post(
                path,
                content=urlencode(form | changed),
                headers={"X-Twilio-Signature": mac, "Content-Type": "application/x-www-form-urlencoded"},
            )

    assert post("f" * 32).status_code == 401
    assert post("0123456789abcdef0123456789abcdef", Body="hello").status_code == 401
    assert verdict(served) == "allow"
    good = post("0123456789abcdef0123456789abcdef")
    assert (good.status_code, good.text) == (200, "<Response></Response>")
    assert verdict(served) == "deny"


def test_the_document_describes_hearing(served: Served) -> None:
    paths: Callable[[str], Any] = served.http.get("/v1/openapi.json").json()["paths"].get
    assert paths("/v1/inbound")["post"]["security"]
    assert "security" not in paths("/v1/inbound/{connector}")["post"]
    assert paths("/v1/reviews/{review}/decision")["post"]
