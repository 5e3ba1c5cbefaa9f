"""One HTTP request to a server nobody trusts: to the URL named and nowhere else, for so long, for so many bytes.

No redirect is followed, no cookie is kept, nothing is sent but what the request needs.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

WITHIN_S: Final = 15.0
MOST: Final = 256 * 1024
AGENT: Final = "forbear-probe"


@dataclass(frozen=True, slots=True)
class Said:
    """What came back."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes  # as much of it as was read
    cut: bool  # there was more
    took_s: float
    tls: str | None  # the version spoken

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known.lower() == name), None)


class NoAnswer(Exception):
    """Nothing usable came back; `what` says why, `tls` that the certificate was at fault."""

    def __init__(self, what: str, *, tls: bool = False) -> None:
        super().__init__(what)
        self.what, self.tls = what, tls


def ask(
    url: SplitResult, method: str, body: bytes = b"", kind: str | None = None, *, cafile: str | None = None
) -> Said:
    """Raises `NoAnswer`."""
    began = time.monotonic()
    assert url.hostname is not None
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=cafile)
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=WITHIN_S, context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=WITHIN_S)
    watch = threading.Timer(WITHIN_S, _hang_up, [connection])  # a server may drip a byte at a time for ever
    watch.daemon = True
    watch.start()
    try:
        headers = {"User-Agent": AGENT, "Accept": "text/html, */*;q=0.5", "Connection": "close"}
        if kind is not None:
            headers["Content-Type"] = kind
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(method, target, body=body if method == "POST" else None, headers=headers)
        tls = connection.sock.version() if isinstance(connection.sock, ssl.SSLSocket) else None
        answer = connection.getresponse()
        content = b"" if method == "HEAD" else answer.read(MOST + 1)
        took = time.monotonic() - began
        return Said(
            answer.status, answer.reason, tuple(answer.getheaders()), content[:MOST], len(content) > MOST, took, tls
        )
    except ssl.SSLError as error:
        raise NoAnswer(str(getattr(error, "verify_message", "") or error.reason or error), tls=True) from None
    except TimeoutError:
        raise NoAnswer(f"no answer within {WITHIN_S:.0f} s") from None
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        if time.monotonic() - began >= WITHIN_S - 0.5:
            raise NoAnswer(f"no whole answer within {WITHIN_S:.0f} s") from None
        raise NoAnswer(f"{type(error).__name__}: {str(error)[:200]}".strip(": ")) from None
    finally:
        watch.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(2)
        except OSError:
            return
