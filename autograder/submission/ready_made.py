"""Finds where an answer uses the framework's own attention, from its text, before anything is run.

The workers see ready-made attention when it runs (`autograder/workers/watching.py`), but that check is in the student's
process, where the student's code can remove it. So names are also resolved here, through import aliases, assignments,
`getattr`, `importlib`, `vars` and `sys.modules` with constant strings. A use counts for a part if the part's symbol can
reach it, so an experiment in another cell costs nothing. Comments, strings and the student's own classes of such a name
do not count. Both tracks' frameworks are looked for, because the attention of either is ready-made; so are packages
that answers could only need for their attention (`imports.py`).

An object may contain attention without any name that shows it: a graph that was traced in one cell and is called in
another. The workers note attention that runs in a cell, with its line. So `read` also returns the lines that a symbol's
definition can reach.

Names that are computed at run time (`getattr(F, input_of_mine())`, `exec`) are not found here, but when the code runs.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autograder.submission.hand_in import CodeCell, Reach, ReadyMadeUse
from autograder.submission.imports import CARRIERS, foreign
from course.python_source import tree_of
from course.syllabus import Track

# Internal names of the frameworks' own attention. The public names are in the syllabus.
BELOW = (
    "_scaled_dot_product_", "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "flex_attention",
    "_fused_sdp_choice", "_efficient_attention_", "_flash_attention_", "_triton_scaled_dot_attention",
    "dot_product_attention", "_dot_product_attention",
)  # fmt: skip
# A method of a ready-made layer that only makes a causal mask; using it is allowed.
MASK_HELPER = "generate_square_subsequent_mask"
ROOTS = frozenset({"torch", "tensorflow", "keras", *CARRIERS})
# With these a definition may reach everything in the notebook, or run code that is not in its text.
ANYTHING = frozenset({"exec", "eval", "compile", "globals", "locals", "__builtins__", "get_ipython"})
BUILTINS = ("__file__", "__name__", "__class__", "__doc__", "display", "In", "Out", "_", "__", "___")  # a notebook's
ANYTHING_BELOW = frozenset({"__globals__", "f_globals", "f_locals", "f_back", "__main__"})

LONGEST_PATH = 400  # characters of a dotted path, more than any that a framework has
MOST_USES = 20  # of a symbol


@dataclass(frozen=True)
class Use:
    """A place where ready-made attention is named: its path in the framework, the cell's label, the line from 1."""

    name: str
    label: str
    line: int


@dataclass(frozen=True, eq=False)
class _Made:
    """The binding of a name: an expression or a definition, and the earlier bindings that it uses.

    A state is never changed, and later ones point to it. So binding a name costs one step, however long its history
    is: a list for each name would double with every `a = a`.
    """

    node: ast.AST
    label: str
    before: tuple[_Made, ...]


def uses(cells: Iterable[CodeCell], symbols: Iterable[str], tracks: Iterable[Track]) -> dict[str, list[ReadyMadeUse]]:
    """The first half of what `read` gives."""
    return read(cells, symbols, tracks)[0]


def read(
    cells: Iterable[CodeCell], symbols: Iterable[str], tracks: Iterable[Track]
) -> tuple[dict[str, list[ReadyMadeUse]], dict[str, Reach]]:
    """By symbol, the uses of ready-made attention that its definition can reach, and the lines that it can reach.

    Symbols without any use are left out of the first. Takes time in proportion to the length of the code.
    """
    reader = _Reader(tracks)
    for cell in cells:
        reader.read(cell["source"], cell["label"])
    found: dict[str, list[ReadyMadeUse]] = {}
    reach: dict[str, Reach] = {}
    for symbol in symbols:
        places, reach[symbol] = reader.reached(symbol)
        if places:
            found[symbol] = [{"name": use.name, "label": use.label, "line": use.line} for use in places]
    return found, reach


