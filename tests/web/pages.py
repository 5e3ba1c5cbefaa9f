"""The public pages of one person, as a visitor has them: shared by the tests of pages, doors and browsers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from forbear.accounts import writes
from forbear.web.limits import Buckets
from forbear.web.public import clients
from tests.web.conftest import Served

BASE = "https://stop.example.org"
MAIL = "pat@example.net"
NUMBER = "+13055550123"
RECEIPT = re.compile(r"/receipts/([0-9a-f-]{36})")


def open_to_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address, and limits wider than a test's haste."""
    monkeypatch.setenv("FORBEAR_PUBLIC_URL", BASE)
    monkeypatch.setattr(clients, "PEOPLE", Buckets(1000, 1000))
    monkeypatch.setattr(clients, "STRANGERS", Buckets(1000, 1000))


@dataclass
class Pages:
    """The pages of one person, at one token."""

    served: Served
    path: str

    def get(self, page: str = "", **headers: str) -> httpx.Response:
        return httpx.get(f"{self.served.http.base_url}{self.path}{page}", headers=headers, timeout=60)

    def post(self, page: str = "", **sent: Any) -> httpx.Response:
        return httpx.post(f"{self.served.http.base_url}{self.path}{page}", data=sent, timeout=60)


def link(served: Served, address: str = MAIL, channel: str = "email", **more: Any) -> Pages:
    asked = {"links": [{"address": address, "channel": channel, **more}]}
    answer = served.http.post("/v1/links", json=asked)
    assert answer.status_code == 201, answer.text
    return Pages(served, answer.json()["links"][0]["urls"]["unsubscribe"].removeprefix(BASE))


def fresh(served: Served, pages: Pages, **typed: str) -> Pages:
    """What the link is that was sent to the address itself."""
    pages.post("/fresh", to="preferences", **typed)
    row = (
        served.database.app().execute("SELECT content->>'text' FROM ledger_outbox ORDER BY id DESC LIMIT 1").fetchone()
    )
    assert row is not None
    found = re.search(r"(/u/[A-Za-z0-9_-]{39})/", row[0])
    assert found
    return Pages(served, found.group(1))


def stops(served: Served) -> list[tuple[Any, ...]]:
    return (
        served.database.app()
        .execute(
            "SELECT covers, channels, way, until IS NOT NULL FROM ledger_suppression"
            " WHERE lifted_at IS NULL ORDER BY id"
        )
        .fetchall()
    )


def receipt(answer: httpx.Response) -> UUID:
    found = RECEIPT.search(answer.text)
    assert found, answer.text
    return UUID(found.group(1))


def brand(served: Served, slug: str, name: str) -> str:
    """Another seller of the account. Returns its id."""
    conn = served.database.app()
    seller = writes.create_seller(conn, slug, name, country="US", kind="company")
    writes.link_seller(conn, served.account, seller)
    return str(seller)


def consent(served: Served, address: str = MAIL, **more: Any) -> None:
    given = {"address": address, "level": "express_written", "given": "2026-01-05", "evidence": "form 7", **more}
    answer = served.http.post("/v1/consents", json=given)
    assert answer.status_code == 201, answer.text


def seller_of(served: Served) -> str:
    row = served.database.app().execute("SELECT id FROM accounts_seller WHERE slug = 'acme'").fetchone()
    assert row is not None
    return str(row[0])
