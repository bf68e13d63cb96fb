"""The assignment that a person grades, through nbgrader itself: released, handed in, marked by hand, given back.

One class goes the whole way once; the tests read what became of it. Its hand-ins hold what goes wrong with task cells:
deleted, written into, left alone, their metadata lost.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from nbgrader.api import Gradebook  # noqa: E402
from support import forms  # noqa: E402

import autograder.nbgrader as plugin  # noqa: E402
from autograder import cli, paths  # noqa: E402
from autograder.authoring.init import write_course  # noqa: E402
from autograder.authoring.release import release, released_notebook  # noqa: E402
from autograder.errors import AuthoringError  # noqa: E402
from autograder.notebooks.lessons import read_lesson  # noqa: E402
from autograder.paths import ROOT  # noqa: E402
from autograder.reporting.html import class_page, feedback_page  # noqa: E402
from autograder.reporting.schema import validate  # noqa: E402
from autograder.submission import by_hand  # noqa: E402
from autograder.submission.cell_text import grade_id_of  # noqa: E402
from autograder.submission.hand_in import Found  # noqa: E402
from autograder.submission.read import read  # noqa: E402
from course.syllabus import syllabus  # noqa: E402

ASSIGNMENT = syllabus().assignment("transformers-in-the-wild-pytorch")
TASKS = {f"task-{part.id}": part.points for part in ASSIGNMENT.exercise.parts}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MARKS = {"task-question": 3.0, "task-data": 4.0, "task-method": 2.5, "task-result": 4.0, "task-limits": 0.0}


def text_cell(text, cell_id):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": text}


def cell(notebook, cell_id):
    return next(c for c in notebook["cells"] if c["id"] == cell_id)


def written(released, tasks=tuple(TASKS)):
    """The release with a report in it, below these tasks, and a figure that the student's own run has drawn."""
    notebook = copy.deepcopy(released)
    for name in tasks:
        part = name.removeprefix("task-")
        cell(notebook, f"write-{part}")["source"] = f"My report on the {part}."
    outputs = [
        {"output_type": "stream", "name": "stderr", "text": ["accuracy 0.75\n"]},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG, "text/html": "<script>"}},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "\"><script>worse()</script>"}},
    ]  # fmt: skip
    source = "raise SystemExit('this would stop a kernel')\nopen('/tmp/was-run', 'w')"
    mine = {
        "cell_type": "code",
        "id": "mine",
        "metadata": {},
        "execution_count": 5,
        "outputs": outputs,
        "source": source,
    }
    at = notebook["cells"].index(cell(notebook, "write-result"))
    notebook["cells"].insert(at + 1, mine)
    return notebook


def deleted_task(notebook):
    notebook["cells"].remove(cell(notebook, "task-data"))
    return notebook


def in_the_task(notebook):
    """Writes into the locked cell, and leaves the one that was meant for it as it was."""
    cell(notebook, "task-data")["source"] += "\n\nI took 200 headlines."
    cell(notebook, "write-data")["source"] = "*Write here, and add cells below as you need them.*"
    return notebook


def all_above(released):
    notebook = copy.deepcopy(released)
    notebook["cells"].insert(1, text_cell("Here is all that I have to say.", "above"))
    return notebook


CLASS = {
    "ann": lambda released: written(released),
    "deleted": lambda released: deleted_task(written(released)),
    "inside": lambda released: in_the_task(written(released)),
    "untouched": copy.deepcopy,
    "partly": lambda released: written(released, ["task-question", "task-method", "task-result"]),
    "above": all_above,
    "colab": lambda released: forms.colab(written(released)),
    "stripped": lambda released: forms.colab_stripped(written(released)),
}


def nbgrader(course, *arguments):
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(course / ".jupyter"), "HOME": str(course)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def grades(course, student):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        notebook = gradebook.find_submission_notebook(ASSIGNMENT.exercise.id, ASSIGNMENT.id, student)
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in notebook.grades}


