"""`/u/{token}`: a person's own pages. They stop, choose, ask why, report, take their receipts and ask for erasure.

GET and HEAD show and change nothing, so that scanners and prefetchers can do no harm; POST acts. The token is the
right: no cookie, no login and no CSRF token, since nobody who lacks the token can make up the request. The same POST
twice is the same wish twice. Every act is answered with a receipt number, the id of its event in the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.formats import date_format

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, moment_of
from forbear.core.keys import AddressKind, kind_of
from forbear.core.words import OptOutScope, Way
from forbear.gate import erase, fresh, preferences, receipts, reports, why
from forbear.gate.links import ONE_CLICK, Link, public_url, resolve
from forbear.gate.preferences import Level, Wish
from forbear.web.connections import borrowed
from forbear.web.public import clients, languages, shell
from forbear.web.public.texts import text

_LONGEST_BODY: Final = 64 * 1024
_DONE: Final = {
    OptOutScope.MARKETING: "stop.done_marketing",
    OptOutScope.DIRECT_MARKETING_OBJECTION: "stop.done_marketing",
    OptOutScope.ALL_BUT_NEEDED: "stop.done_needed",
    OptOutScope.ALL: "stop.done_all",
    OptOutScope.LIST: "stop.done_list",
    OptOutScope.CAMPAIGN: "stop.done_list",
}
_STANDS: Final = {
    Level.NO_ADVERTISING: "stop.done_marketing",
    Level.NEEDED: "stop.done_needed",
    Level.NOTHING: "stop.done_all",
}
_OF_THE_HOUSE: Final = ("house.", "coverage")
_METHODS: Final = ("GET", "HEAD", "POST", "OPTIONS")


class Visit:
    """One request for a page of one person: the link it came by, the language, what every page of it shows."""

    def __init__(self, request: HttpRequest, conn: Connection, link: Link, token: str) -> None:
        self.request, self.conn, self.link, self.token = request, conn, link, token
        self.language = languages.language_of(request, link.language, link.address)
        self.account, self.seller = why.names(conn, link)
        self.mail = kind_of(link.address.column) is AddressKind.EMAIL

    def say(self, key: str, **values: object) -> str:
        return text(self.language, f"person.{key}", **values)

    def day(self, moment: datetime | date) -> str:
        return day_in(self.language, moment)

    def page(self, template: str, context: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        known = {
            "account": self.account,
            "seller": self.seller,
            "brand": self.seller,
            "base": f"/u/{self.token}",
            "mail": self.mail,
            "fresh": self.link.fresh,
            "lead": "lead_email" if self.mail else "lead_number",
        }
        whole = {**known, **(context or {})}
        return shell.shown(self.request, template, whole, language=self.language, status=status)

    def done(self, title: str, lines: list[str], receipt: UUID | None, **more: Any) -> HttpResponse:
        """After an act: what is so now, and the number that proves it."""
        return self.page("person/done.html", {"title": title, "lines": lines, "receipt": receipt, **more})


def visiting(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page of the person a token is about. Every token that leads nowhere is answered alike."""

    @shell.guarded
    @wraps(view)
    def opening(request: HttpRequest, token: str, **more: Any) -> HttpResponse:
        if request.method not in _METHODS:
            response = shell.told(request, "not_taken", 405)
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        if request.method == "OPTIONS":
            return shell.sealed(HttpResponse(status=204, headers={"Allow": ", ".join(_METHODS)}))
        if len(request.body) > _LONGEST_BODY:
            return shell.told(request, "not_taken", 413)
        with borrowed() as conn:
            link = resolve(conn, token)
            if link is None:
                wait_s = clients.wait_s(clients.STRANGERS, clients.client_of(request))
                return shell.too_fast(request, wait_s) if wait_s else shell.lost(request)
            wait_s = clients.wait_s(clients.PEOPLE, f"{link.address.column}.{link.address.mac.hex()}")
            if wait_s:
                language = languages.language_of(request, link.language, link.address)
                return shell.too_fast(request, wait_s, language)
            return view(Visit(request, conn, link, token), **more)

    return opening


def day_in(language: str, moment: datetime | date) -> str:
    """A date as the language writes it."""
    with translation.override(language):
        return date_format(moment, "DATE_FORMAT")


# --- unsubscribe


