"""A rule in plain words: whom it is about, what it asks, what lifts it, since when.

Everything is made from the rule as it was read, so the words cannot differ from what is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any, Final

from forbear.core.codes import Code
from forbear.core.instants import date_of
from forbear.core.words import (
    Binding,
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    Reaching,
    RecipientKind,
    RelationshipKind,
    SenderKind,
    Way,
    Word,
)
from forbear.rulebook import obligations
from forbear.rulebook.load import STATED_ONLY
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    AbandonmentCondition,
    AnyOf,
    CallerCondition,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    Extent,
    FlagCondition,
    FreshCondition,
    Hours,
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

CONFIDENCE: Final = {
    "high": "the text itself was read",
    "medium": "one remove from the text, or read with doubt",
    "low": "weakly sourced: check it before relying on it",
    "policy": "a choice of ours, not a law",
}
RANK: Final = {"policy": -1, "high": 0, "medium": 1, "low": 2}
"""How doubtful a statement of the law is. A choice of ours states none."""

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CHANNELS: Final = {Channel.VOICE: "calls", Channel.SMS: "texts", Channel.EMAIL: "e-mails"}
_MODES: Final = {
    Mode.LIVE: "dialled by a person",
    Mode.PREDICTIVE: "dialled by a predictive dialler",
    Mode.PRERECORDED: "prerecorded",
    Mode.AI_VOICE: "spoken by an artificial voice",
}
_PURPOSES: Final = {
    Purpose.OPTOUT_CONFIRMATION: "opt-out confirmation",
    Purpose.DEBT_COLLECTION: "debt collection",
    Purpose.FINANCIAL_ALERT: "financial alert",
}
_SENDERS: Final = {
    SenderKind.COMPANY: "a company",
    SenderKind.CHARITY: "a charity",
    SenderKind.POLITICAL: "a political body",
    SenderKind.GOVERNMENT: "a government body",
    SenderKind.EDUCATIONAL: "an educational institution",
    SenderKind.RELIGIOUS: "a religious body",
}
_RECIPIENTS: Final = {
    RecipientKind.CONSUMER: "consumers",
    RecipientKind.BUSINESS: "businesses",
    RecipientKind.SOLE_TRADER: "sole traders",
}
_LEVELS: Final = {
    ConsentLevel.INFERRED: "inferred consent",
    ConsentLevel.SOFT_OPT_IN: "the soft opt-in of a customer",
    ConsentLevel.EXPRESS: "express consent",
    ConsentLevel.EXPRESS_ORAL: "express oral consent",
    ConsentLevel.EXPRESS_WRITTEN: "express written consent",
}
_FLAGS: Final = {
    "identifies_sender": ("it says who sends it", "it does not say who sends it"),
    "postal_address": ("it gives a postal address", "it gives no postal address"),
    "subject_accurate": ("its subject line is accurate", "its subject line misleads"),
    "header_accurate": ("its headers are accurate", "its headers mislead"),
    "promotional": ("it promotes something", "it promotes nothing"),
    "identified_as_ad": ("it is marked as an advertisement", "it is not marked as an advertisement"),
    "opt_out_offered": ("it offers a way to opt out", "it offers no way to opt out"),
    "opt_out_reply": ("a reply opts out", "no reply opts out"),
    "opt_out_url": ("a link opts out", "no link opts out"),
    "opt_out_key_press": ("a key press opts out", "no key press opts out"),
    "opt_out_requires_login": ("opting out needs a login", "opting out needs no login"),
    "ai_disclosed": ("that a machine speaks is said", "that a machine speaks is not said"),
    "sender_ftc": ("the seller is within the FTC's reach", "the seller is outside the FTC's reach"),
    "sender_id_registered": ("the sender id is registered", "the sender id is not registered"),
    "gave_number": ("the person gave this number", "the person did not give this number"),
    "carrier_block": ("the carrier blocks the number", "no carrier blocks the number"),
    "live_agent_guaranteed": ("every answered call gets an agent", "not every answered call gets an agent"),
    "standing": ("the account may send and no hold is in force", "the account may not send, or a hold is in force"),
    "suppressed": (
        "the person is on the house's suppression list",
        "the person is not on the house's suppression list",
    ),
    "address_understood": ("the address is one of this channel", "the address is none of this channel"),
}
_EVENTS: Final = {
    "answered": "an answered call",
    "conversation": "a conversation",
    "abandoned": "an abandoned call",
    "refused": "a refusal",
}
_SCOPES: Final = {
    OptOutScope.ALL: "everything",
    OptOutScope.MARKETING: "marketing",
    OptOutScope.CAMPAIGN: "this campaign",
    OptOutScope.DIRECT_MARKETING_OBJECTION: "direct marketing (an objection)",
    OptOutScope.LIST: "this list",
    OptOutScope.ALL_BUT_NEEDED: "all but what the person needs",
}
_WAYS: Final = {
    Way.REPLY: "as a reply",
    Way.LINK: "on the page behind a link",
    Way.ONE_CLICK: "with one click in the mail program",
    Way.PREFERENCES: "in the preference centre",
    Way.MAIL: "by mail to the unsubscribe address",
    Way.KEY_PRESS: "by pressing a key",
    Way.SPOKEN: "to an agent",
    Way.LETTER: "by letter",
    Way.COMPLAINT: "in a complaint",
    Way.CARRIER: "to the carrier",
    Way.PROVIDER: "to the mail or message provider",
    Way.IMPORTED: "in a way that is not known",
}
_REACHING: Final = {
    Reaching.SAID_ON: "on the channel it was said on",
    Reaching.SAME_NUMBER: "for calls and texts to that number alike",
    Reaching.ALL: "on every channel, at every address known to be the person's",
}
_BINDING: Final = {
    Binding.SELLER: "the seller, wherever it sends from",
    Binding.ACCOUNT: "every seller of the account",
    Binding.PARTNER: "every account of the partner",
    Binding.INSTALLATION: "every sender",
}
_CHECKS: Final = {
    "requires": "a requirement",
    "forbidden": "a ban",
    "not_listed": "a do-not-call list",
    "within_hours": "hours of the day",
    "max_attempts": "a cap on attempts",
    "wait_after": "a wait",
    "wait_until": "a pause the person asked for",
    "keeps_promise": "a frequency that was promised",
    "owes": "what an allowed contact owes",
    "retains": "how long a record is kept",
    "honours": "by when an opt-out must be carried out",
    "reaches": "how far an opt-out reaches where nobody said so",
}
_ELSE: Final = {
    Code.NOT_NOW: "Otherwise the contact waits (not now).",
    Code.UNKNOWN: "Otherwise it is denied until there is evidence (unknown).",
    Code.FORBIDDEN: "Otherwise it is denied, and no evidence helps (forbidden).",
}


def duty(word: str) -> str:
    """What an obligation asks, to follow "must"."""
    title = obligations.shipped().entries[word].title
    return title[0].lower() + title[1:]


def kind(rule: Rule) -> str:
    """`within_hours` as “hours of the day”."""
    return _CHECKS.get(rule.check, rule.check.replace("_", " "))


def otherwise(rule: Rule) -> str:
    """What failing it means; what never fails says so."""
    if rule.check in STATED_ONLY:
        return "It never changes a verdict."
    return _ELSE[rule.on_fail]


def about(selection: Selection) -> str:
    """Which contacts: `marketing calls and texts to people in US-FL`; what is not narrowed is not said."""
    parts = [_purposes(selection.purpose), _list(_CHANNELS[w] for w in _words(Channel, selection.channel))]
    said = " ".join(part for part in parts if part) or "every contact"
    if not selection.channel and selection.purpose:
        said += " contacts"
    if selection.mode:
        said += f", if {_list((_MODES[w] for w in _words(Mode, selection.mode)), 'or')}"
    to = _list((_RECIPIENTS[w] for w in _words(RecipientKind, selection.recipient)), "or")
    if selection.line_type:
        to = f"{to or 'people'} on a {_list((w.value for w in _words(LineType, selection.line_type)), 'or')} number"
    if selection.places:
        to = f"{to or 'people'} in {_list(selection.places, 'or')}"
    if selection.counties:
        to += f" (the counties {_list(selection.counties)}; a county that is not known may be one of them)"
    if to:
        said += f" to {to}"
    if selection.sender:
        said += f", sent by {_list((_SENDERS[w] for w in _words(SenderKind, selection.sender)), 'or')}"
    if selection.sender_country:
        said += f", by a sender in {_list(selection.sender_country, 'or')}"
    if selection.sector:
        said += f", selling in {_list((s.replace('_', ' ') for s in selection.sector), 'or')}"
    if selection.alert:
        said += ", while an emergency is declared there"
    for name, value in selection.policy:
        said += f", where the house policy `{name}` is {_yes(value)}"
    return said


def exceptions(rule: Rule) -> list[str]:
    """Who is exempt, one a line."""
    return [about(selection) for selection in rule.exempt]


def text(rule: Rule, value: Value, book: Rulebook | None = None) -> list[str]:
    """What one text of the rule asks, in sentences. `book`: whose calendars are named."""
    found: list[str] = []
    if rule.check == "requires":
        found += _choices("Needed", value.any_of)
    elif rule.check == "forbidden":
        found.append("Not allowed.")
    elif value.hours is not None:
        by = "" if value.clocks == ("local",) else f", by {_list(map(_clock, value.clocks))}"
        found.append(f"Open {hours(value.hours)}{by or ', by the clock where the person is'}.")
        if value.closed_on:
            titles = [book.calendars[c].title if book and c in book.calendars else c for c in value.closed_on]
            found.append(f"Closed on the holidays of {_list(f'“{title}”' for title in titles)}.")
        if value.eves:
            found.append(f"On the day before such a holiday open within {_windows(value.eves)} only.")
    elif value.cap is not None:
        if isinstance(value.cap, CapCondition) and rule.check == "wait_after":
            found.append(_sentence(_wait(value.cap)))
        else:
            found.append(_sentence(_condition(value.cap)))
    elif value.listed is not None:
        found.append(_sentence(_condition(value.listed)))
        if value.fresh is not None:
            found.append(_sentence(_condition(value.fresh)))
    elif value.retention is not None:
        kept = "for ever" if value.retention.months is None else f"for {_many(value.retention.months, 'month')}"
        record = value.retention.record.replace("_", "-" if value.retention.record == "opt_out" else " ")
        found.append(f"The record of the {record} is kept {kept} after the {value.retention.after.replace('_', ' ')}.")
    elif value.deadline is not None:
        unit = value.deadline.unit.replace("_", " ").removesuffix("s")
        days = f", counted by the calendar “{value.deadline.calendar}”" if value.deadline.calendar else ""
        found.append(
            f"An opt-out must be carried out within {_many(value.deadline.number, unit)}{days}; here it is at once."
        )
    elif value.extent is not None:
        found.append(_extent(value.extent))
    if value.obligations:
        found += [f"The contact must {duty(word)}." for word in value.obligations]
    for name, number in value.terms:
        found.append(
            {
                "within_seconds": f"Within {_many(number, 'second')}.",
                "works_days": f"The way to opt out works for {_many(number, 'day')}.",
            }.get(name, f"{name.replace('_', ' ')}: {number}.")
        )
    if value.unless:
        found += _choices("Lifted by", value.unless)
    return found


def hours(week: Hours) -> str:
    """`Mon-Fri 09:00-20:00, Sat 09:00-17:00, Sun closed`."""
    if all(day == week[0] for day in week):
        return f"every day {_windows(week[0])}" if week[0] != ((0, 1440),) else "at all hours"
    parts = []
    for windows, run in groupby(range(7), key=lambda day: week[day]):
        days = list(run)
        name = WEEKDAYS[days[0]] + (f"-{WEEKDAYS[days[-1]]}" if len(days) > 1 else "")
        parts.append(f"{name} {_windows(windows)}")
    return ", ".join(parts)


def clock(minute: int) -> str:
    """540 as `09:00`; the end of the day as `24:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def since(value: Value) -> str:
    """`from 2021-07-01`, `2016-06-01 to 2026-08-10`, `at all times`."""
    if value.undated:
        return "from a day nobody knows yet (so it counts already)"
    start = None if value.from_day == ALWAYS else date_of(value.from_day).isoformat()
    end = None if value.to_day == NEVER else date_of(value.to_day).isoformat()
    if start and end:
        return f"{start} to {end}"
    return f"from {start}" if start else f"until {end}" if end else "at all times"


def state(value: Value, today: int) -> str:
    """`past`, `in force` or `future` on the day `today` (days since 1970)."""
    if value.undated or value.from_day <= today <= value.to_day:
        return "in force"
    return "past" if value.to_day < today else "future"


def doubt(rule: Rule) -> str | None:
    """What a reader of a verdict should know of the rule's source; None where the text itself was read."""
    if rule.confidence == "high":
        return None
    said = CONFIDENCE[rule.confidence]
    return f"{rule.confidence} confidence: {said}" if rule.confidence != "policy" else said


def near(book: Rulebook, asked: str, most: int = 5) -> list[str]:
    """Rule ids that somebody who wrote `asked` may have meant: those that hold it, else those spelt alike."""
    ids = [rule.id for rule in book.rules]
    return [one for one in ids if asked and asked in one][:most] or get_close_matches(asked, ids, most, 0.6)


def beside(book: Rulebook, rule: Rule) -> list[str]:
    """Other rules of the same check that can hold for the same contact, by place, channel and purpose."""
    mine = rule.applies

    def meet(other: Selection) -> bool:
        places = (
            not mine.places
            or not other.places
            or any(a == b or a.startswith(b + "-") or b.startswith(a + "-") for a in mine.places for b in other.places)
        )
        pairs = (
            *((mine.channel, other.channel), (mine.purpose, other.purpose), (mine.mode, other.mode)),
            *((mine.recipient, other.recipient), (mine.line_type, other.line_type), (mine.sender, other.sender)),
        )
        return places and all(not a or not b or bool(a & b) for a, b in pairs)

    return [one.id for one in book.rules if one.id != rule.id and one.check == rule.check and meet(one.applies)]


def alternatives(choices: AnyOf) -> list[str]:
    """Each alternative in words; the conditions of one are joined by “and”."""
    return [" and ".join(_condition(one) for one in alternative) for alternative in choices]


def _choices(lead: str, choices: AnyOf) -> list[str]:
    said = alternatives(choices)
    if len(said) == 1:
        return [f"{lead}: {said[0]}."]
    return [f"{lead} any one of these:", *(f"- {one}" for one in said)]


def _condition(condition: Condition) -> str:
    return _SAY[type(condition)](condition)


def _extent(one: Extent) -> str:
    how = f"Said {_list((_WAYS[way] for way in _words(Way, one.ways)), 'or')}" if one.ways else "However it is said"
    return f"{how}, it covers {_SCOPES[one.covers]}, {_REACHING[one.channels]}; it binds {_BINDING[one.binds]}."


def _consent(one: ConsentCondition) -> str:
    levels = _words(ConsentLevel, one.levels)
    express = (ConsentLevel.EXPRESS, ConsentLevel.EXPRESS_ORAL, ConsentLevel.EXPRESS_WRITTEN)
    if len(levels) == len(ConsentLevel):
        said = "a consent"
    elif tuple(levels) == express:
        said = "express consent of any form"
    else:
        said = _list((_LEVELS[level] for level in levels), "or")
    extra = []
    if one.covers:
        words = {ConsentCover.AUTOMATED: "automated contacts", ConsentCover.OUT_OF_HOURS: "contacts out of hours"}
        said += f" to {_list(words[w] for w in _words(ConsentCover, one.covers))}"
    if one.names_seller:
        extra.append("naming the seller")
    if one.evidence:
        extra.append("with proof held")
    if one.period_stated:
        extra.append("for a stated period")
    if one.given_from is not None:
        extra.append(f"given on {date_of(one.given_from)} or later")
    if one.unused_months is not None:
        extra.append(f"lapsing {_many(one.unused_months, 'month')} after it was last used here")
    if one.after_refusal:
        extra.append("given after the last refusal")
    if one.after_listing:
        extra.append(f"given after any listing in the registry {one.after_listing}")
    if one.lapses_months is not None:
        extra.append(f"lapsing after {_many(one.lapses_months, 'month')} where no period was stated")
    most = [_many(n, unit) for n, unit in ((one.at_most_months, "month"), (one.at_most_days, "day")) if n is not None]
    if most:
        extra.append(f"at most {' and '.join(most)} old")
    if one.unused_months is not None:
        extra.append(f"given or used on this channel at most {_many(one.unused_months, 'month')} ago")
    return ", ".join([said, *extra])


def _relationship(one: RelationshipCondition) -> str:
    kinds = _words(RelationshipKind, one.kinds)
    names = "any dealing" if len(kinds) == len(RelationshipKind) else _list((_a(k.value) for k in kinds), "or")
    clocks = [_many(n, unit) for n, unit in ((one.days, "day"), (one.months, "month")) if n is not None]
    said = names
    if clocks:
        said += f" at most {' and at most '.join(clocks)} ago"
    if one.ongoing:
        said += " that is going on"
    if one.related:
        said += ", to which the contact relates"
    return said


def _flag(one: FlagCondition) -> str:
    yes, no = _FLAGS.get(one.flag, (one.flag.replace("_", " "), f"not {one.flag.replace('_', ' ')}"))
    return yes if one.value else no


def _caller(one: CallerCondition) -> str:
    what = []
    if one.prefixes:
        what.append(f"begins with {_list(one.prefixes, 'or')}")
    if one.kinds:
        names = {"number": "a number", "alphanumeric": "a name", "email": "an e-mail address"}
        names["long_name"] = "a name of more than eleven characters"
        names["long_name"] = "a name of over eleven characters"
        what.append(f"is {_list((names[k] for k in one.kinds), 'or')}")
    said = " and ".join(what)
    if one.negate:
        said = said.replace("begins", "does not begin").replace("is ", "is not ")
    return f"what the person sees as sender {said}"


def _listed(one: ListedCondition) -> str:
    said = f"the address is not on the registry {one.registry}"
    if one.binds_after_days is not None:
        said += f" (a listing binds after {_many(one.binds_after_days, 'day')})"
    return said + (", where it was asked" if one.if_asked else "")


def _fresh(one: FreshCondition) -> str:
    said = []
    if one.days is not None:
        said.append(f"the registry's answer is at most {_many(one.days, 'day')} old")
    if one.editions:
        late = f", in use {_many(one.in_force_after_days, 'day')} later" if one.in_force_after_days else ""
        said.append(f"it is of the latest edition (published on {_list(one.editions)} of each year{late})")
    if one.edition_days is not None:
        said.append(f"the list itself is at most {_many(one.edition_days, 'day')} old")
    if one.edition_months is not None:
        said.append(f"the list itself is at most {_many(one.edition_months, 'month')} old")
    words = " and ".join(said) or f"the registry {one.registry} was asked"
    return words + (", where it was asked" if one.if_asked else "")


def _opt_out(one: OptOutCondition) -> str:
    said = f"the person did not opt out of {_list((_SCOPES[s] for s in _words(OptOutScope, one.scopes)), 'or')}"
    for group in one.joined:
        said += f" (one opt-out silences {_list(_CHANNELS[c] for c in _words(Channel, group))} together)"
    if one.lifted_by_levels:
        said += ", or consented again since, with proof"
    return said


def _pause(one: PauseCondition) -> str:
    said = f"the person asked for no pause of {_list((_SCOPES[s] for s in _words(OptOutScope, one.scopes)), 'or')}"
    said += " that has not ended"
    for group in one.joined:
        said += f" (one pause silences {_list(_CHANNELS[c] for c in _words(Channel, group))} together)"
    return said + (", or consented again since, with proof" if one.lifted_by_levels else "")


def _promise(one: PromiseCondition) -> str:
    said = "fewer contacts on this channel than were promised with any consent that covers it and stands"
    if one.uncounted:
        said += f", not counting {_purposes(one.uncounted)} contacts unless the consent is for them"
    return said


def _cap(one: CapCondition) -> str:
    what = "attempt"
    if one.channels:
        what = _list((_CHANNELS[c][:-1] for c in _words(Channel, one.channels)), "or")
    if one.modes:
        what = f"{_list((_MODES[m] for m in _words(Mode, one.modes)), 'or')} {what}"
    over = f"any {_many(one.hours, 'hour')}" if one.hours is not None else _days(one.days or 1)
    said = f"at most {_many(one.attempts, what)} in {over}"
    if one.only:
        said += f", counting {_list((_EVENTS[e] for e in one.only), 'or')} only"
    if one.purposes:
        said += f", counting {_purposes(one.purposes)} only"
    if one.reached:
        said += ", leaving out calls to a line that was busy or out of service"
    if one.reached:
        said += ", not counting lines that were busy or out of service"
    return said + (f", about the same {one.same}" if one.same else "")


def _wait(one: CapCondition) -> str:
    after = _list((_EVENTS[e] for e in one.only), "or")
    how_long = _many(one.hours, "hour") if one.hours is not None else f"until {_many(one.days or 1, 'day')} have passed"
    same = f" about the same {one.same}" if one.same else ""
    return f"after {after}{same}, {'wait ' if one.hours is not None else 'no further attempt '}{how_long}"


def _days(days: int) -> str:
    return "one calendar day" if days == 1 else f"{days} calendar days, today included"


def _abandonment(one: AbandonmentCondition) -> str:
    return f"at most {one.percent} % of answered calls are abandoned, over {_many(one.window_days, 'day')} or more"


def _confirmation(one: ConfirmationCondition) -> str:
    return f"it is sent within {_many(one.minutes, 'minute')} of the opt-out, at most {_many(one.at_most, 'time')}"


def _selector(one: SelectorCondition) -> str:
    said = []
    if one.recipient:
        said.append(
            f"the person is one of {_list((_RECIPIENTS[w] for w in _words(RecipientKind, one.recipient)), 'or')}"
        )
    if one.sender:
        said.append(f"the sender is {_list((_SENDERS[w] for w in _words(SenderKind, one.sender)), 'or')}")
    if one.sector:
        said.append(f"what is sold is {_list((s.replace('_', ' ') for s in one.sector), 'or')}")
    if one.mode:
        said.append(f"the call is {_list((_MODES[w] for w in _words(Mode, one.mode)), 'or')}")
    if one.line_type:
        said.append(f"the number is a {_list((w.value for w in _words(LineType, one.line_type)), 'or')}")
    return " and ".join(said)


_SAY: Final[dict[type, Callable[[Any], str]]] = {
    ConsentCondition: _consent,
    RelationshipCondition: _relationship,
    FlagCondition: _flag,
    CallerCondition: _caller,
    ListedCondition: _listed,
    FreshCondition: _fresh,
    OptOutCondition: _opt_out,
    CapCondition: _cap,
    PauseCondition: _pause,
    PromiseCondition: _promise,
    AbandonmentCondition: _abandonment,
    ConfirmationCondition: _confirmation,
    SelectorCondition: _selector,
}


def _purposes(bits: int) -> str:
    return _list((_PURPOSES.get(word, word.value) for word in _words(Purpose, bits)), "or")


def _words(words: type[Any], bits: int) -> list[Any]:
    return [word for word in words if bits & word.bit]


def _windows(windows: Sequence[tuple[int, int]]) -> str:
    return " and ".join(f"{clock(a)}-{clock(b)}" for a, b in windows) or "closed"


def _clock(name: str) -> str:
    return "the clock where the person is" if name == "local" else f"the clock UTC{name}"


def _list(items: Iterable[str], last: str = "and") -> str:
    known = list(items)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} {last} {known[-1]}" if known else ""


def _many(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else f"`{value}`"


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."


assert set(_CHANNELS) == set(Channel)
assert set(_MODES) == set(Mode)
assert all(isinstance(word, Word) for word in _LEVELS)
