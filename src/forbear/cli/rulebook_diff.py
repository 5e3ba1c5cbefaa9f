"""`forbear rulebook diff`, `own`, `stored`, `bundle`: what changes with a rulebook, and which ones there were."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.rulebook import rulebook
from forbear.cli.say import AsJson
from forbear.cli.store import OwnRules

if TYPE_CHECKING:
    from forbear.accounts.connect import Connection
    from forbear.gate.differences import Difference, Differences
    from forbear.rulebook.changes import Changes
    from forbear.rulebook.model import Rulebook

DECISIONS = "decisions"
_WHICH = "`shipped`, `installed` (with your own rules), a directory, a zip or tar file, or a stored digest."
_MOST_LINES = 40  # of coverage and of holidays, for people; JSON has all


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """The commands mount themselves under `forbear rulebook`."""


@rulebook.command()
def diff(
    old: Annotated[str, typer.Argument(help=_WHICH, show_default=False)],
    new: Annotated[str, typer.Argument(help=_WHICH, show_default=False)],
    on: Annotated[
        str | None,
        typer.Option(help="Also judge by both: a case file, or `decisions` for those stored.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="With `--on decisions`: from this day on; else the last 30 days.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", "-a", help="With `--on decisions`: only this account's.")
    ] = None,
    most: Annotated[int, typer.Option(help="With `--on decisions`: at most so many, the latest.", min=1)] = 100_000,
    examples: Annotated[int, typer.Option(help="How many changed verdicts to show.", min=0)] = 10,
    rules: OwnRules = None,
    form: Annotated[Format, typer.Option("--format", help="text or json.")] = Format.TEXT,
) -> None:
    """What changed between two rulebooks, value by value; with --on, which verdicts change.

    Exit code 1 where a verdict changes (without --on: where the rulebooks differ), else 0.
    """
    from forbear.gate import rulebooks
    from forbear.rulebook.changes import compare

    rulebooks.use(rules)
    with _store() as store:
        before, after = (rulebooks.named(which, store.by_digest) for which in (old, new))
        changes = compare(before, after)
        found = None if on is None else _judged(store, before, after, on, since, account, most, examples)
    if form is Format.JSON:
        _as_json(before, after, changes, found)
    else:
        typer.echo(f"{old} {before.digest[:19]} -> {new} {after.digest[:19]}")
        _print_changes(changes)
        if found is not None:
            _print_differences(found)
    raise typer.Exit(bool(changes) if found is None else bool(found.changed))


@rulebook.command()
def own(
    rules: Annotated[Path | None, typer.Argument(help="The directory; else FORBEAR_RULES.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Your own rules and overrides over the shipped ones, as they are read; and whether your examples hold."""
    from dataclasses import replace

    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.gate import rulebooks
    from forbear.kernel.lint import lint
    from forbear.rulebook import own as reading
    from forbear.rulebook.told import of_override

    place = rules or rulebooks.folder()
    if place is None:
        raise BadInput("no directory of own rules", key=rulebooks.VARIABLE, todo="name one")
    book = rulebooks.installed(place)
    mine = [rule for rule in book.rules if rule.file.startswith(reading.FOLDER)]
    overrides = [rule.override for rule in book.rules if rule.override is not None]
    faults = lint(replace(book, rules=tuple(mine)))
    for fault in faults:
        fault.file = str(place / (fault.file or "").removeprefix(reading.FOLDER))
    if json:
        as_json(
            {
                "rulebook": book.digest,
                "rules": [{"id": rule.id, "title": rule.title, "shadow": rule.shadow} for rule in mine],
                "overrides": [
                    {"rule": one.rule, "loosens": one.loosens, "by": one.by or None, "said": of_override(one)}
                    for one in overrides
                ],
                "faults": [str(fault) for fault in faults],
            }
        )
    else:
        for rule in mine:
            typer.echo(f"{rule.id}{' (shadow)' if rule.shadow else ''}: {rule.title}")
        for one in overrides:
            typer.echo(of_override(one))
        typer.echo(f"{len(mine)} rules, {len(overrides)} overrides, {len(faults)} faults, {book.digest}")
        for fault in faults:
            typer.echo(str(fault), err=True)
    raise typer.Exit(2 if faults else 0)


@rulebook.command()
def stored(json: AsJson = False) -> None:
    """Every rulebook this installation judged by, the latest first."""
    from forbear.cli.say import as_json, table
    from forbear.cli.store import opened
    from forbear.core.instants import at_of, rfc3339
    from forbear.gate import bundles

    with opened() as connection:
        found = bundles.stored(connection)
    if json:
        as_json(found)
        return
    table(
        ("digest", "first judged", "rules", "own", "overrides", "bytes"),
        [
            (one.digest, rfc3339(at_of(one.first_at))[:19] + "Z", one.rules, one.own_rules, one.overrides, one.bytes)
            for one in found
        ],
        right="rules own overrides bytes",
    )


@rulebook.command()
def bundle(
    which: Annotated[str, typer.Argument(help=_WHICH, show_default=False)],
    out: Annotated[Path, typer.Argument(help="Where the archive goes, e.g. rules.tar.gz.", show_default=False)],
    rules: OwnRules = None,
) -> None:
    """Write a rulebook as one archive, the same bytes for the same rules."""
    from forbear.gate import rulebooks
    from forbear.rulebook.bundle import pack

    rulebooks.use(rules)
    with _store() as store:
        book = rulebooks.named(which, store.by_digest)
    out.write_bytes(pack(book.files))
    typer.echo(f"{out}: {len(book.files)} files, {book.digest}")


