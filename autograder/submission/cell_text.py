"""Reads a single cell: its role, its ids, its text without the stub, and what a student added.

Cells are plain JSON, no notebook library is used, and nothing is run. Each function takes time in proportion to the
length of the text.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any, Literal

from autograder.notebooks.solution_markers import marker
from course.cells import definitions, grade_id_of, parse, text_of
from course.python_source import is_magic

__all__ = ["definitions", "grade_id_of", "parse", "text_of"]

Role = Literal["setup", "answer", "own", "test", "demo", "markdown", "spare"]  # see `matching`


def role_of(cell: dict[str, Any]) -> Role:
    """The role of a *released* cell: by the prefix of its grade_id, by nbgrader's flags where the prefix is unknown."""
    if cell.get("cell_type") != "code":
        return "markdown"
    prefix = (grade_id_of(cell) or "").partition("-")[0]
    named: dict[str, Role] = {"setup": "setup", "answer": "answer", "test": "test", "demo": "demo"}
    if prefix in named:
        return named[prefix]
    nbgrader = (cell.get("metadata") or {}).get("nbgrader") or {}
    return "test" if nbgrader.get("grade") else "answer" if nbgrader.get("solution") else "demo"


def stub(source: str, instead: str = "raise NotImplementedError") -> str:
    """A source cell with each solution replaced by `instead`, as nbgrader releases it."""
    lines, inside = [], False
    for line in source.split("\n"):
        if marker(line) == "begin":
            inside = True
            lines.append(line[: len(line) - len(line.lstrip())] + instead)
        elif marker(line) == "end":
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def without_mark_scheme(source: str) -> str:
    """A task's text as nbgrader releases it: without its mark scheme."""
    lines, inside = [], False
    for line in source.split("\n"):
        if "BEGIN MARK SCHEME" in line:
            inside = True
        elif "END MARK SCHEME" in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines).rstrip()


@lru_cache(maxsize=128)  # a cell is compared with every answer of the exercise
def skeleton(source: str) -> tuple[str, ...]:
    """The lines of a cell without solution, comments, blank lines and placeholders."""
    placeholders = ("pass", "...")
    lines = (line.strip() for line in stub(source).split("\n"))
    return tuple(
        line
        for line in lines
        if line and not line.startswith(("#", "raise NotImplementedError")) and line not in placeholders
    )


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, apart from blanks at the ends of lines and around the text."""
    return one == other or _tidy(one) == _tidy(other)


@lru_cache(maxsize=128)
def _tidy(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def heading(source: str) -> str:
    """The first line of a text."""
    return source.strip().partition("\n")[0].rstrip()


def additions(edited: str, released: str, only: tuple[type[ast.stmt], ...] | None = None) -> str:
    """The top-level statements that a student added to an instructor's cell; with `only`, those of these types."""
    tree, known = parse(edited), parse(released)
    if tree is None:
        return ""
    lines, layout = edited.split("\n"), _plain(edited)
    try:
        old = {ast.dump(node) for node in (known.body if known else [])}
        added = [n for n in tree.body if not (isinstance(n, ast.Pass) or is_magic(n))]
        new = [n for n in added if (only is None or isinstance(n, only)) and ast.dump(n) not in old]
        return "\n".join("\n".join(lines[n.lineno - 1 : n.end_lineno]) if layout else ast.unparse(n) for n in new)
    except RecursionError:  # an expression that is nested too deeply
        return ""


def _plain(source: str) -> bool:
    """Whether a top-level statement takes whole lines, so that the student's own layout can be kept."""
    return not re.search(r"^[ \t]*[%!?@]", source, re.M) and ";" not in source


def cell_ids(cell: Any) -> list[str]:
    """The ids of a cell in the notebook's format: its own, and the one that Colab keeps in the metadata."""
    if not isinstance(cell, dict):
        return []
    metadata = cell.get("metadata")
    moved = metadata.get("id") if isinstance(metadata, dict) else None
    return [cell_id for cell_id in (cell.get("id"), moved) if isinstance(cell_id, str)]
