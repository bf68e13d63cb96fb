"""What changed between two gradings, the course's memory of its marks, and its seeds."""

from __future__ import annotations

import copy
import json

import pytest
from support.sample_results import result

from autograder.grading import course_log, saved_results, seeds
from autograder.grading.comparison import REASONS, compare, moved
from autograder.reporting.changes import changes_page
from autograder.settings.types import NO_SETTINGS, CourseSettings

NAME = "self-attention-pytorch"


def graded(student="ann", fail=(), **changes):
    return result(student, fail=fail) | {"content": "c", "seed": 1, "versions": {"judge": "j", "torch": "2"}} | changes


def only(old, new):
    (change,) = compare([old], [new])["changes"]
    return change


def with_part(made, index, **changes):
    made = copy.deepcopy(made)
    made["parts"][index] |= changes
    made["score"] = sum(part["score"] for part in made["parts"])
    return made


def test_a_mark_goes_up_by_another_answer_and_the_person_is_told():
    change = only(graded(fail=["causal-mask"]), graded(content="d"))
    assert (change["direction"], change["reasons"], change["tell"]) == ("up", ["answer"], True)
    (part,) = change["parts"]
    assert (part["id"], part["old"], part["new"], part["reasons"]) == ("causal-mask", 0.0, 3.0, ["answer"])
    assert {(test["old"], test["new"]) for test in part["tests"]} == {("failed", "passed")}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"versions": {"judge": "k", "torch": "2"}}, "test"),
        ({"versions": {"judge": "j", "torch": "3"}}, "versions"),
        ({"seed": 2}, "seed"),
        ({"marking": "strict"}, "marking"),
        ({"limits": {"memory_mb": 1}}, "limits"),
    ],
)
def test_the_reason_is_what_differs(changes, reason):
    change = only(graded(), graded(fail=["causal-mask"], **changes))
    assert (change["direction"], change["reasons"]) == ("down", [reason])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_score": 4.0, "score": 4.0}, "points"),
        ({"score": 1.0, "by_hand": True}, "person"),
        ({"score": 2.0, "accepted": "Accepted"}, "accepted"),
    ],
)
def test_a_part_has_its_own_reason_and_not_the_new_seed(changes, reason):
    old = with_part(graded(), 3, score=1.5)
    assert only(old, with_part(graded(seed=2), 3, **changes))["reasons"] == [reason]


def test_a_void_test_and_lateness_are_reasons():
    old = graded()
    new = copy.deepcopy(old) | {"score": 13.0, "late_penalty": 1.0}
    new["parts"][2]["tests"][0] |= {"void": True, "outcome": "not_run"}
    change = only(old, new)
    assert set(change["reasons"]) == {"test", "late"} and change["parts"][0]["tests"][0]["new"] == "void"


def test_who_stayed_came_went_and_lost_the_mark():
    lost = graded("dee") | {"status": "not_graded", "score": None, "parts": [], "message": "m"}
    old = [graded("ann"), graded("bo"), graded("dee")]
    comparison = compare(old, [graded("ann"), graded("cy"), lost])
    assert comparison["counts"] == {"same": 1, "gone": 1, "new": 1, "lost": 1}
    assert {c["student"] for c in moved(comparison)} == {"bo", "dee"}
    assert [c["student"] for c in comparison["changes"] if c["tell"]] == ["dee"], "who is new has seen no mark"


def test_every_reason_has_words_and_the_page_has_them():
    page = changes_page(compare([graded(fail=["causal-mask"])], [graded(content="d")]))
    assert REASONS["answer"] in page and "ann" in page and "The causal mask" in page and "Who must be told" in page
    assert "No mark has changed." in changes_page(compare([graded()], [graded()]))


# -- the course's memory -----------------------------------------------------------------------------------------------


def test_marks_are_kept_when_they_change_and_merged(tmp_path):
    course_log.remember(tmp_path, [graded("ann"), graded("bo")])
    course_log.remember(tmp_path, [graded("bo")])
    assert len(list((tmp_path / course_log.FOLDER).iterdir())) == 1, "nothing changed"
    course_log.remember(tmp_path, [graded("bo", fail=["causal-mask"])])
    assert len(list((tmp_path / course_log.FOLDER).iterdir())) == 2
    assert {row["student"]: row["score"] for row in course_log.latest(tmp_path)} == {"ann": 14.0, "bo": 11.0}


def test_the_changelog_has_a_line_for_each_key_that_changed(tmp_path):
    def say(raw):
        return course_log.changed_settings(tmp_path, CourseSettings(raw=raw))

    assert say({"language": "en"}) == [] == say({"language": "en"}), "the first time is no change"
    assert say({"late": {"method": "zero"}}) == [
        'course.toml: language: "en" → not set', 'course.toml: late.method: not set → "zero"',
    ]  # fmt: skip
    course_log.note(tmp_path, ["one\nline"])
    course_log.note(tmp_path, ["another"])
    text = (tmp_path / "CHANGELOG.md").read_text()
    assert text.count("# Changes in this course") == 1
    assert [line.split(" UTC: ")[1] for line in text.splitlines() if line.startswith("- ")] == ["one line", "another"]


# -- seeds -------------------------------------------------------------------------------------------------------------


def seed(course, settings=NO_SETTINGS, told=None):
    return seeds.rules_of_run(course, settings, [NAME], told)[NAME].seed


def test_a_course_keeps_its_seed_until_it_is_told_otherwise(tmp_path):
    first = seed(tmp_path)
    assert first == seed(tmp_path) == seeds.known(tmp_path)[NAME]
    assert seed(tmp_path, told=7) == 7 == seed(tmp_path)
    assert seed(tmp_path, NO_SETTINGS.with_rules(NAME, seed=8)) == 8 and seed(tmp_path) == 7


def test_a_course_that_has_results_keeps_their_seed(tmp_path):
    for student, number in (("ann", 4), ("bo", 5), ("cy", 5)):
        path = saved_results.path_of(tmp_path, NAME, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(graded(student, seed=number)))
    assert seed(tmp_path) == 5
