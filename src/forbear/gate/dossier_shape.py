"""The shape of a dossier: what happened, the rules and lists that decided, what holds now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from forbear.core.keys import AddressKey, is_erased
from forbear.ledger.evidence import Document
from forbear.ledger.persons import Row

BARRED: Final = "Not to be contacted"


class Item(msgspec.Struct, kw_only=True):
    """One thing that was said, decided or done."""

    id: UUID
    kind: str  # of the event; `decision`
    at: int  # when it happened, microseconds UTC
    learnt_at: int
    title: str
    account: str
    seller: str | None
    known_by: str | None  # `KnownBy`
    lines: list[tuple[str, str]]  # what is known of it
    quote: str | None = None  # what was said, in its own words
    personal: str | None = None  # erased; kept until; absent: there, or there never was any
    documents: list[str] = []  # digests
    verdict: str | None = None
    confirms: bool = False  # the one answer that an opt-out gets
    rules: list[str] = []  # numbers of `Dossier.rules`
    local: list[str] = []
    entries: list[UUID] = []  # under which the log knows it


class RuleText(msgspec.Struct, kw_only=True):
    """One rule that decided, as it stood in the rulebook that judged."""

    rule: str
    rulebook: str
    title: str
    about: str
    text: list[str]
    cites: list[tuple[str, str, str | None]]  # title, the day it was read, address
    confidence: str
    override: str | None


class ListAnswer(msgspec.Struct, kw_only=True):
    """The copy of a do-not-call list that answered."""

    registry: str
    snapshot: str | None  # None: no longer on this machine
    obtained_at: int | None
    edition: str | None
    n: int  # decisions it answered
    listed: int  # of them it said "listed"


class Standing(msgspec.Struct, kw_only=True):
    """What holds now."""

    what: str
    whose: str
    lines: list[tuple[str, str]]
    since: int
    stands: bool


@dataclass
class Dossier:
    address: str
    scope: str  # in words
    account: UUID | None
    made_at: int
    rulebook: str  # that is installed now
    searched: list[tuple[str, int]]  # source, rows found
    keys: list[AddressKey]
    erased: bool  # some of it stands under an erased key
    items: list[Item] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    rules: list[RuleText] = field(default_factory=list)
    lists: list[ListAnswer] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)  # as read, for the zip

    @property
    def empty(self) -> bool:
        return not any(n for _, n in self.searched)

    @property
    def kept_key(self) -> AddressKey:
        """The key under which what is done now is recorded: the erased one, where the person was erased."""
        return next((one for one in self.keys if self.erased and is_erased(one.column)), self.keys[0])
