"""The points of an assignment's parts in a course, from `course.toml`, the source notebook and the syllabus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from autograder.paths import source_notebook
from autograder.settings.types import AssignmentSettings, PartSettings
from course.syllabus import Assignment


@dataclass(frozen=True)
class Worth:
    """The points of a part. Points of a bonus are added to the assignment's maximum; a dropped part has none."""

    points: float
    bonus: bool = False
    dropped: bool = False


def worth_of(assignment: Assignment, settings: AssignmentSettings, sources: Path | None = None) -> dict[str, Worth]:
    """What each part is worth, by its id, in the syllabus's order.

    Parts with `share` get that share of the assignment's points. The other parts divide the rest in proportion to their
    points. Without shares, `points` of the assignment are divided as its parts' points are. `sources` is the folder of
    the course's source notebooks, whose points go before the syllabus's.
    """
    known = assignment.exercise.parts
    usual = {part.id: part.points for part in known} | (source_points(sources, assignment) if sources else {})
    said = {part.id: settings.parts.get(part.id, PartSettings()) for part in known}
    points = {name: usual[name] if part.points is None else part.points for name, part in said.items()}
    counted = {name: points[name] for name, part in said.items() if not part.drop and not part.bonus}
    shares = {name: part.share for name, part in said.items() if part.share is not None}
    whole = sum(counted.values())
    total = whole if settings.points is None else settings.points
    rest = sum(value for name, value in counted.items() if name not in shares)
    left = total * (1 - sum(shares.values()))
    for name in counted:
        if name in shares:
            points[name] = total * shares[name]
        elif shares or settings.points is not None:
            points[name] = left * points[name] / rest if rest else 0.0
    return {
        name: Worth(0.0, dropped=True) if part.drop else Worth(round(points[name], 6), part.bonus)
        for name, part in said.items()
    }


def source_points(sources: Path, assignment: Assignment) -> dict[str, float]:
    """The points of the parts in a course's source notebook; empty where there is none."""
    path = source_notebook(sources, assignment)
    try:
        status = path.stat()
    except OSError:
        return {}
    kind = "task" if assignment.exercise.by_hand else "test"
    known = _points_in(path, status.st_mtime_ns, status.st_size)
    return {part.id: known[f"{kind}-{part.id}"] for part in assignment.exercise.parts if f"{kind}-{part.id}" in known}


@lru_cache(maxsize=100)
def _points_in(path: Path, _modified: int, _size: int) -> Mapping[str, float]:
    found: dict[str, float] = {}
    try:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            ours = cell["metadata"].get("nbgrader", {})
            if "points" in ours:
                found[ours["grade_id"]] = float(ours["points"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return found
