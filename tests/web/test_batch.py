from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from forbear.web.batch import Batcher, Closed, Full


class Slow:
    """A worker that holds its first batch until told, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.started = threading.Event()
        self.closed = False

    def work(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.started.set()
        self.go.wait(10)
        return [ValueError(f"no {item}") if item < 0 else item * 2 for item in items]

    def close(self) -> None:
        self.closed = True


def batcher(worker: Slow, *, waiting: int = 1000, at_once: int = 1000) -> Batcher[int, int]:
    return Batcher(lambda: worker, flushers=1, most_at_once=at_once, most_waiting=waiting)


async def started(worker: Slow) -> None:
    assert await asyncio.to_thread(worker.started.wait, 10)


def test_what_queues_while_a_batch_runs_is_the_next_batch() -> None:
    worker = Slow()

    async def story() -> list[int]:
        door = batcher(worker)
        door.start(asyncio.get_running_loop())
        first = asyncio.ensure_future(door.ask(1, 1))
        await started(worker)
        rest = [asyncio.ensure_future(door.ask(number, 1)) for number in range(2, 7)]
        await asyncio.sleep(0)
        worker.go.set()
        answers = await asyncio.gather(first, *rest)
        await door.stop()
        return answers

    assert asyncio.run(story()) == [2, 4, 6, 8, 10, 12]
    assert worker.batches == [[1], [2, 3, 4, 5, 6]]
    assert worker.closed


def test_one_bad_item_fails_alone() -> None:
    worker = Slow()
    worker.go.set()

    async def story() -> list[object]:
        door = batcher(worker)
        door.start(asyncio.get_running_loop())
        answers = await asyncio.gather(door.ask(1, 1), door.ask(-1, 1), door.ask(2, 1), return_exceptions=True)
        await door.stop()
        return list(answers)

    good, bad, other = asyncio.run(story())
    assert (good, other) == (2, 4)
    assert isinstance(bad, ValueError)


def test_a_full_queue_says_so_and_the_taken_are_still_answered() -> None:
    worker = Slow()

    async def story() -> list[int]:
        door = batcher(worker, waiting=2)
        door.start(asyncio.get_running_loop())
        taken = [asyncio.ensure_future(door.ask(number, 1)) for number in (1, 2)]
        await started(worker)
        with pytest.raises(Full):
            await door.ask(3, 1)
        worker.go.set()
        answers = await asyncio.gather(*taken)
        assert await door.ask(4, 1) == 8
        await door.stop()
        return answers

    assert asyncio.run(story()) == [2, 4]


def test_stopping_finishes_what_was_taken_and_takes_no_more() -> None:
    worker = Slow()

    async def story() -> list[int]:
        door = batcher(worker)
        door.start(asyncio.get_running_loop())
        taken = [asyncio.ensure_future(door.ask(number, 1)) for number in (1, 2, 3)]
        await started(worker)
        stopping = asyncio.ensure_future(door.stop())
        await asyncio.sleep(0)
        with pytest.raises(Closed):
            await door.ask(4, 1)
        worker.go.set()
        await stopping
        return await asyncio.gather(*taken)

    assert asyncio.run(story()) == [2, 4, 6]


def test_a_batch_carries_no_more_than_it_may() -> None:
    worker = Slow()

    async def story() -> None:
        door = batcher(worker, at_once=10)
        door.start(asyncio.get_running_loop())
        first = asyncio.ensure_future(door.ask(0, 1))
        await started(worker)
        rest = [asyncio.ensure_future(door.ask(number, 4)) for number in range(1, 6)]
        await asyncio.sleep(0)
        worker.go.set()
        await asyncio.gather(first, *rest)
        await door.stop()

    asyncio.run(story())
    assert worker.batches == [[0], [1, 2], [3, 4], [5]]


def test_a_worker_that_cannot_be_made_fails_the_requests_and_is_tried_again() -> None:
    worker = Slow()
    worker.go.set()
    tries: list[int] = []

    def make() -> Slow:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("away")
        return worker

    async def story() -> int:
        door: Batcher[int, int] = Batcher(make, flushers=1, most_at_once=10, most_waiting=10)
        door.start(asyncio.get_running_loop())
        with pytest.raises(ConnectionError):
            await door.ask(1, 1)
        answer = await door.ask(1, 1)
        await door.stop()
        return answer

    assert asyncio.run(story()) == 2
