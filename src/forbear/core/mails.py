"""What is this mail: a person's words, an automatic reply, a complaint, or a report on what became of a message?

Automatic replies are told by RFC 3834's `Auto-Submitted`, by the marks older programs set, by an empty return path
and by subjects; complaints by RFC 5965's `message/feedback-report`, wherever it stands in the mail; delivery reports
by RFC 3464's `message/delivery-status`, read recipient by recipient: one may have failed where another waits.
"""

from __future__ import annotations

import email
import email.errors
import email.header
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage, Message
from email.utils import getaddresses, parseaddr
from enum import StrEnum
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from typing import Final, cast

from forbear.core.hearing import any_of, is_word, normal

_MOST_PARTS: Final = 200
_MOST_RECIPIENTS: Final = 1000
_LONGEST_TEXT: Final = 20_000
_LONGEST_HEADER: Final = 4_000  # reading encoded words takes the square of their number


class MailKind(StrEnum):
    MESSAGE = "message"
    AUTO_REPLY = "auto_reply"
    COMPLAINT = "complaint"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Reported:
    """One recipient of a delivery report. `status` is RFC 3463's, as `5.1.1`."""

    address: str
    action: str  # failed, delayed, delivered, relayed, expanded
    status: str

    @property
    def permanent(self) -> bool:
        """It failed, and not only for now."""
        return self.action == "failed" and not self.status.startswith(("4.", "2."))


@dataclass(frozen=True, slots=True)
class Mail:
    kind: MailKind
    why: str
    sender: str  # the address of From, or the empty text
    to: str | None
    subject: str
    message_id: str  # or the digest of the mail where it has none
    text: str  # the person's own words, without what is quoted
    forged: bool  # the receiving server says that its From is not to be believed
    complained: str = ""  # with a complaint: RFC 5965's feedback type
    recipients: tuple[Reported, ...] = ()  # of a report; of a complaint who complained
    tokens: tuple[str, ...] = ()  # with a complaint: what may be tokens of ours in the mail it is about


def read(raw: bytes) -> Mail:
    """Never raises: what cannot be parsed is what it looks like as far as it goes. Nested without end: from nobody."""
    try:
        return _read(raw)
    except RecursionError:
        digest = f"sha256:{sha256(raw).hexdigest()}"
        return Mail(MailKind.MESSAGE, "nested beyond reading", "", None, "", digest, "", forged=True)


def _read(raw: bytes) -> Mail:
    mail = cast(EmailMessage, email.message_from_bytes(raw, policy=policy.compat32.clone(raise_on_defect=False)))
    parts = list(_parts(mail))
    subject = _decoded(mail.get("Subject"))
    found = Mail(
        kind=MailKind.MESSAGE,
        why="somebody wrote",
        sender=parseaddr(_decoded(mail.get("From")))[1],
        to=next((address for _, address in getaddresses([_decoded(mail.get("To"))]) if "@" in address), None),
        subject=subject,
        message_id=_one_line(mail.get("Message-ID")) or f"sha256:{sha256(raw).hexdigest()}",
        text="",
        forged=_forged(mail),
    )
    if (complaint := _complaint(parts)) is not None:
        kind, who, tokens = complaint
        return replace(
            found,
            kind=MailKind.COMPLAINT,
            why="a feedback report",
            complained=kind,
            recipients=tuple(Reported(address, "complained", "") for address in who),
            tokens=tokens,
        )
    if reported := tuple(_reported(parts)):
        return replace(found, kind=MailKind.REPORT, why="a delivery report", recipients=reported)
    text = _own_words(parts)
    if why := _automatic(mail, subject):
        return replace(found, kind=MailKind.AUTO_REPLY, why=why, text=text)
    return replace(found, text=text)


# --- automatic replies

BY_PROGRAM: Final = "a mail program that unsubscribes for its owner"
_MARKS: Final = {  # header -> what it says where it is set; None: anything
    "X-Autoreply": None,
    "X-Autorespond": None,
    "X-Autoresponder": None,
    "X-Auto-Reply-From": None,
    "X-Mail-Autoreply": None,
    "X-FC-MachineGenerated": None,
    "Auto-Reply": None,
    "Delivered-To": re.compile(r"^autoresponder$"),
    "X-Auto-Response-Suppress": re.compile(r"\b(all|oof|autoreply|dr|rn|nrn)\b"),
    "Precedence": re.compile(r"^(bulk|junk|list|auto[_-]?reply)$"),
    "X-Precedence": re.compile(r"^(bulk|junk|list|auto[_-]?reply)$"),
    "X-POST-MessageClass": re.compile(r"autorespon"),
    "List-Id": None,
}
_MACHINES: Final = re.compile(
    r"^(mailer-daemon|postmaster|mail-daemon|noreply-?bounces?|bounces?)(\+|@|$)", re.IGNORECASE
)


