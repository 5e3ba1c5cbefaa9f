"""A recorded dealing lifts what the law says: for its account and seller, for so long, no further."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from forbear.core.errors import BadInput
from forbear.core.instants import DAY
from forbear.core.words import Channel, ConsentLevel, Mode, Purpose, RecipientKind, RelationshipKind
from forbear.gate import consent, packed, relationships
from forbear.gate.claims import word_hash
from forbear.gate.contact import Contact, Content, OptOutOffer, Recipient
from forbear.gate.explain import explain
from forbear.gate.redeem import Spent, redeem
from forbear.gate.relationships import Dealing
from forbear.kernel.facts import NO, NOT_KNOWN, YES, Flag
from forbear.ledger.writes import now
from tests.gate.conftest import House, make_house, recorded_call
from tests.gate.test_wash import NOON, TX, register, run  # noqa: F401 - a fixture

PERSON = f"{TX}100"
OTHER = f"{TX}101"
LIST = f"phone,state\n{PERSON},TX\n{OTHER},TX\n"
Washed = Callable[..., list[dict[str, str]]]


def today(house: House) -> int:
    """The day in Texas, where the person's own calendar counts."""
    return (now(house.conn) - 6 * 3600 * 1_000_000) // DAY


def call(to: str = PERSON, **more: Any) -> Contact:
    return Contact(
        channel=Channel.VOICE,
        mode=Mode.LIVE,
        purpose=Purpose.MARKETING,
        to=to,
        from_="+12025550100",
        recipient=Recipient(country="US", region="US-TX", timezone="America/Chicago"),
        **more,
    )


def text(to: str = PERSON) -> Contact:
    return Contact(
        channel=Channel.SMS,
        purpose=Purpose.INFORMATIONAL,
        to=to,
        from_="+12025550100",
        content=Content(
            promotional=False, identifies_sender=True, opt_out=OptOutOffer(kind="reply", requires_login=False)
        ),
        recipient=Recipient(
            kind=RecipientKind.CONSUMER, country="US", region="US-TX", timezone="America/Chicago", postcode="75201"
        ),
    )


def bought(on: int, to: str = PERSON, **more: Any) -> Dealing:
    return Dealing(address=to, kind=RelationshipKind.PURCHASE, on=on, **more)


def record(house: House, *dealings: Dealing) -> relationships.Recorded:
    return relationships.record(house.conn, house.account, dealings, gate=house.gate)


def listed(house: House, contact: Contact) -> bool:
    """Whether the national list stands against the call."""
    return "us.dnc.national" in house.one(contact).rules


@pytest.fixture
def on_the_list(house: House) -> House:
    register(house, PERSON, OTHER)
    return house


# --- decisions


@pytest.mark.parametrize(("days", "lifts"), [(540, True), (541, False)])
def test_a_purchase_lifts_the_national_list_for_540_days(on_the_list: House, days: int, lifts: bool) -> None:
    assert listed(on_the_list, call())
    record(on_the_list, bought(today(on_the_list) - days))
    assert listed(on_the_list, call()) is not lifts
    assert listed(on_the_list, call(OTHER))


def test_another_accounts_dealing_lifts_nothing_even_for_the_same_seller(on_the_list: House) -> None:
    stranger = make_house(on_the_list.conn, on_the_list.gate, "other", on_the_list.seller)
    record(stranger, bought(today(on_the_list) - 1))
    assert not listed(stranger, call())
    assert listed(on_the_list, call())


def test_a_dealing_with_another_seller_of_the_account_lifts_nothing(on_the_list: House) -> None:
    from forbear.accounts import writes as accounts

    shop = accounts.create_seller(on_the_list.conn, "shop", "Shop", country="US", kind="company", ftc=True)
    accounts.link_seller(on_the_list.conn, on_the_list.account, shop)
    record(on_the_list, bought(today(on_the_list) - 1, seller="shop"))
    assert listed(on_the_list, call())
    assert not listed(on_the_list, call(seller="shop"))


def test_a_dealing_that_ended_lifts_nothing_however_recent_it_was(on_the_list: House) -> None:
    record(on_the_list, bought(today(on_the_list) - 1), bought(today(on_the_list) - 2))
    assert not listed(on_the_list, call())
    end = Dealing(address=PERSON, kind=RelationshipKind.PURCHASE, ended=True)
    assert record(on_the_list, msgspec.structs.replace(end, kind=RelationshipKind.DONATION)).ended == 0
    assert record(on_the_list, msgspec.structs.replace(end, address=OTHER)).ended == 0
    assert not listed(on_the_list, call())
    assert record(on_the_list, end).ended == 2
    assert listed(on_the_list, call())


