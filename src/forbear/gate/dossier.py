"""The dossier of one address: everything known and done about it, in time order, in words, with where it is written.

What one hands to a court, or to the person. `collect` reads; `forbear.gate.dossier_pdf` makes it readable and
`forbear.gate.dossier_zip` verifiable. Of one account, or of the whole installation for its operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from forbear.accounts.connect import Connection
from forbear.core.canonical import digest
from forbear.core.codes import Cure, Verdict
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MISSING, at_of, date_of
from forbear.core.keys import AddressKey, is_erased, phone_of
from forbear.core.words import Channel, ConsentLevel, Mode, OptOutScope, Purpose, RelationshipKind, Word
from forbear.gate import bundles, packed
from forbear.gate.consent import check_key, every_address_key
from forbear.gate.contact import Refused
from forbear.gate.dossier_shape import BARRED, Dossier, Item, ListAnswer, RuleText, Standing
from forbear.gate.dossier_words import TITLES, day, in_order, label, moment, said_of, verdict_words, words_of
from forbear.gate.explain import LocalTime, local_times
from forbear.gate.opened import Gate, opened
from forbear.kernel.facts import Facts, Selector
from forbear.ledger import persons, writes
from forbear.ledger.evidence import Document, documents, wording
from forbear.ledger.kinds import Kind, KnownBy, Scope
from forbear.ledger.persons import Row
from forbear.registries.snapshots import history
from forbear.rulebook import plain, told
from forbear.rulebook.model import Rule, Rulebook

Tick = Callable[[int, int], None]
W = TypeVar("W", bound=Word)
_VERDICTS: Final = list(Verdict)
_CURES: Final = list(Cure)
_MOST_ZONES: Final = 8
_CHUNK: Final = 500


def collect(
    conn: Connection,
    address: str,
    *,
    account: UUID | None,
    gate: Gate | None = None,
    tick: Tick | None = None,
    key: UUID | None = None,
) -> Dossier:
    """Reads it all in one view of the ledger. Raises `BadInput` for no address, `Refused`."""
    gate = gate or opened()
    keys = every_address_key(address, gate)
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        conn.execute("SET LOCAL statement_timeout = 0")
        if account is not None:
            check_key(conn, key, account)
        return _Collection(conn, gate, address.strip(), keys, account, tick or (lambda done, whole: None)).made()


def note_made(conn: Connection, made: Dossier, by: str) -> UUID:
    """Making one is itself an event. It names who and why, and the number only by its key."""
    with conn.transaction():
        return writes.append_event(
            *(conn, writes.now(conn), Kind.DOSSIER_MADE, KnownBy.OPERATOR if made.account is None else KnownBy.ACCOUNT),
            account=made.account,
            address=made.kept_key,
            payload={"by": by, "items": len(made.items), "digest": digest(msgspec.to_builtins(made.items))},
        )


class _Collection:
    def __init__(
        self, conn: Connection, gate: Gate, address: str, keys: list[AddressKey], account: UUID | None, tick: Tick
    ) -> None:
        self.conn, self.gate, self.address, self.keys, self.account, self.tick = (
            conn,
            gate,
            address,
            keys,
            account,
            tick,
        )
        self.accounts = {row[0]: row[1] for row in conn.execute("SELECT id, name FROM accounts_account")}
        self.sellers = {row[0]: row[1] for row in conn.execute("SELECT id, name FROM accounts_seller")}
        self.slugs = {row[0]: row[1] for row in conn.execute("SELECT slug, name FROM accounts_seller")}
        if account is not None and account not in self.accounts:
            raise Refused("unknown_account", "the account is not known")
        self.books: dict[bytes, Rulebook | None] = {}
        self.rules: dict[tuple[str, str], int] = {}
        self.answers: dict[tuple[str, int, int], list[int]] = {}
        self.permits: set[UUID] = set()

    def made(self) -> Dossier:
        owners = self._owners()
        rows = {
            source: list(persons.rows_of(self.conn, source, self.keys, self.account, owners))
            for source in persons.SOURCES
        }
        number = phone_of(self.keys[0].column)
        found = Dossier(
            address=self.address if number is None else f"+{number}",
            scope=self._scope(),
            account=self.account,
            made_at=writes.now(self.conn),
            rulebook=self.gate.engine.digest,
            searched=[(source, len(some)) for source, some in rows.items()],
            keys=self.keys,
            erased=any(is_erased(row["addr"]) for some in rows.values() for row in some),
            rows=rows,
        )
        found.documents = self._documents(rows["events"])
        by_event: dict[UUID, list[str]] = {}
        for one in found.documents:
            by_event.setdefault(one.event, []).append(one.digest.hex())
        whole = sum(n for _, n in found.searched)
        for place, row in enumerate(rows["events"]):
            found.items.append(self._event(row, by_event.get(row["id"], [])))
            self.tick(place, whole)
        for place, row in enumerate(rows["decisions"]):
            found.items.append(self._decision(row, found))
            self.tick(len(rows["events"]) + place, whole)
        found.items.extend(self._message(row) for row in rows["messages"])
        found.items.sort(key=lambda item: (item.at, item.id))
        found.standing = [*map(self._suppression, rows["suppressions"]), *map(self._consent, rows["consents"])]
        found.standing += [*map(self._dealing, rows["dealings"]), *map(self._join, rows["joins"])]
        found.standing.sort(key=lambda one: (not one.stands, one.what != BARRED, one.since))
        found.lists = self._lists()
        self.tick(whole, whole)
        return found

    def _owners(self) -> list[UUID]:
        if self.account is None:
            return []
        rows = self.conn.execute(
            "SELECT seller_id FROM accounts_accountseller WHERE account_id = %s", [self.account]
        ).fetchall()
        partner = self.conn.execute("SELECT partner_id FROM accounts_account WHERE id = %s", [self.account]).fetchone()
        more = [partner[0]] if partner and partner[0] else []
        return [writes.NOBODY, self.account, *more, *(row[0] for row in rows)]

    def _scope(self) -> str:
        if self.account is None:
            return "every account of this installation"
        return f"the account “{self.accounts[self.account]}”"

    # --- events

    def _event(self, row: Row, documents: list[str]) -> Item:
        part = _part(row["part"])
        payload: dict[str, Any] = row["payload"]
        known = {name: payload[name] for name in in_order(payload) if payload[name] not in (None, [], {})}
        lines = [(label(name), self._said(name, value)) for name, value in known.items()]
        quote = next((str(part[name]) for name in ("text", "words", "body", "note") if part.get(name)), None)
        for name, value in part.items():
            if value and name not in ("text", "words", "body", "note", "address") and value is not True:
                lines.append((label(name), said_of(value)))
        shown = self._wording(row["account"], payload.get("wording"))
        if shown:
            lines.append(("words that were shown", shown))
        return Item(
            id=row["id"],
            kind=row["kind"],
            at=at_of(row["happened_at"]),
            learnt_at=at_of(row["learnt_at"]),
            title=TITLES.get(row["kind"], row["kind"].replace(":", " ").replace("_", " ")),
            account=self._account(row["account"]),
            seller=self._seller(row["seller"]),
            known_by=row["known_by"],
            lines=lines,
            quote=quote,
            personal=_erased(row),
            documents=documents,
            entries=[row["id"]],
        )

    def _said(self, name: str, value: Any) -> str:
        if name in ("sellers", "seller") and value:
            many = value if isinstance(value, list) else [value]
            return ", ".join(self.slugs.get(str(one)) or self._named(str(one)) for one in many)
        return said_of(value)

    def _named(self, text: str) -> str:
        try:
            known: str = self.sellers.get(UUID(text), text)
        except ValueError:
            return text
        return known

    def _wording(self, account: UUID | None, said: object) -> str | None:
        if account is None or not isinstance(said, str) or not said.startswith("sha256:"):
            return None
        found = wording(self.conn, account, bytes.fromhex(said.removeprefix("sha256:")))
        return None if found is None else f"“{found.text}” ({found.name}, version {found.version}, {found.language})"

    def _documents(self, events: Sequence[Row]) -> list[Document]:
        by_account: dict[UUID, list[UUID]] = {}
        for row in events:
            if row["account"] is not None:
                by_account.setdefault(row["account"], []).append(row["id"])
        return [one for account, ids in by_account.items() for one in documents(self.conn, account, ids)]

    # --- decisions

    def _decision(self, row: Row, found: Dossier) -> Item:
        selector = packed.selector_of(row["selector_body"])
        at = at_of(row["at"])
        facts = packed.unpack([row["facts"]], [selector], [at])
        verdict, cure = _VERDICTS[row["verdict"]], None if row["cure"] is None else _CURES[row["cure"]]
        channel, purpose = _word(Channel, row["channel"]), _word(Purpose, row["purpose"])
        mode = _word(Mode, row["mode"]) if row["mode"] else None
        lines = [("asked", words_of(channel, purpose, mode)), ("answer", verdict_words(verdict, cure))]
        if row["earliest"] is not None:
            lines.append(("allowed from", moment(at_of(row["earliest"]))))
        numbers = [self._rule(found, row["rulebook"], rule) for rule in row["rules"].split()]
        lines.append(("rulebook, engine", f"sha256:{row['rulebook'].hex()[:16]}…, {row['engine']}"))
        if row["obligations"]:
            duties = "; ".join(_duty(word) for word in row["obligations"].split())
            lines.append(("the contact had to", duties))
        for mention in row["overrides"].split("\n") if row["overrides"] else ():
            lines.append(("the operator's own text stood", mention))
        lines += self._lines_of_lists(facts)
        lines += self._permit(row)
        return Item(
            id=row["id"],
            kind="decision",
            at=at,
            learnt_at=at,
            title="Asked whether the person may be contacted",
            account=self._account(row["account"]),
            seller=self._seller(row["seller"]),
            known_by=None,
            lines=lines,
            verdict=verdict.value,
            confirms=purpose is Purpose.OPTOUT_CONFIRMATION,
            rules=[str(number) for number in numbers],
            local=_local(selector, at),
            entries=[row["id"]],
            personal="the number was erased; what was decided, and its proof, stay" if is_erased(row["addr"]) else None,
        )

    def _permit(self, row: Row) -> list[tuple[str, str]]:
        if row["permit"] is None:
            return []
        lines = [("permit", f"{row['permit']}, good until {moment(at_of(row['expires_at']))}")]
        if row["redeemed_at"] is not None:
            lines.append(("used", f"{moment(at_of(row['redeemed_at']))}: the contact was being made"))
        elif row["outcome"] is None:
            lines.append(("used", "no: no contact was made under it"))
        if row["outcome"] is not None:
            known = [
                word if value else f"not {word}"
                for word, value in (
                    *(("answered", row["answered"]), ("a conversation", row["conversation"])),
                    *(("abandoned", row["abandoned"]), ("refused", row["refused"])),
                )
                if value is not None
            ]
            outcome = str(row["outcome"]).replace("_", " ")
            came = f"{outcome} ({', '.join(known)})" if known else outcome
            lines.append(("what became of it", f"{came}, {moment(at_of(row['settled_at']))}, by {row['settled_by']}"))
        return lines

    def _lines_of_lists(self, facts: Facts) -> list[tuple[str, str]]:
        lines = []
        for name, column in sorted(facts.registries.items()):
            listed, obtained, edition = (int(one[0]) for one in (column.listed, column.checked_at, column.edition_day))
            answer = "not known" if listed < 0 else "listed" if listed else "not listed"
            if obtained == MISSING:
                lines.append((f"list {name}", f"{answer}; no copy of it was there"))
                continue
            counted = self.answers.setdefault((name, obtained, edition), [0, 0])
            counted[0] += 1
            counted[1] += listed == 1
            of = "" if edition == MISSING else f", edition of {date_of(edition)}"
            lines.append((f"list {name}", f"{answer}, by the copy of {moment(obtained)}{of}"))
        return lines

    def _rule(self, found: Dossier, digest: bytes, name: str) -> int:
        known = self.rules.get((digest.hex(), name))
        if known is not None:
            return known
        book = self._book(digest)
        rule = next((one for one in book.rules if one.id == name), None) if book else None
        self.rules[digest.hex(), name] = number = len(found.rules) + 1
        found.rules.append(_rule_text(name, rule, book, f"sha256:{digest.hex()}"))
        return number

    def _book(self, digest: bytes) -> Rulebook | None:
        if digest not in self.books:
            if digest == bundles.digest_bytes(self.gate.engine.rulebook):
                self.books[digest] = self.gate.engine.rulebook
            else:
                try:
                    self.books[digest] = bundles.rulebook_of(self.conn, digest)
                except BadInput:
                    self.books[digest] = None
        return self.books[digest]

    def _lists(self) -> list[ListAnswer]:
        ids = {
            (one.registry, one.obtained_at): one.id
            for one, _ in (history(self.gate.registries.folder) if self.answers else ())
        }
        return [
            ListAnswer(
                registry=name,
                snapshot=ids.get((name, obtained)),
                obtained_at=obtained,
                edition=None if edition == MISSING else date_of(edition).isoformat(),
                n=n,
                listed=listed,
            )
            for (name, obtained, edition), (n, listed) in sorted(self.answers.items())
        ]

    # --- messages of ours, and what stands

    def _message(self, row: Row) -> Item:
        content = row["content"] or {}
        lines = [("kind", str(row["kind"]).replace("_", " ")), ("channel", _word(Channel, row["channel"]).value)]
        for name, at in (("sent", row["sent_at"]), ("not sent", row["failed_at"])):
            if at is not None:
                lines.append((name, moment(at_of(at))))
        if row["error"]:
            lines.append(("why", row["error"]))
        if row["provider_id"]:
            lines.append(("carrier's id", row["provider_id"]))
        lines += [(name, str(content[name])) for name in ("from", "subject") if content.get(name)]
        return Item(
            id=row["id"],
            kind="message",
            at=at_of(row["at"]),
            learnt_at=at_of(row["at"]),
            title="A message of ours to the person",
            account=self._account(row["account"]),
            seller=self._seller(row["seller"]),
            known_by=None,
            lines=lines,
            quote=content.get("text"),
            personal=_unsaid(content),
        )

    def _suppression(self, row: Row) -> Standing:
        scope = Scope(row["scope"])
        whose = {
            Scope.INSTALLATION: "every sender",
            Scope.ACCOUNT: self.accounts.get(row["owner"], "an account"),
            Scope.SELLER: self.sellers.get(row["owner"], "a seller"),
            Scope.PARTNER: "every account of the partner",
        }[scope]
        channels = ", ".join(channel.value for channel in Channel if row["channels"] & channel.bit) or "every channel"
        lines = [
            ("covers", _word(OptOutScope, row["covers"]).value.replace("_", " ")),
            ("channels", channels),
            ("because", row["reason"]),
            ("said by the person", "yes" if row["said"] else "no"),
        ]
        if row["way"]:
            lines.append(("how", row["way"].replace("_", " ")))
        if row["last_at"] != row["at"]:
            lines.append(("said again, the last time", moment(at_of(row["last_at"]))))
        if row["until"] is not None:
            lines.append(("until", moment(at_of(row["until"]))))
        if row["lifted_at"] is not None:
            lines.append(("lifted", f"{moment(at_of(row['lifted_at']))}, by the event {row['lifted_by']}"))
        stands = row["lifted_at"] is None
        return Standing(what=BARRED, whose=whose, lines=lines, since=at_of(row["at"]), stands=stands)

    def _consent(self, row: Row) -> Standing:
        given = at_of(row["given_at"]) if row["given_at"] is not None else (row["given_day"] or 0) * DAY
        lines = [("kind", _word(ConsentLevel, row["level"]).value.replace("_", " "))]
        for name, kind in (("channels", Channel), ("purposes", Purpose)):
            mask = row[name]
            named = ", ".join(word.value.replace("_", " ") for word in kind if mask & word.bit)
            lines.append((name, "not stated" if mask < 0 else named or "none"))
        lines.append(("proof", {True: "held", False: "none", None: "not known"}[row["evidence"]]))
        if row["promised_n"]:
            lines.append(("promised", f"at most {row['promised_n']} messages in {row['promised_days']} days"))
        if row["withdrawn_at"] is not None:
            lines.append(("withdrawn", moment(at_of(row["withdrawn_at"]))))
        whose = ", ".join(self.sellers.get(seller, str(seller)) for seller in row["sellers"])
        return Standing(what="Consent", whose=whose, lines=lines, since=given, stands=row["withdrawn_at"] is None)

    def _dealing(self, row: Row) -> Standing:
        lines = [("kind", _word(RelationshipKind, row["kind"]).value.replace("_", " "))]
        if row["ended_at"] is not None:
            lines.append(("ended", moment(at_of(row["ended_at"]))))
        since = (row["on_day"] or 0) * DAY
        whose = self.sellers.get(row["seller"], "")
        return Standing(what="Dealing", whose=whose, lines=lines, since=since, stands=row["ended_at"] is None)

    def _join(self, row: Row) -> Standing:
        lines = [("other addresses known to be the same person's", str(row["others"]))]
        if row["parted_at"] is not None:
            lines.append(("parted", moment(at_of(row["parted_at"]))))
        whose = self._account(row["account"])
        stands = row["parted_at"] is None
        return Standing(what="Known as one person", whose=whose, lines=lines, since=at_of(row["at"]), stands=stands)

    def _account(self, account: UUID | None) -> str:
        return "the installation" if account is None else self.accounts.get(account, str(account))

    def _seller(self, seller: UUID | None) -> str | None:
        return None if seller is None else self.sellers.get(seller, str(seller))


def _part(part: bytes | None) -> Mapping[str, Any]:
    said = msgspec.json.decode(part) if part else {}
    return said if isinstance(said, dict) else {}


def _erased(row: Row) -> str | None:
    if row["kept_until"] is not None:
        return f"kept until {day(row['kept_until'])} because {row['kept_rule']} wants it; then it is erased"
    if row["personal_hash"] is not None and row["part"] is None:
        return "erased; its salted hash stays, and with it the proof"
    return None


def _local(selector: Selector, at: int) -> list[str]:
    times = local_times(selector.places, at)
    clocks = [_clock(one) for one in times[:_MOST_ZONES]]
    if len(times) > _MOST_ZONES:
        clocks.append(f"and in {len(times) - _MOST_ZONES} further time zones: the place was not known closely")
    return clocks


def _clock(one: LocalTime) -> str:
    regions = ", ".join(one.regions[:6]) + (" …" if len(one.regions) > 6 else "")
    when = datetime.fromisoformat(one.time)
    return f"{when:%a %Y-%m-%d %H:%M} in {one.zone.replace('_', ' ')} ({regions})"


def _duty(word: str) -> str:
    try:
        return plain.duty(word)
    except KeyError:
        return word.replace("_", " ")


def _rule_text(name: str, rule: Rule | None, book: Rulebook | None, digest: str) -> RuleText:
    if rule is None:
        return RuleText(
            rule=name,
            rulebook=digest,
            title="the rulebook of that day is not at hand"
            if book is None
            else "coverage: what was read of the law there",
            about="",
            text=[],
            cites=[],
            confidence="",
            override=None,
        )
    value = rule.values[-1]
    return RuleText(
        rule=name,
        rulebook=digest,
        title=rule.title,
        about=plain.about(rule.applies),
        text=[*plain.text(rule, value, book), plain.otherwise(rule)],
        cites=[(cite.title, date_of(cite.seen).isoformat(), cite.url) for cite in rule.cites],
        confidence=plain.CONFIDENCE[rule.confidence],
        override=None if rule.override is None else told.of_override(rule.override),
    )


def _unsaid(content: Mapping[str, Any]) -> str | None:
    """Why a message of ours stands here without its words."""
    if not content:
        return "its words are no longer kept"
    return None if "text" in content else "it held a link or a code that is the person's alone"


def _word(kind: type[W], bit: int) -> W:
    return next(word for word in kind if word.bit == bit)
