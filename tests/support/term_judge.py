"""A fake judge for tests of whole terms: real names and shares of hidden tests, and marks by a comment.

An answer with `# SYMBOL is worth 1` passes all tests of its part, with `0.5` all but the first, with `0` none. Void
tests count nothing.
"""

from __future__ import annotations

from pathlib import Path

from autograder.grading.result import versions
from autograder.grading.saved_results import from_notebook
from autograder.settings import hidden_tests
from autograder.settings.types import NO_RULES
from course.syllabus import syllabus
from support import fake_grading

interrupted: list[bool] = []  # whether the next grading is interrupted before it begins


def grade_one(notebook, assignment, student, source_root=None, rules=NO_RULES):
    """The result of a notebook, as `autograder.grading.warm_grader` gives it."""
    known = syllabus().assignment(assignment)
    made = fake_grading.grade_one(notebook, assignment, student)
    for part in made["parts"]:
        part["misconception"] = None
        part["score"], part["tests"] = judged(known, part, part["score"] / part["max_score"], rules)
    made["score"] = round(sum(part["score"] for part in made["parts"]), 2)
    read = from_notebook(notebook, assignment, student, Path("source"))
    return made | {
        "content": read.content, "seed": rules.seed, "void": list(rules.void), "limits": dict(rules.limits),
        "versions": versions(known.track.framework, known.exercise), "flags": read.flags, "remarks": read.remarks,
    }  # fmt: skip


def judged(known, part, worth, rules):
    """The points of a part, and its tests."""
    tests = [
        {"name": test.name, "title": test.title, "share": test.share, "message": None, "misconception": None,
         "outcome": "passed" if worth == 1 or (worth == 0.5 and number) else "failed"}
        for number, test in enumerate(one for one in hidden_tests.of(known) if one.part == part["id"])
    ]  # fmt: skip
    counted = [test for test in tests if test["name"] not in rules.void]
    for test in tests:
        if test not in counted:
            test |= {"outcome": "not_run", "share": 0.0, "void": True}
    passed = sum(test["share"] for test in counted if test["outcome"] == "passed")
    return round(part["max_score"] * passed / sum(test["share"] for test in counted), 2), tests


class StandIn(fake_grading.FakeGrader):
    """Marks as `grade_one` gives them; a grading may be interrupted before it begins."""

    def result(self, submission, notebook):
        name = submission.assignment.id
        made = grade_one(notebook, name, submission.student, rules=self.rules.get(name, NO_RULES))
        return made | {"content": submission.content, "receipt": submission.receipt}

    def grade(self, submissions, finished):
        if interrupted:
            interrupted.clear()
            raise KeyboardInterrupt
        return super().grade(submissions, finished)
