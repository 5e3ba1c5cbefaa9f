"""The probe against senders that are right, and senders that are wrong in one way each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forbear.probe import wire
from tests.cli.conftest import Said, forbear  # noqa: F401 - a fixture
from tests.fakes.unsubscribe import Sender, sender

Command = Callable[..., Said]
GOOD = {
    "List-Unsubscribe": "<https://localhost/u/c29tZS1vcGFxdWUtdG9rZW4>, <mailto:stop@acme.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "DKIM-Signature": "v=1; a=rsa-sha256; d=acme.example; s=a; h=From:To:List-Unsubscribe:List-Unsubscribe-Post;"
    "\r\n bh=AAAA; b=BBBB",
    "To": "Pat <pat@example.net>",
    "From": "news@acme.example",
}


def probed(forbear: Command, one: Sender, *more: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:  # noqa: F811
    said = forbear("probe", "unsubscribe", one.url, "--cafile", str(one.cafile), "--json", *more)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(said.out)["findings"]:
        found.setdefault(finding["outcome"], []).append(finding)
    return said.code, found


def test_a_sender_who_is_right_passes_in_everything(forbear: Command, tmp_path: Path) -> None:  # noqa: F811
    with sender(tmp_path) as one:
        code, found = probed(forbear, one, "--yes")
        assert found.keys() == {"pass"}
        assert code == 0
        assert one.unsubscribed


def test_without_a_yes_nobody_is_unsubscribed(forbear: Command, tmp_path: Path) -> None:  # noqa: F811
    with sender(tmp_path) as one:
        code, found = probed(forbear, one, "--no-post")
        assert code == 0
        assert [finding["check"] for finding in found["skipped"]] == ["post"]
        assert probed(forbear, one)[0] == 0  # nobody sits before a terminal to say yes
        assert not one.unsubscribed


@pytest.mark.parametrize(
    ("wrong", "check", "source"),
    [
        ("get unsubscribes", "get", "RFC 8058 section 1"),
        ("get unsubscribes quietly", "get", "RFC 8058 section 1"),
        ("get is redirected to done", "get", "RFC 8058 section 1"),
        ("is gone", "get", "RFC 8058 section 3.2"),
        ("post is redirected", "post multipart", "RFC 8058 section 3.1"),
        ("wants its cookie", "post multipart", "RFC 8058 section 3.1"),
        ("asks again", "post multipart", "RFC 8058 section 3.1"),
        ("knows no multipart", "post multipart", "RFC 8058 section 3.2"),
        ("second post fails", "post again", "RFC 8058 section 3.2"),
        ("expired", "tls", "RFC 8058 section 3.1"),
    ],
)
def test_a_sender_who_is_wrong_fails_with_the_paragraph(
    forbear: Command,  # noqa: F811
    tmp_path: Path,
    wrong: str,
    check: str,
    source: str,
) -> None:
    with sender(tmp_path, wrong) as one:
        code, found = probed(forbear, one, "--yes")
        assert code == 1
        failed = {finding["check"]: finding for finding in found["fail"]}
        assert check in failed
        assert failed[check]["source"].startswith(source)


def test_only_the_url_that_was_named_is_asked(forbear: Command, tmp_path: Path) -> None:  # noqa: F811
    with sender(tmp_path, "get is redirected to done") as one:
        probed(forbear, one, "--yes")
        assert {path for _, path in one.asked} == {"/u/c29tZS1vcGFxdWUtdG9rZW4"}


def test_a_server_that_never_ends_is_hung_up_on(
    forbear: Command,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "WITHIN_S", 1.5)
    with sender(tmp_path, "drips") as one:
        code, found = probed(forbear, one, "--yes")
    assert code == 1
    assert "within" in found["fail"][0]["said"]


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/u?email=pat@example.net", "fail"),
        ("/u?e=pat%40example.net", "fail"),
        ("/u/cGF0QGV4YW1wbGUubmV0", "fail"),  # the same in base64
        ("/u?id=7", "warn"),
    ],
)
def test_an_address_in_the_url_is_seen_however_it_is_written(
    forbear: Command,  # noqa: F811
    path: str,
    outcome: str,
    tmp_path: Path,
) -> None:
    with sender(tmp_path, path=path) as one:
        _, found = probed(forbear, one, "--no-post")
        assert "uri" in {finding["check"] for finding in found[outcome]}


def mail(folder: Path, **changed: str | None) -> Path:
    fields = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    path = folder / "message.eml"
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    path.write_bytes("\r\n".join([*lines, "", "Hello."]).encode())
    return path


@pytest.mark.parametrize(
    ("changed", "check", "source"),
    [
        ({"List_Unsubscribe": None}, "list-unsubscribe", "RFC 8058 section 3.1"),
        ({"List_Unsubscribe": "<mailto:stop@acme.example>"}, "list-unsubscribe", "RFC 8058 section 3.1"),
        ({"List_Unsubscribe": "https://localhost/u/abc"}, "list-unsubscribe", "RFC 2369 section 2"),
        ({"List_Unsubscribe": "<http://localhost/u/abc>"}, "list-unsubscribe", "RFC 8058 section 3.1"),
        ({"List_Unsubscribe_Post": None}, "list-unsubscribe-post", "RFC 8058 section 3.1"),
        ({"List_Unsubscribe_Post": "one-click"}, "list-unsubscribe-post", "RFC 8058 section 3.1"),
        ({"DKIM_Signature": None}, "dkim", "RFC 8058 section 4"),
        ({"DKIM_Signature": "v=1; d=acme.example; h=From:List-Unsubscribe; b=A"}, "dkim", "RFC 8058 section 4"),
    ],
)
def test_the_fields_of_a_message_are_held_to_the_text(
    forbear: Command,  # noqa: F811
    tmp_path: Path,
    changed: dict[str, str | None],
    check: str,
    source: str,
) -> None:
    with sender(tmp_path) as one:
        more = ("--no-post", "--mail", str(mail(tmp_path)))
        code, found = probed(forbear, one, *more)
        assert code == 0, found
        code, found = probed(forbear, one, "--no-post", "--mail", str(mail(tmp_path, **changed)))
    assert code == 1
    assert any(finding["check"] == check and finding["source"].startswith(source) for finding in found["fail"])


def test_a_hash_of_the_recipient_in_the_url_is_no_secret(forbear: Command, tmp_path: Path) -> None:  # noqa: F811
    from hashlib import sha256

    with sender(tmp_path, path=f"/u/{sha256(b'pat@example.net').hexdigest()}") as one:
        code, found = probed(forbear, one, "--no-post", "--mail", str(mail(tmp_path)))
    assert code == 1
    assert "SHA-256" in found["fail"][0]["said"]


def test_fields_can_be_given_alone(forbear: Command, tmp_path: Path) -> None:  # noqa: F811
    with sender(tmp_path) as one:
        given = ("--header", f"List-Unsubscribe: <{one.url}>", "--header", "List-Unsubscribe-Post: nonsense")
        said = forbear("probe", "unsubscribe", "--cafile", str(one.cafile), "--no-post", "--json", *given)
    answer = json.loads(said.out)
    assert answer["url"] == one.url
    assert not answer["ok"]
    assert {finding["check"] for finding in answer["findings"] if finding["outcome"] == "fail"} == {
        "list-unsubscribe-post"
    }


@pytest.mark.parametrize("text", ["ftp://example.org/u", "not a url", "https://", "https://exa mple.org/"])
def test_what_is_no_url_is_bad_input(forbear: Command, text: str) -> None:  # noqa: F811
    assert forbear("probe", "unsubscribe", text, "--no-post").code == 2
