"""`forbear audit check`, `forbear audit status`, `forbear auditd`: is everything still as it was logged?"""

from __future__ import annotations

from typing import Annotated

import typer

from forbear.cli.audit import Files, audit
from forbear.cli.say import AsJson


def register(app: typer.Typer) -> None:
    audit.command()(check)
    audit.command()(status)
    app.command(short_help="Audit all the time: one process.")(auditd)


def check(
    everything: Annotated[
        bool, typer.Option("--all", help="Every row, event, tile and head, and every decision judged again.")
    ] = False,
    since: Annotated[
        bool, typer.Option("--since", help="Only what is new since the last audit (else every row, a sample judged).")
    ] = False,
    sample: Annotated[
        int, typer.Option(metavar="N", help="How many decisions to judge again, drawn at random.", min=0)
    ] = 200,
    trust: Annotated[
        list[str] | None,
        typer.Option("--trust", metavar="VKEY", help="Also believe this key of the log from now on; may be repeated."),
    ] = None,
    files: Files = None,
    json: AsJson = False,
) -> None:
    """Hold the log, its files and the database against one another, and judge decisions again.

    Names every row that was changed, taken out, put in, moved or dated back since it was logged, every
    state that follows from no event, and a log that was cut or forked. Exit code 1 where anything is
    wrong. What the last audit saw is remembered in `audit.json` of the home (FORBEAR_AUDIT: elsewhere).
    """
    from forbear.auditd.run import EVERY_DECISION, Audit
    from forbear.auditd.run import audit as look
    from forbear.cli import say
    from forbear.cli.main import FINE, REFUSED
    from forbear.cli.store import opened
    from forbear.core.errors import BadInput
    from forbear.ledger.logfiles import Folder
    from forbear.tlog import notes

    if everything and since:
        raise BadInput("everything, or what is new", key="--since", todo="leave one of --all and --since")
    for key in trust or ():
        notes.verifier(key)
    asked = Audit(
        whole=not since,
        sample=EVERY_DECISION if everything else sample,
        folder=Folder(files),
        trust=tuple(trust or ()),
    )
    with opened() as connection:
        report = look(connection, asked)
    if json:
        say.as_json(report.as_json())
    else:
        for finding in report.findings:
            typer.echo(str(finding))
        typer.echo("looked at " + ", ".join(f"{n:,} {what}" for what, n in sorted(report.seen.items()) if n))
        noted = ", ".join(f"{n:,} {what}" for what, n in sorted(report.notes.items()) if n)
        if noted:
            typer.echo("and noted " + noted)
        typer.echo("everything is as it was logged" if report.well else f"{report.wrong:,} findings")
    raise typer.Exit(FINE if report.well else REFUSED)


def status(json: AsJson = False) -> None:
    """What the last audits found, without looking again. Exit code 1 where anything is wrong, 3 where none ran."""
    from forbear.auditd import memory
    from forbear.cli import say
    from forbear.cli.main import FAILED, FINE, REFUSED
    from forbear.core.instants import rfc3339

    known = memory.load()
    looked, whole = (rfc3339(at) if at else None for at in (known.looked_at, known.whole_at))
    if json:
        say.as_json(
            {
                "well": known.well and known.looked_at > 0,
                "wrong": known.wrong,
                "looked_at": looked,
                "everything_at": whole,
                "entries": known.size,
                "root": known.root or None,
                "findings": known.findings,
            }
        )
    else:
        say.pairs(
            [
                ("state", "nothing was audited yet" if not known.looked_at else "well" if known.well else "ALARM"),
                ("looked", looked),
                ("at everything", whole),
                ("entries", f"{known.size:,}"),
                ("root", known.root or None),
            ]
        )
        for finding in known.findings:
            typer.echo(f"{finding['wrong']} {finding['table']} {finding['row']}: {finding['what']}")
    raise typer.Exit(FAILED if not known.looked_at else FINE if known.well else REFUSED)


def auditd() -> None:
    """Look at what is new every half minute (FORBEAR_AUDIT_EVERY_S), and once a day at everything.

    Each finding is one line on stderr; FORBEAR_AUDIT_ALARM names a command that is handed the report.
    """
    from forbear.auditd.__main__ import main
    from forbear.cli import embedded

    embedded.ensure()
    raise typer.Exit(main())
