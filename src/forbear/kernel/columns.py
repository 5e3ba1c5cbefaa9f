"""Cases as columns: what the kernel judges, made from what the case format says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import numpy as np

from forbear.core.instants import FOREVER, MISSING, at_of, day_of
from forbear.core.words import OptOutScope, Word, mask
from forbear.kernel.case import Attempt, Case, Consent, OptOut, Registry, Relationship
from forbear.kernel.case import Dialler as OwnCounts
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


def facts_of(cases: Sequence[Case]) -> Facts:
    """A row for each case, in order. A case has no account: its standing is good, nothing is suppressed."""
    selectors: dict[Selector, int] = {}
    callers: dict[str | None, int] = {}
    selector = [selectors.setdefault(_selector(case), len(selectors)) for case in cases]
    caller = [callers.setdefault(case.contact.from_, len(callers)) for case in cases]
    flags = [_flags(case) for case in cases]
    return Facts(
        n=len(cases),
        now=np.array([at_of(case.now) for case in cases], dtype=np.int64),
        selector=np.array(selector, dtype=np.int32),
        selectors=list(selectors),
        true=np.array([true for true, _ in flags], dtype=np.uint64),
        false=np.array([false for _, false in flags], dtype=np.uint64),
        registries={name: _registry_column(name, cases) for name in _registry_names(cases)},
        caller=np.array(caller, dtype=np.int32),
        callers=list(callers) or [None],
        consents=_consents(cases),
        relationships=_relationships(cases),
        opt_outs=_opt_outs(cases),
        attempts=_attempts(cases),
        dialler=_dialler(cases),
        confirmations_sent=_counts(case.confirmations_sent for case in cases),
    )


def _selector(case: Case) -> Selector:
    contact, sender, recipient = case.contact, case.sender, case.recipient
    return Selector(
        places=case.places,
        channel=contact.channel,
        purpose=contact.purpose,
        mode=contact.mode,
        recipient_kind=recipient.kind,
        sender_kind=sender.kind,
        sender_country=sender.country,
        sector=contact.sector,
        line_type=recipient.line_type,
        county=recipient.county,
        alerts=case.alerts,
        policy=tuple(sorted((choice.name, getattr(case.policy, choice.name)) for choice in fields(case.policy))),
    )


def _flags(case: Case) -> tuple[int, int]:
    """The bits of what is known to be so, and of what is known not to be."""
    content, dialler = case.contact.content, case.dialler
    offer = content.opt_out if content else None
    kind = offer.kind if offer else None
    facts: dict[Flag, bool | None] = {
        Flag.OPT_OUT_OFFERED: None if kind is None else kind != "none",
        Flag.OPT_OUT_REPLY: None if kind is None else kind == "reply",
        Flag.OPT_OUT_URL: None if kind is None else kind == "url",
        Flag.OPT_OUT_KEY_PRESS: None if kind is None else kind == "key_press",
        Flag.OPT_OUT_REQUIRES_LOGIN: offer.requires_login if offer else None,
        Flag.AI_DISCLOSED: case.contact.ai_disclosed,
        Flag.SENDER_FTC: case.sender.ftc,
        Flag.SENDER_ID_REGISTERED: case.sender.id_registered,
        Flag.GAVE_NUMBER: case.recipient.gave_number,
        Flag.CARRIER_BLOCK: case.recipient.carrier_block,
        Flag.LIVE_AGENT_GUARANTEED: dialler.live_agent_guaranteed if dialler else None,
        Flag.STANDING: True,
        Flag.SUPPRESSED: False,
        Flag.ADDRESS_UNDERSTOOD: case.address_understood,
        Flag.CONSENTS_KNOWN: case.consents is not None,
        Flag.RELATIONSHIPS_KNOWN: case.relationships is not None,
        Flag.OPT_OUTS_KNOWN: case.opt_outs is not None,
        Flag.ATTEMPTS_KNOWN: case.attempts is not None,
    }
    if content:
        facts |= {
            Flag.IDENTIFIES_SENDER: content.identifies_sender,
            Flag.POSTAL_ADDRESS: content.postal_address,
            Flag.SUBJECT_ACCURATE: content.subject_accurate,
            Flag.HEADER_ACCURATE: content.header_accurate,
            Flag.PROMOTIONAL: content.promotional,
            Flag.IDENTIFIED_AS_AD: content.identified_as_ad,
        }
    true = sum(1 << flag for flag, known in facts.items() if known is True)
    return true, sum(1 << flag for flag, known in facts.items() if known is False)


def _registry_names(cases: Sequence[Case]) -> list[str]:
    return sorted({name for case in cases for name in case.registries or ()})


def _registry_column(name: str, cases: Sequence[Case]) -> RegistryColumn:
    answers = [(case.registries or {}).get(name) or Registry() for case in cases]
    return RegistryColumn(
        listed=_int8(_three(answer.listed) for answer in answers),
        since_day=_int32(_day(answer.since) for answer in answers),
        checked_day=_int32(_day(answer.checked) for answer in answers),
        checked_at=_int64(_at(answer.checked) for answer in answers),
        edition_day=_int32(_day(answer.edition) for answer in answers),
    )


def _consents(cases: Sequence[Case]) -> Consents | None:
    rows: list[tuple[int, Consent]] = [(i, one) for i, case in enumerate(cases) for one in case.consents or ()]
    if not rows:
        return None
    return Consents(
        row=_int32(i for i, _ in rows),
        level=_int16(one.level.bit if one.level else 0 for _, one in rows),
        given_day=_int32(_day(one.given) for _, one in rows),
        given_at=_int64(_at(one.given) for _, one in rows),
        until_day=_int32(FOREVER if isinstance(one.until, str) else _day(one.until) for _, one in rows),
        channels=_int16(_mask(one.channels) for _, one in rows),
        purposes=_int16(_mask(one.purposes) for _, one in rows),
        covers=_int16(_mask(one.covers) for _, one in rows),
        evidence=_int8(_three(one.evidence) for _, one in rows),
        names_seller=_int8(_three(one.names_seller) for _, one in rows),
        withdrawn_at=_int64(_at(one.withdrawn) for _, one in rows),
        imported=_int8(_three(one.imported) for _, one in rows),
        promised_n=_int16(one.promised_n or 0 for _, one in rows),
        promised_days=_int16(one.promised_days or 0 for _, one in rows),
    )


def _relationships(cases: Sequence[Case]) -> Relationships | None:
    rows: list[tuple[int, Relationship]] = [
        (i, one) for i, case in enumerate(cases) for one in case.relationships or ()
    ]
    if not rows:
        return None
    return Relationships(
        row=_int32(i for i, _ in rows),
        kind=_int16(one.kind.bit if one.kind else 0 for _, one in rows),
        on_day=_int32(_day(one.on) for _, one in rows),
        ongoing=_int8(_three(one.ongoing) for _, one in rows),
        related=_int8(_three(one.related) for _, one in rows),
    )


def _opt_outs(cases: Sequence[Case]) -> OptOuts | None:
    rows: list[tuple[int, Case, OptOut]] = [
        (i, case, one) for i, case in enumerate(cases) for one in case.opt_outs or ()
    ]
    if not rows:
        return None
    return OptOuts(
        row=_int32(i for i, _, _ in rows),
        at=_int64(_at(one.at) for _, _, one in rows),
        scope=_int16(one.scope.bit if one.scope else 0 for _, _, one in rows),
        channel=_int16(one.channel.bit if one.channel else 0 for _, _, one in rows),
        same=_int8(_same_as(case, one) for _, case, one in rows),
        until=_int64(_at(one.until) for _, _, one in rows),
    )


def _attempts(cases: Sequence[Case]) -> Attempts | None:
    rows: list[tuple[int, Case, Attempt]] = [
        (i, case, one) for i, case in enumerate(cases) for one in case.attempts or ()
    ]
    if not rows:
        return None
    return Attempts(
        row=_int32(i for i, _, _ in rows),
        at=_int64(_at(one.at) for _, _, one in rows),
        on_day=_int32(_day(one.on) for _, _, one in rows),
        channel=_int16(one.channel.bit if one.channel else 0 for _, _, one in rows),
        purpose=_int16(one.purpose.bit if one.purpose else 0 for _, _, one in rows),
        mode=_int16(one.mode.bit if one.mode else 0 for _, _, one in rows),
        same_subject=_int8(_same(case.contact.subject, one.subject) for _, case, one in rows),
        same_debt=_int8(_same(case.contact.debt, one.debt) for _, case, one in rows),
        answered=_int8(_three(one.answered) for _, _, one in rows),
        conversation=_int8(_three(one.conversation) for _, _, one in rows),
        abandoned=_int8(_three(one.abandoned) for _, _, one in rows),
        refused=_int8(_three(one.refused) for _, _, one in rows),
        unreachable=_int8(_three(one.unreachable) for _, _, one in rows),
    )


def _dialler(cases: Sequence[Case]) -> Dialler | None:
    counts = [case.dialler or OwnCounts() for case in cases]
    if all(case.dialler is None for case in cases):
        return None
    return Dialler(
        answered_live=_counts(count.answered_live for count in counts),
        abandoned=_counts(count.abandoned for count in counts),
        window_days=_counts(count.window_days for count in counts),
    )


def _three(known: bool | None) -> int:
    return NOT_KNOWN if known is None else YES if known else NO


def _same(ours: str | None, theirs: str | None) -> int:
    return NOT_KNOWN if ours is None or theirs is None else YES if ours == theirs else NO


def _same_as(case: Case, one: OptOut) -> int:
    """Whether it is this contact's list or campaign, whichever the opt-out is about."""
    if one.scope is OptOutScope.LIST:
        return _same(case.contact.list, one.list)
    return _same(case.contact.campaign, one.campaign)


def _day(day: date | datetime | None) -> int:
    """The day, where it is one and not a moment."""
    return MISSING if day is None or isinstance(day, datetime) else day_of(day)


def _at(moment: date | datetime | None) -> int:
    return at_of(moment) if isinstance(moment, datetime) else MISSING


def _mask(words: frozenset[Any] | None) -> int:
    known: frozenset[Word] | None = words
    return NOT_KNOWN if known is None else mask(known)


def _int8(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int8]]:
    return np.array(list(values), dtype=np.int8)


def _int16(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.array(list(values), dtype=np.int16)


def _int32(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(list(values), dtype=np.int32)


def _int64(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(list(values), dtype=np.int64)


def _counts(values: Iterable[int | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return _int64(-1 if value is None else value for value in values)
