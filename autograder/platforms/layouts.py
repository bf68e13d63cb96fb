"""The layouts of `layouts.toml`, and a platform's file read by one of them: its people, its columns, its maximum."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from autograder.errors import GradingError
from autograder.platforms.table import Cell, Decoded, NotATable, Row, decoded, rows_of
from autograder.submission.roster import HEADS, NUMBERED, head_letters

PLATFORMS = ("canvas", "moodle", "blackboard", "brightspace", "csv")


class WrongFile(GradingError):
    """A platform's file that cannot be filled; the message says what is missing and what is known."""


@dataclass(frozen=True)
class Locked:
    """The words in the column that says whether a row takes a mark."""

    yes: tuple[str, ...]
    no: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """A row of `layouts.toml`, where the fields are explained."""

    id: str
    delimiters: tuple[str, ...]
    needs: tuple[str, ...]
    mark: str
    like: str
    empty: tuple[str, ...]
    decimal: str
    key: tuple[str, ...] = ()
    numbered: bool = False
    key_form: str = "(?P<key>.+)"
    name: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    any_person: bool = False
    maximum: tuple[str, ...] = ()
    maximum_follows: bool = False
    possible: str = ""
    nobody: tuple[str, ...] = ()
    locked: Locked | None = None
    computed: bool = False
    feedback: str = ""

    def heads(self, kind: str) -> tuple[str, ...]:
        """The heads of a kind of column: "key", "name", "first", "last", "email" or "maximum"."""
        known: tuple[str, ...] = getattr(self, kind)
        return (*known, *HEADS.get("id" if kind == "key" else kind, ())) if self.any_person else known


@dataclass(frozen=True)
class Entry:
    """A person's row in a platform's file."""

    row: Row
    keys: tuple[str, ...]  # ids, that of the first column of the layout first
    name: str
    email: str
    locked: bool

    @property
    def shown(self) -> str:
        """How the row is named in lists."""
        ids = ", ".join(dict.fromkeys(filter(None, (*self.keys[:1], self.email))))
        return f"line {self.row.line}: {self.name} ({ids})" if ids and self.name else f"line {self.row.line}: {ids}"


@dataclass(frozen=True)
class MarkColumn:
    """A column that takes marks: its place, head, the assignment that its head names, and the maximum, in points."""

    place: int
    head: str
    name: str
    maximum: float | None


@dataclass
class Sheet:
    """A platform's file, read."""

    path: Path
    layout: Layout
    decoded: Decoded
    delimiter: str
    heads: list[str]
    entries: list[Entry]
    columns: list[MarkColumn]
    places: dict[str, list[int]] = field(default_factory=dict)

    def maximum_of(self, entry: Entry, column: MarkColumn) -> float | None:
        """The maximum, in points, for a person's mark; None where the file has none."""
        for place in self.places["maximum"]:
            if place < len(entry.row.cells):
                return number(entry.row.cells[place].value)
        return column.maximum

    def cell(self, entry: Entry, column: MarkColumn) -> Cell | None:
        """The cell of a person's mark; None where the row is too short to have one."""
        cells = entry.row.cells
        return cells[column.place] if column.place < len(cells) else None

    def decimal_sign(self, column: MarkColumn) -> str:
        """The sign before decimals: that of the file's own marks and maxima, else a point.

        A file with semicolons between cells comes from a region that writes decimal commas.
        """
        if self.layout.decimal != "file":
            return self.layout.decimal
        places = [column.place, *self.places["maximum"]]
        for entry in self.entries:
            for place in places:
                value = entry.row.cells[place].value if place < len(entry.row.cells) else ""
                if number(value) is not None and (signs := set(value) & {".", ","}):
                    return signs.pop()
        return "," if self.delimiter == ";" else "."


@cache
def layouts() -> dict[str, Layout]:
    """The layouts, by id."""
    text = (resources.files("autograder.platforms") / "layouts.toml").read_text(encoding="utf-8")
    found = {}
    for row in tomllib.loads(text)["layout"]:
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        if "locked" in row:
            values["locked"] = Locked(tuple(row["locked"]["yes"]), tuple(row["locked"]["no"]))
        found[row["id"]] = Layout(**values)
    return found


