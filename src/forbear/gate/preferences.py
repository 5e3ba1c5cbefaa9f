"""What a person has chosen, brand by brand, as it is in force; and a new choice, saved whole or not at all.

A choice that is stricter is an opt-out, a withdrawal or a pause, and whoever holds the link may make it. One that is
looser is an opt-in: it wants a fresh link, the words that were shown are its evidence, and only what the person
themself once said is lifted, never what the sender or the installation keeps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MISSING, at_of, moment_of, rfc3339
from forbear.core.keys import AddressKind, kind_of
from forbear.core.words import NEEDED, Binding, Channel, ConsentLevel, OptOutScope, Purpose, Way, mask
from forbear.gate import joins, withdrawal
from forbear.gate.again import again_after_deadlock
from forbear.gate.claims import word_hash
from forbear.gate.consent import Method
from forbear.gate.links import Link
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, Written, opt_out
from forbear.ledger import addresses, columns, evidence, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.ledger.writes.consents import Promise

MONTH_DAYS: Final = 30
LONGEST_PAUSE: Final = 731 * DAY
OFTEN: Final = (1, 2, 4, 8)  # messages in 30 days that a person may choose as the most
_ADVERTISING: Final = (Purpose.MARKETING, Purpose.FUNDRAISING)


class Level(IntEnum):
    """How much a person lets through, from all that was agreed to nothing."""

    AGREED = 0
    NO_ADVERTISING = 1
    NEEDED = 2  # what the person themself needs: an order, a code, a warning
    NOTHING = 3


_COVERS: Final = {
    Level.NO_ADVERTISING: OptOutScope.MARKETING,
    Level.NEEDED: OptOutScope.ALL_BUT_NEEDED,
    Level.NOTHING: OptOutScope.ALL,
}
_LEVEL: Final = {
    OptOutScope.MARKETING.bit: Level.NO_ADVERTISING,
    OptOutScope.DIRECT_MARKETING_OBJECTION.bit: Level.NO_ADVERTISING,
    OptOutScope.ALL_BUT_NEEDED.bit: Level.NEEDED,
    OptOutScope.ALL.bit: Level.NOTHING,
}
_TAKEN_BACK: Final = {  # of a consent, by the level chosen
    Level.NO_ADVERTISING: mask(_ADVERTISING),
    Level.NEEDED: mask(purpose for purpose in Purpose if purpose not in NEEDED),
    Level.NOTHING: 0,  # every purpose
}


@dataclass(slots=True)
class Brand:
    """One seller, as it stands for one person."""

    seller: UUID
    name: str
    level: Level = Level.AGREED  # by what the person said to this brand
    floor: Level = Level.AGREED  # by what stands besides and cannot be chosen away here
    kept_by: str = ""  # whose the floor is: `sender`, or `wide` for what was said to more than this account
    paused_until: int | None = None
    narrow: int = 0  # lists and campaigns left
    said: list[UUID] = field(default_factory=list)  # what the person said and may take back
    to_all: list[UUID] = field(default_factory=list)  # of that, what was said to every brand of the account
    to_all_level: Level = Level.AGREED
    pauses: list[UUID] = field(default_factory=list)
    consents: list[UUID] = field(default_factory=list)  # that stand
    promised: Promise | None = None  # the tightest of them

    @property
    def in_force(self) -> Level:
        return max(self.level, self.floor)


class Wish(NamedTuple):
    """What a person wants of one brand. `often`: at most so many in 30 days; None: as promised."""

    level: Level
    often: int | None = None
    wording: str = ""  # what was shown beside the choice, where it is looser


@dataclass(frozen=True, slots=True)
class Saved:
    """The receipt. `event` is None where nothing changed. `waiting`: brands whose looser choice wants a fresh link."""

    event: UUID | None
    at: int
    waiting: tuple[UUID, ...] = ()


def reachable(link: Link) -> tuple[Channel, ...]:
    """The channels that reach the link's address: a call and a text reach the same number."""
    return (Channel.EMAIL,) if kind_of(link.address.column) is AddressKind.EMAIL else (Channel.SMS, Channel.VOICE)


