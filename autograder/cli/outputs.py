"""Outputs of the verbs that grade: files, pages, the gradebook, and the list of changed marks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Usage, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.grading.class_run import Attempts, ClassRun
    from autograder.records import Result


def add_outputs(p: Verb) -> None:
    """Add the options for output files."""
    p.add_argument("--json", metavar="F", help="write the results to this file ('-': to standard output)")
    p.add_argument("--language", help="the language of the feedback (default: the course's, else en)")
    p.add_argument("--html", type=Path, metavar="DIR", help="write feedback pages and a class page to this folder")
    p.add_argument("--csv", type=Path, metavar="F", help="write a table of marks to this file")


def chosen_language(wanted: str | None, course: Path | None) -> str:
    """The language of the option, else the course's, else English. Raises Usage for an unknown language."""
    from course import i18n

    try:
        if wanted or course is None or not (course / "nbgrader_config.py").is_file():
            return i18n.known(wanted or i18n.SOURCE_LANGUAGE)
        from autograder.nbgrader import course_language

        return i18n.known(course_language(course))
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None


def whole_marks(course: Path | None, results: list[Result], attempt: Attempts) -> list[Result]:
    """The results with a person's marks from the course's gradebook, and with late penalties."""
    if not course:
        return results
    from autograder.nbgrader import GradebookError, class_with_hand_marks

    try:
        return class_with_hand_marks(course, results)
    except GradebookError as error:
        attempt.problems.append(str(error))
        return results


def write(options: argparse.Namespace, run: ClassRun, results: Sequence[Result], language: str) -> None:
    """Write the outputs of the options. If one of them fails, the others are still written."""
    from rich.markup import escape

    from autograder.cli.terminal import err, write_json
    from autograder.reporting.html import write_pages
    from autograder.reporting.marks import csv_table
    from autograder.settings.apply import shown
    from course import i18n

    if options.json:
        run.attempt("the results", lambda: write_json(results, options.json))
    if options.csv:
        run.attempt("the table of marks", lambda: options.csv.write_text(csv_table(results), encoding="utf-8"))
    if options.html:
        with i18n.using(language):
            seen = [shown(result, run.course_settings) for result in results]
            pages = run.attempt("the feedback pages", lambda: write_pages(results, options.html, seen))
        if pages:
            err.print(f"Feedback pages: {escape(str(pages))}", soft_wrap=True)


def to_nbgrader(course: Path, results: Sequence[Result], run: ClassRun) -> None:
    """Enter marks and quizzes into the course's gradebook; each that fails becomes a problem of the run."""
    from autograder.cli.terminal import bar, err
    from autograder.grading.people import NO_HAND_IN
    from autograder.nbgrader import GradebookError, HandedOver, enter_people, hand_over, mark_quizzes
    from autograder.reporting.text import shown_name

    def problem_of(outcome: HandedOver, verb: str = "") -> str:
        return f"{verb}{shown_name(outcome.student, 200)}, {outcome.assignment}: {outcome.message or ''}"

    def enter() -> None:
        # Also hand-ins that could not be graded: their older marks must be removed.
        known = [r for r in results if r["assignment"] and NO_HAND_IN not in r["flags"]]
        run.attempt.problems += enter_people(course, known, run.roster)
        with bar("To nbgrader", len(known)) as advance:
            outcomes = hand_over(course, known, progress=lambda _: advance())
        if before := sum(outcome.before for outcome in outcomes):
            err.print(f"{before} of {len(known)} are in the gradebook already and have not changed.")
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


def log(course: Path, what: str, run: ClassRun, seconds: dict[str, float]) -> None:
    """Write a line on this grading into the course's log."""
    from autograder.grading import course_log

    counts = {"hand_ins": len(run.submissions), "graded_now": len(run.new), "failed": run.failed}
    seeds = {name: rules.seed for name, rules in run.rules.items()}
    run.attempt("the course's log", lambda: course_log.log_run(course, what, counts, seconds, seeds))


def tell_changes(
    course: Path, results: Sequence[Result], run: ClassRun, lines: Sequence[str] = (), *, shown: Console
) -> None:
    """Print whose marks changed and why, and write that, with the given lines, into the course's CHANGELOG.md."""
    from autograder.cli.comparing import print_changes
    from autograder.grading import course_log
    from autograder.grading.comparison import compare, moved

    def keep() -> None:
        before = course_log.latest(course)
        changed = course_log.changed_settings(course, run.course_settings)
        now = course_log.remember(course, results)
        graded = {(row["assignment"], row["student"]) for row in results}
        comparison = compare(before, [row for row in now if (row["assignment"], row["student"]) in graded])
        comparison["changes"] = [c for c in comparison["changes"] if (c["assignment"], c["student"]) in graded]
        found = moved(comparison) if before else []
        told = [*lines, *(line for line in changed if not lines or ".void" not in line and ".accept" not in line)]
        if found:
            told.append(course_log.marks_line(comparison["changes"]))
            print_changes(comparison, shown)
        elif lines:
            shown.print("No mark has changed.")
        course_log.note(course, told)

    run.attempt("what the course remembers of its marks", keep)
