"""The HTTP API that Django serves, and the OpenAPI document of all of it, the hot route included."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Field, NinjaAPI, Query, Schema, Status
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.security import HttpBearer

from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.core.words import RelationshipKind, Word
from forbear.gate import explain as gate_explain
from forbear.gate import owed as gate_owed
from forbear.gate import redeem as gate_redeem
from forbear.gate import relationships as gate_relationships
from forbear.gate import settle as gate_settle
from forbear.ledger.kinds import Outcome
from forbear.rulebook.obligations import Obligation
from forbear.web import consents, forms, hearing, keys, links, log, obligations, people, suppressions
from forbear.web.connections import borrowed
from forbear.web.edge import answered
from forbear.web.fields import (
    AddressText,
    Limit,
    Name,
    ReceiptOut,
    Text,
    Words,
    alone,
    caller,
    day_of_text,
    within,
)
from forbear.web.keys import Caller
from forbear.web.problem import Problem, not_found
from forbear.web.schema import DecisionAnswer, DecisionRequest, ProblemBody, relationship_out

W = TypeVar("W", bound=Word)

_PROBLEMS: Final = {
    "400": "Not JSON",
    "401": "No valid API key",
    "403": "The key may not do that",
    "409": "The idempotency key was used for another request",
    "413": "The body is too large",
    "422": "The request cannot be taken; `key` names what to mend",
    "429": "Too many requests; see `Retry-After`",
    "503": "No answer can be given now: contact nobody, ask again with the same idempotency key",
}


class JsonParser(Parser):
    """Bodies through msgspec: strict, quick, and no deeper than it can go without falling over."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            if b"\\u0000" in request.body:
                raise Problem(422, "bad-input", "The request cannot be taken", "a text holds the character NUL")
            return msgspec.json.decode(request.body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "not-json", "The request is not JSON", str(error)) from None


class ApiKey(HttpBearer):
    """`Authorization: Bearer <id>.<secret>`."""

    def __call__(self, request: HttpRequest) -> Caller:
        return keys.check(request.headers.get("Authorization", ""))

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        return keys.check(f"Bearer {token}")


class Api(NinjaAPI):
    """Ninja's API, whose document also describes the route that is served before Django."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        (request, answer, problem), schemas = msgspec.json.schema_components(
            [DecisionRequest, DecisionAnswer, ProblemBody], ref_template="#/components/schemas/{name}"
        )
        document["components"].setdefault("schemas", {}).update(schemas)
        problems = {
            status: {"description": said, "content": {"application/problem+json": {"schema": problem}}}
            for status, said in _PROBLEMS.items()
        }
        document["paths"].setdefault("/v1/decisions", {})["post"] = {
            "operationId": "decide",
            "summary": "May these contacts be made, now?",
            "description": "Judged, stored and, where allowed, permitted in one commit; answered after it.",
            "tags": ["decisions"],
            "security": [{"ApiKey": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
            "responses": {
                "200": {"description": "One answer a contact", "content": {"application/json": {"schema": answer}}},
                **problems,
            },
        }
        document["paths"].setdefault("/v1/evidence", {})["post"] = {
            "operationId": "keep_evidence",
            "summary": "Keep a document or recording",
            "description": "Written down as it comes, by the SHA-256 of its bytes; a consent then names it.",
            "tags": ["consents"],
            "security": [{"ApiKey": []}],
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": {
                "201": {"description": "Its digest, its size, and the media type its bytes show"},
                "413": problems["413"],
            },
        }
        for path in document["paths"].values():
            for operation in path.values():
                for status in ("401", "403", "422", "503"):
                    operation["responses"].setdefault(status, problems[status])
        return document


api = Api(
    title="Forbear",
    version="1",
    description="The gate between the systems that call, text and mail people, and the people.",
    docs_url=None,
    openapi_url="openapi.json",
    parser=JsonParser(),
    auth=ApiKey(),
    urls_namespace="v1",
)
api.add_router("/obligations", obligations.router)
api.add_router("", suppressions.router)
api.add_router("", consents.router)
api.add_router("", forms.router)
api.add_router("", hearing.router)
api.add_router("", people.router)
api.add_router("", log.router)
api.add_router("", links.router)


@api.exception_handler(Exception)
def _any(request: HttpRequest, error: Exception) -> HttpResponse:
    return answered(error)


@api.exception_handler(HttpError)
def _not_parsed(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Ninja hides what our parser said behind an error of its own."""
    said = error.__cause__ or error.__context__
    if isinstance(said, Problem):
        return answered(said)
    return answered(Problem(error.status_code, "bad-request", "The request cannot be taken", str(error)))


@api.exception_handler(NinjaValidationError)
def _wrong(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    """The first thing wrong with a request: where it is and what it is."""
    first = error.errors[0]
    where = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "payload")]
    return answered(
        Problem(422, "bad-input", "The request cannot be taken", str(first.get("msg", "")), ".".join(where) or None)
    )


# --- decisions and permits


