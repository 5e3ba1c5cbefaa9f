"""Who carries a message of ours: a mail server, an HTTP carrier, the outbox page of a sample, or nobody.

What comes of an attempt is one of three: it was taken (`Taken`), it was refused for now (`NotNow`) or for good
(`Refused`), all for certain; or nobody knows (`Unknown`): the line broke after the message had been handed over.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

from forbear.core.errors import BadInput
from forbear.core.instants import moment_of
from forbear.core.words import Channel

TIMEOUT_S: Final = 20.0
_CODE: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class Taken(NamedTuple):
    by: str
    provider_id: str


class NotNow(NamedTuple):
    why: str  # a code, never an address


class Refused(NamedTuple):
    why: str


class Unknown(NamedTuple):
    why: str


Outcome = Taken | NotNow | Refused | Unknown


class Carrier(Protocol):
    """Carries the messages of one channel or more."""

    def carry(self, message: UUID, kind: str, channel: Channel, content: dict[str, Any], at: int) -> Outcome:
        """Hands over one message. `at`: now, microseconds UTC. Does not raise for what the other side does."""


class Page:
    """A sample installation: nothing leaves, `/outbox` shows what would have."""

    def carry(self, message: UUID, kind: str, channel: Channel, content: dict[str, Any], at: int) -> Outcome:
        return Taken("outbox page of a sample: nothing left", "")


class Smtp:
    """`smtp://[user:password@]host[:port]` with STARTTLS, `smtps://…` with TLS from the start.

    `?tls=off` is for a server on this machine; certificates are checked, `?ca=FILE` names whose.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        options = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or options.keys() - {"tls", "ca"}:
            raise BadInput("not a mail server", key="FORBEAR_SMTP_URL", todo="write smtp://user:password@host:587")
        if "@" not in parseaddr(sender)[1]:
            raise BadInput("not a sender of mails", key="FORBEAR_MAIL_FROM", todo="write Name <address@example.org>")
        self._host, self._direct = parts.hostname, parts.scheme == "smtps"
        self._port = parts.port or (465 if self._direct else 587)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._plain = options.get("tls") == "off"
        self._context = ssl.create_default_context(cafile=options.get("ca") or None)
        self._sender = sender

    def carry(self, message: UUID, kind: str, channel: Channel, content: dict[str, Any], at: int) -> Outcome:
        to = str(content["to"])
        if "=?" in to:
            return Refused("an address that reads as an encoded word")
        mail = compose(message, self._sender, content, at)
        try:
            server = self._connected()
        except smtplib.SMTPNotSupportedError:
            return NotNow("the mail server offers no TLS or login")
        except smtplib.SMTPResponseException as error:  # ours to mend, not the message's fault
            return NotNow(f"SMTP {error.smtp_code} before any mail")
        except (OSError, smtplib.SMTPException) as error:
            return NotNow(f"no connection: {type(error).__name__}")
        try:  # from here on a broken line leaves it open whether it was taken
            server.send_message(mail, from_addr=parseaddr(self._sender)[1], to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(*next(iter(error.recipients.values()), (550, b"")))
        except smtplib.SMTPNotSupportedError:
            return Refused("the mail server takes no such address")
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return Unknown(f"the line broke: {type(error).__name__}")
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()  # whatever it answers: the mail was taken or not before
        return Taken("smtp", str(mail["Message-ID"]))

    def _connected(self) -> smtplib.SMTP:
        if self._direct:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=self._context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
            if not self._plain:
                server.starttls(context=self._context)
        if self._login is not None:
            server.login(*self._login)
        return server


def compose(message: UUID, sender: str, content: dict[str, Any], at: int) -> EmailMessage:
    """The mail, marked as automatic (RFC 3834) so that no machine answers it."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = str(content["to"])
    mail["Subject"] = _one_line(content.get("subject") or "")
    mail["Date"] = format_datetime(moment_of(at))
    mail["Message-ID"] = make_msgid(idstring=message.hex, domain=parseaddr(sender)[1].rpartition("@")[2])
    headers = {str(name): _one_line(value) for name, value in (content.get("headers") or {}).items()}
    mail["Auto-Submitted"] = headers.pop("Auto-Submitted", "auto-replied")
    mail["X-Auto-Response-Suppress"] = "All"
    for name, value in headers.items():
        if name not in mail:
            mail[name] = value
    mail.set_content(str(content["text"]))
    if content.get("html"):
        mail.add_alternative(str(content["html"]), subtype="html")
    return mail


class Http:
    """A carrier of texts (and calls) by HTTP: `docs/operating/messages.md` says what it is asked and answers."""

    def __init__(self, url: str, secret: str | None) -> None:
        if urlsplit(url).scheme not in {"https", "http"}:
            raise BadInput("not an HTTP address", key="FORBEAR_CARRIER_URL", todo="write https://…")
        self._url, self._secret = url, secret

    def carry(self, message: UUID, kind: str, channel: Channel, content: dict[str, Any], at: int) -> Outcome:
        body = {"reference": str(message), "kind": kind, "channel": channel.value, "to": content["to"]}
        body |= {"text": content["text"]} | ({"from": content["from"]} if content.get("from") else {})
        headers = {"Content-Type": "application/json", "User-Agent": "Forbear", "Idempotency-Key": str(message)}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, json.dumps(body).encode(), headers, method="POST"
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
                return Taken("http carrier", _id_in(answer.read(65_536)))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in {408, 425, 429, 502, 503, 504}:
                return NotNow(f"HTTP {error.code}")
            return Unknown(f"HTTP {error.code}") if error.code >= 500 else Refused(f"HTTP {error.code}")
        except urllib.error.URLError as error:
            reason = error.reason
            if isinstance(reason, ConnectionRefusedError | ssl.SSLError) or "resolution" in str(reason):
                return NotNow(f"no connection: {type(reason).__name__}")
            return Unknown(f"the line broke: {type(reason).__name__}")
        except (OSError, http.client.HTTPException) as error:
            return Unknown(f"the line broke: {type(error).__name__}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A carrier that moved is a carrier to be configured: its secret goes nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def configured() -> dict[Channel, Carrier]:
    """Who carries each channel, by the environment; a channel with nobody is absent. Raises `BadInput`."""
    found: dict[Channel, Carrier] = {}
    mail, carrier = os.environ.get("FORBEAR_SMTP_URL"), os.environ.get("FORBEAR_CARRIER_URL")
    if os.environ.get("FORBEAR_SAMPLE"):
        found = dict.fromkeys(Channel, Page())
    if mail:
        found[Channel.EMAIL] = Smtp(mail, os.environ.get("FORBEAR_MAIL_FROM", ""))
    if carrier:
        texts = Http(carrier, _secret("FORBEAR_CARRIER_SECRET"))
        found |= {Channel.SMS: texts, Channel.VOICE: texts}
    return found


def _secret(variable: str) -> str | None:
    """From the environment, or from the file that `…_FILE` names."""
    path = os.environ.get(f"{variable}_FILE")
    if not path:
        return os.environ.get(variable)
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=path, key=f"{variable}_FILE") from None


def _refused(code: int, said: bytes | str) -> Outcome:
    """A mail server's answer, without its words: they may hold the address."""
    words = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    found = _CODE.search(words)
    why = f"SMTP {code}" + (f" {found[0]}" if found else "")
    return Refused(why) if 500 <= code < 600 else NotNow(why)


def _id_in(body: bytes) -> str:
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(said.get("id", ""))[:200] if isinstance(said, dict) else ""


def _one_line(text: object) -> str:
    """In one line that stays one: an encoded word (RFC 2047) is decoded by the mail library, line breaks and all."""
    return " ".join(str(text).replace("=?", "= ?").split())
