"""What an audit found, one line each: what is wrong, with which row, and why we think so. No personal data in any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

MOST: Final = 1_000  # kept of one audit; all are counted


class Wrong(StrEnum):
    """What is wrong."""

    CHANGED = "changed"  # the row is not what was hashed, or contradicts another
    GONE = "gone"  # a row that must be there is not
    NOT_LOGGED = "not_logged"  # a row that neither the log nor its queue knows: put in behind its back
    REORDERED = "reordered"
    BACK_DATED = "back_dated"
    UNEXPLAINED = "unexplained"  # a state that follows from no event
    NOT_CARRIED_OUT = "not_carried_out"  # an event from which no state follows
    DIFFERS = "differs"  # judged again by the same engine and rulebook, it comes out otherwise
    LOG_TRUNCATED = "log_truncated"
    LOG_FORKED = "log_forked"  # the log is not a continuation of what it was
    LOG_UNSIGNED = "log_unsigned"  # a checkpoint that our key did not sign
    UNREADABLE = "unreadable"


class Finding(NamedTuple):
    wrong: Wrong
    table: str  # or the log's file
    row: str  # an id, an index, a path
    what: str

    def __str__(self) -> str:
        return f"{self.wrong} {self.table} {self.row}: {self.what}"


@dataclass
class Report:
    """What one audit looked at and found. It is well where there are no findings."""

    findings: list[Finding] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)  # rows looked at, by kind
    notes: Counter[str] = field(default_factory=Counter)  # no faults: `engine changed`, `erased`
    wrong: int = 0

    def add(self, wrong: Wrong, table: str, row: UUID | int | str, what: str) -> None:
        self.wrong += 1
        if len(self.findings) < MOST:
            self.findings.append(Finding(wrong, table, str(row), what))

    def merge(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.add(*finding)

    @property
    def well(self) -> bool:
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        return {
            "well": self.well,
            "wrong": self.wrong,
            "findings": [finding._asdict() for finding in self.findings],
            "seen": dict(sorted(self.seen.items())),
            "notes": dict(sorted(self.notes.items())),
        }
