"""One HTTP request to a server nobody trusts: to the URL named and nowhere else, for so long, for so many bytes.

No redirect is followed, no cookie is kept, nothing is sent but what the request needs.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
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
    line = _Line(url, cafile)
    watch = threading.Timer(WITHIN_S, line.hang_up)  # a server may drip a byte at a time for ever
    watch.daemon = True
    watch.start()
    try:
        connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.sock = line.connected()
        headers = {"User-Agent": AGENT, "Accept": "text/html, */*;q=0.5", "Connection": "close"}
        if kind is not None:
            headers["Content-Type"] = kind
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(method, target, body=body if method == "POST" else None, headers=headers)
        answer = connection.getresponse()
        content = b"" if method == "HEAD" else answer.read(MOST + 1)
        said = Said(
            answer.status,
            answer.reason,
            tuple(answer.getheaders()),
            content[:MOST],
            len(content) > MOST,
            time.monotonic() - began,
            line.tls,
        )
    except ssl.SSLError as error:
        if not line.hung_up:
            raise NoAnswer(str(getattr(error, "verify_message", "") or error.reason or error), tls=True) from None
    except TimeoutError:
        raise NoAnswer(f"no answer within {WITHIN_S:.0f} s") from None
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        if not line.hung_up:
            raise NoAnswer(f"{type(error).__name__}: {str(error)[:200]}".strip(": ")) from None
    finally:
        watch.cancel()
        line.close()
    if line.hung_up:
        raise NoAnswer(f"no whole answer within {WITHIN_S:g} s")
    return said


class _Line:
    """A connection that can be cut from another thread at any moment, while it is made too."""

    def __init__(self, url: SplitResult, cafile: str | None) -> None:
        self._url, self._cafile = url, cafile
        self._sock: socket.socket | None = None
        self.tls: str | None = None
        self.hung_up = False

    def connected(self) -> socket.socket:
        host, port = self._url.hostname or "", self._url.port or (443 if self._url.scheme == "https" else 80)
        self._sock = socket.create_connection((host, port), timeout=WITHIN_S)
        if self._url.scheme == "https":
            context = ssl.create_default_context(cafile=self._cafile)
            secure = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
            self._sock = secure
            secure.do_handshake()
            self.tls = secure.version()
        return self._sock

    def hang_up(self) -> None:
        self.hung_up = True
        if self._sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
