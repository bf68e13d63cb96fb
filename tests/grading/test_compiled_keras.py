"""Keras modules that pass and cannot be compiled keep their marks; student and instructor are told of it."""

from __future__ import annotations

import pytest

from autograder.grading.grader import Grader, solution_source
from autograder.submission.read import of_source
from course.syllabus import syllabus

POSITIONAL = syllabus().assignment("positional-embedding-tensorflow")
RIGHT = "        length = ids.shape[1]\n        if length > self.max_len:"
ANSWERS = {  # the text, and what is said of the class that it stands in
    "right": (RIGHT, None),
    "symbolic": (
        "        length = tf.shape(ids)[1]\n        if length > self.max_len:",
        "in a compiled step a tensor has no value yet that Python could look at",
    ),
    "numpy": (
        RIGHT.replace("ids.shape[1]", "ids.numpy().shape[1]"),
        "in a compiled step a tensor has no `.numpy()`: compute with `tf` or `keras.ops`",
    ),
    "loop": (
        RIGHT.replace("ids.shape[1]", "len([row for row in tf.transpose(ids)])"),
        "in a compiled step Python cannot loop over a tensor",
    ),
}


@pytest.fixture(scope="module")
def graded(grader: Grader) -> dict[str, dict]:
    solution = solution_source(POSITIONAL)
    assert solution.count(RIGHT) == 2
    texts = {name: solution.replace(RIGHT, text, 1) for name, (text, _) in ANSWERS.items()}
    results = grader.grade([of_source(POSITIONAL, text, f"{name}.py") for name, text in texts.items()])
    return dict(zip(texts, results, strict=True))


@pytest.mark.parametrize("name", ANSWERS)
def test_a_module_that_cannot_be_compiled_costs_nothing_and_is_told(graded, name):
    result, said = graded[name], ANSWERS[name][1]
    assert result["score"] == result["max_score"]
    assert result["flags"] == (["not-compilable"] if said else [])
    assert len(result["remarks"]) == (said is not None)
    for remark in result["remarks"]:
        assert remark.startswith("`PositionalEmbedding` passes. But training compiles it (`tf.function`")
        assert said in remark and f"({name}.py, line " in remark
