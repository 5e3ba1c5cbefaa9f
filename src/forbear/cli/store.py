"""The store as commands use it: started when it is not running, and a connection to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.core.errors import BadInput

if TYPE_CHECKING:
    from forbear.accounts.connect import Connection
    from forbear.accounts.reads import Account, Seller

AccountName = Annotated[str, typer.Option("--account", "-a", help="The account's short name.", show_default=False)]
SellerName = Annotated[
    str | None, typer.Option("--seller", help="The seller's short name; else the account's first.", show_default=False)
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


def seller_named(account: Account, slug: str | None) -> Seller:
    """A seller the account serves; its first where none is named."""
    for seller in account.sellers:
        if slug is None or seller.slug == slug:
            return seller
    known = ", ".join(seller.slug for seller in account.sellers)
    todo = f"it serves: {known}" if known else f"link one: `forbear account seller {account.slug} NAME`"
    raise BadInput(f"`{account.slug}` serves no seller{f' `{slug}`' if slug else ''}", key="--seller", todo=todo)
