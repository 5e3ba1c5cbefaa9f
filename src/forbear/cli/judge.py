"""`forbear judge`: put a case file to the rules, and check worked examples against them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forbear.cli.say import AsJson, as_json
from forbear.cli.store import OwnRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forbear.gate.judge_cases import Judged

CaseFile = Annotated[
    Path,
    typer.Argument(help="A case file: one JSON object a line; gzip too; `-` for standard input.", show_default=False),
]


def register(app: typer.Typer) -> None:
    app.command()(judge)


def judge(
    file: CaseFile,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with each case's `expect`; exit 1 on a difference.")
    ] = False,
    rules: OwnRules = None,
    json: AsJson = False,
) -> None:
    """Judge cases without a database: one answer a line, as JSON.

    With --check only the differences are printed, then how many cases passed, failed, or were not
    covered: decided by nothing but a law that nobody has read yet.
    """
    from forbear.gate import judge_cases, rulebooks
    from forbear.kernel.judge import Engine

    path = None if str(file) == "-" else file
    with judge_cases.open_lines(path, sys.stdin.buffer) as lines:
        answers = judge_cases.judge(lines, Engine(rulebooks.installed(rules)), file=str(file))
        if not check:
            for answer in answers:
                as_json(answer.answer())
            return
        differs = _check(answers, json)
    if differs:
        raise typer.Exit(1)


def _check(answers: Iterable[Judged], json: bool) -> bool:
    """Print each difference and the counts; whether there was any difference."""
    from forbear.gate.judge_cases import Mark, check

    counts: Counter[Mark] = Counter()
    differences = 0
    for answer in answers:
        checked = check(answer)
        counts[checked.mark] += 1
        differences += bool(checked.difference)
        if not checked.difference and checked.mark is not Mark.NOT_COVERED:
            continue
        if json:
            as_json(
                answer.answer() | {"line": answer.line, "mark": checked.mark, "difference": checked.difference or None}
            )
        else:
            said = checked.difference or f"{answer.verdict}, as expected, but not by its own law"
            typer.echo(
                f"line {answer.line}: {answer.case.id}: {checked.mark}: {said} ({', '.join(answer.rules) or 'no rule'})"
            )
    if json:
        as_json({mark.name.lower(): counts[mark] for mark in Mark} | {"differences": differences})
    else:
        typer.echo(", ".join(f"{counts[mark]} {mark}" for mark in Mark) + f"; {differences} differences")
    return differences > 0
