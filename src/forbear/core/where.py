"""Where a person may be, from what is known of them: a set of places that rules must all agree on.

Each piece of evidence (country, region, postcode, each number's prefix) gives the places it
allows. A place stays if no other place is allowed by the same evidence and more: so sets
that overlap are intersected, disjoint ones united, in whatever order they come. Where the
evidence disagrees, every region's rules hold in every zone that was indicated.

A time zone says what the clock shows, not whose law holds: it narrows candidates that agree
with each other, and where none of them keeps that clock it is added to each (an address in
New York and the zone of Los Angeles: New York's rules, at both clocks). No evidence means
every place. A statute's presumption by area code needs no more than this: an area code
always leaves its own state among the candidates.

Two zones are one here if their clocks have agreed since 2015 (`clocks.csv`); within a
country the name of record stands for all of them. The tables are frozen in `numbering/`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forbear.core.phones import Numbers
from forbear.core.places import Place, PlaceSet

PrefixClasses = npt.NDArray[np.int32]

NOWHERE_KNOWN: Final = Place("ZZ", "Etc/UTC")  # a country no table knows: no law was read for it
NO_EVIDENCE: Final = 0  # the prefix class of a number that says nothing about a place
MOST_CROSSED: Final = 256  # pairs; wider disagreements stay united, not crossed: they name whole countries

_DIGITS: Final = 15


def resolve(
    *,
    country: str | None = None,
    region: str | None = None,
    postcode: str | None = None,
    timezone: str | None = None,
    numbers: Sequence[int] = (),
    unknown_location: str = "all",
) -> PlaceSet:
    """The candidate places of one contact; never empty.

    `country` ISO 3166-1, `region` ISO 3166-2 (or its part after the hyphen, or a state's name),
    `timezone` IANA, `numbers` E.164 digits of the contact and of further numbers. What a table
    does not know is no evidence, but an unknown country is a place without law read for it.
    `unknown_location="mainland_states"` leaves Australia's islands out where nothing says where
    in Australia the person is.
    """
    classes = tuple(sorted({prefix_class_of(number) for number in numbers} - {NO_EVIDENCE}))
    return resolve_class(country, region, postcode, timezone, classes, unknown_location)


@lru_cache(maxsize=1 << 17)
def resolve_class(
    country: str | None,
    region: str | None,
    postcode: str | None,
    timezone: str | None,
    classes: tuple[int, ...] = (),
    unknown_location: str = "all",
) -> PlaceSet:
    """`resolve` with the numbers given by their prefix classes (from `prefix_class`), sorted, without 0."""
    tables = _tables()
    prefixes = tables.prefixes.places
    of_numbers = [prefixes[number_class] for number_class in classes]
    country = country.strip().upper() if country and country.strip() else None
    home = country or _country_of(region, of_numbers)
    evidence = [*of_numbers]
    if country:
        evidence.append(tables.places.get(country, frozenset({NOWHERE_KNOWN})))
    if region and (places := _region_places(region.strip(), home)):
        evidence.append(places)
    if home and postcode and (area := _postcode_places(home, postcode)):
        evidence.append(area)
    places = _at_clock(*_combine(evidence), timezone)
    if unknown_location == "mainland_states" and tables.places["AU"] <= places:
        places = places - tables.places["AU"] | tables.mainland
    return places


def known_zone(name: str) -> bool:
    return name in _tables().clocks


def zone_of_locality(region: str | None, locality: str | None) -> str | None:
    """The zone of a town whose state keeps several clocks; None where the table does not have it."""
    if region is None or locality is None:
        return None
    return _localities().get((region.strip().upper(), locality.strip().casefold()))


def zones_of(code: str) -> tuple[str, ...]:
    """The zone names of record of a country (`AU`) or a region (`US-TX`), sorted; none if unknown."""
    return tuple(sorted({place.zone for place in _tables().places.get(code.upper(), ())}))


def everywhere() -> PlaceSet:
    """Every place the tables know."""
    return _tables().everywhere


def _combine(evidence: Sequence[PlaceSet]) -> tuple[PlaceSet, bool]:
    """The places with the most support, and whether the evidence agrees."""
    if not evidence:
        return _tables().everywhere, True
    support: dict[Place, int] = {}
    for bit, places in enumerate(evidence):
        for place in places:
            support[place] = support.get(place, 0) | 1 << bit
    masks = set(support.values())
    best = {mask for mask in masks if not any(mask & other == mask and mask != other for other in masks)}
    chosen = frozenset(place for place, mask in support.items() if mask in best)
    return (chosen, True) if len(best) == 1 else (_crossed(chosen, {place.zone for place in chosen}), False)


def _crossed(places: PlaceSet, zones: Iterable[str]) -> PlaceSet:
    """Every region in every zone."""
    regions = {place.region for place in places}
    zones = set(zones)
    if len(regions) * len(zones) > MOST_CROSSED:
        return places
    return places | {Place(region, zone) for region in regions for zone in zones}


def _at_clock(places: PlaceSet, agreed: bool, timezone: str | None) -> PlaceSet:
    tables = _tables()
    clock = tables.clocks.get(timezone.strip()) if timezone else None
    if timezone is None or clock is None:
        return places
    there = frozenset(place for place in places if tables.clocks[place.zone] == clock)
    if there and agreed:
        return there
    if there:
        return places
    abroad = tables.zone_countries.get(timezone.strip(), frozenset()) - {place.country for place in places}
    foreign = {place for code in abroad for place in tables.places[code] if tables.clocks[place.zone] == clock}
    return _crossed(places, {place.zone for place in places} | {clock}) | foreign


def _country_of(region: str | None, of_numbers: Sequence[PlaceSet]) -> str | None:
    if region and region.strip()[2:3] == "-":
        return region.strip()[:2].upper()
    countries = {place.country for places in of_numbers for place in places}
    return countries.pop() if len(countries) == 1 else None


def _region_places(region: str, home: str | None) -> PlaceSet | None:
    tables = _tables()
    code = region.upper()
    if code in tables.places and code[2:3] == "-":
        return tables.places[code]
    if home is None:
        return None
    found = tables.places.get(f"{home}-{code}") or tables.names.get((home, region.casefold()))
    return found or tables.places.get(home)


def _postcode_places(country: str, postcode: str) -> PlaceSet | None:
    text = postcode.strip().upper()
    width = {"US": 5, "AU": 4, "FR": 5, "ES": 5}.get(country)
    if width and text.isdigit():
        text = text.zfill(width)  # a spreadsheet dropped the zeros
    for low, high, places in _tables().postcodes.get(country, ()):
        if low <= text[: len(low)] <= high:
            return places
    return None


class Prefixes(NamedTuple):
    """Prefix classes: which class a number is of, and what places each class allows."""

    places: list[PlaceSet]  # by class; class 0 says nothing
    area_codes: PrefixClasses  # by the three digits after +1
    starts: npt.NDArray[np.uint64]  # sorted first numbers of runs, on a scale of 15 digits
    classes: PrefixClasses  # of each run


def prefix_class(numbers: Numbers) -> PrefixClasses:
    """The class of each number's prefix (0 for the number 0), for `resolve_class`."""
    table = _tables().prefixes
    areas = (numbers // np.uint64(10**7)).view(np.int64)
    nanp = (areas >= 1000) & (areas < 2000)
    if nanp.all():
        return table.area_codes[areas - 1000]
    classes = np.zeros(len(numbers), dtype=np.int32)
    classes[nanp] = table.area_codes[areas[nanp] - 1000]
    rest = np.flatnonzero(~nanp)
    other = numbers[rest]
    digits = np.searchsorted(_POWERS, other, side="right")
    scaled = other * _POWERS[np.maximum(_DIGITS - digits, 0)]
    classes[rest] = table.classes[np.searchsorted(table.starts, scaled, side="right") - 1]
    return classes


@lru_cache(maxsize=1 << 16)
def prefix_class_of(number: int) -> int:
    """`prefix_class` of one number."""
    return int(prefix_class(np.array([number], dtype=np.uint64))[0])


_POWERS: Final = np.array([10**n for n in range(_DIGITS + 1)], dtype=np.uint64)


class Tables(NamedTuple):
    clocks: dict[str, str]  # IANA name -> the name its clock goes by
    zone_countries: dict[str, frozenset[str]]  # IANA name -> countries that keep it
    places: dict[str, PlaceSet]  # by country, region and alias
    names: dict[tuple[str, str], PlaceSet]  # by country and casefolded name of a region
    everywhere: PlaceSet
    mainland: PlaceSet
    postcodes: dict[str, list[tuple[str, str, PlaceSet]]]
    prefixes: Prefixes


def _rows(name: str) -> Iterator[dict[str, str]]:
    with resources.files("forbear.core.numbering").joinpath(name).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


@cache
def _localities() -> dict[tuple[str, str], str]:
    return {(row["region"], row["locality"].casefold()): row["zone"] for row in _rows("localities.csv")}


@cache
def _tables() -> Tables:
    clocks = {row["zone"]: row["clock"] for row in _rows("clocks.csv")}
    places: dict[str, PlaceSet] = {}
    names: dict[tuple[str, str], PlaceSet] = {}
    mainland: set[Place] = set()
    for table in ("us_states.csv", "au_states.csv", "es_communities.csv"):
        for row in _rows(table):
            region, country = row["region"], row["region"][:2]
            own = frozenset(Place(region, zone) for zone in row["zones"].split(";"))
            places[country] = places.get(country, frozenset()) | own
            if region != country:
                places[region] = names[country, row["name"].casefold()] = own
            mainland |= {Place(region, zone) for zone in row.get("mainland", "").split(";") if zone}
    aliases = {row["code"]: row["places"] for row in _rows("aliases.csv")}
    zone_countries: dict[str, set[str]] = {}
    for row in _rows("countries.csv"):
        country = row["country"]
        if country not in places and country not in aliases:
            places[country] = frozenset(Place(country, zone) for zone in row["zones"].split(";"))
        for zone in row["own_zones"].split(";"):
            zone_countries.setdefault(zone, set()).add(country)
    everywhere = frozenset().union(*places.values())
    for code, tokens in aliases.items():
        places[code] = _named(tokens, places)
    postcodes: dict[str, list[tuple[str, str, PlaceSet]]] = {}
    for row in _rows("postcodes.csv"):
        postcodes.setdefault(row["country"], []).append((row["low"], row["high"], _named(row["places"], places)))
    held = {zone: frozenset(countries) for zone, countries in zone_countries.items()}
    return Tables(clocks, held, places, names, everywhere, frozenset(mainland), postcodes, _prefixes(places))


def _named(tokens: str, places: dict[str, PlaceSet]) -> PlaceSet:
    """`AU-QLD AU-NSW@Australia/Sydney`: codes, each with all its zones or only the one after `@`."""
    found: set[Place] = set()
    for token in tokens.split():
        code, _, zone = token.partition("@")
        some = {place for place in places[code] if not zone or place.zone == zone}
        assert some, f"no place {token}"
        found |= some
    return frozenset(found)


def _prefixes(places: dict[str, PlaceSet]) -> Prefixes:
    sets: dict[PlaceSet, int] = {frozenset(): NO_EVIDENCE}

    def class_of(allowed: PlaceSet) -> int:
        return sets.setdefault(allowed, len(sets))

    def within(code: str, zones: str) -> int:
        wanted = set(zones.split(";")) if zones else set()
        return class_of(frozenset(p for p in places[code] if not wanted or p.zone in wanted) or places[code])

    area_codes = np.zeros(1000, dtype=np.int32)
    for row in _rows("area_codes.csv"):
        area_codes[int(row["npa"])] = within(row["region"], row["zones"])
    by_prefix = {row["prefix"]: within(row["region"], row["zones"]) for row in _rows("prefixes.csv")}
    corrections = list(_rows("prefix_corrections.csv"))
    whole = tuple(row["prefix"] for row in corrections if row["whole"])
    by_prefix = {prefix: number for prefix, number in by_prefix.items() if not prefix.startswith(whole)}
    by_prefix |= {row["prefix"]: class_of(_named(row["places"], places)) for row in corrections}

    def longest(digits: str) -> int:
        return next((by_prefix[digits[:n]] for n in range(9, 0, -1) if digits[:n] in by_prefix), NO_EVIDENCE)

    edges = {0}
    for prefix in by_prefix:
        width = 10 ** (_DIGITS - len(prefix))
        edges |= {int(prefix) * width, (int(prefix) + 1) * width}
    starts = sorted(edges)
    classes = [longest(f"{start:015d}") for start in starts]
    return Prefixes(list(sets), area_codes, np.array(starts, dtype=np.uint64), np.array(classes, dtype=np.int32))
