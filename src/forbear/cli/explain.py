"""`forbear explain`: why a stored decision came out as it did."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName


def register(app: typer.Typer) -> None:
    app.command(short_help="Why a stored decision came out as it did.")(explain)


def explain(
    decision: Annotated[UUID, typer.Argument(help="The decision's id.")], account: AccountName, json: AsJson = False
) -> None:
    """Every rule's word on a decision, with its source; local times; the age of each list.

    Exit code 1 where today's engine, with the same rules, does not come to the same answer.
    """
    from forbear.cli import say
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput
    from forbear.core.instants import rfc3339
    from forbear.gate.explain import explain as explained

    with opened() as connection:
        found = explained(connection, account_named(connection, account).id, decision)
    if found is None:
        raise BadInput(f"`{account}` has no decision {decision}")
    if json:
        say.as_json(found)
    else:
        say.pairs(
            [
                ("decision", found.decision),
                ("at", rfc3339(found.at)),
                ("contact", " ".join(str(word) for word in (found.channel, found.mode, found.purpose) if word)),
                ("verdict", found.verdict.value),
                ("cure", found.cure),
                ("earliest", None if found.earliest is None else rfc3339(found.earliest)),
                ("decided by", ", ".join(found.rules) or None),
                ("obligations", ", ".join(found.obligations) or None),
                ("permit", found.permit),
                ("rulebook", found.rulebook),
                ("judged again", "the same" if found.agrees else "comes out otherwise"),
            ]
        )
        typer.echo()
        ordered = sorted(found.said, key=lambda one: (not one.decided, one.rule))
        for one in ordered:
            shadow = " (shadow: it decides nothing yet)" if one.shadow else ""
            typer.echo(f"{'→' if one.decided else ' '} {one.rule}: {one.code.replace('_', ' ')}{shadow}")
            typer.echo(f"    {one.title}")
            for cite in one.cites:
                typer.echo(f"    {cite.title} (read {cite.seen}){f' {cite.url}' if cite.url else ''}")
        typer.echo()
        say.table(
            ("local time", "zone", "where"),
            [(one.time, one.zone, ", ".join(one.regions)) for one in found.local_times[:12]],
        )
        if found.lists:
            typer.echo()
            say.table(
                ("registry", "listed", "obtained", "days old", "edition"),
                [
                    (
                        one.registry,
                        "not known" if one.listed is None else "yes" if one.listed else "no",
                        None if one.obtained_at is None else rfc3339(one.obtained_at),
                        one.age_days,
                        one.edition,
                    )
                    for one in found.lists
                ],
                right="days",
            )
    raise typer.Exit(1 if found.same_engine and not found.agrees else 0)
