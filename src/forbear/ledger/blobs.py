"""Documents and recordings that prove something, kept whole, by the SHA-256 of their bytes.

A blob stands at `ab/cdef…` of the directory `FORBEAR_BLOBS` (else `blobs/` of the home), is written beside and renamed
into place once it is on disk, and never changes. What a sender says of its kind is not believed: `sniffed` looks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from forbear.accounts.home import ensure_home, home
from forbear.core.errors import BadInput

UNKNOWN: Final = "application/octet-stream"
_HEAD: Final = 512  # bytes by which the kind is known
_CHUNK: Final = 1 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SIGNS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
)


def folder() -> Path:
    named = os.environ.get("FORBEAR_BLOBS")
    return Path(named).expanduser().resolve() if named else home() / "blobs"


def longest() -> int:
    """How many bytes one may have: `FORBEAR_EVIDENCE_MAX`, else 64 MiB."""
    named = os.environ.get("FORBEAR_EVIDENCE_MAX", "")
    if not named:
        return 64 << 20
    if not named.isdecimal() or not 0 < int(named) <= 1 << 40:
        raise BadInput("not a number of bytes", key="FORBEAR_EVIDENCE_MAX")
    return int(named)


@dataclass(frozen=True, slots=True)
class Blob:
    digest: bytes  # SHA-256 of its bytes
    size: int
    media_type: str  # as its first bytes say


class Incoming:
    """A blob on its way in, a piece at a time. It exists once `keep` returned; until then nothing but a draft does."""

    def __init__(self, place: Path | None = None, *, most: int | None = None) -> None:
        self._place = place or folder()
        self._most = longest() if most is None else most
        self._hash, self._size, self._head = sha256(), 0, b""
        ensure_home(self._place.parent)
        drafts = self._place / ".incoming"
        drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._draft = drafts / uuid4().hex
        self._file = os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, piece: bytes) -> None:
        """Raises `BadInput` as soon as it is too long."""
        self._size += len(piece)
        if self._size > self._most:
            raise BadInput(f"longer than {self._most:,} bytes", key="body")
        if len(self._head) < _HEAD:
            self._head += piece[: _HEAD - len(self._head)]
        self._hash.update(piece)
        self._file.write(piece)

    def keep(self) -> Blob:
        """Raises `BadInput` where there is nothing. The same bytes twice are one blob."""
        if self._size == 0:
            raise BadInput("nothing is in it", key="body")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        found = Blob(self._hash.digest(), self._size, sniffed(self._head))
        target = path_of(found.digest, self._place)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            self._draft.unlink()
        else:
            self._draft.rename(target)
            _settle(target.parent)
            _settle(self._place)
        return found

    def drop(self) -> None:
        """Leaves nothing behind; after `keep` it does nothing."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._draft.unlink()


def keep(pieces: Iterable[bytes], place: Path | None = None, *, most: int | None = None) -> Blob:
    """All of it, or nothing. Raises `BadInput`, `OSError`."""
    incoming = Incoming(place, most=most)
    try:
        for piece in pieces:
            incoming.write(piece)
        return incoming.keep()
    finally:
        incoming.drop()


def keep_file(path: Path) -> Blob:
    """A file's bytes. Raises `BadInput` that names it."""
    try:
        with path.open("rb") as handle:
            return keep(iter(lambda: handle.read(_CHUNK), b""))
    except BadInput as error:
        raise BadInput(error.what, file=str(path)) from None


def path_of(digest: bytes, place: Path | None = None) -> Path:
    name = digest.hex()
    return (place or folder()) / name[:2] / name[2:]


def read(digest: bytes, place: Path | None = None) -> bytes | None:
    """Its bytes, None where there is no such blob. Raises `OSError` for one that is not what its name says."""
    try:
        content = path_of(digest, place).read_bytes()
    except FileNotFoundError:
        return None
    if sha256(content).digest() != digest:
        raise OSError(f"the blob {digest.hex()} is not what it was")
    return content


def remove(digest: bytes, place: Path | None = None) -> bool:
    """For erasure, once no row points to it any more. Whether there was one."""
    try:
        path_of(digest, place).unlink()
    except FileNotFoundError:
        return False
    return True


def sniffed(head: bytes) -> str:
    """The media type by the first bytes; plain text is text whatever it holds, so that no page or script is served."""
    for offset, sign, kind in _SIGNS:
        if head.startswith(sign, offset):
            return kind
    try:
        text = head[:_HEAD].decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if len(head) < _HEAD or error.reason != "unexpected end of data":  # a character cut by the end is no fault
            return UNKNOWN
        text = head[: error.start].decode("utf-8")
    plain = all(character.isprintable() or character in "\t\r\n\f" for character in text)
    return "text/plain" if plain and text else UNKNOWN


def digest_of(text: str, key: str) -> bytes:
    """The bytes of `sha256:<64 hex>`. Raises `BadInput`."""
    name = text.removeprefix("sha256:")
    if not _DIGEST.fullmatch(name):
        raise BadInput("not a digest", key=key, todo="write `sha256:` and 64 hex digits")
    return bytes.fromhex(name)


def said(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def pieces(path: Path) -> Callable[[], bytes]:
    """Reads a blob a piece at a time; empty at its end."""
    handle = path.open("rb")

    def more() -> bytes:
        piece = handle.read(_CHUNK)
        if not piece:
            handle.close()
        return piece

    return more


def _settle(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
