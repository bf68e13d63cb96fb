"""Rewrites of a right answer that change its text, but not its results, as if another student had written it.

`rewritten(source, seed)` parses a module, applies a random choice of the rewrites below to it, and unparses it. None
changes a result: a rewrite changes names that only one function uses, swaps statements that are independent, or
replaces an expression by one with the same value to the last bit.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator

WORDS = "alpha tmp foo result2 værdi out_ thing lhs scratch mellemregning x1 buf".split()


def rewritten(source: str, seed: int) -> tuple[str, set[str]]:
    """The module's text after a random choice of rewrites, and which of them found something to do."""
    rng = random.Random(seed)
    tree = ast.parse(source)
    done = set()
    chosen = rng.sample(REWRITES, rng.randint(3, len(REWRITES)))
    for rewrite in chosen:
        before = ast.dump(tree)
        tree = ast.fix_missing_locations(rewrite(tree, rng))
        if ast.dump(tree) != before:
            done.add(rewrite.__name__)
    return ast.unparse(tree) + "\n", done


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def names(node: ast.AST, kind: type = ast.expr_context) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}


def parameters(function: ast.FunctionDef) -> set[str]:
    return {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


def after_docstring(body: list[ast.stmt]) -> int:
    first = body[0]
    return int(
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )


# -- how it reads -----------------------------------------------------------------------------------------------------


def other_names(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Rename local variables."""
    for function in functions(tree):
        taken = names(tree) | parameters(function)
        table = {}
        for name in sorted(names(function, ast.Store) - parameters(function)):
            table[name] = next(
                w
                for w in (f"{rng.choice(WORDS)}{rng.choice(['', '_', rng.randint(2, 99)])}" for _ in range(1000))
                if w not in taken
            )
            taken.add(table[name])
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                node.id = table.get(node.id, node.id)
    return tree


def hints_and_docstrings(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Add or remove docstrings, and give every argument a type."""
    for function in functions(tree):
        at = after_docstring(function.body)
        if at and len(function.body) > 1 and rng.random() < 0.5:
            del function.body[0]
        elif not at:
            function.body.insert(0, ast.Expr(ast.Constant("What I think this does.")))
        for argument in function.args.posonlyargs + function.args.args + function.args.kwonlyargs:
            argument.annotation = ast.Constant("Any")
        function.returns = ast.Constant("Any")
    return tree


def prints(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Add `print` calls, as after debugging."""
    for function in functions(tree):
        where = rng.randint(after_docstring(function.body), len(function.body) - 1)
        if function.name != "__init__" or where > 1:
            function.body.insert(where, ast.parse(f"print('{function.name}', {rng.randint(0, 9)})").body[0])
    return tree


def wrapped(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Wrap a body in a block that changes nothing."""
    frames = ["if True:\n    pass", "try:\n    pass\nfinally:\n    pass", "for _once in range(1):\n    pass"]
    for function in functions(tree):
        if function.name != "__init__" and rng.random() < 0.5:
            frame = ast.parse(rng.choice(frames)).body[0]
            at = after_docstring(function.body)
            frame.body = function.body[at:]
            function.body[at:] = [frame]
    return tree


def named_results(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Write `return x` in two steps."""

    class Name(ast.NodeTransformer):
        def visit_Return(self, node: ast.Return):
            if node.value is None or rng.random() < 0.3:
                return node
            return [ast.Assign([ast.Name("the_answer", ast.Store())], node.value),
                    ast.Return(ast.Name("the_answer", ast.Load()))]  # fmt: skip

    return Name().visit(tree)


# -- the order of things ----------------------------------------------------------------------------------------------


def _places(node: ast.AST, kind: type) -> set[str]:
    """What a statement reads or writes: names, and attributes of `self` by their own names."""
    found = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Name) and isinstance(n.ctx, kind):
            found.add(n.id)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, kind) and isinstance(n.value, ast.Name):
            found.add(f"{n.value.id}.{n.attr}")
    return found


def _movable(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, (ast.Name, ast.Tuple))
        or (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name))
        for target in statement.targets
    )


def other_order(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Swap independent assignments."""
    for function in functions(tree):
        body = function.body
        for i in range(len(body) - 1):
            one, two = body[i], body[i + 1]
            if not (_movable(one) and _movable(two)) or rng.random() < 0.3:
                continue
            writes = [_places(s, ast.Store) for s in (one, two)]
            reads = [_places(s, ast.Load) for s in (one, two)]
            if not (writes[0] & (reads[1] | writes[1]) or writes[1] & reads[0]):
                body[i], body[i + 1] = two, one
    return tree


def helpers(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Move the right-hand side of an assignment or return into a new function."""
    made: list[ast.stmt] = []
    at_top = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    unfit = (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.DictComp, ast.SetComp, ast.NamedExpr, ast.Starred)
    whole = []
    for node in tree.body:
        for function in functions(node):
            mine = parameters(function) | names(function, ast.Store)
            for statement in ast.walk(function):
                if not isinstance(statement, (ast.Assign, ast.Return)) or not isinstance(
                    statement.value, (ast.BinOp, ast.Call)
                ):
                    continue
                inside = names(statement.value)
                if (
                    any(isinstance(n, unfit) for n in ast.walk(statement.value))
                    or "super" in inside
                    or rng.random() < 0.5
                ):
                    continue
                given = sorted(inside & mine)
                name = f"_step_{len(made) + 1}"
                helper = ast.parse(f"def {name}({', '.join(given)}):\n    return 0").body[0]
                helper.body[0].value = statement.value
                made.append(helper)
                whole.append(helper)
                statement.value = ast.parse(f"{name}({', '.join(given)})", mode="eval").body
        whole.append(node)
    assert at_top.isdisjoint(helper.name for helper in made)
    return ast.Module(whole, [])


# -- the same value in other words ------------------------------------------------------------------------------------


class _Same(ast.NodeTransformer):
    MIRRORED = {
        ast.Lt: ast.Gt,
        ast.Gt: ast.Lt,
        ast.LtE: ast.GtE,
        ast.GtE: ast.LtE,
        ast.Eq: ast.Eq,
        ast.NotEq: ast.NotEq,
    }
    AS_METHOD = {"softmax", "sin", "cos", "relu", "tanh"}

    def __init__(self, rng: random.Random, track: str) -> None:
        self.rng, self.track = rng, track

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        text = any(
            isinstance(n, (ast.JoinedStr, ast.Tuple, ast.List, ast.Constant))
            and not isinstance(getattr(n, "value", 0), (int, float))
            for n in (node.left, node.right)
        )
        if text or self.rng.random() < 0.4:
            return node
        if isinstance(node.op, (ast.Add, ast.Mult, ast.BitAnd)):  # to the last bit, also of floating point
            return ast.BinOp(node.right, node.op, node.left)
        if isinstance(node.op, ast.MatMult):
            return ast.Call(ast.parse(f"{self.track}.matmul", mode="eval").body, [node.left, node.right], [])
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        mirrored = self.MIRRORED.get(type(node.ops[0]))
        if len(node.ops) > 1 or mirrored is None or self.rng.random() < 0.4:
            return node
        return ast.Compare(node.comparators[0], [mirrored()], [node.left])

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        return ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)

    def visit_If(self, node: ast.If) -> ast.stmt:
        self.generic_visit(node)
        if node.orelse or self.rng.random() < 0.5:
            return node
        return ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Pass()], node.body)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        f = node.func
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "torch" and node.args:
            if f.attr in self.AS_METHOD and self.rng.random() < 0.6:
                return ast.Call(ast.Attribute(node.args[0], f.attr, ast.Load()), node.args[1:], node.keywords)
        return node


def other_words(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Swap the sides of sums and products, mirror comparisons, negate conditions, replace operators by functions."""
    return _Same(rng, "torch" if "torch" in ast.unparse(tree) else "tf").visit(copy.deepcopy(tree))


REWRITES: list[Callable[[ast.Module, random.Random], ast.Module]] = [
    other_names, hints_and_docstrings, prints, wrapped, named_results, other_order, helpers, other_words,
]  # fmt: skip
