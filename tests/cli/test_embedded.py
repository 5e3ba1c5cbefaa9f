"""The embedded database's supervisor: several starters, a kill, a pidfile that lies."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from forbear.accounts.connect import APP, OWNER
from forbear.accounts.home import load_secrets
from forbear.cli import embedded
from forbear.core.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with nothing in it, on a path short enough for a socket."""
    for name in (OWNER, APP, "FORBEAR_HOME"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="fb-") as folder:
        yield Path(folder)
        embedded.stop(Path(folder))
        for name in (OWNER, APP):
            os.environ.pop(name, None)


def count(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
        assert row
        return int(row[0])


def test_it_starts_is_found_running_survives_a_kill_and_stops(place: Path) -> None:
    store = embedded.ensure(place, migrate=False)
    first = embedded.status(place)
    assert first.running
    assert first.pid
    assert stat.S_IMODE((place / "pg-socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "pg").stat().st_mode) == 0o700
    with psycopg.connect(store.owner_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE kept (n int); ")
        conn.execute("INSERT INTO kept VALUES (1)")
    embedded.ensure(place, migrate=False)
    assert embedded.status(place).pid == first.pid

    os.kill(first.pid, signal.SIGKILL)
    embedded.ensure(place, migrate=False)
    second = embedded.status(place)
    assert second.running
    assert second.pid != first.pid
    assert count(store.owner_url) == 1

    assert embedded.stop(place)
    assert not embedded.status(place).running
    assert not embedded.stop(place)
    (place / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{place / 'pg'}\n")  # a number now somebody else's
    assert not embedded.status(place).running
    embedded.ensure(place, migrate=False)
    assert count(store.owner_url) == 1


def test_several_processes_may_start_it_at_once(place: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom forbear.cli import embedded\n"
        "embedded.ensure(Path(sys.argv[1]), migrate=False)\nprint(embedded.status(Path(sys.argv[1])).pid)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in {OWNER, APP}} | {"PYTHONPATH": str(ROOT / "src")}
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    pids = {starter.communicate(timeout=90)[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(pids) == 1


def test_passwords_are_asked_for(place: Path) -> None:
    store = embedded.ensure(place, migrate=False)
    for url in (store.owner_url, store.app_url):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, password="guess")


def test_another_postgresql_that_does_not_answer_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWNER, "postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(BadInput, match=OWNER) as refused:
        embedded.ensure(place)
    assert "x@" not in str(refused.value)


def test_another_postgresql_is_used_and_given_its_role(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server of one home plays the other PostgreSQL for a second home."""
    theirs = embedded.ensure(place, migrate=False)
    superuser = embedded._url(embedded._socket_dir(place), "postgres", load_secrets(place).postgres, "postgres")
    with psycopg.connect(superuser, autocommit=True) as conn:
        conn.execute("CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'let'")
        conn.execute("CREATE DATABASE let OWNER landlord")
        conn.execute("DROP OWNED BY forbear_app")
        conn.execute("DROP ROLE forbear_app")
        conn.execute("DROP ROLE forbear_erase")
    with tempfile.TemporaryDirectory(prefix="fb-") as second:
        monkeypatch.setenv(
            OWNER, psycopg.conninfo.make_conninfo(theirs.owner_url, user="landlord", password="let", dbname="let")
        )
        monkeypatch.delenv(APP, raising=False)
        store = embedded.ensure(Path(second))
        assert not store.embedded
        with psycopg.connect(store.app_url) as conn:
            assert conn.execute("SELECT current_user, count(*) FROM ledger_event").fetchone() == ("forbear_app", 0)
        assert not (Path(second) / "pg").exists()


def test_an_owner_who_may_not_make_roles_is_told_which_to_make(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = embedded.ensure(place, migrate=False)
    superuser = embedded._url(embedded._socket_dir(place), "postgres", load_secrets(place).postgres, "postgres")
    with psycopg.connect(superuser, autocommit=True) as conn:
        conn.execute("DROP OWNED BY forbear_app")
        conn.execute("DROP ROLE forbear_app")
        conn.execute("ALTER ROLE forbear_owner NOCREATEROLE")
    with tempfile.TemporaryDirectory(prefix="fb-") as second:
        monkeypatch.setenv(OWNER, theirs.owner_url)
        monkeypatch.delenv(APP, raising=False)
        with pytest.raises(BadInput, match="forbear_erase"):
            embedded.ensure(Path(second))
