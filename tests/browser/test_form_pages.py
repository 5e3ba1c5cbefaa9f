"""The form pages in a browser: WCAG 2.2 AA by axe, without JavaScript, by keyboard, and within another site's frame."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from forbear.web.limits import Buckets
from forbear.web.public import optin
from tests.browser.test_person_pages import DESKTOP, PHONE, violations, visiting
from tests.web.conftest import Served
from tests.web.optins import (
    MAIL,
    PAGE,
    asked,
    code_in,
    consents,
    link_in,
    messages,
    open_form,
    work,
)
from tests.web.optins import (
    PHONE as NUMBER,
)

PICTURES = os.environ.get("FORBEAR_PICTURES")  # a directory: then the pages are drawn there too


@pytest.fixture(autouse=True)
def _no_other_test_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENTS", "FORMS", "CODES"):
        monkeypatch.setattr(optin, name, Buckets(rate=1, burst=1000))


def at(served: Served, path: str, language: str) -> str:
    return f"{str(served.http.base_url).rstrip('/')}{path}?lang={language}"


def looked_at(page: Page, name: str) -> None:
    """As it should be for everybody, and drawn where somebody wants to see it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    assert violations(page) == [], name
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), name


@pytest.mark.parametrize(
    ("language", "size", "scheme", "name"),
    [("en", PHONE, "light", "phone"), ("en", DESKTOP, "light", "desk"), ("el", PHONE, "dark", "phone-dark")],
)
def test_every_page_of_a_form_meets_wcag_2_2_aa(
    browser: Browser, served: Served, language: str, size: dict[str, int], scheme: str, name: str
) -> None:
    open_form(served)
    open_form(served, slug="texts", list="Acme texts", channel="sms", country=None)
    with visiting(browser, served, viewport=size, color_scheme=scheme) as page:
        page.goto(at(served, PAGE, language))
        looked_at(page, f"form-{name}")
        page.fill("#address", MAIL)
        page.click("main button")
        looked_at(page, f"sent-{name}")
        work(served)
        question = messages(served)[-1]
        page.goto(at(served, link_in(question), language))
        looked_at(page, f"confirm-{name}")
        page.click("main button")
        looked_at(page, f"done-{name}")
        page.goto(at(served, link_in(question, "n"), language))
        looked_at(page, f"not-me-{name}")
        page.click("main button")
        looked_at(page, f"reported-{name}")
        page.goto(at(served, link_in(question), language))
        looked_at(page, f"after-{name}")
        page.goto(at(served, "/f/acme/texts", language))
        looked_at(page, f"number-{name}")
        page.fill("#address", "12")
        page.click("main button")
        looked_at(page, f"wrong-{name}")
        page.fill("#address", NUMBER)
        page.click("main button")
        looked_at(page, f"code-{name}")
        page.fill("#code", "000 000")
        page.click("main button")
        looked_at(page, f"wrong-code-{name}")


def test_a_person_signs_up_by_keyboard_without_javascript(browser: Browser, served: Served) -> None:
    open_form(served, slug="texts", list="Acme texts", channel="sms", country=None)
    with visiting(browser, served, java_script_enabled=False, viewport=PHONE) as page:
        page.goto(at(served, "/f/acme/texts", "fr"))
        page.focus("#address")
        page.keyboard.type(NUMBER)
        page.keyboard.press("Tab")  # the field for programs is passed over
        page.keyboard.press("Enter")
        page.wait_for_selector("#code")
        work(served)
        page.focus("#code")
        page.keyboard.type(code_in(messages(served)[-1]))
        page.keyboard.press("Enter")
        page.wait_for_selector(".done h1")
        assert page.get_attribute("html", "lang") == "fr"
    assert len(consents(served, NUMBER)) == 1


@contextmanager
def site(html: str) -> Iterator[str]:
    """Another site, with one page. Gives its origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages["/"].encode())

        def log_message(self, format: str, *args: object) -> None: ...

    pages = {"/": html}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize("named", [True, False])
def test_only_a_named_site_may_show_the_form_within_its_page(browser: Browser, served: Served, named: bool) -> None:
    base = str(served.http.base_url).rstrip("/")
    with site(f'<!doctype html><title>Acme</title><iframe title="join" src="{base}{PAGE}/embed"></iframe>') as origin:
        open_form(served, origins=[origin if named else "https://elsewhere.example"])
        page = browser.new_page()
        page.goto(origin)
        frame = page.frames[1]
        if named:
            frame.fill("#address", MAIL)
            frame.click("main button")
            frame.wait_for_selector(".done h1")
        else:
            assert frame.query_selector("#address") is None
        page.close()
    work(served)
    assert [one["to"] for one in messages(served)] == ([MAIL] if named else [])


def test_the_plain_form_works_from_a_page_of_its_origin(browser: Browser, served: Served) -> None:
    opened = open_form(served, origins=["https://placeholder.example"])
    with site(opened["snippet"]) as origin:
        served.http.delete("/v1/forms/news")
        open_form(served, origins=[origin])
        page = browser.new_page()
        page.goto(origin)
        page.fill("input[type=email]", MAIL)
        page.click("button")
        page.wait_for_selector(".done h1")
        page.close()
    question = asked_once(served)
    assert question["to"] == MAIL


def asked_once(served: Served) -> dict[str, str]:
    work(served)
    (question,) = messages(served)
    return question


def test_a_link_is_confirmed_in_one_press(browser: Browser, served: Served) -> None:
    open_form(served)
    link = link_in(asked(served))
    with visiting(browser, served, viewport=PHONE) as page:
        page.goto(at(served, link, "en"))
        assert consents(served) == []
        page.click("main button")
        page.wait_for_selector(".done h1")
    assert len(consents(served)) == 1
