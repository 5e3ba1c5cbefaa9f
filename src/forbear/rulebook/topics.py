"""What the rulebook says of each jurisdiction by topic: complete, partial or none, by what source, read when.

A rule's topics follow from what it checks. Where a topic has rules, its state is that of the law
read there; where it has none, or the rules are not the whole story, an entry of `coverage.toml` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from forbear.core.words import Channel, Mode, Purpose
from forbear.rulebook.model import (
    AbandonmentCondition,
    CallerCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    Coverage,
    FlagCondition,
    OptOutCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
)
from forbear.rulebook.plain import RANK

TOPICS: Final = {
    "calling_hours": "Calling hours",
    "holidays": "Sundays and holidays",
    "registries": "Do-not-call lists",
    "consent": "Consent",
    "relationships": "Existing customers",
    "caps": "Caps and waits",
    "bans": "Bans",
    "identification": "Who calls or writes",
    "caller_id": "Caller id and sender id",
    "opt_out": "Opting out",
    "recorded": "Recorded and dialled calls",
    "ai_voice": "AI voice",
    "email": "E-mail content",
    "debt": "Debt collection",
    "retention": "Retention",
    "registration": "Registration of sellers",
}
STATUSES: Final = ("complete", "partial", "none")
_OWED: Final = {
    **dict.fromkeys(("identify_caller", "identify_sender", "callback_number", "state_purpose"), "identification"),
    **dict.fromkeys(
        ("state_goods", "company_details", "reference_number", "source_of_data_on_request"), "identification"
    ),
    **dict.fromkeys(("provider_details", "postal_address", "sexually_explicit_label"), "email"),
    **dict.fromkeys(("opt_out_text", "unsubscribe_header", "play_opt_out_prompt", "end_call_when_asked"), "opt_out"),
    **dict.fromkeys(("offer_do_not_call", "inform_right_to_object"), "opt_out"),
    **dict.fromkeys(("show_caller_id", "show_own_number", "show_principals_number"), "caller_id"),
    "disclose_ai": "ai_voice",
    "ask_before_message": "recorded",
}
_FLAGS: Final = {
    "identifies_sender": "identification",
    "postal_address": "email",
    "subject_accurate": "email",
    "header_accurate": "email",
    "identified_as_ad": "email",
    "ai_disclosed": "ai_voice",
    **dict.fromkeys(("opt_out_offered", "opt_out_reply", "opt_out_url", "opt_out_key_press"), "opt_out"),
    "opt_out_requires_login": "opt_out",
    "suppressed": "opt_out",
    "sender_id_registered": "caller_id",
    "carrier_block": "opt_out",
    "live_agent_guaranteed": "recorded",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One topic in one jurisdiction. `inherited`: the country's law is all there is."""

    place: str
    topic: str
    status: str  # complete, partial, none
    confidence: str | None
    source: str
    seen: int | None  # day
    note: str
    rules: tuple[str, ...]
    inherited: bool = False


def laws(book: Rulebook) -> Rulebook:
    """The rulebook as a person reads it: without the shipped texts that stand unseen behind an operator's own."""
    return replace(book, rules=tuple(rule for rule in book.rules if not rule.twin_of))


def topics_of(rule: Rule) -> tuple[str, ...]:
    """The topics a rule belongs to, in the order of `TOPICS`."""
    found = {
        "within_hours": {"calling_hours"},
        "not_listed": {"registries"},
        "forbidden": {"bans"},
        "max_attempts": {"caps"},
        "wait_after": {"caps"},
        "wait_until": {"opt_out"},
        "keeps_promise": {"caps"},
        "retains": {"retention"},
        "honours": {"opt_out"},
        "reaches": {"opt_out"},
    }.get(rule.check, set())
    found = set(found)
    for value in rule.values:
        if value.closed_on or (value.hours and any(not day for day in value.hours)):
            found.add("holidays")
        found.update(_OWED.get(word, "identification") for word in value.obligations)
        for alternative in value.any_of:
            for condition in alternative:
                found.update(_of_condition(condition, rule))
        if any(isinstance(one, RelationshipCondition) for alternative in value.unless for one in alternative):
            found.add("relationships")
    selection = rule.applies
    if selection.purpose == Purpose.DEBT_COLLECTION.bit:
        found.add("debt")
    if selection.channel == Channel.EMAIL.bit and rule.check in ("requires", "owes"):
        found.add("email")
    if selection.mode and not selection.mode & Mode.LIVE.bit:
        if selection.mode != Mode.AI_VOICE.bit:
            found.add("recorded")
        if selection.mode & Mode.AI_VOICE.bit:
            found.add("ai_voice")
    return tuple(topic for topic in TOPICS if topic in found)


