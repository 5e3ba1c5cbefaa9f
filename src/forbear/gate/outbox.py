"""Messages of ours that wait to be sent: taken, permitted at that moment, and what became of them put into the ledger.

A confirmation of an opt-out goes through the gate as any contact does: decided, redeemed and counted, so that the
rules allow one and no opt-out stands in its way. It leaves at most once: a worker marks it as taken before it
asks, and one that was in the hands of a worker that died is given up, since it may have left. The other kinds
answer what the person has just asked for; they are sent again after a crash. Nothing is sent after its time.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.codes import Verdict
from forbear.core.instants import rfc3339
from forbear.core.words import Channel, Purpose
from forbear.gate import decide as gate_decide
from forbear.gate import settle as gate_settle
from forbear.gate.contact import Asked, Contact, Content, Recipient
from forbear.gate.hearing import CONFIRMATION, HELP, START
from forbear.gate.opened import Gate, opened
from forbear.gate.opt_in import KIND as OPT_IN
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy, Outcome
from forbear.ledger.writes import Waiting

LEASE_S: Final = 90.0  # longer than the longest attempt to send
KEEP_CONTENT_S: Final = 3 * 86_400.0
_ONCE: Final = frozenset({CONFIRMATION})
_PURPOSES: Final = {CONFIRMATION: Purpose.OPTOUT_CONFIRMATION, OPT_IN: Purpose.TRANSACTIONAL}
_STOPPED_BY_A_HOLD: Final = frozenset({HELP, START})
_EVIDENCE: Final = frozenset({CONFIRMATION, HELP, START})  # words are kept; the other kinds hold codes and links
_BACK_OFF_S: Final = (5.0, 15.0, 30.0, 60.0)  # then doubled up to an hour
_LONGEST_WAIT_S: Final = 3600.0


class Permitted(NamedTuple):
    """It may be sent now. `permit` is None for what needs none."""

    permit: UUID | None
    decision: UUID | None


class Never(NamedTuple):
    """It is not to be sent, and why."""

    why: str


def take(conn: Connection) -> Waiting | None:
    """The next message that is due, in our hands from now on. None: there is none."""
    return writes.take_message(conn, LEASE_S)


def channel_of(message: Waiting) -> Channel:
    return next(one for one in Channel if one.bit == message.channel)


def permit(conn: Connection, message: Waiting, gate: Gate | None = None) -> Permitted | Never:
    """Whether it may be sent at this moment. Raises the database's own errors: then nothing is known."""
    if message.interrupted and message.kind in _ONCE:
        return Never("a worker stopped while it was sending: it may have left")
    if message.expired:
        return Never("its time was over before it could be sent")
    if not message.content:
        return Never("its content was erased")
    purpose = _PURPOSES.get(message.kind)
    if purpose is None or message.account is None:
        return _unheld(conn, message)
    account = account_reads.account(conn, message.account)
    seller = next((one for one in account.sellers if one.id == message.seller), None) if account else None
    if seller is None:
        return Never("the account contacts people for its seller no more")
    contact = Contact(
        channel=channel_of(message),
        purpose=purpose,
        to=message.content["to"],
        from_=message.content.get("from"),
        seller=seller.slug,
        recipient=Recipient(country=message.content["country"]) if message.content.get("country") else None,
        content=Content(promotional=False, identifies_sender=True, subject_accurate=True, header_accurate=True),
    )
    typed = message.kind == OPT_IN
    asked = Asked(account=message.account, contacts=[contact], redeem=True, given_by_person=typed)
    (found,) = gate_decide.decide(conn, [asked], gate or opened())
    if isinstance(found, Exception):
        raise found
    (answer,) = found.answers
    if answer.verdict is not Verdict.ALLOW:
        return Never(f"not allowed: {' '.join(answer.rules)}")
    return Permitted(answer.permit, answer.decision)


def sent(conn: Connection, message: Waiting, by: str, provider_id: str, permitted: Permitted) -> None:
    """It left, and who took it. The event keeps the words; the permit is settled."""
    _settle(conn, message, permitted, Outcome.PLACED)
    with conn.transaction():
        now = writes.now(conn)
        if writes.mark_sent(conn, now, message.id, provider_id):
            said = {"by": by, **_of_permit(permitted)}
            _event(conn, now, Kind.MESSAGE_SENT, message, said, words=message.kind in _EVIDENCE)


