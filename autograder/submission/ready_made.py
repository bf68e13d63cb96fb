"""Where an answer reaches for the framework's own attention: read from its text, before anything is run.

The workers see ready-made attention at work (`autograder/workers/watching.py`), but what looks from inside the
student's process can be taken down there. So names are resolved here as well, through import aliases, assignments,
`getattr`, `importlib`, `vars` and `sys.modules` with constant strings, and a use counts for a part if the part's symbol
can reach it: an experiment in a cell of its own costs nobody anything. Comments, strings and classes of the student's
own that bear such a name are no use. The other track's framework is read alike: its attention is ready-made too.

What is computed at run time (`getattr(F, input_of_mine())`, `exec`) is not read here; it is seen when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from course.syllabus import Track

# What the frameworks' own attention is called underneath. The public names stand in the syllabus.
BELOW = (
    "_scaled_dot_product_", "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "flex_attention",
    "_fused_sdp_choice", "_efficient_attention_", "_flash_attention_", "_triton_scaled_dot_attention",
    "dot_product_attention", "_dot_product_attention",
)  # fmt: skip
# It stands in a ready-made layer's namespace and is a triangle of numbers: the usual way to a causal mask.
MASK_HELPER = "generate_square_subsequent_mask"
ROOTS = ("torch", "torchvision", "transformers", "tensorflow", "keras", "keras_hub", "jax", "flax")


@dataclass(frozen=True)
class Use:
    """A place where a ready-made attention is named."""

    name: str
    label: str
    line: int


def uses(cells: Iterable[dict], symbols: Iterable[str], tracks: Iterable[Track]) -> dict[str, list[dict]]:
    """For each symbol what its definition reaches, as {"name", "label", "line"}; empty where that is nothing."""
    reader = _Reader(tracks)
    for cell in cells:
        reader.read(cell["source"], cell["label"])
    found = {symbol: [vars(use) for use in reader.reached(symbol)] for symbol in symbols}
    return {symbol: places for symbol, places in found.items() if places}


class _Reader:
    def __init__(self, tracks: Iterable[Track]) -> None:
        self.names = {dotted.rpartition(".")[2] for track in tracks for dotted in track.ready_made}
        self.aliases: dict[str, str] = {}  # a name -> the dotted path that it stands for, in the notebook
        self.places: dict[str, tuple[str, int]] = {}  # where an alias was made
        self.pieces: dict[str, list[tuple[ast.AST, str]]] = {}  # a top-level name -> what makes it, and where
        self.stars: list[str] = []

    def read(self, source: str, label: str) -> None:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # it does not run either
        for node, certain in _statements(tree.body):
            for name, path in self._bound(node):
                if path is not None:
                    self.aliases[name], self.places[name] = path, (label, node.lineno)
                elif certain:
                    self.aliases.pop(name, None)
            for name, made, whole in _made(node):
                if whole and certain:
                    self.pieces[name] = []
                earlier = self.pieces.get(made.id, []) if isinstance(made, ast.Name) else []
                self.pieces.setdefault(name, []).extend([(made, label), *earlier])

    def _bound(self, node: ast.AST) -> Iterator[tuple[str, str | None]]:
        """The names that a statement binds, and what of the framework they are from then on."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, whole
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    self.stars.append(node.module)
                else:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, None
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            path = self._path(node.value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, path if path and path.partition(".")[0] in ROOTS else None

    def _path(self, node: ast.AST, depth: int = 0) -> str | None:
        """The dotted path that an expression names, as far as it can be read."""
        if depth > 40:
            return None
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._join(self._path(node.value, depth + 1), node.attr)
        if isinstance(node, ast.Subscript):  # vars(F)["..."], F.__dict__["..."], sys.modules["torch"]
            base, key = self._path(node.value, depth + 1), _text(node.slice)
            return key if base == "sys.modules" else self._join(base, key)
        if isinstance(node, ast.Call):
            function, first = self._path(node.func, depth + 1), node.args[0] if node.args else None
            plain = node.func.id if isinstance(node.func, ast.Name) else None
            if plain == "vars" and first is not None:
                return self._path(first, depth + 1)
            if plain == "getattr" and len(node.args) >= 2:
                return self._join(self._path(first, depth + 1), _text(node.args[1]))
            if plain == "__import__" and first is not None:
                return (_text(first) or "").partition(".")[0] or None
            if function == "importlib.import_module" and first is not None:
                return _text(first)
        return None

    @staticmethod
    def _join(base: str | None, attribute: str | None) -> str | None:
        if base is None or attribute is None or attribute == "__dict__":
            return base
        return f"{base}.{attribute}"

    def _ready_made(self, path: str | None) -> str | None:
        """The framework's attention in a path, cut where its name ends."""
        if path is None or path.partition(".")[0] not in ROOTS:
            return None
        pieces = path.split(".")
        if pieces[-2:] == ["Transformer", MASK_HELPER]:
            return None
        for i, piece in enumerate(pieces[1:], 1):
            if piece in self.names or piece.startswith(BELOW):
                return ".".join(pieces[: i + 1])
        return None

    def _in(self, tree: ast.AST, label: str) -> Iterator[Use]:
        outside, nodes, own = self.aliases, list(ast.walk(tree)), _own_names(tree)
        self.aliases = {name: path for name, path in outside.items() if name not in own}
        try:
            for node in nodes:
                if node is not tree:
                    self.aliases |= {name: path for name, path in self._bound(node) if path is not None}
            # The class before the helper's name is not used itself.
            on_the_way = {n.value for n in nodes if isinstance(n, ast.Attribute) and n.attr == MASK_HELPER}
            for node in nodes:
                if not isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) or node in on_the_way:
                    continue
                path = self._path(node)
                if path is None and isinstance(node, ast.Name) and node.id not in own | set(self.pieces):
                    star = next((s for s in self.stars if s.partition(".")[0] in ROOTS), None)
                    path = star and f"{star}.{node.id}"
                found = self._ready_made(path)
                if found:
                    yield Use(found, label, node.lineno)
        finally:
            self.aliases = outside

    def reached(self, symbol: str) -> list[Use]:
        found: dict[Use, None] = {}
        imported = self._ready_made(self.aliases.get(symbol))
        if imported:
            found[Use(imported, *self.places[symbol])] = None
        waiting, seen = [symbol], {symbol}
        while waiting:
            for node, label in self.pieces.get(waiting.pop(), ()):
                found |= dict.fromkeys(self._in(node, label))
                own = _own_names(node)
                for inner in ast.walk(node):
                    name = inner.id if isinstance(inner, ast.Name) else None
                    if name in self.pieces and name not in seen and name not in own:
                        seen.add(name)
                        waiting.append(name)
        return sorted(found, key=lambda use: (use.label, use.line))[:20]


