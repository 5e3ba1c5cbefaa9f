"""Lists go in through the command line, and come out as answers."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.connect import Connection
from forbear.cli import embedded
from forbear.core.instants import MISSING, parse_day
from forbear.registries.numberset import NumberSet
from forbear.registries.snapshots import Registries
from tests.registries.conftest import Run, numbers

BAD = Path(__file__).parents[1] / "corpus" / "bad" / "registry"
A, B, C = 13055550100, 13055550101, 17865550100
AU1, AU2, AU3 = 61400000001, 61400000002, 61400000003


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def loaded(registry: Run, tmp_path: Path) -> dict[str, Any]:
    said: dict[str, Any] = registry("load", "us.national", write(tmp_path / "full.txt", "305,5550100\n786,5550100\n"))
    return said


def listed(folder: Path, registry: str, *keys: int) -> list[int]:
    found: list[int] = Registries.open(folder).answer(registry, numbers(*keys)).listed.tolist()
    return found


def test_a_flat_file_answers_for_the_area_codes_it_holds(loaded: dict[str, Any], folder: Path) -> None:
    assert loaded["n"] == 2
    assert loaded["covers"] == ["1305", "1786"]
    assert listed(folder, "us.national", A, B, C, 12125550100, AU1, 0) == [1, 0, 1, -1, -1, -1]


def test_a_list_said_to_speak_for_the_nation_answers_for_all_of_it(registry: Run, folder: Path, tmp_path: Path) -> None:
    registry("load", "us.national", write(tmp_path / "full.txt", "3055550100\n"), "--covers", "nation")
    assert listed(folder, "us.national", A, B, 12125550100, AU1) == [1, 0, 0, -1]


@pytest.mark.parametrize("pack", ["plain", "gzip", "zip", "crlf", "no last line end"])
def test_a_flat_file_comes_however_it_is_packed(registry: Run, folder: Path, tmp_path: Path, pack: str) -> None:
    text = b"305,5550100\n786,5550100\n"
    path = tmp_path / "list"
    if pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("2026-11-20_Global.txt", text)
    else:
        text = text.replace(b"\n", b"\r\n") if pack == "crlf" else text.rstrip() if pack.startswith("no") else text
        path.write_bytes(gzip.compress(text) if pack == "gzip" else text)
    said = registry("load", "us.national", path)
    assert said["files"][0]["lines"] == 2
    assert listed(folder, "us.national", A, B, C) == [1, 0, 1]


def test_several_files_make_one_list(registry: Run, folder: Path, tmp_path: Path) -> None:
    one, two = write(tmp_path / "305.txt", "305,5550100\n"), write(tmp_path / "786.txt", "786,5550100\n")
    assert registry("load", "us.national", one, two)["n"] == 2
    assert listed(folder, "us.national", A, C) == [1, 1]


def test_a_registry_that_was_never_loaded_is_not_known(folder: Path) -> None:
    answer = Registries.open(folder).answer("us.national", numbers(A))
    assert answer.listed.tolist() == [-1]
    assert (int(answer.obtained_at), int(answer.edition_day)) == (MISSING, MISSING)


def test_the_copy_is_as_old_as_its_file_unless_something_else_is_said(
    registry: Run, folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "full.txt", "305,5550100\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert registry("load", "us.national", path)["obtained_at"] == "2023-11-14T22:13:20Z"
    said = registry(
        *(
            "load",
            "us.national",
            path,
            "--obtained-at",
            "2026-11-20T06:30:00Z",
            "--edition",
            "2026-11-19",
            "--san",
            "S-1",
        )
    )
    assert (said["obtained_at"], said["edition_day"], said["account_number"]) == (
        "2026-11-20T06:30:00Z",
        "2026-11-19",
        "S-1",
    )
    answer = Registries.open(folder).answer("us.national", numbers(A))
    assert int(answer.edition_day) == parse_day("2026-11-19")
    assert "has not come yet" in registry("load", "us.national", path, "--obtained-at", "2999-01-01T00:00:00Z", code=2)


def test_a_change_list_adds_and_deletes_and_the_last_word_counts(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path
) -> None:
    rows = [
        f"{B - 10**10},11/21/2026 08:00:00,A",
        f"{C - 10**10},11/21/2026 08:00:00,D",
        "2125550100,11/21/2026 09:00:00,D",
        "2125550100,11/21/2026 08:00:00,A",
        "2125550101,11/21/2026 08:00:00,A",
    ]
    said = registry("apply", "us.national", write(tmp_path / "changes.txt", "\n".join(rows)))
    assert (said["n"], said["adds"], said["deletes"], said["base"]) == (3, 2, 2, loaded["id"])
    assert listed(folder, "us.national", A, B, C, 12125550100, 12125550101) == [1, 1, 0, 0, 1]


def test_the_columns_of_a_change_list_are_as_the_caller_says(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "changes.txt", "A,x,305,5550101\nD,x,786,5550100\n")
    registry("apply", "us.national", path, "--columns", "action,-,area,local")
    assert listed(folder, "us.national", A, B, C) == [1, 1, 0]


def test_a_change_list_older_than_the_list_is_refused(loaded: dict[str, Any], registry: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "changes.txt", "3055550101,2026-11-20,A\n")
    assert "older" in registry("apply", "us.national", path, "--obtained-at", "2020-01-01T00:00:00Z", code=2)


def test_deletes_of_numbers_that_are_not_listed_betray_the_wrong_change_list(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "changes.txt", "".join(f"305555{i:04d},2026-11-20,D\n" for i in range(2000, 2200)))
    assert "not listed" in registry("apply", "us.national", path, code=2)
    assert registry("apply", "us.national", path, "--force")["n"] == 2


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("number,result\n+61400000001,Y\n+61400000002,N\n", []),
        ("number,result\n0400 000 001,y\n+61 400 000 002,n\n", []),
        ("Phone,Status\n+61400000001,Registered\n+61400000002,OK\n",
         ["--column", "Phone", "--result", "Status", "--listed", "registered", "--clean", "ok"]),
        ("number,result\n+61400000001,N\n+61400000002,Y\n", ["--listed", "N", "--clean", "Y"]),
    ],
)  # fmt: skip
def test_a_wash_answers_for_what_was_asked_and_nothing_else(
    registry: Run, folder: Path, tmp_path: Path, text: str, options: list[str]
) -> None:
    registry("load", "au.dncr", write(tmp_path / "answers.csv", text), *options)
    assert listed(folder, "au.dncr", AU1, AU2, AU3) == [1, 0, -1]


def test_a_file_of_clean_numbers_is_a_wash_too(registry: Run, folder: Path, tmp_path: Path) -> None:
    registry("load", "au.dncr", write(tmp_path / "clean.csv", "number\n+61400000002\n"), "--all", "clean")
    assert listed(folder, "au.dncr", AU1, AU2) == [-1, 0]


def test_a_later_wash_answers_first_and_each_answer_keeps_its_date(registry: Run, folder: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", "number,result\n+61400000001,Y\n+61400000002,N\n")
    new = write(tmp_path / "new.csv", "number,result\n+61400000002,Y\n+61400000003,N\n")
    registry("load", "au.dncr", new, "--obtained-at", "2026-11-20T00:00:00Z", "--edition", "2026-11-20")
    registry("load", "au.dncr", old, "--obtained-at", "2026-11-01T00:00:00Z", "--edition", "2026-11-01")
    answer = Registries.open(folder).answer("au.dncr", numbers(AU1, AU2, AU3, 61400000004))
    assert answer.listed.tolist() == [1, 1, 0, -1]
    days = [parse_day("2026-11-01"), parse_day("2026-11-20"), parse_day("2026-11-20"), MISSING]
    assert answer.edition_day.tolist() == days


def test_a_plain_list_of_mail_addresses_is_asked_by_the_key_of_its_secret(
    registry: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars as pl

    from forbear.accounts.home import load_secrets
    from forbear.registries.addresses import of_emails

    monkeypatch.setenv("FORBEAR_HOME", str(tmp_path / "home"))
    path = write(tmp_path / "robinson.csv", 'who,mail\n"Pat, B",Pat@Example.org\nAnn,ann@example.org\n')
    registry("load", "es.robinson", path, "--column", "mail", "--emails")
    secret = load_secrets().address_key
    keys = of_emails(pl.Series(["pat@EXAMPLE.org", "bob@example.org"]), secret)
    opened = Registries.open(folder)
    assert opened.answer("es.robinson", keys, key_id=secret.id).listed.tolist() == [1, 0]
    assert opened.answer("es.robinson", keys, key_id=secret.id + 1).listed.tolist() == [-1, -1]


def test_a_seller_has_its_own_copy_before_everybodys(
    registry: Run, folder: Path, tmp_path: Path, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ensure", lambda: None)  # it runs, and this test has a database of its own
    account = accounts.create_account(conn, "acme", "Acme")
    seller, other = (accounts.create_seller(conn, name, name) for name in ("one", "two"))
    registry("load", "us.national", write(tmp_path / "all.txt", "305,5550100\n"))
    registry("load", "us.national", write(tmp_path / "own.txt", "305,5550101\n"), "--seller", "one")
    registry("load", "us.national", write(tmp_path / "acme.txt", "305,5550102\n"), "--account", "acme")
    opened = Registries.open(folder)

    def asked(account: str | None, seller: str | None) -> list[int]:
        found: list[int] = opened.answer("us.national", numbers(A, B, B + 1), account, seller).listed.tolist()
        return found

    assert asked(str(account), str(seller)) == [0, 1, 0]
    assert asked(str(account), str(other)) == [0, 0, 1]
    assert asked(None, None) == [1, 0, 0]
    error = registry("load", "us.national", tmp_path / "own.txt", "--seller", "three", code=2)
    assert "no seller `three`" in error


@pytest.mark.parametrize("bad", sorted(BAD.iterdir()), ids=lambda path: path.name)
def test_a_bad_file_is_refused_whole_and_the_old_copy_stays(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path, bad: Path
) -> None:
    kind = bad.name.partition("-")[0]
    registry("load", "gb.tps", write(tmp_path / "tps.csv", "number\n+447700900001\n"), "--format", "csv")
    before = sorted(p for p in folder.rglob("*") if p.name != ".lock")
    if kind == "changes":
        error = registry("apply", "us.national", bad, code=2)
    else:
        name = "us.national" if kind == "ftc" else "gb.tps"
        error = registry("load", name, bad, "--format", kind, "--force", code=2)
    assert len(error.strip().splitlines()) == 1
    assert bad.name in error
    assert sorted(p for p in folder.rglob("*") if p.name != ".lock") == before
    assert listed(folder, "us.national", A, B, C) == [1, 0, 1]
    assert all(entry["wrong"] is None for entry in registry("verify"))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("ftc-letter-in-a-number.txt", ":2: "),
        ("ftc-empty-line.txt", ":2: "),
        ("ftc-two-forms-in-one-file.txt", ":2: "),
        ("csv-a-column-missing-in-line-3.csv", ":3: "),
        ("csv-word-for-a-number.csv", ":3: column `number`: "),
        ("csv-latin-1.csv", ":3: "),
        ("answers-unknown-word.csv", ":3: column `result`: "),
        ("changes-neither-a-nor-d.csv", ":2: column `action`: "),
        ("changes-nine-digits.csv", ":2: column `number`: "),
        ("changes-no-time.csv", ":2: column `at`: "),
    ],
)
def test_a_refusal_names_the_line_and_the_column(registry: Run, tmp_path: Path, name: str, where: str) -> None:
    kind = name.partition("-")[0]
    if kind == "changes":
        registry("load", "us.national", write(tmp_path / "full.txt", "305,5550100\n"))
        error = registry("apply", "us.national", BAD / name, code=2)
    else:
        error = registry("load", "x.list", BAD / name, "--format", kind, code=2)
    assert name + where in error


def test_one_endless_line_is_refused_before_it_is_held(registry: Run, tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # no byte of it lies on the disk
        file.seek(0)
        file.write(b"3" * (9 << 20))
    error = registry("load", "us.national", path, code=2)
    assert "1 MiB" in error or "NUL" in error


def test_a_list_that_shrank_by_half_needs_force(registry: Run, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.txt", "".join(f"305,555{i:04d}\n" for i in range(100)))
    half = write(tmp_path / "half.txt", "".join(f"305,555{i:04d}\n" for i in range(49)))
    registry("load", "us.national", whole)
    assert "--force" in registry("load", "us.national", half, code=2)
    assert registry("load", "us.national", half, "--force")["n"] == 49


def test_a_list_with_other_than_the_stated_lines_is_refused(registry: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "full.txt", "305,5550100\n305,5550101\n")
    assert "2 lines instead of 3" in registry("load", "us.national", path, "--lines", 3, code=2)
    assert registry("load", "us.national", path, "--lines", 2)["n"] == 2


def test_the_list_of_registries_tells_their_age_and_keeps_history(
    loaded: dict[str, Any], registry: Run, tmp_path: Path
) -> None:
    for i in range(5):
        registry("load", "us.national", write(tmp_path / f"{i}.txt", f"305,55501{i:02d}\n305,5550199\n"))
    (now,) = registry("list")
    assert (now["state"], now["n"]) == ("current", 2)
    assert 0 <= now["age_s"] < 3600
    states = [entry["state"] for entry in registry("list", "--history")]
    assert sorted(states) == ["current", "kept", "kept", "kept", "retired", "retired"]


def test_verify_finds_a_flipped_bit(loaded: dict[str, Any], registry: Run, folder: Path) -> None:
    assert [entry["wrong"] for entry in registry("verify")] == [None]
    (path,) = folder.glob("*/*/*/listed.set")
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)
    (entry,) = registry("verify", code=1)
    assert "digest" in entry["wrong"]


@pytest.mark.parametrize("name", ["../up", "US national", "a/b", ".x", ""])
def test_a_name_that_is_no_name_makes_no_folder(registry: Run, folder: Path, tmp_path: Path, name: str) -> None:
    registry("load", name, write(tmp_path / "full.txt", "305,5550100\n"), "--format", "ftc", code=2)
    assert not folder.exists() or not any(folder.iterdir())


def test_what_a_killed_load_left_is_swept_and_never_answers(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path
) -> None:
    part = folder / "us.national" / "all" / "20261121T000000-deadbeef.part"
    part.mkdir()
    (part / "listed.set").write_bytes(b"half of it")
    assert listed(folder, "us.national", A, B) == [1, 0]
    registry("load", "us.national", write(tmp_path / "new.txt", "305,5550101\n305,5550102\n"))
    assert not part.exists()
    assert listed(folder, "us.national", A, B) == [0, 1]


def test_a_reader_keeps_its_copy_until_it_looks_again(
    loaded: dict[str, Any], registry: Run, folder: Path, tmp_path: Path
) -> None:
    opened = Registries.open(folder)
    pinned = opened.pinned()
    registry("load", "us.national", write(tmp_path / "new.txt", "305,5550101\n305,5550102\n"))
    assert opened.answer("us.national", numbers(A, B)).listed.tolist() == [1, 0]
    assert opened.refresh()
    assert opened.answer("us.national", numbers(A, B)).listed.tolist() == [0, 1]
    assert pinned.answer("us.national", numbers(A, B)).listed.tolist() == [1, 0]
    assert not opened.refresh()


READER = """
import sys, time
import numpy as np
from pathlib import Path
from forbear.registries.snapshots import Registries
opened, asked = Registries.open(Path(sys.argv[1])), np.arange(13055550000, 13055560000, dtype=np.uint64)
print("ready", flush=True)
seen, until = set(), time.monotonic() + 20
while len(seen) < 6 and time.monotonic() < until:
    opened.refresh()
    listed = opened.answer("us.national", asked).listed
    seen.add((int(listed.sum()), int(np.flatnonzero(listed)[0])))
