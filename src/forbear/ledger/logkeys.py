"""The keys that sign the log: made at the first run, kept in the home, never in the database.

`log-keys.json` in the home (mode 0600) holds them, oldest first; the newest signs. `FORBEAR_LOG_KEY` stands before the
file: signing keys with commas between, the newest last, for machines that answer for one log. Which keys there were,
and since when, is in the log itself (`log_key:made`) and published beside it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from forbear.accounts.connect import Connection
from forbear.accounts.home import home, locked
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, rfc3339
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.tlog import notes
from forbear.tlog.notes import Signer, Verifier

FILE: Final = "log-keys.json"
KEY: Final = "FORBEAR_LOG_KEY"
ORIGIN: Final = "FORBEAR_LOG_ORIGIN"
_PUBLIC_URL: Final = "FORBEAR_PUBLIC_URL"
_OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")  # every machine's, so no log's


@dataclass(frozen=True, slots=True)
class Keys:
    """Oldest first. `lost` says why the newest began without a signature of the one before."""

    signers: tuple[Signer, ...]
    lost: str | None = None

    @property
    def newest(self) -> Signer:
        return self.signers[-1]

    def holding(self, key: Verifier) -> Signer | None:
        return next((one for one in self.signers if one.verifier == key), None)


@dataclass(frozen=True, slots=True)
class Known:
    """A key of this log, since when it signs, and until when it did."""

    key: Verifier
    since: int
    until: int | None


def load(place: Path | None = None) -> Keys | None:
    """The keys of this machine; None where none were made. Raises `BadInput` for a file others can read, or a spoilt
    one, and where `FORBEAR_LOG_ORIGIN` is not the name of the keys: a log keeps its origin."""
    named = os.environ.get(KEY)
    if named:
        try:
            found = Keys(tuple(notes.signer(part.strip()) for part in named.split(",")))
        except BadInput as error:
            raise BadInput(error.what, key=KEY, todo=error.todo) from None
    else:
        path = (place or home()) / FILE
        if not path.exists():
            return None
        found = _read(path)
    wanted = os.environ.get(ORIGIN)
    names = {one.name for one in found.signers}
    if len(names) > 1 or (wanted and wanted not in names):
        what = f"the log's keys are named {', '.join(sorted(names))}"
        raise BadInput(what, key=ORIGIN, todo="a log keeps its origin: leave it as the keys have it")
    return found


def make(origin: str | None = None, place: Path | None = None, *, at: int) -> Keys:
    """The first key of a log. Does nothing where there is one."""
    place = place or home()
    with locked(place, "log-keys"):
        found = load(place)
        if found is None:
            found = Keys((Signer(checked_name(origin or new_origin()), secrets.token_bytes(32)),))
            _keep(place / FILE, [(found.newest, at, None)])
    return found


def rotate(place: Path | None = None, *, at: int, lost: str | None = None, origin: str | None = None) -> Keys:
    """Makes a further key, which signs from the sequencer's next look on. `lost` says why the one before is gone;
    `origin` is then the log's."""
    if os.environ.get(KEY):
        raise BadInput("the keys come from the environment", key=KEY, todo="add the new key to it at the end")
    place = place or home()
    with locked(place, "log-keys"):
        path = place / FILE
        rows = _rows(path) if path.exists() else []
        if not rows and not (lost and origin):
            raise BadInput("there is no key yet", file=str(path), todo="the sequencer makes the first one")
        name = rows[-1][0].name if rows else checked_name(origin or "")
        rows.append((Signer(name, secrets.token_bytes(32)), at, lost))
        _keep(path, rows)
    return Keys(tuple(row[0] for row in rows), lost)


def new_origin() -> str:
    """`FORBEAR_LOG_ORIGIN`; else the public address and `/log`, without its scheme; else a name nobody else has."""
    named = os.environ.get(ORIGIN)
    if named:
        return named
    public = urlsplit(os.environ.get(_PUBLIC_URL, ""))
    if public.hostname and public.hostname not in _OWN_NAMES:
        return f"{public.netloc}{public.path.rstrip('/')}/log"
    return f"{secrets.token_hex(6)}.forbear.invalid/log"


