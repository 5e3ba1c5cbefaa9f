"""Somebody wrote back. One transaction: the words kept as evidence, what they mean carried out, an answer queued.

A stop is an opt-out; what is unclear suspends marketing and waits for a person; HELP and START are answered once a
day at most, an auto-reply never. A message delivered again by its carrier is heard once. START lifts nothing: a
number changes hands, a child holds a telephone, and a text proves neither who sent it nor what was agreed to. It is
recorded, and who is suppressed is told to sign up again, which is confirmed and leaves evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.accounts.reads import Account, Seller
from forbear.accounts.reads import account as account_of
from forbear.core import hearing, where
from forbear.core.errors import BadInput
from forbear.core.hearing import Meaning, TakenFor
from forbear.core.instants import DAY, MINUTE, moment_of
from forbear.core.keys import AddressKey, of_erased_phone, phone_of
from forbear.core.uuid7 import made_at
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate import answers, forms
from forbear.gate import opt_out as gate_opt_out
from forbear.gate.again import again_after_deadlock
from forbear.gate.claims import address_key
from forbear.gate.consent import every_address_key
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.links import public_url
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.rulebook.obligations import languages_of, place_of

CONFIRMATION: Final = "opt_out_confirmation"
HELP: Final = "help_answer"
START: Final = "start_answer"
CONFIRM_WITHIN: Final = 5 * MINUTE  # 47 CFR 64.1200(a)(12)
UNDER_REVIEW: Final = "under review"
_CONFIRMED: Final = {OptOutScope.ALL.bit: "stopped", OptOutScope.ALL_BUT_NEEDED.bit: "stopped_but_needed"}
_ANSWER_WITHIN: Final = 5 * MINUTE
_LONGEST: Final = 20_000
_LATE: Final = 7 * DAY
_URGENT: Final = {TakenFor.UNCLEAR: 1, TakenFor.STOP: 2}


class Inbound(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message that came in. `message` is its id with whoever carries it; `at` microseconds UTC, absent: now."""

    channel: Channel
    sender: str  # the person
    message: str
    to: str | None = None  # our address that it was written to
    text: str = ""
    subject: str | None = None
    seller: str | None = None  # absent: by `to`, else every seller of the account
    languages: tuple[str, ...] = ()  # known beside those of the country
    country: str | None = None  # of the person, ISO 3166-1, where the address does not say it
    at: int | None = None
    meaning: Meaning | None = None  # what its form already says: an automatic reply
    reference: str | None = None  # the Message-ID that an answer refers to


class Heard(msgspec.Struct, kw_only=True):
    """What a message was taken for, and what followed. `repeated`: it was heard before, and nothing followed again."""

    event: UUID
    taken_for: str
    why: str
    matched: str = ""
    language: str | None = None
    covers: str | None = None
    opt_outs: list[UUID] = []
    review: UUID | None = None
    answer: str | None = None  # the kind of message that was queued
    repeated: bool = False
    at: int = 0
    seq: int | None = None  # of what changed; None: nothing did


class _Twice(Exception):
    """Somebody heard the same message at the same moment: the transaction is taken back."""


