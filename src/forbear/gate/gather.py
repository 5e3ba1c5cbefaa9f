"""The kernel's facts: what was claimed, under what the store knows. One query per source, read as columns.

Opt-outs, suppressions, consents, attempts, standing and sender facts come from the store;
registries from their mapped snapshots. Nothing a caller says can loosen any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from forbear.core import keys, where
from forbear.core.instants import MISSING
from forbear.core.keys import NO_KEY
from forbear.core.words import Channel, LineType, Mode, OptOutScope, Purpose, RecipientKind, SenderKind, stops
from forbear.gate.asking import Asking, Whom
from forbear.gate.claims import Claims, Evidence, is_erased_form
from forbear.gate.opened import Gate
from forbear.kernel.facts import (
    NO,
    NOT_KNOWN,
    YES,
    Attempts,
    Consents,
    Dialler,
    Facts,
    Flag,
    OptOuts,
    RegistryColumn,
    Relationships,
    Selector,
)
from forbear.ledger import attempts as packed
from forbear.ledger import columns
from forbear.ledger.kinds import Scope
from forbear.ledger.trip import Statement, jsonb, number, raw, text, truth, uuid_of, uuids

Policy = tuple[tuple[str, bool | str], ...]

ACCOUNTS: Final = (
    "SELECT a.id, a.status, a.policy, a.partner_id, s.id, s.number, s.slug, s.country, s.kind, s.ftc"
    " FROM accounts_account a"
    " LEFT JOIN accounts_accountseller l ON l.account_id = a.id AND (l.until IS NULL OR l.until > now())"
    " LEFT JOIN accounts_seller s ON s.id = l.seller_id WHERE a.id = ANY(%s) ORDER BY a.id, l.id"
)
HOLDS: Final = (
    "SELECT account_id, seller_id FROM accounts_hold WHERE lifted_at IS NULL"
    " AND (until IS NULL OR until > clock_timestamp())"
)
READ_ACCOUNTS: Final = Statement(
    "accounts",
    ACCOUNTS.replace("%s", "$1"),
    (columns.Uuid.array_oid,),
    (uuid_of, text, jsonb, uuid_of, uuid_of, number, text, text, text, truth),
)
READ_HOLDS: Final = Statement("holds", HOLDS, (), (uuid_of, uuid_of))
ALERTS: Final = (  # `least` passes over nulls: the earlier of the ends there are
    "SELECT place, (extract(epoch FROM from_at) * 1000000)::bigint,"
    " (extract(epoch FROM least(until_at, ended_at)) * 1000000)::bigint FROM ledger_alert"
)
READ_ALERTS: Final = Statement(
    "alerts",
    f"{ALERTS} WHERE coalesce(least(until_at, ended_at), 'infinity') > clock_timestamp() - interval '1 minute'",
    (),
    (text, number, number),
)
KEYS: Final = Statement(
    "keys",
    "SELECT id, account_id FROM accounts_apikey WHERE id = ANY($1) AND revoked_at IS NULL",
    (columns.Uuid.array_oid,),
    (uuid_of, uuid_of),
)
SENDER_IDS: Final = Statement(
    "sender_ids",
    "SELECT i.seller_id, lower(i.value), i.registered, i.registers FROM accounts_senderidentity i"
    " JOIN accounts_accountseller l ON l.seller_id = i.seller_id AND l.account_id = ANY($1)"
    " WHERE i.channel = 'sms' AND i.registered IS NOT NULL",
    (columns.Uuid.array_oid,),
    (uuid_of, text, truth, jsonb),
)
SUPPRESSIONS: Final = Statement(
    "suppressions",
    "SELECT addr, mac, scope, owner, channels, covers, campaign, said, (extract(epoch FROM at) * 1000000)::bigint,"
    " (extract(epoch FROM last_at) * 1000000)::bigint, list, (extract(epoch FROM until) * 1000000)::bigint"
    " FROM ledger_suppression WHERE addr = ANY($1) AND lifted_at IS NULL",
    (columns.Int8.array_oid,),
    (number, raw, number, uuid_of, number, number, number, truth, number, number, number, number),
)
CONSENTS: Final = Statement(
    "consents",
    "SELECT addr, mac, sellers, level, (extract(epoch FROM given_at) * 1000000)::bigint, given_day, until_day,"
    " channels, purposes, covers, evidence, names_seller, (extract(epoch FROM withdrawn_at) * 1000000)::bigint,"
    " given_by_person, known_by = 'import', promised_n, promised_days FROM ledger_consent WHERE addr = ANY($1)",
    (columns.Int8.array_oid,),
    (
        *(number, raw, uuids, number, number, number, number, number, number, number, truth, truth, number, truth),
        *(truth, number, number),
    ),
)
RELATIONSHIPS: Final = Statement(
    "relationships",
    "SELECT addr, mac, account, seller, kind, on_day, ongoing, subject, given_by_person FROM ledger_relationship"
    " WHERE addr = ANY($1) AND account = ANY($2) AND ended_at IS NULL",
    (columns.Int8.array_oid, columns.Uuid.array_oid),
    (number, raw, uuid_of, uuid_of, number, number, truth, number, truth),
)


@dataclass(frozen=True, slots=True, eq=False)
class SellerFacts:
    """What the store knows of whom a contact is for."""

    id: UUID
    number: int
    slug: str
    country: str | None
    kind: SenderKind | None
    ftc: bool | None


@dataclass(slots=True, eq=False)
class AccountFacts:
    id: UUID
    active: bool
    policy: Policy
    sellers: dict[str, SellerFacts] = field(default_factory=dict)  # by slug, in the order they were linked
    partner: UUID | None = None  # who brought it


def accounts_of(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, AccountFacts]:
    """The rows of `ACCOUNTS`."""
    found: dict[UUID, AccountFacts] = {}
    for account, status, policy, partner, seller, short, slug, country, kind, ftc in rows:
        known = found.get(account)
        if known is None:
            choices = tuple(sorted((str(name), value) for name, value in (policy or {}).items()))
            known = found[account] = AccountFacts(account, status == "active", choices, partner=partner)
        if seller is not None:
            known.sellers[slug] = SellerFacts(seller, short, slug, country, SenderKind(kind) if kind else None, ftc)
    return found


@dataclass(slots=True)
class Stored:
    """What the store answered about one batch, still as rows. Read under the people's locks."""

    holds: list[tuple[UUID | None, UUID | None]]
    sender_ids: list[tuple[UUID, str, bool, dict[str, str]]]  # registers by country
    suppressions: list[tuple[Any, ...]]
    consents: list[tuple[Any, ...]]
    attempts: dict[int, bytes]  # addr -> packed
    relationships: list[tuple[Any, ...]] = field(default_factory=list)
    alerts: frozenset[str] = frozenset()  # places of the emergencies in force


