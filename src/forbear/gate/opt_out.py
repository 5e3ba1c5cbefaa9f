"""Somebody said stop. One transaction: the words kept as evidence, the suppression in force, its change numbered.

It takes the lock of the person's row, as whoever issues or redeems a permit does: once it is
acknowledged, no permit that it covers is issued or redeemed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.accounts.reads import account as account_of
from forbear.core import where
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, date_of, rfc3339
from forbear.core.keys import AddressKey, phone_of
from forbear.core.places import PlaceSet
from forbear.core.words import Binding, Channel, OptOutScope, Reaching, Way
from forbear.gate import joins
from forbear.gate.again import again_after_deadlock
from forbear.gate.claims import address_key, word_hash
from forbear.gate.consent import every_address_key
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.kernel.deadlines import Due, opt_out_due
from forbear.kernel.reach import Reach, opt_out_reach
from forbear.ledger import addresses, columns, reads, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope

_LONGEST = 20_000


class OptOut(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person said, and where. `at` is when, in microseconds UTC; absent: now."""

    address: str
    channel: Channel
    covers: OptOutScope | None = None  # absent: the rule for this way of saying it decides (`kernel.reach`)
    campaign: str | None = None  # with `campaign`
    list: str | None = None  # with `list`
    seller: str | None = None  # to whom it was said; absent: every seller of the account
    seller_id: UUID | None = None  # in place of its short name: also of one the account no longer serves
    binds: Binding = Binding.SELLER  # with `covers`: `account` is every seller of the account, those to come too
    at: int | None = None
    until: int | None = None  # a pause: the first moment it no longer binds; absent: no end
    way: Way | None = None  # how it was said; absent: not known
    text: str | None = None  # what the person wrote or the agent noted: evidence
    campaign_hash: int = 0  # in place of the word where only its hash is known: a link holds no words
    list_hash: int = 0


class Written(NamedTuple):
    """What `then` is handed, before the commit."""

    at: int
    change: UUID
    events: list[UUID]


class Recorded(msgspec.Struct, kw_only=True):
    """The receipt. `seq`: every reader who has caught up to it honours the opt-out."""

    events: list[UUID]  # one for each seller it binds, or one for the account
    at: int
    seq: int
    joined: int = 0  # addresses of the same people at which it was placed too
    honour_by: str | None = None  # the local day by which the law wants it carried out; it is carried out already
    honour_rule: str | None = None
    covers: list[OptOutScope] = []  # one for each opt-out
    reach_rules: list[str | None] = []  # the rules that say how far each reaches; None: whoever recorded it did


@again_after_deadlock
def opt_out(
    conn: Connection,
    account: UUID,
    said: Sequence[OptOut],
    *,
    key: UUID | None = None,
    known_by: KnownBy = KnownBy.ACCOUNT,
    keys: Sequence[AddressKey | None] = (),
    then: Callable[[Written], None] | None = None,
    gate: Gate | None = None,
) -> Recorded:
    """Records what was said, all or none. Raises `BadInput` (which one and why), `Refused`.

    `keys`: where only an address's key is known (a link holds no address), in place of `address`.
    `then` records what belongs to it (a confirmation, a review) in the same transaction, under the person's lock.
    """
    gate = gate or opened()
    known = account_of(conn, account)
    if known is None:
        raise Refused("unknown_account", "the account is not known")
    by_slug = {seller.slug: seller.id for seller in known.sellers}
    if keys and len(keys) != len(said):
        raise AssertionError("a key, or None, for each opt-out")
    wanted: list[tuple[OptOut, list[AddressKey], list[UUID]]] = []
    for place, one in enumerate(said):
        by_key = keys[place] if keys else None
        own = _probes(one, gate, place) if by_key is None else _newest(conn, account, by_key, gate)
        wanted.append((one, own, _sellers(one, by_slug, place)))
        if one.text is not None and len(one.text) > _LONGEST:
            raise BadInput(f"longer than {_LONGEST:,} characters", key=f"[{place}].text")
        if (one.covers is OptOutScope.CAMPAIGN) != (one.campaign is not None or one.campaign_hash != 0):
            raise BadInput("`campaign` goes with `covers: campaign`", key=f"[{place}].campaign")
        if (one.covers is OptOutScope.LIST) != (one.list is not None or one.list_hash != 0):
            raise BadInput("`list` goes with `covers: list`", key=f"[{place}].list")
    if not wanted:
        raise BadInput("no opt-out", key="opt_outs")
    with conn.transaction():
        if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")
        people = joins.lock(conn, account, [key for _, own, _ in wanted for key in own])
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        events: list[UUID] = []
        dues: list[Due] = []
        joined = 0
        reaches: list[Reach] = []
        for place, (one, own, sellers) in enumerate(wanted):
            address = own[0]
            at = now if one.at is None else one.at
            if at > now + DAY:
                raise BadInput("lies in the future", key=f"[{place}].at")
            if one.until is not None and one.until <= now:
                raise BadInput("lies in the past", key=f"[{place}].until", todo="say when the pause ends, or leave it")
            due = opt_out_due(gate.engine.rulebook, _places(address), one.channel, min(at, now))
            reach = _reach(one, gate, address, min(at, now))
            reaches.append(reach)
            statutory = {} if due is None else {"honour_by": str(date_of(due.day)), "honour_rule": due.rule}
            dues.extend([] if due is None else [due])
            for scope, owner, seller in _bound(reach, account, known.partner, sellers):
                event = writes.append_event(
                    *(conn, now, Kind.OPT_OUT_SAID, known_by),
                    account=account,
                    seller=seller,
                    address=address,
                    happened_at=min(at, now),
                    payload={
                        "channel": one.channel.value,
                        "covers": reach.covers.value,
                        **({"reach_rule": reach.rule, "reaches": reach.channels.value} if reach.rules else {}),
                        **({} if one.way is None else {"way": one.way.value}),
                        **({} if one.until is None else {"until": rfc3339(one.until)}),
                        **statutory,
                    },
                    personal={
                        "address": one.address.strip() or None,
                        "text": one.text,
                        "campaign": one.campaign,
                        "list": one.list,
                    },
                )
                stop = writes.Stop(
                    scope=scope,
                    owner=owner,
                    channels=reach.mask(one.channel),
                    covers=reach.covers.bit,
                    said=True,
                    reason="opt-out",
                    campaign=word_hash(one.campaign) if one.campaign else one.campaign_hash,
                    list=word_hash(one.list) if one.list else one.list_hash,
                    until=one.until,
                    way=one.way or "",
                )
                ids = columns.ids_of([event])
                writes.place_suppressions(conn, ids, addresses.of_keys([address]), stop, min(at, now), change)
                events.append(event)
                over = joins.spread(conn, account, event, own, people, stop, known_by, now, min(at, now), change)
            joined += over
        if then is not None:
            then(Written(now, change, events))
        seq = writes.number_change(conn, change)
    first = min(dues, key=lambda due: due.day, default=None)
    return Recorded(
        events=events,
        at=now,
        seq=seq,
        joined=joined,
        honour_by=None if first is None else str(date_of(first.day)),
        honour_rule=None if first is None else first.rule,
        covers=[reach.covers for reach in reaches],
        reach_rules=[reach.rule or None for reach in reaches],
    )


