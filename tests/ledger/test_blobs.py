"""Documents on disk: whole or not at all, once, and what their bytes say they are."""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path

import pytest

from forbear.core.errors import BadInput
from forbear.ledger import blobs


def files(place: Path) -> list[Path]:
    return sorted(one for one in place.rglob("*") if one.is_file())


def test_a_blob_stands_at_the_digest_of_its_bytes_and_others_cannot_read_it(tmp_path: Path) -> None:
    found = blobs.keep([b"a signed ", b"form"], tmp_path)
    assert (found.digest, found.size) == (sha256(b"a signed form").digest(), 13)
    (path,) = files(tmp_path)
    assert path == tmp_path / found.digest.hex()[:2] / found.digest.hex()[2:]
    assert path.stat().st_mode & 0o077 == 0
    assert blobs.read(found.digest, tmp_path) == b"a signed form"


def test_the_same_bytes_at_once_from_many_are_one_blob(tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def keep() -> None:
        ready.wait(10)
        blobs.keep([b"x" * 100_000], tmp_path)

    threads = [threading.Thread(target=keep) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("pieces", [[b"12345", b"67890", b"1"], [b""], []], ids=["too long", "empty", "nothing"])
def test_what_is_too_long_or_empty_leaves_nothing(tmp_path: Path, pieces: list[bytes]) -> None:
    with pytest.raises(BadInput):
        blobs.keep(pieces, tmp_path, most=10)
    assert files(tmp_path) == []


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> object:
        yield b"half"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        blobs.keep(breaking(), tmp_path)  # type: ignore[arg-type]
    assert files(tmp_path) == []


def test_a_blob_that_was_altered_on_disk_is_not_given_out(tmp_path: Path) -> None:
    found = blobs.keep([b"yes"], tmp_path)
    path = blobs.path_of(found.digest, tmp_path)
    path.write_bytes(b"no!")
    with pytest.raises(OSError, match="not what it was"):
        blobs.read(found.digest, tmp_path)
    assert blobs.read(bytes(32), tmp_path) is None


def test_a_removed_blob_is_gone(tmp_path: Path) -> None:
    found = blobs.keep([b"yes"], tmp_path)
    assert [blobs.remove(found.digest, tmp_path) for _ in range(2)] == [True, False]
    assert blobs.read(found.digest, tmp_path) is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"OggS\0", "audio/ogg"),
        (b"\0\0\0\x20ftypM4A ", "video/mp4"),
        (b"<html><script>", "text/plain"),
        (b"<svg xmlns='x' onload='y'>", "text/plain"),
        ("Ja, ich möchte".encode(), "text/plain"),
        (b"\xe2\x82\xac" * 200, "text/plain"),
        (b"MZ\x90\0\x03", blobs.UNKNOWN),
        (b"\0" * 20, blobs.UNKNOWN),
        (b"text then \0", blobs.UNKNOWN),
        (b"\xff\xfe\xfd", blobs.UNKNOWN),
    ],
)
def test_the_kind_is_what_the_first_bytes_say(head: bytes, kind: str) -> None:
    assert blobs.sniffed(head[:512]) == kind
