"""The account's suppressions on their way out: whole in our own form, or as a provider takes a list of them.

A list of a provider is flat: it stops everything that goes through it, or everything of one
list. What reaches less far than the list would stop is left out of it and counted, and so is
what cannot be written: an e-mail address is stored keyed, and stands only where a personal part
of this account still has it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, rfc3339
from forbear.core.keys import AddressKind, kind_of
from forbear.core.words import Channel, OptOutScope, mask
from forbear.gate.claims import word_hash
from forbear.gate.suppress import Whose, of_account
from forbear.ledger import reads
from forbear.ledger.kinds import Scope

_CHUNK: Final = 10_000
_NUMBERED: Final = mask((Channel.VOICE, Channel.SMS))


class Stops(StrEnum):
    """What the list stops at its new place."""

    ALL = "all"  # every message that goes through it
    MARKETING = "marketing"
    LIST = "list"  # messages of one list


class Row(NamedTuple):
    """One entry that can be written."""

    id: UUID
    address: str
    scope: Scope
    channels: int
    covers: OptOutScope
    campaign: str
    list: str
    said: bool
    way: str
    reason: str
    at: datetime
    until: datetime | None


@dataclass(slots=True)
class Tally:
    """What was written, and what was left out and why. Complete once the last piece was read."""

    written: int = 0
    unwritable: int = 0  # the address is erased, or was never kept
    others: int = 0  # said to another account of the same seller: its to know
    narrower: int = 0  # reaches less far than the list would stop
    pauses: int = 0  # end by themselves, which the list would not
    repeated: int = 0  # of an address that is there already

    @property
    def left_out(self) -> dict[str, int]:
        names = ("unwritable", "others", "narrower", "pauses")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class Form(NamedTuple):
    """How one kind of list is written: pieces of text from rows."""

    name: str
    title: str
    media_type: str
    channel: Channel | None  # what the list is for; None: any
    stops: Stops | None  # unless asked otherwise; None: every entry, as it is
    write: Callable[[Iterator[Row], str | None, str | None], Iterator[str]]  # rows, sender, list


def export(
    conn: Connection,
    account: UUID,
    form: str,
    tally: Tally,
    *,
    seller: str | None = None,
    channel: Channel | None = None,
    of_list: str | None = None,
    stops: Stops | None = None,
    sender: str | None = None,
) -> Iterator[str]:
    """Pieces of the file. Reads through a cursor, in a transaction the caller holds. Raises `BadInput`, `Refused`.

    What binds the account or a seller it serves, and was told to this account; `seller`: that one's alone.
    `of_list`: only of this list, or for a provider what stops this list. `sender`: whose messages, where the form says.
    """
    known = named(form)
    owners = _owners(conn, account, seller)
    if known.channel is not None and channel not in (None, known.channel):
        raise BadInput(f"`{known.name}` is for {known.channel.value}", key="channel")
    stops = stops or (Stops.LIST if of_list is not None and known.stops is not None else known.stops)
    if stops is Stops.LIST and of_list is None:
        raise BadInput("of which list?", key="list")
    rows = _rows(conn, account, owners, known.channel or channel, stops, of_list, tally)
    return known.write(rows if stops is None else _once(rows, tally), sender, of_list)


def named(name: str) -> Form:
    """Raises `BadInput` that names them all."""
    for form in FORMS:
        if form.name == name:
            return form
    raise BadInput(f"no form is called `{name[:80]}`", key="form", todo=f"one of {', '.join(f.name for f in FORMS)}")


# --- which entries ----------------------------------------------------------------------------


def _owners(conn: Connection, account: UUID, seller: str | None) -> list[Whose]:
    if seller is not None:
        return [of_account(conn, account, seller)]
    whole = of_account(conn, account, None)
    rows = conn.execute("SELECT seller_id FROM accounts_accountseller WHERE account_id = %s", [account])
    return [whole, *(Whose(Scope.SELLER, row[0], account, "") for row in rows)]


_QUERY: Final = """
SELECT s.id, s.addr, s.scope, s.channels, s.covers, s.campaign, s.list, s.said, s.reason, s.last_at, s.until, s.way,
    e.account, p.part, q.part
