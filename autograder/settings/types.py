"""The settings of `course.toml` as Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

NAME = "course.toml"
LATE = ("none", "zero", "per-day")  # the late penalty: nothing, all points, a share of the points for each day
SHOWN = ("nothing", "mark", "checks", "all")  # how much of a grading a student sees, from little to much


@dataclass(frozen=True)
class PartSettings:
    """How a part counts: by `points`, by a `share` (0 to 1) of the assignment's points, or as in the syllabus.

    A part that is dropped counts nothing. The points of a bonus come on top of the assignment's.
    """

    points: float | None = None
    share: float | None = None
    drop: bool = False
    bonus: bool = False


@dataclass(frozen=True)
class Void:
    """A hidden test, or one case of it, that counts nothing: its share goes to the rest of its part."""

    test: str
    why: str = ""

    def covers(self, name: str) -> bool:
        """Whether a test is meant: `test_values` is all its cases, `test_values[a batch]` that one."""
        return name == self.test or name.partition("[")[0] == self.test


@dataclass(frozen=True)
class Accepted:
    """An answer that counts as right, whatever the tests say.

    `content` is the SHA-256 of the code that was looked at; the answer of a later hand-in is judged as any other.
    """

    hand_in: str
    part: str
    why: str = ""
    content: str = ""


@dataclass(frozen=True)
class Extension:
    """More time for one student: so many days after the due date, or until a time."""

    days: float = 0.0
    until: datetime | None = None
    why: str = ""

    def after(self, due: datetime) -> timedelta:
        """How much later than the due date the student may hand in."""
        return self.until - due if self.until is not None else timedelta(days=self.days)


@dataclass(frozen=True)
class Late:
    """What lateness costs. `per_day` and `at_most` are shares of the points that were earned, 0 to 1."""

    method: str = "none"
    per_day: float = 0.1
    at_most: float = 1.0
    grace_minutes: float = 0.0

    def penalty(self, score: float, seconds: float) -> float:
        """The points that are taken off a score for so many seconds; every day that has begun counts."""
        left = seconds - 60 * self.grace_minutes
        if left <= 0 or self.method == "none":
            return 0.0
        if self.method == "zero":
            return score
        days = -(-left // 86400)
        return round(score * min(self.at_most, self.per_day * days), 2)


@dataclass(frozen=True)
class Shown:
    """What students see of a grading, each one of `SHOWN`."""

    before_due: str = "all"
    after_due: str = "all"


@dataclass(frozen=True)
class Rules:
    """Settings that decide on a mark besides the hand-in and the judge; None: as in the syllabus or the run.

    `void` are names of tests and of cases. A result says by which rules it was made.
    """

    seed: int | None = None
    marking: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    void: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssignmentSettings:
    """A course's settings of one assignment. `points`: its total; None: the sum of its parts."""

    points: float | None = None
    parts: Mapping[str, PartSettings] = field(default_factory=dict)
    rules: Rules = Rules()
    void: tuple[Void, ...] = ()
    accept: tuple[Accepted, ...] = ()
    due: datetime | None = None
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    late: Late | None = None
    show: Shown = Shown()

    def due_of(self, student: str) -> datetime | None:
        """The student's due date, with an extension if there is one; a time with a zone."""
        extension = self.extensions.get(student)
        return self.due + extension.after(self.due) if self.due and extension else self.due

    def shown_to(self, student: str, now: datetime) -> str:
        """What the student sees now, one of `SHOWN`."""
        due = self.due_of(student)
        return self.show.before_due if due is not None and now <= due else self.show.after_due

    def voids(self, name: str) -> Void | None:
        """The entry that makes a test count nothing, if there is one."""
        return next((void for void in self.void if void.covers(name)), None)


@dataclass(frozen=True)
class CourseSettings:
    """The settings of a course. `raw` is the content of the file as TOML gives it, used to detect changes."""

    language: str | None = None
    general: AssignmentSettings = AssignmentSettings()  # defaults for all assignments
    assignments: Mapping[str, AssignmentSettings] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)

    def of(self, assignment: str | None) -> AssignmentSettings:
        """The settings of an assignment, by its name in the syllabus."""
        return self.assignments.get(assignment or "", self.general)

    def with_rules(self, assignment: str, **changes: Any) -> CourseSettings:
        """The same with other rules for an assignment."""
        one = self.of(assignment)
        changed = replace(one, rules=replace(one.rules, **changes))
        return replace(self, assignments={**self.assignments, assignment: changed})


NO_RULES = Rules()
NO_SETTINGS = CourseSettings()
