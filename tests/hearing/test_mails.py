"""What a mail is: a person's words, an automatic reply, a complaint, a delivery report; by form, and on real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forbear.core.mails import MailKind, Reported, read

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "bounces"


def mail(body: str, **headers: str) -> bytes:
    fields = {"From": "Pat <pat@example.org>", "To": "news@acme.example", "Subject": "Re: Our offer"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body.replace("\n", "\r\n")).encode()


ARF = """--b
Content-Type: text/plain

This is an abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
Original-Rcpt-To: <pat@example.org>
Original-Mail-From: <news@acme.example>
--b
Content-Type: message/rfc822

From: news@acme.example
To: pat@example.org
Subject: Our offer
List-Unsubscribe: <https://stop.acme.example/u/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-a>

Buy!
--b--
"""

DSN = """--b
Content-Type: text/plain

Some could not be reached.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Original-Recipient: rfc822;Slow@example.org
Final-Recipient: rfc822;slow@example.org
Action: delayed
Status: 4.4.1

Final-Recipient: rfc822; gone@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

Final-Recipient: rfc822; full@example.org
Action: failed
Status: 4.2.2
--b
Content-Type: message/rfc822

Subject: Our offer

--b--
"""


@pytest.mark.parametrize("kind", ["multipart/report; report-type=feedback-report", "multipart/mixed"])
def test_a_complaint_is_one_whatever_it_is_wrapped_in(kind: str) -> None:
    found = read(mail(ARF, Content_Type=f"{kind}; boundary=b", From="fbl@provider.example"))
    assert (found.kind, found.complained) == (MailKind.COMPLAINT, "abuse")
    assert [one.address for one in found.recipients] == ["pat@example.org"]
    assert found.tokens == ("AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-a",)


def test_who_complained_is_found_in_the_mail_where_the_report_does_not_say_it() -> None:
    body = ARF.replace("Original-Rcpt-To: <pat@example.org>\n", "")
    found = read(mail(body, Content_Type="multipart/mixed; boundary=b"))
    assert [one.address for one in found.recipients] == ["pat@example.org"]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_names_nobody(kind: str) -> None:
    found = read(mail(ARF.replace("abuse\nUser", f"{kind}\nUser"), Content_Type="multipart/report; boundary=b"))
    assert found.recipients == ()
    assert found.tokens == ()


def test_a_delivery_report_is_read_recipient_by_recipient() -> None:
    found = read(
        mail(DSN, Content_Type="multipart/report; report-type=delivery-status; boundary=b", From="MAILER-DAEMON")
    )
    assert found.kind is MailKind.REPORT
    assert found.recipients == (
        Reported("Slow@example.org", "delayed", "4.4.1"),
        Reported("gone@example.org", "failed", "5.1.1"),
        Reported("full@example.org", "failed", "4.2.2"),
    )
    assert [one.permanent for one in found.recipients] == [False, True, False]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner-email=pat@example.org"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"X_Auto_Response_Suppress": "All"},
        {"X_Autoreply": "yes"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@mx.example.org"},
        {"From": "MAILER-DAEMON <>"},
        {"Subject": "Automatische Antwort: Unser Angebot"},
        {"Subject": "Out of Office: Our offer"},
        {"Subject": "=?utf-8?q?R=C3=A9ponse_automatique_=3A_offre?="},
        {"List_Id": "<list.example.org>"},
    ],
)
def test_automatic_replies_are_told_apart(headers: dict[str, str]) -> None:
    assert read(mail("I am away. STOP by my desk. unsubscribe", **headers)).kind is MailKind.AUTO_REPLY
    assert read(mail("unsubscribe", Auto_Submitted="no")).kind is MailKind.MESSAGE


def test_only_a_persons_own_words_are_read() -> None:
    signed = "Please remove me.\n\n-- \nPat\n"
    assert read(mail(signed)).text == "Please remove me."
    quoted = "Thanks!\n\nOn Mon, 23 Nov 2026 Acme <news@acme.example> wrote:\n> Reply STOP to unsubscribe\n"
    assert read(mail(quoted)).text == "Thanks!"
    outlook = "Danke\n\n-----Ursprüngliche Nachricht-----\nVon: Acme\nunsubscribe"
    assert read(mail(outlook, Content_Type="text/plain; charset=utf-8")).text == "Danke"


def test_a_mail_in_html_alone_is_read_without_what_it_quotes() -> None:
    html = "<html><head><style>p{}</style></head><p>Bitte abmelden</p><blockquote>unsubscribe here</blockquote></html>"
    assert read(mail(html, Content_Type="text/html; charset=utf-8")).text == "Bitte abmelden"


def test_a_sender_the_receiving_server_holds_for_forged_is_marked() -> None:
    assert read(mail("stop", Authentication_Results="mx.acme.example; dmarc=fail header.from=example.org")).forged
    assert not read(mail("stop", Authentication_Results="mx.acme.example; dmarc=pass header.from=example.org")).forged


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"From: \xff\xfe@x\r\n\r\n\xff", b"Content-Type: multipart/report; boundary=\r\n\r\n--\r\n" * 50],
)
def test_nothing_makes_it_fall_over(raw: bytes) -> None:
    assert read(raw).message_id


def test_what_is_nested_without_end_is_from_nobody_and_takes_no_time() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 5000
    for raw in (
        b"To: " + b"(a" * 1990 + b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + deep,
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\n",
    ):
        assert read(raw).sender == ""


def test_real_complaints_and_bounces_are_taken_for_no_person() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real mails is not here")
    truth: dict[str, list[dict[str, object]]] = json.loads((CORPUS / "truth.json").read_text(encoding="utf-8"))
    found = {path.name: read(path.read_bytes()) for path in sorted(CORPUS.glob("*.eml"))}
    complaints = {name for name, one in found.items() if one.kind is MailKind.COMPLAINT}
    told = {name for name, rows in truth.items() if any(row["reason"] == "feedback" for row in rows)}
    assert complaints <= told
    missed = told - complaints
    assert all(found[name].why.startswith("a mail program") for name in missed)  # Apple's, an opt-out
    people = [name for name, one in found.items() if one.kind is MailKind.MESSAGE]
    assert len(people) <= len(found) * 0.02, people
    permanent = {
        name for name, one in found.items() if one.kind is MailKind.REPORT and any(r.permanent for r in one.recipients)
    }
    wrong = [name for name in permanent if name in truth and not any(str(r["status"])[:1] in "5" for r in truth[name])]
    assert len(wrong) <= len(permanent) * 0.03, wrong


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-7", "STOP +2D0-"),
        ("unicode_escape", "STOP \\ud800"),
        ("idna", "STOP"),
        ("punycode", "STOP \u00ff"),
        ("rot13", "STOP"),
        ('"a\0b"', "STOP"),
        ("x" * 500, "STOP"),
    ],
)
def test_a_strange_charset_loses_no_stop(charset: str, body: str) -> None:
    raw = f"From: pat@example.net\r\nContent-Type: text/plain; charset={charset}\r\n\r\n{body}\r\n"
    found = read(raw.encode())
    assert "stop" in found.text.lower()
    found.text.encode()


def test_a_subject_that_holds_half_a_character_can_be_kept() -> None:
    found = read(b"From: pat@example.net\r\nSubject: =?unicode_escape?q?stop=5Cud800?=\r\n\r\nSTOP\r\n")
    assert found.subject.encode().startswith(b"stop")
