"""Many callers at once over HTTP, and a notebook of what each sent and was answered, by one monotonic clock.

`CLOCK_MONOTONIC` is one clock for all processes of a machine and is never set, so "was sent after
that was acknowledged" can be read off two notes of different processes. A request that was never
answered has no `got`: what became of it is not known, and nothing is concluded from it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from bench.people import ALLOWED

SLOW_S: Final = 20.0
_LINGER_S: Final = 1.5  # a person who said stop is asked about for this long, then another comes


class Broken(Exception):
    """The connection ended before the answer did. `sent`: the request may have arrived."""

    def __init__(self, what: str, *, sent: bool) -> None:
        super().__init__(what)
        self.sent = sent


class Caller:
    """One keep-alive connection, made anew after it broke."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON. Raises `Broken`."""
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as fault:
                raise Broken(type(fault).__name__, sent=False) from fault
        try:
            return await asyncio.wait_for(self._post(*self._streams, path, json.dumps(body).encode()), SLOW_S)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError) as fault:
            self.close()
            raise Broken(type(fault).__name__, sent=True) from fault

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes
    ) -> tuple[int, Any]:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        said = (await reader.readuntil(b"\r\n\r\n")).lower()
        start = said.find(b"content-length:")
        if start >= 0:
            answer = await reader.readexactly(int(said[start + 15 : said.find(b"\r", start)]))
        else:  # in chunks
            answer = b""
            while length := int(await reader.readuntil(b"\r\n"), 16):
                answer += (await reader.readexactly(length + 2))[:-2]
            await reader.readexactly(2)
        if b"connection: close" in said:
            self.close()
        return int(said[9:12]), json.loads(answer) if answer else None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Person:
    """Somebody several callers are after at once."""

    number: str
    permits: deque[str] = field(default_factory=lambda: deque(maxlen=8))  # not redeemed yet, as far as we know
    stopped_at: float | None = None


class Notebook:
    """One line of JSON for every request: what, about whom, when it was sent and answered (ns), what was answered."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.counts: dict[str, int] = {}

    def note(self, what: str, sent: int, got: int | None, **said: Any) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        self._out.write(json.dumps({"what": what, "sent": sent, "got": got} | said) + "\n")


class Race:
    """`clients` callers decide about, redeem for and opt out the same few people, again and again, until `until`."""

    def __init__(
        self, port: int, keys: list[str], people: Iterator[str], book: Notebook, *, hot: int, seed: int, until: float
    ) -> None:
        self._port, self._keys, self._book, self._until = port, keys, book, until
        self._people = people
        self._hot = [Person(next(people)) for _ in range(hot)]
        self._chosen = random.Random(seed)
        self.latencies: dict[str, list[float]] = {}

    async def run(self, clients: int) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._client(Caller(self._port, self._keys[number % len(self._keys)])))

    async def _client(self, caller: Caller) -> None:
        steps = (self._decide, self._decide, self._decide_and_redeem, self._redeem, self._redeem, self._decide_many)
        while time.monotonic() < self._until:
            step = self._opt_out if self._chosen.random() < 0.08 else self._chosen.choice(steps)
            try:
                await step(caller)
            except Broken as fault:
                await asyncio.sleep(0.02 if fault.sent else 0.2)
        caller.close()

    def _person(self) -> Person:
        place = self._chosen.randrange(len(self._hot))
        person = self._hot[place]
        if person.stopped_at is not None and time.monotonic() - person.stopped_at > _LINGER_S:
            person = self._hot[place] = Person(next(self._people))
        return person

    async def _ask(
        self, caller: Caller, what: str, path: str, body: Any, told: Callable[[int, Any], dict[str, Any]], **said: Any
    ) -> None:
        sent = time.monotonic_ns()
        try:
            status, answer = await caller.post(path, body)
        except Broken as fault:
            if fault.sent:
                self._book.note(what, sent, None, **said)
            raise
        got = time.monotonic_ns()
        self._book.note(what, sent, got, status=status, **said, **told(status, answer))
        self.latencies.setdefault(what, []).append((got - sent) / 1e9)
        if status in (500, 502, 503):
            await asyncio.sleep(0.02)

    async def _decide(self, caller: Caller) -> None:
        await self._decisions(caller, [self._person()], redeem=False)

    async def _decide_and_redeem(self, caller: Caller) -> None:
        await self._decisions(caller, [self._person()], redeem=True)

    async def _decide_many(self, caller: Caller) -> None:
        some = {id(person): person for person in (self._person() for _ in range(8))}
        await self._decisions(caller, list(some.values()), redeem=False)

    async def _decisions(self, caller: Caller, persons: list[Person], *, redeem: bool) -> None:
        def told(status: int, answer: Any) -> dict[str, Any]:
            if status != 200:
                return {"problem": _problem(answer)}
            found = []
            for person, one in zip(persons, answer["answers"], strict=True):
                permit = (one.get("permit") or {}).get("id")
                if permit and not redeem:
                    person.permits.append(permit)
                found.append([person.number, one["id"], one["verdict"], permit])
            return {"answers": found, "redeem": redeem}

        contacts = [ALLOWED | {"to": person.number} for person in persons]
        await self._ask(caller, "decide", "/v1/decisions", {"contacts": contacts, "redeem": redeem}, told)

    async def _redeem(self, caller: Caller) -> None:
        person = self._person()
        if not person.permits:
            await self._decide(caller)
            return
        permit = person.permits.popleft() if self._chosen.random() < 0.7 else person.permits[0]  # some spend one twice
        await asyncio.sleep(self._chosen.random() * 0.03)
        await self._ask(
            *(caller, "redeem", f"/v1/permits/{permit}/redeem", {}),
            lambda status, answer: {} if status == 200 else {"problem": _problem(answer)},
            permit=permit,
            person=person.number,
        )

    async def _opt_out(self, caller: Caller) -> None:
        person = self._person()
        if person.stopped_at is None:
            person.stopped_at = time.monotonic()

        def told(status: int, answer: Any) -> dict[str, Any]:
            return {"events": answer["events"]} if status == 201 else {"problem": _problem(answer)}

        body = {"address": person.number, "channel": "voice", "covers": "all", "text": "STOP"}
        await self._ask(caller, "opt_out", "/v1/opt-outs", body, told, person=person.number)


def _problem(answer: Any) -> str:
    return str((answer or {}).get("type", "")) if isinstance(answer, dict) else ""


def open_notes(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", buffering=1 << 16)