def in_force(rows: Iterable[tuple[str, int, int | None]], at: int) -> frozenset[str]:
    """The places of `ALERTS` whose emergency is in force at `at`: from its first moment, up to its end."""
    return frozenset(place for place, start, end in rows if start <= at and (end is None or at < end))


class Sender(NamedTuple):
    """Whose contact a row is."""

    account: AccountFacts
    seller: SellerFacts


def facts_of(gate: Gate, claims: Claims, senders: Sequence[Sender], stored: Stored, now: int) -> Facts:
    """The whole batch as the kernel judges it, at one moment."""
    n = len(claims.contacts)
    true, false = claims.true.copy(), claims.false.copy()
    distinct = list(dict.fromkeys(senders))
    place_of = {sender: place for place, sender in enumerate(distinct)}
    sender_row = np.zeros(n, np.int32) if len(distinct) == 1 else np.array([place_of[one] for one in senders], np.int32)
    sender_flags(distinct, stored.holds, sender_row, true, false)
    rows_of = _rows_by_address(claims)
    opt_outs = _suppressions(claims, senders, stored.suppressions, rows_of, now, true, false)
    known = np.uint64(1 << Flag.CONSENTS_KNOWN | 1 << Flag.OPT_OUTS_KNOWN | 1 << Flag.ATTEMPTS_KNOWN)
    true |= known
    selector, selectors = _selectors(claims, senders, stored.alerts)
    caller, callers = _callers(claims, senders, stored.sender_ids, selector, selectors, true, false)
    dialler = None if claims.dialler is None else Dialler(*claims.dialler)
    facts = Facts(
        n=n,
        now=np.array(now, np.int64),
        selector=selector,
        selectors=selectors,
        true=true,
        false=false,
        registries=_registries(gate, claims, distinct, sender_row, selector, selectors, now),
        caller=caller,
        callers=callers,
        consents=_consents(claims, senders, stored.consents, rows_of, true),
        relationships=_relationships(claims, senders, stored.relationships, rows_of, true),
        opt_outs=opt_outs,
        dialler=dialler,
    )
    return with_attempts(facts, claims, senders, stored.attempts)


