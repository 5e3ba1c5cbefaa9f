"""`forbear rulebook`: read the rules, what they cover and which hours they leave open; check rules of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli import coverage, obligations, where
from forbear.cli.rules import read_rules
from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.rulebook.model import Citation, Rule, Rulebook, Value

rulebook = typer.Typer(
    help="The rules: list, show, the hours they leave open, what they cover, check a folder of rules.",
    no_args_is_help=True,
)
Folder = Annotated[
    Path | None, typer.Option("--folder", help="A folder of rule files instead of those shipped.", show_default=False)
]


def register(app: typer.Typer) -> None:
    app.add_typer(rulebook, name="rulebook")
    rulebook.command("where")(where.where)
    rulebook.command("coverage")(coverage.coverage)
    obligations.register(rulebook)


@rulebook.command("list")
def list_rules(
    place: Annotated[str | None, typer.Option(help="Only rules of this country or region, e.g. US-FL.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only rules of this topic: calling_hours, consent, ...")] = None,
    rules: Folder = None,
    json: AsJson = False,
) -> None:
    """Every rule: id, title, where it applies, whom it cites, how sure it is."""
    from forbear.cli.say import as_json, paragraph
    from forbear.core.errors import BadInput
    from forbear.rulebook.topics import TOPICS, laws, topics_of

    if topic is not None and topic not in TOPICS:
        raise BadInput(f"no topic `{topic}`", key="--topic", todo=f"there are: {', '.join(TOPICS)}")
    book = laws(read_rules(rules))
    found = [
        rule
        for rule in book.rules
        if (place is None or _applies_at(rule, place.upper())) and (topic is None or topic in topics_of(rule))
    ]
    if json:
        as_json([_brief(rule) for rule in found])
        return
    if not found:
        typer.echo("No rule is written for that. See `forbear rulebook coverage`.")
        return
    width = max(len(rule.id) for rule in found)
    for rule in found:
        doubt = "" if rule.confidence == "high" else f" [{rule.confidence}]"
        said = f"{rule.title}{' (shadow)' if rule.shadow else ''} ({rule.cites[0].title}){doubt}"
        paragraph(f"{rule.id:<{width}}  ", said)
    typer.echo(f"{len(found)} rules, {book.digest}")


@rulebook.command()
def show(
    rule: Annotated[str, typer.Argument(help="A rule's id, as verdicts name it.")],
    rules: Folder = None,
    json: AsJson = False,
) -> None:
    """One rule in full: what it says in plain words, its texts by date, exceptions, sources, worked examples."""
    from datetime import UTC, datetime

    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.core.instants import day_of
    from forbear.rulebook.plain import near
    from forbear.rulebook.topics import laws

    book = laws(read_rules(rules))
    try:
        found = book.rule(rule)
    except KeyError:
        close = near(book, rule)
        todo = f"perhaps {', '.join(close)}" if close else "see `forbear rulebook list`"
        raise BadInput(f"no rule `{rule}`", todo=todo) from None
    today = day_of(datetime.now(UTC).date())
    if json:
        as_json(_whole(found, book, today))
    else:
        _print(found, book, today)


def _print(rule: Rule, book: Rulebook, today: int) -> None:
    from forbear.cli.say import paragraph
    from forbear.core.instants import date_of
    from forbear.rulebook import plain
    from forbear.rulebook.told import of_override
    from forbear.rulebook.topics import TOPICS, topics_of

    typer.echo(rule.id + ("  (shadow: it decides nothing yet)" if rule.shadow else ""))
    typer.echo(rule.title)
    typer.echo()
    topics = ", ".join(TOPICS[topic] for topic in topics_of(rule))
    paragraph("  about       ", plain.about(rule.applies))
    for exempt in plain.exceptions(rule):
        paragraph("  except      ", exempt)
    paragraph("  kind        ", plain.kind(rule) + (f" ({topics})" if topics else ""))
    paragraph("  if not met  ", plain.otherwise(rule))
    paragraph("  confidence  ", f"{rule.confidence}: {plain.CONFIDENCE[rule.confidence]}")
    if rule.override:
        paragraph("  overridden  ", of_override(rule.override))
    if rule.note:
        paragraph("  note        ", rule.note)
    typer.echo()
    typer.echo("What it says, by date")
    for value in sorted(rule.values, key=lambda value: value.from_day):
        typer.echo(f"  {plain.since(value)} ({plain.state(value, today)})")
        for line in plain.text(rule, value, book):
            paragraph("    ", line)
    typer.echo()
    typer.echo("Sources")
    for cite in rule.cites:
        paragraph("    ", _cited(cite))
    typer.echo()
    typer.echo("Worked examples, run as tests")
    for example in rule.examples:
        paragraph("    ", f"{example.when}: {example.want.name}")
    beside = plain.beside(book, rule)
    typer.echo()
    typer.echo("Where it is used")
    paragraph("    ", f"in {_places(rule)}, by every decision, wash and `forbear rulebook where` about such a contact")
    calendars = dict.fromkeys(name for value in rule.values for name in value.closed_on)
    for name in calendars:
        paragraph("    ", f"with the calendar {name}: {book.calendars[name].title}")
    if beside:
        paragraph("    ", f"beside {', '.join(beside)}: the strictest decides")
    paragraph(
        "    ", f"written in {rule.file}, rulebook {book.digest}; last read {date_of(max(c.seen for c in rule.cites))}"
    )


def _cited(cite: Citation) -> str:
    from forbear.core.instants import date_of

    source = getattr(cite, "source", None)
    said = f"{cite.title} (read {date_of(cite.seen)}{f', {source}' if source else ''})"
    return said + (f" {cite.url}" if cite.url else "") + (f" “{cite.quote}”" if cite.quote else "")


@rulebook.command()
def lint(
    folder: Annotated[Path | None, typer.Argument(help="A folder of rule files; without one, those shipped.")] = None,
) -> None:
    """Load the rules and run every worked example. Each fault is a line that names file and line; exit 2 if any."""
    from forbear.kernel.lint import lint as faults_of

    book = read_rules(folder)
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
    typer.echo(read_rules(rules).digest)


def _brief(rule: Rule) -> dict[str, Any]:
    from forbear.rulebook.topics import topics_of

    return {
        "id": rule.id,
        "title": rule.title,
        "check": rule.check,
        "topics": list(topics_of(rule)),
        "places": list(rule.applies.places),
        "shadow": rule.shadow,
        "confidence": rule.confidence,
        "source": rule.cites[0].title,
    }


def _whole(rule: Rule, book: Rulebook, today: int) -> dict[str, Any]:
    from forbear.core.instants import date_of
    from forbear.rulebook import plain

    def text(value: Value) -> dict[str, Any]:
        return {
            "since": plain.since(value),
            "state": plain.state(value, today),
            "says": plain.text(rule, value, book),
        }

    return _brief(rule) | {
        "about": plain.about(rule.applies),
        "exceptions": plain.exceptions(rule),
        "on_fail": rule.on_fail.name,
        "note": rule.note or None,
        "cites": [
            {
                "title": cite.title,
                "url": cite.url,
                "quote": cite.quote,
                "source": getattr(cite, "source", None),
                "seen": date_of(cite.seen).isoformat(),
            }
            for cite in rule.cites
        ],
        "texts": [text(value) for value in rule.values],
        "examples": [{"when": example.when, "want": example.want.name} for example in rule.examples],
        "beside": plain.beside(book, rule),
        "file": rule.file,
    }


def _places(rule: Rule) -> str:
    return ", ".join(rule.applies.places) or "everywhere"


def _applies_at(rule: Rule, place: str) -> bool:
    return any(place == known or place.startswith(known + "-") for known in rule.applies.places)
