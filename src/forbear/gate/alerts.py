"""Emergencies an operator says are declared: where, from when, until when, and on whose word.

They hold for the whole installation and no account can state one. Each declaration and each
end is an event; the table beside them is read with every decision, so whoever was told that
an alert is recorded finds it in force.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core import where
from forbear.core.errors import BadInput
from forbear.core.instants import moment_of, rfc3339
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy
from forbear.rulebook.model import Rulebook

_PLACE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Alert:
    """`state` at the moment of reading: coming, in force, over, ended."""

    id: UUID
    place: str  # `US-LA`, `US-NY:Erie`
    from_at: datetime
    until_at: datetime | None  # None: until somebody ends it
    source: str
    by: str
    ended_at: datetime | None
    state: str


def declare(
    conn: Connection,
    place: str,
    *,
    by: str,
    source: str,
    counties: Sequence[str] = (),
    from_at: int | None = None,
    until: int | None = None,
) -> list[UUID]:
    """Records one alert for the place, or one for each county. In force from `from_at` (now), before `until`.

    When this returns, every decision that begins sees it. Raises `BadInput`.
    """
    places = _places(place, counties)
    by, source = _said(by, "by", 200), _said(source, "source", _LONGEST)
    with conn.transaction():
        now = writes.now(conn)
        start = now if from_at is None else from_at
        if until is not None and until <= max(start, now):
            raise BadInput("is over before it is in force", key="until", todo="give a later end")
        made: list[UUID] = []
        for one in places:
            event = writes.append_event(
                *(conn, now, Kind.ALERT_DECLARED, KnownBy.OPERATOR),
                happened_at=min(start, now),
                payload={
                    "place": one,
                    "from": rfc3339(start),
                    "until": None if until is None else rfc3339(until),
                    "source": source,
                    "by": by,
                },
            )
            conn.execute(
                "INSERT INTO ledger_alert (id, place, from_at, until_at, source, declared_by)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [event, one, moment_of(start), None if until is None else moment_of(until), source, by],
            )
            made.append(event)
        writes.close_gate(conn)
    return made


def end(conn: Connection, which: str, *, by: str) -> int:
    """Ends an alert by its id, or all of a place, from now on. Returns how many. Raises `BadInput`."""
    by = _said(by, "by", 200)
    found: str
    value: UUID | str
    try:
        found, value = "id = %s", UUID(which)
    except ValueError:
        found, (value,) = "place = %s", _places(which, ())
    with conn.transaction():
        now = writes.now(conn)
        rows = conn.execute(
            "SELECT id, place FROM ledger_alert"  # noqa: S608 - one of two constants
            f" WHERE {found} AND ended_at IS NULL AND (until_at IS NULL OR until_at > %s) ORDER BY id FOR UPDATE",
            [value, moment_of(now)],
        ).fetchall()
        for alert, place in rows:
            event = writes.append_event(
                *(conn, now, Kind.ALERT_ENDED, KnownBy.OPERATOR),
                payload={"alert": str(alert), "place": place, "by": by},
            )
            conn.execute(
                "UPDATE ledger_alert SET ended_at = %s, ended_by = %s WHERE id = %s", [moment_of(now), event, alert]
            )
    return len(rows)


def listed(conn: Connection, *, every: bool = False) -> list[Alert]:
    """What is in force or coming, newest first; `every`: what is over too."""
    rows = conn.execute(
        "SELECT id, place, from_at, until_at, source, declared_by, ended_at,"
        " CASE WHEN ended_at <= now() THEN 'ended' WHEN until_at <= now() THEN 'over'"
        " WHEN from_at > now() THEN 'coming' ELSE 'in force' END AS state FROM ledger_alert ORDER BY id DESC"
    )
    return [one for one in (Alert(*row) for row in rows) if every or one.state in ("coming", "in force")]


def asked_about(rulebook: Rulebook, place: str) -> bool:
    """Whether a rule there asks for a declared emergency at all."""
    region = place.partition(":")[0]
    return any(
        rule.applies.alert and any(region in (one, one[:2]) for one in rule.applies.places) for rule in rulebook.rules
    )


def _places(place: str, counties: Sequence[str]) -> list[str]:
    region, colon, county = place.strip().partition(":")
    named = [*counties, *([county] if colon else [])]
    if not _PLACE.fullmatch(region) or not where.zones_of(region):
        todo = "write a country or a state: US-LA, or of one county US-NY:Erie"
        raise BadInput(f"`{place[:80]}` is no place we know", key="place", todo=todo)
    for one in named:
        if not one.strip() or len(one) > 80 or "\0" in one or ":" in one:
            raise BadInput(f"`{one[:80]}` is no county's name", key="county")
    return [f"{region}:{one.strip()}" for one in dict.fromkeys(named)] or [region]


def _said(text: str, key: str, most: int) -> str:
    text = text.strip()
    if not text or len(text) > most or "\0" in text:
        raise BadInput(f"not 1 to {most:,} characters", key=key, todo="say who declares it and where it is written")
    return text
