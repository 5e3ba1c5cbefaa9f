"""Own rules over HTTP: answer and explanation name the override; a bad directory keeps the server from starting."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from forbear.core.errors import BadInput
from forbear.web.decisions import Door
from tests.web.conftest import INFORMATIONAL, Served

OFF = """
[[override]]
rule = "us.caller_id"
off = true
by = "Jane Roe"
on = 2026-01-02
reason = "opinion 12"
"""
SALE: dict[str, Any] = INFORMATIONAL | {"purpose": "marketing", "from": "ACME"}


@pytest.fixture
def jane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment names a directory with one override before the server starts."""
    (tmp_path / "overrides.toml").write_text(OFF)
    monkeypatch.setenv("FORBEAR_RULES", str(tmp_path))
    return tmp_path / "overrides.toml"


def test_an_answer_and_its_explanation_name_the_override(jane: Path, served: Served) -> None:
    plain, named = served.decide(INFORMATIONAL, SALE).json()["answers"]
    assert "overrides" not in plain
    assert named["overrides"] == ["us.caller_id by Jane Roe 2026-01-02"]
    why = served.http.get(f"/v1/decisions/{named['id']}").json()
    assert why["overrides"] == named["overrides"]
    assert why["agrees"] is True
    assert why["missing"] is None
    assert (why["today"]["same"], why["today"]["verdict"]) == (True, named["verdict"])
    (rule,) = [said for said in why["said"] if said["rule"] == "us.caller_id"]
    assert rule["as_shipped"] == "forbidden"
    assert "by Jane Roe on 2026-01-02; opinion 12" in rule["override"]
    assert not any("@" in said["rule"] for said in why["said"])


def test_the_same_without_the_override_is_refused_by_the_rule(served: Served) -> None:
    (answer,) = served.decide(SALE).json()["answers"]
    assert "us.caller_id" in answer["rules"]
    assert "overrides" not in answer


def test_a_server_does_not_start_with_rules_it_cannot_read(jane: Path) -> None:
    jane.write_text(OFF.replace('by = "Jane Roe"', ""))
    with pytest.raises(BadInput) as caught:
        asyncio.run(asyncio.to_thread(Door().warm))
    assert (caught.value.file, caught.value.key) == (str(jane), "override.by")
