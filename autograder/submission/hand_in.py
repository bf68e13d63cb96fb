"""A hand-in: the file that was found, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from autograder.messages import Message
from autograder.submission.budget import Budget
from autograder.submission.owner import Owner
from course.syllabus import Assignment

MAX_BYTES = 64 << 20  # of a notebook, on disk or unpacked


class Unreadable(Exception):
    """Why a hand-in cannot be read; a sentence for the student."""


@dataclass
class Submission:
    """One student's hand-in of one assignment, ready to be judged, or the reason (`problem`) why it cannot be.

    `cells` are what will run, in order. `mentions` lists, for each symbol, the other symbols that the answer uses, and
    `ready_made` where it names attention of the framework's own. `content` is the SHA-256 of the student's code.
    """

    name: str
    student: str
    assignment: Assignment | None
    cells: list[dict] = field(default_factory=list)
    mentions: dict[str, list[str]] = field(default_factory=dict)
    ready_made: dict[str, list[dict]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    content: str | None = None
    problem: str | None = None
    owner: Owner | None = None
    modified: float = 0.0  # seconds since 1970, of the file
    copied: bool = False  # whether the grader itself made the file, a copy of one that was handed in


@dataclass(frozen=True)
class Found:
    """A file that may be a hand-in: where it is, and its bytes or the reason (`problem`) why it has none.

    `parts` is the path below what was asked for; of a file in an archive, with the archive's name before it.
    """

    name: str
    parts: tuple[str, ...]
    data: bytes | None
    problem: str | None = None
    owner: Owner | None = None
    modified: float = 0.0
    budget: Budget = field(default_factory=Budget, compare=False, repr=False)  # of the person whose it is

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
