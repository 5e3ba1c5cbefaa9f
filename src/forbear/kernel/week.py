"""A week of one contact: at which hours no rule about the time of day stands in its way, and which rule does when.

The engine judges the contact at every moment at which one of its windows opens or closes, so the
edges are exact and every candidate zone, holiday and date of a text counts as in a verdict.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from forbear.core.codes import Code
from forbear.core.instants import DAY, HOUR, MINUTE, at_of, moment_of
from forbear.core.jurisdictions import main_zone
from forbear.core.words import Purpose
from forbear.kernel.case import Case
from forbear.kernel.columns import facts_of
from forbear.kernel.facts import Facts, Flag
from forbear.kernel.judge import Engine, RuleWord
from forbear.kernel.zones import Pieces, pieces
from forbear.rulebook.model import Rulebook

DAYS = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """[start, end) in µs UTC, and the rules that close it; none: open."""

    start: int
    end: int
    closed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """[start, end) in minutes of the local day, and the rules that close it; none: open."""

    start: int
    end: int
    closed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalDay:
    """One row of the calendar. A minute the clock skips is in no segment; one it repeats is open if it is so twice."""

    day: int
    segments: tuple[Segment, ...]
    holidays: tuple[tuple[str, str], ...]  # (calendar, name) that some rule about hours closes on
    eves: tuple[str, ...]  # names of the holidays that some rule shortens this day before

    @property
    def open(self) -> tuple[tuple[int, int], ...]:
        return tuple((one.start, one.end) for one in self.segments if not one.closed_by)


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone the person may be in: the regions that keep it, and its offset from UTC in minutes at the moment asked."""

    zone: str
    regions: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Week:
    """Seven local days from that of `at`, by the clock of `zone`."""

    at: int
    zone: str
    clocks: tuple[Clock, ...]
    days: tuple[LocalDay, ...]
    pieces: tuple[Piece, ...]
    hours: tuple[str, ...]  # the rules about hours that speak of this contact, whether they close anything or not
    said: tuple[RuleWord, ...]  # what every other rule says at `at`, silent ones left out

    @property
    def now(self) -> Piece:
        return next(piece for piece in self.pieces if piece.start <= self.at < piece.end)

    @property
    def next_open(self) -> int | None:
        """The first open moment from `at` on, within the week."""
        return next((max(p.start, self.at) for p in self.pieces if p.end > self.at and not p.closed_by), None)

    @property
    def open_minutes(self) -> int:
        return sum(piece.end - piece.start for piece in self.pieces if not piece.closed_by) // MINUTE


def week(engine: Engine, case: Case, zone: str | None = None) -> Week:
    """The week of `case` from the local day of its `now`; `zone` (IANA): whose clock the rows are drawn by.

    Without one it is the candidate zone that most of the candidate regions keep. What is not about the
    time of day (lists, consents, caps) does not close an hour here; it is in `said`.
    """
    at = at_of(case.now)
    clocks = _clocks(case, at)
    main = {main_zone(place.country) for place in case.places}
    shown = zone or max(clocks, key=lambda clock: (len(clock.regions), clock.zone in main, clock.zone)).zone
    year = case.now.year
    keeps = pieces(shown, max(year - 1, 1970), year + 1)
    first = (at + keeps.offset_at(at)) // DAY
    start, end = keeps.start_of_day(first), keeps.start_of_day(first + DAYS)
    cuts = [start, *_edges(engine, facts_of([case]), start, end)]
    asked = [replace(case, now=moment_of(cut)) for cut in cuts]
    rules = {rule.id: rule for rule in engine.rulebook.rules}
    found: list[Piece] = []
    speaking: set[str] = set()
    for begin, finish, words in zip(
        cuts, [*cuts[1:], end], engine.explain(facts_of(asked), range(len(asked))), strict=True
    ):
        hours = [word for word in words if word.rule in rules and rules[word.rule].check == "within_hours"]
        speaking.update(word.rule for word in hours if word.code is not Code.SILENT and not rules[word.rule].twin_of)
        by = tuple(word.rule for word in hours if word.code is Code.NOT_NOW and not word.shadow)
        if found and found[-1].closed_by == by:
            found[-1] = replace(found[-1], end=finish)
        else:
            found.append(Piece(begin, finish, by))
    (now,) = engine.explain(facts_of([case]), [0])
    named = tuple(rule_id for rule_id in rules if rule_id in speaking)
    return Week(
        at,
        shown,
        clocks,
        tuple(_day(first + index, keeps, found, named, engine.rulebook) for index in range(DAYS)),
        tuple(found),
        named,
        tuple(word for word in now if word.code is not Code.SILENT and word.rule not in speaking),
    )


