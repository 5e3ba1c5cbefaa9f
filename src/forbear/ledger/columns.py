"""Columns on their way to PostgreSQL: numpy arrays as binary array parameters, without a Python object per value.

`insert ... select * from unnest(%s, %s)` with these costs what the bytes cost. UUIDs are
rows of 16 bytes; moments are our microseconds since 1970, shifted to PostgreSQL's 2000.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from os import urandom
from typing import Any, ClassVar, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

Ids = npt.NDArray[np.uint8]  # shape (n, 16)
Nulls = npt.NDArray[np.bool_] | None

_EPOCH_2000: Final = 946_684_800_000_000
_HEADER = struct.Struct(">iiIii")
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)


class Column:
    """One array parameter, encoded. The subclass says the element type."""

    __slots__ = ("wire",)
    array_oid: ClassVar[int]
    element_oid: ClassVar[int]

    def __init__(self, n: int, body: bytes, nulls: bool) -> None:
        self.wire = _HEADER.pack(1 if n else 0, int(nulls), self.element_oid, n, 1)[: 20 if n else 12] + body


class Int2(Column):
    array_oid, element_oid = 1005, 21


class Int4(Column):
    array_oid, element_oid = 1007, 23


class Int8(Column):
    array_oid, element_oid = 1016, 20


class Bool(Column):
    array_oid, element_oid = 1000, 16


class Moment(Column):
    array_oid, element_oid = 1185, 1184


class Uuid(Column):
    array_oid, element_oid = 2951, 2950


class Text(Column):
    array_oid, element_oid = 1009, 25


class Bytea(Column):
    array_oid, element_oid = 1001, 17


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer | None:
        return obj.wire


for _kind in (Int2, Int4, Int8, Bool, Moment, Uuid, Text, Bytea):
    psycopg.adapters.register_dumper(_kind, type(f"{_kind.__name__}Dumper", (_ColumnDumper,), {"oid": _kind.array_oid}))


def int2s(values: npt.ArrayLike, nulls: Nulls = None) -> Int2:
    return Int2(*_fixed(np.asarray(values), ">i2", nulls))


def int4s(values: npt.ArrayLike, nulls: Nulls = None) -> Int4:
    return Int4(*_fixed(np.asarray(values), ">i4", nulls))


def int8s(values: npt.ArrayLike, nulls: Nulls = None) -> Int8:
    return Int8(*_fixed(np.asarray(values), ">i8", nulls))


def bools(values: npt.ArrayLike, nulls: Nulls = None) -> Bool:
    return Bool(*_fixed(np.asarray(values), "u1", nulls))


def three_valued(values: npt.ArrayLike) -> Bool:
    """`YES`, `NO`, and anything below as null."""
    column = np.asarray(values, dtype=np.int8)
    return Bool(*_fixed(column > 0, "u1", column < 0))


def moments(values: npt.ArrayLike, nulls: Nulls = None) -> Moment:
    return Moment(*_fixed(np.asarray(values, dtype=np.int64) - _EPOCH_2000, ">i8", nulls))


def uuids(values: Ids | Sequence[UUID], nulls: Nulls = None) -> Uuid:
    rows = values if isinstance(values, np.ndarray) else ids_of(values)
    return Uuid(*_rows(np.ascontiguousarray(rows), nulls))


def macs(rows: npt.NDArray[np.uint8], nulls: Nulls = None) -> Bytea:
    """Byte strings of one length, as rows."""
    return Bytea(*_rows(np.ascontiguousarray(rows), nulls))


def texts(values: Iterable[str]) -> Text:
    return Text(*_strings([value.encode() for value in values]))


def utf8s(values: Sequence[bytes]) -> Text:
    """Texts that are encoded already."""
    return Text(*_strings(values))


def repeated(values: Sequence[bytes], which: Iterable[int], n: int) -> Text:
    """Texts of which there are few: `values[i]` for each `i`, `n` in all."""
    coded = [_LENGTH.pack(len(value)) + value for value in values]
    return Text(n, b"".join([coded[i] for i in which]), False)


def byteas(values: Sequence[bytes | None]) -> Bytea:
    return Bytea(*_strings(values))


def ids_of(values: Sequence[UUID]) -> Ids:
    return np.frombuffer(b"".join([value.bytes for value in values]), dtype=np.uint8).reshape(len(values), 16)


def moment(at: int) -> bytes:
    """One moment as a binary parameter."""
    return (at - _EPOCH_2000).to_bytes(8, "big", signed=True)


def new_ids(at: int, n: int) -> Ids:
    """`n` UUIDv7 of one moment (microseconds UTC), in rising order, so that a batch's rows keep their order."""
    rows = np.frombuffer(urandom(16 * n), dtype=np.uint8).reshape(n, 16).copy()
    rows[:, :6] = np.frombuffer((at // 1000).to_bytes(6, "big"), dtype=np.uint8)
    counter = np.arange(n, dtype=np.uint32)  # 12 bits of rand_a and 6 of rand_b count: 2^18 in a batch
    rows[:, 6] = 0x70 | counter >> 14 & 0x0F
    rows[:, 7] = counter >> 6 & 0xFF
    rows[:, 8] = 0x80 | counter & 0x3F
    return rows


def uuid_at(ids: Ids, i: int) -> UUID:
    return UUID(bytes=ids[i].tobytes())


def _fixed(values: npt.NDArray[Any], form: str, nulls: Nulls) -> tuple[int, bytes, bool]:
    kind = np.dtype(form)
    rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", kind)])
    rows["length"] = kind.itemsize
    rows["value"] = values
    if nulls is None or not nulls.any():
        return len(values), rows.tobytes(), False
    return _drop(rows, nulls)


def _rows(values: npt.NDArray[np.uint8], nulls: Nulls) -> tuple[int, bytes, bool]:
    width = values.shape[1]
    rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", np.uint8, (width,))])
    rows["length"] = width
    rows["value"] = values
    if nulls is None or not nulls.any():
        return len(values), rows.tobytes(), False
    return _drop(rows, nulls)


def _drop(rows: npt.NDArray[np.void], nulls: npt.NDArray[np.bool_]) -> tuple[int, bytes, bool]:
    """A null is a length of -1 and no value."""
    rows["length"][nulls] = -1
    flat = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    keep = np.ones(flat.shape, dtype=bool)
    keep[nulls, 4:] = False
    return len(rows), flat[keep].tobytes(), True


def _strings(values: Sequence[bytes | None]) -> tuple[int, bytes, bool]:
    pack = _LENGTH.pack
    parts: list[bytes] = []
    nulls = False
    for value in values:
        if value is None:
            parts.append(_NULL)
            nulls = True
        else:
            parts.append(pack(len(value)))
            parts.append(value)
    return len(values), b"".join(parts), nulls
