"""The one confirmation of a stop: through the gate, once, in time, whatever happens to the worker."""

from __future__ import annotations

import socket

import pytest

from forbear.accounts import writes as accounts
from forbear.core.words import Channel
from forbear.gate import outbox
from forbear.worker.carriers import Smtp
from tests.conftest import Database
from tests.worker.conftest import OURS, PERSON, Carried, Inbox, Sender, by_http, by_mail, until, working


def test_a_text_is_confirmed_by_the_carrier_once_and_the_ledger_says_so(sender: Sender, carrier: Carried) -> None:
    heard = sender.hears("STOP")
    with working(by_http(carrier)):
        said, headers = carrier.asked.get(timeout=20)
        sender.hears("STOP", "m2")
        sender.hears("stop!!", "m3")
        until(lambda: sender.outbox()[0][1])
    assert said["to"] == PERSON
    assert said["from"] == OURS
    assert said["text"] == "Acme: you will get no more messages here. This is the only confirmation."
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == said["reference"]
    assert len(carrier.seen) == 1
    assert [row[:3] for row in sender.outbox()] == [("opt_out_confirmation", True, False)]
    (event,) = sender.events("message:sent")
    assert event["cause"] == str(heard.opt_outs[0])
    row = sender.conn.execute(
        "SELECT d.verdict, d.purpose, p.at IS NOT NULL, s.outcome FROM ledger_decision d"
        " JOIN ledger_redemption p ON p.permit = d.permit JOIN ledger_disposition s ON s.permit = d.permit"
        " WHERE d.id = %s",
        [event["decision"]],
    ).fetchone()
    assert row is not None
    assert (row[0], row[2], row[3]) == (0, True, "placed")


def test_a_mail_is_confirmed_by_mail_that_no_machine_answers(sender: Sender, inbox: Inbox) -> None:
    sender.hears("please unsubscribe me", sender="pat@example.org", country="US", reference="<a1@example.org>")
    with working(by_mail(inbox)):
        to, mail = inbox.mails.get(timeout=20)
        until(lambda: sender.outbox()[0][1])
    assert to == ["pat@example.org"]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["In-Reply-To"] == "<a1@example.org>"
    assert "only confirmation" in mail.get_content()


def test_a_carrier_that_is_busy_is_asked_again_and_the_person_still_gets_one(sender: Sender, carrier: Carried) -> None:
    carrier.answers = [503]
    sender.hears("STOP")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][3] == 1)
        sender.conn.execute("UPDATE ledger_outbox SET next_at = now()")
        carrier.asked.get(timeout=20)
        until(lambda: sender.outbox()[0][1])
    assert len(carrier.seen) == 2
    assert len(sender.events("message:sent")) == 1


def test_a_line_that_breaks_after_the_message_was_handed_over_leaves_it_at_that(
    sender: Sender, carrier: Carried
) -> None:
    carrier.answers = [0]
    sender.hears("STOP")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][2])
    sender.hears("STOP", "m2")  # said again: it may have had its confirmation
    assert len(sender.outbox()) == 1
    assert len(carrier.seen) == 1
    (event,) = sender.events("message:failed")
    assert "may have left" in event["why"]


def test_a_worker_that_dies_between_sending_and_recording_sends_no_second_one(
    sender: Sender, carrier: Carried, database: Database
) -> None:
    sender.hears("STOP")
    with database.app() as dying:
        taken = outbox.take(dying)
        assert taken is not None
        assert isinstance(outbox.permit(dying, taken), outbox.Permitted)
    sender.conn.execute("UPDATE ledger_outbox SET next_at = now()")  # its lease is over
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][2])
    assert carrier.seen == []
    assert "may have left" in sender.outbox()[0][4]


def test_a_help_answer_is_sent_again_after_a_crash(sender: Sender, carrier: Carried, database: Database) -> None:
    sender.hears("HELP")
    with database.app() as dying:
        assert outbox.take(dying) is not None
    sender.conn.execute("UPDATE ledger_outbox SET next_at = now()")
    with working(by_http(carrier)):
        said, _ = carrier.asked.get(timeout=20)
        until(lambda: sender.outbox()[0][1])
    assert said["text"] == "Acme: reply STOP to get no more messages from us."


def test_what_could_not_be_sent_in_five_minutes_is_not_sent(sender: Sender, carrier: Carried) -> None:
    sender.hears("STOP")
    sender.conn.execute("UPDATE ledger_outbox SET expires_at = now() - interval '1 second'")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][2])
    assert carrier.seen == []
    assert sender.hears("STOP", "m2").answer == "opt_out_confirmation"  # the first certainly never left


