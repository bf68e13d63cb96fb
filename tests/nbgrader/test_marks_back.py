"""Marks straight from the gradebook into a platform's file, and the class list's people in the gradebook.

The judge is a stand-in (`fake_grading.py`), as in `test_term.py`, whose course is used.
"""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from datetime import timedelta

import pytest

pytest.importorskip("nbgrader")

from nbgrader.api import Gradebook  # noqa: E402
from nbgrader.plugins import CsvExportPlugin  # noqa: E402
from platforms.exports import owned  # noqa: E402
from support.term import (  # noqa: E402
    ASSIGNMENT,
    NOTEBOOK,
    answered,
    book,
    fresh_course,
    judged,
    release,
    stand_in_judge,
    submit,
)

import autograder.nbgrader as plugin  # noqa: E402
from autograder import cli  # noqa: E402
from autograder.grading import saved_results  # noqa: E402
from autograder.submission.known_people import Known, known_people, remember  # noqa: E402
from autograder.submission.owner import Person  # noqa: E402
from autograder.submission.roster import read_roster  # noqa: E402

the_judge = pytest.fixture(scope="module", autouse=True)(stand_in_judge)
course = pytest.fixture(fresh_course)
CLASS = (
    "Fornavn,Efternavn,Id-nummer,E-mail-adresse,Hold\nAnn,Ash,s1,ann@example.org,A\nSøren,Ærø,s2,soren@example.org,A\n"
    "Bo,Li,s3,bo@example.org,B\nCy,Doe,s4,cy@example.org,B\n"
)
WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed\r\n"
    "Participant 11,Ann Ash,ann@example.org,Submitted,,14.00,Yes\r\n"
    "Participant 12,Søren Ærø,soren@example.org,Submitted,,14.00,Yes\r\n"
    "Participant 13,Bo Li,bo@example.org,Submitted,,14.00,Yes\r\n"
    "Participant 14,Cy Doe,cy@example.org,-,,14.00,Yes\r\n"
    "Participant 15,Eve Stranger,eve@example.org,-,,14.00,Yes\r\n"
)


def entered(course, students):
    """The course with hand-ins in its gradebook; a student's share of the points, and when it was handed in."""
    notebook = release(course)
    with book(course) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-10 12:00:00 UTC")
    results = []
    for student, (share, time) in students.items():
        done = answered(notebook, share)
        submit(course, student, done, time=time)
        results.append(judged(done, student))
    assert all(one.ok for one in plugin.hand_over(course, results))
    return results


def exported(course, name=ASSIGNMENT):
    """What `nbgrader export` says: by student, the score after the penalty."""
    plug = CsvExportPlugin()
    plug.to = str(course / "grades.csv")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        plug.export(gradebook)
    with (course / "grades.csv").open(newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file) if row["assignment"] == name}


def filled(course, *arguments):
    (course / "their.csv").write_bytes(b"\xef\xbb\xbf" + WORKSHEET.encode())
    out = course / "out.csv"
    out.unlink(missing_ok=True)
    status = cli.main(
        ["marks", str(course), "--for", "moodle", "--into", str(course / "their.csv"), "--write", str(out), *arguments]
    )
    marks = {row["Full name"]: row["Grade"] for row in csv.DictReader(out.open(encoding="utf-8-sig", newline=""))}
    return status, marks


def with_class(course, text=CLASS):
    (course / "class.csv").write_text(text, encoding="utf-8")
    return read_roster(course / "class.csv")


LATE = (
    "from nbgrader.plugins import BasePlugin\n\nclass Late(BasePlugin):\n"
    "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n        return 1.25\n"
)


