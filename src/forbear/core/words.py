"""The words of the domain that have a closed list of values.

Each enum's order is fixed: the index of a member is its bit in the column form
(`bit`, `mask`), so new members are added at the end only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache


class Word(StrEnum):
    @property
    def bit(self) -> int:
        return _bits(type(self))[self]


@cache
def _bits(words: type[Word]) -> dict[Word, int]:
    return {word: 1 << index for index, word in enumerate(words)}


def mask(words: Iterable[Word]) -> int:
    """The bits of several words, or-ed."""
    bits = 0
    for word in words:
        bits |= word.bit
    return bits


class Channel(Word):
    VOICE = "voice"
    SMS = "sms"
    EMAIL = "email"


class Mode(Word):
    """How a voice call is placed; text and mail have none."""

    LIVE = "live"
    PREDICTIVE = "predictive"
    PRERECORDED = "prerecorded"
    AI_VOICE = "ai_voice"


class Purpose(Word):
    MARKETING = "marketing"
    RESEARCH = "research"
    FUNDRAISING = "fundraising"
    DEBT_COLLECTION = "debt_collection"
    HEALTHCARE = "healthcare"
    FINANCIAL_ALERT = "financial_alert"
    DELIVERY = "delivery"
    INFORMATIONAL = "informational"
    TRANSACTIONAL = "transactional"
    OPTOUT_CONFIRMATION = "optout_confirmation"
    EMERGENCY = "emergency"


class RecipientKind(Word):
    CONSUMER = "consumer"
    BUSINESS = "business"
    SOLE_TRADER = "sole_trader"


class SenderKind(Word):
    COMPANY = "company"
    CHARITY = "charity"
    POLITICAL = "political"
    GOVERNMENT = "government"
    EDUCATIONAL = "educational"
    RELIGIOUS = "religious"


class LineType(Word):
    MOBILE = "mobile"
    LANDLINE = "landline"


class ConsentLevel(Word):
    INFERRED = "inferred"
    SOFT_OPT_IN = "soft_opt_in"
    EXPRESS = "express"
    EXPRESS_ORAL = "express_oral"
    EXPRESS_WRITTEN = "express_written"


class ConsentCover(Word):
    AUTOMATED = "automated"
    OUT_OF_HOURS = "out_of_hours"


class RelationshipKind(Word):
    PURCHASE = "purchase"
    INQUIRY = "inquiry"
    CONTRACT = "contract"
    DONATION = "donation"
    CUSTOMER = "customer"


class OptOutScope(Word):
    ALL = "all"
    MARKETING = "marketing"
    CAMPAIGN = "campaign"
    DIRECT_MARKETING_OBJECTION = "direct_marketing_objection"
    LIST = "list"
    ALL_BUT_NEEDED = "all_but_needed"  # what the person themself needs (an order, a code, a warning) still comes


class Way(Word):
    """How a person said stop, or who passed it on."""

    REPLY = "reply"  # a word or sentence written back
    LINK = "link"  # the page behind a link, confirmed there
    ONE_CLICK = "one_click"  # RFC 8058, from the mail program
    PREFERENCES = "preferences"  # chosen in the preference centre
    MAIL = "mail"  # to the unsubscribe address
    KEY_PRESS = "key_press"
    SPOKEN = "spoken"  # to an agent
    LETTER = "letter"
    COMPLAINT = "complaint"
    CARRIER = "carrier"  # a network told us
    PROVIDER = "provider"  # a mail or message provider told us
    IMPORTED = "imported"  # from a list; how it was said is not known


NEEDED = frozenset(
    {
        Purpose.TRANSACTIONAL,
        Purpose.DELIVERY,
        Purpose.FINANCIAL_ALERT,
        Purpose.HEALTHCARE,
        Purpose.OPTOUT_CONFIRMATION,
        Purpose.EMERGENCY,
    }
)
"""What `OptOutScope.ALL_BUT_NEEDED` leaves: contacts that the person themself needs, with no offer in them.

An order or account of theirs (15 U.S.C. 7702(17), "transactional or relationship message"), a parcel, a warning about
their money, their treatment (47 CFR 64.1200(a)(9)(i), (iii), (iv)), the one confirmation, an emergency.
"""


def stops(scope: OptOutScope, purposes: int) -> bool:
    """Whether an opt-out of this scope is about contacts of these purposes (bits) at all, its campaign or list apart.

    Purposes of which one is stopped are stopped: a notice with an offer in it is an offer too.
    """
    if scope in (OptOutScope.MARKETING, OptOutScope.DIRECT_MARKETING_OBJECTION):
        return bool(purposes & (Purpose.MARKETING.bit | Purpose.FUNDRAISING.bit))
    if scope is OptOutScope.ALL_BUT_NEEDED:
        return bool(purposes & ~mask(NEEDED))
    return True


class Reaching(Word):
    """Which channels an opt-out stops beyond the one it was said on. Each is wider than the one before."""

    SAID_ON = "said_on"
    SAME_NUMBER = "same_number"  # calls and texts alike
    ALL = "all"  # every channel, and the other addresses known to be the person's


class Binding(Word):
    """Whom an opt-out binds. Each is wider than the one before."""

    SELLER = "seller"  # its brand, wherever it sends from
    ACCOUNT = "account"  # every seller of the account
    PARTNER = "partner"  # every account the partner brought
    INSTALLATION = "installation"
