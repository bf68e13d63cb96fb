"""The marks of nbgrader's gradebook as results, with the scores of `nbgrader export`, for files of learning platforms.

The score is the gradebook's own: a person's marks before the judge's, extra points, less the penalty for lateness
(with the extensions that are in it). The parts and their checks, for the feedback pages, are those of the judge's
stored result where it still agrees with that score.
"""

from __future__ import annotations

from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry, Student, SubmittedAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError

from autograder.grading import saved_results
from autograder.grading.people import NO_HAND_IN
from autograder.messages import Message, table
from autograder.nbgrader.configuration import config_of
from autograder.nbgrader.errors import GradebookError
from autograder.nbgrader.gradebook import database_told
from autograder.nbgrader.manual_marks import SAME, entry_of, less_penalty, part_of, waits, with_hand_marks
from autograder.nbgrader.place import names_of
from autograder.records import OwnerRecord, Result
from autograder.submission.known_people import Known, known_people
from course.syllabus import Assignment, UnknownName, syllabus


def gradebook_assignments(course_root: str | Path) -> list[str]:
    """nbgrader's names of the assignments in a course's gradebook. Raises GradebookError."""
    directory = _directory(course_root)
    try:
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            return sorted(assignment.name for assignment in gradebook.assignments)
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def gradebook_results(course_root: str | Path, name: str) -> list[Result]:
    """A result for each student of the gradebook, with the marks that it has of an assignment.

    `name` is nbgrader's. If a person still has to mark something, the flag `waits-for-a-person` says so. A student
    who handed in nothing, or has no mark yet, is "not_graded".
    Raises GradebookError where the gradebook cannot be used or has no such assignment.
    """
    course, directory = Path(course_root).resolve(), _directory(course_root)
    ours, notebook = _ours(directory, name)
    label = ours.id if ours else name
    people = known_people(course)
    try:
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            most = float(gradebook.find_assignment(name).max_score)
            found = {one.student.id: one for one in gradebook.assignment_submissions(name)}
            bare: list[Result] = []
            for student in gradebook.students:
                owner = _owner(student, people.get(student.id))
                submission = found.get(student.id)
                bare.append(
                    _of_submission(gradebook, submission, owner, notebook, label)
                    if submission is not None
                    else _ungraded(student.id, label, most, owner, Message("Nothing was handed in."), [NO_HAND_IN])
                )
    except MissingEntry:
        raise GradebookError(f"The gradebook has no assignment called {name}.") from None
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error
    return [_with_checks(course, result, ours) for result in bare]


def _directory(course_root: str | Path) -> CourseDirectory:
    return CourseDirectory(config=config_of(Path(course_root).resolve()))


def _ours(directory: CourseDirectory, name: str) -> tuple[Assignment | None, str | None]:
    """The assignment of the syllabus that nbgrader has under a name, and the judge's notebook in it."""
    for assignment in syllabus().released().values():
        called, notebook = names_of(directory, assignment)
        if called == name:
            return assignment, notebook
    try:
        return syllabus().assignment(name), None
    except UnknownName:
        return None, None


def _owner(student: Student, known: Known | None) -> OwnerRecord:
    name = " ".join(filter(None, (student.first_name, student.last_name)))
    return {
        "key": known.key if known else student.lms_user_id or student.id,
        "name": name or (known.name if known else student.id),
        "platform": known.rule if known else "gradebook",
        "attempt": None, "late": False, "email": student.email or "", "section": "",
    }  # fmt: skip


def _of_submission(
    gradebook: Gradebook,
    submission: SubmittedAssignment,
    owner: OwnerRecord,
    notebook: str | None,
    label: str,
) -> Result:
    entry = entry_of(gradebook, submission, notebook)
    student, most = submission.student.id, float(submission.max_score)
    if all(grade.auto is None and grade.manual is None for grade in entry.grades):
        return _ungraded(student, label, most, owner, Message("There is no mark in the gradebook yet."), [])
    flags = ["waits-for-a-person"] if any(map(waits, entry.grades)) else []
    whole: Result = {
        **_blank(student, label, most, owner, flags), "status": "graded", "score": round(float(submission.score), 6),
        "parts": [part_of(grade, grade.name) for grade in entry.grades], "lateness": entry.lateness,
    }  # fmt: skip
    return less_penalty(whole, entry.lateness["penalty"])


def _blank(student: str, name: str, most: float, owner: OwnerRecord, flags: list[str]) -> Result:
    return {
        "submission": f"submitted/{student}/{name}", "student": student, "assignment": name, "status": "not_graded",
        "message": None, "score": None, "max_score": most, "flags": flags, "remarks": [], "cells": [], "parts": [],
        "words": {}, "owner": owner,
    }  # fmt: skip


def _ungraded(student: str, name: str, most: float, owner: OwnerRecord, message: Message, flags: list[str]) -> Result:
    return {**_blank(student, name, most, owner, flags), "message": message, "words": table(message)}


def _with_checks(course: Path, result: Result, ours: Assignment | None) -> Result:
    """The result with the judge's checks, where the stored result has the gradebook's score."""
    stored = (
        saved_results.stored(course, ours.id, str(result["student"])) if ours and result["status"] == "graded" else None
    )
    if stored is None:
        return result
    told = with_hand_marks(course, stored)
    if told["score"] is None or result["score"] is None or abs(told["score"] - result["score"]) > SAME:
        return result
    return {
        **told, "student": result["student"], "assignment": result["assignment"], "score": result["score"],
        "max_score": result["max_score"], "owner": result.get("owner"), "submission": result["submission"],
        "flags": list(dict.fromkeys(told["flags"] + result["flags"])),
    }  # fmt: skip
