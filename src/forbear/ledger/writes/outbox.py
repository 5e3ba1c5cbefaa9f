"""Messages of ours to people: queued with what caused them, taken by one worker at a time, sent or given up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns

WAITING: Final = "forbear_outbox"
"""The channel of NOTIFY on which the worker hears that there is something to send."""


def queue_message(
    conn: Connection,
    at: int,
    kind: str,
    cause: UUID,
    address: AddressKey,
    channel: int,
    language: str,
    content: Mapping[str, object],
    *,
    expires_at: int,
    account: UUID | None = None,
    seller: UUID | None = None,
) -> UUID | None:
    """`channel` is the bit; `content` has `to`, `text` and, as they apply, `from`, `subject`, `headers`.

    It is sent until `expires_at` (microseconds UTC) or not at all. None if this cause has one of the kind already.
    """
    made = columns.uuid_at(columns.new_ids(at, 1), 0)
    row = conn.execute(
        "INSERT INTO ledger_outbox (id, account, seller, kind, cause, channel, addr, key_id, mac, language, content,"
        " at, next_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (cause, kind) DO NOTHING RETURNING id",
        [
            *(made, account, seller, kind, cause, channel, address.column, address.secret_id, address.mac or None),
            *(language, json.dumps(content), moment_of(at), moment_of(at), moment_of(expires_at)),
        ],
    ).fetchone()
    if row is None:
        return None
    conn.execute("SELECT pg_notify(%s, '')", [WAITING])  # heard at the commit
    return made


class Waiting(NamedTuple):
    """A message in a worker's hands."""

    id: UUID
    account: UUID | None
    seller: UUID | None
    kind: str
    cause: UUID
    channel: int
    address: AddressKey
    content: dict[str, Any]
    tries: int  # that failed for certain
    expired: bool
    interrupted: bool  # a worker had it before and never said what became of it


def take_message(conn: Connection, lease_s: float) -> Waiting | None:
    """The message that waits longest, for `lease_s` nobody else's. None: nothing is due.

    It is marked as taken before it is sent: after a crash nobody takes it for one that was never sent.
    """
    row = conn.execute(
        "WITH due AS (SELECT id, taken_at FROM ledger_outbox WHERE sent_at IS NULL AND failed_at IS NULL"
        " AND next_at <= clock_timestamp() ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " UPDATE ledger_outbox o SET taken_at = clock_timestamp(),"
        " next_at = clock_timestamp() + make_interval(secs => %s) FROM due WHERE o.id = due.id"
        " RETURNING o.id, account, seller, kind, cause, channel, addr, key_id, mac, content, tries,"
        " expires_at <= clock_timestamp(), due.taken_at IS NOT NULL",
        [lease_s],
    ).fetchone()
    if row is None:
        return None
    identity, account, seller, kind, cause, channel, addr, key_id, mac, content, tries, expired, interrupted = row
    address = AddressKey(addr, bytes(mac or b""), key_id)
    return Waiting(
        *(identity, account, seller, kind, cause, channel, address, content or {}, tries, expired, interrupted)
    )


def put_back(conn: Connection, message: UUID, after_s: float, error: str, *, tried: bool) -> None:
    """It did not leave, for certain: it may be tried again. `tried`: somebody refused it for now."""
    conn.execute(
        "UPDATE ledger_outbox SET taken_at = NULL, tries = tries + %s, error = %s,"
        " next_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s AND sent_at IS NULL",
        [int(tried), error[:300], after_s, message],
    )


def mark_sent(conn: Connection, at: int, message: UUID, provider_id: str) -> bool:
    done = conn.execute(
        "UPDATE ledger_outbox SET sent_at = %s, taken_at = NULL, provider_id = %s, error = ''"
        " WHERE id = %s AND sent_at IS NULL AND failed_at IS NULL",
        [moment_of(at), provider_id[:200], message],
    )
    return done.rowcount == 1


def mark_failed(conn: Connection, at: int, message: UUID, error: str, *, tried: bool) -> bool:
    """`tried`: it may have left, or was refused by somebody it was offered to."""
    done = conn.execute(
        "UPDATE ledger_outbox SET failed_at = %s, taken_at = NULL, error = %s, tries = tries + %s"
        " WHERE id = %s AND sent_at IS NULL AND failed_at IS NULL",
        [moment_of(at), error[:300], int(tried), message],
    )
    return done.rowcount == 1


def scrub_messages(conn: Connection, older_than_s: float) -> int:
    """Forgets the content of what was sent or given up so long ago. Returns of how many."""
    done = conn.execute(
        "UPDATE ledger_outbox SET content = NULL WHERE content IS NOT NULL"
        " AND coalesce(sent_at, failed_at) < clock_timestamp() - make_interval(secs => %s)",
        [older_than_s],
    )
    return done.rowcount
