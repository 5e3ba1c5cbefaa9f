"""Does a sender's one-click unsubscription work as RFC 8058 and RFC 2369 ask?

GET, HEAD and OPTIONS come first: they must change nothing, since programs follow links by themselves. The POST really
unsubscribes, so it is made only where the caller says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from forbear.probe.findings import Finding, Outcome, failed, passed, skipped, warned
from forbear.probe.headers import ONE_CLICK
from forbear.probe.wire import NoAnswer, Said, ask

SLOW_S: Final = 5.0
_NAME, _VALUE = ONE_CLICK.split("=")
_BOUNDARY: Final = "forbear-probe-4f1c9a"
MULTIPART: Final = (
    f"multipart/form-data; boundary={_BOUNDARY}",
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{_NAME}"\r\n\r\n{_VALUE}\r\n--{_BOUNDARY}--\r\n'.encode(),
)
URLENCODED: Final = ("application/x-www-form-urlencoded", ONE_CLICK.encode())
_SENDERS: Final = "RFC 8058 section 3.1"
_RECEIVERS: Final = "RFC 8058 section 3.2"
_WHY: Final = "RFC 8058 section 1"
_SAFE: Final = "RFC 9110 section 9.2.1"
_DONE: Final = re.compile(
    r"\b(unsubscribed|been removed|no longer receive|opted out|successfully|abgemeldet|ausgetragen|désinscrit|désabonné"
    r"|baja|disiscritt|cancellat|afgemeld|uitgeschreven|removid|avregistrerad|frameldt|dezabonat|wypisan)",
    re.IGNORECASE,
)
_DONE_PATH: Final = re.compile(r"(success|done|thank|confirmed|unsubscribed|goodbye|complete)", re.IGNORECASE)

Ask = Callable[..., Said]


def probe(url: SplitResult, *, post: bool, cafile: str | None = None, ask: Ask = ask) -> list[Finding]:
    """What the server at this URL does. Only this URL is asked, whatever it answers."""
    found: list[Finding] = []
    try:
        first = ask(url, "GET", cafile=cafile)
    except NoAnswer as error:
        if error.tls:
            return [
                failed("tls", f"the certificate does not hold: {error.what}", "RFC 8058 section 3.1; RFC 9110 4.3.4")
            ]
        return [failed("get", error.what, _RECEIVERS), skipped("post", "the server did not answer a GET")]
    if first.tls is not None:
        ok = first.tls in ("TLSv1.2", "TLSv1.3")
        found.append(
            (passed if ok else failed)("tls", f"{first.tls}, and the certificate holds", "RFC 9325 section 3.1.1")
        )
    found += _get(url, first, cafile, ask)
    found += _safe(url, cafile, ask)
    if post:
        found += _posts(url, first, cafile, ask)
    else:
        found.append(skipped("post", "a POST unsubscribes for good: not made without --yes", _RECEIVERS))
    return found


def _get(url: SplitResult, first: Said, cafile: str | None, ask: Ask) -> list[Finding]:
    """Two of them must look alike, and neither as if it had done something."""
    name = "get"
    found = [_slow(name, first)]
    target = first.header("location")
    if 300 <= first.status < 400 and target is not None:
        where = urlsplit(urljoin(url.geturl(), target))
        said = f"a GET is redirected to {_shown(where)}"
        if _DONE_PATH.search(where.path):
            return [*found, failed(name, f"{said}: that looks as if it had unsubscribed", _WHY)]
        return [*found, warned(name, f"{said}: the page that people see was not looked at", _RECEIVERS)]
    if first.status in (404, 405, 501):
        said = f"a GET is answered {first.status}: who clicks the link sees no page"
        return [*found, warned(name, said, _RECEIVERS)]
    if first.status >= 400:
        return [*found, failed(name, f"a GET is answered {first.status} {first.reason}", _RECEIVERS)]
    try:
        second = ask(url, "GET", cafile=cafile)
    except NoAnswer as error:
        return [*found, failed(name, f"a second GET: {error.what}", _SAFE)]
    before, after = _Page.of(first), _Page.of(second)
    if second.status != first.status or _apart(before.words, after.words):
        said = "a second GET is answered differently: the first one changed something"
        return [*found, failed(name, said, f"{_WHY}; {_SAFE}")]
    if _DONE.search(before.text) and not before.asks:
        said = "a GET shows that it is done, and nothing to press: fetching the link unsubscribes"
        return [*found, failed(name, said, f"{_WHY}; {_SAFE}")]
    return [*found, passed(name, "two GETs are answered alike, and neither says it is done", _WHY)]


def _safe(url: SplitResult, cafile: str | None, ask: Ask) -> list[Finding]:
    found = []
    for method in ("HEAD", "OPTIONS"):
        name = method.lower()
        try:
            said = ask(url, method, cafile=cafile)
        except NoAnswer as error:
            found.append(warned(name, error.what, _SAFE))
            continue
        target = said.header("location") or ""
        if 300 <= said.status < 400 and _DONE_PATH.search(urlsplit(target).path):
            found.append(failed(name, f"{method} is redirected to {_shown(urlsplit(target))}", _SAFE))
        elif said.status >= 500 and said.status != 501:
            found.append(warned(name, f"{method} is answered {said.status}", _SAFE))
        else:
            found.append(passed(name, f"{method} is answered {said.status} and seems to change nothing", _SAFE))
    return found


def _posts(url: SplitResult, shown: Said, cafile: str | None, ask: Ask) -> list[Finding]:
    """As a mailbox provider does it: no cookie, no login, one field; in both encodings, and once again."""
    found = []
    for name, (kind, body) in (
        ("post multipart", MULTIPART),
        ("post urlencoded", URLENCODED),
        ("post again", MULTIPART),
    ):
        try:
            said = ask(url, "POST", body, kind, cafile=cafile)
        except NoAnswer as error:
            found.append(failed(name, error.what, _RECEIVERS))
            continue
        found.append(_posted(name, said, shown))
        if name != "post again":
            slow = _slow(name, said)
            if slow.outcome is not Outcome.PASS:
                found.append(slow)
    return found


def _posted(name: str, said: Said, shown: Said) -> Finding:
    if 300 <= said.status < 400:
        where = _shown(urlsplit(said.header("location") or ""))
        return failed(name, f"redirected ({said.status}) to {where}: a POST must not be", _SENDERS)
    if said.status in (401, 403) and shown.header("set-cookie") is not None:
        what = f"answered {said.status}: it wants the cookie its page set, and a receiver sends none"
        return failed(name, what, _SENDERS)
    if said.status in (401, 403):
        return failed(name, f"answered {said.status}: it wants a login or a token, and a receiver has none", _SENDERS)
    if said.status in (400, 415, 422):
        encoding = "multipart/form-data" if "urlencoded" not in name else "application/x-www-form-urlencoded"
        return failed(name, f"answered {said.status}: {encoding} is not understood, or a cookie is missing", _RECEIVERS)
    if not 200 <= said.status < 300:
        return failed(name, f"answered {said.status} {said.reason}", _SENDERS if name != "post again" else _RECEIVERS)
    page = _Page.of(said)
    if page.asks and not _DONE.search(page.text):
        return failed(name, "answered with a form: one click does not finish it", _SENDERS)
    what = "again: still fine" if name == "post again" else "without cookie, login or question"
    return passed(name, f"answered {said.status}, {what}", _RECEIVERS)


def _slow(name: str, said: Said) -> Finding:
    took = f"answered in {said.took_s:.1f} s"
    if said.took_s > SLOW_S:
        return warned(f"{name} time", f"{took}: a receiver may not wait so long")
    return passed(f"{name} time", took)


def _shown(url: SplitResult) -> str:
    """Where a redirect goes, without what may name a person."""
    return f"{url.scheme}://{url.hostname}{url.path[:40]}" if url.hostname else url.path[:40] or "nowhere"


def _apart(first: list[str], second: list[str]) -> bool:
    """Whether two pages say different things; a clock or a token in them does not count."""
    one, other = set(first), set(second)
    if one == other:
        return False
    return len(one & other) < 0.8 * max(len(one | other), 1)


class _Page(HTMLParser):
    """What a page says, and whether it has something to press."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.asks = False
        self._hidden = 0

    @classmethod
    def of(cls, said: Said) -> _Page:
        page = cls()
        text = said.body.decode("utf-8", errors="replace")
        if "html" in (said.header("content-type") or "html"):
            page.feed(text)
            page.close()
        else:
            page.parts.append(text)
        return page

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())

    @property
    def words(self) -> list[str]:
        return [word for word in re.findall(r"[^\W\d_]{2,}", self.text.lower()) if len(word) < 24]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        if tag in ("form", "button"):
            self.asks = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
