"""The pages: `/` says what is running and how to ask; `/healthz` and `/readyz` say it to machines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psycopg
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from forbear.core.errors import BadInput
from forbear.core.instants import DAY, HOUR, MINUTE, at_of, date_of
from forbear.core.jurisdictions import name_of
from forbear.core.words import Channel, Purpose
from forbear.registries import snapshots
from forbear.rulebook.load import shipped
from forbear.web.connections import borrowed
from forbear.web.problem import Problem

_ASTRAY: Final = 2_000_000  # µs between our clock and the store's beyond which nothing is served


@dataclass(frozen=True, slots=True)
class Store:
    """How the store is, in words for the page."""

    works: bool
    said: str


@dataclass(frozen=True, slots=True)
class Registry:
    name: str
    whose: str
    listed: str
    edition: str
    age: str


def home(request: HttpRequest) -> HttpResponse:
    """What is running, how old the registries are, and how to ask a first question."""
    store = _store()
    try:
        book = shipped()
    except BadInput:
        book = None
    calls = [line for line in book.coverage if line.channels & Channel.VOICE.bit] if book else []
    places = sorted({place for line in calls if line.purposes & Purpose.MARKETING.bit for place in line.places})
    known = {
        "store": store,
        "book": book,
        "rules": len(book.rules) if book else 0,
        "places": _named(places),
        "registries": _registries(),
        "base": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "forbear/home.html", known)


def _named(places: Iterable[str]) -> list[str]:
    """Countries by name; one whose law was read region by region says of how many."""
    regions: dict[str, int] = {}
    for place in places:
        regions[place[:2]] = regions.get(place[:2], 0) + ("-" in place)
    return sorted(f"{name_of(code)} ({count} regions)" if count else name_of(code) for code, count in regions.items())


def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> HttpResponse:
    """The process can decide: the store answers, the clocks agree, the rules load."""
    store = _store()
    try:
        rules = shipped().digest
    except BadInput as error:
        rules = f"not loaded: {error}"
    works = store.works and rules.startswith("sha256:")
    said = {"status": "ready" if works else "not ready", "store": store.said, "rulebook": rules}
    return JsonResponse(said, status=200 if works else 503)


def _store() -> Store:
    try:
        with borrowed() as connection:
            row = connection.execute("SELECT clock_timestamp(), to_regclass('ledger_decision') IS NOT NULL").fetchone()
            version = connection.info.parameter_status("server_version") or "?"
    except (psycopg.Error, BadInput, Problem):
        return Store(False, "does not answer")
    assert row is not None
    if not row[1]:
        return Store(False, "has no tables yet")
    if abs(at_of(row[0]) - time.time_ns() // 1000) > _ASTRAY:
        return Store(False, "its clock and this server's differ by more than 2 s")
    return Store(True, f"PostgreSQL {version.split(' ')[0]}")


def _registries() -> list[Registry]:
    now = time.time_ns() // 1000
    try:
        current = [manifest for manifest, state in snapshots.history(snapshots.default_folder()) if state == "current"]
    except BadInput:
        return []
    return [
        Registry(
            manifest.registry,
            "every account" if manifest.scope == snapshots.ALL else "one account or seller",
            f"{manifest.n:,}",
            "" if manifest.edition_day is None else date_of(manifest.edition_day).isoformat(),
            _age(now - manifest.obtained_at),
        )
        for manifest in current
    ]


def _age(us: int) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if us >= unit:
            count = us // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "just now"
