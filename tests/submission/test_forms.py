"""Notebooks that come back from VS Code and Colab get the marks that they would get from JupyterLab."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest
from support.forms import FORMS

from autograder.authoring.release import released_notebook
from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import definitions_of
from autograder.submission.cell_text import grade_id_of, parse
from autograder.submission.hand_in import Found, Submission
from autograder.submission.read import read
from course.python_source import is_magic
from course.syllabus import syllabus

ASSIGNMENTS = [
    "self-attention-pytorch",
    "self-attention-tensorflow",
    "encoder-decoder-pytorch",
    "encoder-decoder-tensorflow",
]
LOST = {"colab_stripped"}  # neither nbgrader's metadata nor any id is left


@cache
def release(assignment_id: str) -> str:
    """What students open: the notebook that nbgrader releases."""
    return released_notebook(ROOT, syllabus().assignment(assignment_id))


def handed_in(assignment_id: str, form: str | None, leave: str | None = None, misspell: str | None = None) -> bytes:
    """The release with the right answers (but for the part `leave`), saved by a program."""
    exercise = syllabus().assignment(assignment_id).exercise
    texts = definitions_of(solution_source(syllabus().assignment(assignment_id)))
    notebook = json.loads(release(assignment_id))
    for cell in notebook["cells"]:
        part = (grade_id_of(cell) or "").removeprefix("answer-")
        if part != grade_id_of(cell) and part in {p.id for p in exercise.parts} - {leave}:
            symbol = exercise.part(part).symbol
            name = f"my_{symbol}" if part == misspell else symbol
            cell["source"] = texts[symbol].replace(symbol, name, 1)
    return json.dumps(FORMS[form](notebook) if form else notebook, ensure_ascii=False).encode()


def taken_in(data: bytes, assignment: str | None = None) -> Submission:
    submission = read(Found("ann.ipynb", ("ann.ipynb",), data), ROOT / "source", assignment)
    assert submission.problem is None, submission.problem
    return submission


def answers(submission: Submission) -> dict[str, str]:
    return {c["grade_id"]: c["source"] for c in submission.cells if c["role"] == "answer"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_same_answers_are_found_whatever_program_saved_them(assignment, form):
    plain, saved = taken_in(handed_in(assignment, None)), taken_in(handed_in(assignment, form))
    assert saved.assignment.id == assignment  # also where the file no longer says so
    assert answers(saved) == answers(plain) and all(answers(saved).values())
    assert [c["source"] for c in saved.cells if c["role"] == "setup"] == [
        c["source"] for c in plain.cells if c["role"] == "setup"
    ]
    assert set(saved.flags) == ({"lost-metadata"} if form in LOST else set())
    assert bool(saved.remarks) == (form in LOST)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"colab_stripped"}))
def test_an_answer_with_a_misspelt_name_is_found_by_the_place_where_it_stands(form):
    saved = taken_in(handed_in("self-attention-pytorch", form, misspell="causal-mask"))
    assert "def my_causal_mask" in answers(saved)["answer-causal-mask"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_python_is_left_to_the_notebooks_shell(form):
    saved = taken_in(handed_in("self-attention-pytorch", form))
    for cell in saved.cells:
        assert cell["role"] == "own" or compile(cell["source"], cell["label"], "exec")
        for statement in getattr(parse(cell["source"]), "body", []):
            assert is_magic(statement) or not re.search("pip install|unzip", ast.unparse(statement))


def test_they_get_the_marks_that_their_answers_deserve(grader):
    assignment = syllabus().assignment("self-attention-pytorch")
    forms = [None, *FORMS]
    submissions = [taken_in(handed_in(assignment.id, form, leave="causal-mask")) for form in forms]
    for form, result in zip(forms, grader.grade(submissions), strict=True):
        scores = {part["id"]: part["score"] for part in result["parts"]}
        wanted = {p.id: 0 if p.id == "causal-mask" else p.points for p in assignment.exercise.parts}
        assert (result["status"], scores) == ("graded", wanted), form


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS[1:])
def test_they_get_full_marks_in_the_other_exercises_and_tracks(grader, assignment):
    results = grader.grade([taken_in(handed_in(assignment, form)) for form in ("vscode", "colab_stripped")])
    assert [r["score"] for r in results] == [r["max_score"] for r in results]
