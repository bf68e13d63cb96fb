"""The command line: what it takes, what it prints and writes, and its exit status."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from autograder import cli
from autograder.cli import requirements
from autograder.grading import grader as grader_module
from autograder.grading import saved_results
from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, untouched
from autograder.reporting.schema import validate
from autograder.workers import jail
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
SOLVED = answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))
HALF = answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT), parts=["causal-mask"])


@pytest.fixture
def warm(grader, monkeypatch):
    """Have `grade` use the session's grader, and note what it asked for."""
    asked: list[dict] = []

    class Borrowed(Grader):
        def __init__(self, **settings) -> None:
            asked.append(settings)

        def __enter__(self):
            return grader

        def __exit__(self, *_) -> None:
            pass

    monkeypatch.setattr(grader_module, "Grader", Borrowed)
    return asked


@pytest.fixture
def course(tmp_path) -> Path:
    """A course of nbgrader's with two hand-ins."""
    (tmp_path / "nbgrader_config.py").write_text("")
    shutil.copytree(SOURCE / ASSIGNMENT.id, tmp_path / "source" / ASSIGNMENT.id)
    for student, notebook in {"ann": SOLVED, "bo": HALF}.items():
        folder = tmp_path / "submitted" / student / ASSIGNMENT.id
        folder.mkdir(parents=True)
        (folder / "self-attention.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def hand_in(folder: Path, name: str, notebook: dict | str) -> Path:
    path = folder / name
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    return path


def run(*arguments) -> int:
    return cli.main([str(a) for a in arguments])


# -- grade ------------------------------------------------------------------------------------------------------------


def test_a_graded_class_is_status_0_whatever_the_marks(tmp_path, warm, capsys):
    hand_in(tmp_path, "ann.ipynb", SOLVED)
    hand_in(tmp_path, "bo.ipynb", untouched(SOURCE, ASSIGNMENT))
    hand_in(tmp_path, "cy.py", solution_source(ASSIGNMENT))
    files = {name: tmp_path / name for name in ("results.json", "marks.csv", "pages")}
    status = run(
        "grade", tmp_path, "--json", files["results.json"], "--csv", files["marks.csv"], "--html", files["pages"]
    )
    assert status == 0
    results = json.loads(files["results.json"].read_text())
    validate(results)
    assert {r["student"]: r["score"] for r in results} == {"ann": 14, "bo": 0, "cy": 14}
    table = capsys.readouterr().out
    assert "14 / 14" in table and "0 / 14" in table
    rows = list(csv.reader(files["marks.csv"].open()))
    assert {"ann", "bo", "cy"} <= {cell for row in rows for cell in row}
    assert len(list(files["pages"].glob("**/*.html"))) >= 4


def test_one_that_cannot_be_graded_is_status_1_and_the_others_are_graded(tmp_path, warm, capsys):
    hand_in(tmp_path, "ann.ipynb", SOLVED)
    hand_in(tmp_path, "damaged.ipynb", '{"cells": [')
    assert run("grade", tmp_path, "--json", "-") == 1
    captured = capsys.readouterr()
    results = {r["student"]: r for r in json.loads(captured.out)}  # nothing else on standard output
    validate(list(results.values()))
    assert results["ann"]["score"] == 14 and results["damaged"]["status"] == "not_graded"
    assert "ends too early" in " ".join(captured.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grade", "/no/such/path"], "there is nothing at"),
        (["grade", "{empty}"], "there is no notebook"),
        (["grade", "{empty}", "--assignment", "self-attention-jax"], "self-attention-pytorch"),
        (["grade", "{empty}", "--nbgrader"], "submitted/"),
        (["build", "no-such-exercise"], "self-attention-pytorch"),
        (["build", "quiz-during"], "there is: quiz-post, quiz-pre"),
    ],
    ids=["no path", "nothing there", "an unknown assignment", "no course", "an unknown exercise", "an unknown quiz"],
)
def test_wrong_use_is_status_2_and_says_what_to_do(tmp_path, capsys, arguments, said):
    assert run(*(a.format(empty=tmp_path) for a in arguments)) == 2
    captured = capsys.readouterr()
    assert said in " ".join(captured.err.split()) and "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ([], ""),
        (["dance"], ""),
        (["grade"], " grade"),
        (["grade", "x", "--device", "tpu"], " grade"),
        (["init", "x", "self-attention"], " init"),
    ],
)
def test_what_the_parser_refuses_is_status_2_with_the_usage_of_its_verb(arguments, usage, capsys):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2 and f"usage: autograder{usage} [" in capsys.readouterr().err


def test_where_walls_are_missing_grading_refuses_unless_told(tmp_path, warm, monkeypatch, capsys):
    path = hand_in(tmp_path, "ann.ipynb", SOLVED)
    monkeypatch.setattr(jail, "survey", lambda limits: dict.fromkeys(jail.WALLS, False))
    assert run("grade", path) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "files and network would be open" in said and "--isolation none" in said
    assert warm == []
    assert run("grade", path, "--isolation", "none") == 0
    assert "without walls" in capsys.readouterr().err and warm[0]["isolation"] == "none"


