"""Which language a page is in: as the link says, else as is known of the person, else as the browser asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.http import HttpRequest

from forbear.core.keys import AddressKey, phone_of
from forbear.web.public.texts import ENGLISH, LANGUAGES

PARAMETER: Final = "lang"
_BY_CALLING_CODE: Final = {  # the first language of the country, where it is one of ours and one is enough
    **dict.fromkeys(("49", "43"), "de"),
    "33": "fr",
    **dict.fromkeys(("34", "52", "54", "56", "57", "51"), "es"),
    "39": "it",
    **dict.fromkeys(("351", "55"), "pt"),
    "31": "nl",
    "48": "pl",
    "46": "sv",
    "45": "da",
    "40": "ro",
    **dict.fromkeys(("30", "357"), "el"),
}


class Choice(NamedTuple):
    """One language of the visible switch."""

    code: str
    name: str
    chosen: bool


def language_of(request: HttpRequest, known: str = "", address: AddressKey | None = None) -> str:
    """One of `LANGUAGES`. `known`: what the link or the person's own words said; `address`: for its country."""
    return (
        _ours(request.GET.get(PARAMETER, ""))
        or _ours(known)
        or _accepted(request.headers.get("Accept-Language", ""))
        or _of_number(address)
        or ENGLISH
    )


def asked_for(request: HttpRequest) -> str:
    """The language the visitor chose by the switch; empty: none. Links and forms of the page carry it on."""
    return _ours(request.GET.get(PARAMETER, "")) or ""


def choices(language: str) -> Sequence[Choice]:
    return [Choice(code, name, code == language) for code, name in LANGUAGES.items()]


def _ours(tag: str) -> str | None:
    primary = tag.strip().lower().replace("_", "-").partition("-")[0]
    return primary if primary in LANGUAGES else None


def _accepted(header: str) -> str | None:
    """The best of `Accept-Language` that we speak; of equals the first."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")[:30]):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        ours = _ours(tag)
        if ours and quality > 0:
            wanted.append((-quality, place, ours))
    return min(wanted)[2] if wanted else None


def _of_number(address: AddressKey | None) -> str | None:
    number = None if address is None else phone_of(address.column)
    if not number:
        return None
    digits = str(number)
    return next((_BY_CALLING_CODE[digits[:n]] for n in (3, 2) if digits[:n] in _BY_CALLING_CODE), None)
