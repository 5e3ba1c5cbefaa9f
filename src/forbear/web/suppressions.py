"""`/v1/opt-outs` and `/v1/suppressions`: who said stop, and whom an account does not contact."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.core.words import Channel, OptOutScope
from forbear.gate import opt_out as gate_opt_out
from forbear.gate import suppress as gate_suppress
from forbear.ledger.kinds import Scope
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
from forbear.web.schema import words

router = Router()


class OptOutIn(Words):
    """What a person said."""

    address: AddressText
    channel: Channel = Field(description="Where it was said")
    covers: OptOutScope | None = Field(
        None, description="How far it reaches; absent: as the rule for this way of saying it has it"
    )
    campaign: Name | None = Field(None, description="With `covers: campaign`")
    seller: Name | None = Field(None, description="To whom it was said; absent: every seller of the account")
    at: Instant | None = Field(None, description="When; absent: now")
    text: Text | None = Field(None, description="What the person wrote or the agent noted: kept as evidence")


class OptOutReceiptOut(ReceiptOut):
    """It is carried out already; `honour_by` is the day by which the law would have had it."""

    honour_by: str | None = None
    honour_rule: str | None = None
    covers: OptOutScope = Field(description="How far it reaches")
    reach_rule: str | None = Field(None, description="The rules that say so; null: you did")


@router.post("/opt-outs", response={201: OptOutReceiptOut}, tags=["opt-outs"])
def opt_out(request: HttpRequest, payload: OptOutIn) -> Status[dict[str, Any]]:
    """Record that somebody said stop. From the answer on, no permit that it covers is issued or redeemed."""
    asks = caller(request, Permission.OPT_OUT_RECORD)
    said = gate_opt_out.OptOut(**payload.model_dump(exclude={"at"}), at=at_of_text(payload.at, "at"))
    with borrowed() as connection, alone():
        found = gate_opt_out.opt_out(connection, asks.account, [said], key=asks.key)
    receipt = {"events": found.events, "at": rfc3339(found.at), "seq": found.seq}
    reach = {"covers": found.covers[0], "reach_rule": found.reach_rules[0]}
    return Status(201, {**receipt, **reach, "honour_by": found.honour_by, "honour_rule": found.honour_rule})


class SuppressionIn(Words):
    """Somebody not to contact, by the account's own decision."""

    address: AddressText
    reason: Name
    seller: Name | None = Field(None, description="For this seller wherever it sends from; absent: for the account")
    channels: list[Channel] = Field([], description="Empty: every channel")
    covers: OptOutScope = OptOutScope.ALL


class SuppressionOut(Schema):
    id: UUID
    whose: Literal["installation", "account", "seller"]
    channels: list[Channel] = Field(description="Empty: every channel")
    covers: OptOutScope
    said: bool = Field(description="By the person, not by a list")
    reason: str
    at: datetime
    last_at: datetime


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
            key=asks.key,
        )
    return Status(201, {"events": [found.event], "at": rfc3339(found.at), "seq": found.seq})


@router.get("/suppressions", response=SuppressionsOut, tags=["suppressions"])
def suppressions(
    request: HttpRequest, address: str | None = None, after: UUID | None = None, limit: Limit = 100
) -> dict[str, Any]:
    """What binds the account and its sellers, newest first; of one address, if given."""
    asks = caller(request, Permission.SUPPRESSION_READ)
    with borrowed() as connection, alone():
        found = gate_suppress.listed(connection, asks.account, address=address, after=after, limit=limit + 1)
    page = [
        {
            "id": one.id,
            "whose": Scope(one.scope).name.lower(),
            "channels": words(Channel, one.channels),
            "covers": words(OptOutScope, one.covers)[0],
            "said": one.said,
            "reason": one.reason,
            "at": one.at,
            "last_at": one.last_at,
        }
        for one in found[:limit]
    ]
    return {"suppressions": page, "next": page[-1]["id"] if len(found) > limit else None}
