"""A list judged before it is used: for every row a verdict, its cure, when it becomes allowed, and the rules.

A wash is advice and gives no permit: the gate is asked again at the moment of contact. It
judges by what the installation knows when it begins (the ledger up to one change number,
the registries mapped then), for one channel and purpose, at one moment. What is not known
yet, the content of the call or message, is taken as claimed for the dry run.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt
import phonenumbers
import polars as pl

from forbear.accounts.connect import Connection
from forbear.accounts.home import home
from forbear.core import emails, keys, phones, where
from forbear.core.codes import Code, Verdict
from forbear.core.emails import EmailFault
from forbear.core.errors import BadInput
from forbear.core.instants import MISSING, rfc3339
from forbear.core.keys import AddressKind
from forbear.core.phones import NumberFault
from forbear.core.words import Channel, LineType, Mode, OptOutScope, Purpose, RecipientKind, Word
from forbear.gate import bundles, gather, known, lists
from forbear.gate.asking import Asking, Whom
from forbear.gate.claims import MARKETING, word_hash
from forbear.gate.gather import AccountFacts, Reach, SellerFacts, Sender
from forbear.gate.known import Hits, Known, in_sorted
from forbear.gate.lists import Done, List, Tick
from forbear.gate.opened import Gate
from forbear.kernel.facts import (
    NO,
    NOT_KNOWN,
    YES,
    Attempts,
    Consents,
    Facts,
    Flag,
    OptOuts,
    RegistryColumn,
    Relationships,
    Selector,
)
from forbear.kernel.judge import ENGINE, Answers
from forbear.ledger import attempts as packed
from forbear.ledger import writes
from forbear.ledger.kinds import Kind, KnownBy

_W = TypeVar("_W", bound=Word)
_T = TypeVar("_T", bound=np.generic)
Ints = npt.NDArray[np.int64]
Line = tuple[str, str, str, str, str, str]  # the columns added, and what shadow rules would have said

ADDED: Final = ("verdict", "cure", "earliest", "rules")
OVERRIDES: Final = "overrides"  # a column more, where the installation overrides shipped rules
HINTS: Final = ("to", "country", "region", "postcode", "timezone", "kind", "line_type", "county")
GUESSES: Final[dict[str, tuple[str, ...]]] = {
    "to": ("to", "phone", "phone_number", "number", "mobile", "telephone", "msisdn"),
    "country": ("country", "country_code"),
    "region": ("region", "state", "province"),
    "postcode": ("postcode", "zip", "zip_code", "zipcode", "postal_code"),
    "timezone": ("timezone", "time_zone", "tz"),
    "line_type": ("line_type",),
}
MAIL: Final = ("to", "email", "e-mail", "email_address", "mail")

CONTENT: Final = (  # duties of the content, claimed for a dry run
    Flag.IDENTIFIES_SENDER,
    Flag.POSTAL_ADDRESS,
    Flag.SUBJECT_ACCURATE,
    Flag.HEADER_ACCURATE,
    Flag.IDENTIFIED_AS_AD,
    Flag.OPT_OUT_OFFERED,
    Flag.OPT_OUT_REPLY,
    Flag.OPT_OUT_URL,
    Flag.OPT_OUT_KEY_PRESS,
    Flag.AI_DISCLOSED,
)
CLAIMABLE: Final = {
    flag.name.lower(): flag
    for flag in (*CONTENT, Flag.PROMOTIONAL, Flag.OPT_OUT_REQUIRES_LOGIN, Flag.LIVE_AGENT_GUARANTEED)
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be washed, and for what. `columns` maps a hint (`HINTS`) to a column of the list."""

    account: UUID
    channel: Channel
    purpose: Purpose
    mode: Mode | None = None
    seller: str | None = None
    at: int | None = None
    country: str | None = None  # whose numbers those without `+` are
    campaign: str | None = None
    list: str | None = None
    sender: str | None = None  # what the person will see
    sector: str | None = None
    kind: RecipientKind | None = None  # of every row that does not say
    line_type: LineType | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    content: Sequence[str] | None = None  # flags, `no_` before those that are not so; None: every duty is met

    @property
    def reach(self) -> Reach:
        marketing = self.purpose in MARKETING
        words = (word_hash(word) if word else 0 for word in (self.campaign, self.list))
        return Reach(self.channel.bit, self.purpose.bit, marketing, *words)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A registry's copy that answered."""

    registry: str
    id: str
    digest: str
    obtained_at: int
    edition_day: int | None


@dataclass(slots=True)
class Report:
    """What came out: verdicts, and how often each rule decided. A row may have several deciding rules."""

    verdicts: Counter[tuple[str, str]]  # verdict, cure
    reasons: Counter[tuple[str, str, str]]  # verdict, cure, rule
    columns: dict[str, str]
    assumed: list[str]
    snapshots: list[Snapshot]
    absent: list[str]  # registries that rules ask and the installation does not have
    seq: int
    at: int
    done: Done
    receipt: dict[str, Any]
    overrides: Counter[str]  # how many rows each of the operator's own texts mattered for
    shadow: Counter[tuple[str, str]]  # allowed rows that a shadow rule would have denied or deferred: rule, verdict


