"""A row of facts as bytes, so that a decision can be judged again years later, and back.

A selector (place set and all that chooses rules) is stored once by digest; what differs by
row is a short MessagePack array. Neither holds an address or a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np

from forbear.core.errors import BadInput
from forbear.core.instants import MISSING
from forbear.core.places import Place
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind, SenderKind
from forbear.kernel.facts import (
    NOT_KNOWN,
    Attempts,
    Consents,
    Dialler,
    Facts,
    OptOuts,
    RegistryColumn,
    Relationships,
    Selector,
)

VERSION: Final = 1
_CONSENT = ("level", "given_day", "given_at", "until_day", "channels", "purposes", "covers", "evidence", "names_seller")
_CONSENTS: Final = (*_CONSENT, "withdrawn_at", "imported", "promised_n", "promised_days")
_OPT_OUTS: Final = ("at", "scope", "channel", "same", "until")
_ATTEMPTS: Final = (
    *("at", "on_day", "channel", "purpose", "mode", "same_subject", "same_debt"),
    *("answered", "conversation", "abandoned", "refused", "unreachable"),
)
_RELATIONSHIPS: Final = ("kind", "on_day", "ongoing", "related")
_REGISTRY: Final = ("listed", "since_day", "checked_day", "checked_at", "edition_day")
_TYPES: Final = {
    **dict.fromkeys(("at", "given_at", "withdrawn_at", "checked_at"), np.int64),
    **dict.fromkeys(("on_day", "given_day", "until_day", "since_day", "checked_day", "edition_day"), np.int32),
    **dict.fromkeys(("level", "channels", "purposes", "covers", "scope", "channel", "purpose", "mode"), np.int16),
    **dict.fromkeys(("evidence", "names_seller", "imported", "same", "same_subject", "same_debt"), np.int8),
    **dict.fromkeys(("kind", "promised_n", "promised_days"), np.int16),
    "until": np.int64,
    **dict.fromkeys(("ongoing", "related"), np.int8),
    **dict.fromkeys(("answered", "conversation", "abandoned", "refused", "unreachable", "listed"), np.int8),
}
_BEFORE: Final = {"until": MISSING, "promised_n": 0, "promised_days": 0}  # what a field was before there was one

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


@lru_cache(maxsize=1 << 16)
def selector_bytes(selector: Selector) -> tuple[bytes, bytes]:
    """(digest of 16 bytes, body). Equal selectors have equal bytes."""
    body = _encode(
        [
            VERSION,
            sorted([place.region, place.zone] for place in selector.places),
            selector.channel.value,
            selector.purpose.value,
            selector.mode,
            selector.recipient_kind,
            selector.sender_kind,
            selector.sender_country,
            selector.sector,
            selector.line_type,
            selector.county,
            sorted(selector.alerts),
            [list(choice) for choice in selector.policy],
        ]
    )
    return blake2b(body, digest_size=16).digest(), body


def selector_of(body: bytes) -> Selector:
    """The selector again. Raises `BadInput` for bytes of another version."""
    version, places, channel, purpose, mode, recipient, sender, country, sector, line, county, alerts, policy = _decode(
        body
    )
    _check(version)
    return Selector(
        places=frozenset(Place(region, zone) for region, zone in places),
        channel=Channel(channel),
        purpose=Purpose(purpose),
        mode=Mode(mode) if mode else None,
        recipient_kind=RecipientKind(recipient) if recipient else None,
        sender_kind=SenderKind(sender) if sender else None,
        sender_country=country,
        sector=sector,
        line_type=LineType(line) if line else None,
        county=county,
        alerts=frozenset(alerts),
        policy=tuple((name, value) for name, value in policy),
    )


def pack(facts: Facts) -> list[bytes]:
    """Each row's facts but for its selector and the moment, which the decision has in columns."""
    n = facts.n
    true = np.broadcast_to(facts.true, (n,)).tolist()
    false = np.broadcast_to(facts.false, (n,)).tolist()
    names = sorted(facts.registries)
    answers = [_registry_rows(facts.registries[name], n) for name in names]
    consents = _entries(facts.consents, _CONSENTS, n)
    opt_outs = _entries(facts.opt_outs, _OPT_OUTS, n)
    attempts = _entries(facts.attempts, _ATTEMPTS, n)
    callers = [None] * n if facts.caller is None else [facts.callers[place] for place in facts.caller.tolist()]
    counts: list[Any] = [None] * n
    if facts.dialler is not None:
        dialler = (facts.dialler.answered_live, facts.dialler.abandoned, facts.dialler.window_days)
        counts = list(zip(*(np.broadcast_to(column, (n,)).tolist() for column in dialler), strict=True))
    sent: list[Any] = [None] * n
    if facts.confirmations_sent is not None:
        sent = np.broadcast_to(facts.confirmations_sent, (n,)).tolist()
    by_row = zip(*answers, strict=True) if answers else [()] * n
    columns = zip(true, false, by_row, callers, consents, opt_outs, attempts, counts, sent, strict=True)
    # what came later stands at the end, and only where there is any: rows without it are as they always were
    dealings = _entries(facts.relationships, _RELATIONSHIPS, n)
    return [
        _encode((VERSION, yes, no, tuple(zip(names, said, strict=True)), *rest, *(() if of is None else (of,))))
        for (yes, no, said, *rest), of in zip(columns, dealings, strict=True)
    ]


