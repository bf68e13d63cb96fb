"""`autograder replay`: the same mark and messages from a result file, and words where they are not the same."""

from __future__ import annotations

import json
import shutil

import pytest

from autograder import cli
from autograder.grading.grader import solution_source
from autograder.judging.catalogue import catalogue
from autograder.proof.replay import ReplayError, choose, differences, machine_part
from course.syllabus import syllabus

ONE = syllabus().assignment("self-attention-pytorch")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A folder with three hand-ins, and their results."""
    folder = tmp_path_factory.mktemp("replay")
    source = solution_source(ONE)
    known = {mistake.id: mistake for mistake in catalogue("self-attention")}
    (folder / "ann.py").write_text(source)
    (folder / "bo.py").write_text(known["softmax-over-queries"].changes["pytorch"].apply(source))
    (folder / "cy.py").write_text("def causal_mask(length, device=None):\n    return 1 / 0\n")
    out = folder / "results.json"
    names = [str(folder / f"{name}.py") for name in ("ann", "bo", "cy")]
    assert cli.main(["grade", *names, "--assignment", ONE.id, "--seed", "4711", "--json", str(out)]) == 0
    return folder


def again(*arguments: object) -> int:
    return cli.main(["replay", *map(str, arguments)])


@pytest.mark.parametrize("student", ["bo", "cy"])
def test_a_result_is_replayed(graded, capsys, student):
    assert again(graded / "results.json", "--student", student) == 0
    assert "The same again" in capsys.readouterr().out


def test_a_result_is_replayed_by_the_rule_that_gave_its_mark(graded, capsys):
    results, strict = graded / "results.json", graded / "strict.json"
    command = ["grade", str(graded / "bo.py"), "--assignment", "self-attention-pytorch", "--marking", "strict"]
    assert cli.main([*command, "--json", str(strict)]) == 0
    scores = [r["score"] for path in (results, strict) for r in json.loads(path.read_text()) if r["student"] == "bo"]
    assert scores[0] != scores[1]
    assert again(strict, "--student", "bo") == 0 and again(results, "--student", "bo") == 0


def test_a_result_that_was_touched_is_told(graded, capsys, tmp_path):
    results = json.loads((graded / "results.json").read_text())
    (one,) = [r for r in results if r["student"] == "bo"]
    one["score"] += 1
    one["parts"][0]["tests"][0]["message"] = "Well done."
    one["versions"] |= {"torch": "1.0"}
    (tmp_path / "bo.json").write_text(json.dumps(one))
    assert again(tmp_path / "bo.json", graded / "bo.py") == 1
    said = capsys.readouterr()
    assert f"score: {one['score']} then, {one['score'] - 1} now" in said.out and '"Well done." then' in said.out
    assert "torch 1.0 then" in said.err


def test_code_that_was_changed_is_not_graded_in_the_place_of_the_other(graded, capsys, tmp_path):
    shutil.copy(graded / "ann.py", tmp_path / "bo.py")
    assert again(graded / "results.json", tmp_path / "bo.py", "--student", "bo") == 2
    assert "is not the code that was graded" in " ".join(capsys.readouterr().err.split())
    assert again(graded / "results.json", tmp_path / "none.py", "--student", "bo") == 2
    assert "is not there" in " ".join(capsys.readouterr().err.split())


def test_a_file_of_several_results_wants_a_name(graded, tmp_path):
    with pytest.raises(ReplayError, match="say --student with one of: ann, bo, cy"):
        choose(graded / "results.json")
    with pytest.raises(ReplayError, match="no result of 'dan'; there is: ann, bo, cy"):
        choose(graded / "results.json", "dan")
    for text in ("", "[]", "{}", "[1]", '{"student": "ann"}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ReplayError, match="holds no results"):
            choose(tmp_path / "bad.json")


def test_what_the_machine_adds_and_what_a_person_marks_is_no_difference():
    then = {"score": 3.0, "seconds": 1.0, "parts": [{"id": "a", "score": 2.0, "cpu_seconds": 1}], "versions": {}}
    now = {"score": 3.0, "seconds": 2.0, "parts": [{"id": "a", "score": 2.0, "cpu_seconds": 2}], "versions": {"x": "1"}}
    assert list(differences(machine_part(then), machine_part(now))) == []
    now["parts"][0]["score"] = 1.0
    assert list(differences(machine_part(then), machine_part(now))) == ["parts[a].score: 2.0 then, 1.0 now"]
    then["parts"][0] |= {"by_hand": True}
    assert [p["id"] for p in machine_part(then)["parts"]] == [] and "score" not in machine_part(then)
