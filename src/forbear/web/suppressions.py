"""`/v1/opt-outs` and `/v1/suppressions`: who said stop, and whom an account does not contact."""

from __future__ import annotations

import tempfile
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate import hygiene as gate_hygiene
from forbear.gate import opt_out as gate_opt_out
from forbear.gate import stop_exports
from forbear.gate import suppress as gate_suppress
from forbear.ledger.kinds import KnownBy
from forbear.web import joins
from forbear.web.connections import borrowed
from forbear.web.fields import (
    AddressText,
    Instant,
    Limit,
    Name,
    ReceiptOut,
    Text,
    Words,
    alone,
    at_of_text,
    caller,
)
from forbear.web.problem import Problem

router = Router()
router.add_router("", joins.router)


class OptOutIn(Words):
    """What a person said."""

    address: AddressText
    channel: Channel = Field(description="Where it was said")
    covers: OptOutScope | None = Field(
        None, description="How far it reaches; absent: as the rule for this way of saying it has it"
    )
    campaign: Name | None = Field(None, description="With `covers: campaign`")
    list: Name | None = Field(None, description="With `covers: list`")
    seller: Name | None = Field(None, description="To whom it was said; absent: every seller of the account")
    at: Instant | None = Field(None, description="When; absent: now")
    until: Instant | None = Field(None, description="A pause the person asked for: it ends then; absent: no end")
    way: Way | None = Field(None, description="How it was said; absent: not known")
    text: Text | None = Field(None, description="What the person wrote or the agent noted: kept as evidence")


class OptOutReceiptOut(ReceiptOut):
    """It is carried out already; `honour_by` is the day by which the law would have had it."""

    honour_by: str | None = None
    honour_rule: str | None = None
    covers: OptOutScope = Field(description="How far it reaches")
    reach_rule: str | None = Field(None, description="The rules that say so; null: you did")
    joined: int = Field(description="How many other addresses of the same person it was placed at too")


@router.post("/opt-outs", response={201: OptOutReceiptOut}, tags=["opt-outs"])
def opt_out(request: HttpRequest, payload: OptOutIn) -> Status[dict[str, Any]]:
    """Record that somebody said stop. From the answer on, no permit that it covers is issued or redeemed."""
    asks = caller(request, Permission.OPT_OUT_RECORD)
    said = gate_opt_out.OptOut(
        **payload.model_dump(exclude={"at", "until"}),
        at=at_of_text(payload.at, "at"),
        until=at_of_text(payload.until, "until"),
    )
    with borrowed() as connection, alone():
        found = gate_opt_out.opt_out(connection, asks.account, [said], key=asks.key)
    receipt = {"events": found.events, "at": rfc3339(found.at), "seq": found.seq, "joined": found.joined}
    reach = {"covers": found.covers[0], "reach_rule": found.reach_rules[0]}
    return Status(201, {**receipt, **reach, "honour_by": found.honour_by, "honour_rule": found.honour_rule})


class SuppressionIn(Words):
    """Somebody not to contact, by the account's own decision. What a person said is an opt-out."""

    address: AddressText
    reason: Name
    seller: Name | None = Field(None, description="For this seller wherever it sends from; absent: for the account")
    channels: list[Channel] = Field([], description="Empty: every channel")
    covers: OptOutScope = OptOutScope.ALL
    campaign: Name | None = Field(None, description="With `covers: campaign`")
    list_: Name | None = Field(None, alias="list", description="With `covers: list`")


class SuppressionOut(Schema):
    id: UUID
    whose: Literal["installation", "partner", "account", "seller"] = Field(description="Whom it binds")
    name: str | None = Field(description="Of the partner, account or seller")
    channels: list[Channel] = Field(description="Empty: every channel")
    covers: OptOutScope
    campaign: str | None = Field(description="Its word, where you gave it and it was not erased")
    list: Annotated[str | None, Field(description="Its word, where you gave it and it was not erased")]
    said: bool = Field(description="By the person, not by a list")
    way: Way | None = Field(description="How the person said it")
    reason: str
    by: str | None = Field(description="Who placed it, where somebody did by name")
    known_by: KnownBy | None
    at: datetime
    last_at: datetime = Field(description="The last time it was said again")
    until: datetime | None = Field(description="A pause ends here; null: no end")
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_because: str | None


