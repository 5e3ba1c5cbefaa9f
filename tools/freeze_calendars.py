"""Write the calendars of the rulebook again: `python tools/freeze_calendars.py`.

The days come from the `holidays` library where it is right and from the rule itself where it
is not: the Australian base has no weekday substitutes and the state calendars drop base days,
the British base has no Easter Monday, and Pennsylvania closes on Flag Day and Election Day.
Run by hand when the library moves; the difference is read before it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import holidays

FIRST, LAST = date(2020, 1, 1), date(2030, 12, 31)
YEARS = range(FIRST.year, LAST.year + 2)  # the next New Year's Day may be kept on the last of December
HERE = Path(__file__).parent.parent / "src/forbear/rulebook/calendars"
SEEN = "2026-11-21"

Days = dict[date, tuple[str, bool]]  # day: its name, and whether it stands in for another

AU_NATIONAL = (
    "New Year's Day",
    "Australia Day",
    "Good Friday",
    "Easter Monday",
    "ANZAC Day",
    "Christmas Day",
    "Boxing Day",
)
AU_STATES = ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")
SA_BOXING_DAY = "Proclamation Day"  # 26 December by another name


def library(country: str, subdiv: str | None = None) -> Days:
    """The library's public holidays; what it calls observed stands in for another day."""
    found = holidays.country_holidays(country, subdiv=subdiv, years=YEARS)
    return {day: (name.replace(" (observed)", ", observed"), "(observed)" in name) for day, name in found.items()}


def au_national() -> Days:
    """The seven national days, and every weekday that some state keeps in the place of one."""
    days = {day: (name.replace("ANZAC", "Anzac"), False) for day, (name, _) in library("AU").items()}
    for state in AU_STATES:
        for day, (name, _) in library("AU", state).items():
            plain = name.removesuffix(", observed")
            national = any(
                part in (*AU_NATIONAL, SA_BOXING_DAY) for part in plain.replace(", observed", "").split("; ")
            )
            if national and day not in days:
                known = "Boxing Day" if plain == SA_BOXING_DAY else plain.replace("ANZAC", "Anzac")
                days[day] = (f"{known}, substitute", True)
    return days


def au_wa() -> Days:
    """What Western Australia keeps as well as the nation."""
    return library("AU", "WA") | au_national()


def us_pa() -> Days:
    """44 P.S. 11 as a rule: a day on Saturday is kept on Friday as well, one on Sunday on Monday as well."""
    days = {day: kept for day, kept in library("GB", "ENG").items() if kept[0] == "Good Friday"}
    for year in YEARS:
        days[_nth(year, 1, 0, 3)] = ("Martin Luther King Jr. Day", False)
        days[_nth(year, 2, 0, 3)] = ("Presidents' Day", False)
        last_of_may = date(year, 5, 31)
        days[last_of_may - timedelta(days=last_of_may.weekday())] = ("Memorial Day", False)
        days[_nth(year, 9, 0, 1)] = ("Labor Day", False)
        days[_nth(year, 10, 0, 2)] = ("Columbus Day", False)
        days[_nth(year, 11, 0, 1) + timedelta(days=1)] = ("Election Day", False)
        days[_nth(year, 11, 3, 4)] = ("Thanksgiving Day", False)
        for month, number, name in (
            (1, 1, "New Year's Day"),
            (6, 14, "Flag Day"),
            (6, 19, "Juneteenth"),
            (7, 4, "Independence Day"),
            (11, 11, "Veterans Day"),
            (12, 25, "Christmas Day"),
        ):
            day = date(year, month, number)
            days[day] = (name, False)
            kept = {5: day - timedelta(days=1), 6: day + timedelta(days=1)}.get(day.weekday(), day)
            if kept not in days:
                days[kept] = (f"{name}, observed", True)
    return days


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


CALENDARS: Mapping[str, tuple[str, str, Days]] = {
    "au.national": (
        "Australia: the national public holidays and the weekdays that stand in for them",
        "Telecommunications (Telemarketing and Research Calls) Industry Standard 2017 s 8(3); substitutes by the states' holiday acts",  # noqa: E501
        au_national(),
    ),
    "au.wa": (
        "Western Australia: the national and the state public holidays",
        "Public and Bank Holidays Act 1972 (WA)",
        au_wa(),
    ),
    "fr.l3133_1": ("France: the eleven days of article L3133-1", "Code du travail L3133-1", library("FR")),
    "de.public": (
        "Germany: the public holidays kept in every Land",
        "Holiday acts of the Länder; Einigungsvertrag art 2(2) for 3 October",
        library("DE"),
    ),
    "gb.england_wales": (
        "United Kingdom: the bank holidays of England and Wales",
        "Banking and Financial Dealings Act 1971 sch 1; royal proclamations",
        library("GB", "ENG"),
    ),
    "us.federal": (
        "United States: the federal holidays, with the days they are observed",
        "5 U.S.C. 6103",
        library("US"),
    ),
    "us.pa": (
        "Pennsylvania: the legal holidays, with the days they are observed",
        "44 P.S. 11; 73 P.S. 2245(a)(10)",
        us_pa(),
    ),
}


def text(calendar_id: str) -> str:
    title, cite, days = CALENDARS[calendar_id]
    lines = [
        "# Written by tools/freeze_calendars.py.",
        f'id = "{calendar_id}"',
        f'title = "{title}"',
        f"from = {FIRST}",
        f"through = {LAST}",
        "holiday = [",
    ]
    for day, (name, substitute) in sorted(days.items()):
        if FIRST <= day <= LAST:
            lines.append(f'  {{ day = {day}, name = "{name}"{", substitute = true" if substitute else ""} }},')
    return "\n".join([*lines, "]", "", "[[cite]]", f'title = "{cite}"', f"seen = {SEEN}", ""])


if __name__ == "__main__":
    for name in CALENDARS:
        (HERE / f"{name}.toml").write_text(text(name), encoding="utf-8")
