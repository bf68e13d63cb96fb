"""The plug-in in nbgrader itself: its own commands, on a class that holds every kind of damage we know of.

The judge is a stand-in here (`fake_grading.py`), so that a mark says only whether nbgrader got the right one.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from nbgrader.api import Gradebook, MissingEntry  # noqa: E402
from support import (
    fake_grading,  # noqa: E402
    forms,  # noqa: E402
)

import autograder.nbgrader as plugin  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT, NOTEBOOK = "self-attention-pytorch", "self-attention"
POINTS = {"scaled-dot-product": 6, "padding-mask": 3, "causal-mask": 3, "combine-masks": 2}
SYMBOLS = {
    "scaled-dot-product": "scaled_dot_product_attention",
    "padding-mask": "padding_mask",
    "causal-mask": "causal_mask",
    "combine-masks": "combine_masks",
}
CONFIG = f"""
import sys
import time
import urllib.request
from pathlib import Path
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from support import fake_grading
fake_grading.install()
from autograder.nbgrader import configure
c = get_config()
configure(c, Path(__file__).parent)
"""


def nbgrader(course, *arguments, fails=False):
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(course / ".jupyter"), "HOME": str(course)}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=280)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    return said


def make_course(folder):
    (folder / "source").mkdir(parents=True)
    shutil.copytree(ROOT / "source" / ASSIGNMENT, folder / "source" / ASSIGNMENT)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    return folder


# -- hand-ins ---------------------------------------------------------------------------------------------------------


def cell_of(notebook, grade_id):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def answered(released, worth=None, default=1):
    """A copy of the release with answers that the stand-in finds worth something."""
    notebook = copy.deepcopy(released)
    for part, symbol in SYMBOLS.items():
        share = (worth or {}).get(part, default)
        if share is not None:
            answer = f"def {symbol}(*a):\n    return 1  # {symbol} is worth {share}"
            cell_of(notebook, f"answer-{part}")["source"] = answer
    return notebook


def code(source):
    return {"cell_type": "code", "id": f"mine-{abs(hash(source)) % 10**8}", "metadata": {}, "source": source,
            "outputs": [], "execution_count": None}  # fmt: skip


def planted(notebook):
    for c in notebook["cells"]:
        if c["cell_type"] == "code":
            data = {"text/plain": "14.0", "text/html": "<b>planted</b>"}
            c["outputs"] = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]
    return notebook


def duplicated_test(notebook):
    notebook["cells"] += [copy.deepcopy(cell_of(notebook, "test-causal-mask")) | {"id": "again"}]
    return notebook


def duplicated_answer(notebook):
    """A finished copy, and the stub once more below it."""
    stub = code("def causal_mask(n):\n    raise NotImplementedError")
    stub["metadata"] = copy.deepcopy(cell_of(notebook, "answer-causal-mask")["metadata"])
    notebook["cells"].append(stub)
    return notebook


def without(*grade_ids):
    def damage(notebook):
        for grade_id in grade_ids:
            notebook["cells"].remove(cell_of(notebook, grade_id))
        return notebook

    return damage


def half_a_kernelspec(notebook):
    notebook["metadata"]["kernelspec"] = {"name": "python3"}
    notebook["metadata"]["language_info"] = {}
    return notebook


def lost_metadata(notebook):
    for c in notebook["cells"]:
        c["metadata"] = {"id": "abc"}
        del c["id"]
    notebook["metadata"] = {"colab": {"provenance": []}}
    notebook["nbformat_minor"] = 0
    return notebook


def old_schema(notebook):
    for c in notebook["cells"]:
        if "nbgrader" in c["metadata"]:
            c["metadata"]["nbgrader"]["schema_version"] = 1
    return notebook


def new_schema(notebook):
    cell_of(notebook, "test-causal-mask")["metadata"]["nbgrader"]["schema_version"] = 9
    return notebook


def flipped_flags(notebook):
    for part in POINTS:
        cell_of(notebook, f"test-{part}")["metadata"]["nbgrader"] |= {"grade": False, "solution": True, "points": 100}
        cell_of(notebook, f"answer-{part}")["metadata"]["nbgrader"] |= {"locked": True, "grade": True}
    return notebook


def renamed_ids(notebook):
    for part in POINTS:
        cell_of(notebook, f"test-{part}")["metadata"]["nbgrader"]["grade_id"] = f"mine {part}!"
    return notebook


def swapped_ids(notebook):
    one, other = (cell_of(notebook, f"answer-{part}") for part in ("causal-mask", "padding-mask"))
    one["source"], other["source"] = other["source"], one["source"]
    return notebook


def text_cell(notebook):
    c = cell_of(notebook, "answer-causal-mask")
    c["cell_type"] = "markdown"
    del c["outputs"], c["execution_count"]
    return notebook


def own_cells(notebook):
    notebook["cells"].insert(3, code("print('<script>alert(1)</script>')"))
    return notebook


def strange(notebook):
    notebook["cells"][3]["metadata"]["nbgrader"] = "yes"
    notebook["cells"].append(code("x") | {"id": notebook["cells"][0]["id"]})
    notebook["metadata"] = {"kernelspec": {"name": "r", "display_name": "R", "language": "r"}}
    return notebook


FULL = 14.0
CLASS = {  # student: (what they did to the notebook, the mark that they must get)
    "perfect": (lambda n: n, FULL),
    "planted": (planted, FULL),
    "duplicated-test": (duplicated_test, FULL),
    "duplicated-answer": (duplicated_answer, FULL),
    "deleted-test": (without("test-causal-mask"), FULL),
    "deleted-tests": (without(*(f"test-{part}" for part in POINTS)), FULL),
    "deleted-answer": (without("answer-causal-mask"), 11.0),
    "deleted-setup": (without("setup-imports", "answer-scaled-dot-product", "test-scaled-dot-product"), 8.0),
    "lost-metadata": (lost_metadata, FULL),
    "vscode": (forms.vscode, FULL),
    "colab": (forms.colab, FULL),
    "half-a-kernelspec": (half_a_kernelspec, FULL),
    "old-schema": (old_schema, FULL),
    "new-schema": (new_schema, FULL),
    "flipped-flags": (flipped_flags, FULL),
    "renamed-ids": (renamed_ids, FULL),
    "swapped-ids": (swapped_ids, FULL),
    "text-cell": (text_cell, FULL),
    "own-cells": (own_cells, FULL),
    "strange": (strange, FULL),
    "no-cells": (lambda n: n | {"cells": []}, 0.0),
}
UNREADABLE = ("truncated", "not-json", "judge-fails")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course after `nbgrader generate_assignment`, `autograde` and `generate_feedback` for the whole class."""
    course = make_course(tmp_path_factory.mktemp("course"))
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    released = json.loads((course / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb").read_text())

    def hand_in(student, text):
        folder = course / "submitted" / student / ASSIGNMENT
        folder.mkdir(parents=True)
        (folder / f"{NOTEBOOK}.ipynb").write_text(text)

    for student, (damage, _mark) in CLASS.items():
        hand_in(student, json.dumps(damage(answered(released))))
    hand_in("partial", json.dumps(planted(answered(released, {"scaled-dot-product": 0.5, "combine-masks": 0}))))
    hand_in("untouched", json.dumps(planted(copy.deepcopy(released))))
    hand_in("truncated", json.dumps(answered(released))[:2000])
    hand_in("not-json", "I could not upload it, sorry")
    hand_in("judge-fails", json.dumps(answered(released) | {"raise the roof": 1}))
    said = nbgrader(course, "autograde", ASSIGNMENT, fails=True)  # says so because three could not be graded
    (course / "said.txt").write_text(said)
    nbgrader(course, "generate_feedback", ASSIGNMENT)
    return course


def marks(course, student):
    """{part: (automatic score, needs a person)} as the gradebook has it."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, student)
        return {g.cell.name.removeprefix("test-"): (g.auto_score, g.needs_manual_grade) for g in notebook.grades}


def autograded(course, student):
    return json.loads((course / "autograded" / student / ASSIGNMENT / f"{NOTEBOOK}.ipynb").read_text())


def test_the_release_holds_no_solution(course):
    text = (course / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb").read_text()
    assert "BEGIN SOLUTION" not in text and "raise NotImplementedError" in text


@pytest.mark.parametrize("student", CLASS)
def test_whatever_happened_to_the_notebook_the_mark_is_right(course, student):
    found = marks(course, student)
    assert sum(score for score, _person in found.values()) == CLASS[student][1]
    assert set(found) == set(POINTS) and not any(person for _score, person in found.values())


def test_partial_credit_reaches_the_gradebook(course):
    scores = {part: score for part, (score, _person) in marks(course, "partial").items()}
    assert scores == {"scaled-dot-product": 3.0, "padding-mask": 3.0, "causal-mask": 3.0, "combine-masks": 0.0}


def test_a_zero_is_a_zero(course):
    assert {score for score, _person in marks(course, "untouched").values()} == {0.0}


@pytest.mark.parametrize("student", UNREADABLE)
def test_who_cannot_be_graded_has_no_mark_and_stops_nobody(course, student):
    assert not list((course / "autograded").glob(f"{student}/**/*.ipynb"))
    try:
        assert {score for score, _person in marks(course, student).values()} <= {None}
    except MissingEntry:
        pass
    assert student in (course / "said.txt").read_text()


def test_the_reason_reaches_the_instructor(course):
    assert (
        "judge-fails, self-attention-pytorch: could not be graded. the reference worker died"
        in (course / "said.txt").read_text()
    )


def test_planted_outputs_are_gone(course):
    text = json.dumps(autograded(course, "planted"))
    assert "planted" not in text.replace('"planted"', "") and "14.0" not in json.dumps(
        [c.get("outputs") for c in autograded(course, "planted")["cells"]]
    )


def test_every_test_cell_has_a_plain_number_and_a_report(course):
    for student in (*CLASS, "partial", "untouched"):
        tests = [c for c in autograded(course, student)["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]
        assert len(tests) == len(POINTS)
        for cell in tests:
            (output,) = cell["outputs"]
            assert output["output_type"] == "execute_result"
            assert 0 <= float("".join(output["data"]["text/plain"])) <= cell["metadata"]["nbgrader"]["points"]
            assert "It works." in "".join(output["data"]["text/html"])


def test_what_cells_printed_is_shown_with_them(course):
    cells = autograded(course, "own-cells")["cells"]
    answer = cell_of({"cells": cells}, "answer-causal-mask")
    assert "".join(answer["outputs"][0]["text"]) == "ran causal-mask"
    own = next(c for c in cells if "alert" in "".join(c["source"]))
    assert "".join(own["outputs"][0]["text"]) == "my own output"
    outputs = [output for c in cells for output in c.get("outputs", [])]
    assert not any(o.get("name") == "stderr" or o["output_type"] == "error" for o in outputs)


def test_the_student_reads_what_was_odd(course):
    first = autograded(course, "lost-metadata")["cells"][0]
    assert first["cell_type"] == "markdown" and "lost its cell ids" in "".join(first["source"])


def test_feedback_pages_hold_the_reports(course):
    page = (course / "feedback" / "partial" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()
    assert "It is worth 0.5." in page and "Half the way" in page and "Scaled dot-product attention" in page
    assert "Score: 9.0 / 14.0" in page
    assert "<script>alert(1)" not in (course / "feedback" / "own-cells" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()


def test_marks_are_exported_with_misconceptions(course):
    nbgrader(course, "export", "--exporter=autograder.nbgrader.MarksExporter", "--to=marks.csv")
    rows = list(csv.DictReader((course / "marks.csv").open()))
    mine = {row["part"]: row for row in rows if row["student_id"] == "partial"}
    assert mine["total"]["score"] == "9" and mine["total"]["max_score"] == "14"
    assert mine["scaled-dot-product"]["score"] == "3"
    assert mine["scaled-dot-product"]["misconception"] == "half-way" and not mine["causal-mask"]["misconception"]


def test_nbgraders_own_export_works(course):
    nbgrader(course, "export", "--to=plain.csv")
    assert "partial,,,,9.0" in (course / "plain.csv").read_text()


# -- one submission at a time: these change the course ----------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A course of its own, with the stand-in installed in this process."""
    course = make_course(tmp_path / "course")
    fake_grading.install()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)
    fake_grading.stored.clear()
    api = plugin.api_of(course)
    assert api.generate_assignment(ASSIGNMENT)["success"]
    return course, api


def submit(course, student, notebook):
    path = course / "submitted" / student / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    return path


def release_of(course):
    return json.loads((course / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb").read_text())


def test_a_hand_in_that_cannot_be_read_leaves_no_older_mark_behind(small):
    course, api = small
    submit(course, "ann", answered(release_of(course)))
    assert api.autograde(ASSIGNMENT, "ann")["success"]
    assert marks(course, "ann")["causal-mask"] == (3.0, False)
    submit(course, "ann", "{")
    assert not api.autograde(ASSIGNMENT, "ann")["success"]
    assert {score for score, _person in marks(course, "ann").values()} == {None}


def test_finished_results_are_taken_and_nothing_is_graded_twice(small):
    course, api = small
    submit(course, "ann", answered(release_of(course)))
    finished = fake_grading.grade_one(answered(release_of(course), default=0.5), ASSIGNMENT, "ann")
    fake_grading.stored["ann"] = finished
    Path("calls.txt").unlink()
    assert api.autograde(ASSIGNMENT, "ann")["success"]
    assert not Path("calls.txt").exists() and not (course / "calls.txt").exists()
    assert marks(course, "ann")["causal-mask"] == (1.5, False)


def test_a_graded_class_is_handed_over(small, tmp_path):
    course, _api = small
    perfect, half = answered(release_of(course)), answered(release_of(course), default=0.5)
    submit(course, "ann", perfect)
    outside = tmp_path / "bo.ipynb"
    outside.write_text(json.dumps(half))
    submit(course, "eva", "{")
    results = [
        fake_grading.grade_one(perfect, ASSIGNMENT, "ann"),
        fake_grading.grade_one(half, ASSIGNMENT, "bo") | {"submission": str(outside)},
        {"submission": "x", "student": "eva", "assignment": ASSIGNMENT, "status": "not_graded",
         "message": "It is torn.", "score": None, "max_score": 14.0, "flags": [], "parts": []},
        fake_grading.grade_one(half, ASSIGNMENT, "../up"),
        fake_grading.grade_one(half, ASSIGNMENT, "nobody"),
    ]  # fmt: skip
    Path("calls.txt").unlink()
    done = {outcome.student: outcome for outcome in plugin.hand_over(course, results)}
    assert {name: outcome.ok for name, outcome in done.items()} == {
        "ann": True, "bo": True, "eva": False, "../up": False, "nobody": False,
    }  # fmt: skip
    assert done["eva"].message == "It is torn." and "no notebook" in done["nobody"].message
    assert not (course / "calls.txt").exists()
    assert marks(course, "ann")["scaled-dot-product"] == (6.0, False)
    assert marks(course, "bo")["scaled-dot-product"] == (3.0, False)
    assert (course / "feedback" / "bo" / ASSIGNMENT / f"{NOTEBOOK}.html").exists()
    assert not (tmp_path / "up").exists()


def test_marks_are_in_proportion_to_the_points_that_the_instructor_gives(small):
    course, api = small
    source = course / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    notebook = json.loads(source.read_text())
    cell_of(notebook, "test-causal-mask")["metadata"]["nbgrader"]["points"] = 10
    source.write_text(json.dumps(notebook))
    assert api.generate_assignment(ASSIGNMENT)["success"]
    submit(course, "ann", answered(release_of(course), default=0.5))
    assert api.autograde(ASSIGNMENT, "ann")["success"]
    assert marks(course, "ann")["causal-mask"] == (5.0, False)


def test_an_assignment_of_the_instructors_own_is_graded_by_nbgrader(small):
    course, api = small
    test = code("assert answer == 42") | {"id": "t"}
    test["metadata"]["nbgrader"] = {"grade": True, "solution": False, "locked": True, "task": False, "points": 2,
                                    "grade_id": "test-own", "schema_version": 3}  # fmt: skip
    notebook = {"nbformat": 4, "nbformat_minor": 5, "cells": [code("answer = 42"), test], "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}}  # fmt: skip
    (course / "source" / "mine").mkdir()
    (course / "source" / "mine" / "own.ipynb").write_text(json.dumps(notebook))
    assert api.generate_assignment("mine")["success"]
    shutil.copytree(course / "release" / "mine", course / "submitted" / "ann" / "mine")
    done = api.autograde("mine", "ann")
    assert done["success"], done
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission("mine", "ann").score == 2


TASK = (
    "### Discuss\n\nWhat would you try next?\n\n=== BEGIN MARK SCHEME ===\nOne point an idea.\n=== END MARK SCHEME ==="
)


def test_marks_of_a_person_and_of_the_judge_come_back_together(small):
    course, api = small
    source = course / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    notebook = json.loads(source.read_text())
    ours = {"grade": False, "solution": False, "locked": True, "task": True, "points": 4, "grade_id": "task-discuss",
            "schema_version": 3}  # fmt: skip
    notebook["cells"].append({"cell_type": "markdown", "id": "t", "metadata": {"nbgrader": ours}, "source": TASK})
    source.write_text(json.dumps(notebook))
    assert api.generate_assignment(ASSIGNMENT)["success"]
    released = release_of(course)
    assert "One point an idea" not in json.dumps(released)
    answer = {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "Another mask."}
    done = answered(released, default=0.5)
    done["cells"].append(answer)
    submit(course, "ann", done)
    lost = answered(released)
    lost["cells"] = [c for c in lost["cells"] if not c["id"].startswith("t") or "check(" in "".join(c["source"])]
    submit(course, "bo", {**lost, "cells": [*lost["cells"], answer]})
    for student in ("ann", "bo"):
        result = api.autograde(ASSIGNMENT, student)
        assert result["success"], result
        assert marks(course, student)["task-discuss"] == (None, True)
    results = [fake_grading.grade_one(done, ASSIGNMENT, "ann")]
    assert "waits-for-a-person" in plugin.with_hand_marks(course, results[0])["flags"]
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("task-discuss", NOTEBOOK, ASSIGNMENT, "ann")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        other = gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann")
        other.manual_score = 2.5
        gradebook.find_comment("task-discuss", NOTEBOOK, ASSIGNMENT, "ann").manual_comment = "A good idea."
        gradebook.db.commit()
    assert api.autograde(ASSIGNMENT, "ann", force=True)["success"]
    assert api.generate_feedback(ASSIGNMENT, "ann")["success"]
    page = (course / "feedback" / "ann" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()
    assert "Score: 11.0 / 18.0" in page and "A good idea." in page and "It is worth 0.5." in page
    whole = plugin.with_hand_marks(course, results[0])
    assert (whole["score"], whole["max_score"], whole["flags"]) == (11.0, 18.0, results[0]["flags"])
    assert {p["id"]: p["score"] for p in whole["parts"]}["causal-mask"] == 2.5
    assert results[0]["score"] == 7.0, "the judge's own result is as it was"


def test_an_assignment_is_released_to_the_exchange(small, tmp_path):
    course, _api = small
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    nbgrader(course, "release_assignment", ASSIGNMENT, f"--Exchange.root={exchange}")
    assert list(exchange.rglob(f"{NOTEBOOK}.ipynb"))


# -- formgrader, in a browser -----------------------------------------------------------------------------------------

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def formgrader(small):
    """The address of a Jupyter server with formgrader on a small course: ann's notebook, and one that is torn."""
    course, _api = small
    submit(course, "ann", planted(lost_metadata(answered(release_of(course), default=0.5))))
    submit(course, "torn", "{")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HOME": str(course), "JUPYTER_CONFIG_DIR": str(course / ".jupyter"),
                   "JUPYTER_RUNTIME_DIR": str(course / ".runtime")}  # fmt: skip
    options = ["--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    with (course / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "server", *options], cwd=course, env=environment, stdout=log, stderr=log
        )
        address = f"http://127.0.0.1:{port}"
        try:
            for _attempt in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=2)
                    break
                except OSError:
                    time.sleep(0.5)
            yield course, address
        finally:
            server.terminate()
            server.wait(20)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}")
def test_formgraders_button_grades_and_its_page_shows_the_report(formgrader):
    playwright = pytest.importorskip("playwright.sync_api")
    course, address = formgrader
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())  # MathJax from the network

        def press(student):
            page.goto(f"{address}/formgrader/manage_submissions/{ASSIGNMENT}", wait_until="domcontentloaded")
            page.locator("tr", has_text=student).first.locator(".autograde a").click()
            page.locator(".modal-body", has_text=student).wait_for(timeout=120_000)
            return page.locator(".modal").first.inner_text()

        assert "Success" in press("ann")
        assert "Error" in press("torn")
        page.goto(f"{address}/formgrader/gradebook/{ASSIGNMENT}/{NOTEBOOK}", wait_until="domcontentloaded")
        page.locator("td a:visible").first.click()
        page.locator("text=Half the way").first.wait_for(timeout=60_000)
        text = page.locator("body").inner_text()
        browser.close()
    assert "It is worth 0.5." in text and "lost its cell ids" in text and "planted" not in text
    assert marks(course, "ann")["scaled-dot-product"] == (3.0, False)
