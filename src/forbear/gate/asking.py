"""Asking registries about a column of contacts: one answer for each registry that the rules name.

A registry may be kept in parts. Rules of several states ask `us.state`; each state publishes
a list of its own, loaded as `us.state.FL`. A contact is asked of the lists of those of its
candidate states that the rules have a list for: it is listed if one of them lists it, and not
listed only if all of them were asked and say so. Where a state's own list is not loaded,
`us.state` itself, a combined list, answers for it.

The dates of several lists become one date so that no rule is met that its own state's list
would not meet: each list must be fresh by its own state's rule, by the clock furthest on;
else the answer is not known. Only contacts whose state is in doubt ask several lists.

A registry that every operator keeps for itself (Greece) is asked in all the parts that the
installation has named for it, under one rule: the oldest dates count.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forbear.core.instants import DAY, HOUR, MISSING
from forbear.core.places import PlaceSet
from forbear.gate.freshness import Demands, is_fresh
from forbear.kernel.facts import NO, NOT_KNOWN, YES, Selector
from forbear.registries.numberset import Keys
from forbear.registries.snapshots import Answer, Registries, Snapshot, Texts
from forbear.rulebook.model import FreshCondition

_FURTHEST_ON: Final = 14 * HOUR  # of any clock on earth, from UTC
_FURTHEST_BACK: Final = 12 * HOUR

_NO_CLASSES: Final = np.empty(0, np.uint16)

Conditions = tuple[FreshCondition, ...]
Names = tuple[str, ...]


class Part(NamedTuple):
    """One list to ask, and whose it is: the combined list may stand in for a state's own."""

    held: str
    whose: str


Parts = tuple[Part, ...]


class Whom(NamedTuple):
    """The addresses asked about: E.164 digits (`key_id` 0), or e-mail keys and what was written."""

    keys: Keys
    key_id: int = 0
    texts: Texts = None

    def some(self, rows: npt.NDArray[np.int64]) -> Whom:
        texts = None if self.texts is None else [self.texts[row] for row in rows.tolist()]
        return Whom(self.keys[rows], self.key_id, texts)


class Said(NamedTuple):
    """A registry's answer, and whether its dates follow from a row's selector alone."""

    answer: Answer
    by_selector: bool


