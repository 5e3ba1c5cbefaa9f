"""A stop that a deadlock took back is recorded after all, once; within another transaction that is its own affair."""

from __future__ import annotations

import pytest
from psycopg.errors import DeadlockDetected

from forbear.core.words import Channel
from forbear.gate.opt_out import OptOut, Recorded, Written, opt_out
from tests.gate.conftest import PERSON, House


def stopped(house: House, deadlocks: int) -> Recorded:
    left = [deadlocks]

    def then(written: Written) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise DeadlockDetected

    return opt_out(
        house.conn, house.account, [OptOut(address=PERSON, channel=Channel.VOICE)], then=then, gate=house.gate
    )


def events(house: House) -> int:
    row = house.conn.execute("SELECT count(*) FROM ledger_event WHERE kind = 'opt_out:said'").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("deadlocks", [0, 1])
def test_a_stop_outlives_one_deadlock(house: House, deadlocks: int) -> None:
    assert len(stopped(house, deadlocks).events) == events(house) == 1
    assert house.one().permit is None


def test_after_two_it_is_said_that_nothing_was_recorded(house: House) -> None:
    with pytest.raises(DeadlockDetected):
        stopped(house, 2)
    assert events(house) == 0
    assert house.one().permit is not None


def test_within_a_transaction_it_is_not_tried_again(house: House) -> None:
    with pytest.raises(DeadlockDetected), house.conn.transaction():
        stopped(house, 1)
    assert events(house) == 0
