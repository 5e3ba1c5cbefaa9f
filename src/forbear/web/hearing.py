"""`/v1/inbound`: what people write back; `/v1/reviews`: what waits for a person to read it."""

from __future__ import annotations

import base64
import binascii
import os
import time
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status

from forbear.accounts import connectors, reads
from forbear.accounts.connect import Connection
from forbear.accounts.connectors import Connector
from forbear.accounts.home import load_secrets
from forbear.accounts.permissions import Permission
from forbear.core import signatures
from forbear.core.errors import BadInput
from forbear.core.hearing import LANGUAGES
from forbear.core.instants import rfc3339
from forbear.core.words import Channel, OptOutScope
from forbear.gate import hearing as gate_hearing
from forbear.gate import mail_heard
from forbear.gate import review as gate_review
from forbear.gate.hearing import Heard, Inbound
from forbear.ledger.kinds import KnownBy
from forbear.web.connections import borrowed
from forbear.web.fields import AddressText, Instant, Limit, Name, Text, Words, alone, at_of_text, caller
from forbear.web.limits import Buckets
from forbear.web.problem import Problem, not_found, too_fast
from forbear.web.public.clients import client_of

router = Router()
_MAX_RAW: Final = 5 * 2**20
_STRANGERS: Final = Buckets(rate=1, burst=30)  # requests that were not signed as they should be, by client
_FORM: Final = "application/x-www-form-urlencoded"


