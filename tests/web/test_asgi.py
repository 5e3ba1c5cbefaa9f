from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from forbear.web.asgi import Application
from forbear.web.limits import MAX_BODY

Message = MutableMapping[str, Any]


class Wire:
    """One request as an ASGI server would hand it over, and what was answered."""

    def __init__(self, *parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), path: str = "/anything") -> None:
        self.scope: Message = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
        self._parts = list(parts)
        self.read = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self.read >= len(self._parts):
            return {"type": "http.disconnect"}
        self.read += 1
        return {
            "type": "http.request",
            "body": self._parts[self.read - 1],
            "more_body": self.read < len(self._parts),
        }

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sent[1]["body"])
        return found


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind the door: says how much of a body it was given."""
    message = await receive()
    body = json.dumps({"given": len(message["body"]), "more": message["more_body"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked(wire: Wire) -> Wire:
    asyncio.run(Application(behind)(wire.scope, wire.receive, wire.send))
    return wire


def test_a_body_in_pieces_comes_through_whole() -> None:
    wire = asked(Wire(b"one", b"two", b""))
    assert wire.said == {"given": 6, "more": False}


def test_an_announced_giant_is_refused_before_it_is_read() -> None:
    wire = asked(Wire(b"x", headers=((b"content-length", str(MAX_BODY + 1).encode()),)))
    assert (wire.status, wire.read) == (413, 0)
    assert wire.said["type"] == "/problems/too-large"


@pytest.mark.parametrize("parts", [[b"x" * MAX_BODY, b"y"], [b"x" * (MAX_BODY + 1)]])
def test_a_giant_that_does_not_announce_itself_is_refused_too(parts: list[bytes]) -> None:
    assert asked(Wire(*parts)).status == 413


def test_a_body_of_just_the_limit_passes() -> None:
    assert asked(Wire(b"x" * MAX_BODY)).said["given"] == MAX_BODY


def test_a_client_that_goes_away_is_not_answered() -> None:
    wire = Wire(b"one", b"two")
    wire._parts = []
    assert asked(wire).sent == []


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer nothing", b"Basic abc.def", b"Bearer not-a-uuid.secret", b"Bearer \xff.\xff"]
)
def test_a_decision_needs_a_key(header: bytes) -> None:
    wire = asked(Wire(b"{}", path="/v1/decisions", headers=((b"authorization", header),)))
    assert wire.status == 401
    assert wire.said["title"] == "A valid API key is needed"
    assert (b"www-authenticate", b"Bearer") in wire.sent[0]["headers"]
