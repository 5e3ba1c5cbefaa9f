"""Forms by which people opt in to one list of a seller: opened, closed, listed, and how a site carries one."""

from __future__ import annotations

import re
from html import escape
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import psycopg

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import moment_of
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose, mask
from forbear.gate.consent import check_key, named_sellers, sellers_of
from forbear.ledger import blobs, columns, evidence, optins, writes
from forbear.ledger.attempts import KEPT_DAYS
from forbear.ledger.evidence import Wording
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.optins import Form
from forbear.ledger.writes import Promise

CHANNELS: Final = (Channel.EMAIL, Channel.SMS)
MOST_ORIGINS: Final = 20
TRAP: Final = "website"
"""The name of the field that people do not see and programs fill in."""
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_HOST: Final = re.compile(r"[a-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?")


class NewForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    slug: str
    subscribed: str  # the name of the list
    channel: Channel
    wording: str  # `sha256:...` of words kept before
    purposes: list[Purpose] = msgspec.field(default_factory=lambda: [Purpose.MARKETING])
    level: ConsentLevel = ConsentLevel.EXPRESS
    covers: list[ConsentCover] | None = None
    seller: str | None = None  # absent: the account's first
    country: str | None = None  # where the people are; an e-mail address alone does not say
    language: str | None = None  # of the page; absent: the wording's
    origins: list[str] = msgspec.field(default_factory=list)  # `https://...` of pages that may carry it
    promised: Promise | None = None


class Open(NamedTuple):
    """A form as a page shows it."""

    form: Form
    account: str
    seller: str
    wording: Wording


def open_form(
    conn: Connection,
    account: UUID,
    new: NewForm,
    *,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
) -> Form:
    """From now on people can opt in by it. Raises `BadInput`, `Refused`."""
    sellers = sellers_of(conn, account)
    (seller,) = named_sellers([new.seller or next(iter(sellers), "")], sellers, 0)
    digest = blobs.digest_of(new.wording, "wording")
    words = evidence.wording(conn, account, digest)
    _check(new)
    if words is None:
        raise BadInput("no such words are kept", key="wording", todo="keep the words first: POST /v1/wordings")
    with conn.transaction():
        check_key(conn, key, account)
        now = writes.now(conn)
        said = {
            "form": new.slug,
            "list": new.subscribed,
            "channel": new.channel,
            "purposes": new.purposes,
            "level": new.level,
            "covers": new.covers,
            "country": new.country,
            "wording": blobs.said(digest),
            "language": new.language or words.language,
            "origins": new.origins,
            "promised": None if new.promised is None else {"messages": new.promised.n, "days": new.promised.days},
        }
        event = writes.append_event(
            *(conn, now, Kind.FORM_OPENED, known_by),
            account=account,
            seller=seller,
            payload={name: value for name, value in said.items() if value is not None},
        )
        made = Form(
            *(
                event,
                account,
                seller,
                new.slug,
                new.subscribed.strip(),
                new.channel.bit,
                mask(new.purposes),
                new.level.bit,
            ),
            *(-1 if new.covers is None else mask(new.covers), new.country, digest, new.language or words.language),
            *(tuple(dict.fromkeys(new.origins)), new.promised, moment_of(now), None),
        )
        try:
            optins.open_form(conn, made)
        except psycopg.errors.UniqueViolation:
            todo = "close it first, or choose another name"
            raise BadInput(f"the form `{new.slug}` is open", key="slug", todo=todo) from None
    return made


def close_form(
    conn: Connection, account: UUID, slug: str, *, key: UUID | None = None, known_by: KnownBy = KnownBy.ACCOUNT
) -> bool:
    """Nobody can ask by it any more; what was asked may still be confirmed. False: none of this name is open."""
    with conn.transaction():
        check_key(conn, key, account)
        found = optins.form(conn, account, slug)
        now = writes.now(conn)
        if found is None or not optins.close_form(conn, now, found.id):
            return False
        writes.append_event(
            *(conn, now, Kind.FORM_CLOSED, known_by),
            account=account,
            seller=found.seller,
            payload={"form": slug, "opened": str(found.id)},
        )
    return True


def listed(conn: Connection, account: UUID) -> list[Form]:
    return optins.forms(conn, account)


