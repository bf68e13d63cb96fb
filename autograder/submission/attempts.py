"""Chooses one hand-in for each person and assignment: the latest attempt."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from autograder.messages import Message
from autograder.submission.cell_text import definitions
from autograder.submission.hand_in import Submission
from autograder.submission.owner import distinct_names, plain_stem, platforms

UNKNOWN_OWNER = "unknown-owner"


def of_one_assignment(submissions: Iterable[Submission]) -> list[Submission]:
    """The hand-ins. If all that name an assignment name the same one, the others count for that assignment too.

    So a file that cannot be read counts as an attempt of its owner.
    """
    found = list(submissions)
    said = {s.assignment.id: s.assignment for s in found if s.assignment}
    if len(said) == 1:
        for submission in found:
            submission.assignment = submission.assignment or next(iter(said.values()))
    return found


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
    if newest:  # the platform's own order takes precedence
        candidates = [s for s in candidates if _attempt(s) == newest] or [s for s in group if _attempt(s) == newest]
    best = max(candidates, key=lambda s: (_own_name(s), s.modified, s.name))
    if len(group) > 1:
        names = _told_apart(group)
        others, graded = ", ".join(sorted(names[s.name] for s in group if s is not best)), names[best.name]
        best.remarks.append(
            Message("Several files were handed in; {graded} counts, {others} not.", graded=graded, others=others)
            if best.problem
            else Message(
                "Several files were handed in; {graded} was graded, {others} not.", graded=graded, others=others
            )
        )
        best.flags.append("several-files")
    if folders := _maybe_peoples(answered):
        best.remarks.append(
            Message(
                "There are answers in several folders: {folders}. If they belong to several people, the instructor "
                "has to grade the folder that contains them by itself.",
                folders=", ".join(folders),
            )
        )
        best.flags.append(UNKNOWN_OWNER)
    return best


def _told_apart(group: Sequence[Submission]) -> dict[str, str]:
    """The files' names without what their paths have in common."""
    paths = {s.name: re.split("[/!]", s.name) for s in group}
    same = len(os.path.commonprefix([path[:-1] for path in paths.values()]))
    return {name: "/".join(path[same:]) for name, path in paths.items()}


def _maybe_peoples(answered: Sequence[Submission]) -> list[str]:
    """The sibling folders in a person's folder that hold answers, if no rule says whose they are."""
    if len(answered) < 2 or any(s.owner is None or s.owner.rule in platforms() for s in answered):
        return []
    paths = [re.split("[/!]", s.name) for s in answered]
    if any(s.assignment and s.assignment.id in path[:-1] for s, path in zip(answered, paths, strict=True)):
        return []  # a folder for the assignment: a tree of nbgrader's
    same = len(os.path.commonprefix([path[:-1] for path in paths]))
    if any(len(path) == same + 1 for path in paths):
        return []
    return sorted({path[same] for path in paths})


def _name_people(submissions: list[Submission]) -> None:
    """Give each person a different name, and flag files that name nobody, unless there is only one."""
    names = distinct_names(s.owner for s in submissions if s.owner)
    for submission in submissions:
        if submission.owner is None:
            continue
        submission.student = names[submission.owner.identity]
        if len(names) > 1 and not submission.owner.sure:
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
