"""What in an account's suppressions wants looking at: stale, duplicate and contradictory entries, and why.

A report changes nothing and nothing in it loosens anything: an entry that another covers still
stands. Each finding counts what there is, shows some, and says what can be done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import DAY
from forbear.core.words import OptOutScope, Purpose
from forbear.gate import provider_forms, stop_lists
from forbear.gate.opened import Gate, opened
from forbear.gate.suppress import of_account, told
from forbear.kernel.reach import WIDTH
from forbear.ledger import columns, reads, writes

RECENT_DAYS: Final = 30


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a finding, or one line of a provider's list."""

    entry: UUID | None
    other: UUID | None = None  # the entry, consent or decision that it meets
    address: str | None = None  # None: no personal part of this account has it (any more)
    whose: str = ""
    covers: OptOutScope | None = None
    at: datetime | None = None
    line: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    group: str  # `stale`, `duplicate`, `contradictory`
    what: str
    todo: str
    count: int
    items: list[Item]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    standing: int  # entries of the account and its sellers that were looked at
    findings: list[Finding]  # only those that found something


class _Look(NamedTuple):
    kind: str
    group: str
    what: str
    todo: str
    sql: str  # rows of (entry, what it meets)


_MINE: Final = (
    "WITH mine AS MATERIALIZED (SELECT * FROM ledger_suppression WHERE owner = ANY(%(owners)s) AND lifted_at IS NULL),"
    " heard AS (SELECT * FROM mine WHERE until IS NULL OR until > clock_timestamp())"
)


def _width(alias: str) -> str:
    cases = " ".join(f"WHEN {word.bit} THEN {width}" for word, width in WIDTH.items())
    return f"CASE {alias}.covers {cases} END"


