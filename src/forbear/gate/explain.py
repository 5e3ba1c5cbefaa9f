"""Why a stored decision came out as it did: every rule's word, its citation, the local time, the age of each list.

The facts are those packed into the decision. They are judged again twice: by the rulebook of
that day, which must agree with what was stored, and by the one installed now, which says what
would come of the same facts today.
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
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MISSING, at_of, date_of, moment_of, rfc3339
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, Mode, Purpose, Word
from forbear.gate import bundles, packed
from forbear.gate.opened import Gate, opened
from forbear.gate.suppress import corrections
from forbear.kernel.facts import YES, Facts, Flag, Selector
from forbear.kernel.judge import ENGINE, Engine
from forbear.rulebook import told
from forbear.rulebook.model import Rulebook

W = TypeVar("W", bound=Word)
_VERDICTS = list(Verdict)
_CURES = list(Cure)
_MOST_PLACES = 60


class Cited(msgspec.Struct, kw_only=True):
    title: str
    seen: str  # the day it was read
    url: str | None
    quote: str | None


class CoverageSaid(msgspec.Struct, kw_only=True):
    """What of a candidate place's law was read for such a contact."""

    places: list[str]  # the candidates this reading is of
    status: str  # complete, partial; none: nothing was read, and nobody is let through
    confidence: str | None
    source: str | None
    seen: str | None
    note: str | None


class RuleSaid(msgspec.Struct, kw_only=True):
    rule: str
    code: str  # silent rules are left out
    title: str
    shadow: bool
    decided: bool
    cites: list[Cited]
    confidence: str | None
    note: str | None = None  # what of the rule is from memory, disputed or our own reading
    override: str | None = None  # the operator's own text stood here: who answers for it, and why
    as_shipped: str | None = None  # what the rule as shipped says, where an own text stood


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


class Today(msgspec.Struct, kw_only=True):
    """What the rulebook installed now says of the same facts at the same moment."""

    rulebook: str
    same: bool  # as was decided then
    verdict: Verdict
    cure: Cure | None
    earliest: int | None
    rules: tuple[str, ...]
    overrides: tuple[str, ...]


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
    overrides: tuple[str, ...]
    permit: UUID | None
    rulebook: str
    engine: str
    same_engine: bool  # judged again by the engine and the rules that judged it then
    agrees: bool | None  # and it came out the same; None: the rulebook of that day is not at hand
    missing: str | None  # why it is not
    today: Today
    confidence: str | None  # the lowest of those who decided; of an `allow`, of all that had to be met
    coverage: list[CoverageSaid]
    said: list[RuleSaid]  # by the rulebook of that day; where that is not at hand, by today's
    local_times: list[LocalTime]
    alerts: list[str]  # emergencies in force then, where the person may have been
    lists: list[ListAge]
    remarks: list[str]  # what of the facts deserves a word: a pause, a promise, a consent that lifts nothing
    batch: UUID
    batch_index: int
    logged: bool  # under a signed head of the log; False: its batch waits for the next one


def explain(conn: Connection, account: UUID, decision: UUID, gate: Gate | None = None) -> Explained | None:
    """None where the account has no such decision."""
    gate = gate or opened()
    row = conn.execute(
        "SELECT d.at, d.seller, d.channel, d.purpose, d.mode, d.verdict, d.cure, d.earliest, d.rules, d.obligations,"
        " d.permit, d.facts, s.body, b.rulebook, b.engine, d.batch, d.batch_index, d.overrides,"
        " EXISTS (SELECT FROM ledger_logentry l WHERE l.source = d.batch AND l.index <"
        " (SELECT max(size) FROM ledger_checkpoint))"
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
    verdict, cure = _VERDICTS[row[5]], None if row[6] is None else _CURES[row[6]]
    earliest = None if row[7] is None else at_of(row[7])
    rules = tuple(row[8].split())
    overrides = tuple(row[17].split("\n")) if row[17] else ()
    decided = (verdict, cure, earliest, rules, overrides)
    digest = bytes(row[13])
    rulebook = f"sha256:{digest.hex()}"
    engine, missing = _engine_of_that_day(conn, digest, gate)
    now = _again(gate.engine, facts)
    then = now if engine is gate.engine else None if engine is None else _again(engine, facts)
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
        overrides=overrides,
        permit=row[10],
        rulebook=rulebook,
        engine=row[14],
        same_engine=engine is not None and row[14] == ENGINE,
        agrees=None if then is None else then == decided,
        missing=missing,
        today=Today(
            rulebook=gate.engine.digest,
            same=now == decided,
            verdict=now[0],
            cure=now[1],
            earliest=now[2],
            rules=now[3],
            overrides=now[4],
        ),
        confidence=(engine or gate.engine).judge(facts).of(0).confidence,
        coverage=_coverage(
            (engine or gate.engine).rulebook, selector, bool(int(facts.false[0]) >> Flag.PROMOTIONAL & 1)
        ),
        said=_said(engine or gate.engine, facts, rules),
        local_times=local_times(selector.places, at),
        alerts=sorted(selector.alerts),
        lists=_lists(facts, at),
        remarks=_remarks(facts, at) + corrections(conn, account, decision),
        batch=row[15],
        batch_index=row[16],
        logged=row[18],
    )


