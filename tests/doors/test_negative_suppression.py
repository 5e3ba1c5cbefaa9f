"""How others forget a stop, tried here through the doors: none of it brings the person back.

Numbers are those of the sixteen behaviours of other products that must not happen here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forbear.accounts import home
from forbear.accounts import writes as accounts
from forbear.accounts.permissions import Permission
from forbear.cli import embedded
from forbear.core.instants import DAY, rfc3339
from forbear.gate import opened as gate_opened
from forbear.ledger.writes import now
from tests.cli.conftest import Said, forbear
from tests.web.conftest import INFORMATIONAL, Served

__all__ = ["forbear"]

Command = Callable[..., Said]
PERSON, OTHER = str(INFORMATIONAL["to"]), "+13055550124"
MAIL: dict[str, Any] = {
    "channel": "email",
    "purpose": "marketing",
    "from": "news@acme.example",
    "to": "pat@example.org",
    "list": "Spring News",
    "recipient": {"kind": "consumer", "country": "US", "region": "US-FL"},
    "content": {
        "identifies_sender": True,
        "postal_address": True,
        "subject_accurate": True,
        "header_accurate": True,
        "promotional": True,
        "identified_as_ad": True,
        "opt_out": {"kind": "url", "requires_login": False},
    },
}


@pytest.fixture
def command(forbear: Command, served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line over the store that is served."""
    store = embedded.Store(served.database.owner_url, served.database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    monkeypatch.setenv("FORBEAR_BLOBS", str(tmp_path / "blobs"))

    def run(*arguments: str) -> Said:
        said = forbear(*arguments)
        assert said.code == 0, said.err
        return said

    return run


def verdict(
    served: Served, contact: dict[str, Any] = INFORMATIONAL, *, by: dict[str, str] | None = None, **more: Any
) -> str:
    said = served.http.post("/v1/decisions", json={"contacts": [contact | more]}, headers=by)
    assert said.status_code == 200, said.text
    return str(said.json()["answers"][0]["verdict"])


def stop(served: Served, address: str = PERSON, channel: str = "voice", **more: Any) -> None:
    said = {"address": address, "channel": channel, "covers": "all"} | more
    done = served.http.post("/v1/opt-outs", json=said)
    assert done.status_code == 201, done.text


def contacts(tmp_path: Path, *addresses: str) -> str:
    """A contact list as it is handed in: everybody on it is said to have agreed, today."""
    file = tmp_path / "contacts.csv"
    file.write_text("address,level,given,evidence\n" + "".join(f"{one},express,2026-11-21,yes\n" for one in addresses))
    return str(file)


def brought_in(command: Command, tmp_path: Path, *addresses: str) -> None:
    command("consent", "import", contacts(tmp_path, *addresses), "--account", "acme", "--seller", "acme", "--by", "ann")


def test_1_a_list_brought_in_again_contacts_nobody_who_said_stop(
    served: Served, command: Command, tmp_path: Path
) -> None:
    brought_in(command, tmp_path, PERSON, OTHER)
    assert verdict(served) == "allow"
    stop(served)
    brought_in(command, tmp_path, PERSON, OTHER)
    assert (verdict(served), verdict(served, to=OTHER)) == ("deny", "allow")


def test_1_a_list_of_who_unsubscribed_at_the_last_provider_holds_here(
    served: Served, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "unsubscribed.csv"
    file.write_text("Email Address,UNSUB_TIME,UNSUB_REASON\npat@example.org,2026-03-04 10:00:00,NORMAL\n")
    assert verdict(served, MAIL) == "allow"
    command("suppress", "import", str(file), "--from", "mailchimp-unsubscribed", "--account", "acme", "--by", "ann")
    brought_in(command, tmp_path, "pat@example.org")
    assert verdict(served, MAIL) == "deny"


def test_2_a_person_whose_records_are_all_gone_is_not_contacted_when_brought_in_again(
    served: Served, command: Command, tmp_path: Path
) -> None:
    brought_in(command, tmp_path, PERSON)
    stop(served)
    ended = {"address": PERSON, "kind": "purchase", "ended": True}
    served.http.post("/v1/relationships", json={"relationships": [ended]})
    served.http.post("/v1/consents/withdrawals", json={"address": PERSON})
    command("person", "erase", PERSON, "--account", "acme", "--by", "ann", "--reason", "asked to be forgotten")
    brought_in(command, tmp_path, PERSON)
    assert verdict(served) == "deny"


def test_3_a_list_that_is_closed_takes_nobodys_stop_along(served: Served) -> None:
    assert verdict(served, MAIL) == "allow"
    stop(served, "pat@example.org", "email", covers="list", list="Spring News")
    assert (verdict(served, MAIL), verdict(served, MAIL, list="Orders")) == ("deny", "allow")
    conn = served.database.app()
    (account,) = conn.execute("SELECT id FROM accounts_account WHERE slug = 'acme'").fetchone() or ()
    (seller,) = conn.execute("SELECT id FROM accounts_seller WHERE slug = 'acme'").fetchone() or ()
    accounts.unlink_seller(conn, account, seller)  # the list, its seller, everything this account had of them
    accounts.link_seller(conn, account, seller)
    assert verdict(served, MAIL) == "deny"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("Pat@Example.ORG", "pat@example.org"),
        ("pat@example.org", "PAT@EXAMPLE.ORG"),
        ("pat@bücher.example", "pat@xn--bcher-kva.example"),
        ("pat@xn--bcher-kva.example", "Pat@BÜCHER.example"),
        ("  pat@example.org ", "pat@example.org"),
        ("josé@example.org", "jose\N{COMBINING ACUTE ACCENT}@example.org"),
    ],
)
def test_11_another_way_to_write_an_address_is_the_same_person(served: Served, said: str, sent: str) -> None:
    assert verdict(served, MAIL, to=sent) == "allow"
    stop(served, said, "email")
    assert verdict(served, MAIL, to=sent) == "deny"


