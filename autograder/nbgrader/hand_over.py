"""Enters a graded class into nbgrader: marks, autograded notebooks, feedback pages."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError

from autograder.nbgrader.class_converters import ClassConverters
from autograder.nbgrader.configuration import api_of
from autograder.nbgrader.course_rules import held_back
from autograder.nbgrader.entered import Entered
from autograder.nbgrader.errors import GradebookError, NotGraded
from autograder.nbgrader.gradebook import database_told, forget, keep, machine_trouble, put_back
from autograder.nbgrader.manual_marks import waiting
from autograder.nbgrader.one_session import OneSession
from autograder.nbgrader.place import handed_over_results, names_of, quiz_of, read_json
from autograder.records import Result
from autograder.reporting.text import clean
from autograder.submission.copies import StudentsFile, put_copy, set_aside
from course.i18n import _
from course.syllabus import Assignment, UnknownName, syllabus

UNCHANGED = "The gradebook has it already."


@dataclass(frozen=True)
class HandedOver:
    """Whether nbgrader has one result; `message` says why not.

    `before`: nbgrader had it already, and nothing was done.
    """

    student: str
    assignment: str
    ok: bool
    message: str | None = None
    before: bool = False


def hand_over(
    course_root: str | Path,
    results: Sequence[Result],
    feedback: bool = True,
    progress: Callable[[HandedOver], None] = lambda done: None,
) -> list[HandedOver]:
    """Enter finished results into nbgrader: marks in the gradebook, autograded notebooks and feedback pages.

    The submissions are in `submitted/` already, or are copied there from where they were graded. nbgrader's own steps
    do the rest with these results, so nothing is graded again. A result that fails is reported in the returned list,
    and the others are still entered. With `feedback`, nbgrader's feedback pages are written too. Results that the
    gradebook has already, and that have not changed, are skipped. Raises GradebookError if the gradebook cannot be
    opened.
    """
    outcomes: list[HandedOver] = []
    if not results:
        return outcomes
    course = _Course.open(course_root)
    try:
        with course.session() as session:
            for result in results:
                student, assignment = str(result.get("student") or ""), str(result.get("assignment") or "")
                step = partial(_hand_over_one, course, result, student, assignment, feedback)
                outcomes.append(_attempted(student, assignment, session, step))
                progress(outcomes[-1])
    finally:
        with contextlib.suppress(OSError):  # then all results are entered again next time
            course.entered.save()
    return outcomes


@dataclass(frozen=True)
class _Course:
    """nbgrader for a course folder: its API, its steps for a class, its folders, and what its gradebook has."""

    api: NbGraderAPI
    converters: ClassConverters
    entered: Entered

    @classmethod
    def open(cls, course_root: str | Path) -> _Course:
        api = api_of(Path(course_root).resolve())
        return cls(api, ClassConverters(api), Entered(api.coursedir))

    @property
    def directory(self) -> CourseDirectory:
        return self.api.coursedir

    @contextlib.contextmanager
    def session(self) -> Iterator[OneSession]:
        """One session with its gradebook. Raises GradebookError where that cannot be opened."""
        session = OneSession(self.directory.db_url, self.directory.course_id)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(session)
            except DatabaseError as error:
                raise GradebookError(database_told(error)) from error
            yield session


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
    course = _Course.open(course_root)
    outcomes = []
    with course.session() as session:
        for student, assignment in handed_in:
            step = partial(_mark_quiz, course, student, assignment)
            outcomes.append(_attempted(student, assignment, session, step))
            progress(outcomes[-1])
    return outcomes


def _attempted(student: str, assignment: str, session: OneSession, step: Callable[[], str | None]) -> HandedOver:
    """The outcome of a step, which returns None, UNCHANGED, or why it failed; the step is one transaction."""
    gradebooks = logging.getLogger("tornado.application")  # nbgrader's gradebook writes long tracebacks there
    gradebooks.addFilter(_nothing)
    try:
        with warnings.catch_warnings(), session.transaction():
            warnings.simplefilter("ignore")  # warnings about SQLAlchemy, and about cells without ids
            message = step()
    except DatabaseError as error:
        message = database_told(error)
    except Exception as error:
        message = machine_trouble(str(error)) or f"{type(error).__name__}: {clean(error, 500)}"
    finally:
        gradebooks.removeFilter(_nothing)
    if message is UNCHANGED:
        return HandedOver(student, assignment, True, before=True)
    return HandedOver(student, assignment, message is None, message)


def _mark_quiz(course: _Course, student: str, assignment: str) -> str | None:
    """None if all went well, else why not."""
    if message := no_student(student):
        return message
    directory = course.directory
    folder = Path(directory.format_path(directory.source_directory, ".", assignment))
    done = _registered(course.api, next(path.stem for path in sorted(folder.glob("*.ipynb"))), assignment)
    done = done or course.converters.autograde(assignment, student)
    if done["success"]:
        done = course.converters.generate_feedback(assignment, student)
    return None if done["success"] else _last_line(done)


def no_student(student: str) -> str | None:
    """Why nbgrader cannot keep a student of this name; None where it can."""
    if not student or student != student.strip() or student in (".", "..") or set(student) & set('/\\*?[]<>"\0\n\r'):
        return _("nbgrader cannot keep a student of this name.")
    return None


def _registered(api: NbGraderAPI, notebook: str, assignment: str) -> dict[str, Any] | None:
    """Release an assignment that nbgrader does not know yet; returns nbgrader's report if that fails."""
    with api.gradebook as gradebook:
        try:
            gradebook.find_notebook(notebook, assignment)
            return None
        except MissingEntry:
            pass
    done = api.generate_assignment(assignment)
    return None if done["success"] else done


