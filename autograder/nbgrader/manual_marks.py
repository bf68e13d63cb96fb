"""Marks that a person gave in formgrader, brought into the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError

from autograder.nbgrader.configuration import config_of
from autograder.nbgrader.errors import GradebookError
from autograder.nbgrader.gradebook import database_told
from course.i18n import _
from course.syllabus import UnknownName, syllabus


def _grades(course_root: str | Path, result: dict) -> list[Any] | None:
    """What the gradebook has of a result's hand-in, a dict a cell; None where it has nothing."""
    directory = CourseDirectory(config=config_of(Path(course_root).resolve()))
    try:
        exercise = syllabus().assignment(str(result.get("assignment"))).exercise.id
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            notebook = gradebook.find_submission_notebook(exercise, result["assignment"], str(result.get("student")))
            tasks = {cell.name for cell in gradebook.find_notebook(exercise, result["assignment"]).task_cells}
            said = {comment.name: comment.manual_comment for comment in notebook.comments}
            return [
                {"name": g.name, "task": g.name in tasks, "manual": g.manual_score, "extra": g.extra_credit,
                 "most": g.max_score, "comment": said.get(g.name), "awaited": g.needs_manual_grade}
                for g in notebook.grades
            ]  # fmt: skip
    except (MissingEntry, UnknownName):
        return None
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def waiting(course_root: str | Path, result: dict) -> bool:
    """Whether a task of a hand-in has no mark yet, or one for an earlier text."""
    grades = _grades(course_root, result)
    if grades is None:
        return result.get("status") == "by_hand"
    return any(grade["task"] and grade["awaited"] for grade in grades)


def with_hand_marks(course_root: str | Path, result: dict) -> dict:
    """A result with what a person has marked in formgrader: tasks, and parts where that goes before the judge's mark.

    A hand-in that the judge has no part in is "graded" when all its tasks are marked, and stays "by_hand" until then.
    """
    grades = _grades(course_root, result) if result["status"] in ("graded", "by_hand") else None
    if not grades:
        return result
    exercise = syllabus().assignment(result["assignment"]).exercise
    titles = {f"task-{part.id}": _(part.title) for part in exercise.parts}
    parts, flags = [dict(part) for part in result["parts"]], list(result["flags"])
    for grade in grades:
        if grade["task"] and grade["awaited"]:
            flags.append("waits-for-a-person")
        if grade["manual"] is None:
            continue
        name = grade["name"].removeprefix("task-").removeprefix("test-")
        part = next((p for p in parts if p["id"] == name and not grade["task"]), None)
        if part is None:
            title = titles.get(grade["name"], name)
            part = {
                "id": name,
                "symbol": "",
                "title": title,
                "max_score": grade["most"],
                "tests": [],
                "misconception": None,
            }
            parts.append(part)
        part |= {"score": grade["manual"] + (grade["extra"] or 0.0), "by_hand": True, "comment": grade["comment"]}
    flags = list(dict.fromkeys(flags))
    if result["status"] == "by_hand" and "waits-for-a-person" in flags:
        return {**result, "flags": flags}
    order = [part.id for part in exercise.parts]
    parts.sort(key=lambda p: order.index(p["id"]) if p["id"] in order else len(order))
    return {
        **result, "status": "graded", "flags": flags, "parts": parts,
        "message": None if result["status"] == "by_hand" else result["message"],
        "score": round(sum(p["score"] for p in parts), 2), "max_score": sum(p["max_score"] for p in parts),
    }  # fmt: skip
