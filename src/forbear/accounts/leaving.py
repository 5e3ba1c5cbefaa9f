"""When a long-running process is to end: SIGTERM or SIGINT asked it to."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Leaving:
    """`while not leaving.wait(1.0): ...`. Made in the main thread, whose signals it takes."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def now(self) -> bool:
        """Whether it is time to go."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until it is time to go. Whether it is."""
        return self._asked.wait(max(0.0, seconds))

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self._asked.set()
