"""`forbear database`: start, stop and look at the PostgreSQL that comes with Forbear."""

from __future__ import annotations

import typer

from forbear.cli.say import AsJson

database = typer.Typer(help="The database that comes with Forbear: start, stop, status.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(database, name="database")


@database.command()
def start() -> None:
    """Start it and bring its tables up to date. Other commands do so by themselves."""
    from forbear.cli import embedded

    store = embedded.ensure()
    typer.echo("running" if store.embedded else "another PostgreSQL is used (FORBEAR_DATABASE_URL)")


@database.command()
def stop() -> None:
    """Stop it in an orderly way; the data stays."""
    from forbear.cli import embedded

    typer.echo("stopped" if embedded.stop() else "was not running")


@database.command()
def status(json: AsJson = False) -> None:
    """Whether it runs, without starting it. Exit code 3 where it does not."""
    from forbear.cli import embedded
    from forbear.cli.main import FAILED, FINE
    from forbear.cli.say import as_json, pairs

    found = embedded.status()
    if json:
        as_json({"embedded": found.embedded, "running": found.running, "version": found.version, "where": found.where})
    else:
        pairs(
            [
                ("state", "running" if found.running else "not running"),
                ("version", found.version),
                ("where", found.where),
                ("kind", "comes with Forbear" if found.embedded else "named by FORBEAR_DATABASE_URL"),
            ]
        )
    raise typer.Exit(FINE if found.running else FAILED)
