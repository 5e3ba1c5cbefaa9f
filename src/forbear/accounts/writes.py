"""One function per fact about who sends. Each is one transaction."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg

from forbear.accounts.connect import Connection
from forbear.accounts.permissions import Permission
from forbear.core.errors import BadInput

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


class NewKey(NamedTuple):
    """A key just made. `token` holds the secret: it is shown once and not kept anywhere."""

    id: UUID
    token: str  # `<id>.<secret>`, as in `Authorization: Bearer`


def create_seller(
    conn: Connection,
    slug: str,
    name: str,
    *,
    country: str | None = None,
    kind: str | None = None,
    ftc: bool | None = None,
) -> UUID:
    """A business on whose behalf people are contacted. Raises `BadInput` for a name that is taken or not one."""
    return _insert(
        conn,
        "seller",
        slug,
        "INSERT INTO accounts_seller (id, slug, name, country, kind, ftc) VALUES (%s, %s, %s, %s, %s, %s)",
        [uuid4(), _slug(slug), _name(name), country, kind, ftc],
    )


def create_account(conn: Connection, slug: str, name: str, *, home_region: str = "local") -> UUID:
    """An organisation that sends. It may contact nobody until a seller is linked."""
    return _insert(
        conn,
        "account",
        slug,
        "INSERT INTO accounts_account (id, slug, name, home_region, policy) VALUES (%s, %s, %s, %s, '{}')",
        [uuid4(), _slug(slug), _name(name), home_region],
    )


def create_partner(conn: Connection, slug: str, name: str) -> UUID:
    """Who resells this installation. The installation's operator is made with the first."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('accounts_operator'))")
        row = conn.execute("SELECT id FROM accounts_operator ORDER BY created_at, id LIMIT 1").fetchone()
        operator = uuid4() if row is None else row[0]
        if row is None:
            conn.execute("INSERT INTO accounts_operator (id, name) VALUES (%s, %s)", [operator, "operator"])
        return _insert(
            conn,
            "partner",
            slug,
            "INSERT INTO accounts_partner (id, operator_id, slug, name) VALUES (%s, %s, %s, %s)",
            [uuid4(), operator, _slug(slug), _name(name)],
        )


def set_partner(conn: Connection, account: UUID, partner: UUID | None) -> None:
    """Which partner brought the account: what is suppressed for the partner binds it from now on."""
    conn.execute("UPDATE accounts_account SET partner_id = %s WHERE id = %s", [partner, account])


def close_account(conn: Connection, account: UUID) -> None:
    """It contacts nobody any more. What people said to it and to its sellers stays in force."""
    conn.execute("UPDATE accounts_account SET status = 'closed' WHERE id = %s", [account])
    conn.execute(
        "UPDATE accounts_apikey SET revoked_at = now() WHERE account_id = %s AND revoked_at IS NULL", [account]
    )


def link_seller(conn: Connection, account: UUID, seller: UUID) -> None:
    """From now on the account may contact people for this seller."""
    conn.execute(
        "INSERT INTO accounts_accountseller (account_id, seller_id) VALUES (%s, %s)"
        " ON CONFLICT (account_id, seller_id) DO UPDATE SET until = NULL",
        [account, seller],
    )


def unlink_seller(conn: Connection, account: UUID, seller: UUID) -> None:
    conn.execute(
        "UPDATE accounts_accountseller SET until = now() WHERE account_id = %s AND seller_id = %s AND until IS NULL",
        [account, seller],
    )


def add_sender_identity(
    conn: Connection, seller: UUID, channel: str, value: str, *, registers: Mapping[str, str] | None = None
) -> None:
    """What the seller's recipients see as sender, in canonical form.

    `registers` (country -> register) are added to those it is known to stand on; an empty mapping says
    that it stands on none any more, None says nothing. Raises `BadInput`.
    """
    value = value.strip()
    if not value or len(value) > 254 or "\0" in value:
        raise BadInput("not a sender", key="sender", todo="write what the person will see, 1 to 254 characters")
    registered = None if registers is None else bool(registers)
    conn.execute(
        "INSERT INTO accounts_senderidentity AS i (seller_id, channel, value, registered, registers)"
        " VALUES (%s, %s, %s, %s, %s::jsonb) ON CONFLICT (seller_id, channel, value) DO UPDATE SET"
        " registered = coalesce(EXCLUDED.registered, i.registered),"
        " registers = CASE WHEN EXCLUDED.registered IS FALSE THEN '{}' ELSE i.registers || EXCLUDED.registers END",
        [seller, channel, value, registered, json.dumps(dict(registers or {}))],
    )


def create_api_key(
    conn: Connection, account: UUID, name: str, permissions: Iterable[Permission] = tuple(Permission)
) -> NewKey:
    """A key for a program of the account. The store keeps the SHA-256 of its 256-bit secret."""
    key, secret = uuid4(), secrets.token_urlsafe(32)
    conn.execute(
        "INSERT INTO accounts_apikey (id, account_id, name, secret_sha256, permissions) VALUES (%s, %s, %s, %s, %s)",
        [key, account, _name(name), sha256(secret.encode()).digest(), [str(one) for one in permissions]],
    )
    return NewKey(key, f"{key}.{secret}")


def revoke_api_key(conn: Connection, account: UUID, key: UUID) -> bool:
    """False where the account has no such key, or it was revoked before."""
    done = conn.execute(
        "UPDATE accounts_apikey SET revoked_at = now() WHERE id = %s AND account_id = %s AND revoked_at IS NULL",
        [key, account],
    )
    return done.rowcount == 1


def place_hold(
    conn: Connection,
    reason: str,
    by: str,
    *,
    account: UUID | None = None,
    seller: UUID | None = None,
    until: datetime | None = None,
) -> UUID:
    """Stops the account, the seller, or (neither named) the whole installation."""
    if not reason.strip() or not by.strip():
        raise BadInput("a hold needs a reason and an author", key="reason", todo="say why, and who says so")
    hold = uuid4()
    conn.execute(
        "INSERT INTO accounts_hold (id, account_id, seller_id, reason, placed_by, until) VALUES (%s,%s,%s,%s,%s,%s)",
        [hold, account, seller, reason.strip(), by.strip(), until],
    )
    return hold


def lift_hold(conn: Connection, hold: UUID, by: str) -> bool:
    """False where there is no such hold in force."""
    done = conn.execute(
        "UPDATE accounts_hold SET lifted_at = now(), lifted_by = %s WHERE id = %s AND lifted_at IS NULL", [by, hold]
    )
    return done.rowcount == 1


def _insert(conn: Connection, what: str, slug: str, statement: str, values: list[object]) -> UUID:
    try:
        conn.execute(statement.encode(), values)
    except psycopg.errors.UniqueViolation as fault:
        raise BadInput(f"the {what} `{slug}` exists", key="slug", todo="choose another name") from fault
    except psycopg.errors.CheckViolation as fault:
        key = (fault.diag.constraint_name or "").removeprefix(f"{what}_")
        raise BadInput(f"not a {key} of a {what}", key=key) from fault
    made = values[0]
    assert isinstance(made, UUID)
    return made


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise BadInput(f"`{text[:80]}` is not a short name", key="slug", todo="use a-z, 0-9 and -, at most 60")
    return text


def _name(text: str) -> str:
    text = text.strip()
    if not text or len(text) > 200 or "\0" in text:
        raise BadInput("not a name", key="name", todo="write 1 to 200 characters")
    return text
