"""The verb `marks`: writes marks and feedback into the files of a learning platform."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Usage, Verbs, verb

if TYPE_CHECKING:
    from autograder.platforms.fill import Plan
    from autograder.records import Result

PLATFORMS = ("canvas", "moodle", "blackboard", "brightspace", "csv")


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "marks", marks, "fill marks into a file that Canvas, Moodle, Blackboard or Brightspace exported")
    p.add_argument(
        "results", type=Path, metavar="RESULTS",
        help="a file of `grade --json`, or a course folder: the marks of its gradebook",
    )  # fmt: skip
    p.add_argument(
        "--for", required=True, choices=PLATFORMS, dest="platform", help="the platform that exported the file"
    )
    p.add_argument(
        "--into",
        required=True,
        type=Path,
        metavar="EXPORT",
        help="the file that the platform exported; it is not changed",
    )
    p.add_argument("--assignment", metavar="ID", help="the assignment, if there are results of several")
    p.add_argument("--column", metavar="HEAD", help="the heading of the column to fill, if several can take marks")
    p.add_argument("--write", type=Path, metavar="OUT", help="write the filled file (default: only show the changes)")
    p.add_argument("--lower", action="store_true", help="also write marks that are lower than those in the file")
    p.add_argument("--scale", action="store_true", help="convert marks if the platform has another maximum")
    p.add_argument(
        "--feedback", type=Path, metavar="ZIP", help="write the feedback pages as a zip for Moodle's bulk upload"
    )
    p.add_argument("--language", default="en", help="the language of the feedback pages (default: en)")


def marks(options: argparse.Namespace) -> int:
    """Show what would change in the platform's file, and with `--write`, write it."""
    from autograder.platforms.feedback import feedback_zip
    from autograder.platforms.fill import choose_column, plan
    from autograder.platforms.layouts import WrongFile, read_sheet
    from course import i18n

    for path in filter(None, (options.write, options.feedback)):
        if path.exists():
            raise Usage(f"{path} exists already; name a new file, so that nothing is lost")
    read = _from_gradebook if options.results.is_dir() else _results
    results = read(options.results, options.assignment)
    if not results:
        raise Usage(f"{options.results}: the gradebook has no students")
    assignment = str(results[0]["assignment"])
    try:
        sheet = read_sheet(options.into, options.platform, options.column)
        column = choose_column(sheet, assignment, _titles(assignment))
        planned = plan(sheet, column, results, options.lower, options.scale)
        with i18n.using(i18n.known(options.language)):
            pages = feedback_zip(planned) if options.feedback else None
    except (WrongFile, i18n.UnknownLanguage) as error:
        raise Usage(str(error)) from None
    _show(planned, assignment)
    if options.write:
        _write(options.write, planned.filled())
    if pages is not None:
        _write(options.feedback, pages)
    _say(
        f"Written: {options.write}." if options.write else "Nothing is written to a file of marks; --write OUT does it."
    )
    return 0 if planned.complete else 1


def _results(path: Path, assignment: str | None) -> list[Result]:
    """The results of one assignment. Raises Usage where that is not clear, or the file is no file of results."""
    from autograder.reporting.schema import NotAResult, validate

    try:
        results: list[Result] = json.loads(path.read_text(encoding="utf-8"))
        validate(results)
    except (ValueError, NotAResult) as error:
        raise Usage(f"{path} is no file of `grade --json`: {error}") from None
    there = sorted({str(result["assignment"]) for result in results if result["assignment"]})
    if assignment is None and len(there) > 1:
        raise Usage(f"{path} has results of several assignments; choose with --assignment: {', '.join(there)}")
    chosen = [result for result in results if result["assignment"] == (assignment or next(iter(there), None))]
    if not chosen:
        raise Usage(f"{path} has no result of the assignment {assignment}; it has: {', '.join(there) or 'none'}")
    return chosen


def _from_gradebook(course: Path, assignment: str | None) -> list[Result]:
    """The gradebook's marks of one assignment. Raises Usage where that is not clear, or there is no gradebook."""
    from autograder.nbgrader import GradebookError, gradebook_assignments, gradebook_results
    from autograder.paths import source_notebook
    from course.syllabus import UnknownName, syllabus

    if not (course / "nbgrader_config.py").is_file() or not (course / "gradebook.db").is_file():
        raise Usage(f"{course} is no course folder with nbgrader_config.py and gradebook.db, nor a file of results")
    try:
        there = gradebook_assignments(course)
        if assignment is None and len(there) != 1:
            raise Usage(
                f"the gradebook has several assignments; choose with --assignment: {', '.join(there) or 'none'}"
            )
        name = assignment or there[0]
        if name not in there:  # the syllabus's id of an assignment that has another name in the course
            try:
                name = source_notebook(course / "source", syllabus().assignment(name)).parent.name
            except UnknownName:
                pass
        if name not in there:
            raise Usage(f"the gradebook has no assignment {assignment}; it has: {', '.join(there) or 'none'}")
        return gradebook_results(course, name)
    except GradebookError as error:
        raise Usage(str(error)) from None


def _titles(assignment: str) -> list[str]:
    """Names that an assignment may have on a platform besides its id: its title in each language."""
    from course import i18n
    from course.syllabus import UnknownName, syllabus

    try:
        known = syllabus().assignment(assignment)
    except UnknownName:
        return []
    names = [known.exercise.id]
    for language in i18n.languages():
        with i18n.using(language):
            title = i18n._(known.exercise.title)
        names += [title, f"{title} {known.track.title}"]
    return names


def _show(planned: Plan, assignment: str) -> None:
    from rich.markup import escape

    from autograder.cli.terminal import out, printable, table
    from autograder.platforms.fill import Kind
    from autograder.reporting.text import shown_name

    shown = table("Row", "Name", "From", "To", "What", "Why")
    for change in planned.changes:
        if change.kind is not Kind.SAME:
            line, name = str(change.entry.row.line), change.entry.name or ", ".join(change.entry.keys[:1])
            cells = [line, shown_name(name, 200), change.old or "–", change.new or "–", str(change.kind), change.reason]
            shown.add_row(*(escape(cell) for cell in cells))
    _say(f"{assignment} into the column {planned.column.head!r} of {planned.sheet.path}")
    out.print(shown)
    counts = {kind: sum(change.kind is kind for change in planned.changes) for kind in Kind}
    _say(", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "no mark has a row")
    if planned.matches.lost:
        _say(f"Results without a row ({len(planned.matches.lost)}):")
    for result, reason in planned.matches.lost:
        owner = result.get("owner")
        who = str(result["student"] or result["submission"])
        who += f" ({owner['key']})" if owner and owner["key"] not in who else ""
        mark = "" if result["status"] == "graded" else " [not graded]"
        _say(f"  {shown_name(who, 200)}{mark}: {printable(reason)}")
    if planned.matches.unclaimed:
        _say(f"Rows without a result ({len(planned.matches.unclaimed)}):")
    for entry in planned.matches.unclaimed:
        _say(f"  {shown_name(entry.shown, 200)}")


def _say(text: str) -> None:
    from autograder.cli.terminal import out

    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file completely, or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(data)
    unfinished.replace(path)
