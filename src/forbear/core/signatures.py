"""Is a webhook really from whom it says: Standard Webhooks (HMAC-SHA256) and Twilio (HMAC-SHA1), in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from hashlib import sha1, sha256
from typing import Final

from forbear.core.instants import MINUTE, SECOND

TOLERANCE: Final = 5 * MINUTE
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS: Final = re.compile(r"\d{1,12}")
_MOST_SIGNATURES: Final = 10


def standard(message_id: str, timestamp: str, signatures: str, body: bytes, secrets: Iterable[bytes], now: int) -> bool:
    """Standard Webhooks: `v1,<base64>` over `id.timestamp.body`, one of several signatures by any of the secrets.

    `timestamp` is in seconds; one that is more than five minutes from `now` (microseconds UTC) is refused.
    """
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(timestamp):
        return False
    if abs(now - int(timestamp) * SECOND) > TOLERANCE:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    wanted = [hmac.digest(secret, signed, sha256) for secret in secrets]
    good = False
    for one in signatures.split()[:_MOST_SIGNATURES]:
        version, _, text = one.partition(",")
        given = _decoded(text)
        for mine in wanted:
            good |= version == "v1" and given is not None and hmac.compare_digest(mine, given)
    return good


def sign(message_id: str, timestamp_s: int, body: bytes, secret: bytes) -> str:
    """The header `webhook-signature` of a message."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, sha256)).decode()


def twilio(url: str, form: Mapping[str, str], signature: str, token: str) -> bool:
    """Twilio: base64 of HMAC-SHA1 over the URL as it was called and every field's name and value, by name."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    given = _decoded(signature)
    return given is not None and hmac.compare_digest(hmac.digest(token.encode(), signed.encode(), sha1), given)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
