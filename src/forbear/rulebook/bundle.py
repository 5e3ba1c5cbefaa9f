"""The files of a rulebook as one archive, and back, so that the rules of a day can be kept and passed on.

Packing the same files gives the same bytes. What comes from outside is bounded, and holds
nothing but TOML under relative names.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from forbear.core.errors import BadInput

MOST_BYTES: Final = 64 << 20
MOST_FILES: Final = 20_000
_ZIP: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b"
_ROOT: Final = re.compile(
    r"^([a-z]{2}|calendars|house|obligations|own|.*\.toml)$"
)  # what lies in a rulebook's own folder


def pack(files: Mapping[str, bytes]) -> bytes:
    """`files` as a gzipped tar, in order of names, without dates or owners."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(whole.getvalue(), mtime=0)


def unpack(content: bytes, *, file: str = "-") -> dict[str, bytes]:
    """The TOML files of a zip or tar archive (gzip too), by their names within the rulebook. Raises `BadInput`."""
    files: dict[str, bytes] = {}
    size = 0
    try:
        for name, body in _zipped(content) if content.startswith(_ZIP) else _tarred(content):
            name = name.removeprefix("./")
            if name.startswith("/") or ".." in name.split("/"):
                raise BadInput(f"`{name}` lies outside of the archive", file=file)
            size += len(body)
            if size > MOST_BYTES or len(files) >= MOST_FILES:
                raise BadInput(f"unpacks to more than {MOST_BYTES >> 20} MB or {MOST_FILES:,} files", file=file)
            files[name] = body
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        OSError,
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ) as e:
        raise BadInput(f"is no zip or tar archive that can be read: {e}", file=file) from None
    if not files:
        raise BadInput("holds no .toml file", file=file)
    return _rooted(files)


def _zipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".toml"):
                with archive.open(entry) as inside:
                    yield entry.filename, inside.read(MOST_BYTES + 1)


def _tarred(content: bytes) -> Iterator[tuple[str, bytes]]:
    plain: io.BufferedIOBase = io.BytesIO(content)
    if content.startswith(_GZIP):
        plain = io.BytesIO(gzip.GzipFile(fileobj=plain).read(MOST_BYTES * 2 + 1))
    with tarfile.open(fileobj=plain, mode="r:") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.endswith(".toml"):
                inside = archive.extractfile(entry)
                assert inside is not None, "a regular file has content"
                yield entry.name, inside.read(MOST_BYTES + 1)


def _rooted(files: dict[str, bytes]) -> dict[str, bytes]:
    """Names from the rulebook's own folder on, whatever folders an archive of a release wraps around it."""
    while True:
        heads = {name.partition("/")[0] for name in files}
        (head, *others) = heads
        if others or _ROOT.match(head):
            return files
        files = {name.partition("/")[2]: body for name, body in files.items()}
