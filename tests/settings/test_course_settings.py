"""`course.toml`: what it may say, what is said of a mistake in it, and what it makes of a result."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.settings import hidden_tests
from autograder.settings.apply import ACCEPTED_BEFORE, counted, shown
from autograder.settings.hidden_tests import HiddenTest
from autograder.settings.places import line_of, lines_of
from autograder.settings.points import Worth, worth_of
from autograder.settings.reading import CourseSettingsError, parse_settings, read_settings
from autograder.settings.template import course_toml
from autograder.settings.types import NO_SETTINGS, CourseSettings, Late
from autograder.settings.writing import add_entry
from course.syllabus import Limits, syllabus

NAME = "self-attention-pytorch"
ONE = syllabus().assignment(NAME)
HEAD = f"[assignments.{NAME}]\n"
TESTS = [
    HiddenTest("test_shapes", "Shapes.", "scaled-dot-product", 1.0),
    HiddenTest("test_values[a batch]", "Values.", "scaled-dot-product", 1.0),
    HiddenTest("test_values[no batch]", "Values.", "scaled-dot-product", 1.0),
    HiddenTest("test_causal_values[two]", "Causal.", "causal-mask", 1.0),
    HiddenTest("test_causal_cost", "Cost.", "causal-mask", 1.0),
]


@pytest.fixture(autouse=True)
def few_tests(monkeypatch):
    """The names of the hidden tests, without the process that collects them."""
    monkeypatch.setattr(hidden_tests, "of", lambda assignment: TESTS)


def parsed(text: str) -> CourseSettings:
    return parse_settings(text.encode(), Path("course.toml"))


def of(text: str):
    return parsed(HEAD + text).of(NAME)


# -- what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("languag = 'en'", 1, "did you mean `language`? Allowed: language, timezone"),
        ("\n[assignments.self-atention-pytorch]", 2, "did you mean self-attention-pytorch"),
        (HEAD + "pionts = 3", 2, "did you mean `points`?"),
        (HEAD + "points = -1", 2, "a number from 0 to 10000, not -1"),
        (HEAD + "\nparts.causal-masc = { points = 3 }", 3, "no part 'causal-masc'; did you mean causal-mask"),
        (HEAD + "parts.causal-mask = { share = 1.5 }", 2, "a number from 0 to 1, such as 0.25 for a quarter, not 1.5"),
        (f"[assignments.{NAME}.parts.causal-mask]\n\nshare = 1.5", 3, "a number from 0 to 1"),
        (HEAD + "parts.causal-mask = { share = 0.7 }\nparts.padding-mask = { share = 0.6 }", 2, "make 1.3"),
        (HEAD + "parts.causal-mask = { share = 0.7, points = 3 }", 2, "not both"),
        (HEAD + "".join(f"parts.{part.id}.drop = true\n" for part in ONE.exercise.parts), 2, "at least one"),
        ("[late]\nper_day = 10", 2, "a share"),
        ("[late]\nmethod = 'per-dya'", 2, "one of none, zero, per-day, not 'per-dya'; did you mean 'per-day'?"),
        ("[show]\nafter_due = 'everything'", 2, "one of nothing, mark, checks, all"),
        ("[limits]\nmemory_mb = 1.5", 2, "a whole number"),
        ("[limits]\nmemory_mb = 0", 2, "above 0"),
        ("[limits]\nmemory_gb = 4", 2, "did you mean `memory_mb`?"),
        ("timezone = 'Copenhagen'", 1, "a name such as Europe/Copenhagen"),
        (HEAD + "due = '2027-02-01'", 2, "a time without quotes"),
        (HEAD + "extensions.ann = { days = 3 }", 2, "say `due` for the assignment"),
        (HEAD + "due = 2027-02-01\nextensions.ann = { }", 3, "`days` or `until`"),
        (HEAD + "due = 2027-02-01\nextensions.ann = { until = 2027-01-01 }", 3, "before the due date"),
        (HEAD + "seed = 'x'", 2, "a whole number"),
        (f"[[assignments.{NAME}.void]]\ntest = 'test_valus'\nwhy = 'x'", 2, "did you mean test_values"),
        (f"[[assignments.{NAME}.void]]\ntest = 'test_values'", 1, "`why` is missing"),
        (
            f"[[assignments.{NAME}.void]]\ntest = 'test_causal_cost'\nwhy = 'x'\n"
            f"[[assignments.{NAME}.void]]\ntest = 'test_causal_values'\nwhy = 'x'", 4, "no test of the part causal",
        ),
        (f"[[assignments.{NAME}.accept]]\nhand_in = 'ann'\n\npart = 'mask'\nwhy = 'x'", 4, "no part 'mask'"),
        ("[late\n", 1, "not valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_line_and_what_is_allowed(text, line, words):
    with pytest.raises(CourseSettingsError) as error:
        parsed(text)
    assert re.match(rf"course\.toml, line {line}: ", str(error.value)), error.value
    assert words in str(error.value)


def test_a_course_without_the_file_has_no_settings_and_a_changed_file_is_read_anew(tmp_path):
    assert read_settings(tmp_path) is NO_SETTINGS
    (tmp_path / "course.toml").write_text("language = 'da'")
    assert read_settings(tmp_path).language == "da"
    (tmp_path / "course.toml").write_text("language = 'en' # again")
    assert read_settings(tmp_path).language == "en"


def test_lines_are_found_in_lists_and_dotted_keys():
    text = "a = 1\n[[x.y]]\nb = 2\n[[x.y]]\nc.d = 3\n[x.y.'e f']\ng = { h = 4 }\n"
    lines = lines_of(text)
    assert line_of(lines, ("x", "y", 0, "b")) == 3
    assert line_of(lines, ("x", "y", 1, "c", "d")) == 5
    assert line_of(lines, ("x", "y", 1, "e f", "g", "h")) == 7, "the nearest thing around it"
    assert line_of(lines, ("nothing",)) is None


# -- what `init` writes ------------------------------------------------------------------------------------------------


def test_init_writes_every_key_and_all_of_them_can_be_uncommented():
    text = course_toml([ONE], "da")
    assert parsed(text).language == "da" and parsed(text).of(NAME) == NO_SETTINGS.of(NAME)
    whole = re.sub(r"(?m)^# (?=[a-z_.-]+ = |\[)", "", text)
    found = parsed(whole)
    own = found.of(NAME)
    assert own.points == 14 and own.rules.seed == 4711 and own.rules.marking == "strict" and own.due is not None
    assert len(own.parts) == 4 and own.void and own.accept and own.extensions["ann"].days == 3
    assert own.late and own.late.method == "per-day" and own.show.before_due == "checks"
    assert set(own.rules.limits) == set(Limits.__dataclass_fields__)
    assert max(map(len, text.splitlines())) <= 120


# -- points ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("", [6, 3, 3, 2]),
        ("points = 28", [12, 6, 6, 4]),
        ("parts.causal-mask.points = 10", [6, 3, 10, 2]),
        ("parts.causal-mask.drop = true", [6, 3, 0, 2]),
        ("parts.causal-mask.drop = true\npoints = 22", [12, 6, 0, 4]),
        ("parts.causal-mask.bonus = true\npoints = 22", [12, 6, 3, 4]),
        ("parts.causal-mask.share = 0.5", [14 / 2 * 6 / 11, 14 / 2 * 3 / 11, 7, 14 / 2 * 2 / 11]),
        ("parts.causal-mask.share = 0.5\npoints = 100", [50 * 6 / 11, 50 * 3 / 11, 50, 50 * 2 / 11]),
    ],
)
def test_points_of_the_parts(text, points):
    worth = worth_of(ONE, of(text))
    assert [one.points for one in worth.values()] == pytest.approx(points, abs=1e-5)


def test_a_bonus_and_a_dropped_part_are_told_apart():
    worth = worth_of(ONE, of("parts.causal-mask.bonus = true\nparts.padding-mask.drop = true"))
    assert worth["causal-mask"] == Worth(3, bonus=True) and worth["padding-mask"] == Worth(0, dropped=True)


# -- what it makes of a result -----------------------------------------------------------------------------------------


def result(**changes):
    def part(name, score, most, **more):
        test = {"name": "test_it", "title": "It works.", "outcome": "passed", "message": "m", "misconception": None,
                "picture": None}  # fmt: skip
        known = {"id": "slip", "title": "A slip", "hint": "h"} if score < most else None
        return {
            "id": name, "symbol": name, "title": name, "score": score, "max_score": most, "misconception": known,
            "misconceptions": [{**known, "weight": "slip", "cost": 0.5}] if known else [], "plain_score": score,
            "tests": [test], **more,
        }  # fmt: skip

    parts = [part("scaled-dot-product", 6.0, 6.0), part("padding-mask", 3.0, 3.0), part("causal-mask", 1.5, 3.0),
             part("combine-masks", 2.0, 2.0)]  # fmt: skip
    return {
        "submission": "ann", "student": "ann", "assignment": NAME, "status": "graded", "message": None, "score": 12.5,
        "max_score": 14.0, "flags": [], "remarks": [], "parts": parts, "content": "c0ffee", "words": {}, **changes,
    }  # fmt: skip


def scores(one):
    return one["score"], one["max_score"], [part["score"] for part in one["parts"]]


def test_points_scale_scores_and_costs():
    made = counted(result(), parsed(HEAD + "parts.causal-mask.points = 6"))
    assert scores(made) == (14.0, 17.0, [6.0, 3.0, 3.0, 2.0])
    assert made["parts"][2]["misconceptions"][0]["cost"] == 1.0 and made["parts"][2]["plain_score"] == 3.0


def test_what_is_not_complete_never_gets_all_points():
    almost = result()
    almost["parts"][2] |= {"score": 2.99}
    assert counted(almost, parsed(HEAD + "parts.causal-mask.points = 1"))["parts"][2]["score"] == 0.99


def test_a_bonus_comes_on_top_and_a_dropped_part_counts_nothing():
    made = counted(result(), parsed(HEAD + "parts.combine-masks.bonus = true\nparts.causal-mask.drop = true"))
    assert scores(made) == (11.0, 9.0, [6.0, 3.0, 0.0, 2.0])
    assert made["parts"][3]["bonus"] and made["parts"][2]["dropped"]


ACCEPT = f"[[assignments.{NAME}.accept]]\nhand_in = 'ann'\npart = 'causal-mask'\nwhy = 'right'\ncontent = '{{}}'"


def test_an_accepted_answer_has_all_points_and_no_mistake():
    made = counted(result(), parsed(ACCEPT.format("c0ffee")))
    assert made["score"] == 14.0 and made["parts"][2]["misconception"] is None
    assert made["parts"][2]["accepted"] == "Accepted by your instructor: right" in made["words"]


def test_a_later_answer_is_judged_and_flagged_and_other_students_are_left_alone():
    settings = parsed(ACCEPT.format("0ther"))
    made = counted(result(), settings)
    assert made["score"] == 12.5 and made["flags"] == [ACCEPTED_BEFORE]
    assert counted(result(student="bo"), settings)["flags"] == []


def test_a_void_test_gives_its_reason():
    voided = result()
    voided["parts"][2]["tests"].append(
        {"name": "test_causal_cost", "title": "t", "outcome": "not_run", "message": "m", "misconception": None,
         "void": True}
    )  # fmt: skip
    settings = parsed(f"[[assignments.{NAME}.void]]\ntest = 'test_causal_cost'\nwhy = 'unclear'")
    made = counted(voided, settings)
    assert made["parts"][2]["tests"][1]["message"] == "This check does not count: unclear"
    assert settings.of(NAME).rules.void == ("test_causal_cost",)


def test_the_result_that_is_given_is_left_as_it_is():
    given = result()
    counted(given, parsed(HEAD + "points = 28"))
    assert given == result()


# -- dates and lateness ------------------------------------------------------------------------------------------------


def test_times_without_a_zone_are_in_the_courses_and_a_date_is_the_end_of_its_day():
    text = "timezone = 'Europe/Copenhagen'\n" + HEAD
    assert parsed(text + "due = 2027-02-01T12:00:00").of(NAME).due == datetime(2027, 2, 1, 11, tzinfo=UTC)
    assert parsed(text + "due = 2027-02-01").of(NAME).due == datetime(2027, 2, 1, 22, 59, 59, tzinfo=UTC)
    assert of("due = 2027-02-01T12:00:00").due == datetime(2027, 2, 1, 12, tzinfo=UTC)


def test_an_extension_is_of_days_or_until_a_time():
    own = of(
        "due = 2027-02-01T12:00:00Z\nextensions.ann.days = 2\n"
        "extensions.bo = { until = 2027-02-08T12:00:00Z, why = 'ill' }"
    )
    assert [own.due_of(who).day for who in ("ann", "bo", "cy")] == [3, 8, 1]


@pytest.mark.parametrize(
    ("late", "seconds", "points"),
    [
        (Late("none"), 1e6, 0), (Late("zero"), 1, 10), (Late("zero"), 0, 0), (Late("per-day", 0.1), 1, 1),
        (Late("per-day", 0.1), 86400, 1), (Late("per-day", 0.1), 86401, 2), (Late("per-day", 0.1, 0.5), 9e6, 5),
        (Late("per-day", 0.1, grace_minutes=15), 900, 0), (Late("per-day", 0.1, grace_minutes=15), 901, 1),
    ],
)  # fmt: skip
def test_what_lateness_costs(late, seconds, points):
    assert late.penalty(10, seconds) == points


@pytest.mark.parametrize(
    ("level", "tests", "message", "parts"),
    [("all", 1, "m", 4), ("checks", 1, None, 4), ("mark", 0, None, 4), ("nothing", 0, None, 0)],
)
def test_what_students_see_before_and_after_their_due_date(level, tests, message, parts):
    settings = parsed(f"[show]\nbefore_due = '{level}'\n{HEAD}due = 2027-02-01\nextensions.ann.days = 2")
    before, after = datetime(2027, 2, 3, tzinfo=UTC), datetime(2027, 2, 5, tzinfo=UTC)
    assert shown(result(), settings, after) == result()
    seen = shown(result(), settings, before)
    assert len(seen["parts"]) == parts
    for part in seen["parts"]:
        assert len(part["tests"]) == tests and all(test["message"] == message for test in part["tests"])
        assert level == "all" or part["misconception"] is None
    assert (seen["score"] is None) == (level == "nothing")


# -- writing -----------------------------------------------------------------------------------------------------------


def test_an_entry_is_added_and_comments_stay(tmp_path):
    pytest.importorskip("tomlkit")
    text = course_toml([ONE, syllabus().assignment("bert-finetuning-pytorch")], "en") + "# mine\n"
    (tmp_path / "course.toml").write_text(text)
    for test in ("test_causal_cost", "test_values[a batch]"):
        settings = add_entry(tmp_path, NAME, "void", {"test": test, "why": 'a "reason"'})
    written = (tmp_path / "course.toml").read_text()
    assert settings == read_settings(tmp_path) and settings.of(NAME).rules.void == (
        "test_values[a batch]", "test_causal_cost",
    )  # fmt: skip
    assert [line for line in text.splitlines() if line not in written.splitlines()] == []


def test_what_is_not_right_is_not_written(tmp_path):
    pytest.importorskip("tomlkit")
    (tmp_path / "course.toml").write_text("language = 'en'  # mine\n")
    with pytest.raises(CourseSettingsError, match="left as it was"):
        add_entry(tmp_path, NAME, "void", {"test": "test_valus", "why": "x"})
    assert (tmp_path / "course.toml").read_text() == "language = 'en'  # mine\n"
    assert add_entry(tmp_path, NAME, "void", {"test": "test_values[a batch]", "why": "x"}).language == "en"
