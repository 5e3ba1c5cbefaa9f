"""A person's own pages behind a link, by HTTP: nothing happens on GET, everything on POST, and what is shown is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from forbear.core.words import OptOutScope
from forbear.web.limits import Buckets
from forbear.web.public import clients, person
from forbear.web.public.texts import LANGUAGES
from tests.web.conftest import INFORMATIONAL, Served
from tests.web.pages import (
    BASE,
    MAIL,
    NUMBER,
    Pages,
    brand,
    consent,
    fresh,
    link,
    open_to_visitors,
    receipt,
    seller_of,
    stops,
)


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_visitors(monkeypatch)


MARKETING, ALL = OptOutScope.MARKETING.bit, OptOutScope.ALL.bit
NEEDED = OptOutScope.ALL_BUT_NEEDED.bit


def test_a_post_stops_and_names_its_receipt(served: Served) -> None:
    pages = link(served)
    shown = pages.get()
    assert shown.status_code == 200
    assert "Acme" in shown.text
    assert stops(served) == []
    done = pages.post(act="stop")
    assert done.status_code == 200
    assert [row[2] for row in stops(served)] == ["link"]
    event = receipt(done)
    kind = served.database.app().execute("SELECT kind, known_by FROM ledger_event WHERE id = %s", [event]).fetchone()
    assert kind == ("opt_out:said", "person")
    assert "already said stop" in pages.get().text


def test_what_is_said_after_a_stop_is_what_stands_and_not_what_was_pressed_last(served: Served) -> None:
    pages, seller = link(served), seller_of(served)
    pages.post("/preferences", act="save", **{f"level.{seller}": "3"})
    assert "may not contact you" in pages.post(act="stop").text


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
def test_one_click_stops_without_cookie_redirect_or_csrf_token(served: Served, form: str) -> None:
    pages = link(served)
    url = f"{served.http.base_url}{pages.path}"
    if form == "urlencoded":
        answer = httpx.post(url, data={"List-Unsubscribe": "One-Click"})
    else:
        answer = httpx.post(url, files={"List-Unsubscribe": (None, "One-Click")})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text) < 300
    assert "set-cookie" not in answer.headers
    assert [row[2] for row in stops(served)] == ["one_click"]
    again = httpx.post(url, data={"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200
    assert len(stops(served)) == 1, "said twice it is one stop"


@pytest.mark.parametrize("body", [b"", b"x=1", b"List-Unsubscribe=No"])
def test_a_post_that_says_nothing_changes_nothing(served: Served, body: bytes) -> None:
    pages = link(served)
    url = f"{served.http.base_url}{pages.path}"
    answer = httpx.post(url, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400
    assert stops(served) == []


def test_a_broken_multipart_body_is_bad_input_and_not_a_fault(served: Served) -> None:
    pages = link(served)
    headers = {"Content-Type": "multipart/form-data"}
    answer = httpx.post(f"{served.http.base_url}{pages.path}/report", content=b"--x", headers=headers)
    assert answer.status_code == 400
    answer = httpx.post(f"{served.http.base_url}{pages.path}", content=b"x" * 70_000)
    assert answer.status_code == 413


def test_an_allowed_mail_carries_its_own_link_and_headers(served: Served) -> None:
    contact = INFORMATIONAL | {"channel": "email", "to": MAIL, "from": "news@acme.example"}
    contact = {name: value for name, value in contact.items() if name != "mode"}
    content: dict[str, Any] = {"identifies_sender": True, "promotional": False, "postal_address": True}
    content |= {"header_accurate": True, "subject_accurate": True, "opt_out": {"kind": "url", "requires_login": False}}
    (mail, call) = served.decide(contact | {"content": content}, INFORMATIONAL).json()["answers"]
    assert mail["verdict"] == "allow", mail
    page = mail["links"]["unsubscribe"]
    assert mail["headers"] == {"List-Unsubscribe": f"<{page}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert "links" not in call
    pages = Pages(served, page.removeprefix(BASE))
    why = pages.get("/why").text
    assert mail["id"] in why
    assert "Information" in why
    assert "/rulebook/rules/" in why
    assert pages.post(**{"List-Unsubscribe": "One-Click"}).status_code == 200
    assert len(stops(served)) == 1


def test_without_a_public_address_no_answer_carries_links(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORBEAR_PUBLIC_URL")
    assert "links" not in served.decide(INFORMATIONAL).json()["answers"][0]
    answer = served.http.post("/v1/links", json={"links": [{"address": MAIL, "channel": "email"}]})
    assert answer.status_code == 422
    assert answer.json()["key"] == "FORBEAR_PUBLIC_URL"


def test_no_page_and_no_link_shows_the_address(served: Served) -> None:
    for address, channel in ((MAIL, "email"), (NUMBER, "sms")):
        pages = link(served, address, channel)
        for page in ("", "/preferences", "/why", "/report", "/fresh", "/records", "/erase"):
            answer = pages.get(page)
            assert answer.status_code == 200
            for hint in (address, address.removeprefix("+"), address.partition("@")[0] + "@"):
                assert hint not in answer.text + str(answer.headers) + pages.path


def test_every_page_is_kept_from_caches_search_engines_frames_and_other_hosts(served: Served) -> None:
    pages = link(served)
    for page in ("", "/preferences", "/why", "/report", "/fresh", "/records", "/erase", "/nowhere"):
        answer = pages.get(page)
        policy = answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store", page
        assert "frame-ancestors 'none'" in policy
        if page != "/nowhere":
            assert "script-src" not in policy
            assert "unsafe" not in policy
            assert "noindex" in answer.headers["x-robots-tag"]
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert not re.search(r"https?://", re.sub(r"lang=..", "", answer.text)), "nothing from elsewhere"


# --- the preference centre


def test_the_centre_shows_what_is_in_force_and_saves_it_at_once(served: Served) -> None:
    pages, seller = link(served), seller_of(served)
    assert re.search(rf'name="level.{seller}" value="0" checked', pages.get("/preferences").text)
    saved = pages.post("/preferences", act="save", **{f"level.{seller}": "1"})
    assert receipt(saved)
    assert re.search(rf'name="level.{seller}" value="1" checked', saved.text)
    assert stops(served) == [(MARKETING, 4, "preferences", False)]
    unchanged = pages.post("/preferences", act="save", **{f"level.{seller}": "1"})
    assert "already as you chose" in unchanged.text
    stricter = pages.post("/preferences", act="save", **{f"level.{seller}": "3"})
    assert receipt(stricter)
    assert {row[0] for row in stops(served)} == {MARKETING, ALL}


def test_the_centre_shows_only_brands_that_have_to_do_with_the_person(served: Served) -> None:
    stranger = brand(served, "stranger", "Stranger Inc")
    brand(served, "friend", "Friend Ltd")
    consent(served, sellers=["friend"])
    shown = link(served).get("/preferences").text
    assert "Friend Ltd" in shown
    assert "Stranger" not in shown
    other = link(served, "else@example.net").get("/preferences").text
    assert "Friend Ltd" not in other
    refused = link(served).post("/preferences", act="save", **{f"level.{stranger}": "3"})
    assert refused.status_code == 400
    assert stops(served) == []


def test_choosing_less_takes_the_consent_back_and_a_fresh_opt_in_gives_a_new_one(served: Served) -> None:
    consent(served, sellers=["acme"], purposes=["marketing", "transactional"])
    pages, seller = link(served), seller_of(served)
    pages.post("/preferences", act="save", **{f"level.{seller}": "1"})
    rows = served.http.get("/v1/consents", params={"address": MAIL}).json()["consents"]
    assert sorted(row["withdrawn"] is None for row in rows) == [False, True]
    assert [row["purposes"] for row in rows if row["withdrawn"] is None] == [["transactional"]]

    refused = pages.post("/preferences", act="save", **{f"level.{seller}": "0"})
    assert "must be sure that it is you" in refused.text
    assert len(stops(served)) == 1, "a link anybody may hold lets nothing in again"

    own = fresh(served, pages, address=MAIL)
    saved = own.post("/preferences", act="save", **{f"level.{seller}": "0"})
    assert receipt(saved)
    assert stops(served) == []
    rows = served.http.get("/v1/consents", params={"address": MAIL}).json()["consents"]
    (newest,) = [row for row in rows if row["withdrawn"] is None and row["purposes"] == ["marketing"]]
    assert newest["given_by_person"]
    assert newest["level"] == "express"
    words = served.database.app().execute("SELECT text FROM ledger_wording").fetchall()
    assert any("may send me advertising" in text for (text,) in words), "the words shown are its evidence"


def test_what_the_sender_keeps_is_not_chosen_away(served: Served) -> None:
    placed = served.http.post("/v1/suppressions", json={"address": MAIL, "reason": "in court", "seller": "acme"})
    assert placed.status_code == 201
    pages, seller = link(served), seller_of(served)
    shown = pages.get("/preferences").text
    assert "keeps you off its list" in shown
    own = fresh(served, pages, address=MAIL)
    own.post("/preferences", act="save", **{f"level.{seller}": "0"})
    assert len(stops(served)) == 1


def test_everything_off_binds_every_brand_of_the_account(served: Served) -> None:
    brand(served, "second", "Second")
    done = link(served).post("/preferences", act="all")
    assert receipt(done)
    assert {row[0] for row in stops(served)} == {ALL}
    owners = served.database.app().execute("SELECT DISTINCT scope, owner FROM ledger_suppression").fetchall()
    assert sorted(scope for scope, _ in owners) == [1, 2, 2]
    third = brand(served, "third", "Third")
    assert "already said stop" in link(served, seller="third").get().text, "brands to come as well"
    own = fresh(served, link(served), address=MAIL)
    assert receipt(own.post("/preferences", act="save", **{f"level.{seller_of(served)}": "1"}))
    stood = served.database.app().execute("SELECT scope, covers, owner FROM ledger_suppression WHERE lifted_at IS NULL")
    rows = stood.fetchall()
    assert (2, ALL, UUID(third)) in rows, "who was not let in stays out"
    assert (2, MARKETING, UUID(seller_of(served))) in rows
    assert len(rows) == 3


def test_a_pause_ends_on_the_day_chosen_and_not_earlier_without_a_fresh_link(served: Served) -> None:
    pages, seller = link(served), seller_of(served)
    day = datetime.now(UTC).date() + timedelta(days=30)
    saved = pages.post("/preferences", act="save", pause=day.isoformat(), **{f"level.{seller}": "0"})
    assert receipt(saved)
    assert stops(served) == [(NEEDED, 4, "preferences", True)]
    until = served.database.app().execute("SELECT until FROM ledger_suppression").fetchone()
    assert until == (datetime(day.year, day.month, day.day, 12, tzinfo=UTC),)
    refused = pages.post("/preferences", act="save", resume="yes", **{f"level.{seller}": "0"})
    assert "must be sure that it is you" in refused.text
    assert len(stops(served)) == 1
    own = fresh(served, pages, address=MAIL)
    assert receipt(own.post("/preferences", act="save", resume="yes", **{f"level.{seller}": "0"}))
    assert stops(served) == []


@pytest.mark.parametrize("typed", ["2020-01-01", "tomorrow", "9999-12-31", "2026-13-01"])
def test_a_pause_that_cannot_be_is_said_and_nothing_is_saved(served: Served, typed: str) -> None:
    pages, seller = link(served), seller_of(served)
    answer = pages.post("/preferences", act="save", pause=typed, **{f"level.{seller}": "3"})
    assert answer.status_code == 400
    assert "must end on a day" in answer.text
    assert stops(served) == []


def test_how_often_is_kept_as_the_promise_of_the_consent(served: Served) -> None:
    consent(served, sellers=["acme"])
    pages, seller = link(served), seller_of(served)
    saved = pages.post("/preferences", act="save", **{f"level.{seller}": "0", f"often.{seller}": "2"})
    assert receipt(saved)
    promised = "SELECT promised_n, promised_days FROM ledger_consent"
    assert served.database.app().execute(promised).fetchall() == [(2, 30)]
    looser = pages.post("/preferences", act="save", **{f"level.{seller}": "0", f"often.{seller}": "8"})
    assert "already as you chose" in looser.text
    assert served.database.app().execute(promised).fetchall() == [(2, 30)]
    assert pages.post("/preferences", act="save", **{f"level.{seller}": "0", f"often.{seller}": "3"}).status_code == 400


def test_a_save_is_all_or_nothing(served: Served) -> None:
    consent(served, sellers=["acme"])
    other = brand(served, "second", "Second")
    consent(served, sellers=["second"])
    pages, seller = link(served), seller_of(served)
    sent = {f"level.{seller}": "0", f"often.{seller}": "5", f"level.{other}": "3"}
    assert pages.post("/preferences", act="save", **sent).status_code == 400
    assert stops(served) == []


# --- reporting abuse


@pytest.mark.parametrize(("reason", "covers"), [("never_agreed", NEEDED), ("not_me", ALL), ("deceptive", ALL)])
def test_a_report_stops_the_sender_at_once_and_keeps_the_words_apart(served: Served, reason: str, covers: int) -> None:
    pages = link(served)
    done = pages.post("/report", reason=reason, words="They say they are my bank.")
    event = receipt(done)
    assert [(row[0], row[2]) for row in stops(served)] == [(covers, "complaint")]
    row = (
        served.database.app().execute("SELECT kind, payload::text FROM ledger_event WHERE id = %s", [event]).fetchone()
    )
    assert row is not None
    assert row[0] == "abuse:reported"
    assert "bank" not in row[1]
    part = served.database.app().execute("SELECT part FROM ledger_personal WHERE event = %s", [event]).fetchone()
    assert part is not None
    assert b"my bank" in bytes(part[0])


def test_a_report_without_a_reason_or_with_too_many_words_is_not_taken(served: Served) -> None:
    pages = link(served)
    assert pages.post("/report", words="x").status_code == 400
    assert pages.post("/report", reason="other", words="x" * 2001).status_code == 400
    assert stops(served) == []


# --- what wants a fresh link


def test_a_fresh_link_goes_to_the_address_itself_and_to_no_other(served: Served) -> None:
    pages = link(served, language="de")
    wrong = pages.post("/fresh", to="records", address="thief@example.com")
    waiting = "SELECT content->>'to', content->>'subject', language FROM ledger_outbox"
    assert served.database.app().execute(waiting).fetchall() == []
    right = pages.post("/fresh", to="records", address=" PAT@example.NET ")
    assert wrong.text == right.text, "the answer does not say whose address it is"
    (sent,) = served.database.app().execute(waiting).fetchall()
    assert sent[0] == "PAT@example.NET"
    assert "Acme" in sent[1]
    assert sent[2] == "de"
    assert pages.post("/fresh", to="records", address=MAIL).text == right.text
    assert len(served.database.app().execute(waiting).fetchall()) == 1, "one in five minutes is enough"


def test_a_number_needs_no_typing(served: Served) -> None:
    pages = link(served, NUMBER, "sms")
    pages.post("/fresh", to="erase")
    sent = served.database.app().execute("SELECT content->>'to', content->>'text' FROM ledger_outbox").fetchone()
    assert sent is not None
    assert sent[0] == NUMBER
    assert f"{BASE}/u/" in sent[1]
    assert NUMBER[1:] not in sent[1]


def test_receipts_and_erasure_want_a_fresh_link(served: Served) -> None:
    consent(served, sellers=["acme"])
    pages = link(served)
    for page in ("/records", "/erase"):
        refused = pages.post(page, address=MAIL)
        assert "must be sure that it is you" in refused.text
    assert served.database.app().execute("SELECT count(*) FROM ledger_erasurerequest").fetchone() == (0,)
    own = fresh(served, pages, address=MAIL)
    file = own.post("/records")
    assert file.headers["content-disposition"].startswith("attachment")
    (one,) = file.json()["consents"]
    assert one["digest"]
    assert file.json()["acts"] == []
    event = receipt(own.post(act="stop"))
    (act,) = own.post("/records").json()["acts"]
    assert (act["receipt"], act["what"], act["brand"]) == (str(event), "opt_out:said", "Acme")
    assert own.post("/erase", address="other@example.net").status_code == 400
    asked = own.post("/erase", address=MAIL)
    assert receipt(asked)
    again = own.post("/erase", address=MAIL)
    assert "asked for this before" in again.text
    assert served.database.app().execute("SELECT count(*) FROM ledger_erasurerequest").fetchone() == (1,)


def test_a_fresh_link_goes_stale(served: Served) -> None:
    own = fresh(served, link(served), address=MAIL)
    assert "must be sure that it is you" not in own.get("/records").text
    served.database.owner().execute("UPDATE ledger_link SET fresh_until = now() - interval '1 second'")
    assert "must be sure that it is you" in own.get("/records").text
    assert own.post(act="stop").status_code == 200, "it still stops"


# --- receipts


def test_a_receipt_is_shown_to_its_person_alone(served: Served) -> None:
    pages = link(served)
    event = receipt(pages.post(act="stop"))
    shown = pages.get(f"/receipts/{event}")
    assert shown.status_code == 200
    assert "You said stop" in shown.text
    assert link(served, "else@example.net").get(f"/receipts/{event}").status_code == 404


# --- language, limits, outages


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_page(served: Served, language: str) -> None:
    pages = link(served)
    for page in ("", "/preferences", "/why", "/report", "/fresh", "/records", "/erase"):
        answer = pages.get(f"{page}?lang={language}")
        assert answer.status_code == 200
        assert f'<html lang="{language}" dir="ltr">' in answer.text
        assert answer.headers["content-language"] == language


def test_the_language_is_the_link_s_word_then_what_is_known_then_the_browser_s(served: Served) -> None:
    known = link(served, language="fr")
    assert 'lang="fr"' in known.get().text[:60]
    assert 'lang="it"' in known.get("?lang=it").text[:60]
    assert 'lang="fr"' in known.get(**{"Accept-Language": "de"}).text[:60]
    unknown = link(served)
    assert 'lang="de"' in unknown.get(**{"Accept-Language": "xx, de-AT;q=0.9, en;q=0.5"}).text[:60]
    assert 'lang="en"' in unknown.get(**{"Accept-Language": "zz"}).text[:60]
    assert 'lang="pl"' in link(served, "+48512345678", "sms").get().text[:60]


def test_an_outage_says_that_nothing_was_changed(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pages = link(served)

    @contextmanager
    def away() -> Iterator[None]:
        if stops(served) == []:
            raise psycopg.OperationalError("gone")
        yield

    monkeypatch.setattr(person, "borrowed", away)
    for answer in (pages.get("?lang=de"), pages.post("?lang=de", **{"List-Unsubscribe": "One-Click"})):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "Es wurde nichts geändert" in answer.text
    monkeypatch.undo()
    assert stops(served) == []
    assert pages.path not in caplog.text, "whoever reads the log may not stop messages"


def test_who_asks_too_often_gets_a_page_to_read(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = link(served)
    monkeypatch.setattr(clients, "PEOPLE", Buckets(0.001, 2))
    assert [pages.get("?lang=es").status_code for _ in range(3)] == [200, 200, 429]
    refused = pages.get("?lang=es")
    assert "Demasiadas solicitudes" in refused.text
    assert int(refused.headers["retry-after"]) > 0
    assert link(served, "else@example.net").get().status_code == 200, "another person is not limited with them"
    monkeypatch.setattr(clients, "STRANGERS", Buckets(0.001, 2))
    forged = Pages(served, "/u/" + "A" * 39)
    assert [forged.get().status_code for _ in range(3)] == [404, 404, 429]


def test_twenty_at_once_are_one_stop_and_nobody_fails(served: Served) -> None:
    pages = link(served)
    with ThreadPoolExecutor(20) as hands:
        answers = list(
            hands.map(lambda n: pages.post(act="stop") if n % 2 else pages.post("/preferences", act="all"), range(20))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({receipt(answer) for answer in answers}) == 20
    stood = (
        served.database.app().execute("SELECT scope, covers, count(*) FROM ledger_suppression GROUP BY 1, 2").fetchall()
    )
    assert {row[2] for row in stood} == {1}
