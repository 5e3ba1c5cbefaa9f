from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.core.instants import MINUTE, SECOND, moment_of, parse_rfc3339
from forbear.kernel.case import Case
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.rows import take
from forbear.kernel.week import Week, week
from forbear.rulebook.load import load, shipped
from forbear.rulebook.model import Rulebook

CALENDAR = """
id = "us.test"
title = "Test days"
from = 2026-01-01
through = 2027-12-31
holiday = [{ day = 2026-11-26, name = "Thanksgiving" }]
[[cite]]
title = "Made up"
seen = 2026-11-21
"""
RULE = """
id = "{id}"
title = "Hours"
applies = {{ places = ["{place}"], channel = ["voice"], purpose = ["marketing"] }}
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "high"
{state}
[[cite]]
title = "Made up"
seen = 2026-11-21
{values}
"""
EVERY_DAY = '[[value]]\nhours = {{ every_day = ["{hours}"] }}\n'


def book(*rules: tuple[str, str, str], state: str = "") -> Rulebook:
    """A rulebook of rules about hours: (id, place, values)."""
    files = {
        f"{number}.toml": RULE.format(id=rule_id, place=place, values=values, state=state).encode()
        for number, (rule_id, place, values) in enumerate(rules)
    }
    return load({**files, "calendars/us.test.toml": CALENDAR.encode()})


def florida(values: str, **more: Any) -> Rulebook:
    return book(("us.fl.test", "US-FL", values), **more)


def case(now: str = "2026-11-24T17:00:00Z", to: str = "+18135550123", **contact: Any) -> Case:
    return read(
        {"now": now, "contact": {"channel": "voice", "mode": "live", "purpose": "marketing", "to": to} | contact}
    )


def opened(found: Week) -> list[tuple[tuple[int, int], ...]]:
    return [day.open for day in found.days]


def test_the_edges_of_a_day_are_those_of_the_rule_to_the_minute() -> None:
    found = week(Engine(florida(EVERY_DAY.format(hours="08:07-20:59"))), case())
    assert opened(found) == [((8 * 60 + 7, 20 * 60 + 59),)] * 7
    assert found.open_minutes == 7 * (12 * 60 + 52)


def test_the_week_begins_with_the_local_day_of_the_moment_asked() -> None:
    engine = Engine(florida(EVERY_DAY.format(hours="08:00-20:00")))
    assert week(engine, case("2026-11-25T04:59:59Z")).days[0].day == week(engine, case()).days[0].day
    assert week(engine, case("2026-11-25T05:00:00Z")).days[0].day == week(engine, case()).days[1].day


def test_an_hour_is_open_only_if_it_is_in_every_zone_the_person_may_be_in() -> None:
    engine = Engine(florida(EVERY_DAY.format(hours="08:00-20:00")))
    found = week(engine, case(to="+18505550123"))  # Florida's panhandle: either clock
    assert {clock.zone for clock in found.clocks} == {"America/New_York", "America/Chicago"}
    assert found.zone == "America/New_York"
    assert opened(found)[0] == ((9 * 60, 20 * 60),)
    assert opened(week(engine, case(to="+18505550123"), "America/Chicago"))[0] == ((8 * 60, 19 * 60),)


def test_a_holiday_is_closed_and_named() -> None:
    values = EVERY_DAY.format(hours="08:00-20:00") + 'closed_on = ["us.test"]\n'
    found = week(Engine(florida(values)), case())
    assert [bool(day.open) for day in found.days] == [True, True, False, True, True, True, True]
    assert found.days[2].holidays == (("us.test", "Thanksgiving"),)


def test_the_day_before_a_holiday_may_be_shorter_and_is_named() -> None:
    values = EVERY_DAY.format(hours="08:00-20:00") + 'closed_on = ["us.test"]\neves = ["10:00-19:00"]\n'
    found = week(Engine(florida(values)), case())
    assert opened(found)[0] == ((480, 1200),)
    assert opened(found)[1] == ((600, 1140),)
    assert found.days[1].eves == ("Thanksgiving",)


def test_a_day_no_calendar_reaches_says_so() -> None:
    values = EVERY_DAY.format(hours="08:00-20:00") + 'closed_on = ["us.test"]\n'
    found = week(Engine(florida(values)), case("2028-02-01T17:00:00Z"))
    assert opened(found) == [()] * 7
    assert "does not reach" in found.days[0].holidays[0][1]


def test_a_text_that_begins_within_the_week_counts_from_its_day() -> None:
    values = (
        '[[value]]\nto = 2026-11-25\nhours = { every_day = ["08:00-21:00"] }\n'
        '[[value]]\nfrom = 2026-11-26\nhours = { every_day = ["09:00-19:00"] }\n'
    )
    found = week(Engine(florida(values)), case())
    assert opened(found)[:4] == [((480, 1260),)] * 2 + [((540, 1140),)] * 2


