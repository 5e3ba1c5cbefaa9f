"""The rulebooks this installation has judged by, kept by digest, so that any decision can be judged again by its own.

A bundle is stored in the same commit as the first decision, or before the first wash, that
names its digest. Nothing takes one away.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Final

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.kernel.judge import Engine
from forbear.ledger import trip
from forbear.ledger.trip import Statement
from forbear.rulebook import bundle, own
from forbear.rulebook.model import Rulebook

_ENGINES_AT_ONCE: Final = 4
KEEP: Final = Statement(
    "add_rulebook",
    "INSERT INTO ledger_rulebook (digest, body, rules, own_rules, overrides, first_at)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    (trip.BYTEA_OID, trip.BYTEA_OID, trip.INT4_OID, trip.INT4_OID, trip.INT4_OID, trip.MOMENT_OID),
)
_KEEP_NOW: Final = (
    "INSERT INTO ledger_rulebook (digest, body, rules, own_rules, overrides, first_at)"
    " SELECT %s, %s, %s, %s, %s, clock_timestamp() WHERE NOT EXISTS (SELECT FROM ledger_rulebook WHERE digest = %s)"
    " ON CONFLICT DO NOTHING"
)


class Kept(msgspec.Struct, kw_only=True):
    """A stored rulebook: its digest, how much stands in it, when it first judged."""

    digest: str
    first_at: datetime
    rules: int
    own_rules: int
    overrides: int
    bytes: int  # as stored


def digest_bytes(rulebook: Rulebook) -> bytes:
    return bytes.fromhex(rulebook.digest.removeprefix("sha256:"))


def row(rulebook: Rulebook) -> tuple[bytes, bytes, int, int, int]:
    """Digest, bundle, and how many rules, own rules and overrides it has. The bundle is packed once a process."""
    with _packing:
        body = _packed.get(rulebook.digest)
        if body is None:
            _packed.clear()
            body = _packed[rulebook.digest] = bundle.pack(rulebook.files)
    laws = [rule for rule in rulebook.rules if not rule.twin_of]
    mine = sum(rule.file.startswith(own.FOLDER) for rule in laws)
    return digest_bytes(rulebook), body, len(laws), mine, sum(rule.override is not None for rule in laws)


def wire(rulebook: Rulebook, moment: bytes) -> tuple[bytes, ...]:
    """The parameters of `KEEP`."""
    digest, body, *counts = row(rulebook)
    return digest, body, *(count.to_bytes(4, "big") for count in counts), moment


def keep(conn: Connection, rulebook: Rulebook) -> None:
    """Stores a rulebook that is not stored yet."""
    digest, body, *counts = row(rulebook)
    conn.execute(_KEEP_NOW, [digest, body, *counts, digest])


def stored(conn: Connection) -> list[Kept]:
    """Every stored rulebook, the latest first."""
    rows = conn.execute(
        "SELECT encode(digest, 'hex'), first_at, rules, own_rules, overrides, octet_length(body)"
        " FROM ledger_rulebook ORDER BY first_at DESC"
    )
    return [
        Kept(digest=f"sha256:{hexed}", first_at=at, rules=rules, own_rules=mine, overrides=overrides, bytes=size)
        for hexed, at, rules, mine, overrides, size in rows
    ]


def find(conn: Connection, digits: str) -> Rulebook:
    """The stored rulebook whose digest begins with these hexadecimal digits. Raises `BadInput`."""
    rows = conn.execute(
        "SELECT digest FROM ledger_rulebook WHERE encode(digest, 'hex') LIKE %s LIMIT 2", [digits + "%"], binary=True
    ).fetchall()
    if len(rows) != 1:
        what = "several stored rulebooks begin" if rows else "no stored rulebook begins"
        raise BadInput(f"{what} with {digits}", todo="see `forbear rulebook stored`")
    found = rulebook_of(conn, bytes(rows[0][0]))
    assert found is not None, "bundles are never deleted"
    return found


def rulebook_of(conn: Connection, digest: bytes) -> Rulebook | None:
    """The rulebook of this digest; None where it is not stored.

    Raises `BadInput` where this release cannot read it any more, or its bytes are not those it was stored by.
    """
    found = conn.execute("SELECT body FROM ledger_rulebook WHERE digest = %s", [digest], binary=True).fetchone()
    if found is None:
        return None
    name = f"the stored rulebook {digest.hex()[:12]}"
    rulebook = own.read(bundle.unpack(bytes(found[0]), file=name))
    if digest_bytes(rulebook) != digest:
        raise BadInput("is not what was stored by that digest", file=name, todo="restore the database from a backup")
    return rulebook


def engine_of(conn: Connection, digest: bytes) -> Engine | None:
    """An engine over the stored rulebook of this digest; the last few are kept."""
    with _opening:
        known = _engines.get(digest)
        if known is not None:
            _engines.move_to_end(digest)
            return known
    rulebook = rulebook_of(conn, digest)
    if rulebook is None:
        return None
    engine = Engine(rulebook)
    with _opening:
        _engines[digest] = engine
        while len(_engines) > _ENGINES_AT_ONCE:
            _engines.popitem(last=False)
    return engine


_packing, _opening = threading.Lock(), threading.Lock()
_packed: dict[str, bytes] = {}
_engines: OrderedDict[bytes, Engine] = OrderedDict()
