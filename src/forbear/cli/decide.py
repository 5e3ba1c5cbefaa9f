"""`forbear decide`: ask the gate about one contact, or about the contacts of a JSON request; the decision is stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.explain import say_doubts, sure
from forbear.cli.obligations import Expand, say_owed
from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, OwnRules

if TYPE_CHECKING:
    from forbear.gate.contact import Contact, Decided


def register(app: typer.Typer) -> None:
    app.command(short_help="May this contact be made, now?")(decide)


def decide(
    account: AccountName,
    request: Annotated[
        Path | None,
        typer.Argument(help="A JSON request as POST /v1/decisions takes it; `-` reads stdin.", show_default=False),
    ] = None,
    to: Annotated[str | None, typer.Option(help="The person: an E.164 number or an e-mail address.")] = None,
    channel: Annotated[str | None, typer.Option(help="voice, sms or email.")] = None,
    purpose: Annotated[str | None, typer.Option(help="marketing, informational, debt_collection, ...")] = None,
    mode: Annotated[str | None, typer.Option(help="voice: live, predictive, prerecorded, ai_voice.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="What the person will see as sender.")] = None,
    seller: Annotated[str | None, typer.Option(help="The seller; else the account's first.")] = None,
    region: Annotated[str | None, typer.Option(help="Where the person is said to be: US-FL, AU-NSW, ...")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key gives the same answer.")] = None,
    redeem: Annotated[bool, typer.Option("--redeem", help="The contact is being made now.")] = False,
    rules: OwnRules = None,
    expand: Expand = False,
    json: AsJson = False,
) -> None:
    """May this contact be made, now? Exit code 0 when every contact is allowed, else 1."""
    from forbear.cli.store import account_named, opened
    from forbear.core.codes import Verdict
    from forbear.core.errors import BadInput
    from forbear.gate import rulebooks
    from forbear.gate.contact import Asked, Decided, Refused
    from forbear.gate.decide import decide as ask
    from forbear.gate.explain import explain as explained

    rulebooks.use(rules)

    if request is not None:
        contacts, redeem, key, asked_for = _read(request, redeem, key)
        expand = expand or asked_for
    else:
        known = {"to": to, "channel": channel, "purpose": purpose, "mode": mode, "from": from_, "seller": seller}
        said: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        if region is not None:
            said["recipient"] = {"country": region[:2], **({"region": region} if "-" in region else {})}
        contacts = [_contact(said)]
    with opened() as connection:
        found = account_named(connection, account)
        (decided,) = ask(connection, [Asked(account=found.id, contacts=contacts, idempotency_key=key, redeem=redeem)])
        doubts = None
        if isinstance(decided, Decided) and len(decided.answers) == 1 and not json:
            doubts = explained(connection, found.id, decided.answers[0].decision)
    if isinstance(decided, Refused):
        raise BadInput(decided.what)
    if isinstance(decided, Exception):
        raise decided
    _print(decided, contacts, as_json=json, expand=expand)
    if doubts is not None:
        say_doubts(doubts)
    raise typer.Exit(0 if all(answer.verdict is Verdict.ALLOW for answer in decided.answers) else 1)


def _contact(said: dict[str, Any]) -> Contact:
    import msgspec

    from forbear.core.errors import BadInput
    from forbear.gate.contact import Contact

    for needed in ("to", "channel", "purpose"):
        if needed not in said:
            raise BadInput("is needed", key=f"--{needed}", todo="or give a JSON request")
    try:
        return msgspec.convert(said, Contact)
    except msgspec.ValidationError as error:
        raise BadInput(str(error)) from None


def _read(request: Path, redeem: bool, key: str | None) -> tuple[list[Contact], bool, str | None, bool]:
    from forbear.core.errors import BadInput
    from forbear.web.decisions import parse
    from forbear.web.limits import MAX_BODY
    from forbear.web.problem import Problem

    name = "stdin" if str(request) == "-" else str(request)
    if name == "stdin":
        body = sys.stdin.buffer.read(MAX_BODY + 1)
    else:
        with request.open("rb") as file:
            body = file.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise BadInput(f"is larger than {MAX_BODY:,} bytes", file=name, todo="wash a list instead: `forbear wash`")
    try:
        asked = parse("application/json", body)
    except Problem as problem:
        raise BadInput(problem.detail or problem.title, file=name, key=problem.key, todo=problem.todo) from None
    return asked.contacts, asked.redeem or redeem, key or asked.idempotency_key, bool(asked.expand)


def _print(decided: Decided, contacts: list[Contact], *, as_json: bool, expand: bool) -> None:
    from forbear.cli import say
    from forbear.core.instants import rfc3339
    from forbear.gate.owed import of_contacts
    from forbear.web.decisions import in_words, on_the_wire

    if as_json:
        say.as_json(in_words(decided, contacts) if expand else on_the_wire(decided))
        return
    if len(decided.answers) > 1:
        rows = [
            (
                contact.to,
                answer.verdict,
                answer.cure,
                None if answer.earliest is None else rfc3339(answer.earliest),
                " ".join(answer.rules),
                "; ".join(answer.overrides),
                answer.decision,
            )
            for contact, answer in zip(contacts, decided.answers, strict=True)
        ]
        say.table(("to", "verdict", "cure", "earliest", "rules", "overrides", "decision"), rows)
        return
    (answer,) = decided.answers
    say.pairs(
        [
            ("verdict", answer.verdict.value),
            ("cure", answer.cure),
            ("earliest", None if answer.earliest is None else rfc3339(answer.earliest)),
            ("rules", ", ".join(answer.rules) or None),
            ("obligations", ", ".join(answer.obligations) or None),
            *(("override", mention) for mention in answer.overrides),
            ("permit", None if answer.permit is None else f"{answer.permit} until {rfc3339(answer.expires_at or 0)}"),
            ("decision", answer.decision),
            ("rulebook", decided.rulebook),
            ("confidence", sure(answer.confidence)),
        ]
    )
    say_owed(of_contacts(contacts, [answer.obligations], decided.at)[0])
