"""Chooses one hand-in for each person and assignment: the latest attempt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from autograder.messages import Message
from autograder.submission.cell_text import definitions
from autograder.submission.hand_in import Submission
from autograder.submission.owner import distinct_names, plain_stem

UNKNOWN_OWNER = "unknown-owner"


def one_each(submissions: Iterable[Submission]) -> list[Submission]:
    """One hand-in for each person and assignment; the others are named in its remarks.

    The latest is taken: by the platform's own order of attempts, then a file with the exercise's name, then the time of
    the file, then its name. But a file with answers comes before one that cannot be read, and that one before a file
    without answers.
    """
    groups: dict[tuple[str, ...], list[Submission]] = {}
    for submission in submissions:
        who = submission.owner.identity if submission.owner else submission.student
        key = (who, submission.assignment.id) if submission.assignment else (submission.name,)
        groups.setdefault(key, []).append(submission)
    chosen = [_one(group) for group in groups.values()]
    _name_people(chosen)
    return chosen


def _one(group: list[Submission]) -> Submission:
    group = [s for s in group if not s.copied] or group
    answered = [s for s in group if not s.problem and _has_answers(s)]
    candidates = answered or [s for s in group if s.problem] or group
    newest = max(_attempt(s) for s in group)
    if newest:  # the platform's own order goes before all others
        candidates = [s for s in candidates if _attempt(s) == newest] or [s for s in group if _attempt(s) == newest]
    best = max(candidates, key=lambda s: (_own_name(s), s.modified, s.name))
    if len(group) > 1:
        others = ", ".join(sorted(PurePosixPath(s.name).name for s in group if s is not best))
        graded = PurePosixPath(best.name).name
        best.remarks.append(
            Message("Several files were handed in; {graded} was graded, {others} not.", graded=graded, others=others)
        )
        best.flags.append("several-files")
    return best


def _name_people(submissions: list[Submission]) -> None:
    """Give each person a different name, and flag the files that name nobody if there are several."""
    names = distinct_names(s.owner for s in submissions if s.owner)
    unsure = {s.owner.identity for s in submissions if s.owner and not s.owner.sure}
    for submission in submissions:
        if submission.owner is None:
            continue
        submission.student = names[submission.owner.identity]
        if len(unsure) > 1 and submission.owner.identity in unsure:
            submission.flags.append(UNKNOWN_OWNER)
            submission.remarks.append(
                Message("Nothing in the file's name or path says whose it is; it is listed under the file's name.")
            )


def _attempt(submission: Submission) -> tuple[int | str, ...]:
    return submission.owner.attempt if submission.owner else ()


def _own_name(submission: Submission) -> bool:
    """Whether the file, or the one that it is a copy of, has the name of its exercise."""
    return submission.assignment is not None and plain_stem(submission.name) == submission.assignment.exercise.id


def _has_answers(submission: Submission) -> bool:
    assert submission.assignment is not None
    symbols = {part.symbol for part in submission.assignment.exercise.parts}
    written = (definitions(cell["source"]) for cell in submission.cells if cell["role"] != "setup")
    return any(table.get(symbol) for table in written for symbol in symbols)
