"""Words shown to people who consent, kept once by the digest of their bytes; and what a seller says of itself."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import moment_of
from forbear.gate.consent import check_key, named_sellers, sellers_of
from forbear.ledger import blobs, evidence, writes
from forbear.ledger.blobs import Blob
from forbear.ledger.evidence import Controller, Document, Wording
from forbear.ledger.kinds import Kind, KnownBy

LONGEST: Final = 20_000
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class NewWording(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`text` is kept to the byte: what is shown must be exactly this."""

    name: str  # of the form or script it belongs to, in the account's words
    version: str
    language: str  # BCP 47: `en`, `pt-BR`
    text: str


class Kept(NamedTuple):
    wording: Wording
    new: bool


def keep(conn: Connection, account: UUID, new: NewWording, *, key: UUID | None = None) -> Kept:
    """The same text again is what was kept first. Raises `BadInput`: a version has one text in a language."""
    for name, most in (("name", 200), ("version", 60), ("text", LONGEST)):
        text = getattr(new, name)
        if not text.strip() or len(text) > most or "\0" in text:
            raise BadInput(f"empty, or longer than {most:,} characters", key=name)
    if len(new.language) > 16 or not _LANGUAGE.fullmatch(new.language):
        raise BadInput("not a language", key="language", todo="write `en`, `de`, `pt-BR`")
    digest = sha256(new.text.encode()).digest()
    with conn.transaction():
        check_key(conn, key, account)
        sellers_of(conn, account)
        now = writes.now(conn)
        row = Wording(digest, new.name.strip(), new.version.strip(), new.language, new.text, moment_of(now))
        fresh = evidence.keep_wording(conn, account, now, row)
        found = evidence.wording(conn, account, digest)
    if found is None:
        what = f"version `{row.version}` of `{row.name}` has another text in `{row.language}`"
        raise BadInput(what, key="version", todo="give the new text a version of its own")
    return Kept(found, fresh)


def listed(conn: Connection, account: UUID) -> list[Wording]:
    return evidence.wordings(conn, account)


def of_digest(conn: Connection, account: UUID, digest: str) -> Wording | None:
    """Raises `BadInput` for what is no digest."""
    return evidence.wording(conn, account, blobs.digest_of(digest, "digest"))


def add_document(
    conn: Connection, account: UUID, blob: Blob, *, key: UUID | None = None, known_by: KnownBy = KnownBy.ACCOUNT
) -> UUID:
    """A blob that is on disk becomes the account's, to be named by a consent. Returns the event."""
    with conn.transaction():
        check_key(conn, key, account)
        now = writes.now(conn)
        event = writes.append_event(
            *(conn, now, Kind.EVIDENCE_KEPT, known_by),
            account=account,
            payload={"media_type": blob.media_type, "size": blob.size},
            personal={"digest": blobs.said(blob.digest)},
        )
        evidence.keep_document(conn, event, account, now, blob)
    return event


def document(conn: Connection, account: UUID, digest: str) -> tuple[Document, Path] | None:
    """A document of the account's and where its bytes are; None where it has none, or the bytes were erased.

    Raises `BadInput` for what is no digest.
    """
    name = blobs.digest_of(digest, "digest")
    found = evidence.document(conn, account, name)
    path = blobs.path_of(name)
    return None if found is None or not path.is_file() else (found, path)


def say_controller(
    conn: Connection, account: UUID, seller: str, said: Controller, *, key: UUID | None = None
) -> Controller:
    """What receipts say of a seller, and whether clients' addresses are kept. Raises `BadInput`."""
    for name, most in (("address", 500), ("contact", 300), ("url", 300), ("storage", 200), ("retention", 300)):
        text = getattr(said, name)
        if len(text) > most or "\0" in text:
            raise BadInput(f"longer than {most} characters", key=name)
    if said.url and not said.url.startswith(("https://", "http://")):
        raise BadInput("not the address of a page", key="url", todo="write https://...")
    (named,) = named_sellers([seller], sellers_of(conn, account), 0)
    with conn.transaction():
        check_key(conn, key, account)
        evidence.say_controller(conn, account, named, writes.now(conn), said)
    return said


def controller(conn: Connection, account: UUID, seller: str) -> Controller:
    (named,) = named_sellers([seller], sellers_of(conn, account), 0)
    return evidence.controller(conn, account, named)
