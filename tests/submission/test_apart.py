"""A notebook of very many values is read in a process of its own, and says the same as one that is read here."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.submission import apart
from autograder.submission.hand_in import Found, Submission, Unreadable
from autograder.submission.read import read
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
NOTEBOOK: dict[str, Any] = answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))
MANY = [[0] * 100 for _ in range(3_000)]


def submission(notebook: Any) -> Submission:
    return read(Found("a.ipynb", ("ann", "a.ipynb"), json.dumps(notebook).encode()), SOURCE)


def with_outputs(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same notebook after a run that left very many values."""
    loud = copy.deepcopy(notebook)
    data = {"output_type": "display_data", "data": {"application/json": MANY}, "metadata": {}}
    next(cell for cell in loud["cells"] if cell["cell_type"] == "code")["outputs"] = [data]
    return loud


def old_format(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same in version 3 of the format."""
    cells = [dict(cell) for cell in notebook["cells"]]
    for cell in cells:
        cell["input"] = cell.pop("source")
    return {"metadata": notebook["metadata"], "worksheets": [{"cells": cells}, 3], "nbformat": 3}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read apart."""
    seen: list[str] = []
    inner = apart.subprocess.run
    monkeypatch.setattr(apart.subprocess, "run", lambda *a, **k: seen.append("run") or inner(*a, **k))
    return seen


@pytest.mark.parametrize("form", [lambda n: n, old_format], ids=["version 4", "version 3"])
def test_it_says_the_same(form, runs):
    plain, loud = submission(form(NOTEBOOK)), submission(form(with_outputs(NOTEBOOK)))
    assert runs == ["run"]
    assert loud.problem is None and loud.content == plain.content
    assert (loud.cells, loud.remarks, loud.flags, loud.assignment) == (
        plain.cells, plain.remarks, plain.flags, plain.assignment,
    )  # fmt: skip


def test_a_text_that_python_cannot_write_is_kept(runs):
    loud = with_outputs(NOTEBOOK)
    loud["cells"].append({"cell_type": "code", "metadata": {}, "source": "x = '\ud800é'", "outputs": []})
    found = submission(loud)
    assert runs and found.problem is None and found.cells[-1]["source"] == "x = '\N{REPLACEMENT CHARACTER}é'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"cells": [' + "[]," * 200_000, "ends too early"),
        ("[" * 200_000, "nested too deeply"),
        (json.dumps(MANY), "has no cells"),
        (json.dumps({"cells": 1, "more": MANY}), "has no cells"),
        (json.dumps({"worksheets": [None, {"cells": 2}], "more": MANY}), "does not say which assignment"),
    ],
)
def test_what_is_no_notebook_gets_the_same_sentence_as_a_small_one(text, says, runs):
    found = read(Found("a.ipynb", ("ann", "a.ipynb"), text.encode()), SOURCE)
    assert runs and says in str(found.problem)


def test_limits_of_memory_and_time_end_that_file_alone(monkeypatch):
    monkeypatch.setattr(apart, "MEGABYTES", 8)
    assert "far more than a notebook needs" in str(submission(with_outputs(NOTEBOOK)).problem)
    monkeypatch.setattr(apart, "MEGABYTES", 3_000)
    monkeypatch.setattr(apart, "SECONDS", 0.001)
    with pytest.raises((Unreadable, ValueError)):
        apart.slimmed(json.dumps(with_outputs(NOTEBOOK)))
    assert submission(NOTEBOOK).problem is None
