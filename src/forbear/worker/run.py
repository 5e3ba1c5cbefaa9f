"""The loop: woken by the database when something waits, and every few seconds in any case.

Several threads send, so that one slow server holds up nobody else's confirmation; each has a connection of its own.
On SIGTERM what is in hand is finished and recorded; nothing new is taken.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg

from forbear.accounts.connect import Connection, connect
from forbear.core.errors import BadInput
from forbear.core.instants import SECOND
from forbear.core.words import Channel
from forbear.gate import opt_in, outbox
from forbear.gate.contact import ClockAstray
from forbear.gate.outbox import Never, Permitted
from forbear.ledger.writes import WAITING, Waiting
from forbear.worker.carriers import Carrier, NotNow, Outcome, Refused, Taken, Unknown, configured

THREADS: Final = 4
POLL_S: Final = 5.0
_AGAIN_S: Final = 1.0
_SCRUB_EVERY_S: Final = 3600.0
_log = logging.getLogger("forbear.worker")
R = TypeVar("R")


class Worker:
    """Sends until it is told to leave. `carriers`: who carries which channel."""

    def __init__(self, carriers: dict[Channel, Carrier], threads: int = THREADS, poll_s: float = POLL_S) -> None:
        self._carriers, self._threads, self._poll_s = carriers, threads, poll_s
        self._leaving = threading.Event()
        self._news = threading.Condition()
        self._rung = 0

    def leave(self) -> None:
        """What is in hand is finished; nothing new is begun."""
        self._leaving.set()
        self._ring()

    def run(self) -> None:
        """Returns after `leave`."""
        crew = [threading.Thread(target=self._send_all, name=f"send-{n}", daemon=True) for n in range(self._threads)]
        for one in crew:
            one.start()
        self._listen()
        for one in crew:
            one.join()

    def _ring(self) -> None:
        with self._news:
            self._rung += 1
            self._news.notify_all()

    def _listen(self) -> None:
        """The main thread: rings when the database says that something waits."""
        scrubbed_s = 0.0
        while not self._leaving.is_set():
            try:
                with connect() as conn:
                    conn.execute(f"LISTEN {WAITING}")
                    self._ring()
                    while not self._leaving.is_set():
                        if time.monotonic() - scrubbed_s > _SCRUB_EVERY_S:
                            outbox.scrub(conn)
                            opt_in.forget(conn)
                            scrubbed_s = time.monotonic()
                        for _ in conn.notifies(timeout=0.5, stop_after=1):
                            self._ring()
            except (psycopg.Error, BadInput) as error:
                _log.warning("the store does not answer: %s", type(error).__name__)
                self._leaving.wait(_AGAIN_S)

    def _send_all(self) -> None:
        conn: Connection | None = None
        seen = 0
        while not self._leaving.is_set():
            try:
                if conn is None or conn.closed:
                    conn = connect()
                message = outbox.take(conn)
                if message is not None:
                    self._one(conn, message)
                    continue
                if opt_in.put_next(conn):
                    continue
            except (psycopg.Error, BadInput) as error:
                _log.warning("the store does not answer: %s", type(error).__name__)
                _close(conn)
                conn = None
                self._leaving.wait(_AGAIN_S)
                continue
            except Exception as error:  # noqa: BLE001 - the loop goes on; the message is left as taken
                _log.error("a message was not handled: %s", type(error).__name__, exc_info=error)
                _close(conn)
                conn = None
                self._leaving.wait(_AGAIN_S)
                continue
            with self._news:
                if self._rung == seen and not self._leaving.is_set():
                    self._news.wait(self._poll_s)
                seen = self._rung
        _close(conn)

    def _one(self, conn: Connection, message: Waiting) -> None:
        channel = outbox.channel_of(message)
        carrier = self._carriers.get(channel)
        if carrier is None and not message.expired:
            self._record(conn, lambda c: outbox.later(c, message, f"nobody carries {channel}", None))
            return
        permitted = self._permit(conn, message)
        if permitted is None:
            return
        if isinstance(permitted, Never):
            why = permitted.why
            self._record(conn, lambda c: outbox.failed(c, message, why, tried=message.interrupted))
            return
        assert carrier is not None, "what is expired is never permitted"
        found = carrier.carry(message.id, message.kind, channel, message.content, time.time_ns() * SECOND // 10**9)
        self._record(conn, lambda c: _after(c, message, found, permitted))

    def _permit(self, conn: Connection, message: Waiting) -> Permitted | Never | None:
        """None: it cannot be told now, and the message was put back."""
        try:
            return outbox.permit(conn, message)
        except (psycopg.Error, ClockAstray) as error:
            _log.warning("not decided: %s", type(error).__name__)
            why = f"not decided: {type(error).__name__}"
            self._record(conn, lambda c: outbox.later(c, message, why, None))
            return None

    def _record(self, conn: Connection, write: Callable[[Connection], R]) -> R | None:
        """Says what became of a message, until the store has taken it: a message sent twice is worse than a wait.

        Only a second signal, or an end of the process, leaves it unsaid.
        """
        mine: Connection | None = conn
        own = False
        while True:
            try:
                if mine is None or mine.closed:
                    mine, own = connect(), True
                return write(mine)
            except (psycopg.OperationalError, psycopg.InterfaceError, BadInput) as error:
                _log.warning("not recorded yet: %s", type(error).__name__)
                if own:
                    _close(mine)
                mine = None
                time.sleep(_AGAIN_S)
            finally:
                if own and mine is not None and not mine.closed:
                    mine.close()


def _after(conn: Connection, message: Waiting, found: Outcome, permitted: Permitted) -> None:
    match found:
        case Taken(by, provider_id):
            outbox.sent(conn, message, by, provider_id, permitted)
        case NotNow(why):
            outbox.later(conn, message, why, permitted)
        case Refused(why):
            outbox.failed(conn, message, why, tried=True, permitted=permitted)
        case Unknown(why):
            outbox.unknown(conn, message, why, permitted)


def _close(conn: Connection | None) -> None:
    if conn is not None:
        conn.close()
    return


def main() -> int:
    """The process. 0 after SIGTERM or Ctrl-C, 2 for a configuration that cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        carriers = configured()
        worker = Worker(carriers)
    except BadInput as error:
        print(f"forbear worker: {error}", file=sys.stderr)  # noqa: T201
        return 2

    def leave(signum: int, frame: Any) -> None:
        worker.leave()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    for channel in Channel:
        if channel not in carriers and channel is not Channel.VOICE:
            _log.info(
                "nobody carries %s: set %s",
                channel,
                "FORBEAR_SMTP_URL" if channel is Channel.EMAIL else "FORBEAR_CARRIER_URL",
            )
    worker.run()
    return 0
