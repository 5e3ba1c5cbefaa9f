"""`forbear consent`: record, withdraw, list and import consents; their receipts and uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from forbear.cli import consent_evidence
from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, SellerName

if TYPE_CHECKING:
    from forbear.ledger.writes import Promise

consent = typer.Typer(help="Consents: add, withdraw, list, import, receipts, uses, evidence.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="The person: an E.164 number or an e-mail address.")]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="voice, sms, email; may be repeated.")]


def register(app: typer.Typer) -> None:
    app.add_typer(consent, name="consent")
    consent_evidence.register(consent)


@consent.command()
def add(
    address: Address,
    account: AccountName,
    level: Annotated[str, typer.Option(help="inferred, soft_opt_in, express, express_oral or express_written.")],
    given: Annotated[str, typer.Option(metavar="DAY|INSTANT", help="When: the person's own date, or an instant.")],
    seller: SellerName = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The first day without consent, or `indefinite`.")
    ] = None,
    channel: Channels = None,
    purpose: Annotated[list[str] | None, typer.Option(help="marketing, ...; may be repeated.")] = None,
    covers: Annotated[list[str] | None, typer.Option(help="automated, out_of_hours; may be repeated.")] = None,
    names_seller: Annotated[
        bool | None, typer.Option("--names-seller/--no-names-seller", help="Does it name the seller?")
    ] = None,
    given_by_person: Annotated[
        bool | None, typer.Option("--given-by-person/--not-given-by-person", help="Did the person give this address?")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="web_form, app, paper, call, sms_keyword, email, in_person or other."),
    ] = None,
    wording: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="The words that were shown: see `forbear consent wording`.")
    ] = None,
    page: Annotated[str | None, typer.Option(help="Where it was asked.")] = None,
    ip: Annotated[str | None, typer.Option(help="Kept only where the seller's policy keeps it.")] = None,
    subscribed: Annotated[str | None, typer.Option("--list", help="The list it is for.")] = None,
    promised: Annotated[
        str | None, typer.Option(metavar="N/DAYS", help="At most so many messages in so many days: 4/30.")
    ] = None,
    document: Annotated[
        list[Path] | None, typer.Option(help="A document or recording, kept whole; may be repeated.")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option(help="Where the proof is, or its words. None: no proof of this kind is held.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Record a consent. What is not said is not known, never "no"."""
    from forbear.cli import say
    from forbear.cli.store import account_named, day, instant, one_of, opened, plainly, seller_named
    from forbear.core.instants import FOREVER, rfc3339
    from forbear.core.words import Channel, ConsentCover, ConsentLevel, Purpose
    from forbear.gate import consent as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        found = account_named(connection, account)
        one = gate.Given(
            address=address,
            level=one_of(ConsentLevel, level, "--level"),
            sellers=[seller_named(found, seller).slug],
            given_at=instant(given, "--given") if "T" in given.upper() else None,
            given_day=None if "T" in given.upper() else day(given, "--given"),
            until_day=FOREVER if until == "indefinite" else day(until, "--until"),
            channels=None if channel is None else [one_of(Channel, word, "--channel") for word in channel],
            purposes=None if purpose is None else [one_of(Purpose, word, "--purpose") for word in purpose],
            covers=None if covers is None else [one_of(ConsentCover, word, "--covers") for word in covers],
            names_seller=names_seller,
            given_by_person=given_by_person,
            method=None if method is None else one_of(gate.Method, method, "--method"),
            wording=wording,
            page=page,
            ip=ip,
            subscribed=subscribed,
            promised=promise(promised),
            documents=[consent_evidence.keep(connection, found.id, path) for path in document or ()],
            evidence=evidence,
        )
        done = gate.give(connection, found.id, [one], known_by=KnownBy.OPERATOR)
    if json:
        say.as_json({"event": done.events[0], "at": rfc3339(done.at), "seq": done.seq})
    else:
        typer.echo(f"recorded at {rfc3339(done.at)}, change {done.seq}")


@consent.command()
def withdraw(
    address: Address,
    account: AccountName,
    seller: SellerName = None,
    channel: Channels = None,
    purpose: Annotated[list[str] | None, typer.Option(help="marketing, ...; may be repeated.")] = None,
    text: Annotated[str | None, typer.Option(help="What was said: kept as evidence.")] = None,
) -> None:
    """The person takes it back, whole or for some channels and purposes. Exit code 1 where there was none."""
    from forbear.cli.store import account_named, one_of, opened, plainly
    from forbear.core.words import Channel, Purpose
    from forbear.gate import consent as gate
    from forbear.ledger.kinds import KnownBy

    with opened() as connection, plainly():
        ended = gate.withdraw(
            connection,
            account_named(connection, account).id,
            address,
            sellers=[seller] if seller else (),
            channels=[one_of(Channel, word, "--channel") for word in channel or ()],
            purposes=[one_of(Purpose, word, "--purpose") for word in purpose or ()],
            text=text,
            known_by=KnownBy.OPERATOR,
        )
    typer.echo(f"ended {ended} consent{'' if ended == 1 else 's'}")
    raise typer.Exit(0 if ended else 1)


