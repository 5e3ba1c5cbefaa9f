"""A person's recent attempts, packed into the row whose lock a permit needs.

One fixed-width record per permit: issuing appends it, redeeming and settling rewrite it,
"not placed" takes it out. Everything in it can be built again from permits, redemptions and
dispositions. INVARIANT: read and written only under the lock of the person's counter row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from forbear.core.instants import DAY

KEPT_DAYS: Final = 400  # longer than any rule looks back
MOST: Final = 4096  # the newest stay
RECORD: Final = np.dtype(
    [
        ("at", "<i8"),  # when it was redeemed; until then when it expires, which is never too early for a cap
        ("seller", "<i4"),  # number of the seller
        ("purpose", "<u2"),  # bits of the words
        ("channel", "u1"),
        ("mode", "u1"),
        ("known", "u1"),  # of answered 1, conversation 2, abandoned 4, refused 8, unreachable 16
        ("said", "u1"),
        ("subject", "<i8"),  # hash of the caller's word; 0 none
        ("debt", "<i8"),
        ("permit", "u1", (16,)),
    ]
)
ANSWERED, CONVERSATION, ABANDONED, REFUSED, UNREACHABLE = 1, 2, 4, 8, 16

Records = npt.NDArray[np.void]


def unpack(packed: Sequence[bytes]) -> tuple[Records, npt.NDArray[np.int32]]:
    """The records of several people in one array, and whose each is (index into `packed`)."""
    lengths = np.array([len(one) for one in packed], dtype=np.int32) // RECORD.itemsize
    records = np.frombuffer(b"".join(packed), dtype=RECORD)
    return records, np.repeat(np.arange(len(packed), dtype=np.int32), lengths)


def pruned(packed: bytes, now: int) -> bytes:
    """Without what no rule asks for any more. Cheap: looks closer only at rows that grew."""
    if len(packed) < 64 * RECORD.itemsize:
        return packed
    records = np.frombuffer(packed, dtype=RECORD)
    return records[records["at"] > now - KEPT_DAYS * DAY][-MOST:].tobytes()


def find(packed: bytes, permit: bytes) -> int | None:
    """The index of a permit's record; None where it was taken out or pruned."""
    records = np.frombuffer(packed, dtype=RECORD)
    hits = np.flatnonzero((records["permit"] == np.frombuffer(permit, dtype=np.uint8)).all(axis=1))
    return int(hits[0]) if len(hits) else None


def redeemed(packed: bytes, permit: bytes, at: int) -> bytes:
    i = find(packed, permit)
    if i is None:
        return packed
    records = np.frombuffer(packed, dtype=RECORD).copy()
    records["at"][i] = at
    return records.tobytes()


def settled(packed: bytes, permit: bytes, known: int, said: int) -> bytes:
    """With what the disposition says of it."""
    i = find(packed, permit)
    if i is None:
        return packed
    records = np.frombuffer(packed, dtype=RECORD).copy()
    records["known"][i] = known
    records["said"][i] = said
    return records.tobytes()


def without(packed: bytes, permit: bytes) -> bytes:
    """The cap given back."""
    i = find(packed, permit)
    size = RECORD.itemsize
    return packed if i is None else packed[: i * size] + packed[(i + 1) * size :]
