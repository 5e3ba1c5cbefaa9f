"""A contact list read in batches and written again with more columns, every row kept as it came.

A CSV without quotes (nearly all of them) is never taken apart: a line is written back as it
stands, with the new columns behind it, and only the columns that are asked for are parsed.
Memory is bounded by a few blocks. The output takes its name when it is whole.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.core.errors import BadInput

BLOCK: Final = 16 << 20
LONGEST_RECORD: Final = 4 << 20
_SYNC: Final = 64 << 20
ROWS: Final = 200_000  # of a Parquet file, at a time
_LINE = "\x01"  # a separator that no line may hold: then a line is one value
_EXTRA = "\x02extra"

Tick = Callable[[int, int, int], None]  # bytes read, bytes in all, rows done
Which = npt.NDArray[np.uint32]
Judge = Callable[[pl.DataFrame], tuple[Which, pl.DataFrame]]
"""The asked columns -> by row, the row of a small table that holds the columns to add."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a list lies on disk, told from its first bytes; of an output, from its name."""

    parquet: bool
    packed: bool  # gzip

    @staticmethod
    def of_name(path: Path) -> Form:
        names = path.name.lower()
        return Form(names.endswith((".parquet", ".pq")), names.endswith(".gz"))


@dataclass(slots=True)
class Done:
    """What went through."""

    rows: int
    input_digest: str
    output_digest: str
    input_bytes: int
    output_bytes: int


