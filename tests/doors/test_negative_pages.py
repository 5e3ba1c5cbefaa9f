"""What other products do wrong with links: a scanner's GET acts, an altered token works, a link of one customer reaches
the people of another."""

from __future__ import annotations

import base64
import uuid
from importlib import import_module
from typing import Any

import httpx
import pytest

from forbear.accounts.home import load_secrets
from forbear.core.tokens import sign
from tests.web.conftest import Served
from tests.web.pages import (
    MAIL,
    NUMBER,
    Pages,
    brand,
    consent,
    fresh,
    link,
    open_to_visitors,
    receipt,
    seller_of,
    stops,
)

PAGES = ("", "/preferences", "/why", "/report", "/fresh", "/fresh?to=erase", "/records", "/erase")
TEMPTING = "?List-Unsubscribe=One-Click&act=stop&act=all&reason=other&confirm=1"


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_visitors(monkeypatch)


def everything(served: Served) -> dict[str, Any]:
    """How many rows each table has, and what the tables that change hold."""
    conn = served.database.owner()
    names = [
        name
        for (name,) in conn.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND (relname LIKE 'ledger\\_%' OR relname LIKE 'accounts\\_%') AND NOT relispartition ORDER BY 1"
        )
        if name not in {"ledger_logqueue", "ledger_logentry", "ledger_checkpoint"}
    ]
    return {
        name: conn.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t").fetchone()
        for name in names
    }


def test_4_a_scanner_changes_nothing_whatever_it_fetches(served: Served) -> None:
    """(4) Mail scanners and prefetchers GET every link of a message, often with HEAD and OPTIONS before it."""
    consent(served, sellers=["acme"])
    pages = link(served)
    own = fresh(served, pages, address=MAIL)
    event = receipt(pages.post("/report", reason="other"))
    before = everything(served)
    for door in (pages, own, Pages(served, "/u/" + "A" * 39)):
        for page in (*PAGES, f"/receipts/{event}", f"/receipts/{event}/proof.json", "/nowhere"):
            for method in ("GET", "HEAD", "OPTIONS"):
                for tempting in ("", TEMPTING) if method == "GET" else (TEMPTING,):
                    url = f"{served.http.base_url}{door.path}{page}{tempting if '?' not in page else ''}"
                    answer = httpx.request(method, url)
                    assert answer.status_code < 500 or answer.status_code == 503, (method, url)
                    assert "set-cookie" not in answer.headers
    for pattern in import_module("forbear.web.urls").urlpatterns:
        route = str(pattern.pattern)
        if "<" not in route and not route.startswith("v1"):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert httpx.request(method, f"{served.http.base_url}/{route}").status_code < 600
    assert everything(served) == before
    assert pages.post(act="stop").status_code == 200
    assert everything(served) != before, "the comparison sees what a POST does"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused_and_change_nothing(served: Served, method: str) -> None:
    pages = link(served)
    before = everything(served)
    for page in PAGES:
        answer = httpx.request(method, f"{served.http.base_url}{pages.path}{page}")
        assert answer.status_code == 405
    assert everything(served) == before


def _altered(token: str) -> list[str]:
    """Tokens that are nearly ours: every byte of a good one changed in turn, cut, lengthened, under another use."""
    raw = base64.urlsafe_b64decode(token + "=")
    changed = [
        base64.urlsafe_b64encode(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]).rstrip(b"=").decode()
        for i in range(len(raw))
    ]
    keys = load_secrets().token_keys
    guessed = {max(keys): b"\0" * 32}
    identity = uuid.UUID(bytes=raw[1:17])
    return [
        *changed,
        *(token[:-1], token + "A", token.swapcase(), "A" * 39, "%00", token.replace(token[0], "é", 1)),
        sign("confirm", identity, keys),  # a token of another use
        sign("link", identity, guessed),  # another installation's key
        sign("link", uuid.uuid4(), keys),  # ours, of a record that is gone or never was
    ]


