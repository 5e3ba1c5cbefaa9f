"""Whoever has the database may rewrite it, triggers or not: the audit finds it, and names the row and what is wrong."""

from __future__ import annotations

import os
import time
from uuid import UUID

import pytest

from forbear.auditd import memory
from forbear.auditd.findings import Wrong
from forbear.core.uuid7 import uuid7
from tests.auditd.conftest import Kept, found

DECISION = "SELECT id FROM ledger_decision ORDER BY id LIMIT 1"
IN_A_BATCH = "SELECT id FROM ledger_decision WHERE batch_index = 2 ORDER BY id LIMIT 1"


def test_what_nobody_touched_is_well_looked_at_again_and_again(kept: Kept) -> None:
    assert kept.audit().well
    report = kept.audit(whole=False)
    assert report.well
    assert report.seen["entries"] == 0, "it takes up where it left off"
    kept.house.one()
    kept.publish()
    report = kept.audit(whole=False)
    assert report.well
    assert report.seen["decisions"] == 1


def test_everything_is_looked_at(kept: Kept) -> None:
    seen = kept.audit().seen
    for what in ("batches", "decisions", "decisions judged again", "permits", "events", "redemptions", "dispositions"):
        assert seen[what] > 0, what
    for what in ("personal parts", "suppressions", "consents", "relationships", "heads", "files", "rulebooks"):
        assert seen[what] > 0, what


CHANGED = [
    ("decision", DECISION, "UPDATE ledger_decision SET verdict = 2, cure = 2, permit = NULL WHERE id = %s"),
    ("decision", IN_A_BATCH, "UPDATE ledger_decision SET rules = 'us.made.up' WHERE id = %s"),
    ("decision", IN_A_BATCH, "UPDATE ledger_decision SET addr = addr + 1 WHERE id = %s"),
    ("decision", IN_A_BATCH, r"UPDATE ledger_decision SET facts = '\x00' WHERE id = %s"),
    (
        "event",
        "SELECT id FROM ledger_event WHERE kind = 'opt_out:said' LIMIT 1",
        "UPDATE ledger_event SET seller = account WHERE id = %s",
    ),
    (
        "event",
        "SELECT id FROM ledger_event WHERE kind = 'opt_out:said' LIMIT 1",
        "UPDATE ledger_event SET addr = addr + 1 WHERE id = %s",
    ),
    (
        "event",
        "SELECT id FROM ledger_event WHERE batch_index = 3",
        "UPDATE ledger_event SET happened_at = happened_at - interval '1 day' WHERE id = %s",
    ),
    (
        "personal",
        "SELECT event FROM ledger_personal LIMIT 1",
        """UPDATE ledger_personal SET part = '{"address":"+15125550999"}' WHERE event = %s""",
    ),
    (
        "permit",
        "SELECT id FROM ledger_permit ORDER BY id LIMIT 1",
        "UPDATE ledger_permit SET addr = addr + 1 WHERE id = %s",
    ),
    (
        "permit",
        "SELECT id FROM ledger_permit ORDER BY id LIMIT 1",
        "UPDATE ledger_permit SET campaign = 7 WHERE id = %s",
    ),
    (
        "redemption",
        "SELECT permit FROM ledger_redemption LIMIT 1",
        "UPDATE ledger_redemption SET at = at + interval '1 s' WHERE permit = %s",
    ),
    (
        "disposition",
        "SELECT permit FROM ledger_disposition WHERE answered",
        "UPDATE ledger_disposition SET answered = false WHERE permit = %s",
    ),
    (
        "suppression",
        "SELECT id FROM ledger_suppression WHERE said LIMIT 1",
        "UPDATE ledger_suppression SET covers = 2 WHERE id = %s",
    ),
    (
        "suppression",
        "SELECT id FROM ledger_suppression WHERE said LIMIT 1",
        "UPDATE ledger_suppression SET addr = addr + 70 WHERE id = %s",
    ),
    (
        "suppression",
        "SELECT id FROM ledger_suppression WHERE said LIMIT 1",
        "UPDATE ledger_suppression SET until = now() WHERE id = %s",
    ),
    (
        "consent",
        "SELECT id FROM ledger_consent WHERE withdrawn_at IS NULL",
        "UPDATE ledger_consent SET level = 1 WHERE id = %s",
    ),
    (
        "consent",
        "SELECT id FROM ledger_consent WHERE withdrawn_at IS NOT NULL",
        "UPDATE ledger_consent SET withdrawn_at = NULL WHERE id = %s",
    ),
    (
        "batch",
        "SELECT id FROM ledger_batch ORDER BY id LIMIT 1",
        "UPDATE ledger_batch SET root = sha256(root) WHERE id = %s",
    ),
    (
        "selector",
        "SELECT digest FROM ledger_selector LIMIT 1",
        r"UPDATE ledger_selector SET body = body || '\x00' WHERE digest = %s",
    ),
    (
        "rulebook",
        "SELECT digest FROM ledger_rulebook LIMIT 1",
        "UPDATE ledger_rulebook SET body = '' WHERE digest = %s",
    ),
    (
        "checkpoint",
        "SELECT max(size) FROM ledger_checkpoint",
        "UPDATE ledger_checkpoint SET root = sha256(root) WHERE size = %s",
    ),
]


