"""Why did this person get this message? The decision, the consent, the sender and the rules, for the person to read.

Only what was recorded of this address by the account and for the seller whose message it was: nobody else's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import at_of, date_of, rfc3339
from forbear.core.words import Channel, ConsentLevel, RelationshipKind, Word
from forbear.gate.explain import Explained, explain
from forbear.gate.links import Link
from forbear.gate.opened import Gate
from forbear.ledger import evidence
from forbear.ledger.kinds import Kind

W = TypeVar("W", bound=Word)
_MOST: Final = 5
_ACTS: Final = (
    Kind.OPT_OUT_SAID,
    Kind.CONSENT_WITHDRAWN,
    Kind.SUPPRESSION_LIFTED,
    Kind.PREFERENCES_SET,
    Kind.ABUSE_REPORTED,
    Kind.ERASURE_ASKED,
)


class Agreed(NamedTuple):
    """A consent, as the sender recorded it."""

    id: UUID
    level: ConsentLevel | None
    on: str  # a date; empty: not known
    evidence: bool | None
    withdrawn_at: datetime | None
    wording: str  # what was shown; empty: not kept
    wording_language: str


class Dealt(NamedTuple):
    """A dealing with the sender, as the sender recorded it."""

    kind: RelationshipKind
    on: str


@dataclass(frozen=True, slots=True)
class Why:
    account: str
    seller: str
    decision: Explained | None  # of the message; None: none is recorded
    earlier: tuple[tuple[datetime, Channel], ...]  # other contacts allowed for this seller, the newest first
    consents: tuple[Agreed, ...]
    dealings: tuple[Dealt, ...]


def names(conn: Connection, link: Link) -> tuple[str, str]:
    """(account, seller), as people know them."""
    row = conn.execute(
        "SELECT a.name, s.name FROM accounts_account a, accounts_seller s WHERE a.id = %s AND s.id = %s",
        [link.account, link.seller],
    ).fetchone()
    assert row is not None, "neither is ever deleted"
    return row[0], row[1]


def why(conn: Connection, link: Link, gate: Gate | None = None) -> Why:
    account, seller = names(conn, link)
    who = [link.address.column, link.address.mac or None, link.account, link.seller]
    rows = conn.execute(
        "SELECT id, at, channel FROM ledger_decision WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND account = %s"
        " AND seller = %s AND verdict = 0 ORDER BY id DESC LIMIT %s",
        [*who, _MOST + 1],
    ).fetchall()
    of_channel = [row for row in rows if row[2] == link.channel.bit]
    chosen = link.decision or (of_channel[0][0] if of_channel else None)
    return Why(
        account=account,
        seller=seller,
        decision=None if chosen is None else explain(conn, link.account, chosen, gate),
        earlier=tuple((row[1], _word(Channel, row[2])) for row in rows if row[0] != chosen)[:_MOST],
        consents=_consents(conn, link),
        dealings=_dealings(conn, link),
    )


def acts(conn: Connection, link: Link) -> list[dict[str, Any]]:
    """What the person said and did, to this account and about this address, newest first: each with its receipt."""
    rows = conn.execute(
        "SELECT e.id, e.kind, e.happened_at, e.payload, s.name FROM ledger_event e"
        " LEFT JOIN accounts_seller s ON s.id = e.seller WHERE e.addr = %s AND e.mac IS NOT DISTINCT FROM %s"
        " AND e.account = %s AND e.kind = ANY(%s) ORDER BY e.id DESC LIMIT 1000",
        [link.address.column, link.address.mac or None, link.account, [kind.value for kind in _ACTS]],
    )
    return [
        {"receipt": str(event), "what": kind, "at": rfc3339(at_of(at)), "brand": brand, "said": payload}
        for event, kind, at, payload, brand in rows
    ]


def _consents(conn: Connection, link: Link) -> tuple[Agreed, ...]:
    rows = conn.execute(
        "SELECT id, level, given_at, given_day, evidence, withdrawn_at, wording FROM ledger_consent WHERE addr = %s"
        " AND mac IS NOT DISTINCT FROM %s AND account = %s AND %s = ANY(sellers) ORDER BY id DESC LIMIT 20",
        [link.address.column, link.address.mac or None, link.account, link.seller],
    ).fetchall()
    found: list[Agreed] = []
    for event, level, given_at, given_day, proof, withdrawn_at, digest in rows:
        on = str(given_at.date()) if given_at else str(date_of(given_day)) if given_day is not None else ""
        words = evidence.wording(conn, link.account, bytes(digest)) if digest else None
        found.append(
            Agreed(
                *(event, _level(level), on, proof, withdrawn_at),
                wording=words.text if words else "",
                wording_language=words.language if words else "",
            )
        )
    return tuple(found)


def _dealings(conn: Connection, link: Link) -> tuple[Dealt, ...]:
    rows = conn.execute(
        "SELECT kind, on_day FROM ledger_relationship WHERE addr = %s AND mac IS NOT DISTINCT FROM %s"
        " AND account = %s AND seller = %s AND ended_at IS NULL ORDER BY id DESC LIMIT 20",
        [link.address.column, link.address.mac or None, link.account, link.seller],
    ).fetchall()
    return tuple(Dealt(_word(RelationshipKind, kind), "" if on is None else str(date_of(on))) for kind, on in rows)


def _level(bit: int) -> ConsentLevel | None:
    return next((level for level in ConsentLevel if level.bit == bit), None)


def _word(kind: type[W], bit: int) -> W:
    return next(word for word in kind if word.bit == bit)
