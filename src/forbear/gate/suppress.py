"""The suppression ledger: who may not be contacted, by whom, and for what; and who took an entry out, and why.

An entry binds one seller (its brand) wherever it sends from, one account, every account of a
partner, or the whole installation; on some channels or all; for marketing, for all but what the
person needs, for everything, or for one list or campaign. Entries only add up: whichever binds
a contact stops it. An account's own key places and lifts what is the account's; what a person
said is lifted by the person's fresh opt-in, or by a named operator with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.words import Channel, OptOutScope, Way, mask
from forbear.gate import provider_forms, stop_lists
from forbear.gate.claims import word_hash
from forbear.gate.consent import check_key, every_address_key
from forbear.gate.contact import Refused
from forbear.gate.imports import Tick
from forbear.gate.joins import named, said_why
from forbear.gate.opened import Gate, opened
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope


class Whose(NamedTuple):
    """Whom an entry binds, and which account it is told to (none: the operator's own)."""

    scope: Scope
    owner: UUID
    account: UUID | None
    name: str


def installation() -> Whose:
    """Everybody who sends from here."""
    return Whose(Scope.INSTALLATION, writes.NOBODY, None, "")


def of_partner(conn: Connection, slug: str) -> Whose:
    """Every account the partner brought. Raises `BadInput`."""
    found = account_reads.partner(conn, slug)
    if found is None:
        raise BadInput("no partner of this name", key="partner")
    return Whose(Scope.PARTNER, found.id, None, found.slug)


def of_account(conn: Connection, account: UUID, seller: str | None) -> Whose:
    """The account, or one seller it serves, wherever that sends from. Raises `BadInput`, `Refused`."""
    known = _known(conn, account)
    if seller is None:
        return Whose(Scope.ACCOUNT, account, account, known.slug)
    for one in known.sellers:
        if one.slug == seller:
            return Whose(Scope.SELLER, one.id, account, seller)
    serves = ", ".join(one.slug for one in known.sellers) or "nobody"
    what = "the account contacts people for no seller of this name"
    raise BadInput(what, key="seller", todo=f"it serves: {serves[:200]}")


class Placed(NamedTuple):
    event: UUID
    at: int
    seq: int


def place(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    seller: str | None = None,
    channels: Sequence[Channel] = (),
    covers: OptOutScope = OptOutScope.ALL,
    campaign: str | None = None,
    list: str | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    gate: Gate | None = None,
) -> Placed:
    """For the account, or for one seller wherever it sends from. Raises `BadInput`, `Refused`."""
    whose = of_account(conn, account, seller)
    return place_for(
        *(conn, whose, address, reason),
        by=by,
        channels=channels,
        covers=covers,
        campaign=campaign,
        list=list,
        key=key,
        known_by=known_by,
        gate=gate,
    )


def place_for(
    conn: Connection,
    whose: Whose,
    address: str,
    reason: str,
    *,
    by: str,
    channels: Sequence[Channel] = (),
    covers: OptOutScope = OptOutScope.ALL,
    campaign: str | None = None,
    list: str | None = None,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.OPERATOR,
    gate: Gate | None = None,
) -> Placed:
    """For whomever `whose` names; the wider scopes are the operator's to use. Raises `BadInput`, `Refused`."""
    gate = gate or opened()
    reason, by = said_why(reason), named(by)
    if (covers is OptOutScope.CAMPAIGN) != (campaign is not None):
        raise BadInput("`campaign` goes with `covers: campaign`", key="campaign")
    if (covers is OptOutScope.LIST) != (list is not None):
        raise BadInput("`list` goes with `covers: list`", key="list")
    found = every_address_key(address, gate)
    with conn.transaction():
        if whose.account is not None:
            check_key(conn, key, whose.account)
        writes.lock_people(conn, addresses.of_keys(found).addr)
        now = writes.now(conn)
        event = writes.append_event(
            *(conn, now, Kind.SUPPRESSION_PLACED, known_by),
            account=whose.account,
            seller=whose.owner if whose.scope is Scope.SELLER else None,
            address=found[0],
            payload={
                "reason": reason,
                "by": by,
                "scope": whose.scope.name.lower(),
                **({"partner": whose.name} if whose.scope is Scope.PARTNER else {}),
                "channels": [channel.value for channel in channels],
                "covers": covers.value,
            },
            personal={"address": address.strip(), "campaign": campaign, "list": list},
        )
        stop = writes.Stop(
            *(whose.scope, whose.owner, mask(channels), covers.bit, False, reason),
            campaign=word_hash(campaign) if campaign else 0,
            list=word_hash(list) if list else 0,
        )
        writes.place_suppressions(conn, columns.ids_of([event]), addresses.of_keys(found[:1]), stop, now, event)
        seq = writes.number_change(conn, event)
    return Placed(event, now, seq)


class Lifted(NamedTuple):
    """What a correction took out, and what of this scope it left standing."""

    entries: list[UUID]
    said: int  # left: the person said it
    others: int  # left: somebody else placed it
    event: UUID | None  # none where nothing was lifted
    at: int
    seq: int | None


def lift(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    seller: str | None = None,
    entry: UUID | None = None,
    said: bool = False,
    gate: Gate | None = None,
) -> Lifted:
    """An operator's named, reasoned correction of what stands in this scope. `said`: also what the person said."""
    whose = of_account(conn, account, seller)
    return lift_for(conn, whose, address, reason, by=by, entry=entry, said=said, gate=gate)


def lift_for(
    conn: Connection,
    whose: Whose,
    address: str,
    reason: str,
    *,
    by: str,
    entry: UUID | None = None,
    said: bool = False,
    gate: Gate | None = None,
) -> Lifted:
    """The same for any scope."""
    return _lift(conn, whose, address, reason, named(by), entry, said, None, KnownBy.OPERATOR, gate or opened())


def lift_own(
    conn: Connection,
    account: UUID,
    address: str,
    reason: str,
    *,
    by: str,
    seller: str | None = None,
    entry: UUID | None = None,
    key: UUID | None = None,
    gate: Gate | None = None,
) -> Lifted:
    """The account's own correction: only what the account itself placed, never what a person said."""
    whose = of_account(conn, account, seller)
    return _lift(conn, whose, address, reason, named(by), entry, False, key, KnownBy.ACCOUNT, gate or opened())


def _lift(
    conn: Connection,
    whose: Whose,
    address: str,
    reason: str,
    by: str,
    entry: UUID | None,
    said: bool,
    key: UUID | None,
    known_by: KnownBy,
    gate: Gate,
) -> Lifted:
    reason = said_why(reason)
    found = every_address_key(address, gate)
    with conn.transaction():
        if whose.account is not None:
            check_key(conn, key, whose.account)
        writes.lock_people(conn, addresses.of_keys(found).addr)
        now = writes.now(conn)
        standing = [
            row
            for one in found
            for row in reads.suppressions_of(conn, whose.scope, whose.owner, one)
            if entry is None or row.id == entry
        ]
        if entry is not None and not standing:
            raise BadInput("no such entry stands for this address here", key="entry")
        may = [row for row in standing if said or not row.said]
        if known_by is KnownBy.ACCOUNT:
            assert whose.account is not None, "an account's key speaks for its account"
            mine = reads.placed_by(conn, whose.account, may)
        else:
            mine = may
        left_said = len(standing) - len(may)
        if not mine:
            return Lifted([], left_said, len(may), None, now, None)
        event = writes.append_event(
            *(conn, now, Kind.SUPPRESSION_LIFTED, known_by),
            account=whose.account,
            seller=whose.owner if whose.scope is Scope.SELLER else None,
            address=found[0],
            payload={
                "reason": reason,
                "by": by,
                "scope": whose.scope.name.lower(),
                "entries": [str(row.id) for row in mine],
                "said": any(row.said for row in mine),
            },
            personal={"address": address.strip()},
        )
        writes.lift_suppressions(conn, event, now, [row.id for row in mine], event)
        seq = writes.number_change(conn, event)
    return Lifted([row.id for row in mine], left_said, len(may) - len(mine), event, now, seq)


def corrections(conn: Connection, account: UUID, decision: UUID) -> list[str]:
    """What had been lifted of the person by the time of a decision: when, by whom and why. Of the widest scopes too."""
    rows = conn.execute(
        "SELECT e.learnt_at, e.payload, e.account IS NULL OR e.account = d.account FROM ledger_decision d"
        " JOIN ledger_event e ON e.addr = d.addr"
        " AND e.mac IS NOT DISTINCT FROM d.mac AND e.kind = %s AND e.learnt_at <= d.at"
        " AND (e.account = d.account OR e.account IS NULL OR e.seller = d.seller)"
        " WHERE d.id = %s AND d.account = %s ORDER BY e.id",
        [Kind.SUPPRESSION_LIFTED.value, decision, account],
    )
    return [
        f"{payload['by'] if ours else 'another account of the seller'} lifted"
        f" {'what the person said' if payload.get('said') else 'an entry'} on {at:%Y-%m-%d}"
        + (f": {payload['reason']}" if ours else "")
        for at, payload, ours in rows
    ]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as people read it."""

    id: UUID
    whose: str  # `installation`, `partner`, `account`, `seller`
    name: str | None  # of the partner, account or seller; None: the installation, or a seller no longer served
    channels: list[Channel]  # empty: every channel
    covers: OptOutScope
    campaign: str | None  # None where there is none, and where the word was erased or is another account's
    list: str | None
    said: bool
    way: Way | None
    reason: str
    by: str | None
    known_by: KnownBy | None
    at: datetime
    last_at: datetime
    until: datetime | None
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    lifted_because: str | None = None


def listed(
    conn: Connection,
    account: UUID,
    *,
    address: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
    lifted: bool = False,
    gate: Gate | None = None,
) -> list[Entry]:
    """What binds the account: its own, its sellers', its partner's and the installation's; newest first.

    A page at a time (`after`); of one address, if given. `lifted`: those that were taken out too, and by whom.
    """
    known = _known(conn, account)
    sellers = [seller.id for seller in known.sellers]

    def read(addr: int | None = None, mac: bytes | None = None) -> list[reads.Suppression]:
        return reads.suppressions(
            *(conn, account, sellers),
            addr=addr,
            mac=mac,
            after=after,
            limit=limit,
            standing=not lifted,
            partner=known.partner,
        )

    if address is None:
        found = read()
    else:
        probes = every_address_key(address, gate or opened())
        found = [row for one in probes for row in read(one.column, one.mac or None)]
        found = sorted(found, key=lambda row: row.id, reverse=True)[:limit]
    return told(conn, account, found)


def told(conn: Connection, account: UUID | None, rows: Sequence[reads.Suppression]) -> list[Entry]:
    """Rows as entries: names for ids, words for hashes where this account's own personal part has them.

    No `account`: for the operator, who may read every account's words.
    """
    events = reads.events(conn, [row.id for row in rows] + [row.lifted_by for row in rows if row.lifted_by])
    names = account_reads.names(conn, [row.owner for row in rows])
    entries = []
    for row in rows:
        placed, lifting = events.get(row.id), events.get(row.lifted_by) if row.lifted_by else None
        ours = _ours(placed, account)
        words = placed.part if ours and placed is not None else {}
        entries.append(
            Entry(
                id=row.id,
                whose=Scope(row.scope).name.lower(),
                name=names.get(row.owner),
                channels=[word for word in Channel if row.channels & word.bit],
                covers=next(word for word in OptOutScope if word.bit == row.covers),
                campaign=words.get("campaign") if row.campaign else None,
                list=words.get("list") if row.list else None,
                said=row.said,
                way=Way(row.way) if row.way else None,
                reason=row.reason if ours or row.said else ELSEWHERE,
                by=placed.payload.get("by") if ours and placed is not None else None,
                known_by=None if placed is None else placed.known_by,
                at=row.at,
                last_at=row.last_at,
                until=row.until,
                lifted_at=row.lifted_at,
                **_lifting(lifting, account),
            )
        )
    return entries


ELSEWHERE: Final = "told to another account of this seller"


def _ours(event: reads.Told | None, account: UUID | None) -> bool:
    """Whether its words are this account's to read: its own, and the operator's."""
    return event is None or account is None or event.account in (None, account)


def _lifting(event: reads.Told | None, account: UUID | None) -> dict[str, str | None]:
    if event is None:
        return {"lifted_by": None, "lifted_because": None}
    if event.kind != Kind.SUPPRESSION_LIFTED:
        return {"lifted_by": "the person", "lifted_because": "a fresh opt-in"}
    if not _ours(event, account):
        return {"lifted_by": None, "lifted_because": ELSEWHERE}
    return {"lifted_by": event.payload.get("by"), "lifted_because": event.payload.get("reason")}


def import_csv(
    conn: Connection,
    account: UUID,
    path: Path,
    *,
    by: str,
    reason: str = "imported list",
    seller: str | None = None,
    said: bool = False,
    covers: OptOutScope = OptOutScope.ALL,
    columns_named: Mapping[str, str] | None = None,
    country: str | None = None,
    gate: Gate | None = None,
    tick: Tick | None = None,
) -> stop_lists.Taken:
    """A list of our own form (CSV, or JSON by line), all or nothing. Raises `BadInput`.

    `said`: opt-outs that persons gave, not a list of ours. Columns: `address`, and of `channels`, `at`, `covers`,
    `campaign`, `list`, `said`, `way`, `until` and `reason` those that are there; `columns_named` maps these names to
    the file's. `country` is that of numbers without `+`.
    """
    whose = of_account(conn, account, seller)
    form = provider_forms.plain(said, covers, said_why(reason))
    return stop_lists.take(
        *(conn, gate or opened(), account, stop_lists.Owner(whose.scope, whose.owner), form, path),
        by=named(by),
        senders={},
        named=columns_named,
        country=country,
        tick=tick,
    )


def import_from(
    conn: Connection,
    account: UUID,
    form: str,
    path: Path,
    *,
    by: str,
    seller: str | None = None,
    of_list: str | None = None,
    covers: OptOutScope | None = None,
    country: str | None = None,
    gate: Gate | None = None,
    tick: Tick | None = None,
) -> stop_lists.Taken:
    """A provider's list, all or nothing: what its rows say goes in with their scope. Raises `BadInput`, `Refused`.

    Rows that name a sender known to be one seller's bind that seller; the rest bind `seller`, or else the account.
    """
    whose = of_account(conn, account, seller)
    found = provider_forms.named(form)
    if found is None:
        forms = ", ".join(one.name for one in provider_forms.PROVIDERS)
        raise BadInput(f"no provider's form is called `{form[:80]}`", key="form", todo=f"one of csv, {forms}")
    return stop_lists.take(
        *(conn, gate or opened(), account, stop_lists.Owner(whose.scope, whose.owner), found, path),
        by=named(by),
        senders=stop_lists.senders_of(conn, _known(conn, account).sellers) if seller is None else {},
        of_list=of_list,
        covers=covers,
        country=country,
        tick=tick,
    )


def _known(conn: Connection, account: UUID) -> account_reads.Account:
    known = account_reads.account(conn, account)
    if known is None:
        raise Refused("unknown_account", "the account is not known")
    return known
