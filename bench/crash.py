"""Kill the server and PostgreSQL at random moments under load; afterwards nothing that was acknowledged may be missing.

Each round: clients decide (singly and in batches), redeem permits from two sides at once and
record opt-outs, and note what was answered; `kill -9` strikes; everything is started again;
then the store is compared with the notes. Ends with one line of JSON, exit code 1 on any loss.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.people import ALLOWED, account, free_port, numbers, wait_ready

NAME = "crash"
CLIENTS = 8


@dataclass
class Notes:
    """What was acknowledged, by any client, in any round."""

    decided: dict[str, str] = field(default_factory=dict)  # decision id: number
    keyed: dict[str, tuple[str, str]] = field(default_factory=dict)  # idempotency key: decision, permit
    opted_out: set[str] = field(default_factory=set)
    redeemed: Counter[str] = field(default_factory=Counter)  # permit: times acknowledged
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client(threading.Thread):
    """One caller. Sends the next request when the last was answered or the connection broke."""

    def __init__(self, port: int, key: str, people: list[str], notes: Notes, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._key, self._people, self._notes, self._halt = port, key, people, notes, stop
        self._chosen = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._halt.is_set():
            try:
                self._chosen.choice((self._decide, self._decide, self._decide_many, self._opt_out))()
            except (OSError, http.client.HTTPException):
                with self._notes.lock:
                    self._notes.unanswered += 1
                self._connection = None
                self._halt.wait(0.02)

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status in (500, 503):
            self._halt.wait(0.02)
        return answer.status, json.loads(said) if said else {}

    def _decide(self) -> None:
        key, to = str(uuid.uuid4()), self._chosen.choice(self._people)
        status, said = self._post("/v1/decisions", {"contacts": [ALLOWED | {"to": to}], "idempotency_key": key})
        if status != 200:
            self._expect(status, said)
            return
        (answer,) = said["answers"]
        permit = answer.get("permit", {}).get("id", "")
        with self._notes.lock:
            self._notes.decided[answer["id"]] = to
            self._notes.keyed[key] = (answer["id"], permit)
        if permit:
            self._redeem_twice(permit)

    def _decide_many(self) -> None:
        chosen = self._chosen.sample(self._people, 25)
        status, said = self._post("/v1/decisions", {"contacts": [ALLOWED | {"to": to} for to in chosen]})
        if status != 200:
            self._expect(status, said)
            return
        with self._notes.lock:
            self._notes.decided.update({a["id"]: to for a, to in zip(said["answers"], chosen, strict=True)})

    def _redeem_twice(self, permit: str) -> None:
        for _ in range(2):
            status, said = self._post(f"/v1/permits/{permit}/redeem", {})
            if status == 200:
                with self._notes.lock:
                    self._notes.redeemed[permit] += 1
            elif status not in (404, 409, 410):
                self._expect(status, said)

    def _opt_out(self) -> None:
        to = self._chosen.choice(self._people)
        status, said = self._post("/v1/opt-outs", {"address": to, "channel": "voice", "text": "STOP"})
        if status in (200, 201):
            with self._notes.lock:
                self._notes.opted_out.add(to)
        else:
            self._expect(status, said)

    def _expect(self, status: int, said: dict[str, Any]) -> None:
        """Only an outage may be answered under fire."""
        if status != 503:
            with self._notes.lock:
                self._notes.faults.append(f"{status}: {said}")


def serve(home: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "forbear.cli.main", "serve", "--port", str(port)],
            env=os.environ | {"FORBEAR_HOME": str(home)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def kill_server(server: subprocess.Popen[bytes]) -> None:
    for process in [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]:
        if "postgres" not in process.name():
            process.kill()
    server.wait()


def kill_postgres(home: Path) -> None:
    pid = int((home / "pg" / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(pid)
    children = postmaster.children(recursive=True)
    for process in [postmaster, *children]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def compare(home: Path, notes: Notes) -> list[str]:
    """What the notes say and the store does not."""
    os.environ["FORBEAR_HOME"] = str(home)
    from forbear.accounts.connect import connect
    from forbear.cli import embedded
    from forbear.core.keys import of_phone

    embedded.ensure(home, migrate=False)
    lost: list[str] = []
    with connect() as store:

        def there(sql: str, ids: list[str]) -> set[str]:
            return {str(row[0]) for row in store.execute(sql, [ids])}

        decided = list(notes.decided)
        found = there("SELECT id FROM ledger_decision WHERE id = ANY(%s::uuid[])", decided)
        lost += [f"decision {missing} was answered and is missing" for missing in set(decided) - found]
        keyed = {str(of_phone(int(number.lstrip("+"))).column): number for number in notes.opted_out}
        stands = there(
            "SELECT addr FROM ledger_suppression WHERE addr = ANY(%s::bigint[]) AND lifted_at IS NULL AND said",
            list(keyed),
        )
        lost += [
            f"opt-out of {number} was acknowledged and is missing" for key, number in keyed.items() if key not in stands
        ]
        lost += [f"permit {permit} was redeemed {n} times" for permit, n in notes.redeemed.items() if n > 1]
        spent = there("SELECT permit FROM ledger_redemption WHERE permit = ANY(%s::uuid[])", list(notes.redeemed))
        lost += [f"redemption of {permit} was acknowledged and is missing" for permit in set(notes.redeemed) - spent]
        twice = store.execute("SELECT decision, count(*) FROM ledger_permit GROUP BY decision HAVING count(*) > 1")
        lost += [f"decision {decision} has {n} permits" for decision, n in twice]
    return lost


def repeat_keys(port: int, key: str, notes: Notes, most: int = 200) -> list[str]:
    """The same idempotency key must bring the same decision and permit as before the crash."""
    wrong: list[str] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for idempotency, (decision, permit) in random.sample(sorted(notes.keyed.items()), min(most, len(notes.keyed))):
        body = {"contacts": [ALLOWED | {"to": notes.decided[decision]}], "idempotency_key": idempotency}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/decisions", json.dumps(body), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200:
            wrong.append(f"repeating a key: {answer.status} {said}")
            continue
        (again,) = said["answers"]
        if (again["id"], again.get("permit", {}).get("id", "")) != (decision, permit):
            wrong.append(f"key {idempotency} gave another decision or permit")
    return wrong


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    chosen = random.Random(given.seed)
    print(f"seed {given.seed}", flush=True)
    notes, lost, struck = Notes(), [], Counter[str]()
    with tempfile.TemporaryDirectory(prefix="forbear-crash-") as folder:
        Path(folder).chmod(0o755)
        home, port, log = Path(folder) / "home", free_port(), Path(folder) / "serve.log"
        server = None
        key = account(home)
        people = numbers(3000)
        try:
            server = serve(home, port, log)
            wait_ready(port, server)
            for number in range(1, given.rounds + 1):
                stop = threading.Event()
                clients = [Client(port, key, people, notes, stop, chosen.randrange(2**32)) for _ in range(CLIENTS)]
                for client in clients:
                    client.start()
                time.sleep(chosen.uniform(0.3, 2.5))
                what = chosen.choice(("server", "postgres", "both"))
                struck[what] += 1
                if what in ("postgres", "both"):
                    kill_postgres(home)
                if what in ("server", "both"):
                    kill_server(server)
                    server = serve(home, port, log)
                wait_ready(port, server)
                time.sleep(0.3)
                stop.set()
                for client in clients:
                    client.join(90)
                found = compare(home, notes) + repeat_keys(port, key, notes)
                lost += found
                print(
                    f"round {number:>2}: killed {what:<8} decisions {len(notes.decided):>6}  opt-outs"
                    f" {len(notes.opted_out):>5}  redeemed {len(notes.redeemed):>5}  unanswered {notes.unanswered:>4} "
                    f" lost {len(found)}",
                    flush=True,
                )
        except BaseException:
            print(log.read_text(errors="replace")[-4000:])
            print((home / "pg" / "server.log").read_text(errors="replace")[-3000:])
            raise
        finally:
            if server is not None and server.poll() is None:
                server.terminate()
                server.wait(60)
            os.environ["FORBEAR_HOME"] = str(home)
            from forbear.cli import embedded

            embedded.stop(home)
            if notes.faults or lost:
                print("".join(log.read_text(errors="replace")[-4000:]))
    for line in lost[:20] + notes.faults[:20]:
        print(line)
    print(
        json.dumps(
            {
                "name": NAME,
                "rounds": given.rounds,
                "seed": given.seed,
                "killed": dict(struck),
                "acknowledged": {
                    "decisions": len(notes.decided),
                    "opt_outs": len(notes.opted_out),
                    "redemptions": len(notes.redeemed),
                },
                "unanswered": notes.unanswered,
                "lost": len(lost),
                "faults": len(notes.faults),
            }
        )
    )
    return 1 if lost or notes.faults else 0


if __name__ == "__main__":
    sys.exit(main())
