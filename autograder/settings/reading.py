"""Reads and checks `course.toml`. Errors name the file, the line, and what is allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from autograder.settings import hidden_tests
from autograder.settings.places import Where, line_of, lines_of
from autograder.settings.types import (
    LATE,
    NAME,
    NO_SETTINGS,
    SHOWN,
    Accepted,
    AssignmentSettings,
    CourseSettings,
    Extension,
    Late,
    PartSettings,
    Shown,
    Void,
)  # fmt: skip
from autograder.submission.course_folder import read_course_folder
from course import i18n
from course.syllabus import MARKING, Assignment, Limits, syllabus

T = TypeVar("T")
GENERAL = ("language", "timezone", "marking", "limits", "late", "show", "assignments")
OF_ASSIGNMENT = (
    "points", "parts", "marking", "limits", "seed", "void", "accept", "due", "extensions", "late", "show"
)  # fmt: skip
MOST_POINTS, MOST_SEED = 10_000, 2**63 - 1


class CourseSettingsError(ValueError):
    """A mistake in `course.toml`; the message has the file, the line, and what is allowed."""


def read_settings(course: Path) -> CourseSettings:
    """The settings of the course in a folder; `NO_SETTINGS` where it has no `course.toml`.

    Raises CourseSettingsError where the file cannot be read or something in it is not right.
    """
    path = Path(course) / NAME
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        return NO_SETTINGS
    except OSError as error:
        raise CourseSettingsError(f"{path} cannot be read: {error.strerror or error}") from None


@lru_cache(maxsize=20)
def _read(path: Path, _modified: int, _size: int) -> CourseSettings:
    return parse_settings(path.read_bytes(), path)


def parse_settings(data: bytes, path: Path) -> CourseSettings:
    """The settings in a file's bytes; `path` is its place in the course.

    Raises CourseSettingsError, with file and line.
    """
    try:
        text = data.decode("utf-8-sig")
        raw = tomllib.loads(text)
    except UnicodeDecodeError:
        raise CourseSettingsError(f"{path} is not UTF-8; save it in that encoding") from None
    except tomllib.TOMLDecodeError as error:
        told = str(error)
        place = re.search(r" \(at line (\d+), column \d+\)$", told)
        where = f"{path}, line {place[1]}" if place else str(path)
        raise CourseSettingsError(f"{where}: not valid TOML: {told[: place.start()] if place else told}") from None
    return _Reader(path, text).course(raw)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known names, or all of them."""
    known = list(known)
    if not known:
        return "there is none"
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}"


