"""Merkle trees as RFC 6962 section 2.1 has them: hashes, roots, and the two proofs, made and checked.

Works on leaf hashes held in memory; trees too large for that are read through `forbear.tlog.tiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""The root over the leaves [lo, hi): a leaf alone, a whole tree of a power of two, or the ragged right edge."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes: the left subtree is the largest power of two smaller than the whole."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf, from its sibling up (RFC 6962 section 2.1.1)."""
    return inclusion_of(lambda lo, hi: root(leaves[lo:hi]), len(leaves), index)


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """The proof that the tree over the first `old` leaves is a prefix of this one (RFC 6962 section 2.1.2)."""
    return consistency_of(lambda lo, hi: root(leaves[lo:hi]), old, len(leaves))


def inclusion_of(subtree: Subtree, size: int, index: int) -> list[bytes]:
    """`inclusion` over subtrees that are computed as they are asked for."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    lo, hi = 0, size
    while hi - lo > 1:
        middle = lo + split(hi - lo)
        if index < middle:
            path.append(subtree(middle, hi))
            hi = middle
        else:
            path.append(subtree(lo, middle))
            lo = middle
    path.reverse()
    return path


def consistency_of(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """`consistency` over subtrees that are computed as they are asked for."""
    if not 0 < old <= new:
        raise ValueError(f"no proof from a tree of {old} to one of {new}")
    path: list[bytes] = []
    lo, hi, whole = 0, new, True
    while old != hi:
        middle = lo + split(hi - lo)
        if old <= middle:
            path.append(subtree(middle, hi))
            hi = middle
        else:
            path.append(subtree(lo, middle))
            lo, whole = middle, False
    if not whole:
        path.append(subtree(lo, hi))
    path.reverse()
    return path


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether `path` proves that `leaf` is number `index` of the tree of `size` with the root `head`."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if place % 2 or place == last:
            found = node_hash(step, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    return last == 0 and found == head


def extends(old: int, old_head: bytes, new: int, new_head: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of `new` leaves begins with that of `old`; each does with the empty one."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        return not path and old_head == (new_head if old == new else EMPTY_ROOT)
    steps = list(path)
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    if place:
        if not steps:
            return False
        before = after = steps.pop(0)
    else:
        before = after = old_head
    for step in steps:
        if last == 0:
            return False
        if place % 2 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_head and after == new_head


def split(n: int) -> int:
    """The largest power of two smaller than `n`, which is over 1."""
    return 1 << (n - 1).bit_length() - 1
