"""A term: gradebook, tables and pages agree after every change; what is the instructor's own.

The judge is a stand-in (`fake_grading.py`): a mark here says only whether the right one got everywhere.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

import hypothesis.strategies as st  # noqa: E402
from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule  # noqa: E402
from support import fake_grading  # noqa: E402
from support.term import (  # noqa: E402
    ASSIGNMENT,
    CONFIG,
    KERNEL,
    NOTEBOOK,
    PARTS,
    ROOT,
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
from autograder.grading.class_run import ClassRun  # noqa: E402
from autograder.nbgrader.timestamps import get_existing_timestamp  # noqa: E402
from autograder.reporting import html  # noqa: E402
from autograder.reporting.marks import csv_table  # noqa: E402
from autograder.settings.apply import counted  # noqa: E402
from autograder.settings.reading import read_settings  # noqa: E402
from autograder.submission.course_folder import read_course_folder  # noqa: E402
from autograder.submission.find import find  # noqa: E402

the_judge = pytest.fixture(scope="module", autouse=True)(stand_in_judge)
course = pytest.fixture(fresh_course)


def in_gradebook(course, student="ann", name=ASSIGNMENT):
    """The mark after what lateness costs, and the marks of the cells: (the judge's, needs a person)."""
    with book(course) as gradebook:
        submission = gradebook.find_submission(name, student)
        cells = {g.name: (g.auto_score, g.needs_manual_grade) for n in submission.notebooks for g in n.grades}
        return max(0.0, submission.score - (submission.late_submission_penalty or 0.0)), cells


def own_cell(source, grade_id, **more):
    ours = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
    }
    return {"cell_type": "code", "id": grade_id, "metadata": {"nbgrader": ours | more}, "source": source,
            "outputs": [], "execution_count": None}  # fmt: skip


# -- the instructor's own ---------------------------------------------------------------------------------------------


def with_own_test(course):
    path = course / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"] += [
        own_cell(
            "def my_extra():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION", "my-extra", solution=True
        ),
        own_cell("assert my_extra() == 42", "my-extra-test", grade=True, locked=True, points=2),
    ]
    path.write_text(json.dumps(notebook))


def with_own_notebook(course):
    cells = [
        own_cell(
            "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION", "double", solution=True
        ),
        own_cell("assert double(3) == 6", "double-test", grade=True, locked=True, points=4),
    ]
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": cells}
    (course / "source" / ASSIGNMENT / "warm-up.ipynb").write_text(json.dumps(whole))


def test_an_instructors_own_test_waits_for_a_person_and_is_never_zero_or_full(course):
    with_own_test(course)
    notebook = answered(release(course))
    submit(course, "ann", notebook)
    assert plugin.hand_over(course, [judged(notebook)])[0].ok
    mark, cells = in_gradebook(course)
    assert (mark, cells["my-extra-test"]) == (14.0, (None, True))
    whole = plugin.with_hand_marks(course, judged(notebook))
    assert (whole["score"], whole["max_score"]) == (14.0, 16.0) and "waits-for-a-person" in whole["flags"]
    assert not (course / "feedback").exists(), "feedback waits for the person"
    with book(course) as gradebook:
        grade = gradebook.find_grade("my-extra-test", NOTEBOOK, ASSIGNMENT, "ann")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    whole = plugin.with_hand_marks(course, judged(notebook))
    assert (whole["score"], whole["max_score"], whole["flags"]) == (15.5, 16.0, [])


def test_an_instructors_own_notebook_is_not_run_and_waits_for_a_person(course):
    with_own_notebook(course)
    notebook = answered(release(course))
    submit(course, "ann", notebook)
    trap = json.loads((course / "release" / ASSIGNMENT / "warm-up.ipynb").read_text())
    cell_of(trap, "double")["source"] = f"open({str(course / 'was-run')!r}, 'w')"
    for cell in trap["cells"]:  # planted: nbgrader would take it for full marks
        cell["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": "4"}, "metadata": {},
                            "execution_count": 1}]  # fmt: skip
    submit(course, "ann", trap, file="warm-up")
    assert plugin.hand_over(course, [judged(notebook)])[0].ok
    mark, cells = in_gradebook(course)
    assert (mark, cells["double-test"]) == (14.0, (None, True))
    assert not (course / "was-run").exists()


