"""The bytes whose hashes are the leaves of the log: one fixed layout for each kind of record, big-endian.

Every record can be turned into its bytes again, and none holds an address, its key or anything else a stranger could
guess at: what is personal in an event is there as the hash of a salted part, the address of a decision as its seal
(`core.keys.seal`), whose salt is in no table. So a leaf can be built before and after an erasure, and even who has the
whole database cannot try numbers against it.

    decision      `DECISION`, lengths of rules, obligations and packed facts (4 bytes each), these, then overrides
    event         `EVENT`, lengths of kind, known_by (2 each) and payload (4), these; the payload is canonical JSON
    redemption    permit (16), at (8)
    disposition   permit (16), at (8), answered, conversation, abandoned, refused (1 each: 0, 1, -1 not known),
                  lengths of known_by and outcome (2 each), these
    entry         what the log itself holds: kind (1, `Leaf`), source (16), hash (32). The hash is that of the record's
                  bytes as an RFC 6962 leaf; for a list of events and for the decisions of one commit the root over them

Moments are microseconds UTC, absent ids and hashes zeros. Changing a layout would orphan every record before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.core.canonical import canonical
from forbear.core.instants import MISSING
from forbear.ledger.kinds import Leaf
from forbear.tlog.merkle import leaf_hash

DECISION: Final = np.dtype(
    [
        ("id", "u1", (16,)),
        ("at", ">i8"),
        ("account", "u1", (16,)),
        ("seller", "u1", (16,)),
        ("seal", "u1", (16,)),  # of the address, under a salt that only the secret's holder can derive
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
EVENT: Final = np.dtype(
    [
        ("id", "u1", (16,)),
        ("happened_at", ">i8"),
        ("learnt_at", ">i8"),
        ("account", "u1", (16,)),
        ("seller", "u1", (16,)),
        ("personal_hash", "u1", (32,)),
    ]
)
_DECISION_LENGTHS: Final = struct.Struct(">III")
_EVENT_FIXED: Final = struct.Struct(">16sqq16s16s32s")
_EVENT_LENGTHS: Final = struct.Struct(">HHI")
_REDEMPTION: Final = struct.Struct(">16sq")
_DISPOSITION: Final = struct.Struct(">16sqbbbbHH")
_ENTRY: Final = struct.Struct(">B16s32s")
_NO_ID: Final = bytes(16)
_NO_HASH: Final = bytes(32)


class Entry(NamedTuple):
    """One entry of the log."""

    kind: Leaf
    source: UUID  # of the batch, event or permit
    hash: bytes

    def bytes(self) -> bytes:
        return _ENTRY.pack(self.kind, self.source.bytes, self.hash)


def entry_of(data: bytes) -> Entry:
    """Raises `ValueError`."""
    try:
        kind, source, hashed = _ENTRY.unpack(data)
    except struct.error:
        raise ValueError(f"{len(data)} bytes, not {_ENTRY.size}") from None
    return Entry(Leaf(kind), UUID(bytes=source), hashed)


def entry_bytes(kind: int, source: bytes, hashed: bytes) -> bytes:
    """As `Entry.bytes`, of a row's own bytes."""
    return _ENTRY.pack(kind, source, hashed)


# --- events


def event_bytes(
    identity: UUID,
    kind: str,
    happened_at: int,
    learnt_at: int,
    known_by: str,
    account: UUID | None,
    seller: UUID | None,
    payload: Mapping[str, object],
    personal_hash: bytes | None,
) -> bytes:
    """One event, as it was stored."""
    fixed = _EVENT_FIXED.pack(
        identity.bytes,
        happened_at,
        learnt_at,
        account.bytes if account else _NO_ID,
        seller.bytes if seller else _NO_ID,
        personal_hash or _NO_HASH,
    )
    return fixed + _event_tail(kind, known_by, canonical(payload))


def event_hashes(
    ids: npt.NDArray[np.uint8],
    kind: str,
    happened: npt.NDArray[np.int64],
    learnt_at: int,
    known_by: str,
    account: UUID | None,
    seller: UUID | None,
    payload: bytes,
    personal_hashes: Sequence[bytes | None] | None,
) -> list[bytes]:
    """The leaf hashes of many events that differ by id, moment and personal part; `payload` is canonical."""
    n = len(ids)
    rows = np.zeros(n, EVENT)
    rows["id"], rows["happened_at"], rows["learnt_at"] = ids, happened, learnt_at
    for name, value in (("account", account), ("seller", seller)):
        if value is not None:
            rows[name] = np.frombuffer(value.bytes, np.uint8)
    if personal_hashes is not None:
        whole = b"".join([one or _NO_HASH for one in personal_hashes])
        rows["personal_hash"] = np.frombuffer(whole, np.uint8).reshape(n, 32)
    fixed, width, tail = rows.tobytes(), EVENT.itemsize, _event_tail(kind, known_by, payload)
    return [sha256(b"\0" + fixed[at : at + width] + tail).digest() for at in range(0, n * width, width)]


def _event_tail(kind: str, known_by: str, payload: bytes) -> bytes:
    said, by = kind.encode(), known_by.encode()
    return _EVENT_LENGTHS.pack(len(said), len(by), len(payload)) + said + by + payload


# --- permits


def redemption_bytes(permit: bytes, at: int) -> bytes:
    return _REDEMPTION.pack(permit, at)


def redemption_hashes(permits: Sequence[bytes], at: int) -> list[bytes]:
    return [leaf_hash(_REDEMPTION.pack(permit, at)) for permit in permits]


def disposition_bytes(
    permit: UUID,
    at: int,
    known_by: str,
    outcome: str,
    answered: bool | None,
    conversation: bool | None,
    abandoned: bool | None,
    refused: bool | None,
) -> bytes:
    said = [-1 if value is None else int(value) for value in (answered, conversation, abandoned, refused)]
    by, what = known_by.encode(), outcome.encode()
    return _DISPOSITION.pack(permit.bytes, at, *said, len(by), len(what)) + by + what


# --- decisions


def decision_bytes(fixed: bytes, rules: bytes, obligations: bytes, facts: bytes, overrides: bytes = b"") -> bytes:
    """`overrides` come last, so that a decision without any has the bytes it always had."""
    lengths = _DECISION_LENGTHS.pack(len(rules), len(obligations), len(facts))
    return fixed + lengths + rules + obligations + facts + overrides


def decision_hash(fixed: bytes, rules: bytes, obligations: bytes, facts: bytes, overrides: bytes = b"") -> bytes:
    return leaf_hash(decision_bytes(fixed, rules, obligations, facts, overrides))


def decision_fixed(
    identity: UUID,
    at: int,
    account: UUID,
    seller: UUID,
    seal: bytes | None,
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
    row = np.zeros(1, DECISION)
    row["id"], row["account"], row["seller"] = (
        np.frombuffer(value.bytes, np.uint8) for value in (identity, account, seller)
    )
    row["at"] = at
    row["channel"], row["purpose"], row["mode"], row["verdict"] = channel, purpose, mode, verdict
    row["cure"] = -1 if cure is None else cure
    row["earliest"] = MISSING if earliest is None else earliest
    row["seal"] = np.frombuffer(seal or bytes(16), np.uint8)  # zeros: decided before there were seals
    row["permit"] = np.frombuffer(permit.bytes if permit else _NO_ID, np.uint8)
    row["selector"] = np.frombuffer(selector, np.uint8)
    return row.tobytes()
