"""What one rule says about one contact, ordered by what would cure it.

The verdict is the worst code any rule gave, so the order of rules cannot change it
and a further rule can only make it stricter.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Code(IntEnum):
    """A rule's word on one contact. The higher, the harder to cure."""

    SILENT = 0  # the rule does not apply here
    SATISFIED = 1  # it applies, and was met
    NOT_NOW = 2  # waiting cures it: a window, a cap
    UNKNOWN = 3  # evidence cures it: a fact is missing, a list is stale
    FORBIDDEN = 4  # nothing the sender holds cures it


class Verdict(StrEnum):
    ALLOW = "allow"
    DEFER = "defer"
    DENY = "deny"


class Cure(StrEnum):
    """What would help; an allowed contact needs none (`None`)."""

    TIME = "time"
    EVIDENCE = "evidence"
    NONE = "none"
