"""The rulebook from its files: what is written badly does not load, and says where.

`load` takes bytes by name, so it needs no disk; `shipped` reads the rules that come with
the package. A `bases.toml` holds cases that several files' examples are laid over. A rule
without a citation, with an unknown key or with two texts for one day is refused. The worked
examples are run by `forbear.kernel.lint`.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, overload

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.core.instants import parse_day
from forbear.core.words import (
    Binding,
    Channel,
    LineType,
    Mode,
    OptOutScope,
    Purpose,
    Reaching,
    RecipientKind,
    SenderKind,
    Way,
)
from forbear.rulebook.conditions import alternatives_of, hours_of, pause_of, windows_of
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    AnyOf,
    Calendar,
    CapCondition,
    Citation,
    Coverage,
    Deadline,
    Example,
    Extent,
    FreshCondition,
    Holiday,
    Hours,
    ListedCondition,
    PauseCondition,
    PromiseCondition,
    Retention,
    Rule,
    Rulebook,
    Selection,
    Topic,
    Value,
)
from forbear.rulebook.read import Table, all_of, parse

CHECKS = (
    "requires",
    "forbidden",
    "not_listed",
    "within_hours",
    "max_attempts",
    "wait_after",
    "wait_until",
    "keeps_promise",
    "owes",
    "retains",
    "honours",
    "reaches",
)
TIMED = ("within_hours", "max_attempts", "wait_after", "wait_until", "keeps_promise")  # waiting cures them
STATED_ONLY = ("owes", "retains", "honours", "reaches")  # they say what else is due and never change a verdict
TERMS = ("within_seconds", "works_days")
RECORDS = ("consent", "opt_out", "contact", "complaint", "relationship", "registry")
KEPT_AFTER = ("grant", "use", "withdrawal", "request", "contact", "last_activity")
UNITS = ("business_days", "days", "hours")
CONFIDENCES = ("high", "medium", "low", "policy")
TOPICS = (  # of coverage; `forbear.rulebook.topics` finds a rule's
    *("calling_hours", "holidays", "registries", "consent", "relationships", "caps", "bans", "identification"),
    *("caller_id", "opt_out", "recorded", "ai_voice", "email", "debt", "retention", "registration"),
)
EVENTS = ("answered", "conversation", "abandoned", "refused")
OBLIGATIONS = (
    "identify_caller",
    "identify_sender",
    "callback_number",
    "opt_out_text",
    "unsubscribe_header",
    "postal_address",
    "play_opt_out_prompt",
    "show_caller_id",
    "disclose_ai",
    "end_call_when_asked",
    "state_purpose",
    "show_own_number",
    "show_principals_number",
    "state_goods",
    "offer_do_not_call",
    "sexually_explicit_label",
    "provider_details",
    "company_details",
    "inform_right_to_object",
    "source_of_data_on_request",
    "ask_before_message",
    "reference_number",
)
_FILES_KEPT = 4096
_ID = re.compile(r"^[a-z]{2,5}(\.[a-z0-9_]+)+$")
_PLACE = re.compile(r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
_CLOCK = re.compile(r"^(local|[+-](0\d|1[0-4]):[0-5]\d)$")


def load(files: Mapping[str, bytes]) -> Rulebook:
    """`files`: bytes by relative name; `*.toml` rules, `calendars/*.toml`, `coverage.toml`. Raises `BadInput`."""
    rules: list[Rule] = []
    calendars: dict[str, Calendar] = {}
    coverage: tuple[Coverage, ...] = ()
    topics: tuple[Topic, ...] = ()
    bases = _bases({name: body for name, body in files.items() if name.rsplit("/", 1)[-1] == "bases.toml"})
    for name in sorted(files):
        if not name.endswith(".toml") or name.rsplit("/", 1)[-1] == "bases.toml" or name.startswith("obligations/"):
            continue
        if name.rsplit("/", 1)[-1] == "coverage.toml":
            read, stated = _coverage(name, files[name])
            coverage, topics = coverage + read, topics + stated
        elif "calendars/" in name:
            calendar = _calendar(name, files[name])
            if calendar.id in calendars:
                raise BadInput(f"the calendar `{calendar.id}` stands in another file too", file=name, key="id")
            calendars[calendar.id] = calendar
        else:
            rules.append(_rule(name, files[name], bases))
    ids: dict[str, str] = {}
    for rule in rules:
        if rule.id in ids:
            line = parse(rule.file, files[rule.file])[1].get(("", 0, "id"))
            raise BadInput(f"the id `{rule.id}` stands in {ids[rule.id]} too", file=rule.file, line=line, key="id")
        ids[rule.id] = rule.file
        for index, value in enumerate(rule.values):
            asked = [("closed_on", named) for named in value.closed_on]
            if value.deadline is not None and value.deadline.calendar is not None:
                asked.append(("calendar", value.deadline.calendar))
            for key, named in asked:
                if named not in calendars:
                    line = parse(rule.file, files[rule.file])[1].get(("value", index, key))
                    raise BadInput(f"no calendar `{named}`", file=rule.file, line=line, key=key, todo="write it first")
    return Rulebook(tuple(rules), coverage, calendars, digest(files), topics=topics)


def digest(files: Mapping[str, bytes]) -> str:
    """`sha256:` over each file's name, length and bytes, in order of names."""
    whole = hashlib.sha256()
    for name in sorted(files):
        if name.endswith(".toml"):
            whole.update(f"{name}\0{len(files[name])}\0".encode())
            whole.update(files[name])
    return "sha256:" + whole.hexdigest()


