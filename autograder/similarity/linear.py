"""Turns a syntax tree into a sequence of tokens (`Symbol`), so that answers are compared by what they do.

Comments, docstrings, blanks, annotations, `print` and names of variables are left out. Operations, attributes, keywords
and numbers are kept. Equivalent ways to write the same operation give the same tokens: `a @ b` and `torch.matmul(a,
b)`, `x.softmax(-1)` and `torch.softmax(x, -1)`, `a < b` and `b > a`, `x += y` and `x = x + y`, and the two sides of a
sum or a product stand in one order.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import NamedTuple

END = ""  # stands between two statements
DEEPEST = 150  # levels of a tree that are read; people do not write more

# Modules, by the names that people give them: what they hold is known by its own name.
MODULES = frozenset(
    "torch nn F functional tf keras ops layers math np numpy linalg random tensorflow transformers keras_hub".split()
)
BUILTINS = frozenset(dir(builtins))
OPERATORS: dict[type[ast.AST], str] = {
    ast.MatMult: "matmul", ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow",
    ast.BitAnd: "and", ast.BitOr: "or", ast.Mod: "mod", ast.FloorDiv: "floordiv", ast.And: "and", ast.Or: "or",
    ast.Not: "not", ast.Invert: "not", ast.USub: "neg", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "lt", ast.GtE: "le",
    ast.Eq: "eq", ast.NotEq: "ne", ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
SAME = {
    "logical_and": "and", "logical_or": "or", "logical_not": "not", "bmm": "matmul", "multiply": "mul",
    "divide": "div", "subtract": "sub", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
    "truediv": "div", "negative": "neg", "permute": "transpose", "swapaxes": "transpose", "concatenate": "concat",
    "cat": "concat", "view": "reshape", "reduce_sum": "sum", "reduce_mean": "mean", "reduce_max": "max",
}  # fmt: skip
EITHER_WAY = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)


Branch = ast.expr | list[ast.stmt]


class Symbol(NamedTuple):
    """A token, and its place in the text: line from 1, columns from 0 in bytes; line 0 if it has no place."""

    name: str
    line: int = 0
    start: int = 0
    end: int = 0


def symbols(nodes: list[ast.stmt]) -> list[Symbol]:
    """The sequence of tokens of some statements."""
    return list(_body(nodes, 0))


def _at(name: str, node: ast.expr | ast.arg | ast.keyword) -> Symbol:
    end = node.end_col_offset if node.end_lineno == node.lineno else node.col_offset + 1
    return Symbol(name, node.lineno, node.col_offset, end or node.col_offset + 1)


def _body(statements: list[ast.stmt], depth: int) -> Iterator[Symbol]:
    for statement in statements:
        if isinstance(statement, ast.Expr) and (_is_text(statement.value) or _prints(statement.value)):
            continue
        if not isinstance(statement, (ast.Pass, ast.Import, ast.ImportFrom)):
            yield Symbol(END)
            yield from _symbols(statement, depth)
    yield Symbol(END)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, type(...)))


def _prints(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _symbols(node: ast.AST | None, depth: int) -> Iterator[Symbol]:
    if node is None or depth > DEEPEST:
        return
    depth += 1
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield Symbol("def", node.lineno, node.col_offset, node.col_offset + 3)
            for item in node.decorator_list:
                yield from _symbols(item, depth)
            yield from _arguments(node.args, depth)
            yield from _body(node.body, depth)
        case ast.ClassDef():
            yield Symbol("class", node.lineno, node.col_offset, node.col_offset + 5)
            for item in node.decorator_list:  # the base classes are given by the exercise
                yield from _symbols(item, depth)
            yield from _body(node.body, depth)
        case ast.Lambda():
            yield _at("lambda", node)._replace(end=node.col_offset + 6)
            yield from _arguments(node.args, depth)
            yield from _symbols(node.body, depth)
        case ast.AugAssign():
            yield Symbol("=")
            yield from _symbols(node.target, depth)
            yield from _operation(node.op, [node.target, node.value], depth)
        case ast.Assign():
            yield Symbol("=")
            for part in [*node.targets, node.value]:
                yield from _symbols(part, depth)
        case ast.AnnAssign():
            if node.value is not None:
                yield Symbol("=")
                yield from _symbols(node.target, depth)
                yield from _symbols(node.value, depth)
        case ast.If() | ast.IfExp():
            test, branches = _without_not(node.test, [node.body, node.orelse], depth)
            yield Symbol("if")
            yield from test
            for branch in branches:
                if isinstance(branch, list):
                    yield from _body(branch, depth)
                else:
                    yield from _symbols(branch, depth)
        case ast.BinOp():
            yield from _operation(node.op, [node.left, node.right], depth)
        case ast.BoolOp():
            yield from _operation(node.op, node.values, depth)
        case ast.UnaryOp():
            yield from _operation(node.op, [node.operand], depth)
        case ast.Compare():
            yield from _compare(node, depth)
        case ast.Call():
            yield from _call(node, depth)
        case _:
            yield from _leaf(node, depth)


def _leaf(node: ast.AST, depth: int) -> Iterator[Symbol]:
    match node:
        case ast.Name():
            if node.id not in MODULES:
                yield _at(node.id if node.id in BUILTINS else "V", node)
        case ast.Attribute():
            if _is_self(node.value):
                yield _at("self.V", node)
                return
            end = node.end_col_offset or 0
            length = len(node.attr.encode())
            yield Symbol(SAME.get(node.attr, node.attr), node.end_lineno or 0, max(end - length, 0), end)
            yield from _symbols(node.value, depth)
        case ast.Constant():
            yield _at("S" if isinstance(node.value, (str, bytes)) else repr(node.value), node)
        case ast.JoinedStr():
            yield _at("S", node)
        case ast.Return():
            yield Symbol("return", node.lineno, node.col_offset, node.col_offset + 6)
            yield from _symbols(node.value, depth)
        case ast.Expr():
            yield from _symbols(node.value, depth)
        case ast.expr_context() | ast.operator():
            return
        case _:
            yield Symbol(type(node).__name__)
            for _name, field in ast.iter_fields(node):
                if isinstance(field, list) and field and isinstance(field[0], ast.stmt):
                    yield from _body(field, depth)
                elif isinstance(field, list):
                    for part in field:
                        if isinstance(part, ast.AST):
                            yield from _symbols(part, depth)
                elif isinstance(field, ast.AST):
                    yield from _symbols(field, depth)


def _without_not(test: ast.expr, branches: list[Branch], depth: int) -> tuple[list[Symbol], list[Branch]]:
    """A condition and its two branches; a leading "not" is removed and the branches are swapped."""
    while True:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, branches = test.operand, branches[::-1]
            continue
        line = list(_symbols(test, depth))
        if line and line[0].name == "is not":
            line, branches = [Symbol("is"), *line[1:]], branches[::-1]
        return line, branches


def _arguments(arguments: ast.arguments, depth: int) -> Iterator[Symbol]:
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if argument.arg != "self":
            yield _at("arg", argument)._replace(end=argument.col_offset + len(argument.arg.encode()))
    for default in [*arguments.defaults, *arguments.kw_defaults]:
        yield from _symbols(default, depth)


def _operation(operator: ast.AST, operands: list[ast.expr], depth: int) -> Iterator[Symbol]:
    yield Symbol(OPERATORS.get(type(operator), type(operator).__name__))
    lines = [list(_symbols(operand, depth)) for operand in operands]
    if isinstance(operator, EITHER_WAY):
        lines.sort(key=lambda line: [symbol.name for symbol in line])
    for line in lines:
        yield from line


def _compare(node: ast.Compare, depth: int) -> Iterator[Symbol]:
    sides = [node.left, *node.comparators]
    lines = [list(_symbols(side, depth)) for side in sides]
    if len(lines) == 2:
        [operator] = node.ops
        if isinstance(operator, (ast.Gt, ast.GtE)):
            lines.reverse()
        elif isinstance(operator, (ast.Eq, ast.NotEq)):
            lines.sort(key=lambda line: [symbol.name for symbol in line])
    for operator in node.ops:
        yield Symbol(OPERATORS[type(operator)])
    for line in lines:
        yield from line


def _call(node: ast.Call, depth: int) -> Iterator[Symbol]:
    """A call: what is called, what it is called on unless that is a module, then the arguments."""
    function, receiver = node.func, None
    if isinstance(function, ast.Attribute) and not _is_self(function.value):
        end = function.end_col_offset or 0
        name = SAME.get(function.attr, function.attr)
        yield Symbol(name, function.end_lineno or 0, max(end - len(function.attr.encode()), 0), end)
        receiver = None if _is_module(function.value) else function.value
    else:
        yield Symbol("call")
        yield from _symbols(function, depth)
    yield from _symbols(receiver, depth)
    for argument in node.args:
        yield from _symbols(argument, depth)
    for keyword in sorted(node.keywords, key=lambda keyword: keyword.arg or ""):
        yield Symbol(f"{keyword.arg}=")
        yield from _symbols(keyword.value, depth)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _is_module(node: ast.expr) -> bool:
    """Whether an expression is a module: `torch.nn.functional`."""
    while isinstance(node, ast.Attribute):
        if node.attr not in MODULES:
            return False
        node = node.value
    return isinstance(node, ast.Name) and node.id in MODULES
