"""Where an installation keeps its things, and the secrets made at its first run.

The home is `FORBEAR_HOME`, else `var/` of the checkout the package runs from, else
`~/.local/share/forbear`. Secrets stand in `secrets.json` there, mode 0600; none of them is
ever in the database or in a log.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from forbear.core.errors import BadInput
from forbear.core.keys import Secret

_KEYS: Final = ("address_keys", "token_keys")


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Key id -> 32 bytes. The highest of `address_keys` keys new addresses, older ones only probe; the highest of
    `token_keys` signs new links and webhooks, older ones only check."""

    postgres: str
    owner: str
    app: str
    django: str
    address_keys: dict[int, bytes]
    token_keys: dict[int, bytes]

    @property
    def address_key(self) -> Secret:
        """The one that keys new addresses."""
        newest = max(self.address_keys)
        return Secret(newest, self.address_keys[newest])


def home() -> Path:
    """The home directory, absolute; not created here."""
    named = os.environ.get("FORBEAR_HOME")
    if named:
        return Path(named).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "forbear").is_dir():
        return checkout / "var"
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "forbear"


def ensure_home(place: Path) -> Path:
    """Creates the home. Its files guard themselves (0600, 0700): others may pass through, not list."""
    place.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(place.stat().st_mode) & 0o066 and place.stat().st_uid == os.geteuid():
        place.chmod(0o711)
    return place


@contextmanager
def locked(place: Path, name: str) -> Iterator[None]:
    """One process at a time, on this machine, holds the named lock of this home; the kernel frees it on a crash."""
    ensure_home(place)
    with (place / f".{name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def load_secrets(place: Path | None = None) -> Secrets:
    """Reads the secrets of this home, making them at the first call.

    `FORBEAR_ADDRESS_KEYS` (`1:<64 hex>[,2:<64 hex>]`) stands before the file's address keys, `FORBEAR_TOKEN_KEYS`
    before its token keys: machines that answer for one installation need the same.
    Raises `BadInput` for a file that others can read or that is not ours.
    """
    place = place or home()
    path = place / "secrets.json"
    with locked(place, "secrets"):
        found = _read(path) if path.exists() else _make(path)
    address_keys, token_keys = _named("FORBEAR_ADDRESS_KEYS"), _named("FORBEAR_TOKEN_KEYS")
    return replace(found, address_keys=address_keys or found.address_keys, token_keys=token_keys or found.token_keys)


def _read(path: Path) -> Secrets:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadInput("others may read the secrets", file=str(path), todo="chmod 600 it and renew what it holds")
    try:
        raw = json.loads(path.read_bytes())
        made = "token_keys" not in raw  # by a version that had none
        if made:
            raw["token_keys"] = {"1": secrets.token_hex(32)}
        address_keys, token_keys = (
            {int(key): bytes.fromhex(value) for key, value in raw.pop(name).items()} for name in _KEYS
        )
        for keys in (address_keys, token_keys):
            if not keys or any(len(value) != 32 for value in keys.values()):
                raise ValueError("keys")
        found = Secrets(**raw, address_keys=address_keys, token_keys=token_keys)
        if made:
            _keep(path, found)
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BadInput("not a secrets file", file=str(path), todo="restore it from a backup") from fault


def _make(path: Path) -> Secrets:
    postgres, owner, app, django = (secrets.token_urlsafe(32) for _ in range(4))
    new = Secrets(postgres, owner, app, django, {1: secrets.token_bytes(32)}, {1: secrets.token_bytes(32)})
    _keep(path, new)
    return new


def _keep(path: Path, new: Secrets) -> None:
    raw = asdict(new) | {name: {str(key): value.hex() for key, value in getattr(new, name).items()} for name in _KEYS}
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(raw, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)


def _named(variable: str) -> dict[int, bytes]:
    text = os.environ.get(variable)
    if not text:
        return {}
    try:
        keys = {int(key): bytes.fromhex(value) for key, _, value in (part.partition(":") for part in text.split(","))}
    except ValueError:
        keys = {}
    if not keys or any(len(value) != 32 or not 0 < key < 2**15 for key, value in keys.items()):
        raise BadInput("not keys", key=variable, todo="write `1:<64 hex digits>`")
    return keys
