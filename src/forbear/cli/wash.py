"""`forbear wash`: a whole list judged before it is used, row by row, with a report and a receipt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forbear.cli.say import AsJson
from forbear.cli.store import AccountName, OwnRules, SellerName

if TYPE_CHECKING:
    from forbear.gate.lists import Tick
    from forbear.gate.wash import Report


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Exit codes: 0 washed · 2 the list or an option was refused, nothing was written · 3 our failure."
    )(wash)


def wash(
    file: Annotated[Path, typer.Argument(help="The list: CSV with column names, or Parquet; gzip too.")],
    account: AccountName,
    channel: Annotated[str, typer.Option(help="voice, sms or email.")],
    purpose: Annotated[str, typer.Option(help="marketing, research, debt_collection, informational, ...")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where the washed list goes; its name says CSV, Parquet, gzip.", show_default=False),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="How calls are placed: live (the default), predictive, prerecorded, ai_voice.")
    ] = None,
    seller: SellerName = None,
    at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When the contacts are to be made, e.g. 2026-11-24T15:00:00Z.")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="to=phone,...",
            help="Which column is what: to, country, region, postcode, timezone, kind, line_type, county. "
            "Usual names are found without.",
        ),
    ] = None,
    country: Annotated[str | None, typer.Option(help="Whose numbers those without + are, e.g. US.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", help="What the people will see as sender; else the seller's own.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="The campaign, for opt-outs from it.")] = None,
    contact_list: Annotated[str | None, typer.Option("--list", help="The contact list, for opt-outs from it.")] = None,
    sector: Annotated[str | None, typer.Option(help="The sector, where rules know one.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What people are whose row does not say: consumer, business, sole_trader.")
    ] = None,
    line_type: Annotated[
        str | None, typer.Option(help="What lines are whose row does not say: mobile, landline.")
    ] = None,
    content: Annotated[
        str | None,
        typer.Option(
            help="What the content will fulfil, e.g. identifies_sender,no_promotional; else every duty is taken as met."
        ),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="Where the receipt goes; else beside the washed list.", show_default=False)
    ] = None,
    rules: OwnRules = None,
    json: AsJson = False,
) -> None:
    """Wash a list: every row gets a verdict, its cure, when it becomes allowed, and the rules that decided."""
    from forbear.cli.say import as_json
    from forbear.cli.store import account_named, opened
    from forbear.core.errors import BadInput
    from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind
    from forbear.gate import opened as gate
    from forbear.gate import rulebooks
    from forbear.gate.lists import safe_name
    from forbear.gate.wash import Asked
    from forbear.gate.wash import wash as washed

    rulebooks.use(rules)
    out = out or safe_name(file)
    if out.resolve() == file.resolve():
        raise BadInput("would overwrite the list", key="--out", todo="name another file")
    if not out.parent.is_dir():
        raise BadInput("there is no such folder", file=str(out.parent))
    on = _word(Channel, channel, "--channel")
    asked: dict[str, Any] = {
        "channel": on,
        "purpose": _word(Purpose, purpose, "--purpose"),
        "mode": _word(Mode, mode or "live", "--mode") if on is Channel.VOICE else None,
        "kind": _word(RecipientKind, kind, "--kind") if kind else None,
        "line_type": _word(LineType, line_type, "--line-type") if line_type else None,
        "seller": seller,
        "at": _instant(at),
        "country": country,
        "campaign": campaign,
        "list": contact_list,
        "sender": sender,
        "sector": sector,
        "columns": _pairs(mapping),
        "content": [word.strip() for word in content.split(",") if word.strip()] if content is not None else None,
    }
    with opened() as connection:
        found = account_named(connection, account)
        with _ticking(file, quiet=json) as tick:
            report = washed(connection, gate.opened(), Asked(account=found.id, **asked), file, out, tick)
    receipt = receipt or out.with_name(out.name + ".receipt.json")
    _write(receipt, report.receipt)
    if json:
        as_json(report.receipt | {"reasons": _reasons(report), "out": str(out), "receipt": str(receipt)})
    else:
        _print(report, out, receipt)


def _word(words: Any, text: str, option: str) -> Any:
    from forbear.core.errors import BadInput

    try:
        return words(text)
    except ValueError:
        raise BadInput(f"`{text}` is none of {', '.join(words)}", key=option) from None


def _instant(text: str | None) -> int | None:
    from forbear.core.errors import BadInput
    from forbear.core.instants import parse_rfc3339

    try:
        return parse_rfc3339(text) if text else None
    except ValueError:
        raise BadInput("is no instant", key="--at", todo="like 2026-11-24T15:00:00Z") from None


def _pairs(text: str | None) -> dict[str, str]:
    from forbear.core.errors import BadInput

    found: dict[str, str] = {}
    for pair in (text or "").split(","):
        if pair.strip():
            fact, equals, column = pair.partition("=")
            if not equals or not column.strip():
                raise BadInput(f"`{pair}` is not FACT=COLUMN", key="--map", todo="like to=phone,region=state")
            found[fact.strip()] = column.strip()
    return found


@contextmanager
def _ticking(file: Path, quiet: bool) -> Iterator[Tick]:
    """A bar on a terminal: bytes, rows, rate, time left."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, rows: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(file.name, total=None, rows=0, rate=0.0)

        def tick(done: int, total: int, rows: int) -> None:
            elapsed = progress.tasks[0].elapsed or 1e-9
            progress.update(task, completed=done, total=total or None, rows=rows, rate=rows / elapsed)

        yield tick


