"""A recorded row of facts as a case again, so that the engine's readable twin can judge what the columns judged.

The inverse of `forbear.kernel.columns`. Places, standing and suppression are as they were
recorded, not worked out anew: the audit asks whether the judgment follows from the facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np

from forbear.core.instants import FOREVER, MISSING, date_of, moment_of
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, ConsentCover, ConsentLevel, Mode, OptOutScope, Purpose, RelationshipKind, Word
from forbear.kernel.case import (
    Attempt,
    Case,
    Consent,
    Contact,
    Content,
    Dialler,
    OptOut,
    OptOutOffer,
    Policy,
    Recipient,
    Registry,
    Relationship,
    Sender,
)
from forbear.kernel.facts import Attempts, Consents, Facts, Flag, OptOuts, RegistryColumn, Relationships, Selector

W = TypeVar("W", bound=Word)
_OURS, _OTHER = "this", "another"  # words are recorded only as "the same" or not


@dataclass(frozen=True)
class Recorded(Case):
    """A case whose places and flags are those on record."""

    flags: tuple[int, int] = (0, 0)
    recorded_places: PlaceSet = field(default=frozenset())

    @cached_property
    def places(self) -> PlaceSet:
        return self.recorded_places

    @property
    def address_understood(self) -> bool | None:
        return _flag(self.flags, Flag.ADDRESS_UNDERSTOOD)

    @property
    def standing(self) -> bool | None:
        return _flag(self.flags, Flag.STANDING)

    @property
    def suppressed(self) -> bool | None:
        return _flag(self.flags, Flag.SUPPRESSED)


def case_of(facts: Facts, row: int) -> Recorded:
    """The case on one row, at the moment it was judged."""
    selector = facts.selectors[int(np.broadcast_to(facts.selector, (facts.n,))[row])]
    flags = (_at(facts.true, facts.n, row), _at(facts.false, facts.n, row))
    caller = None if facts.caller is None else facts.callers[_at(facts.caller, facts.n, row)]
    return Recorded(
        id=None,
        now=moment_of(_at(facts.now, facts.n, row)),
        contact=_contact(selector, flags, caller),
        sender=Sender(
            country=selector.sender_country,
            kind=selector.sender_kind,
            ftc=cast(bool, _flag(flags, Flag.SENDER_FTC)),
            id_registered=_flag(flags, Flag.SENDER_ID_REGISTERED),
        ),
        recipient=Recipient(
            kind=selector.recipient_kind,
            line_type=selector.line_type,
            county=selector.county,
            gave_number=_flag(flags, Flag.GAVE_NUMBER),
            carrier_block=cast(bool, _flag(flags, Flag.CARRIER_BLOCK)),
        ),
        consents=_known(flags, Flag.CONSENTS_KNOWN, facts.consents, row, _consent),
        relationships=_relationships(facts, flags, row),
        registries={name: _registry(column, facts.n, row) for name, column in facts.registries.items()},
        opt_outs=_known(flags, Flag.OPT_OUTS_KNOWN, facts.opt_outs, row, _opt_out),
        attempts=_known(flags, Flag.ATTEMPTS_KNOWN, facts.attempts, row, _attempt),
        confirmations_sent=_count(facts.confirmations_sent, facts.n, row),
        dialler=_dialler(facts, flags, row),
        alerts=selector.alerts,
        policy=cast(Policy, SimpleNamespace(**dict(selector.policy))),  # only what the house chose
        flags=flags,
        recorded_places=selector.places,
    )


def _contact(selector: Selector, flags: tuple[int, int], caller: str | None) -> Contact:
    return Contact(
        channel=selector.channel,
        purpose=selector.purpose,
        mode=selector.mode,
        from_=caller,
        ai_disclosed=_flag(flags, Flag.AI_DISCLOSED),
        sector=selector.sector,
        subject=_OURS,
        debt=_OURS,
        campaign=_OURS,
        list=_OURS,
        content=Content(
            identifies_sender=_flag(flags, Flag.IDENTIFIES_SENDER),
            postal_address=_flag(flags, Flag.POSTAL_ADDRESS),
            subject_accurate=_flag(flags, Flag.SUBJECT_ACCURATE),
            header_accurate=_flag(flags, Flag.HEADER_ACCURATE),
            promotional=_flag(flags, Flag.PROMOTIONAL),
            identified_as_ad=_flag(flags, Flag.IDENTIFIED_AS_AD),
            opt_out=_offer(flags),
        ),
    )


def _offer(flags: tuple[int, int]) -> OptOutOffer:
    requires_login = _flag(flags, Flag.OPT_OUT_REQUIRES_LOGIN)
    offered = _flag(flags, Flag.OPT_OUT_OFFERED)
    if offered is None:
        return OptOutOffer(None, requires_login)
    if not offered:
        return OptOutOffer("none", requires_login)
    if _flag(flags, Flag.OPT_OUT_REPLY):
        return OptOutOffer("reply", requires_login)
    return OptOutOffer("url" if _flag(flags, Flag.OPT_OUT_URL) else "key_press", requires_login)


def _consent(column: Consents, entry: int) -> Consent:
    until = int(column.until_day[entry])
    return Consent(
        level=_word(ConsentLevel, column.level[entry]),
        given=_day_or_moment(column.given_day[entry], column.given_at[entry]),
        until="indefinite" if until == FOREVER else _day(until),
        channels=_words(Channel, column.channels[entry]),
        purposes=_words(Purpose, column.purposes[entry]),
        covers=_words(ConsentCover, column.covers[entry]),
        evidence=_three(column.evidence[entry]),
        names_seller=_three(column.names_seller[entry]),
        withdrawn=_moment(column.withdrawn_at[entry]),
        imported=bool(_three(column.imported[entry])),
        promised_n=int(column.promised_n[entry]) or None,
        promised_days=int(column.promised_days[entry]) or None,
    )


def _relationships(facts: Facts, flags: tuple[int, int], row: int) -> tuple[Relationship, ...] | None:
    """A ledger knows the dealings it was told of and not whether there are others: those stand as one of which
    nothing is known."""
    column = facts.relationships
    found = () if column is None else tuple(_relationship(column, entry) for entry in _entries(column, row))
    if _flag(flags, Flag.RELATIONSHIPS_KNOWN):
        return found
    return (*found, Relationship()) if found else None


def _relationship(column: Relationships, entry: int) -> Relationship:
    return Relationship(
        kind=_word(RelationshipKind, column.kind[entry]),
        on=_day(column.on_day[entry]),
        ongoing=_three(column.ongoing[entry]),
        related=_three(column.related[entry]),
    )


def _registry(column: RegistryColumn, n: int, row: int) -> Registry:
    return Registry(
        listed=_three(_at(column.listed, n, row)),
        since=_day(_at(column.since_day, n, row)),
        checked=_day_or_moment(_at(column.checked_day, n, row), _at(column.checked_at, n, row)),
        edition=_day(_at(column.edition_day, n, row)),
    )


def _opt_out(column: OptOuts, entry: int) -> OptOut:
    same = _same(column.same[entry])  # with this contact's campaign or list, whichever it is about
    return OptOut(
        at=_moment(column.at[entry]),
        scope=_word(OptOutScope, column.scope[entry]),
        channel=_word(Channel, column.channel[entry]),
        campaign=same,
        list=same,
        until=_moment(column.until[entry]),
    )


def _attempt(column: Attempts, entry: int) -> Attempt:
    unreachable = _three(column.unreachable[entry])
    return Attempt(
        at=_moment(column.at[entry]),
        on=_day(column.on_day[entry]),
        answered=_three(column.answered[entry]),
        conversation=_three(column.conversation[entry]),
        abandoned=_three(column.abandoned[entry]),
        refused=_three(column.refused[entry]),
        subject=_same(column.same_subject[entry]),
        debt=_same(column.same_debt[entry]),
        channel=_word(Channel, column.channel[entry]),
        mode=_word(Mode, column.mode[entry]),
        purpose=_word(Purpose, column.purpose[entry]),
        outcome=None if unreachable is None else "unreachable" if unreachable else "reached",
    )


def _dialler(facts: Facts, flags: tuple[int, int], row: int) -> Dialler | None:
    guaranteed = _flag(flags, Flag.LIVE_AGENT_GUARANTEED)
    if facts.dialler is None:
        return None if guaranteed is None else Dialler(live_agent_guaranteed=guaranteed)
    return Dialler(
        answered_live=_count(facts.dialler.answered_live, facts.n, row),
        abandoned=_count(facts.dialler.abandoned, facts.n, row),
        window_days=_count(facts.dialler.window_days, facts.n, row),
        live_agent_guaranteed=guaranteed,
    )


def _known(flags: tuple[int, int], flag: Flag, column: Any, row: int, one: Any) -> tuple[Any, ...] | None:
    """The row's entries; `None` where it is not known whether there are any."""
    if not _flag(flags, flag):
        return None
    return tuple(one(column, entry) for entry in _entries(column, row))


