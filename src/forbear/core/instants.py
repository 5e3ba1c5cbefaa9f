"""Moments and days as integers, the form every column uses.

A moment (`..._at`) is microseconds since 1970-01-01T00:00:00Z, a day (`..._day`) is days
since 1970-01-01. `MISSING` stands for "not known" in either, `FOREVER` for "without end".
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

Moments = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

MISSING: Final = -(2**31)  # fits an int32 day and is no moment of this era either
FOREVER: Final = 2**31 - 1  # as a day
FOREVER_AT: Final = 2**62  # as a moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)


def at_of(moment: datetime) -> int:
    """The integer form of an aware `datetime`. A naive one is a fault of ours."""
    assert moment.tzinfo is not None, "a moment needs a zone"
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=int(at))


def day_of(day: date) -> int:
    return (day - _EPOCH_DAY).days


def date_of(day: int) -> date:
    return _EPOCH_DAY + timedelta(days=int(day))


def rfc3339(at: int) -> str:
    """`2026-11-24T13:00:00Z`; a fraction only where there is one."""
    moment = moment_of(at)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if moment.microsecond:
        text += f".{moment.microsecond:06d}".rstrip("0")
    return text + "Z"


def parse_rfc3339(text: str) -> int:
    """RFC 3339 with a zone. Raises `ValueError` for anything else, a bare date included."""
    if "T" not in text.upper():
        raise ValueError("not an instant")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        raise ValueError("an instant needs a zone (`Z` or `+10:00`)")
    return at_of(moment)


def parse_day(text: str) -> int:
    """`YYYY-MM-DD` and nothing else. Raises `ValueError`."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError("not a date")
    return day_of(date.fromisoformat(text))