FROM ledger_suppression s
LEFT JOIN ledger_event e ON e.id = s.id
LEFT JOIN ledger_personal p ON p.event = s.id
LEFT JOIN LATERAL (
    SELECT p2.part FROM ledger_event e2 JOIN ledger_personal p2 ON p2.event = e2.id
    WHERE s.mac IS NOT NULL AND (p.part IS NULL OR position('"address":"'::bytea IN p.part) = 0)
        AND e2.addr = s.addr AND e2.mac = s.mac AND e2.account = %(account)s
        AND position('"address":"'::bytea IN p2.part) > 0 LIMIT 1
) q ON true
WHERE s.owner = ANY(%(owners)s) AND s.lifted_at IS NULL AND (s.until IS NULL OR s.until > clock_timestamp())
ORDER BY s.addr, s.mac, s.said DESC, s.last_at
"""


def _rows(
    conn: Connection,
    account: UUID,
    owners: Sequence[Whose],
    channel: Channel | None,
    stops: Stops | None,
    of_list: str | None,
    tally: Tally,
) -> Iterator[Row]:
    wanted_list = 0 if of_list is None else word_hash(of_list)
    with conn.cursor(name="stop_export", binary=True) as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(_QUERY, {"account": account, "owners": [one.owner for one in owners]})
        for (
            entry,
            addr,
            scope,
            channels,
            covers,
            campaign,
            its_list,
            said,
            why,
            at,
            until,
            way,
            told_to,
            *bodies,
        ) in cursor:
            if channel is not None and not _is_for(channel, addr, channels):
                continue
            if stops is None and wanted_list and its_list != wanted_list:
                continue
            extent = next(word for word in OptOutScope if word.bit == covers)
            if stops is not None and not _reaches(stops, extent, its_list == wanted_list):
                tally.narrower += 1
                continue
            if stops is not None and until is not None:
                tally.pauses += 1
                continue
            if told_to is not None and told_to != account:
                tally.others += 1
                continue
            address = next((text for body in bodies if (text := reads.address_in(body, addr))), None)
            if address is None:
                tally.unwritable += 1
                continue
            words = msgspec.json.decode(bodies[0]) if bodies[0] else {}
            yield Row(
                *(entry, address, Scope(scope), channels, extent),
                campaign=(words.get("campaign") or "") if campaign else "",
                list=(words.get("list") or "") if its_list else "",
                said=said,
                way=way,
                reason=why,
                at=at,
                until=until,
            )
            tally.written += 1


def _is_for(channel: Channel, addr: int, channels: int) -> bool:
    """Whether the entry is of an address of this channel's kind and stops it. A call and a text reach one number."""
    mail = kind_of(addr) is AddressKind.EMAIL
    if mail != (channel is Channel.EMAIL):
        return False
    return not channels or bool(channels & (channel.bit if mail else _NUMBERED))


def _reaches(stops: Stops, covers: OptOutScope, same_list: bool) -> bool:
    if covers is OptOutScope.ALL:
        return True
    if stops is Stops.ALL or covers is OptOutScope.CAMPAIGN:
        return False
    if covers is OptOutScope.LIST:
        return stops is Stops.LIST and same_list
    return True


def _once(rows: Iterator[Row], tally: Tally) -> Iterator[Row]:
    """Each address once: they come in the order of their keys."""
    last = ""
    for row in rows:
        if row.address.lower() == last:
            tally.written -= 1
            tally.repeated += 1
            continue
        last = row.address.lower()
        yield row


# --- how each form is written -----------------------------------------------------------------------


_OURS: Final = (
    *("address", "channels", "covers", "campaign", "list", "said", "way", "at", "until", "reason", "whose"),
)


