"""E-mail forms, keys, ids and canonical bytes."""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forbear.core import emails, keys, uuid7
from forbear.core.canonical import canonical, digest
from forbear.core.emails import Email, EmailFault
from forbear.core.keys import AddressKind, Secret
from forbear.core.words import Channel

SECRET = Secret(3, b"k" * 32)


@pytest.mark.parametrize(
    ("text", "sending", "matching"),
    [
        (" Pat.Smith+x@Example.NET ", "Pat.Smith+x@example.net", "pat.smith+x@example.net"),
        ("info@bücher.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("info@xn--bcher-kva.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("Jörg@example.de", "Jörg@example.de", "jörg@example.de"),
        ("STRASSE@Straße.de", "STRASSE@xn--strae-oqa.de", "strasse@xn--strae-oqa.de"),
    ],
)
def test_an_address_keeps_its_case_to_send_and_folds_it_to_match(text: str, sending: str, matching: str) -> None:
    assert emails.parse(text) == Email(sending, matching)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", EmailFault.EMPTY),
        ("pat", EmailFault.NO_SINGLE_AT),
        ("a@b@example.net", EmailFault.NO_SINGLE_AT),
        ("pat @example.net", EmailFault.BAD_LOCAL_PART),
        ('"pat"@example.net', EmailFault.BAD_LOCAL_PART),
        (".pat@example.net", EmailFault.BAD_LOCAL_PART),
        ("pa\x00t@example.net", EmailFault.BAD_LOCAL_PART),
        ("@example.net", EmailFault.BAD_LOCAL_PART),
        ("pat@localhost", EmailFault.BAD_DOMAIN),
        ("pat@[127.0.0.1]", EmailFault.BAD_DOMAIN),
        ("pat@192.0.2.1", EmailFault.BAD_DOMAIN),
        ("pat@-x.example", EmailFault.BAD_DOMAIN),
        ("pat@example..net", EmailFault.BAD_DOMAIN),
        ("pat@xn--zzzzzzz\u0301.example", EmailFault.BAD_DOMAIN),
        ("p" * 65 + "@example.net", EmailFault.TOO_LONG),
        ("p@" + "x" * 1_000_000 + ".net", EmailFault.TOO_LONG),
    ],
)
def test_what_is_no_address_says_why(text: str, fault: EmailFault) -> None:
    assert emails.parse(text) is fault


@given(st.text(max_size=40) | st.emails())
def test_parsing_an_address_again_changes_nothing(text: str) -> None:
    first = emails.parse(text)
    if isinstance(first, Email):
        assert emails.parse(first.sending) == first


def test_a_column_of_addresses_answers_row_by_row() -> None:
    texts = ["A@x.example", None, "bad", "A@x.example"]
    column = emails.parse_column(pl.Series(texts))
    assert column["sending"].to_list() == ["A@x.example", None, None, "A@x.example"]
    assert column["matching"].to_list() == ["a@x.example", None, None, "a@x.example"]
    assert column["fault"].to_list() == [0, EmailFault.EMPTY.value, EmailFault.NO_SINGLE_AT.value, 0]


def test_a_phone_key_holds_its_number_and_fits_a_signed_column() -> None:
    key = keys.of_phone(12025550100)
    assert keys.phone_of(key.column) == 12025550100
    assert keys.kind_of(key.column) is AddressKind.PHONE
    column = keys.of_phones(np.array([12025550100, 0], dtype=np.uint64))
    assert column.tolist() == [key.column, keys.NO_KEY]
    assert 0 < key.column < 2**63


def test_a_mail_key_is_the_top_of_the_mac_that_confirms_it() -> None:
    key = keys.of_text(AddressKind.EMAIL, "pat@example.net", SECRET)
    mac = hmac.digest(b"k" * 32, b"pat@example.net", sha256)
    assert key.mac == mac[:16]
    assert key.secret_id == 3
    assert key.column & (1 << 60) - 1 == int.from_bytes(mac, "big") >> 196
    assert keys.kind_of(key.column) is AddressKind.EMAIL
    assert keys.phone_of(key.column) is None


def test_keys_of_a_column_are_those_of_its_texts() -> None:
    forms = ["pat@example.net", None, "sam@example.net"]
    column, macs = keys.of_texts(AddressKind.EMAIL, forms, SECRET)
    ones = [keys.of_text(AddressKind.EMAIL, form, SECRET) if form else None for form in forms]
    assert column.tolist() == [one.column if one else keys.NO_KEY for one in ones]
    assert [bytes(mac) for mac in macs] == [one.mac if one else bytes(16) for one in ones]


def test_another_secret_gives_another_key() -> None:
    other = keys.of_text(AddressKind.EMAIL, "pat@example.net", Secret(4, b"other" * 8))
    assert other.column != keys.of_text(AddressKind.EMAIL, "pat@example.net", SECRET).column


@given(st.integers(0, 2**52), st.binary(min_size=10, max_size=10))
def test_an_id_sorts_by_its_moment_and_says_it(at: int, random: bytes) -> None:
    made = uuid7.uuid7(at, random)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert uuid7.made_at(made) == at // 1000 * 1000
    assert uuid7.uuid7(at + 1000, random) > made


def test_an_id_matches_the_example_of_the_rfc() -> None:
    random = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert uuid7.uuid7(1645557742000 * 1000, random) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


def test_equal_values_have_equal_bytes() -> None:
    assert canonical({"b": (1, None), "a": {Channel.SMS, Channel.EMAIL}}) == b'{"a":["email","sms"],"b":[1,null]}'
    assert digest({"x": "é", "y": 1}) == digest({"y": 1, "x": "é"})


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "error"),
    [(1.0, TypeError), ({1: 2}, TypeError), (object(), TypeError), ("\ud800", ValueError), (deep(100), ValueError)],
)
def test_what_has_no_one_form_is_refused(value: object, error: type[Exception]) -> None:
    assert canonical(deep(60))
    with pytest.raises(error):
        canonical(value)
