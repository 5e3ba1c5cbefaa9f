"""A whole log from its files alone: entries give the hashes of the tiles, these the root, and the root was signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from forbear.tlog import merkle, tiles
from forbear.tlog.merkle import HASH_BYTES
from forbear.tlog.notes import Checkpoint
from forbear.tlog.tiles import ENTRIES, HEIGHT, WIDTH, Read, Tile

MOST: Final = 100
Tick = Callable[[int, int], None]


class Wrong(NamedTuple):
    """Something that does not hold: in which file, from which leaf on where that is known, and what it is."""

    path: str
    leaf: int | None
    what: str


def check(read: Read, head: Checkpoint, tick: Tick | None = None) -> list[Wrong]:
    """Everything wrong, up to `MOST`: empty where the files are the tree of this head. The head's signatures are the
    caller's to check. `tick(done, size)` is called as leaves are done."""
    found: list[Wrong] = []
    above: list[bytes] = []
    edge: list[list[bytes]] = []
    for n in range(head.size // WIDTH + 1):
        if n * WIDTH < head.size:
            wanted = _bundle(read, tiles.tile_at(ENTRIES, n, head.size), found)
            hashes = _tile(read, tiles.tile_at(0, n, head.size), wanted, found)
            if len(hashes) == WIDTH:
                above.append(merkle.root(hashes))
            else:
                edge.append(hashes)
            if tick is not None:
                tick(min(n * WIDTH + WIDTH, head.size), head.size)
    if not head.size % WIDTH:
        edge.append([])
    level = 1
    while above:
        below, above = above, []
        for n in range((len(below) + WIDTH - 1) // WIDTH):
            wanted = below[n * WIDTH : n * WIDTH + WIDTH]
            hashes = _tile(read, Tile(level, n, len(wanted)), wanted, found)
            if len(hashes) == WIDTH:
                above.append(merkle.root(hashes))
            else:
                edge.append(hashes)
        if not len(below) % WIDTH:
            edge.append([])
        level += 1
    if tiles.edge_root(edge) != head.root:
        _say(found, tiles.CHECKPOINT, None, "the tiles give another root than the one that was signed")
    return found


def _bundle(read: Read, tile: Tile, found: list[Wrong]) -> list[bytes]:
    """The hashes of a bundle's entries; empty where one is not known."""
    first = tile.n * WIDTH
    path, data = _either(read, tile)
    entries: list[bytes] = []
    if data is None:
        _say(found, path, first, "missing")
    else:
        try:
            entries = tiles.entries_of(data)
        except ValueError as error:
            _say(found, path, first, str(error))
        else:
            if len(entries) < tile.width or (len(entries) > tile.width and path == tile.path):
                _say(found, path, first, f"{len(entries)} entries, not {tile.width}")
    hashes = [merkle.leaf_hash(entry) for entry in entries[: tile.width]]
    return hashes + [b""] * (tile.width - len(hashes))


def _tile(read: Read, tile: Tile, wanted: list[bytes], found: list[Wrong]) -> list[bytes]:
    """A tile's hashes as they stand, compared with what lies below; where it is not there, what lies below."""
    span = 1 << HEIGHT * tile.level
    first = tile.n * WIDTH
    path, data = _either(read, tile)
    length = tile.width * HASH_BYTES
    if data is None or len(data) < length or (len(data) > length and path == tile.path):
        what = "missing" if data is None else f"{len(data)} bytes, not {length}"
        _say(found, path, first * span, what)
        return wanted
    hashes = tiles.hashes_of(data[:length])
    for place, (there, below) in enumerate(zip(hashes, wanted, strict=True), first):
        if below and there != below:
            what = f"its entry {place} has another hash" if tile.level == 0 else "not the hash of the tile below"
            _say(found, path, place * span, what)
    return hashes


def _either(read: Read, tile: Tile) -> tuple[str, bytes | None]:
    """The tile, or the whole one that took its place."""
    data = read(tile.path)
    if data is None and tile.width < WIDTH and (whole := read(tile.full.path)) is not None:
        return tile.full.path, whole
    return tile.path, data


def _say(found: list[Wrong], path: str, leaf: int | None, what: str) -> None:
    if len(found) < MOST:
        found.append(Wrong(path, leaf, what))
