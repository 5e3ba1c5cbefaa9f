"""Suppressions and consents, one by one and from files; every bad file refused whole, by line and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forbear.accounts.reads import account
from forbear.core.codes import Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import parse_day
from forbear.core.keys import Secret
from forbear.core.words import Channel, ConsentLevel, OptOutScope, Purpose
from forbear.gate import consent, suppress
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.redeem import Spent, redeem
from forbear.ledger import reads
from tests.gate.conftest import PERSON, House, recorded_call


def seller(house: House) -> str:
    known = account(house.conn, house.account)
    assert known
    return known.sellers[0].slug


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    return path


def place(house: House, path: Path, **more: str) -> int:
    return suppress.import_csv(house.conn, house.account, path, by="ann", gate=house.gate, **more).rows  # type: ignore[arg-type]


def test_a_list_of_suppressions_is_in_force_at_once(house: House, tmp_path: Path) -> None:
    path = written(
        tmp_path, f"address,channels,at\n{PERSON},,2026-01-02\n(512) 555-0144,sms,\nPat@Example.com,,\n".encode()
    )
    done = suppress.import_csv(house.conn, house.account, path, by="ann", country="US", gate=house.gate)
    assert done.rows == 3
    assert reads.caught_up(house.conn) == done.seq
    assert house.one().rules == ("house.suppressed",)
    assert house.one(recorded_call("+15125550144")).rules == ("house.suppressed",)  # a call and a text are one number
    assert house.one(recorded_call("+15125550145")).verdict is Verdict.ALLOW
    events = house.conn.execute("SELECT kind, count(*) FROM ledger_event GROUP BY 1 ORDER BY 1").fetchall()
    assert events == [("list:imported", 1), ("suppression:placed", 3)]
    with house.conn.transaction():
        found = list(reads.suppressed_keys(house.conn, house.account, [house.seller]))
    assert sum(len(part.addr) for part in found) == 3
    assert sorted(np.concatenate([part.channels for part in found]).tolist()) == [0, 0, Channel.SMS.bit]


def test_a_list_s_own_names_for_its_columns_are_mapped(house: House, tmp_path: Path) -> None:
    path = written(tmp_path, f"id,phone\n7,{PERSON}\n".encode())
    suppress.import_csv(house.conn, house.account, path, by="ann", columns_named={"address": "phone"}, gate=house.gate)
    assert house.one().rules == ("house.suppressed",)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"\xef\xbb\xbfaddress\n+15125550123\n", 1, None),
        (b"\xff\xfea\0d\0", 1, None),
        (b"address\n+15125550123\n+1512\x00555\n", 3, None),
        (b"address,reason\n+15125550123,caf\xe9\n", 2, None),
        (b"phone\n+15125550123\n", 1, "address"),
        (b"address,address\n+15125550123,+15125550123\n", 1, "address"),
        (b"address\n+15125550123\nreception\n", 3, "address"),
        (b"address,at\n+15125550123,2026-01-02\n+15125550124,02/01/2026\n", 3, "at"),
        (b"address,at\n+15125550123,2026-02-30\n", 2, "at"),
        (b"address,at\n+15125550123,2099-01-01\n", 2, "at"),
        (b"address,at\n+15125550123,2026-01-02T10:00:00\n", 2, "at"),
        (b"address,channels\n+15125550123,fax\n", 2, "channels"),
        (b"address,channels\n+15125550123\n", 2, None),
        (b"address\n" + b"1" * 1_100_000 + b"\n", 2, None),
        (b"address\n", None, None),
        (b"", None, None),
    ],
)
def test_a_bad_list_is_refused_whole_and_says_where(
    house: House, tmp_path: Path, content: bytes, line: int | None, column: str | None
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BadInput) as refused:
        place(house, path)
    assert refused.value.file == str(path)
    if line is not None:
        assert refused.value.line == line
    if column is not None:
        assert refused.value.column == column
    for table in ("ledger_event", "ledger_suppression", "ledger_change"):
        assert house.conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_a_line_at_the_end_spoils_the_whole_list(house: House, tmp_path: Path) -> None:
    lines = [f"+1512{i:07d}" for i in range(2000000, 2060000)]
    with pytest.raises(BadInput) as refused:
        place(house, written(tmp_path, "\n".join(["address", *lines, "nobody"]).encode()))
    assert refused.value.line == 60_002
    assert house.conn.execute("SELECT count(*) FROM ledger_suppression").fetchone() == (0,)


def test_a_fresh_evidenced_opt_in_lifts_an_opt_out_until_it_is_withdrawn(
    house: House,
) -> None:
    said = OptOut(
        address=PERSON, channel=Channel.VOICE, covers=OptOutScope.ALL, at=parse_day("2026-01-05") * 86_400_000_000
    )
    opt_out(house.conn, house.account, [said], gate=house.gate)
    assert house.one().rules == ("house.opt_out_all",)
    given = consent.Given(
        address=PERSON,
        level=ConsentLevel.EXPRESS_WRITTEN,
        sellers=[seller(house)],
        given_day=parse_day("2026-06-01"),
        channels=[Channel.VOICE],
        purposes=[Purpose.INFORMATIONAL],
        evidence="recording 17",
    )
    consent.give(house.conn, house.account, [given], gate=house.gate)
    assert house.one().verdict is Verdict.ALLOW
    permit = house.one().permit
    assert permit
    assert consent.withdraw(house.conn, house.account, PERSON, gate=house.gate) == 1
    assert house.one().rules == ("house.opt_out_all",)
    assert redeem(house.conn, house.account, [permit])[0].outcome is Spent.SUPPRESSED


def test_a_list_of_consents_is_read_with_its_words(house: House, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        b"address,level,given,until,channels,purposes,covers,evidence,names_seller\n"
        b"+15125550123,express_written,2026-06-01,indefinite,voice sms,marketing,automated,yes,yes\n"
        b"pat@example.com,soft_opt_in,2026-06-01T10:00:00Z,2027-06-01,,,,no,\n",
    )
    done = consent.import_csv(house.conn, house.account, path, sellers=[seller(house)], by="ann", gate=house.gate)
    assert done.rows == 2
    first, second = sorted(consent.listed(house.conn, house.account), key=lambda one: one.level, reverse=True)
    assert (first.channels, first.evidence, first.until_day) == (Channel.VOICE.bit | Channel.SMS.bit, True, 2**31 - 1)
    assert (second.channels, second.evidence, second.names_seller) == (-1, False, None)
    assert second.given_day is None
    assert second.until_day == parse_day("2027-06-01")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (b"+15125550123,promised,2026-06-01", "level"),
        (b"+15125550123,,2026-06-01", "level"),
        (b"+15125550123,express,1 June 2026", "given"),
        (b"+15125550123,express,2126-06-01", "given"),
    ],
)
def test_a_bad_consent_is_named(house: House, tmp_path: Path, row: bytes, column: str) -> None:
    path = written(tmp_path, b"address,level,given\n+15125550124,express,2026-06-01\n" + row + b"\n")
    with pytest.raises(BadInput) as refused:
        consent.import_csv(house.conn, house.account, path, sellers=[seller(house)], by="ann", gate=house.gate)
    assert (refused.value.line, refused.value.column) == (3, column)
    assert house.conn.execute("SELECT count(*) FROM ledger_consent").fetchone() == (0,)


def test_personal_parts_stand_apart_behind_a_salted_hash(house: House) -> None:
    said = OptOut(address=PERSON, channel=Channel.VOICE, text="it is me, Ann, stop")
    opt_out(house.conn, house.account, [said], gate=house.gate)
    row = house.conn.execute(
        "SELECT e.personal_hash, e.payload::text, p.salt, p.part FROM ledger_event e"
        " JOIN ledger_personal p ON p.event = e.id"
    ).fetchone()
    assert row
    from hashlib import sha256

    assert sha256(bytes(row[2]) + bytes(row[3])).digest() == bytes(row[0])
    assert "Ann" not in row[1]
    assert "Ann" in bytes(row[3]).decode()


def test_what_was_recorded_under_an_older_secret_is_lifted_and_withdrawn(house: House) -> None:
    suppress.place(house.conn, house.account, "pat@example.com", "asked by phone", by="ann", gate=house.gate)
    given = consent.Given(
        address="pat@example.com",
        level=ConsentLevel.EXPRESS,
        sellers=[seller(house)],
        given_day=parse_day("2026-06-01"),
    )
    consent.give(house.conn, house.account, [given], gate=house.gate)
    newer = Gate(house.gate.engine, house.gate.registries, (Secret(9, b"9" * 32), *house.gate.secrets))
    assert consent.withdraw(house.conn, house.account, "Pat@example.com", gate=newer) == 1
    assert suppress.lift(house.conn, house.account, "Pat@example.com", "a mistake", by="ann", gate=newer) == 1
