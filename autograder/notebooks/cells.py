"""What all notebooks of the project have in common: the kernel, and nbgrader's metadata of a cell."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook

SCHEMA_VERSION = 3  # of nbgrader's cell metadata


def python_notebook(cells: list[NotebookNode], course: dict[str, Any]) -> NotebookNode:
    """A notebook of these cells; `course` is metadata that this project reads again, such as the assignment."""
    made = new_notebook(cells=cells)
    made.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        language_info={"name": "python"},
        course=course,
    )
    return made


def as_nbgraders(
    cell: NotebookNode,
    grade_id: str,
    *,
    grade: bool = False,
    solution: bool = False,
    explore: bool = False,
    task: bool = False,
    points: float | None = None,
) -> NotebookNode:
    """The cell with nbgrader's metadata and this id; solutions and what students explore are not locked.

    Changes the cell itself.
    """
    nbgrader = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": not (solution or explore),
        "schema_version": SCHEMA_VERSION,
        "solution": solution,
        "task": task,
    }
    cell.id = grade_id
    cell.metadata = NotebookNode(nbgrader=nbgrader if points is None else {**nbgrader, "points": points})
    return cell