@pytest.mark.parametrize(
    ("table", "which", "how"), CHANGED, ids=[f"{t} {h[:60].split('SET ')[1]}" for t, _, h in CHANGED]
)
def test_a_changed_row_is_named(kept: Kept, table: str, which: str, how: str) -> None:
    row = kept.one(which)
    kept.tamper(how, row)
    report = kept.audit()
    named = [one for one in report.findings if one.table == table and one.row == _said(row)]
    assert named, report.findings
    assert named[0].wrong in (Wrong.CHANGED, Wrong.DIFFERS, Wrong.LOG_FORKED), named
    kept.audit(whole=False)
    assert memory.load(kept.home / "audit.json").wrong, "an alarm lasts until everything was looked at again"


@pytest.mark.parametrize(
    ("table", "which", "how"),
    [
        ("event", "SELECT id FROM ledger_event WHERE batch IS NULL LIMIT 1", "DELETE FROM ledger_event WHERE id = %s"),
        ("permit", "SELECT id FROM ledger_permit LIMIT 1", "DELETE FROM ledger_permit WHERE id = %s"),
        ("batch", "SELECT id FROM ledger_batch LIMIT 1", "DELETE FROM ledger_batch WHERE id = %s"),
        ("personal", "SELECT event FROM ledger_personal LIMIT 1", "DELETE FROM ledger_personal WHERE event = %s"),
        ("selector", "SELECT digest FROM ledger_selector LIMIT 1", "DELETE FROM ledger_selector WHERE digest = %s"),
        ("rulebook", "SELECT digest FROM ledger_rulebook", "DELETE FROM ledger_rulebook WHERE digest = %s"),
        (
            "redemption",
            "SELECT permit FROM ledger_redemption LIMIT 1",
            "DELETE FROM ledger_redemption WHERE permit = %s",
        ),
        (
            "disposition",
            "SELECT permit FROM ledger_disposition LIMIT 1",
            "DELETE FROM ledger_disposition WHERE permit = %s",
        ),
        (
            "suppression",
            "SELECT id FROM ledger_suppression WHERE said LIMIT 1",
            "DELETE FROM ledger_suppression WHERE id = %s",
        ),
        (
            "suppression",
            "SELECT id FROM ledger_suppression WHERE imported LIMIT 1",
            "DELETE FROM ledger_suppression WHERE id = %s",
        ),
        ("consent", "SELECT id FROM ledger_consent LIMIT 1", "DELETE FROM ledger_consent WHERE id = %s"),
        (
            "checkpoint",
            "SELECT max(size) FROM ledger_checkpoint",
            "DELETE FROM ledger_checkpoint WHERE size = %s",
        ),
        ("logentry", "SELECT 3", "DELETE FROM ledger_logentry WHERE index = %s"),
    ],
)
def test_a_deleted_row_is_named(kept: Kept, table: str, which: str, how: str) -> None:
    row = kept.one(which)
    kept.tamper(how, row)
    report = kept.audit()
    named = [one for one in report.findings if one.table == table and one.row == _said(row)]
    assert named, report.findings
    assert named[0].wrong in (Wrong.GONE, Wrong.NOT_CARRIED_OUT), named


def test_a_decision_taken_out_of_its_batch_is_named_by_its_place(kept: Kept) -> None:
    batch, place = kept.house.conn.execute(  # type: ignore[misc]
        "SELECT batch, batch_index FROM ledger_decision WHERE batch_index = 1"
    ).fetchone()
    kept.tamper("DELETE FROM ledger_decision WHERE batch = %s AND batch_index = %s", batch, place)
    report = kept.audit()
    assert [one.row for one in found(report, Wrong.GONE, "decision")] == [f"{batch}#{place}"]
    assert found(report, Wrong.NOT_LOGGED, "permit"), "its permit was given by nobody any more"


def test_an_event_taken_out_of_a_list_is_named_by_its_place(kept: Kept) -> None:
    batch = kept.one("SELECT batch FROM ledger_event WHERE batch_index = 2")
    kept.tamper("DELETE FROM ledger_event WHERE batch = %s AND batch_index = 2", batch)
    assert [one.row for one in found(kept.audit(), Wrong.GONE, "event")] == [f"{batch}#2"]


