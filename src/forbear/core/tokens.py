"""Signed tokens: an id in a link, which nobody can make up and which says nothing about anybody.

A token is one byte of key id, 16 bytes of id and the first 12 bytes of HMAC-SHA256(key, label ‖ key id ‖ id), in
base64url without padding: 39 characters. The label keeps a token of one use from serving another.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

_MAC: Final = 12
# Two bits of the last character are over. They are zero, so that one id has one token.
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{38}[AEIMQUYcgkosw048]")


def sign(label: str, identity: UUID, keys: Mapping[int, bytes]) -> str:
    """The token of `identity` under the newest of `keys` (key id 1 to 255 -> 32 bytes)."""
    key_id = max(keys)
    body = bytes([key_id]) + identity.bytes
    return base64.urlsafe_b64encode(body + _mac(label, body, keys[key_id])).rstrip(b"=").decode()


def read(label: str, token: str, keys: Mapping[int, bytes]) -> UUID | None:
    """The id of a token of ours, None of anything else. Constant time in the signature."""
    if not _FORM.fullmatch(token):
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=")
    except (binascii.Error, ValueError):
        return None
    body, given = raw[:-_MAC], raw[-_MAC:]
    key = keys.get(body[0])
    if key is None or not hmac.compare_digest(given, _mac(label, body, key)):
        return None
    return UUID(bytes=body[1:])


def _mac(label: str, body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, label.encode() + b"\0" + body, "sha256")[:_MAC]  # by name: five times as fast
