"""`forbear explain`: why a stored decision came out as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from forbear.cli.obligations import Expand, say_owed
from forbear.cli.say import AsJson
from forbear.cli.store import AccountName

if TYPE_CHECKING:
    from forbear.gate.explain import Explained


def register(app: typer.Typer) -> None:
    app.command(short_help="Why a stored decision came out as it did.")(explain)


def explain(
    decision: Annotated[UUID, typer.Argument(help="The decision's id.")],
    account: AccountName,
    expand: Expand = False,
    json: AsJson = False,
) -> None:
    """Every rule's word on a decision, with its source; local times; the age of each list.

    It is judged again by the rulebook of that day and by today's. Exit code 1 where the same engine,
    with the rules of that day, does not come to the same answer.
    """
    import msgspec

    from forbear.cli import say
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput
    from forbear.core.instants import rfc3339
    from forbear.gate.explain import explain as explained
    from forbear.gate.owed import of_explained

    with opened() as connection:
        found = explained(connection, account_named(connection, account).id, decision)
    if found is None:
        raise BadInput(f"`{account}` has no decision {decision}")
    if json:
        say.as_json(msgspec.to_builtins(found) | {"obligations_detail": of_explained(found)} if expand else found)
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
                *(("override", mention) for mention in found.overrides),
                ("emergencies", ", ".join(found.alerts) or None),
                ("remarks", "; ".join(found.remarks) or None),
                ("permit", found.permit),
                ("rulebook", found.rulebook),
                ("confidence", sure(found.confidence)),
                ("judged again", _again(found)),
                ("today", _today(found)),
            ]
        )
        say_owed(of_explained(found))
        if found.missing is not None:
            typer.echo(f"What follows is what today's rules say: {found.missing}.")
        typer.echo()
        ordered = sorted(found.said, key=lambda one: (not one.decided, one.rule))
        for one in ordered:
            shadow = " (shadow: it decides nothing yet)" if one.shadow else ""
            typer.echo(f"{'→' if one.decided else ' '} {one.rule}: {one.code.replace('_', ' ')}{shadow}")
            typer.echo(f"    {one.title}")
            if one.override is not None:
                typer.echo(f"    the operator {one.override} (as shipped: {(one.as_shipped or '').replace('_', ' ')})")
            for cite in one.cites:
                typer.echo(f"    {cite.title} (read {cite.seen}){f' {cite.url}' if cite.url else ''}")
            if one.confidence is not None and (one.decided or one.confidence == "low"):
                typer.echo(f"    confidence {sure(one.confidence)}{f'; {one.note}' if one.note else ''}")
        typer.echo()
        say_coverage(found)
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
    raise typer.Exit(1 if found.same_engine and found.agrees is False else 0)


def sure(confidence: str | None) -> str | None:
    """`medium (one remove from the text, or read with doubt)`."""
    from forbear.rulebook.plain import CONFIDENCE

    return None if confidence is None else f"{confidence} ({CONFIDENCE[confidence]})"


def say_coverage(found: Explained) -> None:
    """What was read of each place the person may be in: how far, how sure, by what source, when."""
    for one in found.coverage[:12]:
        places = ", ".join(one.places[:6]) + (f" and {len(one.places) - 6} more" if len(one.places) > 6 else "")
        if one.status == "none":
            typer.echo(f"coverage {places}: the law was not read for this contact, so nobody is let through")
            continue
        typer.echo(f"coverage {places}: {one.status}, {one.confidence}, read {one.seen}: {one.source}")
        if one.note:
            typer.echo(f"    {one.note}")
    if len(found.coverage) > 12:
        typer.echo(f"… and {len(found.coverage) - 12} readings more")


def say_doubts(found: Explained) -> None:
    """Below a verdict: of each rule that decided, how sure it is and why; of an allow, what was read of the place."""
    for one in found.said:
        if one.decided and one.confidence not in (None, "high"):
            typer.echo(f"{one.rule}: {one.title}")
            typer.echo(f"    confidence {sure(one.confidence)}{f'; {one.note}' if one.note else ''}")
    if not found.rules or any(one.status == "none" for one in found.coverage):
        say_coverage(found)


def _again(found: Explained) -> str:
    if found.agrees is None:
        return f"not by its own rules: {found.missing}"
    by = "by the rulebook of that day" + ("" if found.same_engine else ", by another engine than then")
    return f"{by}: {'the same' if found.agrees else 'comes out otherwise'}"


def _today(found: Explained) -> str:
    from forbear.core.instants import rfc3339

    if found.today.rulebook == found.rulebook:
        return "the same rulebook is in force"
    if found.today.same:
        return "today's rulebook says the same"
    said = f"today's rulebook says {found.today.verdict.value}"
    if found.today.earliest is not None:
        said += f" until {rfc3339(found.today.earliest)}"
    said += f" ({', '.join(found.today.rules)})" if found.today.rules else ""
    return said + "".join(f"; override {mention}" for mention in found.today.overrides)