print(sorted(seen))
"""


def test_another_process_sees_each_copy_whole_while_it_is_replaced(registry: Run, folder: Path, tmp_path: Path) -> None:
    """Copy i lists 1,000 numbers from 1,000 * i on: a mixture of two would show as another pair."""

    def load(i: int) -> None:
        text = "".join(f"305,555{n:04d}\n" for n in range(1000 * i, 1000 * i + 1000))
        registry("load", "us.national", write(tmp_path / "full.txt", text))

    load(0)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "src"},
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        until = time.monotonic() + 25
        i = 0
        while reader.poll() is None and time.monotonic() < until:
            i = i % 6 + 1
            load(i)
        said = reader.stdout.read()
    seen = eval(said)  # noqa: S307 - our own process printed it
    assert len(seen) >= 6
    assert all(count == 1000 and first % 1000 == 0 for count, first in seen)


def test_two_loads_at_once_are_one_load_and_one_refusal(registry: Run, folder: Path, tmp_path: Path) -> None:
    import fcntl

    registry("load", "us.national", write(tmp_path / "full.txt", "305,5550100\n"))
    with (folder / "us.national" / "all" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another process" in registry("load", "us.national", tmp_path / "full.txt", code=2)


def test_a_million_lines_are_read_whole(registry: Run, folder: Path, tmp_path: Path) -> None:
    """More than one block, and lines across the edges of blocks."""
    n = np.arange(1_200_000)
    values = 2_000_000_000 + n * 7
    text = "\n".join(f"{v // 10**7},{v % 10**7:07d}" for v in values.tolist()) + "\n"
    said = registry("load", "us.national", write(tmp_path / "full.txt", text), "--covers", "nation")
    assert said["n"] == said["files"][0]["lines"] == 1_200_000
    made = NumberSet(next(folder.glob("*/*/*/listed.set")))
    assert made.contains((values + 10**10).astype(np.uint64)).all()
    assert not made.contains((values + 10**10 + 1).astype(np.uint64)).any()
