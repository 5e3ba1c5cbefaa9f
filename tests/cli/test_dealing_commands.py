"""What an operator tells the store of emergencies, dealings and sender ids, and that decisions know it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Said
from tests.cli.test_store_commands import CALL, acme, refused  # noqa: F401 - a fixture

Command = Callable[..., Said]
WHO = ("--by", "Ana", "--source", "Proclamation 12 JML 2026")


def decided(acme: Command, to: str, *more: str) -> dict[str, object]:  # noqa: F811
    (answer,) = json.loads(acme("decide", "--to", to, *CALL, "--region", "US-LA", *more, "--json").out)["answers"]
    return dict(answer)


def test_an_emergency_is_declared_decides_is_explained_and_ends(acme: Command) -> None:  # noqa: F811
    to = "+15045550123"
    assert "us.la.emergency" not in decided(acme, to)["rules"]  # type: ignore[operator]
    said = acme("alert", "declare", "US-LA", *WHO, "--until", "2099-01-01T00:00:00Z")
    assert (said.code, "asks about" in said.out) == (0, False)
    answer = decided(acme, to)
    assert "us.la.emergency" in answer["rules"]  # type: ignore[operator]
    why = acme("explain", str(answer["id"]), "--account", "acme").out
    assert "emergencies" in why
    (found,) = json.loads(acme("alert", "list", "--json").out)
    assert (found["place"], found["state"], found["by"], found["source"]) == ("US-LA", "in force", "Ana", WHO[3])
    assert acme("alert", "end", found["id"], "--by", "Ben").code == 0
    assert "us.la.emergency" not in decided(acme, to)["rules"]  # type: ignore[operator]
    assert acme("alert", "end", "US-LA", "--by", "Ben").code == 1
    assert "None is in force" in acme("alert", "list").out
    assert "ended" in acme("alert", "list", "--all").out


def test_an_emergency_that_no_rule_asks_about_is_said_to_stop_nothing(acme: Command) -> None:  # noqa: F811
    said = acme("alert", "declare", "US-TX", *WHO)
    assert said.code == 0
    assert "stops nothing" in said.out


def test_an_emergency_nobody_can_place_is_refused(acme: Command) -> None:  # noqa: F811
    refused(acme("alert", "declare", "Louisiana", *WHO), "place")
    refused(acme("alert", "declare", "US-LA", *WHO, "--from", "noon"), "--from")


def test_a_dealing_is_recorded_listed_ended_and_decides(acme: Command) -> None:  # noqa: F811
    to, who = "+13055550123", ("--account", "acme")
    bought = ("--kind", "purchase", "--on", "2026-11-02", "--subject", "gas", "--given-by-person", "--reference", "o 7")
    assert acme("relationship", "add", to, *who, *bought).code == 0
    (found,) = json.loads(acme("relationship", "list", *who, "--address", to, "--json").out)
    assert (found["kind"], found["on"], found["ongoing"], found["has_subject"], found["given_by_person"]) == (
        *("purchase", "2026-11-02", None, True, True),
    )
    assert "purchase" in acme("relationship", "list", *who).out
    assert acme("relationship", "end", to, *who, "--kind", "contract").code == 1
    assert acme("relationship", "end", to, *who, "--kind", "purchase").code == 0
    refused(acme("relationship", "add", to, *who, "--kind", "sale"), "--kind", "purchase")
    refused(acme("relationship", "add", to, *who, "--kind", "purchase", "--on", "yesterday"), "--on")
    refused(acme("relationship", "add", "nobody", *who, "--kind", "purchase"), "address")


def test_a_list_of_dealings_is_imported(acme: Command, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "sales.csv"
    file.write_text("phone,kind,on\n+13055550123,purchase,2026-11-02\n")
    how = ("--account", "acme", "--by", "Ana", "--map", "address=phone")
    assert json.loads(acme("relationship", "import", str(file), *how, "--json").out)["rows"] == 1
    file.write_text("phone,kind,on\n+13055550123,purchase,2.11.2026\n")
    refused(acme("relationship", "import", str(file), *how), "sales.csv", "on")


def test_a_sender_id_is_recorded_with_the_register_it_stands_on(acme: Command) -> None:  # noqa: F811
    add = ("account", "sender", "add", "acme", "Acme")
    assert acme(*add).code == 0
    assert acme(*add, "--registered-with", "au.sid", "--country", "AU").code == 0
    assert acme(*add, "--registered-with", "es.alias", "--country", "ES").code == 0
    (found,) = json.loads(acme("account", "sender", "list", "acme", "--json").out)
    assert (found["value"], found["channel"], found["registered"]) == ("Acme", "sms", True)
    assert found["registers"] == {"AU": "au.sid", "ES": "es.alias"}
    assert acme(*add).code == 0  # says nothing of registers
    assert "au.sid (AU)" in acme("account", "sender", "list", "acme").out
    assert acme(*add, "--not-registered").code == 0
    (found,) = json.loads(acme("account", "sender", "list", "acme", "--json").out)
    assert (found["registered"], found["registers"]) == (False, {})
    refused(acme(*add, "--registered-with", "au.sid"), "--registered-with", "--country")
    refused(acme(*add, "--registered-with", "au.sid", "--country", "Australia"), "country")
    refused(acme("account", "sender", "add", "acme", " "), "sender")
