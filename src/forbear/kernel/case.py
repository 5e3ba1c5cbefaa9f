"""One case: everything that is known about one intended contact, as the public case format writes it.

`None` is "not known" throughout, and never "no"; an empty tuple is known to be empty. What
the format takes for granted where it is absent is the default here. `casefile` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from forbear.core import emails, phones, where
from forbear.core.codes import Verdict
from forbear.core.emails import Email
from forbear.core.places import PlaceSet
from forbear.core.words import (
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    RecipientKind,
    RelationshipKind,
    SenderKind,
)

UNREACHABLE = frozenset({"busy", "failed", "out_of_service", "not_in_service", "disconnected", "unreachable"})

OfferKind = Literal["reply", "url", "key_press", "none"]


@dataclass(frozen=True, slots=True)
class OptOutOffer:
    kind: OfferKind | None = None
    requires_login: bool | None = None


@dataclass(frozen=True, slots=True)
class Content:
    identifies_sender: bool | None = None
    postal_address: bool | None = None
    subject_accurate: bool | None = None
    header_accurate: bool | None = None
    promotional: bool | None = None
    identified_as_ad: bool | None = None
    body: str | None = None
    opt_out: OptOutOffer | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    channel: Channel
    purpose: Purpose
    mode: Mode | None = None
    from_: str | None = None  # `+` and digits, an e-mail address in lower-case domain, or a sender id as written
    to: str | None = None
    ai_disclosed: bool | None = None
    sector: str | None = None
    subject: str | None = None
    debt: str | None = None
    campaign: str | None = None
    list: str | None = None
    seller: str | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    country: str | None = None
    kind: SenderKind | None = None
    ftc: bool = True  # not stated: within, the stricter
    id_registered: bool | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    kind: RecipientKind | None = None
    country: str | None = None
    region: str | None = None
    postcode: str | None = None
    locality: str | None = None
    timezone: str | None = None
    line_type: LineType | None = None
    county: str | None = None
    other_numbers: tuple[int, ...] = ()  # E.164 digits
    gave_number: bool | None = None
    carrier_block: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    level: ConsentLevel | None = None
    given: date | datetime | None = None
    until: date | Literal["indefinite"] | None = None  # the first day without; `None`: no period was stated
    channels: frozenset[Channel] | None = None
    purposes: frozenset[Purpose] | None = None
    covers: frozenset[ConsentCover] | None = None
    evidence: bool | None = None
    names_seller: bool | None = None
    withdrawn: datetime | None = None
    imported: bool = False  # from a list somebody handed in
    promised_n: int | None = None  # at most so many contacts in `promised_days`; `None`: nothing was promised
    promised_days: int | None = None


@dataclass(frozen=True, slots=True)
class Relationship:
    kind: RelationshipKind | None = None
    on: date | None = None
    ongoing: bool | None = None
    related: bool | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry's answer. Of `us.reassigned` the word is kept too: `yes` is listed, `no_data` is not known."""

    listed: bool | None = None
    since: date | None = None
    checked: date | datetime | None = None
    edition: date | None = None
    answer: Literal["yes", "no", "no_data"] | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    at: datetime | None = None
    scope: OptOutScope | None = None
    channel: Channel | None = None
    campaign: str | None = None
    list: str | None = None
    until: datetime | None = None  # a pause: the first moment it no longer binds
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime | None = None
    on: date | None = None
    answered: bool | None = None
    conversation: bool | None = None
    abandoned: bool | None = None
    refused: bool | None = None
    subject: str | None = None
    debt: str | None = None
    channel: Channel | None = None
    mode: Mode | None = None
    purpose: Purpose | None = None
    outcome: str | None = None

    @property
    def unreachable(self) -> bool | None:
        """Whether the line was busy or out of service; `None` where no outcome was stated."""
        return None if self.outcome is None else self.outcome.casefold() in UNREACHABLE


@dataclass(frozen=True, slots=True)
class Dialler:
    answered_live: int | None = None
    abandoned: int | None = None
    window_days: int | None = None
    live_agent_guaranteed: bool | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    close_substitute_holidays: bool = True
    unknown_location: Literal["all", "mainland_states"] = "all"
    it_code_of_conduct: bool = True


@dataclass(frozen=True, slots=True)
class Expect:
    verdict: Verdict
    earliest: datetime | None = None
    because: str | None = None
    cite: str | None = None


@dataclass(frozen=True)
class Case:
    id: str | None
    now: datetime
    contact: Contact
    sender: Sender
    recipient: Recipient
    consents: tuple[Consent, ...] | None = None
    relationships: tuple[Relationship, ...] | None = None
    registries: Mapping[str, Registry] | None = None
    opt_outs: tuple[OptOut, ...] | None = None
    attempts: tuple[Attempt, ...] | None = None
    confirmations_sent: int | None = None
    dialler: Dialler | None = None
    alerts: frozenset[str] = frozenset()
    policy: Policy = Policy()
    title: str | None = None
    confidence: str | None = None
    expect: Expect | None = None

    @cached_property
    def number(self) -> int | None:
        """`contact.to` as E.164 digits, where it is a number and the channel takes one."""
        if self.contact.channel is Channel.EMAIL or self.contact.to is None:
            return None
        parsed = phones.parse(self.contact.to)
        return parsed if isinstance(parsed, int) else None

    @property
    def address_understood(self) -> bool | None:
        """Whether `contact.to` is an address of the channel's kind."""
        if self.contact.to is None:
            return None
        if self.contact.channel is Channel.EMAIL:
            return isinstance(emails.parse(self.contact.to), Email)
        return self.number is not None

    @property
    def standing(self) -> bool | None:
        """A case has no account, so its standing is good."""
        return True

    @property
    def suppressed(self) -> bool | None:
        """And nothing is suppressed."""
        return False

    @cached_property
    def places(self) -> PlaceSet:
        """Where the person may be, by everything the case says of it."""
        own = () if self.number is None else (self.number,)
        told = self.recipient
        return where.resolve(
            country=told.country,
            region=told.region,
            postcode=told.postcode,
            timezone=told.timezone or where.zone_of_locality(told.region, told.locality),
            numbers=own + told.other_numbers,
            unknown_location=self.policy.unknown_location,
        )