class InboundIn(Words):
    """A message somebody sent to one of our addresses. Of an e-mail `raw` says everything."""

    channel: Channel
    sender: AddressText | None = Field(None, alias="from", description="Who wrote it; of a `raw` mail its own From")
    to: AddressText | None = Field(None, description="Our number or address it was written to")
    message: Name | None = Field(
        None, description="Its id with whoever carries it: delivered again with the same id it counts once"
    )
    text: Text = ""
    subject: Annotated[str, Field(max_length=1000)] | None = None
    seller: Name | None = Field(None, description="Whose address `to` is; absent: found by `to`, else every seller")
    languages: list[Annotated[str, Field(max_length=2)]] = Field([], max_length=5, description="ISO 639-1, if known")
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(None, description="Of the person, if known")
    at: Instant | None = Field(None, description="When it was sent; absent: now")
    raw: Annotated[str, Field(max_length=_MAX_RAW)] | None = Field(None, description="A whole mail, RFC 5322")
    raw_base64: Annotated[str, Field(max_length=_MAX_RAW * 4 // 3 + 4)] | None = Field(
        None, description="The same in base64, where it is not text"
    )


class HeardOut(Schema):
    """What a message was taken for and what followed from it."""

    event: UUID = Field(description="Under which its words are kept as evidence")
    taken_for: Literal["stop", "unclear", "help", "start", "auto_reply", "nothing", "complaint", "bounce"]
    why: str
    matched: str = Field(description="The words that decided, as compared")
    language: str | None
    covers: str | None
    opt_outs: list[UUID]
    review: UUID | None = Field(description="It waits for a person: `GET /v1/reviews/{id}`; marketing rests meanwhile")
    answer: str | None = Field(description="What the person is answered")
    repeated: bool = Field(description="It was heard before; nothing followed again")
    at: str
    seq: int | None


class HeardAllOut(Schema):
    """One for each person a message was about: a report names several."""

    heard: list[HeardOut]


@router.post("/inbound", response={201: HeardAllOut}, tags=["inbound"])
def inbound(request: HttpRequest, payload: InboundIn) -> Status[dict[str, Any]]:
    """Hear what somebody wrote back. A stop is in force when this answers."""
    asks = caller(request, Permission.INBOUND_HEAR)
    with borrowed() as connection, alone():
        said = _said(payload)
        found = _hear(connection, asks.account, said, key=asks.key, known_by=KnownBy.ACCOUNT)
    return Status(201, {"heard": [_heard_out(one) for one in found]})


@router.post("/inbound/{connector}", auth=None, response={200: HeardAllOut}, tags=["inbound"])
def inbound_by(request: HttpRequest, connector: UUID) -> HttpResponse | dict[str, Any]:
    """The same from a carrier, signed: Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) over
    the body of `POST /v1/inbound`, or Twilio's own form."""
    with borrowed() as connection, alone():
        found = connectors.find(connection, connector)
        if found is None or not _signed(request, found):
            wait_s = _STRANGERS.take(client_of(request), time.monotonic())
            if wait_s:
                raise too_fast(wait_s)
            raise Problem(401, "not-signed", "The request is not signed as it should be", todo="see docs: inbound")
        if found.kind == connectors.TWILIO:
            said = _by(connection, found, _of_twilio(found, _fields(request)))
        else:
            said = _by(connection, found, _said(_parsed(request.body)))
            said.message = said.message or request.headers["webhook-id"]
        known = _hear(connection, found.account, said, connector=found, known_by=KnownBy.CARRIER)
    if found.kind == connectors.TWILIO:  # nothing to say: the answer goes out through the outbox
        return HttpResponse("<Response></Response>", content_type="text/xml")
    return {"heard": [_heard_out(one) for one in known]}


class _Said(msgspec.Struct, kw_only=True):
    """A message as it came, by either door."""

    channel: Channel
    sender: str | None
    to: str | None
    message: str | None
    text: str
    subject: str | None
    seller: str | None
    languages: tuple[str, ...]
    country: str | None
    at: int | None
    raw: bytes | None


def _hear(
    connection: Connection,
    account: UUID,
    said: _Said,
    *,
    connector: Connector | None = None,
    key: UUID | None = None,
    known_by: KnownBy,
) -> list[Heard]:
    door = None if connector is None else connector.id
    if said.raw is not None:
        return mail_heard.hear(
            connection,
            account,
            said.raw,
            message=said.message,
            to=said.to,
            seller=said.seller,
            languages=said.languages,
            country=said.country,
            connector=door,
            key=key,
            known_by=known_by,
        )
    if said.sender is None:
        raise BadInput("nobody wrote it", key="from", todo="say who did")
    if said.message is None:
        raise BadInput("no id", key="message", todo="give the carrier's id, the same when it is delivered again")
    one = Inbound(
        channel=said.channel,
        sender=said.sender,
        message=said.message,
        to=said.to,
        text=said.text,
        subject=said.subject,
        seller=said.seller,
        languages=said.languages,
        country=said.country,
        at=said.at,
    )
    return [gate_hearing.hear(connection, account, one, connector=door, key=key, known_by=known_by)]


def _said(payload: InboundIn) -> _Said:
    raw: bytes | None = None
    if payload.raw is not None or payload.raw_base64 is not None:
        if payload.channel is not Channel.EMAIL:
            raise BadInput("is a mail", key="raw", todo="say `channel: email`")
        raw = payload.raw.encode() if payload.raw is not None else _decoded(payload.raw_base64 or "")
    for language in payload.languages:
        if language not in LANGUAGES:
            raise BadInput(f"`{language}` is none of {', '.join(LANGUAGES)}", key="languages")
    return _Said(
        channel=payload.channel,
        sender=payload.sender,
        to=payload.to,
        message=payload.message,
        text=payload.text,
        subject=payload.subject,
        seller=payload.seller,
        languages=tuple(payload.languages),
        country=payload.country,
        at=at_of_text(payload.at, "at"),
        raw=raw,
    )


def _by(connection: Connection, connector: Connector, said: _Said) -> _Said:
    """What a connector knows of its addresses goes before what the message says of itself."""
    if said.channel != connector.channel:
        raise BadInput(f"this connector is for {connector.channel}", key="channel")
    if connector.addresses and (said.to is None or _plain(said.to) not in map(_plain, connector.addresses)):
        raise BadInput("not an address of this connector", key="to")
    seller = None if connector.seller is None else reads.seller(connection, connector.seller)
    said.seller = said.seller if seller is None else seller.slug
    said.languages = tuple(dict.fromkeys((*connector.languages, *said.languages)))
    said.country = said.country or connector.country
    return said


def _plain(address: str) -> str:
    return "".join(c for c in address.casefold() if c.isalnum() or c in "@.+_-")


def _signed(request: HttpRequest, connector: Connector) -> bool:
    headers = request.headers
    if connector.kind == connectors.TWILIO:
        token = connectors.given(connector.id)
        public = os.environ.get("FORBEAR_PUBLIC_URL", "").rstrip("/")
        url = (public or f"{request.scheme}://{request.get_host()}") + request.get_full_path()
        signature = headers.get("X-Twilio-Signature", "")
        return bool(token and signature) and signatures.twilio(url, _fields(request), signature, token or "")
    secrets = connectors.secrets_of(connector.id, load_secrets().token_keys)
    return signatures.standard(
        headers.get("webhook-id", ""),
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        request.body,
        secrets,
        time.time_ns() // 1000,
    )


def _fields(request: HttpRequest) -> dict[str, str]:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=200)
    except (UnicodeDecodeError, ValueError):
        return {}
    return dict(pairs)


