"""The verb `compare`: what changed between two gradings, why, and who must be told."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Usage, Verbs, verb

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.grading.comparison import Change, Comparison
    from autograder.records import Result

MOST_ROWS = 25  # of the table that each grading prints


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "compare", compare, "say whose marks changed between two gradings, why, and who must be told")
    p.add_argument("old", type=Path, metavar="OLD", help="a file of `grade --json`, or of a course's .autograder/marks")
    p.add_argument("new", type=Path, metavar="NEW", help="the same of a later grading")
    p.add_argument("--json", type=Path, metavar="F", help="write everything there, part by part and test by test")
    p.add_argument("--html", type=Path, metavar="F", help="write a page there")
    p.add_argument("--language", default="en", help="of the page (default: en)")


def compare(options: argparse.Namespace) -> int:
    """Compare two files of results."""
    from rich.markup import escape

    from autograder.cli.requirements import require_writable
    from autograder.cli.terminal import err, out
    from autograder.grading.comparison import compare as compare_results
    from autograder.reporting.changes import changes_page
    from course import i18n

    require_writable(options.json, options.html)
    try:
        language = i18n.known(options.language)
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None
    comparison = compare_results(results_in(options.old), results_in(options.new))
    print_changes(comparison, out, most=None)
    if options.json:
        options.json.write_text(json.dumps(comparison, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.html:
        with i18n.using(language):
            options.html.write_text(changes_page(comparison), encoding="utf-8")
        err.print(f"Page: {escape(str(options.html))}", soft_wrap=True)
    return 0


def print_changes(comparison: Comparison, console: Console, most: int | None = MOST_ROWS) -> None:
    """Print the changes in a table of at most `most` rows, and the summary."""
    from rich.markup import escape

    from autograder.cli.terminal import printable, table
    from autograder.grading.comparison import moved
    from autograder.grading.course_log import told

    rows = moved(comparison)
    shown = table("Student", "Assignment", "Before", "Now", "Parts and tests", "Why")
    for change in rows[:most]:
        shown.add_row(
            escape(printable(change["student"])), change["assignment"], _mark(change["old"], change["old_max"]),
            _mark(change["new"], change["new_max"]), escape(_parts(change)), escape(", ".join(change["reasons"])),
        )  # fmt: skip
    console.print(f"Compared with before: {told(comparison['counts'])}.")
    if rows:
        console.print(shown)
    if most is not None and len(rows) > most:
        console.print(f"… and {len(rows) - most} more: `autograder compare` shows all.")
    tell = [escape(printable(change["student"])) for change in comparison["changes"] if change["tell"]]
    if tell:
        console.print(f"To be told, because they may have seen another mark: {', '.join(dict.fromkeys(tell))}.")


def _mark(score: float | None, most: float | None) -> str:
    return "–" if score is None else f"{score:g} / {most:g}"


def _parts(change: Change) -> str:
    lines = []
    for part in change["parts"]:
        line = f"{part['id']}: {_mark(part['old'], part['old_max'])} → {_mark(part['new'], part['new_max'])}"
        tests = [f"{test['name']} {test['old'] or 'not there'} → {test['new'] or 'gone'}" for test in part["tests"]]
        more = f" and {len(tests) - 3} more" if len(tests) > 3 else ""
        lines.append(f"{line} ({'; '.join(tests[:3])}{more})" if tests else line)
    return "\n".join(lines)


def results_in(path: Path) -> list[Result]:
    """The results in a file. Raises Usage where there are none."""
    from autograder.reporting.schema import NotAResult, validate

    try:
        results: list[Result] = json.loads(path.read_text(encoding="utf-8"))
        validate(results)
    except (ValueError, NotAResult) as error:
        raise Usage(f"{path} is no file of `grade --json`: {error}") from None
    return results
