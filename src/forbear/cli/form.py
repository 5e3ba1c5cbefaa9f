"""`forbear form`: forms by which people opt in: open, list, close, and the HTML that carries one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

form = typer.Typer(help="Forms by which people opt in: open, list, close, snippet.", no_args_is_help=True)
Slug = Annotated[str, typer.Argument(metavar="FORM", help="Its name in the address of its page.")]
Base = Annotated[
    str, typer.Option(metavar="URL", help="Where people reach this installation; else FORBEAR_PUBLIC_URL.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(form, name="form")


@form.command("open")
def open_form(
    slug: Slug,
    account: AccountName,
    subscribed: Annotated[str, typer.Option("--list", help="What people sign up to, as they read it.")],
    channel: Annotated[str, typer.Option(help="email (confirmed by a link) or sms (by a code).")],
    wording: Annotated[
        str, typer.Option(metavar="DIGEST", help="What people agree to: see `forbear consent wording`.")
    ],
    seller: SellerName = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Else: marketing; may be repeated.")] = None,
    level: Annotated[str, typer.Option(help="express or express_written, ...")] = "express",
    covers: Annotated[list[str] | None, typer.Option(help="automated, out_of_hours; may be repeated.")] = None,
    country: Annotated[str | None, typer.Option(help="Where the people are: an e-mail form needs it.")] = None,
    language: Annotated[str | None, typer.Option(help="Else: that of the wording.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="https://... of pages that may carry it.")] = None,
    promised: Annotated[str | None, typer.Option(metavar="N/DAYS", help="4/30: at most 4 in 30 days.")] = None,
    base: Base = "",
    json: AsJson = False,
) -> None:
    """From now on people can opt in by it; each is asked to confirm."""
    from forbear.cli import say
    from forbear.cli.consent import promise
    from forbear.cli.store import account_named, one_of, opened, plainly, seller_named
    from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
    from forbear.gate import forms
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = account_named(connection, account)
        new = forms.NewForm(
            slug=slug,
            subscribed=subscribed,
            channel=one_of(Channel, channel, "--channel"),
            wording=wording,
            purposes=[one_of(Purpose, word, "--purpose") for word in purpose or ["marketing"]],
            level=one_of(ConsentLevel, level, "--level"),
            covers=None if covers is None else [one_of(ConsentCover, word, "--covers") for word in covers],
            seller=seller_named(found, seller).slug,
            country=country,
            language=language,
            origins=origin or [],
            promised=promise(promised),
        )
        made = forms.open_form(connection, found.id, new, known_by=KnownBy.OPERATOR)
        whole = forms.whole(connection, made)
    assert whole is not None, "it was just opened"
    page = _base(base) + forms.path_of(whole)
    if json:
        say.as_json({"form": made.id, "page": page})
    else:
        typer.echo(page)


@form.command("list")
def list_forms(account: AccountName, json: AsJson = False) -> None:
    """Every form of the account, the open ones first."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.words import Channel, Purpose
    from forbear.gate import forms
    from forbear.ledger import blobs
    from forbear.web.schema import words

    with opened() as connection, plainly():
        found = forms.listed(connection, account_named(connection, account).id)
    rows: list[dict[str, Any]] = [
        {
            "form": one.slug,
            "list": one.list,
            "channel": words(Channel, one.channel)[0],
            "purposes": words(Purpose, one.purposes),
            "country": one.country,
            "language": one.language,
            "wording": blobs.said(one.wording),
            "opened": one.opened_at,
            "closed": one.closed_at,
            "id": one.id,
        }
        for one in found
    ]
    say.listing(
        rows,
        ("form", "list", "channel", "purposes", "country", "opened", "closed"),
        lambda row: (
            *(row["form"], row["list"], row["channel"], ", ".join(row["purposes"])),
            *(row["country"], row["opened"], row["closed"]),
        ),
        json=json,
    )


@form.command("close")
def close_form(slug: Slug, account: AccountName) -> None:
    """Nobody can ask by it any more; what was asked may still be confirmed. Exit code 1 where none is open."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import forms
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        owner = account_named(connection, account).id
        closed = forms.close_form(connection, owner, slug, known_by=KnownBy.OPERATOR)
    typer.echo(f"closed {slug}" if closed else f"no form `{slug}` is open")
    raise typer.Exit(0 if closed else 1)


@form.command()
def snippet(
    slug: Slug,
    account: AccountName,
    frame: Annotated[bool, typer.Option("--frame", help="An iframe with the hosted page, not a plain form.")] = False,
    base: Base = "",
) -> None:
    """HTML for a page of one of its origins. It needs no script. Exit code 1 where no such form is open."""
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import forms
    from forbear.web.public.carried import snippet as plain

    with opened() as connection, plainly():
        found = forms.of_account(connection, account_named(connection, account).id, slug)
    if found is None:
        typer.echo("There is none.", err=True)
        raise typer.Exit(1)
    typer.echo(forms.frame(found, _base(base)) if frame else plain(found, _base(base)), nl=False)


def _base(named: str) -> str:
    from forbear.gate.links import public_url

    return (named or public_url() or "http://127.0.0.1:8700").rstrip("/")
