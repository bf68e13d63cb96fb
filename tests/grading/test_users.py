"""What users met: a test for each thing that went wrong in somebody's hands."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.sample_results import mix_up

from autograder import cli
from autograder.authoring.leaks import find_leaks
from autograder.cli import requirements, terminal
from autograder.grading import warm_grader
from autograder.nbgrader import MarksExporter
from autograder.paths import ROOT
from autograder.proof.sample_class import untouched
from autograder.reporting.html import class_page
from autograder.submission.attempts import one_each
from autograder.submission.find import find
from autograder.submission.read import read
from course.syllabus import syllabus

SOURCE = ROOT / "source"
NOTEBOOK = (SOURCE / "self-attention-pytorch" / "self-attention.ipynb").read_bytes()


def test_a_signature_that_students_get_is_no_secret_when_a_mistake_changes_it(tmp_path):
    solutions, exercise = tmp_path / "solutions/a", tmp_path / "autograder/exercises/a"
    solutions.mkdir(parents=True), exercise.mkdir(parents=True)
    given, secret = "def padding_mask(ids, pad_id=0):", "    return (ids != pad_id)[:, None, None, :]"
    (solutions / "pytorch.py").write_text(f"{given}\n    ### BEGIN SOLUTION\n{secret}\n    ### END SOLUTION\n")
    (exercise / "mistakes.toml").write_text(
        f"replace = [['{given}', 'def f(ids, pad_id):'], ['{secret.strip()}', 'pass']]\n"
    )
    assert find_leaks(tmp_path, {"a.py": given.encode()}) == []
    assert find_leaks(tmp_path, {"a.py": secret.encode()})


def pack(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def students(*paths):
    return {s.student: s for s in one_each(read(found, SOURCE) for found in find(paths))}


def test_who_hands_in_the_whole_folder_hands_in_the_notebook(tmp_path):
    whole = {
        "self-attention-pytorch/self-attention.ipynb": NOTEBOOK,
        "self-attention-pytorch/course/checks.py": b"x = 1",
        "self-attention-pytorch/course/exercises/self_attention/checks.py": b"x = 1",
        "self-attention-pytorch/.venv/bin/a.py": b"x = 1",
        "self-attention-pytorch/venv/lib/python3.11/site-packages/a/b.py": b"x = 1",
    }
    inner = pack(tmp_path / "inner.zip", whole).read_bytes()
    outer = pack(tmp_path / "class.zip", {"Ann Lee_17_assignsubmission_file_/self-attention-pytorch.zip": inner})
    (ann,) = students(outer).values()
    assert (ann.student, ann.flags, ann.problem) == ("Ann Lee", [], None)

    folder = tmp_path / "course/submitted/ann/self-attention-pytorch"
    for name, data in whole.items():
        file = folder / name.partition("/")[2]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    environment = folder / "my environment"
    environment.mkdir(), (environment / "pyvenv.cfg").touch(), (environment / "a.py").touch()
    (ann,) = students(tmp_path / "course/submitted").values()
    assert (ann.student, ann.flags, ann.problem) == ("ann", [], None)


def test_a_file_of_the_students_own_in_a_folder_named_course_is_a_hand_in(tmp_path):
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "ann.ipynb").write_bytes(NOTEBOOK)
    assert len(students(tmp_path)) == 1


def test_who_hands_in_no_notebook_is_told_so_and_not_passed_over(tmp_path):
    files = {
        "Ann_1_assignsubmission_file_/self-attention.ipynb": NOTEBOOK,
        "Ann_1_assignsubmission_onlinetext_/onlinetext.html": b"here it is",
        "Bo_2_assignsubmission_file_/self-attention.pdf": b"%PDF",
        "Cy_3_assignsubmission_file_/work.zip": pack(tmp_path / "cy.zip", {"a.txt": b""}).read_bytes(),
    }
    found = students(pack(tmp_path / "class.zip", files))
    assert set(found) == {"Ann", "Bo", "Cy"} and found["Ann"].problem is None
    assert "only self-attention.pdf" in found["Bo"].problem and "only a.txt" in found["Cy"].problem

    for student, name, data in (("dan", "self-attention.ipynb", NOTEBOOK), ("eve", "notes.docx", b"")):
        folder = tmp_path / "submitted" / student / "self-attention-pytorch"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(data), (folder / "timestamp.txt").touch()
    found = students(tmp_path / "submitted")
    assert found["dan"].problem is None and "notes.docx" in found["eve"].problem
    assert found["eve"].assignment.id == "self-attention-pytorch"


def test_what_stood_out_is_said_in_words():
    page = class_page([{**mix_up("ann"), "flags": ["several-files"]}])
    assert "several files" in page and "several-files" not in page


UNTOUCHED = json.dumps(untouched(SOURCE, syllabus().assignment("self-attention-pytorch"))).encode()


@pytest.mark.parametrize(
    ("files", "graded"),
    [
        ({"self-attention.ipynb": b'{"cells": [', "helpers.py": b"x = 1"}, "self-attention.ipynb"),
        (
            {"self-attention.ipynb": b'{"cells": [', "self-attention-Copy1.ipynb": NOTEBOOK},
            "self-attention-Copy1.ipynb",
        ),
        ({"self-attention.ipynb": UNTOUCHED, "self-attention-Copy1.ipynb": NOTEBOOK}, "self-attention-Copy1.ipynb"),
        ({"self-attention.ipynb": NOTEBOOK, "self-attention-Copy1.ipynb": UNTOUCHED}, "self-attention.ipynb"),
        ({"self-attention.ipynb": UNTOUCHED, "helpers.py": b"x = 1"}, "self-attention.ipynb"),
    ],
)
def test_of_several_files_the_one_with_the_answers_is_graded(tmp_path, files, graded):
    folder = tmp_path / "submitted" / "ann" / "self-attention-pytorch"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (ann,) = students(tmp_path / "submitted").values()
    assert Path(ann.name).name == graded and (ann.problem is None) == (files[graded] != b'{"cells": [')


@pytest.fixture
def hand_in(tmp_path):
    (tmp_path / "ann.ipynb").write_bytes(UNTOUCHED)
    return str(tmp_path / "ann.ipynb")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--json", "{0}/none/r.json"], "no such folder"),
        (["--csv", "{0}"], "it is a folder"),
        (["--html", "{0}/ann.ipynb"], "is a file"),
    ],
)
def test_where_results_cannot_go_is_said_before_grading(hand_in, tmp_path, options, says, capsys):
    assert cli.main(["grade", hand_in, *(o.format(tmp_path) for o in options)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert says in said and "Grading" not in said


def test_no_gpu_is_said_before_grading(hand_in, monkeypatch, capsys):
    monkeypatch.setattr(requirements, "GPUS", ())
    assert cli.main(["grade", hand_in, "--device", "cuda"]) == 2 and "no NVIDIA GPU" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["-3", "many", "1.5"])
def test_a_number_of_jobs_is_one(hand_in, jobs):
    with pytest.raises(SystemExit) as end:
        cli.main(["grade", hand_in, "--jobs", jobs])
    assert end.value.code == 2


def test_a_full_disk_costs_one_file_and_not_the_others(hand_in, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(terminal, "write_json", full)
    places = ["--json", str(tmp_path / "r.json"), "--csv", str(tmp_path / "m.csv"), "--html", str(tmp_path / "pages")]
    assert cli.main(["grade", hand_in, *places]) == 1
    assert "ann" in (tmp_path / "m.csv").read_text() and (tmp_path / "pages" / "index.html").exists()
    said = capsys.readouterr()
    assert "Could not write the results: No space left" in said.err and "0 / 14" in said.out


def test_a_grading_that_is_terminated_leaves_nothing_behind(hand_in):
    scratch = Path(tempfile.mkdtemp(dir="/tmp"))  # a short name, as sockets want it
    grading = subprocess.Popen(
        [sys.executable, "-P", "-m", "autograder.cli", "grade", hand_in],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(scratch.glob("autograder-*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    grading.terminate()
    assert grading.wait(60) == 128 + 15 and not list(scratch.glob("autograder-*"))
    scratch.rmdir()


def test_what_was_not_graded_is_exported_without_a_mark(monkeypatch):
    monkeypatch.setattr(MarksExporter, "_misconceptions", lambda *_: {})
    who = SimpleNamespace(id="ann", last_name=None, first_name=None, email=None)

    def rows(*marks):
        grades = [
            SimpleNamespace(cell=SimpleNamespace(name=f"test-{i}"), auto_score=auto, manual_score=manual,
                            score=manual or auto or 0.0, max_score=3.0, needs_manual_grade=auto is None)
            for i, (auto, manual) in enumerate(marks)
        ]  # fmt: skip
        score = sum(g.score for g in grades)
        submission = SimpleNamespace(
            student=who, timestamp=None, notebooks=[SimpleNamespace(name="n", grades=grades)], score=score,
            max_score=6.0, needs_manual_grade=True, late_submission_penalty=0.0
        )  # fmt: skip
        return [row[7] for row in MarksExporter()._rows("a", submission)]

    assert rows((None, None), (None, None)) == [None, None, None]
    assert rows((None, None), (None, 2.0)) == [None, 2.0, 2.0]
    assert rows((0.0, None), (0.0, None)) == [0.0, 0.0, 0.0]


def test_the_grading_service_imports_nothing_from_where_it_is_started(tmp_path, monkeypatch):
    (tmp_path / "statistics.py").write_text("raise SystemExit('not ours')")
    (tmp_path / "json.py").write_text("raise SystemExit('not ours')")
    (tmp_path / "course").mkdir()  # as instructors call their folders
    monkeypatch.chdir(tmp_path)
    started = warm_grader._start("")
    assert started.communicate("", timeout=60)[0] == "" and started.returncode == 0
