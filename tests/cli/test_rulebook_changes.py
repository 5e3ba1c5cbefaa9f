"""Living with change, as an operator types it: own rules, differences, stored rulebooks, shadow rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forbear.cli import embedded
from forbear.rulebook.load import shipped_files
from tests.cli.conftest import Said
from tests.conftest import Database
from tests.gate.test_judge_cases import CASE
from tests.web.conftest import INFORMATIONAL

Command = Callable[..., Said]
QUIET = """
id = "own.quiet"
title = "We do not call Florida"
applies = { places = ["US-FL"], channel = ["voice"] }
check = "forbidden"
on_fail = "FORBIDDEN"
confidence = "policy"
STATE
[[cite]]
title = "Sales handbook"
seen = 2026-11-01
[[value]]
"""
LATER = """
[[override]]
rule = "us.fl.calling_hours"
by = "Jane Roe"
on = 2026-11-20
reason = "opinion 12"
value = { hours = { every_day = ["08:00-21:00"] } }
"""


@pytest.fixture(autouse=True)
def no_rules_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORBEAR_RULES", "")  # what `--rules` sets is taken back after the test


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., str]:
    def make(**files: str) -> str:
        place = tmp_path / f"rules-{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        for name, text in files.items():
            (place / f"{name}.toml").write_text(text)
        return str(place)

    return make


@pytest.fixture
def acme(forbear: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Commands over a fresh store with one account."""
    store = embedded.Store(database.owner_url, database.app_url, embedded=True)
    monkeypatch.setattr(embedded, "ensure", lambda *_, **__: store)
    assert forbear("account", "create", "acme", "--country", "US", "--kind", "company").code == 0
    return forbear


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"contacts": [INFORMATIONAL]}))
    return str(path)


@pytest.fixture
def cases(tmp_path: Path) -> str:
    """Florida at five past eight in the evening, and at noon."""
    noon = CASE | {"id": "fl-noon", "now": "2026-11-24T17:00:00Z"}
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(CASE) + "\n" + json.dumps(noon) + "\n")
    return str(path)


def first(said: Said) -> Any:
    return json.loads(said.out)["answers"][0]


def test_a_rulebook_does_not_differ_from_itself(forbear: Command, tmp_path: Path, cases: str) -> None:
    assert forbear("rulebook", "bundle", "shipped", str(tmp_path / "b.tar.gz")).code == 0
    said = forbear("rulebook", "diff", "shipped", str(tmp_path / "b.tar.gz"), "--on", cases)
    assert said.code == 0
    assert "no rule, coverage or holiday differs" in said.out
    assert "2 judged by both: 0 verdicts change" in said.out


def test_a_changed_hour_is_told_and_so_is_the_verdict_it_changes(forbear: Command, tmp_path: Path, cases: str) -> None:
    folder = tmp_path / "next"
    for name, body in shipped_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        changed = body.replace(b"08:00-20:00", b"08:00-20:30") if name == "us/fl/calling_hours.toml" else body
        (folder / name).write_bytes(changed)
    said = forbear("rulebook", "diff", "shipped", str(folder), "--on", cases)
    assert said.code == 1
    assert "~ us.fl.calling_hours" in said.out
    assert "hours: every day 08:00-20:00 -> every day 08:00-20:30" in said.out
    assert "2 judged by both: 1 verdict changes" in said.out
    assert f"line 1: {CASE['id']}: defer until 2026-11-24T13:00:00Z by us.fl.calling_hours -> allow" in said.out
    told = json.loads(forbear("rulebook", "diff", "shipped", str(folder), "--on", cases, "--format", "json").out)
    assert told["verdicts"]["by"] == [{"was": "defer", "now": "allow", "contacts": 1}]
    assert told["verdicts"]["rules"] == [{"rule": "us.fl.calling_hours", "decides_now": False, "contacts": 1}]
    assert list(told["changed"]) == ["us.fl.calling_hours"]
    unasked = forbear("rulebook", "diff", "shipped", str(folder))
    assert unasked.code == 1
    noon = tmp_path / "noon.jsonl"
    noon.write_text(Path(cases).read_text().splitlines()[1] + "\n")
    assert forbear("rulebook", "diff", "shipped", str(folder), "--on", str(noon)).code == 0


