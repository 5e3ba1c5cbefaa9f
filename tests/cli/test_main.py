from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.cli.conftest import Said

Command = Callable[..., Said]

COMMANDS = [
    "serve",
    "judge",
    "wash",
    "decide",
    "explain",
    "registry",
    "consent",
    "suppress",
    "opt-out",
    "account",
    "rulebook",
]


def test_help_names_every_command_and_the_exit_codes(forbear: Command) -> None:
    said = forbear("--help")
    assert said.code == 0
    assert all(f" {name} " in said.out for name in COMMANDS)
    assert "Exit codes" in said.out


def test_help_comes_at_once() -> None:
    """The figure allows for a busy machine; alone it is under 0.4 s."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "forbear.cli.main", "--help"], check=True, capture_output=True)
    assert time.monotonic() - begun < 3


def test_an_unknown_command_or_option_is_bad_input(forbear: Command) -> None:
    assert forbear("decree").code == 2
    assert forbear("rulebook", "list", "--no-such").code == 2


def test_the_version_is_printed(forbear: Command) -> None:
    said = forbear("--version")
    assert said.code == 0
    assert said.out.strip()[0].isdigit()
