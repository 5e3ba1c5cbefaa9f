"""Cases made from the rulebook's own bases, and what the engine says of one."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from forbear.core.instants import rfc3339
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine


def bases_of(folders: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The cases that the examples of these folders are laid over, by name."""
    found: dict[str, Mapping[str, Any]] = {}
    for folder in folders:
        text = resources.files("forbear.rulebook").joinpath(folder, "bases.toml").read_text(encoding="utf-8")
        found |= tomllib.loads(text)
    return found


def altered(base: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A base with changes; `contact__mode="live"` changes a key within."""
    case = copy.deepcopy(dict(base))
    for key, value in changes.items():
        table, *rest = key.split("__")
        if rest:
            case[table][rest[0]] = value
        else:
            case[table] = value
    return case


def verdict(engine: Engine, case: Mapping[str, Any]) -> tuple[str, str | None, tuple[str, ...]]:
    """The word, the earliest moment of a deferral, and the rules that decided."""
    answers = engine.judge(facts_of([read(case)]))
    word, _ = answers.verdict(0)
    return word.value, rfc3339(int(answers.earliest[0])) if word.value == "defer" else None, answers.rules(0)
