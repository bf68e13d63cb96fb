"""The verbs for a test or a mark that was wrong: `void` and `accept`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import JOBS, Usage, Verb, Verbs, verb
from autograder.cli.outputs import add_outputs
from autograder.cli.settings import add_course, course_of

if TYPE_CHECKING:
    from autograder.settings.types import CourseSettings
    from autograder.submission.hand_in import Submission


def add(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    p = verb(verbs, "void", void, "let a hidden test count nothing, and grade again what that touches")
    p.add_argument("assignment", metavar="ASSIGNMENT")
    p.add_argument("test", metavar="TEST", help="`test_values` with all its cases, or one, 'test_values[a batch]'")
    _of_decision(p)

    p = verb(verbs, "accept", accept, "let an answer count as right, whatever the tests say")
    p.add_argument("hand_in", metavar="HAND_IN", help="the student; or STUDENT/ASSIGNMENT; or the notebook's path")
    p.add_argument("part", metavar="PART")
    _of_decision(p)


def _of_decision(p: Verb) -> None:
    p.add_argument("--why", required=True, metavar="TEXT", help="the reason, which students read too")
    add_course(p)
    p.add_argument("--jobs", **JOBS)
    p.add_argument(
        "--isolation", choices=("full", "none"), default="full", help="none: run students' code without the sandbox"
    )
    add_outputs(p)


def void(options: argparse.Namespace) -> int:
    """Make a test count nothing, and grade again."""
    from autograder.settings.reading import nearest
    from autograder.settings.writing import add_entry
    from autograder.submission.course_folder import read_course_folder
    from course.syllabus import syllabus

    course = course_of(options.nbgrader_course)
    _ready(options)
    judged = read_course_folder(course / "source").judged
    name = judged.get(options.assignment, options.assignment)
    if name not in judged.values():
        known = [*judged, *judged.values()]
        raise Usage(f"this course has no assignment {options.assignment!r}; {nearest(options.assignment, known)}")
    entry = {"test": options.test, "why": options.why}
    kept = add_entry(course, _as_written(course, name, options.assignment), "void", entry)
    line = f"{name}: the test {options.test} counts nothing: {options.why}"
    return _regraded(
        options, course, kept, line, lambda s: s.assignment is not None and s.assignment == syllabus().assignment(name)
    )


def accept(options: argparse.Namespace) -> int:
    """Make an answer count as right, and grade again."""
    from autograder.grading.class_run import ClassRun
    from autograder.settings.reading import nearest
    from autograder.settings.writing import add_entry

    course = course_of(options.nbgrader_course)
    _ready(options)
    run = ClassRun([course / "submitted"], course / "source", course=course, again=True)
    there = [one for one in run.submissions if one.assignment and not one.problem]
    wanted = options.hand_in.strip("/")
    path = Path(options.hand_in).resolve()
    mine = [
        s for s in there
        if s.assignment and (wanted in (s.student, f"{s.student}/{s.assignment.id}") or Path(s.name).resolve() == path)
    ]  # fmt: skip
    if not mine:
        known = dict.fromkeys(s.student for s in there)
        raise Usage(f"nobody in submitted/ is called {options.hand_in!r}; {nearest(wanted, known)}")
    parts = dict.fromkeys(part.id for s in mine if s.assignment for part in s.assignment.exercise.parts)
    if options.part not in parts:
        raise Usage(f"{mine[0].student} handed in no part {options.part!r}; {nearest(options.part, parts)}")
    mine = [s for s in mine if s.assignment and options.part in {part.id for part in s.assignment.exercise.parts}]
    if len(mine) > 1:
        which = " or ".join(f"{s.student}/{s.assignment.id}" for s in mine if s.assignment)
        raise Usage(f"{wanted} handed in that part in several assignments; say {which}")
    (chosen,) = mine
    assert chosen.assignment is not None
    name = chosen.assignment.id
    entry = {"hand_in": chosen.student, "part": options.part, "why": options.why, "content": chosen.content or ""}
    kept = add_entry(course, _as_written(course, name, name), "accept", entry)
    line = f"{name}: the answer of {chosen.student} to {options.part} is accepted: {options.why}"

    def only(s: Submission) -> bool:
        return s.student == chosen.student and s.assignment == chosen.assignment

    return _regraded(options, course, kept, line, only)


def _ready(options: argparse.Namespace) -> None:
    """Check that everything needed for grading is there, before `course.toml` is changed."""
    from autograder.cli.requirements import require_walls, require_writable

    require_walls(options.isolation)
    require_writable(options.json if options.json != "-" else None, options.csv, folder=options.html)


def _as_written(course: Path, assignment: str, said: str) -> str:
    """The name of an assignment in `course.toml`, else the given name."""
    from autograder.settings.reading import read_settings
    from autograder.submission.course_folder import read_course_folder

    judged = read_course_folder(course / "source").judged
    written = read_settings(course).raw.get("assignments", {})
    return next((name for name in written if judged.get(name, name) == assignment), said)


def _regraded(
    options: argparse.Namespace, course: Path, kept: CourseSettings, line: str, only: Callable[[Submission], bool]
) -> int:
    """Grade the affected hand-ins again, enter marks that differ from the gradebook's, and print what changed."""
    from autograder.cli.outputs import chosen_language, log, tell_changes, to_nbgrader, whole_marks, write
    from autograder.cli.terminal import bar, err, out
    from autograder.grading import course_log
    from autograder.grading.class_run import ClassRun, NothingToGrade, Settings

    language = chosen_language(options.language, course)
    how = Settings(jobs=options.jobs, isolation=options.isolation)
    try:
        run = ClassRun([course / "submitted"], course / "source", course=course, settings=how, only=only)
    except FileNotFoundError as error:  # nothing was handed in yet, or nothing for this assignment
        if not isinstance(error, NothingToGrade) and (course / "submitted").exists():
            raise
        course_log.changed_settings(course, kept)
        course_log.note(course, [line])
        err.print("Written to course.toml. No hand-in is affected yet.")
        return 0
    if total := len(run.submissions):
        err.print(f"{len(run.new)} of {total} hand-ins are graded again; the other results stay valid.")
    began = time.monotonic()
    with bar("Grading", len(run.new)) as advance:
        results = run.grade(lambda _result: advance())
    rows = whole_marks(course, results, run.attempt)
    stale = [r for r, row in zip(results, rows, strict=True) if "not-in-gradebook" in row["flags"]]
    if stale:
        to_nbgrader(course, stale, run)
        rows = whole_marks(course, results, run.attempt)
    write(options, run, rows, language)
    log(course, options.run.__name__, run, {"all": time.monotonic() - began})
    tell_changes(course, rows, run, [line], shown=err if options.json == "-" else out)
    for problem in run.attempt.problems:
        err.print(problem, style="red", markup=False, soft_wrap=True)
    return 1 if run.attempt.problems or run.failed else 0
