"""Consents through HTTP: the words shown, documents, receipts, uses, and taking back in part."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from forbear.accounts.permissions import Permission
from forbear.core.canonical import digest
from forbear.gate import erase
from forbear.ledger import blobs
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.test_decisions import problem

PERSON = INFORMATIONAL["to"]
WORDS = {"name": "newsletter", "version": "3", "language": "en", "text": "Yes, send me up to 4 offers a month by text."}
GIVEN: dict[str, Any] = {
    "address": PERSON,
    "level": "express_written",
    "given": "2026-01-05T10:00:00Z",
    "channels": ["sms", "email"],
    "purposes": ["marketing", "informational"],
    "method": "web_form",
    "page": "https://acme.example/join",
}


def give(served: Served, **more: Any) -> str:
    said = served.http.post("/v1/consents", json=GIVEN | more)
    assert said.status_code == 201, said.text
    return str(said.json()["events"][0])


def upload(served: Served, content: bytes, headers: dict[str, str] | None = None) -> Any:
    return served.http.post("/v1/evidence", content=content, headers=headers)


def receipt(served: Served, consent: str) -> dict[str, Any]:
    said = served.http.get(f"/v1/consents/{consent}/receipt")
    assert said.status_code == 200, said.text
    return dict(said.json())


def standing(served: Served) -> list[tuple[list[str], list[str]]]:
    found = served.http.get("/v1/consents", params={"address": PERSON}).json()["consents"]
    return sorted((one["channels"], one["purposes"]) for one in found if one["withdrawn"] is None)


def test_words_are_kept_once_and_a_version_has_one_text(served: Served) -> None:
    first = served.http.post("/v1/wordings", json=WORDS)
    assert first.status_code == 201
    assert first.json()["digest"] == "sha256:" + sha256(WORDS["text"].encode()).hexdigest()
    again = served.http.post("/v1/wordings", json=WORDS | {"version": "4"})
    assert (again.status_code, again.json()["version"]) == (200, "3")
    said = problem(served.http.post("/v1/wordings", json=WORDS | {"text": "Yes, everything."}), 422, "bad-input")
    assert said["key"] == "version"
    theirs = served.another_account()
    assert served.http.get("/v1/wordings", headers=theirs).json() == {"wordings": []}
    problem(served.http.get(f"/v1/wordings/{first.json()['digest']}", headers=theirs), 404, "not-found")
    problem(
        served.http.post("/v1/consents", json=GIVEN | {"wording": first.json()["digest"]}, headers=theirs),
        422,
        "bad-input",
    )


def test_a_receipt_says_whole_what_was_agreed_and_its_digest_is_that_of_its_bytes(served: Served) -> None:
    wording = served.http.post("/v1/wordings", json=WORDS).json()["digest"]
    document = upload(served, b"%PDF-1.7 signed").json()["digest"]
    served.http.put("/v1/controllers/acme", json={"address": "1 Main St, Tampa", "contact": "privacy@acme.example"})
    consent = give(
        served,
        wording=wording,
        documents=[document],
        promised={"messages": 4, "days": 30},
        until="2027-01-05",
        list="newsletter",
        names_seller=True,
    )
    said = receipt(served, consent)
    assert said["header"]["record_id"] == consent
    assert said["header"]["pii_principal_id"] == PERSON
    assert said["processing"]["privacy_notice"]["text"] == WORDS["text"]
    assert [one["purpose"] for one in said["processing"]["purposes"]] == ["marketing", "informational"]
    assert said["processing"]["promised"] == {"messages": 4, "days": 30}
    assert said["processing"]["language"] == "en"
    assert said["parties"][0]["party_address"] == "1 Main St, Tampa"
    assert (said["event"][0]["event_state"], said["event"][0]["validity_duration"]) == ("given", "until 2027-01-05")
    assert said["evidence"]["documents"] == [{"digest": document, "media_type": "application/pdf", "size": 15}]
    assert said["log"]["events"] == [consent]
    assert digest({name: part for name, part in said.items() if name != "digest"}) == said["digest"]
    (listed,) = served.http.get("/v1/consents").json()["consents"]
    assert (listed["wording"], listed["promised"], listed["known_by"]) == (
        wording,
        {"messages": 4, "days": 30},
        "account",
    )


def test_another_account_reads_neither_consent_receipt_uses_nor_document(served: Served) -> None:
    document = upload(served, b"%PDF-1.7 signed").json()["digest"]
    consent = give(served, documents=[document])
    assert served.http.get(f"/v1/evidence/{document}").content == b"%PDF-1.7 signed"
    theirs = served.another_account()
    for path in (
        f"consents/{consent}",
        f"consents/{consent}/receipt",
        f"consents/{consent}/uses",
        f"evidence/{document}",
    ):
        problem(served.http.get(f"/v1/{path}", headers=theirs), 404, "not-found")
    said = served.http.post("/v1/consents", json=GIVEN | {"documents": [document]}, headers=theirs)
    assert problem(said, 422, "bad-input")["key"] == "documents[0]"


def test_a_document_is_what_its_bytes_say_and_comes_back_as_a_file(served: Served) -> None:
    page = b"<html><script>alert(1)</script>"
    found = upload(served, page, {"Content-Type": "text/html"}).json()
    assert (found["media_type"], found["size"]) == ("text/plain", len(page))
    back = served.http.get(f"/v1/evidence/{found['digest']}")
    assert back.content == page
    assert back.headers["content-disposition"].startswith("attachment")
    assert back.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in back.headers["content-security-policy"]


def test_an_upload_beyond_the_bound_or_without_the_right_leaves_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBEAR_EVIDENCE_MAX", "1000")
    before = sorted(blobs.folder().rglob("*"))
    problem(upload(served, b"x" * 1001), 413, "too-large")

    def unannounced() -> Any:
        for _ in range(20):
            yield b"y" * 100

    problem(served.http.post("/v1/evidence", content=unannounced()), 413, "too-large")
    problem(upload(served, b""), 422, "bad-input")
    problem(upload(served, b"z", served.another(Permission.CONSENT_READ)), 403, "missing-scope")
    problem(upload(served, b"z", {"Authorization": "Bearer nobody.nothing"}), 401, "unauthorized")
    assert [one for one in sorted(blobs.folder().rglob("*")) if one.is_file()] == [
        one for one in before if one.is_file()
    ]
    assert upload(served, b"x" * 1000).status_code == 201


def test_an_upload_larger_than_a_request_may_be_is_taken(served: Served) -> None:
    content = b"OggS" + b"\0" * (9 << 20)
    found = upload(served, content).json()
    assert (found["media_type"], found["size"]) == ("audio/ogg", len(content))
    assert blobs.read(bytes.fromhex(found["digest"].removeprefix("sha256:"))) == content


@pytest.mark.parametrize(("keeps", "kept"), [(False, None), (True, "2001:db8::1")])
def test_an_ip_address_is_kept_apart_and_only_where_the_policy_wants_it(
    served: Served, keeps: bool, kept: str | None
) -> None:
    served.http.put("/v1/controllers/acme", json={"keep_ip": keeps})
    consent = give(served, ip="2001:0db8::1")
    assert receipt(served, consent)["evidence"]["ip"] == kept
    row = served.database.app().execute("SELECT payload FROM ledger_event WHERE id = %s", [consent]).fetchone()
    assert row is not None
    assert "2001" not in json.dumps(row[0])
    assert PERSON not in json.dumps(row[0])
    said = problem(served.http.post("/v1/consents", json=GIVEN | {"ip": "here"}), 422, "bad-input")
    assert said["key"] == "ip"


def withdraw(served: Served, **more: Any) -> int:
    said = served.http.post("/v1/consents/withdrawals", json={"address": PERSON} | more)
    assert said.status_code == 201, said.text
    return int(said.json()["withdrawn"])


def test_a_consent_taken_back_for_one_channel_stays_for_the_others(served: Served) -> None:
    wording = served.http.post("/v1/wordings", json=WORDS).json()["digest"]
    document = upload(served, b"%PDF-1.7 signed").json()["digest"]
    consent = give(served, wording=wording, documents=[document])
    assert withdraw(served, channels=["sms"], text="no texts please") == 1
    assert standing(served) == [(["email"], ["marketing", "informational"])]
    left = next(one for one in served.http.get("/v1/consents").json()["consents"] if one["withdrawn"] is None)
    assert (left["wording"], left["given"]) == (wording, "2026-01-05T10:00:00Z")
    said = receipt(served, left["id"])
    assert said["event"][0]["remainder_of"] == consent
    assert [one["digest"] for one in said["evidence"]["documents"]] == [document]
    old = receipt(served, consent)
    assert [one["event_state"] for one in old["event"]] == ["given", "withdrawn"]
    assert len(old["log"]["events"]) == 2
    assert withdraw(served, channels=["sms"]) == 0


def test_a_consent_taken_back_for_one_purpose_stays_for_the_other_and_for_other_channels(served: Served) -> None:
    give(served)
    assert withdraw(served, channels=["sms"], purposes=["marketing"]) == 1
    assert standing(served) == [(["email"], ["marketing", "informational"]), (["sms"], ["informational"])]
    assert withdraw(served) == 2
    assert standing(served) == []


def test_a_consent_whose_channels_were_never_stated_ends_whole(served: Served) -> None:
    give(served, channels=None)
    assert withdraw(served, channels=["sms"]) == 1
    assert standing(served) == []


def test_the_uses_of_a_consent_are_the_contacts_allowed_while_it_stood(served: Served) -> None:
    before = served.decide(INFORMATIONAL).json()["answers"][0]
    consent = give(served, channels=["voice"])
    during = served.decide(INFORMATIONAL).json()["answers"][0]
    served.decide(INFORMATIONAL | {"to": "+13055550199"})
    withdraw(served)
    after = served.decide(INFORMATIONAL).json()["answers"][0]
    assert {before["verdict"], during["verdict"], after["verdict"]} == {"allow"}
    found = served.http.get(f"/v1/consents/{consent}/uses").json()
    assert [one["decision"] for one in found["uses"]] == [during["id"]]
    assert (found["uses"][0]["channel"], found["uses"][0]["purpose"], found["next"]) == ("voice", "informational", None)


def test_the_uses_come_a_page_at_a_time(served: Served) -> None:
    consent = give(served, channels=["voice"])
    ids = [served.decide(INFORMATIONAL).json()["answers"][0]["id"] for _ in range(3)]
    first = served.http.get(f"/v1/consents/{consent}/uses", params={"limit": 2}).json()
    second = served.http.get(f"/v1/consents/{consent}/uses", params={"limit": 2, "after": first["next"]}).json()
    assert [one["decision"] for one in first["uses"] + second["uses"]] == ids[::-1]
    assert second["next"] is None


def test_a_promised_frequency_is_a_cap(served: Served) -> None:
    offer = {
        "channel": "email",
        "purpose": "marketing",
        "from": "news@acme.example",
        "to": "pat@example.net",
        "recipient": {"kind": "consumer", "country": "DE"},
        "content": {
            "identifies_sender": True,
            "postal_address": True,
            "subject_accurate": True,
            "header_accurate": True,
            "promotional": True,
            "identified_as_ad": True,
            "opt_out": {"kind": "url", "requires_login": False},
        },
    }
    give(
        served,
        address="pat@example.net",
        level="express",
        channels=["email"],
        names_seller=True,
        evidence="form 7",
        promised={"messages": 2, "days": 30},
    )
    found = [served.decide(offer, redeem=True).json()["answers"][0] for _ in range(3)]
    assert [one["verdict"] for one in found] == ["allow", "allow", "defer"], found
    assert "promise" in " ".join(found[2]["rules"])


def test_a_document_is_erased_with_the_last_person_it_is_about(served: Served) -> None:
    shared = upload(served, b"%PDF-1.7 of two").json()["digest"]
    own = upload(served, b"%PDF-1.7 of one").json()["digest"]
    give(served, documents=[shared, own])
    give(served, address="+13055550124", documents=[shared])
    owner = served.database.owner()
    for address, left in ((PERSON, [True, False]), ("+13055550124", [False, False])):
        erase.erase(owner, address, account=None, by="Robin", reason="asked", place="CA-ON")
        there = [served.http.get(f"/v1/evidence/{one}").status_code == 200 for one in (shared, own)]
        assert there == left
