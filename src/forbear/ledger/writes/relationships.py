"""Dealings with people: recorded and ended."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.instants import MISSING, moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns
from forbear.ledger.addresses import Addresses


class Relationships(NamedTuple):
    """Dealings as columns. Days since 1970, `MISSING` where not known; int8 three-valued."""

    kind: npt.NDArray[np.int16]  # `RelationshipKind` bit
    on_day: npt.NDArray[np.int32]
    ongoing: npt.NDArray[np.int8]
    subject: npt.NDArray[np.int64]  # hash of its word; 0 none
    given_by_person: npt.NDArray[np.int8]


def record_relationships(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    dealings: Relationships,
    account: UUID,
    seller: UUID,
    change: UUID,
) -> None:
    """State that follows from the events `ids`."""
    conn.execute(
        "INSERT INTO ledger_relationship (id, addr, key_id, mac, account, seller, kind, on_day, ongoing, subject,"
        " given_by_person, change) SELECT id, addr, key_id, mac, %s, %s, kind, on_day, ongoing, subject,"
        " given_by_person, %s FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " AS u (id, addr, key_id, mac, kind, on_day, ongoing, subject, given_by_person)",
        [
            *(account, seller, change, columns.uuids(ids), columns.int8s(addresses.addr)),
            *(columns.int2s(addresses.key_id), addresses.mac_column, columns.int2s(dealings.kind)),
            columns.int4s(dealings.on_day, dealings.on_day == MISSING),
            *(columns.three_valued(dealings.ongoing), columns.int8s(dealings.subject)),
            columns.three_valued(dealings.given_by_person),
        ],
    )


def end_relationships(
    conn: Connection,
    at: int,
    address: AddressKey,
    account: UUID,
    seller: UUID,
    kind: int,
    subject: int,
    event: UUID,
    change: UUID,
) -> int:
    """Ends what this account recorded of the kind, for this seller; of one `subject` unless 0. Returns how many."""
    done = conn.execute(
        "UPDATE ledger_relationship SET ended_at = %s, ended_by = %s, change = %s"
        " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND account = %s AND seller = %s AND kind = %s"
        " AND (%s = 0 OR subject = %s) AND ended_at IS NULL",
        [
            *(moment_of(at), event, change, address.column, address.mac or None, account, seller, kind),
            *(subject, subject),
        ],
    )
    return done.rowcount
