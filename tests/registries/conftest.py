from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import typer

from forbear.cli import registry as cli
from forbear.core.errors import BadInput

Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "registries"


@pytest.fixture(scope="session")
def group() -> Any:
    return typer.main.get_command(cli.registry)


@pytest.fixture
def registry(folder: Path, group: Any, capsys: pytest.CaptureFixture[str]) -> Run:
    """`forbear registry ...` in this process: what it says as JSON, or the text of its refusal."""

    def command(*arguments: object, code: int = 0) -> Any:
        capsys.readouterr()
        line = [*map(str, arguments), "--folder", str(folder), "--json"]
        if code == 2:
            with pytest.raises(BadInput) as refused:
                group.main(line, standalone_mode=False)
            return str(refused.value)
        assert (group.main(line, standalone_mode=False) or 0) == code
        return json.loads(capsys.readouterr().out)

    return command


def numbers(*values: int) -> npt.NDArray[np.uint64]:
    return np.array(values, np.uint64)
