"""Each kind of finding is found, counted and shown; what is in order is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from forbear.accounts import writes as accounts
from forbear.core.keys import Secret
from forbear.core.words import Channel, ConsentLevel, OptOutScope, Purpose
from forbear.gate import consent, hygiene, suppress
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, opt_out
from forbear.ledger.writes import now
from tests.gate.conftest import PERSON, House, recorded_call

ANN = "ann@example.org"
LATER = 4_000_000_000_000_000


def found(house: House, **more: object) -> dict[str, hygiene.Finding]:
    more.setdefault("gate", house.gate)
    report = hygiene.report(house.conn, house.account, **more)  # type: ignore[arg-type]
    return {one.kind: one for one in report.findings}


def say(house: House, address: str = PERSON, covers: OptOutScope = OptOutScope.ALL, **more: object) -> None:
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    said = OptOut(address=address, channel=channel, covers=covers, **more)  # type: ignore[arg-type]
    opt_out(house.conn, house.account, [said], gate=house.gate)


def test_a_list_in_order_says_so(house: House) -> None:
    assert hygiene.report(house.conn, house.account, gate=house.gate).standing == 0
    say(house)
    say(house)
    say(house, ANN, OptOutScope.MARKETING)
    report = hygiene.report(house.conn, house.account, gate=house.gate)
    assert (report.standing, report.findings) == (2, [])


def test_a_pause_that_is_over_is_stale(house: House) -> None:
    say(house, until=LATER)
    assert found(house) == {}
    house.conn.execute("UPDATE ledger_suppression SET until = now() - interval '1 day'")
    (item,) = found(house)["pause_over"].items
    assert (item.address, item.whose) == (PERSON, "seller acme-seller")


def test_what_a_seller_that_left_was_told_is_shown_and_still_binds(house: House) -> None:
    say(house)
    accounts.unlink_seller(house.conn, house.account, house.seller)
    assert found(house)["seller_left"].count == 1


def test_an_entry_whose_secret_is_gone_is_told_from_one_whose_secret_is_old(house: House) -> None:
    say(house, ANN)
    newest = Secret(9, b"9" * 32)
    older = Gate(house.gate.engine, house.gate.registries, (newest, *house.gate.secrets))
    lost = Gate(house.gate.engine, house.gate.registries, (newest,))
    assert found(house, gate=older) == {}
    assert found(house, gate=lost)["key_lost"].count == 1
    opt_out(house.conn, house.account, [OptOut(address=ANN, channel=Channel.EMAIL)], gate=older)
    assert found(house, gate=older)["two_keys"].count == 1


@pytest.mark.parametrize(
    ("one", "other", "doubles"),
    [
        ({"covers": OptOutScope.MARKETING}, {"covers": OptOutScope.ALL}, 1),
        ({"covers": OptOutScope.LIST, "list": "a"}, {"covers": OptOutScope.LIST, "list": "b"}, 0),
        ({"covers": OptOutScope.LIST, "list": "a"}, {"covers": OptOutScope.MARKETING}, 1),
        ({"covers": OptOutScope.DIRECT_MARKETING_OBJECTION}, {"covers": OptOutScope.ALL}, 0),
        ({"covers": OptOutScope.ALL, "until": LATER}, {"covers": OptOutScope.ALL_BUT_NEEDED}, 0),
    ],
)
def test_an_entry_that_another_covers_is_double(
    house: House, one: dict[str, object], other: dict[str, object], doubles: int
) -> None:
    say(house, **one)  # type: ignore[arg-type]
    say(house, **other)  # type: ignore[arg-type]
    assert (found(house)["covered"].count if doubles else found(house).get("covered")) == (doubles or None)


def test_a_list_handed_in_twice_is_double_once_for_each_person(house: House, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"address\n{ANN}\nANN@Example.ORG\n{PERSON}\n")
    suppress.import_csv(house.conn, house.account, file, by="ann", gate=house.gate)
    suppress.import_csv(house.conn, house.account, file, by="ann", gate=house.gate)
    kinds = found(house)
    assert kinds["covered"].count == 4  # six entries, two people
    assert kinds["written_differently"].count == 1


def test_what_one_account_placed_is_not_shown_to_another_of_the_same_seller(
    house: House, another: Callable[..., House]
) -> None:
    same = another("callers", house.seller)
    say(same, PERSON, OptOutScope.ALL)
    say(same, PERSON, OptOutScope.MARKETING)
    (item,) = found(house)["covered"].items
    assert item.address is None
    (item,) = found(same)["covered"].items
    assert item.address == PERSON


def test_a_later_consent_without_proof_contradicts_a_stop(house: House) -> None:
    say(house, at=now(house.conn) - 10**12)
    given = consent.Given(
        address=PERSON, level=ConsentLevel.EXPRESS, sellers=["acme-seller"], given_at=now(house.conn) - 10**6
    )
    consent.give(house.conn, house.account, [given], gate=house.gate)
    assert found(house)["consent_after"].count == 1


def test_an_entry_lifted_and_placed_again_is_shown_with_the_lifted_one(house: House) -> None:
    first = suppress.place(house.conn, house.account, PERSON, "letter", by="ann", gate=house.gate)
    suppress.lift(house.conn, house.account, PERSON, "a mistake", by="ann", gate=house.gate)
    suppress.place(house.conn, house.account, PERSON, "letter", by="ann", gate=house.gate)
    (item,) = found(house)["placed_again"].items
    assert item.other == first.event


def test_a_contact_after_a_stop_that_reached_less_far_is_shown(house: House) -> None:
    say(house, covers=OptOutScope.MARKETING)
    assert found(house) == {}
    assert house.one(recorded_call()).permit
    assert found(house)["contacted"].count == 1


def test_what_is_not_shown_is_counted_all_the_same(house: House) -> None:
    say(house, covers=OptOutScope.MARKETING)
    assert house.one(recorded_call()).permit
    (finding,) = hygiene.report(house.conn, house.account, most=0, gate=house.gate).findings
    assert (finding.count, finding.items) == (1, [])


def test_the_confirmation_of_a_stop_is_no_contact_after_it(house: House) -> None:
    say(house)
    assert house.one(msgspec.structs.replace(recorded_call(), purpose=Purpose.OPTOUT_CONFIRMATION)).permit
    assert found(house) == {}


def test_a_pause_beside_a_stop_is_shown(house: House) -> None:
    say(house, until=LATER)
    say(house)
    assert set(found(house)) == {"pause_and_stop", "covered"}


def test_who_said_stop_at_a_provider_and_not_here_is_shown_by_line(house: House, tmp_path: Path) -> None:
    file = tmp_path / "ses.csv"
    file.write_text(f"{ANN},COMPLAINT\nbob@example.org,BOUNCE\ncat@example.org,COMPLAINT\n")
    say(house, ANN)
    finding = found(house, against=("ses", file))["provider_only"]
    assert [(one.line, one.address) for one in finding.items] == [(3, "cat@example.org")]
    suppress.import_from(house.conn, house.account, "ses", file, by="ann", gate=house.gate)
    assert "provider_only" not in found(house, against=("ses", file))
