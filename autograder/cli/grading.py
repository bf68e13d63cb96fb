"""The verb `grade`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import CHECKPOINT, DEVICE, JOBS, Usage, Verbs, verb

if TYPE_CHECKING:
    from autograder.grading.class_run import Attempts, ClassRun
    from autograder.records import Result


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
    p.add_argument("--json", metavar="F", help="write the results to this file ('-': to standard output)")
    p.add_argument("--language", help="the language of the feedback (default: the course's, else en)")
    p.add_argument("--html", type=Path, metavar="DIR", help="write feedback pages and a class page to this folder")
    p.add_argument("--csv", type=Path, metavar="F", help="write a table of marks to this file")
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
    from course import i18n
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
    try:
        language = i18n.known(options.language or _language(course))
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None
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
    )
    total, new = len(run.submissions), len(run.new)
    if new < total:
        err.print(f"{total - new} of {total} were graded before and have not changed; --again grades them too")
    with bar("Grading", new) as advance:
        results = run.grade(lambda _result: advance())
    if options.nbgrader and course:
        _to_nbgrader(course, results, run)  # only the judge's marks: those of a person are in the gradebook already
    results = _with_hand_marks(course, results, run.attempt)
    _write(options, run, results, language)
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
    if run.failed:
        err.print(
            f"{run.failed} of {len(results)} could not be graded, through no fault of the hand-in: run the same "
            "command again, with fewer --jobs if memory is short."
        )
    for problem in run.attempt.problems:
        err.print(problem, style="red", markup=False, soft_wrap=True)
    return 1 if run.attempt.problems or any(map(unclear, results)) else 0


def _language(course: Path | None) -> str:
    """The language that the course's nbgrader_config.py sets; English where there is none."""
    from course import i18n

    if course is None:
        return i18n.SOURCE_LANGUAGE
    from autograder.nbgrader import course_language

    return course_language(course)


def _quizzes(course: Path | None) -> set[str]:
    """The assignments of a course that are quizzes: nbgrader marks them, and nothing of them is run."""
    if course is None:
        return set()
    from autograder.nbgrader import quiz_sheets

    return quiz_sheets(course)


def _with_hand_marks(course: Path | None, results: list[Result], attempt: Attempts) -> list[Result]:
    """The results with the marks that a person gave in the course's gradebook."""
    if not course or not (course / "gradebook.db").exists():
        return results
    from autograder.nbgrader import GradebookError, with_hand_marks

    try:
        return [with_hand_marks(course, result) for result in results]
    except GradebookError as error:
        attempt.problems.append(str(error))
        return results


def _write(options: argparse.Namespace, run: ClassRun, results: Sequence[Result], language: str) -> None:
    """Write what was asked for. Where one of these fails, the others are written all the same."""
    from rich.markup import escape

    from autograder.cli.terminal import err, write_json
    from autograder.reporting.html import write_pages
    from autograder.reporting.marks import csv_table
    from course import i18n

    if options.json:
        run.attempt("the results", lambda: write_json(results, options.json))
    if options.csv:
        run.attempt("the table of marks", lambda: options.csv.write_text(csv_table(results), encoding="utf-8"))
    if options.html:
        with i18n.using(language):
            pages = run.attempt("the feedback pages", lambda: write_pages(results, options.html))
        if pages:
            err.print(f"Feedback pages: {escape(str(pages))}", soft_wrap=True)


def _to_nbgrader(course: Path, results: Sequence[Result], run: ClassRun) -> None:
    """Enter marks and quizzes into the course's gradebook; each that fails becomes a problem of the run."""
    from autograder.cli.terminal import bar, err
    from autograder.grading.people import NO_HAND_IN
    from autograder.nbgrader import GradebookError, HandedOver, enter_people, hand_over, mark_quizzes
    from autograder.reporting.text import shown_name

    def problem_of(outcome: HandedOver, verb: str = "") -> str:
        return f"{verb}{shown_name(outcome.student, 200)}, {outcome.assignment}: {outcome.message or ''}"

    def enter() -> None:
        # Those that could not be graded, too: their older marks must go.
        known = [r for r in results if r["assignment"] and NO_HAND_IN not in r["flags"]]
        run.attempt.problems += enter_people(course, known, run.roster)
        with bar("To nbgrader", len(known)) as advance:
            outcomes = hand_over(course, known, progress=lambda _: advance())
        for outcome, result in zip(outcomes, known, strict=True):
            if not outcome.ok and result["status"] != "not_graded":
                run.attempt.problems.append(problem_of(outcome, "nbgrader did not take "))

    def mark() -> None:
        with bar("Quizzes", len(run.quizzes)) as advance:
            outcomes = mark_quizzes(course, run.quizzes, progress=lambda _: advance())
        run.attempt.problems += [problem_of(outcome) for outcome in outcomes if not outcome.ok]
        good = sum(outcome.ok for outcome in outcomes)
        err.print(f"{good} of {len(outcomes)} quizzes were marked; marks are in the gradebook, pages in feedback/.")

    try:
        if results:
            run.attempt("the gradebook", enter)
        if run.quizzes:
            run.attempt("the gradebook", mark)
    except GradebookError as error:
        run.attempt.problems.append(str(error))
