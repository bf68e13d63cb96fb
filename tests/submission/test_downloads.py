"""Downloads with what goes wrong in them: other files than notebooks, empty and torn ones, folders of folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.downloads import ASSIGNMENT, FILE, HALF, SOLVED, SOURCE, laid_out, zipped

from autograder import cli
from autograder.grading.class_run import ClassRun
from autograder.records import Result
from autograder.submission.roster import read_roster

NO_NOTEBOOK = "There is no notebook in the hand-in, only {}. Hand in the file that ends in .ipynb."


def given(tmp_path: Path, form: str, files: dict[str, bytes]) -> Path:
    """The files as a folder, or in a zip."""
    if form == "folder":
        return laid_out(tmp_path / "download", files)
    (tmp_path / "download.zip").write_bytes(zipped(files))
    return tmp_path / "download.zip"


def rows_of(path: Path, **more) -> list[Result]:
    """A row for everybody, where nobody says on the command line which assignment it is."""
    return ClassRun([path], SOURCE, **more).collected()


both = pytest.mark.parametrize("form", ["folder", "zip"])


@both
def test_what_cannot_be_read_counts_for_its_person_who_has_one_row(tmp_path, form):
    (tmp_path / "class.csv").write_text("id,name\nann,Ann Bo\nbo,Bo Li\ncy,Cy\ndi,Di\n")
    roster = read_roster(tmp_path / "class.csv")
    files = {f"ann/{FILE}": SOLVED, "bo/work.rar": b"Rar!", f"cy/{FILE}": b"torn"}
    rows = rows_of(given(tmp_path, form, files), roster=roster)
    assert [(r["owner"]["name"], r["assignment"], bool(r["submission"])) for r in rows] == [
        ("Ann Bo", ASSIGNMENT.id, True),
        ("Cy", ASSIGNMENT.id, True),
        ("Bo Li", ASSIGNMENT.id, True),
        ("Di", ASSIGNMENT.id, False),
    ]


@both
def test_where_no_file_says_the_assignment_everybody_has_one_row_too(tmp_path, form):
    (tmp_path / "class.csv").write_text("id,name\nann,Ann Bo\nbo,Bo Li\ncy,Cy\n")
    files = {f"ann/{FILE}": b"torn", "bo/work.rar": b"Rar!"}
    rows = rows_of(given(tmp_path, form, files), roster=read_roster(tmp_path / "class.csv"))
    assert [r["owner"]["name"] for r in rows] == ["Ann Bo", "Bo Li", "Cy"]


@both
def test_an_attempt_that_cannot_be_read_is_the_latest_all_the_same(tmp_path, form):
    name = "Exercise 3_{}_attempt_2026-09-{}-11-30-00_{}"
    files = {
        name.format("s1", 10, FILE): SOLVED,
        name.format("s1", 12, "work.zip"): b"torn",
        name.format("s2", 10, FILE): SOLVED,
        name.format("s2", 12, "work.rar"): b"Rar!",
        name.format("s3", 12, FILE): SOLVED,
        name.format("s3", 12, "notes.txt"): b"",
    }
    rows = {r["student"]: r for r in rows_of(given(tmp_path, form, files))}
    assert len(rows) == 3 and not rows["s3"]["message"] and not rows["s3"]["flags"]
    assert "damaged" in rows["s1"]["message"] and "only work.rar" in rows["s2"]["message"]
    told = "Several files were handed in; {} counts, {} not."
    old, new = name.format("s2", 10, FILE), name.format("s2", 12, "work.rar")
    assert rows["s2"]["remarks"] == [told.format(new, old)]


@both
def test_an_attempt_without_a_file_is_none(tmp_path, form):
    files = {f"ann/1/{FILE}": SOLVED, "ann/2/": b"", f"bo/1/{FILE}": SOLVED, "bo/user_assignment_settings.json": b"{}"}
    rows = rows_of(given(tmp_path, form, files))
    assert [(r["student"], r["message"], r["flags"]) for r in rows] == [("ann", None, []), ("bo", None, [])]


@both
def test_who_handed_in_no_notebook_has_a_row_in_any_form_of_download(tmp_path, form):
    files = {
        f"Ann_1_assignsubmission_file_/{FILE}": SOLVED,
        "Bo_2_assignsubmission_file_/": b"",
        f"Cy_3_assignsubmission_file_/.ipynb_checkpoints/{FILE}": SOLVED,
        "Di_4_assignsubmission_file_/work.zip": zipped({f"__MACOSX/._{FILE}": b"x"}),
        "Ed_5_assignsubmission_onlinetext/onlinetext.html": b"<p>",
        f"__MACOSX/Ann_1_assignsubmission_file_/._{FILE}": b"x",
    }
    rows = {r["student"]: r["message"] for r in rows_of(given(tmp_path, form, files))}
    empty = "The folder is empty. Hand in the notebook, the file that ends in .ipynb."
    assert rows == {
        "Ann": None,
        "Bo": empty,
        "Cy": empty,
        "Di": "There is no notebook in the zip. Hand in the file that ends in .ipynb.",
        "Ed": NO_NOTEBOOK.format("onlinetext.html"),
    }


@both
def test_files_of_a_wrong_form_are_somebodys_where_notebooks_lie_so_too(tmp_path, form):
    files = {
        **{"ann.ipynb": SOLVED, "ann.html": b"<p>", "bo.rar": b"Rar!", "cy.ipynb.txt": SOLVED, "di.pdf": b"%PDF"},
        **{"index.html": b"", "README.md": b"", "class.csv": b"", "self-attention.html": b""},
    }
    rows = {r["student"]: r["message"] for r in rows_of(given(tmp_path, form, files))}
    assert rows == {
        "ann": None,
        "bo": NO_NOTEBOOK.format("bo.rar"),
        "cy": NO_NOTEBOOK.format("cy.ipynb.txt"),
        "di": NO_NOTEBOOK.format("di.pdf"),
    }
    beside = {f"ann/{FILE}": SOLVED, f"bo/{FILE}": SOLVED, "syllabus.pdf": b"%PDF"}
    assert len(rows_of(given(tmp_path / "2", "folder", beside))) == 2


@both
def test_a_student_reads_the_name_that_the_file_had(tmp_path, form):
    files = {
        f"boann_101_9001_{FILE}": SOLVED,
        "licy_LATE_102_9002_my_work.rar": b"Rar!",
        "doedi_103_text.html": b"<p>",
    }
    rows = {r["student"]: r["message"] for r in rows_of(given(tmp_path, form, files))}
    assert rows == {
        "boann": None,
        "licy": NO_NOTEBOOK.format("my_work.rar"),
        "doedi": NO_NOTEBOOK.format("doedi_103_text.html"),
    }


@both
def test_people_in_folders_of_sections_are_not_one_without_a_word(tmp_path, form):
    files = {
        f"A/ann/{FILE}": SOLVED,
        f"A/cy/{FILE}": SOLVED,
        f"B/bo/{FILE}": SOLVED,
        f"C/{FILE}": SOLVED,
        f"C/old/{FILE}": HALF,
    }
    place = given(tmp_path, form, files)
    rows = {r["student"]: r for r in rows_of(place)}
    assert [name for name, r in rows.items() if "unknown-owner" in r["flags"]] == ["A"]
    assert "There are answers in several folders: ann, cy." in rows["A"]["remarks"][1]
    assert cli.main(["collect", str(place)]) == 1
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "CS1.zip").write_bytes(zipped({f"{name}/{FILE}": SOLVED for name in ("ann", "bo")}))
    assert ["unknown-owner" in r["flags"] for r in rows_of(tmp_path / "alone")] == [True]
    if form == "folder":
        assert [r["student"] for r in ClassRun([place / "A", place / "B"], SOURCE).collected()] == ["ann", "cy", "bo"]


@both
def test_a_numbered_folder_beside_a_notebook_is_no_attempt_of_a_platform(tmp_path, form):
    rows = rows_of(given(tmp_path, form, {f"ann/{FILE}": SOLVED, f"ann/1/{FILE}": HALF, f"bo/{FILE}": SOLVED}))
    assert [(r["student"], r["owner"]["platform"]) for r in rows] == [("ann", "folder"), ("bo", "folder")]
    (remark,) = rows[0]["remarks"]
    assert FILE in remark and f"1/{FILE}" in remark


@both
def test_numbers_of_gradescope_without_its_metadata_are_nobody(tmp_path, form):
    files = {f"assignment_7_export/submission_{n}/{FILE}": SOLVED for n in (11, 12)}
    rows = rows_of(given(tmp_path, form, files))
    assert {r["student"]: "unknown-owner" in r["flags"] for r in rows} == {"submission_11": True, "submission_12": True}


def test_two_people_of_one_name_in_groups_and_on_the_class_list_are_told_apart(tmp_path):
    (tmp_path / "class.csv").write_text(
        "id,name,group\n1,Jane Doe,g1\n2,Jane Doe,g1\n3,Bo Li,\n4,Cy,\n5,Cy,\n6,Di,\n", encoding="utf-8"
    )
    place = given(tmp_path, "folder", {f"Jane Doe_1_assignsubmission_file/{FILE}": SOLVED, f"3/{FILE}": HALF})
    rows = rows_of(place, roster=read_roster(tmp_path / "class.csv"))
    assert sorted(r["student"] for r in rows) == ["3", "Cy (4)", "Cy (5)", "Di", "Jane Doe (1)", "Jane Doe (2)"]


@both
def test_collect_shows_what_differs_and_says_the_rest_once(tmp_path, form, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    files = {f"CS1/李 明_4_assignsubmission_file/{FILE}": SOLVED, "CS1/Bo_5_assignsubmission_file/w.zip": b"torn"}
    assert cli.main(["collect", str(given(tmp_path, form, files))]) == 1
    said = capsys.readouterr().out
    assert f"All for the assignment {ASSIGNMENT.id}." in said and "李 明" in said and "U+" not in said
    assert str(tmp_path) not in said and "CS1" not in said and "moodle" in said
