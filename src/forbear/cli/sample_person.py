"""The sample's other side: a form to sign up by, a person who did, and the link to that person's own pages."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from forbear.accounts.connect import Connection

PERSON: Final = "pat@example.org"
FORM: Final = "news"
LIST: Final = "Offers and news"
_WORDS: Final = (
    "I want to hear from Sample Shop by e-mail about offers and news, up to 4 messages a month. "
    "I can stop at any time, by one click in every message."
)


class Shown(NamedTuple):
    """Addresses of pages, for whoever tries the sample."""

    pages: str  # of the person
    form: str


def prepare(connection: Connection, account: UUID, seller: str, base: str) -> Shown:
    """Makes what is missing; a link is new each time."""
    from forbear.core.words import Channel, ConsentLevel, Purpose
    from forbear.gate import consent, forms, links, wording
    from forbear.ledger import blobs
    from forbear.ledger.writes import Promise, now

    kept = wording.keep(connection, account, wording.NewWording(name="news", version="1", language="en", text=_WORDS))
    words = blobs.said(kept.wording.digest)
    promised = Promise(4, 30)
    found = forms.of_account(connection, account, FORM)
    if found is None:
        new = forms.NewForm(slug=FORM, subscribed=LIST, channel=Channel.EMAIL, wording=words, country="US")
        forms.open_form(connection, account, new)
        found = forms.of_account(connection, account, FORM)
        assert found is not None, "it was opened"
    if not consent.listed(connection, account, address=PERSON, limit=1):
        given = consent.Given(
            address=PERSON,
            level=ConsentLevel.EXPRESS,
            sellers=[seller],
            given_at=now(connection),
            channels=[Channel.EMAIL],
            purposes=[Purpose.MARKETING],
            names_seller=True,
            given_by_person=True,
            wording=words,
            subscribed=LIST,
            promised=promised,
            evidence="sample: ticked at the counter",
        )
        consent.give(connection, account, [given])
    wanted = links.Wanted(address=PERSON, channel=Channel.EMAIL, seller=seller, list=LIST)
    (made,) = links.make(connection, account, [wanted])
    return Shown(made.urls.unsubscribe, base + forms.path_of(found))
