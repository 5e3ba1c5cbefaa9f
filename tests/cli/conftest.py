from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from forbear.cli import main


@dataclass
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def forbear(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Runs one command line in this process, as the console script would."""

    def command(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["forbear", *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return command
