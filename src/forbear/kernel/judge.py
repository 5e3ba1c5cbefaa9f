"""The verdict on a column of contacts, and the first moment each deferred one may go.

Rows with the same profile, moment and atoms share one outcome, so the work is per kind of
check and per distinct combination, not per row. `earliest` is found by asking again at each
moment at which a window opens, a cap gives way or a text begins, up to 370 days ahead, with
the facts as they stand: a consent that has ended by then, or a list grown stale, counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import numpy.typing as npt

from forbear.core.codes import Code, Cure, Verdict
from forbear.core.instants import DAY, FOREVER_AT, MISSING, Moments
from forbear.core.words import Purpose
from forbear.kernel.atoms import Column, Truth, evaluate, next_dawn, one_for_all
from forbear.kernel.facts import Facts, Flag, Rows
from forbear.kernel.profile import (
    BUCKET_DAYS,
    HORIZON_DAYS,
    Compiler,
    Outcome,
    Plan,
    Profile,
    outcome,
)
from forbear.kernel.profile import words as plan_words
from forbear.kernel.rows import take
from forbear.rulebook.model import (
    CapCondition,
    ConsentCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
)

ENGINE = "forbear-kernel/3"
"""Named in every decision; changed when the same facts and rulebook could come out otherwise."""


Words = dict[int, npt.NDArray[np.uint64] | int]
"""64 atoms a word: by row, or one value for all rows."""


@dataclass(frozen=True, slots=True)
class RuleWord:
    """What one rule said of one contact."""

    rule: str
    code: Code
    title: str
    shadow: bool


@dataclass(slots=True)
class Answers:
    """One answer by row: `outcomes[outcome[i]]`, and `earliest[i]` (us, MISSING where it does not apply)."""

    outcome: npt.NDArray[np.int32]
    outcomes: list[Outcome]
    earliest: Moments
    _now: _Moment | None

    @property
    def capped(self) -> Truth:
        """Rows whose verdict depends on earlier attempts: one contact to a person at a time."""
        if self._now is None:
            return np.empty(0, bool)
        capped: Truth = np.array([plan.capped for _, plan, _ in self._now.slots], bool)
        by_row: Truth = capped[np.array(self._now.where)][self._now.combination]
        consents = self._now.column.facts.consents
        if consents is not None:
            by_row[consents.row[consents.promised_n > 0]] = True
        return by_row

    @property
    def window_end(self) -> Moments:
        """By row: when a window that nothing lifts closes, or a text changes; FOREVER_AT if never."""
        if self._now is None:
            return np.empty(0, np.int64)
        ends = np.array([self._now.window_end(number) for number in range(len(self._now.where))], np.int64)
        return ends[self._now.combination]

    @property
    def code(self) -> npt.NDArray[np.int8]:
        return np.array([outcome.code for outcome in self.outcomes], np.int8)[self.outcome]

    def of(self, row: int) -> Outcome:
        return self.outcomes[int(self.outcome[row])]

    def verdict(self, row: int) -> tuple[Verdict, Cure | None]:
        outcome = self.of(row)
        return outcome.verdict, outcome.cure

    def rules(self, row: int) -> tuple[str, ...]:
        return self.of(row).rules

    def obligations(self, row: int) -> tuple[str, ...]:
        return self.of(row).obligations

    def shadow(self, row: int) -> tuple[str, ...]:
        return tuple(rule for rule, _ in self.of(row).shadow)

    def overrides(self, row: int) -> tuple[str, ...]:
        return self.of(row).overrides


@dataclass(slots=True)
class _Moment:
    """The column judged at one moment (or one by row): combinations and what each came to."""

    column: Column
    slots: list[tuple[Profile, Plan, int]]  # profile, plan, closed windows
    combination: npt.NDArray[np.intp]  # by row
    first: npt.NDArray[np.intp]  # a row of each combination
    where: list[int]  # slot of each combination
    true: list[int]
    false: list[int]
    outcomes: list[Outcome]

    def window_end(self, combination: int) -> int:
        """When a window that nothing lifts closes, or a text changes; FOREVER_AT if never.

        A window as shipped, behind an operator's own, counts while it is open: whoever goes on after
        it closes needs an answer that says so.
        """
        profile, _, closed = self.slots[self.where[combination]]
        now, row = self.column.now, int(self.first[combination])
        at = int(now[row]) if now.ndim else int(now)
        true, false = self.true[combination], self.false[combination]
        unlifted = profile.unlifted(true, false) | profile.twins_open(closed, true, false)
        return min(profile.closed(unlifted).enters(at, FOREVER_AT), profile.next_plan(at))


class Engine:
    """Judges by one rulebook. Profiles are cached and may be shared between threads."""

    def __init__(self, rulebook: Rulebook, profiles: int = 20_000) -> None:
        self.rulebook = rulebook
        self.compiler = Compiler(rulebook)
        self._profiles: dict[tuple[object, bool, int], Profile] = {}
        self._most = profiles
        self._compiling = Lock()
        self._rules: dict[str, Rule] = {rule.id: rule for rule in rulebook.rules}

    @property
    def digest(self) -> str:
        return self.rulebook.digest

    def judge(self, facts: Facts) -> Answers:
        if facts.n == 0:
            none = np.empty(0, np.int64)
            return Answers(np.empty(0, np.int32), [], none, None)
        now = self._at(facts, facts.now)
        index: dict[Outcome, int] = {}
        of_combination = np.array([index.setdefault(outcome, len(index)) for outcome in now.outcomes], np.int32)
        outcomes = list(index)
        by_row = of_combination[now.combination]
        earliest = np.full(facts.n, MISSING, np.int64)
        if any(outcome.code is Code.NOT_NOW for outcome in outcomes):
            self._search(facts, now, by_row, outcomes, index, earliest)
        return Answers(by_row, outcomes, earliest, now)

    def explain(self, facts: Facts, rows: Sequence[int]) -> list[list[RuleWord]]:
        """Every rule's own word on the chosen rows at their moment, silent ones included."""
        rules = self.rulebook.rules
        found: list[list[RuleWord]] = []
        for said in self.codes(facts, rows):
            spoken = dict.fromkeys((rule.id for rule in rules), Code.SILENT) | said
            found.append([RuleWord(name, code, *self._title(name)) for name, code in spoken.items()])
        return found

    def codes(self, facts: Facts, rows: Sequence[int]) -> list[dict[str, Code]]:
        """What each rule that is not silent says on the chosen rows at their moment, by its id."""
        some = take(facts, np.asarray(rows, np.int64))
        at = self._at(some, some.now)
        known: dict[int, dict[str, Code]] = {}
        for number in set(at.combination.tolist()):
            profile, plan, closed = at.slots[at.where[number]]
            worst: dict[int, Code] = {}
            for rule, code in plan_words(self.compiler, profile, plan, closed, at.true[number], at.false[number]):
                worst[rule] = max(code, worst.get(rule, Code.SILENT))
            ids = self.compiler.ids
            known[number] = {ids[rule]: code for rule, code in sorted(worst.items()) if code is not Code.SILENT}
        return [dict(known[number]) for number in at.combination.tolist()]

    def _title(self, name: str) -> tuple[str, bool]:
        rule = self._rules.get(name)
        if rule is None:
            return "The law of the place was read for this channel and purpose", False
        return rule.title, rule.shadow

    # one moment

    def _at(self, facts: Facts, now: Moments) -> _Moment:
        n = facts.n
        selector = np.broadcast_to(facts.selector, (n,))
        promotional = _promotional(facts, selector)
        slots: list[tuple[Profile, Plan, int]] = []
        profiles: list[Profile] = []
        # which combinations of selecting inputs, promotional or not, and moment there are
        group = selector.astype(np.int64) * 2 + promotional
        if now.ndim:
            moments, by_moment = np.unique(now, return_inverse=True)
            group = group * len(moments) + by_moment
        else:
            moments = now.reshape(1)
        groups, slot = _distinct(group, len(facts.selectors) * 2 * len(moments))
        profile_of = np.empty(len(groups), np.int32)
        first_day = np.empty(len(groups), np.int64)
        last_day = np.empty(len(groups), np.int64)
        numbers: dict[int, int] = {}
        for number, value in enumerate(groups.tolist()):
            kind, moment = divmod(value, len(moments))
            at = int(moments[moment])
            profile = self._profile(facts, kind >> 1, bool(kind & 1), at)
            which, closed, first, last = profile.slot(at)
            slots.append((profile, profile.plans[which], closed))
            first_day[number], last_day[number] = first, last
            known = numbers.setdefault(id(profile), len(profiles))
            if known == len(profiles):
                profiles.append(profile)
            profile_of[number] = known
        column = Column(facts, now, profiles, profile_of[slot], first_day[slot], last_day[slot])
        by_slot = column
        if n > 1:
            by_slot = Column(_slot_facts(facts, len(groups)), now, profiles, profile_of, first_day, last_day)
        plans = {id(plan): plan for _, plan, _ in slots}.values()
        same_true, same_false, settled = _empty_lists(column, plans)
        words_true: Words = {0: _one_or_all(facts.true)}
        words_false: Words = {0: _one_or_all(facts.false)}
        slot_true: Words = {}
        slot_false: Words = {}
        atoms = slots[0][1].atoms if len(plans) == 1 else sorted({atom for plan in plans for atom in plan.atoms})
        keys = self.compiler.atom_keys
        for atom in atoms:
            key = keys[atom - 64]
            if type(key.condition) in settled:
                continue
            shared = one_for_all(key.condition, facts)
            true, false = evaluate(atom, key, by_slot if shared else column)
            if true is not False:
                _set(slot_true if shared else words_true, atom, true)
            if false is not False:
                _set(slot_false if shared else words_false, atom, false)
        combination, first_row = _combine(slot, len(groups), [*words_true.values(), *words_false.values()], n)
        where = slot[first_row].tolist()
        trues = _ints(same_true, words_true, first_row, slot_true, where)
        falses = _ints(same_false, words_false, first_row, slot_false, where)
        outcomes = [
            self._outcome(slots[which], true, false) for which, true, false in zip(where, trues, falses, strict=True)
        ]
        return _Moment(column, slots, combination, first_row, where, trues, falses, outcomes)

    def _profile(self, facts: Facts, selector: int, promotional: bool, at: int) -> Profile:
        bucket = at // DAY // BUCKET_DAYS * BUCKET_DAYS
        key = (facts.selectors[selector], promotional, bucket)
        profile = self._profiles.get(key)
        if profile is None:
            with self._compiling:  # atoms are numbered as they come
                profile = self.compiler.compile(facts.selectors[selector], promotional, bucket)
            if len(self._profiles) >= self._most:
                self._profiles.pop(next(iter(self._profiles)), None)
            self._profiles[key] = profile
        return profile

    def _outcome(self, slot: tuple[Profile, Plan, int], true: int, false: int) -> Outcome:
        """What one combination of atoms comes to; remembered in the plan."""
        profile, plan, closed = slot
        key = (closed, true & plan.bits, false & plan.bits)
        known = plan.judged.get(key)
        if known is None:
            if len(plan.judged) > 65536:
                plan.judged.clear()
            known = plan.judged[key] = outcome(self.compiler, profile, plan, closed, true, false)
        return known

    # the first moment every rule is met

    def _search(
        self,
        facts: Facts,
        now: _Moment,
        by_row: npt.NDArray[np.int32],
        outcomes: list[Outcome],
        index: dict[Outcome, int],
        earliest: Moments,
    ) -> None:
        """Fills `earliest`. A row that finds none is denied for want of evidence, by all it met on the way."""
        deferred = np.array([outcome.code is Code.NOT_NOW for outcome in now.outcomes], bool)
        waiting = deferred[now.combination]
        special = _special(facts)
        plain = waiting & ~special
        representatives: list[int] = []
        if plain.any():  # rows alike in all that time can change wait alike
            first = np.full(len(now.outcomes), -1, np.int64)
            those = np.flatnonzero(plain)
            first[now.combination[those[::-1]]] = those[::-1]
            representatives.extend(first[first >= 0].tolist())
        representatives.extend(np.flatnonzero(waiting & special).tolist())
        rows = np.array(representatives, np.int64)
        found, blockers = self._earliest(take(facts, rows), [outcomes[by_row[row]].rules for row in rows])
        became = np.empty(len(rows), np.int32)
        for number, row in enumerate(representatives):
            became[number] = by_row[row]
            if found[number] == MISSING:
                outcome = replace(
                    outcomes[by_row[row]],
                    code=Code.UNKNOWN,
                    verdict=Verdict.DENY,
                    cure=Cure.EVIDENCE,
                    rules=self.compiler.in_order(blockers[number]),
                    confidence=self.compiler.confidence(blockers[number]),
                )
                became[number] = index.setdefault(outcome, len(index))
                if became[number] == len(outcomes):
                    outcomes.append(outcome)
        own = special[rows]
        earliest[rows[own]], by_row[rows[own]] = found[own], became[own]
        if plain.any():
            number_of = np.zeros(len(now.outcomes), np.int64)
            number_of[now.combination[rows[~own]]] = np.flatnonzero(~own)
            which = number_of[now.combination[plain]]
            earliest[plain], by_row[plain] = found[which], became[which]

    def _earliest(self, facts: Facts, by: list[tuple[str, ...]]) -> tuple[Moments, list[set[str]]]:
        """The first moment at which each row is allowed, MISSING if none; and all rules that stood in its way."""
        n = facts.n
        found = np.full(n, MISSING, np.int64)
        blockers: list[set[str]] = [set(rules) for rules in by]
        at = np.broadcast_to(facts.now, (n,)).astype(np.int64)
        limit = at + HORIZON_DAYS * DAY
        row = np.arange(n)
        while len(row):
            some = take(facts, row)
            state = self._at(some, at[row])
            dawns = next_dawn(state.column)
            going: list[int] = []
            for place, index in enumerate(row.tolist()):
                number = int(state.combination[place])
                outcome = state.outcomes[number]
                if outcome.code <= Code.SATISFIED:
                    found[index] = at[index]
                    continue
                profile, plan, _ = state.slots[state.where[number]]
                moment = int(at[index])
                following = min(profile.next_plan(moment), int(dawns[place]))
                true, false = state.true[number], state.false[number]
                if outcome.code is Code.NOT_NOW:
                    ahead = profile.closed(profile.unlifted(true, false)).leaves(moment)
                    for clause in plan.clauses:
                        counts = clause.cap >= 0 and clause.rule not in self.compiler.shadow
                        if counts and clause.code(true, false) is Code.NOT_NOW:
                            ahead = max(ahead, int(state.column.releases[clause.cap][place]))
                    following = min(following, ahead) if ahead > moment else following
                else:
                    blockers[index].update(outcome.rules)
                    for clause in plan.clauses:  # attempts that only may count leave the window too
                        if clause.cap in state.column.releases and clause.code(true, false) is Code.UNKNOWN:
                            release = int(state.column.releases[clause.cap][place])
                            following = min(following, release) if release > moment else following
                if following <= limit[index] and following < profile.end:
                    at[index] = following
                    going.append(index)
            row = np.array(going, np.int64)
        return found, blockers


