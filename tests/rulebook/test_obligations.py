"""What is owed, in words: the book of obligations against the rules that ask them, and against itself."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from forbear.core.errors import BadInput
from forbear.core.instants import parse_day
from forbear.core.words import Channel, Mode, Purpose
from forbear.rulebook import obligations
from forbear.rulebook.load import OBLIGATIONS, TERMS, shipped
from forbear.rulebook.obligations import load, owed, terms_of

KEYWORDS = Path(__file__).parents[2] / "../shared/law/optout_keywords.json"
BOOK = obligations.shipped()
ASKED = sorted(
    {
        (place, word)
        for rule in shipped().rules
        for value in rule.values
        for word in value.obligations
        for place in rule.applies.places
    }
)
GOOD = {
    "obligations/languages.toml": b'[sure]\nmedium = ["en", "fr"]\n[places]\nFR = ["fr"]\n',
    "obligations/opt_out_text.toml": (
        b'word = "opt_out_text"\ntitle = "Stop"\nwhat = "Say it."\nkind = "content"\nterms = ["works_days"]\n'
        b'[text]\nen = "Reply STOP"\nfr = ["STOP au {shortcode}"]\n[place.FR]\nwhat = "In French."\n'
    ),
}


def text(word: str, place: str | None = None, language: str | None = None) -> str:
    (found,) = owed([word], place, language)
    return found.texts[0]


# --- the shipped book


def test_the_book_has_the_words_that_rules_may_use_and_no_others() -> None:
    assert set(BOOK.entries) == set(OBLIGATIONS)
    assert set(obligations.TERMS) == set(TERMS)


@pytest.mark.parametrize(("place", "word"), ASKED, ids=lambda value: value)
def test_what_is_asked_at_a_place_is_worded_in_its_language(place: str, word: str) -> None:
    (found,) = owed([word], place)
    assert found.what
    assert found.languages
    if any(language != obligations.ANY for language in BOOK.entries[word].texts):
        assert found.language in (found.languages[0], None)
        assert found.texts


@pytest.mark.parametrize("word", OBLIGATIONS)
def test_a_text_asks_for_the_same_things_in_every_language(word: str) -> None:
    entry = BOOK.entries[word]
    wanted = {frozenset(obligations._names(" ".join(texts))) for texts in entry.texts.values()}
    assert len(wanted) <= 1


@pytest.mark.skipif(not KEYWORDS.exists(), reason="the opt-out words are not beside this checkout")
def test_the_words_that_people_are_told_to_send_are_opt_outs() -> None:
    def plain(word: str) -> str:
        return unicodedata.normalize("NFKD", word).casefold()

    known = json.loads(KEYWORDS.read_text(encoding="utf-8"))
    understood = {
        plain(word) for tiers in known.values() if isinstance(tiers, dict) for tier in tiers.values() for word in tier
    }
    entry = BOOK.entries["opt_out_text"]
    said = [*entry.texts.values(), *(texts for local in entry.places.values() for texts in local.texts.values())]
    told = {word for texts in said for one in texts for word in re.findall(r"\b[^\W\d_a-zа-яα-ω]{4,}\b", one)}
    assert told >= {"STOP", "STOPP", "BAJA", "WYPISZ", "LEIRATKOZAS", "СТОП"}
    assert {word for word in told if plain(word) not in understood} == set()


# --- what is owed


@pytest.mark.parametrize(("place", "language", "wanted"), [
    ("FR", None, "STOP au {shortcode}"),
    ("FR", "de", "Abmelden: STOP an {shortcode}"),
    ("AU-NSW", None, "Opt out: reply STOP"),
    ("IE", None, "Txt STOP to {shortcode}"),
    ("IE", "ga", "Le stopadh: STOP chuig {shortcode}"),
    ("BE", None, "Afmelden: STOP naar {shortcode}"),
    ("BE-WAL", None, "STOP au {shortcode}"),
    ("US-PR", None, "Responda STOP para no recibir más"),
    ("FI", "sv", "Avregistrera: STOPP till {shortcode}"),
    ("NZ", None, "Reply STOP to stop"),
    ("FR", "ja", "STOP au {shortcode}"),
    (None, None, "Reply STOP to stop"),
])  # fmt: skip
def test_the_nearest_wording_is_taken_then_the_place_s_language_then_english(
    place: str | None, language: str | None, wanted: str
) -> None:
    assert text("opt_out_text", place, language) == wanted


def test_the_headers_of_a_one_click_unsubscribe_are_those_of_the_rfcs() -> None:
    (found,) = owed(["unsubscribe_header"], "DE")
    assert found.headers == (
        "List-Unsubscribe: <{url}>, <mailto:{email}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    )
    assert set(found.placeholders) == {"url", "email"}


def test_of_several_terms_the_strictest_counts_and_only_where_it_means_something() -> None:
    terms = [("identify_caller", "within_seconds", 30), ("identify_caller", "within_seconds", 2),
             ("opt_out_text", "works_days", 30), ("opt_out_text", "works_days", 60),
             ("opt_out_text", "within_seconds", 5)]  # fmt: skip
    caller, stop, bare = owed(("identify_caller", "opt_out_text", "disclose_ai"), "FR", terms=terms)
    assert (caller.within_seconds, caller.works_days) == (2, None)
    assert (stop.within_seconds, stop.works_days) == (None, 60)
    assert (bare.within_seconds, bare.works_days) == (None, None)


@pytest.mark.parametrize(("regions", "mode", "day", "wanted"), [
    (["GB"], Mode.PREDICTIVE, "2026-11-24", 2),
    (["GB"], None, "2026-11-24", 2),
    (["GB"], Mode.LIVE, "2026-11-24", None),
    (["FR"], Mode.PREDICTIVE, "2026-11-24", None),
    (["GB"], Mode.PREDICTIVE, "2017-02-28", None),
    (["GB"], Mode.PREDICTIVE, "2017-03-01", 2),
])  # fmt: skip
def test_terms_come_from_the_rules_that_may_apply(
    regions: list[str], mode: Mode | None, day: str, wanted: int | None
) -> None:
    rules = [rule for rule in shipped().rules if rule.id == "gb.ofcom.owes"]
    terms = terms_of(rules, regions, Channel.VOICE, mode, [Purpose.MARKETING], parse_day(day))
    (found,) = owed(["identify_caller"], "GB", terms=terms)
    assert found.within_seconds == wanted


def test_a_word_of_an_older_book_comes_back_with_its_name() -> None:
    (found,) = owed(["ring_a_bell"], "FR")
    assert (found.title, found.texts, found.placeholders) == ("ring a bell", (), {})


@pytest.mark.parametrize(("regions", "wanted"), [
    (["US-FL"], "US-FL"), (["US-FL", "US-GA"], "US"), (["FR", "BE"], None), ([], None),
])  # fmt: skip
def test_candidate_regions_agree_on_a_place_or_on_none(regions: list[str], wanted: str | None) -> None:
    assert obligations.place_of(regions) == wanted


# --- what is written badly does not load


def test_a_book_of_two_files_loads() -> None:
    book = load(GOOD)
    assert book.entries["opt_out_text"].texts == {"en": ("Reply STOP",), "fr": ("STOP au {shortcode}",)}
    assert owed(["opt_out_text"], "FR", book=book)[0].what == "In French."


@pytest.mark.parametrize(("old", "new", "line", "key"), [
    (b'kind = "content"', b'kind = "sung"', 4, "kind"),
    (b'terms = ["works_days"]', b'terms = ["works_years"]', 5, "terms"),
    (b"{shortcode}", b"{short_code}", 8, "text.fr"),
    (b"{shortcode}", b"{shortcode", 8, "text.fr"),
    (b"{shortcode}", b"{shortcode:>9}", 8, "text.fr"),
    (b'fr = ["STOP', b'de = ["STOP', 8, "text.de"),
    (b'en = "Reply STOP"', b"", 6, "text"),
    (b"[place.FR]", b"[place.France]", 9, "place.France"),
    (b'what = "In French."', b'whit = "In French."', 10, "place.FR.whit"),
    (b'word = "opt_out_text"', b'word = "opt_out"', 1, "word"),
    (b'title = "Stop"', b"", None, None),
    (b'kind = "content"', b"kind =", 4, None),
])  # fmt: skip
def test_a_fault_in_a_file_names_its_line_and_key(old: bytes, new: bytes, line: int | None, key: str | None) -> None:
    name = "obligations/opt_out_text.toml"
    with pytest.raises(BadInput) as caught:
        load(GOOD | {name: GOOD[name].replace(old, new)})
    assert (caught.value.file, caught.value.line, caught.value.key) == (name, line, key)


@pytest.mark.parametrize(("content", "key"), [
    (b'[sure]\nlow = ["fr"]\n[places]\nFR = ["fr"]\n', "sure"),
    (b'[sure]\nlow = ["en"]\n[places]\nFR = ["fr"]\n', "places.FR"),
    (b'[sure]\nlow = ["en"]\n[places]\nFrance = ["en"]\n', "places.France"),
    (b'[sure]\nsome = ["en"]\nlow = ["en"]\n', "sure.some"),
])  # fmt: skip
def test_a_fault_in_the_languages_names_its_key(content: bytes, key: str) -> None:
    with pytest.raises(BadInput) as caught:
        load({"obligations/languages.toml": content})
    assert caught.value.key == key


def test_a_book_without_languages_does_not_load() -> None:
    with pytest.raises(BadInput, match=r"languages\.toml"):
        load({name: content for name, content in GOOD.items() if "languages" not in name})
