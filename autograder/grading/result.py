"""Makes the result of a hand-in, as the JSON data of `autograder.records.Result`."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from autograder.messages import Message, table
from autograder.paths import ROOT, decides, decides_on
from autograder.records import Result
from autograder.settings.types import Rules
from autograder.submission.hand_in import Submission
from course.syllabus import Exercise, syllabus

BESIDE = {  # packages whose versions count besides the framework's own
    "torch": ("transformers",),
    "tensorflow": ("keras", "keras-hub"),
}


@cache
def versions(framework: str, exercise: Exercise | None = None) -> dict[str, str]:
    """The versions of Python, the grader and the packages of a framework, "torch" or "tensorflow", by name.

    "unknown" where a package is not installed. With an exercise, `judge` is the hash of its `judge_digest`.
    """
    packages = {"autograder": "attention-exercises", "numpy": "numpy", framework: framework}
    packages |= {name: name for name in BESIDE[framework]}
    found = {"python": platform.python_version()}
    for name, package in packages.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found | {"judge": judge_digest(exercise)} if exercise else found


@cache
def judge_digest(exercise: Exercise) -> str:
    """A hash of all that decides on a mark in an exercise.

    That is its hidden tests, catalogue, reference and entry in the syllabus, and what all exercises share: the judge,
    workers, limits, generated data.

    An earlier result with another hash is not used again. A change of one exercise leaves the results of the others
    in force.
    """
    known = syllabus()
    h = hashlib.sha256(_shared_digest().encode())
    entry = (known.tracks, known.limits_of(exercise), known.weights, exercise)
    h.update(repr(entry).encode())
    _hash(h, decides_on(ROOT, exercise))
    return h.hexdigest()[:16]


@cache
def _shared_digest() -> str:
    h = hashlib.sha256()
    _hash(h, decides(ROOT))
    return h.hexdigest()


def _hash(h: hashlib._Hash, places: Iterable[tuple[str, Path]]) -> None:
    """Add files, and all files in folders, to a hash, each with its name."""
    for name, place in places:
        for path in sorted([place, *place.rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                h.update((PurePath(name) / path.relative_to(place)).as_posix().encode() + b"\0" + path.read_bytes())


def base(
    submission: Submission,
    rules: Rules,
    device: str,
    isolation: str,
    checkpoint: str | None = None,
) -> Result:
    """The result of a hand-in before it is judged: facts about the hand-in and the run, without a score.

    `rules` are those of the run, complete.
    """
    assignment = submission.assignment
    needs_checkpoint = assignment is not None and assignment.exercise.packages
    return {
        "submission": submission.name,
        "student": submission.student,
        "assignment": assignment.id if assignment else None,
        "exercise": assignment.exercise.id if assignment else None,
        "track": assignment.track.id if assignment else None,
        "status": "graded",
        "message": None,
        "score": None,
        "max_score": float(assignment.exercise.points) if assignment else None,
        "flags": list(dict.fromkeys(submission.flags)),
        "remarks": list(submission.remarks),
        "cells": [],
        "parts": [],
        "seed": rules.seed,
        "seconds": 0.0,
        "words": table(*submission.remarks),
        "content": submission.content,
        "receipt": submission.receipt,
        "versions": {**versions(assignment.track.framework, assignment.exercise)} if assignment else {},
        "isolation": isolation,
        "device": device,
        "checkpoint": checkpoint if needs_checkpoint else None,
        "marking": rules.marking,
        "limits": dict(rules.limits),
        "void": list(rules.void),
    }


def sound(value: Any) -> Any:
    """JSON data whose texts can be written as UTF-8: half a surrogate, in a file's name for example, is replaced."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [sound(item) for item in value]
    if isinstance(value, dict):
        return {sound(key): sound(item) for key, item in value.items()}  # the keys of `words` are sentences
    return value


def not_graded(result: Result, message: str) -> Result:
    """The result of a hand-in that could not be graded: no mark, and `message` as the reason."""
    words = {**result["words"], **table(message)}
    whole: Result = {
        **result, "status": "not_graded", "message": message, "score": None, "parts": [], "words": words
    }  # fmt: skip
    return sound(whole)


def by_hand(result: Result) -> Result:
    """The result of a hand-in that a person grades: no mark yet, and nothing is wrong with it."""
    message = Message("This assignment is graded by a person. The mark comes when it has been read.")
    words = {**result["words"], **table(message)}
    whole: Result = {**result, "status": "by_hand", "message": message, "score": None, "parts": [], "words": words}
    return sound(whole)


def graded(result: Result, judged: dict[str, Any]) -> Result:
    """The result with what a judge replied: parts, cells, flags, and the score."""
    parts = judged["parts"]
    flags, words = [*result["flags"], *judged.get("flags", [])], {**result["words"], **judged.get("words", {})}
    for part in parts:
        words |= part.pop("words")
    if any(part.pop("ready_made") for part in parts):
        flags.append("ready-made-attention")
    if [part for part in parts if part.pop("raised", False)]:
        flags.append("check-raised")
    if any(
        (cell["error"] or "").startswith(("SyntaxError", "IndentationError", "TabError")) for cell in judged["cells"]
    ):
        flags.append("syntax-error")
    cells = [c for c in judged["cells"] if c["output"] or c["error"] or c["grade_id"]]
    whole: Result = {
        **result,
        "flags": list(dict.fromkeys(flags)),
        "remarks": [*result["remarks"], *judged.get("remarks", [])],
        "score": round(sum(part["score"] for part in parts), 2),
        "cells": [
            {
                "grade_id": c["grade_id"],
                "label": c["label"],
                "index": c["index"],
                "output": c["output"],
                "error": c["error"],
            }
            for c in cells
        ],
        "parts": parts,
        "words": words,
        "seconds": judged.get("seconds", 0.0),
        "cpu_seconds": judged.get("cpu_seconds", 0.0),
        "peak_mb": judged.get("peak_mb", 0),
    }
    return sound(whole)
