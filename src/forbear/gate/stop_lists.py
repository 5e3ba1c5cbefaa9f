"""A list of people not to contact, from a file: ours or a provider's, all of it or nothing.

One transaction, by the block, as columns. Just before the commit the gate is closed for the
moment it takes, so that no decision misses what the list says; then what persons said of
themselves is placed at the addresses they are joined with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of
from forbear.core.keys import AddressKey
from forbear.core.words import OptOutScope, Way
from forbear.gate import joins
from forbear.gate.claims import word_hash
from forbear.gate.consent import every_address_key
from forbear.gate.imports import Part, Tick
from forbear.gate.opened import Gate
from forbear.gate.provider_forms import Form, Row, moment
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.addresses import Addresses
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.registries import formats
from forbear.registries.sources import Source

_AT_ONCE: Final = 50_000  # rows in one statement
_JSON_MOST: Final = 256 << 20  # bytes: a document is read whole
_ROW: Final = "row"  # the column that numbers the rows of a block


class Owner(NamedTuple):
    """Whom rows bind."""

    scope: Scope
    owner: UUID


class Taken(NamedTuple):
    """The receipt."""

    event: UUID
    rows: int  # of the file
    skipped: int  # that are about no suppression: an opt-in, a message that was sent
    said: int  # entries placed that the person said ...
    placed: int  # ... and that somebody else did
    joined: int  # entries placed at other addresses of the same people
    digest: str  # of the file
    at: int
    seq: int


def take(
    conn: Connection,
    gate: Gate,
    account: UUID,
    owner: Owner,
    form: Form,
    path: Path,
    *,
    by: str,
    senders: Mapping[str, UUID],
    of_list: str | None = None,
    covers: OptOutScope | None = None,
    named: Mapping[str, str] | None = None,
    country: str | None = None,
    tick: Tick | None = None,
) -> Taken:
    """Places what the file says. Raises `BadInput` naming file, line and column (of JSON, the entry and its key).

    `senders`: by what people see as sender (lower case), the seller it is; rows that name none bind `owner`.
    `of_list`: unsubscribes are of this list. `covers`: how far those reach that name no list,
    if not as the form has it.
    """
    source = Source(path, tick)
    counts = {"rows": 0, "skipped": 0, "said": 0, "placed": 0}
    with conn.transaction():
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        for part, sender in parts(source, form, named or {}):
            known = part.addresses(gate, country)
            at = part.unique("at", lambda text: moment(text, now, in_utc=form.in_utc), now, np.int64)
            counts["rows"] += part.n
            taken = np.zeros(part.n, np.bool_)
            for (row, seller), rows in _sorted(part, form, sender, senders, of_list, covers):
                bound = owner if seller is None else Owner(Scope.SELLER, seller)
                _write(conn, account, bound, form, row, part, known, rows, at, now, change)
                counts["said" if row.said else "placed"] += len(rows)
                taken[rows] = True
            counts["skipped"] += int(part.n - taken.sum())
        if counts["rows"] == 0:
            raise source.bad("has no rows")
        event = writes.append_event(
            *(conn, now, Kind.LIST_IMPORTED, KnownBy.IMPORT),
            account=account,
            payload={
                "scope": owner.scope.name.lower(),
                "owner": str(owner.owner),
                "form": form.name,
                "change": str(change),
                "file": path.name,
                "digest": source.digest,
                "by": by,
                **counts,
            },
        )
        writes.close_gate(conn)
        joined = _to_joined(conn, gate, account, change, now)
        seq = writes.number_change(conn, change)
    return Taken(event, **counts, joined=joined, digest=source.digest, at=now, seq=seq)


def senders_of(conn: Connection, sellers: Sequence[account_reads.Seller]) -> dict[str, UUID]:
    """What people see as sender, in lower case, and whose it is; one that several sellers use is nobody's."""
    found: dict[str, UUID] = {}
    twice: set[str] = set()
    for seller in sellers:
        for identity in account_reads.sender_identities(conn, seller.id):
            value = identity.value.lower()
            if found.setdefault(value, seller.id) != seller.id:
                twice.add(value)
    return {value: seller for value, seller in found.items() if value not in twice}


