"""What we answer to people who write back, in their language; from `answers.toml`. None of it advertises anything."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Final

ENGLISH: Final = "en"


def text(language: str, key: str, **named: str) -> str:
    """`subject`, `stopped`, `stopped_marketing`, `stopped_but_needed`, `help` or `start`; in English failing others."""
    known = _texts()
    found = known.get(language, known[ENGLISH])[key]
    for name, value in named.items():  # not `format`: a seller's name may hold a brace
        found = found.replace("{" + name + "}", value)
    return found


def spoken(language: str) -> str:
    """`language` if there are answers in it, else English."""
    return language if language in _texts() else ENGLISH


@cache
def _texts() -> dict[str, dict[str, str]]:
    source = resources.files("forbear.gate").joinpath("answers.toml")
    found: dict[str, dict[str, str]] = tomllib.loads(source.read_text(encoding="utf-8"))
    return found
