"""An nbgrader course with a fake judge (`fake_grading.py`): releases, hands in, and reads results."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
from pathlib import Path

from nbgrader.api import Gradebook

import autograder.nbgrader as plugin
from course.syllabus import syllabus
from support import fake_grading

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT, NOTEBOOK = "self-attention-pytorch", "self-attention"
PARTS = {part.id: part for part in syllabus().assignment(ASSIGNMENT).exercise.parts}
CONFIG = """
from pathlib import Path
from autograder.nbgrader import configure
c = get_config()
configure(c, Path(__file__).parent)
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def stand_in_judge():
    """For a fixture: the fake judge grades inside the block, the real one afterwards."""
    import autograder.grading.saved_results
    import autograder.grading.warm_grader

    names = ("warm_grader", "saved_results")
    real = {name: sys.modules[f"autograder.grading.{name}"] for name in names}
    fake_grading.install()
    yield
    for name, module in real.items():
        sys.modules[f"autograder.grading.{name}"] = module
        setattr(autograder.grading, name, module)


def make_course(folder: Path, name: str = ASSIGNMENT, more: str = "") -> Path:
    shutil.copytree(ROOT / "source" / ASSIGNMENT, folder / "source" / name)
    (folder / "nbgrader_config.py").write_text(CONFIG + more)
    os.chdir(folder)
    return folder


def fresh_course(tmp_path, monkeypatch):
    """For a fixture: a new course folder, which is the test's working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    fake_grading.stored.clear()
    return make_course(tmp_path / "course")


def cell_of(notebook, grade_id):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def release(course, name=ASSIGNMENT, notebook=NOTEBOOK):
    assert (done := plugin.api_of(course).generate_assignment(name))["success"], done
    return json.loads((course / "release" / name / f"{notebook}.ipynb").read_text())


def answered(released, share=1.0):
    notebook = copy.deepcopy(released)
    for part in PARTS.values():
        answer = f"def {part.symbol}(*a):\n    return 1  # {part.symbol} is worth {share}"
        cell_of(notebook, f"answer-{part.id}")["source"] = answer
    return notebook


def submit(course, student, notebook, name=ASSIGNMENT, file=NOTEBOOK, time=None):
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{file}.ipynb").write_text(json.dumps(notebook))
    if time is not None:
        (folder / "timestamp.txt").write_bytes(time if isinstance(time, bytes) else time.encode())


def judged(notebook, student="ann"):
    return fake_grading.grade_one(notebook, ASSIGNMENT, student)


def book(course):
    return Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention")
