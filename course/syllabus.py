"""The syllabus as Python objects: exercises, parts, points, limits, tracks.

These facts are only in `course/syllabus.toml`. This module reads the file once, and other modules import it. It uses
only the standard library, because students have it too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Found = TypeVar("Found")
Made = TypeVar("Made", bound="DataclassInstance")
Table = dict[str, Any]  # a table of the TOML file

# What the framework's own attention means in an answer; the last two are about whole transformer layers alone.
RULES = {"allow", "flag", "forbid", "flag-layers", "forbid-layers"}

# How hard a part is, in words that students read.
DIFFICULTIES = ("easy", "medium", "hard")

# How a part is marked: a known mistake is counted once, or each test that does not pass costs its share.
MARKING = ("follow-through", "strict")


class UnknownName(LookupError):
    """A track, exercise, part or assignment that the syllabus does not have; the message lists those that it has."""


class SyllabusError(ValueError):
    """A mistake in the syllabus; the message names the entry."""

    def __init__(self, what: str) -> None:
        super().__init__(f"course/syllabus.toml: {what}")


@dataclass(frozen=True)
class Part:
    """A graded part of an exercise: a symbol that the student defines, and its points.

    In an assignment that is graded by hand it is a task, and `symbol` is empty. `minutes` is how long a student needs
    for it, `difficulty` one of DIFFICULTIES. `ready_made`, where it is not empty, holds instead of the exercise's.
    """

    id: str
    symbol: str
    title: str
    points: float
    minutes: int
    difficulty: str
    ready_made: str = ""


@dataclass(frozen=True)
class Exercise:
    """An exercise: the same parts in every track; `module` is the name of its folder in each room.

    `reading` is how many minutes the text beside the parts takes. An exercise that is graded `by_hand` has a lesson
    only: no solution, no checks, no hidden tests.
    """

    id: str
    number: int
    module: str
    title: str
    reading: int
    parts: tuple[Part, ...]
    ready_made: str = "allow"
    by_hand: bool = False
    packages: dict[str, list[str]] = field(default_factory=dict, hash=False)  # by track: what answers import besides
    limits: dict[str, Any] = field(default_factory=dict, hash=False)  # where they differ from the course's
    marking: str = ""  # one of MARKING; empty: the course's

    def rule(self, part: Part, name: str, layers: Iterable[str]) -> str:
        """What a ready-made layer, `torch.nn.MultiheadAttention` for example, means in an answer to the part.

        "allow", "flag" (the instructor is told) or "forbid" (the part earns nothing). `layers` are the dotted names of
        whole transformer layers.
        """
        rule, _, only_layers = (part.ready_made or self.ready_made).partition("-")
        layer = name.rpartition(".")[2] in {dotted.rpartition(".")[2] for dotted in layers}
        return "allow" if only_layers and not layer else rule

    @property
    def points(self) -> float:
        """The points of all parts together."""
        return sum(part.points for part in self.parts)

    @property
    def minutes(self) -> int:
        """How long a student needs for the whole exercise, in minutes: the reading and all parts."""
        return self.reading + sum(part.minutes for part in self.parts)

    def part(self, part_id: str) -> Part:
        """The part with this id. Raises UnknownName where the exercise has none."""
        return _pick({part.id: part for part in self.parts}, part_id, f"part of {self.id}")


@dataclass(frozen=True)
class Track:
    """A framework that the course is taught in.

    `ready_made` lists the framework's own attention and all that is made of it, by full dotted name;
    `ready_made_layers` are those of them that are whole transformer layers.
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
        """The exercise's id and the track's, joined by a hyphen."""
        return f"{self.exercise.id}-{self.track.id}"


@dataclass(frozen=True)
class Syllabus:
    """The whole course, as course/syllabus.toml has it; the exercises, and the tracks, are kept by id."""

    id: str
    title: str
    limits: Limits
    tracks: dict[str, Track]
    exercises: dict[str, Exercise]  # those that the machine grades
    by_hand: dict[str, Exercise]  # those that a person grades
    marking: str  # one of MARKING, for exercises that do not say otherwise
    weights: dict[str, float]  # by grade: the share of its part that a known mistake of this grade costs, 0 to 1

    def marking_of(self, exercise: Exercise) -> str:
        """How an exercise is marked: its own rule, or the course's."""
        return exercise.marking or self.marking

    def limits_of(self, exercise: Exercise) -> Limits:
        """The course's limits, with those that the exercise changes."""
        return replace(self.limits, **exercise.limits)

    def track(self, track_id: str) -> Track:
        """The track with this id. Raises UnknownName where there is none."""
        return _pick(self.tracks, track_id, "track")

    def exercise(self, exercise_id: str) -> Exercise:
        """The exercise with this id that the machine grades. Raises UnknownName where there is none."""
        return _pick(self.exercises, exercise_id, "exercise")

    @property
    def ready_made_layers(self) -> list[str]:
        """The whole transformer layers of all frameworks."""
        return [name for track in self.tracks.values() for name in track.ready_made_layers]

    def assignments(self) -> dict[str, Assignment]:
        """The assignments that the machine grades, by id."""
        return _in_tracks(self.exercises, self.tracks)

    def released(self) -> dict[str, Assignment]:
        """All assignments that students get and hand in, by id: those of `assignments`, and those a person grades."""
        return self.assignments() | _in_tracks(self.by_hand, self.tracks)

    def assignment(self, assignment_id: str) -> Assignment:
        """The assignment with this id, of those in `released`. Raises UnknownName where there is none."""
        return _pick(self.released(), assignment_id, "assignment")


