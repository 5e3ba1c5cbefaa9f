"""`/v1/links`: links by which people reach their own pages, for messages that are not decided here one by one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from forbear.accounts.permissions import Permission
from forbear.core.words import Channel
from forbear.gate import links
from forbear.web.connections import borrowed
from forbear.web.fields import AddressText, Name, Words, caller, within

router = Router()


class LinkIn(Words):
    """A message that will carry a link."""

    address: AddressText
    channel: Channel = Field(description="Of the message")
    seller: Name | None = Field(None, description="Whose message it is; absent: the account's first seller")
    list: Name | None = Field(None, description="The list it goes to")
    campaign: Name | None = None
    language: str | None = Field(None, pattern="^[a-z]{2}$", description="The person's, if known: ISO 639-1")


class LinksIn(Words):
    """Made in order, all or none."""

    links: list[LinkIn] = Field(min_length=1, max_length=links.MOST)


class UrlsOut(Schema):
    unsubscribe: str = Field(description="Shows a page; a POST there unsubscribes (RFC 8058)")
    preferences: str
    why: str
    report: str


class LinkOut(Schema):
    id: UUID
    urls: UrlsOut
    headers: dict[str, str] = Field(description="Of an e-mail: put them in as they are, under the DKIM signature")
    text: str = Field(description="A line for the end of a text message")


class LinksOut(Schema):
    links: list[LinkOut]


@router.post("/links", response={201: LinksOut}, tags=["links"])
def make_links(request: HttpRequest, payload: LinksIn) -> Status[dict[str, Any]]:
    """Links to the pages of the people these messages go to. An allowed decision on an e-mail or text has its own."""
    asks = caller(request, Permission.LINK_MAKE)
    wanted = [links.Wanted(**one.model_dump()) for one in payload.links]
    with borrowed() as connection, within("links"):
        made = links.make(connection, asks.account, wanted, key=asks.key)
    return Status(
        201,
        {
            "links": [
                {
                    "id": one.id,
                    "urls": {name: getattr(one.urls, name) for name in one.urls.__struct_fields__},
                    "headers": dict(one.headers),
                    "text": one.text,
                }
                for one in made
            ]
        },
    )
