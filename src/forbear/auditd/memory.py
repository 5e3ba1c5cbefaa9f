"""What the audit remembers between runs, in a file of its own outside database and log: `audit.json` in the home.

The last head it saw: a log or a database that is shorter, or of which that head is no part, was rolled
back, even where both were. The keys it trusts: at first those there are, later those that a known key
vouched for. And how far it has come, so that the next run takes up there.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from forbear.accounts.home import ensure_home, home
from forbear.core.errors import BadInput

FILE: Final = "audit.json"
VARIABLE: Final = "FORBEAR_AUDIT"
_VERSION: Final = 1


@dataclass
class Memory:
    """`size` and `root` are those of a head; `findings` what is still wrong since the last whole audit."""

    size: int = 0
    root: str = ""
    heads: int = 0  # signed heads up to that size
    seen_at: int = 0  # microseconds UTC: when that head was seen
    latest: int = 0  # the moment of the newest entry looked at
    keys: list[str] = field(default_factory=list)  # NAME+ID+BASE64
    whole_at: int = 0  # when everything was last looked at
    looked_at: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    wrong: int = 0

    @property
    def well(self) -> bool:
        return not self.wrong


def place() -> Path:
    """`FORBEAR_AUDIT` (best on another machine's disk), else in the home."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser().resolve() if named else home() / FILE


def load(path: Path | None = None) -> Memory:
    """An empty one at the first run. Raises `BadInput` for a file that is not one: it is never begun anew by itself."""
    path = path or place()
    try:
        raw = json.loads(path.read_bytes())
        if raw.pop("version") != _VERSION:
            raise ValueError
        return Memory(**raw)
    except FileNotFoundError:
        return Memory()
    except (ValueError, TypeError, KeyError, AttributeError):
        todo = "restore it from a backup; to begin anew, move it away"
        raise BadInput("not what the audit remembers", file=str(path), todo=todo) from None


def keep(memory: Memory, path: Path | None = None) -> None:
    """Whole or not at all."""
    path = path or place()
    ensure_home(path.parent)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump({"version": _VERSION} | asdict(memory), handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
