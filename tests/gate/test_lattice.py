"""How far an opt-out reaches and for how long, what lifts it, and what was promised: decided, spent, washed."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.home import home
from forbear.core.codes import Cure, Verdict
from forbear.core.instants import DAY, SECOND, moment_of, rfc3339
from forbear.core.words import Channel, ConsentLevel, LineType, Mode, OptOutScope, Purpose, RecipientKind, Way
from forbear.gate import consent, suppress, wash
from forbear.gate.contact import Answer, Asked, Contact, Content, Decided, Recipient, Refused
from forbear.gate.decide import decide
from forbear.gate.explain import explain
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.redeem import Spent, redeem
from forbear.gate.settle import Disposition, settle
from forbear.ledger.kinds import KnownBy, Outcome, Scope
from forbear.ledger.writes import now
from forbear.ledger.writes.consents import Promise
from tests.conftest import Database
from tests.gate.conftest import PERSON, House, recorded_call

GERMAN = "+4915112345678"


@dataclass
class Said:
    """What follows from one state of the ledger: decided, redeemed, washed."""

    verdict: Verdict
    rules: tuple[str, ...]
    earliest: int | None
    washed: tuple[str, str]  # verdict, rules
    washed_until: str


@pytest.fixture
def says(house: House, tmp_path: Path) -> Callable[..., Said]:
    """The verdict on a recorded call, which a wash of the same person must share."""

    def ask(of: House = house, purpose: Purpose = Purpose.INFORMATIONAL, **more: Any) -> Said:
        contact = recorded_call(**more)
        contact.purpose = purpose
        answer = of.one(contact)
        if answer.permit:  # what was only asked about uses no cap
            settle(of.conn, of.account, answer.permit, Disposition(outcome=Outcome.NOT_PLACED))
        washed = _washed(of, tmp_path, purpose, **more)
        assert washed["verdict"] == answer.verdict.value
        assert washed["rules"].split() == list(answer.rules)
        return Said(
            answer.verdict, answer.rules, answer.earliest, (washed["verdict"], washed["rules"]), washed["earliest"]
        )

    return ask


def _washed(house: House, folder: Path, purpose: Purpose, **more: Any) -> dict[str, str]:
    source, out = folder / "one.csv", folder / "one.out.csv"
    source.write_text(f"phone,state,timezone\n{PERSON},US-TX,America/Chicago\n")
    out.unlink(missing_ok=True)
    asked = wash.Asked(
        house.account,
        Channel.VOICE,
        purpose,
        Mode.PRERECORDED,
        country="US",
        sender="+12025550100",
        kind=RecipientKind.CONSUMER,
        line_type=LineType.LANDLINE,
        content=[
            "no_promotional",
            "identifies_sender",
            "opt_out_offered",
            "opt_out_key_press",
            "no_opt_out_requires_login",
        ],
        **more,
    )
    wash.wash(house.conn, house.gate, asked, source, out, lambda done, total, n: None)
    with out.open(newline="") as washed:
        (row,) = csv.DictReader(washed)
    return row


def stop(house: House, **more: Any) -> Any:
    said = OptOut(**{"address": PERSON, "channel": Channel.VOICE, **more})
    return opt_out(house.conn, house.account, [said], gate=house.gate)


def agree(house: House, **more: Any) -> None:
    given = consent.Given(
        **{
            "address": PERSON,
            "level": ConsentLevel.EXPRESS_WRITTEN,
            "sellers": [f"{_slug(house)}-seller"],
            "given_at": now(house.conn),
            "channels": [Channel.VOICE],
            "purposes": list(Purpose),
            "evidence": "signed form",
            **more,
        }
    )
    consent.give(house.conn, house.account, [given], gate=house.gate)


def _slug(house: House) -> str:
    row = house.conn.execute("SELECT slug FROM accounts_account WHERE id = %s", [house.account]).fetchone()
    assert row
    return str(row[0])


def spent(house: House, permit: UUID | None) -> Spent:
    assert permit
    return redeem(house.conn, house.account, [permit])[0].outcome


# --- how far it reaches where nobody said so ---


@pytest.mark.parametrize(
    ("address", "channel", "way", "covers", "rule"),
    [
        (PERSON, Channel.SMS, Way.REPLY, OptOutScope.ALL, "house.reach.said"),
        (PERSON, Channel.VOICE, Way.SPOKEN, OptOutScope.ALL, "house.reach.said"),
        (PERSON, Channel.SMS, Way.LETTER, OptOutScope.ALL, "house.reach.letter"),
        (PERSON, Channel.SMS, Way.CARRIER, OptOutScope.ALL, "house.reach.carrier"),
        (PERSON, Channel.SMS, None, OptOutScope.ALL, "house.reach.unknown"),
        (PERSON, Channel.SMS, Way.LINK, OptOutScope.ALL_BUT_NEEDED, "house.reach.mail us.tcpa.dnc_request_reach"),
        (
            "pat@example.net",
            Channel.EMAIL,
            Way.ONE_CLICK,
            OptOutScope.ALL_BUT_NEEDED,
            "eu.gdpr.withdrawal_reach house.reach.mail",
        ),
        (GERMAN, Channel.SMS, Way.REPLY, OptOutScope.ALL, "eu.gdpr.withdrawal_reach house.reach.said"),
    ],
)
def test_an_opt_out_reaches_as_far_as_a_rule_says_which_the_receipt_names(
    house: House, address: str, channel: Channel, way: Way | None, covers: OptOutScope, rule: str
) -> None:
    receipt = stop(house, address=address, channel=channel, way=way)
    assert (receipt.covers, receipt.reach_rules) == ([covers], [rule])
    payload = house.conn.execute("SELECT payload FROM ledger_event WHERE id = %s", receipt.events).fetchone()
    assert payload
    assert (payload[0]["covers"], payload[0]["reach_rule"]) == (covers.value, rule)


def test_an_opt_out_whose_reach_was_stated_reaches_so_far_and_names_no_rule(house: House) -> None:
    receipt = stop(house, covers=OptOutScope.MARKETING, way=Way.LETTER)
    assert (receipt.covers, receipt.reach_rules) == ([OptOutScope.MARKETING], [None])
    payload = house.conn.execute("SELECT payload FROM ledger_event WHERE id = %s", receipt.events).fetchone()
    assert payload
    assert "reach_rule" not in payload[0]


def test_what_a_provider_stopped_is_stopped_for_every_seller_of_the_account(house: House) -> None:
    other = accounts.create_seller(house.conn, "sister", "Sister", country="US", kind="company", ftc=True)
    accounts.link_seller(house.conn, house.account, other)
    assert house.one(recorded_call(seller="sister")).verdict is Verdict.ALLOW
    receipt = stop(house, way=Way.PROVIDER, seller="acme-seller")
    assert len(receipt.events) == 1
    for seller in ("acme-seller", "sister"):
        assert house.one(recorded_call(seller=seller)).rules == ("house.opt_out_all",)


# --- lists, and what the person needs ---


def test_who_left_a_list_is_left_out_of_that_list_alone(house: House, says: Callable[..., Said]) -> None:
    of_news, of_offers = (house.one(recorded_call(list=name)).permit for name in ("news", "offers"))
    stop(house, covers=OptOutScope.LIST, list="news")
    assert says(list="news").rules == ("house.opt_out_list",)
    assert says(list="offers").verdict is Verdict.ALLOW
    assert says().rules == ("house.opt_out_list",)  # it may be that list
    assert spent(house, of_news) is Spent.SUPPRESSED
    assert spent(house, of_offers) is Spent.REDEEMED


def test_a_permit_keeps_its_list_beside_requests_that_are_refused(house: House) -> None:
    nobody = Asked(account=UUID(int=7), contacts=[recorded_call(list="news")])
    refused, decided = decide(house.conn, [nobody, house.asked(recorded_call(list="offers"))], house.gate)
    assert isinstance(refused, Refused)
    assert isinstance(decided, Decided)
    stop(house, covers=OptOutScope.LIST, list="news")
    assert spent(house, decided.answers[0].permit) is Spent.REDEEMED


@pytest.mark.parametrize(
    ("purpose", "verdict"),
    [
        (Purpose.INFORMATIONAL, Verdict.DENY),
        (Purpose.TRANSACTIONAL, Verdict.ALLOW),
        (Purpose.EMERGENCY, Verdict.ALLOW),
    ],
)
def test_who_asked_for_only_what_they_need_gets_that(
    house: House, says: Callable[..., Said], purpose: Purpose, verdict: Verdict
) -> None:
    before = recorded_call()
    before.purpose = purpose
    permit = house.one(before).permit
    stop(house, covers=OptOutScope.ALL_BUT_NEEDED)
    assert says(purpose=purpose).verdict is verdict
    assert spent(house, permit) is (Spent.REDEEMED if verdict is Verdict.ALLOW else Spent.SUPPRESSED)


@pytest.mark.parametrize(
    ("covers", "purpose", "verdict"),
    [
        (OptOutScope.ALL_BUT_NEEDED, Purpose.INFORMATIONAL, Verdict.DENY),
        (OptOutScope.ALL_BUT_NEEDED, Purpose.TRANSACTIONAL, Verdict.ALLOW),
        (OptOutScope.MARKETING, Purpose.INFORMATIONAL, Verdict.ALLOW),
        (OptOutScope.ALL, Purpose.TRANSACTIONAL, Verdict.DENY),
    ],
)
def test_an_entry_of_the_account_s_own_list_reaches_as_far_as_it_says(
    house: House, says: Callable[..., Said], covers: OptOutScope, purpose: Purpose, verdict: Verdict
) -> None:
    suppress.place(house.conn, house.account, PERSON, "by letter", by="ann", covers=covers, gate=house.gate)
    said = says(purpose=purpose)
    assert said.verdict is verdict
    assert said.rules == (("house.suppressed",) if verdict is Verdict.DENY else ())


# --- a pause ---


def test_a_pause_defers_until_it_ends_and_then_is_nothing(house: House, says: Callable[..., Said]) -> None:
    permit = house.one().permit
    until = now(house.conn) // SECOND * SECOND + 20 * DAY
    stop(house, covers=OptOutScope.ALL, until=until)
    said = says()
    assert (said.verdict, said.rules, said.earliest) == (Verdict.DEFER, ("house.paused",), until)
    assert said.washed_until == rfc3339(until)
    assert spent(house, permit) is Spent.SUPPRESSED
    answer = house.one()
    told = explain(house.conn, house.account, answer.decision, house.gate)
    assert told
    assert told.agrees
    assert told.remarks == [f"the person asked for a pause until {rfc3339(until)}"]
    still = house.one(recorded_call("+15125550177")).permit
    assert still
    end(house)
    assert says().verdict is Verdict.ALLOW


def end(house: House) -> None:
    """The pause's end has come. No change is numbered for it, so what a wash has kept is put away."""
    shutil.rmtree(home() / "known", ignore_errors=True)
    house.conn.execute(
        "UPDATE ledger_suppression SET until = clock_timestamp() - interval '1 second' WHERE until IS NOT NULL"
    )


