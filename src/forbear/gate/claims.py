"""What callers claim, as columns: addresses, the inputs that choose rules, yes/no facts, words by hash.

Needs no store. Everything here is *claimed*; `gather` lays what the store knows over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.core import emails, keys, phones, where
from forbear.core.emails import Email
from forbear.core.keys import NO_KEY, AddressKey, AddressKind, Secret
from forbear.core.phones import NumberFault
from forbear.core.words import Channel, Mode, Purpose
from forbear.gate.contact import Contact, Content, Dialler
from forbear.kernel.facts import Flag
from forbear.ledger.addresses import Addresses, of_keys

_COLUMN_PAYS: Final = 1000  # contacts; below, a data frame costs more than it saves
MARKETING: Final = frozenset({Purpose.MARKETING, Purpose.FUNDRAISING})

Evidence = tuple[str | None, str | None, str | None, str | None, tuple[int, ...]]
"""Country, region, postcode, time zone, prefix classes: the arguments of `where.resolve_class`."""


@dataclass(slots=True)
class Claims:
    """`n` contacts, possibly of several requests."""

    contacts: list[Contact]
    addresses: Addresses  # `NO_KEY` where `to` is no address of the channel
    numbers: npt.NDArray[np.uint64]  # E.164 digits; 0 for mail
    older: dict[int, tuple[AddressKey, ...]]  # row -> keys under secrets that only probe
    erased: npt.NDArray[np.int64]  # by secret and row, the key under which the number stands where it was erased
    secrets: tuple[Secret, ...]
    places: list[Evidence]
    true: npt.NDArray[np.uint64]
    false: npt.NDArray[np.uint64]
    channel: npt.NDArray[np.int16]  # bits
    purpose: npt.NDArray[np.int16]
    mode: npt.NDArray[np.int16]
    marketing: npt.NDArray[np.bool_]
    campaign: npt.NDArray[np.int64]  # hashes; 0 none
    subject: npt.NDArray[np.int64]
    debt: npt.NDArray[np.int64]
    list: npt.NDArray[np.int64]
    dialler: npt.NDArray[np.int64] | None  # shape (3, n): answered_live, abandoned, window_days; -1 not known


def of_contacts(contacts: list[Contact], secrets: Sequence[Secret]) -> Claims:
    """The columns. An address that cannot be understood is a row with `NO_KEY`, never an error."""
    n = len(contacts)
    channels = [contact.channel for contact in contacts]
    mail = [channel is Channel.EMAIL for channel in channels]
    numbers = _numbers(contacts, mail)
    if not any(mail):
        column = keys.of_phones(numbers)
        addresses = Addresses(column, np.zeros(n, np.int16), np.zeros((n, 16), np.uint8), np.ones(n, bool))
        older: dict[int, tuple[AddressKey, ...]] = {}
    else:
        addresses, older = _mixed(contacts, mail, numbers, secrets)
    classes = where.prefix_class(numbers).tolist()
    true, false = np.empty(n, np.uint64), np.empty(n, np.uint64)
    places: list[Evidence] = []
    for row, contact in enumerate(contacts):
        yes, no = (0, 0) if contact.content is None else _content_flags(contact.content)
        if contact.ai_disclosed is not None:
            bit = 1 << Flag.AI_DISCLOSED
            yes, no = (yes | bit, no) if contact.ai_disclosed else (yes, no | bit)
        if contact.dialler is not None and contact.dialler.live_agent_guaranteed is not None:
            bit = 1 << Flag.LIVE_AGENT_GUARANTEED
            yes, no = (yes | bit, no) if contact.dialler.live_agent_guaranteed else (yes, no | bit)
        true[row], false[row] = yes, no
        number_class = classes[row]
        hints = contact.recipient
        if hints is None:
            places.append((None, None, None, None, (number_class,) if number_class else ()))
            continue
        evidence = {number_class}
        for text in hints.other_numbers or ():
            other = _number(text)
            if other:
                evidence.add(where.prefix_class_of(other))
        zone = hints.timezone or where.zone_of_locality(hints.region, hints.locality)
        places.append(
            (hints.country, hints.region, hints.postcode, zone, tuple(sorted(evidence - {where.NO_EVIDENCE})))
        )
    understood = np.uint64(1 << Flag.ADDRESS_UNDERSTOOD)
    known = addresses.addr != NO_KEY
    true[known] |= understood
    false[~known] |= understood
    promotional_denied = false >> np.uint64(Flag.PROMOTIONAL) & np.uint64(1) != 0
    return Claims(
        contacts,
        addresses,
        numbers,
        older,
        erased_keys(numbers, secrets),
        tuple(secrets),
        places,
        true,
        false,
        np.array([_BIT[channel] for channel in channels], np.int16),
        np.array([_BIT[contact.purpose] for contact in contacts], np.int16),
        np.array([0 if contact.mode is None else _BIT[contact.mode] for contact in contacts], np.int16),
        np.array([contact.purpose in MARKETING for contact in contacts], bool) | ~promotional_denied,
        _words([contact.campaign for contact in contacts]),
        _words([contact.subject for contact in contacts]),
        _words([contact.debt for contact in contacts]),
        _words([contact.list for contact in contacts]),
        _counts([contact.dialler for contact in contacts]),
    )


def erased_keys(numbers: npt.NDArray[np.uint64], secrets: Sequence[Secret]) -> npt.NDArray[np.int64]:
    """The erased keys of the numbers, a row for each secret. To be confirmed: `is_erased_form`."""
    if not numbers.any():
        return np.full((len(secrets), len(numbers)), NO_KEY, np.int64)
    return np.stack([keys.of_erased_phones(numbers, secret) for secret in secrets])


def is_erased_form(number: int, addr: int, mac: bytes, secrets: Sequence[Secret]) -> bool:
    """Whether the erased key (`addr`, `mac`) is that of this number, under any of the secrets."""
    return bool(number) and any(
        one.column == addr and compare_digest(one.mac, mac)
        for one in (keys.of_erased_phone(number, secret) for secret in secrets)
    )


@lru_cache(maxsize=1 << 16)
def word_hash(word: str) -> int:
    """A caller's own word (campaign, subject, debt) as a number that is not 0."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big", signed=True) or 1


