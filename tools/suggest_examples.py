"""Worked examples that would notice the faults nothing notices: `python -m tools.suggest_examples [PREFIX] [--write]`.

For each fault of `plant_faults` that survives, an example of the rule is altered in one respect
(the moment, the channel, one consent, one date, ...) until the rule as written and the faulty one
disagree. What it prints says what the rule says today, not what the law says: read each against
the cited text before you keep it. `--write` appends them to the rules' files.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import phonenumbers

from forbear.core import where
from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.core.instants import date_of
from forbear.core.words import (
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    RecipientKind,
    RelationshipKind,
    SenderKind,
)
from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.kernel.lint import case_of, facts_of_example
from forbear.rulebook.load import shipped
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    AbandonmentCondition,
    CallerCondition,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    Example,
    FlagCondition,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
    Selection,
    SelectorCondition,
)
from tools.plant_faults import caught, faults

MOST = 24  # new examples for one rule
ELSEWHERE = ("US-OH", "US-CA", "FR", "DE", "GB", "AU-NSW", "NL", "ES-MD")
OTHER_SENDERS = ("US", "FR", "NZ")
CHANNEL_WORDS = {"voice": "by a call", "sms": "by text", "email": "by mail"}
MODE_WORDS = {
    "live": "dialled by a person",
    "predictive": "by a predictive dialler",
    "prerecorded": "by recording",
    "ai_voice": "by an AI voice",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FLAG_KEYS = {
    "opt_out_offered": ("contact.content.opt_out.kind", "reply", "none"),
    "opt_out_reply": ("contact.content.opt_out.kind", "reply", "url"),
    "opt_out_url": ("contact.content.opt_out.kind", "url", "reply"),
    "opt_out_key_press": ("contact.content.opt_out.kind", "key_press", "url"),
    "opt_out_requires_login": ("contact.content.opt_out.requires_login", True, False),
    "ai_disclosed": ("contact.ai_disclosed", True, False),
    "sender_ftc": ("sender.ftc", True, False),
    "sender_id_registered": ("sender.id_registered", True, False),
    "gave_number": ("recipient.gave_number", True, False),
    "carrier_block": ("recipient.carrier_block", True, False),
    "live_agent_guaranteed": ("dialler.live_agent_guaranteed", True, False),
}


class Change(NamedTuple):
    """What is altered, in words, and the dotted keys that say it."""

    words: str
    facts: dict[str, Any]


class Candidate(NamedTuple):
    example: Example
    situation: reference.Situation
    code: Code


@cache
def number_of(place: str) -> str:
    """A number that is nobody's, of a country or an American state."""
    if place.startswith("US-"):
        table = Path(where.__file__).parent / "numbering" / "area_codes.csv"
        for line in table.read_text(encoding="utf-8").splitlines():
            code, region, *_ = line.split(",")
            if region == place:
                return f"+1{code}5550123"
    example = phonenumbers.example_number(place[:2])
    return f"+{example.country_code}{example.national_number}" if example else "+12025550123"


def zone_of(facts: Mapping[str, Any], case: Case) -> str:
    stated = facts.get("recipient", {}).get("timezone")
    return str(stated) if stated else sorted({place.zone for place in case.places})[0]


def changes(rule: Rule, facts: Mapping[str, Any], case: Case, rulebook: Rulebook) -> Iterator[Change]:
    """One respect altered at a time, those first that the rule speaks of."""
    today = case.now.astimezone(ZoneInfo(zone_of(facts, case))).date()
    yield Change("", {})
    conditions = list(conditions_of(rule))
    yield from of_the_moment(rule, facts, case, rulebook)
    for condition in conditions:
        yield from of_condition(condition, facts, case, today)
    for selection in (rule.applies, *rule.exempt):
        yield from of_selection(selection)
    yield from of_the_contact(facts)