def test_hand_marks_extra_points_lateness_and_extensions_are_those_of_nbgraders_own_export(course, capsys):
    (course / "late_term.py").write_text(LATE)
    config = course / "nbgrader_config.py"
    config.write_text(
        config.read_text() + "import sys\nsys.path.insert(0, str(Path(__file__).parent))\n"
        'c.AssignLatePenalties.plugin_class = "late_term.Late"\n'
    )
    before, after = "2026-09-09 12:30:00 UTC", "2026-09-11 12:30:00 UTC"
    release(course)
    with book(course) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-09-10 12:00:00 UTC")
        gradebook.add_student("bo")
    submit(course, "bo", answered(release(course), 0.5), time=after)
    students = {"ann": (1.0, before), "soren": (0.5, after), "bo": (0.5, after)}
    entered(course, students)
    with book(course) as gradebook:  # more time for Bo, and the hand-in marked again
        gradebook.find_submission(ASSIGNMENT, "bo").extension = timedelta(days=3)
        grade = gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann")
        grade.manual_score, grade.needs_manual_grade = 0.5, False
        gradebook.find_grade("test-padding-mask", NOTEBOOK, ASSIGNMENT, "soren").extra_credit = 0.75
        gradebook.db.commit()
    assert plugin.hand_over(course, [judged(answered(release(course), 0.5), "bo")])[0].ok
    sys.modules.pop("late_term", None)
    assert plugin.enter_people(course, [], with_class(course, CLASS.replace("s1", "ann").replace("s2", "soren").replace(
        "s3", "bo"))) == []  # fmt: skip
    theirs = exported(course)
    assert theirs == {"ann": 11.5, "soren": 6.5, "bo": 7.0, "s4": 0.0}, "the class is as it was meant"
    status, marks = filled(course)
    assert {name: float(mark) for name, mark in marks.items() if mark} == {
        "Ann Ash": theirs["ann"], "Søren Ærø": theirs["soren"], "Bo Li": theirs["bo"],
    }  # fmt: skip
    said = " ".join(capsys.readouterr().out.split())
    assert status == 0 and "Nothing was handed in" in said and "Rows without a result (1)" in said


def test_what_a_person_has_still_to_mark_is_not_written(course, capsys):
    entered(course, {"ann": (1.0, None), "bo": (1.0, None)})
    with book(course) as gradebook:
        grade = gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann")
        grade.auto_score, grade.needs_manual_grade = None, True
        gradebook.find_submission(ASSIGNMENT, "bo").student.first_name = "Bo"
        gradebook.find_submission(ASSIGNMENT, "bo").student.last_name = "Li"
        gradebook.find_submission(ASSIGNMENT, "ann").student.email = "ann@example.org"
        gradebook.db.commit()
    _status, marks = filled(course)
    assert {name for name, mark in marks.items() if mark} == {"Bo Li"}
    assert "a person still has to mark" in " ".join(capsys.readouterr().out.split())


def test_the_feedback_zip_has_the_checks_where_they_agree_with_the_gradebook(course, monkeypatch):
    results = entered(course, {"ann": (0.5, None), "soren": (0.5, None)})
    monkeypatch.setattr(
        saved_results, "stored", lambda _course, _assignment, who: {r["student"]: r for r in results}[who]
    )
    plugin.enter_people(course, [], with_class(course, CLASS.replace("s1", "ann").replace("s2", "soren")))
    with book(course) as gradebook:  # a person's mark: the stored result has it too, and goes along
        gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "ann").manual_score = 3
        gradebook.find_grade("test-causal-mask", NOTEBOOK, ASSIGNMENT, "soren").auto_score = 0
        gradebook.db.commit()
    filled(course, "--feedback", str(course / "feedback.zip"))
    with zipfile.ZipFile(course / "feedback.zip") as archive:
        pages = {name.partition("_")[0]: archive.read(name).decode() for name in archive.namelist()}
    assert set(pages) == {"Ann Ash", "Søren Ærø"}
    assert "It is worth 0.5." in pages["Ann Ash"] and "8.5" in pages["Ann Ash"]
    assert "It is worth 0.5." not in pages["Søren Ærø"] and "5.5" in pages["Søren Ærø"], "another grading's checks"


def test_one_of_several_assignments_has_to_be_named_and_a_folder_without_gradebook_is_wrong_use(course, capsys):
    assert cli.main(["marks", str(course / "source"), "--for", "moodle", "--into", "x.csv"]) == 2
    assert "no course folder" in " ".join(capsys.readouterr().err.split())
    entered(course, {"ann": (1.0, None)})
    with book(course) as gradebook:
        gradebook.add_assignment("week-1")
    (course / "their.csv").write_text(WORKSHEET)
    arguments = ["marks", str(course), "--for", "moodle", "--into", str(course / "their.csv")]
    assert cli.main(arguments) == 2
    assert f"{ASSIGNMENT}, week-1" in " ".join(capsys.readouterr().err.split())
    assert cli.main([*arguments, "--assignment", "week-2"]) == 2
    assert cli.main([*arguments, "--assignment", ASSIGNMENT]) == 0


