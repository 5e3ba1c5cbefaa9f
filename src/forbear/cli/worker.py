"""`forbear worker`: send what waits in the outbox, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command(short_help="Send confirmations, codes and answers.")(worker)


def worker() -> None:
    """Send what waits: confirmations of opt-outs, codes, answers.

    FORBEAR_SMTP_URL and FORBEAR_MAIL_FROM name the mail server, FORBEAR_CARRIER_URL the carrier of texts.
    """
    from forbear.cli import embedded
    from forbear.worker.run import main

    embedded.ensure()
    raise typer.Exit(main())