def _own_names(tree: ast.AST) -> set[str]:
    """The names that are bound inside a definition and so are not the notebook's."""
    nodes = list(ast.walk(tree))
    own = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return own - {name for n in nodes if isinstance(n, ast.Global) for name in n.names}


def _statements(statements: list[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a cell in their order, also those inside `if`, `try`, `with` and loops, which may not run."""
    waiting = [(node, True) for node in reversed(statements)]
    while waiting:
        node, certain = waiting.pop()
        yield node, certain
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for block in ("cases", "handlers", "finalbody", "orelse", "body"):
                inner = getattr(node, block, None)
                waiting += [(n, False) for n in reversed(inner)] if isinstance(inner, list) else []


def _made(node: ast.AST) -> Iterator[tuple[str, ast.AST, bool]]:
    """The names that a statement makes or changes, with what makes them; True where nothing of the old is left."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, node, True
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for inner in ast.walk(target):  # `net.forward = ...` changes what `net` is
                if isinstance(inner, ast.Name):
                    yield inner.id, node.value, inner is target and isinstance(node, ast.Assign)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call, first = node.value, next(iter(node.value.args), None)
        if isinstance(call.func, ast.Name) and call.func.id == "setattr" and isinstance(first, ast.Name):
            yield first.id, call, False


def _text(node: ast.AST | None, depth: int = 0) -> str | None:
    """A constant string, also one that is put together from constants."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < 40:
        left, right = _text(node.left, depth + 1), _text(node.right, depth + 1)
        return left + right if left is not None and right is not None else None
    return None
