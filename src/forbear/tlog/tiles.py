"""The tree as static files: C2SP tlog-tiles, tiles of 256 hashes, entry bundles, and their paths.

`https://c2sp.org/tlog-tiles`. A tile at level L holds up to 256 consecutive hashes of the tree's level 8*L; the
partial ones are at its right edge. Whatever reads a tree here is given `read(path)`: the bytes, or None.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from forbear.core.errors import BadInput
from forbear.tlog import merkle
from forbear.tlog.merkle import HASH_BYTES, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
ENTRIES: Final = -1  # the level of an entry bundle
CHECKPOINT: Final = "checkpoint"
MAX_ENTRY: Final = (1 << 16) - 1

Read = Callable[[str], bytes | None]
_LENGTH: Final = Struct(">H")
_PATH: Final = re.compile(
    r"tile/(?:(?P<level>0|[1-9]\d?)|entries)/(?P<n>(?:x\d{3}/){0,6}\d{3})(?:\.p/(?P<width>[1-9]\d{0,2}))?"
)


class Tile(NamedTuple):
    """Where some hashes, or at level `ENTRIES` some entries, are. `width` is 1 to 256."""

    level: int
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        groups = f"{self.n % 1000:03d}"
        left = self.n // 1000
        while left:
            groups = f"x{left % 1000:03d}/{groups}"
            left //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{groups}" + (f".p/{self.width}" if self.width < WIDTH else "")

    @property
    def full(self) -> Tile:
        return self._replace(width=WIDTH)


def tile_of(path: str) -> Tile | None:
    """The tile a path names; None where it names none, or not in the one form it has."""
    found = _PATH.fullmatch(path)
    if found is None or not path.isascii():
        return None
    level = ENTRIES if found["level"] is None else int(found["level"])
    tile = Tile(level, int(found["n"].replace("x", "").replace("/", "")), int(found["width"] or WIDTH))
    return tile if level < 64 and tile.path == path else None


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """The tiles a tree of `new` leaves has and one of `old` had not, entry bundles first, then level by level."""
    for level in range(ENTRIES, 64):
        before, after = (size >> HEIGHT * max(level, 0) for size in (old, new))
        if not after:
            return
        if before == after:
            continue
        for n in range(before >> HEIGHT, after >> HEIGHT):
            yield Tile(level, n)
        if after % WIDTH:
            yield Tile(level, after >> HEIGHT, after % WIDTH)


def tile_at(level: int, n: int, size: int) -> Tile:
    """Tile `n` of a level in a tree of `size`, as wide as it is there. Raises `ValueError` where it has none."""
    width = min(WIDTH, (size >> HEIGHT * max(level, 0)) - n * WIDTH)
    if width <= 0:
        raise ValueError(f"a tree of {size} has no tile {n} at level {level}")
    return Tile(level, n, width)


def bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length in two bytes."""
    return b"".join([_LENGTH.pack(len(entry)) + entry for entry in entries])