def mark(course, student, scores, comment="Well argued."):
    """What formgrader does when an instructor types marks and a remark."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        for name, score in scores.items():
            grade = gradebook.find_grade(name, ASSIGNMENT.exercise.id, ASSIGNMENT.id, student)
            grade.manual_score, grade.needs_manual_grade = score, False
            gradebook.find_comment(name, ASSIGNMENT.exercise.id, ASSIGNMENT.id, student).manual_comment = comment
        gradebook.db.commit()


def graded_by_us(course, *more, students=("",)):
    out = course / "results.json"
    paths = [str(course / "submitted" / student) for student in students]
    status = cli.main(["grade", *paths, "--json", str(out), "--jobs", "1", *more])
    return status, {r["student"]: r for r in json.loads(out.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of `autograder init`; its class has handed in, is autograded, and ann has her marks."""
    course = tmp_path_factory.mktemp("wild") / "course"
    write_course(ROOT, course, [ASSIGNMENT])
    assert plugin.api_of(course).generate_assignment(ASSIGNMENT.id)["success"]
    released = json.loads((course / "release" / ASSIGNMENT.id / f"{ASSIGNMENT.exercise.id}.ipynb").read_text())
    for student, change in CLASS.items():
        path = course / "submitted" / student / ASSIGNMENT.id / f"{ASSIGNMENT.exercise.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(change(released)))
    nbgrader(course, "autograde", ASSIGNMENT.id)
    mark(course, "ann", MARKS)
    return course


def autograded(course, student):
    path = course / "autograded" / student / ASSIGNMENT.id / f"{ASSIGNMENT.exercise.id}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def texts(notebook):
    return ["".join(c["source"]) for c in notebook["cells"]]


def test_the_release_asks_and_does_not_tell_the_mark_scheme(course):
    folder = course / "release" / ASSIGNMENT.id
    text = (folder / f"{ASSIGNMENT.exercise.id}.ipynb").read_text()
    assert "Good looks like" in text and "MARK SCHEME" not in text and "1 point:" not in text
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"requirements.txt", "course/data/news.py", "course/models/bert-mini/model.safetensors"} <= names
    assert not any("visible" in name for name in names)


@pytest.mark.parametrize("student", CLASS)
def test_each_task_is_there_once_and_waits_for_a_person(course, student):
    tasks = [c for c in autograded(course, student)["cells"] if (grade_id_of(c) or "").startswith("task-")]
    assert {grade_id_of(c): c["metadata"]["nbgrader"]["points"] for c in tasks} == TASKS and len(tasks) == len(TASKS)
    assert all("BEGIN MARK SCHEME" in "".join(c["source"]) for c in tasks), "who marks reads the scheme"
    wanted = {name: (None, MARKS[name], False) if student == "ann" else (None, None, True) for name in TASKS}
    assert grades(course, student) == wanted


@pytest.mark.parametrize("student", ["ann", "deleted", "colab", "stripped"])
def test_an_answer_stands_below_its_task(course, student):
    cells = autograded(course, student)["cells"]
    shown = {}
    for c in cells:
        if (grade_id_of(c) or "").startswith("task-"):
            current = shown.setdefault(grade_id_of(c), [])
        elif shown:
            current.append("".join(c["source"]))
    for name in TASKS:
        assert f"My report on the {name.removeprefix('task-')}." in shown[name], shown[name]


def test_what_was_written_into_a_task_cell_is_kept_below_it(course):
    all_texts = texts(autograded(course, "inside"))
    at = next(i for i, text in enumerate(all_texts) if text.startswith("### Data"))
    assert all_texts[at + 1] == "I took 200 headlines." and "200 headlines" not in all_texts[at]
    assert "your text was moved below it" in all_texts[0]


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("untouched", "as it was released"),
        ("partly", "Nothing is written below “The limits”."),
        ("above", "What stands above the first of them was kept."),
        ("deleted", "were put back"),
    ],
)
def test_who_marks_reads_at_the_top_what_is_missing(course, student, said):
    assert said in texts(autograded(course, student))[0]