@visiting
def unsubscribe(visit: Visit) -> HttpResponse:
    """`/u/{token}`, the address of `List-Unsubscribe`: a page on GET; on POST the stop, for programs and people."""
    request, link = visit.request, visit.link
    if request.method != "POST":
        return _ask(visit)
    if request.POST.get("List-Unsubscribe") == "One-Click" or ONE_CLICK.encode() in request.body:
        receipt, _, _ = preferences.unsubscribe(visit.conn, link, Way.ONE_CLICK)
        said = f"{visit.say('stop.plain', seller=visit.seller)}\n{text(visit.language, 'receipt')}: {receipt}\n"
        return shell.sealed(HttpResponse(said, content_type="text/plain; charset=utf-8"), visit.language)
    only_list = request.POST.get("act") == "list" and link.list != 0
    if not only_list and request.POST.get("act") != "stop":
        raise BadInput("says neither what to stop nor one-click", key="act")
    receipt, _, covers = preferences.unsubscribe(visit.conn, link, Way.LINK, only_list=only_list)
    lines = [visit.say(_in_force(visit, covers), seller=visit.seller)]
    lines.append(visit.say("stop.regret", seller=visit.seller))
    return visit.done(visit.say("stop.done"), lines, receipt)


def _in_force(visit: Visit, covers: OptOutScope) -> str:
    """The key of the words for what now stands: what was said before may go further than what was said now."""
    stands = next(one for one in preferences.brands(visit.conn, visit.link) if one.seller == visit.link.seller)
    return _STANDS.get(stands.in_force, _DONE[covers])


def _ask(visit: Visit) -> HttpResponse:
    stands = next(one for one in preferences.brands(visit.conn, visit.link) if one.seller == visit.link.seller)
    known = {
        "title": visit.say("stop.title", seller=visit.seller),
        "again": stands.level > Level.AGREED or stands.kept_by == "wide",
        "list": preferences.list_name(visit.conn, visit.link),
    }
    return visit.page("person/stop.html", known)


# --- the preference centre


@visiting
def choose(visit: Visit) -> HttpResponse:
    """`/u/{token}/preferences`: what is in force, brand by brand; saving is one transaction."""
    if visit.request.method != "POST":
        return _centre(visit)
    sent = visit.request.POST
    if sent.get("act") == "all":
        receipt, _ = preferences.everything_off(visit.conn, visit.link)
        lines = [visit.say("preferences.all_lead", account=visit.account)]
        return visit.done(visit.say("preferences.all_done"), lines, receipt, back="preferences")
    if sent.get("act") != "save":
        raise BadInput("says neither what to save nor to stop", key="act")
    shown = {str(brand.seller): brand for brand in preferences.brands(visit.conn, visit.link)}
    wishes = {}
    for name, value in sent.items():
        kind, _, seller = name.partition(".")
        if kind == "level" and seller in shown:
            wishes[shown[seller].seller] = _wish(visit, shown[seller], str(value), str(sent.get(f"often.{seller}", "")))
        elif kind == "level":
            raise BadInput("no such brand on this page", key=name)
    try:
        pause_until = _pause(str(sent.get("pause", "")))
    except ValueError:
        return _centre(visit, problem=visit.say("preferences.bad_date"), status=400)
    saved = preferences.save(
        *(visit.conn, visit.link, wishes),
        pause_until=pause_until,
        resume=sent.get("resume") == "yes",
        language=visit.language,
        page=visit.request.path.replace(visit.token, "…"),
    )
    said = "preferences.saved_body" if saved.event else "" if saved.waiting else "preferences.unchanged"
    return _centre(visit, done=visit.say(said) if said else "", receipt=saved.event, waiting=bool(saved.waiting))


def _wish(visit: Visit, brand: preferences.Brand, level: str, often: str) -> Wish:
    if level not in {"0", "1", "2", "3"} or not (often == "" or (often.isascii() and often.isdigit())):
        raise BadInput("not one of the choices", key="level")
    wording = _wording(visit, brand.name) if level == "0" else ""
    return Wish(Level(int(level)), int(often[:4]) if often else None, wording)


def _wording(visit: Visit, brand: str) -> str:
    """What stands beside the choice that lets advertising in: the words a consent keeps as its evidence."""
    channels = text(visit.language, "channel.email" if visit.mail else "channel.number")
    return visit.say("preferences.opt_in", seller=brand, channels=channels)


