"""Do the rules' worked examples come out as their authors say, by the kernel and by its twin?

An example is the rule's `base` case with `facts` laid over it, dotted keys reaching inside;
an empty text takes a key out (TOML has no null), so that it is not known. What an example
wants is the rule's own word, whatever the other rules say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from forbear.core.codes import Code
from forbear.core.errors import BadInput
from forbear.kernel.case import Case, Registry
from forbear.kernel.casefile import read
from forbear.kernel.columns import facts_of
from forbear.kernel.judge import Engine
from forbear.kernel.reference import Situation, code_of
from forbear.rulebook.load import STATED_ONLY
from forbear.rulebook.model import Example, FlagCondition, Rule, Rulebook

_ANSWER = frozenset(field.name for field in fields(Registry))
STATED_BY_THE_STORE = frozenset({"standing", "suppressed"})  # no case can say the other side


def lint(rulebook: Rulebook) -> list[BadInput]:
    """Every example that cannot be read or comes out otherwise, and every rule without one on either side."""
    found: list[BadInput] = []
    read_well: list[tuple[Rule, Example, Case]] = []
    for rule in rulebook.rules:
        found.extend(missing_sides(rule))
        for example in rule.examples:
            try:
                read_well.append((rule, example, case_of(rule, example)))
            except BadInput as error:
                what = f"“{example.when}” is no case: {error.what}"
                found.append(BadInput(what, file=rule.file, line=example.line, key=error.key, todo=error.todo))
    if not read_well:
        return found
    words = Engine(rulebook).explain(facts_of([case for _, _, case in read_well]), range(len(read_well)))
    for (rule, example, case), said in zip(read_well, words, strict=True):
        kernel = next(word.code for word in said if word.rule == rule.id)
        twin = code_of(rule, Situation(case, case.now), rulebook)
        if kernel is not twin:
            what = f"“{example.when}”: the kernel says {kernel.name}, its twin {twin.name}: a fault of ours"
        elif kernel is not example.want:
            what = f"“{example.when}” comes out {kernel.name}, not {example.want.name}"
        else:
            continue
        found.append(BadInput(what, file=rule.file, line=example.line))
    return sorted(found, key=lambda error: (error.file or "", error.line or 0))


def missing_sides(rule: Rule) -> Iterator[BadInput]:
    """A rule shows a case it is met by and one it is not; what only owes something shows one."""
    wanted = [example.want for example in rule.examples]
    if not wanted:
        yield BadInput("no `example`", file=rule.file, todo="show a case on each side of the rule")
    elif rule.check not in STATED_ONLY and not rests_on_the_store(rule):
        if not {Code.SATISFIED, Code.SILENT} & set(wanted):
            yield BadInput("no example that is met", file=rule.file, todo="add one that wants SATISFIED or SILENT")
        if not any(code > Code.SATISFIED for code in wanted):
            yield BadInput("no example that is not met", file=rule.file, todo=f"add one that wants {rule.on_fail.name}")


def rests_on_the_store(rule: Rule) -> bool:
    """Whether the rule turns on what only an account's own records say, so that no case can fail it."""
    conditions = [one for value in rule.values for alternative in value.any_of for one in alternative]
    return any(isinstance(one, FlagCondition) and one.flag in STATED_BY_THE_STORE for one in conditions)


def case_of(rule: Rule, example: Example) -> Case:
    """The example as a case. Raises `BadInput` naming the key that is wrong."""
    return read({"id": rule.id, **facts_of_example(rule, example)})


def facts_of_example(rule: Rule, example: Example) -> dict[str, Any]:
    """The example as the keys of the case format. Raises `BadInput` naming the key that is wrong."""
    facts = _copied(rule.base)
    for key, value in example.facts.items():
        *parents, last = _path(key)
        inner = facts
        for parent in parents:
            found = inner.get(parent)
            if found is not None and not isinstance(found, dict):
                raise BadInput("is no table to reach into", key=key, todo=f"set `{parent}` whole")
            if found is None:
                inner[parent] = {}
            inner = inner[parent]
        if value == "":
            inner.pop(last, None)
        else:
            inner[last] = _copied(value) if isinstance(value, Mapping) else value
    return facts


def _path(key: str) -> list[str]:
    """`contact.content.promotional` by its dots; a registry's name holds dots of its own."""
    head, _, rest = key.partition(".")
    if head != "registries" or not rest:
        return key.split(".")
    name, _, field = rest.rpartition(".")
    return [head, name, field] if field in _ANSWER else [head, rest]


def _copied(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(inner) if isinstance(inner, Mapping) else inner for key, inner in value.items()}
