"""Every command of docs/term.md, in its order, in a course of three; the judge is a stand-in."""

from __future__ import annotations

import json
import re
import shlex

import pytest

pytest.importorskip("nbgrader")
pytest.importorskip("tomlkit")
pytest.importorskip("copydetect")

from support import fake_grading  # noqa: E402

from autograder.authoring.init import write_course  # noqa: E402
from autograder.cli import requirements  # noqa: E402
from autograder.cli.entry import main  # noqa: E402
from autograder.grading import class_run  # noqa: E402
from autograder.paths import ROOT  # noqa: E402
from course.syllabus import syllabus  # noqa: E402

NAME = "self-attention-pytorch"
COMMANDS = re.findall(r"(?m)^    (autograder .+)$", (ROOT / "docs" / "term.md").read_text(encoding="utf-8"))
PARTS = syllabus().assignment(NAME).exercise.parts


class StandIn(fake_grading.FakeGrader):
    """Marks by a comment in the answer."""

    def result(self, submission, notebook):
        rules = self.rules[NAME]
        made = fake_grading.grade_one(notebook, NAME, submission.student)
        return made | {"content": submission.content, "seed": rules.seed, "void": list(rules.void)}


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(class_run.grader, "Grader", StandIn)
    monkeypatch.setattr(requirements, "require_walls", lambda isolation: None)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    folder = tmp_path / "course"
    write_course(ROOT, folder, [syllabus().assignment(NAME)])
    monkeypatch.chdir(folder)
    source = json.loads((folder / "source" / NAME / "self-attention.ipynb").read_text(encoding="utf-8"))
    for student, share in (("ann", 1), ("bo", 0.5), ("cy", 0.5)):
        for cell in source["cells"]:
            answer = cell["metadata"].get("nbgrader", {}).get("grade_id", "").removeprefix("answer-")
            if part := next((part for part in PARTS if part.id == answer), None):
                cell["source"] = f"def {part.symbol}(*a):\n    return 1  # {part.symbol} is worth {share}"
        place = folder / "submitted" / student / NAME
        place.mkdir(parents=True)
        (place / "self-attention.ipynb").write_text(json.dumps(source), encoding="utf-8")
    return folder


def test_every_command_of_the_page_does_what_it_says(course, capsys):
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        assert main(shlex.split(command)[1:]) == 0, (command, capsys.readouterr())
    changelog = (course / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "the test test_causal_values counts nothing" in changelog and "answer of cy to padding-mask" in changelog
    assert json.loads((course / ".autograder" / "seeds.json").read_text())[NAME] == 7
    last = {row["student"]: row for row in json.loads((course / "upgraded.json").read_text())}
    assert (last["ann"]["score"], last["bo"]["score"], last["cy"]["score"]) == (14.0, 7.0, 8.5)
    assert (course / "ann.xml").exists() and "No mark" in (course / "changes.html").read_text(encoding="utf-8")
