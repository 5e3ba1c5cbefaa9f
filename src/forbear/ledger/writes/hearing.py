"""What people wrote to a sender: that a message was heard, that it waits for a person, what that person decided."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey


def note_heard(conn: Connection, at: int, connector: UUID, message: str, event: UUID) -> bool:
    """That this message of this connector was heard. False: it was before, and nothing of it counts again."""
    done = conn.execute(
        "INSERT INTO ledger_heard (connector, message, event, at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (connector, message) DO NOTHING",
        [connector, message, event, moment_of(at)],
    )
    return done.rowcount == 1


def open_review(
    conn: Connection,
    at: int,
    event: UUID,
    account: UUID,
    seller: UUID | None,
    address: AddressKey,
    channel: int,
    why: str,
    language: str,
    stops: Sequence[UUID],
) -> None:
    """The message of `event` waits for a person; `stops` are the suspensions that stand until then."""
    conn.execute(
        "INSERT INTO ledger_review (id, account, seller, addr, key_id, mac, channel, why, language, stops, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(event, account, seller, address.column, address.secret_id, address.mac or None, channel),
            *(why, language, list(stops), moment_of(at)),
        ],
    )


def close_review(conn: Connection, at: int, account: UUID, review: UUID, outcome: str, by: str) -> bool:
    """False where the account has no such review waiting."""
    done = conn.execute(
        "UPDATE ledger_review SET decided_at = %s, decided_by = %s, outcome = %s"
        " WHERE id = %s AND account = %s AND decided_at IS NULL",
        [moment_of(at), by, outcome, review, account],
    )
    return done.rowcount == 1


def end_suspensions(conn: Connection, at: int, stops: Sequence[UUID], event: UUID, change: UUID) -> int:
    """Lifts these suspensions alone, whatever else stands for the address. Returns how many."""
    done = conn.execute(
        "UPDATE ledger_suppression SET lifted_at = %s, lifted_by = %s, change = %s"
        " WHERE id = ANY(%s) AND lifted_at IS NULL",
        [moment_of(at), event, change, list(stops)],
    )
    return done.rowcount


def confirm_suspensions(conn: Connection, stops: Sequence[UUID], change: UUID) -> None:
    """A person read the message: what was suspended is an opt-out."""
    conn.execute(
        "UPDATE ledger_suppression SET reason = 'opt-out', change = %s WHERE id = ANY(%s) AND lifted_at IS NULL",
        [change, list(stops)],
    )
