"""docs/authoring.md is true: its diffs, taken as they stand, build, verify, and fail where the guide says so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "authoring.md").read_text(encoding="utf-8")


def additions() -> dict[str, str]:
    """What the guide's diffs add, by file. Nothing is taken away in them."""
    added: dict[str, str] = {}
    for block in re.findall(r"^````diff\n(.*?)^````$", GUIDE, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\+\+\+ b/", block, flags=re.MULTILINE)[1:]:
            path, _, body = part.partition("\n")
            lines = body.rstrip("\n").split("\n")
            assert all(line.startswith("+") for line in lines), path
            added[path] = "".join(f"{line[1:]}\n" for line in lines)
    return added


def test_the_guide_shows_every_kind_of_file():
    folders = {str(Path(path).parent) for path in additions()}
    assert folders == {
        "course", "course/exercises/local_attention", "solutions/local_attention",
        "autograder/exercises/local_attention",
        "tests/exercises/local_attention",
        "tests/exercises/local_attention/alternatives/pytorch",
        "tests/exercises/local_attention/alternatives/tensorflow",
    }  # fmt: skip


@pytest.mark.slow
def test_the_exercise_of_the_guide_is_built_verified_and_released(tmp_path):
    for folder in ("autograder", "course", "solutions", "source", "tests/exercises"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "constraints.txt", "nbgrader_config.py"):
        shutil.copy(ROOT / file, tmp_path)
    for path, text in additions().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def autograder(*arguments: str) -> tuple[int, str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
        command = [sys.executable, "-m", "autograder.cli", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        return done.returncode, (done.stdout + done.stderr).replace(f"{tmp_path}/", "")

    def edited(path: str, old: str, new: str):
        text = (tmp_path / path).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / path).write_text(text.replace(old, new), encoding="utf-8")

    lesson, hidden = (
        "course/exercises/local_attention/lesson.md",
        "autograder/exercises/local_attention/hidden_tests.py",
    )
    edited(lesson, ":test: local-mask\n", ":test: local-masks\n")
    status, said = autograder("build", "local-attention")
    assert status == 1 and said.strip() in GUIDE
    edited(lesson, ":test: local-masks\n", ":test: local-mask\n")

    status, said = autograder("build", "local-attention")
    assert status == 0 and said.count("built: ") == 2, said
    contract = tomllib.loads((tmp_path / "tests" / "exercises" / "local_attention" / "contract.toml").read_text())
    for notebook in tmp_path.glob("source/local-attention-*/*.ipynb"):
        text = " ".join(" ".join("".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]).split())
        assert all(words in text for words in contract.values())
    status, said = autograder("verify", "local-attention")
    assert status == 0, said
    for row in re.findall(r"^ +(│ Local attention .*│)$", GUIDE, re.MULTILINE):
        assert re.sub(r"\s+", " ", row) in re.sub(r"\s+", " ", said)
    status, said = autograder("release", "local-attention")
    assert status == 0, said

    edited(
        hidden,
        '[1, 3, 9], ids=["itself alone", "three places", "wider than the sentence"]',
        '[9], ids=["wider than the sentence"]',
    )
    status, said = autograder("verify", "local-attention-pytorch")
    problem = "local-attention-pytorch: mistake one-too-wide: loses nothing in local-mask"
    assert status == 1 and problem in said and problem in GUIDE
