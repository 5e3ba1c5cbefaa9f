"""`forbear rulebook where`: a week's calendar of the hours at which no rule about the time of day stands in the way."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from forbear.kernel.week import LocalDay
    from forbear.web.drawn import Drawn

_CELL = 30  # minutes
_OPEN, _PART, _SEVERAL, _SKIPPED = "█", "▒", "·", " "


def where(
    to: Annotated[str | None, typer.Option(help="The person: an E.164 number or an e-mail address.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="The moment the week begins with; without one, now.")
    ] = None,
    channel: Annotated[str, typer.Option(help="voice, sms or email.")] = "voice",
    purpose: Annotated[str, typer.Option(help="marketing, informational, debt_collection, ...")] = "marketing",
    mode: Annotated[str, typer.Option(help="voice: live, predictive, prerecorded, ai_voice.")] = "live",
    region: Annotated[str | None, typer.Option(help="Where the person is said to be: US-FL, AU-NSW, ...")] = None,
    country: Annotated[str | None, typer.Option(help="The same of a country: FR.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The person's time zone: America/Chicago.")] = None,
    postcode: Annotated[str | None, typer.Option(help="The person's postal code.")] = None,
    county: Annotated[str | None, typer.Option(help="The person's county.")] = None,
    kind: Annotated[str | None, typer.Option(help="consumer, business or sole_trader.")] = None,
    line_type: Annotated[str | None, typer.Option(help="mobile or landline.")] = None,
    sector: Annotated[str | None, typer.Option(help="What is sold, where a law asks: pensions, ...")] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Draw by this zone's clock; else by the person's likeliest.")
    ] = None,
    form: Annotated[Literal["text", "json", "svg"], typer.Option("--format", help="text, json or svg.")] = "text",
    rules: Annotated[
        Path | None, typer.Option("--folder", help="A folder of rule files instead of those shipped.")
    ] = None,
) -> None:
    """When may this person be contacted? A week's open hours, to the minute, and the rule that closes each other hour.

    Lists, consents and caps are not about the hour; what of them is needed too is named below the calendar.
    """
    from forbear.cli.rules import read_rules
    from forbear.cli.say import as_json
    from forbear.core.errors import BadInput
    from forbear.kernel.judge import Engine
    from forbear.web.drawn import as_data, ask, svg

    if not (to or region or country or timezone):
        raise BadInput("nothing says where the person is", key="--to", todo="give --to, --region or --timezone")
    if at is None:
        from datetime import UTC, datetime

        at = datetime.now(UTC).replace(microsecond=0).isoformat()
    asked: dict[str, str | None] = {
        "to": to,
        "channel": channel,
        "purpose": purpose,
        "mode": mode,
        "region": region,
        "country": country,
        "timezone": timezone,
        "postcode": postcode,
        "county": county,
        "kind": kind,
        "line_type": line_type,
        "sector": sector,
    }
    drawn = ask(Engine(read_rules(rules)), asked, at, clock)
    if form == "json":
        as_json(as_data(drawn))
    elif form == "svg":
        typer.echo(svg(drawn))
    else:
        _print(drawn)


def _print(drawn: Drawn) -> None:
    from forbear.core.instants import rfc3339
    from forbear.kernel.week import local
    from forbear.rulebook import plain
    from forbear.rulebook.told import of_override
    from forbear.web.drawn import (
        SUPPORTS,
        closes,
        day_name,
        letters,
        local_times,
        needed,
        owed,
        spoken,
        standing,
        windows,
    )

    paint = _paint()
    found, names = drawn.week, letters(drawn)
    alone_is_news = names if len(names) > 1 else {}
    typer.echo(paint("bold", f"Open hours of a {spoken(drawn)}"))
    typer.echo(f"asked for {rfc3339(found.at)}; where the person may be it is then")
    for time, zone, places in local_times(drawn):
        typer.echo(f"  {time}  {zone}  {places}")
    if len(found.clocks) > 12:
        typer.echo(f"  … and {len(found.clocks) - 12} more.")
    if len(found.clocks) > 1:
        typer.echo("  Which of them is not known, so an hour is open only if it is so in each.")
    typer.echo()
    typer.echo(f"By the clock of {found.zone}:")
    typer.echo(" " * 12 + "  ".join(f"{hour:02d}" for hour in range(0, 24, 2)))
    today, minute = local(found, found.at)
    for day in found.days:
        cells = "".join(
            paint({_OPEN: "open", _PART: "part"}.get(one, "soft"), one) for one in (_cells(day, alone_is_news))
        )
        tail = [windows(day)]
        tail += dict.fromkeys(name for _, name in day.holidays)
        tail += [f"the day before {name}" for name in day.eves]
        if day.day == today:
            tail.append(f"← asked {plain.clock(minute)}")
        typer.echo(f"{day_name(day.day)}  {cells}  {'  '.join(tail)}")
    typer.echo()
    closed = "closed by several rules   a letter: closed by that rule alone" if len(names) > 1 else "closed"
    typer.echo(
        f"{paint('open', _OPEN)} open   {paint('part', _PART)} open for part of the half-hour   {_SEVERAL} {closed}"
    )
    typer.echo(f"{standing(drawn)} {_hours(found.open_minutes)} of the week are open.")
    typer.echo()
    if not found.hours:
        typer.echo("No rule about the time of day speaks of this contact.")
    else:
        typer.echo(paint("bold", "Rules about the hour"))
    for rule_id in found.hours:
        rule = drawn.rule(rule_id)
        whole, alone = closes(drawn, rule_id)
        said = (
            "in shadow: it closes nothing yet"
            if rule.shadow
            else f"closes {_hours(whole)}, {_hours(alone)} of them alone"
        )
        typer.echo(f"  {names.get(rule_id, ' ')} {rule_id}  {said}")
        for value in rule.values:
            if plain.state(value, today) == "in force":
                for line in plain.text(rule, value, drawn.book):
                    typer.echo(f"      {line}")
        if rule.override:
            typer.echo(f"      {paint('part', 'the operator ' + of_override(rule.override))}")
        doubt = plain.doubt(rule)
        if doubt:
            typer.echo(f"      {paint('part', doubt)}. {rule.note}".rstrip())
    also = needed(drawn)
    if also:
        typer.echo()
        typer.echo(paint("bold", "Also needed, whatever the hour (as far as is known of this contact)"))
        for one in also:
            typer.echo(f"  {one['code'].replace('_', ' '):<9}  {', '.join(one['topics'])}: {one['title']}")
            typer.echo(f"             {paint('soft', one['rule'])}")
    duties = owed(drawn)
    if duties:
        typer.echo()
        typer.echo(paint("bold", "Owed when it is made"))
        typer.echo(f"  {'; '.join(duties)}")
    typer.echo()
    typer.echo(paint("soft", f"{drawn.book.digest}. {SUPPORTS}"))


def _cells(day: LocalDay, names: dict[str, str]) -> str:
    """48 half-hours: open, partly open, closed by one rule (its letter) or by several; blank where the clock skips."""
    out = []
    for start in range(0, 1440, _CELL):
        parts = [one for one in day.segments if one.start < start + _CELL and one.end > start]
        if not parts:
            out.append(_SKIPPED)
        elif all(not one.closed_by for one in parts):
            out.append(_OPEN)
        elif any(not one.closed_by for one in parts):
            out.append(_PART)
        else:
            alone = {one.closed_by[0] if len(one.closed_by) == 1 else "" for one in parts}
            out.append(names.get(alone.pop(), _SEVERAL) if len(alone) == 1 else _SEVERAL)
    return "".join(out)


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d}" if rest else f"{hours} h"


def _paint() -> Callable[[str, str], str]:
    """Colours where a person looks on a terminal that has them; plain text otherwise."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return lambda _, text: text
    styles = {"open": {"fg": "green"}, "part": {"fg": "yellow"}, "soft": {"dim": True}, "bold": {"bold": True}}
    return lambda name, text: typer.style(text, **styles[name])  # type: ignore[arg-type]
