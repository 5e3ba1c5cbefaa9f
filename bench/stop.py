"""How soon does a stop hold, at load? And how many records a second enter the log, and how many are proved?

200 callers at once. Most decide, redeem and opt out; the others ask continuously, from two accounts
and through several web processes, about one person after another who then says STOP.
Measured is the time from the acknowledgement (its last byte read by whoever passed it on) to the first
decision that the stop refused, and whether any that was asked for later was still allowed.

The peer in the same run does what dialler platforms do that fill a queue of leads from their list at
intervals (VICIdial's hopper: every 60 s): it answers from a copy of the list that it reads again
every `--peer-s` seconds; its stop is acknowledged when it is committed to the same database. For the log
it is the same sequencer with a transaction, a signed head and its fsyncs for every single leaf.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import uvloop

from bench.callers import Broken, Caller, Notebook, Race
from bench.people import ALLOWED, numbers
from bench.stop_race import House, drain

NAME = "stop"
ASKERS = 3  # of each person who is about to say stop
QUICK = bool(os.environ.get("QUICK"))


class Stops:
    """One stop after another, each watched by `ASKERS` callers that ask about the same person all the time."""

    def __init__(self, port: int, keys: list[str], until: float) -> None:
        self._port, self._keys, self._until = port, keys, until
        self.first_refused_ms: list[float] = []  # from the acknowledgement; below 0: refused before it arrived
        self.acknowledged_ms: list[float] = []  # from sending it
        self.allowed_later = 0  # asked for after the acknowledgement, and allowed: must be 0
        self.asked_later = 0
        self.broken = 0

    async def run(self, people: list[str]) -> None:
        callers = [Caller(self._port, self._keys[number % len(self._keys)]) for number in range(ASKERS + 1)]
        for person in people:
            if time.monotonic() >= self._until:
                break
            try:
                await self._one(person, callers)
            except* Broken:
                self.broken += 1
        for caller in callers:
            caller.close()

    async def _one(self, person: str, callers: list[Caller]) -> None:
        acknowledged: list[float] = []
        answers: list[tuple[float, float, bool]] = []  # sent, got, refused by the stop

        async def ask(caller: Caller) -> None:
            while True:
                sent = time.monotonic()
                status, said = await caller.post("/v1/decisions", {"contacts": [ALLOWED | {"to": person}]})
                if status != 200:
                    await asyncio.sleep(0.01)
                    continue
                stopped = any("opt_out" in rule or "stop" in rule for rule in said["answers"][0]["rules"])
                answers.append((sent, time.monotonic(), stopped))
                if acknowledged and sent > acknowledged[0]:
                    return

        async with asyncio.TaskGroup() as group:
            for caller in callers[1:]:
                group.create_task(ask(caller))
            while len(answers) < ASKERS:
                await asyncio.sleep(0.005)
            sent = time.monotonic()
            body = {"address": person, "channel": "voice", "covers": "all", "text": "STOP"}
            status, _ = await callers[0].post("/v1/opt-outs", body)
            got = time.monotonic()
            if status == 201:
                acknowledged.append(got)
            else:  # an outage: nothing was acknowledged
                raise Broken(str(status), sent=True)
        self.acknowledged_ms.append(1000 * (got - sent))
        refused = min((when for _, when, stopped in answers if stopped), default=float("inf"))
        self.first_refused_ms.append(1000 * (refused - got))
        later = [stopped for asked, _, stopped in answers if asked > got]
        self.asked_later += len(later)
        self.allowed_later += later.count(False)


class Peer:
    """Answers from a copy of its list, which it reads again every so often."""

    def __init__(self, url: str, every_s: float) -> None:
        self._url, self._every_s = url, every_s
        self._list: set[str] = set()
        self.first_refused_ms: list[float] = []
        self.allowed_later = 0

    async def run(self, people: list[str], until: float) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
            await conn.execute("CREATE TABLE IF NOT EXISTS bench_peer_list (number text PRIMARY KEY)")
            reading = asyncio.create_task(self._read())
            async with asyncio.TaskGroup() as group:
                for person in people:
                    if time.monotonic() + self._every_s > until:
                        break
                    await conn.execute("INSERT INTO bench_peer_list VALUES (%s) ON CONFLICT DO NOTHING", [person])
                    group.create_task(self._watch(person, time.monotonic()))
                    await asyncio.sleep(self._every_s / 37)  # so that stops fall everywhere between two readings
            reading.cancel()

    async def _read(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
            while True:
                rows = await conn.execute("SELECT number FROM bench_peer_list")
                self._list = {row[0] for row in await rows.fetchall()}
                await asyncio.sleep(self._every_s)

    async def _watch(self, person: str, acknowledged: float) -> None:
        while person not in self._list:
            self.allowed_later += 1
            await asyncio.sleep(0.02)
        self.first_refused_ms.append(1000 * (time.monotonic() - acknowledged))


async def stops(house: House, given: argparse.Namespace, url: str) -> tuple[Stops, Peer, int]:
    """The load, the stops and the peer's, side by side. Also how many requests the load made."""
    until = time.monotonic() + given.seconds
    people = numbers(400_000)
    watched, peer = Stops(house.port, house.keys, until), Peer(url, given.peer_s)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        book = Notebook(nowhere)
        race = Race(
            *(house.port, house.keys, iter(people[100_000:]), book), hot=given.people, seed=given.seed, until=until
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(race.run(given.clients - given.watched * (ASKERS + 1)))
            for number in range(given.watched):
                group.create_task(watched.run(people[number * 5_000 : number * 5_000 + 5_000]))
            group.create_task(peer.run(people[50_000:60_000], until))
    return watched, peer, sum(book.counts.values())


def log_rates(home: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Leaves a second into the log, by the step as it is and one by one; and proofs a second, each checked."""
    from forbear.accounts.connect import connect
    from forbear.gate.proofs import Prover
    from forbear.ledger.kinds import Leaf
    from forbear.ledger.log import queue_many
    from forbear.ledger.logfiles import Folder
    from forbear.ledger.writes.events import now
    from forbear.sequencer.run import Sequencer

    with connect() as conn:
        decided = [row[0] for row in conn.execute("SELECT id FROM ledger_decision ORDER BY random() LIMIT 500")]
        prover, begun = Prover(Folder()), time.monotonic()
        for identity in decided:
            assert prover.prove(conn, identity) is not None
        proofs = len(decided) / (time.monotonic() - begun)
        sequencer = Sequencer(conn, Folder(), home)
        assert sequencer.stands_alone()
        sequencer.open()
        from forbear.ledger import columns

        def fill(n: int) -> None:
            ids = columns.new_ids(now(conn), n)
            queue_many(conn, Leaf.EVENT, ids, [os.urandom(32) for _ in range(n)])

        fill(given.leaves)
        begun, placed = time.monotonic(), 0
        while step := sequencer.step():
            placed += step
        appends = placed / (time.monotonic() - begun)
        alone = max(50, given.leaves // 1000)
        fill(alone)
        begun = time.monotonic()
        for _ in range(alone):
            assert sequencer.step(most=1) == 1
        one_by_one = alone / (time.monotonic() - begun)
    return {
        "appends_per_s": round(appends),
        "appends_one_by_one_per_s": round(one_by_one),
        "ratio": round(appends / one_by_one, 1),
        "proofs_per_s": round(proofs),
    }


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        return {"n": 0}
    places = {"p50": n // 2, "p99": min(n - 1, n * 99 // 100), "max": n - 1}
    return {"n": n} | {name: round(ordered[place], 1) for name, place in places.items()}


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=12 if QUICK else 60)
    options.add_argument("--clients", type=int, default=40 if QUICK else 200)
    options.add_argument("--watched", type=int, default=4 if QUICK else 10, help="stops that are watched at a time")
    options.add_argument("--people", type=int, default=120)
    options.add_argument("--workers", type=int, default=3)
    options.add_argument("--peer-s", type=float, default=2 if QUICK else 10)
    options.add_argument("--leaves", type=int, default=20_000 if QUICK else 200_000)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="forbear-stop-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        house = House(folder, given.workers)
        try:
            house.start()
            os.environ["FORBEAR_HOME"] = str(house.home)
            from forbear.cli import embedded

            store = embedded.ensure(house.home, migrate=False)
            watched, peer, requests = uvloop.run(stops(house, given, store.owner_url))
            drain(house.home)
            house.leave()
            embedded.ensure(house.home, migrate=False)
            rates = log_rates(house.home, given)
        finally:
            house.end()
    first = spread([max(0.0, value) for value in watched.first_refused_ms])
    already = sum(value <= 0 for value in watched.first_refused_ms)
    print(
        json.dumps(
            {
                "name": NAME,
                "clients": given.clients,
                "requests_per_s": round(requests / given.seconds),
                "acknowledged_ms": spread(watched.acknowledged_ms),
                "first_refused_after_ms": first,
                "already_refused_when_acknowledged": already,
                "asked_later": watched.asked_later,
                "allowed_later": watched.allowed_later,
                "peer_reads_every_s": given.peer_s,
                "peer_first_refused_after_ms": spread(peer.first_refused_ms),
                "peer_allowed_later": peer.allowed_later,
                "log": rates,
            }
        )
    )
    return 1 if watched.allowed_later or not watched.first_refused_ms else 0


if __name__ == "__main__":
    sys.exit(main())
