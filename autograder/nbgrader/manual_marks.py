"""Adds the gradebook's data to a result: a person's marks, the instructor's points, the late penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError

from autograder.messages import Message, table
from autograder.nbgrader.configuration import config_of
from autograder.nbgrader.course_rules import lateness, settings_of
from autograder.nbgrader.errors import GradebookError, NotGraded
from autograder.nbgrader.gradebook import database_told
from autograder.nbgrader.one_session import OneSession
from autograder.nbgrader.place import names_of
from autograder.records import Lateness, Part, Result
from autograder.reporting.text import points
from course.i18n import _
from course.syllabus import UnknownName, syllabus

SQLITE = "sqlite:///"
SAME = 0.01  # points: marks that differ by less are the same, rounded


@dataclass(frozen=True)
class Grade:
    """The gradebook's data of one graded cell. Scores are points."""

    name: str
    judged: bool  # whether the cell is in the notebook that the judge marks, and not in one of the instructor's own
    task: bool
    auto: float | None
    manual: float | None
    extra: float
    most: float
    comment: str | None
    awaited: bool


@dataclass(frozen=True)
class Entry:
    """The gradebook's data of a hand-in; `lateness` is as in results."""

    grades: tuple[Grade, ...]
    lateness: Lateness


def directory_of(course: str | Path | CourseDirectory) -> CourseDirectory:
    """nbgrader's object for a course folder, by its configuration."""
    return course if isinstance(course, CourseDirectory) else CourseDirectory(config=config_of(Path(course).resolve()))


def entry_of_result(directory: CourseDirectory, result: Result) -> Entry | None:
    """The gradebook's data of a result's hand-in; None if it has none."""
    if _no_file(directory):
        return None
    try:
        assignment, ours = names_of(directory, syllabus().assignment(str(result.get("assignment"))))
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            return entry_of(gradebook, gradebook.find_submission(assignment, str(result.get("student"))), ours)
    except (MissingEntry, UnknownName):
        return None
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def entry_of(gradebook: Gradebook, submission: SubmittedAssignment, ours: str | None) -> Entry:
    """The gradebook's data of a submission; `ours` is the notebook that the judge grades, if there is one."""
    grades: list[Grade] = []
    for notebook in submission.notebooks:
        tasks = {cell.name for cell in gradebook.find_notebook(notebook.name, submission.assignment.name).task_cells}
        said = {comment.name: comment.manual_comment for comment in notebook.comments}
        grades += [
            Grade(
                g.name, notebook.name == ours, g.name in tasks, g.auto_score, g.manual_score,
                g.extra_credit or 0.0, g.max_score, said.get(g.name), bool(g.needs_manual_grade),
            )
            for g in notebook.grades
        ]  # fmt: skip
    penalty = float(submission.late_submission_penalty or 0.0)
    due = submission.duedate if submission.assignment.duedate else None
    return Entry(tuple(grades), lateness(submission.timestamp, due, submission.extension, penalty))


def waiting(course: str | Path | CourseDirectory, result: Result) -> bool:
    """Whether something in a hand-in has no mark yet, or a task has a mark for an earlier text.

    Raises GradebookError where the gradebook cannot be read.
    """
    entry = entry_of_result(directory_of(course), result)
    if entry is None:
        return result.get("status") == "by_hand"
    return any(waits(grade) for grade in entry.grades)


def waits(grade: Grade) -> bool:
    """Whether a person still has to mark a cell."""
    if grade.task:
        return grade.awaited
    return grade.awaited and grade.auto is None and grade.manual is None


def class_with_hand_marks(course_root: str | Path, results: Sequence[Result]) -> list[Result]:
    """`with_hand_marks` for a class, in one session with the gradebook. Raises GradebookError."""
    directory = directory_of(course_root)
    if not results or _no_file(directory):
        return [with_hand_marks(directory, result) for result in results]
    try:
        with OneSession(directory.db_url, directory.course_id) as session, session.transaction():
            return [with_hand_marks(directory, result) for result in results]
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def _no_file(directory: CourseDirectory) -> bool:
    """Whether there is no gradebook; nbgrader would make one."""
    return bool(directory.db_url.startswith(SQLITE)) and not Path(directory.db_url.removeprefix(SQLITE)).exists()