def unpack(rows: Sequence[bytes], selectors: Sequence[Selector], at: Sequence[int]) -> Facts:
    """The facts of several decisions in one column. `selectors` and `at` by row."""
    n = len(rows)
    parts = [_decode(row) for row in rows]
    for part in parts:
        _check(part[0])
    names = sorted({name for part in parts for name, _ in part[3]})
    missing = [-1, *([-(2**31)] * 4)]
    registries = {}
    for name in names:
        told = [dict(part[3]).get(name, missing) for part in parts]
        columns = zip(_REGISTRY, zip(*told, strict=True), strict=True)
        registries[name] = RegistryColumn(**{field: np.array(column, _TYPES[field]) for field, column in columns})
    callers: dict[str | None, int] = {None: 0}
    caller = np.array([callers.setdefault(part[4], len(callers)) for part in parts], np.int32)
    dialler = None
    if any(part[8] is not None for part in parts):
        dialler = Dialler(*np.array([part[8] or (-1, -1, -1) for part in parts], np.int64).T)
    sent = None
    if any(part[9] is not None for part in parts):
        sent = np.array([-1 if part[9] is None else part[9] for part in parts], np.int64)
    return Facts(
        n=n,
        now=np.array(at, np.int64),
        selector=np.arange(n, dtype=np.int32),
        selectors=list(selectors),
        true=np.array([part[1] for part in parts], np.uint64),
        false=np.array([part[2] for part in parts], np.uint64),
        registries=registries,
        caller=caller if len(callers) > 1 else None,
        callers=list(callers),
        consents=_column(Consents, _CONSENTS, [part[5] for part in parts]),
        opt_outs=_column(OptOuts, _OPT_OUTS, [part[6] for part in parts]),
        attempts=_column(Attempts, _ATTEMPTS, [part[7] for part in parts]),
        relationships=_column(Relationships, _RELATIONSHIPS, [part[10] if len(part) > 10 else None for part in parts]),
        dialler=dialler,
        confirmations_sent=sent,
    )


def _registry_rows(column: RegistryColumn, n: int) -> list[tuple[int, ...]]:
    return list(zip(*(np.broadcast_to(getattr(column, name), (n,)).tolist() for name in _REGISTRY), strict=True))


def _entries(column: Consents | Relationships | OptOuts | Attempts | None, names: Sequence[str], n: int) -> list[Any]:
    """By row: the list of its entries, None where it has none."""
    found: list[Any] = [None] * n
    if column is None:
        return found
    values = zip(*(getattr(column, name).tolist() for name in names), strict=True)
    for row, entry in zip(column.row.tolist(), values, strict=True):
        if found[row] is None:
            found[row] = []
        found[row].append(entry)
    return found


def _column(kind: Any, names: Sequence[str], by_row: Sequence[Any]) -> Any:
    # decisions made before an entry had its last fields did not know them
    entries = [
        (row, (*entry, *[_BEFORE.get(name, NOT_KNOWN) for name in names[len(entry) :]]))
        for row, some in enumerate(by_row)
        for entry in some or ()
    ]
    if not entries:
        return None
    columns = zip(*(entry for _, entry in entries), strict=True)
    arrays = {name: np.array(column, _TYPES[name]) for name, column in zip(names, columns, strict=True)}
    return kind(row=np.array([row for row, _ in entries], np.int32), **arrays)


def _check(version: int) -> None:
    if version != VERSION:
        raise BadInput(f"facts of version {version}", todo="use the release that decided this")
