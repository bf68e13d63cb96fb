"""The verb `collect`: whose hand-ins would be graded, and how their owners were found. Nothing is run."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Verbs, verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.grading.class_run import ClassRun
    from autograder.records import Result
    from autograder.submission.hand_in import Submission
    from autograder.submission.roster import Member, Roster


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(
        verbs, "collect", collect, "show whose hand-ins these are and what would be graded; copy them into a course"
    )
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("--assignment", help="the assignment of files that do not name theirs")
    p.add_argument("--roster", type=Path, metavar="CSV", help="the class list: people without a hand-in are listed too")
    p.add_argument(
        "--into", type=Path, metavar="COURSE", help="copy the notebooks into submitted/ of this course folder"
    )
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: as for `grade`)")


def collect(options: argparse.Namespace) -> int:
    """List the hand-ins, and with `--into`, copy them into a course. Nothing is run."""
    from autograder.cli.requirements import require_roster
    from autograder.cli.terminal import err, out, printable
    from autograder.grading.class_run import ClassRun
    from autograder.grading.people import GROUP_UNCLEAR, off_roster
    from autograder.paths import course_above, sources_of
    from autograder.submission.attempts import UNKNOWN_OWNER
    from course.syllabus import syllabus

    if options.assignment:
        syllabus().assignment(options.assignment)
    roster = require_roster(options.roster)
    course = course_above(options.paths)
    source = options.source or sources_of(course)
    run = ClassRun(
        options.paths, source, assignment=options.assignment, course=course, roster=roster, again=True, keep_files=True
    )
    rows = run.collected()
    _print(rows)
    for sentence in off_roster(rows):
        out.print(printable(sentence), markup=False, highlight=False, soft_wrap=True)
    problems = _put(options.into, run, roster) if options.into else []
    for problem in problems:
        err.print(problem, style="red", markup=False, soft_wrap=True)
    unclear = any(s.problem or UNKNOWN_OWNER in s.flags for s in run.submissions)
    unclear = unclear or any(GROUP_UNCLEAR in row["flags"] for row in rows)
    return 1 if unclear or problems else 0


def _print(rows: list[Result]) -> None:
    """Print a table with a row for everybody.

    Facts that are the same in all rows are above the table, to save space.
    """
    from rich.markup import escape

    from autograder.cli.terminal import out, table
    from autograder.reporting.text import shown_name

    assignments = sorted({str(row["assignment"] or "?") for row in rows})
    folder = os.path.commonprefix([_path(row)[:-1] for row in rows if row["submission"]])
    heads = ["Person", "Key", "File", "Rule", "Remarks"]
    shown = table(*heads, *(["Assignment"] if len(assignments) > 1 else []))
    for row in rows:
        owner = row.get("owner")
        told = [f"attempt {owner['attempt']}"] if owner and owner["attempt"] else []
        told += ["late"] if owner and owner["late"] else []
        told += [*row["flags"], *([row["message"]] if row["message"] else []), *row.get("remarks", [])]
        file = "/".join(_path(row)[len(folder) :])
        cells = [
            shown_name(row["student"], 200), owner["key"] if owner else "", shown_name(file, 200),
            owner["platform"] if owner else "", "; ".join(told),
        ]  # fmt: skip
        cells += [str(row["assignment"] or "?")] if len(assignments) > 1 else []
        shown.add_row(*(escape(cell) for cell in cells))
    if len(assignments) == 1:
        out.print(f"All for the assignment {assignments[0]}.", markup=False, highlight=False)
    out.print(shown)


def _path(row: Result) -> list[str]:
    """Where a hand-in is: the names on its path, also in archives."""
    return re.split("[/!]", row["submission"])


def _put(course: Path, run: ClassRun, roster: Roster | None) -> list[str]:
    """Copy hand-ins that can be graded into `submitted/`; returns a sentence for each that could not be copied."""
    from autograder.submission.copies import put_copy
    from autograder.submission.known_people import Known, remember

    problems = []
    folder_of = _folders(course, roster)
    for submission in run.submissions:
        data = (run.data or {}).get(submission.name)
        if submission.problem or submission.assignment is None or data is None:
            continue
        student = folder_of(submission)
        if "/" in student or student in (".", ".."):
            problems.append(f"{submission.name}: nbgrader cannot keep a student called {student!r}.")
            continue
        place = course / "submitted" / student / submission.assignment.id
        try:
            put_copy(course, data, place / f"{submission.assignment.exercise.id}.ipynb")
            if submission.owner:
                remember(course, {student: Known.of(submission.owner)})
        except OSError as error:
            problems.append(f"{submission.name}: {error}")
    return problems


def _folders(course: Path, roster: Roster | None) -> Callable[[Submission], str]:
    """A function that gives the folder of a hand-in: the person's folder in the course, under any name, or a new one.

    A person is known by the platform's key, or by the class list; never by a name that somebody else may have too.
    """
    from autograder.submission.known_people import known_people

    known = known_people(course)
    by_key = {(one.rule, one.key): student for student, one in known.items()}
    listed = _ids_on_roster(course, roster) if roster else {}

    def folder_of(submission: Submission) -> str:
        owner = submission.owner
        if owner is None:
            return submission.student
        if there := by_key.get((owner.rule, owner.key)):
            return there
        member = roster.find(owner.members[0]) if roster and len(owner.members) == 1 else None
        if member is not None and member in listed:
            return listed[member]
        return submission.student if submission.student not in known else f"{submission.student} ({owner.key})"

    return folder_of


def _ids_on_roster(course: Path, roster: Roster) -> dict[Member, str]:
    """The student ids of people on the class list: those of the gradebook, then those of earlier downloads."""
    from autograder.submission.known_people import known_people

    people = {student: one.members[0] for student, one in known_people(course).items() if len(one.members) == 1}
    found = {member: student for student, person in people.items() if (member := roster.find(person))}
    if (course / "gradebook.db").exists():
        from autograder.nbgrader import ids_on_roster

        found |= ids_on_roster(course, roster)
    return found
