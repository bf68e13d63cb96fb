"""The copies that the grader puts into a course's `submitted/` tree, and a record of them.

nbgrader expects each notebook under one name, so a student's file of another name is copied to it. The record,
`.autograder/copies.json`, tells such copies from students' files: a copy is never graded beside its original, and only
a copy may be overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

RECORD = Path(".autograder") / "copies.json"


class StudentsFile(OSError):
    """A student's file has the name of a copy; it is not overwritten."""


def is_copy(course: Path, path: Path) -> bool:
    """Whether the grader made a file as a copy, and nobody has changed it since."""
    wanted = _record(course).get(_key(course, path))
    return wanted is not None and path.is_file() and wanted == _hash(path.read_bytes())


def put_copy(course: Path, data: bytes, path: Path) -> None:
    """Write a copy to `path`, in the course. Raises StudentsFile where a student's file with other bytes is there."""
    if path.exists() and path.read_bytes() != data and not is_copy(course, path):
        raise StudentsFile(f"{path} was handed in by the student and is not overwritten")
    if path.exists() and not is_copy(course, path):
        return  # the student's own, with the same bytes
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {**_record(course), _key(course, path): _hash(data)}
    where = course / RECORD
    where.parent.mkdir(parents=True, exist_ok=True)
    unfinished = where.with_suffix(".part")
    unfinished.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(unfinished, where)
    path.write_bytes(data)


def set_aside(path: Path) -> Path:
    """Rename a student's file in its folder, so that a copy can have its name. Returns the new path."""
    other = path.with_name(f"{path.stem}.handed-in-{_hash(path.read_bytes())[:8]}{path.suffix}")
    path.rename(other)
    return other


def _record(course: Path) -> dict[str, str]:
    try:
        found = json.loads((course / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(course: Path, path: Path) -> str:
    return Path(os.path.relpath(path.absolute(), course.absolute())).as_posix()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