def _clocks(case: Case, at: int) -> tuple[Clock, ...]:
    """The candidate zones from east to west of midnight's arrival, each with its regions."""
    regions: dict[str, list[str]] = {}
    for place in sorted(case.places):
        regions.setdefault(place.zone, []).append(place.region)
    year = case.now.year
    found = [
        Clock(zone, tuple(some), pieces(zone, max(year - 1, 1970), year + 1).offset_at(at) // MINUTE)
        for zone, some in regions.items()
    ]
    return tuple(sorted(found, key=lambda clock: (-clock.offset, clock.zone)))


def _edges(engine: Engine, facts: Facts, start: int, end: int) -> list[int]:
    """Every moment between `start` and `end` at which a window opens or closes or a text begins, in order."""
    (selector,) = facts.selectors
    stated = int(facts.false[0]) >> Flag.PROMOTIONAL & 1
    promotional = selector.purpose is not Purpose.MARKETING and not stated
    profile = engine.compiler.compile(selector, promotional, start // DAY)
    edges: set[int] = {plan.start for plan in profile.plans}
    for element in profile.elements:
        edges.update(element.closed.starts.tolist(), element.closed.ends.tolist())
    return sorted(edge for edge in edges if start < edge < end)


def _day(day: int, keeps: Pieces, found: Sequence[Piece], rule_ids: Sequence[str], book: Rulebook) -> LocalDay:
    begin, finish = keeps.start_of_day(day), keeps.start_of_day(day + 1)
    minutes: list[tuple[str, ...] | None] = [None] * 1440
    first = max(bisect_right([piece.start for piece in found], begin) - 1, 0)
    for piece in found[first:]:
        if piece.start >= finish:
            break
        for low, high in _steady(keeps, max(piece.start, begin), min(piece.end, finish)):
            for minute in range(low, high):
                if piece.closed_by or minutes[minute] is None:  # a repeated minute is closed if it is so once
                    minutes[minute] = piece.closed_by
    holidays, eves = _holidays(day, rule_ids, book)
    return LocalDay(day, tuple(_segments(minutes)), holidays, eves)


def _steady(keeps: Pieces, start: int, end: int) -> Iterable[tuple[int, int]]:
    """[start, end), within one local day, as minutes of it; in two parts where the clock is changed in between."""
    changes = [int(change) for change in keeps.starts if start < change < end]
    for low, high in pairwise([start, *changes, end]):
        offset = keeps.offset_at(low)
        first = (low + offset) % DAY // MINUTE
        yield first, min(first + -(-(high - low) // MINUTE), 1440)


def _segments(minutes: Sequence[tuple[str, ...] | None]) -> Iterable[Segment]:
    start = 0
    for minute in range(1, 1441):
        if minute == 1440 or minutes[minute] != minutes[start]:
            by = minutes[start]
            if by is not None:
                yield Segment(start, minute, by)
            start = minute


def _holidays(day: int, rule_ids: Sequence[str], book: Rulebook) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The holidays of a day by the calendars that rules close on, and those of the next that shorten it."""
    days: dict[tuple[str, str], None] = {}
    eves: dict[str, None] = {}
    for rule_id in rule_ids:
        for value in book.rule(rule_id).values:
            if not (value.undated or value.from_day <= day <= value.to_day):
                continue
            for name in value.closed_on:
                calendar = book.calendars[name]
                for holiday in calendar.days:
                    if holiday.day == day:
                        days[name, holiday.name] = None
                    elif value.eves and holiday.day == day + 1:
                        eves[holiday.name] = None
                if not calendar.from_day <= day <= calendar.through_day:
                    days[name, "not known: the calendar does not reach this day"] = None
    return tuple(days), tuple(eves)


def local(week: Week, at: int) -> tuple[int, int]:
    """The local day and minute of a moment, by the clock the week is drawn by."""
    year = moment_of(at).year
    wall = at + pieces(week.zone, max(year - 1, 1970), year + 1).offset_at(at)
    return wall // DAY, wall % DAY // MINUTE


def offset_words(minutes: int) -> str:
    """-300 as `UTC-05:00`."""
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) * MINUTE // HOUR:02d}:{abs(minutes) % 60:02d}"
