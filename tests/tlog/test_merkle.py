"""Hashes, roots and proofs against RFC 6962: its reference vectors, a naive tree, and every change of one byte."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forbear.tlog import merkle

# The tree that Certificate Transparency implementations are tested with (RFC 6962's reference code).
INPUTS = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # (index, size): the audit path
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
EXTENSIONS = {  # (old, new): the consistency proof
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
LEAVES = [merkle.leaf_hash(one) for one in INPUTS]


def naive(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def test_the_reference_vectors_come_out() -> None:
    assert [merkle.root(LEAVES[:n]).hex() for n in range(1, 9)] == ROOTS
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for (index, size), path in PATHS.items():
        assert [step.hex() for step in merkle.inclusion(LEAVES[:size], index)] == list(path)
    for (old, new), path in EXTENSIONS.items():
        assert [step.hex() for step in merkle.consistency(LEAVES[:new], old)] == list(path)


@given(st.integers(0, 70))
def test_the_root_is_the_naive_one(n: int) -> None:
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(n)]
    assert merkle.root(leaves) == naive(leaves)


@given(st.data())
def test_a_leaf_is_proved_in_its_place_and_nowhere_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(size)]
    path, head = merkle.inclusion(leaves, index), naive(leaves)
    assert merkle.includes(leaves[index], index, size, path, head)
    other = data.draw(st.integers(0, size))
    assert merkle.includes(leaves[index], other, size, path, head) == (other == index)
    assert not merkle.includes(leaves[index], index, size, [*path, bytes(32)], head)
    assert not merkle.includes(leaves[index], index, size, path[:-1], head) or not path
    assert not merkle.includes(bytes(32), index, size, path, head)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        broken = [step if i != place else bytes([step[0] ^ 1]) + step[1:] for i, step in enumerate(path)]
        assert not merkle.includes(leaves[index], index, size, broken, head)


@given(st.data())
def test_a_tree_is_proved_to_go_on_from_an_older_one_and_from_no_other(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, new))
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(new)]
    path, before, after = merkle.consistency(leaves, old), naive(leaves[:old]), naive(leaves)
    assert merkle.extends(old, before, new, after, path)
    assert not merkle.extends(old, before, new, bytes(32), path)
    assert not merkle.extends(old, bytes(32), new, after, path)
    assert not merkle.extends(old, before, new, after, [*path, bytes(32)])
    assert merkle.extends(old, before, new, after, path[:-1]) == (not path)
    for place in range(len(path)):
        broken = [step if i != place else bytes([step[0] ^ 1]) + step[1:] for i, step in enumerate(path)]
        assert not merkle.extends(old, before, new, after, broken)


def test_every_tree_goes_on_from_the_empty_one() -> None:
    assert merkle.extends(0, merkle.EMPTY_ROOT, 8, merkle.root(LEAVES), [])
    assert not merkle.extends(0, bytes(32), 8, merkle.root(LEAVES), [])
    assert not merkle.extends(8, merkle.root(LEAVES), 7, merkle.root(LEAVES[:7]), [])


@pytest.mark.parametrize("index", [-1, 8])
def test_a_leaf_that_is_not_there_has_no_proof(index: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion(LEAVES, index)
    assert not merkle.includes(LEAVES[0], index, 8, [], merkle.root(LEAVES))
