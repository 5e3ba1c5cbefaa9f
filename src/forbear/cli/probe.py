"""`forbear probe`: does somebody else's unsubscription, or our own, do what the standards ask?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from forbear.cli.say import AsJson

probe = typer.Typer(help="Test how a sender behaves, from outside.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(probe, name="probe")


@probe.callback()
def _group() -> None:
    """Each probe asks only what it is pointed at."""


@probe.command()
def unsubscribe(
    url: Annotated[
        str | None,
        typer.Argument(help="The https URI of a List-Unsubscribe field; else that of --mail.", show_default=False),
    ] = None,
    mail: Annotated[
        Path | None, typer.Option(help="The message it stands in (.eml): its fields are checked.", show_default=False)
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A header field, `Name: value`; several.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="POST as well: that really unsubscribes.")] = False,
    no_post: Annotated[bool, typer.Option("--no-post", help="Do not POST, and do not ask.")] = False,
    cafile: Annotated[
        Path | None, typer.Option(help="Certificates to trust instead of the usual (PEM).", show_default=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Test one-click unsubscription (RFC 8058, RFC 2369). Exit code 1 where something fails, with the paragraph."""
    from forbear.cli import say
    from forbear.core.errors import BadInput
    from forbear.probe import headers
    from forbear.probe.findings import good
    from forbear.probe.unsubscribe import probe as tried

    fields = None
    if mail is not None:
        try:
            with mail.open("rb") as message:
                fields = headers.of_message(message.read(headers.MOST + 1))
        except BadInput as error:
            raise BadInput(error.what, file=str(mail), todo=error.todo) from None
    elif header:
        fields = headers.of_lines(header)
    named = url or (headers.https_uri(fields) if fields else None)
    found = headers.check(fields, url) if fields else []
    if named is None:
        if fields is None:
            raise BadInput("nothing to test", key="URL", todo="give a URL, or a message with --mail")
    else:
        where = headers.split(named)
        found += headers.check_uri(where, fields.recipients if fields else ())
        found += tried(where, post=not no_post and (yes or _asked(where.hostname or "")), cafile=_path(cafile))
    if json:
        counts = {word: sum(one.outcome == word for one in found) for word in ("pass", "warn", "fail", "skipped")}
        say.as_json({"url": named, "ok": good(found), "counts": counts, "findings": found})
    else:
        say.table(("check", "", "what", "by"), [(one.check, one.outcome, one.said, one.source) for one in found])
    raise typer.Exit(0 if good(found) else 1)


def _asked(host: str) -> bool:
    """A POST unsubscribes somebody: only on a person's word."""
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"A POST really unsubscribes the recipient at {host}. Make it?", default=False, err=True)


def _path(path: Path | None) -> str | None:
    from forbear.core.errors import BadInput

    if path is not None and not path.is_file():
        raise BadInput("is not there", file=str(path))
    return None if path is None else str(path)
