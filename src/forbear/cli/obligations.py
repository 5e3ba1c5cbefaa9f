"""`forbear rulebook obligations`, and how `decide` and `explain` say what an allowed contact owes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.rulebook.obligations import Obligation

Expand = Annotated[bool, typer.Option("--expand", help="With --json: say also what each obligation asks.")]


def obligations(
    word: Annotated[
        str | None, typer.Argument(help="One word, as verdicts name it; without one, all.", show_default=False)
    ] = None,
    place: Annotated[str | None, typer.Option(help="Only what is asked there, in its wording: FR, US-FL, ...")] = None,
    language: Annotated[str | None, typer.Option(help="The wording in this language: fr, de, ...")] = None,
    json: AsJson = False,
) -> None:
    """What an allowed contact can owe: what to do, a text to say or show, by which rules."""
    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.gate.rulebooks import installed
    from forbear.rulebook import obligations as book

    known, rules = book.shipped(), installed().rules
    place = place.upper() if place else None
    if word is not None and word not in known.entries:
        raise BadInput(f"no obligation `{word}`", todo=f"there are: {', '.join(known.entries)}")
    if language is not None and language not in known.sure:
        raise BadInput(f"no wording in `{language}`", key="--language", todo=f"there are: {', '.join(known.sure)}")
    words = [word] if word else [one for one in known.entries if place is None or book.asking(rules, one, place)]
    found = book.owed(words, place, language, book.terms_of(rules, [place] if place else ()) if place else ())
    asking = {one.word: [rule.id for rule in book.asking(rules, one.word, place)] for one in found}
    if json:
        as_json([{"obligation": one, "rules": asking[one.word]} for one in found])
        return
    if not found:
        typer.echo(f"No rule asks anything of a contact in {place}. See `forbear rulebook coverage`.")
        return
    for number, one in enumerate(found):
        if number:
            typer.echo()
        typer.echo(f"{one.word}: {one.title}")
        typer.echo(f"  {one.what}")
        say_terms(one)
        say_wording(one)
        if place or word:
            typer.echo(f"  asked by {', '.join(asking[one.word]) or 'no rule'}")


def say_owed(found: Iterable[Obligation]) -> None:
    """One or more lines an obligation, for people."""
    for one in found:
        typer.echo(f"owes {one.word}: {one.title}")
        say_terms(one)
        say_wording(one)


def say_terms(one: Obligation) -> None:
    if one.within_seconds is not None:
        typer.echo(f"  within {one.within_seconds} seconds")
    if one.works_days is not None:
        typer.echo(f"  and it works for {one.works_days} days after")


def say_wording(one: Obligation) -> None:
    for header in one.headers:
        typer.echo(f"  header {header}")
    for text in one.texts:
        typer.echo(f"  {one.language or 'any'} “{text}”")


def register(rulebook: typer.Typer) -> None:
    rulebook.command("obligations")(obligations)
