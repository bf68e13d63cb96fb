"""The verb `settings`: checks and shows a course's `course.toml`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Usage, Verb, Verbs, verb

if TYPE_CHECKING:
    from autograder.settings.points import Worth
    from autograder.settings.types import AssignmentSettings
    from course.syllabus import Assignment


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "settings", settings, "check a course's course.toml, and show what is in force")
    add_course(p)


def add_course(p: Verb) -> None:
    """Add the option that names the course."""
    p.add_argument(
        "--in", dest="nbgrader_course", type=Path, metavar="DIR",
        help="the course folder (default: the one that you are in)",
    )  # fmt: skip


def course_of(folder: Path | None) -> Path:
    """The course in a folder, or around the working folder. Raises Usage where there is none."""
    from autograder.paths import course_around

    course = course_around(folder)
    if course is None:
        raise Usage(
            f"{folder or 'this folder'} is no course: nbgrader_config.py is missing. Use --in DIR, or go there."
        )
    return course


def settings(options: argparse.Namespace) -> int:
    """Show what is in force in a course."""
    from rich.markup import escape

    from autograder.cli.terminal import out, table
    from autograder.grading import seeds
    from autograder.settings.points import worth_of
    from autograder.settings.reading import read_settings
    from autograder.submission.course_folder import read_course_folder
    from course.syllabus import syllabus

    course = course_of(options.nbgrader_course)
    found = read_settings(course)
    names = dict.fromkeys([*read_course_folder(course / "source").judged.values(), *found.assignments])
    shown = table("Assignment", "Points", "Due", "Different from the syllabus")
    for name in names:
        known, own = syllabus().assignment(name), found.of(name)
        worth = worth_of(known, own, course / "source")
        most = sum(one.points for one in worth.values() if not one.bonus)
        shown.add_row(name, f"{most:g}", f"{own.due:%Y-%m-%d %H:%M %z}" if own.due else "–",
                      escape(_otherwise(known, own, seeds.known(course).get(name), worth)))  # fmt: skip
    out.print(shown)
    out.print(f"Language: {found.language or 'as nbgrader_config.py says'}.")
    return 0


def _otherwise(known: Assignment, own: AssignmentSettings, seed: int | None, worth: dict[str, Worth]) -> str:
    """The course's own settings of an assignment, one on each line."""
    lines = [
        f"{part.id}: " + ("dropped" if one.dropped else f"{one.points:g} points{', a bonus' if one.bonus else ''}")
        for part in known.exercise.parts
        if (one := worth[part.id]).points != part.points or one.bonus or one.dropped
    ]
    lines += [f"void: {entry.test} ({entry.why})" for entry in own.void]
    lines += [f"accepted: {entry.hand_in}, {entry.part} ({entry.why})" for entry in own.accept]
    lines += [
        f"extension: {student}, {f'until {e.until:%Y-%m-%d %H:%M %z}' if e.until else f'{e.days:g} days'}"
        for student, e in own.extensions.items()
    ]
    if own.late:
        lines.append(f"late: {own.late.method}")
    if own.show != type(own.show)():
        lines.append(f"feedback: {own.show.before_due} before the due date, {own.show.after_due} after it")
    if own.rules.marking:
        lines.append(f"marking: {own.rules.marking}")
    lines += [f"{name}: {value:g}" for name, value in own.rules.limits.items()]
    if own.rules.seed is not None or seed is not None:
        lines.append(f"seed: {seed if own.rules.seed is None else own.rules.seed}")
    return "\n".join(lines)
