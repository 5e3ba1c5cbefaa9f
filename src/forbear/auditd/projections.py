"""States that must follow from events: suppressions, consents, dealings, joins, alerts, forms.

Each row names the event that made it, and whatever ended it names its event too. A row that no
event explains was put in behind the ledger's back; one that an event demands and that is not there
was taken out; one that was ended without an event was ended by nobody.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from forbear.accounts.connect import Connection
from forbear.auditd.findings import Report, Wrong
from forbear.core.keys import KIND_SHIFT, AddressKind
from forbear.core.words import ConsentLevel, OptOutScope, Word
from forbear.ledger.kinds import Kind, Scope


class Projection(NamedTuple):
    """How rows of one table follow from events."""

    table: str
    made_by: str  # the column that names the event
    kinds: tuple[Kind, ...]
    of_person: bool = True  # with the same address as the event
    ended_at: str = ""
    ended_by: str = ""
    end_kinds: tuple[Kind, ...] = ()


PROJECTIONS: Final = (
    Projection(
        "suppression",
        "id",
        (Kind.OPT_OUT_SAID, Kind.SUPPRESSION_PLACED, Kind.PERSONAL_ERASED),
        ended_at="lifted_at",
        ended_by="lifted_by",
        end_kinds=(
            *(Kind.SUPPRESSION_LIFTED, Kind.MESSAGE_REVIEWED, Kind.CONSENT_GIVEN, Kind.PREFERENCES_SET),
            Kind.PERSONAL_ERASED,
        ),
    ),
    Projection("consent", "id", (Kind.CONSENT_GIVEN,)),
    Projection(
        "relationship",
        "id",
        (Kind.RELATIONSHIP_RECORDED,),
        ended_at="ended_at",
        ended_by="ended_by",
        end_kinds=(Kind.RELATIONSHIP_ENDED, Kind.PERSONAL_ERASED),
    ),
    Projection(
        "join",
        "event",
        (Kind.ADDRESSES_JOINED,),
        ended_at="parted_at",
        ended_by="parted_by",
        end_kinds=(Kind.ADDRESSES_PARTED, Kind.PERSONAL_ERASED),
    ),
    Projection("alert", "id", (Kind.ALERT_DECLARED,), False, "ended_at", "ended_by", (Kind.ALERT_ENDED,)),
    Projection("form", "id", (Kind.FORM_OPENED,), False),
)
_SAME_PERSON: Final = (
    "(e.addr = r.addr AND e.mac IS NOT DISTINCT FROM r.mac"
    f" OR {AddressKind.ERASED_PHONE:d} IN (e.addr >> {KIND_SHIFT}, r.addr >> {KIND_SHIFT}))"
)
_UNEXPLAINED: Final = (
    "SELECT r.id, e.id IS NULL OR e.kind <> ALL(%(kinds)s) FROM ledger_{table} r"
    " LEFT JOIN ledger_event e ON e.id = r.{made_by}"
    " WHERE e.id IS NULL OR e.kind <> ALL(%(kinds)s) OR NOT {same}"
)
_ENDED_BY_NOBODY: Final = (
    "SELECT r.id FROM ledger_{table} r LEFT JOIN ledger_event e ON e.id = r.{ended_by}"
    " WHERE r.{ended_at} IS NOT NULL AND (e.id IS NULL OR e.kind <> ALL(%(end_kinds)s)"
    " OR e.learnt_at <> r.{ended_at} OR (e.payload ? 'entries' AND NOT e.payload->'entries' ? r.id::text))"
)
_MISSING: Final = (
    "SELECT e.id FROM ledger_event e WHERE e.kind = ANY(%(kinds)s)"
    " AND NOT EXISTS (SELECT FROM ledger_{table} r WHERE r.{made_by} = e.id)"
)


def check_projections(conn: Connection, report: Report) -> None:
    """Every row of every table, and every event that demands one."""
    for one in PROJECTIONS:
        names = one._asdict() | {"same": _SAME_PERSON if one.of_person else "true"}
        given = {"kinds": _values(one.kinds), "end_kinds": _values(one.end_kinds)}
        for identity, unknown in conn.execute(_UNEXPLAINED.format(**names), given):
            if unknown:
                what = "no event placed it" if one.table == "suppression" else "it follows from no event"
                report.add(Wrong.UNEXPLAINED, one.table, identity, what)
            else:
                report.add(Wrong.CHANGED, one.table, identity, "it is about another person than its event")
        if one.ended_by:
            for (identity,) in conn.execute(_ENDED_BY_NOBODY.format(**names), given):
                what = f"{one.ended_at.removesuffix('_at')} by no event of that moment"
                report.add(Wrong.UNEXPLAINED, one.table, identity, what)
        if one.table != "suppression":
            for (identity,) in conn.execute(_MISSING.format(**names), given):
                report.add(Wrong.NOT_CARRIED_OUT, one.table, identity, "its event is there, and it is gone")
        row = conn.execute(f"SELECT count(*) FROM ledger_{one.table}").fetchone()  # noqa: S608 - a name of ours
        report.seen[f"{one.table}s"] += row[0] if row else 0
    _check_stops(conn, report)
    _check_consents(conn, report)


def _values(kinds: tuple[Kind, ...]) -> list[str]:
    return [kind.value for kind in kinds]


# --- suppressions: what was said again joins what stands, so an event may have no row of its own

_STOPS_GONE: Final = (
    "SELECT e.id FROM ledger_event e WHERE e.kind = ANY(%(kinds)s)"
    " AND NOT EXISTS (SELECT FROM ledger_suppression r WHERE r.id = e.id)"
    " AND NOT EXISTS (SELECT FROM ledger_suppression r WHERE r.addr = e.addr AND r.mac IS NOT DISTINCT FROM e.mac"
    " AND r.id < e.id AND r.at <= e.happened_at AND r.last_at >= e.happened_at AND e.payload ? 'covers'"
    " AND r.covers = (%(covers)s::jsonb->>(e.payload->>'covers'))::int)"
)
_STOPS_CHANGED: Final = (
    "SELECT r.id, CASE"
    " WHEN e.payload ? 'covers' AND r.covers <> (%(covers)s::jsonb->>(e.payload->>'covers'))::int"
    " THEN 'it covers other things than was said'"
    " WHEN r.scope = %(seller)s AND e.seller IS DISTINCT FROM r.owner THEN 'it binds another than its event'"
    " WHEN r.scope = %(account)s AND e.account IS DISTINCT FROM r.owner THEN 'it binds another than its event'"
    " WHEN e.payload ? 'until' AND r.until IS DISTINCT FROM (e.payload->>'until')::timestamptz"
    " THEN 'it ends at another moment than was said'"
    " WHEN NOT e.payload ?| ARRAY['until', 'import'] AND r.until IS NOT NULL THEN 'it ends, and that was not said'"
    " WHEN e.kind = %(opt_out)s AND NOT r.said THEN 'the person said it, and it counts as if a list did'"
    " WHEN r.at > CASE e.kind WHEN %(opt_out)s THEN e.happened_at ELSE e.learnt_at END"
    " THEN 'it counts from later than its event'"
    " END AS what FROM ledger_suppression r JOIN ledger_event e ON e.id = r.id"
)


def _check_stops(conn: Connection, report: Report) -> None:
    given = {
        "kinds": _values((Kind.OPT_OUT_SAID, Kind.SUPPRESSION_PLACED)),
        "covers": _words(OptOutScope),
        "seller": int(Scope.SELLER),
        "account": int(Scope.ACCOUNT),
        "opt_out": Kind.OPT_OUT_SAID.value,
    }
    for (identity,) in conn.execute(_STOPS_GONE, given):
        what = "its event is there, and no suppression carries it out"
        report.add(Wrong.NOT_CARRIED_OUT, "suppression", identity, what)
    for identity, what in conn.execute(f"SELECT * FROM ({_STOPS_CHANGED}) s WHERE what IS NOT NULL", given):  # noqa: S608 - constants
        report.add(Wrong.CHANGED, "suppression", identity, what)


# --- consents: withdrawn by an event of that moment; their terms are those of their event

_CONSENTS_CHANGED: Final = (
    "SELECT r.id, CASE"
    " WHEN e.account IS DISTINCT FROM r.account THEN 'it is another account''s than its event'"
    " WHEN e.payload ? 'level' AND r.level <> (%(levels)s::jsonb->>(e.payload->>'level'))::int"
    " THEN 'it is of another level than was recorded'"
    " WHEN jsonb_typeof(e.payload->'until_day') = 'number' AND r.until_day IS DISTINCT FROM"
    " (e.payload->>'until_day')::int THEN 'it ends on another day than was recorded'"
    " WHEN e.payload ? 'given_at' AND r.given_at IS DISTINCT FROM (e.payload->>'given_at')::timestamptz"
    " THEN 'it was given at another moment than was recorded'"
    " WHEN r.given_at > e.happened_at AND e.happened_at < e.learnt_at THEN 'it counts from later than its event'"
    " WHEN r.withdrawn_at NOT IN (SELECT w.learnt_at FROM ledger_event w WHERE w.kind = ANY(%(ends)s))"
    " THEN 'it was withdrawn by no event of that moment'"
    " WHEN r.withdrawn_at IS NULL AND EXISTS (SELECT FROM ledger_event w WHERE w.addr = r.addr"
    " AND w.kind = %(withdrawn)s AND w.payload->'ended' ? r.id::text) THEN 'it was withdrawn, and counts again'"
    " END AS what FROM ledger_consent r JOIN ledger_event e ON e.id = r.id"
)


def _check_consents(conn: Connection, report: Report) -> None:
    ends = (Kind.CONSENT_WITHDRAWN, Kind.OPT_OUT_SAID, Kind.PREFERENCES_SET, Kind.PERSONAL_ERASED, Kind.CONSENT_GIVEN)
    given = {"levels": _words(ConsentLevel), "ends": _values(ends), "withdrawn": Kind.CONSENT_WITHDRAWN.value}
    for identity, what in conn.execute(f"SELECT * FROM ({_CONSENTS_CHANGED}) s WHERE what IS NOT NULL", given):  # noqa: S608 - constants
        report.add(Wrong.CHANGED, "consent", identity, what)


def _words(kind: type[Word]) -> str:
    """The bits by word, as JSON."""
    return "{" + ", ".join(f'"{word.value}": {word.bit}' for word in kind) + "}"
