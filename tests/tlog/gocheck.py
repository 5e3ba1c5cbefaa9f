"""Go's own `sumdb/tlog` and `sumdb/note` as a program that verifies a log's files (Debian: golang-go,
golang-golang-x-mod-dev). Where they are missing tests fail: `make test` installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

_SOURCES: Final = Path("/usr/share/gocode")


@cache
def program() -> Path:
    go = shutil.which("go")
    assert go is not None, "Go is missing: `make test` installs golang-go"
    assert (_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir(), "`make test` installs golang-golang-x-mod-dev"
    room = Path(mkdtemp(prefix="forbear-go-"))
    built = room / "check"
    said = subprocess.run(
        [go, "build", "-o", str(built), str(Path(__file__).with_name("go") / "main.go")],
        env=os.environ | {"GO111MODULE": "off", "GOPATH": str(_SOURCES), "GOCACHE": str(room / "cache"), "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    shutil.rmtree(room / "cache", ignore_errors=True)
    return built


def checked(files: Path, vkey: str, *trees: tuple[int, bytes, Sequence[bytes]]) -> str:
    """What it says of the log in `files`; `trees`: size, root and consistency proof of older heads."""
    older = [
        f"{size}:{b64encode(root).decode()}:{','.join(b64encode(step).decode() for step in path)}"
        for size, root, path in trees
    ]
    said = subprocess.run([program(), str(files), vkey, *older], capture_output=True, text=True, check=False)
    assert (said.returncode == 0) == said.stdout.startswith("verified"), said.stderr
    return said.stdout.strip()
