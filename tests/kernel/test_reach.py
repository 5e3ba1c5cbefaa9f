"""How far an opt-out reaches where nobody said so: the widest of what law and house say, wherever the person may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from forbear.core import where
from forbear.core.instants import at_of
from forbear.core.places import PlaceSet
from forbear.core.words import NEEDED, Binding, Channel, OptOutScope, Purpose, Reaching, Way, mask, stops
from forbear.kernel.reach import WIDEST, WIDTH, Reach, opt_out_reach
from forbear.rulebook.load import load, shipped
from forbear.rulebook.model import Rulebook

OHIO, BERLIN, SYDNEY, LONDON = 16145550123, 4915112345678, 61298765432, 447400123456
TODAY = "2026-11-22T12:00:00+00:00"


def reach(
    number: int | None, channel: Channel, way: Way | None, at: str = TODAY, book: Rulebook | None = None
) -> Reach:
    places = where.resolve(numbers=() if number is None else (number,))
    return opt_out_reach(book or shipped(), places, channel, way, at_of(datetime.fromisoformat(at)))


def book(*texts: str) -> Rulebook:
    """Rules of this check alone: each text is what follows `check`."""
    files = {}
    for number, text in enumerate(texts):
        head = f'id = "own.reach_{number}"\ntitle = "A reach"\ncheck = "reaches"\nconfidence = "policy"\n'
        files[f"own/reach_{number}.toml"] = (head + text + '\n[[cite]]\ntitle = "none"\nseen = 2026-11-22\n').encode()
    return load(files)


def text(covers: str, channels: str, binds: str, more: str = "", top: str = "applies = {}") -> str:
    return f'{top}\n[[value]]\n{more}\ncovers = "{covers}"\nchannels = "{channels}"\nbinds = "{binds}"\n'


@pytest.mark.parametrize("way", [*Way, None])
@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("number", [OHIO, BERLIN, SYDNEY, LONDON, None])
def test_every_way_of_saying_stop_has_a_rule_that_stops_at_least_marketing(
    number: int | None, channel: Channel, way: Way | None
) -> None:
    found = reach(number, channel, way)
    assert found.rules
    assert WIDTH[found.covers] >= WIDTH[OptOutScope.MARKETING]


@pytest.mark.parametrize(
    ("number", "channel", "way", "covers", "channels"),
    [
        (OHIO, Channel.SMS, Way.REPLY, OptOutScope.ALL, Reaching.SAME_NUMBER),
        (OHIO, Channel.VOICE, Way.KEY_PRESS, OptOutScope.ALL, Reaching.SAME_NUMBER),
        (OHIO, Channel.SMS, Way.COMPLAINT, OptOutScope.ALL, Reaching.ALL),
        (SYDNEY, Channel.SMS, Way.LINK, OptOutScope.ALL_BUT_NEEDED, Reaching.SAID_ON),
        (BERLIN, Channel.SMS, Way.LINK, OptOutScope.ALL_BUT_NEEDED, Reaching.ALL),
        (None, Channel.EMAIL, Way.SPOKEN, OptOutScope.DIRECT_MARKETING_OBJECTION, Reaching.ALL),
    ],
)
def test_the_law_of_the_place_widens_what_the_house_says(
    number: int | None, channel: Channel, way: Way, covers: OptOutScope, channels: Reaching
) -> None:
    found = reach(number, channel, way)
    assert (found.covers, found.channels, found.scope) == (covers, channels, Binding.SELLER)


def test_a_way_nobody_knows_is_one_nobody_knows_of_a_list() -> None:
    assert reach(OHIO, Channel.SMS, None) == reach(OHIO, Channel.SMS, Way.IMPORTED)


@pytest.mark.parametrize(
    ("at", "covers"),
    [
        ("2025-04-11T03:59:59+00:00", None),
        ("2025-04-11T04:00:00+00:00", OptOutScope.MARKETING),
        ("2027-01-31T04:59:59+00:00", OptOutScope.MARKETING),
        ("2027-01-31T05:00:00+00:00", OptOutScope.ALL),
    ],
)
def test_a_revocation_in_ohio_reaches_as_far_as_the_day_there_has_it(at: str, covers: OptOutScope | None) -> None:
    """By the rule alone: one text ends where the next begins, by the person's own clock."""
    alone = replace(shipped(), rules=(shipped().rule("us.tcpa.revocation_reach"),))
    found = reach(OHIO, Channel.SMS, Way.REPLY, at, alone)
    assert found == (WIDEST if covers is None else replace(found, covers=covers))
    assert found.rules == (() if covers is None else ("us.tcpa.revocation_reach",))