def with_attempts(facts: Facts, claims: Claims, senders: Sequence[Sender], attempts: dict[int, bytes]) -> Facts:
    """The facts with each person's attempts for the seller as they stand; the rest unchanged."""
    n = facts.n
    confirmation = claims.purpose == Purpose.OPTOUT_CONFIRMATION.bit
    sent = np.zeros(n, np.int64) if confirmation.any() else None
    blobs = [attempts.get(addr, b"") for addr in claims.addresses.addr.tolist()]
    for column in claims.erased.tolist():  # what was tried before an erasure still counts
        blobs = [bytes(blob) + attempts.get(addr, b"") for blob, addr in zip(blobs, column, strict=True)]
    if not any(blobs):
        return replace(facts, attempts=None, confirmations_sent=sent)
    records, row = packed.unpack(blobs)
    numbers = np.array([sender.seller.number for sender in senders], np.int64)
    ours = records["seller"] == numbers[row]
    records, row = records[ours], row[ours]
    if sent is not None:
        _confirmations(facts, claims, records, row, sent)
    known, said = records["known"], records["said"]

    def event(bit: int) -> npt.NDArray[np.int8]:
        return np.where(known & bit, np.where(said & bit, YES, NO), NOT_KNOWN).astype(np.int8)

    def same(mine: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        of_row = mine[row]
        return np.where((of_row == 0) | (theirs == 0), NOT_KNOWN, np.where(of_row == theirs, YES, NO)).astype(np.int8)

    column = Attempts(
        row=row,
        at=records["at"].astype(np.int64),
        on_day=np.full(len(row), MISSING, np.int32),
        channel=records["channel"].astype(np.int16),
        purpose=records["purpose"].astype(np.int16),
        mode=records["mode"].astype(np.int16),
        same_subject=same(claims.subject, records["subject"]),
        same_debt=same(claims.debt, records["debt"]),
        answered=event(packed.ANSWERED),
        conversation=event(packed.CONVERSATION),
        abandoned=event(packed.ABANDONED),
        refused=event(packed.REFUSED),
        unreachable=event(packed.UNREACHABLE),
    )
    return replace(facts, attempts=column, confirmations_sent=sent)


def _confirmations(
    facts: Facts, claims: Claims, records: packed.Records, row: npt.NDArray[np.int32], sent: npt.NDArray[np.int64]
) -> None:
    """How many confirmations this person was sent since the last opt-out."""
    last = np.full(facts.n, MISSING, np.int64)
    if facts.opt_outs is not None:
        np.maximum.at(last, facts.opt_outs.row, facts.opt_outs.at)
    confirmed = (records["purpose"] & Purpose.OPTOUT_CONFIRMATION.bit) != 0
    since = confirmed & (records["at"] >= last[row])
    np.add.at(sent, row[since], 1)


def sender_flags(
    distinct: Sequence[Sender],
    holds: Sequence[tuple[UUID | None, UUID | None]],
    sender_row: npt.NDArray[np.int32],
    true: npt.NDArray[np.uint64],
    false: npt.NDArray[np.uint64],
) -> None:
    yes, no = np.empty(len(distinct), np.uint64), np.empty(len(distinct), np.uint64)
    for place, (account, seller) in enumerate(distinct):
        held = any(
            (by_account is None and by_seller is None) or by_account == account.id or by_seller == seller.id
            for by_account, by_seller in holds
        )
        stands = account.active and not held
        within_ftc = seller.ftc is not False  # not known: taken as yes, the stricter
        yes[place] = int(stands) << Flag.STANDING | int(within_ftc) << Flag.SENDER_FTC
        no[place] = int(not stands) << Flag.STANDING | int(not within_ftc) << Flag.SENDER_FTC | 1 << Flag.CARRIER_BLOCK
    true |= yes[sender_row]
    false |= no[sender_row]


def _rows_by_address(claims: Claims) -> dict[int, list[int]]:
    """Which rows each key of an address is of, old keys included."""
    found: dict[int, list[int]] = {}
    for row, addr in enumerate(claims.addresses.addr.tolist()):
        if addr != NO_KEY:
            found.setdefault(addr, []).append(row)
    for row, older in claims.older.items():
        for key in older:
            found.setdefault(key.column, []).append(row)
    for column in claims.erased.tolist():
        for row, addr in enumerate(column):
            if addr != NO_KEY:
                found.setdefault(addr, []).append(row)
    return found


def _confirmed(claims: Claims, row: int, addr: int, mac: bytes | None) -> bool:
    """A key of the hashed kinds is confirmed by its mac: 60 bits may collide, 188 do not."""
    if mac is None:
        return bool(claims.addresses.exact[row])
    if addr == int(claims.addresses.addr[row]):
        mine: bytes = claims.addresses.mac[row].tobytes()
        return mine == mac
    if keys.is_erased(addr):
        return is_erased_form(int(claims.numbers[row]), addr, mac, claims.secrets)
    return any(key.column == addr and key.mac == mac for key in claims.older.get(row, ()))


def _suppressions(
    claims: Claims,
    senders: Sequence[Sender],
    stored: Sequence[tuple[Any, ...]],
    rows_of: dict[int, list[int]],
    now: int,
    true: npt.NDArray[np.uint64],
    false: npt.NDArray[np.uint64],
) -> OptOuts | None:
    """What the person said becomes opt-outs, judged by their rules; what a list or an operator says, `SUPPRESSED`.

    A pause that has ended is nothing any more.
    """
    said: list[tuple[int, int, int, int, int, int]] = []
    suppressed: set[int] = set()
    for addr, mac, scope, owner, channels, covers, campaign, by_person, at, last_at, of_list, until in stored:
        if until is not None and until <= now:
            continue
        for row in rows_of.get(addr, ()):
            if not _confirmed(claims, row, addr, mac) or not binds(scope, owner, senders[row]):
                continue
            if not by_person:
                if covers_contact(channels, covers, campaign, of_list, reach_of(claims, row)):
                    suppressed.add(row)
                continue
            theirs, mine = (
                (campaign, int(claims.campaign[row])) if covers != _LIST else (of_list, int(claims.list[row]))
            )
            same = NOT_KNOWN if not theirs or not mine else YES if theirs == mine else NO
            for moment in {at, last_at}:
                for channel in [bit for bit in _CHANNELS if channels & bit] or [0]:
                    said.append((row, moment, covers, channel, same, MISSING if until is None else until))
    bit = np.uint64(1 << Flag.SUPPRESSED)
    hit = np.zeros(len(true), bool)
    hit[list(suppressed)] = True
    true[hit] |= bit
    false[~hit] |= bit
    if not said:
        return None
    parts = [np.array(column, np.int64) for column in zip(*sorted(said), strict=True)]
    types = (np.int32, np.int64, np.int16, np.int16, np.int8, np.int64)
    return OptOuts(*(column.astype(kind) for column, kind in zip(parts, types, strict=True)))


_CHANNELS: Final = tuple(channel.bit for channel in Channel)
_NUMBERED: Final = Channel.VOICE.bit | Channel.SMS.bit


def binds(scope: int, owner: UUID, sender: Sender) -> bool:
    """Whether a suppression of this scope is about this sender at all."""
    if scope == Scope.INSTALLATION:
        return True
    if scope == Scope.PARTNER:
        return owner == sender.account.partner
    return owner == (sender.account.id if scope == Scope.ACCOUNT else sender.seller.id)


class Reach(NamedTuple):
    """A contact as far as a suppression's reach goes."""

    channel: int  # bit
    purpose: int  # bit
    marketing: bool  # it is, or may be, marketing too
    campaign: int  # hash; 0 none
    list: int


def reach_of(claims: Claims, row: int) -> Reach:
    return Reach(
        int(claims.channel[row]),
        int(claims.purpose[row]),
        bool(claims.marketing[row]),
        int(claims.campaign[row]),
        int(claims.list[row]),
    )


def covers_contact(channels: int, covers: int, campaign: int, of_list: int, contact: Reach) -> bool:
    """Whether a suppression covers a contact. A call and a text reach the same number."""
    channel = contact.channel
    if channels and not channels & (_NUMBERED if channel & _NUMBERED else channel):
        return False
    theirs, mine = {_CAMPAIGN: (campaign, contact.campaign), _LIST: (of_list, contact.list)}.get(covers, (0, 0))
    if theirs and mine and theirs != mine:
        return False
    purposes = contact.purpose | (Purpose.MARKETING.bit if contact.marketing else 0)
    return stops(_SCOPE_OF[covers], purposes)


_CAMPAIGN: Final = OptOutScope.CAMPAIGN.bit
_LIST: Final = OptOutScope.LIST.bit
_SCOPE_OF: Final = {scope.bit: scope for scope in OptOutScope}


_GAVE_NUMBER: Final = np.uint64(1 << Flag.GAVE_NUMBER)


def _consents(
    claims: Claims,
    senders: Sequence[Sender],
    stored: Sequence[tuple[Any, ...]],
    rows_of: dict[int, list[int]],
    true: npt.NDArray[np.uint64],
) -> Consents | None:
    """The consents of each row. One that stands may say that the person gave the number: `true` gets it."""
    found: list[tuple[int, ...]] = []
    for addr, mac, sellers, *rest in stored:
        level, given_at, given_day, until_day, channels, purposes, covers, evidence, names_seller, withdrawn = rest[:10]
        gave, imported, promised_n, promised_days = rest[10:]
        for row in rows_of.get(addr, ()):
            if senders[row].seller.id in sellers and _confirmed(claims, row, addr, mac):
                if gave and withdrawn is None:
                    true[row] |= _GAVE_NUMBER
                found.append(
                    (
                        *(row, level, _or_missing(given_day), _or_missing(given_at), _or_missing(until_day)),
                        *(channels, purposes, covers, _three(evidence), _three(names_seller), _or_missing(withdrawn)),
                        *(int(imported), promised_n or 0, promised_days or 0),
                    )
                )
    if not found:
        return None
    parts = [np.array(column, np.int64) for column in zip(*sorted(found), strict=True)]
    types = (
        *(np.int32, np.int16, np.int32, np.int64, np.int32, np.int16, np.int16, np.int16, np.int8, np.int8, np.int64),
        *(np.int8, np.int16, np.int16),
    )
    return Consents(*(column.astype(kind) for column, kind in zip(parts, types, strict=True)))


def _relationships(
    claims: Claims,
    senders: Sequence[Sender],
    stored: Sequence[tuple[Any, ...]],
    rows_of: dict[int, list[int]],
    true: npt.NDArray[np.uint64],
) -> Relationships | None:
    """What the row's own account recorded for its seller. A dealing nobody recorded is not known, never "no"."""
    found: list[tuple[int, ...]] = []
    for addr, mac, account, seller, kind, on_day, ongoing, subject, gave in stored:
        for row in rows_of.get(addr, ()):
            sender = senders[row]
            if account == sender.account.id and seller == sender.seller.id and _confirmed(claims, row, addr, mac):
                mine = int(claims.subject[row])
                related = NOT_KNOWN if not mine or not subject else YES if mine == subject else NO
                found.append((row, kind, _or_missing(on_day), _three(ongoing), related))
                if gave:
                    true[row] |= _GAVE_NUMBER
    if not found:
        return None
    parts = [np.array(column, np.int64) for column in zip(*sorted(found), strict=True)]
    types = (np.int32, np.int16, np.int32, np.int8, np.int8)
    return Relationships(*(column.astype(kind) for column, kind in zip(parts, types, strict=True)))


def _or_missing(value: int | None) -> int:
    return MISSING if value is None else value


def _three(value: bool | None) -> int:
    return NOT_KNOWN if value is None else int(value)


def _selectors(
    claims: Claims, senders: Sequence[Sender], alerts: frozenset[str]
) -> tuple[npt.NDArray[np.int32], list[Selector]]:
    index: dict[tuple[object, ...], int] = {}
    selectors: list[Selector] = []
    rows: list[int] = []
    for contact, evidence, sender in zip(claims.contacts, claims.places, senders, strict=True):
        hints = contact.recipient
        kind = line_type = county = None
        if hints is not None:
            kind, line_type, county = hints.kind, hints.line_type, hints.county
        account, seller = sender
        key = (
            *(evidence, contact.channel, contact.purpose, contact.mode, kind, seller.kind, seller.country),
            *(contact.sector, line_type, county, account.policy, alerts),
        )
        place = index.get(key)
        if place is None:
            place = index[key] = len(selectors)
            selectors.append(selector_of(*key))
        rows.append(place)
    return np.array(rows, np.int32), selectors


@lru_cache(maxsize=1 << 16)
def selector_of(
    evidence: Evidence,
    channel: Channel,
    purpose: Purpose,
    mode: Mode | None,
    recipient_kind: RecipientKind | None,
    sender_kind: SenderKind | None,
    sender_country: str | None,
    sector: str | None,
    line_type: LineType | None,
    county: str | None,
    policy: Policy,
    alerts: frozenset[str] = frozenset(),
) -> Selector:
    """Of the emergencies in force, those that may be the person's: others would only make selectors many."""
    country, region, postcode, timezone, classes = evidence
    unknown_location = str(dict(policy).get("unknown_location", "all"))
    places = where.resolve_class(country, region, postcode, timezone, classes, unknown_location)
    if alerts:
        candidates = {place.region for place in places} | {place.country for place in places}
        alerts = frozenset(alert for alert in alerts if alert.partition(":")[0] in candidates)
    return Selector(
        places=places,
        channel=channel,
        purpose=purpose,
        mode=mode if channel is Channel.VOICE else None,
        recipient_kind=recipient_kind,
        sender_kind=sender_kind,
        sender_country=sender_country,
        sector=sector,
        line_type=line_type,
        county=county,
        alerts=alerts,
        policy=policy,
    )


def _callers(
    claims: Claims,
    senders: Sequence[Sender],
    sender_ids: Sequence[tuple[UUID, str, bool, dict[str, str]]],
    selector: npt.NDArray[np.int32],
    selectors: Sequence[Selector],
    true: npt.NDArray[np.uint64],
    false: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int32] | None, list[str | None]]:
    """What the person will see as sender, and whether that stands on the register of wherever they may be."""
    callers: list[str | None] = [None]
    if all(contact.from_ is None for contact in claims.contacts):
        return None, callers
    index: dict[str | None, int] = {None: 0}
    rows = np.zeros(len(claims.contacts), np.int32)
    registered = {(seller, value): (known, set(registers)) for seller, value, known, registers in sender_ids}
    bit = np.uint64(1 << Flag.SENDER_ID_REGISTERED)
    for row, contact in enumerate(claims.contacts):
        caller = contact.from_.strip() if contact.from_ is not None else None
        rows[row] = index.setdefault(caller, len(index))
        if rows[row] == len(callers):
            callers.append(caller)
        if caller is not None and registered:
            known, there = registered.get((senders[row].seller.id, caller.lower()), (None, set()))
            if known is False:
                false[row] |= bit
            elif known and stands_on(there, selectors[selector[row]]):
                true[row] |= bit
    return rows, callers