def wash(conn: Connection, gate: Gate, asked: Asked, source: Path, out: Path, tick: Tick) -> Report:
    """Wash the list `source` into `out`. Raises `BadInput`; then nothing is at `out` and nothing is recorded."""
    rows = List(source)
    columns = mapping(rows, asked)
    account, sender, holds = _sender(conn, asked)
    now = writes.now(conn)
    caught = known.catch_up(conn, home(), account.id, account.partner, sender.seller.id, sender.seller.number, now)
    caller, registers = _caller(conn, asked, sender.seller)
    alerts = gather.in_force(conn.execute(gather.ALERTS).fetchall(), asked.at or now)
    washer = Washer(gate, asked, columns, sender, holds, caught, asked.at or now, caller, registers, alerts)
    if caller is None:
        washer.caller = assumed_caller(asked, sender.seller)
        washer.assumed.append(f"from a number of {washer.caller}" if washer.caller[0] == "+" else "from an address")
    receipt: dict[str, Any] = {}

    def record(done: Done) -> None:
        receipt.update(washer.receipt(done, source.name))
        bundles.keep(conn, gate.engine.rulebook)
        event = writes.append_event(
            conn,
            writes.now(conn),
            Kind.LIST_WASHED,
            KnownBy.OBSERVED,
            account=account.id,
            seller=sender.seller.id,
            payload=receipt,
        )
        receipt["id"] = str(event)

    done = lists.pour(rows, out, list(dict.fromkeys(columns.values())), washer.added, washer.judge, tick, record)
    return washer.report(done, receipt)


def mapping(rows: List, asked: Asked) -> dict[str, str]:
    """Which column is which hint: as stated, else by its usual names."""
    unknown = set(asked.columns) - set(HINTS)
    if unknown:
        raise BadInput(f"no such fact; there are {', '.join(HINTS)}", key=min(unknown))
    by_name = {name.casefold().replace(" ", "_"): name for name in reversed(rows.columns)}
    found: dict[str, str] = {}
    for hint in HINTS:
        column = asked.columns.get(hint)
        if column is not None and column not in rows.columns:
            raise rows.bad("is not there", 1, column, todo=f"the list has {', '.join(rows.columns)}")
        if column is None:
            guesses = MAIL if hint == "to" and asked.channel is Channel.EMAIL else GUESSES.get(hint, ())
            column = next((by_name[guess] for guess in guesses if guess in by_name), None)
        if column is not None:
            found[hint] = column
    if "to" not in found:
        raise rows.bad(
            "no column for the address", 1, todo=f"say --map to=COLUMN; the list has {', '.join(rows.columns)}"
        )
    return found


