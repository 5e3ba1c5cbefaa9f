"""Cases drawn once with what the twin says of them, for tests that judge them again and again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.rulebook.model import Rulebook
from tests.kernel import everything
from tests.kernel.edges import Edges


@dataclass(frozen=True)
class Batch:
    rulebook: Rulebook
    cases: tuple[Case, ...]
    said: tuple[reference.Judgment, ...]


@cache
def batches(count: int, size: int, seed: int) -> tuple[Batch, ...]:
    """`count` batches of `size` cases, each for a few of the rules that need every check and condition."""
    from tests.kernel.test_agreement import some_rules

    edges = Edges(everything.rulebook(), seed)
    found = []
    for number in range(count):
        rulebook = everything.rulebook() if number % 4 == 0 else some_rules(everything.rulebook(), edges)
        edges.rules = rulebook.rules
        cases = tuple(edges.cases(size))
        found.append(Batch(rulebook, cases, tuple(reference.judge(case, rulebook) for case in cases)))
    return tuple(found)
