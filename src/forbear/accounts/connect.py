"""How a process reaches the store: the two addresses, and a connection set up the way our queries expect."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg._preparing import PrepareManager

from forbear.core.errors import BadInput

Connection = psycopg.Connection[tuple[Any, ...]]

OWNER = "FORBEAR_DATABASE_URL"  # migrates
APP = "FORBEAR_APP_DATABASE_URL"  # serves


class _OwnStatements(PrepareManager):
    """After a rollback psycopg forgets what it prepared by DEALLOCATE ALL, which would take what `ledger.trip`
    prepared on the same connection along: every later trip on it would fail. Its own are dropped one by one."""

    def clear(self) -> bool:
        self._counts.clear()
        if not self._names:
            return False
        self._to_flush.extend(self._names.values())
        self._names.clear()
        return True


def app_url() -> str:
    """The address the application uses. Raises `BadInput` where none is set (the CLI sets it from the supervisor)."""
    url = os.environ.get(APP)
    if not url:
        raise BadInput("no database", key=APP, todo="start through the `forbear` command, or set it")
    return url


def connect(url: str | None = None) -> Connection:
    """A connection in autocommit (transactions are explicit), UTC, at READ COMMITTED.

    INVARIANT: what is read after a row lock was got must see what was committed before it,
    which READ COMMITTED gives and a snapshot over the whole transaction would not.
    """
    settings = {
        "timezone": "UTC",
        "default_transaction_isolation": r"read\ committed",
        "idle_in_transaction_session_timeout": "60s",
        "statement_timeout": "120s",
        "lock_timeout": "20s",
        "plan_cache_mode": "force_generic_plan",  # our arrays differ only in length: plan once
    }
    conn: Connection = psycopg.connect(
        url or app_url(),
        autocommit=True,
        connect_timeout=10,
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
    )
    conn._prepared = _OwnStatements()
    conn.prepare_threshold = 1  # a statement met twice is prepared
    return conn
