"""How many small faults in the rules would a worked example notice? `python -m tools.plant_faults [PREFIX]`.

Every value a rule states is changed a little, one at a time: an edge of a window by a minute, a
period or a cap by one, a date by a day, a country, a word or an alternative left out, a flag turned
round. A fault is caught if some worked example of the rule, or some case of the case files named
with `--cases`, no longer comes out as written. The twin judges, since it is the plainer of the two.
Exit code 1 if fewer than `--at-least` percent are caught. What a rule only states (obligations,
retention, opt-out deadlines) changes no verdict; of those rules the places and dates are counted.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from forbear.core.codes import Code
from forbear.core.words import ConsentLevel
from forbear.kernel import reference
from forbear.kernel.case import Case
from forbear.kernel.casefile import parse
from forbear.kernel.lint import case_of
from forbear.rulebook.load import shipped
from forbear.rulebook.model import (
    ALWAYS,
    NEVER,
    AnyOf,
    Condition,
    ConsentCondition,
    Hours,
    Rule,
    Rulebook,
    Selection,
    Value,
)

T = TypeVar("T")

ONE_MORE_OR_LESS = frozenset(
    {
        "days",
        "months",
        "hours",
        "attempts",
        "minutes",
        "at_most",
        "percent",
        "window_days",
        "lapses_months",
        "at_most_months",
        "at_most_days",
        "unused_months",
        "given_from",
        "binds_after_days",
        "in_force_after_days",
        "edition_days",
        "edition_months",
    }
)
DEMANDS = frozenset(
    {"evidence", "names_seller", "period_stated", "after_refusal", "related", "ongoing", "reached", "if_asked"}
)
MASKS = frozenset(
    {
        *("kinds", "scopes", "recipient", "sender", "mode", "line_type", "channels", "purposes", "modes", "covers"),
        "uncounted",
    }
)
MAY_BE_EMPTY = frozenset({"covers", "channels", "purposes", "modes", "uncounted"})


@dataclass(frozen=True)
class Fault:
    kind: str
    what: str
    rule: Rule


def altered(whole: T, **parts: Any) -> T:
    """`dataclasses.replace`, for fields chosen by name."""
    changed: T = replace(whole, **parts)  # type: ignore[type-var]
    return changed


def faults(rule: Rule) -> Iterator[Fault]:
    """The rule with one small fault, many times."""
    for kind, what, applies in selections(rule.applies):
        yield Fault(f"applies: {kind}", what, altered(rule, applies=applies))
    for index, exempt in enumerate(rule.exempt):
        rest = rule.exempt[:index] + rule.exempt[index + 1 :]
        yield Fault("exempt: left out", str(index), altered(rule, exempt=rest))
        for kind, what, selection in selections(exempt):
            yield Fault(f"exempt: {kind}", what, altered(rule, exempt=(*rest, selection)))
    if rule.check in ("requires", "forbidden", "not_listed"):
        other = Code.FORBIDDEN if rule.on_fail is Code.UNKNOWN else Code.UNKNOWN
        yield Fault("on_fail", other.name, altered(rule, on_fail=other))
    for index, value in enumerate(rule.values):
        if len(rule.values) > 1:
            rest_of = rule.values[:index] + rule.values[index + 1 :]
            yield Fault("text left out", str(index), altered(rule, values=rest_of))
        for kind, what, changed in texts(value, rule.check):
            values = (*rule.values[:index], changed, *rule.values[index + 1 :])
            yield Fault(kind, f"value {index}: {what}", altered(rule, values=values))


def selections(selection: Selection) -> Iterator[tuple[str, str, Selection]]:
    for name in ("places", "counties", "sector", "sender_country"):
        words = getattr(selection, name)
        for word in words if len(words) > 1 else ():
            left = tuple(other for other in words if other != word)
            yield f"{name} dropped", word, altered(selection, **{name: left})
        if words:
            yield f"{name} forgotten", "", altered(selection, **{name: ()})
    for name in ("channel", "mode", "purpose", "recipient", "sender", "line_type"):
        mask = getattr(selection, name)
        for bit in bits(mask) if mask.bit_count() > 1 else ():
            yield f"{name} dropped", str(bit), altered(selection, **{name: mask & ~bit})
        if mask:
            yield f"{name} forgotten", "", altered(selection, **{name: 0})
    if selection.alert:
        yield "alert forgotten", "", altered(selection, alert=False)
    for name, wanted in selection.policy:
        rest = tuple(pair for pair in selection.policy if pair != (name, wanted))
        yield "policy forgotten", name, altered(selection, policy=rest)


def texts(value: Value, check: str) -> Iterator[tuple[str, str, Value]]:
    for name, never in (("from_day", ALWAYS), ("to_day", NEVER)):
        day = getattr(value, name)
        if day != never:
            for step in (-1, 1):
                yield f"{name} by a day", f"{step:+}", altered(value, **{name: day + step})
    if value.hours is not None:
        for what, hours in windows(value.hours):
            yield "window by a minute", what, altered(value, hours=hours)
        for what, hours in weekends(value.hours):
            yield "weekday as another", what, altered(value, hours=hours)
    for index, (start, end) in enumerate(value.eves):
        for edge in ((start - 1, end), (start + 1, end), (start, end - 1), (start, end + 1)):
            eves = (*value.eves[:index], edge, *value.eves[index + 1 :])
            yield "eve by a minute", f"{start}-{end}", altered(value, eves=eves)
    for named in value.closed_on:
        left = tuple(other for other in value.closed_on if other != named)
        yield "calendar dropped", named, altered(value, closed_on=left)
    for clock in value.clocks if len(value.clocks) > 1 else ():
        yield "clock dropped", clock, altered(value, clocks=tuple(c for c in value.clocks if c != clock))
    for name in ("cap", "listed", "fresh"):
        condition = getattr(value, name)
        if condition is not None:
            for kind, what, changed in conditions(condition):
                if check == "wait_after" and kind == "attempts":
                    continue
                if not (name == "fresh" and kind == "registry"):
                    yield f"{name}: {kind}", what, altered(value, **{name: changed})
    if value.fresh is not None:
        yield "fresh: left out", "", altered(value, fresh=None)
    for name in ("any_of", "unless"):
        for kind, what, alternatives in alternations(getattr(value, name)):
            yield f"{name}: {kind}", what, altered(value, **{name: alternatives})


def windows(hours: Hours) -> Iterator[tuple[str, Hours]]:
    """Each edge a minute early or late, on all the days that share the window."""
    for window in sorted({window for day in hours for window in day}):
        start, end = window
        for edge in ((start - 1, end), (start + 1, end), (start, end - 1), (start, end + 1)):
            if edge[0] >= 0 and edge[1] <= 1440:
                moved = tuple(tuple(edge if one == window else one for one in day) for day in hours)
                yield f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}", moved
    for index, day in enumerate(hours):
        if len(day) > 1 and (index == 0 or hours[index - 1] != day):
            joined = ((day[0][0], day[-1][1]),)
            yield "pause forgotten", tuple(joined if other == day else other for other in hours)


def weekends(hours: Hours) -> Iterator[tuple[str, Hours]]:
    for day, before, name in ((5, 4, "Saturday as Friday"), (6, 5, "Sunday as Saturday"), (4, 5, "Friday as Saturday")):
        if hours[day] != hours[before]:
            yield name, (*hours[:day], hours[before], *hours[day + 1 :])


def alternations(alternatives: AnyOf) -> Iterator[tuple[str, str, AnyOf]]:
    for index, conjunction in enumerate(alternatives):
        rest = (alternatives[:index], alternatives[index + 1 :])
        yield "alternative left out", str(index), (*rest[0], *rest[1])
        for place, condition in enumerate(conjunction):
            before, after = conjunction[:place], conjunction[place + 1 :]
            if len(conjunction) > 1:
                yield "condition left out", f"{index}.{place}", (*rest[0], (*before, *after), *rest[1])
            for kind, what, changed in conditions(condition):
                yield kind, f"{index}.{place} {what}", (*rest[0], (*before, changed, *after), *rest[1])


def conditions(condition: Condition) -> Iterator[tuple[str, str, Any]]:
    for field in fields(condition):
        name, value = field.name, getattr(condition, field.name)
        if name in ONE_MORE_OR_LESS and value is not None:
            if name == "in_force_after_days" and not value:
                continue
            for step in (-1, 1):
                if value + step >= 0:
                    yield name, f"{step:+}", altered(condition, **{name: value + step})
        elif name in DEMANDS and value:
            yield f"{name} forgotten", "", altered(condition, **{name: False})
        elif name in ("value", "negate"):
            yield "turned round", "", altered(condition, **{name: not value})
        elif name == "same" and value:
            yield "same forgotten", "", altered(condition, **{name: None})
        elif name == "after_listing" and value:
            yield "after_listing forgotten", "", altered(condition, **{name: None})
        elif name == "registry":
            yield "registry", "", altered(condition, **{name: "another"})
        elif isinstance(value, tuple) and value:
            for item in value:
                left = tuple(other for other in value if other != item)
                if left or name in ("only", "joined", "prefixes", "kinds"):
                    yield f"{name}: one dropped", str(item), altered(condition, **{name: left})
        elif isinstance(condition, ConsentCondition) and name == "levels":
            if value.bit_count() > 1:
                yield "level dropped", "the highest", altered(condition, levels=value & ~(1 << value.bit_length() - 1))
            every = (1 << len(ConsentLevel)) - 1
            if value != every:
                yield "any level", "", altered(condition, levels=every)
        elif name in MASKS and isinstance(value, int):
            for bit in bits(value):
                if value & ~bit or name in MAY_BE_EMPTY:
                    yield f"{name}: one dropped", str(bit), altered(condition, **{name: value & ~bit})


def bits(mask: int) -> Iterator[int]:
    return (1 << index for index in range(mask.bit_length()) if mask >> index & 1)


def caught(
    fault: Fault, own: Sequence[tuple[reference.Situation, Code]], cases: Sequence[Case], rulebook: Rulebook
) -> bool:
    """Does an example of the rule, or else a case of the case files, come out otherwise?"""
    for situation, want in own:
        if reference.code_of(fault.rule, situation, rulebook) is not want:
            return True
    if not cases:
        return False
    changed = altered(rulebook, rules=tuple(fault.rule if r.id == fault.rule.id else r for r in rulebook.rules))
    before = rulebook.rule(fault.rule.id)
    for case in cases:
        situation = reference.Situation(case, case.now)
        if reference.code_of(before, situation, rulebook) is reference.code_of(fault.rule, situation, rulebook):
            continue
        said, wanted = reference.judge(case, changed), reference.judge(case, rulebook)
        if (said.verdict, said.earliest) != (wanted.verdict, wanted.earliest):
            return True
    return False


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prefix", nargs="?", default="", help="only rules whose id begins so, as us.fl or it.")
    parser.add_argument("--cases", type=Path, action="append", default=[], help="a case file with expected verdicts")
    parser.add_argument("--at-least", type=float, default=95.0, help="percent that must be caught")
    parser.add_argument("--survivors", type=Path, help="write those that nothing noticed to this file")
    parser.add_argument("--list", action="store_true", help="print those that nothing noticed")
    chosen = parser.parse_args(arguments)
    rulebook = shipped()
    cases = [
        parse(line) for file in chosen.cases for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    cases = [case for case in cases if case.expect is not None]
    planted, noticed = Counter[str](), Counter[str]()
    of_folder, of_folder_noticed = Counter[str](), Counter[str]()
    survivors: list[str] = []
    rules = [rule for rule in rulebook.rules if rule.id.startswith(chosen.prefix)]
    for number, rule in enumerate(rules, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(rules)} {rule.id:50}", end="", file=sys.stderr)
        read = [(case_of(rule, example), example.want) for example in rule.examples]
        own = [(reference.Situation(case, case.now), want) for case, want in read]
        folder = rule.id.split(".")[0]
        for fault in faults(rule):
            planted[fault.kind] += 1
            of_folder[folder] += 1
            if caught(fault, own, cases, rulebook):
                noticed[fault.kind] += 1
                of_folder_noticed[folder] += 1
            else:
                survivors.append(f"{rule.file}: {rule.id}: {fault.kind} {fault.what}".rstrip())
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for title, all_of, some in (("fault", planted, noticed), ("rules of", of_folder, of_folder_noticed)):
        print(f"{title:36} planted  caught")
        for kind in sorted(all_of):
            print(f"{kind:36} {all_of[kind]:7} {100 * some[kind] / all_of[kind]:6.1f} %")
        print()
    total, found = sum(planted.values()), sum(noticed.values())
    share = 100 * found / max(total, 1)
    print(f"{len(rules)} rules, {total} faults planted, {found} caught: {share:.2f} %")
    if chosen.list:
        print(*survivors, sep="\n")
    if chosen.survivors:
        chosen.survivors.parent.mkdir(parents=True, exist_ok=True)
        chosen.survivors.write_text("".join(f"{line}\n" for line in survivors), encoding="utf-8")
    return 0 if share >= chosen.at_least else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
