"""The rulebook for people who read: rules with every source, places, calendars, coverage, and a contact's open hours.

Public, as the first page is: nothing here is personal but the number somebody types into the
form of open hours, which is sent in a POST body, judged and forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.core.instants import date_of, day_of
from forbear.core.jurisdictions import name_of, regions_of
from forbear.core.words import Channel, Mode, Purpose
from forbear.gate import rulebooks
from forbear.kernel.judge import Engine
from forbear.kernel.week import local
from forbear.rulebook import plain
from forbear.rulebook.coverage_page import scope
from forbear.rulebook.model import Coverage, Rule, Rulebook
from forbear.rulebook.told import of_override
from forbear.rulebook.topics import TOPICS, Cell, cell, laws, places_of, read_of, topics_of
from forbear.web import drawn
from forbear.web.edge import POLICY
from forbear.web.limits import Buckets

_FORM_POLICY: Final = POLICY.replace("form-action 'none'", "form-action 'self'")
_MOST_FORM: Final = 8_192  # bytes of a form
_FIELDS: Final = ("to", "region", "timezone", "channel", "purpose", "mode", "kind", "at")
_KINDS: Final = {"consumer": "a consumer", "business": "a business", "sole_trader": "a sole trader"}
_buckets = Buckets(2.0, burst=20.0)
_judging = threading.Lock()  # one week at a time: drawing one takes tens of milliseconds

View = Callable[..., HttpResponse]


def _page(view: View) -> View:
    """A page of the rulebook: its form may be sent, and where the rules do not load it says so."""

    @wraps(view)
    def shown(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            response = view(request, laws(_installed(rulebooks.folder())), **named)
        except BadInput as error:
            response = _render(request, "astray", None, {"what": "The rules do not load.", "why": str(error)}, 503)
        response.headers["Content-Security-Policy"] = _FORM_POLICY
        return response

    return shown


def _render(
    request: HttpRequest, name: str, book: Rulebook | None, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    common = {"book": book, "version": version("forbear"), "supports": drawn.SUPPORTS}
    return render(request, f"forbear/rulebook/{name}.html", {**common, **context}, status=status)


# --- rules


@_page
def index(request: HttpRequest, book: Rulebook) -> HttpResponse:
    """Every rule by country and region; with `q`, `topic`: those that hold all the words."""
    asked = request.GET.get("q", "").strip()[:200]
    topic = request.GET.get("topic", "")
    topic = topic if topic in TOPICS else ""
    context: dict[str, Any] = {"q": asked, "topic": topic, "topics": TOPICS.items()}
    if asked or topic:
        found = _search(book, asked, topic)
        near = [] if found else plain.near(book, asked.lower())
        context |= {"found": [_row(rule) for rule in found], "near": near, "searched": True}
        return _render(request, "index", book, context)
    countries = []
    for country in sorted({place[:2] for place in places_of(book)}, key=name_of):
        regions = [code for code in regions_of(country) if any(code in rule.applies.places for rule in book.rules)]
        regions += [p for p in places_of(book) if p[:2] == country and "-" in p and p not in regions_of(country)]
        own = [rule for rule in book.rules if country in rule.applies.places]
        countries.append(
            {
                "code": country,
                "name": name_of(country),
                "rules": [_row(rule) for rule in own],
                "regions": [
                    {"code": code, "name": name_of(code), "rules": [_row(r) for r in _at(book, code)]}
                    for code in regions
                ],
            }
        )
    everywhere = [_row(rule) for rule in book.rules if not rule.applies.places]
    return _render(request, "index", book, context | {"countries": countries, "everywhere": everywhere})


def _at(book: Rulebook, place: str) -> list[Rule]:
    return [rule for rule in book.rules if place in rule.applies.places]


def _search(book: Rulebook, asked: str, topic: str) -> list[Rule]:
    words = asked.lower().split()
    texts = _texts(book)
    return [
        rule
        for rule in book.rules
        if (not topic or topic in topics_of(rule)) and all(word in texts[rule.id] for word in words)
    ]


_searched: dict[str, dict[str, str]] = {}


def _texts(book: Rulebook) -> dict[str, str]:
    """What a search looks into, by rule: everything a reader sees but the examples."""
    found = _searched.get(book.digest)
    if found is None:
        found = {}
        for rule in book.rules:
            names = [name_of(place) for place in rule.applies.places]
            says = [line for value in rule.values for line in plain.text(rule, value, book)]
            cites = [f"{cite.title} {cite.quote or ''}" for cite in rule.cites]
            topics = [TOPICS[topic] for topic in topics_of(rule)]
            parts = [rule.id, rule.title, rule.note, plain.about(rule.applies), *names, *says, *cites, *topics]
            found[rule.id] = " ".join(parts).lower()
        _searched.clear()
        _searched[book.digest] = found
    return found


def _row(rule: Rule) -> dict[str, Any]:
    places = [name_of(place) for place in rule.applies.places]
    return {
        "id": rule.id,
        "title": rule.title,
        "confidence": rule.confidence,
        "shadow": rule.shadow,
        "places": ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "") or "everywhere",
    }


_CODES: Final = {
    Code.SILENT: "does not apply",
    Code.SATISFIED: "is met",
    Code.NOT_NOW: "not now",
    Code.UNKNOWN: "evidence is missing",
    Code.FORBIDDEN: "forbidden",
}


@_page
def rule(request: HttpRequest, book: Rulebook, rule_id: str) -> HttpResponse:
    """One rule in full."""
    try:
        found = book.rule(rule_id)
    except KeyError:
        near = plain.near(book, rule_id.lower()[:100])
        return _render(request, "astray", book, {"what": "There is no such rule.", "near": near}, 404)
    today = _today()
    texts = [
        {
            "since": plain.since(value),
            "state": plain.state(value, today),
            "says": _lines(plain.text(found, value, book)),
        }
        for value in sorted(found.values, key=lambda value: value.from_day)
    ]
    cites = [
        {
            "title": cite.title,
            "url": cite.url if (cite.url or "").startswith("https://") else None,
            "quote": cite.quote,
            "source": getattr(cite, "source", None),
            "seen": date_of(cite.seen),
        }
        for cite in found.cites
    ]
    calendars = [book.calendars[name] for name in dict.fromkeys(n for value in found.values for n in value.closed_on)]
    context: dict[str, Any] = {
        "rule": found,
        "about": plain.about(found.applies),
        "places": [(place, name_of(place)) for place in found.applies.places],
        "exceptions": plain.exceptions(found),
        "kind": plain.kind(found),
        "otherwise": plain.otherwise(found),
        "topics": [(topic, TOPICS[topic]) for topic in topics_of(found)],
        "confidence": plain.CONFIDENCE[found.confidence],
        "override": of_override(found.override) if found.override else None,
        "texts": texts,
        "cites": cites,
        "calendars": calendars,
        "examples": [(one.when, _CODES[one.want], one.want.name.lower()) for one in found.examples],
        "beside": [_row(book.rule(other)) for other in plain.beside(book, found)],
    }
    return _render(request, "rule", book, context)


def _lines(says: Iterable[str]) -> list[dict[str, Any]]:
    """Sentences; the alternatives that follow one are its list."""
    found: list[dict[str, Any]] = []
    for line in says:
        if line.startswith("- ") and found:
            found[-1]["choices"].append(line[2:])
        else:
            found.append({"text": line, "choices": []})
    return found


# --- places, calendars, coverage


@_page
def place(request: HttpRequest, book: Rulebook, code: str) -> HttpResponse:
    """What holds in one country or region, by topic, and what was read of it."""
    code = code.upper()
    if code not in places_of(book) and code not in regions_of(code[:2]):
        what = "No law of this place was read, so nobody there is let through."
        return _render(request, "astray", book, {"what": what, "near": []}, 404)
    topics = []
    for topic in TOPICS:
        one = cell(book, code, topic)
        above = cell(book, code[:2], topic) if "-" in code else None
        rules = [_row(book.rule(rule_id)) for rule_id in one.rules]
        beside = [_row(book.rule(rule_id)) for rule_id in above.rules] if above else []
        topics.append(
            {"key": topic, "title": TOPICS[topic], "cell": one, "rules": rules, "above": beside, **_seen(one)}
        )
    readings = [_reading(book.coverage[n]) for n in read_of(book, code)]
    regions = [(one, name_of(one)) for one in places_of(book) if one[:2] == code and one != code]
    context: dict[str, Any] = {
        "code": code,
        "name": name_of(code),
        "country": (code[:2], name_of(code[:2])) if "-" in code else None,
        "topics": topics,
        "readings": readings,
        "regions": sorted(regions, key=lambda pair: pair[1]),
    }
    return _render(request, "place", book, context)


def _seen(one: Cell) -> dict[str, Any]:
    return {"seen": None if one.seen is None else date_of(one.seen)}


def _reading(entry: Coverage) -> dict[str, Any]:
    channels, purposes = scope(entry)
    return {"entry": entry, "channels": channels, "purposes": purposes, "seen": date_of(entry.seen)}


@_page
def coverage(request: HttpRequest, book: Rulebook) -> HttpResponse:
    """Every jurisdiction by topic."""
    rows = [
        {
            "code": code,
            "name": name_of(code),
            "region": "-" in code,
            "cells": [(TOPICS[topic], cell(book, code, topic)) for topic in TOPICS],
        }
        for code in places_of(book)
    ]
    return _render(request, "coverage", book, {"topics": TOPICS.values(), "rows": rows})


@_page
def calendars(request: HttpRequest, book: Rulebook) -> HttpResponse:
    """Every holiday calendar and the rules that close on it."""
    found = [
        {
            "calendar": calendar,
            "first": date_of(calendar.from_day),
            "last": date_of(calendar.through_day),
            "rules": _closing_on(book, calendar.id),
        }
        for calendar in sorted(book.calendars.values(), key=lambda calendar: calendar.title)
    ]
    return _render(request, "calendars", book, {"calendars": found})


@_page
def calendar(request: HttpRequest, book: Rulebook, name: str) -> HttpResponse:
    """One calendar's days, year by year; this year and the next stand open."""
    found = book.calendars.get(name)
    if found is None:
        return _render(request, "astray", book, {"what": "There is no such calendar.", "near": []}, 404)
    years: dict[int, list[dict[str, Any]]] = {}
    for holiday in found.days:
        day = date_of(holiday.day)
        years.setdefault(day.year, []).append({"day": day, "name": holiday.name, "substitute": holiday.substitute})
    this = date_of(_today()).year
    context = {
        "calendar": found,
        "first": date_of(found.from_day),
        "last": date_of(found.through_day),
        "years": [(year, days, this <= year <= this + 1) for year, days in sorted(years.items())],
        "rules": _closing_on(book, name),
    }
    return _render(request, "calendar", book, context)


