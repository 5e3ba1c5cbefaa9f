"""A confirmed opt-in: somebody typed an address into a form, its holder is asked, and only their answer is a consent.

Whoever sends a form learns nothing of the address: the same row is written whatever is known of it, and the worker
decides afterwards whether its holder is asked. They are not if a form asked them a few times that day (forms of any
account: others may be typing their address everywhere), if they said that they had asked for nothing, or if they
reported the sender. The question goes out as what it is, a message the person asked for, if the gate allows it.
Nothing enters a list or a consent before the answer, and what was not answered in time is forgotten.
"""

from __future__ import annotations

import hmac
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from functools import cache
from hashlib import sha256
from importlib import resources
from os import urandom
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.instants import SECOND, at_of
from forbear.core.keys import AddressKey
from forbear.core.tokens import read, sign
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
from forbear.gate import consent, forms
from forbear.gate.claims import address_key, word_hash
from forbear.gate.links import public_url, token_keys
from forbear.gate.opened import Gate, opened
from forbear.ledger import blobs, optins, writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.optins import Form, OptIn

KIND: Final = "opt_in"
VALID_S: Final = {Channel.EMAIL: 48 * 3600, Channel.SMS: 15 * 60}
MOST_TRIES: Final = 5
MOST_A_DAY: Final = 3  # to one address, by all forms of the installation
APART_S: Final = 120
DAY_S: Final = 86_400
BLOCKED_S: Final = 365 * DAY_S
_DIGITS: Final = 6
_LINK: Final = "opt-in"  # in a message: who has it reads what comes to the address
_PAGE: Final = "opt-in page"  # on the page that asks for the code: it gives no right
_FALLBACK_URL: Final = "http://127.0.0.1:8700"


class Answer(Enum):
    """What became of a confirmation. Where there never was a question, the answers are those of a wrong code."""

    CONFIRMED = auto()
    AGAIN = auto()  # it was confirmed before: nothing changed
    WRONG = auto()  # the code
    TOO_MANY = auto()  # codes
    GONE = auto()  # too old, or nothing of ours


class Given(NamedTuple):
    answer: Answer
    left: int = 0  # tries
    event: UUID | None = None  # of the consent
    form: forms.Open | None = None
    link: UUID | None = None  # the person's own page, where they change their mind as easily


def ask(
    conn: Connection,
    form: Form,
    typed: str,
    *,
    base: str = _FALLBACK_URL,
    page: str = "",
    language: str = "",
    gate: Gate | None = None,
) -> str | None:
    """Somebody typed an address. Returns the token of the page that takes a code; None: it is no address.

    Does the same whatever is known of the address. `base`: where this installation answers, if it was not told.
    """
    gate = gate or opened()
    channel = _channel(form)
    key = address_key(channel, typed.strip()[:320], gate.secret)
    if key is None:
        return None
    identity = forms.new_id(writes.now(conn))
    part = {"address": typed.strip(), "page": page[:2000], "language": language, "base": base}
    with conn.transaction():
        optins.keep(conn, identity, form.id, key, part, urandom(32), VALID_S[channel])
        conn.execute("SELECT pg_notify(%s, '')", [writes.WAITING])
    return sign(_PAGE, identity, token_keys())


def nothing() -> str:
    """The token of a page for a question that is not asked at all: no different to look at."""
    return sign(_PAGE, UUID(bytes=urandom(16)), token_keys())


def put_next(conn: Connection, gate: Gate | None = None) -> bool:
    """For the worker: the next address that was typed is asked, or put aside. False: there is none."""
    gate = gate or opened()
    with conn.transaction():
        row = optins.waiting(conn)
        if row is None:
            return False
        form = optins.form_by_id(conn, row.form)
        found = None if form is None else forms.whole(conn, form)
        address = str(row.part.get("address", ""))
        if found is None or row.expired or found.form.closed_at is not None or not address:
            optins.put_aside(conn, row.id)
            return True
        channel = _channel(found.form)
        keys = consent.every_address_key(address, gate)  # a form took it: it is one
        writes.lock_people(conn, np.array([one.column for one in keys], np.int64))
        if _may_ask(conn, found.form, keys):
            _put(conn, row, found, channel, address)
        else:
            optins.put_aside(conn, row.id)
    return True


def _may_ask(conn: Connection, form: Form, keys: Sequence[AddressKey]) -> bool:
    lately = optins.asked_lately(conn, keys, DAY_S)
    if len(lately) >= MOST_A_DAY or any(ago_s < APART_S for ago_s in lately):
        return False
    account = account_reads.account(conn, form.account)
    if account is None or account.status != "active":
        return False
    return not optins.blocked(conn, keys, BLOCKED_S) and not optins.complained(conn, keys, [form.account, form.seller])


