"""One web process of the race: two flushers, some clients, each asking for every hot person and one stranger in turn.

Run as a program: `racer.py ACCOUNT CLIENTS SEED REGISTRIES`. Prints one JSON object of outcomes.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from forbear.accounts.connect import connect
from forbear.accounts.home import load_secrets
from forbear.gate.contact import Asked, Decided
from forbear.gate.decide import decide
from forbear.gate.opened import Gate, secrets_of
from forbear.kernel.judge import Engine
from forbear.registries.snapshots import Registries
from forbear.rulebook.load import shipped
from forbear.web.batch import Batcher
from tests.gate.conftest import recorded_call

HOT = [f"+1512555{i:04d}" for i in range(10)]


class Flusher:
    def __init__(self, gate: Gate) -> None:
        self.gate, self.conn = gate, connect()

    def work(self, items: Sequence[Asked]) -> Sequence[Decided | Exception]:
        return decide(self.conn, items, self.gate)

    def close(self) -> None:
        self.conn.close()


async def race(account: UUID, clients: int, seed: int, registries: str) -> dict[str, object]:
    gate = Gate(Engine(shipped()), Registries.open(Path(registries)), secrets_of(load_secrets()))
    batcher: Batcher[Asked, Decided] = Batcher(lambda: Flusher(gate), flushers=2, most_at_once=500, most_waiting=10_000)
    batcher.start(asyncio.get_running_loop())
    permits: dict[str, list[str]] = {person: [] for person in HOT}
    strangers = {"allow": 0, "other": 0}
    faults: list[str] = []

    async def client(number: int) -> None:
        order = random.Random(seed * 1000 + number)
        for turn, person in enumerate(order.sample(HOT, len(HOT))):
            stranger = f"+1512{seed}{number:02d}{turn:04d}"
            for to in (person, stranger):
                try:
                    decided = await batcher.ask(Asked(account=account, contacts=[recorded_call(to)]), 1)
                except Exception as fault:  # noqa: BLE001 - counted by the test
                    faults.append(repr(fault))
                    continue
                answer = decided.answers[0]
                if to == stranger:
                    strangers["allow" if answer.verdict == "allow" else "other"] += 1
                elif answer.permit:
                    permits[person].append(str(answer.permit))

    await asyncio.gather(*(client(number) for number in range(clients)))
    await batcher.stop()
    return {"permits": permits, "strangers": strangers, "faults": faults}


if __name__ == "__main__":
    found = asyncio.run(race(UUID(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    sys.stdout.write(json.dumps(found))
