"""Signed notes (`https://c2sp.org/signed-note`) with Ed25519 keys, and checkpoints as their text.

A key is written as Go's `sumdb/note` writes it: `NAME+ID+BASE64` to check with, `PRIVATE+KEY+NAME+ID+BASE64` to
sign with. A checkpoint (`https://c2sp.org/tlog-checkpoint`) is a note of three lines: origin, size, root.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from forbear.core.errors import BadInput
from forbear.tlog.merkle import HASH_BYTES

ED25519: Final = b"\x01"
MAX_NOTE: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_PRIVATE: Final = "PRIVATE+KEY+"
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key (its 32-byte seed) and the name it signs under. Never printed."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    @property
    def skey(self) -> str:
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{b64encode(ED25519 + self.seed).decode()}"

    def sign(self, text: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


class Signature(NamedTuple):
    name: str
    key: bytes  # 4 bytes
    signature: bytes


class Note(NamedTuple):
    """As it stands, nothing checked. `text` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def signer(skey: str) -> Signer:
    """Raises `BadInput`, which never repeats the key."""
    if not skey.startswith(_PRIVATE):
        raise BadInput("not a signing key", todo=f"it is written `{_PRIVATE}NAME+ID+BASE64`")
    name, key = _key(skey.removeprefix(_PRIVATE), "a signing key")
    made = Signer(name, key)
    if made.verifier.id.hex() != skey.removeprefix(_PRIVATE).split("+")[1]:
        raise BadInput("not a signing key: its id is not that of its key")
    return made


def verifier(vkey: str) -> Verifier:
    """Raises `BadInput`."""
    name, key = _key(vkey, "a key to check with")
    made = Verifier(name, key)
    if made.id.hex() != vkey.split("+")[1]:
        raise BadInput("not a key to check with: its id is not that of its key")
    return made


def sign(text: str, signers: Iterable[Signer]) -> str:
    """The note: the text, which ends in a newline, and a line for each signature."""
    assert text.endswith("\n")
    assert all(ord(sign) >= 0x20 or sign == "\n" for sign in text)
    body = text.encode()
    lines = [f"{_DASH}{one.name} {b64encode(one.verifier.id + one.sign(body)).decode()}\n" for one in signers]
    assert lines, "a note is signed"
    return text + "\n" + "".join(lines)


def note(said: str) -> Note:
    """Raises `BadInput` for what is not a signed note."""
    if len(said) > MAX_NOTE or any(ord(sign) < 0x20 and sign != "\n" for sign in said):
        raise BadInput("not a signed note", todo="it is short UTF-8 text")
    cut = said.rfind("\n\n")
    if cut < 0 or not said.endswith("\n"):
        raise BadInput("not a signed note: no empty line before its signatures")
    found: list[Signature] = []
    for line in said[cut + 2 : -1].split("\n"):
        name, _, coded = line.removeprefix(_DASH).partition(" ")
        try:
            raw = b64decode(coded, validate=True)
        except (NotBase64, ValueError):
            raw = b""
        if not line.startswith(_DASH) or not _is_name(name) or len(raw) < 5:
            raise BadInput("not a signed note: a line after the empty one is no signature")
        found.append(Signature(name, raw[:4], raw[4:]))
    if not 0 < len(found) <= MAX_SIGNATURES:
        raise BadInput("not a signed note: too many signatures, or none")
    return Note(said[: cut + 1], tuple(found))


def signed_by(said: str, known: Sequence[Verifier]) -> list[Verifier]:
    """Which of the known keys signed the note. Raises `BadInput` where one of their signatures is false, or none is
    there: then the text means nothing."""
    found = note(said)
    text = found.text.encode()
    by: list[Verifier] = []
    for one in found.signatures:
        for key in known:
            if (key.name, key.id) == (one.name, one.key) and key not in by:
                if not key.verifies(text, one.signature):
                    raise BadInput(f"the signature of {key.name}+{key.id.hex()} is false")
                by.append(key)
    if not by:
        there = ", ".join(f"{one.name}+{one.key.hex()}" for one in found.signatures)
        raise BadInput(f"no key that is known signed it; signed by {there}")
    return by


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def checkpoint(said: str) -> Checkpoint:
    """What a note says as a checkpoint. Raises `BadInput`. Its signatures are not checked here."""
    lines = note(said).text.split("\n")
    try:
        origin, size, coded = lines[:3]
        root = b64decode(coded, validate=True)
        if not origin or str(int(size)) != size or int(size) < 0 or len(root) != HASH_BYTES or "" in lines[3:-1]:
            raise ValueError
        if b64encode(root).decode() != coded:
            raise ValueError
    except ValueError:
        raise BadInput("not a checkpoint", todo="its lines are an origin, a size and a root") from None
    return Checkpoint(origin, int(size), root)


def _key(said: str, what: str) -> tuple[str, bytes]:
    name, _, rest = said.partition("+")
    key_id, _, coded = rest.partition("+")
    try:
        raw = b64decode(coded, validate=True)
        if not _is_name(name) or len(bytes.fromhex(key_id)) != 4 or len(raw) != 33 or raw[:1] != ED25519:
            raise ValueError
    except ValueError:
        raise BadInput(f"not {what}", todo="an Ed25519 key is written `NAME+ID+BASE64`") from None
    return name, raw[1:]


def is_name(name: str) -> bool:
    """Whether a key may have this name: not empty, no space, no plus."""
    return _is_name(name)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(sign.isspace() or ord(sign) < 0x20 for sign in name)
