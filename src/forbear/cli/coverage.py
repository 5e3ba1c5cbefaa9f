"""`forbear rulebook coverage`: whose law was read, on which topics, how far, by what source and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.rulebook.model import Coverage, Rulebook

_MARKS = {"complete": "●", "partial": "◐", "none": "–"}
_LEGEND = "● complete  ◐ partial  – nothing written  · as the country's"


def coverage(
    place: Annotated[str | None, typer.Option(help="Only this country or region, topic by topic: US-FL.")] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole of it as a Markdown page.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--folder", help="A folder of rule files instead of those shipped.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Whose law was read, by topic: how far, by what source, how sure, when. What was not lets nobody through."""
    from forbear.cli.rules import read_rules
    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.rulebook.coverage_page import page
    from forbear.rulebook.topics import laws, places_of

    book = laws(read_rules(rules))
    known = places_of(book)
    if place is not None:
        place = place.upper()
        if place not in known and place[:2] not in known:
            todo = f"law was read in {', '.join(p for p in known if len(p) == 2)}"
            raise BadInput(f"nothing was read of `{place}`, so nobody there is let through", key="--place", todo=todo)
    if write is not None:
        write.write_text(page(book), encoding="utf-8")
        typer.echo(f"wrote {write}")
    elif json:
        as_json(_as_data(book, known if place is None else (place,)))
    elif place is None:
        _matrix(book, known)
    else:
        _one(book, place)


def _matrix(book: Rulebook, known: tuple[str, ...]) -> None:
    from forbear.core.jurisdictions import name_of
    from forbear.rulebook.topics import TOPICS, cell

    typer.echo(_LEGEND)
    keys = [f"{index:>2} {title}" for index, title in enumerate(TOPICS.values(), 1)]
    for start in range(0, len(keys), 4):
        typer.echo("".join(f"{key:<30}" for key in keys[start : start + 4]).rstrip())
    typer.echo()
    typer.echo(f"{'':<28}" + "".join(f"{index:>3}" for index in range(1, len(TOPICS) + 1)))
    for place in known:
        cells = [cell(book, place, topic) for topic in TOPICS]
        marks = "".join(f"{'·' if one.inherited else _MARKS[one.status]:>3}" for one in cells)
        name = f"{place} {name_of(place)}" if name_of(place) != place else place
        typer.echo(f"{'  ' if '-' in place else ''}{name[:26]:<{26 if '-' in place else 28}}{marks}")
    typer.echo()
    typer.echo("Every other country and region: nothing was read, so nobody there is let through.")
    typer.echo("One of them topic by topic, with sources: forbear rulebook coverage --place US-FL")


def _one(book: Rulebook, place: str) -> None:
    from forbear.cli.say import paragraph
    from forbear.core.jurisdictions import name_of
    from forbear.rulebook.topics import TOPICS, cell, read_of

    typer.echo(f"{place} {name_of(place)}, by topic")
    for topic, title in TOPICS.items():
        one = cell(book, place, topic)
        status = f"as {place[:2]}: {one.status}" if one.inherited else one.status
        read = [one.confidence, None if one.seen is None else f"read {_day(one.seen)}"]
        said = [", ".join(filter(None, [status, *read])), one.source, one.note]
        paragraph(f"  {title:<26} ", ". ".join(filter(None, said)))
        if one.rules:
            paragraph(" " * 29, ", ".join(one.rules))
    typer.echo()
    readings = [book.coverage[n] for n in read_of(book, place)]
    if not readings:
        typer.echo("Nothing was read here for any channel and purpose, so nobody is let through.")
        return
    typer.echo("Read for")
    for entry in readings:
        channels, purposes = _scope(entry)
        paragraph("  ", f"{channels}: {purposes}")
        said = [f"{entry.status}, {entry.confidence}, read {_day(entry.seen)}", entry.source, entry.note]
        paragraph("    ", ". ".join(filter(None, said)))


def _as_data(book: Rulebook, places: tuple[str, ...]) -> dict[str, Any]:
    from forbear.rulebook.topics import TOPICS, cell, read_of

    numbers = sorted({n for place in places for n in read_of(book, place)})
    return {
        "rulebook": book.digest,
        "topics": [
            {
                "place": one.place,
                "topic": one.topic,
                "status": one.status,
                "of_the_country": one.inherited,
                "confidence": one.confidence,
                "source": one.source or None,
                "seen": None if one.seen is None else _day(one.seen),
                "note": one.note or None,
                "rules": list(one.rules),
            }
            for place in places
            for one in (cell(book, place, topic) for topic in TOPICS)
        ],
        "readings": [_reading(book.coverage[n]) for n in numbers],
    }


def _reading(entry: Coverage) -> dict[str, Any]:
    from forbear.core.words import Channel, Purpose, RecipientKind

    return {
        "places": list(entry.places),
        "channels": [word.value for word in Channel if entry.channels & word.bit],
        "purposes": [word.value for word in Purpose if entry.purposes & word.bit],
        "recipients": [word.value for word in RecipientKind if not entry.recipients or entry.recipients & word.bit],
        "status": entry.status,
        "confidence": entry.confidence,
        "source": entry.source,
        "note": entry.note or None,
        "seen": _day(entry.seen),
    }


def _scope(entry: Coverage) -> tuple[str, str]:
    from forbear.rulebook.coverage_page import scope

    return scope(entry)


def _day(day: int) -> str:
    from forbear.core.instants import date_of

    return date_of(day).isoformat()
