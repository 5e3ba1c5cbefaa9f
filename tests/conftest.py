"""What tests share: one real PostgreSQL for the session, a fresh database for each test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from forbear.accounts.connect import APP, OWNER, Connection, connect
from forbear.accounts.home import load_secrets
from forbear.cli import embedded

_numbers = itertools.count()

# A busy machine draws slowly; that is no fault of the code.
settings.register_profile("forbear", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("forbear")


@dataclass
class Database:
    """One database. `app()` is what the product uses; `owner()` what migrates it."""

    app_url: str
    owner_url: str
    opened: list[Connection] = field(default_factory=list)

    def app(self) -> Connection:
        self.opened.append(connect(self.app_url))
        return self.opened[-1]

    def owner(self) -> Connection:
        self.opened.append(connect(self.owner_url))
        return self.opened[-1]


@pytest.fixture(scope="session")
def store_home() -> Iterator[Path]:
    """A home of the session's own, with the embedded PostgreSQL running in it."""
    kept = {name: os.environ.pop(name, None) for name in (OWNER, APP, "FORBEAR_HOME")}
    place = Path(tempfile.mkdtemp(prefix="forbear-test-"))
    os.environ["FORBEAR_HOME"] = str(place)
    try:
        embedded.ensure(place, migrate=True)
        yield place
    finally:
        embedded.stop(place)
        shutil.rmtree(place, ignore_errors=True)
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@pytest.fixture(scope="session")
def template(store_home: Path) -> Iterator[Connection]:
    """The superuser's connection, and a migrated database nobody is connected to, to copy from."""
    admin_url = _named(
        embedded._url(embedded._socket_dir(store_home), "postgres", load_secrets(store_home).postgres),
        "postgres",
    )
    with psycopg.connect(admin_url, autocommit=True) as admin:
        # A database a test costs most of a run's time in waiting for the disk; no test takes the power away.
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE DATABASE forbear_empty TEMPLATE forbear OWNER forbear_owner")
        yield admin


@pytest.fixture
def database(template: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A fresh, migrated, empty database; the environment names it."""
    name = f"forbear_test_{next(_numbers)}"
    template.execute(f"CREATE DATABASE {name} TEMPLATE forbear_empty OWNER forbear_owner")
    template.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    template.execute(f"GRANT CONNECT ON DATABASE {name} TO forbear_app")
    made = Database(_named(os.environ[APP], name), _named(os.environ[OWNER], name))
    monkeypatch.setenv(APP, made.app_url)
    monkeypatch.setenv(OWNER, made.owner_url)
    try:
        yield made
    finally:
        for conn in made.opened:
            conn.close()
        template.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def conn(database: Database) -> Connection:
    """A connection as the application's role."""
    return database.app()


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
