"""A sample class: hand-ins as students write them, made from the solutions and the catalogue of mistakes.

The demo grades it, and the benchmark measures it. `verify` uses the same two steps: take the text of each symbol from a
solution module, perhaps with a mistake in it, and put these texts into the released notebook as answers.
"""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.grading.grader import solution_source
from autograder.judging.catalogue import Mistake, catalogue
from autograder.notebooks.solution_markers import marker
from autograder.submission.cell_text import grade_id_of, stub, text_of
from course.syllabus import Assignment

Notebook = dict[str, Any]  # JSON of notebook format 4


@dataclass(frozen=True)
class HandIn:
    """A sample student, what is special about the hand-in, and the file's bytes."""

    student: str
    story: str
    data: bytes


def definitions_of(source: str) -> dict[str, str]:
    """The text of each top-level function and class of a module, without markers; a name's last definition counts."""
    table = {}
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            text = [line for line in lines[first : node.end_lineno] if marker(line) is None]
            table[node.name] = "\n".join(text)
    return table


def source_notebook(source_root: Path, assignment: Assignment) -> Notebook:
    """The source notebook of an assignment as JSON."""
    return json.loads((source_root / assignment.id / f"{assignment.exercise.id}.ipynb").read_text(encoding="utf-8"))


def untouched(source_root: Path, assignment: Assignment) -> Notebook:
    """The notebook as released: answers are stubs, outputs are gone."""
    notebook = source_notebook(source_root, assignment)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"], cell["outputs"], cell["execution_count"] = stub(text_of(cell)), [], None
    return notebook


def answered(source_root: Path, assignment: Assignment, source: str, parts: Iterable[str] | None = None) -> Notebook:
    """The released notebook with answers taken from a module's text: all of them, or those of some parts."""
    notebook = untouched(source_root, assignment)
    texts = definitions_of(source)
    wanted = {part.id: part.symbol for part in assignment.exercise.parts if parts is None or part.id in parts}
    helpers = [text for name, text in texts.items() if name not in {p.symbol for p in assignment.exercise.parts}]
    for i, cell in enumerate(notebook["cells"]):
        part = (grade_id_of(cell) or "").removeprefix("answer-")
        if (grade_id_of(cell) or "").startswith("answer-") and part in wanted:
            cell["source"] = "\n\n\n".join([*helpers, texts[wanted[part]]])
            helpers = []
        notebook["cells"][i] = cell
    return notebook


def own_cell(source: str) -> dict[str, Any]:
    """A cell that a student has added."""
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
        "id": "added-by-me",
    }


def sample_class(source_root: Path, assignment: Assignment) -> list[HandIn]:
    """Twelve students: right answers, half done, wrong in several ways, damaged files, and an endless loop."""
    exercise, track = assignment.exercise, assignment.track.id
    solution = solution_source(assignment)
    mistakes = [m for m in catalogue(exercise.id) if track in m.changes]
    first = exercise.parts[0]
    last = {part.symbol: part for part in reversed(exercise.parts)}[
        exercise.parts[-1].symbol
    ]  # the one with an answer cell

    def make(source: str = solution, parts: Iterable[str] | None = None) -> Notebook:
        return answered(source_root, assignment, source, parts)

    def mistaken(*chosen: Mistake) -> Notebook:
        source = solution
        for mistake in chosen:
            source = mistake.changes[track].apply(source)
        return make(source)

    def with_own(notebook: Notebook, source: str, at: int = 1) -> Notebook:
        return {**notebook, "cells": [*notebook["cells"][:at], own_cell(source), *notebook["cells"][at:]]}

    def edited(change: Callable[[str], str], part: str) -> Notebook:
        notebook = make()
        for cell in notebook["cells"]:
            if grade_id_of(cell) == f"answer-{part}":
                cell["source"] = change(text_of(cell))
        return notebook

    def without_metadata() -> Notebook:
        notebook = copy.deepcopy(make())
        for cell in notebook["cells"]:
            cell["metadata"] = {}
            cell.pop("id", None)
        return {**notebook, "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}}

    one, other, third = mistakes[0], mistakes[len(mistakes) // 3], mistakes[(2 * len(mistakes)) // 3]
    second_part = next((m for m in mistakes if m.part != one.part and m.changes[track].replace), third)
    spy = (
        f"try:\n    from solutions.{exercise.module}.{track} import *\nexcept ImportError:\n    pass\n"
        f"import glob\nfor path in glob.glob('/**/solutions/{exercise.module}/{track}.py', recursive=True):\n"
        "    exec(open(path).read())"
    )
    stories = [
        ("ada", "everything right", make()),
        ("bjørn", "everything right, saved by Colab without nbgrader's metadata", without_metadata()),
        ("carla", "the first half answered", make(parts=[p.id for p in exercise.parts[: len(exercise.parts) // 2]])),
        ("dina", f"mistake: {one.title}", mistaken(one)),
        ("emil", f"mistake: {other.title}", mistaken(other)),
        ("freja", f"mistakes: {one.title}; {second_part.title}", _together(mistaken, one, second_part)),
        ("gustav", f"mistake: {third.title}", mistaken(third)),
        ("hana", "a cell that ends the process", with_own(make(), "import os\nos._exit(0)")),
        ("ivan", "an endless loop in the last part", edited(lambda text: _loop(text, last.symbol), last.id)),
        ("jo", "a damaged file", None),
        (
            "kim",
            "nothing answered, tries to read the solutions",
            with_own(untouched(source_root, assignment), spy, len(make()["cells"])),
        ),
        ("o'neil", "a syntax error in the first answer", edited(lambda text: text.replace(":", "", 1), first.id)),
    ]
    whole = json.dumps(make()).encode()
    return [
        HandIn(student, story, json.dumps(notebook).encode() if notebook else whole[: len(whole) // 2])
        for student, story, notebook in stories
    ]


def _together(mistaken: Callable[..., Notebook], one: Mistake, other: Mistake) -> Notebook:
    """The notebook with two mistakes; with the second only, where they change the same lines."""
    try:
        return mistaken(one, other)
    except ValueError:
        return mistaken(other)


def _loop(text: str, symbol: str) -> str:
    """The answer with an endless loop as the first statement of its function, or of its class's call."""
    definitions = [n for n in ast.parse(text).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    node = next(n for n in definitions if n.name == symbol)
    if isinstance(node, ast.ClassDef):
        node = next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name in ("forward", "call"))
    lines = text.splitlines()
    body = node.body[1] if isinstance(node.body[0], ast.Expr) and len(node.body) > 1 else node.body[0]
    indent = " " * body.col_offset
    lines[body.lineno - 1 : body.lineno - 1] = [f"{indent}while True:", f"{indent}    pass"]
    return "\n".join(lines)