def test_a_pause_binds_a_permit_only_while_it_runs(house: House) -> None:
    permit = house.one().permit
    stop(house, until=now(house.conn) + DAY)
    end(house)
    assert spent(house, permit) is Spent.REDEEMED


def test_an_entry_with_an_end_that_nobody_said_ends_too(house: House, says: Callable[..., Said]) -> None:
    suppress.place(house.conn, house.account, PERSON, "on holiday", by="ann", gate=house.gate)
    house.conn.execute("UPDATE ledger_suppression SET until = clock_timestamp() + interval '1 day'")
    assert says().rules == ("house.suppressed",)
    end(house)
    assert says().verdict is Verdict.ALLOW


def test_an_opt_out_beside_a_pause_outlives_it(house: House, says: Callable[..., Said]) -> None:
    stop(house, covers=OptOutScope.ALL, until=now(house.conn) + DAY)
    stop(house, covers=OptOutScope.ALL)
    assert says().rules == ("house.opt_out_all",)
    end(house)
    assert says().rules == ("house.opt_out_all",)


# --- whom it binds ---


def test_what_is_suppressed_for_a_partner_binds_all_its_accounts_and_no_others(
    house: House, another: Callable[..., House], says: Callable[..., Said]
) -> None:
    partner = accounts.create_partner(house.conn, "resale", "Resale")
    sister, stranger = another("sister"), another("stranger")
    for one in (house, sister):
        accounts.set_partner(house.conn, one.account, partner)
    permits = {one.account: one.one().permit for one in (house, sister, stranger)}
    whose = suppress.of_partner(house.conn, "resale")
    assert whose.scope is Scope.PARTNER
    suppress.place_for(house.conn, whose, PERSON, "threatened to sue", by="ann", gate=house.gate)
    for one in (house, sister):
        assert says(one).rules == ("house.suppressed",)
        assert spent(one, permits[one.account]) is Spent.SUPPRESSED
    assert says(stranger).verdict is Verdict.ALLOW
    assert spent(stranger, permits[stranger.account]) is Spent.REDEEMED
    accounts.set_partner(house.conn, sister.account, None)
    assert says(sister).verdict is Verdict.ALLOW


