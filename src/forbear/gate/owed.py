"""What the obligations of an answer ask, in words: at the place the contact is for, with the terms its rules set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forbear.core import where
from forbear.core.instants import DAY
from forbear.core.words import Channel, Mode, Purpose
from forbear.gate import claims
from forbear.gate.contact import Contact
from forbear.gate.explain import Explained
from forbear.gate.opened import Gate, opened
from forbear.rulebook.obligations import Obligation, owed, place_of, terms_of


def of_contacts(
    contacts: Sequence[Contact], words: Sequence[Sequence[str]], at: int, gate: Gate | None = None
) -> list[tuple[Obligation, ...]]:
    """One tuple a contact, in order. `words`: what each answer owes. `at`: when it was decided, microseconds UTC."""
    gate = gate or opened()
    found: list[tuple[Obligation, ...]] = [()] * len(contacts)
    asking = [row for row, some in enumerate(words) if some]
    if not asking:
        return found
    known: dict[object, tuple[Obligation, ...]] = {}  # most contacts of a request are of few kinds
    for row, hints in zip(
        asking, claims.of_contacts([contacts[row] for row in asking], gate.secrets).places, strict=True
    ):
        contact = contacts[row]
        denied = contact.content is not None and contact.content.promotional is False
        purposes = frozenset({contact.purpose} if denied else {contact.purpose, Purpose.MARKETING})
        kind = (hints, contact.channel, contact.mode, purposes, tuple(words[row]))
        if kind not in known:
            regions = {place.region for place in where.resolve_class(*hints)}
            known[kind] = in_regions(regions, words[row], contact.channel, contact.mode, purposes, at, gate=gate)
        found[row] = known[kind]
    return found


def of_explained(found: Explained, *, language: str | None = None, gate: Gate | None = None) -> tuple[Obligation, ...]:
    """The same for a stored decision, by the wording of today."""
    regions = {region for one in found.local_times for region in one.regions}
    purposes = {found.purpose, Purpose.MARKETING}
    return in_regions(
        regions, found.obligations, found.channel, found.mode, purposes, found.at, language=language, gate=gate
    )


def in_regions(
    regions: Iterable[str],
    words: Iterable[str],
    channel: Channel,
    mode: Mode | None,
    purposes: Iterable[Purpose],
    at: int,
    *,
    language: str | None = None,
    gate: Gate | None = None,
) -> tuple[Obligation, ...]:
    """The same for somebody who may be in any of `regions` (`US-FL`, `FR`). `language` (`fr`), else the place's own."""
    gate = gate or opened()
    regions = set(regions)
    terms = terms_of(gate.engine.rulebook.rules, regions, channel, mode, purposes, at // DAY)
    return owed(words, place_of(regions), language, terms)