def brands(conn: Connection, link: Link) -> list[Brand]:
    """The sellers of the link's account that have something to do with this person, the link's own first.

    Those alone: whom else the account works for is nobody's business.
    """
    mine = [link.address.column, link.address.mac or None]
    rows = conn.execute(
        "WITH served AS (SELECT seller_id AS seller FROM accounts_accountseller WHERE account_id = %(account)s),"
        " met AS (SELECT %(own)s::uuid AS seller"
        " UNION SELECT unnest(sellers) FROM ledger_consent WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
        "  AND account = %(account)s"
        " UNION SELECT owner FROM ledger_suppression WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
        "  AND scope = %(scope)s AND lifted_at IS NULL"
        " UNION SELECT seller FROM ledger_relationship WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
        "  AND account = %(account)s"
        " UNION SELECT seller FROM ledger_decision WHERE addr = %(addr)s AND mac IS NOT DISTINCT FROM %(mac)s"
        "  AND account = %(account)s AND verdict = 0)"
        " SELECT s.id, s.name FROM accounts_seller s WHERE s.id IN (SELECT seller FROM met)"
        " AND (s.id = %(own)s OR s.id IN (SELECT seller FROM served)) ORDER BY s.id <> %(own)s, lower(s.name), s.id",
        {
            "account": link.account,
            "own": link.seller,
            "addr": mine[0],
            "mac": mine[1],
            "scope": int(Scope.SELLER),
        },
    )
    found = {seller: Brand(seller, name) for seller, name in rows}
    _stops(conn, link, found)
    _consents(conn, link, found)
    return list(found.values())


def _stops(conn: Connection, link: Link, found: Mapping[UUID, Brand]) -> None:
    """What stands and is in force, laid on each brand it binds."""
    channels = mask(reachable(link))
    rows = conn.execute(
        "SELECT id, scope, owner, covers, said, until FROM ledger_suppression WHERE addr = %s"
        " AND mac IS NOT DISTINCT FROM %s AND lifted_at IS NULL AND (until IS NULL OR until > clock_timestamp())"
        " AND (channels = 0 OR channels & %s <> 0) AND (owner = ANY(%s) OR scope IN (%s, %s)) ORDER BY id",
        [
            *(link.address.column, link.address.mac or None, channels),
            *([*found, link.account], int(Scope.INSTALLATION), int(Scope.PARTNER)),
        ],
    )
    for event, scope, owner, covers, said, until in rows:
        for brand in [found[owner]] if scope == Scope.SELLER else found.values():
            level = _LEVEL.get(covers)
            if until is not None:
                brand.paused_until = max(brand.paused_until or 0, at_of(until))
                brand.pauses.append(event)
            elif level is None:
                brand.narrow += 1
            elif scope in (Scope.SELLER, Scope.ACCOUNT) and said:
                brand.level = max(brand.level, level)
                brand.said.append(event)
                if scope == Scope.ACCOUNT:
                    brand.to_all.append(event)
                    brand.to_all_level = max(brand.to_all_level, level)
            elif level > brand.floor:
                brand.floor, brand.kept_by = level, "wide" if said else "sender"


def _consents(conn: Connection, link: Link, found: Mapping[UUID, Brand]) -> None:
    rows = conn.execute(
        "SELECT id, sellers, promised_n, promised_days FROM ledger_consent WHERE addr = %s"
        " AND mac IS NOT DISTINCT FROM %s AND account = %s AND withdrawn_at IS NULL ORDER BY id",
        [link.address.column, link.address.mac or None, link.account],
    )
    for event, sellers, n, days in rows:
        for brand in [found[seller] for seller in sellers if seller in found]:
            brand.consents.append(event)
            if n is not None and (brand.promised is None or n * brand.promised.days < brand.promised.n * days):
                brand.promised = Promise(n, days)


