"""The links by which people reach their own pages: made for a message, resolved to what the message was.

A link's token is an id under our signature (`forbear.core.tokens`) and nothing else: never an address, never a name.
The id is that of a `ledger_link` row (made through the API, or sent to the address itself and then *fresh*), or that
of a decision: an allowed e-mail or text carries its own link, which costs no row. A link works as long as its record
exists; whoever holds it may stop contacts, and only a fresh one may start them again or show what is personal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.accounts.home import load_secrets
from forbear.core.errors import BadInput
from forbear.core.instants import at_of
from forbear.core.keys import AddressKey
from forbear.core.tokens import read, sign
from forbear.core.words import Channel, Purpose
from forbear.gate.claims import address_key, word_hash
from forbear.gate.consent import check_key, sellers_of
from forbear.gate.contact import Refused
from forbear.gate.opened import Gate, opened
from forbear.ledger import writes

LABEL: Final = "link"
MOST: Final = 1000
ONE_CLICK: Final = "List-Unsubscribe=One-Click"  # RFC 8058, 3.1
PUBLIC_URL: Final = "FORBEAR_PUBLIC_URL"
_OF_BIT: Final = {channel.bit: channel for channel in Channel}
_PURPOSE_OF_BIT: Final = {purpose.bit: purpose for purpose in Purpose}


@dataclass(frozen=True, slots=True)
class Link:
    """What a token stands for. `seller` is whose message it was in, `account` who sent it."""

    id: UUID
    account: UUID
    seller: UUID
    address: AddressKey
    channel: Channel
    campaign: int  # hashes of the sender's words; 0 none
    list: int
    decision: UUID | None
    purpose: Purpose | None  # of the decision
    language: str  # as its maker knew it; empty: not known
    fresh: bool  # it went to the address itself not long ago
    at: int


class Wanted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A message that will carry a link. `language`: the person's, where the sender knows it."""

    address: str
    channel: Channel
    seller: str | None = None  # absent: the account's first
    list: str | None = None
    campaign: str | None = None
    language: str | None = None


class Urls(msgspec.Struct, kw_only=True):
    """The pages behind one token."""

    unsubscribe: str
    preferences: str
    why: str
    report: str


class Made(msgspec.Struct, kw_only=True):
    """A link, and how it goes into a message."""

    id: UUID
    urls: Urls
    headers: Mapping[str, str]  # of an e-mail; the DKIM signature must cover them (RFC 8058, 4)
    text: str  # of a text message


def public_url() -> str | None:
    """The base of links to people, `FORBEAR_PUBLIC_URL`; None: not set. Raises `BadInput` for one that cannot serve."""
    return _checked(os.environ.get(PUBLIC_URL, ""))


@lru_cache(maxsize=16)
def _checked(base: str) -> str | None:
    base = base.strip().rstrip("/")
    if not base:
        return None
    parts = urlsplit(base)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment or "@" in base:
        raise BadInput("not the address of a site", key=PUBLIC_URL, todo="write it as https://stop.example.org")
    if parts.scheme == "http" and not local:
        raise BadInput("one-click unsubscription wants https (RFC 8058, 3.1)", key=PUBLIC_URL)
    return base


def token_keys() -> Mapping[int, bytes]:
    """The keys of this installation's tokens."""
    return _token_keys(os.environ.get("FORBEAR_HOME", ""), os.environ.get("FORBEAR_TOKEN_KEYS", ""))


@lru_cache(maxsize=16)
def _token_keys(home: str, named: str) -> Mapping[int, bytes]:
    """Both are read again by whom we ask; here they only say when to ask anew."""
    return load_secrets().token_keys


def token_of(identity: UUID) -> str:
    return sign(LABEL, identity, token_keys())


def urls_of(base: str, identity: UUID) -> Urls:
    page = f"{base}/u/{token_of(identity)}"
    return Urls(unsubscribe=page, preferences=f"{page}/preferences", why=f"{page}/why", report=f"{page}/report")


