"""Finished results, kept in a course folder, so that nbgrader can use them and nothing is graded twice.

One JSON file for each hand-in, `.autograder/results/<assignment>/<student>.json`. A result is valid only for the code
that was graded: it has the hash of that code, which is compared with the hash of the present code.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from autograder.grading.result import sound, versions
from autograder.messages import Message
from autograder.records import Part, Result, Test
from autograder.settings.types import NO_RULES, Rules
from autograder.submission.hand_in import Submission, Unreadable
from autograder.submission.read import read_notebook, with_cells
from course.syllabus import Assignment, UnknownName, syllabus

FOLDER = Path(".autograder") / "results"
VOID = Message("This check does not count.")


def path_of(course_root: Path, assignment: str, student: str) -> Path:
    """The file of a result; names are percent-encoded, so that no student's id leads out of the folder."""
    name = quote(student, safe="", errors="replace")
    if len(name) > 180:  # file names end at 255 bytes; the hash keeps two long names apart
        name = f"{name[:140]}-{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:32]}"
    return Path(course_root) / FOLDER / quote(assignment, safe="") / f"{name}.json"


def save(course_root: Path, result: Result) -> Path:
    """Write a result and give its file. Raises OSError where that fails; the earlier result is then still there."""
    path = path_of(course_root, str(result["assignment"]), str(result["student"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(result, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def finished(course_root: Path, submission: Submission, rules: Rules, **settings: Any) -> Result | None:
    """The stored result of this hand-in, if grading it now would give the same; else None.

    The code, the remarks on the notebook and the judge must be the same, and so must the rules (without `marking`, it
    is the syllabus's; without a seed, any seed will do) and the settings (`device`, `isolation`, `checkpoint`) that are
    not None. A test that was made void since then does not matter if the part is complete without it.
    """
    if submission.problem or submission.assignment is None or not submission.content:
        return None
    result = _read(path_of(course_root, submission.assignment.id, submission.student))
    if result is None or result.get("content") != submission.content:
        return None
    same = result.get("remarks") == sound(list(submission.remarks))
    same &= set(submission.flags) <= set(result.get("flags", []))
    for name, value in settings.items():
        if value is not None and not (name == "checkpoint" and result.get(name) is None):
            same &= result.get(name) == value
    ruled = _under(rules, result, submission.assignment) if same else None
    return {**ruled, "submission": submission.name, "receipt": submission.receipt} if ruled else None


def _under(rules: Rules, result: Result, assignment: Assignment) -> Result | None:
    """A result of the present judge, under these rules; None if the hand-in must be graded again."""
    marking = rules.marking or syllabus().marking_of(assignment.exercise)
    same = result.get("versions") == versions(assignment.track.framework, assignment.exercise)
    same &= result.get("marking", marking) == marking and rules.seed in (None, result.get("seed"))
    same &= (result.get("limits") or {}) == dict(rules.limits)
    before, now = set(result.get("void") or ()), set(rules.void)
    if not same or not before <= now:
        return None
    if before == now:
        return result
    parts: list[Part] = []
    for part in result["parts"]:
        counted = [test for test in part["tests"] if not test.get("void")]
        touched = any(test["name"] in now for test in counted)
        if touched and any(test["outcome"] != "passed" for test in counted):
            return None
        parts.append({**part, "tests": [_voided(test) if test["name"] in now else test for test in part["tests"]]})
    return {**result, "parts": parts, "void": list(rules.void)}


def _voided(test: Test) -> Test:
    return {**test, "outcome": "not_run", "message": VOID, "share": 0.0, "void": True}


def _read(path: Path) -> Result | None:
    """A graded result in a file; None where there is no such thing."""
    try:
        result: Result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("status") == "graded" else None


def stored(course_root: Path, assignment: str, student: str) -> Result | None:
    """The stored result of a student, whichever hand-in it is for; None if there is no graded one."""
    return _read(path_of(course_root, assignment, student))


def lookup(
    course_root: Path, assignment: str, student: str, notebook: dict[str, Any], rules: Rules = NO_RULES
) -> Result | None:
    """The stored result of exactly this notebook's code by this version of the grader under these rules, or None."""
    result = _read(path_of(course_root, assignment, student))
    if result is None:
        return None
    submission = from_notebook(notebook, assignment, student, Path(course_root) / "source")
    same_code = submission.problem is None and submission.content == result.get("content")
    known = submission.assignment
    return _under(rules, result, known) if same_code and known is not None else None


def seeds(course_root: Path, assignment: str) -> list[int]:
    """The seeds of the stored results of an assignment, the most frequent first."""
    found = Counter(
        seed
        for path in sorted((Path(course_root) / FOLDER / quote(assignment, safe="")).glob("*.json"))
        if (result := _read(path)) and isinstance(seed := result.get("seed"), int)
    )
    return [seed for seed, _ in found.most_common()]


def from_notebook(notebook: dict[str, Any], assignment: str, student: str, source_root: Path) -> Submission:
    """A hand-in made from a notebook in memory; `problem` says why where it cannot be graded."""
    submission = Submission(f"{student}/{assignment}", student, None)
    try:
        submission.assignment = syllabus().assignment(assignment)
        read_notebook(submission, with_cells(dict(notebook)), source_root)
    except (Unreadable, UnknownName) as reason:
        submission.problem = reason.args[0]
    return submission
