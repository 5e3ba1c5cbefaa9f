"""The HTTP API that Django serves, and the OpenAPI document of all of it, the hot route included."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError as NinjaValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.security import HttpBearer

from forbear.accounts.permissions import Permission
from forbear.web import keys
from forbear.web.edge import answered
from forbear.web.keys import Caller
from forbear.web.problem import Problem, forbidden
from forbear.web.schema import DecisionAnswer, DecisionRequest, ProblemBody

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


@api.exception_handler(Exception)
def _any(request: HttpRequest, error: Exception) -> HttpResponse:
    return answered(error)


@api.exception_handler(NinjaValidationError)
def _wrong(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    """The first thing wrong with a request: where it is and what it is."""
    first = error.errors[0]
    where = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "payload")]
    return answered(
        Problem(422, "bad-input", "The request cannot be taken", str(first.get("msg", "")), ".".join(where) or None)
    )


def caller(request: HttpRequest, permission: Permission) -> Caller:
    """Who asks. Raises `Problem` 403 where the key may not."""
    found = request.auth  # type: ignore[attr-defined]
    assert isinstance(found, Caller)
    if permission not in found.permissions:
        raise forbidden(permission)
    return found
