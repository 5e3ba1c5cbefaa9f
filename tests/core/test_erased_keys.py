"""The key of an erased number: as published, alike by column and by hand, and useless without the secret."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forbear.core import keys
from forbear.core.keys import NO_KEY, AddressKind, Secret

SECRET = Secret(7, bytes(range(32)))
NUMBERS = st.integers(min_value=1, max_value=10**15 - 1)


def test_it_is_siphash_as_its_authors_publish_it() -> None:
    low, high = int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")
    message = int.from_bytes(bytes(range(7)), "little")
    assert keys.siphash_one(message, low, high) == 0xAB0200F58B01D137
    assert int(keys.siphash(np.array([message], np.uint64), low, high)[0]) == 0xAB0200F58B01D137


@given(st.lists(NUMBERS | st.just(0), min_size=16, max_size=40))
def test_a_column_and_one_number_have_the_same_key(numbers: list[int]) -> None:
    column = keys.of_erased_phones(np.array(numbers, np.uint64), SECRET).tolist()
    assert column == [keys.of_erased_phone(number, SECRET).column if number else NO_KEY for number in numbers]


@given(NUMBERS)
def test_a_key_says_its_kind_and_not_its_number(number: int) -> None:
    key = keys.of_erased_phone(number, SECRET)
    assert keys.kind_of(key.column) is AddressKind.ERASED_PHONE
    assert keys.is_erased(key.column)
    assert not keys.is_erased(keys.of_phone(number).column)
    assert keys.phone_of(key.column) is None
    assert len(key.mac) == keys.MAC_BYTES
    assert key.secret_id == SECRET.id


@given(NUMBERS)
def test_another_secret_gives_another_key(number: int) -> None:
    other = keys.of_erased_phone(number, Secret(7, bytes(32)))
    mine = keys.of_erased_phone(number, SECRET)
    assert (other.column, other.mac) != (mine.column, mine.mac)
    assert other.mac != mine.mac
