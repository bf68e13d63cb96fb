"""Converts notebook code to Python: IPython's own syntax becomes calls, as in Jupyter.

The grader and the receipt that a student gets in the notebook (`course.receipt`) read cells by it. It is IPython's own
transformer, so that what runs in Jupyter runs here: `!pip install \\` that goes on in the next
line, `%time x = f()`, `name??`, pasted `>>> ` prompts. What it writes is `get_ipython().run_line_magic(...)`, which
`autograder.workers.notebook_shell` answers while the cell runs. The number of lines stays the same, so that an error
is reported at the line of the student's own cell.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

# The code below these cell magics is run as if the magic were not there: they measure it, or keep what it prints.
RUN_AS_IT_IS = frozenset("time timeit prun capture memit mprun lprun heat debug python python3".split())
NOT_PYTHON = frozenset(  # what follows is another language, or goes into a file
    "bash cmd file html HTML javascript js latex markdown perl ruby script sh shell sql svg SVG sx "
    "system writefile !".split()
)
STATEMENTS = frozenset({"time", "prun"})  # line magics that run a statement in the notebook's namespace
SHELL = re.compile(r"\bget_ipython\b")
DATABRICKS_CELL = re.compile(r"\s*%(md|md-sandbox|sql|sh|fs|r|scala)\s")  # there one sign is for the whole cell
CELL_MARKER = re.compile(r"#\s?%%|# In\s?\[[ \d*]*\]:|# <codecell>|# COMMAND -{5,}|# \+(\s*$|\s+[\w\[{])")
# The largest number of passes over a cell, and of characters: tokens are read again if quotes or brackets in a shell
# line may have hidden the lines after it.
PASSES, CHARACTERS = 10, 200_000
MOST_LINES = 500  # in IPython's syntax, of a cell, which is IPython's own limit
IMPORTS = (ast.Import, ast.ImportFrom)
MOST_CHUNKS = 500  # of a script, each of which repeats the empty lines before it


@lru_cache(maxsize=256)  # a cell is looked at several times while it is placed
def plain_python(source: str) -> str:
    """A cell as Python with the same number of lines. What is neither Python nor IPython's stays as it is."""
    if not _special(source):
        return source
    above = source[: len(source) - len(source.lstrip())]
    head, _, body = source[len(above) :].partition("\n")
    magic = re.match(r"%%(\w+)(?!\w*\?)[ \t]*(.*)", head)
    if magic and magic[1] not in NOT_PYTHON and (magic[1] in RUN_AS_IT_IS or _parses(body)):
        kept = magic[1] == "capture" and re.search(r"(?<![-\w])[^\W\d]\w*", re.sub(r"--?[\w-]+", "", magic[2]))
        line = f"{kept[0]} = get_ipython().captured()" if kept else ""
        return _inlined(above + line + "\n" + plain_python(body))
    plain = _transformed(source)
    return "" if DATABRICKS_CELL.match(source) and not _parses(plain) else _inlined(plain)


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree of a cell, or None where it does not parse.

    A script that Jupyter wrote has the code below `%%time` as a string; here its statements stand in the call's place.
    """
    tree = _parsed(plain_python(source))
    if tree is not None and "run_cell_magic" in source:
        tree.body = [statement for node in tree.body for statement in _below_magic(node)]
    return tree


def chunks(script: str) -> list[str]:
    """A script cut at its cell markers (`# %%`, `# In[3]:`), each piece in its place below empty lines.

    A marker inside a statement, for example in a string, is ignored. Each import at the top level is also a separate
    piece, so that a failing import stops only the code that needs it, and not the whole file.
    """
    lines = script.split("\n")
    cuts = [n for n, line in enumerate(lines) if n and line[:1] == "#" and CELL_MARKER.match(line)]
    tree = _parsed(script)
    if tree is not None:
        edges = {edge for node in tree.body if isinstance(node, IMPORTS) for edge in _around(node)}
        inside = {n for node in tree.body for n in range(node.lineno, node.end_lineno or 0)} if cuts or edges else set()
        cuts = sorted({*cuts, *edges} - inside - {0, len(lines)})
    cuts = [0, *cuts][: MOST_CHUNKS // (1 + len(lines) // 20_000)]
    pieces = ["\n" * start + "\n".join(lines[start:end]) for start, end in zip(cuts, [*cuts[1:], None], strict=True)]
    code = [any(line.lstrip()[:1] not in ("", "#") for line in piece.split("\n")) for piece in pieces]
    return list(itertools.compress(pieces, code)) or [script]


def _around(node: ast.stmt) -> tuple[int, int]:
    """The lines at which a statement begins and after which it ends, counted from 0."""
    return node.lineno - 1, node.end_lineno or node.lineno


# -- IPython's transformer -------------------------------------------------------------------------------------------


def _transformed(source: str) -> str:
    """The source as IPython's transformer writes it, with as many lines; as it is where that makes no sense of it."""
    import warnings

    try:
        from IPython.core import inputtransformer2
    except ImportError:  # outside of Jupyter: then only Python is read
        return source

    ipython: Any = inputtransformer2  # its functions have no types

    space = source[: len(source) - len(source.lstrip())]
    blank = space[: space.rfind("\n") + 1]  # IPython takes these lines away
    lines = (source[len(blank) :] + "\n").splitlines(keepends=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = ipython.ipython_prompt(ipython.classic_prompt(ipython.leading_indent(lines)))
            lines = _same_number(lines, ipython.cell_magic(lines))
            lines = _each_line(lines, ipython)
    except (SyntaxError, ValueError, AssertionError, IndexError, RecursionError, MemoryError, _TooMany):
        return source  # Python will say what is wrong
    return blank + "".join(lines).removesuffix("\n")


class _TooMany(Exception):
    """A cell has more in IPython's syntax than is read."""


def _each_line(lines: list[str], ipython: Any) -> list[str]:
    """Magics, commands and questions made into calls.

    IPython changes one and reads all tokens again. That takes quadratic time, so here everything that is found is
    changed, and tokens are read again only after a line that may have confused the tokenizer.
    """
    kinds = ipython.TransformerManager().token_transformers
    changed = 0
    for _ in range(max(2, min(PASSES, CHARACTERS // sum(map(len, lines))))):
        before = changed
        for group in ipython.make_tokens_by_line(lines):
            found = sorted((one for kind in kinds if (one := kind.find([group]))), key=lambda one: one.sortby())
            for one in found:
                try:
                    after = one.transform(lines)
                except SyntaxError:
                    continue
                old, lines = lines[one.start_line], _same_number(lines, after, one.start_line)
                changed += 1
                break
            else:
                continue
            if changed > MOST_LINES:
                raise _TooMany
            if _confusing(old):
                break
        if changed == before:
            return lines
    raise _TooMany


def _same_number(before: list[str], after: list[str], place: int = 0) -> list[str]:
    """The lines after a change at `place`, with empty ones below it for those that it took away."""
    return [*after[: place + 1], *["\n"] * (len(before) - len(after)), *after[place + 1 :]]


def _confusing(line: str) -> bool:
    """Whether a line of IPython's may have hidden from Python's tokenizer where the next one begins."""
    return (
        line.endswith("\\\n")
        or any(line.count(quote) % 2 for quote in "'\"")
        or "'''" in line
        or '"""' in line
        or any(line.count(left) != line.count(right) for left, right in ("()", "[]", "{}"))
    )


# -- calls that Python can do without --------------------------------------------------------------------------------


def is_magic(node: ast.stmt) -> bool:
    """Whether a statement is a magic, a command or a question, which does nothing here."""
    return isinstance(node, ast.Expr) and _call(node) is not None


def _call(node: ast.Expr) -> tuple[str, list[ast.expr]] | None:
    """The method and the arguments of a statement `get_ipython().method(...)`."""
    call = node.value
    if not (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)
    ):
        return None
    made = call.func.value.func
    return (call.func.attr, call.args) if isinstance(made, ast.Name) and made.id == "get_ipython" else None


def _inlined(source: str) -> str:
    """`get_ipython().run_line_magic("time", "x = f()")` as the statement itself, wherever it is one."""
    tree = _parsed(source) if "run_line_magic" in source else None
    lines = source.split("\n")
    for node in [n for n in ast.walk(tree) if isinstance(n, ast.Expr)] if tree else []:
        given = _given(node, "run_line_magic")
        if given and given[0] in STATEMENTS and node.lineno == node.end_lineno and _parses(given[1]):
            line = lines[node.lineno - 1].encode()
            new = line[: node.col_offset] + given[1].strip().encode() + line[node.end_col_offset :]
            lines[node.lineno - 1] = new.decode()
    return "\n".join(lines)


def _below_magic(node: ast.stmt) -> Iterator[ast.stmt]:
    given = _given(node, "run_cell_magic") if isinstance(node, ast.Expr) else None
    below = _parsed(plain_python(given[2])) if given and given[0] in RUN_AS_IT_IS else None
    if below is None:
        yield node
    else:
        for statement in below.body:
            for inner in ast.walk(statement):
                if isinstance(inner, (ast.stmt, ast.expr)):
                    inner.lineno = inner.end_lineno = node.lineno
            yield statement


def _given(node: ast.Expr, method: str) -> list[str] | None:
    """The texts that a statement `get_ipython().method(...)` gives, if it is one."""
    name, arguments = _call(node) or ("", [])
    values = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    enough = len(arguments) == len(texts) == (3 if method == "run_cell_magic" else 2)
    return texts if name == method and enough else None


def _special(source: str) -> bool:
    """Whether a cell is to be rewritten: it is no Python, or calls IPython by itself."""
    return not _parses(source) or SHELL.search(source) is not None


def _parses(source: str) -> bool:
    return _parsed(source) is not None


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
