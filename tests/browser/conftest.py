"""A real browser before a real server: Debian's chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from forbear.accounts.connect import Connection
from tests.web.conftest import served

__all__ = ["browser", "served"]


@pytest.fixture(scope="module")
def browser(template: Connection) -> Iterator[Browser]:
    """`make test` installs chromium; without one these tests fail, they are not skipped.

    Playwright leaves an event loop running in this thread, in which Django refuses to migrate: the store comes first,
    and the browser goes with its module.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "the browser tests need chromium (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
