"""The log as files: tiles, entry bundles, the keys and the newest head, as they are served under `/log/`.

A file is written whole under another name, forced to the disk, then named; a tile once written never changes.
The head is written last, so that whoever reads it finds everything below it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from forbear.accounts.home import home
from forbear.core.errors import BadInput
from forbear.tlog.tiles import CHECKPOINT, Tile, tile_of

VARIABLE: Final = "FORBEAR_LOG"
KEYS: Final = "keys"


class LogDiffers(BadInput):
    """The folder and the database are not of one log, or one of them was changed. Nothing is published over it."""


def place() -> Path:
    """Where the files are: `FORBEAR_LOG`, else `log/` of the home."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser().resolve() if named else home() / "log"


class Folder:
    """The files of one log."""

    def __init__(self, at: Path | None = None) -> None:
        self.at = at or place()

    # --- reading

    def read(self, path: str) -> bytes | None:
        """A tile or bundle by its path; the head; the keys. None for whatever else, and where it is not there."""
        if path not in (CHECKPOINT, KEYS) and tile_of(path) is None:
            return None
        try:
            return (self.at / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def checkpoint(self) -> str | None:
        """The published head, nothing checked."""
        data = self.read(CHECKPOINT)
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            raise BadInput("not a signed note", file=str(self.at / CHECKPOINT)) from None

    # --- writing

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Whether this process alone may write here; the kernel lets go of it on a crash."""
        self.at.mkdir(parents=True, exist_ok=True)
        with (self.at / ".writer").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def write_tiles(self, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Raises `LogDiffers` where a tile is there with other bytes."""
        folders: set[Path] = set()
        for tile, data in tiles:
            path = self.at / tile.path
            there = self.read(tile.path)
            if there == data:
                folders.add(path.parent)
                continue
            if there is not None:
                raise LogDiffers(
                    "this tile was published with other hashes",
                    file=str(path),
                    todo="find out who changed it or the database; to rebuild the folder, move it away",
                )
            folders.update(_make(path.parent))
            self.put(path, data)
            folders.add(path.parent)
        for folder in folders:
            _sync(folder)

    def publish(self, note: str) -> None:
        self.put(self.at / CHECKPOINT, note.encode())
        _sync(self.at)

    def publish_keys(self, text: bytes) -> None:
        if self.read(KEYS) != text:
            self.at.mkdir(parents=True, exist_ok=True)
            self.put(self.at / KEYS, text)
            _sync(self.at)

    def drop_partial(self, whole: Iterable[Tile]) -> None:
        """The partial tiles of which these are the whole ones: they say nothing more."""
        for tile in whole:
            shutil.rmtree(self.at / f"{tile.path}.p", ignore_errors=True)

    def put(self, path: Path, data: bytes) -> None:
        """One file, whole or not at all."""
        draft = path.with_name(f".{path.name}.draft")
        with draft.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        draft.rename(path)


def _make(folder: Path) -> list[Path]:
    """Makes it and what is above. Returns those whose list of names changed."""
    above: list[Path] = []
    probe = folder
    while not probe.exists():
        probe = probe.parent
        above.append(probe)
    folder.mkdir(parents=True, exist_ok=True)
    return above


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
