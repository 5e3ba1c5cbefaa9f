"""Telephone numbers as E.164 digits in an integer: one text, or a whole column.

A number is understood when its country calling code is known and its length is possible
there; under +1 also the area code and the exchange must begin with 2-9 and the area code
must not be N11. Whether the range is in use is not asked: fictional and new ranges pass,
a plan's latest area code passes before the library knows it (then its place is any).

`parse_column` vouches for clean text (`+` and digits, or plain North American digits where
that is the default country) from a table frozen from phonenumbers; all else goes to the
library by unique value. Both ways give the same answer for every text.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, ValidationResult

Numbers = npt.NDArray[np.uint64]
Faults = npt.NDArray[np.int8]

LONGEST_TEXT: Final = 64
MOST_DIGITS: Final = 15  # E.164
NANP_FIRST: Final = np.uint64(10**10)
NANP_DIGITS: Final = 11
NANP_DEFAULTS: Final = frozenset({"US", "CA"})


class NumberFault(Enum):
    """Why a text is no number. The value is the column form; 0 there means understood."""

    EMPTY = 1
    NOT_A_NUMBER = 2
    TOO_SHORT = 3
    TOO_LONG = 4
    UNKNOWN_COUNTRY_CODE = 5
    NOT_VALID_THERE = 6  # no number of its country looks like this
    NEEDS_COUNTRY = 7  # national form, and no default country was given

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


class Phones(NamedTuple):
    numbers: Numbers  # E.164 digits; 0: not understood
    faults: Faults  # `NumberFault.value`; 0: understood


_SHAPE = re.compile(
    r"(?:tel:)?[\s(]*[+＋]?[\d\s\-‐-―−－().\[\]/]*\d[\s)\]]*(?:(?:;ext=|ext(?:ension)?\.?|x|#)\s*\d{1,7})?",
    re.IGNORECASE,
)
_PARSE_FAULTS = {
    NumberParseException.INVALID_COUNTRY_CODE: NumberFault.UNKNOWN_COUNTRY_CODE,
    NumberParseException.NOT_A_NUMBER: NumberFault.NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: NumberFault.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: NumberFault.TOO_SHORT,
    NumberParseException.TOO_LONG: NumberFault.TOO_LONG,
}
_LENGTH_FAULTS = {
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: NumberFault.TOO_SHORT,
    ValidationResult.TOO_SHORT: NumberFault.TOO_SHORT,
    ValidationResult.TOO_LONG: NumberFault.TOO_LONG,
    ValidationResult.INVALID_LENGTH: NumberFault.NOT_VALID_THERE,
    ValidationResult.INVALID_COUNTRY_CODE: NumberFault.UNKNOWN_COUNTRY_CODE,
}


def parse(text: str, default_country: str | None = None) -> int | NumberFault:
    """The E.164 digits, or why not. `default_country` (ISO 3166-1): of numbers without `+`. An extension is dropped."""
    if len(text) > LONGEST_TEXT:
        return NumberFault.TOO_LONG
    text = text.strip()
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # marks of direction, pasted from chat
    if not text:
        return NumberFault.EMPTY
    if not text.isprintable() or not _SHAPE.fullmatch(text):
        return NumberFault.NOT_A_NUMBER
    if default_country not in phonenumbers.SUPPORTED_REGIONS:
        default_country = None
    try:
        number = phonenumbers.parse(text, default_country)
    except NumberParseException as fault:
        if fault.error_type == NumberParseException.INVALID_COUNTRY_CODE and default_country is None:
            return NumberFault.UNKNOWN_COUNTRY_CODE if "+" in text or "＋" in text else NumberFault.NEEDS_COUNTRY
        return _PARSE_FAULTS[fault.error_type]
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        return _LENGTH_FAULTS[possible]
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 1 and (national[0] in "01" or national[1:3] == "11" or national[3] in "01"):
        return NumberFault.NOT_VALID_THERE
    digits = f"{number.country_code}{national}"
    return int(digits) if len(digits) <= MOST_DIGITS else NumberFault.TOO_LONG


@cache
def _vouched_lengths() -> npt.NDArray[np.uint16]:
    """By the first six digits: bit n is set where n digits in all are a number just as they stand.

    Bit 0 is set where 11 digits under +1 are none, whatever follows.
    """
    table = np.zeros(1_000_000, dtype=np.uint16)
    source = resources.files("forbear.core.numbering").joinpath("calling_codes.csv")
    with source.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            code = row["code"]
            lengths = [len(code) + int(n) for n in row["lengths"].split()]
            bits = sum(1 << n for n in lengths if 7 <= n <= MOST_DIGITS)
            _span(table, code)[:] = bits
            for lead in row["library_leads"].split():
                _span(table, code + lead)[:] = 0
    for area in range(1000):
        exchanges = _span(table, f"1{area:03d}")
        if area < 200:
            exchanges[:] = 0  # the library may read 1 1.. as 1 and a prefix
        elif area % 100 == 11:
            exchanges[:] = 1
        else:
            exchanges[:20] = 1
    table.setflags(write=False)
    return table


def _span(table: npt.NDArray[np.uint16], digits: str) -> npt.NDArray[np.uint16]:
    width = 10 ** (6 - len(digits))
    start = int(digits) * width
    return table[start : start + width]


def _vouch(given: Numbers, digits: int) -> Phones:
    """Of numbers of that many digits those the table vouches for; 0 with fault 0 is for the library to judge."""
    lead = given // np.uint64(10 ** (digits - 6))
    known = _vouched_lengths()[lead.view(np.int64)]
    good = (known >> np.uint16(digits)) & np.uint16(1)
    faults = np.zeros(len(given), dtype=np.int8)
    if digits == NANP_DIGITS and not good.all():
        faults[(known & np.uint16(1)) == 1] = NumberFault.NOT_VALID_THERE.value
    return Phones(given * good, faults)


def parse_column(texts: pl.Series, default_country: str | None = None) -> Phones:
    """`parse` for a column of texts or whole numbers, in the same order; null is EMPTY."""
    if texts.dtype.is_float():
        whole = texts.cast(pl.Int64, strict=False)
        texts = whole if (whole.cast(pl.Float64) == texts).all() else texts.cast(pl.String)
    if texts.dtype.is_integer():
        numbers, faults = _vouch_integers(texts, default_country)
    else:
        if texts.dtype != pl.String:
            texts = texts.cast(pl.String)
        numbers, faults = _vouch_texts(texts, default_country)
    left = np.flatnonzero((numbers == 0) & (faults == 0))
    if len(left):
        _ask_library(texts, left, default_country, numbers, faults)
    return Phones(numbers, faults)


def parse_few(texts: Sequence[str]) -> Numbers:
    """`parse` for a handful of texts with `+`, without the cost of a data frame; 0: not understood."""
    numbers = np.zeros(len(texts), dtype=np.uint64)
    left: list[int] = []
    clean: dict[int, list[int]] = {}
    for row, text in enumerate(texts):
        digits = len(text) - 1
        if 7 <= digits <= MOST_DIGITS and text[0] == "+" and text.isascii() and text[1:].isdigit():
            clean.setdefault(digits, []).append(row)
        else:
            left.append(row)
    for digits, rows in clean.items():
        part = _vouch(np.array([int(texts[row]) for row in rows], dtype=np.uint64), digits)
        numbers[rows] = part.numbers
        left.extend(rows[place] for place in np.flatnonzero((part.numbers == 0) & (part.faults == 0)).tolist())
    for row in left:
        found = parse(texts[row])
        numbers[row] = 0 if isinstance(found, NumberFault) else found
    return numbers


def _vouch_texts(texts: pl.Series, default_country: str | None) -> Phones:
    text = pl.col("text")
    columns = texts.to_frame("text").select(
        value=text.cast(pl.UInt64, strict=False).fill_null(0),
        shape=(
            text.str.len_bytes().clip(0, 31).cast(pl.UInt8) + text.str.starts_with("+").cast(pl.UInt8) * 32
        ).fill_null(0),
    )
    values: Numbers = columns["value"].to_numpy()
    shapes = columns["shape"].to_numpy()
    found = Phones(np.zeros(len(values), dtype=np.uint64), np.zeros(len(values), dtype=np.int8))
    counts = np.bincount(shapes, minlength=64)
    for shape in np.flatnonzero(counts).tolist():
        digits = shape - 33 if shape >= 32 else shape
        all_alike = counts[shape] == len(shapes)
        rows = slice(None) if all_alike else np.flatnonzero(shapes == shape)
        if shape >= 32 and 7 <= digits <= MOST_DIGITS:
            part = _vouch(values[rows], digits)
        elif default_country in NANP_DEFAULTS and digits == NANP_DIGITS - 1:
            part = _vouch(values[rows] + NANP_FIRST, NANP_DIGITS)
        elif default_country in NANP_DEFAULTS and digits == NANP_DIGITS:
            some = values[rows]
            part = _vouch(np.where(some // NANP_FIRST == 1, some, np.uint64(0)), NANP_DIGITS)
        else:
            continue
        if all_alike:
            return part
        found.numbers[rows], found.faults[rows] = part
    return found


def _vouch_integers(values: pl.Series, default_country: str | None) -> Phones:
    given: Numbers = values.cast(pl.UInt64, strict=False).fill_null(0).to_numpy()
    if default_country not in NANP_DEFAULTS:
        return Phones(np.zeros(len(given), dtype=np.uint64), np.zeros(len(given), dtype=np.int8))
    full = np.where((given >= 10**9) & (given < NANP_FIRST), given + NANP_FIRST, given)
    return _vouch(np.where(full // NANP_FIRST == 1, full, np.uint64(0)), NANP_DIGITS)


def _ask_library(
    texts: pl.Series, rows: npt.NDArray[np.int64], default_country: str | None, numbers: Numbers, faults: Faults
) -> None:
    asked = texts.gather(rows).cast(pl.String).fill_null("").rename("text")
    unique = asked.unique()
    found = [parse(text, default_country) for text in unique]
    answers = pl.DataFrame(
        {
            "text": unique,
            "number": pl.Series([0 if isinstance(n, NumberFault) else n for n in found], dtype=pl.UInt64),
            "fault": pl.Series([n.value if isinstance(n, NumberFault) else 0 for n in found], dtype=pl.Int8),
        }
    )
    joined = asked.to_frame().join(answers, on="text", how="left", maintain_order="left")
    numbers[rows] = joined["number"].to_numpy()
    faults[rows] = joined["fault"].to_numpy()


def e164(number: int) -> str:
    return f"+{number}"
