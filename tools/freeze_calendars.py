"""Write the calendars of the rulebook again: `python tools/freeze_calendars.py`.

The days come from the `holidays` library where it is right and from the rule itself where it
is not: the Australian base has no weekday substitutes and the state calendars drop base days,
the British base has no Easter Monday, and the American states' days are written out, because the
library knows no days that only some counties keep and has Utah's Juneteenth wrong.
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


GOOD_FRIDAYS = {
    day.year: day
    for day, name in holidays.country_holidays("GB", subdiv="ENG", years=YEARS).items()
    if name == "Good Friday"
}


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


def au_every_state() -> Days:
    """What is a holiday wherever in Australia: each state's days with the nation's own, and then their intersection."""
    national = {day: (name.replace("ANZAC", "Anzac"), False) for day, (name, _) in library("AU").items()}
    kept = au_national()
    shared = set.intersection(*({*library("AU", state), *national} for state in AU_STATES))
    return {day: kept[day] for day in sorted(shared) if day in kept}


def us_pa() -> Days:
    """44 P.S. 11 as a rule."""
    days = _american(columbus=True)
    for year in YEARS:
        days[_good_friday(year)] = ("Good Friday", False)
        days[_election_day(year)] = ("Election Day", False)
        _keep(days, date(year, 6, 14), "Flag Day")
        _keep(days, date(year, 6, 19), "Juneteenth")
    return days


def us_al() -> Days:
    """Ala. Code 1-3-8: the whole state's days; Rosa Parks Day is each county's choice and kept in all."""
    days = _american(columbus=True)
    for year in YEARS:
        days[_nth(year, 4, 0, 4)] = ("Confederate Memorial Day", False)
        days[_nth(year, 6, 0, 1)] = ("Jefferson Davis' Birthday", False)
        days[date(year, 12, 1)] = ("Mrs. Rosa L. Parks Day", False)
        if year >= 2021:
            _keep(days, date(year, 6, 19), "Juneteenth")
    return days


def us_al_mardi_gras() -> Days:
    """Ala. Code 1-3-8: what only Mobile and Baldwin counties keep."""
    return {_good_friday(year) - timedelta(days=45): ("Mardi Gras", False) for year in YEARS}


def us_la() -> Days:
    """La. R.S. 1:55, the day after Thanksgiving as the governors proclaim it, and two days nobody enforced in 2018."""
    days = _american()
    for year in YEARS:
        days[date(year, 1, 8)] = ("Battle of New Orleans", False)
        days[_good_friday(year) - timedelta(days=45)] = ("Mardi Gras", False)
        days[_good_friday(year)] = ("Good Friday", False)
        days[date(year, 8, 30)] = ("Huey P. Long Day", False)
        days[date(year, 11, 1)] = ("All Saints' Day", False)
        days[_nth(year, 11, 3, 4) + timedelta(days=1)] = ("Acadian Day, by proclamation", False)
        if year % 2 == 0:
            days[_election_day(year)] = ("General Election Day", False)
        if year >= 2021:
            _keep(days, date(year, 6, 19), "Juneteenth")
    return days


def us_ms() -> Days:
    """Miss. Code 3-3-7: no Columbus Day and no Juneteenth."""
    days = _american()
    for year in YEARS:
        days[date(year, 4, 30) - timedelta(days=date(year, 4, 30).weekday())] = ("Confederate Memorial Day", False)
    return days


def us_ri() -> Days:
    """R.I. Gen. Laws 25-1-1 and the federal days; a state day on Sunday is kept on Monday as well."""
    days = _american(columbus=True)
    for year in YEARS:
        independence = date(year, 5, 4)
        days[independence] = ("Rhode Island Independence Day", False)
        if independence.weekday() == 6:
            days[independence + timedelta(days=1)] = ("Rhode Island Independence Day, observed", True)
        days[_nth(year, 8, 0, 2)] = ("Victory Day", False)
        if year % 2 == 0:
            days[_election_day(year)] = ("State Election Day", False)
        if year >= 2021:
            _keep(days, date(year, 6, 19), "Juneteenth")
    return days


def us_ut() -> Days:
    """Utah Code 63G-1-301: Good Friday since 2026-05-06; Juneteenth on its Monday through 2026, on the day since.

    The other reading of each year is kept too: the federal day before 2027, the courts' Monday after.
    """
    days = _american(columbus=True)
    for year in YEARS:
        if year >= 2027:
            days[_good_friday(year)] = ("Good Friday", False)
        if year >= 2022:
            days[_nth(year, 6, 0, 3)] = ("Juneteenth", False)
            if year >= 2027:
                _keep(days, date(year, 6, 19), "Juneteenth")
            else:
                days[date(year, 6, 19)] = ("Juneteenth", False)
        _keep(days, date(year, 7, 24), "Pioneer Day")
    return days


def _american(*, columbus: bool = False) -> Days:
    """The days that the states' tables have in common, without Juneteenth."""
    days: Days = {}
    for year in YEARS:
        days[_nth(year, 1, 0, 3)] = ("Martin Luther King Jr. Day", False)
        days[_nth(year, 2, 0, 3)] = ("Presidents' Day", False)
        days[date(year, 5, 31) - timedelta(days=date(year, 5, 31).weekday())] = ("Memorial Day", False)
        days[_nth(year, 9, 0, 1)] = ("Labor Day", False)
        if columbus:
            days[_nth(year, 10, 0, 2)] = ("Columbus Day", False)
        days[_nth(year, 11, 3, 4)] = ("Thanksgiving Day", False)
        _keep(days, date(year, 1, 1), "New Year's Day")
        _keep(days, date(year, 7, 4), "Independence Day")
        _keep(days, date(year, 11, 11), "Veterans Day")
        _keep(days, date(year, 12, 25), "Christmas Day")
    return days


