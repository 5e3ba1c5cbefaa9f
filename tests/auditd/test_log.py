"""The log's files and heads: cut short, replaced, forged, rolled back together with the database, or written late."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from forbear.auditd import memory
from forbear.auditd.findings import Wrong
from forbear.core.errors import BadInput
from forbear.core.words import Channel
from forbear.gate.opt_out import OptOut, opt_out
from forbear.ledger import log, logrows
from forbear.ledger.kinds import Leaf
from forbear.tlog import notes
from forbear.tlog.merkle import EMPTY_ROOT
from forbear.tlog.notes import Signer
from tests.auditd.conftest import Kept, found
from tests.gate.conftest import recorded_call

NOBODYS = Signer("nobody.example/log", bytes(range(32)))


def more(kept: Kept, n: int = 1) -> None:
    """Something new, published."""
    for _ in range(n):
        kept.house.one(recorded_call("+15125550140"))
    kept.publish()


def tile_of(kept: Kept, level: str) -> Path:
    return next(path for path in sorted(kept.folder.at.rglob("*")) if f"/{level}/" in str(path) and path.is_file())


def test_a_truncated_log_in_the_database_is_named(kept: Kept) -> None:
    size = kept.one("SELECT max(size) FROM ledger_checkpoint")
    kept.tamper("DELETE FROM ledger_logentry WHERE index >= %s", size - 3)
    for whole in (True, False):
        report = kept.audit(whole=whole)
        assert [one.row for one in found(report, Wrong.LOG_TRUNCATED, "logentry")][:1] == [str(size - 3)]


def test_a_log_whose_folder_was_rolled_back_is_named(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept.folder.at, tmp_path / "before")
    more(kept)
    assert kept.audit(whole=False).well
    shutil.rmtree(kept.folder.at)
    shutil.copytree(tmp_path / "before", kept.folder.at)
    assert found(kept.audit(whole=False), Wrong.LOG_TRUNCATED, "file")


def test_a_rollback_of_folder_and_database_together_is_seen(kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept.folder.at, tmp_path / "before")
    size = kept.one("SELECT max(size) FROM ledger_checkpoint")
    more(kept)
    assert kept.audit(whole=False).well
    shutil.rmtree(kept.folder.at)
    shutil.copytree(tmp_path / "before", kept.folder.at)
    kept.tamper("DELETE FROM ledger_checkpoint WHERE size > %s", size)
    kept.tamper("DELETE FROM ledger_logentry WHERE index >= %s", size)
    kept.tamper("DELETE FROM ledger_decision WHERE batch NOT IN (SELECT source FROM ledger_logentry)")
    kept.tamper(
        "DELETE FROM ledger_permit WHERE id NOT IN (SELECT permit FROM ledger_decision WHERE permit IS NOT NULL)"
    )
    kept.tamper("DELETE FROM ledger_batch WHERE id NOT IN (SELECT source FROM ledger_logentry)")
    report = kept.audit()
    assert found(report, Wrong.LOG_TRUNCATED, "logentry"), report.findings
    (kept.home / "audit.json").unlink()
    assert kept.audit().well, "but for what the audit remembers nobody would have known"


@pytest.mark.parametrize("level", ["0", "entries"])
def test_a_replaced_tile_is_named(kept: Kept, level: str) -> None:
    path = tile_of(kept, level)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    report = kept.audit()
    assert [one.row for one in found(report, Wrong.CHANGED, "file")] == [str(path.relative_to(kept.folder.at))]


def test_a_tile_that_is_gone_is_named(kept: Kept) -> None:
    path = tile_of(kept, "0")
    path.unlink()
    report = kept.audit()
    assert [one.row for one in found(report, Wrong.GONE, "file")] == [str(path.relative_to(kept.folder.at))]


def test_a_checkpoint_that_our_key_did_not_sign_is_named(kept: Kept) -> None:
    head = log.head(kept.house.conn)
    assert head is not None
    forged = notes.sign(notes.checkpoint_text(NOBODYS.name, head.size + 5, EMPTY_ROOT), [NOBODYS])
    kept.folder.publish(forged)
    assert found(kept.audit(), Wrong.LOG_UNSIGNED, "file")
    kept.folder.publish(head.note)
    assert kept.audit().well
    kept.tamper("UPDATE ledger_checkpoint SET note = %s WHERE size = %s", forged, head.size)
    assert [one.row for one in found(kept.audit(), Wrong.LOG_UNSIGNED, "checkpoint")] == [str(head.size)]


def test_a_key_that_no_known_key_vouches_for_is_not_believed(kept: Kept) -> None:
    """Who has the database can also write that there is a new key."""
    more(kept)
    head = log.head(kept.house.conn)
    assert head is not None
    kept.tamper(
        "UPDATE ledger_event SET payload = jsonb_build_object('vkey', %s::text) WHERE kind = 'log_key:made'",
        NOBODYS.verifier.vkey,
    )
    forged = notes.sign(notes.checkpoint_text(NOBODYS.name, head.size, head.root), [NOBODYS])
    kept.tamper("UPDATE ledger_checkpoint SET note = %s WHERE size = %s", forged, head.size)
    kept.folder.publish(forged)
    report = kept.audit()
    assert found(report, Wrong.LOG_UNSIGNED, "file")
    assert found(report, Wrong.LOG_UNSIGNED, "checkpoint")


@pytest.mark.parametrize("payload", ["{}", '{"vkey": "no key"}', '{"vkey": 7}'])
def test_spoilt_news_of_a_key_does_not_keep_the_audit_from_looking(kept: Kept, payload: str) -> None:
    kept.tamper("UPDATE ledger_event SET payload = %s::jsonb WHERE kind = 'log_key:made'", payload)
    report = kept.audit()
    assert "log_key:made" in [one.row for one in found(report, Wrong.CHANGED, "event")]
    assert report.seen["decisions"] > 0


def test_an_event_written_late_and_dated_back_is_named_though_the_log_has_it(kept: Kept) -> None:
    """The forger does everything right: row, personal part, suppression, leaf. Only the log's order gives it away."""
    kept.house.one(recorded_call("+15125550141"))
    said = opt_out(
        kept.house.conn,
        kept.house.account,
        [OptOut(address="+15125550142", channel=Channel.VOICE)],
        gate=kept.house.gate,
    )
    event = said.events[0]
    early = f"{(event.int >> 80) - 3 * 3_600_000:012x}{event.hex[12:]}"
    kept.tamper("UPDATE ledger_personal SET event = %s::uuid WHERE event = %s", early, event)
    kept.tamper("UPDATE ledger_suppression SET id = %s::uuid, at = at - interval '3 h' WHERE id = %s", early, event)
    kept.tamper(
        "UPDATE ledger_event SET id = %s::uuid, learnt_at = learnt_at - interval '3 h', happened_at = happened_at -"
        " interval '3 h' WHERE id = %s",
        early,
        event,
    )
    row = kept.house.conn.execute(
        f"SELECT {logrows.EVENT_COLUMNS} FROM ledger_event WHERE id = %s::uuid",
        [early],
    ).fetchone()
    assert row is not None
    record = logrows.event_record(row)
    kept.tamper(
        "UPDATE ledger_logqueue SET source = %s, hash = %s WHERE source = %s AND kind = %s",
        *(record.id, record.hash, event, int(Leaf.EVENT)),
    )
    kept.publish()
    report = kept.audit(whole=False)
    assert [one.row for one in found(report, Wrong.BACK_DATED, "event")] == [str(record.id)], report.findings


