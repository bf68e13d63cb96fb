"""Applies `course.toml` in nbgrader: points, due dates, extensions, late penalties, what feedback shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbgrader import utils
from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import Gradebook, MissingEntry, SourceCell
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import BasePlugin, LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor
from traitlets import List

from autograder.nbgrader.cells import scored_cell
from autograder.nbgrader.errors import NotGraded
from autograder.nbgrader.place import Place, course_directory
from autograder.records import Lateness
from autograder.reporting import html
from autograder.settings.apply import shown
from autograder.settings.points import worth_of
from autograder.settings.reading import read_settings
from autograder.settings.types import NAME, AssignmentSettings, CourseSettings, Late
from autograder.submission import matching
from autograder.submission.course_folder import read_course_folder
from course.i18n import _
from course.syllabus import Assignment, UnknownName, syllabus

SET_HERE = Path(".autograder") / "dates.json"  # the dates in the gradebook that come from course.toml


def settings_of(directory: CourseDirectory) -> CourseSettings:
    """The settings of nbgrader's course. Raises CourseSettingsError."""
    return read_settings(Path(directory.root))


def judged_assignment(directory: CourseDirectory, name: str) -> Assignment | None:
    """The judge's assignment of this nbgrader name; None for a quiz and for an instructor's own assignment."""
    sources = Path(directory.root, directory.source_directory)
    try:
        return syllabus().assignment(read_course_folder(sources).judged.get(name, name))
    except UnknownName:
        return None


def follow(directory: CourseDirectory, name: str, notebook: str) -> None:
    """Bring the gradebook's points and due date of an assignment in line with the course's settings.

    Does nothing for an assignment that is not the judge's, or that the gradebook does not know yet.
    """
    known = judged_assignment(directory, name)
    if known is None:
        return
    settings = settings_of(directory).of(known.id)
    with Gradebook(directory.db_url, directory.course_id) as gradebook:
        try:
            assignment, stored = gradebook.find_assignment(name), gradebook.find_notebook(notebook, name)
        except MissingEntry:
            return
        worth = worth_of(known, settings, Path(directory.root, directory.source_directory))
        most = {f"{kind}-{part}": 0.0 if one.bonus else one.points for part, one in worth.items()
                for kind in ("test", "task")}  # fmt: skip
        solutions, sources = {cell.name for cell in stored.solution_cells}, {c.name: c for c in stored.source_cells}
        for cell in [*stored.grade_cells, *stored.task_cells]:
            if cell.name not in most or cell.max_score == most[cell.name]:
                continue
            cell.max_score = most[cell.name]
            source = sources.get(cell.name)
            if source is not None and cell in stored.grade_cells:
                source.checksum = _checksum(source, cell.max_score, cell.name in solutions)
        _set_due(Path(directory.root), assignment, settings)
        gradebook.db.commit()


def _checksum(source: SourceCell, points: float, solution: bool) -> str:
    """The checksum of a test cell with these points; nbgrader gives up on a notebook where it does not fit."""
    ours = {"grade_id": source.name, "grade": True, "solution": solution, "locked": bool(source.locked)}
    cell = {"cell_type": source.cell_type, "source": source.source, "metadata": {"nbgrader": ours | {"points": points}}}
    return utils.compute_checksum(nbformat.from_dict(cell))


def _set_due(root: Path, assignment: AssignmentRow, settings: AssignmentSettings) -> None:
    """Set the due date of `course.toml`; if it no longer has one, remove the date that came from it."""
    due = _naive(settings.due)
    if due is None and not _remembered(root, assignment.name, "due"):
        return
    assignment.duedate = due
    _remember(root, assignment.name, "due", bool(due))


def _naive(moment: datetime | None) -> datetime | None:
    """A time as nbgrader has it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def _remembered(root: Path, assignment: str, what: str) -> bool:
    try:
        return what in json.loads((root / SET_HERE).read_text(encoding="utf-8"))[assignment]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _remember(root: Path, assignment: str, what: str, there: bool) -> None:
    if _remembered(root, assignment, what) == there:
        return
    path = root / SET_HERE
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    names = set(known.get(assignment, []))
    known[assignment] = sorted(names | {what} if there else names - {what})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


class CoursePolicy(BasePlugin):
    """nbgrader's plug-in for lateness, by `[late]` in `course.toml`."""

    late: Late = Late()

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        """The points that are taken off; see `Late.penalty`."""
        return self.late.penalty(score, total_seconds_late)


