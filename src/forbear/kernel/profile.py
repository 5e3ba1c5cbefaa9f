"""The rules in force for one combination of selecting inputs, merged once.

A profile covers some four hundred days. Windows are sorted closed intervals in UTC over all
of them (`Element`), each with what lifts it. Everything else is cut at every day a text
begins or ends into segments; a segment's `Plan` holds clauses over atoms: facts that are
true, false or not known of a row (`forbear.kernel.atoms`). A plan judges one combination of
atoms with a few integer operations and remembers it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from forbear.core.codes import Code, Cure, Verdict
from forbear.core.instants import DAY, FOREVER_AT, date_of
from forbear.core.words import Channel, Purpose, Word
from forbear.kernel.facts import Flag, Selector
from forbear.kernel.zones import EMPTY, Ints, Pieces, Spans, open_on_eves, open_spans, outside, pieces, union
from forbear.rulebook.load import STATED_ONLY
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    AnyOf,
    Calendar,
    CapCondition,
    Condition,
    ConsentCondition,
    Coverage,
    FlagCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    Rule,
    Rulebook,
    Selection,
    SelectorCondition,
    Value,
)
from forbear.rulebook.topics import lowest

HORIZON_DAYS = 370
BUCKET_DAYS = 32
EARLIEST_YEAR = 2000  # consents and attempts are dated by the clock of their own day, however long ago
NEVER_KNOWN = 63  # an atom that is neither true nor false: an input nobody stated
_MUNICIPAL = re.compile(r"\s*(city|town|village)\s+of\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AtomKey:
    """A condition in its context: which channel and which purposes a consent must cover, whose days count."""

    condition: Any  # one of `Condition`; the table of evaluators goes by its type
    channel: int
    purposes: int


@dataclass(frozen=True, slots=True)
class Conjunction:
    """True where all of `true` are true and all of `false` are false."""

    true: int
    false: int

    def holds(self, true: int, false: int) -> bool:
        return true & self.true == self.true and false & self.false == self.false

    def fails(self, true: int, false: int) -> bool:
        return bool(false & self.true or true & self.false)


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing a rule demands: some conjunction holds. Else `fail`, or UNKNOWN while a fact is missing."""

    rule: int
    any_of: tuple[Conjunction, ...]
    fail: Code
    cap: int = -1  # the atom of the cap that this clause is, or -1

    def code(self, true: int, false: int) -> Code:
        for conjunction in self.any_of:
            if conjunction.holds(true, false):
                return Code.SATISFIED
        if self.cap >= 0:  # waiting cures a reached cap, whatever else is not known
            return Code.NOT_NOW if false >> self.cap & 1 else Code.UNKNOWN
        for conjunction in self.any_of:
            if not conjunction.fails(true, false):
                return Code.UNKNOWN
        return self.fail


