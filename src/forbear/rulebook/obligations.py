"""What an allowed contact owes, in words: what the sender must do, and what to say or show, by country and language.

Verdicts carry bare words (`opt_out_text`); here stands what each asks, from `obligations/*.toml`: one
file a word, and `languages.toml` with the languages a place is addressed in. A text is looked for in the
language asked for, then in the place's own, then in English; in each the place's own wording goes before
the general one. The wording is ours, a proposal to be read by somebody who knows the trade and the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from forbear.core.errors import BadInput
from forbear.core.words import Channel, Mode, Purpose, mask
from forbear.rulebook.model import Rule
from forbear.rulebook.read import Table, parse

FOLDER: Final = "obligations/"
KINDS: Final = {
    "said": "said in the call",
    "shown": "shown to the person called",
    "header": "a header of the mail",
    "content": "part of the message",
    "reachable": "reachable afterwards",
}
TERMS: Final = {"within_seconds": min, "works_days": max}
"""Which of several terms is the strictest."""

ANY: Final = "any"  # a text that is the same in every language
PLACEHOLDERS: Final = MappingProxyType(
    {
        "address": "the postal address of the business",
        "agent": "the name of the person who speaks",
        "digit": "the key to press",
        "email": "an e-mail address that is read",
        "goods": "what is for sale",
        "phone": "a number that is answered",
        "purpose": "what the contact is about",
        "reference": "the number of the record",
        "register": "where the company is registered",
        "registration": "the number in the register",
        "seller": "the business for which the contact is made",
        "shortcode": "the number to text",
        "source": "where the person's address came from",
        "subject": "the subject of the mail",
        "url": "a page that asks for no login",
        "vat": "the tax number of the business",
    }
)
_PLACE: Final = re.compile(r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
_LANGUAGE: Final = re.compile(r"^[a-z]{2}$")
_SURE: Final = ("high", "medium", "low")

Texts = Mapping[str, tuple[str, ...]]
"""By language: the ways to say it, any one of which does."""

Term = tuple[str, str, int]
"""An obligation's word, the term's name, its number."""


@dataclass(frozen=True, slots=True)
class Local:
    """What is different in one place."""

    what: str | None
    texts: Texts


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of obligation as its file states it."""

    word: str
    title: str
    what: str
    kind: str
    terms: tuple[str, ...]  # those that mean something here
    headers: tuple[str, ...]
    texts: Texts
    places: Mapping[str, Local]


@dataclass(frozen=True, slots=True)
class Book:
    """Every obligation, the languages of each place (the first first), and how sure the wording in each language is."""

    entries: Mapping[str, Entry]
    languages: Mapping[str, tuple[str, ...]]
    sure: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Obligation:
    """One obligation as it is owed somewhere. `texts`: any one of them does; empty where nothing is said."""

    word: str
    title: str
    what: str
    kind: str
    place: str | None
    language: str | None  # of `texts`; None where they are the same in every language, or none are needed
    languages: tuple[str, ...]  # in which the place is addressed by default
    texts: tuple[str, ...]
    headers: tuple[str, ...]
    placeholders: dict[str, str]  # those of texts and headers, and what each stands for
    within_seconds: int | None  # at the latest so long after the call is answered
    works_days: int | None  # so long it must go on working
    confidence: str | None  # in the wording, not in the law


def owed(
    words: Iterable[str],
    place: str | None = None,
    language: str | None = None,
    terms: Iterable[Term] = (),
    book: Book | None = None,
) -> tuple[Obligation, ...]:
    """What each of `words` asks at `place` (`FR`, `BE-WAL`; None: not known), in the order given.

    Without `language` (`fr`) the first of the place's own. Of several `terms` the strictest counts. A word that
    the book does not know (a decision may be older than today's book) comes back with its name alone.
    """
    book = book or shipped()
    strictest: dict[tuple[str, str], int] = {}
    for word, term, number in terms:
        known = strictest.get((word, term))
        strictest[word, term] = number if known is None else TERMS[term](known, number)
    return tuple(_owed(word, place, language, strictest, book) for word in words)


