"""When a long-running process is to end: it was asked to, or whoever started it is gone."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Final

PARENT: Final = "FORBEAR_PARENT"  # the process id of the `forbear serve` that started this one
_LOOK_EVERY_S: Final = 0.5


class Leaving:
    """`while not leaving.wait(1.0): ...`. Made in the main thread: SIGTERM and SIGINT ask it to end."""

    def __init__(self, *, signals: bool = True) -> None:
        self._asked = threading.Event()
        self._parent = int(os.environ.get(PARENT) or 0)
        if signals:
            signal.signal(signal.SIGTERM, self._ask)
            signal.signal(signal.SIGINT, self._ask)

    def ask(self) -> None:
        self._asked.set()

    def now(self) -> bool:
        """Whether it is time to go."""
        if self._parent and os.getppid() != self._parent:
            self._asked.set()
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until it is time to go. Whether it is."""
        left = seconds
        while not self.now() and left > 0:
            self._asked.wait(min(left, _LOOK_EVERY_S))
            left -= _LOOK_EVERY_S
        return self.now()

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self._asked.set()
