"""A class that is graded already, entered into nbgrader: marks, autograded notebooks, feedback pages."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.apps.api import NbGraderAPI
from sqlalchemy.exc import DatabaseError

from autograder.nbgrader.configuration import api_of
from autograder.nbgrader.course_rules import held_back
from autograder.nbgrader.errors import NotGraded
from autograder.nbgrader.gradebook import database_told, forget, keep, machine_trouble, put_back
from autograder.nbgrader.manual_marks import waiting
from autograder.nbgrader.place import handed_over_results, names_of, quiz_of, read_json
from autograder.records import Result
from autograder.reporting.text import clean
from autograder.submission.copies import StudentsFile, put_copy, set_aside
from course.i18n import _
from course.syllabus import UnknownName, syllabus


@dataclass(frozen=True)
class HandedOver:
    """Whether nbgrader has one result; `message` says why not."""

    student: str
    assignment: str
    ok: bool
    message: str | None = None


def hand_over(
    course_root: str | Path,
    results: Sequence[Result],
    feedback: bool = True,
    progress: Callable[[HandedOver], None] = lambda done: None,
) -> list[HandedOver]:
    """Enter finished results into nbgrader: marks in the gradebook, autograded notebooks and feedback pages.

    The submissions are in `submitted/` already, or are copied there from where they were graded. nbgrader's own steps
    do the rest with these results, so nothing is graded again. A result that fails is reported in what is returned, and
    the others are entered all the same. With `feedback`, nbgrader's feedback pages are written, too.
    """
    api = api_of(Path(course_root).resolve())
    outcomes: list[HandedOver] = []
    for result in results:
        student, assignment = str(result.get("student") or ""), str(result.get("assignment") or "")
        outcomes.append(_attempted(student, assignment, _hand_over_one, api, result, student, assignment, feedback))
        progress(outcomes[-1])
    return outcomes


def quiz_sheets(course_root: str | Path) -> set[str]:
    """The assignments of a course that are sheets of quizzes, by nbgrader's names."""
    found = set()
    for path in Path(course_root, "source").glob("*/*.ipynb"):
        try:
            if quiz_of(read_json(path), path.parent.name):
                found.add(path.parent.name)
        except (OSError, ValueError):
            continue
    return found


def mark_quizzes(
    course_root: str | Path,
    handed_in: Iterable[tuple[str, str]],
    progress: Callable[[HandedOver], None] = lambda done: None,
) -> list[HandedOver]:
    """Have nbgrader mark quizzes in `submitted/`, named by student and assignment, and write feedback on them."""
    api = api_of(Path(course_root).resolve())
    outcomes = []
    for student, assignment in handed_in:
        outcomes.append(_attempted(student, assignment, _mark_quiz, api, student, assignment))
        progress(outcomes[-1])
    return outcomes


def _attempted(student: str, assignment: str, step: Callable[..., str | None], *arguments: Any) -> HandedOver:
    """The outcome of a step, which returns None, or why it failed."""
    gradebooks = logging.getLogger("tornado.application")  # nbgrader's gradebook writes long tracebacks there
    gradebooks.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about SQLAlchemy, and about cells without ids
            message = step(*arguments)
    except DatabaseError as error:
        message = database_told(error)
    except Exception as error:
        message = machine_trouble(str(error)) or f"{type(error).__name__}: {clean(error, 500)}"
    finally:
        gradebooks.removeFilter(_nothing)
    return HandedOver(student, assignment, message is None, message)


def _mark_quiz(api: NbGraderAPI, student: str, assignment: str) -> str | None:
    """None if all went well, else why not."""
    if message := no_student(student):
        return message
    directory = api.coursedir
    folder = Path(directory.format_path(directory.source_directory, ".", assignment))
    done = _registered(api, next(path.stem for path in sorted(folder.glob("*.ipynb"))), assignment)
    done = done or api.autograde(assignment, student)
    if done["success"]:
        done = api.generate_feedback(assignment, student)
    return None if done["success"] else _last_line(done)


def no_student(student: str) -> str | None:
    """Why nbgrader cannot keep a student of this name; None where it can."""
    if not student or student != student.strip() or student in (".", "..") or set(student) & set('/\\*?[]<>"\0\n\r'):
        return _("nbgrader cannot keep a student of this name.")
    return None


def _registered(api: NbGraderAPI, notebook: str, assignment: str) -> dict[str, Any] | None:
    """Release an assignment that nbgrader does not know yet; what it says where that fails."""
    with api.gradebook as gradebook:
        try:
            gradebook.find_notebook(notebook, assignment)
            return None
        except MissingEntry:
            pass
    done = api.generate_assignment(assignment)
    return None if done["success"] else done


def _hand_over_one(api: NbGraderAPI, result: Result, student: str, assignment: str, feedback: bool) -> str | None:
    """None if all went well, else why not."""
    if message := no_student(student):
        return message
    try:
        known = syllabus().assignment(assignment)
    except UnknownName as error:
        return str(error)
    directory = api.coursedir
    assignment, exercise = names_of(directory, known)
    submitted = Path(directory.format_path(directory.submitted_directory, student, assignment), f"{exercise}.ipynb")
    origin = Path(str(result.get("submission") or ""))
    if origin.suffix == ".ipynb" and origin.is_file() and not _same_file(origin, submitted):
        try:
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
        except StudentsFile:  # the student handed in both; the other one keeps its bytes under another name
            set_aside(submitted)
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
    if not submitted.is_file():
        forget(directory.db_url, exercise, assignment, student)  # of an earlier hand-in
        return _("There is no notebook of this student in the course's submitted folder.")
    if refused := _registered(api, exercise, assignment):
        return _last_line(refused)
    where = (directory.db_url, exercise, assignment, student)
    before = keep(*where)
    key = (directory.root, assignment, student)
    handed_over_results[key] = result
    try:
        done = api.autograde(assignment, student)
        graded = done["success"]
    finally:
        del handed_over_results[key]
    if result.get("status") == "not_graded":
        return result.get("message") or _("could not be graded")
    if (
        done["success"]
        and feedback
        and not waiting(directory.root, result)
        and not held_back(directory, known, student)
    ):
        done = api.generate_feedback(assignment, student)
    if done["success"]:
        return None
    if graded or result.get("status") != "graded":
        return _last_line(done)
    put_back(*where, before)  # nbgrader may have failed after it had saved some
    kept = " The gradebook keeps the earlier mark, as one that needs a look." if before.any_mark else ""
    return f"{_last_line(done)}{kept}"


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _same_file(one: Path, other: Path) -> bool:
    return other.exists() and os.path.samefile(one, other)


def _last_line(done: dict[str, Any]) -> str:
    """Why nbgrader failed: the judge's own reason where there is one, else the error of the last traceback."""
    if machines := machine_trouble(f"{done.get('log')} {done.get('error')}"):
        return machines
    log = done.get("log") or ""
    ours = re.findall(rf"{NotGraded.__name__}: (.+)", log)
    ours = ours or re.findall(r"^ {0,4}([A-Za-z_][\w.]*: .+)", log, re.MULTILINE)  # the formatter of the log indents
    return clean((ours or (done.get("error") or done.get("log") or "").strip().split("\n"))[-1], 500)
