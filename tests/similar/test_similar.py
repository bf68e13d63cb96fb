"""`autograder similar` as an instructor uses it: a class on disk, the table, the page, JSON and CSV."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from support.answers import ROOT
from support.disguises import disguised

from autograder.cli.entry import main
from autograder.proof.sample_class import answered, untouched
from autograder.proof.verify import alternatives
from autograder.similarity.class_read import hand_ins, names_of
from autograder.similarity.compare import compare_class
from course.syllabus import syllabus

ASSIGNMENT = syllabus().assignment("positional-embedding-pytorch")
TEXTS = [path.read_text(encoding="utf-8") for path in alternatives(ASSIGNMENT)]


def put(folder, student, text, assignment=ASSIGNMENT):
    place = folder / student / assignment.id
    place.mkdir(parents=True)
    notebook = answered(ROOT / "source", assignment, text) if text else untouched(ROOT / "source", assignment)
    (place / f"{assignment.exercise.id}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "submitted"
    for number, name in enumerate(("ann", "bo", "cy", "dina")):
        put(folder, name, TEXTS[number])
    put(folder, "eve", disguised(TEXTS[0], 3, 1))
    put(folder, "fay", TEXTS[1])
    put(folder, "gil", None)
    put(folder, "hal", None)
    return folder


def run(capsys, *arguments):
    status = main(["similar", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def pairs_of(likeness):
    return {frozenset((p["one"]["name"], p["other"]["name"])) for one in likeness["assignments"] for p in one["pairs"]}


def test_copies_are_shown_with_the_base_rate_and_nobody_else(class_folder, tmp_path, capsys):
    status, out, err = run(
        capsys, class_folder, "--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv", "--html", tmp_path / "a.html"
    )
    assert status == 0, err
    likeness = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert pairs_of(likeness) == {frozenset(("ann", "eve")), frozenset(("bo", "fay"))}
    [one] = likeness["assignments"]
    assert [[p["name"] for p in group] for group in one["identical"]] == [["bo", "fay"]]  # not the empty hand-ins
    assert "independent" in out and "no verdict" in out and "Numbers of wrong answers were not compared" in out
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert {row["What"] for row in rows} == {"alike", "identical"}
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<mark>" in page and "of 12 independent answers" in page and "not a verdict" in page
    assert "<script" not in page and "http-equiv" in page


def test_the_page_is_in_danish_too(class_folder, tmp_path, capsys):
    run(capsys, class_folder, "--html", tmp_path / "a.html", "--language", "da")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '<html lang="da">' in page and "uafhængige" in page and "independent" not in page


def test_what_a_student_wrote_is_text_on_the_page(tmp_path, capsys):
    evil = TEXTS[2].replace("def sinusoidal", "# </pre><script>alert(1)</script>\x1b[31m\ndef sinusoidal", 1)
    evil = evil.replace("):\n", "):\n    # </pre><script>alert(1)</script>\n", 1)
    for name in ("<b>ann", "bo"):
        put(tmp_path / "submitted", name, evil)
    run(capsys, tmp_path / "submitted", "--html", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "alert(1)" in page and "<script" not in page and "<b>" not in page and "\x1b" not in page


def test_an_earlier_term_is_compared_with_the_class_and_not_with_itself(class_folder, tmp_path):
    old = tmp_path / "submitted"
    put(old, "old1", TEXTS[2])
    put(old, "old2", disguised(TEXTS[2], 2, 1))
    source = ROOT / "source"
    own = [s for s in hand_ins([class_folder], source) if s.student in ("cy", "dina")]
    earlier = hand_ins([old], source)
    likeness = compare_class(own, names_of(own, None), source, [(s, s.student) for s in earlier])
    assert pairs_of(likeness) == {frozenset(("cy", "old1")), frozenset(("cy", "old2"))}


def result_of(submission, tests):
    return {
        "submission": submission.name, "student": submission.student, "assignment": ASSIGNMENT.id, "status": "graded",
        "content": submission.content, "parts": [{"id": "relative-shift", "tests": tests}],
    }  # fmt: skip


def wrong(gave, misconception=None):
    return {"name": "test_it", "title": "It turns.", "outcome": "failed", "gave": gave, "misconception": misconception}


def test_the_same_wrong_numbers_are_told_unless_the_mistake_is_known(class_folder):
    source = ROOT / "source"
    own = hand_ins([class_folder], source)
    by = {s.student: s for s in own}
    results = [
        result_of(by["ann"], [wrong("11")]), result_of(by["bo"], [wrong("11")]), result_of(by["cy"], [wrong("22")]),
        result_of(by["dina"], [wrong("33", "known")]), result_of(by["eve"], [wrong("33", "known")]),
    ]  # fmt: skip
    stale = {**result_of(by["gil"], [wrong("22")]), "content": "of other code"}
    likeness = compare_class(own, names_of(own, None), source, results=[*results, stale])
    [one] = likeness["assignments"]
    [same] = one["same_numbers"]
    assert [p["name"] for p in same["people"]] == ["ann", "bo", "fay"]  # fay's code is bo's
    assert same["wrong"] == one["results"] == 6


def test_what_cannot_be_read_is_said_and_the_others_are_compared(class_folder, tmp_path, capsys):
    folder = tmp_path / "submitted"
    shutil.copytree(class_folder, folder)
    (folder / "dina" / ASSIGNMENT.id / "positional-embedding.ipynb").write_text("{", encoding="utf-8")
    status, out, err = run(capsys, folder)
    assert status == 1 and "Not compared: dina" in err and "eve" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--assignment", "self-attenton-pytorch"], "no assignment is called"),
        (["--earlier", "nowhere"], "nothing at nowhere"),
        (["--results", "pyproject.toml"], "no file of `grade --json`"),
        (["--language", "xx"], "xx"),
        (["--html", "nowhere/a.html"], "cannot be written"),
    ],
)
def test_wrong_use_is_one_sentence(class_folder, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(ROOT)
    status, _, err = run(capsys, class_folder, *arguments)
    assert status == 2 and said in " ".join(err.split())


def test_an_empty_folder_is_one_sentence(tmp_path, capsys):
    status, _, err = run(capsys, tmp_path)
    assert status in (1, 2) and "Traceback" not in err and err.strip()
