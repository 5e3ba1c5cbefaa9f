"""`forbear audit`: prove a record, check a log from its files, rotate its key; each with the verifier that ships."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from forbear.accounts.connect import Connection
from forbear.cli import embedded
from forbear.ledger import logkeys
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import Sequencer
from forbear.tlog import notes
from forbear.tlog.tiles import Edge
from tests.cli.conftest import Said
from tests.conftest import Database
from tests.sequencer.conftest import happen

Command = Callable[..., Said]


@pytest.fixture
def folder(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The log of a home of this test's own; the store is the session's."""
    monkeypatch.setenv("FORBEAR_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FORBEAR_LOG_ORIGIN", "log.example.org/forbear")
    monkeypatch.setattr("forbear.ledger.logkeys.home", lambda: tmp_path / "home")
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    return Folder()


@pytest.fixture
def sequencer(conn: Connection, folder: Folder) -> Sequencer:
    made = Sequencer(conn, folder)
    made.open()
    made.step()
    return made


@pytest.fixture
def vkey(conn: Connection, sequencer: Sequencer) -> str:
    return logkeys.known(conn)[-1].key.vkey


def test_a_proof_is_written_and_checked_by_the_verifier_that_is_printed(
    forbear: Command, conn: Connection, sequencer: Sequencer, vkey: str, tmp_path: Path
) -> None:
    (event,) = happen(conn)
    waits = forbear("audit", "prove", str(event))
    assert waits.code == 1
    assert "waits for the log's next head" in waits.out
    sequencer.step()
    file, program = tmp_path / "proof.json", tmp_path / "verify.py"
    assert forbear("audit", "prove", str(event), "--open", "-o", str(file)).code == 0
    program.write_text(forbear("audit", "verifier").out)
    checked = subprocess.run(
        [sys.executable, "-I", "-S", program, file, vkey], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "+12025550000" in checked.stdout
    assert "+12025550000" not in forbear("audit", "prove", str(event)).out


def test_what_has_no_proof_is_bad_input(forbear: Command, sequencer: Sequencer) -> None:
    assert forbear("audit", "prove", "nonsense").code == 2
    assert forbear("audit", "prove", str(uuid4())).code == 2


def test_a_whole_log_is_checked_from_its_files_alone(
    forbear: Command, conn: Connection, sequencer: Sequencer, folder: Folder, vkey: str, tmp_path: Path
) -> None:
    happen(conn, 300)
    sequencer.step()
    fine = forbear("audit", "verify")
    assert fine.code == 0
    assert "301 entries" in fine.out
    assert "this home's key" in fine.out
    moved = tmp_path / "copy"
    folder.at.rename(moved)
    assert forbear("audit", "verify", "--files", str(moved), "--key", vkey).code == 0
    said = json.loads(forbear("audit", "verify", "--files", str(moved), "--json").out)
    assert (said["fine"], said["size"], said["wrong"]) == (True, 301, [])
    assert forbear("audit", "verify").code == 2  # nothing there

    stranger = "log.example.org/forbear+cd8d6a9b+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    other = forbear("audit", "verify", "--files", str(moved), "--key", stranger)
    assert other.code in (1, 2)
    tile = moved / "tile/entries/000"
    tile.write_bytes(tile.read_bytes()[:70] + b"\0" + tile.read_bytes()[71:])
    wrong = forbear("audit", "verify", "--files", str(moved), "--key", vkey)
    assert wrong.code == 1
    assert "tile/0/000: its entry 1 has another hash (from entry 1 on)" in wrong.out
    assert json.loads(forbear("audit", "verify", "--files", str(moved), "--json").out)["fine"] is False


def test_a_log_cut_short_or_begun_anew_is_told_by_a_head_that_was_kept(
    forbear: Command, conn: Connection, sequencer: Sequencer, folder: Folder, tmp_path: Path
) -> None:
    happen(conn, 40)
    sequencer.step()
    kept, newer = tmp_path / "kept", tmp_path / "newer"
    kept.write_text(folder.checkpoint() or "")
    assert forbear("audit", "verify", "--head", str(kept)).code == 0
    happen(conn, 20)
    sequencer.step()
    newer.write_text(folder.checkpoint() or "")
    assert forbear("audit", "verify", "--head", str(kept)).code == 0
    folder.publish(kept.read_text())  # an older head again
    cut = forbear("audit", "verify", "--head", str(newer))
    assert cut.code == 1
    assert "61 entries were signed, and 41 are here" in cut.out
    keys = logkeys.load()
    assert keys is not None
    edge = Edge()
    for tile, data in edge.grow([bytes(49)] * 61):  # another log, signed with the same key
        folder.put(folder.at / tile.path, data)
    folder.publish(notes.sign(notes.checkpoint_text(keys.newest.name, 61, edge.root()), [keys.newest]))
    assert forbear("audit", "verify").code == 0
    anew = forbear("audit", "verify", "--head", str(kept))
    assert anew.code == 1
    assert "the first 41 entries are not those that were signed" in anew.out


def test_without_a_key_of_ones_own_it_is_said_whose_word_it_is(
    forbear: Command, sequencer: Sequencer, tmp_path: Path
) -> None:
    (tmp_path / "home" / logkeys.FILE).unlink()
    said = forbear("audit", "verify")
    assert said.code == 0
    assert "nobody else vouches for it" in said.out


def test_a_key_is_rotated_and_the_history_told(
    forbear: Command, conn: Connection, sequencer: Sequencer, vkey: str
) -> None:
    made = forbear("audit", "keys", "rotate")
    assert made.code == 0
    new = made.out.splitlines()[0]
    assert new != vkey
    assert "PRIVATE" not in made.out
    sequencer.step()
    listed = json.loads(forbear("audit", "keys", "list", "--json").out)
    assert [one["vkey"] for one in listed] == [vkey, new]
    assert listed[0]["until"] == listed[1]["since"]
    for key in (vkey, new):  # the head at the change is signed by both
        assert forbear("audit", "verify", "--key", key).code == 0
    assert vkey in forbear("audit", "keys", "list").out
