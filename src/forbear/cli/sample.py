"""A sample account, registry and list, so that the first run shows the main job on real files.

Every number is one that its country keeps for fiction (555-01xx, the ACMA's, Ofcom's and
Arcep's dramatic ranges), so the sample can reach nobody.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import typer

from forbear.cli import sample_person

Person = tuple[str, str, str, str]  # number, country, state, postcode

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


def prepare(base: str) -> None:
    """Makes what is missing of the sample, washes the list, and prints the report and what to try against `base`."""
    from forbear.accounts.home import ensure_home, home

    folder = ensure_home(home()) / "sample"
    folder.mkdir(exist_ok=True)
    known = _known(folder)
    if known is None:
        typer.echo("Making the sample: an account and its key, registries, consents, opt-outs, a list of 10,000")
        known = _make(folder)
    _wash(folder)
    _try(base, known, _person(base))


def numbers() -> Iterator[Person]:
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


def _make(folder: Path) -> dict[str, str]:
    """The files, and what the store is told. The key is written last: it says that all of it is there."""
    from forbear.accounts import reads, writes
    from forbear.cli.store import opened
    from forbear.gate import consent, suppress

    chosen = random.Random(11)  # noqa: S311
    people = list(numbers())
    _write(folder / "contacts.csv", ("id", "phone", "country", "state", "postcode"), _rows())
    registries = _registries(folder, people, chosen)
    _consents(folder / "consents.csv", people, chosen)
    _opt_outs(folder / "opt_outs.csv", people, chosen)
    for name, file, form in registries:
        _load(name, file, form)
    with opened() as connection:
        found = reads.account(connection, ACCOUNT)
        if found is None:
            with connection.transaction():
                made = writes.create_account(connection, ACCOUNT, "Sample Call Centre")
                seller = writes.create_seller(connection, ACCOUNT, "Sample Shop", country="US", kind="company")
                writes.link_seller(connection, made, seller)
            found = reads.account(connection, ACCOUNT)
            assert found is not None
            consent.import_csv(connection, found.id, folder / "consents.csv", sellers=[ACCOUNT], by="make run")
            suppress.import_csv(connection, found.id, folder / "opt_outs.csv", by="make run", said=True)
        key = writes.create_api_key(connection, found.id, "sample")
    known = {"account": ACCOUNT, "key": key.token}
    _keep(folder / "key.json", known)
    return known


def _registries(
    folder: Path, people: Sequence[Person], chosen: random.Random
) -> list[tuple[str, Path, Literal["ftc", "answers", "csv"]]]:
    """Files in the form each registry gives: flat for the United States, a wash's answers for Australia, else CSV."""

    def some(country: str, share: float) -> list[str]:
        here = [_digits(number) for number, where, _, _ in people if where == country]
        return sorted(chosen.sample(here, k=int(len(here) * share)))

    flat = {"us.national": some("US", 0.25), "us.state": some("US", 0.04)}
    for name, digits in flat.items():
        (folder / f"{name}.txt").write_text("".join(f"{d[:3]},{d[3:]}\n" for d in digits), encoding="ascii")
    listed = set(some("AU", 0.3))
    australian = sorted(_digits(number) for number, where, _, _ in people if where == "AU")
    _write(folder / "au.dncr.csv", ("number", "result"), [(f"+{d}", "Y" if d in listed else "N") for d in australian])
    for name, country, share in (("gb.tps", "GB", 0.3), ("gb.ctps", "GB", 0.03), ("fr.bloctel", "FR", 0.2)):
        _write(folder / f"{name}.csv", ("number",), [(f"+{digits}",) for digits in some(country, share)])
    return [
        *((name, folder / f"{name}.txt", "ftc") for name in flat),
        ("au.dncr", folder / "au.dncr.csv", "answers"),
        *((name, folder / f"{name}.csv", "csv") for name in ("gb.tps", "gb.ctps", "fr.bloctel")),
    ]


def _load(name: str, file: Path, form: Literal["ftc", "answers", "csv"]) -> None:
    """What `forbear registry load` does, without its report."""
    from forbear.cli.registry import load

    with contextlib.redirect_stdout(io.StringIO()):
        load(name, [file], form=form, covers="nation" if form == "ftc" else None, edition=None)


