"""Why a stored decision came out as it did: every rule's word, its citation, the local time, the age of each list.

The facts are those packed into the decision; they are judged again here, and the answer says
whether that agrees with what was stored.
"""

from __future__ import annotations

from datetime import UTC
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.codes import Code, Cure, Verdict
from forbear.core.instants import DAY, MISSING, at_of, date_of, moment_of
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, Mode, Purpose, Word
from forbear.gate import packed
from forbear.gate.opened import Gate, opened
from forbear.kernel.facts import Facts
from forbear.kernel.judge import ENGINE

W = TypeVar("W", bound=Word)
_VERDICTS = list(Verdict)
_CURES = list(Cure)
_MOST_PLACES = 60


class Cited(msgspec.Struct, kw_only=True):
    title: str
    seen: str  # the day it was read
    url: str | None
    quote: str | None


class RuleSaid(msgspec.Struct, kw_only=True):
    rule: str
    code: str  # silent rules are left out
    title: str
    shadow: bool
    decided: bool
    cites: list[Cited]
    confidence: str | None


class LocalTime(msgspec.Struct, kw_only=True):
    zone: str
    regions: list[str]
    time: str  # RFC 3339 with the zone's offset


class ListAge(msgspec.Struct, kw_only=True):
    registry: str
    listed: bool | None  # None: not known
    obtained_at: int | None
    age_days: int | None
    edition: str | None


class Explained(msgspec.Struct, kw_only=True):
    decision: UUID
    at: int
    channel: Channel
    purpose: Purpose
    mode: Mode | None
    seller: UUID
    verdict: Verdict
    cure: Cure | None
    earliest: int | None
    rules: tuple[str, ...]
    obligations: tuple[str, ...]
    permit: UUID | None
    rulebook: str
    engine: str
    same_engine: bool  # judged again by what judged it then
    agrees: bool  # and it came out the same
    said: list[RuleSaid]
    local_times: list[LocalTime]
    lists: list[ListAge]
    batch: UUID
    batch_index: int
    logged: bool  # False: its batch waits for the log


def explain(conn: Connection, account: UUID, decision: UUID, gate: Gate | None = None) -> Explained | None:
    """None where the account has no such decision."""
    gate = gate or opened()
    row = conn.execute(
        "SELECT d.at, d.seller, d.channel, d.purpose, d.mode, d.verdict, d.cure, d.earliest, d.rules, d.obligations,"
        " d.permit, d.facts, s.body, b.rulebook, b.engine, d.batch, d.batch_index,"
        " EXISTS (SELECT FROM ledger_logqueue q WHERE q.batch = d.batch)"
        " FROM ledger_decision d JOIN ledger_selector s ON s.digest = d.selector JOIN ledger_batch b ON b.id = d.batch"
        " WHERE d.id = %s AND d.account = %s",
        [decision, account],
        binary=True,
    ).fetchone()
    if row is None:
        return None
    at = at_of(row[0])
    selector = packed.selector_of(bytes(row[12]))
    facts = packed.unpack([bytes(row[11])], [selector], [at])
    answers = gate.engine.judge(facts)
    verdict, cure = _VERDICTS[row[5]], None if row[6] is None else _CURES[row[6]]
    earliest = None if row[7] is None else at_of(row[7])
    rules = tuple(row[8].split())
    outcome = answers.of(0)
    again = int(answers.earliest[0]) if outcome.verdict is Verdict.DEFER else None
    rulebook = f"sha256:{bytes(row[13]).hex()}"
    return Explained(
        decision=decision,
        at=at,
        channel=_word(Channel, row[2]),
        purpose=_word(Purpose, row[3]),
        mode=_word(Mode, row[4]) if row[4] else None,
        seller=row[1],
        verdict=verdict,
        cure=cure,
        earliest=earliest,
        rules=rules,
        obligations=tuple(row[9].split()),
        permit=row[10],
        rulebook=rulebook,
        engine=row[14],
        same_engine=rulebook == gate.engine.digest and row[14] == ENGINE,
        agrees=(outcome.verdict, outcome.cure, outcome.rules, again) == (verdict, cure, rules, earliest),
        said=_said(gate, facts, rules),
        local_times=local_times(selector.places, at),
        lists=_lists(facts, at),
        batch=row[15],
        batch_index=row[16],
        logged=not row[17],
    )


def local_times(places: PlaceSet, at: int) -> list[LocalTime]:
    """The clock in every candidate zone; the first `_MOST_PLACES` where nothing is known of the place."""
    regions: dict[str, list[str]] = {}
    for place in sorted(places, key=lambda place: (place.zone, place.region)):
        regions.setdefault(place.zone, []).append(place.region)
    moment = moment_of(at).astimezone(UTC)
    return [
        LocalTime(zone=zone, regions=some, time=moment.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds"))
        for zone, some in list(regions.items())[:_MOST_PLACES]
    ]


def _said(gate: Gate, facts: Facts, decided: tuple[str, ...]) -> list[RuleSaid]:
    known = {rule.id: rule for rule in gate.engine.rulebook.rules}
    found: list[RuleSaid] = []
    for word in gate.engine.explain(facts, [0])[0]:
        if word.code is Code.SILENT:
            continue
        rule = known.get(word.rule)
        cites = [
            Cited(title=cite.title, seen=date_of(cite.seen).isoformat(), url=cite.url, quote=cite.quote)
            for cite in (rule.cites if rule else ())
        ]
        found.append(
            RuleSaid(
                rule=word.rule,
                code=word.code.name.lower(),
                title=word.title,
                shadow=word.shadow,
                decided=word.rule in decided,
                cites=cites,
                confidence=rule.confidence if rule else None,
            )
        )
    return sorted(found, key=lambda said: (not said.decided, -Code[said.code.upper()], said.rule))


def _lists(facts: Facts, at: int) -> list[ListAge]:
    ages: list[ListAge] = []
    for name, column in sorted(facts.registries.items()):
        listed, obtained, edition = (
            int(np.broadcast_to(value, (1,))[0]) for value in (column.listed, column.checked_at, column.edition_day)
        )
        ages.append(
            ListAge(
                registry=name,
                listed=None if listed < 0 else bool(listed),
                obtained_at=None if obtained == MISSING else obtained,
                age_days=None if obtained == MISSING else (at - obtained) // DAY,
                edition=None if edition == MISSING else date_of(edition).isoformat(),
            )
        )
    return ages


def _word(kind: type[W], bit: int) -> W:
    return next(word for word in kind if word.bit == bit)
