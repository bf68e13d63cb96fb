"""The `course.toml` that `autograder init` writes. It explains every key; only the language is not commented out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from course.syllabus import Assignment, syllabus

HEAD = """\
# The settings of this course. What stands here goes before the syllabus, and is in force from the next grading on.
# There is nothing to rebuild, and only what a change touches is graded again. To set something, take the # away in
# front of it. `autograder settings` checks this file and shows what is in force.

# The language of notebooks, checks and feedback, for what is released or graded from now on.
language = "{language}"

# The zone of those times in this file that name none.
# timezone = "Europe/Copenhagen"

# How a part is marked. "follow-through": a known mistake is counted once. "strict": each test that fails counts.
# marking = "{marking}"

# What lateness costs. `method` is "none", "zero" (all points are lost) or "per-day": `per_day` of the points for each
# day that has begun, and at most `at_most`; both are shares, from 0 to 1. `grace_minutes` late is not late. Without
# this table, nbgrader's plug-in decides (c.AssignLatePenalties in nbgrader_config.py).
# [late]
# method = "per-day"
# per_day = 0.1
# at_most = 0.5
# grace_minutes = 15

# What students see in their feedback before their due date, and after it: "nothing", "mark" (points only), "checks"
# (also which checks passed) or "all" (also messages, hints and pictures).
# [show]
# before_due = "checks"
# after_due = "all"

# What one hand-in may use: seconds, MiB (`_mb`), KiB (`output_kb`), counts. Where the syllabus has other limits for an
# exercise, these hold; [assignments.NAME.limits] changes them.
# [limits]
{limits}
"""

ONE = """
# -- {title}: {points:g} points

[assignments.{name}]
# due = 2027-02-01T12:00:00+01:00  # a date alone is the end of that day
# points = {points:g}  # what it is worth in all; its parts keep their proportions
# seed = 4711  # of the hidden inputs; without it, the course keeps the seed of the first grading
# marking = "strict"  # `limits`, `late` and `show` may stand here too, for this assignment alone

# More time for one student, also before anything is handed in: `days` after the due date, or `until` a time.
# extensions.ann = {{ days = 3, why = "ill" }}

# What a part counts: `points`, or `share` of the assignment's points (0 to 1). `drop = true`: it counts nothing.
# `bonus = true`: its points come on top.
{parts}
"""

TAIL = """
# Tests that count nothing, and answers that count as right. `autograder void` and `autograder accept` write them here.
# [[assignments.{name}.void]]
# test = "test_values"
# why = "the text did not say which axis"
# [[assignments.{name}.accept]]
# hand_in = "ann"
# part = "{part}"
# why = "right, only slow"
"""


def course_toml(assignments: Iterable[Assignment], language: str) -> str:
    """The text of the file for a course with these assignments, in the language of `course.i18n` that is named."""
    assignments = list(assignments)
    limits = "\n".join(f"# {name} = {value}" for name, value in asdict(syllabus().limits).items())
    text = HEAD.format(language=language, marking=syllabus().marking, limits=limits)
    for assignment in assignments:
        exercise = assignment.exercise
        parts = "\n".join(
            f"# parts.{part.id} = {{ points = {part.points:g} }}  # {part.title}" for part in exercise.parts
        )
        title = f"{exercise.title}, {assignment.track.title}"
        text += ONE.format(name=assignment.id, title=title, points=exercise.points, parts=parts)
    if assignments:
        judged = next((one for one in assignments if not one.exercise.by_hand), assignments[0])
        text += TAIL.format(name=judged.id, part=judged.exercise.parts[0].id)
    return text
