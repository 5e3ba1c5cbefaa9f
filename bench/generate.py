"""Test data of the size people have: a registry of US numbers, suppressions, contact lists.

    python -m bench.generate FOLDER [--listed N] [--suppressed N] [--contacts N ...]

Everything is drawn from one seed, so two runs give the same files. The registry spreads
over the geographic area codes as a real one does: each exchange in use has its own share.
About 36 % of a contact list stands on it, and about 5 % among the suppressions.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.registries import snapshots
from forbear.registries.numberset import PER_AREA, Keys, NumberSet, build

SEED = 20261121
US = np.uint64(10_000_000_000)
EXCHANGES = 792  # in use in each area code, of 800 that may be
HITS, SUPPRESSED_HITS = 0.31, 0.05  # chance adds another 5 % on the registry
FIRST_NAMES = ("Maria", "James", "Aisha", "Wei", "Robert", "Linda", "Carlos", "Emma", "Noah", "Olivia", "Sam", "Priya")
LAST_NAMES = ("Smith", "Johnson", "Garcia", "Nguyen", "Brown", "Lee", "Martinez", "Davis", "Okafor", "Kim", "Lopez")
STREETS = ("Main St", "Oak Ave", "2nd St", "Maple Dr", "Park Blvd", "Hill Rd", "Lake View Ln", "Washington Ave")


def geographic() -> dict[int, str]:
    """The US area codes with a place, and their state."""
    with resources.files("forbear.core.numbering").joinpath("area_codes.csv").open(encoding="utf-8") as lines:
        return {
            int(r["npa"]): r["region"] for r in csv.DictReader(lines) if r["region"].startswith("US-") and r["zones"]
        }


def area_codes(n: int) -> list[int]:
    """Those a registry of `n` numbers spreads over: as dense, whatever its size."""
    every = sorted(geographic())
    return every[:: max(1, 250_000_000 // n)]


def listed(n: int) -> Iterator[Keys]:
    """`n` numbers, near enough, one area code at a time and sorted."""
    rng = np.random.default_rng(SEED)
    codes = area_codes(n)
    share = rng.uniform(0.4, 1.6, len(codes))
    share *= n / (share.sum() * EXCHANGES * 10_000)
    for code, part in zip(codes, share, strict=True):
        exchanges = np.zeros(1000, np.bool_)
        exchanges[200 + rng.permutation(800)[:EXCHANGES]] = True
        on = rng.random(PER_AREA, dtype=np.float32) < part
        lines = np.flatnonzero(on.reshape(1000, 10_000) & exchanges[:, None])
        yield US + np.uint64(code * PER_AREA) + lines.astype(np.uint64)


def registry(folder: Path, n: int) -> NumberSet:
    """The registry as a snapshot of `us.national` under `folder`; made once."""
    found = snapshots.current(folder, "us.national")
    if found is not None and abs(found.manifest.n - n) < n * 0.01 + 1000:
        return found.listed
    terms = snapshots.Terms("us.national", now=time.time_ns() // 1000, covers=("1",), account_number="benchmark")
    snapshots.load_made(folder, terms, "bench/generate.py", listed(n))
    made = snapshots.current(folder, "us.national")
    assert made is not None
    return made.listed


def random_numbers(rng: np.random.Generator, n: int, codes: list[int]) -> Keys:
    picked = np.array(codes, np.uint64)[rng.integers(0, len(codes), n)] * np.uint64(PER_AREA)
    return US + picked + rng.integers(2_000_000, PER_AREA, n, dtype=np.uint64)


def suppressed(folder: Path, n: int) -> NumberSet:
    path = folder / f"suppressed-{n}.set"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(SEED + 1)
        numbers = np.unique(random_numbers(rng, n + n // 200 + 10, sorted(geographic())))
        return build(path, [rng.permutation(numbers)[:n]])
    return NumberSet(path)


def contacts(path: Path, n: int, on: NumberSet, barred: NumberSet) -> Path:
    """A contact list of `n` rows as a CRM exports it."""
    if path.exists():
        return path
    rng = np.random.default_rng(SEED + n)
    states = geographic()
    codes = sorted(on.areas() & states.keys())
    some_barred = next(barred.chunks())
    temp = path.with_suffix(".part")
    with temp.open("wb") as out:
        for start in range(0, n, 500_000):
            size = min(500_000, n - start)
            frame = _rows(rng, start, size, on, some_barred, states, codes)
            frame.write_csv(out, include_header=start == 0)
    temp.replace(path)
    return path


def _rows(
    rng: np.random.Generator, start: int, n: int, on: NumberSet, barred: Keys, states: dict[int, str], codes: list[int]
) -> pl.DataFrame:
    numbers = random_numbers(rng, n, sorted(states))
    wanted = int(n * HITS)
    hits: list[Keys] = []
    while sum(h.size for h in hits) < wanted:
        tried = random_numbers(rng, max(50_000, wanted * 6), codes)
        hits.append(tried[on.contains(tried)])
    numbers[:wanted] = np.concatenate(hits)[:wanted]
    fewer = int(n * SUPPRESSED_HITS)
    numbers[wanted : wanted + fewer] = rng.choice(barred, fewer)
    rng.shuffle(numbers)
    area = (numbers // np.uint64(PER_AREA) - np.uint64(1000)).astype(np.int64)
    table = np.array([states.get(code, "US-NY")[3:] for code in range(1000)])
    state = table[area]
    moved = rng.random(n) < 0.08  # people keep their number when they move
    state[moved] = rng.choice(sorted(set(table)), int(moved.sum()))
    first, last = rng.choice(FIRST_NAMES, n), rng.choice(LAST_NAMES, n)
    ids = np.arange(start + 1, start + n + 1)
    day = dt.date(2024, 1, 1)
    return pl.DataFrame(
        {
            "contact_id": ids,
            "phone": pl.Series(numbers),
            "first_name": first,
            "last_name": last,
            "address": pl.Series(rng.integers(1, 9999, n)),
            "street": rng.choice(STREETS, n),
            "state": state,
            "zip": pl.Series(_zips(rng, state)),
            "since": pl.Series(rng.integers(0, 900, n)),
            "score": rng.integers(0, 1000, n),
        }
    ).select(
        "contact_id",
        phone=pl.format("+{}", "phone"),
        first_name="first_name",
        last_name="last_name",
        email=pl.format(
            "{}.{}{}@example.com",
            pl.col("first_name").str.to_lowercase(),
            pl.col("last_name").str.to_lowercase(),
            "score",
        ),
        address=pl.format("{} {}", "address", "street"),
        state="state",
        zip=pl.col("zip").cast(pl.String).str.zfill(5),
        customer_since=pl.lit(day) + pl.duration(days="since"),
    )


def _zips(rng: np.random.Generator, state: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """A postcode of the state, where the frozen table knows its ranges."""
    ranges: dict[str, tuple[int, int]] = {}
    with resources.files("forbear.core.numbering").joinpath("postcodes.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            place = row["places"].split("@")[0]
            if row["country"] == "US" and place.startswith("US-") and " " not in place:
                low = int(row["low"].ljust(5, "0")[:5])
                ranges.setdefault(place[3:], (low, max(low + 1, int(row["high"].ljust(5, "9")[:5]))))
    names, where = np.unique(state, return_inverse=True)
    lows = np.array([ranges.get(name, (10001, 10999))[0] for name in names])[where]
    highs = np.array([ranges.get(name, (10001, 10999))[1] for name in names])[where]
    return rng.integers(lows, highs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--listed", type=int, default=250_000_000)
    parser.add_argument("--suppressed", type=int, default=5_000_000)
    parser.add_argument("--contacts", type=int, nargs="*", default=[1_000_000, 10_000_000])
    asked = parser.parse_args()
    on = registry(asked.folder / "registries", asked.listed)
    barred = suppressed(asked.folder, asked.suppressed)
    print(f"{on.count:,} listed ({on.nbytes / 1e6:.0f} MB), {barred.count:,} suppressed ({barred.nbytes / 1e6:.0f} MB)")
    for n in asked.contacts:
        path = contacts(asked.folder / f"contacts-{n}.csv", n, on, barred)
        print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
