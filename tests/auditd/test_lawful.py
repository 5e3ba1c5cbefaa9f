"""What happens by the gate's own doors is no finding: erasures, joins, reviews, lists, alerts, a new key of the log."""

from __future__ import annotations

from forbear.accounts.connect import Connection
from forbear.auditd.findings import Wrong
from forbear.core.keys import KIND_SHIFT, AddressKind
from forbear.core.words import Channel, OptOutScope
from forbear.gate import alerts, consent, erase, joins, suppress
from forbear.gate.hearing import Inbound, hear
from forbear.gate.opt_out import OptOut, opt_out
from forbear.ledger import logkeys
from forbear.ledger.writes import now
from tests.auditd.conftest import PEOPLE, Kept, found
from tests.conftest import Database
from tests.gate.conftest import recorded_call


def well(kept: Kept) -> None:
    kept.publish()
    for whole in (False, True):
        report = kept.audit(whole=whole)
        assert report.well, report.findings


def erased(kept: Kept, owner: Connection, person: str) -> None:
    erase.erase(owner, person, account=kept.house.account, by="Robin", reason="asked", gate=kept.house.gate)


def test_an_erased_person_is_noted_and_no_finding(kept: Kept, database: Database) -> None:
    for person in (PEOPLE[0], PEOPLE[5], PEOPLE[10], PEOPLE[11]):
        erased(kept, database.owner(), person)
    well(kept)
    assert kept.audit().notes["erased"] > 0


def test_a_part_taken_out_as_if_it_were_erased_is_a_finding_still(kept: Kept, database: Database) -> None:
    erased(kept, database.owner(), PEOPLE[5])
    kept.publish()
    event = kept.one(
        "SELECT p.event FROM ledger_personal p JOIN ledger_event e ON e.id = p.event WHERE e.kind = %s LIMIT 1",
        "opt_out:said",
    )
    kept.tamper("DELETE FROM ledger_personal WHERE event = %s", event)
    assert [one.row for one in found(kept.audit(), Wrong.GONE, "personal")] == [str(event)]


def test_a_decision_touched_after_its_erasure_differs(kept: Kept, database: Database) -> None:
    """What it says must follow from its facts; and the root of its batch is another."""
    erased(kept, database.owner(), PEOPLE[0])
    kept.publish()
    row = kept.one(f"SELECT id FROM ledger_decision WHERE addr >> {KIND_SHIFT} = {AddressKind.ERASED_PHONE:d} LIMIT 1")
    kept.tamper("UPDATE ledger_decision SET verdict = 2, cure = 2, permit = NULL, rules = 'x' WHERE id = %s", row)
    assert [one.row for one in found(kept.audit(), Wrong.DIFFERS, "decision")] == [str(row)]


def test_joins_pauses_reviews_lists_and_alerts_are_no_findings(kept: Kept) -> None:
    ours = kept.house
    conn, account, gate = ours.conn, ours.account, ours.gate
    joins.join(conn, account, [PEOPLE[0], PEOPLE[1], PEOPLE[5]], "one customer", by="ann", gate=gate)
    joins.part(conn, account, PEOPLE[1], "two after all", by="ann", gate=gate)
    day = 86_400_000_000
    opt_out(conn, account, [OptOut(address=PEOPLE[2], channel=Channel.SMS, until=now(conn) + day)], gate=gate)
    again = [OptOut(address=PEOPLE[6], channel=Channel.VOICE, covers=OptOutScope.ALL) for _ in range(2)]
    opt_out(conn, account, again, gate=gate)
    opt_out(conn, account, [OptOut(address=PEOPLE[6], channel=Channel.VOICE)], gate=gate)
    for number, words in enumerate(("STOP", "cancel my appointment", "who is this? leave me alone", "thanks")):
        said = Inbound(channel=Channel.SMS, sender=PEOPLE[3], message=f"m{number}", to="+12025550100", text=words)
        hear(conn, account, said, gate=gate)
    suppress.lift(conn, account, PEOPLE[7], "asked to", by="ann", gate=gate)
    consent.withdraw(conn, account, PEOPLE[9], channels=[Channel.SMS], gate=gate)
    (alert,) = alerts.declare(conn, "US-LA", source="governor", by="Ana")
    alerts.end(conn, str(alert), by="Ana")
    ours.decide(*[recorded_call(to) for to in PEOPLE])
    well(kept)


def test_a_new_key_that_the_old_one_vouched_for_is_believed(kept: Kept) -> None:
    logkeys.rotate(kept.home, at=now(kept.house.conn))
    kept.house.one()
    well(kept)
    kept.house.one()
    well(kept)