def _automatic(mail: Message, subject: str) -> str:
    """Why it is an automatic reply; the empty text: it is not."""
    submitted = _one_line(mail.get("Auto-Submitted")).partition(";")[0].strip().lower()
    if submitted and _one_line(mail.get("X-Apple-Unsubscribe")).lower() == "true":
        return BY_PROGRAM
    if submitted == "auto-generated" and is_word(subject):
        return BY_PROGRAM
    if submitted and submitted != "no":
        return f"Auto-Submitted: {submitted[:40]}"
    for header, pattern in _MARKS.items():
        if header in mail and (pattern is None or pattern.search(_one_line(mail[header]).lower())):
            return header
    if "Return-Path" in mail and _one_line(mail["Return-Path"]) in {"<>", ""}:
        return "an empty return path"
    if any(_MACHINES.match(one) for one in parseaddr(_decoded(mail.get("From"))) if one):
        return "from a mail server"
    if mail.get_content_type() == "multipart/report":
        return "a report"
    return "its subject" if _subjects().search(f" {normal(subject)} ") else ""


@cache
def _subjects() -> re.Pattern[str]:
    source = resources.files("forbear.core.vocabulary").joinpath("automatic.toml")
    return any_of(tomllib.loads(source.read_text(encoding="utf-8"))["subjects"])


def _forged(mail: Message) -> bool:
    """As the server that received it says in the topmost `Authentication-Results` (RFC 8601)."""
    return bool(re.search(r"\bdmarc\s*=\s*fail\b", _one_line(mail.get("Authentication-Results")).lower()))


# --- reports

_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{39}(?![A-Za-z0-9_-])")
_HOTMAIL: Final = "X-HmXmrOriginalRecipient"  # its complaints are the mail itself with this header, and no report
_NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure", "dmarc"})


def _complaint(parts: list[Message]) -> tuple[str, list[str], tuple[str, ...]] | None:
    """Of which kind, by whom, and what stands in the mail that it is about."""
    report = next((part for part in parts if part.get_content_type() == "message/feedback-report"), None)
    original = _original(parts)
    if report is None and (original is None or _HOTMAIL not in original):
        return None
    fields = Message() if report is None else _headers_in(report)
    kind = _one_line(fields.get("Feedback-Type")).lower() or "abuse"
    who = [*fields.get_all("Original-Rcpt-To", []), *fields.get_all("Removal-Recipient", [])]
    if not _addresses(who) and original is not None:
        who = [original.get(_HOTMAIL, ""), original.get("Delivered-To", "")]
        if not _addresses(who):
            who = original.get_all("To", [])
    tokens = () if original is None else tuple(dict.fromkeys(_TOKEN.findall(_links(original))))[:10]
    return (kind, [] if kind in _NO_COMPLAINT else _addresses(who), () if kind in _NO_COMPLAINT else tokens)


def _links(original: Message) -> str:
    return " ".join(_one_line(value) for value in original.get_all("List-Unsubscribe", []))


def _original(parts: list[Message]) -> Message | None:
    """The mail that a report is about, or its headers."""
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/rfc822" and part.is_multipart():
            inner = _inner(part)
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                return inner[0]
        if kind in {"text/rfc822-headers", "message/rfc822-headers", "message/rfc822"}:
            return _headers_in(part)
    return None


def _reported(parts: list[Message]) -> Iterator[Reported]:
    seen: set[tuple[str, str]] = set()
    for part in parts:
        if part.get_content_type() not in {"message/delivery-status", "message/global-delivery-status"}:
            continue
        for group in _groups(part):
            action = _one_line(group.get("Action")).partition(" ")[0].lower()
            who = _recipient(group.get("Original-Recipient")) or _recipient(group.get("Final-Recipient"))
            if not action or not who or (who, action) in seen or len(seen) >= _MOST_RECIPIENTS:
                continue
            seen.add((who, action))
            status = re.search(r"\d\.\d{1,3}\.\d{1,3}", _one_line(group.get("Status")))
            yield Reported(who, action, status[0] if status else "")


def _groups(part: Message) -> list[Message]:
    payload = _inner(part)
    if isinstance(payload, list):
        return [one for one in payload if isinstance(one, Message)]
    return [
        email.message_from_string(block) for block in re.split(r"\r?\n[ \t]*\r?\n", _text_of(part)) if block.strip()
    ]


