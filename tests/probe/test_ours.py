"""Our own one-click unsubscription, held to the same probe as everybody else's."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import uvicorn

from forbear.accounts import writes
from forbear.accounts.permissions import Permission
from forbear.web import connections, keys
from forbear.web.asgi import make
from tests.cli.conftest import Said, forbear  # noqa: F401 - a fixture
from tests.conftest import Database
from tests.fakes.unsubscribe import authority

Command = Callable[..., Said]
PERSON = "pat@example.net"


def test_our_own_page_passes_in_everything(
    forbear: Command,  # noqa: F811
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    connections.forget()
    keys.forget()
    conn = database.app()
    account = writes.create_account(conn, "acme", "Acme")
    seller = writes.create_seller(conn, "acme", "Acme", country="US", kind="company")
    writes.link_seller(conn, account, seller)
    key = writes.create_api_key(conn, account, "test", list(Permission))
    cafile, certificate = authority(tmp_path)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(32)
        base = f"https://localhost:{listening.getsockname()[1]}"
        monkeypatch.setenv("FORBEAR_PUBLIC_URL", base)
        config = uvicorn.Config(
            make,
            factory=True,
            lifespan="on",
            log_level="error",
            access_log=False,
            ssl_certfile=str(certificate),
            ssl_keyfile=str(certificate),
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=base, verify=ssl.create_default_context(cafile=str(cafile)), timeout=60) as http:
                made = http.post(
                    "/v1/links",
                    headers={"Authorization": f"Bearer {key.token}"},
                    json={"links": [{"address": PERSON, "channel": "email"}]},
                )
                assert made.status_code == 201, made.text
                link = made.json()["links"][0]
            fields = [f"--header={name}: {value}" for name, value in link["headers"].items()]
            said = forbear(
                "probe", "unsubscribe", link["urls"]["unsubscribe"], "--cafile", str(cafile), "--yes", "--json", *fields
            )
        finally:
            server.should_exit = True
            thread.join(30)
    connections.forget()
    answer = json.loads(said.out)
    wrong = [one for one in answer["findings"] if one["outcome"] in ("fail", "warn") and one["check"] != "dkim"]
    assert [one for one in wrong if "mailto" not in one["said"]] == []
    assert said.code == 0
    stands = conn.execute("SELECT count(*) FROM ledger_suppression WHERE said AND lifted_at IS NULL").fetchone()
    assert stands == (1,)  # three POSTs, one stop