def test_reordered_rows_are_named(kept: Kept) -> None:
    batch = kept.one("SELECT batch FROM ledger_decision WHERE batch_index = 3")
    kept.tamper("UPDATE ledger_decision SET batch_index = 3 - batch_index WHERE batch = %s", batch)
    report = kept.audit()
    assert len(found(report, Wrong.REORDERED, "decision")) == 3
    assert str(batch) in report.findings[0].what


def test_entries_of_the_log_that_changed_places_are_a_fork(kept: Kept) -> None:
    kept.tamper("UPDATE ledger_logentry SET index = index + 1000 WHERE index IN (3, 4)")
    kept.tamper("UPDATE ledger_logentry SET index = 1007 - index WHERE index IN (1003, 1004)")
    report = kept.audit()
    assert found(report, Wrong.LOG_FORKED, "logentry"), report.findings
    assert found(report, Wrong.LOG_FORKED, "checkpoint")


def test_rows_put_in_behind_the_log_are_named(kept: Kept) -> None:
    copy = "INSERT INTO {t} SELECT {changed} FROM {t} x WHERE {which}"
    rows = {
        "event": (
            "FRESH, kind, happened_at, learnt_at, known_by, account, seller, addr, key_id, mac, payload,"
            " personal_hash, batch, batch_index",
            "kind = 'opt_out:said' AND batch IS NULL LIMIT 1",
        ),
        "batch": ("FRESH, at, n, root, rulebook, engine", "true LIMIT 1"),
        "redemption": (
            "(SELECT id FROM ledger_permit p WHERE NOT EXISTS (SELECT FROM ledger_redemption r WHERE r.permit = p.id)"
            " LIMIT 1), at",
            "true LIMIT 1",
        ),
        "personal": ("FRESH, salt, part", "true LIMIT 1"),
    }
    for table, (changed, which) in rows.items():
        kept.tamper(copy.format(t=f"ledger_{table}", changed=changed.replace("FRESH", f"'{_now_id()}'"), which=which))
    report = kept.audit()
    for table in rows:
        assert found(report, Wrong.NOT_LOGGED, table), (table, report.findings)


def test_a_decision_and_a_permit_put_in_are_named(kept: Kept) -> None:
    decision, permit = _now_id(), _now_id()
    kept.tamper(
        "INSERT INTO ledger_decision SELECT %s, at, account, seller, addr, key_id, mac, channel, purpose, mode,"
        " verdict, cure, earliest, rules, obligations, selector, facts, permit, batch, batch_index, overrides"
        " FROM ledger_decision WHERE batch_index = 1 LIMIT 1",
        decision,
    )
    kept.tamper(
        "INSERT INTO ledger_permit SELECT %s, decision, account, seller, seller_number, addr, mac, channel, purpose,"
        " mode, marketing, campaign, subject, debt, issued_at, expires_at, list FROM ledger_permit LIMIT 1",
        permit,
    )
    report = kept.audit()
    assert str(decision) in [one.row for one in found(report, Wrong.NOT_LOGGED, "decision")], report.findings
    assert [one.row for one in found(report, Wrong.NOT_LOGGED, "permit")] == [str(permit)]


def test_a_decision_put_into_its_own_batch_in_time_is_named(kept: Kept) -> None:
    first = kept.one("SELECT id FROM ledger_decision WHERE batch_index = 3")
    twin = UUID(int=first.int + 1)
    kept.tamper(
        "INSERT INTO ledger_decision SELECT %s, at, account, seller, addr, key_id, mac, channel, purpose, mode, 2, 2,"
        " NULL, rules, '', selector, facts, NULL, batch, 4, overrides FROM ledger_decision WHERE id = %s",
        *(twin, first),
    )
    assert [one.row for one in found(kept.audit(), Wrong.NOT_LOGGED, "decision")] == [str(twin)]


def test_an_entry_put_into_the_log_stands_for_nothing_and_is_named(kept: Kept) -> None:
    made_up = _now_id()
    kept.tamper("INSERT INTO ledger_logentry SELECT max(index) + 1, 2, %s, sha256('x') FROM ledger_logentry", made_up)
    kept.publish()
    assert [one.row for one in found(kept.audit(), Wrong.GONE, "event")] == [str(made_up)]


def test_a_record_that_stands_in_the_log_twice_is_named(kept: Kept) -> None:
    kept.tamper(
        "INSERT INTO ledger_logentry SELECT (SELECT max(index) + 1 FROM ledger_logentry), kind, source, hash"
        " FROM ledger_logentry WHERE kind = 4 LIMIT 1"
    )
    last = kept.one("SELECT max(index) FROM ledger_logentry")
    kept.publish()
    assert str(last) in [one.row for one in found(kept.audit(), Wrong.NOT_LOGGED, "logentry")]


