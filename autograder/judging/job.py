"""The records that a judge gets and sends: a job, its judged parts, and the reply.

All are plain JSON data: a job and its reply go over a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from autograder.records import Cell, MessageParts, Part

if TYPE_CHECKING:
    from autograder.submission.hand_in import CodeCell, Reach, ReadyMadeUse


class Job(TypedDict):
    """A hand-in to be judged; the fields are those of `autograder.submission.hand_in.Submission`."""

    cells: list[CodeCell]
    mentions: NotRequired[dict[str, list[str]]]
    ready_made: NotRequired[dict[str, list[ReadyMadeUse]]]
    reach: NotRequired[dict[str, Reach]]
    marking: NotRequired[str]  # "strict" or "follow-through"


class JudgedPart(Part):
    """A part as the judge marked it, with what the grader makes flags of."""

    ready_made: bool  # whether the framework's own attention was used where the part's rule does not allow it
    raised: bool  # whether a test itself raised an exception over the answer
    words: dict[str, MessageParts]  # how the sentences of the part were made


class Judgement(TypedDict):
    """The judge's reply for a hand-in that was judged."""

    cells: list[Cell]
    parts: list[JudgedPart]
    remarks: NotRequired[list[str]]  # for the student, on cells and on modules that cannot be compiled
    flags: NotRequired[list[str]]  # for the instructor
    words: NotRequired[dict[str, MessageParts]]
    cpu_seconds: NotRequired[float]
    peak_mb: NotRequired[float]  # MiB
    seconds: NotRequired[float]  # of wall time


class Failure(TypedDict):
    """The judge's reply where there is no verdict."""

    failure: str  # why, for the instructor
    broken: NotRequired[bool]  # the judge itself does not work: no hand-in can be judged
    killed: NotRequired[bool]  # something outside ended a process of the hand-in
    alone: NotRequired[bool]  # memory ran out: to be tried again with no other hand-in beside it
