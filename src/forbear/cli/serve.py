"""`forbear serve`: database, migrations, web server and the processes beside it. Ctrl-C stops what it started."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Annotated, Any, Final

import typer

from forbear.cli.store import OwnRules

_LOOK_EVERY_S: Final = 1.0
_TIDY_EVERY_S: Final = 3600.0
_PROCESSES: Final = ("forbear.sequencer", "forbear.worker", "forbear.auditd")  # modules, each a process of its own
_AGAIN_AFTER_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)  # a process that died, by how often it did in a row
_FINE_AFTER_S: Final = 60.0
_ENDS_WITHIN_S: Final = 10.0
_log = logging.getLogger("forbear.serve")


def register(app: typer.Typer) -> None:
    app.command(short_help="Run the gate on this machine.")(serve)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8700,
    workers: Annotated[int, typer.Option(help="Web processes.", min=1, max=64)] = 1,
    sample: Annotated[
        bool, typer.Option("--sample", help="Also make a sample account, registry and list, and wash the list.")
    ] = False,
    rules: OwnRules = None,
) -> None:
    """Run the gate on this machine: database, migrations, web server, the log's sequencer and audit, the worker.

    FORBEAR_DATABASE_URL names a PostgreSQL to use instead of the one that comes with Forbear.
    """
    _listenable(host, port)
    from forbear.gate import rulebooks

    rulebooks.use(rules)
    rulebooks.installed()  # a rule of the operator's own that cannot be read is said before anything is started
    from forbear.cli import embedded
    from forbear.cli.say import console

    out = console()
    was_running = embedded.status().running
    signal.signal(signal.SIGTERM, _leave)
    store, leaving = None, threading.Event()
    beside: list[threading.Thread] = []
    try:
        with out.status("Starting the database", spinner="dots"):
            store = embedded.ensure()
        if sample:
            os.environ.setdefault("FORBEAR_SAMPLE", "1")  # nothing leaves; `/outbox` shows what would have
            os.environ.setdefault("FORBEAR_PUBLIC_URL", f"http://{_named(host)}:{port}")
            from forbear.cli.sample import prepare

            prepare(f"http://{_named(host)}:{port}")
        threading.Thread(target=_announce, args=(_named(host), port, leaving), name="announce", daemon=True).start()
        if store.embedded:
            threading.Thread(target=_keep_up, args=(leaving,), name="database-watch", daemon=True).start()
        threading.Thread(target=_tidy, args=(leaving,), name="upkeep", daemon=True).start()
        beside = [threading.Thread(target=_keep_running, args=(name, leaving), name=name) for name in _PROCESSES]
        for thread in beside:
            thread.start()
        _web(host, port, workers)
    finally:
        leaving.set()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for thread in beside:
            thread.join()
        if store is not None and store.embedded and not was_running:
            typer.echo("Stopping the database")
            embedded.stop()


def _announce(host: str, port: int, leaving: threading.Event) -> None:
    """Says where it runs once it answers, so that whoever reads the line can use it."""
    while not leaving.wait(0.05):
        try:
            socket.create_connection((host.strip("[]"), port), timeout=1).close()
        except OSError:
            continue
        typer.echo(f"Forbear runs at http://{host}:{port}/  (Ctrl-C stops it)")
        return


def _keep_up(leaving: threading.Event) -> None:
    """Starts the database again when it was killed; meanwhile every request is answered 503."""
    from forbear.cli import embedded

    while not leaving.wait(_LOOK_EVERY_S):
        if not embedded.status().running and not leaving.is_set():
            _log.warning("the database is gone; starting it again")
            try:
                embedded.ensure(migrate=False)
            except Exception as error:  # noqa: BLE001 - tried again at the next look
                _log.error("the database does not start: %s", error)


def _keep_running(module: str, leaving: threading.Event) -> None:
    """Runs a module as a process and starts it again when it ends; ends it when we leave."""
    died = 0
    command = [sys.executable, "-m", "forbear.cli.beside", module, str(os.getpid())]
    while not leaving.is_set():
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while process.poll() is None and not leaving.wait(_LOOK_EVERY_S / 4):
            pass
        if leaving.is_set():
            _end(process)
            return
        died = 1 if time.monotonic() - began > _FINE_AFTER_S else died + 1
        again = _AGAIN_AFTER_S[min(died, len(_AGAIN_AFTER_S)) - 1]
        _log.error("%s ended with %s; started again in %.0f s", module, process.returncode, again)
        leaving.wait(again)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tidy(leaving: threading.Event) -> None:
    """The ledger's hourly upkeep; what fails is tried again in an hour."""
    from forbear.accounts.connect import connect
    from forbear.ledger.upkeep import tidy

    while not leaving.wait(_TIDY_EVERY_S):
        try:
            with connect() as connection:
                tidy(connection)
        except Exception as error:  # noqa: BLE001 - partitions are made three months ahead
            _log.error("the ledger's upkeep failed: %s", type(error).__name__)


def _web(host: str, port: int, workers: int) -> None:
    import uvicorn

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forbear.web.settings")
    uvicorn.run(
        "forbear.web.asgi:make",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=20,
    )


def _listenable(host: str, port: int) -> None:
    """Says so now if the port is taken, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}; try --port") from error


def _named(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _leave(signum: int, frame: Any) -> None:
    raise SystemExit(0)
