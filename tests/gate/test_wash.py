"""A washed list says of every row what the gate would, keeps every row as it came, and leaves a receipt."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.home import home
from forbear.core.errors import BadInput
from forbear.core.words import Channel, ConsentLevel, LineType, Mode, OptOutScope, Purpose, RecipientKind
from forbear.gate import consent, known, lists, opt_out, suppress, wash
from forbear.gate.contact import Contact, Content, OptOutOffer, Recipient
from forbear.registries import snapshots
from tests.gate.conftest import House

BAD = Path(__file__).parents[1] / "corpus" / "bad" / "list"
NOON = 1_795_626_000_000_000  # 2026-11-25T17:00:00Z, noon in New York, a Wednesday
TX, FL, AZ, PA, NY, CA = "+12145550", "+13055550", "+16025550", "+12155550", "+12125550", "+14165550"

Washed = list[dict[str, str]]


def asked(house: House, **more: Any) -> wash.Asked:
    return wash.Asked(
        **{
            "account": house.account,
            "channel": Channel.VOICE,
            "purpose": Purpose.MARKETING,
            "mode": Mode.LIVE,
            "sender": "+12025550100",
            **more,
        }
    )


@pytest.fixture
def run(house: House, tmp_path: Path) -> Callable[..., Washed]:
    """Wash rows or a file for the house; the rows as they come out. `run.report` is the last report."""

    def go(rows: str | Path, out: str = "washed.csv", *, of: House = house, **more: Any) -> Washed:
        source = rows if isinstance(rows, Path) else tmp_path / "list.csv"
        if isinstance(rows, str):
            source.write_text(rows)
        target = tmp_path / out
        target.unlink(missing_ok=True)
        report = wash.wash(of.conn, of.gate, asked(of, **more), source, target, lambda done, total, n: None)
        go.report = report  # type: ignore[attr-defined]
        return read(target)

    return go


def read(path: Path) -> Washed:
    if path.name.endswith(".parquet"):
        return [{k: "" if v is None else str(v) for k, v in row.items()} for row in pl.read_parquet(path).to_dicts()]
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.name.endswith(".gz") else raw).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def register(house: House, *numbers: str) -> None:
    """The national registry holds these; the states' own lists are empty but for a stranger."""
    folder = house.gate.registries.folder
    for name in ("us.national", "us.state"):
        held = [int(n) for n in numbers] if name == "us.national" else []
        terms = snapshots.Terms(name, now=known_now(house), covers=("1",))
        snapshots.load_made(folder, terms, "test", iter([np.array([*held, 18085550199], np.uint64)]))
    house.gate.registries.refresh()


def known_now(house: House) -> int:
    from forbear.ledger.writes import now

    return now(house.conn)


def verdicts(rows: Washed) -> list[tuple[str, str, str]]:
    return [(row["verdict"], row["cure"], row["rules"]) for row in rows]


LIST = f"""id,phone,state,zip,note
1,{TX}100,TX,75201,free
2,{TX}101,TX,75201,listed
3,{TX}102,TX,75201,barred by a list
4,{TX}103,TX,75201,said stop
5,{TX}104,TX,75201,agreed in writing though listed
6,{NY}105,TX,75201,moved
7,{FL}106,FL,33101,florida
8,{CA}107,,,not covered
9,reception,TX,75201,no number
10,,TX,75201,nothing
11,{AZ}108,,,by number alone
12,{TX}109,TX,75201,listed and said stop to texts
"""


@pytest.fixture
def people(house: House) -> House:
    """What the ledger and the registries hold of the people of `LIST`."""
    register(house, f"{TX}101", f"{TX}104", f"{TX}109")
    conn, gate, account = house.conn, house.gate, house.account
    suppress.place(conn, account, f"{TX}102", "asked us by letter", by="clerk", gate=gate)
    opt_out.opt_out(
        conn,
        account,
        [
            opt_out.OptOut(address=f"{TX}103", channel=Channel.VOICE),
            opt_out.OptOut(address=f"{TX}109", channel=Channel.SMS, covers=OptOutScope.MARKETING),
        ],
        gate=gate,
    )
    given = consent.Given(
        address=f"{TX}104",
        level=ConsentLevel.EXPRESS_WRITTEN,
        sellers=["acme-seller"],
        given_day=20000,
        channels=[Channel.VOICE],
        purposes=[Purpose.MARKETING],
        names_seller=True,
        evidence="form 7",
    )
    consent.give(conn, account, [given], gate=gate)
    return house


