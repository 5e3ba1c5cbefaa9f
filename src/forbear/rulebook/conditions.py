"""The parts of a rule's text: hours of the week, and the conditions that a demand or an exception is made of."""

from __future__ import annotations

import re

from forbear.core.words import (
    Channel,
    ConsentCover,
    ConsentLevel,
    LineType,
    Mode,
    OptOutScope,
    RecipientKind,
    RelationshipKind,
    SenderKind,
    mask,
)
from forbear.rulebook.model import (
    AbandonmentCondition,
    AnyOf,
    CallerCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    FlagCondition,
    FreshCondition,
    Hours,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    RelationshipCondition,
    SelectorCondition,
)
from forbear.rulebook.read import Table, all_of

FLAGS = (
    "identifies_sender",
    "postal_address",
    "subject_accurate",
    "header_accurate",
    "promotional",
    "identified_as_ad",
    "opt_out_offered",
    "opt_out_reply",
    "opt_out_url",
    "opt_out_key_press",
    "opt_out_requires_login",
    "ai_disclosed",
    "sender_ftc",
    "sender_id_registered",
    "gave_number",
    "carrier_block",
    "live_agent_guaranteed",
    "standing",
    "suppressed",
    "address_understood",
)
CALLER_KINDS = ("number", "alphanumeric", "long_name", "email")
_LEVELS = {
    "any": mask(ConsentLevel),
    "any_express": mask((ConsentLevel.EXPRESS, ConsentLevel.EXPRESS_ORAL, ConsentLevel.EXPRESS_WRITTEN)),
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPANS = {"mon_fri": range(5), "mon_sat": range(6), "sat_sun": range(5, 7), "every_day": range(7)}
_WINDOW = re.compile(r"^(\d\d):(\d\d)-(\d\d):(\d\d)$")


def alternatives_of(table: Table, key: str) -> AnyOf:
    alternatives: list[tuple[Condition, ...]] = []
    for item in table.tables(key):
        if item.has("all"):
            alternatives.append(tuple(_condition(part) for part in item.tables("all")))
            item.done()
        else:
            alternatives.append((_condition(item),))
    return tuple(alternatives)


def _condition(table: Table) -> Condition:
    condition: Condition
    if table.has("consent"):
        condition = ConsentCondition(
            levels=table.mask("consent", ConsentLevel, _LEVELS),
            covers=table.mask("covers", ConsentCover),
            evidence=table.truth("evidence"),
            names_seller=table.truth("names_seller"),
            period_stated=table.truth("period_stated"),
            lapses_months=table.number("lapses_months"),
            at_most_months=table.number("at_most_months"),
            at_most_days=table.number("at_most_days"),
            unused_months=table.number("unused_months"),
            after_refusal=table.truth("after_refusal"),
            given_from=table.day("given_from"),
            after_listing=table.text("after_listing", required=False) or None,
        )
    elif table.has("relationship"):
        condition = RelationshipCondition(
            kinds=table.mask("relationship", RelationshipKind, {"any": all_of(RelationshipKind)}),
            days=table.number("days"),
            months=table.number("months"),
            related=table.truth("related"),
            ongoing=table.truth("ongoing"),
        )
    elif table.has("flag"):
        condition = FlagCondition(table.text("flag", one_of=FLAGS), table.truth("is", True))
    elif table.has("caller_prefix") or table.has("caller_kind"):
        kinds = table.texts("caller_kind")
        for kind in kinds:
            if kind not in CALLER_KINDS:
                table.fail(f"`{kind}` is none of {', '.join(CALLER_KINDS)}", "caller_kind")
        condition = CallerCondition(table.texts("caller_prefix"), kinds, table.truth("not"))
    elif table.has("no_opt_out"):
        condition = OptOutCondition(table.mask("no_opt_out", OptOutScope), *_joined_and_lifted(table))
    elif table.has("abandoned_percent"):
        condition = AbandonmentCondition(
            table.number("abandoned_percent", required=True) or 0, table.number("window_days", required=True) or 0
        )
    elif table.has("confirmation_within_minutes"):
        condition = ConfirmationCondition(
            table.number("confirmation_within_minutes", required=True) or 0, table.number("at_most", required=True) or 0
        )
    elif table.has("answered_no"):
        condition = ListedCondition(table.text("answered_no"))
    elif table.has("fresh"):
        condition = FreshCondition(table.text("fresh"), table.number("fresh_days", required=True))
    else:
        condition = SelectorCondition(
            recipient=table.mask("recipient", RecipientKind),
            sender=table.mask("sender", SenderKind),
            sector=table.texts("sector"),
            mode=table.mask("mode", Mode),
            line_type=table.mask("line_type", LineType),
        )
        if condition == SelectorCondition():
            table.fail("is no condition", todo="begin with consent, relationship, flag, caller_prefix, ...")
    table.done()
    return condition


def pause_of(table: Table) -> PauseCondition:
    """`paused = [...]`: of which scopes."""
    scopes = table.mask("paused", OptOutScope)
    if not scopes:
        table.fail("no `paused`", todo=f"say of what: {', '.join(OptOutScope)}")
    return PauseCondition(scopes, *_joined_and_lifted(table))


def _joined_and_lifted(table: Table) -> tuple[tuple[int, ...], int]:
    """Channels that one opt-out silences together, and the levels of consent that lift it."""
    joined = table.any("joined") or []
    groups = tuple(Table({"j": group}, file=table._file, lines=table._lines).mask("j", Channel) for group in joined)
    return groups, table.mask("lifted_by", ConsentLevel, _LEVELS)


def hours_of(table: Table, value: Table) -> Hours:
    week: list[tuple[tuple[int, int], ...] | None] = [None] * 7
    for key, windows in table.left().items():
        days = _SPANS.get(key) or ((_DAYS.index(key),) if key in _DAYS else None)
        if days is None:
            value.fail(f"unknown day `{key}`", "hours", todo=f"use {', '.join((*_DAYS, *_SPANS))}")
        spans = windows_of(windows, value, "hours")
        for day in days:
            if week[day] is not None and key in _SPANS:
                value.fail(f"`{_DAYS[day]}` is given twice", "hours", todo="put the single day after the span")
            week[day] = spans
    if any(day is None for day in week):
        missing = ", ".join(name for name, day in zip(_DAYS, week, strict=True) if day is None)
        value.fail(f"no hours for {missing}", "hours", todo="write an empty list for a closed day")
    return tuple(day for day in week if day is not None)


def windows_of(windows: object, value: Table, key: str) -> tuple[tuple[int, int], ...]:
    """`["10:00-13:00", "14:00-20:00"]` as minutes of the day, in order and apart."""
    if not isinstance(windows, list):
        value.fail('must be a list of "HH:MM-HH:MM"', key)
    spans: list[tuple[int, int]] = []
    for window in windows:
        match = _WINDOW.match(window) if isinstance(window, str) else None
        if not match:
            value.fail(f"`{window}` is no window", key, todo='write it as "08:00-21:00"')
        h1, m1, h2, m2 = (int(part) for part in match.groups())
        start, end = h1 * 60 + m1, h2 * 60 + m2
        if m1 > 59 or m2 > 59 or not start < end <= 1440 or (spans and start < spans[-1][1]):
            value.fail(f"`{window}` is empty, too long or out of order", key)
        spans.append((start, end))
    return tuple(spans)