def with_hand_marks(course: str | Path | CourseDirectory, result: Result) -> Result:
    """A result as the gradebook has it: with what a person has marked, the instructor's points, and the penalty.

    A person's mark comes before the judge's. Where a part has other points in the gradebook, the judge's score is
    scaled to them. The flag `not-in-gradebook` says that the gradebook has another mark of the judge's, from an earlier
    grading. A hand-in that only a person grades is "graded" when all its tasks are marked, and "by_hand" until then.
    The argument is not changed. Raises GradebookError where the gradebook cannot be read.
    """
    directory = directory_of(course)
    entry = entry_of_result(directory, result) if result["status"] in ("graded", "by_hand") else None
    if entry is None or not entry.grades:
        return _dated(directory, result)
    exercise = syllabus().assignment(str(result["assignment"])).exercise
    result = {**result, "lateness": entry.lateness}
    titles = {f"task-{part.id}": _(part.title) for part in exercise.parts}
    parts: list[Part] = [{**part} for part in result["parts"]]
    flags = list(result["flags"])
    owed = 0.0  # points of cells that wait for a person and are not parts yet
    for grade in entry.grades:
        name = grade.name.removeprefix("task-").removeprefix("test-")
        part = next((p for p in parts if p["id"] == name and grade.judged and not grade.task), None)
        if waits(grade) and (part is None or grade.task):
            flags.append("waits-for-a-person")
        bonus = part is not None and bool(part.get("bonus"))
        if part is not None and not bonus and part["max_score"] and grade.most != part["max_score"]:
            share = part["score"] / part["max_score"]
            part["score"], part["max_score"] = round(share * grade.most, 6), grade.most
        judged = part is not None and grade.manual is None and result["status"] == "graded"
        if judged and part and (grade.auto is None or abs(grade.auto - part["score"]) > SAME):
            flags.append("not-in-gradebook")
        if grade.manual is None and (part is not None or grade.auto is None):
            owed += grade.most if part is None else 0.0
            if part is not None and grade.extra:
                part["score"] += grade.extra
            continue
        if part is None:
            parts.append(part_of(grade, titles.get(grade.name, name)))
        else:
            enter_score(part, grade)
    flags = list(dict.fromkeys(flags))
    if result["status"] == "by_hand" and "waits-for-a-person" in flags:
        return {**result, "flags": flags}
    order = [part.id for part in exercise.parts]
    parts.sort(key=lambda p: order.index(p["id"]) if p["id"] in order else len(order))
    whole: Result = {
        **result, "status": "graded", "flags": flags, "parts": parts,
        "message": None if result["status"] == "by_hand" else result.get("message"),
        "score": round(sum(p["score"] for p in parts), 2),
        "max_score": round(sum(p["max_score"] for p in parts if not p.get("bonus")) + owed, 6),
    }  # fmt: skip
    return less_penalty(whole, entry.lateness["penalty"])


def _dated(directory: CourseDirectory, result: Result) -> Result:
    """A result that the gradebook does not have, with its dates and penalty by `timestamp.txt` and `course.toml`."""
    if result["status"] not in ("graded", "by_hand"):
        return result
    own = settings_of(directory).of(result["assignment"])
    try:
        handed_in = directory.get_existing_timestamp(str(Path(result["submission"]).parent))
    except NotGraded:  # nbgrader reports it when it enters the hand-in
        handed_in = None
    due = own.due_of(str(result["student"]))
    due = due.astimezone(UTC).replace(tzinfo=None) if due else None
    late = lateness(handed_in, due, own.extensions.get(str(result["student"])), 0.0)
    if own.late is not None and result["status"] == "graded":
        late["penalty"] = own.late.penalty(result["score"] or 0.0, late["late_seconds"])
    if not handed_in and not due:
        return result
    return less_penalty({**result, "lateness": late}, late["penalty"])


def part_of(grade: Grade, title: str) -> Part:
    """A graded cell as a part of a result, with the gradebook's mark."""
    name = grade.name.removeprefix("task-").removeprefix("test-")
    part: Part = {
        "id": name, "symbol": "", "title": title, "score": 0.0, "max_score": grade.most, "tests": [],
        "misconception": None,
    }  # fmt: skip
    enter_score(part, grade)
    return part


def enter_score(part: Part, grade: Grade) -> None:
    """Give a part the mark that the gradebook has for it: a person's comes before the judge's."""
    score = grade.auto if grade.manual is None else grade.manual
    part["score"] = (score or 0.0) + grade.extra
    part["by_hand"], part["comment"] = grade.manual is not None, grade.comment


def less_penalty(result: Result, penalty: float) -> Result:
    """The result after the penalty for lateness, with a remark; never below zero, as in nbgrader."""
    if not penalty:
        return result
    remark = Message("Handed in late: {points} points are taken off.", points=points(penalty))
    return {
        **result,
        "score": round(max(0.0, (result["score"] or 0.0) - penalty), 2),
        "late_penalty": round(penalty, 6),
        "remarks": [*result.get("remarks", []), remark],
        "words": {**(result.get("words") or {}), **table(remark)},
    }
