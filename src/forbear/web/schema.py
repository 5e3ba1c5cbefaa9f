"""The words of `POST /v1/decisions`: one set of structs that parses requests, writes answers and feeds the OpenAPI.

The contact itself is `forbear.gate.contact.Contact`; here stands what surrounds it on the wire,
where moments are RFC 3339.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forbear.core.codes import Cure, Verdict
from forbear.core.instants import FOREVER, at_of, date_of, rfc3339
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose, RelationshipKind, Word
from forbear.gate.contact import MAX_CONTACTS, Contact, Words
from forbear.ledger import reads
from forbear.ledger.consents import Consent
from forbear.rulebook.obligations import Obligation

W = TypeVar("W", bound=Word)


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
                min_length=1,
                max_length=200,
                description="The same key within 48 hours returns the same answer and permits",
            ),
        ]
        | None
    ) = None
    expand: Annotated[
        tuple[Literal["obligations"], ...], Meta(description="`obligations`: say also what each asks, with wording")
    ] = ()


class Permit(msgspec.Struct, kw_only=True):
    """The short-lived, single-use right to make one allowed contact."""

    id: UUID
    expires_at: str


class Links(msgspec.Struct, kw_only=True):
    """The person's own pages about this message. The message carries the first; `List-Unsubscribe` names it."""

    unsubscribe: str
    preferences: str
    why: str
    report: str


class Answer(msgspec.Struct, kw_only=True):
    """The verdict on one contact, stored before it was given."""

    id: Annotated[UUID, Meta(description="The decision; `GET /v1/decisions/{id}` explains it")]
    verdict: Verdict
    cure: Annotated[Cure | None, Meta(description="What would help; null on `allow`")] = None
    earliest: Annotated[
        str | UnsetType, Meta(description="With `defer`: the first instant every rule would be met")
    ] = UNSET
    rules: Annotated[tuple[str, ...], Meta(description="The rules that decided")]
    obligations: Annotated[tuple[str, ...], Meta(description="What an allowed contact owes")]
    overrides: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description="The operator's own texts of shipped rules that mattered, and who answers for them"),
    ] = UNSET
    confidence: Annotated[
        str | UnsetType,
        Meta(
            description="How sure the law is: the lowest of the rules that decided; on `allow` of all that must be met"
            " and of what was read of the place: `high`, `medium`, `low`, `policy` (a choice of ours)"
        ),
    ] = UNSET
    permit: Permit | UnsetType = UNSET
    links: Annotated[
        Links | UnsetType,
        Meta(description="Of an allowed e-mail or text, where the installation has a public address"),
    ] = UNSET
    headers: Annotated[
        dict[str, str] | UnsetType,
        Meta(description="Of an allowed e-mail: put them in as they are, under the DKIM signature (RFC 8058)"),
    ] = UNSET
    obligations_detail: Annotated[
        tuple[Obligation, ...] | UnsetType, Meta(description="What each obligation asks; on `expand` alone")
    ] = UNSET


class DecisionAnswer(msgspec.Struct, kw_only=True):
    """One answer a contact, in the order asked."""

    answers: list[Answer]
    rulebook: Annotated[str, Meta(description="Digest of the rules that judged")]
    at: Annotated[str, Meta(description="The instant they were judged at")]
    repeated: Annotated[bool, Meta(description="These answers were given before, to the same idempotency key")] = False


class ProblemBody(msgspec.Struct, kw_only=True, omit_defaults=True, rename={"kind": "type"}):
    """RFC 9457."""

    kind: str
    title: str
    status: int
    detail: str = ""
    key: str = ""
    todo: str = ""
    instance: str = ""


def consent_out(one: Consent) -> dict[str, Any]:
    given = (
        rfc3339(at_of(one.given_at)) if one.given_at else date_of(one.given_day).isoformat() if one.given_day else None
    )
    until = None if one.until_day is None else "indefinite" if one.until_day == FOREVER else date_of(one.until_day)
    return {
        "id": one.id,
        "level": next(iter(words(ConsentLevel, one.level)), None),
        "sellers": list(one.sellers),
        "given": given,
        "until": None if until is None else str(until),
        "channels": None if one.channels < 0 else words(Channel, one.channels),
        "purposes": None if one.purposes < 0 else words(Purpose, one.purposes),
        "covers": None if one.covers < 0 else words(ConsentCover, one.covers),
        "evidence": one.evidence,
        "names_seller": one.names_seller,
        "given_by_person": one.given_by_person,
        "known_by": one.known_by,
        "wording": None if one.wording is None else f"sha256:{one.wording.hex()}",
        "promised": None if one.promised_n is None else {"messages": one.promised_n, "days": one.promised_days},
        "withdrawn": one.withdrawn_at,
    }


def relationship_out(one: reads.Relationship) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": words(RelationshipKind, one.kind)[0],
        "seller": one.seller,
        "on": None if one.on_day is None else date_of(one.on_day).isoformat(),
        "ongoing": one.ongoing,
        "has_subject": one.subject != 0,
        "given_by_person": one.given_by_person,
        "ended": one.ended_at,
    }


def words(kind: type[W], bits: int) -> list[W]:
    """The words of a mask."""
    return [word for word in kind if bits & word.bit]
