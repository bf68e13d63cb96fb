"""What it costs to enter a graded class into nbgrader: nbgrader's own steps, one student at a time, and our hand-over.

    python -m benchmarks.hand_over [--students 20] [--new 10] [--before 150]

The results are made up, so nothing is graded. Both sides write the same marks, autograded notebooks and feedback pages
(`tests/nbgrader/test_hand_over.py`). Then: a class of which most is in the gradebook already, against the new ones
alone. Times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from nbconvert.exporters import HTMLExporter

from autograder import paths
from autograder.authoring.init import write_course
from autograder.nbgrader import HandedOver, api_of, hand_over
from autograder.nbgrader.place import handed_over_results
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.records import Result
from course.syllabus import Assignment, syllabus


def made_up(assignment: Assignment, student: str) -> Result:
    """A result of a perfect hand-in."""
    parts = assignment.exercise.parts
    return {
        "submission": f"submitted/{student}", "student": student, "assignment": assignment.id, "status": "graded",
        "message": None, "score": assignment.exercise.points, "max_score": assignment.exercise.points, "flags": [],
        "remarks": [], "cells": [], "words": {}, "seed": 1, "content": student,
        "parts": [
            {"id": part.id, "symbol": part.symbol, "title": part.title, "score": part.points, "max_score": part.points,
             "misconception": None, "tests": [
                {"name": f"test_{n}", "title": f"Check {n}.", "outcome": "passed", "message": None,
                 "misconception": None, "share": 1.0} for n in range(8)]}
            for part in parts
        ],
    }  # fmt: skip


def course_of(folder: Path, assignment: Assignment, size: int) -> list[Result]:
    """A released course in which so many have handed in, and their results."""
    write_course(ROOT, folder, [assignment])
    api_of(folder).generate_assignment(assignment.id)
    notebook = answered(ROOT / "source", assignment, paths.solution(ROOT, assignment).read_text(encoding="utf-8"))
    students = [f"student{number:04}" for number in range(size)]
    for student in students:
        place = folder / "submitted" / student / assignment.id
        place.mkdir(parents=True)
        (place / f"{assignment.exercise.id}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        (place / "timestamp.txt").write_text("2026-09-09 12:00:00 UTC", encoding="utf-8")
    return [made_up(assignment, student) for student in students]


def one_at_a_time(folder: Path, results: Sequence[Result]) -> None:
    """nbgrader's own steps, which open the gradebook and make their exporters for each student anew."""
    api = api_of(folder)
    api.config.GenerateFeedback.exporter_class = HTMLExporter
    for result in results:
        assignment, student = str(result["assignment"]), str(result["student"])
        handed_over_results[str(folder), assignment, student] = result
        done = api.autograde(assignment, student)["success"] and api.generate_feedback(assignment, student)["success"]
        del handed_over_results[str(folder), assignment, student]
        assert done, student


def entered(folder: Path, results: Sequence[Result]) -> list[HandedOver]:
    """Our hand-over."""
    done = hand_over(folder, results)
    assert all(one.ok for one in done), done
    return done


def seconds(step: Callable[[], object]) -> float:
    """CPU seconds of a step."""
    before = time.process_time()
    step()
    return time.process_time() - before


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Measure, print, and give the numbers: CPU seconds each, and two ratios."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--assignment", default="self-attention-pytorch")
    options.add_argument("--students", type=int, default=20, help="entered in both ways, by turns")
    options.add_argument("--new", type=int, default=10)
    options.add_argument("--before", type=int, default=150, help="in the gradebook already when the new ones come")
    chosen = options.parse_args(arguments)
    warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader
    assignment = syllabus().assignment(chosen.assignment)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "course"
        results = course_of(folder, assignment, chosen.students + 2)
        one_at_a_time(folder, results[:1])  # what is imported and compiled once is no cost of a student
        entered(folder, results[1:2])
        half = len(results) // 2 + 1
        theirs = seconds(lambda: one_at_a_time(folder, results[2:half])) / (half - 2)
        ours = seconds(lambda: entered(folder, results[half:])) / (len(results) - half)
        print(f"one student at a time: {theirs:.3f} s each; hand-over: {ours:.3f} s each: {theirs / ours:.1f} times")
        shutil.rmtree(folder)
        results = course_of(folder, assignment, chosen.before + 2 * chosen.new)
        alone = seconds(lambda: entered(folder, results[-chosen.new :]))
        entered(folder, results[: chosen.before])
        among = seconds(lambda: entered(folder, results[: -chosen.new]))
        print(f"{chosen.new} alone: {alone:.2f} s; {chosen.new} new among {chosen.before}: {among:.2f} s")
    return {"theirs": theirs, "ours": ours, "times": theirs / ours, "alone": alone, "among": among}


if __name__ == "__main__":
    main()