class _Reader:
    def __init__(self, tracks: Iterable[Track]) -> None:
        self.names = {dotted.rpartition(".")[2] for track in tracks for dotted in track.ready_made}
        self.aliases: dict[str, str] = {}  # a name -> the dotted path that it stands for, in the notebook
        self.inside: dict[str, str | None] = {}  # the same in the definition that is looked at; None: a name of its own
        self.places: dict[str, tuple[str, int]] = {}  # where an alias was made
        self.made: dict[str, _Made] = {}  # a top-level name -> what it was made of last
        self.bound: set[str] = {*dir(builtins), *BUILTINS}  # names that any statement of the notebook binds
        self.open = False  # whether names were imported that are not in the text
        self.star: str | None = None  # the first framework module that all names were imported from
        # By the id of a node, which `made` keeps alive.
        self.looked_at: dict[int, tuple[list[Use], list[str], bool]] = {}

    def read(self, source: str, label: str) -> None:
        """Take in the statements of a cell, in order."""
        tree = tree_of(source)
        if tree is None:
            return  # it does not parse, so it does not run
        self.bound.update(_bound_outside(tree))
        for node, certain in _statements(tree.body):
            for name, path in self._bound(node):
                if path is not None:
                    self.aliases[name], self.places[name] = path, (label, node.lineno)
                elif certain:
                    self.aliases.pop(name, None)
            named: dict[int, set[str]] = {}  # by node: the names in it, once for `a = b = c = ...`
            for name, made, whole in _made(node):
                if id(made) not in named:
                    named[id(made)] = (
                        set() if made is node else {n.id for n in ast.walk(made) if isinstance(n, ast.Name)}
                    )
                before = {}
                if name in self.made and (name in named[id(made)] or not (whole and certain)):
                    before[name] = self.made[name]
                if isinstance(made, ast.Name) and made.id in self.made:
                    before[made.id] = self.made[made.id]
                self.made[name] = _Made(made, label, tuple(before.values()))

    def _bound(self, node: ast.AST) -> Iterator[tuple[str, str | None]]:
        """The names that a statement binds, and what of the framework they are from then on."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, whole
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    self.open = True
                    if self.star is None and node.module.partition(".")[0] in ROOTS:
                        self.star = node.module
                else:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, None
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and (value := node.value) is not None:
            path = self._path(value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, path if path and path.partition(".")[0] in ROOTS else None

    def _path(self, node: ast.AST, depth: int = 0) -> str | None:
        """The dotted path that an expression names, as far as it can be read."""
        if depth > 40:
            return None
        if isinstance(node, ast.Name):
            return self.inside[node.id] if node.id in self.inside else self.aliases.get(node.id)
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
            if plain == "getattr" and first is not None and len(node.args) >= 2:
                return self._join(self._path(first, depth + 1), _text(node.args[1]))
            if plain == "__import__" and first is not None:
                return (_text(first) or "").partition(".")[0] or None
            if function == "importlib.import_module" and first is not None:
                return _text(first)
        return None

    def _join(self, base: str | None, attribute: str | None) -> str | None:
        """The path of an attribute. A path that is too long for a framework is cut, but keeps what decides the rule."""
        if base is None or attribute is None or attribute == "__dict__":
            return base
        path = f"{base}.{attribute[:LONGEST_PATH]}"
        if len(path) > LONGEST_PATH:
            root, *_, last = path.split(".")
            path = self._ready_made(path) or f"{root}.{last}"
        return path

    def _ready_made(self, path: str | None) -> str | None:
        """The framework's attention in a path, cut where its name ends."""
        if path is None or path.partition(".")[0] not in ROOTS:
            return None
        pieces = path.split(".")
        if foreign(path):
            return ".".join(pieces[:4])
        if pieces[-2:] == ["Transformer", MASK_HELPER]:
            return None
        for i, piece in enumerate(pieces[1:], 1):
            if piece in self.names or piece.startswith(BELOW):
                return ".".join(pieces[: i + 1])
        return None

    def _look_at(self, tree: ast.AST, label: str) -> tuple[list[Use], list[str], bool]:
        """What a definition uses, the names of the notebook that it mentions, and whether it may reach any other."""
        if id(tree) in self.looked_at:
            return self.looked_at[id(tree)]
        nodes, own = list(ast.walk(tree)), _own_names(tree)
        self.inside = dict.fromkeys(own)
        for node in nodes:
            if node is not tree:
                self.inside |= {name: path for name, path in self._bound(node) if path is not None}
        # The class before the helper's name is not used itself.
        on_the_way = {n.value for n in nodes if isinstance(n, ast.Attribute) and n.attr == MASK_HELPER}
        found: dict[Use, None] = {}
        mentioned: dict[str, None] = {}
        anything, within = False, own | set(_bound_within(nodes))
        for node in nodes:
            if isinstance(node, ast.Name) and node.id in ANYTHING and node.id not in self.made and node.id not in own:
                anything = True
            if isinstance(node, ast.Attribute) and node.attr in ANYTHING_BELOW:
                anything = True
            if isinstance(node, ast.Name) and not (self.open or node.id in self.bound or node.id in within):
                anything = True  # no statement binds it: code in a string may have done so
            if isinstance(node, ast.Name) and node.id in self.made and node.id not in own:
                mentioned[node.id] = None
            if not isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) or node in on_the_way:
                continue
            path = self._path(node)
            if path is None and isinstance(node, ast.Name) and node.id not in own and node.id not in self.made:
                path = self.star and f"{self.star}.{node.id}"
            if ready := self._ready_made(path):
                found[Use(ready, label, node.lineno)] = None
        self.inside = {}
        self.looked_at[id(tree)] = list(found), list(mentioned), anything
        return self.looked_at[id(tree)]

    def reached(self, symbol: str) -> tuple[list[Use], Reach]:
        """The ready-made attention that a symbol's definition can reach, in the order of the notebook, and its lines.

        A symbol that the text does not define may come from anywhere.
        """
        found: dict[Use, None] = {}
        imported = self._ready_made(self.aliases.get(symbol))
        if imported:
            found[Use(imported, *self.places[symbol])] = None
        waiting = [self.made[symbol]] if symbol in self.made else []
        names, states, nodes = {symbol}, set(waiting), set[int]()
        reach: Reach = {"anything": not waiting, "lines": []}
        while waiting:
            state = waiting.pop()
            following = list(state.before)
            if id(state.node) not in nodes:
                nodes.add(id(state.node))
                used, mentioned, anything = self._look_at(state.node, state.label)
                found |= dict.fromkeys(used)
                reach["anything"] = reach["anything"] or anything
                reach["lines"].append([state.label, *_lines_of(state.node)])
                following += [self.made[name] for name in mentioned if name not in names]
                names.update(mentioned)
            waiting += [new for new in dict.fromkeys(following) if new not in states]
            states.update(following)
        return sorted(found, key=lambda use: (use.label, use.line))[:MOST_USES], reach


def _bound_outside(tree: ast.AST) -> Iterator[str]:
    """The names that a cell binds in the notebook, not inside of functions and classes."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            yield from (name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names)
            continue
        yield from _bound_within([node])
        waiting += ast.iter_child_nodes(node)


def _bound_within(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that these nodes themselves bind."""
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name


def _lines_of(node: ast.AST) -> tuple[int, int]:
    """The first and the last line of a statement or expression, with its decorators."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None)
    above = [decorator.lineno for decorator in getattr(node, "decorator_list", [])]
    return min([first, *above]), last or first


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
    """The names that a statement binds or changes, each with its new value; True where the old value is gone."""
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
        return node.value if isinstance(node.value, str) and len(node.value) <= LONGEST_PATH else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < 40:
        left, right = _text(node.left, depth + 1), _text(node.right, depth + 1)
        return left + right if left is not None and right is not None else None
    return None