def _places(address: AddressKey) -> PlaceSet:
    """Where the person may be, by the address alone."""
    number = phone_of(address.column)
    return where.resolve(numbers=() if number is None else (number,))


def _reach(one: OptOut, gate: Gate, address: AddressKey, at: int) -> Reach:
    """As stated: on the channel it was said on, an objection to direct marketing on all. Else as the rules say."""
    if one.covers is None:
        return opt_out_reach(gate.engine.rulebook, _places(address), one.channel, one.way, at)
    objection = one.covers is OptOutScope.DIRECT_MARKETING_OBJECTION
    return Reach(one.covers, Reaching.ALL if objection else Reaching.SAID_ON, one.binds, ())


def _bound(
    reach: Reach, account: UUID, partner: UUID | None, sellers: list[UUID]
) -> list[tuple[Scope, UUID, UUID | None]]:
    """Whom it binds: scope, owner and the seller that the event names, one for each entry to place."""
    if reach.scope is Binding.INSTALLATION:
        return [(Scope.INSTALLATION, writes.NOBODY, None)]
    if reach.scope is Binding.PARTNER and partner is not None:
        return [(Scope.PARTNER, partner, None)]
    if reach.scope is not Binding.SELLER:
        return [(Scope.ACCOUNT, account, None)]
    return [(Scope.SELLER, seller, seller) for seller in sellers]


def _newest(conn: Connection, account: UUID, key: AddressKey, gate: Gate) -> list[AddressKey]:
    """A link may be older than the secret that now keys addresses: what is redeemed is looked for under the newest.

    Where no personal part has the address any more, the older key alone: decisions look for that too.
    """
    if not key.mac or key.secret_id == gate.secret.id:
        return [key]
    text = reads.known_address(conn, account, key.column, key.mac)
    return list(dict.fromkeys([*(every_address_key(text, gate) if text else ()), key]))


def _probes(one: OptOut, gate: Gate, place: int) -> list[AddressKey]:
    """The key that is written, then those it may have been joined under: older secrets, an erased number's."""
    text = one.address.strip()
    address = address_key(one.channel, text, gate.secret)
    if address is None:
        kind = "an e-mail address" if one.channel is Channel.EMAIL else "a number in full (+ and country code)"
        raise BadInput(f"not {kind}", key=f"[{place}].address")
    return [address, *(key for key in every_address_key(text, gate) if key != address)]


def _sellers(one: OptOut, by_slug: dict[str, UUID], place: int) -> list[UUID]:
    if one.seller_id is not None:
        return [one.seller_id]
    if one.seller is None:
        if not by_slug:
            raise BadInput("the account contacts people for nobody", key=f"[{place}].seller")
        return sorted(by_slug.values())
    if one.seller not in by_slug:
        raise BadInput("the account contacts people for no seller of this name", key=f"[{place}].seller")
    return [by_slug[one.seller]]
