"""The heads that were signed and the files that were published, against the tree that the database's entries give.

The tree is grown entry by entry and held against every signed head on its way, every tile in the
folder, and the head this audit saw last. What the folder says is read first: the database is always
ahead of it, so that a running sequencer is never taken for a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from forbear.accounts.connect import Connection
from forbear.auditd.entries import Entry
from forbear.auditd.findings import Report, Wrong
from forbear.auditd.memory import Memory
from forbear.core.errors import BadInput
from forbear.core.instants import SECOND, at_of, moment_of
from forbear.ledger import log, logkeys
from forbear.ledger.logfiles import Folder
from forbear.tlog import notes
from forbear.tlog.notes import Checkpoint, Verifier
from forbear.tlog.tiles import CHECKPOINT, Edge, Tile, Tree

_CLOCK_STEP: Final = 2 * SECOND


class Signed(NamedTuple):
    """A row of `ledger_checkpoint`."""

    size: int
    root: bytes
    at: datetime
    note: str


class Keys:
    """Whose signature counts: keys remembered, the machine's own, and those that signed beside one of them."""

    def __init__(self, conn: Connection, memory: Memory, report: Report) -> None:
        self.offered: list[Verifier] = []
        try:
            self.offered = [one.key for one in logkeys.known(conn)]
        except (BadInput, LookupError, TypeError, AttributeError):
            report.add(Wrong.CHANGED, "event", "log_key:made", "an event that tells of a key of the log tells of none")
        self.trusted: list[Verifier] = [notes.verifier(key) for key in memory.keys] or list(self.offered)
        try:
            own = logkeys.load()
        except BadInput:
            own = None
        for signer in own.signers if own is not None else ():
            self._trust(signer.verifier)

    def check(self, note: str) -> str:
        """What is wrong with the note's signatures; empty: nothing."""
        try:
            by = notes.signed_by(note, list(dict.fromkeys([*self.trusted, *self.offered])))
        except BadInput as fault:
            return fault.what
        if not any(key in self.trusted for key in by):
            return f"no key that this audit trusts signed it; signed by {by[0].vkey}"
        for key in by:
            self._trust(key)
        return ""

    def _trust(self, key: Verifier) -> None:
        if key not in self.trusted:
            self.trusted.append(key)


