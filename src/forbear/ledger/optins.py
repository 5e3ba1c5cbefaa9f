"""Forms by which people opt in, and opt-ins that were asked for and not confirmed yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.canonical import canonical
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns
from forbear.ledger.writes.consents import Promise


class Form(NamedTuple):
    """One list of a seller, one way to be reached. Masks as everywhere; `covers` -1: not said."""

    id: UUID
    account: UUID
    seller: UUID
    slug: str
    list: str
    channel: int
    purposes: int
    level: int
    covers: int
    country: str | None
    wording: bytes
    language: str
    origins: tuple[str, ...]
    promised: Promise | None
    opened_at: datetime
    closed_at: datetime | None


class OptIn(NamedTuple):
    """`part`: what is personal of it; empty once it was put aside, confirmed or ran out."""

    id: UUID
    form: UUID
    address: AddressKey
    part: Mapping[str, Any]
    code_hash: bytes
    tries: int
    asked_at: datetime
    expires_at: datetime
    sent: bool | None
    confirmed_at: datetime | None
    now: datetime

    @property
    def expired(self) -> bool:
        return self.expires_at <= self.now


_REMEMBERED_DAYS: Final = 30
"""For how long an address that was asked is known by its key: its holder may still say that it was not them."""
_FORM: Final = (
    "SELECT id, account, seller, slug, list, channel, purposes, level, covers, country, wording, language, origins,"
    " promised_n, promised_days, opened_at, closed_at FROM ledger_form"
)
_OPTIN: Final = (
    "SELECT id, form, addr, key_id, mac, part, code_hash, tries, asked_at, expires_at, sent, confirmed_at,"
    " clock_timestamp() FROM ledger_optin"
)


def open_form(conn: Connection, new: Form) -> None:
    n, days = new.promised or (None, None)
    conn.execute(
        "INSERT INTO ledger_form (id, account, seller, slug, list, channel, purposes, level, covers, country, wording,"
        " language, origins, promised_n, promised_days, opened_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [*new[:12], list(new.origins), n, days, new.opened_at],
    )


def close_form(conn: Connection, at: int, form: UUID) -> bool:
    done = conn.execute(
        "UPDATE ledger_form SET closed_at = %s WHERE id = %s AND closed_at IS NULL", [moment_of(at), form]
    )
    return done.rowcount == 1


def form(conn: Connection, account: UUID, slug: str) -> Form | None:
    """An open one."""
    row = conn.execute(f"{_FORM} WHERE account = %s AND slug = %s AND closed_at IS NULL", [account, slug]).fetchone()
    return None if row is None else _form(row)


def form_by_id(conn: Connection, identity: UUID) -> Form | None:
    """Closed ones too: what was asked while it was open may still be confirmed."""
    row = conn.execute(f"{_FORM} WHERE id = %s", [identity]).fetchone()
    return None if row is None else _form(row)


def forms(conn: Connection, account: UUID) -> list[Form]:
    """The open ones first, newest first."""
    rows = conn.execute(f"{_FORM} WHERE account = %s ORDER BY closed_at IS NOT NULL, id DESC", [account])
    return [_form(row) for row in rows]


def keep(
    conn: Connection,
    identity: UUID,
    form: UUID,
    address: AddressKey,
    part: Mapping[str, object],
    code_hash: bytes,
    valid_s: int,
) -> None:
    """Whether it is asked is decided later: to whoever sends a form, every address is the same."""
    conn.execute(
        "INSERT INTO ledger_optin (id, form, addr, key_id, mac, part, code_hash, asked_at, expires_at)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, t, t + make_interval(secs => %s) FROM clock_timestamp() AS t",
        [
            *(identity, form, address.column, address.secret_id, address.mac or None, canonical(part)),
            *(code_hash, valid_s),
        ],
    )


def waiting(conn: Connection) -> OptIn | None:
    """The next one about which it is to be decided whether to ask, locked. The caller holds the transaction."""
    row = conn.execute(f"{_OPTIN} WHERE sent IS NULL ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED").fetchone()
    return None if row is None else _optin(row)


def locked(conn: Connection, identity: UUID) -> OptIn | None:
    row = conn.execute(f"{_OPTIN} WHERE id = %s FOR UPDATE", [identity]).fetchone()
    return None if row is None else _optin(row)


def seen(conn: Connection, identity: UUID) -> OptIn | None:
    row = conn.execute(f"{_OPTIN} WHERE id = %s", [identity]).fetchone()
    return None if row is None else _optin(row)


def put(conn: Connection, identity: UUID, event: UUID, code_hash: bytes) -> None:
    """The question is on its way."""
    conn.execute(
        "UPDATE ledger_optin SET sent = true, event = %s, code_hash = %s WHERE id = %s", [event, code_hash, identity]
    )


def put_aside(conn: Connection, identity: UUID) -> None:
    """It is not asked, and what was personal of it is forgotten at once."""
    conn.execute("UPDATE ledger_optin SET sent = false, part = '' WHERE id = %s", [identity])


def count_try(conn: Connection, identity: UUID) -> None:
    conn.execute("UPDATE ledger_optin SET tries = tries + 1 WHERE id = %s", [identity])


def confirm(conn: Connection, identity: UUID) -> None:
    conn.execute("UPDATE ledger_optin SET confirmed_at = clock_timestamp(), part = '' WHERE id = %s", [identity])


def end(conn: Connection, identity: UUID) -> None:
    """Nothing can be confirmed by it any more."""
    conn.execute("UPDATE ledger_optin SET expires_at = clock_timestamp(), part = '' WHERE id = %s", [identity])


def asked_lately(conn: Connection, keys: Sequence[AddressKey], within_s: int) -> list[float]:
    """How many seconds ago this person was last asked, for each time, by any form of the installation."""
    rows = conn.execute(
        "SELECT extract(epoch FROM clock_timestamp() - o.asked_at)::float8 FROM ledger_optin o"
        " JOIN unnest(%s, %s) AS u (addr, mac) ON o.addr = u.addr AND o.mac IS NOT DISTINCT FROM u.mac"
        " WHERE o.sent AND o.asked_at > clock_timestamp() - make_interval(secs => %s)",
        [*_columns(keys), within_s],
    )
    return [row[0] for row in rows]


def block(conn: Connection, event: UUID, address: AddressKey, at: int) -> None:
    """The holder of this address did not ask for what a form asked them."""
    conn.execute(
        "INSERT INTO ledger_optinblock (event, addr, key_id, mac, at) VALUES (%s, %s, %s, %s, %s)",
        [event, address.column, address.secret_id, address.mac or None, moment_of(at)],
    )


def blocked(conn: Connection, keys: Sequence[AddressKey], within_s: int) -> bool:
    row = conn.execute(
        "SELECT 1 FROM ledger_optinblock b"
        " JOIN unnest(%s, %s) AS u (addr, mac) ON b.addr = u.addr AND b.mac IS NOT DISTINCT FROM u.mac"
        " WHERE b.at > clock_timestamp() - make_interval(secs => %s) LIMIT 1",
        [*_columns(keys), within_s],
    ).fetchone()
    return row is not None


def complained(conn: Connection, keys: Sequence[AddressKey], owners: Sequence[UUID]) -> bool:
    """Whether this person reported one of these, or asked the whole installation to leave them alone."""
    row = conn.execute(
        "SELECT 1 FROM ledger_suppression s"
        " JOIN unnest(%s, %s) AS u (addr, mac) ON s.addr = u.addr AND s.mac IS NOT DISTINCT FROM u.mac"
        " WHERE s.lifted_at IS NULL AND s.said AND (s.scope = 0 OR s.owner = ANY(%s) AND s.way = 'complaint') LIMIT 1",
        [*_columns(keys), list(owners)],
    ).fetchone()
    return row is not None


def forget(conn: Connection) -> int:
    """What is personal of those that ran out goes at once; that an address was asked, a month after it was.

    Returns how many were forgotten whole.
    """
    conn.execute("UPDATE ledger_optin SET part = '' WHERE expires_at <= clock_timestamp() AND part <> ''")
    done = conn.execute(
        "DELETE FROM ledger_optin WHERE id IN (SELECT id FROM ledger_optin WHERE expires_at <= clock_timestamp()"
        " AND asked_at <= clock_timestamp() - make_interval(days => CASE WHEN sent THEN %s ELSE 1 END)"
        " FOR UPDATE SKIP LOCKED)",
        [_REMEMBERED_DAYS],
    )
    return done.rowcount


def _columns(keys: Sequence[AddressKey]) -> tuple[columns.Int8, columns.Bytea]:
    return columns.int8s([key.column for key in keys]), columns.byteas([key.mac or None for key in keys])


def _form(row: Sequence[Any]) -> Form:
    promised = None if row[13] is None else Promise(row[13], row[14])
    values = [*row[:10], bytes(row[10]), row[11], tuple(row[12]), promised, row[15], row[16]]
    return Form(*values)


def _optin(row: Sequence[Any]) -> OptIn:
    key = AddressKey(row[2], b"" if row[4] is None else bytes(row[4]), row[3])
    part = json.loads(bytes(row[5])) if bytes(row[5]) else {}
    return OptIn(row[0], row[1], key, part, bytes(row[6]), *row[7:])
