"""What every public page has: its language, the headers that keep it to itself, and readable pages when things fail.

`shown` renders a page; `guarded` wraps a view so that too many requests (429), our own outage (503), bad input (400)
and faults (500) are pages in the visitor's language that say what was not changed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

import psycopg
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string

from forbear.core.errors import BadInput
from forbear.gate.contact import ClockAstray, Refused
from forbear.web.problem import Problem
from forbear.web.public import clients, languages
from forbear.web.public.texts import direction, text

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
RETRY_AFTER_S: Final = 60
_log = logging.getLogger("forbear.web")


def shown(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    language: str | None = None,
    status: int = 200,
    policy: str = POLICY,
) -> HttpResponse:
    """A page of `templates/forbear/public/`. `language`: where more is known than the request says."""
    language = language or languages.language_of(request)
    chosen = languages.asked_for(request)
    whole = {
        **(context or {}),
        "language": language,
        "direction": direction(language),
        "languages": languages.choices(language),
        "carried": f"?{languages.PARAMETER}={chosen}" if chosen else "",
        "here": request.path,
    }
    response = HttpResponse(render_to_string(f"forbear/public/{template}", whole), status=status)
    return sealed(response, language, policy)


def sealed(response: HttpResponse, language: str = "", policy: str = POLICY) -> HttpResponse:
    """The headers of whatever a public page answers: stored nowhere, found by no search, framed by nobody."""
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow, noarchive",
        "X-Content-Type-Options": "nosniff",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Vary": "Accept-Language",
    }
    for name, value in headers.items():
        response.headers[name] = value
    if language:
        response.headers["Content-Language"] = language
    response._has_been_logged = True  # type: ignore[attr-defined] # Django would log the path, and with it the token
    return response


def told(
    request: HttpRequest,
    what: str,
    status: int,
    *,
    language: str | None = None,
    retry_after_s: int | None = None,
    fault: str = "",
) -> HttpResponse:
    """A page that says only one thing: `what` names the texts `<what>.title` and `<what>.body`."""
    language = language or languages.language_of(request)
    said = {"title": text(language, f"{what}.title"), "body": text(language, f"{what}.body"), "fault": fault}
    response = shown(request, "told.html", said, language=language, status=status)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def lost(request: HttpRequest) -> HttpResponse:
    """The one answer to every link that leads nowhere: forged, altered, forgotten or somebody else's."""
    return told(request, "lost", 404)


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A public view: limited by client, and every failure a page that people can read."""

    @wraps(view)
    def guarding(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        try:
            wait_s = clients.wait_s(clients.CLIENTS, clients.client_of(request))
            if wait_s:
                return too_fast(request, wait_s)
            return view(request, *args, **more)
        except Exception as error:  # noqa: BLE001 - the edge: every request is answered
            return _failed(request, error)

    return guarding


def too_fast(request: HttpRequest, wait_s: int, language: str | None = None) -> HttpResponse:
    return told(request, "too_fast", 429, language=language, retry_after_s=wait_s)


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | ClockAstray):
        _log.warning("a public page has no store: %s", type(error).__name__)
        return told(request, "away", 503, retry_after_s=RETRY_AFTER_S)
    if isinstance(error, Problem) and error.status == 503:
        return told(request, "away", 503, retry_after_s=error.retry_after_s or RETRY_AFTER_S)
    if isinstance(error, Refused):
        return lost(request)
    if isinstance(error, BadInput | SuspiciousOperation | BadRequest | MultiPartParserError | UnreadablePostError):
        return told(request, "not_taken", 400)
    fault = str(uuid.uuid4())
    _log.error("fault %s", fault, exc_info=error)
    return told(request, "fault", 500, fault=fault)