def test_each_closed_part_names_the_rules_that_close_it() -> None:
    federal, state = EVERY_DAY.format(hours="08:00-21:00"), EVERY_DAY.format(hours="08:00-20:00")
    found = week(Engine(book(("us.test", "US", federal), ("us.fl.test", "US-FL", state))), case())
    assert [(part.start, part.end, part.closed_by) for part in found.days[0].segments] == [
        (0, 480, ("us.test", "us.fl.test")),
        (480, 1200, ()),
        (1200, 1260, ("us.fl.test",)),
        (1260, 1440, ("us.test", "us.fl.test")),
    ]
    assert found.hours == ("us.test", "us.fl.test")


def test_a_shadow_rule_closes_nothing() -> None:
    values = EVERY_DAY.format(hours="08:00-20:00")
    assert opened(week(Engine(florida(values)), case()))[0] == ((480, 1200),)
    found = week(Engine(florida(values, state='state = "shadow"')), case())
    assert opened(found)[0] == ((0, 1440),)


def test_a_rule_about_another_state_says_nothing_of_the_week() -> None:
    engine = Engine(florida(EVERY_DAY.format(hours="08:00-20:00")))
    assert week(engine, case(to="+12155550123")).hours == ()
    assert week(engine, case(to="+12155550123")).open_minutes == 7 * 1440
    assert week(engine, case()).hours == ("us.fl.test",)


def test_the_day_the_clock_is_put_forward_lacks_an_hour() -> None:
    engine = Engine(florida(EVERY_DAY.format(hours="01:00-05:00")))
    found = week(engine, case("2027-03-13T17:00:00Z"))
    sunday = found.days[1]
    assert sunday.open == ((60, 120), (180, 300))  # two to three is not
    assert all(part.end <= 120 or part.start >= 180 for part in sunday.segments)
    assert found.open_minutes == 7 * 240 - 60


def test_the_hour_the_clock_repeats_is_open_only_if_it_is_so_twice() -> None:
    saturday = "2026-10-31T17:00:00Z"
    inside = week(Engine(florida(EVERY_DAY.format(hours="00:30-03:00"))), case(saturday))
    assert inside.days[1].open == ((30, 180),)
    assert inside.open_minutes == 7 * 150 + 60
    fixed = EVERY_DAY.format(hours="00:30-03:00") + 'clocks = ["-05:00"]\n'
    outside = week(Engine(florida(fixed)), case(saturday))
    assert outside.days[1].open == ((90, 180),)  # one to half past is closed the first time, open the second


def test_now_and_the_next_open_moment_are_told() -> None:
    engine = Engine(florida(EVERY_DAY.format(hours="08:00-20:00")))
    inside, late = week(engine, case()), week(engine, case("2026-11-25T01:00:00Z"))
    assert not inside.now.closed_by
    assert inside.next_open == inside.at
    assert late.now.closed_by == ("us.fl.test",)
    assert late.next_open == parse_rfc3339("2026-11-25T13:00:00Z")


def test_a_week_without_an_open_hour_has_no_next() -> None:
    closed = "[[value]]\nhours = { every_day = [] }\n"
    assert week(Engine(florida(closed)), case()).next_open is None


@pytest.mark.parametrize(
    ("to", "now"),
    [
        ("+18135550123", "2026-11-24T17:00:00Z"),
        ("+18505550123", "2026-11-24T17:00:00Z"),
        ("+12155550123", "2026-10-15T17:00:00Z"),  # Pennsylvania's new hours begin within it
        ("+33612345678", "2026-12-21T17:00:00Z"),
        ("+61400000001", "2026-10-01T17:00:00Z"),  # some of Australia's clocks are put forward
    ],
)
def test_the_engine_agrees_on_both_sides_of_every_edge(to: str, now: str) -> None:
    engine = Engine(shipped())
    asked = case(now, to)
    found = week(engine, asked)
    moments = np.array([m for p in found.pieces for m in (p.start, p.end - SECOND, (p.start + p.end) // 2)], np.int64)
    facts = take(facts_of([asked]), np.zeros(len(moments), np.int64))
    facts.now = moments
    hours = {rule.id for rule in engine.rulebook.rules if rule.check == "within_hours" and not rule.shadow}
    said = engine.explain(facts, range(len(moments)))
    for moment, words, piece in zip(moments.tolist(), said, [p for p in found.pieces for _ in range(3)], strict=True):
        closing = {word.rule for word in words if word.rule in hours and word.code is Code.NOT_NOW}
        assert closing == set(piece.closed_by), moment_of(moment)
    assert all(piece.start % MINUTE == 0 for piece in found.pieces)
    assert all(before.closed_by != after.closed_by for before, after in pairwise(found.pieces))


def test_what_is_not_about_the_hour_is_said_apart() -> None:
    found = week(Engine(shipped()), case())
    said = {word.rule: word.code for word in found.said}
    assert said["us.dnc.national"] is Code.UNKNOWN
    assert not set(said) & set(found.hours)
    assert Code.SILENT not in said.values()


def test_a_moment_outside_the_years_of_the_format_is_bad_input() -> None:
    with pytest.raises(BadInput, match="now"):
        case("1969-12-31T00:00:00Z")
