"""What is known about a column of intended contacts, in the form the kernel judges.

One contact is a column of length one; there is no other path. Facts that select rules are
interned (`Selector`); yes/no facts are two bit words (`true`, `false`; neither bit set
means not known); lists that belong to a contact (consents, attempts, ...) are flat columns
with a `row` that says whose they are, sorted by `row`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from forbear.core.instants import Days, Moments
from forbear.core.places import PlaceSet
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind, SenderKind

Rows = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint64]
Bytes8 = npt.NDArray[np.int8]

YES, NO, NOT_KNOWN = 1, 0, -1  # the values of a three-valued int8 column


class Flag(IntEnum):
    """Yes/no facts by bit. New ones at the end."""

    IDENTIFIES_SENDER = 0
    POSTAL_ADDRESS = 1
    SUBJECT_ACCURATE = 2
    HEADER_ACCURATE = 3
    PROMOTIONAL = 4
    IDENTIFIED_AS_AD = 5
    OPT_OUT_OFFERED = 6  # content.opt_out.kind is there and is not `none`
    OPT_OUT_REPLY = 7
    OPT_OUT_URL = 8
    OPT_OUT_KEY_PRESS = 9
    OPT_OUT_REQUIRES_LOGIN = 10
    AI_DISCLOSED = 11
    SENDER_FTC = 12
    SENDER_ID_REGISTERED = 13
    GAVE_NUMBER = 14
    CARRIER_BLOCK = 15
    LIVE_AGENT_GUARANTEED = 16
    STANDING = 17  # the account may send at all: agreement accepted, no hold
    SUPPRESSED = 18  # an entry of the house's suppression list covers this contact
    ADDRESS_UNDERSTOOD = 19  # `to` is an address of the channel's kind
    CONSENTS_KNOWN = 20
    RELATIONSHIPS_KNOWN = 21
    OPT_OUTS_KNOWN = 22
    ATTEMPTS_KNOWN = 23


@dataclass(frozen=True, slots=True)
class Selector:
    """The inputs that choose which rules apply. `None` is "not known", and then every value counts as possible."""

    places: PlaceSet
    channel: Channel
    purpose: Purpose
    mode: Mode | None = None  # None on voice is not known; sms and email have none
    recipient_kind: RecipientKind | None = None
    sender_kind: SenderKind | None = None
    sender_country: str | None = None
    sector: str | None = None
    line_type: LineType | None = None
    county: str | None = None
    alerts: frozenset[str] = frozenset()
    policy: tuple[tuple[str, bool | str], ...] = ()  # house choices by name, sorted


@dataclass(slots=True)
class RegistryColumn:
    """One registry's answer by contact; a scalar array of shape () stands for every row."""

    listed: Bytes8  # YES, NO, NOT_KNOWN
    since_day: Days  # MISSING where not known
    checked_day: Days  # the day the answer was got, where it came as a day
    checked_at: Moments  # the moment, where it came as a moment; exactly one of the two is not MISSING
    edition_day: Days  # the date of the list itself


@dataclass(slots=True)
class Consents:
    row: Rows
    level: npt.NDArray[np.int16]  # ConsentLevel bit; 0 not known
    given_day: Days  # local date; MISSING where it came as a moment or is not known
    given_at: Moments  # the moment, else MISSING
    until_day: Days  # first day without consent; FOREVER: indefinite; MISSING: no period was stated
    channels: npt.NDArray[np.int16]  # mask of Channel bits; -1 not known
    purposes: npt.NDArray[np.int16]
    covers: npt.NDArray[np.int16]  # mask of ConsentCover bits; -1 not known
    evidence: Bytes8
    names_seller: Bytes8
    withdrawn_at: Moments  # MISSING: not withdrawn
    imported: Bytes8  # from a list somebody handed in: it lifts no opt-out, whatever date it claims
    promised_n: npt.NDArray[np.int16]  # at most so many contacts a channel in `promised_days`; 0: nothing promised
    promised_days: npt.NDArray[np.int16]


@dataclass(slots=True)
class Relationships:
    row: Rows
    kind: npt.NDArray[np.int16]  # RelationshipKind bit
    on_day: Days
    ongoing: Bytes8
    related: Bytes8


@dataclass(slots=True)
class OptOuts:
    row: Rows
    at: Moments
    scope: npt.NDArray[np.int16]  # OptOutScope bit; 0 not known
    channel: npt.NDArray[np.int16]  # Channel bit; 0: every channel
    same: Bytes8  # for scope `campaign` or `list`: is it this contact's campaign or list
    until: Moments  # a pause: the first moment it no longer binds; MISSING: no end


@dataclass(slots=True)
class Attempts:
    row: Rows
    at: Moments  # MISSING where only the day is known
    on_day: Days  # local day where only that is known, else MISSING
    channel: npt.NDArray[np.int16]  # Channel bit; 0: counts for every cap
    purpose: npt.NDArray[np.int16]  # Purpose bit; 0 not known
    mode: npt.NDArray[np.int16]
    same_subject: Bytes8  # with this contact; NOT_KNOWN where either states none
    same_debt: Bytes8
    answered: Bytes8
    conversation: Bytes8
    abandoned: Bytes8
    refused: Bytes8
    unreachable: Bytes8  # the line was busy or out of service


@dataclass(slots=True)
class Dialler:
    """The campaign's own counts, one per contact; -1 where not known."""

    answered_live: npt.NDArray[np.int64]
    abandoned: npt.NDArray[np.int64]
    window_days: npt.NDArray[np.int64]


@dataclass(slots=True)
class Facts:
    """`n` contacts. Every per-contact array has shape (n,) or () for one value that holds for all."""

    n: int
    now: Moments
    selector: Rows  # index into `selectors`
    selectors: Sequence[Selector]
    true: Bits
    false: Bits
    registries: Mapping[str, RegistryColumn] = field(default_factory=dict)
    caller: Rows | None = None  # index into `callers`: what the person will see as sender
    callers: Sequence[str | None] = (None,)
    consents: Consents | None = None  # None: no rows (whether that is known says the flag)
    relationships: Relationships | None = None
    opt_outs: OptOuts | None = None
    attempts: Attempts | None = None
    dialler: Dialler | None = None
    confirmations_sent: npt.NDArray[np.int64] | None = None
