"""kill -9 at every step of the sequencer: nothing is lost, no two trees are signed, and Go verifies what there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from forbear.accounts.connect import Connection, connect
from forbear.ledger import log, logkeys
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import Sequencer
from forbear.tlog import check, merkle, notes
from forbear.tlog.tiles import Tree
from tests.conftest import Database
from tests.sequencer.conftest import happen
from tests.tlog.gocheck import checked

OWNERS: Final = {"log": log, "folder": Folder, "sequencer": Sequencer}


def step_and_die(where: str, when: str, n: int, folder: Path, home: Path) -> None:
    """In a process of its own: one step, killed just before, or just after, the nth call of one function."""
    owner, name = OWNERS[where.partition(".")[0]], where.partition(".")[2]
    real, calls = getattr(owner, name), 0

    def dying(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == n and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*args, **more)
        if calls == n:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    sequencer = Sequencer(connect(), Folder(folder), home)
    sequencer.open()
    setattr(owner, name, dying)
    sequencer.step()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("where", "n"),
    [
        *(("log.place", 1), ("sequencer._write", 1), ("folder.put", 1), ("folder.put", 2), ("folder.put", 4)),
        *(("sequencer._sign", 1), ("log.record_head", 1), ("folder.publish", 1), ("folder.drop_partial", 1)),
    ],
)
def test_killed_at_any_step_it_goes_on_where_it_was(
    database: Database,
    conn: Connection,
    folder: Folder,
    sequencer: Sequencer,
    home: Path,
    where: str,
    n: int,
    when: str,
) -> None:
    happen(conn, 200)
    sequencer.step()
    before = folder.checkpoint()
    events = happen(conn, 400)
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            step_and_die(where, when, n, folder.at, home)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    keys = [one.key for one in logkeys.known(conn)]
    note = folder.checkpoint()
    assert note is not None
    assert note == before or notes.checkpoint(note).size == 601
    notes.signed_by(note, keys)
    assert check.check(folder.read, notes.checkpoint(note)) == []  # whatever is published is whole

    again = Sequencer(conn, folder, home)
    again.open()
    again.step()
    note = folder.checkpoint()
    assert note is not None
    said = notes.checkpoint(note)
    assert said.size == 601  # nothing is lost, nothing is there twice
    assert log.waiting(conn) == 0
    assert [len(log.found(conn, event)) for event in events] == [1] * 400
    tree = Tree(folder.read, 601)
    heads = conn.execute("SELECT size, root FROM ledger_checkpoint ORDER BY size").fetchall()
    for size, root in heads:  # every head that was ever signed is one of this one tree
        assert merkle.extends(size, bytes(root), 601, said.root, tree.consistency(size))
    older = [(size, bytes(root), tree.consistency(size)) for size, root in heads]
    assert checked(folder.at, keys[-1].vkey, *older) == "verified 601"


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def test_one_process_sequences_another_takes_over_and_ends_when_asked(
    database: Database, conn: Connection, folder: Folder, home: Path
) -> None:
    (event,) = happen(conn)
    environment = os.environ | {
        "FORBEAR_LOG": str(folder.at),
        "FORBEAR_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "forbear.sequencer"], env=environment, stderr=subprocess.DEVNULL)

    first = start()
    second = None
    try:
        _until(lambda: len(log.found(conn, event)) == 1)
        second = start()
        first.kill()
        first.wait(30)
        (later,) = happen(conn)
        _until(lambda: len(log.found(conn, later)) == 1)
        assert second.poll() is None
        second.terminate()
        assert second.wait(30) == 0
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
    note = folder.checkpoint()
    assert note is not None
    assert check.check(folder.read, notes.checkpoint(note)) == []


def test_a_process_whose_folder_is_not_its_databases_says_so_and_ends(
    database: Database, conn: Connection, folder: Folder, home: Path
) -> None:
    stranger = notes.Signer("log.example.org/forbear", bytes(32))
    folder.at.mkdir()
    folder.publish(notes.sign(notes.checkpoint_text(stranger.name, 3, bytes(32)), [stranger]))
    said = subprocess.run(
        [sys.executable, "-m", "forbear.sequencer"],
        env=os.environ
        | {"FORBEAR_LOG": str(folder.at), "FORBEAR_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 3
    assert "NOTHING IS PUBLISHED" in said.stderr
    assert "PRIVATE" not in said.stderr
