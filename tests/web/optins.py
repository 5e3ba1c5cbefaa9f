"""What tests of forms share: a form, an address typed into it, and what the worker would send."""

from __future__ import annotations

import re
from typing import Any

import httpx

from forbear.gate import opt_in
from tests.web.conftest import Served

WORDS = {
    "name": "newsletter",
    "version": "1",
    "language": "en",
    "text": "Acme may send me offers by e-mail, at most 4 a month. I can stop at any time.",
}
FORM: dict[str, Any] = {
    "slug": "news",
    "list": "Acme news",
    "channel": "email",
    "country": "US",
    "origins": ["https://www.acme.example"],
    "promised": {"messages": 4, "days": 30},
}
PAGE = "/f/acme/news"
MAIL = "pat@example.net"
PHONE = "+13055550123"


def open_form(served: Served, **more: Any) -> dict[str, Any]:
    wording = served.http.post("/v1/wordings", json=WORDS).json()["digest"]
    said = served.http.post("/v1/forms", json=FORM | {"wording": wording} | more)
    assert said.status_code == 201, said.text
    return dict(said.json())


def person(served: Served) -> httpx.Client:
    """A browser: no key of any account."""
    return httpx.Client(base_url=served.http.base_url, timeout=60)


def ask(served: Served, address: str = MAIL, page: str = PAGE, **headers: str) -> httpx.Response:
    with person(served) as browser:
        return browser.post(page, data={"address": address}, headers=headers)


def work(served: Served) -> None:
    """What the worker does with addresses that were typed."""
    conn = served.database.app()
    while opt_in.put_next(conn):
        pass


def messages(served: Served, kind: str = opt_in.KIND) -> list[dict[str, Any]]:
    rows = served.database.app().execute("SELECT content FROM ledger_outbox WHERE kind = %s ORDER BY id", [kind])
    return [row[0] for row in rows]


def asked(served: Served, address: str = MAIL, page: str = PAGE) -> dict[str, Any]:
    """An address is typed, and the question that came of it."""
    response = ask(served, address, page)
    assert response.status_code == 200, response.text
    work(served)
    return messages(served)[-1]


def link_in(message: dict[str, Any], letter: str = "c") -> str:
    found = re.search(rf"(/{letter}/[A-Za-z0-9_-]{{39}})", message["text"])
    assert found is not None, message["text"]
    return found[1]


def code_in(message: dict[str, Any]) -> str:
    found = re.search(r"\b(\d{6})\b", message["text"])
    assert found is not None, message["text"]
    return found[1]


def page_token(response: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', response.text)
    assert found is not None, response.text
    return found[1]


def consents(served: Served, address: str = MAIL) -> list[dict[str, Any]]:
    return list(served.http.get("/v1/consents", params={"address": address}).json()["consents"])