class _Store:
    """The database, opened when a digest or decisions are asked for."""

    def __init__(self) -> None:
        self._entered: Any = None
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        from forbear.cli.store import opened

        if self._connection is None:
            self._entered = opened()
            self._connection = self._entered.__enter__()
        return self._connection

    def by_digest(self, digits: str) -> Rulebook:
        from forbear.gate import bundles

        return bundles.find(self.connection(), digits)

    def close(self) -> None:
        if self._entered is not None:
            self._entered.__exit__(None, None, None)


@contextmanager
def _store() -> Iterator[_Store]:
    store = _Store()
    try:
        yield store
    finally:
        store.close()


def _judged(
    store: _Store,
    old: Rulebook,
    new: Rulebook,
    on: str,
    since: str | None,
    account: str | None,
    most: int,
    examples: int,
) -> Differences:
    from forbear.cli.store import account_named, day
    from forbear.core.errors import BadInput
    from forbear.core.instants import DAY
    from forbear.gate import differences
    from forbear.gate.judge_cases import open_lines
    from forbear.kernel.judge import Engine

    engines = Engine(old), Engine(new)
    if on != DECISIONS:
        for option, given in (("--since", since), ("--account", account)):
            if given is not None:
                raise BadInput("is of use only with `--on decisions`", key=option)
        with open_lines(None if on == "-" else Path(on), sys.stdin.buffer) as lines:
            return differences.on_cases(lines, *engines, file=on, examples=examples)
    connection = store.connection()
    first = day(since, "--since")
    start = first * DAY if first is not None else _now(connection) - 30 * DAY
    whose = None if account is None else account_named(connection, account).id
    return differences.on_decisions(connection, *engines, start, whose, most, examples=examples)


def _now(connection: Connection) -> int:
    from forbear.ledger.writes import now

    return now(connection)


def _print_changes(changes: Changes) -> None:
    if not changes:
        typer.echo("no rule, coverage or holiday differs")
        return
    if changes.wording:
        typer.echo(f"texts of obligations: {', '.join(changes.wording)}")
    for rule in changes.added:
        typer.echo(f"+ {rule.id}: {rule.title}")
    for rule in changes.removed:
        typer.echo(f"- {rule.id}: {rule.title}")
    for name, lines in changes.changed.items():
        typer.echo(f"~ {name}")
        for line in lines:
            typer.echo(f"    {line}")
    for title, some in (("coverage", changes.coverage), ("holidays", changes.calendars)):
        if some:
            typer.echo(title)
        for line in some[:_MOST_LINES]:
            typer.echo(f"    {line}")
        if len(some) > _MOST_LINES:
            typer.echo(f"    and {len(some) - _MOST_LINES} more; --format json lists all")
    counts = (len(changes.added), len(changes.removed), len(changes.changed))
    typer.echo("{} rules added, {} removed, {} changed".format(*counts))


def _print_differences(found: Differences) -> None:
    from forbear.cli.say import table

    verb = "verdict changes" if found.changed == 1 else "verdicts change"
    typer.echo(f"{found.judged:,} judged by both: {found.changed:,} {verb}")
    if found.only_rules or found.only_obligations:
        typer.echo(f"({found.only_rules:,} the same by other rules, {found.only_obligations:,} with other obligations)")
    if not found.changed:
        return
    table(("was", "is", "contacts"), [(a, b, f"{n:,}") for (a, b), n in found.verdicts.most_common()], right="contacts")
    if found.rules:
        table(
            ("rule", "", "contacts"),
            [
                (rule, "decides now" if now else "decides no more", f"{n:,}")
                for (rule, now), n in found.rules.most_common()
            ],
            right="contacts",
        )
    for one in found.examples:
        where = f"line {one.line}: " if one.line is not None else ""
        typer.echo(f"{where}{one.name}: {_told(one)}")


def _told(one: Difference) -> str:
    from forbear.core.instants import rfc3339

    said = []
    for answer in (one.was, one.now):
        until = "" if answer.earliest is None else f" until {rfc3339(answer.earliest)}"
        said.append(f"{answer.word()}{until}" + (f" by {', '.join(answer.rules)}" if answer.rules else ""))
    return " -> ".join(said)


def _as_json(old: Rulebook, new: Rulebook, changes: Changes, found: Differences | None) -> None:
    from forbear.cli.say import as_json
    from forbear.core.instants import rfc3339

    def lines(some: Any) -> list[dict[str, Any]]:
        return [{"what": one.what, "was": one.was, "now": one.now} for one in some]

    said: dict[str, Any] = {
        "old": old.digest,
        "new": new.digest,
        "added": [rule.id for rule in changes.added],
        "removed": [rule.id for rule in changes.removed],
        "changed": {name: lines(some) for name, some in changes.changed.items()},
        "coverage": lines(changes.coverage),
        "holidays": lines(changes.calendars),
        "wording": list(changes.wording),
    }
    if found is not None:

        def answer(one: Any) -> dict[str, Any]:
            return {
                "verdict": one.verdict,
                "cure": one.cure,
                "earliest": None if one.earliest is None else rfc3339(one.earliest),
                "rules": list(one.rules),
                "obligations": list(one.obligations),
            }

        said["verdicts"] = {
            "judged": found.judged,
            "changed": found.changed,
            "by": [{"was": a, "now": b, "contacts": n} for (a, b), n in found.verdicts.most_common()],
            "rules": [{"rule": r, "decides_now": now, "contacts": n} for (r, now), n in found.rules.most_common()],
            "same_by_other_rules": found.only_rules,
            "same_with_other_obligations": found.only_obligations,
            "examples": [
                {"name": one.name, "line": one.line, "was": answer(one.was), "now": answer(one.now)}
                for one in found.examples
            ],
        }
    as_json(said)