def test_files_of_an_own_notebook_are_no_second_hand_in(course):
    with_own_notebook(course)
    release(course)
    for name in (NOTEBOOK, "warm-up"):
        submit(course, "ann", {"cells": []}, file=name)
    found = list(find([course / "submitted"], read_course_folder(course / "source")))
    assert [one.parts for one in found] == [("ann", ASSIGNMENT, f"{NOTEBOOK}.ipynb")]


@pytest.mark.parametrize("known", [True, False], ids=["in-source", "in-submitted-only"])
def test_an_own_assignment_beside_is_left_alone(course, known):
    source = {"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": [own_cell("x = 1", "x")]}
    if known:
        (course / "source" / "week-1").mkdir()
        (course / "source" / "week-1" / "week-1.ipynb").write_text(json.dumps(source))
    notebook = answered(release(course))
    for student in ("ann", "bo"):
        submit(course, student, notebook)
        submit(course, student, source, name="week-1", file="week-1")
    run = ClassRun(["submitted"], course / "source", course=course)
    assert [(s.student, s.problem) for s in run.submissions] == [("ann", None), ("bo", None)]
    assert run.unknown == ({} if known else {"week-1": 2})


# -- a renamed assignment ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [NOTEBOOK, "problems"])
def test_a_renamed_assignment_is_found_by_its_source_notebook(tmp_path, monkeypatch, file):
    monkeypatch.chdir(tmp_path)
    course = make_course(tmp_path / "course", "hw3")
    (course / "source" / "hw3" / f"{NOTEBOOK}.ipynb").rename(course / "source" / "hw3" / f"{file}.ipynb")
    notebook = answered(release(course, "hw3", file))
    for student in ("ann", "bo"):
        submit(course, student, notebook, "hw3", file)
    run = ClassRun(["submitted"], course / "source", course=course)
    assert {(s.student, s.assignment.id, s.problem) for s in run.submissions} == {
        ("ann", ASSIGNMENT, None), ("bo", ASSIGNMENT, None),
    }  # fmt: skip
    done = plugin.hand_over(course, [judged(notebook), judged(notebook, "bo")])
    assert all(one.ok for one in done), done
    assert in_gradebook(course, name="hw3")[0] == 14.0
    assert plugin.with_hand_marks(course, judged(notebook))["score"] == 14.0


def test_of_two_copies_of_an_assignment_one_is_the_judges(course):
    shutil.copytree(course / "source" / ASSIGNMENT, course / "source" / "again")
    folder = read_course_folder(course / "source")
    assert folder.judged == {ASSIGNMENT: ASSIGNMENT} and folder.own == {"again"}


# -- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "hour"),
    [
        (b"2026-09-09 12:30:00 UTC", 12),
        (codecs.BOM_UTF8 + b"2026-09-09 12:30:00 UTC\r\n", 12),
        ("2026-09-09 12:30:00 UTC".encode("utf-16"), 12),
        (codecs.BOM_UTF16_BE + "2026-09-09 12:30:00 UTC".encode("utf-16-be"), 12),
        (b"2026-09-09 14:30:00 Europe/Copenhagen", 12),
        (b"2026-09-09 14:30:00 +0200", 12),
        (b"2026-09-09T14:30:00+02:00", 12),
        (b"2026-09-09T12:30:00Z\n", 12),
        (b"2026-09-09 12:30:00", 12),
        (b"", None),
        (codecs.BOM_UTF8, None),
    ],
)
def test_times_are_read_as_people_and_programs_write_them(course, tmp_path, data, hour):
    (tmp_path / "timestamp.txt").write_bytes(data)
    found = get_existing_timestamp(plugin.api_of(course).coursedir, str(tmp_path))
    assert (found and (found.hour, found.minute, found.tzinfo)) == (hour and (hour, 30, None))


