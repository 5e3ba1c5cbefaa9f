"""How much one request may carry and how often one key may ask, in this process."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Final

MAX_BODY: Final = 8 * 2**20  # bytes; 10,000 contacts with everything filled in take about 6 MB
MAX_WAITING: Final = 40_000  # contacts taken in and not yet answered; beyond it the server says "busy"
_MAX_KEYS: Final = 10_000


class Buckets:
    """A token bucket per key: `rate` requests a second, `burst` at once. The least recently seen keys are forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._lock = threading.Lock()
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (tokens, as of)

    def take(self, key: str, now_s: float) -> int:
        """Takes one token at `now_s` (any monotonic clock). 0, or the whole seconds to wait for the next."""
        with self._lock:
            tokens, since = self._level.get(key, (self._burst, now_s))
            tokens = min(self._burst, tokens + (now_s - since) * self._rate)
            wait_s = 0
            if tokens >= 1:
                tokens -= 1
            else:
                wait_s = max(1, math.ceil((1 - tokens) / self._rate))
            self._level[key] = (tokens, now_s)
            self._level.move_to_end(key)
            if len(self._level) > _MAX_KEYS:
                self._level.popitem(last=False)
            return wait_s