def failed(conn: Connection, message: Waiting, why: str, *, tried: bool, permitted: Permitted | None = None) -> None:
    """It is given up. `tried`: it was refused by who should have carried it, or nobody knows whether it left."""
    if permitted is not None:
        _settle(conn, message, permitted, Outcome.FAILED)
    with conn.transaction():
        now = writes.now(conn)
        if writes.mark_failed(conn, now, message.id, why, tried=tried):
            said = {"why": why, **({} if permitted is None else _of_permit(permitted))}
            _event(conn, now, Kind.MESSAGE_FAILED, message, said, words=False)


def later(conn: Connection, message: Waiting, why: str, permitted: Permitted | None) -> None:
    """It did not leave, for certain, and may be tried again until its time is over: its permit is given back."""
    if permitted is not None:
        _settle(conn, message, permitted, Outcome.NOT_PLACED)
    wait_s = _BACK_OFF_S[message.tries] if message.tries < len(_BACK_OFF_S) else _LONGEST_WAIT_S
    writes.put_back(conn, message.id, wait_s, why, tried=permitted is not None)


def unknown(conn: Connection, message: Waiting, why: str, permitted: Permitted) -> None:
    """Nobody knows whether it left: a confirmation is not sent twice, an answer rather twice than never."""
    if message.kind in _ONCE:
        failed(conn, message, f"{why}; it may have left", tried=True, permitted=permitted)
    else:
        later(conn, message, why, permitted)


def scrub(conn: Connection) -> int:
    """Forgets what was in messages that were sent or given up days ago. The events keep what is evidence."""
    return writes.scrub_messages(conn, KEEP_CONTENT_S)


class Shown(msgspec.Struct, kw_only=True):
    """One message for the page of a sample installation."""

    kind: str
    channel: str
    language: str
    to: str
    sender: str
    subject: str
    text: str
    at: str
    state: str  # waiting, sent, failed
    state_at: str
    error: str
    provider_id: str


def shown(conn: Connection, limit: int = 100) -> list[Shown]:
    """The newest first, whatever account they are of: for the operator of this machine alone."""
    rows = conn.execute(
        "SELECT kind, channel, language, content, (extract(epoch FROM at) * 1000000)::bigint,"
        " (extract(epoch FROM sent_at) * 1000000)::bigint, (extract(epoch FROM failed_at) * 1000000)::bigint,"
        " error, provider_id FROM ledger_outbox ORDER BY id DESC LIMIT %s",
        [limit],
    )
    found: list[Shown] = []
    for kind, channel, language, content, at, sent_at, failed_at, error, provider_id in rows:
        said: dict[str, Any] = content or {}
        done = sent_at if sent_at is not None else failed_at
        found.append(
            Shown(
                kind=kind,
                channel=next(one for one in Channel if one.bit == channel).value,
                language=language,
                to=said.get("to", ""),
                sender=said.get("from", ""),
                subject=said.get("subject", ""),
                text=said.get("text", ""),
                at=rfc3339(at),
                state="waiting" if done is None else "sent" if sent_at is not None else "failed",
                state_at="" if done is None else rfc3339(done),
                error=error,
                provider_id=provider_id,
            )
        )
    return found


def _unheld(conn: Connection, message: Waiting) -> Permitted | Never:
    """What answers the person's own question needs no permit, but a sender that was stopped answers nobody."""
    if message.account is not None and message.kind in _STOPPED_BY_A_HOLD:
        account = account_reads.account(conn, message.account)
        sellers = [message.seller] if message.seller else []
        if account is None or account.status != "active" or account_reads.holds(conn, [message.account], sellers):
            return Never("the account or seller is stopped")
    return Permitted(None, None)


def _settle(conn: Connection, message: Waiting, permitted: Permitted, outcome: Outcome) -> None:
    if permitted.permit is not None and message.account is not None:
        gate_settle.settle(conn, message.account, permitted.permit, gate_settle.Disposition(outcome=outcome))


def _of_permit(permitted: Permitted) -> dict[str, str]:
    if permitted.permit is None:
        return {}
    return {"permit": str(permitted.permit), "decision": str(permitted.decision)}


def _event(conn: Connection, now: int, kind: Kind, message: Waiting, said: dict[str, str], *, words: bool) -> None:
    content = message.content
    writes.append_event(
        *(conn, now, kind, KnownBy.OBSERVED),
        account=message.account,
        seller=message.seller,
        address=message.address,
        payload={
            "kind": message.kind,
            "message": str(message.id),
            "cause": str(message.cause),
            "channel": channel_of(message).value,
            **said,
        },
        personal={"to": content.get("to"), "from": content.get("from"), "text": content.get("text")} if words else None,
    )
