"""What a process judges with: the engine, the registries it has mapped, the secrets that key addresses."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from forbear.accounts.home import Secrets, load_secrets
from forbear.core.keys import Secret
from forbear.gate import rulebooks
from forbear.gate.freshness import Demands, demands_of
from forbear.kernel.judge import Engine
from forbear.registries.snapshots import Registries, default_folder

_LOOK_AGAIN_S: Final = 1.0


@dataclass
class Gate:
    """Shared by the threads of a process. `secrets`: the first keys new addresses, the others only probe."""

    engine: Engine
    registries: Registries
    secrets: tuple[Secret, ...]
    asked: tuple[str, ...] = ()  # the registries some rule of the rulebook asks
    demands: Demands = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looked_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.demands = demands_of(self.engine.rulebook)
        self.asked = tuple(self.demands.of)

    @property
    def secret(self) -> Secret:
        return self.secrets[0]

    def look(self) -> None:
        """Maps newer snapshots where there are any; looks at most once a second."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s < _LOOK_AGAIN_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked_at_s = now_s
            self.registries.refresh()
        finally:
            self._lock.release()


def secrets_of(known: Secrets) -> tuple[Secret, ...]:
    return tuple(Secret(key, value) for key, value in sorted(known.address_keys.items(), reverse=True))


def opened() -> Gate:
    """The gate of this process: the installed rulebook, the registries and secrets of its home.

    Raises `BadInput` for a rule of the operator's own that cannot be read.
    """
    return _opened(rulebooks.folder())


@cache
def _opened(rules: Path | None) -> Gate:
    return Gate(Engine(rulebooks.installed(rules)), Registries.open(default_folder()), secrets_of(load_secrets()))
