"""The one error for bad input, and where it lies.

Refusals are values (`Code`), never exceptions. What a person or a program handed us in a
form we cannot take is a `BadInput`: what is wrong, where, and what to do about it.
"""

from __future__ import annotations


class BadInput(Exception):
    """Input that cannot be taken. `str()` is one line: `file:line: column: key: what; what to do`."""

    def __init__(
        self,
        what: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        key: str | None = None,
        todo: str | None = None,
    ) -> None:
        self.what = what
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.todo = todo
        super().__init__(what)

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = self.file + (f":{self.line}" if self.line is not None else "") + ": "
        elif self.line is not None:
            where = f"line {self.line}: "
        if self.column is not None:
            where += f"column `{self.column}`: "
        if self.key is not None:
            where += f"key `{self.key}`: "
        return where + self.what + (f"; {self.todo}" if self.todo else "")
