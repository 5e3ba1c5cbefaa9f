"""A contact's week for every door: what is asked, the week as plain data, and its picture as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.core.instants import MINUTE, date_of, moment_of, rfc3339
from forbear.core.jurisdictions import name_of
from forbear.core.where import known_zone, zones_of
from forbear.core.words import RecipientKind
from forbear.kernel.case import Case
from forbear.kernel.casefile import read
from forbear.kernel.judge import Engine
from forbear.kernel.week import LocalDay, Week, local, offset_words, week
from forbear.rulebook import plain
from forbear.rulebook.model import Rule, Rulebook
from forbear.rulebook.topics import TOPICS, topics_of

SUPPORTS: Final = "Forbear supports compliance and says why; it does not certify it."
_MOST_ZONES: Final = 60  # a number that may be anywhere is open nowhere, and long in the finding
_ASKED: Final = {  # option -> where the case file has it
    "to": ("contact", "to"),
    "channel": ("contact", "channel"),
    "purpose": ("contact", "purpose"),
    "mode": ("contact", "mode"),
    "sector": ("contact", "sector"),
    "kind": ("recipient", "kind"),
    "line_type": ("recipient", "line_type"),
    "country": ("recipient", "country"),
    "region": ("recipient", "region"),
    "county": ("recipient", "county"),
    "postcode": ("recipient", "postcode"),
    "timezone": ("recipient", "timezone"),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A week and whose it is."""

    case: Case
    week: Week
    book: Rulebook

    def rule(self, rule_id: str) -> Rule:
        return self.book.rule(rule_id)


def ask(engine: Engine, asked: dict[str, str | None], at: str, clock: str | None = None) -> Drawn:
    """The week of a contact given by the words of `_ASKED`, `at` in RFC 3339. Raises `BadInput` naming the word."""
    said: dict[str, Any] = {"now": at, "contact": {}, "recipient": {}, "sender": {}}
    for name, value in asked.items():
        if value:
            part, key = _ASKED[name]
            said[part][key] = value
    recipient = said["recipient"]
    for key in ("region", "country"):
        if key in recipient and not zones_of(recipient[key]):
            raise BadInput(f"no place `{recipient[key]}`", key=key, todo="write it as US-FL or FR")
    if "region" in recipient and "-" not in recipient["region"]:
        recipient["country"] = recipient.pop("region")
    elif "region" in recipient:
        recipient.setdefault("country", recipient["region"][:2].upper())
    if said["contact"].get("channel") != "voice":
        said["contact"].pop("mode", None)
    for zone in (clock, asked.get("timezone")):
        if zone and not known_zone(zone):
            raise BadInput(f"no time zone `{zone}`", key="timezone", todo="write it as America/New_York")
    case = read(said)
    if case.contact.to is not None and case.address_understood is False:
        what = "is no number in the form +18135550123" if case.contact.channel != "email" else "is no e-mail address"
        raise BadInput(what, key="to")
    if len({place.zone for place in case.places}) > _MOST_ZONES:
        raise BadInput("says nothing of where the person is", key="to", todo="say the region or country too")
    return Drawn(case, week(engine, case, clock), engine.rulebook)


def needed(drawn: Drawn) -> list[dict[str, Any]]:
    """What is not a matter of the hour and stands in the way, as far as is known; the hardest to cure first."""
    found = []
    known = {rule.id: rule for rule in drawn.book.rules}
    for word in sorted(drawn.week.said, key=lambda word: (-word.code, word.rule)):
        if word.code <= Code.SATISFIED or word.shadow:
            continue
        rule = known.get(word.rule)
        title = word.title
        if rule is None:
            title = _not_read(drawn, word.rule.removeprefix("coverage.").upper())
        found.append(
            {
                "rule": word.rule,
                "code": word.code.name,
                "topics": [TOPICS[topic] for topic in topics_of(rule)] if rule else ["Coverage"],
                "title": title,
                "confidence": rule.confidence if rule else None,
            }
        )
    return found


def _not_read(drawn: Drawn, place: str) -> str:
    """That nobody read the law of a place for such a contact; or that it was for some kinds of person only."""
    if place == "PLACE":
        return "The law of several of these places was not read for this contact"
    said = f"The law of {name_of(place)} was not read for this contact"
    contact = drawn.case.contact
    kinds = 0
    for entry in drawn.book.coverage:
        there = place in entry.places or place[:2] in entry.places
        if there and entry.channels & contact.channel.bit and entry.purposes & contact.purpose.bit:
            kinds |= entry.recipients
    if not kinds or drawn.case.recipient.kind is not None:
        return said
    names = " or ".join(word.value.replace("_", " ") for word in RecipientKind if kinds & word.bit)
    return f"{said}: say whether the person is a {names}"


