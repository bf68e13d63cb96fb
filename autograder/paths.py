"""The places of files in a checkout and in an installed wheel, and which of them students may get.

An exercise is a folder of the same name, its `module`, in four rooms:

    course/exercises/<module>/       lesson.md, checks.py                        released to students
    solutions/<module>/              pytorch.py, tensorflow.py                   the reference
    autograder/exercises/<module>/   hidden_tests.py, mistakes.toml, stand-ins   the judge's
    tests/exercises/<module>/        alternatives/<track>/, equivalents.toml     proofs

`root` is always the folder that holds these rooms: a checkout; the folder that a wheel was installed in; or an
instructor's own course folder (`autograder new course`), which the environment variable AUTOGRADER_COURSE names. Files
beside the rooms in a checkout (source notebooks, alternatives, pinned versions) are in `autograder/_data` of a wheel.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from course.syllabus import Assignment, Exercise

COURSE_VARIABLE = "AUTOGRADER_COURSE"
PACKAGE_ROOT = Path(__file__).resolve().parent.parent
ROOT = Path(os.environ[COURSE_VARIABLE]).resolve() if os.environ.get(COURSE_VARIABLE) else PACKAGE_ROOT

# What a wheel carries in `autograder/_data`, and what a course folder has beside its rooms.
BESIDE = ("source", "tests/exercises", "pyproject.toml", "constraints.txt", "nbgrader_config.py", "LICENSE")

# The folders that no student ever sees: not in a release, and not open to code in the sandbox.
SECRET = ("autograder", "solutions", "source", "tests")

# What all marks depend on, besides the syllabus. If any of it changes, no stored result is valid. Paths from the root.
DECIDES = (
    "autograder/exercises/shared.py",
    "autograder/grading",
    "autograder/judging",
    "autograder/submission",
    "autograder/workers",
    "course/cells.py",
    "course/data",
    "course/models",
    "course/python_source.py",
)


def beside(root: Path, name: str) -> Path:
    """The place of one of `BESIDE`, or of something in it."""
    shipped = root / "autograder" / "_data"
    return (shipped if shipped.is_dir() else root) / name


def source(root: Path) -> Path:
    """The folder of the source notebooks."""
    return beside(root, "source")


def sources_of(course: Path | None) -> Path:
    """The folder of an nbgrader course's source notebooks; if None, the folder of this project's."""
    return course / "source" if course else source(ROOT)


def source_notebook(sources: Path, assignment: Assignment) -> Path:
    """The source notebook of an assignment in a folder of source notebooks, also where a course has renamed it.

    It has the syllabus's name, or it is the first notebook whose metadata name this assignment. If there is no such
    notebook, the result is the path with the syllabus's name, which does not exist.
    """
    usual = sources / assignment.id / f"{assignment.exercise.id}.ipynb"
    if usual.is_file():
        return usual
    return next((path for path in sorted(sources.glob("*/*.ipynb")) if stated_assignment(path) == assignment.id), usual)


def stated_assignment(notebook: Path) -> str | None:
    """The assignment that a notebook's metadata name; None where they name none or the file cannot be read."""
    try:
        status = notebook.stat()
    except OSError:
        return None
    return _stated(notebook, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=500)
def _stated(notebook: Path, _modified: int, _size: int) -> str | None:
    try:
        metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["course"]
        name = metadata["assignment"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) else None


def decides(root: Path) -> list[tuple[str, Path]]:
    """The names in `DECIDES`, each with its place. Files that a course folder lacks come from the installed package."""
    return [(name, root / name if (root / name).exists() else PACKAGE_ROOT / name) for name in DECIDES]


def decides_on(root: Path, exercise: Exercise) -> list[tuple[str, Path]]:
    """The folders that decide the marks of this exercise alone (judge's files, references), as (name, place)."""
    names = (f"autograder/exercises/{exercise.module}", f"solutions/{exercise.module}")
    return [(name, root / name if (root / name).exists() else PACKAGE_ROOT / name) for name in names]


def course_above(paths: Iterable[str | Path]) -> Path | None:
    """The nbgrader course that all paths lie in: the folder above `submitted` that has an nbgrader_config.py."""
    roots = set()
    for path in map(Path, paths):
        resolved = path.resolve()
        above = [
            p.parent
            for p in (resolved, *resolved.parents)
            if p.name == "submitted" and (p.parent / "nbgrader_config.py").exists()
        ]
        roots.add(above[0] if above else None)
    return roots.pop() if len(roots) == 1 else None


def course_around(folder: Path | None) -> Path | None:
    """The nbgrader course in a folder, by default the one that the working folder is in; None if there is none."""
    here = Path(folder or ".").resolve()
    places = [here] if folder else [here, *here.parents]
    return next((place for place in places if (place / "nbgrader_config.py").is_file()), None)


def stated_course(nbgrader_config: Path) -> Path | None:
    """The folder of `autograder new course` that a course's nbgrader_config.py takes lessons and hidden tests from.

    It is read and not run. None where the file names none, or is no Python.
    """
    try:
        tree = ast.parse(nbgrader_config.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "use_course":
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                return Path(node.args[0].value)
    return None


def missing(root: Path, assignment: Assignment, judged: bool = False) -> list[str]:
    """The files, from the root, that the folders of an exercise lack; with `judged` also those of the judge."""
    exercise = assignment.exercise
    wanted = [lesson(root, exercise)]
    if not exercise.by_hand:
        wanted += [checks(root, exercise), solution(root, assignment)]
        if judged:
            wanted += [hidden_tests(root, exercise), mistakes(root, exercise)]
    return [path.relative_to(root).as_posix() for path in wanted if not path.is_file()]


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
    """The stand-ins for an exercise's answers. If its parts are independent, there is no such file."""
    return root / "autograder" / "exercises" / exercise.module / f"standins_{track}.py"


def alternatives(root: Path, assignment: Assignment) -> Path:
    """The folder of right answers that are written in another way, a `.py` file each."""
    return beside(root, "tests") / "exercises" / assignment.exercise.module / "alternatives" / assignment.track.id


def equivalents(root: Path, exercise: Exercise) -> Path:
    """The list of mutants that behave like the solutions. Not every exercise has this file."""
    return beside(root, "tests") / "exercises" / exercise.module / "equivalents.toml"
