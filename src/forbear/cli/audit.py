"""`forbear audit`: prove a record, check a whole log from its files, and look after the keys that sign it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.ledger.logfiles import Folder
    from forbear.tlog.check import Wrong
    from forbear.tlog.notes import Checkpoint, Verifier

audit = typer.Typer(help="The log: prove a record, check the whole of it, its keys.", no_args_is_help=True)
keys = typer.Typer(help="The keys that sign the log: list, rotate.", no_args_is_help=True)
audit.add_typer(keys, name="keys")
Files = Annotated[
    Path | None,
    typer.Option("--files", metavar="DIR", help="The log's files; else FORBEAR_LOG, else log/ of the home."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command()
def verify(
    files: Files = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VKEY", help="A key you trust; may be repeated. Else the keys of this home."),
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option("--head", metavar="FILE", help="A checkpoint you kept: the log must still begin with it."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check the whole log from its files alone: entries, tiles, root, signature.

    Exit code 1 where anything does not hold, and it is said where. Nothing but the files is read, and no database.
    """
    from forbear.cli import say
    from forbear.core.errors import BadInput
    from forbear.ledger.logfiles import Folder
    from forbear.tlog import notes
    from forbear.tlog.check import check

    folder = Folder(files)
    note = folder.checkpoint()
    if note is None:
        raise BadInput("no head was published here", file=str(folder.at), todo="name the folder: --files DIR")
    trusted, whose = _trusted(folder, key)
    try:
        by = [f"{one.name}+{one.id.hex()}" for one in notes.signed_by(note, trusted)]
        false = None
    except BadInput as error:
        by, false = [], error.what
    said = notes.checkpoint(note)
    with _progress("Checking the log") as tick:
        found = check(folder.read, said, tick)
    if head is not None:
        found += _goes_on(folder, said, head, trusted)
    fine = not found and false is None
    if json:
        say.as_json(
            {
                "fine": fine,
                "origin": said.origin,
                "size": said.size,
                "root": said.root.hex(),
                "signed_by": by,
                "signature": false,
                "wrong": [one._asdict() for one in found],
            }
        )
        raise typer.Exit(0 if fine else 1)
    typer.echo(f"{said.origin}: {said.size:,} entries, root {said.root.hex()}")
    if false is not None:
        typer.echo(f"checkpoint: {false}")
    for one in found:
        typer.echo(f"{one.path}: {one.what}" + ("" if one.leaf is None else f" (from entry {one.leaf:,} on)"))
    if fine:
        typer.echo(f"Every entry is where the head has it, and the head is signed by {' and '.join(by)} ({whose}).")
    raise typer.Exit(0 if fine else 1)


@audit.command()
def prove(
    record: Annotated[str, typer.Argument(metavar="EVENT|DECISION|PERMIT", help="The record's id.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Else it is printed.")] = None,
    personal: Annotated[
        bool, typer.Option("--open", help="With the personal part of an event and its salt: what it says of whom.")
    ] = False,
    files: Files = None,
) -> None:
    """Write the proof that a record is in the log: one short file that `forbear audit verifier` checks.

    Exit code 1 while it still waits for the log, which takes about a second where the sequencer runs.
    """
    from uuid import UUID

    import msgspec

    from forbear.cli.store import opened
    from forbear.core.errors import BadInput
    from forbear.gate.proofs import Pending, Prover
    from forbear.ledger import log
    from forbear.ledger.logfiles import Folder

    try:
        identity = UUID(record)
    except ValueError:
        raise BadInput(f"`{record[:80]}` is not an id", key="EVENT|DECISION|PERMIT") from None
    with opened() as connection:
        try:
            found = Prover(Folder(files)).prove(connection, identity, opened=personal)
        except Pending:
            log.wake(connection)
            typer.echo("It is recorded, and waits for the log's next head: run `forbear serve` or `forbear sequencer`.")
            raise typer.Exit(1) from None
    if found is None:
        raise BadInput(f"no event, decision or permit has the id {identity}")
    text = msgspec.json.format(msgspec.json.encode(found), indent=1).decode()
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text + "\n")
        typer.echo(f"{out}: check it with: python3 verify.py {out} VKEY")


