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
            with connect() as connection:
                _stand_by(connection, folder, leaving)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            _log.warning("the store does not answer: %s", type(error).__name__)
            leaving.wait(_EVERY_S)
        except BadInput as error:
            _log.error("NOTHING IS PUBLISHED: %s", error)
            return _REFUSED
    return 0


def _stand_by(connection: Connection, folder: Folder, leaving: Leaving) -> None:
    """Until it is our turn: one process to a folder, and one to a database."""
    while not leaving.now():
        with folder.held() as ours:
            sequencer = Sequencer(connection, folder)
            if ours and sequencer.stands_alone():
                _sequence(connection, sequencer, leaving)
                return
        leaving.wait(_EVERY_S)


def _sequence(connection: Connection, sequencer: Sequencer, leaving: Leaving) -> None:
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
