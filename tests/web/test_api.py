"""The rest of the API as its callers meet it."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django.urls import URLPattern

from forbear.accounts import writes
from forbear.accounts.permissions import Permission
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.test_decisions import problem


def permit_of(served: Served, **change: Any) -> str:
    (answer,) = served.decide(INFORMATIONAL | change).json()["answers"]
    return str(answer["permit"]["id"])


# --- explain


def test_a_decision_is_explained_rule_by_rule_with_its_sources(served: Served) -> None:
    (answer,) = served.decide(INFORMATIONAL | {"purpose": "marketing"}).json()["answers"]
    said = served.http.get(f"/v1/decisions/{answer['id']}").json()
    assert said["verdict"] == answer["verdict"] == "deny"
    by_rule = {rule["rule"]: rule for rule in said["said"]}
    assert set(answer["rules"]) == {name for name, rule in by_rule.items() if rule["decided"]}
    assert by_rule["us.dnc.national"]["cites"][0]["title"].startswith("47 CFR 64.1200")
    assert {one["zone"] for one in said["local_times"]} == {"America/New_York"}
    assert said["agrees"] is True


def test_nobody_else_sees_a_decision(served: Served) -> None:
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    path = f"/v1/decisions/{answer['id']}"
    problem(served.http.get(path, headers=served.another_account()), 404, "not-found")
    problem(served.http.get(path, headers=served.another(Permission.DECISION_MAKE)), 403, "missing-scope")
    problem(served.http.get(path, headers={"Authorization": ""}), 401, "unauthorized")
    assert served.http.get(path).status_code == 200


def test_a_decision_that_cannot_be_is_not_found_or_refused(served: Served) -> None:
    for name in ("nonsense", "1", "%00", "../../etc"):
        assert served.http.get(f"/v1/decisions/{name}").status_code in (404, 422)


# --- permits


def test_a_permit_is_spent_once(served: Served) -> None:
    permit = permit_of(served)
    first = served.http.post(f"/v1/permits/{permit}/redeem")
    assert (first.status_code, first.json()["outcome"]) == (200, "redeemed")
    problem(served.http.post(f"/v1/permits/{permit}/redeem"), 409, "permit-already-redeemed")


def test_nobody_else_spends_a_permit(served: Served) -> None:
    permit = permit_of(served)
    problem(served.http.post(f"/v1/permits/{permit}/redeem", headers=served.another_account()), 404, "not-found")
    problem(served.http.post(f"/v1/permits/{uuid4()}/redeem"), 404, "not-found")
    assert served.http.post(f"/v1/permits/{permit}/redeem").status_code == 200


def test_after_an_opt_out_the_permit_is_worth_nothing(served: Served) -> None:
    permit = permit_of(served)
    stop = {"address": INFORMATIONAL["to"], "channel": "voice", "text": "do not call me"}
    assert served.http.post("/v1/opt-outs", json=stop).status_code == 201
    problem(served.http.post(f"/v1/permits/{permit}/redeem"), 409, "permit-suppressed")


def test_a_held_account_spends_no_permit(served: Served) -> None:
    permit = permit_of(served)
    hold = writes.place_hold(served.database.app(), "complaints", "Ana", account=served.account)
    problem(served.http.post(f"/v1/permits/{permit}/redeem"), 409, "permit-held")
    assert writes.lift_hold(served.database.app(), hold, "Ana")
    assert served.http.post(f"/v1/permits/{permit}/redeem").status_code == 200


def test_a_disposition_is_recorded_once(served: Served) -> None:
    permit = permit_of(served)
    path = f"/v1/permits/{permit}/disposition"
    assert served.http.post(path, json={"outcome": "answered", "conversation": True}).json()["outcome"] == "settled"
    problem(served.http.post(path, json={"outcome": "not_placed"}), 409, "permit-already-settled")


def test_a_disposition_is_one_of_the_known(served: Served) -> None:
    said = problem(
        served.http.post(f"/v1/permits/{permit_of(served)}/disposition", json={"outcome": "vanished"}), 422, "bad-input"
    )
    assert said["key"] == "outcome"


# --- opt-outs


def test_an_opt_out_stops_the_next_decision(served: Served) -> None:
    assert served.decide(INFORMATIONAL).json()["answers"][0]["verdict"] == "allow"
    stop = {"address": INFORMATIONAL["to"], "channel": "voice"}
    receipt = served.http.post("/v1/opt-outs", json=stop)
    assert receipt.status_code == 201
    assert receipt.json()["seq"] > 0
    assert receipt.json()["honour_rule"] == "us.tcpa.dnc_request_deadline"
    assert receipt.json()["honour_by"] > receipt.json()["at"][:10]  # days later, though it is in force at once
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    assert (answer["verdict"], answer["cure"]) == ("deny", "none")
    assert "house.opt_out_all" in answer["rules"]


BAD_OPT_OUTS: tuple[tuple[dict[str, Any], str | None], ...] = (
    ({"address": "nobody"}, "address"),
    ({"address": "+13055550123\u0000"}, None),
    ({"channel": "pigeon"}, "channel"),
    ({"covers": "campaign"}, "campaign"),
    ({"seller": "nobody"}, "seller"),
    ({"at": "yesterday"}, "at"),
    ({"at": "2026-11-20T10:00:00"}, "at"),
    ({"at": "2999-01-01T00:00:00Z"}, "at"),
    ({"txt": "STOP"}, "txt"),
    ({"text": "x" * 20_001}, "text"),
)


def test_a_bad_opt_out_names_its_key_and_records_nothing(served: Served) -> None:
    for change, key in BAD_OPT_OUTS:
        stop = {"address": INFORMATIONAL["to"], "channel": "voice"} | change
        assert problem(served.http.post("/v1/opt-outs", json=stop), 422, "bad-input").get("key") == key
    assert served.database.app().execute("SELECT count(*) FROM ledger_event").fetchone() == (0,)


def test_a_body_that_is_no_request_is_one_clear_problem(served: Served) -> None:
    for body in (b"{", b"[" * 100_000, b"\xff", b"[]", b'"x"', b'{"address": ' + b"[" * 500_000):
        answer = served.http.post("/v1/opt-outs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"


# --- suppressions


def test_a_suppression_stops_the_account_and_is_listed(served: Served) -> None:
    placed = served.http.post("/v1/suppressions", json={"address": INFORMATIONAL["to"], "reason": "moved away"})
    assert placed.status_code == 201
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    assert answer["rules"] == ["house.suppressed"]
    (found,) = served.http.get("/v1/suppressions", params={"address": INFORMATIONAL["to"]}).json()["suppressions"]
    assert (found["reason"], found["whose"], found["said"]) == ("moved away", "account", False)
    assert served.http.get("/v1/suppressions", params={"address": "+13055550199"}).json()["suppressions"] == []


def test_a_list_is_read_page_by_page(served: Served) -> None:
    for number in range(5):
        served.http.post("/v1/suppressions", json={"address": f"+1305555010{number}", "reason": str(number)})
    seen: list[str] = []
    after = None
    for _ in range(4):
        page = served.http.get("/v1/suppressions", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [one["reason"] for one in page["suppressions"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]


def test_one_account_does_not_see_anothers_list(served: Served) -> None:
    served.http.post("/v1/suppressions", json={"address": INFORMATIONAL["to"], "reason": "ours"})
    assert served.http.get("/v1/suppressions", headers=served.another_account()).json()["suppressions"] == []


def test_a_page_has_a_size(served: Served) -> None:
    for limit in ("0", "1001", "many"):
        said = problem(served.http.get("/v1/suppressions", params={"limit": limit}), 422, "bad-input")
        assert said["key"] == "limit"


# --- consents


def test_a_consent_is_recorded_and_counts(served: Served) -> None:
    text = {
        "channel": "sms",
        "purpose": "informational",
        "from": "+12025550100",
        "to": "+13055550123",
        "recipient": INFORMATIONAL["recipient"],
        "content": {"identifies_sender": True, "promotional": False, "opt_out": {"kind": "reply"}},
    }
    (before,) = served.decide(text).json()["answers"]
    assert (before["verdict"], before["cure"]) == ("deny", "evidence")
    given = {
        "address": "+13055550123",
        "level": "express",
        "given": "2026-01-05",
        "until": "indefinite",
        "channels": ["sms"],
        "purposes": ["informational"],
        "covers": ["automated"],
        "evidence": "form 12",
        "names_seller": True,
    }
    assert served.http.post("/v1/consents", json=given).status_code == 201
    (after,) = served.decide(text).json()["answers"]
    assert after["verdict"] == "allow", after
    (found,) = served.http.get("/v1/consents", params={"address": "+13055550123"}).json()["consents"]
    assert (found["level"], found["given"], found["until"]) == ("express", "2026-01-05", "indefinite")
    assert (found["channels"], found["evidence"]) == (["sms"], True)


BAD_CONSENTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"level": "verbal"}, "level"),
    ({"given": "05/01/2026"}, "given"),
    ({"given": None}, "given"),
    ({"until": "forever"}, "until"),
    ({"channels": ["fax"]}, "channels.0"),
    ({"sellers": ["nobody"]}, "sellers"),
)


def test_a_bad_consent_names_its_key(served: Served) -> None:
    for change, key in BAD_CONSENTS:
        given = {"address": "+13055550123", "level": "express", "given": "2026-01-05"} | change
        said = problem(served.http.post("/v1/consents", json=given), 422, "bad-input")
        assert str(said["key"]).startswith(key)
    assert served.http.get("/v1/consents").json()["consents"] == []


# --- pages and documents


def route(pattern: URLPattern) -> str | None:
    """A pattern of the API as the document writes it; None for the document itself."""
    said = re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", str(pattern.pattern))
    return None if pattern.name in {"openapi-json", "openapi-view", "api-root"} else f"/v1/{said}"


def test_the_document_describes_every_route(served: Served) -> None:
    from forbear.web.api import api  # needs the settings that the server has set

    document = served.http.get("/v1/openapi.json").json()
    inside = {
        path
        for operations in api.urls[0]
        if isinstance(operations, URLPattern) and (path := route(operations)) is not None
    }
    assert len(inside) > 30
    assert set(document["paths"]) == inside | {"/v1/decisions", "/v1/evidence"}  # two are served before Django
    assert all("post" in document["paths"][path] for path in ("/v1/decisions", "/v1/evidence"))
    asked = document["paths"]["/v1/decisions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked == {"$ref": "#/components/schemas/DecisionRequest"}
    contact = document["components"]["schemas"]["Contact"]
    assert {"channel", "purpose", "to", "from", "recipient", "content"} <= set(contact["properties"])
    referred = {word.split('"')[0] for word in str(document).replace("'", '"').split("#/components/schemas/")[1:]}
    assert referred <= set(document["components"]["schemas"])


def test_the_first_page_says_what_runs_and_how_to_ask(served: Served) -> None:
    page = served.http.get("/", headers={"Authorization": ""})
    assert page.status_code == 200
    for said in ("The gate is open", "PostgreSQL", "sha256:", "curl", "/v1/decisions", "No registry is loaded"):
        assert said in page.text


def test_pages_load_nothing_from_elsewhere(served: Served) -> None:
    for path in ("/", "/docs"):
        page = served.http.get(path)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for part in page.text.replace("'", '"').split('"'):
            if part.startswith(("http://", "https://", "//")):
                assert part.startswith("http://127.0.0.1")
    for name in ("forbear/forbear.css", "ninja/swagger-ui-bundle.js", "ninja/swagger-ui-init.js"):
        assert served.http.get(f"/static/{name}").status_code == 200


def test_health_is_told_without_a_key(served: Served) -> None:
    assert served.http.get("/healthz", headers={"Authorization": ""}).json() == {"status": "alive"}
    assert served.http.get("/readyz", headers={"Authorization": ""}).json()["status"] == "ready"


def test_what_is_not_there_is_a_problem_too(served: Served) -> None:
    for path in ("/nothing", "/v1/nothing", "/static/../settings.py", "/static/nothing.css"):
        problem(served.http.get(path), 404, "not-found")


def test_another_host_name_is_not_served(served: Served) -> None:
    assert served.http.get("/", headers={"Host": "evil.example"}).status_code == 400