def _engine_of_that_day(conn: Connection, digest: bytes, gate: Gate) -> tuple[Engine | None, str | None]:
    """An engine over the rulebook of this digest; or None, and why it is not at hand."""
    if digest == bundles.digest_bytes(gate.engine.rulebook):
        return gate.engine, None
    try:
        engine = bundles.engine_of(conn, digest)
    except BadInput as error:
        return None, f"the rulebook of that day cannot be read by this release: {error}"
    return engine, None if engine else "the rulebook of that day is not stored"


def _again(engine: Engine, facts: Facts) -> tuple[Verdict, Cure | None, int | None, tuple[str, ...], tuple[str, ...]]:
    answers = engine.judge(facts)
    outcome = answers.of(0)
    earliest = int(answers.earliest[0]) if outcome.verdict is Verdict.DEFER else None
    return outcome.verdict, outcome.cure, earliest, outcome.rules, outcome.overrides


def _coverage(rulebook: Rulebook, selector: Selector, promotes_nothing: bool) -> list[CoverageSaid]:
    """The readings of the candidate places that fit the contact; then the places not read for all it may be."""
    purposes = selector.purpose.bit | (0 if promotes_nothing else Purpose.MARKETING.bit)
    candidates = sorted({place.region for place in selector.places})
    found: list[CoverageSaid] = []
    read = dict.fromkeys(candidates, 0)
    for entry in rulebook.coverage:
        there = [place for place in candidates if place in entry.places or place[:2] in entry.places]
        kind = selector.recipient_kind
        fits = entry.channels & selector.channel.bit and entry.purposes & purposes
        if not there or not fits or (entry.recipients and (kind is None or not entry.recipients & kind.bit)):
            continue
        for place in there:
            read[place] |= entry.purposes
        found.append(
            CoverageSaid(
                places=there,
                status=entry.status,
                confidence=entry.confidence,
                source=entry.source,
                seen=date_of(entry.seen).isoformat(),
                note=entry.note or None,
            )
        )
    left = [place for place in candidates if purposes & ~read[place]]
    if left:
        nothing = CoverageSaid(places=left, status="none", confidence=None, source=None, seen=None, note=None)
        found.append(nothing)
    return found[:_MOST_PLACES]


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


def _said(engine: Engine, facts: Facts, decided: tuple[str, ...]) -> list[RuleSaid]:
    known = {rule.id: rule for rule in engine.rulebook.rules}
    words = engine.explain(facts, [0])[0]
    as_shipped = {known[word.rule].twin_of: word.code for word in words if word.rule in known}
    found: list[RuleSaid] = []
    for word in words:
        rule = known.get(word.rule)
        behind = as_shipped.get(word.rule, Code.SILENT)
        if max(word.code, behind) is Code.SILENT or (rule and rule.twin_of):
            continue
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
                note=rule.note or None if rule else None,
                override=told.of_override(rule.override) if rule and rule.override else None,
                as_shipped=behind.name.lower() if rule and rule.override else None,
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


def _remarks(facts: Facts, at: int) -> list[str]:
    """What somebody who reads the rules' words alone would ask about."""
    found: list[str] = []
    said, consents = facts.opt_outs, facts.consents
    if said is not None:
        pauses = sorted({until for until in said.until.tolist() if until != MISSING and until > at})
        found += [f"the person asked for a pause until {rfc3339(until)}" for until in pauses]
    if consents is not None:
        promises = zip(consents.promised_n.tolist(), consents.promised_days.tolist(), strict=True)
        for most, days in dict.fromkeys(one for one in promises if one[0]):
            found.append(f"with a consent at most {most} contacts in {days} days were promised")
        if said is not None and (consents.imported == YES).any():
            found.append("a consent from an imported list lifts no opt-out, whatever day it claims to be of")
    return found


def _word(kind: type[W], bit: int) -> W:
    return next(word for word in kind if word.bit == bit)
