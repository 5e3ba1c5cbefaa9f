"""What a check of somebody else's behaviour found, and the paragraph that asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a word, not a password
    WARN = "warn"  # allowed, and unwise
    FAIL = "fail"
    SKIPPED = "skipped"  # could not be tried, and why


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    check: str
    outcome: Outcome
    said: str
    source: str = ""  # the text that asks for it


def passed(check: str, said: str, source: str = "") -> Finding:
    return Finding(check=check, outcome=Outcome.PASS, said=said, source=source)


def failed(check: str, said: str, source: str = "") -> Finding:
    return Finding(check=check, outcome=Outcome.FAIL, said=said, source=source)


def warned(check: str, said: str, source: str = "") -> Finding:
    return Finding(check=check, outcome=Outcome.WARN, said=said, source=source)


def skipped(check: str, said: str, source: str = "") -> Finding:
    return Finding(check=check, outcome=Outcome.SKIPPED, said=said, source=source)


def good(found: Iterable[Finding]) -> bool:
    """Whether nothing failed."""
    return all(one.outcome is not Outcome.FAIL for one in found)
