"""What stands around every page and call: our errors as problems, and headers that keep a browser from wandering."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

import psycopg
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from forbear.core.errors import BadInput
from forbear.gate.contact import ClockAstray, Refused
from forbear.web.problem import Problem, of_bad_input, ours, unavailable

_log = logging.getLogger("forbear.web")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class guard:  # noqa: N801 - Django calls it as a function
    """Middleware. Whatever a view raises becomes a problem; a fault of ours an id and a line in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return None if isinstance(error, Http404 | SuspiciousOperation) else answered(error)


def problem_of(error: Exception) -> Problem:
    """Any error as the problem a caller gets."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, BadInput):
        return of_bad_input(error)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        _log.warning("the store does not answer: %s", type(error).__name__)
        return unavailable("the store does not answer")
    if isinstance(error, Refused):
        return _refused(error)
    if isinstance(error, ClockAstray):
        _log.error("%s", error)
        return unavailable("the clocks of the server and its store differ", retry_after_s=10)
    fault = str(uuid.uuid4())
    _log.error("fault %s", fault, exc_info=error)
    return ours(fault)


def _refused(error: Refused) -> Problem:
    """What the gate did not decide at all."""
    match error.why:
        case "key_revoked":
            return Problem(401, "unauthorized", "A valid API key is needed", "the key was revoked")
        case "key_reused":
            return Problem(
                409,
                "key-reused",
                "The idempotency key was used for other contacts",
                error.what,
                "idempotency_key",
                "use a new key for a new request",
            )
        case "unknown_seller":
            return Problem(422, "bad-input", "The request cannot be taken", error.what, "seller")
        case "unknown_account":
            return Problem(403, "no-account", "This account may not ask", error.what)


def answered(error: Exception) -> HttpResponse:
    return response_of(problem_of(error))


def response_of(problem: Problem) -> HttpResponse:
    return HttpResponse(problem.body(), status=problem.status, headers=dict(problem.headers()))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_of(Problem(404, "not-found", "There is nothing here", todo="see / for what there is"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response_of(Problem(400, "bad-request", "The request cannot be taken"))


def fault(request: HttpRequest) -> HttpResponse:
    return response_of(ours(str(uuid.uuid4())))