def _consents(path: Path, people: Sequence[Person], chosen: random.Random) -> None:
    """A signed agreement from one in five, most of them of the last year."""
    today = datetime.now(UTC).date()
    columns = ("address", "level", "given", "until", "channels", "purposes", "covers", "evidence", "names_seller")
    rows = [
        (
            _e164(number, country),
            *("express_written", today - timedelta(days=chosen.randrange(10, 500)), "indefinite", "voice sms"),
            *("marketing", "automated", "yes" if chosen.random() < 0.9 else "no", "yes"),
        )
        for number, country, _, _ in people
        if country in ("US", "GB", "FR", "DE", "AU") and chosen.random() < 0.2
    ]
    _write(path, columns, rows)


def _opt_outs(path: Path, people: Sequence[Person], chosen: random.Random) -> None:
    """Three in a hundred said stop, the list says when."""
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [
        (_e164(number, country), "voice", f"{now - timedelta(hours=chosen.randrange(2, 5000)):%Y-%m-%dT%H:%M:%SZ}")
        for number, country, _, _ in people
        if chosen.random() < 0.03
    ]
    _write(path, ("address", "channels", "at"), rows)


def _digits(number: str) -> str:
    return "".join(letter for letter in number if letter.isdigit())


def _e164(number: str, country: str) -> str:
    return ("+1" if country == "US" else "+") + _digits(number)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(rows)


def _keep(path: Path, known: dict[str, str]) -> None:
    """The sample's key is kept, readable by its owner alone, so that a second run can print its `curl` again."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(known, file)


def _known(folder: Path) -> dict[str, str] | None:
    """The sample's key if the store still knows it."""
    from uuid import UUID

    from forbear.accounts import reads
    from forbear.cli.store import opened

    try:
        known: dict[str, str] = json.loads((folder / "key.json").read_text(encoding="utf-8"))
        key = UUID(known["key"].partition(".")[0])
    except (OSError, ValueError, KeyError):
        return None
    with opened() as connection:
        found = reads.api_key(connection, key)
    return known if found is not None and not found.revoked else None


def _wash(folder: Path) -> None:
    """The list, for noon in New York of the next working day: what the sales floor would call tomorrow."""
    from forbear.cli.wash import wash

    day = datetime.now(UTC).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    source, out = folder / "contacts.csv", folder / "washed.csv"
    at = f"{day}T17:00:00Z"
    typer.echo(
        f"\n$ forbear wash {_near(source)} --account {ACCOUNT} --channel voice --purpose marketing"
        f" --kind consumer --from +12025550100 --country US --map region=state --at {at}\n"
    )
    wash(
        source,
        ACCOUNT,
        "voice",
        "marketing",
        out=out,
        kind="consumer",
        mapping="region=state",
        at=at,
        country="US",
        sender="+12025550100",
    )


def _person(base: str) -> sample_person.Shown:
    from forbear.accounts import reads
    from forbear.cli.store import opened

    with opened() as connection:
        found = reads.account(connection, ACCOUNT)
        assert found is not None, "the sample account was made"
        return sample_person.prepare(connection, found.id, ACCOUNT, base)


def _try(base: str, known: dict[str, str], person: sample_person.Shown) -> None:
    contact = {
        "channel": "voice",
        "mode": "live",
        "purpose": "marketing",
        "from": "+12025550100",
        "to": "+13055550123",
        "content": {"identifies_sender": True},
    }
    command = "forbear" if shutil.which("forbear") else _near(Path(sys.argv[0]))
    typer.echo(f"""
Try, in another terminal (the sample's numbers are fictional; the key is kept in the sample's folder):

1. Ask the running gate whether a person may be called now:

curl -s {base}/v1/decisions -H 'Authorization: Bearer {known["key"]}' \\
  -H 'Content-Type: application/json' -d '{json.dumps({"contacts": [contact]})}'

2. Say why, rule by rule with its source (the id is in the answer to 1):

{command} explain ID --account {ACCOUNT}

3. Record that this person said stop, and ask again:

{command} opt-out +13055550123 --account {ACCOUNT} --channel voice --text "do not call me again"

4. Be a person who gets mail from the sample shop: stop it, choose, ask why. Then be somebody who signs up, and
   read what would have been sent:

{person.pages}
{person.form}
{base}/outbox

5. Hand out all that is known and done about somebody, to read and to verify, and check the public log:

{command} dossier +13055550123 --account {ACCOUNT}
{command} audit verify
""")


def _near(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
