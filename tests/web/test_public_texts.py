"""Every language says everything, with the same placeholders; a part that does not is refused, not half shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forbear.core.errors import BadInput
from forbear.web.public import texts

PUBLIC = Path(texts.__file__).parent
PARTS = ["", *texts.parts()]
SAME = {"E-mail", "SMS", "Information", "Code"}  # words that languages share


@pytest.mark.parametrize("part", PARTS)
def test_every_language_has_every_text_with_the_same_placeholders(part: str) -> None:
    assert texts.load(part).keys() == texts.LANGUAGES.keys()


@pytest.mark.parametrize("part", PARTS)
def test_no_text_was_left_in_english(part: str) -> None:
    found = texts.load(part)
    left = [
        (language, key)
        for language, said in found.items()
        for key, text in said.items()
        if language != "en" and text == found["en"][key] and text not in SAME and " " in text and "{level}" not in text
    ]
    assert left == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"de": {"a": "eins"}}, "is missing"),
        ({"de": {"a": "eins", "b": "zwei {n}", "c": "drei"}}, "is not in the English"),
        ({"de": {"a": "eins", "b": "zwei {m}"}}, "placeholders"),
        ({"de": {"a": "eins", "b": "zwei"}}, "placeholders"),
        ({"de": {"a": " ", "b": "zwei {n}"}}, "empty"),
        ({"de": {"a": "eins {", "b": "zwei {n}"}}, "brace"),
    ],
)
def test_a_language_that_lacks_something_is_refused(change: dict[str, dict[str, str]], what: str) -> None:
    good = {"en": {"a": "one", "b": "two {n}"}, "de": {"a": "eins", "b": "zwei {n}"}}
    texts.check(good)
    with pytest.raises(BadInput, match=what) as error:
        texts.check(good | change)
    assert "de.toml" in str(error.value)


def test_every_text_a_page_says_is_there_and_every_text_that_is_there_is_said() -> None:
    """Keys that code makes up from a word (`person.purpose.{purpose}`) count by their beginning."""
    sources = [*PUBLIC.glob("*.py"), *(PUBLIC.parent / "templates" / "forbear" / "public").rglob("*.html")]
    whole = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    said = set(re.findall(r'{% say "([a-z_.]+)"', whole))
    known = {key for part in PARTS for key in texts.load(part)["en"]}
    assert sorted(said - known) == []
    person = [key for key in known if key.startswith("person.")]
    made = ("purpose.", "level.", "dealing.", "report.", "receipt.")
    unsaid = [
        key
        for key in person
        if key not in said
        and not re.search(rf"""["']{re.escape(key.removeprefix("person."))}["']""", whole)
        and not key.removeprefix("person.").startswith(made)
    ]
    assert unsaid == []
