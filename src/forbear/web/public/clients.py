"""Who asks for a public page, and how often: the client behind trusted proxies, and what each client may ask.

`FORBEAR_TRUSTED_PROXIES` lists the networks of proxies (`10.0.0.0/8,2001:db8::/32`) whose `X-Forwarded-For` is
believed, from the right: the client is the first address that is not a proxy's. Without it the header counts for
nothing. An IPv6 client is its /64: one household or machine has that many addresses.
"""

from __future__ import annotations

import ipaddress
import os
import time
from functools import lru_cache
from typing import Final

from django.http import HttpRequest

from forbear.core.errors import BadInput
from forbear.web.limits import Buckets

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A mail program's one-click comes from its provider, thousands of people behind few clients: what is asked with a
# good token is limited by the person it is about, not by who carries it.
CLIENTS: Final = Buckets(rate=200, burst=1000)  # anything at all
STRANGERS: Final = Buckets(rate=0.5, burst=20)  # tokens that are not ours, forms open to everybody
PEOPLE: Final = Buckets(rate=0.5, burst=40)  # by the address a page is about


def client_of(request: HttpRequest) -> str:
    """Whom to count: IPv4 whole, IPv6 by its /64; `unknown` where the server was not told."""
    found = _client(request)
    if found is None:
        return "unknown"
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def address_of(request: HttpRequest) -> str | None:
    """The client's whole address; None where the server was not told."""
    found = _client(request)
    return None if found is None else str(found)


def _client(request: HttpRequest) -> Address | None:
    proxies = trusted(os.environ.get("FORBEAR_TRUSTED_PROXIES", ""))
    chain = [request.META.get("REMOTE_ADDR", "")]
    chain += reversed(request.headers.get("X-Forwarded-For", "").split(","))
    found: Address | None = None
    for text in chain:
        address = _address(text)
        if address is None:
            break
        found = address
        if not any(address in network for network in proxies):
            break
    return found


@lru_cache(maxsize=16)
def trusted(text: str) -> tuple[Network, ...]:
    """The networks of a list with commas. Raises `BadInput`."""
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadInput(f"not networks: {error}", key="FORBEAR_TRUSTED_PROXIES") from None


def wait_s(buckets: Buckets, key: str) -> int:
    """Takes one token. 0, or the whole seconds to wait."""
    return buckets.take(key, time.monotonic())


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