def _pause(typed: str) -> int | None:
    """The moment from which the day typed has begun everywhere on earth. Raises `ValueError`."""
    if not typed.strip():
        return None
    day = date.fromisoformat(typed.strip())
    if not datetime.now(UTC).date() < day <= datetime.now(UTC).date() + timedelta(days=730):
        raise ValueError
    return at_of(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def _centre(
    visit: Visit,
    *,
    done: str = "",
    receipt: UUID | None = None,
    waiting: bool = False,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    found = preferences.brands(visit.conn, visit.link)
    rows = [
        {
            "brand": brand,
            "id": str(brand.seller),
            "in_force": int(brand.in_force),
            "floor": int(brand.floor),
            "wording": _wording(visit, brand.name),
            "choices": [(int(level), level.name.lower(), level < brand.floor) for level in Level],
            "often": [
                n
                for n in preferences.OFTEN
                if brand.promised is None or n * brand.promised.days < brand.promised.n * 30
            ]
            if brand.consents
            else [],
        }
        for brand in found
    ]
    until = max((brand.paused_until for brand in found if brand.paused_until), default=None)
    today = datetime.now(UTC).date()
    known = {
        "title": visit.say("preferences.title"),
        "rows": rows,
        "paused": "" if until is None else visit.day(moment_of(until).date()),
        "first_day": (today + timedelta(days=1)).isoformat(),
        "last_day": (today + timedelta(days=730)).isoformat(),
        "done": done,
        "receipt": receipt,
        "waiting": waiting,
        "problem": problem,
        "to": "preferences",
    }
    return visit.page("person/preferences.html", known, status=status)


# --- why, and reporting abuse


@visiting
def explain(visit: Visit) -> HttpResponse:
    """`/u/{token}/why`: the decision, the consent and the rules behind the message."""
    found = why.why(visit.conn, visit.link)
    decision = found.decision
    rules = [] if decision is None else [rule for rule in decision.said if not rule.shadow]
    rules.sort(key=lambda rule: (rule.rule.startswith(_OF_THE_HOUSE), not rule.cites))  # the law first
    known: dict[str, Any] = {
        "title": visit.say("why.title"),
        "found": found,
        "decision": decision,
        "rules": rules[:8],
        "more": rules[8:],
        "n_rules": len(rules),
        "consents": [
            {
                "said": _agreed(visit, one),
                "proof": visit.say("why.proof" if one.evidence else "why.no_proof"),
                "withdrawn": visit.say("why.withdrawn", date=visit.day(one.withdrawn_at)) if one.withdrawn_at else "",
                "wording": one.wording,
                "wording_language": one.wording_language,
            }
            for one in found.consents
        ],
        "dealings": [
            visit.say(f"dealing.{one.kind.value}") + (f", {visit.day(date.fromisoformat(one.on))}" if one.on else "")
            for one in found.dealings
        ],
        "earlier": [(visit.day(at), text(visit.language, f"channel.{channel.value}")) for at, channel in found.earlier],
    }
    if decision is not None:
        moment = moment_of(decision.at)
        known |= {
            "when": f"{visit.day(moment)}, {moment:%H:%M} UTC",
            "locals": sorted({f"{one.time[11:16]} ({one.zone})" for one in decision.local_times})[:4],
            "places": _places(decision),
            "purpose": visit.say(f"purpose.{decision.purpose.value}"),
            "channel": text(visit.language, f"channel.{decision.channel.value}"),
        }
    return visit.page("person/why.html", known)


def _agreed(visit: Visit, one: why.Agreed) -> str:
    level = visit.say(f"level.{one.level.value}") if one.level else "?"
    if not one.on:
        return visit.say("why.given_undated", level=level)
    return visit.say("why.given", level=level, date=visit.day(date.fromisoformat(one.on)))


def _places(decision: Any) -> str:
    regions = sorted({region for one in decision.local_times for region in one.regions})
    return ", ".join(regions[:8]) + (" …" if len(regions) > 8 else "")


@visiting
def report(visit: Visit) -> HttpResponse:
    """`/u/{token}/report`: a reason, and the sender is stopped before anybody reads it."""
    known: dict[str, Any] = {
        "title": visit.say("report.title"),
        "reasons": [(one.value, visit.say(f"report.{one.value}")) for one in reports.Reason],
        "longest": reports.LONGEST,
    }
    if visit.request.method != "POST":
        return visit.page("person/report.html", known)
    chosen, words = str(visit.request.POST.get("reason", "")), str(visit.request.POST.get("words", ""))
    if chosen not in set(reports.Reason):
        problem = {"problem": visit.say("report.choose"), "words": words[: reports.LONGEST]}
        return visit.page("person/report.html", known | problem, status=400)
    receipt, covers = reports.report(visit.conn, visit.link, reports.Reason(chosen), words.replace("\r\n", "\n"))
    lines = [visit.say(_in_force(visit, covers), seller=visit.seller)]
    return visit.done(visit.say("report.done"), lines, receipt)


# --- what wants a fresh link


@visiting
def ask_fresh(visit: Visit) -> HttpResponse:
    """`/u/{token}/fresh`: sends a link to the address itself. Whatever was typed, the answer is the same."""
    to = str(visit.request.POST.get("to") or visit.request.GET.get("to") or "")
    to = to if to in {"preferences", "records", "erase"} else "preferences"
    if visit.request.method != "POST":
        return visit.page("person/fresh.html", {"title": visit.say("fresh.title"), "to": to})
    base = public_url() or f"{visit.request.scheme}://{visit.request.get_host()}"

    def compose(token: str) -> dict[str, str]:
        url = f"{base}/u/{token}/{to}?{languages.PARAMETER}={visit.language}"
        if not visit.mail:
            return {"text": visit.say("fresh.sms", seller=visit.seller, url=url)}
        said = (visit.say("fresh.message", seller=visit.seller), url, visit.say("fresh.message_not_you"))
        return {"subject": visit.say("fresh.subject", seller=visit.seller), "text": "\n\n".join(said) + "\n"}

    typed = str(visit.request.POST.get("address", ""))
    fresh.send(visit.conn, visit.link, typed, compose, language=visit.language)
    return visit.done(visit.say("fresh.sent"), [visit.say("fresh.sent_body")], None)


@visiting
def records(visit: Visit) -> HttpResponse:
    """`/u/{token}/records`: the person's receipts as a file. By a fresh link only."""
    title = visit.say("records.title")
    if not visit.link.fresh:
        return visit.page("person/fresh.html", {"title": title, "to": "records"})
    if visit.request.method != "POST":
        return visit.page("person/records.html", {"title": title})
    sellers = [brand.seller for brand in preferences.brands(visit.conn, visit.link)]
    with visit.conn.transaction():
        found = receipts.of_person(visit.conn, [visit.link.address], sellers)
        if found:
            receipts.hand_over(visit.conn, visit.link.account, visit.link.seller, visit.link.address, found)
    acts = why.acts(visit.conn, visit.link)
    if not found and not acts:
        return visit.page("person/records.html", {"title": title, "problem": visit.say("records.none")})
    body = json.dumps({"consents": found, "acts": acts}, ensure_ascii=False, indent=1, default=str)
    response = HttpResponse(body, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="receipts.json"'
    return shell.sealed(response, visit.language)


@visiting
def forget(visit: Visit) -> HttpResponse:
    """`/u/{token}/erase`: a request for erasure, with the day by which it must be answered. By a fresh link only."""
    title = visit.say("erase.title")
    if not visit.link.fresh:
        return visit.page("person/fresh.html", {"title": title, "to": "erase"})
    if visit.request.method != "POST":
        return visit.page("person/erase.html", {"title": title})
    typed = None
    if visit.mail:
        typed = fresh.typed_address(visit.link, str(visit.request.POST.get("address", "")))
        if typed is None:
            problem = {"title": title, "problem": visit.say("erase.other_address")}
            return visit.page("person/erase.html", problem, status=400)
    asked = erase.request(visit.conn, visit.link.account, visit.link.address, address=typed)
    lines = [visit.say("erase.already", date=visit.day(moment_of(asked.at)))] if asked.again else []
    lines.append(visit.say("erase.done_body", account=visit.account, date=visit.day(moment_of(asked.due_at))))
    return visit.done(visit.say("erase.done"), lines, asked.event)