@pytest.mark.parametrize("table", ["event", "decision", "batch"])
def test_a_row_dated_back_is_named(kept: Kept, table: str) -> None:
    column = "learnt_at" if table == "event" else "at"
    row = kept.one(f"SELECT id FROM ledger_{table} ORDER BY id LIMIT 1")
    kept.tamper(f"UPDATE ledger_{table} SET {column} = {column} - interval '1 day' WHERE id = %s", row)
    assert str(row) in [one.row for one in found(kept.audit(), Wrong.BACK_DATED, table)]


def test_a_checkpoint_dated_back_is_named(kept: Kept) -> None:
    more(kept)
    size = kept.one("SELECT max(size) FROM ledger_checkpoint")
    kept.tamper("UPDATE ledger_checkpoint SET at = at - %s::interval WHERE size = %s", timedelta(days=1), size)
    assert [one.row for one in found(kept.audit(), Wrong.BACK_DATED, "checkpoint")] == [str(size)]


def test_a_spoilt_memory_is_never_begun_anew_by_itself(kept: Kept) -> None:
    (kept.home / "audit.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="not what the audit remembers"):
        kept.audit()


def test_an_audit_that_saw_a_cut_keeps_the_head_it_knew(kept: Kept) -> None:
    before = memory.load(kept.home / "audit.json")
    kept.tamper("DELETE FROM ledger_logentry WHERE index >= %s", before.size - 2)
    assert not kept.audit().well
    after = memory.load(kept.home / "audit.json")
    assert (after.size, after.root) == (before.size, before.root)