def test_every_row_comes_out_as_it_went_in_with_a_verdict(people: House, run: Callable[..., Washed]) -> None:
    washed = run(LIST, at=NOON)
    before = list(csv.DictReader(io.StringIO(LIST)))
    assert [{k: row[k] for k in before[0]} for row in washed] == before
    assert list(washed[0]) == [*before[0], *wash.ADDED]
    by_note = {row["note"]: (row["verdict"], row["cure"]) for row in washed}
    assert by_note["free"] == ("allow", "")
    assert by_note["listed"] == ("deny", "evidence")
    assert by_note["barred by a list"] == ("deny", "none")
    assert by_note["said stop"] == ("deny", "none")
    assert by_note["agreed in writing though listed"] == ("allow", "")
    assert by_note["not covered"] == ("deny", "evidence")


def test_what_is_no_number_is_denied_for_want_of_evidence_with_the_reason(
    people: House, run: Callable[..., Washed]
) -> None:
    washed = {row["note"]: row for row in run(LIST, at=NOON)}
    for note, why in (("no number", "not_a_number"), ("nothing", "empty")):
        row = washed[note]
        assert (row["verdict"], row["cure"], row["rules"]) == ("deny", "evidence", f"house.address_understood:{why}")


def test_it_says_what_the_gate_would_say(people: House, run: Callable[..., Washed]) -> None:
    washed = run(LIST)
    content = Content(
        identifies_sender=True,
        postal_address=True,
        subject_accurate=True,
        header_accurate=True,
        promotional=True,
        identified_as_ad=True,
        opt_out=OptOutOffer(kind="reply", requires_login=False),
    )
    contacts = [
        Contact(
            channel=Channel.VOICE,
            purpose=Purpose.MARKETING,
            mode=Mode.LIVE,
            to=row["phone"] or "-",
            from_="+12025550100",
            ai_disclosed=True,
            content=content,
            recipient=Recipient(region=f"US-{row['state']}" if row["state"] else None, postcode=row["zip"] or None),
        )
        for row in washed
    ]
    answers = people.decide(*contacts).answers
    for row, answer in zip(washed, answers, strict=True):
        rules = " ".join(rule.partition(":")[0] for rule in row["rules"].split())
        assert row["verdict"] == answer.verdict, row["note"]
        assert row["note"] in ("no number", "nothing") or rules == " ".join(answer.rules), row["note"]
        assert row["cure"] == (answer.cure or ""), row["note"]


def test_a_call_at_night_is_deferred_to_the_next_morning(people: House, run: Callable[..., Washed]) -> None:
    (row,) = run(f"phone,state\n{TX}100,TX\n", at=NOON + 12 * 3_600_000_000)
    assert (row["verdict"], row["cure"]) == ("defer", "time")
    assert row["earliest"].startswith("2026-11-26T") or row["earliest"].startswith("2026-11-27T")


QUOTED = (
    'id,phone,state,note\r\n1,+12145550100,TX,"a, ""b"""\r\n'
    '2,+12145550101,TX,"two\nlines"\r\n3,+12145550102,TX,plain\r\n'
)


@pytest.mark.parametrize(
    "form", ["csv", "crlf", "bom", "no last line end", "gz", "parquet", "csv to parquet", "parquet to csv", "gz to gz"]
)
def test_a_list_comes_in_every_form_and_means_the_same(
    people: House, run: Callable[..., Washed], tmp_path: Path, form: str
) -> None:
    wanted = verdicts(run(LIST, at=NOON))
    frame = pl.read_csv(io.BytesIO(LIST.encode()), infer_schema=False)
    source, out = tmp_path / "in.csv", "out.csv"
    if form.startswith("parquet"):
        source = tmp_path / "in.parquet"
        frame.write_parquet(source)
        out = "out.parquet" if form == "parquet" else "out.csv"
    elif form.startswith("gz"):
        source = tmp_path / "in.csv.gz"
        source.write_bytes(gzip.compress(LIST.encode()))
        out = "out.csv.gz" if "to" in form else "out.csv"
    else:
        text = {"crlf": LIST.replace("\n", "\r\n"), "bom": "\ufeff" + LIST, "no last line end": LIST.rstrip()}
        source.write_bytes(text.get(form, LIST).encode())
        out = "out.parquet" if "to" in form else "out.csv"
    washed = run(source, out, at=NOON)
    assert verdicts(washed) == wanted
    assert [row["note"] for row in washed] == frame["note"].to_list()