def test_a_number_of_which_nobody_says_what_gave_it_is_nobodys_key_against_the_name(course):
    """Student 12 of the gradebook is not Moodle's participant 12, who has another name."""
    entered(course, {"12": (1.0, None)})
    with book(course) as gradebook:
        gradebook.update_or_create_student("12", first_name="Bo", last_name="Li")
    status, marks = filled(course)
    assert status == 0 and {name for name, mark in marks.items() if mark} == {"Bo Li"}


# -- people -----------------------------------------------------------------------------------------------------------


def people_of(course):
    with book(course) as gradebook:
        return {s.id: (s.first_name, s.last_name, s.email, s.lms_user_id) for s in gradebook.students}


def test_everybody_on_the_class_list_is_in_the_gradebook_once(course):
    results = entered(course, {"Søren Ærø": (1.0, None)})
    results[0]["owner"] = owned("12", "Søren Ærø")["owner"]
    assert plugin.enter_people(course, results, with_class(course)) == []
    wanted = {
        "s1": ("Ann", "Ash", "ann@example.org", None),
        "Søren Ærø": ("Søren", "Ærø", "soren@example.org", "12"),
        "s3": ("Bo", "Li", "bo@example.org", None),
        "s4": ("Cy", "Doe", "cy@example.org", None),
    }
    assert people_of(course) == wanted
    assert plugin.enter_people(course, results, with_class(course)) == [] and people_of(course) == wanted


def test_who_was_entered_by_the_list_and_hands_in_under_another_name_is_one_person(course):
    release(course)
    plugin.enter_people(course, [], with_class(course))
    results = entered(course, {"bo@example.org": (1.0, None)})
    plugin.enter_people(course, results, with_class(course))
    assert set(people_of(course)) == {"s1", "s2", "bo@example.org", "s4"}
    with book(course) as gradebook:  # somebody of the instructor's own is never removed
        gradebook.add_student("own", email="cy@example.org")
    plugin.enter_people(course, results, with_class(course))
    assert {"own"} <= set(people_of(course))


def test_a_name_that_nbgrader_cannot_keep_is_told_with_its_line(course):
    release(course)
    problems = plugin.enter_people(course, [], with_class(course, "name\nA/B\nBo Li\n"))
    assert len(problems) == 1 and "line 2" in problems[0] and set(people_of(course)) == {"Bo Li"}


def test_people_of_a_download_keep_their_folder_and_their_key(course, capsys):
    """Two people of one name, in downloads of two weeks, are never put into one folder."""
    done = json.dumps(answered(release(course))).encode()

    def download(week, *people):
        for name in people:
            place = course / week / f"{name}_assignsubmission_file"
            place.mkdir(parents=True)
            (place / "self-attention.ipynb").write_bytes(done)
        assert cli.main(["collect", str(course / week), "--into", str(course), "--assignment", ASSIGNMENT]) == 0

    download("one", "Jane Doe_1001")
    download("two", "Jane Doe_1002")
    download("three", "Jane Doe_1001", "Jane Doe_1002")
    assert sorted(path.name for path in (course / "submitted").iterdir()) == ["Jane Doe", "Jane Doe (1002)"]
    assert {name: one.key for name, one in known_people(course).items()} == {
        "Jane Doe": "1001",
        "Jane Doe (1002)": "1002",
    }


def test_a_record_that_is_damaged_names_nobody(tmp_path):
    remember(tmp_path, {"ann": Known("moodle", "1", "Ann", (Person("1", "Ann", "a@x"),))})
    assert known_people(tmp_path)["ann"].members[0].email == "a@x"
    (tmp_path / ".autograder" / "people.json").write_text('{"ann": 3}')
    assert known_people(tmp_path) == {}