def _owed(
    word: str, place: str | None, language: str | None, strictest: Mapping[tuple[str, str], int], book: Book
) -> Obligation:
    own = languages_of(place, book)
    entry = book.entries.get(word)
    if entry is None:
        title = word.replace("_", " ")
        return Obligation(word, title, "", "", place, None, own, (), (), {}, None, None, None)
    local = [entry.places[at] for at in _within(place) if at in entry.places]
    spoken, texts = _said(entry, local, dict.fromkeys((*((language,) if language else ()), *own, "en")))
    named = dict.fromkeys(name for text in (*texts, *entry.headers) for name in _names(text))
    return Obligation(
        word,
        entry.title,
        next((one.what for one in local if one.what is not None), entry.what),
        entry.kind,
        place,
        spoken,
        own,
        texts,
        entry.headers,
        {name: PLACEHOLDERS[name] for name in named},
        strictest.get((word, "within_seconds")) if "within_seconds" in entry.terms else None,
        strictest.get((word, "works_days")) if "works_days" in entry.terms else None,
        book.sure[spoken] if spoken else None,
    )


def _said(entry: Entry, local: list[Local], languages: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    wordings = [*(one.texts for one in local), entry.texts]
    for language in languages:
        for texts in wordings:
            if language in texts:
                return language, texts[language]
    return None, next((texts[ANY] for texts in wordings if ANY in texts), ())


def languages_of(place: str | None, book: Book | None = None) -> tuple[str, ...]:
    """The languages of a region, else of its country; none where the book does not know it."""
    known = (book or shipped()).languages
    return next((known[at] for at in _within(place) if at in known), ())


def place_of(regions: Iterable[str]) -> str | None:
    """The one place that candidate regions agree on: a region, else their country, else None."""
    found = set(regions)
    if len(found) == 1:
        return found.pop()
    countries = {region[:2] for region in found}
    return countries.pop() if len(countries) == 1 else None


def terms_of(
    rules: Iterable[Rule],
    regions: Iterable[str] = (),
    channel: Channel | None = None,
    mode: Mode | None = None,
    purposes: Iterable[Purpose] = (),
    day: int | None = None,
) -> Iterator[Term]:
    """The terms that the rules may set for such a contact; what is not stated leaves a rule in, so they are strict."""
    places = {at for region in regions for at in _within(region)}
    about = mask(purposes)
    for rule in rules:
        applies = rule.applies
        if (
            rule.shadow
            or (places and applies.places and places.isdisjoint(applies.places))
            or (channel is not None and applies.channel and not applies.channel & channel.bit)
            or (mode is not None and applies.mode and not applies.mode & mode.bit)
            or (about and applies.purpose and not applies.purpose & about)
        ):
            continue
        for value in rule.values:
            if day is None or value.undated or value.from_day <= day <= value.to_day:
                for word in value.obligations:
                    for term, number in value.terms:
                        yield word, term, number


def asking(rules: Iterable[Rule], word: str, place: str | None = None) -> list[Rule]:
    """The rules that ask `word` of some contact, at `place` if given; those that are in shadow ask nothing."""
    there = set(_within(place))
    return [
        rule
        for rule in rules
        if not rule.shadow
        and (not there or not rule.applies.places or not there.isdisjoint(rule.applies.places))
        and any(word in value.obligations for value in rule.values)
    ]


def load(files: Mapping[str, bytes]) -> Book:
    """`files`: bytes by name relative to the rulebook; only `obligations/*.toml` are read. Raises `BadInput`."""
    names = [name for name in sorted(files) if name.startswith(FOLDER) and name.endswith(".toml")]
    listing = f"{FOLDER}languages.toml"
    if listing not in names:
        raise BadInput("is missing", file=listing, todo="say which languages the places are addressed in")
    languages, sure = _languages(listing, files[listing])
    entries = [_entry(name, files[name], sure) for name in names if name != listing]
    return Book({entry.word: entry for entry in entries}, languages, sure)


@cache
def shipped() -> Book:
    """The obligations that come with the package."""
    folder = resources.files("forbear.rulebook").joinpath(FOLDER.rstrip("/"))
    return load({FOLDER + item.name: item.read_bytes() for item in folder.iterdir()})


def _languages(name: str, content: bytes) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    document, lines = parse(name, content)
    top = Table(document, file=name, lines=lines)
    stated = top.table("sure")
    sure = {language: degree for degree in _SURE for language in stated.texts(degree)}
    stated.done()
    if "en" not in sure:
        top.fail("English is missing", "sure", todo="every text falls back to it")
    table = top.table("places")
    places: dict[str, tuple[str, ...]] = {}
    for place in list(document.get("places", ())):
        if not _PLACE.match(place):
            table.fail(f"`{place}` is no place", place, todo="write it as FR or BE-WAL")
        places[place] = table.texts(place)
        for language in places[place]:
            if language not in sure:
                table.fail(f"`{language}` is none of {', '.join(sure)}", place)
    top.done()
    return places, sure


def _entry(name: str, content: bytes, sure: Mapping[str, str]) -> Entry:
    document, lines = parse(name, content)
    top = Table(document, file=name, lines=lines)
    word = top.text("word")
    if name != f"{FOLDER}{word}.toml":
        top.fail(f"`{word}` stands in a file of another name", "word", todo=f"call the file {word}.toml")
    title, what, kind = top.text("title"), top.text("what"), top.text("kind", one_of=tuple(KINDS))
    terms, headers = top.texts("terms"), top.texts("headers")
    for term in terms:
        if term not in TERMS:
            top.fail(f"`{term}` is none of {', '.join(TERMS)}", "terms")
    _check(top, "headers", headers)
    wording = top.table("text")
    texts = _texts(wording, sure)
    if texts and not texts.keys() & {"en", ANY}:
        wording.fail("no text in English", todo="every text falls back to it")
    by_place: dict[str, Any] = top.any("place") or {}
    places: dict[str, Local] = {}
    for place, stated in by_place.items():
        table = Table(stated, file=name, lines=lines, name=f"place.{place}")
        if not _PLACE.match(place):
            table.fail(f"`{place}` is no place", todo="write it as FR or BE-WAL")
        said = Table(table.any("text") or {}, file=name, lines=lines, name=f"place.{place}.text")
        places[place] = Local(table.text("what", required=False) or None, _texts(said, sure))
        table.done()
    top.done()
    return Entry(word, title, what, kind, terms, headers, texts, places)


def _texts(table: Table, sure: Mapping[str, str]) -> Texts:
    texts: dict[str, tuple[str, ...]] = {}
    for language in (*sure, ANY):
        if table.has(language):
            texts[language] = table.texts(language)
            _check(table, language, texts[language])
    for language in table.left():
        what = "has no place in languages.toml" if _LANGUAGE.match(language) else "is no language"
        table.fail(f"`{language}` {what}", language, todo="write it as fr, and say there how sure its wording is")
    return texts


def _check(table: Table, key: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        try:
            names = list(_names(text))
        except ValueError as error:
            table.fail(f"“{text}” cannot be filled in: {error}", key, todo="write a placeholder as {seller}")
        for name in names:
            if name not in PLACEHOLDERS:
                table.fail(f"`{{{name}}}` is none of {', '.join(PLACEHOLDERS)}", key)


def _names(text: str) -> Iterator[str]:
    for _, name, form, conversion in Formatter().parse(text):
        if name is not None:
            if form or conversion:
                raise ValueError(f"`{name}` has a form")
            yield name


def _within(place: str | None) -> tuple[str, ...]:
    """A region and its country, the nearer first."""
    if place is None:
        return ()
    return (place,) if len(place) == 2 else (place, place[:2])
