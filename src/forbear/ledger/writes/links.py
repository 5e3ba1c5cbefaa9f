"""Links to people's own pages."""

from __future__ import annotations

from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns


def keep_link(
    conn: Connection,
    at: int,
    account: UUID,
    seller: UUID,
    address: AddressKey,
    channel: int,
    *,
    campaign: int = 0,
    list: int = 0,
    language: str = "",
    decision: UUID | None = None,
    fresh_until: int | None = None,
) -> UUID:
    """`channel` is the bit, `campaign` and `list` hashes. `fresh_until` only for one sent to the address itself."""
    made = columns.uuid_at(columns.new_ids(at, 1), 0)
    conn.execute(
        "INSERT INTO ledger_link (id, account, seller, addr, key_id, mac, channel, campaign, list, language, decision,"
        " fresh_until, at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(made, account, seller, address.column, address.secret_id, address.mac or None, channel, campaign, list),
            *(language, decision, None if fresh_until is None else moment_of(fresh_until), moment_of(at)),
        ],
    )
    return made
