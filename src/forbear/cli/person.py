"""`forbear person`: what is held on somebody, handed out or erased; who asked to be."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forbear.accounts.connect import Connection
    from forbear.gate.erase import Erased

person = typer.Typer(help="What is held on somebody: hand it out, erase it.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="A number in full (+ and country code) or an e-mail address.")]
OfAccount = Annotated[str | None, typer.Option("--account", "-a", help="Of this account alone.", show_default=False)]
OfAll = Annotated[bool, typer.Option("--all", help="Of the whole installation.")]


def register(app: typer.Typer) -> None:
    app.add_typer(person, name="person")


@person.command()
def export(
    address: Address,
    account: OfAccount = None,
    everything: OfAll = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; else stdout.", show_default=False)] = None,
    by: Annotated[str, typer.Option(help="Who hands it out: kept with the event.")] = "operator",
) -> None:
    """Everything held on this person as JSON, with what has to be said with it (GDPR arts 15 and 20)."""
    import json

    from forbear.cli.store import of_account, opened, plainly
    from forbear.gate import access
    from forbear.gate.dossier import collect
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        made = collect(connection, address, account=of_account(connection, account, everything))
        text = json.dumps(access.export(connection, made), ensure_ascii=False, indent=2)
        access.note_exported(connection, made, by, KnownBy.OPERATOR)
    if out is None:
        typer.echo(text)
    else:
        out.touch(mode=0o600)
        out.write_text(text + "\n", encoding="utf-8")


@person.command()
def erase(
    address: Annotated[str | None, typer.Argument(help="Whom; left out with --due.", show_default=False)] = None,
    by: Annotated[str | None, typer.Option(help="Who answers for it.", show_default=False)] = None,
    reason: Annotated[str | None, typer.Option(help="Why: “asked on 12 March”.", show_default=False)] = None,
    account: OfAccount = None,
    everything: OfAll = False,
    place: Annotated[
        str | None,
        typer.Option(
            help="Where the person is, if known (US-TX, DE): whose law says what is kept.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and stay; change nothing.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Erase what a law wanted kept until now.")] = False,
    json: AsJson = False,
) -> None:
    """Erase a person. Opt-outs go on being heeded; what must be kept is named, with the rule that says so."""
    from forbear.cli import say
    from forbear.cli.store import of_account, plainly
    from forbear.core.errors import BadInput
    from forbear.gate import erase as gate_erase

    if due:
        with _owner() as owner:
            n = gate_erase.erase_due(owner)
        if json:
            say.as_json({"parts": n})
        else:
            typer.echo(f"{n:,} personal parts whose day had come are gone")
        return
    for name, value in (("ADDRESS", address), ("--by", by), ("--reason", reason)):
        if not value:
            raise BadInput("is needed", key=name)
    assert address is not None
    assert by is not None
    assert reason is not None
    with _owner() as owner, plainly():
        done = gate_erase.erase(
            *(owner, address),
            account=of_account(owner, account, everything),
            by=by,
            reason=reason,
            place=place,
            dry_run=dry_run,
        )
    if json:
        say.as_json(done)
    else:
        _say_erased(done)


@person.command()
def requests(account: OfAccount = None, json: AsJson = False) -> None:
    """Who asked to be erased and waits, the first due first."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened
    from forbear.core.instants import rfc3339
    from forbear.gate import erase as gate_erase

    with opened() as connection:
        whose = None if account is None else account_named(connection, account).id
        found = gate_erase.requests(connection, whose)
        names = dict(connection.execute("SELECT id, slug FROM accounts_account").fetchall())
    if json:
        rows = [
            {
                "event": one.event,
                "account": names[one.account],
                "address": one.address,
                "at": rfc3339(one.at),
                "due_at": rfc3339(one.due_at),
            }
            for one in found
        ]
        say.as_json({"requests": rows})
        return
    if not found:
        typer.echo("nobody waits to be erased")
        return
    say.table(
        ("due", "account", "address", "asked", "event"),
        [(rfc3339(one.due_at)[:10], names[one.account], one.address, rfc3339(one.at)[:10], one.event) for one in found],
    )


def _say_erased(done: Erased) -> None:
    from forbear.cli import say

    typer.echo("would be erased; nothing was changed" if done.dry_run else "erased")
    names = {
        "ledger_event": "events without the number",
        "ledger_decision": "decisions without the number",
        "ledger_consent": "consents ended",
        "ledger_relationship": "dealings ended",
        "ledger_outbox": "messages emptied",
        "ledger_optin": "opt-ins void",
        "ledger_erasurerequest": "requests done",
    }
    say.pairs(
        [
            ("personal parts", f"{done.parts:,}"),
            ("documents", f"{done.documents:,}"),
            *((names[name], f"{n:,}") for name, n in done.changed.items() if n and name in names),
            *([] if done.event is None else [("event", done.event)]),
        ]
    )
    typer.echo("kept:" if not done.dry_run else "would be kept:")
    for one in done.kept:
        until = f", until {one.until}" if one.until else ""
        say.paragraph("  ", f"{one.what}{until}: {one.why}")
        named = "; ".join([*one.rules, *one.cites])
        if named:
            say.paragraph("    ", named)


@contextmanager
def _owner() -> Iterator[Connection]:
    """The owner's connection: the only one that may become the erase role."""
    import os

    from forbear.accounts.connect import OWNER, connect
    from forbear.cli import embedded

    embedded.ensure()
    connection = connect(os.environ[OWNER])
    try:
        yield connection
    finally:
        connection.close()
