"""The `course.toml` that `autograder init` writes. It explains every key; only the language is not commented out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from course.syllabus import Assignment, syllabus

HEAD = """\
# The settings of this course. They replace those of the syllabus from the next grading on. Nothing has to be rebuilt,
# and only hand-ins that a change affects are graded again. To set something, remove the # in front of it.
# `autograder settings` checks this file and shows the settings in force.

# The language of notebooks, checks and feedback, for all releases and gradings from now on.
language = "{language}"

# The time zone of times in this file that do not name one.
# timezone = "Europe/Copenhagen"

# How a part is marked. "follow-through": a known mistake is counted once. "strict": each test that fails counts.
# marking = "{marking}"

# The late penalty. `method` is "none", "zero" (all points are lost) or "per-day": `per_day` of the points for each
# day that has begun, and at most `at_most`; both are shares, from 0 to 1. Up to `grace_minutes` late counts as
# in time. Without this table, nbgrader's plug-in decides (c.AssignLatePenalties in nbgrader_config.py).
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

# The limits of one hand-in: seconds, MiB (`_mb`), KiB (`output_kb`), counts. If the syllabus has other limits for an
# exercise, those apply; [assignments.NAME.limits] changes them.
# [limits]
{limits}
"""

ONE = """
# -- {title}: {points:g} points

[assignments.{name}]
# due = 2027-02-01T12:00:00+01:00  # a date alone is the end of that day
# points = {points:g}  # the total; its parts keep their proportions
# seed = 4711  # of the hidden inputs; without it, the course keeps the seed of the first grading
# marking = "strict"  # `limits`, `late` and `show` may be here too, for this assignment only

# More time for one student, also before anything is handed in: `days` after the due date, or `until` a time.
# extensions.ann = {{ days = 3, why = "ill" }}

# How a part counts: `points`, or `share` of the assignment's points (0 to 1). `drop = true`: it counts nothing.
# `bonus = true`: its points are added to the total.
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
