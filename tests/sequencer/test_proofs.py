"""A proof made here, checked by the one file that ships to whoever wants to check it; and every way to spoil one."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.gate import settle
from forbear.gate.proofs import Pending, Prover, is_logged
from forbear.ledger import addresses, log, logkeys, writes
from forbear.ledger.kinds import Kind, KnownBy, Outcome
from forbear.ledger.logfiles import Folder, LogDiffers
from forbear.sequencer.run import Sequencer
from forbear.tlog import merkle, offline
from tests.conftest import Database
from tests.gate.conftest import PERSON, House, make_house
from tests.gate.conftest import engine as engine
from tests.gate.conftest import gate as gate
from tests.sequencer.conftest import happen


@pytest.fixture
def prover(folder: Folder) -> Prover:
    return Prover(folder)


@pytest.fixture
def vkey(sequencer: Sequencer, home: Path) -> str:
    keys = logkeys.load(home)
    assert keys is not None
    return keys.newest.verifier.vkey


def holds(proof: dict[str, Any], vkey: str) -> list[str]:
    """What the offline verifier says, in this process. Raises `ValueError`."""
    size, root, _ = offline.signed_head(proof["checkpoint"], [vkey])
    return [offline.check(one, size, root) for one in proof["proofs"]]


def test_an_event_is_pending_and_then_proved(conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str) -> None:
    (event,) = happen(conn)
    with pytest.raises(Pending):
        prover.prove(conn, event)
    assert not is_logged(conn, event)
    sequencer.step()
    proof = prover.prove(conn, event)
    assert proof is not None
    assert is_logged(conn, event)
    assert holds(json.loads(json.dumps(proof)), vkey) == ["event is entry 1"]
    assert "1202555" not in json.dumps(proof)


def test_what_has_its_place_but_no_head_yet_is_pending_too(
    conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str, folder: Folder, home: Path
) -> None:
    (event,) = happen(conn)
    with conn.transaction():
        assert log.place(conn, sequencer.size, 10)  # and then the sequencer died
    with pytest.raises(Pending):
        prover.prove(conn, event)
    assert not is_logged(conn, event)
    Sequencer(conn, folder, home).open()
    proof = prover.prove(conn, event)
    assert proof is not None
    assert holds(proof, vkey) == ["event is entry 1"]


def test_the_personal_part_is_shown_to_be_the_one_that_was_logged(
    conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str
) -> None:
    (event,) = happen(conn)
    sequencer.step()
    proof = prover.prove(conn, event, opened=True)
    assert proof is not None
    (said,) = holds(proof, vkey)
    assert '"address":"+12025550000"' in said
    proof["proofs"][0]["personal"]["part"] = proof["proofs"][0]["personal"]["part"].replace("0000", "0001")
    with pytest.raises(ValueError, match="not the one that was logged"):
        holds(proof, vkey)


def test_a_row_of_a_list_is_proved_by_two_paths(
    conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str
) -> None:
    with conn.transaction():
        now = writes.now(conn)
        those = addresses.of_numbers(np.arange(77, dtype=np.int64) + (1 << 40))
        ids = writes.append_events(
            *(conn, now, Kind.SUPPRESSION_PLACED, KnownBy.IMPORT, those, now, {"list": "x"}), account=None, seller=None
        )
    happen(conn, 300)
    sequencer.step()
    for i in (0, 40, 76):
        proof = prover.prove(conn, UUID(bytes=ids[i].tobytes()))
        assert proof is not None
        assert proof["proofs"][0]["batch"]["index"] == i
        assert holds(proof, vkey) == ["event is entry 1"]


@pytest.mark.parametrize("redeem", [True, False])
def test_a_decision_is_proved_with_what_became_of_its_permit(
    conn: Connection, gate: Any, sequencer: Sequencer, prover: Prover, vkey: str, redeem: bool
) -> None:
    house = make_house(conn, gate, "acme")
    answer = house.one(redeem=redeem)
    refused = house.one(redeem=redeem), house.one(redeem=redeem), house.one(redeem=redeem)
    assert answer.permit is not None
    if not redeem:
        from forbear.gate.redeem import redeem as spend

        spend(conn, house.account, [answer.permit])
    settle.settle(conn, house.account, answer.permit, settle.Disposition(outcome=Outcome.ANSWERED, conversation=True))
    sequencer.step()
    by_decision = prover.prove(conn, answer.decision, account=house.account)
    assert by_decision is not None
    assert by_decision == prover.prove(conn, answer.permit)
    assert [one["record"] for one in by_decision["proofs"]] == ["decision", "redemption", "disposition"]
    assert len(holds(json.loads(json.dumps(by_decision)), vkey)) == 3
    denied = prover.prove(conn, refused[-1].decision)
    assert denied is not None
    assert denied["proofs"][0]["values"]["permit"] is None
    assert len(holds(denied, vkey)) == 1


def test_permits_spent_and_settled_before_there_was_a_log_are_proved_too(
    conn: Connection, gate: Any, folder: Folder, home: Path, prover: Prover
) -> None:
    house = make_house(conn, gate, "acme")
    answer = house.one(redeem=True)
    assert answer.permit is not None
    settle.settle(conn, house.account, answer.permit, settle.Disposition(outcome=Outcome.BUSY))
    conn.execute("DELETE FROM ledger_logqueue WHERE kind <> 1")
    sequencer = Sequencer(conn, folder, home)
    sequencer.open()
    sequencer.step()
    proof = prover.prove(conn, answer.permit)
    assert proof is not None
    key = logkeys.known(conn)[-1].key.vkey
    assert [said.split()[0] for said in holds(proof, key)] == ["decision", "redemption", "disposition"]


def test_nobody_gets_a_proof_of_another_accounts_record(
    conn: Connection, gate: Any, sequencer: Sequencer, prover: Prover
) -> None:
    house = make_house(conn, gate, "acme")
    answer = house.one()
    (event,) = happen(conn, account=house.account)
    sequencer.step()
    for identity in (answer.decision, answer.permit, event):
        assert identity is not None
        assert prover.prove(conn, identity, account=house.account) is not None
        assert prover.prove(conn, identity, account=uuid4()) is None
    assert prover.prove(conn, uuid4()) is None


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(proof: dict[str, Any]) -> None:
        for step in path[:-1]:
            proof = proof[step]
        proof[path[-1]] = to(proof[path[-1]])

    return change


def _flip(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        _set(
            "proofs",
            0,
            "values",
            "learnt_at",
            to=lambda at: at.replace("Z", "1Z") if "." in at else "2001-01-01T00:00:00Z",
        ),
        _set("proofs", 0, "values", "kind", to=lambda kind: "consent:given"),
        _set("proofs", 0, "values", "payload", to=lambda payload: payload | {"n": 9}),
        _set("proofs", 0, "values", "personal_hash", to=_flip),
        _set("proofs", 0, "index", to=lambda index: index + 1),
        _set("proofs", 0, "path", 0, to=_flip),
        _set("proofs", 0, "path", to=lambda path: path[:-1]),
        _set("proofs", 0, "path", to=lambda path: [*path, "00" * 32]),
        _set("proofs", 0, "entry", "kind", to=lambda kind: 4),
        _set("proofs", 0, "entry", "source", to=lambda source: str(uuid4())),
        _set("proofs", 0, "batch", to=lambda none: {"index": 0, "size": 1, "path": []}),
        _set("checkpoint", to=lambda note: note.replace("\n6\n", "\n7\n")),
        _set("checkpoint", to=lambda note: note[:-6] + "AAAA=\n"),
        _set("checkpoint", to=lambda note: note.replace("log.example.org", "log.example.com")),
    ],
)
def test_whatever_is_changed_in_a_proof_it_no_longer_holds(
    conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str, spoil: Callable[[dict[str, Any]], None]
) -> None:
    events = happen(conn, 5)
    sequencer.step()
    proof = prover.prove(conn, events[2])
    assert proof is not None
    holds(proof, vkey)
    spoilt = copy.deepcopy(proof)
    spoil(spoilt)
    assert spoilt != proof
    with pytest.raises((ValueError, KeyError)):
        holds(spoilt, vkey)


def test_the_verifier_ships_as_one_file_that_needs_nothing(
    conn: Connection, sequencer: Sequencer, prover: Prover, vkey: str, tmp_path: Path
) -> None:
    (event,) = happen(conn)
    sequencer.step()
    alone = tmp_path / "verify.py"
    alone.write_text(resources.files("forbear.tlog").joinpath("offline.py").read_text())
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(prover.prove(conn, event)))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -I: neither this project nor what is installed can be imported
        return subprocess.run(
            [sys.executable, "-I", "-S", str(alone), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )

    right = run(str(file), vkey)
    assert right.returncode == 0, right.stderr
    assert "event is entry 1 of the log of 2 that log.example.org/forbear+" in right.stdout
    assert "opt_out:said" in right.stdout
    other = run(str(file), "log.example.org/forbear+cd8d6a9b+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert other.returncode == 1
    assert "NOT PROVED" in other.stdout
    file.write_text(file.read_text().replace("opt_out:said", "consent:given"))
    wrong = run(str(file), vkey)
    assert wrong.returncode == 1
    assert "not what was logged as entry 1" in wrong.stdout
    assert run(str(tmp_path / "absent"), vkey).returncode == 2
    assert run().returncode == 2


def test_its_signature_check_is_that_of_rfc_8032() -> None:
    vectors = (  # RFC 8032 section 7.1, tests 1 to 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    )
    for public, message, signature in vectors:
        key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
        assert offline.ed25519(key, signed, text)
        assert not offline.ed25519(key, signed, text + b"x")
        for at in (0, 31, 32, 63):
            assert not offline.ed25519(key, signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :], text)
        s = int.from_bytes(signed[32:], "little") + offline.L  # the same signature written otherwise
        assert not offline.ed25519(key, signed[:32] + s.to_bytes(32, "little"), text)
        assert not offline.ed25519(key, signed[:-1], text)


def test_a_row_changed_since_it_was_logged_gets_no_proof(
    database: Database, conn: Connection, sequencer: Sequencer, prover: Prover
) -> None:
    (event,) = happen(conn)
    sequencer.step()
    owner = database.owner()
    ((table,),) = owner.execute("SELECT tableoid::regclass::text FROM ledger_event WHERE id = %s", [event])
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse")
    owner.execute(f"UPDATE {table} SET known_by = 'carrier' WHERE id = %s", [event])
    with pytest.raises(LogDiffers, match="is not what was logged as entry 1"):
        prover.prove(conn, event)


def test_the_log_is_proved_to_go_on_from_every_head_it_had(
    conn: Connection, sequencer: Sequencer, prover: Prover
) -> None:
    heads = []
    for n in (3, 260, 1, 300):
        happen(conn, n)
        sequencer.step()
        said = prover.consistency(1)["new"]
        heads.append((said["size"], bytes.fromhex(said["root"])))
    newest, root = heads[-1]
    for size, before in heads:
        found = prover.consistency(size)
        assert bytes.fromhex(found["old"]["root"]) == before
        assert merkle.extends(size, before, newest, root, [bytes.fromhex(step) for step in found["path"]])
    for size in range(1, newest):  # of sizes, too, that no head was ever signed for
        found = prover.consistency(size, newest - 1)
        ends = bytes.fromhex(found["old"]["root"]), bytes.fromhex(found["new"]["root"])
        assert merkle.extends(size, ends[0], newest - 1, ends[1], [bytes.fromhex(step) for step in found["path"]])
    between = prover.consistency(heads[0][0], heads[1][0])
    assert merkle.extends(*heads[0], *heads[1], [bytes.fromhex(step) for step in between["path"]])
    for old, new in ((0, None), (newest + 1, None), (5, 4), (1, newest + 1)):
        with pytest.raises(BadInput):
            prover.consistency(old, new)


def test_an_erased_decision_is_proved_without_its_address(
    database: Database, conn: Connection, gate: Any, sequencer: Sequencer, prover: Prover, vkey: str
) -> None:
    house: House = make_house(conn, gate, "acme")
    answer = house.one()
    sequencer.step()
    before = prover.prove(conn, answer.decision)
    assert before is not None
    assert holds(before, vkey) == [f"decision about {PERSON} is entry 1"]
    owner = database.owner()
    owner.execute("SET ROLE forbear_erase")
    owner.execute("UPDATE ledger_decision SET addr = 4611686018427387904 + 12345, mac = %s", [bytes(16)])
    after = prover.prove(conn, answer.decision)
    assert after is not None
    assert after["proofs"][0]["address"] is None
    assert after["proofs"][0]["values"] == before["proofs"][0]["values"]
    assert holds(after, vkey) == ["decision (its address was erased) is entry 1"]


def test_another_address_does_not_fit_under_the_seal(
    conn: Connection, gate: Any, sequencer: Sequencer, prover: Prover, vkey: str
) -> None:
    house: House = make_house(conn, gate, "acme")
    answer = house.one()
    sequencer.step()
    proof = prover.prove(conn, answer.decision)
    assert proof is not None
    proof["proofs"][0]["address"]["addr"] += 1
    with pytest.raises(ValueError, match="the address is not the one that was logged"):
        holds(proof, vkey)
