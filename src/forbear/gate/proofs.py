"""That a record is in the log: one short JSON value that anybody can check with nothing but the log's public key.

    {"format": "forbear-proof/1", "checkpoint": the signed head,
     "proofs": [{"record": "event", "values": {...}, "batch": null or {"index", "size", "path"},
                 "entry": {"kind", "source"}, "index": its place in the log, "path": [...]}]}

`values` are what the record's bytes are made of (`ledger.leaves`); hashes are hex, moments RFC 3339. A record in a
small tree (a list of events, the decisions of one commit) has two paths: to the root of that tree, which is its entry,
and to the head. Of a decision `address` holds what opens its seal: `salt`, `addr`, `key_id`, `mac`; null once it was
erased. `personal` holds the salt and the personal part behind `personal_hash`, where it was asked for.
`forbear.tlog.offline` checks such a file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.accounts.home import load_secrets
from forbear.core.errors import BadInput
from forbear.core.instants import rfc3339
from forbear.core.keys import Secret, seal, seal_salt
from forbear.ledger import log, logrows
from forbear.ledger.kinds import Leaf
from forbear.ledger.logfiles import Folder, LogDiffers
from forbear.ledger.logrows import Record
from forbear.tlog import merkle, notes
from forbear.tlog.notes import Checkpoint
from forbear.tlog.tiles import Tree, tile_of

FORMAT: Final = "forbear-proof/1"
_KEPT: Final = 2_000  # whole tiles
_NAMES: Final = {
    Leaf.DECISIONS: "decision",
    Leaf.EVENT: "event",
    Leaf.EVENTS: "event",
    Leaf.REDEMPTION: "redemption",
    Leaf.DISPOSITION: "disposition",
}
_MOMENTS: Final = ("at", "happened_at", "learnt_at", "earliest")


class Pending(Exception):
    """It is recorded, and waits for the log's next head: about a second."""


def _opening(record: Record) -> dict[str, Any] | None:
    """What shows whose address is under a decision's seal. None: it was erased, or its secret is not at hand."""
    key = record.address
    for number, secret in load_secrets().address_keys.items() if key is not None else ():
        assert key is not None, "asked for with an address alone"
        salt = seal_salt(record.id.bytes, Secret(number, secret))
        if seal(salt, key.column, key.secret_id, key.mac) == record.values["seal"]:
            return {"salt": salt.hex(), "addr": key.column, "key_id": key.secret_id, "mac": key.mac.hex() or None}
    return None


class Prover:
    """Proofs from the files of one log. Whole tiles never change and are remembered; safe for several threads."""

    def __init__(self, folder: Folder | None = None) -> None:
        self.folder = folder or Folder()
        self._lock = threading.Lock()
        self._whole: OrderedDict[str, bytes] = OrderedDict()
        self._tree: tuple[str, Tree] | None = None

    def prove(
        self, conn: Connection, identity: UUID, *, account: UUID | None = None, opened: bool = False
    ) -> dict[str, Any] | None:
        """The proof of an event; of a decision, or of a permit by its id, with what became of the permit.

        None where there is no such record (of this `account`, where one is named). `opened` adds the personal part of
        an event. Raises `Pending`, and `LogDiffers` where the row is not what was logged.
        """
        records = logrows.records(conn, identity, account)
        if not records:
            return None
        places = [_entry(conn, record) for record in records]
        with self._lock:
            note, tree = self._head(places)
            return {
                "format": FORMAT,
                "checkpoint": note,
                "proofs": [
                    self._one(conn, tree, record, index, opened) for record, index in zip(records, places, strict=True)
                ],
            }

    def consistency(self, old: int, new: int | None = None) -> dict[str, Any]:
        """That the tree of `new` leaves (the newest head's) begins with that of `old`. Raises `BadInput`, `Pending`."""
        with self._lock:
            note, tree = self._head([])
            size = tree.size if new is None else new
            if not 0 < old <= size:
                raise BadInput(f"lies between 1 and {size}", key="old")
            if size > tree.size:
                raise BadInput(f"the log has {tree.size} leaves", key="new")
            return {
                "old": {"size": old, "root": tree.subtree(0, old).hex()},
                "new": {"size": size, "root": tree.subtree(0, size).hex()},
                "path": [step.hex() for step in merkle.consistency_of(tree.subtree, old, size)],
                "checkpoint": note,
            }

    def _head(self, places: list[int]) -> tuple[str, Tree]:
        note = self.folder.checkpoint()
        if note is None:
            raise Pending
        if self._tree is None or self._tree[0] != note:
            self._tree = (note, Tree(self._read, notes.checkpoint(note).size))
        if any(index >= self._tree[1].size for index in places):
            raise Pending
        return self._tree

    def _one(self, conn: Connection, tree: Tree, record: Record, index: int, opened: bool) -> dict[str, Any]:
        batch = None
        top = record.hash
        if record.batch is not None:
            hashes = logrows.batch_hashes(conn, record)
            place = record.batch_index
            if place is None or place >= len(hashes) or hashes[place] != record.hash:
                raise LogDiffers(f"the batch {record.batch} has lost rows, or got others, since it was logged")
            batch = {
                "index": place,
                "size": len(hashes),
                "path": [step.hex() for step in merkle.inclusion(hashes, place)],
            }
            top = merkle.root(hashes)
        logged = log.leaf_of(record.kind, record.source, top)
        if tree.leaf(index) != logged:
            raise LogDiffers(f"the {_NAMES[record.kind]} {record.id} is not what was logged as entry {index}")
        said: dict[str, Any] = {"record": _NAMES[record.kind]}
        said["values"] = {name: _plain(name, value) for name, value in record.values.items()}
        if record.kind is Leaf.DECISIONS:
            said["address"] = _opening(record)
        if opened and record.kind in (Leaf.EVENT, Leaf.EVENTS):
            row = conn.execute("SELECT salt, part FROM ledger_personal WHERE event = %s", [record.id]).fetchone()
            said["personal"] = None if row is None else {"salt": bytes(row[0]).hex(), "part": bytes(row[1]).decode()}
        return said | {
            "batch": batch,
            "entry": {"kind": int(record.kind), "source": str(record.source)},
            "index": index,
            "path": [step.hex() for step in tree.inclusion(index)],
        }

    def _read(self, path: str) -> bytes | None:
        found = self._whole.get(path)
        if found is not None:
            return found
        found = self.folder.read(path)
        tile = tile_of(path)
        if found is not None and tile is not None and tile == tile.full:
            self._whole[path] = found
            if len(self._whole) > _KEPT:
                self._whole.popitem(last=False)
        return found


def is_logged(conn: Connection, source: UUID) -> bool:
    """Whether the entry of a batch, event or permit is under a signed head."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM ledger_logentry WHERE source = %s"
        " AND index < (SELECT coalesce(max(size), 0) FROM ledger_checkpoint))",
        [source],
    ).fetchone()
    return bool(row and row[0])


def head_said(folder: Folder) -> Checkpoint | None:
    """What the published head says; its signature is the reader's to check."""
    note = folder.checkpoint()
    return None if note is None else notes.checkpoint(note)


def _entry(conn: Connection, record: Record) -> int:
    for index, entry in log.found(conn, record.source):
        if entry.kind is record.kind:
            return index
    raise Pending


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if name in _MOMENTS and value is not None:
        return rfc3339(value)
    return value
