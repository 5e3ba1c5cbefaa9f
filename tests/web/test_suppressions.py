"""The suppression ledger through HTTP: placing, listing, lifting what is the account's own, and joining addresses."""

from __future__ import annotations

from typing import Any

import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.permissions import Permission
from forbear.core.words import OptOutScope
from forbear.gate import suppress
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.test_decisions import problem

PERSON, OTHER = INFORMATIONAL["to"], "+13055550124"


def verdict(served: Served, to: str = PERSON, headers: dict[str, str] | None = None, **change: Any) -> str:
    said = served.http.post("/v1/decisions", json={"contacts": [INFORMATIONAL | {"to": to} | change]}, headers=headers)
    return str(said.json()["answers"][0]["verdict"])


def entries(served: Served, address: str = PERSON, **more: Any) -> list[dict[str, Any]]:
    said = served.http.get("/v1/suppressions", params={"address": address} | more)
    assert said.status_code == 200, said.text
    return list(said.json()["suppressions"])


def place(served: Served, **more: Any) -> Any:
    return served.http.post("/v1/suppressions", json={"address": PERSON, "reason": "asked by letter"} | more)


def stop(served: Served, **more: Any) -> Any:
    said = {"address": PERSON, "channel": "voice", "covers": "all"} | more
    return served.http.post("/v1/opt-outs", json=said)


def lift(served: Served, headers: dict[str, str] | None = None, **more: Any) -> Any:
    said = {"address": PERSON, "reason": "a wrong number"} | more
    return served.http.post("/v1/suppressions/lift", json=said, headers=headers)


def test_an_entry_says_whose_it_is_how_far_it_reaches_and_who_placed_it(served: Served) -> None:
    assert place(served, seller="acme", channels=["sms", "voice"], covers="list", list="spring news").status_code == 201
    (found,) = entries(served)
    assert (found["whose"], found["name"], found["covers"]) == ("seller", "acme", "list")
    assert (found["list"], found["channels"], found["said"]) == ("spring news", ["voice", "sms"], False)
    assert (found["by"], found["known_by"]) == (f"key {served.key}", "account")
    assert (found["until"], found["lifted_at"]) == (None, None)


def test_a_list_or_campaign_goes_with_its_scope_and_only_with_it(served: Served) -> None:
    assert problem(place(served, covers="list"), 422, "bad-input")["key"] == "list"
    assert problem(place(served, campaign="may"), 422, "bad-input")["key"] == "campaign"
    assert problem(stop(served, covers="list"), 422, "bad-input")["key"] == "list"
    assert entries(served) == []


def test_every_scope_that_binds_the_account_is_listed_and_no_other(served: Served) -> None:
    conn = served.database.app()
    partner = accounts.create_partner(conn, "resale", "Resale Ltd")
    stranger = accounts.create_partner(conn, "strange", "Strange Ltd")
    accounts.set_partner(conn, served.account, partner)
    for whose in (suppress.installation(), suppress.of_partner(conn, "resale"), suppress.of_partner(conn, "strange")):
        suppress.place_for(conn, whose, PERSON, "a court said so", by="ann")
    place(served)
    assert stranger != partner
    assert [(one["whose"], one["name"]) for one in entries(served)] == [
        ("account", "acme"),
        ("partner", "resale"),
        ("installation", None),
    ]
    assert verdict(served) == "deny"


def test_a_pause_shows_its_end_and_ends_there(served: Served) -> None:
    assert stop(served, until="2099-01-01T00:00:00Z", way="preferences").status_code == 201
    (found,) = entries(served)
    assert (found["until"], found["way"], found["said"]) == ("2099-01-01T00:00:00Z", "preferences", True)
    assert problem(stop(served, until="2020-01-01T00:00:00Z"), 422, "bad-input")["key"] == "until"


def test_the_account_lifts_what_it_placed_and_the_list_says_so(served: Served) -> None:
    place(served)
    assert verdict(served) == "deny"
    done = lift(served)
    assert done.status_code == 200, done.text
    assert (len(done.json()["entries"]), done.json()["left_said"]) == (1, 0)
    assert verdict(served) == "allow"
    assert entries(served) == []
    (found,) = entries(served, lifted=True)
    assert (found["lifted_because"], found["lifted_by"]) == ("a wrong number", f"key {served.key}")
    assert found["lifted_at"] is not None


def test_what_the_person_said_is_not_the_accounts_to_lift(served: Served) -> None:
    stop(served)
    said = problem(lift(served, seller="acme"), 409, "not-yours-to-lift")
    assert "opt-in" in said["todo"]
    assert verdict(served) == "deny"
    place(served, seller="acme")
    assert lift(served, seller="acme").json()["left_said"] == 1
    assert verdict(served) == "deny"


def test_what_somebody_else_placed_is_not_the_accounts_to_lift(served: Served) -> None:
    conn = served.database.app()
    suppress.place_for(conn, suppress.of_account(conn, served.account, None), PERSON, "court order", by="ann")
    problem(lift(served), 409, "not-yours-to-lift")
    other = accounts.create_account(conn, "caller", "Caller")
    accounts.link_seller(conn, other, suppress.of_account(conn, served.account, "acme").owner)
    theirs = served.another(*Permission, account=other)
    place(served, seller="acme")
    problem(lift(served, headers=theirs, seller="acme"), 409, "not-yours-to-lift")
    served.http.post(
        "/v1/suppressions", json={"address": PERSON, "reason": "ours too", "seller": "acme"}, headers=theirs
    )
    problem(lift(served, seller="acme"), 409, "not-yours-to-lift")
    problem(lift(served, address="+13055550188"), 404, "not-found")


