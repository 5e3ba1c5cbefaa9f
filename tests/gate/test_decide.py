"""Decisions through the gate's own door, on a real database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forbear.accounts import writes as accounts
from forbear.core.codes import Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.keys import Secret
from forbear.core.words import Channel, OptOutScope, Purpose
from forbear.gate import suppress
from forbear.gate.contact import Asked, ClockAstray, Contact, Refused
from forbear.gate.decide import decide
from forbear.gate.explain import explain
from forbear.gate.opened import Gate
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.redeem import Spent, redeem
from forbear.gate.settle import Disposition, Settled, settle
from forbear.ledger import leaves as written
from forbear.ledger.kinds import Outcome
from forbear.tlog import merkle
from tests.gate.conftest import CAP, PERSON, House, recorded_call


def test_an_allowed_contact_gets_a_permit_of_a_minute_and_its_obligations(house: House) -> None:
    decided = house.decide(recorded_call())
    answer = decided.answers[0]
    assert (answer.verdict, answer.cure, answer.rules) == (Verdict.ALLOW, None, ())
    assert answer.permit is not None
    assert answer.expires_at == decided.at + 60_000_000
    assert answer.obligations


def test_the_last_attempt_is_given_once(house: House) -> None:
    verdicts = [house.one().verdict for _ in range(CAP + 1)]
    assert verdicts == [Verdict.ALLOW] * CAP + [Verdict.DEFER]


def test_contacts_of_one_request_share_a_person_s_cap(house: House) -> None:
    decided = house.decide(*[recorded_call() for _ in range(CAP + 2)], recorded_call("+15125550199"))
    assert [answer.verdict for answer in decided.answers] == [Verdict.ALLOW] * CAP + [Verdict.DEFER] * 2 + [
        Verdict.ALLOW
    ]
    assert decided.answers[CAP].rules == ("us.tcpa.landline_cap",)
    assert decided.answers[CAP].earliest is not None


def test_a_cap_counts_by_seller_across_accounts(house: House, another: Callable[..., House]) -> None:
    same, stranger = another("callers", house.seller), another("strangers")
    for _ in range(CAP):
        house.one()
    assert same.one().verdict is Verdict.DEFER
    assert stranger.one().verdict is Verdict.ALLOW


def test_only_not_placed_gives_the_cap_back(house: House) -> None:
    permits = [house.one().permit for _ in range(CAP)]
    assert permits[0]
    assert permits[1]
    assert settle(house.conn, house.account, permits[0], Disposition(outcome=Outcome.NO_ANSWER)) is Settled.SETTLED
    assert house.one().verdict is Verdict.DEFER
    assert settle(house.conn, house.account, permits[1], Disposition(outcome=Outcome.NOT_PLACED)) is Settled.SETTLED
    assert house.one().verdict is Verdict.ALLOW
    assert settle(house.conn, house.account, permits[1], Disposition(outcome=Outcome.NOT_PLACED)) is Settled.ALREADY
    assert house.one().verdict is Verdict.DEFER


def test_a_permit_is_spent_once_and_by_its_account_alone(house: House, another: Callable[..., House]) -> None:
    permit = house.one().permit
    assert permit
    (foreign,) = redeem(house.conn, another("strangers").account, [permit])
    (first, second) = redeem(house.conn, house.account, [permit, permit])
    (third,) = redeem(house.conn, house.account, [permit])
    assert [foreign.outcome, first.outcome, second.outcome, third.outcome] == [
        *(Spent.UNKNOWN, Spent.REDEEMED, Spent.ALREADY, Spent.ALREADY)
    ]
    assert third.at == first.at


def test_a_contact_asked_and_made_at_once_is_redeemed_in_one(house: House) -> None:
    answer = house.one(redeem=True)
    assert answer.permit
    (spent,) = redeem(house.conn, house.account, [answer.permit])
    assert spent.outcome is Spent.ALREADY


def test_the_same_key_gives_the_same_permits_and_uses_no_cap(house: House) -> None:
    first = house.decide(recorded_call(), recorded_call("+15125550177"), idempotency_key="order-1")
    again = house.decide(recorded_call(), recorded_call("+15125550177"), idempotency_key="order-1")
    assert again.repeated
    assert again.answers == first.answers
    assert (again.rulebook, again.at) == (first.rulebook, first.at)
    assert [house.one().verdict for _ in range(CAP)] == [Verdict.ALLOW] * (CAP - 1) + [Verdict.DEFER]


def test_the_same_key_twice_in_one_batch_is_answered_alike(house: House) -> None:
    asked = house.asked(recorded_call(), idempotency_key="twice")
    first, second = decide(house.conn, [asked, asked], house.gate)
    assert not isinstance(first, Exception)
    assert not isinstance(second, Exception)
    assert first.answers == second.answers


def test_a_key_with_another_request_is_refused_and_strangers_are_not(
    house: House, another: Callable[..., House]
) -> None:
    house.decide(recorded_call(), idempotency_key="one")
    other = another("strangers")
    reused, fresh = decide(
        house.conn,
        [
            house.asked(recorded_call("+15125550188"), idempotency_key="one"),
            other.asked(recorded_call("+15125550188"), idempotency_key="one"),
        ],
        house.gate,
    )
    assert isinstance(reused, Refused)
    assert reused.why == "key_reused"
    assert not isinstance(fresh, Exception)


@pytest.mark.parametrize("covers", [OptOutScope.ALL])
def test_after_an_opt_out_nothing_is_permitted_or_redeemed(house: House, covers: OptOutScope) -> None:
    permit = house.one().permit
    assert permit
    receipt = opt_out(
        house.conn,
        house.account,
        [OptOut(address=PERSON, channel=Channel.VOICE, covers=covers, text="leave me alone")],
        gate=house.gate,
    )
    assert receipt.seq > 0
    (spent,) = redeem(house.conn, house.account, [permit])
    assert spent.outcome is Spent.SUPPRESSED
    answer = house.one()
    assert (answer.verdict, answer.cure) == (Verdict.DENY, Cure.NONE)
    assert "house.opt_out_all" in answer.rules


def test_an_opt_out_binds_the_seller_in_every_account_and_no_other_seller(
    house: House, another: Callable[..., House]
) -> None:
    same, stranger = another("callers", house.seller), another("strangers")
    opt_out(house.conn, house.account, [OptOut(address=PERSON, channel=Channel.SMS)], gate=house.gate)
    assert same.one().verdict is Verdict.DENY
    assert stranger.one().verdict is Verdict.ALLOW


def test_an_opt_out_of_marketing_leaves_the_rest(house: House) -> None:
    permit = house.one().permit
    assert permit
    said = OptOut(address=PERSON, channel=Channel.VOICE, covers=OptOutScope.MARKETING)
    opt_out(house.conn, house.account, [said], gate=house.gate)
    assert redeem(house.conn, house.account, [permit])[0].outcome is Spent.REDEEMED
    assert house.one().verdict is Verdict.ALLOW


def test_a_suppression_stops_and_lifting_it_lets_go(house: House) -> None:
    permit = house.one().permit
    assert permit
    suppress.place(house.conn, house.account, PERSON, "wrong number", by="ann", gate=house.gate)
    assert redeem(house.conn, house.account, [permit])[0].outcome is Spent.SUPPRESSED
    assert house.one().rules == ("house.suppressed",)
    lifted = suppress.lift(house.conn, house.account, PERSON, "number was right", by="ann", gate=house.gate)
    assert len(lifted.entries) == 1
    assert house.one().verdict is Verdict.ALLOW


def test_a_hold_stops_deciding_and_redeeming(house: House) -> None:
    permit = house.one().permit
    assert permit
    hold = accounts.place_hold(house.conn, "complaints", "ops", account=house.account)
    assert redeem(house.conn, house.account, [permit])[0].outcome is Spent.HELD
    assert house.one().rules == ("house.standing",)
    assert accounts.lift_hold(house.conn, hold, "ops")
    assert house.one().verdict is Verdict.ALLOW
    assert redeem(house.conn, house.account, [permit])[0].outcome is Spent.REDEEMED


def test_a_revoked_key_decides_nothing(house: House) -> None:
    key = accounts.create_api_key(house.conn, house.account, "dialler")
    asked = Asked(account=house.account, contacts=[recorded_call()], key=key.id)
    (before,) = decide(house.conn, [asked], house.gate)
    accounts.revoke_api_key(house.conn, house.account, key.id)
    (after,) = decide(house.conn, [asked], house.gate)
    assert not isinstance(before, Exception)
    assert isinstance(after, Refused)
    assert after.why == "key_revoked"


def test_an_address_nobody_understands_is_denied_for_want_of_evidence(house: House) -> None:
    answer = house.one(recorded_call("reception"))
    assert (answer.verdict, answer.cure) == (Verdict.DENY, Cure.EVIDENCE)
    assert "house.address_understood" in answer.rules


def test_a_seller_the_account_does_not_have_is_named(house: House) -> None:
    with pytest.raises(BadInput, match=r"contacts\[1\]\.seller"):
        house.decide(recorded_call(), recorded_call("+15125550155", seller="nobody"))
    assert house.conn.execute("SELECT count(*) FROM ledger_decision").fetchone() == (0,)


def test_a_process_whose_clock_is_wrong_serves_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    import forbear.gate.decide as module

    class Late:
        @staticmethod
        def time() -> float:
            return 1.0

    monkeypatch.setattr(module, "time", Late)
    with pytest.raises(ClockAstray):
        house.one()
    assert house.conn.execute("SELECT count(*) FROM ledger_decision").fetchone() == (0,)


def test_a_stored_decision_is_explained_and_judged_again_alike(house: House, another: Callable[..., House]) -> None:
    for _ in range(CAP):
        house.one()
    answers = [house.one(), house.one(recorded_call("reception")), house.one(recorded_call("+15125550111"))]
    for answer in answers:
        said = explain(house.conn, house.account, answer.decision, house.gate)
        assert said is not None
        assert said.same_engine
        assert said.agrees
        assert (said.verdict, said.rules, said.earliest) == (answer.verdict, answer.rules, answer.earliest)
        assert all(rule.cites for rule in said.said if not rule.rule.startswith("coverage."))
        assert [time.zone for time in said.local_times] == ["America/Chicago"]
    assert explain(house.conn, another("strangers").account, answers[0].decision, house.gate) is None


def test_a_batch_s_root_is_that_of_its_decisions(house: House) -> None:
    house.decide(*[recorded_call(f"+1512555{i:04d}") for i in range(7)])
    (root, n) = house.conn.execute("SELECT root, n FROM ledger_batch").fetchone() or (b"", 0)
    leaves = []
    rows = house.conn.execute(
        "SELECT id, (extract(epoch FROM at) * 1000000)::bigint, account, seller, seal, channel, purpose,"
        " mode, verdict, cure, (extract(epoch FROM earliest) * 1000000)::bigint, permit, selector, rules, obligations,"
        " facts FROM ledger_decision ORDER BY batch_index"
    )
    for row in rows:
        fixed = written.decision_fixed(*row[:13])
        leaves.append(written.decision_hash(fixed, row[13].encode(), row[14].encode(), bytes(row[15])))
    assert n == 7
    assert merkle.root(leaves) == bytes(root)
    assert house.conn.execute("SELECT count(*) FROM ledger_logqueue").fetchone() == (1,)


def test_mail_is_found_by_its_matching_form(house: House) -> None:
    mail = Contact(channel=Channel.EMAIL, purpose=Purpose.TRANSACTIONAL, to="Pat@Example.com")
    said = OptOut(address="pat@example.COM", channel=Channel.EMAIL)
    opt_out(house.conn, house.account, [said], gate=house.gate)
    assert "house.opt_out_all" in house.one(mail).rules


def test_an_opt_out_keyed_by_an_older_secret_is_still_found(house: House) -> None:
    mail = Contact(channel=Channel.EMAIL, purpose=Purpose.TRANSACTIONAL, to="pat@example.com")
    opt_out(house.conn, house.account, [OptOut(address=mail.to, channel=Channel.EMAIL)], gate=house.gate)
    newer = Gate(house.gate.engine, house.gate.registries, (Secret(9, b"9" * 32), *house.gate.secrets))
    forgotten = Gate(house.gate.engine, house.gate.registries, (Secret(9, b"9" * 32),))
    for gate, found in ((newer, True), (forgotten, False)):
        (decided,) = decide(house.conn, [house.asked(mail)], gate)
        assert not isinstance(decided, Exception)
        assert ("house.opt_out_all" in decided.answers[0].rules) is found
