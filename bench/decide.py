"""How fast the gate decides: over HTTP with durable answers, beside one transaction per request and beside Cedar.

The load generator, the server and PostgreSQL share the machine's cores. Every fact is read
from the database, every allowed contact reserves its caps, every answer follows its commit.
The same server with `FORBEAR_BATCH_CONTACTS=1` is the peer that does one transaction a request.
Ends with one line of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from bench import kernel
from bench.people import ALLOWED, account, forbear, free_port, numbers, wait_ready

NAME: Final = "decide"
QUICK: Final = os.environ.get("QUICK", "") not in ("", "0")
PEOPLE: Final = 20_000 if QUICK else 1_000_000
SECONDS: Final = 1.2 if QUICK else 10.0
WARM_S: Final = 0.5 if QUICK else 2.0
REPEATS: Final = 1 if QUICK else 3
BATCH: Final = 500


class Peak(threading.Thread):
    """The most memory the server and the database took together, proportional shares of what they share."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0
        self._pids = pids
        self._halt = threading.Event()

    def run(self) -> None:
        while not self._halt.wait(1.0):
            self.mib = max(self.mib, sum(_pss(pid) for pid in self._pids) / 2**20)

    def stop(self) -> None:
        self._halt.set()
        self.join()


def _pss(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            total += int(one.memory_full_info().pss)
    except psutil.Error:
        pass
    return total


@contextmanager
def server(home: Path, log: Path, **settings: str) -> Iterator[int]:
    """A running gate; its port. `settings` are environment variables."""
    port = free_port()
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "forbear.cli.main", "serve", "--port", str(port)],
            env=os.environ | {"FORBEAR_HOME": str(home)} | settings,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        wait_ready(port, process)
        postmaster = int((home / "pg" / "postmaster.pid").read_text().split()[0])
        peak = Peak([process.pid, postmaster])
        peak.start()
        yield port
        peak.stop()
        _peaks.append(peak.mib)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


_peaks: list[float] = []


def load(port: int, key: str, bodies: Path, connections: int, batch: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.load", "--port", str(port), "--bodies", str(bodies)),
            *("--connections", str(connections), "--batch", str(batch)),
            *("--seconds", str(SECONDS), "--warm", str(WARM_S)),
        ],
        input=key + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    if set(figures["statuses"]) - {"200"}:
        raise RuntimeError(f"not every request was answered: {figures['statuses']} {figures['first_error']}")
    return figures


def bodies(folder: Path, people: list[str], batch: int, count: int) -> Path:
    """Request bodies over people drawn at random, one a line."""
    chosen = random.Random(batch)
    path = folder / f"bodies-{batch}.jsonl"
    with path.open("w", encoding="ascii") as file:
        for _ in range(count):
            contacts = [ALLOWED | {"to": to} for to in chosen.sample(people, batch)]
            file.write(json.dumps({"contacts": contacts}, separators=(",", ":")) + "\n")
    return path


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run with the median rate."""
    return sorted(runs, key=lambda run: float(run["contacts_per_s"]))[len(runs) // 2]


def show(name: str, figures: dict[str, Any]) -> None:
    print(
        f"  {name:<44} {figures['contacts_per_s']:>10,.0f} contacts/s   p50 {figures['p50_ms']:>8.2f} ms"
        f"   p99 {figures['p99_ms']:>8.2f} ms   {figures['verdicts']}",
        flush=True,
    )


def main() -> int:
    begun = time.monotonic()
    figures: dict[str, Any] = {
        "name": NAME,
        "quick": QUICK,
        "machine": f"{os.cpu_count()} x {_cpu()}, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "people": PEOPLE,
        "seconds": SECONDS,
        "repeats": REPEATS,
    }
    print("The kernel alone, every shipped rule loaded", flush=True)
    figures |= kernel.measure_kernel(1_000_000 if QUICK else 10_000_000)
    print(
        f"  one row, warm profile {figures['kernel_one_warm_us']:.0f} us   cold profile"
        f" {figures['kernel_cold_profile_ms']:.1f} ms   bulk {figures['kernel_bulk_per_s']:,} rows/s,"
        f" {figures['kernel_bulk_no_history_per_s']:,} where nobody was called before",
        flush=True,
    )
    print("Cedar in this process, the same facts, nothing read and nothing stored", flush=True)
    figures |= kernel.measure_cedar(2_000 if QUICK else 20_000)
    print(
        f"  one {figures['cedar_single_us']:.0f} us   batch {figures['cedar_batch_per_s']:,}/s   same verdicts:"
        f" {figures['same_verdicts']}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="forbear-bench-") as folder:
        Path(folder).chmod(0o755)
        home, log = Path(folder) / "home", Path(folder) / "serve.log"
        key = account(home)
        try:
            people = numbers(PEOPLE)
            single, many = bodies(Path(folder), people, 1, 20_000), bodies(Path(folder), people, BATCH, 100)
            plans: list[tuple[str, dict[str, str]]] = [("batch", {}), ("one", ONE)]
            runs: dict[str, list[dict[str, Any]]] = {}
            for repeat in range(REPEATS):
                for name, settings in plans:
                    label = "micro-batches" if name == "batch" else "one transaction a request"
                    print(f"HTTP, durable, {label} (run {repeat + 1} of {REPEATS})", flush=True)
                    with server(home, log, **settings) as port:
                        for connections in (1, 16, 64):
                            run = load(port, key, single, connections, 1)
                            runs.setdefault(f"{name}_single_c{connections}", []).append(run)
                            show(f"single requests, {connections} connections", run)
                        if name == "batch":
                            run = load(port, key, many, 4, BATCH)
                            runs.setdefault(f"batch_of_{BATCH}", []).append(run)
                            show(f"batches of {BATCH}, 4 connections", run)
        except BaseException:
            print(log.read_text(errors="replace")[-3000:] if log.exists() else "", file=sys.stderr)
            raise
        finally:
            forbear(home, "database", "stop")
    for name, several in runs.items():
        run = best(several)
        rates = sorted(float(one["contacts_per_s"]) for one in several)
        figures[name] = {
            "contacts_per_s": run["contacts_per_s"],
            "range": [rates[0], rates[-1]],
            "p50_ms": run["p50_ms"],
            "p99_ms": run["p99_ms"],
        }
    rate = {name: float(figures[name]["contacts_per_s"]) for name in runs}
    per_request = rate["one_single_c64"]
    figures["ratio"] = {
        "single_c64_to_one_transaction": round(rate["batch_single_c64"] / per_request, 2),
        "single_c16_to_one_transaction": round(rate["batch_single_c16"] / rate["one_single_c16"], 2),
        "single_c1_to_one_transaction": round(rate["batch_single_c1"] / rate["one_single_c1"], 2),
        "batches_to_one_transaction": round(rate[f"batch_of_{BATCH}"] / max(per_request, rate["one_single_c16"]), 2),
        "batches_to_cedar_batch_in_process": round(rate[f"batch_of_{BATCH}"] / figures["cedar_batch_per_s"], 2),
        "kernel_bulk_to_cedar_batch": round(figures["kernel_bulk_per_s"] / figures["cedar_batch_per_s"], 1),
    }
    figures["peak_memory_mib"] = round(max(_peaks))
    figures["took_s"] = round(time.monotonic() - begun, 1)
    print(json.dumps(figures))
    return 0


ONE: Final = {"FORBEAR_BATCH_CONTACTS": "1", "FORBEAR_FLUSHERS": "8"}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
