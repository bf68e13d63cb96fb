"""What the command line says about packages: another one of its name, and one that is missing."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace

import pytest

from autograder import cli
from autograder.cli import entry


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
