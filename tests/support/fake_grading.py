"""A fake judge for tests of the nbgrader plug-in: it grades by a comment in the answer, `# worth 0.5`.

`install` puts it where the plug-in looks for the real judge; a course's nbgrader_config.py calls it, so that it works
in nbgrader's own processes too. Every call is written down in `calls.txt` of the working folder.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import autograder.grading
from autograder.submission import matching
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
stored: dict[str, dict] = {}


def released(assignment):
    exercise = syllabus().assignment(assignment).exercise.id
    return json.loads((ROOT / "source" / assignment / f"{exercise}.ipynb").read_text(encoding="utf-8"))["cells"]


def grade_one(notebook, assignment, student, source_root=None, rules=None):
    with Path("calls.txt").open("a") as calls:
        calls.write(f"{student}\n")
    if "raise the roof" in str(notebook):
        raise RuntimeError("the reference worker died")
    known = syllabus().assignment(assignment)
    found = matching.match(notebook["cells"], released(assignment), known.exercise.parts)
    answers = {c.grade_id: c.source for c in found if c.role == "answer"}
    everything = "\n".join(c.source for c in found if c.role in matching.RUN)
    parts, cells = [], []
    for part in known.exercise.parts:
        worth = re.search(rf"# {part.symbol} is worth ([\d.]+)", everything)
        share = float(worth[1]) if worth else 0.0
        outcome = "passed" if share == 1 else "failed"
        parts.append({
            "id": part.id, "symbol": part.symbol, "title": part.title, "score": part.points * share,
            "max_score": part.points, "misconception": {"id": "half-way", "title": "Half the way", "hint": "Go on."}
            if share == 0.5 else None,
            "tests": [{"name": "test_it", "title": "It works.", "outcome": outcome, "misconception": None,
                       "message": None if share == 1 else f"It is worth {share}.", "share": 1.0, "picture": None}],
        })  # fmt: skip
        cells.append({"grade_id": f"answer-{part.id}", "label": "cell", "output": f"ran {part.id}", "error": None})
        if not answers.get(f"answer-{part.id}"):
            cells[-1]["error"] = f"NameError: {part.symbol}"
    cells += [{"grade_id": None, "label": c.label, "output": "my own output", "error": None}
              for c in found if c.role == "own"]  # fmt: skip
    return {
        "submission": student, "student": student, "assignment": assignment, "exercise": known.exercise.id,
        "track": known.track.id, "status": "graded", "message": None, "score": sum(p["score"] for p in parts),
        "max_score": known.exercise.points, "flags": found.flags, "remarks": found.remarks, "cells": cells,
        "parts": parts, "seed": 1, "seconds": 0.0, "content": "", "versions": {}, "isolation": "none", "device": "cpu",
    }  # fmt: skip


def install():
    service, store = ModuleType("autograder.grading.warm_grader"), ModuleType("autograder.grading.saved_results")
    service.grade_one = grade_one
    store.lookup = lambda root, assignment, student, notebook, rules=None: stored.get(student)
    store.seeds = lambda root, assignment: [1]
    for module in (service, store):
        sys.modules[module.__name__] = module
        setattr(autograder.grading, module.__name__.rpartition(".")[2], module)


class FakeGrader:
    """Replaces `autograder.grading.grader.Grader`; `result` gives the result of a notebook."""

    def __init__(self, *, rules, **_settings):
        self.rules = rules

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def result(self, submission, notebook):
        raise NotImplementedError

    def grade(self, submissions, finished):
        results = []
        for one in submissions:
            notebook = json.loads(Path(one.name).read_text(encoding="utf-8"))
            results.append(self.result(one, notebook) | {"submission": one.name})
            finished(results[-1])
        return results
