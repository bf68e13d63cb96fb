"""The sheet of a quiz for marks: it is restored and read as text, and never run."""

from __future__ import annotations

from typing import Any

import nbformat
from nbgrader import utils

from autograder.nbgrader.cells import scored_cell
from autograder.nbgrader.errors import NotGraded
from autograder.nbgrader.gradebook import forget
from autograder.nbgrader.place import Place
from autograder.quizzes.marking import answer_line, changed, mark_quiz, read_answers
from autograder.reporting.text import line
from autograder.submission import matching
from course.quizzes import HOME as QUIZZES


def released_sheet(released: list[dict[str, Any]], handed_in: list[Any]) -> Any:
    """The sheet of a quiz as it was released, with the answers that were handed in, and below it all other text."""
    answers = read_answers(handed_in)
    cells: list[dict[str, Any]] = []
    given: set[str | None] = set()
    for cell in released:
        question = str(matching.grade_id_of(cell)).removeprefix("answer-")
        given |= {cell["source"].strip(), str(matching.grade_id_of(cell))}
        if question in answers and cell["metadata"]["nbgrader"]["solution"]:
            cell = cell | {"source": answer_line(question, answers[question])}
        cells.append(cell)
    for cell in handed_in:
        text = matching.text_of(cell).strip()
        if text and not given & {text, matching.grade_id_of(cell), cell.get("id")} and not read_answers([cell]):
            kind = "code" if cell.get("cell_type") == "code" else "markdown"
            cells.append({"cell_type": kind, "metadata": {}, "source": text})
    for number, cell in enumerate(cells):
        cells[number] = cell | {"id": f"cell-{number}"}
        if cell["cell_type"] == "code":
            cells[number] |= {"outputs": [], "execution_count": None}
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def mark_sheet(nb: Any, name: str, place: Place) -> Any:
    """The restored sheet of a quiz, with score and explanation below each question. Nothing is run.

    Raises NotGraded where the quiz has changed since the sheet was made.
    """
    from autograder.quizzes.notebooks import QuizError, read_quiz

    try:
        quiz = read_quiz(QUIZZES / f"{name}.toml")
        sheet = place.source().get("metadata", {}).get("course", {}).get("asked", {})
        marked = {one.id: one for one in mark_quiz(quiz, read_answers(nb.cells))}
        graded = [str(matching.grade_id_of(cell)).removeprefix("test-") for cell in nb.cells if utils.is_grade(cell)]
        if other := [*changed(quiz, sheet), *(question for question in graded if question not in marked)]:
            raise NotGraded(
                f"The quiz {name!r} has changed since this sheet was made, so that a letter may mean another option: "
                f"{', '.join(dict.fromkeys(other))}. Put course/quizzes/{name}.toml of the judge back, or give out a "
                "new sheet, which `autograder init --quiz` makes."
            )
    except (QuizError, NotGraded) as error:
        forget(place.db_url, place.notebook, place.assignment, place.student)
        raise NotGraded(f"{line(place.student)}, {place.assignment}: could not be marked. {error}") from error
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if utils.is_grade(cell):
            one = marked[str(matching.grade_id_of(cell)).removeprefix("test-")]
            cell.outputs, cell.execution_count = [scored_cell(cell, one.score / one.points, one.report)], 1
    return nb