@dataclass(frozen=True, slots=True)
class Demand:
    """One text of a rule that is no window: its clauses, or what it only states."""

    rule: int
    value: Value
    clauses: tuple[Clause, ...]
    obligations: tuple[str, ...] = ()
    stated: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """When one text of a window rule is closed, over the whole horizon and every zone it looks at."""

    rule: int
    closed: Spans
    unless: tuple[Conjunction, ...]
    shadow: bool = False
    twin: bool = False  # of a rule as shipped, behind an operator's own

    def lifted(self, true: int, false: int) -> bool:
        return any(conjunction.holds(true, false) for conjunction in self.unless)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out, for every row with the same profile, moment and atoms."""

    code: Code
    verdict: Verdict
    cure: Cure | None
    rules: tuple[str, ...]
    obligations: tuple[str, ...]
    shadow: tuple[tuple[str, Code], ...]  # rules that would have been stricter, were they enforced
    overrides: tuple[str, ...] = ()  # an operator's own texts without which it might have come out otherwise
    confidence: str | None = None  # the lowest of those who decided; of an `allow`, of all that had to be met


@dataclass(slots=True)
class Plan:
    """All but the windows, between two moments at which a text begins or ends."""

    start: int
    end: int
    clauses: tuple[Clause, ...]
    static: tuple[tuple[int, Code], ...]  # rules whose word is settled by the selecting inputs
    active: frozenset[int]  # every rule that applies here, windows included
    obligations: tuple[str, ...]
    atoms: tuple[int, ...]  # atoms beyond the flags that some clause or window reads
    bits: int  # which bits of the words matter at all
    kinds: dict[type, int]  # by kind of condition, the bits of its atoms
    capped: bool  # some clause counts earlier attempts, whoever's they are
    confidence: str | None  # the lowest of the rules that apply and of the readings of the candidate places
    judged: dict[tuple[int, int, int], Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class Profile:
    places: tuple[str, ...]  # zone names of every candidate place
    pieces: tuple[Pieces, ...]
    start: int
    end: int
    elements: tuple[Element, ...]
    plans: tuple[Plan, ...]
    starts: list[int]  # of the plans
    unions: dict[int, Spans] = field(default_factory=dict)
    slots: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    _long: tuple[Pieces, ...] = ()

    def clocks(self, since: int) -> tuple[Pieces, ...]:
        """The zones' clocks, reaching back to the moment `since` (but no further than 2000)."""
        if not self.pieces or since >= self.pieces[0].starts[0]:
            return self.pieces
        if not self._long:
            first_year = date_of(int(self.pieces[0].starts[0] // DAY)).year
            last_year = date_of(self.pieces[0].end // DAY - 1).year
            self._long = tuple(pieces(name, min(EARLIEST_YEAR, first_year), last_year) for name in self.places)
        return self._long

    def plan(self, at: int) -> int:
        return max(bisect_right(self.starts, at) - 1, 0)

    def slot(self, at: int) -> tuple[int, int, int, int]:
        """(plan, closed windows as bits, earliest local day, latest local day) at a moment."""
        known = self.slots.get(at)
        if known is None:
            closed = 0
            for index, element in enumerate(self.elements):
                if element.closed.holds(at):
                    closed |= 1 << index
            days = [(at + zone.offset_at(at)) // DAY for zone in self.pieces]
            known = (self.plan(at), closed, min(days), max(days))
            if len(self.slots) > 64:
                self.slots.clear()
            self.slots[at] = known
        return known

    def closed(self, elements: int) -> Spans:
        """When any of the windows in `elements` (bits) is closed."""
        found = self.unions.get(elements)
        if found is None:
            those = [element.closed for index, element in enumerate(self.elements) if elements >> index & 1]
            if those:
                found = union(np.concatenate([s.starts for s in those]), np.concatenate([s.ends for s in those]))
            else:
                found = EMPTY
            self.unions[elements] = found
        return found

    def unlifted(self, true: int, false: int) -> int:
        """The windows that count and that nothing lifts, as bits."""
        bits = 0
        for index, element in enumerate(self.elements):
            if not element.shadow and not element.lifted(true, false):
                bits |= 1 << index
        return bits

    def twins_open(self, closed: int, true: int, false: int) -> int:
        """The windows as shipped, behind an operator's own, that are open now; `closed` and the answer are bits."""
        bits = 0
        for index, element in enumerate(self.elements):
            if element.twin and not closed >> index & 1 and not element.lifted(true, false):
                bits |= 1 << index
        return bits

    def next_plan(self, at: int) -> int:
        """The moment the next plan begins, FOREVER_AT if none does."""
        plan = self.plans[self.plan(at)]
        return plan.end if plan.end < self.end else FOREVER_AT


class Compiler:
    """Turns selecting inputs into profiles. Holds what profiles share: atoms, windows by zone."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.ids: list[str] = [rule.id for rule in rulebook.rules]
        self.shadow: set[int] = {index for index, rule in enumerate(rulebook.rules) if rule.shadow}
        numbers = {rule.id: index for index, rule in enumerate(rulebook.rules)}
        self.twins: dict[int, int] = {  # a rule as shipped: the operator's own text of it
            index: numbers[rule.twin_of] for index, rule in enumerate(rulebook.rules) if rule.twin_of
        }
        self.own: set[int] = set(self.twins.values())
        self.atom_ids: dict[AtomKey, int] = {}
        self.atom_keys: list[AtomKey] = []
        self._index = {rule_id: index for index, rule_id in enumerate(self.ids)}
        self._windows: dict[object, Spans] = {}
        self._of_country: dict[str, list[int]] = {}
        for index, rule in enumerate(rulebook.rules):
            for country in {place[:2] for place in rule.applies.places} or {""}:
                self._of_country.setdefault(country, []).append(index)

    def _candidates(self, selector: Selector) -> list[int]:
        """The rules about some country the person may be in, and those about every country, in order."""
        countries = {place.country for place in selector.places}
        return sorted({index for country in (*countries, "") for index in self._of_country.get(country, ())})

    def rule_index(self, rule_id: str) -> int:
        """The number of a rule, made for those that are no file (coverage)."""
        found = self._index.get(rule_id)
        if found is None:
            found = self._index[rule_id] = len(self.ids)
            self.ids.append(rule_id)
        return found

    def in_order(self, rule_ids: set[str]) -> tuple[str, ...]:
        """Rule ids in the order of the rulebook; coverage last, by name: its numbers depend on what came before."""
        return tuple(sorted(rule_ids, key=lambda rule: (min(self._index[rule], len(self.rulebook.rules)), rule)))

    def compile(self, selector: Selector, promotional: bool, bucket: int) -> Profile:
        """`bucket`: the horizon begins two days before this day. `promotional`: it may be marketing as well."""
        purposes = selector.purpose.bit | (Purpose.MARKETING.bit if promotional else 0)
        first_day, last_day = bucket - 2, bucket + BUCKET_DAYS + HORIZON_DAYS + 4
        first_year, last_year = 1970 + int((first_day - 2) // 365.2425), 1970 + int((last_day + 2) // 365.2425) + 1
        zone_names = tuple(sorted({place.zone for place in selector.places}))
        zones = tuple(pieces(name, first_year, last_year) for name in zone_names)
        start, end = first_day * DAY, last_day * DAY
        elements: list[Element] = []
        found: list[Demand] = []
        present: list[tuple[int, Value, tuple[int, ...]]] = []  # (rule, text, zones whose day brings it into force)
        every_zone = tuple(range(len(zones)))
        for index in self._candidates(selector):
            rule = self.rulebook.rules[index]
            matched = self._matched(rule, selector, purposes)
            if matched is None:
                continue
            places, needed = matched
            for value in rule.values:
                if rule.check == "within_hours":
                    rule_zones = [n for n in zone_names if n in places]
                    present.append((index, value, tuple(zone_names.index(n) for n in rule_zones)))
                    closed = self._closed(rule, value, rule_zones, selector, first_year, last_year, first_day, last_day)
                    if len(closed.starts):
                        unless = self._unless(value, selector, needed)
                        elements.append(Element(index, closed, unless, rule.shadow, bool(rule.twin_of)))
                else:
                    present.append((index, value, every_zone))
                    found.append(self._demand(index, rule, value, selector, needed))
        cuts = {start, end}
        for _, value, _ in present:
            for zone in zones:
                if value.from_day != ALWAYS and not value.undated:
                    cuts.add(zone.start_of_day(value.from_day))
                if value.to_day != NEVER:
                    cuts.add(zone.start_of_day(value.to_day + 1))
        edges = sorted(cut for cut in cuts if start <= cut <= end)
        readings = self._readings(selector)
        static = self._coverage(selector, purposes, readings)
        read = [entry.confidence for entry in readings if entry.purposes & purposes]
        lifts = 0
        for element in elements:
            for conjunction in element.unless:
                lifts |= conjunction.true | conjunction.false
        plans = []
        for begin, finish in pairwise(edges):
            days = [(begin + zone.offset_at(begin)) // DAY for zone in zones]
            plans.append(self._plan(begin, finish, days, found, present, lifts, static, read))
        return Profile(
            zone_names,
            zones,
            start,
            end,
            tuple(elements),
            tuple(plans),
            [plan.start for plan in plans],
        )

    # which rules

    def _matched(self, rule: Rule, selector: Selector, purposes: int) -> tuple[set[str], int] | None:
        """The zones of the places the rule is about, and the purposes; None where it does not apply."""
        selection = rule.applies
        needed = purposes & selection.purpose if selection.purpose else purposes
        if not needed or not _selects(selection, selector):
            return None
        for exempt in rule.exempt:
            if _exempts(exempt, selector, purposes):
                return None
        zones = {
            place.zone
            for place in selector.places
            if (not selection.places or place.region in selection.places or place.country in selection.places)
            and (not selection.alert or _alerted(place.region, selector))
        }
        return (zones, needed) if zones else None

    def _coverage(
        self, selector: Selector, purposes: int, readings: Iterable[Coverage]
    ) -> tuple[tuple[int, Code], ...]:
        """Per candidate region: was the law for this channel and each purpose read?"""
        words: list[tuple[int, Code]] = []
        missing: list[str] = []
        for region in sorted({place.region for place in selector.places}):
            country = region[:2]
            read = 0
            for entry in readings:
                if region in entry.places or country in entry.places:
                    read |= entry.purposes
            if purposes & ~read:
                missing.append(region)
            else:
                words.append((self.rule_index(f"coverage.{region.lower()}"), Code.SATISFIED))
        if len(missing) > 3:
            words.append((self.rule_index("coverage.place"), Code.UNKNOWN))
        else:
            words.extend((self.rule_index(f"coverage.{region.lower()}"), Code.UNKNOWN) for region in missing)
        return tuple(words)

    def _readings(self, selector: Selector) -> list[Coverage]:
        """What was read of the candidate places for this channel and kind of recipient."""
        places = {place.region for place in selector.places} | {place.country for place in selector.places}
        return [
            entry
            for entry in self.rulebook.coverage
            if entry.channels & selector.channel.bit
            and not places.isdisjoint(entry.places)
            and (
                not entry.recipients
                or (selector.recipient_kind is not None and entry.recipients & selector.recipient_kind.bit)
            )
        ]

    def _confidences(self, indices: Iterable[int]) -> Iterator[str]:
        """Of rules that can change a verdict; a place nobody read the law of has none."""
        rules = self.rulebook.rules
        for index in indices:
            if index < len(rules) and rules[index].check not in STATED_ONLY:
                yield rules[index].confidence

    def confidence(self, rule_ids: Iterable[str]) -> str | None:
        """The lowest confidence of those rules; None where only a place that nobody read the law of decides."""
        return lowest(self._confidences(self._index[rule_id] for rule_id in rule_ids))

    # windows

    def _closed(
        self,
        rule: Rule,
        value: Value,
        zone_names: Iterable[str],
        selector: Selector,
        first_year: int,
        last_year: int,
        first_day: int,
        last_day: int,
    ) -> Spans:
        drop_substitutes = dict(selector.policy).get("close_substitute_holidays", True) is False
        starts: list[Ints] = []
        ends: list[Ints] = []
        for name in zone_names:
            for clock in value.clocks:
                by = name if clock == "local" else clock
                key = (rule.id, value.from_day, value.to_day, name, by, drop_substitutes, first_day, last_day)
                spans = self._windows.get(key)
                if spans is None:
                    home = pieces(name, first_year, last_year)
                    calendars = tuple(self.rulebook.calendars[c] for c in value.closed_on)
                    closed = _holidays(calendars, drop_substitutes, first_day, last_day)
                    assert value.hours is not None
                    clock_pieces = pieces(by, first_year, last_year)
                    opened = open_spans(clock_pieces, value.hours, closed, first_day - 1, last_day + 1)
                    begin = first_day * DAY if value.from_day == ALWAYS else home.start_of_day(value.from_day)
                    finish = last_day * DAY if value.to_day == NEVER else home.start_of_day(value.to_day + 1)
                    begin, finish = max(begin, first_day * DAY), min(finish, last_day * DAY)
                    spans = outside(opened, begin, finish)
                    if value.eves:
                        eves = open_on_eves(clock_pieces, value.eves, closed, first_day - 1, last_day + 1)
                        shut = outside(eves, begin, finish)
                        spans = union(np.r_[spans.starts, shut.starts], np.r_[spans.ends, shut.ends])
                    if len(self._windows) > 4096:
                        self._windows.clear()
                    self._windows[key] = spans
                starts.append(spans.starts)
                ends.append(spans.ends)
        return union(np.concatenate(starts), np.concatenate(ends)) if starts else EMPTY

    # clauses

    def _demand(self, index: int, rule: Rule, value: Value, selector: Selector, needed: int) -> Demand:
        """What one text that is no window asks of this contact."""
        if rule.check in STATED_ONLY:
            return Demand(index, value, (), value.obligations, not rule.shadow)
        unless = self._unless(value, selector, needed)
        if rule.check == "requires":
            return Demand(
                index, value, (Clause(index, self._any_of(value.any_of, selector, needed) + unless, rule.on_fail),)
            )
        if rule.check == "forbidden":
            return Demand(index, value, (Clause(index, unless, rule.on_fail),))
        if rule.check == "not_listed":
            assert value.listed is not None
            listed = Clause(index, self._any_of(((value.listed,),), selector, needed) + unless, rule.on_fail)
            if value.fresh is None:
                return Demand(index, value, (listed,))
            fresh = self._any_of(((value.fresh,),), selector, needed)
            return Demand(index, value, (listed, Clause(index, fresh + unless, Code.UNKNOWN)))
        assert value.cap is not None
        cap = self.atom(value.cap, selector, needed)
        return Demand(index, value, (Clause(index, (Conjunction(1 << cap, 0), *unless), Code.NOT_NOW, cap),))

    def _plan(
        self,
        begin: int,
        finish: int,
        days: list[int],
        found: list[Demand],
        present: list[tuple[int, Value, tuple[int, ...]]],
        lifts: int,
        static: tuple[tuple[int, Code], ...],
        read: Sequence[str],
    ) -> Plan:
        """`days`: the local day in each zone; `lifts`: the atoms that lift some window."""
        todays = set(days)
        clauses: list[Clause] = []
        settled = list(static)
        obligations: set[str] = set()
        for demand in found:
            if any(demand.value.from_day <= day <= demand.value.to_day for day in todays):
                clauses.extend(demand.clauses)
                if demand.stated:
                    obligations.update(demand.obligations)
                    settled.append((demand.rule, Code.SATISFIED))
        bits = lifts
        for clause in clauses:
            for conjunction in clause.any_of:
                bits |= conjunction.true | conjunction.false
        atoms = tuple(index for index in range(64, bits.bit_length()) if bits >> index & 1)
        active = {index for index, _ in static}
        for index, value, zones in present:
            if any(value.from_day <= days[zone] <= value.to_day for zone in zones):
                active.add(index)
        kinds: dict[type, int] = {}
        for atom in atoms:
            kind = type(self.atom_keys[atom - 64].condition)
            kinds[kind] = kinds.get(kind, 0) | 1 << atom
        return Plan(
            begin,
            finish,
            tuple(clauses),
            tuple(settled),
            frozenset(active),
            tuple(sorted(obligations)),
            atoms,
            bits,
            kinds,
            any(clause.cap >= 0 and self._counts(clause.cap) for clause in clauses),
            lowest([*read, *self._confidences(index for index in active if index not in self.shadow)]),
        )

    def _counts(self, atom: int) -> bool:
        return isinstance(self.atom_keys[atom - 64].condition, CapCondition)

    def atom(self, condition: Condition, selector: Selector, purposes: int) -> int:
        """The bit of a condition. Flags have theirs; the others are numbered as they come, from 64."""
        if isinstance(condition, FlagCondition):
            return int(Flag[condition.flag.upper()])
        covering = isinstance(condition, ConsentCondition | PauseCondition | PromiseCondition) or (
            isinstance(condition, OptOutCondition) and condition.lifted_by_levels
        )
        key = AtomKey(condition, selector.channel.bit, purposes if covering else 0)
        found = self.atom_ids.get(key)
        if found is None:
            found = self.atom_ids[key] = 64 + len(self.atom_keys)
            self.atom_keys.append(key)
        return found

    def _unless(self, value: Value, selector: Selector, purposes: int) -> tuple[Conjunction, ...]:
        return self._any_of(value.unless, selector, purposes)

    def _any_of(self, alternatives: AnyOf, selector: Selector, purposes: int) -> tuple[Conjunction, ...]:
        found: list[Conjunction] = []
        for alternative in alternatives:
            true = false = 0
            possible = True
            for condition in alternative:
                if isinstance(condition, SelectorCondition):
                    known = _settled(condition, selector)
                    if known is False:
                        possible = False
                        break
                    if known is None:
                        true |= 1 << NEVER_KNOWN
                elif isinstance(condition, FlagCondition) and not condition.value:
                    false |= 1 << self.atom(condition, selector, purposes)
                else:
                    true |= 1 << self.atom(condition, selector, purposes)
            if possible:
                found.append(Conjunction(true, false))
        return tuple(found)


def outcome(compiler: Compiler, profile: Profile, plan: Plan, closed: int, true: int, false: int) -> Outcome:
    """The worst code any enforced rule gave and the rules that gave it; shadow rules are only named."""
    worst, by, shadow, own = Code.SILENT, set[int](), dict[int, Code](), dict[int, Code]()
    for index, code in words(compiler, profile, plan, closed, true, false):
        if index in compiler.own:
            own[index] = max(code, own.get(index, Code.SILENT))
        if index in compiler.shadow:
            shadow[index] = max(code, shadow.get(index, Code.SILENT))
        elif code > worst:
            worst, by = code, {index}
        elif code == worst:
            by.add(index)
    ids = compiler.ids
    stricter = tuple(
        (ids[index], code)
        for index, code in sorted(shadow.items())
        if code > max(worst, Code.SATISFIED) and index not in compiler.twins
    )
    overrides = _overrides(compiler, plan, own, shadow, worst) if compiler.twins else ()
    names = compiler.in_order({ids[index] for index in by})
    if worst <= Code.SATISFIED:
        return Outcome(worst, Verdict.ALLOW, None, (), plan.obligations, stricter, overrides, plan.confidence)
    sure = compiler.confidence(names)
    if worst is Code.NOT_NOW:
        return Outcome(worst, Verdict.DEFER, Cure.TIME, names, (), stricter, overrides, sure)
    cure = Cure.EVIDENCE if worst is Code.UNKNOWN else Cure.NONE
    return Outcome(worst, Verdict.DENY, cure, names, (), stricter, overrides, sure)


def _overrides(
    compiler: Compiler, plan: Plan, own: dict[int, Code], shadow: dict[int, Code], worst: Code
) -> tuple[str, ...]:
    """The overrides whose rule says another word than it does as shipped.

    Where the contact waits, or the rule is about what is owed, equal words may still mean another
    moment or another duty: then every override whose rule applies is named, until it has ended.
    """
    found: list[str] = []
    for twin, index in compiler.twins.items():
        rule, shipped = compiler.rulebook.rules[index], compiler.rulebook.rules[twin]
        assert rule.override is not None
        ours, theirs = own.get(index, Code.SILENT), shadow.get(twin, Code.SILENT)
        counted = Code.SATISFIED if rule.shadow else max(ours, Code.SATISFIED)
        as_shipped = max(theirs, Code.SATISFIED) if shipped.twin_counted else Code.SATISFIED
        applies = max(ours, theirs) > Code.SILENT and rule.override.to_day >= plan.start // DAY - 2
        if counted is not as_shipped or (applies and (worst is Code.NOT_NOW or rule.check in STATED_ONLY)):
            found.append(rule.override.mention)
    return tuple(found)


def words(
    compiler: Compiler, profile: Profile, plan: Plan, closed: int, true: int, false: int
) -> Iterable[tuple[int, Code]]:
    """(rule, code) of every clause, window and settled word. A rule may speak more than once; the worst counts."""
    yield from plan.static
    for clause in plan.clauses:
        yield clause.rule, clause.code(true, false)
    for index, element in enumerate(profile.elements):
        if closed >> index & 1:
            yield element.rule, Code.SATISFIED if element.lifted(true, false) else Code.NOT_NOW
    for rule in plan.active:
        yield rule, Code.SATISFIED


def _selects(selection: Selection, selector: Selector) -> bool:
    """Could the rule be about this contact? What is not known is possible."""
    if selection.channel and not selection.channel & selector.channel.bit:
        return False
    if selection.mode and selector.channel is Channel.VOICE and not _may(selection.mode, selector.mode):
        return False
    if not _may(selection.recipient, selector.recipient_kind) or not _may(selection.sender, selector.sender_kind):
        return False
    if not _may(selection.line_type, selector.line_type):
        return False
    if selection.sender_country and selector.sender_country not in (None, *selection.sender_country):
        return False
    if selection.sector and selector.sector not in selection.sector:  # a sector is stated where it has a rule
        return False
    if selection.counties and selector.county is not None and not _in_county(selection, selector.county):
        return False
    policy = dict(selector.policy)
    return all(policy.get(name, value) == value for name, value in selection.policy)


def _exempts(selection: Selection, selector: Selector, purposes: int) -> bool:
    """Is the contact surely of this kind? What is not known is not."""

    def sure(bits: int, word: Word | None) -> bool:
        return not bits or (word is not None and bool(bits & word.bit))

    if selection.places and not all(
        place.region in selection.places or place.country in selection.places for place in selector.places
    ):
        return False
    if selection.alert and not all(_alerted(place.region, selector, surely=True) for place in selector.places):
        return False
    if selection.mode and selector.channel is not Channel.VOICE:
        return False
    return (
        sure(selection.channel, selector.channel)
        and sure(selection.mode, selector.mode)
        and (not selection.purpose or not purposes & ~selection.purpose)
        and sure(selection.recipient, selector.recipient_kind)
        and sure(selection.sender, selector.sender_kind)
        and sure(selection.line_type, selector.line_type)
        and (not selection.sender_country or selector.sender_country in selection.sender_country)
        and (not selection.sector or selector.sector in selection.sector)
        and (not selection.counties or (selector.county is not None and _in_county(selection, selector.county)))
        and all(dict(selector.policy).get(name) == value for name, value in selection.policy)
    )


def _may(bits: int, word: Word | None) -> bool:
    return not bits or word is None or bool(bits & word.bit)


def _settled(condition: SelectorCondition, selector: Selector) -> bool | None:
    """True, False or not known."""
    answer: bool | None = True
    pairs: tuple[tuple[int, Word | None], ...] = (
        (condition.recipient, selector.recipient_kind),
        (condition.sender, selector.sender_kind),
        (condition.mode, selector.mode),
        (condition.line_type, selector.line_type),
    )
    if condition.mode and selector.channel is not Channel.VOICE:
        return False  # what is sent in writing has no mode
    for bits, word in pairs:
        if bits and word is not None and not bits & word.bit:
            return False
        if bits and word is None:
            answer = None
    if condition.sector:
        if selector.sector is None:
            answer = None
        elif selector.sector not in condition.sector:
            return False
    return answer


def _alerted(region: str, selector: Selector, surely: bool = False) -> bool:
    """Is an emergency declared where the person may be? A county that is not known may be the one.

    An alert for a city, town or village (`US-NY:City of Buffalo`) reaches its state: a contact names no such place.
    """
    for alert in selector.alerts:
        place, _, county = alert.partition(":")
        if place not in (region, region[:2]):
            continue
        if (
            not county
            or _MUNICIPAL.match(county)
            or (not surely if selector.county is None else _plain(county) == _plain(selector.county))
        ):
            return True
    return False


def _in_county(selection: Selection, county: str) -> bool:
    return _plain(county) in {_plain(named) for named in selection.counties}


def _plain(county: str) -> str:
    return re.sub(r"\s+(county|parish|co\.?)$", "", county.strip().casefold())


def _holidays(
    calendars: tuple[Calendar, ...], drop_substitutes: bool, first_day: int, last_day: int
) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Closed days; a day the calendar does not reach is closed, since nobody knows."""
    days: set[int] = set()
    for calendar in calendars:
        days.update(h.day for h in calendar.days if not (drop_substitutes and h.substitute))
        days.update(range(first_day - 2, calendar.from_day))
        days.update(range(calendar.through_day + 1, last_day + 3))
    return np.array(sorted(days), dtype=np.int32)
