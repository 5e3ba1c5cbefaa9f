"""`/v1/obligations`: what a word of obligation asks, by place and language, and which rules ask it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from forbear.gate.opened import opened
from forbear.rulebook import obligations
from forbear.rulebook.model import Rule
from forbear.rulebook.obligations import Obligation
from forbear.web.problem import Problem

router = Router(tags=["obligations"])

_PLACE: Final = re.compile(r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")

Place = Annotated[str | None, Query(description="ISO 3166: `FR`, `US-FL`; absent: what holds anywhere")]
Language = Annotated[
    str | None, Query(pattern="^[a-z]{2}$", description="ISO 639-1: `fr`; absent: the place's own, else English")
]


class BriefOut(Schema):
    word: str
    title: str
    kind: str = Field(description="said, shown, header, content or reachable")


class AskingOut(Schema):
    rule: str
    title: str
    places: list[str] = Field(description="Empty: everywhere")
    terms: dict[str, int] = Field(description="The strictest it sets")


class ObligationOut(Schema):
    """One word, in full. Any one of `texts` does; `{placeholders}` are to be filled in."""

    obligation: Obligation
    rules: list[AskingOut] = Field(description="The rules that ask it there")


@router.get("", response=list[BriefOut])
def words(request: HttpRequest, place: Place = None) -> list[dict[str, Any]]:
    """Every word of obligation; of one place, those that some rule asks there."""
    where = _place(place)
    known = obligations.shipped().entries.values()
    return [
        {"word": entry.word, "title": entry.title, "kind": entry.kind}
        for entry in known
        if where is None or obligations.asking(_rules(), entry.word, where)
    ]


@router.get("/{word}", response=ObligationOut)
def one(request: HttpRequest, word: str, place: Place = None, language: Language = None) -> dict[str, Any]:
    """What one word asks: what to do, a text in the language, how soon and how long, by which rules."""
    where = _place(place)
    if word not in obligations.shipped().entries:
        raise Problem(404, "not-found", "There is no such thing", f"no such obligation as `{word}`", "word")
    asking = obligations.asking(_rules(), word, where)
    terms = [term for rule in asking for term in obligations.terms_of([rule]) if term[0] == word]
    (found,) = obligations.owed([word], where, language, terms)
    return {
        "obligation": found,
        "rules": [
            {"rule": rule.id, "title": rule.title, "places": rule.applies.places, "terms": _strictest(rule, word)}
            for rule in asking
        ],
    }


def _rules() -> tuple[Rule, ...]:
    return opened().engine.rulebook.rules


def _strictest(rule: Rule, word: str) -> dict[str, int]:
    (found,) = obligations.owed([word], terms=obligations.terms_of([rule]))
    return {term: number for term in obligations.TERMS if (number := getattr(found, term)) is not None}


def _place(text: str | None) -> str | None:
    if text is None:
        return None
    if not _PLACE.match(text.upper()):
        raise Problem(422, "bad-input", "The request cannot be taken", f"`{text}` is no place", "place", "as `FR`")
    return text.upper()
