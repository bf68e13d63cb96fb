"""Starts an exercise, or an instructor's own course folder. `autograder new` runs it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from string import Template

from autograder import paths
from autograder.authoring import skeleton
from autograder.errors import AuthoringError
from course.syllabus import read_syllabus

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.egg-info")


def new_exercise(root: Path, name: str) -> list[Path]:
    """Write the skeleton of an exercise in all rooms, and its entry in the syllabus. Returns the files.

    Arguments: the course's root; the id of the exercise, for example "local-attention".
    Raises AuthoringError for a name that cannot be an id, or that an exercise or a file has already. Then nothing is
    written. To remove the exercise, delete its folders and its entry.
    """
    if not NAME.fullmatch(name):
        raise AuthoringError(f"{name!r} is no valid exercise name: use small letters, digits and single hyphens")
    module, file = name.replace("-", "_"), root / "course" / "syllabus.toml"
    syllabus = read_syllabus(file.read_bytes())
    everything = [*syllabus.exercises.values(), *syllabus.by_hand.values()]
    if any(name == exercise.id or module == exercise.module for exercise in everything):
        raise AuthoringError(f"{name}: the syllabus has this exercise already ({file})")
    facts = {
        "name": name,
        "module": module,
        "number": str(max(exercise.number for exercise in everything) + 1),
        "title": name.replace("-", " ").capitalize(),
    }
    proofs = paths.beside(root, "tests/exercises") / module
    texts: dict[Path, Template] = {
        root / "course" / "exercises" / module / "lesson.md": skeleton.LESSON,
        root / "course" / "exercises" / module / "checks.py": skeleton.CHECKS,
        root / "solutions" / module / "pytorch.py": skeleton.PYTORCH,
        root / "solutions" / module / "tensorflow.py": skeleton.TENSORFLOW,
        root / "autograder" / "exercises" / module / "hidden_tests.py": skeleton.HIDDEN_TESTS,
        root / "autograder" / "exercises" / module / "mistakes.toml": skeleton.MISTAKES,
        proofs / "contract.toml": Template(skeleton.CONTRACT),
        proofs / "alternatives" / "pytorch" / "eye.py": Template(skeleton.EYE_PYTORCH),
        proofs / "alternatives" / "tensorflow" / "eye.py": Template(skeleton.EYE_TENSORFLOW),
    }
    for path in texts:
        if path.exists():
            raise AuthoringError(f"{path} is there already, and is not written over; choose another name")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.safe_substitute(facts), encoding="utf-8")
    with file.open("a", encoding="utf-8") as syllabus_file:
        syllabus_file.write(skeleton.SYLLABUS.substitute(facts))
    return [*texts, file]


def new_course(root: Path, folder: Path) -> None:
    """Make a course folder: a copy of lessons, solutions, hidden tests, alternatives, source notebooks and pins.

    `autograder --course FOLDER` uses it. The code of the autograder stays in the installed package.
    Raises FileExistsError for a folder that is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty, so nothing was written; name a new folder")
    for name in ("course", "solutions", "autograder/exercises"):
        shutil.copytree(root / name, folder / name, ignore=LEFT_OUT)
    for name in paths.BESIDE:
        place, target = paths.beside(root, name), folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, target, ignore=LEFT_OUT)
        else:
            shutil.copyfile(place, target)
