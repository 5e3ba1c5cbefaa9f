"""The HTML by which a page of the account's own carries a form, in the language of the form."""

from __future__ import annotations

from forbear.core.words import Channel
from forbear.gate import forms
from forbear.web.public.texts import text


def snippet(found: forms.Open, base: str) -> str:
    """A plain form, without script."""
    language = found.form.language.partition("-")[0].lower()
    kind = "email_address" if found.form.channel == Channel.EMAIL.bit else "phone_number"
    return forms.snippet(found, base, address=text(language, kind), submit=text(language, "optin.form.button"))
