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
    seller: SellerName = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="When it was said; else now.")] = None,
    text: Annotated[str | None, typer.Option(help="What was said: kept as evidence.")] = None,
    json: AsJson = False,
) -> None:
    """Record that somebody said stop. Once this returns, no permit that it covers is issued or redeemed."""
    from forbear.cli import say
    from forbear.cli.store import account_named, instant, one_of, opened, plainly
    from forbear.core.instants import rfc3339
    from forbear.core.words import Channel, OptOutScope
    from forbear.gate import opt_out as gate
    from forbear.ledger.kinds import KnownBy

    said = gate.OptOut(
        address=address,
        channel=one_of(Channel, channel, "--channel"),
        covers=None if covers is None else one_of(OptOutScope, covers, "--covers"),
        campaign=campaign,
        seller=seller,
        at=instant(at, "--at"),
        text=text,
    )
    with opened() as connection, plainly():
        found = gate.opt_out(connection, account_named(connection, account).id, [said], known_by=KnownBy.OPERATOR)
    if json:
        say.as_json(found)
    else:
        typer.echo(f"recorded and in force at {rfc3339(found.at)}, change {found.seq}")
        by = f" ({found.reach_rules[0]})" if found.reach_rules[0] else ""
        typer.echo(f"it covers {found.covers[0].value}{by}")
        if found.honour_by is not None:
            typer.echo(f"the law would have had it by {found.honour_by} ({found.honour_rule})")
