"""`forbear account`: who may send, for which sellers, with which API keys, and what stops them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from forbear.cli.connector import connector
from forbear.cli.say import AsJson
from forbear.cli.store import SellerName, account_named, opened

account = typer.Typer(help="Accounts: create, list, sellers, API keys, holds.", no_args_is_help=True)
Slug = Annotated[str, typer.Argument(help="The account's short name, e.g. `acme`.")]
Country = Annotated[str | None, typer.Option(help="The seller's country, ISO 3166-1 alpha-2, e.g. US.")]
Kind = Annotated[
    str | None,
    typer.Option(help="The seller's kind: company, charity, political, government, educational, religious."),
]
Ftc = Annotated[
    bool | None, typer.Option("--ftc/--no-ftc", help="Whether the seller is within FTC jurisdiction; not known: yes.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(account, name="account")


@account.command()
def create(
    slug: Slug,
    name: Annotated[str | None, typer.Option(help="Its full name.")] = None,
    country: Country = None,
    kind: Kind = None,
    ftc: Ftc = None,
    json: AsJson = False,
) -> None:
    """Make an account that contacts people on its own behalf (its first seller has the same name), and an API key."""
    from forbear.accounts import writes
    from forbear.cli.say import as_json, pairs

    _is_country(country)
    with opened() as connection, connection.transaction():
        made = writes.create_account(connection, slug, name or slug)
        seller = writes.create_seller(connection, slug, name or slug, country=country, kind=kind, ftc=ftc)
        writes.link_seller(connection, made, seller)
        key = writes.create_api_key(connection, made, "first")
    if json:
        as_json({"account": made, "slug": slug, "seller": seller, "key": key.token})
        return
    pairs([("account", f"{slug} ({made})"), ("API key", key.token)])
    typer.echo("The key is shown once: keep it where your programs read their secrets.")


@account.command("list")
def list_accounts(json: AsJson = False) -> None:
    """Every account, its state and the sellers it serves."""
    from forbear.accounts import reads
    from forbear.cli.say import as_json, table

    with opened() as connection:
        found = reads.accounts(connection)
    if json:
        as_json(
            [
                {"account": one.id, "slug": one.slug, "status": one.status, "sellers": [s.slug for s in one.sellers]}
                for one in found
            ]
        )
    elif not found:
        typer.echo("There is no account yet. Make one: forbear account create NAME")
    else:
        rows = [(one.slug, one.name, one.status, ", ".join(s.slug for s in one.sellers)) for one in found]
        table(("account", "name", "status", "sellers"), rows)


@account.command()
def seller(
    slug: Slug,
    seller_slug: Annotated[str, typer.Argument(metavar="SELLER", help="The seller's short name.")],
    name: Annotated[str | None, typer.Option(help="Its full name.")] = None,
    country: Country = None,
    kind: Kind = None,
    ftc: Ftc = None,
    remove: Annotated[bool, typer.Option("--remove", help="The account no longer serves it.")] = False,
) -> None:
    """Let an account contact people for a seller; the seller is made if there is none of that name."""
    from forbear.accounts import reads, writes
    from forbear.core.errors import BadInput

    _is_country(country)
    with opened() as connection, connection.transaction():
        found = account_named(connection, slug)
        known = reads.seller(connection, seller_slug)
        if remove:
            if known is None or known.id not in {one.id for one in found.sellers}:
                raise BadInput(f"`{slug}` does not serve `{seller_slug}`", key="SELLER")
            writes.unlink_seller(connection, found.id, known.id)
            typer.echo(f"{slug} no longer serves {seller_slug}")
            return
        seller_id = (
            known.id
            if known is not None
            else writes.create_seller(connection, seller_slug, name or seller_slug, country=country, kind=kind, ftc=ftc)
        )
        writes.link_seller(connection, found.id, seller_id)
    typer.echo(f"{slug} serves {seller_slug}")


@account.command()
def partner(
    slug: Slug,
    partner_slug: Annotated[str | None, typer.Argument(metavar="PARTNER", help="The partner's short name.")] = None,
    name: Annotated[str | None, typer.Option(help="Its full name.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="No partner brought this account.")] = False,
) -> None:
    """Say which partner brought an account; the partner is made if there is none of that name."""
    from forbear.accounts import reads, writes
    from forbear.core.errors import BadInput

    if (partner_slug is None) != remove:
        raise BadInput("names a partner, or takes it away", key="PARTNER", todo="give PARTNER, or --remove")
    with opened() as connection, connection.transaction():
        found = account_named(connection, slug)
        if partner_slug is None:
            writes.set_partner(connection, found.id, None)
            typer.echo(f"no partner brought {slug}")
            return
        known = reads.partner(connection, partner_slug)
        chosen = writes.create_partner(connection, partner_slug, name or partner_slug) if known is None else known.id
        writes.set_partner(connection, found.id, chosen)
    typer.echo(f"{partner_slug} brought {slug}")


@account.command()
def close(slug: Slug) -> None:
    """Close an account: it contacts nobody any more. What people said to it stays in force."""
    from forbear.accounts import writes

    with opened() as connection, connection.transaction():
        writes.close_account(connection, account_named(connection, slug).id)
    typer.echo(f"{slug} is closed and its API keys are revoked; what people said stays in force")


sender = typer.Typer(help="What recipients see as sender: add, list.", no_args_is_help=True)
account.add_typer(sender, name="sender")
account.add_typer(connector, name="connector")
Shown = Annotated[str, typer.Argument(metavar="SENDER", help="What the person will see, e.g. ACME.")]


@sender.command("add")
def add_sender(
    slug: Slug,
    shown: Shown,
    seller_slug: SellerName = None,
    channel: Annotated[str, typer.Option(help="sms, voice or email.")] = "sms",
    registered_with: Annotated[
        str | None, typer.Option(help="The register of sender ids it stands on, e.g. au.sid.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="The country of that register, ISO 3166-1 alpha-2, e.g. AU.")
    ] = None,
    not_registered: Annotated[bool, typer.Option("--not-registered", help="It stands on none any more.")] = False,
) -> None:
    """Say what recipients of a seller see as sender, and on which country's register it stands."""
    from forbear.accounts import writes
    from forbear.cli.store import one_of, seller_named
    from forbear.core.errors import BadInput
    from forbear.core.words import Channel

    _is_country(country)
    if (registered_with is None) != (country is None) or (not_registered and country is not None):
        todo = "give both --registered-with and --country, or --not-registered alone"
        raise BadInput("half a registration", key="--registered-with", todo=todo)
    registers: dict[str, str] | None = None
    if registered_with is not None and country is not None:
        registers = {country: registered_with}
    elif not_registered:
        registers = {}
    with opened() as connection:
        found = seller_named(account_named(connection, slug), seller_slug)
        word = one_of(Channel, channel, "--channel")
        writes.add_sender_identity(connection, found.id, word, shown, registers=registers)
    where = f" on {registered_with} ({country})" if registers else " on no register" if not_registered else ""
    typer.echo(f"{found.slug} sends as {shown.strip()}{where}")


