"""The question behind a form: sent by the worker, with a permit, once, and its secret kept nowhere."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import pytest

from forbear.core.words import Channel
from forbear.gate import forms, opt_in, wording
from forbear.gate.opt_in import Answer
from forbear.ledger import blobs
from forbear.ledger.optins import Form
from forbear.worker.carriers import Refused, compose
from tests.worker.conftest import PERSON, Carried, Inbox, Sender, by_http, by_mail, until, working


def opened(sender: Sender, channel: Channel) -> Form:
    words = wording.NewWording(name="news", version="1", language="en", text="Yes, Acme may write to me.")
    kept = wording.keep(sender.conn, sender.account, words).wording
    new = forms.NewForm(
        slug=f"news-{channel}",
        subscribed="Acme news",
        channel=channel,
        wording=blobs.said(kept.digest),
        country="US" if channel is Channel.EMAIL else None,
    )
    return forms.open_form(sender.conn, sender.account, new)


def kept(sender: Sender) -> str:
    """Every word of every event, personal parts included."""
    rows = sender.conn.execute(
        "SELECT e.payload::text, p.part FROM ledger_event e LEFT JOIN ledger_personal p ON p.event = e.id"
    )
    return " ".join(f"{row[0]} {bytes(row[1] or b'').decode()}" for row in rows)


def test_a_code_goes_by_the_carrier_with_a_permit_and_is_kept_nowhere(sender: Sender, carrier: Carried) -> None:
    form = opened(sender, Channel.SMS)
    with working(by_http(carrier)):
        token = opt_in.ask(sender.conn, form, PERSON)
        again = opt_in.ask(sender.conn, form, PERSON)
        said, _ = carrier.asked.get(timeout=20)
        until(lambda: all(row[1] for row in sender.outbox()) and not waiting(sender))
    assert (said["to"], len(carrier.seen)) == (PERSON, 1)
    (event,) = sender.events("message:sent")
    row = sender.conn.execute(
        "SELECT s.outcome FROM ledger_decision d JOIN ledger_disposition s ON s.permit = d.permit WHERE d.id = %s",
        [event["decision"]],
    ).fetchone()
    assert row == ("placed",)
    found = re.search(r"\b\d{6}\b", said["text"])
    assert found is not None
    code = found[0]
    assert code not in kept(sender)
    assert token is not None
    assert again is not None
    answers = [opt_in.try_code(sender.conn, one, code, page="x", ip=None).answer for one in (again, token, token)]
    assert answers == [Answer.WRONG, Answer.CONFIRMED, Answer.AGAIN]


def test_a_link_goes_by_mail_that_no_machine_answers(sender: Sender, inbox: Inbox) -> None:
    form = opened(sender, Channel.EMAIL)
    with working(by_mail(inbox)):
        opt_in.ask(sender.conn, form, "pat@example.org", language="de", base="http://127.0.0.1:8000")
        to, mail = inbox.mails.get(timeout=20)
        until(lambda: sender.outbox()[0][1])
    assert to == ["pat@example.org"]
    assert mail.get_all("Auto-Submitted") == ["auto-generated"]
    assert mail["Subject"] == "Bitte bestätigen: Acme news"
    link = re.search(r"http://127\.0\.0\.1:8000/c/([A-Za-z0-9_-]{39})\?lang=de", mail.get_content())
    assert link is not None
    assert link[1] not in kept(sender)
    assert opt_in.confirm(sender.conn, link[1], page="x", ip=None).answer is Answer.CONFIRMED


@pytest.mark.parametrize("language", sorted(opt_in.texts()))
def test_every_language_asks_with_all_it_needs(language: str) -> None:
    texts = opt_in.texts()[language]
    assert set(texts) == {"subject", "sms", "mail"}
    named: dict[str, Any] = {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in texts.items()}
    assert named == {
        "subject": {"list"},
        "sms": {"seller", "code", "list", "not_me"},
        "mail": {"seller", "list", "link", "not_me"},
    }


def waiting(sender: Sender) -> bool:
    row = sender.conn.execute("SELECT 1 FROM ledger_optin WHERE sent IS NULL").fetchone()
    return row is not None


ENCODED = "=?utf-8?q?=0d=0aReply-To:=20a@evil.example=0d=0a=0d=0aPay=20here?="


@pytest.mark.parametrize("breaking", [ENCODED, "\r\nReply-To: a@evil.example\r\n\r\nPay here", "\u2028x\x85y\x0bz"])
def test_no_word_of_a_strangers_becomes_a_header_or_a_body(breaking: str) -> None:
    content = {
        "to": "pat@example.net",
        "subject": f"{breaking} Acme news",
        "headers": {"In-Reply-To": f"<a@b> {breaking}", "References": breaking},
        "text": "Hello",
    }
    raw = compose(UUID(int=7), "Acme <news@acme.example>", content, 0).as_bytes()
    read = message_from_bytes(raw, policy=policy.default)
    assert "Reply-To" not in read
    assert read.get_content().strip() == "Hello"
    assert (read["To"], str(read["From"])) == ("pat@example.net", "Acme <news@acme.example>")


def test_an_address_that_reads_as_an_encoded_word_is_written_to_by_nobody(inbox: Inbox) -> None:
    content = {"to": "=?utf-8?q?=0d=0aX?=@example.net", "text": "Hello"}
    found = by_mail(inbox)[Channel.EMAIL].carry(UUID(int=7), "opt_in", Channel.EMAIL, content, 0)
    assert isinstance(found, Refused)
