"""UUIDv7 (RFC 9562): ids that sort by the moment they were made. The moment and the random bytes are arguments."""

from __future__ import annotations

from typing import Final
from uuid import UUID

RANDOM_BYTES: Final = 10


def uuid7(at: int, random: bytes) -> UUID:
    """`at`: microseconds UTC, not before 1970; `random`: 10 bytes. 48 bits of milliseconds, then the random ones."""
    assert at >= 0, "before 1970"
    assert len(random) == RANDOM_BYTES, "a UUIDv7 takes 10 random bytes"
    value = (at // 1000 & (1 << 48) - 1) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def made_at(identity: UUID) -> int:
    """The moment inside, in microseconds UTC (whole milliseconds)."""
    return (identity.int >> 80) * 1000