@pytest.mark.parametrize("said", ["+1 (305) 555-0123", "+1-305-555-0123", "+1.305.555.0123"])
def test_11_another_way_to_write_a_number_is_the_same_person(served: Served, said: str) -> None:
    stop(served, said)
    assert verdict(served) == "deny"


def test_12_one_who_opted_out_merged_with_one_who_opted_in_is_opted_out(
    served: Served, command: Command, tmp_path: Path
) -> None:
    brought_in(command, tmp_path, PERSON, OTHER)
    stop(served, PERSON)
    assert verdict(served, to=OTHER) == "allow"
    command("join", "add", PERSON, OTHER, "--account", "acme", "--reason", "one customer", "--by", "ann")
    assert verdict(served, to=OTHER) == "deny"
    command("join", "part", OTHER, "--account", "acme", "--reason", "not the same after all", "--by", "ann")
    assert verdict(served, to=OTHER) == "deny"


@pytest.mark.parametrize("days", [31, 91, 3650])
def test_13_a_stop_does_not_end_by_time(served: Served, days: int) -> None:
    stop(served, at=rfc3339(now(served.database.app()) - days * DAY))
    assert verdict(served) == "deny"


def test_13_a_providers_old_entry_does_not_end_by_time(served: Served) -> None:
    body = json.dumps({"Suppressions": [{"EmailAddress": "pat@example.org", "SuppressionReason": "SpamComplaint",
                                         "Origin": "Recipient", "CreatedAt": "2012-01-01T00:00:00Z"}]})  # fmt: skip
    assert served.http.post("/v1/suppressions/import", params={"form": "postmark"}, content=body).status_code == 201
    assert verdict(served, MAIL) == "deny"


def test_13_only_a_pause_ends_and_only_at_its_date(served: Served) -> None:
    moment = now(served.database.app())
    stop(served, until=rfc3339(moment + DAY))
    said = served.http.post("/v1/decisions", json={"contacts": [INFORMATIONAL]}).json()["answers"][0]
    assert (said["verdict"], said["earliest"] is not None) == ("defer", True)
    stop(served)
    assert verdict(served) == "deny"