def _closing_on(book: Rulebook, calendar: str) -> list[dict[str, Any]]:
    return [_row(rule) for rule in book.rules if any(calendar in value.closed_on for value in rule.values)]


# --- a contact's week


@dataclass(frozen=True, slots=True)
class _Row:
    """One day of the week as the table beside the picture says it."""

    day: str
    windows: str
    notes: str


@_page
def week(request: HttpRequest, book: Rulebook) -> HttpResponse:
    """GET: the form. POST: the week drawn under it; nothing is kept."""
    context: dict[str, Any] = {
        "channels": [word.value for word in Channel],
        "purposes": [word.value for word in Purpose],
        "modes": [word.value for word in Mode],
        "kinds": _KINDS.items(),
        "regions": [(code, name_of(code)) for code in places_of(book)],
    }
    if request.method != "POST":
        region = request.GET.get("region", "")
        known = {"channel": "voice", "purpose": "marketing", "mode": "live"}
        known["region"] = region if region in places_of(book) else ""
        return _render(request, "week", book, context | {"given": known})
    wait_s = _buckets.take(request.META.get("REMOTE_ADDR", ""), time.monotonic())
    if wait_s:
        context |= {"given": {}, "fault": f"Too many weeks were asked for from here. Try again in {wait_s} s."}
        response = _render(request, "week", book, context, 429)
        response.headers["Retry-After"] = str(wait_s)
        return response
    if len(request.body) > _MOST_FORM:
        return _render(request, "week", book, context | {"given": {}, "fault": "The form is too long."}, 413)
    given = {name: request.POST.get(name, "").strip()[:320] for name in _FIELDS}
    context["given"] = given
    try:
        with _judging:
            found = _asked(_engine(rulebooks.folder()), given)
    except BadInput as error:
        label = {"now": "at", "contact.to": "to", "recipient.region": "region"}.get(error.key or "", error.key or "")
        label = label.rpartition(".")[2]
        said = f"{error.what}{f'; {error.todo}' if error.todo else ''}"
        return _render(request, "week", book, context | {"fault": said, "at_fault": label}, 422)
    return _render(request, "week", book, context | _shown(found))


