"""One audit: the log and its files, every entry's row and every row's entry, what follows from events, and judgments.

A *whole* audit looks at everything. One that is not takes up at the head the last one saw, so that it
can run all the time: it looks at what entered the log since, at the rows made since, at the
published files' edge, and judges a sample of the new decisions again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.accounts.home import home, load_secrets, locked
from forbear.auditd import entries, memory, projections
from forbear.auditd.findings import Report, Wrong
from forbear.auditd.heads import Growth
from forbear.auditd.judged import forget, judge_again
from forbear.auditd.memory import Memory
from forbear.core.errors import BadInput
from forbear.core.instants import MINUTE
from forbear.gate import bundles
from forbear.gate.opened import secrets_of
from forbear.ledger import log, writes
from forbear.ledger.logfiles import Folder

_AGAIN: Final = 20 * MINUTE  # rows may come in late: what was made shortly before the last audit is looked at again
EVERY_DECISION: Final = -1


@dataclass
class Audit:
    """What to look at. `sample`: decisions judged again, drawn from those looked at; `EVERY_DECISION`: all of them."""

    whole: bool = False
    sample: int = 200
    folder: Folder | None = None
    memory_at: Path | None = None
    trust: tuple[str, ...] = ()  # further keys whose signature counts: NAME+ID+BASE64
    draw: random.Random | None = None


def audit(conn: Connection, asked: Audit) -> Report:
    """Looks, remembers, and says what is wrong. Raises `BadInput` where its own memory cannot be read."""
    with locked(home(), "audit"):
        return _audit(conn, asked)


def _audit(conn: Connection, asked: Audit) -> Report:
    known = memory.load(asked.memory_at)
    known.keys += [key for key in asked.trust if key not in known.keys] if known.keys else []
    report = Report()
    now = writes.now(conn)
    whole = asked.whole or not known.whole_at
    growth = Growth(conn, asked.folder or Folder(), known, report, whole=whole)
    decisions = _entries(conn, growth, known, asked, report)
    entries.check_rows(conn, 0 if whole else known.looked_at - _AGAIN, report)
    _bundles(conn, report, whole=whole)
    if whole:
        projections.check_projections(conn, report)
    for at in range(0, len(decisions), entries.CHUNK):
        judge_again(conn, decisions[at : at + entries.CHUNK], report)
    report.notes["waiting for the log"] = log.waiting(conn)
    growth.remember(now)
    _remember(known, report, now, whole=whole)
    memory.keep(known, asked.memory_at)
    return report


def _entries(conn: Connection, growth: Growth, known: Memory, asked: Audit, report: Report) -> list[UUID]:
    """Everything from where the tree was taken up to the newest signed head. Returns the decisions to judge again."""
    secrets = secrets_of(load_secrets())
    timeline = entries.Timeline(conn, known.latest if growth.first else 0)
    draw, seen = asked.draw or random.SystemRandom(), 0
    chosen: list[UUID] = []
    at = growth.first
    while at < growth.end:
        some = entries.read(conn, at, min(entries.CHUNK, growth.end - at))
        if not some or entries.gaps(some, at, report):
            if not some:
                report.add(Wrong.GONE, "logentry", at, f"entries from {at} on are not in the database")
            growth.sound = False
            break
        growth.grow(some)
        timeline.check(some, report)
        for decision in entries.check_entries(conn, some, secrets, report):
            seen += 1
            if asked.sample == EVERY_DECISION or len(chosen) < asked.sample:
                chosen.append(decision)
            elif asked.sample and (place := draw.randrange(seen)) < asked.sample:
                chosen[place] = decision  # each of those seen is as likely to stay
        at += len(some)
    known.latest = timeline.latest
    return chosen


def _bundles(conn: Connection, report: Report, *, whole: bool) -> None:
    """Rulebooks are what they are named after. Of those that judged nothing new, in a whole audit."""
    if not whole:
        return
    forget()
    for (digest,) in conn.execute("SELECT digest FROM ledger_rulebook", binary=True).fetchall():
        report.seen["rulebooks"] += 1
        try:
            bundles.rulebook_of(conn, bytes(digest))
        except BadInput as fault:
            report.add(Wrong.CHANGED, "rulebook", bytes(digest).hex(), fault.what)


def _remember(known: Memory, report: Report, now: int, *, whole: bool) -> None:
    """What a whole audit finds stands for all; another adds to it, so that an alarm lasts until all is well again."""
    found = [finding._asdict() for finding in report.findings]
    if whole:
        known.whole_at, known.findings, known.wrong = now, found, report.wrong
        return
    fresh = [one for one in found if one not in known.findings]
    known.findings = (known.findings + fresh)[:1_000]
    known.wrong += len(fresh)
