"""After an erasure the number is nowhere, and still nobody contacts the person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forbear.accounts.connect import Connection
from forbear.core import keys
from forbear.core.codes import Verdict
from forbear.core.words import Channel, ConsentLevel, OptOutScope
from forbear.gate import consent, erase, opt_out, suppress
from forbear.gate.redeem import Spent, redeem
from forbear.gate.settle import Disposition, Settled, settle
from forbear.ledger.kinds import Outcome
from tests.conftest import Database
from tests.gate.conftest import CAP, PERSON, House

NUMBER = int(PERSON[1:])
KEY = keys.of_phone(NUMBER)
BY = {"by": "Robin", "reason": "asked by letter"}


@pytest.fixture
def owner(database: Database) -> Connection:
    return database.owner()


def erased(owner: Connection, house: House, **more: object) -> erase.Erased:
    return erase.erase(owner, PERSON, account=house.account, gate=house.gate, **BY, **more)  # type: ignore[arg-type]


def rows_with_the_number(conn: Connection) -> dict[str, int]:
    tables = conn.execute(
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE column_name = 'addr' AND table_name LIKE"
        " 'ledger%'"
    ).fetchall()
    found = {}
    for (table,) in tables:
        (n,) = conn.execute(f"SELECT count(*) FROM {table} WHERE addr = %s", [KEY.column]).fetchone() or (0,)
        found[table] = n
    return {table: n for table, n in found.items() if n}


def test_the_number_is_nowhere_and_the_person_stays_suppressed(house: House, owner: Connection) -> None:
    answer = house.one()
    assert answer.verdict is Verdict.ALLOW
    assert answer.permit is not None
    opt_out.opt_out(
        house.conn,
        house.account,
        [opt_out.OptOut(address=PERSON, channel=Channel.SMS, text="stop it")],
        gate=house.gate,
    )
    consent.give(
        house.conn,
        house.account,
        [consent.Given(address=PERSON, level=ConsentLevel.EXPRESS, sellers=["acme-seller"], given_day=20_000)],
        gate=house.gate,
    )
    assert rows_with_the_number(owner)
    said = erased(owner, house)
    assert rows_with_the_number(owner) == {}
    assert said.parts + sum(one.until is not None for one in said.kept) >= 1
    after = house.one()
    assert after.verdict is Verdict.DENY
    assert redeem(house.conn, house.account, [answer.permit])[0].outcome is Spent.SUPPRESSED
    assert settle(house.conn, house.account, answer.permit, Disposition(outcome=Outcome.BUSY)) is Settled.SETTLED


def test_a_dry_run_changes_nothing(house: House, owner: Connection) -> None:
    house.one()
    before = rows_with_the_number(owner)
    said = erased(owner, house, dry_run=True)
    assert said.dry_run
    assert said.changed["ledger_decision"] == 1
    assert rows_with_the_number(owner) == before
    assert house.one().verdict is Verdict.ALLOW


def test_caps_go_on_counting_after_an_erasure(house: House, owner: Connection) -> None:
    for _ in range(CAP):
        assert house.one().verdict is Verdict.ALLOW
    erased(owner, house)
    suppress.lift(house.conn, house.account, PERSON, "a mistake", by="Robin", gate=house.gate)
    assert house.one().verdict is Verdict.DEFER


def test_an_erasure_of_one_account_leaves_the_others_records(
    house: House, owner: Connection, another: Callable[..., House]
) -> None:
    other = another("globex", house.seller)
    house.one()
    theirs = other.one()
    erased(owner, house)
    assert rows_with_the_number(owner).keys() >= {"ledger_decision", "ledger_counter"}
    assert theirs.permit is not None
    assert redeem(other.conn, other.account, [theirs.permit])[0].outcome is Spent.REDEEMED
    assert house.one().verdict is Verdict.DENY


def test_an_opt_out_that_was_erased_since_stops_another_accounts_permit(
    house: House, owner: Connection, another: Callable[..., House]
) -> None:
    other = another("globex", house.seller)
    theirs = other.one()
    assert theirs.permit is not None
    opt_out.opt_out(
        house.conn,
        house.account,
        [opt_out.OptOut(address=PERSON, channel=Channel.VOICE, covers=OptOutScope.ALL)],
        gate=house.gate,
    )
    erased(owner, house)
    assert redeem(other.conn, other.account, [theirs.permit])[0].outcome is Spent.SUPPRESSED
