"""`forbear alert`: emergencies declared by a state, as long as they are in force."""

from __future__ import annotations

from typing import Annotated

import typer

from forbear.cli.say import AsJson

alert = typer.Typer(help="Declared emergencies: declare, end, list.", no_args_is_help=True)
By = Annotated[str, typer.Option(help="Who says so.")]


def register(app: typer.Typer) -> None:
    app.add_typer(alert, name="alert")


@alert.command()
def declare(
    place: Annotated[str, typer.Argument(help="The state, e.g. US-LA; one county: US-NY:Erie.")],
    by: By,
    source: Annotated[str, typer.Option(help="Where the declaration is: an address, or its words and number.")],
    county: Annotated[list[str] | None, typer.Option(help="Only this county; may be repeated.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="INSTANT", help="Else: now.")] = None,
    until: Annotated[str | None, typer.Option(metavar="INSTANT", help="Else: until it is ended.")] = None,
    json: AsJson = False,
) -> None:
    """Say that an emergency is declared: every decision and wash of this installation knows it from then on."""
    from forbear.cli import say
    from forbear.cli.store import instant, opened
    from forbear.gate import alerts
    from forbear.gate.rulebooks import installed

    with opened() as connection:
        made = alerts.declare(
            connection,
            place,
            by=by,
            source=source,
            counties=county or (),
            from_at=instant(start, "--from"),
            until=instant(until, "--until"),
        )
    asked = alerts.asked_about(installed(), place)
    if json:
        say.as_json({"alerts": made, "a_rule_asks": asked})
        return
    for one in made:
        typer.echo(f"declared {one}; end it with: forbear alert end {one} --by NAME")
    if not asked:
        typer.echo(f"No rule of {place.partition(':')[0]} asks about emergencies: it is recorded, and stops nothing.")


@alert.command()
def end(
    which: Annotated[str, typer.Argument(metavar="ALERT|PLACE", help="The alert's id, or a place: all of it.")],
    by: By,
) -> None:
    """An emergency is over, from now on. Exit code 1 where none was in force or coming."""
    from forbear.cli.store import opened
    from forbear.gate import alerts

    with opened() as connection:
        ended = alerts.end(connection, which, by=by)
    typer.echo(f"ended {ended} alert{'' if ended == 1 else 's'}")
    raise typer.Exit(0 if ended else 1)


@alert.command("list")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False, json: AsJson = False
) -> None:
    """What is in force and what is coming, newest first."""
    from forbear.cli import say
    from forbear.cli.store import opened
    from forbear.gate import alerts

    with opened() as connection:
        found = alerts.listed(connection, every=every)
    if json:
        say.as_json(found)
    elif not found:
        typer.echo("There is none." if every else "None is in force.")
    else:
        say.table(
            ("place", "state", "from", "until", "by", "source", "id"),
            [
                (
                    *(one.place, one.state, f"{one.from_at:%Y-%m-%d %H:%M}Z"),
                    None if (ends := one.ended_at or one.until_at) is None else f"{ends:%Y-%m-%d %H:%M}Z",
                    *(one.by, one.source, one.id),
                )
                for one in found
            ],
        )
