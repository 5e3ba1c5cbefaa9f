"""The log: `/v1/log` proves that a record is in it; `/log/` serves its files to everybody (C2SP tlog-tiles)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.gate.proofs import Pending, Prover
from forbear.ledger import log as ledger_log
from forbear.ledger.logfiles import KEYS, Folder, LogDiffers, place
from forbear.tlog.tiles import CHECKPOINT, tile_of
from forbear.web.connections import borrowed
from forbear.web.fields import caller
from forbear.web.problem import Problem, not_found, unavailable

router = Router(tags=["log"])
_PLAIN: Final = "text/plain; charset=utf-8"
_FRESH: Final = {CHECKPOINT: "public, max-age=1", KEYS: "public, max-age=60"}
_FOREVER: Final = "public, max-age=31536000, immutable"
_READ_ONLY: Final = {"GET", "HEAD"}


class ProofOut(Schema):
    """A proof that `forbear audit verifier` checks offline, with the log's public key and nothing else."""

    format: str
    checkpoint: str = Field(description="The signed head: a C2SP signed note")
    proofs: list[dict[str, Any]] = Field(description="Of the record; of a decision also what became of its permit")


class PendingOut(Schema):
    """It is stored, and will be under the log's next head: ask again after `Retry-After`."""

    id: UUID
    pending: bool


class TreeOut(Schema):
    size: int
    root: str


class ConsistencyOut(Schema):
    old: TreeOut
    new: TreeOut
    path: list[str] = Field(description="RFC 6962 section 2.1.2, hashes in hex")
    checkpoint: str


@router.get("/log/proofs/{identity}", response={200: ProofOut, 202: PendingOut})
def proof(request: HttpRequest, identity: UUID, response: HttpResponse) -> Any:
    """Prove that an event, a decision or a permit (by its id) is in the log. Nothing personal is in the answer but
    what a decision has: the key of its address."""
    asks = caller(request, Permission.PROOF_READ)
    with borrowed() as connection:
        try:
            found = prover().prove(connection, identity, account=asks.account)
        except Pending:
            ledger_log.wake(connection)
            response["Retry-After"] = "1"
            return Status(202, {"id": identity, "pending": True})
        except LogDiffers as error:
            raise Problem(500, "log-differs", "The record is not what was logged", str(error)) from None
    if found is None:
        raise not_found("event, decision or permit")
    return found


@router.get("/log/consistency", response=ConsistencyOut)
def consistency(
    request: HttpRequest,
    old: Annotated[int, Query(ge=1, description="The size of a head you have")],
    new: Annotated[int | None, Query(ge=1, description="Else the newest head's")] = None,
) -> Any:
    """Prove that the log still begins with the tree it had."""
    caller(request, Permission.PROOF_READ)
    try:
        return prover().consistency(old, new)
    except Pending:
        raise unavailable("the log has no head yet") from None


def public(request: HttpRequest, name: str) -> HttpResponse:
    """`/log/checkpoint`, `/log/keys`, `/log/tile/...`: whole files, as they were written."""
    if request.method not in _READ_ONLY:
        raise Problem(405, "not-allowed", "The log is only read here")
    data = prover().folder.read(name)
    if data is None:
        raise Http404
    tile = tile_of(name)
    headers = {
        "Cache-Control": _FOREVER if tile else _FRESH[name],
        "Content-Type": "application/octet-stream" if tile else _PLAIN,
        "Access-Control-Allow-Origin": "*",  # public, without credentials: a verifier may run in a page
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(data, headers=headers)


def prover() -> Prover:
    return _prover(place())


@cache
def _prover(at: Path) -> Prover:
    return Prover(Folder(at))
