"""Marks with misconceptions as CSV: an exporter for `nbgrader export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin

from autograder.nbgrader.place import course_directory, read_json
from autograder.reporting.marks import write_csv


class MarksExporter(ExportPlugin):
    """`nbgrader export --exporter=autograder.nbgrader.MarksExporter`: a row for each student and part, as CSV.

    The scores are the gradebook's (a person's mark comes before the judge's), the misconceptions are those in the
    autograded notebook. The row "total" is for the whole assignment, with the penalty for lateness. What was not graded
    has an empty score, not 0.
    """

    columns = (
        "assignment", "student_id", "last_name", "first_name", "email", "timestamp", "part", "score", "max_score",
        "needs_manual_grade", "late_submission_penalty", "misconception", "misconception_title",
    )  # fmt: skip

    def export(self, gradebook: Gradebook) -> None:
        """Write the marks to the file `--to`, by default marks.csv. Raises OSError where that fails."""
        destination = Path(self.to or "marks.csv")
        rows: list[list[Any]] = [list(self.columns)]
        for assignment in gradebook.assignments:
            if self.assignment and assignment.name not in map(str, self.assignment):
                continue
            for submission in sorted(assignment.submissions, key=lambda s: s.student.id):
                if not self.student or submission.student.id in map(str, self.student):
                    rows += self._rows(assignment.name, submission)
        destination.write_text(write_csv(rows), encoding="utf-8")
        self.log.info("Wrote the marks of %d rows to %s", len(rows) - 1, destination)

    def _rows(self, assignment: str, submission: Any) -> list[list[Any]]:
        student = submission.student
        who = [assignment, student.id, student.last_name, student.first_name, student.email, submission.timestamp]
        any_mark = False
        rows: list[list[Any]] = []
        for notebook in submission.notebooks:
            named = self._misconceptions(assignment, student.id, notebook.name)
            for grade in notebook.grades:
                part = grade.cell.name.removeprefix("test-").removeprefix("task-")
                found = named.get(part) or {}
                marked = grade.auto_score is not None or grade.manual_score is not None  # else nbgrader says 0
                any_mark = any_mark or marked
                rows.append(
                    [*who, part, grade.score if marked else None, grade.max_score, int(grade.needs_manual_grade), None,
                     found.get("id"), found.get("title")]
                )  # fmt: skip
        penalty = submission.late_submission_penalty or 0.0
        total = max(0.0, submission.score - penalty) if any_mark else None
        waiting = int(submission.needs_manual_grade)
        return [*rows, [*who, "total", total, submission.max_score, waiting, penalty, None, None]]

    def _misconceptions(self, assignment: str, student: str, notebook: str) -> dict[str, dict[str, Any] | None]:
        directory = course_directory(self)
        folder = directory.format_path(directory.autograded_directory, student, assignment)
        try:
            stored = read_json(Path(folder, f"{notebook}.ipynb"))["metadata"]["autograder"]["parts"]
        except (OSError, ValueError, KeyError):
            return {}
        return {part["id"]: part.get("misconception") for part in stored}