def _recipient(field: object) -> str:
    """`rfc822; pat@example.org`"""
    kind, found, address = _one_line(field).partition(";")
    found_at = parseaddr(address.strip() if found else kind)[1].strip("<>")
    return found_at if "@" in found_at and kind.strip().lower() not in {"x400", "unknown"} else ""


def _addresses(fields: list[str]) -> list[str]:
    found = [address for _, address in getaddresses([_one_line(field) for field in fields])]
    return list(dict.fromkeys(one for one in found if "@" in one and "redacted" not in one.lower()))[:_MOST_RECIPIENTS]


def _headers_in(part: Message) -> Message:
    payload = _inner(part)
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        inner = payload[0]
        if inner.keys():
            return inner
        return email.message_from_string(_text_of(inner))
    return email.message_from_string(_text_of(part).lstrip())


# --- words

_QUOTE_BEGINS: Final = re.compile(
    r"^(-{2,} ?(original|forwarded|urspr|message d'origine|mensaje original|messaggio originale|oorspronkelijk"
    r"|mensagem original|wiadomo|původní|pôvodná|eredeti|mesaj original|оригинално|αρχικό|izvorna|originaal).*"
    r"|_{10,}|(from|von|de|da|van|från|fra|lähettäjä|od|feladó|de la|от|από|no|nuo): .+@.+"
    r"|.{0,120}(wrote|schrieb.*|a écrit|escribió|ha scritto|escreveu|schreef.*|skrev|kirjoitti|napisał\(?a?\)?"
    r"|napsal\(?a?\)?|napísal\(?a?\)?|írta|a scris|написа|έγραψε|je napisao.*|je napisal.*|kirjutas|rakstīja|rašė|kiteb"
    r"|scríobh.*) ?:)$",
    re.IGNORECASE,
)


def _own_words(parts: list[Message]) -> str:
    """The plain text, else the HTML's, up to where somebody is quoted; without a signature."""
    plain = next((part for part in parts if part.get_content_type() == "text/plain"), None)
    text = _text_of(plain) if plain is not None else ""
    if not text.strip():
        html = next((part for part in parts if part.get_content_type() == "text/html"), None)
        text = _of_html(_text_of(html)) if html is not None else ""
    kept: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if line in {"-- ", "--"} or _QUOTE_BEGINS.match(bare):
            break
        if not bare.startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()[:_LONGEST_TEXT]


class _Words(HTMLParser):
    _SKIPPED: Final = frozenset({"style", "script", "head", "blockquote", "title"})
    _BREAKS: Final = frozenset({"p", "div", "br", "tr", "li"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        quote = tag == "div" and any(name == "class" and "quote" in (value or "") for name, value in attrs)
        if tag in self._SKIPPED or quote or (self._inside and tag == "div"):
            self._inside += 1
        elif tag in self._BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and (tag in self._SKIPPED or tag == "div"):
            self._inside -= 1
        elif tag in self._BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)


def _of_html(text: str) -> str:
    parser = _Words()
    parser.feed(text[: _LONGEST_TEXT * 10])
    return "".join(parser.words)


def _parts(mail: Message) -> Iterator[Message]:
    for count, part in enumerate(mail.walk()):
        if count >= _MOST_PARTS:
            return
        yield part


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if payload is None:
        inner = _inner(part)
        parts = inner if isinstance(inner, list) else ()
        return _whole(inner if isinstance(inner, str) else "\n".join(str(one) for one in parts))
    assert isinstance(payload, bytes)
    try:
        return _whole(payload.decode(part.get_content_charset() or "utf-8", "replace"))
    except (LookupError, ValueError):  # none, one that is no charset of texts, one that cannot be a name
        return payload.decode("utf-8", "replace")


def _inner(part: Message) -> object:
    """The parts within, or the text; neither where it is in no charset of texts."""
    try:
        return part.get_payload()
    except (LookupError, ValueError):
        return None


def _whole(text: str) -> str:
    """Halves of characters, which some charsets can write and nothing can keep, become question marks."""
    return text.encode("utf-8", "replace").decode()


def _decoded(header: object) -> str:
    if header is None:
        return ""
    try:
        return _one_line(str(email.header.make_header(email.header.decode_header(_one_line(header)))))
    except (LookupError, ValueError, email.errors.MessageError):
        return _one_line(header)


def _one_line(value: object) -> str:
    return "" if value is None else " ".join(_whole(str(value)[:_LONGEST_HEADER]).replace("\0", " ").split())
