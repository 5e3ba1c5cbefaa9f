"""The person's pages in a browser: WCAG 2.2 AA by axe, by keyboard, without JavaScript, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from tests.web.conftest import Served
from tests.web.pages import MAIL, NUMBER, Pages, brand, consent, fresh, link, open_to_visitors, seller_of, stops

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
PAGES = ("", "/preferences", "/why", "/report", "/fresh", "/records", "/erase")


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_visitors(monkeypatch)


@contextmanager
def visiting(browser: Browser, served: Served, **how: Any) -> Iterator[Page]:
    """A page of a new visitor, whose every request must stay on the host."""
    context = browser.new_context(**how)
    page = context.new_page()
    strayed: list[str] = []
    own = urlsplit(str(served.http.base_url)).netloc
    page.on("request", lambda request: strayed.append(request.url) if urlsplit(request.url).netloc != own else None)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        cookies = context.cookies()
        context.close()
    assert strayed == []
    assert cookies == []
    assert [error for error in errors if "status of 4" not in error] == []


def url(served: Served, pages: Pages, page: str, language: str = "en") -> str:
    return f"{str(served.http.base_url).rstrip('/')}{pages.path}{page}?lang={language}"


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]


def lived_in(served: Served) -> Pages:
    """A person with two brands, consents and an allowed message."""
    brand(served, "second", "Second & Söhne")
    consent(served, sellers=["acme"], purposes=["marketing"])
    consent(served, sellers=["second"])
    content: dict[str, Any] = {"identifies_sender": True, "promotional": False, "postal_address": True}
    content |= {"header_accurate": True, "subject_accurate": True, "opt_out": {"kind": "url", "requires_login": False}}
    contact = {"channel": "email", "purpose": "informational", "to": MAIL, "from": "news@acme.example"}
    recipient = {"kind": "consumer", "country": "US", "region": "US-FL"}
    (answer,) = served.decide(contact | {"recipient": recipient, "content": content}).json()["answers"]
    assert answer["verdict"] == "allow"
    return Pages(served, urlsplit(answer["links"]["unsubscribe"]).path)


@pytest.mark.parametrize(
    ("language", "size", "scheme"),
    [("en", PHONE, "light"), ("de", DESKTOP, "dark"), ("el", PHONE, "dark"), ("pl", DESKTOP, "light")],
    ids=["en-phone-light", "de-desktop-dark", "el-phone-dark", "pl-desktop-light"],
)
def test_every_page_meets_wcag_2_2_aa(
    browser: Browser, served: Served, language: str, size: dict[str, int], scheme: str
) -> None:
    pages = lived_in(served)
    own = fresh(served, pages, address=MAIL)
    with visiting(browser, served, viewport=size, color_scheme=scheme) as page:
        for door, names in (
            (pages, PAGES),
            (own, ("/preferences", "/records", "/erase")),
            (Pages(served, "/u/x"), ("",)),
        ):
            for name in names:
                page.goto(url(served, door, name, language))
                assert violations(page) == [], name
                wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
                assert not wide, f"{name} scrolls sideways"
        page.locator(".languages summary").click()
        assert violations(page) == [], "with the languages open"
        for name, press in (
            ("", "main form button"),
            ("/preferences", "button[value=save]"),
            ("/preferences", "button.stop"),
        ):
            page.goto(url(served, pages, name, language))
            page.locator(press).first.click()
            assert violations(page) == [], f"after {press}"
        page.locator(".receipt a").click()
        assert violations(page) == [], "the receipt"
        page.goto(url(served, pages, "/report", language))
        page.locator("input[name=reason]").first.check()
        page.locator("main form button").click()
        assert violations(page) == [], "after a report"


@pytest.mark.parametrize("page_name", PAGES)
def test_targets_are_44_pixels_high(browser: Browser, served: Served, page_name: str) -> None:
    pages = lived_in(served)
    with visiting(browser, served, viewport=PHONE) as page:
        page.goto(url(served, pages, page_name))
        page.locator(".languages summary").click()
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, summary, input:not([type=hidden]), select, textarea,'
               + ' .ways a, .languages a, .target, label.choice')]
               .filter(one => !(one.matches('input[type=radio], input[type=checkbox]')))
               .map(one => [one.outerHTML.slice(0, 90), one.getBoundingClientRect().height])
               .filter(([_, high]) => high < 44)"""
        )
        assert small == []


def test_everything_works_without_javascript(browser: Browser, served: Served) -> None:
    pages, seller = lived_in(served), seller_of(served)
    with visiting(browser, served, java_script_enabled=False, viewport=PHONE) as page:
        page.goto(url(served, pages, "/preferences"))
        page.locator(f"input[name='level.{seller}'][value='1']").check()
        page.locator("button[value=save]").click()
        assert page.locator(".done").is_visible()
        assert page.locator(f"input[name='level.{seller}'][value='1']").is_checked()
        page.locator(".languages summary").click()
        page.get_by_role("link", name="Deutsch").click()
        assert page.locator("h1").inner_text() == "Was Sie erreichen darf"
        page.get_by_role("link", name="Abbestellen").click()
        page.get_by_role("button", name="Abbestellen").click()
        assert page.locator(".done h1").inner_text() == "Sie haben abbestellt"
    assert len(stops(served)) >= 1


def test_everything_can_be_reached_and_done_by_keyboard_alone(browser: Browser, served: Served) -> None:
    pages = link(served, NUMBER, "sms")
    with visiting(browser, served, viewport=DESKTOP) as page:
        page.goto(url(served, pages, ""))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.value") == "stop"
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid", "focus is seen"
        page.keyboard.press("Enter")
        page.locator(".done").wait_for()
        assert len(stops(served)) == 1
        page.goto(url(served, pages, "/report"))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert page.locator("input[name=reason]").first.is_checked()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("They will not stop.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator(".done").wait_for()
    reasons = served.database.app().execute("SELECT payload->>'reason' FROM ledger_event WHERE kind = 'abuse:reported'")
    assert reasons.fetchall() == [("already_stopped",)]
