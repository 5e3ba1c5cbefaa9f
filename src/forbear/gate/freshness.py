"""Which registries the rules ask, where, and until when a copy of each is fresh enough for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import NamedTuple

from forbear.core.instants import date_of
from forbear.core.words import Channel, Purpose
from forbear.kernel import reference
from forbear.kernel.case import Case, Contact, Recipient, Registry, Sender
from forbear.rulebook.model import (
    AnyOf,
    Condition,
    ConsentCondition,
    FreshCondition,
    ListedCondition,
    Rulebook,
    Value,
)

LOOK_AHEAD_DAYS = 400


class Demand(NamedTuple):
    """One text of a rule that asks a registry."""

    rule: str
    places: tuple[str, ...]  # countries or regions; none: everywhere
    from_day: int
    to_day: int
    undated: bool
    fresh: tuple[FreshCondition, ...]

    def binds(self, first_day: int, last_day: int) -> bool:
        return self.undated or (self.from_day <= last_day and first_day <= self.to_day)


@dataclass(frozen=True)
class Demands:
    """What a rulebook asks registries for."""

    of: Mapping[str, tuple[Demand, ...]]  # by registry
    regional: Mapping[str, frozenset[str]]  # of registries that only rules of regions ask: those regions

    def region_of(self, part: str) -> tuple[str, str] | None:
        """The registry and the region whose list this is: `us.state.FL` is (`us.state`, `US-FL`)."""
        registry, _, code = part.rpartition(".")
        region = f"{registry[:2].upper()}-{code}"
        return (registry, region) if region in self.regional.get(registry, ()) else None

    def on(self, name: str, first_day: int, last_day: int) -> list[Demand]:
        """What binds on these days and asks this registry, or this part of one."""
        found = self.region_of(name)
        registry = found[0] if found else name if name in self.of else name.rpartition(".")[0]
        asked = self.of.get(registry, ())
        return [
            demand
            for demand in asked
            if demand.binds(first_day, last_day) and (found is None or found[1] in demand.places)
        ]

    def conditions(self, name: str, first_day: int, last_day: int) -> tuple[FreshCondition, ...]:
        asked = self.on(name, first_day, last_day)
        return tuple(dict.fromkeys(condition for demand in asked for condition in demand.fresh))


def demands_of(rulebook: Rulebook) -> Demands:
    found: dict[str, list[Demand]] = {}
    for rule in rulebook.rules:
        for value in rule.values:
            asked: dict[str, list[FreshCondition]] = {}
            for condition in _conditions(value):
                if isinstance(condition, ListedCondition):
                    asked.setdefault(condition.registry, [])
                elif isinstance(condition, FreshCondition):
                    asked.setdefault(condition.registry, []).append(condition)
                elif isinstance(condition, ConsentCondition) and condition.after_listing:
                    asked.setdefault(condition.after_listing, [])
            for registry, fresh in asked.items():
                found.setdefault(registry, []).append(
                    Demand(
                        rule.twin_of or rule.id,
                        rule.applies.places,
                        value.from_day,
                        value.to_day,
                        value.undated,
                        tuple(dict.fromkeys(fresh)),
                    )
                )
    regional = {
        registry: frozenset(place for demand in asked_of for place in demand.places)
        for registry, asked_of in found.items()
        if all(demand.places and all("-" in place for place in demand.places) for demand in asked_of)
    }
    return Demands({name: tuple(found[name]) for name in sorted(found)}, regional)


def _conditions(value: Value) -> Iterator[Condition]:
    yield from _of_alternatives(value.any_of)
    yield from _of_alternatives(value.unless)
    if value.listed is not None:
        yield value.listed
    if value.fresh is not None:
        yield value.fresh


def _of_alternatives(alternatives: AnyOf) -> Iterator[Condition]:
    return (condition for together in alternatives for condition in together)


@lru_cache(maxsize=1 << 14)
def is_fresh(condition: FreshCondition, checked_day: int, edition_day: int | None, today: int) -> bool:
    """Whether a copy got on one day, of a list of another, is fresh enough today, as the rule's text has it."""
    answer = Registry(
        listed=False, checked=date_of(checked_day), edition=None if edition_day is None else date_of(edition_day)
    )
    noon = datetime.combine(date_of(today), time(12), tzinfo=UTC)
    somewhere = Case(
        id=None,
        now=noon,
        contact=Contact(channel=Channel.VOICE, purpose=Purpose.MARKETING),
        sender=Sender(),
        recipient=Recipient(country="ZZ"),  # one clock, UTC's
        registries={condition.registry: answer},
    )
    return reference.fresh(condition, reference.Situation(somewhere, noon)) is True


def stale_from(
    conditions: Iterable[FreshCondition], checked_day: int, edition_day: int | None, today: int
) -> int | None:
    """The first day on which one of the conditions is not met; None where none is within `LOOK_AHEAD_DAYS`."""
    found: list[int] = []
    for condition in conditions:
        oldest = checked_day if edition_day is None else min(checked_day, edition_day)
        good, stale = oldest - 1, today + LOOK_AHEAD_DAYS
        if is_fresh(condition, checked_day, edition_day, stale):
            continue
        while stale - good > 1:  # a copy only ages
            middle = (good + stale) // 2
            if is_fresh(condition, checked_day, edition_day, middle):
                good = middle
            else:
                stale = middle
        found.append(stale)
    return min(found, default=None)
