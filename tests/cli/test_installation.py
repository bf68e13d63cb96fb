"""What the command line says about packages: another one of its name, and one that is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import pytest

from autograder import cli
from autograder.cli import entry
from autograder.paths import ROOT


def _without_namesake(name: str) -> None:
    raise metadata.PackageNotFoundError(name)


def test_another_package_of_the_same_name_is_reported(monkeypatch, capsys):
    monkeypatch.setattr(metadata, "distribution", lambda name: SimpleNamespace(version="9.9"))
    entry._warn_of_namesake()
    told = " ".join(capsys.readouterr().err.split())
    assert "version 9.9" in told and "pip uninstall autograder" in told


def test_without_one_nothing_is_said(monkeypatch, capsys):
    monkeypatch.setattr(metadata, "distribution", _without_namesake)
    entry._warn_of_namesake()
    assert capsys.readouterr().err == ""


def started_beside(folder, cwd) -> subprocess.CompletedProcess:
    """Start the command line where a folder stands before ours on the path, without what is installed here."""
    code = "import sys, attention_exercises; sys.exit(attention_exercises.main())"
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-P", "-S", "-c", code, "--version"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def test_a_package_of_the_same_name_that_hides_ours_is_reported(tmp_path):
    hiding = tmp_path / "site"
    (hiding / "autograder").mkdir(parents=True)
    (hiding / "autograder" / "__init__.py").write_text("")
    about = hiding / "autograder-9.9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: autograder\nVersion: 9.9\n")
    done = started_beside(hiding, tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "version 9.9" in done.stderr and "pip uninstall autograder" in done.stderr
    assert started_beside(tmp_path, tmp_path).stdout.startswith("autograder ")  # where nothing hides it, it starts


@pytest.mark.parametrize(
    "package, extra",
    [("torch", "student-pytorch"), ("tensorflow", "student-tensorflow"), ("keras.ops", "student-tensorflow")],
)
def test_a_missing_framework_names_its_extra(monkeypatch, capsys, package, extra):
    def missing() -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("course.syllabus.syllabus", missing)
    monkeypatch.setattr("autograder.workers.jail.survey", lambda _limits: missing())
    assert cli.main(["doctor"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"{package} is not installed here" in told and f"attention-exercises[{extra}]" in told
