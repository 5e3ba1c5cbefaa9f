"""`/v1/forms`: the forms by which people opt in, and what a site needs to carry one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
from forbear.gate import forms as gate_forms
from forbear.gate.links import public_url
from forbear.ledger import blobs
from forbear.ledger.optins import Form
from forbear.ledger.writes import Promise
from forbear.web.connections import borrowed
from forbear.web.consents import Digest, PromiseIn
from forbear.web.fields import Name, Words, alone, caller
from forbear.web.problem import not_found
from forbear.web.public.carried import snippet
from forbear.web.schema import words

router = Router()


class FormIn(Words):
    """A form for one list of one seller."""

    slug: Annotated[str, Field(max_length=60, description="Its name in the address of its page")]
    subscribed: Name = Field(alias="list", description="What people sign up to, as they read it")
    channel: Channel = Field(description="`email` confirms by a link, `sms` by a code")
    wording: Digest = Field(description="What people agree to: see `POST /v1/wordings`")
    purposes: list[Purpose] = Field([Purpose.MARKETING], min_length=1)
    level: ConsentLevel = ConsentLevel.EXPRESS
    covers: list[ConsentCover] | None = None
    seller: Name | None = Field(None, description="Absent: the account's first seller")
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        None, description="Where the people are: an e-mail form needs it, a number says it itself"
    )
    language: Annotated[str, Field(max_length=16)] | None = Field(None, description="Absent: that of the wording")
    origins: list[Annotated[str, Field(max_length=300)]] = Field(
        [], max_length=gate_forms.MOST_ORIGINS, description="`https://...` of the pages that may carry it"
    )
    promised: PromiseIn | None = None


class FormOut(Schema):
    id: UUID
    slug: str
    subscribed: str = Field(alias="list")
    channel: Channel
    wording: str
    purposes: list[Purpose]
    level: ConsentLevel
    covers: list[ConsentCover] | None
    seller: UUID
    country: str | None
    language: str
    origins: list[str]
    promised: PromiseIn | None
    opened: datetime
    closed: datetime | None
    page: str = Field(description="Where people find it")
    frame: str | None = Field(description="HTML that shows the page within one of `origins`")
    snippet: str | None = Field(description="HTML of a plain form for one of `origins`; it must show these words")


class FormsOut(Schema):
    forms: list[FormOut]


@router.post("/forms", response={201: FormOut}, by_alias=True, tags=["forms"])
def open_form(request: HttpRequest, payload: FormIn) -> Status[dict[str, Any]]:
    """Open a form: from now on people can opt in by it, and each is asked to confirm."""
    asks = caller(request, Permission.CONSENT_WRITE)
    said = payload.model_dump(exclude={"promised"})
    if payload.promised is not None:
        said["promised"] = Promise(payload.promised.messages, payload.promised.days)
    with borrowed() as connection, alone():
        made = gate_forms.open_form(connection, asks.account, gate_forms.NewForm(**said), key=asks.key)
        return Status(201, form_out(made, gate_forms.whole(connection, made), base_of(request)))


@router.get("/forms", response=FormsOut, by_alias=True, tags=["forms"])
def forms(request: HttpRequest) -> dict[str, Any]:
    """Every form of the account, the open ones first."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        found = gate_forms.listed(connection, asks.account)
        return {
            "forms": [form_out(one, gate_forms.whole(connection, one), base_of(request)) for one in found],
        }


@router.get("/forms/{slug}", response=FormOut, by_alias=True, tags=["forms"])
def one_form(request: HttpRequest, slug: str) -> dict[str, Any]:
    """An open form."""
    asks = caller(request, Permission.CONSENT_READ)
    with borrowed() as connection:
        found = gate_forms.of_account(connection, asks.account, slug)
    if found is None:
        raise not_found("form")
    return form_out(found.form, found, base_of(request))


@router.delete("/forms/{slug}", response={204: None}, tags=["forms"])
def close_form(request: HttpRequest, slug: str) -> Status[None]:
    """Close a form: nobody can ask by it any more; what was asked may still be confirmed."""
    asks = caller(request, Permission.CONSENT_WRITE)
    with borrowed() as connection:
        closed = gate_forms.close_form(connection, asks.account, slug, key=asks.key)
    if not closed:
        raise not_found("form")
    return Status(204, None)


def base_of(request: HttpRequest) -> str:
    return public_url() or f"{request.scheme}://{request.get_host()}"


def form_out(one: Form, found: gate_forms.Open | None, base: str) -> dict[str, Any]:
    open_now = found is not None and one.closed_at is None and bool(one.origins)
    return {
        "id": one.id,
        "slug": one.slug,
        "list": one.list,
        "channel": words(Channel, one.channel)[0],
        "wording": blobs.said(one.wording),
        "purposes": words(Purpose, one.purposes),
        "level": words(ConsentLevel, one.level)[0],
        "covers": None if one.covers < 0 else words(ConsentCover, one.covers),
        "seller": one.seller,
        "country": one.country,
        "language": one.language,
        "origins": list(one.origins),
        "promised": None if one.promised is None else {"messages": one.promised.n, "days": one.promised.days},
        "opened": one.opened_at,
        "closed": one.closed_at,
        "page": "" if found is None else base + gate_forms.path_of(found),
        "frame": gate_forms.frame(found, base) if found is not None and open_now else None,
        "snippet": snippet(found, base) if found is not None and open_now else None,
    }