class SuppressionsOut(Schema):
    suppressions: list[SuppressionOut]
    next: UUID | None = Field(description="Ask for the next page with `after`; null: this was the last")


@router.post("/suppressions", response={201: ReceiptOut}, tags=["suppressions"])
def suppress(request: HttpRequest, payload: SuppressionIn) -> Status[dict[str, Any]]:
    """Put an address on the suppression list."""
    asks = caller(request, Permission.SUPPRESSION_WRITE)
    with borrowed() as connection, alone():
        found = gate_suppress.place(
            connection,
            asks.account,
            payload.address,
            payload.reason,
            by=f"key {asks.key}",
            seller=payload.seller,
            channels=payload.channels,
            covers=payload.covers,
            campaign=payload.campaign,
            list=payload.list_,
            key=asks.key,
        )
    return Status(201, {"events": [found.event], "at": rfc3339(found.at), "seq": found.seq})


@router.get("/suppressions", response=SuppressionsOut, tags=["suppressions"])
def suppressions(
    request: HttpRequest,
    address: str | None = None,
    after: UUID | None = None,
    limit: Limit = 100,
    lifted: bool = False,
) -> dict[str, Any]:
    """What binds the account and its sellers, newest first; of one address, if given. `lifted`: what was, too."""
    asks = caller(request, Permission.SUPPRESSION_READ)
    with borrowed() as connection, alone():
        found = gate_suppress.listed(
            connection, asks.account, address=address, after=after, limit=limit + 1, lifted=lifted
        )
    page = [msgspec.structs.asdict(one) for one in found[:limit]]
    return {"suppressions": page, "next": page[-1]["id"] if len(found) > limit else None}


class LiftIn(Words):
    """A correction of what the account itself placed."""

    address: AddressText
    reason: Name
    seller: Name | None = Field(None, description="What stands for this seller; absent: for the account")
    entry: UUID | None = Field(None, description="This entry alone; absent: every one that may be lifted")


class LiftedOut(Schema):
    """What was taken out, and what was left standing."""

    entries: list[UUID]
    event: UUID
    at: str
    seq: int
    left_said: int = Field(description="Left: the person said it")
    left_others: int = Field(description="Left: somebody else placed it")


@router.post("/suppressions/lift", response=LiftedOut, tags=["suppressions"])
def lift(request: HttpRequest, payload: LiftIn) -> dict[str, Any]:
    """Take out what this account placed. What the person said stays: they lift it, or a named operator does."""
    asks = caller(request, Permission.SUPPRESSION_WRITE)
    with borrowed() as connection, alone():
        found = gate_suppress.lift_own(
            connection,
            asks.account,
            payload.address,
            payload.reason,
            by=f"key {asks.key}",
            seller=payload.seller,
            entry=payload.entry,
            key=asks.key,
        )
    if found.event is None:
        raise _not_yours(found)
    return {
        "entries": found.entries,
        "event": found.event,
        "at": rfc3339(found.at),
        "seq": found.seq,
        "left_said": found.said,
        "left_others": found.others,
    }


def _not_yours(found: gate_suppress.Lifted) -> Problem:
    """Nothing was lifted: because nothing stands, or because it is not the account's to lift."""
    kind, title = "not-yours-to-lift", "This is not the account's to lift"
    if found.said:
        detail = "the person said it"
        todo = "it ends with the person's own fresh opt-in, or by a named operator's correction"
        return Problem(HTTPStatus.CONFLICT, kind, title, detail, "address", todo)
    if found.others:
        detail = "an operator or another account of this seller placed it"
        return Problem(HTTPStatus.CONFLICT, kind, title, detail, "address", "ask the operator")
    detail, todo = "nothing stands for this address here", "see GET /v1/suppressions?address=, and name the seller"
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is no such thing", detail, "address", todo)


