"""Messages of ours to people: queued with what caused them, one of a kind for each cause."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
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
