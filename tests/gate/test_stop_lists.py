"""What carriers and providers hold goes in with its scope: all of a file, or nothing and the place of the fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from forbear.accounts import writes as accounts
from forbear.core.errors import BadInput
from forbear.core.words import Channel, OptOutScope
from forbear.gate import provider_forms, suppress
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.stop_lists import Taken
from forbear.gate.suppress import Entry
from tests.gate.conftest import House

DAY = "2026-03-04"
ANN, BOB, TEL = "ann@example.org", "bob@example.org", "+15125550123"

SAMPLES: list[tuple[str, str, dict[str, tuple[bool, str | None, str, str | None, str]]]] = [
    # form, file, address -> (said, way, covers, list, when)
    (
        "twilio-consents",
        "contact_id,sender_id,status,source,date_of_consent\n"
        f"{TEL},MG01,opt-out,opt-out-message,2026-03-04T10:00:00Z\n+15125550124,MG01,opt-in,website,\n",
        {TEL: (True, "reply", "all", None, f"{DAY} 10:00"), "+15125550124": (False, None, "", None, "")},
    ),
    (
        "twilio-messages",
        "From,To,Status,SentDate,ErrorCode\n"
        f"+12025550100,{TEL},failed,2026-03-04 10:00:00 UTC,21610\n+12025550100,+15125550124,delivered,2026-03-04,\n",
        {TEL: (True, "provider", "all", None, f"{DAY} 10:00"), "+15125550124": (False, None, "", None, "")},
    ),
    (
        "twilio-messages",
        json.dumps(
            {"messages": [{"to": TEL, "error_code": 21610, "date_sent": "Wed, 04 Mar 2026 10:00:00 +0000", "sid": "S"}]}
        ),
        {TEL: (True, "provider", "all", None, f"{DAY} 10:00")},
    ),
    (
        "ses",
        json.dumps(
            {
                "SuppressedDestinationSummaries": [
                    {"EmailAddress": ANN, "Reason": "COMPLAINT", "LastUpdateTime": 1772618400.0},
                    {"EmailAddress": BOB, "Reason": "BOUNCE", "LastUpdateTime": "2026-03-04T10:00:00+00:00"},
                ]
            }
        ),
        {
            ANN: (True, "complaint", "all", None, f"{DAY} 10:00"),
            BOB: (False, None, "all", None, f"{DAY} 10:00"),
        },
    ),
    (
        "ses",
        f"{ANN},COMPLAINT\n{BOB},BOUNCE\n",
        {ANN: (True, "complaint", "all", None, ""), BOB: (False, None, "all", None, "")},
    ),
    (
        "aws-sms",
        json.dumps(
            {
                "OptOutListName": "Default",
                "OptedOutNumbers": [
                    {"OptedOutNumber": TEL, "OptedOutTimestamp": 1772618400, "EndUserOptedOut": True},
                    {"OptedOutNumber": "+15125550124", "OptedOutTimestamp": 1772618400, "EndUserOptedOut": False},
                ],
            }
        ),
        {
            TEL: (True, "provider", "all", None, f"{DAY} 10:00"),
            "+15125550124": (False, None, "all", None, f"{DAY} 10:00"),
        },
    ),
    (
        "sendgrid-unsubscribes",
        json.dumps([{"created": 1772618400, "email": ANN}]),
        {ANN: (True, "provider", "all", None, f"{DAY} 10:00")},
    ),
    ("sendgrid-unsubscribes", f"email,created\n{ANN},1772618400\n", {ANN: (True, "provider", "all", None, DAY)}),
    (
        "sendgrid-groups",
        json.dumps([{"email": ANN, "group_id": 7, "group_name": "Weekly", "created_at": 1772618400}]),
        {ANN: (True, "provider", "list", "Weekly", f"{DAY} 10:00")},
    ),
    (
        "sendgrid-spam-reports",
        json.dumps([{"created": 1772618400, "email": ANN, "ip": "192.0.2.1"}]),
        {ANN: (True, "complaint", "all", None, DAY)},
    ),
    (
        "sendgrid-bounces",
        f"status,reason,email,created\n5.1.1,no such user,{ANN},1772618400\n",
        {ANN: (False, None, "all", None, DAY)},
    ),
    (
        "mailchimp-unsubscribed",
        "Email Address,First Name,UNSUB_TIME,UNSUB_REASON\n"
        f"{ANN},Ann,2026-03-04 10:00:00,NORMAL\n{BOB},Bob,2026-03-04 10:00:00,SPAM\n",
        {
            ANN: (True, "provider", "marketing", None, f"{DAY} 22:00"),
            BOB: (True, "complaint", "all", None, f"{DAY} 22:00"),
        },
    ),
    ("mailchimp-cleaned", f"Email Address,CLEAN_TIME\n{ANN},\n", {ANN: (False, None, "all", None, "")}),
    (
        "postmark",
        json.dumps(
            {
                "Suppressions": [
                    {
                        "EmailAddress": ANN,
                        "SuppressionReason": "ManualSuppression",
                        "Origin": "Recipient",
                        "CreatedAt": "2026-03-04T05:00:00-05:00",
                    },
                    {
                        "EmailAddress": BOB,
                        "SuppressionReason": "ManualSuppression",
                        "Origin": "Customer",
                        "CreatedAt": "2026-03-04T05:00:00-05:00",
                    },
                ]
            }
        ),
        {
            ANN: (True, "provider", "all", None, f"{DAY} 10:00"),
            BOB: (False, None, "all", None, f"{DAY} 10:00"),
        },
    ),
    (
        "mailgun-unsubscribes",
        json.dumps(
            {
                "items": [
                    {"address": ANN, "tags": ["*"], "created_at": "Wed, 04 Mar 2026 10:00:00 GMT"},
                    {"address": BOB, "tags": ["news"], "created_at": "Wed, 04 Mar 2026 10:00:00 GMT"},
                ],
                "paging": {},
            }
        ),
        {
            ANN: (True, "provider", "all", None, f"{DAY} 10:00"),
            BOB: (True, "provider", "list", "news", f"{DAY} 10:00"),
        },
    ),
    (
        "mailgun-complaints",
        json.dumps({"items": [{"address": ANN, "created_at": "Wed, 04 Mar 2026 10:00:00 GMT"}]}),
        {ANN: (True, "complaint", "all", None, DAY)},
    ),
    ("mailgun-bounces", f"address,code,error\n{ANN},550,gone\n", {ANN: (False, None, "all", None, "")}),
    (
        "telnyx",
        json.dumps(
            {
                "data": [
                    {"from": "+12025550100", "to": TEL, "keyword": "STOP", "created_at": "2026-03-04 10:00:00.638252"}
                ]
            }
        ),
        {TEL: (True, "reply", "all", None, f"{DAY} 10:00")},
    ),
    (
        "vonage-receipts",
        json.dumps({"msisdn": TEL[1:], "to": "Acme", "err-code": "9", "message-timestamp": "2026-03-04 10:00:00"})
        + "\n"
        + json.dumps({"msisdn": "15125550124", "to": "Acme", "err-code": "0"})
        + "\n",
        {TEL: (True, "provider", "all", None, f"{DAY} 10:00"), "+15125550124": (False, None, "", None, "")},
    ),
    (
        "vonage-reports",
        f"account_id,from,to,date_finalized,error_code\nab,Acme,{TEL[1:]},2026-03-04T10:00:00+0000,9\n",
        {TEL: (True, "provider", "all", None, f"{DAY} 10:00")},
    ),
]


def take(house: House, path: Path, form: str, **more: object) -> Taken:
    return suppress.import_from(
        house.conn,
        house.account,
        form,
        path,
        by="ann",
        gate=house.gate,
        **more,  # type: ignore[arg-type]
    )


def entries(house: House, address: str) -> list[Entry]:
    return suppress.listed(house.conn, house.account, address=address, gate=house.gate)


@pytest.mark.parametrize(("form", "text", "want"), SAMPLES, ids=[f"{s[0]}-{i}" for i, s in enumerate(SAMPLES)])
def test_a_providers_list_goes_in_with_its_scope(
    house: House,
    tmp_path: Path,
    form: str,
    text: str,
    want: dict[str, tuple[bool, str | None, str, str | None, str]],
) -> None:
    file = tmp_path / "list"
    file.write_text(text)
    taken = take(house, file, form)
    assert taken.rows == len(want)
    for address, (said, way, covers, of_list, when) in want.items():
        found = entries(house, address)
        if not covers:
            assert found == []
            continue
        (one,) = found
        assert (one.said, one.way, one.covers, one.list) == (said, way, covers, of_list)
        assert one.channels == [Channel.EMAIL if "@" in address else Channel.SMS]
        assert f"{one.at:%Y-%m-%d %H:%M}".startswith(when)
        assert one.whose == "account"


def test_every_form_has_a_sample() -> None:
    assert {form for form, _, _ in SAMPLES} == {form.name for form in provider_forms.PROVIDERS}


def test_what_was_said_to_a_sellers_own_number_binds_that_seller(house: House, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    rows = [{"from": "+12025550100", "to": TEL}, {"from": "+12025550199", "to": "+15125550124"}]
    file.write_text(json.dumps({"data": rows}))
    accounts.add_sender_identity(house.conn, house.seller, "sms", "+12025550100")
    take(house, file, "telnyx")
    assert [(one.whose, one.name) for one in entries(house, TEL)] == [("seller", "acme-seller")]
    assert [one.whose for one in entries(house, "+15125550124")] == ["account"]


def test_unsubscribes_of_a_group_are_of_the_list_that_is_named(house: House, tmp_path: Path) -> None:
    file = tmp_path / "group.json"
    file.write_text(json.dumps([ANN, BOB]))
    with pytest.raises(BadInput, match="names no group"):
        take(house, file, "sendgrid-groups")
    assert take(house, file, "sendgrid-groups", of_list="weekly").said == 2
    assert [(one.covers, one.list) for one in entries(house, ANN)] == [(OptOutScope.LIST, "weekly")]


@pytest.mark.parametrize(
    ("form", "text", "what"),
    [
        ("ses", f"{ANN},COMPLAINT\nnobody,BOUNCE\n", r"list:2: column `email`: is neither a number"),
        ("ses", f"EmailAddress,Reason\n{ANN},SPAM\n", r"list:2: column `Reason`: is neither BOUNCE nor COMPLAINT"),
        (
            "ses",
            json.dumps([{"EmailAddress": ANN, "Reason": "BOUNCE"}, {"EmailAddress": "x", "Reason": "BOUNCE"}]),
            r"key `\[1\].EmailAddress`: is neither a number",
        ),
        ("ses", json.dumps({"Other": []}), "holds no entries.*SuppressedDestinationSummaries"),
        ("ses", '[{"EmailAddress": }]', "list:1: is not JSON"),
        ("ses", '{"EmailAddress":"a@b.org","Reason":"BOUNCE"}\nnot json\n', "list:2: is not JSON"),
        ("telnyx", json.dumps({"data": [{"to": "+447766****"}]}), r"\[0\].to"),
        ("sendgrid-unsubscribes", f"email,created\n{ANN},tomorrow\n", "list:2: column `created`: is no time"),
        ("sendgrid-unsubscribes", f"email,created\n{ANN},4102444800\n", "list:2: column `created`: lies in the future"),
        ("sendgrid-unsubscribes", "name\nAnn\n", r"list:1: column `email`: is not there; the file has name"),
        ("nobody", "x", "no provider's form is called `nobody`.*mailchimp-cleaned"),
    ],
)
def test_a_list_with_one_fault_puts_nothing_in_and_names_the_place(
    house: House, tmp_path: Path, form: str, text: str, what: str
) -> None:
    file = tmp_path / "list"
    file.write_text(text)
    with pytest.raises(BadInput, match=what):
        take(house, file, form)
    assert entries(house, ANN) == []


def test_the_same_list_twice_stops_nobody_twice_and_is_no_error(house: House, tmp_path: Path) -> None:
    file = tmp_path / "list.csv.gz"
    file.write_bytes(gzip.compress(f"email,created\n{ANN},1772618400\n{ANN},1772618400\n".encode()))
    first, again = take(house, file, "sendgrid-unsubscribes"), take(house, file, "sendgrid-unsubscribes")
    assert (first.rows, again.digest) == (2, first.digest)
    assert {one.covers for one in entries(house, ANN)} == {OptOutScope.ALL}


def test_our_own_list_says_row_by_row_how_far_it_reaches(house: House, tmp_path: Path) -> None:
    file = tmp_path / "list.jsonl"
    rows = [
        {"address": ANN, "covers": "list", "list": "news", "said": "yes", "way": "letter", "at": "2026-03-04"},
        {"address": BOB, "channels": "email", "reason": "moved"},
        {"address": TEL, "said": "yes", "until": "2099-01-01T00:00:00Z"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    suppress.import_csv(house.conn, house.account, file, by="ann", gate=house.gate)
    (ann,), (bob,), (tel,) = (entries(house, address) for address in (ANN, BOB, TEL))
    assert (ann.covers, ann.list, ann.said, ann.way) == ("list", "news", True, "letter")
    assert (bob.covers, bob.said, bob.reason, bob.channels) == ("all", False, "moved", ["email"])
    assert (tel.said, tel.way, tel.until is not None) == (True, "imported", True)
    file.write_text("".join(json.dumps(row) + "\n" for row in [rows[1], {"address": ANN, "covers": "list"}]))
    with pytest.raises(BadInput, match=r"list\.jsonl:2: .*`list` goes with"):
        suppress.import_csv(house.conn, house.account, file, by="ann", gate=house.gate)


def test_a_complaint_holds_at_every_address_of_the_person(house: House, tmp_path: Path) -> None:
    from forbear.gate import joins

    file = tmp_path / "list"
    file.write_text(f"{ANN},COMPLAINT\n{BOB},BOUNCE\n")
    joins.join(house.conn, house.account, [ANN, BOB, TEL], "one", by="ann", gate=house.gate)
    assert take(house, file, "ses").joined == 2
    assert [one.reason for one in entries(house, TEL)] == ["opt-out at another address of the same person"]


def test_a_later_time_than_an_opt_in_is_taken_where_the_zone_is_not_known() -> None:
    now = 1_772_700_000_000_000
    assert provider_forms.moment("2026-03-04 10:00:00", now, in_utc=True) == 1_772_618_400_000_000
    assert provider_forms.moment("2026-03-04 10:00:00", now, in_utc=False) == 1_772_661_600_000_000
    assert provider_forms.moment("2026-03-04 10:00:00 UTC", now, in_utc=False) == 1_772_618_400_000_000
    assert provider_forms.moment("1772618400000", now, in_utc=True) == 1_772_618_400_000_000
    assert provider_forms.moment("2026-03-05", now, in_utc=True) == now


def test_what_was_said_here_and_what_a_provider_holds_stand_beside_each_other(house: House, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text(f"{ANN},COMPLAINT\n")
    opt_out(house.conn, house.account, [OptOut(address=ANN, channel=Channel.EMAIL)], gate=house.gate)
    take(house, file, "ses")
    assert len(entries(house, ANN)) == 2
