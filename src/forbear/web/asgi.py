"""The ASGI application: a thin path for `POST /v1/decisions`, Django for everything else.

Every request body is read here and bounded, so that nothing behind it sees more than it may.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from forbear.core.errors import BadInput
from forbear.web import decisions, evidence
from forbear.web.edge import problem_of
from forbear.web.limits import MAX_BODY
from forbear.web.problem import Problem, too_large

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HOT: Final = "/v1/decisions"
_BODY_WITHIN_S: Final = 30.0


class _Gone(Exception):
    """The client went away before its request was read."""


class Application:
    """One per process. The flushers start with the server's lifespan and end with it."""

    def __init__(self, django: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._django = django
        self._decisions = decisions.Door()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except _Gone:
                return
        else:
            raise ValueError(f"no {scope['type']} here")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await asyncio.to_thread(self._decisions.warm)
                except BadInput as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                self._decisions.start(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._decisions.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and scope["path"] == evidence.PATH:
            await self._upload(scope, receive, send)
            return
        try:
            body = await _body(scope, receive)
        except Problem as problem:
            await _refuse(send, problem)
            return
        if scope["method"] != "POST" or scope["path"] != _HOT:
            await self._django(scope, _replay(body, receive), send)
            return
        try:
            answer = await self._decisions.ask(_header(scope, b"authorization"), _header(scope, b"content-type"), body)
        except Exception as error:  # noqa: BLE001 - the edge: every request is answered, none with a pass
            await _refuse(send, problem_of(error))
        else:
            await _send(send, 200, [("content-type", "application/json"), ("cache-control", "no-store")], answer)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A document may be longer than a request: it is written down as it comes."""
        try:
            answer = await evidence.take(_header(scope, b"authorization"), _header(scope, b"content-length"), receive)
        except Exception as error:  # noqa: BLE001 - the edge
            problem = problem_of(error)
            await _refuse(send, problem, unread=True)
        else:
            await _send(send, 201, [("content-type", "application/json"), ("cache-control", "no-store")], answer)


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises `Problem` 413 before reading what is announced too long, 408 for one that never ends."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise too_large(MAX_BODY)
    parts: list[bytes] = []
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BODY_WITHIN_S):
            while (message := await receive())["type"] == "http.request":
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY:
                    raise too_large(MAX_BODY)
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
            raise _Gone
    raise Problem(408, "too-slow", "The request did not arrive in time", f"its body took over {_BODY_WITHIN_S:.0f} s")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once and then waits for the real one (to hear of a disconnect)."""
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return ""


async def _refuse(send: Send, problem: Problem, *, unread: bool = False) -> None:
    headers = problem.headers()
    if unread or problem.status in {408, 413}:  # the rest of the body is not read
        headers.append(("connection", "close"))
    await _send(send, problem.status, headers, problem.body())


async def _send(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    headers.append(("content-length", str(len(body))))
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def make() -> Application:
    """The application for an ASGI server: `uvicorn forbear.web.asgi:make --factory`."""
    import logging
    import os

    logging.getLogger("django.request").setLevel(logging.ERROR)  # a refusal is an answer, not news
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forbear.web.settings")
    from django.core.asgi import get_asgi_application

    return Application(get_asgi_application())