def test_only_the_dealings_about_a_subject_end_where_one_is_named(house: House) -> None:
    record(house, bought(20000, subject="gas"), bought(20000, subject="power"))
    assert record(house, Dealing(address=PERSON, kind=RelationshipKind.PURCHASE, subject="gas", ended=True)).ended == 1
    stand = {one.subject for one in relationships.listed(house.conn, house.account) if one.ended_at is None}
    assert stand == {word_hash("power")}


@pytest.mark.parametrize(
    ("theirs", "ours", "related"),
    [("gas", "gas", YES), ("gas", "power", NO), (None, "gas", NOT_KNOWN), ("gas", None, NOT_KNOWN)],
)
def test_a_dealing_is_related_where_both_name_the_same_subject(
    house: House, theirs: str | None, ours: str | None, related: int
) -> None:
    record(house, bought(20000, subject=theirs))
    answer = house.one(call(subject=ours))
    body = house.conn.execute("SELECT facts FROM ledger_decision WHERE id = %s", [answer.decision]).fetchone()
    assert body is not None
    facts = packed.unpack([bytes(body[0])], [selector_of(house, answer.decision)], [0])
    assert facts.relationships is not None
    assert facts.relationships.related.tolist() == [related]
    assert facts.relationships.on_day.tolist() == [20000]


def selector_of(house: House, decision: object) -> Any:
    row = house.conn.execute(
        "SELECT s.body FROM ledger_decision d JOIN ledger_selector s ON s.digest = d.selector WHERE d.id = %s",
        [decision],
    ).fetchone()
    assert row is not None
    return packed.selector_of(bytes(row[0]))


def test_what_was_decided_with_and_without_a_dealing_is_judged_again_the_same(on_the_list: House) -> None:
    without = on_the_list.one(call())
    record(on_the_list, bought(today(on_the_list) - 1))
    with_it = on_the_list.one(call())
    record(on_the_list, Dealing(address=PERSON, kind=RelationshipKind.PURCHASE, ended=True))
    for answer in (without, with_it):
        found = explain(on_the_list.conn, on_the_list.account, answer.decision, on_the_list.gate)
        assert found is not None
        assert found.agrees
        assert found.rules == answer.rules


def test_facts_packed_before_dealings_were_known_are_read_as_they_were(on_the_list: House) -> None:
    answer = on_the_list.one(call())
    row = on_the_list.conn.execute("SELECT facts FROM ledger_decision WHERE id = %s", [answer.decision]).fetchone()
    assert row is not None
    assert len(msgspec.msgpack.decode(bytes(row[0]))) == 10  # the fields there have always been
    assert packed.unpack([bytes(row[0])], [selector_of(on_the_list, answer.decision)], [0]).relationships is None


def test_people_at_one_desk_keep_their_own_dealings(on_the_list: House) -> None:
    record(on_the_list, bought(today(on_the_list) - 1))
    answers = on_the_list.decide(call(OTHER), call(PERSON), call(OTHER)).answers
    assert ["us.dnc.national" in answer.rules for answer in answers] == [True, False, True]


# --- who gave the number


def test_a_number_the_person_gave_lets_a_plain_text_through_and_only_while_that_stands(house: House) -> None:
    def asks() -> bool:
        return "us.tcpa.text_info_consent" in house.one(text()).rules

    assert asks()
    record(house, Dealing(address=PERSON, kind=RelationshipKind.CUSTOMER))
    record(house, Dealing(address=PERSON, kind=RelationshipKind.CUSTOMER, given_by_person=False))
    assert asks()
    record(house, Dealing(address=PERSON, kind=RelationshipKind.CUSTOMER, given_by_person=True))
    assert not asks()
    record(house, Dealing(address=PERSON, kind=RelationshipKind.CUSTOMER, ended=True))
    assert asks()


def test_a_consent_may_say_that_the_person_gave_the_number_until_it_is_withdrawn(house: House) -> None:
    def gave() -> bool:
        answer = house.one(text())
        row = house.conn.execute("SELECT facts FROM ledger_decision WHERE id = %s", [answer.decision]).fetchone()
        assert row is not None
        return bool(
            int(packed.unpack([bytes(row[0])], [selector_of(house, answer.decision)], [0]).true[0]) >> Flag.GAVE_NUMBER
            & 1
        )

    given = consent.Given(
        address=PERSON, level=ConsentLevel.INFERRED, sellers=["acme-seller"], given_day=20000, given_by_person=True
    )
    consent.give(house.conn, house.account, [msgspec.structs.replace(given, given_by_person=None)], gate=house.gate)
    assert not gave()
    consent.give(house.conn, house.account, [given], gate=house.gate)
    assert gave()
    consent.withdraw(house.conn, house.account, PERSON, gate=house.gate)
    assert not gave()


# --- washes


