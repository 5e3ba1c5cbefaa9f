"""`/v1/consents`: what people agreed to, and the proof of it; the words they were shown; receipts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import FOREVER, rfc3339
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
from forbear.gate import consent as gate_consent
from forbear.gate import receipts as gate_receipts
from forbear.gate import wording as gate_wording
from forbear.gate.consent import Method
from forbear.ledger import blobs
from forbear.ledger import consents as stored
from forbear.ledger.evidence import Controller, Wording
from forbear.ledger.writes import Promise
from forbear.web import evidence
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
from forbear.web.problem import not_found
from forbear.web.schema import consent_out, words

router = Router()
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$", description="`sha256:` and 64 hex digits")]


class PromiseIn(Words):
    """A frequency that was promised: it becomes a cap."""

    messages: Annotated[int, Field(ge=1, le=32767)]
    days: Annotated[int, Field(ge=1, le=400, description="As long as contacts are counted")]


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
    method: Method | None = Field(None, description="How it was collected")
    wording: Digest | None = Field(None, description="The words that were shown: see `POST /v1/wordings`")
    language: Annotated[str, Field(max_length=16)] | None = Field(None, description="Absent: that of the wording")
    page: Annotated[str, Field(max_length=2000)] | None = Field(None, description="Where it was asked; kept apart")
    ip: Annotated[str, Field(max_length=45)] | None = Field(
        None, description="Kept apart, and only where the seller's policy keeps it: see `PUT /v1/controllers/{seller}`"
    )
    subscribed: Name | None = Field(None, alias="list", description="The list it is for, in your own word")
    promised: PromiseIn | None = None
    documents: list[Digest] = Field(
        [], max_length=gate_consent.MOST_DOCUMENTS, description="What was uploaded before: see `POST /v1/evidence`"
    )
    evidence: Text | None = Field(None, description="Where the proof is, or its words; absent: none of this kind")


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
    known_by: str = Field(description="`observed`: by a form of ours; `account`, `operator`, `import`: by their word")
    wording: str | None
    promised: PromiseIn | None
    withdrawn: datetime | None


class ConsentsOut(Schema):
    consents: list[ConsentOut]
    next: UUID | None


class WithdrawalIn(Words):
    """The person takes consent back: in whole, or for these sellers, channels and purposes. The rest stays."""

    address: AddressText
    sellers: list[Name] = Field([], max_length=100, description="Empty: every seller of the account")
    channels: list[Channel] = Field([], description="Empty: every channel")
    purposes: list[Purpose] = Field([], description="Empty: every purpose")
    text: Text | None = Field(None, description="What was said: kept as evidence")


class WithdrawnOut(Schema):
    withdrawn: int = Field(description="How many consents it reached")


class UseOut(Schema):
    decision: UUID
    at: datetime
    channel: Channel
    purpose: Purpose
    seller: UUID


class UsesOut(Schema):
    uses: list[UseOut]
    next: UUID | None


class WordingIn(Words):
    """Words shown to people, kept to the byte."""

    name: Name
    version: Annotated[str, Field(min_length=1, max_length=60)]
    language: Annotated[str, Field(max_length=16, description="BCP 47")]
    text: Annotated[str, Field(min_length=1, max_length=gate_wording.LONGEST)]


class WordingOut(Schema):
    digest: str
    name: str
    version: str
    language: str
    text: str
    at: datetime


class WordingsOut(Schema):
    wordings: list[WordingOut]


class ControllerIn(Words):
    """What receipts say of a seller, and what is kept of people who consent."""

    address: Annotated[str, Field(max_length=500, description="Postal address")] = ""
    contact: Annotated[str, Field(max_length=300, description="Where people write to")] = ""
    url: Annotated[str, Field(max_length=300, description="Its privacy notice")] = ""
    storage: Annotated[str, Field(max_length=200, description="Where the records are; empty: the home region")] = ""
    retention: Annotated[str, Field(max_length=300, description="How long they are kept")] = ""
    keep_ip: bool = Field(False, description="Keep the IP address of people who consent")


@router.post("/consents", response={201: ReceiptOut}, tags=["consents"])
def consent(request: HttpRequest, payload: ConsentIn) -> Status[dict[str, Any]]:
    """Record a consent with its evidence."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection, alone():
        sellers = payload.sellers or list(gate_consent.sellers_of(connection, asks.account))[:1]
        timed = "T" in payload.given.upper()
        given = gate_consent.Given(
            address=payload.address,
            level=payload.level,
            sellers=sellers,
            given_at=at_of_text(payload.given, "given") if timed else None,
            given_day=None if timed else day_of_text(payload.given, "given"),
            until_day=FOREVER if payload.until == "indefinite" else day_of_text(payload.until, "until"),
            channels=payload.channels,
            purposes=payload.purposes,
            covers=payload.covers,
            names_seller=payload.names_seller,
            given_by_person=payload.given_by_person,
            method=payload.method,
            wording=payload.wording,
            language=payload.language,
            page=payload.page,
            ip=payload.ip,
            subscribed=payload.subscribed,
            promised=None if payload.promised is None else Promise(payload.promised.messages, payload.promised.days),
            documents=payload.documents,
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


@router.post("/consents/withdrawals", response={201: WithdrawnOut}, tags=["consents"])
def withdraw(request: HttpRequest, payload: WithdrawalIn) -> Status[dict[str, Any]]:
    """The person takes consent back."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection, alone():
        done = gate_consent.withdraw(
            connection,
            asks.account,
            payload.address,
            sellers=payload.sellers,
            channels=payload.channels,
            purposes=payload.purposes,
            text=payload.text,
            key=asks.key,
        )
    return Status(201, {"withdrawn": done})


@router.get("/consents/{consent}", response=ConsentOut, tags=["consents"])
def one_consent(request: HttpRequest, consent: UUID) -> dict[str, Any]:
    """One consent as it stands."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        return consent_out(_known(stored.consent(connection, asks.account, consent)))


@router.get("/consents/{consent}/receipt", tags=["consents"])
def receipt(request: HttpRequest, consent: UUID) -> dict[str, Any]:
    """Its receipt, in the fields of ISO/IEC TS 27560."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        found = gate_receipts.receipt(connection, asks.account, consent)
    if found is None:
        raise not_found("consent")
    return found


@router.get("/consents/{consent}/uses", response=UsesOut, tags=["consents"])
def uses(request: HttpRequest, consent: UUID, after: UUID | None = None, limit: Limit = 100) -> dict[str, Any]:
    """The account's contacts that were allowed while it stood and that it allows, newest first."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        known = _known(stored.consent(connection, asks.account, consent))
        found = stored.uses(connection, known, after=after, limit=limit + 1)
    page = [
        one._asdict() | {"channel": words(Channel, one.channel)[0], "purpose": words(Purpose, one.purpose)[0]}
        for one in found[:limit]
    ]
    return {"uses": page, "next": page[-1]["decision"] if len(found) > limit else None}


@router.post("/wordings", response={200: WordingOut, 201: WordingOut}, tags=["consents"])
def keep_wording(request: HttpRequest, payload: WordingIn) -> Status[dict[str, Any]]:
    """Keep words that people are shown, once; the same text again (200) is what was kept first."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection:
        new = gate_wording.NewWording(**payload.model_dump())
        found = gate_wording.keep(connection, asks.account, new, key=asks.key)
    return Status(201 if found.new else 200, wording_out(found.wording))


@router.get("/wordings", response=WordingsOut, tags=["consents"])
def wordings(request: HttpRequest) -> dict[str, Any]:
    """Every wording of the account."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        return {"wordings": [wording_out(one) for one in gate_wording.listed(connection, asks.account)]}


@router.get("/wordings/{digest}", response=WordingOut, tags=["consents"])
def one_wording(request: HttpRequest, digest: Digest) -> dict[str, Any]:
    """The words of a digest."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        found = gate_wording.of_digest(connection, asks.account, digest)
    if found is None:
        raise not_found("wording")
    return wording_out(found)


@router.get("/evidence/{digest}", tags=["consents"], openapi_extra={"responses": {200: {"description": "The file"}}})
def document(request: HttpRequest, digest: Digest) -> StreamingHttpResponse:
    """A document or recording the account uploaded."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        found = gate_wording.document(connection, asks.account, digest)
    if found is None:
        raise not_found("document")
    return evidence.given(*found)


@router.put("/controllers/{seller}", response=ControllerIn, tags=["consents"])
def say_controller(request: HttpRequest, seller: str, payload: ControllerIn) -> dict[str, Any]:
    """Say what receipts tell of a seller, and whether clients' addresses are kept."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection, alone():
        said = Controller(**payload.model_dump())
        return gate_wording.say_controller(connection, asks.account, seller, said, key=asks.key)._asdict()


@router.get("/controllers/{seller}", response=ControllerIn, tags=["consents"])
def controller(request: HttpRequest, seller: str) -> dict[str, Any]:
    """What receipts tell of a seller."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection, alone():
        return gate_wording.controller(connection, asks.account, seller)._asdict()


def _known(found: stored.Consent | None) -> stored.Consent:
    if found is None:
        raise not_found("consent")
    return found


def wording_out(one: Wording) -> dict[str, Any]:
    return one._asdict() | {"digest": blobs.said(one.digest)}