def _entries(column: Any, row: int) -> Iterator[int]:
    if column is not None:
        yield from np.flatnonzero(column.row == row).tolist()


def _at(column: Any, n: int, row: int) -> int:
    return int(np.broadcast_to(column, (n,))[row])


def _count(column: Any, n: int, row: int) -> int | None:
    if column is None:
        return None
    value = _at(column, n, row)
    return None if value < 0 else value


def _flag(flags: tuple[int, int], flag: Flag) -> bool | None:
    return True if flags[0] >> flag & 1 else False if flags[1] >> flag & 1 else None


def _three(value: Any) -> bool | None:
    return None if value < 0 else bool(value)


def _same(value: Any) -> str | None:
    known = _three(value)
    return None if known is None else _OURS if known else _OTHER


def _day(value: Any) -> date | None:
    return None if value == MISSING else date_of(int(value))


def _moment(value: Any) -> datetime | None:
    return None if value == MISSING else moment_of(int(value))


def _day_or_moment(day: Any, at: Any) -> date | datetime | None:
    return _moment(at) if at != MISSING else _day(day)


def _word(kind: type[W], bit: Any) -> W | None:
    return next((word for word in kind if word.bit == bit), None)


def _words(kind: type[W], mask: Any) -> frozenset[W] | None:
    return None if mask < 0 else frozenset(word for word in kind if word.bit & int(mask))
