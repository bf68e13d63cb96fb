"""The catalogue of misconceptions: known mistakes, each as a change to the reference that makes it.

Each exercise has a TOML file, `autograder/exercises/<module>/mistakes.toml`. It has for each mistake an id, the part
that loses points for it, a weight (how bad it is: a grade of the syllabus's table `[marking]`), a title and a hint for
the student, and for each track the change: `replace`, pairs of texts of which the old one is in the solution module
exactly once, or `code`, a new definition of the symbol that is appended to the module, or both.

Where a mistake is made in several ways, an entry `id = "another-epsilon:1e-6"` is a further way to make the mistake
`another-epsilon`. It has only its changes, and is known by that mistake's name.

The entries are used three times: CI checks that each mistake loses points in its part, the judge compares a failing
answer with the results of each mistake, and the sample class is made from them. If a change no longer fits the
solution, that is an error at once.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograder import paths
from autograder.paths import ROOT
from course.syllabus import Exercise, syllabus

FIELDS = ("id", "part", "weight", "title", "hint", "also")  # of an entry; its other keys are tracks


def name_of(mistake_id: str) -> str:
    """The id of a mistake in results, without the way in which it was made."""
    return mistake_id.partition(":")[0]


class CatalogueError(ValueError):
    """An entry of the catalogue that does not fit the syllabus or the solutions; names the file and the entry."""


@dataclass(frozen=True)
class Change:
    """The change that puts a mistake into a solution module, in one track."""

    where: str  # the file, the entry and the track, for error messages
    replace: tuple[tuple[str, str], ...] = ()
    code: str = ""

    def apply(self, source: str) -> str:
        """The solution module's text with the mistake in it. Raises CatalogueError where the change does not fit."""
        for old, new in self.replace:
            count = source.count(old)
            if count != 1:
                raise CatalogueError(f"{self.where}: the text to replace occurs {count} times, not once: {old!r}")
            source = source.replace(old, new)
        if self.code:
            source = f"{source.rstrip()}\n\n\n{self.code.strip()}\n"
        return source


def combine(source: str, first: Change, second: Change) -> str:
    """The solution module's text with two mistakes in it. Raises CatalogueError if they cannot be combined.

    A change with a new definition comes first: the texts of the other are then replaced in that definition, if they are
    there. Of two changes that replace texts, either order may be the one that fits.
    """
    if second.code and not first.code:
        first, second = second, first
    try:
        return _changed(source, first, second)
    except CatalogueError:
        if first.code:
            raise
    return _changed(source, second, first)


def _changed(source: str, first: Change, second: Change) -> str:
    changed = first.apply(source)
    if second.code:
        if _defined(first.code) & _defined(second.code):
            raise CatalogueError(f"{second.where}: it defines what {first.where} defines")
        return second.apply(changed)
    own = first.code.strip()
    for old, new in second.replace:
        if own and own.count(old) == 1:
            start = changed.rindex(own)
            changed, own = changed[:start] + own.replace(old, new) + changed[start + len(own) :], own.replace(old, new)
        elif changed.count(old) == 1 and not (own and _hidden(changed, old, _defined(own))):
            changed = changed.replace(old, new)
        else:
            raise CatalogueError(f"{second.where}: the text to replace does not stand beside {first.where}: {old!r}")
    return changed


