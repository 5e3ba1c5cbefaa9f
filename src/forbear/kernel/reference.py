"""The law of the engine written to be read: one case, one rule after another, no tables.

This is the twin of the column kernel and shares nothing with it but the rulebook, the case
and the candidate places; the tests hold the two against each other, rule by rule. Three
answers run through it: `True` and `False` are sure, `None` is "cannot tell".
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cached_property, lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from forbear.core.codes import Code, Cure, Verdict
from forbear.core.instants import day_of
from forbear.core.places import Place, PlaceSet
from forbear.core.words import (
    NEEDED,
    Channel,
    ConsentCover,
    OptOutScope,
    Purpose,
    Word,
)
from forbear.kernel.case import Attempt, Case, Consent, OptOut, Registry, Relationship
from forbear.rulebook.model import (
    AbandonmentCondition,
    AnyOf,
    CallerCondition,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    FlagCondition,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
    Selection,
    SelectorCondition,
    Value,
)

Sure = bool | None  # True, False, or None: cannot tell

HORIZON = timedelta(days=370)
NAMED_MISSING = 3  # more uncovered places than this are named together


@dataclass(frozen=True)
class Judgment:
    """What every rule said, and what follows. `codes` has every rule of the book and the words on coverage."""

    codes: dict[str, Code]
    code: Code
    verdict: Verdict
    cure: Cure | None
    rules: tuple[str, ...]  # those that decided, in the order of the rulebook, coverage last
    obligations: frozenset[str]  # on `allow`
    earliest: datetime | None  # on `defer`


def judge(case: Case, rulebook: Rulebook) -> Judgment:
    """The judgment on `case` at its own `now`."""
    contact = Situation(case, case.now)
    codes = {rule.id: code_of(rule, contact, rulebook) for rule in rulebook.rules}
    covered = coverage(rulebook, contact)
    shadows = {rule.id for rule in rulebook.rules if rule.shadow}
    counted = {name: code for name, code in (codes | covered).items() if name not in shadows}
    worst = max(counted.values(), default=Code.SILENT)
    earliest = None
    verdict, cure = Verdict.ALLOW, None
    if worst is Code.FORBIDDEN:
        verdict, cure = Verdict.DENY, Cure.NONE
    elif worst is Code.UNKNOWN:
        verdict, cure = Verdict.DENY, Cure.EVIDENCE
    elif worst is Code.NOT_NOW:
        earliest = earliest_allowed(rulebook, contact)
        verdict, cure = (Verdict.DENY, Cure.EVIDENCE) if earliest is None else (Verdict.DEFER, Cure.TIME)
    owed: frozenset[str] = frozenset()
    if verdict is Verdict.ALLOW:
        owed = frozenset().union(*(obligations(rule, contact) for rule in rulebook.rules if not rule.shadow))
    deciding = tuple(name for name, code in counted.items() if code is worst > Code.SATISFIED)
    return Judgment(codes | covered, worst, verdict, cure, deciding, owed, earliest)


# The moment and the person.


@dataclass(frozen=True)
class Situation:
    """A case at a moment, which need not be its own `now` (a later one is tried for `earliest`)."""

    case: Case
    at: datetime

    @cached_property
    def places(self) -> PlaceSet:
        return self.case.places

    @cached_property
    def place_names(self) -> frozenset[str]:
        """The regions and countries the person may be in."""
        return frozenset(name for place in self.places for name in (place.region, place.country))

    @cached_property
    def zones(self) -> tuple[str, ...]:
        return tuple(sorted({place.zone for place in self.places}))

    def day_in(self, zone: str) -> date:
        return self.at.astimezone(_zone(zone)).date()

    @cached_property
    def first_day(self) -> date:
        """Today, where the day is youngest."""
        return self.days_of(self.at)[0]

    @cached_property
    def last_day(self) -> date:
        """Today, where the day is furthest on."""
        return self.days_of(self.at)[1]

    def days_of(self, at: datetime) -> tuple[date, date]:
        """The earliest and the latest local date of a moment, over the candidate zones."""
        days = [at.astimezone(_zone(name)).date() for name in self.zones]
        return min(days), max(days)

    @cached_property
    def purposes(self) -> frozenset[Purpose]:
        """The stated purpose; and marketing too, unless the content is known to promote nothing."""
        contact = self.case.contact
        promotional = contact.content.promotional if contact.content else None
        return frozenset({contact.purpose} | (set() if promotional is False else {Purpose.MARKETING}))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _in(word: Word, mask: int) -> bool:
    """Whether a word is among those of a mask; no mask means all."""
    return not mask or bool(word.bit & mask)


# Does the rule speak of this contact at all?


def code_of(rule: Rule, contact: Situation, rulebook: Rulebook) -> Code:
    """The rule's own word."""
    reach = reach_of(rule, contact)
    return Code.SILENT if reach is None else word_of(rule, reach, contact, rulebook)


@dataclass(frozen=True)
class Reach:
    """What of a contact a rule is about, which no moment changes: the zones of its places, and the purposes."""

    zones: tuple[str, ...]
    about: frozenset[Purpose]


