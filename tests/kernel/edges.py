"""Cases whose edges come from the rulebook: they lie on, just before and just after every limit it states.

Random facts do not find `<` for `<=` at nine in the evening. So a rule is chosen, the contact
is made one the rule is about (mostly), and its moment and dates are set beside the windows,
texts, list ages, caps and consent ends that the book states.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from forbear.core import where
from forbear.core.instants import date_of
from forbear.core.words import (
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    RecipientKind,
    RelationshipKind,
    SenderKind,
    Word,
)
from forbear.kernel.case import Case
from forbear.kernel.casefile import read
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
    Rule,
    Rulebook,
)

T = TypeVar("T")
W = TypeVar("W", bound=Word)

_NUDGES = [timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)]
_NUMBERS = {
    "US": ["+12125550100", "+18135550123", "+19155550123", "+18085550123", "+14805550123", "+18005550100"],
    "AU": ["+61298765432", "+61733334444", "+61412345678", "+61889990000"],
    "FR": ["+33612345678", "+33123456789"],
    "DE": ["+4915112345678", "+493012345678"],
    "GB": ["+447400123456", "+442079460000"],
    "CA": ["+14165550123"],
}
_ELSEWHERE = ["BR", "JP", "NL", "NZ"]
_FROM = ["+12025550100", "+33162000000", "Acme", "ACMEMAISON12", "61412345678", "news@acme.example", "+61298765432"]
_COUNTIES = ["Erie", "Erie County", "Erie Co.", "Orleans parish", "Kings", "City of Buffalo"]
_DAYS_OF_NOTE = [
    date(2026, 3, 8),
    date(2026, 11, 1),
    date(2027, 3, 14),
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 12, 31),
    date(2028, 2, 29),
    date(2027, 2, 28),
    date(2026, 8, 31),
]
_PAUSES = [timedelta(0), timedelta(0), timedelta(hours=5), timedelta(days=20), timedelta(days=-1)]
_MONTH_ENDS = [date(2027, 2, 28), date(2026, 4, 30), date(2026, 6, 30), date(2026, 11, 30), date(2028, 2, 29)]


class Edges:
    """Draws cases for one rulebook; the same seed draws the same cases."""

    def __init__(self, rulebook: Rulebook, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rulebook = rulebook
        self._rule = rulebook.rules[0]
        self._counted: Sequence[Rule] = ()
        self._all_months: list[int] = []
        self.rules = rulebook.rules  # those a case is made for; its facts lie on the edges of all
        self.days: list[date] = list(_DAYS_OF_NOTE)
        for rule in rulebook.rules:
            for value in rule.values:
                self.days += [date_of(day) for day in (value.from_day, value.to_day) if day not in (ALWAYS, NEVER)]
        for calendar in rulebook.calendars.values():
            self.days += [date_of(h.day) for h in calendar.days if h.day > calendar.through_day - 1500]
            self.days.append(date_of(calendar.through_day))
        conditions = [condition for rule in rulebook.rules for condition in conditions_of(rule)]
        self.caps = [c for c in conditions if isinstance(c, CapCondition)]
        self.consents = [c for c in conditions if isinstance(c, ConsentCondition)]
        self.dealings = [c for c in conditions if isinstance(c, RelationshipCondition)]
        self.fresh = {c.registry: c for c in conditions if isinstance(c, FreshCondition)}
        self.listed = {c.registry: c for c in conditions if isinstance(c, ListedCondition)}
        self.regions = sorted({place for rule in rulebook.rules for place in rule.applies.places})
        self.regions += sorted({place for entry in rulebook.coverage for place in entry.places} - set(self.regions))

    def cases(self, count: int) -> list[Case]:
        return [self.case(number) for number in range(count)]

    def case(self, number: int = 0) -> Case:
        return read(self.facts(number))

    # small draws

    def chance(self, of: float) -> bool:
        return self.rng.random() < of

    def pick(self, items: Sequence[T]) -> T:
        return self.rng.choice(items)

    def some(self, words: type[W], mask: int = 0) -> W:
        """A word of the mask, mostly."""
        within = [word for word in words if word.bit & mask]
        return self.pick(within) if within and self.chance(0.9) else self.pick(list(words))

    def yes_no(self, yes: float = 0.6, unknown: float = 0.12) -> bool | None:
        return None if self.chance(unknown) else self.chance(yes)

    def near(self, moment: datetime) -> datetime:
        return moment + self.pick(_NUDGES) * self.pick([-1, 1])

    def day_near(self, day: date) -> date:
        return day + timedelta(days=self.pick([-1, 0, 0, 1]))

    # a case

    def facts(self, number: int = 0, like: dict[str, Any] | None = None) -> dict[str, Any]:
        """`like`: facts drawn before, whose person, sender, message and month this contact shares."""
        if like is None:
            self._rule = self.pick(self.rules)
        rule = self._rule
        about = {type(condition) for condition in conditions_of(rule)}
        recipient = like["recipient"] if like else self.recipient(rule)
        contact = like["contact"] if like else self.contact(rule, recipient)
        facts: dict[str, Any] = {"id": str(number), "contact": contact, "recipient": recipient}
        sender: dict[str, Any] = {
            "kind": self.some(SenderKind, rule.applies.sender) if self.chance(0.9) else None,
            "country": self.pick(rule.applies.sender_country or ("US", "AU", "FR")) if self.chance(0.8) else None,
            "id_registered": self.yes_no(),
        }
        if self.chance(0.2):
            sender["ftc"] = self.chance(0.5)
        facts["sender"] = like["sender"] if like else sender
        policy = dict(rule.applies.policy) if self.chance(0.8) else {}
        if self.chance(0.2):
            policy["close_substitute_holidays"] = self.chance(0.5)
        if self.chance(0.1):
            policy["unknown_location"] = "mainland_states"
        facts["policy"] = like["policy"] if like else policy
        places = read({**facts, "now": "2026-11-24T12:00:00Z"}).places
        regions = sorted({place.region for place in places})
        if like:
            facts.update({"alerts": like["alerts"]} if "alerts" in like else {})
        elif (rule.applies.alert and self.chance(0.9)) or self.chance(0.05):
            region = self.pick(regions)
            facts["alerts"] = [self.pick([region, region[:2], f"{region}:{self.pick(_COUNTIES)}"])]
            recipient["county"] = self.pick([None, *_COUNTIES])
        if rule.applies.counties and not like and self.chance(0.8):
            recipient["county"] = self.pick([*rule.applies.counties, *_COUNTIES])
        zones = sorted({place.zone for place in places})
        now = self.now(rule, self.pick(zones))
        if like:  # the same weekday and hour within two weeks, or the very moment drawn
            now = like["now"] + timedelta(minutes=self.pick([0, 0, 1, -1, 60, 1440, 7 * 1440, -1440, 600]))
        facts["now"] = now
        today = self.pick([now.astimezone(ZoneInfo(zone)).date() for zone in (zones[0], zones[-1], self.pick(zones))])
        if self.chance(0.9):
            facts["consents"] = [self.consent(rule, now, today, contact) for _ in range(self.pick([0, 0, 1, 1, 2, 3]))]
        if self.chance(0.9):
            facts["relationships"] = [self.dealing(rule, today) for _ in range(self.pick([0, 0, 1, 2]))]
        facts["registries"] = {name: self.answer(name, now, today) for name in self.listed if self.chance(0.9)}
        told = about & {OptOutCondition, ConfirmationCondition, PauseCondition}
        if told or self.chance(0.92):
            often = [1, 1, 1, 2] if told else [0, 0, 0, 0, 0, 1, 2]
            facts["opt_outs"] = [self.opt_out(rule, now, contact) for _ in range(self.pick(often))]
            if facts["opt_outs"] and self.chance(0.6):
                facts["consents"] = [self.meeting(facts["opt_outs"][0], zones, contact), *facts.get("consents", [])]
        if ConsentCondition in about and self.chance(0.3):  # good in all but when it was given, or until when
            good = self.good_consent(rule, contact)
            days = [c.at_most_days for c in conditions_of(rule) if isinstance(c, ConsentCondition) and c.at_most_days]
            ages = [timedelta(0), *(timedelta(days=span) for span in days)]
            good["given"] = self.pick(
                [self.day_near(today - self.pick(ages)), self.near(now), self.months_ago(rule, today)]
            )
            good["until"] = self.pick(
                [None, None, None, "indefinite", self.day_near(today), today + timedelta(days=500)]
            )
            for condition in conditions_of(rule):
                if isinstance(condition, ConsentCondition) and condition.after_listing and self.chance(0.7):
                    since = facts["registries"].get(condition.after_listing, {}).get("since")
                    good["given"] = self.day_near(since) if since else good["given"]
            facts["consents"] = [good, *self.pick([facts.get("consents", []), []])]
        if PromiseCondition in about and self.chance(0.9):
            facts["consents"] = [*self.promises(now, today, contact), *facts.get("consents", [])]
        history: dict[str, Any] = {}
        if self.chance(0.92):
            history["attempts"] = self.attempts(rule, now, today, contact)
            if any(isinstance(c, ConsentCondition) and c.after_refusal for c in conditions_of(rule)):
                history["attempts"].append(self.refusal(facts.get("consents") or [{"given": today}]))
            if PromiseCondition in about:
                history["attempts"] += self.promised(facts.get("consents", []), now, today, contact)
            unused = [c.unused_months for c in conditions_of(rule) if isinstance(c, ConsentCondition)]
            for months in unused:
                if months is not None:
                    history["attempts"].append(self.use(_back(today, months), now, contact))
        if told or self.chance(0.7):
            history["confirmations_sent"] = self.pick([0, 0, 1, 2])
        facts["history"] = history
        if self.chance(0.6):
            live = self.pick([0, 100, 300, 1000])
            facts["dialler"] = {
                "answered_live": live if self.chance(0.95) else None,
                "abandoned": max(0, live * 3 // 100 + self.pick([-1, 0, 1])) if self.chance(0.95) else None,
                "window_days": self.pick([30, 30, 30, 28, None]),
                "live_agent_guaranteed": self.yes_no(0.3),
            }
        return facts

    def recipient(self, rule: Rule) -> dict[str, Any]:
        place = self.pick(rule.applies.places) if rule.applies.places and self.chance(0.9) else self.pick(self.regions)
        if self.chance(0.04):
            place = self.pick(_ELSEWHERE)
        found: dict[str, Any] = {"country": place[:2], "region": place if "-" in place else None}
        if self.chance(0.15):
            found["region"] = None
        if self.chance(0.05):
            found["country"] = None
        if self.chance(0.1):  # a zone that may well contradict the rest
            found["timezone"] = self.pick([*where.zones_of(place), "America/Los_Angeles", "Europe/Paris"])
        if self.chance(0.1):
            found["other_numbers"] = [self.pick(_NUMBERS[self.pick(list(_NUMBERS))])]
        found["kind"] = self.some(RecipientKind, rule.applies.recipient) if self.chance(0.9) else None
        found["line_type"] = self.some(LineType, rule.applies.line_type) if self.chance(0.8) else None
        found["gave_number"] = self.yes_no(0.3, 0.3)
        if self.chance(0.1):
            found["carrier_block"] = self.yes_no(0.3)
        return found

    def contact(self, rule: Rule, recipient: dict[str, Any]) -> dict[str, Any]:
        channel = self.some(Channel, rule.applies.channel)
        if rule.applies.mode and not rule.applies.channel and self.chance(0.8):
            channel = Channel.VOICE
        found: dict[str, Any] = {"channel": channel, "purpose": self.some(Purpose, rule.applies.purpose)}
        if channel is Channel.VOICE and self.chance(0.93):
            found["mode"] = self.some(Mode, rule.applies.mode)
        if channel is Channel.EMAIL:
            found["to"] = self.pick(["pat@example.net", "pat@example.net", "not an address"])
        elif self.chance(0.5):
            found["to"] = self.pick(_NUMBERS.get(recipient["country"] or "", ["+12125550100"]))
        else:
            found["to"] = self.pick([*_NUMBERS["US"], "+61412345678", "pat@example.net", None, None, None])
        if self.chance(0.9):
            found["from"] = self.pick(_FROM)
        if self.chance(0.5):
            found["ai_disclosed"] = self.chance(0.6)
        if self.chance(0.3) or rule.applies.sector:
            found["sector"] = self.pick([*rule.applies.sector * 6, "energy_supply", "retail"])
        for key in ("subject", "debt", "campaign", "list"):
            if self.chance(0.7):
                found[key] = self.pick(["one", "one", "two"])
        if self.chance(0.93):
            content: dict[str, Any] = {
                key: self.yes_no(0.85, 0.06)
                for key in (
                    "identifies_sender",
                    "postal_address",
                    "subject_accurate",
                    "header_accurate",
                    "identified_as_ad",
                )
            }
            content["promotional"] = self.yes_no(0.3, 0.15)
            content["identified_as_ad"] = self.yes_no(0.7)
            if self.chance(0.85):
                content["opt_out"] = {
                    "kind": self.pick(["reply", "url", "key_press", "none", None]),
                    "requires_login": self.yes_no(0.1),
                }
            found["content"] = content
        return found

    def now(self, rule: Rule, zone: str) -> datetime:
        """Beside the edge of a window, a midnight, a change of the clock, on a day on which a text may change."""
        own = [date_of(day) for v in rule.values for day in (v.from_day, v.to_day) if day not in (ALWAYS, NEVER)]
        if own and self.chance(0.4):
            day = self.day_near(self.pick(own))
        elif self.chance(0.4 if months_of(rule) else 0.05):
            day = self.day_near(self.pick(_MONTH_ENDS))
        elif self.chance(0.5):
            day = date(2026, 1, 1) + timedelta(days=self.rng.randrange(700))
        else:
            day = self.day_near(self.pick(self.days))
        fresh = [c for c in conditions_of(rule) if isinstance(c, FreshCondition) and c.editions]
        if fresh and self.chance(0.5):  # the day an edition is out, or must be in use
            edition = date.fromisoformat(f"{day.year}-{self.pick(fresh[0].editions)}")
            day = self.day_near(edition + timedelta(days=fresh[0].in_force_after_days))
        eves = [minute for v in rule.values for span in v.eves for minute in span]
        if eves and self.chance(0.4):
            closed = [self.rulebook.calendars[name] for v in rule.values for name in v.closed_on]
            day = date_of(self.pick([h.day for calendar in closed for h in calendar.days])) - timedelta(days=1)
        windows = [v.hours for v in rule.values if v.hours] or [
            v.hours for other in self.rulebook.rules for v in other.values if v.hours
        ]
        minutes = [0, *eves]
        if windows:
            minutes += [m for span in self.pick(windows)[day.weekday()] for m in span]
        minute = self.pick(minutes) if self.chance(0.7) else self.rng.randrange(1440)
        clock = ZoneInfo(zone)
        local = datetime.combine(day, time(), tzinfo=clock) + timedelta(minutes=minute)
        moment = self.near(local.astimezone(UTC))
        if self.chance(0.05):  # the hour in which the clock is set
            moment = self.near(datetime.combine(day, time(self.rng.randrange(24)), tzinfo=UTC))
        return moment

    def consent(self, rule: Rule, now: datetime, today: date, contact: dict[str, Any]) -> dict[str, Any]:
        asked = self.pick(self.consents) if self.consents else ConsentCondition(levels=1)
        days = [c.at_most_days for c in self.consents if c.at_most_days is not None] or [90]
        ages = [timedelta(0), timedelta(days=self.pick(days)), timedelta(days=30), timedelta(days=400)]
        given: Any = self.day_near(today - self.pick(ages))
        if self.chance(0.4):
            given = self.months_ago(rule, today)
        elif asked.given_from is not None and self.chance(0.5):
            given = self.day_near(date_of(asked.given_from))
        if self.chance(0.3):
            given = self.near(datetime.combine(given, now.time(), tzinfo=UTC))
        until: Any = self.pick([None, None, None, "indefinite", self.day_near(today), today + timedelta(days=60)])
        found: dict[str, Any] = {
            "level": self.some(ConsentLevel, asked.levels),
            "given": given,
            "until": until,
            "channels": [contact["channel"]] if self.chance(0.9) else ["voice"],
            "purposes": self.pick([[contact["purpose"], "marketing"]] * 5 + [["marketing"], [contact["purpose"]], []]),
            "covers": [cover for cover in ConsentCover if self.chance(0.8)],
            "evidence": self.yes_no(0.85),
            "names_seller": self.yes_no(0.85),
        }
        for key in ("level", "given", "channels", "purposes", "covers"):
            if self.chance(0.04):
                found[key] = None
        if self.chance(0.1):
            found["withdrawn"] = self.near(now)
        if self.chance(0.1):
            found["imported"] = True
        return found

    def promises(self, now: datetime, today: date, contact: dict[str, Any]) -> list[dict[str, Any]]:
        """Consents with a promise, which may begin and end about now or soon."""
        found = []
        for _ in range(self.pick([1, 1, 2])):
            one: dict[str, Any] = {
                "given": self.pick([self.near(now), self.day_near(today), today - timedelta(days=90), None]),
                "until": self.pick([None, None, "indefinite", self.day_near(today), today + timedelta(days=9)]),
                "channels": self.pick([[contact["channel"]], [contact["channel"]], ["voice"], None]),
                "purposes": self.pick([[contact["purpose"]], ["marketing"], ["marketing", "delivery"], None]),
                "level": self.pick(["express", "express_written"]),
                "promised_n": self.pick([1, 2, 3]),
                "promised_days": self.pick([1, 7, 30]),
            }
            if self.chance(0.2):
                one["withdrawn"] = self.near(now + self.pick(_PAUSES))
            found.append(one)
        return found

    def promised(
        self, consents: list[dict[str, Any]], now: datetime, today: date, contact: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Attempts about as many as were promised, beside the ends of their days."""
        found = []
        for consent in (one for one in consents if "promised_n" in one):
            for _ in range(max(0, consent["promised_n"] + self.pick([-1, 0, 0, 0, 1]))):
                ago = timedelta(days=consent["promised_days"])
                moment = self.pick([now - ago, now - ago / 2, now - timedelta(hours=3)])
                found.append(
                    {
                        **({"at": self.near(moment)} if self.chance(0.7) else {"on": self.day_near(today - ago)}),
                        "channel": self.pick([contact["channel"]] * 4 + [*Channel, None]),
                        "purpose": self.pick([contact["purpose"], "marketing", "delivery", "transactional", None]),
                    }
                )
        return found

    def _months(self) -> list[int]:
        if self._counted is not self.rules:
            self._counted = self.rules
            self._all_months = [month for rule in self.rules for month in months_of(rule)]
        return self._all_months

    def months_ago(self, rule: Rule, today: date) -> date:
        """A day whose period of so many months ends today, or a day off; also where the month is too short for it."""
        months = months_of(rule) or self._months() or [6]
        day = _back(today, self.pick(months))
        if self.chance(0.6 if (today + timedelta(days=1)).day == 1 else 0.2):
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return self.day_near(day)

    def good_consent(self, rule: Rule, contact: dict[str, Any]) -> dict[str, Any]:
        asked = [c for c in conditions_of(rule) if isinstance(c, ConsentCondition)] or [ConsentCondition(levels=-1)]
        levels = self.pick(asked).levels
        return {
            "level": self.pick([level for level in ConsentLevel if level.bit & levels]),
            "channels": [contact["channel"]],
            "purposes": [contact["purpose"], "marketing"],
            "covers": list(ConsentCover),
            "evidence": True,
            "names_seller": True,
        }

    def dealing(self, rule: Rule, today: date) -> dict[str, Any]:
        asked = self.pick(self.dealings) if self.dealings else RelationshipCondition(kinds=1)
        days = [c.days for c in self.dealings if c.days is not None] or [90]
        on = self.pick([self.day_near(today - timedelta(days=self.pick(days))), self.day_near(today)])
        if self.chance(0.4):
            on = self.months_ago(rule, today)
        return {
            "kind": self.some(RelationshipKind, asked.kinds) if self.chance(0.95) else None,
            "on": on if self.chance(0.9) else None,
            "ongoing": self.yes_no(0.5, 0.2),
            "related": self.yes_no(0.6, 0.2),
        }

    def answer(self, name: str, now: datetime, today: date) -> dict[str, Any]:
        binds = self.listed[name].binds_after_days
        fresh = self.fresh.get(name)
        since = self.day_near(today - timedelta(days=binds or 100)) if self.chance(0.8) else None
        checked: Any = self.day_near(today - timedelta(days=(fresh.days if fresh and fresh.days else 20)))
        edition = None
        if fresh is not None and fresh.editions and self.chance(0.8):
            edition = self.day_near(date.fromisoformat(f"{today.year}-{self.pick(fresh.editions)}"))
            if self.chance(0.3):
                checked, edition = edition, None
        elif fresh is not None and fresh.edition_days and self.chance(0.8):
            edition = self.day_near(today - timedelta(days=fresh.edition_days))
        elif fresh is not None and fresh.edition_months and self.chance(0.8):
            edition = self.day_near(_back(today, fresh.edition_months))
        if self.chance(0.2):
            checked = self.near(datetime.combine(checked, now.time(), tzinfo=UTC))
        if self.chance(0.4):
            checked = self.day_near(today)
        if self.chance(0.05):
            checked = None
        if name == "us.reassigned" and self.chance(0.9):
            return {"answer": self.pick(["yes", "no", "no_data"]), "checked": checked}
        return {"listed": self.yes_no(0.3), "since": since, "checked": checked, "edition": edition}

    def opt_out(self, rule: Rule, now: datetime, contact: dict[str, Any]) -> dict[str, Any]:
        asked = [c for c in conditions_of(rule) if isinstance(c, OptOutCondition | PauseCondition)]
        pauses = any(isinstance(c, PauseCondition) for c in asked)
        scopes = asked[0].scopes if asked else 0
        ago = self.pick([timedelta(minutes=5), timedelta(days=1), timedelta(days=40)])
        return {
            "at": self.near(now - ago) if self.chance(0.9) else self.pick([None, self.near(now)]),
            "scope": self.some(OptOutScope, scopes) if self.chance(0.95) else None,
            "channel": self.pick([contact["channel"], *Channel, None]),
            "campaign": self.pick(["one", "two", None]),
            "list": self.pick(["one", "two", None]),
            **({"until": self.near(now + self.pick(_PAUSES))} if self.chance(0.7 if pauses else 0.15) else {}),
        }

    def meeting(self, said: dict[str, Any], zones: list[str], contact: dict[str, Any]) -> dict[str, Any]:
        """A consent beside the opt-out it may lift."""
        at = said["at"] or datetime(2026, 11, 1, tzinfo=UTC)
        day = at.astimezone(ZoneInfo(self.pick(zones))).date()
        return {
            "level": self.pick(["express", "express_written", "express_written", "inferred"]),
            "given": self.pick([at, self.near(at), self.day_near(day)]),
            "channels": [contact["channel"]],
            "purposes": self.pick([[contact["purpose"], "marketing"]] * 4 + [[contact["purpose"]]]),
            "evidence": self.yes_no(0.9, 0.05),
            "imported": self.chance(0.1),
        }

    def refusal(self, consents: list[dict[str, Any]]) -> dict[str, Any]:
        """An attempt the person refused, beside one of the consents."""
        given = consents[0]["given"]
        if isinstance(given, datetime):
            return {"at": self.near(given), "refused": self.yes_no(0.9)}
        return {"on": self.day_near(given or date(2026, 11, 1)), "refused": self.yes_no(0.9), "answered": True}

    def use(self, day: date, now: datetime, contact: dict[str, Any]) -> dict[str, Any]:
        """A contact that may have kept a consent in use."""
        when = self.day_near(day)
        return {
            **({"on": when} if self.chance(0.5) else {"at": datetime.combine(when, now.time(), tzinfo=UTC)}),
            "channel": self.pick([contact["channel"]] * 4 + [*Channel, None]),
        }

    def attempts(self, rule: Rule, now: datetime, today: date, contact: dict[str, Any]) -> list[dict[str, Any]]:
        own = [c for c in conditions_of(rule) if isinstance(c, CapCondition)]
        if not self.caps or (not own and self.chance(0.25)):
            return []
        cap = self.pick(own or self.caps)
        found = []
        for _ in range(max(0, cap.attempts + self.pick([-1, 0, 0, 1, 2]))):
            attempt: dict[str, Any] = {}
            if cap.hours is not None and self.chance(0.7):
                edge = now - timedelta(hours=cap.hours)
                within = now - timedelta(minutes=self.rng.randrange(1, cap.hours * 60))
                attempt["at"] = self.near(edge) if self.chance(0.4) else within
            else:
                days = cap.days or (cap.hours or 24) // 24
                ago = timedelta(days=self.pick([days, days - 1, 0, 0]))
                if self.chance(0.5):
                    attempt["on"] = self.day_near(today - ago)
                else:
                    attempt["at"] = self.near(now - ago)
            for event in ("answered", "conversation", "abandoned", "refused"):
                attempt[event] = self.yes_no(0.7 if event in cap.only else 0.2, 0.15)
            attempt["outcome"] = self.pick([None, None, "busy", "Busy", "no_answer"])
            for key in ("subject", "debt"):
                attempt[key] = contact.get(key) if self.chance(0.75) else self.pick(["one", "two", None])
            attempt["channel"] = self.some(Channel, cap.channels) if self.chance(0.9) else None
            attempt["purpose"] = self.some(Purpose, cap.purposes) if self.chance(0.9) else None
            if attempt["channel"] is Channel.VOICE and self.chance(0.9):
                attempt["mode"] = self.some(Mode, cap.modes)
            found.append(attempt)
        return found


