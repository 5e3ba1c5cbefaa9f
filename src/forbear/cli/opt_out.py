"""`forbear opt-out`: record that somebody said stop."""

from __future__ import annotations

from typing import Annotated

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName


def register(app: typer.Typer) -> None:
    app.command("opt-out")(opt_out)


def opt_out(
    address: Annotated[str, typer.Argument(help="The person: an E.164 number or an e-mail address.")],
    account: AccountName,
    channel: Annotated[str, typer.Option(help="Where it was said: voice, sms or email.")],
    covers: Annotated[
        str | None,
        typer.Option(
            help="How far it reaches: all, all_but_needed, marketing, campaign, list or direct_marketing_objection."
            " Else as the rule for --way has it."
        ),
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="With --covers campaign.")] = None,
    list_: Annotated[str | None, typer.Option("--list", help="With --covers list.")] = None,
    seller: SellerName = None,
    way: Annotated[
        str | None, typer.Option(help="How it was said: reply, link, letter, spoken, key_press, complaint, ...")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="When it was said; else now.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="A pause the person asked for: it ends then.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="What was said: kept as evidence.")] = None,
    json: AsJson = False,
) -> None:
    """Record that somebody said stop. Once this returns, no permit that it covers is issued or redeemed."""
    from forbear.cli import say
    from forbear.cli.store import account_named, instant, one_of, opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.core.words import Channel, OptOutScope, Way
    from forbear.gate import opt_out as gate
    from forbear.ledger.kinds import KnownBy

    said = gate.OptOut(
        address=address,
        channel=one_of(Channel, channel, "--channel"),
        covers=None if covers is None else one_of(OptOutScope, covers, "--covers"),
        campaign=campaign,
        list=list_,
        seller=seller,
        way=None if way is None else one_of(Way, way, "--way"),
        at=instant(at, "--at"),
        until=instant(until, "--until"),
        text=text,
    )
    with opened() as connection, plainly():
        found = gate.opt_out(connection, account_named(connection, account).id, [said], known_by=KnownBy.OPERATOR)
    if json:
        say.as_json(  # as `POST /v1/opt-outs` answers
            {
                "events": found.events,
                "at": rfc3339(found.at),
                "seq": found.seq,
                "honour_by": found.honour_by,
                "honour_rule": found.honour_rule,
                "covers": found.covers[0],
                "reach_rule": found.reach_rules[0],
                "joined": found.joined,
            }
        )
    else:
        typer.echo(f"recorded and in force at {rfc3339(found.at)}, change {found.seq}")
        for event in found.events:
            typer.echo(f"event {event}")
        by = f" ({found.reach_rules[0]})" if found.reach_rules[0] else ""
        typer.echo(f"it covers {found.covers[0].value}{by}")
        if found.joined:
            typer.echo(
                f"it stands at {found.joined} other address{'' if found.joined == 1 else 'es'} of the person too"
            )
        if found.honour_by is not None:
            typer.echo(f"the law would have had it by {found.honour_by} ({found.honour_rule})")