def test_a_closed_account_s_opt_outs_still_bind_its_seller_elsewhere(
    house: House, another: Callable[..., House], says: Callable[..., Said]
) -> None:
    successor = another("successor", house.seller)
    stop(house, covers=OptOutScope.ALL)
    suppress.place(house.conn, house.account, PERSON, "by letter", by="ann", gate=house.gate)
    house.conn.execute("UPDATE accounts_account SET status = 'closed' WHERE id = %s", [house.account])
    assert says(successor).rules == ("house.opt_out_all",)
    kept = house.conn.execute("SELECT scope FROM ledger_suppression WHERE lifted_at IS NULL ORDER BY scope").fetchall()
    assert kept == [(Scope.ACCOUNT,), (Scope.SELLER,)]


# --- what lifts it ---


def test_a_fresh_proved_opt_in_lifts_an_opt_out(house: House, says: Callable[..., Said]) -> None:
    stop(house, covers=OptOutScope.ALL)
    assert says().rules == ("house.opt_out_all",)
    agree(house, evidence=None)
    assert says().rules == ("house.opt_out_all",)  # nothing proves it
    agree(house)
    assert says().verdict is Verdict.ALLOW


@pytest.mark.parametrize("claimed", [0, 1, 30])
def test_a_consent_from_a_list_lifts_nothing_whatever_day_it_claims(
    house: House, says: Callable[..., Said], tmp_path: Path, claimed: int
) -> None:
    """Said a year ago; the list says that the person agreed later, and holds proof."""
    year_ago = now(house.conn) - 365 * DAY
    stop(house, covers=OptOutScope.ALL, at=year_ago)
    given = moment_of(year_ago + (1 + claimed) * DAY).date()
    held = tmp_path / "consents.csv"
    held.write_text(
        "address,level,given,channels,purposes,evidence,names_seller\n"
        f"{PERSON},express_written,{given},voice,informational,signed form,true\n"
    )
    consent.import_csv(house.conn, house.account, held, sellers=["acme-seller"], by="ann", gate=house.gate)
    assert says().rules == ("house.opt_out_all",)
    told = explain(house.conn, house.account, house.one().decision, house.gate)
    assert told
    assert told.remarks == ["a consent from an imported list lifts no opt-out, whatever day it claims to be of"]
    agree(house)
    assert says().verdict is Verdict.ALLOW