def number(text: str) -> float | None:
    """A number with a decimal point or comma; None for anything else."""
    plain = text.strip()
    return float(plain.replace(",", ".")) if re.fullmatch(r"-?\d+(?:[.,]\d+)?", plain, re.ASCII) else None


def plain(text: str) -> str:
    """A word of a cell, normalised for comparison."""
    return " ".join(text.casefold().split())


def read_sheet(path: Path, platform: str, column: str | None = None) -> Sheet:
    """A platform's file, read by its layout; `column` is a head that takes the mark, whatever the layout says.

    Raises OSError, and WrongFile where the file is no table or lacks heads.
    """
    layout = layouts()[platform]
    try:
        text = decoded(path.read_bytes())
        tries = [(rows_of(text.text, delimiter), delimiter) for delimiter in _by_count(layout, text.text)]
    except NotATable as error:
        raise WrongFile(f"{path} cannot be read as a table: {error}. Export it again from the platform.") from None
    if not tries[0][0]:
        raise WrongFile(f"{path} is empty. Export it again from the platform.")
    lacking: list[list[str]] = []
    for rows, delimiter in tries:
        lacking.append(_lacking(layout, rows, column))
        if not lacking[-1]:
            return _sheet(path, layout, text, delimiter, rows, column)
    raise WrongFile(_complaint(path, layout, tries[0][0], lacking[0], column))


def _by_count(layout: Layout, text: str) -> list[str]:
    """The delimiters, the one that the first line has most of first."""
    first = (text.splitlines() or [""])[0]
    return sorted(layout.delimiters, key=first.count, reverse=True)


KINDS = ("key", "name", "first", "last", "email", "maximum")


def _heads(rows: Sequence[Row]) -> list[str]:
    return [cell.value for cell in rows[0].cells]


def _places(layout: Layout, rows: Sequence[Row], column: str | None) -> dict[str, list[int]]:
    """The columns of each kind: by their heads, in the order of the layout, then by their cells."""
    heads = [head_letters(head) for head in _heads(rows)]
    places = {}
    for kind in KINDS:
        wanted = [head_letters(head) for head in layout.heads(kind)]
        found = [place for place, head in enumerate(heads) if head in wanted]
        places[kind] = sorted(found, key=lambda place, wanted=wanted: wanted.index(heads[place]))  # type: ignore[misc]
    if layout.numbered and 0 not in places["key"] and _all(rows, 0, NUMBERED.fullmatch):
        places["key"].insert(0, 0)
    if layout.maximum_follows and not places["maximum"]:
        after = [place + 1 for place in _mark_places(layout, _heads(rows), column)]
        places["maximum"] = [n for n in after if _all(rows, n, lambda word: number(word) is not None)]
    return places


def _all(rows: Sequence[Row], place: int, fits: Callable[[str], object]) -> bool:
    """Whether there are cells in a column, and all of them fit."""
    words = [row.cells[place].value.strip() for row in rows[1:] if place < len(row.cells)]
    return bool(words) and all(map(fits, words))


def _lacking(layout: Layout, rows: Sequence[Row], column: str | None) -> list[str]:
    """The kinds of columns that a file lacks; "mark" may be one of them."""
    there = {kind for kind, places in _places(layout, rows, column).items() if places}
    people = there & {"key", "name", "last", "email"}
    lacking = [need for need in layout.needs if need not in there and not (need == "person" and people)]
    return lacking + (["mark"] if not _mark_places(layout, _heads(rows), column) else [])


def _mark_places(layout: Layout, heads: Sequence[str], column: str | None) -> list[int]:
    if column is not None:
        wanted = plain(column)
        return [place for place, head in enumerate(heads) if wanted in (plain(head), plain(_name(layout, head)))]
    return [place for place, head in enumerate(heads) if re.fullmatch(layout.mark, head.strip(), re.IGNORECASE)]


def _name(layout: Layout, head: str) -> str:
    """The assignment that a head names; the head itself where the layout's pattern does not fit."""
    found = re.fullmatch(layout.mark, head.strip(), re.IGNORECASE)
    return (found.groupdict().get("name") if found else None) or head


