"""Disguises a copied answer in five levels; the benchmark of `autograder similar` uses them.

`disguised(source, level, seed, other)` is the text of a module after the disguise. Up to level 4 its results stay the
same. `other` is an independent right answer; level 5 takes half of it.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable

from support import rewrites

LEVELS = {
    1: "copied",
    2: "renamed",
    3: "reordered",
    4: "other operations",
    5: "half copied",
}


def disguised(source: str, level: int, seed: int, other: str = "") -> str:
    rng = random.Random(seed)
    if level == 1:
        return source
    tree = ast.parse(source)
    if level == 5:
        tree = _half(tree, ast.parse(other), rng)
    steps: list[Callable[[ast.Module, random.Random], ast.Module]] = [rewrites.other_names, _other_attributes]
    if level >= 3:
        steps += [rewrites.hints_and_docstrings, rewrites.other_order, _other_order_of_methods]
    if level == 4:
        steps += [rewrites.other_words, _other_operations, rewrites.named_results, rewrites.helpers, rewrites.prints]
    for step in steps:
        tree = ast.fix_missing_locations(step(tree, rng))
    lines = ast.unparse(tree).split("\n")
    if level >= 3:
        lines = [f"{line}  # {rng.choice(rewrites.WORDS)}" if rng.random() < 0.3 else line for line in lines]
    return "\n".join(lines) + "\n"


def _other_attributes(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Rename a module's attributes and its helpers' arguments."""
    table: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            if isinstance(node.ctx, ast.Store):
                table.setdefault(node.attr, f"{rng.choice(rewrites.WORDS)}_{len(table)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = table.get(node.attr, node.attr)
    return tree


def _other_order_of_methods(tree: ast.Module, rng: random.Random) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            rng.shuffle(methods)
            node.body = [n for n in node.body if not isinstance(n, ast.FunctionDef)] + methods
    helpers = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    rest = [n for n in tree.body if not isinstance(n, ast.FunctionDef)]
    rng.shuffle(helpers)
    return ast.Module([*rest, *helpers], [])


METHODS = "softmax sum mean reshape transpose masked_fill matmul exp sqrt amax logical_not flatten argmax".split()
KERAS = {"reduce_sum": "sum", "reduce_mean": "mean", "reduce_max": "max", "matmul": "matmul", "reshape": "reshape",
         "transpose": "transpose", "shape": "shape", "where": "where", "concat": "concatenate",
         "cast": "cast"}  # fmt: skip


class _Operations(ast.NodeTransformer):
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and self.rng.random() < 0.6:
            return ast.BinOp(node.left, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Div(), node.right))
        if isinstance(node.op, ast.Sub) and self.rng.random() < 0.6:
            return ast.BinOp(node.left, ast.Add(), ast.UnaryOp(ast.USub(), node.right))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.NotEq) and self.rng.random() < 0.6:
            return ast.UnaryOp(ast.Invert(), ast.Compare(node.left, [ast.Eq()], node.comparators))
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        f = node.func
        if not isinstance(f, ast.Attribute) or self.rng.random() < 0.3:
            return node
        on = ast.unparse(f.value)
        if on == "torch" and f.attr in METHODS and node.args and not isinstance(node.args[0], ast.Starred):
            return ast.Call(ast.Attribute(node.args[0], f.attr, ast.Load()), node.args[1:], node.keywords)
        if on in ("tf", "tf.math", "tf.nn") and (f.attr in KERAS or f.attr == "softmax"):
            new = ast.parse(f"keras.ops.{KERAS.get(f.attr, f.attr)}", mode="eval").body
            return ast.Call(new, node.args, node.keywords)
        if f.attr == "masked_fill" and len(node.args) == 2:
            where = ast.parse("torch.where", mode="eval").body
            return ast.Call(where, [node.args[0], node.args[1], f.value], [])
        if f.attr == "unsqueeze" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            place = node.args[0].value
            if isinstance(place, int) and place >= 0:
                return ast.parse(f"({ast.unparse(f.value)})[{':, ' * place}None]", mode="eval").body
        if f.attr == "transpose" and on not in ("torch", "tf", "np") and len(node.args) == 2:
            return ast.Call(ast.Attribute(f.value, "swapaxes", ast.Load()), node.args[::-1], [])
        return node


def _other_operations(tree: ast.Module, rng: random.Random) -> ast.Module:
    """Write quotients as products, differences as sums, functions as methods, masked_fill as where, and so on."""
    return _Operations(rng).visit(tree)


def _half(tree: ast.Module, other: ast.Module, rng: random.Random) -> ast.Module:
    """Half of each definition: methods of a class from either module, the first statements of a function from one."""
    theirs = {n.name: n for n in other.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    mine = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    whole = [n for name, n in theirs.items() if name not in mine]  # the helpers of the other half
    for node in tree.body:
        twin = theirs.get(getattr(node, "name", ""))
        if isinstance(node, ast.ClassDef) and isinstance(twin, ast.ClassDef):
            methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
            other_methods = {m.name: m for m in twin.body if isinstance(m, ast.FunctionDef)}
            taken = set(rng.sample(sorted(methods), max(1, len(methods) // 2)))
            node.body = [m if name in taken else other_methods.get(name, m) for name, m in methods.items()]
        elif isinstance(node, ast.FunctionDef) and isinstance(twin, ast.FunctionDef):
            at = max(1, len(node.body) // 2)
            node.body = node.body[:at] + (twin.body[len(twin.body) // 2 :] or twin.body)
        whole.append(node)
    return ast.Module(whole, [])