def unsubscribe(
    conn: Connection, link: Link, way: Way, *, only_list: bool = False, gate: Gate | None = None
) -> tuple[UUID, int, OptOutScope]:
    """Stops the brand whose message the link was in, as far as the rule for this way says. (receipt, when, what).

    `only_list`: the list the link names and nothing more; the person chose so. Said again it is recorded again.
    """
    said = OptOut(
        address="",
        channel=link.channel,
        seller_id=link.seller,
        way=way,
        covers=OptOutScope.LIST if only_list else None,
        list_hash=link.list if only_list else 0,
    )
    done = opt_out(conn, link.account, [said], known_by=KnownBy.PERSON, keys=[link.address], gate=gate)
    return done.events[0], done.at, done.covers[0]


def list_name(conn: Connection, link: Link) -> str:
    """The list a link names, where a form of the account subscribes to it; empty: not known by name."""
    if not link.list:
        return ""
    rows = conn.execute("SELECT DISTINCT list FROM ledger_form WHERE account = %s", [link.account]).fetchall()
    return next((name for (name,) in rows if word_hash(name) == link.list), "")


def everything_off(conn: Connection, link: Link, gate: Gate | None = None) -> tuple[UUID, int]:
    """No brand of the account contacts this address any more: those to come neither, and each of those there are not
    from other accounts either. (Receipt, when).
    """
    whole = _stop(link, link.seller, OptOutScope.ALL, binds=Binding.ACCOUNT)
    those = [whole, *(_stop(link, seller, OptOutScope.ALL) for seller in _brands_there_are(conn, link))]
    done = opt_out(*(conn, link.account, those), known_by=KnownBy.PERSON, keys=[link.address] * len(those), gate=gate)
    return done.events[0], done.at


def _brands_there_are(conn: Connection, link: Link) -> list[UUID]:
    rows = conn.execute(
        "SELECT seller_id FROM accounts_accountseller WHERE account_id = %s AND (until IS NULL OR until > now())"
        " UNION SELECT %s::uuid ORDER BY 1",
        [link.account, link.seller],
    )
    return [row[0] for row in rows]


@again_after_deadlock
def save(
    conn: Connection,
    link: Link,
    wishes: Mapping[UUID, Wish],
    *,
    pause_until: int | None = None,
    resume: bool = False,
    language: str = "",
    page: str = "",
    gate: Gate | None = None,
) -> Saved:
    """One transaction of everything that changes. Raises `BadInput` for a brand that was not shown.

    `pause_until`: all brands shown pause until then, but for what the person needs (microseconds UTC);
    `resume`: pauses end now.
    """
    with conn.transaction():
        joins.lock(conn, link.account, [link.address])
        now = writes.now(conn)
        shown = {brand.seller: brand for brand in brands(conn, link)}
        unknown = set(wishes) - shown.keys()
        if unknown:
            raise BadInput("no such brand on this page", key="brand")
        if pause_until is not None and not now < pause_until <= now + LONGEST_PAUSE:
            raise BadInput("a pause ends within two years", key="pause")
        stricter, looser, often = _changes(shown, wishes, fresh=link.fresh)
        waiting = [seller for seller in wishes if wishes[seller].level < shown[seller].level and not link.fresh]
        resumed = [event for brand in shown.values() for event in brand.pauses] if resume and link.fresh else []
        if resume and not link.fresh and any(brand.pauses for brand in shown.values()):
            waiting.append(link.seller)
        paused = list(shown) if pause_until is not None else []
        if not (stricter or looser or often or resumed or paused):
            return Saved(None, now, tuple(dict.fromkeys(waiting)))
        receipt: list[UUID] = []

        def rest(done: Written) -> None:
            """What belongs to the choice besides opt-outs, under the same lock and number."""
            receipt.append(_chosen(conn, link, done, shown, wishes, stricter, looser, often, pause_until, language))
            _withdraw(conn, link, shown, wishes, stricter, done)
            _loosen(conn, link, shown, wishes, looser, resumed, done, language, page)
            _slow(conn, shown, wishes, often, done)

        said = [
            _stop(link, seller, _COVERS[wishes[seller].level]) for seller in [*stricter, *_narrowed(looser, wishes)]
        ]
        said += _still_out(conn, link, shown, looser, set(stricter))
        said += [_stop(link, seller, OptOutScope.ALL_BUT_NEEDED, pause_until) for seller in paused]
        if said:
            opt_out(
                *(conn, link.account, said),
                known_by=KnownBy.PERSON,
                keys=[link.address] * len(said),
                then=rest,
                gate=gate,
            )
        else:
            change = columns.uuid_at(columns.new_ids(now, 1), 0)
            rest(Written(now, change, []))
            writes.number_change(conn, change)
    return Saved(receipt[0], now, tuple(dict.fromkeys(waiting)))


