"""Reads the hand-ins of a class, or of an earlier term, in any layout that `collect` reads. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from autograder.grading.people import NO_HAND_IN, for_everybody, known_as, row_of
from autograder.records import Result
from autograder.submission.attempts import one_each
from autograder.submission.copies import is_copy
from autograder.submission.course_folder import NO_COURSE, read_course_folder
from autograder.submission.find import find
from autograder.submission.hand_in import Submission
from autograder.submission.known_people import known_people
from autograder.submission.read import read
from autograder.submission.roster import Roster


def hand_ins(
    paths: Iterable[str | Path],
    source: Path,
    assignment: str | None = None,
    course: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Submission]:
    """One hand-in for each person and assignment; `progress` is told how many files were read.

    `course` is the nbgrader course that the paths lie in. Raises FileNotFoundError for a path that is not there, and
    where there is no hand-in at all.
    """
    paths = list(paths)
    folder = read_course_folder(course / "source") if course else NO_COURSE
    every = []
    for found in find(paths, folder):
        submission = read(found, source, assignment)
        if course and "!" not in found.name:
            submission.copied = is_copy(course, Path(found.name))
        every.append(submission)
        progress(len(every))
    if not every:
        raise FileNotFoundError(f"there is no notebook, .py file or zip in {', '.join(map(str, paths))}")
    chosen = one_each(every)
    people = known_people(course) if course else {}
    for submission in chosen:
        if submission.owner and submission.student in people:
            submission.owner = people[submission.student].owner(submission.owner)
    return chosen


def names_of(submissions: Sequence[Submission], roster: Roster | None) -> list[str]:
    """The name of each hand-in's person or group on pages and in tables."""
    rows: list[Result] = [{**row_of(submission), "submission": str(n)} for n, submission in enumerate(submissions)]
    names: list[list[str]] = [[] for _ in submissions]
    for row in for_everybody(rows, [submission.owner for submission in submissions], roster, ()):
        if NO_HAND_IN not in row["flags"]:
            names[int(row["submission"])].append(known_as(row))
    return list(map(", ".join, names))
