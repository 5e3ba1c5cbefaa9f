"""What a registry's file says: columns of keys, read whole or refused whole.

The FTC's flat file (one number a line) and its change list; the fixed width records of the
British preference services; the answers of a washing service such as ACMA's or of the
Reassigned Numbers Database; a plain CSV of numbers, e-mail addresses or hashes; hashes one a
line, or as records of bytes. A line that is not what the form says ends the reading with its
place, never with a guess.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.core.errors import BadInput
from forbear.registries.numberset import FIRST, SPAN, Keys, Mask
from forbear.registries.sources import Block, Source

KeysOf = Callable[[pl.Series], npt.NDArray[np.uint64]]  # 0 for what is not an address

_US: Final = np.uint64(10_000_000_000)
_WEIGHTS = 10.0 ** np.arange(9, -1, -1)
_ROWS = 16_384  # of a flat file, at a time: what stays in cache
_ACTIONS = {"A": True, "D": False}
_TIMES = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y",
)


class Answers(NamedTuple):
    keys: Keys
    listed: Mask
    no_data: Mask | None = None  # asked, and the registry cannot tell


class Changes(NamedTuple):
    keys: Keys
    add: Mask
    at: npt.NDArray[np.int64]  # 0 where the file states none: then the order of lines counts


# --- the FTC's full flat file ------------------------------------------------------------


def ftc_full(source: Source) -> Iterator[Keys]:
    """`NNN,NNNNNNN` a line, or ten digits a line, as E.164 keys. One form and one line end throughout."""
    width = 0
    for block in source.blocks():
        if width == 0:
            head = re.match(rb"(?:\d{3},\d{7}|\d{10})(\r?\n|$)", block.text[:16])
            if head is None:
                raise source.bad("is not NNN,NNNNNNN nor ten digits", block.line, todo="is this the FTC's flat file?")
            width = head.end() + (0 if head[1] else 1)
            split = block.text[3:4] == b","
        yield from _flat(source, block, width, split)


def _flat(source: Source, block: Block, width: int, split: bool) -> Iterator[Keys]:
    ends = b"\r\n" if width - (11 if split else 10) == 2 else b"\n"
    text = block.text if block.text.endswith(b"\n") else block.text + ends
    whole = len(text) // width
    rows = np.frombuffer(text, np.uint8, whole * width).reshape(whole, width)
    shape = np.frombuffer((b"000,0000000" if split else b"0000000000") + ends, np.uint8)
    fixed = np.flatnonzero(shape != ord("0"))
    digits = np.flatnonzero(shape == ord("0"))
    for start in range(0, whole, _ROWS):
        part = rows[start : start + _ROWS]
        value = (np.delete(part, fixed, axis=1) if split else part[:, :10]) - np.uint8(48)
        good = (value.max(axis=0).max() <= 9) and bool((part[:, fixed] == shape[fixed]).all())
        if not good:
            bad = (part[:, fixed] != shape[fixed]).any(axis=1) | (part[:, digits] - np.uint8(48) > 9).any(axis=1)
            raise _bad_flat(source, text, block.line + start, (start + int(bad.argmax())) * width, start * width)
        keys = _US + (value.astype(np.float64) @ _WEIGHTS).astype(np.uint64)
        outside = keys - FIRST >= SPAN
        if outside.any():
            raise source.bad(
                "an area code beginning with 0 or 1", block.line + start + int(outside.argmax()), todo="no such number"
            )
        yield keys
    if whole * width != len(text):
        raise _bad_flat(source, text, block.line, whole * width, 0)


def _bad_flat(source: Source, text: bytes, line: int, at: int, since: int) -> BadInput:
    line += text.count(b"\n", since, at)
    stop = text.find(b"\n", at)
    got = text[at : stop if stop >= 0 else None].rstrip(b"\r")
    return source.bad(f"{len(got)} characters that are no number in the form of the lines before", line)


# --- the fixed width file of the TPS and CTPS ------------------------------------------------


_TPS_WIDTH: Final = 12
_NDC: Final = 5  # characters of the national dialling code, left justified
_TPS_DIGITS: Final = (10, 11)  # of a number with its 0; 8 only of 0800 1111 and its like
_BRITAIN: Final = 44


def tps(source: Source) -> Iterator[Keys]:
    """Records of twelve characters, as E.164 keys of +44.

    Either a dialling code in five characters and the rest in seven, flush to the outside (`01635 506160`),
    or the whole number flush left (`01635506160 `); one of the two, and one line end, throughout.
    """
    width, split = 0, False
    for block in source.blocks():
        text, line = block
        if width == 0:
            head = re.match(rb"[^\r\n]{12}(\r?\n|$)", text)
            if head is None:
                got = len(text.partition(b"\n")[0].rstrip(b"\r"))
                raise source.bad(f"{got} characters, not {_TPS_WIDTH}", line, todo="is this the fixed width file?")
            width, ends = head.end() + (0 if head[1] else 2), head[1] or b"\r\n"
            split = b" " in text[:_TPS_WIDTH].rstrip(b" ")
        if not text.endswith(b"\n"):
            text += ends
        count = len(text) // width
        rows = np.frombuffer(text, np.uint8, count * width).reshape(count, width)
        if count * width != len(text) or not (rows[:, _TPS_WIDTH:] == np.frombuffer(ends, np.uint8)).all():
            raise _bad_width(source, text, line)
        yield _tps_keys(source, rows[:, :_TPS_WIDTH], split, line)


def _bad_width(source: Source, text: bytes, line: int) -> BadInput:
    rows = text.removesuffix(b"\n").split(b"\n")
    crlf = rows[0].endswith(b"\r")
    for number, row in enumerate(rows, line):
        if len(row.rstrip(b"\r")) != _TPS_WIDTH:
            return source.bad(f"{len(row.rstrip(bytes([13])))} characters, not {_TPS_WIDTH}", number)
        if row.endswith(b"\r") != crlf:
            return source.bad("ends in another way than the lines before", number)
    return source.bad("is torn", line + len(rows) - 1)


def _tps_keys(source: Source, rows: npt.NDArray[np.uint8], split: bool, line: int) -> Keys:
    digit, blank = rows - np.uint8(48) <= 9, rows == ord(" ")
    count = digit.sum(axis=1)
    after_blank = blank[:, :-1] & digit[:, 1:]  # a digit follows a blank
    before_blank = digit[:, :-1] & blank[:, 1:]
    codes, rests = slice(0, _NDC), slice(_NDC, _TPS_WIDTH)
    if split:
        code = ~(digit | blank)[:, codes].all(axis=1) | after_blank[:, : _NDC - 1].any(axis=1)
        code |= (rows[:, 0] != ord("0")) | ~digit[:, 1:3].all(axis=1)
        rest = ~(digit | blank)[:, rests].all(axis=1) | before_blank[:, _NDC:].any(axis=1) | ~digit[:, -1]
    else:
        code = ~(digit | blank).all(axis=1) | after_blank.any(axis=1) | (rows[:, 0] != ord("0"))
        rest = np.zeros(len(rows), np.bool_)
    good = np.isin(count, _TPS_DIGITS) | ((count == 8) & (rows[:, 1] == ord("8")))
    wrong = code | rest | ~good | (rows[:, 1] == ord("0"))
    if wrong.any():
        at = int(wrong.argmax())
        where = "1-12" if not split else "1-5" if code[at] else "6-12" if rest[at] else "1-12"
        todo = "a code in 1-5 and the rest in 6-12, as in the lines before" if split else "as in the lines before"
        raise source.bad("is no British number with its 0", line + at, where, todo=todo)
    value = np.zeros(len(rows), np.uint64)
    for i in range(_TPS_WIDTH):
        value = np.where(digit[:, i], value * np.uint64(10) + (rows[:, i] - np.uint8(48)), value)
    keys: Keys = value + np.uint64(_BRITAIN) * np.uint64(10) ** (count - 1).astype(np.uint64)
    return keys


# --- hashes as bytes --------------------------------------------------------------------------


def digests(source: Source, size: int) -> Iterator[Keys]:
    """Records of `size` bytes, one hash each, with nothing between them; as the keys of those hashes."""
    rest, read = b"", 0
    for block in source.blocks():
        text = rest + block.text
        whole = len(text) // size * size
        rest, read = text[whole:], read + whole
        rows = np.frombuffer(text, np.uint8, whole).reshape(-1, size)
        yield np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype(np.uint64)
    source.lines = read // size
    if rest:
        raise source.bad(f"its size is no multiple of {size} bytes", todo="it is torn, or made of other hashes")


# --- comma separated files ----------------------------------------------------------------


class Table(NamedTuple):
    """Some lines of a comma separated file, every value as text."""

    frame: pl.DataFrame
    line: int


def tables(source: Source, names: Sequence[str] | None) -> Iterator[Table]:
    """The file in pieces. `names` for a file without a header; `None`: its first line names the columns."""
    columns = list(names) if names is not None else None
    for block in source.blocks():
        text, line = block
        if columns is None:
            head, _, text = text.partition(b"\n")
            columns = _split(source, head, line)
            line += 1
            twice = {c for c in columns if columns.count(c) > 1}
            if twice:
                raise source.bad("stands there twice", 1, min(twice))
        if text:
            yield Table(_parse(source, text, line, columns), line)


def _split(source: Source, text: bytes, line: int) -> list[str]:
    try:
        (row,) = csv.reader([text.decode().rstrip("\r\n")], strict=True)
    except (csv.Error, ValueError) as error:
        raise source.bad(f"cannot be split into columns: {error}", line) from None
    return [value.strip() for value in row]


def _parse(source: Source, text: bytes, line: int, columns: list[str]) -> pl.DataFrame:
    if b'"' in text:  # rare in such files; slower, and as strict
        rows = [_split(source, row, line + i) for i, row in enumerate(text.removesuffix(b"\n").split(b"\n"))]
        for i, row in enumerate(rows):
            if len(row) != len(columns):
                raise _columns(source, line + i, len(row), columns)
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    letters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(letters == ord("\n"))
    if not text.endswith(b"\n"):
        ends = np.append(ends, len(text))
    commas = np.diff(np.searchsorted(np.flatnonzero(letters == ord(",")), ends), prepend=0)
    wrong = np.flatnonzero(commas != len(columns) - 1)
    if wrong.size:
        raise _columns(source, line + int(wrong[0]), int(commas[wrong[0]]) + 1, columns)
    frame = pl.read_csv(
        text,
        has_header=False,
        new_columns=columns,
        schema_overrides=dict.fromkeys(columns, pl.String) if columns else None,
        infer_schema=False,
        quote_char=None,
        empty_string_is_null=False,
    )
    if frame.height != ends.size:
        empty = np.flatnonzero(np.diff(ends, prepend=-1) == 1)
        raise source.bad("an empty line", line + int(empty[0]) if empty.size else line)
    return frame.with_columns(pl.all().str.strip_chars())


def _columns(source: Source, line: int, got: int, columns: Sequence[str]) -> BadInput:
    return source.bad(f"{got} columns instead of {len(columns)} ({', '.join(columns)})", line)


def _column(source: Source, table: Table, name: str) -> pl.Series:
    if name not in table.frame.columns:
        raise source.bad("is not there", 1, name, todo=f"the file has {', '.join(table.frame.columns)}")
    return table.frame[name]


def _keys(source: Source, table: Table, name: str, keys_of: KeysOf, what: str) -> Keys:
    keys = keys_of(_column(source, table, name))
    bad = keys == 0
    if bad.any():
        raise source.bad(what, table.line + int(bad.argmax()), name)
    return keys


ADDRESS: Final = "is not an address of this registry's kind"


def plain(
    source: Source, column: str, keys_of: KeysOf, what: str = ADDRESS, names: Sequence[str] | None = None
) -> Iterator[Keys]:
    """A CSV with a header (or the columns `names`) and one column of addresses; `what` is said of any other text."""
    for table in tables(source, names):
        yield _keys(source, table, column, keys_of, what)


def answers(
    source: Source,
    column: str,
    keys_of: KeysOf,
    result: str | None,
    listed: Sequence[str],
    clean: Sequence[str],
    no_data: Sequence[str] = (),
    *,
    what: str = ADDRESS,
    since: str | None = None,
    asked_day: int | None = None,
) -> Iterator[Answers]:
    """A washing service's answers: a CSV with a header, an address and what was answered.

    `listed`, `clean` and `no_data` are the words (compared without case) of the column `result`; any
    other word refuses the file. Without `result` every address in the file has the one
    answer whose words are not empty. `since` is the column of the day that was asked about
    (Reassigned Numbers Database), which must not be after the day of asking.
    """
    yes, no, unknown = ([word.casefold() for word in words] for words in (listed, clean, no_data))
    if len({*yes, *no, *unknown}) < len(yes) + len(no) + len(unknown):
        raise BadInput("one word has two meanings", key="result")
    for table in tables(source, None):
        keys = _keys(source, table, column, keys_of, what)
        if since is not None:
            _check_days(source, table, since, asked_day)
        if result is None:
            yield Answers(keys, np.full(keys.size, bool(yes)))
            continue
        word = _column(source, table, result).str.to_lowercase()
        is_yes, is_no, is_unknown = (word.is_in(words).to_numpy() for words in (yes, no, unknown))
        odd = ~(is_yes | is_no | is_unknown)
        if odd.any():
            known = " or ".join([*listed, *clean, *no_data])
            raise source.bad(
                f"is not {known}", table.line + int(odd.argmax()), result, todo="state which word means what"
            )
        yield Answers(keys, is_yes, is_unknown if unknown else None)


def _check_days(source: Source, table: Table, name: str, asked_day: int | None) -> None:
    column = _column(source, table, name)
    days = column.str.replace(r"^(\d{4})(\d\d)(\d\d)$", "$1-$2-$3").str.to_date("%Y-%m-%d", strict=False)
    if days.null_count():
        line = table.line + int(days.is_null().arg_max() or 0)
        raise source.bad("is no date", line, name, todo="like 2026-11-21 or 20261121")
    late = days.to_physical().to_numpy() > (asked_day if asked_day is not None else np.iinfo(np.int32).max)
    if late.any():
        raise source.bad("is after the day of asking", table.line + int(late.argmax()), name)


# --- the FTC's change list ----------------------------------------------------------------


def ftc_changes(source: Source, columns: Sequence[str]) -> Iterator[Changes]:
    """Adds and deletes. `columns` names the file's columns in order, out of `number` (or `area` and
    `local`), `action` (A or D), `at` (when) and `-` (anything else): the order is not published.
    """
    if "action" not in columns or not ({"number"} <= set(columns) or {"area", "local"} <= set(columns)):
        raise BadInput("needs `action`, and `number` or `area` and `local`", key="columns")
    odd = set(columns) - {"number", "area", "local", "action", "at", "-"}
    if odd:
        raise BadInput(f"`{min(odd)}` is none of number, area, local, action, at, -", key="columns")
    names = [name if name != "-" else f"-{i}" for i, name in enumerate(columns)]
    if len(set(names)) != len(names):
        raise BadInput("names a column twice", key="columns")
    form: str | None = None
    for table in tables(source, names):
        frame = table.frame
        if "number" in frame.columns:
            column, digits = "number", frame["number"].str.replace_all(r"[-,. ()]", "").str.strip_prefix("+1")
        else:
            column, digits = "area", frame["area"] + frame["local"]
        good = digits.str.contains(r"^[2-9]\d{9}$").to_numpy()
        if not good.all():
            raise source.bad("is not a number of ten digits", table.line + int((~good).argmax()), column)
        action = frame["action"].str.to_uppercase().replace_strict(_ACTIONS, default=None, return_dtype=pl.Boolean)
        if action.null_count():
            raise source.bad("is neither A nor D", table.line + int(action.is_null().arg_max() or 0), "action")
        at = np.zeros(frame.height, np.int64)
        if "at" in frame.columns:
            form = form or _form_of(source, table)
            moments = frame["at"].str.to_datetime(form, time_unit="us", strict=False)
            if moments.null_count():
                line = table.line + int(moments.is_null().arg_max() or 0)
                raise source.bad("is not a time in the form of the lines before", line, "at")
            at = moments.to_physical().to_numpy()
        yield Changes(digits.cast(pl.UInt64).to_numpy() + _US, action.to_numpy(), at)


def _form_of(source: Source, table: Table) -> str:
    first = table.frame["at"].head(1)
    for form in _TIMES:
        if first.str.to_datetime(form, strict=False).null_count() == 0:
            return form
    raise source.bad("is not a time", table.line, "at", todo="like 2026-11-21T06:30:00, 20261121063000 or 11/21/2026")


def settled(changes: Sequence[Changes]) -> tuple[Keys, Keys]:
    """What to add and what to remove: of several changes of one number the last holds."""
    if not changes:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    keys, add, at = (np.concatenate(column) for column in zip(*changes, strict=True))
    order = np.lexsort((np.arange(keys.size), at, keys))
    keys, add = keys[order], add[order]
    last = np.append(keys[1:] != keys[:-1], True)
    return keys[last & add], keys[last & ~add]
