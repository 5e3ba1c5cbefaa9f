"""Erasure of a person by address (GDPR art 17): asked for, carried out, and what has to stay, with who says so.

What goes: what the person wrote, every document about them, the number itself in every row. What stays, under a hash
that nobody can try out without the installation's secret: that there was an opt-out, so that it goes on being heeded
(art 17(3)(b), art 21(3)); decisions and events, as proof of what was done (art 17(3)(e)); where a law wants the words
of a consent or opt-out kept for so many months, these, until that day. Consents and dealings end. Nobody of this
account contacts the address again before the person themself opts in anew: a list brought in later cannot.

Attempts made go on counting against caps under the kept key: an erasure is no way to be called more often.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.accounts.home import home
from forbear.core import where
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, date_of, day_of, moment_of, rfc3339
from forbear.core.keys import AddressKey, is_erased, of_erased_phone, phone_of
from forbear.core.words import Channel, OptOutScope
from forbear.gate import packed
from forbear.gate.again import again_after_deadlock
from forbear.gate.consent import check_key, every_address_key
from forbear.gate.contact import Refused
from forbear.gate.opened import Gate, opened
from forbear.gate.retention import RECORD_OF, Duty, Moments, duties, later
from forbear.ledger import addresses, blobs, columns, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.ledger.writes import erasures
from forbear.ledger.writes.erasures import Keep, Person

REASON: Final = "erased"
ANSWER_MONTHS: Final = 1  # GDPR art 12(3): within one month of the request


class Requested(msgspec.Struct, kw_only=True):
    event: UUID
    at: int
    due_at: int
    again: bool  # it waited already


class Waiting(msgspec.Struct, kw_only=True):
    """A request that nobody has carried out yet. It holds no address: that is in the event's personal part."""

    event: UUID
    account: UUID
    address: str | None
    at: int
    due_at: int


class Kept(msgspec.Struct, kw_only=True):
    """What stays, and who says so."""

    what: str
    why: str
    rules: list[str] = []
    cites: list[str] = []
    until: str | None = None  # the first day it no longer has to; absent: as long as the opt-out is heeded
    n: int = 0


class Erased(msgspec.Struct, kw_only=True):
    event: UUID | None  # None of a dry run
    at: int
    seq: int | None
    dry_run: bool
    changed: dict[str, int]  # rows by table
    parts: int  # personal parts deleted, with their salts
    documents: int  # blobs of evidence deleted
    kept: list[Kept]


def request(
    conn: Connection,
    account: UUID,
    key: AddressKey,
    *,
    address: str | None = None,
    text: str | None = None,
    known_by: KnownBy = KnownBy.PERSON,
    api_key: UUID | None = None,
) -> Requested:
    """Somebody asks this account to be forgotten. Asked again while it waits, the first request stands.

    `address` and `text` are kept as the event's personal part. Raises `Refused`.
    """
    with conn.transaction():
        check_key(conn, api_key, account)
        writes.lock_people(conn, np.array([key.column], np.int64))
        now = writes.now(conn)
        found = conn.execute(
            "SELECT id, at, due_at FROM ledger_erasurerequest WHERE account = %s AND addr = %s"
            " AND mac IS NOT DISTINCT FROM %s AND done_at IS NULL ORDER BY id LIMIT 1",
            [account, key.column, key.mac or None],
        ).fetchone()
        if found is not None:
            return Requested(event=found[0], at=at_of(found[1]), due_at=at_of(found[2]), again=True)
        due_at = at_of(_month_on(now))
        event = writes.append_event(
            *(conn, now, Kind.ERASURE_ASKED, known_by),
            account=account,
            address=key,
            payload={"due_at": rfc3339(due_at)},
            personal={"address": address, "text": text} if address or text else None,
        )
        erasures.request(conn, event, account, key, now, due_at)
    return Requested(event=event, at=now, due_at=due_at, again=False)


def requests(conn: Connection, account: UUID | None) -> list[Waiting]:
    """What waits to be carried out, the first due first; of every account where none is named."""
    rows = conn.execute(
        "SELECT r.id, r.account, r.addr, r.at, r.due_at, p.part FROM ledger_erasurerequest r"
        " LEFT JOIN ledger_personal p ON p.event = r.id WHERE r.done_at IS NULL"
        " AND (%(account)s::uuid IS NULL OR r.account = %(account)s) ORDER BY r.due_at, r.id",
        {"account": account},
    )
    return [
        Waiting(
            event=event,
            account=whose,
            address=_address_of(addr, None if part is None else bytes(part)),
            at=at_of(at),
            due_at=at_of(due),
        )
        for event, whose, addr, at, due, part in rows
    ]


