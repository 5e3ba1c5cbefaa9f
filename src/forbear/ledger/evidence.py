"""What proves a consent beside its event: words that were shown, documents, and what a seller says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.instants import moment_of
from forbear.ledger import columns
from forbear.ledger.blobs import Blob


class Wording(NamedTuple):
    """Words shown to people."""

    digest: bytes
    name: str
    version: str
    language: str
    text: str
    at: datetime


class Document(NamedTuple):
    event: UUID
    digest: bytes
    media_type: str
    size: int
    at: datetime


class Controller(NamedTuple):
    """What a seller says of itself, and what the account keeps of people who consent. Empty: nothing was said."""

    address: str = ""
    contact: str = ""
    url: str = ""
    storage: str = ""
    retention: str = ""
    keep_ip: bool = False


_WORDING = "SELECT digest, name, version, language, text, at FROM ledger_wording"


def keep_wording(conn: Connection, account: UUID, at: int, new: Wording) -> bool:
    """Once by account and digest. Whether it is new; another text of the same name, version and language is neither."""
    done = conn.execute(
        "INSERT INTO ledger_wording (account, digest, name, version, language, text, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [account, new.digest, new.name, new.version, new.language, new.text, moment_of(at)],
    )
    return done.rowcount == 1


def wording(conn: Connection, account: UUID, digest: bytes) -> Wording | None:
    row = conn.execute(f"{_WORDING} WHERE account = %s AND digest = %s", [account, digest]).fetchone()
    return None if row is None else _wording(row)


def wordings(conn: Connection, account: UUID) -> list[Wording]:
    """Every one of the account, by name, language and age."""
    rows = conn.execute(f"{_WORDING} WHERE account = %s ORDER BY name, language, at", [account])
    return [_wording(row) for row in rows]


def _wording(row: Sequence[object]) -> Wording:
    return Wording(bytes(row[0]), *row[1:])  # type: ignore[arg-type, call-overload]


def keep_document(conn: Connection, event: UUID, account: UUID, at: int, blob: Blob) -> None:
    conn.execute(
        "INSERT INTO ledger_evidence (event, digest, account, media_type, size, at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [event, blob.digest, account, blob.media_type, blob.size, moment_of(at)],
    )


def documents(conn: Connection, account: UUID, events: Sequence[UUID]) -> list[Document]:
    """Those of these events."""
    rows = conn.execute(
        "SELECT event, digest, media_type, size, at FROM ledger_evidence WHERE event = ANY(%s) AND account = %s"
        " ORDER BY event, digest",
        [list(events), account],
    )
    return [Document(row[0], bytes(row[1]), *row[2:]) for row in rows]


def document(conn: Connection, account: UUID, digest: bytes) -> Document | None:
    """Any row by which the account holds these bytes."""
    row = conn.execute(
        "SELECT event, digest, media_type, size, at FROM ledger_evidence WHERE account = %s AND digest = %s"
        " ORDER BY event LIMIT 1",
        [account, digest],
    ).fetchone()
    return None if row is None else Document(row[0], bytes(row[1]), *row[2:])


def attach(conn: Connection, event: UUID, account: UUID, digests: Sequence[bytes]) -> int:
    """Documents the account holds already, as evidence of this event too. Returns how many of them it holds."""
    done = conn.execute(
        "INSERT INTO ledger_evidence (event, digest, account, media_type, size, at)"
        " SELECT DISTINCT ON (digest) %s, digest, account, media_type, size, at FROM ledger_evidence"
        " WHERE account = %s AND digest = ANY(%s) ORDER BY digest, at ON CONFLICT DO NOTHING",
        [event, account, columns.byteas(list(digests))],
    )
    return done.rowcount


def say_controller(conn: Connection, account: UUID, seller: UUID, at: int, said: Controller) -> None:
    conn.execute(
        "INSERT INTO ledger_controller (account, seller, at, address, contact, url, storage, retention, keep_ip)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [account, seller, moment_of(at), *said],
    )


def controller(conn: Connection, account: UUID, seller: UUID) -> Controller:
    """As last said; nothing was said: nothing is kept."""
    row = conn.execute(
        "SELECT address, contact, url, storage, retention, keep_ip FROM ledger_controller"
        " WHERE account = %s AND seller = %s ORDER BY at DESC LIMIT 1",
        [account, seller],
    ).fetchone()
    return Controller(*row) if row else Controller()