@pytest.mark.parametrize(("days", "verdict"), [(540, "allow"), (541, "deny")])
def test_a_wash_knows_dealings_for_as_long_as_the_gate_does(
    on_the_list: House,
    run: Washed,  # noqa: F811
    days: int,
    verdict: str,
) -> None:
    record(on_the_list, bought(NOON // DAY - days))
    assert [row["verdict"] for row in run(LIST, at=NOON)] == [verdict, "deny"]


def test_a_wash_sees_what_was_recorded_and_ended_since_the_last_and_nothing_of_other_accounts(
    on_the_list: House,
    run: Washed,  # noqa: F811
) -> None:
    def washed(of: House = on_the_list) -> list[str]:
        return [row["verdict"] for row in run(LIST, at=NOON, of=of)]

    assert washed() == ["deny", "deny"]
    record(on_the_list, bought(NOON // DAY - 9))
    assert washed() == ["allow", "deny"]
    stranger = make_house(on_the_list.conn, on_the_list.gate, "other", on_the_list.seller)
    record(stranger, bought(NOON // DAY - 9, OTHER))
    assert washed() == ["allow", "deny"]
    assert washed(stranger) == ["deny", "allow"]
    record(on_the_list, Dealing(address=PERSON, kind=RelationshipKind.PURCHASE, ended=True))
    assert washed() == ["deny", "deny"]


def test_a_wash_knows_who_gave_the_number(house: House, run: Washed) -> None:  # noqa: F811
    def rules() -> list[bool]:
        how = {"channel": Channel.SMS, "mode": None, "purpose": Purpose.INFORMATIONAL, "kind": RecipientKind.CONSUMER}
        washed = run(LIST, at=NOON, **how)
        return ["us.tcpa.text_info_consent" in row["rules"] for row in washed]

    assert rules() == [True, True]
    record(house, Dealing(address=PERSON, kind=RelationshipKind.CUSTOMER, given_by_person=True))
    assert rules() == [False, True]


# --- lists


def test_a_list_of_dealings_is_taken_whole_or_refused_with_its_line(on_the_list: House, tmp_path: Path) -> None:
    day = np.datetime64(today(on_the_list) - 9, "D")
    head = "phone,kind,on,ongoing,subject,given_by_person,reference\n"
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(f"{head}{PERSON},purchase,{day},no,gas,yes,order 7\n{OTHER},inquiry,,,,,\n")
    bad.write_text(f"{head}{PERSON},purchase,{day},no,gas,yes,order 7\n{OTHER},sale,,,,,\n")
    how: dict[str, Any] = {
        "seller": "acme-seller",
        "by": "Ana",
        "columns_named": {"address": "phone"},
        "gate": on_the_list.gate,
    }
    with pytest.raises(BadInput) as refused:
        relationships.import_csv(on_the_list.conn, on_the_list.account, bad, **how)
    assert (refused.value.line, "none of: purchase" in str(refused.value)) == (3, True)
    assert relationships.listed(on_the_list.conn, on_the_list.account) == []
    assert relationships.import_csv(on_the_list.conn, on_the_list.account, good, **how).rows == 2
    found = {one.kind: one for one in relationships.listed(on_the_list.conn, on_the_list.account)}
    first = found[RelationshipKind.PURCHASE.bit]
    assert (first.on_day, first.ongoing, first.given_by_person) == (today(on_the_list) - 9, False, True)
    assert not listed(on_the_list, call())
    assert on_the_list.conn.execute("SELECT count(*) FROM ledger_personal").fetchone() == (1,)


@pytest.mark.parametrize(
    "change",
    [
        {"address": "nobody"},
        {"seller": "nobody"},
        {"on": 30_000},
        {"on": -1},
        {"subject": " "},
        {"subject": "x" * 201},
        {"ended": True},  # with the day of another purchase
    ],
)
def test_a_dealing_that_cannot_be_is_refused_and_nothing_of_its_request_is_kept(
    house: House, change: dict[str, Any]
) -> None:
    good = bought(20000)
    with pytest.raises(BadInput):
        record(house, good, msgspec.structs.replace(good, **change))
    assert relationships.listed(house.conn, house.account) == []


# --- permits


def test_a_permit_is_not_redeemed_after_a_dealing_of_its_account_and_seller_ended(house: House) -> None:
    def spent(ended_by: House | None) -> Spent:
        record(house, bought(20000))
        permit = house.one(recorded_call(PERSON)).permit
        assert permit is not None
        if ended_by is not None:
            record(ended_by, bought(20000))
            record(ended_by, Dealing(address=PERSON, kind=RelationshipKind.PURCHASE, ended=True))
        (result,) = redeem(house.conn, house.account, [permit])
        return result.outcome

    stranger = make_house(house.conn, house.gate, "other", house.seller)
    assert spent(None) is Spent.REDEEMED
    assert spent(stranger) is Spent.REDEEMED
    assert spent(house) is Spent.SUPPRESSED
