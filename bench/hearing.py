"""How well are people heard? Precision and recall by language on the labelled set, both halves apart.

    python -m bench.hearing            the table
    python -m bench.hearing --wrong    what was taken for something else, of the tuning half alone
    python -m bench.hearing --write    the table into docs/hearing.md

The vocabulary may be tuned on the tuning half; nobody looks at single lines of the other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from forbear.core.hearing import LANGUAGES, TakenFor, classify
from forbear.core.words import Channel

ROOT: Final = Path(__file__).resolve().parents[1]
LABELLED: Final = ROOT / "tests" / "hearing" / "labelled.tsv"
PAGE: Final = ROOT / "docs" / "hearing.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEARD: Final = frozenset({TakenFor.STOP, TakenFor.UNCLEAR})


@dataclass(frozen=True, slots=True)
class Line:
    """One message: the languages known of its writer, what a person takes it for, the words."""

    languages: tuple[str, ...]
    label: TakenFor
    text: str
    held_out: bool

    @property
    def language(self) -> str:
        return self.languages[0] if self.languages else "not known"

    @property
    def found(self) -> TakenFor:
        return classify(self.text, Channel.SMS if self.languages else Channel.EMAIL, self.languages).taken_for


@dataclass(frozen=True, slots=True)
class Score:
    """`None` where there is nothing to divide by."""

    lines: int
    recall: float | None  # of those who want no more, how many get no more marketing at once
    acted: float | None  # of those, how many are opted out at once
    precision: float | None  # of those opted out at once, how many wanted it
    false_alarms: float | None  # of those who said something else, how many get no marketing until somebody has read it


def lines(path: Path = LABELLED) -> list[Line]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        languages, label, text = line.split("\t")
        half = sha256(line.encode()).digest()[0] >> 7
        found.append(Line(tuple(filter(None, languages.split(","))), TakenFor(label), text, bool(half)))
    return found


def score(some: Iterable[Line]) -> Score:
    judged = [(line.label, line.found) for line in some]
    wanted = [found for label, found in judged if label is TakenFor.STOP]
    acted = [label for label, found in judged if found is TakenFor.STOP]
    others = [found for label, found in judged if label not in HEARD]
    return Score(
        len(judged),
        _share(sum(found in HEARD for found in wanted), len(wanted)),
        _share(sum(found is TakenFor.STOP for found in wanted), len(wanted)),
        _share(sum(label is TakenFor.STOP for label in acted), len(acted)),
        _share(sum(found in HEARD for found in others), len(others)),
    )


def table(all_lines: Sequence[Line]) -> str:
    """Markdown: a row a language, tuning and held-out half side by side."""
    rows = [
        "| language " + "| lines | heard | at once | right | false alarms " * 2 + "|",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for language in (*LANGUAGES, "not known", None):
        mine = [line for line in all_lines if language is None or line.language == language]
        cells = [language or "**all**"]
        for held_out in (False, True):
            one = score(line for line in mine if line.held_out is held_out)
            shares = (one.recall, one.acted, one.precision, one.false_alarms)
            cells += [str(one.lines), *("" if share is None else f"{share:.0%}" for share in shares)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str]) -> None:
    known = lines()
    if "--wrong" in arguments:
        for line in known:
            if not line.held_out and line.found is not line.label:
                print(f"{line.language}\t{line.label} taken for {line.found}\t{line.text}")
        return
    drawn = table(known)
    print("Left: the half it was tuned on; right: the half held out.\n")
    print(drawn)
    if "--write" in arguments:
        page = PAGE.read_text(encoding="utf-8")
        wanted = re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{drawn}\n{END}", page, flags=re.DOTALL)
        PAGE.write_text(wanted, encoding="utf-8")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


if __name__ == "__main__":
    main(sys.argv[1:])