@again_after_deadlock
def hear(
    conn: Connection,
    account: UUID,
    said: Inbound,
    *,
    connector: UUID | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Heard:
    """Hears one message. `connector`: the door it came by; None: the account's key. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    known = account_of(conn, account)
    if known is None:
        raise Refused("unknown_account", "the account is not known")
    ear = _Ear(conn, known, said, connector or account, key, known_by, gate)
    for _ in range(3):  # a name may be taken twice: by another message, then by this one
        found = ear.before()
        if found is not None:
            return found
        try:
            return ear.hear()
        except _Twice:
            continue
    raise AssertionError("whoever came first has committed")


class _Ear:
    """One message on its way in."""

    def __init__(
        self,
        conn: Connection,
        account: Account,
        said: Inbound,
        connector: UUID,
        key: UUID | None,
        known_by: KnownBy,
        gate: Gate,
    ) -> None:
        if not said.message.strip() or len(said.message) > 200:
            raise BadInput(
                "not a message's id", key="message", todo="1 to 200 characters, the same when it comes again"
            )
        for name, value in (("message", said.message), ("to", said.to or ""), ("from", said.sender)):
            if "\0" in value or len(value) > 320:
                raise BadInput("holds the character NUL, or is longer than 320", key=name)
        if len(said.text) > _LONGEST:
            raise BadInput(f"longer than {_LONGEST:,} characters", key="text")
        self.conn, self.account, self.said, self.connector = conn, account, said, connector
        self.key, self.known_by, self.gate = key, known_by, gate
        found = address_key(said.channel, said.sender.strip(), gate.secret)
        if found is None:
            kind = "an e-mail address" if said.channel is Channel.EMAIL else "a number in full (+ and country code)"
            raise BadInput(f"not {kind}", key="from")
        self.address: AddressKey = found
        self.sellers = _sellers(conn, account, said)
        self.languages = tuple(dict.fromkeys((*said.languages, *_spoken_at(found, said.country))))
        self.meaning = said.meaning or _meaning(said, self.languages)
        self.language = answers.spoken(next(iter((*_own(self.meaning), *self.languages)), answers.ENGLISH))
        self.answer: str | None = None
        self.event: UUID | None = None
        self.name = said.message

    def before(self) -> Heard | None:
        """What followed from it, where it was heard before."""
        row = self._named()
        if row is not None and self._is_another(row):
            self.name = f"{self.said.message[:120]}#{self._whose().hex()}#{self.meaning.taken_for.value}"
            row = self._named()
        if row is None:
            return None
        told: dict[str, Any] = row[1]
        return Heard(
            event=row[0],
            taken_for=told["taken_for"],
            why=told["why"],
            matched=told.get("matched", ""),
            language=told.get("language"),
            covers=told.get("covers"),
            opt_outs=[UUID(one) for one in told.get("opt_outs", ())],
            review=row[0] if told["taken_for"] == TakenFor.UNCLEAR else None,
            answer=told.get("answer"),
            repeated=True,
            at=made_at(row[0]),
        )

    def _named(self) -> tuple[Any, ...] | None:
        return self.conn.execute(
            "SELECT e.id, e.payload, e.addr, e.mac FROM ledger_heard h JOIN ledger_event e ON e.id = h.event"
            " WHERE h.connector = %s AND h.message = %s AND e.account = %s",
            [self.connector, self.name, self.account.id],
        ).fetchone()

    def _is_another(self, row: tuple[Any, ...]) -> bool:
        """Whether an id came twice for two messages: a carrier's fault, by which nobody's stop may be lost."""
        keys = every_address_key(self.said.sender, self.gate)
        theirs = (row[2], bytes(row[3] or b"")) not in {(key.column, key.mac) for key in keys}
        return theirs or _URGENT.get(self.meaning.taken_for, 0) > _URGENT.get(TakenFor(row[1]["taken_for"]), 0)

    def _whose(self) -> bytes:
        number = phone_of(self.address.column)
        return self.address.mac if number is None else of_erased_phone(number, self.gate.secret).mac

    def hear(self) -> Heard:
        self.answer = None
        if self.meaning.taken_for is TakenFor.STOP:
            return self._stop()
        with self.conn.transaction():
            if self.key is not None and self.conn.execute(KEY_STANDS, [self.key, self.account.id]).fetchone() is None:
                raise Refused("key_revoked", "the API key was revoked")
            writes.lock_people(self.conn, np.array([self.address.column], np.int64))
            now = writes.now(self.conn)
            if self.meaning.taken_for is TakenFor.UNCLEAR:
                return self._suspend(now)
            if self.meaning.taken_for in (TakenFor.HELP, TakenFor.START):
                self._reply(now)
            return self._heard(now, [])

    def _stop(self) -> Heard:
        """The opt-out, its evidence and its confirmation, in the transaction of the opt-out."""
        heard: list[Heard] = []

        def then(written: gate_opt_out.Written) -> None:
            self._confirm(written)
            heard.append(self._heard(written.at, written.events))

        found = gate_opt_out.opt_out(
            self.conn,
            self.account.id,
            [
                gate_opt_out.OptOut(
                    address=self.said.sender.strip(),
                    channel=self.said.channel,
                    covers=self.meaning.covers,
                    seller=self.sellers[0].slug if len(self.sellers) == 1 else None,
                    at=self.said.at,
                    way=Way.MAIL if self.said.channel is Channel.EMAIL else Way.REPLY,
                    text=self.said.text or self.said.subject,
                )
            ],
            key=self.key,
            known_by=self.known_by,
            then=then,
            gate=self.gate,
        )
        (one,) = heard
        return msgspec.structs.replace(one, seq=found.seq, covers=str(found.covers[0]) if found.covers else one.covers)

    def _suspend(self, now: int) -> Heard:
        """Marketing rests until a person has read it."""
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        stops: list[UUID] = []
        for seller in self.sellers:
            event = writes.append_event(
                *(self.conn, now, Kind.SUPPRESSION_PLACED, self.known_by),
                account=self.account.id,
                seller=seller.id,
                address=self.address,
                happened_at=self._happened(now),
                payload={
                    "reason": UNDER_REVIEW,
                    "by": "what the person wrote",
                    "channels": [self.said.channel],
                    "covers": OptOutScope.MARKETING.value,
                },
            )
            stop = writes.Stop(
                Scope.SELLER,
                seller.id,
                self.said.channel.bit,
                OptOutScope.MARKETING.bit,
                True,
                UNDER_REVIEW,
                way=Way.REPLY,
            )
            ids = columns.ids_of([event])
            writes.place_suppressions(self.conn, ids, addresses.of_keys([self.address]), stop, now, change)
            stops.append(event)
        heard = self._heard(now, [])
        seller_id = self.sellers[0].id if len(self.sellers) == 1 else None
        writes.open_review(
            *(self.conn, now, heard.event, self.account.id, seller_id, self.address, self.said.channel.bit),
            *(self.meaning.why[:60], self.meaning.language or self.language, stops),
        )
        heard = msgspec.structs.replace(heard, review=heard.event)
        return msgspec.structs.replace(heard, seq=writes.number_change(self.conn, change))

    def _heard(self, now: int, opt_outs: Sequence[UUID]) -> Heard:
        """The evidence: what was written, and what it was taken for."""
        said, meaning = self.said, self.meaning
        payload: dict[str, object] = {
            "channel": said.channel.value,
            "taken_for": meaning.taken_for.value,
            "why": meaning.why,
            **({"matched": meaning.matched} if meaning.matched else {}),
            **({"language": meaning.language} if meaning.language else {}),
            **({"covers": meaning.covers.value} if meaning.covers else {}),
            **({"opt_outs": [str(one) for one in opt_outs]} if opt_outs else {}),
            **({"answer": self.answer} if self.answer else {}),
            **({"connector": str(self.connector)} if self.connector != self.account.id else {}),
        }
        event = writes.append_event(
            *(self.conn, now, Kind.MESSAGE_HEARD, self.known_by),
            account=self.account.id,
            seller=self.sellers[0].id if len(self.sellers) == 1 else None,
            address=self.address,
            happened_at=self._happened(now),
            payload=payload,
            personal={
                "address": said.sender.strip(),
                "to": said.to,
                "text": said.text,
                "subject": said.subject,
                "message": said.message,
            },
        )
        if not writes.note_heard(self.conn, now, self.connector, self.name, event):
            raise _Twice
        return Heard(
            event=event,
            taken_for=meaning.taken_for.value,
            why=meaning.why,
            matched=meaning.matched,
            language=meaning.language,
            covers=None if meaning.covers is None else meaning.covers.value,
            opt_outs=list(opt_outs),
            answer=self.answer,
            at=now,
        )

    def _happened(self, now: int) -> int:
        at = now if self.said.at is None else self.said.at
        if at > now + DAY:
            raise BadInput("lies in the future", key="at")
        return min(at, now)

    # --- answers

    def _confirm(self, written: gate_opt_out.Written) -> None:
        """One confirmation for as long as what was said stands, however often it is said again.

        Only one that certainly never left makes room for another.
        """
        row = self.conn.execute(
            "SELECT id, covers FROM ledger_suppression WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND change = %s"
            " AND lifted_at IS NULL ORDER BY id LIMIT 1",
            [self.address.column, self.address.mac or None, written.change],
        ).fetchone()
        since = written.at if row is None else made_at(row[0])
        if self._answered(CONFIRMATION, since):
            return
        key = "stopped" if row is None else _CONFIRMED.get(row[1], "stopped_marketing")
        self._queue(
            CONFIRMATION,
            written.at,
            written.events[0],
            written.at + CONFIRM_WITHIN,
            key,
        )

    def _reply(self, now: int) -> None:
        """HELP, and START of somebody who said stop: once a day."""
        kind = HELP if self.meaning.taken_for is TakenFor.HELP else START
        if kind == START and not self._suppressed():
            return
        if not self._answered(kind, now - DAY):
            cause = columns.uuid_at(columns.new_ids(now, 1), 0)
            self._queue(kind, now, cause, now + _ANSWER_WITHIN, "help" if kind == HELP else "start")

    def _queue(self, kind: str, now: int, cause: UUID, expires_at: int, key: str) -> None:
        if not self.sellers:
            return
        seller = self.sellers[0]
        content: dict[str, object] = {
            "to": self.said.sender.strip(),
            "text": answers.text(self.language, key, seller=seller.name) + (self._form() if kind == START else ""),
        }
        if self.said.to:
            content["from"] = self.said.to
        if self.said.country:
            content["country"] = self.said.country
        if self.said.channel is Channel.EMAIL:
            content["subject"] = answers.text(self.language, "subject") if kind == CONFIRMATION else seller.name
            if self.said.reference:
                content["headers"] = {"In-Reply-To": self.said.reference, "References": self.said.reference}
        queued = writes.queue_message(
            *(self.conn, now, kind, cause, self.address, self.said.channel.bit, self.language, content),
            expires_at=expires_at,
            account=self.account.id,
            seller=seller.id,
        )
        self.answer = kind if queued else None

    def _form(self) -> str:
        """Where to sign up again: the newest open form of the seller on this channel, whose answer is confirmed."""
        base = public_url()
        found = [
            form
            for form in forms.listed(self.conn, self.account.id)
            if form.seller == self.sellers[0].id and form.channel == self.said.channel.bit and form.closed_at is None
        ]
        if base is None or not found:
            return ""
        return f" {base}/f/{self.account.slug}/{max(found, key=lambda form: form.id).slug}"

    def _answered(self, kind: str, since: int) -> bool:
        """Whether one of the kind was queued since and may have left. The caller holds the person's lock."""
        row = self.conn.execute(
            "SELECT 1 FROM ledger_outbox WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND account = %s"
            " AND seller = %s AND channel = %s AND kind = %s AND at >= %s AND NOT (failed_at IS NOT NULL AND tries = 0)"
            " LIMIT 1",
            [
                *(self.address.column, self.address.mac or None, self.account.id, self.sellers[0].id),
                *(self.said.channel.bit, kind, moment_of(since)),
            ],
        ).fetchone()
        return row is not None

    def _suppressed(self) -> bool:
        row = self.conn.execute(
            "SELECT 1 FROM ledger_suppression WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND owner = ANY(%s)"
            " AND said AND lifted_at IS NULL AND (until IS NULL OR until > clock_timestamp()) LIMIT 1",
            [
                *(self.address.column, self.address.mac or None),
                [self.account.id, writes.NOBODY, *(seller.id for seller in self.sellers)],
            ],
        ).fetchone()
        return row is not None


def _meaning(said: Inbound, languages: Sequence[str]) -> Meaning:
    """Of a mail first its subject, where that is the person's own, then its text."""
    if said.channel is Channel.EMAIL and said.subject and ":" not in said.subject:
        found = hearing.classify(said.subject, said.channel, languages)
        if found.taken_for is TakenFor.STOP:
            return found
    return hearing.classify(said.text, said.channel, languages)


def _own(meaning: Meaning) -> tuple[str, ...]:
    """The language of the words that decided, where they are of one."""
    return () if meaning.language in (None, "universal") else (str(meaning.language),)


def _spoken_at(address: AddressKey, country: str | None) -> tuple[str, ...]:
    """The languages of the place a number is of, and of the country stated; none where it may be anywhere."""
    number = phone_of(address.column)
    numbers = () if number is None else (number,)
    return languages_of(place_of({place.region for place in where.resolve(country=country, numbers=numbers)}))


def _sellers(conn: Connection, account: Account, said: Inbound) -> tuple[Seller, ...]:
    """To whom it was written: the seller named, else whose address it was, else every seller of the account."""
    if said.seller is not None:
        found = tuple(seller for seller in account.sellers if seller.slug == said.seller)
        if not found:
            raise BadInput("the account contacts people for no seller of this name", key="seller")
        return found
    if not account.sellers:
        raise BadInput("the account contacts people for nobody", key="seller")
    if said.to and len(account.sellers) > 1:
        rows = conn.execute(
            "SELECT DISTINCT seller_id FROM accounts_senderidentity"
            " WHERE seller_id = ANY(%s) AND channel = %s AND lower(value) = lower(%s)",
            [[seller.id for seller in account.sellers], said.channel.value, said.to.strip()],
        ).fetchall()
        if len(rows) == 1:
            return tuple(seller for seller in account.sellers if seller.id == rows[0][0])
    return account.sellers