def test_a_time_that_cannot_be_read_leaves_the_earlier_mark_and_says_what_to_do(course):
    notebook = answered(release(course), 0.5)
    submit(course, "ann", notebook)
    assert plugin.hand_over(course, [judged(notebook)])[0].ok
    submit(course, "ann", notebook, time="soon")
    (done,) = plugin.hand_over(course, [judged(answered(release(course)))])
    assert not done.ok and "timestamp.txt cannot be read" in done.message and "keeps the earlier mark" in done.message
    mark, cells = in_gradebook(course)
    assert mark == 7.0 and cells["test-causal-mask"] == (1.5, True), "the earlier mark, waiting for a look"
    assert "not-in-gradebook" in plugin.with_hand_marks(course, judged(answered(release(course))))["flags"]
    submit(course, "ann", notebook, time="2026-09-09 12:30:00 UTC")
    assert plugin.hand_over(course, [judged(answered(release(course)))])[0].ok
    mark, cells = in_gradebook(course)
    assert mark == 14.0 and cells["test-causal-mask"] == (3.0, False)


def test_a_plug_in_that_fails_leaves_the_earlier_mark(course):
    notebook = answered(release(course), 0.5)
    submit(course, "ann", notebook, time="2026-09-09 12:30:00 UTC")
    assert plugin.hand_over(course, [judged(notebook)])[0].ok
    with book(course) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-01 12:00:00 UTC")
    (course / "late_here.py").write_text(
        "from nbgrader.plugins import BasePlugin\n\nclass Late(BasePlugin):\n"
        "    def late_submission_penalty(self, *a):\n        raise ValueError('the list of excuses is missing')\n"
    )
    (course / "nbgrader_config.py").write_text(
        CONFIG + "import sys\nsys.path.insert(0, str(Path(__file__).parent))\n"
        'c.AssignLatePenalties.plugin_class = "late_here.Late"\n'
    )
    (done,) = plugin.hand_over(course, [judged(answered(release(course)))])
    sys.modules.pop("late_here", None)
    assert not done.ok and "the list of excuses is missing" in done.message, done.message
    mark, cells = in_gradebook(course)
    assert mark == 7.0 and cells["test-causal-mask"] == (1.5, True)


# -- one truth --------------------------------------------------------------------------------------------------------


def places(course, result):
    """The mark of a hand-in, in all places that say one."""
    whole = plugin.with_hand_marks(course, result)
    row = next(csv.DictReader(io.StringIO(csv_table([whole]))))
    exporter = plugin.MarksExporter(parent=plugin.api_of(course))
    exporter.to = str(course / "out.csv")
    with book(course) as gradebook:
        exporter.export(gradebook)
        submission = gradebook.find_submission(ASSIGNMENT, "ann")
        stored, most = max(0.0, submission.score - (submission.late_submission_penalty or 0.0)), submission.max_score
    exported = next(r for r in csv.DictReader((course / "out.csv").open()) if r["part"] == "total")
    page = html.feedback_page(whole)
    assert f">{html.points(stored)}</b> of {html.points(most)} points" in page, (stored, most)
    return {
        "gradebook": (round(stored, 2), round(most, 2)),
        "json": (whole["score"], round(whole["max_score"], 2)),
        "csv": (float(row["score"]), float(row["max_score"])),
        "export": (round(float(exported["score"]), 2), round(float(exported["max_score"]), 2)),
    }


def test_lateness_stands_in_every_place(course):
    (course / "nbgrader_config.py").write_text(CONFIG + 'c.LateSubmissionPlugin.penalty_method = "zero"\n')
    notebook = answered(release(course))
    with book(course) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-10 12:00:00 UTC")
    submit(course, "ann", notebook, time="2026-09-12 11:30:00 UTC")
    assert plugin.hand_over(course, [judged(notebook)])[0].ok
    assert set(places(course, judged(notebook)).values()) == {(0.0, 14.0)}
    whole = plugin.with_hand_marks(course, judged(notebook))
    assert whole["late_penalty"] == 14.0 and "14 points are taken off" in html.feedback_page(whole)


