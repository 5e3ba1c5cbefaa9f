"""Hashes, fixed width, answers of the Reassigned Numbers Database, domains, editions: in by command, out as answers."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forbear.core.instants import MISSING, parse_day
from forbear.core.keys import Secret
from forbear.gate.freshness import demands_of
from forbear.registries import formats, snapshots
from forbear.registries.addresses import of_emails
from forbear.registries.hashing import ALGORITHMS, Hashing
from forbear.registries.snapshots import Registries
from forbear.registries.sources import Source
from forbear.rulebook.load import shipped
from tests.registries.conftest import Run, numbers

BAD = Path(__file__).parents[1] / "corpus" / "bad" / "registry"
LANDLINE, LONDON, MOBILE, SHORT, FREE = 441632960001, 442079460018, 447700900001, 44120461234, 448001111
SECRET = Secret(7, b"s" * 32)
settled = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def listed(folder: Path, registry: str, *keys: int) -> list[int]:
    found: list[int] = Registries.open(folder).answer(registry, numbers(*keys)).listed.tolist()
    return found


def mail(folder: Path, registry: str, *texts: str) -> list[int]:
    keys = of_emails(pl.Series(texts), SECRET)
    answer = Registries.open(folder).answer(registry, keys, key_id=SECRET.id, texts=texts)
    found: list[int] = answer.listed.tolist()
    return found


def sha(algorithm: str, text: str) -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


# --- the fixed width file of the TPS and CTPS ---

SPLIT = ["01632 960001", "0207 9460018", "07700 900001", "01204  61234", "0800    1111"]
WHOLE = ["01632960001 ", "02079460018 ", "07700900001 ", "0120461234  ", "08001111    "]


@pytest.mark.parametrize("rows", [SPLIT, WHOLE], ids=["code and rest", "whole number"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("last", ["ended", "not ended"])
def test_both_fixed_width_layouts_of_the_tps_are_read(
    registry: Run, folder: Path, tmp_path: Path, rows: list[str], end: str, last: str
) -> None:
    text = end.join(rows) + (end if last == "ended" else "")
    said = registry("load", "gb.tps", write(tmp_path / "tps.txt", text))
    assert (said["n"], said["files"][0]["lines"], said["covers"]) == (5, 5, ["44"])
    asked = (LANDLINE, LONDON, MOBILE, SHORT, FREE, MOBILE + 1, 12145550100)
    assert listed(folder, "gb.tps", *asked) == [1, 1, 1, 1, 1, 0, -1]


def test_a_fixed_width_file_of_several_blocks_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forbear.registries.sources.BLOCK", 100)
    path = write(tmp_path / "tps.txt", "".join(f"07700 9{i:05d}\r\n" for i in range(500)))
    found = np.concatenate(list(formats.tps(Source(path))))
    assert found.tolist() == [447700900000 + i for i in range(500)]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("tps-letter-in-the-code.txt", ":3: column `1-5`: "),
        ("tps-blank-in-the-rest.txt", ":2: column `6-12`: "),
        ("tps-two-layouts-in-one-file.txt", ":2: column `6-12`: "),
        ("tps-no-zero-in-front.txt", ":2: column `1-12`: "),
        ("tps-a-number-cut-short.txt", ":2: column `1-12`: "),
        ("tps-a-short-record.txt", ":2: 11 characters"),
        ("tps-two-line-ends.txt", ":2: ends in another way"),
        ("tps-torn.txt", ":2: 6 characters"),
        ("tps-is-a-csv.txt", ":1: 6 characters"),
        ("hashes-a-digit-short.txt", ":4: column `hash`: "),
        ("hashes-of-another-algorithm.txt", ":3: column `hash`: is no sha1 hash"),
        ("hashes-algorithm-not-stated.txt", ": key `hash`: "),
        ("hashes-unknown-form.txt", ": key `of`: "),
        ("hashes-numbers-and-mail.txt", ": key `of`: "),
        ("rnd-unknown-word.csv", ":3: column `answer`: "),
        ("rnd-no-date.csv", ":2: column `date`: "),
        ("rnd-date-after-the-asking.csv", ":2: column `date`: "),
        ("rnd-word-for-a-number.csv", ":3: column `number`: "),
        ("domains-blank-in-a-domain.txt", ":3: column `domain`: "),
    ],
)
def test_a_refusal_names_the_line_and_the_column(registry: Run, folder: Path, name: str, where: str) -> None:
    error = registry("load", "x.list", BAD / name, "--format", name.partition("-")[0], code=2)
    assert name + where in error
    assert not re.search("[0-9a-f]{32}", error), "no hash is printed"
    assert not list(folder.rglob("listed.set"))


# --- lists of hashes ---

british = st.integers(0, 999).map(lambda i: 447700900000 + i)
FORMS = {
    "e164": lambda n: f"+{n}",
    "digits": lambda n: f"{n}",
    "national": lambda n: f"{n}"[2:],
    "trunk": lambda n: "0" + f"{n}"[2:],
}


@settled
@given(
    held=st.sets(british, min_size=1, max_size=20),
    asked=st.lists(british | st.just(12145550100), min_size=1, max_size=40),
    algorithm=st.sampled_from(sorted(ALGORITHMS)),
    form=st.sampled_from(sorted(FORMS)),
    upper=st.booleans(),
)
def test_a_list_of_hashes_answers_as_the_plain_list_of_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, held: set[int], asked: list[int], algorithm: str, form: str, upper: bool
) -> None:
    place = tmp_path_factory.mktemp("hashes")
    hashing = Hashing(algorithm, (form,), "GB" if form in ("national", "trunk") else None)
    text = "".join(f"{sha(algorithm, FORMS[form](n))}\n" for n in held)
    source = Source(write(place / "list", text.upper() if upper else text))
    terms = snapshots.Terms("gb.tps", now=2 * 10**15, covers=("44",), hashing=hashing)
    snapshots.load_full(place, terms, [(source, formats.plain(source, "hash", hashing.of_hex, "", ["hash"]))])
    snapshots.load_made(
        place, snapshots.Terms("gb.ctps", now=2 * 10**15, covers=("44",)), "test", iter([numbers(*held)])
    )
    opened = Registries.open(place)
    hashed, plain = (opened.answer(name, numbers(*asked)).listed.tolist() for name in ("gb.tps", "gb.ctps"))
    assert hashed == plain


def test_the_hashing_is_stated_by_options_or_at_the_top_of_the_file(
    registry: Run, folder: Path, tmp_path: Path
) -> None:
    lines = sha("md5", "07700900001") + "\n"
    bare = write(tmp_path / "bare.txt", lines)
    said = registry("load", "gb.tps", bare, "--format", "hashes", "--hash", "MD5", "--of", "trunk")
    assert (said["covers"], said["hashing"]) == (["44"], {"algorithm": "md5", "forms": ["trunk"], "country": "GB"})
    assert listed(folder, "gb.tps", MOBILE, LONDON, 12145550100) == [1, 0, -1]
    top = write(tmp_path / "top.txt", "# hash: md5\n# of: trunk\n# country: GB\n# edition: 2026-10-01\n" + lines)
    said = registry("load", "gb.ctps", top, "--format", "hashes")
    assert (said["n"], said["edition_day"]) == (1, "2026-10-01")
    assert listed(folder, "gb.ctps", MOBILE, LONDON) == [1, 0]
    assert "states `md5`" in registry("load", "gb.ctps", top, "--format", "hashes", "--hash", "sha1", code=2)
    assert "+44" in registry("load", "gb.ctps", top, "--format", "hashes", "--covers", "+49", code=2)
    assert "country" in registry(
        "load", "x.list", bare, *["--format", "hashes", "--hash", "md5", "--of", "national"], code=2
    )
    assert "trunk" in registry(
        "load", "es.robinson", bare, *["--format", "hashes", "--hash", "md5", "--of", "trunk"], code=2
    )


def test_hashes_stand_in_a_column_of_a_csv_and_in_the_answers_of_a_wash(
    registry: Run, folder: Path, tmp_path: Path
) -> None:
    how = ("--hash", "sha256", "--of", "e164")
    one, two = sha("sha256", f"+{MOBILE}"), sha("sha256", f"+{LONDON}")
    registry("load", "x.csv", write(tmp_path / "l.csv", f"name,h\nPat,{one}\n"), "--column", "h", *how)
    assert listed(folder, "x.csv", MOBILE, LONDON) == [1, 0]
    answers = write(tmp_path / "a.csv", f"number,result\n{one},Y\n{two},N\n")
    registry("load", "x.wash", answers, "--format", "answers", *how)
    assert listed(folder, "x.wash", MOBILE, LONDON, LANDLINE) == [1, 0, -1]


def test_mail_is_hashed_trimmed_and_in_lower_case(registry: Run, folder: Path, tmp_path: Path) -> None:
    text = "\n".join([sha("sha1", "pat@example.org"), sha("sha1", "@closed.example")])
    path = write(tmp_path / "ecg.txt", text)
    registry("load", "at.ecg", path, "--format", "hashes", "--hash", "sha1", "--of", "email,@domain")
    asked = (" Pat@Example.ORG ", "ann@example.org", "anyone@closed.example", "x@sub.closed.example", "nothing")
    assert mail(folder, "at.ecg", *asked) == [1, 0, 1, 0, -1]
    assert listed(folder, "at.ecg", MOBILE) == [-1], "a list of mail says nothing of numbers"


def test_hashes_come_as_records_of_bytes(registry: Run, folder: Path, tmp_path: Path) -> None:
    texts = ("pat@example.org", "@closed.example")
    content = b"".join(hashlib.sha1(text.encode(), usedforsecurity=False).digest() for text in texts)
    how = ("--format", "digests", "--hash", "sha1", "--of", "email,@domain")
    said = registry("load", "at.ecg", write(tmp_path / "ecg-liste.hash", content), *how)
    assert (said["n"], said["files"][0]["lines"]) == (2, 2)
    assert mail(folder, "at.ecg", "pat@example.org", "x@closed.example", "ann@example.org") == [1, 1, 0]
    torn = write(tmp_path / "torn.hash", content[:-1])
    assert "no multiple of 20 bytes" in registry("load", "at.ecg", torn, *how, code=2)
    assert mail(folder, "at.ecg", "pat@example.org") == [1]


def test_a_list_of_domains_covers_the_domains_below(registry: Run, folder: Path, tmp_path: Path) -> None:
    registry("load", "us.mscm", write(tmp_path / "domains.txt", "vtext.example\n@Txt.Carrier.example\n"))
    asked = ("2145550100@vtext.example", "a@mms.vtext.example", "a@txt.carrier.example", "a@carrier.example")
    assert mail(folder, "us.mscm", *asked) == [1, 1, 1, 0]


def test_a_change_list_does_not_go_on_hashes(registry: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "h.txt", sha("sha256", "+12145550100") + "\n")
    registry("load", "us.national", path, "--format", "hashes", "--hash", "sha256", "--of", "e164")
    changes = write(tmp_path / "changes.txt", "2145550101,2026-11-20,A\n")
    assert "another kind" in registry("apply", "us.national", changes, code=2)


def test_a_list_of_mail_and_one_of_numbers_are_in_force_together(registry: Run, folder: Path, tmp_path: Path) -> None:
    how = ("--format", "hashes", "--hash", "sha256")
    three = "".join(sha("sha256", f"+3460000000{i}") + "\n" for i in range(3))
    registry("load", "es.robinson", write(tmp_path / "n.txt", three), *how, "--of", "e164")
    registry("load", "es.robinson", write(tmp_path / "m.txt", sha("sha256", "a@b.example")), *how, "--of", "email")
    assert listed(folder, "es.robinson", 34600000001, 34600000009) == [1, 0]
    assert mail(folder, "es.robinson", "a@b.example", "b@b.example") == [1, 0]
    registry("load", "es.robinson", write(tmp_path / "n2.txt", three.upper()), *how, "--of", "e164")
    assert [entry["state"] for entry in registry("list")] == ["current", "current"]
    assert mail(folder, "es.robinson", "a@b.example") == [1]


# --- the Reassigned Numbers Database ---

A, B, C, D = 12145550100, 12145550101, 12145550102, 12145550103


def test_what_the_database_of_reassigned_numbers_said_has_three_values(
    registry: Run, folder: Path, tmp_path: Path
) -> None:
    old = write(tmp_path / "old.csv", "number,date,answer\n2145550100,2026-09-01,no\n2145550102,20260901,no\n")
    new = write(
        tmp_path / "new.csv",
        "number,date,answer\n2145550100,2026-09-01,YES\n2145550101,2026-09-01,No\n2145550102,2026-09-01,no data\n",
    )
    registry("load", "us.reassigned", old, "--obtained-at", "2026-11-01T00:00:00Z")
    registry("load", "us.reassigned", new, "--obtained-at", "2026-11-20T00:00:00Z")
    answer = Registries.open(folder).answer("us.reassigned", numbers(A, B, C, D))
    assert answer.listed.tolist() == [1, 0, -1, -1], "no data is not known, whatever was answered before"
    days = [moment // 86_400_000_000 for moment in answer.obtained_at.tolist()[:3]]
    assert days == [parse_day("2026-11-20")] * 3
    assert answer.obtained_at.tolist()[3] == MISSING
    assert [entry["wrong"] for entry in registry("verify")] == [None, None]


def test_one_file_of_answers_without_data_is_not_known(registry: Run, folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", "TN,asked,said\n2145550100,2026-09-01,no_data\n2145550101,2026-09-01,no\n")
    registry("load", "us.reassigned", path, "--column", "TN", "--date", "asked", "--result", "said")
    assert listed(folder, "us.reassigned", A, B, C) == [-1, 0, -1]


# --- the date of the list itself ---


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("TX_2026Q3.csv", "2026-07-01"),
        ("2026-Q4.csv", "2026-10-01"),
        ("nix-20261015.csv", "2026-10-15"),
        ("list_2026-10.csv", "2026-10-01"),
        ("2026-10-01_FL.csv", "2026-10-01"),
    ],
)
def test_an_edition_in_the_name_counts_when_told_so(registry: Run, tmp_path: Path, name: str, day: str) -> None:
    path = write(tmp_path / name, "number\n+12145550100\n")
    assert registry("load", "us.state.TX", path)["edition_day"] is None, "it may be the day it was fetched"
    assert registry("load", "us.state.TX", path, "--edition", "name")["edition_day"] == day


def test_an_edition_is_stated_once(registry: Run, tmp_path: Path) -> None:
    stated = write(tmp_path / "nix.csv", "# edition: 2026-10-15\nnumber\n+46701740605\n")
    assert registry("load", "se.nix", stated)["edition_day"] == "2026-10-15"
    assert "states `2026-10-15`" in registry("load", "se.nix", stated, "--edition", "2026-11-15", code=2)
    other = write(tmp_path / "more.csv", "# edition: 2026-09-15\nnumber\n+46701740606\n")
    assert "load them apart" in registry("load", "se.nix", stated, other, code=2)
    for name in ("no-date.csv", "2026-10-01-and-2026-10-02.csv"):
        path = write(tmp_path / name, "number\n+46701740605\n")
        assert "date" in registry("load", "se.nix", path, "--edition", "name", code=2)


def test_what_the_top_of_a_file_states_is_no_entry_and_lines_keep_their_numbers(
    registry: Run, folder: Path, tmp_path: Path
) -> None:
    text = "# publisher: somebody\n# edition: 2026-10-15\nnumber\n+46701740605\nword\n"
    error = registry("load", "se.nix", write(tmp_path / "nix.csv", text), code=2)
    assert "nix.csv:5: column `number`" in error


def test_numbers_without_plus_are_of_the_registrys_own_country(registry: Run, folder: Path, tmp_path: Path) -> None:
    registry("load", "se.nix", write(tmp_path / "nix.csv", "number\n070-174 06 05\n"))
    assert listed(folder, "se.nix", 46701740605, 46701740606) == [1, 0]


# --- what the rules ask ---


def test_every_registry_that_the_rules_name_can_be_loaded(folder: Path) -> None:
    demands = demands_of(shipped())
    regional = [f"{name}.{region[3:]}" for name, regions in demands.regional.items() for region in regions]
    for name in [*demands.of, *regional, "gr.article11.cosmote", "us.mscm", "us.reassigned", "fr.bloctel"]:
        terms = snapshots.Terms(name, now=2 * 10**15)
        snapshots.load_made(folder, terms, "test", iter([numbers(LANDLINE)]))
        assert listed(folder, name, LANDLINE, MOBILE) == [1, 0]


def test_a_manifest_of_before_there_were_hashes_is_read(registry: Run, folder: Path, tmp_path: Path) -> None:
    registry("load", "x.list", write(tmp_path / "l.csv", "number\n+447700900001\n"))
    (file,) = folder.glob("*/*/*/manifest.json")
    file.write_text(re.sub(r',\s*"hashing": null', "", file.read_text()))
    assert "hashing" not in file.read_text()
    assert listed(folder, "x.list", MOBILE) == [1]


def test_a_file_got_long_ago_keeps_its_date(registry: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "rnd.csv", "number,date,answer\n2145550100,2026-09-01,no\n")
    os.utime(path, (1_790_000_000, 1_790_000_000))  # 2026-09-21
    assert registry("load", "us.reassigned", path)["obtained_at"].startswith("2026-09-21")
    late = write(tmp_path / "late.csv", "number,date,answer\n2145550100,2026-09-22,no\n")
    os.utime(late, (1_790_000_000, 1_790_000_000))
    assert "after the day of asking" in registry("load", "us.reassigned", late, code=2)