def test_options_reach_the_grader(tmp_path, warm):
    assert run("grade", hand_in(tmp_path, "ann.ipynb", SOLVED), "--jobs", 3, "--seed", 5) == 0
    assert (warm[0]["jobs"], warm[0]["seed"], warm[0]["device"], warm[0]["isolation"]) == (3, 5, "cpu", "full")


def test_the_assignment_can_be_said_where_the_file_does_not(tmp_path, warm):
    path = hand_in(tmp_path, "ann.py", "def causal_mask(length, device=None):\n    return 1")
    assert run("grade", path, "--json", tmp_path / "r.json") == 1
    assert "--assignment" in json.loads((tmp_path / "r.json").read_text())[0]["message"]
    assert run("grade", path, "--assignment", ASSIGNMENT.id, "--json", tmp_path / "r.json") == 0


def test_names_with_control_characters_do_not_reach_the_terminal(tmp_path, warm, capsys):
    hand_in(tmp_path, "a\x1b[31mnn\n[bold]b.ipynb", "{}")
    assert run("grade", tmp_path) == 1
    out = capsys.readouterr().out
    assert "\x1b[31mnn" not in out and "[bold]" in out


# -- a course of nbgrader's -------------------------------------------------------------------------------------------


def test_results_of_a_course_are_stored_for_the_same_code(course, warm):
    assert run("grade", course / "submitted") == 0
    assert saved_results.lookup(course, ASSIGNMENT.id, "ann", SOLVED)["score"] == 14
    assert saved_results.lookup(course, ASSIGNMENT.id, "bo", HALF)["score"] == 3
    assert saved_results.lookup(course, ASSIGNMENT.id, "bo", SOLVED) is None


@pytest.mark.parametrize("below", ["bo", "bo/self-attention-pytorch", "bo/self-attention-pytorch/self-attention.ipynb"])
def test_one_student_of_a_course_can_be_graded(course, warm, below, monkeypatch):
    monkeypatch.chdir(course / "submitted" / "ann")
    assert run("grade", f"../{below}") == 0
    assert [p.stem for p in (course / saved_results.FOLDER / ASSIGNMENT.id).iterdir()] == ["bo"]


def test_files_outside_a_course_are_stored_nowhere(tmp_path, warm):
    folder = tmp_path / "submitted"
    folder.mkdir()
    assert run("grade", hand_in(folder, "ann.ipynb", SOLVED)) == 0
    assert not (tmp_path / ".autograder").exists()


# -- the program itself -----------------------------------------------------------------------------------------------


def program(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "autograder.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_same_seed_gives_the_same_marks_and_messages(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    wrong = json.loads(json.dumps(SOLVED).replace("positions[:, None] >=", "positions[:, None] >"))
    hand_in(folder, "ann.ipynb", SOLVED)
    hand_in(folder, "bo.ipynb", wrong)
    seen = []
    for jobs in (1, 2):
        done = program("grade", folder, "--seed", 77, "--jobs", jobs, "--json", tmp_path / "r.json")
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((tmp_path / "r.json").read_text())
        seen.append([{k: r[k] for k in ("student", "score", "parts", "flags", "remarks", "seed")} for r in results])
    assert seen[0] == seen[1] and seen[0][0]["seed"] == 77 and seen[0][1]["score"] < 14


def test_doctor_says_which_walls_stand():
    done = program("doctor")
    standing = jail.survey(syllabus().limits)
    assert done.returncode == (0 if all(standing[w] for w in jail.NEEDED) else 1)
    for wall in jail.WALLS:
        assert wall in done.stdout


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="here is a GPU, and it may well do")
def test_doctor_tries_the_gpu_and_says_what_is_in_the_way(monkeypatch, capsys):
    """The devices seem to be there, and nothing else is."""
    monkeypatch.setattr(requirements, "GPUS", ("/dev/null",))
    cli.main(["doctor"])
    said = [line for line in capsys.readouterr().out.splitlines() if "on the GPU" in line]
    assert len(said) == len(syllabus().tracks) and all("(--device cuda): no: " in line for line in said)
    assert "could be started" in said[0] and "TensorFlow finds no GPU" in said[1]


def test_nothing_is_in_the_way_on_the_cpu():
    with Grader(jobs=1) as grader:
        assert [grader.trouble(track) for track in syllabus().tracks] == [None, None]


def test_help_imports_nothing_that_takes_time():
    """`autograder --help` answers in a few hundredths of a second: neither a course nor a framework is read for it."""
    code = (
        "import sys; from autograder import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "grade" in done.stdout
    loaded = set(done.stderr.split())
    assert not loaded & {"numpy", "torch", "tensorflow", "rich", "nbgrader", "nbformat", "pytest", "course", "jinja2"}


def test_version():
    done = program("--version")
    assert done.returncode == 0 and done.stdout.split() == ["autograder", metadata.version("attention-exercises")]


def test_no_file_of_verbs_is_long():
    folder = ROOT / "autograder" / "cli"
    assert {p.name: n for p in folder.glob("*.py") if (n := len(p.read_text().splitlines())) > 200} == {}
