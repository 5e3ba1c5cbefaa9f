"""A sender in good standing, and a contact the shipped rules allow three times in thirty days, at any hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from forbear.accounts import writes as accounts
from forbear.accounts.connect import Connection
from forbear.accounts.home import load_secrets
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind
from forbear.gate.contact import Answer, Asked, Contact, Content, Decided, OptOutOffer, Recipient
from forbear.gate.decide import decide
from forbear.gate.opened import Gate, secrets_of
from forbear.kernel.judge import Engine
from forbear.registries.snapshots import Registries
from forbear.rulebook.load import shipped

CAP = 3
PERSON = "+15125550123"


def recorded_call(to: str = PERSON, **more: object) -> Contact:
    """`us.tcpa.landline_cap`: three such calls in 30 days."""
    return Contact(
        channel=Channel.VOICE,
        mode=Mode.PRERECORDED,
        purpose=Purpose.INFORMATIONAL,
        to=to,
        from_="+12025550100",
        content=Content(
            promotional=False, identifies_sender=True, opt_out=OptOutOffer(kind="key_press", requires_login=False)
        ),
        recipient=Recipient(
            kind=RecipientKind.CONSUMER,
            country="US",
            region="US-TX",
            line_type=LineType.LANDLINE,
            timezone="America/Chicago",
        ),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(shipped())


@pytest.fixture
def gate(engine: Engine, store_home: Path, tmp_path: Path) -> Gate:
    return Gate(engine, Registries.open(tmp_path / "registries"), secrets_of(load_secrets(store_home)))


@dataclass
class House:
    """An account with one seller, and how it asks."""

    conn: Connection
    gate: Gate
    account: UUID
    seller: UUID

    def asked(self, *contacts: Contact, idempotency_key: str | None = None, redeem: bool = False) -> Asked:
        return Asked(account=self.account, contacts=list(contacts), idempotency_key=idempotency_key, redeem=redeem)

    def decide(self, *contacts: Contact, idempotency_key: str | None = None, redeem: bool = False) -> Decided:
        (result,) = decide(
            self.conn, [self.asked(*contacts, idempotency_key=idempotency_key, redeem=redeem)], self.gate
        )
        if isinstance(result, Exception):
            raise result
        return result

    def one(self, contact: Contact | None = None, *, redeem: bool = False) -> Answer:
        return self.decide(contact or recorded_call(), redeem=redeem).answers[0]


def make_house(conn: Connection, gate: Gate, slug: str, seller: UUID | None = None) -> House:
    account = accounts.create_account(conn, slug, slug.title())
    if seller is None:
        seller = accounts.create_seller(conn, f"{slug}-seller", slug.title(), country="US", kind="company", ftc=True)
    accounts.link_seller(conn, account, seller)
    return House(conn, gate, account, seller)


@pytest.fixture
def house(conn: Connection, gate: Gate) -> House:
    return make_house(conn, gate, "acme")


@pytest.fixture
def another(conn: Connection, gate: Gate) -> Callable[..., House]:
    """A second account, of its own seller or of one already there."""

    def make(slug: str, seller: UUID | None = None) -> House:
        return make_house(conn, gate, slug, seller)

    return make
