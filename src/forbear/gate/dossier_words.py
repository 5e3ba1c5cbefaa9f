"""The words of a dossier: what each kind of event is called, how moments and values are written for a reader."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from forbear.core.codes import Cure, Verdict
from forbear.core.instants import moment_of
from forbear.core.words import Channel, Mode, Purpose
from forbear.ledger.kinds import Kind

TITLES: Final[dict[str, str]] = {
    Kind.CONSENT_GIVEN: "Consent was given",
    Kind.CONSENT_WITHDRAWN: "Consent was withdrawn",
    Kind.OPT_OUT_SAID: "The person said stop",
    Kind.SUPPRESSION_PLACED: "Put on the list of those not to contact",
    Kind.SUPPRESSION_LIFTED: "Taken off the list of those not to contact",
    Kind.PERSONAL_ERASED: "The person was erased",
    Kind.RELATIONSHIP_RECORDED: "A dealing with the person was recorded",
    Kind.RELATIONSHIP_ENDED: "A dealing with the person ended",
    Kind.MESSAGE_HEARD: "The person wrote",
    Kind.MESSAGE_REVIEWED: "Somebody decided what the person meant",
    Kind.MESSAGE_SENT: "A message of ours left",
    Kind.MESSAGE_FAILED: "A message of ours could not be sent",
    Kind.ADDRESSES_JOINED: "This and other addresses were taken for one person's",
    Kind.ADDRESSES_PARTED: "This address was no longer taken for the same person's",
    Kind.OPT_IN_ASKED: "An opt-in was asked for and had to be confirmed",
    Kind.PREFERENCES_SET: "The person chose what they want to get",
    Kind.ABUSE_REPORTED: "The person reported abuse",
    Kind.RECEIPT_GIVEN: "A receipt was given",
    Kind.ERASURE_ASKED: "The person asked to be erased",
    Kind.PERSON_EXPORTED: "What is held on the person was handed out",
    Kind.DOSSIER_MADE: "A dossier was made",
}
KNOWN_BY: Final[dict[str, str]] = {
    "observed": "seen by this installation itself",
    "person": "told by the person directly",
    "account": "stated by the account",
    "import": "from a list that was brought in",
    "operator": "entered by the operator, by name",
    "carrier": "reported by a carrier, mailbox provider or register",
}
_LABELS: Final = {
    "by": "by",
    "honour_by": "had to be heeded by",
    "honour_rule": "by the rule",
    "reach_rule": "reaches so by the rule",
    "given_at": "given",
    "given_day": "given on",
    "until_day": "until",
    "names_seller": "names the seller",
    "given_by_person": "the person gave this address",
    "ip": "IP address",
}

_FIRST: Final = (
    *("level", "channel", "channels", "covers", "purposes", "sellers", "seller", "way", "reaches", "reason", "by"),
)
_LAST: Final = ("reach_rule", "honour_by", "honour_rule", "entries", "digest")


def in_order(names: Iterable[str]) -> list[str]:
    """What a reader looks for first, first."""
    place = {name: number - len(_FIRST) for number, name in enumerate(_FIRST)}
    place |= {name: number + 1 for number, name in enumerate(_LAST)}
    return sorted(names, key=lambda name: (place.get(name, 0), name))


def label(name: str) -> str:
    """`honour_by` as “had to be heeded by”."""
    return _LABELS.get(name, name.replace("_", " "))


def moment(at: int) -> str:
    """`2026-11-24 13:00:05 UTC`."""
    return f"{moment_of(at):%Y-%m-%d %H:%M:%S} UTC"


def day(value: date) -> str:
    return value.isoformat()


def said_of(value: Any) -> str:
    """A plain value as a reader sees it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(said_of(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(
            f"{label(str(name))} {said_of(one)}" for name, one in value.items() if one not in (None, [], {})
        )
    text = str(value)
    return text.replace("_", " ") if text.isidentifier() else text


def words_of(channel: Channel, purpose: Purpose, mode: Mode | None) -> str:
    """`a call (predictive), marketing`."""
    what = {Channel.VOICE: "a call", Channel.SMS: "a text message", Channel.EMAIL: "an e-mail"}[channel]
    how = "" if mode is None else f" ({mode.value.replace('_', ' ')})"
    return f"{what}{how}, {purpose.value.replace('_', ' ')}"


def verdict_words(verdict: Verdict, cure: Cure | None) -> str:
    if verdict is Verdict.ALLOW:
        return "allowed"
    if verdict is Verdict.DEFER:
        return "not now"
    return "no, until there is evidence" if cure is Cure.EVIDENCE else "no"