class LatePenalties(AssignLatePenalties):
    """nbgrader's AssignLatePenalties, with the extensions and the late policy of `course.toml`.

    An extension can be given there before anything is handed in, which nbgrader itself cannot.
    """

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: brings the student's extension in line with `course.toml`, then takes the penalty."""
        place = Place.of(self, resources)
        known = judged_assignment(place.coursedir, place.assignment)
        self.settings = settings_of(place.coursedir).of(known.id) if known else None
        if self.settings is not None:
            with Gradebook(place.db_url) as gradebook:
                submission = gradebook.find_submission(place.assignment, place.student)
                extension = self.settings.extensions.get(place.student)
                key = f"extension of {place.student}"
                root = Path(place.coursedir.root)
                if extension is not None and self.settings.due is not None:
                    submission.extension = extension.after(self.settings.due)
                    _remember(root, place.assignment, key, True)
                elif _remembered(root, place.assignment, key):
                    submission.extension = None
                    _remember(root, place.assignment, key, False)
                gradebook.db.commit()
        return super().preprocess(nb, resources)

    def init_plugin(self) -> None:
        """The policy of `course.toml` where it has one, else the plug-in of nbgrader's configuration."""
        super().init_plugin()
        if self.settings is not None and self.settings.late is not None:
            if self.plugin_class is not LateSubmissionPlugin:
                self.log.warning("[late] in %s takes precedence over c.AssignLatePenalties.plugin_class", NAME)
            self.plugin_inst = CoursePolicy(parent=self)
            self.plugin_inst.late = self.settings.late


class CoursePoints(NbGraderPreprocessor):
    """Puts the points of `course.toml` into an assignment when it is released, so that the gradebook has them."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: sets the points of test and task cells."""
        directory = course_directory(self)
        known = judged_assignment(directory, resources["nbgrader"]["assignment"])
        if known is not None:
            settings = settings_of(directory).of(known.id)
            worth = worth_of(known, settings, Path(directory.root, directory.source_directory))
            for cell in nb.cells:
                kind, _dash, part = str(matching.grade_id_of(cell)).partition("-")
                if kind in ("test", "task") and part in worth and (utils.is_grade(cell) or utils.is_task(cell)):
                    points = 0.0 if worth[part].bonus else worth[part].points
                    cell.metadata.nbgrader["points"] = int(points) if points.is_integer() else points
        return nb, resources


class ShowFeedback(NbGraderPreprocessor):
    """Reduces a student's feedback to what `[show]` in `course.toml` lets them see now."""

    display_data_priority: Any = List([], help="Of nbconvert, which sets it for all preprocessors; not used.").tag(
        config=True
    )

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: replaces the reports below test cells. Raises NotGraded where nothing may be seen yet."""
        directory, here = course_directory(self), resources["nbgrader"]
        known = judged_assignment(directory, here["assignment"])
        result = nb.metadata.get("autograder")
        if known is None or not result or result.get("status") != "graded":
            return nb, resources
        why = held_back(directory, known, here["student"])
        if why:
            raise NotGraded(why)
        seen = shown(result, settings_of(directory))
        if seen is result:
            return nb, resources
        nb.cells = [c for c in nb.cells if c.get("metadata", {}).get("autograder", {}).get("cell") != "about"]
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            part = str(matching.grade_id_of(cell)).removeprefix("test-")
            if utils.is_grade(cell) and any(one["id"] == part for one in seen["parts"]):
                cell.outputs = [scored_cell(cell, 0.0, html.part_report(seen, part))]
            else:
                cell.outputs = []
        return nb, resources


def held_back(directory: CourseDirectory, known: Assignment, student: str) -> str | None:
    """Why a student gets no feedback yet; None if there is feedback to see."""
    own = settings_of(directory).of(known.id)
    if own.shown_to(student, datetime.now(UTC)) != "nothing":
        return None
    due = own.due_of(student)
    if due is None or own.show.after_due == "nothing":
        return _("{student}: {file} holds feedback back.").format(student=student, file=NAME)
    told = _("{student}: {file} holds feedback back until {time}.")
    return told.format(student=student, file=NAME, time=f"{due:%Y-%m-%d %H:%M %Z}")


def lateness(timestamp: datetime | None, due: datetime | None, extension: object, penalty: float) -> Lateness:
    """When something was handed in and what that costs, as results have it. Times are UTC, without a zone."""
    late = (timestamp - due).total_seconds() if timestamp and due else 0.0
    return {
        "handed_in": _iso(timestamp),
        "due": _iso(due),
        "extended": bool(extension),
        "late_seconds": max(0.0, round(late)),
        "penalty": round(penalty, 6),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
