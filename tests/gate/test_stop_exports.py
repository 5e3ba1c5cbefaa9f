"""What goes out is what a list elsewhere can say: nothing wider, and what is left out is counted by why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from forbear.core.errors import BadInput
from forbear.core.words import Channel, OptOutScope, Way
from forbear.gate import consent, suppress
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.stop_exports import FORMS, Tally, export
from tests.gate.conftest import House

ANN, BOB, CAT, TEL = "Ann@example.org", "bob@example.org", "cat@example.org", "+15125550123"


def written(house: House, form: str, **more: object) -> tuple[str, Tally]:
    tally = Tally()
    with house.conn.transaction():
        text = "".join(export(house.conn, house.account, form, tally, **more))  # type: ignore[arg-type]
    return text, tally


def say(house: House, address: str, covers: OptOutScope = OptOutScope.ALL, **more: object) -> None:
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    said = OptOut(address=address, channel=channel, covers=covers, **more)  # type: ignore[arg-type]
    opt_out(house.conn, house.account, [said], gate=house.gate)


def test_an_empty_list_is_empty_in_every_form(house: House) -> None:
    for form in FORMS:
        text, tally = written(house, form.name, sender="MG1")
        assert (text.count("\n") <= 1, tally.written, tally.left_out) == (True, 0, {})


def test_each_form_holds_each_address_once(house: House) -> None:
    say(house, ANN)
    say(house, TEL)
    suppress.place(house.conn, house.account, ANN, "letter", by="ann", gate=house.gate)
    assert written(house, "ses")[0] == f"{ANN},COMPLAINT\n"
    assert written(house, "sendgrid")[0] == f"email\n{ANN}\n"
    assert written(house, "mailchimp")[0] == f"Email Address\n{ANN}\n"
    assert written(house, "plain")[0].splitlines() == [TEL, ANN]
    assert json.loads(written(house, "postmark")[0]) == {"Suppressions": [{"EmailAddress": ANN}]}
    assert written(house, "mailgun")[0].startswith(f"address,tags,created_at\n{ANN},*,")
    assert json.loads(written(house, "aws-sms")[0]) == {"OptOutListName": "Default", "OptedOutNumber": TEL}
    consent = json.loads(written(house, "twilio-consents", sender="MG01")[0])
    assert (consent["contact_id"], consent["sender_id"], consent["status"]) == (TEL, "MG01", "opt-out")
    assert len(consent["correlation_id"]) == 32
    with pytest.raises(BadInput, match="whose messages"):
        written(house, "twilio-consents")


def test_a_list_that_stops_everything_holds_nothing_that_reaches_less_far(house: House) -> None:
    say(house, ANN, OptOutScope.MARKETING)
    say(house, BOB, OptOutScope.LIST, list="news")
    say(house, CAT, OptOutScope.ALL, until=4_000_000_000_000_000)
    text, tally = written(house, "ses")
    assert (text, tally.left_out) == ("", {"narrower": 2, "pauses": 1})
    assert written(house, "ses", stops="marketing")[0] == f"{ANN},COMPLAINT\n"
    assert sorted(written(house, "sendgrid", of_list="news")[0].splitlines()[1:]) == [ANN, BOB]
    assert written(house, "mailchimp")[0].splitlines()[1:] == [ANN]


def test_our_own_form_is_whole_and_comes_back_as_it_went(
    house: House, another: Callable[..., House], tmp_path: Path
) -> None:
    say(house, ANN, OptOutScope.LIST, list="news, weekly", way=Way.LETTER, at=1_772_618_400_000_000)
    say(house, TEL, until=4_000_000_000_000_000)
    suppress.place(house.conn, house.account, BOB, "=HYPERLINK(1)", by="ann", channels=[Channel.EMAIL], gate=house.gate)
    for form in ("csv", "jsonl"):
        text, tally = written(house, form)
        assert (tally.written, tally.left_out) == (3, {})
        other = another(f"other-{form}")
        file = tmp_path / f"list.{form}"
        file.write_text(text)
        suppress.import_csv(
            other.conn,
            other.account,
            file,
            by="ann",
            gate=house.gate,
        )
        (ann,) = suppress.listed(other.conn, other.account, address=ANN, gate=house.gate)
        assert (ann.covers, ann.list, ann.said, ann.way) == ("list", "news, weekly", True, "letter")
        assert f"{ann.at:%Y-%m-%d %H:%M}" == "2026-03-04 10:00"
        (tel,) = suppress.listed(other.conn, other.account, address=TEL, gate=house.gate)
        assert tel.until is not None
        (bob,) = suppress.listed(other.conn, other.account, address=BOB, gate=house.gate)
        assert (bob.said, bob.reason, bob.channels) == (False, "'=HYPERLINK(1)", ["email"])


def test_what_was_told_to_another_account_of_the_seller_is_not_this_ones_to_know(
    house: House, another: Callable[..., House]
) -> None:
    same = another("callers", house.seller)
    say(same, ANN)
    assert written(house, "plain") == ("", Tally(others=1))
    assert written(same, "plain")[0] == f"{ANN}\n"


def test_an_address_that_no_personal_part_has_is_left_out_and_counted(house: House) -> None:
    say(house, ANN)
    key = consent.every_address_key(ANN, house.gate)[0]
    opt_out(
        house.conn,
        house.account,
        [OptOut(address="", channel=Channel.EMAIL, covers=OptOutScope.ALL)],
        keys=[consent.every_address_key(BOB, house.gate)[0]],
        gate=house.gate,
    )
    opt_out(
        house.conn,
        house.account,
        [OptOut(address="", channel=Channel.EMAIL, covers=OptOutScope.ALL_BUT_NEEDED)],
        keys=[key],
        gate=house.gate,
    )
    text, tally = written(house, "csv")
    assert (text.count(ANN), tally.left_out) == (2, {"unwritable": 1})


def test_a_seller_or_a_channel_alone(house: House) -> None:
    say(house, ANN)
    suppress.place(house.conn, house.account, TEL, "letter", by="ann", gate=house.gate)
    assert written(house, "plain", seller="acme-seller")[0] == f"{ANN}\n"
    assert written(house, "plain", channel=Channel.VOICE)[0] == f"{TEL}\n"
    with pytest.raises(BadInput, match="for email"):
        written(house, "ses", channel=Channel.SMS)
    with pytest.raises(BadInput, match="one of csv"):
        written(house, "sendmail")
