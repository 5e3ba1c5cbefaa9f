"""Somebody said stop. One transaction: the words kept as evidence, the suppression in force, its change numbered.

It takes the lock of the person's row, as whoever issues or redeems a permit does: once it is
acknowledged, no permit that it covers is issued or redeemed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from forbear.accounts.connect import Connection
from forbear.accounts.reads import account as account_of
from forbear.core import where
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, date_of, rfc3339
from forbear.core.keys import KIND_SHIFT, AddressKey
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate.claims import address_key, word_hash
from forbear.gate.contact import Refused
from forbear.gate.decide import KEY_STANDS
from forbear.gate.opened import Gate, opened
from forbear.kernel.deadlines import Due, opt_out_due
from forbear.ledger import addresses, columns, writes
from forbear.ledger.kinds import Kind, KnownBy, Scope

_LONGEST = 20_000


class OptOut(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person said, and where. `at` is when, in microseconds UTC; absent: now."""

    address: str
    channel: Channel
    covers: OptOutScope = OptOutScope.ALL
    campaign: str | None = None  # with `campaign`
    list: str | None = None  # with `list`
    seller: str | None = None  # to whom it was said; absent: every seller of the account
    at: int | None = None
    until: int | None = None  # a pause: the first moment it no longer binds; absent: no end
    way: Way | None = None  # how it was said; absent: not known
    text: str | None = None  # what the person wrote or the agent noted: evidence


class Written(NamedTuple):
    """What `then` is handed, before the commit."""

    at: int
    change: UUID
    events: list[UUID]


class Recorded(msgspec.Struct, kw_only=True):
    """The receipt. `seq`: every reader who has caught up to it honours the opt-out."""

    events: list[UUID]  # one for each seller it binds
    at: int
    seq: int
    honour_by: str | None = None  # the local day by which the law wants it carried out; it is carried out already
    honour_rule: str | None = None


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
    wanted: list[tuple[OptOut, AddressKey, list[UUID]]] = []
    for place, one in enumerate(said):
        by_key = keys[place] if keys else None
        wanted.append((one, by_key or _address(one, gate, place), _sellers(one, by_slug, place)))
        if one.text is not None and len(one.text) > _LONGEST:
            raise BadInput(f"longer than {_LONGEST:,} characters", key=f"[{place}].text")
        if (one.covers is OptOutScope.CAMPAIGN) != (one.campaign is not None):
            raise BadInput("`campaign` goes with `covers: campaign`", key=f"[{place}].campaign")
        if (one.covers is OptOutScope.LIST) != (one.list is not None):
            raise BadInput("`list` goes with `covers: list`", key=f"[{place}].list")
    if not wanted:
        raise BadInput("no opt-out", key="opt_outs")
    with conn.transaction():
        if key is not None and conn.execute(KEY_STANDS, [key, account]).fetchone() is None:
            raise Refused("key_revoked", "the API key was revoked")
        writes.lock_people(conn, np.array([address.column for _, address, _ in wanted], np.int64))
        now = writes.now(conn)
        change = columns.uuid_at(columns.new_ids(now, 1), 0)
        events: list[UUID] = []
        dues: list[Due] = []
        for place, (one, address, sellers) in enumerate(wanted):
            at = now if one.at is None else one.at
            if at > now + DAY:
                raise BadInput("lies in the future", key=f"[{place}].at")
            due = opt_out_due(gate.engine.rulebook, _places(one, address), one.channel, min(at, now))
            statutory = {} if due is None else {"honour_by": str(date_of(due.day)), "honour_rule": due.rule}
            dues.extend([] if due is None else [due])
            for seller in sellers:
                event = writes.append_event(
                    *(conn, now, Kind.OPT_OUT_SAID, known_by),
                    account=account,
                    seller=seller,
                    address=address,
                    happened_at=min(at, now),
                    payload={
                        "channel": one.channel.value,
                        "covers": one.covers.value,
                        **({} if one.way is None else {"way": one.way.value}),
                        **({} if one.until is None else {"until": rfc3339(one.until)}),
                        **statutory,
                    },
                    personal={"address": one.address, "text": one.text, "campaign": one.campaign, "list": one.list},
                )
                stop = writes.Stop(
                    scope=Scope.SELLER,
                    owner=seller,
                    channels=_channels(one),
                    covers=one.covers.bit,
                    said=True,
                    reason="opt-out",
                    campaign=word_hash(one.campaign) if one.campaign else 0,
                    list=word_hash(one.list) if one.list else 0,
                    until=one.until,
                    way=one.way or "",
                )
                ids = columns.ids_of([event])
                writes.place_suppressions(conn, ids, addresses.of_keys([address]), stop, min(at, now), change)
                events.append(event)
        if then is not None:
            then(Written(now, change, events))
        seq = writes.number_change(conn, change)
    first = min(dues, key=lambda due: due.day, default=None)
    return Recorded(
        events=events,
        at=now,
        seq=seq,
        honour_by=None if first is None else str(date_of(first.day)),
        honour_rule=None if first is None else first.rule,
    )


def _places(one: OptOut, address: AddressKey) -> PlaceSet:
    """Where the person may be, by the address alone."""
    return where.resolve(numbers=() if one.channel is Channel.EMAIL else (address.column & (1 << KIND_SHIFT) - 1,))


def _channels(one: OptOut) -> int:
    """An objection to direct marketing counts on every channel; the rest on the channel it was said on."""
    return 0 if one.covers is OptOutScope.DIRECT_MARKETING_OBJECTION else one.channel.bit


def _address(one: OptOut, gate: Gate, place: int) -> AddressKey:
    address = address_key(one.channel, one.address.strip(), gate.secret)
    if address is None:
        kind = "an e-mail address" if one.channel is Channel.EMAIL else "a number in full (+ and country code)"
        raise BadInput(f"not {kind}", key=f"[{place}].address")
    return address


def _sellers(one: OptOut, by_slug: dict[str, UUID], place: int) -> list[UUID]:
    if one.seller is None:
        if not by_slug:
            raise BadInput("the account contacts people for nobody", key=f"[{place}].seller")
        return sorted(by_slug.values())
    if one.seller not in by_slug:
        raise BadInput("the account contacts people for no seller of this name", key=f"[{place}].seller")
    return [by_slug[one.seller]]
