"""`{% say "key" seller=name %}`: a text in the language of the page, escaped."""

from __future__ import annotations

from typing import Any

from django import template

from forbear.web.public.texts import text

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: template.Context, key: str, **values: Any) -> str:
    """The text of `key` in the page's `language`, its placeholders filled in."""
    return text(str(context["language"]), key, **values)
