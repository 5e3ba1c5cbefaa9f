"""The store as commands use it: started when it is not running, and a connection to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from forbear.core.errors import BadInput

if TYPE_CHECKING:
    from uuid import UUID

    from forbear.accounts.connect import Connection
    from forbear.accounts.reads import Account, Seller
    from forbear.gate.imports import Imported

W = TypeVar("W", bound=StrEnum)
AccountName = Annotated[str, typer.Option("--account", "-a", help="The account's short name.", show_default=False)]
SellerName = Annotated[
    str | None, typer.Option("--seller", help="The seller's short name; else the account's first.", show_default=False)
]

OwnRules = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="A directory of your own rules over the shipped ones; else FORBEAR_RULES.", show_default=False
    ),
]


@contextmanager
def opened() -> Iterator[Connection]:
    """A connection in autocommit, as the application's role."""
    from forbear.accounts.connect import connect
    from forbear.cli import embedded

    if not sys.stderr.isatty():
        embedded.ensure()
    else:
        from rich.console import Console

        with Console(stderr=True).status("Opening the store"):
            embedded.ensure()
    connection = connect()
    try:
        yield connection
    finally:
        connection.close()


def account_named(connection: Connection, slug: str) -> Account:
    """Raises `BadInput` that says which accounts there are."""
    from forbear.accounts import reads

    found = reads.account(connection, slug)
    if found is None:
        known = ", ".join(account.slug for account in reads.accounts(connection)[:10])
        todo = f"there are: {known}" if known else "make one: `forbear account create NAME`"
        raise BadInput(f"no account `{slug}`", key="--account", todo=todo)
    return found


def of_account(connection: Connection, slug: str | None, everything: bool) -> UUID | None:
    """The account named, or None for all of them (`--all`); one of the two has to be said."""
    if (slug is None) == (not everything):
        raise BadInput("of one account or of all", key="--account", todo="say --account NAME, or --all")
    return None if slug is None else account_named(connection, slug).id


def seller_named(account: Account, slug: str | None) -> Seller:
    """A seller the account serves; its first where none is named."""
    for seller in account.sellers:
        if slug is None or seller.slug == slug:
            return seller
    known = ", ".join(seller.slug for seller in account.sellers)
    todo = f"it serves: {known}" if known else f"link one: `forbear account seller {account.slug} NAME`"
    raise BadInput(f"`{account.slug}` serves no seller{f' `{slug}`' if slug else ''}", key="--seller", todo=todo)


@contextmanager
def plainly() -> Iterator[None]:
    """The gate's refusals as bad input, and keys without the place in a list that a command does not have."""
    from forbear.gate.contact import Refused

    try:
        yield
    except Refused as error:
        raise BadInput(error.what) from None
    except BadInput as error:
        if error.key is not None:
            error.key = error.key.removeprefix("[0].")
        raise


def one_of(kind: type[W], text: str, key: str) -> W:
    """A word of a closed list. Raises `BadInput` that names them all."""
    try:
        return kind(text)
    except ValueError:
        raise BadInput(f"`{text}` is none of {', '.join(kind)}", key=key) from None


def instant(text: str | None, key: str) -> int | None:
    from forbear.core.instants import parse_rfc3339

    try:
        return None if text is None else parse_rfc3339(text)
    except ValueError as error:
        raise BadInput(f"`{text}`: {error}", key=key, todo="write it as 2026-11-24T13:00:00Z") from None


def day(text: str | None, key: str) -> int | None:
    from forbear.core.instants import parse_day

    try:
        return None if text is None else parse_day(text)
    except ValueError as error:
        raise BadInput(f"`{text}`: {error}", key=key, todo="write it as 2026-11-24") from None


def mapped(text: str | None) -> dict[str, str]:
    """`address=phone,at=when` as a mapping of our names to a file's columns."""
    pairs: dict[str, str] = {}
    for part in (text or "").split(",") if text else ():
        name, found, column = part.partition("=")
        if not found or not name.strip() or not column.strip():
            raise BadInput(f"`{part}` is not NAME=COLUMN", key="--map")
        pairs[name.strip()] = column.strip()
    return pairs


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere: `tick(done, whole)` in bytes of the file."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, whole: bars.update(task, completed=done, total=whole or None)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere: `tick(done, whole)` in things done."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, whole: bars.update(task, completed=done, total=whole or None)


def imported(found: Imported, *, as_json: bool, also: Mapping[str, int] | None = None) -> None:
    """The receipt of an import; `also`: what else there is to say of this kind of list."""
    from forbear.cli import say
    from forbear.core.instants import rfc3339

    said = {
        "rows": found.rows,
        **(also or {}),
        "digest": found.digest,
        "at": rfc3339(found.at),
        "seq": found.seq,
        "event": found.event,
    }
    if as_json:
        say.as_json(said)
    else:
        say.pairs([("rows", f"{found.rows:,}"), *list(said.items())[1:]])
