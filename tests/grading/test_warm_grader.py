"""The grader that nbgrader's commands start: what its environment variables do."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from autograder.grading import warm_grader


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The command lines that would have been started."""
    commands: list[list[str]] = []
    for name in warm_grader.OPTIONS.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: commands.append(command) or SimpleNamespace())
    return commands


def test_without_walls_there_is_a_loud_warning(started, monkeypatch, capsys):
    monkeypatch.setenv("AUTOGRADER_ISOLATION", "none")
    warm_grader._start("")
    assert started[0][-1] == "--isolation=none"
    told = capsys.readouterr().err
    assert "WARNING: AUTOGRADER_ISOLATION=none" in told and "without the sandbox" in told


def test_with_walls_there_is_no_warning(started, monkeypatch, capsys):
    monkeypatch.setenv("AUTOGRADER_DEVICE", "cpu")
    monkeypatch.setenv("AUTOGRADER_CHECKPOINT", "some/folder")
    warm_grader._start("")
    assert started[0][-2:] == ["--device=cpu", "--checkpoint=some/folder"]
    assert capsys.readouterr().err == ""
