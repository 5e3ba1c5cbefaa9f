"""What people write back, through the gate: heard, carried out, answered once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from forbear.core.codes import Verdict
from forbear.core.words import Channel
from forbear.gate.hearing import Heard, Inbound, hear
from tests.conftest import Database
from tests.gate.conftest import PERSON, House


def texted(text: str, message: str = "m1", sender: str = PERSON, **more: object) -> Inbound:
    return Inbound(channel=Channel.SMS, sender=sender, message=message, to="+12025550100", text=text, **more)  # type: ignore[arg-type]


def heard(house: House, text: str, message: str = "m1", **more: object) -> Heard:
    return hear(house.conn, house.account, texted(text, message, **more), gate=house.gate)


def queued(house: House) -> list[tuple[str, dict[str, str]]]:
    return list(house.conn.execute("SELECT kind, content FROM ledger_outbox ORDER BY id"))  # type: ignore[arg-type]


def standing(house: House) -> int:
    row = house.conn.execute("SELECT count(*) FROM ledger_suppression WHERE lifted_at IS NULL").fetchone()
    assert row is not None
    return int(row[0])


def test_a_stop_is_in_force_kept_as_it_was_written_and_confirmed(house: House) -> None:
    assert house.one().verdict is Verdict.ALLOW
    found = heard(house, "Stop. Thank you!")
    assert (found.taken_for, found.answer, found.repeated) == ("stop", "opt_out_confirmation", False)
    assert house.one().verdict is Verdict.DENY
    part = house.conn.execute("SELECT part FROM ledger_personal WHERE event = %s", [found.event]).fetchone()
    assert part is not None
    assert b"Stop. Thank you!" in bytes(part[0])
    ((kind, content),) = queued(house)
    assert kind == "opt_out_confirmation"
    assert content["to"] == PERSON
    assert content["text"].startswith("Acme: you will get no more messages")


def test_a_message_delivered_again_is_heard_once(house: House) -> None:
    first = heard(house, "STOP")
    again = heard(house, "STOP")
    assert again.repeated
    assert (again.event, again.opt_outs) == (first.event, first.opt_outs)
    assert len(queued(house)) == 1
    row = house.conn.execute("SELECT count(*) FROM ledger_event WHERE kind = 'message:heard'").fetchone()
    assert row == (1,)


def test_fifty_stops_at_once_are_one_opt_out_and_one_confirmation(house: House, database: Database) -> None:
    ready = threading.Barrier(25)

    def say(number: int) -> Heard:
        with database.app() as conn:
            ready.wait()
            return hear(conn, house.account, texted("STOP", f"m{number // 2}"), gate=house.gate)

    with ThreadPoolExecutor(25) as pool:
        found = list(pool.map(say, range(50)))
    assert {one.taken_for for one in found} == {"stop"}
    assert sum(one.answer is not None and not one.repeated for one in found) == 1
    assert sum(not one.repeated for one in found) == 25  # each was delivered twice
    assert standing(house) == 1
    assert len(queued(house)) == 1
