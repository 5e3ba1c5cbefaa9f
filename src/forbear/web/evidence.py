"""`POST /v1/evidence`: a document or recording on its way in, written down as it comes; and the way out again.

The upload is taken before Django sees it, a piece at a time, so that its size costs no memory. The media type is what
the bytes say. What comes out is a file to keep, never a page or a script of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import StreamingHttpResponse

from forbear.accounts.permissions import Permission
from forbear.gate import wording
from forbear.ledger import blobs
from forbear.ledger.evidence import Document
from forbear.web import keys
from forbear.web.connections import borrowed
from forbear.web.problem import Problem, forbidden, too_large

PATH: Final = "/v1/evidence"
_PIECE: Final = 1 << 20
_WITHIN_S: Final = 600.0
_STALLED_S: Final = 30.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def take(authorization: str, announced: str, receive: Receive) -> bytes:
    """The answer to an upload, as JSON. Raises `Problem`, `BadInput`; nothing is left of one that broke off."""
    asks = await keys.check_in_loop(authorization)
    if Permission.CONSENT_WRITE not in asks.permissions:
        raise forbidden(Permission.CONSENT_WRITE)
    most = blobs.longest()
    if announced.isdigit() and int(announced) > most:
        raise too_large(most)
    incoming = await asyncio.to_thread(blobs.Incoming, most=most)
    try:
        async with asyncio.timeout(_WITHIN_S):
            await _fill(incoming, receive, most)
        blob = await asyncio.to_thread(incoming.keep)
    except TimeoutError:
        raise Problem(408, "too-slow", "The request did not arrive in time") from None
    finally:
        await asyncio.to_thread(incoming.drop)
    event = await asyncio.to_thread(_record, asks, blob)
    return msgspec.json.encode(
        {"digest": blobs.said(blob.digest), "media_type": blob.media_type, "size": blob.size, "event": event}
    )


async def _fill(incoming: blobs.Incoming, receive: Receive, most: int) -> None:
    waiting, held = [], 0  # type: list[bytes], int
    size = 0
    more = True
    while more:
        async with asyncio.timeout(_STALLED_S):
            message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "broken-off", "The upload broke off")
        more = bool(message.get("more_body"))
        waiting.append(message.get("body", b""))
        held += len(waiting[-1])
        size += len(waiting[-1])
        if size > most:
            raise too_large(most)
        if held and (held >= _PIECE or not more):
            await asyncio.to_thread(incoming.write, b"".join(waiting))
            waiting, held = [], 0


def _record(asks: keys.Caller, blob: blobs.Blob) -> UUID:
    with borrowed() as connection:
        return wording.add_document(connection, asks.account, blob, key=asks.key)


def given(document: Document, path: Path) -> StreamingHttpResponse:
    """A document as a file to keep."""
    name = document.digest.hex()[:16]
    response = StreamingHttpResponse(_pieces(path), content_type=document.media_type)
    response.headers["Content-Length"] = str(document.size)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    more = await asyncio.to_thread(blobs.pieces, path)
    while piece := await asyncio.to_thread(more):
        yield piece
