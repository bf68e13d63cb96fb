"""A result: what a grading of one submission says, as plain JSON data (see autograder/reporting/result.schema.json)."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import PurePath
from typing import Any

from autograder.messages import Message, table
from autograder.paths import DECIDES, ROOT, decides
from autograder.submission.hand_in import Submission
from course.syllabus import Assignment

BESIDE = {"torch": ("transformers",), "tensorflow": ("keras", "keras-hub")}


@cache
def versions(framework: str) -> dict[str, str]:
    """Versions of what took part in the grading."""
    packages = {"autograder": "attention-exercises", "numpy": "numpy", framework: framework}
    packages |= {name: name for name in BESIDE[framework]}
    found = {"python": platform.python_version()}
    for name, package in packages.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found | {"judge": judge_digest()}


@cache
def judge_digest() -> str:
    """A hash of all that decides on a mark: hidden tests, catalogue, references, workers, syllabus, made data.

    A result that another judge made is not taken over where a hand-in is graded once more.
    """
    h = hashlib.sha256()
    for place, name in zip(decides(ROOT), DECIDES, strict=True):
        for path in sorted([place, *place.rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                h.update((PurePath(name) / path.relative_to(place)).as_posix().encode() + b"\0" + path.read_bytes())
    return h.hexdigest()[:16]


def base(
    submission: Submission,
    seed: int,
    device: str,
    isolation: str,
    checkpoint: str | None = None,
    marking: str | None = None,
) -> dict[str, Any]:
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
        "seed": seed,
        "seconds": 0.0,
        "words": table(*submission.remarks),
        "content": submission.content,
        "receipt": submission.receipt,
        "versions": versions(assignment.track.framework) if assignment else {},
        "isolation": isolation,
        "device": device,
        "checkpoint": checkpoint if needs_checkpoint else None,
        "marking": marking,
    }


def sound(value: Any) -> Any:
    """A result that can be written as UTF-8: half a surrogate, in a file's name or in what a cell printed, cannot."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [sound(item) for item in value]
    if isinstance(value, dict):
        return {sound(key): sound(item) for key, item in value.items()}  # of `words`, keys are sentences
    return value


def not_graded(result: dict[str, Any], message: str) -> dict[str, Any]:
    """The hand-in could not be graded: no mark, and the reason."""
    words = {**result["words"], **table(message)}
    return sound({**result, "status": "not_graded", "message": message, "score": None, "parts": [], "words": words})


def by_hand(result: dict[str, Any]) -> dict[str, Any]:
    """The hand-in is for a person to grade: no mark yet, and nothing wrong with it."""
    message = Message("This assignment is graded by a person. The mark comes when it has been read.")
    words = {**result["words"], **table(message)}
    return sound({**result, "status": "by_hand", "message": message, "score": None, "parts": [], "words": words})


def graded(result: dict[str, Any], judged: dict[str, Any], assignment: Assignment) -> dict[str, Any]:
    """A judge's reply made into a result."""
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
    return sound(
        {
            **result,
            "flags": list(dict.fromkeys(flags)),
            "remarks": [*result["remarks"], *judged.get("remarks", [])],
            "score": round(sum(part["score"] for part in parts), 2),
            "cells": [{k: c[k] for k in ("grade_id", "label", "index", "output", "error")} for c in cells],
            "parts": parts,
            "words": words,
            "seconds": judged.get("seconds", 0.0),
            "cpu_seconds": judged.get("cpu_seconds", 0.0),
            "peak_mb": judged.get("peak_mb", 0),
        }
    )
