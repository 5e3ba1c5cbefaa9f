"""The ledger's rows read back as the records of the log: their bytes, and the same as plain values for a proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import at_of
from forbear.core.keys import AddressKey, is_erased
from forbear.ledger import leaves
from forbear.ledger.kinds import Leaf
from forbear.tlog.merkle import leaf_hash

EVENT_COLUMNS: Final = (
    "id, kind, happened_at, learnt_at, known_by, account, seller, payload, personal_hash, batch, batch_index"
)
_DECISION_COLUMNS: Final = (
    "d.id, d.at, d.account, d.seller, d.addr, d.key_id, d.mac, d.seal, d.channel, d.purpose, d.mode, d.verdict, d.cure,"
    " d.earliest, d.permit, d.selector, d.rules, d.obligations, d.facts, d.overrides, d.batch, d.batch_index"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its values in the order of its bytes, its hash, and where its entry of the log is found."""

    kind: Leaf  # of the entry it is under
    id: UUID
    account: UUID | None
    values: dict[str, Any]
    hash: bytes
    batch: UUID | None  # the small tree it is in; None: it is an entry itself
    batch_index: int | None
    address: AddressKey | None = None  # of a decision, under its seal

    @property
    def source(self) -> UUID:
        return self.batch or self.id


def event_record(row: Sequence[Any]) -> Record:
    """Of a row of `EVENT_COLUMNS`."""
    identity, kind, happened_at, learnt_at, known_by, account, seller, payload, hashed, batch, batch_index = row[:11]
    personal_hash = None if hashed is None else bytes(hashed)
    happened, learnt = at_of(happened_at), at_of(learnt_at)
    whole = leaves.event_bytes(identity, kind, happened, learnt, known_by, account, seller, payload, personal_hash)
    values = {
        "id": identity,
        "happened_at": happened,
        "learnt_at": learnt,
        "account": account,
        "seller": seller,
        "personal_hash": personal_hash,
        "kind": kind,
        "known_by": known_by,
        "payload": payload,
    }
    entry = Leaf.EVENT if batch is None else Leaf.EVENTS
    return Record(entry, identity, account, values, leaf_hash(whole), batch, batch_index)


def decision_record(row: Sequence[Any]) -> Record:
    identity, at, account, seller, addr, key_id, mac, seal, channel, purpose, mode, verdict, cure = row[:13]
    earliest, permit, selector, rules, obligations, facts, overrides, batch, batch_index = row[13:22]
    moment, until = at_of(at), None if earliest is None else at_of(earliest)
    seal, selector, facts = None if seal is None else bytes(seal), bytes(selector), bytes(facts)
    fixed = leaves.decision_fixed(
        *(identity, moment, account, seller, seal, channel, purpose, mode, verdict, cure),
        *(until, permit, selector),
    )
    values = {
        "id": identity,
        "at": moment,
        "account": account,
        "seller": seller,
        "seal": seal,
        "channel": channel,
        "purpose": purpose,
        "mode": mode,
        "verdict": verdict,
        "cure": cure,
        "earliest": until,
        "permit": permit,
        "selector": selector,
        "rules": rules,
        "obligations": obligations,
        "facts": facts,
        "overrides": overrides,
    }
    hashed = leaves.decision_hash(fixed, rules.encode(), obligations.encode(), facts, overrides.encode())
    address = None if is_erased(addr) else AddressKey(addr, b"" if mac is None else bytes(mac), key_id)
    return Record(Leaf.DECISIONS, identity, account, values, hashed, batch, batch_index, address)


def redemption_record(permit: UUID, at: datetime, account: UUID | None = None) -> Record:
    moment = at_of(at)
    hashed = leaf_hash(leaves.redemption_bytes(permit.bytes, moment))
    return Record(Leaf.REDEMPTION, permit, account, {"permit": permit, "at": moment}, hashed, None, None)


def disposition_record(row: Sequence[Any], account: UUID | None = None) -> Record:
    """Of a row of `ledger_disposition`, in the order of its columns."""
    permit, at, known_by, outcome, answered, conversation, abandoned, refused = row[:8]
    moment = at_of(at)
    whole = leaves.disposition_bytes(permit, moment, known_by, outcome, answered, conversation, abandoned, refused)
    values = {
        "permit": permit,
        "at": moment,
        "answered": answered,
        "conversation": conversation,
        "abandoned": abandoned,
        "refused": refused,
        "known_by": known_by,
        "outcome": outcome,
    }
    return Record(Leaf.DISPOSITION, permit, account, values, leaf_hash(whole), None, None)