@pytest.mark.parametrize("which", ["nowhere", "sha256:0123", "0123456"])
def test_what_is_no_rulebook_is_refused(forbear: Command, which: str) -> None:
    said = forbear("rulebook", "diff", "shipped", which)
    assert (said.code, said.out) == (2, "")
    assert f"there is no rulebook `{which}`" in said.err


def test_own_rules_judge_a_case_file_and_name_the_override(
    forbear: Command, rules: Callable[..., str], cases: str
) -> None:
    plain = [json.loads(line) for line in forbear("judge", cases).out.splitlines()]
    assert [one["verdict"] for one in plain] == ["defer", "allow"]
    assert "overrides" not in plain[0]
    own = rules(overrides=LATER, quiet=QUIET.replace("STATE", 'state = "shadow"'))
    evening, noon = (json.loads(line) for line in forbear("judge", cases, "--rules", own).out.splitlines())
    assert (evening["verdict"], evening["overrides"]) == ("allow", ["us.fl.calling_hours by Jane Roe 2026-11-20"])
    assert "overrides" not in noon
    assert noon["shadow"] == {"own.quiet": "forbidden"}
    told = forbear("rulebook", "own", own)
    assert "replaces the text of us.fl.calling_hours: looser; by Jane Roe on 2026-11-20; opinion 12" in told.out
    diff = forbear("rulebook", "diff", "shipped", "installed", "--rules", own)
    assert "+ own.quiet: We do not call Florida" in diff.out
    assert "@shipped" not in diff.out


def test_own_rules_that_cannot_be_read_stop_a_command_with_file_and_line(
    forbear: Command, rules: Callable[..., str], cases: str
) -> None:
    own = rules(overrides=LATER.replace('by = "Jane Roe"\n', ""))
    for command in (("judge", cases), ("serve", "--port", "1"), ("rulebook", "diff", "shipped", "installed")):
        said = forbear(*command, "--rules", own)
        assert said.code == (3 if command[0] == "serve" and "cannot listen" in said.err else 2), said.err
        if said.code == 2:
            assert f"{own}/overrides.toml:2: key `override.by`: no `by`" in said.err


def test_own_examples_that_do_not_hold_are_faults(forbear: Command, rules: Callable[..., str]) -> None:
    case = {key: CASE[key] for key in ("now", "contact", "recipient")}
    example = '[[example]]\nwhen = "ours"\nfacts = { now = 2026-11-24T17:00:00Z }\n'
    silent = (
        '[[example]]\nwhen = "mail"\nwant = "SILENT"\nfacts = { "contact.channel" = "email", "contact.mode" = "" }\n'
    )
    base = f"base = {_inline(case)}\n"

    def own(want: str) -> Said:
        text = QUIET.replace("STATE", base) + example + f'want = "{want}"\n' + silent
        return forbear("rulebook", "own", rules(quiet=text))

    assert own("FORBIDDEN").code == 0
    wrong = own("SATISFIED")
    assert wrong.code == 2
    assert "quiet.toml" in wrong.err
    assert "comes out FORBIDDEN, not SATISFIED" in wrong.err


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


