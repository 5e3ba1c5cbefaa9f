"""Addresses joined as one person's, and parted again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import addresses as of
from forbear.ledger import columns


class Member(NamedTuple):
    """One address of a person, as one account knows them."""

    id: UUID
    person: UUID
    address: AddressKey


def members(conn: Connection, account: UUID, keys: Sequence[AddressKey]) -> list[Member]:
    """Everybody who stands joined with one of these addresses, these included where they are joined at all."""
    if not keys:
        return []
    asked = of.of_keys(list(dict.fromkeys(keys)))
    rows = conn.execute(
        "SELECT DISTINCT m.id, m.person, m.addr, m.mac, m.key_id FROM unnest(%s, %s) AS u (addr, mac)"
        " JOIN ledger_join j ON j.account = %s AND j.addr = u.addr AND j.mac IS NOT DISTINCT FROM u.mac"
        " AND j.parted_at IS NULL"
        " JOIN ledger_join m ON m.account = j.account AND m.person = j.person AND m.parted_at IS NULL"
        " ORDER BY m.id",
        [columns.int8s(asked.addr), asked.mac_column, account],
    )
    return [Member(row[0], row[1], AddressKey(row[2], bytes(row[3] or b""), row[4])) for row in rows]


def join_address(conn: Connection, event: UUID, at: int, account: UUID, person: UUID, address: AddressKey) -> None:
    """The address stands as this person's from now on. The caller holds its lock, and it stands as nobody's."""
    conn.execute(
        "INSERT INTO ledger_join (id, event, person, account, addr, key_id, mac, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [event, event, person, account, address.column, address.secret_id, address.mac or None, moment_of(at)],
    )


def part_address(conn: Connection, event: UUID, at: int, member: UUID) -> None:
    conn.execute(
        "UPDATE ledger_join SET parted_at = %s, parted_by = %s WHERE id = %s AND parted_at IS NULL",
        [moment_of(at), event, member],
    )