def owed(drawn: Drawn) -> list[str]:
    """What the contact owes if it is made, in plain words."""
    found: dict[str, None] = {}
    for word in drawn.week.said:
        rule = next((one for one in drawn.book.rules if one.id == word.rule), None)
        if rule is None or rule.check != "owes" or word.shadow:
            continue
        for value in rule.values:
            if value.undated or value.from_day <= local(drawn.week, drawn.week.at)[0] <= value.to_day:
                found.update(dict.fromkeys(plain.duty(one) for one in value.obligations))
    return list(found)


def letters(drawn: Drawn) -> dict[str, str]:
    """A letter for each rule that closes some of the week, in the order of the rulebook."""
    closing = {rule for piece in drawn.week.pieces for rule in piece.closed_by}
    return dict(zip([rule for rule in drawn.week.hours if rule in closing], "abcdefghijklmnopqrstuvwxyz", strict=False))


def closes(drawn: Drawn, rule_id: str) -> tuple[int, int]:
    """Minutes of the week that a rule closes: in all, and alone."""
    pieces = [piece for piece in drawn.week.pieces if rule_id in piece.closed_by]
    alone = [piece for piece in pieces if len(piece.closed_by) == 1]
    total, only = (sum(piece.end - piece.start for piece in some) // MINUTE for some in (pieces, alone))
    return total, only


def windows(day: LocalDay) -> str:
    return " and ".join(f"{plain.clock(a)}-{plain.clock(b)}" for a, b in day.open) or "closed"


def day_name(day: int) -> str:
    return date_of(day).strftime("%a %d %b")


def spoken(drawn: Drawn) -> str:
    """`marketing call (live) to +18135550123`."""
    contact = drawn.case.contact
    kind = {"voice": "call", "sms": "text", "email": "e-mail"}[contact.channel.value]
    mode = f" ({contact.mode.value.replace('_', ' ')})" if contact.mode else ""
    return f"{contact.purpose.value.replace('_', ' ')} {kind}{mode}" + (f" to {contact.to}" if contact.to else "")


def standing(drawn: Drawn) -> str:
    """One sentence: is it open at the moment asked, and if not, when next."""
    found = drawn.week
    if not found.now.closed_by:
        day, minute = local(found, found.now.end)
        until = "" if found.now.end >= found.pieces[-1].end else f" until {day_name(day)} {plain.clock(minute)}"
        return f"At the moment asked the hour is open{until}."
    by = ", ".join(found.now.closed_by)
    if found.next_open is None:
        return f"At the moment asked it is closed ({by}), and no hour of this week is open."
    day, minute = local(found, found.next_open)
    return f"At the moment asked it is closed ({by}); it opens {day_name(day)} at {plain.clock(minute)}."


def as_data(drawn: Drawn) -> dict[str, Any]:
    """The whole week as JSON takes it; local times by `clock`, `pieces` in UTC."""
    found = drawn.week
    return {
        "at": rfc3339(found.at),
        "clock": found.zone,
        "candidates": [
            {"zone": c.zone, "offset": offset_words(c.offset), "places": list(c.regions)} for c in found.clocks
        ],
        "open_now": not found.now.closed_by,
        "next_open": None if found.next_open is None else rfc3339(found.next_open),
        "open_minutes": found.open_minutes,
        "days": [
            {
                "date": date_of(day.day).isoformat(),
                "weekday": plain.WEEKDAYS[date_of(day.day).weekday()],
                "open": [f"{plain.clock(a)}-{plain.clock(b)}" for a, b in day.open],
                "closed": [
                    {"from": plain.clock(s.start), "to": plain.clock(s.end), "by": list(s.closed_by)}
                    for s in day.segments
                    if s.closed_by
                ],
                "holidays": [{"calendar": calendar, "name": name} for calendar, name in day.holidays],
                "eve_of": list(day.eves),
            }
            for day in found.days
        ],
        "pieces": [
            {"from": rfc3339(p.start), "to": rfc3339(p.end), "closed_by": list(p.closed_by)} for p in found.pieces
        ],
        "rules": [
            {
                "rule": rule_id,
                "title": drawn.rule(rule_id).title,
                "confidence": drawn.rule(rule_id).confidence,
                "note": drawn.rule(rule_id).note or None,
                "override": override.mention if (override := drawn.rule(rule_id).override) else None,
                "minutes_closed": closes(drawn, rule_id)[0],
                "minutes_closed_alone": closes(drawn, rule_id)[1],
            }
            for rule_id in found.hours
        ],
        "also_needed": needed(drawn),
        "obligations": owed(drawn),
        "rulebook": drawn.book.digest,
        "note": SUPPORTS,
    }


# --- the picture

_LEFT, _TOP, _ROW, _HOUR, _RIGHT = 92, 46, 34, 27, 14
_STYLE: Final = (
    ".wk{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}"
    ".wk text{fill:#1c2430}.wk .soft{fill:#566173}.wk .bg{fill:#fbfbf9}.wk .open{fill:#2f7d52}.wk .one{fill:#e3c48a}"
    ".wk .many{fill:#dfe3e9}.wk .grid{stroke:#ffffff;stroke-opacity:.55}.wk .now{stroke:#a02c2c;stroke-width:2}"
    ".wk .on{fill:#ffffff;font-weight:600}.wk .none{fill:none;stroke:#aab2bd;stroke-dasharray:3 3}"
    "@media (prefers-color-scheme:dark){.wk text{fill:#e4e8ee}.wk .soft{fill:#9aa6b8}.wk .bg{fill:#14181f}"
    ".wk .open{fill:#3f9a68}.wk .one{fill:#7a5f27}.wk .many{fill:#323b49}.wk .grid{stroke:#14181f}"
    ".wk .now{stroke:#f09090}.wk .on{fill:#ffffff}}"
)


def svg(drawn: Drawn) -> str:
    """The week as a picture that stands alone: a bar a day, to the minute. Green is open."""
    found = drawn.week
    width, height = _LEFT + 24 * _HOUR + _RIGHT, _TOP + 7 * _ROW + 34
    title = f"Open hours of a {spoken(drawn)}, by the clock of {found.zone}"
    said = "; ".join(f"{day_name(day.day)} {windows(day)}" for day in found.days)
    out = [
        f'<svg class="wk" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-labelledby="wk-title wk-said">',
        f'<title id="wk-title">{escape(title)}</title><desc id="wk-said">{escape(said)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="bg" width="{width}" height="{height}"/>',
        f'<text class="soft" x="0" y="16">{escape(found.zone)}</text>',
    ]
    for hour in range(0, 25, 2):
        out.append(f'<text class="soft" x="{_x(hour * 60):g}" y="{_TOP - 10}" text-anchor="middle">{hour:02d}</text>')
    today, minute = local(found, found.at)
    several = len(letters(drawn)) > 1  # which rule closes an hour alone is news only then
    labels: list[str] = []
    for index, day in enumerate(found.days):
        y = _TOP + index * _ROW
        out.append(f'<text x="0" y="{y + 17}">{day_name(day.day)}</text>')
        out.append(
            f'<rect class="none" x="{_LEFT + 0.5}" y="{y + 0.5}" width="{24 * _HOUR - 1}" height="{_ROW - 10}"/>'
        )
        for segment in day.segments:
            name = "open" if not segment.closed_by else "one" if several and len(segment.closed_by) == 1 else "many"
            tip = "open" if not segment.closed_by else f"closed by {', '.join(segment.closed_by)}"
            wide = _x(segment.end) - _x(segment.start)
            out.append(
                f'<rect class="{name}" x="{_x(segment.start):g}" y="{y}" width="{wide:g}" height="{_ROW - 9}">'
                f"<title>{plain.clock(segment.start)}-{plain.clock(segment.end)} {escape(tip)}</title></rect>"
            )
            if not segment.closed_by and wide > 78:
                label = f"{plain.clock(segment.start)}\N{EN DASH}{plain.clock(segment.end)}"
                middle = (_x(segment.start) + _x(segment.end)) / 2
                labels.append(f'<text class="on" x="{middle:g}" y="{y + 17}" text-anchor="middle">{label}</text>')
        names = [*dict.fromkeys(name for _, name in day.holidays), *(f"before {name}" for name in day.eves)]
        if names:
            text = escape(", ".join(names)[:80])
            labels.append(f'<text x="{_LEFT + 8}" y="{y + 17}" font-style="italic">{text}</text>')
        if day.day == today:
            at = _x(minute)
            labels.append(f'<line class="now" x1="{at:g}" x2="{at:g}" y1="{y - 4}" y2="{y + _ROW - 5}"/>')
    for hour in range(2, 24, 2):
        x = _x(hour * 60)
        out.append(f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{_TOP}" y2="{_TOP + 7 * _ROW - 9}"/>')
    out += labels
    y = _TOP + 7 * _ROW + 12
    legend = [(0, "open", "open"), (80, "many", "closed")]
    if several:
        legend = [(0, "open", "open"), (80, "one", "closed by one rule"), (230, "many", "closed by several")]
    for x, name, words in legend:
        out.append(f'<rect class="{name}" x="{x}" y="{y - 10}" width="12" height="12"/>')
        out.append(f'<text class="soft" x="{x + 18}" y="{y}">{words}</text>')
    out.append(f'<line class="now" x1="386" x2="386" y1="{y - 12}" y2="{y + 4}"/>')
    out.append(f'<text class="soft" x="394" y="{y}">the moment asked</text>')
    out.append("</svg>")
    return "\n".join(out)


def _x(minute: int) -> float:
    return _LEFT + minute * _HOUR / 60


def local_times(drawn: Drawn, most: int = 12) -> Sequence[tuple[str, str, str]]:
    """(local time, zone with its offset, places) of each candidate zone at the moment asked."""
    found = drawn.week
    rows = []
    for one in found.clocks[:most]:
        wall = moment_of(found.at + one.offset * MINUTE)
        names = [name_of(region) for region in one.regions]
        places = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        rows.append((wall.strftime("%a %d %b %Y %H:%M"), f"{one.zone} ({offset_words(one.offset)})", places))
    return rows
