"""The small Merkle tree of one batch (RFC 6962 hashing), and the bytes of a decision that are its leaf.

A leaf is everything a decision says: the fixed columns big-endian, the lengths of its rules,
obligations and packed facts, these, and its overrides. It can be built again from the row.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

import numpy as np

from forbear.core.instants import MISSING

FIXED: Final = np.dtype(
    [
        ("id", "u1", (16,)),
        ("at", ">i8"),
        ("account", "u1", (16,)),
        ("seller", "u1", (16,)),
        ("addr", ">i8"),
        ("key_id", ">i2"),
        ("mac", "u1", (16,)),
        ("channel", ">i2"),
        ("purpose", ">i2"),
        ("mode", ">i2"),
        ("verdict", "u1"),
        ("cure", "i1"),  # -1 none
        ("earliest", ">i8"),  # MISSING where there is none
        ("permit", "u1", (16,)),  # zeros where there is none
        ("selector", "u1", (16,)),
    ]
)
_LENGTHS = struct.Struct(">III")


def leaf(fixed: bytes, rules: bytes, obligations: bytes, facts: bytes, overrides: bytes = b"") -> bytes:
    """The hash of one decision. `overrides` come last, so that a decision without any hashes as it always did."""
    lengths = _LENGTHS.pack(len(rules), len(obligations), len(facts))
    return sha256(b"\0" + fixed + lengths + rules + obligations + facts + overrides).digest()


def fixed_of(
    identity: UUID,
    at: int,
    account: UUID,
    seller: UUID,
    addr: int,
    key_id: int,
    mac: bytes | None,
    channel: int,
    purpose: int,
    mode: int,
    verdict: int,
    cure: int | None,
    earliest: int | None,
    permit: UUID | None,
    selector: bytes,
) -> bytes:
    """The fixed columns of one stored decision as the leaf has them."""
    row = np.zeros(1, FIXED)
    row["id"], row["account"], row["seller"] = (
        np.frombuffer(value.bytes, np.uint8) for value in (identity, account, seller)
    )
    row["at"], row["addr"], row["key_id"] = at, addr, key_id
    row["channel"], row["purpose"], row["mode"], row["verdict"] = channel, purpose, mode, verdict
    row["cure"] = -1 if cure is None else cure
    row["earliest"] = MISSING if earliest is None else earliest
    row["mac"] = np.frombuffer(mac or bytes(16), np.uint8)
    row["permit"] = np.frombuffer(permit.bytes if permit else bytes(16), np.uint8)
    row["selector"] = np.frombuffer(selector, np.uint8)
    return row.tobytes()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes: the left subtree is the largest power of two smaller than the whole."""
    assert leaves, "an empty batch has no root"
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]