class Asking:
    """The registries as one sender may ask them at one moment. Several threads may ask at once."""

    def __init__(
        self, registries: Registries, demands: Demands, account: str | None, seller: str | None, now: int
    ) -> None:
        self._registries, self._demands = registries, demands
        self._account, self._seller = account, seller
        self._days = (now - _FURTHEST_BACK) // DAY, (now + _FURTHEST_ON) // DAY
        self._lock = threading.Lock()
        self._class_of: dict[str, npt.NDArray[np.uint16]] = {}  # by registry, then by number of selector
        self._classes: dict[str, dict[Parts, int]] = {}

    def layers(self, name: str) -> list[Snapshot]:
        """The copies that may answer, of the registry and of its parts."""
        names = [name, *self._parts(name)] if name in self._registries.in_parts else [name]
        return [layer for one in names for layer in self._own(one)]

    def missing(self, name: str) -> list[str]:
        """What rules ask of this registry and nothing here answers: itself, or parts of it."""
        if self._own(name) and not self._registries.parts(name):
            return []
        parts = [part for part in self._parts(name) if not self._own(part)]
        return parts if len(parts) < len(self._parts(name)) else [name]

    def ask(self, name: str, whom: Whom, selector: npt.NDArray[np.int32], selectors: Sequence[Selector]) -> Said:
        """`selector`: by row an index into `selectors`, of which earlier ones never change."""
        if not self._in_parts(name):
            answer = self._one(name, whom)
            return Said(answer, answer.obtained_at.ndim == 0 and answer.edition_day.ndim == 0)
        if name not in self._demands.regional:
            parts = tuple(Part(part, part) for part in self._parts(name))
            return Said(self._together(parts, whom, joint=True), False)
        classes, of_row = self._split(name, selector, selectors)
        n = whom.keys.size
        listed = np.full(n, NOT_KNOWN, np.int8)
        obtained, edition = np.full(n, MISSING, np.int64), np.full(n, MISSING, np.int32)
        by_selector = True
        order = np.argsort(of_row, kind="stable")  # few small numbers: sorted by their bytes
        ends = np.cumsum(np.bincount(of_row, minlength=len(classes))).tolist()
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if start == end or not classes[number]:
                continue
            rows = order[start:end]
            said = self._together(classes[number], whom.some(rows), joint=False)
            listed[rows], obtained[rows], edition[rows] = said
            by_selector &= said.obtained_at.ndim == 0 and said.edition_day.ndim == 0
        return Said(Answer(listed, obtained, edition), by_selector)

    def _in_parts(self, name: str) -> bool:
        if name not in self._registries.in_parts:
            return False
        if name in self._demands.regional:
            return any(self._own(part) for part in self._parts(name))
        return bool(self._registries.parts(name))

    def _parts(self, name: str) -> Names:
        regions = self._demands.regional.get(name)
        return self._registries.parts(name) if regions is None else _lists_of(name, regions)

    def _own(self, name: str) -> list[Snapshot]:
        return self._registries.layers(name, self._account, self._seller)

    def _one(self, name: str, whom: Whom) -> Answer:
        return self._registries.answer(name, whom.keys, self._account, self._seller, whom.key_id, whom.texts)

    def _split(
        self, name: str, selector: npt.NDArray[np.int32], selectors: Sequence[Selector]
    ) -> tuple[list[Parts], npt.NDArray[np.uint16]]:
        """The combinations of lists to ask, and by row which of them."""
        regions = self._demands.regional[name]
        with self._lock:
            known = self._class_of.get(name, _NO_CLASSES)
            classes = self._classes.setdefault(name, {})
            if len(selectors) > known.size:
                new = [
                    classes.setdefault(self._loaded(name, _demanded(name, one.places, regions)), len(classes))
                    for one in selectors[known.size :]
                ]
                assert len(classes) <= 1 << 16, "more combinations of regions than regions have"
                known = self._class_of[name] = np.append(known, np.array(new, np.uint16))
            return list(classes), known[selector]

    def _loaded(self, name: str, parts: Names) -> Parts:
        """Each state's own list, or the combined one where there is none."""
        return tuple(Part(part if self._own(part) else name, part) for part in parts)

    def _together(self, parts: Parts, whom: Whom, *, joint: bool) -> Answer:
        """What several lists say together of the same rows."""
        n = whom.keys.size
        if not parts:
            return Answer(np.full(n, NOT_KNOWN, np.int8), np.array(MISSING, np.int64), np.array(MISSING, np.int32))
        answers = {part.held: self._one(part.held, whom) for part in parts}
        if len(parts) == 1:
            return answers[parts[0].held]
        asked = [answers[part.held] for part in parts]
        each = np.stack([answer.listed for answer in asked])
        listed = np.full(n, NOT_KNOWN, np.int8)
        listed[(each == NO).all(axis=0)] = NO
        listed[(each == YES).any(axis=0)] = YES
        conditions = [self._demands.conditions(part.whose, *self._days) for part in parts]
        if all(answer.obtained_at.ndim == 0 and answer.edition_day.ndim == 0 for answer in asked):
            dates = [(int(answer.obtained_at), int(answer.edition_day)) for answer in asked]
            good, obtained, edition = self._one_date(dates, conditions, joint)
            if not good:
                listed[listed == NO] = NOT_KNOWN
            return Answer(listed, np.array(obtained, np.int64), np.array(edition, np.int32))
        columns = [np.broadcast_to(date, (n,)) for answer in asked for date in (answer.obtained_at, answer.edition_day)]
        distinct, of_row = np.unique(np.stack([np.asarray(c, np.int64) for c in columns]), axis=1, return_inverse=True)
        told = [
            self._one_date(list(zip(dates[::2], dates[1::2], strict=True)), conditions, joint)
            for dates in distinct.T.tolist()
        ]
        goods, all_obtained, all_editions = (np.array(column)[of_row.reshape(-1)] for column in zip(*told, strict=True))
        listed[~goods & (listed == NO)] = NOT_KNOWN
        return Answer(listed, all_obtained.astype(np.int64), all_editions.astype(np.int32))

    def _one_date(
        self, dates: list[tuple[int, int]], conditions: Sequence[Conditions], joint: bool
    ) -> tuple[bool, int, int]:
        """Whether all are dated well enough, and one moment of asking and one edition for all of them."""
        obtained = [at for at, _ in dates]
        if MISSING in obtained:
            return False, MISSING, MISSING
        known = [edition for _, edition in dates if edition != MISSING]
        oldest = min(known, default=MISSING)
        if joint:
            return len(known) in (0, len(dates)), min(obtained), oldest
        today = self._days[1]

        def fresh(at: int, edition: int, rules: Conditions) -> bool:
            day, own = (at - _FURTHEST_BACK) // DAY, None if edition == MISSING else edition
            return all(is_fresh(rule, day, own, today) for rule in rules)

        if not all(fresh(at, edition, rules) for (at, edition), rules in zip(dates, conditions, strict=True)):
            return False, min(obtained), oldest
        editions = [(at - _FURTHEST_BACK) // DAY if edition == MISSING else edition for at, edition in dates]
        for choose in (min, max):
            at, edition = choose(obtained), choose(editions) if known else MISSING
            if all(fresh(at, edition, rules) for rules in conditions):
                return True, at, edition
        return False, min(obtained), oldest


@lru_cache(maxsize=64)
def _lists_of(name: str, regions: frozenset[str]) -> Names:
    return tuple(f"{name}.{region.partition('-')[2]}" for region in sorted(regions))


@lru_cache(maxsize=1 << 16)
def _demanded(name: str, places: PlaceSet, regions: frozenset[str]) -> Names:
    """The lists of those candidate regions that have one."""
    return _lists_of(name, frozenset({place.region for place in places}) & regions)