def of_the_contact(facts: Mapping[str, Any]) -> Iterator[Change]:
    to = facts.get("contact", {}).get("to", "")
    number = (
        to
        if str(to).startswith("+")
        else number_of(facts.get("recipient", {}).get("region") or facts.get("recipient", {}).get("country") or "US-OH")
    )
    text = {"contact.content.promotional": False}
    yield Change(
        "by a call",
        {"contact.channel": "voice", "contact.mode": "live", "contact.to": number, "contact.from": number[:-2] + "00"},
    )
    yield Change(
        "by text",
        {"contact.channel": "sms", "contact.mode": "", "contact.to": number, "contact.from": number[:-2] + "00"},
    )
    yield Change(
        "by mail",
        {
            "contact.channel": "email",
            "contact.mode": "",
            "contact.from": "news@acme.example",
            "contact.to": "pat@example.net",
        },
    )
    for mode in Mode:
        yield Change(MODE_WORDS[mode], {"contact.channel": "voice", "contact.mode": mode.value, "contact.to": number})
    for purpose in Purpose:
        yield Change(
            f"for {purpose.value.replace('_', ' ')}",
            {"contact.purpose": purpose.value} | ({} if purpose is Purpose.MARKETING else text),
        )
    for kind in RecipientKind:
        yield Change(f"to a {kind.value.replace('_', ' ')}", {"recipient.kind": kind.value})
    for sender in SenderKind:
        yield Change(f"from a {sender.value} sender", {"sender.kind": sender.value})
    for line in LineType:
        yield Change(f"to a {line.value}", {"recipient.line_type": line.value})
    for country in OTHER_SENDERS:
        yield Change(f"from {country}", {"sender.country": country})
    for place in ELSEWHERE:
        yield at(place)


def at(place: str) -> Change:
    zone = where.zones_of(place)[0]
    found = {
        "recipient.country": place[:2],
        "recipient.region": place if "-" in place else "",
        "recipient.timezone": zone,
    }
    return Change(
        f"in {place}", found | {"recipient.postcode": "", "recipient.locality": "", "contact.to": number_of(place)}
    )


def of_selection(selection: Selection) -> Iterator[Change]:
    for place in selection.places:
        yield at(place)
    for county in selection.counties:
        yield Change(f"in {county}", {"recipient.county": county})
    if selection.counties:
        yield Change("in another county", {"recipient.county": "Elsewhere"})
    for sector in selection.sector:
        yield Change(f"about {sector.replace('_', ' ')}", {"contact.sector": sector})
    if selection.sector:
        yield Change("about something else", {"contact.sector": "retail"})
    if selection.sender_country:
        for country in selection.sender_country:
            yield Change(f"from {country}", {"sender.country": country})
        yield Change("from elsewhere", {"sender.country": "NZ"})
    if selection.alert:
        yield Change("no emergency is declared", {"alerts": []})
        for place in selection.places:
            yield Change(f"an emergency in {place}", {"alerts": [place]})
    for name, wanted in selection.policy:
        yield Change(
            f"the house chose otherwise ({name})",
            {f"policy.{name}": (not wanted) if isinstance(wanted, bool) else "all"},
        )


def of_the_moment(rule: Rule, facts: Mapping[str, Any], case: Case, rulebook: Rulebook) -> Iterator[Change]:
    zone = ZoneInfo(zone_of(facts, case))
    local = case.now.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    for value in rule.values:
        for day, word in ((value.from_day, "first"), (value.to_day, "last")):
            if day in (ALWAYS, NEVER):
                continue
            edge_day = date_of(day)
            for step, words in (
                (-1, f"the day before the {word}"),
                (0, f"the {word} day"),
                (1, f"the day after the {word}"),
            ):
                for clock in (local.time(), time(12), time(9, 30), time(0, 30), time(20, 30)):
                    yield moved(edge_day + timedelta(days=step), clock, zone, f"{words} of this text")
        if value.hours is not None:
            edges = {edge for open_day in value.hours for window in open_day for edge in window}
            minutes = sorted({minute for edge in edges for minute in (edge - 1, edge) if 0 <= minute < 1440})
            for ahead in range(7):
                for minute in minutes:
                    yield moved(monday + timedelta(days=ahead), minute_of_day(minute), zone, "")
            if value.clocks != ("local",):
                for one in (date(2027, 1, 12), date(2027, 7, 13)):
                    for minute in sorted({minute + shift for minute in minutes for shift in (-60, 0, 60)}):
                        if 0 <= minute < 1440:
                            yield moved(one, minute_of_day(minute), zone, "")
        for name in value.closed_on:
            calendar = rulebook.calendars[name]
            others = {h.day for other in value.closed_on if other != name for h in rulebook.calendars[other].days}
            near = [h for h in calendar.days if 20454 <= h.day < 21184 and h.day not in others]
            for holiday in near[:14]:
                yield moved(date_of(holiday.day), time(12), zone, holiday.name)
                yield moved(date_of(holiday.day), time(10, 30), zone, holiday.name)
                for minute in {minute for span in value.eves for edge in span for minute in (edge - 1, edge)}:
                    eve = date_of(holiday.day - 1)
                    yield moved(eve, minute_of_day(minute), zone, f"the eve of {holiday.name}")
        if value.fresh is not None:
            for edition in value.fresh.editions:
                out = date.fromisoformat(f"{local.year}-{edition}") + timedelta(days=value.fresh.in_force_after_days)
                for step in (-1, 0):
                    for behind in (-1, 0, -92, -93, -31, -32):
                        for start in (out, out.replace(year=out.year - 1)):
                            listed = {
                                "listed": False,
                                "checked": start + timedelta(days=step),
                                "edition": date.fromisoformat(f"{start.year}-{edition}") + timedelta(days=behind),
                            }
                            change = moved(
                                start + timedelta(days=step), local.time(), zone, f"the edition of {listed['edition']}"
                            )
                            yield Change(change.words, {**change.facts, f"registries.{value.fresh.registry}": listed})


