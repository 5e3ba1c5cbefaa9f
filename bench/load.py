"""A small HTTP load generator: keep-alive connections that each send the next request when the last is answered.

Run as a process of its own (`python -m bench.load`), on the same cores as what it measures.
Prints one JSON object: requests, contacts, errors by status, rate, p50 and p99 in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """One connection. Reads just enough of HTTP/1.1 to know where an answer ends."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests = requests
        self._load = load
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour, not by birth
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.gone()

    def _next(self) -> None:
        assert self._transport is not None
        if self._load.over():
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])
        if len(self._buffer) < head_end + 4 + length:
            return
        body = self._buffer[head_end + 4 : head_end + 4 + length]
        self._buffer = b""
        self._load.answered(int(head[9:12]), time.perf_counter() - self._sent_at, body)
        self._next()


class Load:
    def __init__(self, seconds: float, warm_s: float, connections: int, keep: bool) -> None:
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.first_error = ""
        self._open = connections
        self._keep = keep
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._from = time.perf_counter() + warm_s
        self._until = self._from + seconds
        self.ended = self._from

    def over(self) -> bool:
        return time.perf_counter() >= self._until

    def answered(self, status: int, took_s: float, body: bytes) -> None:
        now = time.perf_counter()
        if now - took_s < self._from:
            return
        self.ended = now
        self.statuses[status] += 1
        self.latencies.append(took_s)
        if status != 200 and not self.first_error:
            self.first_error = body[:500].decode("utf-8", "replace")
        if self._keep:
            for verdict in ("allow", "defer", "deny"):
                self.verdicts[verdict] += body.count(b'"verdict":"' + verdict.encode() + b'"')

    def gone(self) -> None:
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)

    @property
    def elapsed_s(self) -> float:
        return max(self.ended - self._from, 1e-9)


def request(host: str, path: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def measure(
    host: str, port: int, requests: list[bytes], *, connections: int, seconds: float, warm_s: float, batch: int
) -> dict[str, object]:
    load = Load(seconds, warm_s, connections, keep=True)
    loop = asyncio.get_running_loop()
    supply = itertools.cycle(requests)
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(supply, load), host, port)
    await load.done
    times = sorted(load.latencies)
    count = len(times)
    return {
        "connections": connections,
        "contacts_per_request": batch,
        "requests": count,
        "statuses": {str(status): number for status, number in sorted(load.statuses.items())},
        "verdicts": dict(load.verdicts),
        "first_error": load.first_error,
        "requests_per_s": round(count / load.elapsed_s, 1),
        "contacts_per_s": round(load.statuses[200] * batch / load.elapsed_s, 1),
        "p50_ms": round(1000 * times[count // 2], 3) if times else None,
        "p99_ms": round(1000 * times[min(count - 1, count * 99 // 100)], 3) if times else None,
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--path", default="/v1/decisions")
    options.add_argument("--bodies", type=Path, required=True, help="one JSON request body a line; key on stdin")
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--warm", type=float, default=1)
    options.add_argument("--batch", type=int, default=1, help="contacts in each body")
    given = options.parse_args()
    key = sys.stdin.readline().strip()
    bodies = given.bodies.read_bytes().splitlines()
    requests = [request(given.host, given.path, key, body) for body in bodies]
    figures = uvloop.run(
        measure(
            given.host,
            given.port,
            requests,
            connections=given.connections,
            seconds=given.seconds,
            warm_s=given.warm,
            batch=given.batch,
        )
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
