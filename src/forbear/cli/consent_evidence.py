"""`forbear consent wording|evidence|controller`: the words people are shown, what proves a consent, who asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName

if TYPE_CHECKING:
    from forbear.accounts.connect import Connection

wording = typer.Typer(help="Words that people are shown: add, list, show.", no_args_is_help=True)
evidence = typer.Typer(help="Documents and recordings: keep, get.", no_args_is_help=True)


def register(consent: typer.Typer) -> None:
    consent.add_typer(wording, name="wording")
    consent.add_typer(evidence, name="evidence")
    consent.command()(controller)


def keep(connection: Connection, account: UUID, path: Path) -> str:
    """A file as a document of the account. Returns its digest."""
    from forbear.gate import wording as gate
    from forbear.ledger import blobs
    from forbear.ledger.kinds import KnownBy

    blob = blobs.keep_file(path)
    gate.add_document(connection, account, blob, known_by=KnownBy.OPERATOR)
    return blobs.said(blob.digest)


@wording.command("add")
def add_wording(
    file: Annotated[Path, typer.Argument(help="The words, UTF-8, kept to the byte.")],
    account: AccountName,
    name: Annotated[str, typer.Option(help="What they belong to: a form, a script.")],
    version: Annotated[str, typer.Option(help="Each version has one text in a language.")],
    language: Annotated[str, typer.Option(help="en, de, pt-BR, ...")],
    json: AsJson = False,
) -> None:
    """Keep words, once, by the digest of their bytes. The same text again is what was kept first."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.errors import BadInput
    from forbear.gate import wording as gate
    from forbear.ledger import blobs

    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput("not UTF-8", file=str(file)) from None
    with opened() as connection, plainly():
        new = gate.NewWording(name=name, version=version, language=language, text=text)
        found = gate.keep(connection, account_named(connection, account).id, new)
    digest = blobs.said(found.wording.digest)
    if json:
        say.as_json({"digest": digest, "new": found.new, "version": found.wording.version})
    else:
        known = "" if found.new else f"  kept before, as version {found.wording.version} of {found.wording.name}"
        typer.echo(f"{digest}{known}")


@wording.command("list")
def list_wordings(account: AccountName, json: AsJson = False) -> None:
    """Every wording of the account."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import wording as gate
    from forbear.ledger import blobs

    with opened() as connection, plainly():
        found = gate.listed(connection, account_named(connection, account).id)
    say.listing(
        [one._asdict() | {"digest": blobs.said(one.digest)} for one in found],
        ("name", "version", "language", "kept", "digest"),
        lambda row: (row["name"], row["version"], row["language"], row["at"], row["digest"]),
        json=json,
    )


@wording.command("show")
def show_wording(
    digest: Annotated[str, typer.Argument(help="`sha256:...`")],
    account: AccountName,
) -> None:
    """The words, to the byte. Exit code 1 where there are none."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import wording as gate

    with opened() as connection, plainly():
        found = gate.of_digest(connection, account_named(connection, account).id, digest)
    if found is None:
        typer.echo("There is none.", err=True)
        raise typer.Exit(1)
    typer.echo(found.text, nl=False)


@evidence.command("keep")
def keep_evidence(
    file: Annotated[Path, typer.Argument(help="A document or recording.")],
    account: AccountName,
    json: AsJson = False,
) -> None:
    """Keep it whole, by its digest, for consents to name."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly

    with opened() as connection, plainly():
        digest = keep(connection, account_named(connection, account).id, file)
    if json:
        say.as_json({"digest": digest})
    else:
        typer.echo(digest)


@evidence.command("get")
def get_evidence(
    digest: Annotated[str, typer.Argument(help="`sha256:...`")],
    account: AccountName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it; a file that is there is not touched.")],
) -> None:
    """Write a document of the account's to a file. Exit code 1 where it has none."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.errors import BadInput
    from forbear.gate import wording as gate
    from forbear.ledger import blobs

    with opened() as connection, plainly():
        found = gate.document(connection, account_named(connection, account).id, digest)
    content = None if found is None else blobs.read(found[0].digest)
    if content is None:
        typer.echo("There is none.", err=True)
        raise typer.Exit(1)
    try:
        with out.open("xb") as handle:
            handle.write(content)
    except FileExistsError:
        raise BadInput("is there already", file=str(out)) from None
    typer.echo(f"{out}: {len(content):,} bytes")


def controller(
    account: AccountName,
    seller: Annotated[str, typer.Option(help="The seller's short name.")],
    address: Annotated[str, typer.Option(help="Its postal address.")] = "",
    contact: Annotated[str, typer.Option(help="Where people write to.")] = "",
    url: Annotated[str, typer.Option(help="Its privacy notice.")] = "",
    storage: Annotated[str, typer.Option(help="Where the records are.")] = "",
    retention: Annotated[str, typer.Option(help="How long they are kept.")] = "",
    keep_ip: Annotated[
        bool, typer.Option("--keep-ip/--no-keep-ip", help="Keep the IP address of people who consent.")
    ] = False,
) -> None:
    """Say what receipts tell of a seller, and whether the IP addresses of people who consent are kept."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import wording as gate
    from forbear.ledger.evidence import Controller

    said = Controller(address, contact, url, storage, retention, keep_ip)
    with opened() as connection, plainly():
        gate.say_controller(connection, account_named(connection, account).id, seller, said)
    typer.echo(f"receipts of {seller} say so from now on")