def test_14_a_group_that_is_gone_at_the_provider_leaves_its_stops_here(served: Served) -> None:
    def taken(*rows: dict[str, Any]) -> None:
        more = {"form": "sendgrid-groups"}
        done = served.http.post("/v1/suppressions/import", params=more, content=json.dumps(list(rows)))
        assert done.status_code == 201, done.text

    pat = {"email": "pat@example.org", "group_id": 7, "group_name": "Spring News", "created_at": 1772618400}
    taken(pat, {"email": "bo@example.org", "group_id": 8, "group_name": "Orders", "created_at": 1772618400})
    assert verdict(served, MAIL) == "deny"
    taken({"email": "bo@example.org", "group_id": 8, "group_name": "Orders", "created_at": 1772618400})
    assert (verdict(served, MAIL), verdict(served, MAIL, list="Orders")) == ("deny", "allow")


def test_15_a_stop_to_one_tenant_is_neither_told_to_another_nor_undone_by_it(served: Served) -> None:
    theirs = served.another_account()
    stop(served)
    assert (verdict(served), verdict(served, by=theirs)) == ("deny", "allow")
    seen = served.http.get("/v1/suppressions", params={"address": PERSON}, headers=theirs)
    assert seen.json()["suppressions"] == []
    lifted = served.http.post("/v1/suppressions/lift", json={"address": PERSON, "reason": "x"}, headers=theirs)
    assert lifted.status_code == 404
    agreed = {"address": PERSON, "level": "express_written", "given": "2026-11-22", "evidence": "form 7"}
    assert served.http.post("/v1/consents", json=agreed, headers=theirs).status_code == 201
    assert verdict(served) == "deny"


def test_15_a_brand_is_stopped_whichever_tenant_sends_for_it(served: Served) -> None:
    conn = served.database.app()
    caller = accounts.create_account(conn, "caller", "Caller")
    (seller,) = conn.execute("SELECT id FROM accounts_seller WHERE slug = 'acme'").fetchone() or ()
    accounts.link_seller(conn, caller, seller)
    theirs = served.another(*Permission, account=caller)
    assert verdict(served, by=theirs) == "allow"
    stop(served)
    assert verdict(served, by=theirs) == "deny"


def test_a_closed_account_leaves_what_people_said_to_its_brand(served: Served, command: Command) -> None:
    conn = served.database.app()
    caller = accounts.create_account(conn, "caller", "Caller")
    (seller,) = conn.execute("SELECT id FROM accounts_seller WHERE slug = 'acme'").fetchone() or ()
    accounts.link_seller(conn, caller, seller)
    theirs = served.another(*Permission, account=caller)
    stop(served)
    command("account", "close", "acme")
    assert served.decide(INFORMATIONAL).status_code == 401
    assert verdict(served, by=theirs) == "deny"


def test_a_stop_under_an_old_address_key_is_found_under_the_new_one_and_joins_with_it(
    served: Served, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stop(served, "pat@example.org", "email")
    command("join", "add", "bo@example.org", "bo@work.example", "-a", "acme", "--reason", "one", "--by", "ann")
    old = home.load_secrets().address_keys
    (number, secret), *_ = old.items()
    monkeypatch.setenv("FORBEAR_ADDRESS_KEYS", f"{number}:{secret.hex()},{number + 1}:{'ab' * 32}")
    gate_opened._opened.cache_clear()
    try:
        found = json.loads(command("suppress", "list", "-a", "acme", "--address", "Pat@example.org", "--json").out)
        assert [one["covers"] for one in found] == ["all"]
        stopped = ("--channel", "email", "--covers", "all", "-a", "acme", "--json")
        assert json.loads(command("opt-out", "bo@example.org", *stopped).out)["joined"] == 1
        file = tmp_path / "complaints.csv"
        file.write_text("bo@work.example,COMPLAINT\n")
        taken = command("suppress", "import", str(file), "--from", "ses", "-a", "acme", "--by", "ann", "--json")
        assert json.loads(taken.out)["joined"] == 1
        pat = command(
            "join", "add", "pat@example.org", "pat@work.example", "-a", "acme", "--reason", "one", "--by", "x", "--json"
        )
        assert json.loads(pat.out)["placed"] == 1
    finally:
        gate_opened._opened.cache_clear()
