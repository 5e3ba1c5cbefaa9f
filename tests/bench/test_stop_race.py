"""The race for a stop, small: real server processes, kills, the log, and the program that judges it from outside."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench import stop_race
from bench.check_stops import ed25519_verifies


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    for name in ("FORBEAR_HOME", "FORBEAR_DATABASE_URL", "FORBEAR_APP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return argparse.Namespace(seconds=4.0, clients=24, people=10, workers=2, seed=7, keep=None)


def test_no_stop_is_lost_or_overtaken_while_processes_are_killed(given: argparse.Namespace) -> None:
    """And each lie told to the checker about the same race is found."""
    found = stop_race.run(given, ("sequencer", "web", "database"))
    assert found["code"] == 0, found["said"]
    assert found["faults"] == []
    assert all(found["planted"].values()), found["planted"]
    checked = found["checked"]
    assert checked["faults"] == 0
    for what in ("acknowledged opt_outs", "permits before a stop", "redemptions", "refused after an acknowledgement"):
        assert checked[what] > 0, what


def test_a_server_that_redeems_in_spite_of_a_stop_is_found_out(given: argparse.Namespace) -> None:
    found = stop_race.run(given, (), next(iter(stop_race.FAULTS)))
    assert found["code"] == 1
    assert "after opt-out" in found["said"]


def test_the_checkers_own_ed25519_is_that_of_the_standard() -> None:
    """RFC 8032 section 7.1, tests 2 and 3; and one bit of either changed."""
    for public, message, signature in (
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ):
        key, said, signed = (bytes.fromhex(text) for text in (public, message, signature))
        assert ed25519_verifies(key, said, signed)
        assert not ed25519_verifies(key, said + b"\0", signed)
        assert not ed25519_verifies(key, said, bytes([signed[0] ^ 1]) + signed[1:])


def test_the_checker_imports_nothing_of_forbear() -> None:
    text = Path(stop_race.CHECKER).read_text(encoding="utf-8")
    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imported
    assert not [line for line in imported if "forbear" in line or "bench" in line]
