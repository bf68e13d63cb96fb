"""The verb `collect`: what would be graded of whom, by which rule, before anything is run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Verbs, verb

if TYPE_CHECKING:
    from autograder.grading.class_run import ClassRun


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "collect", collect, "show what would be graded of whom, and put it into a course's submitted/")
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("--assignment", help="which assignment the files are, where they do not say so")
    p.add_argument("--roster", type=Path, metavar="CSV", help="the class list: who handed in nothing is listed too")
    p.add_argument("--into", type=Path, metavar="COURSE", help="copy the notebooks into this course's submitted/ tree")
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: as for `grade`)")


def collect(options: argparse.Namespace) -> int:
    """List the hand-ins, and copy them into a course where that is asked for. Nothing is run."""
    from rich.markup import escape

    from autograder.cli.requirements import require_roster
    from autograder.cli.terminal import err, out, printable, table
    from autograder.grading.class_run import ClassRun, course_above
    from autograder.paths import sources_of
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
    shown = table("Person", "Key", "Assignment", "File", "Rule", "Attempt", "Remarks")
    for result in run.collected():
        owner = result.get("owner")
        told = [result["message"] or ""] if result.get("message") else []
        late = ["late"] if owner and owner["late"] else []
        cells = [
            printable(str(result["student"])), owner["key"] if owner else "", str(result["assignment"] or "?"),
            printable(result["submission"]), owner["platform"] if owner else "", (owner and owner["attempt"]) or "",
            "; ".join([*late, *result["flags"], *told, *result.get("remarks", [])]),
        ]  # fmt: skip
        shown.add_row(*(escape(cell) for cell in cells))
    out.print(shown)
    problems = _put(options.into, run) if options.into else []
    for problem in problems:
        err.print(problem, style="red", markup=False, soft_wrap=True)
    unclear = any(s.problem or UNKNOWN_OWNER in s.flags for s in run.submissions)
    return 1 if unclear or problems else 0


def _put(course: Path, run: ClassRun) -> list[str]:
    """Copy what can be graded into `submitted/`; gives a sentence on each that could not be copied."""
    from autograder.submission.copies import put_copy

    problems = []
    for submission in run.submissions:
        data = (run.data or {}).get(submission.name)
        if submission.problem or submission.assignment is None or data is None:
            continue
        if "/" in submission.student or submission.student in (".", ".."):
            problems.append(f"{submission.name}: nbgrader cannot keep a student called {submission.student!r}.")
            continue
        place = course / "submitted" / submission.student / submission.assignment.id
        try:
            put_copy(course, data, place / f"{submission.assignment.exercise.id}.ipynb")
        except OSError as error:
            problems.append(f"{submission.name}: {error}")
    return problems