def _of_twilio(connector: Connector, form: dict[str, str]) -> _Said:
    if not form.get("MessageSid") or not form.get("From"):
        raise BadInput("not a message of Twilio's", key="MessageSid")
    return _Said(
        channel=Channel(connector.channel),
        sender=form["From"],
        to=form.get("To"),
        message=form["MessageSid"],
        text=form.get("Body", ""),
        subject=None,
        seller=None,
        languages=(),
        country=None,  # Twilio's FromCountry is of the number, which says it already
        at=None,
        raw=None,
    )


def _parsed(body: bytes) -> InboundIn:
    """The body of a webhook, checked as any request is. Raises `Problem`."""
    import pydantic

    try:
        if b"\\u0000" in body:
            raise BadInput("a text holds the character NUL")
        return InboundIn.model_validate(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "not-json", "The request is not JSON", str(error)) from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(str(first["msg"]), key=key or None) from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("not base64", key="raw_base64") from None


def _heard_out(one: Heard) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.structs.asdict(one)
    return said | {"at": rfc3339(one.at)}


# --- reviews


class ReviewOut(Schema):
    """A message that is not clear. While it waits, marketing to the person rests."""

    id: UUID
    channel: Channel
    why: str
    language: str
    at: str
    seller: str | None
    address: str | None = Field(description="null: erased")
    to: str | None
    subject: str | None
    text: str | None
    decided_at: str | None
    decided_by: str | None
    outcome: str | None


class ReviewsOut(Schema):
    reviews: list[ReviewOut]
    next: UUID | None = Field(description="Ask for the next page with `after`; null: this was the last")


class DecisionIn(Words):
    """What a person who read the message says it was."""

    outcome: gate_review.Outcome
    by: Name = Field(description="Who decides")
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    covers: OptOutScope | None = Field(None, description="With `stop`: how far; absent: as the rules say")


class ReviewedOut(Schema):
    event: UUID
    outcome: gate_review.Outcome
    opt_outs: list[UUID]
    lifted: int = Field(description="How many suspensions ended")
    resting: bool = Field(description="Marketing still rests")


@router.get("/reviews", response=ReviewsOut, tags=["inbound"])
def reviews(request: HttpRequest, decided: bool = False, after: UUID | None = None, limit: Limit = 100) -> Any:
    """What waits for a person, the oldest first; with `decided` also what was decided."""
    asks = caller(request, Permission.REVIEW_READ)
    with borrowed() as connection:
        found = gate_review.listed(connection, asks.account, waiting=not decided, after=after, limit=limit + 1)
    page = [_review_out(one) for one in found[:limit]]
    return {"reviews": page, "next": page[-1]["id"] if len(found) > limit else None}


@router.get("/reviews/{review}", response=ReviewOut, tags=["inbound"])
def review(request: HttpRequest, review: UUID) -> dict[str, Any]:
    """One message, with its words."""
    asks = caller(request, Permission.REVIEW_READ)
    with borrowed() as connection:
        found = gate_review.shown(connection, asks.account, review)
    if found is None:
        raise not_found("review")
    return _review_out(found)


@router.post("/reviews/{review}/decision", response=ReviewedOut, tags=["inbound"])
def decide_review(request: HttpRequest, review: UUID, payload: DecisionIn) -> dict[str, Any]:
    """Say what a message meant: a stop, not a stop (marketing no longer rests), or something else (it still does)."""
    asks = caller(request, Permission.REVIEW_DECIDE)
    with borrowed() as connection:
        found = gate_review.decide(connection, asks.account, review, **payload.model_dump(), key=asks.key)
    if found is None:
        raise not_found("review")
    return msgspec.structs.asdict(found)


def _review_out(one: gate_review.Review) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.structs.asdict(one)
    decided_at = None if one.decided_at is None else rfc3339(one.decided_at)
    return said | {"at": rfc3339(one.at), "decided_at": decided_at}
