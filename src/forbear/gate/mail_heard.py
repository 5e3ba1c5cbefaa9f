"""A mail came in: a person's words, an automatic reply, a complaint, or a report on what became of our messages.

A complaint (RFC 5965) is an opt-out of whoever complained; what they need themselves still comes, as the rules say.
A bounce (RFC 3464) is no opt-out: that a message failed for good is recorded, recipient by recipient.
A mail whose sender the receiving server holds for forged opts nobody out at once: it waits for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np

from forbear.accounts.connect import Connection
from forbear.accounts.reads import account as account_of
from forbear.core import emails, mails
from forbear.core import hearing as core_hearing
from forbear.core.errors import BadInput
from forbear.core.hearing import Meaning, TakenFor
from forbear.core.keys import AddressKey
from forbear.core.mails import Mail, MailKind, Reported
from forbear.core.uuid7 import made_at
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate import links
from forbear.gate import opt_out as gate_opt_out
from forbear.gate.claims import address_key
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.hearing import Heard, Inbound
from forbear.gate.hearing import hear as hear_one
from forbear.gate.opened import Gate, opened
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy

_LONGEST_ID: Final = 180
_REACH: Final = OptOutScope.ALL_BUT_NEEDED
"""Of a spam button: as far as an unsubscribing mail or click reaches (`house.reach.mail`). The letter of somebody who
complains reaches further (`house.reach.letter`); one press may have been about a receipt."""


def hear(
    conn: Connection,
    account: UUID,
    raw: bytes,
    *,
    message: str | None = None,
    to: str | None = None,
    seller: str | None = None,
    languages: Sequence[str] = (),
    country: str | None = None,
    connector: UUID | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> list[Heard]:
    """One for each person it was about; none where it is about nobody. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    mail = mails.read(raw)
    name = (message or mail.message_id)[:_LONGEST_ID]
    if mail.kind in (MailKind.COMPLAINT, MailKind.REPORT):
        report = _Report(conn, account, mail, name, seller, connector, key, known_by, gate)
        return report.hear()
    if not mail.sender and mail.kind is MailKind.AUTO_REPLY:
        return []  # a mail server that names nobody
    if not mail.sender:
        raise BadInput("the mail says nobody wrote it", key="raw", todo="it needs a From")
    said = Inbound(
        channel=Channel.EMAIL,
        sender=mail.sender,
        message=name,
        to=to or (mail.to if mail.to and len(mail.to) <= emails.LONGEST else None),
        text=mail.text,
        subject=mail.subject,
        seller=seller,
        languages=tuple(languages),
        country=country,
        meaning=_meaning(mail, languages),
        reference=mail.message_id if mail.message_id.startswith("<") else None,
    )
    return [hear_one(conn, account, said, connector=connector, key=key, known_by=known_by, gate=gate)]


def _meaning(mail: Mail, languages: Sequence[str]) -> Meaning | None:
    """What its form says already; None: its words are to be read."""
    if mail.kind is MailKind.AUTO_REPLY and (mail.why != mails.BY_PROGRAM or not core_hearing.is_word(mail.subject)):
        return Meaning(TakenFor.AUTO_REPLY, mail.why)
    if mail.forged:
        return Meaning(TakenFor.UNCLEAR, "its sender may be forged")
    return None


