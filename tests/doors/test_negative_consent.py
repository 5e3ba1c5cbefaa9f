"""What others let happen at their forms, tried at ours: confirming by GET, list-bombing, telling who is known."""

from __future__ import annotations

import re
import threading
from typing import Any

import httpx
import pytest

from forbear.accounts import writes as accounts
from forbear.gate import opt_in, outbox
from forbear.gate.outbox import Never, Permitted
from forbear.web.limits import Buckets
from forbear.web.public import optin
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

OFFER: dict[str, Any] = {
    "channel": "email",
    "purpose": "marketing",
    "from": "news@acme.example",
    "to": MAIL,
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


@pytest.fixture(autouse=True)
def _no_other_test_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENTS", "FORMS", "CODES"):
        monkeypatch.setattr(optin, name, Buckets(rate=1, burst=1000))


def later(served: Served, seconds: int) -> None:
    """As if so much time had gone by since everything that was asked."""
    served.database.app().execute(
        "UPDATE ledger_optin SET asked_at = asked_at - make_interval(secs => %s),"
        " expires_at = expires_at - make_interval(secs => %s)",
        [seconds, seconds],
    )


def another_form(served: Served, slug: str) -> str:
    """A form of another account and seller."""
    conn = served.database.app()
    account = accounts.create_account(conn, slug, slug.title())
    seller = accounts.create_seller(conn, slug, slug.title(), country="US", kind="company")
    accounts.link_seller(conn, account, seller)
    key = accounts.create_api_key(conn, account, "key")
    headers = {"Authorization": f"Bearer {key.token}"}
    wording = served.http.post("/v1/wordings", json=WORDS, headers=headers).json()["digest"]
    assert served.http.post("/v1/forms", json=FORM | {"wording": wording}, headers=headers).status_code == 201
    return f"/f/{slug}/news"


def test_6_no_get_and_no_head_confirms_however_often_a_scanner_looks(served: Served) -> None:
    open_form(served)
    question = asked(served)
    links = [link_in(question), link_in(question, "n")]
    with person(served) as scanner:
        for method in ("GET", "HEAD", "OPTIONS", "GET"):
            for link in links:
                assert scanner.request(method, link).status_code in {200, 204}
        scanner.get(links[0], params={"confirm": "yes", "act": "confirm"})
        assert scanner.put(links[0]).status_code == 405
    assert consents(served) == []
    with person(served) as browser:
        assert browser.post(links[0]).status_code == 200
    assert len(consents(served)) == 1


def test_a_forged_or_altered_link_confirms_nothing_and_says_nothing(served: Served) -> None:
    open_form(served)
    link = link_in(asked(served))
    altered = link[:-1] + ("A" if link[-1] != "A" else "B")
    with person(served) as stranger:
        for path in (altered, link.replace("/c/", "/n/") + "x", "/c/" + "A" * 39, "/c/short"):
            for response in (stranger.get(path), stranger.post(path)):
                assert response.status_code == 404
    assert consents(served) == []


def test_the_token_of_the_page_for_a_code_is_no_link(served: Served) -> None:
    open_form(served, channel="sms", country=None)
    token = page_token(ask(served, PHONE))
    work(served)
    with person(served) as stranger:
        assert stranger.post(f"/c/{token}").status_code == 404
        assert stranger.post(f"/n/{token}").status_code == 404
    assert consents(served, PHONE) == []


def test_many_forms_of_many_accounts_ask_one_address_a_few_times_a_day(served: Served) -> None:
    open_form(served)
    pages = [PAGE, *(another_form(served, f"shop-{n}") for n in range(6))]
    said = set()
    for page in pages:
        response = ask(served, page=page)
        said.add((response.status_code, len(response.text.split())))
        work(served)
        later(served, opt_in.APART_S)
    assert len(messages(served)) == opt_in.MOST_A_DAY
    assert {status for status, _ in said} == {200}
    later(served, opt_in.DAY_S)
    ask(served, page=pages[-1])
    work(served)
    assert len(messages(served)) == opt_in.MOST_A_DAY + 1


def test_case_and_host_spelling_make_no_other_address_of_it(served: Served) -> None:
    open_form(served)
    for spelt in (MAIL, "PAT@EXAMPLE.NET", " Pat@Example.Net "):
        ask(served, spelt)
        work(served)
    assert len(messages(served)) == 1


def test_a_flood_from_one_client_is_stopped_whatever_it_types(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    open_form(served)
    monkeypatch.setattr(optin, "CLIENTS", Buckets(rate=1 / 1000, burst=3))
    statuses = [ask(served, f"p{n}@example.net").status_code for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def known_people(served: Served) -> list[str]:
    """One address of each sort: never seen, confirmed, stopped, complained, asked often, said it was not them."""
    with person(served) as browser:
        browser.post(link_in(asked(served, "confirmed@example.net")))
        browser.post(link_in(asked(served, "not-me@example.net"), "n"))
    for address, covers, way in (
        ("stopped@example.net", "all", "reply"),
        ("complained@example.net", "marketing", "complaint"),
    ):
        said = {"address": address, "channel": "email", "covers": covers, "way": way}
        assert served.http.post("/v1/opt-outs", json=said).status_code == 201
    for _ in range(opt_in.MOST_A_DAY):
        asked(served, "often@example.net")
        later(served, opt_in.APART_S)
    sorts = ("never", "confirmed", "stopped", "complained", "often", "not-me")
    return [f"{sort}@example.net" for sort in sorts]


def test_a_form_answers_alike_whatever_is_known_of_an_address(served: Served) -> None:
    open_form(served)
    people = known_people(served)
    asked_before = len(messages(served))
    answers = [ask(served, address) for address in people]
    first = answers[0]
    for answer in answers:
        assert (answer.status_code, answer.text) == (first.status_code, first.text)
        assert {n: v for n, v in answer.headers.items() if n != "date"} == {
            n: v for n, v in first.headers.items() if n != "date"
        }
    rows = served.database.app().execute(
        "SELECT octet_length(part) > 0, octet_length(code_hash), tries, event FROM ledger_optin WHERE sent IS NULL"
    )
    assert set(rows.fetchall()) == {(True, 32, 0, None)}  # nothing was decided while the visitor waited
    work(served)
    assert [one["to"] for one in messages(served)[asked_before:]] == [
        "never@example.net",
        "confirmed@example.net",
        "stopped@example.net",
    ]


def test_a_wrong_code_tells_nothing_of_whether_a_code_was_sent(served: Served) -> None:
    open_form(served, channel="sms", country=None)
    asked_once = ask(served, PHONE)
    work(served)
    put_aside = ask(served, PHONE)  # a moment later: nothing is sent
    work(served)
    assert len(messages(served)) == 1
    seen: list[list[tuple[int, str]]] = []
    wrong = "000000" if code_in(messages(served)[0]) != "000000" else "111111"
    with person(served) as browser:
        for response in (asked_once, put_aside):
            token = page_token(response)
            tried = [browser.post(PAGE, data={"token": token, "code": wrong}) for _ in range(6)]
            seen.append([(one.status_code, re.sub(re.escape(token), "", one.text)) for one in tried])
    assert seen[0] == seen[1]


def test_whoever_asked_that_nobody_write_them_is_not_asked(served: Served) -> None:
    """The question to somebody who said stop to everything is a message like any other: the gate refuses it."""
    open_form(served)
    served.http.post("/v1/opt-outs", json={"address": "stopped@example.net", "channel": "email", "covers": "all"})
    for address, outcome in (("stopped@example.net", Never), ("never@example.net", Permitted)):
        asked(served, address)
        conn = served.database.app()
        message = outbox.take(conn)
        assert message is not None
        assert isinstance(outbox.permit(conn, message), outcome)


def test_a_question_by_text_is_permitted_because_its_holder_typed_the_number(served: Served) -> None:
    open_form(served, channel="sms", country=None)
    asked(served, PHONE)
    conn = served.database.app()
    message = outbox.take(conn)
    assert message is not None
    assert isinstance(outbox.permit(conn, message), Permitted)


@pytest.mark.parametrize(("seconds", "works"), [(48 * 3600 - 60, True), (48 * 3600 + 1, False)])
def test_a_link_works_for_two_days(served: Served, seconds: int, works: bool) -> None:
    open_form(served)
    question = asked(served)
    later(served, seconds)
    with person(served) as browser:
        assert browser.get(link_in(question)).status_code == (200 if works else 410)
        assert browser.post(link_in(question)).status_code == (200 if works else 410)
    assert len(consents(served)) == int(works)


@pytest.mark.parametrize(("seconds", "works"), [(15 * 60 - 30, True), (15 * 60 + 1, False)])
def test_a_code_works_for_a_quarter_of_an_hour(served: Served, seconds: int, works: bool) -> None:
    open_form(served, channel="sms", country=None)
    token = page_token(ask(served, PHONE))
    work(served)
    later(served, seconds)
    with person(served) as browser:
        done = browser.post(PAGE, data={"token": token, "code": code_in(messages(served)[0])})
    assert done.status_code == (200 if works else 410)
    assert len(consents(served, PHONE)) == int(works)


@pytest.mark.parametrize(("wrong", "works"), [(4, True), (5, False)])
def test_a_code_may_be_tried_five_times(served: Served, wrong: int, works: bool) -> None:
    open_form(served, channel="sms", country=None)
    token = page_token(ask(served, PHONE))
    work(served)
    code = code_in(messages(served)[0])
    with person(served) as browser:
        for n in range(wrong):
            other = f"{(int(code) + n + 1) % 10**6:06d}"
            assert browser.post(PAGE, data={"token": token, "code": other}).status_code == 400
        done = browser.post(PAGE, data={"token": token, "code": code})
    assert done.status_code == (200 if works else 400)
    assert len(consents(served, PHONE)) == int(works)


def test_codes_tried_at_once_are_counted_one_by_one(served: Served) -> None:
    open_form(served, channel="sms", country=None)
    token = page_token(ask(served, PHONE))
    work(served)
    code = int(code_in(messages(served)[0]))
    together(
        served,
        [
            lambda http, n=n: http.post(PAGE, data={"token": token, "code": f"{(code + n) % 10**6:06d}"})
            for n in range(1, 9)
        ],
    )
    row = served.database.app().execute("SELECT max(tries) FROM ledger_optin").fetchone()
    assert row == (opt_in.MOST_TRIES,)


def together(served: Served, acts: list[Any]) -> list[httpx.Response]:
    """All at the same moment."""
    ready = threading.Barrier(len(acts))
    found: list[httpx.Response] = []

    def go(act: Any) -> None:
        with person(served) as browser:
            ready.wait(30)
            found.append(act(browser))

    threads = [threading.Thread(target=go, args=[act]) for act in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(found) == len(acts)
    return found


def test_two_confirmations_at_once_are_one_consent(served: Served) -> None:
    open_form(served)
    link = link_in(asked(served))
    found = together(served, [lambda http: http.post(link)] * 6)
    assert [one.status_code for one in found] == [200] * 6
    assert len(consents(served)) == 1


def test_nothing_of_an_address_enters_a_list_before_it_is_confirmed_and_what_ran_out_is_forgotten(
    served: Served,
) -> None:
    open_form(served)
    asked(served)
    assert consents(served) == []
    assert served.decide(OFFER).json()["answers"][0]["verdict"] == "deny"
    conn = served.database.app()
    later(served, 49 * 3600)
    assert opt_in.forget(conn) == 0
    assert conn.execute("SELECT octet_length(part) FROM ledger_optin").fetchall() == [(0,)]
    later(served, 28 * opt_in.DAY_S)
    assert opt_in.forget(conn) == 1
    assert conn.execute("SELECT count(*) FROM ledger_optin").fetchone() == (0,)
    events = conn.execute(
        "SELECT p.part FROM ledger_event e JOIN ledger_personal p ON p.event = e.id WHERE e.kind = 'opt_in:asked'"
    )
    assert events.fetchall() == []


def test_what_was_put_aside_is_forgotten_at_once(served: Served) -> None:
    open_form(served)
    asked(served)
    ask(served)
    work(served)
    rows = served.database.app().execute("SELECT sent, octet_length(part) > 0 FROM ledger_optin ORDER BY asked_at")
    assert rows.fetchall() == [(True, True), (False, False)]


def test_a_confirmation_lifts_what_was_said_before_and_a_stop_after_it_stands(served: Served) -> None:
    open_form(served, country="DE")

    def rules() -> list[str]:
        return list(served.decide(OFFER).json()["answers"][0]["rules"])

    stop = {"address": MAIL, "channel": "email", "covers": "marketing"}
    assert served.http.post("/v1/opt-outs", json=stop).status_code == 201
    stopped = rules()
    with person(served) as browser:
        assert browser.post(link_in(asked(served))).status_code == 200
    assert served.decide(OFFER).json()["answers"][0]["verdict"] == "allow", rules()
    assert served.http.post("/v1/opt-outs", json=stop).status_code == 201
    assert rules() == stopped


def test_saying_it_was_not_me_is_kept_blocks_every_form_and_takes_back_what_was_confirmed(served: Served) -> None:
    open_form(served)
    question = asked(served)
    with person(served) as browser:
        browser.post(link_in(question))
        assert [one["withdrawn"] for one in consents(served)] == [None]
        assert browser.get(link_in(question, "n")).status_code == 200
        assert [one["withdrawn"] for one in consents(served)] == [None]
        for _ in range(2):
            assert browser.post(link_in(question, "n")).status_code == 200
        assert browser.get(link_in(question)).status_code == 410
        assert browser.post(link_in(question)).status_code == 410
    assert all(one["withdrawn"] for one in consents(served))
    later(served, 3 * opt_in.DAY_S)
    ask(served)
    ask(served, page=another_form(served, "shop"))
    work(served)
    assert len(messages(served)) == 1
    reports = served.database.app().execute("SELECT count(*) FROM ledger_event WHERE kind = 'abuse:reported'")
    assert reports.fetchone() == (1,)


def test_whoever_reads_the_question_late_can_still_say_it_was_not_them(served: Served) -> None:
    open_form(served)
    question = asked(served)
    later(served, 5 * opt_in.DAY_S)
    opt_in.forget(served.database.app())
    with person(served) as browser:
        assert browser.get(link_in(question)).status_code == 410
        assert browser.post(link_in(question, "n")).status_code == 200
    ask(served)
    work(served)
    assert len(messages(served)) == 1


def test_saying_it_was_not_me_of_one_question_leaves_the_other_link_to_be_ended_too(served: Served) -> None:
    open_form(served)
    first = asked(served)
    later(served, opt_in.APART_S)
    second = asked(served, page=another_form(served, "shop"))
    with person(served) as browser:
        for question in (first, second):
            assert browser.post(link_in(question, "n")).status_code == 200
        for question in (first, second):
            assert browser.post(link_in(question)).status_code == 410
    assert consents(served) == []


def test_a_closed_account_asks_nobody(served: Served) -> None:
    open_form(served)
    ask(served)
    served.database.app().execute("UPDATE accounts_account SET status = 'closed' WHERE id = %s", [served.account])
    work(served)
    assert messages(served) == []
    assert ask(served).status_code == 404
