"""Who a visitor is behind proxies: what a stranger writes into a header counts for nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from django.http import HttpRequest

from forbear.core.errors import BadInput
from forbear.web.public.clients import client_of, trusted


def seen(remote: str, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client_of(cast(HttpRequest, SimpleNamespace(META={"REMOTE_ADDR": remote}, headers=headers)))


def test_without_trusted_proxies_the_header_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORBEAR_TRUSTED_PROXIES", raising=False)
    assert seen("203.0.113.9", "198.51.100.1") == "203.0.113.9"


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),  # the left was written by the client
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # not a proxy of ours
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "", "unknown"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    monkeypatch: pytest.MonkeyPatch, remote: str, forwarded: str, client: str
) -> None:
    monkeypatch.setenv("FORBEAR_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8:ffff::/48")
    assert seen(remote, forwarded) == client


def test_networks_that_cannot_be_read_are_said() -> None:
    with pytest.raises(BadInput, match="not networks"):
        trusted("10.0.0.0/8, my-proxy")