def records(conn: Connection, identity: UUID, account: UUID | None = None) -> list[Record]:
    """What the ledger holds under this id: an event; a decision, with what became of its permit; a permit, with its
    decision. With `account`, only that account's."""
    row = conn.execute(
        f"SELECT {EVENT_COLUMNS} FROM ledger_event WHERE id = %s AND (%s::uuid IS NULL OR account = %s)",  # noqa: S608
        [identity, account, account],
    ).fetchone()
    if row is not None:
        return [event_record(row)]
    row = conn.execute(
        f"SELECT {_DECISION_COLUMNS} FROM ledger_decision d"  # noqa: S608
        " WHERE d.id = coalesce((SELECT decision FROM ledger_permit WHERE id = %s), %s)"
        " AND (%s::uuid IS NULL OR d.account = %s)",
        [identity, identity, account, account],
    ).fetchone()
    if row is None:
        return []
    found = [decision_record(row)]
    permit, whose = row[14], row[2]
    if permit is not None:
        redeemed = conn.execute("SELECT at FROM ledger_redemption WHERE permit = %s", [permit]).fetchone()
        settled = conn.execute("SELECT * FROM ledger_disposition WHERE permit = %s", [permit]).fetchone()
        found += [] if redeemed is None else [redemption_record(permit, redeemed[0], whose)]
        found += [] if settled is None else [disposition_record(settled, whose)]
    return found


def batch_hashes(conn: Connection, record: Record) -> list[bytes]:
    """The hashes of a small tree, in their order, computed from the rows as they are now."""
    if record.batch is None:
        return [record.hash]
    # A batch is one moment's: its ids, and so its partitions, begin with the same milliseconds.
    low, high = _around(record.id)
    if record.kind is Leaf.EVENTS:
        rows = conn.execute(
            f"SELECT {EVENT_COLUMNS} FROM ledger_event WHERE id >= %s AND id < %s AND batch = %s ORDER BY batch_index",  # noqa: S608
            [low, high, record.batch],
        )
        return [event_record(row).hash for row in rows]
    rows = conn.execute(
        f"SELECT {_DECISION_COLUMNS} FROM ledger_decision d"  # noqa: S608
        " WHERE d.id >= %s AND d.id < %s AND d.batch = %s ORDER BY d.batch_index",
        [low, high, record.batch],
    )
    return [decision_record(row).hash for row in rows]


def unlogged(conn: Connection) -> Iterator[tuple[Leaf, list[tuple[UUID, bytes]]]]:
    """Events, redemptions and dispositions that neither wait for the log nor are in it, in the order of their ids: all
    that was recorded before there was a log. The caller holds one snapshot."""
    absent = (
        "NOT EXISTS (SELECT FROM ledger_logqueue q WHERE q.source = {0} AND q.kind = {1})"
        " AND NOT EXISTS (SELECT FROM ledger_logentry l WHERE l.source = {0} AND l.kind = {1})"
    )
    sources: tuple[tuple[Leaf, str, Any], ...] = (
        (
            Leaf.EVENT,
            f"SELECT {EVENT_COLUMNS} FROM ledger_event e"  # noqa: S608
            f" WHERE batch IS NULL AND {absent.format('e.id', 2)} ORDER BY id",
            event_record,
        ),
        (
            Leaf.REDEMPTION,
            f"SELECT permit, at FROM ledger_redemption e WHERE {absent.format('e.permit', 4)} ORDER BY permit",  # noqa: S608
            lambda row: redemption_record(row[0], row[1]),
        ),
        (
            Leaf.DISPOSITION,
            f"SELECT * FROM ledger_disposition e WHERE {absent.format('e.permit', 5)} ORDER BY permit",  # noqa: S608
            disposition_record,
        ),
    )
    for kind, sql, made in sources:
        with conn.cursor(f"unlogged_{kind.value}") as cursor:
            cursor.itersize = 5_000
            cursor.execute(sql)
            while rows := cursor.fetchmany(5_000):
                yield kind, [(record.id, record.hash) for record in map(made, rows)]


def _around(identity: UUID) -> tuple[UUID, UUID]:
    """The ids of the same millisecond: from the first to the first of the next."""
    prefix = identity.int >> 80
    return UUID(int=prefix << 80), UUID(int=prefix + 1 << 80)
