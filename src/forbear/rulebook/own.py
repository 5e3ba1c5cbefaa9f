"""An operator's own directory over the shipped rules: further rules, and values of their own for shipped ones.

A further rule has an id that begins with `own.` and, like every rule, can only make a verdict
stricter. `overrides.toml` replaces the texts of a shipped rule, turns it off, or changes its
state. What is not provably stricter than the shipped text needs a name, a day and a reason.
The shipped rule stays beside the overridden one as its *twin*, unseen, so that every verdict
which would have been otherwise can say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from forbear.core.errors import BadInput
from forbear.rulebook.conditions import alternatives_of
from forbear.rulebook.load import digest, load, value_of
from forbear.rulebook.model import ALWAYS, NEVER, AnyOf, Override, Rule, Rulebook, Value
from forbear.rulebook.read import Table, parse
from forbear.rulebook.stricter import at_least_as_strict

FOLDER: Final = "own/"
OVERRIDES: Final = "own/overrides.toml"
TWIN: Final = "@shipped"
_PROMISES: Final = "house."  # what people said, and whether the account may send: no operator's to loosen


def merged(shipped: Mapping[str, bytes], own: Mapping[str, bytes]) -> dict[str, bytes]:
    """One set of files: the operator's own lie under `own/`."""
    return {**shipped, **{FOLDER + name: body for name, body in own.items()}}


def read(files: Mapping[str, bytes]) -> Rulebook:
    """The rulebook of `merged` files, or of any others. Raises `BadInput` that names file and line."""
    mine = [name for name in files if name.startswith(FOLDER)]
    if not mine:
        return replace(load(files), files=dict(files))
    for name in mine:
        if name.rsplit("/", 1)[-1] == "coverage.toml":
            what = "coverage is not an operator's to state: what is not covered lets nobody through"
            raise BadInput(what, file=name, todo="take the file out")
        if name.rsplit("/", 1)[-1] == "bases.toml":
            _new_bases(name, files)
    book = load({name: body for name, body in files.items() if name != OVERRIDES})
    for rule in book.rules:
        if rule.file.startswith(FOLDER) != rule.id.startswith("own."):
            line = parse(rule.file, files[rule.file])[1].get(("", 0, "id"))
            what = (
                f"the id `{rule.id}` is not the directory's to give" if rule.file.startswith(FOLDER) else "reserved id"
            )
            raise BadInput(what, file=rule.file, line=line, key="id", todo="begin the ids of own rules with `own.`")
    for name in mine:
        if "calendars/" in name:
            document, lines = parse(name, files[name])
            if not str(document.get("id", "")).startswith("own."):
                todo = "begin the ids of own calendars with `own.`"
                raise BadInput(
                    "no id of an own calendar", file=name, line=lines.get(("", 0, "id")), key="id", todo=todo
                )
    rules = list(book.rules)
    if OVERRIDES in files:
        rules = _overridden(rules, files)
    return replace(book, rules=tuple(rules), digest=digest(files), files=dict(files))


def _new_bases(name: str, files: Mapping[str, bytes]) -> None:
    """Shipped examples must go on being laid over shipped bases."""
    there: set[str] = set()
    for other in files:
        if other != name and other.rsplit("/", 1)[-1] == "bases.toml":
            there.update(parse(other, files[other])[0])
    document, lines = parse(name, files[name])
    for base in document:
        if base in there:
            raise BadInput(
                f"the base `{base}` is there already", file=name, line=lines.get((base, 0, "")), todo="rename it"
            )


def _overridden(rules: list[Rule], files: Mapping[str, bytes]) -> list[Rule]:
    document, lines = parse(OVERRIDES, files[OVERRIDES])
    top = Table(document, file=OVERRIDES, lines=lines)
    place = {rule.id: index for index, rule in enumerate(rules)}
    twins: list[Rule] = []
    for table in top.tables("override"):
        rule_id = table.text("rule")
        if rule_id not in place:
            near = [known for known in place if rule_id.rpartition(".")[2] in known or known in rule_id][:3]
            table.fail(f"there is no rule `{rule_id}`", "rule", todo=f"perhaps {', '.join(near)}" if near else None)
        shipped = rules[place[rule_id]]
        if shipped.file.startswith(FOLDER):
            table.fail(f"`{rule_id}` is a rule of your own", "rule", todo="change the rule itself")
        if shipped.override is not None:
            table.fail(f"`{rule_id}` is overridden twice", "rule", todo="keep one")
        rules[place[rule_id]] = _override(table, shipped, _shared(shipped, files))
        twins.append(replace(shipped, id=rule_id + TWIN, shadow=True, twin_of=rule_id, twin_counted=not shipped.shadow))
    top.done()
    return rules + twins