class Growth:
    """The tree from the last audit's head, or from nothing, up to the newest signed head."""

    def __init__(self, conn: Connection, folder: Folder, memory: Memory, report: Report, *, whole: bool) -> None:
        self.conn, self.folder, self.memory, self.report = conn, folder, memory, report
        self.keys = Keys(conn, memory, report)
        self.published = self._published()
        self.newest = log.head(conn)
        self.edge = Edge()
        self.sound = self._not_shorter()
        if not whole and self.sound and memory.size:
            self._take_up()
        self.first = self.edge.size
        self.end = self.newest.size if self.newest is not None else 0
        self._heads = self._signed_heads()
        self._next = 0
        self._latest: dict[int, tuple[Tile, bytes]] = {}
        self._before: Signed | None = None

    # --- what there is

    def _published(self) -> Checkpoint | None:
        """The folder's own head, checked."""
        where = str(self.folder.at / CHECKPOINT)
        try:
            note = self.folder.checkpoint()
            if note is None:
                if self.memory.size:
                    self.report.add(Wrong.LOG_TRUNCATED, "file", where, f"gone; it was of {self.memory.size} entries")
                return None
            head = notes.checkpoint(note)
        except BadInput as fault:
            self.report.add(Wrong.LOG_UNSIGNED, "file", where, fault.what)
            return None
        wrong = self.keys.check(note)
        if wrong:
            self.report.add(Wrong.LOG_UNSIGNED, "file", where, wrong)
            return None
        if head.size < self.memory.size:
            what = f"of {head.size} entries, and of {self.memory.size} at {moment_of(self.memory.seen_at)}"
            self.report.add(Wrong.LOG_TRUNCATED, "file", where, what)
        ours = log.head_of(self.conn, head.size)
        if ours is None:
            what = f"signed and published, and the database has no head of {head.size} entries"
            self.report.add(Wrong.GONE, "checkpoint", head.size, what)
        elif ours.root != head.root:
            self.report.add(
                Wrong.LOG_FORKED, "checkpoint", head.size, "the published head of this size has another root"
            )
        return head

    def _not_shorter(self) -> bool:
        """Whether the database holds at least what was seen, and what is signed and published."""
        there, report = log.size(self.conn), self.report
        sound = True
        if there < self.memory.size:
            what = f"the database has {there} entries; {self.memory.size} were seen at {moment_of(self.memory.seen_at)}"
            report.add(Wrong.LOG_TRUNCATED, "logentry", there, what)
            sound = False
        signed = self.newest.size if self.newest is not None else 0
        if there < signed:
            report.add(Wrong.LOG_TRUNCATED, "logentry", there, f"the database has {there} entries, and signed {signed}")
            sound = False
        if signed < self.memory.size and sound:
            what = f"the newest signed head is of {signed} entries, and {self.memory.size} were signed before"
            report.add(Wrong.LOG_TRUNCATED, "checkpoint", signed, what)
            sound = False
        heads = self._heads_up_to(self.memory.size)
        if heads < self.memory.heads:
            what = f"{self.memory.heads - heads} signed heads of at most {self.memory.size} entries are gone"
            report.add(Wrong.GONE, "checkpoint", f"..{self.memory.size}", what)
        return sound

    def _heads_up_to(self, size: int) -> int:
        row = self.conn.execute("SELECT count(*) FROM ledger_checkpoint WHERE size <= %s", [size]).fetchone()
        assert row is not None
        return int(row[0])

    def _take_up(self) -> None:
        """The tree as the folder has it at the remembered head; where that does not fit, from nothing."""
        try:
            edge = Edge.of(Tree(self.folder.read, self.memory.size))
        except BadInput as fault:
            self.report.add(Wrong.GONE, "file", fault.file or str(self.folder.at), fault.what)
            return
        if edge.root().hex() != self.memory.root:
            what = f"its tiles no longer give the root seen at {moment_of(self.memory.seen_at)}"
            self.report.add(Wrong.LOG_FORKED, "file", str(self.folder.at), what)
            return
        self.edge = edge

    def _signed_heads(self) -> list[Signed]:
        rows = self.conn.execute(
            "SELECT size, root, at, note FROM ledger_checkpoint WHERE size > %s AND size <= %s ORDER BY size",
            [self.first, self.end],
        )
        return [Signed(row[0], bytes(row[1]), row[2], row[3]) for row in rows]

    # --- growing

    def grow(self, entries: Sequence[Entry]) -> None:
        """Takes the next entries in, and holds the tree against every head among them."""
        at = 0
        while at < len(entries):
            stop = min(self._next_size(), self.end) - self.edge.size
            some = entries[at : at + stop] if stop > 0 else entries[at:]
            for tile, data in self.edge.grow([entry.bytes() for entry in some]):
                self._tile(tile, data)
            at += len(some)
            self._check_heads()

    def _next_size(self) -> int:
        places = [self._heads[self._next].size] if self._next < len(self._heads) else []
        for size in (self.memory.size, self.published.size if self.published else 0):
            if size > self.edge.size:
                places.append(size)
        return min(places, default=self.end)

    def _tile(self, tile: Tile, data: bytes) -> None:
        """A whole tile must be in the folder as soon as the folder's head covers it."""
        self._latest[tile.level] = (tile, data)
        covered = (tile.n + 1) * 256 << 8 * max(tile.level, 0)
        if tile == tile.full and self.published is not None and covered <= self.published.size:
            self._compare(tile, data)

    def _compare(self, tile: Tile, data: bytes) -> None:
        there = self.folder.read(tile.path)
        if there is None and tile != tile.full:
            whole = self.folder.read(tile.full.path)
            there = None if whole is None else whole[: len(data)]
        if there is None:
            self.report.add(Wrong.GONE, "file", tile.path, "the published head covers it")
        elif there != data:
            what = "it does not follow from the entries in the database"
            self.report.add(Wrong.CHANGED, "file", tile.path, what)
        self.report.seen["files"] += 1

    def _check_heads(self) -> None:
        size, root, report = self.edge.size, self.edge.root(), self.report
        if size == self.memory.size and root.hex() != self.memory.root:
            what = f"the first {size} entries are not those seen at {moment_of(self.memory.seen_at)}"
            report.add(Wrong.LOG_FORKED, "logentry", f"..{size - 1}", what)
            self.sound = False
        if self.published is not None and size == self.published.size:
            if root != self.published.root:
                what = f"the first {size} entries do not give the published root"
                report.add(Wrong.LOG_FORKED, "logentry", f"..{size - 1}", what)
                self.sound = False
            for tile, data in self._latest.values():
                if tile != tile.full:
                    self._compare(tile, data)
        while self._next < len(self._heads) and self._heads[self._next].size <= size:
            self._check_head(self._heads[self._next], root)
            self._next += 1

    def _check_head(self, head: Signed, root: bytes) -> None:
        report = self.report
        report.seen["heads"] += 1
        wrong = self.keys.check(head.note)
        if wrong:
            report.add(Wrong.LOG_UNSIGNED, "checkpoint", head.size, wrong)
            return
        said = notes.checkpoint(head.note)
        if (said.size, said.root) != (head.size, head.root):
            report.add(Wrong.CHANGED, "checkpoint", head.size, "its columns are not what was signed")
        elif said.root != root:
            report.add(Wrong.LOG_FORKED, "checkpoint", head.size, f"the first {head.size} entries do not give its root")
            self.sound = False
        if self._before is not None and at_of(head.at) < at_of(self._before.at) - _CLOCK_STEP:
            what = f"dated {head.at}, and signed after the head of {self._before.size} entries of {self._before.at}"
            report.add(Wrong.BACK_DATED, "checkpoint", head.size, what)
        self._before = head

    def remember(self, now: int) -> None:
        """What was found sound is what the next audit begins from. A fork or a cut keeps what was known before it."""
        self.memory.looked_at = now
        self.memory.keys = [key.vkey for key in self.keys.trusted]
        if self.sound and self.edge.size == self.end > 0 and self.newest is not None:
            self.memory.size, self.memory.root = self.edge.size, self.edge.root().hex()
            self.memory.heads = self._heads_up_to(self.edge.size)
            self.memory.seen_at = now
