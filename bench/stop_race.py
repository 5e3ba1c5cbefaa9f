"""Stop means stop, under fire: 200 callers decide, redeem and opt out for a minute while everything is killed.

Several web processes, the sequencer, the worker and a real PostgreSQL run as in production;
`kill -9` strikes each of them in turn. Every caller notes what it sent and was answered.
Afterwards the log is left to catch up, the records are opened, and `bench/check_stops.py`, which
shares no code with Forbear, says from the log whether any permit was issued or redeemed after
its opt-out was acknowledged, and whether anything acknowledged is lost. Then the same program is
given the same record with faults planted in it, and must find each. Exit code 1 where it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench.callers import Notebook, Race, open_notes
from bench.crash import kill_postgres, kill_server
from bench.people import account, forbear, free_port, numbers, wait_ready

NAME = "stop_race"
CHECKER = Path(__file__).with_name("check_stops.py")
VICTIMS = ("sequencer", "web", "database", "worker", "server", "sequencer", "web", "database")
DRAIN_S = 120
FAULTS = {  # planted in the server's own process, so with one web process alone
    "a redemption that ignores suppressions": (
        "from dataclasses import replace; from forbear.gate import redeem; from forbear.cli import main;"
        " redeem._STOPS = replace(redeem._STOPS, sql=redeem._STOPS.sql + ' AND false'); main.run()"
    ),
}


class House:
    """One installation with its server; what is killed is started again."""

    def __init__(self, folder: Path, workers: int, fault: str | None = None) -> None:
        self.home, self.port, self.log = folder / "home", free_port(), folder / "serve.log"
        self._program = [sys.executable, "-m", "forbear.cli.main"]
        if fault:
            self._program = [sys.executable, "-c", FAULTS[fault]]
        self._workers = workers
        self.server: subprocess.Popen[bytes] | None = None
        key = account(self.home, "first")
        other = account(self.home, "second")
        seller = json.loads(forbear(self.home, "account", "list", "--json"))[0]["sellers"][0]
        forbear(self.home, "account", "seller", "second", seller)
        for own in json.loads(forbear(self.home, "account", "list", "--json"))[1]["sellers"]:
            if own != seller:
                forbear(self.home, "account", "seller", "second", own, "--remove")
        self.keys = [key, other]  # two accounts that send for one seller: a stop said to either holds for both

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.server = subprocess.Popen(
                [*self._program, "serve", "--port", str(self.port), "--workers", str(self._workers)],
                env=os.environ | {"FORBEAR_HOME": str(self.home)},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait_ready(self.port, self.server)

    def processes(self, what: str) -> list[psutil.Process]:
        assert self.server is not None
        found = []
        for process in psutil.Process(self.server.pid).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if ("spawn_main" in line) if what == "web" else (f"forbear.{what}" in line):
                found.append(process)
        return found

    def kill(self, what: str, chosen: random.Random) -> bool:
        """Whether there was something to kill. A killed server is started again, the rest is its supervisor's duty."""
        assert self.server is not None
        if what == "database":
            kill_postgres(self.home)
            return True
        if what == "server":
            kill_server(self.server)
            self.start()
            return True
        there = self.processes(what)
        if there:
            chosen.choice(there).kill()
        return bool(there)

    def leave(self) -> None:
        """Ends the server in an orderly way."""
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(60)
            except subprocess.TimeoutExpired:
                kill_server(self.server)

    def end(self) -> None:
        self.leave()
        os.environ["FORBEAR_HOME"] = str(self.home)
        from forbear.cli import embedded

        embedded.stop(self.home)
        for name in ("FORBEAR_HOME", "FORBEAR_DATABASE_URL", "FORBEAR_APP_DATABASE_URL"):
            os.environ.pop(name, None)  # this house's: the next one has its own


