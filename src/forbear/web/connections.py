"""A few connections shared by the requests that Django serves: borrowed, given back, replaced when broken."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from forbear.accounts.connect import Connection, connect
from forbear.web.problem import unavailable

_MOST: Final = 8
_PATIENCE_S: Final = 5.0

_slots: queue.LifoQueue[Connection | None] = queue.LifoQueue()
for _ in range(_MOST):
    _slots.put(None)


@contextmanager
def borrowed() -> Iterator[Connection]:
    """A connection in autocommit for one request. Raises `Problem` (503) when none is free or the store is away."""
    try:
        connection = _slots.get(timeout=_PATIENCE_S)
    except queue.Empty:
        raise unavailable("every connection to the store is in use") from None
    try:
        if connection is None or not _answers(connection):
            connection = connect()
        yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError):
        if connection is not None:
            connection.close()
        raise
    finally:
        fit = connection is not None and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if connection is not None and not fit:
            connection.close()
        _slots.put(connection if fit else None)


def _answers(connection: Connection) -> bool:
    """Whether an idle connection still lives: the store may have been started anew meanwhile."""
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        connection.close()
        return False
    return True


def forget() -> None:
    """Closes what is idle, so that the next request connects anew (tests, and a store that moved)."""
    for connection in [_slots.get() for _ in range(_slots.qsize())]:
        if connection is not None:
            connection.close()
        _slots.put(None)