def _promotional(facts: Facts, selector: Rows) -> Truth | bool:
    """Rows whose content is or may be promotional although another purpose is stated."""
    if len(selector) == 1:
        other_purpose = facts.selectors[int(selector[0])].purpose is not Purpose.MARKETING
        return other_purpose and not int(facts.false.item()) >> Flag.PROMOTIONAL & 1
    other = np.array([s.purpose is not Purpose.MARKETING for s in facts.selectors], bool)
    if not other.any():
        return False
    denied = (facts.false >> np.uint64(Flag.PROMOTIONAL) & np.uint64(1)).astype(bool)
    may: Truth = other[selector] & ~denied
    return may


def _special(facts: Facts) -> Truth:
    """Rows with entries or dates of their own: what time changes for them is theirs alone."""
    special = np.zeros(facts.n, bool)
    for entries in (facts.consents, facts.relationships, facts.attempts, facts.opt_outs):
        if entries is not None:
            special[entries.row] = True
    for answer in facts.registries.values():
        if answer.checked_day.ndim or answer.checked_at.ndim or answer.edition_day.ndim or answer.since_day.ndim:
            special[:] = True
    if facts.now.ndim:
        special[:] = True
    return special


def _distinct(values: npt.NDArray[np.int64], most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """The distinct values below `most` and, by row, which it is."""
    if len(values) == 1:
        return values, np.zeros(1, np.intp)
    if most <= 1 << 22:
        there = np.zeros(most, bool)
        there[values] = True
        groups = np.flatnonzero(there)
        number = np.empty(most, np.intp)
        number[groups] = np.arange(len(groups))
        return groups, number[values]
    groups, inverse = np.unique(values, return_inverse=True)
    return groups, inverse.astype(np.intp)


def _one_or_all(word: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64] | int:
    return word if word.size > 1 else int(word.item())


def _set(words: Words, atom: int, truth: Truth | bool) -> None:
    number, bit = divmod(atom, 64)
    have = words.get(number, 0)
    if isinstance(truth, bool) or truth.size == 1:
        if truth:
            words[number] = have | (1 << bit) if isinstance(have, int) else have | np.uint64(1 << bit)
        return
    shifted = truth.astype(np.uint64) << np.uint64(bit)
    words[number] = shifted | np.uint64(have) if isinstance(have, int) else have | shifted


def _combine(
    slot: npt.NDArray[np.intp], slots: int, words: list[npt.NDArray[np.uint64] | int], n: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows with one slot and equal words are one combination: its number by row, and a row of each."""
    if n == 1:
        return np.zeros(1, np.intp), np.zeros(1, np.intp)
    packed = slot.astype(np.int64)
    size = slots
    wide: list[npt.NDArray[np.uint64]] = []
    for word in words:
        if isinstance(word, int):
            continue
        varies = int(np.bitwise_or.reduce(word ^ word[0]))
        if not varies:
            continue
        if size.bit_length() + varies.bit_count() > 62:
            wide.append(word)
            continue
        bit = 0
        while varies >> bit:
            if varies >> bit & 1:
                packed = packed << 1 | (word >> np.uint64(bit) & np.uint64(1)).astype(np.int64)
                size <<= 1
            bit += 1
    if wide:
        table = np.column_stack([packed.view(np.uint64), *wide])
        _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return inverse.reshape(-1).astype(np.intp), first
    groups, combination = _distinct(packed, size)
    first = np.empty(len(groups), np.intp)
    first[combination[::-1]] = np.arange(n - 1, -1, -1)
    return combination, first


def _ints(same: int, words: Words, rows: npt.NDArray[np.intp], slot_words: Words, slots: list[int]) -> list[int]:
    """The words of some rows as one integer each, with those of the rows' slots and what all rows share."""
    for number, word in (*words.items(), *slot_words.items()):
        if isinstance(word, int):
            same |= word << 64 * number
    found = [same] * len(rows)
    for which, table in ((rows, words), (slots, slot_words)):
        for number, word in table.items():
            if not isinstance(word, int):
                found = [value | part << 64 * number for value, part in zip(found, word[which].tolist(), strict=True)]
    return found


def _empty_lists(column: Column, plans: Collection[Plan]) -> tuple[int, int, set[type]]:
    """Atoms about lists that have no entries at all: true, false, and the kinds of condition settled so."""
    facts = column.facts
    true = false = 0
    settled: set[type] = set()
    for kind, entries, flag, holds in (
        (ConsentCondition, facts.consents, Flag.CONSENTS_KNOWN, False),
        (PromiseCondition, facts.consents, None, True),  # a promise that nobody recorded is none
        (RelationshipCondition, facts.relationships, Flag.RELATIONSHIPS_KNOWN, False),
        (OptOutCondition, facts.opt_outs, Flag.OPT_OUTS_KNOWN, True),
        (PauseCondition, facts.opt_outs, Flag.OPT_OUTS_KNOWN, True),
        (CapCondition, facts.attempts, Flag.ATTEMPTS_KNOWN, True),
    ):
        if entries is not None and len(entries.row):
            continue
        known = True if flag is None else column.known(flag)
        if isinstance(known, bool):
            settled.add(kind)
            if known:
                bits = 0
                for plan in plans:
                    bits |= plan.kinds.get(kind, 0)
                true, false = (true | bits, false) if holds else (true, false | bits)
    return true, false, settled


def _slot_facts(facts: Facts, slots: int) -> Facts:
    """The facts that are one for all rows, as seen by slot."""
    return Facts(slots, facts.now, facts.selector, facts.selectors, facts.true, facts.false, facts.registries)