def _put(conn: Connection, row: OptIn, found: forms.Open, channel: Channel, address: str) -> None:
    form = found.form
    now = writes.now(conn)
    code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    event = writes.append_event(
        *(conn, now, Kind.OPT_IN_ASKED, KnownBy.OBSERVED),
        account=form.account,
        seller=form.seller,
        address=row.address,
        payload={
            "form": form.slug,
            "opened": str(form.id),
            "list": form.list,
            "channel": channel,
            "wording": blobs.said(form.wording),
        },
    )
    content = _question(row, found, channel, code)
    shown = next(
        (one.value for one in account_reads.sender_identities(conn, form.seller) if one.channel == channel), None
    )
    writes.queue_message(
        *(conn, now, KIND, event, row.address, channel.bit, _language(row, form)),
        {
            "to": address,
            **content,
            **({} if shown is None else {"from": shown}),
            **({} if form.country is None else {"country": form.country}),
        },
        expires_at=at_of(row.expires_at),
        account=form.account,
        seller=form.seller,
    )
    optins.put(conn, row.id, event, _code_hash(row.id, code, max(token_keys())))


def _question(row: OptIn, found: forms.Open, channel: Channel, code: str) -> dict[str, object]:
    """Nothing of what was typed stands in it, so that no form carries a stranger's words."""
    base = public_url() or str(row.part.get("base") or _FALLBACK_URL)
    token = sign(_LINK, row.id, token_keys())
    language = _language(row, found.form)
    texts = _texts()[language]
    carried = "" if language == found.form.language else f"?lang={language}"

    def said(key: str) -> str:
        text = texts[key]
        for name, value in (
            ("seller", found.seller),
            ("list", found.form.list),
            ("code", code),
            ("link", f"{base}/c/{token}{carried}"),
            ("not_me", f"{base}/n/{token}{carried}"),
        ):
            text = text.replace("{" + name + "}", value)
        return text

    if channel is Channel.EMAIL:
        return {"subject": said("subject"), "text": said("mail"), "headers": {"Auto-Submitted": "auto-generated"}}
    return {"text": said("sms")}


def _language(row: OptIn, form: Form) -> str:
    """The one the page was read in, else the form's; English where we do not speak it."""
    for tag in (str(row.part.get("language", "")), form.language):
        if (language := tag.partition("-")[0].lower()) in _texts():
            return language
    return "en"


@cache
def _texts() -> dict[str, dict[str, str]]:
    source = resources.files("forbear.gate").joinpath("questions.toml")
    found: dict[str, dict[str, str]] = tomllib.loads(source.read_text(encoding="utf-8"))
    return found


def linked(conn: Connection, token: str) -> tuple[OptIn, forms.Open] | None:
    """What the link of a message is about, for its page; changes nothing. None: nothing of ours, or forgotten."""
    identity = read(_LINK, token, token_keys())
    row = None if identity is None else optins.seen(conn, identity)
    form = None if row is None or not row.sent else optins.form_by_id(conn, row.form)
    found = None if form is None else forms.whole(conn, form)
    return None if row is None or found is None else (row, found)


def confirm(conn: Connection, token: str, *, page: str, ip: str | None, gate: Gate | None = None) -> Given:
    """The button behind the link of a message."""
    identity = read(_LINK, token, token_keys())
    if identity is None:
        return Given(Answer.GONE)
    with conn.transaction():
        row = optins.locked(conn, identity)
        return Given(Answer.GONE) if row is None or not row.sent else _confirmed(conn, row, page, ip, gate)


def try_code(conn: Connection, token: str, code: str, *, page: str, ip: str | None, gate: Gate | None = None) -> Given:
    """A code was typed. One that was put aside counts its tries like any other."""
    identity = read(_PAGE, token, token_keys())
    if identity is None:
        return Given(Answer.GONE)
    with conn.transaction():
        row = optins.locked(conn, identity)
        if row is None:  # as if it had just been asked: a question that was never kept is no different to look at
            return Given(Answer.WRONG, MOST_TRIES - 1)
        if row.expired:
            return Given(Answer.GONE)
        if row.tries >= MOST_TRIES:
            return Given(Answer.TOO_MANY)
        optins.count_try(conn, row.id)
        typed = "".join(one for one in code if one.isdecimal() and one.isascii())[:_DIGITS]
        right = [hmac.compare_digest(row.code_hash, _code_hash(row.id, typed, key)) for key in token_keys()]
        if not any(right) or not row.sent:
            left = MOST_TRIES - row.tries - 1
            return Given(Answer.WRONG if left else Answer.TOO_MANY, left)
        return _confirmed(conn, row, page, ip, gate)


