"""Where a person may be: a set of (region, zone) pairs."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """One candidate. `region` is ISO 3166-2 (`US-FL`) where the rules know regions, else ISO 3166-1 (`FR`)."""

    region: str
    zone: str  # IANA name

    @property
    def country(self) -> str:
        return self.region[:2]


PlaceSet = frozenset[Place]
