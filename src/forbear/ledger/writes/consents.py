"""Consents: given and withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.instants import MISSING, moment_of
from forbear.core.keys import AddressKey
from forbear.ledger import columns
from forbear.ledger.addresses import Addresses
from forbear.ledger.writes.events import Moments


class Consents(NamedTuple):
    """Consents as columns. Days since 1970; `MISSING` where not known; masks -1 where not known; int8 three-valued."""

    level: npt.NDArray[np.int16]
    given_at: Moments
    given_day: npt.NDArray[np.int32]
    until_day: npt.NDArray[np.int32]
    channels: npt.NDArray[np.int16]
    purposes: npt.NDArray[np.int16]
    covers: npt.NDArray[np.int16]
    evidence: npt.NDArray[np.int8]
    names_seller: npt.NDArray[np.int8]
    given_by_person: npt.NDArray[np.int8]


def give_consents(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    consents: Consents,
    account: UUID,
    sellers: Sequence[UUID],
    change: UUID,
) -> None:
    """State that follows from the events `ids`."""
    conn.execute(
        "INSERT INTO ledger_consent (id, addr, key_id, mac, account, sellers, level, given_at, given_day, until_day,"
        " channels, purposes, covers, evidence, names_seller, given_by_person, change)"
        " SELECT id, addr, key_id, mac, %s, %s, level, given_at, given_day, until_day, channels, purposes, covers,"
        " evidence, names_seller, given_by_person, %s"
        " FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " AS u (id, addr, key_id, mac, level, given_at, given_day, until_day, channels, purposes, covers, evidence,"
        " names_seller, given_by_person)",
        [
            *(account, list(sellers), change, columns.uuids(ids), columns.int8s(addresses.addr)),
            *(columns.int2s(addresses.key_id), addresses.mac_column, columns.int2s(consents.level)),
            columns.moments(consents.given_at, consents.given_at == MISSING),
            columns.int4s(consents.given_day, consents.given_day == MISSING),
            columns.int4s(consents.until_day, consents.until_day == MISSING),
            *(columns.int2s(consents.channels), columns.int2s(consents.purposes), columns.int2s(consents.covers)),
            *(columns.three_valued(consents.evidence), columns.three_valued(consents.names_seller)),
            columns.three_valued(consents.given_by_person),
        ],
    )


def withdraw_consents(
    conn: Connection, at: int, address: AddressKey, sellers: Sequence[UUID], channels: int, change: UUID
) -> int:
    """Ends what these sellers hold of this person; `channels` 0 is every channel. Returns how many consents.

    A consent is withdrawn whole if any of its channels is: narrower ones are given again.
    """
    done = conn.execute(
        "UPDATE ledger_consent SET withdrawn_at = %s, change = %s WHERE addr = %s AND mac IS NOT DISTINCT FROM %s"
        " AND sellers && %s AND withdrawn_at IS NULL AND (%s = 0 OR channels = -1 OR channels & %s <> 0)",
        [moment_of(at), change, address.column, address.mac or None, list(sellers), channels, channels],
    )
    return done.rowcount
