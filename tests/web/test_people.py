"""What an account can have of a person, over HTTP: its own records, and nobody else's."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest

from forbear.accounts import writes
from forbear.accounts.permissions import Permission
from tests.web import optins
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.pages import MAIL, link, open_to_visitors

PERSON = str(INFORMATIONAL["to"])


def the_zip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return {name.removeprefix("dossier/"): packed.read(name) for name in packed.namelist()}


def test_a_dossier_holds_what_was_said_and_decided(served: Served) -> None:
    served.decide(INFORMATIONAL)
    said = {"address": PERSON, "channel": "sms", "text": "*stop* $texting$ #me\\ Σταμάτα"}
    assert served.http.post("/v1/opt-outs", json=said).status_code == 201
    answer = served.http.post("/v1/people/dossier", json={"address": PERSON})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    files = the_zip(answer.content)
    assert files["dossier.pdf"].startswith(b"%PDF-")
    assert {"README.txt", "verify.py", "manifest.json", "records/events.jsonl"} <= files.keys()
    (event,) = [json.loads(line) for line in files["records/events.jsonl"].splitlines()]
    assert bytes.fromhex(event["part"]).decode().count("Σταμάτα") == 1
    again = the_zip(served.http.post("/v1/people/dossier", json={"address": PERSON}).content)
    kinds = [json.loads(line)["kind"] for line in again["records/events.jsonl"].splitlines()]
    assert kinds == ["opt_out:said", "dossier:made"]


def test_a_dossier_of_nobody_says_what_was_searched(served: Served) -> None:
    answer = served.http.post("/v1/people/dossier", json={"address": "+14155550199"})
    assert answer.status_code == 200, answer.text
    manifest = json.loads(the_zip(answer.content)["manifest.json"])
    assert set(manifest["searched"].values()) == {0}


def test_another_account_sees_nothing_of_it(served: Served) -> None:
    served.decide(INFORMATIONAL)
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "sms", "text": "leave me alone"})
    other = served.another_account()
    files = the_zip(served.http.post("/v1/people/dossier", json={"address": PERSON}, headers=other).content)
    assert set(json.loads(files["manifest.json"])["searched"].values()) == {0}
    found = served.http.post("/v1/people/export", json={"address": PERSON}, headers=other).json()
    assert "leave me alone" not in json.dumps(found)
    assert found["data"].keys() <= {"events"}  # that its own dossier was made


def test_a_person_gets_what_is_held_on_them(served: Served) -> None:
    served.decide(INFORMATIONAL)
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "sms", "text": "leave me alone"})
    found = served.http.post("/v1/people/export", json={"address": PERSON}).json()
    assert found["data"].keys() >= {"events", "decisions", "suppressions"}
    assert any("art 21" in right for right in found["rights"])
    assert "leave me alone" in json.dumps(found)
    assert all(section["purpose"] and section["kept"] for section in found["data"].values())


def test_asking_to_be_erased_twice_is_asking_once(served: Served) -> None:
    first = served.http.post("/v1/people/erasure-requests", json={"address": PERSON, "text": "forget me"})
    assert first.status_code == 201, first.text
    second = served.http.post("/v1/people/erasure-requests", json={"address": PERSON}).json()
    assert second["again"]
    assert second["event"] == first.json()["event"]
    (waiting,) = served.http.get("/v1/people/erasure-requests").json()["requests"]
    assert waiting["address"] == PERSON
    other = served.http.get("/v1/people/erasure-requests", headers=served.another_account()).json()
    assert other == {"requests": []}


def test_each_of_it_needs_a_permission_of_its_own(served: Served) -> None:
    weak = served.another(Permission.DECISION_MAKE)
    for path in ("dossier", "export", "erasure-requests"):
        answer = served.http.post(f"/v1/people/{path}", json={"address": PERSON}, headers=weak)
        assert answer.status_code == 403
    assert served.http.get("/v1/people/erasure-requests", headers=weak).status_code == 403


def test_what_is_no_address_is_said_so(served: Served) -> None:
    answer = served.http.post("/v1/people/dossier", json={"address": "somebody"})
    assert answer.status_code == 422
    assert answer.json()["key"] == "address"


@pytest.mark.parametrize("kind", ["fresh_link", "opt_in"])
def test_a_link_that_went_to_the_person_is_handed_to_nobody_else(
    served: Served, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    open_to_visitors(monkeypatch)
    if kind == "fresh_link":
        link(served).post("/fresh", to="preferences", address=MAIL)
    else:
        optins.open_form(served)
        optins.asked(served)
    (sent,) = optins.messages(served, kind)
    (secret,) = re.findall(r"/[uc]/([A-Za-z0-9_-]{39})", sent["text"])
    files = the_zip(served.http.post("/v1/people/dossier", json={"address": MAIL}).content)
    (message,) = [json.loads(line) for line in files["records/messages.jsonl"].splitlines()]
    assert message["kind"] == kind
    export = served.http.post("/v1/people/export", json={"address": MAIL}).text
    assert kind in export
    for name, content in [*files.items(), ("export", export.encode())]:
        assert secret.encode() not in content, name
    (told,) = [one for one in map(json.loads, files["timeline.jsonl"].splitlines()) if one["kind"] == "message"]
    assert told["quote"] is None
    assert "the person's alone" in told["personal"]


def test_what_another_account_of_the_seller_wrote_is_its_own(served: Served) -> None:
    placed = {"address": MAIL, "reason": "owes us money", "seller": "acme"}
    assert served.http.post("/v1/suppressions", json=placed).status_code == 201
    conn = served.database.app()
    (seller,) = conn.execute("SELECT id FROM accounts_seller WHERE slug = 'acme'").fetchone() or ()
    account = writes.create_account(conn, "partner", "Partner")
    writes.link_seller(conn, account, seller)
    for headers, told in (({}, True), (served.another(*Permission, account=account), False)):
        made, exported = (
            served.http.post(f"/v1/people/{what}", json={"address": MAIL}, headers=headers).content
            for what in ("dossier", "export")
        )
        files = the_zip(made)
        texts = [*files.values(), exported]
        assert len(files["records/suppressions.jsonl"].splitlines()) == 1, "it stands all the same"
        assert any(b"owes us money" in text for text in texts) is told
