"""The rulebook this installation judges by: what is shipped, and the operator's own directory over it.

`FORBEAR_RULES` names that directory (`forbear.rulebook.own` says what may lie in it). It is
read when a process starts. Nothing here needs a database; `forbear.gate.bundles` keeps what
was judged by.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from forbear.core.errors import BadInput
from forbear.rulebook import bundle, own
from forbear.rulebook.load import shipped, shipped_files
from forbear.rulebook.model import Rulebook

VARIABLE: Final = "FORBEAR_RULES"
SHIPPED: Final = "shipped"
INSTALLED: Final = "installed"


def folder() -> Path | None:
    """The operator's own directory, None where none is named."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser().resolve() if named else None


def use(place: Path | None) -> None:
    """`--rules DIR` of a command: as if the environment named it, for this process and those it starts."""
    if place is not None:
        os.environ[VARIABLE] = str(place.expanduser().resolve())


def installed(place: Path | None = None) -> Rulebook:
    """The shipped rules with the operator's own over them; `place` instead of the directory the environment names.

    Raises `BadInput` that names the operator's file and line.
    """
    place = place or folder()
    return shipped() if place is None else over(place)


def over(place: Path) -> Rulebook:
    files = files_of(place)
    if not files:
        raise BadInput(
            "holds no .toml file", file=str(place), todo="write a rule or overrides.toml, or name no directory"
        )
    try:
        return own.read(own.merged(shipped_files(), files))
    except BadInput as error:
        if error.file is not None and error.file.startswith(own.FOLDER):
            error.file = str(place / error.file.removeprefix(own.FOLDER))
        raise


def files_of(place: Path) -> dict[str, bytes]:
    """Every TOML file of a directory, by its name within it. Raises `BadInput`."""
    if not place.is_dir():
        raise BadInput("there is no such directory", file=str(place), key=VARIABLE if place == folder() else None)
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(place.rglob("*.toml")):
        try:
            content = path.read_bytes()
        except OSError as fault:
            raise BadInput(f"cannot be read: {fault.strerror}", file=str(path)) from None
        size += len(content)
        if size > bundle.MOST_BYTES or len(found) >= bundle.MOST_FILES:
            raise BadInput("holds far more than rules", file=str(place), todo="name the directory of the rules")
        found[path.relative_to(place).as_posix()] = content
    return found


def named(what: str, by_digest: Callable[[str], Rulebook]) -> Rulebook:
    """A rulebook by what a person calls it: `shipped`, `installed`, a directory, an archive, or the digest of a
    stored one (`sha256:...`, eight digits or more), which `by_digest` finds. Raises `BadInput`.
    """
    if what == SHIPPED:
        return shipped()
    if what == INSTALLED:
        return installed()
    path = Path(what)
    if path.is_dir():
        return _read(files_of(path), path)
    if path.is_file():
        return _read(bundle.unpack(path.read_bytes(), file=what), path)
    digits = what.removeprefix("sha256:")
    if len(digits) >= 8 and all(digit in "0123456789abcdef" for digit in digits):
        return by_digest(digits)
    todo = "name a directory, an archive, `shipped`, `installed` or a digest of `forbear rulebook stored`"
    raise BadInput(f"there is no rulebook `{what}`", todo=todo)


def _read(files: dict[str, bytes], place: Path) -> Rulebook:
    try:
        return own.read(files)
    except BadInput as error:
        if error.file is not None:
            error.file = str(place / error.file)
        raise
