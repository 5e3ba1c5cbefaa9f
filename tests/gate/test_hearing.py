"""What people write back, through the gate: heard, carried out, answered once."""

from __future__ import annotations

import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

from forbear.accounts import writes as accounts
from forbear.core.codes import Verdict
from forbear.core.hearing import LANGUAGES
from forbear.core.words import Channel
from forbear.gate.hearing import Heard, Inbound, hear
from tests.conftest import Database
from tests.gate.conftest import PERSON, House


def texted(text: str, message: str = "m1", sender: str = PERSON, **more: Any) -> Inbound:
    return Inbound(channel=Channel.SMS, sender=sender, message=message, to="+12025550100", text=text, **more)


def heard(house: House, text: str, message: str = "m1", **more: Any) -> Heard:
    return hear(house.conn, house.account, texted(text, message, **more), gate=house.gate)


def queued(house: House) -> list[tuple[str, dict[str, str]]]:
    return list(house.conn.execute("SELECT kind, content FROM ledger_outbox ORDER BY id"))


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


def test_answers_are_there_in_every_language_name_the_seller_and_fit_two_texts() -> None:
    said = tomllib.loads(resources.files("forbear.gate").joinpath("answers.toml").read_text(encoding="utf-8"))
    assert set(said) == set(LANGUAGES)
    for language, texts in said.items():
        assert set(texts) == set(said["en"]), language
        for key, text in texts.items():
            assert ("{seller}" in text) is (key != "subject"), (language, key)
            assert len(text) <= 134, (language, key)  # two parts of a text in UCS-2


def test_a_confirmation_says_what_the_opt_out_reaches_in_the_persons_language(house: House) -> None:
    heard(house, "Bitte keine SMS mehr", sender="+4915112345678")
    heard(house, "stop marketing", "m2", sender="+15125550144")
    mail = Inbound(channel=Channel.EMAIL, sender="pat@example.fr", message="m3", text="désinscription", country="FR")
    hear(house.conn, house.account, mail, gate=house.gate)
    first, second, third = (content["text"] for _, content in queued(house))
    assert first == "Acme: Sie erhalten hier keine Nachrichten mehr. Das ist die einzige Bestätigung."
    assert second == "Acme: you will get no more advertising here. This is the only confirmation."
    assert third.startswith("Acme : désormais")


def test_a_seller_is_found_by_the_number_that_was_written_to(house: House) -> None:
    other = accounts.create_seller(house.conn, "beta", "Beta", country="US", kind="company")
    accounts.link_seller(house.conn, house.account, other)
    accounts.add_sender_identity(house.conn, other, "sms", "+12025550100")
    found = heard(house, "STOP")
    assert len(found.opt_outs) == 1
    ((_, content),) = queued(house)
    assert content["text"].startswith("Beta:")
    assert len(heard(house, "STOP", "m2", sender="+15125550155", seller=None).opt_outs) == 1
    said = texted("STOP", "m3", "+15125550156")
    said.to = None
    assert len(hear(house.conn, house.account, said, gate=house.gate).opt_outs) == 2  # nobody knows which


def test_a_stop_after_a_fresh_opt_in_is_confirmed_again(house: House) -> None:
    heard(house, "STOP")
    house.conn.execute("UPDATE ledger_outbox SET sent_at = now()")
    house.conn.execute("UPDATE ledger_suppression SET lifted_at = now(), lifted_by = id")
    assert heard(house, "STOP", "m2").answer == "opt_out_confirmation"
    assert heard(house, "STOP", "m3").answer is None


def test_what_a_person_wrote_stands_in_no_leaf(house: House) -> None:
    found = heard(house, "Stop, my name is Patricia and I live at 12 Elm Street")
    row = house.conn.execute("SELECT payload::text FROM ledger_event WHERE id = %s", [found.event]).fetchone()
    assert row is not None
    assert "Patricia" not in row[0]
    assert PERSON not in row[0]


def test_an_id_that_comes_twice_loses_nobodys_stop(house: House) -> None:
    other = "+13055550124"
    assert heard(house, "HELP").answer == "help_answer"
    assert heard(house, "help me").repeated is True
    mine, theirs = heard(house, "STOP"), heard(house, "STOP", sender=other)
    assert (mine.repeated, theirs.repeated) == (False, False)
    assert [len(mine.opt_outs), len(theirs.opt_outs)] == [1, 1]
    again = [heard(house, "STOP"), heard(house, "STOP", sender=other), heard(house, "HELP")]
    assert [(one.repeated, one.event) for one in again[:2]] == [(True, mine.event), (True, theirs.event)]
    assert again[2].repeated is True
    assert standing(house) == 2
    unclear = heard(house, "cancel my appointment", sender="+13055550125")
    assert unclear.review is not None
    assert heard(house, "cancel my appointment", sender="+13055550125").event == unclear.event
