"""The processes beside `forbear serve`: started again when they die, ended with it, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forbear.cli import serve

MODULE = """
import os, sys, threading
from forbear.accounts.leaving import Leaving
leaving = Leaving()
place = os.environ["VICTIM"]
with open(place + ".draft", "w") as handle:
    handle.write(str(os.getpid()))
os.rename(place + ".draft", place)
leaving.wait(60)
os.unlink(place)
"""


@pytest.fixture
def pid_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "victim.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setenv("VICTIM", str(tmp_path / "pid"))
    monkeypatch.setattr(serve, "_AGAIN_AFTER_S", (0.01,))
    return tmp_path / "pid"


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def leaving() -> Iterator[threading.Event]:
    asked = threading.Event()
    yield asked
    asked.set()


def test_a_process_that_dies_is_started_again_and_ended_when_we_leave(pid_file: Path, leaving: threading.Event) -> None:
    keeper = threading.Thread(target=serve._keep_running, args=("victim", leaving))
    keeper.start()
    until(pid_file.exists)
    first = int(pid_file.read_text())
    os.kill(first, signal.SIGKILL)
    until(lambda: int(pid_file.read_text()) != first)
    second = int(pid_file.read_text())
    leaving.set()
    keeper.join(30)
    assert not keeper.is_alive()
    assert not alive(second)
    assert not pid_file.exists()  # it was asked, not killed


def test_a_process_ends_when_whoever_started_it_was_killed(pid_file: Path) -> None:
    starts = (
        "import os, subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-m', 'forbear.cli.beside', 'victim', str(os.getpid())])\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starts], stdin=subprocess.PIPE)
    until(pid_file.exists)
    child = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    assert parent.stdin is not None
    parent.stdin.close()
    until(lambda: not pid_file.exists())
    until(lambda: not alive(child) or _zombie(child))


def _zombie(process: int) -> bool:
    """Its new parent may not have looked after it yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
