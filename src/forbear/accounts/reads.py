"""Who sends, as plain values. Nothing here is cached: standing is read where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    slug: str
    name: str
    home_region: str
    status: str
    sellers: tuple[Seller, ...]  # in the order they were linked; the first is meant where none is named
    partner: UUID | None = None  # who brought it


@dataclass(frozen=True, slots=True)
class Seller:
    id: UUID
    number: int
    slug: str
    name: str
    country: str | None
    kind: str | None
    ftc: bool | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: UUID
    account: UUID
    name: str
    secret_sha256: bytes
    permissions: tuple[str, ...]
    revoked: bool


class HoldRow(NamedTuple):
    id: UUID
    account: UUID | None
    seller: UUID | None
    reason: str
    placed_by: str


_ACCOUNT = """
SELECT a.id, a.slug, a.name, a.home_region, a.status, a.partner_id,
    s.id, s.number, s.slug, s.name, s.country, s.kind, s.ftc
FROM accounts_account a
LEFT JOIN accounts_accountseller l ON l.account_id = a.id AND (l.until IS NULL OR l.until > now())
LEFT JOIN accounts_seller s ON s.id = l.seller_id
"""


def account(conn: Connection, name: str | UUID) -> Account | None:
    """An account by id or slug, with the sellers it serves now."""
    found = _accounts(conn, "WHERE a.id = %s" if isinstance(name, UUID) else "WHERE a.slug = %s", [name])
    return found[0] if found else None


def accounts(conn: Connection) -> list[Account]:
    """Every account, by slug."""
    return _accounts(conn, "", [])


def _accounts(conn: Connection, where: str, values: list[object]) -> list[Account]:
    rows = conn.execute(f"{_ACCOUNT} {where} ORDER BY a.slug, l.id", values).fetchall()
    found: dict[UUID, tuple[Any, list[Seller]]] = {}
    for row in rows:
        _, sellers = found.setdefault(row[0], (row, []))
        if row[6] is not None:
            sellers.append(Seller(*row[6:]))
    return [Account(row[0], row[1], row[2], row[3], row[4], tuple(sellers), row[5]) for row, sellers in found.values()]


class Partner(NamedTuple):
    id: UUID
    slug: str
    name: str


def partner(conn: Connection, slug: str) -> Partner | None:
    row = conn.execute("SELECT id, slug, name FROM accounts_partner WHERE slug = %s", [slug]).fetchone()
    return Partner(*row) if row else None


def names(conn: Connection, those: Sequence[UUID]) -> dict[UUID, str]:
    """The short names of accounts, sellers and partners, by id."""
    rows = conn.execute(
        "SELECT id, slug FROM accounts_account WHERE id = ANY(%(those)s)"
        " UNION ALL SELECT id, slug FROM accounts_seller WHERE id = ANY(%(those)s)"
        " UNION ALL SELECT id, slug FROM accounts_partner WHERE id = ANY(%(those)s)",
        {"those": list(dict.fromkeys(those))},
    )
    return dict(rows.fetchall())


def seller(conn: Connection, name: str | UUID) -> Seller | None:
    where = "id = %s" if isinstance(name, UUID) else "slug = %s"
    row = conn.execute(
        f"SELECT id, number, slug, name, country, kind, ftc FROM accounts_seller WHERE {where}",  # noqa: S608 - constants
        [name],
    ).fetchone()
    return Seller(*row) if row else None


def api_key(conn: Connection, key: UUID) -> ApiKey | None:
    row = conn.execute(
        "SELECT id, account_id, name, secret_sha256, permissions, revoked_at IS NOT NULL"
        " FROM accounts_apikey WHERE id = %s",
        [key],
    ).fetchone()
    return ApiKey(row[0], row[1], row[2], bytes(row[3]), tuple(row[4]), row[5]) if row else None


class SenderIdentity(NamedTuple):
    channel: str
    value: str
    registered: bool | None  # None: not known
    registers: dict[str, str]  # country -> register


def sender_identities(conn: Connection, seller: UUID) -> list[SenderIdentity]:
    """What a seller's recipients see as sender, the first recorded first."""
    rows = conn.execute(
        "SELECT channel, value, registered, registers FROM accounts_senderidentity WHERE seller_id = %s ORDER BY id",
        [seller],
    )
    return [SenderIdentity(*row) for row in rows]


def api_keys(conn: Connection, account: UUID) -> list[ApiKey]:
    rows = conn.execute(
        "SELECT id, account_id, name, secret_sha256, permissions, revoked_at IS NOT NULL"
        " FROM accounts_apikey WHERE account_id = %s ORDER BY created_at",
        [account],
    )
    return [ApiKey(row[0], row[1], row[2], bytes(row[3]), tuple(row[4]), row[5]) for row in rows]


def holds(conn: Connection, accounts: Sequence[UUID], sellers: Sequence[UUID]) -> list[HoldRow]:
    """The holds in force that stop any of these: of the installation, of an account, of a seller."""
    rows = conn.execute(
        "SELECT id, account_id, seller_id, reason, placed_by FROM accounts_hold"
        " WHERE lifted_at IS NULL AND (until IS NULL OR until > clock_timestamp())"
        " AND (account_id = ANY(%s) OR seller_id = ANY(%s) OR (account_id IS NULL AND seller_id IS NULL))",
        [list(accounts), list(sellers)],
    )
    return [HoldRow(*row) for row in rows]
