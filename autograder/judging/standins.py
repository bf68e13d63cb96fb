"""Stand-ins: correct versions of symbols. A part that uses a wrong symbol of another part is judged with them."""

from __future__ import annotations

import ast
import functools

from autograder import paths
from autograder.paths import ROOT
from course.syllabus import Exercise


@functools.cache
def standins(exercise: Exercise, track: str) -> dict[str, str]:
    """The source of each stand-in of an exercise by name, and of their imports under the empty name."""
    path, table = paths.standins(ROOT, exercise, track), {"": ""}
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    for node in ast.parse(source).body:
        text = ast.get_source_segment(source, node) or ""
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            table[node.name] = text
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            table[""] += text + "\n"
    return table