class Killer(threading.Thread):
    """Strikes evenly over the time, each kind of process in turn, and once the last has come back, no more."""

    def __init__(self, house: House, seconds: float, seed: int, victims: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self._house, self._chosen, self._victims = house, random.Random(seed), victims
        self._pause = seconds / (len(victims) + 1)
        self.struck: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self) -> None:
        begun = time.monotonic()
        for number, what in enumerate(self._victims, 1):
            time.sleep(max(0.0, begun + number * self._pause - time.monotonic()))
            try:
                self.struck[what] += self._house.kill(what, self._chosen)
            except (psutil.Error, OSError, RuntimeError, ValueError) as fault:
                self.faults.append(f"killing {what}: {type(fault).__name__}: {fault}")


def race(house: House, folder: Path, given: argparse.Namespace, victims: tuple[str, ...]) -> tuple[Path, Any, Killer]:
    """The load and the kills. Returns the notes."""
    notes = folder / "notes.jsonl"
    killer = Killer(house, given.seconds, given.seed, victims)
    with open_notes(notes) as out:
        book = Notebook(out)
        people = iter(numbers(200_000))
        run = Race(
            *(house.port, house.keys, people, book),
            hot=given.people,
            seed=given.seed,
            until=time.monotonic() + given.seconds,
        )
        killer.start()
        uvloop.run(run.run(given.clients))
        killer.join(120)
    return notes, run, killer


def drain(home: Path) -> None:
    """Until the log holds all that was committed. Raises `TimeoutError`."""
    from forbear.accounts.connect import connect

    last = time.monotonic() + DRAIN_S
    with connect() as store:
        while time.monotonic() < last:
            row = store.execute(
                "SELECT (SELECT count(*) FROM ledger_logqueue), (SELECT coalesce(max(index) + 1, 0) FROM"
                " ledger_logentry), (SELECT coalesce(max(size), 0) FROM ledger_checkpoint)"
            ).fetchone()
            if row is not None and row[0] == 0 and row[1] == row[2]:
                return
            time.sleep(0.2)
    raise TimeoutError("the log does not catch up")


OPEN = {
    "event": "SELECT e.id, kind AS event, (extract(epoch FROM happened_at) * 1000000)::bigint AS happened_at,"
    " (extract(epoch FROM learnt_at) * 1000000)::bigint AS learnt_at, known_by, account, seller, payload,"
    " encode(personal_hash, 'hex') AS personal_hash, batch, encode(p.salt, 'hex') AS salt,"
    " encode(p.part, 'hex') AS part FROM ledger_event e LEFT JOIN ledger_personal p ON p.event = e.id",
    "decision": "SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at, account, seller, addr, key_id,"
    " encode(mac, 'hex') AS mac, encode(seal, 'hex') AS seal, channel, purpose, mode, verdict, cure,"
    " (extract(epoch FROM earliest) * 1000000)::bigint AS earliest, rules, obligations,"
    " encode(selector, 'hex') AS selector, encode(facts, 'hex') AS facts, permit, batch, batch_index, overrides"
    " FROM ledger_decision",
    "redemption": "SELECT permit, (extract(epoch FROM at) * 1000000)::bigint AS at FROM ledger_redemption",
}


def open_records(path: Path) -> None:
    """The records as their hashes were made from them, a line each; of a decision also what opens its seal."""
    from uuid import UUID

    from forbear.accounts.connect import connect
    from forbear.accounts.home import load_secrets
    from forbear.core.keys import seal_salt

    secret = load_secrets().address_key

    with connect() as store, path.open("w", encoding="utf-8") as out:
        for kind, sql in OPEN.items():
            for (text,) in store.execute(f"SELECT row_to_json(r)::text FROM ({sql}) r"):
                row = {"record": kind} | json.loads(text)
                if kind == "decision":
                    row["salt"] = seal_salt(UUID(row["id"]).bytes, secret).hex()
                out.write(json.dumps(row) + "\n")


