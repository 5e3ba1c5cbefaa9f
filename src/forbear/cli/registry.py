"""`forbear registry`: load a Do-Not-Call list, apply its changes, see how old it is, check it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.registries.formats import KeysOf
    from forbear.registries.snapshots import Manifest, Terms
    from forbear.registries.sources import Source, Tick

registry = typer.Typer(
    help="Do-Not-Call registries: load, change, list, verify. Each copy is dated, whole, and replaced in one step.",
    epilog="Exit codes: 0 fine · 1 `verify` found a damaged set · 2 a file or option was refused; nothing changed.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The registry's id, as rules name it: us.national, us.state.FL, au.dncr.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Where registries lie; else FORBEAR_REGISTRIES.", show_default=False)
]
San = Annotated[str | None, typer.Option("--san", help="The subscription account number it was got under.")]
Edition = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The date of the list itself.")]
ObtainedAt = Annotated[
    str | None, typer.Option(metavar="INSTANT", help="When it was got; else when the file was last changed.")
]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only for this account; else for everybody.")]
SellerOption = Annotated[
    str | None, typer.Option("--seller", help="Only for this seller: a subscription is a seller's.")
]
Lines = Annotated[int | None, typer.Option("--lines", help="How many lines there must be, where the source says it.")]
Force = Annotated[
    bool, typer.Option("--force", help="Take a list that shrank, or changes that do not fit, all the same.")
]
Column = Annotated[str, typer.Option(help="The column that holds the address (csv, answers).")]
Country = Annotated[str | None, typer.Option(help="Whose numbers those without + are, e.g. AU (csv, answers).")]
Emails = Annotated[bool, typer.Option("--emails", help="The column holds e-mail addresses, not numbers.")]


def register(app: typer.Typer) -> None:
    app.add_typer(registry, name="registry")


@registry.command()
def load(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="One file or several that make the list; zip and gzip too.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="ftc (flat file), answers (of a wash) or csv; else by the registry's id."),
    ] = None,
    column: Column = "number",
    country: Country = None,
    emails: Emails = False,
    result: Annotated[str, typer.Option(help="The column that holds the answer (answers).")] = "result",
    listed: Annotated[str, typer.Option(help="Words there that mean listed, with commas (answers).")] = "Y",
    clean: Annotated[str, typer.Option(help="Words there that mean not listed, with commas (answers).")] = "N",
    every: Annotated[
        str | None, typer.Option("--all", help="`listed` or `clean`: every address in the file is (answers).")
    ] = None,
    covers: Annotated[
        str | None,
        typer.Option(
            help="What the list speaks for, with commas: `nation` (all of +1), area codes, +prefixes, `everything`. "
            "Else, of an FTC file, the area codes it holds. Other addresses are not known, which allows no call."
        ),
    ] = None,
    san: San = None,
    edition: Edition = None,
    obtained_at: ObtainedAt = None,
    account: AccountOption = None,
    seller: SellerOption = None,
    lines: Lines = None,
    force: Force = False,
    folder: Folder = None,
    json: AsJson = False,
) -> None:
    """Load a whole list, or the answers of a wash, as the new snapshot: all of it or nothing."""
    from forbear.core.errors import BadInput
    from forbear.registries import formats, snapshots

    form = form or {"us.national": "ftc", "au.dncr": "answers"}.get(name, "csv")
    terms = _terms(name, san, edition, obtained_at, account, seller, lines, force)
    keys_of = _keys_of(terms, country or {"us": "US", "au": "AU"}.get(name[:2]), emails)
    place = folder or snapshots.default_folder()
    with _reading(files) as sources:
        if form == "ftc":
            terms.covers = _covers(covers)
            manifest = snapshots.load_full(place, terms, [(s, formats.ftc_full(s)) for s in sources])
        elif form == "csv":
            terms.covers = _covers(covers) or (snapshots.EVERYWHERE,)
            manifest = snapshots.load_full(place, terms, [(s, formats.plain(s, column, keys_of)) for s in sources])
        elif form == "answers":
            if every not in (None, "listed", "clean"):
                raise BadInput("is neither listed nor clean", key="--all")
            yes, no = _words(listed), _words(clean)
            if every:
                yes, no = (["all"], []) if every == "listed" else ([], ["all"])
            chunks = [(s, formats.answers(s, column, keys_of, None if every else result, yes, no)) for s in sources]
            manifest = snapshots.load_answers(place, terms, chunks)
        else:
            raise BadInput(f"`{form}` is none of ftc, answers, csv", key="--format")
    _say(manifest, json)


@registry.command()
def apply(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The FTC's change list since the snapshot in force; zip and gzip too.")],
    columns: Annotated[
        str,
        typer.Option(help="Its columns in order: number (or area,local), action (A or D), at, and - for any other."),
    ] = "number,at,action",
    san: San = None,
    edition: Edition = None,
    obtained_at: ObtainedAt = None,
    account: AccountOption = None,
    seller: SellerOption = None,
    lines: Lines = None,
    force: Force = False,
    folder: Folder = None,
    json: AsJson = False,
) -> None:
    """Apply a change list to the snapshot in force; of several changes of one number the last holds."""
    from forbear.registries import formats, snapshots

    terms = _terms(name, san, edition, obtained_at, account, seller, lines, force)
    place = folder or snapshots.default_folder()
    with _reading([file]) as (source,):
        changes = formats.ftc_changes(source, [c.strip() for c in columns.split(",")])
        manifest = snapshots.apply_changes(place, terms, source, changes)
    _say(manifest, json)


@registry.command("list")
def list_snapshots(
    history: Annotated[bool, typer.Option("--history", help="Also what was replaced.")] = False,
    folder: Folder = None,
    json: AsJson = False,
) -> None:
    """The snapshots in force: how many addresses, how old, got from where."""
    from forbear.cli.say import as_json, table
    from forbear.registries import snapshots

    now = _now()
    found = [
        (manifest, state)
        for manifest, state in snapshots.history(folder or snapshots.default_folder())
        if history or state == "current"
    ]
    if json:
        as_json([_plain(manifest, now) | {"state": state} for manifest, state in found])
        return
    if not found:
        typer.echo("no registry is loaded; `forbear registry load --help` says how")
        return
    table(
        ("registry", "for", *(["state"] if history else []), "listed", "asked", "covers", "got", "age", "edition"),
        [
            (
                m.registry,
                m.scope,
                *([state] if history else []),
                f"{m.n:,}",
                "" if m.answered is None else f"{m.answered:,}",
                _short(m.covers),
                _instant(m.obtained_at)[:10],
                _age(now - m.obtained_at),
                _day(m.edition_day),
            )
            for m, state in found
        ],
        right="listed asked age",
    )


@registry.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One registry; else all.")] = None,
    folder: Folder = None,
    json: AsJson = False,
) -> None:
    """Read every set again and compare its digest with its manifest."""
    from forbear.cli.say import as_json, table
    from forbear.registries import snapshots

    found = list(snapshots.verify(folder or snapshots.default_folder(), name))
    if json:
        as_json([{"registry": m.registry, "id": m.id, "digest": m.digest, "wrong": wrong} for m, wrong in found])
    else:
        table(
            ("registry", "snapshot", "listed", "found"),
            [(m.registry, m.id, f"{m.n:,}", wrong or "as written") for m, wrong in found],
        )
    if any(wrong for _, wrong in found):
        raise typer.Exit(1)


# --- options ---


def _now() -> int:
    import time

    return time.time_ns() // 1000


def _terms(
    name: str,
    san: str | None,
    edition: str | None,
    obtained_at: str | None,
    account: str | None,
    seller: str | None,
    lines: int | None,
    force: bool,
) -> Terms:
    from forbear.core.errors import BadInput
    from forbear.core.instants import parse_day, parse_rfc3339
    from forbear.registries.snapshots import Terms

    terms = Terms(name, _now(), account_number=san, expect_lines=lines, force=force)
    try:
        terms.edition_day = parse_day(edition) if edition else None
    except ValueError:
        raise BadInput("is no date", key="--edition", todo="like 2026-11-21") from None
    try:
        terms.obtained_at = parse_rfc3339(obtained_at) if obtained_at else None
    except ValueError:
        raise BadInput("is no instant", key="--obtained-at", todo="like 2026-11-21T06:30:00Z") from None
    if account is not None or seller is not None:
        terms.account, terms.seller = _owners(account, seller)
    return terms


def _owners(account: str | None, seller: str | None) -> tuple[str | None, str | None]:
    """The ids behind short names: a copy stays its owner's when the name changes."""
    from forbear.accounts import reads
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput

    with opened() as connection:
        known = account_named(connection, account) if account is not None else None
        found = reads.seller(connection, seller) if seller is not None else None
    if seller is not None and found is None:
        raise BadInput(f"no seller `{seller}`", key="--seller", todo="see `forbear account list`")
    return str(known.id) if known else None, str(found.id) if found else None


