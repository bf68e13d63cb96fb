"""The gradebook's database: marks that must go, and its errors in a sentence."""

from __future__ import annotations

import errno
import os

from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy.exc import DatabaseError

from autograder.reporting.text import clean


def forget(db_url: str, notebook: str, assignment: str, student: str) -> None:
    """Take automatic marks out of the gradebook; marks that a person gave stay."""
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return
        for grade in submission.grades:
            grade.auto_score = None
            grade.needs_manual_grade = True
        gradebook.db.commit()


def database_told(error: DatabaseError) -> str:
    return machine_trouble(str(error)) or f"The gradebook cannot be used: {clean(error.orig, 300)}."


def machine_trouble(text: str) -> str | None:
    """What an error says of the machine, in a sentence; None where it is about something else."""
    if "database is locked" in text or "database table is locked" in text:
        return "The gradebook is locked: another program is at work in it. Say the command again when that has ended."
    if "disk is full" in text or os.strerror(errno.ENOSPC) in text:
        return "The disk is full. Make room and say the command again; what was graded is not graded twice."
    return None