class _Report:
    """A complaint or delivery report, person by person."""

    def __init__(
        self,
        conn: Connection,
        account: UUID,
        mail: Mail,
        name: str,
        seller: str | None,
        connector: UUID | None,
        key: UUID | None,
        known_by: KnownBy,
        gate: Gate,
    ) -> None:
        known = account_of(conn, account)
        if known is None:
            raise Refused("unknown_account", "the account is not known")
        self.conn, self.account, self.mail, self.name, self.seller = conn, account, mail, name, seller
        self.sellers = {one.slug: one.id for one in known.sellers}
        self.connector, self.key, self.known_by, self.gate = connector or account, key, known_by, gate

    def hear(self) -> list[Heard]:
        if self.mail.kind is MailKind.REPORT:
            return [found for n, one in enumerate(self.mail.recipients) if (found := self._bounce(n, one)) is not None]
        whose: list[tuple[str, AddressKey]] = []
        for token in self.mail.tokens:  # what we sent says best whom it was sent to
            link = links.resolve(self.conn, token)
            if link is not None and link.account == self.account and link.channel is Channel.EMAIL:
                whose.append(("", link.address))
        if not whose:
            for one in self.mail.recipients:
                address = address_key(Channel.EMAIL, one.address, self.gate.secret)
                if address is not None:
                    whose.append((one.address, address))
        return [self._complaint(n, *one) for n, one in enumerate(whose)]

    def _complaint(self, n: int, text: str, address: AddressKey) -> Heard:
        name = f"{self.name}#{n}"
        before = self._before(name)
        if before is not None:
            return before
        heard: list[Heard] = []

        def then(written: gate_opt_out.Written) -> None:
            why = f"a report of {self.mail.complained}"[:60]
            heard.append(self._heard(written.at, name, TakenFor.COMPLAINT, why, address, text, written.events))

        try:
            found = gate_opt_out.opt_out(
                self.conn,
                self.account,
                [
                    gate_opt_out.OptOut(
                        address=text,
                        channel=Channel.EMAIL,
                        covers=_REACH,
                        seller=self.seller,
                        way=Way.COMPLAINT,
                        text=self.mail.subject,
                    )
                ],
                key=self.key,
                known_by=self.known_by,
                keys=[None if text else address],
                then=then,
                gate=self.gate,
            )
        except _Twice:
            again = self._before(name)
            assert again is not None, "whoever came first has committed"
            return again
        (one,) = heard
        one.seq, one.covers = found.seq, str(found.covers[0]) if found.covers else None
        return one

    def _bounce(self, n: int, one: Reported) -> Heard | None:
        """A failure for good is recorded; one that may pass is heard and no more."""
        address = address_key(Channel.EMAIL, one.address, self.gate.secret)
        if address is None:
            return None
        name = f"{self.name}#{n}"
        before = self._before(name)
        if before is not None:
            return before
        try:
            with self.conn.transaction():
                self._stands()
                writes.lock_people(self.conn, np.array([address.column], np.int64))
                now = writes.now(self.conn)
                why = f"{one.action} {one.status}".strip()[:60]
                heard = self._heard(now, name, TakenFor.BOUNCE, why, address, one.address, [])
                if one.permanent:
                    writes.append_event(
                        *(self.conn, now, Kind.MESSAGE_FAILED, self.known_by),
                        account=self.account,
                        seller=self.sellers.get(self.seller or ""),
                        address=address,
                        payload={"channel": "email", "why": "bounced", "status": one.status, "heard": str(heard.event)},
                    )
        except _Twice:
            return self._before(name)
        return heard

    def _heard(
        self, now: int, name: str, taken_for: TakenFor, why: str, address: AddressKey, text: str, opt_outs: list[UUID]
    ) -> Heard:
        payload: dict[str, object] = {
            "channel": "email",
            "taken_for": taken_for.value,
            "why": why,
            **({"opt_outs": [str(one) for one in opt_outs]} if opt_outs else {}),
            **({"connector": str(self.connector)} if self.connector != self.account else {}),
        }
        event = writes.append_event(
            *(self.conn, now, Kind.MESSAGE_HEARD, self.known_by),
            account=self.account,
            seller=self.sellers.get(self.seller or ""),
            address=address,
            payload=payload,
            personal={"address": text, "subject": self.mail.subject, "message": self.mail.message_id},
        )
        if not writes.note_heard(self.conn, now, self.connector, name, event):
            raise _Twice
        return Heard(event=event, taken_for=taken_for.value, why=why, opt_outs=opt_outs, at=now)

    def _before(self, name: str) -> Heard | None:
        row = self.conn.execute(
            "SELECT e.id, e.payload FROM ledger_heard h JOIN ledger_event e ON e.id = h.event"
            " WHERE h.connector = %s AND h.message = %s AND e.account = %s",
            [self.connector, name, self.account],
        ).fetchone()
        if row is None:
            return None
        told = row[1]
        return Heard(
            event=row[0],
            taken_for=told["taken_for"],
            why=told["why"],
            opt_outs=[UUID(one) for one in told.get("opt_outs", ())],
            repeated=True,
            at=made_at(row[0]),
        )

    def _stands(self) -> None:
        if self.key is not None and self.conn.execute(KEY_STANDS, [self.key, self.account]).fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")


class _Twice(Exception):
    """The same report was heard at the same moment: the transaction is taken back."""