def entries_of(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `ValueError` where it ends within one."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError(f"it ends within the length of entry {len(found)}")
        (length,) = _LENGTH.unpack_from(data, at)
        at += 2 + length
        if at > len(data):
            raise ValueError(f"it ends within entry {len(found)}")
        found.append(data[at - length : at])
    return found


def hashes_of(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def edge_root(levels: Sequence[Sequence[bytes]]) -> bytes:
    """The root, from the hashes of the unfinished tile of each level, the lowest first."""
    found = b""
    for hashes in levels:
        left = len(hashes)
        while left:
            n = left & -left  # the smallest whole subtree, at the right
            left -= n
            part = merkle.root(hashes[left : left + n])
            found = node_hash(part, found) if found else part
    return found or merkle.EMPTY_ROOT


class Tree:
    """The tree of one size over its tiles. Every tile is read once; the last `keep` are remembered.

    Raises `BadInput` that names the file where one is missing or of a wrong length. What it computes is as true
    as the tiles: whoever relies on it compares the root with a signed one.
    """

    def __init__(self, read: Read, size: int, keep: int = 512) -> None:
        self.size = size
        self._read = read
        self._keep = keep
        self._held: OrderedDict[Tile, bytes] = OrderedDict()

    def root(self) -> bytes:
        return self.subtree(0, self.size) if self.size else merkle.EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        return self.subtree(index, index + 1)

    def inclusion(self, index: int) -> list[bytes]:
        return merkle.inclusion_of(self.subtree, self.size, index)

    def consistency(self, old: int) -> list[bytes]:
        return merkle.consistency_of(self.subtree, old, self.size)

    def subtree(self, lo: int, hi: int) -> bytes:
        """The root over the leaves [lo, hi), where `lo` is a multiple of the power of two that covers them all: of
        [0, n) the root the tree had at `n` leaves."""
        n = hi - lo
        if n & n - 1:  # the ragged edge
            middle = lo + merkle.split(n)
            return node_hash(self.subtree(lo, middle), self.subtree(middle, hi))
        height = n.bit_length() - 1
        level = height // HEIGHT
        first, count = lo >> level * HEIGHT, 1 << height % HEIGHT
        data = self._tile(tile_at(level, first // WIDTH, self.size))
        at = first % WIDTH * HASH_BYTES
        return merkle.root(hashes_of(data[at : at + count * HASH_BYTES]))

    def entries(self, n: int) -> list[bytes]:
        """Bundle `n`."""
        tile = tile_at(ENTRIES, n, self.size)
        try:
            found = entries_of(self._tile(tile))
        except ValueError as error:
            raise BadInput(f"not an entry bundle: {error}", file=tile.path) from None
        if len(found) < tile.width:
            raise BadInput(f"{len(found)} entries, not {tile.width}", file=tile.path)
        return found[: tile.width]

    def _tile(self, tile: Tile) -> bytes:
        data = self._held.get(tile)
        if data is None:
            data = self._fetch(tile)
            self._held[tile] = data
            if len(self._held) > self._keep:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(tile)
        return data

    def _fetch(self, tile: Tile) -> bytes:
        """A partial tile may have gone since the whole one is there, which begins with it."""
        data = self._read(tile.path)
        if data is None and tile.width < WIDTH:
            data = self._read(tile.full.path)
        if data is None:
            raise BadInput("missing", file=tile.path)
        if tile.level == ENTRIES:
            return data
        if len(data) < tile.width * HASH_BYTES:
            raise BadInput(f"{len(data)} bytes, not {tile.width * HASH_BYTES}", file=tile.path)
        return data[: tile.width * HASH_BYTES]


class Edge:
    """The right edge of a growing tree: all that is needed to go on. `grow` gives the tiles to write."""

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[list[bytes]] = []  # by level: those of its unfinished tile
        self._entries: list[bytes] = []  # of the unfinished bundle

    @classmethod
    def of(cls, tree: Tree) -> Edge:
        """Taken up where a stored tree ends."""
        made = cls()
        made.size = tree.size
        level = 0
        while tree.size >> HEIGHT * level:
            whole = tree.size >> HEIGHT * level
            first = whole - whole % WIDTH
            made._hashes.append(
                [tree.subtree(i << HEIGHT * level, i + 1 << HEIGHT * level) for i in range(first, whole)]
            )
            level += 1
        if tree.size % WIDTH:
            made._entries = tree.entries(tree.size // WIDTH)
        return made

    def root(self) -> bytes:
        return edge_root(self._hashes)

    def grow(self, entries: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """Takes the next entries in. Returns each tile that is new, whole ones once, partial ones as they end up."""
        written: list[tuple[Tile, bytes]] = []
        start = self.size - len(self._entries)
        waiting = [*self._entries, *entries]
        self.size += len(entries)
        if any(len(entry) > MAX_ENTRY for entry in entries):
            raise ValueError(f"an entry has over {MAX_ENTRY} bytes")
        for at in range(0, len(waiting), WIDTH):
            some = waiting[at : at + WIDTH]
            if entries:
                written.append((Tile(ENTRIES, (start + at) // WIDTH, len(some)), bundle(some)))
        self._entries = waiting[len(waiting) - len(waiting) % WIDTH :]
        fresh = [merkle.leaf_hash(entry) for entry in entries]
        level = 0
        while fresh:
            if level == len(self._hashes):
                self._hashes.append([])
            hashes = [*self._hashes[level], *fresh]
            whole = self.size >> HEIGHT * level
            start = whole - len(hashes)
            fresh = []
            for at in range(0, len(hashes), WIDTH):
                chunk = hashes[at : at + WIDTH]
                written.append((Tile(level, (start + at) // WIDTH, len(chunk)), b"".join(chunk)))
                if len(chunk) == WIDTH:
                    fresh.append(merkle.root(chunk))
            self._hashes[level] = hashes[len(hashes) - len(hashes) % WIDTH :]
            level += 1
        return written
