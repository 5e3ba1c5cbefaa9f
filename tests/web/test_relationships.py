"""Dealings and emergencies through HTTP: what is recorded at one door is known at the next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from forbear.accounts.permissions import Permission
from forbear.core.instants import DAY, date_of
from forbear.gate import alerts
from forbear.ledger.writes import now
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.test_decisions import problem

PERSON = INFORMATIONAL["to"]
CALL = INFORMATIONAL | {
    "purpose": "marketing",
    "recipient": {"country": "US", "region": "US-TX", "timezone": "America/Chicago"},
}


def rules(served: Served, headers: dict[str, str] | None = None, **change: Any) -> list[str]:
    said = served.http.post("/v1/decisions", json={"contacts": [CALL | change]}, headers=headers)
    return list(said.json()["answers"][0]["rules"])


def record(served: Served, *dealings: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    return served.http.post("/v1/relationships", json={"relationships": list(dealings)}, headers=headers)


def bought(served: Served, days: int, **more: Any) -> dict[str, Any]:
    """A purchase so many days ago, by the person's calendar in Texas."""
    today = date_of((now(served.database.app()) - 6 * 3600 * 1_000_000) // DAY)
    return {"address": PERSON, "kind": "purchase", "on": str(today - timedelta(days=days)), **more}


@pytest.mark.parametrize(("days", "lifts"), [(540, True), (541, False)])
def test_a_purchase_lifts_the_national_list_for_540_days(served: Served, days: int, lifts: bool) -> None:
    assert "us.dnc.national" in rules(served)
    assert record(served, bought(served, days)).status_code == 201
    assert ("us.dnc.national" in rules(served)) is not lifts


def test_another_accounts_purchase_lifts_nothing_and_is_not_shown(served: Served) -> None:
    theirs = served.another_account()
    assert record(served, bought(served, 1), headers=theirs).status_code == 201
    assert "us.dnc.national" in rules(served)
    assert "us.dnc.national" not in rules(served, headers=theirs)
    assert served.http.get("/v1/relationships").json()["relationships"] == []


def test_an_end_counts_from_its_answer_and_the_list_shows_it(served: Served) -> None:
    record(served, bought(served, 1, subject="gas", given_by_person=True, reference="order 7"))
    ended = record(served, {"address": PERSON, "kind": "purchase", "ended": True}).json()
    assert (ended["ended"], len(ended["events"])) == (1, 1)
    assert "us.dnc.national" in rules(served)
    (found,) = served.http.get("/v1/relationships", params={"address": PERSON}).json()["relationships"]
    assert (found["kind"], found["has_subject"], found["given_by_person"]) == ("purchase", True, True)
    assert found["ended"] is not None


def test_a_request_with_one_bad_dealing_records_none_and_names_it(served: Served) -> None:
    said = problem(record(served, bought(served, 1), bought(served, -9)), 422, "bad-input")
    assert said["key"] == "relationships[1].on"
    said = problem(record(served, bought(served, 1), bought(served, 1, seller="nobody")), 422, "bad-input")
    assert said["key"].startswith("relationships[1].")
    problem(record(served), 422, "bad-input")
    assert served.http.get("/v1/relationships").json()["relationships"] == []


def test_only_a_key_that_may_records_and_reads_dealings(served: Served) -> None:
    reads = served.another(Permission.RELATIONSHIP_READ)
    writes = served.another(Permission.RELATIONSHIP_WRITE)
    problem(record(served, bought(served, 1), headers=reads), 403, "missing-scope")
    problem(served.http.get("/v1/relationships", headers=writes), 403, "missing-scope")
    assert record(served, bought(served, 1), headers=writes).status_code == 201
    assert len(served.http.get("/v1/relationships", headers=reads).json()["relationships"]) == 1


def test_an_emergency_stops_calls_over_http_while_it_is_declared(served: Served) -> None:
    there: dict[str, Any] = {
        "to": "+15045550123",
        "recipient": {"country": "US", "region": "US-LA", "timezone": "America/Chicago"},
    }
    assert "us.la.emergency" not in rules(served, **there)
    alerts.declare(served.database.app(), "US-LA", by="Ana", source="Proclamation 12")
    assert "us.la.emergency" in rules(served, **there)
    assert "us.la.emergency" not in rules(served)
    alerts.end(served.database.app(), "US-LA", by="Ana")
    assert "us.la.emergency" not in rules(served, **there)


def test_an_account_can_state_no_emergency(served: Served) -> None:
    said = served.decide(CALL | {"alerts": []})
    assert said.status_code == 422
