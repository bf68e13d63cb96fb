"""The types of results, defined once: a grading with its parts, cells and tests.

A result is plain JSON data, so that it can be stored, sent and read by any program. These types describe that data;
`reporting/result.schema.json` describes it for other programs, and a test checks that the two agree.
"""

# Without `from __future__ import annotations`: with it, `__required_keys__` would not see NotRequired.
from typing import Literal, NotRequired, TypedDict

Status = Literal["graded", "not_graded", "by_hand"]
Outcome = Literal["passed", "failed", "not_run"]
Matrix = list[list[float | bool | None]]


class Misconception(TypedDict):
    """An entry of the catalogue of known mistakes, as feedback shows it."""

    id: str
    title: str
    hint: str
    weight: NotRequired[str]  # its grade in the syllabus
    cost: NotRequired[float | None]  # points that were taken off for it; None: the tests' shares were counted


class Picture(TypedDict):
    """Two matrices to be drawn side by side."""

    kind: Literal["heatmaps"]
    title: NotRequired[str]
    rows: NotRequired[str | None]  # what a row is, for example "query"
    columns: NotRequired[str | None]  # what a column is, for example "key"
    yours: Matrix | None
    expected: Matrix | None


class Test(TypedDict):
    """The verdict of one hidden test."""

    name: str  # stable between runs
    title: str  # what was checked, a sentence for the student
    outcome: Outcome
    message: str | None  # why it failed or was not run
    misconception: str | None  # the id of the known mistake that this failure matches
    share: NotRequired[float]  # of the part's points, relative to the other tests' shares
    void: NotRequired[bool]  # it counts nothing in this course, and was not run
    granted: NotRequired[bool]  # did not pass, but passes if the counted mistakes are granted
    picture: NotRequired[Picture | None]
    gave: NotRequired[str]  # it failed with numbers: a hash of the inputs and of these, to the last bit


class Part(TypedDict):
    """A graded part: one symbol that the student defines. Scores are points."""

    id: str
    symbol: str
    title: NotRequired[str]
    score: float
    max_score: float
    misconception: NotRequired[Misconception | None]
    misconceptions: NotRequired[list[Misconception]]  # all that are named, with `misconception` first
    marking: NotRequired[Literal["strict", "follow-through"]]  # the rule that gave the score
    plain_score: NotRequired[float]  # what counting each test's share gives
    follow_through_score: NotRequired[float | None]  # what counting named mistakes once gives; None: none is named
    by_hand: NotRequired[bool]  # whether the mark is a person's
    comment: NotRequired[str | None]  # what that person wrote
    accepted: NotRequired[str | None]  # a person counts the answer as right, and why
    dropped: NotRequired[bool]  # it counts nothing in this course
    bonus: NotRequired[bool]  # its points come on top of the assignment's `max_score`
    tests: list[Test]


class Lateness(TypedDict):
    """When something was handed in, and what that costs. Times are UTC, as 2027-02-01T12:00:00Z."""

    handed_in: str | None
    due: str | None  # with the extension, if there is one
    extended: bool
    late_seconds: float
    penalty: float  # points


class Cell(TypedDict):
    """A cell of the hand-in that was run."""

    grade_id: NotRequired[str | None]  # nbgrader's id; None for a student's own cell
    label: str  # how a person finds it, for example "cell 5"
    index: NotRequired[int | None]  # its place in the hand-in, from 0; None where the grader put the cell there
    output: str  # standard output and error together, capped
    error: NotRequired[str | None]  # the exception that it ended with


class MessageParts(TypedDict):
    """How a sentence was made: the message, and the values that were put in (see `autograder.messages`)."""

    message: str
    values: "dict[str, str | MessageParts]"  # a value that is a sentence itself was made in the same way


class OwnerRecord(TypedDict):
    """The student who handed it in, and the rule by which that was found."""

    key: str  # the platform's own, such as Moodle's participant number
    name: str
    platform: str  # the rule: a platform's id, or "folder", "file", "archive", "roster"
    attempt: str | None  # as the platform says it
    late: bool
    email: str
    section: str


class Result(TypedDict):
    """The grading of one hand-in. Scores are points, times seconds, memory MiB."""

    submission: str  # path or name of what was handed in
    student: str | None
    owner: NotRequired[OwnerRecord | None]
    assignment: str | None
    exercise: NotRequired[str | None]
    track: NotRequired[str | None]
    status: Status
    message: NotRequired[str | None]  # why it was not graded, for the student
    score: float | None
    max_score: float | None
    flags: list[str]  # short words for programs; they do not change between versions
    remarks: NotRequired[list[str]]  # what was odd about the hand-in
    cells: NotRequired[list[Cell]]
    parts: list[Part]
    words: NotRequired[dict[str, MessageParts]]
    seed: NotRequired[int | str | None]
    seconds: NotRequired[float | None]
    cpu_seconds: NotRequired[float]
    peak_mb: NotRequired[float]
    content: NotRequired[str | None]  # SHA-256 of the code that was graded
    receipt: NotRequired[str | None]  # SHA-256 of all cells, as the student's receipt has it
    versions: NotRequired[dict[str, str | None]]
    isolation: NotRequired[str | None]
    device: NotRequired[str | None]
    checkpoint: NotRequired[str | None]
    marking: NotRequired[str | None]  # the rule of the run
    limits: NotRequired[dict[str, float]]  # of the sandbox, where the course has others than the syllabus
    void: NotRequired[list[str]]  # the tests that counted nothing
    lateness: NotRequired[Lateness | None]
    late_penalty: NotRequired[float]  # points that were taken off the score because it was handed in late
