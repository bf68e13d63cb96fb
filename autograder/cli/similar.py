"""The verb `similar`: which answers of a class are alike, compared with independent right answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autograder.cli.arguments import Usage, Verbs, verb

if TYPE_CHECKING:
    from autograder.records import Result
    from autograder.similarity.records import Likeness
    from autograder.submission.hand_in import Submission


SIDES: tuple[Literal["one", "other"], Literal["one", "other"]] = ("one", "other")


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(
        verbs,
        "similar",
        similar,
        "say which answers of a class are more alike than independent right answers are; nothing is run, and nothing "
        "leaves this machine",
    )
    p.add_argument("paths", nargs="+", metavar="PATH", help="hand-ins in any layout that `collect` reads")
    p.add_argument("--assignment", help="the assignment of files that do not name theirs")
    p.add_argument(
        "--earlier", action="append", default=[], metavar="FOLDER",
        help="hand-ins of an earlier term: compared with the class, not with each other; may be given several times",
    )  # fmt: skip
    p.add_argument(
        "--results", action="append", type=Path, default=[], metavar="FILE",
        help="a file of `grade --json`, to compare the numbers of wrong answers too (in a course: its own results)",
    )  # fmt: skip
    p.add_argument("--roster", type=Path, metavar="CSV", help="the class list, for people's names")
    p.add_argument("--html", type=Path, metavar="F", help="write a page of pairs side by side there")
    p.add_argument("--json", type=Path, metavar="F", help="write everything there")
    p.add_argument("--csv", type=Path, metavar="F", help="write a table there")
    p.add_argument("--language", default="en", help="of the page (default: en)")
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: as for `grade`)")


def similar(options: argparse.Namespace) -> int:
    """Compare the answers of a class, and write the outputs of the options."""
    from rich.markup import escape

    from autograder.cli.comparing import results_in
    from autograder.cli.requirements import require_roster, require_writable
    from autograder.cli.terminal import bar, err
    from autograder.paths import course_above, sources_of
    from autograder.reporting.alike import alike_page, alike_table
    from autograder.similarity.class_read import names_of
    from course import i18n
    from course.syllabus import syllabus

    if options.assignment:
        syllabus().assignment(options.assignment)
    require_writable(options.html, options.json, options.csv)
    try:
        language = i18n.known(options.language)
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None
    roster = require_roster(options.roster)
    course = course_above(options.paths)
    source = options.source or sources_of(course)
    from autograder.similarity.compare import compare_class  # first, because it fails if copydetect is missing

    submissions = _read("Reading", options.paths, source, options.assignment, course)
    earlier: list[tuple[Submission, str]] = []
    for folder in options.earlier:
        old = _read("Reading the earlier term", [folder], source, options.assignment, course_above([folder]))
        earlier += zip(old, names_of(old, None), strict=True)
    results = [*_stored(course, submissions), *(result for path in options.results for result in results_in(path))]
    with bar("Comparing", 0) as advance:
        likeness = compare_class(submissions, names_of(submissions, roster), source, earlier, results, advance)
    if options.json:
        options.json.write_text(json.dumps(likeness, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.csv:
        options.csv.write_text(alike_table(likeness), encoding="utf-8")
    if options.html:
        with i18n.using(language):
            options.html.write_text(alike_page(likeness), encoding="utf-8")
        err.print(f"Page: {escape(str(options.html))}", soft_wrap=True)
    _print(likeness)
    return 1 if any(submission.problem for submission in submissions) or not likeness["assignments"] else 0


def _read(title: str, paths: list[str], source: Path, assignment: str | None, course: Path | None) -> list[Submission]:
    from autograder.cli.terminal import bar
    from autograder.similarity.class_read import hand_ins

    with bar(title, 0) as advance:
        return hand_ins(paths, source, assignment, course, lambda done: advance(done, done))


def _stored(course: Path | None, submissions: list[Submission]) -> Iterator[Result]:
    """The results that the course keeps of these hand-ins."""
    from autograder.grading import saved_results

    for submission in submissions if course else ():
        if course and submission.assignment is not None:
            result = saved_results.stored(course, submission.assignment.id, submission.student)
            if result is not None:
                yield result


def _print(likeness: Likeness) -> None:
    """The pairs in a table, and sentences on the rest."""
    from rich.markup import escape

    from autograder.cli.terminal import err, out, printable, table
    from autograder.reporting.alike import base_rate

    for one in likeness["assignments"]:
        earlier = f", {one['earlier']} of earlier terms" if one["earlier"] else ""
        out.print(f"[bold]{one['assignment']}[/]: {one['hand_ins']} hand-ins{earlier}")
        shown = table("One", "Other", "Parts", "Alike", "Most alike of independent", "Base rate")
        for pair in one["pairs"]:
            first = min(pair["answers"], key=lambda answer: (answer["as_alike"], answer["others"], -answer["alike"]))
            shown.add_row(
                *(escape(printable(pair[side]["name"])) for side in SIDES),
                ", ".join(part for answer in pair["answers"] for part in answer["parts"]),
                f"{first['alike']:.2f}", f"{first['most']:.2f}", base_rate(first),
            )  # fmt: skip
        out.print(shown if one["pairs"] else "No two answers are more alike than independent ones are.")
        for group in one["identical"]:
            _say(f"The same code, character by character: {', '.join(person['name'] for person in group)}.")
        for same in one["same_numbers"]:
            who = ", ".join(person["name"] for person in same["people"])
            rate = f"{len(same['people'])} of {same['wrong']} wrong answers to {same['part']}"
            _say(f"The same wrong numbers, to the last bit: {who} ({rate}).")
        for reason, sentence in (
            ("short", "Left out, because right answers have five lines or less"),
            ("few", "Left out, because there are too few independent right answers"),
        ):
            if parts := [part for c in one["compared"] if c["left_out"] == reason for part in c["parts"]]:
                _say(f"{sentence}: {', '.join(parts)}.")
        if not one["results"]:
            _say("Numbers of wrong answers were not compared: grade the hand-ins, or give --results FILE.")
    for unread in likeness["unread"]:
        err.print(printable(f"Not compared: {unread['name']} ({unread['file']}): {unread['why']}"),
                  style="yellow", markup=False, soft_wrap=True)  # fmt: skip
    if not likeness["assignments"]:
        err.print("Nothing could be compared.")
    else:
        _say("This says where to look; it is no verdict.")


def _say(text: str) -> None:
    from autograder.cli.terminal import out, printable

    out.print(printable(text), markup=False, highlight=False, soft_wrap=True)
