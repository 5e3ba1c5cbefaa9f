"""May these contacts be made, now? Judged, stored and, where allowed, permitted in one commit.

Many requests share a transaction. Two round trips: the first locks the people and reads
every fact, the second appends decisions and permits and commits. An answer is given only
after the commit. Whatever fails is an error, never a pass.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import numpy.typing as npt
import psycopg

from forbear.accounts.connect import Connection
from forbear.core.codes import Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import MISSING, SECOND, at_of
from forbear.core.keys import NO_KEY, SEAL_BYTES, seals
from forbear.core.words import Channel, Purpose
from forbear.gate import bundles, gather, packed, shadow
from forbear.gate import claims as claimed
from forbear.gate.claims import Claims
from forbear.gate.contact import MAX_CONTACTS, Answer, Asked, ClockAstray, Decided, Refused
from forbear.gate.gather import AccountFacts, Sender
from forbear.gate.opened import Gate, opened
from forbear.kernel.facts import Facts, Flag
from forbear.kernel.judge import ENGINE, Answers, Engine
from forbear.kernel.rows import take
from forbear.ledger import attempts as recent
from forbear.ledger import columns, leaves, trip, writes
from forbear.ledger.columns import Bool, Bytea, Ids, Int2, Int4, Int8, Moment, Text, Uuid
from forbear.ledger.trip import Statement, Trip
from forbear.tlog import merkle

PERMIT_S: Final = 60
CLOCK_WITHIN_S: Final = 2

_VERDICTS: Final = list(Verdict)
_CURES: Final = list(Cure)
_TRANSIENT: Final = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.UniqueViolation,  # another process took the same idempotency key
)
_SEEN: Final = Statement(
    "seen",
    "SELECT account, key, digest, decisions FROM ledger_idempotency"
    " WHERE (account, key) IN (SELECT * FROM unnest($1, $2)) AND at > now() - interval '48 hours'",
    (Uuid.array_oid, Text.array_oid),
    (trip.uuid_of, trip.text, trip.raw, trip.uuids),
)
_SELECTORS: Final = Statement(
    "add_selectors",
    "INSERT INTO ledger_selector SELECT * FROM unnest($1, $2) AS u (d, b) ORDER BY d ON CONFLICT DO NOTHING",
    (Bytea.array_oid, Bytea.array_oid),
)
_DECISIONS: Final = Statement(
    "add_decisions",
    "INSERT INTO ledger_decision (id, at, account, seller, addr, key_id, mac, channel, purpose, mode, verdict, cure,"
    " earliest, rules, obligations, selector, facts, permit, batch, batch_index, overrides, seal)"
    " SELECT id, $1, account, seller, addr, key_id, mac, channel, purpose, mode, verdict, cure, earliest, rules,"
    " obligations, selector, facts, permit, $2, i, overrides, seal"
    " FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"
    " AS u (id, account, seller, addr, key_id, mac, channel, purpose, mode, verdict, cure, earliest, rules,"
    " obligations, selector, facts, permit, i, overrides, seal)",
    (
        *(trip.MOMENT_OID, trip.UUID_OID, Uuid.array_oid, Uuid.array_oid, Uuid.array_oid, Int8.array_oid),
        *(Int2.array_oid, Bytea.array_oid, Int2.array_oid, Int2.array_oid, Int2.array_oid, Int2.array_oid),
        *(Int2.array_oid, Moment.array_oid, Text.array_oid, Text.array_oid, Bytea.array_oid, Bytea.array_oid),
        *(Uuid.array_oid, Int4.array_oid, Text.array_oid, Bytea.array_oid),
    ),
)
_PERMITS: Final = Statement(
    "add_permits",
    "INSERT INTO ledger_permit (id, decision, account, seller, seller_number, addr, mac, channel, purpose, mode,"
    " marketing, campaign, subject, debt, issued_at, expires_at, list)"
    " SELECT id, decision, account, seller, number, addr, mac, channel, purpose, mode, marketing, campaign, subject,"
    " debt, $1, expires, list FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    " AS u (id, decision, account, seller, number, addr, mac, channel, purpose, mode, marketing, campaign, subject,"
    " debt, expires, list)",
    (
        *(trip.MOMENT_OID, Uuid.array_oid, Uuid.array_oid, Uuid.array_oid, Uuid.array_oid, Int4.array_oid),
        *(Int8.array_oid, Bytea.array_oid, Int2.array_oid, Int2.array_oid, Int2.array_oid, Bool.array_oid),
        *(Int8.array_oid, Int8.array_oid, Int8.array_oid, Moment.array_oid, Int8.array_oid),
    ),
)
_REDEMPTIONS: Final = Statement(
    "add_redemptions",
    "WITH r AS (INSERT INTO ledger_redemption SELECT unnest($1), $2)"
    " INSERT INTO ledger_logqueue (kind, source, hash) SELECT 4, * FROM unnest($1, $3)",
    (Uuid.array_oid, trip.MOMENT_OID, Bytea.array_oid),
)
_COUNTERS: Final = Statement(
    "set_counters",
    "UPDATE ledger_counter c SET attempts = u.attempts FROM unnest($1, $2) AS u (addr, attempts) WHERE c.addr = u.addr",
    (Int8.array_oid, Bytea.array_oid),
)
_BATCH: Final = Statement(
    "add_batch",
    "WITH b AS (INSERT INTO ledger_batch VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, root)"
    " INSERT INTO ledger_logqueue (kind, source, hash) SELECT 1, id, root FROM b",
    (trip.UUID_OID, trip.MOMENT_OID, trip.INT4_OID, trip.BYTEA_OID, trip.BYTEA_OID, trip.TEXT_OID),
)
_FORGET: Final = Statement(
    "forget_key",
    "DELETE FROM ledger_idempotency WHERE account = $1 AND key = $2 AND at <= now() - interval '48 hours'",
    (trip.UUID_OID, trip.TEXT_OID),
)
_REMEMBER: Final = Statement(
    "remember_key",
    "INSERT INTO ledger_idempotency (account, key, digest, decisions, at) VALUES ($1, $2, $3, $4, $5)",
    (trip.UUID_OID, trip.TEXT_OID, trip.BYTEA_OID, Uuid.array_oid, trip.MOMENT_OID),
)
KEY_STANDS: Final = "SELECT 1 FROM accounts_apikey WHERE id = %s AND account_id = %s AND revoked_at IS NULL"
_encode: Final = msgspec.json.Encoder().encode
_log = logging.getLogger("forbear.gate")


def decide(conn: Connection, asked: Sequence[Asked], gate: Gate | None = None) -> list[Decided | Exception]:
    """One result or refusal for each request, in order; a request's contacts are decided all or none.

    `conn` is idle, in autocommit. Raises `ClockAstray` and the database's own errors, which
    concern every request. A transient failure is tried once more together, then one by one,
    so that no request fails for a stranger's.
    """
    gate = gate or opened()
    gate.look()
    results: list[Decided | Exception | None] = [None] * len(asked)
    first: list[int] = []
    again: list[int] = []  # the same idempotency key twice in one batch: the second finds the first one's answer
    seen: set[tuple[UUID, str]] = set()
    for i, item in enumerate(asked):
        if not 1 <= len(item.contacts) <= MAX_CONTACTS:
            todo = "send them in several requests" if item.contacts else None
            results[i] = BadInput(
                f"{len(item.contacts):,} contacts, not 1 to {MAX_CONTACTS:,}", key="contacts", todo=todo
            )
            continue
        name = (item.account, item.idempotency_key or "")
        (again if item.idempotency_key and name in seen else first).append(i)
        seen.add(name)
    for group in (first, again):
        for i, result in zip(group, _together(conn, [asked[i] for i in group], gate), strict=True):
            results[i] = result
    return [result for result in results if result is not None]


def _together(conn: Connection, asked: list[Asked], gate: Gate) -> list[Decided | Exception]:
    if not asked:
        return []
    for _ in range(2):
        try:
            return _Batch(conn, asked, gate).run()
        except _TRANSIENT as fault:
            _log.info("batch tried again: %s", type(fault).__name__)
    if len(asked) == 1:
        return [_Batch(conn, asked, gate).run()[0]]
    results: list[Decided | Exception] = []
    for item in asked:
        try:
            results.extend(_Batch(conn, [item], gate).run())
        except _TRANSIENT as fault:
            results.append(fault)
    return results


@dataclass(slots=True)
class _Read:
    """The first round trip."""

    now: int
    accounts: dict[UUID, AccountFacts]
    keys: dict[UUID, UUID]
    seen: dict[tuple[UUID, str], tuple[bytes, list[UUID]]]
    stored: gather.Stored


class _Batch:
    def __init__(self, conn: Connection, asked: list[Asked], gate: Gate) -> None:
        self.conn = conn
        self.asked = asked
        self.gate = gate
        self.owner = [i for i, item in enumerate(asked) for _ in item.contacts]  # row -> request
        contacts = [contact for item in asked for contact in item.contacts]
        self.claims = claimed.of_contacts(contacts, gate.secrets)
        self.digests = {
            i: blake2b(_encode([item.contacts, item.redeem]), digest_size=16).digest()
            for i, item in enumerate(asked)
            if item.idempotency_key
        }
        self.results: list[Decided | Exception | None] = [None] * len(asked)
        self.stored = _stored.setdefault(conn, set())
        self.fresh: list[bytes] = []  # selectors stored by this commit

    def run(self) -> list[Decided | Exception]:
        try:
            read = self._read()
            if abs(time.time() * SECOND - read.now) > CLOCK_WITHIN_S * SECOND:
                raise ClockAstray(f"the clocks differ by {time.time() - read.now / SECOND:+.1f} s")
            senders = self._senders(read)
            rows = np.array([row for row, i in enumerate(self.owner) if self.results[i] is None], np.int64)
            writing = Trip(self.conn)
            if len(rows):
                some = self.claims if len(rows) == len(self.owner) else _some(self.claims, rows)
                self._decide(read, some, [senders[row] for row in rows.tolist()], rows, writing)
            writing.commit()
            writing.go()
        except BaseException:
            trip.roll_back(self.conn)
            raise
        if len(self.stored) > 1 << 18:
            self.stored.clear()
        self.stored.update(self.fresh)
        assert all(result is not None for result in self.results)
        return [result for result in self.results if result is not None]

    # --- reading

    def _read(self) -> _Read:
        claims = self.claims
        known = claims.addresses.addr[claims.addresses.addr != NO_KEY]
        people = columns.int8s(np.unique(known))
        older = [key.column for some in claims.older.values() for key in some]
        probes = columns.int8s(np.concatenate([np.unique(known), np.array(older, np.int64)])) if older else people
        erased = np.unique(claims.erased)
        # what an erasure left: suppressions and attempts. Consents and dealings ended with it
        everywhere = columns.int8s(np.concatenate([np.unique(known), np.array(older, np.int64), erased]))
        locks = columns.int8s(np.union1d(known, erased))
        accounts = columns.uuids(list({item.account for item in self.asked}))
        keys = list({item.key for item in self.asked if item.key})
        named = [(item.account, item.idempotency_key) for item in self.asked if item.idempotency_key]
        reading = Trip(self.conn)
        reading.begin()
        reading.add(writes.SHARE_GATE)
        reading.add(writes.LOCK_NEW, people)
        locked = reading.add(writes.LOCK_READ, locks)
        clock = reading.add(writes.CLOCK)
        account_rows = reading.add(gather.READ_ACCOUNTS, accounts)
        holds = reading.add(gather.READ_HOLDS)
        alerts = reading.add(gather.READ_ALERTS)
        suppressions = reading.add(gather.SUPPRESSIONS, everywhere)
        consents = reading.add(gather.CONSENTS, probes)
        dealings = reading.add(gather.RELATIONSHIPS, probes, accounts)
        key_rows = reading.add(gather.KEYS, columns.uuids(keys)) if keys else -1
        registered = -1
        if any(contact.from_ is not None and contact.channel is Channel.SMS for contact in claims.contacts):
            registered = reading.add(gather.SENDER_IDS, accounts)
        seen = -1
        if named:
            names = columns.texts([name for _, name in named])
            seen = reading.add(_SEEN, columns.uuids([account for account, _ in named]), names)
        rows = reading.go()
        if not set(known.tolist()) <= {addr for addr, _ in rows[locked]}:
            raise psycopg.errors.SerializationFailure("a person was erased between making their row and locking it")
        return _Read(
            now=rows[clock][0][0],
            accounts=gather.accounts_of(rows[account_rows]),
            keys=dict(rows[key_rows]) if keys else {},
            seen={(row[0], row[1]): (row[2], row[3]) for row in rows[seen]} if named else {},
            stored=gather.Stored(
                holds=[(row[0], row[1]) for row in rows[holds]],
                sender_ids=[(row[0], row[1], row[2], row[3]) for row in rows[registered]] if registered >= 0 else [],
                suppressions=rows[suppressions],
                consents=rows[consents],
                relationships=rows[dealings],
                attempts=dict(rows[locked]),
                alerts=gather.in_force(rows[alerts], rows[clock][0][0]),
            ),
        )

    def _senders(self, read: _Read) -> list[Sender | None]:
        """Whose contact each row is; a request that cannot be decided gets its refusal here."""
        senders: list[Sender | None] = []
        made: dict[tuple[UUID, str | None], Sender] = {}
        for i, item in enumerate(self.asked):
            account = read.accounts.get(item.account)
            start = len(senders)
            senders.extend([None] * len(item.contacts))
            if item.key is not None and read.keys.get(item.key) != item.account:
                self.results[i] = Refused("key_revoked", "the API key was revoked")
            elif account is None or not account.sellers:
                self.results[i] = Refused("unknown_account", "the account is not known, or contacts people for nobody")
            elif item.idempotency_key and (found := read.seen.get((item.account, item.idempotency_key))):
                self.results[i] = self._repeat(i, *found)
            else:
                first = next(iter(account.sellers))
                for place, contact in enumerate(item.contacts):
                    name = contact.seller
                    sender = made.get((item.account, name))
                    if sender is None:
                        seller = account.sellers.get(name or first)
                        if seller is None:
                            what = "the account contacts people for no seller of this name"
                            self.results[i] = BadInput(what, key=f"contacts[{place}].seller")
                            break
                        sender = made[item.account, name] = Sender(account, seller)
                    senders[start + place] = sender
        return senders

    def _repeat(self, i: int, digest: bytes, decisions: list[UUID]) -> Decided | Refused:
        if digest != self.digests[i]:
            return Refused("key_reused", "this idempotency key came with another request before")
        return answered(self.conn, self.asked[i].account, decisions, self.gate.engine)

    # --- judging

    def _decide(
        self,
        read: _Read,
        claims: Claims,
        senders: Sequence[Sender | None],
        rows: npt.NDArray[np.int64],
        writing: Trip,
    ) -> None:
        ours = [sender for sender in senders if sender is not None]
        assert len(ours) == len(senders), "every row left has a sender"
        facts = gather.facts_of(self.gate, claims, ours, read.stored, read.now)
        if any(item.given_by_person for item in self.asked):
            typed = np.array([self.asked[self.owner[row]].given_by_person for row in rows.tolist()], bool)
            facts.true[typed] |= np.uint64(1 << Flag.GAVE_NUMBER)
        redeem = np.array([self.asked[self.owner[row]].redeem for row in rows.tolist()], bool)
        judged = _Judged(self.gate, claims, ours, read, facts, redeem)
        judged.run()
        self._write(read.now, claims, ours, rows, judged, writing)

    # --- writing

    def _write(
        self,
        now: int,
        claims: Claims,
        senders: Sequence[Sender],
        rows: npt.NDArray[np.int64],
        judged: _Judged,
        writing: Trip,
    ) -> None:
        n, moment = len(rows), columns.moment(now)
        ids, batch = judged.ids, columns.new_ids(now, 1).tobytes()
        allowed = np.flatnonzero(judged.verdict == 0)
        selectors = [packed.selector_bytes(selector) for selector in judged.facts.selectors]
        digest_rows = np.frombuffer(b"".join([digest for digest, _ in selectors]), np.uint8).reshape(-1, 16)
        selector = digest_rows[np.broadcast_to(judged.facts.selector, (n,))]
        distinct = {sender: place for place, sender in enumerate(dict.fromkeys(senders))}
        which = [distinct[sender] for sender in senders]
        accounts = columns.ids_of([sender.account.id for sender in distinct])[which]
        sellers = columns.ids_of([sender.seller.id for sender in distinct])[which]
        addresses = claims.addresses
        sealed = seals(
            *(ids.tobytes(), addresses.addr.tolist(), addresses.key_id.tolist(), addresses.mac.tobytes()),
            self.gate.secret,
        )
        seal = np.frombuffer(sealed, np.uint8).reshape(n, SEAL_BYTES)
        fixed = np.empty(n, leaves.DECISION)
        for name, value in (
            *(("id", ids), ("at", now), ("account", accounts), ("seller", sellers), ("seal", seal)),
            *(("channel", claims.channel),),
            *(("purpose", claims.purpose), ("mode", claims.mode), ("verdict", judged.verdict), ("cure", judged.cure)),
            *(("earliest", judged.earliest), ("permit", judged.permits), ("selector", selector)),
        ):
            fixed[name] = value
        whole, width = fixed.tobytes(), leaves.DECISION.itemsize
        hashes = [
            leaves.decision_hash(whole[i * width : (i + 1) * width], rules, obligations, facts, overrides)
            for i, (rules, obligations, facts, overrides) in enumerate(
                zip(judged.rules, judged.obligations, judged.packed, judged.overrides, strict=True)
            )
        ]
        root = merkle.root(hashes)
        rulebook = bundles.digest_bytes(self.gate.engine.rulebook)
        fresh = [pair for pair in dict(selectors).items() if pair[0] not in self.stored]
        self.fresh = [pair[0] for pair in fresh]
        if fresh:
            digests, bodies = columns.byteas([pair[0] for pair in fresh]), columns.byteas([pair[1] for pair in fresh])
            writing.add(_SELECTORS, digests, bodies)
        if rulebook not in self.stored and self.gate.engine.rulebook.files:
            writing.add(bundles.KEEP, *bundles.wire(self.gate.engine.rulebook, moment))
            self.fresh.append(rulebook)
        writing.add(
            _DECISIONS,
            *(moment, batch, columns.uuids(ids), columns.uuids(accounts), columns.uuids(sellers)),
            *(columns.int8s(addresses.addr), columns.int2s(addresses.key_id), addresses.mac_column),
            *(columns.int2s(claims.channel), columns.int2s(claims.purpose), columns.int2s(claims.mode)),
            *(columns.int2s(judged.verdict), columns.int2s(judged.cure, judged.cure < 0)),
            columns.moments(judged.earliest, judged.earliest == MISSING),
            *(columns.utf8s(judged.rules), columns.utf8s(judged.obligations)),
            *(columns.macs(selector), columns.byteas(judged.packed)),
            *(columns.uuids(judged.permits, judged.verdict != 0), columns.int4s(np.arange(n))),
            *(columns.utf8s(judged.overrides), columns.macs(seal)),
        )
        if judged.shadowed:
            places = [judged.facts.selectors[i].places for i in np.broadcast_to(judged.facts.selector, (n,)).tolist()]
            whose = [sender.account.id for sender in senders]
            writing.add(shadow.APPEND, *shadow.wire(now, judged.outcomes, whose, places, ids))
        if len(allowed):
            self._permits(claims, senders, judged, allowed, accounts, sellers, now, writing)
        writing.add(_BATCH, batch, moment, n.to_bytes(4, "big"), root, rulebook, ENGINE.encode())
        self._remember(rows, ids, moment, writing)
        self._answer(rows, judged, now)

    def _permits(
        self,
        claims: Claims,
        senders: Sequence[Sender],
        judged: _Judged,
        allowed: npt.NDArray[np.int64],
        accounts: Ids,
        sellers: Ids,
        now: int,
        writing: Trip,
    ) -> None:
        moment, addresses = columns.moment(now), claims.addresses
        writing.add(
            _PERMITS,
            *(moment, columns.uuids(judged.permits[allowed]), columns.uuids(judged.ids[allowed])),
            *(columns.uuids(accounts[allowed]), columns.uuids(sellers[allowed])),
            columns.int4s([senders[i].seller.number for i in allowed.tolist()]),
            columns.int8s(addresses.addr[allowed]),
            columns.macs(addresses.mac[allowed], addresses.exact[allowed]),
            *(columns.int2s(column[allowed]) for column in (claims.channel, claims.purpose, claims.mode)),
            columns.bools(claims.marketing[allowed]),
            *(columns.int8s(column[allowed]) for column in (claims.campaign, claims.subject, claims.debt)),
            *(columns.moments(judged.expires[allowed]), columns.int8s(claims.list[allowed])),
        )
        spent = allowed[judged.redeem[allowed]]
        if len(spent):
            ids = judged.permits[spent]
            hashed = leaves.redemption_hashes([one.tobytes() for one in ids], now)
            writing.add(_REDEMPTIONS, columns.uuids(ids), moment, columns.byteas(hashed))
        changed = sorted(judged.changed)
        packed_attempts = [recent.pruned(judged.attempts[addr], now) for addr in changed]
        writing.add(_COUNTERS, columns.int8s(np.array(changed, np.int64)), columns.byteas(packed_attempts))

    def _remember(self, rows: npt.NDArray[np.int64], ids: Ids, moment: bytes, writing: Trip) -> None:
        """Idempotency keys; one that is older than it holds is taken over, one taken meanwhile fails the batch."""
        if not self.digests:
            return
        owner = np.array(self.owner, np.int64)[rows]
        for i, digest in self.digests.items():
            mine = np.flatnonzero(owner == i)
            if len(mine):
                account, key = self.asked[i].account.bytes, (self.asked[i].idempotency_key or "").encode()
                writing.add(_FORGET, account, key)
                writing.add(_REMEMBER, account, key, digest, columns.uuids(ids[mine]), moment)

    def _answer(self, rows: npt.NDArray[np.int64], judged: _Judged, now: int) -> None:
        by_request: dict[int, list[Answer]] = {}
        all_ids, all_permits = judged.ids.tobytes(), judged.permits.tobytes()
        earliest, expires, verdict = judged.earliest.tolist(), judged.expires.tolist(), judged.verdict.tolist()
        for place, row in enumerate(rows.tolist()):
            outcome = judged.outcomes[place]
            allow = verdict[place] == 0
            answer = Answer(
                decision=trip.uuid_of(all_ids[place * 16 : place * 16 + 16]),
                verdict=outcome.verdict,
                cure=outcome.cure,
                earliest=None if earliest[place] == MISSING else earliest[place],
                rules=outcome.rules,
                obligations=outcome.obligations,
                overrides=outcome.overrides,
                confidence=outcome.confidence,
                permit=trip.uuid_of(all_permits[place * 16 : place * 16 + 16]) if allow else None,
                expires_at=expires[place] if allow else None,
            )
            by_request.setdefault(self.owner[row], []).append(answer)
        for i, answers in by_request.items():
            self.results[i] = Decided(answers=answers, rulebook=self.gate.engine.digest, at=now)


class _Judged:
    """The verdicts of a batch, found in rounds: of the contacts that would share a person's caps, one a round."""

    def __init__(
        self,
        gate: Gate,
        claims: Claims,
        senders: Sequence[Sender],
        read: _Read,
        facts: Facts,
        redeem: npt.NDArray[np.bool_],
    ) -> None:
        n = facts.n
        self.gate, self.claims, self.senders, self.now, self.redeem = gate, claims, senders, read.now, redeem
        self.facts = facts
        self.attempts = dict(read.stored.attempts)
        self.changed: set[int] = set()
        self.ids = columns.new_ids(read.now, n)
        self.permits = columns.new_ids(read.now, n)
        self.verdict = np.empty(n, np.int16)
        self.cure = np.empty(n, np.int16)
        self.earliest = np.empty(n, np.int64)
        self.expires = np.empty(n, np.int64)
        self.outcomes: list[Any] = [None] * n
        self.rules: list[bytes] = [b""] * n
        self.obligations: list[bytes] = [b""] * n
        self.overrides: list[bytes] = [b""] * n
        self.shadowed = False  # some shadow rule would have been stricter
        self.packed: list[bytes] = [b""] * n

    def run(self) -> None:
        left = np.arange(self.facts.n)
        facts, claims = self.facts, self.claims
        while len(left):
            answers = self.gate.engine.judge(facts)
            accepted = self._accept(answers, claims, left)
            self._keep(answers, facts, left, accepted)
            if accepted.all():
                return
            left = left[~accepted]
            claims = _some(self.claims, left)
            senders = [self.senders[row] for row in left.tolist()]
            facts = gather.with_attempts(take(self.facts, left), claims, senders, self.attempts)

    def _accept(self, answers: Answers, claims: Claims, left: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which rows' answers stand: all but those after a contact just allowed that would count for them."""
        addrs = claims.addresses.addr
        _, first, counts = np.unique(addrs, return_index=True, return_counts=True)
        accepted = np.ones(len(left), bool)
        if (counts == 1).all():
            return accepted
        alone = np.zeros(len(left), bool)
        alone[first[counts == 1]] = True
        allowed = np.array([outcome.verdict is Verdict.ALLOW for outcome in answers.outcomes], bool)[answers.outcome]
        counted = answers.capped | (claims.purpose == Purpose.OPTOUT_CONFIRMATION.bit)
        reached: set[int] = set()
        for place in np.flatnonzero(~alone & (addrs != NO_KEY)).tolist():
            addr = int(addrs[place])
            if addr in reached and counted[place]:
                accepted[place] = False
            elif allowed[place]:
                reached.add(addr)
        return accepted

    def _keep(
        self, answers: Answers, facts: Facts, left: npt.NDArray[np.int64], accepted: npt.NDArray[np.bool_]
    ) -> None:
        places = np.flatnonzero(accepted)
        rows = left[places]
        which = answers.outcome[places]
        verdicts = np.array([_VERDICTS.index(o.verdict) for o in answers.outcomes], np.int16)
        cures = np.array([-1 if o.cure is None else _CURES.index(o.cure) for o in answers.outcomes], np.int16)
        self.verdict[rows] = verdicts[which]
        self.cure[rows] = cures[which]
        deferred = self.verdict[rows] == _VERDICTS.index(Verdict.DEFER)
        self.earliest[rows] = np.where(deferred, answers.earliest[places], MISSING)
        self.expires[rows] = np.minimum(answers.window_end[places], self.now + PERMIT_S * SECOND)
        self.permits[rows[self.verdict[rows] != 0]] = 0
        texts = [
            (" ".join(o.rules).encode(), " ".join(o.obligations).encode(), "\n".join(o.overrides).encode())
            for o in answers.outcomes
        ]
        self.shadowed |= any(answers.outcomes[number].shadow for number in np.unique(which).tolist())
        bodies = packed.pack(facts)
        for place, row, number in zip(places.tolist(), rows.tolist(), which.tolist(), strict=True):
            self.outcomes[row] = answers.outcomes[number]
            self.rules[row], self.obligations[row], self.overrides[row] = texts[number]
            self.packed[row] = bodies[place]
        self._reserve(rows[self.verdict[rows] == 0])

    def _reserve(self, rows: npt.NDArray[np.int64]) -> None:
        """Each allowed contact is an attempt from now on, whatever becomes of it, until it is said not to be placed."""
        if not len(rows):
            return
        claims = self.claims
        records = np.zeros(len(rows), recent.RECORD)
        records["at"] = np.where(self.redeem[rows], self.now, self.expires[rows])
        records["seller"] = [self.senders[row].seller.number for row in rows.tolist()]
        for name, column in (
            *(("purpose", claims.purpose), ("channel", claims.channel), ("mode", claims.mode)),
            *(("subject", claims.subject), ("debt", claims.debt), ("permit", self.permits)),
        ):
            records[name] = column[rows]
        whole, width = records.tobytes(), recent.RECORD.itemsize
        for place, addr in enumerate(claims.addresses.addr[rows].tolist()):
            assert addr != NO_KEY, "nobody is reached at an address that was not understood"
            self.attempts[addr] = bytes(self.attempts.get(addr, b"")) + whole[place * width : (place + 1) * width]
            self.changed.add(addr)


_stored: WeakKeyDictionary[Connection, set[bytes]] = WeakKeyDictionary()
"""Selectors a connection knows to be stored. Not kept longer: another connection may be to a restored database."""


def _some(claims: Claims, rows: npt.NDArray[np.int64]) -> Claims:
    from forbear.ledger.addresses import some

    those = rows.tolist()
    return Claims(
        [claims.contacts[row] for row in those],
        some(claims.addresses, rows),
        claims.numbers[rows],
        {place: claims.older[row] for place, row in enumerate(those) if row in claims.older},
        claims.erased[:, rows],
        claims.secrets,
        [claims.places[row] for row in those],
        claims.true[rows],
        claims.false[rows],
        *(claims.channel[rows], claims.purpose[rows], claims.mode[rows], claims.marketing[rows]),
        *(claims.campaign[rows], claims.subject[rows], claims.debt[rows], claims.list[rows]),
        None if claims.dialler is None else claims.dialler[:, rows],
    )


def answered(conn: Connection, account: UUID, decisions: Sequence[UUID], engine: Engine) -> Decided:
    """The answers given before, from the ledger, in the order of `decisions`.

    How sure the law is was not stored: `engine` finds it again where it judges by the same rulebook.
    """
    rows = conn.execute(
        "SELECT d.id, d.at, d.verdict, d.cure, d.earliest, d.rules, d.obligations, d.permit, p.expires_at, b.rulebook,"
        " d.overrides, d.facts, s.body"
        " FROM ledger_decision d JOIN ledger_batch b ON b.id = d.batch JOIN ledger_selector s ON s.digest = d.selector"
        " LEFT JOIN ledger_permit p ON p.id = d.permit"
        " WHERE d.id = ANY(%s) AND d.account = %s",
        [list(decisions), account],
        binary=True,
    ).fetchall()
    by_id = {row[0]: row for row in rows}
    found = [by_id[decision] for decision in decisions]
    sure: list[str | None] = [None] * len(found)
    if bytes(found[0][9]) == bundles.digest_bytes(engine.rulebook):
        selectors = [packed.selector_of(bytes(row[12])) for row in found]
        judged = engine.judge(packed.unpack([bytes(row[11]) for row in found], selectors, [at_of(r[1]) for r in found]))
        sure = [judged.of(place).confidence for place in range(len(found))]
    return Decided(
        answers=[
            Answer(
                decision=row[0],
                verdict=_VERDICTS[row[2]],
                cure=None if row[3] is None else _CURES[row[3]],
                earliest=None if row[4] is None else at_of(row[4]),
                rules=tuple(row[5].split()),
                obligations=tuple(row[6].split()),
                overrides=tuple(row[10].split("\n")) if row[10] else (),
                permit=row[7],
                expires_at=None if row[8] is None else at_of(row[8]),
                confidence=sure[place],
            )
            for place, row in enumerate(found)
        ],
        rulebook=f"sha256:{bytes(found[0][9]).hex()}",
        at=at_of(found[0][1]),
        repeated=True,
    )
