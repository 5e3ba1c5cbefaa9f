"""Is one text of a rule at least as strict as another, for everybody, at every moment?

Proved field by field. What cannot be proved, and whatever this module does not know of, is
not stricter: then somebody has to answer for it by name (`forbear.rulebook.own`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from forbear.core.words import Binding, OptOutScope, Reaching
from forbear.rulebook.model import (
    AbandonmentCondition,
    AnyOf,
    CapCondition,
    Condition,
    ConfirmationCondition,
    ConsentCondition,
    Extent,
    FreshCondition,
    ListedCondition,
    OptOutCondition,
    PauseCondition,
    PromiseCondition,
    RelationshipCondition,
    Value,
)

Windows = tuple[tuple[int, int], ...]
_COMPARED = {
    *("from_day", "to_day", "undated", "unless", "any_of", "hours", "clocks", "closed_on", "eves", "cap", "listed"),
    *("fresh", "obligations", "terms", "retention", "deadline", "extent"),
}


def at_least_as_strict(new: Value, old: Value) -> bool:
    """Both texts of one check, their days apart."""
    if any(getattr(new, part.name) != getattr(old, part.name) for part in fields(Value) if part.name not in _COMPARED):
        return False
    return (
        _demands(new.any_of + new.unless, old.any_of + old.unless)
        and _hours(new, old)
        and _part(new.cap, old.cap)
        and _part(new.listed, old.listed)
        and _part(new.fresh, old.fresh)
        and set(new.obligations) >= set(old.obligations)
        and _terms(dict(new.terms), dict(old.terms))
        and _kept(new, old)
        and _in_time(new, old)
        and _reaching(new.extent, old.extent)
    )


def _demands(new: AnyOf, old: AnyOf) -> bool:
    """Whatever satisfies a new alternative satisfies an old one."""
    return all(
        any(all(any(implies(one, wanted) for one in alternative) for wanted in before) for before in old)
        for alternative in new
    )


def _hours(new: Value, old: Value) -> bool:
    if new.hours is None or old.hours is None:
        return new.hours is old.hours
    if old.eves and not (new.eves and _within(new.eves, old.eves)):
        return False
    return (
        all(_within(day, before) for day, before in zip(new.hours, old.hours, strict=True))
        and set(new.clocks) >= set(old.clocks)
        and set(new.closed_on) >= set(old.closed_on)
    )


def _within(new: Windows, old: Windows) -> bool:
    return all(any(start <= first and last <= end for start, end in old) for first, last in new)


def _part(new: Condition | None, old: Condition | None) -> bool:
    """What is added is stricter, what is left out is not."""
    return old is None or (new is not None and implies(new, old))


def _terms(new: dict[str, int], old: dict[str, int]) -> bool:
    longer = {"works_days"}
    return all(
        name in new and (new[name] >= number if name in longer else new[name] <= number) for name, number in old.items()
    )


def _kept(new: Value, old: Value) -> bool:
    if old.retention is None or new.retention is None:
        return old.retention is new.retention
    same = (new.retention.record, new.retention.after) == (old.retention.record, old.retention.after)
    months, before = new.retention.months, old.retention.months
    return same and (months is None or (before is not None and months >= before))


def _in_time(new: Value, old: Value) -> bool:
    if old.deadline is None or new.deadline is None:
        return old.deadline is new.deadline
    same = (new.deadline.unit, new.deadline.calendar) == (old.deadline.unit, old.deadline.calendar)
    return same and new.deadline.number <= old.deadline.number


def _reaching(new: Extent | None, old: Extent | None) -> bool:
    """As many ways of saying it, and each reaches as far; which of two scopes is wider is proved of few."""
    if new is None or old is None:
        return new is old
    wider = new.covers is old.covers or new.covers is OptOutScope.ALL
    return (
        _all_or_more(new.ways, old.ways)
        and wider
        and list(Reaching).index(new.channels) >= list(Reaching).index(old.channels)
        and list(Binding).index(new.binds) >= list(Binding).index(old.binds)
    )


def implies(new: Condition, old: Condition) -> bool:
    """Wherever `new` holds, `old` holds too; unprovable is False."""
    if new == old:
        return True
    if type(new) is not type(old):
        return False
    order = _ORDER.get(type(new))
    if order is None:
        return False
    for part in fields(new):
        one, other = getattr(new, part.name), getattr(old, part.name)
        if one != other and not order.get(part.name, _never)(one, other):
            return False
    return True


def _never(new: Any, old: Any) -> bool:
    return False


def _fewer_bits(new: int, old: int) -> bool:
    return not new & ~old


def _more_bits(new: int, old: int) -> bool:
    return not old & ~new


def _all_or_more(new: int, old: int) -> bool:
    """Masks of which 0 means all."""
    return new == 0 or (old != 0 and _more_bits(new, old))


def _at_most(new: Any, old: Any) -> bool:
    """A limit from above; None is no limit."""
    return old is None or (new is not None and new <= old)


def _at_least(new: Any, old: Any) -> bool:
    return old is None or (new is not None and new >= old)


def _sooner(new: int | None, old: int | None) -> bool:
    """A time of grace; None is no grace."""
    return new is None or (old is not None and new <= old)


def _longer(new: int | None, old: int | None) -> bool:
    """A span that counts back; both in the same unit."""
    return new is not None and old is not None and new >= old


def _nothing(new: Any, old: Any) -> bool:
    """What narrows down; without it more counts."""
    return not new


def _added(new: Any, old: Any) -> bool:
    return not old


_ORDER: dict[type, dict[str, Callable[[Any, Any], bool]]] = {
    ConsentCondition: {
        "levels": _fewer_bits,
        "covers": _more_bits,
        **dict.fromkeys(("evidence", "names_seller", "period_stated", "after_refusal"), _added),
        **dict.fromkeys(("lapses_months", "at_most_months", "at_most_days", "unused_months"), _at_most),
        "given_from": _at_least,
        "after_listing": _added,
    },
    RelationshipCondition: {
        "kinds": _fewer_bits,
        **dict.fromkeys(("days", "months"), _at_most),
        **dict.fromkeys(("related", "ongoing"), _added),
    },
    ListedCondition: {"binds_after_days": _sooner, "if_asked": _nothing},
    FreshCondition: {
        **dict.fromkeys(("days", "edition_days", "edition_months"), _at_most),
        "editions": _added,
        "if_asked": _nothing,
    },
    OptOutCondition: {"scopes": _more_bits, "lifted_by_levels": _fewer_bits},
    CapCondition: {
        "attempts": _at_most,
        **dict.fromkeys(("hours", "days"), _longer),
        **dict.fromkeys(("same", "only", "reached"), _nothing),
        **dict.fromkeys(("modes", "channels", "purposes"), _all_or_more),
    },
    PauseCondition: {"scopes": _more_bits, "lifted_by_levels": _fewer_bits},
    PromiseCondition: {"uncounted": _fewer_bits},
    AbandonmentCondition: {"percent": _at_most},
    ConfirmationCondition: {"minutes": _at_most, "at_most": _at_most},
}
