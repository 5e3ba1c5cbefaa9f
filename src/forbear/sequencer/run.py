"""From the queue to the published head, in steps of which each can be the last.

    1  the leaves that wait get their places, in one transaction
    2  tiles and entry bundles are written; what is there already stays
    3  the head is signed, and recorded in the database
    4  the head is published

Whatever a crash leaves undone is done again from the database, with the same bytes: places are never given twice, tiles
follow from places, and for one size there is one signed head. So no two trees are ever published. Files that say
otherwise than the database are refused (`LogDiffers`): one of the two was changed or restored from a backup.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.ledger import log, logkeys, logrows, writes
from forbear.ledger.log import Head
from forbear.ledger.logfiles import Folder, LogDiffers
from forbear.ledger.logkeys import Keys
from forbear.tlog import notes
from forbear.tlog.notes import Signer, Verifier
from forbear.tlog.tiles import CHECKPOINT, WIDTH, Edge, Tile, Tree

MOST: Final = 50_000  # leaves a step
_LOCK: Final = "hashtext('ledger_sequencer')"
_log = logging.getLogger("forbear.sequencer")


class Sequencer:
    """One connection, one folder. `open` once, then `step` again and again; after any error make a new one."""

    def __init__(self, conn: Connection, folder: Folder | None = None, home: Path | None = None) -> None:
        self.conn = conn
        self.folder = folder or Folder()
        self._home = home
        self._edge = Edge()
        self._keys: Keys | None = None
        self._whole: list[Tile] = []  # written since the last head

    @property
    def size(self) -> int:
        """How many leaves the published tree has."""
        return self._edge.size

    def stands_alone(self) -> bool:
        """Takes the lock that only one sequencer of this database holds, for as long as the connection lives."""
        row = self.conn.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone()
        assert row is not None
        return bool(row[0])

    def open(self) -> None:
        """Brings the folder to where the database is. Raises `LogDiffers` where they are not of one log."""
        self._queue_what_came_before()
        self._look_at_keys()
        last = log.head(self.conn)
        self._edge = self._taken_up(last)
        if last is not None:
            if self._edge.size < last.size:
                self._follow(last.size)
            if self._edge.root() != last.root:
                raise LogDiffers(
                    f"the entries in the database do not give the root that was signed over {last.size} of them",
                    todo="the database was changed or restored; `forbear audit verify` says what was published",
                )
            self._publish(last)
        size = log.size(self.conn)
        if last is not None and size < last.size:
            raise LogDiffers(f"the database has {size} entries, and a head of {last.size} was signed")
        if self._edge.size < size:
            self._follow(size)
            self._sign()

    def step(self, most: int = MOST) -> int:
        """Publishes what waits, at most so much. Returns how many leaves that were."""
        self._look_at_keys()
        with self.conn.transaction():
            entries = log.place(self.conn, self._edge.size, most)
        if entries:
            self._write(entries)
            self._sign()
        return len(entries)

    # --- keys

    def _look_at_keys(self) -> None:
        keys = logkeys.load(self._home)
        if keys is not None and keys == self._keys:
            return
        if keys is None:
            if logkeys.known(self.conn):
                raise BadInput(
                    "this log has keys, and they are not here",
                    key=logkeys.KEY,
                    todo=f"restore {logkeys.FILE}; if it is lost for good: `forbear audit keys rotate --lost REASON`",
                )
            keys = logkeys.make(place=self._home, at=writes.now(self.conn))
        with self.conn.transaction():
            if logkeys.announce(self.conn, keys):
                _log.info("the log is signed with %s", keys.newest.verifier.vkey)
        self._keys = keys
        self.folder.publish_keys(logkeys.published(logkeys.known(self.conn)))

    def _signers(self, last: Head | None) -> list[Signer]:
        """The newest key; at its first head also the one that signed before, which vouches for it."""
        assert self._keys is not None
        newest = self._keys.newest
        if last is None:
            return [newest]
        before = notes.signed_by(last.note, [one.key for one in logkeys.known(self.conn)])
        if newest.verifier in before:
            return [newest]
        held = [one for key in before if (one := self._keys.holding(key)) is not None]
        assert held or self._keys.lost, "a key that nobody vouches for was lost, and it is said why"
        return [newest, *held[-1:]]

    # --- the folder

    def _taken_up(self, last: Head | None) -> Edge:
        """The tree the folder holds, once it is known to be a head of ours; else the empty one."""
        note = self.folder.checkpoint()
        if note is None:
            if last is not None:
                _log.warning("the log's folder %s is empty; building it from the database", self.folder.at)
            return Edge()
        where = str(self.folder.at / CHECKPOINT)
        keys: Sequence[Verifier] = [one.key for one in logkeys.known(self.conn)]
        try:
            notes.signed_by(note, keys)
            said = notes.checkpoint(note)
        except BadInput as error:
            todo = "move the folder away if it is another log's"
            raise LogDiffers(f"not a head this database knows: {error.what}", file=where, todo=todo) from None
        if last is None or said.size > last.size:
            raise LogDiffers(
                f"a head of {said.size} entries was published, and the database knows of {last.size if last else 0}",
                file=where,
                todo="the database is older than its log, or another's: restore its newest backup first",
            )
        ours = log.head_of(self.conn, said.size)
        if ours is None or ours.root != said.root:
            raise LogDiffers(f"the database has no head of {said.size} entries with this root", file=where)
        tree = Tree(self.folder.read, said.size)
        try:
            root, bundle = tree.root(), tree.entries((said.size - 1) // WIDTH)
            edge = Edge.of(tree)
        except BadInput as error:
            todo = "to have the folder built from the database, move it away"
            raise LogDiffers(error.what, file=str(self.folder.at / (error.file or "")), todo=todo) from None
        if root != said.root:
            raise LogDiffers("the tiles do not give the published root", file=where, todo="`forbear audit verify`")
        first = said.size - len(bundle)
        stored = [entry for part in self._entries(first, said.size) for entry in part]
        for index, (there, here) in enumerate(zip(bundle, stored, strict=True), first):
            if there != here:
                raise LogDiffers(f"entry {index} was published otherwise than the database has it", file=where)
        return edge

    def _follow(self, size: int) -> None:
        """Writes the tiles of entries that have their places."""
        for part in self._entries(self._edge.size, size):
            self._write(part)

    def _entries(self, first: int, end: int) -> Iterator[list[bytes]]:
        try:
            yield from log.entries(self.conn, first, end)
        except ValueError as error:
            raise LogDiffers(str(error)) from None

    def _write(self, entries: list[bytes]) -> None:
        tiles = self._edge.grow(entries)
        self.folder.write_tiles(tiles)
        self._whole += [tile for tile, _ in tiles if tile == tile.full]

    def _sign(self) -> None:
        last = log.head(self.conn)
        size, root = self._edge.size, self._edge.root()
        signers = self._signers(last)
        text = notes.checkpoint_text(signers[0].name, size, root)
        made = Head(size, root, writes.now(self.conn), notes.sign(text, signers))
        stands = log.record_head(self.conn, made)
        if stands.root != root:
            raise LogDiffers(f"another head of {size} entries was signed before")
        self._publish(stands)
        self.folder.drop_partial(self._whole)
        self._whole.clear()

    def _publish(self, head: Head) -> None:
        if self.folder.checkpoint() != head.note:
            self.folder.publish(head.note)

    # --- what was recorded before there was a log

    def _queue_what_came_before(self) -> None:
        """Once, before the first leaf gets its place."""
        if log.size(self.conn):
            return
        queued = 0
        with self.conn.transaction():
            self.conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for kind, some in logrows.unlogged(self.conn):
                log.queue_many(self.conn, kind, [one[0] for one in some], [one[1] for one in some])
                queued += len(some)
        if queued:
            _log.info("%d records from before the log wait for their places", queued)
