"""A name as sender counts as registered where the person is on that country's ground, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from forbear.accounts import writes as accounts
from forbear.core.words import Channel, Purpose
from forbear.gate.contact import Contact, Recipient
from tests.gate.conftest import House
from tests.gate.test_wash import NOON, run  # noqa: F401 - a fixture

AU, ES = "+61412345678", "+34612345678"
RULES = {AU: "au.sender_id.register", ES: "es.sms_alias"}
Washed = Callable[..., list[dict[str, str]]]


def text(to: str) -> Contact:
    return Contact(
        channel=Channel.SMS,
        purpose=Purpose.MARKETING,
        to=to,
        from_="ACME",
        recipient=Recipient(country="AU" if to == AU else "ES"),
    )


def stopped(house: House, to: str) -> bool:
    return RULES[to] in house.one(text(to)).rules


def test_a_name_on_one_countrys_register_counts_there_alone(house: House) -> None:
    assert stopped(house, AU)
    accounts.add_sender_identity(house.conn, house.seller, "sms", "Acme", registers={"AU": "au.sid"})
    assert not stopped(house, AU)
    assert stopped(house, ES)
    accounts.add_sender_identity(house.conn, house.seller, "sms", "Acme", registers={})
    assert stopped(house, AU)


def test_another_sellers_name_counts_for_nobody_else(house: House) -> None:
    other = accounts.create_seller(house.conn, "other", "Other", country="AU", kind="company")
    accounts.add_sender_identity(house.conn, other, "sms", "Acme", registers={"AU": "au.sid"})
    assert stopped(house, AU)


def test_a_wash_counts_it_as_the_gate_does(house: House, run: Washed) -> None:  # noqa: F811
    def rows() -> list[bool]:
        washed = run(f"phone,country\n{AU},AU\n{ES},ES\n", at=NOON, channel=Channel.SMS, mode=None, sender="ACME")
        return [RULES[row["phone"]] in row["rules"] for row in washed]

    assert rows() == [True, True]
    accounts.add_sender_identity(house.conn, house.seller, "sms", "Acme", registers={"AU": "au.sid"})
    assert rows() == [False, True]
