"""The page `docs/coverage.md`: every jurisdiction by topic, then what was read of each, written from the rulebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from forbear.core.instants import date_of
from forbear.core.jurisdictions import name_of
from forbear.core.words import Channel, Purpose, RecipientKind
from forbear.rulebook.model import Coverage, Rulebook
from forbear.rulebook.plain import CONFIDENCE
from forbear.rulebook.topics import TOPICS, cell, places_of, read_of

_CITED: Final = 3  # sources of one topic that the page names; the rules name all
_HEAD: Final = """\
# What of the law the rulebook covers

Written by `forbear rulebook coverage --write docs/coverage.md`; do not edit it by hand.

A place, channel and purpose that nobody read the law for lets nobody through. *complete*: what binds such a contact
was read and is written as rules. *partial*: rules are written, and something is known to be missing or was not read.
*none*: nothing is written, because there is no such law, or because it was not researched: the notes say which where
it is known. *as US*: the country's law is all that is written. Every rule with all its sources stands in `/rulebook`
of a running server and in `forbear rulebook show`. Forbear supports compliance; it does not certify it.
"""


def page(book: Rulebook) -> str:
    """The whole page as Markdown."""
    known = places_of(book)
    lines = [_HEAD, f"{len(book.rules)} rules, {len(book.calendars)} holiday calendars.", "", "## Confidence", ""]
    lines += [f"- **{word}**: {meaning}." for word, meaning in CONFIDENCE.items()]
    for number, topics in enumerate(_halves(list(TOPICS)), 1):
        lines += ["", f"## By jurisdiction and topic ({number} of 2)", ""]
        lines += ["| | " + " | ".join(TOPICS[topic] for topic in topics) + " |", "|---" * (len(topics) + 1) + "|"]
        for place in known:
            row = [_mark(book, place, topic) for topic in topics]
            lines.append(f"| {_named(place)} | " + " | ".join(row) + " |")
    lines += ["", "Every other country and region: none.", "", "## Sources, jurisdiction by jurisdiction"]
    for place in known:
        lines += ["", f"### {_named(place)}", ""]
        lines += _topics(book, place)
        own = [book.coverage[n] for n in read_of(book, place) if place in book.coverage[n].places]
        lines += [_reading(entry) for entry in own]
        if not own and "-" in place:
            lines.append(f"- Read with {name_of(place[:2])} as a whole.")
        elif not own:
            lines.append("- Only regions of it were read.")
    return "\n".join(lines) + "\n"


def scope(entry: Coverage) -> tuple[str, str]:
    """The channels and purposes (and recipients) of a reading in words."""
    channels = _of(Channel, entry.channels)
    purposes = _of(Purpose, entry.purposes)
    if entry.recipients:
        purposes += f" to {_of(RecipientKind, entry.recipients)}"
    return channels, purposes


def _of(words: type[Channel] | type[Purpose] | type[RecipientKind], bits: int) -> str:
    found = [word for word in words if bits & word.bit]
    if len(found) == len(words):
        return "all"
    if len(found) > len(words) - 3 and len(words) > 5:
        missing = ", ".join(_plain(word) for word in words if word not in found)
        return f"all but {missing}"
    return ", ".join(_plain(word) for word in found)


def _plain(word: str) -> str:
    return str(word).replace("_", " ")


def _mark(book: Rulebook, place: str, topic: str) -> str:
    one = cell(book, place, topic)
    if one.inherited:
        return f"as {place[:2]}"
    if one.status == "none":
        return "none"
    return f"{one.status}, {one.confidence}" if one.confidence not in (None, "high") else one.status


def _topics(book: Rulebook, place: str) -> Iterable[str]:
    for topic, title in TOPICS.items():
        one = cell(book, place, topic)
        if one.inherited or (one.status == "none" and not one.note):
            continue
        read = f", read {date_of(one.seen)}" if one.seen is not None else ""
        cited = one.source.split("; ")
        more = f" and {len(cited) - _CITED} more" if len(cited) > _CITED else ""
        source = f": {'; '.join(cited[:_CITED])}{more}" if one.source else ""
        note = f" {one.note}" if one.note else ""
        yield f"- **{title}**, {one.status}, {one.confidence}{read}{source}.{note}"


def _reading(entry: Coverage) -> str:
    channels, purposes = scope(entry)
    note = f" {entry.note}" if entry.note else ""
    return (
        f"- *Read for {channels}; {purposes}*: {entry.status}, {entry.confidence}, {date_of(entry.seen)}."
        f" {entry.source}.{note}"
    )


def _named(place: str) -> str:
    return place if name_of(place) == place else f"{name_of(place)} ({place})"


def _halves(topics: list[str]) -> tuple[list[str], list[str]]:
    middle = (len(topics) + 1) // 2
    return topics[:middle], topics[middle:]
