"""Keys of addresses: 64 bits to find by, 128 more to be sure.

A key fits a signed 64-bit column: bits 60-62 say the kind, the low 60 bits are the phone
number itself or the top 60 bits of HMAC-SHA256(secret, matching form). For the hashed
kinds a hit is confirmed by the first 16 bytes of the same HMAC; a phone key is exact.
A secret has an id, stored beside the key, so that old keys stay findable after a change.

A number that was erased is found by its *erased key*: every number asked about is probed under it, millions in a wash,
so its low 60 bits are SipHash-2-4 (Aumasson, Bernstein 2012) under a key of the secret's, which numpy computes by
column; a hit is confirmed by 16 bytes of HMAC-SHA256. Without the secret neither can be tried out number by number.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forbear.core.phones import Numbers

Keys = npt.NDArray[np.int64]
Macs = npt.NDArray[np.uint8]  # shape (n, 16)

KIND_SHIFT: Final = 60
MAC_BYTES: Final = 16
NO_KEY: Final = 0


class AddressKind(IntEnum):
    PHONE = 1
    EMAIL = 2
    SENDER_ID = 3  # alphanumeric sender of an sms
    ERASED_PHONE = 4  # a number that the ledger no longer holds


class Secret(NamedTuple):
    id: int
    bytes: bytes


class AddressKey(NamedTuple):
    column: int
    mac: bytes  # empty for a phone: the number is in the key
    secret_id: int  # 0 for a phone


def of_phone(number: int) -> AddressKey:
    """`number`: E.164 digits, not 0."""
    assert 0 < number < 1 << KIND_SHIFT, "not an E.164 number"
    return AddressKey(AddressKind.PHONE << KIND_SHIFT | number, b"", 0)


def of_text(kind: AddressKind, matching: str, secret: Secret) -> AddressKey:
    """The key of an e-mail address or a sender id by its matching form."""
    assert kind is not AddressKind.PHONE, "a phone's key is its number"
    digest = hmac.digest(secret.bytes, matching.encode(), sha256)
    return AddressKey(kind << KIND_SHIFT | int.from_bytes(digest[:8], "big") >> 4, digest[:MAC_BYTES], secret.id)


def of_phones(numbers: Numbers) -> Keys:
    """Keys of a column of E.164 numbers; 0 stays `NO_KEY`."""
    keys = numbers.astype(np.int64)
    keys[keys != 0] |= AddressKind.PHONE << KIND_SHIFT
    return keys


def of_texts(kind: AddressKind, matching: Sequence[str | None], secret: Secret) -> tuple[Keys, Macs]:
    """Keys and macs of a column of matching forms; `None` gives `NO_KEY` and zeros."""
    digests = np.zeros((len(matching), 32), dtype=np.uint8)
    for i, form in enumerate(matching):
        if form is not None:
            digests[i] = np.frombuffer(hmac.digest(secret.bytes, form.encode(), sha256), dtype=np.uint8)
    tops = np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64) >> np.uint64(4)
    keys = tops.astype(np.int64) | kind << KIND_SHIFT
    keys[[form is None for form in matching]] = NO_KEY
    return keys, np.ascontiguousarray(digests[:, :MAC_BYTES])


def kind_of(key: int) -> AddressKind:
    return AddressKind(key >> KIND_SHIFT)


def phone_of(key: int) -> int | None:
    """The number a phone key stands for."""
    return key & (1 << KIND_SHIFT) - 1 if key >> KIND_SHIFT == AddressKind.PHONE else None


def is_erased(key: int) -> bool:
    """Whether a key is of a number that was erased."""
    return key >> KIND_SHIFT == AddressKind.ERASED_PHONE


def of_erased_phone(number: int, secret: Secret) -> AddressKey:
    """The key under which an erased number is still found by whoever has the secret and the number."""
    assert 0 < number < 1 << KIND_SHIFT, "not an E.164 number"
    column = int(of_erased_phones(np.array([number], np.uint64), secret)[0])
    return AddressKey(column, erased_mac(number, secret), secret.id)


def erased_mac(number: int, secret: Secret) -> bytes:
    """What confirms a hit of an erased key."""
    return hmac.digest(_erased_secret(secret), b"confirm\0" + str(number).encode(), sha256)[:MAC_BYTES]


def of_erased_phones(numbers: Numbers, secret: Secret) -> Keys:
    """The erased keys of a column of E.164 numbers; 0 stays `NO_KEY`."""
    derived = _erased_secret(secret)
    low, high = int.from_bytes(derived[:8], "little"), int.from_bytes(derived[8:16], "little")
    if len(numbers) < _COLUMN_PAYS:
        top = AddressKind.ERASED_PHONE << KIND_SHIFT
        return np.array([siphash_one(n, low, high) >> 4 | top if n else NO_KEY for n in numbers.tolist()], np.int64)
    found = np.empty(len(numbers), np.int64)
    for start in range(0, len(numbers), _CHUNK):  # what is worked on stays in the processor's cache
        part = numbers[start : start + _CHUNK]
        hashed = siphash(part, low, high) >> np.uint64(4)
        keyed = hashed.astype(np.int64) | AddressKind.ERASED_PHONE << KIND_SHIFT
        found[start : start + _CHUNK] = np.where(part == 0, NO_KEY, keyed)
    return found


_CHUNK: Final = 1 << 13
_COLUMN_PAYS: Final = 16  # numbers; a hundred small calls of numpy cost as much as so many by hand


@lru_cache(maxsize=64)
def _erased_secret(secret: Secret) -> bytes:
    """A key of its own, so that nothing else that is hashed with the secret can meet it."""
    return hmac.digest(secret.bytes, b"forbear erased phone", sha256)


SEAL_BYTES: Final = 16
_SEALED: Final = struct.Struct(">qh16s")


def seal_salt(identity: bytes, secret: Secret) -> bytes:
    """What opens the seal of one decision, by its id. It is in no table: whoever has the secret derives it."""
    return hmac.digest(_seal_secret(secret), identity, sha256)[:SEAL_BYTES]


def seal(salt: bytes, column: int, secret_id: int, mac: bytes | None) -> bytes:
    """An address in a leaf: hidden without the salt, and no other address fits with it."""
    return sha256(salt + _SEALED.pack(column, secret_id, mac or b"")).digest()[:SEAL_BYTES]


def seals(identities: bytes, columns: Sequence[int], secret_ids: Sequence[int], macs: bytes, secret: Secret) -> bytes:
    """The seals of many decisions, one after another; `identities` and `macs` have 16 bytes each (zeros: none)."""
    key, digest, pack = _seal_secret(secret), hmac.digest, _SEALED.pack
    found = []
    for i, (column, secret_id) in enumerate(zip(columns, secret_ids, strict=True)):
        at = slice(i * 16, i * 16 + 16)
        salt = digest(key, identities[at], "sha256")[:SEAL_BYTES]
        found.append(sha256(salt + pack(column, secret_id, macs[at])).digest()[:SEAL_BYTES])
    return b"".join(found)


@lru_cache(maxsize=64)
def _seal_secret(secret: Secret) -> bytes:
    return hmac.digest(secret.bytes, b"forbear decision seal", sha256)


def siphash(values: npt.NDArray[np.uint64], low: int, high: int) -> npt.NDArray[np.uint64]:
    """SipHash-2-4 of each value (below 2^56) as a message of seven bytes, little-endian: one block."""
    block = values | np.uint64(7 << 56)
    shape = values.shape
    v0 = np.full(shape, low ^ 0x736F6D6570736575, np.uint64)
    v1 = np.full(shape, high ^ 0x646F72616E646F6D, np.uint64)
    v2 = np.full(shape, low ^ 0x6C7967656E657261, np.uint64)
    v3 = np.uint64(high ^ 0x7465646279746573) ^ block
    spare = np.empty(shape, np.uint64)
    _rounds(2, v0, v1, v2, v3, spare)
    v0 ^= block
    v2 ^= np.uint64(0xFF)
    _rounds(4, v0, v1, v2, v3, spare)
    found: npt.NDArray[np.uint64] = v0 ^ v1 ^ v2 ^ v3
    return found


_TURNS: Final = {bits: (np.uint64(bits), np.uint64(64 - bits)) for bits in (13, 16, 17, 21, 32)}


def _turn(word: npt.NDArray[np.uint64], bits: int, spare: npt.NDArray[np.uint64]) -> None:
    left, right = _TURNS[bits]
    np.right_shift(word, right, out=spare)
    np.left_shift(word, left, out=word)
    np.bitwise_or(word, spare, out=word)


def _rounds(
    count: int,
    v0: npt.NDArray[np.uint64],
    v1: npt.NDArray[np.uint64],
    v2: npt.NDArray[np.uint64],
    v3: npt.NDArray[np.uint64],
    spare: npt.NDArray[np.uint64],
) -> None:
    for _ in range(count):
        for a, b, c, d, first, second in ((v0, v1, v2, v3, 13, 16), (v2, v1, v0, v3, 17, 21)):
            a += b
            c += d
            _turn(b, first, spare)
            _turn(d, second, spare)
            b ^= a
            d ^= c
            _turn(a, 32, spare)


def siphash_one(value: int, low: int, high: int) -> int:
    """`siphash` of one value, without the cost of columns."""
    block = value | 7 << 56
    v0, v1 = low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D
    v2, v3 = low ^ 0x6C7967656E657261, high ^ 0x7465646279746573 ^ block
    for turn in range(6):
        if turn == 2:
            v0 ^= block
            v2 ^= 0xFF
        v0, v2 = v0 + v1 & _ALL, v2 + v3 & _ALL
        v1, v3 = (v1 << 13 & _ALL | v1 >> 51) ^ v0, (v3 << 16 & _ALL | v3 >> 48) ^ v2
        v0 = v0 << 32 & _ALL | v0 >> 32
        v2, v0 = v2 + v1 & _ALL, v0 + v3 & _ALL
        v1, v3 = (v1 << 17 & _ALL | v1 >> 47) ^ v2, (v3 << 21 & _ALL | v3 >> 43) ^ v0
        v2 = v2 << 32 & _ALL | v2 >> 32
    return v0 ^ v1 ^ v2 ^ v3


_ALL: Final = (1 << 64) - 1