def _write(path: Path, receipt: dict[str, Any]) -> None:
    import json
    import os

    temp = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temp.write_text(json.dumps(receipt, indent=1) + "\n")
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def _reasons(report: Report) -> list[dict[str, Any]]:
    return [
        {"verdict": verdict, "cure": cure or None, "rule": rule or None, "rows": rows}
        for (verdict, cure, rule), rows in report.reasons.most_common()
    ]


def _print(report: Report, out: Path, receipt: Path) -> None:
    from forbear.cli.say import pairs, table
    from forbear.core.instants import rfc3339

    rows = report.done.rows
    share = "{:,} ({:.1%})"

    def part(n: int) -> str:
        return share.format(n, n / rows if rows else 0)

    meaning = {"": "may be contacted", "time": "not yet", "evidence": "needs a fact or proof", "none": "must not go"}
    table(
        ("verdict", "cure", "rows", ""),
        [(v, c, part(n), meaning[c]) for (v, c), n in sorted(report.verdicts.items())],
        right="rows",
    )
    typer.echo("")
    told = [(v, c, rule, part(n)) for (v, c, rule), n in report.reasons.most_common() if rule]
    table(("because of", "", "", "rows"), [(rule, v, c, n) for v, c, rule, n in told[:25]], right="rows")
    if len(told) > 25:
        typer.echo(f"and {len(told) - 25} more reasons; --json lists all")
    typer.echo("")
    pairs(
        [
            ("rows", f"{rows:,}"),
            ("judged for", rfc3339(report.at)),
            ("columns", ", ".join(f"{fact}={column}" for fact, column in report.columns.items())),
            ("claimed, not checked", ", ".join(report.assumed)),
            *(
                ("registry", f"{s.registry} of {rfc3339(s.obtained_at)[:10]}, {s.digest[:19]}")
                for s in report.snapshots
            ),
            ("not loaded", ", ".join(report.absent) or None),
            ("ledger up to change", report.seq),
            *(("override", f"{mention}: {part(n)}") for mention, n in report.overrides.most_common()),
            *(
                ("in shadow", f"{rule} would {would} {part(n)} of those allowed")
                for (rule, would), n in report.shadow.most_common()
            ),
            ("rulebook", report.receipt["rulebook"]),
            ("washed list", out),
            ("receipt", f"{receipt} ({report.receipt['id']})"),
        ]
    )
    typer.echo("A wash is advice: ask the gate again at the moment of contact.")
