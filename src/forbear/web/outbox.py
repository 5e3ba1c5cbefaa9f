"""`/outbox`: what a sample installation would have sent. Shown on the machine itself, and only there."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from forbear.gate import outbox as gate_outbox
from forbear.web.connections import borrowed

_KINDS: Final = {
    "opt_out_confirmation": "The one confirmation of an opt-out",
    "help_answer": "An answer to HELP",
    "start_answer": "An answer to START of somebody who said stop",
    "opt_in": "The question whether somebody signed up",
    "fresh_link": "A fresh link, asked for on a person's own pages",
}
_CHANNELS: Final = {"sms": "Text message", "email": "E-mail", "voice": "Call"}
_STATES: Final = {"waiting": "waits", "sent": "would have left", "failed": "does not leave"}


def page(request: HttpRequest) -> HttpResponse:
    """The newest hundred. A 404 wherever somebody else might see it: they are people's messages."""
    if not os.environ.get("FORBEAR_SAMPLE") or not _from_here(request):
        raise Http404
    with borrowed() as connection:
        found = gate_outbox.shown(connection)
    return render(request, "forbear/outbox.html", {"messages": [_said(one) for one in found]})


def _said(one: gate_outbox.Shown) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(one)
    return told | {
        "what": _KINDS.get(one.kind, one.kind.replace("_", " ").capitalize()),
        "by": _CHANNELS[one.channel],
        "how": _STATES[one.state],
        "when": _clock(one.state_at or one.at),
        "asked": _clock(one.at),
        "units": len(one.text),
    }


def _clock(text: str) -> str:
    """`2026-11-22 09:15:04`, UTC."""
    return text[:19].replace("T", " ")


def _from_here(request: HttpRequest) -> bool:
    """From this machine, under a name of this machine, and through no proxy."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")):
        return False
    host = request.get_host().rpartition(":")[0] if request.get_host().count(":") == 1 else request.get_host()
    try:
        client = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return client.is_loopback and (host in {"localhost", "127.0.0.1"} or host.startswith("[::1]"))
