"""A registry in parts, a hashed one and a stale one answer the gate and a wash alike."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forbear.core.instants import DAY, HOUR, MISSING, parse_day
from forbear.core.places import Place
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind
from forbear.gate import wash
from forbear.gate.asking import Asking, Whom
from forbear.gate.contact import Contact, Content, OptOutOffer, Recipient
from forbear.gate.explain import Explained, explain
from forbear.gate.freshness import Demand, Demands, is_fresh, stale_from
from forbear.kernel.facts import Selector
from forbear.ledger.writes import now as now_of
from forbear.registries import snapshots
from forbear.registries.hashing import Hashing
from forbear.registries.numberset import build
from forbear.registries.snapshots import Registries
from forbear.rulebook.model import ALWAYS, NEVER, FreshCondition
from tests.gate.conftest import House

STATE = {"FL": "+13055550", "TX": "+12145550", "PA": "+12155550"}
OLD = 500  # days, of an edition long replaced


def load(house: House, name: str, *listed: str, edition: int | None = None, age: int = 0, **more: Any) -> None:
    """A copy got `age` days ago, of a list dated `edition` days ago."""
    now = now_of(house.conn)
    terms = snapshots.Terms(
        name,
        now=now,
        obtained_at=now - age * DAY,
        edition_day=None if edition is None else now // DAY - edition,
        **{"covers": ("1",), **more},
    )
    keys = np.array([int(number) for number in (*listed, "+18085550199")], np.uint64)
    hashing = terms.hashing
    if hashing is not None:
        keys = hashing._keys(f"+{key}".encode() for key in keys.tolist())
    snapshots.load_made(house.gate.registries.folder, terms, "test", iter([keys]))
    house.gate.registries.refresh()


def call(to: str, region: str | None) -> Contact:
    return Contact(
        channel=Channel.VOICE,
        mode=Mode.LIVE,
        purpose=Purpose.MARKETING,
        to=to,
        from_="+12025550100",
        content=Content(promotional=True, identifies_sender=True, opt_out=OptOutOffer(kind="reply")),
        recipient=Recipient(
            kind=RecipientKind.CONSUMER,
            country="US",
            region=f"US-{region}" if region else None,
            line_type=LineType.LANDLINE,
        ),
    )


@pytest.fixture
def said(house: House, tmp_path: Path) -> Callable[..., str]:
    """What a state's rule says of a call, by the gate; a wash of the same person must name it, or not, alike."""
    load(house, "us.national")

    def ask(to: str, region: str | None, rule: str) -> str:
        answer = house.one(call(to, region))
        told = explain(house.conn, house.account, answer.decision, house.gate)
        assert told is not None
        ask.told = told  # type: ignore[attr-defined]
        code = next((word.code for word in told.said if word.rule == rule), "silent")
        source, out = tmp_path / "list.csv", tmp_path / "washed.csv"
        source.write_text(f"phone,state\n{to},{region or ''}\n")
        out.unlink(missing_ok=True)
        asked = wash.Asked(
            *(house.account, Channel.VOICE, Purpose.MARKETING, Mode.LIVE),
            sender="+12025550100",
            kind=RecipientKind.CONSUMER,
            line_type=LineType.LANDLINE,
            country="US",
        )
        wash.wash(house.conn, house.gate, asked, source, out, lambda *_: None)
        (row,) = csv.DictReader(out.read_text().splitlines())
        assert (rule in row["rules"].split()) == (rule in answer.rules), (row, answer)
        return code

    return ask


def state_list(said: Callable[..., str]) -> Any:
    told: Explained = said.told  # type: ignore[attr-defined]
    return next(one for one in told.lists if one.registry == "us.state")


def test_each_state_is_asked_of_its_own_list(house: House, said: Callable[..., str]) -> None:
    fl, tx = STATE["FL"] + "100", STATE["TX"] + "100"
    load(house, "us.state.FL", fl)
    assert said(fl, "FL", "us.fl.dnc") == "unknown"
    assert state_list(said).listed is True
    assert said(STATE["FL"] + "101", "FL", "us.fl.dnc") == "satisfied"
    assert said(tx, "TX", "us.tx.dnc") == "unknown", "Florida's list says nothing of Texas"
    assert state_list(said).listed is None
    load(house, "us.state.TX", fl, edition=0)
    assert said(tx, "TX", "us.tx.dnc") == "satisfied"
    assert state_list(said).edition is not None