def headers_of(page: str) -> dict[str, str]:
    """What an e-mail carries so that a mail program can unsubscribe by itself (RFC 2369, RFC 8058)."""
    return {"List-Unsubscribe": f"<{page}>", "List-Unsubscribe-Post": ONE_CLICK}


def make(
    conn: Connection,
    account: UUID,
    wanted: Sequence[Wanted],
    *,
    key: UUID | None = None,
    gate: Gate | None = None,
) -> list[Made]:
    """A link for each message, in order, all or none. Raises `BadInput`, `Refused`."""
    base = public_url()
    if base is None:
        raise BadInput("this installation has no public address", key=PUBLIC_URL, todo="ask its operator to set it")
    if not 1 <= len(wanted) <= MOST:
        raise BadInput(f"{len(wanted):,} links, not 1 to {MOST:,}", key="links")
    gate = gate or opened()
    sellers = sellers_of(conn, account)
    if not sellers:
        raise Refused("unknown_account", "the account contacts people for nobody")
    rows: list[tuple[Channel, AddressKey, UUID, Wanted]] = []
    for place, one in enumerate(wanted):
        address = address_key(one.channel, one.address.strip(), gate.secret)
        if address is None:
            kind = "an e-mail address" if one.channel is Channel.EMAIL else "a number in full (+ and country code)"
            raise BadInput(f"not {kind}", key=f"[{place}].address")
        if one.seller is not None and one.seller not in sellers:
            raise BadInput("the account contacts people for no seller of this name", key=f"[{place}].seller")
        rows.append((one.channel, address, sellers[one.seller or next(iter(sellers))], one))
    with conn.transaction():
        check_key(conn, key, account)
        now = writes.now(conn)
        made: list[Made] = []
        for channel, address, seller, one in rows:
            identity = writes.keep_link(
                *(conn, now, account, seller, address, channel.bit),
                campaign=word_hash(one.campaign) if one.campaign else 0,
                list=word_hash(one.list) if one.list else 0,
                language=one.language or "",
            )
            urls = urls_of(base, identity)
            headers = headers_of(urls.unsubscribe) if channel is Channel.EMAIL else {}
            made.append(Made(id=identity, urls=urls, headers=headers, text=f"Stop: {urls.unsubscribe}"))
    return made


def resolve(conn: Connection, token: str) -> Link | None:
    """What a token stands for. None for every token that is not ours or whose record is gone."""
    identity = read(LABEL, token, token_keys())
    if identity is None:
        return None
    row = conn.execute(
        "SELECT account, seller, addr, key_id, mac, channel, campaign, list, decision, language,"
        " coalesce(fresh_until > clock_timestamp(), false), at FROM ledger_link WHERE id = %s",
        [identity],
    ).fetchone()
    if row is not None:
        found = _decision(conn, row[8], row[0]) if row[8] else None
        purpose, fresh = None if found is None else found[8], (row[9], row[10], at_of(row[11]))
    else:
        row = found = _decision(conn, identity)
        if found is None:
            return None
        row, purpose, fresh = (*found[:8], identity), found[8], ("", False, at_of(found[9]))
    return Link(
        identity,
        *(row[0], row[1], _key(row[2:5]), _OF_BIT[row[5]], row[6], row[7], row[8]),
        _PURPOSE_OF_BIT.get(purpose or 0),
        *fresh,
    )


def _decision(conn: Connection, decision: UUID, account: UUID | None = None) -> tuple[Any, ...] | None:
    """An allowed one: nothing else was ever sent."""
    return conn.execute(
        "SELECT d.account, d.seller, d.addr, d.key_id, d.mac, d.channel, coalesce(p.campaign, 0),"
        " coalesce(p.list, 0), d.purpose, d.at FROM ledger_decision d LEFT JOIN ledger_permit p ON p.id = d.permit"
        " WHERE d.id = %s AND d.verdict = 0 AND (%s::uuid IS NULL OR d.account = %s)",
        [decision, account, account],
    ).fetchone()


def _key(row: Sequence[Any]) -> AddressKey:
    column, key_id, mac = row
    return AddressKey(column, bytes(mac) if mac is not None else b"", key_id)