def _changes(
    shown: Mapping[UUID, Brand], wishes: Mapping[UUID, Wish], *, fresh: bool
) -> tuple[list[UUID], list[UUID], list[UUID]]:
    """Sellers whose choice is stricter than what stands, looser (with a fresh link), and those slowed down."""
    stricter = [seller for seller, wish in wishes.items() if wish.level > shown[seller].level]
    looser = [seller for seller, wish in wishes.items() if wish.level < shown[seller].level and fresh]
    often = [
        seller
        for seller, wish in wishes.items()
        if wish.often is not None and wish.level is Level.AGREED and shown[seller].consents and seller not in looser
    ]
    return stricter, looser, [seller for seller in often if _tighter(wishes[seller].often, shown[seller].promised)]


def _tighter(often: int | None, promised: Promise | None) -> bool:
    if often is None:
        return False
    if often not in OFTEN:
        raise BadInput("not one of the choices", key="often")
    return promised is None or often * promised.days < promised.n * MONTH_DAYS


def _narrowed(looser: Sequence[UUID], wishes: Mapping[UUID, Wish]) -> list[UUID]:
    """Of those let in again, the ones of whom something stays out."""
    return [seller for seller in looser if wishes[seller].level is not Level.AGREED]


def _still_out(
    conn: Connection, link: Link, shown: Mapping[UUID, Brand], looser: Sequence[UUID], stricter: Collection[UUID]
) -> list[OptOut]:
    """Where one brand is let in again of those that were all told to stop, the others stay out, each for itself."""
    level = max((shown[seller].to_all_level for seller in looser), default=Level.AGREED)
    if level is Level.AGREED:
        return []
    others = [seller for seller in _brands_there_are(conn, link) if seller not in looser and seller not in stricter]
    return [_stop(link, seller, _COVERS[level]) for seller in others]


def _stop(
    link: Link, seller: UUID, covers: OptOutScope, until: int | None = None, binds: Binding = Binding.SELLER
) -> OptOut:
    return OptOut(
        address="",
        channel=link.channel,
        covers=covers,
        way=Way.PREFERENCES,
        seller_id=seller,
        until=until,
        binds=binds,
    )


def _chosen(
    conn: Connection,
    link: Link,
    done: Written,
    shown: Mapping[UUID, Brand],
    wishes: Mapping[UUID, Wish],
    stricter: Collection[UUID],
    looser: Collection[UUID],
    often: Collection[UUID],
    pause_until: int | None,
    language: str,
) -> UUID:
    """The event that holds the whole choice: what stood, what was wanted, and the words beside what is looser."""
    brands_said = [
        {
            "seller": str(seller),
            "was": shown[seller].level.name.lower(),
            "wanted": wishes[seller].level.name.lower(),
            **(
                {"often": [wishes[seller].often, MONTH_DAYS], "consents": [str(one) for one in shown[seller].consents]}
                if seller in often
                else {}
            ),
        }
        for seller in dict.fromkeys([*stricter, *looser, *often])
    ]
    payload: dict[str, object] = {"brands": brands_said, "fresh": link.fresh, "language": language}
    if pause_until is not None:
        payload["paused_until"] = rfc3339(pause_until)
    return writes.append_event(
        *(conn, done.at, Kind.PREFERENCES_SET, KnownBy.PERSON),
        account=link.account,
        seller=link.seller,
        address=link.address,
        payload=payload,
    )


def _withdraw(
    conn: Connection,
    link: Link,
    shown: Mapping[UUID, Brand],
    wishes: Mapping[UUID, Wish],
    stricter: Sequence[UUID],
    done: Written,
) -> None:
    """What is no longer wanted is no longer agreed to either: taking consent back is as easy as it was to give."""
    channels = mask(reachable(link))
    for seller in stricter:
        if shown[seller].consents:
            purposes = _TAKEN_BACK[wishes[seller].level]
            withdrawal.take_back(
                *(conn, link.account, link.address, [seller], channels, purposes, done.at, done.change),
                known_by=KnownBy.PERSON,
            )