def test_a_combined_list_answers_for_states_without_their_own(house: House, said: Callable[..., str]) -> None:
    fl, tx = STATE["FL"] + "100", STATE["TX"] + "100"
    load(house, "us.state", fl, tx)
    assert said(fl, "FL", "us.fl.dnc") == said(tx, "TX", "us.tx.dnc") == "unknown"
    load(house, "us.state.FL")
    assert said(fl, "FL", "us.fl.dnc") == "satisfied", "the state's own list is the newer word"
    assert said(tx, "TX", "us.tx.dnc") == "unknown"


def test_each_list_is_as_old_as_its_own_rule_allows(house: House, said: Callable[..., str]) -> None:
    fl, tx = STATE["FL"] + "100", STATE["TX"] + "100"
    load(house, "us.state.FL", age=31)
    load(house, "us.state.TX", age=200, edition=0)
    assert said(tx, "TX", "us.tx.dnc") == "satisfied", "the latest edition, however long ago it was got"
    assert said(fl, "FL", "us.fl.dnc") in ("satisfied", "unknown")  # by the hour: Florida's day may not have turned
    load(house, "us.state.FL", age=33)
    assert said(fl, "FL", "us.fl.dnc") == "unknown"
    load(house, "us.state.TX", edition=OLD)
    assert said(tx, "TX", "us.tx.dnc") == "unknown", "an old edition got today is an old edition"


def test_a_person_of_two_states_is_asked_of_both_lists(house: House, said: Callable[..., str]) -> None:
    moved = STATE["FL"] + "100"  # an area code of Florida, an address in Texas
    load(house, "us.state.FL", age=5)
    assert said(moved, "TX", "us.tx.dnc") == "unknown", "Texas was not asked"
    load(house, "us.state.TX", age=200, edition=0)
    assert said(moved, "TX", "us.tx.dnc") == "satisfied"
    assert said(moved, "TX", "us.fl.dnc") == "satisfied", "Florida's copy is fresh, though that of Texas is old"
    load(house, "us.state.TX", moved, age=200, edition=0)
    assert said(moved, "TX", "us.tx.dnc") == said(moved, "TX", "us.fl.dnc") == "unknown"
    load(house, "us.state.TX", age=1, edition=OLD)
    assert said(moved, "TX", "us.tx.dnc") == "unknown", "one list is stale"


def test_the_wash_names_the_parts_that_answered_and_those_that_are_missing(
    house: House, said: Callable[..., str], tmp_path: Path
) -> None:
    load(house, "us.state.FL")
    source, out = tmp_path / "l.csv", tmp_path / "o.csv"
    source.write_text(f"phone,state\n{STATE['FL']}100,FL\n")
    asked = wash.Asked(house.account, Channel.VOICE, Purpose.MARKETING, Mode.LIVE, sender="+12025550100")
    report = wash.wash(house.conn, house.gate, asked, source, out, lambda *_: None)
    assert {one.registry for one in report.snapshots} == {"us.national", "us.state.FL"}
    assert {"us.state.TX", "us.state.PA"} <= set(report.absent)
    assert not {"us.state", "us.state.FL", "us.national"} & set(report.absent)


