"""`forbear audit check` and `status`: what they say, their exit codes, and no personal data in any of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.auditd import __main__ as process
from forbear.cli import embedded
from tests.auditd.conftest import PEOPLE, Kept
from tests.cli import conftest as commands
from tests.cli.conftest import Said
from tests.conftest import Database

forbear = commands.forbear
Forbear = Callable[..., Said]


@pytest.fixture
def remembered(kept: Kept, database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    path = kept.home / "own-memory.json"
    monkeypatch.setenv("FORBEAR_AUDIT", str(path))
    monkeypatch.setenv("FORBEAR_LOG", str(kept.folder.at))
    return path


def test_a_sound_ledger_is_said_to_be_sound(kept: Kept, remembered: Path, forbear: Forbear) -> None:
    assert forbear("audit", "status").code == 3, "nothing was audited yet"
    said = forbear("audit", "check", "--all")
    assert said.code == 0, said
    assert "everything is as it was logged" in said.out
    assert forbear("audit", "check", "--since").code == 0
    told = json.loads(forbear("audit", "status", "--json").out)
    assert told["well"] is True
    assert told["entries"] == kept.one("SELECT max(size) FROM ledger_checkpoint")


def test_tampering_is_named_with_exit_code_1_and_stays_an_alarm(kept: Kept, remembered: Path, forbear: Forbear) -> None:
    assert forbear("audit", "check").code == 0
    row = kept.one("SELECT id FROM ledger_suppression WHERE said LIMIT 1")
    kept.tamper("DELETE FROM ledger_suppression WHERE id = %s", row)
    said = forbear("audit", "check")
    assert said.code == 1
    assert f"not_carried_out suppression {row}" in said.out
    assert forbear("audit", "check", "--since").code == 0, "nothing new is wrong"
    assert forbear("audit", "status").code == 1, "and the alarm stands"
    told = json.loads(forbear("audit", "check", "--json").out)
    assert told["findings"][0]["row"] == str(row)


def test_no_finding_says_anything_of_a_person(kept: Kept, remembered: Path, forbear: Forbear) -> None:
    kept.tamper("UPDATE ledger_event SET addr = addr + 70 WHERE addr IS NOT NULL")
    kept.tamper("UPDATE ledger_decision SET addr = addr + 70")
    kept.tamper("UPDATE ledger_personal SET part = 'not even JSON'")
    said = forbear("audit", "check", "--all")
    assert said.code == 1
    for number in PEOPLE:
        assert number.lstrip("+") not in said.out
        assert str((1 << 60 | int(number)) + 70) not in said.out


def test_everything_and_only_what_is_new_is_a_contradiction(kept: Kept, remembered: Path, forbear: Forbear) -> None:
    assert forbear("audit", "check", "--all", "--since").code == 2


def test_the_process_tells_each_finding_once_and_hands_the_report_to_the_alarm(
    kept: Kept, remembered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alarm = tmp_path / "alarm.json"
    monkeypatch.setenv("FORBEAR_AUDIT_ALARM", f"tee {alarm}")
    assert process.once().well
    assert not alarm.exists()
    kept.house.one()
    kept.tamper(
        "UPDATE ledger_decision SET rules = 'made.up' WHERE batch = (SELECT max(id::text)::uuid FROM ledger_batch)"
    )
    kept.publish()
    report = process.once()
    assert not report.well
    assert "ALARM" in caplog.text
    assert json.loads(alarm.read_text())["wrong"] == report.wrong
    caplog.clear()
    alarm.unlink()
    process.once()
    assert "ALARM" not in caplog.text
    assert not alarm.exists()
