"""Where things lie in a checkout, said once, and which of it may leave it.

An exercise is a folder of the same name, its `module`, in four rooms:

    course/exercises/<module>/       lesson.md, checks.py                        released to students
    solutions/<module>/              pytorch.py, tensorflow.py                   the reference
    autograder/exercises/<module>/   hidden_tests.py, mistakes.toml, stand-ins   the judge's
    tests/exercises/<module>/        alternatives/<track>/, equivalents.toml     proofs

`root` is always the folder that holds these rooms.
"""

from __future__ import annotations

from pathlib import Path

from course.syllabus import Assignment, Exercise

ROOT = Path(__file__).resolve().parent.parent

# The folders that no student ever sees: not in a release, and not open to code in the sandbox.
SECRET = ("autograder", "solutions", "source", "tests")

# Everything that a mark depends on; where any of it changes, a stored result no longer stands. Paths from the root.
DECIDES = (
    "autograder/exercises",
    "autograder/grading",
    "autograder/judging",
    "autograder/submission",
    "autograder/workers",
    "course/data",
    "course/models",
    "course/syllabus.toml",
    "solutions",
)


def lesson(root: Path, exercise: Exercise) -> Path:
    """The lesson of an exercise, a MyST Markdown notebook."""
    return root / "course" / "exercises" / exercise.module / "lesson.md"


def overview(root: Path) -> Path:
    """The page that comes before all lessons."""
    return root / "course" / "exercises" / "overview.md"


def checks(root: Path, exercise: Exercise) -> Path:
    """The visible checks of an exercise."""
    return root / "course" / "exercises" / exercise.module / "checks.py"


def solution(root: Path, assignment: Assignment) -> Path:
    """The reference implementation of an assignment."""
    return root / "solutions" / assignment.exercise.module / f"{assignment.track.id}.py"


def hidden_tests(root: Path, exercise: Exercise) -> Path:
    """The hidden tests of an exercise, for all tracks."""
    return root / "autograder" / "exercises" / exercise.module / "hidden_tests.py"


def mistakes(root: Path, exercise: Exercise) -> Path:
    """The catalogue of an exercise's known mistakes."""
    return root / "autograder" / "exercises" / exercise.module / "mistakes.toml"


def standins(root: Path, exercise: Exercise, track: str) -> Path:
    """The stand-ins for an exercise's answers; a file that an exercise of independent parts does not have."""
    return root / "autograder" / "exercises" / exercise.module / f"standins_{track}.py"


def alternatives(root: Path, assignment: Assignment) -> Path:
    """The folder of right answers that are written in another way, a `.py` file each."""
    return root / "tests" / "exercises" / assignment.exercise.module / "alternatives" / assignment.track.id


def equivalents(root: Path, exercise: Exercise) -> Path:
    """The mutants of an exercise's solutions that behave as these do; a file that not every exercise has."""
    return root / "tests" / "exercises" / exercise.module / "equivalents.toml"
