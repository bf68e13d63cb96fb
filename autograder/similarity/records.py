"""The result of a comparison as plain data, from which the page, `--json` and `--csv` are made."""

from __future__ import annotations

from typing import Literal, TypedDict

Span = tuple[int, int, int]  # a line, from 1, and the first and the last column in it, from 0


class Person(TypedDict):
    """The owner of a hand-in: the names of all who handed it in, the file, and whether it is from an earlier term."""

    name: str
    file: str
    earlier: bool


class Side(TypedDict):
    """One of two answers that are alike: its text, and where the passages that both have stand in it."""

    text: str
    spans: list[Span]


class AlikeAnswer(TypedDict):
    """Two answers to one symbol that are more alike than the part's cut."""

    symbol: str
    parts: list[str]
    alike: float  # 0 to below 1
    cut: float
    most: float  # of two independent answers
    independent: int
    as_alike: int  # independent answers that are as similar to one of the two
    others: int  # other answers of the class, or of earlier terms, that are as similar to one of the two
    same_text: bool  # also comments and names are the same
    one: Side
    other: Side


class Pair(TypedDict):
    """Two hand-ins with answers that are alike."""

    one: Person
    other: Person
    answers: list[AlikeAnswer]


class SameNumbers(TypedDict):
    """Wrong answers to a part that give the same numbers to the last bit, and are no known mistake."""

    part: str
    tests: list[str]  # titles
    people: list[Person]
    wrong: int  # answers of the class to this part that fail a check with numbers of their own


class Compared(TypedDict):
    """How the answers to a symbol were compared, or why they were not."""

    symbol: str
    parts: list[str]
    left_out: Literal["short", "few"] | None
    answers: int  # of the class, that were compared
    independent: int
    most: float
    cut: float


class AssignmentLikeness(TypedDict):
    """What the comparison says of one assignment."""

    assignment: str
    hand_ins: int
    earlier: int
    compared: list[Compared]
    pairs: list[Pair]
    identical: list[list[Person]]  # hand-ins whose code is the same, character by character
    same_numbers: list[SameNumbers]
    results: int  # hand-ins of which a grading is known


class Unread(TypedDict):
    """A hand-in that could not be compared, and why."""

    name: str
    file: str
    why: str


class Likeness(TypedDict):
    """What the comparison of a class says."""

    assignments: list[AssignmentLikeness]
    unread: list[Unread]