@sender.command("list")
def list_senders(slug: Slug, seller_slug: SellerName = None, json: AsJson = False) -> None:
    """What recipients of a seller see as sender."""
    from forbear.accounts import reads
    from forbear.cli.say import as_json, table
    from forbear.cli.store import seller_named

    with opened() as connection:
        found = reads.sender_identities(connection, seller_named(account_named(connection, slug), seller_slug).id)
    if json:
        as_json([one._asdict() for one in found])
    elif not found:
        typer.echo("There is none.")
    else:
        none = {None: "not known", False: "on none", True: "on one"}
        table(
            ("sender", "channel", "register"),
            [
                (
                    one.value,
                    one.channel,
                    ", ".join(f"{v} ({k})" for k, v in one.registers.items()) or none[one.registered],
                )
                for one in found
            ],
        )


@account.command()
def key(
    slug: Slug,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    may: Annotated[
        list[str] | None, typer.Option(help="A permission, e.g. account:decision:make; may be repeated. Else: all.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make an API key. Its secret is shown once."""
    from forbear.accounts import writes
    from forbear.accounts.permissions import Permission
    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput

    known = {str(one): one for one in Permission}
    for one in may or ():
        if one not in known:
            raise BadInput(f"no permission `{one}`", key="--may", todo=f"there are: {', '.join(known)}")
    with opened() as connection:
        found = account_named(connection, slug)
        made = writes.create_api_key(
            connection, found.id, name, [known[one] for one in may] if may else tuple(Permission)
        )
    if json:
        as_json({"id": made.id, "key": made.token})
    else:
        typer.echo(made.token)


@account.command()
def keys(slug: Slug, json: AsJson = False) -> None:
    """An account's API keys (never their secrets)."""
    from forbear.accounts import reads
    from forbear.cli.say import as_json, table

    with opened() as connection:
        found = reads.api_keys(connection, account_named(connection, slug).id)
    if json:
        as_json([{"id": k.id, "name": k.name, "may": k.permissions, "revoked": k.revoked} for k in found])
        return
    table(
        ("id", "name", "state", "may"),
        [(k.id, k.name, "revoked" if k.revoked else "valid", " ".join(k.permissions)) for k in found],
    )


@account.command()
def revoke(slug: Slug, key_id: Annotated[UUID, typer.Argument(metavar="KEY", help="The key's id.")]) -> None:
    """Revoke an API key, from the next decision on."""
    from forbear.accounts import writes
    from forbear.core.errors import BadInput

    with opened() as connection:
        found = account_named(connection, slug)
        if not writes.revoke_api_key(connection, found.id, key_id):
            raise BadInput(f"`{slug}` has no valid key {key_id}", key="KEY", todo=f"see `forbear account keys {slug}`")
    typer.echo(f"revoked {key_id}")


@account.command()
def hold(
    slug: Slug,
    reason: Annotated[str, typer.Option(help="Why.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    json: AsJson = False,
) -> None:
    """Stop an account: every contact is denied until the hold is lifted."""
    from forbear.accounts import writes
    from forbear.cli.say import as_json

    with opened() as connection:
        found = account_named(connection, slug)
        placed = writes.place_hold(connection, reason, by, account=found.id)
    if json:
        as_json({"hold": placed})
    else:
        typer.echo(f"{slug} is held; lift it with: forbear account lift {placed} --by NAME")


@account.command()
def lift(
    hold_id: Annotated[UUID, typer.Argument(metavar="HOLD", help="The hold's id.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
) -> None:
    """Lift a hold."""
    from forbear.accounts import writes
    from forbear.core.errors import BadInput

    with opened() as connection:
        if not writes.lift_hold(connection, hold_id, by):
            raise BadInput(f"no hold {hold_id} is in force", key="HOLD")
    typer.echo("lifted")


def _is_country(text: str | None) -> None:
    from forbear.core.errors import BadInput

    if text is not None and not (len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()):
        raise BadInput(f"`{text}` is no country code", key="--country", todo="write it as US or AU")