def test_a_wash_that_asks_many_registries_numbers_its_combinations_anew(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(house, "us.national", STATE["FL"] + "100", STATE["TX"] + "101")
    load(house, "us.state.FL", STATE["FL"] + "101")
    load(house, "us.state.TX", STATE["TX"] + "102", edition=0)
    source = tmp_path / "l.csv"
    rows = [f"{STATE[state]}{100 + i},{state}\n" for i in range(5) for state in STATE]
    source.write_text("phone,state\n" + "".join(rows))
    asked = wash.Asked(house.account, Channel.VOICE, Purpose.MARKETING, Mode.LIVE, sender="+12025550100")
    washed = []
    for most in (1 << 28, 1 << 44):  # the second is too much for one more registry, at once
        monkeypatch.setattr(wash, "_SELECTORS", most)
        out = tmp_path / f"{most}.csv"
        wash.wash(house.conn, house.gate, asked, source, out, lambda *_: None)
        washed.append([{**row, "earliest": ""} for row in csv.DictReader(out.read_text().splitlines())])
    assert washed[0] == washed[1]
    assert len({row["rules"] for row in washed[0]}) > 3


def test_a_list_of_hashes_decides_and_washes_as_a_plain_one(house: House, said: Callable[..., str]) -> None:
    listed, free = STATE["TX"] + "100", STATE["TX"] + "101"
    load(house, "us.state.TX", listed, edition=0, hashing=Hashing("sha256", ("e164",)))
    assert said(listed, "TX", "us.tx.dnc") == "unknown"
    assert said(free, "TX", "us.tx.dnc") == "satisfied"


def test_a_list_of_hashed_mail_decides_and_washes_alike(house: House, tmp_path: Path) -> None:
    hashing = Hashing("sha1", ("email", "@domain"))
    held = [hashlib.sha1(b"pat@example.at", usedforsecurity=False).digest()[:8]]
    now = now_of(house.conn)
    terms = snapshots.Terms("at.ecg", now=now, hashing=hashing)
    keys = np.frombuffer(b"".join(held), ">u8").astype(np.uint64)
    snapshots.load_made(house.gate.registries.folder, terms, "test", iter([keys]))
    house.gate.registries.refresh()
    listed = {}
    for to in ("Pat@Example.at", "ann@example.at"):
        contact = Contact(channel=Channel.EMAIL, purpose=Purpose.MARKETING, to=to, recipient=Recipient(country="AT"))
        told = explain(house.conn, house.account, house.one(contact).decision, house.gate)
        assert told is not None
        listed[to] = {one.registry: one.listed for one in told.lists}.get("at.ecg")
    assert listed == {"Pat@Example.at": True, "ann@example.at": False}
    asking = Asking(house.gate.registries, house.gate.demands, None, None, now)
    assert [layer.manifest.hashing for layer in asking.layers("at.ecg")] == [hashing]
    source, out = tmp_path / "l.csv", tmp_path / "o.csv"
    source.write_text("email,country\nPat@Example.at,AT\nann@example.at,AT\n")
    asked = wash.Asked(house.account, Channel.EMAIL, Purpose.MARKETING, sender="a@acme.example")
    report = wash.wash(house.conn, house.gate, asked, source, out, lambda *_: None)
    assert "at.ecg" in {one.registry for one in report.snapshots}


# --- several lists, one answer: never looser than each list by its own rule ---

NOW = 1_795_626_000_000_000  # 2026-11-25T17:00:00Z
TODAY = NOW // DAY
RULES = {
    "AA": FreshCondition("xx.state", days=31),
    "BB": FreshCondition("xx.state", editions=("01-01", "04-01", "07-01", "10-01")),
    "CC": FreshCondition("xx.state", editions=("01-01", "04-01", "07-01", "10-01"), in_force_after_days=30),
    "DD": FreshCondition("xx.state", edition_months=2),
    "EE": FreshCondition("xx.state", editions=tuple(f"{month:02d}-01" for month in range(1, 13))),
}
DEMANDS = Demands(
    {
        "xx.state": tuple(
            Demand(f"xx.{state}", (f"XX-{state}",), ALWAYS, NEVER, False, (fresh,)) for state, fresh in RULES.items()
        ),
        "xx.operators": (Demand("xx.operators", ("XX",), ALWAYS, NEVER, False, ()),),
    },
    {"xx.state": frozenset(f"XX-{state}" for state in RULES)},
)
SELECTORS = [
    Selector(frozenset(Place(f"XX-{state}", "Etc/UTC") for state in some), Channel.VOICE, Purpose.MARKETING)
    for some in (("AA",), ("BB", "CC"), ("AA", "DD"), tuple(RULES), ("ZZ",))
]
copies = st.fixed_dictionaries(
    {
        state: st.tuples(st.integers(0, 120), st.none() | st.integers(0, 130), st.booleans()) | st.none()
        for state in RULES
    }
)


def opened(folder: Path, copies: dict[str, tuple[int, int | None, bool] | None]) -> Registries:
    for state, copy in copies.items():
        if copy is not None:
            age, edition, lists_seven = copy
            day = None if edition is None else TODAY - edition
            terms = snapshots.Terms(f"xx.state.{state}", NOW, obtained_at=NOW - age * DAY, edition_day=day)
            keys = np.array([7 if lists_seven else 8], np.uint64)
            snapshots.load_made(folder, terms, "test", iter([keys]))
    return Registries.open(folder)


@settings(max_examples=80, deadline=None)
@given(copies=copies, hours=st.sampled_from([-12, -5, 0, 10, 14]))
def test_several_lists_together_are_never_looser_than_each_by_its_own_rule(
    tmp_path_factory: pytest.TempPathFactory, copies: dict[str, tuple[int, int | None, bool] | None], hours: int
) -> None:
    registries = opened(tmp_path_factory.mktemp("parts"), copies)
    rows = np.arange(len(SELECTORS), dtype=np.int32)
    whom = Whom(np.full(len(SELECTORS), 7, np.uint64))
    answer = Asking(registries, DEMANDS, None, None, NOW).ask("xx.state", whom, rows, SELECTORS).answer
    listed, obtained, edition = (np.broadcast_to(part, (len(SELECTORS),)).tolist() for part in answer)
    today = (NOW + hours * HOUR) // DAY
    for row, selector in enumerate(SELECTORS):
        states = sorted({place.region[3:] for place in selector.places} & set(RULES))
        own = [copies[state] for state in states]
        if any(copy is not None and copy[2] for copy in own):
            assert listed[row] == 1
            continue
        if not own or any(copy is None for copy in own):
            assert listed[row] == -1
            continue

        def fresh(state: str, at: int, edition: int | None, later: int = 0) -> bool:
            return is_fresh(RULES[state], (at + hours * HOUR) // DAY - later, edition, today + later)

        each = [
            (state, NOW - copy[0] * DAY, None if copy[1] is None else TODAY - copy[1])
            for state, copy in zip(states, own, strict=True)
            if copy is not None
        ]
        together = listed[row] == 0 and all(
            fresh(state, obtained[row], None if edition[row] == MISSING else edition[row]) for state in states
        )
        assert not together or all(fresh(*one) for one in each), "looser than a state's own list"
        if all(fresh(*one, later=1) for one in each):  # by a day's margin, for clocks elsewhere
            assert together, "stricter by more than a day"


def test_where_no_part_is_loaded_the_registry_is_one_list(tmp_path: Path) -> None:
    terms = snapshots.Terms("xx.state", NOW, obtained_at=NOW - DAY)
    snapshots.load_made(tmp_path, terms, "test", iter([np.array([7], np.uint64)]))
    asking = Asking(Registries.open(tmp_path), DEMANDS, None, None, NOW)
    said = asking.ask("xx.state", Whom(np.array([7, 8], np.uint64)), np.array([3, 4], np.int32), SELECTORS)
    assert (said.answer.listed.tolist(), said.by_selector) == ([1, 0], True)
    assert asking.missing("xx.state") == []


def test_a_registry_of_several_operators_is_asked_of_all_that_were_named(tmp_path: Path) -> None:
    def ask() -> tuple[list[int], int, int]:
        asking = Asking(Registries.open(tmp_path), DEMANDS, None, None, NOW)
        said = asking.ask("xx.operators", Whom(np.array([7, 8, 9], np.uint64)), np.zeros(3, np.int32), SELECTORS)
        answer = said.answer
        return answer.listed.tolist(), int(answer.obtained_at), int(answer.edition_day)

    def add(part: str, number: int, age: int, edition: int | None = None) -> None:
        day = None if edition is None else TODAY - edition
        terms = snapshots.Terms(f"xx.operators.{part}", NOW, obtained_at=NOW - age * DAY, edition_day=day)
        snapshots.load_made(tmp_path, terms, "test", iter([np.array([number], np.uint64)]))

    add("one", 7, age=3)
    assert ask()[0] == [-1, -1, -1], "nobody said which operators there are"
    snapshots.state_parts(tmp_path, "xx.operators", ["one", "two"])
    assert ask()[0] == [1, -1, -1], "the second was not asked"
    assert Asking(Registries.open(tmp_path), DEMANDS, None, None, NOW).missing("xx.operators") == ["xx.operators.two"]
    add("two", 8, age=10)
    assert ask() == ([1, 1, 0], NOW - 10 * DAY, MISSING), "the oldest counts"
    add("one", 7, age=3, edition=20)
    assert ask()[0] == [1, 1, -1], "one list is dated, the other is not"
    add("two", 8, age=10, edition=5)
    assert ask() == ([1, 1, 0], NOW - 10 * DAY, TODAY - 20)
    snapshots.state_parts(tmp_path, "xx.operators", [])
    assert ask()[0] == [-1, -1, -1]


def test_answers_of_several_washes_keep_their_dates_in_parts_too(tmp_path: Path) -> None:
    def answers(state: str, number: int, age: int) -> None:
        folder = tmp_path / "made"
        folder.mkdir(exist_ok=True)
        terms = snapshots.Terms(f"xx.state.{state}", NOW, obtained_at=NOW - age * DAY)
        file = folder / f"{state}{number}.csv"
        file.write_text("number\n1\n")
        from forbear.registries.formats import Answers
        from forbear.registries.sources import Source

        def chunks(source: Source) -> Any:
            for _ in source.blocks():
                yield Answers(np.array([number], np.uint64), np.array([False]))

        source = Source(file)
        snapshots.load_answers(tmp_path / "lists", terms, [(source, chunks(source))])

    answers("AA", 7, age=2)
    answers("AA", 8, age=40)
    answers("BB", 7, age=3)
    answers("BB", 8, age=1)
    asking = Asking(Registries.open(tmp_path / "lists"), DEMANDS, None, None, NOW)
    both = [
        Selector(frozenset({Place("XX-AA", "Etc/UTC"), Place("XX-BB", "Etc/UTC")}), Channel.VOICE, Purpose.MARKETING)
    ]
    said = asking.ask("xx.state", Whom(np.array([7, 8, 9], np.uint64)), np.zeros(3, np.int32), both)
    assert said.answer.listed.tolist() == [0, -1, -1], "8 was asked of AA 40 days ago, 9 never"
    assert said.answer.obtained_at.tolist()[0] == NOW - 3 * DAY
    assert not said.by_selector


def test_the_day_a_copy_goes_stale_is_the_rules(tmp_path: Path) -> None:
    got = parse_day("2026-10-05")

    def stale(state: str, edition: str | None) -> int | None:
        return stale_from([RULES[state]], got, parse_day(edition) if edition else None, got)

    assert stale("AA", None) == parse_day("2026-11-06")
    assert stale("BB", "2026-10-01") == parse_day("2027-01-01")
    assert stale("BB", "2026-09-30") == parse_day("2026-10-01"), "it was so when it was got"
    assert stale("CC", "2026-10-01") == parse_day("2027-01-31")
    assert stale("DD", "2026-10-15") == parse_day("2026-12-16")
    assert stale("DD", None) == got, "an edition nobody stated"
    assert stale_from([RULES["AA"], RULES["BB"]], got, parse_day("2026-10-01"), got) == parse_day("2026-11-06")
    assert stale_from([], got, None, got) is None


def test_a_set_of_hashes_is_a_set_of_keys(tmp_path: Path) -> None:
    hashing = Hashing("sha256", ("e164", "digits"))
    keys = hashing._keys([b"+447700900001", b"447700900002"])
    held = build(tmp_path / "a.set", [keys])
    asked = np.array([447700900001, 447700900002, 447700900003], np.uint64)
    assert hashing.numbers_in(held, asked).tolist() == [True, True, False]


def two_states(folder: Path, now: int, age: int, **more: Any) -> list[int]:
    """What a list of AA and one of BB, got so many days before, say together of number 12015550100."""
    for state in ("AA", "BB"):
        terms = snapshots.Terms(f"xx.state.{state}", now, obtained_at=now - age * DAY, **more)
        snapshots.load_made(folder, terms, "test", iter([np.array([12125550100], np.uint64)]))
        more = {}
    both = [
        Selector(frozenset({Place("XX-AA", "Etc/UTC"), Place("XX-BB", "Etc/UTC")}), Channel.VOICE, Purpose.MARKETING)
    ]
    asking = Asking(Registries.open(folder), DEMANDS, None, None, now)
    whom = Whom(np.array([12015550100], np.uint64))
    listed: list[int] = asking.ask("xx.state", whom, np.zeros(1, np.int32), both).answer.listed.tolist()
    return listed


@pytest.mark.parametrize("hour", [9, 17])
def test_several_lists_are_aged_by_the_clocks_furthest_apart(tmp_path: Path, hour: int) -> None:
    now = NOW + (hour - 17) * HOUR
    assert two_states(tmp_path / "30", now, 30) == [0]
    assert two_states(tmp_path / "31", now, 31) == [-1], "somewhere it is 32 days"


def test_one_list_that_does_not_cover_the_number_leaves_it_not_known(tmp_path: Path) -> None:
    assert two_states(tmp_path / "both", NOW, 1) == [0]
    assert two_states(tmp_path / "one", NOW, 1, covers=("1212",)) == [-1]
