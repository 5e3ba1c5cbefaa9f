"""`forbear review`: unclear messages wait for a person. Show what waits, read one, say what it meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName

if TYPE_CHECKING:
    from forbear.gate.review import Review

review = typer.Typer(help="Unclear messages that wait for a person: list, show, decide.", no_args_is_help=True)
Which = Annotated[UUID, typer.Argument(metavar="ID", help="The message's id, from `forbear review list`.")]


def register(app: typer.Typer) -> None:
    app.add_typer(review, name="review")


@review.command("list")
def list_reviews(
    account: AccountName,
    decided: Annotated[bool, typer.Option("--decided", help="Also those that were decided.")] = False,
    json: AsJson = False,
) -> None:
    """What waits, the oldest first. Marketing to these people rests until it is decided."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened
    from forbear.core.instants import rfc3339
    from forbear.gate import review as gate

    with opened() as connection:
        found = gate.listed(connection, account_named(connection, account).id, waiting=not decided, limit=1000)
    if json:
        say.as_json(found)
    elif not found:
        typer.echo("Nothing waits.")
    else:
        say.table(
            ("id", "at", "channel", "from", "words", "decided"),
            [
                (
                    one.id,
                    rfc3339(one.at // 1_000_000 * 1_000_000),
                    one.channel,
                    one.address or "erased",
                    _short(one),
                    one.outcome or "",
                )
                for one in found
            ],
        )


@review.command()
def show(review_id: Which, account: AccountName, json: AsJson = False) -> None:
    """One message, with its words and why it is not clear."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput
    from forbear.core.instants import rfc3339
    from forbear.gate import review as gate

    with opened() as connection:
        found = gate.shown(connection, account_named(connection, account).id, review_id)
    if found is None:
        raise BadInput("no such message", key="ID", todo=f"see `forbear review list --account {account}`")
    if json:
        say.as_json(found)
        return
    say.pairs(
        [
            ("from", found.address or "erased"),
            ("to", found.to),
            ("at", rfc3339(found.at)),
            ("channel", found.channel),
            ("seller", found.seller),
            ("subject", found.subject),
            ("text", found.text if found.text is not None else "erased"),
            ("why", found.why),
            ("decided", None if found.outcome is None else f"{found.outcome} by {found.decided_by}"),
        ]
    )


@review.command()
def decide(
    review_id: Which,
    account: AccountName,
    outcome: Annotated[
        str, typer.Option(help="stop; not_a_stop: marketing no longer rests; other: somebody must see to it.")
    ],
    by: Annotated[str, typer.Option(help="Who decides.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    covers: Annotated[
        str | None, typer.Option(help="With stop: all, marketing, all_but_needed …; else as the rules say.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what a message meant."""
    from forbear.cli import say
    from forbear.cli.store import account_named, one_of, opened, plainly
    from forbear.core.errors import BadInput
    from forbear.core.words import OptOutScope
    from forbear.gate import review as gate
    from forbear.ledger.kinds import KnownBy

    meant = one_of(gate.Outcome, outcome, "--outcome")
    reach = None if covers is None else one_of(OptOutScope, covers, "--covers")
    with opened() as connection, plainly():
        found = gate.decide(
            connection,
            account_named(connection, account).id,
            review_id,
            meant,
            by=by,
            reason=reason,
            covers=reach,
            known_by=KnownBy.OPERATOR,
        )
    if found is None:
        raise BadInput("no such message", key="ID", todo=f"see `forbear review list --account {account}`")
    if json:
        say.as_json(found)
    elif found.opt_outs:
        typer.echo(f"an opt-out, in force: {len(found.opt_outs)}")
    else:
        typer.echo("marketing still rests" if found.resting else "marketing no longer rests")


def _short(one: Review) -> str:
    text = " ".join((one.text or one.subject or "").split())
    return text if len(text) <= 60 else text[:59] + "…"
