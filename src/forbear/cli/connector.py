"""`forbear account connector`: doors by which carriers and mail systems hand in what people write back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import SellerName

connector = typer.Typer(help="Doors for what people write back: add, list, close.", no_args_is_help=True)
Slug = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's short name.")]


@connector.command("add")
def add_connector(
    slug: Slug,
    name: Annotated[str, typer.Option(help="What it is, e.g. `short code 12345`.")],
    channel: Annotated[str, typer.Option(help="sms, voice or email.")],
    kind: Annotated[
        str, typer.Option(help="How it signs: standard (Standard Webhooks) or twilio (its own way).")
    ] = "standard",
    seller: SellerName = None,
    address: Annotated[
        list[str] | None, typer.Option(help="A number or address of ours it is for; may be repeated. Else: any.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="A language people write there, e.g. fr; may be repeated.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Of people whose address does not say it, ISO 3166-1 alpha-2.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="With twilio: a file that holds the account's auth token.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Open a door. Its secret is shown once: sign `id.timestamp.body` with it (Standard Webhooks)."""
    from forbear.accounts import connectors
    from forbear.accounts.home import load_secrets
    from forbear.cli import say
    from forbear.cli.store import account_named, one_of, opened, seller_named
    from forbear.core.errors import BadInput
    from forbear.core.hearing import LANGUAGES
    from forbear.core.words import Channel

    if kind not in (connectors.STANDARD, connectors.TWILIO):
        raise BadInput(f"`{kind}` is none of standard, twilio", key="--kind")
    if (kind == connectors.TWILIO) != (token_file is not None):
        raise BadInput("goes with --kind twilio", key="--token-file")
    for one in language or ():
        if one not in LANGUAGES:
            raise BadInput(f"`{one}` is none of {', '.join(LANGUAGES)}", key="--language")
    if country is not None and not (
        len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()
    ):
        raise BadInput(f"`{country}` is no country code", key="--country", todo="write it as US or FR")
    token = None if token_file is None else token_file.read_text(encoding="utf-8").strip()
    if token is not None and len(token) < 16:
        raise BadInput("not an auth token", file=str(token_file))
    with opened() as connection:
        account = account_named(connection, slug)
        made = connectors.add(
            connection,
            account.id,
            name,
            one_of(Channel, channel, "--channel"),
            kind,
            seller=seller_named(account, seller).id if seller is not None else None,
            addresses=[one.strip() for one in address or ()],
            languages=language or (),
            country=country,
        )
    secret = None
    if token is not None:
        connectors.keep_given(made, token)
    else:
        secret = connectors.shown(connectors.secrets_of(made, load_secrets().token_keys)[0])
    if json:
        say.as_json({"id": made, "path": f"/v1/inbound/{made}", "secret": secret})
        return
    say.pairs([("connector", made), ("path", f"/v1/inbound/{made}"), ("secret", secret)])
    if secret is not None:
        typer.echo("The secret is shown once: keep it where the carrier's webhook is set up.")


@connector.command("list")
def list_connectors(slug: Slug, json: AsJson = False) -> None:
    """An account's doors (never their secrets)."""
    from forbear.accounts import connectors
    from forbear.cli import say
    from forbear.cli.store import account_named, opened

    with opened() as connection:
        found = connectors.of_account(connection, account_named(connection, slug).id)
    if json:
        say.as_json(found)
    elif not found:
        typer.echo("There is none.")
    else:
        say.table(
            ("id", "name", "channel", "kind", "for", "state"),
            [
                (one.id, one.name, one.channel, one.kind, " ".join(one.addresses), "closed" if one.closed else "open")
                for one in found
            ],
        )


@connector.command("close")
def close_connector(
    slug: Slug, connector_id: Annotated[UUID, typer.Argument(metavar="ID", help="The connector's id.")]
) -> None:
    """Close a door: nothing it hands in is taken any more."""
    from forbear.accounts import connectors
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput

    with opened() as connection:
        if not connectors.close(connection, account_named(connection, slug).id, connector_id):
            raise BadInput(f"`{slug}` has no open connector {connector_id}", key="ID")
    typer.echo(f"closed {connector_id}")
