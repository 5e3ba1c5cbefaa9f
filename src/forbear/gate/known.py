"""What the ledger knows about the people of a list: suppressions, consents, dealings, attempts, as mapped columns.

A wash cannot ask the ledger about ten million people one by one. So the standing
suppressions, consents and dealings of one account and seller lie in files sorted by address (the
base, at some number of the ledger's changes); what changed since is read at the start, in
the same view of the ledger as the number it is caught up to, and laid over them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt
import psycopg

from forbear.accounts.connect import Connection
from forbear.accounts.home import locked
from forbear.core.instants import DAY, MISSING
from forbear.core.keys import KIND_SHIFT, AddressKind
from forbear.gate.gather import Reach, covers_contact
from forbear.ledger import attempts as packed
from forbear.ledger import reads
from forbear.ledger.writes import NOBODY
from forbear.registries.numberset import NumberSet, build

Rows = npt.NDArray[np.void]
Keys = npt.NDArray[np.int64]  # `forbear.core.keys`
Index = npt.NDArray[np.int64]

ERASED: Final = AddressKind.ERASED_PHONE << KIND_SHIFT  # keys of erased numbers are the highest
DELTA_MOST: Final = 100_000  # changed rows laid over a base before a new base is made
CHUNK: Final = 1 << 18

_COMMON: Final = [("addr", "<i8"), ("id", "<u8", (2,)), ("mac", "<u8", (2,))]
SUPPRESSION: Final = np.dtype(
    [
        *_COMMON,
        ("channels", "<i2"),  # mask; 0 every channel
        ("covers", "<i2"),
        ("campaign", "<i8"),
        ("list", "<i8"),
        ("said", "i1"),
        ("at", "<i8"),
        ("last_at", "<i8"),
        ("until", "<i8"),  # a pause ends here; MISSING: no end
        ("gone", "i1"),
    ]
)
CONSENT: Final = np.dtype(
    [
        *_COMMON,
        ("level", "<i2"),
        ("given_at", "<i8"),
        ("given_day", "<i4"),
        ("until_day", "<i4"),
        ("channels", "<i2"),
        ("purposes", "<i2"),
        ("covers", "<i2"),
        ("evidence", "i1"),
        ("names_seller", "i1"),
        ("withdrawn_at", "<i8"),
        ("imported", "i1"),
        ("promised_n", "<i2"),
        ("promised_days", "<i2"),
        ("given_by_person", "i1"),
        ("gone", "i1"),
    ]
)
RELATIONSHIP: Final = np.dtype(
    [
        *_COMMON,
        ("kind", "<i2"),
        ("on_day", "<i4"),
        ("ongoing", "i1"),
        ("given_by_person", "i1"),
        ("gone", "i1"),
    ]
)
_DTYPES: Final = [str(SUPPRESSION), str(CONSENT), str(RELATIONSHIP)]
ATTEMPT: Final = np.dtype([("addr", "<i8"), ("record", packed.RECORD)])

_MAC = "coalesce(mac, '\\x00000000000000000000000000000000'::bytea)"


def _us(column: str) -> str:
    return f"coalesce((extract(epoch FROM {column}) * 1000000)::bigint, ({MISSING})::bigint)"


def _bit(column: str) -> str:
    """A boolean as one byte: 1, 0, or -1 for null. `char` is a byte on the wire."""
    return f"(CASE WHEN {column} THEN 1 WHEN NOT {column} THEN 0 ELSE -1 END)::smallint"


_IMPORTED: Final = "known_by = 'import'"
_SUPPRESSIONS: Final = (  # every part is a constant of this module
    f"SELECT addr, id, {_MAC}, channels, covers, campaign, list, {_bit('said')}, {_us('at')},"  # noqa: S608 - constants
    f" {_us('last_at')}, {_us('until')}, {_bit('lifted_at IS NOT NULL')}"
    " FROM ledger_suppression WHERE owner = ANY(%(owners)s)"
)
_CONSENTS: Final = (
    f"SELECT addr, id, {_MAC}, level, {_us('given_at')}, coalesce(given_day, ({MISSING})::int),"  # noqa: S608
    f" coalesce(until_day, ({MISSING})::int), channels, purposes, covers, {_bit('evidence')}, {_bit('names_seller')},"
    f" {_us('withdrawn_at')}, {_bit(_IMPORTED)}, coalesce(promised_n, 0::smallint),"
    f" coalesce(promised_days, 0::smallint), {_bit('given_by_person')}, 0::smallint FROM ledger_consent"
    " WHERE sellers @> ARRAY[%(seller)s]"
)
_RELATIONSHIPS: Final = (
    f"SELECT addr, id, {_MAC}, kind, coalesce(on_day, ({MISSING})::int), {_bit('ongoing')},"  # noqa: S608
    f" {_bit('given_by_person')}, {_bit('ended_at IS NOT NULL')}"
    " FROM ledger_relationship WHERE account = %(account)s AND seller = %(seller)s"
)
_SINCE: Final = " AND change IN (SELECT id FROM ledger_change WHERE seq > %(since)s)"
_WIRE: Final = {"i1": ("i2", 2), "<i2": ("i2", 2), "<i4": ("i4", 4), "<i8": ("i8", 8), "<u8": ("u8", 8)}


class Hits(NamedTuple):
    """Entries that belong to rows of a batch, sorted by row."""

    row: Index
    entry: Rows


class Entries:
    """Rows sorted by address, found by key. On disk behind a mapped set, or a few in memory behind a sieve."""

    def __init__(self, rows: Rows, addr: Keys, among: NumberSet | None = None) -> None:
        self.rows, self.addr, self._among = rows, addr, among
        self.has_erased = bool(len(addr)) and int(addr[-1]) >= ERASED
        self._sieve = None if among is not None else _sieve(addr)

    def find(self, keys: Keys) -> Hits:
        empty = np.empty(0, np.int64)
        if not len(self.addr):
            return Hits(empty, self.rows[:0])
        maybe = self._among.contains(keys.view(np.uint64)) if self._among else _sift(self._sieve, keys)
        row = np.flatnonzero(maybe)
        low = np.searchsorted(self.addr, keys[row])
        count = np.searchsorted(self.addr, keys[row], side="right") - low
        of = np.repeat(np.arange(row.size), count)
        nth = np.arange(of.size) - np.repeat(np.cumsum(count) - count, count)
        return Hits(row[of], np.asarray(self.rows[low[of] + nth]))


_SIEVE = np.uint64(0x9E3779B97F4A7C15)


def _sieve(addr: Keys) -> npt.NDArray[np.bool_]:
    bits = max(16, min(26, int(addr.size * 16).bit_length()))
    table = np.zeros(1 << bits, np.bool_)
    table[((addr.view(np.uint64) * _SIEVE) >> np.uint64(64 - bits)).view(np.int64)] = True
    return table


def _sift(table: npt.NDArray[np.bool_] | None, keys: Keys) -> npt.NDArray[np.bool_]:
    assert table is not None
    bits = int(table.size).bit_length() - 1
    found: npt.NDArray[np.bool_] = table.take(((keys.view(np.uint64) * _SIEVE) >> np.uint64(64 - bits)).view(np.int64))
    return found


@dataclass(slots=True)
class Layered:
    """A base and what changed since: an address that changed is looked up in the overlay alone."""

    base: Entries
    overlay: Entries
    changed: Keys  # sorted, each once

    @property
    def has_erased(self) -> bool:
        """Whether any key is that of an erased number."""
        return self.base.has_erased or self.overlay.has_erased

    def find(self, keys: Keys) -> Hits:
        below = self.base.find(keys)
        if not self.changed.size:
            return below
        stays = ~in_sorted(self.changed, keys[below.row])
        above = self.overlay.find(keys)
        row = np.concatenate([below.row[stays], above.row])
        entry = np.concatenate([below.entry[stays], above.entry])
        order = np.argsort(row, kind="stable")
        return Hits(row[order], entry[order])


def in_sorted(those: npt.NDArray[Any], keys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if not those.size:
        return np.zeros(keys.shape, np.bool_)
    at = np.minimum(np.searchsorted(those, keys), those.size - 1)
    found: npt.NDArray[np.bool_] = those[at] == keys
    return found


@dataclass(slots=True)
class Known:
    """What the ledger knows for one account and seller, caught up to its change number `seq`."""

    seq: int
    suppressions: Layered
    consents: Layered
    relationships: Layered
    attempts: Entries
    folder: Path  # of the base

    def barred(self, reach: Reach, at: int) -> Barred:
        """Whom lists and operators bar from contacts of this reach at this moment."""
        return Barred(self, reach, at)

    def said(self) -> Layered:
        """What the persons themselves said."""
        base = self.suppressions.base.rows
        picked = _stored(self.folder, "said", lambda: _where(base, "said", 1))
        over = self.suppressions.overlay.rows
        mine = over[over["said"] == 1]
        return Layered(picked, Entries(mine, mine["addr"].copy()), self.suppressions.changed)


class Barred:
    """Is this number barred? Of numbers only: a hashed key is found with `suppressions` and confirmed."""

    def __init__(self, known: Known, reach: Reach, at: int) -> None:
        name = f"barred-{reach.channel}-{reach.purpose}-{int(reach.marketing)}-{reach.campaign:x}-{reach.list:x}"
        base = known.suppressions.base
        ends = _ends(known.folder, base.rows)
        if ends.size:  # entries with an end: a set for each stretch between two of them
            name += f"-{int(np.searchsorted(ends, at, side='right'))}"
        path = known.folder / f"{name}.set"
        if not path.exists():
            covered = (base.addr[p][covering(base.rows[p], reach, at)].view(np.uint64) for p in _parts(base.addr))
            build(path, covered)
        self._base = NumberSet(path)
        self._changed = known.suppressions.changed
        over = known.suppressions.overlay.rows
        self._overlay = np.unique(over["addr"][covering(over, reach, at)])
        self._sieve = _sieve(self._changed) if self._changed.size else None

    def contains(self, keys: Keys) -> npt.NDArray[np.bool_]:
        found = self._base.contains(keys.view(np.uint64))
        if self._sieve is not None:
            maybe = np.flatnonzero(_sift(self._sieve, keys))
            maybe = maybe[in_sorted(self._changed, keys[maybe])]
            found[maybe] = in_sorted(self._overlay, keys[maybe])
        return found


def _ends(folder: Path, rows: Rows) -> npt.NDArray[np.int64]:
    """The moments at which entries that nobody said in person end, in order; looked for once for a base."""
    path = folder / "ends.npy"
    if not path.exists():
        found = [np.empty(0, np.int64)]
        for part in _parts(rows):
            until = rows[part]["until"]
            found.append(until[(until != MISSING) & (rows[part]["said"] == 0)])
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as temp:
            np.save(temp, np.unique(np.concatenate(found)))
        Path(temp.name).replace(path)
    return np.asarray(np.load(path), np.int64)


def covering(rows: Rows, reach: Reach, at: int) -> npt.NDArray[np.bool_]:
    """Which suppressions that nobody said in person cover a contact of this reach at this moment."""
    kinds, inverse = np.unique(
        np.stack([rows["channels"].astype(np.int64), rows["covers"].astype(np.int64), rows["campaign"], rows["list"]]),
        axis=1,
        return_inverse=True,
    )
    answers = np.array(
        [
            covers_contact(int(channels), int(covers), int(campaign), int(of_list), reach)
            for channels, covers, campaign, of_list in kinds.T
        ],
        np.bool_,
    )
    if not len(rows):
        return np.zeros(0, np.bool_)
    over = (rows["until"] != MISSING) & (rows["until"] <= at)
    found: npt.NDArray[np.bool_] = answers[inverse.reshape(-1)] & (rows["said"] == 0) & ~over
    return found


# --- the base on disk -----------------------------------------------------------------------


def folder_of(home: Path, account: UUID, seller: UUID, partner: UUID | None = None) -> Path:
    """What binds depends on all three: an account that changes its partner begins anew."""
    return home / "known" / (f"{account}.{seller}" + (f".{partner}" if partner else ""))


def make_base(
    place: Path,
    seq: int,
    suppressions: Iterable[Rows],
    consents: Iterable[Rows],
    relationships: Iterable[Rows] = (),
    *,
    in_order: bool = True,
) -> Path:
    """Write a base at change number `seq`. Chunks come sorted by address unless `in_order` is false."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = place / f".{seq}.{os.getpid()}.part"
    part.mkdir(mode=0o700)
    try:
        _spool(part, "suppression", SUPPRESSION, suppressions, in_order)
        _spool(part, "consent", CONSENT, consents, in_order)
        _spool(part, "relationship", RELATIONSHIP, relationships, in_order)
        (part / "base.json").write_text(json.dumps({"seq": seq, "dtype": _DTYPES}))
        final = place / str(seq)
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    numbered = sorted((p for p in place.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    for old in numbered[:-2]:  # another wash may just have begun with the last but one
        shutil.rmtree(old, ignore_errors=True)
    return final


def _spool(part: Path, name: str, dtype: np.dtype[np.void], chunks: Iterable[Rows], in_order: bool) -> None:
    if not in_order:
        rows = np.concatenate([np.empty(0, dtype), *chunks])
        chunks = [rows[np.argsort(rows["addr"], kind="stable")]]
    with (part / f"{name}.rows").open("wb") as rows_file, (part / f"{name}.addr").open("wb") as addr_file:
        for chunk in chunks:
            rows_file.write(chunk.tobytes())
            addr_file.write(chunk["addr"].tobytes())
    addr = _mapped(part / f"{name}.addr", np.dtype("<i8"))
    build(part / f"{name}.set", (addr[p].view(np.uint64) for p in _parts(addr)))


def _mapped(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if path.stat().st_size == 0:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r"))


def _stored(folder: Path, name: str, make: Any) -> Entries:
    """A selection of the base kept beside it, made at its first use."""
    if not (folder / f"{name}.set").exists():
        temp = folder / f".{name}.{os.getpid()}"
        temp.mkdir(mode=0o700, exist_ok=True)
        rows: Rows = make()
        _spool(temp, name, rows.dtype, [rows], True)
        for suffix in ("rows", "addr", "set"):  # the set last: it says that the others are there
            (temp / f"{name}.{suffix}").replace(folder / f"{name}.{suffix}")
        temp.rmdir()
    return _entries(folder, name, SUPPRESSION)


def _where(rows: Rows, field: str, value: int) -> Rows:
    picked = [rows[part][rows[part][field] == value] for part in _parts(rows)]
    return np.concatenate(picked) if picked else rows[:0]


def _entries(folder: Path, name: str, dtype: np.dtype[np.void]) -> Entries:
    addr = _mapped(folder / f"{name}.addr", np.dtype("<i8"))
    return Entries(_mapped(folder / f"{name}.rows", dtype), addr, NumberSet(folder / f"{name}.set"))


def _parts(rows: npt.NDArray[Any]) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK))


def newest(place: Path) -> Path | None:
    """The last base there that this release can read."""
    found = [p for p in place.iterdir() if p.name.isdecimal()] if place.is_dir() else []
    fit = [p for p in found if json.loads((p / "base.json").read_text())["dtype"] == _DTYPES]
    return max(fit, key=lambda p: int(p.name), default=None)


# --- caught up with the ledger ----------------------------------------------------------------


def catch_up(
    conn: Connection, home: Path, account: UUID, partner: UUID | None, seller: UUID, seller_number: int, now: int
) -> Known:
    """What the ledger knows now. Everything is read in one view of it, whose last change number `seq` is."""
    place = folder_of(home, account, seller, partner)
    owners = [NOBODY, account, seller, *([partner] if partner else [])]
    with locked(place, "base"), conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        conn.execute("SET LOCAL statement_timeout = 0")
        seq = reads.caught_up(conn)
        names = {"owners": owners, "account": account, "seller": seller, "since": -1}
        base = newest(place)
        if base is not None and int(base.name) <= seq:
            names["since"] = int(base.name)
            row = conn.execute(
                "SELECT count(*), coalesce(bool_or(s.addr >= %s), false) FROM ledger_suppression s"
                " JOIN ledger_change c ON c.id = s.change WHERE c.seq > %s",
                [ERASED, names["since"]],
            ).fetchone()
            if row is None or row[0] > DELTA_MOST or row[1]:  # an older base still has the number of who was erased
                base = None
        else:
            base = None
        if base is None:
            standing = " AND lifted_at IS NULL ORDER BY addr"
            base = make_base(
                place,
                seq,
                _copied(conn, _SUPPRESSIONS + standing, names, SUPPRESSION),
                _copied(conn, _CONSENTS + " ORDER BY addr", names, CONSENT),
                _copied(conn, _RELATIONSHIPS + " AND ended_at IS NULL ORDER BY addr", names, RELATIONSHIP),
            )
            names["since"] = seq
        late = [
            np.concatenate([np.empty(0, dtype), *_copied(conn, query + _SINCE, names, dtype)])
            for query, dtype in ((_SUPPRESSIONS, SUPPRESSION), (_CONSENTS, CONSENT), (_RELATIONSHIPS, RELATIONSHIP))
        ]
        tried = _attempts(conn, seller_number, now)
    return _known(base, seq, late, tried)


def opened(base: Path) -> Known:
    """A base as it stands, with nothing laid over it."""
    nothing = [np.empty(0, dtype) for dtype in (SUPPRESSION, CONSENT, RELATIONSHIP)]
    return _known(base, int(base.name), nothing, Entries(np.empty(0, ATTEMPT), np.empty(0, np.int64)))


def _known(base: Path, seq: int, late: Sequence[Rows], tried: Entries) -> Known:
    layers = [
        _layered(_entries(base, name, dtype), over)
        for (name, dtype), over in zip(
            (("suppression", SUPPRESSION), ("consent", CONSENT), ("relationship", RELATIONSHIP)), late, strict=True
        )
    ]
    return Known(seq, layers[0], layers[1], layers[2], tried, base)


def _layered(base: Entries, late: Rows) -> Layered:
    """The overlay holds everything that stands about an address of which anything changed."""
    changed = np.unique(late["addr"])
    low, high = np.searchsorted(base.addr, changed), np.searchsorted(base.addr, changed, side="right")
    old = [base.rows[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True) if a < b]
    before = np.concatenate(old) if old else late[:0]
    replaced = {(int(a), int(b)) for a, b in late["id"]}
    kept = before[[(int(a), int(b)) not in replaced for a, b in before["id"]]] if before.size else before
    rows = np.concatenate([kept, late[late["gone"] != 1]])
    rows = rows[np.argsort(rows["addr"], kind="stable")]
    return Layered(base, Entries(rows, rows["addr"].copy()), changed)


def _copied(conn: Connection, query: str, names: dict[str, Any], dtype: np.dtype[np.void]) -> Iterator[Rows]:
    """Rows of one width by COPY in binary: what it costs is the bytes."""
    wire: list[tuple[Any, ...]] = [("fields", ">i2")]
    fields: dict[str, Any] = {}
    assert dtype.names is not None
    for name in dtype.names:
        kind = dtype[name]
        if kind.subdtype is not None:
            wire += [(f"{name}_length", ">i4"), (name, ">u8", (2,))]
        else:
            small = kind.itemsize == 1
            wire += [(f"{name}_length", ">i4"), (name, ">i2" if small else kind.newbyteorder(">"))]
        fields[name] = kind
    row = np.dtype(wire)
    with conn.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", names) as copy:
        held, begun = b"", False
        for piece in copy:
            held += piece
            if not begun:
                if len(held) < 19:
                    continue
                held, begun = held[19:], True
            if len(held) < row.itemsize * 10_000:
                continue
            whole = len(held) // row.itemsize
            yield _unwired(np.frombuffer(held, row, whole), dtype)
            held = held[whole * row.itemsize :]
        whole = len(held) // row.itemsize
        if held[whole * row.itemsize :] != b"\xff\xff":
            raise psycopg.DataError("a row of the copy has another width than was asked for")
        if whole:
            yield _unwired(np.frombuffer(held, row, whole), dtype)


def _unwired(rows: Rows, dtype: np.dtype[np.void]) -> Rows:
    found = np.empty(len(rows), dtype)
    assert dtype.names is not None
    for name in dtype.names:
        found[name] = rows[name]
    return found


def _attempts(conn: Connection, seller_number: int, now: int) -> Entries:
    """Every person's attempts for the seller that a rule may still count."""
    found: list[Rows] = [np.empty(0, ATTEMPT)]
    with conn.cursor(name="wash_attempts", binary=True) as cursor:
        cursor.itersize = 20_000
        cursor.execute("SELECT addr, attempts FROM ledger_counter WHERE attempts <> ''")
        while some := cursor.fetchmany(20_000):
            records, whose = packed.unpack([bytes(blob) for _, blob in some])
            keep = (records["seller"] == seller_number) & (records["at"] > now - packed.KEPT_DAYS * DAY)
            rows = np.empty(int(keep.sum()), ATTEMPT)
            rows["addr"] = np.array([addr for addr, _ in some], np.int64)[whose[keep]]
            rows["record"] = records[keep]
            found.append(rows)
    rows = np.concatenate(found)
    rows = rows[np.argsort(rows["addr"], kind="stable")]
    return Entries(rows, rows["addr"].copy())


def confirmed(hits: Hits, mac: npt.NDArray[np.uint8]) -> Hits:
    """Only hits whose 128-bit mac is that of the batch's row, of shape (n, 16): 60 bits may collide."""
    good = (hits.entry["mac"] == np.ascontiguousarray(mac[hits.row]).view(">u8")).all(axis=1)
    return Hits(hits.row[good], hits.entry[good])
