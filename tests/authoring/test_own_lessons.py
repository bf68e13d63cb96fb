"""A course of nbgrader whose lessons and hidden tests are in a folder of `autograder new course` is graded by those."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import cli
from autograder.authoring.init import write_course
from autograder.authoring.scaffold import new_course
from autograder.cli import entry
from autograder.paths import ROOT, stated_course
from course.syllabus import syllabus


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> Path:
    """A course folder of an instructor's own."""
    folder = tmp_path_factory.mktemp("own") / "mine"
    new_course(ROOT, folder)
    return folder


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if k != "AUTOGRADER_COURSE"} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_init_writes_where_the_lessons_are_and_grade_goes_there(mine, tmp_path, monkeypatch):
    course = tmp_path / "class"
    assignment = syllabus().assignment("self-attention-pytorch")
    write_course(mine, course, [assignment])
    assert stated_course(course / "nbgrader_config.py") == mine
    compile((course / "nbgrader_config.py").read_text(), "nbgrader_config.py", "exec")
    readme = (course / "README.md").read_text()
    assert str(mine) in readme and "--exporter=autograder" not in readme

    asked = []
    monkeypatch.setattr(entry, "_in_course", lambda folder, arguments: asked.append((folder, arguments)) or 0)
    (course / "submitted").mkdir()
    arguments = ["grade", str(course / "submitted"), "--nbgrader"]
    assert cli.main(arguments) == 0 and asked == [(mine, arguments)]

    decision = ["void", "self-attention-pytorch", "test_causal_values", "--why", "unclear", "--in", str(course)]
    assert cli.main(decision) == 0 and asked[1:] == [(mine, decision)]
    monkeypatch.chdir(course / "submitted")
    assert cli.main(["settings"]) == 0 and asked[2:] == [(mine, ["settings"])]


def test_a_course_of_the_installed_lessons_names_no_folder(tmp_path):
    write_course(ROOT, tmp_path / "class", [syllabus().assignment("self-attention-pytorch")])
    config = tmp_path / "class" / "nbgrader_config.py"
    assert stated_course(config) is None and "use_course" not in config.read_text()


def test_nbgrader_does_not_go_on_where_the_judge_is_missing(tmp_path):
    """nbgrader goes on without a configuration that raises, and would run students' code without the sandbox."""
    write_course(ROOT, tmp_path / "class", [syllabus().assignment("self-attention-pytorch")])
    code = (
        "import sys; sys.modules['autograder.nbgrader'] = None\n"
        "from traitlets.config import Application\n"
        "app = Application()\n"
        "app.load_config_file('nbgrader_config.py', path=[sys.argv[1]])\n"
        "print('went on')"
    )
    done = python(code, str(tmp_path / "class"))
    assert done.returncode == 1 and "went on" not in done.stdout
    assert "Use the environment that attention-exercises is installed in." in done.stderr


def test_lessons_tests_and_children_are_those_of_the_folder(mine):
    code = (
        "import os, subprocess, sys, attention_exercises; attention_exercises.use_course(sys.argv[1])\n"
        "import autograder.paths, course\n"
        "print(autograder.paths.ROOT, course.__file__, sep='\\n', flush=True)\n"
        "subprocess.run([sys.executable, '-P', '-c', 'import course; print(course.__file__)'], check=True)"
    )
    done = python(code, str(mine))
    file = str(mine / "course" / "__init__.py")
    assert done.stdout.split("\n")[:3] == [str(mine), file, file], done.stderr


def test_what_comes_too_late_or_is_gone_is_refused(mine, tmp_path):
    late = python("import sys, autograder.paths, attention_exercises as a; a.use_course(sys.argv[1])", str(mine))
    assert late.returncode == 1 and "Traceback" not in late.stderr and f"say autograder --course {mine}" in late.stderr
    gone = python("import sys, attention_exercises as a; a.use_course(sys.argv[1])", str(tmp_path / "gone"))
    assert gone.returncode == 1 and "Traceback" not in gone.stderr and "If the folder was moved" in gone.stderr
