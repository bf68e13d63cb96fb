"""Stored results: taken over for the very same code by the same grader, and for nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autograder.grading import result as results
from autograder.grading import saved_results
from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.settings.types import Rules
from course.syllabus import syllabus

ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
NOTEBOOK = answered(ROOT / "source", ASSIGNMENT, solution_source(ASSIGNMENT))


@pytest.fixture
def course(tmp_path) -> Path:
    shutil.copytree(ROOT / "source" / ASSIGNMENT.id, tmp_path / "source" / ASSIGNMENT.id)
    return tmp_path


def graded(course: Path, student: str = "ann", **changes) -> dict:
    submission = saved_results.from_notebook(NOTEBOOK, ASSIGNMENT.id, student, course / "source")
    return {**results.base(submission, Rules(1, "follow-through"), "cpu", "full"), "score": 14.0, **changes}


def look(course: Path, notebook: dict = NOTEBOOK, student: str = "ann"):
    return saved_results.lookup(course, ASSIGNMENT.id, student, notebook)


def test_a_result_is_found_for_the_same_code(course):
    saved_results.save(course, graded(course))
    assert look(course)["score"] == 14.0
    with_output = json.loads(json.dumps(NOTEBOOK))
    for cell in with_output["cells"]:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hi"}]
    assert look(course, with_output)["score"] == 14.0


def test_a_result_is_not_found_for_other_code(course):
    saved_results.save(course, graded(course))
    changed = json.loads(json.dumps(NOTEBOOK).replace("(ids != pad_id)", "(ids == pad_id)"))
    assert changed != NOTEBOOK and look(course, changed) is None


@pytest.mark.parametrize(
    "changes",
    [{"status": "not_graded"}, {"versions": {"autograder": "0.0.0"}}, {"content": None}, {"content": "0" * 64}],
    ids=["not graded", "another grader", "no hash", "another hash"],
)
def test_a_result_that_does_not_stand_is_not_found(course, changes):
    saved_results.save(course, graded(course, **changes))
    assert look(course) is None


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"status": "graded"}', "\x00"])
def test_a_damaged_result_is_none(course, text):
    path = saved_results.path_of(course, ASSIGNMENT.id, "ann")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert look(course) is None
    assert look(course, {"cells": 3}) is None


NAMES = ["../../ann", "..", ".", "", "a/b", "two\nlines", "🦊" * 60, "x" * 300, "con.json", "\udcff", "a%2Fb"]


def test_no_name_leads_out_of_the_folder_and_no_two_share_a_file(course):
    folder = (course / saved_results.FOLDER / ASSIGNMENT.id).resolve()
    paths = {saved_results.path_of(course, ASSIGNMENT.id, name).resolve() for name in [*NAMES, "x" * 299, "🦊" * 59]}
    assert len(paths) == len(NAMES) + 2 and {path.parent for path in paths} == {folder}
    for name in NAMES:
        if name != "\udcff":
            saved_results.save(course, graded(course, name))
            assert look(course, student=name)["student"] == name


def test_a_result_is_replaced_whole_or_not_at_all(course):
    saved_results.save(course, graded(course))
    with pytest.raises(TypeError):
        saved_results.save(course, graded(course, score=object()))
    assert look(course)["score"] == 14.0
    assert [p.suffix for p in (course / saved_results.FOLDER / ASSIGNMENT.id).iterdir()] == [".json"]


def test_half_a_surrogate_can_be_written():
    dirty = {"student": "\udcff", "cells": [{"output": "ok \ud83e\udd8a \ud800 🦊 æ"}], "score": 1.0}
    clean = results.sound(dirty)
    assert clean == {"student": "�", "cells": [{"output": "ok 🦊 � 🦊 æ"}], "score": 1.0}
    json.dumps(clean, ensure_ascii=False).encode()


# -- tests that count nothing -----------------------------------------------------------------------------------------


def with_tests(course, outcomes, **changes):
    """Store a result whose first part has these outcomes, and find it again for the same notebook."""
    tests = [
        {"name": f"test_{name}", "title": "t", "outcome": outcome, "message": None, "misconception": None, "share": 1.0}
        for name, outcome in outcomes.items()
    ]
    part = {"id": "causal-mask", "symbol": "causal_mask", "score": 3.0, "max_score": 3.0, "tests": tests}
    saved_results.save(course, graded(course, parts=[part], **changes))


def under(course, *void, **rules):
    return saved_results.lookup(course, ASSIGNMENT.id, "ann", NOTEBOOK, Rules(void=void, **rules))


def test_a_test_that_comes_to_count_nothing_touches_no_complete_part(course):
    with_tests(course, {"a": "passed", "b": "passed"})
    found = under(course, "test_b")
    assert [(t["outcome"], t.get("void")) for t in found["parts"][0]["tests"]] == [("passed", None), ("not_run", True)]
    assert found["void"] == ["test_b"] and found["score"] == 14.0
    assert under(course, "test_of_another_part")["parts"][0]["tests"][1]["outcome"] == "passed"


def test_a_part_that_is_not_complete_is_graded_again(course):
    with_tests(course, {"a": "failed", "b": "passed"})
    assert under(course) is not None and under(course, "test_of_another_part") is not None
    assert under(course, "test_b") is None


def test_a_test_that_counts_again_is_run(course):
    with_tests(course, {"a": "passed"}, void=["test_b"])
    assert under(course, "test_b") is not None and under(course) is None


@pytest.mark.parametrize("rules", [{"seed": 2}, {"marking": "strict"}, {"limits": {"memory_mb": 99}}])
def test_a_result_by_other_rules_does_not_stand(course, rules):
    saved_results.save(course, graded(course))
    assert under(course, seed=1, marking="follow-through") is not None
    assert under(course, **rules) is None