def _keep(days: Days, day: date, name: str) -> None:
    """A day on Saturday is kept on Friday as well, one on Sunday on Monday as well."""
    days[day] = (name, False)
    kept = {5: day - timedelta(days=1), 6: day + timedelta(days=1)}.get(day.weekday(), day)
    if kept not in days:
        days[kept] = (f"{name}, observed", True)


def _good_friday(year: int) -> date:
    return GOOD_FRIDAYS[year]


def _election_day(year: int) -> date:
    return _nth(year, 11, 0, 1) + timedelta(days=1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def member_state(country: str) -> Days:
    """The library's public holidays in English; a day off that was moved or is kept later stands in for another."""
    found = holidays.country_holidays(country, years=YEARS, language="en_US")
    return {
        day: (name.replace(" (observed)", ", observed"), "(observed)" in name or "(substituted from" in name)
        for day, name in found.items()
    }


MEMBER_STATES = {
    "AT": ("Austria", "Arbeitsruhegesetz § 7(2)"),
    "BE": ("Belgium", "Loi du 4 janvier 1974 relative aux jours fériés; AR du 18 avril 1974"),
    "BG": ("Bulgaria", "Labour Code art 154"),
    "CY": ("Cyprus", "Public holidays announced by the Public Administration and Personnel Department"),
    "CZ": ("Czechia", "Zákon č. 245/2000 Sb."),
    "DK": ("Denmark", "Holidays of the national church; lov nr. 214 af 6. marts 2023 for the end of Great Prayer Day"),
    "EE": ("Estonia", "Pühade ja tähtpäevade seadus"),
    "FI": ("Finland", "Church Act 652/2023, acts 388/1937 and 272/1944; the eves of Midsummer and Christmas by custom"),
    "GR": ("Greece", "Royal decree 748/1966 art 4; Law 1157/1981"),
    "HR": ("Croatia", "Zakon o blagdanima, spomendanima i neradnim danima u Republici Hrvatskoj (NN 110/19)"),
    "HU": ("Hungary", "2012. évi I. törvény 102. §; the yearly decrees that move working days, as far as published"),
    "IE": ("Ireland", "Organisation of Working Time Act 1997 sch 2"),
    "LT": ("Lithuania", "Darbo kodeksas art 123"),
    "LU": ("Luxembourg", "Code du travail art L.232-2"),
    "LV": ("Latvia", "Likums Par svētku, atceres un atzīmējamām dienām; the yearly orders that move working days"),
    "MT": ("Malta", "National Holidays and Other Public Holidays Act (Cap. 252)"),
    "ES": ("Spain", "Estatuto de los Trabajadores art 37.2; the yearly resolutions on working holidays"),
    "IT": ("Italy", "Legge 260/1949, Legge 54/1977; 4 October from 2026"),
    "NL": ("the Netherlands", "Algemene termijnenwet art 3"),
    "PL": ("Poland", "Ustawa o dniach wolnych od pracy; 24 December from 2025"),
    "PT": ("Portugal", "Código do Trabalho art 234"),
    "RO": ("Romania", "Codul muncii art 139"),
    "SE": ("Sweden", "Lag (1989:253) om allmänna helgdagar"),
    "SI": ("Slovenia", "Zakon o praznikih in dela prostih dnevih"),
    "SK": ("Slovakia", "Zákon č. 241/1993 Z. z.: the days on which nobody works"),
}

ES_COMMUNITIES = {
    "AN": "Andalucía",
    "AR": "Aragón",
    "AS": "Asturias",
    "CB": "Cantabria",
    "CE": "Ceuta",
    "CL": "Castilla y León",
    "CM": "Castilla-La Mancha",
    "CN": "Canarias",
    "CT": "Cataluña",
    "EX": "Extremadura",
    "GA": "Galicia",
    "IB": "Illes Balears",
    "MC": "Murcia",
    "MD": "Madrid",
    "ML": "Melilla",
    "NC": "Navarra",
    "PV": "País Vasco",
    "RI": "La Rioja",
    "VC": "Comunitat Valenciana",
}


def es_community(code: str) -> Days:
    """What an autonomous community keeps and the days of all Spain; a Monday kept later is a holiday like others."""
    found = holidays.country_holidays("ES", subdiv=code, years=YEARS, language="en_US")
    return {day: (name, False) for day, name in found.items()} | member_state("ES")


def nl_commemoration() -> Days:
    """4 May, and 5 May in every year: the library has it every fifth, the act on terms each year."""
    days = {date(year, 5, 4): ("Remembrance Day", False) for year in YEARS}
    return days | {date(year, 5, 5): ("Liberation Day", False) for year in YEARS}


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
    "au.every_state": (
        "Australia: the days that every state and territory keeps",
        "Holiday acts of the states and territories",
        au_every_state(),
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
    "us.al": (
        "Alabama: the state's legal holidays, with the days they are observed; Rosa Parks Day counted in every county",
        "Ala. Code 1-3-8; Ala. Admin. Code r. 770-X-5-.17(2); years other than 2026 and 2027 by the rule",
        us_al(),
    ),
    "us.al_mardi_gras": (
        "Alabama: Mardi Gras, kept in Mobile and Baldwin counties only",
        "Ala. Code 1-3-8",
        us_al_mardi_gras(),
    ),
    "us.la": (
        "Louisiana: the legal holidays and those proclaimed each year, with the days they are observed",
        "La. R.S. 1:55; LPSC General Order R-29617 V(A)(2); years other than 2026 and 2027 by the rule, further days may be proclaimed",  # noqa: E501
        us_la(),
    ),
    "us.ms": (
        "Mississippi: the legal holidays, with the days they are observed",
        "Miss. Code 3-3-7; years other than 2026 and 2027 by the rule",
        us_ms(),
    ),
    "us.pa": (
        "Pennsylvania: the legal holidays, with the days they are observed",
        "44 P.S. 11; 73 P.S. 2245(a)(10)",
        us_pa(),
    ),
    "us.ri": (
        "Rhode Island: the state and the federal holidays, with the days they are observed",
        "R.I. Gen. Laws 25-1-1, 5-61-2(2); 5 U.S.C. 6103; years other than 2026 and 2027 by the rule",
        us_ri(),
    ),
    "us.ut": (
        "Utah: the legal holidays, with the days they are observed; Juneteenth by both readings",
        "Utah Code 63G-1-301 as amended 2026-05-06 and 2027-01-01; years other than 2026 and 2027 by the rule",
        us_ut(),
    ),
    **{
        f"{country.lower()}.public": (f"{name}: the public holidays of the whole country", act, member_state(country))
        for country, (name, act) in MEMBER_STATES.items()
    },
    **{
        f"es.{code.lower()}": (
            f"{name}: the public holidays of Spain and of the community, those of municipalities left out",
            "Estatuto de los Trabajadores art 37.2; the yearly resolutions on holidays; later years by the rule",
            es_community(code),
        )
        for code, name in ES_COMMUNITIES.items()
    },
    "nl.commemoration": (
        "the Netherlands: the national days of remembrance and of liberation",
        "Code Telemarketing, as revised 2024-10-15; Algemene termijnenwet art 3",
        nl_commemoration(),
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