def test_forged_altered_and_forgotten_tokens_are_answered_alike_and_do_nothing(served: Served) -> None:
    pages = link(served)
    token = pages.path.removeprefix("/u/")
    before = everything(served)
    said = set()
    for forged in _altered(token):
        if forged == token:
            continue
        door = Pages(served, f"/u/{forged}")
        for answer in (
            door.get(),
            door.post(**{"List-Unsubscribe": "One-Click"}),
            door.post("/preferences", act="all"),
        ):
            assert answer.status_code == 404, forged
            if "title" in answer.text and forged != "%00":
                said.add(answer.text.replace(forged, "").replace(str(answer.url.path), ""))
    assert everything(served) == before
    pages_said = {text for text in said if "<html" in text}
    assert len({text[text.index("<main") :] for text in pages_said}) == 1, "the answer does not say what was wrong"


def test_a_decision_that_was_not_allowed_has_no_link(served: Served) -> None:
    (answer,) = served.decide(
        {"channel": "sms", "purpose": "marketing", "to": NUMBER, "recipient": {"country": "US", "region": "US-FL"}}
    ).json()["answers"]
    assert answer["verdict"] != "allow"
    assert "links" not in answer
    token = sign("link", uuid.UUID(answer["id"]), load_secrets().token_keys)
    assert Pages(served, f"/u/{token}").get().status_code == 404


def test_one_account_s_link_reaches_nothing_of_another(served: Served) -> None:
    """(15) Two customers, one person: each link shows and stops what is its own."""
    consent(served, sellers=["acme"])
    headers = served.another_account()
    asked = {"links": [{"address": MAIL, "channel": "email"}]}
    answer = served.http.post("/v1/links", json=asked, headers=headers)
    theirs = Pages(served, answer.json()["links"][0]["urls"]["unsubscribe"].removeprefix("https://stop.example.org"))
    shown = theirs.get("/preferences").text + theirs.get("/why").text
    assert "Other" in shown
    assert "Acme" not in shown
    refused = theirs.post("/preferences", act="save", **{f"level.{seller_of(served)}": "3"})
    assert refused.status_code == 400
    assert stops(served) == []
    event = receipt(link(served).post(act="stop"))
    assert theirs.get(f"/receipts/{event}").status_code == 404
    owner = served.database.app().execute("SELECT DISTINCT owner FROM ledger_suppression").fetchall()
    theirs.post("/preferences", act="all")
    more = served.database.app().execute("SELECT DISTINCT owner FROM ledger_suppression").fetchall()
    assert len(owner) == 1
    assert len(more) == 3, "theirs and their account, and nothing of the first one's"
    assert "Acme" not in theirs.get("/preferences").text


def test_a_link_works_on_when_its_brand_has_left_the_account(served: Served) -> None:
    brand(served, "gone", "Gone Ltd")
    pages = link(served, seller="gone")
    served.database.owner().execute(
        "UPDATE accounts_accountseller SET until = now() WHERE seller_id ="
        " (SELECT id FROM accounts_seller WHERE slug = 'gone')"
    )
    assert "Gone Ltd" in pages.get().text
    assert pages.post(act="stop").status_code == 200
    assert len(stops(served)) == 1


def test_a_complaint_about_an_order_leaves_the_next_order_s_message_alone(served: Served) -> None:
    """(8) A complaint on something transactional does not cut the person off from what they need."""
    contact: dict[str, Any] = {
        "channel": "email",
        "purpose": "transactional",
        "to": MAIL,
        "from": "orders@acme.example",
        "recipient": {"kind": "consumer", "country": "US", "region": "US-FL"},
        "content": {
            "identifies_sender": True,
            "promotional": False,
            "postal_address": True,
            "header_accurate": True,
            "subject_accurate": True,
            "opt_out": {"kind": "url", "requires_login": False},
        },
    }
    advert = contact | {
        "purpose": "marketing",
        "content": contact["content"] | {"promotional": True, "identified_as_ad": True},
    }
    (first, before) = served.decide(contact, advert).json()["answers"]
    assert first["verdict"] == "allow", first
    assert before["verdict"] == "allow", before
    pages = Pages(served, first["links"]["unsubscribe"].removeprefix("https://stop.example.org"))
    assert receipt(pages.post("/report", reason="too_often"))
    (order, advertising) = served.decide(contact, advert).json()["answers"]
    assert order["verdict"] == "allow", order
    assert advertising["verdict"] == "deny", advertising
