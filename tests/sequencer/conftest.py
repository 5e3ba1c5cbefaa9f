"""A log: a folder, keys, and the sequencer that fills it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from forbear.accounts.connect import Connection
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import Sequencer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("FORBEAR_LOG_ORIGIN", "log.example.org/forbear")
    return Folder(tmp_path / "log")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def sequencer(conn: Connection, folder: Folder, home: Path) -> Sequencer:
    made = Sequencer(conn, folder, home)
    made.open()
    made.step()
    return made


def happen(conn: Connection, n: int = 1, account: UUID | None = None) -> list[UUID]:
    """So many opt-outs, in one commit."""
    with conn.transaction():
        now = writes.now(conn)
        return [
            writes.append_event(
                *(conn, now, Kind.OPT_OUT_SAID, KnownBy.PERSON),
                account=account,
                payload={"n": i, "said": "más no — 停止"},
                personal={"address": f"+1202555{i:04}"},
            )
            for i in range(n)
        ]
