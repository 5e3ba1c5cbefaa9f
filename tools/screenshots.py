"""Pictures of the public pages for docs/screens: `python -m tools.screenshots`, or `make screenshots`.

Starts a store and a server of its own, makes a person with a little history, and takes each page at the width of a
phone (390 px) and of a desk (1280 px). Needs Debian's chromium.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import numpy as np
from playwright.sync_api import sync_playwright

from forbear.accounts.connect import Connection, connect

TO: Final = Path(__file__).resolve().parents[1] / "docs" / "screens"
WIDTHS: Final = {"phone": (390, 844), "desk": (1280, 800)}
_CONTENT: Final[dict[str, Any]] = {
    "identifies_sender": True,
    "promotional": True,
    "identified_as_ad": True,
    "postal_address": True,
    "header_accurate": True,
    "subject_accurate": True,
    "opt_out": {"kind": "url", "requires_login": False},
}


def main() -> None:
    """Writes every picture anew."""
    home = Path(tempfile.mkdtemp(prefix="forbear-screens-"))
    os.environ["FORBEAR_HOME"] = str(home)
    os.environ.pop("FORBEAR_DATABASE_URL", None)
    try:
        with _served() as base:
            from forbear.cli import embedded

            embedded.ensure(home, migrate=False)
            with connect() as conn:
                _take(conn, base)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _served() -> Iterator[str]:
    """`forbear serve` on a free port, which is also its public address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    os.environ["FORBEAR_PUBLIC_URL"] = base
    server = subprocess.Popen(
        [sys.executable, "-c", "from forbear.cli.main import run; run()", "serve", "--port", str(port)]
    )
    try:
        for _ in range(240):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{base}/readyz").status_code == 200:
                    break
            time.sleep(0.5)
        yield base
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _sender(conn: Connection) -> str:
    """The API key of an account that writes for two brands."""
    from forbear.accounts import writes

    account = writes.create_account(conn, "letterworks", "Letterworks")
    for slug, name in (("harbour-books", "Harbour Books"), ("northlight", "Northlight Lamps")):
        writes.link_seller(conn, account, writes.create_seller(conn, slug, name, country="US", kind="company"))
    return writes.create_api_key(conn, account, "screens").token


def _person(conn: Connection, base: str, key: str, mail: str) -> tuple[str, str]:
    """(A message's link, a fresh link) of somebody whom two brands write to."""
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        for slug, on in (("harbour-books", "2026-02-11"), ("northlight", "2025-09-30")):
            given = {"address": mail, "level": "express_written", "given": on, "sellers": [slug]}
            http.post("/v1/consents", json=given | {"evidence": "form"}).raise_for_status()
        contact = {"channel": "email", "purpose": "marketing", "to": mail, "from": "news@harbour-books.example"}
        recipient = {"kind": "consumer", "country": "US", "region": "US-FL"}
        asked = {"contacts": [contact | {"recipient": recipient, "content": _CONTENT}]}
        answer = http.post("/v1/decisions", json=asked).raise_for_status().json()["answers"][0]
    page = urlsplit(answer["links"]["unsubscribe"]).path
    httpx.post(f"{base}{page}/fresh", data={"to": "preferences", "address": mail}).raise_for_status()
    row = conn.execute("SELECT content->>'text' FROM ledger_outbox ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None, "the fresh link was queued"
    return page, row[0][row[0].index("/u/") :].partition("/preferences")[0]


def _take(conn: Connection, base: str) -> None:
    """Every page, at every width of a person who has not been here before."""
    key = _sender(conn)
    people = {width: _person(conn, base, key, f"pat.{width}@example.net") for width in WIDTHS}
    TO.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for width, (across, down) in WIDTHS.items():
            pages, own = people[width]
            context = browser.new_context(viewport={"width": across, "height": down})
            page = context.new_page()

            def shot(name: str, width: str = width, page: Any = page) -> None:
                path = TO / f"{name}-{width}.png"
                page.screenshot(path=path, full_page=True)
                _small(path)

            for name, path in (
                ("unsubscribe", pages),
                ("preferences", f"{pages}/preferences"),
                ("why", f"{pages}/why"),
                ("report", f"{pages}/report"),
                ("fresh-link", f"{pages}/records"),
                ("receipts", f"{own}/records"),
                ("erase", f"{own}/erase"),
                ("lost", "/u/nowhere"),
            ):
                page.goto(f"{base}{path}")
                shot(name)
            page.goto(f"{base}{pages}?lang=de")
            page.locator(".languages summary").click()
            shot("languages")
            page.goto(f"{base}{pages}")
            page.locator("button[value=stop]").click()
            shot("unsubscribed")
            page.locator(".receipt a").click()
            for _ in range(20):
                if page.locator("a[href$='proof.json']").count():
                    break
                page.wait_for_timeout(500)
                page.reload()
            shot("receipt")
            page.goto(f"{base}{pages}/preferences?lang=fr")
            page.locator("input[value='3']").first.check()
            page.locator("button[value=save]").click()
            shot("saved")
            context.close()
        browser.close()


def _small(path: Path) -> None:
    """The same picture in 48 colours, where ImageMagick is at hand to read it: a quarter of the bytes."""
    if not shutil.which("convert"):
        return
    raw = subprocess.run(["convert", str(path), "ppm:-"], capture_output=True, check=True).stdout
    kind, across, down, _, body = raw.split(maxsplit=4)
    if kind != b"P6":
        return
    size = int(across) * int(down) * 3
    pixels = np.frombuffer(body[-size:], np.uint8).reshape(-1, 3).astype(np.int32)
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(counts)[::-1][:48]]
    nearest = ((colours[:, None] - kept[None]) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    rows = nearest[which.ravel()].reshape(int(down), int(across))
    lines = np.zeros((int(down), int(across) + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = rows
    head = struct.pack(">IIBBBBB", int(across), int(down), 8, 3, 0, 0, 0)
    parts = [(b"IHDR", head), (b"PLTE", kept.astype(np.uint8).tobytes()), (b"IDAT", zlib.compress(lines.tobytes(), 9))]
    whole = b"\x89PNG\r\n\x1a\n"
    for name, data in (*parts, (b"IEND", b"")):
        whole += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(whole)


if __name__ == "__main__":
    main()
