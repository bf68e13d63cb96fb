"""A class is entered in one session, as nbgrader's own commands would enter it, and only what is new."""

from __future__ import annotations

import json
import sqlite3

import pytest

pytest.importorskip("nbgrader")

from bs4 import BeautifulSoup  # noqa: E402
from support.term import (  # noqa: E402
    ASSIGNMENT,
    NOTEBOOK,
    answered,
    book,
    cell_of,
    fresh_course,
    judged,
    make_course,
    release,
    stand_in_judge,
    submit,
)

import autograder.nbgrader as plugin  # noqa: E402
from autograder.nbgrader.place import handed_over_results  # noqa: E402

the_judge = pytest.fixture(scope="module", autouse=True)(stand_in_judge)
course = pytest.fixture(fresh_course)
STOCK_PAGES = "from nbconvert.exporters import HTMLExporter\nc.GenerateFeedback.exporter_class = HTMLExporter\n"


def class_of_three(course):
    """Right and late; half, with a cell of the student's own; and a notebook whose test cell is gone."""
    released = release(course)
    with book(course) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-10 12:00:00 UTC")
    late, own, damaged = answered(released), answered(released, 0.5), answered(released, 0.5)
    own["cells"].insert(1, {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": "My *own* text, $a_1$."})
    damaged["cells"].remove(cell_of(damaged, "test-causal-mask"))
    submit(course, "ann", late, time="2026-09-12 12:00:00 UTC")
    submit(course, "bo", own)
    submit(course, "cy", damaged)
    return [judged(late, "ann"), judged(own, "bo"), judged(damaged, "cy")]


def everything(course):
    """What the gradebook has, and what was written for each student, whatever the random ids are."""
    rows = []
    with book(course) as gradebook:
        for one in gradebook.assignment_submissions(ASSIGNMENT):
            rows.append((one.student.id, one.timestamp, one.score, one.max_score, one.late_submission_penalty))
            for notebook in one.notebooks:
                for g in notebook.grades:
                    rows.append((one.student.id, g.name, g.auto_score, g.manual_score, g.needs_manual_grade))
                rows += [(one.student.id, c.name, c.auto_comment, c.manual_comment) for c in notebook.comments]
    written = {}
    for student in ("ann", "bo", "cy"):
        notebook = course / "autograded" / student / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
        page = course / "feedback" / student / ASSIGNMENT / f"{NOTEBOOK}.html"
        written[student] = json.loads(notebook.read_text()), str(BeautifulSoup(page.read_text(), "html.parser"))
    return sorted(rows, key=repr), written


def test_a_class_is_entered_as_nbgraders_own_commands_enter_it(course, tmp_path):
    assert all(done.ok for done in plugin.hand_over(course, class_of_three(course)))
    ours = everything(course)
    theirs = make_course(tmp_path / "theirs", more=STOCK_PAGES)
    api = plugin.api_of(theirs)
    for result in class_of_three(theirs):
        handed_over_results[str(theirs), ASSIGNMENT, result["student"]] = result
        assert (done := api.autograde(ASSIGNMENT, result["student"]))["success"], done
        assert (done := api.generate_feedback(ASSIGNMENT, result["student"]))["success"], done
        del handed_over_results[str(theirs), ASSIGNMENT, result["student"]]
    assert ours == everything(theirs)


def test_only_what_is_new_or_has_changed_is_entered(course):
    results = class_of_three(course)

    def entered(results):
        done = plugin.hand_over(course, results)
        assert all(one.ok for one in done), done
        return [one.student for one in done if not one.before]

    assert entered(results[:2]) == ["ann", "bo"]
    assert entered(results) == ["cy"]
    assert entered([{**result, "seconds": 1.5} for result in results]) == []
    with book(course) as gradebook:
        gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "bo").manual_score = 1.0
        gradebook.db.commit()
    assert entered(results) == ["bo"], "a person's mark"
    (course / "feedback" / "cy" / ASSIGNMENT / f"{NOTEBOOK}.html").unlink()
    assert entered(results) == ["cy"], "feedback that is gone"
    submit(course, "ann", answered(release(course)), time="2026-09-09 12:00:00 UTC")
    assert entered(results)[:1] == ["ann"], "another time"
    (course / "course.toml").write_text("[late]\nmethod = 'zero'\n")
    assert entered(results) == ["ann", "bo", "cy"], "another policy"


def test_what_another_program_writes_meanwhile_is_seen_and_stays(course):
    results = class_of_three(course)
    assert all(done.ok for done in plugin.hand_over(course, results))

    def formgrader(done):
        if done.student == "ann":
            with sqlite3.connect(course / "gradebook.db") as gradebook:
                gradebook.execute("UPDATE grade SET manual_score = 0.25")

    results = [{**result, "flags": ["other"]} for result in results]
    assert all(done.ok for done in plugin.hand_over(course, results, progress=formgrader))
    with book(course) as gradebook:
        for student in ("ann", "bo"):
            assert gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, student).manual_score == 0.25
    page = (course / "feedback" / "bo" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()
    assert "Score: 1.0 / 14.0" in page, "four parts of 0.25 by hand"


def test_a_student_whose_entry_fails_is_left_as_before_and_the_others_are_entered(course, monkeypatch):
    from nbgrader.api import Gradebook

    results = class_of_three(course)
    assert all(done.ok for done in plugin.hand_over(course, results[:2]))
    real = Gradebook.update_or_create_submission

    def fails(self, assignment, student, **more):
        if student == "bo":
            raise RuntimeError("no room")
        return real(self, assignment, student, **more)

    monkeypatch.setattr(Gradebook, "update_or_create_submission", fails)
    done = plugin.hand_over(course, [{**result, "flags": ["other"]} for result in results])
    assert [one.ok for one in done] == [True, False, True] and "no room" in done[1].message
    with book(course) as gradebook:
        grade = gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "bo")
        assert (grade.auto_score, grade.needs_manual_grade) == (1.5, True)


def test_formgrader_shows_the_reason_and_no_traceback(course):
    class_of_three(course)
    (course / "submitted" / "ann" / ASSIGNMENT / f"{NOTEBOOK}.ipynb").write_text("this is no notebook")
    done = plugin.api_of(course).autograde(ASSIGNMENT, "ann")
    assert not done["success"]
    assert "Traceback" not in done["log"] + done["error"] and 'File "' not in done["log"], done["log"]
    assert done["error"] in done["log"] and "notebook" in done["error"], done["error"]