_LOOKS: Final = (
    _Look(
        "pause_over",
        "stale",
        "a pause that is over and binds nobody any more",
        "nothing: it is kept as a record of what the person said",
        "SELECT id, NULL::uuid FROM mine WHERE until <= clock_timestamp()",
    ),
    _Look(
        "seller_left",
        "stale",
        "of a seller this account no longer serves",
        "nothing: it binds whoever sends for that seller",
        "SELECT id, NULL::uuid FROM heard WHERE owner = ANY(%(left)s)",
    ),
    _Look(
        "key_lost",
        "stale",
        "keyed by a secret that is not here: no decision can find it",
        "put the secret back into FORBEAR_ADDRESS_KEYS or secrets.json; old ones only probe",
        "SELECT id, NULL::uuid FROM heard WHERE mac IS NOT NULL AND key_id <> ALL(%(keys)s)",
    ),
    _Look(
        "covered",
        "duplicate",
        "another entry for the same address reaches as far or further",
        "nothing: doubles are harmless; an account may lift those that it placed itself",
        "SELECT a.id, min(b.id::text)::uuid FROM heard a JOIN heard b ON b.addr = a.addr"  # noqa: S608 - constants
        " AND b.mac IS NOT DISTINCT FROM a.mac AND b.id <> a.id AND b.scope = a.scope AND b.owner = a.owner"
        " AND (b.said OR NOT a.said) AND (b.channels = 0 OR (a.channels <> 0 AND a.channels & ~b.channels = 0))"
        " AND (b.until IS NULL OR b.until >= a.until)"
        f" AND CASE WHEN b.covers = a.covers THEN b.campaign = a.campaign AND b.list = a.list"
        f" ELSE {_width('b')} > {_width('a')} AND a.covers <> {OptOutScope.DIRECT_MARKETING_OBJECTION.bit} END"
        " AND (b.id < a.id OR b.covers <> a.covers OR b.channels <> a.channels OR b.said <> a.said"
        "  OR b.until IS DISTINCT FROM a.until)"
        " GROUP BY a.id",
    ),
    _Look(
        "two_keys",
        "duplicate",
        "stands under an older key of an address that stands under the newest too",
        "nothing: both are found as long as the older secret is kept",
        "SELECT o.id, min(n.id::text)::uuid FROM unnest(%(old_ids)s, %(new_addrs)s, %(new_macs)s) AS o (id, addr, mac)"
        " JOIN heard n ON n.addr = o.addr AND n.mac IS NOT DISTINCT FROM o.mac GROUP BY o.id",
    ),
    _Look(
        "written_differently",
        "duplicate",
        "one person's address, written in several ways (case, domain)",
        "nothing: they are one address here; write them alike in your own records",
        "SELECT min(s.id::text)::uuid, max(s.id::text)::uuid FROM heard s JOIN ledger_event e ON e.id = s.id"
        " AND e.account = %(account)s JOIN ledger_personal p ON p.event = s.id WHERE s.mac IS NOT NULL"
        " GROUP BY s.addr, s.mac HAVING count(DISTINCT convert_from(p.part, 'UTF8')::jsonb ->> 'address') > 1",
    ),
    _Look(
        "consent_after",
        "contradictory",
        "a list, or a record without proof, says that the person agreed later",
        "nothing: it lifts nothing. Only the person's own, proven opt-in does",
        "SELECT s.id, min(c.id::text)::uuid FROM heard s JOIN ledger_consent c ON c.addr = s.addr"
        " AND c.mac IS NOT DISTINCT FROM s.mac AND c.account = %(account)s AND c.withdrawn_at IS NULL"
        " AND coalesce(c.given_at, 'epoch'::timestamptz + c.given_day * interval '1 day')"
        " >= s.last_at - interval '1 day'"
        " AND (c.known_by = 'import' OR c.evidence IS NOT TRUE)"
        " WHERE s.said AND (s.owner = %(account)s OR s.owner = ANY(c.sellers)) GROUP BY s.id",
    ),
    _Look(
        "placed_again",
        "contradictory",
        "was lifted, and placed again since",
        "look at who lifted it and why: `forbear suppress list --lifted`",
        "SELECT s.id, max(o.id::text)::uuid FROM heard s JOIN ledger_suppression o ON o.addr = s.addr"
        " AND o.mac IS NOT DISTINCT FROM s.mac AND o.scope = s.scope AND o.owner = s.owner AND o.covers = s.covers"
        " AND o.lifted_at <= s.last_at WHERE o.lifted_at IS NOT NULL GROUP BY s.id",
    ),
    _Look(
        "contacted",
        "contradictory",
        f"the person said stop, and was contacted in the last {RECENT_DAYS} days after it",
        "look at what was sent: it was allowed because the stop reaches less far",
        "SELECT s.id, max(d.id::text)::uuid FROM heard s JOIN ledger_decision d ON d.addr = s.addr"  # noqa: S608 - constants
        " AND d.mac IS NOT DISTINCT FROM s.mac AND d.account = %(account)s AND d.permit IS NOT NULL"
        f" AND d.purpose <> {Purpose.OPTOUT_CONFIRMATION.bit}"  # the one answer that a stop gets
        " AND d.id >= %(recent)s AND d.at > s.last_at"
        " WHERE s.said AND (s.owner = %(account)s OR s.owner = d.seller) GROUP BY s.id",
    ),
    _Look(
        "pause_and_stop",
        "contradictory",
        "a pause with an end, and a stop of everything without one",
        "nothing: the stop holds after the pause; ask the person, if you must know which is meant",
        f"SELECT p.id, min(s.id::text)::uuid FROM heard p JOIN heard s ON s.addr = p.addr"  # noqa: S608 - constants
        f" AND s.mac IS NOT DISTINCT FROM p.mac AND s.owner = p.owner AND s.until IS NULL"
        f" AND s.covers = {OptOutScope.ALL.bit} WHERE p.until IS NOT NULL GROUP BY p.id",
    ),
)


def report(
    conn: Connection,
    account: UUID,
    *,
    seller: str | None = None,
    most: int = 10,
    against: tuple[str, Path] | None = None,
    country: str | None = None,
    gate: Gate | None = None,
) -> Report:
    """Everything found, with up to `most` entries of each kind; of one seller alone, if given.

    `against`: a provider's form and file; who said stop there and does not stand here is a finding.
    Raises `BadInput`, `Refused`.
    """
    gate = gate or opened()
    whole = of_account(conn, account, seller)
    served = conn.execute(
        "SELECT seller_id, until <= now() FROM accounts_accountseller WHERE account_id = %s", [account]
    ).fetchall()
    owners = [whole.owner] if seller is not None else [account, *(row[0] for row in served)]
    with conn.transaction():
        conn.execute("SET LOCAL statement_timeout = 0")
        now = writes.now(conn)
        values = {
            "owners": owners,
            "left": [row[0] for row in served if row[1]],
            "account": account,
            "keys": [secret.id for secret in gate.secrets],
            "recent": columns.uuid_at(columns.new_ids(now - RECENT_DAYS * DAY, 1), 0),
            **_older(conn, gate, account, owners),
        }
        row = conn.execute(f"{_MINE} SELECT count(*) FROM mine", values).fetchone()  # noqa: S608 - a constant
        assert row is not None
        found = [_looked(conn, account, look, values, most) for look in _LOOKS]
        if against is not None:
            found.append(_missing(conn, gate, account, against, country, most, now))
    return Report(at=now, standing=row[0], findings=[one for one in found if one.count])


