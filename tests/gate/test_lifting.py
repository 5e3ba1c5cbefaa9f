"""Who takes an entry out of the suppression ledger, and that everybody sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forbear.core.codes import Verdict
from forbear.core.errors import BadInput
from forbear.core.words import Channel, OptOutScope
from forbear.gate import suppress
from forbear.gate.explain import explain
from forbear.gate.opt_out import OptOut, opt_out
from forbear.ledger.kinds import Kind
from tests.gate.conftest import PERSON, House


def stop(house: House) -> None:
    said = OptOut(address=PERSON, channel=Channel.VOICE, covers=OptOutScope.ALL)
    opt_out(house.conn, house.account, [said], gate=house.gate)


def remarks(house: House) -> list[str]:
    found = explain(house.conn, house.account, house.one().decision, house.gate)
    assert found is not None
    return found.remarks


def test_a_correction_is_told_with_every_decision_after_it_and_none_before(house: House) -> None:
    stop(house)
    assert remarks(house) == []
    whose = suppress.of_account(house.conn, house.account, "acme-seller")
    done = suppress.lift_for(
        house.conn, whose, PERSON, "typed a wrong number", by="Ann Lee", said=True, gate=house.gate
    )
    assert len(done.entries) == 1
    assert house.one().verdict is Verdict.ALLOW
    (told,) = remarks(house)
    assert told.startswith("Ann Lee lifted what the person said on ")
    assert told.endswith(": typed a wrong number")


def test_another_accounts_correction_is_not_told(house: House, another: Callable[..., House]) -> None:
    suppress.place(house.conn, house.account, PERSON, "letter", by="bob", gate=house.gate)
    suppress.lift_own(house.conn, house.account, PERSON, "again", by="bob", gate=house.gate)
    stranger = another("stranger")
    assert remarks(stranger) == []
    assert len(remarks(house)) == 1


def test_an_event_names_what_was_lifted_and_nothing_is_written_where_nothing_was(house: House) -> None:
    placed = suppress.place(house.conn, house.account, PERSON, "letter", by="bob", gate=house.gate)
    for entries in ([str(placed.event)], None):
        suppress.lift_own(house.conn, house.account, PERSON, "again", by="bob", gate=house.gate)
        rows = house.conn.execute(
            "SELECT payload FROM ledger_event WHERE kind = %s", [Kind.SUPPRESSION_LIFTED.value]
        ).fetchall()
        assert len(rows) == 1
        assert entries is None or rows[0][0]["entries"] == entries
    stop(house)
    left = suppress.lift_own(house.conn, house.account, PERSON, "x", by="bob", seller="acme-seller", gate=house.gate)
    assert (left.entries, left.said, left.seq) == ([], 1, None)


@pytest.mark.parametrize(
    ("by", "reason", "key"), [(" ", "x", "by"), ("bob", " ", "reason"), ("bob", "x" * 201, "reason")]
)
def test_a_correction_without_a_name_or_a_reason_is_none(house: House, by: str, reason: str, key: str) -> None:
    stop(house)
    with pytest.raises(BadInput) as refused:
        suppress.lift(house.conn, house.account, PERSON, reason, by=by, gate=house.gate)
    assert refused.value.key == key
    assert house.one().verdict is Verdict.DENY