def test_nothing_is_run_and_what_the_student_saw_is_kept(course):
    (mine,) = [c for c in autograded(course, "ann")["cells"] if "would stop a kernel" in "".join(c["source"])]
    assert not Path("/tmp/was-run").exists()
    assert "".join(mine["outputs"][0]["text"]) == "accuracy 0.75\n"
    assert "".join(mine["outputs"][1]["data"]["image/png"]).strip() == PNG
    assert "<script>" not in json.dumps(mine["outputs"]) and len(mine["outputs"]) == 2


def test_grading_again_neither_takes_nor_gives_marks(course):
    assert plugin.api_of(course).autograde(ASSIGNMENT.id, "ann", force=True)["success"]
    assert grades(course, "ann") == {name: (None, score, False) for name, score in MARKS.items()}


def test_a_mark_for_a_text_that_has_changed_since_stays_and_is_to_be_looked_at_again(course):
    """As often as it is graded, until somebody marks it again; other tasks keep theirs."""
    path = course / "submitted" / "ann" / ASSIGNMENT.id / f"{ASSIGNMENT.exercise.id}.ipynb"
    before = path.read_text()
    path.write_text(before.replace("My report on the data.", "My other report on the data."))
    assert path.read_text() != before
    everything = {name: (None, score, False) for name, score in MARKS.items()}
    waits = everything | {"task-data": (None, MARKS["task-data"], True)}
    for _again in range(2):
        assert plugin.api_of(course).autograde(ASSIGNMENT.id, "ann", force=True)["success"]
        assert grades(course, "ann") == waits
    assert "The text below “The data” may have changed since it was marked" in texts(autograded(course, "ann"))[0]
    _status, results = graded_by_us(course, students=("ann",))
    assert "waits-for-a-person" in results["ann"]["flags"] and results["ann"]["status"] == "by_hand"
    mark(course, "ann", {"task-data": MARKS["task-data"]})
    assert plugin.api_of(course).autograde(ASSIGNMENT.id, "ann", force=True)["success"]
    assert grades(course, "ann") == everything
    assert "may have changed" not in texts(autograded(course, "ann"))[0]
    path.write_text(before)  # the text that was handed in first is another again
    assert plugin.api_of(course).autograde(ASSIGNMENT.id, "ann", force=True)["success"]
    assert grades(course, "ann") == waits
    mark(course, "ann", MARKS)


def test_feedback_and_export_hold_the_marks_of_the_person(course):
    assert plugin.api_of(course).generate_feedback(ASSIGNMENT.id, "ann")["success"]
    page = (course / "feedback" / "ann" / ASSIGNMENT.id / f"{ASSIGNMENT.exercise.id}.html").read_text()
    assert "Score: 13.5 / 21.0" in page and "Well argued." in page
    nbgrader(course, "export", "--exporter=autograder.nbgrader.MarksExporter", "--to=marks.csv")
    rows = {(r["student_id"], r["part"]): r for r in csv.DictReader((course / "marks.csv").open())}
    assert rows["ann", "method"]["score"] == "2.5" and rows["ann", "total"]["score"] == "13.5"
    assert rows["ann", "limits"]["score"] == "0" and rows["ann", "total"]["needs_manual_grade"] == "0"
    assert rows["partly", "total"]["score"] == "" and rows["partly", "total"]["needs_manual_grade"] == "1"


def test_our_own_pages_say_what_waits_and_show_what_is_marked(course, capsys):
    status, results = graded_by_us(course, "--html", str(course / "pages"), "--csv", str(course / "table.csv"))
    assert status == 0
    validate(list(results.values()))
    assert (results["ann"]["status"], results["ann"]["score"], results["ann"]["max_score"]) == ("graded", 13.5, 21.0)
    assert {r["status"] for name, r in results.items() if name != "ann"} == {"by_hand"}
    page = feedback_page(results["ann"])
    assert "Well argued." in page and "Marked by a person" in page and "hidden inputs" not in page
    whole = class_page(list(results.values()))
    waiting = whole[whole.index('id="waiting"') :]
    assert "untouched" in waiting and "as it was released" in waiting and ">ann<" not in waiting
    assert 'id="not-graded"' not in whole
    assert "waits for a person" in capsys.readouterr().out


