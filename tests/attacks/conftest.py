"""A grader with small limits for the tests of attacks."""

from __future__ import annotations

import pytest
from forge import SECRET, TIGHT

from autograder.grading.grader import Grader


@pytest.fixture(scope="session")
def arena():
    """A grader of its own with small limits, so that endless attacks end soon."""
    with Grader(jobs=2, seed=SECRET, limits=TIGHT) as the_grader:
        yield the_grader
