"""Whatever is changed in the files of a log is found, and it is said where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forbear.core.errors import BadInput
from forbear.tlog import check, merkle, notes, tiles
from forbear.tlog.notes import Checkpoint
from forbear.tlog.tiles import Edge, tile_of

SIZE = 66_000
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def whole() -> tuple[Files, Checkpoint]:
    edge = Edge()
    files = {tile.path: data for tile, data in edge.grow([b"entry %d" % i for i in range(SIZE)])}
    return files, Checkpoint("log.example", SIZE, edge.root())


def changed(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[: at % len(data)] + bytes([data[at] ^ 1]) + data[at % len(data) + 1 :]


def test_an_untouched_log_has_nothing_wrong(whole: tuple[Files, Checkpoint]) -> None:
    files, head = whole
    done: list[tuple[int, int]] = []
    assert check.check(files.get, head, lambda n, of: done.append((n, of))) == []
    assert done[-1] == (SIZE, SIZE)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 513])
def test_any_size_is_checked(size: int) -> None:
    edge = Edge()
    files = {tile.path: data for tile, data in edge.grow([b"%d" % i for i in range(size)])}
    assert check.check(files.get, Checkpoint("x", size, edge.root())) == []
    assert check.check(files.get, Checkpoint("x", size, bytes(32)))
    for path in files:
        assert check.check(
            {name: data for name, data in files.items() if name != path}.get, Checkpoint("x", size, edge.root())
        )
    assert check.check(Files().get, Checkpoint("x", 0, merkle.EMPTY_ROOT)) == []


@pytest.mark.parametrize(
    ("path", "change", "where", "said"),
    [
        ("tile/entries/007", changed(2), ("tile/0/007", 7 * 256), "its entry 1792 has another hash"),
        ("tile/entries/257.p/208", changed(-1), ("tile/0/257.p/208", SIZE - 1), "its entry 65999 has another hash"),
        ("tile/entries/007", changed(0), ("tile/entries/007", 7 * 256), "ends within entry"),
        ("tile/entries/007", lambda data: data + data[:12], ("tile/entries/007", 7 * 256), "257 entries, not 256"),
        ("tile/0/007", changed(32 * 9), ("tile/0/007", 7 * 256 + 9), "its entry 1801 has another hash"),
        ("tile/0/007", lambda data: data[:-32], ("tile/0/007", 7 * 256), "8160 bytes, not 8192"),
        ("tile/1/000", changed(32 * 3), ("tile/1/000", 3 * 256), "not the hash of the tile below"),
        ("tile/2/000.p/1", changed(0), ("tile/2/000.p/1", 0), "not the hash of the tile below"),
        ("tile/1/001.p/1", lambda data: None, ("tile/1/001.p/1", 65_536), "missing"),
    ],
)
def test_a_change_is_found_and_named(
    whole: tuple[Files, Checkpoint],
    path: str,
    change: Callable[[bytes], bytes | None],
    where: tuple[str, int],
    said: str,
) -> None:
    files, head = whole
    done = dict(files)
    data = change(files[path])
    if data is None:
        del done[path]
    else:
        done[path] = data
    first = check.check(done.get, head)[0]
    assert (first.path, first.leaf) == where
    assert said in first.what


def test_two_entries_that_changed_places_are_found(whole: tuple[Files, Checkpoint]) -> None:
    files, head = whole
    entries = tiles.entries_of(files["tile/entries/003"])
    entries[5], entries[6] = entries[6], entries[5]
    found = check.check((files | {"tile/entries/003": tiles.bundle(entries)}).get, head)
    assert [one.leaf for one in found] == [3 * 256 + 5, 3 * 256 + 6]


def test_a_whole_other_tree_is_found_by_its_root(whole: tuple[Files, Checkpoint]) -> None:
    _, head = whole
    edge = Edge()
    files = {tile.path: data for tile, data in edge.grow([b"other %d" % i for i in range(SIZE)])}
    (only,) = check.check(files.get, head)
    assert only.path == "checkpoint"
    assert all(tile_of(path) for path in files)


# --- signed notes, by the example of their specification


VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_note_of_gos_documentation_is_verified() -> None:
    key = notes.verifier(VKEY)
    assert key.vkey == VKEY
    assert notes.signed_by(NOTE, [key]) == [key]


def test_a_note_signed_here_verifies_and_a_changed_one_does_not() -> None:
    ours, other = notes.Signer("log.example/a", bytes(range(32))), notes.Signer("log.example/a", bytes(32))
    assert notes.signer(ours.skey) == ours
    assert ours.seed.hex() not in repr(ours)
    text = notes.checkpoint_text("log.example/a", 7, bytes(32))
    note = notes.sign(text, [ours, other])
    assert notes.signed_by(note, [other.verifier]) == [other.verifier]
    assert notes.checkpoint(note) == Checkpoint("log.example/a", 7, bytes(32))
    with pytest.raises(BadInput, match="is false"):
        notes.signed_by(note.replace("\n7\n", "\n8\n"), [ours.verifier])
    with pytest.raises(BadInput, match="no key that is known"):
        notes.signed_by(notes.sign(text, [other]), [ours.verifier])


@pytest.mark.parametrize(
    "said",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name notbase64!\n",
        "text\n\n— name AAAA\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n— a+b AAAAAAAA\n",
        "te\txt\n\n— name AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
    ],
)
def test_what_is_no_note_is_refused(said: str) -> None:
    with pytest.raises(BadInput):
        notes.note(said)


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n01\nAA==\n",
        "o\n1\nAA==\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 42 + "B=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        notes.checkpoint(notes.sign(text, [notes.Signer("x", bytes(32))]))


@pytest.mark.parametrize(
    "key", ["", "name", "name+00000000+AAAA", VKEY.replace("c74f", "c74e"), VKEY.replace("Neu", "Neu "), VKEY[:-4]]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(BadInput):
        notes.verifier(key)
