"""Reads a cell of a notebook: its text, its id, and the names that it defines.

The grader and the receipt that a student gets in the notebook (`course.receipt`) read a cell by the same rules, these.
Input and output are plain data. Nothing is run, and each function takes time in proportion to the length of the text.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from course.python_source import tree_of

SURROGATES = re.compile("[\\ud800-\\udfff]")  # halves of characters: JSON can hold them, Python cannot read them
LONGEST_PARSED = 100_000  # characters; longer cells are not parsed; their lines are searched


def decode(data: bytes) -> str:
    """Text from a file's bytes: UTF-8, 16 or 32, with or without a mark, else Latin-1, which reads anything."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_of(cell: Any) -> str:
    """A cell's source as one string, without halves of characters; empty for what is no cell."""
    if not isinstance(cell, dict):
        return ""
    source = cell.get("source", cell.get("input"))  # version 3 of the format has `input`
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return SURROGATES.sub("\N{REPLACEMENT CHARACTER}", source)


def grade_id_of(cell: Any) -> str | None:
    """nbgrader's id of a cell; None where it has none."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return grade_id if isinstance(grade_id, str) and grade_id else None


def parse(source: str) -> ast.Module | None:
    """The cell's syntax tree, with IPython's syntax as calls, or None where it does not parse."""
    return tree_of(source) if len(source) <= LONGEST_PARSED else None


def definitions(source: str) -> dict[str, bool]:
    """The names that a cell defines at top level; True for a definition with content, False for a stub."""
    tree = parse(source)
    if tree is None:
        return dict.fromkeys(re.findall(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", source, re.M), True)
    names: dict[str, bool] = {}

    def visit(statements: list[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names[node.name] = _written(node)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        names[target.id] = True
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                visit(node.body)
                visit(getattr(node, "orelse", []))
                for handler in getattr(node, "handlers", []):
                    visit(handler.body)

    try:
        visit(tree.body)
    except RecursionError:  # an `elif` a thousand deep
        pass
    return names


def _written(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a definition is more than a stub; a class is, if one of its methods is."""
    if isinstance(node, ast.ClassDef):
        methods = [n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return any(_written(method) for method in methods) if methods else not _idle(node.body)
    for statement in node.body:
        if isinstance(statement, ast.Raise):
            raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
                return False
        if isinstance(statement, ast.Return):
            return True
    return not _idle(node.body)


def _idle(body: list[ast.stmt]) -> bool:
    return all(isinstance(n, ast.Pass) or (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in body)
