"""A consent given or withdrawn, recorded with its evidence; one at a time, or from a list."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, FOREVER, MISSING, at_of, rfc3339
from forbear.core.keys import AddressKey, Secret, of_erased_phone, phone_of
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose, Word, mask
from forbear.gate import imports
from forbear.gate.claims import address_key
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, blobs, columns, evidence, writes
from forbear.ledger import consents as stored
from forbear.ledger.attempts import KEPT_DAYS
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.writes.consents import Promise, Standing

_LONGEST = 20_000
MOST_DOCUMENTS = 20


class Method(StrEnum):
    """How a consent was collected."""

    WEB_FORM = "web_form"
    APP = "app"
    PAPER = "paper"
    CALL = "call"
    SMS_KEYWORD = "sms_keyword"
    EMAIL = "email"
    IN_PERSON = "in_person"
    OTHER = "other"


class Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A consent. What is absent is not known, never "no". Moments in microseconds UTC, days since 1970."""

    address: str
    level: ConsentLevel
    sellers: list[str]  # whom it names or covers, by the account's short names
    given_at: int | None = None  # one of the two
    given_day: int | None = None
    until_day: int | None = None  # the first day without; `FOREVER`: indefinite; absent: no period was stated
    channels: list[Channel] | None = None
    purposes: list[Purpose] | None = None
    covers: list[ConsentCover] | None = None
    names_seller: bool | None = None
    given_by_person: bool | None = None  # the person gave this address to the sender
    method: Method | None = None
    wording: str | None = None  # `sha256:...` of words kept before: what the person was shown
    language: str | None = None  # in which it was asked; absent: that of the wording
    page: str | None = None  # where it was asked: kept apart
    ip: str | None = None  # kept apart, and only where the sellers' policy keeps it
    subscribed: str | None = None  # the list it is for, in the account's own word
    promised: Promise | None = None  # at most so many messages in so many days: kept as a cap
    documents: list[str] = msgspec.field(default_factory=list)  # `sha256:...` of what was uploaded before
    evidence: str | None = None  # where the proof is, or the words: kept apart; absent: none of this kind


class Recorded(msgspec.Struct, kw_only=True):
    events: list[UUID]
    at: int
    seq: int


def give(
    conn: Connection,
    account: UUID,
    given: Sequence[Given],
    *,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
    before: Callable[[int, list[UUID]], None] | None = None,
) -> Recorded:
    """Records them, all or none. Raises `BadInput`, `Refused`.

    `before` is called with the moment and the events before the change is numbered, in the same transaction.
    """
    gate = gate or opened()
    prepared = [_prepared(conn, gate, account, one, place) for place, one in enumerate(given)]
    if not given:
        raise BadInput("no consent", key="consents")
    with conn.transaction():
        check_key(conn, key, account)
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        events = [_keep(conn, account, one, known_by, now, change, place) for place, one in enumerate(prepared)]
        if before is not None:
            before(now, events)
        seq = writes.number_change(conn, change)
    return Recorded(events=events, at=now, seq=seq)


class _Prepared(NamedTuple):
    """A consent that was looked over: whose, for whom, with which words and documents."""

    one: Given
    address: AddressKey
    sellers: list[UUID]
    wording: evidence.Wording | None
    documents: list[bytes]
    ip: str | None

    @property
    def proven(self) -> bool:
        """Something that can be shown to a court: what was said, a document, or the words with where they stood."""
        shown = self.wording is not None and (self.one.page is not None or self.one.method is Method.PAPER)
        return self.one.evidence is not None or bool(self.documents) or shown


