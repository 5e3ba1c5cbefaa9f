"""Addresses of one person: one "stop everything" holds at all, whichever of join and opt-out came first."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from forbear.accounts.connect import Connection
from forbear.core.codes import Verdict
from forbear.core.errors import BadInput
from forbear.core.keys import Secret
from forbear.core.words import Channel, OptOutScope
from forbear.gate import joins, suppress
from forbear.gate.consent import every_address_key
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, opt_out
from forbear.ledger import writes
from tests.conftest import Database
from tests.gate.conftest import PERSON, House, recorded_call

OTHER, THIRD = "+15125550124", "+15125550125"


def stop(house: House, address: str = PERSON, covers: OptOutScope = OptOutScope.ALL, **more: object) -> int:
    said = OptOut(address=address, channel=Channel.VOICE, covers=covers, **more)  # type: ignore[arg-type]
    return opt_out(house.conn, house.account, [said], gate=house.gate).joined


def join(house: House, *those: str, conn: Connection | None = None) -> joins.Joined:
    return joins.join(conn or house.conn, house.account, those, "one customer", by="ann", gate=house.gate)


def verdict(house: House, address: str) -> Verdict:
    return house.one(recorded_call(address)).verdict


def test_a_stop_at_one_address_stops_all_joined_addresses(house: House) -> None:
    assert verdict(house, OTHER) is Verdict.ALLOW
    join(house, PERSON, OTHER)
    assert stop(house) == 1
    assert verdict(house, OTHER) is Verdict.DENY
    assert verdict(house, THIRD) is Verdict.ALLOW


def test_an_address_joined_after_the_stop_gets_it_too(house: House) -> None:
    stop(house)
    assert join(house, PERSON, OTHER).placed == 1
    assert verdict(house, OTHER) is Verdict.DENY
    assert join(house, OTHER, THIRD).placed == 1
    assert verdict(house, THIRD) is Verdict.DENY


def test_two_people_found_to_be_one_share_their_stops(house: House) -> None:
    join(house, PERSON, "pat@example.org")
    join(house, OTHER, THIRD)
    assert stop(house) == 1
    assert verdict(house, THIRD) is Verdict.ALLOW
    assert join(house, "pat@example.org", OTHER).placed == 2
    assert verdict(house, THIRD) is Verdict.DENY
    assert len({one.person for one in joins.listed(house.conn, house.account, gate=house.gate)}) == 1


@pytest.mark.parametrize("covers", [OptOutScope.MARKETING])
def test_what_is_about_one_class_stays_where_it_was_said(house: House, covers: OptOutScope) -> None:
    join(house, PERSON, OTHER)
    assert stop(house, covers=covers) == 0
    assert stop(house, covers=OptOutScope.LIST, list="news") == 0


def test_a_parted_address_keeps_what_was_placed_and_gets_nothing_more(house: House) -> None:
    join(house, PERSON, OTHER, THIRD)
    joins.part(house.conn, house.account, THIRD, "is her brother's", by="ann", gate=house.gate)
    assert stop(house) == 1
    assert verdict(house, THIRD) is Verdict.ALLOW
    joins.part(house.conn, house.account, OTHER, "moved out", by="ann", gate=house.gate)
    assert verdict(house, OTHER) is Verdict.DENY
    assert joins.listed(house.conn, house.account, gate=house.gate) == []
    with pytest.raises(BadInput, match="joined with nothing"):
        joins.part(house.conn, house.account, OTHER, "again", by="ann", gate=house.gate)


def test_a_join_is_known_to_its_account_alone(house: House, another: Callable[..., House]) -> None:
    same_seller = another("callers", house.seller)
    join(same_seller, PERSON, OTHER)
    assert stop(house) == 0
    assert joins.listed(house.conn, house.account, gate=house.gate) == []


def test_joining_again_changes_nothing(house: House) -> None:
    join(house, PERSON, OTHER)
    with pytest.raises(BadInput, match="joined already"):
        join(house, OTHER, PERSON)
    with pytest.raises(BadInput, match="nobody's other"):
        join(house, OTHER)
    with pytest.raises(BadInput, match=r"addresses\[1\]"):
        join(house, OTHER, "not an address")


def test_an_imported_stop_holds_at_joined_addresses(house: House, tmp_path: Path) -> None:
    file = tmp_path / "stops.csv"
    file.write_text(f"address\n{PERSON}\n")
    join(house, PERSON, OTHER)
    suppress.import_csv(house.conn, house.account, file, by="ann", said=True, gate=house.gate)
    assert verdict(house, OTHER) is Verdict.DENY


def test_neither_order_of_a_join_and_a_stop_loses_the_stop(house: House, database: Database) -> None:
    """Both at once, many times: whichever is second sees the first."""
    with database.app() as one, database.app() as two, ThreadPoolExecutor(2) as pool:
        for number in range(40):
            a, b = f"+1512555{2000 + 2 * number}", f"+1512555{2001 + 2 * number}"
            if number % 2:
                a, b = b, a
            ready = threading.Barrier(2)
            said = OptOut(address=a, channel=Channel.VOICE)
            joining = pool.submit(_at_once, ready, partial(join, house, a, b, conn=one))
            stopping = pool.submit(_at_once, ready, partial(opt_out, two, house.account, [said], gate=house.gate))
            joining.result(30)
            stopping.result(30)
            assert verdict(house, b) is Verdict.DENY, number


def test_a_stop_that_waited_for_a_join_holds_at_what_was_joined_meanwhile(house: House, database: Database) -> None:
    """The join has the first person and waits for the second; the stop has looked, and waits for the first."""
    with database.app() as holder, database.app() as one, database.app() as two, ThreadPoolExecutor(2) as pool:
        with holder.transaction():
            writes.lock_people(holder, np.array([key.column for key in every_address_key(OTHER, house.gate)], np.int64))
            joining = pool.submit(lambda: join(house, PERSON, OTHER, conn=one))
            _wait_for_lock(house.conn, one)
            said = OptOut(address=PERSON, channel=Channel.VOICE, covers=OptOutScope.ALL)
            stopping = pool.submit(lambda: opt_out(two, house.account, [said], gate=house.gate))
            _wait_for_lock(house.conn, two)
        assert joining.result(30).placed == 0
        assert stopping.result(30).joined == 1
    assert verdict(house, OTHER) is Verdict.DENY


def test_neither_order_of_a_join_and_a_list_loses_a_stop(house: House, database: Database, tmp_path: Path) -> None:
    """A list takes no person's lock: the gate stands between it and the join."""
    file = tmp_path / "stops.csv"
    with database.app() as one, database.app() as two, ThreadPoolExecutor(2) as pool:
        for number in range(12):
            a, b = f"+1512555{4000 + 2 * number}", f"+1512555{4001 + 2 * number}"
            file.write_text(f"address\n{a}\n")
            ready = threading.Barrier(2)
            joining = pool.submit(_at_once, ready, partial(join, house, a, b, conn=one))
            stopping = pool.submit(
                _at_once,
                ready,
                lambda: suppress.import_csv(two, house.account, file, by="ann", said=True, gate=house.gate),
            )
            joining.result(30)
            stopping.result(30)
            assert verdict(house, b) is Verdict.DENY, number


