"""One function per fact that can be recorded. The caller holds the transaction; moments are microseconds UTC.

Locks are taken in one order: the gate (shared by deciders, alone for a list), then people by
rising key, then the number of the change. Whoever keeps to it cannot deadlock.
"""

from forbear.ledger.writes.consents import (
    Consents,
    Promise,
    end_consents,
    give_consents,
    keep_remainder,
    standing_consents,
)
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
from forbear.ledger.writes.hearing import close_review, confirm_suspensions, end_suspensions, note_heard, open_review
from forbear.ledger.writes.joins import Member, join_address, members, part_address
from forbear.ledger.writes.links import keep_link
from forbear.ledger.writes.outbox import (
    WAITING,
    Waiting,
    mark_failed,
    mark_sent,
    put_back,
    queue_message,
    scrub_messages,
    take_message,
)
from forbear.ledger.writes.relationships import Relationships, end_relationships, record_relationships
from forbear.ledger.writes.suppressions import Stop, import_suppressions, lift_suppressions, place_suppressions

__all__ = [
    "CLOCK",
    "LOCK_NEW",
    "LOCK_READ",
    "NOBODY",
    "SHARE_GATE",
    "WAITING",
    "Consents",
    "Member",
    "Moments",
    "Promise",
    "Relationships",
    "Stop",
    "Waiting",
    "append_event",
    "append_events",
    "close_gate",
    "close_review",
    "confirm_suspensions",
    "end_consents",
    "end_relationships",
    "end_suspensions",
    "give_consents",
    "import_suppressions",
    "join_address",
    "keep_link",
    "keep_personal",
    "keep_remainder",
    "lift_suppressions",
    "lock_people",
    "mark_failed",
    "mark_sent",
    "members",
    "note_heard",
    "now",
    "number_change",
    "open_review",
    "part_address",
    "place_suppressions",
    "put_back",
    "queue_message",
    "record_relationships",
    "scrub_messages",
    "standing_consents",
    "take_message",
]
