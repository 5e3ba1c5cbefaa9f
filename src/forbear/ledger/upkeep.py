"""What a running installation does about once an hour: room for the months to come; what ran out is forgotten."""

from __future__ import annotations

from typing import Final

from forbear.accounts.connect import Connection
from forbear.ledger import optins

AHEAD: Final = 3  # months
_AT_ONCE: Final = 10_000


def tidy(conn: Connection) -> int:
    """Safe to run anywhere, by several at once. Returns how many idempotency keys were forgotten."""
    conn.execute("SELECT ledger_make_partitions(%s)", [AHEAD])
    optins.forget(conn)
    forgotten = 0
    while True:
        done = conn.execute(
            "DELETE FROM ledger_idempotency WHERE (account, key) IN (SELECT account, key FROM ledger_idempotency"
            " WHERE at <= now() - interval '48 hours' LIMIT %s FOR UPDATE SKIP LOCKED)",
            [_AT_ONCE],
        )
        forgotten += done.rowcount
        if done.rowcount < _AT_ONCE:
            return forgotten