def _looked(conn: Connection, account: UUID, look: _Look, values: Mapping[str, Any], most: int) -> Finding:
    rows = conn.execute(
        f"{_MINE} SELECT *, count(*) OVER () FROM ({look.sql}) AS found (entry, other)"  # noqa: S608 - constants
        " ORDER BY entry DESC LIMIT %(most)s",
        {**values, "most": max(most, 1)},  # the count stands in the rows
    ).fetchall()
    count, rows = rows[0][2] if rows else 0, rows[:most]
    entries = reads.suppressions_by_id(conn, [row[0] for row in rows])
    known = {one.id: one for one in told(conn, account, list(entries.values()))}
    placed = reads.events(conn, list(entries))
    items = []
    for entry, other, _ in rows:
        one, event, row = known[entry], placed.get(entry), entries[entry]
        mine = event is not None and event.account == account  # another account of the seller may have placed it
        text = reads.known_address(conn, account, row.addr, row.mac) if mine else None
        items.append(
            Item(
                entry=entry,
                other=other,
                address=text,
                whose=one.whose if one.name is None else f"{one.whose} {one.name}",
                covers=one.covers,
                at=one.last_at,
            )
        )
    return Finding(kind=look.kind, group=look.group, what=look.what, todo=look.todo, count=count, items=items)


def _older(conn: Connection, gate: Gate, account: UUID, owners: Sequence[UUID]) -> dict[str, object]:
    """Entries under an older key whose address this account still has, as the newest secret keys it."""
    found, ids = stop_lists.rekeyed(
        conn,
        gate,
        "SELECT s.id, p.part, s.addr FROM ledger_suppression s JOIN ledger_event e ON e.id = s.id AND e.account = %s"
        " JOIN ledger_personal p ON p.event = s.id"
        " WHERE s.owner = ANY(%s) AND s.lifted_at IS NULL AND s.mac IS NOT NULL AND s.key_id <> %s",
        [account, list(owners), gate.secret.id],
    )
    return {"old_ids": columns.uuids(ids), "new_addrs": columns.int8s(found.addr), "new_macs": found.mac_column}


def _missing(
    conn: Connection,
    gate: Gate,
    account: UUID,
    against: tuple[str, Path],
    country: str | None,
    most: int,
    now: int,
) -> Finding:
    """Who said stop to a provider, by its own list, and does not stand here for this account or a seller of it."""
    name, path = against
    form = provider_forms.named(name)
    if form is None:
        raise BadInput(f"no provider's form is called `{name[:80]}`", key="form")
    owners = [writes.NOBODY, account]
    rows = conn.execute("SELECT seller_id FROM accounts_accountseller WHERE account_id = %s", [account])
    owners += [row[0] for row in rows]
    count, items = 0, list[Item]()
    for part, lines, known in stop_lists.who_said(gate, form, path, country):
        missing = conn.execute(
            "SELECT u.place FROM unnest(%s, %s) WITH ORDINALITY AS u (addr, mac, place) WHERE NOT EXISTS ("
            " SELECT FROM ledger_suppression s WHERE s.addr = u.addr AND s.mac IS NOT DISTINCT FROM u.mac"
            " AND s.owner = ANY(%s) AND s.lifted_at IS NULL AND (s.until IS NULL OR s.until > clock_timestamp()))"
            " ORDER BY place",
            [columns.int8s(known.addr), known.mac_column, owners],
        ).fetchall()
        count += len(missing)
        for (place,) in missing[: max(0, most - len(items))]:
            items.append(Item(entry=None, address=part[place - 1], line=lines[place - 1]))
    return Finding(
        kind="provider_only",
        group="contradictory",
        what=f"said stop at the provider ({name}), and does not stand here",
        todo=f"take the list in: forbear suppress import FILE --from {name}",
        count=count,
        items=items,
    )