def _write(
    conn: Connection,
    account: UUID,
    owner: Owner,
    form: Form,
    row: Row,
    part: Part,
    known: Addresses,
    rows: npt.NDArray[np.intp],
    at: npt.NDArray[np.int64],
    now: int,
    change: UUID,
) -> None:
    mine = addresses.some(known, rows)
    ids = columns.new_ids(now, len(rows))
    told = {"campaign": row.campaign or None, "list": row.list or None}
    hashes: list[bytes | None] = [None] * len(rows)
    worded = bool(row.campaign or row.list)
    keep = np.arange(len(rows)) if worded else np.flatnonzero(~mine.exact)  # a number is in its key
    if len(keep):
        texts = part.frame[part.names["address"]].str.strip_chars().gather(rows[keep]).to_list()
        kept = writes.keep_personal(
            conn, [columns.uuid_at(ids, int(place)) for place in keep], [{"address": text, **told} for text in texts]
        )
        for place, hashed in zip(keep.tolist(), kept, strict=True):
            hashes[place] = hashed
    payload = {
        "import": str(change),
        "form": form.name,
        "reason": row.reason,
        "scope": owner.scope.name.lower(),
        "covers": row.covers.value,
        **({} if row.way is None else {"way": row.way.value}),
    }
    writes.append_events(
        *(conn, now, Kind.OPT_OUT_SAID if row.said else Kind.SUPPRESSION_PLACED, KnownBy.IMPORT, mine, at[rows]),
        payload,
        account=account,
        seller=owner.owner if owner.scope is Scope.SELLER else None,
        hashes=hashes,
        ids=ids,
    )
    stop = writes.Stop(
        *(owner.scope, owner.owner, row.channels, row.covers.bit, row.said, row.reason),
        campaign=word_hash(row.campaign) if row.campaign else 0,
        list=word_hash(row.list) if row.list else 0,
        until=row.until,
        way=row.way or "",
    )
    channels = np.full(len(rows), row.channels, np.int16)
    writes.import_suppressions(conn, ids, mine, stop, channels, at[rows], change)


def _sorted(
    part: Part,
    form: Form,
    sender: str | None,
    senders: Mapping[str, UUID],
    of_list: str | None,
    covers: OptOutScope | None,
) -> list[tuple[tuple[Row, UUID | None], npt.NDArray[np.intp]]]:
    """The rows of a block by what they say and to whom. Each distinct combination of values is read once."""
    by = [part.names.get(f"by{place}") for place in range(len(form.by))]
    wanted = [name for name in [*by, sender] if name is not None]
    table = part.frame.select(pl.col(wanted).fill_null("").str.strip_chars()) if wanted else pl.DataFrame()
    if not wanted:
        groups: list[tuple[dict[str, str], npt.NDArray[np.intp]]] = [({}, np.arange(part.n))]
    else:
        keyed = table.with_row_index(_ROW).group_by(list(dict.fromkeys(wanted)), maintain_order=True).agg(pl.col(_ROW))
        groups = [
            ({name: one[name] for name in keyed.columns if name != _ROW}, np.asarray(one[_ROW], np.intp))
            for one in keyed.iter_rows(named=True)
        ]
    found: dict[tuple[Row, UUID | None], list[npt.NDArray[np.intp]]] = {}
    for values, rows in groups:
        told = tuple("" if name is None else values[name] for name in by)
        seller = None if sender is None else senders.get(values[sender].lower())
        try:
            says = form.rows(told)
            for row in says:
                found.setdefault((_reaching(row, of_list, covers), seller), []).append(rows)
        except ValueError as fault:
            column = next((name for name in by if name is not None), part.names["address"])
            raise part.source.bad(str(fault)[:200], part.line + int(rows[0]), column) from None
    return [(what, np.sort(np.concatenate(rows))) for what, rows in found.items()]


def _reaching(row: Row, of_list: str | None, covers: OptOutScope | None) -> Row:
    """As the importer says where the row does not: of which list, or how far."""
    if not row.said or row.way is Way.COMPLAINT or row.campaign or row.list:
        return row
    if of_list is not None and row.way is Way.PROVIDER:
        return row._replace(covers=OptOutScope.LIST, list=of_list)
    if row.covers is OptOutScope.LIST:
        raise ValueError("names no group: say of which list it is")
    return row if covers is None else row._replace(covers=covers)


# --- what persons said, at their other addresses ------------------------------------------------


