"""Wash a list against a registry of 250 million numbers and 5 million suppressions, beside bare joins.

    python -m bench.wash [--quick] [--folder FOLDER]      (QUICK=1 in the environment does the same)

CSV in, CSV out, in one run, interleaved, each contender in a process of its own that stays:
- forbear: every rule judged, reasons written, digests taken, receipt recorded in the ledger;
- duckdb:  only the left join of the list with the same registry and suppressions as native
           tables, two flags written, any order of rows;
- polars:  the same join in its streaming engine, the registry as Parquet (at the small size);
- copy:    the list through forbear's own reader and writer, nothing judged: the floor.
`cold` is the first wash of a new process, rules not yet compiled for any place; the ratio is
of the later ones. The suppressions lie as the key set a catch-up with the ledger leaves;
making it is not timed, nor is filling DuckDB's tables.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import polars as pl

from bench import generate

ROOT: Final = Path(__file__).parents[1]
FULL: Final = {"listed": 250_000_000, "suppressed": 5_000_000, "rows": [1_000_000, 10_000_000], "rounds": 3}
QUICK: Final = {"listed": 10_000_000, "suppressed": 250_000, "rows": [100_000, 500_000], "rounds": 1}
ACCOUNT: Final = "bench"

Run = Callable[[Path, Path], dict[str, Any]]


# --- the contenders -------------------------------------------------------------------------


@contextlib.contextmanager
def forbear(folder: Path, listed: int, suppressed: int) -> Iterator[Run]:
    os.environ["FORBEAR_HOME"] = str(folder / "home")
    os.environ["FORBEAR_REGISTRIES"] = str(folder / "registries")
    from forbear.accounts import reads, writes
    from forbear.accounts.connect import connect
    from forbear.accounts.home import home
    from forbear.cli import embedded
    from forbear.core.words import Channel, Mode, Purpose
    from forbear.gate import known, opened, wash
    from forbear.ledger.reads import caught_up

    embedded.ensure()
    conn = connect()
    account = reads.account(conn, ACCOUNT)
    if account is None:
        made = writes.create_account(conn, ACCOUNT, "Benchmark")
        seller = writes.create_seller(conn, ACCOUNT, "Benchmark", country="US", kind="company", ftc=True)
        writes.link_seller(conn, made, seller)
        account = reads.account(conn, ACCOUNT)
    assert account is not None
    place = known.folder_of(home(), account.id, account.sellers[0].id)
    seq = caught_up(conn)
    if known.newest(place) is None:  # in a process of its own: its memory is not the wash's
        maker = multiprocessing.get_context("spawn").Process(target=_make_base, args=(place, seq, folder, suppressed))
        maker.start()
        maker.join()
    asked = wash.Asked(account.id, Channel.VOICE, Purpose.MARKETING, Mode.LIVE, sender="+18005550100")

    def run(source: Path, out: Path) -> dict[str, Any]:
        report = wash.wash(conn, opened.opened(), asked, source, out, lambda done, total, rows: None)
        by_rule = {(verdict, rule): n for (verdict, _, rule), n in report.reasons.items()}
        return {
            "rows": report.done.rows,
            "suppressed": by_rule.get(("deny", "house.suppressed"), 0),
            "listed": by_rule.get(("deny", "us.dnc.national"), 0),
            "verdicts": {f"{v} {c}".strip(): n for (v, c), n in report.verdicts.items()},
            "rules": len(opened.opened().engine.rulebook.rules),
        }

    try:
        yield run
    finally:
        conn.close()
        embedded.stop()


def _make_base(place: Path, seq: int, folder: Path, suppressed: int) -> None:
    """The suppressions as the key set that a catch-up with the ledger leaves."""
    from forbear.core.instants import MISSING
    from forbear.core.words import OptOutScope
    from forbear.gate import known

    barred = generate.suppressed(folder, suppressed)
    addr = np.sort(np.concatenate(list(barred.chunks()))).astype(np.int64) | 1 << 60
    rows = np.zeros(addr.size, known.SUPPRESSION)
    rows["until"] = MISSING
    rows["addr"], rows["covers"], rows["id"][:, 1] = addr, OptOutScope.ALL.bit, np.arange(addr.size)
    known.make_base(place, seq, [rows], [])


@contextlib.contextmanager
def duckdb(folder: Path, listed: int, suppressed: int) -> Iterator[Run]:
    import duckdb as engine

    path = folder / f"duck-{listed}-{suppressed}.db"
    if not path.exists():
        with engine.connect(str(path)) as made:
            made.execute(f"CREATE TABLE registry AS SELECT number FROM read_parquet('{_parquet(folder, listed)}')")
            barred = folder / f"suppressed-{suppressed}.parquet"
            numbers = np.sort(np.concatenate(list(generate.suppressed(folder, suppressed).chunks())))
            pl.DataFrame({"number": numbers}).write_parquet(barred)
            made.execute(f"CREATE TABLE barred AS SELECT number FROM read_parquet('{barred}')")
            made.execute("CHECKPOINT")
    conn = engine.connect(str(path), read_only=True)
    conn.execute("SET preserve_insertion_order = false")  # quicker, and it is not asked for order

    def run(source: Path, out: Path) -> dict[str, Any]:
        conn.execute(
            f"""
            COPY (
              SELECT l.* EXCLUDE number, r.number IS NOT NULL AS listed, b.number IS NOT NULL AS barred
              FROM (SELECT *, CAST(substr(phone, 2) AS UBIGINT) AS number
                    FROM read_csv('{source}', header = true, all_varchar = true)) l
              LEFT JOIN registry r ON l.number = r.number
              LEFT JOIN barred b ON l.number = b.number
            ) TO '{out}' (HEADER)
            """
        )
        return {}

    try:
        yield run
    finally:
        conn.close()


@contextlib.contextmanager
def polars(folder: Path, listed: int, suppressed: int) -> Iterator[Run]:
    registry = pl.scan_parquet(_parquet(folder, listed)).with_columns(listed=pl.lit(1))
    numbers = np.concatenate(list(generate.suppressed(folder, suppressed).chunks()))
    barred = pl.DataFrame({"number": numbers}).with_columns(barred=pl.lit(1)).lazy()

    def run(source: Path, out: Path) -> dict[str, Any]:
        rows = pl.scan_csv(source, infer_schema=False)
        rows = rows.with_columns(number=pl.col("phone").str.slice(1).cast(pl.UInt64))
        rows.join(registry, on="number", how="left").join(barred, on="number", how="left").drop("number").sink_csv(
            out, maintain_order=False
        )
        return {}

    yield run


@contextlib.contextmanager
def copy(folder: Path, listed: int, suppressed: int) -> Iterator[Run]:
    from forbear.gate import lists

    table = pl.DataFrame({name: [""] for name in ("verdict", "cure", "earliest", "rules")})

    def run(source: Path, out: Path) -> dict[str, Any]:
        def judge(frame: pl.DataFrame) -> tuple[lists.Which, pl.DataFrame]:
            return np.zeros(frame.height, np.uint32), table

        asked = ["phone", "state", "zip"]
        lists.pour(lists.List(source), out, asked, table.columns, judge, lambda *_: None, lambda _: None)
        return {}

    yield run


CONTENDERS: Final = {"forbear": forbear, "duckdb": duckdb, "polars": polars, "copy": copy}


def _parquet(folder: Path, listed: int) -> Path:
    """The registry as one sorted Parquet file."""
    path = folder / f"registry-{listed}.parquet"
    if not path.exists():
        parts = folder / "parts"
        parts.mkdir(exist_ok=True)
        for i, chunk in enumerate(generate.registry(folder / "registries", listed).chunks()):
            pl.DataFrame({"number": chunk}).write_parquet(parts / f"{i:04d}.parquet")
        pl.scan_parquet(parts / "*.parquet").sink_parquet(path)
        for part in parts.iterdir():
            part.unlink()
    return path


# --- a process for each ------------------------------------------------------------------------


def serve(name: str, folder: Path, listed: int, suppressed: int) -> None:
    """Run what stdin asks, a line of JSON each, and answer with a line of JSON."""
    with CONTENDERS[name](folder, listed, suppressed) as run:
        print("ready", flush=True)
        for line in sys.stdin:
            source, out = (Path(p) for p in json.loads(line))
            out.unlink(missing_ok=True)
            start, cpu = time.perf_counter(), time.process_time()
            said = run(source, out)
            said |= {"s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
            said["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps(said), flush=True)


class Contender:
    """A contender in its process."""

    def __init__(self, name: str, folder: Path, sizes: dict[str, Any]) -> None:
        self.name = name
        self.out = folder / f"out-{name}.csv"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.wash", "--serve", name, "--folder", str(folder)]
            + [f"--{key}={sizes[key]}" for key in ("listed", "suppressed")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._from: IO[str] = self._process.stdout
        assert self._line() == "ready"

    def run(self, source: Path) -> dict[str, Any]:
        self._in.write(json.dumps([str(source), str(self.out)]) + "\n")
        self._in.flush()
        said: dict[str, Any] = json.loads(self._line())
        return said

    def _line(self) -> str:
        line = self._from.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {self._process.wait()}")
        return line.strip()

    def close(self) -> None:
        self._in.close()
        self._process.wait()
        self.out.unlink(missing_ok=True)


def same_answers(washed: dict[str, Any], joined: Path) -> None:
    """Both engines found the same numbers: the suppressed, and the listed among the others."""
    flags = pl.scan_csv(joined, infer_schema=False).select(
        suppressed=(pl.col("barred") == "true").sum(),
        listed=((pl.col("listed") == "true") & (pl.col("barred") == "false")).sum(),
        rows=pl.len(),
    )
    found = flags.collect().row(0, named=True)
    for key, value in found.items():
        assert washed[key] == value, f"{key}: {washed[key]} by forbear, {value} by DuckDB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", default=os.environ.get("QUICK", "") not in ("", "0"))
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--serve", choices=CONTENDERS)
    parser.add_argument("--listed", type=int)
    parser.add_argument("--suppressed", type=int)
    asked = parser.parse_args()
    sizes: dict[str, Any] = dict(QUICK if asked.quick else FULL)
    folder: Path = asked.folder or ROOT / "var" / ("bench-wash-quick" if asked.quick else "bench-wash")
    if asked.serve:
        serve(asked.serve, folder.resolve(), asked.listed, asked.suppressed)
        return
    bench(folder.resolve(), sizes)


def bench(folder: Path, sizes: dict[str, Any]) -> None:
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    on = generate.registry(folder / "registries", sizes["listed"])
    barred = generate.suppressed(folder, sizes["suppressed"])
    sources = {n: generate.contacts(folder / f"contacts-{n}.csv", n, on, barred) for n in sizes["rows"]}
    print(f"{on.count:,} listed in {on.nbytes / 1e6:.0f} MB, {barred.count:,} suppressed; ready after", end=" ")
    contenders = {name: Contender(name, folder, sizes) for name in CONTENDERS}
    print(f"{time.perf_counter() - start:.0f} s")
    figures: dict[str, Any] = {}
    ratios: dict[str, Any] = {}
    peaks: dict[str, int] = {}
    cold = None
    try:
        for n, source in sources.items():
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
            for turn in range(sizes["rounds"] + 1):  # the first turn warms every contender and is not counted
                for name, contender in contenders.items():
                    if name == "polars" and n != sizes["rows"][0]:
                        continue
                    said = contender.run(source)
                    if cold is None and name == "forbear":
                        cold = said["s"]
                    if turn:
                        runs[name].append(said)
                    peaks[name] = max(peaks.get(name, 0), said["peak_mb"])
            same_answers(runs["forbear"][-1], contenders["duckdb"].out)
            middle = {name: statistics.median(r["s"] for r in some) for name, some in runs.items() if some}
            figures[str(n)] = {
                name: {
                    "s": round(middle[name], 3),
                    "s_min": round(min(r["s"] for r in runs[name]), 3),
                    "rows_per_s": round(n / middle[name]),
                }
                for name in middle
            }
            ratios[str(n)] = {
                f"{name}": round(middle[name] / middle["forbear"], 2) for name in middle if name != "forbear"
            }
            print(f"{n:>12,} rows  " + "  ".join(f"{name} {s:.2f} s" for name, s in middle.items()))
            print(f"{'':>17}" + "  ".join(f"{x:.2f} x {name}" for name, x in ratios[str(n)].items()))
    finally:
        for contender in contenders.values():
            contender.close()
    last = runs["forbear"][-1]
    print(
        json.dumps(
            {
                "name": "wash",
                "figures": figures,
                "ratio": ratios,
                "cold_s": round(cold or 0, 2),
                "peak_mb": peaks,
                "listed": on.count,
                "registry_mb": round(on.nbytes / 1e6),
                "suppressed": barred.count,
                "bytes_in": {str(n): path.stat().st_size for n, path in sources.items()},
                "rules": last["rules"],
                "verdicts": last["verdicts"],
                "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            }
        )
    )


if __name__ == "__main__":
    main()
