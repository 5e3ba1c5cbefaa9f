"""`python -m forbear.cli.beside MODULE PARENT`: a module as a process of `forbear serve`, which ends with it."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

_LOOK_EVERY_S: Final = 0.5


def main() -> None:
    """Whoever started us was killed: then nobody would end us, or start us again."""
    module, parent = sys.argv[1], int(sys.argv[2])
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()
    del sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
