"""The verb `grade`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from autograder.cli.arguments import CHECKPOINT, DEVICE, JOBS, Usage, Verbs, verb
from autograder.cli.outputs import add_outputs, chosen_language, log, tell_changes, to_nbgrader, whole_marks, write


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "grade", grade, "grade notebooks, .py files, folders, zips, or nbgrader's submitted/ tree")
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("--assignment", help="the assignment of files that do not name theirs")
    p.add_argument("--jobs", **JOBS)
    p.add_argument("--device", **DEVICE)
    p.add_argument("--seed", type=int, metavar="N", help="use the seed of an earlier run (default: a new one)")
    p.add_argument("--checkpoint", **CHECKPOINT)
    p.add_argument(
        "--isolation", choices=("full", "none"), default="full", help="none: run students' code without the sandbox"
    )
    p.add_argument(
        "--marking",
        choices=("follow-through", "strict"),
        help="count each known mistake once, or count each failed test (default: as in the syllabus)",
    )
    add_outputs(p)
    p.add_argument("--roster", type=Path, metavar="CSV", help="the class list: everybody on it has a row")
    p.add_argument("--again", action="store_true", help="also grade hand-ins that the course has a result for")
    p.add_argument("--nbgrader", action="store_true", help="enter the marks into the course's gradebook, with feedback")
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: the course's, if any)")


def grade(options: argparse.Namespace) -> int:
    """Grade a class, and write what was asked for."""
    from autograder import paths
    from autograder.cli import requirements
    from autograder.cli.terminal import bar, err, marks_table, out, printable
    from autograder.grading.class_run import ClassRun, Settings
    from autograder.grading.people import off_roster, summary, unclear
    from autograder.settings.types import NAME
    from course.syllabus import syllabus

    requirements.require_walls(options.isolation)
    course = paths.course_above(options.paths)
    source = options.source or paths.sources_of(course)
    if options.nbgrader and not course:
        raise Usage("--nbgrader needs the course's submitted/ folder, beside its nbgrader_config.py")
    if options.assignment:
        syllabus().assignment(options.assignment)
    requirements.require_device(options.device, "leave out --device cuda to grade on the CPU")
    requirements.require_writable(options.json if options.json != "-" else None, options.csv, folder=options.html)
    requirements.require_checkpoint(options.checkpoint)
    home = course or (Path() if Path(NAME).is_file() else None)  # a zip that is graded in the course's folder
    language = chosen_language(options.language, home)
    settings = Settings(
        options.jobs, options.seed, options.device, options.isolation, options.checkpoint, options.marking
    )
    run = ClassRun(
        options.paths,
        source,
        settings=settings,
        assignment=options.assignment,
        course=course,
        quizzes=_quizzes(course),
        again=options.again,
        roster=requirements.require_roster(options.roster),
        home=home,
    )
    total, new = len(run.submissions), len(run.new)
    if new < total:
        err.print(f"{total - new} of {total} were graded before and have not changed; --again grades them too")
    began = time.monotonic()
    with bar("Grading", new) as advance:
        results = run.grade(lambda _result: advance())
    seconds = {"grading": time.monotonic() - began}
    if options.nbgrader and course:
        to_nbgrader(course, results, run)  # only the judge's marks: those of a person are in the gradebook already
    seconds["to_nbgrader"] = time.monotonic() - began - seconds["grading"]
    results = whole_marks(course, results, run.attempt)
    write(options, run, results, language)
    if run.quizzes and not options.nbgrader:
        names = " and ".join(sorted({name for _, name in run.quizzes}))
        err.print(
            f"{len(run.quizzes)} hand-ins of {names} are left to nbgrader: use --nbgrader, or run `nbgrader autograde`."
        )
    for sentence in run.left_alone():
        err.print(printable(sentence), markup=False, soft_wrap=True)
    if results:
        shown = err if options.json == "-" else out
        shown.print(f"{summary(results)}.", marks_table(results), sep="\n")
        for sentence in off_roster(results):
            shown.print(printable(sentence), markup=False, highlight=False, soft_wrap=True)
    if course:
        log(course, "grade", run, seconds)
        tell_changes(course, results, run, shown=err if options.json == "-" else out)
    if run.failed:
        err.print(
            f"{run.failed} of {len(results)} could not be graded, for reasons outside the hand-in: run the same "
            "command again, with fewer --jobs if memory is short."
        )
    for problem in run.attempt.problems:
        err.print(problem, style="red", markup=False, soft_wrap=True)
    return 1 if run.attempt.problems or any(map(unclear, results)) else 0


def _quizzes(course: Path | None) -> set[str]:
    """The assignments of a course that are quizzes: nbgrader marks them, and nothing of them is run."""
    if course is None:
        return set()
    from autograder.nbgrader import quiz_sheets

    return quiz_sheets(course)