def _address_of(addr: int, part: bytes | None) -> str | None:
    number = phone_of(addr)
    if number is not None:
        return f"+{number}"
    said = msgspec.json.decode(part) if part else {}
    return said.get("address") if isinstance(said, dict) else None


@again_after_deadlock
def erase(
    owner: Connection,
    address: str,
    *,
    account: UUID | None,
    by: str,
    reason: str,
    place: str | None = None,
    dry_run: bool = False,
    gate: Gate | None = None,
) -> Erased:
    """Erases the person of this address, for one account, or for all where `account` is None.

    `owner` is the owner's connection, which alone may become the erase role. `place`: where the person is known to be
    (`US-TX`, `DE`), for what the law wants kept; else by the number. Raises `BadInput`, `Refused`.
    """
    gate = gate or opened()
    by, reason = _said(by, "by"), _said(reason, "reason")
    keys = every_address_key(address, gate)
    owners = _owners(owner, account)
    number = phone_of(keys[0].column)
    kept_as = keys[0] if number is None else of_erased_phone(number, gate.secret)
    people = [
        Person(key, kept_as if number is not None and phone_of(key.column) else key, account, owners) for key in keys
    ]
    gone: list[bytes] = []
    try:
        with owner.transaction():
            found = _erase(owner, people, kept_as, by, reason, _regions(owner, number, keys, place), gate)
            gone = _documents_of(owner, found.events)
            if dry_run:
                raise _DryRun
            found.said.seq = writes.number_change(owner, found.event)
    except _DryRun:
        found.said.event, found.said.dry_run = None, True
        found.said.documents = len(gone)
        return found.said
    found.said.documents = sum(blobs.remove(digest) for digest in gone)
    shutil.rmtree(home() / "known", ignore_errors=True)  # what washes keep of the ledger is made anew
    return found.said


def erase_due(owner: Connection) -> int:
    """Deletes the personal parts whose day has come. Returns how many."""
    with owner.transaction():
        now = writes.now(owner)
        rows = owner.execute(
            "SELECT k.event, k.account FROM ledger_kept k WHERE k.until <= %s ORDER BY k.event", [moment_of(now).date()]
        ).fetchall()
        events = [row[0] for row in rows]
        if not events:
            return 0
        gone = _documents_of(owner, events)
        for account in sorted({row[1] for row in rows if row[1] is not None}):
            writes.append_event(
                *(owner, now, Kind.PERSONAL_ERASED, KnownBy.OBSERVED),
                account=account,
                payload={"reason": "the law no longer wants it kept", "n": sum(row[1] == account for row in rows)},
            )
        with erasures.erasing(owner):
            parts = erasures.erase_parts(owner, events, [], now)
    for digest in gone:
        blobs.remove(digest)
    return parts


class _DryRun(Exception):
    """Everything was done, and is to be undone."""


class _Found(msgspec.Struct):
    event: UUID
    events: list[UUID]  # whose parts went
    said: Erased