def _asked(engine: Engine, given: dict[str, str]) -> drawn.Drawn:
    if not (given["to"] or given["region"] or given["timezone"]):
        raise BadInput("Nothing says where the person is", key="to", todo="give a number, a place or a time zone")
    asked: dict[str, str | None] = {name: given[name] for name in _FIELDS if name != "at"}
    if asked["region"] and "-" not in asked["region"]:
        asked["country"] = asked.pop("region")
    at = given["at"] or datetime.now(UTC).isoformat(timespec="seconds")
    if at[-1:] not in "Zz" and "+" not in at:
        at += ":00Z" if len(at) == 16 else "Z"  # a browser sends 2026-11-24T17:00
    return drawn.ask(engine, asked, at)


def _shown(found: drawn.Drawn) -> dict[str, Any]:
    seen = found.week
    today = local(seen, seen.at)[0]
    rules = []
    for rule_id in seen.hours:
        one = found.rule(rule_id)
        whole, alone = drawn.closes(found, rule_id)
        says = [
            line
            for value in one.values
            if plain.state(value, today) == "in force"
            for line in _lines(plain.text(one, value, found.book))
        ]
        doubt = plain.doubt(one)
        rules.append(
            {"rule": one, "whole": _hours(whole), "alone": _hours(alone), "says": says, "doubt": doubt}
            | {"override": of_override(one.override) if one.override else None}
        )
    days = [
        _Row(
            drawn.day_name(day.day),
            drawn.windows(day),
            ", ".join([*dict.fromkeys(name for _, name in day.holidays), *(f"the day before {n}" for n in day.eves)]),
        )
        for day in seen.days
    ]
    return {
        "found": found,
        "picture": mark_safe(drawn.svg(found)),  # noqa: S308 - every text in it is escaped where it is written
        "spoken": drawn.spoken(found),
        "standing": drawn.standing(found),
        "open": _hours(seen.open_minutes),
        "days": days,
        "local_times": drawn.local_times(found),
        "more_zones": max(len(seen.clocks) - 12, 0),
        "rules": rules,
        "needed": [one | {"said": _CODES[Code[one["code"]]]} for one in drawn.needed(found)],
        "owed": drawn.owed(found),
    }


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if rest else f"{hours} h"


@cache
def _installed(folder: Path | None) -> Rulebook:
    """What this process judges by: the shipped rules, with the operator's own over them."""
    return rulebooks.installed(folder)


@cache
def _engine(folder: Path | None) -> Engine:
    """An engine of the installed rules; the decisions' own is left alone."""
    return Engine(_installed(folder), profiles=64)


def _today() -> int:
    return day_of(datetime.now(UTC).date())