def _of_condition(condition: Condition, rule: Rule) -> Iterable[str]:
    if isinstance(condition, ConsentCondition):
        yield "consent"
    elif isinstance(condition, RelationshipCondition):
        yield "relationships"
    elif isinstance(condition, CallerCondition):
        yield "caller_id"
    elif isinstance(condition, OptOutCondition | ConfirmationCondition):
        yield "opt_out"
    elif isinstance(condition, AbandonmentCondition):
        yield "recorded"
    elif isinstance(condition, FlagCondition) and condition.flag in _FLAGS:
        yield _FLAGS[condition.flag]


def lowest(confidences: Iterable[str]) -> str | None:
    """The confidence that says least of the law; None of none."""
    return max(confidences, key=lambda word: RANK.get(word, 2), default=None)


def places_of(book: Rulebook) -> tuple[str, ...]:
    """Every jurisdiction that a rule, a reading or a topic names: countries by code, each before its regions."""
    found = {place for rule in book.rules for place in rule.applies.places}
    found |= {place for entry in book.coverage for place in entry.places}
    found |= {place for entry in book.topics for place in entry.places}
    found |= {place[:2] for place in found}
    return tuple(sorted(found))


def cell(book: Rulebook, place: str, topic: str) -> Cell:
    """What is known of one topic in one jurisdiction."""
    return _cells(book).get((place, topic)) or Cell(place, topic, "none", None, "", None, "", ())


def read_of(book: Rulebook, place: str) -> list[int]:
    """The numbers of the readings that reach a jurisdiction, its country's included."""
    return [n for n, entry in enumerate(book.coverage) if place in entry.places or place[:2] in entry.places]


_known: dict[str, dict[tuple[str, str], Cell]] = {}


def _cells(book: Rulebook) -> dict[tuple[str, str], Cell]:
    found = _known.get(book.digest)
    if found is None:
        by_topic: dict[str, list[Rule]] = {topic: [] for topic in TOPICS}
        for rule in book.rules:
            for topic in topics_of(rule):
                by_topic[topic].append(rule)
        found = {(p, topic): _cell(book, p, topic, rules) for p in places_of(book) for topic, rules in by_topic.items()}
        if len(_known) > 4:
            _known.clear()
        _known[book.digest] = found
    return found


def _cell(book: Rulebook, place: str, topic: str, rules: list[Rule]) -> Cell:
    own = [rule for rule in rules if place in rule.applies.places]
    stated = [entry for entry in book.topics if place in entry.places and entry.topic == topic]
    if not own and not stated and "-" in place:
        above = _cell(book, place[:2], topic, rules)
        return Cell(place, topic, above.status, above.confidence, above.source, above.seen, above.note, (), True)
    confidence = lowest(rule.confidence for rule in own)
    cites = [cite for rule in own for cite in rule.cites]
    source = "; ".join(dict.fromkeys(cite.title for cite in cites))
    seen = min((cite.seen for cite in cites), default=None)
    notes = []
    if stated:
        status = max((entry.status for entry in stated), key=STATUSES.index)
        confidence = lowest(filter(None, [confidence, *(entry.confidence for entry in stated)]))
        source = "; ".join(dict.fromkeys(filter(None, [source, *(entry.source for entry in stated)])))
        seen = min(day for day in [seen, *(entry.seen for entry in stated)] if day is not None)
        notes = [entry.note for entry in stated if entry.note]
    elif own:
        readings = [book.coverage[n] for n in read_of(book, place)]
        statuses = {one.status for one in readings if any(_read_for(rule, one) for rule in own)}
        status = "complete" if statuses == {"complete"} else "partial"
    else:
        status = "none"
    return Cell(place, topic, status, confidence, source, seen, " ".join(notes), tuple(rule.id for rule in own))


def _read_for(rule: Rule, reading: Coverage) -> bool:
    """Whether a reading is of the law that a rule states: of what it says of marketing, where it speaks of that."""
    purposes = rule.applies.purpose or reading.purposes
    purposes = purposes & Purpose.MARKETING.bit or purposes
    return bool(reading.purposes & purposes and (not rule.applies.channel or reading.channels & rule.applies.channel))
