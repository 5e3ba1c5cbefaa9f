"""`forbear rulebook shadow`: what enforcing the rules that are only watched would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.rulebook import rulebook
from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.gate.shadow import Cost

_MOST_DAYS = 14


def register(app: typer.Typer) -> None:
    """The command mounts itself under `forbear rulebook`."""


@rulebook.command()
def shadow(
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="From this day on (UTC); else the last 30 days.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", "-a", help="Only this account's contacts.")] = None,
    json: AsJson = False,
) -> None:
    """What each shadow rule would have done to the contacts decided: denied, deferred, by day and place."""
    from forbear.cli.say import as_json
    from forbear.cli.store import account_named, day, opened
    from forbear.core.instants import DAY
    from forbear.gate import rulebooks
    from forbear.gate.shadow import costs
    from forbear.ledger.writes import now

    first = day(since, "--since")
    with opened() as connection:
        whose = None if account is None else account_named(connection, account).id
        start = first * DAY if first is not None else now(connection) - 30 * DAY
        found = costs(connection, rulebooks.installed(), start, whose)
    if json:
        as_json(found)
        return
    if not found:
        typer.echo("no rule is in shadow, and none was")
    for one in found:
        _print(one)


def _print(one: Cost) -> None:
    from forbear.cli.say import table

    now = "" if one.in_shadow else " (not in shadow now)"
    typer.echo(f"{one.rule}{now}: {one.title}".rstrip(": "))
    whole = one.whole
    stopped = whole.denied + whole.deferred
    typer.echo(
        f"  would have stopped {stopped:,} of {whole.allowed:,} contacts allowed ({whole.share:.1%}):"
        f" {whole.denied:,} denied, {whole.deferred:,} deferred"
    )
    if one.stricter:
        typer.echo(f"  and denied {one.stricter:,} that waited anyway")
    if one.decision is not None:
        typer.echo(f"  one of them: forbear explain {one.decision}")
    for title, some in (("day", one.days[-_MOST_DAYS:]), ("place", one.places)):
        if some:
            table(
                (f"  {title}", "denied", "deferred", "of allowed", "share"),
                [
                    (
                        f"  {line.name or 'several countries'}",
                        f"{line.denied:,}",
                        f"{line.deferred:,}",
                        f"{line.allowed:,}",
                        f"{line.share:.1%}",
                    )
                    for line in some
                ],
                right="denied deferred of allowed share",
            )
    if len(one.days) > _MOST_DAYS:
        typer.echo(f"  and {len(one.days) - _MOST_DAYS} days before; --json lists all")
