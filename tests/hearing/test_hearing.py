"""What words are taken for, and how well: the rules at their edges, and the labelled set's held-out half."""

from __future__ import annotations

import pytest

from bench.hearing import Line, lines, score
from forbear.core.hearing import LANGUAGES, TakenFor, _of, _universal, classify, normal
from forbear.core.words import Channel, OptOutScope

STOP, UNCLEAR, NOTHING = TakenFor.STOP, TakenFor.UNCLEAR, TakenFor.NOTHING


@pytest.fixture(scope="module")
def labelled() -> list[Line]:
    return lines()


def test_the_held_out_half_is_heard_and_heard_right(labelled: list[Line]) -> None:
    held_out = score(line for line in labelled if line.held_out)
    assert held_out.lines > 250
    assert held_out.recall is not None
    assert held_out.recall >= 0.95
    assert held_out.precision is not None
    assert held_out.precision >= 0.95
    assert held_out.false_alarms is not None
    assert held_out.false_alarms <= 0.05


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_heard(labelled: list[Line], language: str) -> None:
    found = score(line for line in labelled if line.language == language)
    assert found.lines >= 13
    assert found.recall is not None
    assert found.recall >= 0.9
    assert found.precision is not None
    assert found.precision >= 0.9


def test_the_page_says_what_is_measured(labelled: list[Line]) -> None:
    from bench.hearing import BEGIN, END, PAGE, table

    said = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert said == table(labelled), "run: python -m bench.hearing --write"


@pytest.mark.parametrize("language", ["universal", *LANGUAGES])
def test_every_word_of_the_lists_acts_alone_however_it_is_written(language: str) -> None:
    known = _universal() if language == "universal" else _of(language)
    for word in known.always | known.alone:
        for written in (word, word.upper(), f" {word}! ", f"“{word}”", f"{word} 🙏", word.replace(" ", "  ")):
            assert classify(written, languages=(language,)).taken_for is STOP, (language, written)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("STOP 12345", UNCLEAR),
        ("stop12345", NOTHING),
        ("STOP please", STOP),
        ("we have got to STOP this bill", UNCLEAR),
        ("cancel", STOP),
        ("cancel my appointment", UNCLEAR),
        ("please stop texting me", STOP),
        ("who is this, leave me alone", STOP),
        ("Stop. Thank you", STOP),
        ("don't stop", NOTHING),
        ("I'll stop by at noon", NOTHING),
        ("STOP but not the order updates", UNCLEAR),
        ("don't call me before 9", UNCLEAR),
        ("", NOTHING),
        ("👍", NOTHING),
        ("⛔", UNCLEAR),
        ("Liked “Reply STOP to opt out of Acme”", NOTHING),
        ("yes", NOTHING),
        ("baja", UNCLEAR),
        ("s t o p", STOP),
        ("ЅТОР", STOP),
        ("ｓｔｏｐ", STOP),
        ("st\u200bop", STOP),
        ("STOP " * 300, STOP),
        ("a" * 50_000, NOTHING),
    ],
)
def test_edges(text: str, wanted: TakenFor) -> None:
    assert classify(text, languages=("en",)).taken_for is wanted


def test_a_word_of_the_second_kind_of_a_language_that_is_not_known_is_unclear() -> None:
    assert classify("fine", languages=("it",)).taken_for is STOP
    assert classify("fine", languages=("en",)).taken_for is NOTHING
    assert classify("fine", Channel.EMAIL).taken_for is UNCLEAR


def test_greek_final_sigma_and_accents_do_not_matter() -> None:
    for text in ("τέλος", "ΤΕΛΟΣ", "τελοσ"):
        assert classify(text, languages=("el",)).taken_for is STOP
    assert normal("Désinscription !") == "desinscription"


def test_how_far_it_reaches_is_heard_where_it_is_said() -> None:
    assert classify("STOP ALL", languages=("en",)).covers is OptOutScope.ALL
    assert classify("stop marketing", languages=("en",)).covers is OptOutScope.MARKETING
    assert classify("STOP", languages=("en",)).covers is None


def test_yes_and_no_are_in_no_vocabulary() -> None:
    plain = "yes no oui non ja nein si sí sì no sim não nee nej kyllä ei tak nie ano áno igen nem da nu не ναι όχι taip"
    for language in LANGUAGES:
        for word in plain.split():
            assert classify(word, languages=(language,)).taken_for is NOTHING, (language, word)
