"""The nbgrader plug-in: nbgrader's commands and formgrader's buttons grade with the judge.

nbgrader turns a submission into marks in two passes over the notebook. The first, "sanitize", repairs it; the second
runs it and saves the scores of the test cells. Two of the judge's preprocessors take part, and a third at the release:

    Restore   first in the first pass: puts the cells of a damaged notebook back in order (`submission/matching.py`), so
              that nothing that a student did to a notebook stops nbgrader, which otherwise stops for the whole class at
              one duplicated cell
    Judge     in the second pass in place of nbgrader's Execute: takes the finished result of `autograder grade` for
              this notebook, or has it graded now, and writes score and report into the test cells
    Translate when an assignment is generated: translates its text into the language of the course

Before them `HandIn` reads the file, as `autograder grade` does: nbgrader's own reader fails on older encodings and
formats, follows links, waits at a pipe, and takes any size into memory. `find_all` finds the folders of students whose
names nbgrader would take for patterns.

nbgrader reads a test cell's score from the first output that has one and gives *full marks* where none has. So Judge
always replaces the outputs of every cell: no output of the student's file is left, and every graded cell has a plain
number. If there is no result, it raises NotGraded, which stops nbgrader for that submission only, and removes
the marks of earlier gradings from the gradebook.

An assignment that a person grades (`by_hand` in the syllabus) is put in order too, so that every task is there to be
marked. It is not run: it keeps the figures and the text of the student's own run. A grading never sets or removes a
person's mark, in any assignment.

The sheet of a quiz that is marked (`autograder init --quiz`) is put in order in the same way and is not run: its
answers are read as text (`quizzes/marking.py`).

Assignments that are not in the syllabus are the instructor's own: nbgrader grades them in its usual way.

`configure` sets up nbgrader; `nbgrader_config.py` calls it. `hand_over` gives nbgrader a class that is graded already,
and `MarksExporter` writes marks with misconceptions as CSV.
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
from autograder.nbgrader.manual_marks import class_with_hand_marks, waiting, with_hand_marks
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
    "class_with_hand_marks",
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
