"""`/v1/joins`: addresses of one person, so that one "stop everything" holds at all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.gate import joins as gate
from forbear.web.connections import borrowed
from forbear.web.fields import AddressText, Limit, Name, ReceiptOut, Words, alone, caller

router = Router()


class JoinIn(Words):
    """Addresses that are one person's."""

    addresses: list[AddressText] = Field(min_length=2, max_length=gate.MOST)
    reason: Name = Field(description="How you know")


class JoinedOut(ReceiptOut):
    person: UUID
    placed: int = Field(description="Suppressions that came over from the person's other addresses")


@router.post("/joins", response={201: JoinedOut}, tags=["joins"])
def join(request: HttpRequest, payload: JoinIn) -> Status[dict[str, Any]]:
    """Join addresses as one person's. What the person said of themself at one then stands at all. It only tightens."""
    asks = caller(request, Permission.SUPPRESSION_WRITE)
    with borrowed() as connection, alone():
        found = gate.join(
            *(connection, asks.account, payload.addresses, payload.reason), by=f"key {asks.key}", key=asks.key
        )
    return Status(201, _receipt(found))


class PartIn(Words):
    """An address that is another person's after all."""

    address: AddressText
    reason: Name


@router.post("/joins/part", response=JoinedOut, tags=["joins"])
def part(request: HttpRequest, payload: PartIn) -> dict[str, Any]:
    """Part an address from the rest. What was placed at it stays."""
    asks = caller(request, Permission.SUPPRESSION_WRITE)
    with borrowed() as connection, alone():
        found = gate.part(
            *(connection, asks.account, payload.address, payload.reason), by=f"key {asks.key}", key=asks.key
        )
    return _receipt(found)


class TogetherOut(Schema):
    person: UUID
    address: str | None = Field(description="null: the personal part was erased")
    at: datetime
    reason: str
    by: str


class JoinsOut(Schema):
    joined: list[TogetherOut]


@router.get("/joins", response=JoinsOut, tags=["joins"])
def joined(request: HttpRequest, address: str | None = None, limit: Limit = 1000) -> dict[str, Any]:
    """Which addresses are joined, person by person; with one address, if given."""
    asks = caller(request, Permission.SUPPRESSION_READ)
    with borrowed() as connection, alone():
        found = gate.listed(connection, asks.account, address=address, limit=limit)
    return {"joined": [msgspec.structs.asdict(one) for one in found]}


def _receipt(found: gate.Joined) -> dict[str, Any]:
    return {
        "person": found.person,
        "events": found.events,
        "placed": found.placed,
        "at": rfc3339(found.at),
        "seq": found.seq,
    }
