"""The page on lists can be typed as it is printed, from its first line to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forbear.registries.snapshots import Registries

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "lists.md"


@pytest.fixture
def typed(tmp_path: Path) -> str:
    """Every block of the page, run by a shell in an empty folder; what it printed."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 8
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FORBEAR_HOME": str(tmp_path / "home"),
        "FORBEAR_REGISTRIES": str(tmp_path / "registries"),
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_command_of_the_page_runs_as_printed(typed: str, tmp_path: Path) -> None:
    loaded = Registries.open(tmp_path / "registries").names()
    for name in ("us.national", "gb.tps", "se.nix", "au.dncr", "us.reassigned", "at.ecg", "us.mscm", "us.state.TX"):
        assert name in loaded
    assert "never loaded" in typed
    assert not re.search(r"\b[0-9a-f]{40}\b", typed.replace("sha256:", "sha256:x")), "no hash of an address is printed"