class CitedOut(Schema):
    title: str
    seen: str = Field(description="The day it was read")
    url: str | None
    quote: str | None


class RuleOut(Schema):
    rule: str
    code: str = Field(description="SATISFIED, NOT_NOW, UNKNOWN or FORBIDDEN")
    title: str
    shadow: bool
    decided: bool
    cites: list[CitedOut]
    confidence: str | None
    note: str | None = Field(description="What of the rule is from memory, disputed or a reading of ours")
    override: str | None = Field(description="The operator's own text stood here: who answers for it, and why")
    as_shipped: str | None = Field(description="What the rule as shipped says, where an own text stood")


class CoverageOut(Schema):
    """What of a candidate place's law was read for such a contact."""

    places: list[str]
    status: str = Field(description="complete, partial; none: nothing was read, so nobody is let through")
    confidence: str | None
    source: str | None
    seen: str | None
    note: str | None


class LocalTimeOut(Schema):
    zone: str
    regions: list[str]
    time: str


class ListOut(Schema):
    registry: str
    listed: bool | None
    obtained: str | None
    age_days: int | None
    edition: str | None


class TodayOut(Schema):
    rulebook: str
    same: bool = Field(description="As was decided then")
    verdict: str
    cure: str | None
    earliest: str | None
    rules: list[str]
    overrides: list[str]


class ExplainedOut(Schema):
    """Why a stored decision came out as it did."""

    id: UUID
    at: str
    channel: str
    purpose: str
    mode: str | None
    verdict: str
    cure: str | None
    earliest: str | None
    rules: list[str]
    obligations: list[str]
    overrides: list[str] = Field(description="The operator's own texts of shipped rules that mattered")
    permit: UUID | None
    rulebook: str = Field(description="Digest of the rules that judged it")
    engine: str
    same_engine: bool = Field(description="It was judged again by the engine and the rules that judged it")
    agrees: bool | None = Field(
        description="Judged again by the rules of that day it comes out the same; null: those rules are not at hand"
    )
    missing: str | None = Field(description="Why the rules of that day are not at hand")
    today: TodayOut = Field(description="What the rules of today say of the same facts at the same moment")
    confidence: str | None = Field(description="The lowest of the rules that decided; on `allow` of all to be met")
    coverage: list[CoverageOut] = Field(description="What was read of each place the person may be in")
    said: list[RuleOut] = Field(
        description="What every rule said that applied, by the rules of that day, or by today's"
    )
    local_times: list[LocalTimeOut] = Field(description="The clock wherever the person may have been")
    alerts: list[str] = Field(description="Emergencies in force then, where the person may have been")
    registries: list[ListOut]
    remarks: list[str] = Field(
        description="What of the facts deserves a word: a pause, a promised frequency, a consent that lifts nothing"
    )
    logged: bool = Field(description="Its batch is in the log; false: pending")
    obligations_detail: list[Obligation] | None = Field(None, description="On `expand=obligations` alone")


@api.get("/decisions/{decision}", response=ExplainedOut, exclude_unset=True, tags=["decisions"])
def explain(
    request: HttpRequest,
    decision: UUID,
    expand: Annotated[Literal["obligations"] | None, Query(description="Say what each obligation asks")] = None,
    language: obligations.Language = None,
) -> dict[str, Any]:
    """Every rule's word on a stored decision, with its citation; local times; the age of each registry."""
    asks = caller(request, Permission.DECISION_READ)
    with borrowed() as connection:
        found = gate_explain.explain(connection, asks.account, decision)
    if found is None:
        raise not_found("decision")
    said = explained(found)
    if expand:
        said["obligations_detail"] = gate_owed.of_explained(found, language=language)
    return said


def explained(found: gate_explain.Explained) -> dict[str, Any]:
    """On the wire: moments as RFC 3339."""
    said: dict[str, Any] = msgspec.to_builtins(found, builtin_types=(UUID,))
    lists = [
        {
            "registry": one.registry,
            "listed": one.listed,
            "obtained": None if one.obtained_at is None else rfc3339(one.obtained_at),
            "age_days": one.age_days,
            "edition": one.edition,
        }
        for one in found.lists
    ]
    earliest = None if found.earliest is None else rfc3339(found.earliest)
    today = said["today"] | {"earliest": None if found.today.earliest is None else rfc3339(found.today.earliest)}
    return said | {
        "id": found.decision,
        "at": rfc3339(found.at),
        "earliest": earliest,
        "registries": lists,
        "today": today,
    }


class RedeemedOut(Schema):
    permit: UUID
    outcome: Literal["redeemed"]
    at: str


class SettledOut(Schema):
    permit: UUID
    outcome: Literal["settled"]


class DispositionIn(Words):
    """What became of the contact. A permit never settled counts as an attempt; only `not_placed` gives it back."""

    outcome: Outcome
    answered: bool | None = None
    conversation: bool | None = None
    abandoned: bool | None = None
    refused: bool | None = Field(None, description="The person wants no further contact of this kind")