def _ours(row: Row) -> dict[str, str]:
    return {
        "address": row.address,
        "channels": " ".join(word.value for word in Channel if row.channels & word.bit),
        "covers": row.covers.value,
        "campaign": row.campaign,
        "list": row.list,
        "said": "yes" if row.said else "no",
        "way": row.way,
        "at": rfc3339(at_of(row.at)),
        "until": "" if row.until is None else rfc3339(at_of(row.until)),
        "reason": _guarded(row.reason),
        "whose": row.scope.name.lower(),
    }


def _line(*cells: object) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _guarded(text: str) -> str:
    """Free text that a spreadsheet would take for a formula is quoted, and keeps to one line."""
    text = " ".join(text.split())
    return "'" + text if text[:1] in ("=", "@", "+", "-") else text


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode() + "\n"


def _csv(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    yield ",".join(_OURS) + "\n"
    for row in rows:
        yield _line(*_ours(row).values())


def _jsonl(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    for row in rows:
        yield _json({name: value for name, value in _ours(row).items() if value})


def _addresses(header: str) -> Callable[[Iterator[Row], str | None, str | None], Iterator[str]]:
    def write(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
        if header:
            yield header + "\n"
        for row in rows:
            yield row.address + "\n"

    return write


def _twilio(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    if sender is None:
        raise BadInput(
            "whose messages?", key="sender", todo="name the number or messaging service, as Twilio's `sender_id`"
        )
    for row in rows:
        yield _json(
            {
                "contact_id": row.address,
                "correlation_id": row.id.hex,
                "sender_id": sender,
                "status": "opt-out",
                "source": "opt-out-message" if row.way == "reply" else "others",
                "date_of_consent": rfc3339(at_of(row.at)),
            }
        )


def _aws_sms(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    for row in rows:
        yield _json({"OptOutListName": of_list or "Default", "OptedOutNumber": row.address})


def _ses(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    for row in rows:  # SES knows two reasons; a stop that a person said is nearer to a complaint
        yield _line(row.address, "COMPLAINT" if row.said else "BOUNCE")


def _postmark(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    some: list[dict[str, str]] = []
    for row in rows:
        some.append({"EmailAddress": row.address})
        if len(some) == 50:  # Postmark takes so many in one request
            yield _json({"Suppressions": some})
            some = []
    if some:
        yield _json({"Suppressions": some})


def _mailgun(rows: Iterator[Row], sender: str | None, of_list: str | None) -> Iterator[str]:
    yield "address,tags,created_at\n"
    for row in rows:
        yield _line(row.address, row.list or "*", format_datetime(row.at))


FORMS: Final = (
    Form("csv", "every entry, as `forbear suppress import` reads it", "text/csv", None, None, _csv),
    Form("jsonl", "the same, JSON by line", "application/jsonl", None, None, _jsonl),
    Form("plain", "addresses alone, one a line", "text/plain", None, Stops.ALL, _addresses("")),
    Form(
        "twilio-consents",
        "items for Twilio's bulk consents, by line; --sender",
        *("application/jsonl", Channel.SMS, Stops.ALL, _twilio),
    ),
    Form(
        "aws-sms",
        "requests to AWS put-opted-out-number, by line",
        *("application/jsonl", Channel.SMS, Stops.ALL, _aws_sms),
    ),
    Form("ses", "an import file of SES's suppression list", "text/csv", Channel.EMAIL, Stops.ALL, _ses),
    Form(
        "sendgrid",
        "a CSV for SendGrid's global, or with --list its group unsubscribes",
        *("text/csv", Channel.EMAIL, Stops.ALL, _addresses("email")),
    ),
    Form(
        "mailchimp",
        "a CSV to import as unsubscribed contacts",
        *("text/csv", Channel.EMAIL, Stops.MARKETING, _addresses("Email Address")),
    ),
    Form(
        "postmark",
        "requests to Postmark's suppressions of a stream, by line",
        *("application/jsonl", Channel.EMAIL, Stops.ALL, _postmark),
    ),
    Form("mailgun", "a CSV for Mailgun's unsubscribes", "text/csv", Channel.EMAIL, Stops.ALL, _mailgun),
)