def _hand_over_one(course: _Course, result: Result, student: str, assignment: str, feedback: bool) -> str | None:
    """None if all went well, UNCHANGED where there was nothing to do, else why it failed."""
    if message := no_student(student):
        return message
    try:
        known = syllabus().assignment(assignment)
    except UnknownName as error:
        return str(error)
    directory = course.directory
    assignment, exercise = names_of(directory, known)
    submitted = Path(directory.format_path(directory.submitted_directory, student, assignment), f"{exercise}.ipynb")
    origin = Path(str(result.get("submission") or ""))
    if origin.suffix == ".ipynb" and origin.is_file() and not _same_file(origin, submitted):
        try:
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
        except StudentsFile:  # the student handed in both files; the other one is renamed
            set_aside(submitted)
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
    if not submitted.is_file():
        forget(directory.db_url, exercise, assignment, student)  # of an earlier hand-in
        return _("There is no notebook of this student in the course's submitted folder.")
    if refused := _registered(course.api, exercise, assignment):
        return _last_line(refused)
    if feedback and course.entered.has(result, assignment, exercise):
        return UNCHANGED
    failure = _enter(course, result, (assignment, exercise, student), known, feedback)
    course.entered.note(result, assignment, exercise, failure is None)
    return failure


def _enter(
    course: _Course, result: Result, names: tuple[str, str, str], known: Assignment, feedback: bool
) -> str | None:
    """Enter one result, by nbgrader's names of assignment, notebook and student; None, or why that failed."""
    directory, (assignment, exercise, student) = course.directory, names
    where = (directory.db_url, exercise, assignment, student)
    before = keep(*where)
    key = (directory.root, assignment, student)
    handed_over_results[key] = result
    try:
        done = course.converters.autograde(assignment, student)
        graded = done["success"]
    finally:
        del handed_over_results[key]
    if result.get("status") == "not_graded":
        return result.get("message") or _("could not be graded")
    if done["success"] and feedback and not waiting(directory, result) and not held_back(directory, known, student):
        done = course.converters.generate_feedback(assignment, student)
    if done["success"]:
        return None
    if graded or result.get("status") != "graded":
        return _last_line(done)
    put_back(*where, before)  # nbgrader may have failed after it saved some marks
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
    ours = ours or re.findall(r"^ {0,4}([A-Za-z_][\w.]*: .+)", log, re.MULTILINE)  # the log indents lines
    return clean((ours or (done.get("error") or done.get("log") or "").strip().split("\n"))[-1], 500)
