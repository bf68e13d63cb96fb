"""Fills marks into a platform's file: plans the changes, with old and new marks, and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from autograder.platforms.layouts import Entry, MarkColumn, Sheet, WrongFile, number, plain
from autograder.platforms.match import Matches, match
from autograder.platforms.table import replaced
from autograder.records import Result

WAITS = "waits-for-a-person"  # the flag of a result that a person still has to mark


class Kind(StrEnum):
    """What happens to a mark in the file."""

    FILL = "filled"  # a mark where there was none, or a higher one
    LOWER = "lowered"  # a lower mark, because of --lower
    SAME = "unchanged"
    UNGRADED = "not graded"
    REFUSED = "not filled"


@dataclass(frozen=True)
class Change:
    """A student's cell: the old mark, the new one, and the reason why it is not written, if it is not."""

    result: Result
    entry: Entry
    kind: Kind
    old: str
    new: str
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """The changes that filling a column makes. Nothing is written yet."""

    sheet: Sheet
    column: MarkColumn
    matches: Matches
    changes: list[Change]

    @property
    def complete(self) -> bool:
        """Whether every mark of the results is in the file afterwards."""
        lost = any(result["status"] == "graded" for result, _why in self.matches.lost)
        return not lost and all(change.kind is not Kind.REFUSED for change in self.changes)

    def filled(self) -> bytes:
        """The file with the new marks. Every byte outside the changed cells stays as it was.

        Raises UnicodeEncodeError where the file's encoding lacks a letter.
        """
        new = {}
        for change in self.changes:
            cell = self.sheet.cell(change.entry, self.column)
            if cell is not None and change.kind in (Kind.FILL, Kind.LOWER):
                new[cell] = change.new
        return self.sheet.decoded.encoded(replaced(self.sheet.decoded.text, self.sheet.delimiter, new))


def choose_column(sheet: Sheet, assignment: str, titles: Sequence[str] = ()) -> MarkColumn:
    """The column of an assignment: the one that has its id or one of its titles, else the only one.

    Raises WrongFile where there are several, with their heads.
    """
    names = {_letters(name) for name in (assignment, *titles)}
    named = [column for column in sheet.columns if _letters(column.name) in names]
    for columns in (named, sheet.columns):
        if len(columns) == 1:
            return columns[0]
    heads = "; ".join(column.head for column in named or sheet.columns)
    raise WrongFile(f"{sheet.path} has several columns that take marks: {heads}. Name one with --column.")


def plan(sheet: Sheet, column: MarkColumn, results: Sequence[Result], lower: bool = False, scale: bool = False) -> Plan:
    """The plan of filling a column with marks.

    Arguments: the results of one assignment; `lower`, whether a mark may replace a higher one; `scale`, whether marks
    are converted where the platform has another maximum.
    """
    matches = match(sheet.layout.id, results, sheet.entries)
    changes = [_change(sheet, column, result, entry, lower, scale) for result, entry in matches.pairs]
    return Plan(sheet, column, matches, changes)


def _change(sheet: Sheet, column: MarkColumn, result: Result, entry: Entry, lower: bool, scale: bool) -> Change:
    cell = sheet.cell(entry, column)
    old = cell.value.strip() if cell else ""
    if result["status"] != "graded" or result["score"] is None:
        return Change(result, entry, Kind.UNGRADED, old, "", result.get("message") or "")
    if WAITS in result["flags"]:
        return Change(result, entry, Kind.UNGRADED, old, "", "a person still has to mark a part of it")

    def refused(reason: str, new: str = "") -> Change:
        return Change(result, entry, Kind.REFUSED, old, new, reason)

    if cell is None:
        return refused("the row has no such cell")
    score, most, theirs = result["score"], result["max_score"], sheet.maximum_of(entry, column)
    if most and theirs is not None and abs(most - theirs) > 0.005:
        if not scale:
            maxima = f"the mark is out of {_written(most)}, and the file's maximum is {_written(theirs)}"
            return refused(f"{maxima}: --scale converts it")
        score = score * theirs / most
    new = _written(score).replace(".", sheet.decimal_sign(column))
    present = number(old)
    if entry.locked:
        return refused("the platform says that this mark cannot be changed", new)
    if present is None and plain(old) not in map(plain, sheet.layout.empty):
        return refused(f"there is {old!r}, which is no number", new)
    if present is not None and abs(present - round(score, 2)) < 0.005:
        return Change(result, entry, Kind.SAME, old, old)
    if present is not None and score < present:
        return Change(result, entry, Kind.LOWER, old, new) if lower else refused("it is lower: --lower writes it", new)
    return Change(result, entry, Kind.FILL, old, new)


def _written(score: float) -> str:
    return f"{round(score, 2):.2f}".rstrip("0").rstrip(".")


def _letters(name: str) -> str:
    """A name for comparing: without case, spaces and punctuation."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
