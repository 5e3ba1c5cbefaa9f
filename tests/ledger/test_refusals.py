"""What the database itself refuses, asked from SQL."""

from __future__ import annotations

import psycopg
import pytest

from forbear.accounts.connect import Connection
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.migrations import _rulebooks, _tables
from tests.conftest import Database

APPENDED = (*_tables.APPENDED, *_rulebooks.APPENDED)
PARTITIONED = (*_tables.PARTITIONED, *_rulebooks.PARTITIONED)


@pytest.mark.parametrize("table", APPENDED)
def test_the_application_may_append_and_read_the_ledger_and_nothing_more(conn: Connection, table: str) -> None:
    rights = {
        right: conn.execute("SELECT has_table_privilege(%s, %s)", [table, right]).fetchone()
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    }
    assert {right for right, row in rights.items() if row == (True,)} == {"SELECT", "INSERT"}


@pytest.mark.parametrize("table", _tables.MUTABLE)
def test_the_application_may_change_a_projection(conn: Connection, table: str) -> None:
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        assert conn.execute("SELECT has_table_privilege(%s, %s)", [table, right]).fetchone() == (True,)
    assert conn.execute("SELECT has_table_privilege(%s, 'TRUNCATE')", [table]).fetchone() == (False,)


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", APPENDED)
def test_not_even_the_owner_rewrites_the_ledger(database: Database, table: str, statement: str) -> None:
    owner = database.owner()
    column = owner.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1", [table]
    ).fetchone()
    assert column
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="refused"):
        owner.execute(statement.format(table, column[0], column[0]))


@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}", "TRUNCATE {}"])
def test_a_partition_is_guarded_like_the_whole(database: Database, statement: str) -> None:
    owner = database.owner()
    (name,) = owner.execute("SELECT 'ledger_decision_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')").fetchone() or (
        "",
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="refused"):
        owner.execute(statement.format(name))


def test_an_event_goes_into_the_partition_of_its_month(conn: Connection) -> None:
    with conn.transaction():
        event = writes.append_event(conn, writes.now(conn), Kind.LIST_IMPORTED, KnownBy.OPERATOR)
    row = conn.execute(
        "SELECT tableoid::regclass::text, to_char(learnt_at AT TIME ZONE 'UTC', 'YYYYMM') FROM ledger_event"
        " WHERE id = %s",
        [event],
    ).fetchone()
    assert row
    assert row[0] == f"ledger_event_{row[1]}"


def test_a_month_without_a_partition_takes_nothing(conn: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        writes.append_event(conn, 0, Kind.LIST_IMPORTED, KnownBy.OPERATOR)


def test_the_application_makes_partitions_ahead_once(conn: Connection) -> None:
    before = conn.execute("SELECT ledger_make_partitions(3)").fetchone()
    after = conn.execute("SELECT ledger_make_partitions(6)").fetchone()
    assert (before, after) == ((0,), (3 * len(PARTITIONED),))


def test_the_application_neither_makes_nor_drops_tables(conn: Connection) -> None:
    for statement in (
        "CREATE TABLE mine (x int)",
        "DROP TABLE ledger_event",
        "ALTER TABLE ledger_event DISABLE TRIGGER ALL",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode())


def test_a_personal_part_is_deleted_by_the_erase_role_alone(database: Database) -> None:
    conn, owner = database.app(), database.owner()
    with conn.transaction():
        event = writes.append_event(
            conn, writes.now(conn), Kind.OPT_OUT_SAID, KnownBy.PERSON, personal={"text": "leave me alone"}
        )
    for connection in (conn, owner):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM ledger_personal")
    rights = owner.execute(
        "SELECT has_table_privilege('forbear_erase', 'ledger_personal', 'DELETE'),"
        " has_table_privilege('forbear_erase', 'ledger_event', 'DELETE')"
    ).fetchone()
    assert rights == (True, False)
    assert conn.execute("SELECT count(*) FROM ledger_event WHERE id = %s", [event]).fetchone() == (1,)


def test_every_ledger_table_has_the_columns_its_model_says(conn: Connection, django_ready: None) -> None:
    from django.apps import apps

    for model in apps.get_app_config("ledger").get_models():
        said = {field.column for field in model._meta.concrete_fields if field.column}
        rows = conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [model._meta.db_table],
        )
        assert {row[0] for row in rows} == said, model._meta.db_table


def test_a_permit_is_redeemed_once(conn: Connection) -> None:
    at = writes.now(conn)
    from forbear.ledger import columns

    permit = columns.uuid_at(columns.new_ids(at, 1), 0)
    conn.execute("INSERT INTO ledger_redemption VALUES (%s, now())", [permit])
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("INSERT INTO ledger_redemption VALUES (%s, now())", [permit])