# --- what was promised ---


def test_no_more_contacts_are_permitted_than_were_promised(house: House, says: Callable[..., Said]) -> None:
    agree(house, promised=Promise(2, 7))
    answers = [house.one(redeem=True) for _ in range(3)]
    assert [answer.verdict for answer in answers] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.DEFER]
    assert (answers[2].cure, answers[2].rules) == (Cure.TIME, ("house.promised_frequency",))
    first = house.conn.execute(
        "SELECT (extract(epoch FROM min(at)) * 1000000)::bigint FROM ledger_redemption"
    ).fetchone()
    assert first
    assert answers[2].earliest == first[0] + 7 * DAY
    said = says()
    assert (said.rules, said.washed_until) == (("house.promised_frequency",), rfc3339(first[0] + 7 * DAY))


def test_the_contacts_of_one_request_share_what_was_promised(house: House) -> None:
    agree(house, promised=Promise(2, 7))
    other = "+15125550155"
    answers = house.decide(*[recorded_call(to) for to in (PERSON, other, PERSON, PERSON, other)]).answers
    assert [answer.verdict for answer in answers] == [
        Verdict.ALLOW,
        Verdict.ALLOW,
        Verdict.ALLOW,
        Verdict.DEFER,
        Verdict.ALLOW,
    ]


