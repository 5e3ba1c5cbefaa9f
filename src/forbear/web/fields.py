"""What the parts of the API share: who asks, the plain types of the wire, and where in a request something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Schema
from pydantic import ConfigDict

from forbear.accounts.permissions import Permission
from forbear.core.errors import BadInput
from forbear.core.instants import at_of, parse_day, parse_rfc3339
from forbear.web.keys import Caller
from forbear.web.problem import forbidden

Limit = Annotated[int, Query(ge=1, le=1000)]


def caller(request: HttpRequest, permission: Permission) -> Caller:
    """Who asks. Raises `Problem` 403 where the key may not."""
    found = request.auth  # type: ignore[attr-defined]
    assert isinstance(found, Caller)
    if permission not in found.permissions:
        raise forbidden(permission)
    return found


class Words(Schema):
    """A key that is absent or `null` means not known; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


Text = Annotated[str, Field(max_length=20_000)]
Instant = Annotated[str, Field(max_length=40, description="RFC 3339, with a zone")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
AddressText = Annotated[str, Field(min_length=1, max_length=320, description="E.164 number or e-mail address")]


class ReceiptOut(Schema):
    """It is stored and in force. A list washed at or after `seq` honours it."""

    events: list[UUID]
    at: str
    seq: int


_FIRST: Final = at_of(datetime(1900, 1, 1, tzinfo=UTC))  # before: what a program writes that knows no moment
_LAST: Final = at_of(datetime.max.replace(tzinfo=UTC))


def at_of_text(text: str | None, key: str) -> int | None:
    try:
        at = None if text is None else parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise BadInput(str(error), key=key, todo="write it as 2026-11-24T13:00:00Z") from None
    if at is not None and not _FIRST <= at <= _LAST:
        raise BadInput("not a moment of our time", key=key, todo="leave it out where it is not known")
    return at


def day_of_text(text: str | None, key: str) -> int | None:
    try:
        return None if text is None else parse_day(text)
    except ValueError as error:
        raise BadInput(str(error), key=key, todo="write it as 2026-11-24") from None


@contextmanager
def within(name: str) -> Iterator[None]:
    """A place in the list (`[3].on`) as the place in the request."""
    try:
        yield
    except BadInput as error:
        if error.key is not None and error.key.startswith("["):
            error.key = name + error.key
        raise


@contextmanager
def alone() -> Iterator[None]:
    """The gate counts what it was handed (`[0].address`); a request of one thing names the key alone."""
    try:
        yield
    except BadInput as error:
        if error.key is not None:
            error.key = error.key.removeprefix("[0].")
        raise
