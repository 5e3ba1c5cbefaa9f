"""A stop that met an erasure of the same people in the wrong order is tried once more: nobody clicks twice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from psycopg.errors import DeadlockDetected
from psycopg.pq import TransactionStatus

from forbear.accounts.connect import Connection

P = ParamSpec("P")
R = TypeVar("R")


def again_after_deadlock(
    use_case: Callable[Concatenate[Connection, P], R],
) -> Callable[Concatenate[Connection, P], R]:
    """For use cases that open their own transaction. An erasure takes rows away that others wait for, so that the
    order of locks cannot always be kept; PostgreSQL takes one of the two back, whole."""

    @functools.wraps(use_case)
    def tried(conn: Connection, /, *given: P.args, **named: P.kwargs) -> R:
        alone = conn.info.transaction_status is TransactionStatus.IDLE  # else the caller's transaction is lost too
        try:
            return use_case(conn, *given, **named)
        except DeadlockDetected:
            if not alone:
                raise
            return use_case(conn, *given, **named)

    return tried