def test_contacts_that_no_cap_counts_share_what_was_promised(house: House) -> None:
    """Mail knows no cap: of one request, contacts to a person are judged one after the other all the same."""
    mail = Contact(
        channel=Channel.EMAIL,
        purpose=Purpose.TRANSACTIONAL,
        to="pat@example.net",
        content=Content(promotional=False, identifies_sender=True, header_accurate=True),
        recipient=Recipient(kind=RecipientKind.CONSUMER, country="US", region="US-TX"),
    )
    free = house.decide(mail, mail, mail).answers
    assert [one.verdict for one in free] == [Verdict.ALLOW] * 3
    agree(house, address="pat@example.net", channels=[Channel.EMAIL], promised=Promise(5, 7))
    answers = house.decide(mail, mail, mail).answers
    assert [one.verdict for one in answers] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.DEFER]


def test_what_was_promised_ends_with_the_consent(house: House) -> None:
    agree(house, promised=Promise(1, 7))
    assert [house.one().verdict for _ in range(2)] == [Verdict.ALLOW, Verdict.DEFER]
    consent.withdraw(house.conn, house.account, PERSON, gate=house.gate)
    assert house.one().verdict is Verdict.ALLOW


def test_many_clients_at_once_are_given_no_more_than_was_promised(house: House, database: Database) -> None:
    agree(house, promised=Promise(2, 30))
    answers: list[Answer | Exception] = []
    started = threading.Barrier(6)

    def ask() -> None:
        conn = database.app()
        started.wait()
        for _ in range(4):
            (found,) = decide(conn, [house.asked(recorded_call(), recorded_call())], house.gate)
            answers.extend([found] if isinstance(found, Exception) else found.answers)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 48
    assert not [one for one in answers if isinstance(one, Exception)]
    assert sum(1 for one in answers if isinstance(one, Answer) and one.permit) == 2
    assert house.conn.execute("SELECT count(*) FROM ledger_permit").fetchone() == (2,)


def test_who_said_it_on_behalf_of_whom_is_kept_with_the_consent(house: House) -> None:
    agree(house, promised=Promise(4, 30))
    row = house.conn.execute("SELECT known_by, promised_n, promised_days FROM ledger_consent").fetchone()
    assert row == (KnownBy.ACCOUNT.value, 4, 30)
