"""By which day does the law want an opt-out carried out? Kept for the record: the gate carries it out at once."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from forbear.core.instants import HOUR, day_of, moment_of
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, Purpose
from forbear.rulebook.model import Deadline, Rulebook


@dataclass(frozen=True, slots=True)
class Due:
    """The last local day on which it is still in time, and the rule that says so."""

    day: int
    rule: str


def opt_out_due(rulebook: Rulebook, places: PlaceSet, channel: Channel, at: int) -> Due | None:
    """The earliest date any `honours` rule about marketing sets for an opt-out received at `at` (us, UTC).

    The day of receipt is not counted (5 business days from a Monday end on the next Monday). Of
    several candidate places, rules and zones the earliest date counts. None where no rule sets one.
    """
    found: list[Due] = []
    for rule in rulebook.rules:
        applies = rule.applies
        if rule.check != "honours" or rule.shadow:
            continue
        if (applies.channel and not applies.channel & channel.bit) or (
            applies.purpose and not applies.purpose & Purpose.MARKETING.bit
        ):
            continue
        for zone in {
            place.zone
            for place in places
            if not applies.places or place.region in applies.places or place.country in applies.places
        }:
            received = day_of(moment_of(at).astimezone(ZoneInfo(zone)).date())
            for value in rule.values:
                if value.deadline is not None and value.from_day <= received <= value.to_day:
                    found.append(Due(_last_day(value.deadline, rulebook, zone, received, at), rule.id))
    return min(found, key=lambda due: (due.day, due.rule), default=None)


def _last_day(deadline: Deadline, rulebook: Rulebook, zone: str, received: int, at: int) -> int:
    if deadline.unit == "hours":
        return day_of(moment_of(at + deadline.number * HOUR).astimezone(ZoneInfo(zone)).date())
    if deadline.unit == "days":
        return received + deadline.number
    calendar = rulebook.calendars[deadline.calendar] if deadline.calendar else None
    closed = frozenset(holiday.day for holiday in calendar.days) if calendar else frozenset()
    day, left = received, deadline.number
    while left:
        day += 1
        if (day + 3) % 7 < 5 and day not in closed:  # 1970-01-01 was a Thursday
            left -= 1
    return day
