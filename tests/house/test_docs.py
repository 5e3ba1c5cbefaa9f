"""What the documents tell people to type exists; every rule says who says so, and shows its edges."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from forbear.cli.main import mount
from forbear.core.codes import Code
from forbear.rulebook.load import STATED_ONLY, shipped

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
TYPED = re.compile(r"(?:^|[`$ ])((?:\.venv/bin/)?forbear [a-z-]+[^`|>;&\n]*)", re.MULTILINE)
MADE = re.compile(r"(?:^|[`$ ])make ([a-z][a-z-]*)", re.MULTILINE)


FROM_THE_STORE = {"house.standing", "house.suppressed"}  # a case file has no word for what only the store knows


def commands() -> list[tuple[str, str]]:
    """Every `forbear …` inside backticks or a code block, by document."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        text = re.sub(r"```mermaid\n.*?```", "", text, flags=re.DOTALL)
        code = "\n".join(re.findall(r"^(?: {4}|\t)(.*)$", text, re.MULTILINE))
        code += "\n" + "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL))
        code += "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
        found += [(document.relative_to(ROOT).as_posix(), match.strip()) for match in TYPED.findall(code)]
    return found


def test_documents_tell_nothing_that_help_does_not_know() -> None:
    root = typer.main.get_command(mount())
    wrong = []
    for document, line in commands():
        words = shlex.split(line.partition(" # ")[0], comments=True)[1:]
        command: Any = root
        while words and hasattr(command, "commands"):
            name = words.pop(0)
            if name in ("|", "…", "..."):
                break
            inside = command.commands.get(name)
            if inside is None:
                wrong.append(f"{document}: {line}: no command `{name}`")
                break
            command = inside
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        wrong += [
            f"{document}: {line}: no option {word}"
            for word in words
            if word.startswith("--") and word.partition("=")[0] not in known | {"--help"}
        ]
    assert not wrong


def test_documents_name_only_targets_that_are_there() -> None:
    targets = set(re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        for name in MADE.findall("\n".join(re.findall(r"`[^`]+`|^ {4}.*$", document.read_text(), re.MULTILINE))):
            assert name in targets or (name.startswith("bench-") and "bench-%" in targets), f"{document}: make {name}"


@pytest.mark.parametrize("rule", shipped().rules, ids=lambda rule: rule.id)
def test_a_rule_cites_its_source_and_shows_both_sides(rule: object) -> None:
    from forbear.rulebook.model import Rule

    assert isinstance(rule, Rule)
    assert rule.cites
    assert all(cite.title and cite.seen for cite in rule.cites)
    if rule.id in FROM_THE_STORE:
        return
    wants = {example.want for example in rule.examples}
    assert wants & {Code.SATISFIED, Code.SILENT}, "an example that passes"
    if rule.check not in STATED_ONLY:
        assert wants & {Code.NOT_NOW, Code.UNKNOWN, Code.FORBIDDEN}, "an example that does not"
