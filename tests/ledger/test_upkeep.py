"""The hourly upkeep, as the application's role."""

from __future__ import annotations

from uuid import uuid4

from forbear.accounts.connect import Connection
from forbear.ledger.upkeep import tidy


def test_idempotency_keys_go_after_48_hours_and_no_sooner(conn: Connection) -> None:
    for key, age in (("old", "48 hours"), ("young", "47 hours")):
        conn.execute(
            "INSERT INTO ledger_idempotency VALUES (%s, %s, %s, '{}', now() - %s::interval)",
            [uuid4(), key, bytes(16), age],
        )
    assert tidy(conn) == 1
    assert conn.execute("SELECT key FROM ledger_idempotency").fetchall() == [("young",)]
    assert tidy(conn) == 0
