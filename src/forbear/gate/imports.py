"""Lists of consents and dealings from CSV: read whole, or refused whole with file, line and column.

One transaction; rows go in by the block, as columns. Lists of whom not to contact: `stop_lists`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt
import polars as pl

from forbear.accounts.connect import Connection
from forbear.core import emails, keys, phones
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, FOREVER, MISSING, parse_day, parse_rfc3339
from forbear.core.keys import AddressKind
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose, RelationshipKind, Word, mask
from forbear.gate.claims import word_hash
from forbear.gate.opened import Gate
from forbear.ledger import addresses, columns, writes
from forbear.ledger.addresses import Addresses
from forbear.ledger.kinds import Kind, KnownBy
from forbear.registries import formats
from forbear.registries.sources import Source

Tick = Callable[[int, int], None]
_AT_ONCE: Final = 50_000  # rows in one statement
_CONSENTS: Final = (
    *("address", "level", "given", "until", "channels", "purposes", "covers", "evidence", "names_seller"),
    "given_by_person",
)
_RELATIONSHIPS: Final = ("address", "kind", "on", "ongoing", "subject", "given_by_person", "reference")
_TRUTH: Final = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0, "": -1}


class Imported(NamedTuple):
    """The receipt."""

    event: UUID
    rows: int
    digest: str  # of the file
    at: int
    seq: int
    contradict: int = 0  # consents of people who said stop: they are kept, and lift nothing
    unproven: int = 0  # consents without evidence


class Provenance(NamedTuple):
    """Where a list of consents comes from, as whoever hands it in says."""

    source: str | None = None  # who collected it, or from whom it was had
    obtained: str | None = None  # the day
    collected_by: str | None = None
    campaign: str | None = None

    def said(self) -> dict[str, object]:
        return {name: value for name, value in self._asdict().items() if value is not None}


def consents(
    conn: Connection,
    gate: Gate,
    account: UUID,
    sellers: Sequence[UUID],
    path: Path,
    by: str,
    provenance: Provenance,
    named: Mapping[str, str],
    tick: Tick | None,
) -> Imported:
    contradict = unproven = 0
    owners = [writes.NOBODY, account, *sellers]

    def write(part: Part, now: int, change: UUID) -> None:
        nonlocal contradict, unproven
        known = part.addresses(gate, None)
        given_at, given_day = part.given(now)
        happened = np.where(given_at != MISSING, given_at, given_day.astype(np.int64) * DAY)
        happened = np.where((given_at == MISSING) & (given_day == MISSING), now, np.minimum(happened, now))
        proven, told = part.proofs("evidence")
        payload = {"import": str(change), "sellers": [str(seller) for seller in sellers], **provenance.said()}
        ids, hashes = part.kept(conn, now, "evidence", told)
        writes.append_events(
            *(conn, now, Kind.CONSENT_GIVEN, KnownBy.IMPORT, known, happened, payload),
            account=account,
            seller=None,
            hashes=hashes,
            ids=ids,
        )
        consent = writes.Consents(
            level=part.levels(),
            given_at=given_at,
            given_day=given_day,
            until_day=part.until(),
            channels=part.masks("channels", Channel, -1),
            purposes=part.masks("purposes", Purpose, -1),
            covers=part.masks("covers", ConsentCover, -1),
            evidence=proven,
            names_seller=part.truths("names_seller"),
            given_by_person=part.truths("given_by_person"),
        )
        writes.give_consents(conn, ids, known, consent, account, sellers, change, known_by=KnownBy.IMPORT)
        unproven += int((proven == 0).sum())
        contradict += sum(stopped(conn, some, owners) for some in (known, *part.older(gate)))

    about = {"sellers": [str(seller) for seller in sellers], **provenance.said()}
    done = _import(conn, account, path, by, named, _CONSENTS, ("address", "level"), about, write, tick)
    return done._replace(contradict=contradict, unproven=unproven)


def relationships(
    conn: Connection,
    gate: Gate,
    account: UUID,
    seller: UUID,
    path: Path,
    by: str,
    named: Mapping[str, str],
    tick: Tick | None,
) -> Imported:
    def write(part: Part, now: int, change: UUID) -> None:
        known = part.addresses(gate, None)
        dealings = writes.Relationships(
            kind=part.words("kind", RelationshipKind),
            on_day=part.days("on", now),
            ongoing=part.truths("ongoing"),
            subject=part.hashes("subject"),
            given_by_person=part.truths("given_by_person"),
        )
        on = dealings.on_day.astype(np.int64) * DAY
        happened = np.where(dealings.on_day == MISSING, now, np.minimum(on, now))
        ids, hashes = part.kept(conn, now, "reference", part.texts("reference"))
        payload = {"import": str(change)}
        writes.append_events(
            *(conn, now, Kind.RELATIONSHIP_RECORDED, KnownBy.IMPORT, known, happened, payload),
            account=account,
            seller=seller,
            hashes=hashes,
            ids=ids,
        )
        writes.record_relationships(conn, ids, known, dealings, account, seller, change)

    about = {"seller": str(seller), "of": "relationships"}
    return _import(conn, account, path, by, named, _RELATIONSHIPS, ("address", "kind"), about, write, tick)


def stopped(conn: Connection, known: Addresses, owners: Sequence[UUID]) -> int:
    """How many of these addresses are of people who said stop to one of these, or to all."""
    row = conn.execute(
        "SELECT count(*) FROM unnest(%s, %s) AS u (addr, mac) WHERE EXISTS (SELECT FROM ledger_suppression s"
        " WHERE s.addr = u.addr AND s.mac IS NOT DISTINCT FROM u.mac AND s.said AND s.lifted_at IS NULL"
        " AND s.owner = ANY(%s))",
        [columns.int8s(known.addr), known.mac_column, list(owners)],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _import(
    conn: Connection,
    account: UUID,
    path: Path,
    by: str,
    named: Mapping[str, str],
    known: Sequence[str],
    needed: Sequence[str],
    about: Mapping[str, object],
    write: Callable[[Part, int, UUID], None],
    tick: Tick | None,
) -> Imported:
    for name in named:
        if name not in known:
            raise BadInput(f"no column is called `{name[:80]}` here", key=name, todo=f"one of {', '.join(known)}")
    source = Source(path, tick)
    with conn.transaction():
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        rows = 0
        for part in _parts(source, known, needed, named):
            write(part, now, change)
            rows += part.n
        if rows == 0:
            raise source.bad("has no rows")
        event = writes.append_event(
            *(conn, now, Kind.LIST_IMPORTED, KnownBy.IMPORT),
            account=account,
            payload={
                **about,
                "change": str(change),
                "file": path.name,
                "digest": source.digest,
                "rows": rows,
                "by": by,
            },
        )
        seq = writes.number_change(conn, change)
    return Imported(event, rows, source.digest, now, seq)


def _parts(source: Source, known: Sequence[str], needed: Sequence[str], named: Mapping[str, str]) -> Iterator[Part]:
    names = {name: named.get(name, name) for name in known}
    for table in formats.tables(source, None):
        there = table.frame.columns
        for name in needed:
            if names[name] not in there:
                raise source.bad("is not there", 1, names[name], todo=f"the file has {', '.join(there)[:200]}")
        for name in named:
            if names[name] not in there:
                raise source.bad("is not there", 1, names[name], todo=f"the file has {', '.join(there)[:200]}")
        for start in range(0, table.frame.height, _AT_ONCE):
            frame = table.frame.slice(start, _AT_ONCE)
            yield Part(source, frame, table.line + start, names)


class Part:
    """Some rows of the file, a column at a time. Every reading names the line and column it cannot take."""

    def __init__(self, source: Source, frame: pl.DataFrame, line: int, names: Mapping[str, str]) -> None:
        self.source, self.frame, self.line, self.names = source, frame, line, names
        self.n = frame.height

    def addresses(self, gate: Gate, country: str | None) -> Addresses:
        texts = self.frame[self.names["address"]].str.strip_chars()
        mail = texts.str.contains("@", literal=True).to_numpy()
        if not mail.any():
            numbers = phones.parse_column(texts, country).numbers
            self._all(numbers != 0, "address", "is neither a number in full nor an e-mail address")
            return addresses.of_numbers(keys.of_phones(numbers))
        numbers = np.zeros(self.n, np.uint64)
        rows = np.flatnonzero(~mail)
        if len(rows):
            numbers[rows] = phones.parse_column(texts.gather(rows), country).numbers
        matching = emails.parse_column(texts)["matching"].to_list()
        forms = [form if is_mail else None for form, is_mail in zip(matching, mail.tolist(), strict=True)]
        column, macs = keys.of_texts(AddressKind.EMAIL, forms, gate.secret)
        good = np.where(mail, column, numbers.astype(np.int64)) != 0
        self._all(good, "address", "is neither a number in full nor an e-mail address")
        addr = np.where(mail, column, keys.of_phones(numbers))
        key_id = np.where(mail, gate.secret.id, 0).astype(np.int16)
        return Addresses(addr, key_id, np.where(mail[:, None], macs, 0).astype(np.uint8), ~mail)

    def given(self, now: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """`given` as moments and, where the cell is a date, as days."""

        def moment(text: str) -> int:
            if len(text) <= 10:
                day = parse_day(text)
                if not 0 <= day <= now // DAY + 1:
                    raise ValueError("lies in the future")
                return MISSING
            at = parse_rfc3339(text)
            if not 0 <= at <= now + DAY:
                raise ValueError("lies in the future")
            return at

        def day(text: str) -> int:
            return parse_day(text) if len(text) <= 10 else MISSING

        return self.unique("given", moment, MISSING, np.int64), self.unique("given", day, MISSING, np.int32)

    def until(self) -> npt.NDArray[np.int32]:
        def read(text: str) -> int:
            return FOREVER if text == "indefinite" else parse_day(text)

        return self.unique("until", read, MISSING, np.int32)

    def days(self, name: str, now: int) -> npt.NDArray[np.int32]:
        def read(text: str) -> int:
            day = parse_day(text)
            if not 0 <= day <= now // DAY + 1:
                raise ValueError("lies in the future")
            return day

        return self.unique(name, read, MISSING, np.int32)

    def hashes(self, name: str) -> npt.NDArray[np.int64]:
        def read(text: str) -> int:
            if len(text) > 200:
                raise ValueError("is longer than 200 characters")
            return word_hash(text)

        return self.unique(name, read, 0, np.int64)

    def texts(self, name: str) -> dict[int, str]:
        """By row, what is written there."""
        if self.names[name] not in self.frame.columns:
            return {}
        texts = self.frame[self.names[name]].fill_null("").str.strip_chars().to_list()
        return {row: text for row, text in enumerate(texts) if text}

    def proofs(self, name: str) -> tuple[npt.NDArray[np.int8], dict[int, str]]:
        """Whether proof is held, by row; and where it is or what it says, where that is written. Not said: none is."""
        held = np.zeros(self.n, np.int8)
        told: dict[int, str] = {}
        for row, text in self.texts(name).items():
            held[row] = _TRUTH.get(text.lower(), 1)
            if text.lower() not in _TRUTH:
                if len(text) > 20_000:
                    raise self.source.bad("is longer than 20,000 characters", self.line + row, self.names[name])
                told[row] = text
        return held, told

    def kept(
        self, conn: Connection, now: int, name: str, told: Mapping[int, str]
    ) -> tuple[columns.Ids, list[bytes | None]]:
        """New ids for the rows' events, and the hashes of what was told of some, which is stored apart."""
        ids = columns.new_ids(now, self.n)
        hashes: list[bytes | None] = [None] * self.n
        some = sorted(told)
        kept = writes.keep_personal(
            conn, [columns.uuid_at(ids, row) for row in some], [{name: told[row]} for row in some]
        )
        for row, hashed in zip(some, kept, strict=True):
            hashes[row] = hashed
        return ids, hashes

    def older(self, gate: Gate) -> Iterator[Addresses]:
        """The mail addresses under secrets that only probe."""
        texts = self.frame[self.names["address"]].str.strip_chars()
        forms = [form for form in emails.parse_column(texts)["matching"].to_list() if form is not None]
        for secret in gate.secrets[1:] if forms else ():
            column, macs = keys.of_texts(AddressKind.EMAIL, forms, secret)
            yield Addresses(column, np.full(len(forms), secret.id, np.int16), macs, np.zeros(len(forms), bool))

    def levels(self) -> npt.NDArray[np.int16]:
        return self.words("level", ConsentLevel)

    def words(self, name: str, kind: type[Word]) -> npt.NDArray[np.int16]:
        """The bit of one word a row, which every row must have."""

        def read(text: str) -> int:
            if not text:
                raise ValueError("is empty")
            return _word(kind, text).bit

        return self.unique(name, read, 0, np.int16, empty=False)

    def masks(self, name: str, kind: type[Word], default: int) -> npt.NDArray[np.int16]:
        """Words with spaces or `|` between; an empty cell is not known."""

        def read(text: str) -> int:
            return mask(_word(kind, word) for word in text.replace("|", " ").split())

        return self.unique(name, read, default, np.int16)

    def truths(self, name: str) -> npt.NDArray[np.int8]:
        def read(text: str) -> int:
            if text.lower() not in _TRUTH:
                raise ValueError("is not yes or no")
            return _TRUTH[text.lower()]

        return self.unique(name, read, -1, np.int8)

    def unique(
        self, name: str, read: Callable[[str], int], default: int, kind: type[Any], *, empty: bool = True
    ) -> npt.NDArray[Any]:
        """Reads each distinct text once: lists repeat themselves."""
        if self.names[name] not in self.frame.columns:
            return np.full(self.n, default, kind)
        texts = self.frame[self.names[name]].fill_null("").str.strip_chars().rename("text")
        values: dict[str, int] = {}
        for text in texts.unique(maintain_order=True):
            if not text and empty:
                values[text] = default
                continue
            try:
                values[text] = read(text)
            except ValueError as fault:
                line = self.line + int((texts == text).arg_max() or 0)
                raise self.source.bad(f"{str(fault)[:200]}", line, self.names[name]) from None
        found = texts.replace_strict(list(values), list(values.values()), return_dtype=pl.Int64)
        return found.to_numpy().astype(kind)

    def _all(self, good: npt.NDArray[np.bool_], name: str, what: str) -> None:
        if not good.all():
            line = self.line + int(np.flatnonzero(~good)[0])
            raise self.source.bad(what, line, self.names[name])


def _word(kind: type[Word], text: str) -> Word:
    try:
        return kind(text)
    except ValueError:
        words = ", ".join(kind)
        raise ValueError(f"holds a word that is none of: {words}") from None