def of_account(conn: Connection, account: UUID, slug: str) -> Open | None:
    """An open form of the account's."""
    found = optins.form(conn, account, slug)
    return None if found is None else whole(conn, found)


def shown(conn: Connection, account: str, slug: str) -> Open | None:
    """An open form of an account in good standing, by short names."""
    owner = account_reads.account(conn, account)
    if owner is None or owner.status != "active":
        return None
    return of_account(conn, owner.id, slug)


def whole(conn: Connection, form: Form) -> Open | None:
    """None where the account contacts people for the seller no more."""
    account = account_reads.account(conn, form.account)
    seller = next((one for one in account.sellers if one.id == form.seller), None) if account else None
    words = evidence.wording(conn, form.account, form.wording)
    if account is None or seller is None or words is None:
        return None
    return Open(form, account.slug, seller.name, words)


def path_of(found: Open) -> str:
    return f"/f/{found.account}/{found.form.slug}"


def may_carry(form: Form, origin: str) -> bool:
    """Whether a page of this origin may send the form: named ones, and browsers that do not say (`null`)."""
    return origin in ("", "null") or origin in form.origins


def snippet(found: Open, base: str, *, address: str, submit: str) -> str:
    """HTML for a page of the account's: a plain form, no script. `address`, `submit`: the words of field and button."""
    kind = "email" if found.form.channel == Channel.EMAIL.bit else "tel"
    return (
        f'<form method="post" action="{escape(base + path_of(found))}" accept-charset="utf-8">\n'
        f'  <p lang="{escape(found.wording.language)}">{escape(found.wording.text)}</p>\n'
        f'  <label>{escape(address)} <input type="{kind}" name="address" autocomplete="{kind}" required></label>\n'
        f'  <div hidden><label>{TRAP} <input name="{TRAP}" tabindex="-1" autocomplete="off"></label></div>\n'
        f'  <button type="submit">{escape(submit)}</button>\n'
        f"</form>\n"
    )


def frame(found: Open, base: str) -> str:
    """HTML that shows the hosted form within a page of one of its origins."""
    title = f"{found.form.list}, {found.seller}"
    return (
        f'<iframe src="{escape(base + path_of(found))}/embed" title="{escape(title)}"'
        ' style="width:100%;height:36rem;border:0" loading="lazy"></iframe>\n'
    )


def _check(new: NewForm) -> None:
    if not _SLUG.fullmatch(new.slug):
        raise BadInput("not a short name", key="slug", todo="use a-z, 0-9 and -, at most 60")
    if not new.subscribed.strip() or len(new.subscribed) > 200 or not new.subscribed.isprintable():
        raise BadInput("not the name of a list", key="list", todo="write 1 to 200 characters")
    if new.channel not in CHANNELS:
        raise BadInput("a form confirms by e-mail or by text", key="channel", todo="write `email` or `sms`")
    if not new.purposes:
        raise BadInput("for nothing", key="purposes")
    if new.country is not None and not re.fullmatch("[A-Z]{2}", new.country):
        raise BadInput("not a country", key="country", todo="ISO 3166-1 alpha-2, e.g. `US`")
    if new.channel is Channel.EMAIL and new.country is None:
        todo = "an e-mail address says nothing of where its holder is; the law there is asked before we write"
        raise BadInput("no country", key="country", todo=todo)
    if new.language is not None and len(new.language) > 16:
        raise BadInput("not a language", key="language")
    if new.promised is not None and not (0 < new.promised.n < 1 << 15 and 0 < new.promised.days <= KEPT_DAYS):
        raise BadInput("not a promise", key="promised", todo=f"write so many messages in 1 to {KEPT_DAYS} days")
    if len(new.origins) > MOST_ORIGINS:
        raise BadInput(f"more than {MOST_ORIGINS}", key="origins")
    for place, origin in enumerate(new.origins):
        parts = urlsplit(origin)
        local = parts.hostname in {"localhost", "127.0.0.1"}
        plain = origin == f"{parts.scheme}://{parts.netloc}" and _HOST.fullmatch(parts.netloc)
        if not plain or (parts.scheme != "https" and not (local and parts.scheme == "http")):
            raise BadInput("not the origin of a page", key=f"origins[{place}]", todo="write `https://www.example.org`")


def new_id(at: int) -> UUID:
    return columns.uuid_at(columns.new_ids(at, 1), 0)