def test_each_part_is_the_widest_that_any_rule_says_and_the_fewest_rules_are_named() -> None:
    rules = book(
        text("marketing", "all", "seller"),
        text("all", "said_on", "seller"),
        text("marketing", "said_on", "account"),
        text("all", "said_on", "account"),
    )
    found = reach(OHIO, Channel.SMS, Way.REPLY, book=rules)
    assert (found.covers, found.channels, found.scope) == (OptOutScope.ALL, Reaching.ALL, Binding.ACCOUNT)
    assert found.rule == "own.reach_3 own.reach_0"


def test_a_rule_of_another_way_channel_place_or_in_shadow_says_nothing() -> None:
    wide = ("all", "all", "installation")
    rules = book(
        text("marketing", "said_on", "seller"),
        text(*wide, more='ways = ["letter"]'),
        text(*wide, top='applies = { channel = ["voice"] }'),
        text(*wide, top='applies = { places = ["US-TX"] }'),
        text(*wide, top='state = "shadow"\napplies = {}'),
        text(*wide, more="to = 2026-11-21"),
    )
    assert reach(OHIO, Channel.SMS, Way.REPLY, book=rules).rules == ("own.reach_0",)


def test_a_text_whose_first_day_nobody_knows_counts_already() -> None:
    rules = book(
        text("marketing", "said_on", "seller", more="to = 2026-12-31")
        + text("all", "said_on", "seller", more='from = "unknown"').removeprefix("applies = {}\n")
    )
    assert reach(OHIO, Channel.SMS, Way.REPLY, book=rules).covers is OptOutScope.ALL


def test_one_more_rule_never_narrows() -> None:
    texts = [
        text("all_but_needed", "same_number", "seller"),
        text("marketing", "said_on", "partner"),
        text("direct_marketing_objection", "all", "seller"),
    ]
    places: PlaceSet = where.resolve(numbers=(OHIO,))
    found = [
        opt_out_reach(book(*texts[:n]), places, Channel.SMS, Way.REPLY, at_of(datetime(2026, 11, 22, tzinfo=UTC)))
        for n in (1, 2, 3)
    ]
    for before, after in pairwise(found):
        assert WIDTH[after.covers] >= WIDTH[before.covers]
        assert list(Reaching).index(after.channels) >= list(Reaching).index(before.channels)
        assert list(Binding).index(after.scope) >= list(Binding).index(before.scope)


@pytest.mark.parametrize(
    ("channels", "said_on", "bits"),
    [
        (Reaching.SAID_ON, Channel.SMS, Channel.SMS.bit),
        (Reaching.SAME_NUMBER, Channel.SMS, Channel.SMS.bit | Channel.VOICE.bit),
        (Reaching.SAME_NUMBER, Channel.EMAIL, Channel.EMAIL.bit),
        (Reaching.ALL, Channel.SMS, 0),
    ],
)
def test_a_reach_as_the_channels_of_a_suppression(channels: Reaching, said_on: Channel, bits: int) -> None:
    assert replace(WIDEST, channels=channels).mask(said_on) == bits


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_a_person_needs_is_left_and_an_offer_in_it_is_not(purpose: Purpose) -> None:
    offered = purpose.bit | Purpose.MARKETING.bit
    assert stops(OptOutScope.ALL, purpose.bit)
    assert stops(OptOutScope.ALL_BUT_NEEDED, purpose.bit) is (purpose not in NEEDED)
    assert stops(OptOutScope.ALL_BUT_NEEDED, offered)
    assert stops(OptOutScope.MARKETING, offered)
    assert stops(OptOutScope.MARKETING, purpose.bit) is (purpose in (Purpose.MARKETING, Purpose.FUNDRAISING))


def test_nothing_needed_is_marketing() -> None:
    assert not mask(NEEDED) & (Purpose.MARKETING.bit | Purpose.FUNDRAISING.bit)
