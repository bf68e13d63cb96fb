"""Grades a hand-in again with the seed, device, isolation and checkpoint of its result.

A mark must be reproducible long after it was given. The same submission with the same seed gives the same mark and the
same messages, whatever else is graded with it. If it does not, something has changed: the hand-in, the grader, a
framework, or the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.grading.grader import Grader
from autograder.grading.result import versions
from autograder.settings.types import Rules
from autograder.submission.find import find
from autograder.submission.hand_in import Submission
from autograder.submission.read import read

VARIES = ("seconds", "cpu_seconds", "peak_mb")  # measurements, which differ from run to run
OF_THE_FILE = ("submission", "owner", "late_penalty")  # these depend on the file's name and time, not on its code


class ReplayError(Exception):
    """The result or its hand-in is missing or was changed; the message says what to do."""


def choose(path: Path, student: str | None = None) -> dict[str, Any]:
    """The result in a file: the only one, or that of a student. Raises ReplayError where there is not exactly one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReplayError(f"{path} holds no results: {error}") from None
    results = found if isinstance(found, list) else [found]
    if not results or not all(isinstance(r, dict) and "content" in r and "seed" in r for r in results):
        raise ReplayError(
            f"{path} holds no results; name what `autograder grade --json` wrote, or a file of .autograder/results"
        )
    wanted = [r for r in results if student is None or r.get("student") == student]
    if len(wanted) == 1:
        return wanted[0]
    names = sorted({str(r.get("student")) for r in results})
    some = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    if not wanted:
        raise ReplayError(f"{path} has no result of {student!r}; there is: {some}")
    raise ReplayError(f"{path} has {len(wanted)} results; say --student with one of: {some}")


def hand_in_of(result: dict[str, Any], path: Path, source_root: Path) -> Submission:
    """The hand-in of a result, found at or below a path.

    Raises ReplayError where there is none, or its code is not the code that was graded.
    """
    if not path.exists():
        raise ReplayError(f"{path} is not there; name the hand-in after the result")
    found = [read(one, source_root, result.get("assignment")) for one in find([str(path)])]
    for submission in found:
        if submission.content == result["content"]:
            submission.student = result["student"]
            return submission
    if not found:
        raise ReplayError(f"there is no hand-in in {path}; name the hand-in after the result")
    raise ReplayError(
        f"the code in {path} is not the code that was graded: it was changed since; name the hand-in that was graded "
        "after the result"
    )


def settings_of(result: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Grader that grades as it did then."""
    rules = Rules(result["seed"], result.get("marking"), result.get("limits") or {}, tuple(result.get("void") or ()))
    return {
        "seed": result["seed"],
        "device": result.get("device") or "cpu",
        "isolation": result.get("isolation") or "full",
        "checkpoint": result.get("checkpoint") or "bert-mini",
        "rules": {str(result.get("assignment")): rules},
    }


def replay(result: dict[str, Any], submission: Submission, grader: Grader) -> list[str]:
    """Grade again, and give the differences to the earlier result; empty for none."""
    (again,) = grader.grade([submission])
    return list(differences(machine_part(result), machine_part(again)))


def other_versions(result: dict[str, Any], submission: Submission) -> list[str]:
    """The versions that have changed since the hand-in was graded, a text for each."""
    assignment = submission.assignment
    now = versions(assignment.track.framework, assignment.exercise) if assignment else {}
    then = result.get("versions") or {}
    return [
        f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def machine_part(result: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a result that grading again must reproduce: without measurements and marks by hand."""
    left = {k: v for k, v in result.items() if k not in (*VARIES, *OF_THE_FILE, "versions")}
    if any(part.get("by_hand") for part in result.get("parts", [])):
        left["parts"] = [part for part in result["parts"] if not part.get("by_hand")]
        for name in ("score", "max_score", "flags"):
            left.pop(name, None)
    return left


def differences(then: Any, now: Any, where: str = "") -> Iterator[str]:
    """The differences of two results, a text for each: where, the earlier value, the value now."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in [*then, *(k for k in now if k not in then)]:
            if key in VARIES or (not where and key not in then):
                continue  # a result of an earlier grader may lack what a later one adds
            yield from differences(then.get(key), now.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (one, other) in enumerate(zip(then, now, strict=True)):
            name = one.get("id") or one.get("name") or one.get("label") if isinstance(one, dict) else None
            yield from differences(one, other, f"{where}[{name or i}]")
    elif then != now:
        yield f"{where}: {_short(then)} then, {_short(now)} now"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}..."
