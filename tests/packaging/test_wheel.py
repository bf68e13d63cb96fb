"""A built wheel works in an empty folder, with no checkout: one exercise from `init` to feedback.

The wheel is installed into a new environment. To be quick, that borrows all other packages from this one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from autograder.paths import BESIDE, ROOT

ONE = "self-attention-pytorch"
BORROWED_NOT = ("attention_exercises", "__editable__", "__pycache__", "pip")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built from a copy: a build leaves folders behind."""
    place = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".venv", ".git", "__pycache__", "build", "*.egg-info", "demo", "release")
    shutil.copytree(ROOT, place / "checkout", ignore=left_out)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(place)]
    subprocess.run([*command, str(place / "checkout")], check=True, timeout=300)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run a program of a bare environment with the wheel, in an empty folder: `installed("doctor")`."""
    bare, empty = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True, timeout=300)
    scheme = {"base": str(bare), "platbase": str(bare)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(BORROWED_NOT) and package.suffix != ".pth":
            (site / package.name).symlink_to(package)
    install = [sys.executable, "-m", "pip", "--python", str(bare / "bin" / "python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", str(wheel)], check=True, timeout=300)
    here = Path(sys.prefix)
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "AUTOGRADER_COURSE", "VIRTUAL_ENV")}
    environment = kept | {
        "PATH": f"{bare / 'bin'}{os.pathsep}{here / 'bin'}{os.pathsep}{kept['PATH']}",
        "JUPYTER_PATH": str(here / "share" / "jupyter"),
        "COLUMNS": "200",
    }

    def run(*arguments: str, status: int = 0, cwd: str = ".") -> str:
        done = subprocess.run(
            [str(bare / "bin" / "autograder"), *arguments],
            cwd=empty / cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    run.folder = empty
    return run


def test_the_wheel_has_all_rooms_and_the_marks_of_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "autograder/py.typed", "course/py.typed", "course/exercises/self_attention/lesson.md",
        "solutions/self_attention/pytorch.py", "autograder/exercises/self_attention/mistakes.toml",
        f"autograder/_data/source/{ONE}/self-attention.ipynb", "autograder/_data/constraints.txt",
        "course/models/bert-mini/model.safetensors", "course/locale/da/LC_MESSAGES/feedback.po",
    ):  # fmt: skip
        assert name in names
    roots = {name.split("/")[0] for name in names}
    for name in BESIDE:
        assert any(f"{n}/".startswith(f"autograder/_data/{name}/") for n in names), name
    packages = {"autograder", "course", "solutions", "attention_exercises.py"}
    assert {root for root in roots if not root.endswith(".dist-info")} == packages


@pytest.mark.slow
def test_one_exercise_from_init_to_feedback(installed):
    assert installed("--version").split() == ["autograder", "0.2.0"]
    assert "PyTorch" in installed("doctor")
    installed("init", "course", "--exercise", "self-attention", "--track", "pytorch")
    installed("release", ONE)
    with zipfile.ZipFile(installed.folder / "release" / f"{ONE}.zip") as archive:
        names = archive.namelist()
        assert not [n for n in names if n.split("/")[1] in ("solutions", "autograder", "tests", "source")]
        released = json.loads(archive.read(f"{ONE}/self-attention.ipynb"))
    assert not any("BEGIN SOLUTION" in "".join(cell["source"]) for cell in released["cells"])
    submitted = installed.folder / "course" / "submitted" / "ann" / ONE
    submitted.mkdir(parents=True)
    (submitted / "self-attention.ipynb").write_text(json.dumps(released))
    assert "0 / 14" in installed("grade", "submitted", "--nbgrader", "--jobs", "1", cwd="course")
    assert (installed.folder / "course" / "feedback" / "ann" / ONE / "self-attention.html").exists()
    assert "ann" in installed("collect", f"course/submitted/ann/{ONE}/self-attention.ipynb")
    loose = installed.folder / "bob.ipynb"
    loose.write_text(json.dumps(released))
    assert "self-attention-pytorch" in installed("collect", "bob.ipynb")
    assert "fresh: " in installed("build", "--check", ONE)
    installed("verify", ONE, "--jobs", "2")


@pytest.mark.slow
def test_an_instructor_builds_an_exercise_of_their_own(installed):
    said = installed("new", "exercise", "local-attention", status=2)
    assert "autograder new course" in said
    installed("new", "course", "mine")
    installed("--course", "mine", "new", "exercise", "local-attention")
    assert "built: " in installed("--course", "mine", "build", "local-attention-pytorch")
    assert "Local attention" in installed("--course", "mine", "verify", "local-attention-pytorch")


@pytest.mark.slow
def test_the_demo_needs_no_checkout(installed):
    installed("demo", "--exercise", "self-attention", "--track", "pytorch", "--jobs", "2")
    assert (installed.folder / "demo" / "pages" / "index.html").exists()
