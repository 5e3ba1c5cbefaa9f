"""Whether a condition is true, false or not known, for a whole column at once.

`evaluate` answers with two boolean columns, or plain bools where one answer holds for every
row. Lists that belong to a contact are judged entry by entry in flat columns and then
gathered by row: surely true if some entry surely is, surely false if none possibly is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from forbear.core.instants import DAY, FOREVER, FOREVER_AT, HOUR, MINUTE, MISSING, Moments, date_of, day_of
from forbear.core.words import Channel, OptOutScope, stops
from forbear.kernel.facts import NO, NOT_KNOWN, YES, Attempts, Bytes8, Consents, Facts, Flag, OptOuts, Rows
from forbear.kernel.profile import HORIZON_DAYS, AtomKey, Profile
from forbear.kernel.zones import Ints
from forbear.rulebook.model import (
    AbandonmentCondition,
    CallerCondition,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
)

Truth = npt.NDArray[np.bool_]
Answer = tuple[Truth | bool, Truth | bool]  # surely true, surely false


@dataclass(slots=True)
class Column:
    """The facts with, for each row, its profile and the local days at the row's moment."""

    facts: Facts
    now: Moments  # shape () or (n,)
    profiles: Sequence[Profile]
    profile: Rows  # index into `profiles`, shape (n,)
    first_day: Ints  # earliest local day over the candidate zones, by row
    last_day: Ints
    releases: dict[int, Moments] = field(default_factory=dict)  # by atom: when a cap (maybe) reached gives way
    _common: tuple[int, int] | None = None
    _said: tuple[int, int] | None = None
    _days: dict[int, tuple[Moments, Ints, Ints]] = field(default_factory=dict)  # by identity, which it keeps alive

    def local_days(self, at: Moments, row: Rows) -> tuple[Ints, Ints]:
        """Earliest and latest local day of moments that belong to rows. MISSING stays MISSING."""
        known = self._days.get(id(at))
        if known is not None:
            return known[1], known[2]
        first = np.full(len(at), MISSING, np.int64)
        last = np.full(len(at), MISSING, np.int64)
        there = at != MISSING
        if there.any():
            owner = self.profile[row]
            for index in np.unique(owner[there]):
                those = there & (owner == index)
                clocks = self.profiles[index].clocks(int(at[those].min()))
                days = np.stack([(at[those] + zone.offset(at[those])) // DAY for zone in clocks])
                first[those], last[those] = days.min(axis=0), days.max(axis=0)
        self._days[id(at)] = (at, first, last)
        return first, last

    def first_day_of(self, at: Moments) -> Ints:
        """By row: the earliest local day of its moment, `at` being one by row or one for all. MISSING stays MISSING."""
        if at.ndim and at.min() != at.max():
            return self.local_days(at, np.arange(self.facts.n, dtype=np.int32))[0]
        moment = int(at.flat[0]) if at.size else MISSING
        if moment == MISSING:
            return np.full(self.facts.n, MISSING, np.int64)
        days = [min((moment + zone.offset_at(moment)) // DAY for zone in p.clocks(moment)) for p in self.profiles]
        return np.array(days, np.int64)[self.profile]

    def moment(self, row: Rows) -> Moments:
        return self.now[row] if self.now.ndim else np.broadcast_to(self.now, row.shape)

    def said(self) -> tuple[int, int]:
        """The scopes (bits) of all opt-outs without an end, and of all pauses; -1 where some scope is not known."""
        if self._said is None:
            said = self.facts.opt_outs
            assert said is not None
            ends = said.until != MISSING
            scopes = np.where(said.scope == 0, -1, said.scope)
            self._said = int(np.bitwise_or.reduce(scopes[~ends])), int(np.bitwise_or.reduce(scopes[ends]))
        return self._said

    def known(self, flag: Flag) -> Truth | bool:
        word = self.facts.true
        if word.size == 1:
            return bool(int(word.item()) >> flag & 1)
        if self._common is None:  # a flag that all rows share is one bool, not a column
            self._common = int(np.bitwise_and.reduce(word)), int(np.bitwise_or.reduce(word))
        if self._common[0] >> flag & 1:
            return True
        if not self._common[1] >> flag & 1:
            return False
        by_row: Truth = (word & np.uint64(1 << flag)) != 0
        return by_row


def one_for_all(condition: Condition, facts: Facts) -> bool:
    """Is the answer the same for every row of one profile and moment? Then it is worked out once for them."""
    if isinstance(condition, ListedCondition | FreshCondition):
        answer = facts.registries.get(condition.registry)
        if answer is None:
            return True
        dates = not (answer.checked_day.ndim or answer.checked_at.ndim or answer.edition_day.ndim)
        if isinstance(condition, FreshCondition):
            return dates and not (condition.if_asked and answer.listed.ndim)
        return not (answer.listed.ndim or answer.since_day.ndim)
    return False


def evaluate(atom: int, key: AtomKey, column: Column) -> Answer:
    return _EVALUATE[type(key.condition)](atom, key, column)


def _by_row(column: Column, row: Rows, sure: Truth, maybe: Truth, known: Truth | bool) -> Answer:
    """From entries to rows: true if some entry surely is, false if the list is known and none possibly is."""
    true = np.zeros(column.facts.n, bool)
    possible = np.zeros(column.facts.n, bool)
    true[row[sure]] = True
    possible[row[maybe]] = True
    return true, known & ~possible


def _is(value: Bytes8, sure: Truth, maybe: Truth) -> tuple[Truth, Truth]:
    return sure & (value == YES), maybe & (value != NO)


def _has(have: npt.NDArray[np.int16], need: int, sure: Truth, maybe: Truth) -> tuple[Truth, Truth]:
    """Every needed bit is in a mask whose -1 is "not known"."""
    full = (have & need) == need
    return sure & full & (have >= 0), maybe & (full | (have < 0))


def _consent(condition: ConsentCondition, key: AtomKey, column: Column) -> Answer:
    known = column.known(Flag.CONSENTS_KNOWN)
    consents = column.facts.consents
    if consents is None or not len(consents.row):
        return False, known
    row = consents.row
    sure, maybe = _good(consents, condition.levels, key, column)
    if condition.covers:
        sure, maybe = _has(consents.covers, condition.covers, sure, maybe)
    if condition.evidence:
        sure, maybe = _is(consents.evidence, sure, maybe)
    if condition.names_seller:
        sure, maybe = _is(consents.names_seller, sure, maybe)
    stated = consents.until_day != MISSING
    if condition.period_stated:
        finite = stated & (consents.until_day != FOREVER)
        sure, maybe = sure & finite, maybe & finite
    given = _given_first(consents, column)
    dated = given != MISSING
    until = np.where(stated, consents.until_day.astype(np.int64), FOREVER)
    needs_date = np.zeros(len(row), bool)
    if condition.lapses_months is not None:
        until = np.where(stated, until, np.where(dated, _add_months(given, condition.lapses_months), FOREVER))
        needs_date |= ~stated
    if condition.at_most_months is not None:
        until = np.minimum(until, np.where(dated, _add_months(given, condition.at_most_months), FOREVER))
        needs_date[:] = True
    if condition.at_most_days is not None:
        until = np.minimum(until, np.where(dated, given + condition.at_most_days, FOREVER))
        needs_date[:] = True
    if condition.given_from is not None:
        sure, maybe = sure & (given >= condition.given_from), maybe & (~dated | (given >= condition.given_from))
    if condition.unused_months is not None:
        surely, possibly = _in_use(condition.unused_months, given, consents, key.channel, column)
        sure, maybe = sure & surely, maybe & possibly
    if condition.after_listing is not None:
        surely, possibly = _after_listing(condition.after_listing, given, row, column)
        sure, maybe = sure & surely, maybe & possibly
    lasts = column.last_day[row] < until
    sure, maybe = sure & lasts & (dated | ~needs_date), maybe & lasts
    if condition.after_refusal:
        surely, possibly = _refused_since(consents, column)
        sure, maybe = sure & ~possibly, maybe & ~surely
    return _by_row(column, row, sure, maybe, known)


def _in_use(months: int, given: Ints, consents: Consents, channel: int, column: Column) -> tuple[Truth, Truth]:
    """By consent: was it given, or a contact made on this channel since, less than `months` ago? Surely, possibly."""
    row, attempts = consents.row, column.facts.attempts
    today, dated = column.last_day[row], given != MISSING
    fresh = today < _add_months(np.where(dated, given, 0), months)
    surely, possibly = dated & fresh, ~dated | fresh
    known = column.known(Flag.ATTEMPTS_KNOWN)
    untold = ~known[row] if isinstance(known, np.ndarray) else np.full(len(row), not known)
    if attempts is None or not len(attempts.row):
        return surely, possibly | untold
    first, last = column.local_days(attempts.at, attempts.row)
    told = attempts.at != MISSING
    first = np.where(told, first, attempts.on_day.astype(np.int64))
    last = np.where(told, last, attempts.on_day.astype(np.int64))
    for days, those, sure in (
        (first, attempts.channel == channel, True),
        (last, (attempts.channel == channel) | (attempts.channel == 0), False),
    ):
        latest = np.full(column.facts.n, MISSING, np.int64)
        np.maximum.at(latest, attempts.row[those], days[those])
        used = latest[row]
        recent = (used != MISSING) & (today < _add_months(np.where(used != MISSING, used, 0), months))
        if sure:
            surely = surely | (recent & dated & (used >= given))
        else:
            possibly = possibly | (recent & (~dated | (used >= given)))
    return surely, possibly | untold


def _after_listing(registry: str, given: Ints, row: Rows, column: Column) -> tuple[Truth, Truth]:
    """By consent: is the number not listed, or was it listed on an earlier day than the consent? Surely, possibly."""
    answer = column.facts.registries.get(registry)
    if answer is None:
        return np.zeros(len(row), bool), np.ones(len(row), bool)
    listed = answer.listed[row] if answer.listed.ndim else np.broadcast_to(answer.listed, row.shape)
    since = answer.since_day[row] if answer.since_day.ndim else np.broadcast_to(answer.since_day, row.shape)
    dated = (since != MISSING) & (given != MISSING)
    later = dated & (given > since)
    return (listed == NO) | ((listed == YES) & later), (listed != YES) | ~dated | later


def _good(consents: Consents, levels: int, key: AtomKey, column: Column) -> tuple[Truth, Truth]:
    """Level, channel, purposes, given already, not withdrawn: surely, possibly."""
    row = consents.row
    right = (consents.level & levels) != 0
    sure, maybe = right, right | (consents.level == 0)
    sure, maybe = _has(consents.channels, key.channel, sure, maybe)
    sure, maybe = _has(consents.purposes, key.purposes, sure, maybe)
    now = column.moment(row)
    timed = consents.given_at != MISSING
    ahead = np.where(
        timed,
        consents.given_at > now,
        (consents.given_day != MISSING) & (consents.given_day > column.first_day[row]),
    )
    gone = (consents.withdrawn_at != MISSING) & (consents.withdrawn_at <= now)
    stated = timed | (consents.given_day != MISSING)
    return sure & ~ahead & ~gone & stated, maybe & ~ahead & ~gone


def _given_first(consents: Consents, column: Column) -> Ints:
    """The earliest local day a consent may have been given."""
    first, _ = column.local_days(consents.given_at, consents.row)
    return np.where(consents.given_at != MISSING, first, consents.given_day.astype(np.int64))


def _refused_since(consents: Consents, column: Column) -> tuple[Truth, Truth]:
    """By consent: did the person refuse when or after it was given? Surely, possibly. A day counts as a whole."""
    attempts, row = column.facts.attempts, consents.row
    none = np.zeros(len(row), bool)
    known = column.known(Flag.ATTEMPTS_KNOWN)
    untold = ~known[row] if isinstance(known, np.ndarray) else np.full(len(row), not known)
    if attempts is None or not len(attempts.row):
        return none, untold
    dated = attempts.at != MISSING
    at = attempts.at if dated.all() else np.where(dated, attempts.at, _day_ends(column, attempts))
    _, day = column.local_days(attempts.at, attempts.row)
    day = np.where(dated, day, attempts.on_day.astype(np.int64))
    timed = consents.given_at != MISSING
    stated = timed | (consents.given_day != MISSING)
    found = []
    for those in _event(attempts, "refused"):
        last_at = np.full(column.facts.n, MISSING, np.int64)
        last_day = np.full(column.facts.n, MISSING, np.int64)
        np.maximum.at(last_at, attempts.row[those], at[those])
        np.maximum.at(last_day, attempts.row[those], day[those])
        since = np.where(timed, last_at[row] >= consents.given_at, last_day[row] >= consents.given_day)
        found.append((last_day[row] != MISSING, since))
    (surely, after_sure), (possibly, after_maybe) = found
    return surely & stated & after_sure, untold | possibly & (~stated | after_maybe)


def _add_months(day: Ints, months: int) -> Ints:
    """The same day of the month later, or the month's last day where there is none."""
    dates = day.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    ahead = month + months
    offset = (dates - month.astype("datetime64[D]")).astype(np.int64)
    length = ((ahead + 1).astype("datetime64[D]") - ahead.astype("datetime64[D]")).astype(np.int64)
    moved: Ints = ahead.astype("datetime64[D]").astype(np.int64) + np.minimum(offset, length - 1)
    return moved


def _relationship(condition: RelationshipCondition, column: Column) -> Answer:
    known = column.known(Flag.RELATIONSHIPS_KNOWN)
    dealings = column.facts.relationships
    if dealings is None or not len(dealings.row):
        return False, known
    row = dealings.row
    sure = (dealings.kind & condition.kinds) != 0
    maybe = sure | (dealings.kind == 0)
    if condition.related:
        sure, maybe = _is(dealings.related, sure, maybe)
    clocks = condition.days is not None or condition.months is not None
    if condition.ongoing and not clocks:
        sure, maybe = _is(dealings.ongoing, sure, maybe)
    if clocks:
        today = column.last_day[row]
        on = dealings.on_day.astype(np.int64)
        dated = on != MISSING
        recent = on <= column.last_day[row]
        if condition.days is not None:
            recent &= today - on <= condition.days
        if condition.months is not None:
            recent &= today <= _add_months(np.where(dated, on, 0), condition.months)
        surely, possibly = dated & recent, ~dated | recent
        if condition.ongoing:
            surely, possibly = surely | (dealings.ongoing == YES), possibly | (dealings.ongoing != NO)
        sure, maybe = sure & surely, maybe & possibly
    return _by_row(column, row, sure, maybe, known)


def _listed(condition: ListedCondition, column: Column) -> Answer:
    answer = column.facts.registries.get(condition.registry)
    if answer is None:
        return condition.if_asked, False
    clean, listed = answer.listed == NO, answer.listed == YES
    if condition.if_asked:
        clean = ~listed
    if condition.binds_after_days is not None:
        young = (answer.since_day != MISSING) & (column.last_day - answer.since_day < condition.binds_after_days)
        clean, listed = clean | (listed & young), listed & ~young
    return _plain(clean), _plain(listed)


def _fresh(condition: FreshCondition, column: Column) -> Answer:
    answer = column.facts.registries.get(condition.registry)
    if answer is None:
        return condition.if_asked, False
    checked = answer.checked_day.astype(np.int64)
    if (answer.checked_at != MISSING).any():
        checked = np.where(answer.checked_at != MISSING, column.first_day_of(answer.checked_at), checked)
    today = column.last_day
    demands: list[tuple[Truth, Truth]] = []  # is the date known, and is it recent enough
    if condition.days is not None:
        demands.append((checked != MISSING, today - checked <= condition.days))
    if condition.editions or condition.edition_days is not None or condition.edition_months is not None:
        demands.extend(_editions(condition, answer.edition_day.astype(np.int64), checked, today))
    (dated, recent), *rest = demands
    fresh, stale = dated & recent, dated & ~recent
    for dated, recent in rest:
        fresh, stale = fresh & dated & recent, stale | (dated & ~recent)
    if condition.if_asked:
        silent = (answer.listed != NO) & (answer.listed != YES)
        fresh, stale = fresh | silent, stale & ~silent
    return _plain(fresh), _plain(stale)


def _editions(condition: FreshCondition, edition: Ints, checked: Ints, today: Ints) -> Iterator[tuple[Truth, Truth]]:
    """Of the list's own date: is it known, and is it recent enough? A list without one is as old as its answer."""
    told = edition != MISSING
    if condition.editions:
        of = np.where(told, edition, checked)
        newest = _latest_edition(condition.editions, today - condition.in_force_after_days)
        yield of != MISSING, of >= newest
    if condition.edition_days is not None:
        yield told, today - edition <= condition.edition_days
    if condition.edition_months is not None:
        yield told, today <= _add_months(np.where(told, edition, 0), condition.edition_months)


def _latest_edition(editions: tuple[str, ...], today: Ints) -> Ints:
    """The newest publication day (MM-DD of each year) on or before each day."""
    latest = np.empty(today.shape, np.int64)
    for day in set(today.tolist()):
        on = date_of(day)
        published = (
            day_of(on.replace(year=year, month=int(edition[:2]), day=int(edition[3:])))
            for edition in editions
            for year in (on.year - 1, on.year)
        )
        latest[today == day] = max(edition for edition in published if edition <= day)
    return latest


def _plain(truth: Truth) -> Truth | bool:
    return truth if truth.ndim else bool(truth)


def _event(attempts: Attempts, event: str) -> tuple[Truth, Truth]:
    """Entries of which an event surely, possibly holds. Unanswered, nobody spoke or refused; nobody refuses a text."""
    value: Bytes8 = getattr(attempts, event)
    not_so = attempts.answered == NO if event != "answered" else np.zeros(len(value), bool)
    if event == "refused":
        not_so = not_so | (attempts.channel != 0) & (attempts.channel & Channel.VOICE.bit == 0)
    return value == YES, (value == YES) | ((value == NOT_KNOWN) & ~not_so)


def _cap(atom: int, condition: CapCondition, column: Column) -> Answer:
    facts = column.facts
    known = column.known(Flag.ATTEMPTS_KNOWN)
    attempts = facts.attempts
    if attempts is None or not len(attempts.row):
        return known, False
    row = attempts.row
    counts = np.ones(len(row), bool)
    if condition.channels:
        counts &= (attempts.channel == 0) | ((attempts.channel & condition.channels) != 0)
    if condition.modes:
        counts &= (attempts.mode == 0) | ((attempts.mode & condition.modes) != 0)
    if condition.purposes:
        counts &= (attempts.purpose == 0) | ((attempts.purpose & condition.purposes) != 0)
    if condition.reached:
        counts &= attempts.unreachable != YES
    sure = maybe = counts
    if condition.same is not None:
        same = attempts.same_subject if condition.same == "subject" else attempts.same_debt
        sure, maybe = sure & (same == YES), maybe & (same != NO)
    if condition.only:
        surely, possibly = np.zeros(len(row), bool), np.zeros(len(row), bool)
        for event in condition.only:
            one, other = _event(attempts, event)
            surely, possibly = surely | one, possibly | other
        sure, maybe = sure & surely, maybe & possibly
    dated = attempts.at != MISSING
    if condition.hours is not None:
        span = condition.hours * HOUR
        # a day without an hour ends as late as that day does anywhere the person may be
        at = attempts.at if dated.all() else np.where(dated, attempts.at, _day_ends(column, attempts))
        inside = at + span > column.moment(row)
        leaves = at + span
    else:
        assert condition.days is not None
        _, day = column.local_days(attempts.at, row)
        day = np.where(dated, day, attempts.on_day.astype(np.int64))
        inside = day + condition.days > column.first_day[row]
        leaves = day + condition.days
    sure, maybe = sure & inside, maybe & inside
    held = np.bincount(row[sure], minlength=facts.n)
    possible = np.bincount(row[maybe], minlength=facts.n)
    reached = held >= condition.attempts
    doubtful = ~reached & (possible >= condition.attempts)
    if reached.any() or doubtful.any():
        surely = _releases(column, condition, row[sure], leaves[sure], held, reached)
        possibly = _releases(column, condition, row[maybe], leaves[maybe], possible, doubtful)
        column.releases[atom] = np.where(doubtful, possibly, surely)
    return known & (possible < condition.attempts), reached


def _day_ends(column: Column, attempts: Attempts) -> Moments:
    ends = np.full(len(attempts.row), FOREVER_AT, np.int64)
    for index in np.flatnonzero(attempts.at == MISSING):
        profile = column.profiles[column.profile[attempts.row[index]]]
        following = int(attempts.on_day[index]) + 1
        clocks = profile.clocks((following - 1) * DAY)
        ends[index] = max(zone.start_of_day(following) for zone in clocks)
    # what is in the list has happened by the moment the facts were stated
    stated = np.broadcast_to(column.facts.now, (column.facts.n,))[attempts.row]
    return np.minimum(ends, stated)


def _releases(column: Column, condition: CapCondition, row: Rows, leaves: Ints, held: Ints, reached: Truth) -> Moments:
    """By row: the moment enough attempts have left the window for one more."""
    releases = np.full(column.facts.n, MISSING, np.int64)
    rows = np.flatnonzero(reached)
    theirs = reached[row]
    row, leaves = row[theirs], leaves[theirs]
    leaves = leaves[np.lexsort((leaves, row))]
    first = np.cumsum(held[rows]) - held[rows]  # where each row's entries begin
    leaving = leaves[first + held[rows] - condition.attempts]
    if condition.hours is None:
        owner = column.profile[rows]
        starts = {
            (who, day): max(zone.start_of_day(day) for zone in column.profiles[who].pieces)
            for who, day in set(zip(owner.tolist(), leaving.tolist(), strict=True))
        }
        leaving = np.array([starts[pair] for pair in zip(owner.tolist(), leaving.tolist(), strict=True)], np.int64)
    releases[rows] = leaving
    return releases


def next_dawn(column: Column) -> Moments:
    """By row: the next moment at which an entry dated later than now begins to hold; FOREVER_AT if there is none."""
    found = np.full(column.facts.n, FOREVER_AT, np.int64)

    def start(day: int, row: int, pick: Callable[[Iterable[int]], int]) -> int:
        return pick(zone.start_of_day(day) for zone in column.profiles[column.profile[row]].pieces)

    consents, dealings, said = column.facts.consents, column.facts.relationships, column.facts.opt_outs
    if consents is not None:
        later = consents.given_at > column.moment(consents.row)
        np.minimum.at(found, consents.row[later], consents.given_at[later])
        for index in np.flatnonzero(consents.given_day > column.first_day[consents.row]):
            row = int(consents.row[index])
            found[row] = min(found[row], start(int(consents.given_day[index]), row, max))
    if dealings is not None:
        for index in np.flatnonzero(dealings.on_day > column.last_day[dealings.row]):
            row = int(dealings.row[index])
            found[row] = min(found[row], start(int(dealings.on_day[index]), row, min))
    if said is not None:
        later = said.at > column.moment(said.row)
        np.minimum.at(found, said.row[later], said.at[later])
    return found


def _no_opt_out(condition: OptOutCondition, key: AtomKey, column: Column) -> Answer:
    known = column.known(Flag.OPT_OUTS_KNOWN)
    said = column.facts.opt_outs
    if said is None or not len(said.row) or not column.said()[0] & condition.scopes:
        return known, False
    covers = _covering(said, condition, key) & (said.until == MISSING)
    if not covers.any():
        return known, False
    stands = _standing(said, covers, condition, key, column)
    return known & ~stands, stands


def _pause(atom: int, condition: PauseCondition, key: AtomKey, column: Column) -> Answer:
    known = column.known(Flag.OPT_OUTS_KNOWN)
    said = column.facts.opt_outs
    if said is None or not len(said.row) or not column.said()[1] & condition.scopes:
        return known, False
    covers = (said.until != MISSING) & (said.until > column.moment(said.row))
    if not covers.any():
        return known, False
    apart = sum(scope.bit for scope in OptOutScope if not stops(scope, key.purposes))
    covers &= _covering(said, condition, key) & ((said.scope & apart) == 0)
    stands = _standing(said, covers, condition, key, column)
    if stands.any():  # the first of several to end: what lifts the others may not lift it
        ends = np.full(column.facts.n, FOREVER_AT, np.int64)
        np.minimum.at(ends, said.row[covers], said.until[covers])
        column.releases[atom] = np.where(stands, ends, MISSING)
    return known & ~stands, stands


_ABOUT_ONE: Final = OptOutScope.CAMPAIGN.bit | OptOutScope.LIST.bit


def _covering(said: OptOuts, condition: OptOutCondition | PauseCondition, key: AtomKey) -> Truth:
    """By entry: does it reach this channel, and this campaign or list? What it leaves open counts."""
    joined = key.channel
    for group in condition.joined:
        if group & key.channel:
            joined |= group
    covers = ((said.scope & condition.scopes) != 0) | (said.scope == 0)
    covers &= (said.channel == 0) | ((said.channel & joined) != 0)
    found: Truth = covers & (((said.scope & _ABOUT_ONE) == 0) | (said.same != NO))
    return found


def _standing(
    said: OptOuts, covers: Truth, condition: OptOutCondition | PauseCondition, key: AtomKey, column: Column
) -> Truth:
    """By row: does one of the entries `covers` stand, or did the person opt in again after all of them?"""
    n = column.facts.n
    stands = np.zeros(n, bool)
    stands[said.row[covers]] = True
    consents = column.facts.consents
    if condition.lifted_by_levels and consents is not None and len(consents.row):
        at = np.where(said.at == MISSING, FOREVER_AT, said.at)
        last = np.full(n, MISSING, np.int64)
        np.maximum.at(last, said.row[covers], at[covers])
        _, days = column.local_days(said.at, said.row)
        last_day = np.full(n, MISSING, np.int64)
        np.maximum.at(last_day, said.row[covers], np.where(said.at == MISSING, FOREVER, days)[covers])
        sure, _ = _good(consents, condition.lifted_by_levels, key, column)
        sure = sure & (consents.evidence == YES) & (consents.imported != YES)
        until = np.where(consents.until_day == MISSING, FOREVER, consents.until_day)
        sure &= column.last_day[consents.row] < until
        later = np.where(
            consents.given_at != MISSING,
            consents.given_at > last[consents.row],
            consents.given_day > last_day[consents.row],
        )
        stands[consents.row[sure & later]] = False
    return stands


def _promise(atom: int, condition: PromiseCondition, key: AtomKey, column: Column) -> Answer:
    facts, consents = column.facts, column.facts.consents
    if consents is None:
        return True, False
    binds = np.flatnonzero(_promises(consents, key, column))
    if not len(binds):
        return True, False
    row = consents.row[binds]
    known = column.known(Flag.ATTEMPTS_KNOWN)
    used = np.zeros(len(binds), bool)
    frees = np.full(len(binds), FOREVER_AT, np.int64)
    attempts = facts.attempts
    if attempts is not None and len(attempts.row):
        used, frees = _used(condition, consents, binds, attempts, key, column)
    reached = np.zeros(facts.n, bool)
    reached[row[used]] = True
    told = known[row] if isinstance(known, np.ndarray) else np.full(len(row), known)
    doubtful = np.zeros(facts.n, bool)
    doubtful[row[~told]] = True
    doubtful &= ~reached
    if reached.any() or doubtful.any():
        relevant = used | (doubtful[row] & ~told)
        frees = np.minimum(frees, _promise_ends(consents, binds, relevant, column))
        releases = np.full(facts.n, MISSING, np.int64)
        np.maximum.at(releases, row[relevant], frees[relevant])
        column.releases[atom] = releases
    return ~reached & ~doubtful, reached


def _promises(consents: Consents, key: AtomKey, column: Column) -> Truth:
    """Consents with a promise that may cover some of the contact, and that may have begun and not ended."""
    promised = consents.promised_n > 0
    if not promised.any():
        return promised
    row, now = consents.row, column.moment(consents.row)
    covers = (consents.channels < 0) | ((consents.channels & key.channel) != 0)
    covers &= (consents.purposes < 0) | ((consents.purposes & key.purposes) != 0)
    ahead = np.where(consents.given_at != MISSING, consents.given_at > now, consents.given_day > column.last_day[row])
    over = (consents.withdrawn_at != MISSING) & (consents.withdrawn_at <= now)
    over |= (consents.until_day != MISSING) & (column.first_day[row] >= consents.until_day)
    found: Truth = promised & covers & ~ahead & ~over
    return found


def _used(
    condition: PromiseCondition,
    consents: Consents,
    binds: Rows | Ints,
    attempts: Attempts,
    key: AtomKey,
    column: Column,
) -> tuple[Truth, Moments]:
    """Of each promise: is it used up, and when has enough left its days for one more?"""
    row = consents.row[binds]
    low = np.searchsorted(attempts.row, row)
    count = np.searchsorted(attempts.row, row, side="right") - low
    of = np.repeat(np.arange(len(binds)), count)  # each promise with each attempt of its person
    which = low[of] + np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    dated = attempts.at != MISSING
    at = attempts.at if dated.all() else np.where(dated, attempts.at, _day_ends(column, attempts))
    leaves = at[which] + consents.promised_days[binds].astype(np.int64)[of] * DAY
    channel, purpose = attempts.channel[which], attempts.purpose[which]
    purposes = consents.purposes[binds][of]
    counts = (channel == 0) | ((channel & key.channel) != 0)
    counts &= (purpose == 0) | (purposes < 0) | ((purpose & (purposes | ~condition.uncounted)) != 0)
    counts &= leaves > column.moment(row[of])
    of, leaves = of[counts], leaves[counts]
    held = np.bincount(of, minlength=len(binds))
    most = consents.promised_n[binds].astype(np.int64)
    used = held >= most
    frees = np.full(len(binds), FOREVER_AT, np.int64)
    leaves = leaves[np.lexsort((leaves, of))]
    first = np.cumsum(held) - held
    frees[used] = leaves[(first + held - most)[used]]
    return used, frees


def _promise_ends(consents: Consents, binds: Rows | Ints, those: Truth, column: Column) -> Moments:
    """Of each promise: the moment its consent is withdrawn or has run out wherever the person may be."""
    ends = np.full(len(binds), FOREVER_AT, np.int64)
    withdrawn = consents.withdrawn_at[binds]
    ends[withdrawn != MISSING] = withdrawn[withdrawn != MISSING]
    for place in np.flatnonzero(those).tolist():
        row, until = int(consents.row[binds[place]]), int(consents.until_day[binds[place]])
        if until != MISSING and until - int(column.first_day[row]) <= HORIZON_DAYS:
            clocks = column.profiles[column.profile[row]].pieces
            ends[place] = min(int(ends[place]), max(zone.start_of_day(until) for zone in clocks))
    return ends


def _caller(condition: CallerCondition, column: Column) -> Answer:
    answers = np.array([_caller_is(condition, caller) for caller in column.facts.callers], np.int8)
    if column.facts.caller is None or len(answers) == 1:
        one = int(answers[0])
        return one == YES, one == NO
    by_row = answers[column.facts.caller]
    return _plain(by_row == YES), _plain(by_row == NO)


LONGEST_NAME = 11  # characters that a network carries of an alphanumeric sender


def caller_kinds(caller: str) -> tuple[str, ...]:
    if "@" in caller:
        return ("email",)
    if caller.lstrip("+").isdigit():
        return ("number",)
    return ("alphanumeric", "long_name") if len(caller) > LONGEST_NAME else ("alphanumeric",)


def _caller_is(condition: CallerCondition, caller: str | None) -> int:
    if caller is None:
        return NOT_KNOWN
    right = not set(condition.kinds).isdisjoint(caller_kinds(caller)) or caller.startswith(condition.prefixes)
    return YES if right is not condition.negate else NO


def _abandonment(condition: AbandonmentCondition, column: Column) -> Answer:
    counts = column.facts.dialler
    if counts is None:
        return False, False
    known = (counts.answered_live >= 0) & (counts.abandoned >= 0) & (counts.window_days == condition.window_days)
    over = counts.abandoned * 100 > counts.answered_live * condition.percent
    return _plain(known & ~over), _plain(known & over)


def _confirmation(condition: ConfirmationCondition, column: Column) -> Answer:
    n = column.facts.n
    said, sent = column.facts.opt_outs, column.facts.confirmations_sent
    recent, perhaps = np.zeros(n, bool), np.zeros(n, bool)
    if said is not None and len(said.row):
        age = column.moment(said.row) - said.at
        recent[said.row[(said.at != MISSING) & (age >= 0) & (age <= condition.minutes * MINUTE)]] = True
        perhaps[said.row[said.at == MISSING]] = True
    known = column.known(Flag.OPT_OUTS_KNOWN)
    long_ago = known & ~recent & ~perhaps
    if sent is None:
        return False, long_ago
    few, many = (sent >= 0) & (sent < condition.at_most), sent >= condition.at_most
    return recent & few, _plain(np.asarray(long_ago | many))


_Evaluate = Callable[[int, AtomKey, Column], Answer]
_EVALUATE: dict[type, _Evaluate] = {
    ConsentCondition: lambda atom, key, column: _consent(key.condition, key, column),
    RelationshipCondition: lambda atom, key, column: _relationship(key.condition, column),
    ListedCondition: lambda atom, key, column: _listed(key.condition, column),
    FreshCondition: lambda atom, key, column: _fresh(key.condition, column),
    CapCondition: lambda atom, key, column: _cap(atom, key.condition, column),
    PauseCondition: lambda atom, key, column: _pause(atom, key.condition, key, column),
    PromiseCondition: lambda atom, key, column: _promise(atom, key.condition, key, column),
    OptOutCondition: lambda atom, key, column: _no_opt_out(key.condition, key, column),
    CallerCondition: lambda atom, key, column: _caller(key.condition, column),
    AbandonmentCondition: lambda atom, key, column: _abandonment(key.condition, column),
    ConfirmationCondition: lambda atom, key, column: _confirmation(key.condition, column),
}
