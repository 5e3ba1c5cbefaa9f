"""A consent given or withdrawn, recorded with its evidence; one at a time, or from a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, FOREVER, MISSING, rfc3339
from forbear.core.keys import AddressKey, Secret, of_erased_phone, phone_of
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose, mask
from forbear.gate import imports
from forbear.gate.claims import address_key
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy

_LONGEST = 20_000


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
    evidence: str | None = None  # where the proof is, or the words: kept apart; absent: no proof is held


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
) -> Recorded:
    """Records them, all or none. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    sellers = sellers_of(conn, account)
    keys = [any_address_key(one.address, gate, place) for place, one in enumerate(given)]
    named = [named_sellers(one.sellers, sellers, place) for place, one in enumerate(given)]
    for place, one in enumerate(given):
        if (one.given_at is None) == (one.given_day is None):
            raise BadInput("says when in one way: `given_at` or `given_day`", key=f"[{place}].given_at")
        if one.evidence is not None and len(one.evidence) > _LONGEST:
            raise BadInput(f"longer than {_LONGEST:,} characters", key=f"[{place}].evidence")
    if not given:
        raise BadInput("no consent", key="consents")
    with conn.transaction():
        check_key(conn, key, account)
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        events: list[UUID] = []
        for place, (one, address, those) in enumerate(zip(given, keys, named, strict=True)):
            if (one.given_at or 0) > now + DAY or (one.given_day or 0) > now // DAY + 2:
                raise BadInput("lies in the future", key=f"[{place}].given_at")
            happened = one.given_at if one.given_at is not None else (one.given_day or 0) * DAY
            event = writes.append_event(
                *(conn, now, Kind.CONSENT_GIVEN, known_by),
                account=account,
                address=address,
                happened_at=min(happened, now),
                payload=_payload(one),
                personal={"address": one.address, "evidence": one.evidence},
            )
            writes.give_consents(
                *(conn, columns.ids_of([event]), addresses.of_keys([address]), _columns(one), account, those, change)
            )
            events.append(event)
        seq = writes.number_change(conn, change)
    return Recorded(events=events, at=now, seq=seq)


def withdraw(
    conn: Connection,
    account: UUID,
    address: str,
    *,
    sellers: Sequence[str] = (),
    channels: Sequence[Channel] = (),
    text: str | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> int:
    """The person takes consent back; for these sellers, or all of the account's. Returns how many consents ended."""
    gate = gate or opened()
    known = sellers_of(conn, account)
    those = named_sellers(list(sellers) or list(known), known, 0)
    found = every_address_key(address, gate)
    with conn.transaction():
        check_key(conn, key, account)
        writes.lock_people(conn, np.array([one.column for one in found], np.int64))
        now = writes.now(conn)
        event = writes.append_event(
            *(conn, now, Kind.CONSENT_WITHDRAWN, known_by),
            account=account,
            address=found[0],
            payload={"sellers": [str(one) for one in those], "channels": [str(one) for one in channels]},
            personal={"address": address, "text": text},
        )
        ended = sum(writes.withdraw_consents(conn, now, one, those, mask(channels), event) for one in found)
        writes.number_change(conn, event)
    return ended


def listed(
    conn: Connection, account: UUID, *, address: str | None = None, after: UUID | None = None, limit: int = 100
) -> list[reads.Consent]:
    """What the account recorded, newest first, a page at a time; of one address, if given."""
    if address is None:
        return reads.consents(conn, account, after=after, limit=limit)
    keys = every_address_key(address, opened())
    found = [
        row
        for one in keys
        for row in reads.consents(conn, account, addr=one.column, mac=one.mac or None, after=after, limit=limit)
    ]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def import_csv(
    conn: Connection,
    account: UUID,
    path: Path,
    *,
    sellers: Sequence[str],
    by: str,
    columns_named: Mapping[str, str] | None = None,
    gate: Gate | None = None,
    tick: imports.Tick | None = None,
) -> imports.Imported:
    """A list of consents to these sellers, all or nothing. Raises `BadInput` naming file, line and column.

    Columns: `address`, `level`, and of `given`, `until`, `channels`, `purposes`, `covers`,
    `evidence`, `names_seller`, `given_by_person` those that are there; `columns_named` maps these names to the file's.
    """
    gate = gate or opened()
    those = named_sellers(list(sellers), sellers_of(conn, account), 0)
    return imports.consents(conn, gate, account, those, path, by, dict(columns_named or {}), tick)


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


def _payload(one: Given) -> dict[str, object]:
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
        "evidence": one.evidence is not None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _columns(one: Given) -> writes.Consents:
    def day(value: int | None) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.array([MISSING if value is None else value], np.int32)

    def bits(
        words: Sequence[Channel] | Sequence[Purpose] | Sequence[ConsentCover] | None,
    ) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
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
        evidence=np.array([int(one.evidence is not None)], np.int8),
        names_seller=three(one.names_seller),
        given_by_person=three(one.given_by_person),
    )
