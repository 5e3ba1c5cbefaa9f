"""What commands print: tables for people, one line of JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

R = TypeVar("R")
_HARMLESS: Final = frozenset("\n\t\u200c\u200d\u00a0\u202f\u3000")  # breaks, joiners within words, other spaces
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def as_json(value: Any) -> None:
    """One value as one line of JSON on stdout."""
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, right: str = ""
) -> None:
    """A plain table; columns named in `right` (space-separated) are set flush right. Text is printed as it is.

    Ids are not broken where the rest has room beside them: they are there to be copied into the next command.
    """
    from uuid import UUID

    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    cells = [tuple(row) for row in rows]
    ids = [any(isinstance(row[place], UUID) for row in cells) for place in range(len(columns))]
    least = sum((36 if of_ids else len(column)) + 2 for column, of_ids in zip(columns, ids, strict=True))
    for column, of_ids in zip(columns, ids, strict=True):
        whole = of_ids and least <= console().width
        drawn.add_column(column, justify="right" if column in right.split() else "left", overflow="fold", no_wrap=whole)
    for row in cells:
        drawn.add_row(*(Text("" if cell is None else harmless(str(cell))) for cell in row))
    console().print(drawn)


def listing(rows: Sequence[R], columns: Sequence[str], cells: Callable[[R], Sequence[object]], *, json: bool) -> None:
    """What a `list` command found: as JSON, or as a table with `cells` of each row."""
    if json:
        as_json(rows)
    elif not rows:
        typer.echo("There is none.")
    else:
        table(columns, [cells(row) for row in rows])


def told(value: bool | None, yes: str = "yes", no: str = "no") -> str:
    """A three-valued answer in words."""
    return "not known" if value is None else yes if value else no


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line, values aligned."""
    known = [(name, value) for name, value in rows if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        typer.echo(f"{name:<{width}}  {harmless(str(value))}")


def harmless(text: str) -> str:
    """A stranger's words without what commands a terminal or turns the order of characters around."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _HARMLESS else ascii(one)[1:-1] for one in text)


def paragraph(lead: str, text: str) -> None:
    """Text after a lead; on a terminal wrapped beside it, in a pipe one line."""
    import shutil
    import sys
    import textwrap

    text = harmless(text)
    if not sys.stdout.isatty():
        typer.echo(lead + text)
        return
    width = max(shutil.get_terminal_size().columns - len(lead), 30)
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]:
        typer.echo(lead + line)
        lead = " " * len(lead)