def reach_of(rule: Rule, contact: Situation) -> Reach | None:
    """`None` where the rule does not speak of this contact."""
    own = places_of(rule.applies, contact)
    if not own or not may_be_within(rule.applies, contact):
        return None
    about = purposes_of(rule, contact)
    if not about:
        return None
    if any(is_surely_within(exempt, contact) for exempt in rule.exempt):
        return None
    return Reach(tuple(sorted({place.zone for place in own})), about)


def word_of(rule: Rule, reach: Reach, contact: Situation, rulebook: Rulebook) -> Code:
    """Of several texts in force the strictest counts. A window is asked about in each zone of the rule's places."""
    if rule.check == "within_hours":
        said = Code.SILENT
        for zone in reach.zones:
            for value in rule.values:
                if said < Code.NOT_NOW and in_force(value, contact.day_in(zone)):
                    said = max(said, hours_code(value, zone, contact, reach.about, rulebook))
        return said
    return max((text_code(rule, value, contact, reach.about) for value in texts(rule, contact)), default=Code.SILENT)


def texts(rule: Rule, contact: Situation) -> list[Value]:
    """The texts in force on the local day of some candidate zone."""
    todays = {contact.day_in(zone) for zone in contact.zones}
    return [value for value in rule.values if any(in_force(value, today) for today in todays)]


def purposes_of(rule: Rule, contact: Situation) -> frozenset[Purpose]:
    """What of the contact's purposes the rule is about."""
    return frozenset(purpose for purpose in contact.purposes if _in(purpose, rule.applies.purpose))


def places_of(selection: Selection, contact: Situation) -> PlaceSet:
    """Where the person may be, of the places the rule names."""
    if selection.places and contact.place_names.isdisjoint(selection.places):
        return frozenset()
    named = of_those(contact.places, selection.places) if selection.places else contact.places
    if not selection.alert:
        return named
    return frozenset(place for place in named if emergency_at(place, contact) is not False)


@lru_cache(maxsize=1 << 14)
def of_those(places: PlaceSet, named: tuple[str, ...]) -> PlaceSet:
    return frozenset(place for place in places if place.region in named or place.country in named)


def emergency_at(place: Place, contact: Situation) -> Sure:
    """Whether an emergency is declared there; for a county, `None` where the person's county is not known."""
    county = contact.case.recipient.county
    answer: Sure = False
    for alert in contact.case.alerts or ():
        region, _, named = alert.partition(":")
        if region not in (place.region, place.country):
            continue
        first, *rest = named.casefold().split() or [""]
        municipal = first in ("city", "town", "village") and rest[:1] == ["of"] and len(rest) > 1
        if not named or municipal or (county is not None and _county(named) == _county(county)):
            return True
        if county is None:
            answer = None
    return answer


def _county(name: str) -> str:
    name = name.strip().casefold()
    for ending in (" county", " parish", " co.", " co"):
        if name.endswith(ending):
            return name.removesuffix(ending).strip()
    return name


def lives_in(counties: tuple[str, ...], county: str) -> bool:
    return any(_county(named) == _county(county) for named in counties)


def may_be_within(selection: Selection, contact: Situation) -> bool:
    """No known fact puts the contact outside; what is not known counts as possible, but a sector must be stated."""
    stated, sender, recipient = contact.case.contact, contact.case.sender, contact.case.recipient
    if not _in(stated.channel, selection.channel):
        return False
    if stated.channel is Channel.VOICE and stated.mode is not None and not _in(stated.mode, selection.mode):
        return False
    if recipient.kind is not None and not _in(recipient.kind, selection.recipient):
        return False
    if sender.kind is not None and not _in(sender.kind, selection.sender):
        return False
    if selection.sender_country and sender.country is not None and sender.country not in selection.sender_country:
        return False
    if selection.sector and stated.sector not in selection.sector:
        return False
    if selection.counties and recipient.county is not None and not lives_in(selection.counties, recipient.county):
        return False
    if recipient.line_type is not None and not _in(recipient.line_type, selection.line_type):
        return False
    return all(policy(contact, name, wanted) == wanted for name, wanted in selection.policy)


def policy(contact: Situation, name: str, otherwise: bool | str) -> bool | str:
    """The house's choice by that name, if it made one."""
    chosen: bool | str = getattr(contact.case.policy, name, otherwise)
    return chosen


