"""`forbear consent`: record, withdraw, list and import consents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

consent = typer.Typer(help="Consents: add, withdraw, list, import.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="The person: an E.164 number or an e-mail address.")]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="voice, sms, email; may be repeated.")]


def register(app: typer.Typer) -> None:
    app.add_typer(consent, name="consent")


@consent.command()
def add(
    address: Address,
    account: AccountName,
    level: Annotated[str, typer.Option(help="inferred, soft_opt_in, express, express_oral or express_written.")],
    given: Annotated[str, typer.Option(metavar="DAY|INSTANT", help="When: the person's own date, or an instant.")],
    seller: SellerName = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The first day without consent, or `indefinite`.")
    ] = None,
    channel: Channels = None,
    purpose: Annotated[list[str] | None, typer.Option(help="marketing, ...; may be repeated.")] = None,
    covers: Annotated[list[str] | None, typer.Option(help="automated, out_of_hours; may be repeated.")] = None,
    names_seller: Annotated[
        bool | None, typer.Option("--names-seller/--no-names-seller", help="Does it name the seller?")
    ] = None,
    given_by_person: Annotated[
        bool | None, typer.Option("--given-by-person/--not-given-by-person", help="Did the person give this address?")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option(help="Where the proof is, or its words. None: no proof is held.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Record a consent. What is not said is not known, never "no"."""
    from forbear.cli import say
    from forbear.cli.store import account_named, day, instant, one_of, opened, plainly, seller_named
    from forbear.core.instants import FOREVER, rfc3339
    from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
    from forbear.gate import consent as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = account_named(connection, account)
        one = gate.Given(
            address=address,
            level=one_of(ConsentLevel, level, "--level"),
            sellers=[seller_named(found, seller).slug],
            given_at=instant(given, "--given") if "T" in given.upper() else None,
            given_day=None if "T" in given.upper() else day(given, "--given"),
            until_day=FOREVER if until == "indefinite" else day(until, "--until"),
            channels=None if channel is None else [one_of(Channel, word, "--channel") for word in channel],
            purposes=None if purpose is None else [one_of(Purpose, word, "--purpose") for word in purpose],
            covers=None if covers is None else [one_of(ConsentCover, word, "--covers") for word in covers],
            names_seller=names_seller,
            given_by_person=given_by_person,
            evidence=evidence,
        )
        done = gate.give(connection, found.id, [one], known_by=KnownBy.OPERATOR)
    if json:
        say.as_json({"event": done.events[0], "at": rfc3339(done.at), "seq": done.seq})
    else:
        typer.echo(f"recorded at {rfc3339(done.at)}, change {done.seq}")


@consent.command()
def withdraw(
    address: Address,
    account: AccountName,
    seller: SellerName = None,
    channel: Channels = None,
    text: Annotated[str | None, typer.Option(help="What was said: kept as evidence.")] = None,
) -> None:
    """The person takes it back: for one seller, or all of the account's. Exit code 1 where there was none."""
    from forbear.cli.store import account_named, one_of, opened, plainly
    from forbear.core.words import Channel
    from forbear.gate import consent as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        ended = gate.withdraw(
            connection,
            account_named(connection, account).id,
            address,
            sellers=[seller] if seller else (),
            channels=[one_of(Channel, word, "--channel") for word in channel or ()],
            text=text,
            known_by=KnownBy.OPERATOR,
        )
    typer.echo(f"ended {ended} consent{'' if ended == 1 else 's'}")
    raise typer.Exit(0 if ended else 1)


@consent.command("list")
def list_consents(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only of this address.")] = None,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """What the account recorded, newest first. Addresses are stored keyed and are not shown."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import consent as gate
    from forbear.web.schema import consent_out

    with opened() as connection, plainly():
        found = gate.listed(connection, account_named(connection, account).id, address=address, limit=most)
    rows = [consent_out(one) for one in found]
    if json:
        say.as_json(rows)
    elif not rows:
        typer.echo("There is none.")
    else:
        say.table(
            ("level", "given", "until", "channels", "purposes", "proof", "withdrawn"),
            [
                (
                    row["level"],
                    row["given"],
                    row["until"] or "not stated",
                    "not stated" if row["channels"] is None else ", ".join(row["channels"]),
                    "not stated" if row["purposes"] is None else ", ".join(row["purposes"]),
                    {None: "not known", True: "held", False: "none"}[row["evidence"]],
                    row["withdrawn"],
                )
                for row in rows
            ],
        )


@consent.command("import")
def import_list(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV (gzip and zip too): `address`, `level`, and of `given`, `until`, `channels`, `purposes`,"
            " `covers`, `evidence`, `names_seller`, `given_by_person` those that are there."
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
    """Import a list of consents to one seller, all of it or nothing."""
    from forbear.cli.store import account_named, imported, mapped, opened, plainly, progress, seller_named
    from forbear.gate import consent as gate

    with opened() as connection, plainly(), progress("Importing") as tick:
        found = account_named(connection, account)
        done = gate.import_csv(
            connection,
            found.id,
            file,
            sellers=[seller_named(found, seller).slug],
            by=by,
            columns_named=mapped(column),
            tick=tick,
        )
    imported(done, as_json=json)
