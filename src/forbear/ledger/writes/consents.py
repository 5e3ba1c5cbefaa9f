"""Consents: given, and taken back in whole or in part."""

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
from forbear.ledger.kinds import KnownBy
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


class Promise(NamedTuple):
    """At most so many messages in so many days."""

    n: int
    days: int


class Standing(NamedTuple):
    """What decides how much of a consent is left when a part of it is taken back."""

    id: UUID
    account: UUID
    sellers: tuple[UUID, ...]
    channels: int  # masks; -1 not known
    purposes: int


def give_consents(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    consents: Consents,
    account: UUID,
    sellers: Sequence[UUID],
    change: UUID,
    *,
    known_by: KnownBy = KnownBy.ACCOUNT,
    wording: bytes | None = None,
    promised: Promise | None = None,
) -> None:
    """State that follows from the events `ids`."""
    n, days = promised or (None, None)
    conn.execute(
        "INSERT INTO ledger_consent (id, addr, key_id, mac, account, sellers, level, given_at, given_day, until_day,"
        " channels, purposes, covers, evidence, names_seller, given_by_person, change, known_by, wording, promised_n,"
        " promised_days)"
        " SELECT id, addr, key_id, mac, %s, %s, level, given_at, given_day, until_day, channels, purposes, covers,"
        " evidence, names_seller, given_by_person, %s, %s, %s, %s, %s"
        " FROM unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " AS u (id, addr, key_id, mac, level, given_at, given_day, until_day, channels, purposes, covers, evidence,"
        " names_seller, given_by_person)",
        [
            *(account, list(sellers), change, known_by.value, wording, n, days),
            *(columns.uuids(ids), columns.int8s(addresses.addr)),
            *(columns.int2s(addresses.key_id), addresses.mac_column, columns.int2s(consents.level)),
            columns.moments(consents.given_at, consents.given_at == MISSING),
            columns.int4s(consents.given_day, consents.given_day == MISSING),
            columns.int4s(consents.until_day, consents.until_day == MISSING),
            *(columns.int2s(consents.channels), columns.int2s(consents.purposes), columns.int2s(consents.covers)),
            *(columns.three_valued(consents.evidence), columns.three_valued(consents.names_seller)),
            columns.three_valued(consents.given_by_person),
        ],
    )


def standing_consents(
    conn: Connection, address: AddressKey, sellers: Sequence[UUID], channels: int, purposes: int
) -> list[Standing]:
    """What these sellers hold of this person that a withdrawal reaches; masks, 0 is every one.

    The caller holds the person's lock.
    """
    rows = conn.execute(
        "SELECT id, account, sellers, channels, purposes FROM ledger_consent"
        " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND sellers && %s AND withdrawn_at IS NULL"
        " AND (%s = 0 OR channels = -1 OR channels & %s <> 0) AND (%s = 0 OR purposes = -1 OR purposes & %s <> 0)"
        " ORDER BY id",
        [address.column, address.mac or None, list(sellers), channels, channels, purposes, purposes],
    )
    return [Standing(row[0], row[1], tuple(row[2]), row[3], row[4]) for row in rows]


def end_consents(conn: Connection, at: int, consents: Sequence[UUID], change: UUID) -> None:
    conn.execute(
        "UPDATE ledger_consent SET withdrawn_at = %s, change = %s WHERE id = ANY(%s) AND withdrawn_at IS NULL",
        [moment_of(at), change, list(consents)],
    )


def keep_remainder(
    conn: Connection, event: UUID, whole: UUID, sellers: Sequence[UUID], channels: int, purposes: int, change: UUID
) -> None:
    """What is left of a consent, as one of its own: the same moment, words, promise and evidence, narrower."""
    conn.execute(
        "INSERT INTO ledger_consent (id, addr, key_id, mac, account, sellers, level, given_at, given_day, until_day,"
        " channels, purposes, covers, evidence, names_seller, given_by_person, change, known_by, wording, promised_n,"
        " promised_days)"
        " SELECT %s, addr, key_id, mac, account, %s, level, given_at, given_day, until_day, %s, %s, covers, evidence,"
        " names_seller, given_by_person, %s, known_by, wording, promised_n, promised_days"
        " FROM ledger_consent WHERE id = %s",
        [event, list(sellers), channels, purposes, change, whole],
    )
    conn.execute(
        "INSERT INTO ledger_evidence (event, digest, account, media_type, size, at)"
        " SELECT %s, digest, account, media_type, size, at FROM ledger_evidence WHERE event = %s",
        [event, whole],
    )
