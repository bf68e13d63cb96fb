"""Verbs that make course folders and releases: `init`, `release`."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.cli.arguments import Usage, Verbs, verb


def add(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    p = verb(
        verbs,
        "init",
        init,
        "make a course folder for nbgrader: configuration, source notebooks, gradebook, instructions",
    )
    p.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or an empty one")
    p.add_argument("--track", action="append", metavar="TRACK", help="may be given several times (default: all)")
    p.add_argument("--exercise", action="append", metavar="EXERCISE", help="may be given several times (default: all)")
    p.add_argument(
        "--quiz",
        action="append",
        default=[],
        metavar="QUIZ",
        help="quiz-pre or quiz-post, to be handed in and marked; repeat it for both (default: none)",
    )
    p.add_argument("--course-id", metavar="ID", help="what nbgrader calls the course (default: the syllabus's id)")
    p.add_argument("--language", default="en", help="the language of notebooks, checks and feedback (default: en)")

    p = verb(verbs, "release", release, "make the zip that students get: notebook, course package, requirements")
    p.add_argument("assignments", nargs="*", metavar="ASSIGNMENT")
    p.add_argument(
        "--course",
        action="store_true",
        dest="one_zip",
        help="one zip a track for all ASSIGNMENTs (default: for all that there are), with one environment",
    )
    p.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write it (default: release; in another language release/LANGUAGE)",
    )
    p.add_argument("--language", default="en", help="the language of notebook and checks (default: en)")


def init(options: argparse.Namespace) -> int:
    """Make a course folder for nbgrader."""
    from rich.markup import escape

    from autograder.authoring.init import init as make_course
    from autograder.cli.requirements import require_checkout, taught
    from autograder.cli.terminal import out
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from course.i18n import UnknownLanguage

    assignments = taught(options.track, options.exercise)
    require_checkout()
    try:
        make_course(ROOT, options.folder, assignments, options.course_id, options.language, options.quiz)
    except (AuthoringError, UnknownLanguage) as error:
        raise Usage(str(error)) from None
    out.print(
        f"{escape(str(options.folder))} holds {', '.join([*(a.id for a in assignments), *options.quiz])}.",
        soft_wrap=True,
    )
    out.print(f"{escape(str(options.folder / 'README.md'))} says what to do next.", soft_wrap=True)
    return 0


def release(options: argparse.Namespace) -> int:
    """Make the zips of assignments and quizzes."""
    from rich.markup import escape

    from autograder.authoring.release import release as release_zips
    from autograder.authoring.release import release_course, release_quizzes
    from autograder.cli.authoring import sorted_out
    from autograder.cli.requirements import chosen, require_checkout
    from autograder.cli.terminal import out
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from course import i18n

    require_checkout()
    quizzes, names = sorted_out(options.assignments)
    if not (quizzes or names or options.one_zip):
        raise Usage("name at least one assignment, or say --course for one zip with all of them")
    language = options.language
    output = options.output or Path("release", "" if language == i18n.SOURCE_LANGUAGE else language)
    try:
        paths = release_quizzes(ROOT, quizzes, output, language) if quizzes else []
        if names or options.one_zip:
            make = release_course if options.one_zip else release_zips
            paths += make(ROOT, [a.id for a in chosen(names, by_hand=True)], output, language)
    except AuthoringError as error:
        raise Usage(str(error)) from None
    for path in paths:
        out.print(escape(str(path)), soft_wrap=True)
    return 0
