"""`forbear inbound`, `forbear review`, `forbear account connector`: what people write back, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forbear.accounts import writes
from forbear.accounts.home import load_secrets
from forbear.cli import embedded, say
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
PERSON = "+13055550123"


@pytest.fixture
def command(forbear: Command, database: Database, store_home: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    conn = database.app()
    account = writes.create_account(conn, "acme", "Acme")
    writes.link_seller(conn, account, writes.create_seller(conn, "acme", "Acme", country="US", kind="company"))
    return forbear


def told(said: Said) -> Any:
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_words_are_classified_and_nothing_is_stored(command: Command, database: Database) -> None:
    said = told(command("inbound", "classify", "cancel my appointment", "--language", "en", "--json"))
    assert (said["taken_for"], said["matched"]) == ("unclear", "cancel")
    assert "a word for stopping" in command("inbound", "classify", "STOP").out
    assert database.app().execute("SELECT count(*) FROM ledger_event").fetchone() == (0,)


def test_an_unclear_message_is_listed_shown_and_decided(command: Command) -> None:
    heard = ("inbound", "hear", "please cancel my appointment", "-a", "acme", "--from", PERSON, "--message", "m1")
    (one,) = told(command(*heard, "--json"))
    assert (one["taken_for"], one["repeated"]) == ("unclear", False)
    assert "heard before" in command(*heard).out
    assert "please cancel" in command("review", "list", "-a", "acme").out
    shown = command("review", "show", one["review"], "-a", "acme").out
    assert PERSON in shown
    decision = ("review", "decide", one["review"], "-a", "acme", "--by", "Kim", "--reason", "a visit")
    assert command(*decision, "--outcome", "maybe").code == 2
    assert "no longer rests" in command(*decision, "--outcome", "not_a_stop").out
    assert command(*decision, "--outcome", "stop").code == 2  # it was decided
    assert "Nothing waits." in command("review", "list", "-a", "acme").out


def test_a_mail_is_heard_from_a_file(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(b"From: Pat <pat@example.org>\r\nSubject: unsubscribe\r\nMessage-ID: <1@x>\r\n\r\n\r\n")
    assert command("inbound", "mail", str(file), "-a", "acme").out.startswith("stop: a word for stopping")
    assert "heard before" in command("inbound", "mail", str(file), "-a", "acme").out


def test_a_connectors_secret_is_shown_once_and_stored_nowhere(command: Command, database: Database) -> None:
    add = ("account", "connector", "add", "acme", "--name", "code", "--channel", "sms", "--json")
    made = told(command(*add))
    assert made["secret"].startswith("whsec_")
    listed = command("account", "connector", "list", "acme", "--json")
    assert told(listed)[0]["id"] == made["id"]
    secret = made["secret"].removeprefix("whsec_")
    row = database.app().execute("SELECT row_to_json(c)::text FROM accounts_connector c").fetchone()
    assert row is not None
    assert secret not in listed.out
    assert secret not in row[0]
    assert all(key.hex() not in row[0] for key in load_secrets().token_keys.values())
    assert command("account", "connector", "close", "acme", made["id"]).code == 0
    assert command("account", "connector", "close", "acme", made["id"]).code == 2
    assert told(command("account", "connector", "list", "acme", "--json"))[0]["closed"] is True


@pytest.mark.parametrize(
    "wrong",
    [
        ("--kind", "other"),
        ("--kind", "twilio"),
        ("--language", "xx"),
        ("--country", "Germany"),
        ("--seller", "nobody"),
    ],
)
def test_a_connector_that_cannot_work_is_not_made(command: Command, wrong: tuple[str, str]) -> None:
    add = ("account", "connector", "add", "acme", "--name", "code", "--channel", "sms")
    assert command(*add, *wrong).code == 2
    assert told(command("account", "connector", "list", "acme", "--json")) == []


def test_a_strangers_words_do_not_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    words = "\x1b]0;owned\x07\x9b2Jpay\u202eyap"
    say.pairs([("text", f"please {words}\nthank you 👨\u200d👩\u200d👧")])
    say.table(["words"], [[words]])
    say.paragraph("", words)
    printed = capsys.readouterr().out
    assert not any(one in printed for one in "\x1b\x07\x9b\u202e")
    assert printed.count(r"\x1b]0;owned\x07\x9b2Jpay\u202eyap") == 3
    assert "thank you 👨\u200d👩\u200d👧" in printed
