"""`forbear join`: addresses of one person, so that one "stop everything" holds at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName

if TYPE_CHECKING:
    from forbear.gate.joins import Joined

join = typer.Typer(help="Addresses of one person: add, part, list.", no_args_is_help=True)
By = Annotated[str, typer.Option(help="Who says so.")]


def register(app: typer.Typer) -> None:
    app.add_typer(join, name="join")


@join.command()
def add(
    addresses: Annotated[list[str], typer.Argument(help="Two or more: E.164 numbers, e-mail addresses.")],
    account: AccountName,
    reason: Annotated[str, typer.Option(help="How you know that they are one person's.")],
    by: By,
    json: AsJson = False,
) -> None:
    """Join addresses as one person's. What the person said of themself at one then stands at all. It only tightens."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import joins
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = joins.join(
            *(connection, account_named(connection, account).id, addresses, reason),
            by=by,
            known_by=KnownBy.OPERATOR,
        )
    _receipt(found, "joined", json)


@join.command()
def part(
    address: Annotated[str, typer.Argument(help="An E.164 number or an e-mail address.")],
    account: AccountName,
    reason: Annotated[str, typer.Option(help="Why.")],
    by: By,
    json: AsJson = False,
) -> None:
    """Part an address from the rest: it is another person's after all. What was placed at it stays."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import joins
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = joins.part(
            *(connection, account_named(connection, account).id, address, reason), by=by, known_by=KnownBy.OPERATOR
        )
    _receipt(found, "parted", json)


@join.command("list")
def list_joined(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only what is joined with this address.")] = None,
    most: Annotated[int, typer.Option(help="How many addresses.", min=1, max=100_000)] = 100,
    json: AsJson = False,
) -> None:
    """Which addresses are joined, person by person."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import joins

    with opened() as connection, plainly():
        found = joins.listed(connection, account_named(connection, account).id, address=address, limit=most)
    if json:
        say.as_json(found)
    elif not found:
        typer.echo("This address is joined with none." if address else "No addresses are joined.")
    else:
        people = list(dict.fromkeys(one.person for one in found))
        say.table(
            ("person", "address", "since", "reason", "by"),
            [
                (
                    people.index(one.person) + 1,
                    one.address or "(erased)",
                    f"{one.at:%Y-%m-%d}",
                    one.reason,
                    one.by,
                )
                for one in found
            ],
            right="person",
        )


def _receipt(found: Joined, done: str, json: bool) -> None:
    from forbear.cli import say
    from forbear.core.instants import rfc3339

    if json:
        say.as_json(
            {
                "person": found.person,
                "events": found.events,
                "placed": found.placed,
                "at": rfc3339(found.at),
                "seq": found.seq,
            }
        )
        return
    typer.echo(f"{done} at {rfc3339(found.at)}, change {found.seq}")
    if found.placed:
        typer.echo(
            f"{found.placed} suppression{' was' if found.placed == 1 else 's were'} placed: the person said stop"
        )
