"""Forms through HTTP and as pages: opened and closed, asked and confirmed, by mail and by code, whole and embedded."""

from __future__ import annotations

import re

import pytest

from forbear.accounts.permissions import Permission
from forbear.web.limits import Buckets
from forbear.web.public import optin
from forbear.web.public.texts import LANGUAGES
from tests.web.conftest import Served
from tests.web.optins import (
    FORM,
    MAIL,
    PAGE,
    PHONE,
    WORDS,
    ask,
    asked,
    code_in,
    consents,
    link_in,
    messages,
    open_form,
    page_token,
    person,
    work,
)
from tests.web.test_decisions import problem


@pytest.fixture(autouse=True)
def _no_other_test_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENTS", "FORMS", "CODES"):
        monkeypatch.setattr(optin, name, Buckets(rate=1, burst=100))


def test_a_form_is_opened_listed_and_closed_and_its_name_is_free_again(served: Served) -> None:
    made = open_form(served)
    assert made["page"].endswith(PAGE)
    assert (made["list"], served.http.get("/v1/forms/news").json()) == ("Acme news", made)
    assert WORDS["text"] in made["snippet"]
    assert 'src="' in made["frame"]
    problem(served.http.post("/v1/forms", json=FORM | {"wording": made["wording"]}), 422, "bad-input")
    assert served.http.delete("/v1/forms/news").status_code == 204
    problem(served.http.delete("/v1/forms/news"), 404, "not-found")
    with person(served) as browser:
        assert browser.get(PAGE).status_code == 404
    again = open_form(served)
    listed = served.http.get("/v1/forms").json()["forms"]
    assert [one["id"] for one in listed] == [again["id"], made["id"]]
    assert listed[1]["closed"] is not None


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"slug": "News!"}, "slug"),
        ({"channel": "voice"}, "channel"),
        ({"country": None}, "country"),
        ({"wording": "sha256:" + "0" * 64}, "wording"),
        ({"origins": ["https://acme.example/page"]}, "origins[0]"),
        ({"origins": ["http://acme.example"]}, "origins[0]"),
        ({"origins": ["https://a.example; script-src *"]}, "origins[0]"),
        ({"seller": "nobody"}, "sellers"),
    ],
)
def test_a_form_that_cannot_be_is_refused_by_name(served: Served, wrong: dict[str, object], key: str) -> None:
    wording = served.http.post("/v1/wordings", json=WORDS).json()["digest"]
    said = problem(served.http.post("/v1/forms", json=FORM | {"wording": wording} | wrong), 422, "bad-input")
    assert said["key"] == key
    assert served.http.get("/v1/forms").json() == {"forms": []}


def test_only_a_key_that_may_opens_a_form(served: Served) -> None:
    reads = served.another(Permission.CONSENT_READ)
    wording = served.http.post("/v1/wordings", json=WORDS).json()["digest"]
    problem(served.http.post("/v1/forms", json=FORM | {"wording": wording}, headers=reads), 403, "missing-scope")
    open_form(served)
    theirs = served.another_account()
    assert served.http.get("/v1/forms", headers=theirs).json() == {"forms": []}
    problem(served.http.get("/v1/forms/news", headers=theirs), 404, "not-found")
    problem(served.http.delete("/v1/forms/news", headers=theirs), 404, "not-found")