def _in_tracks(exercises: dict[str, Exercise], tracks: dict[str, Track]) -> dict[str, Assignment]:
    pairs = (Assignment(e, t) for e in exercises.values() for t in tracks.values())
    return {assignment.id: assignment for assignment in pairs}


def _pick(table: dict[str, Found], name: str, what: str) -> Found:
    try:
        return table[name]
    except KeyError:
        raise UnknownName(f"no {what} is called {name!r}; there is: {', '.join(table)}") from None


@cache
def syllabus() -> Syllabus:
    """The course's syllabus, read once a process. Raises SyllabusError where it is not right."""
    return read_syllabus((resources.files("course") / "syllabus.toml").read_bytes())


def read_syllabus(data: bytes) -> Syllabus:
    """A syllabus from the bytes of its file. Raises SyllabusError, which names the entry and what is wrong with it."""
    try:
        raw = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SyllabusError(f"not valid TOML: {error}") from None
    if unknown := raw.keys() - {"course", "limits", "marking", "tracks", "exercises", "by_hand"}:
        raise SyllabusError(f"unknown table {min(unknown)!r}")
    course = _table(raw, "course")
    for key in ("id", "title"):
        if not isinstance(course.get(key), str):
            raise SyllabusError(f"course: `{key}` is missing, or no text")
    marking = _marking(course.get("marking", MARKING[0]), "course")
    weights = _weights(_table(raw, "marking"))
    limits = _made(Limits, _table(raw, "limits"), "limits")
    tracks = {name: _track(name, _table(raw["tracks"], name)) for name in _table(raw, "tracks")}
    places = _places(data.decode())
    exercises = [
        _exercise(entry, place, tracks, limits) for entry, place in _placed(raw, "exercises", "the file", places)
    ]
    by_hand = [_by_hand(entry, place) for entry, place in _placed(raw, "by_hand", "the file", places)]
    _none_twice(places, exercises, by_hand)
    return Syllabus(
        course["id"],
        course["title"],
        limits,
        tracks,
        {exercise.id: exercise for exercise in exercises},
        {exercise.id: exercise for exercise in by_hand},
        marking,
        weights,
    )


def _marking(rule: object, where: str) -> str:
    if rule not in MARKING:
        raise SyllabusError(f"{where}: `marking` is one of {', '.join(MARKING)}, not {rule!r}")
    return str(rule)


def _weights(table: dict[str, object]) -> dict[str, float]:
    """The grades of known mistakes and what they cost: shares above 0, at most 1."""
    weights: dict[str, float] = {}
    for grade, weight in table.items():
        if not isinstance(weight, (int, float)) or isinstance(weight, bool) or not 0 < weight <= 1:
            raise SyllabusError(f"marking: `{grade}` is a number above 0 and at most 1, not {weight!r}")
        weights[grade] = float(weight)
    if not weights:
        raise SyllabusError("marking: no grade is there")
    return weights


def _track(name: str, entry: Table) -> Track:
    track = _made(Track, entry, f"track {name}", id=name)
    return replace(track, ready_made=(*track.ready_made, *track.ready_made_layers))


def _exercise(entry: Table, place: Place, tracks: dict[str, Track], limits: Limits) -> Exercise:
    made = _with_parts(entry, "parts", place, {})
    for rule in (made.ready_made, *(part.ready_made or "allow" for part in made.parts)):
        if rule not in RULES:
            raise SyllabusError(f"{made.id}: `ready_made` is one of {', '.join(sorted(RULES))}, not {rule!r}")
    if made.marking:
        _marking(made.marking, made.id)
    if unknown := made.packages.keys() - tracks.keys():
        raise SyllabusError(f"{made.id}: `packages` is by track, and no track is called {min(unknown)!r}")
    _made(Limits, vars(limits) | made.limits, f"{made.id}, limits")
    return made


def _by_hand(entry: Table, place: Place) -> Exercise:
    module = str(entry.get("id", "")).replace("-", "_")
    return _with_parts(entry, "tasks", place, {"symbol": ""}, module=module, by_hand=True)


