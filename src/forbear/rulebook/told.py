"""A rule's values in words: hours of the week, dates, places, conditions, each a short line that can be compared.

Fields are found by introspection, so what a value learns to say later is told too, by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Final

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
    Way,
    Word,
)
from forbear.rulebook.model import ALWAYS, NEVER, AnyOf, Hours, Override, RelationshipCondition, Rule, Selection, Value

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WORDS: Final[dict[str, type[Word]]] = {  # what the bits of a mask stand for, by the field's name
    "channel": Channel,
    "channels": Channel,
    "mode": Mode,
    "modes": Mode,
    "purpose": Purpose,
    "purposes": Purpose,
    "recipient": RecipientKind,
    "recipients": RecipientKind,
    "sender": SenderKind,
    "line_type": LineType,
    "levels": ConsentLevel,
    "lifted_by_levels": ConsentLevel,
    "covers": ConsentCover,
    "scopes": OptOutScope,
    "ways": Way,
    "uncounted": Purpose,
}
_DATES: Final = ("given_from", "seen")


def when(value: Value) -> str:
    """The days a text is in force."""
    if value.undated:
        return "from a day not known"
    if value.from_day == ALWAYS:
        return "every day" if value.to_day == NEVER else f"until {date_of(value.to_day)}"
    since = f"from {date_of(value.from_day)}"
    return since if value.to_day == NEVER else f"{since} to {date_of(value.to_day)}"


def of_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    """(what, in words) of all that a rule says beside its texts: what it checks, where it applies, who says so."""
    yield "title", rule.title
    yield "check", f"{rule.check}, else {rule.on_fail.name}"
    yield "state", "shadow" if rule.shadow else "enforced"
    for name, said in of_selection(rule.applies):
        yield f"applies, {name}", said
    for number, exempt in enumerate(rule.exempt, 1):
        yield f"exempt {number}", "; ".join(f"{name} {said}" for name, said in of_selection(exempt))
    if rule.override is not None:
        yield "override", of_override(rule.override)
    yield "confidence", rule.confidence
    if rule.note:
        yield "note", rule.note
    for cite in rule.cites:
        yield f"source {cite.title}", f"read {date_of(cite.seen)}{f', {cite.url}' if cite.url else ''}"


def of_override(override: Override) -> str:
    """One line: what it does to which rule, who says so, since when, until when, why."""
    verb = {"off": "turns off", "state": "changes the state of", "value": "replaces the text of"}[override.what]
    said = f"{verb} {override.rule}: {'looser' if override.loosens else 'stricter'}"
    if override.by:
        said += f"; by {override.by}"
    if override.on_day is not None:
        said += f" on {date_of(override.on_day)}"
    if override.from_day not in (ALWAYS, override.on_day):
        said += f"; from {date_of(override.from_day)}"
    if override.to_day != NEVER:
        said += f"; to {date_of(override.to_day)}"
    return said + (f"; {override.reason}" if override.reason else "")


def of_selection(selection: Selection) -> Iterator[tuple[str, str]]:
    for part in fields(selection):
        value = getattr(selection, part.name)
        if value != part.default:
            yield part.name.replace("_", " "), _told(part, value, selection)


def of_value(value: Value) -> Iterator[tuple[str, str]]:
    """(what, in words) of one text, its days apart. Alternatives are lines of their own, numbered."""
    for part in fields(value):
        if part.name in ("from_day", "to_day", "undated"):
            continue
        found = getattr(value, part.name)
        if part.default is not MISSING and found == part.default:
            continue
        if part.name in ("unless", "any_of"):
            for said in alternatives(found):
                yield f"{'unless' if part.name == 'unless' else 'requires'}: {said}", "yes"
        elif part.name == "hours":
            yield "hours", hours(found)
        elif is_dataclass(found) and not isinstance(found, type):
            for inner in fields(found):
                one = getattr(found, inner.name)
                if one != inner.default:
                    name = (
                        inner.name
                        if part.name in ("cap", "retention", "deadline", "extent")
                        else f"{part.name} {inner.name}"
                    )
                    yield name.replace("_", " "), _told(inner, one, found)
        elif found != ():
            yield part.name.replace("_", " "), _told(part, found, value)


def alternatives(any_of: AnyOf) -> list[str]:
    """Each alternative of an exception or a demand as a line."""
    return [" and ".join(condition(one) for one in alternative) for alternative in any_of]


def condition(one: Any) -> str:
    """`consent (levels express_written; covers automated; lapses months 18)`."""
    kind = type(one).__name__.removesuffix("Condition")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).strip("_").replace("_", " ")
    said = [
        f"{part.name.replace('_', ' ')} {_told(part, getattr(one, part.name), one)}"
        for part in fields(one)
        if getattr(one, part.name) != part.default
    ]
    return f"{name} ({'; '.join(said)})" if said else name


def hours(week: Hours) -> str:
    """`Mon-Fri 08:00-20:00, Sat 10:00-17:00, Sun closed`."""
    told: list[str] = []
    first = 0
    for day in range(1, 8):
        if day < 7 and week[day] == week[first]:
            continue
        name = (
            "every day" if (first, day) == (0, 7) else _DAYS[first] + (f"-{_DAYS[day - 1]}" if day - first > 1 else "")
        )
        told.append(f"{name} {windows(week[first]) or 'closed'}")
        first = day
    return ", ".join(told)


def windows(spans: tuple[tuple[int, int], ...]) -> str:
    return " and ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans)


def words(kind: type[Word], bits: int) -> str:
    return ", ".join(word.value for word in kind if bits & word.bit)


def _told(part: Field[Any], value: Any, owner: Any) -> str:
    if part.name == "kinds" and isinstance(owner, RelationshipCondition):
        return words(RelationshipKind, value)
    if part.name == "joined":
        return " and ".join(f"[{words(Channel, group)}]" for group in value)
    if part.name in _WORDS and isinstance(value, int):
        return words(_WORDS[part.name], value)
    if part.name in _DATES and isinstance(value, int):
        return str(date_of(value))
    if part.name == "eves":
        return windows(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(" ".join(str(inner) for inner in one) if isinstance(one, tuple) else str(one) for one in value)
    return "none" if value is None else str(value)
