"""A list poured through the reader and writer comes out as it went in, with the added column at its row."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forbear.core.errors import BadInput
from forbear.gate import lists

ALPHABET = 'ab1," \n\r\té\x01;'
cells = st.text(ALPHABET, max_size=6)
settled = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def judge(frame: pl.DataFrame) -> tuple[lists.Which, pl.DataFrame]:
    """Adds how many bytes the asked column has, so that a row out of place is seen."""
    lengths = frame["b"].str.len_bytes().fill_null(0).to_numpy()
    return lengths.astype(np.uint32), pl.DataFrame({"n": [str(i) for i in range(int(lengths.max(initial=0)) + 1)]})


def pour(tmp_path: Path, text: str, size: int) -> list[list[str]]:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    out.unlink(missing_ok=True)
    source.write_bytes(text.encode())
    before, lists.BLOCK = lists.BLOCK, size  # type: ignore[misc]
    try:
        done = lists.pour(lists.List(source), out, ["b"], ["n"], judge, lambda *_: None, lambda _: None)
    finally:
        lists.BLOCK = before  # type: ignore[misc]
    rows = list(csv.reader(io.StringIO(out.read_bytes().decode(), newline=""), strict=True))
    assert done.rows == len(rows) - 1
    return rows


@settled
@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.sampled_from([7, 16, 100, 1 << 20]),
)
@example(rows=[("", "", ""), ("a", "", "")], quoting=csv.QUOTE_MINIMAL, end="\n", size=7)
@example(rows=[('"', ",", "\n")], quoting=csv.QUOTE_MINIMAL, end="\r\n", size=16)
def test_whatever_a_value_holds(
    tmp_path: Path, rows: list[tuple[str, str, str]], quoting: int, end: str, size: int
) -> None:
    text = io.StringIO(newline="")
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # this writer leaves a lone CR unquoted
    writer = csv.writer(text, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(("a", "b", "c"))
    writer.writerows(rows)
    poured = pour(tmp_path, text.getvalue(), size)
    assert poured == [["a", "b", "c", "n"], *([*row, str(len(row[1].encode()))] for row in rows)]


@settled
@given(lines=st.lists(st.text('ab",', max_size=9), max_size=10), size=st.sampled_from([7, 100, 1 << 20]))
def test_text_that_is_no_table_is_refused_or_read_as_the_csv_module_reads_it(
    tmp_path: Path, lines: list[str], size: int
) -> None:
    text = "a,b,c\n" + "".join(line + "\n" for line in lines)
    try:
        wanted = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        wanted = None
    if wanted is None or any(len(row) != 3 for row in wanted):
        with pytest.raises(BadInput, match=r"in\.csv"):
            pour(tmp_path, text, size)
        assert not (tmp_path / "out.csv").exists()
        return
    if re.search('[ab]"', text):  # a quote within a value: the csv module takes it as it stands, we need not
        with contextlib.suppress(BadInput):
            pour(tmp_path, text, size)
        return
    assert pour(tmp_path, text, size) == [["a", "b", "c", "n"], *([*row, str(len(row[1]))] for row in wanted[1:])]


@pytest.mark.parametrize("line", ["1,x,2", '"1","x, y","2"', '1,"say ""x""",2', "1,,"])
def test_a_line_without_a_break_in_it_is_written_back_byte_for_byte(tmp_path: Path, line: str) -> None:
    pour(tmp_path, f"a,b,c\n{line}\n" * 1, 1 << 20)
    after = (tmp_path / "out.csv").read_text().splitlines()[1]
    assert after.rpartition(",")[0] == line


@pytest.mark.parametrize(
    ("name", "washed"),
    [
        ("list.csv", "list.washed.csv"),
        ("list.csv.gz", "list.washed.csv.gz"),
        ("list.parquet", "list.washed.parquet"),
        ("my.list.TXT", "my.list.washed.TXT"),
        ("list", "list.washed.csv"),
    ],
)
def test_a_washed_list_lies_beside_the_list(name: str, washed: str) -> None:
    assert lists.safe_name(Path("/x") / name) == Path("/x") / washed
