"""Fixtures for the tests of the nbgrader plug-in."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(scope="module", autouse=True)
def the_real_grading_afterwards():
    """Restore the real grading, because a course configuration that a test reads may install a fake one."""
    import autograder.grading.saved_results
    import autograder.grading.warm_grader

    real = {name: sys.modules[f"autograder.grading.{name}"] for name in ("warm_grader", "saved_results")}
    yield
    for name, module in real.items():
        sys.modules[f"autograder.grading.{name}"] = module
        setattr(autograder.grading, name, module)
