"""An independent implementation, Go's, verifies what is written here: head, tiles, every entry, older heads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.tlog import notes
from forbear.tlog.tiles import Edge, Tree
from tests.tlog.gocheck import checked

OURS = notes.Signer("log.example.org/forbear", bytes(range(32)))
BEFORE = notes.Signer("log.example.org/forbear", bytes(range(1, 33)))


def write(at: Path, *sizes: int) -> Tree:
    """A log that grew to each size, as the sequencer writes it."""
    edge = Edge()
    for size in sizes:
        for tile, data in edge.grow([b"%d, entry" % i for i in range(edge.size, size)]):
            (at / tile.path).parent.mkdir(parents=True, exist_ok=True)
            (at / tile.path).write_bytes(data)
            if tile == tile.full:
                shutil.rmtree(at / f"{tile.path}.p", ignore_errors=True)
    text = notes.checkpoint_text(OURS.name, edge.size, edge.root())
    (at / "checkpoint").write_text(notes.sign(text, [OURS, BEFORE]))
    return Tree(lambda path: (at / path).read_bytes() if (at / path).exists() else None, edge.size)


@pytest.mark.parametrize(
    "sizes", [(1,), (2, 3), (255, 256), (257,), (100, 200, 300, 512), (513, 1900), (65_535, 65_800)]
)
def test_go_verifies_every_entry_and_every_older_head(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    tree = write(tmp_path, *sizes)
    older = [(size, tree.subtree(0, size), tree.consistency(size)) for size in {*sizes, 1, tree.size // 2 or 1}]
    for key in (OURS, BEFORE):
        assert checked(tmp_path, key.verifier.vkey, *older) == f"verified {tree.size}"


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("checkpoint", lambda note: note.replace(b"\n600\n", b"\n599\n")),
        ("checkpoint", lambda note: note.replace(b"log.example.org", b"log.example.com")),
        ("checkpoint", _flip(-20)),
        ("tile/0/001", _flip(8000)),
        ("tile/0/002.p/88", _flip(0)),
        ("tile/1/000.p/2", _flip(33)),
        ("tile/entries/000", _flip(2)),
        ("tile/entries/002.p/88", _flip(-1)),
        ("tile/entries/001", lambda data: data[:-3]),
    ],
)
def test_go_refuses_a_changed_byte(tmp_path: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    write(tmp_path, 300, 600)
    assert checked(tmp_path, OURS.verifier.vkey) == "verified 600"
    file = tmp_path / path
    changed = change(file.read_bytes())
    if path == "checkpoint" and changed.count(b"log.example.org") == 3:  # the signature of the key it is checked with
        changed = change(b"\n".join([*file.read_bytes().split(b"\n")[:5], b""]))
    file.write_bytes(changed)
    said = checked(tmp_path, OURS.verifier.vkey)
    assert said
    assert not said.startswith("verified")


def test_go_refuses_a_false_consistency_proof(tmp_path: Path) -> None:
    tree = write(tmp_path, 300, 600)
    root, path = tree.subtree(0, 300), tree.consistency(300)
    assert "another root" in checked(tmp_path, OURS.verifier.vkey, (300, bytes(32), path))
    assert checked(tmp_path, OURS.verifier.vkey, (300, root, [bytes(32), *path[1:]])).startswith("tree 300")
