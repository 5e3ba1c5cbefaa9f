"""Is this address in the set? Exact, from one mapped file that every process shares.

A set holds 64-bit keys: E.164 digits, or the key of an e-mail address. North American
numbers, when there are enough of them, are one bit each in pages of 10,000 (1,250 bytes)
for each area code and exchange in use: 250 million take some 385 MB. All other keys are
put through a bijection and sorted, behind a directory and a bitmap that turns most
strangers away; the comparison is with the whole key, so no answer is ever a guess.

The file is written beside its place, synced and renamed. A reader keeps what it mapped.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from forbear.core.errors import BadInput

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Layout = Literal["auto", "paged", "hashed"]

MAGIC: Final = b"FORBSET\n"
VERSION: Final = 1
HEADER: Final = 4096
PAGE: Final = 1250  # bytes: 10,000 line numbers
PER_PAGE: Final = 10_000
PER_AREA: Final = 10_000_000

FIRST: Final = np.uint64(12_000_000_000)  # +1 200 000 0000: no area code begins with 0 or 1
SPAN: Final = np.uint64(8_000_000_000)
AREAS: Final = 800
TABLE: Final = AREAS * 1000 + 1  # one more, for every key outside the plan: always the empty page

_CHUNK = 8_192  # small enough that the steps of a look-up stay in cache and in malloc's arena
_FOLD = 400_000  # pending numbers of one area code before they are folded into its bitmap
_MUL1, _MUL2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_INV1, _INV2 = (np.uint64(pow(int(m), -1, 2**64)) for m in (_MUL1, _MUL2))
_HALF = np.uint64(32)
_BITS = (np.uint8(1) << np.arange(8, dtype=np.uint8)).astype(np.uint8)


def _mix(keys: Keys) -> Keys:
    """A bijection of 64-bit words whose top bits depend on every bit."""
    h = keys * _MUL1
    h ^= h >> _HALF
    h *= _MUL2
    return h


def _unmix(h: Keys) -> Keys:
    keys = h * _INV2
    keys ^= keys >> _HALF
    keys *= _INV1
    return keys


class NumberSet:
    """A mapped set. `contains` is the question; `count` is exact."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._map, self.meta = _map(file, path)
        self.count: int = self.meta["count"]
        self.digest: str = self.meta["digest"]
        self._pages = self._section("pages", np.uint8)
        self._table = self._section("table", np.uint32)
        self._sorted = self._section("sorted", np.uint64)
        self._directory = self._section("directory", np.uint32)
        self._filter = self._section("filter", np.uint8)
        self._shift = np.uint64(self.meta["directory_shift"])
        self._filter_shift = np.uint64(self.meta["filter_shift"])

    def _section(self, name: str, dtype: type) -> npt.NDArray[Any]:
        offset, size = self.meta["sections"][name]
        if size == 0:
            return np.empty(0, dtype)
        return np.frombuffer(self._map, dtype, count=size // np.dtype(dtype).itemsize, offset=offset)

    def contains(self, keys: Keys) -> Mask:
        """For each key of shape (n,): is it in the set?"""
        found = np.empty(keys.shape, np.bool_)
        step = _CHUNK if self._table.size else 4 * _CHUNK
        for start in range(0, keys.size, step):
            part = slice(start, start + step)
            found[part] = self._contains(keys[part])
        return found

    def _contains(self, keys: Keys) -> Mask:
        if self._table.size == 0:
            return self._hashed(keys)
        local = np.minimum(keys - FIRST, SPAN)  # below FIRST wraps round to far above SPAN
        page = local // np.uint64(PER_PAGE)
        line = (local - page * np.uint64(PER_PAGE)).astype(np.uint32)
        byte = self._table.take(page.view(np.int64)) + (line >> np.uint32(3))
        bit = (line & np.uint32(7)).astype(np.uint8)
        found: Mask = ((self._pages.take(byte) >> bit) & np.uint8(1)).view(np.bool_)
        if self._sorted.size:
            other = np.flatnonzero(local == SPAN)
            if other.size:
                found[other] = self._hashed(keys[other])
        return found

    def _hashed(self, keys: Keys) -> Mask:
        found = np.zeros(keys.shape, np.bool_)
        if self._sorted.size == 0:
            return found
        h = _mix(keys)
        place = h >> self._filter_shift
        bit = (place & np.uint64(7)).astype(np.uint8)
        rows = np.flatnonzero((self._filter.take((place >> np.uint64(3)).view(np.int64)) >> bit) & np.uint8(1))
        h = h[rows]
        bucket = (h >> self._shift).view(np.int64)
        at, end = self._directory.take(bucket).astype(np.intp), self._directory.take(bucket + 1).astype(np.intp)
        keep = at < end
        while True:
            rows, h, at, end = rows[keep], h[keep], at[keep], end[keep]
            if rows.size == 0:
                return found
            hit = self._sorted.take(at) == h
            found[rows[hit]] = True
            at += 1
            keep = ~hit & (at < end)

    def chunks(self) -> Iterator[Keys]:
        """Every key once, in no promised order, some 10 million at most at a time."""
        if self._table.size:
            for area in range(AREAS):
                offsets = self._table[area * 1000 : area * 1000 + 1000]
                used = np.flatnonzero(offsets)
                if used.size == 0:
                    continue
                pages = self._pages.reshape(-1, PAGE)[offsets[used] // PAGE]
                row, line = np.nonzero(np.unpackbits(pages, axis=1, bitorder="little"))
                yield (
                    FIRST
                    + (np.uint64(area * 1000) + used[row].astype(np.uint64)) * np.uint64(PER_PAGE)
                    + line.astype(np.uint64)
                )
        for start in range(0, self._sorted.size, PER_AREA):
            yield _unmix(self._sorted[start : start + PER_AREA])

    def areas(self) -> frozenset[int]:
        """The North American area codes that have a number in the set."""
        found: set[int] = set()
        if self._table.size:
            used = self._table[:-1].reshape(AREAS, 1000).any(axis=1)
            found.update(int(a) + 200 for a in np.flatnonzero(used))
        for start in range(0, self._sorted.size, PER_AREA):
            local = _unmix(self._sorted[start : start + PER_AREA]) - FIRST
            found.update(int(a) + 200 for a in np.unique(local[local < SPAN] // np.uint64(PER_AREA)))
        return frozenset(found)

    def verify(self) -> None:
        """Read the whole file again. Raises `BadInput` when it is not what was written."""
        with self.path.open("rb") as file:
            file.seek(HEADER)
            got = _seal(_hash_rest(file), self.meta)
        if got != self.digest:
            raise BadInput(
                f"the content has digest {got}, not {self.digest}",
                file=str(self.path),
                todo="load the registry again from its source",
            )

    @property
    def nbytes(self) -> int:
        return len(self._map)


def _map(file: IO[bytes], path: Path) -> tuple[mmap.mmap, dict[str, Any]]:
    head = file.read(HEADER)
    if len(head) < HEADER or not head.startswith(MAGIC):
        raise BadInput("not a number set", file=str(path), todo="load the registry again from its source")
    version, length = (int.from_bytes(head[i : i + 4], "little") for i in (8, 12))
    if version != VERSION:
        raise BadInput(f"a number set of version {version}; this program reads {VERSION}", file=str(path))
    said = head[48 : 48 + length]
    if hashlib.sha256(said).digest() != head[16:48]:
        raise BadInput("the header is damaged", file=str(path), todo="load the registry again from its source")
    meta: dict[str, Any] = json.loads(said)
    size = os.fstat(file.fileno()).st_size
    if size != meta["size"]:
        raise BadInput(f"torn: {size} bytes of {meta['size']}", file=str(path), todo="load the registry again")
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), meta


class Builder:
    """Collects keys in any order, repeats allowed, and writes the set: `add` chunks, then `write`.

    Memory is bounded by the plan, not by the input: at most some 2.5 MB for each area code.
    """

    def __init__(self) -> None:
        self.added = 0
        self._pending: list[list[npt.NDArray[np.uint32]]] = [[] for _ in range(AREAS)]
        self._pending_n = [0] * AREAS
        self._bitmap: list[npt.NDArray[np.uint8] | None] = [None] * AREAS
        self._scratch: Mask | None = None
        self._other: list[Keys] = []

    def add(self, keys: Keys) -> None:
        self.added += keys.size
        local = keys - FIRST
        inside = local < SPAN
        if not inside.all():
            self._other.append(keys[~inside])
            local = local[inside]
        if local.size == 0:
            return
        if (local[1:] < local[:-1]).any():
            local.sort()
        low, high = int(local[0]) // PER_AREA, int(local[-1]) // PER_AREA + 1
        edges = np.searchsorted(local, np.arange(low, high + 1, dtype=np.uint64) * np.uint64(PER_AREA))
        for area, start, end in zip(range(low, high), edges[:-1], edges[1:], strict=True):
            if start == end:
                continue
            self._pending[area].append((local[start:end] - np.uint64(area * PER_AREA)).astype(np.uint32))
            self._pending_n[area] += int(end - start)
            if self._pending_n[area] >= _FOLD:
                self._fold(area)

    def _fold(self, area: int) -> npt.NDArray[np.uint8]:
        """The area code's bitmap, its pending numbers included."""
        if self._pending[area]:
            if self._scratch is None:
                self._scratch = np.zeros(PER_AREA, np.bool_)
            for lines in self._pending[area]:
                self._scratch[lines] = True
            packed = np.packbits(self._scratch, bitorder="little")
            for lines in self._pending[area]:
                self._scratch[lines] = False
            old = self._bitmap[area]
            self._bitmap[area] = packed if old is None else old | packed
            self._pending[area], self._pending_n[area] = [], 0
        bitmap = self._bitmap[area]
        assert bitmap is not None
        return bitmap

    def _pages_in_use(self) -> int:
        pages = 0
        for area in range(AREAS):
            bitmap = self._bitmap[area]
            if bitmap is not None:
                pages += int(self._fold(area).reshape(-1, PAGE).any(axis=1).sum())
            elif self._pending[area]:
                pages += np.unique(np.concatenate(self._pending[area]) // np.uint32(PER_PAGE)).size
        return pages

    def write(self, path: Path, layout: Layout = "auto") -> NumberSet:
        """The set as a file at `path`, complete or not there; then mapped."""
        plan = [a for a in range(AREAS) if self._pending[a] or self._bitmap[a] is not None]
        if layout == "auto":
            numbers = sum(self._pending_n) + sum(int(np.bitwise_count(b).sum()) for b in self._bitmap if b is not None)
            layout = "paged" if numbers * 18 > self._pages_in_use() * PAGE else "hashed"
        if layout == "hashed":
            for area in plan:
                base = FIRST + np.uint64(area * PER_AREA)
                if self._bitmap[area] is not None:
                    lines = np.flatnonzero(np.unpackbits(self._fold(area), bitorder="little"))
                    self._other.append(base + lines.astype(np.uint64))
                else:
                    self._other.extend(base + lines for lines in self._pending[area])
            plan = []
        with _Writer(path) as out:
            if plan:
                self._write_pages(out, plan)
            if self._other:
                _write_hashed(out, np.unique(_mix(np.concatenate(self._other))))
        return NumberSet(path)

    def _write_pages(self, out: _Writer, plan: list[int]) -> None:
        table = np.zeros(TABLE, np.uint32)
        out.begin("pages")
        out.write(bytes(PAGE))  # page 0 is empty, and stands for every exchange not in use
        offset = PAGE
        for area in plan:
            pages = self._fold(area).reshape(-1, PAGE)
            used = np.flatnonzero(pages.any(axis=1))
            table[area * 1000 + used] = offset + np.arange(used.size, dtype=np.uint32) * PAGE
            offset += used.size * PAGE
            out.count += int(np.bitwise_count(pages).sum())
            out.write(np.ascontiguousarray(pages[used]))
            self._bitmap[area] = None
        out.begin("table")
        out.write(table)


def build(path: Path, chunks: Iterable[Keys], layout: Layout = "auto") -> NumberSet:
    """A set of every key in `chunks`, at `path`."""
    builder = Builder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.write(path, layout)


def change(old: NumberSet, path: Path, add: Keys, remove: Keys) -> NumberSet:
    """A new set at `path`: the old one without `remove`, then with `add`. The old file is untouched."""
    with _Writer(path) as out:
        paged = old._table.size > 0
        is_paged_add = (add - FIRST < SPAN) & paged
        is_paged_remove = (remove - FIRST < SPAN) & paged
        if paged:
            _change_pages(out, old, add[is_paged_add] - FIRST, remove[is_paged_remove] - FIRST)
        gone, come = _mix(remove[~is_paged_remove]), _mix(add[~is_paged_add])
        rest = old._sorted
        if gone.size:
            gone.sort()
            at = np.minimum(np.searchsorted(gone, rest), gone.size - 1)
            rest = rest[gone[at] != rest]
        rest = np.union1d(rest, come) if come.size else rest
        if rest.size:
            _write_hashed(out, rest)
    return NumberSet(path)


def _change_pages(out: _Writer, old: NumberSet, add: Keys, remove: Keys) -> None:
    table = np.array(old._table)
    fresh = np.unique(add // np.uint64(PER_PAGE)).astype(np.intp)
    fresh = fresh[table[fresh] == 0]
    size = old._pages.size
    table[fresh] = size + np.arange(fresh.size, dtype=np.uint32) * PAGE
    pages = np.empty(size + fresh.size * PAGE, np.uint8)
    pages[:size] = old._pages
    pages[size:] = 0
    for local, setting in ((remove, False), (add, True)):
        page = (local // np.uint64(PER_PAGE)).astype(np.intp)
        known = table[page] != 0
        page, line = page[known], (local[known] % np.uint64(PER_PAGE)).astype(np.int64)
        byte, bits = _bits_by_byte(table[page].astype(np.int64) + (line >> 3), _BITS[line & 7])
        pages[byte] = pages[byte] | bits if setting else pages[byte] & ~bits
    out.count += int(np.bitwise_count(pages).sum(dtype=np.int64))
    out.begin("pages")
    out.write(pages)
    out.begin("table")
    out.write(table)


def _bits_by_byte(
    byte: npt.NDArray[np.int64], bits: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Each byte position once, with its bits or-ed together."""
    if byte.size == 0:
        return byte, bits
    order = np.argsort(byte, kind="stable")
    byte, bits = byte[order], bits[order]
    first = np.flatnonzero(np.concatenate(([True], byte[1:] != byte[:-1])))
    return byte[first], np.bitwise_or.reduceat(bits, first)


def _write_hashed(out: _Writer, h: Keys) -> None:
    """`h`: mixed keys, sorted, each once."""
    out.count += h.size
    out.begin("sorted")
    out.write(h)
    bits = max(4, min(31, int(h.size).bit_length()))  # a half to one key a bucket
    out.meta["directory_shift"] = 64 - bits
    directory = np.zeros((1 << bits) + 1, np.uint32)
    np.cumsum(np.bincount((h >> np.uint64(64 - bits)).astype(np.intp), minlength=1 << bits), out=directory[1:])
    out.begin("directory")
    out.write(directory)
    fine = min(36, bits + 5)  # 32 to 64 bits a key: 2-3 % of strangers get past
    out.meta["filter_shift"] = 64 - fine
    place = (h >> np.uint64(64 - fine)).astype(np.int64)
    byte, marks = _bits_by_byte(place >> 3, _BITS[place & 7])
    bitmap = np.zeros(1 << (fine - 3), np.uint8)
    bitmap[byte] = marks
    out.begin("filter")
    out.write(bitmap)


class _Writer:
    """One set file in the making: sections in order, then the header, sync and rename."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.meta: dict[str, Any] = {
            "sections": {name: [0, 0] for name in ("pages", "table", "sorted", "directory", "filter")},
            "directory_shift": 63,
            "filter_shift": 63,
        }
        self._temp = path.with_name(f".{path.name}.{os.getpid()}-{id(self):x}.tmp")
        self._hash = hashlib.sha256()
        self._name = ""

    def __enter__(self) -> _Writer:
        self._file = self._temp.open("wb")
        self._file.write(bytes(HEADER))
        return self

    def begin(self, name: str) -> None:
        self._name = ""
        self.write(bytes(-self._file.tell() % 64))
        self._name = name
        self.meta["sections"][name] = [self._file.tell(), 0]

    def write(self, content: bytes | npt.NDArray[Any]) -> None:
        view = memoryview(content).cast("B")  # type: ignore[arg-type]  # an array is a buffer
        self._hash.update(view)
        self._file.write(view)
        if self._name:
            offset, _ = self.meta["sections"][self._name]
            self.meta["sections"][self._name] = [offset, self._file.tell() - offset]

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is not None:
                return
            self._name = ""
            self.meta |= {"count": self.count, "size": self._file.tell()}
            self.meta["digest"] = _seal(self._hash, self.meta)
            head = json.dumps(self.meta).encode()
            self._file.seek(0)
            numbers = VERSION.to_bytes(4, "little") + len(head).to_bytes(4, "little")
            self._file.write(MAGIC + numbers + hashlib.sha256(head).digest() + head)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._temp.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            self._file.close()
            self._temp.unlink(missing_ok=True)


def _seal(content: hashlib._Hash, meta: dict[str, Any]) -> str:
    """The digest of the content and of what the header says about it."""
    said = {name: value for name, value in meta.items() if name != "digest"}
    content.update(json.dumps(said, sort_keys=True).encode())
    return "sha256:" + content.hexdigest()


def _hash_rest(file: IO[bytes]) -> hashlib._Hash:
    content = hashlib.sha256()
    while block := file.read(1 << 22):
        content.update(block)
    return content


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
