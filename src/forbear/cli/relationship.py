"""`forbear relationship`: record, end, list and import dealings with people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

relationship = typer.Typer(help="Dealings with people: add, end, list, import.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="The person: an E.164 number or an e-mail address.")]
Kind = Annotated[str, typer.Option(help="purchase, inquiry, contract, donation or customer.")]
Subject = Annotated[str | None, typer.Option(help="What it was about: your own word, as in a contact's `subject`.")]
Reference = Annotated[str | None, typer.Option(help="Where the proof is, or its words.")]


def register(app: typer.Typer) -> None:
    app.add_typer(relationship, name="relationship")


@relationship.command()
def add(
    address: Address,
    account: AccountName,
    kind: Kind,
    on: Annotated[str | None, typer.Option(metavar="DAY", help="The day of the last one.")] = None,
    seller: SellerName = None,
    ongoing: Annotated[bool | None, typer.Option("--ongoing/--not-ongoing", help="Does it go on?")] = None,
    subject: Subject = None,
    given_by_person: Annotated[
        bool | None, typer.Option("--given-by-person/--not-given-by-person", help="Did the person give this address?")
    ] = None,
    reference: Reference = None,
    json: AsJson = False,
) -> None:
    """Record a dealing. What is not said is not known, never "no"."""
    from forbear.cli import say
    from forbear.cli.store import account_named, day, one_of, opened, plainly, seller_named
    from forbear.core.instants import rfc3339
    from forbear.core.words import RelationshipKind
    from forbear.gate import relationships as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = account_named(connection, account)
        one = gate.Dealing(
            address=address,
            kind=one_of(RelationshipKind, kind, "--kind"),
            seller=seller_named(found, seller).slug,
            on=day(on, "--on"),
            ongoing=ongoing,
            subject=subject,
            given_by_person=given_by_person,
            reference=reference,
        )
        done = gate.record(connection, found.id, [one], known_by=KnownBy.OPERATOR)
    if json:
        say.as_json({"event": done.events[0], "at": rfc3339(done.at), "seq": done.seq})
    else:
        typer.echo(f"recorded at {rfc3339(done.at)}, change {done.seq}")


@relationship.command()
def end(
    address: Address,
    account: AccountName,
    kind: Kind,
    seller: SellerName = None,
    subject: Subject = None,
    reference: Reference = None,
) -> None:
    """It is over: what stands of this kind counts for nothing from now on. Exit code 1 where there was none."""
    from forbear.cli.store import account_named, one_of, opened, plainly, seller_named
    from forbear.core.words import RelationshipKind
    from forbear.gate import relationships as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = account_named(connection, account)
        one = gate.Dealing(
            address=address,
            kind=one_of(RelationshipKind, kind, "--kind"),
            seller=seller_named(found, seller).slug,
            subject=subject,
            reference=reference,
            ended=True,
        )
        ended = gate.record(connection, found.id, [one], known_by=KnownBy.OPERATOR).ended
    typer.echo(f"ended {ended} relationship{'' if ended == 1 else 's'}")
    raise typer.Exit(0 if ended else 1)


@relationship.command("list")
def list_relationships(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only of this address.")] = None,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """What the account recorded, newest first. Addresses are stored keyed and are not shown."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import relationships as gate
    from forbear.web.schema import relationship_out

    with opened() as connection, plainly():
        found = gate.listed(connection, account_named(connection, account).id, address=address, limit=most)
    say.listing(
        [relationship_out(one) for one in found],
        ("kind", "on", "ongoing", "about a subject", "gave the address", "ended"),
        lambda row: (
            *(row["kind"], row["on"] or "not known", say.told(row["ongoing"])),
            *(say.told(row["has_subject"]), say.told(row["given_by_person"]), row["ended"]),
        ),
        json=json,
    )


@relationship.command("import")
def import_list(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV (gzip and zip too): `address`, `kind`, and of `on`, `ongoing`, `subject`, `given_by_person`,"
            " `reference` those that are there."
        ),
    ],
    account: AccountName,
    by: Annotated[str, typer.Option(help="Who hands it in.")],
    seller: SellerName = None,
    column: Annotated[
        str | None, typer.Option("--map", metavar="NAME=COLUMN,...", help="Columns with other names: address=phone.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Import a list of dealings of one seller, all of it or nothing."""
    from forbear.cli.store import account_named, imported, mapped, opened, plainly, progress, seller_named
    from forbear.gate import relationships as gate

    with opened() as connection, plainly(), progress("Importing") as tick:
        found = account_named(connection, account)
        done = gate.import_csv(
            connection,
            found.id,
            file,
            seller=seller_named(found, seller).slug,
            by=by,
            columns_named=mapped(column),
            tick=tick,
        )
    imported(done, as_json=json)
