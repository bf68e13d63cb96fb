"""Results in the formats of other programs: Gradescope, JUnit XML, GitHub, PrairieLearn, Otter.

    WRITERS["gradescope"](results)

Every writer takes the results of one grading, as `autograder grade --json` writes them, and gives the text of one file.
All of them say the same points and the same messages, in the language that `course.i18n` has chosen. A hand-in that was
not graded never becomes a zero: each format has a way to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograder.records import Result
from autograder.writers import github, gradescope, junit, otter, prairielearn
from autograder.writers.view import OnePersonOnly

__all__ = ["WRITERS", "OnePersonOnly"]

WRITERS: dict[str, Callable[[Sequence[Result]], str]] = {
    "gradescope": gradescope.write,
    "junit": junit.write,
    "github": github.write,
    "prairielearn": prairielearn.write,
    "otter": otter.write,
}
