"""The frozen calendars against the library they came from and against the tables of the law."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import holidays
import pytest

from forbear.core.instants import date_of
from forbear.rulebook.load import shipped
from forbear.rulebook.model import Calendar

TABLE = Path(__file__).parents[2] / "../shared/law/us/holidays.csv"
YEARS = range(2025, 2029)
AU_STATES = ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")


def calendar(calendar_id: str) -> Calendar:
    return shipped().calendars[calendar_id]


def days(calendar_id: str, years: Iterable[int], *, substitutes: bool = True) -> set[date]:
    return {
        date_of(holiday.day)
        for holiday in calendar(calendar_id).days
        if date_of(holiday.day).year in years and (substitutes or not holiday.substitute)
    }


def library(country: str, subdiv: str | None = None) -> set[date]:
    return set(holidays.country_holidays(country, subdiv=subdiv, years=YEARS))


@pytest.mark.parametrize(
    "calendar_id", ["au.national", "au.wa", "fr.l3133_1", "de.public", "gb.england_wales", "us.pa"]
)
def test_every_calendar_is_complete_from_2020_through_2030(calendar_id: str) -> None:
    found = calendar(calendar_id)
    assert (date_of(found.from_day), date_of(found.through_day)) == (date(2020, 1, 1), date(2030, 12, 31))
    assert {date_of(holiday.day).year for holiday in found.days} == set(range(2020, 2031))
    assert len({holiday.day for holiday in found.days}) == len(found.days)


@pytest.mark.parametrize(
    ("calendar_id", "country", "subdiv"),
    [
        ("fr.l3133_1", "FR", None),
        ("de.public", "DE", None),
        ("gb.england_wales", "GB", "ENG"),
        ("us.federal", "US", None),
    ],
)
def test_a_calendar_taken_whole_is_what_the_library_says(calendar_id: str, country: str, subdiv: str | None) -> None:
    assert days(calendar_id, YEARS) == library(country, subdiv)


def test_france_keeps_exactly_eleven_days_a_year() -> None:
    for year in range(2020, 2031):
        assert len([h for h in calendar("fr.l3133_1").days if date_of(h.day).year == year]) == 11


def test_the_australian_days_are_the_seven_and_their_weekday_substitutes() -> None:
    assert days("au.national", YEARS, substitutes=False) == library("AU")
    substitutes = days("au.national", YEARS) - library("AU")
    kept_somewhere = set().union(*(library("AU", state) for state in AU_STATES))
    assert substitutes <= kept_somewhere
    assert all(day.weekday() < 5 for day in substitutes)
    assert {
        date(2026, 12, 28),
        date(2027, 12, 27),
        date(2027, 12, 28),
        date(2026, 4, 27),
        date(2027, 4, 26),
    } <= substitutes


def test_days_of_one_australian_state_do_not_close_the_nation() -> None:
    cup_day, kings_birthday, wa_day = date(2026, 11, 3), date(2026, 6, 8), date(2026, 6, 1)
    assert not {cup_day, kings_birthday, wa_day} & days("au.national", YEARS)
    assert wa_day in days("au.wa", YEARS)
    assert days("au.national", YEARS) <= days("au.wa", YEARS)


def test_base_days_that_state_calendars_drop_are_there() -> None:
    assert date(2026, 12, 26) in days("au.national", YEARS)  # Tasmania's calendar has none
    assert date(2027, 4, 25) in days("au.national", YEARS)  # a Sunday


@pytest.mark.parametrize(("calendar_id", "column"), [("us.federal", "FED"), ("us.pa", "PA")])
def test_the_american_calendars_are_those_of_the_table(calendar_id: str, column: str) -> None:
    if not TABLE.exists():
        pytest.skip("the tables of the law are not beside this checkout")
    with TABLE.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["calendar"] == column]
    table = {date.fromisoformat(row["date"]) for row in rows}
    observed = {date.fromisoformat(row["date"]) for row in rows if row["tier"] == "observed"}
    assert days(calendar_id, (2026, 2027)) == table
    flagged = days(calendar_id, (2026, 2027)) - days(calendar_id, (2026, 2027), substitutes=False)
    assert observed - flagged <= {date(2027, 12, 31)}


def test_pennsylvania_keeps_flag_day_and_election_day_in_every_year() -> None:
    found = days("us.pa", range(2020, 2031))
    assert {date(2026, 6, 14), date(2026, 6, 15), date(2028, 11, 7), date(2025, 11, 4)} <= found
