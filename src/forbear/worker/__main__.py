"""`python -m forbear.worker`."""

from __future__ import annotations

from forbear.worker.run import main

if __name__ == "__main__":
    raise SystemExit(main())
