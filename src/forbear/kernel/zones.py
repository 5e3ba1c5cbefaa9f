"""Local time as arithmetic: each zone's offsets as pieces, and sets of moments as sorted intervals.

A zone's year is cut into pieces of constant offset once and cached; every local question
(which day is it, when does the window open) is then exact integer work on those pieces,
clock changes included. tzdata names and fixed offsets (`-06:00`) are both zones.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from forbear.core.instants import DAY, MINUTE, SECOND, Moments, at_of
from forbear.rulebook.model import Hours

Ints = npt.NDArray[np.int64]


def _zone(name: str) -> tzinfo:
    if name[0] in "+-":
        from datetime import timezone

        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[4:6])))
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _changes(name: str, year: int) -> tuple[tuple[int, int], ...]:
    """(moment, offset from then on) for each change in a UTC year, the year's start first."""
    zone = _zone(name)

    def offset(second: int) -> int:
        found = datetime.fromtimestamp(second, zone).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    before = offset(start)
    changes = [(start * SECOND, before * SECOND)]
    step = 7 * 86400  # no zone changes its clock twice within a week
    for left in range(start, end, step):
        right = min(left + step, end)
        after = offset(right)
        if after != before:
            low, high = left, right
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            if high < end:
                changes.append((high * SECOND, after * SECOND))
            before = after
    return tuple(changes)


class Pieces:
    """A zone between two moments: from `starts[i]` (the last ends at `end`) its offset is `offsets[i]` us."""

    __slots__ = ("_offsets", "_starts", "end", "offsets", "starts")

    def __init__(self, starts: Ints, offsets: Ints, end: int) -> None:
        self.starts, self.offsets, self.end = starts, offsets, end
        self._starts, self._offsets = starts.tolist(), offsets.tolist()

    def offset_at(self, at: int) -> int:
        found: int = self._offsets[max(bisect_right(self._starts, at) - 1, 0)]
        return found

    def offset(self, at: Moments) -> Ints:
        index = np.searchsorted(self.starts, at, side="right") - 1
        return self.offsets[np.maximum(index, 0)]

    def start_of_day(self, day: int) -> int:
        """The first moment whose local date is `day` or later."""
        first = max(bisect_right(self._starts, (day - 1) * DAY) - 1, 0)  # no clock is a whole day ahead
        for index in range(first, len(self._starts)):
            until = self._starts[index + 1] if index + 1 < len(self._starts) else self.end
            moment: int = max(self._starts[index], day * DAY - self._offsets[index])
            if moment < until:
                return moment
        return self.end


@lru_cache(maxsize=2048)
def pieces(name: str, first_year: int, last_year: int) -> Pieces:
    """The zone over whole UTC years, both included."""
    found: list[tuple[int, int]] = []
    for year in range(first_year, last_year + 1):
        for moment, offset in _changes(name, year):
            if not found or found[-1][1] != offset:
                found.append((moment, offset))
    end = at_of(datetime(last_year + 1, 1, 1, tzinfo=UTC))
    table = np.array(found, dtype=np.int64)
    return Pieces(table[:, 0].copy(), table[:, 1].copy(), end)


class Spans:
    """A set of moments as disjoint, sorted, half-open [start, end)."""

    __slots__ = ("_ends", "_starts", "ends", "starts")

    def __init__(self, starts: Ints, ends: Ints) -> None:
        self.starts, self.ends = starts, ends
        self._starts: list[int] | None = None  # one moment is found faster in a list than in an array
        self._ends: list[int] = []

    def _lists(self) -> tuple[list[int], list[int]]:
        if self._starts is None:
            self._ends = self.ends.tolist()
            self._starts = self.starts.tolist()
        return self._starts, self._ends

    def holds(self, at: int) -> bool:
        return self.leaves(at) != at

    def leaves(self, at: int) -> int:
        """The first moment at or after `at` outside the set."""
        starts, ends = self._lists()
        index = bisect_right(starts, at) - 1
        return ends[index] if index >= 0 and at < ends[index] else at

    def enters(self, at: int, never: int) -> int:
        """The first moment at or after `at` inside the set."""
        if self.holds(at):
            return at
        starts, _ = self._lists()
        index = bisect_left(starts, at)
        return starts[index] if index < len(starts) else never


EMPTY = Spans(np.empty(0, np.int64), np.empty(0, np.int64))


def union(starts: Ints, ends: Ints) -> Spans:
    if not len(starts):
        return EMPTY
    order = np.argsort(starts, kind="stable")
    first, last = starts[order], np.maximum.accumulate(ends[order])
    fresh = first[1:] > last[:-1]
    return Spans(first[np.r_[True, fresh]], last[np.r_[fresh, True]])


def outside(spans: Spans, start: int, end: int) -> Spans:
    """[start, end) without `spans`."""
    if start >= end:
        return EMPTY
    starts = np.r_[start, np.clip(spans.ends, start, end)]
    ends = np.r_[np.clip(spans.starts, start, end), end]
    kept = starts < ends
    return Spans(starts[kept], ends[kept])


def open_spans(zone: Pieces, hours: Hours, closed: npt.NDArray[np.int32], first_day: int, last_day: int) -> Spans:
    """When the windows of `hours` are open by the clock of `zone` on local days first..last, `closed` days left out."""
    days = np.arange(first_day, last_day + 1, dtype=np.int64)
    kept = np.ones(len(days), bool)
    kept[closed[(closed >= first_day) & (closed <= last_day)] - first_day] = False
    days = days[kept]
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    lows: list[Ints] = []
    highs: list[Ints] = []
    for index in range(7):
        those = days[weekday == index] * DAY
        for begin, finish in hours[index]:
            lows.append(those + begin * MINUTE)
            highs.append(those + finish * MINUTE)
    if not lows:
        return EMPTY
    low, high = np.concatenate(lows), np.concatenate(highs)
    starts: list[Ints] = []
    ends: list[Ints] = []
    for index, (since, offset) in enumerate(zip(zone.starts, zone.offsets, strict=True)):
        until = zone.starts[index + 1] if index + 1 < len(zone.starts) else zone.end
        begin_at, end_at = np.maximum(low - offset, since), np.minimum(high - offset, until)
        real = begin_at < end_at
        starts.append(begin_at[real])
        ends.append(end_at[real])
    return union(np.concatenate(starts), np.concatenate(ends))


def open_on_eves(
    zone: Pieces, windows: tuple[tuple[int, int], ...], closed: npt.NDArray[np.int32], first_day: int, last_day: int
) -> Spans:
    """Every local day whole, but a day before a `closed` one only within `windows`."""
    days = np.arange(first_day, last_day + 1, dtype=np.int32)
    eves = closed - 1
    others = np.setdiff1d(days, eves)
    whole = open_spans(zone, (((0, 1440),),) * 7, eves.astype(np.int32), first_day, last_day)
    short = open_spans(zone, (windows,) * 7, others.astype(np.int32), first_day, last_day)
    return union(np.r_[whole.starts, short.starts], np.r_[whole.ends, short.ends])