def minute_of_day(minute: int) -> time:
    return time(minute // 60, minute % 60)


def moved(day: date, clock: time, zone: ZoneInfo, words: str) -> Change:
    then = datetime.combine(day, clock.replace(second=0, microsecond=0), tzinfo=zone).astimezone(UTC)
    shown = f"{WEEKDAYS[day.weekday()]} {day} at {clock.hour:02}:{clock.minute:02}"
    return Change(f"{shown}, {words}" if words else shown, {"now": then})


def of_condition(condition: Condition, facts: Mapping[str, Any], case: Case, today: date) -> Iterator[Change]:
    match condition:
        case ConsentCondition():
            yield from of_consent(condition, facts, case, today)
        case RelationshipCondition():
            yield from of_relationship(condition, today)
        case ListedCondition() | FreshCondition():
            yield from of_registry(condition, today)
        case CapCondition():
            yield from of_cap(condition, facts, case, today)
        case OptOutCondition():
            yield from of_opt_out(condition, facts, case)
        case CallerCondition():
            for prefix in condition.prefixes:
                yield Change(f"showing {prefix}...", {"contact.from": (prefix + "00123456789")[:12]})
            for words, seen in (
                ("showing another number", "+999123456789"),
                ("showing a name", "Acme"),
                ("showing nothing", ""),
                ("from a mail address", "news@acme.example"),
                ("from a number", "+12025550100"),
            ):
                yield Change(words, {"contact.from": seen})
        case FlagCondition():
            key, yes, no = FLAG_KEYS.get(condition.flag, (f"contact.content.{condition.flag}", True, False))
            name = condition.flag.replace("_", " ")
            yield Change(f"{name}: yes", {key: yes})
            yield Change(f"{name}: no", {key: no})
        case AbandonmentCondition():
            for abandoned in (
                condition.percent * 10,
                condition.percent * 10 + 1,
                condition.percent * 10 - 1,
                (condition.percent + 1) * 10,
                (condition.percent - 1) * 10 + 1,
            ):
                for window in (condition.window_days, condition.window_days - 1, condition.window_days + 1):
                    yield Change(
                        f"{abandoned} of 1000 abandoned in {window} days",
                        {"dialler.answered_live": 1000, "dialler.abandoned": abandoned, "dialler.window_days": window},
                    )
        case ConfirmationCondition():
            for seconds in (condition.minutes * 60, condition.minutes * 60 + 1, condition.minutes * 60 - 1):
                said = {"at": case.now - timedelta(seconds=seconds), "scope": "all"}
                for sent in (condition.at_most - 1, condition.at_most):
                    yield Change(
                        f"{seconds} s after the opt-out, {sent} sent",
                        {"opt_outs": [said], "history.confirmations_sent": sent},
                    )
        case SelectorCondition():
            for sector in condition.sector:
                yield Change(f"about {sector.replace('_', ' ')}", {"contact.sector": sector})
            if condition.sector:
                yield Change("about something else", {"contact.sector": "retail"})


def good_consent(condition: ConsentCondition, facts: Mapping[str, Any], case: Case, today: date) -> dict[str, Any]:
    level = next(level for level in reversed(list(ConsentLevel)) if level.bit & condition.levels)
    given = today - timedelta(days=20)
    if condition.given_from is not None:
        given = max(given, date_of(condition.given_from))
    good: dict[str, Any] = {
        "level": level.value,
        "given": given,
        "channels": [case.contact.channel.value],
        "purposes": sorted({case.contact.purpose.value, "marketing"}),
        "covers": [cover.value for cover in ConsentCover if cover.bit & condition.covers],
        "evidence": True,
        "names_seller": True,
    }
    if condition.period_stated:
        good["until"] = today + timedelta(days=30)
    return good


def of_consent(condition: ConsentCondition, facts: Mapping[str, Any], case: Case, today: date) -> Iterator[Change]:
    good = good_consent(condition, facts, case, today)
    name = good["level"].replace("_", " ")
    yield Change(f"{name} consent", {"consents": [good]})
    yield Change("no consent", {"consents": []})
    for level in ConsentLevel:
        yield Change(f"{level.value.replace('_', ' ')} consent only", {"consents": [good | {"level": level.value}]})
    yield Change("a consent nobody can prove", {"consents": [good | {"evidence": False}]})
    yield Change("a consent that names somebody else", {"consents": [good | {"names_seller": False}]})
    for cover in ConsentCover:
        if cover.bit & condition.covers:
            kept = [other for other in good["covers"] if other != cover.value]
            yield Change(
                f"a consent that does not cover {cover.value.replace('_', ' ')}",
                {"consents": [good | {"covers": kept}]},
            )
    yield Change("a consent for ever", {"consents": [good | {"until": "indefinite"}]})
    yield Change("a consent for no stated period", {"consents": [{k: v for k, v in good.items() if k != "until"}]})
    far = today + timedelta(days=2000)
    for span in (
        condition.at_most_days,
        condition.at_most_days and condition.at_most_days + 1,
        condition.at_most_days and condition.at_most_days - 1,
    ):
        if span:
            for until in ({}, {"until": far}, {"until": "indefinite"}):
                yield Change(
                    f"a consent given {span} days ago",
                    {"consents": [good | {"given": today - timedelta(days=span)} | until]},
                )
    for months in (condition.lapses_months, condition.at_most_months):
        if months:
            for more in (months - 1, months, months + 1):
                for step in (-1, 0, 1):
                    given = back(today, more) + timedelta(days=step)
                    for until in ({}, {"until": far}, {"until": "indefinite"}):
                        yield Change(f"a consent given on {given}", {"consents": [good | {"given": given} | until]})
                        if condition.at_most_days:  # a leap day tells a year from 365 days
                            yield Change("", {})
    if condition.given_from is not None:
        for step in (-1, 0, 1):
            given = date_of(condition.given_from) + timedelta(days=step)
            yield Change(f"a consent given on {given}", {"consents": [good | {"given": given}]})
    if condition.after_refusal:
        for step in (-1, 0, 1):
            refused = {"on": good["given"] + timedelta(days=step), "answered": True, "refused": True}
            yield Change(f"refused in a call on {refused['on']}", {"consents": [good], "history.attempts": [refused]})
    if condition.after_listing:
        for step in (-1, 0, 1):
            answer = {"listed": True, "since": good["given"] + timedelta(days=step), "checked": today, "edition": today}
            yield Change(
                f"a consent, listed on {answer['since']}",
                {"consents": [good], f"registries.{condition.after_listing}": answer},
            )


def of_relationship(condition: RelationshipCondition, today: date) -> Iterator[Change]:
    kinds = [kind for kind in RelationshipKind if kind.bit & condition.kinds]
    recent = today - timedelta(days=5)
    for kind in RelationshipKind:
        name = kind.value
        for ongoing in (True, False):
            for related in (True, False):
                words = (
                    f"{name}, {'going on' if ongoing else 'ended'}, {'about it' if related else 'about something else'}"
                )
                yield Change(
                    words, {"relationships": [{"kind": name, "on": recent, "ongoing": ongoing, "related": related}]}
                )
    old: list[date] = []
    for days in (condition.days,):
        if days is not None:
            old += [today - timedelta(days=days + step) for step in (-1, 0, 1)]
    if condition.months is not None:
        for months in (condition.months - 1, condition.months, condition.months + 1):
            old += [back(today, months) + timedelta(days=step) for step in (-1, 0, 1)]
    for on in old:
        for kind in kinds:
            for ongoing in (False, True):
                yield Change(
                    f"{kind.value} on {on}{', going on' if ongoing else ''}",
                    {"relationships": [{"kind": kind.value, "on": on, "ongoing": ongoing, "related": True}]},
                )


def of_registry(condition: ListedCondition | FreshCondition, today: date) -> Iterator[Change]:
    key = f"registries.{condition.registry}"
    good: dict[str, Any] = {"listed": False, "checked": today, "edition": today}
    yield Change(f"{condition.registry}: not listed", {key: good})
    yield Change(f"{condition.registry}: listed", {key: good | {"listed": True, "since": date(2020, 1, 15)}})
    yield Change(f"{condition.registry}: nobody asked", {key: {}})
    if isinstance(condition, ListedCondition):
        if condition.binds_after_days is not None:
            for step in (-1, 0, 1):
                since = today - timedelta(days=condition.binds_after_days + step)
                yield Change(f"listed since {since}", {key: good | {"listed": True, "since": since}})
        return
    if condition.days is not None:
        for step in (-1, 0, 1):
            checked = today - timedelta(days=condition.days + step)
            yield Change(f"an answer of {checked}", {key: good | {"checked": checked}})
    editions = []
    if condition.edition_days is not None:
        editions += [today - timedelta(days=condition.edition_days + step) for step in (-1, 0, 1)]
    if condition.edition_months is not None:
        for months in (condition.edition_months - 1, condition.edition_months, condition.edition_months + 1):
            editions += [back(today, months) + timedelta(days=step) for step in (-1, 0, 1)]
    for edition in editions:
        yield Change(f"the list of {edition}", {key: good | {"edition": edition}})


def of_cap(condition: CapCondition, facts: Mapping[str, Any], case: Case, today: date) -> Iterator[Change]:
    contact = case.contact
    base: dict[str, Any] = {
        "channel": contact.channel.value,
        "purpose": contact.purpose.value,
        "answered": bool(condition.only),
    }
    if contact.mode is not None:
        base["mode"] = contact.mode.value
    stated: dict[str, Any] = {}
    if condition.same is not None:
        stated[f"contact.{condition.same}"] = "one"
        base[condition.same] = "one"
    for event in condition.only[:1]:
        base[event] = True
    if condition.hours is not None:
        span = timedelta(hours=condition.hours)
        inside, moments = (
            case.now - timedelta(minutes=30),
            [
                case.now - span,
                case.now - span + timedelta(seconds=1),
                case.now - span - timedelta(minutes=30),
                case.now - span + timedelta(minutes=90),
            ],
        )
        recent: dict[str, Any] = base | {"at": inside}
        edges = [base | {"at": moment} for moment in moments]
    else:
        assert condition.days is not None
        recent = base | {"on": today}
        edges = [base | {"on": today - timedelta(days=condition.days + step)} for step in (-2, -1, 0, 1)]
    few, many = condition.attempts - 1, condition.attempts
    yield Change(f"{few} before", {**stated, "history.attempts": [recent] * few})
    yield Change(f"{many} before", {**stated, "history.attempts": [recent] * many})
    for edge in edges:
        yield Change(
            f"{few} before and one on {edge.get('at') or edge.get('on')}",
            {**stated, "history.attempts": [edge, *[recent] * few]},
        )
    others: list[tuple[str, dict[str, Any]]] = []
    others += [(f"another {condition.same}", {condition.same: "two"})] if condition.same else []
    others += [
        (
            CHANNEL_WORDS[channel],
            {"channel": channel.value} | ({"mode": "live"} if channel is Channel.VOICE else {"mode": None}),
        )
        for channel in Channel
    ]
    others += [(MODE_WORDS[mode], {"channel": "voice", "mode": mode.value}) for mode in Mode]
    others += [(f"for {purpose.value}", {"purpose": purpose.value}) for purpose in Purpose]
    blank = dict.fromkeys(("answered", "conversation", "abandoned", "refused"), False)
    others += [
        (f"{event}", {**blank, event: True, "answered": event != "abandoned"})
        for event in ("answered", "conversation", "abandoned", "refused")
    ]
    others += [("unanswered", dict(blank))]
    for words, other in others:
        changed = {key: value for key, value in {**recent, **other}.items() if value is not None}
        yield Change(f"{many} before, {words}", {**stated, "history.attempts": [changed] * many})


def of_opt_out(condition: OptOutCondition, facts: Mapping[str, Any], case: Case) -> Iterator[Change]:
    at_ = case.now - timedelta(days=30)
    yield Change("nobody opted out", {"opt_outs": []})
    for scope in OptOutScope:
        for channel in (*Channel, None):
            said = (
                {"at": at_, "scope": scope.value}
                | ({"channel": channel.value} if channel else {})
                | ({"campaign": "one"} if scope is OptOutScope.CAMPAIGN else {})
                | ({"list": "one"} if scope is OptOutScope.LIST else {})
            )
            words = f"opted out of {scope.value.replace('_', ' ')}{' ' + CHANNEL_WORDS[channel] if channel else ''}"
            yield Change(words, {"opt_outs": [said], "contact.campaign": "one", "contact.list": "one"})
            for level in ConsentLevel:
                consent = {
                    "level": level.value,
                    "given": at_.date() + timedelta(days=5),
                    "channels": [case.contact.channel.value],
                    "purposes": sorted({case.contact.purpose.value, "marketing"}),
                    "evidence": True,
                    "names_seller": True,
                }
                yield Change(
                    f"{words}, {level.value.replace('_', ' ')} consent after it",
                    {"opt_outs": [said], "contact.campaign": "one", "contact.list": "one", "consents": [consent]},
                )
                yield Change(
                    f"{words}, {level.value.replace('_', ' ')} consent before it",
                    {
                        "opt_outs": [said],
                        "contact.campaign": "one",
                        "contact.list": "one",
                        "consents": [consent | {"given": at_.date() - timedelta(days=5)}],
                    },
                )


def back(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for length in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, length)
        except ValueError:
            continue
    raise AssertionError


def conditions_of(rule: Rule) -> Iterator[Condition]:
    for value in rule.values:
        for alternative in (*value.any_of, *value.unless):
            yield from alternative
        for condition in (value.cap, value.listed, value.fresh):
            if condition is not None:
                yield condition


def suggestions(rule: Rule, rulebook: Rulebook) -> tuple[list[Candidate], list[str]]:
    """Examples to add, and the faults that none of the tried ones notices."""
    own = [
        (reference.Situation(case, case.now), example.want)
        for example in rule.examples
        for case in (case_of(rule, example),)
    ]
    surviving = [fault for fault in faults(rule) if not caught(fault, own, (), rulebook)]
    if not surviving:
        return [], []
    tried: list[Candidate] = []
    seen: set[str] = set()
    for start in rule.examples:
        facts = facts_of_example(rule, start)
        case = case_of(rule, start)
        for change in changes(rule, facts, case, rulebook):
            alone = "now" in start.facts and "now" in change.facts
            when = change.words if alone else f"{start.when}; {change.words}"
            example = Example(when, {**start.facts, **change.facts}, Code.SILENT, 0)
            key = inline(change.facts) + start.when
            if key in seen or not change.facts:
                continue
            seen.add(key)
            try:
                case_read = case_of(rule, example)
            except BadInput:
                continue
            situation = reference.Situation(case_read, case_read.now)
            code = reference.code_of(rule, situation, rulebook)
            tried.append(Candidate(Example(example.when, example.facts, code, 0), situation, code))
    chosen: list[Candidate] = []
    left: list[str] = []
    while surviving:
        fault = surviving.pop(0)
        found = next(
            (one for one in tried if reference.code_of(fault.rule, one.situation, rulebook) is not one.code), None
        )
        if found is None or len(chosen) >= MOST:
            left.append(f"{rule.id}: {fault.kind} {fault.what}")
            continue
        chosen.append(found)
        surviving = [f for f in surviving if reference.code_of(f.rule, found.situation, rulebook) is found.code]
    return chosen, left


def inline(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{key if key.replace('_', '').isalnum() else inline(key)} = {inline(part)}" for key, part in value.items()
        )
        return "{ " + inner + " }" if inner else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return str(value)


def as_toml(example: Example) -> str:
    return (
        f'[[example]]\nwhen = {inline(example.when)}\nfacts = {inline(example.facts)}\nwant = "{example.want.name}"\n'
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Worked examples that would notice the faults nothing notices")
    parser.add_argument("prefix", nargs="?", default="", help="only rules whose id begins so, as us.fl or it.")
    parser.add_argument("--write", action="store_true", help="append them to the rules' files")
    parser.add_argument("--left", action="store_true", help="print the faults that no suggestion notices")
    chosen = parser.parse_args(arguments)
    rulebook = shipped()
    folder = Path(where.__file__).parent.parent / "rulebook"
    count = Counter[str]()
    for rule in rulebook.rules:
        if not rule.id.startswith(chosen.prefix):
            continue
        found, left = suggestions(rule, rulebook)
        count["suggested"] += len(found)
        count["left"] += len(left)
        text = "".join(f"\n{as_toml(one.example)}" for one in found)
        if chosen.write and text:
            with (folder / rule.file).open("a", encoding="utf-8") as file:
                file.write(text)
        elif text:
            print(f"# {rule.file}{text}")
        if chosen.left:
            print(*left, sep="\n")
    print(f"{count['suggested']} examples, {count['left']} faults left", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
