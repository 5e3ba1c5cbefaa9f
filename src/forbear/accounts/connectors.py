"""Doors for what people write back: who they belong to, and the secret each signs with.

The secret of our own kind is derived from the installation's token keys, so it stands nowhere. One that a
provider gave (Twilio's auth token) stands in `connectors.json` of the home, mode 0600, never in the database.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from forbear.accounts.connect import Connection
from forbear.accounts.home import home, locked
from forbear.core.errors import BadInput

STANDARD: Final = "standard"
TWILIO: Final = "twilio"
_LABEL: Final = b"connector\0"
_COLUMNS: Final = "id, account_id, seller_id, name, channel, kind, addresses, languages, country, closed_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Connector:
    id: UUID
    account: UUID
    seller: UUID | None
    name: str
    channel: str
    kind: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    country: str | None
    closed: bool


def add(
    conn: Connection,
    account: UUID,
    name: str,
    channel: str,
    kind: str,
    *,
    seller: UUID | None = None,
    addresses: Sequence[str] = (),
    languages: Sequence[str] = (),
    country: str | None = None,
) -> UUID:
    """A door of the account. Raises `BadInput`."""
    if not name.strip() or len(name) > 200:
        raise BadInput("not a name", key="name", todo="write 1 to 200 characters")
    if kind == TWILIO and channel == "email":
        raise BadInput("Twilio hands in texts and calls", key="channel")
    made = uuid4()
    conn.execute(
        "INSERT INTO accounts_connector (id, account_id, seller_id, name, channel, kind, addresses, languages,"
        " country) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [made, account, seller, name.strip(), channel, kind, list(addresses), list(languages), country],
    )
    return made


def close(conn: Connection, account: UUID, connector: UUID) -> bool:
    """From now on nothing it hands in is taken. False where the account has no such open one."""
    done = conn.execute(
        "UPDATE accounts_connector SET closed_at = now() WHERE id = %s AND account_id = %s AND closed_at IS NULL",
        [connector, account],
    )
    return done.rowcount == 1


def find(conn: Connection, connector: UUID) -> Connector | None:
    """An open one."""
    found = _rows(conn, "id = %s AND closed_at IS NULL", [connector])
    return found[0] if found else None


def of_account(conn: Connection, account: UUID) -> list[Connector]:
    return _rows(conn, "account_id = %s", [account])


def secrets_of(connector: UUID, token_keys: Mapping[int, bytes]) -> tuple[bytes, ...]:
    """What it may sign with, the newest first: one for each token key of the installation."""
    return tuple(
        hmac.digest(token_keys[key], _LABEL + connector.bytes, sha256) for key in sorted(token_keys, reverse=True)
    )


def shown(secret: bytes) -> str:
    """As Standard Webhooks writes a secret."""
    return "whsec_" + base64.b64encode(secret).decode()


def keep_given(connector: UUID, secret: str, place: Path | None = None) -> None:
    """Keeps a secret that a provider gave."""
    place = place or home()
    with locked(place, "connectors"):
        path = place / "connectors.json"
        known = _given(path) | {str(connector): secret}
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(known, file)
        draft.rename(path)


def given(connector: UUID, place: Path | None = None) -> str | None:
    """The secret a provider gave for it. Raises `BadInput` for a file that others can read."""
    return _given((place or home()) / "connectors.json").get(str(connector))


def _given(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadInput("others may read the secrets", file=str(path), todo="chmod 600 it and renew what it holds")
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_bytes()).items()}
    except (ValueError, AttributeError) as fault:
        raise BadInput("not a file of secrets", file=str(path), todo="restore it from a backup") from fault


def _rows(conn: Connection, where: str, values: Iterable[object]) -> list[Connector]:
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM accounts_connector WHERE {where} ORDER BY created_at, id",  # noqa: S608 - constants
        list(values),
    )
    return [
        Connector(
            id=row[0],
            account=row[1],
            seller=row[2],
            name=row[3],
            channel=row[4],
            kind=row[5],
            addresses=tuple(row[6]),
            languages=tuple(row[7]),
            country=row[8],
            closed=row[9],
        )
        for row in rows
    ]
