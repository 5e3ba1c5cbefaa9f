"""What fails for a moment is tried again, and one bad item fails nobody else's request."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from forbear.core.codes import Verdict
from forbear.core.errors import BadInput
from forbear.gate import decide as module
from forbear.gate.contact import Decided
from forbear.gate.decide import decide
from tests.conftest import Database
from tests.gate.conftest import House, recorded_call


def test_one_bad_request_fails_no_stranger(house: House, another: Callable[..., House]) -> None:
    other = another("strangers")
    results = decide(
        house.conn,
        [
            house.asked(recorded_call(), recorded_call("+15125550101", seller="nobody")),
            other.asked(recorded_call("+15125550102")),
            house.asked(),
        ],
        house.gate,
    )
    assert isinstance(results[0], BadInput)
    assert isinstance(results[1], Decided)
    assert isinstance(results[2], BadInput)
    assert house.conn.execute("SELECT count(*) FROM ledger_decision").fetchone() == (1,)


@pytest.mark.parametrize("failures", [1, 2])
def test_a_deadlock_is_tried_again_together_and_then_one_by_one(
    house: House, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    left = failures
    sizes: list[int] = []
    run = module._Batch.run

    def failing(batch: module._Batch) -> list[Decided | Exception]:
        nonlocal left
        sizes.append(len(batch.asked))
        if left:
            left -= 1
            raise psycopg.errors.DeadlockDetected
        return run(batch)

    monkeypatch.setattr(module._Batch, "run", failing)
    results = decide(house.conn, [house.asked(recorded_call(f"+1512555{i:04d}")) for i in range(3)], house.gate)
    assert all(isinstance(result, Decided) for result in results)
    assert sizes == ([3, 3] if failures == 1 else [3, 3, 1, 1, 1])


def test_the_same_key_from_two_processes_at_once_gives_one_permit(house: House, database: Database) -> None:
    """The key may come with another contact too: then the loser of the race is told so."""
    answers: list[Decided | Exception] = []
    together = threading.Barrier(4)

    def ask(to: str) -> None:
        conn = database.app()
        together.wait()
        answers.extend(decide(conn, [house.asked(recorded_call(to), idempotency_key="k")], house.gate))

    threads = [threading.Thread(target=ask, args=(f"+1512555010{i % 2}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    permits = {answer.answers[0].permit for answer in answers if isinstance(answer, Decided)}
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(permits) == 1
    assert len(refused) == 2
    assert house.conn.execute("SELECT count(*) FROM ledger_permit").fetchone() == (1,)


def test_a_killed_connection_decides_nothing_and_the_next_one_does(house: House, database: Database) -> None:
    conn = database.app()
    house.conn.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        decide(conn, [house.asked(recorded_call())], house.gate)
    assert conn.closed
    assert house.one().verdict is Verdict.ALLOW


def test_a_failure_between_reading_and_writing_frees_the_person(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(module._Batch, "_write", fails)
        with pytest.raises(RuntimeError):
            house.one()
    assert house.conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    house.conn = database.app()
    assert house.one().verdict is Verdict.ALLOW