def is_surely_within(selection: Selection, contact: Situation) -> bool:
    """Every field that the exemption states is known of this contact, and fits."""
    stated, sender, recipient = contact.case.contact, contact.case.sender, contact.case.recipient
    named = selection.places
    if named and not all(place.region in named or place.country in named for place in contact.places):
        return False
    if selection.alert and not all(emergency_at(place, contact) for place in contact.places):
        return False
    if not all(_in(purpose, selection.purpose) for purpose in contact.purposes):
        return False
    if not _in(stated.channel, selection.channel):
        return False
    if selection.mode and not (stated.mode and _in(stated.mode, selection.mode)):
        return False  # what is sent in writing has no mode
    if selection.recipient and not (recipient.kind and _in(recipient.kind, selection.recipient)):
        return False
    if selection.sender and not (sender.kind and _in(sender.kind, selection.sender)):
        return False
    if selection.sender_country and sender.country not in selection.sender_country:
        return False
    if selection.sector and stated.sector not in selection.sector:
        return False
    if selection.counties and not (recipient.county and lives_in(selection.counties, recipient.county)):
        return False
    if selection.line_type and not (recipient.line_type and _in(recipient.line_type, selection.line_type)):
        return False
    return all(getattr(contact.case.policy, name, None) == wanted for name, wanted in selection.policy)


def in_force(value: Value, today: date) -> bool:
    """A text whose first day nobody knows holds beside those before its last, and the stricter decides."""
    return (value.undated or value.from_day <= day_of(today)) and day_of(today) <= value.to_day


# What a text says of the contact.


def text_code(rule: Rule, value: Value, contact: Situation, about: frozenset[Purpose]) -> Code:
    match rule.check:
        case "requires":
            return clause_code(either(value.any_of + value.unless, contact, about), rule.on_fail)
        case "forbidden":
            return clause_code(either(value.unless, contact, about), rule.on_fail)
        case "owes" | "retains" | "honours" | "reaches":
            return Code.SATISFIED
        case "not_listed":
            assert value.listed is not None
            unlisted = either(((value.listed,), *value.unless), contact, about)
            code = clause_code(unlisted, rule.on_fail)
            if value.fresh is not None:
                fresh = either(((value.fresh,), *value.unless), contact, about)
                code = max(code, clause_code(fresh, Code.UNKNOWN))
            return code
        case "max_attempts" | "wait_after" | "wait_until" | "keeps_promise":
            assert value.cap is not None
            below, lifted = holds(value.cap, contact, about), either(value.unless, contact, about)
            if below is False:  # surely reached: it waits, unless it is surely lifted
                return Code.SATISFIED if lifted else Code.NOT_NOW
            return Code.SATISFIED if below or lifted else Code.UNKNOWN
        case _:
            raise AssertionError(rule.check)


def clause_code(met: Sure, on_fail: Code) -> Code:
    if met is None:
        return Code.UNKNOWN
    return Code.SATISFIED if met else on_fail


def either(alternatives: AnyOf, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """Whether one of the alternatives holds with all its conditions. None at all: no."""
    return _any(_all(holds(condition, contact, about) for condition in conditions) for conditions in alternatives)


def _any(answers: Iterable[Sure]) -> Sure:
    found = list(answers)
    return True if True in found else None if None in found else False


def _all(answers: Iterable[Sure]) -> Sure:
    found = list(answers)
    return False if False in found else None if None in found else True


def obligations(rule: Rule, contact: Situation) -> frozenset[str]:
    """What an allowed contact owes by this rule."""
    if reach_of(rule, contact) is None:
        return frozenset()
    return frozenset(owed for value in texts(rule, contact) for owed in value.obligations)


# Windows.


def hours_code(value: Value, zone: str, contact: Situation, about: frozenset[Purpose], rulebook: Rulebook) -> Code:
    """Open by every clock the text names, or lifted for sure; else the contact waits."""
    if all(is_open(value, clock, zone, contact, rulebook) for clock in value.clocks):
        return Code.SATISFIED
    return Code.SATISFIED if either(value.unless, contact, about) else Code.NOT_NOW


def is_open(value: Value, clock: str, zone: str, contact: Situation, rulebook: Rulebook) -> bool:
    """Whether this clock shows a moment in one of the day's windows [open, close), on no day the text closes."""
    assert value.hours is not None
    shown = contact.at.astimezone(_clock(clock, zone))
    if any(closed_day(name, shown.date(), contact, rulebook) for name in value.closed_on):
        return False
    minute = shown.hour * 60 + shown.minute
    if value.eves:
        tomorrow = shown.date() + timedelta(days=1)
        eve = any(closed_day(name, tomorrow, contact, rulebook) for name in value.closed_on)
        if eve and not any(start <= minute < end for start, end in value.eves):
            return False
    return any(start <= minute < end for start, end in value.hours[shown.weekday()])


def closed_day(name: str, day: date, contact: Situation, rulebook: Rulebook) -> bool:
    """Whether the calendar closes the day; a day it does not reach is closed."""
    book = rulebook.calendars[name]
    number = day_of(day)
    if not book.from_day <= number <= book.through_day:
        return True
    substitutes = policy(contact, "close_substitute_holidays", True)
    return any(holiday.day == number and (substitutes or not holiday.substitute) for holiday in book.days)


def _clock(clock: str, zone: str) -> tzinfo:
    if clock == "local":
        return _zone(zone)
    sign = -1 if clock[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(clock[1:3]), minutes=int(clock[4:6])))


# The conditions.


