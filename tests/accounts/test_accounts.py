"""Who sends, and the secrets of an installation."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from forbear.accounts import home as homes
from forbear.accounts import reads, writes
from forbear.accounts.connect import Connection
from forbear.accounts.permissions import Permission
from forbear.core.errors import BadInput


def test_an_account_serves_the_sellers_it_is_linked_to_in_that_order(conn: Connection) -> None:
    account = writes.create_account(conn, "centre", "Call Centre")
    sellers = [writes.create_seller(conn, slug, slug) for slug in ("zebra", "apple")]
    for seller in sellers:
        writes.link_seller(conn, account, seller)
    found = reads.account(conn, "centre")
    assert found
    assert [seller.slug for seller in found.sellers] == ["zebra", "apple"]
    writes.unlink_seller(conn, account, sellers[0])
    found = reads.account(conn, account)
    assert found
    assert [seller.id for seller in found.sellers] == [sellers[1]]


@pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a" * 61, "é", "a\n"])
def test_a_short_name_is_short_and_plain(conn: Connection, slug: str) -> None:
    with pytest.raises(BadInput):
        writes.create_account(conn, slug, "Name")


def test_a_name_is_taken_once(conn: Connection) -> None:
    writes.create_account(conn, "acme", "Acme")
    with pytest.raises(BadInput, match="exists"):
        writes.create_account(conn, "acme", "Acme again")


def test_a_seller_of_no_known_kind_or_country_is_refused(conn: Connection) -> None:
    with pytest.raises(BadInput, match="kind"):
        writes.create_seller(conn, "a", "A", kind="pirate")
    with pytest.raises(BadInput, match="country"):
        writes.create_seller(conn, "a", "A", country="us")


def test_a_key_is_shown_once_and_kept_as_a_hash(conn: Connection) -> None:
    account = writes.create_account(conn, "acme", "Acme")
    made = writes.create_api_key(conn, account, "dialler", [Permission.DECISION_MAKE])
    name, _, secret = made.token.partition(".")
    kept = reads.api_key(conn, UUID(name))
    assert kept
    assert (kept.account, kept.permissions, kept.revoked) == (account, ("account:decision:make",), False)
    assert kept.secret_sha256 == sha256(secret.encode()).digest()
    assert len(secret) >= 43
    assert secret not in str(conn.execute("SELECT * FROM accounts_apikey").fetchall())
    assert writes.revoke_api_key(conn, account, made.id)
    assert not writes.revoke_api_key(conn, account, made.id)
    kept = reads.api_key(conn, made.id)
    assert kept
    assert kept.revoked


def test_a_key_of_another_account_is_not_revoked(conn: Connection) -> None:
    mine, theirs = (writes.create_account(conn, slug, slug) for slug in ("mine", "theirs"))
    made = writes.create_api_key(conn, theirs, "theirs")
    assert not writes.revoke_api_key(conn, mine, made.id)


def test_a_hold_has_a_reason_an_author_and_an_end(conn: Connection) -> None:
    account = writes.create_account(conn, "acme", "Acme")
    with pytest.raises(BadInput):
        writes.place_hold(conn, " ", "ops", account=account)
    hold = writes.place_hold(conn, "too many complaints", "ops", account=account)
    assert [row.reason for row in reads.holds(conn, [account], [])] == ["too many complaints"]
    assert writes.lift_hold(conn, hold, "ops")
    assert not writes.lift_hold(conn, hold, "ops")
    assert reads.holds(conn, [account], []) == []


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    first, second = homes.load_secrets(tmp_path), homes.load_secrets(tmp_path)
    assert first == second
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len({first.postgres, first.owner, first.app, first.django}) == 4
    assert "Secrets" in repr(first)
    assert first.app not in repr(first)


def test_secrets_that_others_can_read_are_refused(tmp_path: Path) -> None:
    homes.load_secrets(tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(BadInput, match="others may read"):
        homes.load_secrets(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"address_keys": {"1": "00"}}', "[1]", '{"postgres": "x"}'])
def test_a_damaged_secrets_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadInput, match=r"secrets\.json"):
        homes.load_secrets(tmp_path)


def test_address_keys_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORBEAR_ADDRESS_KEYS", f"1:{'11' * 32},7:{'77' * 32}")
    assert homes.load_secrets(tmp_path).address_key.id == 7
    monkeypatch.setenv("FORBEAR_ADDRESS_KEYS", "7:beef")
    with pytest.raises(BadInput, match="FORBEAR_ADDRESS_KEYS"):
        homes.load_secrets(tmp_path)
    assert os.environ["FORBEAR_ADDRESS_KEYS"] == "7:beef"
