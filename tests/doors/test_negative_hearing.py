"""How others mishear people, tried here through the doors: none of it happens.

Numbers are those of the sixteen behaviours of other products that must not happen here.
"""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from forbear.accounts import connectors
from forbear.core import signatures
from forbear.web import connections
from tests.conftest import Database
from tests.doors.test_negative_suppression import MAIL
from tests.hearing.test_mails import ARF, DSN, mail
from tests.web.conftest import INFORMATIONAL, Served

PAT = "pat@example.org"
OWED: dict[str, Any] = {**MAIL, "purpose": "transactional", "content": {**MAIL["content"], "promotional": False}}


def verdict(served: Served, contact: dict[str, Any]) -> str:
    (answer,) = served.decide(contact).json()["answers"]
    return str(answer["verdict"])


def hear(served: Served, raw: bytes, **more: Any) -> list[dict[str, Any]]:
    said = {"channel": "email", "raw": raw.decode(), **more}
    answer = served.http.post("/v1/inbound", json=said)
    assert answer.status_code == 201, answer.text
    heard: list[dict[str, Any]] = answer.json()["heard"]
    return heard


def events(served: Served, kind: str) -> list[dict[str, Any]]:
    rows = served.database.app().execute("SELECT payload FROM ledger_event WHERE kind = %s ORDER BY id", [kind])
    return [row[0] for row in rows]


# --- 5: a third party without authentication cannot opt somebody out


@pytest.mark.parametrize("key", ["", "Bearer nonsense", f"Bearer {uuid4()}.secret"])
def test_5_who_has_no_key_opts_nobody_out_and_learns_nothing(served: Served, key: str) -> None:
    assert verdict(served, INFORMATIONAL) == "allow"
    texted = {"channel": "sms", "from": INFORMATIONAL["to"], "message": "m1", "text": "STOP"}
    opted = {"address": INFORMATIONAL["to"], "channel": "sms"}
    with httpx.Client(base_url=served.http.base_url, headers={"Authorization": key} if key else {}) as http:
        codes = {
            http.post("/v1/inbound", json=texted).status_code,
            http.post("/v1/opt-outs", json=opted).status_code,
            http.post("/v1/suppressions", json={"address": INFORMATIONAL["to"], "reason": "x"}).status_code,
            http.get("/v1/suppressions", params={"address": INFORMATIONAL["to"]}).status_code,
            http.get("/v1/reviews").status_code,
        }
    assert codes == {401}
    assert verdict(served, INFORMATIONAL) == "allow"


def test_5_a_webhook_nobody_signed_opts_nobody_out_and_another_accounts_signature_counts_there_alone(
    served: Served,
) -> None:
    from forbear.accounts.home import load_secrets

    other = served.another_account()
    conn = served.database.app()
    (account,) = conn.execute("SELECT id FROM accounts_account WHERE slug = 'other'").fetchone() or (None,)
    assert isinstance(account, UUID)
    mine = connectors.add(conn, served.account, "ours", "sms", connectors.STANDARD)
    theirs = connectors.add(conn, account, "theirs", "sms", connectors.STANDARD)
    body = json.dumps({"channel": "sms", "from": INFORMATIONAL["to"], "text": "STOP"}).encode()
    secret = connectors.secrets_of(theirs, load_secrets().token_keys)[0]
    at = int(time.time())
    headers = {"webhook-id": "m1", "webhook-timestamp": str(at)}
    signed = headers | {"webhook-signature": signatures.sign("m1", at, body, secret)}
    with httpx.Client(base_url=served.http.base_url) as http:
        assert http.post(f"/v1/inbound/{mine}", content=body, headers=headers).status_code == 401
        assert http.post(f"/v1/inbound/{mine}", content=body, headers=signed).status_code == 401
        assert http.post(f"/v1/inbound/{theirs}", content=body, headers=signed).status_code == 200
    assert verdict(served, INFORMATIONAL) == "allow"  # the other account's sellers are stopped, not ours
    assert served.http.get("/v1/suppressions", headers=other).json()["suppressions"] != []


def test_5_a_mail_whose_sender_is_forged_waits_for_a_person(served: Served) -> None:
    forged = mail("unsubscribe", Authentication_Results="mx.acme.example; dmarc=fail")
    (one,) = hear(served, forged)
    assert (one["taken_for"], one["opt_outs"], one["answer"]) == ("unclear", [], None)
    assert len(served.http.get("/v1/reviews").json()["reviews"]) == 1


# --- 7: the store is down while it is asked


