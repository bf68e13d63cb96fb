"""A hidden test that counts nothing, at the real judge."""

from __future__ import annotations

import json

import pytest

from autograder.grading import saved_results
from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.settings import hidden_tests
from autograder.settings.types import Rules
from course.syllabus import syllabus

ONE = syllabus().assignment("self-attention-pytorch")
SOLVED = json.dumps(answered(ROOT / "source", ONE, solution_source(ONE)))


@pytest.fixture(scope="module")
def voided():
    """A wrong padding mask, judged without the tests that see that."""
    pytest.importorskip("torch")
    seeing = tuple(t.name for t in hidden_tests.of(ONE) if t.name.startswith("test_padding_values"))
    assert seeing
    rules = {ONE.id: Rules(3, "strict", {"memory_mb": 2000}, seeing)}
    text = SOLVED.replace("(ids != pad_id)[:, None, None, :]", "(ids == ids)[:, None, None, :]")
    assert text != SOLVED
    with Grader(jobs=1, rules=rules) as grader:
        submission = saved_results.from_notebook(json.loads(text), ONE.id, "ann", ROOT / "source")
        (result,) = grader.grade([submission])
    return result, seeing


def test_it_is_not_run_and_the_rest_of_its_part_has_its_share(voided):
    result, seeing = voided
    part = next(part for part in result["parts"] if part["id"] == "padding-mask")
    tests = {test["name"]: test for test in part["tests"]}
    for name in seeing:
        assert (tests[name]["outcome"], tests[name]["share"], tests[name]["void"]) == ("not_run", 0.0, True)
    counted = [test for test in part["tests"] if not test.get("void")]
    passed = sum(test["share"] for test in counted if test["outcome"] == "passed")
    assert counted and part["score"] == pytest.approx(3 * passed / sum(test["share"] for test in counted), abs=0.01)


def test_the_result_says_by_which_rules_it_was_made(voided):
    result, seeing = voided
    assert (result["seed"], result["marking"], result["limits"]) == (3, "strict", {"memory_mb": 2000})
    assert result["void"] == list(seeing)