SETTINGS = f"""
[late]
method = "per-day"
per_day = 0.1

[assignments.{ASSIGNMENT}]
due = 2026-09-10T12:00:00Z
"""


def by_the_course(course, notebook, student="ann"):
    """What the judge says, as the course counts it."""
    return counted(judged(notebook, student), read_settings(course), course / "source")


def test_points_and_dates_of_course_toml_stand_in_every_place(course):
    (course / "course.toml").write_text(
        SETTINGS + "parts.causal-mask.points = 6\nparts.combine-masks.bonus = true\nparts.padding-mask.drop = true\n"
    )
    notebook = answered(release(course), 0.5)
    submit(course, "ann", notebook, time="2026-09-11 13:00:00 UTC")
    result = by_the_course(course, notebook)
    assert plugin.hand_over(course, [result])[0].ok
    assert set(places(course, result).values()) == {(5.6, 12.0)}
    whole = plugin.with_hand_marks(course, result)
    assert (whole["lateness"]["late_seconds"], whole["late_penalty"]) == (25 * 3600, 1.4)
    (course / "course.toml").write_text("")
    result = by_the_course(course, notebook)
    assert plugin.hand_over(course, [result])[0].ok
    assert set(places(course, result).values()) == {(7.0, 14.0)}, "as before the settings, also the due date"


def test_an_extension_holds_before_anything_is_handed_in_and_until_it_is_taken_back(course):
    notebook = answered(release(course))
    (course / "course.toml").write_text(SETTINGS + "extensions.ann.days = 2\n")
    for student in ("ann", "bo"):
        submit(course, student, notebook, time="2026-09-11 11:00:00 UTC")
    results = [by_the_course(course, notebook, student) for student in ("ann", "bo")]
    assert all(done.ok for done in plugin.hand_over(course, results))
    assert [plugin.with_hand_marks(course, r)["score"] for r in results] == [14.0, pytest.approx(12.6)]
    (course / "course.toml").write_text(SETTINGS)
    assert plugin.hand_over(course, results[:1])[0].ok
    assert plugin.with_hand_marks(course, results[0])["score"] == pytest.approx(12.6)


def test_lateness_is_told_before_anything_is_in_the_gradebook(course):
    (course / "course.toml").write_text(SETTINGS)
    notebook = answered(release(course))
    submit(course, "ann", notebook, time=codecs.BOM_UTF8 + b"2026-09-11 13:00:00 +0200")
    result = by_the_course(course, notebook) | {"submission": f"submitted/ann/{ASSIGNMENT}/{NOTEBOOK}.ipynb"}
    whole = plugin.with_hand_marks(course, result)
    assert (whole["score"], whole["lateness"]["handed_in"]) == (pytest.approx(12.6), "2026-09-11T11:00:00Z")


