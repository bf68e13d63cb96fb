"""The syllabus as Python objects: exercises, parts, points, limits, tracks.

`course/syllabus.toml` is the only place where these facts stand; this module reads it once and is imported by
everything that needs one of them. It uses the standard library alone, because the student's copy of `course` carries
it too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

# What the framework's own attention means in an answer; the last two speak of whole transformer layers alone.
RULES = {"allow", "flag", "forbid", "flag-layers", "forbid-layers"}


class UnknownName(LookupError):
    """A track, exercise, part or assignment that the syllabus does not have; the message lists those that it has."""


@dataclass(frozen=True)
class Part:
    """A graded part of an exercise: one symbol that the student defines, and what it is worth.

    Of an assignment that is graded by hand, a task; then `symbol` is empty. `ready_made` goes before the exercise's.
    """

    id: str
    symbol: str
    title: str
    points: float
    ready_made: str = ""


@dataclass(frozen=True)
class Exercise:
    """An exercise: the same parts in every track; `module` names the solution module in `solutions/<track>/`.

    One that is graded `by_hand` has no module: no solution, no checks, no hidden tests.
    """

    id: str
    number: int
    module: str
    title: str
    parts: tuple[Part, ...]
    ready_made: str = "allow"
    by_hand: bool = False
    packages: dict[str, list[str]] = field(default_factory=dict, hash=False)  # by track: what answers import besides
    limits: dict = field(default_factory=dict, hash=False)  # where they differ from the course's

    def rule(self, part: Part, name: str, layers: Iterable[str]) -> str:
        """What this of the framework's own, `torch.nn.MultiheadAttention` for example, means in an answer to the part:
        "allow", "flag" (the instructor is told) or "forbid" (the part earns nothing). `layers`: whole ones, by name."""
        rule, _, only_layers = (part.ready_made or self.ready_made).partition("-")
        layer = name.rpartition(".")[2] in {dotted.rpartition(".")[2] for dotted in layers}
        return "allow" if only_layers and not layer else rule

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    def part(self, part_id: str) -> Part:
        return _pick({part.id: part for part in self.parts}, part_id, f"part of {self.id}")


@dataclass(frozen=True)
class Track:
    """A framework that the course is taught in.

    `ready_made` lists its own attention and all that is made of it, by full dotted name; `ready_made_layers` are those
    of them that are whole transformer layers.
    """

    id: str
    title: str
    framework: str
    ready_made: tuple[str, ...]
    ready_made_layers: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What a submission may use in the sandbox: seconds, MiB (`*_mb`), KiB (`output_kb`), counts."""

    cpu_seconds_per_call: float
    cpu_seconds: float
    wall_factor: float
    memory_mb: int
    threads: int
    processes: int
    file_mb: int
    scratch_mb: int
    output_kb: int
    reply_mb: int
    gpu_memory_mb: int
    restarts: int


@dataclass(frozen=True)
class Assignment:
    """An exercise in a track: what nbgrader calls an assignment, `self-attention-pytorch` for example."""

    exercise: Exercise
    track: Track

    @property
    def id(self) -> str:
        return f"{self.exercise.id}-{self.track.id}"


@dataclass(frozen=True)
class Syllabus:
    id: str
    title: str
    limits: Limits
    tracks: dict[str, Track]
    exercises: dict[str, Exercise]  # those that the machine grades
    by_hand: dict[str, Exercise]  # those that a person grades

    def limits_of(self, exercise: Exercise) -> Limits:
        """The course's limits with what the exercise says otherwise."""
        return replace(self.limits, **exercise.limits)

    def track(self, track_id: str) -> Track:
        return _pick(self.tracks, track_id, "track")

    def exercise(self, exercise_id: str) -> Exercise:
        return _pick(self.exercises, exercise_id, "exercise")

    @property
    def ready_made_layers(self) -> list[str]:
        """The whole transformer layers of all frameworks."""
        return [name for track in self.tracks.values() for name in track.ready_made_layers]

    def assignments(self) -> dict[str, Assignment]:
        """What the machine grades."""
        return _in_tracks(self.exercises, self.tracks)

    def released(self) -> dict[str, Assignment]:
        """All that students get and hand in: that, and what a person grades."""
        return self.assignments() | _in_tracks(self.by_hand, self.tracks)

    def assignment(self, assignment_id: str) -> Assignment:
        return _pick(self.released(), assignment_id, "assignment")


def _in_tracks(exercises: dict[str, Exercise], tracks: dict[str, Track]) -> dict[str, Assignment]:
    pairs = (Assignment(e, t) for e in exercises.values() for t in tracks.values())
    return {assignment.id: assignment for assignment in pairs}


def _pick(table: dict, name: str, what: str):
    try:
        return table[name]
    except KeyError:
        raise UnknownName(f"no {what} is called {name!r}; there is: {', '.join(table)}") from None


@cache
def syllabus() -> Syllabus:
    """The course's syllabus, read once a process."""
    raw = tomllib.loads((resources.files("course") / "syllabus.toml").read_text(encoding="utf-8"))
    exercises = {}
    for entry in raw["exercises"]:
        parts = tuple(Part(**part) for part in entry.pop("parts"))
        exercises[entry["id"]] = Exercise(parts=parts, **entry)
    by_hand = {}
    for entry in raw["by_hand"]:
        tasks = tuple(Part(symbol="", **task) for task in entry.pop("tasks"))
        by_hand[entry["id"]] = Exercise(parts=tasks, module="", by_hand=True, **entry)
    tracks = {
        name: Track(
            name, t["title"], t["framework"], (*t["ready_made"], *t["ready_made_layers"]), tuple(t["ready_made_layers"])
        )
        for name, t in raw["tracks"].items()
    }
    for exercise in exercises.values():
        unknown = {exercise.ready_made, *(part.ready_made or "allow" for part in exercise.parts)} - RULES
        if unknown:
            raise ValueError(f"{exercise.id}: ready_made is one of {sorted(RULES)}, not {unknown.pop()!r}")
    return Syllabus(raw["course"]["id"], raw["course"]["title"], Limits(**raw["limits"]), tracks, exercises, by_hand)
