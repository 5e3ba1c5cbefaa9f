"""Tokens in links: ours are read back, anything else is nothing."""

from __future__ import annotations

import string
from uuid import uuid4

import pytest

from forbear.core import tokens

KEYS = {1: bytes(32), 2: b"k" * 32}


def test_a_token_of_any_key_we_hold_is_read_back() -> None:
    identity = uuid4()
    for held in (KEYS, {1: KEYS[1]}):
        token = tokens.sign("link", identity, held)
        assert len(token) == 39
        assert tokens.read("link", token, KEYS) == identity


@pytest.mark.parametrize("place", range(39))
def test_a_token_changed_anywhere_is_nothing(place: int) -> None:
    token = tokens.sign("link", uuid4(), KEYS)
    changed = token[:place] + ("A" if token[place] != "A" else "w") + token[place + 1 :]
    assert tokens.read("link", changed, KEYS) is None


@pytest.mark.parametrize("over", [1, 2, 3])
def test_a_token_has_one_spelling(over: int) -> None:
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    for _ in range(32):
        token = tokens.sign("link", uuid4(), KEYS)
        respelt = token[:-1] + letters[letters.index(token[-1]) + over]
        assert tokens.read("link", respelt, KEYS) is None


def test_a_token_of_another_use_or_another_key_is_nothing() -> None:
    token = tokens.sign("link", uuid4(), KEYS)
    assert tokens.read("code", token, KEYS) is None
    assert tokens.read("link", token, {1: KEYS[1]}) is None
    assert tokens.read("link", token, {2: b"x" * 32}) is None
    for other in ("", "é" * 39, token + "A", token[:-1]):
        assert tokens.read("link", other, KEYS) is None
