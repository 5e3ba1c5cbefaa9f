"""What does somebody mean who writes back: stop, perhaps stop, help, start, or something else?

Words and phrases stand in `vocabulary/*.toml`, one file a language, and are brought into the same form as the
message: NFKD, accents dropped, casefolded, punctuation and emoji gone, spaces collapsed, look-alike letters of
other alphabets read as what they look like.

- A word of the first kind (`always`) is a stop as the whole message or as its first word ("Stop. Thank you").
- A word of the second kind (`alone`) is a stop as the whole message; in a sentence it is unclear ("cancel my
  appointment"), unless it is also among the `everyday` words, which say nothing in a sentence ("aus Berlin").
- `phrases` are a stop anywhere ("please stop texting me"). So is a word for ending beside one for messages.
- What is left with such a word in it is unclear: "STOP 12345", "we have got to STOP this bill".
- The universal words and those of the person's own languages count. A word of the first kind in another
  language is unclear as a whole message. "Yes" and "no" mean nothing, and "yes" never lifts anything.

Unclear costs little: marketing rests until a person has read the message. So where this cannot tell, it says so.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from forbear.core.words import Channel, OptOutScope

LANGUAGES: Final = (
    *("en", "fr", "de", "es", "it", "pt", "nl", "sv", "da", "fi", "pl", "cs"),
    *("sk", "hu", "ro", "bg", "el", "hr", "sl", "et", "lv", "lt", "mt", "ga"),
)
_UNIVERSAL: Final = "universal"
_LONGEST: Final = 2_000  # characters that are looked at: an opt-out stands at the beginning
_FEW: Final = 6  # words after a first word of the first kind that still are one thought


class TakenFor(StrEnum):
    """What a message was taken for."""

    STOP = "stop"
    UNCLEAR = "unclear"  # marketing rests until a person has read it
    HELP = "help"
    START = "start"
    AUTO_REPLY = "auto_reply"
    NOTHING = "nothing"
    COMPLAINT = "complaint"  # a mailbox provider reports that the person called a message spam
    BOUNCE = "bounce"  # a mail server reports what became of a message


@dataclass(frozen=True, slots=True)
class Meaning:
    """`matched`: the words that decided, as normalised. `covers`: how far it says it reaches; None: it does not."""

    taken_for: TakenFor
    why: str
    matched: str = ""
    language: str | None = None
    covers: OptOutScope | None = None


def classify(text: str, channel: Channel = Channel.SMS, languages: Sequence[str] = ()) -> Meaning:
    """`languages`: those of the person, the first first; none known: every language counts, and `alone` words are
    unclear but for the universal ones. Of an e-mail, the part that is not quoted."""
    known = tuple(dict.fromkeys(language for language in languages if language in LANGUAGES))
    said = _unquoted(text[:_LONGEST], channel)
    found = _read(normal(said), known)
    if found.taken_for is TakenFor.NOTHING:
        seen = _look_alike(said)
        if seen is not None:
            again = _read(normal(seen), known)
            if again.taken_for is not TakenFor.NOTHING:
                return again
        if not normal(said) and any(sign in text for sign in _SIGNS):
            return Meaning(TakenFor.UNCLEAR, "a sign that forbids, and no word")
    return found


def is_word(text: str) -> bool:
    """Whether it is a word for stopping of the first kind and nothing more, in any language."""
    said = normal(text)
    return any(said in _of(language).always for language in (_UNIVERSAL, *LANGUAGES))


def normal(text: str) -> str:
    """The form in which messages and words are compared: words with single spaces between."""
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    text = text.casefold().translate(_LETTERS)
    text = _APOSTROPHE.sub(_joined, text)
    text = _NO_WORD.sub(" ", text).strip()
    return _LONG_RUN.sub(r"\1", text)


_SIGNS: Final = "🛑⛔🚫✋🖕"
_LETTERS: Final = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ς": "σ"})
_APOSTROPHE: Final = re.compile(r"(\w+)['’`´ʼ](\w+)")
_NO_WORD: Final = re.compile(r"[\W_]+")
_LONG_RUN: Final = re.compile(r"([^\W\d])\1{2,}")  # "stoooop"
_SPELT: Final = re.compile(r"(?:\w ){2,}\w")  # "s t o p"
_CODE: Final = re.compile(r"(?=.*\d)\w+")


def _joined(found: re.Match[str]) -> str:
    """`don't` is one word, `l'abonnement` two."""
    before, after = found[1], found[2]
    return before + ("" if len(before) > 1 and len(after) <= 2 else " ") + after


# Latin letters that Cyrillic and Greek ones look like, and digits in their place.
_LIKE: Final = str.maketrans(
    "АВЕКМНОРСТУХЅІЈаеорсухѕіјкмтпΑΒΕΖΗΙΚΜΝΟΡΤΥΧορτυχ0",
    "ABEKMHOPCTYXSIJaeopcyxsijkmtnABEZHIKMNOPTYXoptyxo",
)


def _look_alike(text: str) -> str | None:
    """The text as it looks in Latin letters; None where nothing in it looks like something else."""
    seen = unicodedata.normalize("NFKC", text).translate(_LIKE)
    return seen if seen != text and any(c.isascii() and c.isalpha() for c in seen) else None


_QUOTED: Final = re.compile(r"[“„«\"]([^“”„«»\"]{12,})[”“»\"]")


def _unquoted(text: str, channel: Channel) -> str:
    """Without what the person quotes: a reaction repeats our own message ("Liked “Reply STOP to …”")."""
    if channel is Channel.EMAIL:
        return text
    left = _QUOTED.sub(" ", text)
    return left if normal(left) else text


# --- reading


def _read(said: str, languages: tuple[str, ...]) -> Meaning:
    if _SPELT.fullmatch(said):
        said = said.replace(" ", "")
    words = said.split()
    if not words:
        return Meaning(TakenFor.NOTHING, "no words")
    if len(set(words)) == 1:
        said, words = words[0], words[:1]  # "stop stop stop"
    ears = [_universal(), *(_of(language) for language in languages or LANGUAGES)]
    whole = _whole(said, ears, bool(languages))
    if whole is not None:
        return whole
    left = said
    for one in ears:
        left = one.harmless.sub(" ", f" {left} ").strip()
    for one in ears:
        if found := one.phrases.search(f" {left} "):
            return _sentence(found[0].strip(), one, left, ears)
    for one in ears:
        if found := one.ending.search(f" {left} "):
            return _sentence(found[0].strip(), one, left, ears)
    first = _first(left, ears)
    if first is not None:
        return first
    for one in ears:
        if one.help.fullmatch(said):
            return Meaning(TakenFor.HELP, "the person asks who writes", said, one.name)
        if one.start.fullmatch(said):
            return Meaning(TakenFor.START, "the person asks to receive messages", said, one.name)
    for one in ears:
        if found := one.doubtful.search(f" {left} "):
            return Meaning(TakenFor.UNCLEAR, "a word for stopping in a sentence", found[0].strip(), one.name)
    if not languages:
        return Meaning(TakenFor.NOTHING, "no word for stopping")
    for language in LANGUAGES:
        if language not in languages and said in _of(language).always:
            return Meaning(TakenFor.UNCLEAR, "a word for stopping in another language", said, language)
    return Meaning(TakenFor.NOTHING, "no word for stopping")


def _whole(said: str, ears: Sequence[_Ear], known: bool) -> Meaning | None:
    for one in ears:
        if said in one.always:
            return _stop("a word for stopping", said, one, said)
    for one in ears:
        if said in one.alone:
            if known or one.name == _UNIVERSAL:
                return _stop("a word for stopping, alone", said, one, said)
            return Meaning(TakenFor.UNCLEAR, "a word that in one language asks to stop", said, one.name)
    return None


def _first(said: str, ears: Sequence[_Ear]) -> Meaning | None:
    """A message that begins with a word of the first kind."""
    for one in ears:
        found = one.first.match(f"{said} ")
        if not found:
            continue
        rest = said[found.end() :].split()
        if not rest:
            return _stop("a word for stopping", found[0].strip(), one, said)
        if all(_CODE.fullmatch(word) for word in rest):
            return Meaning(TakenFor.UNCLEAR, "a word for stopping before a number", found[0].strip(), one.name)
        after = f" {' '.join(rest)} "
        if any(ear.but.search(after) for ear in ears):
            return Meaning(TakenFor.UNCLEAR, "a word for stopping, and an exception", found[0].strip(), one.name)
        if any(ear.other.search(after) for ear in ears):
            return Meaning(TakenFor.UNCLEAR, "a word for stopping, of something else", found[0].strip(), one.name)
        about = any(ear.messages.search(after) for ear in ears)
        if about or len(rest) <= _FEW:
            return _stop("begins with a word for stopping", found[0].strip(), one, said)
    return None


def _sentence(matched: str, ear: _Ear, said: str, ears: Sequence[_Ear]) -> Meaning:
    """A stop, unless something else seems to be meant, or a time of day ("don't call before 9")."""
    if any(one.other.search(f" {said} ") for one in ears):
        return Meaning(TakenFor.UNCLEAR, "a sentence that asks to stop something, or for a time", matched, ear.name)
    return _stop("a sentence that asks to stop", matched, ear, said)


def _stop(why: str, matched: str, ear: _Ear, said: str) -> Meaning:
    universal = _universal()
    covers = None
    if universal.everything.search(f" {said} "):
        covers = OptOutScope.ALL
    elif universal.marketing_only.search(f" {said} "):
        covers = OptOutScope.MARKETING
    return Meaning(TakenFor.STOP, why, matched, ear.name, covers)


# --- vocabulary


@dataclass(frozen=True, slots=True)
class _Ear:
    """A language's words, ready to be looked for. Patterns are matched against text with a space on either side."""

    name: str
    always: frozenset[str]
    alone: frozenset[str]
    first: re.Pattern[str]
    phrases: re.Pattern[str]
    ending: re.Pattern[str]  # a word for ending beside one for messages
    messages: re.Pattern[str]
    harmless: re.Pattern[str]
    doubtful: re.Pattern[str]
    but: re.Pattern[str]
    other: re.Pattern[str]  # another thing that is to stop, a time
    help: re.Pattern[str]
    start: re.Pattern[str]
    everything: re.Pattern[str]
    marketing_only: re.Pattern[str]


