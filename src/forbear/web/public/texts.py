"""What the public pages say, in the person's language.

Every text stands in `texts/<lang>.toml`, or in a part of its own, `texts/<part>/<lang>.toml`, whose keys then begin
with the part's name (`optin.title`). A part that lacks a language, a key or a placeholder that its English has is a
fault and is not served: nobody is shown a half-translated choice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Final

from forbear.core.errors import BadInput

LANGUAGES: Final = {  # code -> what its speakers call it
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "nl": "Nederlands",
    "pl": "Polski",
    "sv": "Svenska",
    "da": "Dansk",
    "ro": "Română",
    "el": "Ελληνικά",
}
ENGLISH: Final = "en"
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})


def text(language: str, key: str, **values: object) -> str:
    """One text with its placeholders filled in. Plain text: whoever writes it into a page escapes it.

    `language` is one of `LANGUAGES`; any other is answered in English. A key that is not there is a fault of ours.
    """
    found = _part(key.partition(".")[0])[language if language in LANGUAGES else ENGLISH]
    return found[key].format_map(values) if values else found[key]


def direction(language: str) -> str:
    """`ltr` or `rtl`, for the `dir` attribute."""
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


def parts() -> list[str]:
    """The names of the parts that have files of their own."""
    folder = resources.files("forbear.web.public") / "texts"
    return sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("_"))


def load(part: str = "") -> dict[str, dict[str, str]]:
    """Language -> key -> text of a part (empty: the common texts). Raises `BadInput`: which file and key is wrong."""
    folder = resources.files("forbear.web.public") / "texts" / part
    found: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        name = f"{part}/{language}.toml".lstrip("/")
        try:
            raw = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput("a language is missing", file=name, todo="every part speaks every language") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"not TOML: {error}", file=name) from None
        found[language] = dict(_flat(raw, f"{part}." if part else "", name))
    check(found, part)
    return found


def check(found: Mapping[str, Mapping[str, str]], part: str = "") -> None:
    """Every language has the keys and the placeholders of the English. Raises `BadInput` for the first that has not."""
    master = found[ENGLISH]
    for language, texts in found.items():
        name = f"{part}/{language}.toml".lstrip("/")
        for key in sorted(master.keys() ^ texts.keys()):
            what = "is missing" if key in master else "is not in the English"
            raise BadInput(f"the text {what}", file=name, key=key)
        for key, said in texts.items():
            if not said.strip():
                raise BadInput("the text is empty", file=name, key=key)
            if _placeholders(said, name, key) != _placeholders(master[key], name, key):
                raise BadInput("the placeholders are not those of the English", file=name, key=key)


@cache
def _common() -> dict[str, dict[str, str]]:
    return load()


@cache
def _named(part: str) -> dict[str, dict[str, str]]:
    return load(part)


@cache
def _names() -> frozenset[str]:
    return frozenset(parts())


def _part(name: str) -> dict[str, dict[str, str]]:
    return _named(name) if name in _names() else _common()


def _flat(raw: Mapping[str, Any], prefix: str, name: str) -> Iterator[tuple[str, str]]:
    for key, value in raw.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.", name)
        elif isinstance(value, str):
            yield f"{prefix}{key}", value
        else:
            raise BadInput("not a text", file=name, key=f"{prefix}{key}")


def _placeholders(said: str, name: str, key: str) -> list[str]:
    try:
        return sorted({field for _, field, _, _ in Formatter().parse(said) if field is not None})
    except ValueError as error:
        raise BadInput(f"a brace stands alone: {error}", file=name, key=key) from None