def test_an_explanation_says_what_the_rulebook_of_then_and_that_of_today_say(
    acme: Command, rules: Callable[..., str], request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = first(acme("decide", request_file, "--account", "acme", "--json"))
    assert then["verdict"] == "allow"
    assert "the same rulebook is in force" in acme("explain", then["id"], "--account", "acme").out
    monkeypatch.setenv("FORBEAR_RULES", rules(quiet=QUIET.replace("STATE", "")))
    now = first(acme("decide", request_file, "--account", "acme", "--json"))
    assert now["rules"] == ["own.quiet"]
    said = acme("explain", then["id"], "--account", "acme")
    assert said.code == 0
    assert "by the rulebook of that day: the same" in said.out
    assert "today's rulebook says deny (own.quiet)" in said.out
    kept = json.loads(acme("rulebook", "stored", "--json").out)
    assert [one["own_rules"] for one in kept] == [1, 0]
    diff = acme("rulebook", "diff", kept[1]["digest"], kept[0]["digest"], "--on", "decisions", "--account", "acme")
    assert diff.code == 1
    assert "+ own.quiet" in diff.out
    assert "2 judged by both: 2 verdicts change" in diff.out
    assert then["id"] in diff.out
    later = acme("rulebook", "diff", kept[1]["digest"], "installed", "--on", "decisions", "--since", "2999-01-01")
    assert (later.code, "0 judged by both" in later.out) == (0, True)


def test_an_override_is_named_by_decide_and_explain(
    acme: Command, rules: Callable[..., str], request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = '[[override]]\nrule = "us.caller_id"\noff = true\nby = "Jane Roe"\non = 2026-01-02\nreason = "opinion 12"\n'
    request = {"contacts": [INFORMATIONAL | {"purpose": "marketing", "from": "ACME"}]}
    Path(request_file).write_text(json.dumps(request))
    plain = first(acme("decide", request_file, "--account", "acme", "--json"))
    assert "us.caller_id" in plain["rules"]
    monkeypatch.setenv("FORBEAR_RULES", rules(overrides=off))
    answer = first(acme("decide", request_file, "--account", "acme", "--json"))
    assert answer["overrides"] == ["us.caller_id by Jane Roe 2026-01-02"]
    why = acme("explain", answer["id"], "--account", "acme")
    assert "us.caller_id by Jane Roe 2026-01-02" in why.out
    assert "(as shipped: forbidden)" in why.out
    assert "us.caller_id by Jane Roe" in acme("decide", request_file, "--account", "acme").out


def test_shadow_rules_are_told_with_what_enforcing_them_would_cost(
    acme: Command, rules: Callable[..., str], request_file: str
) -> None:
    assert "own.quiet" not in acme("rulebook", "shadow").out
    own = rules(quiet=QUIET.replace("STATE", 'state = "shadow"'))
    for _ in range(3):
        assert acme("decide", request_file, "--account", "acme", "--rules", own).code == 0
    said = acme("rulebook", "shadow", "--account", "acme")
    assert said.code == 0
    assert "own.quiet: We do not call Florida" in said.out
    assert "would have stopped 3 of 3 contacts allowed (100.0%): 3 denied, 0 deferred" in said.out
    assert "US-FL" in said.out
    costs = {one["rule"]: one for one in json.loads(acme("rulebook", "shadow", "--json").out)}
    assert costs["own.quiet"]["whole"] == {"name": "own.quiet", "denied": 3, "deferred": 0, "allowed": 3}
    assert acme("rulebook", "shadow", "--since", "yesterday").code == 2


def test_a_washed_list_has_a_column_for_overrides_and_a_count_for_shadow_rules(
    acme: Command, rules: Callable[..., str], tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("phone,region\n+13055550123,US-FL\n+15125550123,US-TX\n")
    off = '[[override]]\nrule = "us.caller_id"\noff = true\nby = "Jane Roe"\non = 2026-01-02\nreason = "opinion 12"\n'
    asked = ("wash", str(people), "--account", "acme", "--channel", "voice", "--purpose", "informational", "--json")
    how = (*asked, "--out", str(tmp_path / "out.csv"), "--content", "identifies_sender,no_promotional")
    plain = json.loads(acme(*how).out)
    assert "shadow" not in plain or "own.quiet" not in plain["shadow"]
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "phone,region,verdict,cure,earliest,rules"
    own = rules(overrides=off, quiet=QUIET.replace("STATE", 'state = "shadow"'))
    washed = json.loads(acme(*how, "--rules", own).out)
    assert washed["shadow"]["own.quiet"] == {"would_deny": 1, "would_defer": 0}
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "phone,region,verdict,cure,earliest,rules,overrides"
    kept = {one["digest"] for one in json.loads(acme("rulebook", "stored", "--json").out)}
    assert kept == {plain["rulebook"], washed["rulebook"]}
