"""Our place in nbgrader: its commands and formgrader's buttons grade through the judge.

nbgrader turns a submission into marks in two passes over the notebook. The first, "sanitize", repairs it; the second
runs it and saves what the test cells gave. Two preprocessors of ours take part, and a third when one is released:

    Restore   first in the first pass: puts the cells of a damaged notebook back in order (`submission/matching.py`), so
              that nothing that a student did to a notebook stops nbgrader, which else gives up a class over one
              duplicated cell
    Judge     in the second pass in place of nbgrader's Execute: takes the finished result of `autograder grade` for
              this very notebook, or has it graded now, and writes score and report onto the test cells
    Translate when an assignment is generated: puts its text into the language of the course

Before them `HandIn` reads the file, as `autograder grade` does: nbgrader's own reader gives up on encodings and formats
that are not today's, follows links, waits at a pipe, and takes any size into memory. `find_all` finds the folders of
students whose names nbgrader's patterns trip over.

nbgrader reads a test cell's score from its first decisive output and gives *full marks* where there is none. So Judge
replaces the outputs of every cell, always: whatever the student's file had there is gone, and every graded cell has a
plain number. Where there is no result it raises, which costs that submission its turn and nobody else theirs, and
takes the marks of earlier gradings out of the gradebook.

An assignment that a person grades (`by_hand` in the syllabus) is put in order too, so that every task is there to be
marked, and is not run: it keeps the figures and the text that the student's own run has left in it. What a person
marks, here or in any other assignment, is neither set nor taken away by a grading.

The sheet of a quiz that is marked (`autograder init --quiz`) is put in order likewise and is not run: its answers are
read as text (`quizzes/marking.py`).

All leave assignments alone that the syllabus does not know: an instructor's other assignments in the same course are
graded by nbgrader as ever.

`configure` says all that nbgrader needs to know, once; `nbgrader_config.py` calls it. `hand_over` gives nbgrader a
class that is graded already, and `MarksExporter` writes marks with misconceptions as CSV.
"""

from __future__ import annotations

from autograder.nbgrader.configuration import (
    STUB,
    api_of,
    config_of,
    configure,
    course_language,
    releasing_preprocessors,
    scripts_on_path,
)
from autograder.nbgrader.errors import GradebookError, NotGraded
from autograder.nbgrader.export import MarksExporter
from autograder.nbgrader.hand_over import HandedOver, hand_over, mark_quizzes, quiz_sheets
from autograder.nbgrader.manual_marks import waiting, with_hand_marks
from autograder.nbgrader.marks_out import gradebook_assignments, gradebook_results
from autograder.nbgrader.people import enter_people, ids_on_roster
from autograder.nbgrader.preprocessors import Judge, KeepBlanks, KeepOutput, Restore, Translate
from autograder.nbgrader.reading import HandIn

__all__ = [
    "STUB",
    "GradebookError",
    "HandIn",
    "HandedOver",
    "Judge",
    "KeepBlanks",
    "KeepOutput",
    "MarksExporter",
    "NotGraded",
    "Restore",
    "Translate",
    "api_of",
    "config_of",
    "configure",
    "course_language",
    "enter_people",
    "gradebook_assignments",
    "gradebook_results",
    "hand_over",
    "ids_on_roster",
    "mark_quizzes",
    "quiz_sheets",
    "releasing_preprocessors",
    "scripts_on_path",
    "waiting",
    "with_hand_marks",
]