def test_the_page_shows_the_words_the_promise_and_who_asks_in_every_language(served: Served) -> None:
    open_form(served)
    with person(served) as browser:
        for language in LANGUAGES:
            page = browser.get(PAGE, params={"lang": language})
            assert page.status_code == 200
            assert f'<html lang="{language}"' in page.text
            assert WORDS["text"] in page.text
            assert "<script" not in page.text
            assert "4" in page.text
        assert "Set-Cookie" not in page.headers
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_a_link_in_a_mail_confirms_with_full_evidence(served: Served) -> None:
    made = open_form(served)
    served.http.put("/v1/controllers/acme", json={"keep_ip": True})
    question = asked(served)
    assert question["to"] == MAIL
    assert "unsubscribe" not in question["text"].lower()
    assert consents(served) == []
    with person(served) as browser:
        link = link_in(question)
        assert WORDS["text"] in browser.get(link).text
        assert consents(served) == []
        done = browser.post(link)
    assert done.status_code == 200
    (found,) = consents(served)
    assert found["id"] in done.text
    change = re.search(r'href="(/u/[^"]+/preferences)"', done.text)
    assert change is not None
    with person(served) as browser:
        assert "Acme" in browser.get(change[1]).text
        assert "You are signed up" in browser.get(link).text
    assert (found["known_by"], found["evidence"], found["wording"]) == ("observed", True, made["wording"])
    assert (found["channels"], found["purposes"], found["level"]) == (["email"], ["marketing"], "express")
    assert (found["promised"], found["given_by_person"], found["names_seller"]) == (
        {"messages": 4, "days": 30},
        True,
        True,
    )
    said = served.http.get(f"/v1/consents/{found['id']}/receipt").json()
    assert said["header"]["pii_principal_id"] == MAIL
    assert said["evidence"]["ip"] == "127.0.0.1"
    assert said["evidence"]["page"].endswith("/c")
    assert PAGE in said["evidence"]["words"]
    assert said["processing"]["purposes"][0]["collection_method"] == "web_form"
    assert said["processing"]["purposes"][0]["service"] == "Acme news"


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_who_comes_by_ipv6_confirms_too(served: Served, monkeypatch: pytest.MonkeyPatch, channel: str) -> None:
    monkeypatch.setenv("FORBEAR_TRUSTED_PROXIES", "127.0.0.1")
    open_form(served, channel=channel, country="US" if channel == "email" else None)
    served.http.put("/v1/controllers/acme", json={"keep_ip": True})
    address = MAIL if channel == "email" else PHONE
    page = ask(served, address)
    work(served)
    (question,) = messages(served)
    with person(served) as browser:
        client = {"X-Forwarded-For": "2001:db8:1:2:3:4:5:6"}
        if channel == "email":
            done = browser.post(link_in(question), headers=client)
        else:
            typed = {"token": page_token(page), "code": code_in(question)}
            done = browser.post(PAGE, data=typed, headers=client)
    assert done.status_code == 200
    (found,) = consents(served, address)
    said = served.http.get(f"/v1/consents/{found['id']}/receipt").json()
    assert said["evidence"]["ip"] == "2001:db8:1:2:3:4:5:6"


def test_a_code_in_a_text_confirms(served: Served) -> None:
    open_form(served, channel="sms", country=None)
    response = ask(served, PHONE)
    work(served)
    (question,) = messages(served)
    with person(served) as browser:
        token = page_token(response)
        wrong = browser.post(PAGE, data={"token": token, "code": "000000" if code_in(question) != "000000" else "1"})
        assert (wrong.status_code, "4" in wrong.text) == (400, True)
        assert consents(served, PHONE) == []
        done = browser.post(
            PAGE, data={"token": page_token(wrong), "code": f" {code_in(question)[:3]} {code_in(question)[3:]}"}
        )
    assert done.status_code == 200
    (found,) = consents(served, PHONE)
    assert (found["known_by"], found["channels"]) == ("observed", ["sms"])


@pytest.mark.parametrize("address", ["nobody", "pat@localhost", "", "pat@example.net, sam@example.net"])
def test_what_is_no_address_is_said_so_and_nothing_is_kept(served: Served, address: str) -> None:
    open_form(served)
    response = ask(served, address)
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    work(served)
    assert messages(served) == []


def test_what_was_typed_is_escaped_on_the_page_and_never_in_the_message(served: Served) -> None:
    open_form(served)
    response = ask(served, '"><script>alert(1)</script>')
    assert "<script" not in response.text
    question = asked(served)
    ask(served, "sam@example.net", Referer="https://evil.example/buy-now")
    work(served)
    assert "evil.example" not in messages(served)[-1]["text"]
    assert question["text"].count("http") == 2


def test_the_framed_page_may_be_framed_by_its_origins_alone_and_the_form_sent_from_there(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_form(served)
    with person(served) as browser:
        page = browser.get(f"{PAGE}/embed")
        assert "frame-ancestors https://www.acme.example" in page.headers["Content-Security-Policy"]
        assert f'action="{PAGE}/embed"' in page.text
    assert ask(served, Origin="https://www.acme.example").status_code == 200
    monkeypatch.setenv("FORBEAR_PUBLIC_URL", "https://stop.example.org")
    assert ask(served, "pat@example.org", Origin="https://stop.example.org").status_code == 200, "behind a proxy"
    refused = ask(served, "sam@example.net", Origin="https://evil.example")
    assert refused.status_code == 403
    work(served)
    assert [one["to"] for one in messages(served)] == [MAIL, "pat@example.org"]


def test_a_program_that_fills_every_field_is_told_the_same_and_nobody_is_asked(served: Served) -> None:
    open_form(served)
    with person(served) as browser:
        trapped = browser.post(PAGE, data={"address": MAIL, "website": "https://spam.example"})
    honest = ask(served, "sam@example.net")
    assert (trapped.status_code, trapped.text) == (honest.status_code, honest.text)
    work(served)
    assert [one["to"] for one in messages(served)] == ["sam@example.net"]


def test_what_was_asked_while_a_form_was_open_may_be_confirmed_after_it_closed(served: Served) -> None:
    open_form(served)
    question = asked(served)
    served.http.delete("/v1/forms/news")
    with person(served) as browser:
        assert browser.post(link_in(question)).status_code == 200
    assert len(consents(served)) == 1
