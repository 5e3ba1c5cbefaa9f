"""Erasure as rows: the number gives way to a keyed hash, what is personal goes, what it leaves can still be proved.

The caller holds the transaction (on the owner's connection) and the people's locks. Only `erasing` may change what was
appended: inside it the connection is `forbear_erase`, which nobody can log in as.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import attempts, columns

_THEIRS: Final = (
    "addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s AND (%(account)s::uuid IS NULL OR account = %(account)s)"
)
_OWNED: Final = (
    "o.addr = %(addr)s AND o.mac IS NOT DISTINCT FROM %(mac)s"
    " AND (%(account)s::uuid IS NULL OR o.owner = ANY(%(owners)s))"
)
_DOUBLED: Final = (  # the same suppression stands under the kept key already, since an erasure before this one
    "o.lifted_at IS NULL AND NOT o.imported AND k.addr = %(new_addr)s AND k.mac = %(new_mac)s"
    " AND k.lifted_at IS NULL AND NOT k.imported"
    " AND (k.scope, k.owner, k.channels, k.covers, k.campaign, k.list, k.said, coalesce(k.until, 'infinity'))"
    " = (o.scope, o.owner, o.channels, o.covers, o.campaign, o.list, o.said, coalesce(o.until, 'infinity'))"
)
_MOVED: Final = "addr = %(new_addr)s, key_id = %(new_key_id)s, mac = %(new_mac)s"


class Person(NamedTuple):
    """Whom an erasure is about: a key they are recorded under, the key they will be, and whose records."""

    key: AddressKey
    kept_as: AddressKey  # the same for an e-mail address, which never was anything but a keyed hash
    account: UUID | None  # None: every account
    owners: tuple[UUID, ...]  # whose suppressions are the account's to change: itself and the sellers it serves

    @property
    def names(self) -> dict[str, Any]:
        return {
            "addr": self.key.column,
            "mac": self.key.mac or None,
            "account": self.account,
            "owners": list(self.owners),
            "new_addr": self.kept_as.column,
            "new_key_id": self.kept_as.secret_id,
            "new_mac": self.kept_as.mac or None,
        }


class Keep(NamedTuple):
    """The personal part of an event that has to stay for now."""

    event: UUID
    account: UUID | None
    until: date
    rule: str


@contextmanager
def erasing(conn: Connection) -> Iterator[None]:
    """Within a transaction: the connection is the erase role, and the owner again afterwards."""
    conn.execute("SET LOCAL ROLE forbear_erase")
    yield
    conn.execute("RESET ROLE")


def move_rows(conn: Connection, person: Person) -> dict[str, int]:
    """The number of appended rows gives way to its keyed hash. By the erase role. Returns how many rows by table."""
    done = {}
    for table, change in (
        ("ledger_event", _MOVED),
        ("ledger_decision", _MOVED),
        ("ledger_permit", "addr = %(new_addr)s, mac = %(new_mac)s, subject = 0, debt = 0"),
    ):
        done[table] = conn.execute(f"UPDATE {table} SET {change} WHERE {_THEIRS}", person.names).rowcount  # noqa: S608
    return done


def end_standing(conn: Connection, person: Person, at: int, event: UUID) -> dict[str, int]:
    """Consents, dealings and joins end; suppressions stand on, under the key that is kept. By the erase role."""
    names = person.names | {"at": moment_of(at), "event": event}
    done: dict[str, int] = {}

    def run(name: str, sql: str) -> None:
        done[name] = done.get(name, 0) + conn.execute(sql, names).rowcount

    run(
        "ledger_consent",
        f"UPDATE ledger_consent SET {_MOVED}, withdrawn_at = coalesce(withdrawn_at, %(at)s), change = %(event)s"  # noqa: S608
        f" WHERE {_THEIRS}",
    )
    run(
        "ledger_relationship",
        f"UPDATE ledger_relationship SET {_MOVED}, subject = 0, ended_at = coalesce(ended_at, %(at)s),"  # noqa: S608
        f" ended_by = coalesce(ended_by, %(event)s), change = %(event)s WHERE {_THEIRS}",
    )
    run(
        "ledger_join",
        f"UPDATE ledger_join SET {_MOVED}, parted_at = coalesce(parted_at, %(at)s),"  # noqa: S608
        f" parted_by = coalesce(parted_by, %(event)s) WHERE {_THEIRS}",
    )
    if person.key != person.kept_as:
        run(  # of two that come to be the same, the one that stands already takes the other's last moment
            "ledger_suppression",
            "UPDATE ledger_suppression k SET last_at = greatest(k.last_at, o.last_at), at = least(k.at, o.at),"  # noqa: S608
            f" change = %(event)s FROM ledger_suppression o WHERE {_OWNED} AND {_DOUBLED}",
        )
        run(
            "ledger_suppression",
            f"UPDATE ledger_suppression o SET {_MOVED}, change = %(event)s, lifted_at = %(at)s, lifted_by = %(event)s"  # noqa: S608
            f" WHERE {_OWNED} AND EXISTS (SELECT FROM ledger_suppression k WHERE {_DOUBLED})",
        )
        run("ledger_suppression", f"UPDATE ledger_suppression o SET {_MOVED}, change = %(event)s WHERE {_OWNED}")  # noqa: S608
    return done


def clear_work(conn: Connection, person: Person, at: int, event: UUID) -> dict[str, int]:
    """What is under way: messages lose their content and are not sent, opt-ins asked for are void, links and
    reviews keep the key alone, requests to be erased are done. By the erase role."""
    names = person.names | {"at": moment_of(at), "event": event}
    done: dict[str, int] = {}
    for name, sql in (
        (
            "ledger_outbox",
            f"UPDATE ledger_outbox SET {_MOVED}, content = NULL,"  # noqa: S608
            " failed_at = CASE WHEN sent_at IS NULL THEN coalesce(failed_at, %(at)s) END,"
            " error = CASE WHEN sent_at IS NULL AND failed_at IS NULL THEN 'the person was erased' ELSE error END"
            f" WHERE {_THEIRS}",
        ),
        (
            "ledger_optin",
            # that it was asked lately still counts against asking it again
            f"UPDATE ledger_optin SET {_MOVED}, part = '', sent = coalesce(sent, false),"  # noqa: S608
            " expires_at = least(expires_at, %(at)s) WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
            " AND (%(account)s::uuid IS NULL OR form IN (SELECT id FROM ledger_form WHERE account = %(account)s))",
        ),
        (
            "ledger_optinblock",  # they asked to be left alone by a form: so they are, whoever else asks
            f"UPDATE ledger_optinblock SET {_MOVED} WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"  # noqa: S608
            " AND (%(account)s::uuid IS NULL OR event IN (SELECT id FROM ledger_event WHERE account = %(account)s))",
        ),
        ("ledger_link", f"UPDATE ledger_link SET {_MOVED} WHERE {_THEIRS}"),  # noqa: S608
        ("ledger_review", f"UPDATE ledger_review SET {_MOVED} WHERE {_THEIRS}"),  # noqa: S608
        (
            "ledger_erasurerequest",
            f"UPDATE ledger_erasurerequest SET {_MOVED}, done_at = coalesce(done_at, %(at)s),"  # noqa: S608
            f" done_by = coalesce(done_by, %(event)s) WHERE {_THEIRS}",
        ),
    ):
        done[name] = conn.execute(sql, names).rowcount
    return done


def erase_parts(conn: Connection, events: Sequence[UUID], kept: Sequence[Keep], at: int) -> int:
    """Deletes the personal parts of `events` and their salts; notes those that stay for now. By the erase role."""
    gone = columns.uuids(list(events))
    done = conn.execute("DELETE FROM ledger_personal WHERE event = ANY(%s)", [gone]).rowcount
    conn.execute("DELETE FROM ledger_kept WHERE event = ANY(%s)", [gone])
    for one in kept:
        conn.execute(
            "INSERT INTO ledger_kept (event, account, until, rule, at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (event) DO UPDATE SET until = EXCLUDED.until, rule = EXCLUDED.rule",
            [one.event, one.account, one.until, one.rule, moment_of(at)],
        )
    return done


def move_attempts(conn: Connection, person: Person, packed: Mapping[int, bytes]) -> int:
    """What was tried goes on counting under the kept key, without the words it was about. By the erase role.

    `packed`: both rows' attempts, as locked. The number's own row goes once nothing is left in it.
    """
    mine = bytes(packed.get(person.key.column, b""))
    records = np.frombuffer(mine, attempts.RECORD).copy()
    theirs = np.ones(len(records), bool)
    if person.account is not None and len(records):
        permits = [UUID(bytes=record["permit"].tobytes()) for record in records]
        rows = conn.execute(
            "SELECT id FROM ledger_permit WHERE id = ANY(%s) AND account = %s",
            [columns.uuids(permits), person.account],
        )
        ours = {row[0] for row in rows}
        theirs = np.array([permit in ours for permit in permits], bool)
    records["subject"][theirs] = records["debt"][theirs] = 0
    update = "UPDATE ledger_counter SET attempts = %s WHERE addr = %s"
    if person.key == person.kept_as:
        conn.execute(update, [records.tobytes(), person.key.column])
        return int(theirs.sum())
    before = bytes(packed.get(person.kept_as.column, b""))
    conn.execute(update, [before + records[theirs].tobytes(), person.kept_as.column])
    if theirs.all():
        conn.execute("DELETE FROM ledger_counter WHERE addr = %s", [person.key.column])
    else:
        conn.execute(update, [records[~theirs].tobytes(), person.key.column])
    return int(theirs.sum())


def request(conn: Connection, event: UUID, account: UUID, key: AddressKey, at: int, due_at: int) -> None:
    """Somebody asked to be forgotten by this account."""
    conn.execute(
        "INSERT INTO ledger_erasurerequest (id, account, addr, key_id, mac, at, due_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [event, account, key.column, key.secret_id, key.mac or None, moment_of(at), moment_of(due_at)],
    )
