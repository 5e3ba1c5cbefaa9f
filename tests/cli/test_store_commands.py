"""The commands that use the store, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.cli import embedded
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
CALL = ("--account", "acme", "--channel", "voice", "--purpose", "marketing", "--from", "+12025550100")
PERSON = "+13055550123"


@pytest.fixture
def acme(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Commands over a fresh store with one account."""
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    said = forbear("account", "create", "acme", "--country", "US", "--kind", "company", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["key"].count(".") == 1
    return forbear


def refused(said: Said, *words: str) -> None:
    """One line on stderr, exit code 2, nothing on stdout."""
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("forbear: ")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


def test_a_contact_is_decided_explained_and_refused_by_exit_code(acme: Command) -> None:
    said = acme("decide", "--to", PERSON, *CALL, "--json")
    (answer,) = json.loads(said.out)["answers"]
    assert (said.code, answer["verdict"]) == (1, "deny")
    why = acme("explain", answer["id"], "--account", "acme")
    assert why.code == 0
    assert "us.dnc.national: unknown" in why.out
    assert "47 CFR 64.1200" in why.out
    assert "America/New_York" in why.out
    assert json.loads(acme("explain", answer["id"], "--account", "acme", "--json").out)["agrees"] is True


def test_a_request_file_is_decided_as_over_http(acme: Command, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"contacts": [{"channel": "voice", "purpose": "marketing", "to": PERSON}] * 2}))
    said = acme("decide", str(file), "--account", "acme", "--json")
    assert len(json.loads(said.out)["answers"]) == 2
    file.write_text('{"contacts": [{"channel": "voice", "purpose": "marketng", "to": "x"}]}')
    refused(acme("decide", str(file), "--account", "acme"), "request.json", "contacts[0].purpose")


def test_an_opt_out_is_recorded_and_decides(acme: Command) -> None:
    assert acme("opt-out", PERSON, "--account", "acme", "--channel", "voice", "--text", "stop").code == 0
    said = acme("decide", "--to", PERSON, *CALL, "--json")
    assert "house.opt_out_all" in json.loads(said.out)["answers"][0]["rules"]
    (entry,) = json.loads(acme("suppress", "list", "--account", "acme", "--json").out)
    assert (entry["said"], entry["whose"]) == (True, "seller")


def test_a_suppression_is_added_listed_and_lifted_by_name(acme: Command) -> None:
    who = ("--account", "acme", "--by", "Ana", "--reason", "asked in the shop")
    assert acme("suppress", "add", PERSON, *who).code == 0
    assert "asked in the shop" in acme("suppress", "list", "--account", "acme").out
    assert acme("suppress", "lift", PERSON, *who).code == 0
    assert acme("suppress", "lift", PERSON, *who).code == 1


def test_a_consent_is_recorded_listed_and_withdrawn(acme: Command) -> None:
    given = ("--level", "express_written", "--given", "2026-01-05", "--channel", "voice", "--evidence", "form 12")
    assert acme("consent", "add", PERSON, "--account", "acme", *given).code == 0
    (found,) = json.loads(acme("consent", "list", "--account", "acme", "--address", PERSON, "--json").out)
    assert (found["level"], found["given"], found["evidence"]) == ("express_written", "2026-01-05", True)
    assert acme("consent", "withdraw", PERSON, "--account", "acme").code == 0
    assert acme("consent", "withdraw", PERSON, "--account", "acme").code == 1


def test_lists_are_imported_whole_or_not_at_all(acme: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(f"phone,at\n{PERSON},2026-11-01T10:00:00Z\n")
    bad.write_text(f"phone,at\n+13055550124,2026-11-01T10:00:00Z\n{PERSON},01/11/2026\n")
    how = ("--account", "acme", "--by", "Ana", "--map", "address=phone")
    refused(acme("suppress", "import", str(bad), *how), "bad.csv", "at")
    assert json.loads(acme("suppress", "list", "--account", "acme", "--json").out) == []
    assert json.loads(acme("suppress", "import", str(good), *how, "--json").out)["rows"] == 1
    refused(acme("suppress", "import", str(tmp_path / "no.csv"), *how), "no.csv")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("decide", "--to", PERSON, "--account", "nobody", "--channel", "voice", "--purpose", "marketing"), ("acme",)),
        (("decide", "--to", PERSON, "--account", "acme", "--channel", "voice"), ("--purpose",)),
        (("decide", "--to", PERSON, "--account", "acme", "--channel", "fax", "--purpose", "marketing"), ("fax",)),
        (("opt-out", "nobody", "--account", "acme", "--channel", "voice"), ("address",)),
        (("opt-out", PERSON, "--account", "acme", "--channel", "fax"), ("--channel", "voice, sms, email")),
        (("opt-out", PERSON, "--account", "acme", "--channel", "sms", "--at", "noon"), ("--at",)),
        (("consent", "add", PERSON, "--account", "acme", "--level", "spoken", "--given", "2026-01-05"), ("--level",)),
        (("consent", "add", PERSON, "--account", "acme", "--level", "express", "--given", "5.1.26"), ("--given",)),
        (("suppress", "import", "x.csv", "--account", "acme", "--by", "A", "--map", "phone"), ("--map",)),
        (("explain", "01a2012c-b15e-7000-802d-a23dcbbceb4d", "--account", "acme"), ("no decision",)),
        (("account", "create", "acme"), ("acme",)),
        (("account", "create", "Not A Slug"), ("slug",)),
        (("account", "seller", "acme", "shop", "--country", "Germany"), ("country",)),
        (("account", "key", "acme", "--may", "everything"), ("account:decision:make",)),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_mend(
    acme: Command, command: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(acme(*command), *words)


def test_a_key_is_shown_once_and_can_be_revoked(acme: Command) -> None:
    made = json.loads(acme("account", "key", "acme", "--may", "account:decision:make", "--json").out)
    listed = acme("account", "keys", "acme").out
    assert made["id"] in listed
    assert made["key"].partition(".")[2] not in listed
    assert acme("account", "revoke", "acme", made["id"]).code == 0
    refused(acme("account", "revoke", "acme", made["id"]), made["id"])


def test_a_hold_stops_the_account_until_it_is_lifted(acme: Command) -> None:
    hold = json.loads(acme("account", "hold", "acme", "--reason", "complaints", "--by", "Ana", "--json").out)["hold"]
    said = acme("decide", "--to", PERSON, *CALL, "--json")
    assert "house.standing" in json.loads(said.out)["answers"][0]["rules"]
    assert acme("account", "lift", hold, "--by", "Ana").code == 0
    said = acme("decide", "--to", PERSON, *CALL, "--json")
    assert "house.standing" not in json.loads(said.out)["answers"][0]["rules"]
