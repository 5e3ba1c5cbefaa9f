"""`forbear suppress` and `forbear join`: every scope, lifting by name, lists in and out, readable at 80 columns."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.connect import Connection
from forbear.cli import embedded
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
PERSON, OTHER, ANN = "+13055550123", "+13055550124", "ann@example.org"
BY = ("--by", "Ann Lee", "--reason", "asked by letter")


@pytest.fixture
def command(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch, conn: Connection) -> Command:
    """Over a store with one account that serves one seller."""
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    account = accounts.create_account(conn, "acme", "Acme")
    accounts.link_seller(conn, account, accounts.create_seller(conn, "acme", "Acme", country="US", kind="company"))
    return forbear


def listed(command: Command, *more: str) -> list[dict[str, object]]:
    said = command("suppress", "list", "-a", "acme", "--json", *more)
    assert said.code == 0, said.err
    found: list[dict[str, object]] = json.loads(said.out)
    return found


def test_an_operator_places_at_every_scope_and_each_says_whose_it_is(command: Command) -> None:
    assert command("account", "partner", "acme", "resale", "--name", "Resale").code == 0
    for scope in (("-a", "acme"), ("-a", "acme", "--seller", "acme"), ("--partner", "resale"), ("--installation",)):
        said = command("suppress", "add", PERSON, *scope, *BY)
        assert said.code == 0, said.err
    assert [(one["whose"], one["name"]) for one in listed(command)] == [
        ("installation", None),
        ("partner", "resale"),
        ("seller", "acme"),
        ("account", "acme"),
    ]
    assert {(one["by"], one["known_by"]) for one in listed(command)} == {("Ann Lee", "operator")}


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        ((), "name --account, --partner or --installation"),
        (("-a", "acme", "--installation"), "one of them"),
        (("--partner", "nobody"), "no partner of this name"),
        (("--partner", "nobody", "--seller", "acme"), "goes with --account"),
        (("-a", "acme", "--seller", "nobody"), "it serves: acme"),
        (("-a", "acme", "--covers", "list"), "`list` goes with"),
        (("-a", "acme", "--by", " "), "nobody answers for it"),
    ],
)
def test_an_entry_that_is_nobodys_or_unsigned_is_refused(command: Command, scope: tuple[str, ...], what: str) -> None:
    said = command("suppress", "add", PERSON, *BY, *scope)
    assert said.code == 2
    assert what in said.err
    assert listed(command) == []


def test_what_the_person_said_is_lifted_by_name_and_only_when_meant(command: Command) -> None:
    assert command("opt-out", PERSON, "-a", "acme", "--channel", "sms", "--covers", "all", "--way", "letter").code == 0
    scope = ("suppress", "lift", PERSON, "-a", "acme", "--seller", "acme")
    first = command(*scope, *BY)
    assert (first.code, "see --said" in first.out) == (1, True)
    assert len(listed(command)) == 1
    assert command(*scope, *BY, "--said").code == 0
    (one,) = listed(command, "--lifted")
    assert (one["lifted_by"], one["lifted_because"], one["way"]) == ("Ann Lee", "asked by letter", "letter")
    assert "Ann Lee" in command("suppress", "list", "-a", "acme", "--lifted").out
    assert command("suppress", "list", "-a", "acme").out.strip() == "Nothing stands for this account."


def test_a_partners_and_the_installations_entries_are_lifted_where_they_stand(command: Command) -> None:
    command("account", "partner", "acme", "resale")
    for scope in (("--partner", "resale"), ("--installation",)):
        command("suppress", "add", PERSON, *scope, *BY)
        assert command("suppress", "lift", PERSON, "-a", "acme", *BY).code == 1
        assert command("suppress", "lift", PERSON, *scope, *BY).code == 0
    assert listed(command) == []


def test_a_list_goes_in_and_out_and_says_what_it_leaves_out(command: Command, tmp_path: Path) -> None:
    file, out = tmp_path / "ses.json", tmp_path / "out.csv"
    file.write_text(json.dumps([{"EmailAddress": ANN, "Reason": "COMPLAINT"}]))
    said = command("suppress", "import", str(file), "--from", "ses", "-a", "acme", "--by", "Ann")
    assert (said.code, "opt-outs  1" in said.out) == (0, True)
    command("opt-out", "bo@example.org", "-a", "acme", "--channel", "email", "--covers", "marketing")
    said = command("suppress", "export", str(out), "-a", "acme", "--as", "ses")
    assert (said.out, out.read_text()) == ("", f"{ANN},COMPLAINT\n")
    assert "1 left out: they reach less far" in said.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    said = command("suppress", "export", str(out), "-a", "acme", "--as", "twilio-consents")
    assert (said.code, "sender" in said.err, out.read_text()) == (2, True, f"{ANN},COMPLAINT\n")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_fault_in_a_list_is_told_with_file_line_and_column(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "ses.csv"
    file.write_text(f"{ANN},COMPLAINT\nbo,BOUNCE\n")
    said = command("suppress", "import", str(file), "--from", "ses", "-a", "acme", "--by", "Ann")
    assert (said.code, "ses.csv:2: column `email`" in said.err) == (2, True)
    assert listed(command) == []


def test_hygiene_answers_no_where_something_wants_looking_at(command: Command, tmp_path: Path) -> None:
    said = command("suppress", "hygiene", "-a", "acme")
    assert (said.code, "Nothing is stale, double or contradictory." in said.out) == (0, True)
    file = tmp_path / "ses.csv"
    file.write_text(f"{ANN},COMPLAINT\n")
    said = command("suppress", "hygiene", "-a", "acme", "--against", str(file), "--from", "ses")
    assert (said.code, ANN in said.out, "line 1" in said.out) == (1, True, True)
    assert command("suppress", "hygiene", "-a", "acme", "--against", str(file)).code == 2


def test_joined_addresses_are_listed_by_person_and_parted_by_name(command: Command) -> None:
    assert command("join", "list", "-a", "acme").out.strip() == "No addresses are joined."
    made = ("join", "add", PERSON, ANN, "-a", "acme", *BY)
    assert command(*made).code == 0
    said = command("opt-out", PERSON, "-a", "acme", "--channel", "sms", "--covers", "all")
    assert "1 other address of the person" in said.out
    shown = command("join", "list", "-a", "acme", "--address", ANN).out
    assert PERSON in shown
    assert ANN in shown
    assert command("join", "part", ANN, "-a", "acme", *BY).code == 0
    assert len(listed(command, "--address", ANN)) == 1
    said = command(*made)
    assert said.code == 0
    assert "were placed" not in said.out  # it stands there already


def test_the_forms_are_told_without_a_store(forbear: Command) -> None:
    taken, written = forbear("suppress", "import", "--forms"), forbear("suppress", "export", "--forms")
    assert (taken.code, written.code) == (0, 0)
    assert all(name in taken.out for name in ("mailchimp-cleaned", "twilio-consents", "telnyx", "vonage-reports"))
    assert all(name in written.out for name in ("postmark", "sendgrid", "aws-sms"))