class ReadLater(Sequence[Example]):
    """The examples of a shipped file, read when somebody looks: most of the text, and nothing is judged by it."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name, self._content = name, content

    @cached_property
    def _read(self) -> tuple[Example, ...]:
        document, lines = parse(self._name, self._content)
        return tuple(_example(table) for table in Table(document, file=self._name, lines=lines).tables("example"))

    def __len__(self) -> int:
        return len(self._read)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._read[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read == tuple(other)

    __hash__ = None  # type: ignore[assignment]


def _without_examples(content: bytes) -> bytes:
    """The file with each `[[example]]`, or `example = [` to its `]`, blanked out; all else keeps its line."""
    kept, inside = [], False
    for line in content.splitlines(keepends=True):
        if line.startswith((b"[", b"example = [")):
            inside = line.startswith((b"[[example]]", b"example = ["))
        kept.append(b"\n" if inside else line)
        inside = inside and not line.startswith(b"]")
    return b"".join(kept)


@cache
def shipped() -> Rulebook:
    """The rules that come with the package."""
    files = dict(_as_shipped())
    return replace(load(files), files=files)


@cache
def _as_shipped() -> Mapping[str, bytes]:
    return shipped_files()


def shipped_files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            elif item.name.endswith(".toml"):
                files[prefix + item.name] = item.read_bytes()

    walk(resources.files("forbear.rulebook"), "")
    return files


@dataclass(frozen=True, slots=True)
class _Bases:
    """The cases of every `bases.toml`; equal where they came from equal bytes."""

    cases: Mapping[str, Mapping[str, Any]] = field(compare=False)
    of: str


def _bases(files: Mapping[str, bytes]) -> _Bases:
    cases: dict[str, Mapping[str, Any]] = {}
    for name in files:
        cases.update(parse(name, files[name])[0])
    return _Bases(cases, digest(files))


# A file that was read is not read again: rulebooks that are compared, judged again by or laid over each other
# share nearly all of theirs.
@lru_cache(maxsize=_FILES_KEPT)
def _rule(name: str, content: bytes, bases: _Bases) -> Rule:
    as_shipped = _as_shipped().get(name) == content
    document, lines = parse(name, _without_examples(content) if as_shipped else content)
    top = Table(document, file=name, lines=lines)
    rule_id = top.text("id")
    if not _ID.match(rule_id):
        top.fail(f"`{rule_id}` is no rule id", "id", todo="write it as us.fl.calling_hours")
    title = top.text("title")
    check = top.text("check", one_of=CHECKS)
    on_fail = Code[
        top.text("on_fail", required=check not in STATED_ONLY, one_of=("NOT_NOW", "UNKNOWN", "FORBIDDEN")) or "UNKNOWN"
    ]
    timed = check in TIMED
    if check not in STATED_ONLY and timed != (on_fail is Code.NOT_NOW):
        top.fail(f"a `{check}` rule {'says' if timed else 'never says'} NOT_NOW", "on_fail")
    confidence = top.text("confidence", one_of=CONFIDENCES)
    note = top.text("note", required=False)
    state = top.text("state", required=False, one_of=("shadow", "enforced")) or "enforced"
    applies = _selection(top.table("applies"))
    exempt = tuple(_selection(table) for table in top.tables("exempt"))
    shared = alternatives_of(top, "unless")
    cites = tuple(_cite(table) for table in top.tables("cite"))
    if not cites:
        top.fail("no `cite`", todo="every rule states one")
    values = tuple(value_of(table, check, shared) for table in top.tables("value"))
    if not values:
        top.fail("no `value`", todo="state the text in force, with `from` where the day is known")
    _no_overlap(name, lines, values)
    base = _base(top, bases)
    examples = ReadLater(name, content) if as_shipped else tuple(_example(table) for table in top.tables("example"))
    top.done()
    return Rule(
        rule_id,
        title,
        name,
        check,
        on_fail,
        applies,
        exempt,
        values,
        cites,
        confidence,
        note,
        state == "shadow",
        base,
        examples,
    )


def _base(top: Table, bases: _Bases) -> Mapping[str, Any]:
    """The case that the examples are laid over: a table of the file, or the name of one in a `bases.toml`."""
    named = top.any("base") or {}
    if isinstance(named, dict):
        return named
    if named not in bases.cases:
        top.fail(f"no base `{named}` in any bases.toml", "base")
    return bases.cases[named]


def _no_overlap(name: str, lines: Mapping[tuple[str, int, str], int], values: tuple[Value, ...]) -> None:
    dated = sorted(((v.from_day, v.to_day, i) for i, v in enumerate(values) if not v.undated))
    for start, end, index in dated:
        if end < start:
            raise BadInput("ends before it begins", file=name, line=lines.get(("value", index, "to")), key="value.to")
    for (_, end, _), (start, _, index) in itertools.pairwise(dated):
        if start <= end:
            raise BadInput(
                "two values are in force on one day",
                file=name,
                line=lines.get(("value", index, "from")) or lines.get(("value", index, "")),
                key="value.from",
                todo="end the one before with `to`",
            )


def _places(table: Table) -> tuple[str, ...]:
    places = table.texts("places")
    for place in places:
        if not _PLACE.match(place):
            table.fail(f"`{place}` is neither a country (US) nor a region (US-FL)", "places")
    return places


def _selection(table: Table) -> Selection:
    places = _places(table)
    policy = table.table("policy").left()
    for key, value in policy.items():
        if not isinstance(value, bool | str):
            table.fail("must be true, false or a word", f"policy.{key}")
    selection = Selection(
        places=places,
        counties=table.texts("counties"),
        channel=table.mask("channel", Channel),
        mode=table.mask("mode", Mode),
        purpose=table.mask("purpose", Purpose),
        recipient=table.mask("recipient", RecipientKind),
        sender=table.mask("sender", SenderKind),
        sender_country=table.texts("sender_country"),
        sector=table.texts("sector"),
        line_type=table.mask("line_type", LineType),
        alert=table.truth("alert"),
        policy=tuple(sorted(policy.items())),
    )
    table.done()
    return selection


def _cite(table: Table) -> Citation:
    seen = table.day("seen")
    if seen is None:
        table.fail("no `seen`", todo="state the day the text was read")
    citation = Citation(
        table.text("title"),
        seen,
        table.text("url", required=False) or None,
        table.text("quote", required=False) or None,
        table.text("source", required=False) or None,
    )
    table.done()
    return citation


def _example(table: Table) -> Example:
    line = table.line() or 0
    facts = table.any("facts") or {}
    if not isinstance(facts, dict):
        table.fail("must be a table of dotted keys", "facts")
    want = Code[table.text("want", one_of=tuple(code.name for code in Code))]
    example = Example(table.text("when"), facts, want, line)
    table.done()
    return example


def value_of(table: Table, check: str, shared: AnyOf) -> Value:
    """One text of a rule of this check; `shared` are the exceptions that stand above all its texts."""
    undated = False
    from_day: int | None
    if table.has("from"):
        start = table.any("from")
        if start == "unknown":
            undated, from_day = True, ALWAYS
        else:
            from_day = Table(
                {"from": start}, file=table._file, lines=table._lines, name="value", index=table._index
            ).day("from")
    else:
        from_day = None
    to_day = table.day("to")
    unless = shared + alternatives_of(table, "unless")
    any_of: AnyOf = ()
    hours: Hours | None = None
    clocks: tuple[str, ...] = ("local",)
    closed_on: tuple[str, ...] = ()
    cap: CapCondition | PauseCondition | PromiseCondition | None = None
    listed: ListedCondition | None = None
    fresh: FreshCondition | None = None
    obligations: tuple[str, ...] = ()
    eves: tuple[tuple[int, int], ...] = ()
    terms: tuple[tuple[str, int], ...] = ()
    retention: Retention | None = None
    deadline: Deadline | None = None
    extent: Extent | None = None
    if check == "requires":
        any_of = alternatives_of(table, "any_of")
        if not any_of:
            table.fail("no `any_of`", todo="say what is required")
    elif check == "within_hours":
        hours = hours_of(table.table("hours"), table)
        clocks = table.texts("clocks") or ("local",)
        for clock in clocks:
            if not _CLOCK.match(clock):
                table.fail(f"`{clock}` is neither local nor an offset (-06:00)", "clocks")
        closed_on = table.texts("closed_on")
        if table.has("eves"):
            eves = windows_of(table.any("eves"), table, "eves")
            if not closed_on or not eves:
                table.fail("the day before no holiday", "eves", todo="name the calendars in `closed_on`")
    elif check in ("max_attempts", "wait_after"):
        attempts = table.number("attempts", required=True) if check == "max_attempts" else 1
        only = table.texts("after" if check == "wait_after" else "only")
        if check == "wait_after" and not only:
            table.fail("no `after`", todo=f"say after what: {', '.join(EVENTS)}")
        for event in only:
            if event not in EVENTS:
                table.fail(f"`{event}` is none of {', '.join(EVENTS)}", "after" if check == "wait_after" else "only")
        same = table.text("same", required=False, one_of=("subject", "debt")) or None
        modes, channels, purposes = (
            table.mask("modes", Mode),
            table.mask("channels", Channel),
            table.mask("purposes", Purpose),
        )
        span_hours, span_days = table.number("hours"), table.number("days")
        if (span_hours is None) == (span_days is None):
            table.fail("needs either `hours` (rolling) or `days` (calendar days)")
        assert attempts is not None
        reached = table.truth("reached")
        cap = CapCondition(attempts, span_hours, span_days, same, only, modes, channels, purposes, reached)
    elif check == "wait_until":
        cap = pause_of(table)
    elif check == "keeps_promise":
        cap = PromiseCondition(table.mask("uncounted", Purpose))
    elif check == "not_listed":
        registry = table.text("registry")
        if_asked = table.truth("if_asked")
        listed = ListedCondition(registry, table.number("binds_after_days"), if_asked)
        days, editions = table.number("fresh_days"), table.texts("editions")
        in_force_after = table.number("editions_in_force_after_days")
        edition_days, edition_months = table.number("edition_days"), table.number("edition_months")
        for edition in editions:
            if not _is_day_of_the_year(edition):
                table.fail(f"`{edition}` is no day of the year", "editions", todo="write it as MM-DD")
        if days is not None and editions:
            table.fail("is fresh by `fresh_days` or by `editions`, not by both", "editions")
        if in_force_after is not None and not editions:
            table.fail("no `editions` that come into force", "editions_in_force_after_days")
        if days or editions or edition_days or edition_months:
            fresh = FreshCondition(
                registry, days, editions, in_force_after or 0, edition_days, edition_months, if_asked
            )
    elif check == "owes":
        if unless:
            table.fail("an `owes` rule is not lifted", "unless", todo="say in `exempt` who owes nothing")
        obligations = table.texts("obligations")
        for word in obligations:
            if word not in OBLIGATIONS:
                table.fail(f"`{word}` is none of {', '.join(OBLIGATIONS)}", "obligations")
        if not obligations:
            table.fail("no `obligations`")
        terms = _terms(table.table("terms"), table)
    elif check in ("retains", "honours", "reaches"):
        if unless:
            table.fail(f"a `{check}` rule is not lifted", "unless", todo="say in `exempt` whom it spares")
        if check == "retains":
            retention = _retention(table)
        elif check == "honours":
            deadline = _deadline(table)
        else:
            extent = _extent(table)
    table.done()
    return Value(
        ALWAYS if from_day is None else from_day,
        NEVER if to_day is None else to_day,
        undated,
        unless,
        any_of,
        hours,
        clocks,
        closed_on,
        eves,
        cap,
        listed,
        fresh,
        obligations,
        terms,
        retention,
        deadline,
        extent,
    )


def _terms(table: Table, value: Table) -> tuple[tuple[str, int], ...]:
    terms: list[tuple[str, int]] = []
    for word in TERMS:
        number = table.number(word)
        if number is not None:
            terms.append((word, number))
    for key in table.left():
        value.fail(f"`{key}` is none of {', '.join(TERMS)}", "terms")
    return tuple(terms)


def _retention(table: Table) -> Retention:
    record = table.text("record", one_of=RECORDS)
    months, keep = table.number("keep_months"), table.text("keep", required=False, one_of=("forever",))
    if (months is None) == (not keep):
        table.fail('keeps a record for `keep_months`, or `keep = "forever"`', "keep_months")
    return Retention(record, months, table.text("after", one_of=KEPT_AFTER))


def _deadline(table: Table) -> Deadline:
    stated = [(unit, table.number(unit, least=0)) for unit in UNITS]
    numbers = [(number, unit) for unit, number in stated if number is not None]
    if len(numbers) != 1:
        table.fail(f"states one of {', '.join(UNITS)}")
    (number, unit), calendar = numbers[0], table.text("calendar", required=False) or None
    if calendar is not None and unit != "business_days":
        table.fail("only business days have a calendar", "calendar")
    return Deadline(number, unit, calendar)


def _extent(table: Table) -> Extent:
    scopes = tuple(scope for scope in OptOutScope if scope not in (OptOutScope.CAMPAIGN, OptOutScope.LIST))
    return Extent(
        table.mask("ways", Way),
        OptOutScope(table.text("covers", one_of=scopes)),
        Reaching(table.text("channels", one_of=tuple(Reaching))),
        Binding(table.text("binds", one_of=tuple(Binding))),
    )


def _is_day_of_the_year(text: str) -> bool:
    try:
        parse_day(f"2026-{text}")
    except ValueError:
        return False
    return True


@lru_cache(maxsize=_FILES_KEPT)
def _coverage(name: str, content: bytes) -> tuple[tuple[Coverage, ...], tuple[Topic, ...]]:
    document, lines = parse(name, content)
    top = Table(document, file=name, lines=lines)
    entries: list[Coverage] = []
    for table in top.tables("read"):
        seen = table.day("seen")
        if seen is None:
            table.fail("no `seen`", todo="state the day the law was read")
        places = _places(table)
        if not places:
            table.fail("no `places`", todo="name the countries or regions whose law was read")
        entries.append(
            Coverage(
                places=places,
                channels=table.mask("channels", Channel) or all_of(Channel),
                purposes=table.mask("purposes", Purpose) or all_of(Purpose),
                status=table.text("status", one_of=("complete", "partial")),
                confidence=table.text("confidence", one_of=CONFIDENCES),
                source=table.text("source"),
                seen=seen,
                note=table.text("note", required=False),
                recipients=table.mask("recipients", RecipientKind),
            )
        )
        table.done()
    topics = tuple(_topic(table) for table in top.tables("topic"))
    top.done()
    return tuple(entries), topics


def _topic(table: Table) -> Topic:
    seen, places = table.day("seen"), _places(table)
    if seen is None or not places:
        table.fail("no `seen` or no `places`", todo="say whose law was looked at, and on which day")
    topic = Topic(
        places=places,
        topic=table.text("topic", one_of=TOPICS),
        status=table.text("status", one_of=("complete", "partial", "none")),
        confidence=table.text("confidence", one_of=CONFIDENCES),
        source=table.text("source"),
        seen=seen,
        note=table.text("note", required=False),
    )
    table.done()
    return topic


@lru_cache(maxsize=_FILES_KEPT)
def _calendar(name: str, content: bytes) -> Calendar:
    document, lines = parse(name, content)
    top = Table(document, file=name, lines=lines)
    days: list[Holiday] = []
    for table in top.tables("holiday"):
        day = table.day("day")
        if day is None:
            table.fail("no `day`")
        days.append(Holiday(day, table.text("name"), table.truth("substitute")))
        table.done()
    calendar_id, title = top.text("id"), top.text("title")
    from_day, through_day = top.day("from"), top.day("through")
    if from_day is None or through_day is None:
        top.fail("no `from` or `through`", todo="say for which days the calendar is complete")
    if not top.tables("cite"):
        top.fail("no `cite`", todo="every calendar states one")
    top.done()
    return Calendar(calendar_id, title, from_day, through_day, tuple(sorted(days, key=lambda h: h.day)))
