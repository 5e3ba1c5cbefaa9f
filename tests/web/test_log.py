"""Proofs over HTTP: pending, then there; the log's files as C2SP has them, for anybody and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from forbear.accounts.permissions import Permission
from forbear.ledger import logkeys
from forbear.ledger.log import WAKE
from forbear.ledger.logfiles import Folder
from forbear.sequencer.run import Sequencer
from forbear.tlog import merkle, notes, offline
from forbear.tlog.tiles import Tree
from tests.web.conftest import INFORMATIONAL, Served


@pytest.fixture
def sequencer(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sequencer]:
    monkeypatch.setenv("FORBEAR_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FORBEAR_LOG_ORIGIN", "log.example.org/forbear")
    made = Sequencer(served.database.app(), Folder(), tmp_path / "home")
    made.open()
    made.step()
    yield made
    assert "FORBEAR_LOG" in os.environ


def proved(answer: httpx.Response, key: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    proof = answer.json()
    size, root, _ = offline.signed_head(proof["checkpoint"], [key])
    return [offline.check(one, size, root).split()[0] for one in proof["proofs"]]


@pytest.fixture
def vkey(served: Served, sequencer: Sequencer) -> str:
    return logkeys.known(served.database.app())[-1].key.vkey


def test_a_decision_and_its_permit_are_pending_and_then_proved(served: Served, sequencer: Sequencer, vkey: str) -> None:
    (answer,) = served.decide(INFORMATIONAL, redeem=True).json()["answers"]
    listening = served.database.app()
    listening.execute(f"LISTEN {WAKE}")
    pending = served.http.get(f"/v1/log/proofs/{answer['id']}")
    assert pending.status_code == 202
    assert pending.headers["retry-after"] == "1"
    assert pending.json() == {"id": answer["id"], "pending": True}
    assert [one.channel for one in listening.notifies(timeout=5, stop_after=1)] == [WAKE]  # the sequencer is told
    assert served.http.get(f"/v1/decisions/{answer['id']}").json()["logged"] is False
    sequencer.step()
    assert served.http.get(f"/v1/decisions/{answer['id']}").json()["logged"] is True
    assert proved(served.http.get(f"/v1/log/proofs/{answer['id']}"), vkey) == ["decision", "redemption"]
    assert proved(served.http.get(f"/v1/log/proofs/{answer['permit']['id']}"), vkey) == ["decision", "redemption"]
    served.http.post(f"/v1/permits/{answer['permit']['id']}/disposition", json={"outcome": "answered"})
    assert served.http.get(f"/v1/log/proofs/{answer['id']}").status_code == 202
    sequencer.step()
    of_all = ["decision", "redemption", "disposition"]
    assert proved(served.http.get(f"/v1/log/proofs/{answer['id']}"), vkey) == of_all


def test_the_receipt_of_an_opt_out_is_proved_without_its_words(served: Served, sequencer: Sequencer, vkey: str) -> None:
    said = served.http.post(
        "/v1/opt-outs", json={"address": "+13055550123", "channel": "voice", "text": "leave me alone"}
    )
    (event,) = said.json()["events"]
    sequencer.step()
    answer = served.http.get(f"/v1/log/proofs/{event}")
    assert proved(answer, vkey) == ["event"]
    assert "leave me alone" not in answer.text
    assert "3055550123" not in answer.text


def test_proofs_are_for_whoever_may_read_them(served: Served, sequencer: Sequencer) -> None:
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    sequencer.step()
    path = f"/v1/log/proofs/{answer['id']}"
    assert served.http.get(path).status_code == 200
    assert served.http.get(path, headers=served.another(Permission.PROOF_READ)).status_code == 200
    assert served.http.get(path, headers=served.another(Permission.DECISION_READ)).status_code == 403
    assert served.http.get(path, headers={"Authorization": ""}).status_code == 401
    assert served.http.get(path, headers=served.another_account()).status_code == 404
    assert served.http.get(f"/v1/log/proofs/{uuid4()}").status_code == 404
    assert served.http.get("/v1/log/proofs/nonsense").status_code == 422


def test_the_log_is_shown_to_go_on_from_an_older_head(served: Served, sequencer: Sequencer) -> None:
    for _ in range(3):
        served.decide(INFORMATIONAL)
        sequencer.step()
    said = served.http.get("/v1/log/consistency", params={"old": 2}).json()
    path = [bytes.fromhex(step) for step in said["path"]]
    old, new = (bytes.fromhex(said[name]["root"]) for name in ("old", "new"))
    assert said["new"]["size"] == 4
    assert merkle.extends(2, old, 4, new, path)
    assert not merkle.extends(2, new, 4, old, path)
    for old_size, new_size in ((0, 4), (5, 4), (3, 9), (5, None)):
        more = {} if new_size is None else {"new": new_size}
        assert served.http.get("/v1/log/consistency", params={"old": old_size, **more}).status_code == 422


def test_the_files_are_public_and_typed_as_c2sp_has_them(served: Served, sequencer: Sequencer, vkey: str) -> None:
    for _ in range(300):
        sequencer.conn.execute(
            "INSERT INTO ledger_logqueue (kind, source, hash) VALUES (2, gen_random_uuid(), sha256('x'))"
        )
    sequencer.step()
    with httpx.Client(base_url=served.http.base_url) as anybody:
        head = anybody.get("/log/checkpoint")
        assert head.headers["content-type"] == "text/plain; charset=utf-8"
        assert head.headers["cache-control"] == "public, max-age=1"
        assert notes.signed_by(head.text, [notes.verifier(vkey)])
        said = notes.checkpoint(head.text)
        assert said.size == 301
        seen: set[str] = set()

        def read(path: str) -> bytes | None:
            answer = anybody.get(f"/log/{path}")
            if answer.status_code == 404:
                return None
            assert answer.headers["content-type"] == "application/octet-stream"
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["access-control-allow-origin"] == "*"
            seen.add(path)
            return answer.content

        tree = Tree(read, said.size)
        assert tree.root() == said.root
        assert merkle.leaf_hash(tree.entries(1)[44]) == tree.leaf(300)
        assert {"tile/0/000", "tile/0/001.p/45", "tile/entries/001.p/45"} >= seen - {"tile/1/000.p/1"}
        keys = anybody.get("/log/keys")
        assert keys.headers["content-type"] == "text/plain; charset=utf-8"
        assert keys.text.splitlines()[-1].endswith(f" - {vkey}")
        assert anybody.post("/log/checkpoint").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".writer",
        "tile/0/999",
        "tile/0/%2e%2e/%2e%2e/checkpoint",
        "../home/log-keys.json",
        "%2e%2e/home/log-keys.json",
    ],
)
def test_nothing_else_is_served(served: Served, sequencer: Sequencer, path: str) -> None:
    assert served.http.get(f"/log/{path}").status_code == 404


def test_before_the_first_head_there_is_nothing_and_it_is_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBEAR_LOG", str(tmp_path / "nothing"))
    (answer,) = served.decide(INFORMATIONAL).json()["answers"]
    assert served.http.get("/log/checkpoint").status_code == 404
    assert served.http.get(f"/v1/log/proofs/{answer['id']}").status_code == 202
    assert served.http.get("/v1/log/consistency", params={"old": 1}).status_code == 503
