"""What a caller asks and what it is answered: the structs every door fills and reads.

What a caller gives is *claimed*; opt-outs, consents, registries, past attempts and standing
come from the store and cannot be sent. Words and keys follow the case file.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from forbear.core.codes import Cure, Verdict
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind

MAX_CONTACTS: Final = 10_000

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
    list: Annotated[str, Meta(min_length=1, max_length=200, description="The contact list it is sent to")] | None = None
    subject: Text | None = None
    debt: Text | None = None
    sector: Text | None = None
    ai_disclosed: bool | None = None
    content: Content | None = None
    recipient: Recipient | None = None
    dialler: Dialler | None = None


class Asked(msgspec.Struct, kw_only=True):
    """One request: up to `MAX_CONTACTS` contacts of one account, decided in one commit.

    `key` is the API key it came with, read again inside the batch. The same
    `idempotency_key` within 48 hours returns the same answers and permits.
    """

    account: UUID
    contacts: list[Contact]
    key: UUID | None = None
    idempotency_key: str | None = None
    redeem: bool = False
    given_by_person: bool = False  # the address was typed into a form of ours just now; no caller can say so


class Answer(msgspec.Struct, kw_only=True):
    """The verdict on one contact, stored before it was given. Moments are microseconds UTC."""

    decision: UUID
    verdict: Verdict
    cure: Cure | None
    earliest: int | None  # with `defer`
    rules: tuple[str, ...]
    obligations: tuple[str, ...]
    overrides: tuple[str, ...]  # the operator's own texts of shipped rules that mattered, and who answers for them
    confidence: str | None  # how sure the law is that decided; of an `allow`, all that had to be met. None: not known
    permit: UUID | None  # with `allow`
    expires_at: int | None


class Decided(msgspec.Struct, kw_only=True):
    """The answers to one request, in the order asked."""

    answers: list[Answer]
    rulebook: str  # `sha256:...`
    at: int
    repeated: bool = False  # an idempotency key was seen before: these are the answers given then


class Refused(Exception):
    """A request that is not decided at all, and nothing of it stored. `why` is a word the doors translate."""

    def __init__(
        self, why: Literal["key_revoked", "unknown_account", "unknown_seller", "key_reused"], what: str
    ) -> None:
        self.why = why
        self.what = what
        super().__init__(what)


class ClockAstray(Exception):
    """This process's clock and the database's differ by more than 2 s: nothing is served until they agree."""
