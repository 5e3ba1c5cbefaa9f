"""The receipt of a consent, in the fields of ISO/IEC TS 27560:2023: for the person, and for the account.

`docs/receipts.md` says which field holds what. What was not stated is `null`, never invented. The receipt names its
events, whose proofs the log gives, and closes with the digest of its own canonical bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from forbear.accounts import reads as accounts
from forbear.accounts.connect import Connection
from forbear.accounts.reads import Seller
from forbear.core.canonical import digest
from forbear.core.instants import FOREVER, at_of, date_of, rfc3339
from forbear.core.keys import AddressKey, kind_of, phone_of
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
from forbear.ledger import blobs, evidence, writes
from forbear.ledger import consents as stored
from forbear.ledger.consents import Consent, Told
from forbear.ledger.kinds import Kind, KnownBy

SCHEMA: Final = "ISO/IEC TS 27560:2023 forbear-1"
_TYPES: Final = {
    ConsentLevel.INFERRED: "implied",
    ConsentLevel.SOFT_OPT_IN: "soft opt-in",
    ConsentLevel.EXPRESS: "expressed",
    ConsentLevel.EXPRESS_ORAL: "expressed, orally",
    ConsentLevel.EXPRESS_WRITTEN: "expressed, in writing",
}
_WITHDRAW: Final = {
    Channel.SMS: "reply STOP",
    Channel.EMAIL: "the unsubscribe link or button of any message",
    Channel.VOICE: "say so to the caller, or press the key that is offered",
}
_RIGHTS: Final = (
    "withdraw at any time",
    "access",
    "rectification",
    "erasure",
    "objection",
    "complaint to an authority",
)


def receipt(conn: Connection, account: UUID, consent: UUID) -> dict[str, Any] | None:
    """Of one consent the account recorded, with the address in full where it is still kept. None: there is none."""
    found = stored.consent(conn, account, consent)
    return None if found is None else _receipt(conn, found, masked=False)


def of_person(conn: Connection, keys: Sequence[AddressKey], sellers: Sequence[UUID]) -> list[dict[str, Any]]:
    """Everything the holder of an address gave these sellers, newest first; the address masked: links get passed on."""
    found = [one for key in keys for one in stored.of_seller(conn, key.column, key.mac or None, sellers)]
    found.sort(key=lambda one: one.id, reverse=True)
    return [_receipt(conn, one, masked=True) for one in found]


def hand_over(
    conn: Connection, account: UUID, seller: UUID | None, address: AddressKey, receipts: Sequence[Mapping[str, Any]]
) -> UUID:
    """That the person was given these receipts. The caller holds the transaction. Returns the event."""
    return writes.append_event(
        *(conn, writes.now(conn), Kind.RECEIPT_GIVEN, KnownBy.OBSERVED),
        account=account,
        seller=seller,
        address=address,
        payload={
            "records": [one["header"]["record_id"] for one in receipts],
            "digests": [r["digest"] for r in receipts],
        },
    )


def _receipt(conn: Connection, one: Consent, *, masked: bool) -> dict[str, Any]:
    told = stored.told(conn, one.id)
    assert told is not None, "a consent has its event"
    account = accounts.account(conn, one.account)
    assert account is not None, "no account is ever deleted"
    sellers = [seller for seller in (accounts.seller(conn, identity) for identity in one.sellers) if seller is not None]
    said = {seller.id: evidence.controller(conn, one.account, seller.id) for seller in sellers}
    events = _events(conn, one, told)
    own = not any(seller.name == account.name for seller in sellers)
    whole: dict[str, Any] = {
        "header": {
            "schema_version": SCHEMA,
            "record_id": str(one.id),
            "receipt_id": f"{one.id}.{len(events)}",
            "pii_principal_id": _principal(one, told, masked=masked),
        },
        "processing": _processing(conn, one, told, sellers, account.home_region, said),
        "parties": [
            *(_party(seller.id, seller.name, "controller", seller.country, said[seller.id]) for seller in sellers),
            *([_party(one.account, account.name, "processor", None, evidence.Controller())] if own else []),
        ],
        "event": events,
        "evidence": _evidence(conn, one, told),
        "log": {
            "events": [event["event_id"] for event in events if event["event_id"] is not None],
            "personal_hash": None if told.personal_hash is None else f"sha256:{told.personal_hash.hex()}",
        },
    }
    return whole | {"digest": digest(whole)}


def _principal(one: Consent, told: Told, *, masked: bool) -> str:
    """The address; where it was erased, the key by which the record is still found."""
    number = phone_of(one.addr)
    text = f"+{number}" if number is not None else str((told.personal or {}).get("address") or "")
    if not text:
        return f"{kind_of(one.addr).name.lower()}:{one.addr:016x}"
    if not masked:
        return text
    name, at, host = text.partition("@")
    return f"{name[:1]}***@{host}" if at else f"{text[:3]}***{text[-2:]}"


def _processing(
    conn: Connection,
    one: Consent,
    told: Told,
    sellers: Sequence[Seller],
    region: str,
    said: Mapping[UUID, evidence.Controller],
) -> dict[str, Any]:
    channels = None if one.channels < 0 else [word for word in Channel if one.channels & word.bit]
    purposes: list[Purpose | None] = [word for word in Purpose if one.purposes >= 0 and one.purposes & word.bit]
    level = next((word for word in ConsentLevel if word.bit & one.level), None)
    notes = [said[seller.id] for seller in sellers]
    return {
        "privacy_notice": _notice(conn, one),
        "language": told.payload.get("language"),
        "purposes": [
            {
                "purpose": None if word is None else word.value,
                "purpose_type": None if word is None else "direct marketing" if word in _MARKETING else "service",
                "lawful_basis": "consent",
                "pii_information": [
                    {
                        "pii_type": "e-mail address" if phone_of(one.addr) is None else "telephone number",
                        "pii_attribute_id": None,
                        "pii_optional": False,
                        "sensitive_pii_category": False,
                        "special_pii_category": False,
                    }
                ],
                "pii_controllers": [str(seller.id) for seller in sellers],
                "collection_method": told.payload.get("method"),
                "processing_method": channels,
                "storage_locations": sorted({note.storage or region for note in notes}),
                "retention_period": sorted({note.retention for note in notes if note.retention}) or None,
                "processing_locations": None,
                "geographic_restrictions": None,
                "service": told.payload.get("list"),
                "jurisdiction": sorted({seller.country for seller in sellers if seller.country}) or None,
                "recipient_third_parties": [],
                "withdrawal_method": [_WITHDRAW[word] for word in channels or list(Channel)],
                "privacy_rights": list(_RIGHTS),
                "codes_of_conduct": None,
                "impact_assessment": None,
                "authority_party": None,
            }
            for word in purposes or [None]
        ],
        "channels": channels,
        "covers": None if one.covers < 0 else [word for word in ConsentCover if one.covers & word.bit],
        "level": None if level is None else level.value,
        "promised": None if one.promised_n is None else {"messages": one.promised_n, "days": one.promised_days},
        "campaign": told.payload.get("campaign"),
    }


_MARKETING: Final = frozenset({Purpose.MARKETING, Purpose.FUNDRAISING})


def _notice(conn: Connection, one: Consent) -> dict[str, Any] | None:
    """The words that were shown, whole, so that the receipt can be read alone."""
    words = None if one.wording is None else evidence.wording(conn, one.account, one.wording)
    if words is None:
        return None
    return {
        "digest": blobs.said(words.digest),
        "name": words.name,
        "version": words.version,
        "language": words.language,
        "text": words.text,
    }


def _party(identity: UUID, name: str, role: str, country: str | None, said: evidence.Controller) -> dict[str, Any]:
    return {
        "party_id": str(identity),
        "party_name": name,
        "party_role": role,
        "party_type": "organisation",
        "party_address": said.address or country,
        "party_contact": said.contact or None,
        "party_url": said.url or None,
    }


def _events(conn: Connection, one: Consent, told: Told) -> list[dict[str, Any]]:
    level = next((word for word in ConsentLevel if word.bit & one.level), None)
    kind = None if level is None else _TYPES[level]
    day = None if one.given_day is None else date_of(one.given_day).isoformat()
    given = rfc3339(at_of(one.given_at)) if one.given_at else day or rfc3339(at_of(told.happened_at))
    events = [
        {
            "event_id": str(one.id),
            "event_time": given,
            "event_recorded": rfc3339(at_of(told.at)),
            "validity_duration": _until(one.until_day),
            "entity_id": "pii_principal",
            "event_type": kind,
            "event_state": "given",
            "known_by": told.known_by,
            "source": told.payload.get("source"),
            "obtained": told.payload.get("obtained"),
            "collected_by": told.payload.get("collected_by"),
            "remainder_of": told.payload.get("remainder_of"),
        }
    ]
    if one.withdrawn_at is not None:
        by = stored.ended_by(conn, one.id, one.addr)
        events.append(
            {
                "event_id": None if by is None else str(by),
                "event_time": rfc3339(at_of(one.withdrawn_at)),
                "event_recorded": rfc3339(at_of(one.withdrawn_at)),
                "validity_duration": None,
                "entity_id": "pii_principal",
                "event_type": kind,
                "event_state": "withdrawn",
            }
        )
    return events


def _until(day: int | None) -> str | None:
    """Until when it holds: a day on which it no longer does; `indefinite`; null: no period was stated."""
    return None if day is None else "indefinite" if day == FOREVER else f"until {date_of(day).isoformat()}"


def _evidence(conn: Connection, one: Consent, told: Told) -> dict[str, Any]:
    personal = told.personal or {}
    return {
        "held": one.evidence,
        "page": personal.get("page"),
        "ip": personal.get("ip"),
        "words": personal.get("evidence"),
        "documents": [
            {"digest": blobs.said(document.digest), "media_type": document.media_type, "size": document.size}
            for document in evidence.documents(conn, one.account, [one.id])
        ],
        "erased": told.personal is None and told.personal_hash is not None,
    }
