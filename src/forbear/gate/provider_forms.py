"""How mail and message providers write down who must not be contacted, and what each row means.

Each form was read from the provider's own reference for its list endpoint or its export. What a
provider blocks wholly is taken wholly (`all`), what it keeps by list is taken for that list, and
what only ever was marketing for marketing. A complaint or an unsubscribe was said by the person;
a bounce or an address that the sender put there was not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, TypeVar

from forbear.core.instants import DAY, HOUR, SECOND, at_of, parse_day, parse_rfc3339
from forbear.core.words import Channel, OptOutScope, Way, Word, mask


class Row(NamedTuple):
    """What one row says."""

    said: bool
    way: Way | None
    reason: str
    channels: int  # mask; 0 every channel
    covers: OptOutScope = OptOutScope.ALL
    list: str = ""
    campaign: str = ""
    until: int | None = None


Rows = Callable[[tuple[str, ...]], tuple[Row, ...]]


class Form(NamedTuple):
    """One kind of file. Of several names of a column the first that is there counts, whatever its case."""

    name: str
    title: str
    address: tuple[str, ...]
    at: tuple[str, ...]
    by: tuple[
        tuple[str, ...], ...
    ]  # the columns that decide what a row says; `rows` gets their values, "" where absent
    rows: Rows  # none: the row is about no suppression. Raises `ValueError`
    items: tuple[str, ...] = ()  # where the rows are in a JSON document
    sender: tuple[str, ...] = ()  # what the person saw as sender: whose seller it was said to
    headless: tuple[str, ...] = ()  # the columns where the file has no header
    in_utc: bool = True  # times without a zone; else they may be of anywhere
    bare: bool = False  # numbers are in full, without `+`


_EMAIL: Final = Channel.EMAIL.bit
_SMS: Final = Channel.SMS.bit
_ALL: Final = OptOutScope.ALL


def _always(*rows: Row) -> Rows:
    return lambda values: rows


def _unsubscribed(who: str, covers: OptOutScope = _ALL, list: str = "") -> Row:
    return Row(True, Way.PROVIDER, f"unsubscribed ({who})", _EMAIL, covers, list)


def _complained(who: str) -> Row:
    return Row(True, Way.COMPLAINT, f"complained of spam ({who})", _EMAIL)


def _bounced(who: str) -> Row:
    return Row(False, None, f"cannot be reached ({who})", _EMAIL)


def _placed(who: str, channels: int) -> Row:
    return Row(False, None, f"suppressed by the sender ({who})", channels)


def _texted(who: str, way: Way = Way.PROVIDER) -> Row:
    return Row(True, way, f"opted out of texts ({who})", _SMS)


def _twilio_consent(values: tuple[str, ...]) -> tuple[Row, ...]:
    status, source = values[0].replace("_", "-").lower(), values[1].replace("_", "-").lower()
    if status == "opt-in":
        return ()
    if status != "opt-out":
        raise ValueError("is neither opt-in nor opt-out")
    return (_texted("Twilio", Way.REPLY if source == "opt-out-message" else Way.PROVIDER),)


def _coded(code: str, row: Row) -> Rows:
    """Only rows with this error: the provider refused to send, for the person had opted out."""
    return lambda values: (row,) if values[0].removesuffix(".0") == code else ()


def _ses(values: tuple[str, ...]) -> tuple[Row, ...]:
    reason = values[0].upper()
    if reason == "COMPLAINT":
        return (_complained("Amazon SES"),)
    if reason == "BOUNCE":
        return (_bounced("Amazon SES"),)
    raise ValueError("is neither BOUNCE nor COMPLAINT")


def _aws_sms(values: tuple[str, ...]) -> tuple[Row, ...]:
    by_person = values[0].lower()
    if by_person not in ("true", "false", ""):
        raise ValueError("is neither true nor false")
    return (_placed("AWS", _SMS),) if by_person == "false" else (_texted("AWS"),)


def _sendgrid_group(values: tuple[str, ...]) -> tuple[Row, ...]:
    return (_unsubscribed("SendGrid", OptOutScope.LIST, values[0] or values[1]),)  # of no group: the reader is asked


def _mailchimp(values: tuple[str, ...]) -> tuple[Row, ...]:
    why = values[0].lower()
    if "spam" in why or "abuse" in why:
        return (_complained("Mailchimp"),)
    return (_unsubscribed("Mailchimp", OptOutScope.MARKETING),)


def _postmark(values: tuple[str, ...]) -> tuple[Row, ...]:
    reason, origin = values[0].lower(), values[1].lower()
    if reason == "spamcomplaint":
        return (_complained("Postmark"),)
    if reason == "hardbounce":
        return (_bounced("Postmark"),)
    if reason != "manualsuppression":
        raise ValueError("is none of HardBounce, SpamComplaint, ManualSuppression")
    return (_unsubscribed("Postmark"),) if origin == "recipient" else (_placed("Postmark", _EMAIL),)


def _mailgun(values: tuple[str, ...]) -> tuple[Row, ...]:
    tags = [tag.strip() for tag in values[0].replace("|", ",").split(",") if tag.strip()]
    if not tags or "*" in tags:
        return (_unsubscribed("Mailgun"),)
    return tuple(_unsubscribed("Mailgun", OptOutScope.LIST, tag) for tag in tags)


PROVIDERS: Final = (
    Form(
        "twilio-consents",
        "Twilio's Consent Management records: contact_id, sender_id, status, source, date_of_consent",
        ("contact_id", "contact id"),
        ("date_of_consent", "date of consent"),
        (("status",), ("source",)),
        _twilio_consent,
        items=("consents", "items"),
        sender=("sender_id", "sender id"),
    ),
    Form(
        "twilio-messages",
        "Twilio's message log, of which rows with error 21610 count (CSV of the console, JSON of the API)",
        ("to",),
        ("sentdate", "date_sent", "datesent", "date_created"),
        (("errorcode", "error_code"),),
        _coded("21610", _texted("Twilio")),
        items=("messages",),
        sender=("from",),
    ),
    Form(
        "ses",
        "Amazon SES account suppression list: list-suppressed-destinations, or address,reason by line",
        ("emailaddress", "email_address", "email"),
        ("lastupdatetime", "last_update_time"),
        (("reason",),),
        _ses,
        items=("SuppressedDestinationSummaries",),
        headless=("email", "reason"),
    ),
    Form(
        "aws-sms",
        "An opt-out list of AWS End User Messaging: describe-opted-out-numbers",
        ("optedoutnumber", "opted_out_number"),
        ("optedouttimestamp", "opted_out_timestamp"),
        (("enduseroptedout", "end_user_opted_out"),),
        _aws_sms,
        items=("OptedOutNumbers",),
    ),
    Form(
        "sendgrid-unsubscribes",
        "SendGrid's global unsubscribes: /v3/suppression/unsubscribes, or the CSV",
        ("email",),
        ("created", "created_at"),
        (),
        _always(_unsubscribed("SendGrid")),
    ),
    Form(
        "sendgrid-groups",
        "SendGrid's group unsubscribes: /v3/asm/suppressions, or of one group with --list",
        ("email",),
        ("created_at", "created"),
        (("group_name", "group name", "name"), ("group_id", "group id")),
        _sendgrid_group,
        items=("suppressions",),
    ),
    Form(
        "sendgrid-spam-reports",
        "SendGrid's spam reports: /v3/suppression/spam_reports, or the CSV",
        ("email",),
        ("created", "created_at"),
        (),
        _always(_complained("SendGrid")),
    ),
    Form(
        "sendgrid-bounces",
        "SendGrid's bounces and invalid addresses: /v3/suppression/bounces, .../invalid_emails, or the CSV",
        ("email",),
        ("created", "created_at"),
        (),
        _always(_bounced("SendGrid")),
    ),
    Form(
        "mailchimp-unsubscribed",
        "Mailchimp's unsubscribed contacts, as its audience export has them",
        ("email address", "email"),
        ("unsub_time", "last_changed"),
        (("unsub_reason",),),
        _mailchimp,
        in_utc=False,
    ),
    Form(
        "mailchimp-cleaned",
        "Mailchimp's cleaned contacts, as its audience export has them",
        ("email address", "email"),
        ("clean_time", "last_changed"),
        (),
        _always(_bounced("Mailchimp")),
        in_utc=False,
    ),
    Form(
        "postmark",
        "Postmark's suppressions of a message stream: /message-streams/{stream}/suppressions/dump",
        ("emailaddress", "email"),
        ("createdat", "created_at"),
        (("suppressionreason", "suppression_reason", "reason"), ("origin",)),
        _postmark,
        items=("Suppressions",),
    ),
    Form(
        "mailgun-unsubscribes",
        "Mailgun's unsubscribes of a domain: /v3/{domain}/unsubscribes, or the CSV address,tags,created_at",
        ("address", "email"),
        ("created_at",),
        (("tags", "tag"),),
        _mailgun,
        items=("items",),
    ),
    Form(
        "mailgun-complaints",
        "Mailgun's complaints of a domain: /v3/{domain}/complaints",
        ("address", "email"),
        ("created_at",),
        (),
        _always(_complained("Mailgun")),
        items=("items",),
    ),
    Form(
        "mailgun-bounces",
        "Mailgun's bounces of a domain: /v3/{domain}/bounces",
        ("address", "email"),
        ("created_at",),
        (),
        _always(_bounced("Mailgun")),
        items=("items",),
    ),
    Form(
        "telnyx",
        "Telnyx's opt-outs: /v2/messaging_optouts, without redaction",
        ("to",),
        ("created_at",),
        (),
        _always(_texted("Telnyx", Way.REPLY)),
        items=("data",),
        sender=("from",),
    ),
    Form(
        "vonage-receipts",
        "Vonage's delivery receipts, of which those with err-code 9 count",
        ("msisdn",),
        ("message-timestamp", "message_timestamp"),
        (("err-code", "err_code"),),
        _coded("9", _texted("Vonage")),
        sender=("to",),
        bare=True,
    ),
    Form(
        "vonage-reports",
        "Vonage's message reports, of which rows with error_code 9 count",
        ("to",),
        ("date_finalized", "date_received"),
        (("error_code",),),
        _coded("9", _texted("Vonage")),
        items=("records",),
        sender=("from",),
        bare=True,
    ),
)


def plain(said: bool, covers: OptOutScope, reason: str) -> Form:
    """Our own: `address`, and of `channels`, `at`, `covers`, `campaign`, `list`, `said`, `way`, `until`, `reason`
    those that are there. What a row does not say is as stated here."""

    def rows(values: tuple[str, ...]) -> tuple[Row, ...]:
        channels, reach, campaign, of_list, by_person, way, until, why = values
        extent = OptOutScope(reach) if reach else covers
        if (extent is OptOutScope.CAMPAIGN) != bool(campaign):
            raise ValueError("`campaign` goes with `covers` campaign")
        if (extent is OptOutScope.LIST) != bool(of_list):
            raise ValueError("`list` goes with `covers` list")
        if by_person.lower() not in _TRUTH:
            raise ValueError("`said` is not yes or no")
        spoken = _TRUTH[by_person.lower()]
        told = said if spoken is None else spoken
        word = _word(Way, way) if way else Way.IMPORTED if told else None
        return (
            Row(
                told,
                word,
                why[:200] or reason,
                mask(_word(Channel, one) for one in channels.replace("|", " ").split()),
                extent,
                of_list,
                campaign,
                parse_rfc3339(until) if until else None,
            ),
        )

    names = ("channels", "covers", "campaign", "list", "said", "way", "until", "reason")
    return Form(
        "csv", "address, and what else of ours is there", ("address",), ("at",), tuple((n,) for n in names), rows
    )


def named(name: str) -> Form | None:
    return next((form for form in PROVIDERS if form.name == name), None)


def moment(text: str, now: int, *, in_utc: bool) -> int:
    """A provider's time as microseconds UTC: RFC 3339, RFC 5322, seconds or milliseconds since 1970, or a date.

    A date counts to its end anywhere on earth, a time of no known zone as the latest it may be: of two moments,
    the later is the one that an earlier consent cannot lift. Raises `ValueError`.
    """
    bare = text.removesuffix(" UTC")
    if bare.replace(".", "", 1).isdigit():
        number = float(bare)
        at = int(number * (SECOND if number < 1e11 else 1000))
        if at < 100_000_000 * SECOND:
            raise ValueError("is no time")
    elif len(bare) == 10 and bare[4] == bare[7] == "-":
        at = parse_day(bare) * DAY
        at = at if at > now else min(at + DAY + 12 * HOUR - 1, now)
    else:
        found = _instant(bare)
        if found.tzinfo is None:
            zoned = in_utc or bare != text
            at = at_of(found.replace(tzinfo=UTC))
            at = at if zoned else min(at + 12 * HOUR, max(now, at))
        else:
            at = at_of(found)
    if at > now + DAY:
        raise ValueError("lies in the future")
    return min(at, now)


_TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        raise ValueError("is no time") from None


W = TypeVar("W", bound=Word)


def _word(words: type[W], text: str) -> W:
    try:
        return words(text)
    except ValueError:
        raise ValueError(f"holds a word that is none of: {', '.join(words)}") from None
