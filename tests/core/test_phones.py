"""Phone numbers: one by one, and by the column, with the same answer."""

from __future__ import annotations

import random

import numpy as np
import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forbear.core.phones import NumberFault, parse, parse_column, parse_few

DEFAULTS = [None, "US", "CA", "GB", "AU", "DE", "AR", "ZZ"]
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def agrees(texts: list[str | None], default: str | None) -> None:
    column = parse_column(pl.Series(texts, dtype=pl.String), default)
    for text, number, fault in zip(texts, column.numbers.tolist(), column.faults.tolist(), strict=True):
        one = parse(text or "", default)
        assert (number, fault) == ((0, one.value) if isinstance(one, NumberFault) else (one, 0)), (text, default)
    if default is None:
        assert parse_few([text or "" for text in texts]).tolist() == column.numbers.tolist()


@pytest.mark.parametrize(
    ("text", "default", "number"),
    [
        ("+12025550100", None, 12025550100),
        ("+61491570006", None, 61491570006),
        ("+33199001234", None, 33199001234),
        ("+441134960124", None, 441134960124),
        ("+447400123456", None, 447400123456),
        ("+61255500125", None, 61255500125),
        (" (202) 555-0100 ", "US", 12025550100),
        ("1-202-555-0100 ext. 12", "US", 12025550100),
        ("+44 (0)20 7946 0123", None, 442079460123),
        ("0412 345 678", "AU", 61412345678),
        ("011 61 412 345 678", "US", 61412345678),
        ("+１２０２５５５０１００", None, 12025550100),
        ("\u202a+12025550100\u202c", None, 12025550100),
        ("+390698765432", None, 390698765432),
    ],
)
def test_a_number_is_understood_as_people_write_it(text: str, default: str | None, number: int) -> None:
    assert parse(text, default) == number
    agrees([text], default)


@pytest.mark.parametrize(
    ("text", "default", "fault"),
    [
        ("", None, NumberFault.EMPTY),
        ("   ", "US", NumberFault.EMPTY),
        ("2025550100", None, NumberFault.NEEDS_COUNTRY),
        ("2025550100", "ZZ", NumberFault.NEEDS_COUNTRY),
        ("+1202555010", None, NumberFault.TOO_SHORT),
        ("5550100", "US", NumberFault.TOO_SHORT),
        ("+120255501000", None, NumberFault.TOO_LONG),
        ("+11025550100", None, NumberFault.NOT_VALID_THERE),
        ("+19115550100", None, NumberFault.NOT_VALID_THERE),
        ("+12021550100", None, NumberFault.NOT_VALID_THERE),
        ("+9991234567", None, NumberFault.UNKNOWN_COUNTRY_CODE),
        ("+1202555\x000100", None, NumberFault.NOT_A_NUMBER),
        ("pat2025550100@example.com", "US", NumberFault.NOT_A_NUMBER),
        ("2025550100 or 2025550101", "US", NumberFault.NOT_A_NUMBER),
        ("1-800-FLOWERS", "US", NumberFault.NOT_A_NUMBER),
        ("9" * 100_000, "US", NumberFault.TOO_LONG),
    ],
)
def test_what_is_no_number_says_why(text: str, default: str | None, fault: NumberFault) -> None:
    assert parse(text, default) is fault
    agrees([text], default)


@pytest.mark.parametrize("area", [328, 357, 436, 457, 465, 471, 483, 621, 624, 679, 729, 837, 861, 924])
def test_an_area_code_the_library_does_not_know_is_a_us_number(area: int) -> None:
    assert parse(f"+1{area}5550123") == int(f"1{area}5550123")
    assert parse_column(pl.Series([f"{area}5550123"]), "US").numbers.tolist() == [int(f"1{area}5550123")]


def test_the_column_agrees_with_the_library_on_a_large_sample() -> None:
    draw = random.Random(7)
    plus: list[str | None] = [None]
    for _ in range(6000):
        code = draw.choice(CODES)
        plus.append(f"+{code}" + "".join(draw.choices("0123456789", k=draw.randint(3, 15))))
    for code in (1, 7, 33, 34, 39, 44, 49, 52, 54, 55, 61, 86, 351):  # every leading pair, at every length
        for lead in range(100):
            size = draw.randint(4, 9)
            plus.append(f"+{code}{lead:02d}" + "".join(draw.choices("0123456789", k=size)))
    agrees(plus, None)
    agrees([text and text[1:] for text in plus[:1500]], "US")
    agrees(plus[:300], "AU")


def test_every_north_american_area_and_exchange_is_judged_alike() -> None:
    texts: list[str | None] = [
        f"+1{area}{exchange}0100" for area in range(190, 1000, 7) for exchange in (19, 99, 111, 199, 200, 211, 555, 999)
    ]
    agrees([text for text in texts if text and len(text) == 12], None)
    agrees([text[2:] for text in texts if text], "CA")


NUMBERISH = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="+0123456789 -().x٣３\x00", max_size=24),
    st.from_regex(r"\A\+?[0-9]{5,17}\Z"),
    st.from_regex(r"\A1?[2-9][0-9]{9}\Z"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), NUMBERISH), max_size=12), st.sampled_from(DEFAULTS))
def test_any_column_agrees_with_its_texts_one_by_one(texts: list[str | None], default: str | None) -> None:
    agrees(texts, default)


@pytest.mark.parametrize("default", ["US", "CA", "AU", None])
def test_a_column_of_integers_is_read_as_its_texts(default: str | None) -> None:
    given = [2025550100, 12025550100, 25550100, 61412345678, 0, -5, 10**15, 9115550100, None]
    numbers = parse_column(pl.Series(given, dtype=pl.Int64), default)
    texts = parse_column(pl.Series([None if n is None else str(n) for n in given], dtype=pl.String), default)
    assert numbers.numbers.tolist() == texts.numbers.tolist()
    assert numbers.faults.tolist() == texts.faults.tolist()


def test_a_column_of_whole_floats_is_read_and_one_with_fractions_is_not() -> None:
    whole = parse_column(pl.Series([2025550100.0, None]), "US")
    assert whole.numbers.tolist() == [12025550100, 0]
    assert parse_column(pl.Series([2025550100.5]), "US").numbers.tolist() == [0]


def test_an_empty_column_has_no_answers() -> None:
    assert len(parse_column(pl.Series([], dtype=pl.String)).numbers) == 0
    assert parse_column(pl.Series([None, None])).faults.tolist() == [NumberFault.EMPTY.value] * 2


def test_answers_keep_the_order_of_the_rows() -> None:
    texts = ["(202) 555-0101", "+12025550100", "x", "2025550102"] * 50
    numbers = parse_column(pl.Series(texts), "US").numbers
    assert np.array_equal(numbers, np.array([12025550101, 12025550100, 0, 12025550102] * 50, dtype=np.uint64))
