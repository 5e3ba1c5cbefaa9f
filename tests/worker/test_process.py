"""The worker as a process of its own: started by module name, ended by SIGTERM, killed in the middle of sending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Database
from tests.worker.conftest import Carried, Inbox, Sender, until


@contextmanager
def process(database: Database, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    known = {"PATH": os.environ["PATH"], "FORBEAR_HOME": os.environ["FORBEAR_HOME"]}
    known |= {"FORBEAR_APP_DATABASE_URL": database.app_url}
    started = subprocess.Popen([sys.executable, "-m", "forbear.worker"], env=known | environment)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()


def test_it_sends_by_both_ways_and_leaves_when_told(
    sender: Sender, carrier: Carried, inbox: Inbox, database: Database
) -> None:
    ways = {
        "FORBEAR_CARRIER_URL": carrier.url,
        "FORBEAR_CARRIER_SECRET": "s3cret",
        "FORBEAR_SMTP_URL": inbox.url,
        "FORBEAR_MAIL_FROM": "Acme <stop@acme.example>",
    }
    sender.hears("STOP")
    with process(database, **ways) as started:
        carrier.asked.get(timeout=60)
        sender.hears("unsubscribe", "m2", "pat@example.org", country="US")  # while it runs: it is woken
        _, mail = inbox.mails.get(timeout=60)
        assert mail["Auto-Submitted"] == "auto-replied"
        until(lambda: all(row[1] for row in sender.outbox()))
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
    assert len(carrier.seen) == 1


def test_killed_while_it_sends_no_confirmation_leaves_twice(
    sender: Sender, carrier: Carried, database: Database
) -> None:
    carrier.holding.clear()
    sender.hears("STOP")
    with process(database, FORBEAR_CARRIER_URL=carrier.url) as started:
        until(lambda: len(carrier.seen) == 1)
        started.kill()
        started.wait()
    carrier.holding.set()
    sender.conn.execute("UPDATE ledger_outbox SET next_at = now()")  # its lease is over
    with process(database, FORBEAR_CARRIER_URL=carrier.url) as started:
        until(lambda: sender.outbox()[0][2])
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
    assert len(carrier.seen) == 1
    assert "may have left" in sender.outbox()[0][4]


def test_a_configuration_that_cannot_work_is_said_at_once(sender: Sender, database: Database) -> None:
    for wrong in ({"FORBEAR_CARRIER_URL": "ftp://x"}, {"FORBEAR_SMTP_URL": "smtp://x", "FORBEAR_MAIL_FROM": "nobody"}):
        with process(database, **wrong) as started:
            assert started.wait(60) == 2
