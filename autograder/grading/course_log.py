"""The records that a course keeps of its gradings: the marks after each one, and `CHANGELOG.md`.

`.autograder/runs.jsonl` has a line for each grading: when, what, with which versions and seeds, how long it took.
`.autograder/marks/` has a file for each time that marks changed, with all marks; the newest comes last by name.
`autograder compare` reads them, as it reads what `autograder grade --json` wrote.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from autograder.grading.comparison import Change
from autograder.records import Result
from autograder.settings.types import CourseSettings

FOLDER = Path(".autograder") / "marks"
SETTINGS = Path(".autograder") / "settings.json"  # what course.toml said at the last grading
RUNS = Path(".autograder") / "runs.jsonl"  # a line for each grading
CHANGELOG = "CHANGELOG.md"
HEAD = "# Changes in this course\n\nWritten by `autograder`, a line for each change; the newest is the last.\n\n"


def log_run(course: Path, what: str, counts: Mapping[str, int], seconds: Mapping[str, float], seeds: Any) -> None:
    """Write a line on a grading: the verb, how many hand-ins, the seconds of its steps, the seed of each assignment.

    Raises OSError.
    """
    versions = {"python": platform.python_version()}
    for name in ("attention-exercises", "nbgrader", "torch", "tensorflow", "keras", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    line = {
        "when": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "what": what, **counts,
        "seconds": {step: round(value, 2) for step, value in seconds.items()}, "seeds": seeds, "versions": versions,
    }  # fmt: skip
    path = course / RUNS
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def latest(course: Path) -> list[Result]:
    """The marks after the last grading; none where nothing was graded yet."""
    files = sorted((course / FOLDER).glob("*.json"))
    try:
        found = json.loads(files[-1].read_text(encoding="utf-8")) if files else []
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def remember(course: Path, results: Sequence[Result], whole: bool = False) -> list[Result]:
    """Save the marks after a grading, and return all marks of the course; `whole`: `results` has all of them.

    Writes nothing if no mark has changed. Raises OSError.
    """
    before = latest(course)
    rows = {} if whole else {(row["assignment"], row["student"]): row for row in before}
    rows |= {(row["assignment"], row["student"]): _slim(row) for row in results if row["assignment"]}
    now = list(rows.values())
    if json.dumps(now) != json.dumps(before):
        folder = course / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(now, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    return now


def _slim(row: Result) -> Result:
    """A result without its long fields: printed output, messages, pictures."""
    parts: list[Any] = [
        {**part, "tests": [{**test, "message": None, "picture": None} for test in part["tests"]]}
        for part in row["parts"]
    ]
    return {**row, "parts": parts, "cells": [], "words": {}, "remarks": []}


def changed_settings(course: Path, settings: CourseSettings) -> list[str]:
    """A sentence for each key of `course.toml` that changed since the last grading; then saves the new values.

    Raises OSError.
    """
    path = course / SETTINGS
    now = json.loads(json.dumps(settings.raw, default=str))
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if before == now:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if before is None:
        return []
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        f"course.toml: {key}: {_said(old, key)} → {_said(new, key)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _flat(inside, f"{where}.{key}" if where else str(key))
    else:
        yield where, value


def _said(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "not set"


def note(course: Path, lines: Sequence[str]) -> None:
    """Write lines into the course's `CHANGELOG.md`, with the time. Raises OSError."""
    if not lines:
        return
    path = course / CHANGELOG
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    with open(path, "a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(HEAD)
        file.writelines(f"- {now}: {' '.join(line.split())}\n" for line in lines)


def marks_line(changes: Sequence[Change]) -> str:
    """How many marks changed in which assignments, and why, for the course's CHANGELOG.md."""
    lines = []
    for assignment in dict.fromkeys(change["assignment"] for change in changes):
        own = [change for change in changes if change["assignment"] == assignment]
        counts = Counter(change["direction"] for change in own)
        reasons = Counter(reason for change in own if change["tell"] for reason in change["reasons"])
        if counts["up"] + counts["down"] + counts["lost"] + counts["gone"] or reasons:
            why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            lines.append(f"{assignment}: {told(counts)}{f' ({why})' if why else ''}")
    return "; ".join(lines)


def told(counts: Mapping[Any, int]) -> str:
    """A text that says how many marks went up, went down, or stayed."""
    words = {
        "up": "went up", "down": "went down", "same": "stayed", "new": "new", "lost": "could not be graded",
        "gone": "gone",
    }  # fmt: skip
    return ", ".join(f"{counts[key]} {text}" for key, text in words.items() if counts.get(key)) or "no marks"
