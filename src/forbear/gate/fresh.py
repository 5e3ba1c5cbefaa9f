"""A link sent to the address itself: the one way to know that whoever asks is who reads what comes there."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.instants import DAY, HOUR
from forbear.core.keys import phone_of
from forbear.core.words import Channel
from forbear.gate.claims import address_key
from forbear.gate.links import Link, token_of
from forbear.gate.opened import Gate, opened
from forbear.ledger import writes

VALID: Final = DAY
KIND: Final = "fresh_link"
_MOST_A_DAY: Final = 5  # to one address, whoever asks
_APART: Final = HOUR // 12


class Sending(Enum):
    """What became of it. Only who may know is told: to the visitor `QUEUED` and `ANOTHER` are the same."""

    QUEUED = auto()
    ANOTHER = auto()  # what was typed is not the address the link is about
    WAIT = auto()  # this address was sent enough of them


def send(
    conn: Connection,
    link: Link,
    typed: str | None,
    compose: Callable[[str], dict[str, str]],
    *,
    language: str,
    gate: Gate | None = None,
) -> Sending:
    """Queues a fresh link to the address of `link`.

    An e-mail address is kept here by its key alone, so the person types it (`typed`) and it is compared with the key;
    a number needs no typing. `compose` is given the new token and answers with `subject` and `text`.
    """
    number = phone_of(link.address.column)
    if number:
        to, channel = f"+{number}", Channel.SMS
    else:
        found = typed_address(link, typed or "", gate)
        if found is None:
            return Sending.ANOTHER
        to, channel = found, Channel.EMAIL
    with conn.transaction():
        writes.lock_people(conn, np.array([link.address.column], np.int64))
        now = writes.now(conn)
        today, last = conn.execute(
            "SELECT count(*), coalesce((extract(epoch FROM max(at)) * 1000000)::bigint, 0) FROM ledger_link"
            " WHERE addr = %s AND mac IS NOT DISTINCT FROM %s AND fresh_until IS NOT NULL"
            " AND at > clock_timestamp() - interval '1 day'",
            [link.address.column, link.address.mac or None],
        ).fetchone() or (0, 0)
        if today >= _MOST_A_DAY or now - last < _APART:
            return Sending.WAIT
        made = writes.keep_link(
            *(conn, now, link.account, link.seller, link.address, link.channel.bit),
            campaign=link.campaign,
            list=link.list,
            language=language,
            decision=link.decision,
            fresh_until=now + VALID,
        )
        writes.queue_message(
            *(conn, now, KIND, made, link.address, channel.bit, language),
            {"to": to, **compose(token_of(made))},
            expires_at=now + HOUR,
            account=link.account,
            seller=link.seller,
        )
    return Sending.QUEUED


def typed_address(link: Link, typed: str, gate: Gate | None = None) -> str | None:
    """The address as typed, if it is the one the link is about; under any secret an address was ever keyed with."""
    typed = typed.strip()[:320]
    for secret in (gate or opened()).secrets:
        key = address_key(Channel.EMAIL, typed, secret)
        if key is not None and hmac.compare_digest(key.mac, link.address.mac) and key.column == link.address.column:
            return typed
    return None
