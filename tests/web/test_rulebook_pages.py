from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from forbear.gate import rulebooks
from forbear.rulebook.load import shipped
from forbear.web import rulebook_pages
from forbear.web.limits import Buckets
from tests.web.conftest import Served

FLORIDA = {
    "to": "+18135550123",
    "channel": "voice",
    "purpose": "marketing",
    "mode": "live",
    "at": "2026-11-24T17:00",
}


class Links(HTMLParser):
    """The links, sources and form targets of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in ("href", "src", "action") and value]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook_pages, "_buckets", Buckets(1.0, burst=6.0))


def test_the_index_leads_to_every_rule_and_every_place(served: Served) -> None:
    said = served.http.get("/rulebook", headers={"Authorization": ""})
    links = Links(said.text).found
    assert said.status_code == 200
    assert {f"/rulebook/rules/{rule.id}" for rule in shipped().rules} <= set(links)
    assert "/rulebook/places/US-FL" in links
    assert shipped().digest in said.text
    assert "does not certify" in said.text


def test_nothing_on_the_pages_comes_from_elsewhere(served: Served) -> None:
    for path in ("/rulebook", "/rulebook/places/US-FL", "/rulebook/coverage", "/rulebook/calendars", "/rulebook/week"):
        said = served.http.get(path)
        assert said.status_code == 200, path
        assert not [link for link in Links(said.text).found if link.startswith(("http", "//"))], path
        assert "<script" not in said.text
        assert "form-action 'self'" in said.headers["content-security-policy"]
        assert "default-src 'none'" in said.headers["content-security-policy"]


def test_every_link_of_a_page_leads_somewhere(served: Served) -> None:
    for path in ("/rulebook/rules/us.pa.calling_hours", "/rulebook/places/US-PA", "/rulebook/calendars"):
        for link in set(Links(served.http.get(path).text).found):
            if link.startswith("/"):
                assert served.http.get(link).status_code == 200, link


def test_a_search_finds_rules_by_their_words_and_their_citations(served: Served) -> None:
    found = served.http.get("/rulebook", params={"q": "florida hours"}).text
    assert "us.fl.calling_hours" in found
    assert "us.tx.calling_hours" not in found
    assert "us.fl.calling_hours" in served.http.get("/rulebook", params={"q": "501.616(6)(a)"}).text
    by_topic = served.http.get("/rulebook", params={"q": "florida", "topic": "caps"}).text
    assert "us.fl.cap" in by_topic
    assert "us.fl.calling_hours" not in by_topic


def test_a_search_that_finds_nothing_says_what_to_try(served: Served) -> None:
    said = served.http.get("/rulebook", params={"q": "us.fl.caling_hours"}).text
    assert "No rule holds all of these words" in said
    assert "/rulebook/rules/us.fl.calling_hours" in said


def test_what_is_typed_is_shown_as_text(served: Served) -> None:
    said = served.http.get("/rulebook", params={"q": "<script>alert(1)</script>"}).text
    assert "<script>" not in said
    assert "&lt;script&gt;" in said


def test_a_rule_shows_every_citation_text_and_example(served: Served) -> None:
    rule = shipped().rule("us.pa.calling_hours")
    said = served.http.get(f"/rulebook/rules/{rule.id}").text
    for cite in rule.cites:
        assert cite.title in said
    for example in rule.examples:
        assert example.when.replace("'", "&#x27;") in said
    assert "in force today" in said
    assert "from 2026-10-18" in said
    assert ">past<" in said
    assert "read 2026-11-21" in said
    assert 'class="mark medium"' in said
    assert rule.note[:40] in said
    assert "/rulebook/calendars/us.pa" in said


def test_a_rule_that_is_not_there_names_near_ones(served: Served) -> None:
    said = served.http.get("/rulebook/rules/us.fl.caling_hours")
    assert said.status_code == 404
    assert "/rulebook/rules/us.fl.calling_hours" in said.text
    assert served.http.get("/rulebook/rules/us.fl.calling_hours").status_code == 200


def test_a_place_shows_its_topics_and_what_was_read_of_it(served: Served) -> None:
    said = served.http.get("/rulebook/places/US-FL").text
    assert "us.fl.calling_hours" in said
    assert "Registration of sellers" in said
    assert "What was read" in said
    missing = served.http.get("/rulebook/places/JP")
    assert missing.status_code == 404
    assert "nobody there is let through" in missing.text


def test_a_calendar_shows_its_days_by_year(served: Served) -> None:
    said = served.http.get("/rulebook/calendars/us.pa").text
    assert "2026-11-26" in said
    assert "Thanksgiving Day" in said
    assert "us.pa.calling_hours" in said
    assert served.http.get("/rulebook/calendars/us.nowhere").status_code == 404


def test_a_week_is_drawn_and_said_in_words(served: Served) -> None:
    said = served.http.post("/rulebook/week", data=FLORIDA)
    assert said.status_code == 200
    assert said.text.count('class="open"') == 8  # seven bars and the legend
    assert said.text.count(">08:00-20:00<") == 7
    assert "Tue 24 Nov 2026 12:00" in said.text
    assert "us.fl.calling_hours" in said.text
    assert "/rulebook/rules/us.dnc.national" in said.text
    assert said.headers["cache-control"] == "no-store"


def test_the_number_is_in_no_address_and_in_no_table(served: Served) -> None:
    said = served.http.post("/rulebook/week", data=FLORIDA)
    assert not [link for link in Links(said.text).found if "813555" in link]
    assert 'method="post"' in said.text
    asked = served.http.get("/rulebook/week", params={"to": "+18135550123"})
    assert "18135550123" not in asked.text.replace('placeholder="+18135550123"', "").replace("--to +18135550123", "")
    rows = served.database.app().execute("SELECT count(*) FROM ledger_decision").fetchone()
    assert rows == (0,)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"to": "12"}, "to"), ({"at": "soon"}, "at"), ({"to": "", "timezone": "Mars/Olympus"}, "timezone")],
)
def test_a_form_that_cannot_be_taken_says_what_to_mend_and_keeps_the_rest(
    served: Served, wrong: dict[str, str], field: str
) -> None:
    said = served.http.post("/rulebook/week", data=FLORIDA | {"kind": "business"} | wrong)
    assert said.status_code == 422
    assert 'role="alert"' in said.text
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', said.text)
    assert '<option value="business" selected>' in said.text
    assert "<svg" not in said.text


def test_an_empty_form_asks_where_the_person_is(served: Served) -> None:
    said = served.http.post("/rulebook/week", data=FLORIDA | {"to": ""})
    assert said.status_code == 422
    assert "Nothing says where the person is" in said.text


def test_who_asks_too_often_waits(served: Served) -> None:
    answers = [served.http.post("/rulebook/week", data=FLORIDA | {"to": ""}).status_code for _ in range(6)]
    assert answers == [422] * 6
    late = served.http.post("/rulebook/week", data=FLORIDA)
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert served.http.get("/rulebook/week").status_code == 200


def test_a_form_that_is_too_long_is_not_judged(served: Served) -> None:
    assert served.http.post("/rulebook/week", data=FLORIDA | {"sector": "x" * 10_000}).status_code == 413


def test_rules_that_do_not_load_are_told_on_every_page(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.http.get("/rulebook").status_code == 200
    monkeypatch.setattr(rulebooks, "folder", lambda: Path("nowhere"))
    for path in ("/rulebook", "/rulebook/rules/us.fl.calling_hours", "/rulebook/week"):
        said = served.http.get(path)
        assert said.status_code == 503
        assert "The rules do not load." in said.text
        assert "no such directory" in said.text


def test_the_first_page_leads_to_the_rulebook(served: Served) -> None:
    links = Links(served.http.get("/").text).found
    assert {"/rulebook", "/rulebook/week", "/rulebook/coverage"} <= set(links)
