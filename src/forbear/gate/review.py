"""Unclear messages wait for a person, and marketing rests meanwhile. A person reads one and decides what it meant.

`stop`: it was an opt-out, from the moment it was written. `not_a_stop`: the suspension ends, by name and with a
reason. `other`: it is something else that somebody must see to (a complaint, a wrong number); the suspension stays.
Nothing else that stands for the address is touched.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of
from forbear.core.keys import AddressKey
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate import opt_out as gate_opt_out
from forbear.gate.consent import sellers_of
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.ledger import reads, writes
from forbear.ledger.kinds import Kind, KnownBy

_LONGEST_REASON: Final = 500


class Outcome(StrEnum):
    STOP = "stop"
    NOT_A_STOP = "not_a_stop"
    OTHER = "other"


class Review(msgspec.Struct, kw_only=True):
    """One message that waits, or waited. `text` and `address` are None where they were erased."""

    id: UUID
    channel: Channel
    why: str
    language: str
    at: int
    seller: str | None
    address: str | None = None
    to: str | None = None
    subject: str | None = None
    text: str | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    outcome: str | None = None


class Decided(msgspec.Struct, kw_only=True):
    """`resting`: marketing still rests for what the message began or something said since."""

    event: UUID
    outcome: Outcome
    opt_outs: list[UUID]
    lifted: int
    resting: bool


_COLUMNS: Final = (
    "r.id, r.channel, r.why, r.language, r.at, s.slug, r.decided_at, r.decided_by, r.outcome, p.part"
    " FROM ledger_review r LEFT JOIN accounts_seller s ON s.id = r.seller LEFT JOIN ledger_personal p ON p.event = r.id"
)


def listed(
    conn: Connection, account: UUID, *, waiting: bool = True, after: UUID | None = None, limit: int = 100
) -> list[Review]:
    """Those that wait, the oldest first; or all of them. `after`: the last id of the page before."""
    where = ["r.account = %s"]
    values: list[object] = [account]
    if waiting:
        where.append("r.decided_at IS NULL")
    if after is not None:
        where.append("r.id > %s")
        values.append(after)
    rows = conn.execute(
        f"SELECT {_COLUMNS} WHERE {' AND '.join(where)} ORDER BY r.id LIMIT %s",
        [*values, limit],
    )
    return [_review(row) for row in rows]


def shown(conn: Connection, account: UUID, review: UUID) -> Review | None:
    row = conn.execute(
        f"SELECT {_COLUMNS} WHERE r.account = %s AND r.id = %s",
        [account, review],
    ).fetchone()
    return None if row is None else _review(row)


def decide(
    conn: Connection,
    account: UUID,
    review: UUID,
    outcome: Outcome,
    *,
    by: str,
    reason: str,
    covers: OptOutScope | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Decided | None:
    """None where the account has no such message. Raises `BadInput` (decided before, nobody named), `Refused`."""
    gate = gate or opened()
    by, reason = _named(by, "by", "say who decides", 200), _named(reason, "reason", "say why", _LONGEST_REASON)
    if covers is not None and outcome is not Outcome.STOP:
        raise BadInput("goes with `stop` alone", key="covers")
    if covers in (OptOutScope.CAMPAIGN, OptOutScope.LIST):
        raise BadInput("a message names no campaign or list", key="covers", todo="record an opt-out")
    row = conn.execute(
        "SELECT addr, key_id, mac, channel, seller, at, stops FROM ledger_review WHERE id = %s AND account = %s",
        [review, account],
    ).fetchone()
    if row is None:
        return None
    address = AddressKey(row[0], bytes(row[2] or b""), row[1])
    channel = next(one for one in Channel if one.bit == row[3])
    stops: list[UUID] = list(row[6])
    if outcome is Outcome.STOP:
        return _stop(
            conn, account, review, address, channel, row[4], at_of(row[5]), stops, by, reason, covers, key, gate
        )
    with conn.transaction():
        if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")
        writes.lock_people(conn, np.array([address.column], np.int64))
        now = writes.now(conn)
        _close(conn, now, account, review, outcome, by)
        event = _reviewed(conn, now, account, row[4], address, review, outcome, by, reason, known_by)
        lifted = 0
        if outcome is Outcome.NOT_A_STOP:
            again = _again(conn, address, stops, review)
            ending = [one for one in stops if one not in again]
            if ending:
                entries = [str(one) for one in ending]
                lifting = writes.append_event(
                    *(conn, now, Kind.SUPPRESSION_LIFTED, known_by),
                    account=account,
                    seller=row[4],
                    address=address,
                    payload={
                        "reason": reason,
                        "by": by,
                        "review": str(review),
                        "entries": entries,
                    },
                )
                lifted = writes.end_suspensions(conn, now, ending, lifting, event)
        resting = bool(conn.execute(_STANDING, [stops]).fetchone())
        writes.number_change(conn, event)
    return Decided(event=event, outcome=outcome, opt_outs=[], lifted=lifted, resting=resting)


_STANDING: Final = "SELECT 1 FROM ledger_suppression WHERE id = ANY(%s) AND lifted_at IS NULL"


def _stop(
    conn: Connection,
    account: UUID,
    review: UUID,
    address: AddressKey,
    channel: Channel,
    seller: UUID | None,
    at: int,
    stops: list[UUID],
    by: str,
    reason: str,
    covers: OptOutScope | None,
    key: UUID | None,
    gate: Gate,
) -> Decided:
    """An opt-out from the moment the message came, with its words."""
    part = _part(reads.personal(conn, review))
    slugs = {identity: slug for slug, identity in sellers_of(conn, account).items()}
    made: list[UUID] = []

    def then(written: gate_opt_out.Written) -> None:
        _close(conn, written.at, account, review, Outcome.STOP, by)
        made.append(
            _reviewed(
                *(conn, written.at, account, seller, address, review, Outcome.STOP, by, reason),
                KnownBy.ACCOUNT,
                opt_outs=written.events,
            )
        )
        writes.confirm_suspensions(conn, stops, written.change)

    found = gate_opt_out.opt_out(
        conn,
        account,
        [
            gate_opt_out.OptOut(
                address=part.get("address") or "",
                channel=channel,
                covers=covers,
                seller=None if seller is None else slugs.get(seller),
                at=at,
                way=Way.REPLY,
                text=part.get("text") or part.get("subject"),
            )
        ],
        key=key,
        keys=[None if part.get("address") else address],
        then=then,
        gate=gate,
    )
    return Decided(event=made[0], outcome=Outcome.STOP, opt_outs=found.events, lifted=0, resting=True)


def _again(conn: Connection, address: AddressKey, stops: list[UUID], review: UUID) -> set[UUID]:
    """Suspensions that something said since rests on: another message that waits, an opt-out of the same reach."""
    rows = conn.execute(
        "SELECT s.id FROM ledger_suppression s WHERE s.id = ANY(%s) AND s.lifted_at IS NULL AND ("
        " EXISTS (SELECT 1 FROM ledger_event e WHERE e.kind = %s AND e.addr = s.addr"
        "  AND e.mac IS NOT DISTINCT FROM s.mac AND e.id > s.id AND e.payload->>'covers' = %s"
        "  AND (e.seller = s.owner OR e.seller IS NULL))"
        " OR EXISTS (SELECT 1 FROM ledger_review r WHERE r.addr = s.addr AND r.mac IS NOT DISTINCT FROM s.mac"
        "  AND r.id <> %s AND r.id > s.id AND (r.outcome IS NULL OR r.outcome <> %s)"
        "  AND (r.seller = s.owner OR r.seller IS NULL)))",
        [stops, Kind.OPT_OUT_SAID.value, OptOutScope.MARKETING.value, review, Outcome.NOT_A_STOP.value],
    )
    return {row[0] for row in rows}


def _reviewed(
    conn: Connection,
    now: int,
    account: UUID,
    seller: UUID | None,
    address: AddressKey,
    review: UUID,
    outcome: Outcome,
    by: str,
    reason: str,
    known_by: KnownBy,
    opt_outs: list[UUID] | None = None,
) -> UUID:
    return writes.append_event(
        *(conn, now, Kind.MESSAGE_REVIEWED, known_by),
        account=account,
        seller=seller,
        address=address,
        payload={
            "review": str(review),
            "outcome": outcome.value,
            "by": by,
            "reason": reason,
            **({"opt_outs": [str(one) for one in opt_outs]} if opt_outs else {}),
        },
    )


def _close(conn: Connection, now: int, account: UUID, review: UUID, outcome: Outcome, by: str) -> None:
    if not writes.close_review(conn, now, account, review, outcome.value, by):
        raise BadInput("it was decided before", key="review", todo="see `forbear review show`")


def _named(text: str, key: str, todo: str, longest: int) -> str:
    text = text.strip()
    if not text or len(text) > longest or "\0" in text:
        raise BadInput("nothing is said", key=key, todo=f"{todo}, in at most {longest} characters")
    return text


def _part(stored: bytes | None) -> dict[str, Any]:
    found: dict[str, Any] = {} if stored is None else json.loads(stored)
    return found


def _review(row: tuple[Any, ...]) -> Review:
    part = _part(None if row[9] is None else bytes(row[9]))
    return Review(
        id=row[0],
        channel=next(one for one in Channel if one.bit == row[1]),
        why=row[2],
        language=row[3],
        at=at_of(row[4]),
        seller=row[5],
        address=part.get("address"),
        to=part.get("to"),
        subject=part.get("subject"),
        text=part.get("text"),
        decided_at=None if row[6] is None else at_of(row[6]),
        decided_by=row[7],
        outcome=row[8],
    )
