"""A declared emergency stops sales calls there, in decisions and in washes, while it is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forbear.core.errors import BadInput
from forbear.core.instants import SECOND
from forbear.core.words import Channel, LineType, Mode, Purpose
from forbear.gate import alerts, gather
from forbear.gate.contact import Contact, Recipient
from forbear.gate.explain import explain
from forbear.ledger.writes import now
from tests.gate.conftest import House
from tests.gate.test_wash import NOON, register, run  # noqa: F401 - a fixture

LA, NY, TX = "+15045550123", "+17165550123", "+12145550100"
HOUR = 3600 * SECOND
WHO: dict[str, Any] = {"by": "Ana", "source": "Proclamation 12 JML 2026"}


def call(to: str, region: str, county: str | None = None) -> Contact:
    return Contact(
        channel=Channel.VOICE,
        mode=Mode.LIVE,
        purpose=Purpose.MARKETING,
        to=to,
        from_="+12025550100",
        recipient=Recipient(country="US", region=region, county=county),
    )


def stopped(house: House, contact: Contact, rule: str = "us.la.emergency") -> bool:
    return rule in house.one(contact).rules


def test_an_alert_stops_a_call_from_the_next_decision_and_its_end_frees_it(house: House) -> None:
    assert not stopped(house, call(LA, "US-LA"))
    (alert,) = alerts.declare(house.conn, "US-LA", **WHO)
    assert stopped(house, call(LA, "US-LA"))
    assert not stopped(house, call(TX, "US-TX"))
    assert alerts.end(house.conn, str(alert), by="Ana") == 1
    assert not stopped(house, call(LA, "US-LA"))
    assert alerts.end(house.conn, str(alert), by="Ana") == 0


def test_an_alert_of_one_county_stops_calls_into_it_and_where_the_county_is_not_known(house: House) -> None:
    alerts.declare(house.conn, "US-NY:Erie", **WHO)
    for county, stops in (("Erie", True), (None, True), ("Kings", False)):
        assert stopped(house, call(NY, "US-NY", county), "us.ny.emergency") is stops, county


def test_counties_are_declared_one_by_one_and_ended_by_place(house: House) -> None:
    assert len(alerts.declare(house.conn, "US-NY", counties=["Erie", "Kings", "Erie"], **WHO)) == 2
    assert alerts.end(house.conn, "US-NY:Erie", by="Ana") == 1
    assert [one.place for one in alerts.listed(house.conn)] == ["US-NY:Kings"]
    assert {(one.place, one.state) for one in alerts.listed(house.conn, every=True)} == {
        ("US-NY:Erie", "ended"),
        ("US-NY:Kings", "in force"),
    }


def test_an_alert_to_come_stops_nothing_yet(house: House) -> None:
    alerts.declare(house.conn, "US-LA", from_at=now(house.conn) + HOUR, **WHO)
    assert not stopped(house, call(LA, "US-LA"))
    assert [one.state for one in alerts.listed(house.conn)] == ["coming"]


def test_an_alert_is_in_force_from_its_first_moment_up_to_its_end(house: House) -> None:
    start = now(house.conn) + HOUR
    alerts.declare(house.conn, "US-LA", from_at=start, until=start + HOUR, **WHO)
    rows = house.conn.execute(gather.ALERTS).fetchall()
    for at, there in ((start - 1, False), (start, True), (start + HOUR - 1, True), (start + HOUR, False)):
        assert gather.in_force(rows, at) == ({"US-LA"} if there else set())


def test_a_wash_knows_the_alerts_of_the_moment_it_is_for(
    house: House,
    run: Callable[..., list[dict[str, str]]],  # noqa: F811
) -> None:
    register(house)
    rows = f"phone,state\n{LA},LA\n{TX},TX\n"
    assert [row["verdict"] for row in run(rows, at=NOON, line_type=LineType.LANDLINE)] == ["allow", "allow"]
    alerts.declare(house.conn, "US-LA", from_at=NOON, until=NOON + 100 * HOUR, **WHO)
    washed = run(rows, at=NOON, line_type=LineType.LANDLINE)
    assert [(row["verdict"], row["rules"]) for row in washed] == [("deny", "us.la.emergency"), ("allow", "")]
    assert run.report.receipt["alerts"] == ["US-LA"]  # type: ignore[attr-defined]
    assert [row["verdict"] for row in run(rows, at=NOON - SECOND, line_type=LineType.LANDLINE)] == ["allow", "allow"]


def test_the_explanation_names_the_alert_also_after_its_end(house: House) -> None:
    alerts.declare(house.conn, "US-LA", **WHO)
    answer = house.one(call(LA, "US-LA"))
    alerts.end(house.conn, "US-LA", by="Ana")
    found = explain(house.conn, house.account, answer.decision, house.gate)
    assert found is not None
    assert (found.alerts, found.agrees) == (["US-LA"], True)
    assert "us.la.emergency" in found.rules


def test_who_said_so_and_on_what_word_stays_in_the_ledger(house: House) -> None:
    alerts.declare(house.conn, "US-LA", **WHO)
    alerts.end(house.conn, "US-LA", by="Ben")
    said = house.conn.execute("SELECT kind, known_by, payload FROM ledger_event ORDER BY id").fetchall()
    assert [(kind, by, payload["by"]) for kind, by, payload in said] == [
        ("alert:declared", "operator", "Ana"),
        ("alert:ended", "operator", "Ben"),
    ]
    assert said[0][2]["source"] == WHO["source"]


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("Louisiana", {}),
        ("US-QQ", {}),
        ("US-NY:", {}),
        ("US-NY", {"counties": ["a:b"]}),
        ("US-LA", {"by": " "}),
        ("US-LA", {"source": ""}),
        ("US-LA", {"from_at": 2 * HOUR, "until": HOUR}),
        ("US-LA", {"until": HOUR}),
    ],
)
def test_an_alert_that_says_too_little_is_refused(house: House, place: str, more: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        alerts.declare(house.conn, place, **{**WHO, **more})
    assert alerts.listed(house.conn, every=True) == []


def test_an_account_cannot_claim_an_alert_or_that_there_is_none() -> None:
    assert "alerts" not in Contact.__struct_fields__
    assert "alerts" not in Recipient.__struct_fields__