def _with_parts(entry: Table, key: str, place: Place, of_part: dict[str, str], **more: object) -> Exercise:
    """An exercise whose parts stand under `key`. `of_part` and `more` are fields that are not in the file."""
    name = entry.get("id", "(an exercise without id)")
    listed = _placed(entry, key, name, {key: place.parts})
    parts = [
        _made(Part, part, f"{name}, {part.get('id', '(a part without id)')}", at, **of_part) for part, at in listed
    ]
    for part, (_entry, at) in zip(parts, listed, strict=True):
        where = f"{name}, {part.id}"
        if sum(part.id == other.id for other in parts) > 1:
            raise SyllabusError(f"{name}: two parts are called {part.id!r}{at.said('id')}")
        if part.points <= 0:
            raise SyllabusError(f"{where}: `points` is a number above 0, not {part.points}{at.said('points')}")
        if part.minutes <= 0:
            raise SyllabusError(f"{where}: `minutes` is a whole number above 0, not {part.minutes}{at.said('minutes')}")
        if part.difficulty not in DIFFICULTIES:
            raise SyllabusError(
                f"{where}: `difficulty` is one of {', '.join(DIFFICULTIES)}, not {part.difficulty!r}"
                f"{at.said('difficulty')}"
            )
    rest = {other: value for other, value in entry.items() if other != key}
    made = _made(Exercise, rest, name, place, parts=tuple(parts), **more)
    if made.reading < 0:
        raise SyllabusError(f"{name}: `reading` is 0 or more minutes, not {made.reading}{place.said('reading')}")
    return made


def _none_twice(places: dict[str, list[Place]], exercises: list[Exercise], by_hand: list[Exercise]) -> None:
    """Check that no two exercises have the same id, number or module, because they would share folders or headings."""
    both, blocks = [*exercises, *by_hand], [*places["exercises"], *places["by_hand"]]
    if len(blocks) != len(both):  # written as inline tables, whose lines are not known
        blocks = [Place()] * len(both)

    def place(n: int, key: str) -> str:
        line = blocks[n].keys.get(key) or blocks[n].keys.get("id")  # a module may be made from the id
        return f"{both[n].id} (course/syllabus.toml{f', line {line}' if line else ''})"

    for key in ("id", "number", "module"):
        seen: dict[object, int] = {}
        for n, exercise in enumerate(both):
            value = getattr(exercise, key)
            first = seen.setdefault(value, n)
            if first != n:
                what = "id" if key == "id" else f"{key}, {value}"
                raise SyllabusError(
                    f"{exercise.id}: two exercises have this {what}: {place(first, key)} and {place(n, key)}; "
                    "change one of them"
                )


@dataclass
class Place:
    """Where an entry stands in the file: the lines, from 1, of its header and its keys; 0 and none if not known."""

    header: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    parts: list[Place] = field(default_factory=list)

    def said(self, key: str) -> str:
        """The line of a key, or else of the header, to end a message with."""
        line = self.keys.get(key, self.header)
        return f" (line {line})" if line else ""


def _places(text: str) -> dict[str, list[Place]]:
    """Where each `[[exercises]]` and `[[by_hand]]` and their parts stand; an inline table is not found."""
    found: dict[str, list[Place]] = {"exercises": [], "by_hand": []}
    place: Place | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]", line):
            kind, _, part = header[1].partition(".")
            place = Place(number) if kind in found and line.lstrip().startswith("[[") else None
            if place is not None:
                (found[kind][-1].parts if part and found[kind] else found[kind]).append(place)
        elif place is not None and (entry := re.match(r"\s*(\w+)\s*=", line)):
            place.keys.setdefault(entry[1], number)
    return found


def _table(raw: Table, key: str) -> Table:
    if not isinstance(raw.get(key), dict):
        raise SyllabusError(f"the table [{key}] is missing")
    table: Table = raw[key]
    return table


def _tables(raw: Table, key: str, where: str) -> list[Table]:
    found = raw.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(entry, dict) for entry in found):
        raise SyllabusError(f"{where}: `{key}` is missing, or no list of tables")
    return found


def _placed(raw: Table, key: str, where: str, places: dict[str, list[Place]]) -> list[tuple[Table, Place]]:
    """The tables under a key, each with its place; unknown places where some are written as inline tables."""
    tables = _tables(raw, key, where)
    known = places[key] if len(places[key]) == len(tables) else [Place()] * len(tables)
    return list(zip(tables, known, strict=True))


# The type of a field's entry in TOML, in Python and in words.
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "text"),
    "float": ((int, float), "a number"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
    "dict": (dict, "a table"),
    "tuple": (list, "a list"),
}


def _made(cls: type[Made], entry: Table, where: str, place: Place | None = None, **more: object) -> Made:
    """An object of a dataclass from a table with its fields, and no others, each of its type, and from `more`."""
    place = place or Place()
    known = {f.name: f for f in fields(cls) if f.name not in more}
    for key, value in entry.items():
        if key not in known:
            raise SyllabusError(f"{where}: unknown entry `{key}`; there is: {', '.join(known)}{place.said(key)}")
        kind, words = KINDS[known[key].type.partition("[")[0]]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SyllabusError(f"{where}: `{key}` is {words}, not {value!r}{place.said(key)}")
    for key, one in known.items():
        if key not in entry and one.default is MISSING and one.default_factory is MISSING:
            raise SyllabusError(f"{where}: `{key}` is missing{place.said(key)}")
    return cls(**more, **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
