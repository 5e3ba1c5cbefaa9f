"""The one byte form of a plain value, for hashes and digests.

JSON with sorted keys and no space, UTF-8, in which equal values have equal bytes. Floats
are refused (1.0 and 1 would differ, and 0.1 is not what it says): write an integer or text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any, Final

DEEPEST: Final = 64


def canonical(value: object) -> bytes:
    """`None`, bools, ints, texts, enums by value, bytes as hex, lists, tuples, sets (sorted), mappings with text keys.

    Raises `TypeError` for anything else, `ValueError` for a lone surrogate or a value nested too deep.
    """
    return json.dumps(_plain(value, 0), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(value: object) -> str:
    """`sha256:<hex>` of the canonical bytes."""
    return "sha256:" + sha256(canonical(value)).hexdigest()


def _plain(value: object, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a canonical mapping has text keys")
        return {str(key): _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((_plain(part, depth + 1) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
    if isinstance(value, list | tuple):
        return [_plain(part, depth + 1) for part in value]
    raise TypeError(f"no canonical form for {type(value).__name__}")
