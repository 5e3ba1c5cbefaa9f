"""How far does an opt-out reach where nobody said so? By the law of wherever the person may be, and by the house."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from forbear.core.instants import day_of, moment_of
from forbear.core.places import PlaceSet
from forbear.core.words import Binding, Channel, OptOutScope, Reaching, Way
from forbear.rulebook.model import Extent, Rule, Rulebook

WIDTH: Final = {
    OptOutScope.CAMPAIGN: 0,
    OptOutScope.LIST: 0,
    OptOutScope.MARKETING: 1,
    OptOutScope.DIRECT_MARKETING_OBJECTION: 2,  # and no later consent lifts it where the law has it so
    OptOutScope.ALL_BUT_NEEDED: 3,
    OptOutScope.ALL: 4,
}
_CHANNELS: Final = list(Reaching)
_BINDINGS: Final = list(Binding)


@dataclass(frozen=True, slots=True)
class Reach:
    """What it covers, which channels it stops, whom it binds, and the rules that say so."""

    covers: OptOutScope
    channels: Reaching
    scope: Binding
    rules: tuple[str, ...]

    @property
    def rule(self) -> str:
        """The rules' ids in one text; mostly one."""
        return " ".join(self.rules)

    def mask(self, said_on: Channel) -> int:
        """The channels as a suppression has them: bits; 0 is every channel."""
        if self.channels is Reaching.ALL:
            return 0
        numbered = Channel.VOICE.bit | Channel.SMS.bit
        wide = self.channels is Reaching.SAME_NUMBER and said_on.bit & numbered
        return numbered if wide else said_on.bit


WIDEST: Final = Reach(OptOutScope.ALL, Reaching.ALL, Binding.SELLER, ())
"""Where no rule says anything, which the shipped rulebook leaves nowhere."""


def opt_out_reach(rulebook: Rulebook, places: PlaceSet, channel: Channel, way: Way | None, at: int) -> Reach:
    """The widest that any `reaches` rule in force at `at` (us, UTC) says of an opt-out said on `channel` in this way.

    Over all candidate places, each on its own local day. What it covers, its channels and whom it binds may be
    by different rules; the result names the fewest that together say it. `way` None: not known.
    """
    found = [(rule.id, extent) for rule, extent in _saying(rulebook, places, channel, way or Way.IMPORTED, at)]
    if not found:
        return WIDEST
    covers = max((extent.covers for _, extent in found), key=WIDTH.__getitem__)
    channels = max((extent.channels for _, extent in found), key=_CHANNELS.index)
    scope = max((extent.binds for _, extent in found), key=_BINDINGS.index)
    wanted = (covers, channels, scope)

    def says(extent: Extent) -> set[int]:
        own = (extent.covers, extent.channels, extent.binds)
        return {place for place in range(3) if own[place] is wanted[place]}

    left, rules = {0, 1, 2}, list[str]()
    while left:
        best = max(found, key=lambda one: len(says(one[1]) & left))  # of equals the first in the rulebook
        left -= says(best[1])
        rules.append(best[0])
    return Reach(covers, channels, scope, tuple(rules))


def _saying(rulebook: Rulebook, places: PlaceSet, channel: Channel, way: Way, at: int) -> Iterator[tuple[Rule, Extent]]:
    moment = moment_of(at)
    for rule in rulebook.rules:
        applies = rule.applies
        if rule.check != "reaches" or rule.shadow or (applies.channel and not applies.channel & channel.bit):
            continue
        zones = {
            place.zone
            for place in places
            if not applies.places or place.region in applies.places or place.country in applies.places
        }
        days = {day_of(moment.astimezone(ZoneInfo(zone)).date()) for zone in zones}
        for value in rule.values:
            extent = value.extent
            if extent is None or (extent.ways and not extent.ways & way.bit):
                continue
            if any((value.undated or value.from_day <= day) and day <= value.to_day for day in days):
                yield rule, extent