def test_quotes_commas_and_line_breaks_in_values_stay(people: House, run: Callable[..., Washed]) -> None:
    washed = run(QUOTED, at=NOON)
    assert [row["note"] for row in washed] == ['a, "b"', "two\nlines", "plain"]
    assert [row["verdict"] for row in washed] == ["allow", "deny", "deny"]


def test_blocks_are_cut_where_records_end(
    people: House, run: Callable[..., Washed], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    notes = ["plain", '"quoted"', '"a,b"', '"two\nlines"', '"say ""x"""', "", "ünï"]
    text = "id,phone,state,note\n" + "".join(
        f"{i},{TX}{100 + int(rng.integers(10))},TX,{notes[int(rng.integers(len(notes)))]}\n" for i in range(800)
    )
    whole = run(text, at=NOON)
    assert [row["id"] for row in whole] == [str(i) for i in range(800)]
    for size in (64, 257, 4096):
        monkeypatch.setattr(lists, "BLOCK", size)
        assert run(text, at=NOON) == whole


def test_numbers_without_plus_need_a_country(people: House, run: Callable[..., Washed]) -> None:
    text = "phone,state\n2145550100,TX\n(214) 555-0101,TX\n"
    assert [row["verdict"] for row in run(text, at=NOON)] == ["deny", "deny"]
    assert [(row["verdict"], row["cure"]) for row in run(text, at=NOON, country="US")] == [
        ("allow", ""),
        ("deny", "evidence"),
    ]


def test_columns_are_named_or_found_by_their_usual_names(people: House, run: Callable[..., Washed]) -> None:
    run(f"Phone Number,State,Zip\n{TX}100,TX,75201\n", at=NOON)
    assert run.report.columns == {"to": "Phone Number", "region": "State", "postcode": "Zip"}  # type: ignore[attr-defined]
    odd = f"a,b\n{TX}100,TX\n"
    (row,) = run(odd, at=NOON, columns={"to": "a", "region": "b"})
    assert row["verdict"] == "allow"
    with pytest.raises(BadInput, match="--map to="):
        run(odd, at=NOON)
    with pytest.raises(BadInput, match="no such fact"):
        run(odd, columns={"colour": "a"})
    with pytest.raises(BadInput, match="is not there"):
        run(odd, columns={"to": "c"})


def test_the_postcode_of_another_state_adds_that_states_rules(people: House, run: Callable[..., Washed]) -> None:
    """Every postcode of a state is the same evidence, however the spreadsheet spoilt it."""
    rows = "phone,zip\n" + "".join(
        f"{TX}100,{z}\n" for z in ("06101", "06101-1234", "06199", "75201", "75201-0001", "")
    )
    washed = run(rows, at=NOON)
    assert [row["verdict"] for row in washed] == ["deny", "deny", "deny", "allow", "allow", "allow"]
    assert washed[0]["rules"] == washed[1]["rules"] == washed[2]["rules"] == "us.ct.consent"


@pytest.mark.parametrize("bad", sorted(BAD.iterdir()), ids=lambda path: path.name)
def test_a_bad_list_is_one_clear_refusal_and_nothing_is_left(
    people: House, run: Callable[..., Washed], tmp_path: Path, bad: Path
) -> None:
    with pytest.raises(BadInput) as refused:
        run(bad, "out" + "".join(bad.suffixes), at=NOON)
    assert len(str(refused.value).splitlines()) == 1
    assert bad.name in str(refused.value)
    for number in ("3", "2"):
        assert f"line-{number}" not in bad.name or f":{number}: " in str(refused.value)
    assert not [*tmp_path.glob("out*"), *tmp_path.glob(".out*")]
    events = people.conn.execute("SELECT count(*) FROM ledger_event WHERE kind = 'list:washed'").fetchone()
    assert events == (0,)


def test_an_old_output_stays_when_a_wash_fails(people: House, run: Callable[..., Washed], tmp_path: Path) -> None:
    run(LIST, at=NOON)
    before = (tmp_path / "washed.csv").read_bytes()
    source = tmp_path / "torn.csv"
    source.write_text(LIST + "13,+1214555\n")
    with pytest.raises(BadInput, match=r"torn\.csv:14"):
        wash.wash(people.conn, people.gate, asked(people), source, tmp_path / "washed.csv", lambda *_: None)
    assert (tmp_path / "washed.csv").read_bytes() == before


def test_the_receipt_names_what_was_washed_by_what_and_holds_no_address(
    people: House, run: Callable[..., Washed], tmp_path: Path
) -> None:
    run(LIST, at=NOON)
    report = run.report  # type: ignore[attr-defined]
    receipt = report.receipt
    for key, path in (("input", "list.csv"), ("output", "washed.csv")):
        content = (tmp_path / path).read_bytes()
        assert receipt[key]["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert receipt[key]["bytes"] == len(content)
    assert receipt["rows"] == 12
    assert sum(receipt["verdicts"].values()) == 12
    assert {r["registry"] for r in receipt["registries"]} == {"us.national", "us.state"}
    assert receipt["rulebook"] == people.gate.engine.digest
    assert not any(area[1:] in json.dumps(receipt) for area in (TX, FL, AZ, PA, NY, CA))
    (stored,) = people.conn.execute(
        "SELECT id, account, payload FROM ledger_event WHERE kind = 'list:washed'"
    ).fetchall()
    assert (str(stored[0]), stored[1]) == (receipt["id"], people.account)
    assert stored[2] == {k: v for k, v in receipt.items() if k != "id"}
    assert people.conn.execute("SELECT count(*) FROM ledger_decision").fetchone() == (0,)


def test_reasons_add_up_by_rule(people: House, run: Callable[..., Washed]) -> None:
    washed = run(LIST, at=NOON)
    report = run.report  # type: ignore[attr-defined]
    assert sum(report.verdicts.values()) == len(washed)
    for (verdict, cure, rule), n in report.reasons.items():
        assert n == sum(
            row["verdict"] == verdict
            and row["cure"] == cure
            and (rule in row["rules"].split() if rule else not row["rules"])
            for row in washed
        )


def test_what_changed_since_the_last_wash_is_seen(people: House, run: Callable[..., Washed]) -> None:
    """The second wash reads what changed; the third, from a base made anew, says the same."""
    conn, gate, account = people.conn, people.gate, people.account
    text = f"phone,state\n{TX}100,TX\n{TX}102,TX\n{TX}103,TX\n{TX}104,TX\n"
    assert [row["verdict"] for row in run(text, at=NOON)] == ["allow", "deny", "deny", "allow"]
    suppress.place(conn, account, f"{TX}100", "called us", by="clerk", gate=gate)
    suppress.lift(conn, account, f"{TX}102", "was a mistake", by="clerk", gate=gate)
    consent.withdraw(conn, account, f"{TX}104", gate=gate)
    first = run(text, at=NOON)
    assert [row["verdict"] for row in first] == ["deny", "allow", "deny", "deny"]
    seq = run.report.seq  # type: ignore[attr-defined]
    place = known.folder_of(home(), account, people.seller)
    shutil.rmtree(place)
    assert run(text, at=NOON) == first
    assert run.report.seq == seq  # type: ignore[attr-defined]


def test_many_changes_make_a_new_base(
    people: House, run: Callable[..., Washed], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"phone,state\n{TX}100,TX\n"
    run(text, at=NOON)
    place = known.folder_of(home(), people.account, people.seller)
    (before,) = [p for p in place.iterdir() if p.is_dir()]
    monkeypatch.setattr(known, "DELTA_MOST", 0)
    suppress.place(people.conn, people.account, f"{TX}100", "called us", by="clerk", gate=people.gate)
    (row,) = run(text, at=NOON)
    assert row["rules"] == "house.suppressed"
    assert max(int(p.name) for p in place.iterdir() if p.is_dir()) > int(before.name)


def test_another_accounts_suppressions_bind_nobody_here_but_a_shared_sellers_do(
    people: House, run: Callable[..., Washed], another: Callable[..., House]
) -> None:
    stranger, partner = another("globex"), another("initech", people.seller)
    text = f"phone,state\n{TX}100,TX\n{TX}110,TX\n"
    suppress.place(stranger.conn, stranger.account, f"{TX}100", "theirs", by="x", gate=people.gate)
    assert [row["verdict"] for row in run(text, at=NOON)] == ["allow", "allow"]
    suppress.place(
        partner.conn, partner.account, f"{TX}110", "the seller's", by="x", seller="acme-seller", gate=people.gate
    )
    assert [row["verdict"] for row in run(text, at=NOON)] == ["allow", "deny"]


def test_a_suppression_of_mail_does_not_bar_calls_and_one_of_texts_does(
    people: House, run: Callable[..., Washed]
) -> None:
    text = f"phone,state\n{TX}111,TX\n{TX}112,TX\n"
    for number, channel in ((f"{TX}111", Channel.SMS),):
        suppress.place(people.conn, people.account, number, "no texts", by="x", channels=[channel], gate=people.gate)
    assert [row["verdict"] for row in run(text, at=NOON)] == ["deny", "allow"]


def test_mail_addresses_are_found_by_their_matching_form(people: House, run: Callable[..., Washed]) -> None:
    suppress.place(people.conn, people.account, "Pat@Example.org", "by letter", by="x", gate=people.gate)
    opt_out.opt_out(
        people.conn,
        people.account,
        [opt_out.OptOut(address="ann@example.org", channel=Channel.EMAIL)],
        gate=people.gate,
    )
    washed = run(
        "email,country\npat@EXAMPLE.org,US\nAnn@example.org,US\nbob@example.org,US\nnobody,US\n",
        channel=Channel.EMAIL,
        mode=None,
        sender="news@acme.example",
    )
    assert [row["verdict"] for row in washed][:2] == ["deny", "deny"]
    assert washed[0]["rules"] == "house.suppressed"
    assert "opt_out" in washed[1]["rules"]
    assert washed[2]["verdict"] == "allow"
    assert washed[3]["rules"].startswith("house.address_understood:")


def test_attempts_of_the_seller_count(people: House, run: Callable[..., Washed]) -> None:
    text = "phone,state,line_type,kind\n+15125550123,TX,landline,consumer\n"
    more: dict[str, Any] = {
        "mode": Mode.PRERECORDED,
        "purpose": Purpose.INFORMATIONAL,
        "columns": {"kind": "kind"},
    }
    (before,) = run(text, **more)
    for _ in range(3):
        assert people.one(redeem=True).verdict == "allow"
    (after,) = run(text, **more)
    assert (before["verdict"], after["verdict"]) == ("allow", "defer")
    assert after["rules"] == "us.tcpa.landline_cap"
    assert after["earliest"]


def test_an_account_on_hold_may_call_nobody(people: House, run: Callable[..., Washed]) -> None:
    accounts.place_hold(people.conn, "an inquiry", "operator", account=people.account)
    assert all(row["verdict"] == "deny" for row in run(LIST, at=NOON))


def test_what_is_claimed_of_the_content_is_said_and_can_be_stated(people: House, run: Callable[..., Washed]) -> None:
    text = f"phone,state\n{TX}100,TX\n"
    (row,) = run(text, at=NOON)
    assert row["verdict"] == "allow"
    assert "identifies_sender" in run.report.assumed  # type: ignore[attr-defined]
    (row,) = run(text, at=NOON, content=["no_identifies_sender", "promotional"])
    assert row["rules"] == "us.tcpa.identification"
    with pytest.raises(BadInput, match="no fact of the content"):
        run(text, content=["nice"])


def test_ten_thousand_alike_are_judged_as_one_is(people: House, run: Callable[..., Washed]) -> None:
    """A row's verdict does not depend on what it is washed with."""
    header, *rows = LIST.splitlines()
    many = run("\n".join([header, *rows * 500]) + "\n", at=NOON)
    assert verdicts(many) == verdicts(run(LIST, at=NOON)) * 500


def test_what_people_and_lines_are_can_be_said_for_every_row_that_does_not(
    people: House, run: Callable[..., Washed]
) -> None:
    rows = f"to,region,line_type\n{AZ}123,US-AZ,\n{AZ}124,US-AZ,mobile\n"
    assert ["us.az.mobile" in row["rules"] for row in run(rows)] == [True, True]
    stated = run(rows, kind=RecipientKind.CONSUMER, line_type=LineType.LANDLINE)
    assert ["us.az.mobile" in row["rules"] for row in stated] == [False, True]


def test_an_unknown_account_or_seller_is_refused(house: House, run: Callable[..., Washed]) -> None:
    with pytest.raises(BadInput, match="no such account"):
        run(LIST, account=UUID(int=7))
    with pytest.raises(BadInput, match="nobody"):
        run(LIST, seller="nobody")
