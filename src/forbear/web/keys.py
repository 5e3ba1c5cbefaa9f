"""Who asks: an API key's id and secret from `Authorization: Bearer <id>.<secret>`, checked in constant time.

What the store says about a key is kept for at most 5 s; a revocation is read again inside
the transaction that decides, so this cache never lets a revoked key decide.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from forbear.accounts import reads
from forbear.web.connections import borrowed
from forbear.web.limits import Buckets
from forbear.web.problem import too_fast, unauthorized

KEEP_S: Final = 5.0
_MOST: Final = 10_000
_NOBODY: Final = bytes(32)  # compared with where there is no such key, so that both answers take the same time


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated program and what it may do."""

    key: UUID
    account: UUID
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller | None
    secret_sha256: bytes
    read_at_s: float


_RATE: Final = float(os.environ.get("FORBEAR_REQUESTS_PER_S", "20000"))

_buckets = Buckets(_RATE, burst=max(1.0, _RATE))
_known: OrderedDict[UUID, _Known] = OrderedDict()
_reading: dict[UUID, asyncio.Future[_Known]] = {}


def check(authorization: str) -> Caller:
    """The caller of a request served in a thread. Raises `Problem` 401, 429 for one that asks too often, 503."""
    key, secret = _parts(authorization)
    known = _fresh(key)
    return _compared(known if known is not None else _read(key), secret)


async def check_in_loop(authorization: str) -> Caller:
    """The same without blocking the event loop; requests that need the same key wait for one reading."""
    key, secret = _parts(authorization)
    known = _fresh(key)
    if known is None:
        reading = _reading.get(key)
        if reading is None:
            reading = asyncio.ensure_future(asyncio.to_thread(_read, key))
            _reading[key] = reading
            reading.add_done_callback(lambda _: _reading.pop(key, None))
        known = await asyncio.shield(reading)
    return _compared(known, secret)


def forget() -> None:
    """Drops what is kept (tests, and a key just made or revoked in this process)."""
    _known.clear()


def _parts(authorization: str) -> tuple[UUID, bytes]:
    kind, _, token = authorization.partition(" ")
    name, _, secret = token.strip().partition(".")
    if kind.lower() != "bearer" or not secret:
        raise unauthorized(
            "there is no `Authorization: Bearer` header" if not authorization else "it is not a Bearer key"
        )
    try:
        return UUID(name), sha256(secret.encode()).digest()
    except ValueError:
        raise unauthorized("the key is not valid") from None


def _fresh(key: UUID) -> _Known | None:
    known = _known.get(key)
    return known if known is not None and time.monotonic() - known.read_at_s < KEEP_S else None


def _read(key: UUID) -> _Known:
    at_s = time.monotonic()
    with borrowed() as connection:
        row = reads.api_key(connection, key)
    if row is None or row.revoked:
        known = _Known(None, _NOBODY, at_s)
    else:
        known = _Known(Caller(key, row.account, frozenset(row.permissions)), row.secret_sha256, at_s)
    _known[key] = known
    _known.move_to_end(key)
    while len(_known) > _MOST:
        _known.popitem(last=False)
    return known


def _compared(known: _Known, secret_sha256: bytes) -> Caller:
    same = hmac.compare_digest(known.secret_sha256, secret_sha256)
    if known.caller is None or not same:
        raise unauthorized("the key is not valid")
    wait_s = _buckets.take(known.caller.key.hex, time.monotonic())
    if wait_s:
        raise too_fast(wait_s)
    return known.caller
