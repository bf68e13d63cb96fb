"""The verb `export`: results in the formats of other programs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from autograder.cli.arguments import Usage, Verbs, verb

FORMATS = ("gradescope", "junit", "github", "prairielearn", "otter")


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "export", export, "write results in the format of Gradescope, JUnit, GitHub, PrairieLearn or Otter")
    p.add_argument("results", type=Path, metavar="RESULTS", help="a file that `grade --json` wrote")
    p.add_argument("--format", required=True, choices=FORMATS)
    p.add_argument("--student", metavar="ID", help="only the results of this student")
    p.add_argument("--assignment", metavar="ASSIGNMENT", help="only the results of this assignment")
    p.add_argument("--output", type=Path, metavar="F", help="the file to write (default: standard output)")
    p.add_argument("--language", default="en", help="the language of titles and messages (default: en)")


def export(options: argparse.Namespace) -> int:
    """Write the results of a grading as another program reads them."""
    from autograder.reporting.schema import NotAResult, validate
    from autograder.writers import WRITERS, OnePersonOnly
    from course import i18n

    try:
        results = json.loads(options.results.read_text(encoding="utf-8"))
        validate(results)
    except (ValueError, NotAResult) as error:
        raise Usage(f"{options.results} is no file of `grade --json`: {error}") from None
    chosen = [
        result
        for result in results
        if options.student in (None, result["student"]) and options.assignment in (None, result["assignment"])
    ]
    if not chosen:
        raise Usage(f"{options.results} has no result of that student and assignment")
    try:
        with i18n.using(i18n.known(options.language)):
            text = WRITERS[options.format](chosen)
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None
    except OnePersonOnly as error:
        raise Usage(f"{error} Or choose one with --student and --assignment.") from None
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text, encoding="utf-8")
    return 0