class Washer:
    """Judges batches of a list. Several threads may call `judge` at once."""

    def __init__(
        self,
        gate: Gate,
        asked: Asked,
        columns: Mapping[str, str],
        sender: Sender,
        holds: list[tuple[UUID | None, UUID | None]],
        caught: Known,
        at: int,
        caller: str | None,
        registers: Collection[str] | None = None,
        alerts: frozenset[str] = frozenset(),
    ) -> None:
        self.gate, self.asked, self.columns, self.sender, self.known = gate, asked, dict(columns), sender, caught
        self.at, self.caller = at, caller
        self._said = caught.said()
        self._barred = None if asked.channel is Channel.EMAIL else caught.barred(asked.reach, at)
        layers = (caught.suppressions, caught.consents, caught.relationships, caught.attempts)
        self._erased = any(one.has_erased for one in layers)  # else nobody is looked for under an erased key
        self._places, self._alerts = _Places(asked, sender, alerts), alerts
        self._true, self._false, self.assumed = _constant_flags(asked, sender, holds)
        self._registers = registers or ()
        if registers is not None and not registers:
            self._false |= 1 << Flag.SENDER_ID_REGISTERED
        account, seller = sender
        self._asking = Asking(gate.registries.pinned(), gate.demands, str(account.id), str(seller.id), at)
        self._asked_registries = [name for name in gate.asked if self._asking.layers(name)]
        self._hashed_mail = any(
            layer.manifest.hashing is not None for name in self._asked_registries for layer in self._asking.layers(name)
        )
        self._lock = threading.Lock()
        self._line_of: dict[int, int] = {}  # by combination
        self._index: dict[Line, int] = {}
        self._table: pl.DataFrame | None = None  # of the lines in the index
        self._dates: dict[int, int] = {}
        self._codes: dict[tuple[str, int], int] = {}
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._reasons: Counter[tuple[str, str, str]] = Counter()
        self._overrides: Counter[str] = Counter()
        self._shadow: Counter[tuple[str, str]] = Counter()
        self.added: tuple[str, ...] = ADDED
        if any(rule.override is not None for rule in gate.engine.rulebook.rules):
            self.added = (*ADDED, OVERRIDES)

    def judge(self, frame: pl.DataFrame) -> tuple[npt.NDArray[np.uint32], pl.DataFrame]:
        """For each row the row of a small table with the columns `added`.

        The kernel judges each combination of facts once in the whole wash, and each row of
        which the ledger holds something of its own (an opt-out, a consent, an attempt).
        """
        to = frame[self.columns["to"]]
        address = self._address(to)
        selector, selectors = self._places.selectors(frame, self.columns, where.prefix_class(address.numbers))
        whom = self._whom(to, address)
        said = {name: self._asking.ask(name, whom, selector, selectors) for name in self._asked_registries}
        batch = _Batch(
            address,
            selector,
            selectors,
            self._suppressed(address),
            {name: gather.registry_column(*one.answer) for name, one in said.items()},
            frozenset(name for name, one in said.items() if not one.by_selector),
        )
        stopped = self._find(self._said, address)
        consents, tried = self._find(self.known.consents, address), self._find(self.known.attempts, address)
        dealings = self._find(self.known.relationships, address)
        present, local = _dense(self._combinations(batch))
        with self._lock:
            new = [i for i, code in enumerate(present.tolist()) if code not in self._line_of]
            if new:
                first = np.empty(present.size, np.int64)
                first[local[::-1]] = np.arange(local.size - 1, -1, -1)
                facts = self._facts(batch, first[new])
                for i, line in zip(new, _lines(self.gate.engine.judge(facts), address, first[new]), strict=True):
                    self._line_of[int(present[i])] = self._index.setdefault(line, len(self._index))
            if new or self._table is None:
                self._table = _frame(list(self._index), self.added)
            lines, table = list(self._index), self._table
            of_code = np.array([self._line_of[code] for code in present.tolist()], np.uint32)
        which = of_code[local]
        own = np.unique(np.concatenate([stopped.row, consents.row, dealings.row, tried.row]))
        if own.size:
            among = np.zeros(frame.height, np.int64)
            among[own] = np.arange(own.size)
            facts = self._facts(batch, own)
            facts.true[among[_who_gave(consents, dealings)]] |= np.uint64(1 << Flag.GAVE_NUMBER)
            facts = replace(
                facts,
                opt_outs=_opt_outs(Hits(among[stopped.row], stopped.entry), self.asked.reach, self.at),
                consents=_consents(Hits(among[consents.row], consents.entry)),
                relationships=_relationships(Hits(among[dealings.row], dealings.entry)),
                attempts=_attempts(Hits(among[tried.row], tried.entry)),
            )
            index: dict[Line, int] = {}
            told = _lines(self.gate.engine.judge(facts), address, own)
            which[own] = [len(lines) + index.setdefault(line, len(index)) for line in told]
            lines += index
            table = table.vstack(_frame(list(index), self.added))
        counts = np.bincount(which, minlength=len(lines)).tolist()
        with self._lock:
            for count, (verdict, cure, _, rules, overrides, watched) in zip(counts, lines, strict=True):
                if count:
                    for mention in overrides.split("; ") if overrides else ():
                        self._overrides[mention] += count
                    for one in watched.split():
                        rule, _, would = one.partition(":")
                        self._shadow[rule, would] += count
                    self._verdicts[verdict, cure] += count
                    for rule in rules.split() or [""]:
                        self._reasons[verdict, cure, rule] += count
        return which, table

    def _combinations(self, batch: _Batch) -> Ints:
        """By row one number for all that is judged of it, its own entries in the ledger apart."""
        code, most = batch.selector.astype(np.int64), _SELECTORS
        for name, column in batch.registries.items():
            code, most = self._within(name, code * 3 + (column.listed + 1), most * 3)
            for dates in (column.checked_at, column.edition_day):
                if dates.ndim and name in batch.dated:  # answers of several washes: which of them
                    distinct, which = np.unique(dates, return_inverse=True)
                    with self._lock:
                        met = [self._dates.setdefault(int(date), len(self._dates)) for date in distinct]
                    code, most = self._within(name, code * _LAYERS + np.array(met, np.int64)[which], most * _LAYERS)
        return (code * 2 + batch.suppressed) * 16 + batch.address.faults

    def _within(self, name: str, code: Ints, most: int) -> tuple[Ints, int]:
        """The codes, numbered anew (and the same in every batch) before so many registries outgrow 64 bits."""
        if most < 1 << 44:
            return code, most
        distinct, which = np.unique(code, return_inverse=True)
        with self._lock:
            met = [self._codes.setdefault((name, one), len(self._codes)) for one in distinct.tolist()]
        return np.array(met, np.int64)[which], _SELECTORS

    def _address(self, to: pl.Series) -> _Address:
        if self.asked.channel is not Channel.EMAIL:
            numbers, faults = phones.parse_column(to, self.asked.country)
            column = [keys.of_phones(numbers)]
            if self._erased:
                column += [keys.of_erased_phones(numbers, secret) for secret in self.gate.secrets]
            return _Address(numbers, column, [], faults, NumberFault)
        parsed = emails.parse_column(to)
        matching = parsed["matching"].to_list()
        keyed = [keys.of_texts(AddressKind.EMAIL, matching, secret) for secret in self.gate.secrets]
        faults = parsed["fault"].to_numpy()
        numbers = np.zeros(len(faults), np.uint64)
        return _Address(numbers, [k for k, _ in keyed], [mac for _, mac in keyed], faults, EmailFault)

    def _facts(self, batch: _Batch, rows: Ints) -> Facts:
        """Some rows as the kernel judges them, without entries of their own."""
        n = rows.size
        true = np.full(n, self._true, np.uint64)
        false = np.full(n, self._false, np.uint64)
        _raise_flag(true, false, Flag.ADDRESS_UNDERSTOOD, batch.address.faults[rows] == 0)
        _raise_flag(true, false, Flag.SUPPRESSED, batch.suppressed[rows])
        if self._registers:
            present, which = np.unique(batch.selector[rows], return_inverse=True)
            there = [gather.stands_on(self._registers, batch.selectors[one]) for one in present.tolist()]
            true |= np.array(there, np.uint64)[which] << np.uint64(Flag.SENDER_ID_REGISTERED)
        return Facts(
            n=n,
            now=np.array(self.at, np.int64),
            selector=batch.selector[rows],
            selectors=batch.selectors,
            true=true,
            false=false,
            registries={name: _some(column, rows) for name, column in batch.registries.items()},
            caller=np.zeros(n, np.int32),
            callers=(self.caller,),
        )

    def _find(self, among: known.Layered | known.Entries, address: _Address) -> Hits:
        found = [among.find(column) for column in address.keys]
        if address.macs and not isinstance(among, known.Entries):  # attempts have no mac, to the gate neither
            found = [known.confirmed(hits, mac) for hits, mac in zip(found, address.macs, strict=True)]
        elif len(found) > 1 and not isinstance(among, known.Entries):
            found[1:] = self._of_erased(found[1:], address)
        if len(found) == 1:
            return found[0]
        row = np.concatenate([hits.row for hits in found])
        order = np.argsort(row, kind="stable")
        return Hits(row[order], np.concatenate([hits.entry for hits in found])[order])

    def _suppressed(self, address: _Address) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(address.faults), np.bool_)
        if self._barred is None:
            some = [self._find(self.known.suppressions, address)]
        else:
            found = self._barred.contains(address.keys[0])
            erased = [self.known.suppressions.find(column) for column in address.keys[1:]]
            some = self._of_erased(erased, address) if erased else []
        for hits in some:
            found[hits.row[known.covering(hits.entry, self.asked.reach, self.at)]] = True
        return found

    def _of_erased(self, found: Sequence[Hits], address: _Address) -> list[Hits]:
        """What stands under erased keys, a column for each secret, confirmed to be of these numbers."""
        good = []
        for hits, secret in zip(found, self.gate.secrets, strict=True):
            macs = b"".join([keys.erased_mac(number, secret) for number in address.numbers[hits.row].tolist()])
            rows = np.frombuffer(macs, np.uint8).reshape(len(hits.row), keys.MAC_BYTES)
            by_hit = known.confirmed(Hits(np.arange(len(hits.row)), hits.entry), rows)
            good.append(Hits(hits.row[by_hit.row], by_hit.entry))
        return good

    def _whom(self, to: pl.Series, address: _Address) -> Whom:
        if not address.macs:
            return Whom(address.numbers)
        texts = to.cast(pl.String).to_list() if self._hashed_mail else None
        return Whom(address.keys[0].view(np.uint64), self.gate.secret.id, texts)

    # --- what is said of it afterwards ---

    def snapshots(self) -> list[Snapshot]:
        return [
            Snapshot(
                s.manifest.registry, s.manifest.id, s.manifest.digest, s.manifest.obtained_at, s.manifest.edition_day
            )
            for name in self._asked_registries
            for s in self._asking.layers(name)
        ]

    def receipt(self, done: Done, name: str) -> dict[str, Any]:
        """What was washed into what, by which rules, lists and state of the ledger. Holds no address."""
        return {
            "at": rfc3339(self.at),
            "channel": self.asked.channel.value,
            "purpose": self.asked.purpose.value,
            "mode": self.asked.mode.value if self.asked.mode else None,
            "kind": self.asked.kind.value if self.asked.kind else None,
            "line_type": self.asked.line_type.value if self.asked.line_type else None,
            "rows": done.rows,
            "input": {"name": name, "bytes": done.input_bytes, "digest": done.input_digest},
            "output": {"bytes": done.output_bytes, "digest": done.output_digest},
            "rulebook": self.gate.engine.digest,
            "engine": ENGINE,
            "ledger_seq": self.known.seq,
            "registries": [asdict(s) | {"obtained_at": rfc3339(s.obtained_at)} for s in self.snapshots()],
            "columns": self.columns,
            "claimed": self.assumed,
            **({"alerts": sorted(self._alerts)} if self._alerts else {}),
            "verdicts": {f"{v} {c}".strip(): n for (v, c), n in sorted(self._verdicts.items())},
            **({"overrides": dict(sorted(self._overrides.items()))} if self._overrides else {}),
            **({"shadow": _would(self._shadow)} if self._shadow else {}),
        }

    def report(self, done: Done, receipt: dict[str, Any]) -> Report:
        absent = [one for name in self.gate.asked for one in self._asking.missing(name)]
        return Report(
            self._verdicts,
            self._reasons,
            self.columns,
            self.assumed,
            self.snapshots(),
            absent,
            self.known.seq,
            self.at,
            done,
            receipt,
            self._overrides,
            self._shadow,
        )