def check(log: Path, key: str, records: Path, notes: Path) -> tuple[int, dict[str, Any], str]:
    """The independent program, in an interpreter that cannot see Forbear."""
    given = ["--log", str(log), "--key", key, "--records", str(records), "--notes", str(notes)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(CHECKER), *given],
        capture_output=True,
        text=True,
        check=False,
    )
    out = done.stdout.strip().splitlines()
    return done.returncode, json.loads(out[-1]) if out else {}, done.stdout + done.stderr


def run(given: argparse.Namespace, victims: tuple[str, ...], fault: str | None = None) -> dict[str, Any]:
    """One race in an installation of its own, and what the checker says of it. `fault` is planted in the server."""
    with tempfile.TemporaryDirectory(prefix="forbear-race-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        house = House(folder, 1 if fault else given.workers, fault)
        try:
            house.start()
            notes, ran, killer = race(house, folder, given, victims)
            os.environ["FORBEAR_HOME"] = str(house.home)
            from forbear.cli import embedded

            embedded.ensure(house.home, migrate=False)
            drain(house.home)
            records = folder / "records.jsonl"
            open_records(records)
            log, key = published(house.home)
            if given.keep:
                keep(given.keep, log, key, records, notes)
            code, found, said = check(log, key, records, notes)
            audited = [] if fault else audit(house.home)
            planted = {} if fault else plant(folder, log, key, records, notes)
            return {
                "code": code,
                "checked": found,
                "said": said,
                "planted": planted,
                "killed": dict(killer.struck),
                "faults": killer.faults + audited,
                "slowest_ms": {what: round(1000 * max(times), 1) for what, times in sorted(ran.latencies.items())},
            }
        except BaseException:
            print(house.log.read_text(errors="replace")[-4000:])
            raise
        finally:
            house.end()


def audit(home: Path) -> list[str]:
    """What Forbear's own audit finds in the same store: nothing, whatever was killed."""
    done = subprocess.run(
        [sys.executable, "-m", "forbear.cli.main", "audit", "check", "--json"],
        env=os.environ | {"FORBEAR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        return [f"the audit failed: {done.stderr.strip()[-500:]}"]
    return [f"the audit found: {one}" for one in json.loads(done.stdout)["findings"]]


def keep(place: Path, log: Path, key: str, records: Path, notes: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(log, place / "log", dirs_exist_ok=True)
    for path in (records, notes):
        shutil.copy(path, place)
    (place / "key").write_text(key)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--people", type=int, default=120, help="whom all of them are after at any moment")
    options.add_argument("--workers", type=int, default=3, help="web processes")
    options.add_argument("--kills", type=int, default=len(VICTIMS))
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--keep", type=Path, help="copy log, records and notes there")
    options.add_argument("--faulty-seconds", type=float, default=8, help="how long the server with a fault in it runs")
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    sound = run(given, VICTIMS[: given.kills])
    faults = list(sound["faults"])
    if sound["code"]:
        print(sound["said"])
        faults.append("a stop did not hold, or something was lost")
    caught = dict(sound["planted"])
    if given.faulty_seconds:
        for fault in FAULTS:
            short = argparse.Namespace(**vars(given) | {"seconds": given.faulty_seconds, "keep": None})
            caught[f"in the server: {fault}"] = run(short, (), fault)["code"] == 1
    faults += [f"planted and not found: {what}" for what, was in caught.items() if not was]
    for line in faults:
        print(line)
    print(
        json.dumps(
            {
                "name": NAME,
                "seconds": given.seconds,
                "clients": given.clients,
                "web_processes": given.workers,
                "killed": sound["killed"],
                "checked": sound["checked"],
                "planted_and_found": sorted(what for what, was in caught.items() if was),
                "slowest_ms": sound["slowest_ms"],
                "faults": len(faults),
            }
        )
    )
    return 1 if faults else 0


def published(home: Path) -> tuple[Path, str]:
    """Where the log's files are, and its public key."""
    keys = (home / "log" / "keys").read_text(encoding="utf-8").split()
    return home / "log", keys[-1]


def plant(folder: Path, log: Path, key: str, records: Path, notes: Path) -> dict[str, bool]:
    """The same record with one lie in it each time, signed anew where the log is changed. Was each found?"""
    from bench.check_stops import Unreadable, read_log

    entries = [(entry.kind, entry.source, entry.hash) for entry in read_log(log, key, [])]
    lines = records.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    noted = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    stops = {note["person"]: note for note in noted if note["what"] == "opt_out" and note.get("status") == 201}
    found: dict[str, bool] = {}

    def told(what: str, entries: list[Any], rows: list[Any], noted: list[Any], says: str) -> None:
        place = folder / f"planted-{len(found)}"
        own_key = write_log(place, entries)
        for name, some in (("records", rows), ("notes", noted)):
            (place / name).write_text("".join(json.dumps(one) + "\n" for one in some), encoding="utf-8")
        code, _, said = check(place, own_key, place / "records", place / "notes")
        found[what] = code == 1 and says in said if says else code == 0

    told("nothing, and nothing found", entries, rows, noted, "")
    lost = next(iter(stops.values()))["events"][0]
    told(
        "an opt-out that was acknowledged and lost",
        [entry for entry in entries if entry[1] != lost.replace("-", "")],
        [row for row in rows if row["record"] != "event" or row["id"] != lost],
        noted,
        "was acknowledged and is not in the log",
    )
    permits = {
        permit: person
        for note in noted
        if note["what"] == "decide" and note.get("status") == 200
        for person, _, _, permit in note["answers"]
        if permit and person in stops
    }
    spent = next(row for row in rows if row["record"] == "redemption" and row["permit"] in permits)
    late = next(entry for entry in entries if entry[:2] == (4, spent["permit"].replace("-", "")))
    moved = [entry for entry in entries if entry != late]
    told("a permit redeemed after the opt-out", [*moved, late], rows, noted, "after opt-out")
    answered = next(
        note
        for note in noted
        if note["what"] == "decide" and note.get("status") == 200
        if any(permit and person in stops for person, _, _, permit in note["answers"])
    )
    after = max(stops[person]["got"] for person, *_ in answered["answers"] if person in stops) + 5_000_000
    told(
        "a decision allowed that was asked for after the acknowledgement",
        entries,
        rows,
        [note | {"sent": after, "got": after + 1} if note is answered else note for note in noted],
        "after the opt-out was acknowledged",
    )
    changed = next(row for row in rows if row["record"] == "decision" and row["verdict"] == 0)
    rewritten = [row | {"verdict": 2, "cure": 2, "permit": None} if row is changed else row for row in rows]
    told("a decision rewritten after it was logged", entries, rewritten, noted, "is not what was logged")
    try:
        read_log(log, key[:-8] + "AAAAAAA=", [])
        found["a checkpoint signed by another key"] = False
    except (Unreadable, ValueError):
        found["a checkpoint signed by another key"] = True
    return found


def write_log(place: Path, entries: list[tuple[int, str, bytes]]) -> str:
    """A log of these entries in files, signed by a key of its own; the key to check it with."""
    from forbear.ledger.leaves import entry_bytes
    from forbear.tlog import notes
    from forbear.tlog.tiles import Edge

    signer = notes.Signer("planted.example", bytes(range(32)))
    edge = Edge()
    for tile, data in edge.grow([entry_bytes(kind, bytes.fromhex(source), hashed) for kind, source, hashed in entries]):
        path = place / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    text = notes.checkpoint_text(signer.name, edge.size, edge.root())
    (place / "checkpoint").write_text(notes.sign(text, [signer]), encoding="utf-8")
    return signer.verifier.vkey


if __name__ == "__main__":
    sys.exit(main())
