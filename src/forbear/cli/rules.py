"""The rules a command reads: those of a folder, or those installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forbear.rulebook.model import Rulebook


def read_rules(folder: Path | None) -> Rulebook:
    """The rules of a folder; without one those installed: what is shipped, with the operator's own over it."""
    from forbear.core.errors import BadInput
    from forbear.gate import rulebooks
    from forbear.rulebook.load import load

    if folder is None:
        return rulebooks.installed()
    if not folder.is_dir():
        raise BadInput("there is no such folder", file=str(folder))
    return load({path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.toml"))})
