"""Does anything notice when a line of the kernel is wrong? `python -m tools.mutate_kernel [MODULE ...]`.

Every function of the kernel is changed in one place at a time (a comparison, an operator, a number,
a truth, a condition turned round) by giving the living function the code of its mutant, in a
forked child. A mutant is killed if drawn cases come out otherwise than the twin said before the
fork, or if a test of `--tests` fails. The twin itself is not mutated. Survivors are written to
`--survivors`, and counted by module.

Forking from a parent that has drawn and answered the cases already takes a fraction of a second
a mutant; mutmut 3.8, which runs the tests anew for each, took twenty.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import io
import os
import signal
import sys
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MODULES = ("zones", "rows", "profile", "atoms", "judge", "columns", "case", "casefile")
TESTS = ("tests/kernel/test_found.py", "tests/kernel/test_case.py")
SECONDS = 90  # a mutant that runs longer is stuck, and so noticed

_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    module: str
    qualified: str
    line: int
    what: str
    code: types.CodeType


def mutants(module: str) -> Iterator[Mutant]:
    living = importlib.import_module(f"forbear.kernel.{module}")
    file = str(living.__file__)
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    for path, function in functions(tree):
        for place, node in enumerate(ast.walk(function)):
            for number, what in enumerate(alterations(node)):
                changed = copy.deepcopy(tree)
                target = next(found for where, found in functions(changed) if where == path)
                alter(list(ast.walk(target))[place], number)
                try:
                    whole = compile(ast.fix_missing_locations(changed), file, "exec")
                except (SyntaxError, ValueError):
                    continue
                code = code_at(whole, path)
                if code is not None:
                    yield Mutant(module, ".".join(path), getattr(node, "lineno", function.lineno), what, code)


def functions(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield (node.name,), node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield (node.name, inner.name), inner


def alterations(node: ast.AST) -> list[str]:
    """What can be changed at this node, in words; `alter` takes the number of one."""
    if isinstance(node, ast.Compare):
        return [f"{type(node.ops[0]).__name__} as {swap.__name__}" for swap in _SWAPS.get(type(node.ops[0]), ())]
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        return [f"{type(node.op).__name__} as {swap.__name__}" for swap in _SWAPS.get(type(node.op), ())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        return ["negation forgotten"]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [f"{node.value} as {not node.value}"]
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return [f"{node.value} as {node.value + 1}"]
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return [f"{name} as {_NAMES[name]}"] if name in _NAMES and isinstance(node.ctx, ast.Load) else []
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return ["condition always met", "condition never met"]
    if isinstance(node, ast.Continue):
        return ["continue as break"]
    return []


def alter(node: ast.AST, number: int) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _SWAPS[type(node.ops[0])][number]()  # type: ignore[call-overload]
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        node.op = _SWAPS[type(node.op)][number]()  # type: ignore[assignment]
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1  # type: ignore[operator]
    elif isinstance(node, ast.Name):
        node.id = _NAMES[node.id]
    elif isinstance(node, ast.Attribute):
        node.attr = _NAMES[node.attr]
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        node.test = ast.Constant(number == 0)
    elif isinstance(node, ast.Continue):
        node.__class__ = ast.Break  # type: ignore[assignment]


def code_at(whole: types.CodeType, path: Sequence[str]) -> types.CodeType | None:
    found: types.CodeType | None = whole
    for name in path:
        assert found is not None
        found = next((c for c in found.co_consts if isinstance(c, types.CodeType) and c.co_name == name), None)
        if found is None:
            return None
    return found


def living(mutant: Mutant) -> types.FunctionType | None:
    """The function as it is in memory, behind whatever decorates it."""
    found: object = importlib.import_module(f"forbear.kernel.{mutant.module}")
    for name in mutant.qualified.split("."):
        found = found.__dict__.get(name) if isinstance(found, type) else getattr(found, name, None)
    for attribute in ("__wrapped__", "__func__", "fget", "func"):
        found = getattr(found, attribute, found)
    if not isinstance(found, types.FunctionType):
        return None
    return found


def killed(mutant: Mutant, function: types.FunctionType, tests: Sequence[str]) -> bool:
    """In a child: give the function the mutant's code and see whether anything notices."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        code = 1
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device, not a path of ours
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            try:
                function.__code__ = mutant.code
                code = 0 if unnoticed(tests) else 1
            except BaseException:  # noqa: BLE001 - however it fails, it was noticed
                code = 1
        os._exit(code)
    _, status = os.waitpid(child, 0)
    return status != 0


def unnoticed(tests: Sequence[str]) -> bool:
    from tests.kernel.test_drawn import test_the_kernel_says_of_drawn_cases_what_its_twin_said as agree

    forget()
    agree()
    if not tests:
        return True
    import pytest

    with contextlib.redirect_stdout(io.StringIO()):
        return (
            pytest.main(["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", "not any_value", *tests]) == 0
        )


def forget() -> None:
    """What the parent remembered was worked out by the code as it was."""
    zones = importlib.import_module("forbear.kernel.zones")
    for remembering in (zones._changes, zones.pieces):
        remembering.cache_clear()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Plant faults in the kernel's code and count what the tests notice")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help=f"of {', '.join(MODULES)}")
    parser.add_argument("--tests", nargs="*", default=list(TESTS), help="run on what drawn cases do not notice")
    parser.add_argument("--every", type=int, default=1, help="only every n-th mutant: a sample")
    parser.add_argument("--share", default="0/1", help="which part of them, as 0/2 and 1/2 on two processors")
    parser.add_argument("--survivors", type=Path, default=Path("build/mutants.txt"))
    chosen = parser.parse_args(arguments)
    from tests.kernel.drawn import batches
    from tests.kernel.test_drawn import BATCHES

    batches(*BATCHES)
    assert unnoticed(chosen.tests), "the tests fail without any mutant"
    part, parts = (int(number) for number in chosen.share.split("/"))
    planted, noticed = Counter[str](), Counter[str]()
    survivors: list[str] = []
    chosen.survivors.parent.mkdir(parents=True, exist_ok=True)
    for module in chosen.modules:
        for number, mutant in enumerate(mutants(module)):
            function = living(mutant)
            if number % chosen.every or (number // chosen.every) % parts != part or function is None:
                continue
            planted[module] += 1
            if killed(mutant, function, chosen.tests):
                noticed[module] += 1
            else:
                survivors.append(f"{module}.py:{mutant.line}: {mutant.qualified}: {mutant.what}")
                chosen.survivors.write_text("".join(f"{line}\n" for line in survivors), encoding="utf-8")
            print(f"\r{module} {planted[module]} planted, {noticed[module]} noticed ", end="", flush=True)
        print()
    total, found = sum(planted.values()), sum(noticed.values())
    print(f"{total} mutants, {found} noticed: {100 * found / max(total, 1):.1f} %; survivors in {chosen.survivors}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
