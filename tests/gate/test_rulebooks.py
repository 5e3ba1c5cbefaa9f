"""Own rules at the gate: what is stored, what is named, what is judged again, what shadow rules would have done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from forbear.accounts.connect import Connection
from forbear.accounts.home import load_secrets
from forbear.core.codes import Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, at_of
from forbear.gate import bundles, rulebooks, shadow
from forbear.gate.explain import Explained, explain
from forbear.gate.opened import Gate, secrets_of
from forbear.kernel.judge import Engine
from forbear.ledger import leaves as written
from forbear.registries.snapshots import Registries
from forbear.rulebook.load import shipped
from forbear.tlog import merkle
from tests.conftest import Database
from tests.gate.conftest import House, make_house, recorded_call

NEVER_OPEN = """
id = "own.closed"
title = "We do not call Texas"
applies = { places = ["US-TX"], channel = ["voice"] }
check = "within_hours"
on_fail = "NOT_NOW"
confidence = "policy"
STATE
[[cite]]
title = "Sales handbook"
seen = 2026-11-01
[[value]]
hours = { every_day = [] }
"""
FORBIDDEN = """
id = "own.no_recordings"
title = "We play no recordings"
applies = { places = ["US"], mode = ["prerecorded"] }
check = "forbidden"
on_fail = "FORBIDDEN"
confidence = "policy"
STATE
[[cite]]
title = "Sales handbook"
seen = 2026-11-01
[[value]]
"""
SHADOW = 'state = "shadow"'
NO_CAP = """
[[override]]
rule = "us.tcpa.landline_cap"
off = true
by = "Jane Roe"
on = 2026-01-02
reason = "opinion 12"
"""
FEWER = """
[[override]]
rule = "us.tcpa.landline_cap"
value = { attempts = 1, hours = 720 }
"""


@pytest.fixture
def with_rules(conn: Connection, store_home: Path, tmp_path: Path) -> Callable[..., House]:
    """The one account of the test, deciding by the shipped rules with these files over them."""
    made: list[House] = []

    def go(**files: str) -> House:
        rulebook = shipped()
        if files:
            place = tmp_path / f"rules-{len(list(tmp_path.iterdir()))}"
            place.mkdir()
            for name, text in files.items():
                (place / f"{name}.toml").write_text(text)
            rulebook = rulebooks.installed(place)
        gate = Gate(Engine(rulebook), Registries.open(tmp_path / "registries"), secrets_of(load_secrets(store_home)))
        if not made:
            made.append(make_house(conn, gate, "acme"))
        return House(conn, gate, made[0].account, made[0].seller)

    return go


def why(house: House, answer: object) -> Explained:
    found = explain(house.conn, house.account, answer.decision, house.gate)  # type: ignore[attr-defined]
    assert found is not None
    return found


def test_a_decision_names_the_override_that_mattered_and_keeps_it(with_rules: Callable[..., House]) -> None:
    loose = with_rules(overrides=NO_CAP)
    answers = [loose.one() for _ in range(4)]
    assert {answer.verdict for answer in answers} == {Verdict.ALLOW}
    assert [answer.overrides for answer in answers] == [()] * 3 + [("us.tcpa.landline_cap by Jane Roe 2026-01-02",)]
    found = why(loose, answers[3])
    assert (found.overrides, found.agrees) == (answers[3].overrides, True)
    (cap,) = [said for said in found.said if said.rule == "us.tcpa.landline_cap"]
    assert (cap.code, cap.as_shipped) == ("silent", "not_now")
    assert cap.override == "turns off us.tcpa.landline_cap: looser; by Jane Roe on 2026-01-02; opinion 12"


def test_the_stored_override_is_part_of_the_decisions_leaf(with_rules: Callable[..., House]) -> None:
    loose = with_rules(overrides=NO_CAP)
    decided = loose.decide(*[recorded_call()] * 4)
    rows = loose.conn.execute(
        "SELECT d.id, d.at, d.account, d.seller, d.seal, d.channel, d.purpose, d.mode, d.verdict,"
        " d.cure, d.earliest, d.permit, d.selector, d.rules, d.obligations, d.facts, d.overrides, b.root"
        " FROM ledger_decision d JOIN ledger_batch b ON b.id = d.batch WHERE d.id = ANY(%s) ORDER BY d.batch_index",
        [[answer.decision for answer in decided.answers]],
    ).fetchall()
    leaves: dict[bool, list[bytes]] = {True: [], False: []}
    for row in rows:
        at, earliest = at_of(row[1]), None if row[10] is None else at_of(row[10])
        fixed = written.decision_fixed(*(row[0], at, *row[2:10], earliest, row[11], bytes(row[12])))
        for told, overrides in ((True, row[16].encode()), (False, b"")):
            leaves[told].append(
                written.decision_hash(fixed, row[13].encode(), row[14].encode(), bytes(row[15]), overrides)
            )
    assert rows[3][16] == "us.tcpa.landline_cap by Jane Roe 2026-01-02"
    assert merkle.root(leaves[True]) == bytes(rows[0][17])
    assert merkle.root(leaves[False]) != bytes(rows[0][17])


def test_an_answer_given_again_names_its_overrides_again(with_rules: Callable[..., House]) -> None:
    loose = with_rules(overrides=NO_CAP)
    first, again = (loose.decide(*[recorded_call()] * 4, idempotency_key="k") for _ in range(2))
    assert again.repeated
    assert [answer.overrides for answer in again.answers] == [answer.overrides for answer in first.answers]
    assert again.answers[3].overrides


def test_the_rulebook_is_stored_with_the_first_decision_that_names_it(
    with_rules: Callable[..., House], database: Database
) -> None:
    house = with_rules(closed=NEVER_OPEN.replace("STATE", ""))
    assert bundles.stored(house.conn) == []
    house.one()
    other = House(database.app(), house.gate, house.account, house.seller)
    other.one()
    (kept,) = bundles.stored(house.conn)
    assert (kept.digest, kept.own_rules, kept.overrides) == (house.gate.engine.digest, 1, 0)
    again = bundles.find(house.conn, kept.digest[7:17])
    assert again.rules == house.gate.engine.rulebook.rules


def test_a_decision_is_explained_by_the_rulebook_of_its_day_after_the_rules_changed(
    with_rules: Callable[..., House],
) -> None:
    then = with_rules()
    answer = then.one()
    now = with_rules(closed=NEVER_OPEN.replace("STATE", ""))
    found = why(now, answer)
    assert (found.verdict, found.agrees, found.missing) == (Verdict.ALLOW, True, None)
    assert "own.closed" not in {said.rule for said in found.said}
    assert (found.today.same, found.today.verdict, found.today.cure) == (False, Verdict.DENY, Cure.EVIDENCE)
    assert (found.today.rulebook, found.rulebook) == (now.gate.engine.digest, then.gate.engine.digest)
    assert why(then, answer).today.same


def test_where_the_rulebook_of_that_day_is_not_stored_explain_says_so(
    with_rules: Callable[..., House], database: Database
) -> None:
    answer = with_rules().one()
    owner = database.owner()
    owner.execute("ALTER TABLE ledger_rulebook DISABLE TRIGGER refuse")
    owner.execute("DELETE FROM ledger_rulebook")
    bundles._engines.clear()
    now = with_rules(overrides=FEWER)
    found = why(now, answer)
    assert (found.agrees, found.missing) == (None, "the rulebook of that day is not stored")
    assert found.today.rulebook == now.gate.engine.digest
    assert not found.same_engine


def test_a_stored_rulebook_that_was_tampered_with_is_not_believed(
    with_rules: Callable[..., House], database: Database
) -> None:
    answer = with_rules(overrides=FEWER).one()
    owner = database.owner()
    owner.execute("ALTER TABLE ledger_rulebook DISABLE TRIGGER refuse")
    forged = bundles.row(shipped())[1]
    owner.execute("UPDATE ledger_rulebook SET body = %s", [forged])
    bundles._engines.clear()
    found = why(with_rules(), answer)
    assert found.agrees is None
    assert "not what was stored by that digest" in (found.missing or "")


def test_a_shadow_rule_decides_nothing_and_its_cost_is_told_by_day_and_place(with_rules: Callable[..., House]) -> None:
    files = {"closed": NEVER_OPEN.replace("STATE", SHADOW), "recordings": FORBIDDEN.replace("STATE", SHADOW)}
    house = with_rules(**files)
    decided = house.decide(*[recorded_call(f"+1512555{number:04d}") for number in range(5)])
    assert {answer.verdict for answer in decided.answers} == {Verdict.ALLOW}
    rows = house.conn.execute("SELECT count(*), sum(n) FROM ledger_shadow").fetchone()
    assert rows == (2, 10)
    for _ in range(4):
        house.one(recorded_call())
    today = at_of(house.conn.execute("SELECT now()").fetchone()[0])  # type: ignore[index]
    costs = {cost.rule: cost for cost in shadow.costs(house.conn, house.gate.engine.rulebook, today - DAY)}
    closed, recordings = costs["own.closed"], costs["own.no_recordings"]
    assert (closed.whole.denied, closed.whole.deferred, closed.whole.allowed) == (0, 8, 8)
    assert (recordings.whole.denied, recordings.whole.share, recordings.stricter) == (8, 1.0, 1)
    (place,) = closed.places
    assert (place.name, place.deferred, place.allowed) == ("US-TX", 8, 8)
    assert sum(day.deferred for day in closed.days) == 8
    assert closed.in_shadow
    assert house.conn.execute("SELECT verdict FROM ledger_decision WHERE id = %s", [closed.decision]).fetchone() == (0,)
    assert all(cost.whole.denied == 0 for cost in shadow.costs(house.conn, house.gate.engine.rulebook, today + DAY))


def test_what_shadow_rules_would_have_done_is_an_accounts_own(
    with_rules: Callable[..., House], another: Callable[..., House]
) -> None:
    house = with_rules(closed=NEVER_OPEN.replace("STATE", SHADOW))
    house.one()
    stranger = another("other")
    since = at_of(house.conn.execute("SELECT now()").fetchone()[0] - timedelta(days=1))  # type: ignore[index]

    def deferred(account: object) -> int:
        costs = shadow.costs(house.conn, house.gate.engine.rulebook, since, account)  # type: ignore[arg-type]
        return sum(cost.whole.deferred for cost in costs if cost.rule == "own.closed")

    assert (deferred(house.account), deferred(stranger.account), deferred(None)) == (1, 0, 1)


def test_without_shadow_rules_nothing_is_written_beside_the_decisions(with_rules: Callable[..., House]) -> None:
    house = with_rules(closed=NEVER_OPEN.replace("STATE", "").replace("US-TX", "US-NY"))
    house.one()
    assert house.conn.execute("SELECT count(*) FROM ledger_shadow").fetchone() == (0,)


def test_a_twin_behind_an_override_is_not_told_as_a_shadow_rule(with_rules: Callable[..., House]) -> None:
    house = with_rules(overrides=NO_CAP)
    house.decide(*[recorded_call()] * 4)
    assert house.conn.execute("SELECT count(*) FROM ledger_shadow").fetchone() == (0,)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("broken.toml", "id = \ntitle = 1\n", 1), ("deep/closed.toml", NEVER_OPEN.replace("STATE", 'color = "red"'), 8)],
)
def test_a_rule_of_the_operators_that_cannot_be_read_names_the_file_as_it_lies(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        rulebooks.installed(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_directory_without_rules_is_a_mistake(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput) as caught:
            rulebooks.installed(place)
        assert caught.value.file == str(place)