def address_key(channel: Channel, to: str, secret: Secret) -> AddressKey | None:
    """The key of one address of the channel's kind, None where it is not one."""
    if channel is Channel.EMAIL:
        email = emails.parse(to)
        return keys.of_text(AddressKind.EMAIL, email.matching, secret) if isinstance(email, Email) else None
    number = _number(to)
    return keys.of_phone(number) if number else None


_BIT: Final = {word: word.bit for word in (*Channel, *Purpose, *Mode)}
_CONTENT: Final = (
    1 << Flag.IDENTIFIES_SENDER,
    1 << Flag.POSTAL_ADDRESS,
    1 << Flag.SUBJECT_ACCURATE,
    1 << Flag.HEADER_ACCURATE,
    1 << Flag.PROMOTIONAL,
    1 << Flag.IDENTIFIED_AS_AD,
)
_OFFERS: Final = {
    "reply": 1 << Flag.OPT_OUT_REPLY,
    "url": 1 << Flag.OPT_OUT_URL,
    "key_press": 1 << Flag.OPT_OUT_KEY_PRESS,
}
_EVERY_OFFER: Final = sum(_OFFERS.values())


def _content_flags(content: Content) -> tuple[int, int]:
    offer = content.opt_out
    return _flags_of(
        content.identifies_sender,
        content.postal_address,
        content.subject_accurate,
        content.header_accurate,
        content.promotional,
        content.identified_as_ad,
        offer.kind if offer is not None else None,
        offer.requires_login if offer is not None else None,
    )


@lru_cache(maxsize=1 << 14)
def _flags_of(*said: bool | str | None) -> tuple[int, int]:
    """The bits of what is true and of what is false; most messages say the same."""
    yes = no = 0
    for bit, value in zip(_CONTENT, said[:6], strict=True):
        if value is not None:
            yes, no = (yes | bit, no) if value else (yes, no | bit)
    kind, requires_login = said[6:]
    if kind == "none":
        no |= 1 << Flag.OPT_OUT_OFFERED | _EVERY_OFFER
    elif isinstance(kind, str):
        yes |= 1 << Flag.OPT_OUT_OFFERED | _OFFERS[kind]
        no |= _EVERY_OFFER & ~_OFFERS[kind]
    if requires_login is not None:
        bit = 1 << Flag.OPT_OUT_REQUIRES_LOGIN
        yes, no = (yes | bit, no) if requires_login else (yes, no | bit)
    return yes, no


def _number(text: str) -> int:
    found = phones.parse(text)
    return 0 if isinstance(found, NumberFault) else found


def _numbers(contacts: list[Contact], mail: list[bool]) -> npt.NDArray[np.uint64]:
    """E.164 only: a number without `+` is not understood, since nobody said which country it is of."""
    if len(contacts) < _COLUMN_PAYS:
        return phones.parse_few(["" if m else c.to for c, m in zip(contacts, mail, strict=True)])
    texts = pl.Series([None if m else c.to for c, m in zip(contacts, mail, strict=True)], dtype=pl.String)
    return phones.parse_column(texts).numbers


def _mixed(
    contacts: list[Contact], mail: list[bool], numbers: npt.NDArray[np.uint64], secrets: Sequence[Secret]
) -> tuple[Addresses, dict[int, tuple[AddressKey, ...]]]:
    nothing = AddressKey(NO_KEY, b"", 0)
    found: list[AddressKey] = []
    older: dict[int, tuple[AddressKey, ...]] = {}
    for row, (contact, is_mail, number) in enumerate(zip(contacts, mail, numbers.tolist(), strict=True)):
        if not is_mail:
            found.append(keys.of_phone(number) if number else nothing)
            continue
        email = emails.parse(contact.to)
        if not isinstance(email, Email):
            found.append(nothing)
            continue
        found.append(keys.of_text(AddressKind.EMAIL, email.matching, secrets[0]))
        if len(secrets) > 1:
            older[row] = tuple(keys.of_text(AddressKind.EMAIL, email.matching, old) for old in secrets[1:])
    return of_keys(found), older


def _words(words: list[str | None]) -> npt.NDArray[np.int64]:
    return np.array([0 if word is None else word_hash(word) for word in words], np.int64)


def _counts(diallers: list[Dialler | None]) -> npt.NDArray[np.int64] | None:
    if all(dialler is None for dialler in diallers):
        return None
    counts = np.full((3, len(diallers)), -1, np.int64)
    for row, dialler in enumerate(diallers):
        if dialler is not None:
            for place, value in enumerate((dialler.answered_live, dialler.abandoned, dialler.window_days)):
                if value is not None:
                    counts[place, row] = value
    return counts
