"""Many writers: what a person has left is given once, whoever asks and from whichever process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from forbear.core import keys
from forbear.core.words import Channel
from forbear.gate.contact import Decided
from forbear.gate.decide import decide
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.redeem import Spent, redeem
from tests.conftest import Database
from tests.gate.conftest import CAP, PERSON, House, recorded_call
from tests.gate.racer import HOT

ROOT = Path(__file__).resolve().parents[2]


def test_64_clients_of_two_processes_race_for_ten_last_attempts(house: House, tmp_path: Path) -> None:
    used = house.decide(*[recorded_call(person) for person in HOT for _ in range(CAP - 1)])
    assert all(answer.permit for answer in used.answers)
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    racers = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "tests/gate/racer.py"), str(house.account), "32", str(seed), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        for seed in (2, 3)
    ]
    outcomes = []
    for racer in racers:
        out, err = racer.communicate(timeout=120)
        assert racer.returncode == 0, err.decode()[-2000:]
        outcomes.append(json.loads(out))
    assert [outcome["faults"] for outcome in outcomes] == [[], []]
    assert sum(outcome["strangers"]["allow"] for outcome in outcomes) == 64 * len(HOT)
    for person in HOT:
        given = [permit for outcome in outcomes for permit in outcome["permits"][person]]
        assert len(given) == 1, f"{person} was given {len(given)} times"
    stored = house.conn.execute("SELECT count(*) FROM ledger_permit").fetchone()
    assert stored == (len(HOT) * CAP + 64 * len(HOT),)


def test_no_permit_is_redeemed_after_the_opt_out_was_acknowledged(house: House, database: Database) -> None:
    """Deciders and redeemers race one opt-out; whatever was redeemed was redeemed before the receipt."""
    acknowledged: list[int] = []
    redeemed_at: list[int] = []
    faults: list[BaseException] = []
    started = threading.Barrier(4)

    def spend(caller: str) -> None:
        conn = database.app()
        try:
            started.wait()
            for i in range(30):
                contact = recorded_call(PERSON if i % 2 else f"+1512555{caller}{i:02d}")
                (decided,) = decide(conn, [house.asked(contact)], house.gate)
                assert not isinstance(decided, Exception)
                permit = decided.answers[0].permit
                if permit and contact.to == PERSON:
                    assert not acknowledged or decided.at < acknowledged[0]
                    (spent,) = redeem(conn, house.account, [permit])
                    if spent.outcome is Spent.REDEEMED:
                        redeemed_at.append(spent.at)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    def stop() -> None:
        conn = database.app()
        started.wait()
        receipt = opt_out(conn, house.account, [OptOut(address=PERSON, channel=Channel.VOICE)], gate=house.gate)
        acknowledged.append(receipt.at)

    threads = [threading.Thread(target=spend, args=(f"{n}0",)) for n in range(3)] + [threading.Thread(target=stop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert faults == []
    assert acknowledged
    assert all(at <= acknowledged[0] for at in redeemed_at)
    assert house.one().rules == ("house.opt_out_all",)


def test_a_decision_waits_for_the_person_and_sees_what_was_spent_meanwhile(house: House, database: Database) -> None:
    """The last attempt is spent by a transaction that has not committed when the decision begins."""
    person, other = HOT[0], HOT[1]
    house.decide(*[recorded_call(person) for _ in range(CAP - 1)], *[recorded_call(other) for _ in range(CAP)])
    mine, theirs = (keys.of_phone(int(number[1:])).column for number in (person, other))
    answers: list[object] = []
    with database.app() as spender:
        spender.execute("BEGIN")
        spender.execute("SELECT addr FROM ledger_counter WHERE addr = %s FOR NO KEY UPDATE", [mine])
        asker = threading.Thread(
            target=lambda: answers.extend(decide(database.app(), [house.asked(recorded_call(person))], house.gate))
        )
        asker.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while asker.is_alive() and spender.execute(waiting).fetchone() == (0,):
            pass
        assert not answers, "it did not wait for the person"
        spender.execute(
            "UPDATE ledger_counter SET attempts = (SELECT attempts FROM ledger_counter WHERE addr = %s)"
            " WHERE addr = %s",
            [theirs, mine],
        )
        spender.execute("COMMIT")
        asker.join(30)
    (decided,) = answers
    assert isinstance(decided, Decided)
    assert decided.answers[0].permit is None