def test_two_workers_send_it_once(sender: Sender, carrier: Carried) -> None:
    people = [f"+1512555{n:04d}" for n in range(20)]
    with working(by_http(carrier)), working(by_http(carrier)):
        for n, person in enumerate(people):
            sender.hears("STOP", f"m{n}", person)
        until(lambda: all(row[1] for row in sender.outbox()))
    assert len(carrier.seen) == len(set(carrier.seen)) == 20


def test_the_gate_allows_no_second_confirmation_whoever_asks(sender: Sender, carrier: Carried) -> None:
    sender.hears("STOP")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][1])
        sender.conn.execute(  # as if a fault of ours had queued another
            "INSERT INTO ledger_outbox (id, account, seller, kind, cause, channel, addr, key_id, mac, language,"
            " content, at, next_at, expires_at) SELECT gen_random_uuid(), account, seller, kind, gen_random_uuid(),"
            " channel, addr, key_id, mac, language, content, at, now(), expires_at FROM ledger_outbox"
        )
        until(lambda: any(row[2] for row in sender.outbox()))
    assert len(carrier.seen) == 1
    (event,) = sender.events("message:failed")
    assert event["why"] == "not allowed: house.one_confirmation"


def test_an_account_that_is_held_answers_nobody(sender: Sender, carrier: Carried) -> None:
    accounts.place_hold(sender.conn, "spam", "operator", account=sender.account)
    sender.hears("HELP")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][2])
    assert carrier.seen == []


@pytest.mark.parametrize("answer", ["550 5.1.1 no such person pat@example.org", "451 4.7.1 later, pat@example.org"])
def test_what_a_server_says_about_a_person_is_not_kept(sender: Sender, inbox: Inbox, answer: str) -> None:
    inbox.answers = [answer]
    sender.hears("unsubscribe", sender="pat@example.org", country="US")
    with working(by_mail(inbox)):
        until(lambda: bool(sender.outbox()[0][4]))
    error = sender.outbox()[0][4]
    assert error in ("SMTP 550 5.1.1", "SMTP 451 4.7.1")
    assert sender.outbox()[0][2] is answer.startswith("5")


def test_content_is_forgotten_and_the_evidence_kept(sender: Sender, carrier: Carried) -> None:
    sender.hears("STOP")
    with working(by_http(carrier)):
        until(lambda: sender.outbox()[0][1])
    assert outbox.scrub(sender.conn) == 0
    sender.conn.execute("UPDATE ledger_outbox SET sent_at = sent_at - interval '4 days'")
    assert outbox.scrub(sender.conn) == 1
    assert sender.conn.execute("SELECT content FROM ledger_outbox").fetchone() == (None,)
    row = sender.conn.execute(
        "SELECT convert_from(p.part, 'UTF8') FROM ledger_personal p JOIN ledger_event e ON e.id = p.event"
        " WHERE e.kind = 'message:sent'"
    ).fetchone()
    assert row is not None
    assert "only confirmation" in row[0]


def test_a_sample_sends_nothing_and_shows_everything(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    from forbear.worker.carriers import configured

    monkeypatch.setenv("FORBEAR_SAMPLE", "1")
    carriers = configured()
    assert set(carriers) == set(Channel)
    sender.hears("STOP")
    with working(carriers):
        until(lambda: sender.outbox()[0][1])
    (one,) = outbox.shown(sender.conn)
    assert (one.to, one.state) == (PERSON, "sent")
    (event,) = sender.events("message:sent")
    assert event["by"] == "outbox page of a sample: nothing left"


def test_a_mail_server_that_says_goodbye_badly_has_taken_the_mail_all_the_same(sender: Sender, inbox: Inbox) -> None:
    inbox.goodbye = "421 closing"
    sender.hears("unsubscribe", sender="pat@example.org", country="US")
    with working(by_mail(inbox)):
        inbox.mails.get(timeout=20)
        until(lambda: sender.outbox()[0][1])
    assert inbox.mails.empty()


def test_a_mail_server_that_is_not_there_is_tried_again(sender: Sender) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{free.getsockname()[1]}?tls=off"
        sender.hears("unsubscribe", sender="pat@example.org", country="US")
        with working({Channel.EMAIL: Smtp(url, "stop@acme.example")}):
            until(lambda: sender.outbox()[0][3] == 1)
    assert sender.outbox()[0][4] == "no connection: ConnectionRefusedError"
    assert sender.outbox()[0][1:3] == (False, False)