def _defined(code: str) -> set[str]:
    """The functions and classes that a text defines."""
    return {node.name for node in ast.parse(code).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def _hidden(source: str, text: str, names: set[str]) -> bool:
    """Whether a text that occurs once is in a definition that a later one of the same name replaces."""
    line = source[: source.index(text)].count("\n") + 1
    return any(
        isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and node.name in names
        and node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in ast.parse(source).body
    )


@dataclass(frozen=True)
class Mistake:
    """A known mistake. It loses points in `part`, may lose some in the parts `also`, and in no other part."""

    id: str
    part: str
    title: str
    hint: str
    also: tuple[str, ...]
    weight: str  # a grade of `syllabus().weights`
    changes: Mapping[str, Change]  # by track; missing for a track in which the mistake cannot be made

    @property
    def name(self) -> str:
        """The id in results: `id` without the way in which the mistake was made."""
        return name_of(self.id)

    @property
    def cost(self) -> float:
        """The share of its part's points that the mistake costs, above 0 and at most 1."""
        return syllabus().weights[self.weight]


@cache
def catalogue(exercise_id: str) -> tuple[Mistake, ...]:
    """The known mistakes of an exercise, in the order of its parts. Raises CatalogueError as `parse` does."""
    exercise = syllabus().exercise(exercise_id)
    path = paths.mistakes(ROOT, exercise)
    if not path.exists():
        return ()
    return parse(path.read_text(encoding="utf-8"), exercise, path.relative_to(ROOT).as_posix())


def parse(text: str, exercise: Exercise, file: str) -> tuple[Mistake, ...]:
    """The mistakes in the text of one file. Raises CatalogueError, with file and entry, where one is wrong."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a very long number raises ValueError, not TOMLDecodeError
        raise CatalogueError(f"{file}: not valid TOML: {error}") from None
    if unknown := set(table) - {"mistake"}:
        raise CatalogueError(f"{file}: unknown entry {sorted(unknown)}; only [[mistake]] is known")
    entries = table.get("mistake", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CatalogueError(f"{file}: `mistake` is a list of tables, [[mistake]]")
    described = {entry["id"]: entry for entry in entries if isinstance(entry.get("id"), str)}
    mistakes = [_mistake(_described(entry, described, file), exercise, file) for entry in entries]
    ids = [mistake.id for mistake in mistakes]
    for mistake_id in ids:
        if ids.count(mistake_id) > 1:
            raise CatalogueError(f"{file}: {mistake_id}: two entries have this id")
    order = [part.id for part in exercise.parts]
    return tuple(sorted(mistakes, key=lambda mistake: order.index(mistake.part)))


def _described(entry: dict[str, Any], entries: Mapping[Any, dict[str, Any]], file: str) -> dict[str, Any]:
    """An entry with its description; another way to make a mistake has the description of that mistake."""
    own = entry.get("id")
    if not isinstance(own, str) or name_of(own) == own:
        return entry
    if name_of(own) not in entries:
        raise CatalogueError(f"{file}: {own}: no entry {name_of(own)!r} describes this mistake")
    if restated := [key for key in FIELDS[1:] if key in entry]:
        raise CatalogueError(f"{file}: {own}: {restated[0]} stands in the entry {name_of(own)!r}, and not here too")
    return {key: value for key, value in entries[name_of(own)].items() if key in FIELDS} | entry


def _mistake(entry: dict[str, Any], exercise: Exercise, file: str) -> Mistake:
    where = f"{file}: {entry.get('id', '(an entry without id)')}"
    for key in ("id", "part", "weight", "title", "hint"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise CatalogueError(f"{where}: {key} is missing")
    also = entry.get("also", [])
    if not isinstance(also, list):
        raise CatalogueError(f"{where}: `also` is a list of parts")
    parts = [part.id for part in exercise.parts]
    for part in (entry["part"], *also):
        if part not in parts:
            raise CatalogueError(f"{where}: unknown part {part!r}; {exercise.id} has {', '.join(parts)}")
    if entry["weight"] not in syllabus().weights:
        grades = ", ".join(syllabus().weights)
        raise CatalogueError(f"{where}: unknown weight {entry['weight']!r}; the syllabus has {grades}")
    tracks = list(syllabus().tracks)
    changes = {key: value for key, value in entry.items() if key not in FIELDS}
    for key in changes:
        if key not in tracks:
            raise CatalogueError(f"{where}: unknown track or key {key!r}; the tracks are {', '.join(tracks)}")
    if not changes:
        raise CatalogueError(f"{where}: no track has a change")
    return Mistake(
        id=entry["id"],
        part=entry["part"],
        title=entry["title"].strip(),
        hint=" ".join(entry["hint"].split()),
        also=tuple(also),
        weight=entry["weight"],
        changes={track: _change(change, f"{where} ({track})") for track, change in changes.items()},
    )


def _change(entry: Any, where: str) -> Change:
    if not isinstance(entry, dict) or set(entry) - {"replace", "code"} or not entry:
        raise CatalogueError(f"{where}: a change has `replace` or `code`, or both, and nothing else")
    pairs = entry.get("replace", [])
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        raise CatalogueError(f"{where}: `replace` is a list of pairs [old text, new text]")
    if not isinstance(entry.get("code", ""), str):
        raise CatalogueError(f"{where}: `code` is a text")
    return Change(where, tuple((old, new) for old, new in pairs), entry.get("code", ""))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
