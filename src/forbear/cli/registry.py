"""`forbear registry`: load a Do-Not-Call list, apply its changes, see how old it is, check it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.say import AsJson

if TYPE_CHECKING:
    from forbear.gate.freshness import Demands
    from forbear.registries.formats import KeysOf
    from forbear.registries.hashing import Hashing
    from forbear.registries.snapshots import Manifest, Terms
    from forbear.registries.sources import Source, Tick

registry = typer.Typer(
    help="Do-Not-Call registries: load, change, list, verify. Each copy is dated, whole, and replaced in one step. "
    "docs/operating/lists.md has an example of every format.",
    epilog="Exit codes: 0 fine · 1 `verify` found a damaged set · 2 a file or option was refused; nothing changed.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(help="The registry's id, as rules name it: us.national, au.dncr; or a part, as us.state.FL.")
]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Where registries lie; else FORBEAR_REGISTRIES.", show_default=False)
]
San = Annotated[str | None, typer.Option("--san", help="The subscription account number it was got under.")]
Edition = Annotated[
    str | None,
    typer.Option(
        metavar="YYYY-MM-DD|name",
        help="The date of the list itself; `name`: the date in the file's name. Else as a line `# edition:` states it.",
    ),
]
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
Country = Annotated[
    str | None,
    typer.Option(help="Whose numbers those without + are; else the registry's own country (csv, answers, rnd)."),
]
Hashed = Annotated[
    str | None,
    typer.Option("--hash", metavar="ALGORITHM", help="The list holds hashes: sha256, sha512, sha1 or md5."),
]
Of = Annotated[
    str | None,
    typer.Option(
        "--of",
        metavar="FORM",
        help="What was hashed, with commas: e164 (+44…), digits (44…), national, trunk (0…); email (trimmed, lower "
        "case), @domain, domain.",
    ),
]
_FORMATS = ("ftc", "tps", "csv", "answers", "rnd", "hashes", "digests", "domains")
_USUAL = {
    "us.national": "ftc",
    "au.dncr": "answers",
    "gb.tps": "tps",
    "gb.ctps": "tps",
    "us.reassigned": "rnd",
    "us.mscm": "domains",
}
Emails = Annotated[bool, typer.Option("--emails", help="The column holds e-mail addresses, not numbers.")]


def register(app: typer.Typer) -> None:
    app.add_typer(registry, name="registry")


@registry.command()
def load(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="One file or several that make the list; zip and gzip too.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="ftc (flat file), tps (fixed width), csv, answers (of a wash), rnd (Reassigned Numbers Database), "
            "hashes (one a line), digests (bytes), domains; else by the registry's id.",
        ),
    ] = None,
    column: Column = "number",
    country: Country = None,
    emails: Emails = False,
    hashed: Hashed = None,
    of: Of = None,
    result: Annotated[
        str | None, typer.Option(help="The column that holds the answer; else `result`, rnd: `answer`.")
    ] = None,
    listed: Annotated[
        str | None, typer.Option(help="Words there that mean listed, with commas; else Y, rnd: yes.")
    ] = None,
    clean: Annotated[
        str | None, typer.Option(help="Words there that mean not listed, with commas; else N, rnd: no.")
    ] = None,
    every: Annotated[
        str | None, typer.Option("--all", help="`listed` or `clean`: every address in the file is (answers).")
    ] = None,
    date: Annotated[str, typer.Option(help="The column of the day that was asked about (rnd).")] = "date",
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
    from forbear.core.instants import DAY
    from forbear.registries import formats, snapshots
    from forbear.registries.hashing import ALGORITHMS, DOMAINS

    form = form or _USUAL.get(name, "csv")
    if form not in _FORMATS:
        raise BadInput(f"`{form}` is none of {', '.join(_FORMATS)}", key="--format")
    place = folder or snapshots.default_folder()
    with _reading(files, binary=form == "digests") as sources:
        said = _stated(sources)
        named = _edition_in_name(files) if edition == "name" else edition
        edition = _agreed("--edition", named, said.get("edition"))
        terms = _terms(name, san, edition, obtained_at, account, seller, lines, force)
        country = _agreed("--country", country, said.get("country")) or _own_country(name)
        hashed, of = _agreed("--hash", hashed, said.get("hash")), _agreed("--of", of, said.get("of"))
        hashing = _hashing(form, hashed, of, country, sources[0].name)
        terms.hashing, terms.covers = hashing, _covers(covers)
        if hashing is not None:
            _cover_hashes(terms, hashing)
        what = formats.ADDRESS if hashing is None else hashing.what
        keys_of = _keys_of(terms, country, emails) if hashing is None else hashing.of_hex
        if form in ("answers", "rnd"):
            if every not in (None, "listed", "clean"):
                raise BadInput("is neither listed nor clean", key="--all")
            rnd = form == "rnd"
            yes, no = _words(listed or ("yes" if rnd else "Y")), _words(clean or ("no" if rnd else "N"))
            if every:
                yes, no = (["all"], []) if every == "listed" else ([], ["all"])
            at = result or ("answer" if rnd else "result")
            asked = [
                formats.answers(
                    *(s, column, keys_of, None if every else at, yes, no, _NO_DATA if rnd else ()),
                    what=what,
                    since=date if rnd else None,
                    asked_day=(terms.obtained_at or min(terms.now, s.changed_at)) // DAY,
                )
                for s in sources
            ]
            manifest = snapshots.load_answers(place, terms, list(zip(sources, asked, strict=True)))
        else:
            if form == "ftc":
                lists = [formats.ftc_full(s) for s in sources]
            elif form == "tps":
                terms.covers = terms.covers or ("44",)
                lists = [formats.tps(s) for s in sources]
            elif form == "digests":
                assert hashing is not None
                lists = [formats.digests(s, ALGORITHMS[hashing.algorithm]) for s in sources]
            elif form == "hashes":
                lists = [formats.plain(s, "hash", keys_of, what, ["hash"]) for s in sources]
            elif form == "domains":
                lists = [formats.plain(s, "domain", DOMAINS.of_domains, "is no domain", ["domain"]) for s in sources]
            else:
                terms.covers = terms.covers or (snapshots.EVERYWHERE,)
                lists = [formats.plain(s, column, keys_of, what) for s in sources]
            manifest = snapshots.load_full(place, terms, list(zip(sources, lists, strict=True)))
    _say(manifest, json)


@registry.command()
def parts(
    name: Annotated[str, typer.Argument(help="A registry that several keep together, as gr.article11.")],
    parts: Annotated[str, typer.Argument(help="The names of its parts, with commas; empty: it is one list.")],
    folder: Folder = None,
    json: AsJson = False,
) -> None:
    """Say which lists make up a registry. Each is loaded as NAME.PART, and only all together say "not listed"."""
    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.registries import snapshots

    demands = _demands()
    if demands is not None and name in demands.regional:
        regions = ", ".join(sorted(demands.regional[name]))
        raise BadInput(f"{name} is asked by region", key="name", todo=f"its parts are those of {regions}")
    snapshots.state_parts(folder or snapshots.default_folder(), name, _words(parts))
    if json:
        as_json({"registry": name, "parts": [f"{name}.{part}" for part in _words(parts)]})
    else:
        said = ", ".join(f"{name}.{part}" for part in _words(parts))
        typer.echo(f"{name} is made of {said}" if said else f"{name} is one list")


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
    """The snapshots in force: how many addresses, how old, and from when the rules call them stale."""
    from forbear.cli.say import as_json, table
    from forbear.registries import snapshots

    now, demands = _now(), _demands()
    place = folder or snapshots.default_folder()
    found = [(manifest, state) for manifest, state in snapshots.history(place) if history or state == "current"]
    if json:
        as_json([_plain(manifest, now, demands) | {"state": state} for manifest, state in found])
        return
    if not found:
        typer.echo("no registry is loaded; `forbear registry load --help` says how")
    else:
        asked = any(m.answered is not None for m, _ in found)
        columns = ("registry", "for", *(["state"] if history else []), "listed", *(["asked"] if asked else []))
        table(
            (*columns, "covers", "age", "edition", "stale from"),
            [
                (
                    m.registry,
                    m.scope,
                    *([state] if history else []),
                    f"{m.n:,}",
                    *(["" if m.answered is None else f"{m.answered:,}"] if asked else []),
                    _short(m.covers),
                    _age(now - m.obtained_at),
                    _day(m.edition_day),
                    _stale_word(m, now, demands),
                )
                for m, state in found
            ],
            right="listed asked age",
        )
    _warn([manifest for manifest, state in found if state == "current"], place, now, demands)


@registry.command()
def show(name: Name, folder: Folder = None, json: AsJson = False) -> None:
    """One registry: each copy in force, which rules ask it, and how fresh they want it."""
    from forbear.cli.say import as_json, pairs
    from forbear.core.errors import BadInput
    from forbear.registries import snapshots

    now, demands = _now(), _demands()
    place = folder or snapshots.default_folder()
    found = [m for m, state in snapshots.history(place) if state == "current" and _belongs(m.registry, name)]
    rules = sorted({demand.rule for demand in demands.on(name, *_today(now))}) if demands is not None else []
    if not found and not rules:
        raise BadInput(f"no registry `{name}` is loaded, and no rule asks one", key="name")
    if json:
        as_json({"registry": name, "asked_by": rules, "copies": [_plain(m, now, demands) for m in found]})
        return
    pairs([("registry", name), ("asked by", ", ".join(rules) or "no rule")])
    for manifest in found:
        typer.echo("")
        _say(manifest, False, demands)
    _warn(found, place, now, demands, only=name)


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


# --- what the rules want of a copy ---


def _demands() -> Demands | None:
    """What the rules ask; None, and a word about it, where they do not load."""
    from forbear.core.errors import BadInput
    from forbear.gate.freshness import demands_of
    from forbear.gate.rulebooks import installed

    try:
        return demands_of(installed())
    except BadInput as error:
        typer.echo(f"the rules do not load, so nobody knows what is stale: {error}", err=True)
        return None


def _today(now: int) -> tuple[int, int]:
    from forbear.core.instants import DAY

    return now // DAY, now // DAY


def _belongs(registry: str, name: str) -> bool:
    return registry == name or registry.rpartition(".")[0] == name


def _stale_from(manifest: Manifest, now: int, demands: Demands | None) -> int | None:
    """The first day on which some rule calls this copy stale, by UTC's dates; None: not within 400 days."""
    from forbear.core.instants import DAY
    from forbear.gate.freshness import stale_from

    if demands is None:
        return None
    conditions = demands.conditions(manifest.registry, *_today(now))
    return stale_from(conditions, manifest.obtained_at // DAY, manifest.edition_day, now // DAY)


def _stale_word(manifest: Manifest, now: int, demands: Demands | None) -> str:
    day = _stale_from(manifest, now, demands)
    if day is None:
        return ""
    return f"{_day(day)} STALE" if day <= _today(now)[0] else _day(day)


def _warn(found: list[Manifest], place: Path, now: int, demands: Demands | None, only: str | None = None) -> None:
    """A line for each copy that is stale, and one that names the registries that rules ask and nobody loaded."""
    if demands is None:
        return
    for manifest in found:
        day = _stale_from(manifest, now, demands)
        if day is not None and day <= _today(now)[0]:
            if day <= manifest.obtained_at // 86_400_000_000:
                since = "its edition is not known" if manifest.edition_day is None else "it was so when it was got"
            else:
                since = f"since {_day(day)}"
            typer.echo(f"warning: {manifest.registry} is stale ({since}); load a newer edition", err=True)
    absent = _absent(place, now, demands)
    if only is None and absent:
        names = ", ".join(name for name, _ in absent)
        typer.echo(f"never loaded, though rules ask them (`forbear registry show NAME`): {names}", err=True)
    for name, rules in absent:
        if only is not None and (_belongs(name, only) or _belongs(only, name)):
            typer.echo(f"warning: {name} was never loaded; {', '.join(rules)} cannot be met without it", err=True)


def _absent(place: Path, now: int, demands: Demands) -> list[tuple[str, list[str]]]:
    """Registries, or parts of them, that rules in force ask and that nothing loaded answers; with those rules."""
    from forbear.registries.snapshots import Registries

    stated = Registries.open(place)
    loaded = set(stated.names())
    absent: list[tuple[str, list[str]]] = []
    for name in demands.of:
        regions = demands.regional.get(name)
        if stated.parts(name):
            wanted = [part for part in stated.parts(name) if part not in loaded]
        elif name in loaded:
            continue
        elif regions is not None and any(_belongs(one, name) for one in loaded):
            wanted = [f"{name}.{region.partition('-')[2]}" for region in sorted(regions)]
        else:
            wanted = [name]
        for one in wanted:
            rules = sorted({demand.rule for demand in demands.on(one, *_today(now))})
            if rules and one not in loaded:
                absent.append((one, rules))
    return absent


# --- options ---


_NO_DATA = ("no data", "no_data", "nodata")
_DATES = re.compile(r"(?<!\d)(\d{4})(?:-?[Qq]([1-4])|-(\d\d)-(\d\d)|(\d\d)(\d\d)|-(\d\d))(?!\d)")


def _stated(sources: list[Source]) -> dict[str, str]:
    """What the files state at their top; several files state the same or nothing."""
    found: dict[str, str] = {}
    for source in sources:
        for name, value in source.stated().items():
            if found.setdefault(name, value) != value:
                raise source.bad(f"states `{name}: {value}`, another file `{found[name]}`", todo="load them apart")
    return found


def _agreed(option: str, given: str | None, stated: str | None) -> str | None:
    from forbear.core.errors import BadInput

    if given is not None and stated is not None and given.casefold() != stated.casefold():
        raise BadInput(f"the file states `{stated}`, not `{given}`", key=option)
    return stated if given is None else given


def _edition_in_name(files: list[Path]) -> str:
    """The one date in the files' names: 2026-10-01, 20261001, 2026-10 and 2026Q4 (their first day)."""
    from forbear.core.errors import BadInput

    found: set[str] = set()
    for file in files:
        dates = list(_DATES.finditer(file.name))
        if len(dates) != 1:
            what = "has no date in its name" if not dates else "has several dates in its name"
            raise BadInput(what, file=str(file), key="--edition", todo="like TX_2026Q4.txt, or state the edition")
        year, quarter, month, day, month2, day2, month3 = dates[0].groups()
        if quarter:
            month = f"{int(quarter) * 3 - 2:02d}"
        found.add(f"{year}-{month or month2 or month3}-{day or day2 or '01'}")
    if len(found) > 1:
        raise BadInput(f"the files are of {' and '.join(sorted(found))}", key="--edition", todo="load them apart")
    return found.pop()


def _own_country(name: str) -> str | None:
    """A registry's own country, by its id."""
    import phonenumbers

    country = name[:2].upper()
    return country if name[2:3] == "." and phonenumbers.country_code_for_region(country) else None


def _hashing(form: str, hashed: str | None, of: str | None, country: str | None, file: str) -> Hashing | None:
    from forbear.core.errors import BadInput
    from forbear.registries.hashing import DOMAINS, stated

    if form in ("ftc", "tps", "domains"):
        if hashed or of:
            raise BadInput(f"a list in the form {form} holds no hashes", key="--hash")
        return DOMAINS if form == "domains" else None
    if form in ("hashes", "digests") or hashed or of:
        return stated(hashed, of, country, file)
    return None


def _cover_hashes(terms: Terms, hashing: Hashing) -> None:
    """A list of national numbers speaks for no other country's."""
    from forbear.core.errors import BadInput
    from forbear.registries.snapshots import EVERYWHERE

    if hashing.country is None:
        terms.covers = terms.covers or (EVERYWHERE,)
        return
    code = str(hashing.calling_code)
    terms.covers = terms.covers or (code,)
    if any(not cover.startswith(code) for cover in terms.covers):
        raise BadInput(f"national numbers of {hashing.country} all begin with +{code}", key="--covers")


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
def _reading(files: list[Path], binary: bool = False) -> Iterator[list[Source]]:
    """The files, with a bar on a terminal: bytes, rate, time left."""
    from forbear.registries.sources import Source

    if not sys.stderr.isatty():
        yield [Source(file, binary=binary) for file in files]
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

        yield [Source(file, ticker(file), binary=binary) for file in files]


def _say(manifest: Manifest, json: bool, demands: Demands | None = None) -> None:
    from forbear.cli.say import as_json, pairs

    if json:
        as_json(_plain(manifest, _now()))
        return
    hashing = manifest.hashing
    pairs(
        [
            ("registry", manifest.registry),
            ("for", manifest.scope),
            ("snapshot", manifest.id),
            ("listed", f"{manifest.n:,}"),
            ("asked about", None if manifest.answered is None else f"{manifest.answered:,}"),
            ("changed", None if manifest.adds is None else f"{manifest.adds:,} added, {manifest.deletes:,} deleted"),
            ("hashes", None if hashing is None else f"{hashing.algorithm} of {', '.join(hashing.forms)}"),
            ("covers", _short(manifest.covers)),
            ("got", _instant(manifest.obtained_at)),
            ("edition", _day(manifest.edition_day) or None),
            ("stale from", _stale_word(manifest, _now(), demands) or None),
            *(
                ("source", f"{file.name}: {file.lines:,} line{'' if file.lines == 1 else 's'}, {file.digest}")
                for file in manifest.files
            ),
            ("set", manifest.digest),
        ]
    )


def _plain(manifest: Manifest, now: int, demands: Demands | None = None) -> dict[str, Any]:
    from dataclasses import asdict

    stale = _stale_from(manifest, now, demands)

    return asdict(manifest) | {
        "obtained_at": _instant(manifest.obtained_at),
        "loaded_at": _instant(manifest.loaded_at),
        "edition_day": _day(manifest.edition_day) or None,
        "age_s": (now - manifest.obtained_at) // 1_000_000,
        "stale_from": _day(stale) or None,
        "stale": stale is not None and stale <= _today(now)[0],
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