@router.get("/suppressions/export", tags=["suppressions"])
def export(
    request: HttpRequest,
    form: str = "csv",
    seller: str | None = None,
    channel: Channel | None = None,
    list: str | None = None,
    stops: stop_exports.Stops | None = None,
    sender: str | None = None,
) -> HttpResponse:
    """The list as a file: `csv` and `jsonl` are ours, whole; `plain` and the providers' forms are addresses.

    `Forbear-Written` says how many it holds, `Forbear-Left-Out` how many not, by why: `unwritable` (the address was
    erased, or is kept only as a key), `others` (told to another account of the seller), `narrower` (it reaches less
    far than the list stops), `pauses` (it ends by itself).
    """
    asks = caller(request, Permission.SUPPRESSION_READ)
    known, tally = stop_exports.named(form), stop_exports.Tally()
    with borrowed() as connection, alone(), connection.transaction():
        pieces = stop_exports.export(
            *(connection, asks.account, form, tally),
            seller=seller,
            channel=channel,
            of_list=list,
            stops=stops,
            sender=sender,
        )
        body = "".join(pieces).encode()
    left_out = ", ".join(f"{name}={count}" for name, count in tally.left_out.items())
    ending = {"text/csv": "csv", "text/plain": "txt"}.get(known.media_type, "jsonl")
    return HttpResponse(
        body,
        content_type=f"{known.media_type}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="suppressions-{known.name}.{ending}"',
            "Cache-Control": "no-store",
            "Forbear-Written": str(tally.written),
            "Forbear-Left-Out": left_out or "none",
        },
    )


class TakenOut(Schema):
    """It is stored and in force."""

    event: UUID
    rows: int = Field(description="Of the file")
    skipped: int = Field(description="Rows that are about no suppression")
    said: int = Field(description="Entries that the person said")
    placed: int = Field(description="Entries that somebody else placed")
    joined: int = Field(description="Entries placed at other addresses of the same people")
    digest: str
    at: str
    seq: int


@router.post("/suppressions/import", response={201: TakenOut}, tags=["suppressions"])
def take_list(
    request: HttpRequest,
    form: str = "csv",
    seller: str | None = None,
    list: str | None = None,
    covers: OptOutScope | None = None,
    said: bool = False,
    country: str | None = None,
    reason: str = "imported list",
) -> Status[dict[str, Any]]:
    """Take in a list, all of it or nothing. The body is the file, as it is: ours (`csv`), or a provider's form.

    `said`: the rows of our own form are opt-outs that persons gave. Larger files go in by `forbear suppress import`.
    """
    asks = caller(request, Permission.SUPPRESSION_WRITE)
    told = {"by": f"key {asks.key}", "seller": seller, "country": country}
    with tempfile.TemporaryDirectory(prefix="forbear-list-") as place, borrowed() as connection, alone():
        file = Path(place) / "upload"
        file.write_bytes(request.body)
        if form == "csv":
            found = gate_suppress.import_csv(
                *(connection, asks.account, file),
                said=said,
                covers=covers or OptOutScope.ALL,
                reason=reason,
                **told,  # type: ignore[arg-type]
            )
        else:
            found = gate_suppress.import_from(
                *(connection, asks.account, form, file),
                of_list=list,
                covers=covers,
                **told,  # type: ignore[arg-type]
            )
    return Status(201, {**found._asdict(), "at": rfc3339(found.at)})


class ItemOut(Schema):
    entry: UUID | None
    other: UUID | None = Field(description="The entry, consent or decision that it meets")
    address: str | None = Field(description="null: not yours to know, or no longer kept")
    whose: str
    covers: OptOutScope | None
    at: datetime | None


class FindingOut(Schema):
    kind: str
    group: Literal["stale", "duplicate", "contradictory"]
    what: str
    todo: str
    count: int
    items: list[ItemOut] = Field(description="Some of them, the newest first")


class HygieneOut(Schema):
    at: str
    standing: int = Field(description="Entries that were looked at")
    findings: list[FindingOut] = Field(description="Empty: nothing is stale, double or contradictory")


@router.get("/suppressions/hygiene", response=HygieneOut, tags=["suppressions"])
def hygiene(request: HttpRequest, seller: str | None = None, limit: Limit = 10) -> dict[str, Any]:
    """Stale, duplicate and contradictory entries: counted, some shown, and what can be done. Changes nothing."""
    asks = caller(request, Permission.SUPPRESSION_READ)
    with borrowed() as connection, alone():
        found = gate_hygiene.report(connection, asks.account, seller=seller, most=limit)
    return {
        "at": rfc3339(found.at),
        "standing": found.standing,
        "findings": [
            {**msgspec.structs.asdict(one), "items": [msgspec.structs.asdict(item) for item in one.items]}
            for one in found.findings
        ],
    }
