"""Do the kernel and its twin say the same of every rule? `python -m tools.compare_twins --contacts 1000000`.

Contacts are drawn as in the tests, with their moments, dates and counts on the edges that the
rulebook states; several contacts share each draw of who is contacted, by whom and how, with all else
drawn anew. Compared is the code of every rule of the rulebook and every word on coverage.
Prints the first contact they differ on, as a case, and leaves with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import Process, Queue
from typing import Any

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.rulebook.load import shipped
from forbear.rulebook.model import Rule
from tests.kernel.edges import Edges

ALIKE = 40  # contacts to one draw of the selecting facts
CHUNK = 20  # draws judged at once


def contacts(edges: Edges) -> list[Case]:
    """`ALIKE` cases to one person from one sender; what may change between two contacts is drawn for each."""
    found: list[Case] = []
    first: dict[str, Any] | None = None
    while len(found) < ALIKE:
        facts = edges.facts(0, like=first)
        if first is None:
            first = facts
        try:
            found.append(read(facts))
        except BadInput:
            first = None
    return found


def about(rules: Sequence[Rule], situation: reference.Situation) -> list[Rule]:
    """The rules that may speak: one that names other places only is silent for both."""
    names = situation.place_names
    return [rule for rule in rules if not rule.applies.places or not names.isdisjoint(rule.applies.places)]


def differing(engine: Engine, cases: Sequence[Case]) -> tuple[Case, dict[str, tuple[Code | None, Code | None]]] | None:
    rules: dict[frozenset[str], list[Rule]] = {}
    for case, kernel in zip(cases, engine.codes(facts_of(cases), range(len(cases))), strict=True):
        situation = reference.Situation(case, case.now)
        if situation.place_names not in rules:
            rules[situation.place_names] = about(engine.rulebook.rules, situation)
        asked = rules[situation.place_names]
        twin = {rule.id: reference.code_of(rule, situation, engine.rulebook) for rule in asked}
        twin |= reference.coverage(engine.rulebook, situation)
        spoken = {name: code for name, code in twin.items() if code is not Code.SILENT}
        if spoken != kernel:
            return case, {
                n: (kernel.get(n), spoken.get(n)) for n in {*kernel, *spoken} if kernel.get(n) != spoken.get(n)
            }
    return None


def compare(seed: int, told: Queue[tuple[int, str]]) -> None:
    """Compares for ever; tells how many contacts agreed since it last told, or what differed."""
    rulebook = shipped()
    edges = Edges(rulebook, seed)
    while True:
        engine = Engine(rulebook, profiles=4 * CHUNK)
        cases = [case for _ in range(CHUNK) for case in contacts(edges)]
        found = differing(engine, cases)
        if found is not None:
            case, wrong = found
            told.put((0, f"{case}\n" + "\n".join(f"{n}: kernel {k!r}, twin {t!r}" for n, (k, t) in wrong.items())))
            return
        told.put((len(cases), ""))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare the kernel with its twin, rule by rule")
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    told: Queue[tuple[int, str]] = Queue()
    workers = [
        Process(target=compare, args=(chosen.seed * 1000 + n, told), daemon=True) for n in range(chosen.processes)
    ]
    for worker in workers:
        worker.start()
    began, agreed = time.monotonic(), 0
    while agreed < chosen.contacts:
        more, difference = told.get()
        if difference:
            print(f"\n{difference}\nafter {agreed:,} contacts that agreed")
            return 1
        agreed += more
        rate = agreed / (time.monotonic() - began)
        print(f"\r{agreed:,} of {chosen.contacts:,} contacts agree, {rate:.0f} a second ", end="", flush=True)
    print(f"\n{agreed:,} contacts: kernel and twin agree on the code of each of {len(shipped().rules)} rules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
