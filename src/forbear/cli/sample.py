"""A sample account, registry and list, so that the first run shows the main job on real files.

Every number is one that its country keeps for fiction (555-01xx, the ACMA's, Ofcom's and
Arcep's dramatic ranges), so the sample can reach nobody.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from forbear.accounts.connect import Connection

ACCOUNT: Final = "sample"
ROWS: Final = 10_000
_AREAS: Final = {
    "FL": "239 305 321 352 386 407 561 727 754 772 813 850 863 904 941 954",
    "TX": "210 214 254 281 325 361 409 469 512 713 806 817 832 903 915 972",
    "PA": "215 267 412 484 570 610 717 724 814",
    "OR": "458 503 541 971",
    "AZ": "480 520 602 623 928",
    "NY": "212 315 518 585 607 716",
    "CA": "213 310 415 510 619",
    "GA": "404 478",
}
_POSTCODES: Final = {
    "FL": "33101",
    "TX": "75201",
    "PA": "19103",
    "OR": "97205",
    "AZ": "85003",
    "NY": "10001",
    "CA": "90012",
    "GA": "30303",
}
_COLUMNS: Final = ("id", "phone", "country", "state", "postcode")


def prepare(base: str) -> None:
    """Makes what is missing of the sample, washes the list, and prints the report and what to try against `base`."""
    from forbear.accounts.home import ensure_home, home

    folder = ensure_home(home()) / "sample"
    folder.mkdir(exist_ok=True)
    known = _known(folder)
    if known is None:
        typer.echo("Making the sample: an account, its API key, a registry, consents, opt-outs and a list")
        known = _make(folder)
    _report(folder)
    _try(base, folder, known)


def numbers() -> Iterator[tuple[str, str, str, str]]:
    """Every sample number, shuffled: number, country, region's own name, postcode."""
    chosen = random.Random(20261122)  # noqa: S311 - a sample, the same every time
    made = [
        (f"({area}) 555-01{last:02d}", "US", state, _POSTCODES[state])
        for state, areas in _AREAS.items()
        for area in areas.split()
        for last in range(100)
    ]
    made += [(f"+61 2 5550 {last:04d}", "AU", "AU-NSW", "2000") for last in range(1200)]
    made += [(f"+61 7 5550 {last:04d}", "AU", "AU-QLD", "4000") for last in range(700)]
    made += [(f"+44 20 7946 {last:04d}", "GB", "", "") for last in range(900)]
    made += [(f"+33 1 99 00 {last // 100:02d} {last % 100:02d}", "FR", "", "75001") for last in range(500)]
    made += [(f"+49 30 23125 {last:03d}", "DE", "", "10115") for last in range(200)]
    made += [(f"+46 8 465 004 {last:02d}", "SE", "", "") for last in range(100)]
    chosen.shuffle(made)
    return iter(made)


def _rows() -> list[tuple[str, ...]]:
    """The list: every sample number once, a few twice, a few that are no numbers."""
    chosen = random.Random(7)  # noqa: S311
    rows = [(number, country, state, postcode) for number, country, state, postcode in numbers()]
    wrong = [
        ("", "US", "", ""),
        ("unknown", "US", "TX", ""),
        ("+1 202 555", "US", "", ""),
        ("(305) 555-O123", "US", "FL", ""),
    ]
    while len(rows) < ROWS:
        rows.append(chosen.choice(wrong) if chosen.random() < 0.2 else chosen.choice(rows))
    rows = rows[:ROWS]
    chosen.shuffle(rows)
    return [(f"c{number:05d}", *row) for number, row in enumerate(rows, 1)]


def _digits(number: str) -> str:
    return "".join(letter for letter in number if letter.isdigit())


def _make(folder: Path) -> dict[str, Any]:
    from forbear.cli.store import opened

    chosen = random.Random(11)  # noqa: S311
    people = list(numbers())
    american = [number for number, country, _, _ in people if country == "US"]
    _write(folder / "contacts.csv", _COLUMNS, _rows())
    listed = sorted(_digits(number) for number in chosen.sample(american, k=len(american) // 4))
    (folder / "registry.txt").write_text("".join(f"{digits[:3]},{digits[3:]}\n" for digits in listed), encoding="ascii")
    with opened() as connection:
        known = _account(connection)
    return known