_CONDITIONS: dict[int, tuple[Rule, list[Condition]]] = {}  # by identity, which the entry keeps alive
_MONTHS: dict[int, tuple[Rule, list[int]]] = {}


def conditions_of(rule: Rule) -> list[Condition]:
    if id(rule) not in _CONDITIONS:
        _CONDITIONS[id(rule)] = rule, _conditions_of(rule)
    return _CONDITIONS[id(rule)][1]


def _conditions_of(rule: Rule) -> list[Condition]:
    found: list[Condition] = []
    for value in rule.values:
        found += [c for alternative in (*value.any_of, *value.unless) for c in alternative]
        found += [c for c in (value.cap, value.listed, value.fresh) if c is not None]
    return found


def months_of(rule: Rule) -> list[int]:
    if id(rule) not in _MONTHS:
        _MONTHS[id(rule)] = rule, _months_of(rule)
    return _MONTHS[id(rule)][1]


def _months_of(rule: Rule) -> list[int]:
    found: list[int | None] = []
    for condition in conditions_of(rule):
        if isinstance(condition, ConsentCondition):
            found += [condition.lapses_months, condition.at_most_months, condition.unused_months]
        elif isinstance(condition, RelationshipCondition):
            found.append(condition.months)
    return [months for months in found if months is not None]


def _back(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for length in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, length)
        except ValueError:
            continue
    raise AssertionError
