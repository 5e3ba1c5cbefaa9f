"""`/u/{token}/receipts/{event}`: one receipt of a person: what was recorded, when, and that it stands in the log.

The proof file holds the record's own values, the address key among them, which of a number is the number: by a link
that was not sent to the address itself it is given for e-mail addresses only.
"""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse

from forbear.core.instants import at_of, moment_of
from forbear.gate.proofs import Pending
from forbear.ledger import log as ledger_log
from forbear.ledger.kinds import Kind
from forbear.web.log import prover
from forbear.web.public import shell
from forbear.web.public.person import Visit, visiting

_WHAT: Final = {
    Kind.OPT_OUT_SAID: "stopped",
    Kind.PREFERENCES_SET: "chosen",
    Kind.ABUSE_REPORTED: "reported",
    Kind.ERASURE_ASKED: "erasure",
}


@visiting
def receipt(visit: Visit, event: UUID) -> HttpResponse:
    """What the receipt number stands for, and where it is in the log."""
    found = _event(visit, event)
    if found is None:
        return shell.lost(visit.request)
    kind, at = found
    moment = moment_of(at)
    proof = _proof(visit, event)
    what = _WHAT.get(Kind(kind), "other")
    known: dict[str, Any] = {
        "title": visit.say("receipt.title"),
        "event": event,
        "what": visit.say(f"receipt.{what}"),
        "when": f"{visit.day(moment)}, {moment:%H:%M:%S} UTC",
        "state": visit.say("receipt.pending"),
        "provable": False,
    }
    if proof is not None:
        size = proof["checkpoint"].splitlines()[1]
        index = proof["proofs"][0]["index"] + 1
        known["state"] = visit.say("receipt.logged", index=index, size=size)
        known["provable"] = visit.mail or visit.link.fresh
    return visit.page("person/receipt.html", known)


@visiting
def proof_file(visit: Visit, event: UUID) -> HttpResponse:
    """The proof, for a verifier that needs nothing else."""
    if _event(visit, event) is None or not (visit.mail or visit.link.fresh):
        return shell.lost(visit.request)
    proof = _proof(visit, event)
    if proof is None:
        return shell.told(visit.request, "away", 503, language=visit.language, retry_after_s=1)
    body = json.dumps(proof, ensure_ascii=False, indent=1)
    response = HttpResponse(body, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="proof-{event}.json"'
    return shell.sealed(response, visit.language)


def _event(visit: Visit, event: UUID) -> tuple[str, int] | None:
    """Its kind and moment, where it is this person's and this account's."""
    address = visit.link.address
    row = visit.conn.execute(
        "SELECT kind, learnt_at FROM ledger_event WHERE id = %s AND account = %s AND addr = %s"
        " AND mac IS NOT DISTINCT FROM %s",
        [event, visit.link.account, address.column, address.mac or None],
    ).fetchone()
    return None if row is None else (row[0], at_of(row[1]))


def _proof(visit: Visit, event: UUID) -> dict[str, Any] | None:
    """None while it waits for the log's next head."""
    try:
        return prover().prove(visit.conn, event, account=visit.link.account)
    except Pending:
        ledger_log.wake(visit.conn)
        return None
