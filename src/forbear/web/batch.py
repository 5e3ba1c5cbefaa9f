"""Many small requests as few transactions, with no timer: what queued while the last commit ran is the next batch.

The event loop hands requests over; each of a few threads takes whatever waits, has it
worked in one go, and answers every request by itself. A lone request waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Taken = TypeVar("Taken", contravariant=True)
Given = TypeVar("Given", covariant=True)


class Full(Exception):
    """More waits than may wait: ask again shortly."""


class Closed(Exception):
    """The server is going down and takes nothing more."""


class Worker(Protocol[Taken, Given]):
    """What one thread uses; made in that thread, so it may own a connection."""

    def work(self, items: Sequence[Taken]) -> Sequence[Given | Exception]:
        """One result or error for each item, in order. What it raises is every item's error."""

    def close(self) -> None: ...


class Batcher(Generic[Item, Result]):
    """`flushers` threads that share one bounded queue. Weights are contacts."""

    def __init__(
        self, make_worker: Callable[[], Worker[Item, Result]], *, flushers: int, most_at_once: int, most_waiting: int
    ) -> None:
        self._make_worker = make_worker
        self._flushers = flushers
        self._most_at_once = most_at_once
        self._most_waiting = most_waiting
        self._arrived: list[tuple[Item, int, asyncio.Future[Result]]] = []  # of this turn of the loop
        self._queue: deque[tuple[Item, int, asyncio.Future[Result]]] = deque()
        self._ready = threading.Condition()
        self._waiting = 0  # weight taken in and not answered; touched by the loop only
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        for number in range(self._flushers):
            thread = threading.Thread(target=self._flush, name=f"flusher-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Takes nothing more, finishes what was taken, and returns when every thread is done."""
        self._hand_over()
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def ask(self, item: Item, weight: int) -> Result:
        """The result for one item. Raises `Full`, `Closed`, or what the worker gave for this item."""
        if self._closed or self._loop is None:
            raise Closed
        if self._waiting + weight > self._most_waiting and self._waiting:
            raise Full
        future: asyncio.Future[Result] = self._loop.create_future()
        if not self._arrived:  # all that arrives in one turn of the loop is handed over together
            self._loop.call_soon(self._hand_over)
        self._arrived.append((item, weight, future))
        self._waiting += weight
        try:
            return await future
        finally:
            self._waiting -= weight

    def _hand_over(self) -> None:
        if not self._arrived:
            return
        with self._ready:
            self._queue.extend(self._arrived)
            self._ready.notify()
        self._arrived.clear()

    def _take(self) -> list[tuple[Item, int, asyncio.Future[Result]]]:
        """What waits, up to the most at once; empty only when closed and nothing is left."""
        with self._ready:
            while not self._queue and not self._closed:
                self._ready.wait()
            taken: list[tuple[Item, int, asyncio.Future[Result]]] = []
            weight = 0
            while self._queue and (not taken or weight + self._queue[0][1] <= self._most_at_once):
                taken.append(self._queue.popleft())
                weight += taken[-1][1]
            if self._queue:
                self._ready.notify()
            return taken

    def _flush(self) -> None:
        worker: Worker[Item, Result] | None = None
        try:
            while taken := self._take():
                results: Sequence[Result | Exception]
                try:
                    if worker is None:
                        worker = self._make_worker()
                    results = worker.work([item for item, _, _ in taken])
                    assert len(results) == len(taken), "one result for each item"
                except Exception as error:  # noqa: BLE001 - whatever failed, every request must be answered
                    results = [error] * len(taken)
                assert self._loop is not None
                self._loop.call_soon_threadsafe(_answer, [future for _, _, future in taken], results)
        finally:
            if worker is not None:
                worker.close()


def _answer(futures: Sequence[asyncio.Future[Result]], results: Sequence[Result | Exception]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():  # the client went away
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
