"""One TOML table being read: every key taken once, what is left over is an error with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NoReturn, TypeVar

from forbear.core.errors import BadInput
from forbear.core.instants import day_of
from forbear.core.words import Word, mask

W = TypeVar("W", bound=Word)

_HEADER = re.compile(r"^\s*\[\[?\s*([\w.\-]+)\s*\]\]?")
_KEY = re.compile(r"^\s*([\w\-\".]+)\s*=")


def lines_of(text: str) -> dict[tuple[str, int, str], int]:
    """Where each key stands: (table, its index among tables of that name, key) -> line. A header's own key is ''."""
    found: dict[tuple[str, int, str], int] = {}
    table, index = "", 0
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header.group(1)
            index = seen.get(table, -1) + 1
            seen[table] = index
            found[(table, index, "")] = number
        elif key := _KEY.match(line):
            found.setdefault((table, index, key.group(1).strip('"').split(".")[0]), number)
    return found


def parse(file: str, content: bytes) -> tuple[dict[str, Any], dict[tuple[str, int, str], int]]:
    """The document and where its keys stand. Raises `BadInput` with the line for anything that is no TOML."""
    if content.startswith(b"\xef\xbb\xbf"):
        raise BadInput("begins with a byte order mark", file=file, line=1, todo="save the file as UTF-8 without one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput("is not UTF-8", file=file, line=line, todo="save the file as UTF-8") from None
    try:
        return tomllib.loads(text), lines_of(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise BadInput(
            f"is not TOML: {error}", file=file, line=int(at.group(1)) if at else None, todo="mend the syntax"
        ) from None
    except RecursionError:
        raise BadInput("is nested too deeply", file=file, todo="a rule file needs four levels at most") from None


class Table:
    """A table of the file; `take_*` removes a key, `done` refuses what nobody took."""

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        file: str,
        lines: Mapping[tuple[str, int, str], int],
        name: str = "",
        index: int = 0,
        within: str = "",
    ) -> None:
        self._left = dict(values)
        self._file, self._lines, self._name, self._index, self._within = file, lines, name, index, within

    def line(self, key: str = "") -> int | None:
        exact = self._lines.get((self._name, self._index, self._within or key))
        if exact is None and self._name:
            exact = self._lines.get((self._name, self._index, "")) or self._lines.get(("", 0, self._name))
        return exact

    def fail(self, what: str, key: str = "", todo: str | None = None) -> NoReturn:
        path = ".".join(part for part in (self._name, self._within, key) if part)
        raise BadInput(what, file=self._file, line=self.line(key), key=path or None, todo=todo)

    def has(self, key: str) -> bool:
        return key in self._left

    def any(self, key: str) -> Any:
        return self._left.pop(key, None)

    def text(self, key: str, *, required: bool = True, one_of: Sequence[str] = ()) -> str:
        value = self._left.pop(key, None)
        if value is None:
            if required:
                self.fail(f"no `{key}`", todo="every rule states one" if not self._name else None)
            return ""
        if not isinstance(value, str) or not value.strip():
            self.fail("must be text", key)
        if one_of and value not in one_of:
            self.fail(f"`{value}` is none of {', '.join(one_of)}", key)
        return value

    def number(self, key: str, *, required: bool = False, least: int = 1) -> int | None:
        value = self._left.pop(key, None)
        if value is None:
            if required:
                self.fail(f"no `{key}`")
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.fail(f"must be a whole number of at least {least}", key)
        return value

    def truth(self, key: str, default: bool = False) -> bool:
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            self.fail("must be true or false", key)
        return value

    def day(self, key: str) -> int | None:
        value = self._left.pop(key, None)
        if value is None:
            return None
        if type(value) is not date:
            self.fail("must be a date, as 2026-11-21 without quotes", key)
        return day_of(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._left.pop(key, None)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            self.fail("must be a list of words", key)
        return tuple(value)

    def mask(self, key: str, words: type[W], shorthands: Mapping[str, int] | None = None) -> int:
        bits = 0
        for word in self.texts(key):
            if shorthands and word in shorthands:
                bits |= shorthands[word]
                continue
            try:
                bits |= words(word).bit
            except ValueError:
                self.fail(f"`{word}` is none of {', '.join(words)}", key)
        return bits

    def table(self, key: str) -> Table:
        value = self._left.pop(key, {})
        if not isinstance(value, dict):
            self.fail("must be a table", key)
        if (key, 0, "") in self._lines:  # written as [key]
            return Table(value, file=self._file, lines=self._lines, name=key)
        return Table(
            value, file=self._file, lines=self._lines, name=self._name, index=self._index, within=self._within or key
        )

    def tables(self, key: str) -> list[Table]:
        value = self._left.pop(key, [])
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail("must be a list of tables", key)
        if (key, 0, "") in self._lines:  # written as [[key]]
            return [
                Table(item, file=self._file, lines=self._lines, name=key, index=index)
                for index, item in enumerate(value)
            ]
        return [
            Table(
                item,
                file=self._file,
                lines=self._lines,
                name=self._name,
                index=self._index,
                within=self._within or key,
            )
            for item in value
        ]

    def left(self) -> dict[str, Any]:
        """All that nobody took, for tables whose keys are free."""
        rest, self._left = self._left, {}
        return rest

    def done(self) -> None:
        for key in self._left:
            self.fail(f"unknown key `{key}`", key, todo="mend the spelling or take it out")


def all_of(words: type[Word]) -> int:
    return mask(words)
