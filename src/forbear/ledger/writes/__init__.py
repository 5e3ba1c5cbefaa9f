"""One function per fact that can be recorded. The caller holds the transaction; moments are microseconds UTC.

Locks are taken in one order: the gate (shared by deciders, alone for a list), then people by
rising key, then the number of the change. Whoever keeps to it cannot deadlock.
"""

from forbear.ledger.writes.consents import Consents, give_consents, withdraw_consents
from forbear.ledger.writes.events import (
    CLOCK,
    LOCK_NEW,
    LOCK_READ,
    NOBODY,
    SHARE_GATE,
    Moments,
    append_event,
    append_events,
    close_gate,
    keep_personal,
    lock_people,
    now,
    number_change,
)
from forbear.ledger.writes.joins import Member, join_address, members, part_address
from forbear.ledger.writes.links import keep_link
from forbear.ledger.writes.outbox import queue_message
from forbear.ledger.writes.relationships import Relationships, end_relationships, record_relationships
from forbear.ledger.writes.suppressions import Stop, import_suppressions, lift_suppressions, place_suppressions

__all__ = [
    "CLOCK",
    "LOCK_NEW",
    "LOCK_READ",
    "NOBODY",
    "SHARE_GATE",
    "Consents",
    "Member",
    "Moments",
    "Relationships",
    "Stop",
    "append_event",
    "append_events",
    "close_gate",
    "end_relationships",
    "give_consents",
    "import_suppressions",
    "join_address",
    "keep_link",
    "keep_personal",
    "lift_suppressions",
    "lock_people",
    "members",
    "now",
    "number_change",
    "part_address",
    "place_suppressions",
    "queue_message",
    "record_relationships",
    "withdraw_consents",
]
