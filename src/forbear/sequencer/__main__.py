"""`python -m forbear.sequencer`: one at a time sequences; further ones stand by and take over."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

import psycopg

from forbear.accounts.connect import Connection, connect
from forbear.accounts.leaving import Leaving
from forbear.core.errors import BadInput
from forbear.ledger.log import WAKE
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import MOST, Sequencer

_EVERY_S: Final = 1.0
_AT_LEAST_S: Final = 0.05  # between two looks, however often it is woken
_REFUSED: Final = 3
_log = logging.getLogger("forbear.sequencer")


def main() -> int:
    """Until it is asked to end. Returns the exit code: 3 where the log's files, keys and database do not fit."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    leaving, folder = Leaving(), Folder()
    while not leaving.now():
        try:
            with connect() as connection, folder.held() as ours:
                _sequence(connection, folder if ours else None, leaving)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            _log.warning("the store does not answer: %s", type(error).__name__)
            leaving.wait(_EVERY_S)
        except BadInput as error:
            _log.error("NOTHING IS PUBLISHED: %s", error)
            return _REFUSED
    return 0


def _sequence(connection: Connection, folder: Folder | None, leaving: Leaving) -> None:
    sequencer = Sequencer(connection, folder)
    if folder is None or not sequencer.stands_alone():
        leaving.wait(_EVERY_S)  # another one is at it
        return
    connection.execute(f"LISTEN {WAKE}")
    sequencer.open()
    _log.info("sequencing %s, %d leaves so far", sequencer.folder.at, sequencer.size)
    while not leaving.now():
        began = time.monotonic()
        if sequencer.step() == MOST:
            continue
        for _ in connection.notifies(timeout=_EVERY_S, stop_after=1):
            break
        leaving.wait(_AT_LEAST_S - (time.monotonic() - began))


if __name__ == "__main__":
    sys.exit(main())
