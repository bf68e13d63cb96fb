"""Tasks that a person marks: the text below each, and which marks are for an earlier text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory

from autograder.messages import Message
from autograder.nbgrader.place import Place, joined_text, read_json
from autograder.reporting.text import clean
from autograder.submission import matching

SHOWN = (
    "image/png",
    "image/jpeg",
    "text/plain",
)  # of a student's outputs; HTML, SVG and scripts would run in a browser


def shown_outputs(cell: Any) -> list[dict[str, Any]]:
    """A student's outputs that are safe to show: text and pictures."""
    outputs: list[dict[str, Any]] = []
    for output in cell.get("outputs") or []:
        kind = output.get("output_type") if isinstance(output, dict) else None
        if kind == "stream" and isinstance(output.get("text"), (str, list)):
            outputs.append({"output_type": kind, "name": "stdout", "text": clean(joined_text(output["text"]))})
        elif kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
            data = {
                kind: joined_text(output["data"][kind])
                for kind in SHOWN
                if isinstance(output["data"].get(kind), (str, list))
            }
            data = {
                kind: clean(value) if kind == "text/plain" else value
                for kind, value in data.items()
                if kind == "text/plain" or re.fullmatch(r"[A-Za-z0-9+/=\s]+", value)
            }
            if data:
                outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
        elif kind == "error":
            text = clean(f"{output.get('ename')}: {output.get('evalue')}", 2000)
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    return outputs


_as_marked: dict[tuple[str, str, str, str], dict[str, str | None]] = {}  # from `find_all` to `await_marks`


def remember_marked(coursedir: CourseDirectory, handed_in: list[Path]) -> None:
    """Remember the text below each task that a person has marked; None if a person must look again anyway."""
    with Gradebook(coursedir.db_url) as gradebook:
        for path in handed_in:
            notebook, assignment, student = path.stem, path.parent.name, path.parent.parent.name
            try:
                tasks = {cell.name for cell in gradebook.find_notebook(notebook, assignment).task_cells}
                grades = gradebook.find_submission_notebook(notebook, assignment, student).grades if tasks else []
            except MissingEntry:
                continue
            marked = {
                grade.name: not grade.needs_manual_grade
                for grade in grades
                if grade.name in tasks and grade.manual_score is not None
            }
            if not marked:
                continue
            folder = coursedir.format_path(coursedir.autograded_directory, student, assignment)
            try:
                below = _below_tasks(read_json(Path(folder, path.name)).get("cells", []), tasks)
            except (OSError, ValueError):
                below = {}
            kept = {name: below.get(name) if settled else None for name, settled in marked.items()}
            _as_marked[coursedir.root, notebook, assignment, student] = kept


def _below_tasks(cells: Iterable[Any], tasks: Iterable[str]) -> dict[str, str]:
    """What a student has written below each task, up to the next cell with a grade id."""
    below: dict[str, str] = {}
    current: str | None = None
    for cell in cells:
        name = matching.grade_id_of(cell)
        if name is not None:
            current = name if name in tasks else None
            if current is not None:
                below[current] = ""
        elif current is not None:
            below[current] += joined_text(cell.get("source", "")) + "\n\n"
    return below


def await_marks(place: Place, nb: Any, titles: dict[str, str]) -> list[Message]:
    """Let formgrader list tasks without a mark, and tasks whose text changed after marking; nbgrader itself lists none.

    A mark stays, whatever is handed in later. Returns a remark, for the marker, on each text that has changed.
    """
    as_marked = _as_marked.pop((place.coursedir.root, place.notebook, place.assignment, place.student), {})
    changed = []
    with Gradebook(place.db_url) as gradebook:
        tasks = {cell.name for cell in gradebook.find_notebook(place.notebook, place.assignment).task_cells}
        submission = gradebook.find_submission_notebook(place.notebook, place.assignment, place.student)
        below = _below_tasks(nb.cells, tasks)
        for grade in submission.grades:
            if grade.cell.name in tasks:
                other = grade.manual_score is not None and as_marked.get(grade.name) != below.get(grade.name)
                grade.needs_manual_grade = grade.manual_score is None or other
                if other:
                    changed.append(grade.name)
        gradebook.db.commit()
    return [
        Message(
            "The text below “{title}” may have changed since it was marked: it waits to be marked again.",
            title=Message(titles.get(name, name)),
        )
        for name in changed
    ]