def holds(condition: Condition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    match condition:
        case ConsentCondition():
            return consent_holds(condition, contact, about)
        case RelationshipCondition():
            return relationship_holds(condition, contact)
        case FlagCondition():
            known = flag(condition.flag, contact)
            return None if known is None else known is condition.value
        case CallerCondition():
            return caller_fits(condition, contact)
        case ListedCondition():
            return unlisted(condition, contact)
        case FreshCondition():
            return fresh(condition, contact)
        case OptOutCondition():
            return no_opt_out(condition, contact, about)
        case CapCondition():
            return below_cap(condition, contact)
        case PauseCondition():
            return no_pause(condition, contact, about)
        case PromiseCondition():
            return keeps_promises(condition, contact, about)
        case AbandonmentCondition():
            return few_abandoned(condition, contact)
        case ConfirmationCondition():
            return may_confirm(condition, contact)
        case SelectorCondition():
            return selected(condition, contact)
        case _:
            assert_never(condition)


def flag(name: str, contact: Situation) -> Sure:
    """A yes/no fact of the case."""
    case = contact.case
    content = case.contact.content
    offer = content.opt_out if content else None
    match name:
        case "standing":
            return case.standing
        case "suppressed":
            return case.suppressed
        case "address_understood":
            return case.address_understood
        case "identifies_sender" | "postal_address" | "subject_accurate" | "header_accurate" | "promotional":
            answer: Sure = getattr(content, name) if content else None
            return answer
        case "identified_as_ad":
            return content.identified_as_ad if content else None
        case "opt_out_offered":
            return None if offer is None or offer.kind is None else offer.kind != "none"
        case "opt_out_reply" | "opt_out_url" | "opt_out_key_press":
            return None if offer is None or offer.kind is None else offer.kind == name.removeprefix("opt_out_")
        case "opt_out_requires_login":
            return offer.requires_login if offer else None
        case "ai_disclosed":
            return case.contact.ai_disclosed
        case "sender_ftc":
            return case.sender.ftc
        case "sender_id_registered":
            return case.sender.id_registered
        case "gave_number":
            return case.recipient.gave_number
        case "carrier_block":
            return case.recipient.carrier_block
        case "live_agent_guaranteed":
            return case.dialler.live_agent_guaranteed if case.dialler else None
        case _:
            raise AssertionError(name)


def caller_fits(condition: CallerCondition, contact: Situation) -> Sure:
    """What the person will see as sender is of the kind or range asked for (`negate`: is not)."""
    seen = contact.case.contact.from_
    if seen is None:
        return None
    kind = "email" if "@" in seen else "number" if seen.removeprefix("+").isdigit() else "alphanumeric"
    too_long = kind == "alphanumeric" and len(seen) > 11 and "long_name" in condition.kinds
    fits = kind in condition.kinds or too_long or any(seen.startswith(prefix) for prefix in condition.prefixes)
    return fits is not condition.negate


def selected(condition: SelectorCondition, contact: Situation) -> Sure:
    case = contact.case
    answers: list[Sure] = []
    if condition.recipient:
        answers.append(None if case.recipient.kind is None else _in(case.recipient.kind, condition.recipient))
    if condition.sender:
        answers.append(None if case.sender.kind is None else _in(case.sender.kind, condition.sender))
    if condition.sector:
        answers.append(None if case.contact.sector is None else case.contact.sector in condition.sector)
    if condition.mode:
        if case.contact.channel is not Channel.VOICE:
            answers.append(False)
        else:
            answers.append(None if case.contact.mode is None else _in(case.contact.mode, condition.mode))
    if condition.line_type:
        known = case.recipient.line_type
        answers.append(None if known is None else _in(known, condition.line_type))
    return _all(answers)


# Consent.


def consent_holds(condition: ConsentCondition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """One of the consents is good enough in every respect."""
    consents = contact.case.consents
    if consents is None:
        return None
    return _any(consent_good(consent, condition, contact, about) for consent in consents)


def consent_good(consent: Consent, condition: ConsentCondition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    answers = [of_level(consent, condition.levels), covers_contact(consent, contact, about), in_hand(consent, contact)]
    if condition.covers:
        asked = {cover for cover in ConsentCover if cover.bit & condition.covers}
        answers.append(None if consent.covers is None else asked <= set(consent.covers))
    if condition.evidence:
        answers.append(consent.evidence)
    if condition.names_seller:
        answers.append(consent.names_seller)
    if condition.period_stated:
        answers.append(isinstance(consent.until, date))
    answers.append(not_lapsed(consent, condition.lapses_months, contact))
    if condition.at_most_months is not None:
        answers.append(_before(contact.last_day, consent, condition.at_most_months, contact))
    if condition.at_most_days is not None:
        given = given_day(consent, contact)
        answers.append(None if given is None else (contact.last_day - given).days < condition.at_most_days)
    if condition.given_from is not None:
        given = given_day(consent, contact)
        answers.append(None if given is None else day_of(given) >= condition.given_from)
    if condition.after_refusal:
        answers.append(after_refusals(consent, contact))
    if condition.unused_months is not None:
        answers.append(in_use(consent, condition.unused_months, contact))
    if condition.after_listing is not None:
        answers.append(after_listing(consent, condition.after_listing, contact))
    return _all(answers)


def in_use(consent: Consent, months: int, contact: Situation) -> Sure:
    """Given, or used since for a contact on this channel, less than so many months ago."""
    given = given_day(consent, contact)
    if given is not None and contact.last_day < months_after(given, months):
        return True
    if given is None or contact.case.attempts is None:
        return None
    return _any(used_within(attempt, given, months, contact) for attempt in contact.case.attempts)


def used_within(attempt: Attempt, given: date, months: int, contact: Situation) -> Sure:
    """A contact on this channel, not before the day `given` and less than so many months ago."""
    channel, days = attempt.channel, attempt_days(attempt, contact)
    if channel not in (None, contact.case.contact.channel):
        return False
    if days is None:
        return None
    recent = [given <= day and contact.last_day < months_after(day, months) for day in days]
    if channel is None:
        return None if any(recent) else False
    return True if all(recent) else None if any(recent) else False


def after_listing(consent: Consent, name: str, contact: Situation) -> Sure:
    """The number is not on the list, or came there on an earlier day than the consent."""
    answer = registry(name, contact)
    if answer is None or answer.listed is None:
        return None
    given = given_day(consent, contact)
    if not answer.listed:
        return True
    return None if given is None or answer.since is None else given > answer.since


def of_level(consent: Consent, levels: int) -> Sure:
    return None if consent.level is None else bool(consent.level.bit & levels)


def covers_contact(consent: Consent, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """Given for this channel, and for all that the rule is about in this contact."""
    return _all(
        (
            None if consent.channels is None else contact.case.contact.channel in consent.channels,
            None if consent.purposes is None else about <= set(consent.purposes),
        )
    )


def in_hand(consent: Consent, contact: Situation) -> Sure:
    """Given by now, and not withdrawn."""
    if consent.withdrawn is not None and consent.withdrawn <= contact.at:
        return False
    if consent.given is None:
        return None
    if isinstance(consent.given, datetime):
        return consent.given <= contact.at
    return consent.given <= contact.first_day


def given_day(consent: Consent, contact: Situation) -> date | None:
    """The local day it was given; of a moment the earliest."""
    if isinstance(consent.given, datetime):
        return contact.days_of(consent.given)[0]
    return consent.given


def not_lapsed(consent: Consent, lapses_months: int | None, contact: Situation) -> Sure:
    """Before its first day without consent; where no period was stated, that day follows from the rule."""
    if consent.until == "indefinite":
        return True
    if isinstance(consent.until, date):
        return contact.last_day < consent.until
    return True if lapses_months is None else _before(contact.last_day, consent, lapses_months, contact)


def _before(today: date, consent: Consent, months: int, contact: Situation) -> Sure:
    given = given_day(consent, contact)
    return None if given is None else today < months_after(given, months)


def months_after(day: date, months: int) -> date:
    """The same day of the month, or the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def after_refusals(consent: Consent, contact: Situation) -> Sure:
    """Given after every attempt that the person refused."""
    if contact.case.attempts is None:
        return None
    answers: list[Sure] = []
    for attempt in contact.case.attempts:
        refused = happened(attempt, ("refused",))
        if refused is not False:
            after = given_after(consent, attempt_end(attempt, contact), attempt_days(attempt, contact))
            answers.append(after if refused or after else None)
    return _all(answers)


def given_after(consent: Consent, moment: datetime | None, days: tuple[date, date] | None) -> Sure:
    """Strictly after the moment; a day must be after the moment's latest local day."""
    if consent.given is None or moment is None or days is None:
        return None
    return consent.given > moment if isinstance(consent.given, datetime) else consent.given > days[1]


# Relationships, registries, opt-outs.


def relationship_holds(condition: RelationshipCondition, contact: Situation) -> Sure:
    relationships = contact.case.relationships
    if relationships is None:
        return None
    return _any(relationship_good(dealing, condition, contact) for dealing in relationships)


def relationship_good(dealing: Relationship, condition: RelationshipCondition, contact: Situation) -> Sure:
    answers: list[Sure] = [None if dealing.kind is None else _in(dealing.kind, condition.kinds)]
    if condition.related:
        answers.append(dealing.related)
    recent: list[Sure] = []
    if condition.days is not None or condition.months is not None:
        recent.append(None if dealing.on is None else dealing.on <= contact.last_day)
    if condition.days is not None:
        limit = timedelta(days=condition.days)
        recent.append(None if dealing.on is None else contact.last_day - dealing.on <= limit)
    if condition.months is not None:
        recent.append(None if dealing.on is None else contact.last_day <= months_after(dealing.on, condition.months))
    if condition.ongoing:
        answers.append(_any((_all(recent) if recent else False, dealing.ongoing)))
    else:
        answers.append(_all(recent))
    return _all(answers)


def registry(name: str, contact: Situation) -> Registry | None:
    return (contact.case.registries or {}).get(name)


def unlisted(condition: ListedCondition, contact: Situation) -> Sure:
    """Not on the list, or not long enough for the entry to bind. Since when is not known: it binds."""
    answer = registry(condition.registry, contact)
    if answer is None or answer.listed is None:
        return True if condition.if_asked else None
    if answer.listed and condition.binds_after_days is not None and answer.since is not None:
        return (contact.last_day - answer.since).days < condition.binds_after_days
    return not answer.listed


def fresh(condition: FreshCondition, contact: Situation) -> Sure:
    """The answer is young enough, and its list young enough or of the edition that was to be used today."""
    answer = registry(condition.registry, contact)
    if condition.if_asked and (answer is None or answer.listed is None):
        return True
    if answer is None:
        return None
    checked = contact.days_of(answer.checked)[0] if isinstance(answer.checked, datetime) else answer.checked
    answers: list[Sure] = []
    if condition.days is not None:
        answers.append(None if checked is None else (contact.last_day - checked).days <= condition.days)
    if condition.editions:
        edition = checked if answer.edition is None else answer.edition
        binding = contact.last_day - timedelta(days=condition.in_force_after_days)
        answers.append(None if edition is None else edition >= latest_edition(condition.editions, binding))
    if condition.edition_days is not None:
        limit = timedelta(days=condition.edition_days)
        answers.append(None if answer.edition is None else contact.last_day - answer.edition <= limit)
    if condition.edition_months is not None:
        last = None if answer.edition is None else months_after(answer.edition, condition.edition_months)
        answers.append(None if last is None else contact.last_day <= last)
    return _all(answers)


def latest_edition(editions: tuple[str, ...], today: date) -> date:
    """The last publication day (MM-DD, each year) on or before today."""
    days = [date.fromisoformat(f"{year}-{edition}") for year in (today.year - 1, today.year) for edition in editions]
    return max(day for day in days if day <= today)


def no_opt_out(condition: OptOutCondition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """Nobody said stop to this, or they surely opted in again after the last time they did."""
    if contact.case.opt_outs is None:
        return None
    covering = [
        said for said in contact.case.opt_outs if said.until is None and opt_out_covers(said, condition, contact)
    ]
    return not covering or opted_in_since(covering, condition.lifted_by_levels, contact, about)


def no_pause(condition: PauseCondition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """No pause is running, or the person surely opted in again after the last one they asked for."""
    if contact.case.opt_outs is None:
        return None
    running = [
        said
        for said in contact.case.opt_outs
        if said.until is not None
        and contact.at < said.until
        and about_these(said.scope, about)
        and opt_out_covers(said, condition, contact)
    ]
    return not running or opted_in_since(running, condition.lifted_by_levels, contact, about)


def about_these(scope: OptOutScope | None, about: frozenset[Purpose]) -> bool:
    """Whether a pause of this scope is about one of these purposes; one whose scope is not known is about all."""
    match scope:
        case OptOutScope.MARKETING | OptOutScope.DIRECT_MARKETING_OBJECTION:
            return bool(about & {Purpose.MARKETING, Purpose.FUNDRAISING})
        case OptOutScope.ALL_BUT_NEEDED:
            return not about <= NEEDED
        case _:
            return True


def opted_in_since(said: list[OptOut], levels: int, contact: Situation, about: frozenset[Purpose]) -> bool:
    """A proved consent of one of the levels (0: none will do), not from a list, was given after each of these."""
    return bool(levels) and any(
        _all(
            (
                of_level(consent, levels),
                covers_contact(consent, contact, about),
                in_hand(consent, contact),
                not_lapsed(consent, None, contact),
                consent.evidence,
                not consent.imported,
                *(given_after(consent, one.at, contact.days_of(one.at) if one.at else None) for one in said),
            )
        )
        for consent in contact.case.consents or ()
    )


def opt_out_covers(said: OptOut, condition: OptOutCondition | PauseCondition, contact: Situation) -> bool:
    """Whether these words reach this contact; what they leave open counts against the sender."""
    if said.scope is not None and not _in(said.scope, condition.scopes):
        return False
    ours, theirs = {
        OptOutScope.CAMPAIGN: (contact.case.contact.campaign, said.campaign),
        OptOutScope.LIST: (contact.case.contact.list, said.list),
    }.get(said.scope or OptOutScope.ALL, (None, None))
    if ours is not None and theirs is not None and ours != theirs:
        return False
    channel = contact.case.contact.channel
    if said.channel is None or said.channel is channel:
        return True
    return any(group & said.channel.bit and group & channel.bit for group in condition.joined)


# What was tried before.


def below_cap(condition: CapCondition, contact: Situation) -> Sure:
    """Fewer attempts than the cap, even if all that may count do."""
    attempts = contact.case.attempts
    if attempts is None:
        return None
    counts = [attempt_counts(attempt, condition, contact) for attempt in attempts]
    if counts.count(True) >= condition.attempts:
        return False
    return True if len(counts) - counts.count(False) < condition.attempts else None


def attempt_counts(attempt: Attempt, condition: CapCondition, contact: Situation) -> Sure:
    if attempt.channel is not None and not _in(attempt.channel, condition.channels):
        return False
    if attempt.mode is not None and not _in(attempt.mode, condition.modes):
        return False
    if attempt.purpose is not None and not _in(attempt.purpose, condition.purposes):
        return False
    if condition.reached and attempt.unreachable:
        return False
    same: Sure = True
    if condition.same is not None:
        ours, theirs = getattr(contact.case.contact, condition.same), getattr(attempt, condition.same)
        same = None if ours is None or theirs is None else ours == theirs
    return _all((recent_attempt(attempt, condition, contact), same, happened(attempt, condition.only)))


def recent_attempt(attempt: Attempt, condition: CapCondition, contact: Situation) -> Sure:
    end, days = attempt_end(attempt, contact), attempt_days(attempt, contact)
    if end is None or days is None:
        return None
    if condition.hours is not None:
        return end + timedelta(hours=condition.hours) > contact.at
    assert condition.days is not None
    return (contact.first_day - days[1]).days < condition.days


def happened(attempt: Attempt, events: tuple[str, ...]) -> Sure:
    """One of the events came of it (none asked for: any attempt). Nothing is said on a call nobody answered."""
    if not events:
        return True
    answers: list[Sure] = []
    for event in events:
        known: Sure = getattr(attempt, event)
        if known is None and event != "answered" and attempt.answered is False:
            known = False
        if known is None and event == "refused" and attempt.channel in (Channel.SMS, Channel.EMAIL):
            known = False  # one refuses in a call; what is written back is an opt-out
        answers.append(known)
    return _any(answers)


def attempt_end(attempt: Attempt, contact: Situation) -> datetime | None:
    """The moment it was made; of a day its last, in the zone where it ends last, but not after the case's own `now`."""
    if attempt.at is not None:
        return attempt.at
    if attempt.on is None:
        return None
    if attempt.on >= contact.case.now.date() + timedelta(days=2):  # not even begun anywhere
        return contact.case.now
    return min(contact.case.now, max(midnight(attempt.on + timedelta(days=1), name) for name in contact.zones))


def attempt_days(attempt: Attempt, contact: Situation) -> tuple[date, date] | None:
    """The earliest and latest local day it may have been."""
    if attempt.at is not None:
        return contact.days_of(attempt.at)
    return None if attempt.on is None else (attempt.on, attempt.on)


def keeps_promises(condition: PromiseCondition, contact: Situation, about: frozenset[Purpose]) -> Sure:
    """No promise made with a consent is used up. Who promised nothing has nothing to keep."""
    promises = [one for one in contact.case.consents or () if one.promised_n and promise_binds(one, contact, about)]
    if promises and contact.case.attempts is None:
        return None
    return all(
        sum(counts_towards(attempt, one, condition, contact) for attempt in contact.case.attempts or ())
        < (one.promised_n or 0)
        for one in promises
    )


def promise_binds(consent: Consent, contact: Situation, about: frozenset[Purpose]) -> bool:
    """Given with a consent that may cover some of this contact, and that may have begun and not ended."""
    if consent.channels is not None and contact.case.contact.channel not in consent.channels:
        return False
    if consent.purposes is not None and not about & consent.purposes:
        return False
    if consent.withdrawn is not None and consent.withdrawn <= contact.at:
        return False
    if isinstance(consent.given, datetime) and consent.given > contact.at:
        return False
    if not isinstance(consent.given, datetime) and consent.given is not None and consent.given > contact.last_day:
        return False
    return not isinstance(consent.until, date) or contact.first_day < consent.until


def counts_towards(attempt: Attempt, consent: Consent, condition: PromiseCondition, contact: Situation) -> bool:
    """On this channel, in the days of the promise, and not of a purpose that is none of the consent's and not counted.

    What is not known counts.
    """
    if attempt.channel not in (None, contact.case.contact.channel):
        return False
    promised = consent.purposes is None or attempt.purpose is None or attempt.purpose in consent.purposes
    if not promised and attempt.purpose is not None and attempt.purpose.bit & condition.uncounted:
        return False
    end = attempt_end(attempt, contact)
    return end is None or end + timedelta(days=consent.promised_days or 0) > contact.at


def few_abandoned(condition: AbandonmentCondition, contact: Situation) -> Sure:
    dialler = contact.case.dialler
    if dialler is None or dialler.window_days != condition.window_days:
        return None
    if dialler.abandoned is None or dialler.answered_live is None:
        return None
    return dialler.abandoned * 100 <= dialler.answered_live * condition.percent


def may_confirm(condition: ConfirmationCondition, contact: Situation) -> Sure:
    """The person opted out in the last minutes, and was not told so too often already."""
    said, sent = contact.case.opt_outs, contact.case.confirmations_sent
    return _all(
        (
            None if said is None else _any(just_said(one, condition, contact) for one in said),
            None if sent is None else sent < condition.at_most,
        )
    )


def just_said(said: OptOut, condition: ConfirmationCondition, contact: Situation) -> Sure:
    if said.at is None:
        return None
    return timedelta(0) <= contact.at - said.at <= timedelta(minutes=condition.minutes)


# Coverage.


def coverage(rulebook: Rulebook, contact: Situation) -> dict[str, Code]:
    """For each candidate region, whether somebody read its law for this channel and all these purposes."""
    kind = contact.case.recipient.kind
    codes: dict[str, Code] = {}
    for region in sorted({place.region for place in contact.places}):
        read = 0
        for entry in rulebook.coverage:
            if region not in entry.places and region[:2] not in entry.places:
                continue
            if entry.recipients and (kind is None or not _in(kind, entry.recipients)):
                continue
            if _in(contact.case.contact.channel, entry.channels):
                read |= entry.purposes
        whole = all(purpose.bit & read for purpose in contact.purposes)
        codes[f"coverage.{region.lower()}"] = Code.SATISFIED if whole else Code.UNKNOWN
    missing = [name for name, code in codes.items() if code is Code.UNKNOWN]
    if len(missing) > NAMED_MISSING:
        codes = {name: code for name, code in codes.items() if name not in missing} | {"coverage.place": Code.UNKNOWN}
    return codes


# When it becomes allowed.


def earliest_allowed(rulebook: Rulebook, contact: Situation) -> datetime | None:
    """The first moment after now at which every enforced rule is met, facts and rulebook fixed; within 370 days."""
    asked = [(rule, reach) for rule in rulebook.rules if not rule.shadow and (reach := reach_of(rule, contact))]
    for moment in moments_of_change([rule for rule, _ in asked], contact):
        then = Situation(contact.case, moment)
        for index, (rule, reach) in enumerate(asked):
            if word_of(rule, reach, then, rulebook) > Code.SATISFIED:
                asked.insert(0, asked.pop(index))  # it is asked first the next time
                break
        else:
            return moment
    return None


def moments_of_change(rules: list[Rule], contact: Situation) -> Iterator[datetime]:
    """Every moment after now at which some rule may begin to be met, in order."""
    end = contact.at + HORIZON
    single = set(moments_of_facts(rules, contact))
    openings = {
        (clock, start)
        for rule in rules
        for value in rule.values
        for day in (*(value.hours or ()), value.eves)
        for start, _ in day
        for clock in value.clocks
    }
    today = contact.at.astimezone(UTC).date()
    for ahead in range(HORIZON.days + 2):
        day = today + timedelta(days=ahead)
        found = {moment for moment in single if moment.date() == day}
        for zone in contact.zones:
            found.update(clock_changes(zone, day))
            for local in (day - timedelta(days=1), day, day + timedelta(days=1)):
                found.add(midnight(local, zone))
                for clock, minute in openings:
                    found.update(shown_at(local, minute, _clock(clock, zone)))
        yield from sorted(moment for moment in found if moment.date() == day and contact.at < moment <= end)


def moments_of_facts(rules: list[Rule], contact: Situation) -> Iterator[datetime]:
    """The end of each attempt's time in each cap or promise, of promises and pauses; what is dated later than now."""
    caps = [value.cap for rule in rules for value in rule.values if isinstance(value.cap, CapCondition)]
    spans = {timedelta(hours=cap.hours) for cap in caps if cap.hours}
    spans |= {timedelta(days=one.promised_days) for one in contact.case.consents or () if one.promised_days}
    for attempt in contact.case.attempts or ():
        ended = attempt_end(attempt, contact)
        if ended is not None:
            yield from (ended + span for span in spans)
    for consent in contact.case.consents or ():
        if isinstance(consent.given, datetime):
            yield consent.given
        if consent.withdrawn is not None and consent.promised_n:
            yield consent.withdrawn
    for said in contact.case.opt_outs or ():
        yield from (moment for moment in (said.at, said.until) if moment is not None)


@lru_cache(maxsize=1 << 15)
def midnight(day: date, zone: str) -> datetime:
    """The first moment of the local day."""
    return datetime.combine(day, time(), tzinfo=_zone(zone)).astimezone(UTC)


@lru_cache(maxsize=1 << 17)
def shown_at(day: date, minute: int, clock: tzinfo) -> frozenset[datetime]:
    """When the clock shows that minute of that day: mostly once, twice when it is set back."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=clock)
    return frozenset({wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)})


@lru_cache(maxsize=1 << 15)
def clock_changes(zone: str, day: date) -> tuple[datetime, ...]:
    """The moment within the UTC day at which the zone's clock is set, if it is."""
    clock = _zone(zone)

    def offset(moment: datetime) -> timedelta | None:
        return moment.astimezone(clock).utcoffset()

    before = datetime.combine(day, time(), tzinfo=UTC)
    after = before + timedelta(days=1)
    if offset(before) == offset(after):
        return ()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        before, after = (middle, after) if offset(middle) == offset(before) else (before, middle)
    return (after,)