@consent.command("list")
def list_consents(
    account: AccountName,
    address: Annotated[str | None, typer.Option(help="Only of this address.")] = None,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """What the account recorded, newest first. Addresses are stored keyed and are not shown."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import consent as gate
    from forbear.web.schema import consent_out

    with opened() as connection, plainly():
        found = gate.listed(connection, account_named(connection, account).id, address=address, limit=most)
    say.listing(
        [consent_out(one) for one in found],
        ("level", "given", "until", "channels", "purposes", "proof", "known by", "withdrawn", "consent"),
        lambda row: (
            row["level"],
            row["given"],
            row["until"] or "not stated",
            "not stated" if row["channels"] is None else ", ".join(row["channels"]),
            "not stated" if row["purposes"] is None else ", ".join(row["purposes"]),
            say.told(row["evidence"], "held", "none"),
            row["known_by"],
            row["withdrawn"],
            row["id"],
        ),
        json=json,
    )


@consent.command()
def receipt(
    identity: Annotated[UUID, typer.Argument(metavar="CONSENT", help="Its id, as `forbear consent list` shows it.")],
    account: AccountName,
) -> None:
    """Its receipt as JSON, in the fields of ISO/IEC TS 27560. Exit code 1 where there is no such consent."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.gate import receipts

    with opened() as connection, plainly():
        found = receipts.receipt(connection, account_named(connection, account).id, identity)
    if found is None:
        typer.echo("There is none.", err=True)
        raise typer.Exit(1)
    say.as_json(found)


@consent.command()
def uses(
    identity: Annotated[UUID, typer.Argument(metavar="CONSENT", help="Its id.")],
    account: AccountName,
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """The contacts that were allowed while it stood and that it allows, newest first."""
    from forbear.cli import say
    from forbear.cli.store import account_named, opened, plainly
    from forbear.core.words import Channel, Purpose
    from forbear.ledger import consents as stored
    from forbear.web.schema import words

    with opened() as connection, plainly():
        one = stored.consent(connection, account_named(connection, account).id, identity)
        found = [] if one is None else stored.uses(connection, one, limit=most)
    rows = [
        {
            "decision": use.decision,
            "at": use.at,
            "channel": words(Channel, use.channel)[0],
            "purpose": words(Purpose, use.purpose)[0],
        }
        for use in found
    ]
    say.listing(
        rows,
        ("at", "channel", "purpose", "decision"),
        lambda row: (row["at"], row["channel"], row["purpose"], row["decision"]),
        json=json,
    )


@consent.command("import")
def import_list(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV (gzip and zip too): `address`, `level`, and of `given`, `until`, `channels`, `purposes`,"
            " `covers`, `evidence`, `names_seller`, `given_by_person` those that are there."
        ),
    ],
    account: AccountName,
    by: Annotated[str, typer.Option(help="Who hands it in.")],
    seller: SellerName = None,
    source: Annotated[str | None, typer.Option(help="Who collected them, or from whom they were had.")] = None,
    obtained: Annotated[str | None, typer.Option(metavar="DAY", help="When they were had.")] = None,
    collected_by: Annotated[str | None, typer.Option(help="By whom they were collected.")] = None,
    campaign: Annotated[str | None, typer.Option(help="In which campaign.")] = None,
    column: Annotated[
        str | None, typer.Option("--map", metavar="NAME=COLUMN,...", help="Columns with other names: address=phone.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Import a list of consents to one seller, all of it or nothing.

    A list lifts no opt-out: the receipt says how many of its people had said stop. A row without evidence says so.
    """
    from forbear.cli.store import account_named, day, imported, mapped, opened, plainly, progress, seller_named
    from forbear.gate import consent as gate
    from forbear.gate.imports import Provenance

    day(obtained, "--obtained")

    with opened() as connection, plainly(), progress("Importing") as tick:
        found = account_named(connection, account)
        done = gate.import_csv(
            connection,
            found.id,
            file,
            sellers=[seller_named(found, seller).slug],
            by=by,
            provenance=Provenance(source, obtained, collected_by, campaign),
            columns_named=mapped(column),
            tick=tick,
        )
    imported(done, as_json=json, also={"contradict": done.contradict, "unproven": done.unproven})


def promise(text: str | None) -> Promise | None:
    """`4/30`: at most 4 in 30 days."""
    from forbear.core.errors import BadInput
    from forbear.ledger.writes import Promise

    if text is None:
        return None
    n, found, days = text.partition("/")
    if not found or not n.strip().isdecimal() or not days.strip().isdecimal():
        raise BadInput(f"`{text[:40]}` is no promise", key="--promised", todo="write 4/30: at most 4 in 30 days")
    return Promise(int(n), int(days))
