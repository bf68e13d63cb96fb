"""The notebook and student that nbgrader works on now, and the places of the files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.paths import source_notebook
from autograder.records import Result
from autograder.submission import matching
from autograder.submission.course_folder import read_course_folder
from course.quizzes import HOME as QUIZZES
from course.syllabus import Assignment, UnknownName, syllabus


@dataclass(frozen=True)
class Place:
    """Which notebook of which student nbgrader works on now."""

    student: str
    assignment: str  # nbgrader's name for it
    notebook: str
    db_url: str
    coursedir: CourseDirectory

    @classmethod
    def of(cls, preprocessor: NbGraderPreprocessor, resources: dict[str, Any]) -> Place:
        """The place of the notebook that nbgrader gives to a preprocessor now."""
        here = resources["nbgrader"]
        return cls(
            here["student"], here["assignment"], here["notebook"], here["db_url"], course_directory(preprocessor)
        )

    def submitted(self) -> Path:
        """The notebook that was handed in, in the course's submitted folder."""
        folder = self.coursedir.format_path(self.coursedir.submitted_directory, self.student, self.assignment)
        return Path(folder, f"{self.notebook}.ipynb")

    def source(self) -> dict[str, Any]:
        """The source notebook as JSON data; empty where the course folder does not have it."""
        folder = self.coursedir.format_path(self.coursedir.source_directory, ".", self.assignment)
        try:
            return read_json(Path(folder, f"{self.notebook}.ipynb"))
        except (OSError, ValueError):
            return {}

    def sources(self) -> Path:
        """The folder of the course's source notebooks."""
        return Path(self.coursedir.root, self.coursedir.source_directory)

    def source_root(self, assignment: Assignment) -> Path | None:
        """The course's source folder; None where this assignment is not in it, under any name."""
        return self.sources() if source_notebook(self.sources(), assignment).is_file() else None

    def ours(self) -> Assignment | None:
        """The assignment in the syllabus whose notebook this is; None for an instructor's own notebook.

        It is found by nbgrader's name of the assignment, or by the metadata of the source notebook; never by the
        hand-in.
        """
        if self.beside():
            return None
        stated = self.source().get("metadata", {}).get("course", {})
        for name in (self.assignment, stated.get("assignment") if isinstance(stated, dict) else None):
            try:
                return syllabus().assignment(str(name))
            except UnknownName:
                continue
        return None

    def beside(self) -> bool:
        """Whether this is an instructor's own notebook in an assignment that the judge marks.

        It is not run, because nbgrader's kernel would run it without the judge's walls.
        """
        return (self.assignment, self.notebook) in read_course_folder(self.sources()).own_notebooks

    def quiz(self) -> str | None:
        """The quiz, "pre" or "post", whose sheet this is; None where it is no such sheet.

        The hand-in itself does not count, or a student could decide that the notebook is run.
        """
        return quiz_of(self.source(), self.assignment)

    def released(self) -> list[dict[str, Any]]:
        """The released cells as JSON data: order and cell ids from the source notebook, all else from the gradebook.

        The gradebook has the cells as they were released, with stubs for solutions and perhaps translated; nbgrader's
        own checks compare with them, too.
        """
        with Gradebook(self.db_url) as gradebook:
            notebook = gradebook.find_notebook(self.notebook, self.assignment)
            points = {cell.name: cell.max_score for cell in notebook.grade_cells}
            solutions = {cell.name for cell in notebook.solution_cells}
            tasks = {cell.name for cell in notebook.task_cells}
            points |= {cell.name: cell.max_score for cell in notebook.task_cells}
            known: dict[str, dict[str, Any]] = {}
            for cell in notebook.source_cells:
                ours: dict[str, Any] = {
                    "schema_version": 3,
                    "grade_id": cell.name,
                    "grade": cell.name in points and cell.name not in tasks,
                    "solution": cell.name in solutions,
                    "locked": bool(cell.locked),
                    "task": cell.name in tasks,
                    "cell_type": cell.cell_type,
                    "checksum": cell.checksum,
                }
                if cell.name in points:
                    ours["points"] = points[cell.name]
                known[cell.name] = {"cell_type": cell.cell_type, "source": cell.source, "metadata": {"nbgrader": ours}}
        cells = []
        for cell in self.source().get("cells", []):
            stored = known.pop(matching.grade_id_of(cell) or "", None)
            if stored is not None:
                cells.append(stored | ({"id": cell["id"]} if "id" in cell else {}))
        return [*cells, *known.values()]


def names_of(directory: CourseDirectory, assignment: Assignment) -> tuple[str, str]:
    """The names that nbgrader has in this course for an assignment of the syllabus, and for its notebook."""
    path = source_notebook(Path(directory.root, directory.source_directory), assignment)
    return path.parent.name, path.stem


def quiz_of(source: Any, assignment: str) -> str | None:
    """The quiz that a source notebook is the sheet of, "pre" or "post".

    By its metadata; where an editor has dropped them, or the course has lost the notebook, by nbgrader's name for it.
    """
    metadata = source.get("metadata")
    stated = metadata.get("course") if isinstance(metadata, dict) else None
    name = stated.get("quiz") if isinstance(stated, dict) and stated.get("marked") is True else None
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    if not source or any(matching.grade_id_of(cell) == "setup-answers" for cell in source.get("cells") or []):
        return {f"quiz-{path.stem}": path.stem for path in QUIZZES.glob("*.toml")}.get(assignment)
    return None


def joined_text(text: str | list[Any]) -> str:
    """A text of a notebook's JSON, which is one string or a list of lines."""
    return text if isinstance(text, str) else "".join(piece for piece in text if isinstance(piece, str))


def course_directory(configurable: Any) -> CourseDirectory:
    """The course folder that the running command works on: that of the nearest parent that has one."""
    owner = configurable
    while owner is not None:
        if isinstance(getattr(owner, "coursedir", None), CourseDirectory):
            return owner.coursedir
        owner = owner.parent
    return CourseDirectory(config=configurable.config)


def read_json(path: Path) -> dict[str, Any]:
    """A notebook file as JSON data. Raises OSError or ValueError where it is none."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(notebook, dict):
        raise ValueError(f"{path.name} is not a notebook")
    return notebook


handed_over_results: dict[tuple[str, str, str], Result] = {}  # results for Judge, while `hand_over` runs