def test_7_while_the_store_is_away_nobody_passes_and_nothing_is_said_to_be_heard(
    served: Served, database: Database, template: Any
) -> None:
    assert verdict(served, INFORMATIONAL) == "allow"
    (name,) = database.app().execute("SELECT current_database()").fetchone() or ("",)
    template.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        template.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        connections.forget()
        asked = served.decide(INFORMATIONAL)
        told = served.http.post(
            "/v1/inbound", json={"channel": "sms", "from": INFORMATIONAL["to"], "message": "m1", "text": "STOP"}
        )
    finally:
        template.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    for answer in (asked, told):
        assert answer.status_code == 503
        assert "allow" not in answer.text
        assert answer.headers["Retry-After"]
    again = served.http.post(  # the carrier delivers it again: it is heard
        "/v1/inbound", json={"channel": "sms", "from": INFORMATIONAL["to"], "message": "m1", "text": "STOP"}
    )
    assert again.json()["heard"][0]["repeated"] is False
    assert verdict(served, INFORMATIONAL) == "deny"


# --- 8: a complaint about a transactional message


def test_8_a_complaint_about_a_receipt_ends_marketing_and_not_what_the_person_needs(served: Served) -> None:
    assert (verdict(served, MAIL), verdict(served, OWED)) == ("allow", "allow")
    report = ARF.replace("Subject: Our offer", "Subject: Your receipt").replace("Buy!", "Paid.")
    (one,) = hear(served, mail(report, Content_Type="multipart/report; boundary=b"))
    assert one["taken_for"] == "complaint"
    assert one["answer"] is None  # whoever complains is not written to
    assert (verdict(served, MAIL), verdict(served, OWED)) == ("deny", "allow")


# --- 9: a feedback report in multipart/mixed


def test_9_a_complaint_in_multipart_mixed_is_heard_and_heard_once(served: Served) -> None:
    raw = mail(ARF, Content_Type="multipart/mixed; boundary=b", Message_ID="<fbl-1@provider.example>")
    (one,) = hear(served, raw)
    assert one["taken_for"] == "complaint"
    assert verdict(served, MAIL) == "deny"
    (again,) = hear(served, raw)
    assert again["repeated"] is True
    assert len(events(served, "opt_out:said")) == 1


def test_9_a_report_that_names_nobody_opts_nobody_out(served: Served) -> None:
    hidden = ARF.replace("Original-Rcpt-To: <pat@example.org>\n", "").replace("To: pat@example.org", "To: undisclosed")
    assert hear(served, mail(hidden, Content_Type="multipart/mixed; boundary=b")) == []


# --- 10: a delivery report whose first recipient was delayed and whose second failed


def test_10_each_recipient_of_a_delivery_report_is_taken_for_what_became_of_them(served: Served) -> None:
    raw = mail(DSN, Content_Type="multipart/report; report-type=delivery-status; boundary=b", From="MAILER-DAEMON@mx")
    heard = hear(served, raw)
    assert [(one["taken_for"], one["why"], one["opt_outs"]) for one in heard] == [
        ("bounce", "delayed 4.4.1", []),
        ("bounce", "failed 5.1.1", []),
        ("bounce", "failed 4.2.2", []),
    ]
    (failed,) = events(served, "message:failed")
    assert (failed["status"], failed["heard"]) == ("5.1.1", heard[1]["event"])
    for address in ("slow@example.org", "gone@example.org"):
        assert verdict(served, {**MAIL, "to": address}) == "allow"  # a bounce is no opt-out
    assert all(one["repeated"] for one in hear(served, raw))


# --- 16: an automatic reply


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Auto_Response_Suppress": "OOF"},
        {"Subject": "Out of Office: unsubscribe"},
        {"Return_Path": "<>"},
    ],
)
def test_16_an_automatic_reply_is_no_stop_and_gets_no_answer(served: Served, headers: dict[str, str]) -> None:
    away = mail("STOP. I am away. To unsubscribe from my newsletter reply unsubscribe.", **headers)
    (one,) = hear(served, away, country="US")
    assert (one["taken_for"], one["opt_outs"], one["answer"]) == ("auto_reply", [], None)
    assert verdict(served, MAIL) == "allow"
    assert served.database.app().execute("SELECT count(*) FROM ledger_outbox").fetchone() == (0,)


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied", "X_Apple_Unsubscribe": "true"}, {"Auto_Submitted": "auto-generated"}],
)
def test_16_a_mail_program_that_unsubscribes_for_its_owner_is_heard(served: Served, headers: dict[str, str]) -> None:
    (one,) = hear(served, mail("Apple Mail sent this email", Subject="unsubscribe", **headers))
    assert one["taken_for"] == "stop"
    assert verdict(served, MAIL) == "deny"
