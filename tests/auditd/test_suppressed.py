"""What joins, lists of providers, pauses and corrections leave in the ledger holds together, as the audit reads it."""

from __future__ import annotations

import json
from pathlib import Path

from forbear.core.words import Channel, OptOutScope
from forbear.gate import joins, suppress
from forbear.gate.opt_out import OptOut, opt_out
from tests.auditd.conftest import Kept
from tests.gate.conftest import PERSON

OTHER, ANN, BOB = "+15125550124", "ann@example.org", "bob@example.org"
LATER = 4_000_000_000_000_000


def test_an_audit_finds_nothing_wrong_with_joins_lists_pauses_and_corrections(kept: Kept, tmp_path: Path) -> None:
    conn, account, gate = kept.house.conn, kept.house.account, kept.house.gate

    def say(covers: OptOutScope, **more: object) -> None:
        said = OptOut(address=PERSON, channel=Channel.SMS, covers=covers, **more)  # type: ignore[arg-type]
        opt_out(conn, account, [said], gate=gate)

    joins.join(conn, account, [PERSON, OTHER, ANN], "one customer", by="ann", gate=gate)
    say(OptOutScope.ALL, until=LATER)
    say(OptOutScope.ALL)
    say(OptOutScope.ALL)
    say(OptOutScope.LIST, list="news")
    joins.join(conn, account, [BOB, "+15125550125"], "another", by="ann", gate=gate)
    joins.join(conn, account, [BOB, ANN], "the same after all", by="ann", gate=gate)
    suppress.place_for(conn, suppress.installation(), PERSON, "court order", by="ann", gate=gate)
    campaign = {"covers": OptOutScope.CAMPAIGN, "campaign": "spring"}
    suppress.place(conn, account, PERSON, "letter", by="ann", gate=gate, **campaign)  # type: ignore[arg-type]
    suppress.lift_own(conn, account, PERSON, "a mistake", by="ann", gate=gate)
    whose = suppress.of_account(conn, account, "acme-seller")
    suppress.lift_for(conn, whose, OTHER, "is not his", by="ann", said=True, gate=gate)
    file = tmp_path / "groups.json"
    file.write_text(json.dumps([{"email": ANN, "group_id": 1, "group_name": "News", "created_at": 1772618400}]))
    suppress.import_from(conn, account, "sendgrid-groups", file, by="ann", gate=gate)
    ours = tmp_path / "ours.csv"
    ours.write_text(f"address,said,until,covers\n{ANN},yes,2099-01-01T00:00:00Z,all\ncat@example.org,no,,marketing\n")
    suppress.import_csv(conn, account, ours, by="ann", gate=gate)
    joins.part(conn, account, ANN, "is another", by="ann", gate=gate)
    kept.publish()
    report = kept.audit()
    assert report.well, report.findings
