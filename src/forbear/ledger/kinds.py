"""The kinds of event, how an event is known, and what became of a contact. Closed lists; new members at the end."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What happened: `resource:action`."""

    CONSENT_GIVEN = "consent:given"
    CONSENT_WITHDRAWN = "consent:withdrawn"
    OPT_OUT_SAID = "opt_out:said"
    SUPPRESSION_PLACED = "suppression:placed"
    SUPPRESSION_LIFTED = "suppression:lifted"
    LIST_IMPORTED = "list:imported"
    LIST_WASHED = "list:washed"
    HOLD_PLACED = "hold:placed"
    HOLD_LIFTED = "hold:lifted"
    PERSONAL_ERASED = "personal:erased"
    REGISTRY_LOADED = "registry:loaded"
    ALERT_DECLARED = "alert:declared"
    ALERT_ENDED = "alert:ended"
    RELATIONSHIP_RECORDED = "relationship:recorded"
    RELATIONSHIP_ENDED = "relationship:ended"
    MESSAGE_HEARD = "message:heard"  # somebody wrote to a sender: the words, and what they were taken for
    MESSAGE_REVIEWED = "message:reviewed"  # a person decided what an unclear message meant
    MESSAGE_SENT = "message:sent"  # a confirmation, code or notice of ours left
    MESSAGE_FAILED = "message:failed"
    ADDRESSES_JOINED = "addresses:joined"  # they are one person's
    ADDRESSES_PARTED = "addresses:parted"
    FORM_OPENED = "form:opened"
    FORM_CLOSED = "form:closed"
    OPT_IN_ASKED = "opt_in:asked"  # not confirmed yet: nothing may follow from it but the question
    PREFERENCES_SET = "preferences:set"
    ABUSE_REPORTED = "abuse:reported"
    RECEIPT_GIVEN = "receipt:given"
    ERASURE_ASKED = "erasure:asked"
    PERSON_EXPORTED = "person:exported"
    DOSSIER_MADE = "dossier:made"
    LOG_KEY_MADE = "log_key:made"
    EVIDENCE_KEPT = "evidence:kept"  # a document or recording was uploaded, to be named by what it proves


class KnownBy(StrEnum):
    """How we know: who told us, and how well that can be trusted."""

    OBSERVED = "observed"  # our own door received it
    PERSON = "person"  # the person told us directly
    ACCOUNT = "account"  # an authenticated account claims it
    IMPORT = "import"  # a file an account or operator handed in
    OPERATOR = "operator"  # a named operator entered it
    CARRIER = "carrier"  # a carrier, mailbox provider or registry reported it


class Scope(IntEnum):
    """Whom a suppression binds."""

    INSTALLATION = 0
    ACCOUNT = 1
    SELLER = 2  # its brand: what people know it by
    PARTNER = 3  # every account the partner brought


class Leaf(IntEnum):
    """What a leaf of the log stands for."""

    DECISIONS = 1  # the root of one commit's decisions
    EVENT = 2
    EVENTS = 3  # the root of the events of one list
    REDEMPTION = 4
    DISPOSITION = 5


class Outcome(StrEnum):
    """What became of a permitted contact. Only `not_placed` gives the reserved cap back."""

    PLACED = "placed"  # it was made; no more is known
    DELIVERED = "delivered"
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    MACHINE = "machine"
    FAILED = "failed"  # made and failed on the way
    NOT_PLACED = "not_placed"  # never made