def _confirmed(conn: Connection, row: OptIn, page: str, ip: str | None, gate: Gate | None) -> Given:
    """The consent, in the transaction that holds the row: of two confirmations at once the second finds it done."""
    form = optins.form_by_id(conn, row.form)
    found = None if form is None else forms.whole(conn, form)
    if found is not None and row.confirmed_at is not None and not row.expired:
        return Given(Answer.AGAIN, form=found)
    if found is None or row.expired or not row.part:
        return Given(Answer.GONE, form=found)
    form = found.form
    optins.confirm(conn, row.id)
    sellers = consent.sellers_of(conn, form.account)
    one = consent.Given(
        address=str(row.part["address"]),
        level=next(level for level in ConsentLevel if level.bit == form.level),
        sellers=[slug for slug, identity in sellers.items() if identity == form.seller],
        given_at=writes.now(conn),
        channels=[channel for channel in Channel if channel.bit & form.channel],
        purposes=[purpose for purpose in Purpose if purpose.bit & form.purposes],
        covers=None if form.covers < 0 else [cover for cover in ConsentCover if cover.bit & form.covers],
        names_seller=found.seller in found.wording.text or None,
        given_by_person=True,
        method=consent.Method.WEB_FORM,
        wording=blobs.said(form.wording),
        page=page,
        ip=ip,
        subscribed=form.list,
        promised=form.promised,
        evidence=_told(row, found),
    )
    link = writes.keep_link(
        *(conn, writes.now(conn), form.account, form.seller, row.address, form.channel),
        list=word_hash(form.list),
        language=str(row.part.get("language") or ""),
    )
    done = consent.give(conn, form.account, [one], known_by=KnownBy.OBSERVED, gate=gate)
    return Given(Answer.CONFIRMED, event=done.events[0], form=found, link=link)


def _told(row: OptIn, found: forms.Open) -> str:
    """How it came about, in words."""
    asked = row.asked_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    where = str(row.part.get("page") or forms.path_of(found))
    how = "the link in a message" if found.form.channel == Channel.EMAIL.bit else "a code sent by text message"
    return f"Asked for by the form `{found.form.slug}` at {asked} on {where}; confirmed by {how} to the address."


def not_me(conn: Connection, token: str) -> Given:
    """Whoever reads what comes to the address did not ask for it: reported, not asked again, nothing of it stays."""
    identity = read(_LINK, token, token_keys())
    if identity is None:
        return Given(Answer.GONE)
    with conn.transaction():
        row = optins.locked(conn, identity)
        form = None if row is None or not row.sent else optins.form_by_id(conn, row.form)
        found = None if form is None else forms.whole(conn, form)
        if row is None or form is None:
            return Given(Answer.GONE)
        again = optins.blocked(conn, [row.address], _since_s(row))
        writes.lock_people(conn, np.array([row.address.column], np.int64))
        now = writes.now(conn)
        if not again:
            payload = {
                "reason": "not_me",
                "form": form.slug,
                "opened": str(form.id),
                "confirmed": bool(row.confirmed_at),
            }
            event = writes.append_event(
                *(conn, now, Kind.ABUSE_REPORTED, KnownBy.PERSON),
                account=form.account,
                seller=form.seller,
                address=row.address,
                payload=payload,
            )
            optins.block(conn, event, row.address, now)
        if not row.expired:
            optins.end(conn, row.id)
        if row.confirmed_at is not None and found is not None:
            _take_back(conn, form, row.address)
    return Given(Answer.AGAIN if again else Answer.CONFIRMED, form=found)


def _take_back(conn: Connection, form: Form, address: AddressKey) -> None:
    """What the seller holds of this person for what the form is for."""
    if writes.standing_consents(conn, address, [form.seller], form.channel, form.purposes):
        consent.withdraw(
            *(conn, form.account, None),
            sellers=[slug for slug, one in consent.sellers_of(conn, form.account).items() if one == form.seller],
            channels=[channel for channel in Channel if channel.bit & form.channel],
            purposes=[purpose for purpose in Purpose if purpose.bit & form.purposes],
            known_by=KnownBy.PERSON,
            keys=[address],
        )


def forget(conn: Connection) -> int:
    """What ran out is forgotten. That an address was asked is known by its key for a month: until then its holder
    can say that it was not them."""
    return optins.forget(conn)


def _since_s(row: OptIn) -> int:
    return max(1, (at_of(row.now) - at_of(row.asked_at)) // SECOND + 1)


def _channel(form: Form) -> Channel:
    return next(one for one in Channel if one.bit == form.channel)


def _code_hash(identity: UUID, code: str, key: int) -> bytes:
    """Keyed: a million codes are soon tried against a plain digest."""
    return hmac.digest(token_keys()[key], b"opt-in code\0" + identity.bytes + code.encode(), sha256)


def texts() -> Mapping[str, Mapping[str, str]]:
    """The questions by language, for those who check them."""
    return _texts()
