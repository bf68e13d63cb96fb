"""Mechanical mutants of a solution: small changes by rule, to measure what the hidden tests catch.

The catalogue has the mistakes that students are known to make; mutants are changes that a program can make. Each
changes one place of one function or class: an operator, a constant, an axis, a sign, the order of two arguments, or a
call or statement that is left out. Many are programs that no student would write, but tests that catch them have few
holes (Jia and Harman, "An Analysis and Survey of the Development of Mutation Testing", 2011).

A mutant that behaves as the solution does is *equivalent*, and no test can catch it. Mutants that were shown to be
equivalent are listed, with a reason, in `tests/exercises/<module>/equivalents.toml`.
"""

from __future__ import annotations

import ast
import copy
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from autograder.notebooks.solution_markers import marker

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
DROPPED_OPERAND = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.BitAnd, ast.BitOr)
# Functions for which the order of two arguments does not matter.
SYMMETRIC = ("transpose", "swapaxes", "maximum", "minimum", "logical_and", "equal", "not_equal")
WORDS = {"relu": "tanh", "gelu": "relu", "tanh": "relu", "softmax": "sigmoid"}


@dataclass(frozen=True)
class Mutant:
    """A changed solution. `change` is the old and the new code, shortened, and unique within the symbol."""

    symbol: str
    line: int
    kind: str
    change: str
    source: str


@dataclass(frozen=True)
class Equivalent:
    """A mutant that behaves as the solution does, and why."""

    track: str
    symbol: str
    change: str
    reason: str


@cache
def mutants(source: str) -> list[Mutant]:
    """All mutants of a module's functions and classes, in the order of their places, each once.

    Where solutions are marked, definitions without a marker are not changed, because students are given them. Nor are
    docstrings, imports and messages of errors. A mutant's source is written from its tree, so it has no comments.
    """
    tree = ast.parse(source)
    found: list[Mutant] = []
    counts: Counter[tuple[str, str]] = Counter()
    seen = {ast.unparse(tree)}
    solutions = [number for number, line in enumerate(source.splitlines(), 1) if marker(line) == "begin"]
    for at, definition in enumerate(tree.body):
        if not isinstance(definition, (ast.FunctionDef, ast.ClassDef)):
            continue
        last = definition.end_lineno or definition.lineno
        if solutions and not any(definition.lineno <= number <= last for number in solutions):
            continue
        for number, kind, change in _places(definition):
            changed = copy.deepcopy(tree)
            nodes = list(_walk(changed.body[at]))
            node, parent, field, index = nodes[number]
            before = _told(node)
            try:
                new = change(node)
            except (IndexError, AttributeError):
                continue
            if new is node or new is None or parent is None:
                continue
            _put(parent, field, index, new)
            ast.fix_missing_locations(changed)
            text = ast.unparse(changed)
            if text in seen:
                continue
            seen.add(text)
            told = f"{before} -> {_told(new)}"
            counts[definition.name, told] += 1
            again = counts[definition.name, told]
            told += f" ({again})" if again > 1 else ""
            line = getattr(node, "lineno", definition.lineno)
            found.append(Mutant(definition.name, line, kind, told, text))
    return found


def equivalents(path: Path) -> list[Equivalent]:
    """The mutants of an exercise that were shown to be equivalent; empty where there is no such file.

    Raises ValueError for an entry without a reason, or with other keys than an `Equivalent` has.
    """
    if not path.is_file():
        return []
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", []):
        try:
            one = Equivalent(**entry)
        except TypeError as error:
            raise ValueError(f"{path}: {entry.get('change')!r}: {error}") from None
        if not one.reason.strip():
            raise ValueError(f"{path}: {one.change!r} needs a reason")
        found.append(one)
    return found


# -- where something can be changed ------------------------------------------------------------------------------------

Change = Callable[[Any], Any]  # from a node of a certain type to the node in its place


def _places(definition: ast.stmt) -> Iterator[tuple[int, str, Change]]:
    """For each possible change: the number of a node in the order of `_walk`, the kind of change, the change itself."""
    for number, (node, parent, field, _) in enumerate(_walk(definition)):
        for kind, change in _changes(node, parent, field):
            yield number, kind, change


