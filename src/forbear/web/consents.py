"""`/v1/consents`: what people agreed to, and the proof of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import FOREVER, rfc3339
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
from forbear.gate import consent as gate_consent
from forbear.web.connections import borrowed
from forbear.web.fields import (
    AddressText,
    Limit,
    Name,
    ReceiptOut,
    Text,
    Words,
    alone,
    at_of_text,
    caller,
    day_of_text,
)
from forbear.web.schema import consent_out

router = Router()


class ConsentIn(Words):
    """A consent. What is absent is not known, never "no"."""

    address: AddressText
    level: ConsentLevel
    sellers: list[Name] = Field([], max_length=100, description="Whom it covers; empty: the account's first seller")
    given: Annotated[str, Field(max_length=40, description="The instant, or the person's own date")]
    until: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="The first day without consent; absent: no period was stated"
    )
    channels: list[Channel] | None = None
    purposes: list[Purpose] | None = None
    covers: list[ConsentCover] | None = None
    names_seller: bool | None = None
    given_by_person: bool | None = Field(None, description="The person gave this address to the sender")
    evidence: Text | None = Field(None, description="Where the proof is, or its words; absent: no proof is held")


class ConsentOut(Schema):
    id: UUID
    level: ConsentLevel | None
    sellers: list[UUID]
    given: str | None
    until: str | None
    channels: list[Channel] | None
    purposes: list[Purpose] | None
    covers: list[ConsentCover] | None
    evidence: bool | None
    names_seller: bool | None
    given_by_person: bool | None
    withdrawn: datetime | None


class ConsentsOut(Schema):
    consents: list[ConsentOut]
    next: UUID | None


@router.post("/consents", response={201: ReceiptOut}, tags=["consents"])
def consent(request: HttpRequest, payload: ConsentIn) -> Status[dict[str, Any]]:
    """Record a consent with its evidence."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection, alone():
        sellers = payload.sellers or list(gate_consent.sellers_of(connection, asks.account))[:1]
        given = gate_consent.Given(
            address=payload.address,
            level=payload.level,
            sellers=sellers,
            given_at=at_of_text(payload.given, "given") if "T" in payload.given.upper() else None,
            given_day=None if "T" in payload.given.upper() else day_of_text(payload.given, "given"),
            until_day=FOREVER if payload.until == "indefinite" else day_of_text(payload.until, "until"),
            channels=payload.channels,
            purposes=payload.purposes,
            covers=payload.covers,
            names_seller=payload.names_seller,
            given_by_person=payload.given_by_person,
            evidence=payload.evidence,
        )
        found = gate_consent.give(connection, asks.account, [given], key=asks.key)
    return Status(201, {"events": found.events, "at": rfc3339(found.at), "seq": found.seq})


@router.get("/consents", response=ConsentsOut, tags=["consents"])
def consents(
    request: HttpRequest, address: str | None = None, after: UUID | None = None, limit: Limit = 100
) -> dict[str, Any]:
    """What the account recorded, newest first; of one address, if given."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection, alone():
        found = gate_consent.listed(connection, asks.account, address=address, after=after, limit=limit + 1)
    page = [consent_out(one) for one in found[:limit]]
    return {"consents": page, "next": page[-1]["id"] if len(found) > limit else None}
