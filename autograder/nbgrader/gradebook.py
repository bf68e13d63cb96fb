"""The gradebook's database: removes, keeps or restores automatic marks, and explains database errors."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import DatabaseError

from autograder.reporting.text import clean


def forget(db_url: str, notebook: str, assignment: str, student: str) -> None:
    """Remove the automatic marks of a hand-in from the gradebook; marks that a person gave stay."""
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return
        for grade in submission.grades:
            grade.auto_score = None
            grade.needs_manual_grade = True
        gradebook.db.commit()


def mark_as_earlier(db_url: str, notebook: str, assignment: str, student: str) -> None:
    """Mark a hand-in's automatic marks as those of an earlier grading: they count, and a person should look at them.

    A grading that succeeds replaces them; one that fails leaves them as they are.
    """
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return
        for grade in submission.grades:
            if grade.auto_score is not None:
                grade.needs_manual_grade = True
        gradebook.db.commit()


@dataclass(frozen=True)
class Kept:
    """The automatic marks of a hand-in by cell, and its penalty for lateness, in points."""

    scores: dict[str, float | None]
    penalty: float | None

    @property
    def any_mark(self) -> bool:
        """Whether there is an automatic mark at all."""
        return any(score is not None for score in self.scores.values())


def keep(db_url: str, notebook: str, assignment: str, student: str) -> Kept:
    """The automatic marks of a hand-in as they are now."""
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return Kept({}, None)
        return Kept({grade.name: grade.auto_score for grade in submission.grades}, submission.late_submission_penalty)


def put_back(db_url: str, notebook: str, assignment: str, student: str, kept: Kept) -> None:
    """Put marks back after a grading that nbgrader did not finish, as marks of an earlier grading."""
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return
        for grade in submission.grades:
            grade.auto_score = kept.scores.get(grade.name)
            grade.needs_manual_grade = True
        submission.late_submission_penalty = kept.penalty
        gradebook.db.commit()


def database_told(error: DatabaseError) -> str:
    """A database error as a sentence for the instructor."""
    return machine_trouble(str(error)) or f"The gradebook cannot be used: {clean(error.orig, 300)}."


def machine_trouble(text: str) -> str | None:
    """A sentence for an error about a locked gradebook or a full disk; None for any other error."""
    if "database is locked" in text or "database table is locked" in text:
        return (
            "The gradebook is locked: another program is using it. Run the command again when that program has ended."
        )
    if "disk is full" in text or os.strerror(errno.ENOSPC) in text:
        return "The disk is full. Make room and run the command again; what was graded is not graded twice."
    return None
