"""Some rows of a column of facts, as a column of their own."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from forbear.kernel.facts import Attempts, Consents, Dialler, Facts, OptOuts, RegistryColumn, Relationships

Entries = TypeVar("Entries", Consents, Relationships, OptOuts, Attempts)


def take(facts: Facts, rows: npt.NDArray[np.int64]) -> Facts:
    """`rows` must be distinct. One value for all rows (shape ()) stays one value."""

    def some(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[rows] if array.ndim else array

    place = np.full(facts.n, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)

    def entries(column: Entries | None) -> Entries | None:
        if column is None or not len(column.row):
            return column
        new = place[column.row]
        kept = np.flatnonzero(new >= 0)
        kept = kept[np.argsort(new[kept], kind="stable")]
        parts = {part.name: getattr(column, part.name)[kept] for part in fields(column)}
        parts["row"] = new[kept]
        return type(column)(**parts)

    registries = {
        name: RegistryColumn(**{part.name: some(getattr(column, part.name)) for part in fields(column)})
        for name, column in facts.registries.items()
    }
    dialler = facts.dialler
    if dialler is not None:
        dialler = Dialler(some(dialler.answered_live), some(dialler.abandoned), some(dialler.window_days))
    return replace(
        facts,
        n=len(rows),
        now=some(facts.now),
        selector=some(facts.selector),
        true=some(facts.true),
        false=some(facts.false),
        registries=registries,
        caller=None if facts.caller is None else some(facts.caller),
        consents=entries(facts.consents),
        relationships=entries(facts.relationships),
        opt_outs=entries(facts.opt_outs),
        attempts=entries(facts.attempts),
        dialler=dialler,
        confirmations_sent=None if facts.confirmations_sent is None else some(facts.confirmations_sent),
    )
