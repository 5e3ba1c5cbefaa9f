"""`forbear judge`: through the command, and the file reader behind it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from forbear.cli import judge as command
from forbear.core.errors import BadInput
from forbear.gate import judge_cases
from forbear.gate.judge_cases import Mark
from forbear.kernel.casefile import LONGEST_LINE
from forbear.kernel.judge import Engine
from forbear.rulebook.load import shipped

Run = Callable[..., Result]

CASE: dict[str, Any] = {  # Florida at 20:05: an hour before the federal close, five minutes after Florida's
    "id": "fl-2005",
    "now": "2026-11-24T01:05:00Z",
    "contact": {
        "channel": "voice",
        "mode": "live",
        "purpose": "marketing",
        "from": "+12025550100",
        "to": "+18135550123",
        "content": {"identifies_sender": True},
    },
    "sender": {"country": "US", "kind": "company"},
    "recipient": {"kind": "consumer", "country": "US", "region": "US-FL", "line_type": "landline"},
    "consents": [],
    "relationships": [],
    "registries": {
        "us.national": {"listed": False, "checked": "2026-11-10"},
        "us.state": {"listed": False, "checked": "2026-11-10"},
    },
    "opt_outs": [],
    "history": {"attempts": []},
}
OPENS = {"verdict": "defer", "earliest": "2026-11-24T13:00:00Z"}
UNWRITTEN = CASE | {
    "id": "mn",
    "recipient": {"kind": "consumer", "country": "MN"},
    "contact": CASE["contact"] | {"to": "+97611123456"},
}


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)

    def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, ["judge", *arguments], input=stdin)

    return invoke


def written(folder: Path, *cases: object) -> str:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return str(path)


def test_each_case_gets_one_answer_in_order(run: Run, tmp_path: Path) -> None:
    noon = CASE | {"id": "noon", "now": "2026-11-24T17:00:00Z"}
    result = run(written(tmp_path, CASE, noon))
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert first["rulebook"] == shipped().digest
    assert {k: first[k] for k in ("id", "verdict", "cure", "earliest", "rules")} == {
        "id": "fl-2005",
        "verdict": "defer",
        "cure": "time",
        "earliest": "2026-11-24T13:00:00Z",
        "rules": ["us.fl.calling_hours"],
    }
    assert {k: second[k] for k in ("id", "verdict", "cure", "earliest", "rules")} == {
        "id": "noon",
        "verdict": "allow",
        "cure": None,
        "earliest": None,
        "rules": [],
    }


def test_standard_input_and_gzip_are_read_alike(run: Run, tmp_path: Path) -> None:
    line = json.dumps(CASE).encode() + b"\n\n"
    packed = tmp_path / "cases.gz"
    packed.write_bytes(gzip.compress(line))
    answers = {run("-", stdin=line).stdout, run("-", stdin=gzip.compress(line)).stdout, run(str(packed)).stdout}
    assert len(answers) == 1
    assert "fl-2005" in answers.pop()


def test_check_passes_what_comes_out_as_expected_and_fails_what_does_not(run: Run, tmp_path: Path) -> None:
    right = run(written(tmp_path, CASE | {"expect": OPENS}), "--check")
    assert right.exit_code == 0
    assert "1 passed, 0 failed" in right.stdout
    late = run(written(tmp_path, CASE | {"expect": OPENS | {"earliest": "2026-11-24T14:00:00Z"}}), "--check")
    assert late.exit_code == 1
    assert (
        "line 1: fl-2005: failed: expected to be allowed from 2026-11-24T14:00:00Z, came out 2026-11-24T13:00:00Z"
        in late.stdout
    )
    other = run(written(tmp_path, CASE | {"expect": {"verdict": "allow"}}), "--check")
    assert other.exit_code == 1
    assert "expected allow, came out defer" in other.stdout


def test_a_law_nobody_read_is_not_covered_and_never_passed(run: Run, tmp_path: Path) -> None:
    same = run(written(tmp_path, UNWRITTEN | {"expect": {"verdict": "deny"}}), "--check", "--json")
    assert json.loads(same.stdout.splitlines()[-1]) == {
        "passed": 0,
        "failed": 0,
        "not_covered": 1,
        "no_expectation": 0,
        "differences": 0,
    }
    assert same.exit_code == 0
    differs = run(written(tmp_path, UNWRITTEN | {"expect": {"verdict": "allow"}}), "--check")
    assert differs.exit_code == 1
    assert "mn: not covered: expected allow, came out deny (coverage.mn)" in differs.stdout


def test_a_bad_line_is_named_after_the_answers_before_it(run: Run, tmp_path: Path) -> None:
    result = run(written(tmp_path, CASE, CASE | {"sendr": {}}))
    assert isinstance(result.exception, BadInput)
    assert "cases.jsonl:2: key `sendr`: is no key of the format" in str(result.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x" * (LONGEST_LINE + 2), "bad.jsonl:1: longer than"),
        (gzip.compress(b"\n" * 1000)[:-12], "the gzip stream is damaged"),
        (b"\x1f\x8b\x08garbage", "bad.jsonl:1: the gzip stream is damaged"),
        (b"\x00" * 100, "bad.jsonl:1: not JSON"),
    ],
    ids=["a line without end", "a torn gzip", "a false gzip", "zeros"],
)
def test_a_damaged_file_is_one_error(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught, judge_cases.open_lines(path, io.BytesIO()) as lines:
        list(judge_cases.judge(lines, Engine(shipped()), file="bad.jsonl"))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"), judge_cases.open_lines(tmp_path / "none", io.BytesIO()):
        pass
    with pytest.raises(BadInput, match="cannot be read"), judge_cases.open_lines(tmp_path, io.BytesIO()):
        pass


def test_no_worked_example_of_the_law_fails() -> None:
    path = Path(__file__).parents[2] / "../shared/law/cases.jsonl"
    if not path.exists():
        pytest.skip("the worked examples (../shared/law/cases.jsonl) are not here")
    with judge_cases.open_lines(path, io.BytesIO()) as lines:
        checked = [judge_cases.check(one) for one in judge_cases.judge(lines, Engine(shipped()), file="cases.jsonl")]
    failed = [f"{one.judged.case.id}: {one.difference}" for one in checked if one.mark is Mark.FAILED]
    assert not failed
    assert sum(one.mark is Mark.PASSED for one in checked) >= 35
