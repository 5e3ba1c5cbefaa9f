"""`forbear rulebook`: read the rules, see what is covered, and check rules of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.rulebook.model import Rule, Rulebook

rulebook = typer.Typer(help="The rules: list, show, what they cover, check a folder of rules.", no_args_is_help=True)
Folder = Annotated[
    Path | None, typer.Option("--rules", help="A folder of rule files instead of those shipped.", show_default=False)
]


def register(app: typer.Typer) -> None:
    app.add_typer(rulebook, name="rulebook")


def _read(folder: Path | None) -> Rulebook:
    from forbear.core.errors import BadInput
    from forbear.rulebook.load import load, shipped

    if folder is None:
        return shipped()
    if not folder.is_dir():
        raise BadInput("there is no such folder", file=str(folder))
    return load({path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.toml"))})


@rulebook.command("list")
def list_rules(
    place: Annotated[str | None, typer.Option(help="Only rules of this country or region, e.g. US-FL.")] = None,
    rules: Folder = None,
    json: AsJson = False,
) -> None:
    """Every rule: id, title, where it applies, whom it cites."""
    from forbear.cli.say import as_json, table

    book = _read(rules)
    found = [rule for rule in book.rules if place is None or _applies_at(rule, place)]
    if json:
        as_json([_brief(rule) for rule in found])
        return
    table(
        ("rule", "check", "where", "title", "source"),
        [
            (rule.id, rule.check, ", ".join(rule.applies.places) or "everywhere", rule.title, rule.cites[0].title)
            for rule in found
        ],
    )
    typer.echo(f"{len(found)} rules, {book.digest}")


@rulebook.command()
def show(
    rule: Annotated[str, typer.Argument(help="A rule's id, as verdicts name it.")],
    rules: Folder = None,
    json: AsJson = False,
) -> None:
    """One rule in full: its sources, its texts by date, its worked examples."""
    from forbear.cli.say import as_json, pairs
    from forbear.core.errors import BadInput
    from forbear.core.instants import date_of
    from forbear.rulebook.model import ALWAYS, NEVER

    book = _read(rules)
    try:
        found = book.rule(rule)
    except KeyError:
        near = [known.id for known in book.rules if rule in known.id][:5]
        todo = f"perhaps {', '.join(near)}" if near else "see `forbear rulebook list`"
        raise BadInput(f"no rule `{rule}`", todo=todo) from None
    texts = [
        "every day"
        if value.from_day == ALWAYS
        else f"from {date_of(value.from_day)}"
        if value.to_day == NEVER
        else f"{date_of(value.from_day)} to {date_of(value.to_day)}"
        for value in found.values
    ]
    if json:
        as_json(
            _brief(found)
            | {
                "file": found.file,
                "on_fail": found.on_fail.name,
                "confidence": found.confidence,
                "note": found.note or None,
                "cites": [
                    {"title": cite.title, "url": cite.url, "quote": cite.quote, "seen": date_of(cite.seen).isoformat()}
                    for cite in found.cites
                ],
                "texts": texts,
                "examples": [{"when": example.when, "want": example.want.name} for example in found.examples],
            }
        )
        return
    pairs(
        [
            ("rule", found.id),
            ("title", found.title),
            ("check", f"{found.check}, else {found.on_fail.name}" + (" (shadow)" if found.shadow else "")),
            ("where", ", ".join(found.applies.places) or "everywhere"),
            *(("text", text) for text in texts),
            *(("source", f"{cite.title} (read {date_of(cite.seen)}) {cite.url or ''}".strip()) for cite in found.cites),
            *(("quote", cite.quote) for cite in found.cites if cite.quote),
            ("confidence", found.confidence),
            ("note", found.note or None),
            *(("example", f"{example.when}: {example.want.name}") for example in found.examples),
            ("file", found.file),
        ]
    )


@rulebook.command()
def coverage(rules: Folder = None, json: AsJson = False) -> None:
    """Whose law was read, for which channels and purposes, how far and when. What is not here lets nobody through."""
    from forbear.cli.say import as_json, table
    from forbear.core.instants import date_of
    from forbear.core.words import Channel, Purpose

    book = _read(rules)
    lines = [
        {
            "places": list(line.places),
            "channels": [word.value for word in Channel if line.channels & word.bit],
            "purposes": [word.value for word in Purpose if line.purposes & word.bit],
            "status": line.status,
            "confidence": line.confidence,
            "source": line.source,
            "seen": date_of(line.seen).isoformat(),
        }
        for line in book.coverage
    ]
    if json:
        as_json(lines)
        return
    everything = len(Purpose)
    table(
        ("places", "channels", "purposes", "status", "read", "source"),
        [
            (
                ", ".join(line["places"]),
                ", ".join(line["channels"]),
                "all" if len(line["purposes"]) == everything else ", ".join(line["purposes"]),
                line["status"],
                line["seen"],
                line["source"],
            )
            for line in lines
        ],
    )


@rulebook.command()
def lint(
    folder: Annotated[Path | None, typer.Argument(help="A folder of rule files; without one, those shipped.")] = None,
) -> None:
    """Load the rules and run every worked example. Each fault is a line that names file and line; exit 2 if any."""
    from forbear.kernel.lint import lint as faults_of

    book = _read(folder)
    faults = faults_of(book)
    for fault in faults:
        typer.echo(str(fault), err=True)
    examples = sum(len(rule.examples) for rule in book.rules)
    said = f"{len(faults)} faults" if faults else "no fault"
    typer.echo(f"{len(book.rules)} rules, {examples} examples, {said}, {book.digest}")
    if faults:
        raise typer.Exit(2)


@rulebook.command()
def digest(rules: Folder = None) -> None:
    """The digest that decisions carry."""
    typer.echo(_read(rules).digest)


def _brief(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "check": rule.check,
        "places": list(rule.applies.places),
        "shadow": rule.shadow,
        "source": rule.cites[0].title,
    }


def _applies_at(rule: Rule, place: str) -> bool:
    return any(place == known or place.startswith(known + "-") for known in rule.applies.places)