def checked_name(origin: str) -> str:
    if not notes.is_name(origin) or len(origin) > 200:
        what = "an origin is a name without spaces and plus signs"
        raise BadInput(what, key=ORIGIN, todo="write it as log.example.org/forbear")
    return origin


# --- the history


def known(conn: Connection) -> list[Known]:
    """Every key this log had, oldest first, as its own events have it."""
    rows = conn.execute(
        "SELECT payload, learnt_at FROM ledger_event WHERE account IS NULL AND addr IS NULL AND kind = %s ORDER BY id",
        [Kind.LOG_KEY_MADE.value],
    ).fetchall()
    since = [at_of(row[1]) for row in rows]
    return [
        Known(notes.verifier(row[0]["vkey"]), since[i], since[i + 1] if i + 1 < len(rows) else None)
        for i, row in enumerate(rows)
    ]


def announce(conn: Connection, keys: Keys) -> bool:
    """Records the newest key where it is new. Raises `BadInput` where this machine's was superseded by another's."""
    there = [one.key for one in known(conn)]
    key = keys.newest.verifier
    if there and there[-1] == key:
        return False
    if key in there:
        raise BadInput("the log's key was superseded", key=KEY, todo=f"this machine needs the key {there[-1].id.hex()}")
    if there and keys.holding(there[-1]) is None and not keys.lost:
        raise BadInput(
            f"the key {there[-1].id.hex()}, which signed last, is not here, and the next is to be signed over by it",
            file=str(home() / FILE),
            todo="restore it from a backup; if it is lost for good: `forbear audit keys rotate --lost REASON`",
        )
    writes.append_event(
        conn,
        writes.now(conn),
        Kind.LOG_KEY_MADE,
        KnownBy.OBSERVED,
        payload={
            "vkey": key.vkey,
            **({"after": there[-1].vkey} if there else {}),
            **({"lost": keys.lost} if there and keys.lost else {}),
        },
    )
    return True


def published(keys: list[Known]) -> bytes:
    """The history as it stands at `/log/keys`: since, until, key."""
    lines = ["# since until key (C2SP signed-note, Ed25519)"]
    for one in keys:
        lines.append(f"{rfc3339(one.since)} {'-' if one.until is None else rfc3339(one.until)} {one.key.vkey}")
    return ("\n".join(lines) + "\n").encode()


def read_published(text: bytes) -> list[Verifier]:
    """The keys of such a file. Raises `BadInput`."""
    try:
        lines = [line.split() for line in text.decode().splitlines() if line and not line.startswith("#")]
        return [notes.verifier(line[2]) for line in lines]
    except (UnicodeDecodeError, IndexError):
        raise BadInput("not a list of keys", file="keys") from None


# --- the file


def _read(path: Path) -> Keys:
    rows = _rows(path)
    return Keys(tuple(row[0] for row in rows), rows[-1][2])


def _rows(path: Path) -> list[tuple[Signer, int, str | None]]:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadInput("others may read the log's keys", file=str(path), todo="chmod 600 it and rotate the key")
    try:
        raw: list[dict[str, Any]] = json.loads(path.read_bytes())["keys"]
        rows = [
            (notes.signer(one["key"]), at_of(datetime.fromisoformat(one["made_at"])), one.get("lost")) for one in raw
        ]
        if not rows:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, BadInput):
        raise BadInput("not a file of the log's keys", file=str(path), todo="restore it from a backup") from None
    return rows


def _keep(path: Path, rows: list[tuple[Signer, int, str | None]]) -> None:
    raw = [
        {"key": key.skey, "vkey": key.verifier.vkey, "made_at": rfc3339(at), **({"lost": lost} if lost else {})}
        for key, at, lost in rows
    ]
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump({"keys": raw}, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
