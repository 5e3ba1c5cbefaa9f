"""`/v1/people`: what is known of one address, as a file or a dossier; asking for an erasure.

The address stands in the body, never in a URL. An erasure itself is carried out by the operator (`forbear person
erase`): no key of the API may rewrite what was recorded.
"""

from __future__ import annotations

import threading
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.gate import access, dossier, erase
from forbear.gate.consent import any_address_key
from forbear.gate.dossier_pdf import pdf
from forbear.gate.dossier_zip import archive, prove
from forbear.gate.opened import opened
from forbear.ledger.kinds import KnownBy
from forbear.ledger.logfiles import Folder
from forbear.web.connections import borrowed
from forbear.web.fields import AddressText, Text, Words, alone, caller
from forbear.web.problem import unavailable

router = Router()
_AT_ONCE = threading.BoundedSemaphore(2)  # each holds a whole person's record in memory, and a processor
_PATIENCE_S = 20.0


class PersonIn(Words):
    address: AddressText


class DossierIn(PersonIn):
    form: Literal["zip", "pdf"] = Field("zip", description="`zip` to verify, the PDF in it; `pdf` alone to read")


class ErasureIn(PersonIn):
    text: Text | None = Field(None, description="What the person wrote: kept as evidence until they are erased")


class ErasureAskedOut(Schema):
    event: UUID
    at: str
    due_at: str = Field(description="By when the person must have an answer (GDPR art 12(3))")
    again: bool = Field(description="They had asked already, and wait")


class WaitingOut(Schema):
    event: UUID
    address: str | None
    at: str
    due_at: str


class WaitingsOut(Schema):
    requests: list[WaitingOut]


@router.post("/people/dossier", tags=["people"])
def make_dossier(request: HttpRequest, payload: DossierIn) -> HttpResponse:
    """Everything this account knows of one address and did about it. That it was made is recorded."""
    asks = caller(request, Permission.DOSSIER_MAKE)
    with _one_of_few(), borrowed() as connection, alone():
        made = dossier.collect(connection, payload.address, account=asks.account, key=asks.key)
        proofs = prove(connection, made)
        text = pdf(made, {identity: state for identity, (state, _) in proofs.items()}, Folder().checkpoint())
        dossier.note_made(connection, made, f"key {asks.key}")
    content, kind = (text, "application/pdf")
    if payload.form == "zip":
        content, kind = archive(made, proofs, text), "application/zip"
    return _file(content, kind, f"dossier.{payload.form}")


@router.post("/people/export", response=dict[str, Any], tags=["people"])
def export(request: HttpRequest, payload: PersonIn) -> dict[str, Any]:
    """What this account holds on a person, and what has to be said with it (GDPR arts 15 and 20)."""
    asks = caller(request, Permission.PERSON_EXPORT)
    with _one_of_few(), borrowed() as connection, alone():
        made = dossier.collect(connection, payload.address, account=asks.account, key=asks.key)
        found = access.export(connection, made)
        access.note_exported(connection, made, f"key {asks.key}", KnownBy.ACCOUNT)
    return found


@router.post("/people/erasure-requests", response={201: ErasureAskedOut}, tags=["people"])
def ask_erasure(request: HttpRequest, payload: ErasureIn) -> Status[dict[str, Any]]:
    """A person asks this account to be forgotten. It waits for the operator, who is told by when."""
    asks = caller(request, Permission.ERASURE_ASK)
    with borrowed() as connection, alone():
        key = any_address_key(payload.address, opened(), 0)
        found = erase.request(
            *(connection, asks.account, key),
            address=payload.address.strip(),
            text=payload.text,
            known_by=KnownBy.ACCOUNT,
            api_key=asks.key,
        )
    said = {"event": found.event, "at": rfc3339(found.at), "due_at": rfc3339(found.due_at), "again": found.again}
    return Status(201, said)


@router.get("/people/erasure-requests", response=WaitingsOut, tags=["people"])
def waiting(request: HttpRequest) -> dict[str, Any]:
    """Who asked this account to be forgotten and waits, the first due first."""
    asks = caller(request, Permission.ERASURE_ASK)
    with borrowed() as connection:
        found = erase.requests(connection, asks.account)
    return {
        "requests": [
            {"event": one.event, "address": one.address, "at": rfc3339(one.at), "due_at": rfc3339(one.due_at)}
            for one in found
        ]
    }


class _one_of_few:  # noqa: N801 - used as a function
    """A place among the few that may hold a whole person in memory. Raises `Problem` 503 when none is free."""

    def __enter__(self) -> None:
        if not _AT_ONCE.acquire(timeout=_PATIENCE_S):
            raise unavailable("other dossiers are being made")

    def __exit__(self, *_: object) -> None:
        _AT_ONCE.release()


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
