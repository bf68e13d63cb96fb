"""What users met: a test for each thing that went wrong in somebody's hands."""

from __future__ import annotations

import zipfile

from sample_results import mix_up

from autograder.authoring.leaks import find_leaks
from autograder.grading.executor import ROOT
from autograder.reporting.html import class_page
from autograder.submission.intake import find, one_each, read

SOURCE = ROOT / "source"
NOTEBOOK = (SOURCE / "self-attention-pytorch" / "self-attention.ipynb").read_bytes()


def test_a_signature_that_students_get_is_no_secret_when_a_mistake_changes_it(tmp_path):
    solutions, catalogue = tmp_path / "solutions/pytorch", tmp_path / "autograder/judging/catalogue"
    solutions.mkdir(parents=True), catalogue.mkdir(parents=True)
    given, secret = "def padding_mask(ids, pad_id=0):", "    return (ids != pad_id)[:, None, None, :]"
    (solutions / "a.py").write_text(f"{given}\n    ### BEGIN SOLUTION\n{secret}\n    ### END SOLUTION\n")
    (catalogue / "a.toml").write_text(f"replace = [['{given}', 'def f(ids, pad_id):'], ['{secret.strip()}', 'pass']]\n")
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
        "self-attention-pytorch/course/visible/self_attention.py": b"x = 1",
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
