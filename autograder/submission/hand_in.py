"""A hand-in: the file that was found, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypedDict

from autograder.messages import Message
from autograder.submission.budget import Budget
from autograder.submission.owner import Owner
from autograder.submission.placed import RunRole
from course.syllabus import Assignment

MAX_BYTES = 64 << 20  # of a notebook, on disk or unpacked


class Unreadable(Exception):
    """A hand-in cannot be read; `args[0]` is the reason, a sentence for the student."""


class CodeCell(TypedDict):
    """A cell that will run."""

    label: str  # how a person finds it, for example "cell 5"
    source: str
    grade_id: str | None  # nbgrader's id; None for a student's own cell
    index: int | None  # its place in the hand-in, from 0; None where it is not from there
    role: RunRole


class ReadyMadeUse(TypedDict):
    """A place in the text of an answer that names a framework's own attention."""

    name: str  # the dotted path in the framework
    label: str  # the cell's
    line: int  # in the cell, from 1


class Reach(TypedDict):
    """The lines that a definition can reach: label of the cell, first and last line.

    `anything`: it can reach any line.
    """

    anything: bool
    lines: list[list[Any]]


@dataclass
class Submission:
    """One student's hand-in of one assignment, ready to be judged, or the reason (`problem`) why it cannot be.

    `cells` will run, in this order. By symbol of the exercise, `mentions` has the other symbols that the hand-in uses,
    `ready_made` the places where it names the framework's own attention, and `reach` the lines that it can reach.
    `content` is the SHA-256 of the student's code, `receipt` that of all cells (`course.receipt`).
    """

    name: str
    student: str
    assignment: Assignment | None
    cells: list[CodeCell] = field(default_factory=list)
    mentions: dict[str, list[str]] = field(default_factory=dict)
    ready_made: dict[str, list[ReadyMadeUse]] = field(default_factory=dict)
    reach: dict[str, Reach] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    content: str | None = None
    receipt: str | None = None
    problem: str | None = None
    owner: Owner | None = None
    modified: float = 0.0  # seconds since 1970, of the file
    copied: bool = False  # whether the grader made the file, as a copy of one that was handed in


@dataclass(frozen=True)
class Found:
    """A file that may be a hand-in: where it is, and its bytes or the reason (`problem`) why it has none.

    `parts` are the names on its path, from the folder or archive that was given; for a file in an archive, the
    archive's name comes first.
    """

    name: str
    parts: tuple[str, ...]
    data: bytes | None
    problem: str | None = None
    owner: Owner | None = None
    modified: float = 0.0
    budget: Budget = field(default_factory=Budget, compare=False, repr=False)  # of the person who handed it in

    @property
    def file(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.parts[-1]).name


def too_large(size: int) -> Message:
    """The sentence for a file of `size` bytes, which is too large."""
    return Message(
        "The file has {size} MB, more than the {most} MB that a hand-in may have. Clear the outputs and hand it in "
        "again.",
        size=size >> 20,
        most=MAX_BYTES >> 20,
    )
