"""A mail server and an HTTP carrier that really listen, a sender in good standing, and a worker."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from forbear.accounts import writes as accounts
from forbear.accounts.connect import Connection
from forbear.core.words import Channel
from forbear.gate.hearing import Heard, Inbound, hear
from forbear.worker.carriers import Carrier, Http, Smtp
from forbear.worker.run import Worker

PERSON = "+15125550123"
OURS = "+12025550100"


@dataclass
class Inbox:
    """A mail server. `answers`: what it says to the next mails instead of taking them."""

    mails: queue.Queue[tuple[list[str], EmailMessage]] = field(default_factory=queue.Queue)
    answers: list[str] = field(default_factory=list)
    goodbye: str = "221 bye"
    url: str = ""

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.goodbye

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.put((envelope.rcpt_tos, parsed))
        return "250 taken"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    made.url = f"smtp://127.0.0.1:{port}?tls=off"
    yield made
    controller.stop()


@dataclass
class Carried:
    """An HTTP carrier. `answers`: the status of the next requests; 0 breaks the line after the request was read."""

    asked: queue.Queue[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=queue.Queue)
    answers: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # references, those refused too
    holding: threading.Event = field(default_factory=threading.Event)  # not set: it answers nobody yet
    url: str = ""


@pytest.fixture
def carrier() -> Iterator[Carried]:
    made = Carried()
    made.holding.set()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.seen.append(body["reference"])
            made.holding.wait(30)
            status = made.answers.pop(0) if made.answers else 202
            if status == 0:
                self.connection.close()
                return
            said = json.dumps({"id": f"c-{len(made.seen)}"}).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
            except OSError:  # whoever asked is gone
                return
            if status < 300:
                made.asked.put((body, dict(self.headers)))

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    made.url = f"http://127.0.0.1:{server.server_port}/messages"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Sender:
    """An account of one seller, and what its people write."""

    conn: Connection
    account: UUID
    seller: UUID

    def hears(self, text: str, message: str = "m1", sender: str = PERSON, **more: Any) -> Heard:
        channel = Channel.EMAIL if "@" in sender else Channel.SMS
        to = "news@acme.example" if channel is Channel.EMAIL else OURS
        said = Inbound(channel=channel, sender=sender, message=message, to=to, text=text, **more)
        return hear(self.conn, self.account, said)

    def outbox(self) -> list[tuple[Any, ...]]:
        """kind, sent, failed, tries, error, provider id; the oldest first."""
        return list(
            self.conn.execute(
                "SELECT kind, sent_at IS NOT NULL, failed_at IS NOT NULL, tries, error, provider_id"
                " FROM ledger_outbox ORDER BY id"
            )
        )

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = self.conn.execute("SELECT payload FROM ledger_event WHERE kind = %s ORDER BY id", [kind])
        return [row[0] for row in rows]


@pytest.fixture
def sender(conn: Connection, store_home: Path) -> Sender:
    account = accounts.create_account(conn, "acme", "Acme")
    seller = accounts.create_seller(conn, "acme", "Acme", country="US", kind="company", ftc=True)
    accounts.link_seller(conn, account, seller)
    return Sender(conn, account, seller)


@contextmanager
def working(carriers: dict[Channel, Carrier]) -> Iterator[Worker]:
    """A worker that runs until the block ends."""
    worker = Worker(carriers, threads=2, poll_s=0.2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.leave()
        thread.join(30)
        assert not thread.is_alive()


def by_http(carrier: Carried) -> dict[Channel, Carrier]:
    return {Channel.SMS: Http(carrier.url, "s3cret")}


def by_mail(inbox: Inbox) -> dict[Channel, Carrier]:
    return {Channel.EMAIL: Smtp(inbox.url, "Acme <stop@acme.example>")}


def until(true: Callable[[], bool]) -> None:
    """Waits for what another process or thread does and says nowhere."""
    waiting = threading.Event()
    for _ in range(400):
        if true():
            return
        waiting.wait(0.05)
    raise AssertionError("it never came true")