def _loosen(
    conn: Connection,
    link: Link,
    shown: Mapping[UUID, Brand],
    wishes: Mapping[UUID, Wish],
    looser: Sequence[UUID],
    resumed: Sequence[UUID],
    done: Written,
    language: str,
    page: str,
) -> None:
    """The person lets a brand in again: what they had said is lifted, and advertising is agreed to anew."""
    for seller in looser:
        _lift(conn, link, seller, shown[seller].said, wishes[seller].wording, done)
        if wishes[seller].level is Level.AGREED:
            _opt_in(conn, link, seller, wishes[seller].wording, language, page, done)
    if resumed:
        _lift(conn, link, link.seller, resumed, "", done)


def _lift(conn: Connection, link: Link, seller: UUID, those: Sequence[UUID], wording: str, done: Written) -> None:
    event = writes.append_event(
        *(conn, done.at, Kind.SUPPRESSION_LIFTED, KnownBy.PERSON),
        account=link.account,
        seller=seller,
        address=link.address,
        payload={
            "reason": "chosen in the preference centre by a link sent to the address",
            "by": "the person",
            "scope": Scope.SELLER.name.lower(),
            "entries": [str(one) for one in those],
            "said": True,
        },
        personal={"wording": wording} if wording else None,
    )
    writes.lift_suppressions(conn, event, done.at, those, done.change)


def _opt_in(conn: Connection, link: Link, seller: UUID, wording: str, language: str, page: str, done: Written) -> None:
    """A consent of this moment, given at our own door under a link that went to the address: the words are kept."""
    digest = sha256(wording.encode()).digest()
    evidence.keep_wording(
        *(conn, link.account, done.at),
        evidence.Wording(digest, "preference-centre", digest.hex()[:12], language, wording, moment_of(done.at)),
    )
    channels = reachable(link)
    event = writes.append_event(
        *(conn, done.at, Kind.CONSENT_GIVEN, KnownBy.PERSON),
        account=link.account,
        address=link.address,
        payload={
            "level": ConsentLevel.EXPRESS.value,
            "seller_ids": [str(seller)],
            "given_at": rfc3339(done.at),
            "channels": [channel.value for channel in channels],
            "purposes": [Purpose.MARKETING.value],
            "names_seller": True,
            "given_by_person": True,
            "method": Method.WEB_FORM.value,
            "wording": f"sha256:{digest.hex()}",
            "language": language,
            "evidence": True,
        },
        personal={"evidence": "chosen in the preference centre by a link sent to the address", "page": page},
    )

    def one(value: int, kind: type[np.generic]) -> Any:
        return np.array([value], kind)

    writes.give_consents(
        *(conn, columns.ids_of([event]), addresses.of_keys([link.address])),
        writes.Consents(
            level=one(ConsentLevel.EXPRESS.bit, np.int16),
            given_at=one(done.at, np.int64),
            given_day=one(MISSING, np.int32),
            until_day=one(MISSING, np.int32),
            channels=one(mask(channels), np.int16),
            purposes=one(Purpose.MARKETING.bit, np.int16),
            covers=one(-1, np.int16),
            evidence=one(1, np.int8),
            names_seller=one(1, np.int8),
            given_by_person=one(1, np.int8),
        ),
        link.account,
        [seller],
        done.change,
        known_by=KnownBy.PERSON,
        wording=digest,
    )


def _slow(
    conn: Connection,
    shown: Mapping[UUID, Brand],
    wishes: Mapping[UUID, Wish],
    often: Sequence[UUID],
    done: Written,
) -> None:
    """Each consent that stands for the brand promises no more than the person now wants."""
    for seller in often:
        most = wishes[seller].often
        assert most is not None, "only those with a wish are slowed down"
        withdrawal.promise_less(conn, shown[seller].consents, Promise(most, MONTH_DAYS), done.change)