def _prepared(conn: Connection, gate: Gate, account: UUID, one: Given, place: int) -> _Prepared:
    sellers = named_sellers(one.sellers, sellers_of(conn, account), place)
    address = any_address_key(one.address, gate, place)
    if (one.given_at is None) == (one.given_day is None):
        raise BadInput("says when in one way: `given_at` or `given_day`", key=f"[{place}].given_at")
    for name, most in (("evidence", _LONGEST), ("page", 2000), ("language", 16), ("subscribed", 200)):
        text: str | None = getattr(one, name)
        if text is not None and (len(text) > most or "\0" in text):
            raise BadInput(f"longer than {most:,} characters", key=f"[{place}].{name}")
    if one.promised is not None and not (0 < one.promised.n < 1 << 15 and 0 < one.promised.days <= KEPT_DAYS):
        todo = f"write so many messages in 1 to {KEPT_DAYS} days"
        raise BadInput("not a promise", key=f"[{place}].promised", todo=todo)
    wording = None
    if one.wording is not None:
        wording = evidence.wording(conn, account, blobs.digest_of(one.wording, f"[{place}].wording"))
        if wording is None:
            todo = "keep the words first: POST /v1/wordings"
            raise BadInput("no such words are kept", key=f"[{place}].wording", todo=todo)
    if len(one.documents) > MOST_DOCUMENTS:
        raise BadInput(f"more than {MOST_DOCUMENTS} documents", key=f"[{place}].documents")
    digests = [blobs.digest_of(text, f"[{place}].documents[{i}]") for i, text in enumerate(one.documents)]
    for i, digest in enumerate(digests):
        if evidence.document(conn, account, digest) is None:
            todo = "upload it first: POST /v1/evidence"
            raise BadInput("no such document is kept", key=f"[{place}].documents[{i}]", todo=todo)
    return _Prepared(one, address, sellers, wording, digests, _ip(conn, account, sellers, one, place))


def _ip(conn: Connection, account: UUID, sellers: Sequence[UUID], one: Given, place: int) -> str | None:
    """The client's address where every seller's policy keeps it."""
    if one.ip is None:
        return None
    try:
        found = str(ipaddress.ip_address(one.ip.strip()))
    except ValueError:
        raise BadInput("not an IP address", key=f"[{place}].ip") from None
    return found if all(evidence.controller(conn, account, seller).keep_ip for seller in sellers) else None


def _keep(
    conn: Connection, account: UUID, found: _Prepared, known_by: KnownBy, now: int, change: UUID, place: int
) -> UUID:
    one = found.one
    if (one.given_at or 0) > now + DAY or (one.given_day or 0) > now // DAY + 2:
        raise BadInput("lies in the future", key=f"[{place}].given_at")
    happened = one.given_at if one.given_at is not None else (one.given_day or 0) * DAY
    apart = {
        "address": one.address,
        "evidence": one.evidence,
        "page": one.page,
        "ip": found.ip,
        "documents": [blobs.said(digest) for digest in found.documents] or None,
    }
    event = writes.append_event(
        *(conn, now, Kind.CONSENT_GIVEN, known_by),
        account=account,
        address=found.address,
        happened_at=min(happened, now),
        payload=_payload(found),
        personal={name: value for name, value in apart.items() if value is not None},
    )
    writes.give_consents(
        *(conn, columns.ids_of([event]), addresses.of_keys([found.address]), _columns(found), account),
        *(found.sellers, change),
        known_by=known_by,
        wording=None if found.wording is None else found.wording.digest,
        promised=one.promised,
    )
    evidence.attach(conn, event, account, found.documents)
    return event