def _to_joined(conn: Connection, gate: Gate, account: UUID, change: UUID, now: int) -> int:
    """Places what this list says of people at the addresses they are joined with. The gate is closed."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM ledger_join WHERE account = %s AND parted_at IS NULL)", [account]
    ).fetchone()
    if row is None or not row[0]:
        return 0
    own, older = _under_older_keys(conn, gate, account)
    stops = conn.execute(
        "SELECT s.id, s.scope, s.owner, s.covers, s.until, s.way, s.at, j.id, m.addr, m.mac, m.key_id"
        " FROM ledger_suppression s"
        " JOIN (SELECT id, addr, mac FROM ledger_join WHERE account = %(account)s AND parted_at IS NULL"
        "  UNION ALL SELECT * FROM unnest(%(older)s, %(addrs)s, %(macs)s)) AS a (id, addr, mac)"
        "  ON a.addr = s.addr AND a.mac IS NOT DISTINCT FROM s.mac"
        " JOIN ledger_join j ON j.id = a.id"
        " JOIN ledger_join m ON m.account = j.account AND m.person = j.person AND m.parted_at IS NULL AND m.id <> j.id"
        " WHERE s.change = %(change)s AND s.said AND s.covers = ANY(%(covers)s) ORDER BY m.addr, s.id",
        {
            "account": account,
            "older": columns.uuids(older),
            "addrs": columns.int8s(own.addr),
            "macs": own.mac_column,
            "change": change,
            "covers": [word.bit for word in joins.SPREADS],
        },
    ).fetchall()
    placed: set[tuple[object, ...]] = set()
    for entry, scope, whose, covers, until, way, at, _, addr, mac, key_id in stops:
        once = (scope, whose, covers, until, addr, mac)
        if once in placed:
            continue
        placed.add(once)
        stop = writes.Stop(
            *(Scope(scope), whose, 0, covers, True, joins.REASON),
            until=None if until is None else at_of(until),
            way=way,
        )
        address = AddressKey(addr, bytes(mac or b""), key_id)
        joins.place_joined(conn, account, entry, address, stop, KnownBy.IMPORT, now, at_of(at), change)
    return len(placed)


def _under_older_keys(conn: Connection, gate: Gate, account: UUID) -> tuple[Addresses, list[UUID]]:
    """Joined addresses keyed by an older secret, as the newest keys them, where the personal part still has them."""
    return rekeyed(
        conn,
        gate,
        "SELECT j.id, p.part, j.addr FROM ledger_join j JOIN ledger_personal p ON p.event = j.event"
        " WHERE j.account = %s AND j.parted_at IS NULL AND j.mac IS NOT NULL AND j.key_id <> %s",
        [account, gate.secret.id],
    )


def rekeyed(
    conn: Connection, gate: Gate, query: LiteralString, values: Sequence[object]
) -> tuple[Addresses, list[UUID]]:
    """Rows of (id, personal part, key) whose address is still there, as the newest secret keys it. Nothing to do
    where there is one secret."""
    found: list[AddressKey] = []
    ids: list[UUID] = []
    for row, part, addr in conn.execute(query, values) if len(gate.secrets) > 1 else ():
        text = reads.address_in(part, addr)
        if text is not None:
            found.append(every_address_key(text, gate)[0])
            ids.append(row)
    return addresses.of_keys(found), ids


def who_said(
    gate: Gate, form: Form, path: Path, country: str | None
) -> Iterator[tuple[list[str], list[int], Addresses]]:
    """The addresses of a provider's list whose holders themselves said stop: as written, their lines, their keys."""
    for part, _ in parts(Source(path), form, {}):
        known = part.addresses(gate, country)
        said = [rows for (row, _), rows in _sorted(part, form, None, {}, "", None) if row.said]
        rows = np.unique(np.concatenate(said)) if said else np.empty(0, np.intp)
        texts = part.frame[part.names["address"]].str.strip_chars().gather(rows).to_list()
        yield texts, [part.line + int(row) for row in rows], addresses.some(known, rows)


# --- reading --------------------------------------------------------------------------------------


class _Document(Source):
    """A JSON file: what is wrong is told by entry and key, not by line."""

    def bad(self, what: str, line: int | None = None, column: str | None = None, todo: str | None = None) -> BadInput:
        place = "" if line is None else f"[{line}]"
        key = f"{place}.{column}" if column else place
        return BadInput(what, file=self.name, key=key or None, todo=todo)


def parts(source: Source, form: Form, named: Mapping[str, str]) -> Iterator[tuple[Part, str | None]]:
    """The file in blocks of text columns, under our names; with each the column of the sender, where there is one.

    CSV, a JSON document (a list, or a list under one of `form.items`), or JSON by line.
    """
    head = next(iter(Source(source.path).blocks())).text[:4096].lstrip()
    if head[:1] in (b"[", b"{"):
        yield from _of_json(source, form, named)
        return
    first = head.partition(b"\n")[0].lower()
    bare = bool(form.headless) and b"@" in first
    for table in formats.tables(source, form.headless if bare else None):
        for start in range(0, table.frame.height, _AT_ONCE):
            frame = table.frame.slice(start, _AT_ONCE)
            yield _part(source, form, named, frame, table.line + start)