def stands_on(countries: Collection[str], selector: Selector) -> bool:
    """Whether a name on these countries' registers is on that of every place the person may be in."""
    return all(place.country in countries for place in selector.places)


def _registries(
    gate: Gate,
    claims: Claims,
    distinct: Sequence[Sender],
    sender_row: npt.NDArray[np.int32],
    selector: npt.NDArray[np.int32],
    selectors: Sequence[Selector],
    now: int,
) -> dict[str, RegistryColumn]:
    """The mapped snapshots' answers. A registry that is not here, or does not cover a number, is not known."""
    mapped = gate.registries.pinned()
    here = {*mapped.names(), *mapped.in_parts}
    names = [name for name in gate.asked if name in here]
    if not names:
        return {}
    n = len(claims.contacts)
    senders = [Asking(mapped, gate.demands, str(account.id), str(seller.id), now) for account, seller in distinct]
    by_number = claims.addresses.exact
    if len(senders) == 1 and by_number.all():
        whom = Whom(claims.numbers)
        return {name: registry_column(*senders[0].ask(name, whom, selector, selectors).answer) for name in names}
    groups: list[tuple[npt.NDArray[np.int64], Asking, Whom]] = []
    for place, asking in enumerate(senders):
        for numbers in (True, False):
            rows = np.flatnonzero((sender_row == place) & (by_number == numbers))
            if len(rows) and numbers:
                groups.append((rows, asking, Whom(claims.numbers[rows])))
            elif len(rows):
                keyed = claims.addresses.addr[rows].astype(np.uint64)
                texts = [claims.contacts[row].to for row in rows.tolist()]
                groups.append((rows, asking, Whom(keyed, int(claims.addresses.key_id[rows[0]]), texts)))
    found: dict[str, RegistryColumn] = {}
    for name in names:
        listed = np.full(n, NOT_KNOWN, np.int8)
        obtained, edition = np.full(n, MISSING, np.int64), np.full(n, MISSING, np.int32)
        for rows, asking, whom in groups:
            said = asking.ask(name, whom, selector[rows], selectors).answer
            listed[rows], obtained[rows], edition[rows] = said
        found[name] = registry_column(listed, obtained, edition)
    return found


_NO_DAY: Final = np.array(MISSING, np.int32)


def registry_column(
    listed: npt.NDArray[np.int8], obtained: npt.NDArray[np.int64], edition: npt.NDArray[np.int32]
) -> RegistryColumn:
    return RegistryColumn(
        listed=listed.astype(np.int8, copy=False),
        since_day=_NO_DAY,
        checked_day=_NO_DAY,
        checked_at=obtained,
        edition_day=edition,
    )