def withdraw(
    conn: Connection,
    account: UUID,
    address: str | None,
    *,
    sellers: Sequence[str] = (),
    channels: Sequence[Channel] = (),
    purposes: Sequence[Purpose] = (),
    text: str | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    keys: Sequence[AddressKey] = (),
    gate: Gate | None = None,
) -> int:
    """The person takes consent back: from these sellers (none named: all of the account's), for these channels and
    purposes (none named: all). What is not taken back stays. Returns how many consents it reached.

    `keys`: where only the address's keys are known (a link holds no address), in place of `address`.
    """
    gate = gate or opened()
    known = sellers_of(conn, account)
    those = named_sellers(list(sellers) or list(known), known, 0)
    found = list(keys) or every_address_key(address or "", gate)
    with conn.transaction():
        check_key(conn, key, account)
        writes.lock_people(conn, np.array([one.column for one in found], np.int64))
        now = writes.now(conn)
        reached = [
            (one, consent)
            for one in found
            for consent in writes.standing_consents(conn, one, those, mask(channels), mask(purposes))
        ]
        event = writes.append_event(
            *(conn, now, Kind.CONSENT_WITHDRAWN, known_by),
            account=account,
            address=found[0],
            payload={
                "sellers": [str(one) for one in those],
                "channels": list(channels),
                "purposes": list(purposes),
                "ended": [str(consent.id) for _, consent in reached],
            },
            personal={name: value for name, value in (("address", address), ("text", text)) if value is not None},
        )
        writes.end_consents(conn, now, [consent.id for _, consent in reached], event)
        for one, consent in reached:
            for left in remainders(consent, those, mask(channels), mask(purposes)):
                keep_remainder(conn, now, one, consent, left, event)
        writes.number_change(conn, event)
    return len(reached)


class Left(NamedTuple):
    """A part of a consent that was not taken back."""

    sellers: list[UUID]
    channels: int
    purposes: int


def remainders(one: Standing, sellers: Sequence[UUID], channels: int, purposes: int) -> list[Left]:
    """What a withdrawal leaves of a consent. Masks; 0 in the withdrawal is every one.

    Of channels or purposes that were never stated nothing is left: what would remain cannot be said either.
    """
    left: list[Left] = []
    theirs = [seller for seller in one.sellers if seller not in sellers]
    ours = [seller for seller in one.sellers if seller in sellers]
    if theirs:
        left.append(Left(theirs, one.channels, one.purposes))
    if channels and one.channels >= 0 and one.channels & ~channels:
        left.append(Left(ours, one.channels & ~channels, one.purposes))
    if purposes and one.purposes >= 0 and one.purposes & ~purposes:
        inside = one.channels & channels if channels and one.channels >= 0 else one.channels
        left.append(Left(ours, inside, one.purposes & ~purposes))
    return left


def keep_remainder(
    conn: Connection, now: int, address: AddressKey, whole: Standing, left: Left, withdrawn: UUID
) -> None:
    old = stored.told(conn, whole.id)
    assert old is not None, "a consent has its event"
    said = dict(old.payload) | {
        "remainder_of": str(whole.id),
        "withdrawn_by": str(withdrawn),
        "sellers": [str(seller) for seller in left.sellers],
        **({} if left.channels < 0 else {"channels": [one for one in Channel if one.bit & left.channels]}),
        **({} if left.purposes < 0 else {"purposes": [one for one in Purpose if one.bit & left.purposes]}),
    }
    event = writes.append_event(
        *(conn, now, Kind.CONSENT_GIVEN, KnownBy(old.known_by)),
        account=whole.account,
        address=address,
        happened_at=at_of(old.happened_at),
        payload=said,
        personal=old.personal,
    )
    writes.keep_remainder(conn, event, whole.id, left.sellers, left.channels, left.purposes, withdrawn)


def listed(
    conn: Connection, account: UUID, *, address: str | None = None, after: UUID | None = None, limit: int = 100
) -> list[stored.Consent]:
    """What the account recorded, newest first, a page at a time; of one address, if given."""
    if address is None:
        return stored.consents(conn, account, after=after, limit=limit)
    keys = every_address_key(address, opened())
    found = [
        row
        for one in keys
        for row in stored.consents(conn, account, addr=one.column, mac=one.mac or None, after=after, limit=limit)
    ]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def import_csv(
    conn: Connection,
    account: UUID,
    path: Path,
    *,
    sellers: Sequence[str],
    by: str,
    provenance: imports.Provenance | None = None,
    columns_named: Mapping[str, str] | None = None,
    gate: Gate | None = None,
    tick: imports.Tick | None = None,
) -> imports.Imported:
    """A list of consents to these sellers, all or nothing. Raises `BadInput` naming file, line and column.

    Columns: `address`, `level`, and of `given`, `until`, `channels`, `purposes`, `covers`,
    `evidence` (yes, no, or where the proof is), `names_seller`, `given_by_person` those that are there;
    `columns_named` maps these names to the file's. A row without evidence says so.
    """
    gate = gate or opened()
    those = named_sellers(list(sellers), sellers_of(conn, account), 0)
    found = provenance or imports.Provenance()
    return imports.consents(conn, gate, account, those, path, by, found, dict(columns_named or {}), tick)


