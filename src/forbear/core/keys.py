"""Keys of addresses: 64 bits to find by, 128 more to be sure.

A key fits a signed 64-bit column: bits 60-62 say the kind, the low 60 bits are the phone
number itself or the top 60 bits of HMAC-SHA256(secret, matching form). For the hashed
kinds a hit is confirmed by the first 16 bytes of the same HMAC; a phone key is exact.
A secret has an id, stored beside the key, so that old keys stay findable after a change.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import IntEnum
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
