"""What became different between two rulebooks: rules added, taken out and changed, coverage, holidays.

A changed rule is told value by value: each line names what, what it was and what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from forbear.core.instants import date_of
from forbear.core.words import Channel, Purpose, RecipientKind
from forbear.rulebook import told
from forbear.rulebook.model import Calendar, Coverage, Rule, Rulebook, Value

_WORDING = "obligations/"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. `was` or `now` is None where there was, or is, no such thing."""

    what: str
    was: str | None
    now: str | None

    def __str__(self) -> str:
        if self.was is None:
            return f"+ {self.what}" + (f": {self.now}" if self.now != "yes" else "")
        if self.now is None:
            return f"- {self.what}" + (f": {self.was}" if self.was != "yes" else "")
        return f"{self.what}: {self.was} -> {self.now}"


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference of two rulebooks. Examples and file names do not count."""

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: Mapping[str, tuple[Change, ...]]  # by rule id
    coverage: tuple[Change, ...]
    calendars: tuple[Change, ...]
    wording: tuple[str, ...]  # files with the texts of obligations that differ

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.changed, self.coverage, self.calendars, self.wording))


def compare(old: Rulebook, new: Rulebook) -> Changes:
    """`old` to `new`, rules in the order of the new rulebook."""
    before = {rule.id: rule for rule in old.rules if not rule.twin_of}
    after = {rule.id: rule for rule in new.rules if not rule.twin_of}
    changed = {
        name: found for name, rule in after.items() if name in before and (found := tuple(of_rules(before[name], rule)))
    }
    return Changes(
        added=tuple(rule for name, rule in after.items() if name not in before),
        removed=tuple(rule for name, rule in before.items() if name not in after),
        changed=changed,
        coverage=tuple(_pairs(_coverage(old.coverage), _coverage(new.coverage))),
        calendars=tuple(_calendars(old.calendars, new.calendars)),
        wording=tuple(
            name
            for name in sorted({*old.files, *new.files})
            if name.startswith(_WORDING) and old.files.get(name) != new.files.get(name)
        ),
    )


def of_rules(old: Rule, new: Rule) -> Iterator[Change]:
    """Line by line: what surrounds the texts, then each text, told apart by its first day."""
    yield from _pairs(dict(told.of_rule(old)), dict(told.of_rule(new)))
    before, after = _texts(old.values), _texts(new.values)
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one is None or other is None:
            there = other or one
            assert there is not None
            said = (
                "; ".join(f"{what} {how}" if how != "yes" else what for what, how in told.of_value(there)) or "in force"
            )
            name = f"text {told.when(there)}"
            yield Change(name, None, said) if one is None else Change(name, said, None)
            continue
        name = f"text {told.when(other)}"
        if told.when(one) != told.when(other):
            yield Change("text in force", told.when(one), told.when(other))
        for change in _pairs(dict(told.of_value(one)), dict(told.of_value(other))):
            yield Change(f"{name}, {change.what}", change.was, change.now)


def _texts(values: Iterable[Value]) -> dict[tuple[int, bool, int], Value]:
    """Texts by their first day; several that begin on one day are numbered."""
    found: dict[tuple[int, bool, int], Value] = {}
    for value in values:
        number = 0
        while (value.from_day, value.undated, number) in found:
            number += 1
        found[value.from_day, value.undated, number] = value
    return found


def _pairs(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """What differs of things told by name. Of a list of words only those that came and went are named."""
    for name in (*new, *(name for name in old if name not in new)):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is not None and now is not None and name.startswith("applies, "):
            before, after = was.split(", "), now.split(", ")
            gone = [word for word in before if word not in after]
            come = [word for word in after if word not in before]
            if len(gone) + len(come) < len(before) + len(after):
                if gone:
                    yield Change(name, ", ".join(gone), None)
                if come:
                    yield Change(name, None, ", ".join(come))
                continue
        yield Change(name, was, now)


def _coverage(entries: Iterable[Coverage]) -> dict[str, str]:
    """What was read, by place, channels, purposes and people."""
    found: dict[str, str] = {}
    for entry in entries:
        purposes = "every purpose" if entry.purposes == sum(word.bit for word in Purpose) else None
        about = f"{told.words(Channel, entry.channels)}; {purposes or told.words(Purpose, entry.purposes)}"
        if entry.recipients:
            about += f"; {told.words(RecipientKind, entry.recipients)}"
        for place in entry.places:
            said = f"{entry.status}, confidence {entry.confidence}, read {date_of(entry.seen)}, {entry.source}"
            name = f"{place}: {about}"
            found[name] = f"{found[name]} | {said}" if name in found else said
    return found


def _calendars(old: Mapping[str, Calendar], new: Mapping[str, Calendar]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            there = other or one
            assert there is not None
            said = f"{len(there.days)} days, {date_of(there.from_day)} to {date_of(there.through_day)}"
            yield Change(name, None, said) if one is None else Change(name, said, None)
            continue
        for change in _pairs(_days(one), _days(other)):
            yield Change(f"{name}, {change.what}", change.was, change.now)


def _days(calendar: Calendar) -> dict[str, str]:
    found = {"complete": f"{date_of(calendar.from_day)} to {date_of(calendar.through_day)}"}
    for holiday in calendar.days:
        day = str(date_of(holiday.day))
        said = holiday.name + (" (substitute)" if holiday.substitute else "")
        found[day] = f"{found[day]}, {said}" if day in found else said
    return found
