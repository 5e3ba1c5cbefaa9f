"""The case file: one JSON object on one line, read into a `Case`, or one error that names line and key.

`parse` reads a line, `read` the same as a mapping whose dates may already be dates (the
worked examples of the rules). Unknown keys are errors; the defaults of the format apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NoReturn, TypeVar

from forbear.core import emails, phones, where
from forbear.core.codes import Verdict
from forbear.core.emails import Email
from forbear.core.errors import BadInput
from forbear.core.instants import parse_rfc3339
from forbear.core.words import (
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    RecipientKind,
    RelationshipKind,
    SenderKind,
    Word,
)
from forbear.kernel.case import (
    Attempt,
    Case,
    Consent,
    Contact,
    Content,
    Dialler,
    Expect,
    OptOut,
    OptOutOffer,
    Policy,
    Recipient,
    Registry,
    Relationship,
    Sender,
)

LONGEST_LINE: Final = 1 << 20  # bytes
MOST_ENTRIES: Final = 10_000  # of one list
MOST_PROMISED: Final = 32_767  # contacts or days
SCHEMA: Final = 1
YEARS: Final = range(1970, 3000)  # of instants; a day may be any (a consent until 9999-12-31 has no end)


def parse(line: bytes | str, *, file: str | None = None, number: int | None = None) -> Case:
    """The case on one line. Raises `BadInput` naming the line and the key."""

    def fail(what: str, todo: str | None = None) -> NoReturn:
        raise BadInput(what, file=file, line=number, todo=todo)

    if len(line) > LONGEST_LINE:
        fail(f"longer than {LONGEST_LINE} bytes", "one case is one short line")
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line.removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        fail(f"not UTF-8 at byte {fault.start}")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as fault:
        fail(f"not JSON: {fault.msg} at character {fault.pos + 1}")
    except RecursionError:
        fail("nested too deep")
    except ValueError as fault:  # a key twice, NaN, an integer of thousands of digits
        fail(str(fault).split(";")[0])
    if not isinstance(value, dict):
        fail("a case is a JSON object")
    return read(value, file=file, number=number)


def read(value: Mapping[str, Any], *, file: str | None = None, number: int | None = None) -> Case:
    """A case from a mapping with the format's keys. Dates and moments may be texts or `date` and `datetime`."""
    case = _Part(value, "", file, number)
    schema = case.count("schema")
    if schema not in (None, SCHEMA):
        case.fail(f"schema {schema} is not known", "schema", f"this version reads {SCHEMA}")
    history = case.part("history")
    found = Case(
        id=case.text("id"),
        now=case.needed("now", case.moment("now")),
        contact=_contact(case.part("contact") or case.fail("is needed", "contact")),
        sender=_sender(case.part("sender")),
        recipient=_recipient(case.part("recipient")),
        consents=case.entries("consents", _consent),
        relationships=case.entries("relationships", _relationship),
        registries=_registries(case.part("registries")),
        opt_outs=case.entries("opt_outs", _opt_out),
        attempts=history.entries("attempts", _attempt) if history else None,
        confirmations_sent=history.count("confirmations_sent") if history else None,
        dialler=_dialler(case.part("dialler")),
        alerts=frozenset(case.texts("alerts") or ()),
        policy=_policy(case.part("policy")),
        title=case.text("title"),
        confidence=case.text("confidence"),
        expect=_expect(case.part("expect")),
    )
    if history:
        history.done(found)
    return case.done(found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key `{next(key for key in keys if keys.count(key) > 1)}` stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")


def _contact(part: _Part) -> Contact:
    channel = part.needed("channel", part.word("channel", Channel))
    mode = part.word("mode", Mode)
    if mode is not None and channel is not Channel.VOICE:
        part.fail(f"{channel} has no mode", "mode", "leave it out")
    content = part.part("content")
    return part.done(
        Contact(
            channel=channel,
            purpose=part.needed("purpose", part.word("purpose", Purpose)),
            mode=mode,
            from_=_as_seen(part.text("from")),
            to=part.text("to"),
            ai_disclosed=part.flag("ai_disclosed"),
            sector=part.text("sector"),
            subject=part.text("subject"),
            debt=part.text("debt"),
            campaign=part.text("campaign"),
            list=part.text("list"),
            seller=part.text("seller"),
            content=_content(content) if content else None,
        )
    )


def _as_seen(text: str | None) -> str | None:
    """One spelling for a sender's number or mail address; anything else as it was written."""
    if text is None or not text.strip():
        return None
    text = text.strip()
    if text.startswith("+"):
        number = phones.parse(text)
        return phones.e164(number) if isinstance(number, int) else text
    if "@" in text:
        email = emails.parse(text)
        return email.sending if isinstance(email, Email) else text
    return text


def _content(part: _Part) -> Content:
    offer = part.part("opt_out")
    return part.done(
        Content(
            identifies_sender=part.flag("identifies_sender"),
            postal_address=part.flag("postal_address"),
            subject_accurate=part.flag("subject_accurate"),
            header_accurate=part.flag("header_accurate"),
            promotional=part.flag("promotional"),
            identified_as_ad=part.flag("identified_as_ad"),
            body=part.text("body"),
            opt_out=_offer(offer) if offer else None,
        )
    )


def _offer(part: _Part) -> OptOutOffer:
    if not part.given:
        return OptOutOffer(kind="none")  # known to be empty
    kind: Any = part.choice("kind", ("reply", "url", "key_press", "none"))
    return part.done(OptOutOffer(kind=kind, requires_login=part.flag("requires_login")))


def _sender(part: _Part | None) -> Sender:
    if part is None:
        return Sender()
    ftc = part.flag("ftc")
    return part.done(
        Sender(
            country=part.country("country"),
            kind=part.word("kind", SenderKind),
            ftc=True if ftc is None else ftc,
            id_registered=part.flag("id_registered"),
        )
    )


def _recipient(part: _Part | None) -> Recipient:
    if part is None:
        return Recipient()
    zone = part.text("timezone")
    if zone is not None and not where.known_zone(zone):
        part.fail(f"`{zone[:40]}` is no IANA time zone", "timezone", "write it like America/New_York")
    others = []
    for i, text in enumerate(part.texts("other_numbers") or ()):
        number = phones.parse(text)
        if not isinstance(number, int):
            part.fail(f"no E.164 number: {number.words}", f"other_numbers[{i}]", "write it like +12025550100")
        others.append(number)
    return part.done(
        Recipient(
            kind=part.word("kind", RecipientKind),
            country=part.country("country"),
            region=part.text("region"),
            postcode=part.text("postcode"),
            locality=part.text("locality"),
            timezone=zone,
            line_type=part.word("line_type", LineType),
            county=part.text("county"),
            other_numbers=tuple(others),
            gave_number=part.flag("gave_number"),
            carrier_block=part.flag("carrier_block") or False,
        )
    )


def _consent(part: _Part) -> Consent:
    until = part.take("until")
    promised_n, promised_days = part.count("promised_n"), part.count("promised_days")
    stated = [one for one in (promised_n, promised_days) if one is not None]
    if len(stated) == 1 or not all(1 <= one <= MOST_PROMISED for one in stated):
        most = f"both from 1 to {MOST_PROMISED:,}"
        part.fail(f"goes with `promised_days`: so many contacts in so many days, {most}", "promised_n")
    return part.done(
        Consent(
            level=part.word("level", ConsentLevel),
            given=part.day_or_moment("given"),
            until="indefinite" if until == "indefinite" else part.as_day("until", until),
            channels=part.words("channels", Channel),
            purposes=part.words("purposes", Purpose),
            covers=part.words("covers", ConsentCover),
            evidence=part.flag("evidence"),
            names_seller=part.flag("names_seller"),
            withdrawn=part.moment("withdrawn"),
            imported=part.flag("imported") or False,
            promised_n=promised_n,
            promised_days=promised_days,
        )
    )


def _relationship(part: _Part) -> Relationship:
    return part.done(
        Relationship(
            kind=part.word("kind", RelationshipKind),
            on=part.as_day("on", part.take("on")),
            ongoing=part.flag("ongoing"),
            related=part.flag("related"),
        )
    )


def _registries(part: _Part | None) -> Mapping[str, Registry] | None:
    if part is None:
        return None
    return {name: _registry(answer) for name in list(part.given) if (answer := part.part(name)) is not None}


def _registry(part: _Part) -> Registry:
    listed = part.flag("listed")
    answer: Any = part.choice("answer", ("yes", "no", "no_data"))
    if answer is not None and listed is not None:
        part.fail("stands beside `listed`", "answer", "give one of them")
    return part.done(
        Registry(
            listed={"yes": True, "no": False}.get(answer) if answer else listed,
            since=part.as_day("since", part.take("since")),
            checked=part.day_or_moment("checked"),
            edition=part.as_day("edition", part.take("edition")),
            answer=answer,
        )
    )


def _opt_out(part: _Part) -> OptOut:
    return part.done(
        OptOut(
            at=part.moment("at"),
            scope=part.word("scope", OptOutScope),
            channel=part.word("channel", Channel),
            campaign=part.text("campaign"),
            list=part.text("list"),
            until=part.moment("until"),
            text=part.text("text"),
        )
    )


def _attempt(part: _Part) -> Attempt:
    at, on = part.moment("at"), part.as_day("on", part.take("on"))
    if at is None and on is None:
        part.fail("is needed: a moment, or `on`, a local date", "at")
    return part.done(
        Attempt(
            at=at,
            on=on,
            answered=part.flag("answered"),
            conversation=part.flag("conversation"),
            abandoned=part.flag("abandoned"),
            refused=part.flag("refused"),
            subject=part.text("subject"),
            debt=part.text("debt"),
            channel=part.word("channel", Channel),
            mode=part.word("mode", Mode),
            purpose=part.word("purpose", Purpose),
            outcome=part.text("outcome"),
        )
    )


def _dialler(part: _Part | None) -> Dialler | None:
    if part is None:
        return None
    return part.done(
        Dialler(
            answered_live=part.count("answered_live"),
            abandoned=part.count("abandoned"),
            window_days=part.count("window_days"),
            live_agent_guaranteed=part.flag("live_agent_guaranteed"),
        )
    )


def _policy(part: _Part | None) -> Policy:
    if part is None:
        return Policy()
    substitutes, code = part.flag("close_substitute_holidays"), part.flag("it_code_of_conduct")
    unknown: Any = part.choice("unknown_location", ("all", "mainland_states"))
    return part.done(
        Policy(
            close_substitute_holidays=substitutes is not False,
            unknown_location=unknown or "all",
            it_code_of_conduct=code is not False,
        )
    )


def _expect(part: _Part | None) -> Expect | None:
    if part is None:
        return None
    return part.done(
        Expect(
            verdict=Verdict(part.needed("verdict", part.choice("verdict", tuple(Verdict)))),
            earliest=part.moment("earliest"),
            because=part.text("because"),
            cite=part.text("cite"),
        )
    )


T = TypeVar("T")
W = TypeVar("W", bound=Word)


class _Part:
    """One object of a case: gives out its values by kind, and says which key was wrong or is left over."""

    __slots__ = ("_file", "_number", "_path", "given")

    def __init__(self, given: Mapping[str, Any], path: str, file: str | None, number: int | None) -> None:
        self.given = dict(given)
        self._path = path
        self._file = file
        self._number = number

    def fail(self, what: str, key: str, todo: str | None = None) -> NoReturn:
        raise BadInput(what, file=self._file, line=self._number, key=self._named(key), todo=todo)

    def _named(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def take(self, key: str) -> Any:
        return self.given.pop(key, None)

    def needed(self, key: str, value: T | None) -> T:
        if value is None:
            self.fail("is needed", key)
        return value

    def done(self, built: T) -> T:
        """`built`, if every key was asked for."""
        for key in self.given:
            self.fail("is no key of the format", key[:80], "see the case file's table of keys")
        return built

    def part(self, key: str) -> _Part | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.fail("must be an object", key)
        return _Part(value, self._named(key), self._file, self._number)

    def entries(self, key: str, build: Callable[[_Part], T]) -> tuple[T, ...] | None:
        values = self._list(key)
        if values is None:
            return None
        built = []
        for i, value in enumerate(values):
            if not isinstance(value, Mapping):
                self.fail("must be an object", f"{key}[{i}]")
            built.append(build(_Part(value, self._named(f"{key}[{i}]"), self._file, self._number)))
        return tuple(built)

    def _list(self, key: str) -> list[Any] | None:
        values = self.take(key)
        if values is None:
            return None
        if not isinstance(values, list | tuple):
            self.fail("must be a list", key)
        if len(values) > MOST_ENTRIES:
            self.fail(f"has more than {MOST_ENTRIES} entries", key)
        return list(values)

    def text(self, key: str) -> str | None:
        return self._text(key, self.take(key))

    def _text(self, key: str, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.fail("must be text", key)
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            self.fail("holds characters that are no text", key)
        return value

    def texts(self, key: str) -> list[str] | None:
        values = self._list(key)
        if values is None:
            return None
        return [self.needed(f"{key}[{i}]", self._text(f"{key}[{i}]", value)) for i, value in enumerate(values)]

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        value = self._text(key, self.take(key))
        if value is not None and value not in choices:
            self.fail(f"`{value[:40]}` is not one of {', '.join(choices)}", key)
        return value

    def word(self, key: str, words: type[W]) -> W | None:
        value = self.choice(key, tuple(word.value for word in words))
        return None if value is None else words(value)

    def words(self, key: str, words: type[W]) -> frozenset[W] | None:
        values = self.texts(key)
        if values is None:
            return None
        known = {word.value for word in words}
        for i, value in enumerate(values):
            if value not in known:
                self.fail(f"`{value[:40]}` is not one of {', '.join(words)}", f"{key}[{i}]")
        return frozenset(words(value) for value in values)

    def flag(self, key: str) -> bool | None:
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.fail("must be true or false", key)
        return value

    def count(self, key: str) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            self.fail("must be a whole number from 0", key)
        return value

    def country(self, key: str) -> str | None:
        value = self.text(key)
        if value is None:
            return None
        if len(value) != 2 or not value.isascii() or not value.isalpha():
            self.fail(f"`{value[:40]}` is no country code", key, "ISO 3166 alpha-2, like US")
        return value.upper()

    def moment(self, key: str) -> datetime | None:
        value = self.take(key)
        return None if value is None else self._as_moment(key, value)

    def _as_moment(self, key: str, value: Any) -> datetime:
        try:
            if isinstance(value, str):
                parse_rfc3339(value)
                value = datetime.fromisoformat(value.upper())
            if isinstance(value, datetime) and value.tzinfo is not None:
                moment = value.astimezone(UTC)
                if moment.year not in YEARS:
                    return self.fail(f"is not between {YEARS[0]} and {YEARS[-1]}", key)
                return moment
        except (ValueError, OverflowError):
            value = None
        return self.fail("must be an instant with a zone", key, "write it like 2026-11-24T13:00:00Z")

    def as_day(self, key: str, value: Any) -> date | None:
        if value is None:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-" and value.isascii():
            try:
                return date.fromisoformat(value)
            except ValueError:
                value = None
        return self.fail("must be a date", key, "write it like 2026-11-24")

    def day_or_moment(self, key: str) -> date | datetime | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, datetime) or (isinstance(value, str) and len(value) > 10):
            return self._as_moment(key, value)
        return self.as_day(key, value)