def _part(
    source: Source, form: Form, named: Mapping[str, str], frame: pl.DataFrame, line: int
) -> tuple[Part, str | None]:
    there = {name.lower(): name for name in frame.columns}
    known = {"address": form.address, "at": form.at, **{f"by{n}": names for n, names in enumerate(form.by)}}
    ours = {"address", "at", *(names[0] for names in form.by)}
    for name, column in named.items():
        if name not in ours:
            raise BadInput(
                f"no column is called `{name[:80]}` here", key=name, todo=f"one of {', '.join(sorted(ours))}"
            )
        if column.lower() not in there:
            raise source.bad("is not there", 1, column, todo=f"the file has {', '.join(frame.columns)[:200]}")
    names: dict[str, str] = {}
    for ours_name, wanted in known.items():
        stated = named.get(wanted[0] if ours_name.startswith("by") else ours_name)
        found = next((there[one] for one in ((stated.lower(),) if stated else wanted) if one in there), None)
        if found is not None:
            names[ours_name] = found
    if "address" not in names:
        raise source.bad("is not there", 1, form.address[0], todo=f"the file has {', '.join(frame.columns)[:200]}")
    names.setdefault("at", "")  # a column of this name is not there
    if form.bare:
        cell = pl.col(names["address"]).str.strip_chars()
        whole = cell.str.contains(r"^[1-9][0-9]{6,14}$")
        frame = frame.with_columns(pl.when(whole).then("+" + cell).otherwise(cell).alias(names["address"]))
    sender = next((there[one] for one in form.sender if one in there), None)
    return Part(source, frame, line, names), sender


def _of_json(source: Source, form: Form, named: Mapping[str, str]) -> Iterator[tuple[Part, str | None]]:
    pieces, size = [], 0
    for block in source.blocks():
        pieces.append(block.text)
        size += len(block.text)
        if size > _JSON_MOST:
            raise source.bad(f"has more than {_JSON_MOST >> 20} MiB", todo="hand it in by line, in parts, or as CSV")
    text = b"".join(pieces)
    lines: list[int] | None = None
    try:
        rows = _entries(source, form, msgspec.json.decode(text))
    except msgspec.DecodeError as fault:
        rows, lines = [], []
        for number, line in enumerate(text.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                some = _entries(source, form, msgspec.json.decode(line))
            except msgspec.DecodeError:
                raise source.bad(f"is not JSON: {fault}"[:200], number) from None
            rows += some
            lines += [number] * len(some)
    document = source if lines is not None else _Document(source.path)
    wanted = dict.fromkeys(
        name for name in (*form.address, *form.at, *(one for names in form.by for one in names), *form.sender)
    )
    wanted |= dict.fromkeys(column.lower() for column in named.values())
    for start in range(0, len(rows), _AT_ONCE):
        cells: dict[str, list[str]] = {}
        some = rows[start : start + _AT_ONCE]
        numbers = range(start, start + len(some)) if lines is None else lines[start : start + _AT_ONCE]
        for place, row in enumerate(some):
            if isinstance(row, str):
                row = {form.address[0]: row}
            if not isinstance(row, dict):
                raise document.bad("is no entry", numbers[place])
            for name, value in row.items():
                if name.lower() in wanted:
                    cells.setdefault(name, [""] * len(some))[place] = _cell(document, numbers[place], name, value)
        frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
        if lines is None:
            yield _part(document, form, named, frame, start)
        else:
            yield from _by_line(source, form, named, frame, lines[start : start + _AT_ONCE])


def _by_line(
    source: Source, form: Form, named: Mapping[str, str], frame: pl.DataFrame, lines: list[int]
) -> Iterator[tuple[Part, str | None]]:
    """Runs of rows on lines that follow each other, so that a row's line is its place in the run."""
    steps = np.flatnonzero(np.diff(np.asarray(lines)) != 1) + 1
    for run in np.split(np.arange(len(lines)), steps):
        if len(run):
            yield _part(source, form, named, frame.slice(int(run[0]), len(run)), lines[int(run[0])])


def _entries(source: Source, form: Form, document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in form.items:
            if isinstance(document.get(name), list):
                return list(document[name])
        if any(name.lower() in form.address for name in document):
            return [document]
    expected = " or ".join(f"`{name}`" for name in form.items) or "a list"
    raise source.bad("holds no entries", todo=f"it should be a list, or have {expected}")


def _cell(source: Source, number: int, name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "|".join(value)
    raise source.bad("is no text", number, name)
