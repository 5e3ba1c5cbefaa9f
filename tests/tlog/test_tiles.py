"""Trees as tiles: the layout's own examples, and everything read from tiles against a tree in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forbear.core.errors import BadInput
from forbear.tlog import merkle, tiles
from forbear.tlog.tiles import ENTRIES, Edge, Tile, Tree, tile_of, tiles_between


def entry(i: int) -> bytes:
    return i.to_bytes(3, "big") * (i % 3 + 1)


ALL = [entry(i) for i in range(71_000)]
HASHES = [merkle.leaf_hash(one) for one in ALL]


def grown(*sizes: int) -> tuple[dict[str, bytes], Edge]:
    """The files after the tree grew to each size."""
    files: dict[str, bytes] = {}
    edge, at = Edge(), 0
    for size in sizes:
        for tile, data in edge.grow(ALL[at:size]):
            assert files.setdefault(tile.path, data) == data
        at = size
    return files, edge


def test_a_path_is_written_as_the_layout_has_it() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(4, 1234067, 1).path == "tile/4/x001/x234/067.p/1"
    assert Tile(ENTRIES, 0, 255).path == "tile/entries/000.p/255"
    assert Tile(63, 999).path == "tile/63/999"


@given(st.integers(-1, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_names_its_tile(level: int, n: int, width: int) -> None:
    assert tile_of(Tile(level, n, width).path) == Tile(level, n, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/00/001",
        "tile/64/001",
        "tile/0/x000/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/8/0/001",
        "tile/data/001",
        "tile/0/x001",
        "tile/0/../checkpoint",
        "tile/0/٠٠١",
        "tile/0/001\n",
        "checkpoint",
    ],
)
def test_what_is_no_path_names_no_tile(path: str) -> None:
    assert tile_of(path) is None


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_layouts_example() -> None:
    found = list(tiles_between(0, 70_000))
    by_level = {level: [tile for tile in found if tile.level == level] for level in range(-1, 4)}
    assert [tile.width for tile in by_level[0]] == [256] * 273 + [112]
    assert [tile.width for tile in by_level[ENTRIES]] == [256] * 273 + [112]
    assert [tile.width for tile in by_level[1]] == [256, 17]
    assert [tile.width for tile in by_level[2]] == [1]
    assert not by_level[3]
    assert [tile.path for tile in tiles_between(0, 256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_tiles_give_the_root_and_proofs_of_the_tree(size: int) -> None:
    files, edge = grown(size)
    assert set(files) == {tile.path for tile in tiles_between(0, size)}
    tree, leaves = Tree(files.get, size), HASHES[:size]
    head = merkle.root(leaves)
    assert tree.root() == edge.root() == head
    for index in {0, 1 % size, size // 3, size // 2, size - 1, max(size - 257, 0)}:
        assert tree.leaf(index) == leaves[index]
        assert merkle.includes(leaves[index], index, size, tree.inclusion(index), head)
        assert tree.entries(index // 256)[index % 256] == ALL[index]
    for old in {1, size // 3 or 1, size // 2 or 1, size - 1 or 1, size, max(size - 256, 1)}:
        assert tree.subtree(0, old) == merkle.root(leaves[:old])
        assert merkle.extends(old, merkle.root(leaves[:old]), size, head, tree.consistency(old))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_a_tree_grown_in_steps_is_the_tree_grown_at_once(steps: list[int]) -> None:
    sizes = [sum(steps[: i + 1]) for i in range(len(steps))]
    files, edge = grown(*sizes)
    at_once, _ = grown(sizes[-1])
    assert {path: files[path] for path in at_once} == at_once
    for size in sizes:  # each head that was ever signed keeps its tiles
        assert Tree(files.get, size).root() == merkle.root(HASHES[:size])
    taken_up = Edge.of(Tree(files.get, sizes[-1]))
    more = ALL[sizes[-1] : sizes[-1] + 300]
    assert edge.grow(more) == taken_up.grow(more)
    assert edge.root() == taken_up.root() == merkle.root(HASHES[: sizes[-1] + 300])


@settings(max_examples=40)
@given(st.data())
def test_any_proof_of_a_small_tree_is_that_of_the_tree_in_memory(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1200))
    files, _ = grown(size)
    tree = Tree(files.get, size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert tree.inclusion(index) == merkle.inclusion(HASHES[:size], index)
    assert tree.consistency(old) == merkle.consistency(HASHES[:size], old)


def test_an_older_tree_is_read_from_whole_tiles_once_its_partial_ones_are_gone() -> None:
    files, _ = grown(300, 600)
    whole = {path: data for path, data in files.items() if ".p/" not in path or path.startswith("tile/1/")}
    assert Tree(whole.get, 300).root() == merkle.root(HASHES[:300])
    assert Tree(whole.get, 300).entries(1) == ALL[256:300]


def test_a_missing_or_short_tile_is_named() -> None:
    files, _ = grown(600)
    with pytest.raises(BadInput, match=r"tile/0/001: missing"):
        Tree({path: data for path, data in files.items() if path != "tile/0/001"}.get, 600).leaf(300)
    with pytest.raises(BadInput, match=r"tile/0/002\.p/88: 31 bytes"):
        Tree((files | {"tile/0/002.p/88": bytes(31)}).get, 600).root()
    with pytest.raises(BadInput, match=r"tile/entries/000: not an entry bundle: it ends within entry 255"):
        Tree((files | {"tile/entries/000": files["tile/entries/000"][:-1]}).get, 600).entries(0)
    with pytest.raises(BadInput, match=r"tile/entries/000: 255 entries, not 256"):
        Tree((files | {"tile/entries/000": tiles.bundle(ALL[:255])}).get, 600).entries(0)


def test_an_entry_too_long_for_its_length_is_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        Edge().grow([bytes(65_536)])