def test_entering_a_class_into_nbgrader_keeps_hand_marks_and_gives_no_feedback_before_them(course):
    feedback = course / "feedback" / "partly" / ASSIGNMENT.id
    status, _results = graded_by_us(course, "--nbgrader", students=("ann", "partly"))
    assert status == 0 and not feedback.exists()
    assert grades(course, "ann") == {name: (None, score, False) for name, score in MARKS.items()}
    assert (course / "feedback" / "ann" / ASSIGNMENT.id).exists()


@pytest.mark.parametrize("track", syllabus().tracks)
def test_what_students_begin_with_runs_beside_the_notebook_and_says_nothing_odd(tmp_path, track):
    """From the release alone, as a script: in a notebook all that is on standard error stands on red."""
    (path,) = release(ROOT, [f"{ASSIGNMENT.exercise.id}-{track}"], tmp_path)
    shutil.unpack_archive(path, tmp_path)
    home = tmp_path / path.stem
    cells = json.loads((home / f"{ASSIGNMENT.exercise.id}.ipynb").read_text())["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"nearest mean: +\d\d\.\d% of 200 right\ncommonest class: 2\d\.\d%\n$", done.stdout)


@pytest.fixture(scope="module")
def releases():
    """The released notebook by language."""
    return {language: json.loads(released_notebook(ROOT, ASSIGNMENT, language)) for language in ("en", "da")}


def handed_in(notebook):
    return read(Found("bo.ipynb", ("bo.ipynb",), json.dumps(notebook).encode()), ROOT / "source", ASSIGNMENT.id)


@pytest.mark.parametrize("form", [copy.deepcopy, forms.colab_stripped], ids=["as released", "without ids"])
@pytest.mark.parametrize("tasks", [(), ("task-question", "task-method"), tuple(TASKS)], ids=["none", "two", "all"])
def test_a_report_in_another_language_is_read_as_one_in_english(releases, form, tasks):
    """What the release says is no answer, whatever the language; a task is known by what it says."""
    assert "Hvad vil du vide" in "".join(cell(releases["da"], "task-question")["source"])
    english, danish = (
        handed_in(form(written(releases[language], tasks) if tasks else releases[language]))
        for language in ("en", "da")
    )
    assert (danish.flags, danish.remarks) == (english.flags, english.remarks)
    assert form is not copy.deepcopy or bool(tasks) == ("untouched" not in danish.flags)  # Colab adds a cell
    assert (len(tasks) == len(TASKS)) == (not {"untouched", "empty-tasks"} & set(danish.flags))


def test_a_report_is_graded_also_where_its_lesson_is_missing(releases, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "lesson", lambda _root, _exercise: tmp_path / "none.md")
    by_hand._in_languages.cache_clear()
    submission = handed_in(written(releases["en"], ("task-question",)))
    by_hand._in_languages.cache_clear()
    assert submission.problem is None and "empty-tasks" in submission.flags


def test_a_script_is_no_report():
    submission = read(Found("bo.py", ("bo.py",), b"x = 1"), ROOT / "source", ASSIGNMENT.id)
    assert "a report that a person reads; hand in the notebook" in submission.problem


def test_there_is_nothing_to_verify(capsys):
    assert cli.main(["verify", ASSIGNMENT.id]) == 2
    assert "graded by hand" in capsys.readouterr().err


LESSON = "course/exercises/transformers_in_the_wild/lesson.md"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{"task": "data"}', '{"task": "dataa"}', "has no task 'dataa'; there is: question, data"),
        ('{"task": "data"}', '{"task": "question"}', "there is a task question already"),
        ("=== END MARK SCHEME ===", "", "task question needs a mark scheme"),
        (":start: data", ":demo: data", "says what it is by one of :start:"),
    ],
)
def test_a_lesson_that_is_not_right_is_refused_with_its_line(tmp_path, old, new, said):
    path = tmp_path / LESSON
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / LESSON).read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AuthoringError, match=r"wild/lesson\.md:\d+: .*" + said):
        read_lesson(tmp_path, ASSIGNMENT)
