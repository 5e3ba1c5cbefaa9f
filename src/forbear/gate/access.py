"""What is held on a person, handed out: the data and what has to be said with them (GDPR arts 15 and 20)."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from forbear.accounts import reads as account_reads
from forbear.accounts.connect import Connection
from forbear.core.instants import rfc3339
from forbear.gate.dossier_shape import Dossier
from forbear.gate.dossier_words import KNOWN_BY
from forbear.gate.dossier_zip import plain
from forbear.ledger import writes
from forbear.ledger.evidence import controller
from forbear.ledger.kinds import Kind, KnownBy
from forbear.ledger.persons import Row

FORMAT: Final = "forbear-person/1"
_HIDDEN: Final = (
    "addr",
    "key_id",
    "mac",
    "salt",
    "facts",
    "selector",
    "selector_body",
    "batch",
    "batch_index",
    "change",
)
_WHY: Final = {
    "events": "to carry out and prove what the person said and agreed to",
    "decisions": "to decide, and prove why, whether the person might be contacted",
    "suppressions": "to contact the person no more",
    "consents": "to know what the person agreed to, and until when",
    "dealings": "to know whether a business relationship allows a contact",
    "joins": "so that a stop at one address covers the person's others",
    "reviews": "so that somebody reads a message whose meaning is unclear",
    "messages": "to confirm to the person what they said",
    "opt-ins asked for": "to have an opt-in confirmed by the person themself",
    "links": "so that links in messages lead the person to their own pages",
    "erasure requests": "to erase the person when they ask for it",
    "attempts counted": "to heed how often the person may be contacted",
}
_KEPT: Final = {
    "suppressions": "as long as anybody might contact the person, as a keyed hash after an erasure",
    "opt-ins asked for": "until confirmed or expired",
    "attempts counted": "400 days",
}
_RIGHTS: Final = (
    "to be told what is held, and get a copy (arts 15, 20)",
    "to have it put right (art 16)",
    "to have it erased, but for what must be kept (art 17)",
    "to have its use restricted (art 18)",
    "to object to direct marketing at any time, without a reason (art 21)",
    "to withdraw a consent as easily as it was given (art 7(3))",
    "to complain to a supervisory authority (art 77)",
)


def export(conn: Connection, made: Dossier) -> dict[str, Any]:
    """The person's data, machine-readable, and what is said with them."""
    accounts = {row["account"] for rows in made.rows.values() for row in rows if row.get("account")}
    known = [found for account in sorted(accounts) if (found := account_reads.account(conn, account)) is not None]
    return {
        "format": FORMAT,
        "about": {"address": made.address, "scope": made.scope, "made_at": rfc3339(made.made_at)},
        "controllers": [
            {
                "account": one.name,
                "sellers": [
                    {"name": seller.name, "country": seller.country, **_said(conn, one.id, seller.id)}
                    for seller in one.sellers
                ],
            }
            for one in known
        ],
        "recipients": "the accounts and sellers named here, and the carriers and mail servers they send through",
        "sources": sorted({KNOWN_BY[row["known_by"]] for row in made.rows["events"] if row["known_by"] in KNOWN_BY}),
        "automated_decisions": "whether a contact is allowed is decided by published rules; each decision names them",
        "rights": list(_RIGHTS),
        "data": {
            source: {"purpose": _WHY[source], "kept": _KEPT.get(source, _THE_REST), "records": list(map(_open, rows))}
            for source, rows in made.rows.items()
            if rows
        },
    }


_THE_REST: Final = (
    "as long as it may be needed as proof; its personal parts go on request, but for what a law wants kept"
)


def note_exported(conn: Connection, made: Dossier, by: str, known_by: KnownBy) -> UUID:
    """Handing it out is itself an event."""
    with conn.transaction():
        return writes.append_event(
            *(conn, writes.now(conn), Kind.PERSON_EXPORTED, known_by),
            account=made.account,
            address=made.kept_key,
            payload={"by": by, "records": sum(n for _, n in made.searched)},
        )


def _said(conn: Connection, account: UUID, seller: UUID) -> dict[str, str]:
    said = controller(conn, account, seller)
    fields = {"address": said.address, "contact": said.contact, "url": said.url, "retention": said.retention}
    return {name: value for name, value in fields.items() if value}


def _open(row: Row) -> dict[str, Any]:
    """A row as the person reads it: without our keys, its personal part as what it says."""
    found = {name: plain(value) for name, value in row.items() if name not in _HIDDEN and value is not None}
    if isinstance(row.get("part"), bytes):
        found["part"] = row["part"].decode(errors="replace")
    return found
