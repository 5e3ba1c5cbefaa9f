"""Dealings of a seller with people, as an account records them: purchases, inquiries, contracts, donations, customers.

They are the account's own word, kept apart from what other accounts recorded of the same
person. A dealing whose end is recorded counts for nothing from then on, however recent it
was: either side may end a relationship. What nobody recorded is not known, never "no".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MISSING, date_of
from forbear.core.words import RelationshipKind
from forbear.gate import imports
from forbear.gate.claims import word_hash
from forbear.gate.consent import any_address_key, check_key, every_address_key, named_sellers, sellers_of
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy

MOST: Final = 1_000
_LONGEST: Final = 20_000


class Dealing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A dealing, or with `ended` the end of what stands of its kind. What is absent is not known. Days since 1970."""

    address: str
    kind: RelationshipKind
    seller: str | None = None  # by the account's short name; absent: its first
    on: int | None = None  # the day of the last purchase, payment, inquiry, gift
    ongoing: bool | None = None
    subject: str | None = None  # the account's own word for what it was about, as in a contact's `subject`
    given_by_person: bool | None = None  # the person gave this address to the sender
    reference: str | None = None  # where the proof is, or the words: kept apart
    ended: bool = False


class Recorded(msgspec.Struct, kw_only=True):
    events: list[UUID]
    ended: int  # dealings that stood and ended
    at: int
    seq: int


def record(
    conn: Connection,
    account: UUID,
    dealings: Sequence[Dealing],
    *,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Recorded:
    """Records them in order, all or none. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    if not 1 <= len(dealings) <= MOST:
        raise BadInput(f"{len(dealings):,} relationships, not 1 to {MOST:,}", key="relationships")
    sellers = sellers_of(conn, account)
    keys = [any_address_key(one.address, gate, place) for place, one in enumerate(dealings)]
    older = {place: every_address_key(one.address, gate) for place, one in enumerate(dealings) if one.ended}
    whose = [
        named_sellers([one.seller] if one.seller else list(sellers)[:1], sellers, place)[0]
        for place, one in enumerate(dealings)
    ]
    for place, one in enumerate(dealings):
        _check(one, place)
    with conn.transaction():
        check_key(conn, key, account)
        if older:
            people = [one.column for those in older.values() for one in those]
            writes.lock_people(conn, np.array(people, np.int64))
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        events: list[UUID] = []
        ended = 0
        for place, (one, address, seller) in enumerate(zip(dealings, keys, whose, strict=True)):
            if one.on is not None and one.on > now // DAY + 1:
                raise BadInput("lies in the future", key=f"[{place}].on")
            event = writes.append_event(
                conn,
                now,
                Kind.RELATIONSHIP_ENDED if one.ended else Kind.RELATIONSHIP_RECORDED,
                known_by,
                account=account,
                seller=seller,
                address=address,
                happened_at=now if one.on is None else min(one.on * DAY, now),
                payload=_payload(one),
                personal={"address": one.address, "reference": one.reference},
            )
            events.append(event)
            subject = word_hash(one.subject) if one.subject else 0
            if one.ended:
                for those in older[place]:
                    ended += writes.end_relationships(
                        conn, now, those, account, seller, one.kind.bit, subject, event, change
                    )
                continue
            columns_of = writes.Relationships(
                kind=np.array([one.kind.bit], np.int16),
                on_day=np.array([MISSING if one.on is None else one.on], np.int32),
                ongoing=_three(one.ongoing),
                subject=np.array([subject], np.int64),
                given_by_person=_three(one.given_by_person),
            )
            known = addresses.of_keys([address])
            writes.record_relationships(conn, columns.ids_of([event]), known, columns_of, account, seller, change)
        seq = writes.number_change(conn, change)
    return Recorded(events=events, ended=ended, at=now, seq=seq)


def listed(
    conn: Connection, account: UUID, *, address: str | None = None, after: UUID | None = None, limit: int = 100
) -> list[reads.Relationship]:
    """What the account recorded, newest first, a page at a time; of one address, if given."""
    if address is None:
        return reads.relationships(conn, account, after=after, limit=limit)
    found = [
        row
        for one in every_address_key(address, opened())
        for row in reads.relationships(conn, account, addr=one.column, mac=one.mac or None, after=after, limit=limit)
    ]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def import_csv(
    conn: Connection,
    account: UUID,
    path: Path,
    *,
    seller: str,
    by: str,
    columns_named: Mapping[str, str] | None = None,
    gate: Gate | None = None,
    tick: imports.Tick | None = None,
) -> imports.Imported:
    """A list of dealings of this seller, all or nothing. Raises `BadInput` naming file, line and column.

    Columns: `address`, `kind`, and of `on`, `ongoing`, `subject`, `given_by_person`, `reference`
    those that are there; `columns_named` maps these names to the file's.
    """
    (found,) = named_sellers([seller], sellers_of(conn, account), 0)
    return imports.relationships(conn, gate or opened(), account, found, path, by, dict(columns_named or {}), tick)


def _check(one: Dealing, place: int) -> None:
    for name, text, most in (("subject", one.subject, 200), ("reference", one.reference, _LONGEST)):
        if text is not None and (not text.strip() or len(text) > most):
            raise BadInput(f"not 1 to {most:,} characters", key=f"[{place}].{name}")
    if one.ended and (one.on is not None or one.ongoing is not None or one.given_by_person is not None):
        todo = "say with `ended` only whom, of which kind and about what"
        raise BadInput("an end is recorded by itself", key=f"[{place}].ended", todo=todo)
    if one.on is not None and one.on < 0:
        raise BadInput("is no day of a dealing", key=f"[{place}].on")


def _payload(one: Dealing) -> dict[str, object]:
    said: dict[str, object] = {
        "kind": one.kind.value,
        "on": None if one.on is None else date_of(one.on).isoformat(),
        "ongoing": one.ongoing,
        "subject": one.subject,
        "given_by_person": one.given_by_person,
        "reference": one.reference is not None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _three(value: bool | None) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.array([-1 if value is None else int(value)], np.int8)
