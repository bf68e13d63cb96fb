"""No false alarm and no lucky escape over many seeds: what is right earns full marks with any inputs, mistakes do not.

Slow: about half an hour on two cores. `test_hidden_tests.py` makes the same claims with one seed. Exercises whose tests
train models take seconds a hand-in; what is right there gets three seeds, mistakes get that one.
"""

from __future__ import annotations

import pytest
from support.marks import TRAINING

from autograder.grading.grader import Grader
from autograder.proof.verify import verify
from course.syllabus import syllabus

RIGHT = ("solution", "alternative")
ASSIGNMENTS = [a for a in syllabus().assignments().values() if a.exercise.id not in TRAINING]
SLOWER = [a for a in syllabus().assignments().values() if a.exercise.id in TRAINING]


def problems(seed: int, kinds: tuple[str, ...], assignments: list) -> list[str]:
    with Grader(jobs=2, seed=seed) as grader:
        findings = verify(assignments, grader, lambda claim: claim.kind in kinds)
    assert findings
    return [f"seed {seed}: {f.claim.assignment.id}: {f.claim.name}: {f.problem}" for f in findings if f.problem]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_what_is_right_earns_full_marks(seed):
    assert problems(seed, RIGHT, ASSIGNMENTS) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1003))
def test_what_is_right_earns_full_marks_where_models_train(seed):
    assert problems(seed, RIGHT, SLOWER) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2000, 2001, 2002])
def test_known_mistakes_lose_points_in_their_part_and_nowhere_else(seed):
    assert problems(seed, ("mistake",), ASSIGNMENTS) == []