def test_a_head_put_in_is_named(kept: Kept) -> None:
    size = kept.one("SELECT max(size) FROM ledger_checkpoint")
    kept.tamper(
        "INSERT INTO ledger_checkpoint SELECT size - 3, sha256(root), at, note FROM ledger_checkpoint WHERE size = %s",
        size,
    )
    assert [one.row for one in found(kept.audit(), Wrong.CHANGED, "checkpoint")] == [str(size - 3)]


def test_events_of_a_list_that_changed_places_are_named(kept: Kept) -> None:
    batch = kept.one("SELECT batch FROM ledger_event WHERE batch_index = 5")
    kept.tamper("UPDATE ledger_event SET batch_index = 5 - batch_index WHERE batch = %s", batch)
    assert len(found(kept.audit(), Wrong.REORDERED, "event")) == 5


def test_what_a_restore_took_away_leaves_every_row_of_a_batch_in_doubt(kept: Kept) -> None:
    """After a dump and a restore no row tells any more which transaction wrote it."""
    kept.tamper("UPDATE ledger_decision SET rules = rules")
    kept.tamper("UPDATE ledger_permit SET debt = debt")
    assert kept.audit().well, "the same bytes are the same leaf"
    row = kept.one(IN_A_BATCH)
    kept.tamper("UPDATE ledger_decision SET mode = 8, rules = rules WHERE id = %s", row)
    kept.tamper("UPDATE ledger_decision SET rules = rules")
    named = found(kept.audit(sample=0), Wrong.CHANGED, "decision")
    assert len(named) == 4
    assert str(row) in [one.row for one in named]


@pytest.mark.parametrize("facts", [b"", b"\x90", b"\x91\x01", b"\xc1", b"\x9a\x01" + b"\xa1x" * 9])
def test_facts_that_are_none_are_named_and_stop_nothing(kept: Kept, facts: bytes) -> None:
    row = kept.one(DECISION)
    kept.tamper("UPDATE ledger_decision SET facts = %s WHERE id = %s", facts, row)
    report = kept.audit()
    assert str(row) in [one.row for one in found(report, Wrong.CHANGED, "decision")]
    assert report.seen["decisions judged again"] > 1


def test_a_state_that_no_event_explains_is_named(kept: Kept) -> None:
    kept.tamper(
        "INSERT INTO ledger_suppression SELECT gen_random_uuid(), addr + 70, key_id, mac, scope, owner, channels,"
        " covers, campaign, said, imported, reason, at, last_at, change, lifted_at, lifted_by, list, until, way"
        " FROM ledger_suppression WHERE said LIMIT 1"
    )
    kept.tamper(
        "UPDATE ledger_consent SET id = gen_random_uuid() WHERE id = (SELECT id FROM ledger_consent LIMIT 1)",
    )
    report = kept.audit()
    assert found(report, Wrong.UNEXPLAINED, "suppression")
    assert found(report, Wrong.UNEXPLAINED, "consent")
    assert found(report, Wrong.NOT_CARRIED_OUT, "consent")


def test_a_stop_lifted_by_nobody_is_named(kept: Kept) -> None:
    stop = kept.one("SELECT id FROM ledger_suppression WHERE said AND lifted_at IS NULL LIMIT 1")
    kept.tamper("UPDATE ledger_suppression SET lifted_at = now(), lifted_by = gen_random_uuid() WHERE id = %s", stop)
    assert [one.row for one in found(kept.audit(), Wrong.UNEXPLAINED, "suppression")] == [str(stop)]


def test_a_stop_lifted_by_somebody_elses_lifting_is_named(kept: Kept) -> None:
    stop = kept.one("SELECT id FROM ledger_suppression WHERE said AND lifted_at IS NULL LIMIT 1")
    kept.tamper(
        "UPDATE ledger_suppression SET lifted_at = e.learnt_at, lifted_by = e.id FROM ledger_event e"
        " WHERE e.kind = 'suppression:lifted' AND ledger_suppression.id = %s",
        stop,
    )
    assert [one.row for one in found(kept.audit(), Wrong.UNEXPLAINED, "suppression")] == [str(stop)]


def test_a_withdrawal_that_nobody_said_is_named(kept: Kept) -> None:
    given = kept.one("SELECT id FROM ledger_consent WHERE withdrawn_at IS NULL")
    kept.tamper("UPDATE ledger_consent SET withdrawn_at = now() WHERE id = %s", given)
    assert [one.row for one in found(kept.audit(), Wrong.CHANGED, "consent")] == [str(given)]


def _now_id() -> UUID:
    return uuid7(time.time_ns() // 1000, os.urandom(10))


def _said(row: object) -> str:
    return bytes(row).hex() if isinstance(row, bytes | memoryview) else str(row)
