from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn

from forbear.accounts import writes
from forbear.accounts.permissions import Permission
from forbear.web import connections, keys
from forbear.web.asgi import make
from tests.conftest import Database

INFORMATIONAL: dict[str, Any] = {  # may be made at any hour
    "channel": "voice",
    "mode": "live",
    "purpose": "informational",
    "from": "+12025550100",
    "to": "+13055550123",
    "recipient": {"kind": "consumer", "country": "US", "region": "US-FL"},
    "content": {"identifies_sender": True, "promotional": False},
}


@dataclass
class Served:
    """A running server over a fresh database, one account and its key."""

    database: Database
    account: UUID
    key: UUID
    http: httpx.Client

    def decide(self, *contacts: dict[str, Any], **more: Any) -> httpx.Response:
        return self.http.post("/v1/decisions", json={"contacts": list(contacts), **more})

    def another(self, *permissions: Permission, account: UUID | None = None) -> dict[str, str]:
        """The header of another key: of the same account unless told otherwise."""
        made = writes.create_api_key(self.database.app(), account or self.account, "another", permissions)
        return {"Authorization": f"Bearer {made.token}"}

    def another_account(self) -> dict[str, str]:
        conn = self.database.app()
        account = writes.create_account(conn, "other", "Other")
        seller = writes.create_seller(conn, "other", "Other", country="US", kind="company")
        writes.link_seller(conn, account, seller)
        return self.another(*Permission, account=account)


@pytest.fixture
def served(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    connections.forget()
    keys.forget()
    logging.getLogger("forbear.web").setLevel(logging.CRITICAL)
    conn = database.app()
    account = writes.create_account(conn, "acme", "Acme")
    seller = writes.create_seller(conn, "acme", "Acme", country="US", kind="company")
    writes.link_seller(conn, account, seller)
    key = writes.create_api_key(conn, account, "test")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        config = uvicorn.Config(make, factory=True, loop="uvloop", lifespan="on", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key.token}"}, timeout=60) as http:
            yield Served(database, account, key.id, http)
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
    connections.forget()
