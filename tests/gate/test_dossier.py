"""A dossier as a document: what was said stands in it as it was said, the same each time, and however long it is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from forbear.core.words import Channel
from forbear.gate import dossier, opt_out
from forbear.gate.dossier_pdf import MANY, pdf
from forbear.gate.dossier_shape import Dossier, Item
from forbear.gate.dossier_zip import archive, prove
from forbear.ledger.logfiles import Folder
from tests.gate.conftest import PERSON, House

WORDS = '#panic("x") *stop* _now_ $a$ <b> @c `d` \\ // Σταμάτα Спри Köszönöm ğş'


@pytest.fixture(autouse=True)
def no_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORBEAR_LOG", str(tmp_path / "log"))


def collected(house: House) -> Dossier:
    return dossier.collect(house.conn, PERSON, account=house.account, gate=house.gate)


def text_of(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    return " ".join(" ".join(pages).split())


def test_words_stand_as_they_were_said_and_are_never_markup(house: House) -> None:
    said = opt_out.OptOut(address=PERSON, channel=Channel.SMS, text=WORDS)
    opt_out.opt_out(house.conn, house.account, [said], gate=house.gate)
    text = text_of(pdf(collected(house), {}, None))
    for word in WORDS.split():
        assert word in text


def test_the_same_dossier_has_the_same_bytes(house: House) -> None:
    house.one()
    made = collected(house)
    proofs = prove(house.conn, made)
    assert {state for state, _ in proofs.values()} == {"pending"}
    first, second = (pdf(made, {}, None) for _ in range(2))
    assert first == second
    assert archive(made, proofs, first, Folder()) == archive(made, proofs, second, Folder())


def test_what_was_decided_is_told_with_its_rule_the_clock_there_and_what_became_of_it(house: House) -> None:
    for _ in range(4):
        house.one()
    text = text_of(pdf(collected(house), {}, None))
    assert "not now" in text
    assert "us.tcpa.landline_cap" in text
    assert "America/Chicago" in text
    assert "47 CFR 64.1200" in text
    assert "no contact was made under it" in text


def test_an_empty_dossier_says_so_and_what_was_searched(house: House) -> None:
    made = collected(house)
    assert made.empty
    text = text_of(pdf(made, {}, None))
    assert "Nothing is recorded about this address" in text
    for source, _ in made.searched:
        assert source in text


def test_of_thousands_of_answers_each_has_a_line_and_the_rest_stays_whole(house: House) -> None:
    answer = house.one()
    opt_out.opt_out(
        house.conn, house.account, [opt_out.OptOut(address=PERSON, channel=Channel.SMS, text="enough")], gate=house.gate
    )
    made = collected(house)
    (one,) = [item for item in made.items if item.kind == "decision"]
    made.items = [*[one] * MANY, *[item for item in made.items if item is not one]]
    content = pdf(made, {}, None)
    text = text_of(content)
    assert "enough" in text
    assert f"There are {MANY + 1:,} records" in text
    assert f"No. {MANY}" in text
    assert len(PdfReader(io.BytesIO(content)).pages) < 60
    assert str(answer.decision) not in text


def test_nothing_of_another_person_is_in_it(house: House) -> None:
    from tests.gate.conftest import recorded_call

    house.one(recorded_call("+15125550124"))
    assert collected(house).empty


def test_items_are_in_the_order_of_time(house: House) -> None:
    house.one()
    early = opt_out.OptOut(address=PERSON, channel=Channel.SMS, at=1_700_000_000_000_000)
    opt_out.opt_out(house.conn, house.account, [early], gate=house.gate)
    items: list[Item] = collected(house).items
    assert [item.kind for item in items] == ["opt_out:said", "decision"]
