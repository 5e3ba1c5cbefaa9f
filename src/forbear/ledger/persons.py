"""Everything the ledger holds about one address, as rows: for the dossier, for the person, for whoever must look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from forbear.accounts.connect import Connection
from forbear.core.keys import AddressKey

Row = dict[str, Any]

_THEIRS: Final = "{0}.addr = %(addr)s AND {0}.mac IS NOT DISTINCT FROM %(mac)s"
_ACCOUNTS: Final = "(%(account)s::uuid IS NULL OR {0}.account = %(account)s)"


def _of(alias: str) -> str:
    return f"{_THEIRS.format(alias)} AND {_ACCOUNTS.format(alias)}"


SOURCES: Final[dict[str, str]] = {
    "events": (
        "SELECT e.id, e.kind, e.happened_at, e.learnt_at, e.known_by, e.account, e.seller, e.addr, e.key_id, e.mac,"  # noqa: S608
        " e.payload, e.personal_hash, e.batch, e.batch_index, p.salt, p.part, k.until AS kept_until,"
        " k.rule AS kept_rule FROM ledger_event e LEFT JOIN ledger_personal p ON p.event = e.id"
        f" LEFT JOIN ledger_kept k ON k.event = e.id WHERE {_of('e')} ORDER BY e.id"
    ),
    "decisions": (
        "SELECT d.*, s.body AS selector_body, b.rulebook, b.engine, p.expires_at, r.at AS redeemed_at,"  # noqa: S608
        " x.at AS settled_at, x.known_by AS settled_by, x.outcome, x.answered, x.conversation, x.abandoned, x.refused"
        " FROM ledger_decision d JOIN ledger_selector s ON s.digest = d.selector"
        " JOIN ledger_batch b ON b.id = d.batch LEFT JOIN ledger_permit p ON p.id = d.permit"
        " LEFT JOIN ledger_redemption r ON r.permit = d.permit LEFT JOIN ledger_disposition x ON x.permit = d.permit"
        f" WHERE {_of('d')} ORDER BY d.id"
    ),
    "suppressions": (  # the words of another account of the seller are its own
        "SELECT s.id, s.addr, s.key_id, s.mac, s.scope, s.owner, s.channels, s.covers, s.campaign, s.list, s.said,"  # noqa: S608
        " s.imported, CASE WHEN %(account)s::uuid IS NULL OR s.said OR e.account IS NULL OR e.account = %(account)s"
        " THEN s.reason ELSE 'told to another account of this seller' END AS reason, s.at, s.last_at, s.until, s.way,"
        " s.change, s.lifted_at, s.lifted_by FROM ledger_suppression s LEFT JOIN ledger_event e ON e.id = s.id"
        f" WHERE {_THEIRS.format('s')} AND (%(account)s::uuid IS NULL OR s.owner = ANY(%(owners)s)) ORDER BY s.id"
    ),
    "consents": f"SELECT c.* FROM ledger_consent c WHERE {_of('c')} ORDER BY c.id",  # noqa: S608
    "dealings": f"SELECT r.* FROM ledger_relationship r WHERE {_of('r')} ORDER BY r.id",  # noqa: S608
    "joins": (
        "SELECT j.*, (SELECT count(*) FROM ledger_join o WHERE o.account = j.account AND o.person = j.person"  # noqa: S608
        f" AND o.id <> j.id AND o.parted_at IS NULL) AS others FROM ledger_join j WHERE {_of('j')} ORDER BY j.id"
    ),
    "reviews": f"SELECT v.* FROM ledger_review v WHERE {_of('v')} ORDER BY v.id",  # noqa: S608
    "messages": (  # a link or code is the person's alone: whoever else reads it could act as they
        "SELECT o.id, o.account, o.seller, o.kind, o.cause, o.channel, o.addr, o.key_id, o.mac, o.language,"  # noqa: S608
        " CASE WHEN o.kind IN ('opt_out_confirmation', 'help_answer', 'start_answer') THEN o.content"
        " ELSE o.content - ARRAY['text', 'html'] END AS content, o.at, o.expires_at, o.tries, o.sent_at, o.failed_at,"
        f" o.error, o.provider_id FROM ledger_outbox o WHERE {_of('o')} ORDER BY o.id"
    ),
    "opt-ins asked for": (
        "SELECT a.id, a.form, a.addr, a.key_id, a.mac, a.part, a.asked_at, a.expires_at, a.confirmed_at, f.account,"  # noqa: S608
        " f.seller, f.slug, f.list FROM ledger_optin a JOIN ledger_form f ON f.id = a.form"
        f" WHERE {_THEIRS.format('a')} AND {_ACCOUNTS.format('f')} ORDER BY a.id"
    ),
    "links": f"SELECT n.* FROM ledger_link n WHERE {_of('n')} ORDER BY n.id",  # noqa: S608
    "erasure requests": f"SELECT q.* FROM ledger_erasurerequest q WHERE {_of('q')} ORDER BY q.id",  # noqa: S608
    "attempts counted": (
        "SELECT t.addr, t.attempts FROM ledger_counter t WHERE t.addr = %(addr)s AND t.attempts <> ''"
        " AND %(account)s::uuid IS NULL"
    ),
}
"""What is looked through, by name. The counter is one row for all accounts: only the operator sees it."""


def rows_of(
    conn: Connection, source: str, keys: Sequence[AddressKey], account: UUID | None, owners: Sequence[UUID]
) -> Iterator[Row]:
    """The rows of one source under any of the keys; of one account, or of all."""
    for key in keys:
        names = {"addr": key.column, "mac": key.mac or None, "account": account, "owners": list(owners)}
        cursor = conn.execute(SOURCES[source], names)
        assert cursor.description is not None
        columns = [column.name for column in cursor.description]
        while some := cursor.fetchmany(1000):
            for row in some:
                values = (bytes(value) if isinstance(value, memoryview) else value for value in row)
                yield dict(zip(columns, values, strict=True))