def _erase(
    owner: Connection,
    people: Sequence[Person],
    kept_as: AddressKey,
    by: str,
    reason: str,
    regions: list[str],
    gate: Gate,
) -> _Found:
    columns_of = [*{one.key.column for one in people}, kept_as.column]
    attempts = writes.lock_people(owner, np.array(columns_of, np.int64))
    now = writes.now(owner)
    account = people[0].account
    mine = _events(owner, people)
    kept, why = _retained(owner, people, mine, regions, now, gate)
    gone = sorted({event for event, *_ in mine} - {one.event for one in kept})
    event = writes.append_event(
        *(owner, now, Kind.PERSONAL_ERASED, KnownBy.OPERATOR),
        account=account,
        address=kept_as,
        payload={"by": by, "reason": reason, "parts": len(gone), "kept": len(kept)},
    )
    scope, whose = (Scope.ACCOUNT, account) if account is not None else (Scope.INSTALLATION, writes.NOBODY)
    stop = writes.Stop(scope, whose, 0, OptOutScope.ALL.bit, False, REASON)
    changed: dict[str, int] = {}
    with erasures.erasing(owner):
        for one in people:
            if one.key != one.kept_as:
                _add(changed, erasures.move_rows(owner, one))
            _add(changed, erasures.end_standing(owner, one, now, event))
            _add(changed, erasures.clear_work(owner, one, now, event))
            if not is_erased(one.key.column):
                _add(changed, {"attempts": erasures.move_attempts(owner, one, attempts)})
        parts = erasures.erase_parts(owner, gone, kept, now)
    writes.place_suppressions(owner, columns.ids_of([event]), addresses.of_keys([kept_as]), stop, now, event)
    told = _told(why, changed)
    others = _of_others(owner, people) if account is not None else 0
    if others:
        told.append(
            Kept(
                what="suppressions that the operator or a partner placed, with the number",
                why="they are not this account's to change; the operator erases everywhere with --all",
                n=others,
            )
        )
    said = Erased(
        event=event,
        at=now,
        seq=None,
        dry_run=False,
        changed=changed,
        parts=parts,
        documents=0,
        kept=told,
    )
    return _Found(event, gone, said)


def _of_others(conn: Connection, people: Sequence[Person]) -> int:
    """How many suppressions still stand under the number itself."""
    row = conn.execute(
        "SELECT count(*) FROM ledger_suppression WHERE addr = %s AND lifted_at IS NULL", [people[0].key.column]
    ).fetchone()
    return int(row[0]) if row is not None and phone_of(people[0].key.column) is not None else 0


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, n in more.items():
        total[name] = total.get(name, 0) + n


_Event = tuple[UUID, str, int, UUID | None, tuple[Channel, ...], bool]
"""Id, kind, when (us), account, the channels it is about, whether it has a personal part."""


def _events(conn: Connection, people: Sequence[Person]) -> list[_Event]:
    found: list[_Event] = []
    for one in people:
        rows = conn.execute(
            "SELECT e.id, e.kind, e.happened_at, e.account, e.payload->'channels', e.payload->>'channel',"
            " EXISTS (SELECT FROM ledger_personal p WHERE p.event = e.id) FROM ledger_event e"
            " WHERE e.addr = %(addr)s AND e.mac IS NOT DISTINCT FROM %(mac)s"
            " AND (%(account)s::uuid IS NULL OR e.account = %(account)s) ORDER BY e.id",
            one.names,
        )
        for event, kind, at, account, many, single, part in rows:
            named = [*(many if isinstance(many, list) else []), *([single] if single else [])]
            channels = tuple(channel for channel in Channel if channel.value in named) or tuple(Channel)
            found.append((event, kind, at_of(at), account, channels, part))
    return found


def _retained(
    conn: Connection, people: Sequence[Person], events: Sequence[_Event], regions: list[str], now: int, gate: Gate
) -> tuple[list[Keep], list[tuple[str, Duty, int]]]:
    """The parts that stay for now; and by kind of record each rule that says so, with how many it concerns."""
    used = max((at for one in people for at in _last_contact(conn, one)), default=0)
    today = day_of(moment_of(now).date())
    kept: list[Keep] = []
    why: dict[tuple[str, str], tuple[Duty, int]] = {}
    for event, kind, at, account, channels, part in events:
        record = RECORD_OF.get(kind)
        if record is None:
            continue
        those = duties(gate.engine.rulebook, record, regions, channels, Moments(at, max(at, used), now), today)
        lasting = [one for one in those if one.until is None or (one.until > date_of(today) and _law(one))]
        for one in lasting:
            before = why.get((record, one.rule), (one, 0))
            longest = max(before[0], one, key=lambda duty: duty.until or date.max)
            why[record, one.rule] = (longest, before[1] + part)
        dated = [(one.until, one.rule) for one in lasting if one.until is not None]
        if part and dated:
            kept.append(Keep(event, account, *max(dated)))
    return kept, [(record, duty, n) for (record, _), (duty, n) in sorted(why.items())]


def _law(duty: Duty) -> bool:
    return duty.confidence != "policy"


def _last_contact(conn: Connection, person: Person) -> list[int]:
    row = conn.execute(
        "SELECT max(issued_at) FROM ledger_permit WHERE id IN (SELECT permit FROM ledger_decision"
        " WHERE permit IS NOT NULL AND addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
        " AND (%(account)s::uuid IS NULL OR account = %(account)s))",
        person.names,
    ).fetchone()
    return [] if row is None or row[0] is None else [at_of(row[0])]