@audit.command()
def verifier() -> None:
    """Print a program that checks proofs: one file of Python, no Forbear, no network.

    forbear audit verifier > verify.py; python3 verify.py PROOF.json VKEY
    """
    from importlib import resources

    typer.echo(resources.files("forbear.tlog").joinpath("offline.py").read_text(encoding="utf-8"), nl=False)


@keys.command("list")
def list_keys(json: AsJson = False) -> None:
    """Which keys signed the log, and when: as it says itself."""
    from forbear.cli import say
    from forbear.cli.store import opened
    from forbear.core.instants import rfc3339
    from forbear.ledger import logkeys

    with opened() as connection:
        known = logkeys.known(connection)
    rows = [(rfc3339(one.since), None if one.until is None else rfc3339(one.until), one.key.vkey) for one in known]
    if json:
        say.as_json([dict(zip(("since", "until", "vkey"), row, strict=True)) for row in rows])
    elif not rows:
        typer.echo("None yet: the sequencer makes the first one.")
    else:
        for since, until, vkey in rows:
            typer.echo(f"{since}  {until or 'now':<27}  {vkey}")


@keys.command()
def rotate(
    lost: Annotated[
        str | None, typer.Option(metavar="REASON", help="The key before is gone and cannot sign: why. It is published.")
    ] = None,
) -> None:
    """Make a new key. The next head is signed by it and by the one before; from then on by the new one alone."""
    from forbear.cli.store import opened
    from forbear.ledger import log, logkeys, writes
    from forbear.tlog import notes

    with opened() as connection:
        last = log.head(connection)
        origin = None if last is None else notes.checkpoint(last.note).origin
        made = logkeys.rotate(at=writes.now(connection), lost=lost, origin=origin)
        log.wake(connection)
    typer.echo(made.newest.verifier.vkey)
    typer.echo("It signs from the sequencer's next head on, which is published with what it replaces at /log/keys.")


def _trusted(folder: Folder, named: list[str] | None) -> tuple[list[Verifier], str]:
    """The keys to check with, and whose word that is."""
    from forbear.core.errors import BadInput
    from forbear.ledger import logfiles, logkeys
    from forbear.tlog import notes

    if named:
        return [notes.verifier(one) for one in named], "as you named it"
    held = logkeys.load()
    if held is not None:
        return [one.verifier for one in held.signers], "this home's key"
    text = folder.read(logfiles.KEYS)
    if text is None:
        raise BadInput("no key to check with", key="--key", todo="name the log's public key: --key VKEY")
    return logkeys.read_published(text), "a key that stands beside the log itself: nobody else vouches for it"


def _goes_on(folder: Folder, said: Checkpoint, kept: Path, trusted: list[Verifier]) -> list[Wrong]:
    """Whether the log begins with the tree of a head somebody kept."""
    from forbear.core.errors import BadInput
    from forbear.tlog import notes
    from forbear.tlog.check import Wrong
    from forbear.tlog.tiles import Tree

    note = kept.read_text(encoding="utf-8")
    try:
        notes.signed_by(note, trusted)
        old = notes.checkpoint(note)
    except BadInput as error:
        raise BadInput(error.what, file=str(kept)) from None
    if old.size > said.size:
        return [Wrong(str(kept), said.size, f"{old.size:,} entries were signed, and {said.size:,} are here")]
    try:
        fits = old.size == 0 or Tree(folder.read, said.size).subtree(0, old.size) == old.root
    except BadInput as error:
        return [Wrong(error.file or str(kept), None, error.what)]
    return [] if fits else [Wrong(str(kept), None, f"the first {old.size:,} entries are not those that were signed")]


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    import sys

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, size: bars.update(task, completed=done, total=size)