def _override(table: Table, shipped: Rule, shared: AnyOf) -> Rule:
    """The rule as one `[[override]]` makes it. Raises `BadInput` for what loosens and nobody answers for."""
    by, reason = (_one_line(table.text(key, required=False)) for key in ("by", "reason"))
    on, start, end = table.day("on"), table.day("from"), table.day("to")
    first = start if start is not None else on if on is not None else ALWAYS
    last = NEVER if end is None else end
    if last < first:
        table.fail("ends before it begins", "to")
    stated = [key for key in ("value", "off", "state") if table.has(key)]
    if len(stated) != 1:
        table.fail(
            "needs one of `value`, `off = true` and `state`", todo="say what is to hold instead of the shipped rule"
        )
    value, shadow = None, shipped.shadow
    overlapped = [text for text in shipped.values if text.from_day <= last and text.to_day >= first]
    if stated == ["value"]:
        inner = table.table("value")
        if inner.has("from") or inner.has("to"):
            table.fail("has no days of its own", "value", todo="write `from` and `to` beside it")
        value = replace(value_of(inner, shipped.check, shared), from_day=first, to_day=last)
        loosens = not all(at_least_as_strict(value, text) for text in overlapped)
    elif stated == ["off"]:
        if not table.truth("off"):
            table.fail("must be true", "off", todo="take the override out instead")
        loosens = True
    else:
        if start is not None or end is not None:
            table.fail("a state has no days", "from" if start is not None else "to")
        shadow = table.text("state", one_of=("shadow", "enforced")) == "shadow"
        if shadow is shipped.shadow:
            table.fail(f"`{shipped.id}` is so already", "state", todo="take the override out")
        loosens = shadow
    if loosens:
        if shipped.id.startswith(_PROMISES):
            table.fail(f"`{shipped.id}` cannot be loosened", "rule", todo="what people said of themselves stands")
        for key, there in (("by", by), ("on", on is not None), ("reason", reason)):
            if not there:
                what = f"no `{key}`: this is not stricter than the shipped `{shipped.id}`"
                table.fail(what, key, todo="whoever loosens a shipped rule says who, on what day, and why")
    override = Override(
        rule=shipped.id,
        by=by,
        on_day=on,
        reason=reason,
        from_day=first,
        to_day=last,
        what=stated[0],
        loosens=loosens,
        line=table.line() or 0,
    )
    table.done()
    values = shipped.values if stated == ["state"] else _spliced(shipped.values, first, last, value)
    return replace(shipped, values=values, shadow=shadow, override=override, examples=())


def _one_line(text: str) -> str:
    """Mentions stand beside each other with `; ` between."""
    return " ".join(text.replace(";", ",").split())


def _shared(rule: Rule, files: Mapping[str, bytes]) -> AnyOf:
    """The exceptions that stand above a rule's texts hold for an own text too."""
    document, lines = parse(rule.file, files[rule.file])
    table: dict[str, Any] = {"unless": document["unless"]} if "unless" in document else {}
    return alternatives_of(Table(table, file=rule.file, lines=lines), "unless")


def _spliced(values: tuple[Value, ...], first: int, last: int, value: Value | None) -> tuple[Value, ...]:
    """The texts with `value` (None: nothing) in force on `first`..`last`, and as they were on all other days."""
    found: list[Value] = []
    for text in values:
        if text.to_day < first or text.from_day > last:
            found.append(text)
            continue
        if text.from_day < first:
            found.append(replace(text, to_day=first - 1))
        if text.to_day > last:
            found.append(replace(text, from_day=last + 1, undated=False))
    if value is not None:
        found.append(value)
    return tuple(sorted(found, key=lambda text: text.from_day))