@api.post("/permits/{permit}/redeem", response=RedeemedOut, tags=["permits"])
def redeem(request: HttpRequest, permit: UUID) -> dict[str, Any]:
    """Spend a permit at the moment of contact: once, in time, and only if nothing was said since."""
    asks = caller(request, Permission.PERMIT_REDEEM)
    with borrowed() as connection:
        (found,) = gate_redeem.redeem(connection, asks.account, [permit], asks.key)
    if found.outcome is gate_redeem.Spent.UNKNOWN:
        raise not_found("permit")
    if found.outcome is not gate_redeem.Spent.REDEEMED:
        raise Problem(
            410 if found.outcome is gate_redeem.Spent.EXPIRED else 409,
            f"permit-{found.outcome.value.replace('_', '-')}",
            "The contact may not be made",
            _SPENT[found.outcome],
            todo="ask for a new decision",
        )
    return {"permit": permit, "outcome": "redeemed", "at": rfc3339(found.at)}


@api.post("/permits/{permit}/disposition", response=SettledOut, tags=["permits"])
def disposition(request: HttpRequest, permit: UUID, payload: DispositionIn) -> dict[str, Any]:
    """Say what became of a permitted contact, once."""
    asks = caller(request, Permission.PERMIT_SETTLE)
    said = gate_settle.Disposition(**payload.model_dump())
    with borrowed() as connection:
        found = gate_settle.settle(connection, asks.account, permit, said, asks.key)
    if found is gate_settle.Settled.UNKNOWN:
        raise not_found("permit")
    if found is gate_settle.Settled.ALREADY:
        raise Problem(409, "permit-already-settled", "Its disposition is recorded", "it is recorded once and stays")
    return {"permit": permit, "outcome": "settled"}


_SPENT: Final = {
    gate_redeem.Spent.EXPIRED: "the permit has expired",
    gate_redeem.Spent.ALREADY: "the permit was redeemed before",
    gate_redeem.Spent.SETTLED: "its disposition was recorded before",
    gate_redeem.Spent.SUPPRESSED: "the person, or a list, said no since it was issued",
    gate_redeem.Spent.HELD: "the account or seller was stopped since it was issued",
}


class RelationshipIn(Words):
    """A dealing with a person, or with `ended` its end. What is absent is not known, never "no"."""

    address: AddressText
    kind: RelationshipKind
    seller: Name | None = Field(None, description="Whose; absent: the account's first seller")
    on: Annotated[str, Field(max_length=40)] | None = Field(None, description="The day of the last one")
    ongoing: bool | None = None
    subject: Name | None = Field(None, description="What it was about: a contact with the same `subject` is related")
    given_by_person: bool | None = Field(None, description="The person gave this address to the sender")
    reference: Text | None = Field(None, description="Where the proof is, or its words: kept as evidence")
    ended: bool = Field(False, description="What stands of this kind (and `subject`) counts for nothing from now on")


class RelationshipsIn(Words):
    """Recorded in order, all or none."""

    relationships: list[RelationshipIn] = Field(min_length=1, max_length=gate_relationships.MOST)


class RelationshipReceiptOut(ReceiptOut):
    ended: int = Field(description="How many that stood have ended")


class RelationshipOut(Schema):
    id: UUID
    kind: RelationshipKind
    seller: UUID
    on: str | None
    ongoing: bool | None
    has_subject: bool
    given_by_person: bool | None
    ended: datetime | None


class RelationshipsOut(Schema):
    relationships: list[RelationshipOut]
    next: UUID | None


@api.post("/relationships", response={201: RelationshipReceiptOut}, tags=["relationships"])
def record_relationships(request: HttpRequest, payload: RelationshipsIn) -> Status[dict[str, Any]]:
    """Record purchases, inquiries, contracts, donations and customers of the account's sellers, and their ends."""
    asks = caller(request, Permission.RELATIONSHIP_WRITE)
    with borrowed() as connection, within("relationships"):
        dealings = [
            gate_relationships.Dealing(**one.model_dump(exclude={"on"}), on=day_of_text(one.on, f"[{place}].on"))
            for place, one in enumerate(payload.relationships)
        ]
        found = gate_relationships.record(connection, asks.account, dealings, key=asks.key)
    return Status(201, {"events": found.events, "at": rfc3339(found.at), "seq": found.seq, "ended": found.ended})


@api.get("/relationships", response=RelationshipsOut, tags=["relationships"])
def relationships(
    request: HttpRequest, address: str | None = None, after: UUID | None = None, limit: Limit = 100
) -> dict[str, Any]:
    """What the account recorded, newest first; of one address, if given."""
    asks = caller(request, Permission.RELATIONSHIP_READ)
    with borrowed() as connection, alone():
        found = gate_relationships.listed(connection, asks.account, address=address, after=after, limit=limit + 1)
    page = [relationship_out(one) for one in found[:limit]]
    return {"relationships": page, "next": page[-1]["id"] if len(found) > limit else None}
