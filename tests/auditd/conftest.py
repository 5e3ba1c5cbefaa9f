"""A ledger with a little of everything in it, its log published, and a superuser who may rewrite both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from forbear.accounts.connect import Connection
from forbear.accounts.home import home, load_secrets
from forbear.auditd.findings import Finding, Report, Wrong
from forbear.auditd.run import EVERY_DECISION, Audit, audit
from forbear.cli import embedded
from forbear.core.instants import DAY
from forbear.core.words import Channel, ConsentLevel, RelationshipKind
from forbear.gate import consent, relationships, suppress
from forbear.gate.opt_out import OptOut, opt_out
from forbear.gate.redeem import redeem
from forbear.gate.settle import Disposition, settle
from forbear.ledger.kinds import Outcome
from forbear.ledger.logfiles import Folder
from forbear.ledger.writes import now
from forbear.sequencer.run import Sequencer
from tests.conftest import _named
from tests.gate import conftest as gates
from tests.gate.conftest import House, recorded_call

engine, gate, house = gates.engine, gates.gate, gates.house  # fixtures
PEOPLE = [f"+151255501{n:02d}" for n in range(20, 32)]


@dataclass
class Kept:
    """The house, its log's files, and how to audit and to tamper."""

    house: House
    folder: Folder
    home: Path
    admin: Connection

    def publish(self) -> None:
        sequencer = Sequencer(self.house.conn, self.folder, self.home)
        sequencer.open()
        while sequencer.step():
            pass

    def audit(self, *, whole: bool = True, sample: int = EVERY_DECISION, **more: Any) -> Report:
        asked = Audit(whole=whole, sample=sample, folder=self.folder, memory_at=self.home / "audit.json", **more)
        return audit(self.house.conn, asked)

    def tamper(self, sql: str, *given: Any) -> None:
        """As a superuser for whom no trigger holds."""
        with self.admin.transaction():
            self.admin.execute("SET LOCAL session_replication_role = replica")
            changed = self.admin.execute(sql, list(given))
            assert changed.rowcount != 0, "nothing was tampered with"

    def one(self, sql: str, *given: Any) -> Any:
        row = self.house.conn.execute(sql, list(given)).fetchone()
        assert row is not None
        return row[0]


def found(report: Report, wrong: Wrong, table: str) -> list[Finding]:
    return [one for one in report.findings if one.wrong is wrong and one.table == table]


def live(ours: House) -> None:
    """A day in the life: decisions together and alone, permits spent and settled, stops, consents, dealings, a list."""
    conn, account = ours.conn, ours.account
    permits = [answer.permit for answer in ours.decide(*[recorded_call(to) for to in PEOPLE[:4]]).answers]
    assert all(permits), "the calls are allowed"
    spent: list[UUID] = [permit for permit in permits if permit is not None]
    redeem(conn, account, spent[:3])
    settle(conn, account, spent[0], Disposition(outcome=Outcome.ANSWERED, conversation=True))
    settle(conn, account, spent[3], Disposition(outcome=Outcome.NOT_PLACED))
    ours.decide(recorded_call(PEOPLE[4]), redeem=True)
    opt_out(conn, account, [OptOut(address=PEOPLE[5], channel=Channel.VOICE, text="leave me alone")], gate=ours.gate)
    opt_out(conn, account, [OptOut(address=PEOPLE[6], channel=Channel.VOICE)], gate=ours.gate)
    ours.decide(recorded_call(PEOPLE[5]))
    suppress.place(conn, account, PEOPLE[7], "a friend", by="ann", gate=ours.gate)
    suppress.place(conn, account, PEOPLE[8], "a mistake", by="ann", gate=ours.gate)
    suppress.lift(conn, account, PEOPLE[8], "was a mistake", by="ann", gate=ours.gate)
    given = [
        consent.Given(address=to, level=ConsentLevel.EXPRESS_WRITTEN, sellers=["acme-seller"], given_at=now(conn) - DAY)
        for to in PEOPLE[9:11]
    ]
    consent.give(conn, account, given, gate=ours.gate)
    consent.withdraw(conn, account, PEOPLE[10], gate=ours.gate)
    bought = relationships.Dealing(address=PEOPLE[11], kind=RelationshipKind.PURCHASE, on=now(conn) // DAY - 3)
    relationships.record(conn, account, [bought], gate=ours.gate)


def import_list(ours: House, folder: Path) -> None:
    path = folder / "stops.csv"
    path.write_text("address\n" + "".join(f"+1512555{n:04d}\n" for n in range(200, 206)), encoding="utf-8")
    suppress.import_csv(ours.conn, ours.account, path, by="ann", gate=ours.gate)


@pytest.fixture
def kept(house: House, tmp_path: Path) -> Iterator[Kept]:
    """Published and found well."""
    live(house)
    import_list(house, tmp_path)
    with psycopg.connect(_named(superuser_url(), house.conn.info.dbname), autocommit=True) as admin:
        made = Kept(house, Folder(tmp_path / "log"), tmp_path / "home", admin)
        made.home.mkdir()
        made.publish()
        first = made.audit()
        assert first.well, first.findings
        yield made


def superuser_url() -> str:
    place = home()
    return embedded._url(embedded._socket_dir(place), "postgres", load_secrets(place).postgres)