class _Reader:
    """Reads one file. Each method takes the path to a value, so that errors can name its line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines = path, lines_of(text)
        self.zone: ZoneInfo | Any = UTC
        self.names = {**read_course_folder(path.parent / "source").judged}
        self.names |= {name: name for name in syllabus().released()}

    def wrong(self, where: Where, what: str) -> CourseSettingsError:
        """An error about the value there."""
        line = line_of(self.lines, where)
        return CourseSettingsError(f"{self.path}{f', line {line}' if line else ''}: {what}")

    # -- the file ----------------------------------------------------------------------------------------------------

    def course(self, raw: dict[str, Any]) -> CourseSettings:
        """The settings of the whole file."""
        self.known((), raw, GENERAL)
        if "timezone" in raw:
            self.zone = self.timezone(raw["timezone"])
        language = None
        if "language" in raw:
            language = self.one_of(("language",), raw["language"], tuple(i18n.languages()))
        general = self.assignment(
            (), {key: raw[key] for key in raw if key in OF_ASSIGNMENT}, None, AssignmentSettings()
        )
        assignments: dict[str, AssignmentSettings] = {}
        for name, entry in self.table(("assignments",), raw.get("assignments", {})).items():
            where: Where = ("assignments", name)
            if name not in self.names:
                raise self.wrong(where, f"no assignment is called {name!r}; {nearest(name, self.names)}")
            known = syllabus().assignment(self.names[name])
            if known.id in assignments:
                raise self.wrong(where, f"{known.id} stands here under two names; keep one of them")
            assignments[known.id] = self.assignment(where, self.table(where, entry), known, general)
        return CourseSettings(language, general, assignments, raw)

    def assignment(
        self, where: Where, raw: dict[str, Any], known: Assignment | None, general: AssignmentSettings
    ) -> AssignmentSettings:
        """The settings of an assignment, or, where that is None, those of all."""
        self.known(where, raw, OF_ASSIGNMENT if known else GENERAL)
        rules = general.rules
        if "marking" in raw:
            rules = replace(rules, marking=self.one_of((*where, "marking"), raw["marking"], MARKING))
        own = (
            known.exercise.limits if known else {}
        )  # limits of this exercise in the syllabus take precedence over [limits]
        limits = {key: value for key, value in rules.limits.items() if key not in own}
        rules = replace(rules, limits={**limits, **self.limits((*where, "limits"), raw.get("limits", {}))})
        late, show = general.late, general.show
        if "late" in raw:
            late = self.late((*where, "late"), raw["late"])
        if "show" in raw:
            show = self.shown((*where, "show"), raw["show"], show)
        if known is None:
            return AssignmentSettings(rules=rules, late=late, show=show)
        if "seed" in raw:
            rules = replace(rules, seed=self.whole((*where, "seed"), raw["seed"], 0, MOST_SEED))
        void = self.void((*where, "void"), raw.get("void", []), known)
        names = hidden_tests.of(known) if void else []
        rules = replace(rules, void=tuple(t.name for t in names if any(v.covers(t.name) for v in void)))
        due = self.moment((*where, "due"), raw["due"]) if "due" in raw else None
        parts = self.parts((*where, "parts"), raw.get("parts", {}), known)
        points = self.number((*where, "points"), raw["points"], 0, MOST_POINTS) if "points" in raw else None
        accept = self.accepted((*where, "accept"), raw.get("accept", []), known)
        extensions = self.extensions((*where, "extensions"), raw.get("extensions", {}), due)
        return AssignmentSettings(points, parts, rules, void, accept, due, extensions, late, show)

    # -- what stands in it -------------------------------------------------------------------------------------------

    def parts(self, where: Where, raw: Any, known: Assignment) -> dict[str, PartSettings]:
        exercise, found, shares = known.exercise, {}, 0.0
        ids = [part.id for part in exercise.parts]
        for name, entry in self.table(where, raw).items():
            here = (*where, name)
            if name not in ids:
                raise self.wrong(here, f"{exercise.id} has no part {name!r}; {nearest(name, ids)}")
            entry = self.fields(here, entry, PartSettings)
            part = PartSettings(
                self.number((*here, "points"), entry["points"], 0, MOST_POINTS) if "points" in entry else None,
                self.share((*here, "share"), entry["share"]) if "share" in entry else None,
                self.truth((*here, "drop"), entry.get("drop", False)),
                self.truth((*here, "bonus"), entry.get("bonus", False)),
            )
            if part.points is not None and part.share is not None:
                raise self.wrong((*here, "share"), f"{name}: say `points` or `share`, not both")
            if part.share is not None and (part.drop or part.bonus):
                raise self.wrong((*here, "share"), f"{name}: a part that is dropped, or a bonus, has no share")
            shares += part.share or 0.0
            found[name] = part
        if shares > 1 + 1e-9:
            raise self.wrong(where, f"the shares of the parts make {shares:g}; together they are at most 1")
        if found and all(found.get(name, PartSettings()).drop or found.get(name, PartSettings()).bonus for name in ids):
            raise self.wrong(where, "every part is dropped or a bonus; at least one has to count")
        return found

    def void(self, where: Where, raw: Any, known: Assignment) -> tuple[Void, ...]:
        found = []
        for n, entry in enumerate(self.tables(where, raw)):
            here = (*where, n)
            entry = self.fields(here, entry, Void)
            found.append(Void(self.text(here, "test", entry), self.text(here, "why", entry)))
            names = [test.name for test in hidden_tests.of(known)]
            if not any(found[-1].covers(name) for name in names):
                every = dict.fromkeys([*(name.partition("[")[0] for name in names), *names])
                told = f"{known.id} has no test {found[-1].test!r}; {nearest(found[-1].test, every)}"
                raise self.wrong((*here, "test"), told)
        if found:
            for part in known.exercise.parts:
                names = [test.name for test in hidden_tests.of(known) if test.part == part.id]
                if names and all(any(void.covers(name) for void in found) for name in names):
                    raise self.wrong(
                        (*where, len(found) - 1),
                        f"no test of the part {part.id} is left; say `drop = true` for the part instead",
                    )
        return tuple(found)

    def accepted(self, where: Where, raw: Any, known: Assignment) -> tuple[Accepted, ...]:
        found = []
        ids = [part.id for part in known.exercise.parts]
        for n, entry in enumerate(self.tables(where, raw)):
            here = (*where, n)
            entry = self.fields(here, entry, Accepted)
            part = self.text(here, "part", entry)
            if part not in ids:
                raise self.wrong((*here, "part"), f"{known.exercise.id} has no part {part!r}; {nearest(part, ids)}")
            content = self.text(here, "content", entry) if "content" in entry else ""
            found.append(Accepted(self.text(here, "hand_in", entry), part, self.text(here, "why", entry), content))
        return tuple(found)

    def extensions(self, where: Where, raw: Any, due: datetime | None) -> dict[str, Extension]:
        found = {}
        for student, entry in self.table(where, raw).items():
            here = (*where, student)
            entry = self.fields(here, entry, Extension)
            if ("days" in entry) == ("until" in entry):
                raise self.wrong(here, f"{student}: say `days` or `until`, one of them")
            if due is None:
                raise self.wrong(here, "an extension needs the date that it extends; say `due` for the assignment")
            days = self.number((*here, "days"), entry.get("days", 0), 0, 3650)
            until = self.moment((*here, "until"), entry["until"]) if "until" in entry else None
            if until is not None and until < due:
                raise self.wrong((*here, "until"), f"{student}: this is before the due date")
            found[student] = Extension(days, until, self.text(here, "why", entry) if "why" in entry else "")
        return found

    def late(self, where: Where, raw: Any) -> Late:
        entry = self.fields(where, raw, Late)
        method = self.one_of((*where, "method"), entry.get("method", "none"), LATE)
        shares = {
            key: self.share((*where, key), entry[key]) for key in ("per_day", "at_most") if key in entry
        }  # fmt: skip
        grace = self.number((*where, "grace_minutes"), entry.get("grace_minutes", 0), 0, 60 * 24 * 366)
        return Late(method, **shares, grace_minutes=grace)

    def shown(self, where: Where, raw: Any, general: Shown) -> Shown:
        entry = self.fields(where, raw, Shown)
        return replace(general, **{key: self.one_of((*where, key), entry[key], SHOWN) for key in entry})

    def limits(self, where: Where, raw: Any) -> dict[str, float]:
        kinds = {one.name: one.type for one in fields(Limits)}
        found: dict[str, float] = {}
        for key, value in self.fields(where, raw, Limits).items():
            number = self.whole if kinds[key] == "int" else self.number
            found[key] = number((*where, key), value, 0, 10**7)
            if not found[key] and key != "restarts":
                raise self.wrong((*where, key), f"`{key}` is a number above 0")
        return found

    # -- kinds of values ---------------------------------------------------------------------------------------------

    def known(self, where: Where, raw: Mapping[str, Any], allowed: Iterable[str]) -> None:
        """Raise an error for an unknown key."""
        allowed = list(allowed)
        for key in raw:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else "."
                raise self.wrong((*where, key), f"there is no key `{key}` here{hint} Allowed: {', '.join(allowed)}")

    def fields(self, where: Where, raw: Any, kind: type) -> dict[str, Any]:
        """A table whose keys are the fields of a dataclass."""
        table = self.table(where, raw)
        self.known(where, table, [one.name for one in fields(kind)])
        return table

    def table(self, where: Where, value: Any) -> dict[str, Any]:
        return self.checked(where, value, lambda v: isinstance(v, dict), "a table")

    def tables(self, where: Where, value: Any) -> list[Any]:
        what = f"a list of tables, each headed [[{'.'.join(map(str, where))}]]"
        return self.checked(where, value, lambda v: isinstance(v, list), what)

    def text(self, where: Where, key: str, entry: dict[str, Any]) -> str:
        if key not in entry:
            raise self.wrong(where, f"`{key}` is missing")
        return self.checked((*where, key), entry[key], lambda v: isinstance(v, str) and v.strip(), "text in quotes")

    def truth(self, where: Where, value: Any) -> bool:
        return self.checked(where, value, lambda v: isinstance(v, bool), "true or false")

    def one_of(self, where: Where, value: Any, allowed: tuple[str, ...]) -> str:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return self.checked(where, value, lambda v: v in allowed, f"one of {', '.join(allowed)}", hint)

    def number(self, where: Where, value: Any, least: float, most: float) -> float:
        def fits(v: Any) -> bool:
            return isinstance(v, (int, float)) and not isinstance(v, bool) and least <= v <= most

        return float(self.checked(where, value, fits, f"a number from {least:g} to {most:g}"))

    def whole(self, where: Where, value: Any, least: int, most: int) -> int:
        def fits(v: Any) -> bool:
            return isinstance(v, int) and not isinstance(v, bool) and least <= v <= most

        return int(self.checked(where, value, fits, f"a whole number from {least} to {most}"))

    def share(self, where: Where, value: Any) -> float:
        def fits(v: Any) -> bool:
            return isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1

        return float(self.checked(where, value, fits, "a share, a number from 0 to 1, such as 0.25 for a quarter"))

    def timezone(self, value: Any) -> ZoneInfo:
        try:
            return ZoneInfo(value)
        except (OSError, ValueError, TypeError, LookupError):
            allowed = "a name such as Europe/Copenhagen or UTC"
            raise self.wrong(("timezone",), f"`timezone` is {allowed}, not {value!r}") from None

    def moment(self, where: Where, value: Any) -> datetime:
        """A time. One without a zone is in the course's; a date alone is the end of that day."""
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time(23, 59, 59))
        what = "a time without quotes, such as 2027-02-01T12:00:00+01:00 or 2027-02-01"
        moment: datetime = self.checked(where, value, lambda v: isinstance(v, datetime), what)
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    def checked(self, where: Where, value: T, fits: Callable[[Any], Any], what: str, hint: str = "") -> Any:
        if not fits(value):
            shown = str(value) if isinstance(value, (datetime, date)) else repr(value)
            raise self.wrong(where, f"`{where[-1]}` is {what}, not {shown[:80]}{hint}")
        return value