def _would(shadow: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """By shadow rule, how many of the allowed rows it would have denied and deferred."""
    return {
        rule: {"would_deny": shadow[rule, "deny"], "would_defer": shadow[rule, "defer"]}
        for rule in sorted({rule for rule, _ in shadow})
    }


class _Address(NamedTuple):
    """A batch's addresses: one column of keys for each secret (numbers need none), macs for the hashed kinds."""

    numbers: npt.NDArray[np.uint64]
    keys: list[npt.NDArray[np.int64]]
    macs: list[npt.NDArray[np.uint8]]
    faults: npt.NDArray[np.int8]
    words: type[NumberFault] | type[EmailFault]


class _Batch(NamedTuple):
    """What is judged of each row."""

    address: _Address
    selector: npt.NDArray[np.int32]
    selectors: list[Selector]
    suppressed: npt.NDArray[np.bool_]
    registries: dict[str, RegistryColumn]
    dated: frozenset[str]  # registries whose dates do not follow from the selector


def _some(column: RegistryColumn, rows: Ints) -> RegistryColumn:
    """A registry's answers about some rows; what holds for all stays one value."""

    def of(part: npt.NDArray[_T]) -> npt.NDArray[_T]:
        return part[rows] if part.ndim else part

    return RegistryColumn(
        of(column.listed),
        of(column.since_day),
        of(column.checked_day),
        of(column.checked_at),
        of(column.edition_day),
    )


def _raise_flag(
    true: npt.NDArray[np.uint64], false: npt.NDArray[np.uint64], flag: Flag, holds: npt.NDArray[np.bool_]
) -> None:
    bits = holds.astype(np.uint64) << np.uint64(flag)
    true |= bits
    false |= bits ^ np.uint64(1 << flag)


# --- what is the same for every row -----------------------------------------------------------


_ACCOUNT: Final = (
    "SELECT a.id, a.status, a.policy, a.partner_id, s.id, s.number, s.slug, s.country, s.kind, s.ftc"
    " FROM accounts_account a"
    " LEFT JOIN accounts_accountseller l ON l.account_id = a.id AND (l.until IS NULL OR l.until > now())"
    " LEFT JOIN accounts_seller s ON s.id = l.seller_id WHERE a.id = %s ORDER BY l.id"
)
_HOLDS: Final = (
    "SELECT account_id, seller_id FROM accounts_hold WHERE lifted_at IS NULL"
    " AND (until IS NULL OR until > clock_timestamp())"
)


def _sender(conn: Connection, asked: Asked) -> tuple[AccountFacts, Sender, list[tuple[UUID | None, UUID | None]]]:
    accounts = gather.accounts_of(conn.execute(_ACCOUNT, [asked.account]))
    account = accounts.get(asked.account)
    if account is None:
        raise BadInput("no such account", key="account")
    if not account.sellers:
        raise BadInput("the account serves no seller", key="account", todo="link one first")
    seller = account.sellers.get(asked.seller) if asked.seller else next(iter(account.sellers.values()))
    if seller is None:
        raise BadInput(f"the account serves no seller `{asked.seller}`", key="seller")
    return account, Sender(account, seller), list(conn.execute(_HOLDS).fetchall())


def _caller(conn: Connection, asked: Asked, seller: SellerFacts) -> tuple[str | None, Collection[str] | None]:
    """What the person will see as sender, and on whose countries' registers it stands; None: not known."""
    rows = conn.execute(
        "SELECT value, CASE WHEN registered THEN registers WHEN NOT registered THEN '{}' END"
        " FROM accounts_senderidentity WHERE seller_id = %s AND channel = %s ORDER BY id",
        [seller.id, asked.channel.value],
    ).fetchall()
    if asked.sender is not None:
        return asked.sender, next((r for v, r in rows if v.lower() == asked.sender.lower()), None)
    return (str(rows[0][0]), rows[0][1]) if rows else (None, None)


def assumed_caller(asked: Asked, seller: SellerFacts) -> str:
    """A number of the seller's own country, or an address, where nobody said what will be shown."""
    if asked.channel is Channel.EMAIL:
        return "sender@example.invalid"
    return f"+{phonenumbers.country_code_for_region(seller.country or asked.country or 'US') or 1}"


def _constant_flags(
    asked: Asked, sender: Sender, holds: list[tuple[UUID | None, UUID | None]]
) -> tuple[int, int, list[str]]:
    """The facts that hold for every row, true and false, and what of them is only claimed."""
    true, false = np.zeros(1, np.uint64), np.zeros(1, np.uint64)
    gather.sender_flags([sender], holds, np.zeros(1, np.int32), true, false)
    yes, no = int(true[0]), int(false[0])
    yes |= 1 << Flag.CONSENTS_KNOWN | 1 << Flag.OPT_OUTS_KNOWN | 1 << Flag.ATTEMPTS_KNOWN
    if asked.content is None:
        claimed = [f.name.lower() for f in CONTENT] + ["no_opt_out_requires_login"]
        claimed.append("promotional" if asked.purpose in MARKETING else "no_promotional")
    else:
        claimed = list(asked.content)
    for word in claimed:
        flag = CLAIMABLE.get(word.removeprefix("no_"))
        if flag is None:
            raise BadInput(f"`{word}` is no fact of the content", key="content", todo=f"use {', '.join(CLAIMABLE)}")
        if word.startswith("no_"):
            no |= 1 << flag
        else:
            yes |= 1 << flag
    return yes, no, claimed


# --- places ---------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """The hints of a row that choose rules, its postcode apart."""

    prefix: int
    country: str | None
    region: str | None
    timezone: str | None
    kind: str | None
    line_type: str | None
    county: str | None


_DIGITS: Final = range(3, 7)  # lengths of all-digit postcodes that are looked up by table
_OFFSET: Final = {length: sum(10**k for k in range(3, length)) for length in _DIGITS}
_SIZE: Final = _OFFSET[6] + 10**6
_HOMES: Final = 64
_SELECTORS: Final = 1 << 28  # more than a wash meets, or combinations of facts
_LAYERS: Final = 1024  # more dates than all registries' layers together have
_FULL: Final = {"US": 5, "AU": 4, "FR": 5, "ES": 5}  # digits of a whole postcode: none were dropped in front
_MOST: Final = 1 << 20  # distinct words of hints that are remembered


class _Numbers:
    """Pairs of small numbers, numbered in the order they are first met."""

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.int64)
        self._number = np.empty(0, np.int64)

    def of(self, high: npt.NDArray[np.int64], low: npt.NDArray[np.int64], met: list[tuple[int, int]]) -> Ints:
        """The number of each pair; those that are new go into `met` too, in order."""
        pair = high << 32 | low
        if not in_sorted(self._sorted, pair).all():
            new = np.setdiff1d(pair, self._sorted)
            numbers = self._number.size + np.arange(new.size)
            met.extend(zip((new >> 32).tolist(), (new & 0xFFFFFFFF).tolist(), strict=True))
            order = np.argsort(np.concatenate([self._sorted, new]), kind="stable")
            self._number = np.concatenate([self._number, numbers])[order]
            self._sorted = np.concatenate([self._sorted, new])[order]
        found: Ints = self._number[np.searchsorted(self._sorted, pair)]
        return found


