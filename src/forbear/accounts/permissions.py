"""What an API key may do: `scope:resource:action`."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    DECISION_MAKE = "account:decision:make"
    DECISION_READ = "account:decision:read"
    PERMIT_REDEEM = "account:permit:redeem"
    PERMIT_SETTLE = "account:permit:settle"
    OPT_OUT_RECORD = "account:opt_out:record"
    SUPPRESSION_READ = "account:suppression:read"
    SUPPRESSION_WRITE = "account:suppression:write"
    CONSENT_READ = "account:consent:read"
    CONSENT_WRITE = "account:consent:write"
    RELATIONSHIP_READ = "account:relationship:read"
    RELATIONSHIP_WRITE = "account:relationship:write"
    LINK_MAKE = "account:link:make"
    INBOUND_HEAR = "account:inbound:hear"
    REVIEW_READ = "account:review:read"
    REVIEW_DECIDE = "account:review:decide"
    PROOF_READ = "account:proof:read"
    DOSSIER_MAKE = "account:dossier:make"
    PERSON_EXPORT = "account:person:export"
    ERASURE_ASK = "account:erasure:ask"
