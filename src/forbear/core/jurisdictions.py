"""What a country or region is called, and which clock is a country's own."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Final

COUNTRIES: Final = {
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "BG": "Bulgaria",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "EE": "Estonia",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "United Kingdom",
    "GR": "Greece",
    "HR": "Croatia",
    "HU": "Hungary",
    "IE": "Ireland",
    "IT": "Italy",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "LV": "Latvia",
    "MT": "Malta",
    "NL": "Netherlands",
    "PL": "Poland",
    "PT": "Portugal",
    "RO": "Romania",
    "SE": "Sweden",
    "SI": "Slovenia",
    "SK": "Slovakia",
    "US": "United States",
}
_TABLES: Final = ("us_states.csv", "au_states.csv", "es_communities.csv")


def name_of(code: str) -> str:
    """`US-FL` as Florida, `FR` as France; a code no table names stays as it is."""
    return COUNTRIES.get(code) or _regions().get(code, code)


def regions_of(country: str) -> tuple[str, ...]:
    """The codes of a country's regions that the rules know, by name."""
    found = [code for code in _regions() if code[:2] == country]
    return tuple(sorted(found, key=lambda code: _regions()[code]))


def main_zone(country: str) -> str | None:
    """The IANA zone most of a country's people keep; None for a country no table knows."""
    return _zones().get(country)


@cache
def _regions() -> dict[str, str]:
    return {row["region"]: row["name"] for table in _TABLES for row in _rows(table) if "-" in row["region"]}


@cache
def _zones() -> dict[str, str]:
    return {row["country"]: row["own_zones"].split(";")[0] for row in _rows("countries.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    with resources.files("forbear.core.numbering").joinpath(name).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
