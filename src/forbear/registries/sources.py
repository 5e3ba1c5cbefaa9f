"""A registry's file as blocks of whole lines, whatever it is packed in.

What is torn, truncated, of another encoding or not text at all is refused here, before
anything is made of it. Memory is bounded by the block, not by the file or its lines.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, NamedTuple

from forbear.core.errors import BadInput

Tick = Callable[[int, int], None]  # bytes read so far, bytes in all (of the file as it lies on disk)

BLOCK: Final = 8 << 20
LONGEST_LINE: Final = 1 << 20
UNPACKED_MOST: Final = 64 << 30  # a registry of every number on earth is smaller

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_STATED = re.compile(rb"#[ \t]*([A-Za-z][A-Za-z _-]*?)[ \t]*:[ \t]*(.*?)[ \t]*\r?\n")
_MARKS = {
    b"\xef\xbb\xbf": "begins with a byte-order mark",
    b"\xff\xfe": "is UTF-16",
    b"\xfe\xff": "is UTF-16",
}


class Block(NamedTuple):
    """Whole lines; only a file's last one may lack its line end."""

    text: bytes
    line: int  # the number of the first line, from 1


class Source:
    """One file to read, once: `blocks`; then `digest`, `size` and `lines` say what was read.

    Lines at the top like `# edition: 2026-10-01` state something of the file, and are no part of the list.
    """

    def __init__(self, path: Path, tick: Tick | None = None, *, binary: bool = False) -> None:
        self.path = path
        self.binary = binary  # records of bytes, not lines of text
        self.name = str(path)
        self.lines = 0
        self._tick = tick or (lambda done, total: None)
        self._sum = hashlib.sha256()
        try:
            self.size = path.stat().st_size
            self.changed_at = int(path.stat().st_mtime * 1_000_000)
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise self.bad(f"cannot be read: {error.strerror}") from None
        self.packed = magic.startswith((_GZIP, _ZIP))

    @property
    def digest(self) -> str:
        return "sha256:" + self._sum.hexdigest()

    def bad(self, what: str, line: int | None = None, column: str | None = None, todo: str | None = None) -> BadInput:
        return BadInput(what, file=self.name, line=line, column=column, todo=todo)

    def stated(self) -> dict[str, str]:
        """What the lines at the top state, by name in lower case."""
        if self.binary:
            return {}
        with self.path.open("rb", buffering=0) as self._raw:
            first = next(self._pieces(), b"")
        head, _ = _top(first)
        return {
            name.decode().lower(): value.decode(errors="replace")
            for name, value in (found.groups() for found in _STATED.finditer(first[:head]))
        }

    def blocks(self) -> Iterator[Block]:
        """The text in blocks of whole lines. Raises `BadInput` for what is no whole text."""
        with self.path.open("rb", buffering=0) as self._raw, ThreadPoolExecutor(1) as pool:
            hashed: Future[None] | None = None
            if self.packed:
                while piece := self._raw.read(BLOCK):
                    self._sum.update(piece)
                self._raw.seek(0)
            rest, line, done = b"", 1, 0
            for piece in self._pieces():
                if not self.packed:
                    if hashed is not None:
                        hashed.result()
                    hashed = pool.submit(self._sum.update, piece)
                whole = piece
                if done == 0 and not self.binary:
                    self._look_at_start(piece)
                    head, stated = _top(piece)
                    piece, line = piece[head:], line + stated
                done += len(whole)
                if done > UNPACKED_MOST:
                    raise self.bad(f"unpacks to more than {UNPACKED_MOST >> 30} GiB")
                if self.binary:
                    yield Block(piece, line)
                    self._tick(self._raw.tell(), self.size)
                    continue
                end = piece.rfind(b"\n") + 1
                if end == 0:
                    rest += piece
                    if len(rest) > LONGEST_LINE:
                        raise self._too_long(line)
                    continue
                text, rest = rest + piece[:end], piece[end:]
                self._look_at(text, line)
                yield Block(text, line)
                line += text.count(b"\n")
                self._tick(self._raw.tell(), self.size)
            if hashed is not None:
                hashed.result()
            if len(rest) > LONGEST_LINE:
                raise self._too_long(line)
            if rest:
                self._look_at(rest, line)
                yield Block(rest, line)
                line += 1
            if line == 1 and not (self.binary and done):
                raise self.bad("is empty", todo="a registry without an entry is taken for a broken download")
            self.lines = line - 1
            self._tick(self.size, self.size)

    def _pieces(self) -> Iterator[bytes]:
        try:
            with self._opened() as file:
                while piece := file.read(BLOCK):
                    yield piece
        except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as error:
            raise self.bad(f"is torn or damaged: {error}", todo="fetch it again") from None
        except (RuntimeError, NotImplementedError) as error:  # a password, an unknown method
            raise self.bad(f"cannot be unpacked: {error}") from None
        except OSError as error:
            raise self.bad(f"cannot be read: {error.strerror or error}") from None

    def _opened(self) -> IO[bytes]:
        magic = self._raw.read(4)
        self._raw.seek(0)
        if magic.startswith(_GZIP):
            return gzip.GzipFile(fileobj=self._raw)  # type: ignore[return-value]  # reads like a file
        if magic.startswith(_ZIP):
            archive = zipfile.ZipFile(self._raw)
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) != 1:
                raise self.bad(f"holds {len(members)} files", todo="pack one list alone, or unpack it first")
            return archive.open(members[0])
        return os.fdopen(os.dup(self._raw.fileno()), "rb", buffering=0)

    def _look_at_start(self, piece: bytes) -> None:
        for mark, what in _MARKS.items():
            if piece.startswith(mark):
                raise self.bad(what, 1, todo="save it as plain UTF-8")
        if piece.lstrip()[:1] == b"<":
            raise self.bad("is XML or HTML, not a list", 1, todo="fetch the flat text file")

    def _look_at(self, text: bytes, line: int) -> None:
        nul = text.find(b"\0")
        if nul >= 0:
            raise self.bad("holds a NUL byte", line + text.count(b"\n", 0, nul), todo="it is torn, or not a text file")
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError as error:
                at = line + text.count(b"\n", 0, error.start)
                raise self.bad("is not UTF-8", at, todo="save it as plain UTF-8") from None

    def _too_long(self, line: int) -> BadInput:
        return self.bad(
            f"a line of more than {LONGEST_LINE >> 20} MiB", line, todo="this is no list of one entry a line"
        )


def _top(piece: bytes) -> tuple[int, int]:
    """How many bytes and lines at the top state something."""
    at = lines = 0
    while found := _STATED.match(piece, at):
        at, lines = found.end(), lines + 1
    return at, lines