def test_feedback_that_is_held_back_is_not_written(course):
    (course / "course.toml").write_text("[show]\nafter_due = 'nothing'\n")
    notebook = answered(release(course))
    submit(course, "ann", notebook)
    assert plugin.hand_over(course, [by_the_course(course, notebook)])[0].ok
    assert not (course / "feedback").exists()
    (course / "course.toml").write_text("[show]\nafter_due = 'mark'\n")
    assert plugin.hand_over(course, [by_the_course(course, notebook)])[0].ok
    page = (course / "feedback" / "ann" / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()
    assert "Causal" in page or "causal" in page
    assert "It works." not in page, "the checks are not shown"


class StandIn(fake_grading.FakeGrader):
    """The stand-in judge, on the file that was handed in."""

    def result(self, submission, notebook):
        return judged(notebook, submission.student)


def test_a_persons_mark_is_never_entered_as_the_judges(course, monkeypatch):
    from autograder.cli.entry import main
    from autograder.grading import class_run

    monkeypatch.setattr(class_run.grader, "Grader", StandIn)
    released = release(course)
    grade = ["grade", "submitted", "--nbgrader", "--jobs", "1", "--isolation", "none", "--csv", "out.csv"]
    submit(course, "ann", answered(released, 0.5))
    assert main(grade) == 0
    with book(course) as gradebook:
        gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann").manual_score = 1.0
        gradebook.db.commit()
    submit(course, "ann", answered(released))
    assert main(grade) == 0
    assert in_gradebook(course)[1]["test-causal-mask"][0] == 3.0, "the judge's own"
    (row,) = csv.DictReader((course / "out.csv").open())
    assert (float(row["score"]), float(row["causal-mask"])) == (12.0, 1.0)
    with book(course) as gradebook:
        gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann").manual_score = None
        gradebook.db.commit()
    assert main(["grade", "submitted", "--jobs", "1", "--isolation", "none", "--csv", "out.csv"]) == 0
    (row,) = csv.DictReader((course / "out.csv").open())
    assert float(row["score"]) == 14.0 == in_gradebook(course)[0]


class Term(RuleBasedStateMachine):
    """Whatever happens in a term, all places have the same mark, and the judge's own marks are the judge's."""

    @initialize(late=st.booleans())
    def begin(self, late):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        more = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
        self.course = make_course(Path(self.folder.name) / "course", more=more)
        self.released = release(self.course)
        with book(self.course) as gradebook:
            gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-10 12:00:00 UTC")
        self.points = {part.id: part.points for part in PARTS.values()}
        self.time = f"2026-09-{11 if late else 9:02} 12:00:00 UTC"
        self.hand_in(1.0)

    def hand_in(self, share):
        self.share, self.notebook = share, answered(self.released, share)
        submit(self.course, "ann", self.notebook, time=self.time)
        self.grade()

    @rule()
    def grade(self):
        (done,) = plugin.hand_over(self.course, [judged(self.notebook)])
        assert done.ok, done

    @rule(share=st.sampled_from([0.0, 0.5, 1.0]), late=st.booleans())
    def resubmit(self, share, late):
        self.time = f"2026-09-{11 if late else 9:02} 12:00:00 UTC"
        self.hand_in(share)

    @rule(part=st.sampled_from(sorted(PARTS)), mark=st.sampled_from([None, 0.0, 1.0, 2.0]))
    def override(self, part, mark):
        with book(self.course) as gradebook:
            gradebook.find_grade(f"test-{part}", NOTEBOOK, ASSIGNMENT, "ann").manual_score = mark
            gradebook.db.commit()

    @rule()
    def extend(self):
        with book(self.course) as gradebook:
            gradebook.grant_extension(ASSIGNMENT, "ann", days=3)
        self.grade()

    @rule(part=st.sampled_from(sorted(PARTS)), points=st.sampled_from([2, 5, 10]))
    def change_points(self, part, points):
        path = self.course / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
        source = json.loads(path.read_text())
        cell_of(source, f"test-{part}")["metadata"]["nbgrader"]["points"] = points
        path.write_text(json.dumps(source))
        self.released = release(self.course)
        self.points[part] = points
        self.grade()

    @precondition(lambda self: hasattr(self, "course"))
    @rule()
    def autograde(self):
        done = plugin.api_of(self.course).autograde(ASSIGNMENT, "ann", force=True)
        assert done["success"], done

    @invariant()
    def one_truth(self):
        if hasattr(self, "course"):
            said = places(self.course, judged(self.notebook))
            assert len(set(said.values())) == 1, said
            _mark, cells = in_gradebook(self.course)
            assert {name.removeprefix("test-"): score for name, (score, _) in cells.items()} == pytest.approx(
                {part: points * self.share for part, points in self.points.items()}
            )

    def teardown(self):
        os.chdir(ROOT)
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestTerm = Term.TestCase
TestTerm.settings = settings(
    max_examples=int(os.environ.get("TERM_EXAMPLES", "4")), stateful_step_count=6, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate],  # to shrink takes minutes
)  # fmt: skip
