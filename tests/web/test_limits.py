from __future__ import annotations

from forbear.web.limits import Buckets


def test_a_key_may_burst_and_then_waits() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 10.0) == 1
    assert buckets.take("a", 10.5) == 0


def test_one_key_does_not_use_up_another() -> None:
    buckets = Buckets(rate=0.1, burst=1)
    assert buckets.take("a", 0.0) == 0
    assert buckets.take("a", 0.0) == 10
    assert buckets.take("b", 0.0) == 0


def test_rest_fills_no_more_than_the_burst() -> None:
    buckets = Buckets(rate=100, burst=2)
    buckets.take("a", 0.0)
    assert [buckets.take("a", 1000.0) for _ in range(3)] == [0, 0, 1]
