"""The names of an assignment's hidden tests, as the judge collects them.

    python -m autograder.settings.hidden_tests EXERCISE TRACK

The tests are collected in a separate process, as the judge does, so that a program that reads settings need not run
pytest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from autograder.errors import GradingError
from course.syllabus import Assignment, syllabus


@dataclass(frozen=True)
class HiddenTest:
    """A hidden test, or one case of it. `share` is of its part, relative to the other tests of that part."""

    name: str
    title: str
    part: str
    share: float


@cache
def of(assignment: Assignment) -> tuple[HiddenTest, ...]:
    """The hidden tests of an assignment, in the judge's order; none where a person grades it.

    Raises GradingError where they cannot be read.
    """
    if assignment.exercise.by_hand:
        return ()
    command = [
        sys.executable,
        "-P",
        "-m",
        "autograder.settings.hidden_tests",
        assignment.exercise.id,
        assignment.track.id,
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise GradingError(f"the hidden tests of {assignment.id} cannot be read: {done.stderr.strip()[-500:]}")
    return tuple(HiddenTest(**entry) for entry in json.loads(done.stdout))


def main(exercise_id: str, track: str) -> int:
    """Print the hidden tests as JSON."""
    from autograder.judging.session import collect

    specs = collect(syllabus().exercise(exercise_id), track)
    wanted = ("name", "title", "part", "share")
    print(json.dumps([{key: getattr(spec, key) for key in wanted} for spec in specs]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