@lru_cache(maxsize=300)
def _depth(country: str) -> int:
    """How many leading characters of a postcode the frozen table looks at; 0: it has none of the country."""
    return max((len(low) for low, _, _ in where._tables().postcodes.get(country, ())), default=0)


class _Postcodes:
    """Postcodes by number, one number for all with the same places. The tables behind it are frozen."""

    def __init__(self) -> None:
        self.texts: list[str | None] = [None]  # by number, one that stands for all
        self.number = lru_cache(maxsize=1 << 17)(self._number)
        self._numbers: dict[tuple[str, object], int] = {}
        self._tables: dict[str, npt.NDArray[np.int32]] = {}
        self._lock = threading.RLock()

    def _number(self, home: str, text: str) -> int:
        if _depth(home) == 0:
            return 0  # no table: a postcode there says nothing
        places = where.resolve_class(home, None, text, None)
        with self._lock:
            number = self._numbers.setdefault((home, places), len(self.texts))
            if number == len(self.texts):
                self.texts.append(text)
        return number

    def by_table(self, home: str, place: Ints) -> Ints:
        """The numbers of all-digit postcodes; `place` is their digits behind `_OFFSET` of their length."""
        with self._lock:
            table = self._tables.get(home)
            if table is None:
                if len(self._tables) >= _HOMES:
                    self._tables.clear()
                table = self._tables[home] = np.full(_SIZE, -1, np.int32)
            found = table.take(place)
            missing = np.flatnonzero(found < 0)
            for one in np.unique(place[missing]).tolist():
                if table[one] >= 0:
                    continue
                length = next(k for k in reversed(_DIGITS) if one >= _OFFSET[k])
                rest = max(0, length - _depth(home)) if length >= _FULL.get(home, 99) else 0
                first = (one - _OFFSET[length]) // 10**rest * 10**rest
                number = self.number(home, f"{first:0{length}d}")  # and of all with the same leading digits
                table[_OFFSET[length] + first : _OFFSET[length] + first + 10**rest] = number
            found[missing] = table.take(place[missing])
        return found.astype(np.int64)