def test_joins_and_stops_in_every_order_at_once_do_not_deadlock(house: House, database: Database) -> None:
    people = [f"+151255530{n:02d}" for n in range(8)]
    ready = threading.Barrier(4)

    def joining(those: Sequence[str]) -> None:
        with database.app() as conn:
            ready.wait(10)
            for first, second in itertools.pairwise(those):
                with contextlib.suppress(BadInput):  # the other thread joined them
                    join(house, first, second, conn=conn)

    def stopping(those: Sequence[str]) -> None:
        with database.app() as conn:
            ready.wait(10)
            for one in those:
                opt_out(conn, house.account, [OptOut(address=one, channel=Channel.SMS)], gate=house.gate)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, those) for work in (joining, stopping) for those in (people, people[::-1])]:
            done.result(60)
    assert all(verdict(house, one) is Verdict.DENY for one in people)


def _wait_for_lock(conn: Connection, waiting: Connection) -> None:
    """Until that connection waits for somebody's lock; the database tells nobody when one begins to."""
    for _ in range(3000):
        row = conn.execute(
            "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", [waiting.info.backend_pid]
        ).fetchone()
        if row is not None and row[0] == "Lock":
            return
        time.sleep(0.01)
    raise AssertionError("it does not wait")


def _at_once(ready: threading.Barrier, what: Callable[[], object]) -> None:
    ready.wait(10)
    what()


def test_a_refused_opt_out_leaves_its_connection_good(house: House) -> None:
    """psycopg's DEALLOCATE ALL after a rollback once took the statements of the hot route along."""
    for _ in range(3):
        stop(house)
        with pytest.raises(BadInput, match="future"):
            stop(house, at=2**60)
    assert verdict(house, PERSON) is Verdict.DENY


def test_a_stop_by_a_link_older_than_the_secret_is_written_under_the_newest_key(house: House) -> None:
    said = OptOut(address="pat@example.org", channel=Channel.EMAIL, covers=OptOutScope.MARKETING)
    opt_out(house.conn, house.account, [said], gate=house.gate)
    old = every_address_key("pat@example.org", house.gate)[0]
    newer = Gate(house.gate.engine, house.gate.registries, (Secret(9, b"9" * 32), *house.gate.secrets))
    by_link = OptOut(address="", channel=Channel.EMAIL, covers=OptOutScope.ALL)
    opt_out(house.conn, house.account, [by_link], keys=[old], gate=newer)
    (row,) = house.conn.execute("SELECT key_id FROM ledger_suppression WHERE covers = 1").fetchall()
    assert row[0] == 9
    never_met = old._replace(column=old.column ^ 1)
    opt_out(house.conn, house.account, [by_link], keys=[never_met], gate=newer)
    rows = house.conn.execute("SELECT addr FROM ledger_suppression WHERE covers = 1 AND key_id <> 9").fetchall()
    assert rows == [(never_met.column,)]
