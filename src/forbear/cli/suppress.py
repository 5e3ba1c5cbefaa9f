"""`forbear suppress`: the suppression list: add, lift, list, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

suppress = typer.Typer(help="The suppression list: add, lift, list, import.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="An E.164 number or an e-mail address.")]
By = Annotated[str, typer.Option(help="Who says so.")]


def register(app: typer.Typer) -> None:
    app.add_typer(suppress, name="suppress")


@suppress.command()
def add(
    address: Address,
    account: AccountName,
    reason: Annotated[str, typer.Option(help="Why.")],
    by: By,
    seller: SellerName = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="voice, sms, email; may be repeated. Else every one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Do not contact this address: for the account, or for one seller wherever it sends from."""
    from forbear.cli import say
    from forbear.cli.store import account_named, one_of, opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.core.words import Channel
    from forbear.gate import suppress as gate
    from forbear.ledger.kinds import KnownBy

    channels = [one_of(Channel, one, "--channel") for one in channel or ()]
    with opened() as connection, plainly():
        found = gate.place(
            connection,
            account_named(connection, account).id,
            address,
            reason,
            by=by,
            seller=seller,
            channels=channels,
            known_by=KnownBy.OPERATOR,
        )
    if json:
        say.as_json({"event": found.event, "at": rfc3339(found.at), "seq": found.seq})
    else:
        typer.echo(f"suppressed at {rfc3339(found.at)}, change {found.seq}")


@suppress.command()
def lift(
    address: Address,
    account: AccountName,
    reason: Annotated[str, typer.Option(help="Why.")],
    by: By,
    seller: SellerName = None,
) -> None:
    """A named, reasoned correction: lift what stands for this address. Exit code 1 where nothing stood."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import suppress as gate

    with opened() as connection, plainly():
        lifted = gate.lift(connection, account_named(connection, account).id, address, reason, by=by, seller=seller)
    typer.echo(f"lifted {lifted} {'entry' if lifted == 1 else 'entries'}")
    raise typer.Exit(0 if lifted else 1)


@suppress.command("list")
def list_suppressions(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only what stands for this address.")] = None,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """What binds the account and its sellers, newest first. Addresses are stored keyed and are not shown."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.words import Channel, OptOutScope
    from forbear.gate import suppress as gate
    from forbear.ledger.kinds import Scope
    from forbear.web.schema import words

    with opened() as connection, plainly():
        found = gate.listed(connection, account_named(connection, account).id, address=address, limit=most)
    rows = [
        {
            "at": one.last_at,
            "whose": Scope(one.scope).name.lower(),
            "channels": words(Channel, one.channels),
            "covers": words(OptOutScope, one.covers)[0],
            "said": one.said,
            "reason": one.reason,
            "id": one.id,
        }
        for one in found
    ]
    if json:
        say.as_json(rows)
    elif not rows:
        typer.echo("Nothing stands." if address else "Nothing stands for this account.")
    else:
        say.table(
            ("at", "whose", "channels", "covers", "by the person", "reason"),
            [
                (
                    f"{row['at']:%Y-%m-%d %H:%M}Z",
                    row["whose"],
                    ", ".join(row["channels"]) or "every",  # type: ignore[arg-type]
                    row["covers"],
                    "yes" if row["said"] else "no",
                    row["reason"],
                )
                for row in rows
            ],
        )


@suppress.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A CSV (gzip and zip too): `address`, and `channels`, `at` if there.")],
    account: AccountName,
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "imported list",
    seller: SellerName = None,
    said: Annotated[bool, typer.Option("--said", help="These are opt-outs that persons gave.")] = False,
    column: Annotated[
        str | None, typer.Option("--map", metavar="NAME=COLUMN,...", help="Columns with other names: address=phone.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Whose numbers those without + are, e.g. US.")] = None,
    json: AsJson = False,
) -> None:
    """Import a list, all of it or nothing."""
    from forbear.cli.store import account_named, imported, mapped, opened, plainly, progress
    from forbear.gate import suppress as gate

    with opened() as connection, plainly(), progress("Importing") as tick:
        found = gate.import_csv(
            connection,
            account_named(connection, account).id,
            file,
            by=by,
            reason=reason,
            seller=seller,
            said=said,
            columns_named=mapped(column),
            country=country,
            tick=tick,
        )
    imported(found, as_json=json)