def _keys_of(terms: Terms, country: str | None, emails: bool) -> KeysOf:
    from forbear.registries import addresses

    if not emails:
        return lambda texts: addresses.of_numbers(texts, country)
    from forbear.accounts.home import load_secrets

    secret = load_secrets().address_key
    terms.key_id = secret.id
    return lambda texts: addresses.of_emails(texts, secret)


def _covers(text: str | None) -> tuple[str, ...] | None:
    from forbear.core.errors import BadInput
    from forbear.registries.snapshots import EVERYWHERE

    if text is None:
        return None
    found = []
    for word in _words(text):
        if word == "nation":
            found.append("1")
        elif word == "everything":
            found.append(EVERYWHERE)
        elif word.startswith("+") and word[1:].isdecimal() and 1 <= len(word[1:]) <= 15:
            found.append(word[1:])
        elif len(word) == 3 and word.isdecimal() and word[0] in "23456789":
            found.append("1" + word)
        else:
            raise BadInput(f"`{word}` is no area code, +prefix, `nation` or `everything`", key="--covers")
    return tuple(sorted(found))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


# --- what is printed ---


@contextmanager
def _reading(files: list[Path]) -> Iterator[list[Source]]:
    """The files, with a bar on a terminal: bytes, rate, time left."""
    from forbear.registries.sources import Source

    if not sys.stderr.isatty():
        yield [Source(file) for file in files]
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def ticker(file: Path) -> Tick:
            task = progress.add_task(file.name, total=file.stat().st_size if file.exists() else None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield [Source(file, ticker(file)) for file in files]


def _say(manifest: Manifest, json: bool) -> None:
    from forbear.cli.say import as_json, pairs

    if json:
        as_json(_plain(manifest, _now()))
        return
    pairs(
        [
            ("registry", manifest.registry),
            ("for", manifest.scope),
            ("snapshot", manifest.id),
            ("listed", f"{manifest.n:,}"),
            ("asked about", None if manifest.answered is None else f"{manifest.answered:,}"),
            ("changed", None if manifest.adds is None else f"{manifest.adds:,} added, {manifest.deletes:,} deleted"),
            ("covers", _short(manifest.covers)),
            ("got", _instant(manifest.obtained_at)),
            ("edition", _day(manifest.edition_day) or None),
            *(
                ("source", f"{file.name}: {file.lines:,} line{'' if file.lines == 1 else 's'}, {file.digest}")
                for file in manifest.files
            ),
            ("set", manifest.digest),
        ]
    )


def _plain(manifest: Manifest, now: int) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(manifest) | {
        "obtained_at": _instant(manifest.obtained_at),
        "loaded_at": _instant(manifest.loaded_at),
        "edition_day": _day(manifest.edition_day) or None,
        "age_s": (now - manifest.obtained_at) // 1_000_000,
    }


def _instant(at: int) -> str:
    from forbear.core.instants import SECOND, rfc3339

    return rfc3339(at - at % SECOND)


def _day(day: int | None) -> str:
    from forbear.core.instants import date_of

    return "" if day is None else date_of(day).isoformat()


def _age(us: int) -> str:
    hours = us // 3_600_000_000
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h"


def _short(covers: tuple[str, ...]) -> str:
    if covers == ("*",):
        return "everything"
    words = ["+1" if c == "1" else c[1:] if c[0] == "1" and len(c) == 4 else f"+{c}" for c in covers]
    return ", ".join(words[:2]) + (f" and {len(words) - 2} more" if len(words) > 2 else "")