class List:
    """A list to be read once. `columns` are its names, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        try:
            self.size = path.stat().st_size
            with path.open("rb") as file:
                start = file.read(8)
        except OSError as error:
            raise self.bad(f"cannot be read: {error.strerror}") from None
        if self.size == 0:
            raise self.bad("is empty")
        self.form = Form(start.startswith(b"PAR1"), start.startswith(b"\x1f\x8b"))
        if start.startswith(b"PK\x03\x04"):
            raise self.bad("is a zip archive or a spreadsheet", todo="save the list as CSV or Parquet")
        self.columns = self._parquet_columns() if self.form.parquet else self._csv_columns()
        twice = sorted({c for c in self.columns if self.columns.count(c) > 1})
        if twice:
            raise self.bad("stands there twice", 1, twice[0])
        if "" in self.columns:
            raise self.bad("a column without a name", 1)

    def bad(self, what: str, line: int | None = None, column: str | None = None, todo: str | None = None) -> BadInput:
        return BadInput(what, file=self.name, line=line, column=column, todo=todo)

    def _parquet_columns(self) -> list[str]:
        try:
            return list(pl.read_parquet_schema(self.path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self.bad(f"is no whole Parquet file: {str(error).splitlines()[0]}") from None

    def _csv_columns(self) -> list[str]:
        with self.path.open("rb") as raw:
            file = gzip.GzipFile(fileobj=raw) if self.form.packed else raw
            head = self._read(file, 1 << 20)  # type: ignore[arg-type]  # reads like a file
        for mark, what in ((b"\xff\xfe", "is UTF-16"), (b"\xfe\xff", "is UTF-16"), (b"\xef\xbb\xbf", "")):
            if head.startswith(mark):
                if what:
                    raise self.bad(what, 1, todo="save it as UTF-8")
                head = head[3:]
        line, end, _ = head.partition(b"\n")
        if not end and len(head) >= 1 << 20:
            raise self.bad("the first line is longer than 1 MiB", 1, todo="is this a CSV?")
        self.check(line, 0)
        try:
            (names,) = csv.reader([line.decode().rstrip("\r")], strict=True)
        except (csv.Error, ValueError) as error:
            raise self.bad(f"the column names cannot be read: {error}", 1) from None
        return [name.strip() for name in names]

    def _read(self, file: IO[bytes], size: int) -> bytes:
        try:
            return file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.bad(f"is torn or damaged: {error}", todo="fetch it again") from None

    def check(self, text: bytes, at: int) -> None:
        """Raises for what is not text. `at`: how many bytes lie before it."""
        nul = text.find(b"\0")
        if nul >= 0:
            line = self.line_at(at) + text.count(b"\n", 0, nul)
            raise self.bad("holds a NUL byte", line, todo="it is torn, or not a text file")
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError as error:
                line = self.line_at(at) + text.count(b"\n", 0, error.start)
                raise self.bad("is not UTF-8", line, todo="save it as UTF-8") from None

    def line_at(self, at: int) -> int:
        """The number of the line that begins after `at` bytes. Read again: only a refusal asks."""
        line = 1
        with self.path.open("rb") as raw:
            file = gzip.GzipFile(fileobj=raw) if self.form.packed else raw
            while at > 0 and (piece := self._read(file, min(at, BLOCK))):  # type: ignore[arg-type]  # reads like a file
                line += piece.count(b"\n")
                at -= len(piece)
        return line


def pour(
    source: List,
    out: Path,
    asked: Sequence[str],
    added: Sequence[str],
    judge: Judge,
    tick: Tick,
    record: Callable[[Done], None],
) -> Done:
    """Every row of `source` into `out` with the columns `added` that `judge` makes of the columns `asked`.

    `record` is called when the output is whole and synced, before it takes its name. Raises
    `BadInput` for a file that cannot be taken; then nothing is left at `out`.
    """
    for name in added:
        if name in source.columns:
            raise source.bad("is there already", 1, name, todo="wash the list as it was before the last wash")
    temp = out.with_name(f".{out.name}.{os.getpid()}.part")
    form = Form.of_name(out)
    try:
        if form.parquet or source.form.parquet:
            done = _by_frames(source, temp, form, asked, judge, tick)
        else:
            done = _by_lines(source, temp, form, asked, added, judge, tick)
        with temp.open("rb") as file:
            os.fsync(file.fileno())
        record(done)
        temp.replace(out)
    finally:
        temp.unlink(missing_ok=True)
    return done


# --- CSV to CSV -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Block:
    """Whole records, and how many bytes of the file lie before them."""

    source: List
    text: bytes
    at: int

    @property
    def line(self) -> int:
        return self.source.line_at(self.at)


def _blocks(source: List, seen: hashlib._Hash) -> Iterator[_Block]:
    """The file after its first line, in blocks of whole records."""
    rest, at, quoted, first = b"", 0, False, True
    with source.path.open("rb", buffering=0) as raw, ThreadPoolExecutor(1) as pool:
        hashing: Future[None] | None = None
        file: IO[bytes] = gzip.GzipFile(fileobj=raw) if source.form.packed else raw  # type: ignore[assignment]
        if source.form.packed:
            while piece := raw.read(BLOCK):
                seen.update(piece)
            raw.seek(0)
        while piece := source._read(file, BLOCK):
            if not source.form.packed:
                if hashing is not None:
                    hashing.result()
                hashing = pool.submit(seen.update, piece)
            if first:  # the names of the columns were read before
                head, end, after = (rest + piece).partition(b"\n")
                if not end:
                    rest += piece
                    continue
                first, rest, piece, at = False, b"", after, len(head) + 1
            if b'"' not in piece and b'"' not in rest:
                cut = piece.rfind(b"\n") + 1
                text, rest = b"".join((rest, memoryview(piece)[:cut])) if cut else b"", rest * (not cut) + piece[cut:]
            else:
                held = rest + piece
                cut, quoted = _last_record(held)
                text, rest = held[:cut], held[cut:]
            if cut == 0:
                if len(rest) > LONGEST_RECORD:
                    what = "a quote that is never closed" if quoted else "a line of more than 4 MiB"
                    raise source.bad(what, source.line_at(at), todo="this is no list of one contact a line")
                continue
            source.check(text, at)
            yield _Block(source, text, at)
            at += len(text)
        if hashing is not None:
            hashing.result()
        if rest and not first:
            if quoted:
                todo = "it is torn, or a quote stands alone in a value"
                raise source.bad("ends inside quotes", source.line_at(at), todo=todo)
            source.check(rest, at)
            yield _Block(source, rest, at)


def _last_record(text: bytes) -> tuple[int, bool]:
    """The end of the last whole record, and whether a quote is open at the end."""
    if b'"' not in text:
        return text.rfind(b"\n") + 1, False
    letters = np.frombuffer(text, np.uint8)
    marks = np.flatnonzero((letters == ord('"')) | (letters == ord("\n")))
    is_quote = letters[marks] == ord('"')
    inside = np.cumsum(is_quote) & 1
    ends = marks[~is_quote & (inside == 0)]
    return (int(ends[-1]) + 1 if ends.size else 0), bool(inside[-1])


def _by_lines(
    source: List, temp: Path, form: Form, asked: Sequence[str], added: Sequence[str], judge: Judge, tick: Tick
) -> Done:
    read, written = hashlib.sha256(), hashlib.sha256()
    rows = done = 0
    with (
        _output(temp, form) as out,
        ThreadPoolExecutor(2) as pool,
        ThreadPoolExecutor(1) as hasher,
        ThreadPoolExecutor(1) as disk,
    ):
        hashing: Future[None] | None = None
        syncing: Future[None] | None = None
        since = 0

        def put(text: bytes | memoryview) -> None:
            nonlocal hashing, syncing, since
            if hashing is not None:
                hashing.result()
            hashing = None if form.packed else hasher.submit(written.update, text)
            out.write(text)
            since += len(text)
            if since > _SYNC and (syncing is None or syncing.done()):  # so that little is left to wait for at the end
                syncing, since = disk.submit(os.fdatasync, out.fileno()), 0

        put(_header(source.columns, added))
        waiting: list[tuple[Future[tuple[memoryview, int]], int]] = []
        try:
            for block in _blocks(source, read):
                waiting.append((pool.submit(_judged, source, block, asked, judge), len(block.text)))
                while len(waiting) > 2 or (waiting and waiting[0][0].done()):
                    text, some = waiting[0][0].result()
                    put(text)
                    rows, done = rows + some, done + waiting[0][1]
                    waiting.pop(0)
                    tick(done if not source.form.packed else 0, source.size, rows)
            for future, _ in waiting:
                text, some = future.result()
                put(text)
                rows += some
        except BaseException:
            for future, _ in waiting:
                future.cancel()
            raise
    tick(source.size, source.size, rows)
    digest = "sha256:" + (written.hexdigest() if not form.packed else _digest_of(temp))
    return Done(rows, "sha256:" + read.hexdigest(), digest, source.size, temp.stat().st_size)


def _header(columns: Sequence[str], added: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([*columns, *added])
    return line.getvalue().encode()


def _output(temp: Path, form: Form) -> IO[bytes]:
    if form.packed:
        return gzip.open(temp, "wb", compresslevel=4)  # type: ignore[return-value]
    return temp.open("wb", buffering=0)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _judged(source: List, block: _Block, asked: Sequence[str], judge: Judge) -> tuple[memoryview, int]:
    """A block of the output, and how many rows it has."""
    text = block.text
    quoted = b'"' in text
    if b"\x01" in text or (b"\r" in text and b"\r" in text.replace(b"\r\n", b"")):
        return _judged_apart(source, block, asked, judge)
    if quoted and not _lines_are_rows(text, len(source.columns)):
        return _judged_apart(source, block, asked, judge)
    schema = dict.fromkeys([*source.columns, _EXTRA], pl.String)
    shape: dict[str, Any] = {"has_header": False, "empty_string_is_null": False}
    try:
        lines = pl.read_csv(text, separator=_LINE, new_columns=["line"], infer_schema=False, quote_char=None, **shape)
        if not quoted:
            _check_shape(source, block, lines["line"])
        quote = '"' if quoted else None
        rows = pl.scan_csv(text, schema=schema, missing_columns="insert", quote_char=quote, **shape)
        frame = rows.select(*asked, _EXTRA).collect()
    except pl.exceptions.PolarsError:
        raise _find_misshapen(source, block) from None
    longer = frame[_EXTRA].str.len_bytes().fill_null(0) > 0
    if frame.height != lines.height or longer.any():
        if quoted:
            return _judged_apart(source, block, asked, judge)
        raise _find_misshapen(source, block)
    which, table = judge(frame.drop(_EXTRA))
    ends = table.select(end=pl.concat_str(pl.all(), separator=","))["end"]
    out = io.BytesIO()
    pl.DataFrame([lines["line"], ends.gather(which)]).write_csv(out, include_header=False, quote_style="never")
    return out.getbuffer(), lines.height


def _lines_are_rows(text: bytes, columns: int) -> bool:
    """Of text with quotes: each line is one row of so many columns, and every quote begins or ends a value."""
    letters = np.frombuffer(text if text.endswith(b"\n") else text + b"\n", np.uint8)
    marks = np.flatnonzero((letters == _QUOTE) | (letters == _COMMA) | (letters == _END))
    kind = letters[marks]
    is_quote = kind == _QUOTE
    inside = (np.cumsum(is_quote) & 1).astype(np.bool_)
    is_end = kind == _END
    if inside[is_end].any():
        return False  # a line break within a value
    commas = np.cumsum((kind == _COMMA) & ~inside)[is_end]
    if (np.diff(commas, prepend=0) != columns - 1).any():
        return False
    quotes = marks[is_quote]
    opens, closes = quotes[::2], quotes[1::2]
    before = letters[np.maximum(opens - 1, 0)]
    starts = (before == _COMMA) | (before == _END) | (before == _QUOTE) | (opens == 0)
    after = letters[closes + 1]
    stops = (after == _COMMA) | (after == _END) | (after == _QUOTE) | (after == _RETURN)
    return bool(starts.all() and stops.all())


_QUOTE, _COMMA, _END, _RETURN = (np.uint8(ord(c)) for c in '",\n\r')


def _check_shape(source: List, block: _Block, lines: pl.Series) -> None:
    """Every row has its columns, where no row has a value beyond the last (the caller looks at that).

    As many commas as the rows need are enough then, but where a line ends in a comma: one too
    many there may stand for one too few elsewhere, so each line is counted.
    """
    letters = np.frombuffer(block.text, np.uint8)
    parts = range(0, letters.size, 1 << 17)
    commas = sum(int(np.count_nonzero(letters[start : start + (1 << 17)] == _COMMA)) for start in parts)
    width = len(source.columns) - 1
    if commas != lines.len() * width:
        raise _find_misshapen(source, block)
    if lines.str.ends_with(",").any() and (lines.fill_null("").str.count_matches(",", literal=True) != width).any():
        raise _find_misshapen(source, block)


def _find_misshapen(source: List, block: _Block) -> BadInput:
    width = len(source.columns)
    for number, line in enumerate(block.text.split(b"\n"), block.line):
        got = line.count(b",") + 1
        if line.strip(b"\r") == b"" and width > 1:
            return source.bad("an empty line", number)
        if got != width:
            return source.bad(f"{got} columns instead of {width}", number, todo="quote values that hold a comma")
    return source.bad("cannot be split into rows and columns", block.line)


def _judged_apart(source: List, block: _Block, asked: Sequence[str], judge: Judge) -> tuple[memoryview, int]:
    """The slower way, for text with quotes: taken apart and put together again."""
    line = block.line
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(block.text.decode(), newline=""), strict=True)
    try:
        for row in reader:
            if len(row) != len(source.columns):
                what = f"{len(row)} columns instead of {len(source.columns)}" if row else "an empty line"
                raise source.bad(what, line + reader.line_num - 1)
            rows.append(row)
    except csv.Error as error:
        raise source.bad(f"cannot be split into columns: {error}", line + reader.line_num - 1) from None
    places = [source.columns.index(name) for name in asked]
    frame = pl.DataFrame({name: [row[i] for row in rows] for name, i in zip(asked, places, strict=True)})
    which, table = judge(frame)
    more = table.rows()
    out = io.StringIO(newline="")
    plain = csv.writer(out, lineterminator="\n")
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # the other leaves a lone CR unquoted
    odd = b"\r" in block.text
    for row, i in zip(rows, which.tolist(), strict=True):
        whole = [*row, *more[i]]
        (careful if odd and any("\r" in value for value in row) else plain).writerow(whole)
    return memoryview(out.getvalue().encode()), len(rows)


# --- Parquet on either side -----------------------------------------------------------------


def _by_frames(source: List, temp: Path, form: Form, asked: Sequence[str], judge: Judge, tick: Tick) -> Done:
    read = hashlib.sha256()
    rows = 0

    def frames() -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in _frames(source, read):
            which, table = judge(frame.select(asked))
            rows += frame.height
            tick(0, source.size, rows)
            yield frame.hstack(table[which])

    if form.parquet:
        _sink_parquet(frames(), temp)
    else:
        with _output(temp, form) as out:
            first = True
            for frame in frames():
                frame.write_csv(out, include_header=first)
                first = False
            if first:
                raise source.bad("holds no rows")
    tick(source.size, source.size, rows)
    return Done(rows, "sha256:" + read.hexdigest(), "sha256:" + _digest_of(temp), source.size, temp.stat().st_size)


def _frames(source: List, read: hashlib._Hash) -> Iterator[pl.DataFrame]:
    if not source.form.parquet:
        schema = dict.fromkeys(source.columns, pl.String)
        for block in _blocks(source, read):
            if b'"' in block.text:
                reader = csv.reader(io.StringIO(block.text.decode(), newline=""), strict=True)
                table = list(reader)
                if any(len(row) != len(source.columns) for row in table):
                    raise source.bad("a row with another number of columns", block.line)
                yield pl.DataFrame(table, schema=schema, orient="row")
                continue
            lines = pl.Series("line", block.text.decode().removesuffix("\n").split("\n"), pl.String)
            _check_shape(source, block, lines)
            try:
                yield pl.read_csv(
                    block.text, has_header=False, schema=schema, quote_char=None, empty_string_is_null=False
                )
            except pl.exceptions.PolarsError:
                raise _find_misshapen(source, block) from None
        return
    with source.path.open("rb") as file:
        while piece := file.read(BLOCK):
            read.update(piece)
    lazy = pl.scan_parquet(source.path)
    try:
        total = int(lazy.select(pl.len()).collect().item())
        for start in range(0, total, ROWS):
            yield lazy.slice(start, ROWS).collect()
    except pl.exceptions.PolarsError as error:
        raise source.bad(f"is no whole Parquet file: {str(error).splitlines()[0]}") from None


def _sink_parquet(frames: Iterator[pl.DataFrame], temp: Path) -> None:
    from polars.io.plugins import register_io_source

    first = next(frames, None)
    if first is None:
        raise BadInput("holds no rows")

    def source(
        columns: list[str] | None, predicate: Any, n_rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        yield first
        yield from frames

    register_io_source(source, schema=first.schema, is_pure=False).sink_parquet(temp, maintain_order=True)


def safe_name(path: Path) -> Path:
    """Where the washed list goes when nobody says: beside the list, its kind kept."""
    found = re.fullmatch(r"(.+?)(\.(?:csv|txt|parquet|pq)(?:\.gz)?|\.gz)?", path.name, re.IGNORECASE)
    assert found is not None
    return path.with_name(f"{found[1]}.washed{found[2] or '.csv'}")
