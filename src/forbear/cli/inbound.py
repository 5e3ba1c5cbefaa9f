"""`forbear inbound`: hear a message by hand, or say what the words mean without hearing them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

if TYPE_CHECKING:
    from forbear.gate.hearing import Heard

inbound = typer.Typer(help="What people write back: classify, hear, mail.", no_args_is_help=True)
Text = Annotated[str, typer.Argument(help="What the person wrote.")]
Languages = Annotated[
    list[str] | None, typer.Option("--language", help="A language of the person's, e.g. fr; may be repeated.")
]
Country = Annotated[str | None, typer.Option(help="The person's country, ISO 3166-1 alpha-2.")]


def register(app: typer.Typer) -> None:
    app.add_typer(inbound, name="inbound")


@inbound.command()
def classify(
    text: Text,
    language: Languages = None,
    channel: Annotated[str, typer.Option(help="sms, voice or email.")] = "sms",
    json: AsJson = False,
) -> None:
    """What a message would be taken for. Nothing is stored."""
    from forbear.cli import say
    from forbear.cli.store import one_of
    from forbear.core.hearing import classify as read
    from forbear.core.words import Channel

    found = read(text, one_of(Channel, channel, "--channel"), language or ())
    if json:
        say.as_json(found)
    else:
        say.pairs(
            [
                ("taken for", found.taken_for),
                ("why", found.why),
                ("matched", found.matched or None),
                ("language", found.language),
                ("covers", found.covers),
            ]
        )


@inbound.command()
def hear(
    text: Text,
    account: AccountName,
    sender: Annotated[str, typer.Option("--from", help="Who wrote it: an E.164 number or an e-mail address.")],
    message: Annotated[str, typer.Option(help="The message's id with its carrier: heard again it counts once.")],
    channel: Annotated[str, typer.Option(help="sms, voice or email.")] = "sms",
    to: Annotated[str | None, typer.Option(help="Our number or address.")] = None,
    seller: SellerName = None,
    language: Languages = None,
    country: Country = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="When it was written; else now.")] = None,
    json: AsJson = False,
) -> None:
    """Hear what somebody wrote, as `POST /v1/inbound` does. A stop is in force when this returns."""
    from forbear.cli.store import account_named, instant, one_of, opened, plainly
    from forbear.core.words import Channel
    from forbear.gate.hearing import Inbound
    from forbear.gate.hearing import hear as gate
    from forbear.ledger.kinds import KnownBy

    said = Inbound(
        channel=one_of(Channel, channel, "--channel"),
        sender=sender,
        message=message,
        to=to,
        text=text,
        seller=seller,
        languages=tuple(language or ()),
        country=country,
        at=instant(at, "--at"),
    )
    with opened() as connection, plainly():
        found = gate(connection, account_named(connection, account).id, said, known_by=KnownBy.OPERATOR)
    _say([found], json)


@inbound.command()
def mail(
    file: Annotated[Path, typer.Argument(help="A whole mail (RFC 5322); - reads it from standard input.")],
    account: AccountName,
    seller: SellerName = None,
    language: Languages = None,
    country: Country = None,
    json: AsJson = False,
) -> None:
    """Hear a mail: a reply, an automatic reply, a complaint (ARF) or a delivery report (DSN). For a mail alias."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import mail_heard
    from forbear.ledger.kinds import KnownBy

    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    with opened() as connection, plainly():
        found = mail_heard.hear(
            connection,
            account_named(connection, account).id,
            raw,
            seller=seller,
            languages=tuple(language or ()),
            country=country,
            known_by=KnownBy.OPERATOR,
        )
    _say(found, json)


def _say(found: list[Heard], json: bool) -> None:
    from forbear.cli import say

    if json:
        say.as_json(found)
    elif not found:
        typer.echo("It is about nobody.")
    for one in [] if json else found:
        repeated = " (heard before)" if one.repeated else ""
        typer.echo(f"{one.taken_for}: {one.why}{repeated}")
