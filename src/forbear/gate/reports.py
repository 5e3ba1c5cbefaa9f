"""A person reports a sender: the report is kept, and the sender stopped for them before anybody reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.words import NEEDED, OptOutScope, Way
from forbear.gate.links import Link
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, Written, opt_out
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy

LONGEST: Final = 2000


class Reason(StrEnum):
    """What is wrong, in the reporter's eyes."""

    NEVER_AGREED = "never_agreed"
    ALREADY_STOPPED = "already_stopped"
    NOT_ME = "not_me"
    DECEPTIVE = "deceptive"
    TOO_OFTEN = "too_often"
    WRONG_HOUR = "wrong_hour"
    OTHER = "other"


def covers(link: Link, reason: Reason) -> OptOutScope:
    """How far a report stops the sender.

    Whoever complains about an order's confirmation still needs the next one. What was meant for somebody else, or
    cheats, is not needed at all, unless the message itself was one the person needs and only its kind is complained of.
    """
    if reason is Reason.NOT_ME:
        return OptOutScope.ALL
    if reason is Reason.DECEPTIVE and link.purpose not in NEEDED:
        return OptOutScope.ALL
    return OptOutScope.ALL_BUT_NEEDED


def report(
    conn: Connection, link: Link, reason: Reason, words: str = "", *, gate: Gate | None = None
) -> tuple[UUID, OptOutScope]:
    """One transaction: the report and the stop. (Receipt, how far it stops.) Raises `BadInput` for too many words."""
    words = words.strip()
    if len(words) > LONGEST or "\0" in words:
        raise BadInput(f"longer than {LONGEST:,} characters", key="words")
    receipt: list[UUID] = []
    reach = covers(link, reason)

    def record(done: Written) -> None:
        payload = {
            "reason": reason.value,
            "channel": link.channel.value,
            "covers": reach.value,
            **({} if link.decision is None else {"decision": str(link.decision)}),
            **({} if link.purpose is None else {"purpose": link.purpose.value}),
        }
        receipt.append(
            writes.append_event(
                *(conn, done.at, Kind.ABUSE_REPORTED, KnownBy.PERSON),
                account=link.account,
                seller=link.seller,
                address=link.address,
                payload=payload,
                personal={"words": words} if words else None,
            )
        )

    said = OptOut(address="", channel=link.channel, seller_id=link.seller, covers=reach, way=Way.COMPLAINT)
    opt_out(conn, link.account, [said], known_by=KnownBy.PERSON, keys=[link.address], then=record, gate=gate)
    return receipt[0], reach
