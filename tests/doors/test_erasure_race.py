"""An erasure while others decide about the same person: nobody fails, and afterwards nobody is let through."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.home import load_secrets
from forbear.core.codes import Verdict
from forbear.gate.erase import erase
from forbear.gate.opened import Gate, secrets_of
from forbear.gate.redeem import Spent, redeem
from forbear.kernel.judge import Engine
from forbear.registries.snapshots import Registries
from forbear.rulebook.load import shipped
from tests.conftest import Database
from tests.gate.conftest import PERSON, House

DECIDERS = 4


@pytest.fixture
def house(database: Database, store_home: Path, tmp_path: Path) -> House:
    gate = Gate(Engine(shipped()), Registries.open(tmp_path / "registries"), secrets_of(load_secrets(store_home)))
    conn = database.app()
    account = accounts.create_account(conn, "acme", "Acme")
    seller = accounts.create_seller(conn, "acme", "Acme", country="US", kind="company", ftc=True)
    accounts.link_seller(conn, account, seller)
    return House(conn, gate, account, seller)


def test_deciders_and_an_erasure_meet(house: House, database: Database) -> None:
    done = threading.Event()
    faults: list[BaseException] = []
    permits: list[list[object]] = [[] for _ in range(DECIDERS)]
    begun = threading.Barrier(DECIDERS + 1)

    def decide(place: int) -> None:
        mine = House(database_connections[place], house.gate, house.account, house.seller)
        begun.wait(30)
        try:
            while not done.is_set():
                answer = mine.one()
                if answer.permit is not None:
                    permits[place].append(answer.permit)
        except BaseException as fault:  # noqa: BLE001 - told by the main thread
            faults.append(fault)

    database_connections = [database.app() for _ in range(DECIDERS)]
    threads = [threading.Thread(target=decide, args=[place]) for place in range(DECIDERS)]
    for thread in threads:
        thread.start()
    begun.wait(30)
    owner = database.owner()
    for _ in range(3):
        erase(owner, PERSON, account=house.account, by="R", reason="asked", gate=house.gate)
    answer = house.one()
    done.set()
    for thread in threads:
        thread.join(60)
    assert not faults, faults
    assert answer.verdict is Verdict.DENY
    for permit in [permit for some in permits for permit in some]:
        assert redeem(house.conn, house.account, [permit])[0].outcome in (Spent.SUPPRESSED, Spent.EXPIRED)  # type: ignore[list-item]
    # the record and the small trees still agree: one leaf for each decision, the number gone from those before
    (decisions,) = owner.execute("SELECT count(*) FROM ledger_decision").fetchone() or (0,)
    (in_batches,) = owner.execute("SELECT sum(n) FROM ledger_batch").fetchone() or (0,)
    assert decisions == in_batches