def _universal() -> _Ear:
    return _of(_UNIVERSAL)


@cache
def _of(language: str) -> _Ear:
    source = resources.files("forbear.core.vocabulary").joinpath(f"{language}.toml")
    said: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
    unknown = said.keys() - _KEYS
    assert not unknown, f"{language}.toml: {sorted(unknown)} is none of {', '.join(sorted(_KEYS))}"

    def of(key: str) -> list[str]:
        return list(said.get(key, ()))

    always = frozenset(normal(word) for word in of("always"))
    alone = frozenset(normal(word) for word in of("alone"))
    everyday = frozenset(normal(word) for word in of("everyday"))
    end, after, messages = _any(of("end")), _any(of("end_after")), _any(of("messages"))
    beside = [f"{end} (?:\\w+ ){{0,4}}{messages}"] if end and messages else []
    beside += [f"{messages} (?:\\w+ ){{0,3}}{after}"] if after and messages else []
    return _Ear(
        name=language,
        always=always,
        alone=alone,
        first=re.compile(rf"(?:{_longest(always)}) ") if always else _NEVER,
        phrases=_around(of("phrases")),
        ending=re.compile("|".join(f"(?<= ){one}(?= )" for one in beside)) if beside else _NEVER,
        messages=_around(of("messages")),
        harmless=_around(of("harmless")),
        doubtful=_around([*sorted(always | (alone - everyday)), *of("doubtful")]),
        but=_around(of("but")),
        other=_around(of("other")),
        help=re.compile(_any(of("help")) or "(?!)"),
        start=re.compile(_any(of("start")) or "(?!)"),
        everything=_around(of("everything")),
        marketing_only=_around(of("marketing")),
    )


_KEYS: Final = frozenset(
    {
        *(
            "always",
            "alone",
            "everyday",
            "end",
            "end_after",
            "messages",
            "phrases",
            "harmless",
            "doubtful",
            "but",
            "other",
        ),
        *("help", "start", "everything", "marketing"),
    }
)
_NEVER: Final = re.compile(r"(?!)")


def _longest(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _any(patterns: Sequence[str]) -> str:
    return f"(?:{'|'.join(_pattern(one) for one in patterns)})" if patterns else ""


def any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Any of some patterns, in text as `normal` gives it, with a space on either side."""
    return _around(patterns)


def _around(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(f"(?: ){_any(patterns)}(?= )") if patterns else _NEVER


@cache
def _pattern(written: str) -> str:
    """`stop ... text*|call*`: words in order; `...` up to three others, `*` any ending, `|` either."""
    parts: list[str] = []
    for word in written.split():
        if word == "...":
            parts.append(r"(?:\w+ ){0,3}")
            continue
        either = [
            r"\w*".join(re.escape(normal(part)) for part in one.split("*")) if "*" in one else re.escape(normal(one))
            for one in word.split("|")
        ]
        parts.append(f"(?:{'|'.join(either)}) ")
    return "".join(parts).removesuffix(" ")
