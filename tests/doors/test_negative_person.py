"""Once erased, nobody brings the person back: not by a list, not from another account, not by another secret."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from forbear.auditd.run import Audit, audit
from forbear.cli import embedded
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import Sequencer
from tests.cli.conftest import Said, forbear  # noqa: F401 - a fixture
from tests.web.conftest import INFORMATIONAL, Served, served  # noqa: F401 - a fixture

Command = Callable[..., Said]
PERSON = str(INFORMATIONAL["to"])
ERASE = ("person", "erase", PERSON, "--by", "Robin", "--reason", "asked on 12 March")


@pytest.fixture
def command(forbear: Command, served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:  # noqa: F811
    """The command line over the store that is served; its log and documents in a folder of their own."""
    store = embedded.Store(served.database.owner_url, served.database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    monkeypatch.setenv("FORBEAR_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FORBEAR_BLOBS", str(tmp_path / "blobs"))
    return forbear


def erased(command: Command, *more: str) -> dict[str, object]:
    said = command(*ERASE, "--account", "acme", "--json", *more)
    assert said.code == 0, said.err
    found: dict[str, object] = json.loads(said.out)
    return found


def verdict(served: Served) -> str:  # noqa: F811
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    return str(answer["verdict"])


def sequenced(served: Served, folder: Path) -> None:  # noqa: F811
    """Everything that waits for the log is in it."""
    with served.database.owner() as connection:
        sequencer = Sequencer(connection, Folder(folder))
        sequencer.open()
        while sequencer.step():
            pass


def test_an_erased_person_who_is_imported_again_is_still_not_contacted(
    served: Served,  # noqa: F811
    command: Command,
    tmp_path: Path,
) -> None:
    assert verdict(served) == "allow"
    stop = {"address": PERSON, "channel": "voice", "text": "never call again"}
    assert served.http.post("/v1/opt-outs", json=stop).status_code == 201
    assert verdict(served) == "deny"
    erased(command)
    consents = tmp_path / "consents.csv"
    consents.write_text(f"address,level,given\n{PERSON},express,2026-11-01\n")
    brought = command("consent", "import", str(consents), "--account", "acme", "--seller", "acme", "--by", "R")
    assert brought.code == 0, brought.err
    assert verdict(served) == "deny"
    listed = tmp_path / "list.csv"
    listed.write_text(f"phone\n{PERSON}\n+13055550188\n")
    washed = tmp_path / "washed.csv"
    done = command(
        *("wash", str(listed), "--account", "acme", "--channel", "voice", "--purpose", "informational"),
        *("--out", str(washed)),
    )
    assert done.code in (0, 1), done.err
    lines = [line for line in washed.read_text().splitlines() if line.startswith(PERSON)]
    assert len(lines) == 1
    assert "house.suppressed" in lines[0]


def test_an_erased_person_stays_found_when_the_secret_is_changed(
    served: Served,  # noqa: F811
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from forbear.accounts.home import load_secrets
    from forbear.gate.opened import _opened

    erased(command)
    known = load_secrets().address_keys
    changed = {**known, max(known) + 1: bytes(range(32))}
    monkeypatch.setenv("FORBEAR_ADDRESS_KEYS", ",".join(f"{key}:{value.hex()}" for key, value in changed.items()))
    _opened.cache_clear()
    try:
        said = command(
            "decide", "--account", "acme", "--to", PERSON, "--channel", "voice", "--purpose", "informational"
        )
        assert "house.suppressed" in said.out
    finally:
        _opened.cache_clear()


def test_another_account_can_neither_read_nor_erase_the_person(served: Served, command: Command) -> None:  # noqa: F811
    assert verdict(served) == "allow"
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "sms", "text": "leave me alone"})
    other = served.another_account()
    for path in ("export", "dossier"):
        answer = served.http.post(f"/v1/people/{path}", json={"address": PERSON}, headers=other)
        assert answer.status_code == 200
        assert b"leave me alone" not in answer.content
    asked = served.http.post("/v1/people/erasure-requests", json={"address": PERSON}, headers=other)
    assert asked.status_code == 201
    assert command("person", "erase", PERSON, "--by", "R", "--reason", "r", "--account", "other").code == 0
    mine = served.http.post("/v1/people/export", json={"address": PERSON}).json()
    assert "leave me alone" in json.dumps(mine)
    assert verdict(served) == "deny"  # by what they said to this account, which stands


def test_proofs_of_erased_decisions_still_verify_offline(served: Served, command: Command, tmp_path: Path) -> None:  # noqa: F811
    for _ in range(3):
        served.decide(INFORMATIONAL, {**INFORMATIONAL, "to": "+13055550188"})
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "voice", "text": "never call again"})
    sequenced(served, tmp_path / "log")
    before = command("dossier", PERSON, "--account", "acme", "-o", str(tmp_path / "before"), "--json")
    assert before.code == 0, before.err
    assert json.loads(before.out)["proofs"] == {"proven": 4}
    erased(command)
    sequenced(served, tmp_path / "log")
    after = command("dossier", PERSON, "--account", "acme", "-o", str(tmp_path / "after"), "--json")
    said = json.loads(after.out)
    assert said["erased"]
    assert said["proofs"]["proven, the number erased"] == 3
    (archive,) = [Path(name) for name in said["files"] if name.endswith(".zip")]
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "open")
    place = tmp_path / "open" / "dossier"
    vkeys = (place / "vkeys").read_text().split()
    proofs = sorted((place / "proofs").iterdir())
    assert len(proofs) >= 4
    for proof in proofs:
        done = subprocess.run(
            [sys.executable, str(place / "verify.py"), str(proof), *vkeys], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    everything = b"".join(path.read_bytes() for path in (place / "records").iterdir())
    assert b"13055550123" not in everything.replace(b'"address"', b"")


def test_the_audit_tells_an_erasure_from_tampering(served: Served, command: Command, tmp_path: Path) -> None:  # noqa: F811
    served.decide(INFORMATIONAL)
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "voice", "text": "never call again"})
    served.http.post("/v1/suppressions", json={"address": PERSON, "reason": "ours"})
    sequenced(served, tmp_path / "log")
    erased(command)
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "voice", "text": "I said never"})
    erased(command)
    sequenced(served, tmp_path / "log")
    with served.database.app() as connection:
        report = audit(connection, Audit(whole=True, memory_at=tmp_path / "audit.json"))
    assert report.findings == []


def test_a_stranger_with_the_database_finds_no_number(served: Served, command: Command) -> None:  # noqa: F811
    served.decide(INFORMATIONAL)
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "voice", "text": "call me never"})
    served.http.post("/v1/relationships", json={"address": PERSON, "seller": "acme", "kind": "customer"})
    served.http.post("/v1/links", json={"links": [{"address": PERSON, "channel": "sms"}]})
    served.http.post("/v1/joins", json={"addresses": [PERSON, "pat@example.net"]})
    served.http.post("/v1/people/erasure-requests", json={"address": PERSON, "text": "call me never"})
    with served.database.owner() as connection:  # a form asked them, they said they never asked, a code is on its way
        names = {"addr": 1 << 60 | 13055550123, "id": uuid4(), "account": served.account, "part": PERSON.encode()}
        for sql in (
            "INSERT INTO ledger_form (id, account, seller, slug, list, channel, purposes, level, wording, language,"
            " origins, opened_at) SELECT %(id)s, %(account)s, seller_id, 'f', 'l', 1, 1, 1, sha256(''), 'en', '{}',"
            " now() FROM accounts_accountseller",
            "INSERT INTO ledger_optin (id, form, addr, key_id, part, code_hash, asked_at, expires_at) VALUES"
            " (%(id)s, %(id)s, %(addr)s, 0, %(part)s, sha256(''), now(), now())",
            "INSERT INTO ledger_optinblock SELECT id, %(addr)s, 0, NULL, now() FROM ledger_event"
            " WHERE account = %(account)s LIMIT 1",
            "INSERT INTO ledger_outbox (id, account, kind, cause, channel, addr, key_id, language, content, at,"
            " next_at, expires_at) VALUES (%(id)s, %(account)s, 'code', %(id)s, 1, %(addr)s, 0, 'en',"
            ' \'{"to": "+13055550123"}\', now(), now(), now())',
        ):
            connection.execute(sql, names)
    erased(command, "--place", "CA-ON")  # where no law wants the words kept
    with served.database.owner() as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        for (table,) in tables:
            whole = str(connection.execute(f"SELECT * FROM {table}").fetchall())
            assert "13055550123" not in whole, table
            assert "call me never" not in whole, table
            assert str(1 << 60 | 13055550123) not in whole, table


def test_what_the_law_wants_kept_is_named_with_its_rule_and_goes_on_its_day(
    served: Served,  # noqa: F811
    command: Command,
) -> None:
    served.http.post("/v1/opt-outs", json={"address": PERSON, "channel": "voice", "text": "never call again"})
    said = command(*ERASE, "--account", "acme")
    assert said.code == 0, said.err
    assert "us.tcpa.keep_opt_outs" in said.out
    assert "47 CFR 64.1200(d)(6)" in said.out
    with served.database.owner() as connection:
        (kept,) = connection.execute("SELECT until FROM ledger_kept").fetchall()
        assert kept[0].year >= 2031
        assert connection.execute("SELECT count(*) FROM ledger_personal").fetchone() != (0,)
        connection.execute("SET ROLE forbear_erase")
        connection.execute("UPDATE ledger_kept SET until = current_date")
        connection.execute("RESET ROLE")
    due = command("person", "erase", "--due", "--json")
    assert json.loads(due.out) == {"parts": 1}
    with served.database.owner() as connection:
        assert connection.execute("SELECT count(*) FROM ledger_kept").fetchone() == (0,)


def test_a_dry_run_says_it_all_and_changes_nothing(served: Served, command: Command) -> None:  # noqa: F811
    served.decide(INFORMATIONAL)
    said = erased(command, "--dry-run")
    assert said["dry_run"]
    assert said["event"] is None
    assert verdict(served) == "allow"


def test_a_request_of_the_person_waits_until_it_is_carried_out(served: Served, command: Command) -> None:  # noqa: F811
    served.http.post("/v1/people/erasure-requests", json={"address": PERSON, "text": "forget me"})
    waiting = json.loads(command("person", "requests", "--json").out)["requests"]
    assert [one["address"] for one in waiting] == [PERSON]
    erased(command)
    assert json.loads(command("person", "requests", "--json").out)["requests"] == []


def test_the_erase_role_may_change_nothing_but_the_address_of_what_was_appended(served: Served) -> None:  # noqa: F811
    import psycopg

    served.decide(INFORMATIONAL)
    with served.database.owner() as connection:
        connection.execute("SET ROLE forbear_erase")
        for sql in (
            "UPDATE ledger_decision SET verdict = 0",
            "UPDATE ledger_event SET payload = '{}'",
            "DELETE FROM ledger_event",
            "DELETE FROM ledger_decision",
            "UPDATE ledger_logentry SET hash = hash",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql)
