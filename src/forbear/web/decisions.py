"""`POST /v1/decisions`: parse, check the key, wait in the batch, answer after the commit."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import psycopg

from forbear.accounts.connect import Connection, connect
from forbear.accounts.permissions import Permission
from forbear.core.instants import rfc3339
from forbear.core.tokens import sign
from forbear.core.words import Channel
from forbear.gate import contact as gate
from forbear.gate import links
from forbear.web import keys
from forbear.web.batch import Batcher, Closed, Full
from forbear.web.limits import MAX_WAITING
from forbear.web.problem import Problem, forbidden, unavailable
from forbear.web.schema import Answer, DecisionAnswer, DecisionRequest, Links, Permit

_AT_ONCE: Final = 2_000  # contacts in one transaction, unless one request alone has more
_WHERE: Final = re.compile(r" - at `\$\.?(.*)`$")
_KEY: Final = re.compile(r"field `([^`]*)`")
_parse: Final = msgspec.json.Decoder(DecisionRequest).decode
_moment: Final = lru_cache(maxsize=4096)(rfc3339)  # the contacts of a batch share most of their moments
_write: Final = msgspec.json.Encoder().encode


class Flusher:
    """What one flusher thread owns: a connection, made anew after it broke."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def work(self, items: Sequence[gate.Asked]) -> Sequence[gate.Decided | Exception]:
        """A connection found dead is replaced and the batch tried once more.

        Had the lost commit gone through after all, its permits were answered to nobody and
        still count as attempts: the strict side.
        """
        had = self._connection is not None
        try:
            return self._decide(items)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            broken = self._connection is None or self._connection.closed or self._connection.broken
            self.close()
            if not (had and broken):
                raise
        try:
            return self._decide(items)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self.close()
            raise

    def _decide(self, items: Sequence[gate.Asked]) -> Sequence[gate.Decided | Exception]:
        from forbear.gate.decide import decide

        if self._connection is None:
            self._connection = connect()
        return decide(self._connection, items)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Door:
    """The hot route of one process."""

    def __init__(self) -> None:
        self._batcher: Batcher[gate.Asked, gate.Decided] = Batcher(
            Flusher,
            flushers=int(os.environ.get("FORBEAR_FLUSHERS", "2")),
            most_at_once=int(os.environ.get("FORBEAR_BATCH_CONTACTS", _AT_ONCE)),
            most_waiting=MAX_WAITING,
        )

    def warm(self) -> None:
        """Loads rules and registries before the first request. Raises `BadInput` where they do not load."""
        from forbear.gate.opened import opened

        opened()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._batcher.start(loop)

    async def stop(self) -> None:
        await self._batcher.stop()

    async def ask(self, authorization: str, content_type: str, body: bytes) -> bytes:
        """The answer's JSON. Raises `Problem`, or what failed in the store."""
        caller = await keys.check_in_loop(authorization)
        if Permission.DECISION_MAKE not in caller.permissions:
            raise forbidden(Permission.DECISION_MAKE)
        asked = parse(content_type, body)
        if asked.redeem and Permission.PERMIT_REDEEM not in caller.permissions:
            raise forbidden(Permission.PERMIT_REDEEM)
        item = gate.Asked(
            account=caller.account,
            contacts=asked.contacts,
            key=caller.key,
            idempotency_key=asked.idempotency_key,
            redeem=asked.redeem,
        )
        try:
            decided = await self._batcher.ask(item, len(asked.contacts))
        except Full:
            raise unavailable("too many contacts wait to be decided") from None
        except Closed:
            raise unavailable("the server is being stopped", retry_after_s=5) from None
        if asked.expand:
            return await asyncio.to_thread(lambda: _write(in_words(decided, asked.contacts)))
        return _write(on_the_wire(decided, asked.contacts))


def parse(content_type: str, body: bytes) -> DecisionRequest:
    """A request body as structs. Raises `Problem` that names the key at fault."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "media-type", "The request must be JSON", todo="send `Content-Type: application/json`")
    try:
        if b"\\u0000" in body:
            raise Problem(422, "bad-input", "The request cannot be taken", "a text holds the character NUL")
        return _parse(body)
    except msgspec.ValidationError as error:
        raise wrong(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "not-json", "The request is not JSON", str(error)) from None


def wrong(error: msgspec.ValidationError) -> Problem:
    """A body that is JSON and not what is asked for: `contacts[3].purpose`, and why."""
    said = str(error)
    where = _WHERE.search(said)
    key = where.group(1) if where else ""
    what = said[: where.start()] if where else said
    named = _KEY.search(what)
    if named:
        key = f"{key}.{named.group(1)}" if key else named.group(1)
    if key == "contacts" and "length <=" in what:
        what = f"a request may have {gate.MAX_CONTACTS:,} contacts"
        return Problem(
            422, "too-many-contacts", "There are too many contacts", what, key, "send them in several requests"
        )
    return Problem(422, "bad-input", "The request cannot be taken", what, key or None)


def on_the_wire(decided: gate.Decided, contacts: Sequence[gate.Contact] = ()) -> DecisionAnswer:
    """`contacts` as they were asked, for the links of those allowed; without them no answer carries any."""
    answers = []
    base = links.public_url() if contacts else None
    keys_of_tokens = {} if base is None else links.token_keys()
    for place, given in enumerate(decided.answers):
        answer = Answer(
            id=given.decision,
            verdict=given.verdict,
            cure=given.cure,
            rules=given.rules,
            obligations=given.obligations,
        )
        if given.earliest is not None:
            answer.earliest = _moment(given.earliest)
        if given.overrides:
            answer.overrides = given.overrides
        if given.confidence is not None:
            answer.confidence = given.confidence
        if given.permit is not None and given.expires_at is not None:
            answer.permit = Permit(id=given.permit, expires_at=_moment(given.expires_at))
            if base is not None and contacts[place].channel is not Channel.VOICE:
                page = f"{base}/u/{sign(links.LABEL, given.decision, keys_of_tokens)}"
                answer.links = Links(
                    unsubscribe=page, preferences=f"{page}/preferences", why=f"{page}/why", report=f"{page}/report"
                )
                if contacts[place].channel is Channel.EMAIL:
                    answer.headers = links.headers_of(page)
        answers.append(answer)
    return DecisionAnswer(answers=answers, rulebook=decided.rulebook, at=_moment(decided.at), repeated=decided.repeated)


def in_words(decided: gate.Decided, contacts: Sequence[gate.Contact]) -> DecisionAnswer:
    """The same with what each obligation asks. Takes longer: not for the event loop."""
    from forbear.gate.owed import of_contacts

    answer = on_the_wire(decided, contacts)
    words = [given.obligations for given in decided.answers]
    for given, owed in zip(answer.answers, of_contacts(contacts, words, decided.at), strict=True):
        given.obligations_detail = owed
    return answer
