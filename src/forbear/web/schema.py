"""The words of `POST /v1/decisions`: one set of structs that parses requests, writes answers and feeds the OpenAPI.

They follow the case file. What a caller gives is *claimed*; opt-outs, consents, registries,
past attempts and standing are read from the store and cannot be sent.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind
from forbear.web.limits import MAX_CONTACTS

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, e.g. `US`")]
Region = Annotated[str, Meta(pattern="^[A-Z]{2}-[A-Z0-9]{1,3}$", description="ISO 3166-2, e.g. `US-FL`")]
Address = Annotated[str, Meta(min_length=1, max_length=320)]
Count = Annotated[int, Meta(ge=0, le=2**53)]


class Words(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A key that is absent or `null` means not known, never "no"."""


class OptOutOffer(Words):
    """How the message or call lets the person opt out."""

    kind: Literal["reply", "url", "key_press", "none"] | None = None
    requires_login: bool | None = None


class Content(Words):
    """What the message or call says and shows."""

    identifies_sender: bool | None = None
    postal_address: bool | None = None
    subject_accurate: bool | None = None
    header_accurate: bool | None = None
    promotional: bool | None = None
    identified_as_ad: bool | None = None
    body: Annotated[str, Meta(max_length=20_000)] | None = None
    opt_out: OptOutOffer | None = None


class Recipient(Words):
    """Hints about the person: who they are and where they may be."""

    kind: RecipientKind | None = None
    country: Country | None = None
    region: Region | None = None
    postcode: Annotated[str, Meta(max_length=20)] | None = None
    locality: Text | None = None
    county: Text | None = None
    timezone: Annotated[str, Meta(max_length=64, description="IANA name, e.g. `America/Chicago`")] | None = None
    line_type: LineType | None = None
    other_numbers: Annotated[list[Address], Meta(max_length=20)] | None = None


class Dialler(Words):
    """The campaign's own counts, for limits on abandoned calls."""

    answered_live: Count | None = None
    abandoned: Count | None = None
    window_days: Count | None = None
    live_agent_guaranteed: bool | None = None


class Contact(Words):
    """One intended call or message."""

    channel: Channel
    purpose: Purpose
    to: Annotated[str, Meta(min_length=1, max_length=320, description="E.164 number or e-mail address")]
    mode: Annotated[Mode, Meta(description="How a call is placed; absent for sms and email")] | None = None
    from_: Annotated[str, Meta(max_length=320, description="What the person will see as sender")] | None = (
        msgspec.field(name="from", default=None)
    )
    seller: Annotated[str, Meta(max_length=200, description="The seller's name in this account")] | None = None
    campaign: Text | None = None
    subject: Text | None = None
    debt: Text | None = None
    sector: Text | None = None
    ai_disclosed: bool | None = None
    content: Content | None = None
    recipient: Recipient | None = None
    dialler: Dialler | None = None


class DecisionRequest(Words):
    """May these contacts be made, now?"""

    contacts: Annotated[list[Contact], Meta(min_length=1, max_length=MAX_CONTACTS)]
    redeem: Annotated[bool, Meta(description="Also redeem each permit: the contact is being made at this moment")] = (
        False
    )
    idempotency_key: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=200, description="The same key within 48 hours returns the same answer and permits"
            ),
        ]
        | None
    ) = None


class Permit(msgspec.Struct, kw_only=True):
    """The short-lived, single-use right to make one allowed contact."""

    id: str
    expires_at: str


class Answer(msgspec.Struct, kw_only=True):
    """The verdict on one contact, stored before it was given."""

    id: Annotated[str, Meta(description="The decision; `GET /v1/decisions/{id}` explains it")]
    verdict: Literal["allow", "defer", "deny"]
    cure: Annotated[
        Literal["time", "evidence", "none"] | None, Meta(description="What would help; null on `allow`")
    ] = None
    earliest: Annotated[str | UnsetType, Meta(description="With `defer`: the first instant every rule would be met")] = (
        UNSET
    )
    rules: Annotated[list[str], Meta(description="The rules that decided")]
    obligations: Annotated[list[str], Meta(description="What an allowed contact owes")]
    permit: Permit | UnsetType = UNSET


class DecisionAnswer(msgspec.Struct, kw_only=True):
    """One answer a contact, in the order asked."""

    answers: list[Answer]
    rulebook: Annotated[str, Meta(description="Digest of the rules that judged")]
    at: Annotated[str, Meta(description="The instant they were judged at")]


class ProblemBody(msgspec.Struct, kw_only=True, omit_defaults=True, rename={"kind": "type"}):
    """RFC 9457."""

    kind: str
    title: str
    status: int
    detail: str = ""
    key: str = ""
    todo: str = ""
    instance: str = ""
