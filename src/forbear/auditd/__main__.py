"""`python -m forbear.auditd`: looks all the time at what is new, once a day at everything, and says what is wrong.

An alarm is a line on stderr for each finding (ids and words of ours, nothing personal), the file
`audit.json`, which `forbear audit status` reads, and with `FORBEAR_AUDIT_ALARM` a command that is run
with the report on its stdin: to mail it, to page somebody.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
from typing import Final

import psycopg

from forbear.accounts.connect import connect
from forbear.accounts.leaving import Leaving
from forbear.auditd import memory
from forbear.auditd.findings import Report
from forbear.auditd.run import Audit, audit
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MINUTE
from forbear.ledger import writes

ALARM: Final = "FORBEAR_AUDIT_ALARM"
EVERY: Final = "FORBEAR_AUDIT_EVERY_S"
_EVERY_S: Final = 30.0
_ALARM_S: Final = 60
_TOLD: Final = 20  # findings in the log of one audit
_FAILED_S: Final = 5.0
_NICE: Final = 10  # nobody waits for an audit, and whoever decides does not wait for one either
_log = logging.getLogger("forbear.auditd")


def main() -> int:
    """Until it is asked to end. Returns the exit code: 3 where it cannot remember."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    leaving, every_s = Leaving(), float(os.environ.get(EVERY, _EVERY_S))
    os.nice(_NICE)
    while not leaving.now():
        try:
            once()
            leaving.wait(every_s)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            _log.warning("the store does not answer: %s", type(error).__name__)
            leaving.wait(_FAILED_S)
        except BadInput as error:
            _log.error("NOTHING IS AUDITED: %s", error)
            return 3
    return 0


def once() -> Report:
    """One audit; a whole one where the last was a day ago. Tells what is new."""
    before = memory.load()
    with connect() as connection:
        whole = writes.now(connection) - before.whole_at >= DAY - MINUTE
        report = audit(connection, Audit(whole=whole))
    if whole:
        _log.info("looked at everything: %s", ", ".join(f"{n:,} {what}" for what, n in sorted(report.seen.items())))
    known = {json.dumps(one, sort_keys=True) for one in before.findings}
    fresh = [one for one in report.findings if json.dumps(one._asdict(), sort_keys=True) not in known]
    for finding in fresh[:_TOLD]:
        _log.error("ALARM %s", finding)
    if fresh:
        _log.error("ALARM %d findings in all, %d new", report.wrong, len(fresh))
        _raise_alarm(report)
    return report


def _raise_alarm(report: Report) -> None:
    command = os.environ.get(ALARM)
    if not command:
        return
    try:
        subprocess.run(shlex.split(command), input=json.dumps(report.as_json()).encode(), timeout=_ALARM_S, check=True)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        _log.error("the alarm's command failed: %s", type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