class _Met:
    """The combinations of hints met so far, by number."""

    def __init__(self) -> None:
        self.words: list[dict[str | None, int]] = [{None: 0} for _ in _Kind._fields[1:]]
        self.pairs = [_Numbers() for _ in _Kind._fields[1:]]
        self.kinds: list[list[tuple[Any, ...]]] = [[] for _ in _Kind._fields[1:]]  # by number, after each hint
        self.homes: list[str | None] = []  # by number of a whole kind
        self.places = _Numbers()  # of a kind and a standing postcode
        self.selector: list[int] = []  # by number of such a place


_postcodes = _Postcodes()


class _Places:
    """Rows to selectors: each distinct combination of hints is resolved once, however long the list."""

    def __init__(self, asked: Asked, sender: Sender, alerts: frozenset[str]) -> None:
        self._asked, self._sender, self._alerts = asked, sender, alerts
        self._lock = threading.RLock()
        self._selectors: list[Selector] = []
        self._index: dict[Selector, int] = {}
        self._met = _Met()
        self._spelt: dict[str, pl.Enum] = {}  # by hint, the texts met last

    def selectors(
        self, frame: pl.DataFrame, columns: Mapping[str, str], prefix: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int32], list[Selector]]:
        """By row the index of its selector, and all selectors so far."""
        prefixes, code = _dense(prefix.astype(np.int64))
        named: list[tuple[int, list[str | None]]] = []
        for number, hint in enumerate(_Kind._fields[1:]):
            if hint in columns:
                names, one, self._spelt[hint] = _coded(frame[columns[hint]], self._spelt.get(hint))
                code = code * len(names) + one
                named.append((number, names))
        present, code = _dense(code)
        with self._lock:
            if sum(map(len, self._met.words)) > _MOST:
                self._met = _Met()
            met = self._met
            kind = self._kinds_of(met, present, prefixes, named)
            homes, of_kind = np.unique(np.array([met.homes[k] or "" for k in kind.tolist()]), return_inverse=True)
        if "postcode" in columns:
            postcode = self._postcodes(frame[columns["postcode"]], homes.tolist(), of_kind, code)
            most = int(postcode.max(initial=0)) + 1
            both, code = _dense(code * most + postcode)
            kind, standing = kind[both // most], both % most
        else:
            standing = np.zeros(kind.size, np.int64)
        with self._lock:
            new: list[tuple[int, int]] = []
            places = met.places.of(kind, standing, new)
            met.selector.extend(self._resolve(_Kind(*met.kinds[-1][k]), p) for k, p in new)
            index = np.array(met.selector, np.int32)[places]
        return index[code], self._selectors

    def _kinds_of(self, met: _Met, present: Ints, prefixes: Ints, named: list[tuple[int, list[str | None]]]) -> Ints:
        """The number of the kind that each distinct code of a batch stands for."""
        parts: dict[int, Ints] = {}
        for number, names in reversed(named):
            present, one = np.divmod(present, len(names))
            words = met.words[number]
            parts[number] = np.array([words.setdefault(name, len(words)) for name in names], np.int64)[one]
        kind: Ints = prefixes[present]
        zeros = np.zeros(kind.size, np.int64)
        for number, pairs in enumerate(met.pairs):
            new: list[tuple[int, int]] = []
            kind = pairs.of(kind, parts.get(number, zeros), new)
            if new:
                spelt = list(met.words[number])
                before = met.kinds[number - 1] if number else None
                met.kinds[number].extend(
                    (*(before[first] if before is not None else (first,)), spelt[second]) for first, second in new
                )
        met.homes.extend(self._home(_Kind(*k)) for k in met.kinds[-1][len(met.homes) :])
        return kind

    def _postcodes(self, texts: pl.Series, homes: list[str], of_kind: Ints, code: Ints) -> Ints:
        """By row, the number of a postcode that stands for its places; 0 for none."""
        found = np.zeros(len(texts), np.int64)
        texts = texts.cast(pl.String) if texts.dtype != pl.String else texts
        lengths = texts.str.len_bytes().fill_null(0).to_numpy()
        values = texts.cast(pl.UInt32, strict=False)
        plain = values.is_not_null().to_numpy() & (lengths >= _DIGITS[0]) & (lengths <= _DIGITS[-1])
        plain &= ~texts.str.starts_with("+").fill_null(False).to_numpy()
        offset = np.zeros(max(_DIGITS) + 1, np.int64)
        offset[list(_OFFSET)] = list(_OFFSET.values())
        place = values.fill_null(0).to_numpy() + offset.take(np.minimum(lengths, max(_DIGITS)))
        home_of = of_kind[code] if len(homes) > 1 else None
        for number, country in enumerate(homes):
            if country:
                mine = plain if home_of is None else plain & (home_of == number)
                rows = slice(None) if mine.all() else np.flatnonzero(mine)
                found[rows] = _postcodes.by_table(country, place[rows])
        odd = np.flatnonzero(~plain & (lengths > 0))
        if odd.size:
            whose = of_kind[code[odd]].tolist()
            for row, number, text in zip(odd.tolist(), whose, texts.gather(odd).to_list(), strict=True):
                if homes[number]:
                    found[row] = _postcodes.number(homes[number], text)
        return found

    @staticmethod
    def _home(kind: _Kind) -> str | None:
        """The country a postcode is read for, as `where` finds it."""
        if kind.country:
            return kind.country.strip().upper()
        if kind.region and kind.region.strip()[2:3] == "-":
            return kind.region.strip()[:2].upper()
        if kind.prefix == where.NO_EVIDENCE:
            return None
        countries = {place.country for place in where.resolve_class(None, None, None, None, (kind.prefix,))}
        return countries.pop() if len(countries) == 1 else None

    def _resolve(self, kind: _Kind, postcode: int) -> int:
        """The index of the selector of a combination of hints."""
        account, seller = self._sender
        asked = self._asked
        classes = (kind.prefix,) if kind.prefix != where.NO_EVIDENCE else ()
        selector = gather.selector_of(
            (kind.country, kind.region, _postcodes.texts[postcode], kind.timezone, classes),
            asked.channel,
            asked.purpose,
            asked.mode,
            _word(RecipientKind, kind.kind) or asked.kind,
            seller.kind,
            seller.country,
            asked.sector,
            _word(LineType, kind.line_type) or asked.line_type,
            kind.county,
            account.policy,
            self._alerts,
        )
        index = self._index.setdefault(selector, len(self._selectors))
        if index == len(self._selectors):
            self._selectors.append(selector)
        return index


def _word(words: type[_W], text: str | None) -> _W | None:
    """A word of the domain; anything else is not known, which is the stricter."""
    try:
        return words(text.strip().lower()) if text else None
    except ValueError:
        return None


def _coded(texts: pl.Series, spelt: pl.Enum | None) -> tuple[list[str | None], npt.NDArray[np.int64], pl.Enum]:
    """The distinct texts (None first) and which each row has. Empty is not known.

    `spelt` are the texts of the batch before: where it has them all, nothing is looked for.
    """
    texts = texts.cast(pl.String)
    codes = texts.cast(spelt, strict=False) if spelt is not None else None
    if codes is None or spelt is None or codes.null_count() != texts.null_count():
        spelt = pl.Enum(texts.drop_nulls().unique().sort())
        codes = texts.cast(spelt)
    names: list[str | None] = spelt.categories.to_list()
    rows = codes.to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1
    if "" in names:
        rows = np.where(rows == names.index("") + 1, 0, rows)
    return [None, *names], rows, spelt


def _dense(code: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct codes, and by row which of them."""
    top = int(code.max(initial=0)) + 1
    if top > 1 << 22:
        present, inverse = np.unique(code, return_inverse=True)
        return present, inverse.astype(np.int64)
    there = np.zeros(top, np.bool_)
    there[code] = True
    present = np.flatnonzero(there)
    number = np.empty(top, np.int64)
    number[present] = np.arange(present.size)
    return present, number.take(code)


# --- entries of the ledger as the kernel's columns ---------------------------------------------


def _opt_outs(hits: Hits, reach: Reach, at_moment: int) -> OptOuts | None:
    """Each opt-out at the first and the last time it was said, on each channel it names. A pause over is none."""
    lasts = (hits.entry["until"] == MISSING) | (hits.entry["until"] > at_moment)
    row, entry = hits.row[lasts], hits.entry[lasts]
    if not row.size:
        return None
    again = entry["at"] != entry["last_at"]
    row, at = np.concatenate([row, row[again]]), np.concatenate([entry["at"], entry["last_at"][again]])
    entry = np.concatenate([entry, entry[again]])
    rows, ats, entries, channels = [], [], [], []
    for bit in (0, *(channel.bit for channel in Channel)):
        those = entry["channels"] == 0 if bit == 0 else (entry["channels"] & bit) != 0
        rows.append(row[those])
        ats.append(at[those])
        entries.append(entry[those])
        channels.append(np.full(int(those.sum()), bit, np.int16))
    row, at, entry, channel = map(np.concatenate, (rows, ats, entries, channels))
    order = np.argsort(row, kind="stable")
    row, at, entry, channel = row[order], at[order], entry[order], channel[order]
    of_list = entry["covers"] == OptOutScope.LIST.bit
    theirs, mine = np.where(of_list, entry["list"], entry["campaign"]), np.where(of_list, reach.list, reach.campaign)
    same = np.where((theirs == 0) | (mine == 0), NOT_KNOWN, np.where(theirs == mine, YES, NO)).astype(np.int8)
    until = np.ascontiguousarray(entry["until"])
    return OptOuts(row.astype(np.int32), at, entry["covers"].astype(np.int16), channel, same, until)


def _consents(hits: Hits) -> Consents | None:
    if not hits.row.size:
        return None
    entry = {name: np.ascontiguousarray(hits.entry[name]) for name in known.CONSENT.names or ()}
    return Consents(
        hits.row.astype(np.int32),
        *(entry[f.name] for f in fields(Consents) if f.name != "row"),
    )


def _relationships(hits: Hits) -> Relationships | None:
    if not hits.row.size:
        return None
    entry = hits.entry
    return Relationships(
        row=hits.row.astype(np.int32),
        kind=np.ascontiguousarray(entry["kind"]),
        on_day=np.ascontiguousarray(entry["on_day"]),
        ongoing=np.ascontiguousarray(entry["ongoing"]),
        related=np.full(hits.row.size, NOT_KNOWN, np.int8),  # a wash states no subject
    )


def _who_gave(consents: Hits, dealings: Hits) -> Ints:
    """The rows whose person gave the address, as a standing consent or a dealing says."""
    stands = (consents.entry["given_by_person"] == 1) & (consents.entry["withdrawn_at"] == MISSING)
    return np.concatenate([consents.row[stands], dealings.row[dealings.entry["given_by_person"] == 1]])


def _attempts(hits: Hits) -> Attempts | None:
    if not hits.row.size:
        return None
    record = hits.entry["record"]
    n = hits.row.size

    def event(bit: int) -> npt.NDArray[np.int8]:
        return np.where(record["known"] & bit, np.where(record["said"] & bit, YES, NO), NOT_KNOWN).astype(np.int8)

    not_known = np.full(n, NOT_KNOWN, np.int8)  # a wash states no subject and no debt
    return Attempts(
        row=hits.row.astype(np.int32),
        at=record["at"].astype(np.int64),
        on_day=np.full(n, MISSING, np.int32),
        channel=record["channel"].astype(np.int16),
        purpose=record["purpose"].astype(np.int16),
        mode=record["mode"].astype(np.int16),
        same_subject=not_known,
        same_debt=not_known,
        answered=event(packed.ANSWERED),
        conversation=event(packed.CONVERSATION),
        abandoned=event(packed.ABANDONED),
        refused=event(packed.REFUSED),
        unreachable=event(packed.UNREACHABLE),
    )


# --- the verdicts as text ------------------------------------------------------------------------


def _frame(lines: list[Line], added: tuple[str, ...]) -> pl.DataFrame:
    rows = [line[: len(added)] for line in lines]
    return pl.DataFrame(rows, schema=dict.fromkeys(added, pl.String), orient="row")


def _lines(answers: Answers, address: _Address, rows: Ints) -> list[Line]:
    """Each answer as text. What was not understood says why."""
    words = {fault.value: fault.name.lower() for fault in address.words}
    found: list[Line] = []
    told: dict[tuple[int, int], Line] = {}
    faults = address.faults[rows].tolist()
    for which, moment, fault in zip(answers.outcome.tolist(), answers.earliest.tolist(), faults, strict=True):
        if fault:
            found.append(("deny", "evidence", "", f"house.address_understood:{words[fault]}", "", ""))
            continue
        line = told.get((which, moment))
        if line is None:
            outcome = answers.outcomes[which]
            earliest = "" if moment == MISSING else rfc3339(moment)
            cure = "" if outcome.cure is None else outcome.cure.value
            watched = ""
            if outcome.shadow and outcome.verdict is Verdict.ALLOW:
                watched = " ".join(
                    f"{rule}:{'defer' if code is Code.NOT_NOW else 'deny'}" for rule, code in outcome.shadow
                )
            rules, overrides = " ".join(outcome.rules), "; ".join(outcome.overrides)
            line = told[which, moment] = (outcome.verdict.value, cure, earliest, rules, overrides, watched)
        found.append(line)
    return found