def _complaint(path: Path, layout: Layout, rows: Sequence[Row], lacking: Sequence[str], column: str | None) -> str:
    heads, known = _heads(rows), {kind: ", ".join(layout.heads(kind)) for kind in KINDS}
    wanted = []
    for kind in lacking:
        if kind == "mark" and column is not None:
            wanted.append(f"a column {column!r}, as --column says")
        elif kind == "mark":
            wanted.append(f"a column for the mark (its head is like '{layout.like}'; or name it with --column)")
        elif kind == "person":
            people = ("key", "name", "last", "email")
            wanted.append("a column that says who it is (" + ", ".join(known[each] for each in people) + ")")
        else:
            wanted.append(f"a column of the kind {kind} ({known[kind]})")
    others = [
        other.id
        for other in layouts().values()
        if other.id not in (layout.id, "csv") and not _lacking(other, rows, None)
    ]
    hint = f" It looks like a file of {' or '.join(others)}: use --for {others[0]}." if others else ""
    return (
        f"{path} is no file of {layout.id} that takes marks. It lacks {'; '.join(wanted)}. "
        f"Its heads are: {', '.join(heads) or 'none'}.{hint}"
    )


def _sheet(path: Path, layout: Layout, text: Decoded, delimiter: str, rows: Sequence[Row], column: str | None) -> Sheet:
    heads, places = _heads(rows), _places(layout, rows, column)
    marks = _mark_places(layout, heads, column)
    shut = _locked_place(layout, rows, marks)
    entries: list[Entry] = []
    possible: Row | None = None
    for row in rows[1:]:
        name = _value(row, places["name"])
        if layout.possible and plain(name) == plain(layout.possible):
            possible = row
        elif plain(name) not in map(plain, layout.nobody) and (entry := _entry(layout, places, shut, row)):
            entries.append(entry)
    columns = [found for place in marks if (found := _column(layout, place, heads[place], possible)) is not None]
    if not columns:
        raise WrongFile(f"{path}: the column {column!r} is one that {layout.id} computes; it takes no marks.")
    return Sheet(path, layout, text, delimiter, heads, entries, columns, places)


def _value(row: Row, places: Sequence[int]) -> str:
    """The first non-empty value of a row in some columns."""
    values = (row.cells[place].value.strip() for place in places if place < len(row.cells))
    return next(filter(None, values), "")


def _locked_place(layout: Layout, rows: Sequence[Row], marks: Sequence[int]) -> list[int]:
    """The column right of the mark that says whether a row takes a mark; empty if the layout has none."""
    if layout.locked is None:
        return []
    words = {plain(word) for word in (*layout.locked.yes, *layout.locked.no)}
    right = range(min(marks, default=0) + 1, len(rows[0].cells))
    return [place for place in right if _all(rows, place, lambda word: plain(word) in words)][:1]


def _entry(layout: Layout, places: dict[str, list[int]], shut: list[int], row: Row) -> Entry | None:
    keys = []
    for place in places["key"]:
        found = re.fullmatch(layout.key_form, _value(row, [place]))
        if found:
            keys.append(found["key"])
    first, last = _value(row, places["first"]), _value(row, places["last"])
    name = _value(row, places["name"]) or " ".join(filter(None, (first, last)))
    email = _value(row, places["email"])
    if not (keys or name or email):
        return None
    locked = layout.locked is not None and plain(_value(row, shut)) in map(plain, layout.locked.no)
    return Entry(row, tuple(keys), name, email, locked)


def _column(layout: Layout, place: int, head: str, possible: Row | None) -> MarkColumn | None:
    """A column for marks; None if the platform computes the column."""
    said = possible.cells[place].value if possible and place < len(possible.cells) else ""
    if layout.computed and said.strip() and number(said) is None:
        return None
    found = re.fullmatch(layout.mark, head.strip(), re.IGNORECASE)
    most = (found.groupdict().get("max") if found else None) or said
    return MarkColumn(place, head, _name(layout, head), number(most))