def _told(why: Sequence[tuple[str, Duty, int]], changed: dict[str, int]) -> list[Kept]:
    """What stays, in words."""
    told = [
        Kept(
            what="the suppression, under a keyed hash of the address",
            why="so that nobody contacts the person again, whatever list they come back with",
            rules=[duty.rule for record, duty, _ in why if record == "opt_out" and duty.until is None]
            or ["house.keep_opt_outs"],
            cites=["Regulation (EU) 2016/679 art 17(3)(b), art 21(3)"],
        )
    ]
    if changed.get("ledger_decision") or changed.get("ledger_event"):
        told.append(
            Kept(
                what="decisions and events without the number, and their proofs",
                why="to show what was done and that the record was not touched since",
                cites=["Regulation (EU) 2016/679 art 17(3)(e)"],
                n=changed.get("ledger_decision", 0) + changed.get("ledger_event", 0),
            )
        )
    if changed.get("attempts"):
        told.append(
            Kept(
                what="when the person was contacted lately, by which seller, under the keyed hash",
                why="so that caps go on counting; the words it was about are gone",
                n=changed["attempts"],
            )
        )
    names = {"consent": "consent", "opt_out": "opt-out", "relationship": "dealing"}
    for record, duty, n in why:
        if duty.until is not None and n:
            told.append(
                Kept(
                    what=f"the words and documents of {n} record{'s' if n > 1 else ''} of {names[record]}",
                    why=duty.title,
                    rules=[duty.rule],
                    cites=list(duty.cites),
                    until=duty.until.isoformat(),
                    n=n,
                )
            )
    return told


def _documents_of(conn: Connection, events: Sequence[UUID]) -> list[bytes]:
    """The digests of what only these events have as evidence.

    Neither an event whose personal part is gone nor the upload itself is a reason to keep a document.
    """
    rows = conn.execute(
        "SELECT DISTINCT digest FROM ledger_evidence e WHERE event = ANY(%(events)s) AND NOT EXISTS"
        " (SELECT FROM ledger_evidence o JOIN ledger_event u ON u.id = o.event JOIN ledger_personal p"
        " ON p.event = o.event WHERE o.digest = e.digest"
        " AND o.event <> ALL(%(events)s) AND NOT (u.kind = 'evidence:kept' AND o.account = e.account))",
        {"events": columns.uuids(list(events))},
    )
    return [bytes(row[0]) for row in rows]


def _regions(conn: Connection, number: int | None, keys: Sequence[AddressKey], place: str | None) -> list[str]:
    """Where the person may be: as stated, by the number, or by what was claimed when they were written to."""
    if place is not None:
        stated = place.strip().upper()
        country, _, region = stated.partition("-")
        if len(country) != 2 or not country.isalpha():
            raise BadInput(f"`{place[:40]}` is no place", key="place", todo="write it as US-TX or DE")
        return [stated, country] if region else [country]
    if number is not None:
        return sorted({one.region for one in where.resolve(numbers=(number,))})
    found: set[str] = set()
    for key in keys:
        rows = conn.execute(
            "SELECT body FROM ledger_selector WHERE digest IN (SELECT selector FROM ledger_decision"
            " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s)",
            [key.column, key.mac or None],
        )
        for (body,) in rows:
            regions = {one.region for one in packed.selector_of(bytes(body)).places}
            found |= regions if len(regions) <= _MOST_REGIONS else set()
    return sorted(found)


_MOST_REGIONS: Final = 60  # a set wider than a country with its states says nothing about where somebody is


def _owners(conn: Connection, account: UUID | None) -> tuple[UUID, ...]:
    if account is None:
        return ()
    known = account_reads.account(conn, account)
    if known is None:
        raise Refused("unknown_account", "the account is not known")
    return (account, *(seller.id for seller in known.sellers))


def _said(text: str, key: str) -> str:
    text = text.strip()
    if not text or len(text) > 200 or "\0" in text:
        raise BadInput("says nothing" if not text else "too long", key=key, todo="write 1 to 200 characters")
    return text


def _month_on(at: int) -> datetime:
    """The first moment of the same day of the next month, or of the first of the one after."""
    day = later(moment_of(at).date(), ANSWER_MONTHS)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
