"""Suppressions: placed, imported, lifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.ledger import columns
from forbear.ledger.addresses import Addresses, some
from forbear.ledger.kinds import Scope
from forbear.ledger.writes.events import Moments


class Stop(NamedTuple):
    """What several suppressions have in common."""

    scope: Scope
    owner: UUID  # `NOBODY` for the installation
    channels: int  # mask; 0 every channel
    covers: int  # `OptOutScope` bit
    said: bool  # by the person
    reason: str
    campaign: int = 0  # hash of its word
    list: int = 0  # hash of its word
    until: int | None = None  # a pause ends here
    way: str = ""  # `Way`


def place_suppressions(
    conn: Connection, ids: columns.Ids, addresses: Addresses, stop: Stop, at: Moments | int, change: UUID
) -> None:
    """State that follows from the events `ids`. Said again, a standing one keeps its first moment and notes the last.

    The caller holds the people's locks.
    """
    moments = np.broadcast_to(np.asarray(at, np.int64), (len(addresses.addr),))
    _, once = np.unique(_identity(addresses), axis=0, return_index=True)  # one statement may not meet a row twice
    order = once[np.argsort(addresses.addr[once], kind="stable")]
    those = some(addresses, order)
    conn.execute(
        "INSERT INTO ledger_suppression (id, addr, key_id, mac, scope, owner, channels, covers, campaign, said,"
        " list, until, way, imported, reason, at, last_at, change)"
        " SELECT id, addr, key_id, mac, %s, %s, %s, %s, %s, %s, %s, %s, %s, false, %s, at, at, %s"
        " FROM unnest(%s, %s, %s, %s, %s) AS u (id, addr, key_id, mac, at)"
        " ON CONFLICT (addr, scope, owner, channels, covers, campaign, list, said, coalesce(until, 'infinity'),"
        " coalesce(mac, ''::bytea))"
        " WHERE lifted_at IS NULL AND NOT imported DO UPDATE SET change = EXCLUDED.change,"
        " at = least(ledger_suppression.at, EXCLUDED.at),"
        " last_at = greatest(ledger_suppression.last_at, EXCLUDED.last_at)",
        [
            *(int(stop.scope), stop.owner, stop.channels, stop.covers, stop.campaign, stop.said),
            *(stop.list, None if stop.until is None else moment_of(stop.until), stop.way, stop.reason, change),
            columns.uuids(ids[order]),
            columns.int8s(those.addr),
            columns.int2s(those.key_id),
            those.mac_column,
            columns.moments(moments[order]),
        ],
    )


def import_suppressions(
    conn: Connection,
    ids: columns.Ids,
    addresses: Addresses,
    stop: Stop,
    channels: npt.NDArray[np.int16],
    at: Moments,
    change: UUID,
) -> None:
    """State that follows from a list. Takes no person's lock: `close_gate` before the commit stands for all of them."""
    conn.execute(
        "INSERT INTO ledger_suppression (id, addr, key_id, mac, scope, owner, channels, covers, campaign, said,"
        " list, until, way, imported, reason, at, last_at, change)"
        " SELECT id, addr, key_id, mac, %s, %s, channels, %s, %s, %s, %s, %s, %s, true, %s, at, at, %s"
        " FROM unnest(%s, %s, %s, %s, %s, %s) AS u (id, addr, key_id, mac, channels, at)",
        [
            *(int(stop.scope), stop.owner, stop.covers, stop.campaign, stop.said),
            *(stop.list, None if stop.until is None else moment_of(stop.until), stop.way, stop.reason, change),
            columns.uuids(ids),
            columns.int8s(addresses.addr),
            columns.int2s(addresses.key_id),
            addresses.mac_column,
            columns.int2s(channels),
            columns.moments(at),
        ],
    )


def lift_suppressions(conn: Connection, event: UUID, at: int, entries: Sequence[UUID], change: UUID) -> int:
    """Takes these entries out, where they stand. Returns how many. The caller holds the person's lock."""
    done = conn.execute(
        "UPDATE ledger_suppression SET lifted_at = %s, lifted_by = %s, change = %s"
        " WHERE id = ANY(%s) AND lifted_at IS NULL",
        [moment_of(at), event, change, list(entries)],
    )
    return done.rowcount


def _identity(addresses: Addresses) -> npt.NDArray[np.uint8]:
    """Rows that are equal where the addresses are."""
    keys = np.ascontiguousarray(addresses.addr).view(np.uint8).reshape(len(addresses.addr), 8)
    return np.concatenate([keys, addresses.mac], axis=1)
