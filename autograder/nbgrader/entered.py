"""Which results a gradebook has already, so that only what is new, or has changed, is entered.

`.autograder/entered.json` has two hashes for each hand-in: of all that decides on what is entered, and of what the
gradebook had afterwards. If one of them is another now, the hand-in is entered again.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from nbgrader.coursedir import CourseDirectory

from autograder.nbgrader.course_rules import settings_of
from autograder.nbgrader.manual_marks import entry_of_result
from autograder.records import Result
from autograder.settings.types import NAME
from course.syllabus import UnknownName, syllabus

FILE = Path(".autograder") / "entered.json"
MEASURED = ("seconds", "cpu_seconds", "peak_mb", "owner")  # fields of a result that are not entered into the gradebook


class Entered:
    """What has been entered into the gradebook of a course."""

    def __init__(self, directory: CourseDirectory) -> None:
        self._directory, self._root = directory, Path(directory.root)
        try:
            found = json.loads((self._root / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        self._known: dict[str, list[str]] = found if isinstance(found, dict) else {}

    def has(self, result: Result, assignment: str, notebook: str) -> bool:
        """Whether this result is in the gradebook as it would be entered now; names are nbgrader's.

        Raises GradebookError.
        """
        known = self._known.get(self._key(result))
        if known is None or result.get("status") != "graded":
            return False
        return known == self._hashes(result, assignment, notebook)

    def note(self, result: Result, assignment: str, notebook: str, entered: bool) -> None:
        """Note that a result was entered, or that it could not be. Raises GradebookError."""
        if entered and result.get("status") == "graded":
            self._known[self._key(result)] = self._hashes(result, assignment, notebook)
        else:
            self._known.pop(self._key(result), None)

    def save(self) -> None:
        """Save the notes. Raises OSError."""
        path = self._root / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self._known), encoding="utf-8")
        part.replace(path)

    @staticmethod
    def _key(result: Result) -> str:
        return f"{result.get('assignment')}/{result.get('student')}"

    def _hashes(self, result: Result, assignment: str, notebook: str) -> list[str]:
        student, directory = str(result["student"]), self._directory
        handed_in = directory.format_path(directory.submitted_directory, student, assignment)
        made = [
            Path(directory.format_path(folder, student, assignment), f"{notebook}{suffix}").is_file()
            for folder, suffix in (
                (directory.autograded_directory, ".ipynb"),
                (directory.feedback_directory, ".html"),
            )
        ]
        decides = [
            {key: value for key, value in result.items() if key not in MEASURED},
            self._of_course,
            _stamp(Path(directory.format_path(directory.source_directory, ".", assignment), f"{notebook}.ipynb")),
            _stamp(Path(handed_in, f"{notebook}.ipynb")),
            _content(Path(handed_in, "timestamp.txt")),
            self._shown(result, student),
        ]
        return [_hash(decides), _hash([repr(entry_of_result(directory, result)), made])]

    def _shown(self, result: Result, student: str) -> str:
        try:
            known = syllabus().assignment(str(result["assignment"]))
        except UnknownName:
            return ""
        return settings_of(self._directory).of(known.id).shown_to(student, datetime.now(UTC))

    @cached_property
    def _of_course(self) -> list[str]:
        """The configuration: nbgrader's, plug-ins in the course folder, settings, and this program."""
        files = [*sorted(self._root.glob("*.py")), self._root / NAME]
        return [metadata.version("attention-exercises"), *(_content(path) for path in files)]


def _stamp(path: Path) -> list[int]:
    try:
        return [path.stat().st_mtime_ns, path.stat().st_size]
    except OSError:
        return []


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except OSError:
        return ""


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()
