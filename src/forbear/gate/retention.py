"""What the law wants kept of a person who is erased, for how long, and who says so.

The rules are the rulebook's own (`check = "retains"`). Those without an end ask for no more than heeding an opt-out
takes, and a keyed hash is that; those of months keep the words and documents of a consent or an opt-out until their
day. A house rule is a choice of ours and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from forbear.core.instants import DAY, date_of
from forbear.core.words import Channel
from forbear.ledger.kinds import Kind
from forbear.rulebook.model import Rule, Rulebook

RECORD_OF = {
    Kind.CONSENT_GIVEN.value: "consent",
    Kind.CONSENT_WITHDRAWN.value: "consent",
    Kind.OPT_OUT_SAID.value: "opt_out",
    Kind.RELATIONSHIP_RECORDED.value: "relationship",
    Kind.RELATIONSHIP_ENDED.value: "relationship",
}
"""Which kinds of event a law on keeping records is about."""


@dataclass(frozen=True, slots=True)
class Moments:
    """From when a law may count: microseconds UTC."""

    recorded: int  # when it was given or said
    used: int  # the last contact made
    ended: int  # when it was withdrawn; the erasure ends what still stood


@dataclass(frozen=True, slots=True)
class Duty:
    """One rule that wants a record kept. `until`: the first day it no longer does; None: for ever."""

    rule: str
    title: str
    cites: tuple[str, ...]
    confidence: str | None
    until: date | None


def duties(
    rulebook: Rulebook, record: str, regions: Iterable[str], channels: Sequence[Channel], moments: Moments, today: int
) -> list[Duty]:
    """The rules that want such a record of somebody in one of `regions` kept, the longest first.

    `regions`: `US-TX`, `DE`; empty: nobody knows the place, and only rules of no place are meant. `today`: a day.
    """
    places = {*regions, *(region[:2] for region in regions)}
    bits = 0
    for channel in channels:
        bits |= channel.bit
    found = [
        Duty(
            rule.id,
            rule.title,
            tuple(cite.title for cite in rule.cites),
            rule.confidence,
            _until(kept.months, kept.after, moments),
        )
        for rule in rulebook.rules
        if _concerns(rule, places, bits)
        for value in rule.values
        if value.from_day <= today <= value.to_day
        and (kept := value.retention) is not None
        and kept.record == record
        and kept.after != "last_activity"  # such a text says how long a record may be kept at most
    ]
    return sorted(found, key=lambda duty: (duty.until is not None, -(duty.until or date.max).toordinal(), duty.rule))


def _concerns(rule: Rule, places: set[str], channels: int) -> bool:
    if rule.check != "retains" or rule.shadow:
        return False
    here = not rule.applies.places or bool(places.intersection(rule.applies.places))
    return here and (not rule.applies.channel or bool(rule.applies.channel & channels))


def _until(months: int | None, after: str, moments: Moments) -> date | None:
    if months is None:
        return None
    begins = moments.used if after in ("use", "last_activity", "contact") else moments.recorded
    if after == "withdrawal":
        begins = moments.ended
    return later(date_of(begins // DAY), months)


def later(day: date, months: int) -> date:
    """So many months on; a day that month does not have becomes the first of the next."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        return date(year, month + 2, 1)  # never December, which has 31 days
