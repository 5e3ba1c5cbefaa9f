"""`forbear consent` and `forbear form`: evidence, receipts, imports with provenance, forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from forbear.cli import embedded
from tests.cli.conftest import Said
from tests.conftest import Database

Command = Callable[..., Said]
PERSON = "+13055550123"


@pytest.fixture
def acme(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    assert forbear("account", "create", "acme", "--country", "US", "--kind", "company").code == 0
    return lambda *arguments: forbear(*arguments, "--account", "acme")


def ok(said: Said) -> str:
    assert said.code == 0, said.err
    return said.out.strip()


@pytest.fixture
def wording(acme: Command, tmp_path: Path) -> str:
    (tmp_path / "words.txt").write_text("Yes, up to 4 texts a month.\n")
    about = ("--name", "texts", "--version", "1", "--language", "en")
    return ok(acme("consent", "wording", "add", str(tmp_path / "words.txt"), *about))


def test_a_consent_with_words_a_recording_and_a_promise_has_a_receipt(
    acme: Command, wording: str, tmp_path: Path
) -> None:
    recording = tmp_path / "call.ogg"
    recording.write_bytes(b"OggS a yes")
    assert wording == "sha256:" + sha256(b"Yes, up to 4 texts a month.\n").hexdigest()
    given = ("--level", "express", "--given", "2026-01-05", "--channel", "sms", "--method", "call")
    more = ("--wording", wording, "--document", str(recording), "--promised", "4/30", "--json")
    event = json.loads(ok(acme("consent", "add", PERSON, *given, *more)))["event"]
    receipt = json.loads(ok(acme("consent", "receipt", event)))
    (document,) = receipt["evidence"]["documents"]
    assert (document["media_type"], receipt["processing"]["promised"]) == ("audio/ogg", {"messages": 4, "days": 30})
    out = tmp_path / "again.ogg"
    assert acme("consent", "evidence", "get", document["digest"], "--out", str(out)).code == 0
    assert out.read_bytes() == recording.read_bytes()
    assert acme("consent", "evidence", "get", document["digest"], "--out", str(out)).code == 2
    assert acme("consent", "evidence", "get", "sha256:" + "0" * 64, "--out", str(tmp_path / "none")).code == 1
    assert "There is none" in ok(acme("consent", "uses", event))
    assert acme("consent", "receipt", "018f0000-0000-7000-8000-000000000000").code == 1
    assert ok(acme("consent", "wording", "show", wording)) == "Yes, up to 4 texts a month."
    assert [one["digest"] for one in json.loads(ok(acme("consent", "wording", "list", "--json")))] == [wording]


def test_a_withdrawal_for_a_channel_leaves_the_others(acme: Command) -> None:
    given = ("--level", "express", "--given", "2026-01-05", "--channel", "sms", "--channel", "voice")
    ok(acme("consent", "add", PERSON, *given))
    assert "ended 1 consent" in ok(acme("consent", "withdraw", PERSON, "--channel", "sms"))
    found = json.loads(ok(acme("consent", "list", "--json")))
    assert [one["channels"] for one in found if one["withdrawn"] is None] == [["voice"]]


def test_a_list_says_where_it_is_from_what_is_unproven_and_who_had_said_stop(acme: Command, tmp_path: Path) -> None:
    """It lifts no opt-out, whatever it claims to prove."""
    ok(acme("opt-out", PERSON, "--channel", "sms"))
    ok(acme("opt-out", "pat@example.net", "--channel", "email"))
    listed = tmp_path / "consents.csv"
    listed.write_text(
        "address,level,given,channels,evidence\n"
        f"{PERSON},express,2026-11-01,sms,yes\n"
        "Pat@Example.net,express,2026-11-01,email,form 7 of the autumn fair\n"
        "+13055550124,express,2026-11-01,sms,\n"
        "+13055550125,express,2026-11-01,sms,no\n"
    )
    about = ("--source", "Fair Ltd", "--obtained", "2026-11-02", "--collected-by", "J. Doe", "--campaign", "autumn")
    said = json.loads(ok(acme("consent", "import", str(listed), "--by", "ann", *about, "--json")))
    assert (said["rows"], said["contradict"], said["unproven"]) == (4, 2, 2)
    found = {one["id"]: one for one in json.loads(ok(acme("consent", "list", "--json")))}
    assert {one["known_by"] for one in found.values()} == {"import"}
    assert sorted(one["evidence"] for one in found.values()) == [False, False, True, True]
    mail = next(one for one in found.values() if one["channels"] == ["email"])
    receipt = json.loads(ok(acme("consent", "receipt", mail["id"])))
    assert receipt["evidence"]["words"] == "form 7 of the autumn fair"
    assert receipt["event"][0]["source"] == "Fair Ltd"
    assert (receipt["event"][0]["obtained"], receipt["event"][0]["collected_by"]) == ("2026-11-02", "J. Doe")
    assert acme("consent", "import", str(listed), "--by", "ann", "--obtained", "yesterday").code == 2


def test_a_form_is_opened_shown_as_html_and_closed(acme: Command, wording: str) -> None:
    opening = ("form", "open", "texts", "--list", "Acme texts", "--channel", "sms", "--wording", wording)
    page = ok(acme(*opening, "--origin", "https://www.acme.example", "--base", "https://stop.example.org"))
    assert page == "https://stop.example.org/f/acme/texts"
    assert acme(*opening).code == 2
    html = ok(acme("form", "snippet", "texts", "--base", "https://stop.example.org"))
    assert 'action="https://stop.example.org/f/acme/texts"' in html
    assert "Yes, up to 4 texts a month." in html
    assert "<iframe" in ok(acme("form", "snippet", "texts", "--frame"))
    (listed,) = json.loads(ok(acme("form", "list", "--json")))
    assert (listed["form"], listed["closed"]) == ("texts", None)
    assert acme("form", "close", "texts").code == 0
    assert acme("form", "close", "texts").code == 1
    assert acme("form", "snippet", "texts").code == 1


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (("--promised", "four"), "--promised"),
        (("--method", "telepathy"), "--method"),
        (("--wording", "sha256:12"), "wording"),
        (("--ip", "here"), "ip"),
        (("--document", "not-there.pdf"), "not-there.pdf"),
    ],
)
def test_what_cannot_be_taken_is_named(acme: Command, wrong: tuple[str, ...], key: str) -> None:
    said = acme("consent", "add", PERSON, "--level", "express", "--given", "2026-01-05", *wrong)
    assert said.code in {2, 3}
    assert key in said.err
    assert "There is none" in ok(acme("consent", "list"))