def test_one_entry_is_lifted_alone(served: Served) -> None:
    place(served)
    place(served, covers="marketing")
    first = min(one["id"] for one in entries(served))
    assert lift(served, entry=first).json()["entries"] == [first]
    assert len(entries(served)) == 1
    assert problem(lift(served, entry=first), 422, "bad-input")["key"] == "entry"


def test_one_stop_holds_at_every_joined_address(served: Served) -> None:
    said = served.http.post("/v1/joins", json={"addresses": [PERSON, OTHER, "Pat@Example.org"], "reason": "customer 7"})
    assert said.status_code == 201, said.text
    assert stop(served).json()["joined"] == 2
    assert verdict(served, OTHER) == "deny"
    (found,) = entries(served, "pat@example.org")
    assert (found["said"], found["reason"]) == (True, "opt-out at another address of the same person")
    listed = served.http.get("/v1/joins", params={"address": OTHER}).json()["joined"]
    assert {one["address"] for one in listed} == {PERSON, OTHER, "Pat@Example.org"}


def test_parting_gives_nothing_back(served: Served) -> None:
    served.http.post("/v1/joins", json={"addresses": [PERSON, OTHER], "reason": "customer 7"})
    stop(served)
    parted = served.http.post("/v1/joins/part", json={"address": OTHER, "reason": "is her son's"})
    assert parted.status_code == 200, parted.text
    assert verdict(served, OTHER) == "deny"
    again = served.http.post("/v1/joins/part", json={"address": OTHER, "reason": "is her son's"})
    assert problem(again, 422, "bad-input")["key"] == "address"


@pytest.mark.parametrize("path", ["/v1/suppressions/lift", "/v1/joins", "/v1/joins/part", "/v1/suppressions"])
def test_only_a_key_that_may_changes_the_ledger(served: Served, path: str) -> None:
    reads = served.another(Permission.SUPPRESSION_READ)
    body = {"address": PERSON, "reason": "x"} if path != "/v1/joins" else {"addresses": [PERSON, OTHER], "reason": "x"}
    problem(served.http.post(path, json=body, headers=reads), 403, "missing-scope")


def test_joins_of_another_account_are_neither_shown_nor_used(served: Served) -> None:
    theirs = served.another_account()
    served.http.post("/v1/joins", json={"addresses": [PERSON, OTHER], "reason": "ours"}, headers=theirs)
    assert served.http.get("/v1/joins").json()["joined"] == []
    assert stop(served).json()["joined"] == 0


def test_the_words_of_another_account_of_the_same_seller_stay_its_own(served: Served) -> None:
    conn = served.database.app()
    other = accounts.create_account(conn, "caller", "Caller")
    accounts.link_seller(conn, other, suppress.of_account(conn, served.account, "acme").owner)
    suppress.place(
        *(conn, other, PERSON, "theirs"), by="bob", seller="acme", covers=OptOutScope.LIST, list="secret project"
    )
    (found,) = entries(served)
    assert (found["covers"], found["list"]) == ("list", None)
    assert (found["by"], found["reason"]) == (None, "told to another account of this seller")
    suppress.lift_own(conn, other, PERSON, "our secret reason", by="bob", seller="acme")
    (found,) = entries(served, lifted=True)
    assert (found["lifted_by"], found["lifted_because"]) == (None, "told to another account of this seller")
    told = served.decide(INFORMATIONAL).json()["answers"][0]["id"]
    shown = served.http.get(f"/v1/decisions/{told}").text
    assert "another account of the seller lifted an entry" in shown
    assert "secret reason" not in shown


def test_a_providers_list_goes_in_and_comes_out_through_http(served: Served) -> None:
    body = b'{"data":[{"from":"+12025550100","to":"+13055550123","keyword":"STOP"}]}'
    done = served.http.post("/v1/suppressions/import", params={"form": "telnyx"}, content=body)
    assert done.status_code == 201, done.text
    assert (done.json()["rows"], done.json()["said"]) == (1, 1)
    assert verdict(served) == "deny"
    out = served.http.get("/v1/suppressions/export", params={"form": "aws-sms"})
    assert (out.headers["Forbear-Written"], out.headers["Forbear-Left-Out"]) == ("1", "none")
    assert '"+13055550123"' in out.text
    assert "attachment" in out.headers["Content-Disposition"]
    theirs = served.http.get("/v1/suppressions/export", headers=served.another_account())
    assert theirs.text.count("\n") == 1


def test_a_list_with_a_fault_is_refused_whole_with_its_line(served: Served) -> None:
    body = b"address\n+13055550123\nnobody\n"
    said = problem(served.http.post("/v1/suppressions/import", content=body), 422, "bad-input")
    assert said["detail"].startswith("line 3: column `address`")
    assert "forbear-list" not in str(said)
    assert entries(served) == []
    said = problem(served.http.get("/v1/suppressions/export", params={"form": "sendmail"}), 422, "bad-input")
    assert (said["key"], "mailchimp" in said["todo"]) == ("form", True)
    reads = served.another(Permission.SUPPRESSION_READ)
    problem(served.http.post("/v1/suppressions/import", content=body, headers=reads), 403, "missing-scope")


def test_hygiene_says_what_is_double_and_shows_no_other_accounts_entries(served: Served) -> None:
    assert served.http.get("/v1/suppressions/hygiene").json()["findings"] == []
    place(served, covers="marketing")
    place(served)
    report = served.http.get("/v1/suppressions/hygiene").json()
    (finding,) = report["findings"]
    assert (report["standing"], finding["group"], finding["kind"], finding["count"]) == (2, "duplicate", "covered", 1)
    assert finding["items"][0]["address"] == PERSON
    theirs = served.http.get("/v1/suppressions/hygiene", headers=served.another_account()).json()
    assert (theirs["standing"], theirs["findings"]) == (0, [])
