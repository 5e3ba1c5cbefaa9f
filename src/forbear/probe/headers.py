"""The header fields of one-click unsubscription, checked by RFC 2369 and RFC 8058."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses
from hashlib import md5, sha1, sha256
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from forbear.core.errors import BadInput
from forbear.probe.findings import Finding, failed, passed, skipped, warned

ONE_CLICK: Final = "List-Unsubscribe=One-Click"
MOST: Final = 10 << 20
_SYNTAX: Final = "RFC 2369 section 2"
_SENDERS: Final = "RFC 8058 section 3.1"
_DKIM: Final = "RFC 8058 section 4"
_URI: Final = re.compile(r"<([^<>]*)>")
_BETWEEN: Final = re.compile(r"\s*(\([^()]*\)\s*)?(,\s*(\([^()]*\)\s*)?)?")


class Fields(NamedTuple):
    """The fields of one message, unfolded, in order."""

    unsubscribe: list[str]
    post: list[str]
    signatures: list[str]
    recipients: list[str]
    whole: bool  # a whole message: its signatures would be there


def of_message(raw: bytes) -> Fields:
    """Raises `BadInput` for a message without a header."""
    if len(raw) > MOST:
        raise BadInput(f"is larger than {MOST >> 20} MB")
    message = BytesHeaderParser(policy=compat32).parsebytes(raw)
    if not message.keys():
        raise BadInput("has no header", todo="give the message as it was received (.eml)")
    recipients = [
        address for _, address in getaddresses([str(value) for value in message.get_all("To", [])]) if address
    ]
    return Fields(
        _all(message, "List-Unsubscribe"),
        _all(message, "List-Unsubscribe-Post"),
        _all(message, "DKIM-Signature"),
        recipients,
        True,
    )


def of_lines(lines: Sequence[str]) -> Fields:
    """`Name: value`, one each. Raises `BadInput`."""
    message = Message(policy=compat32)
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadInput(f"`{line[:60]}` is no header field", key="--header", todo="write `Name: value`")
        message.add_header(name.strip(), value.strip())
    return Fields(_all(message, "List-Unsubscribe"), _all(message, "List-Unsubscribe-Post"), [], [], False)


def _all(message: Message, name: str) -> list[str]:
    return [re.sub(r"\s*\r?\n\s*", " ", str(value)).strip() for value in message.get_all(name, [])]


def uris(value: str) -> list[str]:
    """The URIs of a List-Unsubscribe field, without the white space within (RFC 2369 section 2)."""
    return ["".join(found.split()) for found in _URI.findall(value)]


def check(fields: Fields, url: str | None) -> list[Finding]:
    """What is wrong with them. `url`: what is to be tried, if it is named apart."""
    found = [*_unsubscribe(fields, url), *_post(fields)]
    found.append(_signed(fields))
    return found


def https_uri(fields: Fields) -> str | None:
    return next((one for value in fields.unsubscribe for one in uris(value) if one.lower().startswith("https:")), None)


def _unsubscribe(fields: Fields, url: str | None) -> list[Finding]:
    name = "list-unsubscribe"
    if not fields.unsubscribe:
        return [failed(name, "there is no List-Unsubscribe field", _SENDERS)]
    if len(fields.unsubscribe) > 1:
        return [failed(name, f"there are {len(fields.unsubscribe)} List-Unsubscribe fields, not one", _SENDERS)]
    value = fields.unsubscribe[0]
    found: list[Finding] = []
    rest = _URI.sub("<>", value)
    if not value.startswith("<") or any(not _BETWEEN.fullmatch(part) for part in rest.split("<>")):
        found.append(failed(name, "the URIs are not each in angle brackets, parted by commas", _SYNTAX))
    every = uris(value)
    secure = [one for one in every if one.lower().startswith("https:")]
    if len(secure) == 1:
        found.append(passed(name, "one https URI", _SENDERS))
    elif secure:
        found.append(failed(name, f"{len(secure)} https URIs, not one: which is meant is not clear", _SENDERS))
    else:
        found.append(failed(name, "no https URI", _SENDERS))
    if any(one.lower().startswith("http:") for one in every):
        found.append(failed(name, "an http URI: besides the https URI only others than HTTP may stand", _SENDERS))
    if not any(one.lower().startswith("mailto:") for one in every):
        found.append(warned(name, "no mailto URI: programs that know no one-click have no way", "RFC 2369 section 3.2"))
    if url is not None and secure and url not in secure:
        found.append(warned(name, "the URI of the message is another than the one that is tried"))
    return found


def _post(fields: Fields) -> list[Finding]:
    name = "list-unsubscribe-post"
    if len(fields.post) != 1:
        there = (
            f"{len(fields.post)} List-Unsubscribe-Post fields, not one" if fields.post else "no List-Unsubscribe-Post"
        )
        return [failed(name, f"there is {there}" if not fields.post else f"there are {there}", _SENDERS)]
    if fields.post[0] != ONE_CLICK:
        return [failed(name, f"it says `{fields.post[0][:60]}`, not `{ONE_CLICK}`", _SENDERS)]
    return [passed(name, f"it says `{ONE_CLICK}`", _SENDERS)]


def _signed(fields: Fields) -> Finding:
    name = "dkim"
    if not fields.whole:
        return skipped(name, "no message was given: whether a signature covers the fields is not known", _DKIM)
    if not fields.signatures:
        return failed(name, "the message has no DKIM signature", _DKIM)
    uncovered: set[str] = set()
    for signature in fields.signatures:
        tags = dict(part.split("=", 1) for part in "".join(signature.split()).split(";") if "=" in part)
        covered = {one.lower() for one in tags.get("h", "").split(":")}
        missing = {"list-unsubscribe", "list-unsubscribe-post"} - covered
        if not missing:
            by = tags.get("d", "somebody")
            return passed(name, f"the signature of {by} covers both fields (it was not verified here)", _DKIM)
        uncovered |= missing
    return failed(name, f"no signature covers {' and '.join(sorted(uncovered))} (its h= tag)", _DKIM)


# --- the URI itself

_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}(@|%40)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NAMED: Final = re.compile(r"[?&](e?-?mail|address|phone|msisdn|to|recipient|user_?name)=", re.IGNORECASE)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_.~-]{16,}")


def check_uri(url: SplitResult, recipients: Sequence[str] = ()) -> list[Finding]:
    """Whether the URI is https, gives nobody away, and is hard to forge."""
    name = "uri"
    found = []
    if url.scheme == "https":
        found.append(passed("https", "the URI is https", _SENDERS))
    else:
        found.append(failed("https", f"the URI is {url.scheme}, not https", _SENDERS))
    whole = f"{url.path}?{url.query}"
    if _ADDRESS.search(whole) or any("@" in text for text in _decoded(whole)):
        said = "an e-mail address stands in the URI: it lands in logs, and anybody can write another there"
        found.append(failed(name, said, f"{_SENDERS} (opaque identifier)"))
    elif (hashed := _hashed(whole, recipients)) is not None:
        said = f"the URI holds the {hashed} of the recipient's address, which anybody can compute"
        found.append(failed(name, said, f"{_SENDERS} (hard to forge)"))
    elif named := _NAMED.search(whole):
        found.append(warned(name, f"the URI has a part `{named.group(1)}`: does it name the recipient?", _SENDERS))
    if not found or found[-1].check != name:
        if _OPAQUE.search(whole):
            found.append(passed(name, "no address in the URI, and an opaque part", _SENDERS))
        else:
            found.append(warned(name, "no part of the URI looks hard to forge", f"{_SENDERS} (SHOULD)"))
    return found


def _decoded(text: str) -> list[str]:
    """What long parts say in base64."""
    from base64 import urlsafe_b64decode
    from binascii import Error

    said = []
    for part in re.findall(r"[A-Za-z0-9+_-]{12,}", text):
        try:
            plain = urlsafe_b64decode(part.replace("+", "-") + "=" * (-len(part) % 4)).decode("ascii")
        except (Error, ValueError):
            continue
        if re.search(r"[a-z0-9]@[a-z0-9-]+\.[a-z]{2,}", plain, re.IGNORECASE):
            said.append(plain)
    return said


def _hashed(text: str, recipients: Sequence[str]) -> str | None:
    for recipient in recipients:
        for form in {recipient, recipient.lower()}:
            for name, made in (("MD5", md5), ("SHA-1", sha1), ("SHA-256", sha256)):
                if made(form.encode()).hexdigest() in text.lower():  # looked for, not relied on
                    return name
    return None


def split(text: str) -> SplitResult:
    """The URL to try. Raises `BadInput`."""
    try:
        url = urlsplit(text.strip())
        _ = url.port
    except ValueError:
        raise BadInput("not a URL", key="URL") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise BadInput("not an http or https URL", key="URL", todo="give the URI of the List-Unsubscribe field")
    if re.search(r"[\s\x00-\x1f\x7f]", text.strip()) or not text.isascii():
        raise BadInput("not a URL", key="URL", todo="write it in ASCII, percent-encoded")
    return url
