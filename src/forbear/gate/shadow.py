"""What shadow rules would have done: written beside the decisions, and told as what enforcing them would cost.

One row for all contacts of a commit that came out alike, so a rule that is only watched costs
rows by the batch and not by the contact, and nothing where there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.codes import Code, Verdict
from forbear.core.places import PlaceSet
from forbear.gate import packed
from forbear.kernel.profile import Outcome
from forbear.ledger import columns, trip
from forbear.ledger.columns import Int2, Int4, Text, Uuid
from forbear.ledger.trip import Statement
from forbear.rulebook.model import Rulebook

_VERDICTS: Final = list(Verdict)
APPEND: Final = Statement(
    "add_shadow",
    "INSERT INTO ledger_shadow (id, at, account, rule, place, verdict, code, n, decision)"
    " SELECT id, $1, account, rule, place, verdict, code, n, decision"
    " FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) AS u (id, account, rule, place, verdict, code, n, decision)",
    (
        *(trip.MOMENT_OID, Uuid.array_oid, Uuid.array_oid, Text.array_oid, Text.array_oid, Int2.array_oid),
        *(Int2.array_oid, Int4.array_oid, Uuid.array_oid),
    ),
)


def wire(
    now: int, outcomes: Sequence[Outcome], accounts: Sequence[UUID], places: Sequence[PlaceSet], ids: columns.Ids
) -> tuple[bytes | columns.Column, ...]:
    """The parameters of `APPEND` for the contacts of a commit, by row, of which some met a stricter shadow rule."""
    counts: Counter[tuple[UUID, str, str, int, int]] = Counter()
    first: dict[tuple[UUID, str, str, int, int], int] = {}
    for row, outcome in enumerate(outcomes):
        for rule, code in outcome.shadow:
            key = (accounts[row], rule, place_of(places[row]), _VERDICTS.index(outcome.verdict), int(code))
            counts[key] += 1
            first.setdefault(key, row)
    keys = list(counts)
    return (
        columns.moment(now),
        columns.uuids(columns.new_ids(now, len(keys))),
        columns.uuids([key[0] for key in keys]),
        columns.texts([key[1] for key in keys]),
        columns.texts([key[2] for key in keys]),
        columns.int2s(np.array([key[3] for key in keys], np.int16)),
        columns.int2s(np.array([key[4] for key in keys], np.int16)),
        columns.int4s(np.array([counts[key] for key in keys], np.int32)),
        columns.uuids(ids[[first[key] for key in keys]]),
    )


@lru_cache(maxsize=1 << 14)
def place_of(places: PlaceSet) -> str:
    """`US-FL` where the region is known, `US` where only the country is, else nothing."""
    regions = {place.region for place in places}
    if len(regions) == 1:
        return regions.pop()
    countries = {region[:2] for region in regions}
    return countries.pop() if len(countries) == 1 else ""


class Stopped(msgspec.Struct, kw_only=True):
    """What a rule would have done to some contacts: how many of those allowed, by day or by place."""

    name: str
    denied: int
    deferred: int
    allowed: int  # contacts that were allowed, by this rule or not

    @property
    def share(self) -> float:
        return (self.denied + self.deferred) / self.allowed if self.allowed else 0.0


class Cost(msgspec.Struct, kw_only=True):
    """What enforcing one shadow rule would have cost."""

    rule: str
    title: str
    in_shadow: bool  # it is a shadow rule of the rulebook installed now
    whole: Stopped
    stricter: int  # contacts that waited anyway and would have been denied
    days: list[Stopped]
    places: list[Stopped]
    decision: UUID | None  # one it would have stopped


@dataclass(slots=True)
class _Tally:
    denied: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)


def costs(conn: Connection, rulebook: Rulebook, since: int, account: UUID | None = None) -> list[Cost]:
    """By rule, since a moment, of one account or of all: shadow rules of today and any that spoke meanwhile."""
    first = columns.uuid_at(_lowest(since), 0)
    allowed_on, allowed_at = _allowed(conn, first, account)
    total = sum(allowed_on.values())
    rows = conn.execute(
        "SELECT rule, (at AT TIME ZONE 'UTC')::date::text, place, verdict, code, sum(n)::bigint,"
        " (array_agg(decision ORDER BY id DESC))[1] FROM ledger_shadow"
        " WHERE id >= %s AND (%s::uuid IS NULL OR account = %s) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3",
        [first, account, account],
    ).fetchall()
    titles = {rule.id: rule.title for rule in rulebook.rules}
    watched = [rule.id for rule in rulebook.rules if rule.shadow and not rule.twin_of]
    found: list[Cost] = []
    for name in dict.fromkeys([*watched, *(row[0] for row in rows)]):
        days, places, stricter, one = _Tally(), _Tally(), 0, None
        for rule, day, place, verdict, code, n, decision in rows:
            if rule != name:
                continue
            if _VERDICTS[verdict] is not Verdict.ALLOW:
                stricter += int(n)
                continue
            one = decision
            for tally, key in ((days, day), (places, place)):
                (tally.deferred if code == Code.NOT_NOW else tally.denied)[key] += int(n)
        found.append(
            Cost(
                rule=name,
                title=titles.get(name, ""),
                in_shadow=name in watched,
                whole=Stopped(
                    name=name,
                    denied=days.denied.total(),
                    deferred=days.deferred.total(),
                    allowed=total,
                ),
                stricter=stricter,
                days=_by(days, allowed_on),
                places=_by(places, allowed_at),
                decision=one,
            )
        )
    return found


def _by(tally: _Tally, allowed: Counter[str]) -> list[Stopped]:
    return [
        Stopped(name=key, denied=tally.denied[key], deferred=tally.deferred[key], allowed=allowed[key])
        for key in sorted({*tally.denied, *tally.deferred})
    ]


def _allowed(conn: Connection, first: UUID, account: UUID | None) -> tuple[Counter[str], Counter[str]]:
    """How many contacts were allowed: by day and by place."""
    on: Counter[str] = Counter()
    at: Counter[str] = Counter()
    rows: Iterable[tuple[str, bytes, int]] = conn.execute(
        "SELECT day, body, n FROM (SELECT (at AT TIME ZONE 'UTC')::date::text AS day, selector, count(*) AS n"
        " FROM ledger_decision WHERE id >= %s AND verdict = 0 AND (%s::uuid IS NULL OR account = %s) GROUP BY 1, 2) d"
        " JOIN ledger_selector s ON s.digest = d.selector",
        [first, account, account],
    )
    for day, body, n in rows:
        on[day] += n
        at[place_of(packed.selector_of(bytes(body)).places)] += n
    return on, at


def _lowest(since: int) -> columns.Ids:
    """The least UUIDv7 of a moment."""
    row = np.zeros((1, 16), np.uint8)
    row[0, :6] = np.frombuffer((since // 1000).to_bytes(6, "big"), np.uint8)
    return row