def _walk(definition: ast.AST) -> Iterator[tuple[ast.AST, ast.AST | None, str, int | None]]:
    """Nodes in the order of the text, each with its parent, the parent's field and the index in that field's list."""
    waiting: list[tuple[ast.AST, ast.AST | None, str, int | None]] = [(definition, None, "", None)]
    while waiting:
        item = waiting.pop()
        node = item[0]
        if _left_alone(node):
            continue
        yield item
        children: list[tuple[ast.AST, ast.AST | None, str, int | None]] = []
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                children.append((value, node, field, None))
            elif isinstance(value, list):
                children += [(v, node, field, i) for i, v in enumerate(value) if isinstance(v, ast.AST)]
        waiting += reversed(children)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or "super().__init__" in ast.unparse(node)
    return isinstance(node, (ast.JoinedStr, ast.alias))


def _put(parent: ast.AST, field: str, index: int | None, new: ast.AST) -> None:
    if index is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[index] = new


def _told(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def _set(**fields: Any) -> Change:
    """The change that gives a node other values of these fields."""
    return lambda node: _with(node, **fields)


def _changes(node: ast.AST, parent: ast.AST | None, field: str) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.BinOp):
        for other in SWAPS.get(type(node.op), ()):
            yield "operator", _set(op=other())
        if isinstance(node.op, DROPPED_OPERAND):
            yield "operand dropped", lambda n: n.left
            yield "operand dropped", lambda n: n.right
    elif isinstance(node, ast.BoolOp):
        for other in SWAPS[type(node.op)]:
            yield "operator", _set(op=other())
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in SWAPS.get(type(node.ops[0]), ()):
            yield "operator", _set(ops=[other()])
    elif isinstance(node, ast.UnaryOp):
        yield "sign", lambda n: n.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node, parent, field)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Slice):
        for bound in ("lower", "upper", "step"):
            if getattr(node, bound) is not None:
                yield "slice", _set(**{bound: None})
    elif isinstance(node, ast.IfExp):
        yield "branch", lambda n: n.body
        yield "branch", lambda n: n.orelse
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(parent, ast.Return):
        yield "order", lambda n: _with(n, elts=n.elts[::-1])
    elif isinstance(node, ast.If):
        yield "branch", _set(test=ast.Constant(True))
        yield "branch", _set(test=ast.Constant(False))
    elif isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise)):
        yield "statement dropped", lambda n: ast.copy_location(ast.Pass(), n)
    elif isinstance(node, ast.Assign) and _kept(node):
        yield "statement dropped", lambda n: ast.copy_location(ast.Pass(), n)


def _with(node: Any, **fields: Any) -> Any:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _kept(node: ast.Assign) -> bool:
    """Whether a name of the statement still has a value without it, because its new value is made from the old one."""
    names = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return bool(names & {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)})


def _constants(node: ast.Constant, parent: ast.AST | None, field: str) -> Iterator[tuple[str, Change]]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", lambda n: _with(n, value=not n.value)
    elif isinstance(value, int):
        yield "constant", lambda n: _with(n, value=n.value + 1)
        yield "constant", lambda n: _with(n, value=n.value - 1)
    elif isinstance(value, float):
        yield "constant", lambda n: _with(n, value=n.value * 2 if n.value else 1.0)
    elif isinstance(value, str) and value in WORDS:
        yield "constant", lambda n: _with(n, value=WORDS[n.value])


def _calls(node: ast.Call) -> Iterator[tuple[str, Change]]:
    plain = [a for a in node.args if not isinstance(a, ast.Starred)]
    if len(plain) == len(node.args) and getattr(node.func, "attr", "") not in SYMMETRIC:
        for i in range(len(node.args) - 1):
            yield "order", partial(_swapped, i)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield "argument dropped", partial(_without_keyword, i)
    if node.args and not isinstance(node.args[0], (ast.Constant, ast.Starred)):
        yield "call dropped", lambda n: n.args[0]
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield "call dropped", lambda n: n.func.value


def _swapped(i: int, call: ast.Call) -> ast.Call:
    """The call with its arguments i and i + 1 in the other order."""
    return _with(call, args=[*call.args[:i], call.args[i + 1], call.args[i], *call.args[i + 2 :]])


def _without_keyword(i: int, call: ast.Call) -> ast.Call:
    return _with(call, keywords=[*call.keywords[:i], *call.keywords[i + 1 :]])


def _is_module(node: ast.expr) -> bool:
    """Whether a name is a module of a framework, which is not a value by itself."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in (
        "torch",
        "nn",
        "F",
        "tf",
        "keras",
        "keras_hub",
        "math",
        "ops",
        "self",
    )
