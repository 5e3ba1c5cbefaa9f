"""Small senders' servers that get one-click unsubscription right, or wrong in one way each."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ASK = b"<html><body><h1>Unsubscribe?</h1><form method=post><button>Yes, stop</button></form></body></html>"
DONE = b"<html><body>You have been unsubscribed.</body></html>"
AGAIN = b"<html><body>There is nobody of that name here any more.</body></html>"
ONE_CLICK = b"List-Unsubscribe=One-Click"


@dataclass
class Sender:
    """One server. `wrong`: in which way; empty: in none."""

    url: str
    cafile: Path
    wrong: str
    unsubscribed: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def sender(folder: Path, wrong: str = "", *, path: str = "/u/c29tZS1vcGFxdWUtdG9rZW4") -> Iterator[Sender]:
    """A server with TLS under a certificate of its own authority, on this machine."""
    cafile, certificate = authority(folder, expired=wrong == "expired")
    made = Sender("", cafile, wrong)

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            made.asked.append(("GET", self.path))
            if wrong == "drips":
                self._drip()
            elif wrong == "get unsubscribes":
                new = self.path not in made.unsubscribed
                made.unsubscribed.add(self.path)
                self._say(200, DONE if new else AGAIN)
            elif wrong == "get unsubscribes quietly":
                made.unsubscribed.add(self.path)
                self._say(200, DONE)
            elif wrong == "get is redirected to done":
                made.unsubscribed.add(self.path)
                self._say(302, b"", Location="/unsubscribe/success")
            elif wrong == "is gone":
                self._say(500, b"oops")
            else:
                cookie = {"Set-Cookie": "session=1"} if wrong == "wants its cookie" else {}
                self._say(200, ASK, **cookie)

        def do_HEAD(self) -> None:
            self._say(200, b"")

        def do_OPTIONS(self) -> None:
            self._say(204, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append(("POST", self.path))
            multipart = self.headers.get("Content-Type", "").startswith("multipart/")
            understood = ONE_CLICK in body or (multipart and b'name="List-Unsubscribe"\r\n\r\nOne-Click' in body)
            first = self.path not in made.unsubscribed
            if wrong == "post is redirected":
                self._say(303, b"", Location="/done")
            elif wrong == "wants its cookie" and "session" not in self.headers.get("Cookie", ""):
                self._say(403, b"no token")
            elif wrong == "asks again":
                self._say(200, ASK)
            elif wrong == "knows no multipart" and multipart:
                self._say(400, b"what?")
            elif wrong == "second post fails" and not first:
                self._say(404, b"unknown")
            elif not understood:
                self._say(400, b"not one-click")
            else:
                made.unsubscribed.add(self.path)
                self._say(200, DONE)

        def _say(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _drip(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.2)
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"https://localhost:{server.server_address[1]}{path}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def authority(folder: Path, *, expired: bool = False) -> tuple[Path, Path]:
    """(the authority's certificate, the server's with its key), both PEM files."""
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forbear tests")])
    top, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(top.public_key())
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(top.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(top, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1) if expired else now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(top, hashes.SHA256())
    )
    cafile, certificate = folder / "ca.pem", folder / "server.pem"
    cafile.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    certificate.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cafile, certificate
