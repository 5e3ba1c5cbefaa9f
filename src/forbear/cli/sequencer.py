"""`forbear sequencer`: the process that writes and signs the log, where it runs by itself."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command(short_help="Write and sign the log: one process.")(sequencer)


def sequencer() -> None:
    """Write and sign the log. `forbear serve` runs one already; several stand by for one another.

    Exit code 3 where files, keys and database are not of one log: then nothing is published.
    """
    from forbear.cli import embedded
    from forbear.sequencer.__main__ import main

    embedded.ensure()
    raise typer.Exit(main())
