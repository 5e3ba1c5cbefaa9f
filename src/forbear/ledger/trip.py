"""Several prepared statements in one round trip, with a cost of microseconds each.

The hot route has a dozen statements a batch; a cursor for each costs more than the
database's own work on a small one. Parameters and results are in binary: encoded by
`forbear.ledger.columns`, decoded by the functions here.
"""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, SafeUUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from forbear.accounts.connect import Connection
from forbear.ledger.columns import Column

Value = bytes | None
Decode = Callable[[bytes], Any]

UUID_OID, INT4_OID, INT8_OID, TEXT_OID, BYTEA_OID, MOMENT_OID = 2950, 23, 20, 25, 17, 1184
_BINARY: Final = 1
_new_uuid = UUID.__new__
_set = object.__setattr__


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Statement:
    """`$1`-style SQL with the types of its parameters, and how each column of its rows is read."""

    name: str
    sql: str
    parameters: tuple[int, ...] = ()
    read: tuple[Decode, ...] = ()


def uuid_of(raw: bytes) -> UUID:
    """`UUID(bytes=...)`, several times as quick: it is called for every row."""
    made = _new_uuid(UUID)
    _set(made, "int", int.from_bytes(raw, "big"))
    _set(made, "is_safe", SafeUUID.unknown)
    return made


def number(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


def truth(raw: bytes) -> bool:
    return raw != b"\0"


def text(raw: bytes) -> str:
    return raw.decode()


def raw(value: bytes) -> bytes:
    return value


def jsonb(value: bytes) -> Any:
    return json.loads(value[1:])  # after the version byte


def uuids(value: bytes) -> list[UUID]:
    """A one-dimensional `uuid[]` without nulls."""
    return [uuid_of(value[at : at + 16]) for at in range(24, len(value), 20)]


@dataclass(slots=True)
class _Prepared:
    """What a connection has prepared. After a failure nobody knows, so all names are made anew."""

    generation: int = 0
    names: set[str] = field(default_factory=set)


_prepared: WeakKeyDictionary[Connection, _Prepared] = WeakKeyDictionary()
_BEGIN: Final = Statement("forbear_begin", "BEGIN")
_COMMIT: Final = Statement("forbear_commit", "COMMIT")


@dataclass(slots=True)
class Trip:
    """Statements to send together. `go` sends them and waits for every result, in order."""

    conn: Connection
    statements: list[Statement] = field(default_factory=list)
    values: list[Sequence[Value]] = field(default_factory=list)

    def add(self, statement: Statement, *values: Value | Column) -> int:
        """The place of its rows in what `go` returns."""
        self.statements.append(statement)
        self.values.append([value.wire if isinstance(value, Column) else value for value in values])
        return len(self.statements) - 1

    def begin(self) -> None:
        self.add(_BEGIN)

    def commit(self) -> None:
        self.add(_COMMIT)

    def go(self) -> list[list[tuple[Any, ...]]]:
        """The rows of each statement. Raises the database's error of the first that failed.

        After an error the transaction is still open, and failed: the caller rolls it back.
        """
        results = self._exchange()
        if self.statements[-1] is _COMMIT and results[-1].command_status != b"COMMIT":
            raise psycopg.OperationalError("the transaction was not committed")
        return [list(_rows(result, one.read)) for result, one in zip(results, self.statements, strict=True)]

    def _exchange(self) -> list[pq.abc.PGresult]:
        pgconn = self.conn.pgconn
        known = _prepared.get(self.conn)
        if known is None:
            known = _prepared[self.conn] = _Prepared()
        fresh: set[str] = set()
        order: list[bool] = []  # whether each result is a statement's, not a preparation's
        pgconn.enter_pipeline_mode()
        try:
            for statement, values in zip(self.statements, self.values, strict=True):
                name = f"{statement.name}_{known.generation}".encode()
                if statement.name not in known.names and statement.name not in fresh:
                    pgconn.send_prepare(name, statement.sql.encode(), statement.parameters)
                    fresh.add(statement.name)
                    order.append(False)
                pgconn.send_query_prepared(name, values, [_BINARY] * len(values), _BINARY)
                order.append(True)
            pgconn.pipeline_sync()
            results = self._results(pgconn, len(order))
            pgconn.exit_pipeline_mode()
        except BaseException:  # whatever is still on the wire, nobody reads it: the server rolls back
            self.conn.close()
            raise
        failed = next((result for result in results if result.status == pq.ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            if fresh:
                known.generation += 1
                known.names.clear()
            raise error_from_result(failed)
        known.names |= fresh
        return [result for result, is_statement in zip(results, order, strict=True) if is_statement]

    @staticmethod
    def _results(pgconn: pq.abc.PGconn, n: int) -> list[pq.abc.PGresult]:
        """The results of `n` commands and the sync after them. Reads while it writes, lest both sides wait."""
        ready = select.poll()
        ready.register(pgconn.socket, select.POLLIN)
        while pgconn.flush():
            ready.modify(pgconn.socket, select.POLLIN | select.POLLOUT)
            if any(event & ~select.POLLOUT for _, event in ready.poll()):
                pgconn.consume_input()
        ready.modify(pgconn.socket, select.POLLIN)
        results: list[pq.abc.PGresult] = []
        synced = False
        while not synced:
            while pgconn.is_busy():
                ready.poll()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                synced = True
            else:
                results.append(result)
        assert len(results) == n, "one result for each command"
        return results


def _rows(result: pq.abc.PGresult, read: Sequence[Decode]) -> Iterator[tuple[Any, ...]]:
    get = result.get_value
    columns = list(enumerate(read))
    for row in range(result.ntuples):
        values = []
        for place, decode in columns:
            value = get(row, place)
            values.append(None if value is None else decode(value))
        yield tuple(values)


def roll_back(conn: Connection) -> None:
    """Ends a failed transaction; a broken connection has none."""
    if conn.pgconn.status == pq.ConnStatus.OK and conn.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        conn.pgconn.exec_(b"ROLLBACK")
