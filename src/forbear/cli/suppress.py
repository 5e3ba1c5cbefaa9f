"""`forbear suppress`: the suppression ledger: add, lift, list, import, export, hygiene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName
from forbear.core.errors import BadInput

if TYPE_CHECKING:
    from forbear.accounts.connect import Connection
    from forbear.gate.suppress import Entry, Whose

suppress = typer.Typer(help="The suppression ledger: add, lift, list, import, export, hygiene.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="An E.164 number or an e-mail address.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Reason = Annotated[str, typer.Option(help="Why.")]
Seller = Annotated[
    str | None, typer.Option("--seller", help="Of this seller, wherever it sends from; else of the account.")
]
Account = Annotated[
    str | None, typer.Option("--account", "-a", help="Of this account, or with --seller of one it serves.")
]
Partner = Annotated[str | None, typer.Option(help="Of every account this partner brought.")]
Installation = Annotated[bool, typer.Option("--installation", help="Of everybody who sends from here.")]


def _forms(asked: bool) -> None:
    if asked:
        from forbear.cli import say
        from forbear.gate.provider_forms import PROVIDERS

        ours = ("csv", "address, and of channels, at, covers, campaign, list, said, way, until, reason those there")
        say.table(("form", "what it is"), [ours, *((form.name, form.title) for form in PROVIDERS)])
        raise typer.Exit


def _forms_out(asked: bool) -> None:
    if asked:
        from forbear.cli import say
        from forbear.gate.stop_exports import FORMS

        rows = [(f.name, f.channel or "any", f.stops or "each as it is", f.title) for f in FORMS]
        say.table(("form", "channel", "stops", "what it is"), rows)
        raise typer.Exit


def register(app: typer.Typer) -> None:
    app.add_typer(suppress, name="suppress")


@suppress.command()
def add(
    address: Address,
    reason: Reason,
    by: By,
    account: Account = None,
    seller: Seller = None,
    partner: Partner = None,
    installation: Installation = False,
    channel: Annotated[
        list[str] | None, typer.Option(help="voice, sms, email; may be repeated. Else every one.")
    ] = None,
    covers: Annotated[str, typer.Option(help="all, all_but_needed, marketing, campaign or list.")] = "all",
    campaign: Annotated[str | None, typer.Option(help="With --covers campaign.")] = None,
    list_: Annotated[str | None, typer.Option("--list", help="With --covers list.")] = None,
    json: AsJson = False,
) -> None:
    """Do not contact this address: for an account, a seller wherever it sends from, a partner, or the installation."""
    from forbear.cli import say
    from forbear.cli.store import one_of, opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.core.words import Channel, OptOutScope
    from forbear.gate import suppress as gate

    channels = [one_of(Channel, one, "--channel") for one in channel or ()]
    with opened() as connection, plainly():
        found = gate.place_for(
            connection,
            _whose(connection, account, seller, partner, installation),
            address,
            reason,
            by=by,
            channels=channels,
            covers=one_of(OptOutScope, covers, "--covers"),
            campaign=campaign,
            list=list_,
        )
    if json:
        say.as_json({"event": found.event, "at": rfc3339(found.at), "seq": found.seq})
    else:
        typer.echo(f"suppressed at {rfc3339(found.at)}, change {found.seq}")


@suppress.command()
def lift(
    address: Address,
    reason: Reason,
    by: By,
    account: Account = None,
    seller: Seller = None,
    partner: Partner = None,
    installation: Installation = False,
    entry: Annotated[UUID | None, typer.Option(help="This entry alone; else every one in this scope.")] = None,
    said: Annotated[bool, typer.Option("--said", help="Also what the person said.")] = False,
    json: AsJson = False,
) -> None:
    """A named, reasoned correction: take out what stands for this address. Exit code 1 where nothing was taken out.

    What the person said is taken out with --said alone: else it ends with their own fresh opt-in.
    """
    from forbear.cli import say
    from forbear.cli.store import opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.gate import suppress as gate

    with opened() as connection, plainly():
        whose = _whose(connection, account, seller, partner, installation)
        found = gate.lift_for(connection, whose, address, reason, by=by, entry=entry, said=said)
    if json:
        receipt = {"entries": found.entries, "left_said": found.said, "event": found.event, "at": rfc3339(found.at)}
        say.as_json({**receipt, "seq": found.seq})
    else:
        typer.echo(f"lifted {len(found.entries)} {'entry' if len(found.entries) == 1 else 'entries'}")
        if found.said:
            typer.echo(f"{found.said} stand{'s' if found.said == 1 else ''} that the person said: see --said")
    raise typer.Exit(0 if found.entries else 1)


@suppress.command("list")
def list_suppressions(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only what stands for this address.")] = None,
    lifted: Annotated[bool, typer.Option("--lifted", help="Show what was lifted too, by whom and why.")] = False,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """What binds the account: its own, its sellers', its partner's and the installation's, newest first.

    Addresses are stored keyed and are not shown: see `forbear suppress export`.
    """
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import suppress as gate

    with opened() as connection, plainly():
        of = account_named(connection, account).id
        found = gate.listed(connection, of, address=address, limit=most, lifted=lifted)
    if json:
        say.as_json(found)
    elif not found:
        typer.echo("Nothing stands." if address else "Nothing stands for this account.")
    else:
        say.table(
            ("when", "whose", "stops", "said", "why"),
            [(f"{one.last_at:%Y-%m-%d}", _owner(one), _reach(one), _said(one), _why(one)) for one in found],
        )


@suppress.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A CSV, JSON, or JSON by line; gzip and zip too.")],
    account: AccountName,
    by: By,
    form: Annotated[
        str, typer.Option("--from", help="Whose form the file has: csv (ours), or a provider's; see --forms.")
    ] = "csv",
    reason: Annotated[str, typer.Option(help="Why; a provider's file says itself.")] = "imported list",
    seller: Seller = None,
    said: Annotated[bool, typer.Option("--said", help="These are opt-outs that persons gave (ours).")] = False,
    covers: Annotated[
        str | None,
        typer.Option(help="How far those reach of which the file says nothing; else all, or as its form has it."),
    ] = None,
    list_: Annotated[str | None, typer.Option("--list", help="The list that a provider's unsubscribes are of.")] = None,
    column: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME=COLUMN,...", help="Columns with other names (ours): address=phone."),
    ] = None,
    country: Annotated[str | None, typer.Option(help="Whose numbers those without + are, e.g. US.")] = None,
    forms: Annotated[
        bool, typer.Option("--forms", help="Show the forms and stop.", is_eager=True, callback=_forms)
    ] = False,
    json: AsJson = False,
) -> None:
    """Import a list, all of it or nothing: ours, or what a carrier or provider holds, with its scope.

    Ours has `address`, and what is known of `channels`, `at`, `covers`, `campaign`, `list`, `said`, `way`, `until`
    and `reason`.
    """
    from forbear.cli import say
    from forbear.cli.store import account_named, mapped, one_of, opened, plainly, progress
    from forbear.core.instants import rfc3339
    from forbear.core.words import OptOutScope
    from forbear.gate import suppress as gate

    extent = None if covers is None else one_of(OptOutScope, covers, "--covers")
    with opened() as connection, plainly(), progress("Importing") as tick:
        of = account_named(connection, account).id
        if form == "csv":
            if list_ is not None:
                raise BadInput("goes with a provider's form", key="--list", todo="write a column `list`")
            found = gate.import_csv(
                *(connection, of, file),
                by=by,
                reason=reason,
                seller=seller,
                said=said,
                covers=extent or OptOutScope.ALL,
                columns_named=mapped(column),
                country=country,
                tick=tick,
            )
        else:
            if column or said:
                raise BadInput("goes with --from csv", key="--map" if column else "--said")
            found = gate.import_from(
                *(connection, of, form, file),
                by=by,
                seller=seller,
                of_list=list_,
                covers=extent,
                country=country,
                tick=tick,
            )
    receipt = {**found._asdict(), "at": rfc3339(found.at)}
    if json:
        say.as_json(receipt)
        return
    say.pairs(
        [
            ("rows", f"{found.rows:,}"),
            ("opt-outs", f"{found.said:,}"),
            ("others", f"{found.placed:,}"),
            ("skipped", f"{found.skipped:,} that are about no suppression" if found.skipped else None),
            ("joined", f"{found.joined:,} at other addresses of the same people" if found.joined else None),
            ("digest", found.digest),
            ("at", receipt["at"]),
            ("change", found.seq),
            ("event", found.event),
        ]
    )


@suppress.command("export")
def export_list(
    account: AccountName,
    file: Annotated[Path | None, typer.Argument(help="Where to; else the screen.")] = None,
    form: Annotated[str, typer.Option("--as", help="csv (ours), jsonl, plain, or a provider's; see --forms.")] = "csv",
    seller: Seller = None,
    channel: Annotated[str | None, typer.Option(help="Only what stops voice, sms or email.")] = None,
    list_: Annotated[
        str | None, typer.Option("--list", help="Only of this list; of a provider's: what stops it.")
    ] = None,
    stops: Annotated[
        str | None, typer.Option(help="What a provider's list stops: all, marketing or list; else as its form has it.")
    ] = None,
    sender: Annotated[str | None, typer.Option(help="Whose messages, where the form says so.")] = None,
    forms: Annotated[
        bool, typer.Option("--forms", help="Show the forms and stop.", is_eager=True, callback=_forms_out)
    ] = False,
) -> None:
    """Write out what the account was told, its own and its sellers', standing now. Says what is left out, and why."""
    import os
    import sys
    from contextlib import closing

    from forbear.cli.store import account_named, one_of, opened, plainly
    from forbear.core.words import Channel
    from forbear.gate import stop_exports as gate

    tally = gate.Tally()
    with opened() as connection, plainly(), connection.transaction():
        pieces = gate.export(
            *(connection, account_named(connection, account).id, form, tally),
            seller=seller,
            channel=None if channel is None else one_of(Channel, channel, "--channel"),
            of_list=list_,
            stops=None if stops is None else one_of(gate.Stops, stops, "--stops"),
            sender=sender,
        )
        if file is None:
            for piece in pieces:
                sys.stdout.write(piece)
        else:
            part = file.with_name(f".{file.name}.part")
            try:
                with closing(os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")) as out:
                    out.writelines(pieces)
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
    typer.echo(f"{tally.written:,} written", err=True)
    for name, count in tally.left_out.items():
        typer.echo(f"{count:,} left out: {_LEFT_OUT[name]}", err=True)


_LEFT_OUT = {
    "unwritable": "the address was erased, or is kept only as a key",
    "others": "told to another account of the same seller",
    "narrower": "they reach less far than this list stops; see --stops",
    "pauses": "they end by themselves, which this list does not",
}


@suppress.command()
def hygiene(
    account: AccountName,
    seller: Seller = None,
    most: Annotated[int, typer.Option(help="How many of each kind to show.", min=0, max=10_000)] = 5,
    against: Annotated[
        Path | None, typer.Option(help="A provider's list: who said stop there and does not stand here?")
    ] = None,
    form: Annotated[str | None, typer.Option("--from", help="With --against: whose form it has.")] = None,
    country: Annotated[str | None, typer.Option(help="Whose numbers those without + are, e.g. US.")] = None,
    json: AsJson = False,
) -> None:
    """Stale, duplicate and contradictory entries, counted and shown. Changes nothing. Exit code 1 where some are."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.gate import hygiene as gate

    if (against is None) != (form is None):
        raise BadInput("go together", key="--against, --from")
    with opened() as connection, plainly():
        found = gate.report(
            *(connection, account_named(connection, account).id),
            seller=seller,
            most=most,
            against=None if against is None or form is None else (form, against),
            country=country,
        )
    if json:
        say.as_json({"at": rfc3339(found.at), "standing": found.standing, "findings": found.findings})
        raise typer.Exit(1 if found.findings else 0)
    entries = "1 entry stands" if found.standing == 1 else f"{found.standing:,} entries stand"
    typer.echo(f"{entries} at {rfc3339(found.at)}")
    if not found.findings:
        typer.echo("Nothing is stale, double or contradictory.")
    for finding in found.findings:
        typer.echo("")
        say.paragraph(f"{finding.group}, {finding.count:,}: ", finding.what)
        say.paragraph("  ", finding.todo)
        rows = [
            (
                one.entry or f"line {one.line}",
                f"{one.at:%Y-%m-%d}" if one.at else "",
                one.address or "(not known here)",
                one.covers or "",
            )
            for one in finding.items
        ]
        if rows:
            say.table(("entry", "since", "address", "covers"), rows)
        if finding.count > len(rows):
            typer.echo(f"… and {finding.count - len(rows):,} more: see --most")
    raise typer.Exit(1 if found.findings else 0)


def _whose(
    connection: Connection, account: str | None, seller: str | None, partner: str | None, installation: bool
) -> Whose:
    """Raises `BadInput` unless exactly one is named."""
    from forbear.cli.store import account_named
    from forbear.gate import suppress as gate

    if sum((account is not None, partner is not None, installation)) != 1:
        raise BadInput("whose entry?", key="--account", todo="name --account, --partner or --installation, one of them")
    if account is not None:
        return gate.of_account(connection, account_named(connection, account).id, seller)
    if seller is not None:
        raise BadInput("goes with --account", key="--seller")
    return gate.installation() if partner is None else gate.of_partner(connection, partner)


def _owner(one: Entry) -> str:
    return one.whose if one.name is None else f"{one.whose} {one.name}"


def _reach(one: Entry) -> str:
    """What it stops: `all, every channel`, `list spring news, email`."""
    word = one.campaign or one.list
    what = f"{one.covers.value} {word}" if word else one.covers.value
    return f"{what}, {' '.join(one.channels) or 'every channel'}" + (
        f", until {one.until:%Y-%m-%d}" if one.until else ""
    )


def _said(one: Entry) -> str:
    return (one.way.value if one.way else "yes") if one.said else "no"


def _why(one: Entry) -> str:
    why = one.reason if one.by is None else f"{one.reason} ({one.by})"
    if one.lifted_at is None:
        return why
    return f"{why}; lifted {one.lifted_at:%Y-%m-%d} by {one.lifted_by}: {one.lifted_because}"
