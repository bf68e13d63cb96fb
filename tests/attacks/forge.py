"""Hand-ins that attack the grader, made from the solutions, and what the tests of attacks ask of a result."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, definitions_of, own_cell, untouched
from autograder.submission.hand_in import Found, Submission
from autograder.submission.read import read
from course.syllabus import syllabus

SOURCE = ROOT / "source"
SECRET = 8_314_159_265_359  # the seed of a run, which no hand-in should ever see
TIGHT = replace(syllabus().limits, cpu_seconds_per_call=2.0, cpu_seconds=20.0, wall_factor=20.0)


@dataclass(frozen=True)
class Forge:
    """Makes hand-ins of one assignment: the stub or the solution, with answers replaced and cells put in."""

    assignment_id: str

    @property
    def assignment(self):
        return syllabus().assignment(self.assignment_id)

    @property
    def solution(self) -> dict[str, str]:
        """The solution's definitions by name."""
        return definitions_of(solution_source(self.assignment))

    def hand_in(
        self, name: str, answers: dict[str, str] | str = "stub", before: tuple = (), after: tuple = ()
    ) -> Submission:
        """`answers`: "stub", "solved", or the solved notebook with the cells of some parts replaced."""
        path = (name, self.assignment_id, f"{self.assignment.exercise.id}.ipynb")
        return read(Found("/".join(path), path, self.file(answers, before, after)), SOURCE)

    def file(self, answers: dict[str, str] | str = "stub", before: tuple = (), after: tuple = ()) -> bytes:
        """The same as a notebook's bytes."""
        if answers == "stub":
            notebook = untouched(SOURCE, self.assignment)
        else:
            notebook = answered(SOURCE, self.assignment, solution_source(self.assignment))
        for cell in notebook["cells"]:
            part = cell["metadata"].get("nbgrader", {}).get("grade_id", "").removeprefix("answer-")
            if isinstance(answers, dict) and part in answers:
                cell["source"] = answers[part]
        cells = [*(own_cell(s) for s in before), *notebook["cells"], *(own_cell(s) for s in after)]
        cells = [{**cell, "id": f"c{i}"} if cell.get("id") == "added-by-me" else cell for i, cell in enumerate(cells)]
        return json.dumps({**notebook, "cells": cells}).encode()


def scores(result: dict) -> dict[str, float]:
    return {part["id"]: part["score"] for part in result["parts"]}


def said(result: dict, part: str | None = None) -> str:
    return " ".join(str(test["message"]) for p in result["parts"] if part in (None, p["id"]) for test in p["tests"])
