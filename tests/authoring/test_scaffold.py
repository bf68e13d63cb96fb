"""`autograder new`: a skeleton that builds and verifies and can be deleted again, and course folders of one's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import cli, paths
from autograder.authoring.scaffold import new_course, new_exercise
from autograder.errors import AuthoringError
from autograder.paths import ROOT
from course.syllabus import Assignment, read_syllabus


@pytest.fixture
def rooms(tmp_path) -> Path:
    """A root that has a syllabus and nothing else."""
    (tmp_path / "course").mkdir()
    shutil.copy(ROOT / "course" / "syllabus.toml", tmp_path / "course")
    return tmp_path


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_a_new_exercise_lacks_no_file_and_has_the_next_number(rooms):
    written = new_exercise(rooms, "local-attention")
    assert set(written) == files(rooms)
    syllabus = read_syllabus((rooms / "course" / "syllabus.toml").read_bytes())
    exercise = syllabus.exercise("local-attention")
    assert exercise.number == 10 and exercise.module == "local_attention" and exercise.title == "Local attention"
    for track in syllabus.tracks.values():
        assert paths.missing(rooms, Assignment(exercise, track), judged=True) == []
    assert not any("$name" in path.read_text() or "$title" in path.read_text() for path in written)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Local Attention", "no valid exercise name"),
        ("../up", "no valid exercise name"),
        ("self-attention", "has this exercise already"),
        ("transformers-in-the-wild", "has this exercise already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(rooms, name, why):
    before = files(rooms)
    with pytest.raises(AuthoringError, match=why):
        new_exercise(rooms, name)
    assert files(rooms) == before


def test_what_is_there_is_not_written_over(rooms):
    mine = rooms / "solutions" / "local_attention" / "pytorch.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(AuthoringError, match="solutions/local_attention/pytorch.py is there already"):
        new_exercise(rooms, "local-attention")
    assert mine.read_text() == "mine" and len(files(rooms)) == 2


def test_a_course_folder_is_made_in_an_empty_place_only(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty"):
        new_course(ROOT, tmp_path)


@pytest.mark.parametrize(
    "lacking", ["solutions/self_attention/tensorflow.py", "course/exercises/self_attention/lesson.md"]
)
def test_a_folder_that_lacks_a_file_is_told_which(tmp_path, monkeypatch, capsys, lacking):
    for room in ("course", "solutions", "source"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "autograder" / "exercises", tmp_path / "autograder" / "exercises")
    (tmp_path / lacking).unlink()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for verb, status in (("build", 1), ("verify", 2)):
        assert cli.main([verb, "self-attention-tensorflow"]) == status
        assert f"{lacking} is missing" in " ".join(capsys.readouterr().err.split())


def test_a_missing_file_of_the_judge_stops_verify_and_not_build(tmp_path, monkeypatch, capsys):
    new_course(ROOT, tmp_path / "mine")
    (tmp_path / "mine" / "autograder" / "exercises" / "self_attention" / "mistakes.toml").unlink()
    monkeypatch.setattr(paths, "ROOT", tmp_path / "mine")
    assert cli.main(["build", "self-attention-pytorch"]) == 0
    assert cli.main(["verify", "self-attention-pytorch"]) == 2
    assert "autograder/exercises/self_attention/mistakes.toml is missing" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_no_course_is_refused(tmp_path, capsys):
    assert cli.main(["--course", str(tmp_path), "build"]) == 2
    assert "is no course folder" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_the_skeleton_builds_verifies_and_is_deleted_again(tmp_path):
    mine = tmp_path / "mine"

    def autograder(*arguments: str) -> str:
        command = [sys.executable, "-m", "autograder.cli", "--course", str(mine), *arguments]
        environment = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    new_course(ROOT, mine)
    before = files(mine)
    syllabus = (mine / "course" / "syllabus.toml").read_text()
    autograder("new", "exercise", "local-attention")
    assert autograder("build", "local-attention").count("built: ") == 2
    rows = re.findall(r"Local attention.*", autograder("verify", "local-attention"))
    assert len(rows) == 2 and all(row.count("1/1") == 5 for row in rows)

    for room in ("course/exercises", "solutions", "autograder/exercises", "tests/exercises"):
        shutil.rmtree(mine / room / "local_attention")
    for track in ("pytorch", "tensorflow"):
        shutil.rmtree(mine / "source" / f"local-attention-{track}")
    (mine / "course" / "syllabus.toml").write_text(syllabus)
    assert {p for p in files(mine) if "__pycache__" not in p.parts} == before
    autograder("build", "--check")