def sellers_of(conn: Connection, account: UUID) -> dict[str, UUID]:
    """The account's sellers by short name. Raises `Refused` for an account that is not known."""
    known = account_reads.account(conn, account)
    if known is None:
        raise Refused("unknown_account", "the account is not known")
    return {seller.slug: seller.id for seller in known.sellers}


def any_address_key(text: str, gate: Gate, place: int) -> AddressKey:
    """The key of a number or an e-mail address, whichever it is. Raises `BadInput`."""
    return _keys(text, gate.secrets[:1], f"[{place}].address")[0]


def every_address_key(text: str, gate: Gate) -> list[AddressKey]:
    """The newest key first, then those under older secrets, then where a number stands that was erased."""
    found = _keys(text, gate.secrets, "address")
    number = phone_of(found[0].column)
    return found if number is None else [*found, *(of_erased_phone(number, secret) for secret in gate.secrets)]


def _keys(text: str, secrets: Sequence[Secret], key: str) -> list[AddressKey]:
    channel = Channel.EMAIL if "@" in text else Channel.VOICE
    found = [address_key(channel, text.strip(), secret) for secret in secrets]
    good = [one for one in found if one is not None]
    if not good:
        todo = "write a number in full (+ and country code) or an e-mail address"
        raise BadInput("not an address", key=key, todo=todo)
    return list(dict.fromkeys(good))


def named_sellers(names: Sequence[str], known: Mapping[str, UUID], place: int) -> list[UUID]:
    missing = [name for name in names if name not in known]
    if missing or not names:
        what = f"no seller `{missing[0][:80]}` in this account" if missing else "names no seller"
        raise BadInput(what, key=f"[{place}].sellers")
    return [known[name] for name in dict.fromkeys(names)]


def check_key(conn: Connection, key: UUID | None, account: UUID) -> None:
    if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
        raise Refused("key_revoked", "the API key was revoked")


def _payload(found: _Prepared) -> dict[str, object]:
    one, wording = found.one, found.wording
    until = "indefinite" if one.until_day == FOREVER else one.until_day
    said: dict[str, object] = {
        "level": one.level.value,
        "sellers": list(one.sellers),
        "given_at": None if one.given_at is None else rfc3339(one.given_at),
        "given_day": one.given_day,
        "until_day": until,
        "channels": one.channels,
        "purposes": one.purposes,
        "covers": one.covers,
        "names_seller": one.names_seller,
        "given_by_person": one.given_by_person,
        "method": one.method,
        "wording": None if wording is None else blobs.said(wording.digest),
        "language": one.language or (None if wording is None else wording.language),
        "list": one.subscribed,
        "promised": None if one.promised is None else {"messages": one.promised.n, "days": one.promised.days},
        "evidence": found.proven,
    }
    return {name: value for name, value in said.items() if value is not None}


def _columns(found: _Prepared) -> writes.Consents:
    one = found.one

    def day(value: int | None) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.array([MISSING if value is None else value], np.int32)

    def bits(words: Sequence[Word] | None) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        return np.array([-1 if words is None else mask(words)], np.int16)

    def three(value: bool | None) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        return np.array([-1 if value is None else int(value)], np.int8)

    return writes.Consents(
        level=np.array([one.level.bit], np.int16),
        given_at=np.array([MISSING if one.given_at is None else one.given_at], np.int64),
        given_day=day(one.given_day),
        until_day=day(one.until_day),
        channels=bits(one.channels),
        purposes=bits(one.purposes),
        covers=bits(one.covers),
        evidence=np.array([int(found.proven)], np.int8),
        names_seller=three(one.names_seller),
        given_by_person=three(one.given_by_person),
    )
