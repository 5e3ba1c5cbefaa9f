"""What benchmarks share: an installation of their own, people who may be called at any hour, a server and its port."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ALLOWED: Final[dict[str, Any]] = {  # a live informational call: the law sets it no hours, the house counts it
    "channel": "voice",
    "mode": "live",
    "purpose": "informational",
    "from": "+12025550100",
    "recipient": {"kind": "consumer", "country": "US", "region": "US-FL"},
    "content": {"identifies_sender": True, "promotional": False},
}


def numbers(count: int) -> list[str]:
    """Distinct Florida numbers, from the fictional 555-01xx upwards."""
    areas = (305, 407, 561, 727, 786, 813, 850, 863, 904, 941)
    return [f"+1{areas[number % 10]}{5550100 + number // 10:07d}" for number in range(count)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def forbear(home: Path, *arguments: str) -> str:
    """Runs one command in the installation at `home`; its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "forbear.cli.main", *arguments],
        env=os.environ | {"FORBEAR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"forbear {' '.join(arguments)}: {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def account(home: Path, slug: str = "bench") -> str:
    """An account with one US company as seller; its API key."""
    return str(
        json.loads(forbear(home, "account", "create", slug, "--country", "US", "--kind", "company", "--json"))["key"]
    )


def wait_ready(port: int, server: subprocess.Popen[bytes], within_s: float = 120) -> None:
    """Until the server says that it can decide. Raises `RuntimeError` where it ended instead."""
    last = time.monotonic() + within_s
    while time.monotonic() < last and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"the server does not get ready (exit code {server.poll()})")
