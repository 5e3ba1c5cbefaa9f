"""Every refusal of a request, in one form: problem+json (RFC 9457), naming the key at fault.

A problem's `type` is a path on this server that does not change; `title` says the kind,
`detail` the case, `key` the part of the request to mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from forbear.core.errors import BadInput

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(eq=False)
class Problem(Exception):
    """A request that is not answered with what it asked for, and why."""

    status: int
    kind: str  # the last part of `type`: `bad-request`, `too-many-contacts`
    title: str
    detail: str = ""
    key: str | None = None
    todo: str | None = None
    retry_after_s: int | None = None
    instance: str | None = None  # an id to quote when asking us

    def body(self) -> bytes:
        said: dict[str, Any] = {"type": f"/problems/{self.kind}", "title": self.title, "status": self.status}
        for name in ("detail", "key", "todo", "instance"):
            value = getattr(self, name)
            if value:
                said[name] = value
        return msgspec.json.encode(said)

    def headers(self) -> list[tuple[str, str]]:
        headers = [("content-type", MEDIA_TYPE), ("cache-control", "no-store")]
        if self.retry_after_s is not None:
            headers.append(("retry-after", str(self.retry_after_s)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("www-authenticate", "Bearer"))
        return headers


def of_bad_input(error: BadInput, *, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> Problem:
    """Bad input from any door of the gate, as the caller's problem."""
    where = "" if error.line is None else f"line {error.line}: "
    where += "" if error.column is None else f"column `{error.column}`: "
    return Problem(status, "bad-input", "The request cannot be taken", where + error.what, error.key, error.todo)


def unauthorized(detail: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "A valid API key is needed",
        detail,
        todo="send `Authorization: Bearer <id>.<secret>`",
    )


def forbidden(scope: str) -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN, "missing-scope", "This API key may not do that", f"the key lacks the scope `{scope}`"
    )


def not_found(what: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is no such thing", f"no such {what} in this account")


def too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        "The request is too large",
        f"a request body may have {limit:,} bytes",
        todo="send fewer contacts a request",
    )


def too_fast(retry_after_s: int) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        "This API key asks too often",
        "its request limit is reached",
        todo="wait, or send several contacts in one request",
        retry_after_s=retry_after_s,
    )


def unavailable(detail: str, *, retry_after_s: int = 1) -> Problem:
    """Our own outage. Nobody may be contacted on the strength of it."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "No answer can be given now",
        detail,
        todo="do not contact anyone on this answer; ask again with the same idempotency key",
        retry_after_s=retry_after_s,
    )


def ours(instance: str) -> Problem:
    """A fault of ours: an id to look for in the log, and no detail."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "fault",
        "The server failed",
        todo="do not contact anyone on this answer; quote `instance` when you ask about it",
        instance=instance,
    )
